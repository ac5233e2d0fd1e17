package apply_test

import (
	"fmt"
	"net/http"
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

// nameGroups adds a team without members that names groups, so that they may be revoked.
func (c *company) nameGroups(names ...string) {
	c.roster.Teams = []roster.Team{{Name: "others", Access: roster.Access{Groups: refs(names...)}}}
}

// give makes everybody in the roster a member of everyone, a deployer with the billing policy, and lets them use the
// API.
func (c *company) give() {
	yes := true
	for i := range c.roster.People {
		p := &c.roster.People[i]
		p.Groups, p.Roles, p.Policies, p.APIEnabled = refs("everyone"), refs("deployer"), refs("billing"), &yes
	}
}

// expectAccess fails the test unless these users, and no others but the owner, have exactly what give gives.
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

// done fails the test unless the run did these changes and no others.
func (c *company) done(run outcome, want ...string) {
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

// TestFromInvitedToGone is a person's whole way, in every dialect: three are invited, two accept, one of them with
// another address, and get their access; one leaves the roster and is suspended, comes back, and is removed at the end
// of their time.
func TestFromInvitedToGone(t *testing.T) {
	t.Parallel()
	for _, d := range sandbox.Dialects() {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const ada, bob, cy, home = "ada@example.com", "bob@example.com", "cy@example.com", "bob@home.example"
				c := newCompany(t, sandbox.Options{Dialect: d.Dialect}, ada, bob, cy)
				c.give()
				c.done(c.apply(with{}), "invite "+ada, "invite "+bob, "invite "+cy)
				must(t, c.Accept(ada))
				must(t, c.AcceptAs(bob, home))
				access := func(who string, api bool) []string {
					all := []string{"grant " + who + " everyone", "grant " + who + " billing", "grant " + who + " deployer"}
					if !api {
						all = append([]string{"update " + who}, all...)
					}
					return all
				}
				// Until the roster names bob@home.example, that user is given nothing.
				c.done(c.apply(with{}), access(ada, true)...)
				c.roster.People[1].Aliases = []org.Address{org.MustParseAddress(home)}
				// Whether an invitation's api_enabled reaches the user is the server's business.
				run := c.apply(with{})
				c.done(run, access(bob, len(run.Changes) == 3)...)
				c.expectAccess(ada, home)
				c.done(c.apply(with{}))

				// Ada leaves the roster.
				people := c.roster.People
				c.roster.People, c.roster.Settings.Unlisted = people[1:], roster.UnlistedSuspend
				c.done(c.apply(with{}), "suspend "+ada)
				c.expectAccess(home)
				c.done(c.apply(with{}))
				// She comes back.
				c.roster.People = people
				run = c.apply(with{})
				if d.Dialect.SuspendedEndpoint != "" && d.Dialect.Suspended == sandbox.SuspendedListed {
					return // nothing shows who is suspended; see the notice suspended_unseen
				}
				c.done(run, "unsuspend "+ada)
				c.expectAccess(ada, home)
				c.done(c.apply(with{}))
				// Her time ends.
				c.roster.Settings.Unlisted = roster.UnlistedRemove
				c.roster.People[0].Until = c.Now().UTC().Truncate(24 * time.Hour)
				c.done(c.apply(with{}))
				must(t, c.Advance(24*time.Hour))
				c.done(c.apply(with{}), "remove "+ada)
				c.expectAccess(home)
				c.done(c.apply(with{}))
				// She is wanted back after all.
				c.roster.People[0].Until = time.Time{}
				c.done(c.apply(with{}), "invite "+ada)
				c.done(c.apply(with{}))
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

// TestAccessUnderFaults: in every dialect, granting and revoking is settled by reading as well; nothing is left behind
// by a fault that passes.
func TestAccessUnderFaults(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		if f.Kind == sandbox.FaultWrongPerson || f.Kind == sandbox.FaultNoID {
			continue // the answers to edits name nobody
		}
		t.Run(name(f), func(t *testing.T) {
			t.Parallel()
			dialects := []sandbox.NamedDialect{
				{Name: "members with ids of their own", Dialect: sandbox.Dialect{MemberID: sandbox.MemberIDOwn}},
				{Name: "and direct relations", Dialect: sandbox.Dialect{MemberID: sandbox.MemberIDOwn,
					Relations: sandbox.RelationsDirect}},
			}
			if !testing.Short() {
				dialects = append(dialects, sandbox.Dialects()...)
			}
			for _, d := range dialects {
				if d.Dialect.GroupMembers == sandbox.GroupMembersCapped {
					// who is beyond the cap is not seen in a group that the roster does not name
					d.Dialect.GroupMembers = sandbox.GroupMembersAll
				}
				synctest.Test(t, func(t *testing.T) {
					c := newCompany(t, sandbox.Options{Dialect: d.Dialect}, many(10)...)
					c.give()
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
					c.done(c.apply(with{}))
				})
			}
		})
	}
}

// TestNothingIsTakenBeforeItIsReplaced: who moves from one group to another keeps the old one until they have the new
// one.
func TestNothingIsTakenBeforeItIsReplaced(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault  sandbox.Fault
		counts string
		groups string
	}{
		"granted": {sandbox.Fault{}, "4/0/0/0", "[everyone]"},
		"refused": {sandbox.Fault{Kind: sandbox.FaultStatus, Status: http.StatusConflict},
			"0/2/0/2", "[platform]"},
		"forbidden":                          {sandbox.Fault{Kind: sandbox.FaultForbid}, "0/1/0/3", "[platform]"},
		"never answered":                     {sandbox.Fault{Kind: sandbox.FaultDrop}, "0/2/0/2", "[platform]"},
		"not answered, and the server acted": {sandbox.Fault{Kind: sandbox.FaultDrop, After: true}, "4/0/0/0", "[everyone]"},
		"not answered once":                  {sandbox.Fault{Kind: sandbox.FaultDrop, Times: 1}, "4/0/0/0", "[everyone]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{}, many(2)...)
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
				c.done(c.apply(with{}))
			})
		})
	}
}

// TestKeyMayNotGrant: a key that may not give access still invites.
func TestKeyMayNotGrant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, many(20)...)
		c.give()
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

// TestKeyRevokedForEdits: a key that does not work any more ends the run, whatever it was used for.
func TestKeyRevokedForEdits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, many(20)...)
		c.give()
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
	})
}

// TestCanaryIsAMail: only the answer to a mail tells which organization the key acts on, so it comes first.
func TestCanaryIsAMail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, many(20)...)
		c.give()
		for _, p := range c.roster.People[:10] {
			_, err := c.AddUser(sandbox.User{Email: p.Email.String()})
			must(t, err)
		}
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultWrongOrganization, After: true, Path: "/v2/invitation",
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

// TestRequestsDoNotGrowWithPeople: 900 people in one group.
func TestRequestsDoNotGrowWithPeople(t *testing.T) {
	t.Parallel()
	for _, d := range sandbox.Dialects() {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{Dialect: d.Dialect}, many(900)...)
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

// TestLeavingIsLimited: the limit counts the very changes.
func TestLeavingIsLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "ada@example.com")
		c.join(many(6)...)
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		snapshot, err := c.client(with{concurrency: 1}).ReadOrganization(t.Context(), pin, nil)
		must(t, err)
		p := plan.Compute(plan.Input{Roster: &c.roster, Snapshot: snapshot})
		if err := p.CheckLimits(); err == nil || err.Error() != "the plan has 6 removals, but the limit for one run is 5" {
			t.Errorf("got %v", err)
		}
	})
}
