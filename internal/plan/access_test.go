package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// staffInput returns an input with four users and some access. The users are ada, bob, a service user and the owner.
// Bob and the owner are administrators. The roster has ada and bob, and the key belongs to the owner.
func staffInput() plan.Input {
	in := newInput()
	in.Roster.Organization = "Example Org"
	in.Roster.People = []roster.Person{person(ada, 3), person("bob@example.com", 4)}
	bob, owner, robot := user("u-bob", "bob@example.com"), user("u-owner", "owner@example.com"),
		user("u-robot", "robot@example.com")
	bob.Admin, owner.Admin, robot.Service = true, true, true
	in.Snapshot.Users = []org.User{user("u-ada", ada), bob, owner, robot}
	in.Snapshot.Self = owner.Email
	in.Snapshot.Access = []org.Access{
		{Kind: org.KindGroup, ID: "g1", Name: "everyone", Holders: map[string]string{"u-bob": "m-bob"}},
		{Kind: org.KindGroup, ID: "g2", Name: "platform", Holders: map[string]string{}},
		{Kind: org.KindGroup, ID: "g3", Name: "twins"},
		{Kind: org.KindGroup, ID: "g4", Name: "twins"},
		{Kind: org.KindGroup, ID: "g5", Name: "gone", Deleted: true, Holders: map[string]string{"u-bob": "u-bob"}},
		{Kind: org.KindRole, ID: "r1", Name: "deployer", Holders: map[string]string{"u-bob": "u-bob"}},
		{Kind: org.KindRole, ID: "r2", Name: "auditor", Assumable: true},
		{Kind: org.KindPolicy, ID: "p1", Name: "read-only"},
	}
	in.Memory = org.Memory{People: map[string]org.PersonRecord{ada: {Joined: true, UserID: "u-ada"},
		"bob@example.com": {Joined: true, UserID: "u-bob"}}}
	return in
}

// unreadable returns a group, role or policy of which the API does not say who has it.
func unreadable(kind org.Kind, id, name string) org.Access {
	return org.Access{Kind: kind, ID: id, Name: name, Unreadable: true}
}

// refs returns references to groups, roles or policies.
func refs(names ...string) []roster.Ref {
	refs := []roster.Ref{}
	for i, n := range names {
		refs = append(refs, roster.Ref{Name: n, At: roster.Position{File: "users.yaml", Line: 10 + i, Column: 9}})
	}
	return refs
}

// teamWithAccess returns a team without members that names the access of [staffInput]. orgsync may revoke only access
// that the roster names.
func teamWithAccess() []roster.Team {
	return []roster.Team{{Name: "others",
		Access: roster.Access{Groups: refs("everyone", "platform"), Roles: refs("deployer")}}}
}

// revokeFromBob changes the input of [staffInput] so that orgsync may revoke the access of bob, whose entry has none.
// With aliases, the entry is another one, which has only these addresses.
func revokeFromBob(in *plan.Input, aliases ...string) {
	if len(aliases) > 0 {
		in.Roster.People[1] = person("bob@example.com", 4, aliases...)
	}
	in.Roster.People[1].Groups = refs()
	in.Roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
	in.Roster.Teams = teamWithAccess()
}

// describe returns a line for each part of p, with the access that each change is about.
func describe(p plan.Plan) []string {
	lines := []string{}
	for _, c := range p.Changes {
		line := fmt.Sprintf("%s %s %s", c.Action, c.Email, c.Reason)
		if c.Detail.Kind != "" {
			line += fmt.Sprintf(" %s %s", c.Detail.Kind, c.Detail.Name)
		}
		if c.Detail.Membership != "" {
			line += " as " + c.Detail.Membership
		}
		if c.Detail.APIEnabled != nil && c.Action == plan.Update {
			line += fmt.Sprint(" ", *c.Detail.APIEnabled)
		}
		lines = append(lines, line)
	}
	for _, n := range p.Notices {
		lines = append(lines, fmt.Sprintf("%s %s %s", n.Kind, n.Email, n.Text))
	}
	for _, c := range p.Ungrantable {
		lines = append(lines, fmt.Sprintf("ungrantable %s %s %s %s", c.Email, c.Reason, c.Detail.Kind, c.Detail.Name))
	}
	for _, problem := range p.Problems {
		lines = append(lines, problem.String())
	}
	if p.Needs != "" {
		lines = append(lines, p.Needs)
	}
	return lines
}

