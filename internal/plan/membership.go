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

// reset empties v and keeps its memory.
func (v *decision) reset() {
	*v = decision{changes: v.changes[:0], ungrantable: v.ungrantable[:0], notices: v.notices[:0], facts: v.facts[:0]}
}

// decideMembership decides whether c is mailed, into an empty v. Its steps are the lines of the
// table in docs/decisions.md, from top to bottom: a member needs no mail, a person who can still
// accept waits, a person who may have been mailed is held, a person who left or declined is
// reported, a person whose invitation expired is invited again, and only a person who was never
// invited is invited.
func (w *index) decideMembership(c *person, v *decision) {
	switch {
	case c.ended:
		return
	case c.user != nil && c.user.Suspended && c.memory.Suspended && !c.isUnderOtherAddress():
		// This tool suspended them, and the roster wants them back.
		v.change(c, Unsuspend, ListedAgain, Detail{})
		w.noteJoined(c, v)
		return
	case c.user != nil && c.user.Suspended:
		w.noteOtherAddress(c, v)
		v.note(c, Notice{Kind: SuspendedUser, UserID: c.user.ID})
		w.noteJoined(c, v)
		return
	case c.user != nil:
		w.noteOtherAddress(c, v)
		w.noteJoined(c, v)
		known := w.knownKeys(c)
		for _, key := range known {
			v.facts = append(v.facts, w.active(key, w.historyOf(c, known, key))...)
		}
		return
	}

	if c.service != nil {
		v.note(c, Notice{Kind: NeedsAttention, UserID: c.service.ID})
		return
	}
	if c.roundsReset {
		v.facts = append(v.facts, org.Fact{Kind: org.FactReset, Email: c.Email.Key()})
	}
	unsettled := w.settle(c, v)
	if w.maybeUnderOtherAddress == nil && slices.ContainsFunc(c.memory.Mails, func(m org.Mail) bool { return !c.hasRow(m.InvitationID) }) {
		w.maybeUnderOtherAddress = c
	}
	if w.maybeAccepted == nil && c.memory.AssumedNotSent {
		w.maybeAccepted = c
	}
	if row := c.unreadableRow(); row != nil {
		v.note(c, Notice{Kind: NeedsAttention, InvitationID: row.ID, Since: row.Created, Text: row.StatusText + ", with a date that cannot be read"})
		return
	}
	if live := w.openInvitations(c); len(live) > 0 {
		newest := live[len(live)-1]
		expires, estimated := w.expiry(c, newest)
		v.note(c, Notice{Kind: Waiting, InvitationID: newest.ID, Since: newest.Created, Expires: expires, ExpiresEstimated: estimated})
		for _, older := range live[:len(live)-1] {
			v.note(c, Notice{Kind: DuplicateInvitation, InvitationID: older.ID, Expires: w.expiryOf(c, older)})
		}
		w.decideResend(c, v, newest, unsettled != nil)
		return
	}
	if m := c.unseenMail(); m != nil && !w.isPast(m.ExpiresAt()) {
		v.note(c, Notice{Kind: Waiting, InvitationID: m.InvitationID, Since: m.At, Expires: m.ExpiresAt(), ExpiresEstimated: m.ExpiresEstimated()})
		w.notePossibleAlias(c, v, m.ExpiresAt())
		return
	}
	if c.unaccepted != nil && len(c.rows) == 0 && !c.roundsReset {
		v.note(c, Notice{Kind: NeedsAttention, UserID: c.unaccepted.ID, Text: notAccepted})
		return
	}
	w.decideAfterExpiry(c, v)
	if !w.waitForFirstDay(c, v) {
		w.holdMail(c, v)
	}
	if unsettled != nil {
		// What would be done stays known, so that apply can do it as soon as it is sure that nothing went out.
		v.notices = nil
		if len(v.changes) > 0 {
			v.held, v.changes = &v.changes[0], nil
		}
		v.note(c, Notice{Kind: Unsettled, InvitationID: unsettled.InvitationID, Since: unsettled.At})
	}
}

