package ledger_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/ledger/ledgertest"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/state"
)

// mailed is a ledger in which these people were mailed.
func mailed(t *testing.T, people ...string) *ledgertest.Store {
	t.Helper()
	s := &ledgertest.Store{}
	l := open(t, s, 0)
	for _, who := range people {
		must(t, l.RecordIntent(ledger.Invite, who, ""))
		must(t, l.RecordOutcome(ledger.Invite, who, ledger.Sent, org.Invitation{ID: "i-" + who}, ""))
	}
	must(t, l.Close())
	return s
}

// TestCopy: a ledger is copied as it is, more of it later, and never over entries that the source lacks.
func TestCopy(t *testing.T) {
	t.Parallel()
	from, to := mailed(t, "ada@example.com"), &ledgertest.Store{}
	o := ledger.CopyOptions{Organization: "o1", Now: at(5)}
	for range 2 {
		if lines, err := ledger.Copy(t.Context(), from, to, o); err != nil || lines != 2 {
			t.Fatalf("%d lines, %v", lines, err)
		}
	}
	l := open(t, from, 1)
	must(t, l.RecordIntent(ledger.Invite, "bob@example.com", ""))
	must(t, l.Close())
	if lines, err := ledger.Copy(t.Context(), from, to, o); err != nil || lines != 3 {
		t.Fatalf("%d lines, %v", lines, err)
	}
	source, _, err := ledger.Read(t.Context(), from, "o1")
	must(t, err)
	target, _, err := ledger.Read(t.Context(), to, "o1")
	must(t, err)
	if diff := cmp.Diff(source, target); diff != "" {
		t.Errorf("the copy (-source +target):\n%s", diff)
	}
	other := mailed(t, "cyd@example.com")
	if _, err := ledger.Copy(t.Context(), from, other, o); !errors.Is(err, ledger.ErrTargetDiffers) {
		t.Errorf("copied over entries of another ledger: %v", err)
	}
	if lease, err := other.Acquire(t.Context(), state.Holder{}, 0); err != nil {
		t.Errorf("the lock of the target stays: %v", err)
	} else {
		must(t, lease.Release())
	}
}

// TestRetire: a ledger that has moved refuses runs and readers, names the new place, and can still be
// read for its history. Programs that do not know the line refuse it for its version.
func TestRetire(t *testing.T) {
	t.Parallel()
	from := mailed(t, "ada@example.com")
	o := ledger.CopyOptions{Organization: "o1", Now: at(5), RetireTo: "s3://bucket/orgsync"}
	if _, err := ledger.Copy(t.Context(), from, &ledgertest.Store{}, o); err != nil {
		t.Fatal(err)
	}
	_, openErr := ledger.Open(t.Context(), from, ledger.Options{Organization: "o1", Now: time.Now})
	_, _, readErr := ledger.Read(t.Context(), from, "o1")
	for _, err := range []error{openErr, readErr} {
		var moved *ledger.RetiredError
		if !errors.As(err, &moved) || moved.To != "s3://bucket/orgsync" {
			t.Errorf("the ledger that moved: %v", err)
		}
	}
	entries, err := ledger.History(t.Context(), from, "o1", "ada@example.com")
	if err != nil || len(entries) != 2 {
		t.Errorf("its history has %d entries, %v", len(entries), err)
	}
	content, _ := from.Read(t.Context())
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, `{"v":2,`) {
		t.Errorf("the last line is %s", last)
	}
}

// TestPausedRuns: where a run may have been paused, a mail that it announced and did not conclude may
// have left until 5 minutes after the announcement, also when another run began earlier.
func TestPausedRuns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		paused bool
		begins time.Duration // after the announcement
		want   time.Duration
	}{
		{false, time.Minute, time.Minute + org.ActWithin},
		{true, time.Minute, org.SendWithin + org.ActWithin},
		{true, 10 * time.Minute, 10*time.Minute + org.ActWithin},
	} {
		s := &ledgertest.Store{Paused: c.paused}
		must(t, open(t, s, 0).RecordIntent(ledger.Invite, "ada@example.com", ""))
		s.Unlock()
		l := open(t, s, c.begins.Hours())
		must(t, l.Begin(1, 0))
		mails := l.Memory().People["ada@example.com"].Mails
		if len(mails) != 1 || !mails[0].ServerMayActUntil.Equal(start.Add(c.want)) {
			t.Errorf("paused %v, next run after %v: %+v", c.paused, c.begins, mails)
		}
	}
}

// TestReadBesideARun: a reader meets half a line while a run writes it, and that is no damage.
func TestReadBesideARun(t *testing.T) {
	t.Parallel()
	s := mailed(t, "ada@example.com")
	must(t, s.Append([]byte(`{"v":1,"organization_id":"o1","run":"r","ti`)))
	memory, warnings, err := ledger.Read(t.Context(), s, "o1")
	if err != nil || len(warnings) != 0 || len(memory.People) != 1 {
		t.Errorf("%d people, warnings %q, %v", len(memory.People), warnings, err)
	}
}
