package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// mailOrReason returns the mail that p sends, or the text of the notice that no mail is sent. p is a plan for one
// person.
func mailOrReason(p plan.Plan) string {
	for _, n := range p.Notices {
		if n.Kind == plan.NotMailed {
			return "not mailed: " + n.Text
		}
	}
	if len(p.Changes) == 1 && p.Changes[0].Action.Mails() {
		return fmt.Sprintf("%s %s %s", p.Changes[0].Action, p.Changes[0].Reason, p.Changes[0].InvitationID)
	}
	return "nothing said"
}

// TestResendAndReinvite checks what --resend and --reinvite do for a person, and the reason if they send no mail.
func TestResendAndReinvite(t *testing.T) {
	t.Parallel()
	const ada = "ada@example.com"
	pending := func(in *plan.Input, sentAt float64) {
		in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, sentAt)}
	}
	tests := []struct {
		name             string
		in               func(*plan.Input)
		resend, reinvite string
	}{
		{"never invited", func(*plan.Input) {}, "invite not_invited ", "invite not_invited "},
		{"pending", func(in *plan.Input) { pending(in, -1) }, "reinvite requested i1", "not mailed: pending"},
		{"pending, by a mail of this ledger", func(in *plan.Input) {
			pending(in, -1)
			addMails(in, sent(5, "i1", -1))
		}, "reinvite requested i1", "not mailed: pending"},
		{"invited 15 minutes ago", func(in *plan.Input) { pending(in, -0.25) }, "reinvite requested i1",
			"not mailed: pending"},
		{"invited 14 minutes ago by an administrator", func(in *plan.Input) {
			pending(in, -14.0/60)
		}, "not mailed: recent_mail",
			"not mailed: pending"},
		{"sent again 14 minutes ago by an administrator", func(in *plan.Input) {
			pending(in, -10)
			in.Snapshot.Invitations[0].Expires = hours(72 - 14.0/60)
		}, "not mailed: recent_mail", "not mailed: pending"},
		{"sent again 15 minutes ago by an administrator", func(in *plan.Input) {
			pending(in, -10)
			in.Snapshot.Invitations[0].Expires = hours(71.75)
		}, "reinvite requested i1", "not mailed: pending"},
		{"valid for longer than three days", func(in *plan.Input) {
			pending(in, -10)
			in.Snapshot.Invitations[0].Expires = hours(100)
		}, "reinvite requested i1", "not mailed: pending"},
		{"sent again 14 minutes ago", func(in *plan.Input) {
			pending(in, -10)
			m := sent(5, "i1", -14.0/60)
			m.Renewal = true
			addMails(in, m)
		}, "not mailed: recent_mail", "not mailed: pending"},
		{"sent again a minute ago, and the answer was lost", func(in *plan.Input) {
			pending(in, -10)
			m := lost(5, -1.0/60)
			m.Renewal, m.InvitationID, m.RenewedFrom = true, "i1", hours(62)
			addMails(in, sent(3, "i1", -10), m)
		}, "not mailed: unsettled", "not mailed: pending"},
		{"sent again 16 minutes ago, the answer was lost and the date is the same", func(in *plan.Input) {
			pending(in, -10)
			m := lost(5, -16.0/60)
			m.Renewal, m.InvitationID, m.RenewedFrom = true, "i1", hours(62)
			addMails(in, sent(3, "i1", -10), m)
		}, "reinvite requested i1", "not mailed: pending"},
		{"pending, joined since, and users cannot be listed", func(in *plan.Input) {
			pending(in, -10)
			in.Snapshot.UsersVisible = false
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-5), JoinedSequence: 7}
		}, "not mailed: joined", "not mailed: pending"},
		{"the same without dates, and suspended users cannot be listed", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{{ID: "i1", Invited: org.MustParseAddress(ada), Status: org.StatusPending}}
			in.Snapshot.SuspendedVisible = false
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-5), JoinedSequence: 7}
		}, "not mailed: joined", "not mailed: pending"},
		{"pending, joined since, and left", func(in *plan.Input) {
			pending(in, -10)
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-5), JoinedSequence: 7}
		}, "reinvite requested i1", "not mailed: pending"},
		{"pending, joined since, removed, and users cannot be listed", func(in *plan.Input) {
			pending(in, -10)
			in.Snapshot.UsersVisible = false
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-5), JoinedSequence: 7, Removed: true,
				RemovedAt: hours(-4), RemovedSequence: 8}
		}, "reinvite requested i1", "not mailed: pending"},
		{"pending, joined before, and users cannot be listed", func(in *plan.Input) {
			pending(in, -10)
			in.Snapshot.UsersVisible = false
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-15), JoinedSequence: 7}
		}, "reinvite requested i1", "not mailed: pending"},
		{"the ledger has the mail, and the list does not", func(in *plan.Input) { addMails(in, sent(5, "i1", -10)) },
			"not mailed: not_listed", "not mailed: pending"},
		{"pending, removed twice in a week, and the last day is tomorrow", func(in *plan.Input) {
			pending(in, -1)
			in.Roster.People[0].Until = roster.DayOf(hours(24))
			in.Memory.People[ada] = org.PersonRecord{Removed: true, RemovedAt: hours(-5), RemovedSequence: 5,
				Removals: []org.Removal{{At: hours(-50)}, {At: hours(-5)}}}
		}, "reinvite requested i1", "not mailed: pending"},
		{"pending under an alias", func(in *plan.Input) {
			in.Roster.People[0].Aliases = []org.Address{org.MustParseAddress("a@home.example")}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", "a@home.example", org.StatusPending, -10)}
		}, "not mailed: other_address", "not mailed: pending"},
		{"expired", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -80)}
		}, "reinvite expired i1", "reinvite expired i1"},
		{"a member", func(in *plan.Input) { in.Snapshot.Users = append(in.Snapshot.Users, user("u1", ada)) },
			"not mailed: member", "not mailed: member"},
		{"their last day is over", func(in *plan.Input) { in.Roster.People[0].Until = roster.DayOf(hours(-48)) },
			"not mailed: ended", "not mailed: ended"},
		{"accepted, and the key cannot list users", func(in *plan.Input) {
			in.Snapshot.UsersVisible = false
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusAccepted, -10)}
		}, "not mailed: member", "not mailed: member"},
		{"the user of the key", func(in *plan.Input) { in.Snapshot.Self = org.MustParseAddress(ada) },
			"not mailed: member", "not mailed: member"},
		{"a member under an address that the roster does not have", func(in *plan.Input) {
			in.Snapshot.Users = []org.User{user("u1", "countess@home.example")}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1"}
		}, "not mailed: member", "not mailed: member"},
		{"suspended, which has another notice", func(in *plan.Input) {
			u := user("u1", ada)
			u.Suspended = true
			in.Snapshot.Users = append(in.Snapshot.Users, u)
		}, "nothing said", "nothing said"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for flag, want := range map[string]string{"resend": tt.resend, "reinvite": tt.reinvite, "": "nothing said"} {
				in := newInput()
				in.Roster.People = []roster.Person{person(ada, 1)}
				tt.in(&in)
				who := []org.Address{org.MustParseAddress("ADA@example.com")}
				switch flag {
				case "resend":
					in.Resend = who
				case "reinvite":
					in.Reinvite = who
				}
				p := plan.Compute(in)
				got := mailOrReason(p)
				if flag == "" { // without a flag there is no such notice
					if slices.ContainsFunc(p.Notices, func(n plan.Notice) bool { return n.Kind == plan.NotMailed }) {
						t.Errorf("without a flag: %s", got)
					}
					continue
				}
				if got != want {
					t.Errorf("--%s: %s, want %s; %v", flag, got, want, p.Notices)
				}
				until := map[time.Time]bool{} // all notices about the pending invitation say when it expires
				for _, n := range p.Notices {
					if n.InvitationID != "" {
						until[n.Expires] = true
					}
				}
				if len(until) > 1 {
					t.Errorf("--%s: it is not clear when the invitation expires: %v", flag, p.Notices)
				}
			}
		})
	}
}

