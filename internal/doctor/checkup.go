// Package doctor checks what a key may read, how the API behaves, and what orgsync therefore cannot
// do. It can record the answers without personal data. internal/vultr makes the requests.
package doctor

import (
	"context"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/vultr"
)

// Endpoint is what became of one kind of request.
type Endpoint struct {
	// Name says what was asked for, as in "members of one group".
	Name string
	// Path is the documented path, ids in braces.
	Path    string
	Verdict org.Verdict
	// Permission is what the key likely lacks; with [org.VerdictForbidden]. "": the documents name none.
	Permission string
	// Status is the HTTP status of the last answer; 0 without one.
	Status int
	// Message is the server's own words where it did not allow the request, or what was wrong with its answer: one
	// line, bounded, still data.
	Message string
	// Requests counts all that were sent. Pages and Rows are those of the list when it was last read; one object is one
	// row.
	Requests, Pages, Rows int
	// Latency is that of the slowest answer; 0 without one.
	Latency time.Duration
}

// Trait is one point on which the documents of the API leave open how it behaves, and what it did.
type Trait = vultr.Trait

// LimitKind is something that orgsync cannot do.
type LimitKind string

// The kinds, the most pressing first.
const (
	LimitKeyRefused LimitKind = "key_refused" // the key does not work
	// web pages or redirects come instead of the API's answers
	LimitIntercepted       LimitKind = "intercepted"
	LimitInvitationsUnseen LimitKind = "invitations_unseen"   // nothing can be planned
	LimitOrganization      LimitKind = "organization_unknown" // the organization cannot be told, or is not the roster's
	LimitListFailed        LimitKind = "list_failed"          // something that every run reads gives an error
	LimitUsersUnseen       LimitKind = "users_unseen"         // members are known from invitations alone
	LimitAcceptanceUnseen  LimitKind = "acceptance_unseen"    // nor do the invitations tell
	LimitSuspendedUnseen   LimitKind = "suspended_unseen"     // suspended users cannot be listed
	LimitSelfUnseen        LimitKind = "self_unseen"          // the key's own user is not known
	// a kind of access cannot be listed: Detail is the [org.Kind]
	LimitAccessUnseen LimitKind = "access_unseen"
	// who has a kind of access cannot be listed: Detail is the [org.Kind]
	LimitHoldersUnseen       LimitKind = "holders_unseen"
	LimitDatesUnseen         LimitKind = "dates_unseen"          // pending invitations have no dates
	LimitExpirationUnseen    LimitKind = "expiration_unseen"     // pending invitations have no expiration date
	LimitStatusNotUnderstood LimitKind = "status_not_understood" // Detail are the words
	LimitClockUnseen         LimitKind = "clock_unseen"          // answers have no Date
)

// Limit is one thing that orgsync cannot do, or can only guess.
type Limit struct {
	Kind LimitKind
	// Detail is what the kind says it is; else "" or the error behind it. Data.
	Detail string
}

// Checkup is what a look at the API found: what the key may read, how the API speaks, and what follows.
type Checkup struct {
	// At is the server's time of the look.
	At time.Time
	// Key is [org.VerdictAllowed] when any request was, [org.VerdictRefused] when none was and the key was refused, else
	// [org.VerdictFailed].
	Key org.Verdict
	// Organization is the one that the key acts on; zero when that cannot be told.
	Organization org.Organization
	// Organizations are all that the key lists.
	Organizations []org.Organization
	// Self is the address of the key's own user; zero when it is not shown.
	Self org.Address
	// Endpoints are in the order in which they are told of.
	Endpoints []Endpoint
	Traits    []Trait
	// Ahead is how far the server's clock is ahead of the local one; nil when no answer had a date.
	Ahead *time.Duration
	// RateHeaders are the headers about rates that were seen, by name, each with its last value. Data.
	RateHeaders map[string]string
	// Throttled counts the answers 429.
	Throttled int
	Limits    []Limit
	// Unable is why nothing can be planned with this key; nil when the invitations and the organization can be read.
	Unable error
}

// Run checks the API. pin is the key `organization` of the roster, "" if there is none. The answers
// are written to record without personal data; nil records nothing.
//
// A rejected request is part of the result. An error is that of ctx or of record, or means that the
// API did not answer at all.
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
			out.Latency = max(out.Latency, x.Took)
		}
	}
	if out.Verdict == org.VerdictForbidden {
		out.Permission = e.Permission
	}
	if out.Verdict != org.VerdictAllowed && len(e.Exchanges) > 0 {
		out.Message = c.Clean(e.Message())
	}
	return out
}
