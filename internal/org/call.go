package org

import (
	"fmt"
	"strings"
)

// Receipt is the result of a request for an invitation mail.
type Receipt struct {
	// Invitation has what the answer says about the invitation. After an error it may be incomplete or zero.
	Invitation Invitation
	// Requests counts the requests that were sent, including the requests that were answered with 429.
	Requests int
}

// Failure is the kind of a failed call to the API. The kinds differ in whether the server may have acted.
type Failure int

const (
	// NotSent means that the server certainly did not act. The request was stopped before it was sent, or no connection
	// was made, or the server answered every try with 429.
	NotSent Failure = iota + 1
	// Refused means that the server refused this one request, with 400, 404, 409, 422 or a similar status.
	Refused
	// Denied means that the server answered 401 or 403: the key does not work, or it may not do this.
	Denied
	// Lost means that no complete answer came, or a 5xx or 408. The server may have acted, or may act within
	// [ActWithin].
	Lost
	// Unreadable means that an answer came but does not fit the request. For example, it is not JSON, has no id, or has
	// the address of another person. The server may have acted, or may act within [ActWithin].
	Unreadable
)

// String returns one or two words, such as "not sent".
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
	// Op is the operation, for example "invite" or "list users".
	Op string
	// Target is the address or id that the operation is about; "" for lists.
	Target  string
	Failure Failure
	// RetryWithBoolean is true if an invitation was Refused, and another form of the request may help. Vultr also
	// documents api_enabled as a boolean.
	RetryWithBoolean bool
	// Unconfirmed is true if an edit was answered like a success, but with a text that may say that it was not made. Then
	// Failure is Unreadable. The API works, and only a reading of the organization shows whether the edit was made.
	Unconfirmed bool
	// Status is the HTTP status; 0 if no answer came. It is 429 too if the call was given up because of such answers.
	Status int
	// NotFromAPI is true if the answer was a web page, or a 403 without the error text of the API. Then it probably comes
	// from a proxy or a firewall.
	NotFromAPI bool
	// Message is the error text of the server, or says what is wrong with its answer. It is one line of limited length,
	// and may contain anything.
	Message string
	// Err is the underlying error; nil if the answer is the error.
	Err error
}

// Error returns a text such as "invite ada@example.com: HTTP 403: not allowed".
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

// Unwrap returns e.Err.
func (e *CallError) Unwrap() error { return e.Err }
