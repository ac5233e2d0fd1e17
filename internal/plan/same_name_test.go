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

// TestSameName: a notice reports that a new person of the roster and an unlisted address may belong to one person.
func TestSameName(t *testing.T) {
	t.Parallel()
	const ada = "ada@example.com"
	userWithName := func(id, email, name string) org.User {
		u := user(id, email)
		u.Name = name
		return u
	}
	tests := []struct {
		name string
		in   func(*plan.Input)
		want []string
	}{
		{"the same name", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, userWithName("u1", "countess@home.example", "Ada  lovelace"))
		}, []string{"countess@home.example u1"}},
		{"the same name, invited and not answered yet", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, userWithName("u1", "countess@home.example", "ada lovelace"))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}
		}, []string{"countess@home.example u1"}},
		{"another name", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, userWithName("u1", "countess@home.example", "Ada Byron"))
		}, nil},
		{"no name on either side", func(in *plan.Input) {
			in.Roster.People[0].Name = ""
			in.Snapshot.Users = append(in.Snapshot.Users, user("u1", "countess@home.example"))
		}, nil},
		{"the address, written in another way", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, user("u1", "A_d.a+vultr@example.com"))
		}, []string{"A_d.a+vultr@example.com u1"}},
		{"the address at another domain", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, user("u1", "ada@example.org"))
		}, nil},
		{"an invitation to a similar address", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "a.da@example.com", org.StatusPending, -10)}
		}, []string{"a.da@example.com "}},
		{"an expired invitation to a similar address", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "a.da@example.com", org.StatusPending, -100)}
		}, nil},
		{"several users with the same name", func(in *plan.Input) {
			for i, email := range []string{"d@x.example", "c@x.example", "b@x.example", "a@x.example"} {
				in.Snapshot.Users = append(in.Snapshot.Users, userWithName(fmt.Sprint("u", i), email, "Ada Lovelace"))
			}
		}, []string{"a@x.example, b@x.example, c@x.example "}},
		{"the person declined, so they are not invited again", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, userWithName("u1", "countess@home.example", "Ada Lovelace"))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusDeclined, -10)}
		}, []string{"countess@home.example u1"}},
		{"the person's first day has not begun", func(in *plan.Input) {
			in.Roster.People[0].From = roster.DayOf(hours(48))
			in.Snapshot.Users = append(in.Snapshot.Users, userWithName("u1", "countess@home.example", "Ada Lovelace"))
		}, []string{"countess@home.example u1"}},
		{"the person's last day is too near for an invitation", func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(hours(24))
			in.Snapshot.Users = append(in.Snapshot.Users, userWithName("u1", "countess@home.example", "Ada Lovelace"))
		}, []string{"countess@home.example u1"}},
		{"the API refused the mails to the person", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Refusals: 3, RefusedAt: hours(-1), RefusedText: "no"}
			in.Snapshot.Users = append(in.Snapshot.Users, userWithName("u1", "countess@home.example", "Ada Lovelace"))
		}, []string{"countess@home.example u1"}},
		{"the key cannot list users, and the person accepted an invitation", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Snapshot.Users = nil
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -10),
				invitation("i2", "a.da@example.com", org.StatusPending, -10)}
		}, nil},
		{"the person accepted and is not in the list of users", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, userWithName("u1", "countess@home.example", "Ada Lovelace"))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -10)}
		}, []string{"countess@home.example u1"}},
		{"the person is already a member", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, user("u0", ada), userWithName("u1", "countess@home.example",
				"Ada Lovelace"))
		}, nil},
		{"the person is suspended", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, user("u0", ada), userWithName("u1", "countess@home.example",
				"Ada Lovelace"))
			in.Snapshot.Users[len(in.Snapshot.Users)-2].Suspended = true
		}, nil},
		{"the person is the key's own user, who is not in the list of users and gets API access", func(in *plan.Input) {
			in.Snapshot.Self, in.Roster.People[0].APIEnabled = org.MustParseAddress(ada), new(true)
			in.Snapshot.Users = append(in.Snapshot.Users, userWithName("u1", "countess@home.example", "Ada Lovelace"))
		}, nil},
		{"the other one is in the roster too", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("countess@home.example", 9))
			in.Snapshot.Users = append(in.Snapshot.Users, userWithName("u1", "countess@home.example", "Ada Lovelace"))
		}, nil},
		{"the other one's last day is over", func(in *plan.Input) {
			other := person("countess@home.example", 9)
			other.Until = roster.DayOf(hours(-48))
			in.Roster.People = append(in.Roster.People, other)
			in.Snapshot.Users = append(in.Snapshot.Users, userWithName("u1", "countess@home.example", "Ada Lovelace"))
		}, nil},
		{"a service user", func(in *plan.Input) {
			robot := userWithName("u1", "countess@home.example", "Ada Lovelace")
			robot.Service = true
			in.Snapshot.Users = append(in.Snapshot.Users, robot)
		}, nil},
		{"a user whose address cannot be read", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, org.User{ID: "u1", Name: "Ada Lovelace", Unidentified: true})
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}
		}, nil},
		{"the key's own user", func(in *plan.Input) {
			in.Snapshot.Self = org.MustParseAddress("countess@home.example")
			in.Snapshot.Users = append(in.Snapshot.Users, userWithName("u1", "countess@home.example", "Ada Lovelace"))
		}, nil},
		{"the invitation of the person is not listed, which has another notice", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -10))
			in.Snapshot.Users = append(in.Snapshot.Users, userWithName("u1", "countess@home.example", "Ada Lovelace"))
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := newInput()
			in.Roster.People = []roster.Person{person(ada, 1)}
			in.Roster.People[0].Name = "Ada Lovelace"
			tt.in(&in)
			var got []string
			for _, n := range plan.Compute(in).Notices {
				if n.Kind == plan.SameName && n.Email.String() == ada {
					got = append(got, n.Text+" "+n.UserID)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// TestRenamedPersonIsNotRemoved: if somebody changed a person's address in the roster, the user with the old address
// is not removed at once. It makes no difference whether the new address gets a mail.
func TestRenamedPersonIsNotRemoved(t *testing.T) {
	t.Parallel()
	const ada = "ada@example.com"
	day := func(after float64) time.Time { return hours(after).Truncate(24 * time.Hour) }
	refused := org.PersonRecord{Refusals: 3, RefusedAt: hours(-1), RefusedText: "no"}
	addInvitation := func(in *plan.Input, status org.InvitationStatus) {
		in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, status, -10)}
	}
	for name, prepare := range map[string]func(*plan.Input){
		"invited":                             func(*plan.Input) {},
		"the first day has not begun":         func(in *plan.Input) { in.Roster.People[0].From = roster.DayOf(day(48)) },
		"the last day is near":                func(in *plan.Input) { in.Roster.People[0].Until = roster.DayOf(day(24)) },
		"a mail may have been sent":           func(in *plan.Input) { addMails(in, lost(1, -1.0/60)) },
		"the API refused mails":               func(in *plan.Input) { in.Memory.People[ada] = refused },
		"the person declined an invitation":   func(in *plan.Input) { addInvitation(in, org.StatusDeclined) },
		"the invitation has another status":   func(in *plan.Input) { addInvitation(in, org.StatusUnknown) },
		"the person accepted and is not seen": func(in *plan.Input) { addInvitation(in, org.StatusAccepted) },
		"a service user has the new address": func(in *plan.Input) {
			robot := user("u7", ada)
			robot.Service = true
			in.Snapshot.Users = append(in.Snapshot.Users, robot)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newInput()
			in.Roster.Organization, in.Roster.Settings.Unlisted = "Example Org", roster.UnlistedRemove
			in.Roster.Settings.UnlistedAfter = 24 * time.Hour
			in.Roster.People[0].Name = "Ada Lovelace"
			in.Snapshot.Self = org.MustParseAddress("owner@example.com")
			old := user("u1", "countess@home.example")
			old.Name = "Ada Lovelace"
			in.Snapshot.Users = []org.User{user("u-owner", "owner@example.com"), old}
			in.Memory.People["countess@home.example"] = org.PersonRecord{Joined: true, JoinedAt: hours(-900), UserID: "u1"}
			prepare(&in)
			if got := about(plan.Compute(in), "countess@home.example"); got != "unlisted" {
				t.Errorf("%s, want unlisted", got)
			}
			in.Roster.People[0].Name = "Grace Hopper" // then nothing shows that the two are one person
			if got := about(plan.Compute(in), "countess@home.example"); got != "remove" {
				t.Errorf("with another name: %s, want remove", got)
			}
		})
	}
}
