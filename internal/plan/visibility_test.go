package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// inputWithVisible returns an input in which only some things can be seen. visible has a letter for each of them. u
// is for the users, s for the suspended users, and a for an accepted invitation of another person. o means that the
// key acts on the organization of the roster.
func inputWithVisible(visible string) plan.Input {
	in := newInput()
	in.Roster.Organization, in.Roster.Settings.Unlisted = "Example Org", roster.UnlistedRemove
	in.Snapshot.Self = org.MustParseAddress("owner@example.com")
	in.Snapshot.UsersVisible = strings.Contains(visible, "u")
	in.Snapshot.SuspendedVisible = strings.Contains(visible, "s")
	in.Snapshot.PinConfirmed = strings.Contains(visible, "o")
	if in.Snapshot.UsersVisible {
		in.Snapshot.Users = []org.User{user("u-owner", "owner@example.com"), user("u-zed", "zed@example.com")}
		in.Memory.Unlisted = map[string]org.Sighting{"u-zed": {Sequence: 1, At: hours(-25)}}
	}
	if strings.Contains(visible, "a") {
		in.Snapshot.Invitations = []org.Invitation{invitation("i-zed", "zed@example.com", org.StatusAccepted, -200)}
	}
	return in
}

// about returns the actions and notices of p about the address who, for example "invite", "unknown_membership" or
// "nothing".
func about(p plan.Plan, who string) string {
	var said []string
	for _, c := range p.Changes {
		if c.Email.Key() == who {
			said = append(said, string(c.Action))
		}
	}
	for _, n := range p.Notices {
		if n.Email.Key() == who && n.Kind != plan.UnlistedKept {
			said = append(said, string(n.Kind))
		}
	}
	if len(said) == 0 {
		return "nothing"
	}
	return strings.Join(said, " ")
}

