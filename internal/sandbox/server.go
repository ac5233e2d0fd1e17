// Package sandbox is a simulated Vultr API, as an http.Handler. It has the endpoints for invitations, users,
// organizations, groups, roles, policies and the account.
//
// The simulated organization, with its people and its clock, is called the world. It is kept in memory or in a file.
// The server can speak each [Dialect] that the documents of Vultr allow, and fails on demand ([Fault]). It is
// stricter than the real API: it refuses each request that the documents do not describe, and records it as a
// violation.
//
// The server never sends a mail. [Server.Mails] returns the mails that the real API would have sent.
package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"
)

// Options are the settings of a server. The zero value is the documented API, in memory, which accepts any key.
type Options struct {
	// Dialect is the dialect of the answers. The zero value is the documented one.
	Dialect Dialect
	// Key is the only API key that the server accepts; "" accepts any key.
	Key string
	// RateLimit is the maximum number of requests of all clients in any one second. Further requests are answered 429
	// with Retry-After: 1. 0 means 30, as documented. A negative number means no limit.
	RateLimit int
	// File is the file that keeps the world; "" keeps the world in memory. The server creates the file with mode
	// 0600 if it does not exist. Other processes may change the file at the same time.
	File string
	// MustExist means that a missing File is an error, [ErrNoSimulation].
	MustExist bool
	// Now returns the local time; nil means time.Now. The time of the world is later by the sum of all
	// [Server.Advance].
	Now func() time.Time
	// Latency is how long each answer takes. The server acts when the request arrives, also if the client does not
	// wait for the answer.
	Latency time.Duration
	// PageCap is the maximum number of rows in a page, even if per_page is larger. 0 means 500, as documented.
	PageCap int
	// ListLag is how old the lists of users, suspended users and invitations are, by the clock of the world. Single
	// objects and writes always show the current world. But as long as a list shows an invited person as a user, this user
	// can be read alone too.
	ListLag time.Duration
}

// Server is the simulated API. It is safe for concurrent use.
type Server struct {
	options Options
	store   *store
	log     requestLog
	faults  faults
}

// New returns a server. It returns an error if the dialect has unknown values, or PageCap is out of range. It
// returns a *[StateError] if the file of the world cannot be read or written, or is damaged.
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
	return &Server{options: o, store: st, log: requestLog{now: o.Now, limit: o.RateLimit}}, nil
}

// ServeHTTP answers one request. It panics with [http.ErrAbortHandler] to drop the connection, which the server of
// net/http understands. Code that calls ServeHTTP without such a server must recover the panic, and treat it as a
// dropped connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := s.log.add(r)
	defer s.log.update(func() { s.log.inFlight-- })

	a, fault, actLate := s.serve(r, q)
	pause(r.Context(), s.options.Latency)
	if fault != nil {
		s.log.update(func() { q.Fault = fault.Kind })
		if actLate != nil {
			defer time.AfterFunc(fault.ActAfter, actLate) // deferred, because ActAfter begins when the client sees the fault
		}
		fault.corrupt(r.Context(), &a)
	}
	// Set the status before the client can see the answer, so that a test finds the status then.
	s.log.update(func() { q.Status = a.status })
	a.write(w)
}

// serve returns the answer to r, and the fault with which it must be corrupted; nil if there is none. actLate makes
// the server act on the request after such a fault; nil if it never does.
func (s *Server) serve(r *http.Request, q *Request) (a answer, fault *rule, actLate func()) {
	body, tooLong := readBody(r)
	if q.Limited {
		a := s.refusal(refuse(http.StatusTooManyRequests, "Rate limit exceeded"))
		a.header.Set("Retry-After", "1")
		return a, nil, nil
	}
	c, refused := s.parseCall(r, body, tooLong)
	if refused != nil {
		s.log.update(func() { q.Violation = refused.violation })
		return s.refusal(refused), nil, nil
	}
	fault = s.faults.find(r, c.route)
	c.fault = fault
	if fault != nil && fault.Kind == FaultSlow && !fault.ActFirst {
		pause(r.Context(), fault.Delay)
	}
	lateCall := *c
	a = s.act(c, fault != nil && fault.usesCopy())
	if fault != nil && fault.actsLate(r.Method, a.status) {
		actLate = func() { s.act(&lateCall, false) }
	}
	return a, fault, actLate
}

// act does what c asks for, and returns the answer. If onCopy is true, it acts on a copy of the world, so that
// nothing changes.
func (s *Server) act(c *call, onCopy bool) answer {
	var a answer
	run := func(st *state) {
		c.state, c.now = st, s.store.worldNow(st)
		r := c.lookUpIDs()
		if r == nil {
			r = c.route.act(c)
		}
		a = s.encode(r, c.now)
	}
	var err error
	switch {
	case c.route.method == http.MethodGet:
		err = s.store.view(run)
	case onCopy:
		err = s.store.view(func(st *state) { run(st.clone()) })
	default:
		err = s.store.update(func(st *state) error { run(st); return nil })
	}
	if err != nil {
		return s.refusal(refuse(http.StatusInternalServerError, err.Error()))
	}
	return a
}

// pause waits for the duration d, or until ctx ends because the client does not wait any longer.
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
