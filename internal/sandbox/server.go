// Package sandbox is a simulated Vultr API: the endpoints for invitations, users, organizations, groups, roles,
// policies and the account, as an http.Handler. It speaks every [Dialect] that the documents leave open, breaks on
// demand ([Fault]), has its own clock, keeps its world in a file if wanted, and is stricter than the documents: a
// request that they do not describe is refused and remembered as a violation.
//
// No mail is ever sent; [Server.Mails] tells which would have been.
package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"
)

// Options are the settings of a server. The zero value is a documented API in memory that accepts any key.
type Options struct {
	// Dialect is how the API speaks; the zero value as its documents say.
	Dialect Dialect
	// Key is the only bearer token that works; "" accepts any.
	Key string
	// RateLimit is the most requests in any one second, all clients together; one more is answered 429 with
	// Retry-After: 1. 0 is 30, as documented; negative is no limit.
	RateLimit int
	// File keeps the world, mode 0600; it is made when missing, and changes by other processes are seen with the next
	// request. "" keeps it in memory.
	File string
	// MustExist makes a File that is missing an error, [ErrNoSimulation].
	MustExist bool
	// Now is the local clock: the world's is this one plus what [Server.Advance] added. nil is time.Now.
	Now func() time.Time
	// Latency is how long each answer takes. The server acts when the request arrives, so a client that gives up early
	// has been served all the same.
	Latency time.Duration
	// PageCap is the most rows in one page, whatever per_page asks for; 0 is 500, as documented.
	PageCap int
	// ListLag is how far the lists of users, suspended users and invitations lag behind, by the world's clock. Single
	// objects and writes are never behind.
	ListLag time.Duration
}

// Server is the simulated API. All its methods may be called at the same time.
type Server struct {
	options Options
	store   *store
	record  record
	faults  faults
}

// New makes a server. It fails for a dialect with unknown values, and with a *[StateError] for a state file that cannot
// be read, written or understood.
func New(o Options) (*Server, error) {
	if err := o.Dialect.check(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.RateLimit = cmp.Or(o.RateLimit, 30)
	o.PageCap = cmp.Or(o.PageCap, maxPerPage)
	if o.PageCap < 0 || o.PageCap > maxPerPage {
		return nil, fmt.Errorf("page cap %d: the documents allow 1 to %d rows in a page", o.PageCap, maxPerPage)
	}
	st, err := openStore(o.File, o.MustExist, o.Now)
	if err != nil {
		return nil, err
	}
	return &Server{options: o, store: st, record: record{now: o.Now, limit: o.RateLimit}}, nil
}

// ServeHTTP answers one request. A dropped connection is panic(http.ErrAbortHandler), which net/http's server knows;
// who calls the handler in process, as with an httptest.ResponseRecorder, must recover it and take it for a broken
// connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := s.record.arrive(r)
	defer s.record.note(func() { s.record.inFlight-- })

	a, strike, late := s.serve(r, q)
	pause(r.Context(), s.options.Latency)
	if strike != nil {
		s.record.note(func() { q.Fault = strike.Kind })
		if late != nil {
			defer time.AfterFunc(strike.Late, late) // deferred, so that it counts from the moment the client sees the fault
		}
		strike.corrupt(r.Context(), &a)
	}
	// Known before the client can see the answer, so that a test finds it there.
	s.record.note(func() { q.Status = a.status })
	a.write(w)
}

// serve finds the answer to r and the fault that will strike it, if any. late is what the server does after such a
// fault; nil: nothing.
func (s *Server) serve(r *http.Request, q *Request) (a answer, strike *rule, late func()) {
	body, tooLong := readBody(r)
	if q.Limited {
		a := s.refusal(refuse(http.StatusTooManyRequests, "Rate limit exceeded"))
		a.header.Set("Retry-After", "1")
		return a, nil, nil
	}
	c, refused := s.understand(r, body, tooLong)
	if refused != nil {
		s.record.note(func() { q.Violation = refused.violation })
		return s.refusal(refused), nil, nil
	}
	strike = s.faults.strike(r, c.route)
	c.fault = strike
	if strike != nil && strike.Kind == FaultSlow && !strike.After {
		pause(r.Context(), strike.Delay)
	}
	again := *c
	a = s.act(c, strike != nil && strike.dry())
	if strike != nil && strike.actsLate(r.Method, a.status) {
		late = func() { s.act(&again, false) }
	}
	return a, strike, late
}

// act lets the world answer c; with dry, a copy of the world, so that nothing happens.
func (s *Server) act(c *call, dry bool) answer {
	var a answer
	run := func(st *state) {
		c.state, c.now = st, s.store.worldNow(st)
		r := c.lookUp()
		if r == nil {
			r = c.route.act(c)
		}
		a = s.encode(r, c.now)
	}
	var err error
	switch {
	case c.route.method == http.MethodGet:
		err = s.store.view(run)
	case dry:
		err = s.store.view(func(st *state) { run(st.clone()) })
	default:
		err = s.store.update(func(st *state) error { run(st); return nil })
	}
	if err != nil {
		return s.refusal(refuse(http.StatusInternalServerError, err.Error()))
	}
	return a
}

// pause waits, but no longer than the client does.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