func TestAccess(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	tests := []struct {
		name string
		in   func(*plan.Input)
		want []string
	}{
		{"nothing is managed", func(in *plan.Input) {}, nil},
		{"groups by name and by id", func(in *plan.Input) {
			in.Roster.People[0].Groups = refs("everyone", "g2")
		}, []string{"grant ada@example.com missing_access group everyone", "grant ada@example.com missing_access group " +
			"platform"}},
		{"the same group by name and by id", func(in *plan.Input) {
			in.Roster.People[0].Groups = refs("everyone", "g1")
		}, []string{"grant ada@example.com missing_access group everyone"}},
		{"roles and policies", func(in *plan.Input) {
			in.Roster.People[0].Roles, in.Roster.People[0].Policies = refs("deployer"), refs("read-only")
		}, []string{"grant ada@example.com missing_access policy read-only", "grant ada@example.com missing_access role " +
			"deployer"}},
		{"the person has the wanted access", func(in *plan.Input) {
			in.Roster.People[1].Groups, in.Roster.People[1].Roles = refs("everyone"), refs("deployer")
		}, nil},
		{"API access differs", func(in *plan.Input) {
			in.Roster.People[0].APIEnabled, in.Snapshot.Users[0].APIEnabled = &yes, &no
		}, []string{"update ada@example.com api_access_differs true"}},
		{"API access is as wanted, or the list does not have it", func(in *plan.Input) {
			in.Roster.People[0].APIEnabled, in.Snapshot.Users[0].APIEnabled = &yes, &yes
			in.Roster.People[1].APIEnabled = &yes
		}, nil},
		{"more access than the roster gives", func(in *plan.Input) {
			in.Roster.People[1].Groups, in.Roster.People[1].Roles = refs("platform"), refs()
		}, []string{
			"grant bob@example.com missing_access group platform", "extra_access bob@example.com group everyone",
			"extra_access bob@example.com role deployer",
		}},
		{"more access than the roster gives, and the roster names it", func(in *plan.Input) {
			in.Roster.People[1].Groups = refs("platform")
			in.Roster.Teams = teamWithAccess()
		}, []string{"grant bob@example.com missing_access group platform", "extra_access bob@example.com group everyone"}},
		{"more access than the roster gives, in a field that it does not manage", func(in *plan.Input) {
			in.Roster.People[1].Groups = refs("everyone")
			in.Roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
			in.Roster.Teams = teamWithAccess()
		}, nil},
		{"revoke", func(in *plan.Input) {
			in.Roster.People[1].Groups, in.Roster.People[1].Roles = refs("platform"), refs()
			in.Roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
			in.Roster.Teams = teamWithAccess()
		}, []string{
			"grant bob@example.com missing_access group platform", "revoke bob@example.com extra_access group everyone as m-bob",
			"revoke bob@example.com extra_access role deployer as u-bob",
		}},
		{"revoke, and neither the roster nor an answer names the organization", func(in *plan.Input) {
			in.Roster.Organization, in.Snapshot.PinConfirmed = "", false
			in.Roster.People[1].Groups = refs("platform")
			in.Roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
			in.Roster.Teams = teamWithAccess()
		}, []string{
			"grant bob@example.com missing_access group platform", "revoke bob@example.com extra_access group everyone as m-bob",
		}},
		{"never revoke from protected people", func(in *plan.Input) {
			revokeFromBob(in, "robert@example.com")
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("robert@example.com")}
		}, []string{"extra_access bob@example.com group everyone"}},
		{"never switch API access off for protected people", func(in *plan.Input) {
			in.Roster.People[1].APIEnabled, in.Snapshot.Users[1].APIEnabled = &no, &yes
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("bob@example.com")}
		}, []string{"extra_access bob@example.com API access"}},
		{"never revoke from the key's own user", func(in *plan.Input) {
			revokeFromBob(in)
			in.Snapshot.Self = org.MustParseAddress("bob@example.com")
			in.Roster.People = append(in.Roster.People, person("owner@example.com", 5))
			in.Memory.People["owner@example.com"] = org.PersonRecord{Joined: true}
		}, []string{"extra_access bob@example.com group everyone"}},
		{"never revoke if the key's own user is not known", func(in *plan.Input) {
			revokeFromBob(in)
			in.Snapshot.Self = org.MustParseAddress("somebody@example.com")
		}, []string{"self_unseen  ", "extra_access bob@example.com group everyone"}},
		{"never revoke from a user who accepted the invitation of a protected address", func(in *plan.Input) {
			revokeFromBob(in)
			r := invitation("i1", "robert@example.com", org.StatusAccepted, -100)
			r.Registered = org.MustParseAddress("bob@example.com")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Roster.Settings.Protected = []org.Address{r.Invited}
		}, []string{"extra_access bob@example.com group everyone"}},
		{"never revoke from a person who accepted with a protected address", func(in *plan.Input) {
			revokeFromBob(in)
			r := invitation("i1", "bob@example.com", org.StatusAccepted, -100)
			r.Registered = org.MustParseAddress("robert@example.com") // bob@example.com since then
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Roster.Settings.Protected = []org.Address{r.Registered}
		}, []string{"extra_access bob@example.com group everyone"}},
		{"never revoke from a person whose second user in the ledger has a protected address", func(in *plan.Input) {
			revokeFromBob(in, "robert@example.com")
			in.Memory.People["robert@example.com"] = org.PersonRecord{Joined: true, UserID: "u-robert", JoinedSequence: 1,
				UserSequence: 1}
			in.Snapshot.Users = append(in.Snapshot.Users, user("u-robert", "bobby@home.example"))
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("bobby@home.example")}
		}, []string{"extra_access bob@example.com group everyone", "second_user bob@example.com bobby@home.example"}},
		{"never revoke from a person whose second user in the ledger had a protected address", func(in *plan.Input) {
			revokeFromBob(in, "robert@example.com")
			in.Memory.People["robert@example.com"] = org.PersonRecord{Joined: true, UserID: "u-robert", JoinedSequence: 9,
				UserSequence: 9}
			in.Memory.People["bobby@home.example"] = org.PersonRecord{Joined: true, UserID: "u-robert", JoinedSequence: 1,
				UserSequence: 1}
			in.Snapshot.Users = append(in.Snapshot.Users, user("u-robert", "bobby@new.example"))
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("bobby@home.example")}
		}, []string{"extra_access bob@example.com group everyone", "second_user bob@example.com bobby@new.example"}},
		{"never revoke from a person whose second user had a protected address when unlisted", func(in *plan.Input) {
			revokeFromBob(in, "robert@example.com")
			in.Memory.Unlisted = map[string]org.Sighting{"u-robert": {Email: "robert@example.com", Sequence: 1}}
			in.Snapshot.Users = append(in.Snapshot.Users, user("u-robert", "bobby@new.example"))
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("bobby@new.example")}
		}, []string{"extra_access bob@example.com group everyone", "second_user bob@example.com bobby@new.example"}},
		{"never revoke from a person who has a second user with a protected address", func(in *plan.Input) {
			revokeFromBob(in)
			r := invitation("i1", "bob@example.com", org.StatusAccepted, -100)
			r.Registered = org.MustParseAddress("robert@example.com")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Snapshot.Users = append(in.Snapshot.Users, user("u-robert", "robert@example.com"))
			in.Roster.Settings.Protected = []org.Address{r.Registered}
		}, []string{"extra_access bob@example.com group everyone", "second_user bob@example.com robert@example.com"}},
		{"never switch API access off for the key's own user", func(in *plan.Input) {
			in.Roster.People[1].APIEnabled, in.Snapshot.Users[1].APIEnabled = &no, &yes
			in.Snapshot.Self = org.MustParseAddress("Bob@example.com")
			in.Roster.People = append(in.Roster.People, person("owner@example.com", 5))
			in.Memory.People["owner@example.com"] = org.PersonRecord{Joined: true}
		}, []string{"extra_access bob@example.com API access"}},
		{"never switch API access off if the key's own user is not known", func(in *plan.Input) {
			in.Roster.People[1].APIEnabled, in.Snapshot.Users[1].APIEnabled = &no, &yes
			in.Snapshot.Self = org.Address{}
		}, []string{"self_unseen  ", "extra_access bob@example.com API access"}},
		{"switch API access on although the key's own user is not known", func(in *plan.Input) {
			in.Roster.People[1].APIEnabled, in.Snapshot.Users[1].APIEnabled = &yes, &no
			in.Snapshot.Self = org.Address{}
		}, []string{"update bob@example.com api_access_differs true"}},
		{"switch API access off for others", func(in *plan.Input) {
			in.Roster.People[1].APIEnabled, in.Snapshot.Users[1].APIEnabled = &no, &yes
		}, []string{"update bob@example.com api_access_differs false"}},
		{"no change of access for people who are not active members", func(in *plan.Input) {
			in.Roster.People[0].Groups = refs("everyone")
			in.Snapshot.Users[0].Suspended = true
			in.Roster.People = append(in.Roster.People, person("cy@example.com", 5))
			in.Roster.People[2].Groups = refs("everyone")
		}, []string{"invite cy@example.com not_invited", "suspended ada@example.com "}},
		{"no change of access for people whose last day is over", func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(hours(-100))
			in.Roster.People[0].Groups = refs("everyone")
		}, []string{"unlisted ada@example.com "}},
		{"suspended by orgsync, and listed again", func(in *plan.Input) {
			in.Roster.People[0].Groups = refs("everyone")
			in.Snapshot.Users[0].Suspended = true
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Suspended: true}
		}, []string{"unsuspend ada@example.com listed_again", "grant ada@example.com missing_access group everyone"}},
		{"suspended by orgsync, and listed again from a later day", func(in *plan.Input) {
			in.Roster.People[0].From = roster.DayOf(time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC))
			in.Roster.People[0].Groups = refs("everyone")
			in.Snapshot.Users[0].Suspended = true
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Suspended: true}
		}, []string{"not_yet ada@example.com 2026-06-11"}},
		{"suspended by orgsync under an address that the roster does not name, and listed again", func(in *plan.Input) {
			in.Snapshot.Users[0].Email, in.Snapshot.Users[0].Suspended = org.MustParseAddress("countess@home.example"), true
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u-ada", Suspended: true}
		}, []string{"other_address ada@example.com countess@home.example", "suspended ada@example.com "}},
		{"suspended by an administrator, and orgsync suspended a second user with another address", func(in *plan.Input) {
			second := user("u-ada2", "countess@home.example")
			second.Suspended, in.Snapshot.Users[0].Suspended = true, true
			in.Snapshot.Users = append(in.Snapshot.Users, second)
			r := invitation("i1", ada, org.StatusAccepted, -100)
			r.Registered = second.Email
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Memory.People["countess@home.example"] = org.PersonRecord{Suspended: true}
		}, []string{"suspended ada@example.com "}},
		{"removed by orgsync, and listed again", func(in *plan.Input) {
			in.Snapshot.Users = in.Snapshot.Users[1:]
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true}
		}, []string{"invite ada@example.com listed_again"}},
		{"removed by orgsync under another address, and listed again", func(in *plan.Input) {
			in.Snapshot.Users = in.Snapshot.Users[1:]
			r := invitation("i1", ada, org.StatusAccepted, -100)
			r.Registered = org.MustParseAddress("countess@home.example")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Memory.People["countess@home.example"] = org.PersonRecord{Removed: true, RemovedAt: hours(-50), Unlisted: true}
		}, []string{"invite ada@example.com listed_again"}},

		{"no such group", func(in *plan.Input) {
			in.Roster.People[0].Groups = refs("Everyone")
		}, []string{
			`unknown_access  the organization has no group named "Everyone"; it has "everyone", "platform", "twins", "twins"`,
			"ungrantable ada@example.com missing_access group Everyone",
		}},
		{"no such policy, and no other policy", func(in *plan.Input) {
			in.Roster.People[0].Policies = refs("x")
			in.Snapshot.Access = in.Snapshot.Access[:len(in.Snapshot.Access)-1]
		}, []string{
			`unknown_access  the organization has no policy named "x", and no other policy`,
			"ungrantable ada@example.com missing_access policy x",
		}},
		{"no such policy, and many others", func(in *plan.Input) {
			in.Roster.People[0].Policies = refs("x")
			for i := range 12 {
				in.Snapshot.Access = append(in.Snapshot.Access,
					org.Access{Kind: org.KindPolicy, ID: fmt.Sprint("q", i), Name: fmt.Sprintf("p%02d", i)})
			}
		}, []string{
			`unknown_access  the organization has no policy named "x"; it has "p00", "p01", "p02", "p03", "p04", "p05", ` +
				`"p06", "p07", "p08", "p09" and 3 more`,
			"ungrantable ada@example.com missing_access policy x",
		}},
		{"two groups with the same name", func(in *plan.Input) {
			in.Roster.People[0].Groups = refs("twins")
		}, []string{
			`unknown_access  the organization has 2 groups named "twins": name one by its id ("g3", "g4")`,
			"ungrantable ada@example.com missing_access group twins",
		}},
		{"a deleted group", func(in *plan.Input) {
			in.Roster.People[0].Groups = refs("gone")
		}, []string{`unknown_access  the group "gone" was deleted`,
			"ungrantable ada@example.com missing_access group gone"}},
		{"a role of which the API does not say who has it", func(in *plan.Input) {
			in.Snapshot.Access = append(in.Snapshot.Access, unreadable(org.KindRole, "r9", "old"))
			in.Roster.People[0].Roles = refs("old")
		}, []string{`unknown_access  the API does not say who has the role "old"`,
			"ungrantable ada@example.com missing_access role old"}},
		{"a role, by its id, of which the API does not say who has it", func(in *plan.Input) {
			in.Snapshot.Access = append(in.Snapshot.Access, unreadable(org.KindRole, "r9", "old"))
			in.Roster.People[0].Roles = refs("r9")
		}, []string{`unknown_access  the API does not say who has the role "r9"`,
			"ungrantable ada@example.com missing_access role r9"}},
		{"more access of a kind, and the API does not say completely who has it", func(in *plan.Input) {
			in.Snapshot.Access = append(in.Snapshot.Access, org.Access{Kind: org.KindGroup, ID: "g9", Name: "old",
				Unreadable: true, Holders: map[string]string{"u-ada": "u-ada"}})
			in.Roster.People[0].Groups = refs()
		}, nil},
		{"two groups with one name, and the API does not say who has one of them", func(in *plan.Input) {
			in.Snapshot.Access = append(in.Snapshot.Access, unreadable(org.KindGroup, "g9", "platform"))
			in.Roster.People[0].Groups = refs("platform")
		}, []string{
			`unknown_access  the organization has 2 groups named "platform": name one by its id ("g2", "g9")`,
			"ungrantable ada@example.com missing_access group platform",
		}},
		{"a deleted group that is not the last one", func(in *plan.Input) {
			in.Snapshot.Access = append(in.Snapshot.Access, org.Access{Kind: org.KindGroup, ID: "g9", Name: "lost",
				Deleted: true})
			in.Roster.People[0].Groups = refs("gone")
		}, []string{`unknown_access  the group "gone" was deleted`,
			"ungrantable ada@example.com missing_access group gone"}},
		{"an assumable role", func(in *plan.Input) {
			in.Roster.People[0].Roles = refs("auditor")
		}, []string{
			`unknown_access  the role "auditor" is assumable: it is taken on for a session and cannot be attached to a person`,
			"ungrantable ada@example.com missing_access role auditor",
		}},
		{"an assumable role by its id", func(in *plan.Input) {
			in.Roster.People[0].Roles = refs("r2")
		}, []string{
			`unknown_access  the role "r2" is assumable: it is taken on for a session and cannot be attached to a person`,
			"ungrantable ada@example.com missing_access role r2",
		}},
		{"one notice for several people, even if they are not members", func(in *plan.Input) {
			in.Roster.People[0].Policies, in.Roster.People[1].Policies = refs("x"), refs("x")
			in.Snapshot.Users = in.Snapshot.Users[2:]
		}, []string{
			`unknown_access  the organization has no policy named "x"; it has "read-only"`,
			"left ada@example.com ", "left bob@example.com ",
		}},
		{"a key that may not list users", func(in *plan.Input) {
			in.Snapshot.Users, in.Snapshot.UsersVisible = nil, false
			in.Roster.People[0].Groups = refs("everyone")
			in.Roster.Settings.Unlisted = roster.UnlistedRemove
		}, []string{
			"members_unseen  ", "unknown_membership ada@example.com ", "unknown_membership bob@example.com ",
			"the roster gives groups and has `unlisted: remove`; this needs the list of users, which the API key is not " +
				"allowed to read",
		}},
		{"a key that may not list users, and a protected address that may be that of a user", func(in *plan.Input) {
			in.Snapshot.UsersVisible, in.Snapshot.Users, in.Roster.People = false, nil, nil
			in.Roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("eve@example.com")}
		}, []string{"members_unseen  "}},
		{"a key that may not list users, and a roster that suspends", func(in *plan.Input) {
			in.Snapshot.Users, in.Snapshot.UsersVisible = nil, false
			in.Roster.Settings.Unlisted = roster.UnlistedSuspend
		}, []string{
			"members_unseen  ", "unknown_membership ada@example.com ", "unknown_membership bob@example.com ",
			"the roster has `unlisted: suspend`; this needs the list of users, which the API key is not allowed to read",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := staffInput()
			in.Roster.People = append([]roster.Person{}, in.Roster.People...)
			tt.in(&in)
			want := append([]string{}, tt.want...)
			got := []string{}
			p := plan.Compute(in)
			isUnknown := func(line string) bool { return strings.HasPrefix(line, "unknown_access") }
			if err := p.CheckAccess(); slices.ContainsFunc(tt.want, isUnknown) != (err != nil) {
				t.Errorf("CheckAccess: %v", err)
			}
			for _, c := range p.Changes {
				if c.LacksAccess() {
					t.Errorf("%s %s is a change without its access", c.Action, c.Email)
				}
			}
			for _, c := range p.Ungrantable {
				if !c.LacksAccess() {
					t.Errorf("%s %s has its access", c.Action, c.Email)
				}
			}
			for _, line := range describe(p) {
				if line != "unlisted owner@example.com " {
					got = append(got, line)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUnsuspendOneOfTwoUsers: two suspended users are one person. orgsync ends only a suspension that it made, and not
// that of an administrator.
func TestUnsuspendOneOfTwoUsers(t *testing.T) {
	t.Parallel()
	const lady = "countess@home.example"
	for _, tt := range []struct {
		name      string
		byOrgsync map[string]string // the users that orgsync suspended, by address
		want      []string          // the ids of the users whose suspension ends
	}{
		{"neither", nil, nil},
		{"the first", map[string]string{ada: "u-ada"}, []string{"u-ada"}},
		{"the first, by an id in upper case", map[string]string{ada: "U-ADA"}, []string{"u-ada"}},
		{"the second", map[string]string{lady: "u-lady"}, []string{"u-lady"}},
		{"both", map[string]string{ada: "u-ada", lady: "u-lady"}, []string{"u-ada"}}, // the other one stays a second user
		{"the first, who had another address", map[string]string{"a@home.example": "u-ada"}, []string{"u-ada"}},
		{"the second, who had another address", map[string]string{"a@home.example": "u-lady"}, []string{"u-lady"}},
		{"the second, who had an address of no entry", map[string]string{"old@home.example": "U-Lady"}, []string{"u-lady"}},
		{"a user who is gone", map[string]string{ada: "u-gone", "a@home.example": "u-gone"}, nil},
		{"the first, by a ledger without ids", map[string]string{ada: ""}, []string{"u-ada"}},
		{"the second, by a ledger without ids", map[string]string{lady: ""}, []string{"u-lady"}},
		{"another address, by a ledger without ids", map[string]string{"a@home.example": ""}, []string{"u-ada"}},
	} {
		in := staffInput()
		in.Roster.People[0] = person(ada, 3, lady, "a@home.example")
		in.Snapshot.Users = append(in.Snapshot.Users, user("u-lady", lady))
		in.Snapshot.Users[0].Suspended, in.Snapshot.Users[4].Suspended = true, true
		for key, id := range tt.byOrgsync {
			r := in.Memory.People[key]
			r.Suspended, r.SuspendedUserID = true, id
			in.Memory.People[key] = r
		}
		var got []string
		for _, c := range plan.Compute(in).Changes {
			if c.Action == plan.Unsuspend {
				got = append(got, c.UserID)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestUnchanged: a person whose last day is over counts as one changed person if orgsync suspends or removes them,
// even if they have two users.
func TestUnchanged(t *testing.T) {
	t.Parallel()
	for policy, want := range map[roster.UnlistedPolicy]int{roster.UnlistedReport: 2, roster.UnlistedSuspend: 1,
		roster.UnlistedRemove: 1} {
		in := staffInput()
		in.Roster.People = []roster.Person{person(ada, 3), person("bob@example.com", 4, "robert@example.com")}
		in.Roster.People[1].Until = roster.DayOf(hours(-100))
		in.Roster.Settings.Unlisted = policy
		in.Snapshot.Users = append(in.Snapshot.Users, user("u-robert", "robert@example.com"),
			user("u-eve", "eve@example.com"))
		if got := plan.Compute(in).Unchanged; got != want {
			t.Errorf("%s: %d are unchanged, want %d", policy, got, want)
		}
	}
}

// TestUnlistedSuspended: a plan that has nothing to do for an unlisted user who is suspended still has the user, for
// status.
func TestUnlistedSuspended(t *testing.T) {
	t.Parallel()
	in := staffInput()
	in.Roster.Settings.Unlisted = roster.UnlistedSuspend
	in.Roster.People = append(in.Roster.People, person("eve@example.com", 9))
	in.Roster.People[2].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
	eve := user("u-eve", "eve@example.com")
	eve.Suspended = true
	in.Snapshot.Users = append(in.Snapshot.Users, eve)
	want := []plan.Notice{{Kind: plan.Unlisted, Email: eve.Email, UserID: "u-eve", Source: "users.yaml:9",
		Since: in.Roster.People[2].Until.End(), Text: eve.Name, Suspended: true}}
	p := plan.Compute(in)
	if diff := cmp.Diff(want, p.UnlistedSuspended, compareAddresses); diff != "" {
		t.Errorf("suspended people (-want +got):\n%s", diff)
	}
	if len(p.Notices)+len(p.Changes) > 0 {
		t.Errorf("the plan has %+v and %+v", p.Notices, p.Changes)
	}
}

// TestUnlistedNotAccepted: a user who has not accepted is reported once, by the invitation if it is listed. The notice
// has the last day of the person.
func TestUnlistedNotAccepted(t *testing.T) {
	t.Parallel()
	in := staffInput()
	in.Roster.People = append(in.Roster.People, person("eve@example.com", 9))
	in.Roster.People[2].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
	eve := user("u-eve", "eve@example.com")
	eve.Accepted = new(bool)
	in.Snapshot.Users = append(in.Snapshot.Users, eve)
	ends := in.Roster.People[2].Until.End()
	byUser := plan.Notice{Kind: plan.Unlisted, Email: eve.Email, UserID: "u-eve", Source: "users.yaml:9", Since: ends,
		Text: eve.Name, NotAccepted: true}
	byInvitation := plan.Notice{Kind: plan.Unlisted, Email: eve.Email, InvitationID: "i1", Source: "users.yaml:9",
		Since: ends, Expires: hours(62)}
	for _, tt := range []struct {
		name        string
		invitations []org.Invitation
		want        plan.Notice
	}{
		{"listed", []org.Invitation{invitation("i1", "eve@example.com", org.StatusPending, -10)}, byInvitation},
		{"expired", []org.Invitation{invitation("i1", "eve@example.com", org.StatusPending, -80)}, byUser},
		{"not listed", nil, byUser},
	} {
		in.Snapshot.Invitations = tt.invitations
		if diff := cmp.Diff([]plan.Notice{tt.want}, plan.Compute(in).Notices, compareAddresses); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestUnlistedUsers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   func(*plan.Input)
		want []string
	}{
		{"report", func(in *plan.Input) { in.Roster.Settings.Unlisted = roster.UnlistedReport },
			[]string{"unlisted eve@example.com "}},
		{"suspend", func(in *plan.Input) { in.Roster.Settings.Unlisted = roster.UnlistedSuspend },
			[]string{"suspend eve@example.com unlisted"}},
		{"remove", func(in *plan.Input) {}, []string{"remove eve@example.com unlisted"}},
		{"the user may have accepted an invitation whose status is not understood", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			inv := invitation("i1", "eva@example.com", org.StatusUnknown, -10)
			inv.StatusText, inv.Registered = "Joined", org.MustParseAddress("eve@example.com")
			in.Snapshot.Invitations = []org.Invitation{inv}
		}, []string{"needs_attention eva@example.com Joined", "unlisted eve@example.com "}},
		{"only a lost mail to the user, and a person who may be the user", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("cyd@example.com", 9))
			mail := lost(5, -1)
			mail.Email = "eve@example.com"
			addMails(in, mail)
			in.Memory.People["cyd@example.com"] = org.PersonRecord{Joined: true}
		}, []string{"left cyd@example.com ", "unlisted_kept cyd@example.com ", "unlisted eve@example.com "}},
		{"a pending invitation to a former person names the user", func(in *plan.Input) {
			in.Roster.Settings.UnlistedAfter = 24 * time.Hour
			in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, Unlisted: true}
			inv := invitation("i1", "eva@example.com", org.StatusPending, -10)
			inv.Registered = org.MustParseAddress("eve@example.com")
			in.Snapshot.Invitations = []org.Invitation{inv}
		}, []string{"unlisted eva@example.com ", "unlisted eve@example.com "}},
		{"the user may be a service user", func(in *plan.Input) {
			in.Snapshot.Users[4].ServiceUnknown = true
		}, []string{"unlisted eve@example.com "}},
		{"the user may be a service user, but the ledger knows them", func(in *plan.Input) {
			in.Snapshot.Users[4].ServiceUnknown = true
			in.Memory.People["eve@example.com"] = org.PersonRecord{Joined: true, UserID: in.Snapshot.Users[4].ID}
		}, []string{"remove eve@example.com unlisted"}},
		{"the user declined an invitation", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			inv := invitation("i1", "eva@example.com", org.StatusDeclined, -10)
			inv.Registered = org.MustParseAddress("eve@example.com")
			in.Snapshot.Invitations = []org.Invitation{inv}
		}, []string{"remove eve@example.com unlisted", "needs_attention eva@example.com declined"}},
		{"an invitation that the user accepted before was cancelled", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			inv := invitation("i1", "eva@example.com", org.StatusCancelled, -10)
			inv.Registered = org.MustParseAddress("eve@example.com")
			in.Snapshot.Invitations = []org.Invitation{inv}
		}, []string{"remove eve@example.com unlisted", "needs_attention eva@example.com cancelled"}},
		{"suspend a user who is suspended", func(in *plan.Input) {
			in.Roster.Settings.Unlisted = roster.UnlistedSuspend
			in.Snapshot.Users[4].Suspended = true
		}, []string{}}, // see TestUnlistedSuspended
		{"suspend a user whose status is not understood", func(in *plan.Input) {
			in.Roster.Settings.Unlisted = roster.UnlistedSuspend
			in.Snapshot.Users[4].Suspended, in.Snapshot.Users[4].StatusText = true, "Locked"
		}, []string{"unlisted eve@example.com "}},
		{"remove a user who is suspended", func(in *plan.Input) { in.Snapshot.Users[4].Suspended = true },
			[]string{"remove eve@example.com unlisted"}},
		{"remove a user whose status is not understood", func(in *plan.Input) {
			in.Snapshot.Users[4].Suspended, in.Snapshot.Users[4].StatusText = true, "Locked"
		}, []string{"remove eve@example.com unlisted"}},
		{"the last day of the user is over", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eve@example.com", 9))
			in.Roster.People[2].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
		}, []string{"remove eve@example.com unlisted"}},
		{"the last day of the user is today", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eve@example.com", 9))
			in.Roster.People[2].Until = roster.DayOf(time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC))
			in.Memory.People["eve@example.com"] = org.PersonRecord{Joined: true}
		}, []string{"ends_soon eve@example.com 2026-06-10"}},
		{"never remove service users", func(in *plan.Input) { in.Snapshot.Users[4].Service = true }, []string{}},
		{"never remove the key's own user", func(in *plan.Input) {
			in.Snapshot.Self = org.MustParseAddress("Eve@example.com")
		},
			[]string{"remove owner@example.com unlisted"}},
		{"remove nobody if the key's own user is not known", func(in *plan.Input) {
			in.Snapshot.Self = org.Address{}
		}, []string{
			"self_unseen  ", "unlisted eve@example.com ", "unlisted owner@example.com ",
		}},
		{"remove nobody if the key's own user and an address are not known", func(in *plan.Input) {
			in.Snapshot.Self, in.Snapshot.Users[4].Email = org.Address{}, org.Address{}
		}, []string{"self_unseen  ", "unlisted  ", "unlisted owner@example.com "}},
		{"never remove protected people", func(in *plan.Input) {
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("EVE@example.com")}
		}, []string{"unlisted eve@example.com "}},
		{"a protected address that no user has", func(in *plan.Input) {
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("eve@exmaple.com"), org.MustParseAddress(ada)}
		}, []string{"remove eve@example.com unlisted", "protected_unseen eve@exmaple.com "}},
		{"a protected address that the roster has too", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("eva@example.com")}
		}, []string{"invite eva@example.com not_invited", "remove eve@example.com unlisted"}},
		{"a protected address that was invited", func(in *plan.Input) {
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("eva@example.com")}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusExpired, -100)}
		}, []string{"remove eve@example.com unlisted"}},
		{"remove nobody while a person accepted and is no user that the ledger knows", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusAccepted, -100)}
		}, []string{"left eva@example.com ", "unlisted_kept eva@example.com ", "unlisted eve@example.com "}},
		{"remove nobody while a person accepted and may be a user that orgsync removed before", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusAccepted, -100)}
			in.Memory.People["eve@example.com"] = org.PersonRecord{Joined: true, Removed: true, UserID: "u-eve"}
		}, []string{"left eva@example.com ", "unlisted_kept eva@example.com ", "unlisted eve@example.com "}},
		{"the person who accepted was removed by orgsync, so the user is another person", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusAccepted, -100)}
			in.Memory.People["eva@example.com"] = org.PersonRecord{Removed: true, RemovedAt: hours(-50)}
		}, []string{"invite eva@example.com listed_again", "remove eve@example.com unlisted"}},
		{"the person who accepted had another user and left", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusAccepted, -100)}
			in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, UserID: "u-eva"}
		}, []string{"remove eve@example.com unlisted", "left eva@example.com "}},
		{"remove nobody while a person who had another user accepted a later mail and is no user", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusAccepted, -100)}
			in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, UserID: "u-eva",
				Mails: []org.Mail{sent(1, "i1", -100)}}
		}, []string{"left eva@example.com ", "unlisted_kept eva@example.com ", "unlisted eve@example.com "}},
		{"remove nobody while a person who had another user accepted an invitation that somebody else sent later",
			func(in *plan.Input) {
				in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
				in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusAccepted, -100)}
				in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, JoinedAt: hours(-200), UserID: "u-eva"}
			}, []string{"left eva@example.com ", "unlisted_kept eva@example.com ", "unlisted eve@example.com "}},
		{"the same, and the list has no date of creation", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusAccepted, -100)}
			in.Snapshot.Invitations[0].Created = time.Time{}
			in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, JoinedAt: hours(-200), UserID: "u-eva"}
		}, []string{"left eva@example.com ", "unlisted_kept eva@example.com ", "unlisted eve@example.com "}},
		{"the same, and the invitation is older than what the ledger has", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusAccepted, -100)}
			in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, JoinedAt: hours(-50), UserID: "u-eva"}
		}, []string{"remove eve@example.com unlisted", "left eva@example.com "}},
		{"remove nobody while a person who had another user joined later as an unknown user", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, JoinedAt: hours(-50), JoinedSequence: 9,
				UserID: "u-eva", UserSequence: 3}
		}, []string{"left eva@example.com ", "unlisted_kept eva@example.com ", "unlisted eve@example.com "}},
		{"the same, and the list says with which address", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusAccepted, -100)}
			in.Snapshot.Invitations[0].Registered = org.MustParseAddress("eva@home.example")
			in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, JoinedAt: hours(-200), UserID: "u-eva"}
		}, []string{"remove eve@example.com unlisted", "left eva@example.com "}},
		{"remove nobody while a person accepted, is no user that the ledger knows, and is invited again",
			func(in *plan.Input) {
				in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
				in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusAccepted, -100),
					invitation("i2", "eva@example.com", org.StatusPending, -10)}
			}, []string{"unlisted_kept eva@example.com ", "waiting eva@example.com ", "unlisted eve@example.com "}},
		{"remove nobody while the list shows only an answer from before the mail", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			inv := invitation("i1", "eva@example.com", org.StatusDeclined, -400)
			inv.Responded = hours(-390)
			in.Snapshot.Invitations = []org.Invitation{inv}
			m := sent(9, "i1", -1)
			m.Email = "eva@example.com"
			addMails(in, m)
		}, []string{"possible_alias eva@example.com eve@example.com", "unlisted_kept eva@example.com ",
			"waiting eva@example.com ", "unlisted eve@example.com "}},
		{"remove nobody while a person accepted a mail, is no user, and declined another invitation",
			func(in *plan.Input) {
				in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
				in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusAccepted, -100),
					invitation("i2", "eva@example.com", org.StatusDeclined, -10)}
				in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, UserID: "u-eva",
					Mails: []org.Mail{sent(1, "i1", -100)}}
				in.Snapshot.Invitations[0].Responded = hours(-90)
			}, []string{"needs_attention eva@example.com declined", "unlisted_kept eva@example.com ",
				"unlisted eve@example.com "}},
		{"remove nobody while a person was a member, is no user that the ledger knows, and is invited again",
			func(in *plan.Input) {
				in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
				in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusPending, -10)}
				in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, JoinedAt: hours(-50)}
			}, []string{"unlisted_kept eva@example.com ", "waiting eva@example.com ", "unlisted eve@example.com "}},
		{"remove nobody while an invitation has an unknown status, and there is a newer one", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusUnknown, -100),
				invitation("i2", "eva@example.com", org.StatusPending, -10)}
		}, []string{"unlisted_kept eva@example.com ", "waiting eva@example.com ", "unlisted eve@example.com "}},
		{"the person was a member, was removed by orgsync, and is invited again", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusPending, -10)}
			in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-50)}
		}, []string{"remove eve@example.com unlisted", "waiting eva@example.com "}},
		{"remove nobody while the invitation of a mailed person is not listed", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Memory.People["eva@example.com"] = org.PersonRecord{Mails: []org.Mail{sent(1, "i1", -1)}}
			in.Memory.People["eve@example.com"] = org.PersonRecord{Unlisted: true, Mails: []org.Mail{sent(3, "i2", -100)}}
		}, []string{
			"possible_alias eva@example.com eve@example.com", "unlisted_kept eva@example.com ", "waiting eva@example.com ",
			"unlisted eve@example.com ",
		}},
		{"remove nobody while the invitation of a mailed person with the address of a service user is not listed",
			func(in *plan.Input) {
				in.Roster.People = append(in.Roster.People, person("robot@example.com", 9))
				in.Memory.People["robot@example.com"] = org.PersonRecord{Mails: []org.Mail{sent(1, "i1", -1)}}
			}, []string{"unlisted eve@example.com ", "needs_attention robot@example.com ", "unlisted_kept robot@example.com "}},
		{"the user may have accepted their own invitation", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Memory.People["eva@example.com"] = org.PersonRecord{Mails: []org.Mail{sent(1, "i1", -1)}}
			in.Memory.People["eve@example.com"] = org.PersonRecord{Unlisted: true, Mails: []org.Mail{sent(3, "i2", -10)}}
		}, []string{"remove eve@example.com unlisted", "waiting eva@example.com "}},
		{"remove nobody while a mail that counts as not sent may have been accepted", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusPending, -10)}
			in.Memory.People["eva@example.com"] = org.PersonRecord{AssumedNotSent: true}
		}, []string{"unlisted_kept eva@example.com ", "waiting eva@example.com ", "unlisted eve@example.com "}},
		{"remove nobody while a mail to one of two addresses that counts as not sent may have been accepted",
			func(in *plan.Input) {
				in.Roster.People = append(in.Roster.People, person("eva@example.com", 9, "evita@example.com"))
				in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusPending, -10)}
				in.Memory.People["eva@example.com"] = org.PersonRecord{AssumedNotSent: true}
				in.Memory.People["evita@example.com"] = org.PersonRecord{EverMailed: true}
			}, []string{"unlisted_kept eva@example.com ", "waiting eva@example.com ", "unlisted eve@example.com "}},
		{"the mail was not accepted, by a list with accepted invitations", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eva@example.com", org.StatusPending, -10),
				invitation("i2", ada, org.StatusAccepted, -10)}
			in.Memory.People["eva@example.com"] = org.PersonRecord{AssumedNotSent: true}
		}, []string{"remove eve@example.com unlisted", "waiting eva@example.com "}},
		{"a protected address that no user has, and the roster takes nothing from people", func(in *plan.Input) {
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("eve@exmaple.com")}
			in.Roster.Settings.Unlisted = roster.UnlistedReport
		}, []string{"unlisted eve@example.com "}},
		{"never remove a person with a protected alias, whose last day is over", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eve@example.com", 9, "eva@example.com"))
			in.Roster.People[2].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("eva@example.com")}
		}, []string{"unlisted eve@example.com "}},
		{"never remove protected people, whichever of their users has the protected address", func(in *plan.Input) {
			e := person("eve@example.com", 9, "eva@example.com")
			e.Until = roster.DayOf(hours(-100))
			in.Roster.People = append(in.Roster.People, e)
			in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, UserID: "u-eva"}
			in.Snapshot.Users = append(in.Snapshot.Users, user("u-eva", "eva@home.example"))
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("eva@home.example")}
		}, []string{"unlisted eva@home.example ", "unlisted eve@example.com "}},
		{"never remove protected people, whichever of their users had the protected address", func(in *plan.Input) {
			e := person("eve@example.com", 9, "eva@example.com")
			e.Until = roster.DayOf(hours(-100))
			in.Roster.People = append(in.Roster.People, e)
			in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, UserID: "u-eva"}
			in.Memory.People["eva@home.example"] = org.PersonRecord{Joined: true, UserID: "u-eva"}
			in.Snapshot.Users = append(in.Snapshot.Users, user("u-eva", "eva@new.example"))
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("eva@home.example")}
		}, []string{"unlisted eva@new.example ", "unlisted eve@example.com "}},
		{"never remove protected people whose earlier user, who is gone, had the protected address", func(in *plan.Input) {
			in.Memory.People["eve@example.com"] = org.PersonRecord{Joined: true, UserID: "u-eva"}
			in.Memory.People["eva@home.example"] = org.PersonRecord{Joined: true, UserID: "u-eva"}
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("eva@home.example")}
		}, []string{"unlisted eve@example.com "}},
		{"never remove protected people who accepted with another address", func(in *plan.Input) {
			r := invitation("i1", "eva@example.com", org.StatusAccepted, -100)
			r.Registered = org.MustParseAddress("eve@example.com")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Roster.Settings.Protected = []org.Address{r.Invited}
		}, []string{"unlisted eve@example.com "}},
		{"never remove a user who accepted with a protected address, and has another address now", func(in *plan.Input) {
			r := invitation("i1", "eve@example.com", org.StatusAccepted, -100)
			r.Registered = org.MustParseAddress("eva@example.com")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Roster.Settings.Protected = []org.Address{r.Registered}
		}, []string{"unlisted eve@example.com "}},
		{"never remove protected people who accepted with another address, whose last day is over", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9, "evita@example.com"))
			in.Roster.People[2].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
			r := invitation("i1", "eva@example.com", org.StatusAccepted, -100)
			r.Registered = org.MustParseAddress("eve@example.com")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("evita@example.com")}
		}, []string{"unlisted eve@example.com "}},
		{"never remove protected people who have another address in the ledger", func(in *plan.Input) {
			in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, UserID: "u-eve", Unlisted: true}
			in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("eva@example.com")}
		}, []string{"unlisted eve@example.com "}},
		{"the last day is over, of a person who accepted with another address", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			in.Roster.People[2].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
			r := invitation("i1", "eva@example.com", org.StatusAccepted, -100)
			r.Registered = org.MustParseAddress("eve@example.com")
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"remove eve@example.com unlisted"}},
		{"never remove a person who is listed again under the address in the ledger", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eve@example.com", 9), person("eva@example.com", 10))
			in.Roster.People[2].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
			in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, UserID: "u-eve"}
		}, []string{"other_address eva@example.com eve@example.com"}},
		{"never remove a person who has the user by an alias in the ledger", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "countess@example.com")
			in.Memory.People["countess@example.com"] = org.PersonRecord{Joined: true, UserID: "u-eve"}
		}, []string{"unlisted eve@example.com "}},
		{"a member who changed their address is not unlisted", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users[1:4:4], user("u-ada", "countess@home.example"))
		}, []string{"other_address ada@example.com countess@home.example"}},
		{"never remove a user without an address", func(in *plan.Input) { in.Snapshot.Users[4].Email = org.Address{} },
			[]string{"unlisted  "}},
		{"never remove the last administrator", func(in *plan.Input) {
			in.Snapshot.Users[4].Admin = true
			in.Snapshot.Users[1].Admin, in.Snapshot.Users[2].Admin = false, false
		}, []string{"unlisted eve@example.com "}},
		{"remove an administrator if another one stays", func(in *plan.Input) { in.Snapshot.Users[4].Admin = true },
			[]string{"remove eve@example.com unlisted"}},
		{"never remove an administrator if the other one is suspended", func(in *plan.Input) {
			in.Snapshot.Users[4].Admin, in.Snapshot.Users[1].Suspended = true, true
			in.Snapshot.Users[2].Admin = false
		}, []string{"suspended bob@example.com ", "unlisted eve@example.com "}},
		{"remove nobody if the roster does not name the organization", func(in *plan.Input) {
			in.Roster.Organization = ""
		}, []string{"unlisted eve@example.com "}},
		{"never remove a user without an id", func(in *plan.Input) { in.Snapshot.Users[4].ID = "" },
			[]string{"unlisted eve@example.com "}},
		{"a person who accepted with another address is not unlisted", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("eva@example.com", 9))
			r := invitation("i1", "eva@example.com", org.StatusAccepted, -10)
			r.Registered = org.MustParseAddress("eve@example.com")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true}
		}, []string{"other_address eva@example.com eve@example.com"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := staffInput()
			in.Snapshot.Users = append(in.Snapshot.Users, user("u-eve", "eve@example.com"))
			in.Roster.Settings.Unlisted = roster.UnlistedRemove
			tt.in(&in)
			if diff := cmp.Diff(tt.want, describe(plan.Compute(in))); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNameOfTwoGroupsAndKnownID: the ledger has the id of a group with a name that two groups have. The name is still
// ambiguous, because a group counts as renamed only if no group has the old name.
func TestNameOfTwoGroupsAndKnownID(t *testing.T) {
	t.Parallel()
	in := newInput()
	in.Roster.People[0].Groups = []roster.Ref{{Name: "dev", At: roster.Position{File: "users.yaml", Line: 4}}}
	in.Snapshot.Users = []org.User{user("u1", ada)}
	in.Snapshot.Access = []org.Access{{Kind: org.KindGroup, ID: "g1", Name: "dev"}, {Kind: org.KindGroup, ID: "g2",
		Name: "dev"}}
	in.Memory.Access = map[org.AccessName]string{{Kind: org.KindGroup, Name: "dev"}: "g1"}
	p := plan.Compute(in)
	if len(p.Changes) != 0 || len(p.Notices) != 1 || !p.Notices[0].Holds() ||
		!strings.Contains(p.Notices[0].Text, "name one by its id (\"g1\", \"g2\")") {
		t.Errorf("changes %+v, notices %+v", p.Changes, p.Notices)
	}
}

// TestFormerAddress: the ledger has the address that an unlisted user had before. The user is still the person of the
// roster with this address, and is still protected by it.
func TestFormerAddress(t *testing.T) {
	t.Parallel()
	in := staffInput()
	in.Roster.Settings.Unlisted = roster.UnlistedRemove
	in.Snapshot.Users = append(in.Snapshot.Users, user("u-eve", "eve@home.example"))
	in.Memory.Unlisted = map[string]org.Sighting{"u-eve": {Email: "eve@example.com", Sequence: 3, At: hours(-100)}}
	in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("eve@example.com")}
	want := []string{"unlisted eve@home.example "}
	if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
		t.Errorf("protected (-want +got):\n%s", diff)
	}
	in.Roster.Settings.Protected = []org.Address{org.MustParseAddress("eva@example.com")}
	in.Roster.People = append(in.Roster.People, person("eve@example.com", 9, "eva@example.com"))
	in.Roster.People[2].Until = roster.DayOf(hours(-100))
	if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
		t.Errorf("protected by an alias, last day over (-want +got):\n%s", diff)
	}
	in.Roster.Settings.Protected = nil
	in.Roster.People[2] = person("eve@example.com", 9)
	p := plan.Compute(in)
	want = []string{"other_address eve@example.com eve@home.example"}
	if diff := cmp.Diff(want, describe(p)); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	joined := org.Fact{Kind: org.FactJoined, Email: "eve@example.com", UserID: "u-eve"}
	if !slices.Contains(p.Facts, joined) {
		t.Errorf("the ledger forgets which user eve is: %+v", p.Facts)
	}
	in.Roster.People[2].Until = roster.DayOf(hours(-100))
	want = []string{"remove eve@home.example unlisted"}
	if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
		t.Errorf("last day over (-want +got):\n%s", diff)
	}
}

