package ledger_test

import (
	"bytes"
	"context"
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

// ledgerWithMails returns the store of a ledger in which these people have one mail each.
func ledgerWithMails(t *testing.T, people ...string) *ledgertest.Store {
	t.Helper()
	s := &ledgertest.Store{}
	l := open(t, s, 0)
	for _, who := range people {
		must(t, l.RecordIntent(who))
		must(t, l.RecordOutcome(ledger.Invite, who, ledger.Sent, org.Invitation{ID: "i-" + who}, ""))
	}
	must(t, l.Close())
	return s
}

// TestCopy: a ledger is copied as it is, and can be copied again after it grew. It is not copied over a ledger with
// other lines.
func TestCopy(t *testing.T) {
	t.Parallel()
	from, to := ledgerWithMails(t, "ada@example.com"), &ledgertest.Store{}
	o := ledger.CopyOptions{Organization: "o1", Now: at(5)}
	for range 2 {
		if lines, err := ledger.Copy(t.Context(), from, to, o); err != nil || lines != 2 {
			t.Fatalf("%d lines, %v", lines, err)
		}
	}
	l := open(t, from, 1)
	must(t, l.RecordIntent("bob@example.com"))
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
	other := ledgerWithMails(t, "cyd@example.com")
	if _, err := ledger.Copy(t.Context(), from, other, o); !errors.Is(err, ledger.ErrTargetDiffers) {
		t.Errorf("copied over entries of another ledger: %v", err)
	}
	if lease, err := other.Acquire(t.Context(), state.Holder{}, 0); err != nil {
		t.Errorf("the lock of the target stays: %v", err)
	} else {
		must(t, lease.Release())
	}
}

// movedLedger returns a ledger that was moved to a bucket.
func movedLedger(t *testing.T) *ledgertest.Store {
	t.Helper()
	from := ledgerWithMails(t, "ada@example.com")
	o := ledger.CopyOptions{Organization: "o1", Now: at(5), RetireTo: "s3://bucket/orgsync"}
	if _, err := ledger.Copy(t.Context(), from, &ledgertest.Store{}, o); err != nil {
		t.Fatal(err)
	}
	return from
}

// TestRetire: a ledger that was moved refuses runs and readers, and names the new place. Its history can still be
// read. Older programs refuse the last line because of its version.
func TestRetire(t *testing.T) {
	t.Parallel()
	from := movedLedger(t)
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

// TestRetiredLedgerInTheFuture: nothing is added to a ledger that moved, also if its times are in the future.
func TestRetiredLedgerInTheFuture(t *testing.T) {
	t.Parallel()
	from := movedLedger(t)
	before, _ := from.Read(t.Context())
	early := func() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }
	if _, err := ledger.Open(t.Context(), from, ledger.Options{Organization: "o1", Now: early}); err == nil {
		t.Error("the ledger that moved can be opened")
	}
	if after, _ := from.Read(t.Context()); !bytes.Equal(before, after) {
		t.Errorf("lines were added: %s", bytes.TrimPrefix(after, before))
	}
}

// TestRetireIncompleteLine: a ledger whose last line is incomplete after a power cut can be moved, and then refuses
// runs.
func TestRetireIncompleteLine(t *testing.T) {
	t.Parallel()
	from := ledgerWithMails(t, "ada@example.com")
	l := open(t, from, 1)
	from.OnAppend = func(lines []byte) (int, error) { return len(lines) / 2, errors.New("power cut") }
	if err := l.RecordIntent("bob@example.com"); err == nil {
		t.Fatal("the line was written")
	}
	from.OnAppend = nil
	from.Unlock()
	o := ledger.CopyOptions{Organization: "o1", Now: at(5), RetireTo: "s3://bucket/orgsync"}
	if lines, err := ledger.Copy(t.Context(), from, &ledgertest.Store{}, o); err != nil || lines != 2 {
		t.Fatalf("%d lines, %v", lines, err)
	}
	var moved *ledger.RetiredError
	if _, err := ledger.Open(t.Context(), from, ledger.Options{Organization: "o1", Now: time.Now}); !errors.As(err,
		&moved) {
		t.Errorf("the ledger that moved can be opened: %v", err)
	}
}

// unreliable is a store whose Read can be replaced.
type unreliable struct {
	*ledgertest.Store
	read func() ([]byte, error)
}

func (u *unreliable) Read(ctx context.Context) ([]byte, error) {
	if u.read != nil {
		return u.read()
	}
	return u.Store.Read(ctx)
}

// TestCopyGoesOn: a copy that broke off in the middle of a line can be repeated.
func TestCopyGoesOn(t *testing.T) {
	t.Parallel()
	from := ledgerWithMails(t, "ada@example.com", "bob@example.com")
	whole, err := from.Read(t.Context())
	must(t, err)
	for part := range len(whole) {
		to := &ledgertest.Store{}
		must(t, to.Replace(whole[:part]))
		_, err := ledger.Copy(t.Context(), from, to, ledger.CopyOptions{Organization: "o1", Now: at(5)})
		if got, readErr := to.Read(t.Context()); err != nil || readErr != nil || !bytes.Equal(got, whole) {
			t.Fatalf("after %d bytes: %v, %v", part, err, readErr)
		}
	}
}

// TestCopyFails: if a copy fails, the error has the cause, and neither ledger stays locked.
func TestCopyFails(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	fails := func([]byte) (int, error) { return 0, full }
	for name, c := range map[string]struct {
		prepare func(from, to *unreliable)
		want    string
	}{
		"the source is locked": {func(from, _ *unreliable) {
			_, _ = from.Acquire(t.Context(), state.Holder{}, 0)
		}, "another run"},
		"the target is locked": {func(_, to *unreliable) {
			_, _ = to.Acquire(t.Context(), state.Holder{}, 0)
		}, "another run"},
		"the source is of another organization": {func(from, _ *unreliable) {
			must(t, from.Replace([]byte(`{"v":1,"organization_id":"o9","run":"r","time":"2026-06-10T12:00:00Z",`+
				`"action":"run"}`+"\n")))
		}, "o9"},
		"the target is full": {func(from, to *unreliable) {
			lines, err := from.Read(t.Context())
			must(t, err)
			must(t, to.Replace(lines[:bytes.IndexByte(lines, '\n')+1]))
			to.OnAppend = fails
		}, full.Error()},
		"the target has moved": {func(_, to *unreliable) {
			must(t, to.Replace([]byte(`{"v":2,"organization_id":"o1","run":"r","time":"2026-06-10T12:00:00Z",`+
				`"action":"retired","object_id":"s3://elsewhere"}`+"\n")))
		}, "has moved to s3://elsewhere"},
		"the target is of another organization": {func(_, to *unreliable) {
			must(t, to.Replace([]byte(`{"v":1,"organization_id":"o9","run":"r","time":"2026-06-10T12:00:00Z",`+
				`"action":"run"}`+"\n")))
		}, "the target: read the ledger: line 1 belongs to the organization"},
		"the end of the source is damaged": {func(from, _ *unreliable) {
			lines, err := from.Read(t.Context())
			must(t, err)
			must(t, from.Replace(bytes.ReplaceAll(lines, []byte("\n"), nil)))
		}, "damaged"},
		"the target is not readable": {func(_, to *unreliable) {
			to.read = func() ([]byte, error) { return nil, full }
		}, full.Error()},
		"the target lost a line": {func(_, to *unreliable) {
			to.read = func() ([]byte, error) { return nil, nil }
		}, "the copy differs from the source"},
		"the source is full": {func(from, _ *unreliable) { from.OnAppend = fails }, full.Error()},
		"the source does not keep the line about the move": {func(from, _ *unreliable) {
			from.read = func() ([]byte, error) { return nil, nil }
		}, "remove the source"},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := &unreliable{Store: ledgerWithMails(t, "ada@example.com")}, &unreliable{Store: &ledgertest.Store{}}
			c.prepare(from, to)
			o := ledger.CopyOptions{Organization: "o1", Now: at(5), RetireTo: "s3://bucket/orgsync"}
			if lines, err := ledger.Copy(t.Context(), from, to, o); err == nil || lines != 0 ||
				!strings.Contains(err.Error(), c.want) {
				t.Errorf("%d lines, %v; want an error that says %q", lines, err, c.want)
			}
			if strings.Contains(name, "locked") {
				return
			}
			for _, s := range []state.Store{from.Store, to.Store} {
				lease, err := s.Acquire(t.Context(), state.Holder{}, 0)
				if err != nil {
					t.Fatalf("a lock stays: %v", err)
				}
				must(t, lease.Release())
			}
		})
	}
}

