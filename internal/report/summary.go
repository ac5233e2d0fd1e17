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

// summarize counts what a plan would do.
func summarize(p plan.Plan) string {
	if len(p.Changes) == 0 {
		return nothing(p.Unchanged, p.Notices)
	}
	n := perAction(p.Changes)
	var counts []string
	for _, a := range plan.Actions {
		if n[a] > 0 {
			counts = append(counts, fmt.Sprintf("%d to %s", n[a], looks[a].word))
		}
	}
	return strings.Join(append(counts, fmt.Sprintf("%d unchanged", p.Unchanged)), ", ") + "."
}

// perAction counts changes by what they do.
func perAction(changes []plan.Change) map[plan.Action]int {
	n := map[plan.Action]int{}
	for _, c := range changes {
		n[c.Action]++
	}
	return n
}

// nothing says that there is nothing to do, and whether that is the end of it.
func nothing(people int, notices []plan.Notice) string {
	waiting, held := 0, 0
	for _, n := range notices {
		switch {
		case isWaiting(n):
			waiting++
		case n.Kind == plan.Unsettled:
			held++
		}
	}
	who := count(people, "person", "people")
	switch {
	case waiting > 0 && held > 0:
		return fmt.Sprintf("Nothing to do for now: %s unchanged, %d of them invited and yet to answer, %d held back.", who, waiting, held)
	case waiting > 0:
		return fmt.Sprintf("Nothing to do: %s unchanged, %d of them invited and yet to answer.", who, waiting)
	case held > 0:
		return fmt.Sprintf("Nothing to do for now: %s unchanged, %d held back.", who, held)
	case len(notices) > 0:
		return fmt.Sprintf("Nothing to do: %s unchanged.", who)
	case people == 1:
		return "Nothing to do: 1 person is as the roster says."
	}
	return fmt.Sprintf("Nothing to do: %s are as the roster says.", who)
}

// conclusion counts what became of p.
func conclusion(p plan.Plan, r apply.Result) string {
	if len(r.Changes) == 0 {
		return nothing(p.Unchanged, r.Notices)
	}
	var counts []string
	for _, o := range []apply.Outcome{apply.Done, apply.Failed, apply.Unknown, apply.Skipped} {
		if n := r.Count(o); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, o))
		}
	}
	return strings.Join(append(counts, fmt.Sprintf("%d unchanged", unchanged(p, r))), ", ") + "."
}

// stop says why the run ended before its plan did; "" when it did not.
func stop(r apply.Result, show shower) string {
	switch {
	case r.Stopped == nil:
		return ""
	case anythingSent(r):
		return "Stopped before the end: " + show(r.Stopped.Error(), messageWidth) + "."
	}
	return "Nothing was sent: " + show(r.Stopped.Error(), messageWidth) + "."
}

// anythingSent tells whether a change of r was begun.
func anythingSent(r apply.Result) bool { return r.Count(apply.Skipped) < len(r.Changes) }

// explain says why c was done, or why it was not. What stopped the run is said once, not for everybody it skipped.
func explain(c apply.ChangeResult, stopped error, show shower) string {
	if c.Err == nil || c.Outcome == apply.Skipped && stopped != nil {
		return because(c.Change, show)
	}
	s, before := c.Err.Error(), ""
	if call, ok := errors.AsType[*org.CallError](c.Err); ok {
		s = strings.TrimPrefix(s, call.Op+" "+call.Target+": ") // the row names both already
		if c.Outcome == apply.Unknown {
			before = "the answer was " + call.Failure.String() + ": "
		}
	}
	return before + show(s, messageWidth)
}

// whatNext says what is left to be done after r; nothing where r was refused, since then the refusal says it.
func whatNext(r apply.Result) []string {
	if !anythingSent(r) {
		return nil
	}
	var next []string
	if r.Count(apply.Unknown) > 0 {
		next = append(next, "Run again to settle what is unknown: orgsync looks before it sends, and nobody is mailed twice.")
	}
	retryable := func(c apply.ChangeResult) bool { return c.Outcome == apply.Failed && !c.LacksAccess() }
	switch {
	case slices.ContainsFunc(r.Changes, retryable):
		next = append(next, "Fix the cause, then run again to retry what failed.")
	case r.Count(apply.Skipped) > 0:
		next = append(next, "Run again to do what was skipped.")
	}
	return next
}

// changesOf are r's changes without their outcomes.
func changesOf(r apply.Result) []plan.Change {
	changes := make([]plan.Change, len(r.Changes))
	for i, c := range r.Changes {
		changes[i] = c.Change
	}
	return changes
}

// unchanged counts the people of the roster without a change in r. The plan counted those as unchanged who were held
// back; the run may have settled some of them and gone on with their change.
func unchanged(p plan.Plan, r apply.Result) int {
	known := map[string]bool{}
	for _, c := range p.Changes {
		known[c.Email.Key()] = true
	}
	n := p.Unchanged
	for _, c := range r.Changes {
		if key := c.Email.Key(); !known[key] {
			known[key] = true
			n--
		}
	}
	return n
}
