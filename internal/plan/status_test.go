package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

func TestStates(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		want plan.State
		in   func(*plan.Input)
	}{
		{"not invited", plan.StateNotInvited, func(*plan.Input) {}},
		{"pending, by the list", plan.StatePending, func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}
		}},
		{"pending, by a mail whose answer was lost a minute ago", plan.StatePending, func(in *plan.Input) {
			addMails(in, lost(1, -1.0/60))
		}},
		{"expired", plan.StateExpired, func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -80)}
		}},
		{"expired, after the last mail that the roster allows", plan.StateGaveUp, func(in *plan.Input) {
			in.Roster.Settings.ReinviteRounds = 1
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -80)}
		}},
		{"accepted and left", plan.StateLeft, func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -80)}
		}},
		{"accepted 5 minutes ago, and not in the list of users", plan.StateMember, func(in *plan.Input) {
			inv := invitation("i1", ada, org.StatusAccepted, -10)
			inv.Responded = hours(-5.0 / 60)
			in.Snapshot.Invitations = []org.Invitation{inv}
		}},
		{"removed by orgsync, and not invited yet", plan.StateLeft, func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true}
		}},
		{"removed by orgsync, and the first day has not begun", plan.StateLeft, func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true}
			in.Roster.People[0].From = roster.DayOf(time.Date(2026, 6, 12, 0, 0, 0, 0, time.UTC))
		}},
		{"removed by orgsync, and the last day is too near", plan.StateLeft, func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true}
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 12, 0, 0, 0, 0, time.UTC))
		}},
		{"left, and the last day is too near, with --invite-left", plan.StateLeft, func(in *plan.Input) {
			in.InviteLeft = true
			in.Memory.People[ada] = org.PersonRecord{Joined: true}
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 12, 0, 0, 0, 0, time.UTC))
		}},
		{"removed by orgsync, never seen as a member, and the last day is too near", plan.StateLeft,
			func(in *plan.Input) {
				in.Memory.People[ada] = org.PersonRecord{Removed: true}
				in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 12, 0, 0, 0, 0, time.UTC))
			}},
		{"removed by orgsync twice in a week", plan.StateNeedsAttention, func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true,
				Removals: []org.Removal{{At: hours(-60)}, {At: hours(-30)}}}
		}},
		{"expired, and a new user may be the person", plan.StateNeedsAttention, func(in *plan.Input) {
			addMails(in, sent(1, "i1", -80))
			in.Snapshot.Users = []org.User{user("u1", "countess@home.example")}
		}},
		{"declined", plan.StateNeedsAttention, func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusDeclined, -80)}
		}},
		{"a member", plan.StateMember, func(in *plan.Input) { in.Snapshot.Users = []org.User{user("u1", ada)} }},
		{"a member, by an accepted invitation where users cannot be listed", plan.StateMember, func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -80)}
		}},
		{"suspended", plan.StateSuspended, func(in *plan.Input) {
			u := user("u1", ada)
			u.Suspended = true
			in.Snapshot.Users = []org.User{u}
		}},
		{"not invited, and the last day is over", plan.StateNotInvited, func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
		}},
		{"a member whose last day is over", plan.StateMember, func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
			in.Snapshot.Users = []org.User{user("u1", ada)}
		}},
		{"a member under another address whose last day is over", plan.StateMember, func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
			r := invitation("i1", ada, org.StatusAccepted, -80)
			r.Registered = org.MustParseAddress("countess@home.example")
			in.Snapshot.Invitations, in.Snapshot.Users = []org.Invitation{r}, []org.User{user("u1", "countess@home.example")}
		}},
		{"a member with a second, suspended user, and the last day is over", plan.StateMember, func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "countess@home.example")
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
			second := user("u2", "countess@home.example")
			second.Suspended = true
			in.Snapshot.Users = []org.User{user("u1", ada), second}
		}},
		{"the same, in the other order", plan.StateMember, func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "countess@home.example")
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
			second := user("u2", "countess@home.example")
			second.Suspended = true
			in.Snapshot.Users = []org.User{second, user("u1", ada)}
		}},
		{"invited and listed as a user, and the last day is over", plan.StateNotInvited, func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
			u := user("u1", ada)
			u.Accepted = new(bool)
			in.Snapshot.Users = []org.User{u}
		}},
		{"invited, suspended, and the invitation expired", plan.StateNeedsAttention, func(in *plan.Input) {
			u := user("u1", ada)
			u.Accepted, u.Suspended = new(bool), true
			in.Snapshot.Users = []org.User{u}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -80)}
		}},
		{"a service user, and the last day is over", plan.StateNotInvited, func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
			u := user("u1", ada)
			u.Service = true
			in.Snapshot.Users = []org.User{u}
		}},
		{"suspended, and the last day is over", plan.StateSuspended, func(in *plan.Input) {
			in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))
			u := user("u1", ada)
			u.Suspended = true
			in.Snapshot.Users = []org.User{u}
		}},
	}
	for _, tt := range tests {
		in := newInput()
		tt.in(&in)
		got := plan.PersonStatuses(in)
		if len(got) != 1 || got[0].State != tt.want {
			t.Errorf("%s: got %+v, want %s", tt.name, got, tt.want)
		}
	}
}

