// Package vultr is the only package that knows HTTP and the dialects of the Vultr API. What it reads is complete or an
// error; what it writes is sent exactly once, or its error says whether the server can have acted.
//
// In the comments SPEC is the OpenAPI file of the API that Vultr publishes, and the names of pages are those of docs.vultr.com.
//
// govultr builds the requests. Its service methods are not used: they post again on their own and cannot read every
// documented shape of an answer (govultr_traps_test.go shows each case).
package vultr

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vultr/govultr/v3"
)

// Config is what a Client needs to know. Only Transport, Log and Reading may be left zero, and Rate where no limit is wanted.
type Config struct {
	// BaseURL is scheme and host of the API, as in https://api.vultr.com. It has no path; plain http is for loopback only.
	BaseURL string
	// Key is the API key. It is sent to the host of BaseURL and is never printed.
	Key string
	// UserAgent names the program and its version, as in orgsync/1.2.0.
	UserAgent string
	// Rate is the most requests a second, all kinds together. 0: no limit; a 429 then only pauses.
	Rate float64
	// Concurrency is the most requests in flight, at least 1.
	Concurrency int
	// RequestTimeout bounds one request, from connecting to the last byte of its answer.
	RequestTimeout time.Duration
	// Transport carries the requests; nil: one of our own (connections kept, TLS 1.2 and up, proxy from the environment).
	Transport http.RoundTripper
	// Log gets one debug line for each request; nil: none.
	Log *slog.Logger
	// Reading is told how many requests for lists were answered, and how many are known to be needed so far, since the
	// client was made. A list is known to need one, and more once its first page says how many rows there are. It is called
	// from any goroutine, one at a time, and is not to call the client; nil tells nobody.
	Reading func(done, known int)
}

// Client speaks to the API with one key. It is safe for concurrent use.
type Client struct {
	sdk       *govultr.Client
	transport http.RoundTripper
	timeout   time.Duration
	slots     *semaphore // for the requests in flight
	limiter   *limiter
	clock     clock
	log       *slog.Logger
	// The key lives in these two only: printing a Client cannot show it.
	authorize func(*http.Request)
	redact    func(string) string
	identity  chan identity // holds what is known, but while somebody finds it out

	format    atomic.Int32 // the wording that the server took an invitation in; 0: none yet
	reads     progress
	requests  atomic.Int64
	throttled atomic.Int64
}

// Stats counts what a Client did so far.
type Stats struct {
	Requests  int // that reached the wire
	Throttled int // of these, answered with 429
}

// New checks the configuration; it sends nothing. Its errors do not contain the key.
func New(cfg Config) (*Client, error) {
	base, err := parseBaseURL(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	if err := checkKey(cfg.Key); err != nil {
		return nil, err
	}
	switch {
	case cfg.Rate < 0 || math.IsNaN(cfg.Rate) || math.IsInf(cfg.Rate, 0):
		return nil, fmt.Errorf("a rate of %v requests a second is not possible", cfg.Rate)
	case cfg.Concurrency < 1:
		return nil, fmt.Errorf("a concurrency of %d would send nothing", cfg.Concurrency)
	case cfg.RequestTimeout <= 0:
		return nil, fmt.Errorf("a request time-out of %v leaves no time for an answer", cfg.RequestTimeout)
	}
	transport := cfg.Transport
	if transport == nil {
		transport = newTransport(cfg.Concurrency)
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	sdk := govultr.NewClient(&http.Client{Transport: transport})
	sdk.BaseURL = base
	sdk.SetUserAgent(cfg.UserAgent)
	known := make(chan identity, 1)
	known <- identity{}
	return &Client{
		identity:  known,
		sdk:       sdk,
		transport: transport,
		timeout:   cfg.RequestTimeout,
		slots:     newSemaphore(cfg.Concurrency),
		limiter:   newLimiter(cfg.Rate),
		log:       log,
		reads:     progress{report: cfg.Reading},
		authorize: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+cfg.Key) },
		redact:    keyRedactor(cfg.Key),
	}, nil
}

// parseBaseURL does not repeat the URL in its errors: a wrong one may hold a password.
func parseBaseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("the API URL is not of the form https://HOST")
	case !isPort(u.Port()):
		return nil, errors.New("the API URL has a port that is none")
	case u.User != nil:
		return nil, errors.New("the API URL holds a user or a password")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		// govultr would drop the path without a word, and a URL that ends in /v2 is a likely slip.
		return nil, errors.New("the API URL has a path or a query; it is scheme and host only, /v2 is added")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, errors.New("the API URL is plain http, which would show the key to the network; only a loopback address may have that")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the API URL has the scheme %q, which is not https", u.Scheme)
	}
	return u, nil
}

// isPort tells whether s, digits only, can be a port; "" stands for the usual one.
func isPort(s string) bool {
	n, err := strconv.Atoi(s)
	return s == "" || err == nil && n >= 1 && n <= math.MaxUint16
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func checkKey(key string) error {
	if key == "" {
		return errors.New("the API key is empty")
	}
	for _, b := range []byte(key) {
		if b <= ' ' || b > '~' {
			return errors.New("the API key holds a space, a control character or a letter beyond ASCII, which no key has")
		}
	}
	return nil
}

func newTransport(concurrency int) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	// Not HTTP/2: there net/http sends a POST again by itself, without end, while its stream is reset with PROTOCOL_ERROR
	// (golang/go#47635). Over HTTP/1 it sends one again only when not a byte of it was written.
	only1 := new(http.Protocols)
	only1.SetHTTP1(true)
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second,
		Protocols:           only1,
		MaxIdleConnsPerHost: concurrency,
		MaxConnsPerHost:     concurrency,
		// Shorter than servers usually keep idle connections: an invitation that is sent into a closing one may be lost.
		IdleConnTimeout: 30 * time.Second,
	}
}

// Now is the server's clock: the local one, corrected by the Date of the last answers. Before the first answer it is the
// local one.
func (c *Client) Now() time.Time { return c.clock.now() }

// Stats counts the requests so far.
func (c *Client) Stats() Stats {
	return Stats{Requests: int(c.requests.Load()), Throttled: int(c.throttled.Load())}
}
