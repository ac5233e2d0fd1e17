package sandbox

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Request is a recorded request. It has no headers and no body, so it does not contain a key or an address.
type Request struct {
	At     time.Time // the time of its arrival, by the local clock (Options.Now)
	Method string
	Path   string // with the escapes of the request line
	Query  string
	// Status is the HTTP status of the answer; 0 if there is no answer yet, or if the connection was dropped before.
	Status int
	// Limited means that the request was refused because of [Options.RateLimit].
	Limited bool
	// Fault is the kind of the fault of the request; "" if there is none.
	Fault FaultKind
	// Violation says in which way the documents do not describe the request; "" if they do.
	Violation string
}

// maxRequests is the maximum number of recorded requests. If there are more, the older half is deleted.
const maxRequests = 100_000

// requestLog keeps the requests of the server. It is not saved in the file of the world.
type requestLog struct {
	now   func() time.Time
	limit int // the maximum number of requests in any second; negative: no limit

	mu         sync.Mutex
	requests   []*Request
	inFlight   int
	peakFlight int
	peakRate   int
}

// add records a request that has just arrived, and sets Limited. Vultr allows 30 requests per second for one IP
// address. The documents do not say whether refused requests count, so all requests count.
func (l *requestLog) add(r *http.Request) *Request {
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

// update calls change, which may change l and its requests.
func (l *requestLog) update(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// Requests returns all recorded requests in the order of their arrival, also those in flight.
func (s *Server) Requests() []Request {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	all := make([]Request, len(s.log.requests))
	for i, q := range s.log.requests {
		all[i] = *q
	}
	return all
}

// Violations returns the recorded requests that the documents do not describe, because of an unknown path, method,
// parameter, field or value, an unexpected body, or a missing Authorization. Tests check that there are none.
func (s *Server) Violations() []Request {
	var bad []Request
	for _, q := range s.Requests() {
		if q.Violation != "" {
			bad = append(bad, q)
		}
	}
	return bad
}

// PeakRate returns the maximum number of requests that arrived within one second, by the local clock.
func (s *Server) PeakRate() int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.peakRate
}

// PeakInFlight returns the maximum number of requests that were served at the same time.
func (s *Server) PeakInFlight() int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.peakFlight
}