func TestPersonStatuses(t *testing.T) {
	t.Parallel()
	yes := true
	in := staffInput()
	in.Roster.People = append(in.Roster.People, person("cy@example.com", 5))
	in.Roster.People[1].Groups, in.Roster.People[1].Roles = refs("everyone", "platform"), refs("deployer")
	in.Snapshot.Users[1].APIEnabled = &yes
	in.Memory.People["cy@example.com"] = org.PersonRecord{Mails: []org.Mail{
		{Email: "cy@example.com", InvitationID: "i1", Sequence: 1, At: hours(-80)},
		{Email: "cy@example.com", InvitationID: "i2", Sequence: 3, At: hours(-1)},
	}}
	want := []plan.PersonStatus{
		{Email: org.MustParseAddress(ada), Source: "users.yaml:3", State: plan.StateMember, UserID: "u-ada"},
		{
			Email: org.MustParseAddress("bob@example.com"), Source: "users.yaml:4", State: plan.StateMember, UserID: "u-bob",
			Groups: []string{"everyone"}, Roles: []string{"deployer"}, APIEnabled: &yes,
			Wanted: []string{"group everyone", "group platform", "role deployer"}, Missing: []string{"group platform"},
		},
		{
			Email: org.MustParseAddress("cy@example.com"), Source: "users.yaml:5", State: plan.StatePending, InvitationID: "i2",
			Invited: hours(-1), Expires: hours(71), ExpiresEstimated: true, Rounds: 2, FirstMail: hours(-80),
		},
	}
	if diff := cmp.Diff(want, plan.PersonStatuses(in), compareAddresses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

// TestStatusOfInvitation: the times of a status are those of the invitation that counts.
func TestStatusOfInvitation(t *testing.T) {
	t.Parallel()
	answered := func(i org.Invitation) org.Invitation {
		i.Responded = hours(-2)
		return i
	}
	tests := []struct {
		name string
		in   func(*plan.Input)
		want plan.PersonStatus
	}{
		{"accepted", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Invitations = []org.Invitation{answered(invitation("i1", ada, org.StatusAccepted, -80))}
		}, plan.PersonStatus{State: plan.StateMember, UserID: "u1", InvitationID: "i1", Invited: hours(-80),
			Expires: hours(-8), Responded: hours(-2), FirstMail: hours(-80)}},
		{"declined, and later a member by another way", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Invitations = []org.Invitation{answered(invitation("i1", ada, org.StatusDeclined, -80))}
		}, plan.PersonStatus{State: plan.StateMember, UserID: "u1", InvitationID: "i1", Invited: hours(-80),
			Expires: hours(-8), FirstMail: hours(-80)}},
		{"declined, and later a member by another way, after a mail that is not listed", func(in *plan.Input) {
			addMails(in, sent(1, "i2", -10))
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Invitations = []org.Invitation{answered(invitation("i1", ada, org.StatusDeclined, -80))}
		}, plan.PersonStatus{State: plan.StateMember, UserID: "u1", InvitationID: "i1", Invited: hours(-80),
			Expires: hours(-8), FirstMail: hours(-80)}},
		{"accepted since the last run", func(in *plan.Input) {
			addMails(in, sent(1, "i0", -200), sent(3, "i1", -80))
			in.Snapshot.Users = []org.User{user("u1", ada)}
			in.Snapshot.Invitations = []org.Invitation{answered(invitation("i1", ada, org.StatusAccepted, -80))}
		}, plan.PersonStatus{State: plan.StateMember, UserID: "u1", InvitationID: "i1", Invited: hours(-80),
			Expires: hours(-8), Responded: hours(-2), FirstMail: hours(-80)}},
		{"one invitation is pending, a newer one was declined", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10),
				answered(invitation("i2", ada, org.StatusDeclined, -5))}
		}, plan.PersonStatus{State: plan.StatePending, InvitationID: "i1", Invited: hours(-10), Expires: hours(62), Rounds: 1,
			FirstMail: hours(-10)}},
		{"declined, and sent again, which the list does not show yet", func(in *plan.Input) {
			addMails(in, sent(1, "i1", -0.1))
			declined := invitation("i1", ada, org.StatusDeclined, -400)
			declined.Responded = hours(-390)
			in.Snapshot.Invitations = []org.Invitation{declined}
		}, plan.PersonStatus{State: plan.StatePending, InvitationID: "i1", Invited: hours(-0.1), Expires: hours(71.9),
			Rounds: 1, FirstMail: hours(-0.1)}},
		{"declined, and the answer to a later mail was lost", func(in *plan.Input) {
			addMails(in, lost(1, -1.0/60))
			declined := invitation("i1", ada, org.StatusDeclined, -400)
			declined.Responded = hours(-390)
			in.Snapshot.Invitations = []org.Invitation{declined}
		}, plan.PersonStatus{State: plan.StatePending, InvitationID: "i1", Invited: hours(-400), Expires: hours(-328),
			FirstMail: hours(-400)}},
		{"declined, and a later invitation expired, which is not listed", func(in *plan.Input) {
			addMails(in, sent(1, "i2", -100))
			declined := invitation("i1", ada, org.StatusDeclined, -400)
			declined.Responded = hours(-390)
			in.Snapshot.Invitations = []org.Invitation{declined}
		}, plan.PersonStatus{State: plan.StateExpired, InvitationID: "i2", Invited: hours(-100), Expires: hours(-28),
			Rounds: 1, FirstMail: hours(-100)}},
		{"an invitation with a date that cannot be read, and a later one expired, which is not listed",
			func(in *plan.Input) {
				addMails(in, sent(1, "i2", -100))
				in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -400)}
				in.Snapshot.Invitations[0].DateUnreadable = true
			}, plan.PersonStatus{State: plan.StateNeedsAttention, InvitationID: "i1", Invited: hours(-400),
				Expires: hours(-328), Rounds: 2, FirstMail: hours(-400)}},
		{"the second of two mails", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -100),
				invitation("i2", ada, org.StatusPending, -10)}
		}, plan.PersonStatus{State: plan.StatePending, InvitationID: "i2", Invited: hours(-10), Expires: hours(62), Rounds: 2,
			FirstMail: hours(-100)}},
		{"declined, after a mail by orgsync", func(in *plan.Input) {
			addMails(in, sent(1, "i1", -80))
			in.Snapshot.Invitations = []org.Invitation{answered(invitation("i1", ada, org.StatusDeclined, -80))}
		}, plan.PersonStatus{State: plan.StateNeedsAttention, InvitationID: "i1", Invited: hours(-80), Expires: hours(-8),
			Responded: hours(-2), FirstMail: hours(-80)}},
		{"declined", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{answered(invitation("i1", ada, org.StatusDeclined, -80))}
		}, plan.PersonStatus{State: plan.StateNeedsAttention, InvitationID: "i1", Invited: hours(-80), Expires: hours(-8),
			Responded: hours(-2), FirstMail: hours(-80)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := newInput()
			tt.in(&in)
			tt.want.Email, tt.want.Source = org.MustParseAddress(ada), "users.yaml:3"
			if diff := cmp.Diff([]plan.PersonStatus{tt.want}, plan.PersonStatuses(in), compareAddresses); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStatusNamesAccessOnce: a group that the roster names by its name and by its id counts once.
func TestStatusNamesAccessOnce(t *testing.T) {
	t.Parallel()
	in := staffInput()
	for i := range in.Snapshot.Access {
		if a := in.Snapshot.Access[i]; a.Kind == org.KindGroup && a.Name == "platform" {
			in.Roster.People[1].Groups = refs("platform", a.ID, "nosuch", "nosuch")
		}
	}
	want := []string{"group platform", "group nosuch"}
	if s := plan.PersonStatuses(in)[1]; !slices.Equal(s.Wanted, want) || !slices.Equal(s.Missing, want) {
		t.Errorf("wanted %q, missing %q; want %q", s.Wanted, s.Missing, want)
	}
}

// TestStatusOfHolderWithoutID: a person who is not a member does not have the access of a user without an id.
func TestStatusOfHolderWithoutID(t *testing.T) {
	t.Parallel()
	in := newInput()
	in.Roster.People[0].Groups = refs("platform")
	in.Snapshot.Access = []org.Access{{Kind: org.KindGroup, ID: "g2", Name: "platform",
		Holders: map[string]string{"": ""}}}
	if s := plan.PersonStatuses(in)[0]; !slices.Equal(s.Missing, []string{"group platform"}) {
		t.Errorf("missing %q", s.Missing)
	}
}

// TestUnanswered: a person who needs attention has waited for an answer only if they were invited and have not
// answered.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	unread := invitation("i1", ada, org.StatusUnknown, -80)
	tests := []struct {
		name string
		in   func(*plan.Input)
		want bool
	}{
		{"a service user", func(in *plan.Input) {
			u := user("u1", ada)
			u.Service = true
			in.Snapshot.Users = []org.User{u}
		}, false},
		{"the user of the key, who is not listed", func(in *plan.Input) {
			in.Roster.People[0].Groups = refs("everyone")
			in.Snapshot.Self = org.MustParseAddress(ada)
		}, false},
		{"declined", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusDeclined, -80)}
		}, true},
		{"a status that is not understood", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{unread}
		}, true},
		{"a user who has not accepted", func(in *plan.Input) {
			u := user("u1", ada)
			u.Accepted = new(bool)
			in.Snapshot.Users = []org.User{u}
		}, true},
		{"mailed long ago, and the key cannot see whether they joined", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			addMails(in, sent(1, "i1", -80))
		}, true},
		{"refused, and never mailed", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Refusals: 9, RefusedAt: hours(-1), RefusedText: "no"}
		}, false},
	}
	for _, tt := range tests {
		in := newInput()
		tt.in(&in)
		if got := plan.PersonStatuses(in)[0]; got.State != plan.StateNeedsAttention || got.Unanswered() != tt.want {
			t.Errorf("%s: unanswered %t, want %t: %+v", tt.name, got.Unanswered(), tt.want, got)
		}
	}
}