// TestResendToHiddenMember: --resend mails a person who may be a member that the key cannot see only if --reinvite
// names them too.
func TestResendToHiddenMember(t *testing.T) {
	t.Parallel()
	in := newInput()
	in.Snapshot.UsersVisible = false
	in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}
	in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-5), JoinedSequence: 7}
	in.Resend = []org.Address{org.MustParseAddress(ada)}
	if got := mailOrReason(plan.Compute(in)); got != "not mailed: joined" {
		t.Errorf("--resend: %s", got)
	}
	in.Reinvite = in.Resend
	if got := mailOrReason(plan.Compute(in)); got != "reinvite requested i1" {
		t.Errorf("--resend and --reinvite: %s", got)
	}
}

// TestLostRenewalOfAPendingInvitation: a lost renewal of a pending invitation was sent only if the list has a later
// date.
func TestLostRenewalOfAPendingInvitation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		expires float64
		want    []org.FactKind
	}{
		{"the date is the same", 62, nil},
		{"the date is later", 71.9, []org.FactKind{org.FactFound}},
	} {
		in := newInput()
		in.Roster.People = []roster.Person{person("ada@example.com", 1)}
		m := lost(5, -0.1)
		m.Email, m.Renewal, m.InvitationID, m.RenewedFrom = "ada@example.com", true, "i1", hours(62)
		addMails(&in, sent(3, "i1", -10), m)
		listed := invitation("i1", "ada@example.com", org.StatusPending, -10)
		listed.Expires = hours(tt.expires)
		in.Snapshot.Invitations = []org.Invitation{listed}
		var got []org.FactKind
		for _, f := range plan.Compute(in).Facts {
			got = append(got, f.Kind)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

// TestRenewalAsWitness: the renewal of bob's invitation is a witness only if its date in the list is later.
func TestRenewalAsWitness(t *testing.T) {
	t.Parallel()
	for moved, want := range map[bool]int{true: 0, false: 1} {
		in := newInput()
		in.Roster.People = []roster.Person{person("ada@example.com", 1), person("bob@example.com", 2)}
		m := lost(3, -0.2)
		m.Email = "ada@example.com"
		addMails(&in, m)
		renewed := sent(7, "i2", -0.05)
		renewed.Email, renewed.Renewal, renewed.RenewedFrom, renewed.Expires = "bob@example.com", true, hours(62), hours(62)
		if moved {
			renewed.Expires = hours(71.95)
		}
		in.Memory.People["bob@example.com"] = org.PersonRecord{Mails: []org.Mail{renewed}}
		listed := invitation("i2", "bob@example.com", org.StatusPending, -10)
		listed.Expires = renewed.Expires
		in.Snapshot.Invitations = []org.Invitation{listed}
		if p := plan.Compute(in); len(p.Held) != want {
			t.Errorf("moved %v: held %v, changes %v", moved, p.Held, p.Changes)
		}
	}
}

// TestReusedInvitationAsWitness: a list without dates shows bob's invitation as it was before the last mail. The server
// used the invitation again for this mail, so it is no witness.
func TestReusedInvitationAsWitness(t *testing.T) {
	t.Parallel()
	const bob = "bob@example.com"
	last := sent(7, "i2", -0.05)
	earlier := sent(1, "i2", -80)
	last.Email, earlier.Email, last.Expires, earlier.Expires = bob, bob, time.Time{}, time.Time{}
	for _, tt := range []struct {
		name     string
		status   org.InvitationStatus
		answered time.Time
		mails    []org.Mail
		want     int
	}{
		{"a new invitation", org.StatusPending, time.Time{}, []org.Mail{last}, 0},
		{"one that was answered before", org.StatusAccepted, hours(-390), []org.Mail{last}, 1},
		{"one that was answered an hour before", org.StatusDeclined, hours(-1), []org.Mail{last}, 1},
		{"one that was answered at an unknown time", org.StatusCancelled, time.Time{}, []org.Mail{last}, 1},
		{"one that was answered after the mail", org.StatusAccepted, hours(-0.01), []org.Mail{last}, 0},
		{"one that was mailed before", org.StatusExpired, time.Time{}, []org.Mail{earlier, last}, 1},
		{"one that was mailed before, and is pending", org.StatusPending, time.Time{}, []org.Mail{earlier, last}, 1},
		{"one of an administrator that expired before", org.StatusExpired, time.Time{}, []org.Mail{last}, 1},
		{"one with an unclear status", org.StatusUnknown, hours(-1), []org.Mail{last}, 1},
	} {
		in := newInput()
		in.Roster.People = []roster.Person{person(ada, 1), person(bob, 2)}
		addMails(&in, lost(3, -0.2))
		addMails(&in, tt.mails...)
		listed := org.Invitation{ID: "i2", Invited: org.MustParseAddress(bob), Status: tt.status, Responded: tt.answered}
		in.Snapshot.Invitations = []org.Invitation{listed}
		if p := plan.Compute(in); len(p.Held) != tt.want {
			t.Errorf("%s: held %v, changes %v", tt.name, p.Held, p.Changes)
		}
	}
}

// TestLastMailIsWitness: of all listed mails, the one that was sent last is the witness, whoever it was for.
func TestLastMailIsWitness(t *testing.T) {
	t.Parallel()
	in := newInput()
	m := lost(10, -0.1)
	addMails(&in, m)
	for i := range 9 {
		who, id, at := fmt.Sprintf("p%d@example.com", i), fmt.Sprint("i", i), -0.2
		other := sent(i+1, id, at)
		if i == 4 {
			at = -0.05
			other = sent(20, id, at)
		}
		other.Email = who
		addMails(&in, other)
		in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation(id, who, org.StatusPending, at))
	}
	for range 20 { // the ledger is a map, which has another order each time
		if p := plan.Compute(in); len(p.Held) > 0 {
			t.Fatalf("held %v", p.Held)
		}
	}
}

// TestOnly checks which changes --only selects, and which waits it skips.
func TestOnly(t *testing.T) {
	t.Parallel()
	addEve := func(in *plan.Input) { // the last day of eve is over
		eve := person("eve@example.com", 11)
		in.Memory.People["eve@example.com"] = org.PersonRecord{Joined: true, UserID: "u-e"}
		eve.Until = roster.DayOf(hours(-48))
		in.Roster.People = append(in.Roster.People, eve)
		in.Snapshot.Users = append(in.Snapshot.Users, user("u-e", "evelyn@example.com"))
	}
	base := func() plan.Input {
		in := staffInput()
		in.Roster.Settings.Unlisted, in.Roster.Settings.UnlistedAfter = roster.UnlistedRemove, 24*time.Hour
		cyd := person("cyd@example.com", 9, "cyd@home.example")
		in.Roster.People = append(in.Roster.People, cyd, person("dee@example.com", 10))
		in.Snapshot.Users = append(in.Snapshot.Users, user("u-x", "xena@example.com"), user("u-y", "yan@example.com"))
		in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation("i-z", "zoe@example.com", org.StatusPending, -1))
		// yan was in a roster, by the ledger, so the removal does not wait.
		in.Memory.People = map[string]org.PersonRecord{"yan@example.com": {Joined: true, Unlisted: true, UserID: "u-y"}}
		return in
	}
	for _, tt := range []struct {
		name    string
		only    []string
		change  func(*plan.Input)
		want    []string // changes
		unknown []plan.UnknownName
	}{
		{name: "an address", only: []string{"Dee@Example.com"}, want: []string{"invite dee@example.com"}},
		{name: "an alias", only: []string{"cyd@home.example"}, want: []string{"invite cyd@example.com"}},
		{name: "several", only: []string{"yan@example.com", "dee@example.com", "cyd@example.com"},
			want: []string{"invite cyd@example.com", "invite dee@example.com", "remove yan@example.com"}},
		{name: "an unlisted user who would have to wait is removed at once", only: []string{"xena@example.com"},
			want: []string{"remove xena@example.com"}},
		{name: "an unlisted invitation", only: []string{"zoe@example.com"}},
		{name: "a member with nothing to change", only: []string{"ada@example.com"}},
		{name: "an address that is similar to one in the roster", only: []string{"dea@example.com"},
			unknown: []plan.UnknownName{{org.MustParseAddress("dea@example.com"), "dee@example.com"}}},
		{name: "an address that is similar to one of an unlisted user", only: []string{"xenia@example.com",
			"dee@example.com"},
			want:    []string{"invite dee@example.com"},
			unknown: []plan.UnknownName{{org.MustParseAddress("xenia@example.com"), "xena@example.com"}}},
		{name: "an address that is similar to no other", only: []string{"quentin@nowhere.example"},
			unknown: []plan.UnknownName{{Address: org.MustParseAddress("quentin@nowhere.example")}}},
		{name: "a person whose last day is over, by the address in the roster", only: []string{"eve@example.com"},
			want: []string{"remove evelyn@example.com"}, change: addEve},
		{name: "not a person whose last day is over, by the address of another person", only: []string{"dee@example.com"},
			want: []string{"invite dee@example.com"}, change: addEve},
		{name: "an unlisted user is not named by the address of their invitation", only: []string{"old@example.com"},
			change: func(in *plan.Input) {
				r := invitation("i-o", "old@example.com", org.StatusAccepted, -100)
				r.Registered = org.MustParseAddress("yan@example.com")
				in.Snapshot.Invitations = append(in.Snapshot.Invitations, r)
			}},
		{name: "the address that a person has in the organization", only: []string{"cy@other.example"},
			change: func(in *plan.Input) {
				in.Snapshot.Users = append(in.Snapshot.Users, user("u-c", "cy@other.example"))
				r := invitation("i-c", "cyd@example.com", org.StatusAccepted, -100)
				r.Registered = org.MustParseAddress("cy@other.example")
				in.Snapshot.Invitations = append(in.Snapshot.Invitations, r)
			}},
		{name: "a person whose last day is near", only: []string{"dee@example.com"}, want: []string{"invite dee@example.com"},
			change: func(in *plan.Input) { in.Roster.People[len(in.Roster.People)-1].Until = roster.DayOf(now) }},
		{name: "a person who was refused today", only: []string{"dee@example.com"}, want: []string{"invite dee@example.com"},
			change: func(in *plan.Input) {
				in.Memory.People["dee@example.com"] = org.PersonRecord{Refusals: 3, RefusedAt: hours(-1),
					RefusedText: "no such mailbox"}
			}},
		{name: "a person who was removed twice is still held", only: []string{"dee@example.com"},
			change: func(in *plan.Input) {
				in.Memory.People["dee@example.com"] = org.PersonRecord{Joined: true, Removed: true, RemovedAt: hours(-2),
					Removals: []org.Removal{{At: hours(-20)}, {At: hours(-2)}}}
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := base()
			if tt.change != nil {
				tt.change(&in)
			}
			for _, who := range tt.only {
				in.Only = append(in.Only, org.MustParseAddress(who))
			}
			p := plan.Compute(in)
			var got []string
			for _, c := range p.Changes {
				got = append(got, fmt.Sprintf("%s %s", c.Action, c.Email))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("changes (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.unknown, p.UnknownNames, compareAddresses); d != "" {
				t.Errorf("unknown (-want +got):\n%s", d)
			}
			if (p.CheckNames() != nil) != (len(tt.unknown) > 0) {
				t.Errorf("CheckNames: %v", p.CheckNames())
			}
			if !slices.IsSortedFunc(p.Only, func(a, b org.Address) int { return strings.Compare(a.Key(), b.Key()) }) {
				t.Errorf("only %v", p.Only)
			}
		})
	}
}

// TestOnlyKeepsOtherChanges: --only splits the changes of the plan into the changes of the selected people and the
// rest. The facts are the same as without --only, except those of --reinvite. Notices about other people do not count.
func TestOnlyKeepsOtherChanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		all := plan.Compute(in)
		who := org.MustParseAddress(rapid.SampledFrom([]string{"ada", "bob", "eve"}).Draw(t, "only") + "@example.com")
		in.Only = []org.Address{who}
		p := plan.Compute(in)
		about := func(list []plan.Change) []plan.Change {
			return slices.DeleteFunc(slices.Clone(list), func(c plan.Change) bool { return !c.Email.Equal(who) })
		}
		if d := cmp.Diff(about(all.Changes), p.Changes, compareAddresses, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("the selected (-want +got):\n%s", d)
		}
		both := slices.Concat(p.Changes, p.NotSelected)
		slices.SortStableFunc(both, func(a, b plan.Change) int { return strings.Compare(a.Email.Key(), b.Email.Key()) })
		if d := cmp.Diff(all.Changes, both, compareAddresses, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("the selected and the rest (-want +got):\n%s", d)
		}
		if d := cmp.Diff(about(all.Held), p.Held, compareAddresses, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("held (-want +got):\n%s", d)
		}
		facts := slices.DeleteFunc(all.Facts, func(f org.Fact) bool {
			return f.Kind == org.FactReset && f.Email != who.Key()
		})
		if d := cmp.Diff(facts, p.Facts, compareAddresses, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("facts (-want +got):\n%s", d)
		}
		for _, n := range p.Notices {
			if other := !n.Email.IsZero() && !n.Email.Equal(who); other != n.NotSelected || other && n.Holds() {
				t.Fatalf("%s of %s: not selected: %v", n.Kind, n.Email, n.NotSelected)
			}
		}
	})
}

