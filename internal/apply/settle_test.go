package apply_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// secondMails makes the API send a second mail to a person who is invited twice.
var secondMails = sandbox.Options{Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}

// brokenAnswers returns faults that lose the answer to a mail before the server has acted on it.
func brokenAnswers() []sandbox.Fault {
	var all []sandbox.Fault
	for _, f := range faults() {
		if !f.ActFirst && f.Kind != sandbox.FaultThrottle {
			all = append(all, f)
		}
	}
	for _, status := range []int{408, 503, 504, 520, 522, 524} {
		all = append(all, sandbox.Fault{
			Kind: sandbox.FaultStatus, Status: status, Method: http.MethodPost, Path: "/v2/invitation*",
		})
	}
	return all
}

// TestServerActsLate: every k-th answer is lost by a connection reset, and the server acts up to 100 s later. One run
// mails each of 100 people once, and reports all mails as done.
func TestServerActsLate(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for k := 2; k <= 20; k++ {
		t.Run(fmt.Sprint("every ", k), func(t *testing.T) {
			t.Parallel()
			for _, late := range []time.Duration{4 * time.Second, 100 * time.Second} {
				synctest.Test(t, func(t *testing.T) {
					c := newCompany(t, sandbox.Options{
						Latency: 100 * time.Millisecond, Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond},
					}, manyPeople(100)...)
					c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: k, Every: k, ActAfter: late})
					run := c.apply(with{})
					if run.Stopped != nil || run.counts() != "100/0/0/0" {
						t.Errorf("%v late: %s (done/failed/unknown/skipped), stopped by %v", late, run.counts(), run.Stopped)
					}
					time.Sleep(2 * time.Minute)
					c.expectOneMailEach()
					c.checkInvariants()
				})
			}
		})
	}
}

// TestServerActsLateAfterAnyBrokenAnswer: a mail that is sent a moment after a lost mail is no witness. The kind of
// the fault makes no difference.
func TestServerActsLateAfterAnyBrokenAnswer(t *testing.T) {
	t.Parallel()
	for _, f := range brokenAnswers() {
		t.Run(faultName(f), func(t *testing.T) {
			t.Parallel()
			for _, settleWait := range []time.Duration{leaveToLaterRun, 5 * time.Minute} {
				synctest.Test(t, func(t *testing.T) {
					c := newCompany(t, secondMails, manyPeople(20)...)
					f.From, f.Times, f.ActAfter = 3, 1, 100*time.Second
					c.AddFault(f)
					run := c.apply(with{settleWait: settleWait})
					want := "20/0/0/0"
					if settleWait == leaveToLaterRun {
						want = "19/0/1/0"
					}
					if run.Stopped != nil || run.counts() != want {
						t.Errorf("%s (done/failed/unknown/skipped), want %s; stopped by %v", run.counts(), want, run.Stopped)
					}
					time.Sleep(2 * time.Minute)
					c.apply(with{})
					c.expectOneMailEach()
				})
			}
		})
	}
}

// TestLastMailIsTheWitness: one answer is lost, and the server never acts. The run keeps back its last mail until the
// server can no longer act on the lost one. Then the last mail shows that the lost one was not sent, and the run
// sends it again.
func TestLastMailIsTheWitness(t *testing.T) {
	t.Parallel()
	for _, from := range []int{1, 2, 19} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, secondMails, manyPeople(20)...)
			var lost time.Time
			c.wire.Before = func(r *http.Request) error {
				if r.Method == http.MethodPost {
					if from--; from == 0 {
						lost = time.Now()
						return errKilled
					}
				}
				return nil
			}
			run := c.apply(with{concurrency: 1})
			if run.counts() != "20/0/0/0" {
				t.Errorf("%s (done/failed/unknown/skipped)", run.counts())
			}
			if took := time.Since(lost); took < 2*time.Minute || took > 130*time.Second {
				t.Errorf("the run ended %v after the loss", took)
			}
			c.expectOneMailEach()
		})
	}
}

