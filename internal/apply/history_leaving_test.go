package apply_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// The tests of this file are about people who leave, or seem to leave, and about changes other than mails. orgsync
// once handled these sequences of events wrongly, or would do so without one of its rules.

// TestHistoryRemovedWithOldInvitation: bob's first invitation expires. He accepts the second one, and the list drops
// it. An administrator removes him. The expired invitation must not cause another mail.
func TestHistoryRemovedWithOldInvitation(t *testing.T) {
	t.Parallel()
	for _, expiry := range []string{sandbox.LapsedMarked, sandbox.LapsedPending} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish, Lapsed: expiry,
				ResendLapsed: sandbox.ResendLapsed400}}, "bob@example.com")
			c.apply(with{})
			must(t, c.Advance(80*time.Hour))
			c.apply(with{})
			must(t, c.Advance(time.Hour))
			must(t, c.Accept("bob@example.com"))
			must(t, c.Advance(time.Hour))
			c.apply(with{})
			must(t, c.Leave("bob@example.com"))
			must(t, c.Advance(time.Hour))
			o := c.apply(with{})
			c.logOutcome(o)
			if len(o.notices(plan.Left)) != 1 || len(o.Changes) > 0 {
				t.Error("bob was removed, and is invited again")
			}
		})
	}
}

// TestHistoryLeftWithNewerInvitation: bob accepts the older of two invitations after the newer one was sent. Later he
// leaves. Without a ledger, orgsync must see that he left.
func TestHistoryLeftWithNewerInvitation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		now := c.Now()
		_, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com", State: "accepted",
			Created: now.Add(-100 * time.Hour), Responded: now.Add(-90 * time.Hour)})
		must(t, err)
		_, err = c.AddInvitation(sandbox.Invitation{Email: "bob@example.com", State: "expired",
			Created: now.Add(-95 * time.Hour)})
		must(t, err)
		o := c.apply(with{})
		c.logOutcome(o)
		if len(o.notices(plan.Left)) != 1 || len(o.Changes) > 0 {
			t.Error("bob was a member and left, and is invited again")
		}
	})
}

// TestHistoryRemovedTwice: the answer to a removal is lost. The list lags, so orgsync sends the removal again, and
// the server finds no such user. orgsync must still know that it removed bob.
func TestHistoryRemovedTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: time.Minute}, "zoe@example.com", "bob@example.com")
		c.apply(with{})
		must(t, c.Accept("bob@example.com"))
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.setRoster("zoe@example.com")
		c.AddFault(sandbox.Fault{Method: "DELETE", Path: "/v2/*", Kind: sandbox.FaultDrop, ActFirst: true, Times: 1})
		c.logOutcome(c.apply(with{}))
		must(t, c.Advance(time.Hour))
		c.setRoster("zoe@example.com", "bob@example.com")
		o := c.apply(with{})
		c.logOutcome(o)
		if len(o.notices(plan.Left)) > 0 || len(c.Mails()["bob@example.com"]) != 2 {
			t.Error("orgsync removed bob, the roster lists him again, and he is not invited")
		}
	})
}

// TestHistoryRemovalRepeated: the list does not show yet that orgsync removed bob, so the next run removes him
// again, and the server confirms this too. This is one removal, and no sign of two rosters.
func TestHistoryRemovalRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 10 * time.Minute}, zoe)
		c.addMembers(bob, zoe)
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			if r.Method == http.MethodDelete && rec.Code == http.StatusNotFound {
				rec = httptest.NewRecorder()
				rec.WriteHeader(http.StatusNoContent)
			}
			return rec
		})
		must(t, c.Advance(time.Hour))
		for range 3 {
			if o := c.apply(with{}); o.counts() != "1/0/0/0" {
				c.logOutcome(o)
				t.Fatal("bob was not removed")
			}
			must(t, c.Advance(4*time.Minute))
		}
		must(t, c.Advance(time.Hour))
		c.setRoster(bob, zoe)
		o := c.apply(with{})
		c.logOutcome(o)
		if o.counts() != "1/0/0/0" || len(o.notices(plan.Flapping)) > 0 {
			t.Error("the roster lists bob again, and he is not invited")
		}
	})
}