// decideAfterExpiry decides for a person who is not a member and has no invitation that can be
// accepted.
func (w *index) decideAfterExpiry(c *person, v *decision) {
	newest := c.newestRow()
	last := c.lastMail()
	// The last mail is newer than all that the list shows: its invitation expired and vanished, or was accepted and forgotten.
	vanished := last != nil && (newest == nil || last.At.After(newest.Created) && !c.hasRow(last.InvitationID))
	switch {
	case (newest == nil || vanished) && w.holdUnknown(c, v):
	case vanished:
		w.inviteAgain(c, v, last.InvitationID)
	case newest == nil && (c.memory.Joined || c.memory.Removed):
		w.decideAfterLeaving(c, v, "")
	case newest == nil:
		v.invite(c, Invite, NotInvited, "")
	case newest.Status == org.StatusPending || newest.Status == org.StatusExpired:
		if c.memory.Joined && c.mailOf(newest.ID) == nil && !newest.Created.After(c.memory.JoinedAt) {
			w.decideAfterLeaving(c, v, "") // they joined by another invitation, after this one was sent
			return
		}
		w.inviteAgain(c, v, newest.ID)
	case newest.Status == org.StatusAccepted:
		w.decideAfterLeaving(c, v, newest.ID)
	case c.roundsReset && (newest.Status == org.StatusDeclined || newest.Status == org.StatusCancelled):
		// Named by a person on purpose, and no invitation can be accepted: a new one, since only pending ones are renewed.
		v.invite(c, Invite, NotInvited, "")
	default:
		v.note(c, Notice{Kind: NeedsAttention, InvitationID: newest.ID, Since: newest.Responded, Text: newest.StatusText})
	}
}

// inviteAgain decides for a person whose last invitation expired. id is that invitation.
func (w *index) inviteAgain(c *person, v *decision, id string) {
	if w.noteGaveUp(c, v, id) {
		return
	}
	if !c.renewable(id) {
		id = "" // it went to another of the person's addresses: renewing would mail that one
	}
	v.invite(c, Reinvite, Expired, id)
}

// decideAfterLeaving decides for a person who accepted once and is not seen as a user. id is the
// accepted invitation; "" if only the ledger knows. Where users are hidden, a person with an
// accepted invitation counts as a member.
func (w *index) decideAfterLeaving(c *person, v *decision, id string) {
	removed := c.memory.Removed && c.mailOf(id) == nil
	if w.maybeUnderOtherAddress == nil && !removed && (c.memory.UserID == "" || c.mailOf(id) != nil) {
		w.maybeUnderOtherAddress = c // with an invitation of this tool's they may have joined as somebody else than the last time
	}
	switch {
	case !w.sees.users && !removed && id != "":
		w.noteJoined(c, v) // acceptance counts as membership
	case !removed && w.holdUnknown(c, v):
	case !w.in.InviteLeft && !removed, w.justAccepted(c):
		v.note(c, Notice{Kind: Left, InvitationID: id})
	case w.noteGaveUp(c, v, id):
	default:
		v.invite(c, Invite, ListedAgain, "")
	}
}

// justAccepted reports whether c accepted so recently that the list of users may not show it yet.
func (w *index) justAccepted(c *person) bool {
	row := c.newestRow()
	return row != nil && row.Status == org.StatusAccepted && w.in.Snapshot.Now.Sub(row.Responded) < org.SettleAfter
}

// noteGaveUp reports whether c got as many mails as the roster allows, and adds the notice if so.
func (w *index) noteGaveUp(c *person, v *decision, id string) bool {
	mails, since := c.rounds()
	if mails < w.in.Roster.Settings.ReinviteRounds {
		return false
	}
	v.note(c, Notice{Kind: GaveUp, InvitationID: id, Mails: mails, Since: since})
	return true
}

// openInvitations returns the invitations of c that can still be accepted, oldest first.
func (w *index) openInvitations(c *person) []*org.Invitation {
	past := func(row *org.Invitation) bool {
		open := row.Status == org.StatusPending || row.Status == org.StatusExpired && c.renewed(row)
		return !open || w.isPast(w.expiryOf(c, row))
	}
	if !slices.ContainsFunc(c.rows, past) {
		return c.rows
	}
	return slices.DeleteFunc(slices.Clone(c.rows), past)
}

