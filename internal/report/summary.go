package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

// planSummary returns one line that counts the changes of p.
func planSummary(p plan.Plan) string {
	if len(p.Changes) == 0 {
		return nothingToDo(p.Unchanged, p.Notices)
	}
	n := countByAction(p.Changes)
	var counts []string
	for _, a := range plan.Actions {
		if n[a] > 0 {
			counts = append(counts, fmt.Sprintf("%d to %s", n[a], actionStyles[a].word))
		}
	}
	return strings.Join(append(counts, fmt.Sprintf("%d unchanged", p.Unchanged)), ", ") + "."
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

// resultSummary returns one line that counts the outcomes of r, the result of applying p.
func resultSummary(p plan.Plan, r apply.Result) string {
	if len(r.Changes) == 0 {
		return nothingToDo(p.Unchanged, r.Notices)
	}
	var counts []string
	for _, o := range []apply.Outcome{apply.Done, apply.Failed, apply.Unknown, apply.Skipped} {
		if n := r.Count(o); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, o))
		}
	}
	return strings.Join(append(counts, fmt.Sprintf("%d unchanged", countUnchanged(p, r))), ", ") + "."
}

// stopText returns why the run stopped before all its changes were made; "" when it did not stop.
func stopText(r apply.Result, escape escaper) string {
	switch {
	case r.Stopped == nil:
		return ""
	case anySent(r):
		return "Stopped before the end: " + escape(r.Stopped.Error(), messageWidth) + "."
	}
	return "Nothing was sent: " + escape(r.Stopped.Error(), messageWidth) + "."
}

// anySent reports whether the run began any change of r.
func anySent(r apply.Result) bool { return r.Count(apply.Skipped) < len(r.Changes) }

// outcomeText returns the reason for c or, when it is not done, what went wrong. A change that was
// skipped because the run stopped shows its reason: the cause of the stop is said once, in
// stopText.
func outcomeText(c apply.ChangeResult, stopped error, escape escaper) string {
	if c.Err == nil || c.Outcome == apply.Skipped && stopped != nil {
		return reasonText(c.Change, escape)
	}
	s, prefix := c.Err.Error(), ""
	if call, ok := errors.AsType[*org.CallError](c.Err); ok {
		s = strings.TrimPrefix(s, call.Op+" "+call.Target+": ") // the line shows both already
		if c.Outcome == apply.Unknown {
			prefix = "the answer was " + call.Failure.String() + ": "
		}
	}
	return prefix + escape(s, messageWidth)
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

// changesOf returns the changes of r without their outcomes.
func changesOf(r apply.Result) []plan.Change {
	changes := make([]plan.Change, len(r.Changes))
	for i, c := range r.Changes {
		changes[i] = c.Change
	}
	return changes
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
