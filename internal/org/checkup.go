package org

import "time"

// Verdict is what the API says to one kind of request.
type Verdict string

// The verdicts.
const (
	VerdictAllowed   Verdict = "allowed"
	VerdictForbidden Verdict = "forbidden" // 403
	VerdictRefused   Verdict = "refused"   // 401: the key itself
	VerdictMissing   Verdict = "missing"   // 404
	VerdictFailed    Verdict = "error"     // any other status, no answer, or one that cannot be read
	VerdictUntried   Verdict = "untried"   // there was nothing to ask for
)

// Endpoint is what became of one kind of request.
type Endpoint struct {
	// Name says what was asked for, as in "members of one group".
	Name string
	// Path is the documented path, ids in braces.
	Path    string
	Verdict Verdict
	// Permission is what the key likely lacks; with VerdictForbidden. "": the documents name none.
	Permission string
	// Status is the HTTP status of the last answer; 0 without one.
	Status int
	// Message is the server's own words where it did not allow the request, or what was wrong with its answer: one
	// line, bounded, still data.
	Message string
	// Requests counts all that were sent. Pages and Rows are those of the list when it was last read; one object is one row.
	Requests, Pages, Rows int
	// Latency is that of the slowest answer; 0 without one.
	Latency time.Duration
}

// Trait is one point on which the API's documents contradict each other or say nothing, and what the API did.
type Trait struct {
	// Axis names the point. Where the simulated API can play it, it is one of its axes, and the values are its values.
	Axis string
	// About says in a few words what the point is.
	About string
	// Seen are the values seen, sorted, each once; none where the organization has no example. Words of the server may be
	// among them: bounded, still data.
	Seen []string
}

// LimitKind is something that orgsync cannot do.
type LimitKind string

// The kinds, the most pressing first.
const (
	LimitKeyRefused          LimitKind = "key_refused"           // the key does not work
	LimitIntercepted         LimitKind = "intercepted"           // web pages or redirects come instead of the API's answers
	LimitInvitationsUnseen   LimitKind = "invitations_unseen"    // nothing can be planned
	LimitOrganization        LimitKind = "organization_unknown"  // the organization cannot be told, or is not the roster's
	LimitListFailed          LimitKind = "list_failed"           // something that every run reads gives an error
	LimitUsersUnseen         LimitKind = "users_unseen"          // members are known from invitations alone
	LimitAcceptanceUnseen    LimitKind = "acceptance_unseen"     // nor do the invitations tell
	LimitSuspendedUnseen     LimitKind = "suspended_unseen"      // suspended users cannot be listed
	LimitSelfUnseen          LimitKind = "self_unseen"           // the key's own user is not known
	LimitAccessUnseen        LimitKind = "access_unseen"         // a kind of access cannot be listed: Detail is the [Kind]
	LimitHoldersUnseen       LimitKind = "holders_unseen"        // who has a kind of access cannot be listed: Detail is the [Kind]
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
	// Key is VerdictAllowed when any request was, VerdictRefused when none was and the key was refused, else VerdictFailed.
	Key Verdict
	// Organization is the one that the key acts on; zero when that cannot be told.
	Organization Organization
	// Organizations are all that the key lists.
	Organizations []Organization
	// Self is the address of the key's own user; zero when it is not shown.
	Self Address
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
