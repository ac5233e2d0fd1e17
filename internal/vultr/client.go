// Package vultr is the client of the Vultr API. It is the only package that knows HTTP and the
// dialects of the API. A read is complete or returns an error. A write is sent exactly once, or its
// error says whether the server may have acted.
//
// In the comments, SPEC is the OpenAPI file that Vultr publishes, and page names are those of
// docs.vultr.com.
//
// govultr builds the requests. Its service methods are not used: they repeat POST requests on their
// own and cannot decode every documented form of an answer (govultr_traps_test.go shows each case).
package vultr

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vultr/govultr/v3"

	"github.com/orgsync/orgsync/internal/loopback"
)

// Config configures a Client. Transport, Log and ListProgress are optional.
type Config struct {
	// BaseURL is the scheme and host of the API, as in https://api.vultr.com, without a path.
	// Plain http is allowed for loopback addresses only.
	BaseURL string
	// Key is the API key. It is sent only to the host of BaseURL and is never printed.
	Key string
	// UserAgent is the name and version of the program, as in orgsync/1.2.0.
	UserAgent string
	// Rate is the maximum number of requests per second, of all kinds together. 0 means no limit:
	// then an answer 429 pauses the requests, but does not slow down later ones.
	Rate float64
	// Concurrency is the maximum number of requests in flight, at least 1.
	Concurrency int
	// RequestTimeout limits one request, from connecting to the last byte of the answer.
	RequestTimeout time.Duration
	// Transport sends the requests; nil means a default one (keep-alive, TLS 1.2 or later, proxy
	// from the environment).
	Transport http.RoundTripper
	// Log gets one debug line per request; nil means none.
	Log *slog.Logger
	// ListProgress is called during reads, to show their progress; nil means no calls. done is the number of list
	// requests that were answered since the client was created. known is the number of requests that all lists need.
	// Until the first page of a list says how many rows there are, the list counts as one request. The client calls
	// ListProgress from any goroutine, but never concurrently. ListProgress must not call the client.
	ListProgress func(done, known int)
}

// Client calls the API with one key. It is safe for concurrent use.
type Client struct {
	sdk       *govultr.Client
	transport http.RoundTripper
	timeout   time.Duration
	slots     *semaphore // for the requests in flight
	limiter   *limiter
	clock     clock
	log       *slog.Logger
	// Only these two functions hold the key, so printing a Client cannot show it.
	authorize func(*http.Request)
	redact    func(string) string
	identity  chan identity // as a lock: a goroutine takes the value out while it reads the organization

	format    atomic.Int32 // the apiEnabledFormat that the server accepted; 0: none yet
	reads     progress
	requests  atomic.Int64
	throttled atomic.Int64
}

// Stats has the number of requests of a Client.
type Stats struct {
	Requests  int // requests that may have reached the server
	Throttled int // of these, answered with 429
}

// New returns a Client. It checks the configuration but sends nothing. Its errors do not contain
// the key.
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
		return nil, fmt.Errorf("a rate of %v requests per second is invalid", cfg.Rate)
	case cfg.Concurrency < 1:
		return nil, fmt.Errorf("a concurrency of %d is invalid: the minimum is 1", cfg.Concurrency)
	case cfg.RequestTimeout <= 0:
		return nil, fmt.Errorf("a request timeout of %v is invalid: it must be positive", cfg.RequestTimeout)
	}
	transport := cfg.Transport
	if transport == nil {
		transport = newTransport(cfg.Concurrency)
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
		log:       cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
		reads:     progress{report: cfg.ListProgress},
		authorize: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+cfg.Key) },
		redact:    keyRedactor(cfg.Key),
	}, nil
}

// parseBaseURL returns the parsed URL. Its errors do not repeat the URL, which may have a
// password.
func parseBaseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("the API URL is not of the form https://HOST")
	case !isPort(u.Port()):
		return nil, errors.New("the API URL has an invalid port")
	case u.User != nil:
		return nil, errors.New("the API URL has a user or a password")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		// govultr would ignore the path, and a URL that ends in /v2 is a likely mistake.
		return nil, errors.New("the API URL has a path or a query; give scheme and host only, /v2 is added")
	case u.Scheme == "http" && !loopback.Is(u.Hostname()):
		return nil, errors.New("the API URL is plain http, which would show the key to the network; it is allowed for " +
			"loopback addresses only")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the API URL has the scheme %q, which is not https", u.Scheme)
	}
	return u, nil
}

// isPort reports whether s is a valid port. url.Parse has already checked that s has only digits.
// An empty s means the default port.
func isPort(s string) bool {
	n, err := strconv.Atoi(s)
	return s == "" || err == nil && n >= 1 && n <= math.MaxUint16
}

// ErrInvalidKey is in the chain of each error of [New] about a key that cannot be an API key.
var ErrInvalidKey = errors.New("the API key")

func checkKey(key string) error {
	if key == "" {
		return fmt.Errorf("%w is empty", ErrInvalidKey)
	}
	for _, b := range []byte(key) {
		if b <= ' ' || b > '~' {
			return fmt.Errorf("%w contains a space, a control character or a letter outside ASCII, which no key has",
				ErrInvalidKey)
		}
	}
	return nil
}

func newTransport(concurrency int) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	// HTTP/2 is not used: with it, net/http repeats a POST by itself, without limit, as long as the
	// stream is reset with PROTOCOL_ERROR (golang/go#47635). With HTTP/1, net/http repeats a POST
	// only if it has not written any byte of the request.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &gatedConn{Conn: conn}, nil
		},
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second,
		Protocols:           protocols,
		MaxIdleConnsPerHost: concurrency,
		MaxConnsPerHost:     concurrency,
		// Most servers keep idle connections longer. If the server closes a connection while an invitation is sent on it,
		// nobody knows whether the mail goes out.
		IdleConnTimeout: 30 * time.Second,
	}
}

// Now returns the server's time: the local time, corrected by the Date headers of the last
// answers. Before the first answer it is the local time.
func (c *Client) Now() time.Time { return c.clock.now() }

// Stats returns the number of requests so far.
func (c *Client) Stats() Stats {
	return Stats{Requests: int(c.requests.Load()), Throttled: int(c.throttled.Load())}
}