// TestAbsence checks the table "When a list does not show somebody" in docs/decisions.md. It has a case for each row
// of the table, and a field for each column.
func TestAbsence(t *testing.T) {
	t.Parallel()
	const hold = "unknown_membership"
	tests := []struct {
		visible string
		// The first five fields are the decision about a person who is not in the list of users. The person was never
		// invited (never), or had an invitation that expired and is not listed (vanished) or is listed (expired). The
		// ledger has the person as a member (member), or an accepted invitation names them (accepted). If accepted is "",
		// the list has no accepted invitations.
		never, vanished, expired, member, accepted string
		// unlisted is the decision about an unlisted user. access is the decision about a member who lacks one wanted
		// group and has another group.
		unlisted, access string
		notices          string // about the whole plan
	}{
		{"usao", "invite", "reinvite", "reinvite", "left", "left", "remove", "grant revoke", ""},
		{"usa ", "invite", "reinvite", "reinvite", "left", "left", "unlisted", "grant extra_access", "pin_unconfirmed"},
		{"us o", "invite", "reinvite", "reinvite", "left", "", "remove", "grant revoke", ""},
		{"us  ", "invite", "reinvite", "reinvite", "left", "", "unlisted", "grant extra_access", "pin_unconfirmed"},
		{"u ao", "invite", "reinvite", "reinvite", hold, hold, "remove", "grant revoke", "suspended_unseen"},
		{"u a ", "invite", "reinvite", "reinvite", hold, hold, "unlisted", "grant extra_access",
			"pin_unconfirmed suspended_unseen"},
		{"u  o", "invite", "reinvite", "reinvite", hold, "", "remove", "grant revoke", "suspended_unseen"},
		{"u   ", "invite", "reinvite", "reinvite", hold, "", "unlisted", "grant extra_access",
			"pin_unconfirmed suspended_unseen"},
		{" sao", "invite", hold, "reinvite", hold, "nothing", "nothing", "needs", "members_unseen"},
		{" sa ", "invite", hold, "reinvite", hold, "nothing", "nothing", "needs", "members_unseen pin_unconfirmed"},
		{" s o", hold, hold, "reinvite", hold, "", "nothing", "needs", "members_unseen"},
		{" s  ", hold, hold, "reinvite", hold, "", "nothing", "needs", "members_unseen pin_unconfirmed"},
		{"  ao", "invite", hold, "reinvite", hold, "nothing", "nothing", "needs", "members_unseen suspended_unseen"},
		{"  a ", "invite", hold, "reinvite", hold, "nothing", "nothing", "needs", "members_unseen pin_unconfirmed " +
			"suspended_unseen"},
		{"   o", hold, hold, "reinvite", hold, "", "nothing", "needs", "members_unseen suspended_unseen"},
		{"    ", hold, hold, "reinvite", hold, "", "nothing", "needs", "members_unseen pin_unconfirmed suspended_unseen"},
	}
	for _, tt := range tests {
		t.Run(tt.visible, func(t *testing.T) {
			t.Parallel()
			check := func(column, want string, prepare func(*plan.Input)) {
				if want == "" {
					return
				}
				in := inputWithVisible(tt.visible)
				prepare(&in)
				if got := about(plan.Compute(in), ada); got != want {
					t.Errorf("%s: %s, want %s", column, got, want)
				}
			}
			check("never invited", tt.never, func(*plan.Input) {})
			check("mailed, and the expired invitation is not listed", tt.vanished, func(in *plan.Input) {
				addMails(in, sent(1, "i1", -80))
			})
			check("mailed, and the invitation is listed as expired", tt.expired, func(in *plan.Input) {
				addMails(in, sent(1, "i1", -80))
				in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation("i1", ada, org.StatusExpired, -80))
			})
			check("a member, by the ledger", tt.member, func(in *plan.Input) {
				in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-300), EverMailed: true}
			})
			check("the invitation is accepted", tt.accepted, func(in *plan.Input) {
				in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation("i1", ada, org.StatusAccepted, -80))
			})
			in := inputWithVisible(tt.visible)
			in.Roster.People[0].Groups = refs("everyone")
			in.Roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
			in.Roster.Teams = []roster.Team{{Name: "others", Access: roster.Access{Groups: refs("platform")}}}
			in.Snapshot.Access = []org.Access{
				{Kind: org.KindGroup, ID: "g1", Name: "everyone"},
				{Kind: org.KindGroup, ID: "g2", Name: "platform", Holders: map[string]string{"u-ada": "m-ada"}},
			}
			if in.Snapshot.UsersVisible {
				in.Snapshot.Users = append(in.Snapshot.Users, user("u-ada", ada))
			}
			p := plan.Compute(in)
			if got := about(p, "zed@example.com"); got != tt.unlisted {
				t.Errorf("an unlisted user: %s, want %s", got, tt.unlisted)
			}
			access := about(p, ada)
			if p.Needs != "" {
				access = "needs"
			}
			if access != tt.access {
				t.Errorf("a member's groups: %s, want %s", access, tt.access)
			}
			var kinds []string
			for _, n := range p.Notices {
				if n.Email.IsZero() {
					kinds = append(kinds, string(n.Kind))
				}
			}
			if got := strings.Join(kinds, " "); got != tt.notices {
				t.Errorf("notices %q, want %q", got, tt.notices)
			}
		})
	}
}

