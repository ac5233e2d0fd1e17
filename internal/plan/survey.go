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
	// unlistedUsers and unlistedInvitations belong to nobody in the roster.
	unlistedUsers       []org.User
	unlistedInvitations []org.Invitation
	// invitedAs are the keys of the addresses that were invited, by the key of the one that accepted; rememberedAs are the
	// keys under which the ledger remembers a user, by the user's id. nil before somebody asks; see knownAddresses.
	invitedAs, rememberedAs map[string][]string
	// selfKnown is true if one of the users is known to be the user of the API key.
	selfKnown bool
	// keepsAPI is true if somebody keeps API access that the roster does not give.
	keepsAPI bool
	// lastSeen is the result of witness; nil until it is asked.
	lastSeen *org.Mail
	// access is the groups, roles and policies of each user.
	access holdings
	// visible says which lists the reading could see.
	visible visibility
	// mayBeAliases are the unlisted users who may be somebody of the roster; nil before newcomers was asked.
	mayBeAliases []*org.User
	// unlistedBySame are the unlisted addresses by what a person is recognised by; nil before
	// noteSameName asked.
	unlistedBySame map[string][]unlistedAddress
	// possiblyHidden is the first person who may be a member under an address that nobody
	// knows: they were mailed and the list shows nothing of it, or they accepted and match no user.
	// possiblyAccepted is the first who may be, if the list forgets accepted invitations. nil: nobody.
	possiblyHidden, possiblyAccepted *person
}

// person is an entry of the roster and everything that is known about the person.
type person struct {
	*roster.Person
	// keys are the canonical keys of all the person's addresses.
	keys  []string
	ended bool
	// reinvite is true when --reinvite names the person.
	reinvite bool
	// resend and only are true when the flags of these names name the person.
	resend, only bool
	// service is the service user who has the person's address; nil when there is none, as there should be.
	service *org.User
	// user is nil for people who are not in the organization, as far as can be seen.
	user *org.User
	// unaccepted is the user who has the person's address and has not accepted the invitation; nil when there is none.
	unaccepted *org.User
	// invitations are the person's invitations, oldest first.
	invitations     []*org.Invitation
	invitationCount int // their number, counted before they are assigned
	// record is what is remembered of the person. Its mails may be those of the input, which nobody changes.
	record *org.PersonRecord
}

// noRecord is the record of all people that the ledger does not know. Nobody changes it.
var noRecord = &org.PersonRecord{}

// newIndex matches users and invitations to the people of the roster.
func newIndex(in Input) *index {
	ix := &index{
		in:        in,
		people:    make([]person, 0, len(in.Roster.People)),
		byKey:     make(map[string]*person, len(in.Roster.People)),
		protected: map[string]bool{},
		visible:   visibilityOf(in.Snapshot),
	}
	for i := range in.Snapshot.Users {
		ix.selfKnown = ix.selfKnown || ix.isSelf(&in.Snapshot.Users[i])
	}
	for _, a := range in.Roster.Settings.Protected {
		ix.protected[a.Key()] = true
	}
	addresses := 0
	for i := range in.Roster.People {
		entry := in.Roster.People[i].On(in.Snapshot.Now)
		ix.people = append(ix.people, person{Person: entry, ended: entry.Ended(in.Snapshot.Now)})
		addresses += 1 + len(entry.Aliases)
	}
	slices.SortFunc(ix.people, func(a, b person) int { return cmp.Compare(a.Email.Key(), b.Email.Key()) })
	keys := make([]string, 0, addresses)
	for i := range ix.people {
		p, first := &ix.people[i], len(keys)
		keys = append(keys, p.Email.Key())
		for _, a := range p.Aliases {
			keys = append(keys, a.Key())
		}
		p.keys = slices.Clip(keys[first:])
		for _, key := range p.keys {
			ix.byKey[key] = p
		}
		var found int
		p.record, found = mergeHistories(in.Memory, p.keys, in.Snapshot.Now)
		ix.remembered += found
	}
	if len(ix.byKey) < addresses {
		ix.remembered = -1 // somebody is listed twice, and counted so
	}
	for _, a := range in.Reinvite {
		if p := ix.byKey[a.Key()]; p != nil {
			p.reinvite = true
		}
	}
	for _, a := range in.Resend {
		if p := ix.byKey[a.Key()]; p != nil {
			p.resend = true
		}
	}
	ix.assignRows()
	ix.assignUsers()
	for i := range ix.people {
		p := &ix.people[i]
		p.only = slices.ContainsFunc(in.Only, func(a org.Address) bool {
			// also by an address that the roster does not name, if the person is in the organization under it
			return ix.byKey[a.Key()] == p || p.user != nil && p.user.Email.Equal(a)
		})
	}
	ix.mergeRegistered()
	for i := range ix.people {
		ix.people[i].forgetBeforeRemoval()
	}
	ix.access = holdingsOf(in.Snapshot.Access)
	return ix
}

