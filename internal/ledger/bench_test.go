package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/ledger/ledgertest"
	"github.com/orgsync/orgsync/internal/org"
)

// largeLedger returns the store of a ledger in which a number of people have one mail each.
func largeLedger(tb testing.TB, people int) *ledgertest.Store {
	tb.Helper()
	store := &ledgertest.Store{}
	l, err := ledger.Open(tb.Context(), store, ledger.Options{Organization: "o1", Now: func() time.Time { return start }})
	if err != nil {
		tb.Fatal(err)
	}
	for i := range people {
		email := fmt.Sprintf("person.%06d@example.com", i)
		if err := l.RecordIntent(email); err != nil {
			tb.Fatal(err)
		}
		id := fmt.Sprintf("%08x-0000-4000-8000-000000000000", i)
		if err := l.RecordOutcome(ledger.Invite, email, ledger.Sent,
			org.Invitation{ID: id, Expires: start.Add(org.InvitationLife)}, ""); err != nil {
			tb.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	return store
}

// BenchmarkOpen opens a ledger of 20,000 lines.
func BenchmarkOpen(b *testing.B) {
	const people = 10_000
	store := largeLedger(b, people)
	b.ReportAllocs()
	for b.Loop() {
		l, err := ledger.Open(b.Context(), store, ledger.Options{Organization: "o1", Now: func() time.Time { return start }})
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(2*people), "ns/line")
}

// BenchmarkAppend records the two lines of a mail in a store that keeps them in memory.
func BenchmarkAppend(b *testing.B) {
	l, err := ledger.Open(b.Context(), &ledgertest.Store{}, ledger.Options{Organization: "o1",
		Now: func() time.Time { return start }})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := l.RecordIntent("ada@example.com"); err != nil {
			b.Fatal(err)
		}
		if err := l.RecordOutcome(ledger.Invite, "ada@example.com", ledger.Sent, org.Invitation{ID: "i1"}, ""); err != nil {
			b.Fatal(err)
		}
	}
}
