package ping

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// transport answers requests without a network, and records them.
type transport struct {
	answer func(*http.Request) (*http.Response, error)
	asked  []string
	header http.Header
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.asked = append(t.asked, r.Method+" "+r.URL.String())
	t.header = r.Header
	return t.answer(r)
}

func status(codes ...int) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		code := codes[0]
		if len(codes) > 1 {
			codes = codes[1:]
		}
		return &http.Response{StatusCode: code, Header: http.Header{"Location": {"https://elsewhere.example/secret"}},
			Body: io.NopCloser(strings.NewReader("OK"))}, nil
	}
}

func fails(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }

func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestMessages(t *testing.T) {
	t.Parallel()
	const base = "https://hc.example/ping/secret"
	start := func(ctx context.Context, s *Switch) error { return s.Start(ctx) }
	tests := []struct {
		name, url string
		send      func(context.Context, *Switch) error
		answer    func(*http.Request) (*http.Response, error)
		want      []string
		wantErr   string
	}{
		{"start", base, start, status(200), []string{"GET " + base + "/start"}, ""},
		{"success", base, func(ctx context.Context, s *Switch) error { return s.Success(ctx) }, status(204),
			[]string{"GET " + base}, ""},
		{"failure", base, func(ctx context.Context, s *Switch) error { return s.Failure(ctx, 4) }, status(200),
			[]string{"GET " + base + "/4"}, ""},
		{"slash at the end", base + "/", start, status(200), []string{"GET " + base + "/start"}, ""},
		{"query", base + "?rid=1&create=1", start, status(200), []string{"GET " + base + "/start?rid=1&create=1"}, ""},
		{"escaped path", "https://hc.example/a%2Fb", start, status(200),
			[]string{"GET " + "https://hc.example/a%2Fb/start"}, ""},
		{"plain http and a port", "http://192.0.2.7:8000/x", start, status(200),
			[]string{"GET " + "http://192.0.2.7:8000/x/start"}, ""},
		{"fragment", base + "#top", start, status(200), []string{"GET " + base + "/start"}, ""},
		{"server trouble once", base, start, status(503, 200), []string{"GET " + base + "/start",
			"GET " + base + "/start"}, ""},
		{"too many requests once", base, start, status(429, 200), []string{"GET " + base + "/start",
			"GET " + base + "/start"}, ""},
		{"server trouble twice", base, start, status(500), []string{"GET " + base + "/start", "GET " + base + "/start"},
			"HTTP 500"},
		{"no connection", base, start, fails, []string{"GET " + base + "/start", "GET " + base + "/start"},
			"connection refused"},
		{"not found", base, start, status(404), []string{"GET " + base + "/start"}, "HTTP 404"},
		{"redirect", base, start, status(301), []string{"GET " + base + "/start"}, "HTTP 301: the URL moved, and orgsync " +
			"follows no redirect"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wire := &transport{answer: tt.answer}
			s, err := New(tt.url, "orgsync/1", wire)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := tt.send(t.Context(), s); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, wire.asked); diff != "" || got != tt.wantErr {
				t.Errorf("error %q, want %q; requests (-want +got):\n%s", got, tt.wantErr, diff)
			}
			if diff := cmp.Diff(http.Header{"User-Agent": {"orgsync/1"}}, wire.header); diff != "" {
				t.Errorf("the header (-want +got):\n%s", diff)
			}
			for _, shown := range []string{got, fmt.Sprintf("%v %+v %#v", s, s, s)} {
				if strings.Contains(shown, "secret") {
					t.Errorf("the URL is shown: %s", shown)
				}
			}
		})
	}
}

// TestSlow checks that a switch that does not answer delays a run by 20 seconds, or until ctx ends.
func TestSlow(t *testing.T) {
	t.Parallel()
	t.Run("no answer", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, err := New("https://hc.example/secret", "", &transport{answer: hangs})
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			err = s.Start(t.Context())
			if took := time.Since(begin); err == nil || err.Error() != "no answer within 10s" || took != 20*time.Second {
				t.Errorf("ends after %v with %v", took, err)
			}
		})
	})
	t.Run("ended", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(errors.New("interrupted")) })
			wire := &transport{answer: hangs}
			s, err := New("https://hc.example/secret", "", wire)
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			err = s.Start(ctx)
			if took := time.Since(begin); err == nil || err.Error() != "interrupted" || took != time.Second ||
				len(wire.asked) != 1 {
				t.Errorf("ends after %v and %d tries with %v", took, len(wire.asked), err)
			}
		})
	})
}

// endless is an answer that never ends.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	if e.read > 1<<20 {
		return 0, errors.New("who reads that much?")
	}
	return len(p), nil
}

// TestEndlessAnswer checks that the status decides about the success, even if the answer never ends.
func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	body := &endless{}
	s, err := New("https://hc.example/secret", "", &transport{answer: func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(body)}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Success(t.Context()); err != nil || body.read > 2*maxAnswer {
		t.Errorf("%d bytes are read: %v", body.read, err)
	}
}

// TestSwitchingProtocols checks that a report ends after an answer 101, whose body is the connection itself. A read of
// it does not end with the context of the request.
func TestSwitchingProtocols(t *testing.T) {
	t.Parallel()
	body := &endless{}
	s, err := New("https://hc.example/secret", "", &transport{answer: func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusSwitchingProtocols, Body: io.NopCloser(body)}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Success(t.Context()); err == nil || err.Error() != "HTTP 101" || body.read > 0 {
		t.Errorf("%d bytes are read: %v", body.read, err)
	}
}

// TestOwnTransport checks the default transport over a real connection, and with a server that is gone.
func TestOwnTransport(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer server.Close()
	s, err := New(server.URL+"/secret", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Success(t.Context()); err != nil {
		t.Error(err)
	}
	server.Close()
	if err := s.Success(t.Context()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("to a server that is gone: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "secret", "hc.example/secret", "/secret", "ftp://hc.example/secret", "https:///secret", "https://:80/secret",
		"https://user:secret@hc.example/", "https://hc.example/%zzsecret", "https://hc.example/\nsecret",
	} {
		s, err := New(address, "", nil)
		if err == nil {
			t.Errorf("New(%q) takes it: %v", address, s)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("New(%q) shows the URL: %v", address, err)
		}
	}
}
