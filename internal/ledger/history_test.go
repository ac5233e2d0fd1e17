package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/ledger/ledgertest"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/state"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	s := &ledgertest.Store{}
	l := open(t, s, 0)
	must(t, l.Begin(2, 0))
	must(t, l.RecordIntent("ada@example.com"))
	must(t, l.RecordIntent("bob@example.com"))
	must(t, l.RecordOutcome(ledger.Invite, "ada@example.com", ledger.Sent, org.Invitation{ID: "i1"}, ""))
	must(t, l.RecordFacts([]org.Fact{{Kind: org.FactJoined, Email: "ada@home.example"}}))
	// History is read without the lock, which another run has.
	got, err := ledger.History(t.Context(), s, "o1", "ada@example.com", "ada@home.example")
	must(t, err)
	lines := []string{}
	for _, e := range got {
		lines = append(lines, fmt.Sprintf("%s %s %s %s", e.Email, e.Action, e.Outcome, e.InvitationID))
	}
	want := []string{"ada@example.com invite  ", "ada@example.com invite sent i1", "ada@home.example joined  "}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	for _, keys := range [][]string{nil, {""}, {"cy@example.com"}} {
		if got, err := ledger.History(t.Context(), s, "o1", keys...); err != nil || len(got) != 0 {
			t.Errorf("history of %q: %v, %v", keys, got, err)
		}
	}
	if _, err := ledger.History(t.Context(), s, "o2", "ada@example.com"); err == nil {
		t.Error("the ledger of another organization is read without an error")
	}
}

