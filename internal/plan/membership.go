package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// decideMembership decides whether p is mailed, and whether the suspension of p ends. d must be empty. It must be
// called once for each person, before decideUnlisted: it updates the mails of p, and records in ix who may be an
// unlisted user. The cases are those of the table in docs/decisions.md, from top to bottom:
//   - A member needs no mail.
//   - A person who can still accept an invitation needs no mail.
//   - The mail to a person who may have been mailed already is held.
//   - A person whose invitation expired is invited again.
//   - A person who left or declined is reported.
//   - A person who was never invited is invited.
func (ix *index) decideMembership(p *person, d *decision) {
	switch {
	case p.ended:
		return
	case p.user != nil && p.user.Suspended && ix.wasSuspendedByOrgsync(p, p.user) && !p.isUnderOtherAddress():
		// orgsync suspended them, and the roster lists them again.
		if p.NotYet(ix.in.Snapshot.Now) {
			d.note(p, Notice{Kind: NotYet, UserID: p.user.ID, Text: p.From.String()})
		} else {
			d.change(p, Unsuspend, ListedAgain, Detail{})
		}
		ix.addJoinedFacts(p, d)
		return
	case p.user != nil && p.user.Suspended:
		d.noteOtherAddress(p)
		d.note(p, Notice{Kind: SuspendedUser, UserID: p.user.ID, Text: p.user.StatusText})
		ix.addJoinedFacts(p, d)
		return
	case p.user != nil:
		d.noteOtherAddress(p)
		ix.addJoinedFacts(p, d)
		for _, key := range p.knownKeys() {
			d.facts = append(d.facts, ix.activeFacts(key)...)
		}
		return
	}

	if p.service != nil {
		d.note(p, Notice{Kind: NeedsAttention, UserID: p.service.ID})
		ix.noteMaybeUnlisted(p) // the service user is not the person
		return
	}
	if ix.isKeyUser(p) {
		ix.addJoinedFacts(p, d) // the account names the user of the key, who is a member
		if p.APIEnabled != nil && *p.APIEnabled || len(p.Groups)+len(p.Roles)+len(p.Policies) > 0 {
			d.note(p, Notice{Kind: NeedsAttention, Text: KeyUserNotListed})
		}
		return
	}
	if p.reinvite {
		d.facts = append(d.facts, org.Fact{Kind: org.FactReset, Email: p.Email.Key()})
	}
	unsettled := ix.resolveLostMails(p, d)
	ix.noteMaybeUnlisted(p)
	if inv := p.unreadableInvitation(); inv != nil {
		d.note(p, Notice{Kind: NeedsAttention, InvitationID: inv.ID, Since: inv.Created, Text: inv.StatusText +
			", with a date that cannot be read"})
		return
	}
	if open := ix.openInvitations(p); len(open) > 0 {
		newest := open[len(open)-1]
		expires, estimated := p.expiry(newest)
		d.note(p, Notice{Kind: Waiting, InvitationID: newest.ID, Since: newest.Created, Expires: expires,
			ExpiresEstimated: estimated})
		for _, older := range open[:len(open)-1] {
			expires, estimated := p.expiry(older)
			d.note(p, Notice{Kind: DuplicateInvitation, InvitationID: older.ID, Expires: expires,
				ExpiresEstimated: estimated})
		}
		ix.decideResend(p, d, newest, unsettled != nil)
		return
	}
	if m := ix.unseenMail(p); m != nil && !ix.isPast(m.ExpiresAt()) {
		d.note(p, Notice{Kind: Waiting, InvitationID: m.InvitationID, Since: m.At, Expires: m.ExpiresAt(),
			ExpiresEstimated: m.ExpiresEstimated()})
		ix.notePossibleAlias(p, d, m)
		return
	}
	switch u := p.unaccepted; {
	case u != nil && u.Suspended && u.StatusText == "" && !p.reinvite: // any other status may mean that they were invited
		d.note(p, Notice{Kind: SuspendedUser, UserID: u.ID})
	case u != nil && len(p.invitations) == 0 && (p.lastMail() == nil || unsettled != nil) && !p.reinvite:
		d.note(p, Notice{Kind: NeedsAttention, UserID: u.ID, Text: statusNotAccepted})
	default:
		ix.decideWithoutInvitation(p, d)
		if !ix.waitForFirstDay(p, d) {
			ix.holdMail(p, d)
		}
	}
	if unsettled != nil {
		// Keep the mail, so that apply can send it as soon as it is certain that the lost mail was not sent.
		d.notices = nil
		if len(d.changes) > 0 {
			d.held, d.changes = &d.changes[0], nil
		}
		d.note(p, Notice{Kind: Unsettled, InvitationID: unsettled.InvitationID, Since: unsettled.At})
	}
}

