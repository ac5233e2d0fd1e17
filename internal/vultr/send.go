package vultr

import (
	"bytes"
	"context"
	"encoding/json"
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
	// maxAnswer is the largest answer that is read; a page of 500 rows is far below.
	maxAnswer = 32 << 20
	// maxErrorBody is how much of an answer that is no success is read for the server's words.
	maxErrorBody = 64 << 10
	// stopGrace is how long a write in flight may go on when its caller has stopped.
	stopGrace = 10 * time.Second
)

var (
	errTooLarge = fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)
	errStopped  = fmt.Errorf("no answer within %v of the stop", stopGrace)
)

// call is one thing to ask of the API.
type call struct {
	op, target string // for errors, as in org.CallError
	method     string
	path       string // from /v2 on; ids in it have passed pathID
	query      url.Values
	body       any  // sent as JSON; nil: no body
	mayBeEmpty bool // a success says all by its status; there need be no JSON
	first      bool // it goes before others that wait for a slot
}

func (q call) failed(f org.Failure, status int, message string, cause error) *org.CallError {
	return &org.CallError{Op: q.op, Target: q.target, Failure: f, Status: status, Message: message, Err: cause}
}

// answer is what came back. Even where the call failed, it says what is known.
type answer struct {
	sent   bool // the request may have reached the server
	status int
	header http.Header
	fields fields // the top of the JSON object; only without a failure
}

// errorText returns what a success says that went wrong, or "" when it says nothing of the kind.
func (a answer) errorText() string {
	mediaType, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	if mediaType == "application/problem+json" { // RFC 9457
		all, err := json.Marshal(a.fields)
		if err != nil {
			panic(err) // it was read from JSON
		}
		return textIn(all)
	}
	return a.fields.errorText()
}

// send waits for its turn and sends q once. Without a failure the answer is a 2xx with a JSON object.
func (c *Client) send(ctx context.Context, q call) (answer, *org.CallError) {
	ticket, err := c.admit(ctx, q.first)
	if err != nil {
		return answer{}, q.failed(org.NotSent, 0, "", err)
	}
	defer c.slots.release()

	bounded, cancel := c.withTimeout(ctx, q)
	defer cancel()
	var asked, connected atomic.Bool
	bounded = httptrace.WithClientTrace(bounded, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := c.newRequest(bounded, q)
	if err != nil {
		return answer{}, q.failed(org.NotSent, 0, "", err)
	}

	start := time.Now()
	// RoundTrip and not http.Client.Do: one request, one answer, and a redirect is an answer like any other.
	res, err := c.transport.RoundTrip(req)
	// Only a transport that asked for a connection and got none has surely sent nothing.
	a := answer{sent: err == nil || !asked.Load() || connected.Load()}
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
		return a, q.failed(failure, a.status, c.clean(failureText(a, body)), nil)
	case errors.Is(err, errTooLarge):
		return a, q.failed(org.Unreadable, a.status, "", err)
	case err != nil:
		return a, q.failed(org.Lost, a.status, "the answer was cut short", err)
	}
	if q.mayBeEmpty && len(bytes.TrimSpace(body)) == 0 {
		return a, nil
	}
	if !hasAtMost(body, maxMembers) {
		return a, q.failed(org.Unreadable, a.status, "", errTooMany)
	}
	if a.fields = decodeObject(body); isHTML(a.header) || a.fields == nil {
		return a, q.failed(org.Unreadable, a.status, c.clean(describeNonJSON(a, body)), nil)
	}
	// What the words say is not relied on: whether the server acted is found out by reading.
	if text := a.errorText(); text != "" {
		return a, q.failed(org.Unreadable, a.status, c.clean("the answer says: "+text), nil)
	}
	// Only an answer of the API's own tells its time: a gateway's error page has a clock of its own. Writes, of which there may
	// be many in a row, may all go to one machine; what a list shows is judged by the clocks that lists come with. So may the
	// pages of one list, of which only the first counts.
	if q.method == http.MethodGet && !q.query.Has("cursor") {
		c.clock.observe(a.header)
	}
	return a, nil
}

// timeoutError ends a request that took too long. Unlike the end of the caller's context it is not a
// [context.DeadlineExceeded]; it is known by its Timeout, as the errors of net are.
type timeoutError struct{ after time.Duration }

func (e timeoutError) Error() string { return fmt.Sprintf("no answer within %v", e.after) }
func (e timeoutError) Timeout() bool { return true }

// admit waits until a request may go out; an error of ctx means that it may not. The slot comes before the limiter: who
// waited for a slot with a token in hand would break the spacing.
func (c *Client) admit(ctx context.Context, first bool) (ticket int, err error) {
	if err := c.slots.acquire(ctx, first); err != nil {
		return 0, err
	}
	if ticket, err = c.limiter.wait(ctx); err != nil {
		c.slots.release()
	}
	return ticket, err
}

// withTimeout limits one request in time. A read ends with its caller. A write that has been admitted is not torn off when its
// caller stops, because its answer says whether a mail went out: it gets a grace.
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

// readBody reads the whole answer, or as much of a refusal as its words need.
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

// requestError is why a request failed: what ended its time, if that was it, else err, which may quote what the server sent.
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

// isHTML tells what a proxy, a portal or a maintenance page sends; whatever else holds a JSON object is JSON.
func isHTML(h http.Header) bool {
	mediaType, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return mediaType == "text/html" || mediaType == "application/xhtml+xml"
}

// pathID gives id back if it can be one segment of a path. Ids come from the server; "../x" or "" would name something else.
func pathID(id string) (string, error) {
	if !isID(id) {
		return "", fmt.Errorf("the id %q cannot be used in a request", shorten(id))
	}
	return id, nil
}

// isID tells whether id is made like those of the API (UUIDs, and 13 hexadecimal digits for older users), or near it.
func isID(id string) bool {
	if id == "" || len(id) > 128 || id == "." || id == ".." {
		return false
	}
	return strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}
