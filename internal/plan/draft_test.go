package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// inputWithoutRoster returns the input of [staffInput] with an empty roster.
func inputWithoutRoster() plan.Input {
	in := staffInput()
	in.Roster.People = nil
	yes := true
	in.Snapshot.Users[0].Name, in.Snapshot.Users[1].APIEnabled = "Ada", &yes
	in.Snapshot.Users[3].Name = "robot"
	in.Memory = org.Memory{}
	return in
}

// describeDraft returns a line for each entry and comment of a draft.
func describeDraft(d roster.Draft) []string {
	var all []string
	names := func(label string, refs []roster.Ref) string {
		text := ""
		for _, r := range refs {
			text += " " + label + " " + r.Name
		}
		return text
	}
	for _, e := range d.Entries {
		line := e.Email.String()
		if e.Name != "" {
			line += " (" + e.Name + ")"
		}
		for _, a := range e.Aliases {
			line += " alias " + a.String()
		}
		if e.APIEnabled != nil {
			line += fmt.Sprintf(" api %t", *e.APIEnabled)
		}
		if e.External {
			line += " external"
		}
		line += names("group", e.Groups) + names("role", e.Roles) + names("policy", e.Policies)
		if n := len(e.SomeGroups); n > 0 {
			line += fmt.Sprintf(" in %d teams", n)
		}
		for _, r := range e.Comments {
			line += " # " + r
		}
		all = append(all, line)
	}
	for _, r := range d.Comments {
		all = append(all, "# "+r)
	}
	return all
}

const (
	aboutOwner  = "# owner@example.com is not listed: orgsync never suspends or removes the user of the API key"
	aboutRobot  = "# service users are not listed: robot"
	aboutGone   = "# deleted groups have no members: gone"
	aboutRobert = "# bob@example.com is not listed: it is another address of robert@example.com, whose last day is over"
	aboutRole   = "# assumable roles are taken on for a session and cannot be given to a person: auditor"
)

// accepted returns an invitation that was accepted with another address.
func accepted(id, from, as string) org.Invitation {
	r := invitation(id, from, org.StatusAccepted, -80)
	r.Registered = org.MustParseAddress(as)
	return r
}