// TestWitnessLost: the answer to the last mail is lost as well. The run does not wait for this witness, and a later
// run settles both mails.
func TestWitnessLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(20)...)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 5, Every: 15, Times: 2})
		start := time.Now()
		run := c.apply(with{})
		if run.counts() != "18/0/2/0" {
			t.Errorf("%s (done/failed/unknown/skipped)", run.counts())
		}
		if took := time.Since(start); took > 5*time.Minute {
			t.Errorf("the run took %v", took)
		}
		must(t, c.Advance(20*time.Minute))
		if run := c.apply(with{}); run.counts() != "2/0/0/0" {
			t.Errorf("later run: %s", run.counts())
		}
		c.expectOneMailEach()
	})
}

// TestSettleReadings: a run whose only mail was lost reads the organization after 0, 30, 60 and 120 s, and then each
// minute. It reports each wait.
func TestSettleReadings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "ada@example.com")
		var lost time.Time
		var read []time.Duration
		c.wire.Before = func(r *http.Request) error {
			switch {
			case r.Method == http.MethodPost:
				lost = time.Now()
				return errKilled
			case !lost.IsZero() && r.URL.Path == "/v2/users":
				read = append(read, time.Since(lost).Round(10*time.Second))
			}
			return nil
		}
		var waits []apply.Wait
		run := c.apply(with{waiting: func(w apply.Wait) { waits = append(waits, w) }})
		if run.counts() != "0/0/1/0" {
			t.Errorf("%s (done/failed/unknown/skipped)", run.counts())
		}
		want := []time.Duration{0, 30 * time.Second, time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute}
		if fmt.Sprint(read) != fmt.Sprint(want) {
			t.Errorf("read at %v, want %v", read, want)
		}
		if len(waits) != len(want)-1 || waits[0].Mails != 1 || !waits[0].Until.After(lost) {
			t.Errorf("waits %+v", waits)
		}
	})
}

// TestSettledByInvitation: the wait ends as soon as the list shows the lost mail.
func TestSettledByInvitation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "ada@example.com")
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, Times: 1, ActAfter: 4 * time.Second})
		start := time.Now()
		if run := c.apply(with{}); run.counts() != "1/0/0/0" {
			t.Errorf("%s (done/failed/unknown/skipped)", run.counts())
		}
		if took := time.Since(start); took > 40*time.Second {
			t.Errorf("it took %v", took)
		}
		c.expectOneMailEach()
	})
}

// TestStoppedWhileWaiting: a run that is stopped while it waits leaves the lost mail, and the mail that it kept back,
// to the next run.
func TestStoppedWhileWaiting(t *testing.T) {
	t.Parallel()
	why := errors.New("interrupted")
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, secondMails, manyPeople(20)...)
		c.AddFault(sandbox.Fault{
			Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 5, Times: 1, ActAfter: 100 * time.Second,
		})
		ctx, stop := context.WithCancelCause(t.Context())
		start := time.Now()
		run := c.apply(with{ctx: ctx, waiting: func(apply.Wait) { time.AfterFunc(time.Second, func() { stop(why) }) }})
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("it took %v to stop", took)
		}
		if run.counts() != "18/0/1/1" || !errors.Is(run.Stopped, why) {
			t.Errorf("%s (done/failed/unknown/skipped), stopped by %v", run.counts(), run.Stopped)
		}
		for _, change := range run.Changes {
			if change.Outcome == apply.Skipped && !errors.Is(change.Err, why) {
				t.Errorf("%s is skipped: %v", change.Email, change.Err)
			}
		}
		// The next run finds the lost mail, and sends the one that was kept back.
		if run := c.apply(with{}); run.counts() != "1/0/0/0" || len(run.notices(plan.Unsettled)) > 0 {
			c.logOutcome(run)
			t.Errorf("next run: %s", run.counts())
		}
		time.Sleep(2 * time.Minute)
		c.expectOneMailEach()
	})
}

