package vultr

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// Exchange is a request and its answer, without any interpretation.
type Exchange struct {
	Method   string
	Path     string
	Query    url.Values
	At       time.Time // when the answer was read; by the local clock
	Duration time.Duration
	Status   int // 0: no answer came
	Header   http.Header
	Body     []byte // as much as was read, without the key
	top      fields // the body as a JSON object; nil if it is none
}

func (x Exchange) ok() bool { return x.Status/100 == 2 && x.top != nil && !x.IsHTML() }

// IsHTML reports whether the answer is a web page.
func (x Exchange) IsHTML() bool { return isHTML(x.Header) }

// IsIntercepted reports whether the answer is a web page or a redirect, and so not from the API.
func (x Exchange) IsIntercepted() bool { return x.Status/100 == 3 || x.IsHTML() }

// IsThrottled reports whether the server asked for a pause.
func (x Exchange) IsThrottled() bool { return x.Status == http.StatusTooManyRequests }

// ServerTime returns the Date of the answer, and reports whether the client uses it for the server's time. It does not
// use the Date of an error, which may come from a gateway.
func (x Exchange) ServerTime() (time.Time, bool) {
	date, ok := headerDate(x.Header)
	return date, ok && x.ok()
}

// Text returns the error text of an answer that is not a success. It comes from the server: pass it
// to [Client.CleanText] before you print it.
func (x Exchange) Text() string {
	return failureText(answer{status: x.Status, header: x.Header}, x.Body)
}

type observerKey struct{}

// withObserver returns a context for requests that f observes. The client calls f with each request and its answer,
// and with the pages of one list in their order. So a survey sees the same answers as the client, and needs no own
// code that reads lists.
func withObserver(ctx context.Context, f func(Exchange)) context.Context {
	return context.WithValue(ctx, observerKey{}, f)
}

// notifyObserver passes a request and its answer to the observer of ctx, if there is one.
func (c *Client) notifyObserver(ctx context.Context, q call, start time.Time, a answer, body []byte) {
	f, ok := ctx.Value(observerKey{}).(func(Exchange))
	if !ok {
		return
	}
	x := Exchange{Method: q.method, Path: q.path, Query: q.query, At: time.Now(), Status: a.status, Header: a.header}
	x.Duration = x.At.Sub(start)
	x.Body = []byte(c.redact(string(body)))
	x.top = decodeObject(x.Body)
	f(x)
}

// Endpoint has the requests of one kind that a survey made, and their result.
type Endpoint struct {
	// Name says what the requests read, as in "members of one group".
	Name string
	// Path is the path of the requests, with {id} instead of an id.
	Path string
	// Permission is the permission that the request needs according to the documents
	// (iam-policy-actions-map; the how-to guide on inviting and granting access); "" if they name
	// none.
	Permission string
	// Exchanges are all requests and answers, in order.
	Exchanges []Exchange
	// Rows is the number of rows of the list; 1 for a single object.
	Rows int
	// Err is the error of the client's read; nil if the read succeeded, or if the client accepts the
	// failure.
	Err error

	keys []string // the keys of the rows of a list; nil for a single object
}

func (e *Endpoint) observe(x Exchange) { e.Exchanges = append(e.Exchanges, x) }

// Status returns the HTTP status of the last answer; 0 if no answer came.
func (e *Endpoint) Status() int {
	for _, x := range slices.Backward(e.Exchanges) {
		if x.Status != 0 {
			return x.Status
		}
	}
	return 0
}

// Verdict returns whether the API allowed the request, or why it did not. A 403 or 404 is such a reason only if the
// client says so: the 403 of a proxy, or of a later page of a list, is a failure.
func (e *Endpoint) Verdict() org.Verdict {
	status := e.Status()
	switch {
	case len(e.Exchanges) == 0:
		return org.VerdictUntried
	case status == http.StatusUnauthorized:
		return org.VerdictBadKey
	case e.Err != nil && !IsForbiddenOrMissing(e.Err):
		return org.VerdictFailed
	case status == http.StatusForbidden:
		return org.VerdictForbidden
	case status == http.StatusNotFound:
		return org.VerdictMissing
	}
	return org.VerdictAllowed
}

// Allowed reports whether the verdict is [org.VerdictAllowed].
func (e *Endpoint) Allowed() bool { return e.Verdict() == org.VerdictAllowed }

// lastRead returns the exchanges of the last attempt to read the list. An attempt begins with a
// successful request without a cursor. lastRead returns nil if there is none. The client may read a
// list several times, see list.
func (e *Endpoint) lastRead() []Exchange {
	for i, x := range slices.Backward(e.Exchanges) {
		if x.ok() && x.Query.Get("cursor") == "" {
			return e.Exchanges[i:]
		}
	}
	return nil
}

// rawRows returns the rows of the last attempt to read the list, not decoded.
func (e *Endpoint) rawRows() []fields {
	var rows []fields
	for _, x := range e.lastRead() {
		for _, key := range e.keys {
			rows = append(rows, decodeObjects(x.top[key])...)
		}
	}
	return rows
}

// addKeyTrait adds the keys under which the list has rows. values[i] is the value of the axis for
// e.keys[i].
func (e *Endpoint) addKeyTrait(t traits, axis string, values ...string) {
	for _, x := range e.lastRead() {
		for i, key := range e.keys {
			if _, found := x.top[key]; found {
				t.add(axis, values[i])
			}
		}
	}
}

// Pages returns the number of pages in the last attempt to read the list.
func (e *Endpoint) Pages() int {
	n := 0
	for _, x := range e.lastRead() {
		if x.ok() {
			n++
		}
	}
	return n
}

// Message returns the error text of the server, or says what was wrong with its answer. Pass it to
// [Client.CleanText] before you print it. Message panics if no request was sent.
func (e *Endpoint) Message() string {
	if failure, ok := errors.AsType[*org.CallError](e.Err); ok {
		if failure.Err == nil {
			return failure.Message
		}
		return strings.TrimPrefix(failure.Message+": "+failure.Err.Error(), ": ")
	}
	return e.Exchanges[len(e.Exchanges)-1].Text() // the client accepts this failure
}
