package apply_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// lagGroups makes the lists of groups and their members show their first state for 10 minutes.
func (c *company) lagGroups() {
	inner := c.wire.Handler
	var mu sync.Mutex
	groups, until := map[string]*httptest.ResponseRecorder{}, c.Now().Add(10*time.Minute)
	c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, "/v2/groups") || c.Now().After(until) {
			inner.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		rec := groups[r.URL.String()]
		if rec == nil {
			rec = httptest.NewRecorder()
			inner.ServeHTTP(rec, r)
			groups[r.URL.String()] = rec
		}
		writeAnswer(w, rec)
	})
}

// TestLostEditRefusedLater: the answer to an edit is lost after the server acts, and the lists lag. The edit is made
// once more, and the server refuses that, perhaps because there is nothing left to do. Before, the report said that the
// edit had failed.
func TestLostEditRefusedLater(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method string
		second sandbox.Fault // the answer to the second request
		want   string
	}{
		"grant":             {http.MethodPost, sandbox.Fault{}, "grant unknown"},
		"grant, forbidden":  {http.MethodPost, sandbox.Fault{Kind: sandbox.FaultForbid}, "grant unknown"},
		"grant, throttled":  {http.MethodPost, sandbox.Fault{Kind: sandbox.FaultThrottle}, "grant unknown"},
		"revoke":            {http.MethodDelete, sandbox.Fault{}, "revoke unknown"},
		"revoke, forbidden": {http.MethodDelete, sandbox.Fault{Kind: sandbox.FaultForbid}, "revoke unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, sandbox.Options{}, ada)
				c.roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
				c.nameGroups("platform")
				member := sandbox.User{Email: ada}
				if test.method == http.MethodPost {
					c.setFirstGroups("platform")
				} else {
					c.setFirstGroups()
					member.Groups = []string{"platform"}
				}
				_, err := c.AddUser(member)
				must(t, err)
				c.lagGroups()
				c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: test.method, Times: 1})
				if test.second.Kind != "" {
					test.second.Method, test.second.From = test.method, 2
					c.AddFault(test.second)
				}
				c.expect(c.run(with{}), 3, ada, test.want)
				c.ClearFaults()
				must(t, c.Advance(time.Hour))
				c.expect(c.run(with{}), 0, ada, "nothing")
			})
		})
	}
}

// TestLostEditRefusedAndStopped is like TestLostEditRefusedLater, but a signal comes during the second request.
func TestLostEditRefusedAndStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		c.setFirstGroups("platform")
		c.addMembers(ada)
		c.lagGroups()
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, Times: 1})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		edits := 0
		c.wire.Before = func(r *http.Request) error {
			if r.Method == http.MethodPost {
				if edits++; edits == 2 {
					stop()
				}
			}
			return nil
		}
		c.expect(c.run(with{ctx: ctx}), 3, ada, "grant unknown")
	})
}

// TestLostGrantBesideAnotherGrant: the answer to the first of two grants of a person is lost after the server acts. The
// reading shows this group, and each group is given once.
func TestLostGrantBesideAnotherGrant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		c.setFirstGroups("everyone", "platform")
		c.addMembers(ada)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, Times: 1})
		if run := c.run(with{}); run.counts() != "2/0/0/0" || c.postCount() != 2 {
			t.Errorf("%s (done/failed/unknown/skipped) after %d requests", run.counts(), c.postCount())
		}
	})
}

// TestLostEditBesideADenial: the answer to ada's grant is lost after the server acts, and the lists lag. Then the API
// answers 403 to the same grant for bob, so the run does not send ada's grant again. She may have the group.
func TestLostEditBesideADenial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada, bob, zoe)
		c.setAllGroups("platform")
		c.addMembers(ada, bob)
		c.lagGroups()
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, Path: "/v2/groups*",
			Times: 1})
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Method: http.MethodPost, Path: "/v2/groups*", From: 2})
		run := c.run(with{concurrency: 1})
		c.expect(run, 3, ada, "grant unknown")
		c.expect(run, 3, bob, "grant failed")
	})
}