// TestLeaseLostWhileWaiting: a run that loses its lease while it waits ends at once. It may wait for a lost mail or,
// because the API throttles it, for its next request.
func TestLeaseLostWhileWaiting(t *testing.T) {
	t.Parallel()
	lost := errors.New("another run has the lease")
	for name, tt := range map[string]struct {
		fault  sandbox.Fault
		counts string
	}{
		"for a lost mail": {sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true}, "2/0/1/1"},
		"for a request":   {sandbox.Fault{Kind: sandbox.FaultThrottle, RetryAfter: "20"}, "2/0/0/2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{ListLag: 10 * time.Minute}, manyPeople(4)...)
				tt.fault.Method, tt.fault.From, tt.fault.Times = http.MethodPost, 3, 1
				c.AddFault(tt.fault)
				start := time.Now()
				time.AfterFunc(5*time.Second, func() { c.store.Lose(lost) })
				run := c.apply(with{concurrency: 1})
				if took := time.Since(start); took != 5*time.Second {
					t.Errorf("it took %v to stop", took)
				}
				if run.counts() != tt.counts || !errors.Is(run.Stopped, lost) {
					c.logOutcome(run)
					t.Errorf("%s (done/failed/unknown/skipped), want %s; stopped by %v", run.counts(), tt.counts, run.Stopped)
				}
			})
		})
	}
}

// TestLeaseLostBeforeAnEdit: a run that has lost its lease makes no change of access either.
func TestLeaseLostBeforeAnEdit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, ada)
		c.addMembers(ada)
		c.setFirstGroups("everyone")
		lost := errors.New("another run has the lease")
		c.store.OnCheck = func() error { return lost }
		run := c.apply(with{})
		if !errors.Is(run.Stopped, lost) || run.counts() != "0/0/0/1" || c.writeCount() > 0 {
			t.Errorf("stopped by %v, %s (done/failed/unknown/skipped), %d requests", run.Stopped, run.counts(), c.writeCount())
		}
	})
}

// TestSettleWait: a run keeps no mail back if --settle-wait is too short for a witness, and it does not wait longer
// than --settle-wait.
func TestSettleWait(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{leaveToLaterRun, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{}, manyPeople(20)...)
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 5, Times: 1})
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // the later end does not lengthen the wait
			defer cancel()
			start := time.Now()
			run := c.apply(with{settleWait: wait, ctx: ctx})
			if run.counts() != "19/0/1/0" || run.Stopped != nil {
				t.Errorf("%v: %s (done/failed/unknown/skipped), stopped by %v", wait, run.counts(), run.Stopped)
			}
			if took := time.Since(start); took > max(0, wait) {
				t.Errorf("%v: the run took %v", wait, took)
			}
		})
	}
}

// TestTimeLimitBoundsTheWait: a run whose time limit ends before a witness is possible keeps no mail back, and ends
// in time.
func TestTimeLimitBoundsTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(20)...)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 5, Times: 1})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		if run := c.apply(with{ctx: ctx}); run.counts() != "19/0/1/0" || run.Stopped != nil {
			t.Errorf("%s (done/failed/unknown/skipped), stopped by %v", run.counts(), run.Stopped)
		}
	})
}

