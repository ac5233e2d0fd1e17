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

// FaultKind is the kind of a fault.
type FaultKind string

// The kinds of faults. "The right answer" is the answer without the fault. Unless Fault.ActFirst is set, it comes from
// a copy of the world, so that the world does not change.
const (
	// FaultStatus answers Fault.Status (0: 500) with a JSON error.
	FaultStatus FaultKind = "status"
	// FaultForbid answers Fault.Status (0: 403) with a JSON error that says that the key may not do this.
	FaultForbid FaultKind = "forbid"
	// FaultThrottle answers 429 with Fault.RetryAfter.
	FaultThrottle FaultKind = "throttle"
	// FaultDrop drops the connection without an answer.
	FaultDrop FaultKind = "drop"
	// FaultTruncate sends half of the body, with the Content-Length of a longer body, and drops the connection. If the
	// handler is called directly, there is no connection to drop. If there is no body, this fault is FaultDrop.
	FaultTruncate FaultKind = "truncate"
	// FaultHalf sends the first half of the JSON as a complete body.
	FaultHalf FaultKind = "half"
	// FaultHTML answers 200 (or Fault.Status) with a web page.
	FaultHTML FaultKind = "html"
	// FaultEmpty answers with the right status (or Fault.Status) and an empty body.
	FaultEmpty FaultKind = "empty"
	// FaultHang waits for Fault.Delay without an answer, and then drops the connection. With 0, it waits until the
	// context of the request ends, because the client gives up.
	FaultHang FaultKind = "hang"
	// FaultSlow gives the right answer after Fault.Delay. Without ActFirst, the server acts after the delay, even if
	// the client has given up by then. With ActFirst, the server acts at once, and only the answer is late.
	FaultSlow FaultKind = "slow"
	// FaultRedirect answers Fault.Status (0: 302) with Fault.Location ("": /elsewhere).
	FaultRedirect FaultKind = "redirect"
	// FaultWrongPerson gives the right answer about stranger@example.net.
	FaultWrongPerson FaultKind = "wrong_person"
	// FaultWrongOrganization gives the right answer with another org_id and org_name.
	FaultWrongOrganization FaultKind = "wrong_organization"
	// FaultNoID gives the right answer with an empty id.
	FaultNoID FaultKind = "no_id"
	// FaultRowAdded shows a page of a list as if a row had been added to an earlier page after that page was read.
	// The page begins with the last row of the page before, and the total is one more. It has no effect on the first
	// page.
	FaultRowAdded FaultKind = "row_added"
	// FaultRowRemoved shows a page of a list as if a row of an earlier page had been removed after that page was
	// read. One row is on no page, and the total is one less. It has no effect on the first page.
	FaultRowRemoved FaultKind = "row_removed"
	// FaultRepeatCursor gives the cursor of the requested page as the cursor of the next page.
	FaultRepeatCursor FaultKind = "repeat_cursor"
	// FaultWrongTotal adds 3 to meta.total, also if the dialect would leave out meta.
	FaultWrongTotal FaultKind = "wrong_total"
	// FaultEmptyList shows a list without rows, with a total of 0.
	FaultEmptyList FaultKind = "empty_list"
	// FaultErrorInside answers with the right status and a body that has an error. It adds the members of
	// Fault.Body, a JSON object ("": an error), to the body of the right answer. With ActFirst or Fault.KeepRest, it
	// keeps the other members of the body. Otherwise, it empties lists, and removes the other members. It has no
	// effect on a refusal. An answer without a body gets one.
	FaultErrorInside FaultKind = "error_inside"
	// FaultExpired gives the right answer about an invitation that expired an hour ago.
	FaultExpired FaultKind = "expired"
)

var kinds = []FaultKind{
	FaultStatus, FaultForbid, FaultThrottle, FaultDrop, FaultTruncate, FaultHalf, FaultHTML, FaultEmpty, FaultHang,
	FaultSlow, FaultRedirect, FaultWrongPerson, FaultWrongOrganization, FaultNoID, FaultRowAdded, FaultRowRemoved,
	FaultRepeatCursor, FaultWrongTotal, FaultEmptyList, FaultErrorInside, FaultExpired,
}

// WrongPersonEmail is the address in answers with FaultWrongPerson.
const WrongPersonEmail = "stranger@example.net"

// strangerOrganization is the org_id in answers with FaultWrongOrganization.
const strangerOrganization = "00000000-0000-4000-8000-000000000000"

// Fault makes some requests fail. Requests that the server refuses, because of the rate limit or because they are a
// violation, do not count. If several faults apply to a request, the fault that was added first is used.
type Fault struct {
	// Method is the method of the requests; "" means any.
	Method string
	// Path selects the requests: a path as in the request line, a route as in "/v2/invitation/{id}/resend", or a
	// prefix with an asterisk as in "/v2/invitation*"; "" means any path.
	Path string
	// From is the number of the first matching request that fails. It counts from 1; 0 also means 1.
	From int
	// Every makes only every nth matching request fail, beginning with From; 0 means 1.
	Every int
	// Times is the maximum number of requests that fail; 0 means no maximum.
	Times int
	// ActFirst means that the server acts on the request, and only the answer is wrong. Otherwise, the world does not
	// change.
	ActFirst bool
	// ActAfter makes the server act on the request after all, this long after the client has seen the fault; 0 means
	// never. ActAfter has no effect on reads, with ActFirst, or with FaultSlow.
	ActAfter time.Duration

	// Kind is the kind of the fault. The fields Status, Location, Body and KeepRest are described at the kinds that
	// use them.
	Kind   FaultKind
	Status int
	// RetryAfter is the value of the header Retry-After; "" means no header. "date+5s" means an HTTP date 5 s after
	// the time of the world.
	RetryAfter string
	// Delay is how long the client waits for the answer or the end of the connection, with any kind.
	Delay    time.Duration
	Location string
	Body     string
	KeepRest bool
}

