package plan_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// TestHeldMails has a case for each row of the table "Mails that wait" in docs/decisions.md, and cases in which the
// mail does not wait.
func TestHeldMails(t *testing.T) {
	t.Parallel()
	byName := func(in *plan.Input) { in.Reinvite = []org.Address{org.MustParseAddress(ada)} }
	joined := func(in *plan.Input, id, email string) {
		in.Snapshot.Users = append(in.Snapshot.Users, user(id, email))
	}
	removed := func(in *plan.Input, first, last float64) {
		in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(last), Removals: []org.Removal{
			{At: hours(first), Roster: "a.yaml"}, {At: hours(last), Roster: "b.yaml"},
		}}
	}
	refused := func(in *plan.Input, times int, last float64) {
		in.Memory.People[ada] = org.PersonRecord{Refusals: times, RefusedAt: hours(last), RefusedText: "no such mailbox"}
	}
	lost := func(in *plan.Input, at float64, counted bool) {
		record := in.Memory.People[ada]
		record.Mails = []org.Mail{{Email: ada, Sequence: 5, Lost: true, LostSequence: 6, RefusalCounted: counted,
			At: hours(at), ServerMayActUntil: hours(at).Add(org.ActWithin)}}
		in.Memory.People[ada] = record
	}
	tests := []struct {
		name string
		in   func(*plan.Input)
		want string
	}{
		{"the list shows only that an expired invitation was accepted before it was sent again, and an unlisted user " +
			"joined since", func(in *plan.Input) {
			in.InviteLeft = true
			accepted := invitation("i1", ada, org.StatusAccepted, -400)
			accepted.Responded = hours(-390)
			in.Snapshot.Invitations = []org.Invitation{accepted}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-380), JoinedSequence: 3}
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "countess@home.example")
			in.Memory.Unlisted = map[string]org.Sighting{"u1": {Sequence: 7, At: hours(-50)}}
		}, "possible_alias"},
		{"an expired invitation is not listed, and an unlisted user joined since", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "countess@home.example")
			in.Memory.Unlisted = map[string]org.Sighting{"u1": {Sequence: 7, At: hours(-50)}}
		}, "possible_alias"},
		{"an expired invitation is not listed, and an unlisted user is new in this reading", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "countess@home.example")
		}, "possible_alias"},
		{"a user joined after an earlier mail to an alias", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "lady@example.com")
			earlier := sent(3, "i3", -200)
			earlier.Email = "lady@example.com"
			addMails(in, sent(9, "i9", -80), earlier)
			joined(in, "u1", "countess@home.example")
			in.Memory.Unlisted = map[string]org.Sighting{"u1": {Sequence: 5, At: hours(-150)}}
		}, "possible_alias"},
		{"removed exactly seven days ago, and seven days before", func(in *plan.Input) { removed(in, -336, -168) },
			"flapping"},
		{"removed under two addresses", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "lady@example.com")
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-20),
				Removals: []org.Removal{{At: hours(-20)}}}
			in.Memory.People["lady@example.com"] = org.PersonRecord{Removals: []org.Removal{{At: hours(-180)}}}
		}, "flapping"},
		{"refused three times, exactly 23 hours ago", func(in *plan.Input) { refused(in, 3, -23) }, "invite"},
		{"refused three times, and an alias once, earlier", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "lady@example.com")
			refused(in, 3, -1)
			in.Memory.People["lady@example.com"] = org.PersonRecord{Refusals: 1, RefusedAt: hours(-50)}
		}, "refused"},
		{"refused twice, after a mail that counts as not sent", func(in *plan.Input) {
			refused(in, 2, -1)
			lost(in, -30, false)
		}, "refused"},
		{"a lost mail that is exactly 71 hours 45 minutes old", func(in *plan.Input) { lost(in, -71.75, false) }, "waiting"},
		{"a lost mail of an hour ago, and an invitation to a similar address, exactly 15 minutes later",
			func(in *plan.Input) {
				lost(in, -1, false)
				in.Snapshot.Invitations = []org.Invitation{invitation("i1", "a.da@example.com", org.StatusPending, -0.75)}
			}, "same_name unsettled"},
		{"an expired invitation is not listed, and the unlisted user is suspended", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "countess@home.example")
			in.Snapshot.Users[0].Suspended = true
		}, "possible_alias"},
		{"the last of all mails expired, and an unlisted user joined since", func(in *plan.Input) {
			in.Roster.Settings.ReinviteRounds = 1
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "countess@home.example")
		}, "possible_alias"},
		{"the last of all mails expired, and nobody joined since", func(in *plan.Input) {
			in.Roster.Settings.ReinviteRounds = 1
			addMails(in, sent(5, "i1", -80))
		}, "gave_up"},
		{"the unlisted user was there before the mail", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "countess@home.example")
			in.Memory.Unlisted = map[string]org.Sighting{"u1": {Sequence: 3, At: hours(-90)}}
		}, "reinvite"},
		{"the unlisted user came between two mails", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -160), sent(9, "i2", -80))
			joined(in, "u1", "countess@home.example")
			in.Memory.Unlisted = map[string]org.Sighting{"u1": {Sequence: 7, At: hours(-100)}}
		}, "possible_alias"},
		{"an unlisted user joined, and the expired invitation is still listed", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -80)}
			joined(in, "u1", "countess@home.example")
		}, "reinvite"},
		{"an unlisted user joined, and the invitation that is not listed is still valid", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -10))
			joined(in, "u1", "countess@home.example")
		}, "possible_alias waiting"},
		{"an unlisted user joined, and the list may not show the invitation yet", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -0.1))
			joined(in, "u1", "countess@home.example")
		}, "waiting"},
		{"a service user joined since", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "robot@example.com")
			in.Snapshot.Users[0].Service = true
		}, "reinvite"},
		{"an unlisted user has not accepted", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "countess@home.example")
			in.Snapshot.Users[0].Accepted = new(bool)
		}, "reinvite"},
		{"an unlisted user has an address that no roster can have", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "countess@home.example")
			in.Snapshot.Users[0].Email = org.Address{}
		}, "reinvite"},
		{"the unlisted user is a person whose last day is over", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "eve@example.com")
			in.Roster.People = append(in.Roster.People, person("eve@example.com", 4))
			in.Roster.People[len(in.Roster.People)-1].Until = roster.DayOf(hours(-100))
		}, "reinvite"},
		{"the ledger has the unlisted user as a former member of the roster", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "eve@example.com")
			in.Memory.People["eve@example.com"] = org.PersonRecord{Joined: true, Unlisted: true, UserID: "u1"}
		}, "reinvite"},
		{"the unlisted user is a former member of the roster, by a ledger that has no id", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "eve@example.com")
			in.Memory.People["eve@example.com"] = org.PersonRecord{Joined: true, Unlisted: true}
		}, "reinvite"},
		{"the unlisted user is a former member of the roster, who stayed", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "eve@example.com")
			in.Memory.Unlisted = map[string]org.Sighting{"u1": {Sequence: 7, At: hours(-50)}}
			in.Memory.People["eve@example.com"] = org.PersonRecord{Joined: true, Unlisted: true, UnlistedSequence: 8,
				UserID: "u1"}
		}, "reinvite"},
		{"the unlisted user is a former member of the roster, who was seen again after they left", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "eve@example.com")
			in.Memory.Unlisted = map[string]org.Sighting{"u1": {Sequence: 7, At: hours(-50)}}
			in.Memory.People["eve@example.com"] = org.PersonRecord{Joined: true, Unlisted: true, UnlistedSequence: 6,
				UserID: "u1"}
		}, "possible_alias"},
		{"the former member of the roster with the user's address was another user", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "eve@example.com")
			in.Memory.People["eve@example.com"] = org.PersonRecord{Joined: true, Unlisted: true, UserID: "u2"}
		}, "possible_alias"},
		{"the unlisted user is a former member of the roster, who left and is back", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "eve@example.com")
			in.Memory.People["eve@example.com"] = org.PersonRecord{Joined: true, Unlisted: true, UnlistedSequence: 2,
				UserID: "u1"}
		}, "possible_alias"},
		{"an unlisted user joined, and orgsync suspended them", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "countess@home.example")
			in.Snapshot.Users[0].Suspended = true
			in.Memory.People["countess@home.example"] = org.PersonRecord{Suspended: true, Unlisted: true, UserID: "u1"}
		}, "possible_alias"},
		{"an unlisted user joined, and --reinvite names the person", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -80))
			joined(in, "u1", "countess@home.example")
			byName(in)
		}, "reinvite"},
		{"an unlisted user joined, and --reinvite named the person before", func(in *plan.Input) {
			addMails(in, sent(5, "i1", -160), sent(11, "i2", -80))
			joined(in, "u1", "countess@home.example")
			in.Memory.Unlisted = map[string]org.Sighting{"u1": {Sequence: 7, At: hours(-100)}}
			r := in.Memory.People[ada]
			r.RoundsResetSequence, r.ReinvitedSequence = 10, 10
			in.Memory.People[ada] = r
		}, "reinvite"},

		{"removed twice in a week and listed again", func(in *plan.Input) { removed(in, -160, -2) }, "flapping"},
		{"removed twice in a week, and both times are limited by a line about a wrong clock", func(in *plan.Input) {
			removed(in, -2, -2)
		}, "flapping"},
		{"removed twice in more than a week", func(in *plan.Input) { removed(in, -170, -1) }, "invite"},
		{"removed twice, a week ago", func(in *plan.Input) { removed(in, -180, -169) }, "invite"},
		{"removed once", func(in *plan.Input) {
			removed(in, -160, -2)
			r := in.Memory.People[ada]
			r.Removals = r.Removals[1:]
			in.Memory.People[ada] = r
		}, "invite"},
		{"removed twice in a week, and --reinvite names the person", func(in *plan.Input) {
			removed(in, -160, -2)
			byName(in)
		}, "invite"},

		{"refused three times, an hour ago", func(in *plan.Input) { refused(in, 3, -1) }, "refused"},
		{"refused under an alias only", func(in *plan.Input) {
			refused(in, 3, -1)
			in.Memory.People["lady@example.com"] = in.Memory.People[ada]
			delete(in.Memory.People, ada)
			in.Roster.People[0].Aliases = []org.Address{org.MustParseAddress("lady@example.com")}
		}, "refused"},
		{"removed under two of their addresses", func(in *plan.Input) {
			for who, at := range map[string]float64{ada: -2, "lady@example.com": -20} {
				in.Memory.People[who] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(at),
					Removals: []org.Removal{{At: hours(at), Roster: "a.yaml"}}}
			}
			in.Roster.People[0].Aliases = []org.Address{org.MustParseAddress("lady@example.com")}
		}, "flapping"},
		{"both of their users were removed by one run", func(in *plan.Input) {
			for who, at := range map[string]float64{ada: -2, "lady@example.com": -2.2} {
				in.Memory.People[who] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(at),
					Removals: []org.Removal{{At: hours(at), Roster: "a.yaml"}}}
			}
			in.Roster.People[0].Aliases = []org.Address{org.MustParseAddress("lady@example.com")}
		}, "invite"},
		{"refused twice, an hour ago", func(in *plan.Input) { refused(in, 2, -1) }, "invite"},
		{"two mails count as not sent, and now a third one", func(in *plan.Input) {
			refused(in, 2, -3)
			lost(in, -1, false)
		}, "refused"},
		{"two mails count as not sent, and now a third one, and --only", func(in *plan.Input) {
			refused(in, 2, -3)
			lost(in, -1, false)
			in.Only = []org.Address{org.MustParseAddress(ada)}
		}, "refused"},
		{"a mail counts as not sent, in a run that counts already", func(in *plan.Input) {
			refused(in, 2, -3)
			lost(in, -1, true)
		}, "invite"},
		{"three mails count as not sent, the last of them a day ago", func(in *plan.Input) {
			refused(in, 2, -26)
			lost(in, -24, false)
		}, "invite"},
		{"refused nine times, 22 hours ago", func(in *plan.Input) { refused(in, 9, -22) }, "refused"},
		{"refused nine times, about a day ago", func(in *plan.Input) { refused(in, 9, -23.5) }, "invite"},
		{"refused, and --reinvite names the person", func(in *plan.Input) {
			refused(in, 9, -1)
			byName(in)
		}, "invite"},

		{"a user who has not accepted, and no invitation", func(in *plan.Input) {
			joined(in, "u1", ada)
			in.Snapshot.Users[0].Accepted = new(bool)
		}, "needs_attention"},
		{"a user who has not accepted, and a mail that is still valid", func(in *plan.Input) {
			joined(in, "u1", ada)
			in.Snapshot.Users[0].Accepted = new(bool)
			addMails(in, sent(1, "i1", -10))
		}, "waiting"},
		{"a user who has not accepted, and a pending invitation", func(in *plan.Input) {
			joined(in, "u1", ada)
			in.Snapshot.Users[0].Accepted = new(bool)
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}
		}, "waiting"},
		{"a user who has not accepted, and an invitation that expired", func(in *plan.Input) {
			joined(in, "u1", ada)
			in.Snapshot.Users[0].Accepted = new(bool)
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -80)}
		}, "reinvite"},

		{"a pending invitation with a date that cannot be read", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{{ID: "i1", Invited: org.MustParseAddress(ada), Status: org.StatusPending,
				DateUnreadable: true}}
		}, "needs_attention"},
		{"an accepted invitation with a date that cannot be read", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{{ID: "i1", Invited: org.MustParseAddress(ada), Status: org.StatusAccepted,
				DateUnreadable: true}}
		}, "left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := newInput()
			tt.in(&in)
			if got := about(plan.Compute(in), ada); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// TestHistoryOfAlias: it makes no difference under which address of a person the ledger has something.
