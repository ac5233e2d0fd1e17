package apply_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

func refs(names ...string) []roster.Ref {
	refs := []roster.Ref{}
	for _, n := range names {
		refs = append(refs, roster.Ref{Name: n, At: roster.Position{File: "users.yaml", Line: 1, Column: 1}})
	}
	return refs
}

// nameGroups adds a team without members that names groups. orgsync may revoke only access that the roster names.
func (c *company) nameGroups(names ...string) {
	c.roster.Teams = []roster.Team{{Name: "others", Access: roster.Access{Groups: refs(names...)}}}
}

// giveAccess gives each person of the roster the group everyone, the role deployer, the policy billing and API
// access.
func (c *company) giveAccess() {
	yes := true
	for i := range c.roster.People {
		p := &c.roster.People[i]
		p.Groups, p.Roles, p.Policies, p.APIEnabled = refs("everyone"), refs("deployer"), refs("billing"), &yes
	}
}

// expectAccess fails the test unless exactly these users have the access of [company.giveAccess]. Users beside them,
// except the owner and suspended users, fail the test too.
func (c *company) expectAccess(users ...string) {
	c.t.Helper()
	got := map[string]string{}
	for _, u := range c.World().Users {
		if !u.Owner && !u.Suspended {
			got[u.Email] = fmt.Sprint(u.Groups, u.Roles, u.Policies, u.APIEnabled)
		}
	}
	want := map[string]string{}
	for _, u := range users {
		want[u] = "[everyone] [deployer] [billing] true"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Errorf("access (-want +got):\n%s", diff)
	}
}

// expectChanges fails the test unless the run did exactly these changes, for example "grant ada@example.com
// everyone".
func (c *company) expectChanges(run outcome, want ...string) {
	c.t.Helper()
	if run.err != nil || run.Stopped != nil {
		c.t.Fatalf("%v, stopped by %v", run.err, run.Stopped)
	}
	got := []string{}
	for _, change := range run.Changes {
		line := fmt.Sprintf("%s %s", change.Action, change.Email)
		if change.Detail.Kind != "" {
			line += " " + change.Detail.Name
		}
		if change.Outcome != apply.Done {
			line += fmt.Sprintf(" %s: %v", change.Outcome, change.Err)
		}
		got = append(got, line)
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		c.t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// TestFromInvitationToRemoval follows three people in every dialect. All are invited, and two of them accept, one
// with another address. Both get their access. One of them leaves the roster and is suspended. She is listed again,
// and is removed after her last day.
func TestFromInvitationToRemoval(t *testing.T) {
	t.Parallel()
	for _, d := range sandbox.Dialects() {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const ada, bob, cy, home = "ada@example.com", "bob@example.com", "cy@example.com", "bob@home.example"
				c := newCompany(t, sandbox.Options{Dialect: d.Dialect}, ada, bob, cy)
				c.giveAccess()
				c.expectChanges(c.apply(with{}), "invite "+ada, "invite "+bob, "invite "+cy)
				must(t, c.Accept(ada))
				must(t, c.AcceptAs(bob, home))
				access := func(who string, api bool) []string {
					all := []string{"grant " + who + " everyone", "grant " + who + " billing", "grant " + who + " deployer"}
					if !api {
						all = append([]string{"update " + who}, all...)
					}
					return all
				}
				// The user bob@home.example gets nothing until the roster names the address.
				c.expectChanges(c.apply(with{}), access(ada, true)...)
				c.roster.People[1].Aliases = []org.Address{org.MustParseAddress(home)}
				// In some dialects the user already has the api_enabled of the invitation.
				run := c.apply(with{})
				c.expectChanges(run, access(bob, len(run.Changes) == 3)...)
				c.expectAccess(ada, home)
				c.expectChanges(c.apply(with{}))

				// Ada leaves the roster.
				people := c.roster.People
				c.roster.People, c.roster.Settings.Unlisted = people[1:], roster.UnlistedSuspend
				c.expectChanges(c.apply(with{}), "suspend "+ada)
				c.expectAccess(home)
				c.expectChanges(c.apply(with{}))
				// Ada is listed again.
				c.roster.People = people
				run = c.apply(with{})
				if d.Dialect.SuspendedEndpoint != "" && d.Dialect.Suspended == sandbox.SuspendedListed {
					return // no list has the suspended users; see the notice suspended_unseen
				}
				c.expectChanges(run, "unsuspend "+ada)
				c.expectAccess(ada, home)
				c.expectChanges(c.apply(with{}))
				// Ada's last day ends.
				c.roster.Settings.Unlisted = roster.UnlistedRemove
				c.roster.People[0].Until = roster.DayOf(c.Now())
				c.expectChanges(c.apply(with{}))
				must(t, c.Advance(24*time.Hour))
				c.expectChanges(c.apply(with{}), "remove "+ada)
				c.expectAccess(home)
				c.expectChanges(c.apply(with{}))
				// Ada has no last day any more.
				c.roster.People[0].Until = 0
				c.expectChanges(c.apply(with{}), "invite "+ada)
				c.expectChanges(c.apply(with{}))
				if n := len(c.Mails()[ada]); n != 2 {
					t.Errorf("%d mails to %s", n, ada)
				}
				for _, v := range c.Violations() {
					t.Errorf("undocumented request: %s %s: %s", v.Method, v.Path, v.Violation)
				}
			})
		})
	}
}

