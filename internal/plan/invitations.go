package plan

import (
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// This file answers questions about the invitations of one person and the mails to this person. The list and the ledger
// may each lack some of them, or disagree.

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

// unreadableInvitation returns the newest pending or expired invitation of p that has an unreadable date; nil if
// there is none.
func (p *person) unreadableInvitation() *org.Invitation {
	for _, inv := range slices.Backward(p.invitations) {
		if inv.DateUnreadable && inv.Status.IsUnanswered() {
			return inv
		}
	}
	return nil
}
