package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// key is the API key of the simulated API.
const key = "bench"

// noLimit is a --rate that no machine reaches, which is how one does without a limit.
const noLimit = 1_000_000

func rateName(rate int) string {
	if rate == noLimit {
		return "unlimited"
	}
	return strconv.Itoa(rate)
}

// api is the simulated API behind a port of the loopback interface.
type api struct {
	*sandbox.Server
	url         string
	connections atomic.Int64 // that clients opened
	close       func()
}

// serve makes the simulated API listen, with handler in front of it; nil: nothing is.
func serve(simulated *sandbox.Server, handler http.Handler) (*api, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if handler == nil {
		handler = simulated
	}
	a := &api{Server: simulated, url: "http://" + listener.Addr().String()}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				a.connections.Add(1)
			}
		},
	}
	go func() { _ = server.Serve(listener) }() // ends with Close; a client sees every other trouble
	a.close = func() { _ = server.Close() }
	return a, nil
}

// environment tells orgsync of the API.
func (a *api) environment() []string {
	return []string{"VULTR_API_URL=" + a.url, "VULTR_API_KEY=" + key}
}

// limited is how many requests were answered with 429.
func (a *api) limited() int {
	n := 0
	for _, r := range a.Requests() {
		if r.Limited {
			n++
		}
	}
	return n
}

// mailed tells how many of people got several mails, and how many none.
func (a *api) mailed(people int) (twice, none int) {
	mails := a.Mails()
	for _, m := range mails {
		if len(m) > 1 {
			twice++
		}
	}
	return twice, people - len(mails)
}

// replay answers every GET as the simulated API did first, after the latency: so the server costs next to nothing, and
// what is measured is the client.
type replay struct {
	simulated *sandbox.Server
	latency   time.Duration
	answers   map[string]*recorded // by path and query; complete before the port is opened
	requests  atomic.Int64
}

// recorded is an answer; it is an http.ResponseWriter.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header         { return r.header }
func (r *recorded) WriteHeader(status int)      { r.status = status }
func (r *recorded) Write(b []byte) (int, error) { return r.body.Write(b) }

// record asks the simulated API once, without a network.
func (p *replay) record(ctx context.Context, uri string) (*recorded, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1"+uri, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	r := &recorded{header: http.Header{}}
	p.simulated.ServeHTTP(r, req)
	p.answers[uri] = r
	return r, nil
}

// ServeHTTP answers from memory what it can.
func (p *replay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	timer := time.NewTimer(p.latency)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		return
	}
	known := p.answers[r.URL.RequestURI()]
	if r.Method != http.MethodGet || known == nil {
		p.simulated.ServeHTTP(w, r)
		return
	}
	for name, values := range known.header {
		w.Header()[name] = values
	}
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(known.status)
	_, _ = w.Write(known.body.Bytes()) // a client that is gone is no trouble of the server's
}