// TestAccessUnderFaults: a temporary fault of grants and revocations is settled by a reading. In every dialect, the
// users have the wanted access in the end.
func TestAccessUnderFaults(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		if f.Kind == sandbox.FaultWrongPerson || f.Kind == sandbox.FaultNoID {
			continue // the answers to edits name no person
		}
		t.Run(faultName(f), func(t *testing.T) {
			t.Parallel()
			dialects := []sandbox.NamedDialect{
				{Name: "members with ids of their own", Dialect: sandbox.Dialect{MemberID: sandbox.MemberIDOwn}},
				{Name: "members with ids of their own, and direct relations", Dialect: sandbox.Dialect{
					MemberID: sandbox.MemberIDOwn, Relations: sandbox.RelationsDirect,
				}},
			}
			if !testing.Short() {
				dialects = append(dialects, sandbox.Dialects()...)
			}
			for _, d := range dialects {
				if d.Dialect.GroupMembers == sandbox.GroupMembersCapped {
					// A capped list of group members does not show all of them.
					d.Dialect.GroupMembers = sandbox.GroupMembersAll
				}
				synctest.Test(t, func(t *testing.T) {
					c := newCompany(t, sandbox.Options{Dialect: d.Dialect}, manyPeople(10)...)
					c.giveAccess()
					c.roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
					c.nameGroups("platform")
					var users []string
					for _, p := range c.roster.People {
						_, err := c.AddUser(sandbox.User{Email: p.Email.String(), Groups: []string{"platform"}})
						must(t, err)
						users = append(users, p.Email.String())
					}
					f.Method, f.Path, f.From, f.Every = "", "/v2/*", 0, 0
					for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodPatch} {
						f.Method, f.From, f.Every = method, 3, 3
						c.AddFault(f)
					}
					run := c.apply(with{})
					if run.err != nil || run.Count(apply.Unknown) > 0 {
						t.Errorf("%s: %v, %s, stopped by %v", d.Name, run.err, run.counts(), run.Stopped)
					}
					c.ClearFaults()
					if run := c.apply(with{}); run.Count(apply.Done) != len(run.Changes) {
						t.Errorf("%s: second run: %s", d.Name, run.counts())
					}
					c.expectAccess(users...)
					c.expectChanges(c.apply(with{}))
				})
			}
		})
	}
}

