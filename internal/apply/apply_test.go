package apply_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/state"
)

// TestMainJob applies one roster twice in every dialect. The people of the roster are, for example, not invited,
// pending, expired or members. Exactly the right people are mailed, and only by the first run.
func TestMainJob(t *testing.T) {
	t.Parallel()
	for _, d := range sandbox.Dialects() {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{Dialect: d.Dialect}, "new@example.com", "pending@example.com",
					"lapsed@example.com",
					"accepted@example.com", "member@example.com", "cased@example.com", "Spelt.Differently@Example.com")
				seed := func(email, state string, age time.Duration) {
					_, err := c.AddInvitation(sandbox.Invitation{Email: email, State: state, Created: c.Now().Add(-age)})
					must(t, err)
				}
				seed("pending@example.com", "pending", time.Hour)
				seed("lapsed@example.com", "expired", 80*time.Hour)
				seed("accepted@example.com", "accepted", 90*time.Hour)
				seed("CASED@Example.COM", "pending", time.Hour)
				seed("stranger@example.com", "pending", time.Hour)
				for _, email := range []string{"accepted@example.com", "member@example.com", "spelt.differently@example.com",
					"unlisted@example.com"} {
					_, err := c.AddUser(sandbox.User{Email: email})
					must(t, err)
				}
				// In a list without dates only the ledger can show that an invitation expired. It does not know this one.
				want := map[string]int{"new@example.com": 1, "lapsed@example.com": 1}
				if d.Dialect.Dates == sandbox.DatesEmpty && d.Dialect.Lapsed == sandbox.LapsedPending {
					delete(want, "lapsed@example.com")
				}
				first := c.apply(with{})
				if first.err != nil || first.Stopped != nil || first.Count(apply.Done) != len(first.Changes) {
					t.Fatalf("first run: %v, stopped by %v, %+v", first.err, first.Stopped, first.Changes)
				}
				got := map[string]int{}
				for who, mails := range c.Mails() {
					got[who] = len(mails)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("mails (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]string{"stranger@example.com", "unlisted@example.com"},
					sorted(first.notices(plan.Unlisted))); diff != "" {
					t.Errorf("unlisted (-want +got):\n%s", diff)
				}
				second := c.apply(with{})
				if len(second.Changes) != 0 || second.Stopped != nil {
					t.Errorf("second run: stopped by %v, %+v", second.Stopped, second.Changes)
				}
				if all := c.mailCount(); all != len(want) {
					t.Errorf("%d mails after the second run", all)
				}
				c.checkInvariants()
			})
		})
	}
}

// faults returns all faults that can lose the answer to a mail. Each occurs before the server acts and after it.
func faults() []sandbox.Fault {
	var all []sandbox.Fault
	for _, f := range []sandbox.Fault{
		{Kind: sandbox.FaultStatus},
		{Kind: sandbox.FaultHTML, Status: 502},
		{Kind: sandbox.FaultDrop},
		{Kind: sandbox.FaultTruncate},
		{Kind: sandbox.FaultHalf},
		{Kind: sandbox.FaultHTML},
		{Kind: sandbox.FaultEmpty},
		{Kind: sandbox.FaultHang},
		{Kind: sandbox.FaultWrongPerson},
		{Kind: sandbox.FaultNoID},
		{Kind: sandbox.FaultRedirect},
	} {
		for _, after := range []bool{false, true} {
			f.Method, f.Path, f.ActFirst = http.MethodPost, "/v2/invitation*", after
			all = append(all, f)
		}
	}
	for _, after := range []string{"", "2", "7200", "date+3s"} {
		all = append(all, sandbox.Fault{Kind: sandbox.FaultThrottle, RetryAfter: after, Method: http.MethodPost,
			Path: "/v2/invitation*"})
	}
	return all
}

// faultName returns the name of a subtest with the fault f.
func faultName(f sandbox.Fault) string {
	n := string(f.Kind)
	if f.Status != 0 {
		n += fmt.Sprint(" ", f.Status)
	}
	if f.Kind == sandbox.FaultThrottle {
		return n + fmt.Sprintf(" %q", f.RetryAfter)
	}
	if f.ActFirst {
		return n + " after"
	}
	return n + " before"
}