func TestHistoryOfAlias(t *testing.T) {
	t.Parallel()
	const lady = "lady@example.com"
	suspended := user("u1", ada)
	suspended.Suspended = true
	for _, tt := range []struct {
		name   string
		users  []org.User
		record org.PersonRecord
		want   string
	}{
		{"joined", nil, org.PersonRecord{Joined: true}, "left"},
		{"suspended", []org.User{suspended}, org.PersonRecord{Joined: true, Suspended: true}, "unsuspend"},
		{"removed", nil, org.PersonRecord{Joined: true, Removed: true}, "invite"},
		{"mailed", nil, org.PersonRecord{EverMailed: true, OnlyMailSequence: 1, Mails: []org.Mail{sent(1, "i1", -10)}},
			"waiting"},
	} {
		for _, key := range []string{ada, lady} {
			in := newInput()
			in.Roster.People[0].Aliases = []org.Address{org.MustParseAddress(lady)}
			in.Snapshot.Users = tt.users
			in.Memory.People = map[string]org.PersonRecord{ada: {}, lady: {}}
			in.Memory.People[key] = tt.record
			if got := about(plan.Compute(in), ada); got != tt.want {
				t.Errorf("%s, under %s: %s, want %s", tt.name, key, got, tt.want)
			}
		}
	}
}