// renewed reports whether a mail renewed row after the state that the list shows: the list may lag.
func (c *person) renewed(row *org.Invitation) bool {
	m := c.mailOf(row.ID)
	return m != nil && !row.ExpiresAt().After(m.At)
}

// expiry returns when row expires, and whether that is estimated because the server gave no date.
func (w *index) expiry(c *person, row *org.Invitation) (at time.Time, estimated bool) {
	at = w.expiryOf(c, row)
	if m := c.mailOf(row.ID); m != nil && m.ExpiresAt().Equal(at) && !row.ExpiresAt().Equal(at) {
		return at, m.ExpiresEstimated()
	}
	return at, !at.IsZero() && !row.Expires.Equal(at)
}

// expiryOf returns when row expires, by the list or by a later mail in the ledger.
func (w *index) expiryOf(c *person, row *org.Invitation) time.Time {
	expiryOf := row.ExpiresAt()
	if m := c.mailOf(row.ID); m != nil && m.ExpiresAt().After(expiryOf) {
		return m.ExpiresAt()
	}
	return expiryOf
}

// renewable reports whether the invitation id was sent to the address that the roster lists first.
func (c *person) renewable(id string) bool {
	for _, row := range c.rows {
		if row.ID == id && !row.Invited.IsZero() {
			return row.Invited.Equal(c.Email)
		}
	}
	m := c.mailOf(id)
	return m == nil || m.Email == c.Email.Key()
}

// mailOf returns the last mail for the invitation id that was certainly sent; nil if the ledger has
// none.
func (c *person) mailOf(id string) *org.Mail {
	for i := len(c.memory.Mails) - 1; i >= 0; i-- {
		if m := &c.memory.Mails[i]; m.InvitationID == id && !m.Lost {
			return m
		}
	}
	return nil
}

// lastMail returns the last mail that was certainly sent; nil if the ledger has none.
func (c *person) lastMail() *org.Mail {
	for i := len(c.memory.Mails) - 1; i >= 0; i-- {
		if m := &c.memory.Mails[i]; !m.Lost {
			return m
		}
	}
	return nil
}

// unseenMail returns the last mail that was certainly sent if the list does not show its
// invitation; otherwise nil.
func (c *person) unseenMail() *org.Mail {
	m := c.lastMail()
	if m == nil || c.hasRow(m.InvitationID) {
		return nil
	}
	return m
}

func (c *person) hasRow(id string) bool {
	return slices.ContainsFunc(c.rows, func(row *org.Invitation) bool { return row.ID == id })
}

// newestRow returns the newest invitation in the list; nil if there is none. An invitation that was
// accepted after the newest was sent comes first, and so does any accepted one where the server
// gives no dates: a person who accepted once is not mailed again without being asked for.
func (c *person) newestRow() *org.Invitation {
	if len(c.rows) == 0 {
		return nil
	}
	newest := c.rows[len(c.rows)-1]
	for _, row := range slices.Backward(c.rows) {
		if row.Status == org.StatusAccepted && (newest.ExpiresAt().IsZero() || row.Responded.After(newest.Created)) {
			return row
		}
	}
	return newest
}

// rounds counts the mails to c that went unanswered, from the ledger and the list together. since
// is when the first of them was sent.
func (c *person) rounds() (mails int, since time.Time) {
	if c.roundsReset {
		return 0, time.Time{}
	}
	earliest := func(t time.Time) {
		if !t.IsZero() && (since.IsZero() || t.Before(since)) {
			since = t
		}
	}
	for _, m := range c.memory.Mails {
		if !m.Lost && m.Sequence > c.memory.RoundsResetSequence {
			mails++
			earliest(m.At)
		}
	}
	for _, row := range c.rows {
		silent := row.Status == org.StatusPending || row.Status == org.StatusExpired
		if !silent || c.mailOf(row.ID) != nil || c.memory.RoundsResetSequence > 0 && !row.Created.After(c.memory.RoundsResetAt) {
			continue
		}
		mails++
		earliest(row.Created)
	}
	return mails, since
}