// fullMatrix runs TestMatrix with all dialects, more people and more positions of the fault. This takes minutes. CI
// sets it.
var fullMatrix = flag.Bool("full", false, "run TestMatrix with all dialects and all positions of the faults")

// TestMatrix checks that in every dialect everybody has exactly one mail after at most two runs. In the first run a
// fault hits every k-th mail. The second run is an hour later, without the fault. The test logs how many dialects
// needed the second run. Without -full, each fault occurs in every fourth dialect, in other dialects for each fault;
// with -short, as for the race detector, in every twelfth.
func TestMatrix(t *testing.T) {
	t.Parallel()
	ks, people, step := []int{2}, 12, 4
	switch {
	case *fullMatrix:
		ks, people, step = []int{1, 2, 10}, 60, 1
	case testing.Short():
		step = 12
	}
	dialects := sandbox.Dialects()
	cells := make([]map[string]string, len(faults()))
	var mu sync.Mutex
	t.Run("all", func(t *testing.T) {
		for i, f := range faults() {
			cells[i] = map[string]string{}
			for _, k := range ks {
				t.Run(fmt.Sprintf("%s/every %d", faultName(f), k), func(t *testing.T) {
					t.Parallel()
					first, second := 0, 0
					for j, d := range dialects {
						if (i+j)%step != 0 {
							continue
						}
						synctest.Test(t, func(t *testing.T) {
							c := newCompany(t, sandbox.Options{Dialect: d.Dialect}, manyPeople(people)...)
							every := f
							every.Every, every.From = k, k
							c.AddFault(every)
							run := c.apply(with{})
							if run.err != nil {
								t.Fatalf("%s: %v", d.Name, run.err)
							}
							if all := c.mailCount(); all < run.Count(apply.Done) || all > run.Count(apply.Done)+run.Count(apply.Unknown) {
								t.Errorf("%s: %d mails, reported %s (done/failed/unknown/skipped)", d.Name, all, run.counts())
							}
							if run.Count(apply.Done) == people {
								first++
							} else {
								second++
								c.ClearFaults()
								// If no mail was sent after the last fault, there is no witness. Only a later run can settle it.
								must(t, c.Advance(time.Hour))
								if again := c.apply(with{}); again.err != nil || again.Count(apply.Done) != len(again.Changes) {
									t.Errorf("%s: second run: %v, %s, stopped by %v", d.Name, again.err, again.counts(), again.Stopped)
								}
							}
							c.expectOneMailEach()
							c.checkInvariants()
							if todo := c.changes(); len(todo) > 0 {
								t.Errorf("%s: still to do: %v", d.Name, todo)
							}
						})
					}
					mu.Lock()
					defer mu.Unlock()
					cells[i][fmt.Sprint(k)] = fmt.Sprintf("%d/%d", first, second)
				})
			}
		}
	})
	var table strings.Builder
	fmt.Fprintf(&table, "\n%d people; in how many dialects everybody had exactly one mail after the first / "+
		"the second run\n", people)
	fmt.Fprintf(&table, "%-24s", "fault")
	for _, k := range ks {
		fmt.Fprintf(&table, "%12s", fmt.Sprintf("every %d.", k))
	}
	for i, f := range faults() {
		fmt.Fprintf(&table, "\n%-24s", faultName(f))
		for _, k := range ks {
			fmt.Fprintf(&table, "%12s", cells[i][fmt.Sprint(k)])
		}
	}
	t.Log(table.String())
}

