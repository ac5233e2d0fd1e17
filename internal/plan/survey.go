package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// index is the input of a plan, arranged by person.
type index struct {
	in Input
	// people are the roster's, sorted by address; those whose last day is over are among them, without rows or user.
	people []person
	// byKey finds a person by the key of the address or of an alias.
	byKey map[string]*person
	// remembered is of how many of the people's addresses something is remembered; -1: not counted.
	remembered int
	// protected are the keys of those who are never suspended, removed or revoked.
	protected map[string]bool
	// duplicateEntries are entries of the roster that turned out to be one user.
	duplicateEntries []roster.Problem
	// unlistedUsers and strayRows are the users and invitations of nobody in the roster.
	unlistedUsers       []org.User
	unlistedInvitations []org.Invitation
	// invitedAs are the keys of the addresses that were invited, by the key of the one that accepted; rememberedAs are the
	// keys under which the ledger remembers a user, by the user's id. nil before somebody asks; see aka.
	invitedAs, rememberedAs map[string][]string
	// selfKnown is true when one of the users is known to be the one behind the key.
	selfKnown bool
	// keepsAPI is true when somebody keeps API access that the roster does not give, for the sake of the key.
	keepsAPI bool
	// lastSeen is what witness found; nil before somebody asked.
	lastSeen *org.Mail
	// held is what each user has.
	held holdings
	// sees is what the reading could see.
	sees visibility
	// mayBeAliases are the unlisted users who may be somebody of the roster; nil before newcomers was asked.
	mayBeAliases []*org.User
	// unlistedBySame are the unlisted addresses by what a person is recognised by; nil before
	// noteSameName asked.
	unlistedBySame map[string][]unlistedAddress
	// maybeUnderOtherAddress is the first person who may be a member under an address that nobody
	// knows: they were mailed and the list shows nothing of it, or they accepted and match no user.
	// maybeAccepted is the first who may be, if the list forgets accepted invitations. nil: nobody.
	maybeUnderOtherAddress, maybeAccepted *person
}

// person is an entry of the roster and everything that is known about the person.
type person struct {
	*roster.Person
	// own are the canonical keys of all the person's addresses.
	own   []string
	ended bool
	// roundsReset is true when --reinvite names the person.
	roundsReset bool
	// resend and only are true when the flags of these names name the person.
	resend, only bool
	// service is the service user who has the person's address; nil when there is none, as there should be.
	service *org.User
	// user is nil for people who are not in the organization, as far as can be seen.
	user *org.User
	// unaccepted is the user who has the person's address and has not accepted the invitation; nil when there is none.
	unaccepted *org.User
	// rows are the person's invitations, oldest first.
	rows     []*org.Invitation
	rowCount int // how many they are, before they are there
	// memory is what is remembered of the person. Its mails may be those of the input, which nobody changes.
	memory org.History
}

// newIndex matches users and invitations to the people of the roster.
func newIndex(in Input) *index {
	w := &index{
		in:        in,
		people:    make([]person, 0, len(in.Roster.People)),
		byKey:     make(map[string]*person, len(in.Roster.People)),
		protected: map[string]bool{},
		sees:      visibilityOf(in.Snapshot),
	}
	for i := range in.Snapshot.Users {
		w.selfKnown = w.selfKnown || w.isSelf(&in.Snapshot.Users[i])
	}
	for _, a := range in.Roster.Settings.Protected {
		w.protected[a.Key()] = true
	}
	addresses := 0
	for i := range in.Roster.People {
		p := in.Roster.People[i].On(in.Snapshot.Now)
		w.people = append(w.people, person{Person: p, ended: p.Ended(in.Snapshot.Now)})
		addresses += 1 + len(p.Aliases)
	}
	slices.SortFunc(w.people, func(a, b person) int { return cmp.Compare(a.Email.Key(), b.Email.Key()) })
	keys := make([]string, 0, addresses)
	for i := range w.people {
		c, first := &w.people[i], len(keys)
		keys = append(keys, c.Email.Key())
		for _, a := range c.Aliases {
			keys = append(keys, a.Key())
		}
		c.own = slices.Clip(keys[first:])
		for _, key := range c.own {
			w.byKey[key] = c
		}
		var found int
		c.memory, found = mergeHistories(in.Memory, c.own, in.Snapshot.Now)
		w.remembered += found
	}
	if len(w.byKey) < addresses {
		w.remembered = -1 // somebody is listed twice, and counted so
	}
	for _, a := range in.Reinvite {
		if c := w.byKey[a.Key()]; c != nil {
			c.roundsReset = true
		}
	}
	for _, a := range in.Resend {
		if c := w.byKey[a.Key()]; c != nil {
			c.resend = true
		}
	}
	for _, a := range in.Only {
		if c := w.byKey[a.Key()]; c != nil {
			c.only = true
		}
	}
	w.assignRows()
	w.assignUsers()
	w.mergeRegistered()
	for i := range w.people {
		w.people[i].forgetBeforeRemoval()
	}
	w.held = holdingsOf(in.Snapshot.Access)
	return w
}

