package plan

import (
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
)

// resolveLostMails looks at the mails to p whose answer was lost. It adds a fact for each that the list
// shows, and for each that certainly was not sent, and updates p's mails accordingly. It returns
// the last mail that is still open; nil if there is none.
func (ix *index) resolveLostMails(p *person, d *decision) (unsettled *org.Mail) {
	if !slices.ContainsFunc(p.record.Mails, func(m org.Mail) bool { return m.Lost }) {
		return nil
	}
	kept := make([]org.Mail, 0, len(p.record.Mails))
	var facts []org.Fact // one for each of them, oldest first; without a kind if nothing is known
	for _, m := range p.record.Mails {
		if !m.Lost {
			kept = append(kept, m)
			continue
		}
		if row := p.invitationFor(m); row != nil {
			facts = append(facts, org.Fact{Kind: org.FactFound, Email: m.Email, InvitationID: row.ID, Expires: row.Expires})
			m.Lost, m.InvitationID, m.Expires = false, row.ID, row.Expires
			kept = append(kept, m)
			continue
		}
		switch ix.judgeAbsence(p, m) {
		case notSent:
			facts = append(facts, org.Fact{Kind: org.FactAbsent, Email: m.Email})
			p.record.AssumedNotSent = true
			if m.Sequence == p.record.OnlyMail {
				p.record.EverMailed = false
			}
		case sentUnknowable:
			// The mail counts as sent, and the next one goes out when this one would have expired.
			m.Lost = false
			kept = append(kept, m)
			facts = append(facts, org.Fact{Email: m.Email})
		case sentUnknown:
			kept = append(kept, m)
			facts = append(facts, org.Fact{Email: m.Email})
			unsettled = &kept[len(kept)-1]
		}
	}
	p.record.Mails = kept
	d.facts = append(d.facts, lastFacts(facts)...)
	return unsettled
}

// lastFacts returns the facts, newest mail first, up to the first mail of which nothing is known. A fact names no mail:
// the ledger applies it to the last one to the address that is still lost.
func lastFacts(facts []org.Fact) []org.Fact {
	var last []org.Fact
	unknown := map[string]bool{}
	for _, f := range slices.Backward(facts) {
		if f.Kind == "" {
			unknown[f.Email] = true
		}
		if !unknown[f.Email] {
			last = append(last, f)
		}
	}
	return last
}

// absence is what it means that the list does not show a mail whose answer was lost.
type absence int

const (
	sentUnknown absence = iota // may become sure
	notSent
	sentUnknowable // the list could not show it if it had been sent
)

// judgeAbsence decides whether m, which the list does not show, was sent. It was not sent if the list
// shows a later mail, or if more time has passed than a list can lag. The list says nothing in three cases:
//   - The invitation may have expired: the list may leave those out.
//   - m may have renewed an invitation that has no dates.
//   - The list forgets accepted invitations, and an unlisted user appeared since.
func (ix *index) judgeAbsence(p *person, m org.Mail) absence {
	age := ix.in.Snapshot.Now.Sub(m.At)
	if age >= org.InvitationLife-org.SettleAfter {
		return sentUnknowable
	}
	if ix.mayBeSameAddress(m) {
		return sentUnknown
	}
	undated := func(row *org.Invitation) bool { return row.Expires.IsZero() && p.mayBeRenewed(row, m) }
	if slices.ContainsFunc(p.invitations, undated) {
		if age >= org.SettleAfter {
			return sentUnknowable
		}
		return sentUnknown
	}
	// What was sent before the server was surely done with m shows nothing about m.
	last := ix.witness()
	witnessed := last.Sequence > m.LostSequence && !last.At.Before(m.ServerMayActUntil)
	// Where the list may forget accepted invitations, it may have been accepted: by a user who appeared since or, where
	// users are hidden, by anybody.
	accepted := !ix.visible.accepted && (!ix.visible.users || len(ix.newcomersSince(m.Sequence)) > 0)
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
func (ix *index) mayBeSameAddress(m org.Mail) bool {
	return slices.ContainsFunc(ix.unlistedInvitations, func(row org.Invitation) bool {
		if ix.byKey[row.Invited.Key()] != nil || !row.Invited.IsZero() && bare(row.Invited.Key()) != bare(m.Email) {
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

// invitationFor returns the invitation that shows that the lost mail m was sent; nil if there is none. It
// expires later than any earlier mail could or, where the server gives no dates, is pending and
// belongs to no other mail.
func (p *person) invitationFor(m org.Mail) *org.Invitation {
	for i := range p.invitations {
		row := p.invitations[i]
		own := p.mailOf(row.ID)
		if own != nil && own.Sequence > m.Sequence {
			continue // the invitation belongs to a later mail
		}
		before := !row.Created.IsZero() && row.Created.Before(m.At.Add(-org.SettleAfter))
		if !m.Resend && (own != nil || before) && !row.Expires.After(m.At) {
			continue // the invitation existed before m, and was not renewed
		}
		if !m.Resend && own != nil && !row.Expires.IsZero() && !row.Expires.After(own.ExpiresAt()) {
			continue // it was not renewed either: it was declined or cancelled before it expired
		}
		if answered(row) && !row.Responded.After(m.At) {
			continue // it was answered before m was sent
		}
		expires := row.ExpiresAt()
		if !m.RenewedFrom.IsZero() && !expires.After(m.RenewedFrom) {
			continue // it was valid when it was to be renewed, and its date has not changed
		}
		undated := expires.IsZero() && row.Status == org.StatusPending && own == nil && !m.Resend
		if undated || expires.After(m.At) {
			return row
		}
	}
	return nil
}

// mayBeRenewed reports whether m may have renewed row: the invitation that m names or, if the list does not show that
// one any more, another, because the server may give a renewed invitation a new id. A mail that names none may have
// renewed any, because the server may renew an expired invitation when asked for a new one.
func (p *person) mayBeRenewed(row *org.Invitation, m org.Mail) bool {
	if m.Resend && p.hasRow(m.InvitationID) {
		return row.ID == m.InvitationID
	}
	return !answered(row)
}

// answered reports whether row was accepted, declined or cancelled.
func answered(row *org.Invitation) bool {
	return row.Status == org.StatusAccepted || row.Status == org.StatusDeclined || row.Status == org.StatusCancelled
}

// witness returns the latest mail, in the order of sending, that the list shows: what the server
// did before it would show too. The zero Mail means that none shows.
func (ix *index) witness() org.Mail {
	if ix.lastSeen == nil { // few plans need it
		ix.lastSeen = new(lastVisible(ix.in.Memory, ix.in.Snapshot.Invitations))
	}
	return *ix.lastSeen
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
			if row := byID[m.InvitationID]; row != nil && provesSent(*row, m) {
				last = m
			}
		}
	}
	return last
}

// provesSent reports whether row, which has the id of m, proves that m was sent. A new invitation proves it by
// being there. A renewed one was there before, so only its new expiration date proves it.
func provesSent(row org.Invitation, m org.Mail) bool {
	renewed := m.Resend || !row.Created.IsZero() && row.Created.Before(m.At.Add(-org.SettleAfter))
	return !renewed || m.Expires.After(m.At) && m.Expires.After(m.RenewedFrom) && !row.Expires.Before(m.Expires)
}