// TestDraftRoster compares drafts of `orgsync import`. It also checks that a roster with the draft plans no change,
// even with strict settings.
func TestDraftRoster(t *testing.T) {
	t.Parallel()
	const adaLine, bobLine = "ada@example.com (Ada)", "bob@example.com api true group everyone role deployer"
	others := []string{aboutRobot, aboutOwner, aboutGone, aboutRole}
	withOthers := func(people ...string) []string { return append(people, others...) }
	justAccepted := func(who string) string {
		return "# " + who + " is not listed: they accepted a moment ago, and the list of users may not show them yet; " +
			"import them later"
	}
	aliases := ""
	for i := range 20 {
		aliases += fmt.Sprintf(" alias x%02d@example.com", i)
	}
	hundred := ""
	for i := range 99 {
		hundred += fmt.Sprintf(" group a%02d", i)
	}
	hundred += " group everyone"
	tests := []struct {
		name   string
		in     func(*plan.Input)
		unseen []org.Kind
		want   []string
		goes   string // the address of the only person that the plan still removes
	}{
		{"members", func(*plan.Input) {}, nil, withOthers(adaLine, bobLine), ""},
		{"people with a pending invitation", func(in *plan.Input) {
			no := false
			r := invitation("i1", "cy@example.com", org.StatusPending, -10)
			r.APIEnabled = &no
			in.Snapshot.Invitations = []org.Invitation{r, invitation("i2", ada, org.StatusPending, -10)}
		}, nil, withOthers(adaLine, bobLine, "cy@example.com api false"), ""},
		{"people with an expired invitation", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{
				invitation("i1", "cy@example.com", org.StatusPending, -80),
				invitation("i2", "dee@example.com", org.StatusExpired, -80),
				invitation("i3", "eve@example.com", org.StatusDeclined, -10),
				invitation("i4", "flo@example.com", org.StatusAccepted, -80),
			}
		}, nil, []string{adaLine, bobLine, aboutRobot, "# not listed, because their invitation expired and apply would " +
			"send a new one: cy@example.com, dee@example.com", aboutOwner, aboutGone, aboutRole}, ""},
		{"a person who was mailed again, by the ledger", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "cy@example.com", org.StatusPending, -80)}
			in.Memory = org.Memory{
				People: map[string]org.PersonRecord{"cy@example.com": {Mails: []org.Mail{{Email: "cy@example.com",
					InvitationID: "i1", Renewal: true, Sequence: 1, At: hours(-1)}}}}}
		}, nil, withOthers(adaLine, bobLine, "cy@example.com"), ""},
		{"suspended", func(in *plan.Input) {
			in.Snapshot.Users[0].Suspended, in.Snapshot.Users[1].Suspended = true, true
			in.Memory = org.Memory{People: map[string]org.PersonRecord{"bob@example.com": {Suspended: true}}}
		}, nil, []string{
			adaLine + " # suspended: orgsync leaves that as it is", aboutRobot, "# bob@example.com is not listed: orgsync " +
				"suspended them, and would end the suspension of a listed person",
			aboutOwner, aboutGone, aboutRole,
		}, "bob@example.com"},
		{"suspended by orgsync under an earlier address", func(in *plan.Input) {
			in.Snapshot.Users[1].Suspended = true
			in.Memory = org.Memory{People: map[string]org.PersonRecord{
				"bob@home.example": {Suspended: true, SuspendedUserID: "u-bob"},
			}}
		}, nil, []string{adaLine, aboutRobot, "# bob@example.com is not listed: orgsync suspended them, and would end the " +
			"suspension of a listed person", aboutOwner, aboutGone, aboutRole}, "bob@example.com"},
		{"taken out of the roster, and still a member", func(in *plan.Input) {
			in.Memory = org.Memory{People: map[string]org.PersonRecord{"bob@example.com": {Joined: true, Unlisted: true}}}
		}, nil, withOthers(adaLine, bobLine+" # was in the roster before, and was taken out of it"), ""},
		{"suspended by orgsync a moment ago, and still active in the list", func(in *plan.Input) {
			in.Memory = org.Memory{People: map[string]org.PersonRecord{"bob@example.com": {Joined: true, Suspended: true,
				SuspendedAt: hours(-0.1)}}}
		}, nil, []string{adaLine, aboutRobot, "# bob@example.com is not listed: orgsync suspended them, and would end the " +
			"suspension of a listed person", aboutOwner, aboutGone, aboutRole}, "bob@example.com"},
		{"removed by orgsync a moment ago, and still in the list", func(in *plan.Input) {
			in.Memory = org.Memory{People: map[string]org.PersonRecord{"bob@example.com": {Joined: true, Removed: true,
				RemovedAt: hours(-0.1)}}}
		}, nil, []string{adaLine, aboutRobot, "# bob@example.com is not listed: orgsync removed them a moment ago",
			aboutOwner, aboutGone, aboutRole}, "bob@example.com"},
		{"removed by orgsync earlier, and a member again", func(in *plan.Input) {
			in.Memory = org.Memory{People: map[string]org.PersonRecord{"bob@example.com": {Joined: true, Removed: true,
				RemovedAt: hours(-1)}}}
		}, nil, withOthers(adaLine, bobLine), ""},
		{"suspended by orgsync once, and active again", func(in *plan.Input) {
			in.Memory = org.Memory{People: map[string]org.PersonRecord{"bob@example.com": {Joined: true, Suspended: true}}}
		}, nil, withOthers(adaLine, bobLine), ""},
		{"accepted a moment ago, and not among the users yet", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{accepted("i1", "cy@example.com", "cy@home.example"),
				accepted("i2", "dee@example.com", "dee@example.com"), invitation("i3", "eve@example.com", org.StatusExpired, -90),
				accepted("i4", "eve@home.example", "eve@example.com"), accepted("i5", "adele@example.com", ada)}
			for _, i := range []int{0, 3, 4} {
				in.Snapshot.Invitations[i].Responded = hours(-0.1)
			}
			in.Snapshot.Invitations[1].Responded = hours(-1)
		}, nil, []string{adaLine + " # invited as adele@example.com", bobLine, aboutRobot,
			justAccepted("cy@example.com"), justAccepted("eve@home.example"), justAccepted("eve@example.com"),
			aboutOwner, aboutGone, aboutRole}, ""},
		{"accepted with another address", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{accepted("i1", "adele@example.com", ada)}
		}, nil, withOthers(adaLine+" # invited as adele@example.com", bobLine), ""},
		{"accepted with another address, and invited again", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{accepted("i1", "adele@example.com", ada),
				invitation("i2", "adele@example.com", org.StatusPending, -10)}
		}, nil, withOthers(adaLine+" alias adele@example.com", bobLine), ""},
		{"accepted an invitation whose address cannot be read", func(in *plan.Input) {
			r := accepted("i1", "adele@example.com", ada)
			r.Invited = org.Address{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, nil, withOthers(adaLine, bobLine), ""},
		{"two users of one person", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{accepted("i1", "bob@example.com", ada)}
		}, nil,
			withOthers(adaLine + " alias bob@example.com # the user bob@example.com is the same person; the access of that " +
				"user is not listed here"), ""},
		{"names that several groups or policies have", func(in *plan.Input) {
			in.Snapshot.Access[3].Holders, in.Snapshot.Access[7].Holders = map[string]string{"u-ada": ""},
				map[string]string{"u-ada": ""}
			in.Snapshot.Access[7].Name = "read\nonly"
		}, nil, []string{
			adaLine + " group g4 policy p1", bobLine, aboutRobot, aboutOwner,
			`# groups are listed by their id if a roster cannot have their name, or if the name is not unique: g4 is "twins"`,
			`# policies are listed by their id if a roster cannot have their name, or if the name is not unique: p1 is ` +
				`"read\nonly"`,
			aboutGone, aboutRole,
		}, ""},
		{"names that a roster cannot have", func(in *plan.Input) {
			in.Snapshot.Access[0].Name, in.Snapshot.Access[0].ID = "every\none", "g\x00"
			in.Snapshot.Access[6].Holders = map[string]string{"u-ada": ""}
		}, nil, withOthers(
			adaLine+` # has the role "auditor", which a roster cannot name, so that no roles are listed here`,
			`bob@example.com api true role deployer # has the group "every\none", which a roster cannot name, so that no `+
				`groups are listed here`,
		), ""},
		{"roles and policies cannot be read", func(in *plan.Input) {
			in.Snapshot.Access = in.Snapshot.Access[:5]
			in.Snapshot.SuspendedVisible = false
		}, []org.Kind{org.KindRole, org.KindPolicy}, []string{
			adaLine, "bob@example.com api true group everyone", aboutRobot, aboutOwner, "# the key cannot list suspended users",
			"# the key is not allowed to read roles: none are listed",
			"# the key is not allowed to read policies: none are listed", aboutGone,
		}, ""},
		{"users cannot be listed", func(in *plan.Input) {
			in.Snapshot.Users, in.Snapshot.UsersVisible = nil, false
			in.Snapshot.Invitations = []org.Invitation{accepted("i1", ada, ada),
				invitation("i2", "cy@example.com", org.StatusPending, -10),
				invitation("i3", "dee@example.com", org.StatusDeclined, -10)}
		}, nil, []string{
			ada, "cy@example.com", aboutOwner,
			"# the key is not allowed to list users: everybody who accepted an invitation is listed, without their access",
			aboutGone, aboutRole,
		}, ""},
		{"no users except the key's own user", func(in *plan.Input) {
			in.Snapshot.Users = in.Snapshot.Users[2:]
		}, nil, []string{"owner@example.com", aboutRobot, aboutGone, aboutRole}, ""},
		{"no users, not even the key's own user", func(in *plan.Input) {
			in.Snapshot.Users = in.Snapshot.Users[3:]
		}, nil, others, ""},
		{"no users except the key's own user and people who are listed already", func(in *plan.Input) {
			in.Roster.People = []roster.Person{person(ada, 3), person("bob@example.com", 4)}
		}, nil, others, ""},
		{"the key's own user is unknown", func(in *plan.Input) {
			in.Snapshot.Self = org.Address{}
		}, nil, []string{adaLine, bobLine, "owner@example.com", aboutRobot, aboutGone, aboutRole}, ""},
		{"invitations of the key's own user", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "owner@example.com", org.StatusPending, -10)}
		}, nil, withOthers(adaLine, bobLine), ""},
		{"an invitation to another address of the key's own user", func(in *plan.Input) {
			r := invitation("i1", "boss@example.com", org.StatusPending, -10)
			r.Registered = in.Snapshot.Self
			in.Snapshot.Invitations = []org.Invitation{r}
		}, nil, withOthers(adaLine, bobLine), ""},
		{"addresses that cannot be read", func(in *plan.Input) {
			in.Snapshot.Users[0].Email = org.Address{}
			in.Snapshot.Invitations = []org.Invitation{{ID: "i1", Status: org.StatusPending}}
		}, nil, []string{
			bobLine, aboutRobot, "# users with an address that cannot be read are not listed: Ada",
			"# the invitation i1 is for an address that cannot be read",
			aboutOwner, aboutGone, aboutRole,
		}, ""},

		{"groups in another order, and as many as an entry may have", func(in *plan.Input) {
			for i := range 99 {
				in.Snapshot.Access = append(in.Snapshot.Access, org.Access{Kind: org.KindGroup, ID: fmt.Sprint("x", i),
					Name: fmt.Sprintf("a%02d", i), Holders: map[string]string{"u-bob": ""}})
			}
		}, nil, withOthers(adaLine, "bob@example.com api true"+hundred+" role deployer"), ""},
		{"more groups than an entry may have", func(in *plan.Input) {
			for i := range 101 {
				in.Snapshot.Access = append(in.Snapshot.Access, org.Access{
					Kind: org.KindGroup, ID: fmt.Sprint("x", i), Name: fmt.Sprint("x", i), Holders: map[string]string{"u-ada": ""},
				})
			}
		}, nil, withOthers(adaLine+" in 101 teams # has 101 groups, more than an entry may have, so that no groups are "+
			"listed here", bobLine), ""},
		{"more addresses than an entry may have", func(in *plan.Input) {
			in.Snapshot.Users, in.Snapshot.UsersVisible = nil, false
			for i := range 22 {
				r := invitation(fmt.Sprint("i", i), fmt.Sprintf("x%02d@example.com", i), org.StatusAccepted, -10)
				r.Registered = org.MustParseAddress(ada)
				in.Snapshot.Invitations = append(in.Snapshot.Invitations, r)
			}
		}, nil, []string{
			"x00@example.com" + aliases[len(" alias x00@example.com"):] + " alias x20@example.com",
			"# x00@example.com has 1 addresses more than an entry may have", aboutOwner,
			"# the key is not allowed to list users: everybody who accepted an invitation is listed, without their access",
			aboutGone, aboutRole,
		}, ""},

		{"people who are listed already", func(in *plan.Input) {
			in.Roster.People = []roster.Person{person("adele@example.com", 3), person("owner@example.com", 4)}
			in.Snapshot.Invitations = []org.Invitation{accepted("i1", "adele@example.com", ada),
				invitation("i2", "adele@example.com", org.StatusPending, -10)}
		}, nil, []string{bobLine, aboutRobot, aboutGone, aboutRole}, ""},
		{"people whose last day is over", func(in *plan.Input) {
			in.Roster.People = []roster.Person{person(ada, 3)}
			in.Roster.People[0].Until = roster.DayOf(hours(-100))
		}, nil, withOthers(bobLine), ada},
		{"another address of a person whose last day is over", func(in *plan.Input) {
			in.Roster.People = []roster.Person{person("robert@example.com", 3)}
			in.Roster.People[0].Until = roster.DayOf(hours(-100))
			in.Snapshot.Invitations = []org.Invitation{accepted("i1", "robert@example.com", "bob@example.com")}
		}, nil, []string{adaLine, aboutRobert, aboutRobot, aboutOwner, aboutGone, aboutRole}, "bob@example.com"},
		{"another address, by the ledger, of a person whose last day is over", func(in *plan.Input) {
			in.Roster.People = []roster.Person{person("robert@example.com", 3)}
			in.Roster.People[0].Until = roster.DayOf(hours(-100))
			in.Memory = org.Memory{People: map[string]org.PersonRecord{"robert@example.com": {Joined: true, UserID: "u-bob"}}}
		}, nil, []string{adaLine, aboutRobert, aboutRobot, aboutOwner, aboutGone, aboutRole}, "bob@example.com"},
		{"another address of a listed person", func(in *plan.Input) {
			in.Roster.People = []roster.Person{person(ada, 3)}
			in.Snapshot.Invitations = []org.Invitation{accepted("i1", "adele@example.com", ada),
				invitation("i2", "adele@example.com", org.StatusPending, -10)}
		}, nil, []string{
			bobLine, aboutRobot, "# adele@example.com is one more address of ada@example.com, who is listed: make it an alias",
			aboutOwner, aboutGone, aboutRole,
		}, ""},
		{"people who get access from the defaults of the roster", func(in *plan.Input) {
			in.Roster.People = []roster.Person{person("zoe@example.com", 3)}
			in.Memory = org.Memory{People: map[string]org.PersonRecord{"zoe@example.com": {Joined: true}}}
			in.Roster.Defaults.Groups, in.Roster.Defaults.Policies = refs("g1", "nosuch"), refs("read-only")
			in.Snapshot.Access[7].Holders = map[string]string{"u-ada": ""}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "cy@example.com", org.StatusPending, -10)}
		}, nil, withOthers(
			adaLine+" policy read-only # the roster's defaults give them what they do not have: group everyone",
			bobLine+" # the roster's defaults give them what they do not have: policy read-only", "cy@example.com",
		), ""},
		{"addresses outside of the allowed domains", func(in *plan.Input) {
			in.Roster.People = []roster.Person{person(ada, 3)}
			in.Roster.Settings.AllowedDomains = []string{"example.com"}
			in.Snapshot.Users[3].Service, in.Snapshot.Users[3].Email = false, org.MustParseAddress("guest@partner.example")
		}, nil, []string{bobLine, "guest@partner.example (robot) external", aboutOwner, aboutGone, aboutRole}, ""},
		{"an alias outside of the allowed domains", func(in *plan.Input) {
			in.Roster.Settings.AllowedDomains = []string{"example.com"}
			in.Snapshot.Invitations = []org.Invitation{accepted("i1", "adele@partner.example", ada),
				invitation("i2", "adele@partner.example", org.StatusPending, -10)}
		}, nil, withOthers(adaLine+" alias adele@partner.example external", bobLine), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := inputWithoutRoster()
			tt.in(&in)
			before := clone(in)
			d := plan.DraftRoster(in, tt.unseen)
			if diff := cmp.Diff(tt.want, describeDraft(d)); diff != "" {
				t.Errorf("draft (-want +got):\n%s", diff)
			}
			if d.Organization != in.Snapshot.Organization || !d.ReadAt.Equal(now) {
				t.Errorf("the draft is of %+v at %v", d.Organization, d.ReadAt)
			}
			before.Roster.People = append(before.Roster.People, draftPeople(d)...)
			expectNoChange(t, plan.Compute(withStrictSettings(before)), tt.goes)
		})
	}
}

