package vultr

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orgsync/orgsync/internal/org"
)

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { answerJSON(w, code, body) }
}

func htmlPage(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

const sentToAda = `{"id":"i1","email_invited":"ada@example.com","invite_status":"Pending"}`

// failures are answers to an invitation for ada@example.com, with the failure that each of them
// means.
var failures = []struct {
	name    string
	handler http.HandlerFunc
	want    org.CallError
	words   string // in the text of the error
	id      string // of the invitation in the receipt
}{
	{name: "400", handler: status(400, `{"error":"already invited","status":400}`),
		want: org.CallError{Failure: org.Refused, Status: 400}, words: "HTTP 400: already invited"},
	{name: "404", handler: status(404, `{"error":"Invite not found"}`), want: org.CallError{Failure: org.Refused,
		Status: 404}, words: "Invite not found"},
	{name: "409 without words", handler: status(409, ""), want: org.CallError{Failure: org.Refused, Status: 409},
		words: "Conflict"},
	{name: "422 as text", handler: status(422, "bad\naddress"), want: org.CallError{Failure: org.Refused, Status: 422},
		words: "HTTP 422: bad"},
	{name: "413 with half a body", handler: func(w http.ResponseWriter, r *http.Request) {
		hijack(w, "HTTP/1.1 413 Too Large\r\nContent-Length: 99\r\n\r\nhal")
	}, want: org.CallError{Failure: org.Refused, Status: 413}, words: "HTTP 413: hal"},
	{name: "401", handler: status(401, `{"error":"Invalid API token."}`), want: org.CallError{Failure: org.Denied,
		Status: 401}, words: "HTTP 401: Invalid API token."},
	{name: "403 as a page", handler: htmlPage(403, "<html><head><title>\n Access &amp; more\n denied </title>"),
		want:  org.CallError{Failure: org.Denied, Status: 403, NotFromAPI: true},
		words: "an HTML page (Access & more denied)"},
	{name: "404 as a page without a title", handler: htmlPage(404, "<html>"), want: org.CallError{Failure: org.Refused,
		Status: 404, NotFromAPI: true}, words: "HTTP 404: an HTML page"},
	{name: "408", handler: status(408, ""), want: org.CallError{Failure: org.Lost, Status: 408}, words: "HTTP 408"},
	{name: "500", handler: status(500, `{"error":"oops"}`), want: org.CallError{Failure: org.Lost, Status: 500},
		words: "HTTP 500: oops"},
	{name: "503 as a page", handler: htmlPage(503, "<TITLE>Maintenance</TITLE>"), want: org.CallError{Failure: org.Lost,
		Status: 503, NotFromAPI: true}, words: "HTML page (Maintenance)"},
	{name: "502", handler: status(502, ""), want: org.CallError{Failure: org.Lost, Status: 502}, words: "Bad Gateway"},
	{name: "504", handler: status(504, ""), want: org.CallError{Failure: org.Lost, Status: 504}, words: "Gateway Timeout"},
	{name: "524", handler: status(524, ""), want: org.CallError{Failure: org.Lost, Status: 524}, words: "HTTP 524"},
	{name: "599", handler: status(599, ""), want: org.CallError{Failure: org.Lost, Status: 599}, words: "HTTP 599"},
	{name: "dropped", handler: drop, want: org.CallError{Failure: org.Lost}, words: "the connection was closed without " +
		"an answer"},
	{name: "not HTTP", handler: func(w http.ResponseWriter, r *http.Request) { hijack(w, "hello\r\n\r\n") },
		want: org.CallError{Failure: org.Lost}, words: "malformed HTTP"},
	{name: "half a body", handler: func(w http.ResponseWriter, r *http.Request) {
		hijack(w, "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"id\":\"i1\",")
	}, want: org.CallError{Failure: org.Lost, Status: 201}, words: "HTTP 201: the answer was cut short: unexpected EOF"},
	{name: "body cut inside the JSON", handler: status(201, sentToAda[:20]), want: org.CallError{Failure: org.Unreadable,
		Status: 201}, words: "not a JSON object"},
	{name: "page with 200", handler: htmlPage(200, "<title>Welcome</title>"), want: org.CallError{Failure: org.Unreadable,
		Status: 200}, words: "HTTP 200: an HTML page (Welcome) instead of JSON"},
	{name: "JSON that calls itself a page", handler: htmlPage(201, sentToAda), want: org.CallError{Failure: org.Unreadable,
		Status: 201}, words: "an HTML page"},
	{name: "empty", handler: status(201, ""), want: org.CallError{Failure: org.Unreadable, Status: 201},
		words: "an empty answer"},
	{name: "204", handler: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) },
		want: org.CallError{Failure: org.Unreadable, Status: 204}, words: "an empty answer"},
	{name: "null", handler: status(201, "null"), want: org.CallError{Failure: org.Unreadable, Status: 201},
		words: "not a JSON object"},
	{name: "list", handler: status(201, "["+sentToAda+"]"), want: org.CallError{Failure: org.Unreadable, Status: 201},
		words: "not a JSON object"},
	{name: "text after the JSON", handler: status(201, sentToAda+"x"), want: org.CallError{Failure: org.Unreadable,
		Status: 201}, words: "not a JSON object"},
	{name: "no id", handler: status(201, `{"email_invited":"ada@example.com"}`),
		want: org.CallError{Failure: org.Unreadable, Status: 201}, words: "no usable invitation id"},
	{name: "null invitation", handler: status(201, `{"invitation":null}`), want: org.CallError{Failure: org.Unreadable,
		Status: 201}, words: "no usable invitation id"},
	{name: "id that would leave its path", handler: status(201, `{"id":"../users","email_invited":"ada@example.com"}`),
		want: org.CallError{Failure: org.Unreadable, Status: 201}, words: "no usable invitation id"},
	{name: "another address", handler: status(201, `{"invitation":{"id":"i1","email_invited":"eve@example.com"}}`),
		want: org.CallError{Failure: org.Unreadable, Status: 201}, words: `the answer is about "eve@example.com"`, id: "i1"},
	{name: "no address", handler: status(201, `{"id":"i1"}`), want: org.CallError{Failure: org.Unreadable, Status: 201},
		words: `the answer is about ""`, id: "i1"},
	{name: "302", handler: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}, want: org.CallError{Failure: org.Unreadable, Status: 302}, words: "a redirect to /elsewhere, which is not " +
		"followed"},
	{name: "304", handler: status(304, ""), want: org.CallError{Failure: org.Unreadable, Status: 304},
		words: "HTTP 304: Not Modified"},
	{name: "301 without a place", handler: status(301, ""), want: org.CallError{Failure: org.Unreadable, Status: 301},
		words: "HTTP 301: Moved Permanently"},
	{name: "307", handler: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}, want: org.CallError{Failure: org.Unreadable, Status: 307}, words: "a redirect to /elsewhere"},
	{name: "100 MB", handler: func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(201)
		io.CopyN(w, blanks{}, 100<<20)
	}, want: org.CallError{Failure: org.Unreadable, Status: 201}, words: "HTTP 201: the answer is larger than 32 MiB"},
	{name: "100 MB of refusal", handler: func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(400)
		io.WriteString(w, "no ")
		io.CopyN(w, blanks{}, 100<<20)
	}, want: org.CallError{Failure: org.Refused, Status: 400}, words: "HTTP 400: no"},
	{name: "many words", handler: status(400, `{"error":"`+strings.Repeat("no ", 1000)+`"}`),
		want: org.CallError{Failure: org.Refused, Status: 400}, words: "no no n…"},
	{name: "words that would harm a terminal",
		handler: status(400, `{"error":"a\u001b[2Jb\u0007\u202e\nc\u0000\td\ufeff"}`),
		want:    org.CallError{Failure: org.Refused, Status: 400}, words: "HTTP 400: a[2Jb c d"},
}

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestAnswerToAnInvitation checks that an answer about the right person confirms the mail only if
// its invitation is pending and has not expired. After any other answer, it is unknown whether the
// mail was sent.
func TestAnswerToAnInvitation(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)
	tests := []struct {
		name, fields string // beside id and email_invited
		words        string // in the error; "" where it is understood
	}{
		{"nothing more", ``, ""},
		{"false is no pending", `"status":false`, `an invitation that is "false"`},
		{"zero is no pending", `"status":0`, `an invitation that is "0"`},
		{"pending", `"invite_status":"Pending"`, ""},
		{"pending by the other field", `"status":"pending"`, ""},
		{"pending, in the words of the console", `"invite_status":"INVITE PENDING"`, ""},
		{"no word", `"invite_status":"","status":null`, ""},
		{"an empty word", `"status":""`, ""},
		{"a number is no word", `"status":1`, ""},
		{"a bool is no word", `"status":true`, ""},
		{
			"an end to come",
			`"invite_status":"Pending","date_created":"2026-06-01T10:00:00Z","expiration_date":"2026-06-04T10:00:00Z"`,
			"",
		},
		{"an end at this second", `"expiration_date":"2026-06-01 10:00:00"`, ""},
		{"no end", `"expiration_date":null`, ""},
		{"an end of zeros", `"expiration_date":"0000-00-00 00:00:00"`, ""},
		{"an end that cannot be read", `"invite_status":"Pending","expiration_date":"soon"`, ""},

		{"accepted", `"invite_status":"Accepted"`, `an invitation that is "Accepted"`},
		{"accepted by the other field", `"status":"accepted"`, `an invitation that is "accepted"`},
		{
			"accepted without a word",
			`"email_registered":"me@home.example","date_responded":"2026-05-01T10:00:00Z"`,
			"an invitation that is accepted",
		},
		{"declined", `"invite_status":"Declined"`, `an invitation that is "Declined"`},
		{"expired", `"invite_status":"expired"`, `an invitation that is "expired"`},
		{"cancelled", `"invite_status":"Cancelled"`, `an invitation that is "Cancelled"`},
		{"an unknown word", `"invite_status":"Frozen","status":"pending"`, `an invitation that is "Frozen"`},
		{"a status that is an object", `"invite_status":{"name":"Accepted"}`, `an invitation that is "{\"name\":`},
		{
			"an end that is past", `"invite_status":"Pending","expiration_date":"2026-06-01T09:59:59Z"`,
			"an invitation that expired at 2026-06-01T09:59:59Z",
		},
		{
			"an end that is past, as a number", `"expiration_date":1780307999`,
			"an invitation that expired at 2026-06-01T09:59:59Z",
		},
		{
			"an end before its beginning", `"date_created":"2026-06-05T10:00:00Z","expiration_date":"2026-06-04T10:00:00Z"`,
			"an invitation that expires at 2026-06-04T10:00:00Z, before it was created",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				invitation := strings.TrimSuffix(`{"id":"i1","email_invited":"ADA@example.com",`+test.fields, ",") + "}"
				for _, body := range []string{invitation, `{"invitation":` + invitation + `}`} {
					c := inProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Date", now.Format(http.TimeFormat))
						if r.Method == http.MethodGet {
							answerJSON(w, 200, noUsers)
							return
						}
						answerJSON(w, 201, body)
					}))
					if _, err := list(t.Context(), c, users); err != nil { // has the server's time
						t.Fatal(err)
					}
					sent, err := c.Invite(t.Context(), ada, true)
					again, errAgain := c.Resend(t.Context(), "i1", ada)
					for _, got := range []struct {
						receipt org.Receipt
						err     error
					}{{sent, err}, {again, errAgain}} {
						if got.receipt.Requests != 1 || got.receipt.Invitation.ID != "i1" {
							t.Errorf("%s: receipt %+v, want one request and the id", body, got.receipt)
						}
						if test.words == "" {
							if got.err != nil {
								t.Errorf("%s: %v", body, got.err)
							}
							continue
						}
						if failure, ok := errors.AsType[*org.CallError](got.err); !ok || failure.Failure != org.Unreadable ||
							failure.RetryWithBoolean || !strings.Contains(failure.Message, test.words) {
							t.Errorf("%s: %v, want unreadable with %q", body, got.err, test.words)
						}
					}
				}
			})
		})
	}
}