// TestTwoEntriesOfOneUser: the ledger knows one user under the addresses of two entries, and the user has another
// address now. If the last day of one entry is over, the user is the person of the other entry.
func TestTwoEntriesOfOneUser(t *testing.T) {
	t.Parallel()
	for _, ended := range []int{0, 1} {
		in := newInput()
		in.Roster.People = []roster.Person{person(ada, 3), person("countess@example.com", 4)}
		in.Roster.People[ended].Until = roster.DayOf(hours(-100))
		in.Snapshot.Users = []org.User{user("u1", "lovelace@home.example")}
		record := org.PersonRecord{Joined: true, UserID: "u1"}
		in.Memory.People = map[string]org.PersonRecord{ada: record, "countess@example.com": record}
		want := []string{"other_address " + in.Roster.People[1-ended].Email.String() + " lovelace@home.example"}
		if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

// TestLastUserOfAPerson: the person joined twice, with two addresses, and each time as another user. The person is the
// second user, although the address of this user has changed. The order of the addresses makes no difference.
func TestLastUserOfAPerson(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]string{{ada, "lady@example.com"}, {"lady@example.com", ada}} {
		in := newInput()
		in.InviteLeft = true
		in.Roster.People[0] = person(ada, 3, "lady@example.com")
		in.Memory.People = map[string]org.PersonRecord{
			keys[0]: {Joined: true, UserID: "u1", JoinedSequence: 5, UserSequence: 5},
			keys[1]: {Joined: true, UserID: "u2", JoinedSequence: 9, UserSequence: 9},
		}
		in.Snapshot.Users = []org.User{user("u2", "lovelace@home.example")}
		want := []string{"other_address ada@example.com lovelace@home.example"}
		if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
			t.Errorf("last joined with %s (-want +got):\n%s", keys[1], diff)
		}
	}
}