// assignRows matches each invitation to a person: by the invited address, by the address that
// accepted it or, because the server may write addresses in its own way, by the id that the ledger
// has for the person. What matches nobody is unlisted.
func (ix *index) assignRows() {
	rows := ix.in.Snapshot.Invitations
	owners := make([]*person, len(rows))
	var byID map[string]*person // made for the first invitation that matches no address
	owned := 0
	for i := range rows {
		p := ix.byKey[rows[i].Invited.Key()]
		if p == nil {
			p = ix.byKey[acceptedBy(&rows[i])]
		}
		if p == nil {
			if byID == nil {
				byID = ix.peopleByInvitationID()
			}
			p = byID[rows[i].ID]
		}
		if p == nil || p.ended {
			ix.unlistedInvitations = append(ix.unlistedInvitations, rows[i])
			continue
		}
		owners[i] = p
		p.invitationCount++
		owned++
	}
	all := make([]*org.Invitation, owned) // everybody's, one after another
	for i := range ix.people {
		p := &ix.people[i]
		p.invitations, all = all[:0:p.invitationCount], all[p.invitationCount:]
	}
	for i, p := range owners {
		if p != nil {
			p.invitations = append(p.invitations, &rows[i])
		}
	}
	for i := range ix.people {
		slices.SortFunc(ix.people[i].invitations, func(a, b *org.Invitation) int {
			return cmp.Or(a.Created.Compare(b.Created), a.ExpiresAt().Compare(b.ExpiresAt()), cmp.Compare(a.ID, b.ID))
		})
	}
}

// peopleByInvitationID returns the person for each invitation id that the ledger knows.
func (ix *index) peopleByInvitationID() map[string]*person {
	byID := map[string]*person{}
	for i := range ix.people {
		for _, m := range ix.people[i].record.Mails {
			if m.InvitationID != "" {
				byID[m.InvitationID] = &ix.people[i]
			}
		}
	}
	return byID
}

// assignUsers matches each user to a person: by the address, by the address that accepted the
// person's invitation or, where the list forgets accepted invitations, by the user id in the
// ledger.
func (ix *index) assignUsers() {
	registered := ix.peopleByAcceptedAddress()
	for key, claimants := range registered {
		if !ix.in.Snapshot.UsersSeen {
			ix.ownerOf(key, claimants) // whoever accepted counts as a user
		}
	}
	var known map[string]*person // made for the first user who is nobody by their address
	for i := range ix.in.Snapshot.Users {
		u := &ix.in.Snapshot.Users[i]
		p := ix.ownerOf(u.Email.Key(), registered[u.Email.Key()])
		if p == nil || p.ended { // a last day ends nobody who is listed under another address as well
			if known == nil {
				known = ix.joinedBefore()
			}
			if last := known[u.ID]; last != nil {
				p = last
			}
		}
		if p != nil && u.Service {
			p.service = u
		}
		if p != nil && !p.ended && isUnaccepted(u) {
			p.unaccepted = u
			continue
		}
		if p == nil || p.ended || u.Email.IsZero() || u.Service {
			ix.unlistedUsers = append(ix.unlistedUsers, *u)
			continue
		}
		if p.user == nil || p.prefers(u, p.user) {
			p.user = u
		}
	}
}

// prefers reports whether a counts as the person rather than b, where both users match: the one who
// is not suspended comes first, then the one with an address of the roster.
func (p *person) prefers(a, b *org.User) bool {
	ownA, ownB := slices.Contains(p.keys, a.Email.Key()), slices.Contains(p.keys, b.Email.Key())
	switch {
	case a.Suspended != b.Suspended:
		return b.Suspended
	case ownA != ownB:
		return ownA
	}
	return a.ID < b.ID
}