// TestHistorySuspendedTwice: the answer to a suspension is lost. The list lags, so orgsync sends the suspension
// again, and the server refuses it. orgsync must still know that it suspended bob.
func TestHistorySuspendedTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: time.Minute}, "zoe@example.com")
		c.addMembers("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.AddFault(sandbox.Fault{Method: "PUT", Path: "/v2/*", Kind: sandbox.FaultDrop, ActFirst: true, Times: 1})
		c.AddFault(sandbox.Fault{Method: "PUT", Path: "/v2/*", Kind: sandbox.FaultStatus, Status: 409, From: 2, Times: 1})
		c.logOutcome(c.apply(with{}))
		must(t, c.Advance(time.Hour))
		c.setRoster("bob@example.com", "zoe@example.com")
		o := c.apply(with{})
		c.logOutcome(o)
		c.expectNobodySuspended(o)
	})
}

// TestHistoryNotRemovedReportedAsDone: the answer to a removal is lost before the server acts. The next reading does
// not show whose key it is, so it cannot settle the removal. The removal must not be reported as done.
func TestHistoryNotRemovedReportedAsDone(t *testing.T) {
	t.Parallel()
	for _, extra := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{}, "zoe@example.com")
			_, err := c.AddUser(sandbox.User{Email: "zoe@example.com", Groups: []string{"platform"}})
			must(t, err)
			if extra {
				c.roster.People[0].Groups = refs("everyone")
				c.roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
				c.nameGroups("platform")
			} else {
				_, err = c.AddUser(sandbox.User{Email: "bob@example.com"})
				must(t, err)
				c.roster.Settings.Unlisted = roster.UnlistedRemove
			}
			c.AddFault(sandbox.Fault{Method: "DELETE", Path: "/v2/*", Kind: sandbox.FaultDrop})
			c.AddFault(sandbox.Fault{Method: "GET", Path: "/v2/account", Kind: sandbox.FaultForbid, From: 3})
			o := c.apply(with{})
			c.logOutcome(o)
			for _, change := range o.Changes {
				if (change.Action == plan.Remove || change.Action == plan.Revoke) && change.Outcome == apply.Done {
					t.Errorf("%s is reported as done, and was not", change.Action)
				}
			}
		})
	}
}

// TestHistorySuspendedUsersHiddenMidway: the answer to the removal of a suspended user is lost before the server
// acts. From the next reading on, the key may not list suspended users. The removal must be reported as unknown.
func TestHistorySuspendedUsersHiddenMidway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Suspended: sandbox.SuspendedListed}}, "zoe@example.com")
		c.addMembers("bob@example.com", "zoe@example.com")
		must(t, c.Suspend("bob@example.com"))
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.AddFault(sandbox.Fault{Method: "DELETE", Path: "/v2/*", Kind: sandbox.FaultDrop})
		c.AddFault(sandbox.Fault{Method: "GET", Path: "/v2/organizations/*", Kind: sandbox.FaultForbid, From: 3})
		o := c.apply(with{})
		c.logOutcome(o)
		if o.counts() != "0/0/1/0" {
			t.Errorf("%s: bob is not removed, and no list shows this", o.counts())
		}
	})
}

// TestHistorySuspensionNotListed: the answer to a suspension is lost after the server acts, and no list shows
// suspended users. The suspension must be reported as done.
func TestHistorySuspensionNotListed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Suspended: sandbox.SuspendedListed,
			SuspendedEndpoint: sandbox.SuspendedEndpointMissing}}, "zoe@example.com")
		c.addMembers("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.AddFault(sandbox.Fault{Method: "PUT", Path: "/v2/*", Kind: sandbox.FaultDrop, ActFirst: true})
		o := c.apply(with{})
		c.logOutcome(o)
		if o.counts() != "1/0/0/0" {
			t.Errorf("%s: bob is suspended", o.counts())
		}
	})
}

// TestHistoryNotGrantedReportedAsDone: the answer to a grant is lost before the server acts, and the user is removed
// in the meantime. The grant must not be reported as done.
func TestHistoryNotGrantedReportedAsDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		_, err := c.AddUser(sandbox.User{Email: "bob@example.com"})
		must(t, err)
		_, err = c.AddInvitation(sandbox.Invitation{Email: "bob@example.com"})
		must(t, err)
		c.roster.People[0].Groups = refs("everyone")
		c.wire.Before = func(r *http.Request) error {
			if r.Method != http.MethodPost {
				return nil
			}
			must(t, c.Leave("bob@example.com"))
			return errKilled
		}
		o := c.apply(with{})
		c.logOutcome(o)
		if o.Count(apply.Done) > 0 {
			t.Error("reported as done, and bob has no group")
		}
	})
}

// TestHistoryErrorInsideSuccess: the server reports an error in an answer with the status 200. The grant must not be
// reported as done.
func TestHistoryErrorInsideSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		_, err := c.AddUser(sandbox.User{Email: "bob@example.com"})
		must(t, err)
		c.roster.People[0].Groups = refs("everyone")
		inner := c.wire.Handler
		c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(`{"error":"Invalid user","status":400}`))
				return
			}
			inner.ServeHTTP(w, r)
		})
		o := c.apply(with{})
		c.logOutcome(o)
		if o.Count(apply.Done) > 0 {
			t.Error("reported as done, and bob has no group")
		}
	})
}

// TestHistoryRemovedWhileJoining: bob accepts with an unknown address, between the reading of the invitations and
// that of the users. He must not be removed, even if the run makes another change first.
func TestHistoryRemovedWhileJoining(t *testing.T) {
	t.Parallel()
	for i, accepted := range []string{sandbox.AcceptedListed, sandbox.AcceptedVanish, sandbox.AcceptedVanish} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: accepted}}, "bob@example.com")
			c.roster.Settings.Unlisted = roster.UnlistedRemove
			c.apply(with{})
			must(t, c.Advance(time.Hour))
			if i == 2 {
				c.addMembers(zoe)
				c.setRoster("bob@example.com", zoe)
				c.roster.People[1].Groups = refs("everyone")
			}
			joined := c.runBetween("/v2/invitation", "/v2/users", func() error {
				return c.AcceptAs("bob@example.com", "bob@home.example")
			})
			o := c.apply(with{})
			c.logOutcome(o)
			if !joined.Load() {
				t.Fatal("bob did not accept")
			}
			for _, change := range o.Changes {
				if change.Outcome == apply.Done && change.Action != plan.Grant {
					t.Errorf("%s %s: this user is bob", change.Action, change.Email)
				}
			}
		})
	}
}

// TestHistoryRemovedAfterJoiningInTheSameRun: bob was invited earlier or in this run. While the mails of the run are
// sent, he accepts with the address of an unlisted user. The run was about to remove this user. He must not be
// removed.
func TestHistoryRemovedAfterJoiningInTheSameRun(t *testing.T) {
	t.Parallel()
	for _, accepted := range []string{sandbox.AcceptedListed, sandbox.AcceptedVanish} {
		for _, invitedEarlier := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: accepted}}, "bob@example.com")
				c.addMembers(mallory, zoe)
				if invitedEarlier {
					c.apply(with{})
					must(t, c.Advance(time.Hour))
				}
				c.roster.Settings.Unlisted = roster.UnlistedRemove
				c.setRoster("bob@example.com", "cy@example.com", "dee@example.com", zoe)
				o := c.apply(with{concurrency: 1, progress: func(ch apply.ChangeResult) {
					if ch.Email.String() == "cy@example.com" {
						must(t, c.AcceptAs("bob@example.com", mallory))
					}
				}})
				c.logOutcome(o)
				if c.user(mallory) == nil {
					t.Errorf("%s, invited earlier: %v: bob was removed", accepted, invitedEarlier)
				}
			})
		}
	}
}

// TestHistoryRemovedAfterJoiningInALaterTurn: the mail to bob and the removal of mallory failed in the last run, so
// they come after another removal. Bob accepts his mail with mallory's address. He must not be removed.
func TestHistoryRemovedAfterJoiningInALaterTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com", zoe)
		c.addMembers(mallory, zoe)
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		for _, method := range []string{http.MethodPost, http.MethodDelete} {
			c.AddFault(sandbox.Fault{Method: method, Kind: sandbox.FaultStatus, Status: http.StatusConflict, Times: 1})
		}
		if o := c.apply(with{}); o.counts() != "0/2/0/0" {
			t.Fatal(o.counts())
		}
		must(t, c.Advance(time.Hour))
		c.addMembers("yan@example.com")
		o := c.apply(with{concurrency: 1, progress: func(ch apply.ChangeResult) {
			if ch.Action.Mails() {
				must(t, c.AcceptAs("bob@example.com", mallory))
			}
		}})
		c.logOutcome(o)
		if o.counts() != "2/0/0/1" || c.user(mallory) == nil || c.user("yan@example.com") != nil {
			t.Errorf("%s: want yan removed, and bob, who is mallory, not removed", o.counts())
		}
	})
}

// TestRemovalAfterMails: a run with mails and a removal reads the organization again after the mails. If the list does
// not show the mails yet, a later run removes the user.
func TestRemovalAfterMails(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, 10 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{ListLag: lag}, ada, zoe)
			c.roster.Settings.Unlisted = roster.UnlistedRemove
			c.addMembers(mallory, zoe)
			must(t, c.Advance(time.Hour))
			o := c.apply(with{})
			c.logOutcome(o)
			if want := map[bool]string{true: "2/0/0/0", false: "1/0/0/1"}[lag == 0]; o.counts() != want {
				t.Errorf("lag %v: %s, want %s", lag, o.counts(), want)
			}
			must(t, c.Advance(time.Hour))
			c.apply(with{})
			if c.user(mallory) != nil {
				t.Errorf("lag %v: mallory was not removed", lag)
			}
		})
	}
}

// TestHistorySecondReadingFails: the reading before a removal fails. The removal must be skipped, and the invitation
// of the plan must be sent.
func TestHistorySecondReadingFails(t *testing.T) {
	t.Parallel()
	for _, kind := range []sandbox.FaultKind{sandbox.FaultForbid, sandbox.FaultDrop} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{}, "zoe@example.com")
			_, err := c.AddUser(sandbox.User{Email: "bob@example.com"})
			must(t, err)
			c.roster.Settings.Unlisted = roster.UnlistedRemove
			c.AddFault(sandbox.Fault{Method: "GET", Path: "/v2/users", Kind: kind, From: 2})
			o := c.apply(with{})
			c.logOutcome(o)
			if o.counts() != "1/0/0/1" || len(c.World().Users) != 2 {
				t.Errorf("%s: want zoe invited, and bob not removed", o.counts())
			}
			for _, ch := range o.Changes {
				if ch.Outcome == apply.Skipped && strings.Contains(ch.Err.Error(), "the second plan does not have it") {
					t.Errorf("there is no second plan, and the error is: %v", ch.Err)
				}
			}
		})
	}
}

// TestHistoryThreeLostAndOneStays: no mail is answered, and the reading before a removal fails. The run must stop
// after three mails, and must report the failed reading once.
func TestHistoryThreeLostAndOneStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "ada@example.com", "cy@example.com", "dan@example.com", "eve@example.com")
		_, err := c.AddUser(sandbox.User{Email: "bob@example.com"})
		must(t, err)
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.AddFault(sandbox.Fault{Method: "GET", Path: "/v2/users", Kind: sandbox.FaultForbid, From: 2})
		c.AddFault(sandbox.Fault{Method: "POST", Path: "/v2/*", Kind: sandbox.FaultDrop})
		o := c.apply(with{})
		c.logOutcome(o)
		if n := c.postCount(); n != 3 || o.Stopped == nil {
			t.Errorf("%d mails were asked for, stopped by %v", n, o.Stopped)
		}
		if n := strings.Count(o.Changes[0].Err.Error(), "could not read the organization"); n != 1 {
			t.Errorf("the error reports %d times that a reading failed: %v", n, o.Changes[0].Err)
		}
	})
}

// TestHistorySuspendedAfterRemoval: orgsync suspends bob and later removes him. He is listed again and accepts. Then
// an administrator suspends him, and orgsync must not undo this.
func TestHistorySuspendedAfterRemoval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com")
		c.addMembers("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.logOutcome(c.apply(with{}))
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.logOutcome(c.apply(with{}))
		c.setRoster("bob@example.com", "zoe@example.com")
		c.logOutcome(c.apply(with{}))
		must(t, c.Accept("bob@example.com"))
		must(t, c.Suspend("bob@example.com"))
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.logOutcome(o)
		c.expectNoChanges(o, "an administrator's suspension was undone")
	})
}

// TestHistoryListedWhileSuspendedUsersHidden: orgsync suspended mallory, who was in no roster. Then the roster lists
// her, and the suspended users cannot be listed. She must not be mailed. When they can be listed, her suspension ends.
func TestHistoryListedWhileSuspendedUsersHidden(t *testing.T) {
	t.Parallel()
	for _, hidden := range []int{http.StatusForbidden, http.StatusNotFound} {
		synctest.Test(t, func(t *testing.T) {
			t.Logf("the status is %d", hidden)
			c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Suspended: sandbox.SuspendedListed}}, zoe)
			c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = roster.UnlistedSuspend, 0
			c.addMembers(zoe, mallory)
			c.expect(c.run(with{}), 0, mallory, "suspend done")
			must(t, c.Advance(time.Hour))
			c.setRoster(zoe, mallory)
			c.failReading(suspendedList, hidden)
			c.expectUnknownMembership(mallory)
			c.ClearFaults()
			c.expect(c.run(with{}), 0, mallory, "unsuspend done")
		})
	}
}

// TestHistoryUnlistedUserListedWhileHidden: the ledger has mallory as a user who is not in the roster. Then the roster
// lists her, and the key may not list users, or she is suspended by hand and no list shows it. She must not be mailed.
func TestHistoryUnlistedUserListedWhileHidden(t *testing.T) {
	t.Parallel()
	for _, hidden := range []string{"/v2/users", suspendedList} {
		synctest.Test(t, func(t *testing.T) {
			t.Logf("hidden: %s", hidden)
			c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Suspended: sandbox.SuspendedListed}}, zoe)
			c.run(with{})
			must(t, c.Accept(zoe))
			c.addMembers(mallory)
			c.run(with{})
			must(t, c.Advance(time.Hour))
			if hidden == suspendedList {
				must(t, c.Suspend(mallory))
			}
			c.failReading(hidden, http.StatusForbidden)
			c.setRoster(zoe, mallory)
			c.expectUnknownMembership(mallory)
		})
	}
}

// TestHistoryNextEntryAfterLastDay: bob accepted the invitation to his old address with his new one. The last day of
// the old address is over, and a new entry has the new address. His acceptance counts for this entry: he must not be
// mailed if no list shows him as a member, or if he has left.
func TestHistoryNextEntryAfterLastDay(t *testing.T) {
	t.Parallel()
	const oldBob, newBob = "bob@home.example", "bob@example.com"
	for _, tt := range []struct {
		name   string
		change func(c *company)
		want   string
		exit   int
	}{
		{"users hidden", (*company).hideUsers, "nothing", 0},
		{"suspended, and the list is hidden", func(c *company) {
			must(c.t, c.Suspend(newBob))
			c.failReading(suspendedList, http.StatusForbidden)
		}, "unknown_membership", 3},
		{"left", func(c *company) { must(c.t, c.Leave(newBob)) }, "left", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Suspended: sandbox.SuspendedListed}}, zoe,
					oldBob)
				c.run(with{})
				must(t, c.Accept(zoe))
				must(t, c.AcceptAs(oldBob, newBob))
				must(t, c.Advance(48*time.Hour))
				c.setRoster(zoe, oldBob, newBob)
				c.roster.People[1].Until = roster.DayOf(c.Now()) - 1
				tt.change(c)
				c.expect(c.run(with{}), tt.exit, newBob, tt.want)
				c.expectMails(newBob, 0)
			})
		})
	}
}

// TestHistorySecondEntryOfSuspendedPerson: bob accepted the invitation to his old address with his new one. Then he is
// suspended by hand, no list shows it, and a second entry has the new address. He must not be mailed, even if an
// invitation to his new address has expired.
func TestHistorySecondEntryOfSuspendedPerson(t *testing.T) {
	t.Parallel()
	for _, expired := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			t.Logf("expired: %v", expired)
			const oldBob, newBob = "bob@home.example", "bob@example.com"
			c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Suspended: sandbox.SuspendedListed}}, zoe, oldBob)
			if expired {
				_, err := c.AddInvitation(sandbox.Invitation{Email: newBob, Created: c.Now().Add(-100 * time.Hour)})
				must(t, err)
			}
			c.run(with{})
			must(t, c.Accept(zoe))
			must(t, c.AcceptAs(oldBob, newBob))
			must(t, c.Advance(time.Hour))
			c.expect(c.run(with{}), 0, oldBob, "other_address")
			must(t, c.Suspend(newBob))
			c.failReading(suspendedList, http.StatusForbidden)
			c.setRoster(zoe, oldBob, newBob)
			c.expectUnknownMembership(newBob)
		})
	}
}

// TestHistoryExpiredInvitationOfSuspendedUser: mallory is in no roster and has an old expired invitation. She is
// suspended, by hand or by orgsync, and the suspended users cannot be listed. When the roster lists her, she must not
// be mailed. A newer invitation shows that she was no member when it was sent, so she may be mailed when it has
// expired.
func TestHistoryExpiredInvitationOfSuspendedUser(t *testing.T) {
	t.Parallel()
	for policy, want := range map[roster.UnlistedPolicy]string{
		roster.UnlistedReport: "unlisted", roster.UnlistedSuspend: "suspend done",
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Suspended: sandbox.SuspendedListed}}, zoe)
			c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = policy, 0
			_, err := c.AddInvitation(sandbox.Invitation{Email: mallory, Created: c.Now().Add(-100 * time.Hour)})
			must(t, err)
			c.addMembers(zoe, mallory)
			c.expect(c.run(with{}), 0, mallory, want)
			must(t, c.Advance(time.Hour))
			if policy == roster.UnlistedReport {
				must(t, c.Suspend(mallory))
			}
			c.setRoster(zoe, mallory)
			c.failReading(suspendedList, http.StatusForbidden)
			c.expect(c.run(with{}), 3, mallory, "unknown_membership")
			c.expectMails(mallory, 0)
			must(t, c.Leave(mallory))
			_, err = c.AddInvitation(sandbox.Invitation{Email: mallory, Created: c.Now()})
			must(t, err)
			must(t, c.Advance(80*time.Hour))
			c.expect(c.run(with{}), 0, mallory, "reinvite done")
		})
	}
}

// TestHistoryListedAgainWhileUsersHidden: orgsync removed bob. In the run in which he is listed again, the key may
// not list users. The next run must invite him.
func TestHistoryListedAgainWhileUsersHidden(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com", "bob@example.com")
		c.apply(with{})
		must(t, c.Accept("bob@example.com"))
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.setRoster("zoe@example.com")
		c.logOutcome(c.apply(with{}))
		must(t, c.Advance(time.Hour))
		c.roster.Settings.Unlisted = roster.UnlistedReport
		c.setRoster("zoe@example.com", "bob@example.com")
		c.AddFault(sandbox.Fault{Method: "GET", Path: "/v2/users", Kind: sandbox.FaultForbid})
		c.logOutcome(c.apply(with{}))
		c.ClearFaults()
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.logOutcome(o)
		if len(c.Mails()["bob@example.com"]) != 2 {
			t.Error("orgsync removed bob, the roster lists him again, and he is not invited")
		}
	})
}

// TestHistoryAddressChangedAndNoLedger: a member changes the address of their account, and the ledger is lost.
// orgsync must make no change.
func TestHistoryAddressChangedAndNoLedger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.apply(with{})
		must(t, c.Accept("bob@example.com"))
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			if r.URL.Path == "/v2/users" {
				rec.Body = bytes.NewBufferString(strings.ReplaceAll(rec.Body.String(), "bob@example.com", "bob.new@example.com"))
			}
			return rec
		})
		must(t, c.store.Replace(nil))
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.logOutcome(o)
		c.expectNoChanges(o, "this user is bob")
	})
}

// TestHistoryListedAgainWhileListLags: orgsync suspends bob. He is listed again before the list of users shows the
// suspension. A later run must end the suspension.
func TestHistoryListedAgainWhileListLags(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute}, "zoe@example.com")
		c.addMembers("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.logOutcome(c.apply(with{}))
		c.setRoster("bob@example.com", "zoe@example.com")
		must(t, c.Advance(time.Minute))
		c.logOutcome(c.apply(with{}))
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.logOutcome(o)
		c.expectNobodySuspended(o)
	})
}

// TestHistoryTwoUsersOfOneAddress: two users have one address, and the answers to both removals are lost before the
// server acts. Both must be removed.
func TestHistoryTwoUsersOfOneAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com")
		c.addMembers("bob@example.com", "bob2@example.com")
		c.rewrite(func(_ *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			rec.Body = bytes.NewBufferString(strings.ReplaceAll(rec.Body.String(), "bob2@", "bob@"))
			return rec
		})
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.AddFault(sandbox.Fault{Method: "DELETE", Path: "/v2/*", Kind: sandbox.FaultDrop, Times: 2})
		o := c.apply(with{})
		c.logOutcome(o)
		if n := len(c.World().Users); o.counts() != "3/0/0/0" || n != 1 {
			t.Errorf("%s, and %d users are left", o.counts(), n)
		}
	})
}

// TestHistoryAcceptedAgainWithTheSameAddress: bob accepts an invitation of an administrator with an unknown address,
// and orgsync removes this unlisted user. Then he accepts the invitation of orgsync with the same address. The list
// drops accepted invitations. orgsync must report the user and must not remove them again.
func TestHistoryAcceptedAgainWithTheSameAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, "bob@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		_, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com"})
		must(t, err)
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		if o := c.apply(with{}); o.counts() != "2/0/0/0" {
			t.Fatalf("%s, want a mail and a removal", o.counts())
		}
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		for range 3 {
			must(t, c.Advance(time.Hour))
			o := c.apply(with{})
			c.logOutcome(o)
			if len(o.Changes) > 0 || len(o.notices(plan.Unlisted)) != 1 {
				t.Errorf("%s: want no change, and a notice about the unlisted user", o.counts())
			}
		}
	})
}

// TestHistoryWrongAliasForOneRun: bob's entry has the address of zoe as an alias for one run. zoe is another person.
// She must not get the access of bob after the alias is deleted.
func TestHistoryWrongAliasForOneRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		c.addMembers("zoe@home.example")
		c.roster.People[0].Aliases = []org.Address{org.MustParseAddress("zoe@home.example")}
		c.logOutcome(c.apply(with{}))
		c.roster.People[0].Aliases = nil
		c.roster.People[0].Groups = refs("everyone")
		must(t, c.Advance(time.Hour))
		c.logOutcome(c.apply(with{}))
		c.expectOneMailEach()
		for _, r := range c.Requests() {
			if r.Method == http.MethodPost && r.Path != invitePath {
				t.Errorf("%s: zoe got the access of bob", r.Path)
			}
		}
	})
}

// TestHistoryAcceptedWithTheFormerAddress: bob is listed with a new address, and orgsync removes the user of the old
// one. He accepts with his old account. The list drops accepted invitations. orgsync must not remove him again.
func TestHistoryAcceptedWithTheFormerAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, "bob@old.example")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.apply(with{})
		must(t, c.Accept("bob@old.example"))
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		c.setRoster("bob@example.com")
		c.logOutcome(c.apply(with{})) // removed, and invited with the new address
		must(t, c.Advance(time.Hour))
		must(t, c.AcceptAs("bob@example.com", "bob@old.example"))
		for range 3 {
			must(t, c.Advance(time.Hour))
			o := c.apply(with{})
			c.logOutcome(o)
			c.expectNoChanges(o, "this user is bob")
		}
	})
}

// TestHistoryLostAndAcceptedWithAnotherAddress: the answer to bob's mail is lost. He accepts with an unknown address
// before the list shows the invitation. The list drops accepted invitations. orgsync must not remove him.
func TestHistoryLostAndAcceptedWithAnotherAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, "bob@example.com",
			"zoe@example.com")
		c.addMembers("zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultDrop, ActFirst: true, Times: 1})
		c.AddFault(sandbox.Fault{Method: "GET", Path: invitePath, Kind: sandbox.FaultDrop, From: 2})
		c.logOutcome(c.apply(with{}))
		c.ClearFaults()
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		for range 3 {
			must(t, c.Advance(time.Hour))
			o := c.apply(with{})
			c.logOutcome(o)
			for _, ch := range o.Changes {
				if ch.Action == plan.Remove {
					t.Errorf("%s %s: this user is bob", ch.Action, ch.Email)
				}
			}
		}
	})
}

// hideAccountOf lets the list of invitations hide that who accepted an invitation.
func (c *company) hideAccountOf(who string) {
	c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
		if r.URL.Path == invitePath {
			rec.Body = bytes.NewBufferString(strings.ReplaceAll(rec.Body.String(), `"email_registered":"`+who+`"`,
				`"email_registered":""`))
		}
		return rec
	})
}

// TestHistoryAcceptedWithAnotherAccount: orgsync removes bob and later invites him again. He accepts with another
// account, and the list does not name this account. orgsync must not remove him.
func TestHistoryAcceptedWithAnotherAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com", "zoe@example.com")
		c.addMembers("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.hideAccountOf("bob@home.example")
		c.apply(with{})
		c.setRoster("zoe@example.com")
		must(t, c.Advance(time.Hour))
		c.logOutcome(c.apply(with{})) // removed
		c.setRoster("bob@example.com", "zoe@example.com")
		must(t, c.Advance(time.Hour))
		c.logOutcome(c.apply(with{})) // invited
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		for range 3 {
			must(t, c.Advance(time.Hour))
			o := c.apply(with{})
			c.logOutcome(o)
			c.expectNoChanges(o, "this user is bob")
		}
	})
}

// TestHistoryListedAgainBeforeRemovalIsListed: orgsync removes bob. He is listed again before the list of users shows
// the removal. A later run must invite him.
func TestHistoryListedAgainBeforeRemovalIsListed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute}, "bob@example.com", "zoe@example.com")
		c.addMembers("bob@example.com", "zoe@example.com")
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.setRoster("zoe@example.com")
		c.logOutcome(c.apply(with{})) // removed
		c.setRoster("bob@example.com", "zoe@example.com")
		must(t, c.Advance(time.Minute))
		c.logOutcome(c.apply(with{}))
		must(t, c.Advance(time.Hour))
		c.logOutcome(c.apply(with{}))
		if len(c.Mails()["bob@example.com"]) != 1 {
			t.Error("orgsync removed bob, the roster lists him again, and he is not invited")
		}
	})
}

// TestHistoryInvitedAsAMemberAndLeft: an administrator invites bob although he is a member. That invitation expires,
// and bob leaves. orgsync must not invite him again.
func TestHistoryInvitedAsAMemberAndLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		c.addMembers("bob@example.com")
		c.apply(with{})
		must(t, c.Advance(time.Hour))
		_, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com"})
		must(t, err)
		for range 2 {
			must(t, c.Advance(80*time.Hour))
			c.apply(with{})
		}
		must(t, c.Leave("bob@example.com"))
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.logOutcome(o)
		if len(o.notices(plan.Left)) != 1 || len(c.Mails()["bob@example.com"]) > 0 {
			t.Error("bob left, and is invited again")
		}
	})
}

// TestLostRemovalAfterLastDay: the answer to the removal of a person whose last day is over is lost. The reading shows
// that the person is gone, so the removal is done.
func TestLostRemovalAfterLastDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, ada)
		c.addMembers(ada)
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.roster.People[0].Until = roster.DayOf(c.Now())
		must(t, c.Advance(24*time.Hour))
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodDelete, Times: 1})
		if o := c.apply(with{}); o.about(ada) != "remove done" || c.user(ada) != nil {
			c.logOutcome(o)
			t.Error(o.about(ada))
		}
	})
}

// TestHistoryInvitedAgainAfterAnotherAccount: bob accepts with another account, and the list does not name this
// account. So he looks like somebody who left, and --invite-left invites him again. orgsync must not remove him
// while he can accept the other invitation.
func TestHistoryInvitedAgainAfterAnotherAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com", "zoe@example.com")
		c.addMembers("zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.hideAccountOf("bob@home.example")
		c.apply(with{})
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		must(t, c.Advance(time.Hour))
		if o := c.apply(with{inviteLeft: true}); o.counts() != "1/0/0/0" || len(c.Mails()["bob@example.com"]) != 2 {
			c.logOutcome(o)
			t.Fatal("bob is not invited again")
		}
		for range 3 {
			must(t, c.Advance(time.Hour))
			o := c.apply(with{})
			c.logOutcome(o)
			c.expectNoChanges(o, "this user is bob")
		}
	})
}

// TestHistoryRenamedAfterUnlistedForADay: bob was unlisted for a day. Later his address is changed in the roster, and
// the key cannot list suspended users. orgsync must wait for unlisted_after before it removes the user.
func TestHistoryRenamedAfterUnlistedForADay(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{sandbox.SuspendedEndpointPresent, sandbox.SuspendedEndpointMissing} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{SuspendedEndpoint: endpoint}}, "bob@example.com",
				"zoe@example.com")
			c.addMembers("bob@example.com", "zoe@example.com")
			c.roster.Settings.UnlistedAfter = 24 * time.Hour
			for _, people := range [][]string{{"bob@example.com", "zoe@example.com"}, {"zoe@example.com"},
				{"bob@example.com", "zoe@example.com"}} {
				c.setRoster(people...)
				c.logOutcome(c.apply(with{}))
				must(t, c.Advance(24*time.Hour))
			}
			c.roster.Settings.Unlisted = roster.UnlistedRemove
			c.setRoster("bo.b@example.com", "zoe@example.com")
			for range 2 {
				o := c.apply(with{})
				c.logOutcome(o)
				if c.user("bob@example.com") == nil {
					t.Fatal("bob was removed, and may be the same person as bo.b")
				}
				must(t, c.Advance(22*time.Hour))
			}
			must(t, c.Advance(2*time.Hour))
			if c.logOutcome(c.apply(with{})); c.user("bob@example.com") != nil {
				t.Error("bob was not removed after the wait")
			}
		})
	}
}

// TestHistoryInvitedByHandAfterRemoval: orgsync removes bob. An administrator invites him again and adds him to the
// roster, and he accepts before the next run. The key can no longer list users, or bob has left. orgsync must not
// mail him.
func TestHistoryInvitedByHandAfterRemoval(t *testing.T) {
	t.Parallel()
	for _, hidden := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{}, "zoe@example.com")
			c.addMembers("bob@example.com", "zoe@example.com")
			c.roster.Settings.Unlisted = roster.UnlistedRemove
			c.logOutcome(c.apply(with{})) // removed
			must(t, c.Advance(time.Hour))
			_, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com"})
			must(t, err)
			must(t, c.Accept("bob@example.com"))
			c.roster.Settings.Unlisted = roster.UnlistedReport
			c.setRoster("bob@example.com", "zoe@example.com")
			must(t, c.Advance(time.Hour))
			if hidden {
				c.AddFault(sandbox.Fault{Method: "GET", Path: "/v2/users", Kind: sandbox.FaultForbid})
			} else {
				must(t, c.Leave("bob@example.com"))
			}
			o := c.apply(with{})
			c.logOutcome(o)
			if hasLeft := len(o.notices(plan.Left)) == 1; len(o.Changes) > 0 || hasLeft == hidden {
				t.Errorf("users hidden: %v, changes %v, left %v", hidden, o.Changes, hasLeft)
			}
		})
	}
}

// TestHistoryAnotherSuspendedUser: orgsync suspends bob, and an administrator removes him. He joins again as another
// user with the same address. The administrator suspends this user. orgsync must not end this suspension.
func TestHistoryAnotherSuspendedUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com")
		c.addMembers("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.logOutcome(c.apply(with{})) // suspended
		must(t, c.Leave("bob@example.com"))
		c.addMembers("bob@example.com")
		must(t, c.Suspend("bob@example.com"))
		must(t, c.Advance(time.Hour))
		c.setRoster("bob@example.com", "zoe@example.com")
		o := c.apply(with{})
		c.logOutcome(o)
		c.expectNoChanges(o, "an administrator's suspension was undone")
	})
}

// TestHistoryRenamedWhileUnlisted: mallory is an unlisted user of the ledger. Her address changes, and then the roster
// lists her under the old one. She must not be mailed or removed.
func TestHistoryRenamedWhileUnlisted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const home = "mallory@home.example"
		c := newCompany(t, sandbox.Options{}, zoe)
		c.addMembers(mallory, zoe)
		c.apply(with{})
		must(t, c.Advance(48*time.Hour))
		must(t, c.Rename(mallory, home))
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.setRoster(mallory, zoe)
		for range 3 {
			o := c.apply(with{})
			c.logOutcome(o)
			if len(o.Changes) > 0 || len(o.notices(plan.OtherAddress)) != 1 || c.user(home) == nil {
				t.Error("mallory is a member, and was mailed or removed")
			}
			must(t, c.Advance(48*time.Hour))
		}
	})
}

// TestHistoryRemovedUnderAnotherAddress: bob's address changes, and orgsync removes him after his last day. When he is
// listed again, he is invited again.
func TestHistoryRemovedUnderAnotherAddress(t *testing.T) {
	t.Parallel()
	for _, accepted := range []string{sandbox.AcceptedListed, sandbox.AcceptedVanish} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: accepted}}, bob, zoe)
			c.addMembers(bob, zoe)
			c.apply(with{})
			must(t, c.Rename(bob, "bob@home.example"))
			c.roster.Settings.Unlisted = roster.UnlistedRemove
			c.roster.People[0].Until = roster.DayOf(c.Now())
			must(t, c.Advance(48*time.Hour))
			c.logOutcome(c.apply(with{}))
			if c.user("bob@home.example") != nil {
				t.Fatal("bob was not removed")
			}
			must(t, c.Advance(time.Hour))
			c.setRoster(bob, zoe)
			for range 2 {
				c.logOutcome(c.apply(with{}))
				must(t, c.Advance(time.Hour))
			}
			must(t, c.Accept(bob))
			c.logOutcome(c.apply(with{}))
			must(t, c.Leave(bob))
			must(t, c.Advance(time.Hour))
			o := c.apply(with{})
			c.logOutcome(o)
			if len(c.Mails()[bob]) != 1 || len(o.notices(plan.Left)) != 1 {
				t.Errorf("%d mails to bob, want one after his removal, and none after he left", len(c.Mails()[bob]))
			}
		})
	}
}

// TestHistoryLostMailToAccountAddress: the mail to the first address of ada was lost and not sent. Her address is
// corrected, and she accepts the mail to the new address with an account that has the first one. The list does not show
// accepted invitations. She may be this user, so orgsync does not remove her, and does not mail her again.
func TestHistoryLostMailToAccountAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second := "ada@old.example", "ada@new.example"
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, "zoe@example.com",
			first)
		c.addMembers("zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, Path: "/v2/invitation*"})
		c.apply(with{settleWait: leaveToLaterRun})
		c.ClearFaults()
		c.setRoster("zoe@example.com", second)
		time.Sleep(20 * time.Minute)
		c.apply(with{})
		must(t, c.AcceptAs(second, first))
		time.Sleep(20 * time.Minute)
		c.apply(with{})
		if users := c.World().Users; !slices.ContainsFunc(users, func(u sandbox.User) bool { return u.Email == first }) {
			t.Error("ada was removed")
		}
		time.Sleep(org.InvitationLife)
		c.apply(with{})
		if n := len(c.Mails()[second]); n != 1 {
			t.Errorf("ada got %d mails", n)
		}
	})
}

// TestHistorySuspendedSecondUser: orgsync suspended a user who was in no entry. Then the address is an alias of ada,
// who is active as another user. When the entry has only this address, orgsync still knows that it suspended the user.
func TestHistorySuspendedSecondUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second := "ada@old.example", "ada@new.example"
		c := newCompany(t, sandbox.Options{}, "zoe@example.com", second)
		c.addMembers("zoe@example.com", first, second)
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.apply(with{})
		time.Sleep(time.Hour)
		c.roster.People[1].Aliases = addresses([]string{first})
		c.apply(with{})
		must(t, c.Leave(second))
		c.setRoster("zoe@example.com", first)
		time.Sleep(time.Hour)
		c.expectNobodySuspended(c.apply(with{}))
		if c.World().Users[len(c.World().Users)-1].Suspended {
			t.Error("ada is still suspended")
		}
	})
}

// newCompanyWithBobSuspended returns a company in which orgsync has suspended bob. The roster lists only zoe.
func newCompanyWithBobSuspended(t *testing.T) *company {
	t.Helper()
	c := newCompany(t, sandbox.Options{}, bob, zoe)
	c.addMembers(bob, zoe)
	c.roster.Settings.Unlisted = roster.UnlistedSuspend
	c.apply(with{})
	c.setRoster(zoe)
	c.logOutcome(c.apply(with{}))
	return c
}

// TestHistorySuspendedAndRenamed: orgsync suspends bob, and his address changes. When the roster lists the new address,
// orgsync ends the suspension. If an administrator ended it before and suspended bob again, orgsync does not.
func TestHistorySuspendedAndRenamed(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const home = "bob@home.example"
			c := newCompanyWithBobSuspended(t)
			must(t, c.Rename(bob, home))
			if again {
				c.roster.Settings.Unlisted = roster.UnlistedReport
				must(t, c.Unsuspend(home))
				time.Sleep(time.Hour)
				c.apply(with{})
				must(t, c.Suspend(home))
			}
			time.Sleep(time.Hour)
			c.setRoster(home, zoe)
			c.logOutcome(c.apply(with{}))
			if c.user(home).Suspended != again {
				t.Errorf("suspended by an administrator: %v, suspended now: %v", again, !again)
			}
		})
	}
}

// TestHistoryLeftAndAcceptedWithTheFormerAddress: bob leaves, and is listed with a new address. He accepts with an
// account that has his old address. The list drops accepted invitations. orgsync must neither remove him nor mail him
// again.
func TestHistoryLeftAndAcceptedWithTheFormerAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const old = "bob@old.example"
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, old, zoe)
		c.addMembers(old, zoe)
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.apply(with{})
		must(t, c.Leave(old))
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		c.setRoster(bob, zoe)
		c.logOutcome(c.apply(with{})) // invited with the new address
		must(t, c.Advance(time.Hour))
		must(t, c.AcceptAs(bob, old))
		for range 4 {
			must(t, c.Advance(30*time.Hour))
			o := c.apply(with{})
			c.logOutcome(o)
			c.expectNoChanges(o, "this user is bob")
		}
	})
}

// TestHistoryAliasOutForOneRun: bob does not answer. For one run, his entry does not have the alias with which he was a
// member before. He stays in the roster, so the count of his mails goes on.
func TestHistoryAliasOutForOneRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const old = "bob@old.example"
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Lapsed: sandbox.LapsedVanish}}, old, zoe)
		c.addMembers(old, zoe)
		c.apply(with{})
		must(t, c.Leave(old))
		c.setRoster(bob, zoe)
		for i := range 8 {
			c.roster.People[0].Aliases = addresses([]string{old})
			if i == 4 {
				c.roster.People[0].Aliases = nil
			}
			c.logOutcome(c.apply(with{inviteLeft: true}))
			must(t, c.Advance(73*time.Hour))
		}
		if mails := len(c.Mails()[bob]); mails != 4 {
			t.Errorf("bob got %d mails", mails)
		}
	})
}

// TestHistoryTwoUsersRemoved: orgsync removes the two users of bob in one run, and the roster lists him again. This is
// no sign of two rosters, so orgsync invites him. After a second removal, it does not.
func TestHistoryTwoUsersRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const home = "bob@home.example"
		c := newCompany(t, sandbox.Options{}, bob, zoe)
		c.addMembers(bob, zoe)
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		for i, want := range []string{"1/0/0/0", "0/0/0/0"} {
			c.addMembers(home)
			c.setRoster(bob, zoe)
			c.roster.People[0].Aliases = addresses([]string{home})
			c.apply(with{})
			must(t, c.Advance(time.Hour))
			c.setRoster(zoe)
			if o := c.apply(with{}); o.counts() != "2/0/0/0" {
				c.logOutcome(o)
				t.Fatal("orgsync did not remove both users of bob")
			}
			must(t, c.Advance(time.Hour))
			c.setRoster(bob, zoe)
			c.roster.People[0].Aliases = addresses([]string{home})
			o := c.apply(with{})
			if c.logOutcome(o); o.counts() != want || len(o.notices(plan.Flapping)) != i {
				t.Errorf("after removal %d: %s, want %s", i+1, o.counts(), want)
			}
			if i == 0 {
				must(t, c.Accept(bob))
			}
		}
	})
}

// TestHistoryOutOfTheRosterTwice: bob is out of the roster for one run, and out again later. cy was mailed,
// and the invitation is not listed. bob was a member all the time, so he cannot be cy, and orgsync removes him.
func TestHistoryOutOfTheRosterTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Lapsed: sandbox.LapsedVanish}}, bob, zoe)
		c.addMembers(bob, zoe)
		for _, people := range [][]string{{bob, zoe}, {zoe}, {bob, zoe}, {bob, "cy@example.com", zoe}} {
			c.setRoster(people...)
			c.apply(with{})
			must(t, c.Advance(time.Hour))
		}
		must(t, c.Advance(org.InvitationLife))
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.setRoster("cy@example.com", zoe)
		o := c.apply(with{})
		if c.logOutcome(o); o.counts() != "2/0/0/0" || c.user(bob) != nil {
			t.Error("bob was not removed, or cy was not mailed again")
		}
	})
}

// TestHistoryAliasOfRemovedUser: orgsync removed the first user of bob. Then he is a member with a second user, and the
// address of the first one is an alias of his entry. When the address of the second user changes, orgsync knows that
// this user is bob.
func TestHistoryAliasOfRemovedUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const home, later = "bob@home.example", "bob@later.example"
		c := newCompany(t, sandbox.Options{}, home, zoe)
		c.addMembers(home, zoe)
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.apply(with{})
		c.setRoster(zoe)
		c.apply(with{})
		must(t, c.Advance(time.Hour))
		c.setRoster(bob, zoe)
		c.addMembers(bob)
		c.roster.People[0].Aliases = addresses([]string{home})
		c.apply(with{})
		must(t, c.Rename(bob, later))
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		if c.logOutcome(o); len(o.notices(plan.OtherAddress)) != 1 {
			t.Error("orgsync does not know that the user is bob")
		}
	})
}

// TestHistoryMailedAfterRemovalByALaterList: orgsync removes bob and mails him again. The next list is from before the
// removal. He accepts with an unknown address, and the list drops accepted invitations. He gets no second mail. If he
// never answers, he gets as many mails as the roster allows.
func TestHistoryMailedAfterRemovalByALaterList(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		email   string
		accepts bool
		want    int
	}{
		{bob, true, 1}, {bob, false, 4}, {"robert@example.com", true, 1}, {"robert@example.com", false, 4},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish,
				Lapsed: sandbox.LapsedVanish}}, bob, zoe)
			c.addMembers(bob, zoe)
			c.roster.Settings.Unlisted = roster.UnlistedRemove
			var before org.Snapshot
			c.apply(with{reading: func(_ int, s *org.Snapshot) { before = *s }})
			c.setRoster(zoe)
			c.apply(with{})
			must(t, c.Advance(3*time.Minute))
			c.setRoster(tt.email, zoe)
			if tt.email != bob {
				c.roster.People[0].Aliases = addresses([]string{bob})
			}
			c.apply(with{})
			must(t, c.Advance(3*time.Minute))
			if tt.accepts {
				must(t, c.AcceptAs(tt.email, "bob@home.example"))
			}
			c.apply(with{reading: func(_ int, s *org.Snapshot) {
				s.Users, s.Invitations = before.Users, before.Invitations
			}})
			must(t, c.Advance(20*time.Minute))
			for range 7 {
				c.logOutcome(c.apply(with{}))
				must(t, c.Advance(73*time.Hour))
			}
			if n := len(c.Mails()[tt.email]); n != tt.want || tt.accepts && c.user("bob@home.example") == nil {
				t.Errorf("%s got %d mails, want %d, or was removed", tt.email, n, tt.want)
			}
		})
	}
}

// TestHistoryAliasOutWithInvitationsOfOthers: an administrator invited bob twice under his address, and he does not
// answer. For one run, his entry does not have the alias under which orgsync mailed him before. He stays in the roster,
// so the count of his invitations goes on.
func TestHistoryAliasOutWithInvitationsOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const old = "bob@old.example"
		c := newCompany(t, sandbox.Options{}, old, zoe)
		c.addMembers(zoe)
		c.apply(with{})
		must(t, c.Decline(old))
		for range 2 {
			_, err := c.AddInvitation(sandbox.Invitation{Email: bob, Created: c.Now()})
			must(t, err)
			must(t, c.Advance(73*time.Hour))
		}
		c.setRoster(bob, zoe)
		c.roster.Settings.ReinviteRounds = 2
		o := c.apply(with{})
		c.roster.People[0].Aliases = addresses([]string{old})
		c.logOutcome(c.apply(with{}))
		if mails := len(c.Mails()[bob]); mails > 0 || len(o.notices(plan.GaveUp)) != 1 {
			t.Errorf("bob got %d mails", mails)
		}
	})
}

// TestHistoryBackAsUnknownUser: bob leaves, and accepts a mail of --invite-left with another address. In the next run,
// the key may not list users, so bob counts as a member, but the ledger does not know as which user. Later the key may
// list users again. One of the unlisted users may be bob. It makes no difference whether the roster has a new address
// of bob.
func TestHistoryBackAsUnknownUser(t *testing.T) {
	t.Parallel()
	const home = "bob@home.example"
	for _, email := range []string{bob, "robert@example.com"} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{}, bob, zoe)
			c.addMembers(bob, zoe)
			usersHidden := false
			w := with{inviteLeft: true, reading: func(_ int, s *org.Snapshot) {
				for i := range s.Invitations {
					s.Invitations[i].Registered = org.Address{}
				}
				if usersHidden {
					s.Users, s.UsersVisible = nil, false
				}
			}}
			c.apply(w)
			must(t, c.Leave(bob))
			c.setRoster(email, zoe)
			if email != bob {
				c.roster.People[0].Aliases = addresses([]string{bob})
			}
			must(t, c.Advance(time.Hour))
			c.apply(w)
			must(t, c.AcceptAs(email, home))
			must(t, c.Advance(time.Hour))
			usersHidden = true
			c.apply(w)
			usersHidden, w.inviteLeft = false, false
			c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = roster.UnlistedRemove, 24*time.Hour
			for range 2 {
				c.logOutcome(c.apply(w))
				must(t, c.Advance(30*time.Hour))
			}
			if c.user(home) == nil {
				t.Errorf("%s was removed, under an address that the roster does not have", email)
			}
		})
	}
}

// TestHistoryLeftAfterTwoMemberships: bob leaves, and comes back by an invitation of an administrator. orgsync sees
// him as a member, and he leaves again. The list does not say with which address he accepted. This is no reason to
// keep eve.
func TestHistoryLeftAfterTwoMemberships(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, bob, zoe)
		c.addMembers(bob, zoe)
		hidden := with{reading: func(_ int, s *org.Snapshot) {
			for i := range s.Invitations {
				s.Invitations[i].Registered = org.Address{}
			}
		}}
		c.apply(hidden)
		id := c.user(bob).ID
		must(t, c.Leave(bob))
		must(t, c.Advance(time.Hour))
		c.apply(hidden)
		_, err := c.AddInvitation(sandbox.Invitation{Email: bob, State: "accepted", Created: c.Now(), Responded: c.Now()})
		must(t, err)
		_, err = c.AddUser(sandbox.User{ID: id, Email: bob})
		must(t, err)
		must(t, c.Advance(time.Hour))
		c.apply(hidden)
		must(t, c.Leave(bob))
		must(t, c.Advance(time.Hour))
		c.addMembers("eve@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		o := c.apply(hidden)
		if c.logOutcome(o); c.user("eve@example.com") != nil || len(o.notices(plan.Left)) != 1 {
			t.Error("eve stays, or bob has not left")
		}
	})
}

// TestHistorySuspendedWhileTheListIsHidden: orgsync suspends bob. Then he is a member with a second user, and in one
// run the key cannot list suspended users. This does not show that the suspension of the first user has ended.
func TestHistorySuspendedWhileTheListIsHidden(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const home = "bob@home.example"
		c := newCompanyWithBobSuspended(t)
		must(t, c.Advance(time.Hour))
		c.addMembers(home)
		c.setRoster(home, zoe)
		c.roster.People[0].Aliases = addresses([]string{bob})
		c.apply(with{reading: func(_ int, s *org.Snapshot) {
			s.SuspendedVisible = false
			s.Users = slices.DeleteFunc(s.Users, func(u org.User) bool { return u.Suspended })
		}})
		must(t, c.Leave(home))
		must(t, c.Advance(time.Hour))
		c.setRoster(bob, zoe)
		c.logOutcome(c.apply(with{}))
		if c.user(bob).Suspended {
			t.Error("bob is still suspended")
		}
	})
}

// TestHistorySuspendedBesideNewOwner: orgsync suspends bob. His address changes, and orgsync removes another user who
// has the old address now. It still knows that it suspended bob.
func TestHistorySuspendedBesideNewOwner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const home = "bob@home.example"
		c := newCompanyWithBobSuspended(t)
		must(t, c.Advance(time.Hour))
		must(t, c.Rename(bob, home))
		c.addMembers(bob)
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.setRoster(home, zoe)
		c.roster.People[0].From = roster.DayOf(c.Now().Add(100 * time.Hour))
		c.logOutcome(c.apply(with{}))
		if c.user(bob) != nil {
			t.Error("the other user was not removed")
		}
		c.setRoster(home, zoe)
		must(t, c.Advance(time.Hour))
		c.logOutcome(c.apply(with{}))
		if c.user(home).Suspended {
			t.Error("bob is still suspended")
		}
	})
}

// TestHistorySuspendedUserWhoLeft: orgsync suspends bob, and bob leaves. Later he is invited and joins as the same
// user, and an administrator suspends him before the next run. orgsync must not end this suspension.
func TestHistorySuspendedUserWhoLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.addMembers("bob@example.com", "zoe@example.com")
		c.apply(with{})
		must(t, c.Advance(time.Hour))
		must(t, c.Leave("bob@example.com"))
		c.setRoster("bob@example.com", "zoe@example.com")
		if o := c.apply(with{}); o.counts() != "1/0/0/0" {
			c.logOutcome(o)
			t.Fatal("bob left, and is not invited")
		}
		must(t, c.Accept("bob@example.com"))
		must(t, c.Suspend("bob@example.com"))
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.logOutcome(o)
		c.expectNoChanges(o, "an administrator suspended bob")
	})
}
