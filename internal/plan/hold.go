package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

const (
	// After refusalsInARow refused runs in a row, a person is tried only once in each retryRefused.
	refusalsInARow = 3
	retryRefused   = 24 * time.Hour
	// flappingWithin is how close two removals of one person are that show that somebody else lists them.
	flappingWithin = 7 * 24 * time.Hour
	// tolerance is how much earlier than its time a daily thing may be done: cron does not start at the same second.
	tolerance = time.Hour
	// maxAliasesNamed is how many users a notice names as possible aliases.
	maxAliasesNamed = 3
	// notAccepted replaces the status word if the user row says that an invitation waits.
	notAccepted = "not accepted yet"
)

// holdMail takes the mail to p back, if one was decided, where it should wait for a person or for a
// day, and says why. --reinvite overrides all of this: a person asked for the mail by name. --only
// overrides the last two, which wait for a day.
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
	case !p.only && !p.Until.IsZero() && now.Add(org.InvitationLife).After(p.EndsAt()):
		d.note(p, Notice{Kind: EndedSoon, Text: p.Until.Format(time.DateOnly)})
	case !p.only && p.record.Refusals >= refusalsInARow && now.Sub(p.record.RefusedAt) < retryRefused-tolerance:
		d.note(p, Notice{Kind: RefusedMail, Since: p.record.RefusedAt, Text: p.record.RefusedText})
	default:
		return
	}
	d.changes = d.changes[:0]
}

// waitForFirstDay takes the mail to p back, if one was decided or is held, and says so, as long as
// p's first day is to come. Nothing overrides this but another day in the roster.
func (ix *index) waitForFirstDay(p *person, d *decision) bool {
	if !p.NotYet(ix.in.Snapshot.Now) || len(d.changes) == 0 && !slices.ContainsFunc(d.notices, Notice.Holds) {
		return false
	}
	d.changes = d.changes[:0]
	d.notices = slices.DeleteFunc(d.notices, Notice.Holds)
	d.note(p, Notice{Kind: NotYet, Text: p.From.Format(time.DateOnly)})
	return true
}

// noteEndsSoon says that p's last day comes, unless p is not invited because of it.
func (ix *index) noteEndsSoon(p *person, d *decision) {
	if p.EndsSoon(ix.in.Snapshot.Now) && !d.has(EndedSoon) {
		d.note(p, Notice{Kind: EndsSoon, Text: p.Until.Format(time.DateOnly)})
	}
}

// isFlapping reports whether orgsync removed p twice within a few days, and lately: another roster does not list them.
func (ix *index) isFlapping(p *person) bool {
	removals := p.record.Removals
	if len(removals) < 2 {
		return false
	}
	last := removals[len(removals)-1].At
	return last.Sub(removals[len(removals)-2].At) <= flappingWithin && ix.in.Snapshot.Now.Sub(last) <= flappingWithin
}

// possibleAliases returns the users who may be p under an address that the roster does not name, sorted by address: the
// row of a mail to p vanished, and they appeared since.
func (ix *index) possibleAliases(p *person) []*org.User {
	first := 0 // the place of the first mail that has no row
	for _, m := range p.record.Mails {
		if !m.Lost && !p.hasRow(m.InvitationID) && ix.in.Snapshot.Now.Sub(m.At) >= org.SettleAfter {
			first = max(m.Sequence, p.record.Reinvited) // --reinvite came later: the users who were visible then are not new
			break
		}
	}
	if first == 0 {
		return nil
	}
	return ix.newcomersSince(first)
}

// newcomersSince returns the newcomers who appeared since a place in the ledger's order, sorted by address.
func (ix *index) newcomersSince(sequence int) []*org.User {
	var since []*org.User
	for _, u := range ix.newcomers() {
		if seen, known := ix.in.Memory.Unlisted[u.ID]; !known || seen.Sequence > sequence {
			since = append(since, u)
		}
	}
	return since
}

// nameAliases returns the first addresses of people who may be the same person as another one.
func nameAliases[E any](people []E, address func(E) org.Address) string {
	named := make([]string, 0, maxAliasesNamed)
	for _, p := range people[:min(len(people), maxAliasesNamed)] {
		named = append(named, address(p).String())
	}
	return strings.Join(named, ", ")
}

// notePossibleAlias notes the possible aliases of p, and reports whether there are any. vanished is the mail whose
// invitation vanished before it expired; nil if there is none, and then a mail is held.
func (ix *index) notePossibleAlias(p *person, d *decision, vanished *org.Mail) bool {
	users := ix.possibleAliases(p)
	if len(users) == 0 {
		return false
	}
	text := nameAliases(users, func(u *org.User) org.Address { return u.Email })
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

// newcomers returns the users who are in the organization under an address that the roster does not name and may be
// somebody whom it does name, sorted by address.
func (ix *index) newcomers() []*org.User {
	if ix.mayBeAliases == nil { // few plans need it
		ix.mayBeAliases = []*org.User{}
		for i := range ix.unlistedUsers {
			u := &ix.unlistedUsers[i]
			if !u.Service && !u.Email.IsZero() && !isUnaccepted(u) && !ix.isSelf(u) && !ix.isKnownToLedger(u) &&
				ix.endedAs(u) == nil {
				ix.mayBeAliases = append(ix.mayBeAliases, u)
			}
		}
		slices.SortFunc(ix.mayBeAliases, func(a, b *org.User) int {
			return cmp.Or(cmp.Compare(a.Email.Key(), b.Email.Key()), cmp.Compare(a.ID, b.ID))
		})
	}
	return ix.mayBeAliases
}

// isUnderOtherAddress reports whether p is in the organization under an address that the roster does not name.
func (p *person) isUnderOtherAddress() bool {
	return p.user != nil && !slices.Contains(p.keys, p.user.Email.Key())
}

// noteOtherAddress says that p, a user, has an address that the roster does not name.
func (ix *index) noteOtherAddress(p *person, d *decision) {
	if p.isUnderOtherAddress() {
		d.note(p, Notice{Kind: OtherAddress, UserID: p.user.ID, Text: p.user.Email.String()})
	}
}

// unreadableRow returns p's newest invitation that waits or expired and has a date that cannot be read; nil when there
// is none.
func (p *person) unreadableRow() *org.Invitation {
	for _, row := range slices.Backward(p.invitations) {
		if row.DateUnreadable && (row.Status == org.StatusPending || row.Status == org.StatusExpired) {
			return row
		}
	}
	return nil
}