// TestAcceptedForAnotherEntry: the suspended users cannot be listed. Ada's address accepted an invitation to her, or to
// bob, who has a user of his own. An invitation to her that expired since then shows that she was no member when it was
// sent. A removal by orgsync shows nothing about later.
func TestAcceptedForAnotherEntry(t *testing.T) {
	t.Parallel()
	const hold, alias, bob = "unknown_membership", "countess@home.example", "bob@example.com"
	for _, tt := range []struct {
		name, invited   string
		sent, responded float64 // 0 if the list does not say when
		removed         float64 // 0 if orgsync did not remove her
		expired         float64 // when the expired invitation to her was sent; 0 if there is none
		want            string
	}{
		{"her own", ada, -300, -290, 0, 0, hold},
		{"her own, and a later one expired", ada, -300, -290, 0, -200, "reinvite"},
		{"that of her alias, and a later one expired", alias, -300, -290, 0, -200, "reinvite"},
		{"that of bob", bob, -300, -290, 0, 0, hold},
		{"that of bob, and an earlier one expired", bob, -300, -290, 0, -400, hold},
		{"that of bob, and one expired that was sent in between", bob, -300, -240, 0, -250, hold},
		{"that of bob, and a later one expired", bob, -300, -290, 0, -200, "reinvite"},
		{"that of bob, and one expired that was sent after the answer", bob, -300, -290, 0, -240, "reinvite"},
		{"that of bob, perhaps later than one that expired", bob, -300, 0, 0, -250, hold},
		{"that of bob, earlier than one that expired", bob, -300, 0, 0, -200, "reinvite"},
		{"that of bob, before her removal", bob, -300, -290, -100, 0, "invite"},
		{"that of bob, after her removal", bob, -300, -290, -400, 0, hold},
		{"that of bob, sent before her removal", bob, -300, -240, -250, 0, hold},
		{"that of bob, after her removal and a mail that expired", bob, -300, -290, -500, -400, hold},
	} {
		in := inputWithVisible("u ao")
		in.Roster.People = []roster.Person{person(ada, 3, alias), person(bob, 9)}
		in.Snapshot.Users = append(in.Snapshot.Users, user("u-bob", bob))
		accepted := invitation("i1", tt.invited, org.StatusAccepted, tt.sent)
		accepted.Registered = org.MustParseAddress(ada)
		if tt.responded != 0 {
			accepted.Responded = hours(tt.responded)
		}
		later := invitation("i3", bob, org.StatusAccepted, -60) // by bob himself
		later.Registered, later.Responded = org.MustParseAddress(bob), hours(-50)
		in.Snapshot.Invitations = append(in.Snapshot.Invitations, accepted, later)
		if tt.expired != 0 {
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation("i2", ada, org.StatusExpired, tt.expired))
		}
		if tt.removed != 0 {
			in.Memory.People[ada] = org.PersonRecord{Removed: true, RemovedAt: hours(tt.removed), RemovedSequence: 1}
		}
		if got := about(plan.Compute(in), ada); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestHiddenUnderOtherAddress: orgsync suspended ada or saw her as an unlisted user, under an address that the roster
// does not have. The suspended users cannot be listed. She is not mailed because of an expired invitation, unless it
// was sent or renewed after that.
func TestHiddenUnderOtherAddress(t *testing.T) {
	t.Parallel()
	const countess = "countess@home.example"
	for name, connect := range map[string]func(*plan.Input){
		"accepted with this address": func(in *plan.Input) {
			accepted := invitation("i1", ada, org.StatusAccepted, -500)
			accepted.Registered, accepted.Responded = org.MustParseAddress(countess), hours(-490)
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, accepted)
		},
		"joined as this user": func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, JoinedAt: hours(-480), UserID: "u1"}
		},
	} {
		for sent, want := range map[float64]string{-300: "unknown_membership", -90: "reinvite"} {
			for _, suspended := range []bool{false, true} {
				in := inputWithVisible("u ao")
				in.Memory.Unlisted["u1"] = org.Sighting{Email: countess, Sequence: 9, At: hours(-100)}
				if suspended {
					delete(in.Memory.Unlisted, "u1")
					in.Memory.People[countess] = org.PersonRecord{Suspended: true, SuspendedAt: hours(-100), SuspendedUserID: "U1"}
				}
				in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation("i2", ada, org.StatusExpired, sent))
				connect(&in)
				got := about(plan.Compute(in), ada)
				if got != want {
					t.Errorf("%s, suspended: %v, and an invitation sent at %v hours: %s, want %s", name, suspended, sent, got, want)
				}
				addMails(&in, org.Mail{Email: ada, InvitationID: "i2", Renewal: true, Sequence: 10, At: hours(-80)})
				if got = about(plan.Compute(in), ada); got != "reinvite" {
					t.Errorf("%s, suspended: %v, and renewed since: %s, want reinvite", name, suspended, got)
				}
			}
		}
	}
}

