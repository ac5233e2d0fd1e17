package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/roster"
)

// PlanDocument returns a document about p. It has the changes with their reasons, the notices and a
// summary.
func PlanDocument(p plan.Plan) document.Document {
	d := document.Document{
		Title: "orgsync plan", Organization: p.Organization, ReadAt: p.Now, Summary: planSummary(p),
		NotSelected: notSelectedText(p),
		Unneeded:    len(p.Changes) == 0 && !slices.ContainsFunc(p.Notices, needsAction),
	}
	if len(p.Changes) > 0 {
		d.Blocks = append(d.Blocks, changeTable(p.Changes, p.Reinvite))
	}
	d.Blocks = appendNotices(d.Blocks, selectedNotices(p.Notices), p.Now)
	return d
}

// StaleDocument returns a document about the difference between a saved plan and a fresh plan. It says
// that nothing was sent.
func StaleDocument(e *plan.StaleError) document.Document {
	d := document.Document{Title: "orgsync apply",
		Summary: "Nothing was sent: " + document.MarkMessage(e.Error()) + "."}
	made := atText(e.Made)
	if made != "" {
		made = ", made" + made
	}
	for _, part := range []struct {
		title   string
		changes []plan.Change
	}{{"Only in the saved plan" + made, e.OnlySaved}, {"Only in a fresh plan", e.OnlyFresh}} {
		if len(part.changes) > 0 {
			t := changeTable(part.changes, nil)
			for i := range t.Rows {
				t.Rows[i].Group = "" // so that Markdown also has one table under the title
			}
			d.Blocks = append(d.Blocks, document.Section{Title: part.title, Blocks: []document.Block{t}})
		}
	}
	return d
}

// notSelectedText returns a sentence about the changes that --only leaves out; "" if there are none.
func notSelectedText(p plan.Plan) string {
	if len(p.NotSelected) == 0 {
		return ""
	}
	var people []string
	for _, c := range sortedByAddress(p.NotSelected, func(c *plan.Change) org.Address { return c.Email }) {
		if who := c.Email.String(); len(people) == 0 || people[len(people)-1] != who {
			people = append(people, who)
		}
	}
	return fmt.Sprintf("Not selected: %s, for %s.", document.Pluralize(len(p.NotSelected), "change", "changes"),
		summarizeList(people))
}

// changeTable returns a table with a row for each change, in the order of [compareAddresses]. reinvite has
// the people that --reinvite names.
func changeTable(changes []plan.Change, reinvite []org.Address) document.Table {
	t := document.Table{
		Columns: []document.Column{{Head: "change"}, {Head: "person"}, {Head: "why", Prose: true}, {Head: "entry", Drop: 1}},
	}
	for _, a := range plan.Actions {
		t.Groups = append(t.Groups, document.Capitalize(actionStyles[a].word))
	}
	t.Rows = make([]document.Row, 0, len(changes))
	sorted := sortedByAddress(changes, func(c *plan.Change) org.Address { return c.Email })
	t.At = func(i int) roster.Position { return parseSource(sorted[i].Source) }
	for _, c := range sorted {
		style, who, why := actionStyles[c.Action], document.MarkName(c.Email.String()), reasonText(*c, false, reinvite)
		t.Rows = append(t.Rows, document.Row{
			Group: document.Capitalize(style.word),
			Cells: []document.Cell{
				{Text: style.word, Glyph: style.glyph, Color: style.color}, {Text: who}, {Text: why},
				{Text: document.MarkName(c.Source), Color: document.Faint},
			},
			Urgent: style.glyph == '-' || c.TakesAccess(),
		})
	}
	return t
}

// Question writes the question whether to apply p, with the numbers of mails, removals and other changes. p must have
// changes. width is the width of the window in columns; 0 means no limit. The last line has no line end, so that the
// answer goes on the same line. The error is from w.
func Question(w io.Writer, p plan.Plan, width int) error {
	n := countByAction(p.Changes)
	var parts []string
	add := func(verb string, n int, one, many string) {
		if n > 0 {
			parts = append(parts, verb+" "+document.Pluralize(n, one, many))
		}
	}
	mails, removed, suspended, revokes := n[plan.Invite]+n[plan.Reinvite], n[plan.Remove], n[plan.Suspend], 0
	for _, c := range p.Changes {
		if c.TakesAccess() {
			revokes++
		}
	}
	add("send", mails, "invitation mail", "invitation mails")
	if mails > 0 && len(p.Held) > 0 {
		parts[0] += " (and " + heldText(p, "more", "more") + ")"
	}
	add("remove", removed, "person", "people")
	add("suspend", suspended, "person", "people")
	add("make", revokes, "change that takes access away", "changes that take access away")
	other := ""
	if len(parts) > 0 {
		other = "other "
	}
	add("make", len(p.Changes)-mails-removed-suspended-revokes, other+"change", other+"changes")
	in := cmp.Or(printable.Clean(p.Organization.Name, document.AddressWidth), printable.Clean(p.Organization.ID,
		document.AddressWidth), "the organization")
	lines := []string{document.Capitalize(printable.JoinAnd(parts)) + " in " + in + "? [y/N]"}
	if width > 0 {
		lines = document.Fold(lines[0], width-1) // the space before the answer needs a column
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
	held := ""
	if n[plan.Invite]+n[plan.Reinvite] > 0 && len(p.Held) > 0 {
		held = " " + document.Capitalize(heldText(p, "more invitation mail", "more invitation mails")) + "."
	}
	var counts []string
	for _, a := range plan.Actions {
		if n[a] > 0 {
			counts = append(counts, fmt.Sprintf("%d to %s", n[a], actionStyles[a].word))
		}
	}
	return strings.Join(counts, ", ") + "." + held + unchangedText(p.Unchanged)
}

// heldText returns how many held mails a run of p may send: one of its other mails can prove that they are needed. one
// and many name the held mails.
func heldText(p plan.Plan, one, many string) string {
	count := document.Pluralize(len(p.Held), one, many)
	return fmt.Sprintf("up to %s if it turns out that earlier mails were not sent", count)
}

// countByAction returns the number of changes for each action.
func countByAction(changes []plan.Change) map[plan.Action]int {
	n := map[plan.Action]int{}
	for _, c := range changes {
		n[c.Action]++
	}
	return n
}

// nothingToDo returns the summary of a run without changes. people is the number of people without a
// change. The summary says "for now" if the outcome of a mail is unknown, because a later run may then
// have something to do.
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
	who := document.Pluralize(people, "person", "people")
	some := func(n int, of string) string { // which of the people, with a space behind
		if people == 1 {
			return ""
		}
		return fmt.Sprintf("%d %s", n, of)
	}
	switch {
	case waiting > 0 && unsettled > 0:
		return fmt.Sprintf("Nothing to do for now: %s unchanged, %sinvited with no answer yet, "+
			"%swith a mail whose outcome is unknown.", who, some(waiting, "of them "), some(unsettled, ""))
	case waiting > 0:
		return fmt.Sprintf("Nothing to do: %s unchanged, %sinvited with no answer yet.", who, some(waiting, "of them "))
	case unsettled > 0:
		return fmt.Sprintf("Nothing to do for now: %s unchanged, %swith a mail whose outcome is unknown.", who,
			some(unsettled, "of them "))
	case len(notices) > 0:
		return fmt.Sprintf("Nothing to do: %s unchanged.", who)
	}
	return "Nothing to do: " + document.Pluralize(people, "person matches", "people match") + " the roster."
}