// TestGrantBeforeRevoke: a person who moves from one group to another keeps the old group until they have the new
// one.
func TestGrantBeforeRevoke(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault  sandbox.Fault
		counts string
		groups string
	}{
		"granted": {sandbox.Fault{}, "4/0/0/0", "[everyone]"},
		"refused": {sandbox.Fault{Kind: sandbox.FaultStatus, Status: http.StatusConflict},
			"0/2/0/2", "[platform]"},
		"forbidden":      {sandbox.Fault{Kind: sandbox.FaultForbid}, "0/1/0/3", "[platform]"},
		"never answered": {sandbox.Fault{Kind: sandbox.FaultDrop}, "0/2/0/2", "[platform]"},
		"not answered, and the server acted": {sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true}, "4/0/0/0",
			"[everyone]"},
		"not answered once": {sandbox.Fault{Kind: sandbox.FaultDrop, Times: 1}, "4/0/0/0", "[everyone]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{}, manyPeople(2)...)
				c.roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
				c.nameGroups("platform")
				for i := range c.roster.People {
					c.roster.People[i].Groups = refs("everyone")
					_, err := c.AddUser(sandbox.User{Email: c.roster.People[i].Email.String(), Groups: []string{"platform"}})
					must(t, err)
				}
				if test.fault.Kind != "" {
					test.fault.Method, test.fault.Path = http.MethodPost, "/v2/groups*"
					c.AddFault(test.fault)
				}
				run := c.apply(with{concurrency: 1})
				if run.counts() != test.counts {
					t.Errorf("%s (done/failed/unknown/skipped), want %s", run.counts(), test.counts)
				}
				for _, u := range c.World().Users {
					if got := fmt.Sprint(u.Groups); !u.Owner && got != test.groups {
						t.Errorf("%s has the groups %s, want %s", u.Email, got, test.groups)
					}
				}
				for _, change := range run.Changes {
					if change.Outcome == apply.Skipped && (change.Err == nil || change.Requests > 0) {
						t.Errorf("%s of %s: %v after %d requests", change.Action, change.Email, change.Err, change.Requests)
					}
				}
				c.ClearFaults()
				c.apply(with{})
				c.expectChanges(c.apply(with{}))
			})
		})
	}
}

// TestRevokesDoNotWaitForEachOther: if one group cannot be revoked from a person, the other one is.
func TestRevokesDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		c.roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
		c.nameGroups("everyone", "platform")
		c.setFirstGroups()
		_, err := c.AddUser(sandbox.User{Email: ada, Groups: []string{"everyone", "platform"}})
		must(t, err)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: http.StatusConflict, Method: http.MethodDelete,
			Path: "/v2/groups*", Times: 1})
		c.expect(c.run(with{}), 3, ada, "revoke failed, revoke done")
		c.expectUser(ada, "everyone")
	})
}

// TestKeyMayNotGrant: a key that may not grant access can still invite people.
func TestKeyMayNotGrant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(20)...)
		c.giveAccess()
		for _, p := range c.roster.People[:10] {
			_, err := c.AddUser(sandbox.User{Email: p.Email.String(), APIEnabled: true})
			must(t, err)
		}
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Method: http.MethodPost, Path: "/v2/groups*"})
		run := c.apply(with{concurrency: 1})
		if run.Stopped != nil || run.counts() != "30/1/0/9" {
			t.Errorf("%s, stopped by %v", run.counts(), run.Stopped)
		}
		if all := c.mailCount(); all != 10 {
			t.Errorf("%d mails", all)
		}
	})
}

// TestOwnerIsNotRemoved: the API answers 403 to the removal of two users, and allows the others. The next run begins
// with these others.
func TestOwnerIsNotRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		c.addMembers(ada)
		c.addMembers(manyPeople(20)...)
		c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = roster.UnlistedRemove, 0
		c.roster.Settings.MaxRemovals = 100
		for _, u := range c.World().Users {
			if u.Email == "p000@example.com" || u.Email == "p010@example.com" {
				c.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Method: http.MethodDelete,
					Path: "/v2/organizations/" + c.World().Organization.ID + "/user/" + u.ID})
			}
		}
		for _, want := range []string{"0/1/0/19", "18/2/0/0"} {
			o := c.run(with{concurrency: 1})
			if o.counts() != want || o.exitCode() == 0 {
				c.logOutcome(o)
				t.Errorf("exit code %d, %s (done/failed/unknown/skipped), want %s", o.exitCode(), o.counts(), want)
			}
			must(t, c.Advance(time.Hour))
		}
	})
}