// TestWitnessForAnEarlierRun: a run settles the mail of an earlier run that was killed a moment before. It keeps back
// its own mail as the witness. If the earlier run may only be paused, it could still send its mail. Then this run
// settles that mail only if it may wait long enough.
func TestWitnessForAnEarlierRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		paused     bool
		settleWait time.Duration
	}{{false, 0}, {true, 10 * time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, secondMails, "ada@example.com")
			c.store.Paused = tt.paused
			k := c.killAfter(-1, 0)
			c.wire.Before = func(r *http.Request) error {
				if r.Method == http.MethodPost {
					k.die()
				}
				return k.step()
			}
			c.apply(with{concurrency: 1})
			k.restore()
			c.setRoster("ada@example.com", "bob@example.com")
			run := c.apply(with{settleWait: tt.settleWait})
			if len(run.plan.Held) != 1 || run.counts() != "2/0/0/0" || len(run.notices(plan.Unsettled)) > 0 {
				c.logOutcome(run)
				t.Errorf("paused %v: %s (done/failed/unknown/skipped)", tt.paused, run.counts())
			}
			c.expectOneMailEach()
		})
	}
}

// TestRunBesideAHeldMail: a run makes its other changes at once while the server may still act on the lost mail of an
// earlier run. It waits for the held mail only if a mail of its own can be the witness, and not longer than necessary.
func TestRunBesideAHeldMail(t *testing.T) {
	t.Parallel()
	people := []string{"bob@example.com", "ada@example.com"}
	for name, tt := range map[string]struct {
		people []string
		refuse bool // the mail to cy
		counts string
		took   time.Duration
	}{
		"only an edit":               {people, false, "1/0/0/0", 0},
		"a mail and an edit":         {append(people, "cy@example.com"), false, "2/0/0/0", time.Minute},
		"a refused mail and an edit": {append(people, "cy@example.com"), true, "1/1/0/0", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompanyWithLostMail(t)
				c.addMembers("bob@example.com")
				c.setRoster(tt.people...)
				c.setFirstGroups("everyone")
				if tt.refuse {
					c.refuseMails(func(int, string) string { return "no" })
				}
				start := time.Now()
				c.wire.Before = func(r *http.Request) error {
					if waited := time.Since(start); r.Method == http.MethodPost && waited > 0 {
						t.Errorf("a change was made after %v", waited)
					}
					return nil
				}
				run := c.apply(with{settleWait: 10 * time.Minute})
				if len(run.plan.Held) != 1 || run.counts() != tt.counts || run.Stopped != nil {
					c.logOutcome(run)
					t.Errorf("%s (done/failed/unknown/skipped), want %s; stopped by %v", run.counts(), tt.counts, run.Stopped)
				}
				if took := time.Since(start).Truncate(time.Minute); took != tt.took {
					t.Errorf("the run took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// TestWitnessInvitedBySomebodyElse: the mail that should be the witness for a held mail is no longer needed. The run
// ends, because it has no witness.
func TestWitnessInvitedBySomebodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompanyWithLostMail(t)
		c.setRoster("ada@example.com", "bob@example.com")
		start := time.Now()
		waits := 0
		run := c.apply(with{settleWait: 10 * time.Minute, waiting: func(apply.Wait) {
			if waits++; waits == 1 {
				_, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com", Created: c.Now().Add(-time.Hour)})
				must(t, err)
			}
		}})
		if took := time.Since(start); waits != 1 || took > time.Minute || run.counts() != "1/0/0/0" {
			c.logOutcome(run)
			t.Errorf("%d waits in %v, %s (done/failed/unknown/skipped)", waits, took, run.counts())
		}
	})
}

// TestRefusalStaysTheError: a mail was refused, and the reading after it fails. The error of the change is the
// refusal, which is certain.
func TestRefusalStaysTheError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "ada@example.com")
		c.refuseMails(func(int, string) string { return "no seat is left" })
		c.AddFault(sandbox.Fault{Method: http.MethodGet, Path: "/v2/users", Kind: sandbox.FaultForbid, From: 2})
		run := c.apply(with{})
		want := "invite ada@example.com: HTTP 409: no seat is left"
		if run.counts() != "0/1/0/0" || run.Changes[0].Err.Error() != want {
			c.logOutcome(run)
			t.Errorf("%s (done/failed/unknown/skipped)", run.counts())
		}
	})
}

