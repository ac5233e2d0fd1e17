package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/orgsync/orgsync/internal/diff"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/roster"
)

// DiffDocument returns a document about d. It has the changes of settings, with a warning for each
// change that loosens a limit, then the people and teams that differ, the warnings and a summary. If
// many people have the same difference, they share a row.
func DiffDocument(d diff.Difference) document.Document {
	// Warnings about the new roster alone need no comment on a pull request.
	doc := document.Document{Title: "orgsync diff", Summary: summarizeDiff(d),
		Unneeded: len(d.Settings)+len(d.People)+len(d.Teams) == 0}
	if len(d.Settings) > 0 {
		doc.Blocks = append(doc.Blocks, document.Section{Title: "Settings",
			Blocks: []document.Block{settingsTable(d.Settings)}})
	}
	if len(d.People) > 0 {
		doc.Blocks = append(doc.Blocks, differencesTable(d))
	}
	if len(d.Teams) > 0 {
		doc.Blocks = append(doc.Blocks, document.Section{Title: "Teams", Blocks: []document.Block{teamsTable(d)}})
	}
	if len(d.Warnings) > 0 {
		doc.Blocks = append(doc.Blocks, document.Section{Title: "Warnings",
			Blocks: []document.Block{document.Problems{List: d.Warnings, Warning: true}}})
	}
	return doc
}

func settingsTable(settings []diff.Field) document.Table {
	t := document.Table{Columns: []document.Column{{Head: "setting"}, {Head: "change"}, {Head: "warning", Prose: true}}}
	for _, f := range settings {
		warning := document.Cell{Color: document.Yellow}
		if f.Loosens {
			warning.Text = "warning: " + looseningText(f)
		}
		name := document.Cell{Text: document.MarkName(string(f.Name))}
		t.Rows = append(t.Rows, document.Row{Cells: []document.Cell{name, {Text: settingText(f)}, warning}})
	}
	return t
}

// differencesTable returns a table with a row for each person who differs. Many people who change in
// the same way, for example because the defaults changed, share a row.
func differencesTable(d diff.Difference) document.Table {
	t := document.Table{Columns: []document.Column{
		{Head: "change"}, {Head: "person"}, {Head: "what", Prose: true}, {Head: "entry", Drop: 1},
	}}
	for _, k := range diff.Kinds {
		t.Groups = append(t.Groups, document.Capitalize(diffStyles[k].word))
	}
	words, alike := make([]string, len(d.People)), make(map[string][]string)
	for i, p := range d.People {
		words[i] = personText(p, d)
		if p.Kind == diff.Changed {
			alike[words[i]] = append(alike[words[i]], p.Email.String())
		}
	}
	for i, p := range d.People {
		who := document.MarkName(p.Email.String()) + document.Parenthesize(document.MarkName(p.Name))
		source, people := p.Source, 1
		if same := alike[words[i]]; p.Kind == diff.Changed && len(same) >= minShared {
			if same[0] != p.Email.String() {
				continue // the shared row is in the place of the first of these people
			}
			who, source, people = fmt.Sprintf("%d people: %s", len(same), summarizeList(same)), "", len(same)
		}
		style := diffStyles[p.Kind]
		t.Rows = append(t.Rows, document.Row{Group: document.Capitalize(style.word), People: people, Cells: []document.Cell{
			{Text: style.word, Glyph: style.glyph, Color: style.color}, {Text: who}, {Text: words[i]},
			{Text: document.MarkName(source), Color: document.Faint},
		}})
	}
	return t
}

// teamsTable returns a table with a row for each team that differs, as in
// "billing  + ada@example.com, - bob@example.com".
func teamsTable(d diff.Difference) document.Table {
	t := document.Table{Columns: []document.Column{{Head: "team"}, {Head: "change", Prose: true},
		{Head: "place", Drop: 1}}}
	for _, team := range d.Teams {
		t.Rows = append(t.Rows, document.Row{Cells: []document.Cell{
			{Text: document.MarkName(team.Name)}, {Text: teamChanges(team, d.MayBePart)},
			{Text: document.MarkName(team.Source), Color: document.Faint},
		}})
	}
	return t
}