// TestUnidentified: a user or an invitation without a readable address may belong to anybody that the ledger and the
// lists do not show.
func TestUnidentified(t *testing.T) {
	t.Parallel()
	const bob, held = "bob@example.com", "unknown_membership"
	nobody := org.User{ID: "u9", Name: "Somebody", Unidentified: true}
	pending := invitation("i9", ada, org.StatusPending, -10)
	pending.Invited, pending.Unidentified = org.Address{}, true
	tests := []struct {
		name    string
		in      func(*plan.Input)
		ada, bo string
	}{
		{"nobody", func(*plan.Input) {}, "invite", "invite"},
		{"a user", func(in *plan.Input) { in.Snapshot.Users = append(in.Snapshot.Users, nobody) }, held, held},
		{"a user who has not accepted", func(in *plan.Input) {
			u := nobody
			u.Accepted = new(false)
			in.Snapshot.Users = append(in.Snapshot.Users, u)
		}, held, held},
		{"a user that the ledger knows", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, nobody)
			in.Memory.People = map[string]org.PersonRecord{ada: {Joined: true, UserID: "u9"}}
			in.InviteLeft = true
		}, held, "invite"},
		{"a user that the ledger knows, and who may be a service user", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, org.User{ID: "u9", AddressMissing: true})
			in.Memory.People = map[string]org.PersonRecord{ada: {Joined: true, UserID: "u9"}}
			in.InviteLeft = true
		}, held, "invite"},
		{"somebody in a group who is not in the list of users", func(in *plan.Input) {
			in.Snapshot.OtherHolders = []org.Address{org.MustParseAddress(ada)}
		}, held, "invite"},
		{"an invitation without an address, before one with an address", func(in *plan.Input) {
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, pending,
				invitation("i2", "eve@example.com", org.StatusPending, -10))
		}, held, held},
		{"somebody in a group who was removed from the organization by orgsync", func(in *plan.Input) {
			in.Snapshot.OtherHolders = []org.Address{org.MustParseAddress(ada)}
			in.Memory.People[ada] = org.PersonRecord{Joined: true, Removed: true}
		}, "invite", "invite"},
		{"somebody in a group who accepted with another address and is not in the list of users", func(in *plan.Input) {
			accepted := invitation("i1", ada, org.StatusAccepted, -80)
			accepted.Registered = org.MustParseAddress("countess@home.example")
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, accepted)
			in.Snapshot.OtherHolders = []org.Address{accepted.Registered}
			in.InviteLeft = true
		}, held, "invite"},
		{"somebody in a group who accepted with another address, and was removed under it", func(in *plan.Input) {
			accepted := invitation("i1", ada, org.StatusAccepted, -80)
			accepted.Registered = org.MustParseAddress("countess@home.example")
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, accepted)
			in.Snapshot.OtherHolders = []org.Address{accepted.Registered}
			in.Memory.People["countess@home.example"] = org.PersonRecord{Removed: true, RemovedAt: hours(-50)}
		}, "invite", "invite"},
		{"somebody in a group who is in no list", func(in *plan.Input) {
			in.Snapshot.OtherHolders = []org.Address{org.MustParseAddress("eve@example.com")}
		}, "invite", "invite"},
		{"a user, and an invitation that expired", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, nobody)
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation("i1", ada, org.StatusPending, -80))
		}, held, held},
		{"a user, and an invitation that was accepted", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, nobody)
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation("i1", ada, org.StatusAccepted, -80))
		}, held, held},
		{"a user, and an invitation that was declined", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, nobody)
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation("i1", ada, org.StatusDeclined, -80))
		}, "needs_attention", held},
		{"a user, an older invitation that expired, and a later one that is not listed", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, nobody)
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation("i1", ada, org.StatusExpired, -200))
			addMails(in, sent(1, "i2", -80))
		}, held, held},
		{"an expired invitation, and the person is in a group and not in the list of users", func(in *plan.Input) {
			in.Snapshot.OtherHolders = []org.Address{org.MustParseAddress(ada)}
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation("i1", ada, org.StatusPending, -80))
		}, held, "invite"},
		{"a user, an invitation that expired, and --reinvite", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, nobody)
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation("i1", ada, org.StatusPending, -80))
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
		}, "reinvite", held},
		{"a user, and hidden_members: invite", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, nobody)
			in.Roster.Settings.HiddenMembers = roster.HiddenMembersInvite
		}, "invite", "invite"},
		{"a user, and --reinvite", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, nobody)
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
		}, "invite", held},
		{"a pending invitation", func(in *plan.Input) {
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, pending)
		}, held, held},
		{"a pending invitation that the ledger knows", func(in *plan.Input) {
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, pending)
			addMails(in, sent(1, "i9", -10))
		}, "waiting", "invite"},
		{"a pending invitation that the ledger has for somebody whose last day is over", func(in *plan.Input) {
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, pending)
			former := person("eve@example.com", 9)
			former.Until = roster.DayOf(hours(-48))
			in.Roster.People = append(in.Roster.People, former)
			m := sent(1, "i9", -10)
			m.Email = "eve@example.com"
			addMails(in, m)
		}, "invite", "invite"},
		{"an invitation that can no longer be accepted", func(in *plan.Input) {
			old := pending
			old.Created, old.Expires = hours(-100), hours(-28)
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, old)
		}, "invite", "invite"},
		{"a user, and an invitation that can be accepted", func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, nobody)
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}
		}, "waiting", held},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := inputWithVisible("usao")
			in.Roster.People = append(in.Roster.People, person(bob, 9))
			tt.in(&in)
			p := plan.Compute(in)
			if diff := cmp.Diff([]string{tt.ada, tt.bo}, []string{about(p, ada), about(p, bob)}); diff != "" {
				t.Errorf("ada and bob (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHiddenMembers: the setting `hidden_members: invite` mails a person who may be a member once. They are mailed
// again only if --reinvite names them.
func TestHiddenMembers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, visible string
		policy        roster.HiddenMembersPolicy
		in            func(*plan.Input)
		want          string
	}{
		{"never mailed, hidden_members: hold", "s", "", func(*plan.Input) {}, "unknown_membership"},
		{"never mailed", "s", roster.HiddenMembersInvite, func(*plan.Input) {}, "invite"},
		{"mailed before", "s", roster.HiddenMembersInvite, func(in *plan.Input) {
			addMails(in, sent(1, "i1", -80))
			in.Memory.People[ada] = org.PersonRecord{Mails: in.Memory.People[ada].Mails, EverMailed: true}
		}, "unknown_membership"},
		{"mailed before, and a member since", "s", roster.HiddenMembersInvite, func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, EverMailed: true}
		}, "unknown_membership"},
		{"mailed before, named by --reinvite", "s", roster.HiddenMembersInvite, func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true, EverMailed: true}
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
		}, "invite"},
		{"named by --reinvite, hidden_members: hold", "s", "", func(in *plan.Input) {
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
		}, "invite"},
		{"a member before, suspended users hidden, named by --reinvite", "uo", "", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true}
			in.Reinvite = []org.Address{org.MustParseAddress(ada)}
		}, "invite"},
		{"a member before, suspended users hidden, and --invite-left", "uo", "", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Joined: true}
			in.InviteLeft = true
		}, "unknown_membership"},
		{"an unlisted user before", "sa", "", func(in *plan.Input) {
			in.Memory.Unlisted = map[string]org.Sighting{"u1": {Email: ada, Sequence: 5}}
		}, "unknown_membership"},
		{"an unlisted user before, suspended users hidden", "uo", "", func(in *plan.Input) {
			in.Memory.Unlisted["u1"] = org.Sighting{Email: ada, Sequence: 5}
		}, "unknown_membership"},
		{"an unlisted user before, everybody can be seen", "uso", "", func(in *plan.Input) {
			in.Memory.Unlisted["u1"] = org.Sighting{Email: ada, Sequence: 5}
		}, "invite"},
		{"an unlisted user, removed and seen again", "sa", "", func(in *plan.Input) {
			in.Memory.Unlisted = map[string]org.Sighting{"u1": {Email: ada, Sequence: 5}}
			in.Memory.People[ada] = org.PersonRecord{Removed: true, RemovedSequence: 4}
		}, "unknown_membership"},
		{"an unlisted user, removed later", "sa", "", func(in *plan.Input) {
			in.Memory.Unlisted = map[string]org.Sighting{"u1": {Email: ada, Sequence: 5}}
			in.Memory.People[ada] = org.PersonRecord{Removed: true, RemovedSequence: 6}
		}, "invite"},
		{"an unlisted user since an expired invitation, everybody can be seen", "uso", "", func(in *plan.Input) {
			in.Memory.Unlisted["u1"] = org.Sighting{Email: ada, Sequence: 5, At: hours(-50)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -200)}
		}, "reinvite"},
		{"suspended before, suspended users hidden", "uo", "", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Suspended: true, SuspendedAt: hours(-50)}
		}, "unknown_membership"},
		{"a member before, only mailed once, which counts as not sent", "uao", roster.HiddenMembersInvite,
			func(in *plan.Input) {
				in.Memory.People[ada] = org.PersonRecord{Joined: true, EverMailed: true, OnlyMailSequence: 5,
					Mails: []org.Mail{lost(5, -1)}}
			}, "invite"},
		{"a member before, mailed to two addresses, and one of these mails counts as not sent", "uao",
			roster.HiddenMembersInvite, func(in *plan.Input) {
				in.Roster.People[0] = person(ada, 3, "lady@example.com")
				in.Memory.People[ada] = org.PersonRecord{Joined: true, EverMailed: true, OnlyMailSequence: 5,
					Mails: []org.Mail{lost(5, -1)}}
				in.Memory.People["lady@example.com"] = org.PersonRecord{EverMailed: true, OnlyMailSequence: 2}
			}, "unknown_membership"},
		{"a member before, mailed to two addresses, and the mail to the alias counts as not sent", "uao",
			roster.HiddenMembersInvite, func(in *plan.Input) {
				in.Roster.People[0] = person(ada, 3, "lady@example.com")
				in.Memory.People[ada] = org.PersonRecord{Joined: true, EverMailed: true, OnlyMailSequence: 2}
				last := lost(5, -1)
				last.Email = "lady@example.com"
				in.Memory.People["lady@example.com"] = org.PersonRecord{EverMailed: true, OnlyMailSequence: 5,
					Mails: []org.Mail{last}}
			}, "unknown_membership"},
		{"only ever refused", "s", roster.HiddenMembersInvite, func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Refusals: 1, RefusedAt: hours(-1)}
		}, "invite"},
		{"suspended before under one of two addresses, suspended users hidden", "uo", "", func(in *plan.Input) {
			in.Roster.People[0] = person(ada, 3, "lady@example.com")
			in.Memory.People[ada] = org.PersonRecord{Suspended: true, SuspendedAt: hours(-50)}
			in.Memory.People["lady@example.com"] = org.PersonRecord{EverMailed: true}
		}, "unknown_membership"},
		{"suspended since an expired invitation, users hidden", "sa", "", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Suspended: true, SuspendedAt: hours(-50)}
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation("i1", ada, org.StatusExpired, -200))
		}, "unknown_membership"},
		{"suspended since an expired invitation, everybody can be seen", "uso", "", func(in *plan.Input) {
			in.Memory.People[ada] = org.PersonRecord{Suspended: true, SuspendedAt: hours(-50)}
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -200)}
		}, "reinvite"},
		{"accepted for another entry since an expired invitation, everybody can be seen", "uso", "", func(in *plan.Input) {
			in.Roster.People = append(in.Roster.People, person("bob@example.com", 9))
			in.Snapshot.Users = append(in.Snapshot.Users, user("u-bob", "bob@example.com"))
			other := invitation("i2", "bob@example.com", org.StatusAccepted, -150)
			other.Registered, other.Responded = org.MustParseAddress(ada), hours(-140)
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusExpired, -200), other}
		}, "reinvite"},
		{"suspended since an expired invitation, and active later, suspended users hidden", "uao", "",
			func(in *plan.Input) {
				in.Memory.People[ada] = org.PersonRecord{SuspendedAt: hours(-50)}
				in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation("i1", ada, org.StatusExpired, -200))
			}, "reinvite"},
		{"a mail that is still valid", "s", roster.HiddenMembersInvite,
			func(in *plan.Input) { addMails(in, sent(1, "i1", -10)) }, "waiting"},
		{"an invitation that is still valid", "s", "", func(in *plan.Input) {
			in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}
		}, "waiting"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := inputWithVisible(tt.visible)
			in.Roster.Settings.HiddenMembers = tt.policy
			tt.in(&in)
			if got := about(plan.Compute(in), ada); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// TestOnlyAcceptedInvitationsNameUsers: only an accepted invitation shows that the user with the registered address
