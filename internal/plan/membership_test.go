package plan_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// now is the time of every reading in these tests. [hours] counts from it.
var now = time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)

func hours(h float64) time.Time { return now.Add(time.Duration(h * float64(time.Hour))) }

const ada = "ada@example.com"

// newInput returns an input in which every list can be read, and the roster has only ada.
func newInput() plan.Input {
	return plan.Input{
		Roster: &roster.Roster{
			People:   []roster.Person{person(ada, 3)},
			Settings: roster.Settings{MaxInvites: 100, MaxRemovals: 5, MaxRevokes: 25, ReinviteRounds: 4},
		},
		Snapshot: org.Snapshot{
			Organization: org.Organization{ID: "o1", Name: "Example Org"}, Now: now, UsersVisible: true, SuspendedVisible: true,
			PinConfirmed: true,
		},
		Memory: org.Memory{People: map[string]org.PersonRecord{}},
	}
}

func person(email string, line int, aliases ...string) roster.Person {
	p := roster.Person{Email: org.MustParseAddress(email), At: roster.Position{File: "users.yaml", Line: line, Column: 5}}
	for _, a := range aliases {
		p.Aliases = append(p.Aliases, org.MustParseAddress(a))
	}
	return p
}

func user(id, email string) org.User { return org.User{ID: id, Email: org.MustParseAddress(email)} }

// invitation returns an invitation that was sent at an hour and is valid for three days.
func invitation(id, email string, status org.InvitationStatus, sent float64) org.Invitation {
	return org.Invitation{
		ID: id, Invited: org.MustParseAddress(email), Status: status, StatusText: string(status),
		Created: hours(sent), Expires: hours(sent + 72),
	}
}

// sent returns a mail that was certainly sent at an hour.
func sent(seq int, id string, at float64) org.Mail {
	return org.Mail{Email: ada, InvitationID: id, Sequence: seq, At: hours(at), Expires: hours(at + 72)}
}

// lost returns a mail whose answer was lost at an hour. The ledger has no later line.
func lost(seq int, at float64) org.Mail {
	return org.Mail{Email: ada, Sequence: seq, Lost: true, LostSequence: seq + 1, At: hours(at)}
}

// addMails adds mails to the ledger.
func addMails(in *plan.Input, mails ...org.Mail) {
	for _, m := range mails {
		r := in.Memory.People[m.Email]
		r.Mails = append(r.Mails, m)
		in.Memory.People[m.Email] = r
	}
}

// loseRenewalWithNewID adds a renewal of the hour at, counted from now, whose answer was lost. The renewal changed
// the id of the invitation. The list has the renewed invitation without dates.
func loseRenewalWithNewID(in *plan.Input, at float64) {
	first := sent(1, "i1", -200)
	first.Expires = time.Time{}
	m := lost(3, at)
	m.Renewal, m.InvitationID = true, "i1"
	addMails(in, first, m)
	renewed := invitation("i2", ada, org.StatusPending, -1)
	renewed.Created, renewed.Expires = time.Time{}, time.Time{}
	in.Snapshot.Invitations = []org.Invitation{renewed}
}

// summarize returns a line for each part of p, for example "invite not_invited", "waiting i1", "held reinvite" or
// "fact joined ada@example.com". It omits the address of ada.
func summarize(p plan.Plan) []string {
	lines := []string{}
	mark := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	who := func(a org.Address) string {
		if a.IsZero() || a.Key() == ada {
			return ""
		}
		return " " + a.String()
	}
	for _, c := range p.Changes {
		mark("%s%s %s %s", c.Action, who(c.Email), c.Reason, c.InvitationID)
	}
	for _, c := range p.Held {
		mark("held %s%s %s %s", c.Action, who(c.Email), c.Reason, c.InvitationID)
	}
	for _, n := range p.Notices {
		mark("%s%s %s%s", n.Kind, who(n.Email), n.InvitationID, n.UserID)
	}
	for _, problem := range p.Problems {
		mark("%s", problem)
	}
	for _, f := range p.Facts {
		mark("fact %s %s", f.Kind, f.Email)
	}
	return lines
}

// acceptAsEndedPerson adds a user whose entry has a last day that is over. This user accepted ada's invitation.
func acceptAsEndedPerson(in *plan.Input) {
	former := person("countess@home.example", 9)
	former.Until = roster.DayOf(hours(-48))
	in.Roster.People = append(in.Roster.People, former)
	r := invitation("i1", ada, org.StatusAccepted, -10)
	r.Registered = org.MustParseAddress("countess@home.example")
	in.Snapshot.Invitations = []org.Invitation{r}
	in.Snapshot.Users = []org.User{user("u1", "countess@home.example")}
}

// acceptAsOneAddress adds an entry for Bob. Ada and Bob accepted with the address of users.
func acceptAsOneAddress(in *plan.Input, users ...org.User) {
	in.Roster.People = append(in.Roster.People, person("bob@example.com", 9))
	for i, who := range []string{ada, "bob@example.com"} {
		inv := invitation(fmt.Sprintf("i%d", i+1), who, org.StatusAccepted, -10)
		inv.Registered = users[0].Email
		in.Snapshot.Invitations = append(in.Snapshot.Invitations, inv)
	}
	in.Snapshot.Users = users
	in.Memory = org.Memory{People: map[string]org.PersonRecord{ada: {Joined: true, UserID: "u1"}}}
}

// oneEntryTwice is the plan after acceptAsOneAddress.
var oneEntryTwice = []string{
	"other_address u1", "left bob@example.com i2",
	`users.yaml:9:5: "countess@home.example" accepted the invitation to "bob@example.com", and also the one to ` +
		`"ada@example.com", who is listed at users.yaml:3: one person needs one entry, with the other address as an ` +
		`alias; for two people, invite bob@example.com in Vultr's console`,
}