// TestRequests: a request without an outcome is unanswered, even if the run recorded a fact about the person after it.
// An outcome whose intent is missing stays.
func TestRequests(t *testing.T) {
	t.Parallel()
	s := &ledgertest.Store{}
	l := open(t, s, 0)
	must(t, l.RecordIntent("ada@example.com"))
	must(t, l.RecordFacts([]org.Fact{{Kind: org.FactUnlisted, Email: "ada@example.com"}}))
	must(t, l.RecordIntent("bob@example.com"))
	must(t, l.RecordOutcome(ledger.Invite, "bob@example.com", ledger.Refused, org.Invitation{}, ""))
	must(t, l.RecordOutcome(ledger.Invite, "cy@example.com", ledger.Sent, org.Invitation{ID: "i1"}, ""))
	must(t, mail(l, "dee@example.com", ledger.Sent, org.Invitation{ID: "i2", OrgID: "o2"})) // for another organization
	must(t, l.RecordRenewalIntent("eve@example.com", "i3", time.Time{}))
	must(t, l.RecordOutcome(ledger.Resend, "eve@example.com", ledger.Sent, org.Invitation{ID: "i3", OrgID: "o2"}, ""))
	grants := []org.Edit{{Op: org.EditGrant, Who: org.MustParseAddress("fay@example.com"), ID: "g1"},
		{Op: org.EditGrant, Who: org.MustParseAddress("fay@example.com"), ID: "g2"}}
	must(t, l.RecordEditIntent(grants[0]))
	must(t, l.RecordEditIntent(grants[1]))
	must(t, l.RecordEditOutcome(grants[0], ledger.Abandoned))
	must(t, l.RecordEditOutcome(grants[0], ledger.Sent)) // a reading showed it
	entries, err := ledger.Requests(t.Context(), s, "o1")
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%s %s %s", e.Email, e.Action, e.Outcome))
	}
	want := []string{"ada@example.com invite unanswered", "ada@example.com unlisted ", "bob@example.com invite refused",
		"cy@example.com invite sent", "dee@example.com invite sent", "eve@example.com resend sent",
		"fay@example.com grant abandoned", "fay@example.com grant unanswered", "fay@example.com grant sent"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// archivedStore is a store that keeps removed lines.
type archivedStore struct {
	*ledgertest.Store
	archived []byte
}

func (s archivedStore) Archived(context.Context) ([]byte, error) { return s.archived, nil }

// TestEntriesOfArchive: a line that is in the archive and in the ledger counts once, at its place in the ledger. It was
// in the ledger twice, or a run died while it moved the line to the archive.
func TestEntriesOfArchive(t *testing.T) {
	t.Parallel()
	s := ledgerWithMails(t, "ada@example.com", "bob@example.com")
	lines, err := s.Read(t.Context())
	must(t, err)
	older, err := ledgerWithMails(t, "cyd@example.com").Read(t.Context())
	must(t, err)
	twice := bytes.SplitAfter(lines, []byte("\n"))[1]
	var got []string
	_, err = ledger.Entries(t.Context(), archivedStore{s, slices.Concat(older, twice)}, "o1",
		func(e ledger.Entry) { got = append(got, e.Email+" "+string(e.Outcome)) })
	must(t, err)
	want := []string{"cyd@example.com ", "cyd@example.com sent", "ada@example.com ", "ada@example.com sent",
		"bob@example.com ", "bob@example.com sent"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestEntriesFail: the history is not shorter because the ledger or its archive cannot be read.
func TestEntriesFail(t *testing.T) {
	t.Parallel()
	broken := errors.New("no answer")
	s := ledgerWithMails(t, "ada@example.com")
	other := []byte(`{"v":1,"organization_id":"o2","run":"A","time":"2026-06-01T10:00:00Z","action":"run"}` + "\n")
	for name, store := range map[string]state.Store{
		"the ledger":               brokenStore{archivedStore{s, nil}, broken, nil},
		"the archive":              brokenStore{archivedStore{s, nil}, nil, broken},
		"an archive of another id": archivedStore{s, other},
	} {
		if _, err := ledger.Entries(t.Context(), store, "o1", func(ledger.Entry) {}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// brokenStore is a store that cannot be read.
type brokenStore struct {
	archivedStore
	read, archive error
}

func (s brokenStore) Read(ctx context.Context) ([]byte, error) {
	lines, err := s.archivedStore.Read(ctx)
	return lines, errors.Join(err, s.read)
}

func (s brokenStore) Archived(ctx context.Context) ([]byte, error) {
	lines, err := s.archivedStore.Archived(ctx)
	return lines, errors.Join(err, s.archive)
}

// TestOrderOfRuns: with an archive, runs are sorted by their earliest time. Without one, the order of the lines stays.
func TestOrderOfRuns(t *testing.T) {
	t.Parallel()
	line := func(run, who string, hour int) string {
		return fmt.Sprintf(`{"v":1,"organization_id":"o1","run":%q,"time":"2026-06-01T%02d:00:00Z","email":%q,`+
			`"action":"unlisted"}`+"\n", run, hour, who)
	}
	first, other := line("A", "a1", 3)+line("A", "a2", 1)+line("A", "a3", 9), line("B", "b1", 2)+line("B", "b2", 4)
	for name, tt := range map[string]struct{ kept, archived, want string }{
		"a clock went back":     {first, other, "a1 a2 a3 b1 b2"},
		"the newer run is kept": {other, first, "a1 a2 a3 b1 b2"},
		"no archive":            {other + first, "", "b1 b2 a1 a2 a3"},
	} {
		s := &ledgertest.Store{}
		must(t, s.Replace([]byte(tt.kept)))
		var got []string
		_, err := ledger.Entries(t.Context(), archivedStore{s, []byte(tt.archived)}, "o1", func(e ledger.Entry) {
			got = append(got, e.Email)
		})
		if text := strings.Join(got, " "); err != nil || text != tt.want {
			t.Errorf("%s: %q, %v; want %q", name, text, err, tt.want)
		}
	}
}

// TestOrderOfArchive: the archive has newer lines than the lines that the ledger keeps. The history of both together
// has the runs in the order of their times, and the lines of a run in their order.
func TestOrderOfArchive(t *testing.T) {
	t.Parallel()
	s := &ledgertest.Store{}
	for i, who := range []string{"ada@example.com", "bob@example.com", "cyd@example.com"} {
		l := open(t, s, float64(i))
		must(t, mail(l, who, ledger.Sent, org.Invitation{ID: "i-" + who}))
		must(t, l.RecordFacts([]org.Fact{{Kind: org.FactJoined, Email: who}}))
		must(t, l.Close())
	}
	raw, err := s.Read(t.Context())
	must(t, err)
	all := bytes.SplitAfter(raw, []byte("\n"))
	for _, isArchived := range []func(line int) bool{
		func(line int) bool { return line >= 3 && line < 6 },          // the second run
		func(line int) bool { return line%3 == 1 },                    // the outcomes
		func(line int) bool { return line%3 != 2 },                    // the mails
		func(line int) bool { return line == 0 || line == 3 },         // two intents
		func(line int) bool { return line != 1 && line < len(all)-1 }, // all but one outcome
	} {
		var archived, kept []byte
		for i, line := range all {
			if isArchived(i) {
				archived = append(archived, line...)
			} else {
				kept = append(kept, line...)
			}
		}
		rest := &ledgertest.Store{}
		must(t, rest.Replace(kept))
		var got []byte
		_, err := ledger.Entries(t.Context(), archivedStore{rest, archived}, "o1", func(e ledger.Entry) {
			got = fmt.Appendf(got, "%s %s %s\n", e.Email, e.Action, e.Outcome)
		})
		must(t, err)
		var want []byte
		for _, who := range []string{"ada@example.com", "bob@example.com", "cyd@example.com"} {
			want = fmt.Appendf(want, "%s invite \n%[1]s invite sent\n%[1]s joined \n", who)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("entries (-want +got):\n%s", diff)
		}
	}
}