// is the invited person.
func TestOnlyAcceptedInvitationsNameUsers(t *testing.T) {
	t.Parallel()
	for _, status := range []org.InvitationStatus{
		org.StatusPending, org.StatusExpired, org.StatusDeclined, org.StatusCancelled, org.StatusUnknown,
	} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			in := staffInput()
			in.Roster.People = []roster.Person{person(ada, 3), person("bob@example.com", 4)}
			in.Roster.People[0].Groups = refs("platform")
			yes := true
			in.Roster.People[0].APIEnabled = &yes
			in.Memory = org.Memory{People: map[string]org.PersonRecord{"bob@example.com": {Joined: true, UserID: "u-bob"}}}
			in.Snapshot.Users[0] = user("u-mallory", "mallory@example.com")
			r := invitation("i1", ada, status, -10)
			r.Registered = org.MustParseAddress("mallory@example.com")
			in.Snapshot.Invitations = []org.Invitation{r}
			p := plan.Compute(in)
			for _, c := range p.Changes {
				if c.UserID == "u-mallory" {
					t.Errorf("%s for the user of another address", c.Action)
				}
			}
			if len(p.Ungrantable)+len(p.Problems) > 0 {
				t.Errorf("ungrantable %v, problems %v", p.Ungrantable, p.Problems)
			}
			if got := about(p, "mallory@example.com"); got != "unlisted" {
				t.Errorf("mallory: %s, want unlisted", got)
			}
			// If mallory is listed too, the plan has no problem that both entries are one user.
			in.Roster.People = append(in.Roster.People, person("mallory@example.com", 9))
			if p := plan.Compute(in); len(p.Problems) > 0 {
				t.Errorf("problems: %v", p.Problems)
			}
		})
	}
}

