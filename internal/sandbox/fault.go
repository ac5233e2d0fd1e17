package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Kind is what goes wrong.
type Kind string

// The kinds. "The right answer" is what the server would have said; without Fault.After it is what a copy of the world
// says, so that the world is untouched all the same.
const (
	// FaultStatus answers Fault.Status (0: 500) with a JSON error.
	FaultStatus Kind = "status"
	// FaultForbid answers Fault.Status (0: 403) in the API's own form.
	FaultForbid Kind = "forbid"
	// FaultThrottle answers 429 with Fault.RetryAfter.
	FaultThrottle Kind = "throttle"
	// FaultDrop cuts the connection without an answer.
	FaultDrop Kind = "drop"
	// FaultTruncate promises the whole answer in Content-Length, sends half and cuts the connection. In process there is
	// no connection: the body is shorter than Content-Length says. Without a body it is FaultDrop.
	FaultTruncate Kind = "truncate"
	// FaultHalf sends the first half of the JSON as if it were all.
	FaultHalf Kind = "half"
	// FaultHTML answers 200 (or Fault.Status) with a web page.
	FaultHTML Kind = "html"
	// FaultEmpty answers with the right status (or Fault.Status) and an empty body.
	FaultEmpty Kind = "empty"
	// FaultHang answers nothing for Fault.Delay (0: until the client gives up) and then cuts the connection. In process
	// the client gives up when the request's context ends.
	FaultHang Kind = "hang"
	// FaultSlow gives the right answer, late: without After the request waits for Fault.Delay, or until the client gives
	// up, and is then served all the same; with After it is served at once and its answer waits.
	FaultSlow Kind = "slow"
	// FaultRedirect answers Fault.Status (0: 302) with Fault.Location ("": /elsewhere).
	FaultRedirect Kind = "redirect"
	// FaultWrongPerson gives the right answer about stranger@example.net.
	FaultWrongPerson Kind = "wrong_person"
	// FaultWrongOrganization gives the right answer with another org_id and org_name.
	FaultWrongOrganization Kind = "wrong_organization"
	// FaultNoID gives the right answer with an empty id.
	FaultNoID Kind = "no_id"
	// FaultRowAdded shows a page of a list as if a row had been added before its first since the last page was read: it
	// begins with the row that the last page ended with, and the total is one more. First pages are left alone.
	FaultRowAdded Kind = "row_added"
	// FaultRowRemoved shows a page as if an earlier row had been removed: one row is never shown, and the total is one
	// less.
	FaultRowRemoved Kind = "row_removed"
	// FaultRepeatCursor names as the next page the very page that was asked for.
	FaultRepeatCursor Kind = "repeat_cursor"
	// FaultWrongTotal adds 3 to meta.total, also where the dialect would leave meta out.
	FaultWrongTotal Kind = "wrong_total"
	// FaultEmptyList shows a list as one without rows, and counts none.
	FaultEmptyList Kind = "empty_list"
	// FaultErrorInside gives the right status and puts Fault.Says, a JSON object ("": an error),
	// into the right answer: with After or Fault.Beside beside all that it says, else beside empty
	// lists and nothing else. An answer without a body gets one.
	FaultErrorInside Kind = "error_inside"
	// FaultExpired gives the right answer about an invitation that expired an hour ago.
	FaultExpired Kind = "expired"
)

// kinds are all kinds.
var kinds = []Kind{
	FaultStatus, FaultForbid, FaultThrottle, FaultDrop, FaultTruncate, FaultHalf, FaultHTML, FaultEmpty, FaultHang,
	FaultSlow, FaultRedirect, FaultWrongPerson, FaultWrongOrganization, FaultNoID, FaultRowAdded, FaultRowRemoved,
	FaultRepeatCursor, FaultWrongTotal, FaultEmptyList, FaultErrorInside, FaultExpired,
}

// StrangerEmail is who answers are about under FaultWrongPerson.
const StrangerEmail = "stranger@example.net"