// TestAddressOfAFormerOwner: two people joined as one user, because the second one has the former address of the first.
// The user is the person who joined later. The order of the addresses makes no difference.
func TestAddressOfAFormerOwner(t *testing.T) {
	t.Parallel()
	for _, second := range []string{"a@example.com", "z@example.com"} {
		in := newInput()
		in.Roster.People = append(in.Roster.People, person(second, 4))
		in.Memory.People = map[string]org.PersonRecord{
			ada:    {Joined: true, UserID: "u1", JoinedSequence: 20, UserSequence: 20},
			second: {Joined: true, UserID: "u1", JoinedSequence: 5, UserSequence: 5},
		}
		addMails(&in, org.Mail{Email: second, InvitationID: "i1", Sequence: 30, At: hours(-10), Expires: hours(62)})
		in.Snapshot.Users = []org.User{user("u1", "lovelace@home.example")}
		p := plan.Compute(in)
		if first, other := about(p, ada), about(p, second); first != "other_address" || other != "waiting" {
			t.Errorf("%s: %s, %s: %s", ada, first, second, other)
		}
	}
}

// TestRenamedBesideADeletedGroup: the group of the ledger was renamed, and the API still lists another group with the
// old name, which was deleted. If the group of the ledger was deleted too, the name cannot be used.
func TestRenamedBesideADeletedGroup(t *testing.T) {
	t.Parallel()
	in := staffInput()
	in.Roster.People[0].Groups = refs("gone")
	in.Memory.Access = map[org.AccessName]string{{Kind: org.KindGroup, Name: "gone"}: "g2"}
	want := []string{"grant ada@example.com missing_access group platform",
		`unknown_access  the group "gone" is now named "platform"`}
	if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
		t.Errorf("renamed (-want +got):\n%s", diff)
	}
	in.Memory.Access[org.AccessName{Kind: org.KindGroup, Name: "gone"}] = "g5"
	want = []string{`unknown_access  the group "gone" was deleted`,
		"ungrantable ada@example.com missing_access group gone"}
	if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
	// A group that was deleted does not hide one with the same name, even if the ledger has the id of a third one.
	in.Roster.People[0].Groups = refs("everyone")
	in.Memory.Access = map[org.AccessName]string{{Kind: org.KindGroup, Name: "everyone"}: "g2"}
	deleted := org.Access{Kind: org.KindGroup, ID: "g9", Name: "everyone", Deleted: true}
	in.Snapshot.Access = append(in.Snapshot.Access, deleted)
	want = []string{"grant ada@example.com missing_access group everyone"}
	if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
		t.Errorf("in use (-want +got):\n%s", diff)
	}
}

