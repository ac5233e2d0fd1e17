package apply_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// drawnOrganization is a random organization. It is drawn completely before it is built, because it is built in fake
// time.
type drawnOrganization struct {
	Dialect     sandbox.Dialect
	Groups      []sandbox.Group
	Roles       []sandbox.Role
	Policies    []sandbox.Policy
	Users       []sandbox.User
	Invitations []drawnInvitation
	Deleted     []string // the names of groups that are deleted in the end
}

// drawnInvitation is an invitation in its last state.
type drawnInvitation struct {
	Email, As string
	State     string // pending, expired, declined, cancelled or accepted
}

// oddNames has unusual names of groups, roles, policies and people.
var oddNames = []string{
	"plain", "two words", "a: b", "# no", "[x, y]", "yes", "123", "<<", "*star", "!bang", "%pct", "'quoted'", "\"quoted\"",
	" padded ", "new\nline", "bell\a",
	"\u202eright", "größer", "日本語", "🙂", "", "---", "- email: eve@example.com", strings.Repeat("long ", 60), "null", "~",
	"{a: b}", "@at", "`tick`", "a #b",
}

var oddAddresses = []string{
	"Ada@Example.com", "bob+tag@example.com", "o'brien@example.com", "#hash@example.com", "&anchor@example.com",
	"!bang@example.com", "{x}@example.com",
	"`tick`@example.com", "%pct@example.com", "zoë@bücher.example", "123@456.example", "-dash@example.com",
	"~@example.com", "|pipe@example.com",
	"&and@example.com", "?what@example.com", "=eq@example.com",
}

func drawOrganization(t *rapid.T) drawnOrganization {
	named := sandbox.Dialects()
	c := drawnOrganization{Dialect: named[rapid.IntRange(0, len(named)-1).Draw(t, "dialect")].Dialect}
	chance := func(label string, in int) bool { return rapid.IntRange(1, in).Draw(t, label) == 1 }
	name := func() string { return rapid.SampledFrom(oddNames).Draw(t, "name") }
	for i := range rapid.IntRange(0, 4).Draw(t, "groups") {
		g := sandbox.Group{ID: fmt.Sprint("group-", i), Name: name()}
		c.Groups = append(c.Groups, g)
		if chance("deleted", 6) {
			c.Deleted = append(c.Deleted, g.Name)
		}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "roles") {
		c.Roles = append(c.Roles, sandbox.Role{ID: fmt.Sprint("role-", i), Name: name(), Assumable: chance("assumable", 4)})
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "policies") {
		c.Policies = append(c.Policies, sandbox.Policy{ID: fmt.Sprint("policy-", i), Name: name()})
	}
	people := rapid.Permutation(oddAddresses).Draw(t, "people")[:rapid.IntRange(0, 10).Draw(t, "how many")]
	for _, who := range people {
		if chance("invited", 2) {
			i := drawnInvitation{Email: who, State: rapid.SampledFrom([]string{"accepted", "accepted", "pending", "pending",
				"expired", "declined", "cancelled"}).Draw(t, "state")}
			if i.State == "accepted" && chance("with another address", 2) {
				i.As = "home-" + strings.TrimLeft(strings.ToLower(who), "#*!{`%-~|&?=")
			}
			c.Invitations = append(c.Invitations, i)
			if chance("again", 3) {
				c.Invitations = append(c.Invitations, drawnInvitation{Email: who, State: "pending"})
			}
			continue
		}
		u := sandbox.User{Email: who, Name: name(), APIEnabled: chance("api", 2), Service: chance("service", 5),
			Suspended: chance("suspended", 5)}
		for _, g := range c.Groups {
			if chance("member", 2) {
				u.Groups = append(u.Groups, g.ID)
			}
		}
		for _, r := range c.Roles {
			if !r.Assumable && chance("has role", 2) {
				u.Roles = append(u.Roles, r.ID)
			}
		}
		for _, p := range c.Policies {
			if chance("has policy", 2) {
				u.Policies = append(u.Policies, p.ID)
			}
		}
		c.Users = append(c.Users, u)
	}
	return c
}