// TestNotSentAndStopped: two lost mails were not sent. The run sends the first one again, and the answer stops the run.
// The second one counts as skipped.
func TestNotSentAndStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(5)...)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 2, Times: 2})
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: http.StatusUnauthorized, Method: http.MethodPost,
			From: 6})
		run := c.apply(with{concurrency: 1})
		if run.Stopped == nil || run.counts() != "3/1/0/1" {
			c.logOutcome(run)
			t.Errorf("%s (done/failed/unknown/skipped), stopped by %v", run.counts(), run.Stopped)
		}
	})
}

// TestStoppedBeforeTheSecondMail: a lost mail was not sent. A signal comes while the run waits after a 429, to send the
// mail again. Before, the report said that the outcome was unknown.
func TestStoppedBeforeTheSecondMail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(5)...)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 2, Times: 2})
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultThrottle, RetryAfter: "30", Method: http.MethodPost, From: 6})
		ctx, stop := context.WithCancelCause(t.Context())
		posts := 0
		c.wire.Before = func(r *http.Request) error {
			if r.Method == http.MethodPost {
				if posts++; posts == 7 {
					stop(errors.New("interrupted"))
				}
			}
			return nil
		}
		if run := c.apply(with{concurrency: 1, ctx: ctx}); run.counts() != "3/0/0/2" {
			c.logOutcome(run)
			t.Errorf("%s (done/failed/unknown/skipped)", run.counts())
		}
	})
}

// TestKeyRevokedWhileSettling: three lost mails were not sent. Of the three second mails, one is lost again, and the
// API answers 401 to the next one. The third is not sent any more. It is skipped, because no mail to this person is
// lost.
func TestKeyRevokedWhileSettling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(6)...)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 2, Times: 3})
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 7, Times: 1})
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Status: http.StatusUnauthorized, Method: http.MethodPost,
			From: 8})
		run := c.apply(with{concurrency: 1, settleWait: 10 * time.Minute})
		if third := run.Changes[3]; run.counts() != "3/1/1/1" || third.Outcome != apply.Skipped {
			c.logOutcome(run)
			t.Errorf("%s (done/failed/unknown/skipped), the third mail is %s", run.counts(), third.Outcome)
		}
	})
}

// TestKeyRevokedAfterALostMail: a run that is stopped by a 401 settles nothing, although a reading would show the lost
// mail.
func TestKeyRevokedAfterALostMail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(4)...)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, From: 2, Times: 1})
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Status: http.StatusUnauthorized, Method: http.MethodPost,
			From: 3})
		readings := 0
		run := c.apply(with{concurrency: 1, reading: func(n int, _ *org.Snapshot) { readings = n }})
		if run.counts() != "1/1/1/1" || readings != 1 {
			c.logOutcome(run)
			t.Errorf("%s (done/failed/unknown/skipped), %d readings", run.counts(), readings)
		}
	})
}

// TestReinviteCountsItsMail: the answer to a mail of --reinvite is lost, and the run settles the mail. The mail still
// counts for reinvite_rounds, as the first mail since the count began again.
func TestReinviteCountsItsMail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, ada)
		c.roster.Settings.ReinviteRounds = 1
		c.run(with{})
		must(t, c.Advance(73*time.Hour))
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, Times: 1})
		c.expect(c.run(with{reinvite: []string{ada}}), 0, ada, "reinvite done")
		must(t, c.Advance(73*time.Hour))
		c.expect(c.run(with{}), 0, ada, "gave_up")
		c.expectMails(ada, 2)
	})
}

// newCompanyWithLostMail returns a company in which the answer to the mail to ada was lost. Two more people are in
// the roster since then.
func newCompanyWithLostMail(t *testing.T) *company {
	t.Helper()
	c := newCompany(t, sandbox.Options{ListLag: time.Minute}, "ada@example.com")
	c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, Times: 1})
	c.apply(with{settleWait: leaveToLaterRun})
	c.setRoster("ada@example.com", "bob@example.com", "cy@example.com")
	return c
}

