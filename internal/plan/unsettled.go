package plan

import (
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
)

// settle looks at the mails to c whose answer was lost. Those that the list shows, or that surely did not go out, become
// facts; the last one of which nobody can tell is returned. Those that did not go out are taken from c's memory, the
// found ones become sent.
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
			c.memory.Doubted = true
			if m.Sequence == c.memory.OnlyMail {
				c.memory.EverMailed = false
			}
		case sentUnknowable:
			// The mail counts as sent, and the next one goes out when this one would have lapsed.
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

// absence is how sure it is that a mail which the list does not show was not sent.
type absence int

const (
	sentUnknown absence = iota // may become sure
	notSent
	sentUnknowable // the list could not show it if it had been sent
)

// judgeAbsence tells whether m, which no row shows, surely was not sent: a later mail shows in the list, or the list has had
// longer than any list is believed to lag. The list tells nothing about an invitation that may have lapsed, since it may
// leave out such, nor about a renewal, which a new invitation may turn out to be, where it has no expiration dates.
// Where it forgets who accepted, it tells nothing either once a user appeared whom the roster does not name.
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
	witnessed := last.Sequence > m.LostAt && !last.At.Before(m.LateUntil)
	// Somebody who appeared since may have accepted it, and the list may forget who accepted.
	accepted := !w.sees.accepted && len(w.newcomersSince(m.Sequence)) > 0
	switch {
	case age < org.SettleAfter && (accepted || !witnessed):
		return sentUnknown
	case accepted:
		return sentUnknowable
	}
	return notSent
}

// mayBeSameAddress tells whether an invitation of nobody may be what m was about: it was made at about the same time, for an
// address that cannot be read or is m's but for dots and plus-tags. How the server spells addresses nobody knows.
func (w *index) mayBeSameAddress(m org.Mail) bool {
	return slices.ContainsFunc(w.unlistedInvitations, func(row org.Invitation) bool {
		if w.byKey[row.Invited.Key()] != nil || !row.Invited.IsZero() && bare(row.Invited.Key()) != bare(m.Email) {
			return false // it is known whose it is, or whose it is not
		}
		apart := row.Created.Sub(m.At).Abs()
		return row.Created.IsZero() || apart <= org.SettleAfter
	})
}

// bare is the key of an address without dots and a plus-tag before the @.
func bare(key string) string {
	local, domain, _ := strings.Cut(key, "@")
	local, _, _ = strings.Cut(local, "+")
	return strings.ReplaceAll(local, ".", "") + "@" + domain
}

// rowOf finds the row that shows a lost mail: one that lapses later than anything sent before it could or, where the
// server gives no dates, a pending one that no other mail accounts for.
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
		if answered(row) && row.Responded.Before(m.At) {
			continue // nor was there anything to answer yet
		}
		lapses := row.Lapses()
		undated := lapses.IsZero() && row.Status == org.StatusPending && own == nil && !m.Resend
		if undated || lapses.After(m.At) {
			return row
		}
	}
	return nil
}

// mayRenew tells whether m may have renewed row, which does not tell: the invitation that it names or, since the server may
// renew a lapsed one when it is asked for a new one, any that can be renewed.
func mayRenew(m org.Mail, row *org.Invitation) bool {
	return row.ID == m.InvitationID || !m.Resend && !answered(row)
}

// answered tells whether somebody, or an administrator, has put an end to row. Where the server does not say when, it
// counts as long ago.
func answered(row *org.Invitation) bool {
	return row.Status == org.StatusAccepted || row.Status == org.StatusDeclined || row.Status == org.StatusCancelled
}

// witness is the last mail, in the ledger's order of sending, that the list of invitations shows: whatever the server did
// before would show too. The zero Mail: none shows.
func (w *index) witness() org.Mail {
	if w.lastSeen == nil { // few plans need it
		w.lastSeen = new(lastVisible(w.in.Memory, w.in.Snapshot.Invitations))
	}
	return *w.lastSeen
}

// lastVisible is the last mail whose answer named an invitation that the rows show; the zero Mail when there is none.
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

// shows tells whether row, which has m's id, is seen after m. A new invitation is there or not; a renewed one was there
// before, so only its new expiration tells. The server may renew one, too, when it is asked for a new one.
func shows(row org.Invitation, m org.Mail) bool {
	renewed := m.Resend || !row.Created.IsZero() && row.Created.Before(m.At.Add(-org.SettleAfter))
	return !renewed || m.Expires.After(m.At) && !row.Expires.Before(m.Expires)
}