// TestLostRemovalRefusedLater is like TestLostEditRefusedLater, for a removal.
func TestLostRemovalRefusedLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{ListLag: 10 * time.Minute}, ada)
		c.addMembers(ada, mallory)
		must(t, c.Advance(time.Hour))
		c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = roster.UnlistedRemove, 0
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodDelete, Times: 1})
		c.expect(c.run(with{}), 3, mallory, "remove unknown")
		must(t, c.Advance(time.Hour))
		c.expect(c.run(with{}), 0, mallory, "nothing")
	})
}

// TestLostUpdateOfHiddenAPIAccess: the answer to a change of API access is lost, and later readings do not show the API
// access of users. Before, the report said that the change had failed.
func TestLostUpdateOfHiddenAPIAccess(t *testing.T) {
	t.Parallel()
	for _, acts := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := newDefaultCompany(t, sandbox.Options{}, ada)
			c.addMembers(ada)
			yes := true
			c.roster.People[0].APIEnabled = &yes
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: acts, Method: http.MethodPatch, Times: 1})
			hide := func(n int, s *org.Snapshot) {
				for i := range s.Users {
					if n > 1 {
						s.Users[i].APIEnabled = nil
					}
				}
			}
			c.expect(c.run(with{reading: hide}), 3, ada, "update unknown")
			if about := c.run(with{}).about(ada); acts != (about == "nothing") {
				t.Errorf("acts %v, and the next run: %s", acts, about)
			}
		})
	}
}

// TestWaitingRevocationIsSkipped: a revocation waits for a grant whose answer was lost. The reading that settles the
// grant shows that the revocation must not be made now. Before, the report said that it had failed, and gave the grant
// as the reason, even if the member had the new group.
func TestWaitingRevocationIsSkipped(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		later func(*org.Snapshot) // changes the later readings
		waits bool                // the revocation waits for a grant
		want  string
	}{
		"the key's own user is not known": {func(s *org.Snapshot) { s.Self = org.Address{} }, false,
			"grant done, revoke skipped, extra_access"},
		"the new group is unreadable": {func(s *org.Snapshot) {
			for i := range s.Access {
				s.Access[i].Unreadable = s.Access[i].Name == "everyone"
			}
		}, true, "grant unknown, revoke skipped, extra_access"},
		"the member has lost a role": {func(s *org.Snapshot) {
			for i := range s.Access {
				if s.Access[i].Kind == org.KindRole {
					s.Access[i].Holders = nil
				}
			}
		}, true, "grant done, revoke skipped"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, sandbox.Options{}, ada, bob)
				c.roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
				c.nameGroups("platform")
				c.setAllGroups("everyone")
				c.roster.People[1].Roles = refs("deployer")
				c.addMembers(ada)
				_, err := c.AddUser(sandbox.User{Email: bob, Groups: []string{"platform"}, Roles: []string{"deployer"}})
				must(t, err)
				// The first POST is the grant to ada.
				c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, From: 2})
				o := c.run(with{reading: func(n int, s *org.Snapshot) {
					if n > 1 {
						test.later(s)
					}
				}})
				c.expect(o, 3, bob, test.want)
				for _, ch := range o.Changes {
					waits := ch.Err != nil && strings.Contains(ch.Err.Error(), "until they have")
					if ch.Outcome == apply.Skipped && (ch.Requests > 0 || waits != test.waits) {
						t.Errorf("%s after %d requests: %v", ch.Action, ch.Requests, ch.Err)
					}
				}
				must(t, c.Advance(time.Hour))
				c.run(with{})
				c.expectUser(bob, "everyone")
			})
		})
	}
}