func draftPeople(d roster.Draft) []roster.Person {
	var all []roster.Person
	for _, e := range d.Entries {
		all = append(all, e.Person)
	}
	return all
}

// withStrictSettings returns in with a roster that allows no users and no access beside it.
func withStrictSettings(in plan.Input) plan.Input {
	in.Roster.Organization = "Example Org"
	in.Roster.Settings.Unlisted, in.Roster.Settings.ExtraAccess = roster.UnlistedRemove, roster.ExtraAccessRevoke
	if !in.Snapshot.UsersVisible {
		in.Roster.Settings.Unlisted = roster.UnlistedReport // because a removal needs the list of users
	}
	return in
}

// expectNoChange fails the test if p has changes, other than the removal of users that orgsync suspended.
func expectNoChange(t interface{ Errorf(string, ...any) }, p plan.Plan, suspended ...string) {
	for _, c := range p.Changes {
		if c.Action != plan.Remove || !slices.Contains(suspended, c.Email.Key()) {
			t.Errorf("planning gives %s %s: %s %+v", c.Action, c.Email, c.Reason, c.Detail)
		}
	}
	if len(p.Held)+len(p.Problems) > 0 {
		t.Errorf("held: %v, problems: %v", p.Held, p.Problems)
	}
}

// TestDraftPlansNoChange: a roster that is made from any organization plans no change, even with strict settings.
func TestDraftPlansNoChange(t *testing.T) {
	t.Parallel()
	statuses := []org.InvitationStatus{
		org.StatusPending, org.StatusPending, org.StatusAccepted, org.StatusAccepted, org.StatusExpired, org.StatusDeclined,
		org.StatusUnknown,
	}
	pool := []string{"a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example", "f@x.example",
		"A@X.example"}
	rapid.Check(t, func(t *rapid.T) {
		address := func(label string) org.Address {
			if rapid.IntRange(0, 9).Draw(t, label+" unreadable") == 0 {
				return org.Address{}
			}
			return org.MustParseAddress(rapid.SampledFrom(pool).Draw(t, label))
		}
		chance := func(label string, in int) bool { return rapid.IntRange(1, in).Draw(t, label) == 1 }
		in := newInput()
		in.Roster.People = nil
		in.Snapshot.Self = address("self")
		in.Snapshot.UsersVisible = !chance("users unseen", 8)
		if in.Snapshot.UsersVisible {
			for i := range rapid.IntRange(0, 6).Draw(t, "users") {
				u := org.User{
					ID: fmt.Sprint("u", i), Email: address("user"), Service: chance("service", 6), Suspended: chance("suspended", 5),
				}
				if chance("api", 2) {
					yes := chance("api on", 2)
					u.APIEnabled = &yes
				}
				in.Snapshot.Users = append(in.Snapshot.Users, u)
			}
		}
		for i := range rapid.IntRange(0, 8).Draw(t, "invitations") {
			r := invitation(fmt.Sprint("i", i), ada, rapid.SampledFrom(statuses).Draw(t, "status"),
				float64(rapid.IntRange(-100, -1).Draw(t, "sent")))
			r.Invited, r.Registered = address("invited"), org.Address{}
			if r.Status == org.StatusAccepted || chance("registered", 4) {
				r.Registered = address("as")
			}
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, r)
		}
		for seq, who := range pool[:3] {
			m := sent(2*seq+1, fmt.Sprint("i", seq), float64(rapid.IntRange(-100, -1).Draw(t, "mailed")))
			m.Email, m.Lost, m.LostSequence = who, chance("lost", 4), 2*seq+2
			r := org.PersonRecord{
				Mails: []org.Mail{m}, Joined: chance("joined", 3), Suspended: chance("suspended by us", 4),
				Removed: chance("removed by us", 6),
			}
			if chance("remembered", 2) {
				in.Memory.People[who] = r
			}
		}
		var unseen []org.Kind
		for _, kind := range org.Kinds {
			if chance("unseen", 8) {
				unseen = append(unseen, kind)
				continue
			}
			for i := range rapid.IntRange(0, 4).Draw(t, "access") {
				a := org.Access{
					Kind: kind, ID: fmt.Sprint(kind, i), Holders: map[string]string{},
					Name:      rapid.SampledFrom([]string{"one", "two", " two ", "group1", "", "new\nline"}).Draw(t, "name"),
					Deleted:   kind == org.KindGroup && chance("deleted", 5),
					Assumable: kind == org.KindRole && chance("assumable", 5),
				}
				for _, u := range in.Snapshot.Users {
					if chance("has", 2) {
						a.Holders[u.ID] = u.ID
					}
				}
				in.Snapshot.Access = append(in.Snapshot.Access, a)
			}
		}

		// The roster may already have some of the people. The changes that it plans without the draft do not count.
		listed := map[string]bool{}
		for i, who := range pool[:6] {
			if chance("listed", 6) {
				in.Roster.People = append(in.Roster.People, person(who, i+1))
				listed[who] = true
			}
		}
		alone := plan.Compute(withStrictSettings(clone(in)))
		draft, merged := plan.DraftRoster(in, unseen), clone(in)
		merged.Roster.People = append(merged.Roster.People, draftPeople(draft)...)
		var suspended []string
		for _, r := range draft.Comments {
			if who, found := strings.CutSuffix(r, " is not listed: orgsync suspended them, and would end the "+
				"suspension of a listed person"); found {
				suspended = append(suspended, strings.Split(who, ", ")...)
			}
		}
		p := plan.Compute(withStrictSettings(merged))
		if len(listed) > 0 {
			same := func(a, b plan.Change) bool {
				return a.Action == b.Action && a.Email.Equal(b.Email) && a.Detail.ID == b.Detail.ID
			}
			p.Changes = slices.DeleteFunc(p.Changes, func(c plan.Change) bool {
				// The mail to a person of the roster may be held only as long as others are not listed.
				return slices.ContainsFunc(alone.Changes, func(other plan.Change) bool { return same(c, other) }) ||
					listed[c.Email.Key()] && c.Action.Mails()
			})
			p.Held, p.Problems = nil, slices.DeleteFunc(p.Problems,
				func(x roster.Problem) bool { return slices.Contains(alone.Problems, x) })
		}
		expectNoChange(t, p, suspended...)
	})
}

