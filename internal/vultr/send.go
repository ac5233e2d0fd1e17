package vultr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

const (
	// maxAnswer is the maximum size of an answer in bytes; a page of 500 rows is far smaller.
	maxAnswer = 32 << 20
	// maxErrorBody is how many bytes of an answer that is not a success are read for its text.
	maxErrorBody = 64 << 10
	// stopGrace is how long a write in flight may continue after its caller has stopped.
	stopGrace = 10 * time.Second
)

var (
	errTooLarge = fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)
	errStopped  = fmt.Errorf("no answer within %v of the stop", stopGrace)
)

// call is a request to the API.
type call struct {
	op, target string // for errors, as in org.CallError
	method     string
	path       string // begins with /v2; ids in it were checked by pathID
	query      url.Values
	body       any  // sent as JSON; nil: no body
	mayBeEmpty bool // a success may have no JSON
	first      bool // goes before others that wait for a slot
}

func (q call) failed(f org.Failure, status int, message string, cause error) *org.CallError {
	return &org.CallError{Op: q.op, Target: q.target, Failure: f, Status: status, Message: message, Err: cause}
}

// answer is what the server sent. If the call failed, it has what is known.
type answer struct {
	sent bool // the request may have reached the server
	// stopped is true if the gate kept the request back: then none is sent again.
	stopped bool
	status  int
	header  http.Header
	fields  fields // the top of the JSON object; only without a failure
}

// errorText returns the error in a successful answer; "" if there is none.
func (a answer) errorText() string {
	mediaType, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	if mediaType == "application/problem+json" { // RFC 9457
		return textIn(a.fields.encode())
	}
	return a.fields.errorText()
}

// send waits until it may send q, and sends it once. Without a failure the answer is a 2xx with a
// JSON object.
func (c *Client) send(ctx context.Context, q call) (answer, *org.CallError) {
	ticket, err := c.admit(ctx, q.first)
	if err != nil {
		return answer{}, q.failed(org.NotSent, 0, "", err)
	}
	defer c.slots.release()

	bounded, cancel := c.withTimeout(ctx, q)
	defer cancel()
	var asked, connected atomic.Bool
	gate := &gate{check: org.Gate(ctx)}
	trace := gate.trace(func() { connected.Store(true) })
	trace.GetConn = func(string) { asked.Store(true) }
	bounded = httptrace.WithClientTrace(bounded, trace)
	req, err := c.newRequest(bounded, q)
	if err == nil {
		err = gate.pass()
	}
	if err != nil {
		return answer{stopped: gate.refused() != nil}, q.failed(org.NotSent, 0, "", err)
	}

	start := time.Now()
	// RoundTrip and not http.Client.Do, so that there is exactly one request and redirects are not
	// followed.
	res, err := c.transport.RoundTrip(req)
	// Only a transport that asked for a connection and got none has certainly sent nothing.
	a := answer{sent: err == nil || !asked.Load() || connected.Load()}
	if refusal := gate.refused(); refusal != nil {
		a, err = answer{stopped: true}, refusal
		if res != nil {
			_ = res.Body.Close()
			res = nil
		}
	}
	if a.sent {
		c.requests.Add(1)
	}
	var body []byte
	if err == nil {
		a.status, a.header = res.StatusCode, res.Header
		body, err = readBody(res)
	}
	if err != nil {
		err = c.requestError(ctx, bounded, q, err)
	}
	c.notifyObserver(ctx, q, start, a, body)
	log := c.log.With("method", q.method, "path", q.path, "status", a.status, "duration", time.Since(start))
	if err != nil {
		log = log.With("error", err)
	}
	log.DebugContext(ctx, "request")
	if a.status == http.StatusTooManyRequests {
		c.throttled.Add(1)
		c.limiter.throttled(ticket, retryAfter(a.header))
	}
	return c.understand(q, a, body, err)
}

// understand says what came of a request. err is why there is no answer, or no whole one.
func (c *Client) understand(q call, a answer, body []byte, err error) (answer, *org.CallError) {
	failure := failureOfStatus(a.status)
	switch {
	case a.status == 0 && a.sent:
		return a, q.failed(org.Lost, 0, "", err)
	case a.status == 0:
		return a, q.failed(org.NotSent, 0, "", err)
	case failure != 0:
		return a, q.failed(failure, a.status, c.Clean(failureText(a, body)), nil)
	case errors.Is(err, errTooLarge):
		return a, q.failed(org.Unreadable, a.status, "", err)
	case err != nil:
		return a, q.failed(org.Lost, a.status, "the answer was cut short", err)
	}
	if q.mayBeEmpty && len(bytes.TrimSpace(body)) == 0 {
		return a, nil
	}
	switch a.fields = decodeObject(body); {
	case a.fields == nil && !hasAtMost(body, maxMembers):
		return a, q.failed(org.Unreadable, a.status, "", errTooMany)
	case a.fields == nil, isHTML(a.header):
		return a, q.failed(org.Unreadable, a.status, c.Clean(describeNonJSON(a, body)), nil)
	}
	// The text is not trusted: reading finds out whether the server acted.
	if text := a.errorText(); text != "" {
		return a, q.failed(org.Unreadable, a.status, c.Clean("the answer says: "+text), nil)
	}
	// Only an answer of the API has its time: the error page of a gateway has another clock. Writes do
	// not count, because one machine may answer all of them.
	if q.method == http.MethodGet {
		c.clock.observe(q.op, a.header)
	}
	return a, nil
}