// build creates the organization in a simulated API.
func (c drawnOrganization) build(t *testing.T) *company {
	world := newCompany(t, sandbox.Options{Dialect: c.Dialect})
	for _, g := range c.Groups {
		_, err := world.AddGroup(g)
		must(t, err)
	}
	for _, r := range c.Roles {
		_, err := world.AddRole(r)
		must(t, err)
	}
	for _, p := range c.Policies {
		_, err := world.AddPolicy(p)
		must(t, err)
	}
	for _, u := range c.Users {
		_, err := world.AddUser(u)
		must(t, err)
	}
	for _, i := range c.Invitations {
		in := sandbox.Invitation{Email: i.Email, State: i.State}
		if i.State == "accepted" {
			in.State = ""
		}
		if _, err := world.AddInvitation(in); err != nil {
			t.Fatal(err)
		}
		if i.State == "accepted" {
			must(t, world.AcceptAs(i.Email, i.As))
		}
	}
	for _, name := range c.Deleted {
		_ = world.DeleteGroup(name) // if several groups have the name, this deletes one
	}
	return world
}

// draftRoster returns the draft of `orgsync import` for the people that the roster does not have.
func (c *company) draftRoster() roster.Draft {
	c.t.Helper()
	client := c.client(with{concurrency: 4})
	snapshot, unseen, err := client.ReadAll(c.t.Context(), pin)
	must(c.t, err)
	memory, _, err := ledger.Read(c.t.Context(), c.store, snapshot.Organization.ID)
	must(c.t, err)
	must(c.t, client.ReadAcceptance(c.t.Context(), plan.UnansweredUsers(snapshot, memory)))
	return plan.DraftRoster(plan.Input{Roster: &c.roster, Snapshot: snapshot, Memory: memory}, unseen)
}

// loadRoster replaces the roster by text.
func (c *company) loadRoster(text []byte) {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), "users.yaml")
	must(c.t, os.WriteFile(file, text, 0o600))
	r, err := roster.Load([]string{file})
	if err != nil {
		c.t.Fatalf("%v\n%s", err, text)
	}
	c.roster = *r
}

// withStrictSettings returns text with settings that allow no users and no access beside the roster.
func withStrictSettings(text []byte) []byte {
	return append(slices.Clone(text), "\nsettings: {unlisted: remove, extra_access: revoke}\n"...)
}

// TestImportThenPlan: a roster that `orgsync import` makes from any organization plans no change, even with strict
// settings. It has every user except service users and the owner.
func TestImportThenPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		drawn := drawOrganization(rt)
		var broken []string
		var text []byte
		synctest.Test(t, func(t *testing.T) {
			c := drawn.build(t)
			text = c.draftRoster().YAML()
			for _, as := range [][]byte{text, withStrictSettings(text)} {
				c.loadRoster(as)
				for _, change := range c.changes() {
					broken = append(broken, "planning gives "+change)
				}
			}
			world := c.World()
			for _, u := range world.Users {
				address := org.MustParseAddress(u.Email)
				at := slices.IndexFunc(c.roster.People, func(p roster.Person) bool {
					return p.Email.Equal(address) || slices.ContainsFunc(p.Aliases, address.Equal)
				})
				listed := at >= 0
				if listed && len(c.roster.People[at].Aliases) == 0 {
					p := c.roster.People[at]
					got, want := []int{len(p.Groups), len(p.Roles), len(p.Policies)}, []int{len(u.Groups), len(u.Roles),
						len(u.Policies)}
					if !slices.Equal(got, want) {
						broken = append(broken, fmt.Sprintf("%s has %v groups, roles and policies, and %v are listed", u.Email,
							want, got))
					}
				}
				want := !u.Service
				if u.Owner {
					want = listed && len(c.roster.People) == 1 // the owner is listed only if there is nobody else
				}
				if listed != want {
					broken = append(broken, fmt.Sprintf("%s: listed is %t", u.Email, listed))
				}
			}
			// A roster with another person gets the same people.
			c.loadRoster([]byte("users:\n  - email: somebody@else.example\n"))
			entries := c.draftRoster().Entries
			merged, err := roster.Merge("users.yaml", []byte("users:\n  - email: somebody@else.example # stays\n"), entries)
			must(t, err)
			c.loadRoster(withStrictSettings(append(merged, "organization: "+world.Organization.ID+"\n"...)))
			if changes := c.changes(); !slices.Equal(changes, []string{"invite somebody@else.example"}) {
				broken = append(broken, fmt.Sprintf("planning the merged roster gives %q", changes))
			}
			c.checkInvariants()
		})
		if len(broken) > 0 {
			rt.Fatalf("%s\n%s\nin %+v", strings.Join(broken, "\n"), text, drawn)
		}
	})
}

