package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

// ApplyDocument returns a document about the result r of applying p. It has each change with its
// outcome and, if the change failed, the error. It also has the notices, a summary and the next steps.
// It only counts pending people, and leaves out first and last days that are still to come. Otherwise,
// an hourly run would name them each hour.
func ApplyDocument(p plan.Plan, r apply.Result) document.Document {
	d := document.Document{
		Title: "orgsync apply", Organization: p.Organization, ReadAt: p.Now, Summary: resultSummary(p, r),
		NotSelected: notSelectedText(p), Stopped: stopText(r), Next: nextSteps(r),
		Unneeded: len(r.Changes) == 0 && r.Stopped == nil && !slices.ContainsFunc(r.Notices, needsAction),
	}
	if len(r.Changes) > 0 {
		d.Blocks = append(d.Blocks, resultTable(r, p.Reinvite))
	}
	d.Blocks = appendNotices(d.Blocks, withoutNotices(selectedNotices(r.Notices), func(n plan.Notice) bool {
		// The error of the run already names the limit.
		return isWaiting(n) || n.Kind == plan.NotYet || n.Kind == plan.EndsSoon || n.Kind == plan.Limit
	}), p.Now)
	return d
}

// undoneFirst has all outcomes in the order in which Markdown shows them.
var undoneFirst = []apply.Outcome{apply.Failed, apply.Unknown, apply.Skipped, apply.Done}

var outcomeColors = map[apply.Outcome]document.Color{
	apply.Failed: document.Red, apply.Unknown: document.Yellow, apply.Skipped: document.Faint,
}

// resultTable returns a table with a row for each change. reinvite has the people that --reinvite names.
func resultTable(r apply.Result, reinvite []org.Address) document.Table {
	t := document.Table{Columns: []document.Column{{Head: "change"}, {Head: "person"}, {Head: "outcome"},
		{Head: "why", Prose: true}}}
	title := func(a plan.Action, o apply.Outcome) string {
		if o == apply.Done {
			return document.Capitalize(actionStyles[a].past)
		}
		return document.Capitalize(actionStyles[a].word) + ": " + string(o)
	}
	for _, o := range undoneFirst {
		for _, a := range plan.Actions {
			t.Groups = append(t.Groups, title(a, o))
		}
	}
	t.Rows = make([]document.Row, 0, len(r.Changes))
	for _, c := range sortedByAddress(r.Changes, func(c *apply.ChangeResult) org.Address { return c.Email }) {
		style := actionStyles[c.Action]
		word, outcome := style.word, document.Cell{Text: string(c.Outcome), Color: outcomeColors[c.Outcome]}
		if c.Outcome == apply.Done {
			word, outcome = style.past, document.Cell{} // the word already says that the change is done
		}
		t.Rows = append(t.Rows, document.Row{Group: title(c.Action, c.Outcome), Cells: []document.Cell{
			{Text: word, Glyph: style.glyph, Color: style.color},
			{Text: document.MarkName(c.Email.String())}, outcome,
			{Text: outcomeText(*c, r.Stopped, reinvite)},
		}})
	}
	return t
}

// resultSummary returns one line about r, the result of applying p. It counts the changes that are
// done by action, and the other changes by outcome.
func resultSummary(p plan.Plan, r apply.Result) string {
	if len(r.Changes) == 0 {
		return nothingToDo(p.Unchanged, r.Notices)
	}
	done := countByOutcome(r)[apply.Done]
	var counts []string
	for _, a := range plan.Actions {
		if done[a] > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", done[a], actionStyles[a].past))
		}
	}
	for _, o := range []apply.Outcome{apply.Failed, apply.Unknown, apply.Skipped} {
		if n := r.Count(o); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, o))
		}
	}
	nothing := ""
	if r.Stopped != nil && !anySent(r) {
		nothing = "Nothing was sent: "
	}
	return nothing + strings.Join(counts, ", ") + "." + unchangedText(countUnchanged(p, r))
}

// countByOutcome returns the number of changes in r for each outcome and action.
func countByOutcome(r apply.Result) map[apply.Outcome]map[plan.Action]int {
	n := map[apply.Outcome]map[plan.Action]int{}
	for _, c := range r.Changes {
		if n[c.Outcome] == nil {
			n[c.Outcome] = map[plan.Action]int{}
		}
		n[c.Outcome][c.Action]++
	}
	return n
}

// stopText returns a sentence about the reason why the run stopped early; "" if it did not stop.
func stopText(r apply.Result) string {
	if r.Stopped == nil {
		return ""
	}
	return "Stopped: " + document.MarkMessage(r.Stopped.Error()) + "."
}

// anySent reports whether the run began at least one change of r.
func anySent(r apply.Result) bool { return r.Count(apply.Skipped) < len(r.Changes) }

// outcomeText returns the error of c or, if c has none, the reason for c. It also returns the reason
// if c was skipped because the run stopped: the report has the cause of the stop once, from stopText.
func outcomeText(c apply.ChangeResult, stopped error, reinvite []org.Address) string {
	if c.Outcome == apply.Skipped && stopped != nil {
		return "this change was planned because: " + reasonText(c.Change, false, reinvite)
	}
	if c.Err == nil {
		return reasonText(c.Change, c.Outcome == apply.Done, reinvite)
	}
	s, prefix := c.Err.Error(), ""
	if call, ok := errors.AsType[*org.CallError](c.Err); ok {
		s = strings.TrimPrefix(s, call.Op+" "+call.Target+": ") // the row already shows the action and the person
		if c.Outcome == apply.Unknown {
			prefix = "the answer was " + call.Failure.String() + ": "
		}
	}
	return prefix + document.MarkMessage(s)
}

// nextSteps returns sentences about the next steps after r. If the run ended before the first change,
// it returns none, because the hint of the error says what to do.
func nextSteps(r apply.Result) []string {
	if !anySent(r) {
		return nil
	}
	var next []string
	if r.Count(apply.Unknown) > 0 {
		next = append(next, "Run again: orgsync then finds out whether the changes with an unknown outcome were "+
			"made, and mails nobody twice.")
	}
	retryable := func(c apply.ChangeResult) bool { return c.Outcome == apply.Failed && !c.LacksAccess() }
	switch {
	case slices.ContainsFunc(r.Changes, retryable):
		next = append(next, "Fix the cause, then run again to retry what failed.")
	case r.Count(apply.Skipped) > 0:
		next = append(next, "Run again to make the skipped changes.")
	}
	return next
}

// countUnchanged returns the number of people of the roster who have no change in r. The plan counts
// people with an unsettled mail as unchanged, but r may have changes to them.
func countUnchanged(p plan.Plan, r apply.Result) int {
	changed := map[string]bool{}
	for _, c := range p.Changes {
		changed[c.Email.Key()] = true
	}
	n := p.Unchanged
	for _, c := range r.Changes {
		if key := c.Email.Key(); !changed[key] {
			changed[key] = true
			n--
		}
	}
	return n
}