func TestWriteFailures(t *testing.T) {
	t.Parallel()
	for _, test := range failures {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				test.handler(w, r)
			})
			receipt, err := c.Invite(t.Context(), ada, true)
			got := asCallError(t, err)
			want := test.want
			want.Op, want.Target = "invite", "Ada@example.com"
			if diff := cmp.Diff(want, *got, cmpopts.IgnoreFields(org.CallError{}, "Message", "Err",
				"RetryWithBoolean")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if text := err.Error(); !strings.Contains(text, test.words) || len(text) > 300 ||
				strings.ContainsAny(text, "\n\x1b") {
				t.Errorf("the error reads %q, want one short line with %q", text, test.words)
			}
			if receipt.Requests != 1 || requests.Load() != 1 {
				t.Errorf("%d requests counted, %d arrived, want 1", receipt.Requests, requests.Load())
			}
			if receipt.Invitation.ID != test.id {
				t.Errorf("the receipt has the invitation %q, want %q", receipt.Invitation.ID, test.id)
			}
		})
	}
}

func TestWriteTimesOut(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]func(w http.ResponseWriter, release <-chan struct{}){
		"before the header": func(w http.ResponseWriter, release <-chan struct{}) { <-release },
		"in the body": func(w http.ResponseWriter, release <-chan struct{}) {
			w.WriteHeader(201)
			io.WriteString(w, sentToAda[:20])
			http.NewResponseController(w).Flush()
			<-release
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) { handler(w, release) }, nil)
				receipt, err := c.Invite(t.Context(), ada, true)
				if got := asCallError(t, err); got.Failure != org.Lost || !strings.HasSuffix(err.Error(), "no answer within 30s") {
					t.Errorf("error %q of kind %v, want no answer within 30s, lost", err, got.Failure)
				}
				if late := interface{ Timeout() bool }(nil); !errors.As(err, &late) || !late.Timeout() {
					t.Error("the error does not tell that it is about time")
				}
				if errors.Is(err, context.DeadlineExceeded) {
					t.Error("the error looks like the end of the whole run")
				}
				if receipt.Requests != 1 {
					t.Errorf("%d requests counted, want 1", receipt.Requests)
				}
			})
		})
	}
}

