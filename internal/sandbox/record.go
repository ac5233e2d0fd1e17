package sandbox

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Request is one request that the server saw. It holds neither headers nor body, so no key and no address.
type Request struct {
	At     time.Time // arrival, by the local clock (Options.Now)
	Method string
	Path   string // as it was escaped in the request line
	Query  string
	// Status is what was answered; 0 while there is no answer, and when the connection was cut without one.
	Status int
	// Limited is true when it was one too many in a second.
	Limited bool
	// Fault is the kind of the fault that struck it; "" for none.
	Fault Kind
	// Violation says how the request breaks the documents; "" when it does not.
	Violation string
}

// maxRequests is how many requests are remembered: a long-lived server forgets the older half.
const maxRequests = 100_000

// record is what the server remembers about requests. It is never in the state file.
type record struct {
	now   func() time.Time
	limit int // requests in any second; negative: no limit

	mu         sync.Mutex
	requests   []*Request
	inFlight   int
	peakFlight int
	peakRate   int
}

// arrive notes a request, and whether it is one too many. Vultr allows 30 a second for one address and counts the
// refused ones for all that is known, so everything that arrives counts.
func (l *record) arrive(r *http.Request) *Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight++
	l.peakFlight = max(l.peakFlight, l.inFlight)
	q := &Request{At: l.now(), Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery}
	recent := 1
	for _, earlier := range slices.Backward(l.requests) {
		if q.At.Sub(earlier.At) >= time.Second {
			break
		}
		recent++
	}
	l.peakRate = max(l.peakRate, recent)
	q.Limited = l.limit >= 0 && recent > l.limit
	if len(l.requests) >= maxRequests {
		l.requests = slices.Clone(l.requests[maxRequests/2:])
	}
	l.requests = append(l.requests, q)
	return q
}

// note changes what is known about a request that arrived.
func (l *record) note(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// Requests are all requests so far in the order of arrival, those in flight included; of very many, the newest.
func (s *Server) Requests() []Request {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	all := make([]Request, len(s.record.requests))
	for i, q := range s.record.requests {
		all[i] = *q
	}
	return all
}

// Violations are the requests that break the documents: an undocumented path, method, parameter, field or value, a body
// where there is none, no Authorization. Tests assert that there are none.
func (s *Server) Violations() []Request {
	var bad []Request
	for _, q := range s.Requests() {
		if q.Violation != "" {
			bad = append(bad, q)
		}
	}
	return bad
}

// PeakRate is the most requests that arrived within any one second, by the local clock.
func (s *Server) PeakRate() int {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return s.record.peakRate
}

// PeakInFlight is the most requests that were being served at once.
func (s *Server) PeakInFlight() int {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return s.record.peakFlight
}