// TestLostRemovalAndIDInOtherLetters: the answer to a removal is lost before the server acts, and the next reading has
// the ids of users in upper case. Before, the report said that the user had been removed.
func TestLostRemovalAndIDInOtherLetters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		c.addMembers(ada, mallory)
		c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = roster.UnlistedRemove, 0
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodDelete})
		o := c.run(with{reading: func(n int, s *org.Snapshot) {
			for i := range s.Users {
				if n > 2 { // the second reading confirms the removal
					s.Users[i].ID = strings.ToUpper(s.Users[i].ID)
				}
			}
		}})
		c.expect(o, 3, mallory, "remove failed")
		if c.user(mallory) == nil {
			t.Error("the server acted")
		}
	})
}

// TestLateSuspension: the answer to a suspension is lost, and a second request suspends the user. The roster lists the
// person again, and the next run ends the suspension. After that, the server acts on the first request. A later run
// ends this suspension too.
func TestLateSuspension(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada, zoe)
		c.addMembers(ada, zoe)
		c.run(with{})
		must(t, c.Advance(24*time.Hour))
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.setRoster(zoe)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPut, Times: 1, ActAfter: 100 * time.Second})
		c.expect(c.run(with{}), 0, ada, "suspend done")
		c.setRoster(ada, zoe)
		time.Sleep(10 * time.Second)
		c.expect(c.run(with{}), 0, ada, "unsuspend done")
		time.Sleep(200 * time.Second)
		c.expect(c.run(with{}), 0, ada, "unsuspend done")
		must(t, c.Advance(24*time.Hour))
		c.expect(c.run(with{}), 0, ada, "nothing")
		// The record of the suspension has ended, so orgsync does not end the suspension by somebody else.
		must(t, c.Suspend(ada))
		c.expect(c.run(with{}), 0, ada, "suspended")
	})
}

// TestLostEditNotMade: the answer to an edit is lost, and the server does not act. The second plan does not have the
// edit any more, for example because orgsync no longer knows the key's own user. The edit must not be reported as done.
func TestLostEditNotMade(t *testing.T) {
	t.Parallel()
	for action, settings := range map[plan.Action]roster.Settings{
		plan.Suspend: {Unlisted: roster.UnlistedSuspend, MaxRemovals: 1},
		plan.Remove:  {Unlisted: roster.UnlistedRemove, MaxRemovals: 1},
		plan.Revoke:  {ExtraAccess: roster.ExtraAccessRevoke, MaxRevokes: 1},
		plan.Update:  {MaxRevokes: 1},
		plan.Grant:   {},
	} {
		for _, acts := range []bool{false, true} {
			t.Run(fmt.Sprint(action, " acts ", acts), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newCompany(t, sandbox.Options{}, ada)
					c.roster.Settings = settings
					_, err := c.AddGroup(sandbox.Group{Name: "lab"})
					must(t, err)
					member := sandbox.User{Email: ada, Groups: []string{"platform"}, APIEnabled: true}
					switch action {
					case plan.Revoke:
						c.nameGroups("everyone", "platform")
						c.setFirstGroups("everyone")
						member.Groups = []string{"everyone", "platform"}
					case plan.Grant:
						c.setFirstGroups("everyone", "platform")
					case plan.Update:
						c.roster.People[0].APIEnabled = new(false)
					default:
						c.addMembers(mallory)
					}
					_, err = c.AddUser(member)
					must(t, err)
					var sent atomic.Bool
					c.wire.Before = func(r *http.Request) error {
						if r.Method != http.MethodGet {
							sent.Store(true)
						}
						return nil
					}
					for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
						c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: acts, Method: method})
					}
					o := c.run(with{reading: func(_ int, s *org.Snapshot) {
						if !sent.Load() {
							return
						}
						s.Self = org.Address{}
						for i := range s.Access {
							s.Access[i].Unreadable = s.Access[i].Name == "lab" // says nothing about the other groups
							s.Access[i].Deleted = action == plan.Grant && !acts && s.Access[i].Name == "everyone"
						}
					}})
					want := apply.Failed
					if acts {
						want = apply.Done
					}
					if len(o.Changes) != 1 || o.Changes[0].Action != action || o.Changes[0].Outcome != want {
						c.logOutcome(o)
						t.Errorf("want %s %s", action, want)
					}
				})
			})
		}
	}
}

