package apply_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// The histories of this file are about people who leave, or seem to, and about changes other than mails. Each broke a
// promise once, or would if a rule were taken out.

// an invitation expired, the next one was accepted and is listed no more; an administrator throws the member out.
func TestHistoryThrownOutWithOldInvitation(t *testing.T) {
	t.Parallel()
	for _, expiry := range []string{sandbox.LapsedMarked, sandbox.LapsedPending} {
		bubble(t, func(t *testing.T) {
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
			c.log(o)
			if len(o.notices(plan.Left)) != 1 || len(o.Changes) > 0 {
				t.Error("who was thrown out is invited again")
			}
		})
	}
}

// of two invitations the older one was accepted, after the newer one was sent; later the member leaves, and there is no
// ledger.
func TestHistoryLeftWithNewerInvitation(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		now := c.Now()
		_, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com", State: "accepted",
			Created: now.Add(-100 * time.Hour), Responded: now.Add(-90 * time.Hour)})
		must(t, err)
		_, err = c.AddInvitation(sandbox.Invitation{Email: "bob@example.com", State: "expired",
			Created: now.Add(-95 * time.Hour)})
		must(t, err)
		o := c.apply(with{})
		c.log(o)
		if len(o.notices(plan.Left)) != 1 || len(o.Changes) > 0 {
			t.Error("who was a member and is gone is invited again")
		}
	})
}

// the answer to a removal is lost, the list lags, and the second request finds nobody.
func TestHistoryRemovedTwice(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: time.Minute}, "zoe@example.com", "bob@example.com")
		c.apply(with{})
		must(t, c.Accept("bob@example.com"))
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.list("zoe@example.com")
		c.AddFault(sandbox.Fault{Method: "DELETE", Path: "/v2/*", Kind: sandbox.FaultDrop, After: true, Times: 1})
		c.log(c.apply(with{}))
		must(t, c.Advance(time.Hour))
		c.list("zoe@example.com", "bob@example.com")
		o := c.apply(with{})
		c.log(o)
		if len(o.notices(plan.Left)) > 0 || len(c.Mails()["bob@example.com"]) != 2 {
			t.Error("orgsync removed bob, the roster lists him again, and he is not invited")
		}
	})
}

