package plan_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// TestDrift: an update changes only the access that the roster manages, so that the entry has what the member has.
func TestDrift(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for _, tt := range []struct {
		name   string
		in     func(*plan.Input)
		unseen []org.Kind
		want   []string
	}{
		{"nothing differs", func(in *plan.Input) {
			in.Roster.People[1].Groups, in.Roster.People[1].Roles = refs("everyone"), refs("deployer")
		}, nil, nil},
		{"not managed", func(*plan.Input) {}, nil, nil},
		{"some access more, and some less", func(in *plan.Input) {
			in.Roster.People[1].Groups, in.Roster.People[1].Roles = refs("platform", "no-such"), refs()
		}, nil, []string{"bob@example.com add [group [everyone] role [deployer]] remove [group [platform no-such]]"}},
		{"more access, with a name and an id that a roster cannot have", func(in *plan.Input) {
			in.Snapshot.Access = append(in.Snapshot.Access, org.Access{Kind: org.KindGroup, ID: "a\tb", Name: "two\nlines",
				Holders: map[string]string{"u-bob": "m-bob"}})
			in.Roster.People[1].Groups = refs("everyone")
		}, nil, []string{`# bob@example.com has the group "two\nlines", which a roster cannot name`}},
		{"the API does not say who has the group", func(in *plan.Input) {
			in.Snapshot.Access = append(in.Snapshot.Access, unreadable(org.KindGroup, "g9", "hidden"))
			in.Roster.People[1].Groups = refs("everyone", "hidden")
		}, nil, nil},
		{"the API does not say who has the group, which is named by its id", func(in *plan.Input) {
			in.Snapshot.Access = append(in.Snapshot.Access, unreadable(org.KindGroup, "g9", "hidden"))
			in.Roster.People[1].Groups = refs("everyone", "g9")
		}, nil, nil},
		{"the API does not say who has the group, which was renamed", func(in *plan.Input) {
			in.Snapshot.Access = append(in.Snapshot.Access, unreadable(org.KindGroup, "g9", "hidden now"))
			in.Memory.Access = map[org.AccessName]string{{Kind: org.KindGroup, Name: "hidden"}: "g9"}
			in.Roster.People[1].Groups = refs("everyone", "hidden")
		}, nil, nil},
		{"the API does not say who has another group", func(in *plan.Input) {
			in.Snapshot.Access = append(in.Snapshot.Access, unreadable(org.KindGroup, "g9", "hidden"))
			in.Roster.People[1].Groups, in.Roster.People[1].Roles = refs("everyone", "gone"), refs("deployer", "hidden")
		}, nil, []string{"bob@example.com remove [group [gone] role [hidden]]"}},
		{"named by the id", func(in *plan.Input) { in.Roster.People[1].Groups = refs("g1") }, nil, nil},
		{"API access", func(in *plan.Input) {
			in.Roster.People[1].APIEnabled, in.Snapshot.Users[1].APIEnabled = &no, &yes
		}, nil, []string{"bob@example.com api true"}},
		{"API access is as in the roster", func(in *plan.Input) {
			in.Roster.People[1].APIEnabled, in.Snapshot.Users[1].APIEnabled = &yes, &yes
		}, nil, nil},
		{"API access that the roster does not manage", func(in *plan.Input) {
			in.Snapshot.Users[1].APIEnabled = &yes
		}, nil, nil},
		{"API access that the list of users does not have", func(in *plan.Input) {
			in.Roster.People[1].APIEnabled = &yes
		}, nil, nil},
		{"the key may not read groups", func(in *plan.Input) { in.Roster.People[1].Groups = refs("platform") },
			[]org.Kind{org.KindGroup}, nil},
		{"the defaults give a group that the member does not have", func(in *plan.Input) {
			in.Roster.Defaults.Groups, in.Roster.People[1].Groups = refs("platform"), refs("platform", "everyone")
		}, nil, []string{`# bob@example.com does not have the group "platform", which the defaults or a team give them: ` +
			`apply gives it to them`}},
		{"a team gives a group that the member does not have", func(in *plan.Input) {
			in.Roster.Teams = []roster.Team{
				{Name: "ops", Access: roster.Access{Groups: refs("platform")}},
				{Name: "dev", Access: roster.Access{Groups: refs("everyone")}},
			}
			in.Roster.People[1].Groups = refs("platform", "everyone")
			in.Roster.People[1].Teams = []roster.Membership{{Team: "ops"}}
		}, nil, []string{`# bob@example.com does not have the group "platform", which the defaults or a team give them: ` +
			`apply gives it to them`}},
		{"a team gave the group until yesterday", func(in *plan.Input) {
			in.Roster.Teams = []roster.Team{{Name: "ops", Access: roster.Access{Groups: refs("everyone"), Roles: refs()}}}
			yesterday := roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
			p := &in.Roster.People[1]
			p.Teams = []roster.Membership{{Team: "ops", Until: yesterday}}
			p.Groups, p.Roles = refs("everyone"), refs()
			p.Groups[0].Until = yesterday
		}, nil, []string{"bob@example.com add [role [deployer]]", `# bob@example.com still has the group "everyone", ` +
			"which a team gave them until 2026-06-09, so it is not added to their entry"}},
		{"other teams give the group", func(in *plan.Input) {
			in.Roster.Teams = []roster.Team{
				{Name: "ops", Access: roster.Access{Groups: refs("platform")}},
				{Name: "dev", Access: roster.Access{Groups: refs("everyone")}},
			}
			in.Roster.People[1].Groups = refs("platform", "everyone")
			in.Roster.People[1].Teams = []roster.Membership{{Team: "dev"}}
		}, nil, []string{"bob@example.com remove [group [platform]]"}},
		{"suspended", func(in *plan.Input) {
			in.Snapshot.Users[1].Suspended, in.Roster.People[1].Groups = true, refs()
		}, nil, nil},
		{"a member under an address that the roster does not name", func(in *plan.Input) {
			r := invitation("i1", "bob@example.com", org.StatusAccepted, -10)
			r.Registered = org.MustParseAddress("robert@home.example")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Snapshot.Users[1].Email = r.Registered
			in.Roster.People[1].Groups = refs()
		}, nil, []string{"# bob@example.com is a member as robert@home.example, so their access is not compared: if this " +
			"is the same person, make the address an alias"}},
		{"a member under another address, whose access the roster does not manage", func(in *plan.Input) {
			r := invitation("i1", "bob@example.com", org.StatusAccepted, -10)
			r.Registered = org.MustParseAddress("robert@home.example")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Snapshot.Users[1].Email = r.Registered
		}, nil, nil},
		{"the last day is over", func(in *plan.Input) {
			in.Roster.People[1].Until, in.Roster.People[1].Groups = roster.DayOf(hours(-100)), refs()
		}, nil, nil},
		{"joined since the last apply", func(in *plan.Input) {
			in.Roster.People[1].Groups = refs("platform", "everyone")
			in.Memory.People = map[string]org.PersonRecord{"bob@example.com": {Mails: []org.Mail{
				{Email: "bob@example.com", InvitationID: "i1", At: hours(-1), Sequence: 1},
			}}}
		}, nil, []string{"# bob@example.com has joined since the last apply, so apply has not given them their access " +
			"yet: the entry stays as it is"}},
		{"invited by an administrator, and joined since the last apply", func(in *plan.Input) {
			in.Roster.People[1].Groups = refs("platform", "everyone")
			delete(in.Memory.People, "bob@example.com")
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "bob@example.com", org.StatusAccepted, -10)}
		}, nil, []string{"# bob@example.com has joined since the last apply, so apply has not given them their access " +
			"yet: the entry stays as it is"}},
		{"left, and joined as another user since the last apply", func(in *plan.Input) {
			in.Roster.People[1].Groups = refs("platform", "everyone")
			in.Memory.People["bob@example.com"] = org.PersonRecord{Joined: true, UserID: "u-bob-before"}
		}, nil, []string{"# bob@example.com has joined since the last apply, so apply has not given them their access " +
			"yet: the entry stays as it is"}},
		{"removed by orgsync, and joined since the last apply", func(in *plan.Input) {
			in.Roster.People[1].Groups = refs("platform", "everyone")
			in.Memory.People["bob@example.com"] = org.PersonRecord{Joined: true, UserID: "u-bob", Removed: true,
				RemovedAt: hours(-9)}
		}, nil, []string{"# bob@example.com has joined since the last apply, so apply has not given them their access " +
			"yet: the entry stays as it is"}},
		{"left, was invited again, and joined as the same user since the last apply", func(in *plan.Input) {
			in.Roster.People[1].Groups = refs("platform", "everyone")
			in.Memory.People["bob@example.com"] = org.PersonRecord{Joined: true, JoinedSequence: 1, UserID: "u-bob",
				Mails: []org.Mail{{Email: "bob@example.com", InvitationID: "i1", At: hours(-1), Sequence: 5}}}
		}, nil, []string{"# bob@example.com has joined since the last apply, so apply has not given them their access " +
			"yet: the entry stays as it is"}},
		{"the ledger is empty", func(in *plan.Input) {
			in.Memory = org.Memory{Empty: true}
			in.Roster.People[1].Groups = refs("platform", "everyone")
		}, nil, []string{"bob@example.com remove [group [platform]]"}},
		{"the last change failed", func(in *plan.Input) {
			in.Roster.People[1].Groups = refs("platform", "everyone")
			in.Memory.People["bob@example.com"] = org.PersonRecord{Joined: true, UserID: "u-bob", FailedAt: hours(-9)}
		}, nil, []string{"# the last change to bob@example.com failed, so apply may not have given them their access yet: " +
			"the entry stays as it is"}},
		{"the last change failed, and the person has no API access", func(in *plan.Input) {
			in.Roster.People[1].APIEnabled, in.Snapshot.Users[1].APIEnabled = &yes, &no
			in.Memory.People["bob@example.com"] = org.PersonRecord{Joined: true, UserID: "u-bob", FailedAt: hours(-9)}
		}, nil, []string{"# the last change to bob@example.com failed, so apply may not have given them their access yet: " +
			"the entry stays as it is"}},
		{"the last change failed, but the person has all access of the roster", func(in *plan.Input) {
			in.Roster.People[1].Groups = refs()
			in.Memory.People["bob@example.com"] = org.PersonRecord{Joined: true, UserID: "u-bob", FailedAt: hours(-9)}
		}, nil, []string{"bob@example.com add [group [everyone]]"}},
		{"accepted at an unknown time, and not among the users yet", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users[:1:1], in.Snapshot.Users[2:]...)
			delete(in.Memory.People, "bob@example.com")
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "bob@example.com", org.StatusAccepted, -10)}
		}, nil, nil},
		{"accepted at an unknown time, and the invitation expired long ago", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users[:1:1], in.Snapshot.Users[2:]...)
			delete(in.Memory.People, "bob@example.com")
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "bob@example.com", org.StatusAccepted, -80)}
		}, nil, []string{"bob@example.com left"}},
		{"accepted a moment ago, and not among the users yet", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users[:1:1], in.Snapshot.Users[2:]...)
			inv := invitation("i1", "bob@example.com", org.StatusAccepted, -10)
			inv.Registered, inv.Responded = org.MustParseAddress("bob@example.com"), hours(-0.1)
			in.Snapshot.Invitations = []org.Invitation{inv}
		}, nil, nil},
		{"left", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users[:1:1], in.Snapshot.Users[2:]...)
		}, nil, []string{"bob@example.com left"}},
		{"removed by orgsync and listed again", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users[:1:1], in.Snapshot.Users[2:]...)
			in.Memory.People = map[string]org.PersonRecord{"bob@example.com": {Joined: true, Removed: true,
				RemovedAt: hours(-9)}}
		}, nil, nil},
		{"invited", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("cy@example.com", 9))
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation("i1", "cy@example.com", org.StatusPending, -10))
		}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := staffInput()
			in.Roster.People = append([]roster.Person{}, in.Roster.People...)
			tt.in(&in)
			updates, comments := plan.Drift(in, tt.unseen)
			var got []string
			for _, u := range updates {
				line := u.Email.String()
				if u.APIEnabled != nil {
					line += fmt.Sprint(" api ", *u.APIEnabled)
				}
				for _, list := range []struct {
					word  string
					names map[org.Kind][]string
				}{{"add", u.Add}, {"remove", u.Remove}} {
					var kinds []any
					for _, kind := range org.Kinds {
						if len(list.names[kind]) > 0 {
							kinds = append(kinds, kind, list.names[kind])
						}
					}
					if kinds != nil {
						line += fmt.Sprintf(" %s %v", list.word, kinds)
					}
				}
				if u.Left {
					line += " left"
				}
				got = append(got, line)
			}
			for _, c := range comments {
				got = append(got, "# "+c)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestNewRevocations: a remark names the people who would lose access only because an imported entry names it.
func TestNewRevocations(t *testing.T) {
	t.Parallel()
	const wouldRevoke = `with these changes, apply would revoke the group "everyone" from people whose entry does not ` +
		"have it: ada@example.com"
	strict := func(in *plan.Input) { in.Roster.Settings.ExtraAccess = roster.ExtraAccessRevoke }
	for _, tt := range []struct {
		name string
		in   func(*plan.Input)
		want []string
	}{
		{"a new entry and an update name the group", strict, []string{wouldRevoke}},
		{"only a new entry names the group", func(in *plan.Input) {
			strict(in)
			in.Roster.People = in.Roster.People[:1]
		}, []string{wouldRevoke}},
		{"the roster only reports extra access", func(*plan.Input) {}, nil},
		{"the roster names the group already", func(in *plan.Input) {
			strict(in)
			in.Roster.Teams = []roster.Team{{Name: "all", Access: roster.Access{Groups: refs("everyone")}}}
		}, nil},
		{"the update gives the group to everybody who has it", func(in *plan.Input) {
			strict(in)
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u-ada"}
		}, nil},
		{"the person is protected", func(in *plan.Input) {
			strict(in)
			in.Roster.Settings.Protected = []org.Address{in.Roster.People[0].Email}
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := staffInput()
			delete(in.Memory.People, ada) // she has joined since the last apply
			in.Snapshot.Users = append(in.Snapshot.Users, user("u-cy", "cy@example.com"))
			in.Snapshot.Access[0].Holders["u-ada"], in.Snapshot.Access[0].Holders["u-cy"] = "m-ada", "m-cy"
			in.Roster.People[0].Groups, in.Roster.People[1].Groups = refs(), refs()
			tt.in(&in)
			updates, _ := plan.Drift(in, nil)
			before := clone(in)
			got := plan.NewRevocations(in, plan.DraftRoster(in, nil).Entries, updates)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(before.Roster, in.Roster); diff != "" {
				t.Errorf("the roster has changed:\n%s", diff)
			}
		})
	}
}