// TestSwitchingProtocols checks that a request ends after an answer 101. The body of this answer is the connection
// itself, and a read of it does not end with the context of the request.
func TestSwitchingProtocols(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
			conn, buffered, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			buffered.Flush()
			select {
			case <-release:
			case <-time.After(time.Hour):
			}
		}, nil)
		start := time.Now()
		_, err := c.Invite(t.Context(), ada, true)
		if got := asCallError(t, err); got.Failure != org.Unreadable || got.Status != 101 {
			t.Errorf("%v (%v)", err, got.Failure)
		}
		if took := time.Since(start); took > c.timeout {
			t.Errorf("the request took %v, and its limit is %v", took, c.timeout)
		}
	})
}

// With HTTP/2, net/http sends a request again by itself, up to six times, if the server resets the
// stream with PROTOCOL_ERROR. It does so also if the server has acted on the request
// (golang/go#47635). The server of this test resets streams if the client uses HTTP/2, and
// otherwise drops the connection. It must get a mail only once.
func TestWriteIsNotRepeatedByTheTransport(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		drop(w, r)
	}))
	server.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
	server.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(_ *http.Server, conn *tls.Conn, _ http.Handler) { resetStreams(conn, &arrived) },
	}
	server.StartTLS()
	defer server.Close()
	transport := newTransport(8)
	transport.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	cfg := testConfig(server.URL)
	cfg.Transport = transport
	c := mustNew(t, cfg)
	for name, mail := range map[string]func() (org.Receipt, error){
		"with a body":    func() (org.Receipt, error) { return c.Invite(t.Context(), ada, true) },
		"without a body": func() (org.Receipt, error) { return c.Resend(t.Context(), "i1", ada) },
	} {
		arrived.Store(0)
		receipt, err := mail()
		if got := asCallError(t, err); got.Failure != org.Lost || receipt.Requests != 1 || arrived.Load() != 1 {
			t.Errorf("%s: %v (%v), %d requests counted, %d arrived; want one that is lost", name, err, got.Failure,
				receipt.Requests, arrived.Load())
		}
	}
}

