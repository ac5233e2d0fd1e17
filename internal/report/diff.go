package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/orgsync/orgsync/internal/diff"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// Diff holds what a report says about a comparison beyond the differences.
type Diff struct {
	Run
	// OldFiles are the files of the old roster, OldPeople how many people it has, and OldTeams how
	// many teams. Run holds those of the new roster.
	OldFiles            []string
	OldPeople, OldTeams int
}

// DiffText writes d for a person to read: the settings, with a warning under each change that
// loosens a limit; then the people who differ, and one line that sums up. People who have the same
// difference share a line when they are many. The error is w's.
func DiffText(w io.Writer, d diff.Difference, width int, colored bool) error {
	out := newPrinter(w, width, colored)
	for _, f := range d.Settings {
		out.wrapped("  ", string(f.Name)+": "+settingText(f, Clean))
		if f.Loosens {
			out.table([][]cell{{{"warning: " + looseningText(f), yellow}}}, 0)
		}
	}
	if len(d.Settings) > 0 {
		out.line("")
	}
	var rows [][]cell
	for _, s := range groupLines(d, Clean) {
		l := diffStyles[s.kind]
		rows = append(rows, []cell{{l.glyph + " " + l.word, l.color}, {text: s.who}, {text: s.words}, {s.source, faint}})
	}
	out.section(rows, 2)
	for _, t := range d.Teams {
		out.wrapped("  ", teamText(t, Clean))
	}
	if len(d.Teams) > 0 {
		out.line("")
	}
	if len(d.Warnings) > 0 {
		for _, one := range d.Warnings {
			out.table([][]cell{{{warningLine(one), yellow}}}, 0)
		}
		out.line("")
	}
	out.paragraph(summarizeDiff(d))
	return out.flush()
}

// DiffMarkdown writes d for a comment on a pull request, as [PlanMarkdown] does. It writes nothing
// when nothing differs. The error is w's.
func DiffMarkdown(w io.Writer, d diff.Difference) error {
	if len(d.Settings)+len(d.People)+len(d.Teams) == 0 {
		return nil
	}
	var head strings.Builder
	fmt.Fprintf(&head, "### orgsync diff\n\n**%s**\n", summarizeDiff(d))
	var blocks []block
	if len(d.Settings) > 0 {
		var rows []string
		for _, f := range d.Settings {
			rows = append(rows, markdownRow(code(string(f.Name), addressWidth), settingText(f, code)))
			if f.Loosens {
				fmt.Fprintf(&head, "\n**Warning:** %s: %s\n", code(string(f.Name), addressWidth), looseningText(f))
			}
		}
		blocks = append(blocks, table("#### Settings", rows, "setting", "change"))
	}
	if len(d.Warnings) > 0 {
		blocks = append(blocks, warningTable("#### Warnings", d.Warnings))
	}
	people, rows := groupLines(d, code), make(map[diff.Kind][]string)
	for _, s := range people {
		rows[s.kind] = append(rows[s.kind], markdownRow(s.who, s.words, s.source))
	}
	for _, k := range diff.Kinds {
		if n := d.Count(k); n > 0 {
			blocks = append(blocks, table(fmt.Sprintf("#### %s (%d)", capitalize(diffStyles[k].word), n), rows[k], "person",
				"what", "entry"))
		}
	}
	if len(d.Teams) > 0 {
		var rows []string
		for _, t := range d.Teams {
			rows = append(rows, markdownRow(code(t.Name, addressWidth), teamChanges(t, code), code(t.Source, addressWidth)))
		}
		blocks = append(blocks, table("#### Teams", rows, "team", "change", "place"))
	}
	return writeMarkdown(w, head.String(), blocks, "")
}

// teamText returns the name of t and how it differs, as in "billing: + ada@example.com, - bob@example.com".
func teamText(t diff.Team, escape escaper) string {
	return escape(t.Name, addressWidth) + ": " + teamChanges(t, escape)
}

// teamChanges returns how t differs.
func teamChanges(t diff.Team, escape escaper) string {
	var words []string
	switch t.Kind {
	case diff.Added:
		words = append(words, "new team")
	case diff.Removed:
		words = append(words, "no longer a team")
	default:
	}
	var members []string
	for _, one := range []struct {
		sign   string
		people []org.Address
	}{{"+ ", t.Joined}, {"- ", t.Left}} {
		if len(one.people) >= minSharedLine {
			members = append(members, one.sign+pluralize(len(one.people), "person", "people"))
			continue
		}
		for _, a := range one.people {
			members = append(members, one.sign+escape(a.String(), addressWidth))
		}
	}
	if len(members) > 0 {
		words = append(words, strings.Join(members, ", "))
	}
	for _, f := range t.Fields {
		words = append(words, fieldText(f, t.Kind, escape))
	}
	return strings.Join(words, "; ")
}

