package main

import (
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// key is the API key of the simulated API.
const key = "bench"

// noLimit is a --rate that no machine reaches.
const noLimit = 1_000_000

func rateName(rate int) string {
	if rate == noLimit {
		return "unlimited"
	}
	return strconv.Itoa(rate)
}

// api is the simulated API on a port of the loopback interface.
type api struct {
	*sandbox.Server
	url         string
	connections atomic.Int64 // how many connections clients opened
	close       func()
}

// simulate starts a simulated API with faults.
func simulate(o sandbox.Options, faults []sandbox.Fault) (*api, error) {
	simulated, err := sandbox.New(o)
	if err != nil {
		return nil, err
	}
	for _, f := range faults {
		simulated.AddFault(f)
	}
	return listen(simulated, simulated), nil
}

// listen starts a server with handler, which is the simulated API or answers for it.
func listen(simulated *sandbox.Server, handler http.Handler) *api {
	a := &api{Server: simulated}
	server := httptest.NewUnstartedServer(handler)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			a.connections.Add(1)
		}
	}
	server.Start()
	a.url, a.close = server.URL, server.Close
	return a
}

// environment returns the environment variables that make orgsync use the API.
func (a *api) environment() []string {
	return []string{"VULTR_API_URL=" + a.url, "VULTR_API_KEY=" + key}
}

// limited returns how many requests were answered with 429.
func (a *api) limited() int {
	n := 0
	for _, r := range a.Requests() {
		if r.Limited {
			n++
		}
	}
	return n
}

// mailed returns how many of the people got several mails, and how many got none.
func (a *api) mailed(people int) (twice, none int) {
	mails := a.Mails()
	for _, m := range mails {
		if len(m) > 1 {
			twice++
		}
	}
	return twice, people - len(mails)
}

// replay answers each GET with a recorded answer of the simulated API, after the latency. So the server needs hardly
// any processor time.
type replay struct {
	simulated *sandbox.Server
	latency   time.Duration
	answers   map[string]*httptest.ResponseRecorder // by path and query; complete before the port is opened
	requests  atomic.Int64
}

// record sends a GET to the simulated API, without a network, and records the answer.
func (p *replay) record(uri string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, uri, http.NoBody)
	req.Header.Set("Authorization", "Bearer "+key)
	r := httptest.NewRecorder()
	p.simulated.ServeHTTP(r, req)
	p.answers[uri] = r
	return r
}

// ServeHTTP answers with a recorded answer or, if there is none, with that of the simulated API.
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
	maps.Copy(w.Header(), known.Header())
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(known.Code)
	_, _ = w.Write(known.Body.Bytes()) // the client may be gone
}
