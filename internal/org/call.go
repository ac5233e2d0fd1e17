package org

import (
	"fmt"
	"strings"
)

// Receipt is what the answer to a write said, and how many requests it took.
type Receipt struct {
	Invitation Invitation
	// Requests counts the requests that reached the wire, those answered with 429 included.
	Requests int
}

// Failure says what is known about a call that gave no usable answer. What matters is whether the server can have
// acted.
type Failure int

const (
	// NotSent means that the server surely did not act. The request was stopped before it reached the wire, no connection
	// was made, or every try was answered with 429.
	NotSent Failure = iota + 1
	// Refused means that the server answered 4xx for reasons that concern this one request (400, 404, 409, 422 and the
	// like).
	Refused
	// Denied means that the server answered 401 or 403: the key does not work or may not do this.
	Denied
	// Lost means that it is unknown whether the server acted, or will within [ActWithin]: a 5xx, a dropped connection, a
	// time-out.
	Lost
	// Unreadable means that an answer came but cannot be what was asked for: a page instead of JSON, half a body, no id,
	// another person's address. The server may have acted, or may still within [ActWithin].
	Unreadable
)

// String is the failure in a word or two.
func (f Failure) String() string {
	switch f {
	case NotSent:
		return "not sent"
	case Refused:
		return "refused"
	case Denied:
		return "denied"
	case Lost:
		return "lost"
	case Unreadable:
		return "unreadable"
	}
	return fmt.Sprintf("failure %d", int(f))
}

// CallError is a call to the API that failed.
type CallError struct {
	// Op is what was tried, as in "invite" or "list users".
	Op string
	// Target is what it was tried on, an address or an id; empty for lists.
	Target  string
	Failure Failure
	// RetryWithBoolean is true with a Refused invitation that may be right in the other wording that the documents have
	// for it.
	RetryWithBoolean bool
	// Status is the HTTP status; 0 when no answer came. It is 429 also where the call was never
	// sent because of such answers.
	Status int
	// Message is the server's own words, or what was wrong with its answer: one line, bounded, still data.
	Message string
	// Err is the cause underneath; nil when the answer itself is the cause.
	Err error
}

// Error reads like "invite ada@example.com: HTTP 403: not allowed".
func (e *CallError) Error() string {
	parts := []string{strings.TrimSpace(e.Op + " " + e.Target)}
	if e.Status != 0 {
		parts = append(parts, fmt.Sprintf("HTTP %d", e.Status))
	}
	if e.Message != "" {
		parts = append(parts, e.Message)
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }
