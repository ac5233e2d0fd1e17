package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// index is the input of a plan, arranged by person. It also caches results for the rules.
type index struct {
	in Input
	// people are the people of the roster, sorted by the key of the address. People whose last day is over are among
	// them, without invitations and user. PersonStatuses adds their users.
	people []person
	// byKey has the person for the key of each address and alias.
	byKey map[string]*person
	// protected has keys of addresses. orgsync never suspends or removes users with these addresses, and takes no access
	// from them.
	protected map[string]bool
	// duplicateEntries has a problem for each entry of the roster that is the same user as another entry.
	duplicateEntries []roster.Problem
	// unlistedUsers and unlistedInvitations match nobody in the roster, or people whose last day is over.
	unlistedUsers       []org.User
	unlistedInvitations []org.Invitation
	// invitedAs has, by the key of the address that accepted, the keys of the addresses that were invited.
	// perhapsInvitedAs has the same for invitations that name a user and whose status does not say that the user
	// accepted. registeredAs has, by the key of the address that was invited, the keys of the addresses that accepted.
	// rememberedAs has, by user id, the keys that the ledger has for the user. addressByID has, by user id, the key of
	// the user's address. indexAddresses computes all of them; before, they are nil.
	invitedAs, perhapsInvitedAs, registeredAs, rememberedAs map[string][]string
	addressByID                                             map[string]string
	// selfKnown is true if the user of the API key is among the users.
	selfKnown bool
	// someoneKeepsAPI is true if a member keeps API access that the roster does not give, because orgsync may not take
	// it.
	someoneKeepsAPI bool
	// witnessMail is the result of witness; nil before its first call.
	witnessMail *org.Mail
	access      holdings
	visible     visibility
	// cachedUnidentified is the result of unidentifiedUsers; nil before its first call.
	cachedUnidentified []*org.User
	// seenUnlisted has, by address, the last line of the ledger that recorded an unlisted user with this address; nil
	// before wasUnlistedUser needs it.
	seenUnlisted map[string]org.Sighting
	// cachedSuspended is the result of suspendedAddresses; nil before its first call.
	cachedSuspended map[string][]string
	// unlistedBySameKey is the result of indexUnlisted; nil before noteSameName needs it.
	unlistedBySameKey map[string][]unlistedAddress
	// mayBeRenamed has the ids of the unlisted users that a SameName notice is about.
	mayBeRenamed map[string]bool
	// maybeUnlisted is the first person who may be a member under an unknown address: the list does not show the
	// invitation of a mail to them, or they were a member and match no user. possiblyAccepted is the first person who
	// may also be such a member, but only if the list does not show accepted invitations. Both are nil if there is
	// nobody.
	maybeUnlisted, possiblyAccepted *person
}

// person is an entry of the roster with everything that is known about the person.
type person struct {
	*roster.Person
	// keys are the keys of all addresses of the person in the roster, the `email` of the entry first.
	keys []string
	// ended is true if the person's last day is over.
	ended bool
	// reinvite, resend and only are true if the flags with these names select the person.
	reinvite, resend, only bool
	// service is the service user who has an address of the person; nil if there is none.
	service *org.User
	// user is the user of the person; nil if the person is not in the organization, or the key cannot list users.
	user *org.User
	// hasOwnUser is true if the organization has a user with an address that the roster has for the person. Then an
	// invitation of the person that another address accepted does not say that both addresses are one person.
	hasOwnUser bool
	// secondUsers are other active users who are the person too.
	secondUsers []*org.User
	// unaccepted is the user who has an address of the person and has not accepted the invitation; nil if there is none.
	unaccepted *org.User
	// unidentified is true if the ledger knows the person as a user whose address can no longer be read.
	unidentified bool
	// holdsAccess is true if an address of the person has a group, role or policy without being in the list of users.
	holdsAccess bool
	// invitations are the invitations of the person in the list, oldest first.
	invitations []*org.Invitation
	// record has what the ledger knows of the person. Its mails may share memory with the input, so nobody may change
	// them.
	record *org.PersonRecord
}

// noRecord is the record of all people that the ledger does not know. Nobody may change it.
var noRecord = &org.PersonRecord{}

// newIndex makes the index of in, and matches users and invitations to the people of the roster.
func newIndex(in Input) *index {
	in.Memory = spellIDs(in.Memory, in.Snapshot.Users)
	in.Snapshot.Users = slices.Clone(in.Snapshot.Users)
	slices.SortFunc(in.Snapshot.Users, func(a, b org.User) int {
		return cmp.Or(cmp.Compare(a.Email.Key(), b.Email.Key()), cmp.Compare(a.ID, b.ID))
	})
	ix := &index{
		in:        in,
		people:    make([]person, 0, len(in.Roster.People)),
		byKey:     make(map[string]*person, len(in.Roster.People)),
		protected: map[string]bool{}, mayBeRenamed: map[string]bool{},
		visible: visibilityOf(in.Snapshot),
	}
	ix.selfKnown = slices.ContainsFunc(in.Snapshot.Users, func(u org.User) bool { return ix.isSelf(&u) })
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
		p.record = mergeHistories(in.Memory, p.keys, in.Snapshot.Now)
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
	ix.assignInvitations()
	ix.assignUsers()
	for i := range ix.people {
		p := &ix.people[i]
		p.only = slices.ContainsFunc(in.Only, func(a org.Address) bool {
			// The address may also be that of the person's user, which the roster need not have.
			return ix.byKey[a.Key()] == p || p.user != nil && p.user.Email.Equal(a)
		})
	}
	ix.mergeRegistered()
	ix.markHolders()
	for i := range ix.people {
		ix.people[i].forgetBeforeRemoval()
	}
	ix.access = holdingsOf(in.Snapshot.Access)
	return ix
}

// spellIDs returns m with the ids of users written as in the list of users: the API may write an id in upper or lower
// case. It does not change m.
func spellIDs(m org.Memory, users []org.User) org.Memory {
	withCapitals := map[string]string{} // by the id in lower case
	for i := range users {
		if id := strings.ToLower(users[i].ID); id != users[i].ID {
			withCapitals[id] = users[i].ID
		}
	}
	spell := func(id string) string {
		id = strings.ToLower(id)
		return cmp.Or(withCapitals[id], id)
	}
	changed := map[string]org.PersonRecord{}
	for key, r := range m.People {
		if id := spell(r.UserID); id != r.UserID {
			r.UserID = id
			changed[key] = r
		}
	}
	if len(changed) > 0 {
		m.People = maps.Clone(m.People)
		maps.Copy(m.People, changed)
	}
	if len(withCapitals) > 0 { // the memory has the ids of unlisted users in lower case
		unlisted := make(map[string]org.Sighting, len(m.Unlisted))
		for id, seen := range m.Unlisted {
			unlisted[spell(id)] = seen
		}
		m.Unlisted = unlisted
	}
	return m
}

// assignInvitations matches each invitation to a person: by the invited address, by the address that accepted it, or
// by the invitation id that the ledger has for the person. The id helps if the server writes addresses in its own
// way. Invitations that match nobody are unlisted.
func (ix *index) assignInvitations() {
	var byID map[string]*person // computed only if an invitation matches no address
	for i := range ix.in.Snapshot.Invitations {
		inv := &ix.in.Snapshot.Invitations[i]
		p := ix.byKey[inv.Invited.Key()]
		if p == nil || p.ended { // a person whose last day is over may have another entry
			p = cmp.Or(ix.byKey[acceptedBy(inv)], p)
		}
		if p == nil {
			if byID == nil {
				byID = ix.peopleByInvitationID()
			}
			p = byID[inv.ID]
		}
		if p == nil || p.ended {
			ix.unlistedInvitations = append(ix.unlistedInvitations, *inv)
			ix.visible.unidentified = ix.visible.unidentified || p == nil && inv.Unidentified && ix.canBeAccepted(inv)
			continue
		}
		if m := p.mailOf(inv.ID); inv.StatusIfSentAgain != "" && !inv.Responded.IsZero() && m != nil &&
			m.At.After(inv.Responded) {
			sentAgain := *inv
			sentAgain.Status = inv.StatusIfSentAgain
			inv = &sentAgain
		}
		p.invitations = append(p.invitations, inv)
	}
	for i := range ix.people {
		slices.SortFunc(ix.people[i].invitations, func(a, b *org.Invitation) int {
			return cmp.Or(a.SentAt().Compare(b.SentAt()), a.ExpiresAt().Compare(b.ExpiresAt()), cmp.Compare(a.ID, b.ID))
		})
	}
}

// peopleByInvitationID returns the person for each invitation id in the ledger.
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

// assignUsers matches each user to a person: by the address, by the address that accepted the person's invitation, or
// by the user id in the ledger. The user id helps if the list does not show accepted invitations, or if the address
// of the user has changed. Users who match nobody are unlisted.
func (ix *index) assignUsers() {
	for i := range ix.in.Snapshot.Users {
		u := &ix.in.Snapshot.Users[i]
		if p := ix.byKey[u.Email.Key()]; p != nil && !isUnaccepted(u) && !u.Service {
			p.hasOwnUser = true
		}
	}
	accepted := ix.peopleByAcceptedAddress()
	if !ix.in.Snapshot.UsersVisible {
		for key, claimants := range accepted {
			ix.ownerOf(key, claimants) // only for the problems that it adds
		}
	}
	var byUserID map[string]*person // computed only if an address of a user matches nobody
	for i := range ix.in.Snapshot.Users {
		u := &ix.in.Snapshot.Users[i]
		p := ix.ownerOf(u.Email.Key(), accepted[u.Email.Key()])
		if p == nil || p.ended { // a person whose last day is over may have another entry
			if byUserID == nil {
				byUserID = ix.peopleByUserID()
			}
			p = cmp.Or(byUserID[u.ID], p)
		}
		if p != nil && u.Service {
			p.service = u
		}
		switch isKnown := p != nil && u.Email.IsZero() && !u.Service; {
		case isKnown: // by its id
			p.unidentified = true
		case u.Unidentified:
			ix.visible.unidentified = true
		}
		if p != nil && !p.ended && isUnaccepted(u) {
			p.unaccepted = u
			continue
		}
		if p == nil || p.ended || u.Email.IsZero() || u.Service {
			ix.unlistedUsers = append(ix.unlistedUsers, *u)
			continue
		}
		other := p.user
		if other == nil || ix.prefers(p, u, other) {
			p.user, u = u, other
		}
		if u != nil && !u.Suspended {
			p.secondUsers = append(p.secondUsers, u)
		}
	}
}

// prefers reports whether user a rather than user b is the user of p, if both match: first a user who is not
// suspended, then a user with an address of the roster, then a user that orgsync suspended, then the user whose address
// comes first in the entry.
func (ix *index) prefers(p *person, a, b *org.User) bool {
	placeA, placeB := slices.Index(p.keys, a.Email.Key()), slices.Index(p.keys, b.Email.Key())
	switch isOwnA, isOwnB := placeA >= 0, placeB >= 0; {
	case a.Suspended != b.Suspended:
		return b.Suspended
	case isOwnA != isOwnB:
		return isOwnA
	case a.Suspended:
		if byOrgsync := ix.wasSuspendedByOrgsync(p, a); byOrgsync != ix.wasSuspendedByOrgsync(p, b) {
			return byOrgsync
		}
	}
	return placeA < placeB
}

// peopleByAcceptedAddress returns the people with accepted invitations, by the key of the address that accepted.
func (ix *index) peopleByAcceptedAddress() map[string][]*person {
	accepted := map[string][]*person{}
	for i := range ix.people {
		p := &ix.people[i]
		for _, inv := range p.invitations {
			if key := acceptedBy(inv); key != "" {
				accepted[key] = append(accepted[key], p)
			}
		}
	}
	return accepted
}

// acceptedBy returns the key of the address that accepted inv; "" if inv was not accepted. A declined invitation may
// have an address that declined it, but this does not say which user the invited person is.
func acceptedBy(inv *org.Invitation) string {
	if inv.Status != org.StatusAccepted {
		return ""
	}
	return inv.Registered.Key()
}

// isUnaccepted reports whether u was invited and has not accepted yet. Then u is not a member.
func isUnaccepted(u *org.User) bool { return u.Accepted != nil && !*u.Accepted }

// ownerOf returns the person who is the user with the address key. claimants are the people whose invitations this
// address accepted. The owner is the person whose entry has the address. If there is none, or the last day of this
// entry is over, it is the first of the claimants without a user of their own. If no entry has the address, it may also
// be a claimant with a user of their own. If other claimants have no user of their own either, they are more entries
// for the same person. ownerOf then adds a problem of the roster for each of them, but only once, although several
// users may have the address.
func (ix *index) ownerOf(key string, claimants []*person) *person {
	owner := ix.byKey[key]
	if owner == nil || owner.ended {
		switch i := slices.IndexFunc(claimants, func(p *person) bool { return !p.hasOwnUser }); {
		case i >= 0:
			owner = claimants[i]
		case owner == nil && len(claimants) > 0:
			owner = claimants[0]
		}
	}
	for _, other := range claimants {
		if other == owner || other.hasOwnUser {
			continue
		}
		text := fmt.Sprintf("%q accepted the invitation to %q, and is listed at %s", key, other.Email, owner.At.Source())
		if ix.byKey[key] != owner {
			text = fmt.Sprintf("%q accepted the invitation to %q, and also the one to %q, who is listed at %s", key,
				other.Email, owner.Email, owner.At.Source())
		}
		problem := roster.Problem{At: other.At, Text: fmt.Sprintf("%s: one person needs one entry, with the other address "+
			"as an alias; for two people, invite %s in Vultr's console", text, other.Email)}
		if !slices.Contains(ix.duplicateEntries, problem) {
			ix.duplicateEntries = append(ix.duplicateEntries, problem)
		}
	}
	return owner
}

// peopleByUserID returns the person for each user id in the ledger: the person who last joined as this user, or whose
// address the user had when orgsync first saw the user as unlisted. It prefers people whose last day is not over, and
// then the person who joined later.
func (ix *index) peopleByUserID() map[string]*person {
	byID := map[string]*person{}
	for i := range ix.people {
		p := &ix.people[i]
		id := p.record.UserID
		if id == "" {
			continue
		}
		if other := byID[id]; other == nil || other.ended && !p.ended ||
			other.ended == p.ended && p.record.UserSequence > other.record.UserSequence {
			byID[id] = p
		}
	}
	for id, seen := range ix.in.Memory.Unlisted {
		if p := ix.byKey[seen.Email]; p != nil && (byID[id] == nil || byID[id].ended) {
			byID[id] = p
		}
	}
	return byID
}

// markHolders sets holdsAccess of all people. A group may show a person under the address with which the person
// accepted an invitation.
func (ix *index) markHolders() {
	if len(ix.in.Snapshot.OtherHolders) == 0 {
		return
	}
	holders := map[string]bool{}
	for _, a := range ix.in.Snapshot.OtherHolders {
		holders[a.Key()] = true
	}
	for i := range ix.people {
		p := &ix.people[i]
		p.holdsAccess = !p.record.Removed &&
			slices.ContainsFunc(p.knownKeys(), func(key string) bool { return holders[key] })
	}
}

// mergeRegistered adds to the records of people what the ledger has under the addresses of their users: whether
// orgsync removed them. The roster need not have these addresses.
func (ix *index) mergeRegistered() {
	for i := range ix.people {
		p := &ix.people[i]
		for _, key := range p.knownKeys()[len(p.keys):] { // mergeHistories has merged the roster's keys
			r, found := ix.in.Memory.People[key]
			if !found {
				continue
			}
			if p.record == noRecord {
				p.record = &org.PersonRecord{}
			}
			// It may be another person, whose user accepted an invitation to p. If the ledger does not know as which user p
			// last joined, it may have been p with this user.
			r.Joined = r.Joined && ix.joinedAsUnknown(p)
			if other := ix.byKey[key]; other != nil && !other.ended {
				r.Removals = nil // they are those of the other person
			}
			addRemovals(p.record, r)
			endRemovalByJoining(p.record)
		}
	}
}

// mergeHistories merges what the ledger has under all addresses of a person.
func mergeHistories(memory org.Memory, keys []string, now time.Time) *org.PersonRecord {
	isKnown := func(key string) bool { _, found := memory.People[key]; return found }
	if !slices.ContainsFunc(keys, isKnown) {
		return noRecord
	}
	merged := &org.PersonRecord{}
	for _, key := range keys {
		r := memory.People[key]
		for _, m := range r.Mails {
			if m.At.After(now) {
				// A clock was wrong when orgsync recorded this mail. It counts as sent now, so that nobody is mailed twice.
				m.At = now
				if m.Expires.After(now.Add(org.InvitationLife)) {
					m.Expires = time.Time{}
				}
			}
			merged.Mails = append(merged.Mails, m)
		}
		merged.Joined = merged.Joined || r.Joined
		merged.JoinedAt = org.Later(merged.JoinedAt, r.JoinedAt)
		merged.JoinedSequence = max(merged.JoinedSequence, r.JoinedSequence)
		if merged.UserID == "" || r.UserSequence > merged.UserSequence {
			merged.UserID, merged.UserSequence = r.UserID, r.UserSequence
		}
		merged.Suspended = merged.Suspended || r.Suspended
		merged.SuspendedAt = org.Later(merged.SuspendedAt, r.SuspendedAt)
		switch {
		case !r.EverMailed:
		case merged.EverMailed:
			merged.OnlyMailSequence = 0
		default:
			merged.EverMailed, merged.OnlyMailSequence = true, r.OnlyMailSequence
		}
		if r.RefusedAt.After(merged.RefusedAt) {
			merged.Refusals, merged.RefusedAt, merged.RefusedText = r.Refusals, r.RefusedAt, r.RefusedText
		}
		merged.AssumedNotSent = merged.AssumedNotSent || r.AssumedNotSent
		merged.ReinvitedSequence = max(merged.ReinvitedSequence, r.ReinvitedSequence)
		if r.RoundsResetSequence > merged.RoundsResetSequence {
			merged.RoundsResetSequence, merged.RoundsResetAt = r.RoundsResetSequence, r.RoundsResetAt
		}
	}
	for _, key := range keys {
		addRemovals(merged, memory.People[key])
	}
	endRemovalByJoining(merged)
	// A member has answered all mails, whichever address they went to. But if the list that showed the member may not
	// have shown the removal yet, it says nothing about the mails after the removal.
	merged.Mails = slices.DeleteFunc(merged.Mails, func(m org.Mail) bool {
		return m.Sequence < merged.JoinedSequence && !isAfterRemoval(m, merged)
	})
	slices.SortFunc(merged.Mails, func(a, b org.Mail) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return merged
}

// endRemovalByJoining ends the removal in record if the person joined since, perhaps with another address.
func endRemovalByJoining(record *org.PersonRecord) {
	if record.JoinedSinceRemoval() {
		record.Removed, record.RemovedAt, record.RemovedSequence = false, time.Time{}, 0
	}
}

// isAfterRemoval reports whether orgsync removed the person of record, and sent m after that.
func isAfterRemoval(m org.Mail, record *org.PersonRecord) bool {
	return record.Removed && m.Sequence > record.RemovedSequence
}

// addRemovals adds to record what other, the record under one address of the person, has about removals. A removal
// does not count if the person joined as another user than the removed one, and never joined with this address: it did
// not end the person's membership.
func addRemovals(record *org.PersonRecord, other org.PersonRecord) {
	isOther := record.UserID != "" && other.RemovedUserID != "" && !strings.EqualFold(record.UserID, other.RemovedUserID)
	if other.Joined || !isOther {
		record.Removed = record.Removed || other.Removed
		record.RemovedAt = org.Later(record.RemovedAt, other.RemovedAt)
		record.RemovedSequence = max(record.RemovedSequence, other.RemovedSequence)
	}
	if len(other.Removals) == 0 {
		return
	}
	all, unmatched := slices.Clone(record.Removals), slices.Clone(record.Removals)
	for _, removal := range other.Removals {
		// A run removes all users of a person. Nobody can be back so soon, so these removals are one. This is not true for
		// two removals under one address: their times may be equal only because a clock was wrong.
		isSame := func(own org.Removal) bool { return removal.At.Sub(own.At).Abs() < org.SettleAfter }
		if i := slices.IndexFunc(unmatched, isSame); i >= 0 {
			unmatched = slices.Delete(unmatched, i, i+1)
			continue
		}
		all = append(all, removal)
	}
	slices.SortStableFunc(all, func(a, b org.Removal) int { return a.At.Compare(b.At) })
	record.Removals = all[max(0, len(all)-org.KeptRemovals):]
}

// forgetBeforeRemoval removes what happened before orgsync removed p: mails, and invitations that can no longer be
// accepted. A person who was removed and is listed again is invited again, whatever happened before.
func (p *person) forgetBeforeRemoval() {
	if !p.record.Removed {
		return
	}
	p.record.Mails = slices.DeleteFunc(slices.Clone(p.record.Mails), func(m org.Mail) bool {
		return m.Sequence < p.record.RemovedSequence
	})
	p.invitations = slices.DeleteFunc(slices.Clone(p.invitations), func(inv *org.Invitation) bool {
		mailed := slices.ContainsFunc(p.record.Mails, func(m org.Mail) bool { return m.InvitationID == inv.ID })
		return inv.Status != org.StatusPending && !mailed && p.isBeforeRemoval(inv)
	})
}

// isBeforeRemoval reports whether inv was sent, and answered if it was, before orgsync last removed p.
func (p *person) isBeforeRemoval(inv *org.Invitation) bool {
	since := func(t time.Time) bool { return t.After(p.record.RemovedAt) }
	return p.record.Removed && !since(inv.SentAt()) && !since(inv.Responded)
}