// strangerOrganization is whose org_id answers hold under FaultWrongOrganization.
const strangerOrganization = "00000000-0000-4000-8000-000000000000"

// Fault is something that goes wrong with some requests. Only requests that the limit and the documents allow are
// counted. Of several faults that match a request, the one added first strikes.
type Fault struct {
	// Method is the method; "" is any.
	Method string
	// Path is a path as in the request line, a route as in "/v2/invitation/{id}/resend", or a prefix and an asterisk as in
	// "/v2/invitation*"; "" is any.
	Path string
	// From is the first matching request that is struck, counted from 1; 0 is 1.
	From int
	// Every is how many matching requests it is from one that is struck to the next; 0 is 1: each.
	Every int
	// Times is how often the fault strikes; 0 is forever.
	Times int
	// After is true when the server acts first and only its answer is broken. Otherwise the world is untouched.
	After bool
	// Late is how long after the fault was seen the server acts on the request all the same, without an answer; 0: never.
	// It means nothing for reads, with After and with FaultSlow.
	Late time.Duration

	// Kind is what goes wrong; what the fields below are for, and what their zero means, stands there.
	Kind   Kind
	Status int
	// RetryAfter is the header's value; "date+5s" is an HTTP date 5 s after the world's clock, "" is no header.
	RetryAfter string
	// Delay is how long the client waits before anything else of the fault is seen; with any kind.
	Delay    time.Duration
	Location string
	// Says and Beside are for FaultErrorInside.
	Says   string
	Beside bool
}

// AddFault makes something go wrong from now on. It panics for a kind or a Retry-After that there is
// none of, and for Says that is no JSON, since a test that believes in a fault which never strikes
// proves nothing.
func (s *Server) AddFault(f Fault) {
	if !slices.Contains(kinds, f.Kind) {
		panic(fmt.Sprintf("sandbox: no fault is of the kind %q", f.Kind))
	}
	if text, dated := strings.CutPrefix(f.RetryAfter, "date+"); dated {
		if _, err := time.ParseDuration(text); err != nil {
			panic(fmt.Sprintf("sandbox: Retry-After %q: %v", f.RetryAfter, err))
		}
	}
	if f.Says != "" && json.Unmarshal([]byte(f.Says), &object{}) != nil {
		panic(fmt.Sprintf("sandbox: %q is no JSON object", f.Says))
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.rules = append(s.faults.rules, &rule{Fault: f})
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.rules = nil
}

type faults struct {
	mu    sync.Mutex
	rules []*rule
}

// rule is a fault and how often it was looked at.
type rule struct {
	Fault
	seen, struck int
}

// strike counts a request and says which fault strikes it; nil for none.
func (f *faults) strike(r *http.Request, on *route) *rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	var hit *rule
	for _, rule := range f.rules {
		if !rule.matches(r, on) {
			continue
		}
		rule.seen++
		if hit == nil && rule.due() {
			hit = rule
		}
	}
	if hit != nil {
		hit.struck++
	}
	return hit
}

func (f *rule) matches(r *http.Request, on *route) bool {
	path := r.URL.EscapedPath()
	prefix, open := strings.CutSuffix(f.Path, "*")
	return (f.Method == "" || f.Method == r.Method) &&
		(f.Path == "" || f.Path == path || f.Path == on.pattern || open && strings.HasPrefix(path, prefix))
}

func (f *rule) due() bool {
	from, every := max(f.From, 1), max(f.Every, 1)
	return f.seen >= from && (f.seen-from)%every == 0 && (f.Times == 0 || f.struck < f.Times)
}

// actsLate reports whether the server acts on a request of this method after it broke the answer, which has this
// status. A client that is told of a refusal may rely on it.
func (f *rule) actsLate(method string, status int) bool {
	if f.Late <= 0 || !f.dry() || method == http.MethodGet {
		return false
	}
	switch f.Kind {
	case FaultTruncate, FaultHalf, FaultEmpty, FaultWrongPerson, FaultWrongOrganization, FaultNoID, FaultErrorInside,
		FaultExpired:
		return status < http.StatusMultipleChoices || f.Status != 0
	default:
		return true
	}
}