// teamChanges returns a text about the differences of t. mayBePart is that of the difference of the
// rosters.
func teamChanges(t diff.Team, mayBePart bool) string {
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
		if len(one.people) >= minShared {
			members = append(members, one.sign+document.Pluralize(len(one.people), "person", "people"))
			continue
		}
		for _, a := range one.people {
			members = append(members, one.sign+document.MarkName(a.String()))
		}
	}
	if len(members) > 0 {
		words = append(words, strings.Join(members, ", "))
	}
	for _, f := range t.Fields {
		words = append(words, fieldText(f, t.Kind)+keptText(f, mayBePart)+firstNamedText(f))
	}
	return strings.Join(words, "; ")
}

var diffStyles = map[diff.Kind]actionStyle{
	diff.Added:        {glyph: '+', word: "added", color: document.Green},
	diff.Removed:      {glyph: '-', word: "removed", color: document.Red},
	diff.Changed:      {glyph: '~', word: "changed", color: document.Yellow},
	diff.SpellingOnly: {glyph: '=', word: "respelled", color: document.Faint},
}

func summarizeDiff(d diff.Difference) string {
	if len(d.Settings)+len(d.People)+len(d.Teams) == 0 {
		return "No differences: " + document.Pluralize(d.Unchanged, "person", "people") + "."
	}
	var counts []string
	for _, k := range diff.Kinds {
		if n := d.Count(k); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, diffStyles[k].word))
		}
	}
	settings := ""
	if n := len(d.Settings); n > 0 {
		settings = document.Pluralize(n, "setting", "settings") + " changed. "
	}
	if n := len(d.Teams); n > 0 {
		settings += document.Pluralize(n, "team", "teams") + " changed. "
	}
	return settings + "People: " + strings.Join(append(counts, fmt.Sprintf("%d unchanged", d.Unchanged)), ", ") + "."
}

// minShared is the minimum number of people with the same difference who share a row.
const minShared = 10

// personText returns a text about the differences of p or, if p is removed, about the consequence. d is
// the difference of the rosters.
func personText(p diff.Person, d diff.Difference) string {
	dropped := droppedText(p, d.Unlisted)
	if p.Kind == diff.Removed {
		switch {
		case !p.AliasOf.IsZero():
			text := "is now an alias of " + document.MarkName(p.AliasOf.String())
			return strings.TrimSuffix(text+"; "+dropped, "; ")
		case dropped != "":
			return dropped
		case p.Protected:
			return "apply would only report them: they are protected"
		case d.Unlisted == roster.UnlistedRemove:
			return "apply would remove them from the organization"
		case d.Unlisted == roster.UnlistedSuspend:
			return "apply would suspend them"
		case d.MayBePart:
			return "apply would only report them, unless another file of the roster sets unlisted"
		default:
			return "apply would only report them"
		}
	}
	var words []string
	lastEnd := -1 // the index of the last field with a last day
	for i, f := range p.Fields {
		if f.Name == diff.Until || len(f.Ends) > 0 {
			lastEnd = i
		}
	}
	for i, f := range p.Fields {
		hasText := f.Name != diff.Until && (f.ManagedNow != nil || len(f.Ends) == 0 || len(f.Removed)+len(f.Added) > 0)
		if hasText {
			words = append(words, fieldText(f, p.Kind)+keptText(f, d.MayBePart)+firstNamedText(f))
		}
		if i == lastEnd {
			words = append(words, endTexts(p.Fields)...)
		}
	}
	if other := document.MarkName(p.SameName.String()); other != "" {
		words = append(words, sameNameText(other))
	}
	if p.Unprotected {
		words = append(words, "is no longer protected")
	}
	if dropped != "" {
		words = append(words, dropped)
	}
	return strings.Join(words, "; ")
}

// droppedText returns a text about users who have an address that p loses; "" if the policy only reports them.
func droppedText(p diff.Person, policy roster.UnlistedPolicy) string {
	verb := unlistedVerbs[policy]
	if verb == "" || len(p.Dropped) == 0 {
		return ""
	}
	return "apply would " + verb + " a user with the address " +
		summarizeList(document.Map(p.Dropped, org.Address.String))
}

// unlistedVerbs say what a run does with users who are not in the roster, if it does more than report them.
var unlistedVerbs = map[roster.UnlistedPolicy]string{roster.UnlistedRemove: "remove", roster.UnlistedSuspend: "suspend"}

// plurals are the singular and plural names of the fields that are lists.
var plurals = map[diff.FieldName][2]string{
	diff.Groups:   {"group", "groups"},
	diff.Roles:    {"role", "roles"},
	diff.Policies: {"policy", "policies"},
	diff.Teams:    {"team", "teams"},
	diff.Aliases:  {"alias", "aliases"},
}