// TestOnlyAndLimits: changes that --only does not select do not count for limits.
func TestOnlyAndLimits(t *testing.T) {
	t.Parallel()
	in := newInput()
	in.Roster.People = []roster.Person{person("ada@example.com", 1), person("bob@example.com", 2)}
	one := 1
	in.MaxInvites = &one
	if plan.Compute(in).CheckLimits() == nil {
		t.Fatal("two mails are within a limit of one")
	}
	in.Only = []org.Address{org.MustParseAddress("bob@example.com")}
	p := plan.Compute(in)
	if err := p.CheckLimits(); err != nil {
		t.Error(err)
	}
	if slices.ContainsFunc(p.Notices, func(n plan.Notice) bool { return n.Kind == plan.Limit }) {
		t.Error("a notice of the limit")
	}
	unsettled := lost(3, -0.1)
	unsettled.Email = "ada@example.com"
	addMails(&in, unsettled)
	if p := plan.Compute(in); len(p.Held) > 0 || p.CheckLimits() != nil {
		t.Errorf("held: %v, %v", p.Held, p.CheckLimits())
	}
	in.MaxInvites = new(int)
	if plan.Compute(in).CheckLimits() == nil {
		t.Error("one mail is within a limit of none")
	}
}

// TestOnlyAndUnknownAccess: with --only, a group that the organization lacks matters only if the entry of a selected
// person names it.
func TestOnlyAndUnknownAccess(t *testing.T) {
	t.Parallel()
	for who, counts := range map[string]bool{"ada@example.com": true, "bob@example.com": false} {
		in := staffInput()
		for i := range in.Roster.People {
			in.Roster.People[i].Groups = nil
		}
		in.Roster.People[0].Groups = []roster.Ref{{Name: "lost", At: roster.Position{File: "users.yaml", Line: 2, Column: 3}}}
		in.Only = []org.Address{org.MustParseAddress(who)}
		p := plan.Compute(in)
		if (p.CheckAccess() != nil) != counts || (len(p.Ungrantable) > 0) != counts {
			t.Errorf("%s: %v, %v", who, p.CheckAccess(), p.Ungrantable)
		}
	}
}