// TestRemovalsAreConfirmedOnce: the first two removals are refused. The run reads once for the plan, once to confirm
// all removals, and once to settle the refused ones.
func TestRemovalsAreConfirmedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		c.addMembers(append(manyPeople(5), ada)...)
		c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = roster.UnlistedRemove, 0
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: http.StatusConflict, Method: http.MethodDelete, Times: 2})
		readings := 0
		o := c.run(with{reading: func(n int, _ *org.Snapshot) { readings = n }})
		if readings != 3 || o.counts() != "3/2/0/0" {
			c.logOutcome(o)
			t.Errorf("%d readings, %s (done/failed/unknown/skipped)", readings, o.counts())
		}
	})
}

// TestKeyRevokedDuringEdits: the answer 401 to a grant ends the run, as the answer 401 to a mail does.
func TestKeyRevokedDuringEdits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(20)...)
		c.giveAccess()
		for _, p := range c.roster.People {
			_, err := c.AddUser(sandbox.User{Email: p.Email.String()})
			must(t, err)
		}
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Status: http.StatusUnauthorized, Path: "/v2/groups*",
			Method: http.MethodPost, From: 3})
		run := c.apply(with{concurrency: 1})
		if run.Stopped == nil || run.Count(apply.Failed) != 1 || run.Count(apply.Skipped) != 80-9-1 {
			t.Errorf("%s, stopped by %v", run.counts(), run.Stopped)
		}
		for _, change := range run.Changes {
			if change.Outcome == apply.Skipped && change.Err == nil {
				t.Errorf("%s %s is skipped without a reason", change.Action, change.Email)
			}
		}
	})
}

// TestCanaryIsAMail: the first change of a run is a mail. Only the answer to a mail shows which organization the key
// acts on.
func TestCanaryIsAMail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(20)...)
		c.giveAccess()
		for _, p := range c.roster.People[:10] {
			_, err := c.AddUser(sandbox.User{Email: p.Email.String()})
			must(t, err)
		}
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultWrongOrganization, ActFirst: true, Path: "/v2/invitation",
			Method: http.MethodPost})
		run := c.apply(with{})
		if run.Stopped == nil || run.counts() != "0/1/0/49" {
			t.Errorf("%s, stopped by %v", run.counts(), run.Stopped)
		}
		if all := c.mailCount(); all != 1 {
			t.Errorf("%d mails", all)
		}
		for _, u := range c.World().Users {
			if len(u.Groups) > 0 {
				t.Errorf("%s was given %v", u.Email, u.Groups)
			}
		}
	})
}

// TestRequestsDoNotGrowWithPeople: a plan for 900 people in one group takes at most 20 requests.
func TestRequestsDoNotGrowWithPeople(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for _, d := range sandbox.Dialects() {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{Dialect: d.Dialect}, manyPeople(900)...)
			for i := range c.roster.People {
				c.roster.People[i].Groups = refs("everyone")
				_, err := c.AddUser(sandbox.User{Email: c.roster.People[i].Email.String(), Groups: []string{"everyone"}})
				must(t, err)
			}
			if todo := c.changes(); len(todo) > 0 {
				t.Errorf("%s: to do: %v", d.Name, todo)
			}
			if n := len(c.Requests()); n > 20 {
				t.Errorf("%s: %d requests", d.Name, n)
			}
		})
	}
}

// TestRemovalsAreLimited: a plan with more removals than max_removals is refused.
func TestRemovalsAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "ada@example.com")
		c.addMembers(manyPeople(6)...)
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		snapshot, err := c.client(with{concurrency: 1}).ReadOrganization(t.Context(), pin, nil)
		must(t, err)
		p := plan.Compute(plan.Input{Roster: &c.roster, Snapshot: snapshot})
		if err := p.CheckLimits(); err == nil || err.Error() != "the plan has 6 removals, but the limit for one run is 5" {
			t.Errorf("got %v", err)
		}
	})
}