// TestMembership has a case for each row of the tables in docs/decisions.md that are about the state of a person.
func TestMembership(t *testing.T) {
	t.Parallel()
	removed := func(in *plan.Input) {
		in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-5), RemovedSequence: 5}
	}
	tests := []struct {
		name string
		in   func(*plan.Input)
		want []string
	}{
		{"no user, no invitation", func(in *plan.Input) {}, []string{"invite not_invited "}},

		{"pending", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}
		}, []string{"waiting i1"}},
		{"two accepted with the address of a user who is gone", func(in *plan.Input) {
			acceptAsOneAddress(in, user("u1", "countess@home.example"))
			in.Snapshot.Users = nil
		}, []string{"left i1", "left bob@example.com i2"}},
		{"the ledger has no user of the person, and an unlisted user has no id", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Refusals: 1}
			in.Snapshot.Users = []org.User{user("", "countess@home.example")}
		}, []string{"invite not_invited ", "unlisted countess@home.example "}},
		{"an unlisted invitation without an id is not that of a lost mail", func(in *plan.Input) {
			addMails(in, lost(1, -1))
			in.Snapshot.Invitations = []org.Invitation{invitation("", "mallory@example.com", org.StatusPending, -1)}
		}, []string{"invite not_invited ", "unlisted mallory@example.com ", "fact absent " + ada}},
		{"users with the email and with an alias that comes first", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "aaa@example.com")
			in.Snapshot.Users = []org.User{user("u1", "aaa@example.com"), user("u2", ada)}
		}, []string{"second_user u1", "fact joined " + ada}},
		{"mailed, and an alias was mailed earlier", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "lady@example.com")
			earlier := sent(3, "i3", -100)
			earlier.Email = "lady@example.com"
			addMails(in, sent(9, "i9", -10), earlier)
		}, []string{"waiting i9"}},
		{"mailed again after a removal that the list of users does not show yet", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-0.2), JoinedSequence: 11, Removed: true,
				RemovedAt: hours(-0.3), RemovedSequence: 7, Mails: []org.Mail{sent(9, "i9", -0.25)}}
		}, []string{"waiting i9"}},
		{"an older invitation that was renewed, so that it expires later", func(in *plan.Input) {
			renewed := invitation("i1", ada, org.StatusPending, -30)
			renewed.Expires = hours(70)
			in.Snapshot.Invitations = []org.Invitation{renewed, invitation("i2", ada, org.StatusPending, -10)}
		}, []string{"duplicate_invitation i1", "waiting i2"}},
		{"the user of the key, who is not in the list", func(in *plan.Input) {
			in.Snapshot.Self = org.MustParseAddress("ADA@example.com")
		}, []string{"fact joined " + ada}},
		{"the user of the key under an alias, which may be wrong, and who is not in the list", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "owner@example.com")
			in.Snapshot.Self = org.MustParseAddress("owner@example.com")
		}, []string{"fact joined owner@example.com"}},
		{"the user of the key, who is not in the list and needs access", func(in *plan.Input) {
			in.Snapshot.Self = org.MustParseAddress(ada)
			in.Roster.People[0].APIEnabled = new(true)
		}, []string{"needs_attention ", "fact joined " + ada}},
		{"the user of the key, who is not in the list and gets no API access", func(in *plan.Input) {
			in.Snapshot.Self = org.MustParseAddress(ada)
			in.Roster.People[0].APIEnabled = new(false)
		}, []string{"fact joined " + ada}},
		{"users hidden, an invitation accepted at an unknown time, and a later one expired", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			accepted := invitation("i1", ada, org.StatusAccepted, -200)
			in.Snapshot.Invitations = []org.Invitation{accepted, invitation("i2", ada, org.StatusPending, -80)}
		}, []string{"members_unseen ", "fact joined " + ada}},
		{"suspended users hidden, accepted at an unknown time, and mailed later, which expired", func(in *plan.Input) {
			in.Snapshot.SuspendedVisible = false
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -400),
				invitation("i2", ada, org.StatusExpired, -100)}
			addMails(in, sent(5, "i2", -100))
		}, []string{"suspended_unseen ", "unknown_membership "}},
		{"users hidden, accepted at an unknown time, and mailed later, which expired", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -400),
				invitation("i2", ada, org.StatusExpired, -100)}
			addMails(in, sent(5, "i2", -100))
		}, []string{"members_unseen "}},
		{"users hidden, and accepted under an alias, which may be wrong", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "zoe@example.com")
			in.Snapshot.UsersVisible = false
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "zoe@example.com", org.StatusAccepted, -10)}
		}, []string{"members_unseen ", "fact joined zoe@example.com"}},
		{"users hidden, and accepted with an alias, which may be wrong", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "lady@example.com")
			in.Snapshot.UsersVisible = false
			inv := invitation("i1", "x@example.com", org.StatusAccepted, -10)
			inv.Registered = org.MustParseAddress("lady@example.com")
			in.Snapshot.Invitations = []org.Invitation{inv}
		}, []string{"members_unseen ", "fact joined lady@example.com"}},
		{"users hidden, accepted, and mailed later, which expired, in a list without the date of this mail",
			func(in *plan.Input) {
				in.Snapshot.UsersVisible = false
				accepted := invitation("i1", ada, org.StatusAccepted, -400)
				accepted.Responded = hours(-390)
				in.Snapshot.Invitations = []org.Invitation{accepted,
					{ID: "i2", Invited: org.MustParseAddress(ada), Status: org.StatusExpired}}
				addMails(in, sent(5, "i2", -100))
			}, []string{"members_unseen "}},
		{"users hidden, accepted, and mailed later by the same invitation, which the list never shows",
			func(in *plan.Input) {
				in.Snapshot.UsersVisible = false
				accepted := invitation("i1", ada, org.StatusAccepted, -400)
				accepted.Responded = hours(-390)
				in.Snapshot.Invitations = []org.Invitation{accepted}
				addMails(in, sent(5, "i1", -100))
			}, []string{"members_unseen "}},
		{"users hidden, accepted, and mailed later, which expired, in a list without dates", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-180), JoinedSequence: 2}
			in.Snapshot.Invitations = []org.Invitation{
				{ID: "i1", Invited: org.MustParseAddress(ada), Status: org.StatusAccepted},
				{ID: "i2", Invited: org.MustParseAddress(ada), Status: org.StatusPending}}
			addMails(in, sent(5, "i2", -100))
		}, []string{"members_unseen "}},
		{"users hidden, expired, and accepted a later mail, in a list without dates", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Snapshot.Invitations = []org.Invitation{
				{ID: "i1", Invited: org.MustParseAddress(ada), Status: org.StatusExpired},
				{ID: "i2", Invited: org.MustParseAddress(ada), Status: org.StatusAccepted}}
			addMails(in, sent(1, "i1", -100), sent(5, "i2", -20))
		}, []string{"members_unseen ", "fact joined " + ada}},
		{"accepted at an unknown time, perhaps after a later mail, which expired", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -150),
				invitation("i2", ada, org.StatusExpired, -100)}
			addMails(in, sent(5, "i2", -100))
		}, []string{"left i1"}},
		{"accepted at an unknown time, in a list without dates, perhaps after a later mail, which expired",
			func(in *plan.Input) {
				in.Snapshot.Invitations = []org.Invitation{
					{ID: "i1", Invited: org.MustParseAddress(ada), Status: org.StatusAccepted},
					invitation("i2", ada, org.StatusExpired, -100)}
				addMails(in, sent(5, "i2", -100))
			}, []string{"left i1"}},
		{"accepted at an unknown time, left, and invited again, which expired", func(in *plan.Input) {
			in.Roster.Settings.ReinviteRounds = 5
			accepted := invitation("i1", ada, org.StatusAccepted, -200)
			in.Snapshot.Invitations = []org.Invitation{accepted, invitation("i2", ada, org.StatusPending, -80)}
			addMails(in, sent(1, "i2", -80))
		}, []string{"reinvite expired i2"}},
		{"accepted, left, and invited again by the same invitation, which the list does not show yet", func(in *plan.Input) {
			in.InviteLeft = true
			accepted := invitation("i1", ada, org.StatusAccepted, -400)
			accepted.Responded = hours(-390)
			in.Snapshot.Invitations = []org.Invitation{accepted}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-380)}
			addMails(in, sent(1, "i1", -0.1))
		}, []string{"waiting i1"}},
		{"accepted, left, and invited again by the same invitation four times, which the list never shows",
			func(in *plan.Input) {
				in.InviteLeft = true
				accepted := invitation("i1", ada, org.StatusAccepted, -900)
				accepted.Responded = hours(-890)
				in.Snapshot.Invitations = []org.Invitation{accepted}
				in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-880), JoinedSequence: 2}
				addMails(in, sent(3, "i1", -320), sent(4, "i1", -240), sent(5, "i1", -160), sent(6, "i1", -80))
			}, []string{"gave_up i1"}},
		{"declined, and invited again by the same invitation, which the list does not show yet", func(in *plan.Input) {
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
			declined := invitation("i1", ada, org.StatusDeclined, -400)
			declined.Responded = hours(-390)
			in.Snapshot.Invitations = []org.Invitation{declined}
			addMails(in, sent(1, "i1", -0.1))
		}, []string{"not_mailed i1", "waiting i1", "fact reset " + ada}},
		{"accepted, left, and invited again within hours by the same invitation, which the list does not show yet",
			func(in *plan.Input) {
				in.InviteLeft = true
				accepted := invitation("i1", ada, org.StatusAccepted, -50)
				accepted.Responded = hours(-2)
				in.Snapshot.Invitations = []org.Invitation{accepted}
				in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-1.5), JoinedSequence: 2}
				addMails(in, sent(3, "i1", -0.1))
			}, []string{"waiting i1"}},
		{"the same, and users cannot be listed", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			accepted := invitation("i1", ada, org.StatusAccepted, -50)
			accepted.Responded = hours(-2)
			in.Snapshot.Invitations = []org.Invitation{accepted}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-1.5), JoinedSequence: 2}
			addMails(in, sent(3, "i1", -0.1))
		}, []string{"members_unseen ", "waiting i1"}},
		{"cancelled at an unknown time, and invited again by the same invitation, which the list does not show yet",
			func(in *plan.Input) {
				in.Reinvite = []org.Address{org.MustParseAddress(ada)}
				in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusCancelled, -50)}
				addMails(in, sent(1, "i1", -50), sent(3, "i1", -0.1))
			}, []string{"not_mailed i1", "waiting i1", "fact reset " + ada}},
		{"declined an invitation of somebody else, and invited again by it, which a list without dates does not show yet",
			func(in *plan.Input) {
				in.Reinvite = []org.Address{org.MustParseAddress(ada)}
				in.Snapshot.Invitations = []org.Invitation{
					{ID: "i1", Invited: org.MustParseAddress(ada), Status: org.StatusDeclined}}
				addMails(in, sent(1, "i1", -0.1))
			}, []string{"not_mailed i1", "waiting i1", "fact reset " + ada}},
		{"users hidden, removed, and invited again by the same invitation, which a list without dates does not show yet",
			func(in *plan.Input) {
				in.Snapshot.UsersVisible = false
				in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-5), RemovedSequence: 5}
				in.Snapshot.Invitations = []org.Invitation{
					{ID: "i1", Invited: org.MustParseAddress(ada), Status: org.StatusAccepted}}
				addMails(in, sent(7, "i1", -0.1))
			}, []string{"members_unseen ", "waiting i1"}},
		{"removed, and invited again by the accepted invitation, which the list never shows", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-90), RemovedSequence: 5}
			accepted := invitation("i1", ada, org.StatusAccepted, -400)
			accepted.Responded = hours(-390)
			in.Snapshot.Invitations = []org.Invitation{accepted}
			addMails(in, sent(7, "i1", -80))
		}, []string{"reinvite expired "}},
		{"removed, invited again by the accepted invitation, and accepted again since", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-90), RemovedSequence: 5}
			accepted := invitation("i1", ada, org.StatusAccepted, -400)
			accepted.Responded = hours(-70)
			in.Snapshot.Invitations = []org.Invitation{accepted}
			addMails(in, sent(7, "i1", -80))
		}, []string{"left i1"}},
		{"users hidden, removed, and invited again by the accepted invitation, which the list never shows",
			func(in *plan.Input) {
				in.Snapshot.UsersVisible = false
				in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-90), RemovedSequence: 5}
				accepted := invitation("i1", ada, org.StatusAccepted, -400)
				accepted.Responded = hours(-390)
				in.Snapshot.Invitations = []org.Invitation{accepted}
				addMails(in, sent(7, "i1", -80))
			}, []string{"members_unseen ", "unknown_membership "}},
		{"suspended users hidden, removed, and invited again by the accepted invitation, which the list never shows",
			func(in *plan.Input) {
				in.Snapshot.SuspendedVisible = false
				in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-90), RemovedSequence: 5}
				accepted := invitation("i1", ada, org.StatusAccepted, -400)
				accepted.Responded = hours(-390)
				in.Snapshot.Invitations = []org.Invitation{accepted}
				addMails(in, sent(7, "i1", -80))
			}, []string{"reinvite expired ", "suspended_unseen "}},
		{"suspended users hidden, removed, invited again, and accepted, in a list without dates", func(in *plan.Input) {
			in.Snapshot.SuspendedVisible = false
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-90), RemovedSequence: 5}
			in.Snapshot.Invitations = []org.Invitation{
				{ID: "i1", Invited: org.MustParseAddress(ada), Status: org.StatusAccepted}}
			addMails(in, sent(7, "i1", -80))
		}, []string{"suspended_unseen ", "unknown_membership "}},
		{"suspended users hidden, removed, accepted since, and invited again by the same invitation", func(in *plan.Input) {
			in.Snapshot.SuspendedVisible = false
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-300), RemovedSequence: 5}
			accepted := invitation("i1", ada, org.StatusAccepted, -290)
			accepted.Responded = hours(-280)
			in.Snapshot.Invitations = []org.Invitation{accepted}
			addMails(in, sent(7, "i1", -290), sent(9, "i1", -80))
		}, []string{"suspended_unseen ", "unknown_membership "}},
		{"users hidden, removed, accepted since, and invited again by the same invitation", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-300), RemovedSequence: 5}
			accepted := invitation("i1", ada, org.StatusAccepted, -290)
			accepted.Responded = hours(-280)
			in.Snapshot.Invitations = []org.Invitation{accepted}
			addMails(in, sent(7, "i1", -290), sent(9, "i1", -80))
		}, []string{"members_unseen "}},
		{"left, and invited again by the accepted invitation, which the list never shows", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true}
			accepted := invitation("i1", ada, org.StatusAccepted, -400)
			accepted.Responded = hours(-390)
			in.Snapshot.Invitations = []org.Invitation{accepted}
			addMails(in, sent(7, "i1", -80))
		}, []string{"reinvite expired "}},
		{"declined, and invited again by the same invitation, which the list never shows", func(in *plan.Input) {
			declined := invitation("i1", ada, org.StatusDeclined, -400)
			declined.Responded = hours(-390)
			in.Snapshot.Invitations = []org.Invitation{declined}
			addMails(in, sent(7, "i1", -80))
		}, []string{"reinvite expired "}},
		{"declined in the second of the mail, by a date in whole seconds", func(in *plan.Input) {
			declined := invitation("i1", ada, org.StatusDeclined, -0.1)
			declined.Responded = hours(-0.1)
			in.Snapshot.Invitations = []org.Invitation{declined}
			m := sent(1, "i1", -0.1)
			m.At = m.At.Add(900 * time.Millisecond)
			addMails(in, m)
		}, []string{"needs_attention i1"}},
		{"declined after a mail of a few minutes ago", func(in *plan.Input) {
			declined := invitation("i1", ada, org.StatusDeclined, -0.2)
			declined.Responded = hours(-0.1)
			in.Snapshot.Invitations = []org.Invitation{declined}
			addMails(in, sent(1, "i1", -0.2))
		}, []string{"needs_attention i1"}},
		{"declined at an unknown time, and mailed 15 minutes ago", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusDeclined, -0.25)}
			addMails(in, sent(1, "i1", -0.25))
		}, []string{"needs_attention i1"}},
		{"accepted, left, and invited again without a date of creation, which expired", func(in *plan.Input) {
			accepted, again := invitation("i1", ada, org.StatusAccepted, -400), invitation("i2", ada, org.StatusPending, -80)
			accepted.Responded, again.Created = hours(-390), time.Time{}
			in.Snapshot.Invitations = []org.Invitation{accepted, again}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-380)}
			addMails(in, sent(1, "i2", -80))
		}, []string{"reinvite expired i2"}},
		{"invited without a date of creation, accepted another invitation, renewed and left", func(in *plan.Input) {
			accepted, renewed := invitation("i1", ada, org.StatusAccepted, -400), invitation("i2", ada, org.StatusPending, -80)
			accepted.Responded, renewed.Created = hours(-100), time.Time{}
			in.Snapshot.Invitations = []org.Invitation{accepted, renewed}
			renewal := sent(2, "i2", -80)
			renewal.Renewal = true
			addMails(in, sent(1, "i2", -200), renewal)
		}, []string{"left i1"}},
		{"users hidden, and the list of suspended users has the person", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			u := user("u1", ada)
			u.Suspended = true
			in.Snapshot.Users = []org.User{u}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eve@example.com", org.StatusAccepted, -200)}
		}, []string{"members_unseen ", "suspended u1", "fact joined " + ada}},
		{"pending at the last second", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -72)}
		}, []string{"waiting i1"}},
		{"pending in another spelling", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "ADA@Example.COM", org.StatusPending, -10)}
		}, []string{"waiting i1"}},
		{"pending under an alias", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "ada@home.example")
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "ada@home.example", org.StatusPending, -10)}
		}, []string{"waiting i1"}},
		{"pending without any date", func(in *plan.Input) {
			r := invitation("i1", ada, org.StatusPending, -10)
			r.Created, r.Expires = time.Time{}, time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"waiting i1"}},

		{"pending after its expiration", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -72.01)}
		}, []string{"reinvite expired i1"}},
		{"pending without an expiration, three days after it was sent", func(in *plan.Input) {
			r := invitation("i1", ada, org.StatusPending, -72.01)
			r.Expires = time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"reinvite expired i1"}},
		{"marked expired", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -80)}
		}, []string{"reinvite expired i1"}},
		{"marked expired before its time", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -10)}
		}, []string{"waiting i1"}},
		{"marked expired, with a date that is too far away", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusExpired, -80)
			inv.Expires = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
			in.Snapshot.Invitations = []org.Invitation{inv}
		}, []string{"reinvite expired i1"}},
		{"marked expired after a renewal that is valid for longer than usual", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusExpired, -80)
			inv.Expires = hours(75)
			in.Snapshot.Invitations = []org.Invitation{inv}
			m := sent(1, "i1", -1)
			m.Expires = hours(75)
			addMails(in, m)
		}, []string{"waiting i1"}},
		{"answered and pending, and mailed again since", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusUnknown, -10)
			inv.Responded, inv.StatusIfSentAgain = hours(-20), org.StatusPending
			in.Snapshot.Invitations = []org.Invitation{inv}
			addMails(in, sent(1, "i1", -10))
		}, []string{"waiting i1"}},
		{"answered and pending, and mailed before", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusUnknown, -10)
			inv.Responded, inv.StatusIfSentAgain = hours(-9), org.StatusPending
			in.Snapshot.Invitations = []org.Invitation{inv}
			addMails(in, sent(1, "i1", -10))
		}, []string{"needs_attention i1"}},
		{"answered and pending, and the ledger has no mail", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusUnknown, -10)
			inv.Responded, inv.StatusIfSentAgain = hours(-20), org.StatusPending
			in.Snapshot.Invitations = []org.Invitation{inv}
		}, []string{"needs_attention i1"}},
		{"an unknown status, and --reinvite", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusUnknown, -80)}
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
		}, []string{"needs_attention i1", "fact reset " + ada}},
		{"declined after the last mail, whose invitation is not listed", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusDeclined, -200)
			inv.Responded = hours(-50)
			in.Snapshot.Invitations = []org.Invitation{inv}
			addMails(in, sent(1, "i2", -100))
		}, []string{"reinvite expired i2"}},
		{"declined an invitation with no date of creation, and the last mail before it is not listed", func(in *plan.Input) {
			inv := invitation("i2", ada, org.StatusDeclined, -200)
			inv.Created, inv.Responded = time.Time{}, hours(-190)
			in.Snapshot.Invitations = []org.Invitation{inv}
			addMails(in, sent(1, "i1", -500))
		}, []string{"needs_attention i2"}},
		{"left, and declined a later invitation with no date of creation, with --invite-left", func(in *plan.Input) {
			in.InviteLeft = true
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -500),
				invitation("i2", ada, org.StatusDeclined, -200)}
			in.Snapshot.Invitations[0].Responded = hours(-490)
			in.Snapshot.Invitations[1].Created, in.Snapshot.Invitations[1].Responded = time.Time{}, hours(-190)
		}, []string{"needs_attention i2"}},
		{"declined an invitation with no date of creation, and an older one expired", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -500),
				invitation("i2", ada, org.StatusDeclined, -200)}
			in.Snapshot.Invitations[1].Created = time.Time{}
		}, []string{"needs_attention i2"}},
		{"users cannot be listed, joined by the ledger, and no invitation", func(in *plan.Input) {
			in.Snapshot.UsersVisible, in.Snapshot.Users = false, nil
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1"}
		}, []string{"members_unseen ", "unknown_membership "}},
		{"was a member, accepted again just now, and is not in the list of users yet", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusAccepted, -2)
			inv.Responded = hours(-0.1)
			in.Snapshot.Invitations = []org.Invitation{inv}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1"}
			in.InviteLeft = true
		}, []string{"left i1"}},
		{"declined, and mailed again since", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusDeclined, -10)
			inv.Responded = hours(-20)
			in.Snapshot.Invitations = []org.Invitation{inv}
			addMails(in, sent(1, "i1", -10))
		}, []string{"needs_attention i1"}},
		{"answered at an unknown time and pending", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusUnknown, -10)
			inv.StatusIfSentAgain = org.StatusPending
			in.Snapshot.Invitations = []org.Invitation{inv}
			addMails(in, sent(1, "i1", -10))
		}, []string{"needs_attention i1"}},
		{"marked expired, and renewed by the ledger, but the list has no date of the end yet", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusExpired, -80)
			inv.Expires = time.Time{}
			in.Snapshot.Invitations = []org.Invitation{inv}
			m := sent(1, "i1", -1)
			m.Renewal = true
			addMails(in, m)
		}, []string{"waiting i1"}},
		{"marked expired with a date far in the future, and mailed long ago", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusExpired, -80)
			inv.Expires = hours(90)
			in.Snapshot.Invitations = []org.Invitation{inv}
			addMails(in, sent(1, "i1", -80))
		}, []string{"reinvite expired i1"}},
		{"an alias was invited first, and then the email; both expired", func(in *plan.Input) {
			in.Roster.People[0].Aliases = []org.Address{org.MustParseAddress("lady@example.com")}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "lady@example.com", org.StatusExpired, -200),
				invitation("i2", ada, org.StatusExpired, -80)}
		}, []string{"reinvite expired i2"}},
		{"the invitation to an alias expired", func(in *plan.Input) {
			in.Roster.People[0].Aliases = []org.Address{org.MustParseAddress("lady@example.com")}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "lady@example.com", org.StatusExpired, -80)}
		}, []string{"reinvite expired "}},
		{"the invitation to an alias expired, in a list that does not show the address", func(in *plan.Input) {
			in.Roster.People[0].Aliases = []org.Address{org.MustParseAddress("lady@example.com")}
			inv := invitation("i1", "lady@example.com", org.StatusExpired, -80)
			inv.Invited = org.Address{}
			in.Snapshot.Invitations = []org.Invitation{inv}
			m := sent(1, "i1", -80)
			m.Email = "lady@example.com"
			addMails(in, m)
		}, []string{"reinvite expired "}},
		{"expired, in a list that does not show the address", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusExpired, -80)
			inv.Invited = org.Address{}
			in.Snapshot.Invitations = []org.Invitation{inv}
			addMails(in, sent(1, "i1", -80))
		}, []string{"reinvite expired i1"}},
		{"marked expired, without a date of the end", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusExpired, -10)
			inv.Expires = time.Time{}
			in.Snapshot.Invitations = []org.Invitation{inv}
		}, []string{"reinvite expired i1"}},
		{"expired, and no longer listed", func(in *plan.Input) {
			addMails(in, sent(1, "i1", -73))
		}, []string{"reinvite expired i1"}},

		{"four mails in the list without an answer", func(in *plan.Input) {
			for i, sent := range []float64{-400, -320, -240, -160} {
				in.Snapshot.Invitations = append(in.Snapshot.Invitations,
					invitation(fmt.Sprint("i", i), ada, org.StatusPending, sent))
			}
		}, []string{"gave_up i3"}},
		{"four invitations in the list from before orgsync removed the person", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Removed: true, RemovedAt: hours(-50), RemovedSequence: 5}
			for i, sent := range []float64{-400, -320, -240, -160} {
				in.Snapshot.Invitations = append(in.Snapshot.Invitations,
					invitation(fmt.Sprint("i", i), ada, org.StatusPending, sent))
			}
		}, []string{"reinvite expired i3"}},
		{"four mails with one id, known to the ledger", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -160)}
			addMails(in, sent(1, "i1", -400), sent(3, "i1", -320), sent(5, "i1", -240), sent(7, "i1", -160))
		}, []string{"gave_up i1"}},
		{"three mails with one id, known to the ledger", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -160)}
			addMails(in, sent(1, "i1", -320), sent(3, "i1", -240), sent(5, "i1", -160))
		}, []string{"reinvite expired i1"}},
		{"one mail in the list without any date, and one round", func(in *plan.Input) {
			in.Roster.Settings.ReinviteRounds = 1
			in.Snapshot.Invitations = []org.Invitation{{ID: "i1", Invited: org.MustParseAddress(ada), Status: org.StatusExpired}}
		}, []string{"gave_up i1"}},
		{"a lost mail that counts as sent, its invitation in a list without dates, and two rounds", func(in *plan.Input) {
			in.Roster.Settings.ReinviteRounds = 2
			in.Snapshot.Invitations = []org.Invitation{{ID: "i1", Invited: org.MustParseAddress(ada), Status: org.StatusExpired}}
			addMails(in, lost(1, -100))
		}, []string{"reinvite expired "}},
		{"a lost renewal that counts as sent, its invitation under a new id without dates, and three rounds",
			func(in *plan.Input) {
				in.Roster.Settings.ReinviteRounds = 3
				loseRenewalWithNewID(in, -100)
				in.Snapshot.Invitations[0].Status = org.StatusExpired
			}, []string{"reinvite expired i1"}},
		{"the same, and another invitation without dates", func(in *plan.Input) {
			in.Roster.Settings.ReinviteRounds = 2
			in.Snapshot.Invitations = []org.Invitation{{ID: "i1", Invited: org.MustParseAddress(ada), Status: org.StatusExpired},
				{ID: "i2", Invited: org.MustParseAddress(ada), Status: org.StatusExpired}}
			addMails(in, lost(1, -100))
		}, []string{"gave_up "}},
		{"two mails of the ledger without an answer, and an older one that was declined", func(in *plan.Input) {
			in.Roster.Settings.ReinviteRounds = 2
			in.Snapshot.Invitations = []org.Invitation{invitation("i0", ada, org.StatusDeclined, -500),
				invitation("i2", ada, org.StatusExpired, -80)}
			addMails(in, sent(1, "i1", -400), sent(3, "i2", -80))
		}, []string{"gave_up i2"}},
		{"two in the ledger and no longer listed, two others in the list", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i3", ada, org.StatusExpired, -240),
				invitation("i4", ada, org.StatusExpired, -160)}
			addMails(in, sent(1, "i1", -400), sent(3, "i2", -320))
		}, []string{"gave_up i4"}},
		{"four mails, and rounds reset by --reinvite", func(in *plan.Input) {
			in.Reinvite = []org.Address{org.MustParseAddress("Ada@example.com")}
			addMails(in, sent(1, "i1", -400), sent(3, "i1", -320), sent(5, "i1", -240), sent(7, "i1", -160))
		}, []string{"reinvite expired i1", "fact reset " + ada}},
		{"four mails in the list from before the person was out of the roster", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{RoundsResetSequence: 1, RoundsResetAt: hours(-90)}
			for i := range 4 {
				in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation(fmt.Sprint("i", i), ada, org.StatusExpired,
					-100-float64(i)))
			}
		}, []string{"reinvite expired i0"}},
		{"four mails from after the person was out of the roster, with no date of creation", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{RoundsResetSequence: 1, RoundsResetAt: hours(-110)}
			for i := range 4 {
				in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation(fmt.Sprint("i", i), ada, org.StatusExpired,
					-100-float64(i)))
				in.Snapshot.Invitations[i].Created = time.Time{}
			}
		}, []string{"gave_up i0"}},
		{"four mails before the person was out of the roster, one after", func(in *plan.Input) {
			addMails(in, sent(1, "i1", -500), sent(3, "i1", -420), sent(5, "i1", -340), sent(7, "i1", -260),
				sent(11, "i1", -100))
			r := in.Memory.People[ada]
			r.RoundsResetSequence, r.RoundsResetAt = 9, hours(-180)
			in.Memory.People[ada] = r
			in.Snapshot.Invitations = []org.Invitation{invitation("i0", ada, org.StatusExpired, -600),
				invitation("i1", ada, org.StatusPending, -100)}
		}, []string{"reinvite expired i1"}},

		{"declined", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusDeclined, -10)}
		}, []string{"needs_attention i1"}},
		{"cancelled", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusCancelled, -100)}
		}, []string{"needs_attention i1"}},
		{"an unknown status", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusUnknown, -100)}
		}, []string{"needs_attention i1"}},
		{"an unknown status, and sent by the ledger", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusUnknown, -1)}
			addMails(in, sent(1, "i1", -1))
		}, []string{"needs_attention i1"}},
		{"declined, and --reinvite names the person", func(in *plan.Input) {
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusDeclined, -10)}
		}, []string{"invite not_invited ", "fact reset " + ada}},

		{"a user who has not accepted, and no invitation", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Users[0].Accepted = new(bool)
		}, []string{"needs_attention u1"}},
		{"a user who has not accepted, and only the ledger has the invitation, which expired", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Users[0].Accepted = new(bool)
			addMails(in, sent(1, "i1", -80))
		}, []string{"reinvite expired i1"}},
		{"a user who has not accepted, and only the ledger has the invitation", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Users[0].Accepted = new(bool)
			addMails(in, sent(1, "i1", -10))
		}, []string{"waiting i1"}},
		{"a suspended user who has not accepted, and no invitation", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Users[0].Accepted, in.Snapshot.Users[0].Suspended = new(bool), true
		}, []string{"suspended u1"}},
		{"a suspended user who has not accepted, and the invitation expired", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Users[0].Accepted, in.Snapshot.Users[0].Suspended = new(bool), true
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -80)}
		}, []string{"suspended u1"}},
		{"a suspended user who has not accepted, and the invitation is pending", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Users[0].Accepted, in.Snapshot.Users[0].Suspended = new(bool), true
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}
		}, []string{"waiting i1"}},
		{"a user who has not accepted, with a status that is not understood, and the invitation expired",
			func(in *plan.Input) {
				in.Snapshot.Users = []org.User{user("u1", ada)}
				in.Snapshot.Users[0].Accepted, in.Snapshot.Users[0].Suspended = new(bool), true
				in.Snapshot.Users[0].StatusText = "invited"
				in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -80)}
			}, []string{"reinvite expired i1"}},
		{"a suspended user who has not accepted, and --reinvite names the person", func(in *plan.Input) {
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Users[0].Accepted, in.Snapshot.Users[0].Suspended = new(bool), true
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -80)}
		}, []string{"reinvite expired i1", "fact reset " + ada}},
		{"a user who has not accepted, and --reinvite names the person", func(in *plan.Input) {
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Users[0].Accepted = new(bool)
		}, []string{"invite not_invited ", "fact reset " + ada}},

		{"a lost mail, after an invitation that was cancelled in the same second", func(in *plan.Input) {
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
			cancelled := invitation("i1", ada, org.StatusCancelled, -2)
			cancelled.Responded = hours(-0.01)
			in.Snapshot.Invitations = []org.Invitation{cancelled}
			addMails(in, sent(1, "i1", -2), lost(3, -0.01))
		}, []string{"held invite not_invited ", "unsettled ", "fact reset " + ada}},
		{"the address of a service user", func(in *plan.Input) {
			u := user("u1", ada)
			u.Service = true
			in.Snapshot.Users = []org.User{u}
		}, []string{"needs_attention u1"}},

		{"accepted, and left", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -10)}
		}, []string{"left i1"}},
		{"accepted after a later mail whose invitation is not listed, and left", func(in *plan.Input) {
			r := invitation("i1", ada, org.StatusAccepted, -110)
			r.Responded = hours(-90)
			in.Snapshot.Invitations = []org.Invitation{r}
			addMails(in, sent(1, "i2", -100))
		}, []string{"left i1"}},
		{"accepted an invitation to another entry, whose last day is over, and left", func(in *plan.Input) {
			former := person("eve@example.com", 9)
			former.Until = roster.DayOf(hours(-48))
			in.Roster.People = append(in.Roster.People, former)
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "eve@example.com", org.StatusAccepted, -10)}
			in.Snapshot.Invitations[0].Registered = org.MustParseAddress(ada)
		}, []string{"left i1"}},
		{"accepted, and left, with --invite-left", func(in *plan.Input) {
			in.InviteLeft = true
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -10)}
			in.Snapshot.Invitations[0].Responded = hours(-5)
		}, []string{"invite listed_again "}},
		{"accepted at an unknown time, perhaps just now, with --invite-left", func(in *plan.Input) {
			in.InviteLeft = true
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -72.2)}
		}, []string{"left i1"}},
		{"accepted at an unknown time, and the list has no dates, with --invite-left", func(in *plan.Input) {
			in.InviteLeft = true
			inv := invitation("i1", ada, org.StatusAccepted, -10)
			inv.Created, inv.Expires = time.Time{}, time.Time{}
			in.Snapshot.Invitations = []org.Invitation{inv}
			addMails(in, sent(1, "i1", -10))
		}, []string{"left i1"}},
		{"accepted at an unknown time, at least 15 minutes ago, with --invite-left", func(in *plan.Input) {
			in.InviteLeft = true
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -72.25)}
		}, []string{"invite listed_again "}},
		{"accepted at an unknown time, was seen as a member, and left, with --invite-left", func(in *plan.Input) {
			in.InviteLeft = true
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -10)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-0.25)}
		}, []string{"invite listed_again "}},
		{"was a member, and accepted again at an unknown time, with --invite-left", func(in *plan.Input) {
			in.InviteLeft = true
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -10)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-20)}
		}, []string{"left i1"}},
		{"was a member, and accepted again at an unknown time, with no date of creation and --invite-left",
			func(in *plan.Input) {
				in.InviteLeft = true
				in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -10)}
				in.Snapshot.Invitations[0].Created = time.Time{}
				in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-20)}
			}, []string{"left i1"}},
		{"accepted just now, and the list of users does not show it yet, with --invite-left", func(in *plan.Input) {
			in.InviteLeft = true
			r := invitation("i1", ada, org.StatusAccepted, -10)
			r.Responded = now.Add(-14 * time.Minute)
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"left i1"}},
		{"accepted just now, by a date in another time zone, with --invite-left", func(in *plan.Input) {
			in.InviteLeft = true
			inv := invitation("i1", ada, org.StatusAccepted, -6)
			inv.Responded = hours(-5.1)
			in.Snapshot.Invitations = []org.Invitation{inv}
			addMails(in, sent(1, "i1", -1))
		}, []string{"left i1"}},
		{"accepted as long ago as lists may lag, with --invite-left", func(in *plan.Input) {
			in.InviteLeft = true
			r := invitation("i1", ada, org.StatusAccepted, -10)
			r.Responded = in.Snapshot.Now.Add(-org.SettleAfter)
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"invite listed_again "}},
		{"accepted at an unknown time, left, and a later invitation expired, with --invite-left", func(in *plan.Input) {
			in.InviteLeft, in.Roster.Settings.ReinviteRounds = true, 1
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -400),
				invitation("i2", ada, org.StatusExpired, -100)}
		}, []string{"gave_up i1"}},
		{"was a member since an invitation, which orgsync sent again later, and accepted it, with --invite-left",
			func(in *plan.Input) {
				in.InviteLeft = true
				in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -10)}
				in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-8), JoinedSequence: 3}
				addMails(in, sent(5, "i1", -5))
			}, []string{"left i1"}},
		{"mailed at a time in the future, which counts as now", func(in *plan.Input) {
			addMails(in, sent(1, "i1", 2))
		}, []string{"waiting i1"}},
		{"mailed a hundred years from now", func(in *plan.Input) {
			addMails(in, sent(1, "i1", 876_000))
		}, []string{"waiting i1"}},
		{"mailed by a clock that is a little ahead", func(in *plan.Input) {
			addMails(in, sent(1, "i1", 0.5))
		}, []string{"waiting i1"}},
		{"was a member and left, and the list drops accepted invitations", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, RoundsResetSequence: 3, RoundsResetAt: hours(-200)}
		}, []string{"left "}},
		{"was a member and left, and an invitation from before expired", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-200), UserID: "u1", RoundsResetSequence: 3,
				RoundsResetAt: hours(-200)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -210)}
		}, []string{"left "}},
		{"was a member with an alias and left, and an invitation from before expired", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "ada@home.example")
			in.Memory.People["ada@home.example"] = org.PersonRecord{Joined: true, JoinedAt: hours(-200), UserID: "u1",
				RoundsResetSequence: 3, RoundsResetAt: hours(-200)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -210)}
		}, []string{"left "}},
		{"was a member and left, and an invitation without a date expired", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-200), UserID: "u1", RoundsResetSequence: 3,
				RoundsResetAt: hours(-200)}
			r := invitation("i1", ada, org.StatusExpired, 0)
			r.Created, r.Expires = time.Time{}, time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"left "}},
		{"was a member and left, and a later invitation by an administrator expired", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-200), UserID: "u1", RoundsResetSequence: 3,
				RoundsResetAt: hours(-200)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -190)}
		}, []string{"reinvite expired i1"}},
		{"was a member and left, and a later invitation with no date of creation expired", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-200), UserID: "u1", RoundsResetSequence: 3,
				RoundsResetAt: hours(-200)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -190)}
			in.Snapshot.Invitations[0].Created = time.Time{}
		}, []string{"reinvite expired i1"}},
		{"is a member since before an invitation with no date of creation", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-200), UserID: "u1"}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -190)}
			in.Snapshot.Invitations[0].Created = time.Time{}
		}, []string{"fact joined " + ada}},
		{"was a member and left, and a later renewal expired", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-200), UserID: "u1", RoundsResetSequence: 3,
				RoundsResetAt: hours(-200)}
			m := sent(5, "i1", -100)
			m.Renewal = true
			addMails(in, m)
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -210)}
		}, []string{"reinvite expired i1"}},
		{"accepted the older of two invitations, the newer one expired, and left", func(in *plan.Input) {
			r := invitation("i1", ada, org.StatusAccepted, -120)
			r.Responded = hours(-100)
			in.Snapshot.Invitations = []org.Invitation{r, invitation("i2", ada, org.StatusExpired, -110)}
		}, []string{"left i1"}},
		{"accepted, and an invitation after that expired", func(in *plan.Input) {
			r := invitation("i1", ada, org.StatusAccepted, -220)
			r.Responded = hours(-200)
			in.Snapshot.Invitations = []org.Invitation{r, invitation("i2", ada, org.StatusExpired, -110)}
		}, []string{"reinvite expired i2"}},
		{"removed by orgsync, and an older invitation is pending", func(in *plan.Input) {
			removed(in)
			inv := invitation("i1", ada, org.StatusPending, -10)
			in.Snapshot.Invitations = []org.Invitation{inv}
		}, []string{"waiting i1"}},
		{"removed by orgsync, and declined before", func(in *plan.Input) {
			removed(in)
			inv := invitation("i1", ada, org.StatusDeclined, -10)
			inv.Responded = hours(-9)
			in.Snapshot.Invitations = []org.Invitation{inv}
		}, []string{"invite listed_again "}},
		{"removed by orgsync, and declined an older invitation since", func(in *plan.Input) {
			removed(in)
			inv := invitation("i1", ada, org.StatusDeclined, -10)
			inv.Responded = hours(-1)
			in.Snapshot.Invitations = []org.Invitation{inv}
		}, []string{"needs_attention i1"}},
		{"removed by orgsync, invited since, and declined", func(in *plan.Input) {
			removed(in)
			inv := invitation("i1", ada, org.StatusDeclined, -2)
			in.Snapshot.Invitations = []org.Invitation{inv}
		}, []string{"needs_attention i1"}},
		{"removed by orgsync, an older invitation was sent again since, and declined", func(in *plan.Input) {
			removed(in)
			inv := invitation("i1", ada, org.StatusDeclined, -10)
			addMails(in, sent(9, "i1", -2))
			in.Snapshot.Invitations = []org.Invitation{inv}
		}, []string{"needs_attention i1"}},
		{"left, and orgsync removed another user, who had accepted an invitation to the person", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusAccepted, -100)
			inv.Registered = org.MustParseAddress("bob@example.com")
			in.Snapshot.Invitations = []org.Invitation{inv}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-50), JoinedSequence: 3, UserID: "u1",
				UserSequence: 3}
			in.Memory.People["bob@example.com"] = org.PersonRecord{Joined: true, JoinedAt: hours(-60), JoinedSequence: 2,
				UserID: "u2", UserSequence: 2, Unlisted: true, Removed: true, RemovedAt: hours(-20), RemovedSequence: 9,
				RemovedUserID: "u2"}
		}, []string{"left i1"}},
		{"joined as an unknown user, and orgsync removed the user with the address that had accepted", func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusAccepted, -100)
			inv.Registered, inv.Responded = org.MustParseAddress("countess@example.com"), hours(-90)
			in.Snapshot.Invitations = []org.Invitation{inv}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-80), JoinedSequence: 8, UserID: "u1",
				UserSequence: 3}
			in.Memory.People["countess@example.com"] = org.PersonRecord{Joined: true, JoinedAt: hours(-80), JoinedSequence: 8,
				Unlisted: true, Removed: true, RemovedAt: hours(-20), RemovedSequence: 19, RemovedUserID: "u2"}
		}, []string{"invite listed_again "}},
		{"left, and orgsync removed another person twice, who had accepted an invitation to the person",
			func(in *plan.Input) {
				in.InviteLeft = true
				in.Roster.People = append(in.Roster.People, person("bob@example.com", 9))
				inv := invitation("i1", ada, org.StatusAccepted, -500)
				inv.Registered, inv.Responded = org.MustParseAddress("bob@example.com"), hours(-490)
				in.Snapshot.Invitations = []org.Invitation{inv}
				in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-450), JoinedSequence: 3, UserID: "u1",
					UserSequence: 3}
				in.Memory.People["bob@example.com"] = org.PersonRecord{Joined: true, JoinedAt: hours(-100), JoinedSequence: 15,
					UserID: "u3", UserSequence: 15, Removed: true, RemovedAt: hours(-20), RemovedSequence: 19, RemovedUserID: "u3",
					Removals: []org.Removal{{At: hours(-120)}, {At: hours(-20)}}}
			}, []string{"invite listed_again ", "flapping bob@example.com "}},
		{"left, and orgsync removed the user twice under an address that accepted, and that no entry has",
			func(in *plan.Input) {
				in.InviteLeft = true
				inv := invitation("i1", ada, org.StatusAccepted, -500)
				inv.Registered, inv.Responded = org.MustParseAddress("countess@example.com"), hours(-490)
				in.Snapshot.Invitations = []org.Invitation{inv}
				in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-450), JoinedSequence: 3, UserID: "u1",
					UserSequence: 3}
				in.Memory.People["countess@example.com"] = org.PersonRecord{Removed: true, RemovedAt: hours(-20),
					RemovedSequence: 19, RemovedUserID: "u3", Removals: []org.Removal{{At: hours(-120)}, {At: hours(-20)}}}
			}, []string{"flapping "}},
		{"removed by orgsync, mailed since, accepted, and left", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, Mails: []org.Mail{sent(5, "i2", -100)}}
			in.Snapshot.Invitations = []org.Invitation{invitation("i2", ada, org.StatusAccepted, -100)}
		}, []string{"left i2"}},
		{"was a member, invited again since, and the invitation expired and is not listed", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, RoundsResetSequence: 3, RoundsResetAt: hours(-200)}
			addMails(in, sent(5, "i2", -100))
		}, []string{"reinvite expired i2"}},
		{"accepted long ago, invited again since, and the invitation is not listed", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -400)}
			addMails(in, sent(5, "i2", -100))
		}, []string{"reinvite expired i2"}},
		{"accepted, in a list without dates that has an expired invitation too", func(in *plan.Input) {
			a, b := invitation("i1", ada, org.StatusAccepted, 0), invitation("i2", ada, org.StatusExpired, 0)
			for _, r := range []*org.Invitation{&a, &b} {
				r.Created, r.Expires = time.Time{}, time.Time{}
			}
			in.Snapshot.Invitations = []org.Invitation{a, b}
		}, []string{"left i1"}},

		{"a member", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
		}, []string{"fact joined " + ada}},
		{"a member who has accepted, by the list of users", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Users[0].Accepted = new(true)
		}, []string{"fact joined " + ada}},
		{"a member, by the ledger too", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1"}
		}, []string{}},
		{"a member with a new address, who joined for another entry later, whose last day is over", func(in *plan.Input) {
			former := person("eve@example.com", 9)
			former.Until = roster.DayOf(hours(-48))
			in.Roster.People = append(in.Roster.People, former)
			in.Snapshot.Users = []org.User{user("u1", "countess@home.example")}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedSequence: 3, UserID: "u1", UserSequence: 3}
			in.Memory.People["eve@example.com"] = org.PersonRecord{Joined: true, JoinedSequence: 5, UserID: "u1",
				UserSequence: 5, Unlisted: true}
		}, []string{"other_address u1"}},
		{"a member with a new address, and first recorded as unlisted with the address of another entry",
			func(in *plan.Input) {
				in.Roster.People = append(in.Roster.People, person("bob@example.com", 9))
				in.Snapshot.Users = []org.User{user("u1", "countess@home.example")}
				in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedSequence: 3, UserID: "u1", UserSequence: 3}
				in.Memory.Unlisted = map[string]org.Sighting{"u1": {Email: "bob@example.com", Sequence: 1}}
			}, []string{"invite bob@example.com not_invited ", "other_address u1", "fact user_gone "}},
		{"first recorded as unlisted with the address of the person, and joined for an entry whose last day is over",
			func(in *plan.Input) {
				former := person("eve@example.com", 9)
				former.Until = roster.DayOf(hours(-48))
				in.Roster.People = append(in.Roster.People, former)
				in.Snapshot.Users = []org.User{user("u1", "countess@home.example")}
				in.Memory.People["eve@example.com"] = org.PersonRecord{Joined: true, UserID: "u1", Unlisted: true}
				in.Memory.Unlisted = map[string]org.Sighting{"u1": {Email: ada, Sequence: 1}}
			}, []string{"other_address u1", "fact user_gone ", "fact joined " + ada}},
		{"a member in another spelling", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", "Ada@EXAMPLE.com")}
		}, []string{"fact joined " + ada}},
		{"a member with an alias", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "ada@home.example")
			in.Snapshot.Users = []org.User{user("u1", "ada@home.example")}
		}, []string{"fact joined ada@home.example"}},
		{"a member with an alias, and a mail to the other address", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "ada@home.example")
			in.Snapshot.Users = []org.User{user("u1", "ada@home.example")}
			addMails(in, sent(1, "i1", -80))
		}, []string{"fact joined " + ada, "fact joined ada@home.example"}},
		{"a member with an alias, who accepted the invitation to the other address", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "ada@home.example")
			r := invitation("i1", ada, org.StatusAccepted, -10)
			r.Registered = org.MustParseAddress("ada@home.example")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Snapshot.Users = []org.User{user("u1", "ada@home.example")}
		}, []string{"fact joined " + ada, "fact joined ada@home.example"}},
		{"a member who is invited by an administrator", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-20), UserID: "u1"}
		}, []string{"fact joined " + ada}},
		{"a member who is invited at a time in the future", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, 1)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-20), UserID: "u1"}
		}, []string{}},
		{"a member who was invited by an administrator before, by the ledger", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -90)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-20), UserID: "u1"}
		}, []string{}},
		{"a member who accepted with an unknown address", func(in *plan.Input) {
			r := invitation("i1", ada, org.StatusAccepted, -10)
			r.Registered = org.MustParseAddress("countess@home.example")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Snapshot.Users = []org.User{user("u1", "countess@home.example")}
		}, []string{"other_address u1", "fact joined " + ada}},
		{"two entries match one user", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("countess@home.example", 9))
			r := invitation("i1", ada, org.StatusAccepted, -10)
			r.Registered = org.MustParseAddress("countess@home.example")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Snapshot.Users = []org.User{user("u1", "countess@home.example")}
			in.Memory = org.Memory{People: map[string]org.PersonRecord{ada: {Joined: true},
				"countess@home.example": {Joined: true,
					UserID: "u1"}}}
		}, []string{
			"left i1",
			`users.yaml:3:5: "countess@home.example" accepted the invitation to "ada@example.com", and is listed at ` +
				`users.yaml:9: one person needs one entry, with the other address as an alias; for two people, invite ` +
				`ada@example.com in Vultr's console`,
		}},
		{"an entry whose last day is over, and a newer entry, match one user", func(in *plan.Input) {
			acceptAsEndedPerson(in)
		}, []string{"other_address u1", "fact joined " + ada}},
		{"two entries and an entry whose last day is over match one user", func(in *plan.Input) {
			acceptAsEndedPerson(in)
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 12))
			r := invitation("i2", "bob@example.com", org.StatusAccepted, -9)
			r.Registered = org.MustParseAddress("countess@home.example")
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, r)
		}, []string{
			"other_address u1", "left bob@example.com i2",
			`users.yaml:12:5: "countess@home.example" accepted the invitation to "bob@example.com", and also the one to ` +
				`"ada@example.com", who is listed at users.yaml:3: one person needs one entry, with the other address as an ` +
				`alias; for two people, invite bob@example.com in Vultr's console`, "fact joined " + ada,
		}},
		{"an entry whose last day is over matches the user of another member's invitation", func(in *plan.Input) {
			acceptAsEndedPerson(in)
			in.Snapshot.Users = append(in.Snapshot.Users, user("u2", ada))
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u2"}
		}, []string{"unlisted countess@home.example u1", "fact unlisted_user countess@home.example"}},
		{"an invitation was accepted by a user of another entry, and the person has a user too", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("countess@home.example", 9))
			r := invitation("i1", ada, org.StatusAccepted, -10)
			r.Registered = org.MustParseAddress("countess@home.example")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Snapshot.Users = []org.User{user("u1", "countess@home.example"), user("u2", ada)}
			in.Memory = org.Memory{People: map[string]org.PersonRecord{ada: {Joined: true, UserID: "u2"},
				"countess@home.example": {Joined: true, UserID: "u1"}}}
		}, []string{}},
		{"two entries match one user with a third address", func(in *plan.Input) {
			acceptAsOneAddress(in, user("u1", "countess@home.example"))
		}, oneEntryTwice},
		{"two entries match one user with a third address, and the first has a user of their own", func(in *plan.Input) {
			acceptAsOneAddress(in, user("u1", "countess@home.example"), user("u2", ada))
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u2"}
		}, []string{"other_address bob@example.com u1", "fact joined bob@example.com"}},
		{"two entries match one user with a third address, and the first has a service user", func(in *plan.Input) {
			robot := user("u2", ada)
			robot.Service = true
			acceptAsOneAddress(in, user("u1", "countess@home.example"), robot)
		}, oneEntryTwice},
		{"two entries match one user with a third address, and the first has not accepted", func(in *plan.Input) {
			invited := user("u2", ada)
			invited.Accepted = new(bool)
			acceptAsOneAddress(in, user("u1", "countess@home.example"), invited)
		}, oneEntryTwice},
		{"two entries match two users of one address", func(in *plan.Input) {
			acceptAsOneAddress(in, user("u1", "countess@home.example"), user("u2", "countess@home.example"))
		}, slices.Insert(slices.Clone(oneEntryTwice), 1, "second_user u2")},
		{"two entries match one user, and users cannot be listed", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Roster.People = append(in.Roster.People, person("countess@home.example", 9))
			r := invitation("i1", ada, org.StatusAccepted, -10)
			r.Registered = org.MustParseAddress("countess@home.example")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Memory = org.Memory{People: map[string]org.PersonRecord{ada: {Joined: true}}}
		}, []string{
			"invite countess@home.example not_invited ", "members_unseen ",
			`users.yaml:3:5: "countess@home.example" accepted the invitation to "ada@example.com", and is listed at ` +
				`users.yaml:9: one person needs one entry, with the other address as an alias; for two people, invite ` +
				`ada@example.com in Vultr's console`,
		}},
		{"a member with an invitation still pending", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}
		}, []string{"fact joined " + ada}},
		{"suspended", func(in *plan.Input) {
			u := user("u1", ada)
			u.Suspended = true
			in.Snapshot.Users = []org.User{u}
		}, []string{"suspended u1", "fact joined " + ada}},

		{"active in the list, suspended by orgsync less than 15 minutes ago", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", Suspended: true,
				SuspendedAt: now.Add(-14 * time.Minute)}
		}, []string{}},
		{"active in the list, suspended by orgsync less than 15 minutes ago, and mailed in the future", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", Suspended: true,
				SuspendedAt: now.Add(-14 * time.Minute), Mails: []org.Mail{sent(5, "i1", 1000)}}
		}, []string{"fact joined " + ada}},
		{"not in the roster, active in the list, and suspended by orgsync before", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada), user("u2", "zed@example.com")}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1"}
			in.Memory.People["zed@example.com"] = org.PersonRecord{Suspended: true, SuspendedAt: hours(-10)}
		}, []string{"unlisted zed@example.com u2", "fact unlisted_user zed@example.com", "fact active zed@example.com"}},
		{"active in the list, suspended by orgsync 14 minutes ago, by the id", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", Suspended: true, SuspendedUserID: "U1",
				SuspendedAt: now.Add(-14 * time.Minute)}
		}, []string{}},
		{"active in the list under a new address, suspended by orgsync before, by the id", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1"}
			in.Memory.People["old@example.com"] = org.PersonRecord{Suspended: true, SuspendedUserID: "U1",
				SuspendedAt: hours(-1)}
		}, []string{"fact active old@example.com"}},
		{"active in the list, and orgsync suspended another user with this address, who is gone", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", Suspended: true, SuspendedUserID: "u2",
				SuspendedAt: hours(-1)}
		}, []string{"fact active " + ada}},
		{"the same, and the other user may be suspended, because suspended users cannot be listed", func(in *plan.Input) {
			in.Snapshot.Users, in.Snapshot.SuspendedVisible = []org.User{user("u1", ada)}, false
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", Suspended: true, SuspendedUserID: "u2",
				SuspendedAt: hours(-1)}
		}, []string{"suspended_unseen "}},
		{"the same, and the other user is suspended, under a new address", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada), user("u2", "zed@example.com")}
			in.Snapshot.Users[1].Suspended = true
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", Suspended: true, SuspendedUserID: "u2",
				SuspendedAt: hours(-1)}
		}, []string{"unlisted zed@example.com u2", "fact unlisted_user zed@example.com"}},
		{"a user that orgsync suspended is gone", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", Suspended: true, SuspendedUserID: "u1",
				SuspendedAt: hours(-1)}
		}, []string{"left ", "fact active " + ada}},
		{"a user that orgsync suspended is gone, or is the user without an id", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("", "zed@example.com")}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", Suspended: true, SuspendedUserID: "u1",
				SuspendedAt: hours(-1)}
		}, []string{"left ", "unlisted zed@example.com "}},
		{"a user that orgsync suspended is gone, or cannot be listed", func(in *plan.Input) {
			in.Snapshot.SuspendedVisible = false
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", Suspended: true, SuspendedUserID: "u1",
				SuspendedAt: hours(-1)}
		}, []string{"suspended_unseen ", "unknown_membership "}},
		{"active in the list, suspended by orgsync 15 minutes ago", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", Suspended: true,
				SuspendedAt: now.Add(-org.SettleAfter)}
		}, []string{"fact active " + ada}},
		{"active in the list, suspended by orgsync at a time in the future", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", Suspended: true, SuspendedAt: hours(1000)}
		}, []string{"fact active " + ada}},
		{"two users, and one of them is suspended", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "ada@home.example")
			in.Snapshot.Users = []org.User{user("u2", "ada@home.example"), user("u1", ada)}
			in.Snapshot.Users[1].Suspended = true
			in.Memory.People["ada@home.example"] = org.PersonRecord{Joined: true, UserID: "u2"}
		}, []string{}},
		{"two users, and one of them is suspended, in the other order", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "ada@home.example")
			in.Snapshot.Users = []org.User{user("u1", ada), user("u2", "ada@home.example")}
			in.Snapshot.Users[0].Suspended = true
			in.Memory.People["ada@home.example"] = org.PersonRecord{Joined: true, UserID: "u2"}
		}, []string{}},

		{"two users, and one has an address that the roster does not name", func(in *plan.Input) {
			r := invitation("i1", ada, org.StatusAccepted, -100)
			r.Registered = org.MustParseAddress("countess@home.example")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Snapshot.Users = []org.User{user("u1", "countess@home.example"), user("u2", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u2"}
		}, []string{"second_user u1"}},
		{"unlisted users", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1"}
			robot := user("u4", "robot@example.com")
			robot.Service = true
			in.Snapshot.Self = org.MustParseAddress("Owner@example.com")
			in.Snapshot.Users = []org.User{user("u1", ada), user("u2", "eve@example.com"),
				user("u3", "owner@example.com"), robot}
		}, []string{"unlisted eve@example.com u2", "fact unlisted_user eve@example.com"}},
		{"an unlisted invitation, and one that expired", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{
				invitation("i1", ada, org.StatusPending, -10), invitation("i2", "eve@example.com", org.StatusPending, -10),
				invitation("i3", "old@example.com", org.StatusPending, -100),
			}
		}, []string{"waiting i1", "unlisted eve@example.com i2"}},
		{"the last day is today", func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC))
		}, []string{"ended_soon "}},
		{"the invitation would expire an hour after the last day", func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 12, 0, 0, 0, 0, time.UTC))
			in.Snapshot.Now = time.Date(2026, 6, 10, 1, 0, 0, 0, time.UTC)
		}, []string{"ended_soon "}},
		{"the invitation ends with the last day", func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 12, 0, 0, 0, 0, time.UTC))
			in.Snapshot.Now = time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC)
		}, []string{"invite not_invited ", "ends_soon "}},
		{"a second invitation would expire after the last day", func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -100)}
		}, []string{"ended_soon "}},
		{"the last day is today, and --reinvite names the person", func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC))
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
		}, []string{"invite not_invited ", "ends_soon ", "fact reset " + ada}},
		{"a member on the last day", func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC))
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1"}
		}, []string{"ends_soon "}},
		{"a member a week before the last day", func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 17, 0, 0, 0, 0, time.UTC))
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1"}
		}, []string{"ends_soon "}},
		{"a member more than a week before the last day", func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 18, 0, 0, 0, 0, time.UTC))
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1"}
		}, []string{}},
		{"the first day is tomorrow", func(in *plan.Input) {
			in.Roster.People[0].From = roster.DayOf(time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC))
		}, []string{"not_yet "}},
		{"the first day is today", func(in *plan.Input) {
			in.Roster.People[0].From = roster.DayOf(time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC))
		}, []string{"invite not_invited "}},
		{"the first day begins", func(in *plan.Input) {
			in.Roster.People[0].From = roster.DayOf(time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC))
			in.Snapshot.Now = time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC)
		}, []string{"invite not_invited "}},
		{"the first day is tomorrow, and --only and --reinvite name the person", func(in *plan.Input) {
			in.Roster.People[0].From = roster.DayOf(time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC))
			in.Only = []org.Address{org.MustParseAddress(ada)}
			in.Reinvite = in.Only
		}, []string{"not_yet ", "fact reset " + ada}},
		{"the first day is tomorrow, and an invitation expired", func(in *plan.Input) {
			in.Roster.People[0].From = roster.DayOf(time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -100)}
		}, []string{"not_yet "}},
		{"the first day is tomorrow, and an invitation is pending", func(in *plan.Input) {
			in.Roster.People[0].From = roster.DayOf(time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}
		}, []string{"waiting i1"}},
		{"the first day is tomorrow, and they declined", func(in *plan.Input) {
			in.Roster.People[0].From = roster.DayOf(time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusDeclined, -10)}
		}, []string{"needs_attention i1"}},
		{"the first day is tomorrow, and another roster removed them twice", func(in *plan.Input) {
			in.Roster.People[0].From = roster.DayOf(time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC))
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-2),
				Removals: []org.Removal{{At: hours(-20)}, {At: hours(-2)}}}
		}, []string{"not_yet "}},
		{"the first day is tomorrow, and users cannot be listed", func(in *plan.Input) {
			in.Roster.People[0].From = roster.DayOf(time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC))
			in.Snapshot.UsersVisible = false
		}, []string{"members_unseen ", "not_yet "}},
		{"the first day is tomorrow, and a mail is unsettled", func(in *plan.Input) {
			in.Roster.People[0].From = roster.DayOf(time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC))
			addMails(in, lost(5, -0.1))
		}, []string{"unsettled "}},
		{"a member whose first day is tomorrow", func(in *plan.Input) {
			in.Roster.People[0].From = roster.DayOf(time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC))
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1"}
		}, []string{}},
		{"the last day is over", func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}
		}, []string{"unlisted u1", "unlisted i1", "fact unlisted_user " + ada}},

		{"several open invitations", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i2", ada, org.StatusPending, -10),
				invitation("i1", ada, org.StatusPending, -20)}
		}, []string{"duplicate_invitation i1", "waiting i2"}},

		{"two users, one with each address", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "ada@home.example")
			in.Snapshot.Users = []org.User{user("u2", ada), user("u1", "ada@home.example")}
			in.Memory.People["ada@home.example"] = org.PersonRecord{Joined: true, UserID: "u1"}
		}, []string{"second_user u1", "fact joined " + ada}},
		{"two users, one with each address, and one is suspended", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "ada@home.example")
			in.Snapshot.Users = []org.User{user("u2", ada), user("u1", "ada@home.example")}
			in.Snapshot.Users[0].Suspended = true
			in.Memory.People["ada@home.example"] = org.PersonRecord{Joined: true, UserID: "u1"}
		}, []string{}},
		{"rounds reset for one of two addresses", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "ada@home.example")
			m := sent(3, "i1", -100)
			in.Memory.People[ada] = org.PersonRecord{RoundsResetSequence: 9, RoundsResetAt: hours(-50),
				Mails: []org.Mail{m, m, m, m}}
			in.Memory.People["ada@home.example"] = org.PersonRecord{RoundsResetSequence: 2, RoundsResetAt: hours(-200)}
		}, []string{"reinvite expired i1"}},

		{"users cannot be listed, accepted", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -10)}
		}, []string{"members_unseen ", "fact joined " + ada}},
		{"users cannot be listed, accepted, and the answer to a mail after leaving was lost", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -100)}
			in.Snapshot.Invitations[0].Responded = hours(-90)
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-80), JoinedSequence: 2}
			addMails(in, lost(5, -1.0/60))
		}, []string{"members_unseen ", "unsettled "}},
		{"users cannot be listed, accepted, and removed by orgsync", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-50)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -100)}
		}, []string{"invite listed_again ", "members_unseen "}},
		{"users cannot be listed, removed by orgsync, and accepted a later invitation with no date of creation",
			func(in *plan.Input) {
				in.Snapshot.UsersVisible = false
				in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-50)}
				in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -10)}
				in.Snapshot.Invitations[0].Created = time.Time{}
			}, []string{"members_unseen ", "fact joined " + ada}},
		{"users cannot be listed, removed by orgsync, mailed since, and accepted", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, Mails: []org.Mail{sent(5, "i2", -10)}}
			in.Snapshot.Invitations = []org.Invitation{invitation("i2", ada, org.StatusAccepted, -10)}
		}, []string{"members_unseen ", "fact joined " + ada}},
		{"users cannot be listed, a member by the ledger, and an older invitation expired", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-200)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -300)}
		}, []string{"members_unseen ", "unknown_membership "}},
		{"users cannot be listed, a member by the ledger, and --reinvite", func(in *plan.Input) {
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
			in.Snapshot.UsersVisible = false
			in.Memory.People[ada] = org.PersonRecord{Joined: true}
		}, []string{"invite listed_again ", "members_unseen ", "fact reset " + ada}},
		{"users cannot be listed, a member by the ledger", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Memory.People[ada] = org.PersonRecord{Joined: true}
		}, []string{"members_unseen ", "unknown_membership "}},
		{"users cannot be listed, not invited", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
		}, []string{"members_unseen ", "unknown_membership "}},
		{"suspended users cannot be listed", func(in *plan.Input) {
			in.Snapshot.SuspendedVisible = false
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1"}
		}, []string{"suspended_unseen "}},

		{"suspended users cannot be listed, and removed by orgsync", func(in *plan.Input) {
			in.Snapshot.SuspendedVisible = false
			removed(in)
		}, []string{"invite listed_again ", "suspended_unseen "}},
		{"neither the roster nor an answer names the organization", func(in *plan.Input) {
			in.Snapshot.PinConfirmed = false
		}, []string{"invite not_invited "}},

		// The ledger has mails that are not in the list, or not yet.
		{"certainly mailed, not in the list yet", func(in *plan.Input) {
			addMails(in, sent(1, "i1", -1))
		}, []string{"waiting i1"}},
		{"renewed, and the list still has the old date", func(in *plan.Input) {
			m := sent(1, "i1", -1)
			m.Renewal = true
			addMails(in, m)
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -100)}
		}, []string{"waiting i1"}},
		{"renewed, and the list still marks the invitation as expired", func(in *plan.Input) {
			m := sent(1, "i1", -1)
			m.Renewal = true
			addMails(in, m)
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -100)}
		}, []string{"waiting i1"}},
		{"mailed, and the server writes the address in another way", func(in *plan.Input) {
			addMails(in, sent(1, "i1", -1))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "ada+tag@example.com", org.StatusPending, -1)}
		}, []string{"waiting i1"}},
		{"answer lost a minute ago", func(in *plan.Input) {
			addMails(in, lost(1, -1.0/60))
		}, []string{"held invite not_invited ", "unsettled "}},
		{"answer lost a minute ago, and a user who has not accepted shows that the mail may have been sent",
			func(in *plan.Input) {
				addMails(in, lost(1, -1.0/60))
				u := user("u1", ada)
				u.Accepted = new(false)
				in.Snapshot.Users = []org.User{u}
			}, []string{"unsettled "}},
		{"answer lost, and the list has the invitation", func(in *plan.Input) {
			addMails(in, lost(1, -1.0/60))
			in.Snapshot.Invitations = []org.Invitation{invitation("i9", ada, org.StatusPending, -1.5/60)}
		}, []string{"waiting i9", "fact found " + ada}},
		{"answer lost, and the list has an older invitation", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Removed: true, RemovedAt: hours(-5)}
			addMails(in, lost(1, -0.5))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -10)}
		}, []string{"invite listed_again ", "fact absent " + ada}},
		{"answer lost, and the list has an expired invitation without dates", func(in *plan.Input) {
			addMails(in, lost(1, -1.0/60))
			r := invitation("i1", ada, org.StatusExpired, 0)
			r.Created, r.Expires = time.Time{}, time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"held reinvite expired i1", "unsettled "}},
		{"answer lost, and an unlisted user joined since who may be ada",
			func(in *plan.Input) {
				addMails(in, lost(1, -1))
				in.Snapshot.Users = []org.User{user("u9", "countess@home.example")}
				in.Memory.Unlisted = map[string]org.Sighting{"u9": {Sequence: 2, At: hours(-0.5)}}
			}, []string{"possible_alias u9", "waiting ", "unlisted countess@home.example u9"}},
		{"answer lost, an unlisted user joined since, and a witness while the list may lag", func(in *plan.Input) {
			addMails(in, lost(1, -0.1))
			in.Memory.People["eve@example.com"] = org.PersonRecord{Mails: []org.Mail{{Email: "eve@example.com",
				InvitationID: "i8",
				Sequence:     3, At: hours(-0.05)}}}
			in.Snapshot.Invitations = []org.Invitation{invitation("i8", "eve@example.com", org.StatusPending, -0.05)}
			in.Snapshot.Users = []org.User{user("u9", "countess@home.example")}
		}, []string{
			"held invite not_invited ", "unsettled ", "unlisted countess@home.example u9", "unlisted eve@example.com i8",
			"fact unlisted_user countess@home.example", "fact unlisted eve@example.com",
		}},
		{"answer lost, and an unlisted user was there before", func(in *plan.Input) {
			addMails(in, lost(2, -1))
			in.Snapshot.Users = []org.User{user("u9", "countess@home.example")}
			in.Memory.Unlisted = map[string]org.Sighting{"u9": {Sequence: 1, At: hours(-2)}}
		}, []string{"invite not_invited ", "unlisted countess@home.example u9", "fact absent " + ada}},
		{"answer lost, an unlisted user joined since, and the list has accepted invitations", func(in *plan.Input) {
			addMails(in, lost(1, -1))
			in.Snapshot.Users = []org.User{user("u9", "countess@home.example")}
			in.Memory.Unlisted = map[string]org.Sighting{"u9": {Sequence: 2, At: hours(-0.5)}}
			in.Snapshot.Invitations = []org.Invitation{invitation("i7", "countess@home.example", org.StatusAccepted, -1)}
		}, []string{"invite not_invited ", "unlisted countess@home.example u9", "fact absent " + ada}},
		{"answer lost, and the list has a similar address", func(in *plan.Input) {
			addMails(in, lost(1, -1))
			in.Snapshot.Invitations = []org.Invitation{invitation("i9", "a.da@example.com", org.StatusPending, -1)}
		}, []string{"held invite not_invited ", "unlisted a.da@example.com i9", "same_name ", "unsettled "}},
		{"answer lost, and an address cannot be read", func(in *plan.Input) {
			addMails(in, lost(1, -1))
			r := invitation("i9", ada, org.StatusPending, -1)
			r.Invited = org.Address{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"held invite not_invited ", "unlisted i9", "unsettled "}},
		{"answer lost, and an invitation that an administrator sent was declined before", func(in *plan.Input) {
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
			addMails(in, lost(1, -1.0/60))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusDeclined, -20)}
			in.Snapshot.Invitations[0].Responded = hours(-2)
		}, []string{"held invite not_invited ", "unsettled ", "fact reset " + ada}},
		{"answer to a renewal lost, and another invitation, which has expired, has no dates", func(in *plan.Input) {
			m := lost(3, -0.5)
			m.Renewal, m.InvitationID = true, "i1"
			addMails(in, sent(1, "i1", -80), m)
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -80),
				{ID: "i2", Invited: org.MustParseAddress(ada), Status: org.StatusExpired}}
		}, []string{"reinvite expired i1", "fact absent " + ada}},
		{"answer lost, and the list has a similar address at the other domain of Google", func(in *plan.Input) {
			in.Roster.People[0] = person("ada@gmail.com", 3)
			m := lost(1, -0.5)
			m.Email = "ada@gmail.com"
			addMails(in, m)
			in.Snapshot.Invitations = []org.Invitation{invitation("i9", "a.da+vultr@googlemail.com", org.StatusPending, -0.5)}
		}, []string{"held invite ada@gmail.com not_invited ", "unlisted a.da+vultr@googlemail.com i9",
			"unsettled ada@gmail.com "}},
		{"answer lost, and a similar address was invited at another time", func(in *plan.Input) {
			addMails(in, lost(1, -1))
			in.Snapshot.Invitations = []org.Invitation{invitation("i9", "ada+x@example.com", org.StatusPending, -2)}
		}, []string{"invite not_invited ", "unlisted ada+x@example.com i9", "same_name ", "fact absent " + ada}},
		{"answer lost, and another address was invited at this time", func(in *plan.Input) {
			addMails(in, lost(1, -1))
			in.Snapshot.Invitations = []org.Invitation{invitation("i9", "eve@example.com", org.StatusPending, -1)}
		}, []string{"invite not_invited ", "unlisted eve@example.com i9", "fact absent " + ada}},
		{"answer lost, and the similar address is of a person whose last day is over", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("a.da@example.com", 4))
			in.Roster.People[1].Until = roster.DayOf(now.AddDate(0, 0, -9))
			addMails(in, lost(1, -1))
			in.Snapshot.Invitations = []org.Invitation{invitation("i9", "a.da@example.com", org.StatusPending, -1)}
		}, []string{"invite not_invited ", "unlisted a.da@example.com i9", "fact absent " + ada}},
		{"answer to a renewal lost long ago, and the list has a later renewal", func(in *plan.Input) {
			first, second := lost(1, -100), sent(3, "i1", -1)
			first.InvitationID, first.Renewal, second.Renewal = "i1", true, true
			addMails(in, first, second)
			r := invitation("i1", ada, org.StatusPending, -300)
			r.Expires = hours(71)
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"waiting i1"}},
		{"answer lost, and a witness is listed", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1.0/60)
			bob.Email = "bob@example.com"
			addMails(in, lost(1, -1.0/60), bob)
			in.Snapshot.Invitations = []org.Invitation{invitation("i5", "bob@example.com", org.StatusPending, -1.0/60)}
		}, []string{"invite not_invited ", "waiting bob@example.com i5", "fact absent " + ada}},
		{"answer lost, and only one of two readings has the later mail", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1.0/60)
			bob.Email = "bob@example.com"
			addMails(in, lost(1, -1.0/60), bob)
			in.Snapshot.Invitations = []org.Invitation{invitation("i5", "bob@example.com", org.StatusPending, -1.0/60)}
			in.Snapshot.Invitations[0].SeenOnce = true
		}, []string{"held invite not_invited ", "unsettled ", "waiting bob@example.com i5"}},
		{"answer lost, and the later mail is no witness because it was lost too", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1.0/60)
			bob.Email, bob.Found = "bob@example.com", true
			addMails(in, lost(1, -1.0/60), bob)
			in.Snapshot.Invitations = []org.Invitation{invitation("i5", "bob@example.com", org.StatusPending, -1.0/60)}
		}, []string{"held invite not_invited ", "unsettled ", "waiting bob@example.com i5"}},
		{"answer lost, and the later mail is no witness because its answer was lost just now", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := lost(5, -1.0/60)
			bob.Email, bob.InvitationID = "bob@example.com", "i5"
			addMails(in, lost(1, -1.0/60), bob)
			in.Snapshot.Invitations = []org.Invitation{invitation("i5", "bob@example.com", org.StatusPending, -1.0/60)}
		}, []string{"held invite not_invited ", "unsettled ", "waiting bob@example.com i5", "fact found bob@example.com"}},
		{"answer lost, and the later mail is a renewal without a new date", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1.0/60)
			bob.Email, bob.Renewal, bob.Expires = "bob@example.com", true, hours(-1)
			addMails(in, lost(1, -1.0/60), bob)
			in.Snapshot.Invitations = []org.Invitation{invitation("i5", "bob@example.com", org.StatusPending, -73)}
		}, []string{"held invite not_invited ", "unsettled ", "waiting bob@example.com i5"}},
		{"answer lost, and the later mail is not listed", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1.0/60)
			bob.Email = "bob@example.com"
			addMails(in, lost(1, -1.0/60), bob)
		}, []string{"held invite not_invited ", "unsettled ", "waiting bob@example.com i5"}},
		{"answer lost, and only an earlier mail is listed", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(1, "i5", -1.0/60)
			bob.Email = "bob@example.com"
			addMails(in, bob, lost(3, -1.0/60))
			in.Snapshot.Invitations = []org.Invitation{invitation("i5", "bob@example.com", org.StatusPending, -1.0/60)}
		}, []string{"held invite not_invited ", "unsettled ", "waiting bob@example.com i5"}},
		{"answer lost after the later mail was sent", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(2, "i5", -1.0/60)
			bob.Email = "bob@example.com"
			m := lost(1, -1.0/60)
			m.LostSequence = 4
			addMails(in, m, bob)
			in.Snapshot.Invitations = []org.Invitation{invitation("i5", "bob@example.com", org.StatusPending, -1.0/60)}
		}, []string{"held invite not_invited ", "unsettled ", "waiting bob@example.com i5"}},
		{"answer lost 15 minutes ago", func(in *plan.Input) {
			addMails(in, lost(1, -0.25))
		}, []string{"invite not_invited ", "fact absent " + ada}},
		{"answer lost so long ago that the invitation may have expired", func(in *plan.Input) {
			in.Roster.Settings.ReinviteRounds = 1
			addMails(in, lost(1, -73))
		}, []string{"gave_up "}},
		{"answer lost almost three days ago", func(in *plan.Input) {
			addMails(in, lost(1, -71.9))
		}, []string{"waiting "}},
		{"answer lost days ago, and a later mail is listed", func(in *plan.Input) {
			in.Roster.Settings.ReinviteRounds = 1
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1)
			bob.Email = "bob@example.com"
			addMails(in, lost(1, -73), bob)
			in.Snapshot.Invitations = []org.Invitation{invitation("i5", "bob@example.com", org.StatusPending, -1)}
		}, []string{"gave_up ", "waiting bob@example.com i5"}},
		{"answer to a renewal lost, a witness is listed, and the invitation has its old date", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1.0/60)
			bob.Email = "bob@example.com"
			m := lost(3, -1.0/60)
			m.Renewal, m.InvitationID = true, "i1"
			addMails(in, sent(1, "i1", -100), m, bob)
			in.Snapshot.Invitations = []org.Invitation{
				invitation("i1", ada, org.StatusPending, -100), invitation("i5", "bob@example.com", org.StatusPending, -1.0/60),
			}
		}, []string{"reinvite expired i1", "waiting bob@example.com i5", "fact absent " + ada}},
		{"answer to a renewal lost, and the invitation has a new date", func(in *plan.Input) {
			m := lost(3, -1)
			m.Renewal, m.InvitationID = true, "i1"
			addMails(in, sent(1, "i1", -100), m)
			r := invitation("i1", ada, org.StatusPending, -100)
			r.Expires = hours(71)
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"waiting i1", "fact found " + ada}},
		{"answer to a renewal lost, and the list has no dates", func(in *plan.Input) {
			m := lost(3, -1)
			m.Renewal, m.InvitationID = true, "i1"
			first := sent(1, "i1", -100)
			first.Expires = time.Time{}
			addMails(in, first, m)
			r := invitation("i1", ada, org.StatusPending, -100)
			r.Created, r.Expires = time.Time{}, time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"waiting i1"}},
		{"answer to a renewal lost, which changed the id, and the list has no dates",
			func(in *plan.Input) { loseRenewalWithNewID(in, -1) }, []string{"waiting i2", "fact found " + ada}},
		{"answer to a renewal lost, which changed the id and expired, and the list has no dates",
			func(in *plan.Input) { loseRenewalWithNewID(in, -80) }, []string{"reinvite expired i2", "fact found " + ada}},
		{"answer lost, and a renewal without its new date in the list is no witness", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1.0/60)
			bob.Email, bob.Renewal = "bob@example.com", true
			addMails(in, lost(1, -1.0/60), bob)
			in.Snapshot.Invitations = []org.Invitation{invitation("i5", "bob@example.com", org.StatusPending, -100)}
		}, []string{"held invite not_invited ", "unsettled ", "waiting bob@example.com i5"}},
		{"answer lost, and the server renewed the later invitation, which is still listed as expired", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1.0/60)
			bob.Email = "bob@example.com"
			addMails(in, lost(1, -1.0/60), bob)
			in.Snapshot.Invitations = []org.Invitation{invitation("i5", "bob@example.com", org.StatusExpired, -100)}
		}, []string{"held invite not_invited ", "unsettled ", "waiting bob@example.com i5"}},
		{"answer lost, and the server renewed the later invitation, still listed as expired with no date of creation",
			func(in *plan.Input) {
				in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
				bob := sent(5, "i5", -1.0/60)
				bob.Email = "bob@example.com"
				addMails(in, lost(1, -1.0/60), bob)
				in.Snapshot.Invitations = []org.Invitation{invitation("i5", "bob@example.com", org.StatusExpired, -100)}
				in.Snapshot.Invitations[0].Created = time.Time{}
			}, []string{"held invite not_invited ", "unsettled ", "waiting bob@example.com i5"}},
		{"answer lost, and the server renewed the later invitation, which is listed with its new date", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1.0/60)
			bob.Email = "bob@example.com"
			addMails(in, lost(1, -1.0/60), bob)
			r := invitation("i5", "bob@example.com", org.StatusPending, -100)
			r.Expires = bob.Expires
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"invite not_invited ", "waiting bob@example.com i5", "fact absent " + ada}},
		{"answer lost, and the expired invitation has a new date", func(in *plan.Input) {
			addMails(in, lost(1, -1))
			r := invitation("i1", ada, org.StatusPending, -100)
			r.Expires = hours(71)
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"waiting i1", "fact found " + ada}},
		{"answer lost, and the expired invitation may be renewed without a date", func(in *plan.Input) {
			addMails(in, lost(1, -0.2))
			r := invitation("i1", ada, org.StatusPending, -100)
			r.Expires = time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"held reinvite expired i1", "unsettled "}},
		{"answer lost an hour ago, and the expired invitation may be renewed without a date", func(in *plan.Input) {
			addMails(in, lost(1, -1))
			r := invitation("i1", ada, org.StatusPending, -100)
			r.Expires = time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"waiting "}},
		{"answer lost, and a declined invitation without a date is not renewed", func(in *plan.Input) {
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
			addMails(in, lost(1, -1))
			r := invitation("i1", ada, org.StatusDeclined, -100)
			r.Expires = time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"invite not_invited ", "fact reset " + ada, "fact absent " + ada}},
		{"answer lost, and the list has a pending invitation without dates", func(in *plan.Input) {
			addMails(in, lost(1, -1.0/60))
			r := invitation("i9", ada, org.StatusPending, 0)
			r.Created, r.Expires = time.Time{}, time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"waiting i9", "fact found " + ada}},
		{"answer lost, and the list has a new invitation without an expiration date", func(in *plan.Input) {
			addMails(in, lost(1, -1))
			r := invitation("i9", ada, org.StatusPending, -1)
			r.Expires = time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"waiting i9", "fact found " + ada}},
		{"answer lost, and the list has an older invitation without an expiration date", func(in *plan.Input) {
			addMails(in, lost(1, -1))
			r := invitation("i9", ada, org.StatusPending, -10)
			r.Expires = time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"waiting i9"}},
		{"answer lost, and the list has an invitation that expired before, without its creation date", func(in *plan.Input) {
			addMails(in, lost(1, -1))
			r := invitation("i9", ada, org.StatusPending, -100)
			r.Created = time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"reinvite expired i9", "fact absent " + ada}},
		{"answer lost, and the list has only the invitation of a mail just before, without an expiration date",
			func(in *plan.Input) {
				addMails(in, sent(1, "i1", -0.2), lost(3, -0.1))
				r := invitation("i1", ada, org.StatusPending, -0.2)
				r.Expires = time.Time{}
				in.Snapshot.Invitations = []org.Invitation{r}
			}, []string{"waiting i1"}},
		{"answer lost, and the invitation of an earlier mail has a new date", func(in *plan.Input) {
			addMails(in, sent(1, "i1", -100), lost(3, -1))
			r := invitation("i1", ada, org.StatusPending, -100)
			r.Expires = hours(71)
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"waiting i1", "fact found " + ada}},
		{"answer lost, and the invitation was declined since", func(in *plan.Input) {
			addMails(in, lost(1, -1))
			r := invitation("i9", ada, org.StatusDeclined, -1)
			r.Responded = hours(-0.5)
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"needs_attention i9", "fact found " + ada}},
		{"answer lost, users cannot be listed, and the list shows no accepted invitations", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			addMails(in, lost(1, -1))
		}, []string{"members_unseen ", "waiting "}},
		{"answer lost, and the list has a similar address without dates", func(in *plan.Input) {
			addMails(in, lost(1, -1))
			r := invitation("i9", "a.da@example.com", org.StatusPending, 0)
			r.Created, r.Expires = time.Time{}, time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"held invite not_invited ", "unlisted a.da@example.com i9", "same_name ", "unsettled "}},
		{"answer to a renewal lost, and the list has a new creation date and no expiration date", func(in *plan.Input) {
			m := lost(3, -1)
			m.Renewal, m.InvitationID = true, "i1"
			addMails(in, sent(1, "i1", -100), m)
			r := invitation("i1", ada, org.StatusPending, -1)
			r.Expires = time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"waiting i1", "fact found " + ada}},
		{"answer to a renewal lost, and the new date is before the estimate for the earlier mail", func(in *plan.Input) {
			m := lost(3, -1)
			m.Renewal, m.InvitationID = true, "i1"
			addMails(in, sent(1, "i1", -10), m)
			r := invitation("i1", ada, org.StatusPending, -10)
			r.Expires = hours(47)
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"waiting i1", "fact found " + ada}},
		{"answer to a renewal lost, and neither the list nor the ledger has dates of the invitation", func(in *plan.Input) {
			m := lost(3, -1)
			m.Renewal, m.InvitationID = true, "i1"
			addMails(in, m)
			r := invitation("i1", ada, org.StatusPending, 0)
			r.Created, r.Expires = time.Time{}, time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"waiting i1"}},
		{"answer to a renewal lost a minute ago, and the invitation is expired in the list, without an expiration date",
			func(in *plan.Input) {
				m := lost(3, -1.0/60)
				m.Renewal, m.InvitationID = true, "i1"
				addMails(in, sent(1, "i1", -50), m)
				r := invitation("i1", ada, org.StatusExpired, -50)
				r.Expires = time.Time{}
				in.Snapshot.Invitations = []org.Invitation{r}
			}, []string{"held reinvite expired i1", "unsettled i1"}},
		{"answer to a renewal lost a minute ago, and the invitation is pending again in the list, without an expiration date",
			func(in *plan.Input) {
				m := lost(3, -1.0/60)
				m.Renewal, m.InvitationID = true, "i1"
				addMails(in, sent(1, "i1", -50), m)
				r := invitation("i1", ada, org.StatusPending, -50)
				r.Expires = time.Time{}
				in.Snapshot.Invitations = []org.Invitation{r}
			}, []string{"waiting i1", "fact found " + ada}},
		{"answer to a renewal lost, and the list has only an invitation with another id and no date", func(in *plan.Input) {
			m := lost(3, -1)
			m.Renewal, m.InvitationID = true, "i1"
			addMails(in, sent(1, "i1", -100), m)
			r := invitation("i2", ada, org.StatusPending, -100)
			r.Expires = time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"waiting i1"}},
		{"answer lost, and the later mail was sent while the server could still act", func(in *plan.Input) {
			m := lost(1, -2.0/60)
			m.ServerMayActUntil = hours(-0.9 / 60)
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1.0/60)
			bob.Email = "bob@example.com"
			addMails(in, m, bob)
			in.Snapshot.Invitations = []org.Invitation{invitation("i5", "bob@example.com", org.StatusPending, -1.0/60)}
		}, []string{"held invite not_invited ", "unsettled ", "waiting bob@example.com i5"}},
		{"answer lost, and the later mail was sent when the server could no longer act", func(in *plan.Input) {
			m := lost(1, -2.0/60)
			m.ServerMayActUntil = hours(-1.0 / 60)
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1.0/60)
			bob.Email = "bob@example.com"
			addMails(in, m, bob)
			in.Snapshot.Invitations = []org.Invitation{invitation("i5", "bob@example.com", org.StatusPending, -1.0/60)}
		}, []string{"invite not_invited ", "waiting bob@example.com i5", "fact absent " + ada}},
		{"answer lost, and the later mail is listed without dates", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1.0/60)
			bob.Email = "bob@example.com"
			addMails(in, lost(1, -1.0/60), bob)
			r := invitation("i5", "bob@example.com", org.StatusPending, 0)
			r.Created, r.Expires = time.Time{}, time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"invite not_invited ", "waiting bob@example.com i5", "fact absent " + ada}},
		{"answer lost, and the later mail is listed without an expiration date", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1.0/60)
			bob.Email = "bob@example.com"
			addMails(in, lost(1, -1.0/60), bob)
			r := invitation("i5", "bob@example.com", org.StatusPending, -1.0/60)
			r.Expires = time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"invite not_invited ", "waiting bob@example.com i5", "fact absent " + ada}},
		{"answer lost, and the later renewal is listed with its old date and no creation date", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 4))
			bob := sent(5, "i5", -1.0/60)
			bob.Email = "bob@example.com"
			bob.Renewal = true
			addMails(in, lost(1, -1.0/60), bob)
			r := invitation("i5", "bob@example.com", org.StatusPending, -100)
			r.Created = time.Time{}
			in.Snapshot.Invitations = []org.Invitation{r}
		}, []string{"held invite not_invited ", "unsettled ", "waiting bob@example.com i5"}},
		{"mailed before, --reinvite, and a new user whose address comes first", func(in *plan.Input) {
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
			addMails(in, sent(1, "i1", -80))
			in.Snapshot.Users = []org.User{user("u1", "aaron@example.com")}
		}, []string{"reinvite expired i1", "unlisted aaron@example.com u1", "fact reset " + ada,
			"fact unlisted_user aaron@example.com"}},
		{"a member by the ledger, who was out of the roster since", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1", Unlisted: true}
		}, []string{"fact joined " + ada}},
		{"a member under another address, which orgsync mailed", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", "countess@home.example")}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -80)}
			in.Snapshot.Invitations[0].Registered = org.MustParseAddress("countess@home.example")
			m := sent(1, "i0", -90)
			m.Email = "countess@home.example"
			addMails(in, m)
		}, []string{"other_address u1", "fact joined " + ada, "fact joined countess@home.example",
			"fact unlisted countess@home.example"}},
		{"the same, and users cannot be listed", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -80)}
			in.Snapshot.Invitations[0].Registered = org.MustParseAddress("countess@home.example")
			m := sent(1, "i0", -90)
			m.Email = "countess@home.example"
			addMails(in, m)
		}, []string{"members_unseen ", "fact joined " + ada, "fact joined countess@home.example",
			"fact unlisted countess@home.example"}},
		{"users cannot be listed, and an invitation to one of two addresses was accepted", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Roster.People[0] = person(ada, 3, "lady@example.com")
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -80)}
		}, []string{"members_unseen ", "fact joined " + ada}},
		{"users cannot be listed, a user by the ledger, and accepted a mail to another address", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Roster.People[0] = person(ada, 3, "lady@example.com")
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-200), JoinedSequence: 1, UserID: "u1",
				UserSequence: 1}
			m := sent(5, "i1", -80)
			m.Email = "lady@example.com"
			addMails(in, m)
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "lady@example.com", org.StatusAccepted, -80)}
		}, []string{"members_unseen ", "fact joined " + ada, "fact joined lady@example.com"}},
		{"a member by the ledger, and a later invitation was accepted with an unknown address", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i9", ada, org.StatusAccepted, -10)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-50), UserID: "u1"}
		}, []string{"fact joined " + ada}},
		{"users cannot be listed, accepted at an unknown time, and the answer to a mail was lost", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -10)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-8), JoinedSequence: 2}
			addMails(in, lost(5, -1.0/60))
		}, []string{"members_unseen ", "unsettled "}},
		{"users cannot be listed, and a renewal was accepted, whose date the list does not show", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -100)}
			addMails(in, sent(5, "i1", -5))
		}, []string{"members_unseen ", "fact joined " + ada}},
		{"a person of the ledger who is no longer in the roster", func(in *plan.Input) {
			in.Roster.People[0] = person("bob@example.com", 3)
			addMails(in, sent(1, "i1", -1))
		}, []string{"invite bob@example.com not_invited ", "fact unlisted " + ada}},
		{"a person who is no longer in the roster, by the ledger", func(in *plan.Input) {
			in.Roster.People[0] = person("bob@example.com", 3)
			in.Memory.People[ada] = org.PersonRecord{Unlisted: true}
		}, []string{"invite bob@example.com not_invited "}},

		{"more mails than one run may send", func(in *plan.Input) {
			in.MaxInvites = new(int)
		}, []string{"invite not_invited ", "limit "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := newInput()
			tt.in(&in)
			if diff := cmp.Diff(tt.want, summarize(plan.Compute(in))); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// TestJoinedFacts: the plan has a fact that a person joined as a user, under each address that the server links to this
// user.
func TestJoinedFacts(t *testing.T) {
	t.Parallel()
	const countess = "countess@home.example"
	mailed := func(userID string) org.PersonRecord {
		return org.PersonRecord{Joined: true, UserID: userID, Mails: []org.Mail{sent(5, "i5", -100)}}
	}
	accepted := invitation("i1", ada, org.StatusAccepted, -10)
	accepted.Registered = org.MustParseAddress(countess)
	otherSpelling := accepted
	otherSpelling.Invited = org.MustParseAddress("a.d.a@example.com")
	for name, tt := range map[string]struct {
		listed org.Invitation
		memory org.PersonRecord
		want   string
	}{
		"accepted with another address": {accepted, mailed(""), "u1"},
		"accepted, and the server writes the invited address in another way": {otherSpelling,
			org.PersonRecord{Mails: []org.Mail{sent(1, "i1", -10)}}, "u1"},
		"the list drops accepted invitations, and the ledger has the user": {org.Invitation{}, mailed("u1"), "u1"},
		"accepted, and the list does not name the registered address": {invitation("i1", ada, org.StatusAccepted, -10),
			mailed("u1"), "u1"},
		"joined again as an unknown user, who is the same user": {org.Invitation{},
			org.PersonRecord{Joined: true, JoinedSequence: 9, UserID: "u1", UserSequence: 5}, "u1"},
	} {
		in := newInput()
		in.Snapshot.Users = []org.User{user("u1", countess)}
		if tt.listed.ID != "" {
			in.Snapshot.Invitations = []org.Invitation{tt.listed}
		}
		in.Memory.People[ada] = tt.memory
		want := []org.Fact{{Kind: org.FactJoined, Email: ada, UserID: tt.want}}
		if diff := cmp.Diff(want, plan.Compute(in).Facts); diff != "" {
			t.Errorf("%s: facts (-want +got):\n%s", name, diff)
		}
	}
}

// TestRemovedPersonWhoAcceptedForAnother: ada accepted an invitation to bob, who later joined with a user of his own.
// Bob's membership does not say that ada is back after orgsync removed her.
func TestRemovedPersonWhoAcceptedForAnother(t *testing.T) {
	t.Parallel()
	const bob = "bob@example.com"
	in := newInput()
	in.Roster.People = []roster.Person{person(bob, 3)}
	in.Snapshot.Users = []org.User{user("u-bob", bob)}
	accepted := invitation("i1", bob, org.StatusAccepted, -500)
	accepted.Registered, accepted.Responded = org.MustParseAddress(ada), hours(-490)
	in.Snapshot.Invitations = []org.Invitation{accepted}
	in.Memory.People[bob] = org.PersonRecord{Joined: true, UserID: "u-bob", JoinedAt: hours(-50), JoinedSequence: 12,
		UserSequence: 12}
	in.Memory.People[ada] = org.PersonRecord{Unlisted: true, Removed: true, RemovedAt: hours(-100), RemovedSequence: 9,
		RemovedUserID: "u-ada"}
	if got := summarize(plan.Compute(in)); len(got) > 0 {
		t.Errorf("ada is not listed: %q", got)
	}
	in.Roster.People = append(in.Roster.People, person(ada, 9))
	if diff := cmp.Diff([]string{"invite listed_again "}, summarize(plan.Compute(in))); diff != "" {
		t.Errorf("ada is listed again (-want +got):\n%s", diff)
	}
}

// TestFactsNewestFirst: facts about several mails to one person begin with the newest mail, and end before the first
// mail that is unsettled. The ledger applies each fact to the last lost mail.
func TestFactsNewestFirst(t *testing.T) {
	t.Parallel()
	in := newInput()
	in.Roster.People[0] = person(ada, 3, "a.da@example.com")
	addMails(&in, lost(1, -100), lost(5, -2))
	in.Snapshot.Invitations = []org.Invitation{
		invitation("i1", "a.da@example.com", org.StatusExpired, -100),
		invitation("i0", "other@example.com", org.StatusAccepted, -300),
	}
	var kinds []org.FactKind
	for _, f := range plan.Compute(in).Facts {
		kinds = append(kinds, f.Kind)
	}
	if want := []org.FactKind{org.FactAbsent, org.FactFound}; !slices.Equal(kinds, want) {
		t.Errorf("facts %v, want %v", kinds, want)
	}
	in.Memory.People[ada].Mails[1].At = hours(-0.1) // the list may not show this one yet
	if facts := plan.Compute(in).Facts; len(facts) > 0 {
		t.Errorf("facts about a mail before one of which nothing is known: %v", facts)
	}
}

// TestLastAdministrators: the last active administrator is never removed. A user who has not accepted, is suspended,
// or is only in one of two readings does not count.
func TestLastAdministrators(t *testing.T) {
	t.Parallel()
	no := false
	for name, change := range map[string]func(*org.User){
		"accepted":       func(*org.User) {},
		"not accepted":   func(u *org.User) { u.Accepted = &no },
		"suspended":      func(u *org.User) { u.Suspended = true },
		"in one reading": func(u *org.User) { u.SeenOnce = true },
		"a service user": func(u *org.User) { u.Service = true },
	} {
		in := newInput()
		in.Roster.Organization, in.Roster.Settings.Unlisted = "o1", roster.UnlistedRemove
		in.Roster.People = append(in.Roster.People, person("second@example.com", 5))
		in.Snapshot.Self = org.MustParseAddress("bot@example.com")
		in.Snapshot.Invitations = []org.Invitation{invitation("i9", "new@example.com", org.StatusAccepted, -200)}
		boss, second := user("u2", "boss@example.com"), user("u3", "second@example.com")
		boss.Admin, second.Admin = true, true
		change(&second)
		in.Snapshot.Users = []org.User{user("u0", "bot@example.com"), user("u1", ada), boss, second}
		removed := slices.ContainsFunc(plan.Compute(in).Changes, func(c plan.Change) bool { return c.Action == plan.Remove })
		if removed != (name == "accepted") {
			t.Errorf("beside an administrator who is %s, the other one is removed: %v", name, removed)
		}
	}
}

// TestProblemsInOrder: the problems of a plan are in the order of the roster, for any order of the lists.
func TestProblemsInOrder(t *testing.T) {
	t.Parallel()
	for range 20 {
		in := newInput()
		in.Snapshot.UsersVisible = false
		in.Roster.People = nil
		for i := range 6 {
			email := fmt.Sprintf("p%d@example.com", i)
			in.Roster.People = append(in.Roster.People, person(email, 10+i))
			accepted := invitation(fmt.Sprint("i", i), email, org.StatusAccepted, -10)
			accepted.Registered = org.MustParseAddress(fmt.Sprintf("shared%d@example.com", i/2))
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, accepted)
		}
		if p := plan.Compute(in); len(p.Problems) != 3 || !slices.IsSortedFunc(p.Problems, roster.Problem.Compare) {
			t.Fatalf("problems %v", p.Problems)
		}
	}
}
