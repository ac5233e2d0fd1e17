package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// visibility says what a reading of the organization could see. The section "When a list does not show somebody" in
// docs/decisions.md has a table with a line for each visibility.
type visibility struct {
	// users is true if the key can list users, suspended if it can list suspended users.
	users, suspended bool
	// accepted is true if the list of invitations shows at least one accepted invitation. This proves that the API keeps
	// accepted invitations in the list.
	accepted bool
	// organization is true if an answer of the API names the organization.
	organization bool
	// unidentified is true if a user or a pending invitation has no address that can be read, and the ledger does not
	// know it by its id. It may belong to anybody in the roster.
	unidentified bool
}

func visibilityOf(s org.Snapshot) visibility {
	return visibility{
		users: s.UsersVisible, suspended: s.SuspendedVisible, organization: s.PinConfirmed,
		accepted: slices.ContainsFunc(s.Invitations,
			func(inv org.Invitation) bool { return inv.Status == org.StatusAccepted }),
	}
}

// UnansweredUsers returns the users of s that orgsync mailed and that have not joined since, by the ledger. Perhaps
// they are only invited, and the list of invitations does not show it. They are rows of s.Users, so that the caller
// can set their Accepted.
func UnansweredUsers(s org.Snapshot, m org.Memory) []*org.User {
	isMailed := map[string]bool{} // by user id in lower case
	for _, r := range m.People {
		if r.UserID != "" && len(r.Mails) > 0 {
			isMailed[strings.ToLower(r.UserID)] = true
		}
	}
	var users []*org.User
	for i := range s.Users {
		u := &s.Users[i]
		r := m.People[u.Email.Key()]
		isUnanswered := len(r.Mails) > 0 || r.AssumedNotSent || isMailed[strings.ToLower(u.ID)]
		// A person who joined as another user has answered all mails, but this user may still be only invited.
		isOther := r.EverMailed && !strings.EqualFold(r.UserID, u.ID)
		if isUnanswered || isOther {
			users = append(users, u)
		}
	}
	return users
}

// priorStatus is what the ledger and the invitations say about a person who is not in the list of users.
type priorStatus int

const (
	// neverSeen means that the ledger has no mail to the person, and that the person was never a member.
	neverSeen priorStatus = iota
	// mailedBefore means that the ledger has a mail to the person, and that the person was never a member.
	mailedBefore
	// memberBefore means that the ledger says that the person was a member, was suspended, or was a user who is not in the
	// roster, or that an invitation of them was accepted.
	memberBefore
)

// mayHide reports whether a person may be a member although neither the list of users nor the list of invitations
// shows them. orgsync does not mail such a person.
func (v visibility) mayHide(before priorStatus) bool {
	if v.users {
		return !v.suspended && before == memberBefore // they may be suspended
	}
	return !v.accepted || before != neverSeen
}

// allowsTaking reports whether orgsync may suspend or remove users and take access from them. pinned is true if the
// roster names an organization, which an answer of the API must confirm.
func (v visibility) allowsTaking(pinned bool) bool { return v.users && (v.organization || !pinned) }

// notices returns a notice for each thing that the reading could not see. pin is the organization that the roster
// names.
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

// priorStatusOf returns the prior status of p, who is not in the list of users. It ignores what happened before
// orgsync removed p.
func (ix *index) priorStatusOf(p *person) priorStatus {
	isAccepted := func(inv *org.Invitation) bool {
		return inv.Status == org.StatusAccepted && !inv.WasAnsweredBefore(p.record.RemovedAt)
	}
	switch {
	case (p.record.Joined || p.record.Suspended) && !p.record.Removed || slices.ContainsFunc(p.invitations, isAccepted),
		ix.wasUnlistedUser(p, time.Time{}), ix.acceptedForAnother(p, time.Time{}):
		return memberBefore
	case len(p.record.Mails) > 0:
		return mailedBefore
	}
	return neverSeen
}

// wasUnlistedUser reports whether the ledger has an unlisted user who was p, or who had an address of p, seen after
// orgsync last removed p, and not before since. If the key can see all users, the result is false, because the user is
// gone.
func (ix *index) wasUnlistedUser(p *person, since time.Time) bool {
	if ix.visible.users && ix.visible.suspended {
		return false
	}
	if ix.seenUnlisted == nil {
		ix.seenUnlisted = map[string]org.Sighting{}
		for _, seen := range ix.in.Memory.Unlisted {
			if seen.Sequence > ix.seenUnlisted[seen.Email].Sequence {
				ix.seenUnlisted[seen.Email] = seen
			}
		}
	}
	isSince := func(seen org.Sighting) bool {
		return seen.Sequence > p.record.RemovedSequence && !seen.At.Before(since)
	}
	isKeySince := func(key string) bool { return isSince(ix.seenUnlisted[key]) }
	return isSince(ix.in.Memory.Unlisted[p.record.UserID]) || slices.ContainsFunc(p.knownKeys(), isKeySince)
}

