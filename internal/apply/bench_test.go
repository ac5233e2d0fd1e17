package apply_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/ledger/ledgertest"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/vultr"
)

// BenchmarkRate invites 400 people at 28 requests a second, over real connections. The API refuses more than 30
// requests in a second. The benchmark compares the time from the first mail to the last with the minimum that the
// rate allows, and counts the refused requests. One iteration takes 15 seconds.
func BenchmarkRate(b *testing.B) {
	const people, rate = 400, 28
	for b.Loop() {
		var first, last time.Time
		api, err := sandbox.New(sandbox.Options{Latency: 100 * time.Millisecond})
		if err != nil {
			b.Fatal(err)
		}
		server := httptest.NewServer(api)
		defer server.Close()
		client, err := vultr.New(vultr.Config{
			BaseURL: server.URL, Key: "K3Y", UserAgent: "orgsync/bench", Rate: rate, Concurrency: 10,
			RequestTimeout: 30 * time.Second,
		})
		if err != nil {
			b.Fatal(err)
		}
		c := &company{}
		c.setRoster(manyPeople(people)...)
		c.roster.Settings.MaxInvites, c.roster.Settings.ReinviteRounds = people, 4
		decide := func(s org.Snapshot, m org.Memory) plan.Plan {
			return plan.Compute(plan.Input{Roster: &c.roster, Snapshot: s, Memory: m})
		}
		snapshot, err := client.ReadOrganization(b.Context(), "", nil)
		if err != nil {
			b.Fatal(err)
		}
		book, err := ledger.Open(b.Context(), &ledgertest.Store{}, ledger.Options{Organization: snapshot.Organization.ID,
			Now: client.Now})
		if err != nil {
			b.Fatal(err)
		}
		result := apply.Run(b.Context(), decide(snapshot, org.Memory{}), apply.Options{API: client, Ledger: book,
			Concurrency: 10, Replan: decide})
		if result.Count(apply.Done) != people {
			b.Fatalf("%d done, stopped by %v", result.Count(apply.Done), result.Stopped)
		}
		for _, r := range api.Requests() {
			if r.Method != http.MethodPost {
				continue
			}
			if first.IsZero() {
				first = r.At
			}
			last = r.At
		}
		floor := float64(people-1) / rate
		b.ReportMetric(last.Sub(first).Seconds()/floor, "time/floor")
		b.ReportMetric(float64(client.Stats().Throttled), "refused")
		b.ReportMetric(float64(api.PeakRate()), "peak/s")
	}
}