// TestProgressMatchesResult: Options.Progress gets as many changes as the result has, even if the plan has a held
// mail.
func TestProgressMatchesResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompanyWithLostMail(t)
		var got []string
		run := c.apply(with{progress: func(r apply.ChangeResult) { got = append(got, r.Email.String()) }})
		if len(run.plan.Held) != 1 || len(got) != len(run.Changes) {
			t.Errorf("held %v; Progress got %v, the result has %d changes", run.plan.Held, got, len(run.Changes))
		}
	})
}

// TestHeldMailIsReported: a held mail that the run sends is part of the result, even if its answer is lost too.
func TestHeldMailIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "ada@example.com")
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, Every: 2, From: 1})
		c.apply(with{settleWait: leaveToLaterRun})
		c.setRoster("ada@example.com", "bob@example.com")
		run := c.apply(with{})
		if len(run.plan.Held) != 1 || run.counts() != "1/0/1/0" {
			c.logOutcome(run)
			t.Errorf("%s (done/failed/unknown/skipped), held %v", run.counts(), run.plan.Held)
		}
	})
}

// TestUnsentHeldMailIsReported: a reading shows that a held mail was not sent, but the run cannot send it any more. The
// report must not leave out the person.
func TestUnsentHeldMailIsReported(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(c *company, w *with, stop func()){
		"the organization is full": func(c *company, _ *with, _ func()) {
			c.refuseMails(func(n int, _ string) string { return map[bool]string{true: "full"}[n > 1] })
		},
		"stopped after the reading": func(_ *company, w *with, stop func()) {
			w.reading = func(n int, _ *org.Snapshot) {
				if n == 2 {
					stop()
				}
			}
		},
		"stopped while the mail waits": func(c *company, w *with, stop func()) {
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 7})
			w.waiting = func(apply.Wait) { stop() }
		},
		"the reading after the wait fails": func(c *company, w *with, _ func()) {
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 7})
			w.waiting = func(apply.Wait) { c.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Method: http.MethodGet}) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{}, ada)
				c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, Times: 1})
				c.apply(with{settleWait: leaveToLaterRun})
				must(t, c.Advance(5*time.Minute))
				c.setRoster(append(manyPeople(7), ada)...)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				w := with{ctx: ctx}
				prepare(c, &w, stop)
				o := c.apply(w)
				if len(o.plan.Held) != 1 || o.about(ada) != "invite skipped" {
					c.logOutcome(o)
					t.Error(o.about(ada))
				}
				for _, change := range o.Changes {
					if change.Outcome == apply.Skipped && change.Err == nil {
						t.Errorf("%s is skipped without a reason", change.Email)
					}
				}
			})
		})
	}
}

// TestNoticesAreOfTheLastReading: the result has the notices of the last reading. Here the reading after the canary
// shows an earlier lost mail, so the person is not reported as unsettled.
func TestNoticesAreOfTheLastReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompanyWithLostMail(t)
		// The canary is answered after the list shows ada. The answer is not understood, so the run stops after one
		// reading.
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultHTML, Method: http.MethodPost, Times: 1, Delay: 20 * time.Second})
		must(t, c.Advance(45*time.Second))
		run := c.apply(with{})
		if run.Stopped == nil || len(run.plan.Held) != 1 {
			t.Fatalf("stopped by %v, held %v", run.Stopped, run.plan.Held)
		}
		if who := run.notices(plan.Unsettled); len(who) > 0 {
			t.Errorf("reported as unsettled: %v", who)
		}
		if who := run.notices(plan.Waiting); len(who) != 1 || who[0] != "ada@example.com" {
			t.Errorf("reported as waiting: %v", who)
		}
	})
}

