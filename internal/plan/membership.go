package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// decision has the part of a plan that is about one person.
type decision struct {
	changes     []Change
	held        *Change // the mail that is needed if an earlier lost mail was not sent
	ungrantable []Change
	notices     []Notice
	facts       []org.Fact
}

// reset empties d but keeps the memory of its slices.
func (d *decision) reset() {
	*d = decision{changes: d.changes[:0], ungrantable: d.ungrantable[:0], notices: d.notices[:0], facts: d.facts[:0]}
}

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
	case u != nil && len(p.invitations) == 0 && !p.reinvite:
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

// mailAfter returns the last mail to p if it is newer than every invitation and answer in the list, and p has accepted
// none since; otherwise nil. deciding is the result of decidingInvitation.
func (ix *index) mailAfter(p *person, deciding *org.Invitation) *org.Mail {
	last := p.lastMail()
	switch {
	case last == nil || deciding == nil:
		return last
	case last.InvitationID == deciding.ID && ix.wasAnsweredBefore(p, deciding, *last) &&
		(ix.visible.users || deciding.WasAnsweredBefore(p.record.RemovedAt)): // otherwise p may be a member
		return last
	case deciding.Status == org.StatusAccepted && deciding.Responded.After(last.At),
		!last.At.After(deciding.SentAt()), p.hasInvitation(last.InvitationID):
		return nil
	}
	return last
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

// canBeAccepted reports whether inv, an invitation of nobody in the roster, can still be accepted.
func (ix *index) canBeAccepted(inv *org.Invitation) bool {
	return inv.Status == org.StatusPending && !ix.isPast(inv.ExpiresAt())
}

// openInvitations returns the invitations of p that can still be accepted, oldest first.
func (ix *index) openInvitations(p *person) []*org.Invitation {
	// An expired invitation whose date is in the future may have been renewed. If the date is too far away, only a mail
	// in the ledger shows this.
	latest := ix.latestExpiry()
	isOver := func(inv *org.Invitation) bool {
		open := inv.Status == org.StatusPending || inv.Status == org.StatusExpired &&
			(p.wasRenewed(inv) || !inv.Expires.IsZero() && (!inv.Expires.After(latest) || ix.wasMailedLately(p, inv)))
		return !open || ix.isPast(p.expiresAt(inv))
	}
	if !slices.ContainsFunc(p.invitations, isOver) {
		return p.invitations
	}
	return slices.DeleteFunc(slices.Clone(p.invitations), isOver)
}

// latestExpiry returns when an invitation expires at the latest, if invitations are valid for [org.InvitationLife].
func (ix *index) latestExpiry() time.Time {
	return ix.in.Snapshot.Now.Add(org.InvitationLife + org.SettleAfter)
}

// wasRenewed reports whether the ledger has a mail that renewed inv after it expired. The list may not show this yet.
func (p *person) wasRenewed(inv *org.Invitation) bool {
	m := p.mailOf(inv.ID)
	return m != nil && !inv.ExpiresAt().After(m.At)
}

// wasMailedLately reports whether the ledger has a mail of inv that was sent less than 72 hours ago.
func (ix *index) wasMailedLately(p *person, inv *org.Invitation) bool {
	m := p.mailOf(inv.ID)
	return m != nil && !ix.isPast(m.At.Add(org.InvitationLife))
}

// expiry returns when inv expires, and whether this is an estimate because the server gave no date.
func (p *person) expiry(inv *org.Invitation) (at time.Time, estimated bool) {
	at = p.expiresAt(inv)
	if m := p.mailOf(inv.ID); m != nil && m.ExpiresAt().Equal(at) && !inv.ExpiresAt().Equal(at) {
		return at, m.ExpiresEstimated()
	}
	return at, !at.IsZero() && !inv.Expires.Equal(at)
}

// expiresAt returns when inv expires: the later time of the list and of the last mail in the ledger.
func (p *person) expiresAt(inv *org.Invitation) time.Time {
	at := inv.ExpiresAt()
	if m := p.mailOf(inv.ID); m != nil {
		return org.Later(at, m.ExpiresAt())
	}
	return at
}

// lastSent returns when inv was sent, or when orgsync renewed it last.
func (p *person) lastSent(inv *org.Invitation) time.Time {
	if m := p.mailOf(inv.ID); m != nil {
		return org.Later(inv.SentAt(), m.At)
	}
	return inv.SentAt()
}

// renewable reports whether the list does not show the invitation id as answered, and this invitation was sent to the
// `email` of the entry and not to an alias.
func (p *person) renewable(id string) bool {
	for _, inv := range p.invitations {
		switch {
		case inv.ID != id:
		case inv.Status.IsAnswered():
			return false
		case !inv.Invited.IsZero():
			return inv.Invited.Equal(p.Email)
		}
	}
	m := p.mailOf(id)
	return m == nil || m.Email == p.Email.Key()
}

// mailOf returns the mail of the invitation id with the latest time that was sent or counts as sent; nil if the ledger
// has none.
func (p *person) mailOf(id string) *org.Mail {
	return p.latestMail(func(m *org.Mail) bool { return m.InvitationID == id })
}

// lastMail returns the mail with the latest time that was sent or counts as sent; nil if the ledger has none.
func (p *person) lastMail() *org.Mail { return p.latestMail(func(*org.Mail) bool { return true }) }

// latestMail returns the mail with the latest time that was sent or counts as sent and for which is returns true; nil
// if there is none. The order of the lines does not decide, because somebody may have appended a ledger that was lost.
func (p *person) latestMail(is func(*org.Mail) bool) *org.Mail {
	var latest *org.Mail
	for i := range p.record.Mails {
		if m := &p.record.Mails[i]; !m.Lost && is(m) && (latest == nil || !m.At.Before(latest.At)) {
			latest = m
		}
	}
	return latest
}

// unseenMail returns the last mail to p that was sent or counts as sent, if the list does not show it; otherwise nil.
func (ix *index) unseenMail(p *person) *org.Mail {
	if m := p.lastMail(); m != nil && !ix.shows(p, *m) {
		return m
	}
	return nil
}

// shows reports whether the list shows the invitation of the mail m to p, and not only an answer from before m: the
// server may have sent an invitation again that p had answered.
func (ix *index) shows(p *person, m org.Mail) bool {
	return slices.ContainsFunc(p.invitations, func(inv *org.Invitation) bool {
		return inv.ID == m.InvitationID && !ix.wasAnsweredBefore(p, inv, m)
	})
}

// wasAnsweredBefore reports whether p answered inv before the mail m was sent. As long as the list may not show m yet,
// this need not be certain: the answer has an earlier date or, if it has none, inv may have been sent before m too.
func (ix *index) wasAnsweredBefore(p *person, inv *org.Invitation, m org.Mail) bool {
	switch {
	case !inv.Status.IsAnswered():
		return false
	case inv.WasAnsweredBefore(m.At):
		return true
	case !ix.isRecent(m.At):
		return false
	case inv.Responded.IsZero():
		return inv.SentAt().IsZero() || wasSentBefore(*inv, m, p.record.Mails)
	}
	return isDatedBefore(inv.Responded, m)
}

func (p *person) hasInvitation(id string) bool {
	return slices.ContainsFunc(p.invitations, func(inv *org.Invitation) bool { return inv.ID == id })
}

// decidingInvitation returns the newest invitation of p in the list; nil if there is none. It prefers an older
// invitation that p accepted after the newest one was sent, or at an unknown time. If the newest one has no dates, it
// prefers any accepted invitation. This prevents a second mail to a person who accepted.
//
// The unknown time does not count if orgsync mailed p after the accepted invitation could no longer be accepted, and if
// the key can see all users: orgsync mailed p because p had left.
func (ix *index) decidingInvitation(p *person) *org.Invitation {
	if len(p.invitations) == 0 {
		return nil
	}
	newest := p.invitations[len(p.invitations)-1]
	sent := newest.Created
	switch {
	case newest.Status.IsAnswered(): // otherwise the estimate may be the time of a renewal, after p accepted another one
		sent = newest.SentAt()
	case sent.IsZero():
		if own := p.latestMail(func(m *org.Mail) bool { return m.InvitationID == newest.ID && !m.Renewal }); own != nil {
			sent = own.At
		}
	}
	last := p.lastMail()
	for _, inv := range slices.Backward(p.invitations) {
		mailedSince := last != nil && last.InvitationID != inv.ID && !inv.ExpiresAt().IsZero() &&
			last.At.After(inv.ExpiresAt()) && ix.visible.users && ix.visible.suspended
		isLater := inv.Responded.IsZero() && !mailedSince || inv.Responded.After(sent)
		if inv.Status == org.StatusAccepted && (newest.ExpiresAt().IsZero() || isLater) {
			return inv
		}
	}
	return newest
}

// rounds returns how many mails to p got no answer, by the ledger and the list together. since is when the first of
// these mails was sent; zero if it is not known. If only one address of p was out of the roster for some time, the
// count starts again only for the mails and invitations to this address.
func (ix *index) rounds(p *person) (mails int, since time.Time) {
	if p.reinvite {
		return 0, time.Time{}
	}
	earliest := func(t time.Time) {
		if !t.IsZero() && (since.IsZero() || t.Before(since)) {
			since = t
		}
	}
	wasAnswered := func(m org.Mail) bool {
		return slices.ContainsFunc(p.invitations, func(inv *org.Invitation) bool {
			return inv.ID == m.InvitationID && inv.Status.IsAnswered() && !ix.wasAnsweredBefore(p, inv, m)
		})
	}
	unnamed := 0 // mails whose answer was lost, so that the ledger may not have the ids of their invitations
	for _, m := range p.record.Mails {
		reset := max(p.record.JoinedSequence, p.record.ReinvitedSequence,
			ix.in.Memory.People[m.Email].RoundsResetSequence)
		if !m.Lost && m.Sequence > reset && !wasAnswered(m) {
			mails++
			earliest(m.At)
			if m.LostSequence > 0 && !p.hasInvitation(m.InvitationID) { // it counts as sent
				unnamed++
			}
		}
	}
	for _, inv := range p.invitations {
		reset := ix.roundsResetAt(p, inv.Invited.Key())
		isEarlier := !reset.IsZero() && !inv.SentAt().After(reset) ||
			p.record.Removed && !inv.SentAt().After(p.record.RemovedAt)
		if !inv.Status.IsUnanswered() || p.mailOf(inv.ID) != nil || isEarlier {
			continue
		}
		if inv.SentAt().IsZero() && unnamed > 0 { // it may be the invitation of such a mail
			unnamed--
			continue
		}
		mails++
		earliest(inv.Created)
	}
	return mails, since
}

// roundsResetAt returns the last time at which the count of the invitations to key, an address of p, began again; zero
// if it never did.
func (ix *index) roundsResetAt(p *person, key string) time.Time {
	at := p.record.JoinedAt
	for _, own := range p.keys {
		r := ix.in.Memory.People[own]
		isReinvited := r.ReinvitedSequence > 0 && r.ReinvitedSequence == r.RoundsResetSequence // counts for all addresses
		if own == key || isReinvited {
			at = org.Later(at, r.RoundsResetAt)
		}
	}
	return at
}

// invite adds a change that mails p. id is the id of the invitation to renew; "" for a new invitation.
func (d *decision) invite(p *person, a Action, r Reason, id string) {
	api := p.APIEnabled != nil && *p.APIEnabled
	detail := Detail{APIEnabled: &api}
	if p.reinvite {
		detail.CountedFrom = p.record.RoundsResetAt
	}
	d.changes = append(d.changes, Change{
		Action: a, Reason: r, Email: p.Email, Source: p.At.Source(), InvitationID: id, Detail: detail,
	})
}

// change returns a change of p, who is a user.
func (p *person) change(a Action, r Reason, detail Detail) Change {
	return Change{Action: a, Reason: r, Email: p.Email, Source: p.At.Source(), UserID: p.user.ID, Detail: detail}
}

// change adds a change of p, who is a user.
func (d *decision) change(p *person, a Action, r Reason, detail Detail) {
	d.changes = append(d.changes, p.change(a, r, detail))
}

func (d *decision) hasNotice(kind NoticeKind) bool {
	return slices.ContainsFunc(d.notices, func(n Notice) bool { return n.Kind == kind })
}

// mails reports whether d has a change that mails the person.
func (d *decision) mails() bool {
	return slices.ContainsFunc(d.changes, func(c Change) bool { return c.Action.Mails() })
}

// note adds a notice about p.
func (d *decision) note(p *person, n Notice) {
	n.Email, n.Source = p.Email, p.At.Source()
	d.notices = append(d.notices, n)
}

// knownKeys returns the keys under which the ledger may know p: first those of the roster, then the key of p's user,
// and the keys that p accepted invitations with.
func (p *person) knownKeys() []string {
	keys := p.keys
	more := func(key string) {
		if key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if p.user != nil {
		more(p.user.Email.Key())
	}
	for _, inv := range p.invitations {
		more(acceptedBy(inv))
	}
	return keys
}

// addJoinedFacts adds the facts that p is a member and which user p is. If p is absent later, these facts say that p
// left. If the list no longer shows the accepted invitation, they still say which user p is. The facts name the user
// only for addresses that an answer of the API connects with the user, now or when the user was unlisted. An alias may
// be wrong, and counts only while the roster has it.
func (ix *index) addJoinedFacts(p *person, d *decision) {
	isMailed := func(m org.Mail) bool { return isAfterRemoval(m, p.record) }
	if ix.isRecent(p.record.RemovedAt) && slices.ContainsFunc(p.record.Mails, isMailed) {
		return // the list may not show the removal yet, and so it does not show that the mail was answered
	}
	isOutdated := func(key string) bool { r := ix.in.Memory.People[key]; return r.Removed || len(r.Mails) > 0 }
	isBack := slices.ContainsFunc(p.keys, isOutdated)
	first := ix.memberKey(p)
	for i, key := range p.knownKeys() {
		r := ix.in.Memory.People[key]
		id, isNew := "", false
		switch inRoster := i < len(p.keys); {
		case p.user == nil: // the key cannot list users, and p accepted an invitation
			// If p was a user before, the ledger must record that p may be another user now.
			isNew = key == first && !p.record.Joined || inRoster && isBack && !r.JoinedAsUnknown()
		case r.UserID == p.user.ID || p.joinedAs(key) || ix.in.Memory.Unlisted[p.user.ID].Email == key:
			id = p.user.ID
			isNew = inRoster && (!r.Joined || r.UserID != id || r.JoinedAsUnknown() || r.Unlisted ||
				ix.invitedSince(p, r.JoinedAt))
		}
		// A member has answered all mails, whichever address they went to. If p has a user of their own, another address
		// that accepted an invitation of p may be that of somebody else.
		isOwn := i < len(p.keys) || id != "" || !p.hasOwnUser
		if isNew || isOwn && isOutdated(key) {
			d.facts = append(d.facts, org.Fact{Kind: org.FactJoined, Email: key, UserID: id})
		}
	}
}

// memberKey returns the first of p's keys in the roster that an answer of the API connects with a member: p is the user
// of the API key, or accepted an invitation.
func (ix *index) memberKey(p *person) string {
	isMember := func(key string) bool {
		return slices.ContainsFunc(p.invitations, func(inv *org.Invitation) bool {
			return inv.Status == org.StatusAccepted && (acceptedBy(inv) == key || p.wasInvitedAs(inv, key))
		})
	}
	if ix.isKeyUser(p) {
		return ix.in.Snapshot.Self.Key()
	}
	return p.keys[max(0, slices.IndexFunc(p.keys, isMember))]
}

// joinedAs reports whether an answer of the API connects p's user with the address key: it is the user's address, or
// an invitation to it was accepted with the user's address.
func (p *person) joinedAs(key string) bool {
	in := p.user.Email.Key()
	return key == in || slices.ContainsFunc(p.invitations, func(inv *org.Invitation) bool {
		return acceptedBy(inv) == in && p.wasInvitedAs(inv, key)
	})
}

// wasInvitedAs reports whether inv, an invitation of p, was sent to the address key, by the list or by the ledger.
func (p *person) wasInvitedAs(inv *org.Invitation, key string) bool {
	m := p.mailOf(inv.ID)
	return inv.Invited.Key() == key || m != nil && m.Email == key
}

// invitedSince reports whether p has an invitation that is newer than t, and that was not accepted or does not say with
// which address. Then the ledger must record again that p is a member. Otherwise, after p leaves, this invitation would
// cause orgsync to invite p again or, if it was accepted, to keep all unlisted users because p may be one of them.
func (ix *index) invitedSince(p *person, t time.Time) bool {
	return slices.ContainsFunc(p.invitations, func(inv *org.Invitation) bool {
		isOpen := inv.Status != org.StatusAccepted || isAcceptedSince(inv, t)
		return isOpen && inv.SentAt().After(t) && !inv.SentAt().After(ix.in.Snapshot.Now)
	})
}

// activeFacts returns the fact that a suspension ended, if the ledger has the user with the address key as suspended,
// and does not have the id of this user. If it has the id, endedSuspensionFacts decides. activeFacts returns none within
// 15 minutes of the suspension, because the list may lag.
func (ix *index) activeFacts(key string) []org.Fact {
	r := ix.in.Memory.People[key]
	if !r.Suspended || r.SuspendedUserID != "" || ix.isRecent(r.SuspendedAt) {
		return nil
	}
	return []org.Fact{{Kind: org.FactActive, Email: key}}
}

// endedSuspensionFacts returns the facts that suspensions ended: the list shows that these users are not suspended, or
// that they are gone. If such a user joins again, an administrator may suspend them. The users may have other addresses
// now.
func (ix *index) endedSuspensionFacts() []org.Fact {
	suspended := ix.suspendedAddresses()
	if len(suspended) == 0 {
		return nil
	}
	showsAll := ix.visible.users && ix.visible.suspended
	isSuspended := map[string]bool{} // by the user id in lower case
	for _, u := range ix.in.Snapshot.Users {
		id := strings.ToLower(u.ID)
		isSuspended[id] = isSuspended[id] || u.Suspended
		showsAll = showsAll && id != ""
	}
	var facts []org.Fact
	for id, keys := range suspended {
		if stays, found := isSuspended[id]; stays || !found && !showsAll {
			continue
		}
		for _, key := range keys {
			if !ix.isRecent(ix.in.Memory.People[key].SuspendedAt) {
				facts = append(facts, org.Fact{Kind: org.FactActive, Email: key})
			}
		}
	}
	return facts
}

// suspendedAddresses returns, by user id in lower case, the keys of the addresses under which the ledger has a
// suspension of the user.
func (ix *index) suspendedAddresses() map[string][]string {
	if ix.cachedSuspended == nil {
		ix.cachedSuspended = map[string][]string{}
		for key, r := range ix.in.Memory.People {
			if id := strings.ToLower(r.SuspendedUserID); r.Suspended && id != "" {
				ix.cachedSuspended[id] = append(ix.cachedSuspended[id], key)
			}
		}
	}
	return ix.cachedSuspended
}