// TestSingleFaultIsSettledInSameRun: a fault that occurs once is settled in the same run. This holds if the server
// acted before, acts late or never acts. Two cases are left out. A lost last mail has no witness, see TestNoWitness.
// An unclear answer to the canary stops the run, see TestCanary.
func TestSingleFaultIsSettledInSameRun(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		for _, from := range []int{1, 2, 5} {
			f := f
			f.From, f.Times = from, 1
			garbled := f.Kind == sandbox.FaultHTML || f.Kind == sandbox.FaultHalf || f.Kind == sandbox.FaultEmpty ||
				f.Kind == sandbox.FaultWrongPerson || f.Kind == sandbox.FaultNoID || f.Kind == sandbox.FaultRedirect
			if from == 1 && garbled {
				continue
			}
			t.Run(fmt.Sprintf("%s/mail %d", faultName(f), from), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newCompany(t, sandbox.Options{Latency: 100 * time.Millisecond}, manyPeople(20)...)
					c.AddFault(f)
					run := c.apply(with{})
					if run.Stopped != nil || run.counts() != "20/0/0/0" {
						t.Errorf("stopped by %v, %s (done/failed/unknown/skipped)", run.Stopped, run.counts())
					}
					c.expectOneMailEach()
					c.checkInvariants()
				})
			})
		}
	}
}

// TestCanary: the first mail is sent alone, and the other mails are sent only after an answer that shows no general
// problem.
func TestCanary(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		fault  sandbox.Fault
		posts  int
		counts string
	}{
		{"401", sandbox.Fault{Kind: sandbox.FaultForbid, Status: 401}, 1, "0/1/0/19"},
		{"403", sandbox.Fault{Kind: sandbox.FaultForbid}, 1, "0/1/0/19"},
		{"an HTML page", sandbox.Fault{Kind: sandbox.FaultHTML}, 1, "0/0/1/19"},
		{"an HTML page, and the server acted", sandbox.Fault{Kind: sandbox.FaultHTML, ActFirst: true}, 1, "1/0/0/19"},
		{"another person", sandbox.Fault{Kind: sandbox.FaultWrongPerson}, 1, "0/0/1/19"},
		{"another organization", sandbox.Fault{Kind: sandbox.FaultWrongOrganization, ActFirst: true}, 1, "0/1/0/19"},
		{"no id", sandbox.Fault{Kind: sandbox.FaultNoID, ActFirst: true}, 1, "1/0/0/19"},
		{"an empty answer", sandbox.Fault{Kind: sandbox.FaultEmpty}, 1, "0/0/1/19"},
		{"every one refused", sandbox.Fault{Kind: sandbox.FaultStatus, Status: 409}, 5, "0/5/0/15"},
		{"every one refused as a bad request, in both forms", sandbox.Fault{Kind: sandbox.FaultStatus, Status: 400}, 10,
			"0/5/0/15"},
		{"no answer", sandbox.Fault{Kind: sandbox.FaultDrop}, 3, "0/0/3/17"},
		{"no answer, and the server acted", sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true}, 3, "3/0/0/17"},
		{"500", sandbox.Fault{Kind: sandbox.FaultStatus}, 3, "0/0/3/17"},
		{"429 forever", sandbox.Fault{Kind: sandbox.FaultThrottle}, 8, "0/1/0/19"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{Latency: time.Second}, manyPeople(20)...)
				tt.fault.Method = http.MethodPost
				c.AddFault(tt.fault)
				run := c.apply(with{})
				if n := c.postCount(); n != tt.posts {
					t.Errorf("%d mails were asked for, want %d", n, tt.posts)
				}
				if run.counts() != tt.counts {
					t.Errorf("done/failed/unknown/skipped %s, want %s", run.counts(), tt.counts)
				}
				if (run.Stopped == nil) != strings.HasPrefix(tt.name, "every one") {
					t.Errorf("stopped by %v", run.Stopped)
				}
				if tt.fault.Kind == sandbox.FaultThrottle && strings.Contains(run.Stopped.Error(), "reach") {
					t.Errorf("an answer is not a request that cannot reach the API: %v", run.Stopped)
				}
			})
		})
	}
}

// TestOneRefusalDoesNotStopTheRun: if the server refuses one mail, only this change fails. Its position in the run
// makes no difference.
func TestOneRefusalDoesNotStopTheRun(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 404, 409, 422} {
		for _, from := range []int{1, 2, 7} {
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{}, manyPeople(10)...)
				c.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: status, Method: http.MethodPost, From: from, Times: 1})
				run := c.apply(with{concurrency: 1})
				if run.counts() != "9/1/0/0" || run.Stopped != nil {
					t.Errorf("%d at mail %d: %s, stopped by %v", status, from, run.counts(), run.Stopped)
				}
				for _, change := range run.Changes {
					if change.Outcome == apply.Failed && !strings.Contains(change.Err.Error(), fmt.Sprint("HTTP ", status)) {
						t.Errorf("%d: the failure says %v", status, change.Err)
					}
				}
			})
		}
	}
}