// resetStreams reads requests in HTTP/2 (RFC 9113), and answers each of them with
// RST_STREAM(PROTOCOL_ERROR).
func resetStreams(conn net.Conn, arrived *atomic.Int32) {
	const data, headers, reset, settings, endStream, ack = 0, 1, 3, 4, 1, 1
	frame := func(kind, flags byte, stream []byte, payload ...byte) {
		conn.Write(slices.Concat([]byte{0, 0, byte(len(payload)), kind, flags}, stream, payload))
	}
	if _, err := io.CopyN(io.Discard, conn, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	whole := make([]byte, 4) // stream 0, the connection
	frame(settings, 0, whole)
	for {
		var head [9]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		length := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, conn, length); err != nil {
			return
		}
		switch kind, flags := head[3], head[4]; {
		case kind == settings && flags&ack == 0:
			frame(settings, ack, whole)
		case (kind == data || kind == headers) && flags&endStream != 0:
			arrived.Add(1)
			frame(reset, 0, head[5:], 0, 0, 0, 1)
		}
	}
}

func TestOwnTransport(t *testing.T) {
	t.Parallel()
	tr := newTransport(7)
	if tr.TLSClientConfig.MinVersion != tls.VersionTLS12 || tr.MaxConnsPerHost != 7 || tr.MaxIdleConnsPerHost != 7 ||
		tr.Proxy == nil {
		t.Errorf("TLS from %x, %d connections, %d kept, proxy %v", tr.TLSClientConfig.MinVersion, tr.MaxConnsPerHost,
			tr.MaxIdleConnsPerHost, tr.Proxy != nil)
	}
}

