package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/plan"
)

// PlanDocument returns p in words: the changes with their reasons, the notices, and one line that
// counts the changes.
func PlanDocument(p plan.Plan) Document {
	d := Document{
		Title: "orgsync plan", Organization: p.Organization, Made: p.Now, Summary: planSummary(p),
		NotSelected: notSelectedText(p),
		Nothing:     len(p.Changes) == 0 && !slices.ContainsFunc(p.Notices, needsAction),
	}
	if len(p.Changes) > 0 {
		d.Blocks = append(d.Blocks, changeTable(p.Changes))
	}
	d.Blocks = appendNotices(d.Blocks, selectedNotices(p.Notices), p.Now)
	return d
}

// StaleDocument returns how a saved plan differs from a fresh one, and that nothing was sent.
func StaleDocument(e *plan.StaleError) Document {
	d := Document{Title: "orgsync apply", Summary: "Nothing was sent: " + outside(e.Error(), messageWidth) + "."}
	made := atText(e.Made)
	if made != "" {
		made = ", made" + made
	}
	for _, part := range []struct {
		title   string
		changes []plan.Change
	}{{"Only in the saved plan" + made, e.OnlySaved}, {"Only in a fresh plan", e.OnlyFresh}} {
		if len(part.changes) > 0 {
			t := changeTable(part.changes)
			for i := range t.Rows {
				t.Rows[i].Group = "" // one table under the title
			}
			d.Blocks = append(d.Blocks, Section{part.title, []Block{t}})
		}
	}
	return d
}

// notSelectedText returns a sentence about the changes that --only leaves out; "" when there are none.
func notSelectedText(p plan.Plan) string {
	if len(p.NotSelected) == 0 {
		return ""
	}
	var people []string
	for _, c := range p.NotSelected {
		if who := c.Email.String(); len(people) == 0 || people[len(people)-1] != who {
			people = append(people, who)
		}
	}
	return fmt.Sprintf("Not selected: %s, for %s.", pluralize(len(p.NotSelected), "change", "changes"), summarizeList(people))
}

// changeTable returns one row for each change, in the natural order of addresses: action, person,
// reason, and place in the roster.
func changeTable(changes []plan.Change) Table {
	t := Table{
		Columns: []Column{{Head: "change"}, {Head: "person"}, {Head: "why", Prose: true}, {Head: "entry", Drop: 1}},
		Groups:  actionTitles(),
	}
	byAddress := func(a, b plan.Change) int { return compareAddresses(a.Email, b.Email) }
	for _, c := range slices.SortedStableFunc(slices.Values(changes), byAddress) {
		style, who, why := styleOf(c.Action), outside(c.Email.String(), addressWidth), reasonText(c, false)
		t.Rows = append(t.Rows, Row{
			Group: capitalize(style.word),
			Cells: []Cell{
				{Text: style.word, Glyph: style.glyph, Color: style.color}, {Text: who}, {Text: why},
				{Text: outside(c.Source, addressWidth), Color: faint},
			},
			Sentence: capitalize(style.word) + " " + who + ": " + why,
			At:       parseSource(c.Source), Urgent: style.glyph == "-",
		})
	}
	return t
}

// actionTitles returns the titles of the groups of changes, in the order of actions.
func actionTitles() []string {
	var titles []string
	for _, a := range plan.Actions {
		titles = append(titles, capitalize(styleOf(a).word))
	}
	return titles
}

// Question writes the question that a person answers before p is applied: how many mails, removals
// and other changes in which organization. The plan must have changes. The line is left open for
// the answer. The error is w's.
func Question(w io.Writer, p plan.Plan, width int) error {
	n := countByAction(p.Changes)
	var parts []string
	add := func(verb string, n int, one, many string) {
		if n > 0 {
			parts = append(parts, verb+" "+pluralize(n, one, many))
		}
	}
	mails, removed, suspended, revokes := n[plan.Invite]+n[plan.Reinvite], n[plan.Remove], n[plan.Suspend], 0
	for _, c := range p.Changes {
		if c.TakesAccess() {
			revokes++
		}
	}
	add("send", mails, "invitation mail", "invitation mails")
	add("remove", removed, "person", "people")
	add("suspend", suspended, "person", "people")
	add("make", revokes, "change that takes access away", "changes that take access away")
	other := ""
	if len(parts) > 0 {
		other = "other "
	}
	add("make", len(p.Changes)-mails-removed-suspended-revokes, other+"change", other+"changes")
	what := parts[len(parts)-1]
	if before := parts[:len(parts)-1]; len(before) > 0 {
		what = strings.Join(before, ", ") + " and " + what
	}
	in := cmp.Or(Clean(p.Organization.Name, addressWidth), Clean(p.Organization.ID, addressWidth), "the organization")
	lines := []string{capitalize(what) + " in " + in + "? [y/N]"}
	if width > 0 {
		lines = fold(lines[0], width-1) // leave room for the space before the answer
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+" ")
	return err
}

// planSummary returns one line that counts the changes of p.
func planSummary(p plan.Plan) string {
	if len(p.Changes) == 0 {
		return nothingToDo(p.Unchanged, p.Notices)
	}
	n := countByAction(p.Changes)
	var counts []string
	for _, a := range withUnknown(plan.Actions, n) {
		if n[a] > 0 {
			counts = append(counts, fmt.Sprintf("%d to %s", n[a], styleOf(a).word))
		}
	}
	return strings.Join(counts, ", ") + "." + unchangedText(p.Unchanged)
}

// countByAction returns how many changes there are of each action.
func countByAction(changes []plan.Change) map[plan.Action]int {
	n := map[plan.Action]int{}
	for _, c := range changes {
		n[c.Action]++
	}
	return n
}

// nothingToDo returns the line for a run without changes. It says "for now" when a mail's outcome
// is unknown, because a later run may then have something to do.
func nothingToDo(people int, notices []plan.Notice) string {
	waiting, unsettled := 0, 0
	for _, n := range notices {
		switch {
		case isWaiting(n):
			waiting++
		case n.Kind == plan.Unsettled:
			unsettled++
		}
	}
	who := pluralize(people, "person", "people")
	switch {
	case waiting > 0 && unsettled > 0:
		return fmt.Sprintf("Nothing to do for now: %s unchanged, %d of them invited with no answer yet, "+
			"%d with a mail whose outcome is unknown.", who, waiting, unsettled)
	case waiting > 0:
		return fmt.Sprintf("Nothing to do: %s unchanged, %d of them invited with no answer yet.", who, waiting)
	case unsettled > 0:
		return fmt.Sprintf("Nothing to do for now: %s unchanged, %d of them with a mail whose outcome is unknown.", who,
			unsettled)
	case len(notices) > 0:
		return fmt.Sprintf("Nothing to do: %s unchanged.", who)
	case people == 1:
		return "Nothing to do: 1 person matches the roster."
	}
	return fmt.Sprintf("Nothing to do: %s match the roster.", who)
}
