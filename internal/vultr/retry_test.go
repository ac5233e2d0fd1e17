package vultr

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

const noUsers = `{"users":[],"meta":{"total":0,"links":{"next":""}}}`

func TestReadIsRepeated(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		failing  http.HandlerFunc
		times    int
		requests int
		words    string // "": it succeeds in the end
	}{
		{"500 twice", status(500, ""), 2, 3, ""},
		{"503 forever", status(503, ""), 99, 4, "list users: HTTP 503"},
		{"dropped three times", drop, 3, 4, ""},
		{"dropped forever", drop, 99, 4, "EOF"},
		{"cut short", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "99")
			io.WriteString(w, `{"users":[`)
		}, 1, 2, ""},
		{"half the JSON", status(200, `{"users":[`), 1, 2, ""},
		{"page with 200", htmlPage(200, ""), 1, 2, ""},
		{"page forever", htmlPage(200, "<title>Portal</title>"), 99, 4, "HTTP 200: an HTML page (Portal) instead of JSON"},
		{"too large", func(w http.ResponseWriter, r *http.Request) { io.CopyN(w, blanks{}, maxAnswer+1) }, 99, 1,
			"larger than 32 MiB"},
		{"too many members", status(200, "{"+strings.Repeat(`"a":1,`, maxMembers)+`"b":1}`), 99, 1, "more than 1000 members"},
		{"not answered in time", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 99, 4,
			"list users: no answer within 30s"},
		{"429 seven times", status(429, ""), 7, 8, ""},
		{"429 forever", status(429, `{"error":"slow down"}`), 99, 8, "HTTP 429: slow down"},
		{"408", status(408, ""), 1, 2, ""},
		{"400", status(400, ""), 99, 1, "HTTP 400"},
		{"401", status(401, ""), 99, 1, "HTTP 401"},
		{"404", status(404, ""), 99, 1, "HTTP 404"},
		{"redirect", status(301, ""), 99, 1, "HTTP 301"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var requests atomic.Int32
				c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
					if int(requests.Add(1)) <= test.times {
						test.failing(w, r)
						return
					}
					answerJSON(w, 200, noUsers)
				}, nil)
				_, err := list(t.Context(), c, users)
				switch {
				case test.words == "" && err != nil:
					t.Errorf("list gives %v, want it to succeed in the end", err)
				case test.words != "" && (err == nil || !strings.Contains(err.Error(), test.words)):
					t.Errorf("list gives %v, want %q", err, test.words)
				}
				if n := int(requests.Load()); n != test.requests {
					t.Errorf("%d requests, want %d", n, test.requests)
				}
			})
		})
	}
}

// refuseDials returns a change of a configuration after which the first n attempts to connect fail with err.
func refuseDials(n int, err error) func(*Config) {
	return func(cfg *Config) {
		transport, dials := cfg.Transport.(*http.Transport), 0
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if dials++; dials <= n {
				return nil, err
			}
			return dial(ctx, network, address)
		}
	}
}

func TestReadIsRepeatedWithoutConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newBubbleClient(t, status(200, noUsers), refuseDials(maxAttempts-1, errors.New("connection refused")))
		if _, err := list(t.Context(), c, users); err != nil || c.Stats().Requests != 1 {
			t.Errorf("error %v after %d requests, want success after 1", err, c.Stats().Requests)
		}
	})
}

func TestReadBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
			at = append(at, time.Now())
			if len(at) == 3 {
				w.Header().Set("Retry-After", "20")
			}
			answerJSON(w, 503, "")
		}, nil)
		list(t.Context(), c, users)
		for i, bounds := range [][2]time.Duration{{250 * time.Millisecond, 500 * time.Millisecond},
			{500 * time.Millisecond, time.Second}, {20 * time.Second, 20 * time.Second}} {
			if got := at[i+1].Sub(at[i]); got < bounds[0] || got > bounds[1] {
				t.Errorf("wait %d was %v, want between %v and %v", i+1, got, bounds[0], bounds[1])
			}
		}
	})
}