// TestRefusedBecauseInvited: a run reads the organization after a refusal. Here somebody else invited the person
// between the plan and the mail, so the change counts as done.
func TestRefusedBecauseInvited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(3)...)
		first := true
		c.wire.Before = func(r *http.Request) error {
			if r.Method == http.MethodPost && first {
				first = false
				_, err := c.AddInvitation(sandbox.Invitation{Email: "p001@example.com"})
				return err
			}
			return nil
		}
		run := c.apply(with{concurrency: 1})
		if run.counts() != "3/0/0/0" {
			t.Errorf("%s, %+v", run.counts(), run.Changes)
		}
		if all := c.mailCount(); all != 2 {
			t.Errorf("%d mails", all)
		}
		for _, change := range run.Changes {
			if change.InvitationID == "" {
				t.Errorf("%s: the invitation is not known", change.Email)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) { // a run with one mail does not read the invitations again before the mail
		c := newCompany(t, sandbox.Options{}, ada)
		c.wire.Before = func(r *http.Request) error {
			if r.Method == http.MethodPost {
				c.wire.Before = nil
				_, err := c.AddInvitation(sandbox.Invitation{Email: ada})
				return err
			}
			return nil
		}
		run := c.run(with{})
		c.expect(run, 0, ada, "invite done")
		if run.Changes[0].InvitationID == "" || c.mailCount() > 0 {
			t.Errorf("%+v, %d mails", run.Changes, c.mailCount())
		}
	})
}

// TestWitness: if the list lags, a lost mail stays unknown until a later mail is listed, and the person is not mailed
// again.
func TestWitness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute}, manyPeople(20)...)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, From: 5, Times: 1})
		run := c.apply(with{})
		if run.counts() != "19/0/1/0" {
			t.Errorf("first run: %s", run.counts())
		}
		run = c.apply(with{})
		if len(run.Changes) != 0 || len(run.notices(plan.Unsettled)) != 1 || len(run.notices(plan.Waiting)) != 19 {
			t.Errorf("second run: %+v, %+v", run.Changes, run.Notices)
		}
		must(t, c.Advance(6*time.Minute))
		run = c.apply(with{})
		if len(run.Changes) != 0 || len(run.notices(plan.Unsettled)) != 0 || len(run.notices(plan.Waiting)) != 20 {
			t.Errorf("third run: %+v, %+v", run.Changes, run.Notices)
		}
		c.expectOneMailEach()
	})
}

// TestNoWitness: the only mail of a run is lost, and the server did not act. The next mail to the person is held
// until a later mail is listed, or for 15 minutes.
func TestNoWitness(t *testing.T) {
	t.Parallel()
	lose := func(t *testing.T) *company {
		c := newCompany(t, sandbox.Options{}, "ada@example.com")
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, Times: 1})
		if run := c.apply(with{}); run.counts() != "0/0/1/0" {
			t.Fatalf("first run: %s", run.counts())
		}
		if run := c.apply(with{}); len(run.Changes) != 0 || len(run.notices(plan.Unsettled)) != 1 {
			t.Fatalf("second run: %+v", run)
		}
		return c
	}
	t.Run("15 minutes", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := lose(t)
			must(t, c.Advance(15*time.Minute))
			if run := c.apply(with{}); run.counts() != "1/0/0/0" {
				t.Errorf("third run: %s", run.counts())
			}
			c.expectOneMailEach()
		})
	})
	t.Run("a later mail, in the same run", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := lose(t)
			c.setRoster("ada@example.com", "bob@example.com")
			run := c.apply(with{})
			if run.counts() != "2/0/0/0" || len(run.notices(plan.Unsettled)) != 0 {
				t.Errorf("third run: %s, %+v", run.counts(), run.Notices)
			}
			c.expectOneMailEach()
		})
	})
}

