package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

const (
	// If maxRefusals runs in a row failed to mail a person, orgsync tries only once in retryRefusedAfter. A mail that
	// counts as not sent is a failure too: it may have been sent after all, and then each run would mail the person.
	maxRefusals       = org.KeptRefusals
	retryRefusedAfter = 24 * time.Hour
	// flappingWithin is the longest time between two removals of one person that shows that two rosters disagree about
	// them.
	flappingWithin = 7 * 24 * time.Hour
	// tolerance is how much too early a daily run may be, because cron does not start at the same second each day.
	tolerance = time.Hour
	// maxAliasesNamed is how many addresses a notice lists.
	maxAliasesNamed = 3
	// statusNotAccepted is the text of a NeedsAttention notice about a user who has not accepted the invitation.
	statusNotAccepted = "not accepted yet"
)

// holdMail removes the mail to p from d if it must wait, and adds a notice that says why. It does nothing if there is
// no mail, or if --reinvite names p, because then somebody asked for this mail. With --only, a mail to p does not wait
// because of EndsTooSoon. It waits because of RefusedMail only if the last mail was lost: it may have been sent.
func (ix *index) holdMail(p *person, d *decision) {
	if len(d.changes) == 0 || p.reinvite {
		return
	}
	now := ix.in.Snapshot.Now
	switch {
	case ix.isFlapping(p):
		last := p.record.Removals[len(p.record.Removals)-1]
		d.note(p, Notice{Kind: Flapping, Since: last.At, Text: last.Roster})
	case ix.notePossibleAlias(p, d, nil):
	case !p.only && !p.Until.IsZero() && now.Add(org.InvitationLife).After(p.Until.End()):
		d.note(p, Notice{Kind: EndsTooSoon, Text: p.Until.String()})
	case p.record.Refusals >= maxRefusals && now.Sub(p.record.RefusedAt) < retryRefusedAfter-tolerance &&
		(!p.only || p.record.RefusedText == ""):
		d.note(p, Notice{Kind: RefusedMail, Since: p.record.RefusedAt, Text: p.record.RefusedText})
	default:
		return
	}
	d.changes = d.changes[:0]
}

// waitForFirstDay removes the mail to p from d, decided or held, if the first day of p has not begun. It then adds a
// notice, and returns true. It returns false if there is no mail. No flag overrides this.
func (ix *index) waitForFirstDay(p *person, d *decision) bool {
	if !p.NotYet(ix.in.Snapshot.Now) || len(d.changes) == 0 && !slices.ContainsFunc(d.notices, Notice.Holds) {
		return false
	}
	d.changes = d.changes[:0]
	d.notices = slices.DeleteFunc(d.notices, Notice.Holds)
	d.note(p, Notice{Kind: NotYet, Text: p.From.String()})
	return true
}

// noteEndsSoon adds a notice if the last day of p is near, unless the notice EndsTooSoon says so already.
func (ix *index) noteEndsSoon(p *person, d *decision) {
	if p.EndsSoon(ix.in.Snapshot.Now) && !d.hasNotice(EndsTooSoon) {
		d.note(p, Notice{Kind: EndsSoon, Text: p.Until.String()})
	}
}

// isFlapping reports whether orgsync removed p twice within flappingWithin, and the second time within flappingWithin
// of now. Then another roster probably does not list p.
func (ix *index) isFlapping(p *person) bool {
	removals := p.record.Removals
	if len(removals) < 2 {
		return false
	}
	last := removals[len(removals)-1].At
	return last.Sub(removals[len(removals)-2].At) <= flappingWithin && ix.in.Snapshot.Now.Sub(last) <= flappingWithin
}

// possibleAliases returns the users who may be p under an address that the roster does not name, sorted by address.
// They appeared after a mail to p whose invitation is no longer in the list. A user who was there at the last
// --reinvite does not count, because --reinvite asked for a mail nevertheless.
func (ix *index) possibleAliases(p *person) []*org.User {
	hasVanished := func(m org.Mail) bool {
		return !m.Lost && !ix.shows(p, m) && ix.in.Snapshot.Now.Sub(m.At) >= org.SettleAfter
	}
	return ix.unidentifiedSinceMail(p.record.Mails, hasVanished, p.record.ReinvitedSequence)
}

// unidentifiedSinceMail returns the unidentified users who appeared after the first of mails for which counts is true,
// and after the line least of the ledger, sorted by address; none if there is no such mail.
func (ix *index) unidentifiedSinceMail(mails []org.Mail, counts func(org.Mail) bool, least int) []*org.User {
	i := slices.IndexFunc(mails, counts)
	if i < 0 {
		return nil
	}
	return ix.unidentifiedSince(max(mails[i].Sequence, least))
}

// unidentifiedSince returns the unidentified users who appeared after the line sequence of the ledger, sorted by
// address.
func (ix *index) unidentifiedSince(sequence int) []*org.User {
	var since []*org.User
	for _, u := range ix.unidentifiedUsers() {
		if seen, known := ix.in.Memory.Unlisted[u.ID]; !known || seen.Sequence > sequence {
			since = append(since, u)
		}
	}
	return since
}

// firstAddresses returns the first maxAliasesNamed addresses of people, separated by commas.
func firstAddresses[E any](people []E, address func(E) org.Address) string {
	named := make([]string, 0, maxAliasesNamed)
	for _, p := range people[:min(len(people), maxAliasesNamed)] {
		named = append(named, address(p).String())
	}
	return strings.Join(named, ", ")
}

// notePossibleAlias adds a notice about the possible aliases of p, and reports whether there are any. vanished is a
// mail whose invitation is still valid but no longer in the list. If it is nil, the notice says that a mail is held.
func (ix *index) notePossibleAlias(p *person, d *decision, vanished *org.Mail) bool {
	users := ix.possibleAliases(p)
	if len(users) == 0 {
		return false
	}
	text := firstAddresses(users, func(u *org.User) org.Address { return u.Email })
	n := Notice{Kind: PossibleAlias, Text: text}
	if vanished != nil {
		n.Expires, n.ExpiresEstimated = vanished.ExpiresAt(), vanished.ExpiresEstimated()
	}
	if len(users) == 1 {
		n.UserID = users[0].ID
	}
	d.note(p, n)
	return true
}

// unidentifiedUsers returns the unlisted users who may be a person of the roster under another address, sorted by
// address.
func (ix *index) unidentifiedUsers() []*org.User {
	if ix.cachedUnidentified == nil { // computed only on demand, because few plans need it
		ix.cachedUnidentified = []*org.User{}
		for i := range ix.unlistedUsers {
			u := &ix.unlistedUsers[i]
			if !u.Service && !u.Email.IsZero() && !isUnaccepted(u) && !ix.isSelf(u) && !ix.isKnownToLedger(u) &&
				ix.endedAs(u) == nil {
				ix.cachedUnidentified = append(ix.cachedUnidentified, u)
			}
		}
	}
	return ix.cachedUnidentified
}

// isUnderOtherAddress reports whether p is in the organization under an address that the roster does not name. p must
// have a user.
func (p *person) isUnderOtherAddress() bool { return !slices.Contains(p.keys, p.user.Email.Key()) }

// noteOtherAddress adds a notice if p is in the organization under an address that the roster does not name.
func (d *decision) noteOtherAddress(p *person) {
	if p.isUnderOtherAddress() {
		d.note(p, Notice{Kind: OtherAddress, UserID: p.user.ID, Text: p.user.Email.String()})
	}
}
