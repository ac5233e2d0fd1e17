package plan_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// TestDrift: an entry becomes what a member has, in what the roster manages, and nothing else.
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
			in.Roster.People[1].Groups, in.Roster.People[1].Roles = named("everyone"), named("deployer")
		}, nil, nil},
		{"not managed", func(*plan.Input) {}, nil, nil},
		{"more and less", func(in *plan.Input) {
			in.Roster.People[1].Groups, in.Roster.People[1].Roles = named("platform", "no-such"), named()
		}, nil, []string{"bob@example.com add [group [everyone] role [deployer]] remove [group [platform no-such]]"}},
		{"more, with a name and an id that no roster can hold", func(in *plan.Input) {
			in.Snapshot.Access = append(in.Snapshot.Access, org.Access{Kind: org.KindGroup, ID: "a\tb", Name: "two\nlines",
				Holders: map[string]string{"u-bob": "m-bob"}})
			in.Roster.People[1].Groups = named("everyone")
		}, nil, []string{`# bob@example.com has the group "two\nlines", which a roster cannot name`}},
		{"named by the id", func(in *plan.Input) { in.Roster.People[1].Groups = named("g1") }, nil, nil},
		{"API access", func(in *plan.Input) {
			in.Roster.People[1].APIEnabled, in.Snapshot.Users[1].APIEnabled = &no, &yes
		}, nil, []string{"bob@example.com api true"}},
		{"what the key may not read", func(in *plan.Input) { in.Roster.People[1].Groups = named("platform") },
			[]org.Kind{org.KindGroup}, nil},
		{"what the defaults give", func(in *plan.Input) {
			in.Roster.Defaults.Groups, in.Roster.People[1].Groups = named("platform"), named("platform", "everyone")
		}, nil, []string{`# bob@example.com does not have the group "platform", which the defaults or a team give them: ` +
			`apply gives it to them`}},
		{"what a team gives", func(in *plan.Input) {
			in.Roster.Teams = []roster.Team{
				{Name: "ops", Access: roster.Access{Groups: named("platform")}},
				{Name: "dev", Access: roster.Access{Groups: named("everyone")}},
			}
			in.Roster.People[1].Groups = named("platform", "everyone")
			in.Roster.People[1].Teams = []roster.Membership{{Team: "ops"}}
		}, nil, []string{`# bob@example.com does not have the group "platform", which the defaults or a team give them: ` +
			`apply gives it to them`}},
		{"suspended", func(in *plan.Input) {
			in.Snapshot.Users[1].Suspended, in.Roster.People[1].Groups = true, named()
		}, nil, nil},
		{"under an address that the roster does not name", func(in *plan.Input) {
			r := row("i1", "bob@example.com", org.StatusAccepted, -10)
			r.Registered = org.MustParseAddress("robert@home.example")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Snapshot.Users[1].Email = r.Registered
			in.Roster.People[1].Groups = named()
		}, nil, nil},
		{"past the last day", func(in *plan.Input) {
			in.Roster.People[1].Until, in.Roster.People[1].Groups = hours(-100), named()
		}, nil, nil},
		{"left", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users[:1:1], in.Snapshot.Users[2:]...)
		}, nil, []string{"bob@example.com left"}},
		{"invited", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("cy@example.com", 9))
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, row("i1", "cy@example.com", org.StatusPending, -10))
		}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := staff()
			in.Roster.People = append([]roster.Person{}, in.Roster.People...)
			tt.in(&in)
			updates, remarks := plan.Drift(in, tt.unseen)
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
			for _, r := range remarks {
				got = append(got, "# "+r)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