// TestFormerNameOfAGroup: by the ledger, the roster already used a group under its present name. Then the former
// name no longer means this group: it may be that of a new group, which does not exist yet. Nobody gets the old
// group, and nothing is revoked.
func TestFormerNameOfAGroup(t *testing.T) {
	t.Parallel()
	in := staffInput()
	revokeFromBob(&in)
	in.Roster.People[0].Groups = refs("contractors")
	in.Snapshot.Access[1].Name = "admins"
	in.Roster.Teams[0].Groups = refs("everyone", "admins")
	in.Memory.Access = map[org.AccessName]string{{Kind: org.KindGroup, Name: "contractors"}: "g2",
		{Kind: org.KindRole, Name: "admins"}: "g2", {Kind: org.KindGroup, Name: "everyone"}: "g1"}
	want := []string{"grant ada@example.com missing_access group admins",
		"revoke bob@example.com extra_access group everyone as m-bob",
		`unknown_access  the group "contractors" is now named "admins"`}
	if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
		t.Errorf("just renamed (-want +got):\n%s", diff)
	}
	in.Memory.Access[org.AccessName{Kind: org.KindGroup, Name: "admins"}] = "g2"
	want = []string{
		`unknown_access  the organization has no group named "contractors"; it has "admins", "everyone", "twins", "twins"`,
		"extra_access bob@example.com group everyone",
		"ungrantable ada@example.com missing_access group contractors"}
	if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
		t.Errorf("renamed long ago (-want +got):\n%s", diff)
	}
}

// TestIDsInOtherLetters: the API now writes the ids of users in upper case, and the address of a person of the roster
// has changed. The person is not removed.
func TestIDsInOtherLetters(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]func(*org.Memory){
		"joined": func(m *org.Memory) {
			m.People[ada] = org.PersonRecord{Joined: true, UserID: "u-ada", JoinedSequence: 1, UserSequence: 1}
		},
		"seen as unlisted": func(m *org.Memory) {
			delete(m.People, ada)
			m.Unlisted = map[string]org.Sighting{"u-ada": {Email: ada, Sequence: 1}}
		},
	} {
		in := staffInput()
		in.Roster.Settings.Unlisted, in.Roster.Settings.MaxRemovals = roster.UnlistedRemove, 5
		in.Snapshot.PinConfirmed = true
		record(&in.Memory)
		in.Snapshot.Users[0] = user("U-ADA", "countess@home.example")
		got := describe(plan.Compute(in))
		want := []string{"other_address ada@example.com countess@home.example"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: plan (-want +got):\n%s", name, diff)
		}
	}
}
