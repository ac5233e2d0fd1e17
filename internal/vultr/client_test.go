package vultr

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/sandbox/sandboxtest"
)

const testKey = "KEY-5ecret-5ecret-5ecret"

var ada = org.MustParseAddress("Ada@example.com")

// testConfig returns a configuration whose limits have no effect on a test.
func testConfig(baseURL string) Config {
	return Config{BaseURL: baseURL, Key: testKey, UserAgent: "orgsync/test", Concurrency: 8,
		RequestTimeout: 30 * time.Second}
}

// newTestClient returns a client that uses HTTP over the network to call h.
func newTestClient(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	transport := newTransport(8)
	t.Cleanup(transport.CloseIdleConnections)
	cfg := testConfig(server.URL)
	cfg.Transport = transport
	return mustNew(t, cfg)
}

func mustNew(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// inProcess returns a client that calls h without a network.
func inProcess(t *testing.T, h http.Handler) *Client {
	t.Helper()
	cfg := testConfig("http://localhost")
	cfg.Transport = &sandboxtest.Transport{Handler: h}
	return mustNew(t, cfg)
}

// newBubbleClient returns a client that uses HTTP over pipes to call h. It works in a bubble of
// synctest, where time is fake.
func newBubbleClient(t *testing.T, h http.HandlerFunc, change func(*Config)) *Client {
	t.Helper()
	pipes := newPipeListener()
	server := &http.Server{Handler: h}
	go server.Serve(pipes)
	transport := newTransport(8)
	transport.DialContext = pipes.dial
	transport.Proxy = nil // whatever the environment says
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	cfg := testConfig("http://localhost")
	cfg.Transport = transport
	if change != nil {
		change(&cfg)
	}
	return mustNew(t, cfg)
}

// pipeListener is a net.Listener whose connections are in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newPipeListener() *pipeListener {
	closed := make(chan struct{})
	return &pipeListener{conns: make(chan net.Conn), closed: closed, close: sync.OnceFunc(func() { close(closed) })}
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, received := net.Pipe()
	select {
	case l.conns <- received:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.close(); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func answerJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// drop drops the connection without an answer.
func drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func asCallError(t *testing.T, err error) *org.CallError {
	t.Helper()
	var failure *org.CallError
	if !errors.As(err, &failure) {
		t.Fatalf("the error %v is no *org.CallError", err)
	}
	return failure
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*Config)
		want   string // "": it is accepted
	}{
		{"https", func(c *Config) { c.BaseURL = "https://api.vultr.com" }, ""},
		{"https with a slash", func(c *Config) { c.BaseURL = "https://api.vultr.com/" }, ""},
		{"loopback name", func(c *Config) { c.BaseURL = "http://localhost:8080" }, ""},
		{"loopback v4", func(c *Config) { c.BaseURL = "http://127.8.8.8" }, ""},
		{"loopback v6", func(c *Config) { c.BaseURL = "http://[::1]:80" }, ""},
		{"plain http", func(c *Config) { c.BaseURL = "http://api.vultr.com" }, "plain http"},
		{"plain http that looks local", func(c *Config) { c.BaseURL = "http://127.0.0.1.example.com" }, "plain http"},
		{"plain http to a private network", func(c *Config) { c.BaseURL = "http://10.0.0.1" }, "plain http"},
		{"path", func(c *Config) { c.BaseURL = "https://api.vultr.com/v2" }, "path"},
		{"query", func(c *Config) { c.BaseURL = "https://api.vultr.com?a=b" }, "query"},
		{"fragment", func(c *Config) { c.BaseURL = "https://api.vultr.com#a" }, "path"},
		{"port 0", func(c *Config) { c.BaseURL = "https://api.vultr.com:0" }, "port"},
		{"highest port", func(c *Config) { c.BaseURL = "https://api.vultr.com:65535" }, ""},
		{"password", func(c *Config) { c.BaseURL = "https://u:" + testKey + "@api.vultr.com" }, "password"},
		{"not a URL", func(c *Config) { c.BaseURL = "https://" + testKey + "\x7f" }, "https://HOST"},
		{"port that is none", func(c *Config) { c.BaseURL = "https://api.vultr.com:99999" }, "port"},
		{"no host", func(c *Config) { c.BaseURL = "api.vultr.com" }, "https://HOST"},
		{"empty URL", func(c *Config) { c.BaseURL = "" }, "https://HOST"},
		{"other scheme", func(c *Config) { c.BaseURL = "ftp://api.vultr.com" }, "scheme"},
		{"empty key", func(c *Config) { c.Key = "" }, "empty"},
		{"key with a newline", func(c *Config) { c.Key = testKey + "\n" }, "space"},
		{"key with a space", func(c *Config) { c.Key = testKey + " x" }, "space"},
		{"key beyond ASCII", func(c *Config) { c.Key = testKey + "é" }, "ASCII"},
		{"negative rate", func(c *Config) { c.Rate = -1 }, "rate"},
		{"rate that is no number", func(c *Config) { c.Rate = math.NaN() }, "rate"},
		{"rate without end", func(c *Config) { c.Rate = math.Inf(1) }, "rate"},
		{"no concurrency", func(c *Config) { c.Concurrency = 0 }, "concurrency"},
		{"no time-out", func(c *Config) { c.RequestTimeout = 0 }, "timeout"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig("https://api.vultr.com")
			test.change(&cfg)
			_, err := New(cfg)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("New refuses: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("New gives the error %v, want one with %q", err, test.want)
			case err != nil && strings.Contains(err.Error(), testKey):
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

// A path that a URL parser would read as a host must not send the key to that host.
func TestRequestStaysWithItsHost(t *testing.T) {
	t.Parallel()
	c := mustNew(t, testConfig("https://api.vultr.com"))
	for _, path := range []string{"//evil.example/v2/users", "/v2/users"} {
		r, err := c.newRequest(t.Context(), call{method: http.MethodGet, path: path})
		if err == nil && r.URL.Host != "api.vultr.com" {
			t.Errorf("the path %s sends the key to %s", path, r.URL.Host)
		}
		if wantErr := strings.HasPrefix(path, "//"); wantErr != (err != nil) {
			t.Errorf("the path %s gives the error %v", path, err)
		}
	}
}

func TestInviteSendsTheDocumentedRequest(t *testing.T) {
	t.Parallel()
	type request struct {
		Method, URI, Body string
		Authorization     []string
		UserAgent         string
		ContentType       string
	}
	var got []request
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, request{r.Method, r.RequestURI, strings.TrimSpace(string(body)), r.Header["Authorization"],
			r.UserAgent(), r.Header.Get("Content-Type")})
		switch {
		case r.Method == http.MethodGet:
			answerJSON(w, 200, `{"users":[],"meta":{"total":0}}`)
		default:
			answerJSON(w, 201, `{"id":"i1","email_invited":"ada@example.com"}`)
		}
	})
	for _, apiEnabled := range []bool{true, false} {
		if _, err := c.Invite(t.Context(), ada, apiEnabled); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Resend(t.Context(), "i1", ada); err != nil {
		t.Fatal(err)
	}
	if _, err := list(t.Context(), c, users); err != nil {
		t.Fatal(err)
	}
	auth := []string{"Bearer " + testKey}
	want := []request{
		{"POST", "/v2/invitation", `{"email_invited":"Ada@example.com","permissions":{"api_enabled":"yes"}}`, auth,
			"orgsync/test", "application/json"},
		{"POST", "/v2/invitation", `{"email_invited":"Ada@example.com","permissions":{"api_enabled":"no"}}`, auth,
			"orgsync/test", "application/json"},
		{"POST", "/v2/invitation/i1/resend", "", auth, "orgsync/test", ""},
		{"GET", "/v2/users?per_page=500", "", auth, "orgsync/test", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answerJSON(w, 201, `{"id":"i1","email_invited":"ada@example.com"}`)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	c := mustNew(t, testConfig(server.URL))
	for range 10 {
		if _, err := c.Invite(t.Context(), ada, false); err != nil {
			t.Fatal(err)
		}
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("10 requests took %d connections, want 1", got)
	}
	if got, want := c.Stats(), (Stats{Requests: 10}); got != want {
		t.Errorf("Stats = %+v, want %+v", got, want)
	}
}

func TestConcurrencyIsACeiling(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	inFlight, most := 0, 0
	enter := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		inFlight += n
		most = max(most, inFlight)
		return inFlight
	}
	full, open := make(chan struct{}), make(chan struct{})
	fill := sync.OnceFunc(func() { close(full) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer enter(-1)
		if enter(+1) == 3 {
			fill()
		}
		<-open
		answerJSON(w, 201, `{"id":"i1","email_invited":"ada@example.com"}`)
	}))
	defer server.Close()
	cfg := testConfig(server.URL)
	cfg.Concurrency = 3
	c := mustNew(t, cfg)
	var calls sync.WaitGroup
	for range 12 {
		calls.Go(func() { c.Invite(t.Context(), ada, false) })
	}
	<-full
	close(open)
	calls.Wait()
	if most != 3 {
		t.Errorf("%d requests were in flight together, want 3", most)
	}
}

// A server may repeat the key in any part of an answer. Logs and errors still must not contain it.
func TestTheKeyIsNowhere(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var out strings.Builder
	for name, h := range map[string]http.HandlerFunc{
		"error":      func(w http.ResponseWriter, r *http.Request) { answerJSON(w, 401, `{"error":"bad key `+testKey+`"}`) },
		"cut in two": func(w http.ResponseWriter, r *http.Request) { answerJSON(w, 401, strings.Repeat("x", 190)+testKey) },
		"title": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, "<title>%s</title>", testKey)
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/?"+testKey)
			w.WriteHeader(302)
		},
		"address": func(w http.ResponseWriter, r *http.Request) {
			answerJSON(w, 201, `{"id":"i1","email_invited":"`+testKey+`"}`)
		},
		"list":        func(w http.ResponseWriter, r *http.Request) { answerJSON(w, 200, `{"error":"`+testKey+`"}`) },
		"status line": func(w http.ResponseWriter, r *http.Request) { hijack(w, "HTTP/1.1 "+testKey+"\r\n\r\n") },
		"dropped":     drop,
	} {
		server := httptest.NewServer(h)
		cfg := testConfig(server.URL)
		cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c := mustNew(t, cfg)
		receipt, err := c.Invite(t.Context(), ada, false)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		fmt.Fprintf(&out, "%v %+v %#v %+v %#v %+v\n", err, err, asCallError(t, err), receipt, c, c)
		if name == "list" {
			_, err = list(t.Context(), c, users)
			fmt.Fprintln(&out, err)
		}
		server.Close()
	}
	for name, text := range map[string]string{"output": out.String(), "log": log.String()} {
		if strings.Contains(text, testKey) || strings.Contains(text, testKey[:8]) {
			t.Errorf("the key is in the %s:\n%s", name, text)
		}
	}
	if n := strings.Count(log.String(), "path=/v2/"); n < 9 {
		t.Errorf("the log has %d lines about requests, want 9:\n%s", n, log.String())
	}
}

// hijack answers with raw bytes, which need not be valid HTTP.
func hijack(w http.ResponseWriter, text string) {
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	buffered.WriteString(text)
	buffered.Flush()
}

func TestLogLineHasNoQuery(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answerJSON(w, 200, `{"users":[],"meta":{"total":0}}`)
	}))
	defer server.Close()
	cfg := testConfig(server.URL)
	cfg.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if _, err := list(t.Context(), mustNew(t, cfg), users); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(&log).ReadBytes('\n')
	var got map[string]any
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	if got["duration"] == nil {
		t.Error("the line has no duration")
	}
	delete(got, "time")
	delete(got, "duration")
	want := map[string]any{"level": "DEBUG", "msg": "request", "method": "GET", "path": "/v2/users", "status": 200.0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log line (-want +got):\n%s", diff)
	}
}