// TestKilledWhileListLags kills a run of 200 invitations at some step, while the list lags by five minutes. Later
// runs mail nobody twice, and in the end everybody has one mail.
func TestKilledWhileListLags(t *testing.T) {
	t.Parallel()
	for _, at := range []int{1, 2, 3, 50, 51, 52, 150, 399} {
		t.Run(fmt.Sprint("step ", at), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{
					ListLag: 5 * time.Minute, Latency: 100 * time.Millisecond,
					Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond},
				}, manyPeople(200)...)
				k := c.killAfter(at, 0)
				c.apply(with{rate: 100})
				k.restore()
				run := c.apply(with{rate: 100})
				if run.err != nil || run.Stopped != nil {
					t.Fatalf("second run: %v, %v", run.err, run.Stopped)
				}
				must(t, c.Advance(21*time.Minute))
				c.apply(with{rate: 100})
				if todo := c.changes(); len(todo) > 0 {
					t.Errorf("still to do: %v", todo)
				}
				c.expectOneMailEach()
				c.checkInvariants()
			})
		})
	}
}

// TestKeyRevokedMidway: a key that is revoked during a run ends the run after the requests in flight. The result has
// all people, and a later run mails the rest.
func TestKeyRevokedMidway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Latency: 100 * time.Millisecond}, manyPeople(100)...)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Status: 401, From: 40})
		run := c.apply(with{})
		if n := c.postCount(); n > 40+8 {
			t.Errorf("%d mails were asked for", n)
		}
		if len(run.Changes) != 100 || run.Count(apply.Done) < 30 || run.Count(apply.Skipped) < 50 ||
			run.Count(apply.Unknown) != 0 {
			t.Errorf("%s of %d", run.counts(), len(run.Changes))
		}
		if run.Stopped == nil || !strings.Contains(run.Stopped.Error(), "401") {
			t.Errorf("stopped by %v", run.Stopped)
		}
		c.ClearFaults()
		if run := c.apply(with{}); run.Count(apply.Done) != len(run.Changes) {
			t.Errorf("later run: %s", run.counts())
		}
		c.expectOneMailEach()
	})
}

// TestInterrupted: an interrupted run sends nothing new. It waits at most 10 seconds for the requests in flight and
// reports them. A later run mails the rest.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	why := errors.New("interrupted")
	for _, tt := range []struct {
		name    string
		latency time.Duration
		rate    float64
		unknown int
	}{
		{"answers in time", 5 * time.Second, 0, 0},
		{"answers too late", 20 * time.Second, 0, 8},
		{"waiting for the limiter", 10 * time.Millisecond, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{Latency: tt.latency}, manyPeople(60)...)
				ctx, stop := context.WithCancelCause(t.Context())
				var stopped time.Time
				var mu sync.Mutex
				requests := 0
				c.wire.Before = func(r *http.Request) error {
					mu.Lock()
					defer mu.Unlock()
					if r.Method == http.MethodPost {
						if requests++; requests == 12 {
							stopped = time.Now()
							stop(why)
						}
					}
					return nil
				}
				run := c.apply(with{ctx: ctx, rate: tt.rate})
				if took := time.Since(stopped); took > 10*time.Second {
					t.Errorf("it took %v to stop", took)
				}
				if requests > 12+8 || !errors.Is(run.Stopped, why) {
					t.Errorf("%d mails were asked for, stopped by %v", requests, run.Stopped)
				}
				if run.Count(apply.Failed) > 0 {
					t.Errorf("%s, and nothing was refused", run.counts())
				}
				if len(run.Changes) != 60 || run.Count(apply.Unknown) > tt.unknown ||
					run.Count(apply.Done)+run.Count(apply.Unknown) != requests {
					t.Errorf("%s for %d requests", run.counts(), requests)
				}
				c.wire.Before = nil
				must(t, c.Advance(21*time.Minute))
				c.apply(with{})
				c.expectOneMailEach()
			})
		})
	}
}

