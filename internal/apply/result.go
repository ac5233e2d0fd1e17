package apply

import (
	"fmt"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

// Outcome is what became of one change.
type Outcome string

// The outcomes.
const (
	// Done: the organization is as the change wanted it, by the server's answer or by what a read
	// showed.
	Done Outcome = "done"
	// Failed: the change was surely not carried out, or the server refused it.
	Failed Outcome = "failed"
	// Unknown: a request went out, and it is not known whether the server acted. After a mail, later
	// runs hold the person back until that is known.
	Unknown Outcome = "unknown"
	// Skipped: nothing was sent, or only a renewal that the server refused.
	Skipped Outcome = "skipped"
)

// ChangeResult is a change and what became of it.
type ChangeResult struct {
	plan.Change
	Outcome Outcome
	// InvitationID is the invitation after the change; "" where there is none or it is not known.
	// It takes the place of the change's own, which was the invitation before.
	InvitationID string
	// Err says why the outcome is not Done; nil with Done.
	Err error
	// Requests counts the requests that were sent for this change.
	Requests int
}

// Result is what a run did.
type Result struct {
	// Changes are those of the plan, in its order, and among them those for people who were held
	// back and could be settled.
	Changes []ChangeResult
	// Notices are those of the last reading of the run, or the plan's if there was none. For people who were
	// mailed in this run, the plan's notices are kept.
	Notices []plan.Notice
	// Stopped is why the run ended before its plan did; nil when it did not. A signal's or a
	// deadline's is the context's cause.
	Stopped error
}

// Count is how many changes came to o.
func (r Result) Count(o Outcome) int {
	n := 0
	for _, c := range r.Changes {
		if c.Outcome == o {
			n++
		}
	}
	return n
}

// WrongOrganizationError says that a mail went out for another organization than the plan's. It ends a run.
type WrongOrganizationError struct {
	To org.Address
	// Sent is the organization that the server named in its answer, Meant that of the plan.
	Sent, Meant org.Organization
}

// Error names both.
func (e *WrongOrganizationError) Error() string {
	return fmt.Sprintf("invite %s: the invitation went out for the organization %s (%s), not for %s (%s)",
		e.To, e.Sent.ID, e.Sent.Name, e.Meant.ID, e.Meant.Name)
}