// TestDraftNamesOmittedPeople: a comment names people who are omitted because of the state of their invitation.
func TestDraftNamesOmittedPeople(t *testing.T) {
	t.Parallel()
	in := newInput()
	in.Roster.People = nil
	unreadable := invitation("i1", "bob@example.com", org.StatusPending, -10)
	unreadable.DateUnreadable = true
	in.Snapshot.Invitations = []org.Invitation{unreadable, invitation("i2", "cyd@example.com", org.StatusPending, -10)}
	for i := range 21 {
		in.Snapshot.Invitations = append(in.Snapshot.Invitations,
			invitation(fmt.Sprintf("old-%02d", i), fmt.Sprintf("p%02d@example.com", i), org.StatusPending, -100))
	}
	in.Memory.People["p00@example.com"] = org.PersonRecord{Mails: []org.Mail{
		{Email: "p00@example.com", Sequence: 1, Lost: true, LostSequence: 2, At: now,
			ServerMayActUntil: now.Add(org.ActWithin)},
	}}
	unaccepted := user("u4", "dan@example.com")
	unaccepted.Accepted = new(bool)
	in.Snapshot.Users = []org.User{unaccepted}
	few := strings.Join(plan.DraftRoster(in, nil).Comments, "\n")
	if !strings.Contains(few, "p20@example.com") || strings.Contains(few, "more") { // 20 are named, without p00
		t.Errorf("comments of few people:\n%s", few)
	}
	for i := 21; i < 25; i++ {
		in.Snapshot.Invitations = append(in.Snapshot.Invitations,
			invitation(fmt.Sprintf("old-%02d", i), fmt.Sprintf("p%02d@example.com", i), org.StatusPending, -100))
	}
	d := plan.DraftRoster(in, nil)
	if len(d.Entries) != 1 || d.Entries[0].Email.Key() != "cyd@example.com" {
		t.Errorf("entries %+v", d.Entries)
	}
	comments := strings.Join(d.Comments, "\n")
	for _, text := range []string{
		"bob@example.com is not listed", "dan@example.com is a user with an unaccepted invitation",
		"p00@example.com is not listed: they may have been mailed, but the answer was lost",
		"invitation expired and apply would send a new one: p01@example.com", "p20@example.com and 4 more",
	} {
		if !strings.Contains(comments, text) {
			t.Errorf("no comment %q in:\n%s", text, comments)
		}
	}
}

