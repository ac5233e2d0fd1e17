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

// ApplyDocument returns the result of applying p in words: every change with its outcome and, when
// it is not done, what went wrong; then the notices, one line that sums up, and what to do next.
// Pending people are only counted, and days that come are left out: an hourly run does not need to name
// them every hour.
func ApplyDocument(p plan.Plan, r apply.Result) document.Document {
	d := document.Document{
		Title: "orgsync apply", Organization: p.Organization, Made: p.Now, Summary: resultSummary(p, r),
		NotSelected: notSelectedText(p), Stopped: stopText(r), Next: nextSteps(r),
		Nothing: len(r.Changes) == 0 && r.Stopped == nil && !slices.ContainsFunc(r.Notices, needsAction),
	}
	if len(r.Changes) > 0 {
		d.Blocks = append(d.Blocks, resultTable(r))
	}
	d.Blocks = appendNotices(d.Blocks, withoutNotices(selectedNotices(r.Notices), func(n plan.Notice) bool {
		// The error of the run says its limit already.
		return isWaiting(n) || n.Kind == plan.NotYet || n.Kind == plan.EndsSoon || n.Kind == plan.Limit
	}), p.Now)
	return d
}

// undoneFirst are the outcomes, in the order in which Markdown shows them.
var undoneFirst = []apply.Outcome{apply.Failed, apply.Unknown, apply.Skipped, apply.Done}

var outcomeColors = map[apply.Outcome]document.Color{
	apply.Failed: document.Red, apply.Unknown: document.Yellow, apply.Skipped: document.Faint,
}

// resultTable returns one row for each change: action, person, outcome, and why.
func resultTable(r apply.Result) document.Table {
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
			word, outcome = style.past, document.Cell{} // the word says it
		}
		t.Rows = append(t.Rows, document.Row{Group: title(c.Action, c.Outcome), Cells: []document.Cell{
			{Text: word, Glyph: style.glyph, Color: style.color},
			{Text: document.Outside(c.Email.String())}, outcome,
			{Text: outcomeText(*c, r.Stopped)},
		}})
	}
	return t
}

// resultSummary returns one line that counts the changes of r, the result of applying p: by action
// what was done, and by outcome what was not.
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

// countByOutcome returns how many changes of r there are of each outcome and action.
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

// stopText returns why the run stopped before all its changes were made; "" when it did not stop.
func stopText(r apply.Result) string {
	if r.Stopped == nil {
		return ""
	}
	return "Stopped: " + document.OutsideMessage(r.Stopped.Error()) + "."
}

// anySent reports whether the run began any change of r.
func anySent(r apply.Result) bool { return r.Count(apply.Skipped) < len(r.Changes) }

// outcomeText returns the reason for c or, when it is not done, what went wrong. A change that was
// skipped because the run stopped shows its reason: the cause of the stop is said once, in
// stopText.
func outcomeText(c apply.ChangeResult, stopped error) string {
	if c.Outcome == apply.Skipped && stopped != nil {
		return "planned because: " + reasonText(c.Change, false)
	}
	if c.Err == nil {
		return reasonText(c.Change, c.Outcome == apply.Done)
	}
	s, prefix := c.Err.Error(), ""
	if call, ok := errors.AsType[*org.CallError](c.Err); ok {
		s = strings.TrimPrefix(s, call.Op+" "+call.Target+": ") // the line shows both already
		if c.Outcome == apply.Unknown {
			prefix = "the answer was " + call.Failure.String() + ": "
		}
	}
	return prefix + document.OutsideMessage(s)
}

// nextSteps returns what to do after r. It returns nothing when r was refused before the first
// change: then the error says what to do.
func nextSteps(r apply.Result) []string {
	if !anySent(r) {
		return nil
	}
	var next []string
	if r.Count(apply.Unknown) > 0 {
		next = append(next, "Run again to settle the unknown changes: "+
			"orgsync checks before it sends, so nobody is mailed twice.")
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

// countUnchanged returns how many people of the roster have no change in r. The plan counts people
// whose mail is unsettled as unchanged; the run may settle some of them and make their change.
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