// TestNoticesAfterAnotherReading: after another reading, each notice is in the result once. What the first plan said
// about a new ledger stays, and the limits of one run are no matter of later plans. Here an invitation expires during
// the run, so that a later plan has one mail too many.
func TestNoticesAfterAnotherReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "ada@example.com", "cy@example.com", "zoe@example.com")
		c.roster.Settings.MaxInvites = 1
		for who, age := range map[string]time.Duration{
			"cy@example.com": org.InvitationLife - 45*time.Second, "zoe@example.com": time.Hour,
		} {
			_, err := c.AddInvitation(sandbox.Invitation{Email: who, Created: c.Now().Add(-age)})
			must(t, err)
		}
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, Times: 1})
		run := c.apply(with{})
		var got []string
		for _, n := range run.Notices {
			got = append(got, fmt.Sprintf("%s %s", n.Kind, n.Email))
		}
		want := []string{"new_ledger ", "waiting zoe@example.com"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("notices (-want +got):\n%s", diff)
		}
	})
}

// TestNoticesOfPeopleWhoWereMailed: the result has no notices about people who were mailed in this run, even after
// another reading. Their changes already have the outcome.
func TestNoticesOfPeopleWhoWereMailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(10)...)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 3, Times: 1})
		if run := c.apply(with{settleWait: leaveToLaterRun}); run.counts() != "9/0/1/0" || len(run.Notices) > 0 {
			t.Errorf("%s (done/failed/unknown/skipped), notices %+v", run.counts(), run.Notices)
		}
	})
}

// TestReadingsAreBounded: if answers are lost and refused in turn, the run makes a few readings, not one for each
// person.
func TestReadingsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(100)...)
		mails, readings := 0, 0
		c.wire.Before = func(r *http.Request) error {
			switch {
			case r.Method == http.MethodPost:
				if mails++; mails%2 == 1 {
					return errKilled
				}
			case r.URL.Path == "/v2/users":
				readings++
			}
			return nil
		}
		// Each refusal has another text.
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			if r.Method == http.MethodPost {
				rec = httptest.NewRecorder()
				rec.WriteHeader(http.StatusConflict)
				fmt.Fprintf(rec, `{"error": "refused %d"}`, mails)
			}
			return rec
		})
		run := c.apply(with{concurrency: 1, settleWait: leaveToLaterRun})
		if readings > 1+12 || run.Stopped == nil || run.Count(apply.Skipped) < 50 {
			t.Errorf("%d readings, %s (done/failed/unknown/skipped), stopped by %v", readings, run.counts(), run.Stopped)
		}
	})
}

// TestInvitedMeanwhile: people that somebody else invites between the plan and the first mail are not mailed. The run
// reads the list of invitations again after its first mail, if it has more than one.
func TestInvitedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, secondMails, manyPeople(12)...)
		posts, lists := 0, 0
		c.wire.Before = func(r *http.Request) error {
			switch {
			case r.Method == http.MethodPost:
				if posts++; posts == 1 {
					for _, who := range manyPeople(12)[5:] {
						_, err := c.AddInvitation(sandbox.Invitation{Email: who})
						must(t, err)
					}
				}
			case posts > 0 && r.URL.Path == "/v2/invitation":
				lists++
			}
			return nil
		}
		run := c.apply(with{concurrency: 1})
		if run.counts() != "12/0/0/0" || c.mailCount() != 5 || lists != 1 {
			c.logOutcome(run)
			t.Errorf("%s (done/failed/unknown/skipped), %d mails, %d more readings of the invitations",
				run.counts(), c.mailCount(), lists)
		}
		for _, change := range run.Changes {
			if change.InvitationID == "" || change.Requests > 1 {
				t.Errorf("%s: invitation %q after %d requests", change.Email, change.InvitationID, change.Requests)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "ada@example.com", "bob@example.com")
		c.addMembers("bob@example.com")
		c.roster.People[1].Groups = refs("everyone")
		c.apply(with{})
		lists := 0
		for _, r := range c.Requests() {
			if r.Method == http.MethodGet && r.Path == "/v2/invitation" {
				lists++
			}
		}
		if lists != 1 {
			t.Errorf("the invitations were read %d times for one mail", lists)
		}
	})
}