// AddFault adds a fault, which applies to requests from now on. It panics if the kind, RetryAfter or Body is invalid:
// a test with a fault that never happens would prove nothing.
func (s *Server) AddFault(f Fault) {
	if !slices.Contains(kinds, f.Kind) {
		panic(fmt.Sprintf("sandbox: no fault is of the kind %q", f.Kind))
	}
	if text, dated := strings.CutPrefix(f.RetryAfter, "date+"); dated {
		if _, err := time.ParseDuration(text); err != nil {
			panic(fmt.Sprintf("sandbox: Retry-After %q: %v", f.RetryAfter, err))
		}
	}
	if f.Body != "" && json.Unmarshal([]byte(f.Body), &object{}) != nil {
		panic(fmt.Sprintf("sandbox: %q is no JSON object", f.Body))
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.rules = append(s.faults.rules, &rule{Fault: f})
}

// ClearFaults removes all faults.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.rules = nil
}

type faults struct {
	mu    sync.Mutex
	rules []*rule
}

// rule is a fault with the numbers of requests so far.
type rule struct {
	Fault
	matched int // requests that match the method and path
	failed  int // requests for which the fault was used
}

// find returns the fault for a request; nil if there is none. It counts the request in all faults that match it.
func (f *faults) find(r *http.Request, on *route) *rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found *rule
	for _, rule := range f.rules {
		if !rule.matches(r, on) {
			continue
		}
		rule.matched++
		if found == nil && rule.isDue() {
			found = rule
		}
	}
	if found != nil {
		found.failed++
	}
	return found
}

func (f *rule) matches(r *http.Request, on *route) bool {
	path := r.URL.EscapedPath()
	prefix, isPrefix := strings.CutSuffix(f.Path, "*")
	return (f.Method == "" || f.Method == r.Method) &&
		(f.Path == "" || f.Path == path || f.Path == on.pattern || isPrefix && strings.HasPrefix(path, prefix))
}

// isDue reports whether the fault is used for the request that was counted last.
func (f *rule) isDue() bool {
	from, every := max(f.From, 1), max(f.Every, 1)
	return f.matched >= from && (f.matched-from)%every == 0 && (f.Times == 0 || f.failed < f.Times)
}

// actsLate reports whether the server acts on a request after the client has seen the fault. status is the status of
// the right answer. If the client sees a refusal, the server must never act on the request.
func (f *rule) actsLate(method string, status int) bool {
	if f.ActAfter <= 0 || !f.usesCopy() || method == http.MethodGet {
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

// usesCopy reports whether the right answer comes from a copy of the world.
func (f *rule) usesCopy() bool { return !f.ActFirst && f.Kind != FaultSlow }

const waitingPage = "<!DOCTYPE html><html><head><title>Just a moment…</title></head><body><h1>Please " +
	"wait</h1></body></html>\n"

// corrupt changes the right answer a, or drops the connection by a panic. It first waits for f.Delay. client is the
// context of the request.
func (f *rule) corrupt(client context.Context, a *answer) {
	switch {
	case f.Kind == FaultSlow && !f.ActFirst: // serve has waited before the server acted
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
		if len(a.body) == 0 { // such as 204
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
		a.insertError(f.Body, f.ActFirst || f.KeepRest)
	case FaultRedirect:
		a.status, a.body = status(http.StatusFound), nil
		a.header.Set("Location", cmp.Or(f.Location, "/elsewhere"))
	}
}

// insertError adds the members of a JSON object to the body of a successful answer; "" means the members of an error.
// If keepRest is false, it first empties lists and removes the other members.
func (a *answer) insertError(members string, keepRest bool) {
	if a.status/100 != 2 {
		return
	}
	inserted := object{"error": object{"message": "Internal error", "code": 500}}
	if members != "" {
		inserted = object{}
		_ = json.Unmarshal([]byte(members), &inserted) // AddFault has checked that it is valid
	}
	top := object{}
	_ = json.Unmarshal(a.body, &top) // top stays empty if there is no body
	for name, value := range top {
		_, isList := value.([]any)
		switch {
		case keepRest:
		case isList:
			top[name] = []any{}
		case name == "meta":
			top[name] = object{"total": 0, "links": object{"next": "", "prev": ""}}
		default:
			delete(top, name)
		}
	}
	maps.Copy(top, inserted)
	header := a.header.Get("Content-Type")
	if a.status == http.StatusNoContent { // an answer with this status has no body
		a.status = http.StatusOK
	}
	a.setJSON(Dialect{}, top)
	if header != "" {
		a.header.Set("Content-Type", header)
	}
}

// retryAfter returns the value of the header Retry-After. date is the header Date of the answer.
func (f *rule) retryAfter(date string) string {
	text, isDate := strings.CutPrefix(f.RetryAfter, "date+")
	if !isDate {
		return f.RetryAfter
	}
	now, err1 := http.ParseTime(date)
	later, err2 := time.ParseDuration(text)
	if err := errors.Join(err1, err2); err != nil {
		panic(err) // impossible: each answer has a Date, and AddFault has checked the duration
	}
	return now.Add(later).Format(http.TimeFormat)
}