// TestRunLeavesNothingBehind: a run that has returned leaves no goroutine, even if its context goes on.
func TestRunLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // synctest fails the test if a goroutine is left
		c := newCompany(t, sandbox.Options{}, "ada@example.com")
		if run := c.apply(with{ctx: context.WithoutCancel(t.Context())}); run.counts() != "1/0/0/0" {
			t.Errorf("%s (done/failed/unknown/skipped)", run.counts())
		}
	})
}

// TestSimultaneousRuns: of three runs at the same time one applies the plan. The others end with [state.LockedError].
func TestSimultaneousRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Latency: 100 * time.Millisecond}, manyPeople(30)...)
		var mu sync.Mutex
		worked, locked := 0, 0
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				run := c.apply(with{})
				mu.Lock()
				defer mu.Unlock()
				var held *state.LockedError
				switch {
				case errors.As(run.err, &held):
					locked++
				case run.err == nil && run.Count(apply.Done) == 30:
					worked++
				}
			})
		}
		wg.Wait()
		if worked != 1 || locked != 2 {
			t.Errorf("%d worked, %d were locked out", worked, locked)
		}
		c.expectOneMailEach()
	})
}

// TestRounds checks the number of mails in every dialect. A person who does not answer gets four mails, three days
// apart, and no fifth. The number starts over with --reinvite, and when a person is listed again after a run without
// them.
func TestRounds(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for _, d := range sandbox.Dialects() {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{Dialect: d.Dialect}, "ada@example.com", "bob@example.com")
				applyForDays := func(days int) {
					for range days * 2 {
						must(t, c.Advance(12*time.Hour))
						if run := c.apply(with{}); run.Count(apply.Done) != len(run.Changes) {
							t.Fatalf("%s, stopped by %v: %+v", run.counts(), run.Stopped, run.Changes)
						}
					}
				}
				expectMails := func(who string, want int) {
					t.Helper()
					if got := len(c.Mails()[who]); got != want {
						t.Errorf("%s has %d mails, want %d", who, got, want)
					}
				}
				applyForDays(30)
				expectMails("ada@example.com", 4)
				expectMails("bob@example.com", 4)
				run := c.apply(with{})
				if gave := run.notices(plan.GaveUp); len(gave) != 2 {
					t.Errorf("gave up on %v: %+v", gave, run.Notices)
				}
				for _, n := range run.Notices {
					if n.Kind == plan.GaveUp && (n.Mails != 4 || n.Since.IsZero()) {
						t.Errorf("gave up after %d mails since %v", n.Mails, n.Since)
					}
				}
				if d.Dialect.ResendLapsed == sandbox.ResendLapsedSent && d.Dialect.Dates != sandbox.DatesEmpty {
					// In these dialects the list shows whether the mail was sent, so a lost answer makes no difference.
					c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, Times: 1})
				}
				c.apply(with{reinvite: []string{"ada@example.com"}})
				expectMails("ada@example.com", 5)
				applyForDays(30)
				expectMails("ada@example.com", 8)
				expectMails("bob@example.com", 4)

				c.setRoster("ada@example.com")
				applyForDays(1)
				c.setRoster("ada@example.com", "bob@example.com")
				applyForDays(30)
				expectMails("ada@example.com", 8)
				expectMails("bob@example.com", 8)
				c.checkInvariants()
			})
		})
	}
}

// TestSentTwiceAtMost: if a mail was certainly not sent, the run sends it once more, but not a third time.
func TestSentTwiceAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Latency: 100 * time.Millisecond}, manyPeople(20)...)
		cut := map[string]int{"p003@": 100, "p005@": 1} // the second mail to p005 is the witness for the second one to p003
		var mu sync.Mutex
		c.wire.Before = func(r *http.Request) error {
			var body bytes.Buffer
			_, err := body.ReadFrom(r.Body)
			mu.Lock()
			defer mu.Unlock()
			for who, left := range cut {
				if left > 0 && strings.Contains(body.String(), who) {
					cut[who]--
					return errors.New("cut")
				}
			}
			return err
		}
		run := c.apply(with{})
		if run.counts() != "19/1/0/0" {
			t.Errorf("%s", run.counts())
		}
		for _, change := range run.Changes {
			if change.Outcome == apply.Failed && change.Requests != 2 {
				t.Errorf("%s: %d requests", change.Email, change.Requests)
			}
		}
		c.wire.Before = nil
		must(t, c.Advance(21*time.Minute))
		c.apply(with{})
		c.expectOneMailEach()
	})
}

