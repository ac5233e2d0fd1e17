package vultr

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
)

// Endpoint is one kind of request, as a survey made it.
type Endpoint struct {
	// Name says what was read, as in "members of one group"; Path has {id} instead of ids.
	Name, Path string
	// Permission is the permission that the request needs according to the documents
	// (iam-policy-actions-map; the how-to guide on inviting and granting access); "" if they name
	// none.
	Permission string
	// Exchanges are all requests and answers, in order.
	Exchanges []Exchange
	// Rows is the number of rows of the list; 1 for a single object.
	Rows int
	// Err is the error that reading returned.
	Err error

	keys []string // the keys of the rows of a list; nil for a single object
}

func (e *Endpoint) observe(x Exchange) { e.Exchanges = append(e.Exchanges, x) }

// Status returns the status of the last answer; 0 if there is none.
func (e *Endpoint) Status() int {
	for _, x := range slices.Backward(e.Exchanges) {
		if x.Status != 0 {
			return x.Status
		}
	}
	return 0
}

// Verdict returns what the API says to the request.
func (e *Endpoint) Verdict() org.Verdict {
	status := e.Status()
	switch {
	case len(e.Exchanges) == 0:
		return org.VerdictUntried
	case status == http.StatusUnauthorized:
		return org.VerdictRefused
	case status == http.StatusForbidden:
		return org.VerdictForbidden
	case status == http.StatusNotFound:
		return org.VerdictMissing
	case e.Err != nil:
		return org.VerdictFailed
	}
	return org.VerdictAllowed
}

// Allowed reports whether the verdict is [org.VerdictAllowed].
func (e *Endpoint) Allowed() bool { return e.Verdict() == org.VerdictAllowed }

// lastRead returns the answers of the last time that the list was read, which begins with a
// request without a cursor.
func (e *Endpoint) lastRead() []Exchange {
	for i, x := range slices.Backward(e.Exchanges) {
		if x.ok() && x.Query.Get("cursor") == "" {
			return e.Exchanges[i:]
		}
	}
	return nil
}

// rawRows returns the rows of the last read, not decoded.
func (e *Endpoint) rawRows() []fields {
	var rows []fields
	for _, x := range e.lastRead() {
		for _, key := range e.keys {
			rows = append(rows, x.top.objects(key)...)
		}
	}
	return rows
}

// addKeyTrait adds which of its keys a list has; values are the names of the keys, in their order.
func (e *Endpoint) addKeyTrait(t traits, axis string, values ...string) {
	for _, x := range e.lastRead() {
		for i, key := range e.keys {
			if _, found := x.top[key]; found {
				t.add(axis, values[i])
			}
		}
	}
}

// Pages returns the number of pages of the list when it was last read.
func (e *Endpoint) Pages() int {
	n := 0
	for _, x := range e.lastRead() {
		if x.ok() {
			n++
		}
	}
	return n
}

// Message returns what the server said, or what was wrong with its answer. It may have the key in
// another form; see [Client.Clean]. There must be an exchange.
func (e *Endpoint) Message() string {
	if failure, ok := errors.AsType[*org.CallError](e.Err); ok {
		if failure.Err == nil {
			return failure.Message
		}
		return strings.TrimPrefix(failure.Message+": "+failure.Err.Error(), ": ")
	}
	return e.Exchanges[len(e.Exchanges)-1].Text() // a run does not need this answer
}
