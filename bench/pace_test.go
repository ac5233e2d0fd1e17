package main

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/cli"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/ledger/ledgertest"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/sandbox/sandboxtest"
	"github.com/orgsync/orgsync/internal/vultr"
)

// TestDefaultConcurrency: the benchmarks use the default of the flag --concurrency of apply.
func TestDefaultConcurrency(t *testing.T) {
	t.Parallel()
	for _, cmd := range cli.Commands() {
		if cmd.Name() != "apply" {
			continue
		}
		if got := cmd.Flags().Lookup("concurrency").DefValue; got != strconv.Itoa(defaultConcurrency) {
			t.Errorf("the default is %s, not %d", got, defaultConcurrency)
		}
		return
	}
	t.Error("there is no command apply")
}

// TestPace checks, in fake time, that inviting 1,000 people takes little longer than its requests at the given rate,
// plus one latency. Five answers must come one after another. They are the organization, whose lock the run takes,
// the lists, the first mail, the invitations again, and the last mail. The run keeps the last mail back as the
// witness for lost mails.
func TestPace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rate        float64
		latency     time.Duration
		concurrency int
		most        float64 // the allowed time, as a multiple of the minimum
	}{
		// The first three cases have the default rate and concurrency.
		{20, 20 * time.Millisecond, 10, 1.02},
		{20, 120 * time.Millisecond, 10, 1.02},
		{20, 400 * time.Millisecond, 10, 1.04},
		{28, 20 * time.Millisecond, 10, 1.02},
		{28, 120 * time.Millisecond, 10, 1.02},
		{28, 400 * time.Millisecond, 13, 1.07},
	} {
		t.Run(fmt.Sprintf("%v a second, %v, %d at once", test.rate, test.latency, test.concurrency), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const people = 1000
				api, err := sandbox.New(sandbox.Options{Latency: test.latency})
				if err != nil {
					t.Fatal(err)
				}
				client, err := vultr.New(vultr.Config{
					BaseURL: "http://127.0.0.1", Key: key, Rate: test.rate, Concurrency: test.concurrency, RequestTimeout: time.Minute,
					Transport: &sandboxtest.Transport{Handler: api},
				})
				if err != nil {
					t.Fatal(err)
				}
				r := &roster.Roster{Settings: roster.Settings{MaxInvites: people, ReinviteRounds: 4}}
				for i := range people {
					r.People = append(r.People, roster.Person{Email: org.MustParseAddress(email(i))})
				}
				decide := func(s org.Snapshot, m org.Memory) plan.Plan {
					return plan.Compute(plan.Input{Roster: r, Snapshot: s, Memory: m})
				}
				begin := time.Now()
				in, err := client.Identify(t.Context(), "")
				if err != nil {
					t.Fatal(err)
				}
				book, err := ledger.Open(t.Context(), &ledgertest.Store{}, ledger.Options{Organization: in.ID, Now: client.Now})
				if err != nil {
					t.Fatal(err)
				}
				snapshot, err := client.ReadOrganization(t.Context(), "", nil)
				if err != nil {
					t.Fatal(err)
				}
				result := apply.Run(t.Context(), decide(snapshot, book.Memory()), apply.Options{
					API: client, Ledger: book, Replan: decide, Concurrency: test.concurrency, SettleWait: 5 * time.Minute,
					Snapshot: snapshot, ReadInvitations: client.Invitations,
				})
				if result.Count(apply.Done) != people {
					t.Fatalf("%d of %s done, stopped by %v", result.Count(apply.Done), strconv.Itoa(people), result.Stopped)
				}
				took := time.Since(begin).Seconds()
				floor := float64(len(api.Requests()))/test.rate + test.latency.Seconds()
				t.Logf("%.4f times the floor of %.1f s", took/floor, floor)
				if took > test.most*floor {
					t.Errorf("took %.1f s, %.3f times the floor", took, took/floor)
				}
			})
		})
	}
}

// TestReadingPace checks, in fake time, that a reading takes little longer than the pages of its longest list. The
// other lists must not delay it.
func TestReadingPace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		people int
		most   float64 // the allowed time, as a multiple of the time for the longest list
	}{
		// 27 requests, 10 of them at a time, take three or four times one latency. The longest list has two pages.
		{1_000, 2},
		{20_000, 1.05},
	} {
		t.Run(strconv.Itoa(test.people), func(t *testing.T) {
			t.Parallel()
			o := organizationOf(t, test.people)
			o.replay.latency = 100 * time.Millisecond
			longest := len(o.longest)
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				_, read, err := o.client(t).ReadAhead(t.Context(), "", o.wanted())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := read(); err != nil {
					t.Fatal(err)
				}
				took, floor := time.Since(begin), time.Duration(longest)*o.replay.latency
				t.Logf("%v for %d pages of the longest list", took, longest)
				if float64(took) > test.most*float64(floor) {
					t.Errorf("took %v, %.3f times the longest list", took, float64(took)/float64(floor))
				}
			})
		})
	}
}