// An invitation is sent again only if the server certainly did not act.
func TestWriteIsRepeatedOnlyWhenNotActedOn(t *testing.T) {
	t.Parallel()
	t.Run("429 then done", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			requests := 0
			c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
				if requests++; requests < 8 {
					answerJSON(w, 429, "")
					return
				}
				answerJSON(w, 201, sentToAda)
			}, nil)
			start := time.Now()
			receipt, err := c.Invite(t.Context(), ada, true)
			if err != nil || receipt.Requests != 8 || receipt.Invitation.ID != "i1" {
				t.Errorf("receipt %+v, error %v, want i1 after 8 requests", receipt, err)
			}
			if got := time.Since(start); got != 7*time.Second {
				t.Errorf("it took %v, want the 7 pauses of a second", got)
			}
		})
	})
	t.Run("429 forever", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := newBubbleClient(t, status(429, `{"error":"slow down"}`), nil)
			receipt, err := c.Invite(t.Context(), ada, true)
			if got := asCallError(t, err); got.Failure != org.NotSent || got.Status != 429 || receipt.Requests != 8 {
				t.Errorf("%+v after %d requests, want not sent, 429, after 8", got, receipt.Requests)
			}
		})
	})

	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	connects := []struct {
		name string
		dial func(n int) (net.Conn, error)
	}{
		{"refused", func(int) (net.Conn, error) { return nil, refused }},
		{"no such host", func(int) (net.Conn, error) { return nil, &net.DNSError{Err: "no such host", IsNotFound: true} }},
		{"never answers", func(int) (net.Conn, error) { return nil, context.DeadlineExceeded }},
		{"speaks no TLS", func(int) (net.Conn, error) {
			ours, received := net.Pipe()
			go func() { // takes the greeting, and answers with something else
				defer received.Close()
				received.Read(make([]byte, 4096))
				io.WriteString(received, "SSH-2.0-OpenSSH_9.9\r\n")
			}()
			return ours, nil
		}},
	}
	for _, test := range connects {
		t.Run("no connection: "+test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dials := 0
				transport := newTransport(8)
				transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
					dials++
					return test.dial(dials)
				}
				cfg := testConfig("https://api.vultr.com")
				cfg.Transport = transport
				c := mustNew(t, cfg)
				receipt, err := c.Invite(t.Context(), ada, true)
				if got := asCallError(t, err); got.Failure != org.NotSent || receipt.Requests != 0 || dials != maxAttempts {
					t.Errorf("%v (%v), %d requests, %d connections tried; want not sent, 0 and %d", err, got.Failure, receipt.Requests,
						dials, maxAttempts)
				}
				if got := c.Stats(); got.Requests != 0 {
					t.Errorf("Stats = %+v, want no request", got)
				}
			})
		})
	}
	t.Run("no connection at first", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := newBubbleClient(t, status(201, sentToAda), refuseDials(2, refused))
			if receipt, err := c.Invite(t.Context(), ada, true); err != nil || receipt.Requests != 1 {
				t.Errorf("receipt %+v, error %v, want done with one request", receipt, err)
			}
		})
	})
	t.Run("connection lost, by a transport that tells nothing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			tries := 0
			cfg := testConfig("http://localhost")
			cfg.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
				tries++
				return nil, refused
			})
			_, err := mustNew(t, cfg).Invite(t.Context(), ada, true)
			if got := asCallError(t, err); got.Failure != org.Lost || tries != 1 {
				t.Errorf("%v (%v) after %d tries, want lost after 1", err, got.Failure, tries)
			}
		})
	})
	t.Run("answered, by a transport that tells only that it wants a connection", func(t *testing.T) {
		t.Parallel()
		cfg := testConfig("http://localhost")
		cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			httptrace.ContextClientTrace(r.Context()).GetConn("localhost:80")
			w := httptest.NewRecorder()
			answerJSON(w, 201, sentToAda)
			return w.Result(), nil
		})
		c := mustNew(t, cfg)
		receipt, err := c.Invite(t.Context(), ada, true)
		if got, want := c.Stats(), (Stats{Requests: 1}); err != nil || receipt.Requests != 1 || got != want {
			t.Errorf("receipt %+v, Stats %+v, error %v, want done with one request", receipt, got, err)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A certificate for another host is detected before anything is sent, so the key is not sent.
func TestForeignCertificate(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
		t.Error("a request arrived")
	}))
	server.Config.ErrorLog = nil
	server.StartTLS()
	certificate := server.TLS.Certificates[0]
	server.Close()
	synctest.Test(t, func(t *testing.T) {
		c := newBubbleClient(t, nil, func(cfg *Config) {
			cfg.BaseURL = "https://example.com"
			cfg.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
				ours, received := net.Pipe()
				go tls.Server(received, &tls.Config{Certificates: []tls.Certificate{certificate}}).Handshake()
				return ours, nil
			}
		})
		receipt, err := c.Invite(t.Context(), ada, true)
		if got := asCallError(t, err); got.Failure != org.NotSent || receipt.Requests != 0 ||
			!strings.Contains(err.Error(), "certificate") {
			t.Errorf("%v (%v) after %d requests, want not sent because of the certificate", err, got.Failure, receipt.Requests)
		}
	})
}