// TestGrantBeforeSuspension: the answer to a grant is lost, and somebody suspends the member before the run reads the
// organization to settle the grant. The grant took effect, so it is done.
func TestGrantBeforeSuspension(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		c.addMembers(ada)
		c.setFirstGroups("platform")
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, Times: 1})
		inner := c.wire.Handler
		c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				defer func() { must(t, c.Suspend(ada)) }()
			}
			inner.ServeHTTP(w, r)
		})
		o := c.run(with{})
		c.expect(o, 0, ada, "grant done, suspended")
	})
}

// TestRevokeAgain: the answer to a revocation is lost, and the server does not act. Meanwhile an administrator takes
// API access from the member, or takes another member out of a group. The member still loses the group.
func TestRevokeAgain(t *testing.T) {
	t.Parallel()
	for _, other := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newDefaultCompany(t, sandbox.Options{}, ada, bob)
			c.roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
			c.nameGroups("platform")
			c.setAllGroups("everyone")
			c.roster.People[0].APIEnabled = new(true)
			_, err := c.AddUser(sandbox.User{Email: ada, Groups: []string{"everyone", "platform"}, APIEnabled: true})
			must(t, err)
			_, err = c.AddUser(sandbox.User{Email: bob, Groups: []string{"everyone"}})
			must(t, err)
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodDelete, Times: 1})
			o := c.run(with{reading: func(n int, s *org.Snapshot) {
				for i := range s.Users {
					if n > 1 && !other && s.Users[i].Email.String() == ada {
						s.Users[i].APIEnabled = new(false)
					}
				}
				for i := range s.Access {
					if n > 1 && other && s.Access[i].Name == "everyone" {
						delete(s.Access[i].Holders, c.user(bob).ID)
					}
				}
			}})
			c.expect(o, 0, ada, "revoke done")
			c.expectUser(ada, "everyone")
		})
	}
}

// newCompanyOfMover returns a company whose roster moves ada from the group platform to the group everyone. She has the
// given groups.
func newCompanyOfMover(t *testing.T, groups ...string) *company {
	t.Helper()
	c := newDefaultCompany(t, sandbox.Options{}, ada)
	c.roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
	c.nameGroups("platform")
	c.setFirstGroups("everyone")
	_, err := c.AddUser(sandbox.User{Email: ada, Groups: groups})
	must(t, err)
	return c
}

// TestRevokeAgainWhileListLags: a member moves to another group. The answer to the revocation is lost, the server does
// not act, and the lists do not show the new group yet. The run has given this group, so it makes the revocation again.
func TestRevokeAgainWhileListLags(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompanyOfMover(t, "platform")
		c.lagGroups()
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodDelete, Times: 1})
		c.expect(c.run(with{}), 0, ada, "grant done, revoke done")
		c.expectUser(ada, "everyone")
	})
}

// TestRevokeAgainWithoutTheNewGroup: the answer to a revocation is lost, and meanwhile an administrator takes the
// member out of the group that the roster gives. The member keeps the other group until they have the new one again.
func TestRevokeAgainWithoutTheNewGroup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompanyOfMover(t, "everyone", "platform")
		ids := map[string]string{}
		for _, g := range c.World().Groups {
			ids[g.Name] = g.ID
		}
		c.wire.Before = func(r *http.Request) error {
			if r.Method != http.MethodDelete {
				return nil
			}
			c.wire.Before = nil
			r.URL.Path = strings.ReplaceAll(r.URL.Path, ids["platform"], ids["everyone"])
			c.ServeHTTP(httptest.NewRecorder(), r)
			return errKilled
		}
		o := c.apply(with{})
		c.logOutcome(o)
		c.expectUser(ada, "platform")
		c.apply(with{})
		c.expectUser(ada, "everyone")
	})
}