// TestLostUnsuspendBesideUpdate: the answer to the end of a suspension is lost, and the member needs an update too.
// Each change is sent once.
func TestLostUnsuspendBesideUpdate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, zoe)
		c.roster.Settings.UnlistedAfter = 0
		c.addMembers(zoe)
		suspendedByOrgsync(c)
		c.roster.People[0].APIEnabled = new(true)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPut, Times: 1})
		o := c.run(with{})
		c.expect(o, 0, bob, "unsuspend done, update done")
		for _, ch := range o.Changes {
			if ch.Requests != 1 {
				t.Errorf("%s needed %d requests", ch.Action, ch.Requests)
			}
		}
	})
}

// TestLostEditOfUserWhoIsGone: the answer to an edit is lost, and the user is no longer in the organization when the
// run reads it again. The edit has failed.
func TestLostEditOfUserWhoIsGone(t *testing.T) {
	t.Parallel()
	for action, prepare := range map[plan.Action]func(c *company){
		plan.Grant:     func(c *company) { c.setFirstGroups("everyone") },
		plan.Update:    func(c *company) { c.roster.People[0].APIEnabled = new(true) },
		plan.Unsuspend: suspendedByOrgsync,
	} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, sandbox.Options{}, zoe)
				c.roster.Settings.UnlistedAfter = 0
				c.addMembers(zoe)
				prepare(c)
				for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch} {
					c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: method})
				}
				o := c.run(with{reading: func(n int, s *org.Snapshot) {
					if n > 1 {
						s.Users = slices.DeleteFunc(s.Users, func(u org.User) bool { return u.Email.Equal(c.roster.People[0].Email) })
					}
				}})
				if len(o.Changes) != 1 || o.Changes[0].Action != action || o.Changes[0].Outcome != apply.Failed {
					c.logOutcome(o)
					t.Errorf("want %s %s", action, apply.Failed)
				}
			})
		})
	}
}

// TestSuspendedBySomebodyElse: an administrator suspends a user just before orgsync does, and the API refuses the
// second suspension. The suspension is done, but it is not by orgsync, so orgsync does not end it.
func TestSuspendedBySomebodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = roster.UnlistedSuspend, 0
		c.addMembers(ada, mallory)
		c.wire.Before = func(r *http.Request) error {
			if r.Method == http.MethodPut {
				c.wire.Before = nil
				must(t, c.Suspend(mallory))
			}
			return nil
		}
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: http.StatusConflict, Method: http.MethodPut, Times: 1})
		c.expect(c.run(with{}), 0, mallory, "suspend done")
		must(t, c.Advance(time.Hour))
		c.setRoster(ada, mallory)
		c.expect(c.run(with{}), 0, mallory, "suspended")
	})
}

// TestNothingIsAnnouncedAfterAStop: the answer 401 stops the run. The ledger has no lines about later changes.
func TestNothingIsAnnouncedAfterAStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		people := manyPeople(5)
		c := newDefaultCompany(t, sandbox.Options{Latency: time.Second}, people...)
		c.addMembers(people...)
		c.setAllGroups("everyone")
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Status: http.StatusUnauthorized, Method: http.MethodPost,
			From: 2})
		if o := c.run(with{concurrency: 1}); o.counts() != "1/1/0/3" {
			t.Errorf("%s (done/failed/unknown/skipped)", o.counts())
		}
		lines, err := c.store.Read(t.Context())
		must(t, err)
		if n := strings.Count(string(lines), `"grant"`); n != 4 {
			t.Errorf("the ledger has %d lines about grants, want 4:\n%s", n, lines)
		}
	})
}