// isKeyUser reports whether p is the user of the API key, by the address that the account names.
func (ix *index) isKeyUser(p *person) bool {
	self := ix.in.Snapshot.Self
	return !self.IsZero() && slices.Contains(p.keys, self.Key())
}

// wasSuspendedByOrgsync reports whether orgsync suspended u, a user of p, by the ledger. An administrator may have
// suspended u, although orgsync suspended another user who is p too, or who had the address before.
func (ix *index) wasSuspendedByOrgsync(p *person, u *org.User) bool {
	return len(ix.suspendedAddresses()[strings.ToLower(u.ID)]) > 0 ||
		slices.ContainsFunc(append(p.knownKeys(), u.Email.Key()), func(key string) bool { return ix.suspendedUnder(key, u) })
}

// suspendedUnder reports whether u counts as the user that orgsync suspended under the address key, although the ledger
// does not have the id of this user. This is so if u has the address, or if nobody has it. If the ledger has an id, the
// result is false.
func (ix *index) suspendedUnder(key string, u *org.User) bool {
	r := ix.in.Memory.People[key]
	isOther := func(other org.User) bool { return other.Email.Key() == key }
	return r.Suspended && r.SuspendedUserID == "" &&
		(key == u.Email.Key() || !slices.ContainsFunc(ix.in.Snapshot.Users, isOther))
}

// noteMaybeUnlisted records in ix whether p, who is not seen as a member, may be an unlisted user.
func (ix *index) noteMaybeUnlisted(p *person) {
	if ix.maybeUnlisted == nil && ix.mayBeUnlisted(p) {
		ix.maybeUnlisted = p
	}
	if ix.possiblyAccepted == nil && p.record.AssumedNotSent {
		ix.possiblyAccepted = p
	}
}

// mayBeUnlisted reports whether p may be an unlisted user, under an address that the roster does not have. orgsync
// must not see p as a member. It makes no difference whether p can accept another invitation now.
func (ix *index) mayBeUnlisted(p *person) bool {
	isUnknown := ix.joinedAsUnknown(p)
	isUnseen := func(m org.Mail) bool { return !ix.shows(p, m) }
	mayBeUnknownUser := func(inv *org.Invitation) bool {
		switch inv.Status {
		case org.StatusUnknown:
			return true
		case org.StatusAccepted:
			// The ledger does not know which user p was, or p accepted after their last membership. In the second case, an
			// invitation by somebody else counts only if the list does not show with which address p accepted.
			return isUnknown || p.mailOf(inv.ID) != nil || isAcceptedSince(inv, p.record.JoinedAt)
		default:
			return false
		}
	}
	return slices.ContainsFunc(p.record.Mails, isUnseen) || slices.ContainsFunc(p.invitations, mayBeUnknownUser) ||
		p.record.Joined && !p.record.Removed && isUnknown
}

// joinedAsUnknown reports whether the ledger does not know as which user p last joined. It may know an earlier user.
func (ix *index) joinedAsUnknown(p *person) bool {
	return p.record.UserID == "" || slices.ContainsFunc(p.keys, func(key string) bool {
		r := ix.in.Memory.People[key]
		return r.UserSequence == p.record.UserSequence && r.JoinedAsUnknown()
	})
}

// isAcceptedSince reports whether inv is accepted and newer than a membership that orgsync saw at joined, and does not
// say with which address it was accepted.
func isAcceptedSince(inv *org.Invitation, joined time.Time) bool {
	return inv.Status == org.StatusAccepted && inv.Registered.IsZero() && !joined.IsZero() && inv.SentAt().After(joined)
}

// decideWithoutInvitation decides whether to mail p, who is not a member and has no invitation that can be accepted.
func (ix *index) decideWithoutInvitation(p *person, d *decision) {
	newest := ix.decidingInvitation(p)
	last := ix.mailAfter(p, newest)
	vanished := last != nil // its invitation expired or was accepted, and the list does not show this
	switch {
	case (newest == nil || vanished) && ix.decidePossiblyHidden(p, d):
	case vanished:
		ix.inviteAgain(p, d, last.InvitationID)
	case newest == nil && (p.record.Joined || p.record.Removed):
		ix.decideAfterLeaving(p, d, "")
	case newest == nil:
		d.invite(p, Invite, NotInvited, "")
	case newest.Status.IsUnanswered() && !ix.mayMailHidden(p) &&
		(ix.mayBeUnidentified(p) || ix.mayBeUserSince(p, p.lastSent(newest))):
		ix.holdHidden(p, d)
	case newest.Status.IsUnanswered():
		if p.record.Joined && p.mailOf(newest.ID) == nil && !newest.SentAt().After(p.record.JoinedAt) {
			ix.decideAfterLeaving(p, d, "") // after this invitation was sent, they joined by another one
			return
		}
		ix.inviteAgain(p, d, newest.ID)
	case newest.Status == org.StatusAccepted:
		ix.decideAfterLeaving(p, d, newest.ID)
	case p.reinvite && (newest.Status == org.StatusDeclined || newest.Status == org.StatusCancelled):
		// Send a new invitation, because only a pending invitation can be renewed.
		d.invite(p, Invite, NotInvited, "")
	default:
		d.note(p, Notice{Kind: NeedsAttention, InvitationID: newest.ID, Since: newest.Responded, Text: newest.StatusText})
	}
}

