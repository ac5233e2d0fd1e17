package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

const (
	// refusalsInARow is after how many runs that refused a person's mail they are only tried once in retryRefused.
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

// holdMail takes the mail to c back, if one was decided, where it should wait for a person or for a
// day, and says why. --reinvite overrides all of this: a person asked for the mail by name. --only
// overrides the last two, which wait for a day.
func (w *index) holdMail(c *person, v *decision) {
	if len(v.changes) == 0 || c.roundsReset {
		return
	}
	now := w.in.Snapshot.Now
	switch {
	case w.isFlapping(c):
		last := c.memory.Removals[len(c.memory.Removals)-1]
		v.note(c, Notice{Kind: Flapping, Since: last.At, Text: last.Roster})
	case w.notePossibleAlias(c, v, time.Time{}):
	case !c.only && !c.Until.IsZero() && now.Add(org.InvitationLife).After(c.EndsAt()):
		v.note(c, Notice{Kind: EndedSoon, Text: c.Until.Format(time.DateOnly)})
	case !c.only && c.memory.Refusals >= refusalsInARow && now.Sub(c.memory.RefusedAt) < retryRefused-tolerance:
		v.note(c, Notice{Kind: RefusedMail, Since: c.memory.RefusedAt, Text: c.memory.RefusedText})
	default:
		return
	}
	v.changes = v.changes[:0]
}

// waitForFirstDay takes the mail to c back, if one was decided or is held, and says so, as long as
// c's first day is to come. Nothing overrides this but another day in the roster.
func (w *index) waitForFirstDay(c *person, v *decision) bool {
	if !c.NotYet(w.in.Snapshot.Now) || len(v.changes) == 0 && !slices.ContainsFunc(v.notices, Notice.Holds) {
		return false
	}
	v.changes = v.changes[:0]
	v.notices = slices.DeleteFunc(v.notices, Notice.Holds)
	v.note(c, Notice{Kind: NotYet, Text: c.From.Format(time.DateOnly)})
	return true
}

// noteEndsSoon says that c's last day comes, unless c is not invited because of it.
func (w *index) noteEndsSoon(c *person, v *decision) {
	said := slices.ContainsFunc(v.notices, func(n Notice) bool { return n.Kind == EndedSoon })
	if c.EndsSoon(w.in.Snapshot.Now) && !said {
		v.note(c, Notice{Kind: EndsSoon, Text: c.Until.Format(time.DateOnly)})
	}
}

// isFlapping reports whether orgsync removed c twice within a few days, and lately: another roster does not list them.
func (w *index) isFlapping(c *person) bool {
	removals := c.memory.Removals
	if len(removals) < 2 {
		return false
	}
	last := removals[len(removals)-1].At
	return last.Sub(removals[len(removals)-2].At) <= flappingWithin && w.in.Snapshot.Now.Sub(last) <= flappingWithin
}

// possibleAliases returns the users who may be c under an address that the roster does not name, sorted by address: the row
// of a mail to c vanished, and they appeared since.
func (w *index) possibleAliases(c *person) []*org.User {
	first := 0 // the place of the first mail that has no row
	for _, m := range c.memory.Mails {
		if !m.Lost && !c.hasRow(m.InvitationID) && w.in.Snapshot.Now.Sub(m.At) >= org.SettleAfter {
			first = max(m.Sequence, c.memory.Reinvited) // who named the person then knew the users there were
			break
		}
	}
	if first == 0 {
		return nil
	}
	return w.newcomersSince(first)
}

// newcomersSince returns the newcomers who appeared since a place in the ledger's order, sorted by address.
func (w *index) newcomersSince(sequence int) []*org.User {
	var since []*org.User
	for _, u := range w.newcomers() {
		if seen, known := w.in.Memory.Unlisted[u.ID]; !known || seen.Sequence > sequence {
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

// notePossibleAlias notes the possible aliases of c, and reports whether there are any. expires is when the invitation that
// vanished expires, if it has not; then nothing is held.
func (w *index) notePossibleAlias(c *person, v *decision, expires time.Time) bool {
	users := w.possibleAliases(c)
	if len(users) == 0 {
		return false
	}
	text := nameAliases(users, func(u *org.User) org.Address { return u.Email })
	n := Notice{Kind: PossibleAlias, Expires: expires, Text: text}
	if len(users) == 1 {
		n.UserID = users[0].ID
	}
	v.note(c, n)
	return true
}

// newcomers returns the users who are in the organization under an address that the roster does not name and may be somebody
// whom it does name, sorted by address.
func (w *index) newcomers() []*org.User {
	if w.mayBeAliases == nil { // few plans need it
		w.mayBeAliases = []*org.User{}
		for i := range w.unlistedUsers {
			u := &w.unlistedUsers[i]
			if !u.Service && !u.Email.IsZero() && !isUnaccepted(u) && !w.isSelf(u) && !w.isKnownToLedger(u) && w.endedAs(u) == nil {
				w.mayBeAliases = append(w.mayBeAliases, u)
			}
		}
		slices.SortFunc(w.mayBeAliases, func(a, b *org.User) int {
			return cmp.Or(cmp.Compare(a.Email.Key(), b.Email.Key()), cmp.Compare(a.ID, b.ID))
		})
	}
	return w.mayBeAliases
}

// isUnderOtherAddress reports whether c is in the organization under an address that the roster does not name.
func (c *person) isUnderOtherAddress() bool {
	return c.user != nil && !slices.Contains(c.own, c.user.Email.Key())
}

// noteOtherAddress says that c, a user, has an address that the roster does not name.
func (w *index) noteOtherAddress(c *person, v *decision) {
	if c.isUnderOtherAddress() {
		v.note(c, Notice{Kind: OtherAddress, UserID: c.user.ID, Text: c.user.Email.String()})
	}
}

// unreadableRow returns c's newest invitation that waits or expired and has a date that cannot be read; nil when there is
// none.
func (c *person) unreadableRow() *org.Invitation {
	for _, row := range slices.Backward(c.rows) {
		if row.DateUnreadable && (row.Status == org.StatusPending || row.Status == org.StatusExpired) {
			return row
		}
	}
	return nil
}