// TestOtherAddress: a person who accepted with an address that the roster does not name is neither mailed nor
// removed. Their access does not change until the address is an alias.
func TestOtherAddress(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for _, access := range []*bool{&yes, &no} {
		in := staffInput()
		in.Roster.Settings.Unlisted, in.Roster.Settings.ExtraAccess = roster.UnlistedRemove, roster.ExtraAccessRevoke
		in.Roster.Teams = teamWithAccess()
		in.Roster.People = []roster.Person{person(ada, 3), person("bob@example.com", 4)}
		in.Roster.People[0].Groups, in.Roster.People[0].APIEnabled = refs("platform"), access
		enabled := !*access
		in.Snapshot.Users[0] = user("u-ada", "countess@home.example")
		in.Snapshot.Users[0].APIEnabled = &enabled
		in.Snapshot.Access[0].Holders["u-ada"] = "m-ada"
		in.Memory.People[ada] = org.PersonRecord{}
		r := invitation("i1", ada, org.StatusAccepted, -10)
		r.Registered = org.MustParseAddress("countess@home.example")
		in.Snapshot.Invitations = []org.Invitation{r}
		want := []string{"other_address ada@example.com countess@home.example"}
		if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
			t.Errorf("without the alias (-want +got):\n%s", diff)
		}
		in.Roster.People[0] = person(ada, 3, "countess@home.example")
		in.Roster.People[0].Groups, in.Roster.People[0].APIEnabled = refs("platform"), access
		want = []string{
			fmt.Sprint("update ada@example.com api_access_differs ", *access), "grant ada@example.com missing_access group " +
				"platform",
			"revoke ada@example.com extra_access group everyone as m-ada",
		}
		if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
			t.Errorf("with the alias (-want +got):\n%s", diff)
		}
	}
}