func TestCancelledAround429IsNotSent(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]time.Duration{"before the 429 is here": time.Second,
		"in the pause after it": 2500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var requests atomic.Int32
				c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
					requests.Add(1)
					time.Sleep(2 * time.Second)
					answerJSON(w, 429, "")
				}, nil)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(after, cancel)
				receipt, err := c.Invite(ctx, ada, true)
				if got := asCallError(t, err); got.Failure != org.NotSent || !errors.Is(err, context.Canceled) {
					t.Errorf("%v (%v), want not sent, cancelled", err, got.Failure)
				}
				if receipt.Requests != 1 || requests.Load() != 1 {
					t.Errorf("%d requests counted, %d arrived, want 1", receipt.Requests, requests.Load())
				}
				time.Sleep(time.Hour)
				if requests.Load() != 1 {
					t.Error("a request went out later")
				}
			})
		})
	}
}

func TestCancelledInTheQueueForASlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(5 * time.Second)
			answerJSON(w, 201, sentToAda)
		}, func(cfg *Config) { cfg.Concurrency = 1 })
		go c.Invite(t.Context(), ada, true)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		receipt, err := c.Invite(ctx, ada, true)
		if got := asCallError(t, err); got.Failure != org.NotSent || !errors.Is(err, context.DeadlineExceeded) ||
			receipt.Requests != 0 {
			t.Errorf("%v (%v), %d requests, want not sent", err, got.Failure, receipt.Requests)
		}
		time.Sleep(time.Minute)
	})
}

// A write in flight continues for a limited time after the context of its caller has ended. A read
// does not.
func TestCancelledInFlight(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		latency time.Duration // of the answer; the caller stops after a second
		timeout time.Duration
		took    time.Duration
		words   string // "": it is done
	}{
		{"answered within the grace", 9 * time.Second, 30 * time.Second, 9 * time.Second, ""},
		{"not answered within the grace", time.Hour, 30 * time.Second, 11 * time.Second,
			"no answer within 10s after the run was stopped"},
		{"time-out before the end of the grace", time.Hour, 5 * time.Second, 5 * time.Second, "no answer within 5s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(test.latency)
					answerJSON(w, 201, sentToAda)
				}, func(cfg *Config) { cfg.RequestTimeout = test.timeout })
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				start := time.Now()
				receipt, err := c.Invite(ctx, ada, true)
				if got := time.Since(start); got != test.took {
					t.Errorf("it took %v, want %v", got, test.took)
				}
				if receipt.Requests != 1 {
					t.Errorf("%d requests, want 1", receipt.Requests)
				}
				if test.words == "" {
					if err != nil || receipt.Invitation.ID != "i1" {
						t.Errorf("receipt %+v, error %v, want i1", receipt, err)
					}
					return
				}
				if got := asCallError(t, err); got.Failure != org.Lost || !strings.HasSuffix(err.Error(), test.words) {
					t.Errorf("%v (%v), want lost with %q", err, got.Failure, test.words)
				}
				time.Sleep(2 * time.Hour) // let the handler end
			})
		})
	}
	t.Run("read", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var requests atomic.Int32
			c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
				if requests.Add(1) == maxAttempts {
					time.Sleep(20 * time.Second)
				}
				answerJSON(w, 500, "")
			}, nil)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(10*time.Second, func() { cancel(errors.New("a signal")) }) // in the last try
			start := time.Now()
			if _, err := list(ctx, c, users); !errors.Is(err, context.Canceled) {
				t.Errorf("list gives %v, want context.Canceled", err)
			}
			if got := time.Since(start); got != 10*time.Second || requests.Load() != maxAttempts {
				t.Errorf("it took %v and %d requests, want to end with the caller, after 10 s, in request %d", got, requests.Load(),
					maxAttempts)
			}
			time.Sleep(time.Minute)
		})
	})
}

