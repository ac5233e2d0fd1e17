package plan

import (
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// decision is what is decided for one person.
type decision struct {
	changes []Change
	held    *Change // what would be done if it were known that the person was not mailed
	// ungrantable are as in Plan.
	ungrantable []Change
	notices     []Notice
	facts       []org.Fact
}

// reset empties d and keeps the allocated slices.
func (d *decision) reset() {
	*d = decision{changes: d.changes[:0], ungrantable: d.ungrantable[:0], notices: d.notices[:0], facts: d.facts[:0]}
}

// decideMembership decides whether p is mailed, into an empty d. Its steps are the lines of the
// table in docs/decisions.md, from top to bottom: a member needs no mail, a person who can still
// accept waits, a person who may have been mailed is held, a person who left or declined is
// reported, a person whose invitation expired is invited again, and only a person who was never
// invited is invited.
func (ix *index) decideMembership(p *person, d *decision) {
	switch {
	case p.ended:
		return
	case p.user != nil && p.user.Suspended && p.record.Suspended && !p.isUnderOtherAddress():
		// This tool suspended them, and the roster wants them back.
		d.change(p, Unsuspend, ListedAgain, Detail{})
		ix.noteJoined(p, d)
		return
	case p.user != nil && p.user.Suspended:
		ix.noteOtherAddress(p, d)
		d.note(p, Notice{Kind: SuspendedUser, UserID: p.user.ID})
		ix.noteJoined(p, d)
		return
	case p.user != nil:
		ix.noteOtherAddress(p, d)
		ix.noteJoined(p, d)
		known := ix.knownKeys(p)
		for _, key := range known {
			d.facts = append(d.facts, ix.active(key, ix.historyOf(p, known, key))...)
		}
		return
	}

	if p.service != nil {
		d.note(p, Notice{Kind: NeedsAttention, UserID: p.service.ID})
		return
	}
	if p.reinvite {
		d.facts = append(d.facts, org.Fact{Kind: org.FactReset, Email: p.Email.Key()})
	}
	unsettled := ix.resolveLostMails(p, d)
	if ix.possiblyHidden == nil && slices.ContainsFunc(p.record.Mails,
		func(m org.Mail) bool { return !p.hasRow(m.InvitationID) }) {
		ix.possiblyHidden = p
	}
	if ix.possiblyAccepted == nil && p.record.AssumedNotSent {
		ix.possiblyAccepted = p
	}
	if row := p.unreadableRow(); row != nil {
		d.note(p, Notice{Kind: NeedsAttention, InvitationID: row.ID, Since: row.Created, Text: row.StatusText +
			", with a date that cannot be read"})
		return
	}
	if live := ix.openInvitations(p); len(live) > 0 {
		newest := live[len(live)-1]
		expires, estimated := ix.expiry(p, newest)
		d.note(p, Notice{Kind: Waiting, InvitationID: newest.ID, Since: newest.Created, Expires: expires,
			ExpiresEstimated: estimated})
		for _, older := range live[:len(live)-1] {
			expires, estimated := ix.expiry(p, older)
			d.note(p, Notice{Kind: DuplicateInvitation, InvitationID: older.ID, Expires: expires,
				ExpiresEstimated: estimated})
		}
		ix.decideResend(p, d, newest, unsettled != nil)
		return
	}
	if m := p.unseenMail(); m != nil && !ix.isPast(m.ExpiresAt()) {
		d.note(p, Notice{Kind: Waiting, InvitationID: m.InvitationID, Since: m.At, Expires: m.ExpiresAt(),
			ExpiresEstimated: m.ExpiresEstimated()})
		ix.notePossibleAlias(p, d, m)
		return
	}
	if p.unaccepted != nil && len(p.invitations) == 0 && !p.reinvite {
		d.note(p, Notice{Kind: NeedsAttention, UserID: p.unaccepted.ID, Text: notAccepted})
	} else {
		ix.decideAfterExpiry(p, d)
		if !ix.waitForFirstDay(p, d) {
			ix.holdMail(p, d)
		}
	}
	if unsettled != nil {
		// What would be done stays known, so that apply can do it as soon as it is sure that nothing went out.
		d.notices = nil
		if len(d.changes) > 0 {
			d.held, d.changes = &d.changes[0], nil
		}
		d.note(p, Notice{Kind: Unsettled, InvitationID: unsettled.InvitationID, Since: unsettled.At})
	}
}

// decideAfterExpiry decides for a person who is not a member and has no invitation that can be
// accepted.
func (ix *index) decideAfterExpiry(p *person, d *decision) {
	newest := p.newestRow()
	last := p.lastMail()
	acceptedSince := last != nil && newest != nil && newest.Status == org.StatusAccepted &&
		newest.Responded.After(last.At)
	// The last mail is newer than all that the list shows: its invitation expired and vanished, or was accepted and
	// forgotten.
	vanished := last != nil && !acceptedSince &&
		(newest == nil || last.At.After(newest.Created) && !p.hasRow(last.InvitationID))
	switch {
	case (newest == nil || vanished) && ix.holdUnknown(p, d):
	case vanished:
		ix.inviteAgain(p, d, last.InvitationID)
	case newest == nil && (p.record.Joined || p.record.Removed):
		ix.decideAfterLeaving(p, d, "")
	case newest == nil:
		d.invite(p, Invite, NotInvited, "")
	case newest.Status == org.StatusPending || newest.Status == org.StatusExpired:
		if p.record.Joined && p.mailOf(newest.ID) == nil && !newest.Created.After(p.record.JoinedAt) {
			ix.decideAfterLeaving(p, d, "") // they joined by another invitation, after this one was sent
			return
		}
		ix.inviteAgain(p, d, newest.ID)
	case newest.Status == org.StatusAccepted:
		ix.decideAfterLeaving(p, d, newest.ID)
	case p.reinvite && (newest.Status == org.StatusDeclined || newest.Status == org.StatusCancelled):
		// Named by a person on purpose, and no invitation can be accepted: a new one, since only pending ones are renewed.
		d.invite(p, Invite, NotInvited, "")
	default:
		d.note(p, Notice{Kind: NeedsAttention, InvitationID: newest.ID, Since: newest.Responded, Text: newest.StatusText})
	}
}

// inviteAgain decides for a person whose last invitation expired. id is that invitation.
func (ix *index) inviteAgain(p *person, d *decision, id string) {
	if ix.noteGaveUp(p, d, id) {
		return
	}
	if !p.renewable(id) {
		id = "" // it went to another of the person's addresses: renewing would mail that one
	}
	d.invite(p, Reinvite, Expired, id)
}

// decideAfterLeaving decides for a person who accepted once and is not seen as a user. id is the
// accepted invitation; "" if only the ledger knows. Where users are hidden, a person with an
// accepted invitation counts as a member.
func (ix *index) decideAfterLeaving(p *person, d *decision, id string) {
	removed := p.record.Removed && p.mailOf(id) == nil
	if ix.possiblyHidden == nil && !removed && (p.record.UserID == "" || p.mailOf(id) != nil) {
		// with an invitation of this tool's they may have joined as somebody else than the last time
		ix.possiblyHidden = p
	}
	switch {
	case !ix.visible.users && !removed && id != "":
		ix.noteJoined(p, d) // acceptance counts as membership
	case !removed && ix.holdUnknown(p, d):
	case !ix.in.InviteLeft && !removed, ix.justAccepted(p):
		d.note(p, Notice{Kind: Left, InvitationID: id})
	case ix.noteGaveUp(p, d, id):
	default:
		d.invite(p, Invite, ListedAgain, "")
	}
}

// justAccepted reports whether p accepted so recently that the list of users may not show it yet.
func (ix *index) justAccepted(p *person) bool {
	row := p.newestRow()
	return row != nil && row.Status == org.StatusAccepted && ix.in.Snapshot.Now.Sub(row.Responded) < org.SettleAfter
}

// noteGaveUp reports whether p got as many mails as the roster allows, and adds the notice if so.
func (ix *index) noteGaveUp(p *person, d *decision, id string) bool {
	mails, since := p.rounds()
	if mails < ix.in.Roster.Settings.ReinviteRounds {
		return false
	}
	d.note(p, Notice{Kind: GaveUp, InvitationID: id, Mails: mails, Since: since})
	return true
}

// openInvitations returns the invitations of p that can still be accepted, oldest first.
func (ix *index) openInvitations(p *person) []*org.Invitation {
	past := func(row *org.Invitation) bool {
		open := row.Status == org.StatusPending || row.Status == org.StatusExpired && p.renewed(row)
		return !open || ix.isPast(ix.expiryOf(p, row))
	}
	if !slices.ContainsFunc(p.invitations, past) {
		return p.invitations
	}
	return slices.DeleteFunc(slices.Clone(p.invitations), past)
}

// renewed reports whether a mail renewed row after the state that the list shows: the list may lag.
func (p *person) renewed(row *org.Invitation) bool {
	m := p.mailOf(row.ID)
	return m != nil && !row.ExpiresAt().After(m.At)
}

// expiry returns when row expires, and whether that is estimated because the server gave no date.
func (ix *index) expiry(p *person, row *org.Invitation) (at time.Time, estimated bool) {
	at = ix.expiryOf(p, row)
	if m := p.mailOf(row.ID); m != nil && m.ExpiresAt().Equal(at) && !row.ExpiresAt().Equal(at) {
		return at, m.ExpiresEstimated()
	}
	return at, !at.IsZero() && !row.Expires.Equal(at)
}

// expiryOf returns when row expires, by the list or by a later mail in the ledger.
func (ix *index) expiryOf(p *person, row *org.Invitation) time.Time {
	expiryOf := row.ExpiresAt()
	if m := p.mailOf(row.ID); m != nil && m.ExpiresAt().After(expiryOf) {
		return m.ExpiresAt()
	}
	return expiryOf
}

// renewable reports whether the invitation id was sent to the address that the roster lists first.
func (p *person) renewable(id string) bool {
	for _, row := range p.invitations {
		if row.ID == id && !row.Invited.IsZero() {
			return row.Invited.Equal(p.Email)
		}
	}
	m := p.mailOf(id)
	return m == nil || m.Email == p.Email.Key()
}

// mailOf returns the last mail for the invitation id that was certainly sent; nil if the ledger has
// none.
func (p *person) mailOf(id string) *org.Mail {
	for i := len(p.record.Mails) - 1; i >= 0; i-- {
		if m := &p.record.Mails[i]; m.InvitationID == id && !m.Lost {
			return m
		}
	}
	return nil
}

// lastMail returns the last mail that was certainly sent; nil if the ledger has none.
func (p *person) lastMail() *org.Mail {
	for i := len(p.record.Mails) - 1; i >= 0; i-- {
		if m := &p.record.Mails[i]; !m.Lost {
			return m
		}
	}
	return nil
}

// unseenMail returns the last mail that was certainly sent if the list does not show its
// invitation; otherwise nil.
func (p *person) unseenMail() *org.Mail {
	m := p.lastMail()
	if m == nil || p.hasRow(m.InvitationID) {
		return nil
	}
	return m
}

func (p *person) hasRow(id string) bool {
	return slices.ContainsFunc(p.invitations, func(row *org.Invitation) bool { return row.ID == id })
}

// newestRow returns the newest invitation in the list; nil if there is none. An invitation that was
// accepted after the newest was sent comes first, and so does any accepted one where the server
// gives no dates: a person who accepted once is not mailed again without being asked for.
func (p *person) newestRow() *org.Invitation {
	if len(p.invitations) == 0 {
		return nil
	}
	newest := p.invitations[len(p.invitations)-1]
	for _, row := range slices.Backward(p.invitations) {
		if row.Status == org.StatusAccepted && (newest.ExpiresAt().IsZero() || row.Responded.After(newest.Created)) {
			return row
		}
	}
	return newest
}

// rounds counts the mails to p that went unanswered, from the ledger and the list together. since
// is when the first of them was sent.
func (p *person) rounds() (mails int, since time.Time) {
	if p.reinvite {
		return 0, time.Time{}
	}
	earliest := func(t time.Time) {
		if !t.IsZero() && (since.IsZero() || t.Before(since)) {
			since = t
		}
	}
	for _, m := range p.record.Mails {
		if !m.Lost && m.Sequence > p.record.RoundsResetSequence {
			mails++
			earliest(m.At)
		}
	}
	for _, row := range p.invitations {
		silent := row.Status == org.StatusPending || row.Status == org.StatusExpired
		if !silent || p.mailOf(row.ID) != nil || p.record.RoundsResetSequence > 0 &&
			!row.Created.After(p.record.RoundsResetAt) {
			continue
		}
		mails++
		earliest(row.Created)
	}
	return mails, since
}

// invite adds the change that mails p. id is the invitation to be renewed; "" for a new one.
func (d *decision) invite(p *person, a Action, r Reason, id string) {
	api := p.APIEnabled != nil && *p.APIEnabled
	d.changes = append(d.changes, Change{
		Action: a, Reason: r, Email: p.Email, Source: p.At.Source(), InvitationID: id, Detail: Detail{APIEnabled: &api},
	})
}

// change adds a change to p, who is a user.
func (d *decision) change(p *person, a Action, r Reason, detail Detail) {
	d.changes = append(d.changes, Change{Action: a, Reason: r, Email: p.Email, Source: p.At.Source(), UserID: p.user.ID,
		Detail: detail})
}

// has reports whether there is a notice of a kind.
func (d *decision) has(kind NoticeKind) bool {
	return slices.ContainsFunc(d.notices, func(n Notice) bool { return n.Kind == kind })
}

// mails reports whether the person is mailed.
func (d *decision) mails() bool {
	return slices.ContainsFunc(d.changes, func(c Change) bool { return c.Action.Mails() })
}

// note adds a notice about p.
func (d *decision) note(p *person, n Notice) {
	n.Email, n.Source = p.Email, p.At.Source()
	d.notices = append(d.notices, n)
}

// knownKeys returns the keys under which the ledger may know p: the roster's, and those that p
// accepted with.
func (ix *index) knownKeys(p *person) []string {
	keys := p.keys
	more := func(key string) {
		if key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if p.user != nil {
		more(p.user.Email.Key())
	}
	for _, row := range p.invitations {
		more(acceptedBy(row))
	}
	return keys
}

// noteJoined adds the facts that p is a member and which user p is. Then a later absence means that
// p left, and p is recognised even when the list forgets how p accepted. Only addresses that the
// server itself connects with the user count: an alias holds only as long as the roster lists it.
func (ix *index) noteJoined(p *person, d *decision) {
	known := ix.knownKeys(p)
	for i, key := range known {
		r := ix.historyOf(p, known, key)
		id, news := "", false
		switch own := i < len(p.keys); {
		case p.user == nil: // by an accepted invitation, where users cannot be listed
			news = i == 0 && !p.record.Joined
		case r.UserID == p.user.ID || p.isIn(key):
			id = p.user.ID
			news = own && (!r.Joined || r.UserID != id || ix.invitedSince(p, r.JoinedAt))
		}
		// Whatever was mailed, to whichever of the addresses, is answered.
		if news || r.Removed || len(r.Mails) > 0 {
			d.facts = append(d.facts, org.Fact{Kind: org.FactJoined, Email: key, UserID: id})
		}
	}
}

// isIn reports whether the server says that p's user has the address key: as its own address, or
// because an invitation to key was accepted with it.
func (p *person) isIn(key string) bool {
	in := p.user.Email.Key()
	return key == in || slices.ContainsFunc(p.invitations, func(row *org.Invitation) bool {
		if acceptedBy(row) != in {
			return false
		}
		m := p.mailOf(row.ID)
		return row.Invited.Key() == key || m != nil && m.Email == key
	})
}

// invitedSince reports whether an invitation that p did not accept is newer than t. Then the ledger
// has to record again that p is a member; otherwise that invitation would cause p to be invited
// again after leaving.
func (ix *index) invitedSince(p *person, t time.Time) bool {
	return slices.ContainsFunc(p.invitations, func(row *org.Invitation) bool {
		return row.Status != org.StatusAccepted && row.Created.After(t) && !row.Created.After(ix.in.Snapshot.Now)
	})
}

// historyOf returns what the ledger knows of p, a user, under key.
func (ix *index) historyOf(p *person, known []string, key string) org.PersonRecord {
	if len(known) == 1 {
		return *p.record // nearly everybody is known by one, and that has been looked up
	}
	return ix.in.Memory.People[key]
}

// active returns the fact that the user under key is no longer suspended, if the ledger thinks so.
// It returns none within 15 minutes of the suspension, because the list may lag.
func (ix *index) active(key string, r org.PersonRecord) []org.Fact {
	if !r.Suspended || ix.in.Snapshot.Now.Sub(r.SuspendedAt).Abs() < org.SettleAfter {
		return nil
	}
	return []org.Fact{{Kind: org.FactActive, Email: key}}
}