// TestImportOfPossibleAlias: bob was mailed, and a user or an invitation may be his under another address. The roster
// gets everybody that `orgsync import` finds. Bob must not be mailed again.
func TestImportOfPossibleAlias(t *testing.T) {
	t.Parallel()
	accept := func(c *company) { must(c.t, c.AcceptAs("bo.b@gmail.com", "bob@home.example")) }
	for name, tt := range map[string]struct {
		lost   bool
		before func(c *company) // what happens before the import
		after  func(c *company) // what happens before the next run
	}{
		"a mail of five minutes ago": {before: accept, after: func(c *company) { must(c.t, c.Advance(80*time.Hour)) }},
		"a lost mail":                {lost: true, before: accept},
		"a lost mail whose invitation has the address in another form": {lost: true, before: func(c *company) {
			c.rewrite(func(_ *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
				rec.Body = bytes.NewBufferString(strings.ReplaceAll(rec.Body.String(), "bo.b@gmail.com", "bob@gmail.com"))
				return rec
			})
		}},
		"a first day that has not begun": {before: func(c *company) {
			accept(c)
			must(c.t, c.Advance(80*time.Hour))
			c.roster.People[0].From = roster.DayOf(c.Now().Add(24 * time.Hour))
		}, after: func(c *company) { must(c.t, c.Advance(24*time.Hour)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
					Accepted: sandbox.AcceptedVanish, Duplicate: sandbox.DuplicateSecond,
				}}, "bo.b@gmail.com")
				if tt.lost {
					c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultStatus, ActAfter: time.Second,
						Times: 1})
				}
				c.apply(with{settleWait: leaveToLaterRun})
				time.Sleep(5 * time.Minute)
				tt.before(c)
				for _, e := range c.draftRoster().Entries {
					c.roster.People = append(c.roster.People, e.Person)
				}
				time.Sleep(30 * time.Minute)
				if tt.after != nil {
					tt.after(c)
				}
				c.logOutcome(c.apply(with{}))
				if mails := c.Mails()["bo.b@gmail.com"]; len(mails) != 1 {
					t.Errorf("bob has %d mails", len(mails))
				}
			})
		})
	}
}

