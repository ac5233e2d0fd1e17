package vultr_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/vultr"
)

// newInvitingClient returns a client for a server that answers each request with an invitation of ada, and counts the
// requests in arrived.
func newInvitingClient(t *testing.T, arrived *atomic.Int32) *vultr.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"invitation": {"id": "i1", "email_invited": "ada@example.com"}}`))
	}))
	t.Cleanup(server.Close)
	client, err := vultr.New(vultr.Config{
		BaseURL: server.URL, Key: "K3Y", UserAgent: "orgsync/test", Concurrency: 1, RequestTimeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestGate checks that a request is not sent if its gate refuses it at any step before the first
// byte, because the process may be paused between any two steps. The request counts as not sent,
// and is not repeated.
func TestGate(t *testing.T) {
	t.Parallel()
	closed := errors.New("the lease is over")
	for closesAt := int32(1); closesAt <= 3; closesAt++ {
		var arrived, asked atomic.Int32
		client := newInvitingClient(t, &arrived)
		ctx := org.WithGate(t.Context(), func() error {
			if asked.Add(1) >= closesAt {
				return closed
			}
			return nil
		})
		_, err := client.Invite(ctx, org.MustParseAddress("ada@example.com"), false)
		if closesAt == 3 { // asked before the request and before its first byte, and open both times
			if err != nil || arrived.Load() != 1 {
				t.Errorf("an open gate: %v, %d requests arrived", err, arrived.Load())
			}
			continue
		}
		var call *org.CallError
		if !errors.As(err, &call) || call.Failure != org.NotSent || !errors.Is(err, closed) || arrived.Load() != 0 ||
			asked.Load() > closesAt+1 {
			t.Errorf("closed at step %d: %v, %d requests arrived, the gate was asked %d times", closesAt, err, arrived.Load(),
				asked.Load())
		}
	}
}

// TestGateOfReusedConnection checks that each request on a reused connection asks its own gate, or
// none if it has none.
func TestGateOfReusedConnection(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int32
	client := newInvitingClient(t, &arrived)
	ada := org.MustParseAddress("ada@example.com")
	open := false
	gated := org.WithGate(t.Context(), func() error {
		if !open {
			return errors.New("closed")
		}
		return nil
	})
	for _, c := range []struct {
		ctx  context.Context
		open bool
		sent bool
	}{{t.Context(), false, true}, {gated, false, false}, {gated, true, true}, {t.Context(), false, true}} {
		open = c.open
		if _, err := client.Invite(c.ctx, ada, false); (err == nil) != c.sent {
			t.Errorf("gated %v, open %v: %v", c.ctx == gated, c.open, err)
		}
	}
}

// TestGateRefusesOnce checks that a request that its gate has refused is not sent, although net/http tries a reused
// connection and then a new one, and the gate would let the second try pass. The request counts as not sent.
func TestGateRefusesOnce(t *testing.T) {
	t.Parallel()
	var arrived, asked atomic.Int32
	client := newInvitingClient(t, &arrived)
	ada := org.MustParseAddress("ada@example.com")
	if _, err := client.Invite(t.Context(), ada, false); err != nil { // makes the connection that is reused
		t.Fatal(err)
	}
	closed := errors.New("the clock was wrong for a moment")
	ctx := org.WithGate(t.Context(), func() error {
		if asked.Add(1) == 2 {
			return closed
		}
		return nil
	})
	_, err := client.Invite(ctx, ada, false)
	var call *org.CallError
	if !errors.As(err, &call) || call.Failure != org.NotSent || !errors.Is(err, closed) || arrived.Load() != 1 {
		t.Errorf("%v, %d requests arrived, the gate was asked %d times", err, arrived.Load()-1, asked.Load())
	}
}
