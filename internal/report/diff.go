package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/orgsync/orgsync/internal/diff"
	"github.com/orgsync/orgsync/internal/roster"
)

// Diff is what a report tells about a comparison beyond what differs. The people of both are counted.
type Diff struct {
	Run
	// OldFiles are the files of the roster before, and OldPeople how many people they name; Run has those of the one after.
	OldFiles  []string
	OldPeople int
}

// DiffText writes d for a person: the settings with a warning under each that loosens, then everybody who differs, then
// one line that sums it up. Many people with one and the same difference share a line. The error is w's.
func DiffText(w io.Writer, d diff.Difference, width int, colored bool) error {
	out := newPrinter(w, width, colored)
	for _, f := range d.Settings {
		out.wrapped("  ", string(f.Name)+": "+settingWords(f, Clean))
		if f.Loosens {
			out.table([][]cell{{{"warning: " + warning(f), yellow}}}, 0)
		}
	}
	if len(d.Settings) > 0 {
		out.line("")
	}
	var rows [][]cell
	for _, s := range gather(d, Clean) {
		l := diffLooks[s.kind]
		rows = append(rows, []cell{{l.glyph + " " + l.word, l.color}, {text: s.who}, {text: s.words}, {s.source, faint}})
	}
	out.section(rows, 2)
	if len(d.Warnings) > 0 {
		for _, one := range d.Warnings {
			out.table([][]cell{{{warningLine(one), yellow}}}, 0)
		}
		out.line("")
	}
	out.say(summarizeDiff(d))
	return out.flush()
}

// DiffMarkdown writes d for a comment on a pull request, as [PlanMarkdown] does. It writes nothing when nothing differs.
// The error is w's.
func DiffMarkdown(w io.Writer, d diff.Difference) error {
	if len(d.Settings)+len(d.People) == 0 {
		return nil
	}
	var head strings.Builder
	fmt.Fprintf(&head, "### orgsync diff\n\n**%s**\n", summarizeDiff(d))
	var blocks []block
	if len(d.Settings) > 0 {
		var rows []string
		for _, f := range d.Settings {
			rows = append(rows, row(code(string(f.Name), addressWidth), settingWords(f, code)))
			if f.Loosens {
				fmt.Fprintf(&head, "\n**Warning:** %s: %s\n", code(string(f.Name), addressWidth), warning(f))
			}
		}
		blocks = append(blocks, table("#### Settings", rows, "setting", "change"))
	}
	if len(d.Warnings) > 0 {
		blocks = append(blocks, warningTable("#### Warnings", d.Warnings))
	}
	people, rows := gather(d, code), make(map[diff.Kind][]string)
	for _, s := range people {
		rows[s.kind] = append(rows[s.kind], row(s.who, s.words, s.source))
	}
	for _, k := range diff.Kinds {
		if n := d.Count(k); n > 0 {
			blocks = append(blocks, table(fmt.Sprintf("#### %s (%d)", capitalized(diffLooks[k].word), n), rows[k], "person", "what", "entry"))
		}
	}
	return writeMarkdown(w, head.String(), blocks, "")
}

var diffLooks = map[diff.Kind]look{
	diff.Added:   {"+", "added", green},
	diff.Removed: {"-", "removed", red},
	diff.Changed: {"~", "changed", yellow},
	diff.SpellingOnly: {"=", "only respelt", faint},
}

func summarizeDiff(d diff.Difference) string {
	if len(d.Settings)+len(d.People) == 0 {
		return "No differences: " + count(d.Unchanged, "person", "people") + "."
	}
	var counts []string
	for _, k := range diff.Kinds {
		if n := d.Count(k); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, diffLooks[k].word))
		}
	}
	if n := len(d.Settings); n > 0 {
		counts = append(counts, count(n, "setting", "settings"))
	}
	return strings.Join(append(counts, fmt.Sprintf("%d unchanged", d.Unchanged)), ", ") + "."
}

// manyAlike is how many people with one and the same difference share a line.
const manyAlike = 10

// share is a line: whom it is about, and what differs.
type share struct {
	kind               diff.Kind
	who, words, source string
}

// gather gives a line to each person, and one to many who change alike, as by a change of the defaults.
func gather(d diff.Difference, show shower) []share {
	words, alike := make([]string, len(d.People)), make(map[string][]string)
	for i, p := range d.People {
		words[i] = personWords(p, d.Unlisted, show)
		if p.Kind == diff.Changed {
			alike[words[i]] = append(alike[words[i]], p.Email.String())
		}
	}
	var lines []share
	for i, p := range d.People {
		same := alike[words[i]]
		switch {
		case p.Kind != diff.Changed || len(same) < manyAlike:
			who := show(p.Email.String(), addressWidth) + bracketed(show(p.Name, addressWidth))
			lines = append(lines, share{p.Kind, who, words[i], show(p.Source, addressWidth)})
		case same[0] == p.Email.String(): // the first stands for all
			lines = append(lines, share{p.Kind, fmt.Sprintf("%d people: %s", len(same), some(same, show)), words[i], ""})
		}
	}
	return lines
}