// assignRows matches each invitation to a person: by the invited address, by the address that
// accepted it or, because the server may write addresses in its own way, by the id that the ledger
// has for the person. What matches nobody is unlisted.
func (w *index) assignRows() {
	rows := w.in.Snapshot.Invitations
	owners := make([]*person, len(rows))
	var byID map[string]*person // made for the first invitation that matches no address
	owned := 0
	for i := range rows {
		c := w.byKey[rows[i].Invited.Key()]
		if c == nil {
			c = w.byKey[acceptedBy(&rows[i])]
		}
		if c == nil {
			if byID == nil {
				byID = w.mailed()
			}
			c = byID[rows[i].ID]
		}
		if c == nil || c.ended {
			w.unlistedInvitations = append(w.unlistedInvitations, rows[i])
			continue
		}
		owners[i] = c
		c.rowCount++
		owned++
	}
	all := make([]*org.Invitation, owned) // everybody's, one after another
	for i := range w.people {
		c := &w.people[i]
		c.rows, all = all[:0:c.rowCount], all[c.rowCount:]
	}
	for i, c := range owners {
		if c != nil {
			c.rows = append(c.rows, &rows[i])
		}
	}
	for i := range w.people {
		slices.SortFunc(w.people[i].rows, func(a, b *org.Invitation) int {
			return cmp.Or(a.Created.Compare(b.Created), a.ExpiresAt().Compare(b.ExpiresAt()), cmp.Compare(a.ID, b.ID))
		})
	}
}

// mailed returns the person for each invitation id that the ledger knows.
func (w *index) mailed() map[string]*person {
	byID := map[string]*person{}
	for i := range w.people {
		for _, m := range w.people[i].memory.Mails {
			if m.InvitationID != "" {
				byID[m.InvitationID] = &w.people[i]
			}
		}
	}
	return byID
}

// assignUsers matches each user to a person: by the address, by the address that accepted the
// person's invitation or, where the list forgets accepted invitations, by the user id in the
// ledger.
func (w *index) assignUsers() {
	registered := w.registered()
	for key, claimants := range registered {
		if !w.in.Snapshot.UsersSeen {
			w.claim(key, claimants) // whoever accepted counts as a user
		}
	}
	var known map[string]*person // made for the first user who is nobody by their address
	for i := range w.in.Snapshot.Users {
		u := &w.in.Snapshot.Users[i]
		c := w.claim(u.Email.Key(), registered[u.Email.Key()])
		if c == nil || c.ended { // a last day ends nobody who is listed under another address as well
			if known == nil {
				known = w.joinedBefore()
			}
			if last := known[u.ID]; last != nil {
				c = last
			}
		}
		if c != nil && u.Service {
			c.service = u
		}
		if c != nil && !c.ended && isUnaccepted(u) {
			c.unaccepted = u
			continue
		}
		if c == nil || c.ended || u.Email.IsZero() || u.Service {
			w.unlistedUsers = append(w.unlistedUsers, *u)
			continue
		}
		if c.user == nil || c.prefers(u, c.user) {
			c.user = u
		}
	}
}

// prefers reports whether a counts as the person rather than b, where both users match: the one who
// is not suspended comes first, then the one with an address of the roster.
func (c *person) prefers(a, b *org.User) bool {
	ownA, ownB := slices.Contains(c.own, a.Email.Key()), slices.Contains(c.own, b.Email.Key())
	switch {
	case a.Suspended != b.Suspended:
		return b.Suspended
	case ownA != ownB:
		return ownA
	}
	return a.ID < b.ID
}

// registered returns the people whose invitations were accepted, by the key of the address that
// accepted them.
func (w *index) registered() map[string][]*person {
	registered := map[string][]*person{}
	for i := range w.people {
		c := &w.people[i]
		for _, row := range c.rows {
			if key := acceptedBy(row); key != "" && !slices.Contains(registered[key], c) {
				registered[key] = append(registered[key], c)
			}
		}
	}
	return registered
}

// acceptedBy returns the key of the address that accepted the invitation row; "" if it was not
// accepted. Only an accepted invitation says which user the invited person is: a declined one may
// name the user who declined it.
func acceptedBy(row *org.Invitation) string {
	if row.Status != org.StatusAccepted {
		return ""
	}
	return row.Registered.Key()
}

// isUnaccepted reports whether u was invited and has not accepted yet, so that u is not a member.
func isUnaccepted(u *org.User) bool { return u.Accepted != nil && !*u.Accepted }

// claim returns the person who is the user with the address key: the one who lists the address or,
// if nobody does, the first whose invitation it accepted. If others claim it too, one person has
// several entries, which is a problem of the roster.
func (w *index) claim(key string, claimants []*person) *person {
	owner := w.byKey[key]
	if owner == nil && len(claimants) > 0 {
		owner = claimants[0]
	}
	for _, other := range claimants {
		if other == owner {
			continue
		}
		text := fmt.Sprintf("%q accepted as %q, who is listed at %s", other.Email, key, owner.At.Source())
		if w.byKey[key] == nil {
			text = fmt.Sprintf("%q accepted as %q, as did %q, who is listed at %s", other.Email, key, owner.Email, owner.At.Source())
		}
		w.duplicateEntries = append(w.duplicateEntries, roster.Problem{At: other.At, Text: text + ": one person needs one entry, with the other address as an alias"})
	}
	return owner
}

