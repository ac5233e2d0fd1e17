package plan

import (
	"slices"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// visibility is what one reading of the organization could see. What it could not see is not assumed: the table "When
// a list does not show somebody" in docs/decisions.md has a row for each visibility.
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
		accepted: slices.ContainsFunc(s.Invitations,
			func(row org.Invitation) bool { return row.Status == org.StatusAccepted }),
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

// mayHide reports whether a person who is not in the list of users and has no invitation in the list of
// invitations may be a member all the same. Such a person is not mailed.
func (v visibility) mayHide(before past) bool {
	if v.users {
		return !v.suspended && before == memberBefore // they may be suspended
	}
	return !v.accepted || before != neverSeen
}

// allowsTaking reports whether users may be suspended or removed, and access taken from them. pinned is true when the
// roster names an organization; without one there is nothing to confirm.
func (v visibility) allowsTaking(pinned bool) bool { return v.users && (v.organization || !pinned) }

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

// pastOf returns what is known of p, who is not seen as a user. What was before orgsync removed p does not count.
func pastOf(p *person) past {
	accepted := func(row *org.Invitation) bool { return row.Status == org.StatusAccepted }
	switch {
	case p.record.Joined && !p.record.Removed || slices.ContainsFunc(p.invitations, accepted):
		return memberBefore
	case len(p.record.Mails) > 0:
		return mailedBefore
	}
	return neverSeen
}

// holdUnknown decides about p where nobody can see whether p is a member, and reports whether it
// did. p is held, unless --reinvite names p, or the roster has hidden_members: invite and p was
// never mailed.
func (ix *index) holdUnknown(p *person, d *decision) bool {
	before := pastOf(p)
	if !ix.visible.mayHide(before) {
		return false
	}
	if ix.possiblyHidden == nil {
		ix.possiblyHidden = p // they may be in under an address that nobody knows
	}
	if p.reinvite || ix.in.Roster.Settings.HiddenMembers == roster.HiddenMembersInvite && !p.record.EverMailed {
		reason := NotInvited
		if before == memberBefore {
			reason = ListedAgain
		}
		d.invite(p, Invite, reason, "")
		return true
	}
	d.note(p, Notice{Kind: UnknownMembership})
	return true
}