// invite adds the change that mails c. id is the invitation to be renewed; "" for a new one.
func (v *decision) invite(c *person, a Action, r Reason, id string) {
	api := c.APIEnabled != nil && *c.APIEnabled
	v.changes = append(v.changes, Change{
		Action: a, Reason: r, Email: c.Email, Source: c.At.Source(), InvitationID: id, Detail: Detail{APIEnabled: &api},
	})
}

// change adds a change to c, who is a user.
func (v *decision) change(c *person, a Action, r Reason, d Detail) {
	v.changes = append(v.changes, Change{Action: a, Reason: r, Email: c.Email, Source: c.At.Source(), UserID: c.user.ID, Detail: d})
}

// note adds a notice about c.
func (v *decision) note(c *person, n Notice) {
	n.Email, n.Source = c.Email, c.At.Source()
	v.notices = append(v.notices, n)
}

// knownKeys returns the keys under which the ledger may know c: the roster's, and those that c
// accepted with.
func (w *index) knownKeys(c *person) []string {
	keys := c.own
	more := func(key string) {
		if key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if c.user != nil {
		more(c.user.Email.Key())
	}
	for _, row := range c.rows {
		more(acceptedBy(row))
	}
	return keys
}

// noteJoined adds the facts that c is a member and which user c is. Then a later absence means that
// c left, and c is recognised even when the list forgets how c accepted. Only addresses that the
// server itself connects with the user count: an alias holds only as long as the roster lists it.
func (w *index) noteJoined(c *person, v *decision) {
	known := w.knownKeys(c)
	for i, key := range known {
		r := w.historyOf(c, known, key)
		id, news := "", false
		switch own := i < len(c.own); {
		case c.user == nil: // by an accepted invitation, where users cannot be listed
			news = i == 0 && !c.memory.Joined
		case r.UserID == c.user.ID || c.isIn(key):
			id = c.user.ID
			news = own && (!r.Joined || r.UserID != id || w.invitedSince(c, r.JoinedAt))
		}
		// Whatever was mailed, to whichever of the addresses, is answered.
		if news || r.Removed || len(r.Mails) > 0 {
			v.facts = append(v.facts, org.Fact{Kind: org.FactJoined, Email: key, UserID: id})
		}
	}
}

// isIn reports whether the server says that c's user has the address key: as its own address, or
// because an invitation to key was accepted with it.
func (c *person) isIn(key string) bool {
	in := c.user.Email.Key()
	return key == in || slices.ContainsFunc(c.rows, func(row *org.Invitation) bool {
		if acceptedBy(row) != in {
			return false
		}
		m := c.mailOf(row.ID)
		return row.Invited.Key() == key || m != nil && m.Email == key
	})
}

// invitedSince reports whether an invitation that c did not accept is newer than t. Then the ledger
// has to record again that c is a member; otherwise that invitation would cause c to be invited
// again after leaving.
func (w *index) invitedSince(c *person, t time.Time) bool {
	return slices.ContainsFunc(c.rows, func(row *org.Invitation) bool {
		return row.Status != org.StatusAccepted && row.Created.After(t) && !row.Created.After(w.in.Snapshot.Now)
	})
}

// historyOf returns what the ledger knows of c, a user, under key.
func (w *index) historyOf(c *person, known []string, key string) org.History {
	if len(known) == 1 {
		return c.memory // nearly everybody is known by one, and that has been looked up
	}
	return w.in.Memory.People[key]
}

// active returns the fact that the user under key is no longer suspended, if the ledger thinks so.
// It returns none within 15 minutes of the suspension, because the list may lag.
func (w *index) active(key string, r org.History) []org.Fact {
	if !r.Suspended || w.in.Snapshot.Now.Sub(r.SuspendedAt).Abs() < org.SettleAfter {
		return nil
	}
	return []org.Fact{{Kind: org.FactActive, Email: key}}
}