// TestApplyThenPlan: for any roster and any organization, a plan after `orgsync apply` has no changes.
func TestApplyThenPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		drawn := drawOrganization(rt)
		type wish struct {
			who                     string
			groups, roles, policies []string
			api                     *bool
		}
		chance := func(label string, in int) bool { return rapid.IntRange(1, in).Draw(rt, label) == 1 }
		some := func(label string, all []string) []string {
			if chance(label+" unmanaged", 3) {
				return nil
			}
			picked := []string{}
			for _, one := range all {
				if chance(label, 2) {
					picked = append(picked, one)
				}
			}
			return picked
		}
		var wishes []wish
		for _, who := range oddAddresses {
			service := func(u sandbox.User) bool { return u.Service && u.Email == who }
			if !chance("wanted", 3) || slices.ContainsFunc(drawn.Users, service) {
				continue
			}
			w := wish{
				who: who, groups: some("group", []string{"everyone", "platform"}), roles: some("role", []string{"deployer"}),
				policies: some("policy", []string{"read-only", "billing"}),
			}
			if chance("api", 2) {
				on := chance("api on", 2)
				w.api = &on
			}
			wishes = append(wishes, w)
		}
		unlisted := rapid.SampledFrom([]roster.UnlistedPolicy{roster.UnlistedReport, roster.UnlistedSuspend,
			roster.UnlistedRemove}).Draw(rt, "unlisted")
		extra := rapid.SampledFrom([]roster.ExtraAccessPolicy{roster.ExtraAccessReport, roster.ExtraAccessRevoke}).Draw(rt,
			"extra access")
		var broken []string
		synctest.Test(t, func(t *testing.T) {
			c := drawn.build(t)
			list := func(some []string) []roster.Ref {
				if some == nil {
					return nil
				}
				return refs(some...)
			}
			for i, w := range wishes {
				c.roster.People = append(c.roster.People, roster.Person{
					Email:      org.MustParseAddress(w.who),
					Access:     roster.Access{Groups: list(w.groups), Roles: list(w.roles), Policies: list(w.policies)},
					APIEnabled: w.api,
					At:         roster.Position{File: "users.yaml", Line: i + 1, Column: 5},
				})
			}
			c.roster.Settings.MaxRemovals, c.roster.Settings.Unlisted, c.roster.Settings.ExtraAccess = 100, unlisted, extra
			for range 2 { // in the second round everybody has accepted
				run := c.apply(with{})
				if run.err != nil || len(run.plan.Problems) > 0 {
					if len(run.plan.Problems) == 0 {
						broken = append(broken, fmt.Sprint(run.err))
					}
					return // two entries match one user
				}
				if n := run.Count(apply.Done); n != len(run.Changes) {
					broken = append(broken, fmt.Sprintf("%d of %d changes are done: %v", n, len(run.Changes), run.Stopped))
				}
				if changes := c.changes(); len(changes) > 0 {
					broken = append(broken, fmt.Sprintf("after %d changes were done, planning gives %q", len(run.Changes), changes))
				}
				for _, w := range wishes {
					_ = c.Accept(w.who) // does nothing for people who have no pending invitation
				}
			}
			for _, v := range c.Violations() {
				broken = append(broken, fmt.Sprintf("undocumented request: %s %s: %s", v.Method, v.Path, v.Violation))
			}
		})
		if len(broken) > 0 {
			rt.Fatalf("%s\nin %+v\nwanted %+v, unlisted: %s, extra access: %s", strings.Join(broken, "\n"), drawn, wishes,
				unlisted, extra)
		}
	})
}

// TestImportOfAccessThatTeamsManage: the teams of a roster manage the groups of everybody. If an entry cannot list all
// groups of an added person, the person keeps the groups that the roster names.
func TestImportOfAccessThatTeamsManage(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a team":       "teams: {platform: {groups: [platform], members: [somebody@else.example]}}\n",
		"the defaults": "defaults: {groups: [everyone]}\nteams: {platform: {members: [somebody@else.example]}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{})
				groups := []string{"everyone", "platform"}
				for i := range roster.MaxRefs {
					groups = append(groups, fmt.Sprintf("group%03d", i))
					_, err := c.AddGroup(sandbox.Group{Name: groups[len(groups)-1]})
					must(t, err)
				}
				_, err := c.AddUser(sandbox.User{Email: "ada@example.com", Groups: groups})
				must(t, err)
				_, err = c.AddUser(sandbox.User{Email: "bob@example.com", Groups: groups[:3]})
				must(t, err)
				text := text + "organization: Example Org\nsettings: {extra_access: revoke}\n"
				c.loadRoster([]byte(text))
				merged, err := roster.Merge("users.yaml", []byte(text), c.draftRoster().Entries)
				must(t, err)
				c.loadRoster(merged)
				if changes := c.changes(); !slices.Equal(changes, []string{"invite somebody@else.example"}) {
					t.Errorf("planning gives %q\n%s", changes, merged)
				}
			})
		})
	}
}