// TestCausesOfNotices: a notice says why orgsync cannot act, so that its report and JSON can say it.
func TestCausesOfNotices(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, cause string
		in          func(*plan.Input)
	}{
		{"a user without an address", plan.NoAddress, func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, org.User{ID: "u9", Unidentified: true})
		}},
		{"a user without an address, who is the person by the ledger", plan.NoAddress, func(in *plan.Input) {
			in.Snapshot.Users = append(in.Snapshot.Users, org.User{ID: "u9", Unidentified: true})
			in.Memory.People[ada] = org.PersonRecord{Joined: true, UserID: "u9"}
		}},
		{"the person is in a group, and not in the list of users", plan.HoldsAccess, func(in *plan.Input) {
			in.Snapshot.OtherHolders = []org.Address{org.MustParseAddress(ada)}
		}},
		{"the user of the key, who is not listed", plan.KeyUserNotListed, func(in *plan.Input) {
			in.Snapshot.Self, in.Roster.People[0].APIEnabled = org.MustParseAddress(ada), new(true)
		}},
		{"suspended", "Locked", func(in *plan.Input) {
			u := user("u1", ada)
			u.Suspended, u.StatusText = true, "Locked"
			in.Snapshot.Users = append(in.Snapshot.Users, u)
		}},
	}
	for _, tt := range tests {
		in := inputWithVisible("usao")
		tt.in(&in)
		var causes []string
		for _, n := range plan.Compute(in).Notices {
			if n.Email.Key() == ada && n.Kind != plan.UnlistedKept {
				causes = append(causes, n.Text)
			}
		}
		if diff := cmp.Diff([]string{tt.cause}, causes); diff != "" {
			t.Errorf("%s: causes (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestUnansweredUsers: these are the users who were mailed and, by the ledger, have not joined since.
func TestUnansweredUsers(t *testing.T) {
	t.Parallel()
	mails := []org.Mail{{Sequence: 1}}
	for name, test := range map[string]struct {
		record org.PersonRecord
		want   int
	}{
		"never mailed":           {org.PersonRecord{Joined: true, UserID: "u1"}, 0},
		"mailed":                 {org.PersonRecord{Mails: mails, EverMailed: true}, 1},
		"joined":                 {org.PersonRecord{EverMailed: true, Joined: true, UserID: "U1"}, 0},
		"joined as another user": {org.PersonRecord{EverMailed: true, Joined: true, UserID: "u2"}, 1},
		"joined, left and mailed": {
			org.PersonRecord{Mails: mails, EverMailed: true, Joined: true, UserID: "u1"}, 1},
		"the mail counts as not sent":        {org.PersonRecord{AssumedNotSent: true}, 1},
		"joined with an unknown id":          {org.PersonRecord{EverMailed: true, Joined: true}, 1},
		"no mail, joined with an unknown id": {org.PersonRecord{Joined: true}, 0},
	} {
		s := org.Snapshot{Users: []org.User{user("u1", ada), user("u3", "zoe@example.com")}}
		m := org.Memory{People: map[string]org.PersonRecord{ada: test.record}}
		got := plan.UnansweredUsers(s, m)
		if len(got) != test.want || len(got) == 1 && got[0] != &s.Users[0] {
			t.Errorf("%s: %v", name, got)
		}
	}
	// The address of a user has changed since they joined.
	s := org.Snapshot{Users: []org.User{user("U1", "new@example.com")}}
	m := org.Memory{People: map[string]org.PersonRecord{ada: {Mails: mails, UserID: "u1"}}}
	if got := plan.UnansweredUsers(s, m); len(got) != 1 {
		t.Errorf("a user with another address: %v", got)
	}
}
