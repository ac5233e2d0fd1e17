package vultr

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// exchange is a request that was sent and its answer, without any interpretation. It does not have
// the key.
type exchange struct {
	method string
	path   string
	query  url.Values
	at     time.Time // when the answer was read; by the local clock
	took   time.Duration
	status int // 0: no answer came
	header http.Header
	body   []byte // what was read of it
	top    fields // the body, when it is a JSON object
}

func (x exchange) ok() bool { return x.status/100 == 2 && x.top != nil && !isHTML(x.header) }

type observerKey struct{}

// withObserver returns a context whose requests are passed to f, those of one list in order. A
// check-up uses it to see the same answers as the client, instead of reading the lists in its own
// way.
func withObserver(ctx context.Context, f func(exchange)) context.Context {
	return context.WithValue(ctx, observerKey{}, f)
}

// notifyObserver passes an exchange to the observer of ctx, if there is one.
func (c *Client) notifyObserver(ctx context.Context, q call, start time.Time, a answer, body []byte) {
	f, ok := ctx.Value(observerKey{}).(func(exchange))
	if !ok {
		return
	}
	x := exchange{method: q.method, path: q.path, query: q.query, at: time.Now(), status: a.status, header: a.header}
	x.took = x.at.Sub(start)
	x.body = []byte(c.redact(string(body)))
	x.top = decodeObject(x.body)
	f(x)
}