// peopleByAcceptedAddress returns the people whose invitations were accepted, by the key of the address that
// accepted them.
func (ix *index) peopleByAcceptedAddress() map[string][]*person {
	registered := map[string][]*person{}
	for i := range ix.people {
		p := &ix.people[i]
		for _, row := range p.invitations {
			if key := acceptedBy(row); key != "" && !slices.Contains(registered[key], p) {
				registered[key] = append(registered[key], p)
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

// ownerOf returns the person who is the user with the address key: the one who lists the address or,
// if nobody does, the first whose invitation it accepted. If others claim it too, one person has
// several entries, which is a problem of the roster.
func (ix *index) ownerOf(key string, claimants []*person) *person {
	owner := ix.byKey[key]
	if owner == nil && len(claimants) > 0 {
		owner = claimants[0]
	}
	for _, other := range claimants {
		if other == owner {
			continue
		}
		text := fmt.Sprintf("%q accepted as %q, who is listed at %s", other.Email, key, owner.At.Source())
		if ix.byKey[key] == nil {
			text = fmt.Sprintf("%q accepted as %q, as did %q, who is listed at %s", other.Email, key, owner.Email,
				owner.At.Source())
		}
		ix.duplicateEntries = append(ix.duplicateEntries, roster.Problem{At: other.At,
			Text: text + ": one person needs one " +
				"entry, with the other address as an alias"})
	}
	return owner
}

// joinedBefore returns the person for each user id that the ledger knows.
func (ix *index) joinedBefore() map[string]*person {
	known := map[string]*person{}
	for i := range ix.people {
		if id := ix.people[i].record.UserID; id != "" {
			known[id] = &ix.people[i]
		}
	}
	return known
}

// mergeRegistered adds what the ledger knows of people under the address that they accepted with,
// which the roster need not list: whether orgsync suspended or removed them.
func (ix *index) mergeRegistered() {
	for i := range ix.people {
		p := &ix.people[i]
		for _, key := range ix.knownKeys(p)[len(p.keys):] { // the others' memory is there already
			r, found := ix.in.Memory.People[key]
			if !found {
				continue
			}
			if p.record == noRecord {
				p.record = &org.PersonRecord{}
			}
			p.record.Suspended = p.record.Suspended || r.Suspended
			addRemovals(p.record, r)
		}
	}
}

// mergeHistories joins what the ledger knows of a person under all their addresses. It also returns
// under how many of them the ledger knows something.
func mergeHistories(memory org.Memory, keys []string, now time.Time) (joined *org.PersonRecord, remembered int) {
	inOrder := func(a, b org.Mail) int { return cmp.Compare(a.Sequence, b.Sequence) }
	ahead := func(m org.Mail) bool { return m.At.After(now) }
	isKnown := func(key string) bool { _, found := memory.People[key]; return found }
	if !slices.ContainsFunc(keys, isKnown) {
		return noRecord, 0
	}
	if r := memory.People[keys[0]]; len(keys) == 1 && slices.IsSortedFunc(r.Mails, inOrder) &&
		!slices.ContainsFunc(r.Mails, ahead) {
		r.Mails, r.Unlisted = slices.Clip(r.Mails), false // nearly everybody's memory is as it is in the ledger
		if r.RoundsResetSequence <= 0 {
			r.RoundsResetSequence, r.RoundsResetAt = 0, time.Time{}
		}
		return &r, 1
	}
	joined = &org.PersonRecord{}
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
		joined.JoinedAt = org.Later(joined.JoinedAt, r.JoinedAt)
		joined.UserID = cmp.Or(joined.UserID, r.UserID)
		joined.Suspended = joined.Suspended || r.Suspended
		joined.SuspendedAt = org.Later(joined.SuspendedAt, r.SuspendedAt)
		switch {
		case !r.EverMailed:
		case joined.EverMailed:
			joined.OnlyMail = 0
		default:
			joined.EverMailed, joined.OnlyMail = true, r.OnlyMail
		}
		addRemovals(joined, r)
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
func addRemovals(to *org.PersonRecord, r org.PersonRecord) {
	to.Removed = to.Removed || r.Removed
	to.RemovedAt = org.Later(to.RemovedAt, r.RemovedAt)
	to.RemovedSequence = max(to.RemovedSequence, r.RemovedSequence)
	if len(r.Removals) == 0 {
		return
	}
	all := slices.Concat(to.Removals, r.Removals)
	slices.SortStableFunc(all, func(a, b org.Removal) int { return a.At.Compare(b.At) })
	to.Removals = all[max(0, len(all)-2):]
}

// forgetBeforeRemoval drops what happened before orgsync removed p: mails, and invitations that can
// no longer be accepted. A person who was removed and is listed again is invited again, whatever
// came before.
func (p *person) forgetBeforeRemoval() {
	if !p.record.Removed {
		return
	}
	p.record.Mails = slices.DeleteFunc(slices.Clone(p.record.Mails), func(m org.Mail) bool {
		return m.Sequence < p.record.RemovedSequence
	})
	since := func(t time.Time) bool { return t.After(p.record.RemovedAt) }
	p.invitations = slices.DeleteFunc(slices.Clone(p.invitations), func(row *org.Invitation) bool {
		mailed := slices.ContainsFunc(p.record.Mails, func(m org.Mail) bool { return m.InvitationID == row.ID })
		return row.Status != org.StatusPending && !mailed && !since(row.Created) && !since(row.Responded)
	})
}
