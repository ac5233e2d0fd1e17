package apply

import (
	"fmt"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

// Outcome is the result of one change.
type Outcome string

// The outcomes.
const (
	// Done means that the organization has what the change asked for, by the server's answer or by a reading.
	Done Outcome = "done"
	// Failed means that the change was certainly not made, or that the server refused it. It also means a mail that was
	// sent for another organization.
	Failed Outcome = "failed"
	// Unknown means that a request was sent, and it is not known whether the server acted. After an unknown mail, later
	// runs hold the mails to the person until it is known.
	Unknown Outcome = "unknown"
	// Skipped means that nothing was sent, or only a renewal that the server refused.
	Skipped Outcome = "skipped"
)

// ChangeResult is a change with its outcome.
type ChangeResult struct {
	plan.Change
	Outcome Outcome
	// InvitationID is the id of the invitation after the change; "" if there is none or it is not known. The
	// InvitationID of Change is the id before the change.
	InvitationID string
	// Err says why Outcome is not Done; nil if it is Done.
	Err error
	// Requests is the number of requests that were sent for this change.
	Requests int
}

// Result is the result of a run.
type Result struct {
	// Changes has the changes of the plan, the held mails that a later plan of the run has as changes, and the grants of
	// access that the organization lacks, sorted by the key of the address.
	Changes []ChangeResult
	// Notices has the notices of the last reading of the run, or those of the plan if there was none. For people who
	// were mailed in this run, it has the notices of the plan.
	Notices []plan.Notice
	// Stopped says why the run ended early; nil if it did not. After a signal or a time limit it is the cause of the
	// context.
	Stopped error
}

// Count returns the number of changes with the outcome o.
func (r Result) Count(o Outcome) int {
	n := 0
	for _, c := range r.Changes {
		if c.Outcome == o {
			n++
		}
	}
	return n
}

// WrongOrganizationError says that a mail was sent for another organization than the plan's. It stops the run, and
// later runs until one of them has --reinvite.
type WrongOrganizationError struct {
	// To is the address that the mail was for.
	To string
	// Sent is the organization in the server's answer, Meant is that of the plan. The Name of Sent is "" if an earlier
	// run sent the mail.
	Sent, Meant org.Organization
}

// Error returns a message with both organizations.
func (e *WrongOrganizationError) Error() string {
	name := func(o org.Organization) string {
		if o.Name == "" {
			return o.ID
		}
		return fmt.Sprintf("%s (%s)", o.ID, o.Name)
	}
	return fmt.Sprintf("invite %s: the invitation went out for the organization %s, not for %s", e.To, name(e.Sent),
		name(e.Meant))
}
