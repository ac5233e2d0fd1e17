package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// resolveLostMails decides about the lost mails to p. It updates p's mails. For each mail that the list shows, and
// for each mail that counts as not sent, it adds a fact. It returns the last mail about which nothing is known yet; nil
// if there is none.
func (ix *index) resolveLostMails(p *person, d *decision) (unsettled *org.Mail) {
	if !slices.ContainsFunc(p.record.Mails, func(m org.Mail) bool { return m.Lost }) {
		return nil
	}
	kept := make([]org.Mail, 0, len(p.record.Mails))
	var facts []org.Fact // one for each lost mail, oldest first; its Kind is "" if nothing is known
	for _, m := range p.record.Mails {
		if !m.Lost {
			kept = append(kept, m)
			continue
		}
		if inv := p.invitationFor(m); inv != nil {
			facts = append(facts, org.Fact{Kind: org.FactFound, Email: m.Email, InvitationID: inv.ID, Expires: inv.Expires})
			m.Lost, m.InvitationID, m.Expires = false, inv.ID, inv.Expires
			kept = append(kept, m)
			continue
		}
		switch ix.judgeAbsence(p, m) {
		case notSent:
			facts = append(facts, org.Fact{Kind: org.FactAbsent, Email: m.Email})
			p.record.AssumedNotSent = true
			countAbsence(p.record, m)
			if m.Sequence == p.record.OnlyMailSequence {
				p.record.EverMailed = false
			}
		case sentUnknowable:
			// The mail counts as sent. The next mail is sent after the invitation of this one would have expired.
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
	d.facts = append(d.facts, applicableFacts(facts)...)
	return unsettled
}

// countAbsence counts in r that the mail m counts as not sent. The ledger does the same when the fact is recorded.
func countAbsence(r *org.PersonRecord, m org.Mail) {
	if !m.RefusalCounted {
		r.Refusals++
	}
	if !m.At.Before(r.RefusedAt) {
		r.RefusedAt, r.RefusedText = m.At, ""
	}
}

// applicableFacts returns the facts in the order from the newest mail to the oldest. For each address it stops at the
// first mail about which nothing is known. A fact does not name its mail: the ledger applies it to the last lost mail
// to the address.
func applicableFacts(facts []org.Fact) []org.Fact {
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

// absence says what it means that the list does not show a lost mail.
type absence int

const (
	sentUnknown    absence = iota // a later reading may decide it
	notSent                       // the mail counts as not sent
	sentUnknowable                // no later reading can decide it
)

// judgeAbsence decides whether m, a lost mail that the list does not show, was sent. It was not sent if there is a
// witness, or if more time has passed than a list can lag. But the list says nothing about m in these cases:
//   - The invitation may have expired. The list may not show expired invitations.
//   - An unlisted invitation may be that of m, because the server may have changed the address.
//   - m may have renewed an invitation that has no expiration date.
//   - The list does not show accepted invitations, and an unlisted user appeared after m or the key cannot list users.
func (ix *index) judgeAbsence(p *person, m org.Mail) absence {
	age := ix.in.Snapshot.Now.Sub(m.At)
	if age >= org.InvitationLife-org.SettleAfter {
		return sentUnknowable
	}
	if ix.mayBeSameAddress(m) {
		return sentUnknown
	}
	undated := func(inv *org.Invitation) bool { return inv.Expires.IsZero() && p.mayHaveRenewed(inv, m) }
	if slices.ContainsFunc(p.invitations, undated) {
		if age >= org.SettleAfter {
			return sentUnknowable
		}
		return sentUnknown
	}
	// A mail that was sent while the server could still act on m is no witness.
	last := ix.witness()
	witnessed := last.Sequence > m.LostSequence && !last.At.Before(m.ServerMayActUntil)
	// If the list does not show accepted invitations, the invitation of m may have been accepted: by a user who appeared
	// after m or, if the key cannot list users, by anybody.
	mayBeAccepted := !ix.visible.accepted && (!ix.visible.users || len(ix.unidentifiedSince(m.Sequence)) > 0)
	switch {
	case age < org.SettleAfter && (mayBeAccepted || !witnessed):
		return sentUnknown
	case mayBeAccepted:
		return sentUnknowable
	}
	return notSent
}

// mayBeSameAddress reports whether an unlisted invitation may belong to m.
func (ix *index) mayBeSameAddress(m org.Mail) bool {
	return slices.ContainsFunc(ix.unlistedInvitations, func(inv org.Invitation) bool { return ix.mayBelongTo(inv, m) })
}

// mayBelongTo reports whether inv, an unlisted invitation, may belong to m: it was created at about the same time,
// and its address cannot be read or may be another form of m's. Vultr does not document how the server writes
// addresses.
func (ix *index) mayBelongTo(inv org.Invitation, m org.Mail) bool {
	key := inv.Invited.Key()
	if ix.byKey[key] != nil || key != "" && !mayBeSameMailbox(key, m.Email) {
		return false // the address belongs to another person, or to a person of the roster
	}
	return inv.Created.IsZero() || inv.Created.Sub(m.At).Abs() <= org.SettleAfter
}

// mayBeSameMailbox reports whether two keys of addresses may be one mailbox: they differ only in dots, plus-tags and
// the names of Google's domain.
func mayBeSameMailbox(a, b string) bool {
	return withoutDotsAndTag(a) == withoutDotsAndTag(b)
}

// withoutDotsAndTag returns the key of an address without the dots and the plus-tag before the @, and with one name
// for Google's domain.
func withoutDotsAndTag(key string) string {
	local, domain, _ := strings.Cut(key, "@")
	local, _, _ = strings.Cut(local, "+")
	if domain == "googlemail.com" {
		domain = "gmail.com"
	}
	return strings.ReplaceAll(local, ".", "") + "@" + domain
}

// invitationFor returns the invitation that proves that the lost mail m was sent; nil if there is none. This invitation
// is newer than m, or expires later than it did before m. If the server gives no dates, it is pending and belongs to no
// other mail; if m is a renewal, the list no longer shows the invitation that m renewed.
func (p *person) invitationFor(m org.Mail) *org.Invitation {
	for _, inv := range p.invitations {
		own := p.mailOf(inv.ID)
		if own != nil && own.Sequence > m.Sequence {
			continue // the invitation belongs to a later mail
		}
		isOlder := !inv.Created.IsZero() && inv.Created.Before(m.At.Add(-org.SettleAfter))
		mayBeRenewed := m.Renewal && inv.Status == org.StatusPending || inv.Expires.After(m.At)
		if isOlder && !mayBeRenewed {
			continue // the invitation existed before m
		}
		if !m.Renewal && own != nil && !inv.Expires.After(own.ExpiresAt()) {
			continue // it belongs to an earlier mail, and was not renewed: it may have been declined before it expired
		}
		if inv.Status.IsAnswered() && !inv.Responded.After(m.At) {
			continue // it was answered before m was sent
		}
		expires := inv.ExpiresAt()
		if !m.RenewedFrom.IsZero() && !expires.After(m.RenewedFrom) {
			continue // it was valid when m asked for its renewal, and its date has not changed
		}
		isNew := !m.Renewal || own == nil && !p.hasInvitation(m.InvitationID) // a renewal may change the id
		undated := expires.IsZero() && inv.Status == org.StatusPending && isNew
		if undated || expires.After(m.At) {
			return inv
		}
	}
	return nil
}

// mayHaveRenewed reports whether m may have renewed inv. If m renewed an invitation that the list still shows, this
// is the only one. If the list no longer shows it, inv may be the same invitation: the server may give a renewed
// invitation a new id. If m was a new invitation, the server may have renewed an expired one instead.
func (p *person) mayHaveRenewed(inv *org.Invitation, m org.Mail) bool {
	if m.Renewal && p.hasInvitation(m.InvitationID) {
		return inv.ID == m.InvitationID
	}
	return !inv.Status.IsAnswered()
}

// witness returns the last mail that the list shows, in the order of sending. The list would also show every mail
// that the server sent before. The result is the zero Mail if the list shows none.
func (ix *index) witness() org.Mail {
	if ix.witnessMail == nil { // computed only on demand, because few plans need it
		ix.witnessMail = new(lastVisible(ix.in.Memory, ix.in.Snapshot.Invitations))
	}
	return *ix.witnessMail
}

// lastVisible returns the last mail, in the order of sending, whose answer named one of the invitations; the zero
// Mail if there is none. It leaves out mails that the invitation does not prove, and invitations that only one of two
// readings has: the other reading may be older, and this one may miss a row that moved between pages.
func lastVisible(memory org.Memory, invitations []org.Invitation) org.Mail {
	byID := make(map[string]*org.Invitation, len(invitations))
	for i := range invitations {
		byID[invitations[i].ID] = &invitations[i]
	}
	var last org.Mail
	for _, r := range memory.People {
		for _, m := range r.Mails {
			if m.Lost || m.Found || m.Sequence <= last.Sequence {
				continue
			}
			if inv := byID[m.InvitationID]; inv != nil && !inv.SeenOnce && provesSent(*inv, m, r.Mails) {
				last = m
			}
		}
	}
	return last
}

// provesSent reports whether inv, which has the id of m, proves that m was sent. A new invitation proves it by being
// in the list as pending. A renewed invitation was in the list before, so only its new expiration date proves it. The
// server may have renewed inv although orgsync asked for a new invitation. If inv is not pending, it proves m only if
// its answer is from after m: otherwise inv may have expired or been answered before m. mails are those to the address
// of m.
func provesSent(inv org.Invitation, m org.Mail, mails []org.Mail) bool {
	renewed := wasSentBefore(inv, m, mails) || inv.Status != org.StatusPending && isDatedBefore(inv.Responded, m)
	return !renewed || m.Expires.After(m.At) && m.Expires.After(m.RenewedFrom) && !inv.Expires.Before(m.Expires)
}

// wasSentBefore reports whether inv, which has the id of m, was sent before m too, by the ledger or by its date. mails
// are those to the address of m.
func wasSentBefore(inv org.Invitation, m org.Mail, mails []org.Mail) bool {
	isEarlier := func(other org.Mail) bool { return other.InvitationID == m.InvitationID && other.Sequence < m.Sequence }
	return m.Renewal || slices.ContainsFunc(mails, isEarlier) ||
		!inv.SentAt().IsZero() && inv.SentAt().Before(m.At.Add(-org.SettleAfter))
}

// isDatedBefore reports whether date, a date of the list, is before the mail m. It allows for a date in whole seconds,
// and for the server's time, which orgsync knows only to the second.
func isDatedBefore(date time.Time, m org.Mail) bool { return date.Before(m.At.Add(-2 * time.Second)) }