var diffStyles = map[diff.Kind]actionStyle{
	diff.Added:        {"+", "added", green},
	diff.Removed:      {"-", "removed", red},
	diff.Changed:      {"~", "changed", yellow},
	diff.SpellingOnly: {"=", "respelled", faint},
}

func summarizeDiff(d diff.Difference) string {
	if len(d.Settings)+len(d.People)+len(d.Teams) == 0 {
		return "No differences: " + pluralize(d.Unchanged, "person", "people") + "."
	}
	var counts []string
	for _, k := range diff.Kinds {
		if n := d.Count(k); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, diffStyles[k].word))
		}
	}
	if n := len(d.Teams); n > 0 {
		counts = append(counts, pluralize(n, "team", "teams"))
	}
	if n := len(d.Settings); n > 0 {
		counts = append(counts, pluralize(n, "setting", "settings"))
	}
	return strings.Join(append(counts, fmt.Sprintf("%d unchanged", d.Unchanged)), ", ") + "."
}

// minSharedLine is how many people must have the same difference to share a line.
const minSharedLine = 10

// diffLine is a line of the comparison: who differs, and how.
type diffLine struct {
	kind               diff.Kind
	who, words, source string
}

// groupLines returns a line for each person, and one line for many people who change in the same
// way, as after a change of the defaults.
func groupLines(d diff.Difference, escape escaper) []diffLine {
	words, alike := make([]string, len(d.People)), make(map[string][]string)
	for i, p := range d.People {
		words[i] = personText(p, d.Unlisted, escape)
		if p.Kind == diff.Changed {
			alike[words[i]] = append(alike[words[i]], p.Email.String())
		}
	}
	var lines []diffLine
	for i, p := range d.People {
		same := alike[words[i]]
		switch {
		case p.Kind != diff.Changed || len(same) < minSharedLine:
			who := escape(p.Email.String(), addressWidth) + parenthesize(escape(p.Name, addressWidth))
			lines = append(lines, diffLine{p.Kind, who, words[i], escape(p.Source, addressWidth)})
		case same[0] == p.Email.String(): // the first of them gets the shared line
			lines = append(lines, diffLine{p.Kind, fmt.Sprintf("%d people: %s", len(same), summarizeList(same, escape)),
				words[i], ""})
		}
	}
	return lines
}

// personText returns how p differs.
func personText(p diff.Person, unlisted roster.UnlistedPolicy, escape escaper) string {
	if p.Kind == diff.Removed {
		switch unlisted {
		case roster.UnlistedRemove:
			return "apply would remove them from the organization, unless they are protected"
		case roster.UnlistedSuspend:
			return "apply would suspend them, unless they are protected"
		default:
			return "apply would only report them"
		}
	}
	words := make([]string, len(p.Fields))
	for i, f := range p.Fields {
		words[i] = fieldText(f, p.Kind, escape)
	}
	return strings.Join(words, "; ")
}

// plurals are the singular and plural names of the fields that are lists.
var plurals = map[diff.FieldName][2]string{
	diff.Groups:   {"group", "groups"},
	diff.Roles:    {"role", "roles"},
	diff.Policies: {"policy", "policies"},
	diff.Teams:    {"team", "teams"},
	diff.Aliases:  {"alias", "aliases"},
}

// fieldText returns how the field f differs, for a person who was added or changed.
func fieldText(f diff.Field, kind diff.Kind, escape escaper) string {
	from, to := escape(f.From, addressWidth), escape(f.To, addressWidth)
	if f.Team != "" {
		name := f
		name.Team = ""
		return fieldText(name, kind, escape) + " in the team " + escape(f.Team, addressWidth)
	}
	switch f.Name {
	case diff.Description:
		return textForChange(from, to, "description "+to, "no description (was "+from+")",
			"description "+to+" instead of "+from)
	case diff.Email:
		return "invited at this address instead of " + from
	case diff.Spelling:
		return "written " + to + " instead of " + from
	case diff.APIEnabled:
		return apiAccessText(f, kind)
	case diff.Until:
		return textForChange(from, to, "until "+to, "no longer ends (was until "+from+")", "until "+to+" instead of "+from)
	case diff.External:
		return textForChange(from, to, "outside the allowed domains on purpose",
			"no longer outside the allowed domains on purpose", "")
	case diff.Name:
		return textForChange(from, to, "name "+to, "no name (was "+from+")", "name "+to+" instead of "+from)
	case diff.Note:
		return textForChange(from, to, "note "+to, "no note (was "+from+")", "note "+to+" instead of "+from)
	default:
		return listText(f, kind, escape)
	}
}