// mayBeUserSince reports whether p may be a user that the key cannot see, although the list has an expired invitation
// that was last sent at sent. This is so if orgsync suspended p or saw p as an unlisted user after sent, or if p
// may have accepted an invitation to another person after sent.
func (ix *index) mayBeUserSince(p *person, sent time.Time) bool {
	isHidden := !ix.visible.users || !ix.visible.suspended
	return isHidden && !p.record.Removed && ix.wasSuspendedSince(p, sent) ||
		ix.wasUnlistedUser(p, sent) || ix.acceptedForAnother(p, sent)
}

// wasSuspendedSince reports whether orgsync suspended a user of p, under any address, and not before since.
func (ix *index) wasSuspendedSince(p *person, since time.Time) bool {
	keys := slices.Concat(p.knownKeys(), ix.suspendedAddresses()[strings.ToLower(p.record.UserID)])
	return slices.ContainsFunc(keys, func(key string) bool {
		r := ix.in.Memory.People[key]
		return r.Suspended && !r.SuspendedAt.Before(since)
	})
}

// acceptedForAnother reports whether p may be suspended, because an invitation to another person of the roster was
// accepted with an address of p, after orgsync last removed p, and perhaps not before since. If the key can see all
// users, the result is false, because p is no member. If the key cannot list users, the entries of both people
// are a problem of the roster: see ownerOf.
func (ix *index) acceptedForAnother(p *person, since time.Time) bool {
	if !ix.visible.users || ix.visible.suspended {
		return false
	}
	ix.indexAddresses()
	isOther := func(key string) bool { owner := ix.byKey[key]; return owner != nil && owner != p && !owner.ended }
	if !slices.ContainsFunc(p.keys, func(key string) bool { return slices.ContainsFunc(ix.invitedAs[key], isOther) }) {
		return false
	}
	return slices.ContainsFunc(ix.in.Snapshot.Invitations, func(inv org.Invitation) bool {
		latest := inv.Responded
		if latest.IsZero() {
			latest = inv.ExpiresAt() // nobody can accept later
		}
		return isOther(inv.Invited.Key()) && slices.Contains(p.keys, acceptedBy(&inv)) && !p.isBeforeRemoval(&inv) &&
			(latest.IsZero() || !latest.Before(since))
	})
}

// NoAddress is the cause of an [UnknownMembership] notice if the key may see everything, but a user or an invitation
// has no address that can be read.
const NoAddress = "no_address"

// HoldsAccess is the cause of an [UnknownMembership] notice if the person has a group, role or policy and is not in the
// list of users.
const HoldsAccess = "holds_access"

// AcceptedLately is the text of a [Left] notice if the person accepted so recently that the list of users may not show
// them yet.
const AcceptedLately = "accepted_lately"

// KeyUserNotListed is the cause of a [NeedsAttention] notice about the user of the API key, who is in the roster and
// not in the list of users. So orgsync cannot give them access.
const KeyUserNotListed = "key_user_not_listed"

// decidePossiblyHidden decides about p if p may be a member that the key cannot see. Otherwise it returns false and
// decides nothing. The mail to p is held, with two exceptions: --reinvite names p, or the roster has `hidden_members:
// invite` and p was never mailed.
func (ix *index) decidePossiblyHidden(p *person, d *decision) bool {
	before := ix.priorStatusOf(p)
	if !ix.visible.mayHide(before) && !ix.mayBeUnidentified(p) {
		return false
	}
	if !ix.mayMailHidden(p) {
		ix.holdHidden(p, d)
		return true
	}
	ix.maybeUnlisted = cmp.Or(ix.maybeUnlisted, p)
	reason := NotInvited
	if before == memberBefore {
		reason = ListedAgain
	}
	d.invite(p, Invite, reason, "")
	return true
}

// mayBeUnidentified reports whether a user or an invitation without a readable address may belong to p, or p has access
// without being in the list of users.
func (ix *index) mayBeUnidentified(p *person) bool {
	return p.unidentified || p.holdsAccess || ix.visible.unidentified
}

// mayMailHidden reports whether orgsync mails p although p may be a member.
func (ix *index) mayMailHidden(p *person) bool {
	return p.reinvite || ix.in.Roster.Settings.HiddenMembers == roster.HiddenMembersInvite && !p.record.EverMailed
}

// holdHidden holds the mail to p, who may be a member.
func (ix *index) holdHidden(p *person, d *decision) {
	ix.maybeUnlisted = cmp.Or(ix.maybeUnlisted, p)
	n := Notice{Kind: UnknownMembership}
	switch {
	case p.holdsAccess:
		n.Text = HoldsAccess
	case p.unidentified || ix.visible.unidentified:
		n.Text = NoAddress
	}
	d.note(p, n)
}