// dry reports whether the answer is made in a copy of the world.
func (f *rule) dry() bool { return !f.After && f.Kind != FaultSlow }

const waitingPage = "<!DOCTYPE html><html><head><title>Just a moment…</title></head><body><h1>Please " +
	"wait</h1></body></html>\n"

// corrupt breaks the answer, or cuts the connection, after the time that the fault lets the client wait.
func (f *rule) corrupt(client context.Context, a *answer) {
	switch {
	case f.Kind == FaultSlow && !f.After: // has waited already
	case f.Kind == FaultHang && f.Delay == 0:
		<-client.Done()
	default:
		pause(client, f.Delay)
	}
	status := func(usual int) int { return cmp.Or(f.Status, usual) }
	fail := func(code int, text string) {
		a.status = code
		a.setJSON(Dialect{}, object{"error": text, "status": code})
	}
	switch f.Kind {
	case FaultHang, FaultDrop:
		panic(http.ErrAbortHandler)
	case FaultStatus:
		fail(status(http.StatusInternalServerError), "Internal error")
	case FaultForbid:
		fail(status(http.StatusForbidden), "The API key is not allowed to do this")
	case FaultThrottle:
		fail(http.StatusTooManyRequests, "Rate limit exceeded")
		if after := f.retryAfter(a.header.Get("Date")); after != "" {
			a.header.Set("Retry-After", after)
		}
	case FaultTruncate:
		if len(a.body) == 0 { // a 204 has nothing to cut short but the connection
			panic(http.ErrAbortHandler)
		}
		a.header.Set("Content-Length", strconv.Itoa(len(a.body)+1))
		a.body = a.body[:len(a.body)/2]
	case FaultHalf:
		a.body = a.body[:len(a.body)/2]
	case FaultHTML:
		a.status, a.body = status(http.StatusOK), []byte(waitingPage)
		a.header.Set("Content-Type", "text/html; charset=utf-8")
	case FaultEmpty:
		a.status, a.body = status(a.status), nil
	case FaultErrorInside:
		a.sayError(f.Says, f.After || f.Beside)
	case FaultRedirect:
		a.status, a.body = status(http.StatusFound), nil
		a.header.Set("Location", cmp.Or(f.Location, "/elsewhere"))
	}
}

// sayError puts the fields of says, a JSON object, into the answer, if it is a success. Unless
// beside, its lists become empty and all else goes.
func (a *answer) sayError(says string, beside bool) {
	if a.status/100 != 2 {
		return
	}
	said := object{"error": object{"message": "Internal error", "code": 500}}
	if says != "" {
		said = object{}
		_ = json.Unmarshal([]byte(says), &said) // AddFault has tried it
	}
	top := object{}
	_ = json.Unmarshal(a.body, &top) // no body: no fields
	for name, value := range top {
		_, list := value.([]any)
		switch {
		case beside:
		case list:
			top[name] = []any{}
		case name == "meta":
			top[name] = object{"total": 0, "links": object{"next": "", "prev": ""}}
		default:
			delete(top, name)
		}
	}
	maps.Copy(top, said)
	header := a.header.Get("Content-Type")
	if a.status == http.StatusNoContent { // which has no body
		a.status = http.StatusOK
	}
	a.setJSON(Dialect{}, top)
	if header != "" {
		a.header.Set("Content-Type", header)
	}
}

// retryAfter is the header's value, given the answer's Date.
func (f *rule) retryAfter(date string) string {
	text, dated := strings.CutPrefix(f.RetryAfter, "date+")
	if !dated {
		return f.RetryAfter
	}
	now, err1 := http.ParseTime(date)
	later, err2 := time.ParseDuration(text)
	if err := errors.Join(err1, err2); err != nil {
		panic(err) // every answer has a date, and AddFault has tried the other
	}
	return now.Add(later).Format(http.TimeFormat)
}
