package plan

import (
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
)

// settle looks at the mails to c whose answer was lost. It adds a fact for each that the list
// shows, and for each that certainly was not sent, and updates c's mails accordingly. It returns
// the last mail that is still open; nil if there is none.
func (w *index) settle(c *person, v *decision) (unsettled *org.Mail) {
	if !slices.ContainsFunc(c.memory.Mails, func(m org.Mail) bool { return m.Lost }) {
		return nil
	}
	kept := make([]org.Mail, 0, len(c.memory.Mails))
	for _, m := range c.memory.Mails {
		if !m.Lost {
			kept = append(kept, m)
			continue
		}
		if row := c.rowOf(m); row != nil {
			v.facts = append(v.facts, org.Fact{Kind: org.FactFound, Email: m.Email, InvitationID: row.ID, Expires: row.Expires})
			m.Lost, m.InvitationID, m.Expires = false, row.ID, row.Expires
			kept = append(kept, m)
			continue
		}
		switch w.judgeAbsence(c, m) {
		case notSent:
			v.facts = append(v.facts, org.Fact{Kind: org.FactAbsent, Email: m.Email})
			c.memory.AssumedNotSent = true
			if m.Sequence == c.memory.OnlyMail {
				c.memory.EverMailed = false
			}
		case sentUnknowable:
			// The mail counts as sent, and the next one goes out when this one would have expired.
			m.Lost = false
			kept = append(kept, m)
		case sentUnknown:
			kept = append(kept, m)
			unsettled = &kept[len(kept)-1]
		}
	}
	c.memory.Mails = kept
	return unsettled
}

// absence is what it means that the list does not show a mail whose answer was lost.
type absence int

const (
	sentUnknown absence = iota // may become sure
	notSent
	sentUnknowable // the list could not show it if it had been sent
)

// judgeAbsence decides whether m, which the list does not show, was sent. It was not if the list
// shows a later mail, or if the list has had longer than any list is believed to lag. The list says
// nothing about an invitation that may have expired, because it may leave those out, nor about a
// renewal of an invitation without dates, nor where it forgets accepted invitations and an unlisted
// user appeared since.
func (w *index) judgeAbsence(c *person, m org.Mail) absence {
	age := w.in.Snapshot.Now.Sub(m.At)
	if age >= org.InvitationLife-org.SettleAfter {
		return sentUnknowable
	}
	if w.mayBeSameAddress(m) {
		return sentUnknown
	}
	undated := func(row *org.Invitation) bool { return row.Expires.IsZero() && mayRenew(m, row) }
	if slices.ContainsFunc(c.rows, undated) {
		if age >= org.SettleAfter {
			return sentUnknowable
		}
		return sentUnknown
	}
	// What was sent before the server was surely done with m shows nothing about m.
	last := w.witness()
	witnessed := last.Sequence > m.LostSequence && !last.At.Before(m.ServerMayActUntil)
	// Where the list may forget accepted invitations, it may have been accepted: by a user who appeared since or, where users
	// are hidden, by anybody.
	accepted := !w.sees.accepted && (!w.sees.users || len(w.newcomersSince(m.Sequence)) > 0)
	switch {
	case age < org.SettleAfter && (accepted || !witnessed):
		return sentUnknown
	case accepted:
		return sentUnknowable
	}
	return notSent
}

// mayBeSameAddress reports whether an unlisted invitation may belong to m: it was created at about
// the same time, and its address cannot be read or differs from m's only in dots and plus-tags. The
// documents do not say how the server writes addresses.
func (w *index) mayBeSameAddress(m org.Mail) bool {
	return slices.ContainsFunc(w.unlistedInvitations, func(row org.Invitation) bool {
		if w.byKey[row.Invited.Key()] != nil || !row.Invited.IsZero() && bare(row.Invited.Key()) != bare(m.Email) {
			return false // it is known whose it is, or whose it is not
		}
		apart := row.Created.Sub(m.At).Abs()
		return row.Created.IsZero() || apart <= org.SettleAfter
	})
}

// bare returns the key of an address without dots and plus-tag before the @.
func bare(key string) string {
	local, domain, _ := strings.Cut(key, "@")
	local, _, _ = strings.Cut(local, "+")
	return strings.ReplaceAll(local, ".", "") + "@" + domain
}

// rowOf returns the invitation that shows that the lost mail m was sent; nil if there is none. It
// expires later than any earlier mail could or, where the server gives no dates, is pending and
// belongs to no other mail.
func (c *person) rowOf(m org.Mail) *org.Invitation {
	for i := range c.rows {
		row := c.rows[i]
		own := c.mailOf(row.ID)
		if own != nil && own.Sequence > m.Sequence {
			continue // that row is a later mail's
		}
		before := !row.Created.IsZero() && row.Created.Before(m.At.Add(-org.SettleAfter))
		if !m.Resend && (own != nil || before) && !row.Expires.After(m.At) {
			continue // that row was there before, and has not been renewed
		}
		if !m.Resend && own != nil && !row.Expires.IsZero() && !row.Expires.After(own.ExpiresAt()) {
			continue // nor has this one, which was declined or cancelled before it expired
		}
		if answered(row) && !row.Responded.After(m.At) {
			continue // nor was there anything to answer yet
		}
		expires := row.ExpiresAt()
		if !m.RenewedFrom.IsZero() && !expires.After(m.RenewedFrom) {
			continue // it was still valid when it was to be renewed, and its date is the same
		}
		undated := expires.IsZero() && row.Status == org.StatusPending && own == nil && !m.Resend
		if undated || expires.After(m.At) {
			return row
		}
	}
	return nil
}

// mayRenew reports whether m may have renewed row: the invitation that it names or, because the
// server may renew an expired invitation when asked for a new one, any that can be renewed.
func mayRenew(m org.Mail, row *org.Invitation) bool {
	return row.ID == m.InvitationID || !m.Resend && !answered(row)
}

// answered reports whether row was accepted, declined or cancelled.
func answered(row *org.Invitation) bool {
	return row.Status == org.StatusAccepted || row.Status == org.StatusDeclined || row.Status == org.StatusCancelled
}

// witness returns the latest mail, in the order of sending, that the list shows: what the server
// did before it would show too. The zero Mail means that none shows.
func (w *index) witness() org.Mail {
	if w.lastSeen == nil { // few plans need it
		w.lastSeen = new(lastVisible(w.in.Memory, w.in.Snapshot.Invitations))
	}
	return *w.lastSeen
}

// lastVisible returns the latest mail whose answer named an invitation among rows; the zero Mail if
// there is none.
func lastVisible(memory org.Memory, rows []org.Invitation) org.Mail {
	byID := make(map[string]*org.Invitation, len(rows))
	for i := range rows {
		byID[rows[i].ID] = &rows[i]
	}
	var last org.Mail
	for _, r := range memory.People {
		for _, m := range r.Mails {
			if m.Lost || m.Found || m.Sequence <= last.Sequence {
				continue
			}
			if row := byID[m.InvitationID]; row != nil && shows(*row, m) {
				last = m
			}
		}
	}
	return last
}

// shows reports whether row, which has the id of m, shows that m was sent. A new invitation shows
// by being there. A renewed one was there before, so only its new expiration date shows it.
func shows(row org.Invitation, m org.Mail) bool {
	renewed := m.Resend || !row.Created.IsZero() && row.Created.Before(m.At.Add(-org.SettleAfter))
	return !renewed || m.Expires.After(m.At) && m.Expires.After(m.RenewedFrom) && !row.Expires.Before(m.Expires)
}