// endTexts returns a text about each difference between last days in fields. Everything of a person
// that has the same difference is in one text, as in "until 2027-03-31 with the group vpn and in the
// organization".
func endTexts(fields []diff.Field) []string {
	type change struct{ from, to string }
	var changes []change
	names := make(map[change]map[diff.FieldName][]string) // the name of the organization is ""
	add := func(c change, field diff.FieldName, name string) {
		if names[c] == nil {
			names[c] = make(map[diff.FieldName][]string)
			changes = append(changes, c)
		}
		names[c][field] = append(names[c][field], name)
	}
	for _, f := range fields {
		for _, end := range f.Ends {
			add(change{end.From, end.To}, f.Name, end.Name)
		}
		switch {
		case f.Name == diff.Until && f.Team != "":
			add(change{f.From, f.To}, diff.Teams, f.Team)
		case f.Name == diff.Until:
			add(change{f.From, f.To}, diff.Until, "")
		}
	}
	isLone := len(changes) == 1 && len(names[changes[0]]) == 1
	return document.Map(changes, func(c change) string {
		from, to := document.MarkName(c.from), document.MarkName(c.to)
		text := textForChange(from, to, "until "+to, "no last day any more (was "+from+")", "until "+to+" instead of "+from)
		var places []string
		for _, field := range []diff.FieldName{diff.Groups, diff.Roles, diff.Policies, diff.Teams, diff.Aliases} {
			preposition := "with the "
			if field == diff.Teams {
				preposition = "in the "
			}
			if list := names[c][field]; len(list) > 0 {
				word := document.SingularOrPlural(len(list), plurals[field][0], plurals[field][1])
				places = append(places, preposition+word+" "+summarizeList(list))
			}
		}
		if isOrganization := len(names[c][diff.Until]) > 0; isOrganization && isLone {
			return text // nothing else has a last day here, so it can only be this one
		} else if isOrganization {
			places = append(places, "in the organization")
		}
		return text + " " + printable.JoinAnd(places)
	})
}

// fieldText returns a text about the difference f of a person or team. kind is the difference of the
// person or team: Added or Changed. The texts about last days are those of [endTexts].
func fieldText(f diff.Field, kind diff.Kind) string {
	from, to := document.MarkName(f.From), document.MarkName(f.To)
	if f.Team != "" {
		name := f
		name.Team = ""
		return fieldText(name, kind) + " in the team " + document.MarkName(f.Team)
	}
	switch f.Name {
	case diff.Description, diff.Name, diff.Note:
		name := string(f.Name)
		return textForChange(from, to, name+" "+to, "no "+name+" (was "+from+")", name+" "+to+" instead of "+from)
	case diff.Email:
		return "invited at this address instead of " + from
	case diff.Spelling:
		return "written " + to + " instead of " + from
	case diff.APIEnabled:
		return apiAccessText(f, kind)
	case diff.From:
		return textForChange(from, to, "not invited before "+to, "invited at once (was from "+from+")",
			"first day "+to+" instead of "+from)
	case diff.External:
		return textForChange(from, to, "address outside allowed_domains is allowed",
			"address outside allowed_domains is no longer allowed", "")
	default:
		return listText(f, kind)
	}
}

// listText is like fieldText, for a field that is a list.
func listText(f diff.Field, kind diff.Kind) string {
	many := plurals[f.Name][1]
	switch {
	case f.ManagedNow != nil && !*f.ManagedNow:
		return many + " are no longer managed, and stay as they are"
	case f.ManagedNow != nil && len(f.Added) == 0:
		return many + " are managed from now on: no " + many
	case f.ManagedNow != nil:
		return many + " are managed from now on: the " + singularOrPlural(f, f.Added) + " " +
			summarizeList(f.Added)
	case kind == diff.Added && len(f.Added) == 0:
		return "no " + many
	case kind == diff.Added:
		return singularOrPlural(f, f.Added) + " " + summarizeList(f.Added)
	}
	gains, loses := "gains", "loses"
	if f.Name == diff.Teams {
		gains, loses = "joins", "leaves"
	}
	var words []string
	if len(f.Added) > 0 {
		words = append(words, gains+" the "+singularOrPlural(f, f.Added)+" "+summarizeList(f.Added))
	}
	if len(f.Removed) > 0 {
		words = append(words, loses+" the "+singularOrPlural(f, f.Removed)+" "+summarizeList(f.Removed))
	}
	return strings.Join(words, "; ")
}