// TestDraftMailsNobodyLater: a user of the draft may be a person who was invited at another address. When all
// invitations have expired, the person gets no mail, also with --invite-left.
func TestDraftMailsNobodyLater(t *testing.T) {
	t.Parallel()
	const countess = "countess@home.example"
	for _, tt := range []struct {
		name string
		in   func(*plan.Input)
		want []string
	}{
		{"the user may have joined by an earlier mail to a person of the roster", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -100))
			in.Memory.Unlisted = map[string]org.Sighting{"u1": {Sequence: 7, At: hours(-90), Email: countess}}
			in.Snapshot.Invitations = []org.Invitation{invitation("i2", ada, org.StatusPending, -10)}
		}, []string{"# countess@home.example may be another address of ada@example.com, who is in the roster but matches " +
			"no user: make it an alias, or list it by hand"}},
		{"the user may have joined by an earlier mail to a person who left", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -200), sent(7, "i2", -100))
			in.Snapshot.Invitations = []org.Invitation{invitation("i2", ada, org.StatusAccepted, -100)}
		}, []string{"# countess@home.example may be another address of ada@example.com, who is in the roster but matches " +
			"no user: make it an alias, or list it by hand"}},
		{"the ledger knows the user as a person who is no longer in the roster", func(in *plan.Input) {
			in.Roster.People = nil
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", JoinedAt: hours(-100), Unlisted: true}
			in.Snapshot.Invitations = []org.Invitation{invitation("i2", ada, org.StatusPending, -10)}
		}, []string{countess + " alias ada@example.com # was in the roster before, and was taken out of it"}},
		{"the ledger knows the user as a person of the roster", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", JoinedAt: hours(-100)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i2", countess, org.StatusPending, -10)}
		}, []string{"# countess@home.example is one more address of ada@example.com, who is listed: make it an alias"}},
		{"the ledger knows the address by another user", func(in *plan.Input) {
			in.Roster.People = nil
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", JoinedAt: hours(-100)}
			in.Snapshot.Users = append(in.Snapshot.Users, user("u2", ada))
		}, []string{ada, countess}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := newInput()
			in.Snapshot.Users = []org.User{user("u0", "owner@example.com"), user("u1", countess)}
			in.Snapshot.Self = in.Snapshot.Users[0].Email
			tt.in(&in)
			d := plan.DraftRoster(in, nil)
			if diff := cmp.Diff(append(tt.want, aboutOwner), describeDraft(d)); diff != "" {
				t.Errorf("draft (-want +got):\n%s", diff)
			}
			in.Roster.People = append(in.Roster.People, draftPeople(d)...)
			in.Snapshot.Now, in.InviteLeft = hours(80), true
			expectNoChange(t, plan.Compute(in))
		})
	}
}