// the same with a suspension.
func TestHistorySuspendedTwice(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: time.Minute}, "zoe@example.com")
		c.join("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.AddFault(sandbox.Fault{Method: "PUT", Path: "/v2/*", Kind: sandbox.FaultDrop, After: true, Times: 1})
		c.AddFault(sandbox.Fault{Method: "PUT", Path: "/v2/*", Kind: sandbox.FaultStatus, Status: 409, From: 2, Times: 1})
		c.log(c.apply(with{}))
		must(t, c.Advance(time.Hour))
		c.list("bob@example.com", "zoe@example.com")
		o := c.apply(with{})
		c.log(o)
		c.expectNobodySuspended(o)
	})
}

// the answer to a removal is lost before the server acted; the reading that settles it cannot tell any more whose the
// key is.
func TestHistoryNotRemovedReportedAsDone(t *testing.T) {
	t.Parallel()
	for _, extra := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
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
			c.log(o)
			for _, change := range o.Changes {
				if (change.Action == plan.Remove || change.Action == plan.Revoke) && change.Outcome == apply.Done {
					t.Errorf("%s is reported as done, and was not", change.Action)
				}
			}
		})
	}
}

// the answer to the removal of a suspended user is lost before the server acted; the reading that settles it may not
// list the suspended.
func TestHistorySuspendedUnseenMidway(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Suspended: sandbox.SuspendedListed}}, "zoe@example.com")
		c.join("bob@example.com", "zoe@example.com")
		must(t, c.Suspend("bob@example.com"))
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.AddFault(sandbox.Fault{Method: "DELETE", Path: "/v2/*", Kind: sandbox.FaultDrop})
		c.AddFault(sandbox.Fault{Method: "GET", Path: "/v2/organizations/*", Kind: sandbox.FaultForbid, From: 3})
		o := c.apply(with{})
		c.log(o)
		if o.counts() != "0/0/1/0" {
			t.Errorf("%s: bob is there still, and nobody can tell", o.counts())
		}
	})
}

// the answer to a suspension is lost after the server acted, and no list shows who is suspended.
func TestHistorySuspendedAndUnseen(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Suspended: sandbox.SuspendedListed,
			SuspendedEndpoint: sandbox.SuspendedEndpointMissing}}, "zoe@example.com")
		c.join("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.AddFault(sandbox.Fault{Method: "PUT", Path: "/v2/*", Kind: sandbox.FaultDrop, After: true})
		o := c.apply(with{})
		c.log(o)
		if o.counts() != "1/0/0/0" {
			t.Errorf("%s: bob is suspended", o.counts())
		}
	})
}

// the answer to a grant is lost before the server acted, and the user is thrown out meanwhile.
func TestHistoryNotGrantedReportedAsDone(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
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
		c.log(o)
		if o.Count(apply.Done) > 0 {
			t.Error("reported as done, and nobody was given anything")
		}
	})
}

// the server says in an answer 200 that it did nothing.
func TestHistoryErrorInsideSuccess(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
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
		c.log(o)
		if o.Count(apply.Done) > 0 {
			t.Error("reported as done, and nobody was given anything")
		}
	})
}

// bob accepts with an address that nobody knows, between the reading of the invitations and that of the users.
func TestHistoryRemovedWhileJoining(t *testing.T) {
	t.Parallel()
	for _, accepted := range []string{sandbox.AcceptedListed, sandbox.AcceptedVanish} {
		bubble(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: accepted}}, "bob@example.com")
			c.roster.Settings.Unlisted = roster.UnlistedRemove
			c.apply(with{})
			must(t, c.Advance(time.Hour))
			joined := c.between("/v2/invitation", "/v2/users", func() error {
				return c.AcceptAs("bob@example.com", "bob@home.example")
			})
			o := c.apply(with{})
			c.log(o)
			if !joined.Load() {
				t.Fatal("bob did not accept")
			}
			for _, change := range o.Changes {
				if change.Outcome == apply.Done {
					t.Errorf("%s %s, who is bob", change.Action, change.Email)
				}
			}
		})
	}
}

// the reading that comes before somebody is let go fails.
func TestHistoryNobodyLooksAgain(t *testing.T) {
	t.Parallel()
	for _, kind := range []sandbox.Kind{sandbox.FaultForbid, sandbox.FaultDrop} {
		bubble(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{}, "zoe@example.com")
			_, err := c.AddUser(sandbox.User{Email: "bob@example.com"})
			must(t, err)
			c.roster.Settings.Unlisted = roster.UnlistedRemove
			c.AddFault(sandbox.Fault{Method: "GET", Path: "/v2/users", Kind: kind, From: 2})
			o := c.apply(with{})
			c.log(o)
			if o.counts() != "1/0/0/1" || len(c.World().Users) != 2 {
				t.Errorf("%s: zoe is to be invited, and bob to stay", o.counts())
			}
		})
	}
}

// nobody answers to mails, and between them are people who stay after all.
func TestHistoryThreeLostAndOneStays(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "ada@example.com", "cy@example.com", "dan@example.com", "eve@example.com")
		_, err := c.AddUser(sandbox.User{Email: "bob@example.com"})
		must(t, err)
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.AddFault(sandbox.Fault{Method: "GET", Path: "/v2/users", Kind: sandbox.FaultForbid, From: 2})
		c.AddFault(sandbox.Fault{Method: "POST", Path: "/v2/*", Kind: sandbox.FaultDrop})
		o := c.apply(with{})
		c.log(o)
		if n := c.posts(); n != 3 || o.Stopped == nil {
			t.Errorf("%d mails were asked for, stopped by %v", n, o.Stopped)
		}
		if n := strings.Count(o.Changes[0].Err.Error(), "also failed"); n != 1 {
			t.Errorf("says %d times that nothing can be read: %v", n, o.Changes[0].Err)
		}
	})
}

// suspended and then removed by orgsync, listed again, back, and suspended by an administrator before the next run.
func TestHistorySuspendedAfterRemoval(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com")
		c.join("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.log(c.apply(with{}))
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.log(c.apply(with{}))
		c.list("bob@example.com", "zoe@example.com")
		c.log(c.apply(with{}))
		must(t, c.Accept("bob@example.com"))
		must(t, c.Suspend("bob@example.com"))
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.log(o)
		for _, ch := range o.Changes {
			t.Errorf("%s %s: an administrator's suspension was undone", ch.Action, ch.Email)
		}
	})
}

// bob was removed by orgsync and is listed again in a run that may not list users.
func TestHistoryRemovedAndUsersUnseen(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com", "bob@example.com")
		c.apply(with{})
		must(t, c.Accept("bob@example.com"))
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.list("zoe@example.com")
		c.log(c.apply(with{}))
		must(t, c.Advance(time.Hour))
		c.roster.Settings.Unlisted = roster.UnlistedReport
		c.list("zoe@example.com", "bob@example.com")
		c.AddFault(sandbox.Fault{Method: "GET", Path: "/v2/users", Kind: sandbox.FaultForbid})
		c.log(c.apply(with{}))
		c.ClearFaults()
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.log(o)
		if len(c.Mails()["bob@example.com"]) != 2 {
			t.Error("orgsync removed bob, the roster lists him again, and he is not invited")
		}
	})
}

// the ledger is lost, and a member has changed the address of their account.
func TestHistoryOtherAddressSinceAndNoLedger(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
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
		c.log(o)
		for _, ch := range o.Changes {
			t.Errorf("%s %s, who is bob", ch.Action, ch.Email)
		}
	})
}

// orgsync suspends somebody who is listed again before the list of users shows that.
func TestHistoryListedAgainWhileListLags(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute}, "zoe@example.com")
		c.join("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.log(c.apply(with{}))
		c.list("bob@example.com", "zoe@example.com")
		must(t, c.Advance(time.Minute))
		c.log(c.apply(with{}))
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.log(o)
		c.expectNobodySuspended(o)
	})
}

// two users have one address, and the answers to both removals are lost before the server acted.
func TestHistoryTwoUsersOfOneAddress(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com")
		c.join("bob@example.com", "bob2@example.com")
		c.rewrite(func(_ *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			rec.Body = bytes.NewBufferString(strings.ReplaceAll(rec.Body.String(), "bob2@", "bob@"))
			return rec
		})
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.AddFault(sandbox.Fault{Method: "DELETE", Path: "/v2/*", Kind: sandbox.FaultDrop, Times: 2})
		o := c.apply(with{})
		c.log(o)
		if n := len(c.World().Users); o.counts() != "3/0/0/0" || n != 1 {
			t.Errorf("%s, and %d users are left", o.counts(), n)
		}
	})
}

// bob accepts what an administrator sent by hand, with an address that nobody knows, and is removed as the stranger
// that he looks like. Then he accepts what orgsync sent, with the same address. The list forgets accepted invitations.
func TestHistoryBackWithTheSameAddress(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
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
			c.log(o)
			if len(o.Changes) > 0 || len(o.notices(plan.Unlisted)) != 1 {
				t.Errorf("%s: who may be bob is not left alone, and told of", o.counts())
			}
		}
	})
}

// bob's entry names an address of zoe, who is no colleague, as an alias for one run.
func TestHistoryWrongAliasForOneRun(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		c.join("zoe@home.example")
		c.roster.People[0].Aliases = []org.Address{org.MustParseAddress("zoe@home.example")}
		c.log(c.apply(with{}))
		c.roster.People[0].Aliases = nil
		c.roster.People[0].Groups = refs("everyone")
		must(t, c.Advance(time.Hour))
		c.log(c.apply(with{}))
		c.expectEverybodyOnce()
		for _, r := range c.Requests() {
			if r.Method == http.MethodPost && r.Path != lostInvite {
				t.Errorf("%s: zoe was given what is bob's", r.Path)
			}
		}
	})
}

// bob is listed with a new address, is removed under the old one, and accepts with the account that he has. The list
// forgets accepted invitations.
func TestHistoryBackWithTheFormerAddress(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, "bob@old.example")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.apply(with{})
		must(t, c.Accept("bob@old.example"))
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		c.list("bob@example.com")
		c.log(c.apply(with{})) // removed, and invited with the new address
		must(t, c.Advance(time.Hour))
		must(t, c.AcceptAs("bob@example.com", "bob@old.example"))
		for range 3 {
			must(t, c.Advance(time.Hour))
			o := c.apply(with{})
			c.log(o)
			for _, ch := range o.Changes {
				t.Errorf("%s %s, who is bob", ch.Action, ch.Email)
			}
		}
	})
}

// the answer to bob's mail is lost, and the list does not show its invitation before he accepts it, with an address
// that nobody knows. The list forgets accepted invitations.
func TestHistoryLostAndAcceptedWithAnotherAddress(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, "bob@example.com",
			"zoe@example.com")
		c.join("zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.AddFault(sandbox.Fault{Method: "POST", Path: lostInvite, Kind: sandbox.FaultDrop, After: true, Times: 1})
		c.AddFault(sandbox.Fault{Method: "GET", Path: lostInvite, Kind: sandbox.FaultDrop, From: 2})
		c.log(c.apply(with{}))
		c.ClearFaults()
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		for range 3 {
			must(t, c.Advance(time.Hour))
			o := c.apply(with{})
			c.log(o)
			for _, ch := range o.Changes {
				if ch.Action == plan.Remove {
					t.Errorf("%s %s, who is bob", ch.Action, ch.Email)
				}
			}
		}
	})
}

// bob was removed, invited once more, and accepts with another account than the last time; the list does not say with
// which.
func TestHistoryBackAsSomebodyElse(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com", "zoe@example.com")
		c.join("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			if r.URL.Path == lostInvite {
				rec.Body = bytes.NewBufferString(strings.ReplaceAll(rec.Body.String(), `"email_registered":"bob@home.example"`,
					`"email_registered":""`))
			}
			return rec
		})
		c.apply(with{})
		c.list("zoe@example.com")
		must(t, c.Advance(time.Hour))
		c.log(c.apply(with{})) // removed
		c.list("bob@example.com", "zoe@example.com")
		must(t, c.Advance(time.Hour))
		c.log(c.apply(with{})) // invited
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		for range 3 {
			must(t, c.Advance(time.Hour))
			o := c.apply(with{})
			c.log(o)
			for _, ch := range o.Changes {
				t.Errorf("%s %s, who is bob", ch.Action, ch.Email)
			}
		}
	})
}

// bob is removed and listed again before the list of users shows that he is gone.
func TestHistoryListedAgainBeforeTheRemovalShows(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute}, "bob@example.com", "zoe@example.com")
		c.join("bob@example.com", "zoe@example.com")
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.list("zoe@example.com")
		c.log(c.apply(with{})) // removed
		c.list("bob@example.com", "zoe@example.com")
		must(t, c.Advance(time.Minute))
		c.log(c.apply(with{}))
		must(t, c.Advance(time.Hour))
		c.log(c.apply(with{}))
		if len(c.Mails()["bob@example.com"]) != 1 {
			t.Error("orgsync removed bob, the roster lists him again, and he is not invited")
		}
	})
}

// an administrator invites bob, who is a member, once more; that invitation expires, and bob leaves.
func TestHistoryInvitedAsAMemberAndLeft(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		c.join("bob@example.com")
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
		c.log(o)
		if len(o.notices(plan.Left)) != 1 || len(c.Mails()["bob@example.com"]) > 0 {
			t.Error("who left is invited again")
		}
	})
}