// TestInvitedMeanwhileIsReportedOnce: somebody else invites a person during the run. The mail is done, also if the list
// has no dates, and Progress gets it once, although the run reads the organization again.
func TestInvitedMeanwhileIsReportedOnce(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"documented", "no-dates"} {
		dialect, err := sandbox.ParseDialect(name)
		must(t, err)
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{Dialect: dialect}, manyPeople(5)...)
			once := sync.OnceFunc(func() {
				_, err := c.AddInvitation(sandbox.Invitation{Email: "p002@example.com"})
				must(t, err)
			})
			c.wire.Before = func(r *http.Request) error {
				if r.Method == http.MethodPost {
					once()
				}
				return nil
			}
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, From: 2, Times: 1})
			reported := 0
			run := c.apply(with{concurrency: 1, progress: func(r apply.ChangeResult) {
				if r.Email.String() == "p002@example.com" {
					reported++
				}
			}})
			if run.Changes[2].Outcome != apply.Done || run.Changes[2].Requests > 0 || reported != 1 {
				c.logOutcome(run)
				t.Errorf("%s: %s, reported %d times", name, run.Changes[2].Outcome, reported)
			}
		})
	}
}

// TestInvitedWhileWaiting: the run does not send the mail that it kept back if a reading shows that the person is
// invited by then.
func TestInvitedWhileWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, secondMails, manyPeople(3)...)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 2, Times: 1})
		run := c.apply(with{waiting: func(apply.Wait) {
			if c.mailCount() == 1 {
				_, err := c.AddInvitation(sandbox.Invitation{Email: "p002@example.com"})
				must(t, err)
			}
		}})
		if run.counts() != "2/0/1/0" || len(c.Mails()["p002@example.com"]) > 0 {
			c.logOutcome(run)
			t.Errorf("%s (done/failed/unknown/skipped), mails %v", run.counts(), c.Mails())
		}
	})
}

// TestDeclinedMeanwhile: a person who is invited by somebody else and declines during the run is neither mailed nor
// reported as done.
func TestDeclinedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(3)...)
		once := sync.OnceFunc(func() {
			_, err := c.AddInvitation(sandbox.Invitation{Email: "p001@example.com", State: "declined"})
			must(t, err)
		})
		c.wire.Before = func(r *http.Request) error {
			if r.Method == http.MethodPost {
				once()
			}
			return nil
		}
		run := c.apply(with{concurrency: 1})
		if run.counts() != "2/0/0/1" || len(c.Mails()["p001@example.com"]) > 0 || run.Changes[1].Err == nil {
			c.logOutcome(run)
			t.Errorf("%s (done/failed/unknown/skipped), mails %v", run.counts(), c.Mails())
		}
	})
}

// TestOlderLostMailIsShown: nobody sees the invitation of a lost mail until it has expired. Then the answer to the next
// mail is lost too, and the server does not act. The old invitation does not show that this mail was sent.
func TestOlderLostMailIsShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "ada@example.com")
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, Times: 1})
		hide := func(_ int, s *org.Snapshot) { s.Invitations = nil }
		c.logOutcome(c.apply(with{reading: hide, settleWait: leaveToLaterRun}))
		must(t, c.Advance(80*time.Hour))
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, Times: 1})
		run := c.apply(with{settleWait: 20 * time.Minute, reading: func(n int, s *org.Snapshot) {
			if n == 1 {
				hide(n, s)
			}
		}})
		c.logOutcome(run)
		if run.counts() != "1/0/0/0" || len(c.Mails()["ada@example.com"]) != 2 {
			t.Errorf("%s (done/failed/unknown/skipped), mails %v", run.counts(), c.Mails())
		}
	})
}