// TestAliasBeforeJoining: what the ledger has under an alias from before the person joined says nothing about the time
// after it, even if the roster has the alias only since the person left.
func TestAliasBeforeJoining(t *testing.T) {
	t.Parallel()
	const lady = "lady@example.com"
	removed := func(seq int, at float64) org.PersonRecord {
		return org.PersonRecord{Removed: true, RemovedSequence: seq, RemovedAt: hours(at)}
	}
	removedUser := func(id string, joined bool) org.PersonRecord {
		r := removed(9, -40)
		r.RemovedUserID, r.Joined = id, joined
		return r
	}
	for _, tt := range []struct {
		name string
		lady org.PersonRecord
		want string
	}{
		{"mailed before", org.PersonRecord{Mails: []org.Mail{sent(1, "i1", -200)}}, "left"},
		{"mailed just before", org.PersonRecord{Mails: []org.Mail{sent(1, "i1", -51)}}, "left"},
		{"mailed before, and the answer was lost", org.PersonRecord{Mails: []org.Mail{lost(1, -51)}}, "left"},
		{"mailed since", org.PersonRecord{Mails: []org.Mail{sent(9, "i1", -40)}}, "waiting"},
		{"removed before", removed(1, -200), "left"},
		{"removed just before", removed(1, -50.1), "invite"}, // the list may not have shown the removal yet
		{"removed since", removed(9, -40), "invite"},
		{"removed since as another user", removedUser("u2", false), "left"},
		{"removed since as another user, after joining as this user too", removedUser("u2", true), "invite"},
		{"removed since as the same user", removedUser("u1", false), "invite"},
	} {
		in := newInput()
		in.Roster.People[0].Aliases = []org.Address{org.MustParseAddress(lady)}
		in.Memory.People = map[string]org.PersonRecord{
			ada: {Joined: true, JoinedAt: hours(-50), JoinedSequence: 5, UserID: "u1"}, lady: tt.lady,
		}
		if got := about(plan.Compute(in), ada); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestPossibleAliasNamesBoth: the notice has the address of the person, and the addresses of all users who may be the
// person.
func TestPossibleAliasNamesBoth(t *testing.T) {
	t.Parallel()
	in := newInput()
	addMails(&in, sent(5, "i1", -80))
	in.Snapshot.Users = []org.User{user("u1", "countess@home.example")}
	find := func() plan.Notice {
		for _, n := range plan.Compute(in).Notices {
			if n.Kind == plan.PossibleAlias {
				return n
			}
		}
		t.Fatal("no notice")
		return plan.Notice{}
	}
	want := plan.Notice{
		Kind: plan.PossibleAlias, Email: org.MustParseAddress(ada), Source: "users.yaml:3", UserID: "u1",
		Text: "countess@home.example",
	}
	if diff := cmp.Diff(want, find(), compareAddresses); diff != "" {
		t.Errorf("notice (-want +got):\n%s", diff)
	}
	in.Snapshot.Users = append(in.Snapshot.Users, user("u2", "a@home.example"))
	want.UserID, want.Text = "", "a@home.example, countess@home.example"
	if diff := cmp.Diff(want, find(), compareAddresses); diff != "" {
		t.Errorf("notice about two (-want +got):\n%s", diff)
	}
}

// TestListedAgainAfterRemoval: a person that orgsync removed is invited when the roster lists them again. Events
// before the removal make no difference.
func TestListedAgainAfterRemoval(t *testing.T) {
	t.Parallel()
	before := func(status org.InvitationStatus) []org.Invitation {
		r := invitation("i1", ada, status, -60)
		r.Responded = hours(-50)
		return []org.Invitation{r}
	}
	tests := []struct {
		name string
		in   func(*plan.Input, *org.PersonRecord)
		want string
	}{
		{"only removed", func(*plan.Input, *org.PersonRecord) {}, "invite"},
		{"mailed before, and the mail is still valid by its date", func(_ *plan.Input, r *org.PersonRecord) {
			r.Mails = []org.Mail{sent(1, "i1", -60)}
		}, "invite"},
		{"mailed before, more often than the roster allows", func(_ *plan.Input, r *org.PersonRecord) {
			for seq := range 5 {
				r.Mails = append(r.Mails, sent(seq+1, "i1", -400))
			}
		}, "invite"},
		{"mailed before, and the answer was lost",
			func(_ *plan.Input, r *org.PersonRecord) { r.Mails = []org.Mail{lost(1, -60)} }, "invite"},
		{"accepted before", func(in *plan.Input,
			_ *org.PersonRecord) {
			in.Snapshot.Invitations = before(org.StatusAccepted)
		},
			"invite"},
		{"declined before", func(in *plan.Input,
			_ *org.PersonRecord) {
			in.Snapshot.Invitations = before(org.StatusDeclined)
		},
			"invite"},
		{"cancelled before",
			func(in *plan.Input, _ *org.PersonRecord) { in.Snapshot.Invitations = before(org.StatusCancelled) },
			"invite"},
		{"expired before", func(in *plan.Input, _ *org.PersonRecord) { in.Snapshot.Invitations = before(org.StatusExpired) },
			"invite"},
		{"invited before, with an unknown status",
			func(in *plan.Input, _ *org.PersonRecord) { in.Snapshot.Invitations = before(org.StatusUnknown) }, "invite"},
		{"mailed since", func(_ *plan.Input, r *org.PersonRecord) { r.Mails = []org.Mail{sent(12, "i2", -10)} }, "waiting"},
		{"invited by an administrator since", func(in *plan.Input, _ *org.PersonRecord) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i3", ada, org.StatusPending, -10)}
		}, "waiting"},
		{"declined since", func(in *plan.Input, _ *org.PersonRecord) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i3", ada, org.StatusDeclined, -10)}
		}, "needs_attention"},
		{"invited by an administrator and accepted since, and left", func(in *plan.Input, _ *org.PersonRecord) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i3", ada, org.StatusAccepted, -10)}
		}, "left"},
		{"invited before and accepted since, and left", func(in *plan.Input, _ *org.PersonRecord) {
			in.Snapshot.Invitations = before(org.StatusAccepted)
			in.Snapshot.Invitations[0].Responded = hours(-10)
		}, "left"},
		{"invited by an administrator and accepted since, and users are hidden", func(in *plan.Input, _ *org.PersonRecord) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i3", ada, org.StatusAccepted, -10)}
			in.Snapshot.UsersVisible = false
		}, "nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := newInput()
			r := org.PersonRecord{Unlisted: true, Removed: true, RemovedAt: hours(-20), RemovedSequence: 9, EverMailed: true}
			tt.in(&in, &r)
			in.Memory.People[ada] = r
			p := plan.Compute(in)
			if got := about(p, ada); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			for _, c := range p.Changes {
				if c.Reason != plan.ListedAgain {
					t.Errorf("the reason is %s", c.Reason)
				}
			}
		})
	}
}

