package vultr

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// exchange is a request that was sent and what came back, before anybody judges it. The key is not in it.
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

// withObserver makes every request under the context known to f, one after another for each list. It is how a check-up sees
// the very answers that the client reads, without reading lists in a way of its own.
func withObserver(ctx context.Context, f func(exchange)) context.Context {
	return context.WithValue(ctx, observerKey{}, f)
}

// notifyObserver makes an exchange known to whoever observes ctx.
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