// inviteAgain decides whether to mail p, whose last invitation expired. id is the id of that invitation.
func (ix *index) inviteAgain(p *person, d *decision, id string) {
	if ix.noteGaveUp(p, d, id) {
		return
	}
	if !p.renewable(id) {
		id = ""
	}
	d.invite(p, Reinvite, Expired, id)
}

// decideAfterLeaving decides whether to mail p, who was a member and is not in the list of users. id is the id of the
// accepted invitation; "" if only the ledger says that p was a member. If the key cannot list users, a person with an
// accepted invitation counts as a member.
func (ix *index) decideAfterLeaving(p *person, d *decision, id string) {
	// If p still has an accepted invitation, p accepted it after the removal: see forgetBeforeRemoval.
	removed := p.record.Removed && id == ""
	switch {
	case !ix.visible.users && !removed && id != "":
		if !ix.mayHaveLeft(p, ix.decidingInvitation(p)) {
			ix.addJoinedFacts(p, d)
		}
	case !removed && ix.decidePossiblyHidden(p, d):
	case ix.justAccepted(p) && !p.record.Joined:
		d.note(p, Notice{Kind: Left, InvitationID: id, Text: AcceptedLately})
	case !ix.in.InviteLeft && !removed, ix.mayHaveJustAccepted(p):
		d.note(p, Notice{Kind: Left, InvitationID: id})
	case ix.noteGaveUp(p, d, id):
	default:
		d.invite(p, Invite, ListedAgain, "")
	}
}

// mayHaveLeft reports whether orgsync may have mailed p after p accepted inv, perhaps because p had left. So inv does
// not show that p has answered this mail.
func (ix *index) mayHaveLeft(p *person, inv *org.Invitation) bool {
	own := p.mailOf(inv.ID)
	return slices.ContainsFunc(p.record.Mails, func(m org.Mail) bool {
		// Without the date of the end, any mail after that of inv counts.
		isLater := m.At.After(inv.ExpiresAt()) && (own == nil || m.At.After(own.At))
		return m.Lost || ix.wasAnsweredBefore(p, inv, m) ||
			inv.Responded.IsZero() && isLater && m.InvitationID != inv.ID
	})
}

// justAccepted reports whether p accepted an invitation so recently that the list of users may not show p yet.
func (ix *index) justAccepted(p *person) bool {
	inv := ix.decidingInvitation(p)
	return inv != nil && inv.Status == org.StatusAccepted && ix.in.Snapshot.Now.Sub(inv.Responded) < org.SettleAfter
}

// mayHaveJustAccepted is like justAccepted, but is also true if the list does not say when p accepted, and this may be
// recent: p cannot have accepted after the invitation expired, and accepted before p was seen as a member. A date from
// before orgsync mailed the invitation does not count: it may be from another time zone.
func (ix *index) mayHaveJustAccepted(p *person) bool {
	inv := ix.decidingInvitation(p)
	if inv == nil || inv.Status != org.StatusAccepted {
		return false
	}
	m := p.mailOf(inv.ID)
	if !inv.Responded.IsZero() && (m == nil || !isDatedBefore(inv.Responded, *m)) {
		return ix.justAccepted(p)
	}
	latest := p.expiresAt(inv)
	if p.record.Joined && m == nil && !inv.SentAt().After(p.record.JoinedAt) {
		latest = p.record.JoinedAt
	}
	return ix.in.Snapshot.Now.Sub(latest) < org.SettleAfter
}

// noteGaveUp reports whether p got as many mails without an answer as the roster allows. If so, it adds a notice: about
// a user who may be p under another address or, if there is none, that orgsync gave up. id is the id of the last
// invitation; "" if it is not known.
func (ix *index) noteGaveUp(p *person, d *decision, id string) bool {
	mails, since := ix.rounds(p)
	switch {
	case mails < ix.in.Roster.Settings.ReinviteRounds:
		return false
	case ix.notePossibleAlias(p, d, nil): // then the person may have answered
		return true
	}
	d.note(p, Notice{Kind: GaveUp, InvitationID: id, Mails: mails, Since: since})
	return true
}