// TestUnlistedAfter: a user who was in no roster, by the ledger, is removed after they were unlisted for
// unlisted_after. The tolerance is one hour. Other unlisted users are removed at once.
func TestUnlistedAfter(t *testing.T) {
	t.Parallel()
	const eve = "eve@example.com"
	seen := func(h float64) map[string]org.Sighting {
		return map[string]org.Sighting{"u-eve": {Sequence: 1, At: hours(h)}}
	}
	tests := []struct {
		name  string
		in    func(*plan.Input)
		want  string
		after time.Time
	}{
		{"never seen before", func(*plan.Input) {}, "unlisted", hours(24)},
		{"seen 10 hours ago", func(in *plan.Input) { in.Memory.Unlisted = seen(-10) }, "unlisted", hours(14)},
		{"seen 22.5 hours ago", func(in *plan.Input) { in.Memory.Unlisted = seen(-22.5) }, "unlisted", hours(1.5)},
		{"seen 23 hours ago", func(in *plan.Input) { in.Memory.Unlisted = seen(-23) }, "remove", time.Time{}},
		{"seen at a time in the future", func(in *plan.Input) { in.Memory.Unlisted = seen(500) }, "unlisted",
			hours(24)},
		{"unlisted_after is an hour, seen 30 minutes ago", func(in *plan.Input) {
			in.Roster.Settings.UnlistedAfter = time.Hour
			in.Memory.Unlisted = seen(-0.5)
		}, "unlisted", hours(0.5)},
		{"unlisted_after is an hour, seen 45 minutes ago", func(in *plan.Input) {
			in.Roster.Settings.UnlistedAfter = time.Hour
			in.Memory.Unlisted = seen(-0.75)
		}, "remove", time.Time{}},
		{"unlisted_after is 0", func(in *plan.Input) { in.Roster.Settings.UnlistedAfter = 0 }, "remove", time.Time{}},
		{"unlisted_after is a week", func(in *plan.Input) {
			in.Roster.Settings.UnlistedAfter = 168 * time.Hour
			in.Memory.Unlisted = seen(-100)
		}, "unlisted", hours(68)},
		{"a suspension waits too", func(in *plan.Input) { in.Roster.Settings.Unlisted = roster.UnlistedSuspend }, "unlisted",
			hours(24)},
		{"seen in the roster as a member", func(in *plan.Input) {
			in.Memory.People[eve] = org.PersonRecord{Joined: true, UserID: "u-eve", Unlisted: true}
		}, "remove", time.Time{}},
		{"seen in the roster as a member, under another address", func(in *plan.Input) {
			in.Memory.People["eva@example.com"] = org.PersonRecord{Joined: true, UserID: "u-eve", Unlisted: true}
		}, "remove", time.Time{}},
		{"seen in the roster as a member, and a person with almost the same address is invited", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("e.ve@example.com", 9))
			in.Memory.People[eve] = org.PersonRecord{Joined: true, UserID: "u-eve", Unlisted: true}
		}, "unlisted", hours(24)},
		{"the same, and a suspended user has the address too", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("e.ve@example.com", 9))
			in.Memory.People[eve] = org.PersonRecord{Joined: true, UserID: "u-eve", Unlisted: true}
			second := user("u-eve2", eve)
			second.Suspended = true
			in.Snapshot.Users = append(in.Snapshot.Users, second)
		}, "unlisted unlisted", hours(24)},
		{"the same, and the next mail to that person waits, because a third user may be them", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("e.ve@example.com", 9))
			in.Memory.People[eve] = org.PersonRecord{Joined: true, UserID: "u-eve", Unlisted: true}
			in.Snapshot.Users = append(in.Snapshot.Users, user("u-new", "new@example.com"))
			m := sent(1, "i1", -100)
			m.Email = "e.ve@example.com"
			addMails(in, m)
		}, "unlisted", hours(24)},
		{"the same, seen unlisted 23 hours ago", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("e.ve@example.com", 9))
			in.Memory.People[eve] = org.PersonRecord{Joined: true, UserID: "u-eve", Unlisted: true}
			in.Memory.Unlisted = seen(-23)
		}, "remove", time.Time{}},
		{"seen in the roster", func(in *plan.Input) {
			in.Memory.People[eve] = org.PersonRecord{Unlisted: true}
		}, "remove", time.Time{}},
		{"mailed once", func(in *plan.Input) {
			in.Memory.People[eve] = org.PersonRecord{EverMailed: true}
		}, "remove", time.Time{}},
		{"mailed, by a ledger without older lines", func(in *plan.Input) {
			in.Memory.People[eve] = org.PersonRecord{Mails: []org.Mail{sent(1, "i1", -100)}}
		}, "remove", time.Time{}},
		{"mailed when they were in the roster", func(in *plan.Input) {
			in.Memory.People[eve] = org.PersonRecord{Unlisted: true, EverMailed: true}
		}, "remove", time.Time{}},
		{"their last day is over", func(in *plan.Input) {
			p := person(eve, 9)
			p.Until = roster.DayOf(hours(-100))
			in.Roster.People = append(in.Roster.People, p)
		}, "remove", time.Time{}},
		{"suspended by orgsync as unlisted before", func(in *plan.Input) {
			in.Memory.Unlisted = seen(-50)
			in.Memory.People[eve] = org.PersonRecord{Suspended: true}
			in.Snapshot.Users[len(in.Snapshot.Users)-1].Suspended = true
		}, "remove", time.Time{}},
		{"seen in one reading only", func(in *plan.Input) {
			in.Memory.Unlisted = seen(-50)
			in.Snapshot.Users[len(in.Snapshot.Users)-1].SeenOnce = true
		}, "unlisted", time.Time{}},
		{"not accepted yet", func(in *plan.Input) {
			in.Memory.Unlisted = seen(-50)
			in.Snapshot.Users[len(in.Snapshot.Users)-1].Accepted = new(bool)
		}, "unlisted", time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := staffInput()
			in.Roster.Settings.Unlisted, in.Roster.Settings.UnlistedAfter = roster.UnlistedRemove, 24*time.Hour
			in.Snapshot.Users = append(in.Snapshot.Users, user("u-eve", eve))
			tt.in(&in)
			p := plan.Compute(in)
			if got := about(p, eve); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			for _, n := range p.Notices {
				if n.Email.Key() == eve && !n.RemovalAfter.Equal(tt.after) {
					t.Errorf("the notice names %v, want %v", n.RemovalAfter, tt.after)
				}
			}
		})
	}
}