// TestStatusWithAPIAccess: the status has API access among the wanted and the missing access.
func TestStatusWithAPIAccess(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	wants := []string{"API access"}
	for i, tt := range []struct {
		roster, user    *bool
		wanted, missing []string
	}{
		{nil, &no, nil, nil}, {&no, &yes, nil, nil}, {&yes, &yes, wants, nil}, {&yes, &no, wants, wants},
		{&yes, nil, wants, nil},
	} {
		in := newInput()
		u := user("u1", ada)
		u.APIEnabled = tt.user
		in.Roster.People[0].APIEnabled, in.Snapshot.Users = tt.roster, []org.User{u}
		if s := plan.PersonStatuses(in)[0]; !slices.Equal(s.Wanted, tt.wanted) || !slices.Equal(s.Missing, tt.missing) {
			t.Errorf("case %d: wanted %q, missing %q", i, s.Wanted, s.Missing)
		}
		in.Snapshot.Users = nil
		if s := plan.PersonStatuses(in)[0]; !slices.Equal(s.Missing, tt.wanted) {
			t.Errorf("case %d, not a member: missing %q", i, s.Missing)
		}
	}
}

// TestStatusOfExpiredBeforeLastDay: a person whose invitation expired shortly before their last day has the state
// expired, not not_invited.
func TestStatusOfExpiredBeforeLastDay(t *testing.T) {
	t.Parallel()
	in := newInput()
	in.Roster.People[0].Until = roster.DayOf(time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC))
	if s := plan.PersonStatuses(in); s[0].State != plan.StateNotInvited {
		t.Errorf("without an invitation: %s", s[0].State)
	}
	in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -80)}
	if s := plan.PersonStatuses(in); s[0].State != plan.StateExpired {
		t.Errorf("with an expired invitation: %s", s[0].State)
	}
	in.Snapshot.Invitations = nil
	addMails(&in, sent(1, "i1", -80))
	if s := plan.PersonStatuses(in); s[0].State != plan.StateExpired {
		t.Errorf("with an expired invitation that is not listed: %s", s[0].State)
	}
}