// keptText returns a remark, for the end of the text about f, about access that a run would not take
// away; "" if a run would take all of it away.
func keptText(f diff.Field, mayBePart bool) string {
	if f.KeptBecause == "" {
		return ""
	}
	pronoun := "it" // API access has no elements
	if len(f.Kept) > 1 {
		pronoun = "them"
	}
	what := pronoun
	if len(f.Kept) < len(f.Removed) {
		what = "the " + singularOrPlural(f, f.Kept) + " " + summarizeList(f.Kept)
	}
	text := "apply would not take " + what + " away"
	switch {
	case f.KeptBecause == diff.KeptProtected:
		text += ": the person is protected"
	case f.KeptBecause == diff.KeptUnnamed:
		text += ": the new roster names " + pronoun + " nowhere"
	case mayBePart:
		text += ", unless another file of the roster sets extra_access"
	default:
		text += ": extra_access is report"
	}
	return " (" + text + ")"
}

// firstNamedText returns a remark, for the end of the text about f, about access that a run would take from other
// people; "" if there is none.
func firstNamedText(f diff.Field) string {
	if len(f.FirstNamed) == 0 {
		return ""
	}
	pronoun := document.SingularOrPlural(len(f.FirstNamed), "it", "them")
	return " (apply would take the " + singularOrPlural(f, f.FirstNamed) + " " + summarizeList(f.FirstNamed) +
		" from others who have " + pronoun + ": the old roster names " + pronoun + " nowhere)"
}

// singularOrPlural returns the word for some elements of the list f, such as "group" or "groups".
func singularOrPlural(f diff.Field, elements []string) string {
	return document.SingularOrPlural(len(elements), plurals[f.Name][0], plurals[f.Name][1])
}

// apiAccessText is like fieldText, for API access.
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
		return "API access is managed from now on, and is given"
	case f.From == "":
		return "API access is managed from now on, and is not given"
	case has:
		return "gains API access"
	}
	return "loses API access"
}

// textForChange returns added if from is "", removed if to is "", and replaced otherwise.
func textForChange(from, to, added, removed, replaced string) string {
	switch {
	case from == "":
		return added
	case to == "":
		return removed
	}
	return replaced
}

// settingText returns a text about the difference f of a setting.
func settingText(f diff.Field) string {
	if len(f.Removed)+len(f.Added) == 0 {
		from, to := document.MarkName(f.From), document.MarkName(f.To)
		return textForChange(from, to, to+" (was not set)", "not set (was "+from+")", to+" (was "+from+")")
	}
	var words []string
	if len(f.Added) > 0 {
		words = append(words, "gains "+summarizeList(f.Added))
	}
	if len(f.Removed) > 0 {
		words = append(words, "loses "+summarizeList(f.Removed))
	}
	return strings.Join(words, "; ")
}

// loosenings has, for each setting that became looser, a text about what the new value allows.
var loosenings = map[diff.FieldName]string{
	diff.Organization:   "orgsync would act on another organization",
	diff.State:          "a run knows only what is in the ledger there, so it may mail people a second time",
	diff.Unlisted:       "people who are not in the roster would be suspended",
	diff.ExtraAccess:    "access that the roster does not give would be revoked",
	diff.MaxInvites:     "one run may send more invitation mails",
	diff.MaxRemovals:    "one run may suspend or remove more people",
	diff.MaxRevokes:     "one run may take more access from members",
	diff.UnlistedAfter:  "people who are not in the roster may be suspended or removed sooner",
	diff.HiddenMembers:  "people whose membership the key cannot see get an invitation mail, even if they are members",
	diff.ReinviteRounds: "people who never answer get more invitation mails",
	diff.Protected:      "people who are no longer protected may be suspended or removed, or lose access",
	diff.AllowedDomains: "orgsync may invite addresses of more mail domains",
}

// looseningText returns a text about what a setting that became looser allows.
func looseningText(f diff.Field) string {
	switch {
	case f.Name == diff.Organization && f.To == "":
		return "nothing prevents orgsync from acting on another organization"
	case f.Name == diff.Unlisted && f.To == string(roster.UnlistedRemove):
		return "people who are not in the roster would be removed from the organization"
	}
	return cmp.Or(loosenings[f.Name], "a run may do more than before")
}