// listText is fieldText for a field that is a list.
func listText(f diff.Field, kind diff.Kind, escape escaper) string {
	one, many := plurals[f.Name][0], plurals[f.Name][1]
	switch {
	case f.Managing != nil && !*f.Managing:
		return many + " are no longer managed, and stay as they are"
	case f.Managing != nil && len(f.Added) == 0:
		return many + " are managed from now on: none"
	case f.Managing != nil:
		return many + " are managed from now on: " + summarizeList(f.Added, escape)
	case kind == diff.Added && len(f.Added) == 0:
		return "no " + many
	case kind == diff.Added:
		return singularOrPlural(f.Added, one, many) + " " + summarizeList(f.Added, escape)
	}
	gains, loses := "gains", "loses"
	if f.Name == diff.Teams {
		gains, loses = "joins", "leaves"
	}
	var words []string
	if len(f.Added) > 0 {
		words = append(words, gains+" the "+singularOrPlural(f.Added, one, many)+" "+summarizeList(f.Added, escape))
	}
	if len(f.Removed) > 0 {
		words = append(words, loses+" the "+singularOrPlural(f.Removed, one, many)+" "+summarizeList(f.Removed, escape))
	}
	return strings.Join(words, "; ")
}

// apiAccessText is fieldText for API access.
func apiAccessText(f diff.Field, kind diff.Kind) string {
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

// textForChange returns comes for a value that was added, goes for one that was removed, and
// becomes for one that was replaced.
func textForChange(from, to, comes, goes, becomes string) string {
	switch {
	case from == "":
		return comes
	case to == "":
		return goes
	}
	return becomes
}

// settingText returns how the setting f differs.
func settingText(f diff.Field, escape escaper) string {
	if len(f.Removed)+len(f.Added) == 0 {
		from, to := escape(f.From, addressWidth), escape(f.To, addressWidth)
		return textForChange(from, to, to+" (was not set)", "not set (was "+from+")", to+" (was "+from+")")
	}
	var words []string
	if len(f.Added) > 0 {
		words = append(words, "gains "+summarizeList(f.Added, escape))
	}
	if len(f.Removed) > 0 {
		words = append(words, "loses "+summarizeList(f.Removed, escape))
	}
	return strings.Join(words, "; ")
}

// looseningText returns what is allowed by a setting that became looser.
func looseningText(f diff.Field) string {
	switch f.Name {
	case diff.Organization:
		if f.To == "" {
			return "nothing keeps orgsync from acting on another organization"
		}
		return "orgsync would act on another organization"
	case diff.State:
		return "a run knows only what is in the ledger there: people whom earlier runs mailed may be mailed again"
	case diff.Unlisted:
		if f.To == string(roster.UnlistedRemove) {
			return "people who are not in the roster would be removed from the organization"
		}
		return "people who are not in the roster would be suspended"
	case diff.ExtraAccess:
		return "access that the roster does not give would be revoked"
	case diff.MaxInvites:
		return "one run may send more invitation mails"
	case diff.MaxRemovals:
		return "one run may suspend or remove more people"
	case diff.MaxRevokes:
		return "one run may take more access from members"
	case diff.UnlistedAfter:
		return "people who are not in the roster may be suspended or removed sooner"
	case diff.HiddenMembers:
		return "people whose membership the key cannot see get an invitation mail, even if they are members"
	case diff.ReinviteRounds:
		return "people who never answer get more invitation mails"
	case diff.Protected:
		return "people who are no longer protected may be suspended or removed, or lose access"
	case diff.AllowedDomains:
		return "people in more mail domains may be invited"
	default:
		return "a run may do more than before"
	}
}

// singularOrPlural returns one for a list with one element, and many for any other.
func singularOrPlural(list []string, one, many string) string {
	if len(list) == 1 {
		return one
	}
	return many
}