// joinedBefore returns the person for each user id that the ledger knows.
func (w *index) joinedBefore() map[string]*person {
	known := map[string]*person{}
	for i := range w.people {
		if id := w.people[i].memory.UserID; id != "" {
			known[id] = &w.people[i]
		}
	}
	return known
}

// mergeRegistered adds what the ledger knows of people under the address that they accepted with,
// which the roster need not list: whether orgsync suspended or removed them.
func (w *index) mergeRegistered() {
	for i := range w.people {
		c := &w.people[i]
		for _, key := range w.knownKeys(c)[len(c.own):] { // the others' memory is there already
			r := w.in.Memory.People[key]
			c.memory.Suspended = c.memory.Suspended || r.Suspended
			addRemovals(&c.memory, r)
		}
	}
}

// mergeHistories joins what the ledger knows of a person under all their addresses. It also returns
// under how many of them the ledger knows something.
func mergeHistories(memory org.Memory, keys []string, now time.Time) (joined org.History, remembered int) {
	inOrder := func(a, b org.Mail) int { return cmp.Compare(a.Sequence, b.Sequence) }
	ahead := func(m org.Mail) bool { return m.At.After(now) }
	if r, found := memory.People[keys[0]]; len(keys) == 1 && (!found || slices.IsSortedFunc(r.Mails, inOrder) && !slices.ContainsFunc(r.Mails, ahead)) {
		if !found {
			return r, 0
		}
		r.Mails, r.Unlisted = slices.Clip(r.Mails), false // nearly everybody's memory is as it is in the ledger
		if r.RoundsResetSequence <= 0 {
			r.RoundsResetSequence, r.RoundsResetAt = 0, time.Time{}
		}
		return r, 1
	}
	for _, key := range keys {
		r, found := memory.People[key]
		if !found {
			continue
		}
		remembered++
		for _, m := range r.Mails {
			if ahead(m) {
				// A clock was wrong when this was written. It counts as sent now, so that nobody is mailed twice.
				m.At = now
				if m.Expires.After(now.Add(org.InvitationLife)) {
					m.Expires = time.Time{}
				}
			}
			joined.Mails = append(joined.Mails, m)
		}
		joined.Joined = joined.Joined || r.Joined
		joined.JoinedAt = later(joined.JoinedAt, r.JoinedAt)
		joined.UserID = cmp.Or(joined.UserID, r.UserID)
		joined.Suspended = joined.Suspended || r.Suspended
		joined.SuspendedAt = later(joined.SuspendedAt, r.SuspendedAt)
		switch {
		case !r.EverMailed:
		case joined.EverMailed:
			joined.OnlyMail = 0
		default:
			joined.EverMailed, joined.OnlyMail = true, r.OnlyMail
		}
		addRemovals(&joined, r)
		if r.RefusedAt.After(joined.RefusedAt) {
			joined.Refusals, joined.RefusedAt, joined.RefusedText = r.Refusals, r.RefusedAt, r.RefusedText
		}
		joined.AssumedNotSent = joined.AssumedNotSent || r.AssumedNotSent
		joined.Reinvited = max(joined.Reinvited, r.Reinvited)
		if r.RoundsResetSequence > joined.RoundsResetSequence {
			joined.RoundsResetSequence, joined.RoundsResetAt = r.RoundsResetSequence, r.RoundsResetAt
		}
	}
	slices.SortFunc(joined.Mails, inOrder)
	return joined, remembered
}

// addRemovals adds to `to` what r says about removals.
func addRemovals(to *org.History, r org.History) {
	to.Removed = to.Removed || r.Removed
	to.RemovedAt = later(to.RemovedAt, r.RemovedAt)
	to.RemovedSequence = max(to.RemovedSequence, r.RemovedSequence)
	if len(r.Removals) == 0 {
		return
	}
	all := slices.Concat(to.Removals, r.Removals)
	slices.SortStableFunc(all, func(a, b org.Removal) int { return a.At.Compare(b.At) })
	to.Removals = all[max(0, len(all)-2):]
}

// forgetBeforeRemoval drops what happened before orgsync removed c: mails, and invitations that can
// no longer be accepted. A person who was removed and is listed again is invited again, whatever
// came before.
func (c *person) forgetBeforeRemoval() {
	if !c.memory.Removed {
		return
	}
	c.memory.Mails = slices.DeleteFunc(slices.Clone(c.memory.Mails), func(m org.Mail) bool {
		return m.Sequence < c.memory.RemovedSequence
	})
	since := func(t time.Time) bool { return t.After(c.memory.RemovedAt) }
	c.rows = slices.DeleteFunc(slices.Clone(c.rows), func(row *org.Invitation) bool {
		mailed := slices.ContainsFunc(c.memory.Mails, func(m org.Mail) bool { return m.InvitationID == row.ID })
		return row.Status != org.StatusPending && !mailed && !since(row.Created) && !since(row.Responded)
	})
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