// TestPausedRuns: a run that may only be paused can send a mail without an outcome until 5 minutes after the intent.
// The next run may begin earlier, and does not change this.
func TestPausedRuns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		paused bool
		begins time.Duration // when the next run begins, after the intent
		want   time.Duration
	}{
		{false, time.Minute, time.Minute + org.ActWithin},
		{true, time.Minute, org.SendWithin + org.ActWithin},
		{true, 10 * time.Minute, 10*time.Minute + org.ActWithin},
	} {
		s := &ledgertest.Store{Paused: c.paused}
		must(t, open(t, s, 0).RecordIntent("ada@example.com"))
		s.Unlock()
		l := open(t, s, c.begins.Hours())
		must(t, l.Begin(1, 0))
		mails := l.Memory().People["ada@example.com"].Mails
		if len(mails) != 1 || !mails[0].ServerMayActUntil.Equal(start.Add(c.want)) {
			t.Errorf("paused %v, next run after %v: %+v", c.paused, c.begins, mails)
		}
	}
}

// TestReadDuringARun: a reader may find an incomplete last line while a run writes it. This is no damage.
func TestReadDuringARun(t *testing.T) {
	t.Parallel()
	s := ledgerWithMails(t, "ada@example.com")
	must(t, s.Append([]byte(`{"v":1,"organization_id":"o1","run":"r","ti`)))
	memory, warnings, err := ledger.Read(t.Context(), s, "o1")
	if err != nil || len(warnings) != 0 || len(memory.People) != 1 {
		t.Errorf("%d people, warnings %q, %v", len(memory.People), warnings, err)
	}
}