// TestDraftOmitsPossibleAliases: a user who may be a person of the roster is not listed as another person, because the
// person would then be mailed.
func TestDraftOmitsPossibleAliases(t *testing.T) {
	t.Parallel()
	const countess, grace = "countess@home.example", "grace@example.com"
	possibleAlias := func(who string) string {
		return "# " + who + " may be another address of ada@example.com, who is in the roster but matches no user: make it " +
			"an alias, or list it by hand"
	}
	for _, tt := range []struct {
		name string
		in   func(*plan.Input)
		want []string
	}{
		{"the answer to the mail was lost, and --reinvite came after the user", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Mails: []org.Mail{lost(5, -10)}, EverMailed: true, ReinvitedSequence: 9}
		}, []string{possibleAlias(countess)}},
		{"the answer to a renewal was lost", func(in *plan.Input) {
			renewal := lost(5, -10)
			renewal.InvitationID, renewal.Renewal = "i1", true
			addMails(in, sent(3, "i1", -100), renewal)
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -100)}
		}, []string{possibleAlias(countess)}},
		{"the first mail is not listed, and the second one expired, in a list without dates", func(in *plan.Input) {
			addMails(in, sent(3, "i1", -200), sent(9, "i2", -100))
			in.Snapshot.Invitations = []org.Invitation{
				{ID: "i2", Invited: org.MustParseAddress(ada), Status: org.StatusPending}}
		}, []string{possibleAlias(countess)}},
		{"the user accepted the invitation of somebody who is not in the roster", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -100))
			in.Snapshot.Invitations = []org.Invitation{accepted("i2", grace, countess),
				invitation("i3", grace, org.StatusExpired, -200)}
		}, []string{possibleAlias(countess), possibleAlias(grace)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := newInput()
			in.Snapshot.Users = []org.User{user("u0", "owner@example.com"), user("u1", countess)}
			in.Snapshot.Self = in.Snapshot.Users[0].Email
			in.Memory.Unlisted = map[string]org.Sighting{"u1": {Sequence: 7, At: hours(-9), Email: countess}}
			tt.in(&in)
			expectNoChange(t, plan.Compute(in))
			d := plan.DraftRoster(in, nil)
			if diff := cmp.Diff(append(tt.want, aboutOwner), describeDraft(d)); diff != "" {
				t.Errorf("draft (-want +got):\n%s", diff)
			}
			in.Roster.People = append(in.Roster.People, draftPeople(d)...)
			expectNoChange(t, plan.Compute(in))
		})
	}
}
