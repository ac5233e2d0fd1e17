package main

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox/sandboxtest"
	"github.com/orgsync/orgsync/internal/vultr"
)

func organizationOf(tb testing.TB, people int) *organization {
	tb.Helper()
	o, err := (&bench{ctx: tb.Context(), scratch: tb.TempDir()}).found(people)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

// client returns a client of the organization that does not use the network.
func (o *organization) client(tb testing.TB) *vultr.Client {
	tb.Helper()
	client, err := vultr.New(vultr.Config{
		BaseURL: "http://127.0.0.1", Key: key, Concurrency: 10, RequestTimeout: time.Minute,
		Transport: &sandboxtest.Transport{Handler: o.replay},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

// wanted returns the access that the roster names.
func (o *organization) wanted() org.Wanted {
	wanted := org.Wanted{}
	for i := range groups {
		wanted[org.KindGroup] = append(wanted[org.KindGroup], group(i))
	}
	return wanted
}

// BenchmarkPlan reads, plans and prints for 20,000 people, without a process and without a network.
func BenchmarkPlan(b *testing.B) {
	const people = 20_000
	o := organizationOf(b, people)
	data, err := os.ReadFile(o.roster)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r, err := roster.Parse([]roster.File{{Name: "users.yaml", Data: data}})
		if err != nil {
			b.Fatal(err)
		}
		s, err := o.client(b).ReadOrganization(b.Context(), "", r.RequiredAccess())
		if err != nil {
			b.Fatal(err)
		}
		p := plan.Compute(plan.Input{Roster: r, Snapshot: s})
		if err := document.WriteText(io.Discard, report.PlanDocument(p), 0, false); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/people, "ns/person")
}