// TestStorageFails: if the ledger cannot be written, the run stops before its next mail.
func TestStorageFails(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	for _, tt := range []struct {
		name  string
		after int // appends that work
		posts int
	}{
		{"from the beginning", 0, 0},
		{"before the first intent", 1, 0},
		{"before the first outcome", 2, 1},
		{"before the second intent", 3, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{}, manyPeople(20)...)
				appends := 0
				c.store.OnAppend = func(lines []byte) (int, error) {
					if appends++; appends > tt.after {
						return len(lines) / 3, full
					}
					return 0, nil
				}
				run := c.apply(with{})
				if !errors.Is(run.Stopped, full) || c.postCount() != tt.posts || run.Count(apply.Done) != tt.posts ||
					run.Count(apply.Skipped) != 20-tt.posts {
					t.Errorf("stopped by %v after %d mails: %s", run.Stopped, c.postCount(), run.counts())
				}
				c.store.OnAppend = nil
				must(t, c.Advance(21*time.Minute))
				c.apply(with{})
				c.expectOneMailEach()
			})
		})
	}
	t.Run("no room for the whole run", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{}, manyPeople(20)...)
			c.store.OnReserve = func(int) error { return full }
			if run := c.apply(with{}); !errors.Is(run.Stopped, full) || c.postCount() != 0 || run.Count(apply.Skipped) != 20 {
				t.Errorf("stopped by %v after %d mails: %s", run.Stopped, c.postCount(), run.counts())
			}
		})
	})
}

// TestAnnouncedLongAgo: the storage needs more than five minutes to confirm that a change was announced. The change is
// not sent, because later runs assume this.
func TestAnnouncedLongAgo(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"invite", "grant"} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{}, ada)
			if action == "grant" {
				c.addMembers(ada)
				c.setFirstGroups("everyone")
			}
			c.store.OnAppend = func(lines []byte) (int, error) {
				if bytes.Contains(lines, []byte(`"action":"`+action+`"`)) {
					time.Sleep(6 * time.Minute)
				}
				return 0, nil
			}
			if run := c.apply(with{}); run.Stopped == nil || run.counts() != "0/1/0/0" || c.writeCount() > 0 {
				t.Errorf("%s: %d requests, %s (done/failed/unknown/skipped), stopped by %v", action, c.writeCount(),
					run.counts(), run.Stopped)
			}
		})
	}
}

// TestStorageFailsAfterTheLastChange: the run reports that the ledger could not be written after its last change.
func TestStorageFailsAfterTheLastChange(t *testing.T) {
	t.Parallel()
	for _, isMember := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			full := errors.New("no space left on device")
			c := newCompany(t, sandbox.Options{}, ada)
			if isMember {
				c.addMembers(ada)
				c.setFirstGroups("everyone")
			}
			c.store.OnAppend = func([]byte) (int, error) {
				if c.writeCount() > 0 {
					return 0, full
				}
				return 0, nil
			}
			if run := c.apply(with{}); !errors.Is(run.Stopped, full) || run.counts() != "1/0/0/0" {
				t.Errorf("member %v: stopped by %v: %s", isMember, run.Stopped, run.counts())
			}
		})
	}
}

