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
	// maxErrorBody is the maximum number of bytes that are read from an answer that is not a success.
	maxErrorBody = 64 << 10
	// stopGrace is how long a write in flight may continue after the context of its caller has ended.
	stopGrace = 10 * time.Second
	// byteOrderMark is ignored before an answer, as RFC 8259, 8.1 allows. A PHP program sends one for each of its files
	// that begins with one.
	byteOrderMark = "\ufeff"
)

var (
	errTooLarge = fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)
	errStopped  = fmt.Errorf("no answer within %v after the run was stopped", stopGrace)
)

// call is a request to the API.
type call struct {
	op, target string // as in org.CallError
	method     string
	path       string // begins with /v2; ids in it were checked by pathID
	query      url.Values
	body       any  // sent as JSON; nil: no body
	mayBeEmpty bool // an empty answer is a success too
	urgent     bool // see semaphore
}

func (q call) failed(f org.Failure, status int, message string, cause error) *org.CallError {
	return &org.CallError{Op: q.op, Target: q.target, Failure: f, Status: status, Message: message, Err: cause}
}

// answer is the server's answer to a request, also if the answer means that the call failed.
type answer struct {
	sent    bool // the request may have reached the server
	refused bool // the gate refused the request, so it must not be repeated
	status  int  // 0: no answer came
	header  http.Header
	fields  fields // the JSON object in the body; nil if the call failed or the body is empty
}

// errorText returns the error in a successful answer; "" if there is none.
func (a answer) errorText() string {
	mediaType, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	if mediaType == "application/problem+json" { // RFC 9457
		return textIn(a.fields.encode())
	}
	return a.fields.errorText()
}

// send waits until it may send q, and sends it exactly once. If it returns no failure, the answer
// has status 2xx and a JSON object, or an empty body if q allows that.
func (c *Client) send(ctx context.Context, q call) (answer, *org.CallError) {
	ticket, err := c.admit(ctx, q.urgent)
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
		return answer{refused: gate.refused() != nil}, q.failed(org.NotSent, 0, "", err)
	}

	start := time.Now()
	// Unlike http.Client.Do, RoundTrip sends exactly one request and does not follow redirects.
	res, err := c.transport.RoundTrip(req)
	// If the transport asked for a connection and got none, an error means that nothing was sent. A transport that does
	// not call the hooks may have sent the request.
	a := answer{sent: err == nil || !asked.Load() || connected.Load()}
	if refusal := gate.refused(); refusal != nil {
		a, err = answer{refused: true}, refusal
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
		body = bytes.TrimLeft(body, byteOrderMark)
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
	return c.interpret(q, a, body, err)
}

// interpret decodes the body of an answer, and returns the failure that the answer means; nil if it
// is a success. err is the reason why the answer is missing or incomplete; nil if it is complete.
func (c *Client) interpret(q call, a answer, body []byte, err error) (answer, *org.CallError) {
	failure := failureOfStatus(a.status)
	switch {
	case a.status == 0 && a.sent:
		return a, q.failed(org.Lost, 0, "", err)
	case a.status == 0:
		return a, q.failed(org.NotSent, 0, "", err)
	case failure != 0:
		failed := q.failed(failure, a.status, c.CleanText(failureText(a, body)), nil)
		failed.NotFromAPI = !isFromAPI(a, body)
		return a, failed
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
		return a, q.failed(org.Unreadable, a.status, c.CleanText(describeNonJSON(a, body)), nil)
	}
	// A status 2xx and an error text contradict each other. So the failure is Unreadable and not
	// Refused: a later read finds out whether the server acted.
	if text := a.errorText(); text != "" {
		return a, q.failed(org.Unreadable, a.status, c.CleanText("the answer says: "+text), nil)
	}
	// The clock counts only answers of the API itself: the error page of a gateway has the time of
	// the gateway. It does not count writes, because one machine may answer all of them.
	if q.method == http.MethodGet {
		c.clock.observe(q.op, a.header)
	}
	return a, nil
}

// timeoutError is the error of a request that took longer than Config.RequestTimeout. It is not
// [context.DeadlineExceeded], which means that the context of the caller has ended. Like the errors
// of package net, it has the method Timeout.
type timeoutError struct{ after time.Duration }

func (e timeoutError) Error() string { return fmt.Sprintf("no answer within %v", e.after) }
func (e timeoutError) Timeout() bool { return true }

// admit waits until a request may be sent, and acquires a slot for it. If ctx ends first, admit returns the error of
// ctx, and the request has no slot and must not be sent. admit acquires the slot before it waits for the limiter: a
// request that waits for a slot after the limiter would break the even spacing.
func (c *Client) admit(ctx context.Context, urgent bool) (ticket int, err error) {
	if err := c.slots.acquire(ctx, urgent); err != nil {
		return 0, err
	}
	if ticket, err = c.limiter.wait(ctx); err != nil {
		c.slots.release()
	}
	return ticket, err
}

// withTimeout returns a context that limits one request to the request timeout. If ctx ends, the context of a read
// ends at once. The context of a write ends after stopGrace, because the answer to a write says whether the server
// acted.
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

// readBody returns the body of an answer and closes it. If the answer is not a success, readBody returns at most
// maxErrorBody bytes. If a success has more than maxAnswer bytes, the error is errTooLarge.
func readBody(res *http.Response) ([]byte, error) {
	defer res.Body.Close()
	if res.StatusCode == http.StatusSwitchingProtocols { // the body is the connection, which no context ends
		return nil, nil
	}
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

// requestError returns the reason why a request failed, without the key. If the context of the request has ended, the
// result is the reason for that. Otherwise, it is err. bounded is the context of the request, and ctx is the context
// of its caller.
func (c *Client) requestError(ctx, bounded context.Context, q call, err error) error {
	switch text := err.Error(); {
	case q.method == http.MethodGet && ctx.Err() != nil:
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

// isHTML reports whether an answer is a web page, such as the error page of a proxy, a login page
// of a network or a maintenance page. Answers with any other content type may be JSON.
func isHTML(h http.Header) bool {
	mediaType, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return mediaType == "text/html" || mediaType == "application/xhtml+xml"
}

// pathID returns id, or an error if id cannot be one segment of a path. Ids come from the server,
// and "../x" or "" would change the path.
func pathID(id string) (string, error) {
	if !IsValidID(id) {
		return "", fmt.Errorf("the id %q cannot be used in a request", shorten(id))
	}
	return id, nil
}

// IsValidID reports whether id can be an id of the API: at most 128 ASCII letters, digits, dots, hyphens
// and underscores, but not "." or "..". The ids of the API are UUIDs, and 13 hexadecimal digits for
// older users.
func IsValidID(id string) bool {
	if id == "" || len(id) > 128 || id == "." || id == ".." {
		return false
	}
	return strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}
