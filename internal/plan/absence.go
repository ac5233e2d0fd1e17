package plan

import (
	"slices"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// visibility is what one reading of the organization could see. What it could not see is not assumed: the table "What may
// be concluded from an absence" in docs/decisions.md has a row for each visibility.
type visibility struct {
	// users is true when the list of users was read, suspended when that of the suspended ones was read too.
	users, suspended bool
	// accepted is true when the list of invitations shows at least one that was accepted: then it does not forget them.
	accepted bool
	// organization is true when something that the API returned names the organization.
	organization bool
}

func visibilityOf(s org.Snapshot) visibility {
	return visibility{
		users: s.UsersSeen, suspended: s.SuspendedSeen, organization: s.PinConfirmed,
		accepted: slices.ContainsFunc(s.Invitations, func(row org.Invitation) bool { return row.Status == org.StatusAccepted }),
	}
}

// past is what is known of a person who is not in the list of users.
type past int

const (
	// neverSeen: neither the ledger nor an accepted invitation knows of them.
	neverSeen past = iota
	// mailedBefore: the ledger knows of a mail to them since they were last known not to be a member.
	mailedBefore
	// memberBefore: the ledger saw them as a member, or an accepted invitation names them.
	memberBefore
)

// permission is whether something may be done on the ground of an absence.
type permission int

const (
	no permission = iota
	yes
	held // it is not known: nothing is done, and a notice says so
)

// mayInvite returns whether a person may be mailed who is not in the list of users and has no
// invitation in the list of invitations.
func (v visibility) mayInvite(p past) permission {
	switch {
	case v.users && v.suspended:
		return yes // they are not there: a member before has left
	case v.users && p == memberBefore:
		return held // they may be suspended
	case v.users:
		return yes
	case !v.accepted || p != neverSeen:
		return held // they may be a member
	}
	return yes
}

// mayTakeAway returns whether users may be suspended or removed, and access taken from them. pinned is true when the roster
// names an organization; without one there is nothing to confirm.
func (v visibility) mayTakeAway(pinned bool) permission {
	if v.users && (v.organization || !pinned) {
		return yes
	}
	return no
}

// notices returns what a person should know about what the reading could not see. pin is the roster's.
func (v visibility) notices(pin string) []Notice {
	var notices []Notice
	if !v.users {
		notices = append(notices, Notice{Kind: MembersUnseen})
	}
	if !v.suspended {
		notices = append(notices, Notice{Kind: SuspendedUnseen})
	}
	if !v.organization && pin != "" {
		notices = append(notices, Notice{Kind: PinUnconfirmed, Text: pin})
	}
	return notices
}

// pastOf returns what is known of c, who is not seen as a user. What was before orgsync removed c does not count.
func pastOf(c *person) past {
	accepted := func(row *org.Invitation) bool { return row.Status == org.StatusAccepted }
	switch {
	case c.memory.Joined && !c.memory.Removed || slices.ContainsFunc(c.rows, accepted):
		return memberBefore
	case len(c.memory.Mails) > 0:
		return mailedBefore
	}
	return neverSeen
}

// holdUnknown decides about c where nobody can see whether c is a member, and reports whether it
// did. c is held, unless --reinvite names c, or the roster has hidden_members: invite and c was
// never mailed.
func (w *index) holdUnknown(c *person, v *decision) bool {
	p := pastOf(c)
	if w.sees.mayInvite(p) != held {
		return false
	}
	if w.maybeUnderOtherAddress == nil {
		w.maybeUnderOtherAddress = c // they may be in under an address that nobody knows
	}
	if c.roundsReset || w.in.Roster.Settings.HiddenMembers == roster.HiddenMembersInvite && !c.memory.EverMailed {
		reason := NotInvited
		if p == memberBefore {
			reason = ListedAgain
		}
		v.invite(c, Invite, reason, "")
		return true
	}
	v.note(c, Notice{Kind: UnknownMembership})
	return true
}