// timeoutError ends a request that took too long. Unlike the end of the caller's context it is not
// a [context.DeadlineExceeded]; like the errors of net it has the method Timeout.
type timeoutError struct{ after time.Duration }

func (e timeoutError) Error() string { return fmt.Sprintf("no answer within %v", e.after) }
func (e timeoutError) Timeout() bool { return true }

// admit waits until a request may be sent; with an error, which is that of ctx, it may not. It
// acquires the slot before the limiter's token: waiting for a slot with a token would break the
// spacing.
func (c *Client) admit(ctx context.Context, first bool) (ticket int, err error) {
	if err := c.slots.acquire(ctx, first); err != nil {
		return 0, err
	}
	if ticket, err = c.limiter.wait(ctx); err != nil {
		c.slots.release()
	}
	return ticket, err
}

// withTimeout returns a context that limits one request. A read ends when ctx ends. A write that
// was admitted continues for stopGrace, because its answer says whether a mail was sent.
func (c *Client) withTimeout(ctx context.Context, q call) (context.Context, context.CancelFunc) {
	late := timeoutError{c.timeout}
	if q.method == http.MethodGet {
		return context.WithTimeoutCause(ctx, c.timeout, late)
	}
	detached, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	unwatch := context.AfterFunc(ctx, func() {
		time.AfterFunc(stopGrace, func() { stop(errStopped) })
	})
	bounded, cancel := context.WithTimeoutCause(detached, c.timeout, late)
	return bounded, func() {
		unwatch()
		cancel()
		stop(nil)
	}
}

func (c *Client) newRequest(ctx context.Context, q call) (*http.Request, error) {
	uri := url.URL{Path: q.path, RawQuery: q.query.Encode()}
	req, err := c.sdk.NewRequest(ctx, q.method, uri.String(), q.body)
	if err != nil {
		return nil, err
	}
	if req.URL.Scheme != c.sdk.BaseURL.Scheme || req.URL.Host != c.sdk.BaseURL.Host {
		return nil, errors.New("the request would leave the configured host")
	}
	if q.body == nil {
		req.Header.Del("Content-Type") // govultr sets it on every request
	}
	c.authorize(req)
	return req, nil
}

// readBody returns the whole answer, or as much of an error as its text needs.
func readBody(res *http.Response) ([]byte, error) {
	defer res.Body.Close()
	if failureOfStatus(res.StatusCode) != 0 {
		return io.ReadAll(io.LimitReader(res.Body, maxErrorBody))
	}
	var body bytes.Buffer
	if res.ContentLength > 0 {
		body.Grow(int(min(res.ContentLength, maxAnswer)) + bytes.MinRead)
	}
	_, err := body.ReadFrom(io.LimitReader(res.Body, maxAnswer+1))
	if body.Len() > maxAnswer {
		return nil, errTooLarge
	}
	return body.Bytes(), err
}

// requestError returns why a request failed: the reason why its context ended, if it did, or else
// err without the key.
func (c *Client) requestError(ctx, bounded context.Context, q call, err error) error {
	switch text := err.Error(); {
	case bounded.Err() != nil && ctx.Err() != nil && q.method == http.MethodGet:
		return ctx.Err()
	case bounded.Err() != nil:
		return context.Cause(bounded)
	case c.redact(text) != text:
		return errors.New(c.redact(text))
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the connection was closed without an answer: %w", err)
	}
	return err
}

// isHTML reports whether an answer is a web page, as proxies, portals and maintenance pages send
// it. Other content types may hold JSON.
func isHTML(h http.Header) bool {
	mediaType, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return mediaType == "text/html" || mediaType == "application/xhtml+xml"
}

// pathID returns id if it can be one segment of a path. Ids come from the server; "../x" or ""
// would change the path.
func pathID(id string) (string, error) {
	if !IsID(id) {
		return "", fmt.Errorf("the id %q cannot be used in a request", shorten(id))
	}
	return id, nil
}

// IsID reports whether id is similar to those of the API (UUIDs, and 13 hexadecimal digits for
// older users).
func IsID(id string) bool {
	if id == "" || len(id) > 128 || id == "." || id == ".." {
		return false
	}
	return strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}
