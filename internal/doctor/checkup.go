// Package doctor checks what a key may read, how the API behaves, and what orgsync therefore cannot
// do. It can record the answers without personal data. internal/vultr makes the requests.
package doctor

import (
	"context"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/vultr"
)

// Endpoint is the result of one kind of request.
type Endpoint struct {
	// Name says what the requests read, as in "members of one group".
	Name string
	// Path is the documented path, with {id} instead of an id.
	Path    string
	Verdict org.Verdict
	// Permission is the permission that the key probably lacks, if the verdict is
	// [org.VerdictForbidden]; "" if the documents name none.
	Permission string
	// Status is the HTTP status of the last answer; 0 if no answer came.
	Status int
	// Message is the error text of the server, or says what was wrong with its answer; "" if the
	// request was allowed. It is safe to print, but may be any text.
	Message string
	// Requests is the number of requests.
	Requests int
	// Pages and Rows are the size of the list when it was last read. A single object is one row.
	Pages, Rows int
	// Latency is the time of the slowest answer; 0 if no answer came.
	Latency time.Duration
}

// Trait has what the answers of the API show about one axis of the dialect.
type Trait = vultr.Trait

// LimitKind is a kind of [Limit].
type LimitKind string

// The kinds of limits, the most urgent first.
const (
	// LimitKeyRefused means that the API does not accept the key.
	LimitKeyRefused LimitKind = "key_refused"
	// LimitIntercepted means that web pages or redirects came instead of answers of the API. Detail
	// is the text of one of them.
	LimitIntercepted LimitKind = "intercepted"
	// LimitInvitationsUnseen means that the invitations cannot be read, so nothing can be planned.
	LimitInvitationsUnseen LimitKind = "invitations_unseen"
	// LimitOrganization means that the organization is unknown, or is not the organization of the
	// roster. Detail is the error.
	LimitOrganization LimitKind = "organization_unknown"
	// LimitPinUnconfirmed means that only the roster names the organization, and no answer of the API does.
	LimitPinUnconfirmed LimitKind = "pin_unconfirmed"
	// LimitListFailed means that a list that each run reads gives an error. Detail is [Endpoint.Name].
	LimitListFailed LimitKind = "list_failed"
	// LimitUsersUnseen means that users cannot be listed, so only the invitations show who is a member.
	LimitUsersUnseen LimitKind = "users_unseen"
	// LimitAcceptanceUnseen means that users cannot be listed, and no invitation is shown as
	// accepted, so nothing shows who is a member.
	LimitAcceptanceUnseen LimitKind = "acceptance_unseen"
	// LimitSuspendedUnseen means that suspended users cannot be listed.
	LimitSuspendedUnseen LimitKind = "suspended_unseen"
	// LimitSelfUnseen means that the user of the key is unknown.
	LimitSelfUnseen LimitKind = "self_unseen"
	// LimitAccessUnseen means that a kind of access cannot be listed. Detail is the [org.Kind].
	LimitAccessUnseen LimitKind = "access_unseen"
	// LimitHoldersUnseen means that the users who have a kind of access cannot be listed. Detail is the
	// [org.Kind].
	LimitHoldersUnseen LimitKind = "holders_unseen"
	// LimitDatesUnseen means that a pending invitation has neither an expiration date nor a date of creation.
	LimitDatesUnseen LimitKind = "dates_unseen"
	// LimitExpirationUnseen means that a pending invitation has no expiration date.
	LimitExpirationUnseen LimitKind = "expiration_unseen"
	// LimitStatusNotUnderstood means that invitations have an unknown status. Detail has the words
	// of the API.
	LimitStatusNotUnderstood LimitKind = "status_not_understood"
	// LimitClockUnseen means that the answers have no Date, or none that orgsync uses.
	LimitClockUnseen LimitKind = "clock_unseen"
)

// Limit is something that orgsync cannot do, or can only guess, with this key.
type Limit struct {
	Kind LimitKind
	// Detail is described at the kind; "" for the other kinds. It is safe to print, but may have any
	// text from the server.
	Detail string
}

// Checkup is the result of [Run].
type Checkup struct {
	// At is the server's time at the end of the requests.
	At time.Time
	// Key is [org.VerdictAllowed] if at least one request was allowed. Otherwise, it is
	// [org.VerdictBadKey] if the API did not accept the key, or else [org.VerdictFailed].
	Key org.Verdict
	// Organization is the organization that the key acts on; zero if it is unknown.
	Organization org.Organization
	// Organizations are all organizations that the key may list.
	Organizations []org.Organization
	// Self is the address of the user of the key; zero if it is unknown.
	Self org.Address
	// Endpoints are in the order in which they are reported.
	Endpoints []Endpoint
	Traits    []Trait
	// ClockAhead is the server's time minus the local time; nil if no answer had a Date that orgsync uses.
	ClockAhead *time.Duration
	// RateHeaders has the last value of each header about rate limits. The values are safe to print,
	// but may be any text.
	RateHeaders map[string]string
	// Throttled is the number of answers 429.
	Throttled int
	Limits    []Limit
	// PlanError is the reason why nothing can be planned with this key; nil if a plan is possible.
	PlanError error
}

// Run checks the API. pin is the key `organization` of the roster, "" if there is none. Run writes the
// answers to record without personal data, unless record is nil.
//
// A rejected request is part of the result, not an error. Run returns an error only if ctx ended, if
// record cannot be written, or if the API did not answer any request.
func Run(ctx context.Context, c *vultr.Client, pin string, record *Recorder) (Checkup, error) {
	s, err := c.Survey(ctx, pin)
	if err != nil {
		return Checkup{}, err
	}
	out := diagnose(c, s)
	for _, e := range s.Endpoints() {
		for _, x := range e.Exchanges {
			if err := record.add(e.Name, x); err != nil {
				return Checkup{}, err
			}
		}
		out.Endpoints = append(out.Endpoints, describeEndpoint(c, e))
	}
	return out, nil
}

func describeEndpoint(c *vultr.Client, e *vultr.Endpoint) Endpoint {
	out := Endpoint{
		Name: e.Name, Path: e.Path, Verdict: e.Verdict(), Status: e.Status(), Requests: len(e.Exchanges), Pages: e.Pages(),
		Rows: e.Rows,
	}
	for _, x := range e.Exchanges {
		if x.Status != 0 {
			out.Latency = max(out.Latency, x.Duration)
		}
	}
	if out.Verdict == org.VerdictForbidden {
		out.Permission = e.Permission
	}
	if out.Verdict != org.VerdictAllowed && len(e.Exchanges) > 0 {
		out.Message = c.CleanText(e.Message())
	}
	return out
}