// A request that has waited too long for its turn is not sent, because its line in the ledger would
// be too old.
func TestWriteWaitsForLimitedTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, last := time.Now(), time.Duration(0)
		c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
			last = time.Since(start)
			w.Header().Set("Retry-After", "60")
			answerJSON(w, 429, "")
		}, nil)
		_, err := c.Invite(t.Context(), ada, true)
		if got := asCallError(t, err); got.Failure != org.NotSent {
			t.Errorf("%v (%v), want not sent", err, got.Failure)
		}
		if last > org.SendWithin || time.Since(start) > org.SendWithin {
			t.Errorf("the last request left after %v, the call took %v", last, time.Since(start))
		}
	})
}

// TestThrottledTooLong checks that the error of a call that ends after answers 429 says how many
// there were, and how long that took.
func TestThrottledTooLong(t *testing.T) {
	t.Parallel()
	throttle := func(seconds string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", seconds)
			answerJSON(w, 429, `{"error":"slow down"}`)
		}
	}
	invite := func(ctx context.Context, c *Client) error {
		_, err := c.Invite(ctx, ada, true)
		return err
	}
	read := func(ctx context.Context, c *Client) error {
		_, err := list(ctx, c, users)
		return err
	}
	inviteBehindList := func(ctx context.Context, c *Client) error {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = list(ctx, c, users)
		}()
		synctest.Wait()
		err := invite(ctx, c)
		<-done
		return err
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		call    func(context.Context, *Client) error
		limit   time.Duration // of the caller; 0: none
		stop    time.Duration // when the caller stops; 0: never
		words   string
		is      error // nil: neither the end of a run nor a signal
	}{
		{
			name: "a mail that may not wait longer", handler: throttle("45"), call: invite,
			words: "invite Ada@example.com: HTTP 429: slow down (429 was returned 7 times in 5m0s): it waited longer than " +
				"5m0s to be sent",
		},
		{
			name: "a mail in a run that ends", handler: throttle("50"), call: invite, limit: 2 * time.Minute,
			words: "HTTP 429: slow down (429 was returned 3 times in 2m0s): context deadline exceeded",
			is:    context.DeadlineExceeded,
		},
		{
			name: "a list in a run that ends", handler: throttle("50"), call: read, limit: 2 * time.Minute,
			words: "list users: HTTP 429: slow down (429 was returned 3 times in 2m0s): context deadline exceeded",
			is:    context.DeadlineExceeded,
		},
		{
			name: "stopped in the pause", handler: throttle("50"), call: invite, stop: 10 * time.Second,
			words: "HTTP 429: slow down (429 was returned once in 10s): context canceled", is: context.Canceled,
		},
		{
			name: "a mail that was tried often enough", handler: throttle("2"), call: invite,
			words: "HTTP 429: slow down (429 was returned 8 times in 14s)",
		},
		{
			name: "a list that was tried often enough", handler: throttle("2"), call: read,
			words: "list users: HTTP 429: slow down (429 was returned 8 times in 14s)",
		},
		{
			name: "a mail behind others that were throttled", handler: throttle("60"), limit: 40 * time.Second,
			call: inviteBehindList, is: context.DeadlineExceeded,
			words: "invite Ada@example.com: HTTP 429: other requests got this answer, so all requests wait: context deadline " +
				"exceeded",
		},
		{
			name: "a mail that waits for its turn, after the pause of others", limit: 40 * time.Second,
			is: context.DeadlineExceeded,
			handler: func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(time.Second) // until the mail waits
				throttle("2")(w, r)
			},
			call: func(ctx context.Context, c *Client) error {
				c.limiter = newLimiter(0.01)
				return inviteBehindList(ctx, c)
			},
			words: "invite Ada@example.com: HTTP 429: other requests got this answer, so all requests wait: context deadline " +
				"exceeded",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.limit > 0 {
					ctx, cancel = context.WithTimeout(ctx, test.limit)
					defer cancel()
				}
				if test.stop > 0 {
					time.AfterFunc(test.stop, cancel)
				}
				err := test.call(ctx, newBubbleClient(t, test.handler, nil))
				if got := asCallError(t, err); got.Failure != org.NotSent || got.Status != 429 ||
					!strings.HasSuffix(err.Error(), test.words) {
					t.Errorf("%q (%v), want not sent with %q", err, got.Failure, test.words)
				}
				for _, end := range []error{context.DeadlineExceeded, context.Canceled} {
					if got, want := errors.Is(err, end), errors.Is(test.is, end); got != want {
						t.Errorf("%v is %v: %v", err, end, got)
					}
				}
			})
		})
	}
}