// TestOnlyShowsWhyUserStays: --only names an unlisted user, who stays because a person of the roster may be this
// user. The notice with this reason is selected, unless --only names only other people.
func TestOnlyShowsWhyUserStays(t *testing.T) {
	t.Parallel()
	for who, want := range map[string]bool{"xena@example.com": true, ada: true, "bob@example.com": false} {
		in := staffInput()
		in.Roster.Settings.Unlisted = roster.UnlistedRemove
		in.Snapshot.Users = append(in.Snapshot.Users[1:], user("u-x", "xena@example.com"))
		in.Memory.People = map[string]org.PersonRecord{}
		addMails(&in, sent(3, "i1", -1))
		in.Only = []org.Address{org.MustParseAddress(who)}
		p := plan.Compute(in)
		i := slices.IndexFunc(p.Notices, func(n plan.Notice) bool { return n.Kind == plan.UnlistedKept })
		if i < 0 || p.Notices[i].NotSelected == want || len(p.Changes) > 0 {
			t.Errorf("--only %s: %v, changes %v", who, p.Notices, p.Changes)
		}
	}
}

// TestOnlyAndUnreadableAddress: --only does not select users whose address cannot be read, even if it names a person
// who is one of them by the ledger.
func TestOnlyAndUnreadableAddress(t *testing.T) {
	t.Parallel()
	in := newInput()
	in.Roster.People[0].Until = roster.DayOf(hours(-48))
	in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u1"}
	in.Snapshot.Users = []org.User{{ID: "u1", Unidentified: true}, {ID: "u2", Unidentified: true}}
	in.Only = []org.Address{org.MustParseAddress(ada)}
	got := map[string]bool{}
	for _, n := range plan.Compute(in).Notices {
		if n.Kind == plan.Unlisted {
			got[n.UserID] = n.NotSelected
		}
	}
	if diff := cmp.Diff(map[string]bool{"u1": true, "u2": true}, got); diff != "" {
		t.Errorf("not selected (-want +got):\n%s", diff)
	}
}
