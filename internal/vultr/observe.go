package vultr

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Exchange is a request that was sent and its answer, without any interpretation. It does not have
// the key.
type Exchange struct {
	Method string
	Path   string
	Query  url.Values
	At     time.Time // when the answer was read; by the local clock
	Took   time.Duration
	Status int // 0: no answer came
	Header http.Header
	Body   []byte // what was read of it
	top    fields // the body, if it is a JSON object
}

func (x Exchange) ok() bool { return x.Status/100 == 2 && x.top != nil && !x.IsHTML() }

// IsHTML reports whether the answer is a web page.
func (x Exchange) IsHTML() bool { return isHTML(x.Header) }

// IsIntercepted reports whether the answer is a web page or a redirect, and so not from the API.
func (x Exchange) IsIntercepted() bool { return x.Status/100 == 3 || x.Status != 0 && x.IsHTML() }

// IsThrottled reports whether the server asked for a pause.
func (x Exchange) IsThrottled() bool { return x.Status == http.StatusTooManyRequests }

// Text returns what an answer that is not a success says. It may have the key in another form; see
// [Client.Clean].
func (x Exchange) Text() string {
	return failureText(answer{status: x.Status, header: x.Header}, x.Body)
}

type observerKey struct{}

// withObserver returns a context whose requests are passed to f, those of one list in order. A
// survey uses it to see the same answers as the client, instead of reading the lists in its own
// way.
func withObserver(ctx context.Context, f func(Exchange)) context.Context {
	return context.WithValue(ctx, observerKey{}, f)
}

// notifyObserver passes an exchange to the observer of ctx, if there is one.
func (c *Client) notifyObserver(ctx context.Context, q call, start time.Time, a answer, body []byte) {
	f, ok := ctx.Value(observerKey{}).(func(Exchange))
	if !ok {
		return
	}
	x := Exchange{Method: q.method, Path: q.path, Query: q.query, At: time.Now(), Status: a.status, Header: a.header}
	x.Took = x.At.Sub(start)
	x.Body = []byte(c.redact(string(body)))
	x.top = decodeObject(x.Body)
	f(x)
}