func TestResendChecksTheID(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s was sent", r.Method, r.RequestURI)
	})
	for _, id := range []string{"", ".", "..", "a/b", "../../users/u1", "a b", "a?b", "a%2fb", "é", "a\n",
		strings.Repeat("a", 129)} {
		receipt, err := c.Resend(t.Context(), id, ada)
		if got := asCallError(t, err); got.Failure != org.Refused || receipt.Requests != 0 {
			t.Errorf("Resend(%q) fails as %v with %d requests, want refused", id, got.Failure, receipt.Requests)
		}
		if len(err.Error()) > 300 || strings.Contains(err.Error(), "\n") {
			t.Errorf("Resend(%.20q) gives the error %q", id, err)
		}
	}
	if _, err := c.Invite(t.Context(), org.Address{}, true); asCallError(t, err).Failure != org.NotSent {
		t.Errorf("inviting nobody gives %v", err)
	}
}

// A read that gets the same answers returns a short error and no partial result.
func TestReadFailures(t *testing.T) {
	t.Parallel()
	for _, test := range failures {
		if test.want.Failure == org.Lost || test.want.Status/100 == 2 {
			continue // tried again: see TestReadIsRepeated
		}
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				test.handler(w, r)
			})
			rows, err := list(t.Context(), c, invitations)
			if got := asCallError(t, err); got.Failure != test.want.Failure || got.Status != test.want.Status ||
				got.Op != "list invitations" {
				t.Errorf("error %+v, want %+v", got, test.want)
			}
			if !strings.Contains(err.Error(), test.words) || rows != nil || requests.Load() != 1 {
				t.Errorf("%d rows after %d requests, error %q, want one request and %q", len(rows), requests.Load(), err,
					test.words)
			}
		})
	}
}

// TestMeaningOfErrors: which errors say that the key may not read something, and which say that the API refused one
// request for good.
func TestMeaningOfErrors(t *testing.T) {
	t.Parallel()
	denied := func(status int) *org.CallError { return &org.CallError{Failure: org.Denied, Status: status} }
	blocked, page := denied(http.StatusForbidden), &org.CallError{Failure: org.Refused, Status: http.StatusNotFound}
	blocked.NotFromAPI, page.NotFromAPI = true, true
	for name, tt := range map[string]struct {
		err                         error
		forbiddenOrMissing, refused bool
	}{
		"no error":                {nil, false, false},
		"not from a call":         {io.EOF, false, false},
		"401":                     {denied(http.StatusUnauthorized), false, false},
		"403":                     {denied(http.StatusForbidden), true, true},
		"403 of a firewall":       {blocked, false, false},
		"404":                     {&org.CallError{Failure: org.Refused, Status: http.StatusNotFound}, true, true},
		"404 in a web page":       {page, true, false},
		"409":                     {&org.CallError{Failure: org.Refused, Status: http.StatusConflict}, false, true},
		"429":                     {&org.CallError{Failure: org.NotSent, Status: http.StatusTooManyRequests}, false, false},
		"500":                     {&org.CallError{Failure: org.Lost, Status: 500}, false, false},
		"a 403 that is not known": {&org.CallError{Failure: org.Lost, Status: http.StatusForbidden}, true, false},
	} {
		if got := IsForbiddenOrMissing(tt.err); got != tt.forbiddenOrMissing {
			t.Errorf("%s: forbidden or missing %v", name, got)
		}
		if got := isRefusedByAPI(tt.err); got != tt.refused {
			t.Errorf("%s: refused by the API %v", name, got)
		}
	}
}

// TestIsFromAPI: an answer that is not a success comes from the API if it explains the error in JSON.
func TestIsFromAPI(t *testing.T) {
	t.Parallel()
	const page, plain, object = "text/html", "text/plain", "application/json"
	for _, tt := range []struct {
		status     int
		kind, body string
		want       bool
	}{
		{403, object, `{"error":"no","status":403}`, true},
		{403, page, `{"error":"no"}`, true},
		{403, page, `{"status":403}`, true},
		{403, object, `{"status":200}`, false},
		{403, object, `{"detail":"no"}`, true},
		{403, page, `{"detail":"no"}`, false},
		{403, object, `{"request":"r1"}`, false},
		{403, plain, "Forbidden", false},
		{403, page, "<html>", false},
		{404, plain, "Not Found", true},
		{404, object, `{}`, true},
		{404, page, "<html>", false},
	} {
		a := answer{status: tt.status, header: http.Header{"Content-Type": {tt.kind}}}
		if got := isFromAPI(a, []byte(tt.body)); got != tt.want {
			t.Errorf("%d %s %s: %v", tt.status, tt.kind, tt.body, got)
		}
	}
}