// TestUnlistedUserFacts: the plan has a fact for each user with an id who is a member and unlisted for the first time.
// It also has one for each unlisted user of the ledger who is gone or listed.
func TestUnlistedUserFacts(t *testing.T) {
	t.Parallel()
	in := staffInput()
	in.Snapshot.Users = append(in.Snapshot.Users, user("u-eve", "eve@example.com"), user("u-zed", "zed@example.com"))
	invited := user("u-new", "new@example.com")
	invited.Accepted = new(bool)
	in.Snapshot.Users = append(in.Snapshot.Users, invited, user("", "nobody@example.com"))
	in.Memory.Unlisted = map[string]org.Sighting{"u-zed": {Sequence: 1}, "u-gone": {Sequence: 2}, "u-ada": {Sequence: 3}}
	want := []org.Fact{
		{Kind: org.FactUserGone, UserID: "u-ada"}, {Kind: org.FactUserGone, UserID: "u-gone"},
		{Kind: org.FactUnlistedUser, Email: "eve@example.com", UserID: "u-eve"},
	}
	if diff := cmp.Diff(want, plan.Compute(in).Facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	// If suspended users cannot be listed, a user who is not in the list may be suspended, so they do not count as gone.
	// A user who is in the list and in the roster is no longer unlisted.
	in.Snapshot.SuspendedVisible = false
	if diff := cmp.Diff([]org.Fact{want[0], want[2]}, plan.Compute(in).Facts); diff != "" {
		t.Errorf("facts without suspended users (-want +got):\n%s", diff)
	}
	// If users cannot be listed, the plan has no facts about them.
	in.Snapshot.UsersVisible, in.Snapshot.SuspendedVisible, in.Snapshot.Users = false, true, nil
	if facts := plan.Compute(in).Facts; len(facts) > 0 {
		t.Errorf("facts without users: %v", facts)
	}
}

// TestMaxRevokes: all changes that take access from a member count for max_revokes, and no others.
func TestMaxRevokes(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	in := staffInput()
	in.Roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
	in.Roster.Teams = teamWithAccess()
	in.Roster.People[1].Groups, in.Roster.People[1].Roles, in.Roster.People[1].APIEnabled = refs("platform"), refs(), &no
	in.Roster.People[0].APIEnabled = &yes
	in.Snapshot.Users[0].APIEnabled, in.Snapshot.Users[1].APIEnabled = &no, &yes
	if (plan.Change{Action: plan.Invite, Detail: plan.Detail{APIEnabled: &no}}).TakesAccess() {
		t.Error("an invitation without API access counts")
	}
	for limit, refused := range map[int]bool{0: true, 2: true, 3: false, 25: false} {
		in.Roster.Settings.MaxRevokes = limit
		err := plan.Compute(in).CheckLimits()
		if (err != nil) != refused {
			t.Errorf("max_revokes %d: %v", limit, err)
		}
		if want := "the plan has 3 changes that take access away, but the limit for one run is "; refused &&
			err.Error()[:len(want)] != want {
			t.Errorf("max_revokes %d: %v", limit, err)
		}
		other := 3 - limit%2
		in.MaxRevokes = &other
		if err := plan.Compute(in).CheckLimits(); (err != nil) != (other < 3) {
			t.Errorf("--max-revokes %d: %v", other, err)
		}
		in.MaxRevokes = nil
	}
}

// TestUnknownAccess: a group that the organization lacks stops only grants of this group and revocations of groups.
func TestUnknownAccess(t *testing.T) {
	t.Parallel()
	at := func(line int) roster.Position { return roster.Position{File: "users.yaml", Line: line, Column: 9} }
	in := staffInput()
	in.Roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
	in.Roster.Teams = teamWithAccess()
	in.Roster.People[0].Groups = []roster.Ref{{Name: "ops", At: at(12)}, {Name: "platform", At: at(13)}}
	in.Roster.People[1].Groups = []roster.Ref{{Name: "ops", At: at(11)}}
	in.Roster.People[1].Roles = []roster.Ref{}
	var many []org.Access
	for i := range 6 {
		many = append(many, org.Access{Kind: org.KindGroup, ID: fmt.Sprint("h", i), Name: fmt.Sprint("h", i)})
	}
	p := plan.Compute(in)
	want := []string{
		"grant ada@example.com missing_access group platform",
		"revoke bob@example.com extra_access role deployer as u-bob", // of another kind
		`unknown_access  the organization has no group named "ops"; it has "everyone", "platform", "twins", "twins"`,
		"extra_access bob@example.com group everyone", // it may be ops, renamed
		"ungrantable ada@example.com missing_access group ops", "ungrantable bob@example.com missing_access group ops",
	}
	if diff := cmp.Diff(want, describe(p)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	// A name that is wrong only in upper and lower case comes first.
	in.Roster.People[0].Groups[0].Name, in.Roster.People[1].Groups[0].Name = "PLATFORM", "PLATFORM"
	in.Snapshot.Access = append(in.Snapshot.Access, many...)
	text := `the organization has no group named "PLATFORM"; it has "platform", "everyone", "h0", "h1", "h2", "h3", ` +
		`"h4", "h5", "twins", "twins"`
	if got := plan.Compute(in).Notices[0].Text; got != text {
		t.Errorf("%s, want %s", got, text)
	}
	in.Snapshot.Access = in.Snapshot.Access[:len(in.Snapshot.Access)-len(many)]
	in.Roster.People[0].Groups[0].Name, in.Roster.People[1].Groups[0].Name = "ops", "ops"
	if diff := cmp.Diff([]roster.Position{at(11), at(12)}, p.Notices[0].Unknown.Places); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	if err := p.CheckAccess(); err == nil || err.Error() != "the roster names 1 group, role or policy that the "+
		"organization does not have" {
		t.Errorf("CheckAccess: %v", err)
	}
	// The ledger has the id of the group, so the group is found under its new name.
	in.Memory.Access = map[org.AccessName]string{{Kind: org.KindGroup, Name: "ops"}: "g1",
		{Kind: org.KindGroup, Name: "platform"}: "g2"}
	p = plan.Compute(in)
	want = []string{
		"grant ada@example.com missing_access group everyone", "grant ada@example.com missing_access group platform",
		"revoke bob@example.com extra_access role deployer as u-bob",
		`unknown_access  the group "ops" is now named "everyone"`,
	}
	if diff := cmp.Diff(want, describe(p)); diff != "" {
		t.Errorf("after a rename (-want +got):\n%s", diff)
	}
	if err := p.CheckAccess(); err != nil {
		t.Errorf("CheckAccess after a rename: %v", err)
	}
	// A role with the new name of the roster is no group.
	in.Snapshot.Access = append(in.Snapshot.Access, org.Access{Kind: org.KindRole, ID: "r9", Name: "ops"})
	if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
		t.Errorf("after a rename, beside a role with the name (-want +got):\n%s", diff)
	}
	// If the API does not say who has the renamed group, it cannot be used, but it exists. A group with the old name must
	// not be created.
	in.Snapshot.Access = append(in.Snapshot.Access, unreadable(org.KindGroup, "g9", "operations"))
	in.Memory.Access[org.AccessName{Kind: org.KindGroup, Name: "ops"}] = "g9"
	p = plan.Compute(in)
	var unknown *plan.UnknownAccessError
	if err := p.CheckAccess(); !errors.As(err, &unknown) || len(unknown.Missing) > 0 || p.Notices[0].Text !=
		`the group "ops" is now named "operations": the API does not say who has the group "g9"` {
		t.Errorf("after a rename, and unreadable: %+v, %v", unknown, describe(p))
	}
	// A group that was deleted is not found by its id.
	in.Memory.Access[org.AccessName{Kind: org.KindGroup, Name: "ops"}] = "g5"
	if err := plan.Compute(in).CheckAccess(); err == nil {
		t.Error("a deleted group is found")
	}
}

// TestUnlistedPersonFacts: the plan has a fact for each person of the ledger who left the roster or whose last day is
// over, but no second one.
func TestUnlistedPersonFacts(t *testing.T) {
	t.Parallel()
	in := newInput()
	former := person("former@example.com", 9, "alias@example.com")
	former.Until = roster.DayOf(hours(-48))
	in.Roster.People = append(in.Roster.People, former)
	in.Memory.People = map[string]org.PersonRecord{
		ada:                   {Joined: true},
		"alias@example.com":   {Joined: true},
		"former@example.com":  {Joined: true},
		"joined@example.com":  {Joined: true},
		"mailed@example.com":  {Mails: []org.Mail{{Email: "mailed@example.com", Sequence: 1}}},
		"removed@example.com": {Removed: true},
		"told@example.com":    {Joined: true, Unlisted: true},
	}
	var got []string
	for _, f := range plan.Compute(in).Facts {
		if f.Kind == org.FactUnlisted {
			got = append(got, f.Email)
		}
	}
	want := []string{"alias@example.com", "former@example.com", "joined@example.com", "mailed@example.com"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

// TestAccessFacts: the plan has a fact with the id of each name that the roster uses and the ledger does not
// have.
func TestAccessFacts(t *testing.T) {
	t.Parallel()
	in := staffInput()
	in.Roster.People[0].Groups, in.Roster.People[0].Roles = refs("everyone", "g2"), refs("deployer")
	in.Memory.Access = map[org.AccessName]string{{Kind: org.KindRole, Name: "deployer"}: "r1"}
	in.Memory.Unlisted = map[string]org.Sighting{}
	var got []org.Fact
	for _, f := range plan.Compute(in).Facts {
		if f.Kind == org.FactAccess {
			got = append(got, f)
		}
	}
	want := []org.Fact{{Kind: org.FactAccess, Access: &org.NamedAccess{
		AccessName: org.AccessName{Kind: org.KindGroup, Name: "everyone"}, ID: "g1"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

// TestNothingIsTakenFromUserOfOneReading: nothing is revoked from a member that only one of two readings has.
func TestNothingIsTakenFromUserOfOneReading(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	in := staffInput()
	in.Roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
	in.Roster.Teams = teamWithAccess()
	in.Roster.People[1].Groups, in.Roster.People[1].APIEnabled = refs("platform"), &no
	in.Snapshot.Users[1].APIEnabled, in.Snapshot.Users[1].SeenOnce = &yes, true
	want := []string{
		"grant bob@example.com missing_access group platform", "extra_access bob@example.com API access",
		"extra_access bob@example.com group everyone",
	}
	if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// TestNewLedger: the plan has a notice if the ledger is empty and the organization has invitations.
func TestNewLedger(t *testing.T) {
	t.Parallel()
	hasNotice := func(in plan.Input) bool {
		for _, n := range plan.Compute(in).Notices {
			if n.Kind == plan.NewLedger {
				return true
			}
		}
		return false
	}
	in := newInput()
	in.Memory.Empty = true
	if hasNotice(in) {
		t.Error("a notice although nobody was ever invited")
	}
	in.Snapshot.Invitations = []org.Invitation{invitation("i1", "zed@example.com", org.StatusExpired, -100)}
	if !hasNotice(in) {
		t.Error("no notice")
	}
	in.Memory.Empty = false
	if hasNotice(in) {
		t.Error("a notice although there is a ledger")
	}
}

// TestEstimatedExpiry: an expiration that the server did not name is marked as estimated, in notices and in the
// status.
func TestEstimatedExpiry(t *testing.T) {
	t.Parallel()
	undated := invitation("i1", ada, org.StatusPending, -10)
	undated.Expires = time.Time{}
	estimated := sent(1, "i1", -10)
	estimated.Estimated = true
	tests := []struct {
		name        string
		invitations []org.Invitation
		mail        *org.Mail
		want        bool
	}{
		{"by the list", []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}, nil, false},
		{"by the list, without an expiration", []org.Invitation{undated}, nil, true},
		{"by the ledger, named by the server", nil, new(sent(1, "i1", -10)), false},
		{"by the ledger, estimated", nil, &estimated, true},
		{"by the ledger, at a time in the future", nil, new(sent(1, "i1", 876_000)), true},
		{"by the list, and estimated in the ledger", []org.Invitation{invitation("i1", ada, org.StatusPending, -10)},
			&estimated, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := newInput()
			in.Snapshot.Invitations = tt.invitations
			for _, i := range tt.invitations { // also for an older invitation of the person, and for an unlisted one
				i.ID, i.Created = i.ID+" older", i.Created.Add(-time.Hour)
				in.Snapshot.Invitations = append(in.Snapshot.Invitations, i)
				i.ID, i.Invited = i.ID+" unlisted", org.MustParseAddress("eve@example.com")
				in.Snapshot.Invitations = append(in.Snapshot.Invitations, i)
			}
			if tt.mail != nil {
				addMails(&in, *tt.mail)
			}
			notices := plan.Compute(in).Notices
			for _, n := range notices {
				if n.ExpiresEstimated != tt.want {
					t.Errorf("%s: estimated: %v, want %v", n.Kind, n.ExpiresEstimated, tt.want)
				}
			}
			if want := 1 + 2*len(tt.invitations); len(notices) != want {
				t.Errorf("%d notices, want %d: %v", len(notices), want, notices)
			}
			if s := plan.PersonStatuses(in); s[0].ExpiresEstimated != tt.want {
				t.Errorf("status: estimated: %v, want %v", s[0].ExpiresEstimated, tt.want)
			}
		})
	}
}