// personWords says what differs of p.
func personWords(p diff.Person, unlisted roster.UnlistedPolicy, show shower) string {
	if p.Kind == diff.Removed {
		switch unlisted {
		case roster.UnlistedRemove:
			return "apply would remove them from the organization, unless they are protected"
		case roster.UnlistedSuspend:
			return "apply would suspend them, unless they are protected"
		default:
			return "apply would only report them, and take nothing away"
		}
	}
	words := make([]string, len(p.Fields))
	for i, f := range p.Fields {
		words[i] = fieldWords(f, p.Kind, show)
	}
	return strings.Join(words, "; ")
}

// plurals are how the fields that are lists are called.
var plurals = map[diff.FieldName][2]string{
	diff.Groups:   {"group", "groups"},
	diff.Roles:    {"role", "roles"},
	diff.Policies: {"policy", "policies"},
	diff.Aliases:  {"alias", "aliases"},
}

func fieldWords(f diff.Field, kind diff.Kind, show shower) string {
	from, to := show(f.From, addressWidth), show(f.To, addressWidth)
	switch f.Name {
	case diff.Email:
		return "invited at this address instead of " + from
	case diff.Spelling:
		return "spelt " + to + " instead of " + from
	case diff.APIEnabled:
		return apiWords(f, kind)
	case diff.Until:
		return either(from, to, "until "+to, "no longer ends (was until "+from+")", "until "+to+" instead of "+from)
	case diff.External:
		return either(from, to, "outside the allowed domains on purpose", "no longer outside the allowed domains on purpose", "")
	case diff.Name:
		return either(from, to, "name "+to, "no name (was "+from+")", "name "+to+" instead of "+from)
	case diff.Note:
		return either(from, to, "note "+to, "no note (was "+from+")", "note "+to+" instead of "+from)
	default:
		return listWords(f, kind, show)
	}
}

// listWords is fieldWords for what is a list.
func listWords(f diff.Field, kind diff.Kind, show shower) string {
	one, many := plurals[f.Name][0], plurals[f.Name][1]
	switch {
	case f.Managing != nil && !*f.Managing:
		return many + " are no longer managed, and stay as they are"
	case f.Managing != nil && len(f.Added) == 0:
		return many + " are managed from now on: none"
	case f.Managing != nil:
		return many + " are managed from now on: " + some(f.Added, show)
	case kind == diff.Added && len(f.Added) == 0:
		return "no " + many
	case kind == diff.Added:
		return numbered(f.Added, one, many) + " " + some(f.Added, show)
	}
	var words []string
	if len(f.Added) > 0 {
		words = append(words, "gains the "+numbered(f.Added, one, many)+" "+some(f.Added, show))
	}
	if len(f.Removed) > 0 {
		words = append(words, "loses the "+numbered(f.Removed, one, many)+" "+some(f.Removed, show))
	}
	return strings.Join(words, "; ")
}

func apiWords(f diff.Field, kind diff.Kind) string {
	has := f.To == "true"
	switch {
	case f.To == "":
		return "API access is no longer managed, and stays as it is"
	case kind == diff.Added && has:
		return "with API access"
	case kind == diff.Added:
		return "without API access"
	case f.From == "" && has:
		return "API access is managed from now on: given"
	case f.From == "":
		return "API access is managed from now on: not given"
	case has:
		return "gains API access"
	}
	return "loses API access"
}

// either picks the words for a value that comes, goes, or becomes another.
func either(from, to, comes, goes, becomes string) string {
	switch {
	case from == "":
		return comes
	case to == "":
		return goes
	}
	return becomes
}

func settingWords(f diff.Field, show shower) string {
	if len(f.Removed)+len(f.Added) == 0 {
		from, to := show(f.From, addressWidth), show(f.To, addressWidth)
		return either(from, to, to+", which was not set", "not set, which was "+from, to+" instead of "+from)
	}
	var words []string
	if len(f.Added) > 0 {
		words = append(words, "gains "+some(f.Added, show))
	}
	if len(f.Removed) > 0 {
		words = append(words, "loses "+some(f.Removed, show))
	}
	return strings.Join(words, "; ")
}

// warning says what a setting that loosens allows.
func warning(f diff.Field) string {
	switch f.Name {
	case diff.Organization:
		if f.To == "" {
			return "nothing keeps orgsync from acting on another organization"
		}
		return "orgsync would act on another organization"
	case diff.Unlisted:
		if f.To == string(roster.UnlistedRemove) {
			return "people who are not in the roster would be removed from the organization"
		}
		return "people who are not in the roster would be suspended"
	case diff.ExtraAccess:
		return "access that people have beyond the roster would be taken away"
	case diff.MaxInvites:
		return "one run may send more mails"
	case diff.MaxRemovals:
		return "one run may suspend or remove more people"
	case diff.MaxRevokes:
		return "one run may take more access from members"
	case diff.UnlistedAfter:
		return "people who are not in the roster may be suspended or removed sooner"
	case diff.HiddenMembers:
		return "people whose membership the key cannot see get an invitation mail, even if they are members"
	case diff.ReinviteRounds:
		return "people who never answer get more mails"
	case diff.Protected:
		return "who is no longer protected may be suspended, removed or revoked"
	case diff.AllowedDomains:
		return "people of more mail domains may be invited"
	default:
		return "a run may do more than before"
	}
}

func numbered(list []string, one, many string) string {
	if len(list) == 1 {
		return one
	}
	return many
}