// TestStorageFailsWhileSettling: a ledger that cannot be written stops a run before an edit. It also stops a run that
// settles an edit or a mail whose answer was lost.
func TestStorageFailsWhileSettling(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	for _, tt := range []struct {
		name   string
		line   string // a text in the line that cannot be written
		nth    int    // the number of such lines that can be written first
		writes int
		want   apply.Outcome
	}{
		{"before an edit", `"action":"grant"`, 0, 0, apply.Skipped},
		{"after a reading that shows an edit", `"action":"grant"`, 2, 1, apply.Done},
		{"after a reading that shows a mail", `"action":"found"`, 0, 1, apply.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{}, manyPeople(1)...)
				if strings.Contains(tt.line, "grant") {
					c.addMembers(manyPeople(1)...)
					c.setFirstGroups("everyone")
				}
				c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, ActFirst: true, Times: 1})
				written := 0
				c.store.OnAppend = func(lines []byte) (int, error) {
					if !bytes.Contains(lines, []byte(tt.line)) {
						return 0, nil
					}
					if written++; written > tt.nth {
						return 0, full
					}
					return 0, nil
				}
				run := c.apply(with{})
				if !errors.Is(run.Stopped, full) || c.writeCount() != tt.writes || run.Count(tt.want) != 1 {
					t.Errorf("stopped by %v after %d writes: %s", run.Stopped, c.writeCount(), run.counts())
				}
				c.store.OnAppend = nil
				c.ClearFaults()
				must(t, c.Advance(21*time.Minute))
				c.apply(with{})
				if todo := c.changes(); len(todo) > 0 {
					t.Errorf("still to do once the ledger can be written: %v", todo)
				}
				c.checkInvariants()
			})
		})
	}
}

// TestOrganizationIDInCapitals: the answer to a mail may write the id of the organization in capitals.
func TestOrganizationIDInCapitals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(3)...)
		c.rewrite(func(req *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			if req.Method == http.MethodGet {
				return rec
			}
			id := c.World().Organization.ID
			body := strings.ReplaceAll(rec.Body.String(), id, strings.ToUpper(id))
			rec.Body.Reset()
			rec.Body.WriteString(body)
			return rec
		})
		if run := c.apply(with{}); run.Stopped != nil || run.Count(apply.Done) != 3 {
			t.Errorf("stopped by %v: %s", run.Stopped, run.counts())
		}
	})
}

// TestAPIStopsAnswering: if the API stops answering, the run ends early and does not try everybody.
func TestAPIStopsAnswering(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(200)...)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 21})
		run := c.apply(with{})
		// Up to 8 requests are in flight at three times: with the last answered one, after ten unanswered ones, and
		// when the run stops.
		if n := c.postCount(); n > 20+10+3*8 || run.Stopped == nil || run.Count(apply.Done) != 20 {
			t.Errorf("%d mails were asked for, %s, stopped by %v", n, run.counts(), run.Stopped)
		}
		c.ClearFaults()
		c.apply(with{})
		c.expectOneMailEach()
	})
}

// TestAPIStopsAnsweringOneMailAtATime: a run that sends one mail at a time stops after eleven mails in a row without an
// answer.
func TestAPIStopsAnsweringOneMailAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(40)...)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 3})
		if run := c.apply(with{concurrency: 1}); c.postCount() != 2+11 || run.Stopped == nil {
			t.Errorf("%d mails were asked for, %s, stopped by %v", c.postCount(), run.counts(), run.Stopped)
		}
	})
}

// TestWrongLocalClock: a local clock that is days off changes nothing, because orgsync uses the time of the server.
func TestWrongLocalClock(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-100 * time.Hour, 100 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{Now: func() time.Time { return time.Now().Add(off) }}, manyPeople(5)...)
			c.apply(with{})
			must(t, c.Advance(71*time.Hour))
			if run := c.apply(with{}); len(run.Changes) != 0 {
				t.Errorf("off by %v: after 71 hours: %s", off, run.counts())
			}
			must(t, c.Advance(2*time.Hour))
			if run := c.apply(with{}); run.counts() != "5/0/0/0" {
				t.Errorf("off by %v: after 73 hours: %s", off, run.counts())
			}
			c.checkInvariants()
		})
	}
}

// TestConcurrencyLimit: a run never has more requests in flight than --concurrency allows. Without a value, it is 1.
func TestConcurrencyLimit(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, 1, 3, 8} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{Latency: time.Second}, manyPeople(40)...)
			c.apply(with{concurrency: n})
			if peak := c.PeakInFlight(); peak > max(1, n) || n > 3 && peak < n {
				t.Errorf("--concurrency %d: %d in flight", n, peak)
			}
		})
	}
}
