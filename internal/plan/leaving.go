package plan

import (
	"maps"
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// decideUnlisted decides about users and invitations that are not in the roster. By default it only reports them. It
// never suspends or removes service users, the key's own user, protected people and the last administrators. It
// suspends and removes nobody if the roster does not name the organization, or if the key's own user is not known.
func (ix *index) decideUnlisted(result *Plan) {
	policy := ix.unlistedPolicy(result)
	result.Facts = append(result.Facts, ix.unlistedUserFacts()...)
	if ix.maybeUnlisted == nil && !ix.visible.accepted {
		ix.maybeUnlisted = ix.possiblyAccepted
	}
	lastAdmins, invited := ix.lastAdmins(), ix.openUnlisted()
	changed := map[*person]bool{} // people whose last day is over and whose user has a change
	keptUnknown := false          // a user stays because they may be a person of the roster
	for i := range ix.unlistedUsers {
		u := &ix.unlistedUsers[i]
		if u.Service || ix.isSelf(u) {
			continue
		}
		if !u.Suspended {
			result.Facts = append(result.Facts, ix.activeFacts(u.Email.Key())...)
		}
		if isUnaccepted(u) && invited[u.Email.Key()] {
			continue // the notice about the invitation is enough
		}
		n := Notice{Kind: Unlisted, Email: u.Email, UserID: u.ID, Text: u.Name, Suspended: u.Suspended,
			NotAccepted: isUnaccepted(u)}
		change := Change{Reason: NotListed, Email: u.Email, UserID: u.ID}
		p := ix.endedAs(u)
		if p != nil {
			n.Source, n.Since = p.At.Source(), p.Until.End()
			change.Source = n.Source
		}
		switch {
		case policy == roster.UnlistedReport || ix.isExempt(u) || lastAdmins[u.ID] || u.Email.IsZero() || u.ID == "" ||
			ix.mayBeListed(u) || u.ServiceUnknown && !ix.wasListed(u) || u.SeenOnce || isUnaccepted(u) ||
			policy == roster.UnlistedSuspend && u.StatusText != "":
			result.Notices = append(result.Notices, n)
		case ix.maybeUnlisted != nil && !ix.isKnownToLedger(u):
			result.Notices = append(result.Notices, n)
			keptUnknown = true
		case policy == roster.UnlistedSuspend && u.Suspended:
			result.UnlistedSuspended = append(result.UnlistedSuspended, n)
		case p == nil && !ix.isNamed(u) && ix.waitsForRemoval(u, &n):
			result.Notices = append(result.Notices, n)
		case policy == roster.UnlistedRemove:
			change.Action = Remove
		default:
			change.Action = Suspend
		}
		if change.Action == "" {
			continue
		}
		result.Changes = append(result.Changes, change)
		if p != nil && !changed[p] {
			changed[p] = true
			result.Unchanged--
		}
	}
	if keptUnknown {
		result.Notices = append(result.Notices, Notice{Kind: UnlistedKept, Email: ix.maybeUnlisted.Email,
			Source: ix.maybeUnlisted.At.Source()})
	}
	for _, inv := range ix.unlistedInvitations {
		if !ix.canBeAccepted(&inv) {
			continue
		}
		n := Notice{Kind: Unlisted, Email: inv.Invited, InvitationID: inv.ID, Expires: inv.ExpiresAt(),
			ExpiresEstimated: !inv.ExpiresAt().Equal(inv.Expires)}
		if p := ix.byKey[inv.Invited.Key()]; p != nil { // the last day of p is over
			n.Source, n.Since = p.At.Source(), p.Until.End()
		}
		result.Notices = append(result.Notices, n)
	}
}

// openUnlisted returns the keys of the addresses that have an unlisted invitation that can still be accepted.
func (ix *index) openUnlisted() map[string]bool {
	open := map[string]bool{}
	for i := range ix.unlistedInvitations {
		if inv := &ix.unlistedInvitations[i]; !inv.Invited.IsZero() && ix.canBeAccepted(inv) {
			open[inv.Invited.Key()] = true
		}
	}
	return open
}

// unlistedPolicy returns the setting `unlisted` of the roster, or [roster.UnlistedReport] if orgsync may not suspend
// or remove anybody. It adds notices about an unknown user of the key and about unknown protected addresses, if the
// roster asks orgsync to take something from people.
func (ix *index) unlistedPolicy(result *Plan) roster.UnlistedPolicy {
	policy := ix.in.Roster.Settings.Unlisted
	if policy != roster.UnlistedSuspend && policy != roster.UnlistedRemove {
		policy = roster.UnlistedReport
	}
	mayTake := policy != roster.UnlistedReport || ix.in.Roster.Settings.ExtraAccess == roster.ExtraAccessRevoke
	if (mayTake || ix.someoneKeepsAPI) && ix.visible.users && !ix.selfKnown {
		result.Notices = append(result.Notices, Notice{Kind: SelfUnseen})
		policy = roster.UnlistedReport
	}
	if mayTake && ix.visible.users {
		result.Notices = append(result.Notices, ix.protectedUnseen()...)
	}
	if pinned := ix.in.Roster.Organization != ""; !pinned || !ix.visible.allowsTaking(pinned) {
		policy = roster.UnlistedReport
	}
	return policy
}

// waitsForRemoval reports whether u may not be suspended or removed yet, because u has not been unlisted for long
// enough. If so, it sets RemovalAfter of n. Users who were in a roster, by the ledger, do not wait, unless they may be
// in the roster under a new address.
func (ix *index) waitsForRemoval(u *org.User, n *Notice) bool {
	if ix.wasListed(u) && !ix.mayBeRenamed[u.ID] {
		return false
	}
	now, since := ix.in.Snapshot.Now, ix.in.Snapshot.Now
	if seen, known := ix.in.Memory.Unlisted[u.ID]; known && seen.At.Before(now) {
		since = seen.At
	}
	after := since.Add(ix.in.Roster.Settings.UnlistedAfter)
	if !now.Before(after.Add(-min(tolerance, ix.in.Roster.Settings.UnlistedAfter/4))) {
		return false
	}
	n.RemovalAfter = after
	return true
}

// wasListed reports whether u was in a roster, by the ledger.
func (ix *index) wasListed(u *org.User) bool {
	return slices.ContainsFunc(ix.knownAddresses(u), func(key string) bool {
		r := ix.in.Memory.People[key]
		return r.Joined || r.Unlisted || r.EverMailed || len(r.Mails) > 0
	})
}

// unlistedUserFacts returns a fact for each unlisted user who is not in the ledger. It also returns a fact for each
// unlisted user of the ledger who is gone, or is no longer unlisted.
func (ix *index) unlistedUserFacts() []org.Fact {
	if !ix.visible.users {
		return nil
	}
	var facts []org.Fact
	present := map[string]bool{}
	for i := range ix.unlistedUsers {
		u := &ix.unlistedUsers[i]
		if u.Service || u.ID == "" || isUnaccepted(u) || ix.isSelf(u) {
			continue
		}
		present[u.ID] = true
		if _, known := ix.in.Memory.Unlisted[u.ID]; !known {
			facts = append(facts, org.Fact{Kind: org.FactUnlistedUser, Email: u.Email.Key(), UserID: u.ID})
		}
	}
	listed := map[string]bool{}
	if !ix.visible.suspended && len(ix.in.Memory.Unlisted) > 0 {
		for i := range ix.in.Snapshot.Users {
			listed[ix.in.Snapshot.Users[i].ID] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ix.in.Memory.Unlisted)) {
		// If the key cannot list suspended users, a user who is not in the list may be suspended.
		if !present[id] && (ix.visible.suspended || listed[id]) {
			facts = append(facts, org.Fact{Kind: org.FactUserGone, UserID: id})
		}
	}
	return facts
}

// protectedUnseen returns a notice for each protected address that belongs to nobody. The address may be misspelled,
// and then the intended person is not protected.
func (ix *index) protectedUnseen() []Notice {
	seen := map[string]bool{}
	for i := range ix.in.Snapshot.Users {
		for _, key := range ix.protectingAddresses(&ix.in.Snapshot.Users[i]) {
			seen[key] = true
		}
	}
	for _, inv := range ix.in.Snapshot.Invitations {
		seen[inv.Invited.Key()], seen[acceptedBy(&inv)] = true, true
	}
	var notices []Notice
	for _, a := range ix.in.Roster.Settings.Protected {
		if !seen[a.Key()] && ix.byKey[a.Key()] == nil {
			notices = append(notices, Notice{Kind: ProtectedUnseen, Email: a})
		}
	}
	return notices
}

// mayBeListed reports whether the roster has one of the possible addresses of u, for a person whose last day is not
// over.
func (ix *index) mayBeListed(u *org.User) bool {
	return slices.ContainsFunc(ix.possibleAddresses(u), func(key string) bool {
		return ix.byKey[key] != nil && !ix.byKey[key].ended
	})
}

// possibleAddresses returns the known addresses of u, the address that u had when orgsync first saw u as unlisted, the
// addresses of invitations that name u and may have been accepted, and the other addresses that the roster has for the
// person with one of these addresses. An invitation whose status is not understood does not prove who u is, but counts
// if something would be taken from u.
func (ix *index) possibleAddresses(u *org.User) []string {
	keys := ix.knownAddresses(u) // computes perhapsInvitedAs
	possible := ix.perhapsInvitedAs[u.Email.Key()]
	if seen, known := ix.in.Memory.Unlisted[u.ID]; known {
		possible = append(slices.Clip(possible), seen.Email)
	}
	return slices.Concat(keys, possible, ix.rosterAddresses(possible))
}

// rosterAddresses returns the keys of all addresses that the roster has for the people with the addresses keys.
func (ix *index) rosterAddresses(keys []string) []string {
	var all []string
	for _, key := range keys {
		if p := ix.byKey[key]; p != nil {
			all = append(all, p.keys...)
		}
	}
	return all
}

// isKnownToLedger reports whether the ledger has the address of u as a member, or as invited by a mail that has not
// expired. Then u is not another person of the roster under a new address. A mail whose answer was lost does not
// count, because it may not have been sent. A suspension does not count, because it does not show who u is. If
// orgsync removed u, the result is false. If u left, or if the member with this address was another user, u does not
// count as a member. In these cases, u may have joined by an invitation to another person.
func (ix *index) isKnownToLedger(u *org.User) bool {
	r := ix.in.Memory.People[u.Email.Key()]
	invited := slices.ContainsFunc(r.Mails, func(m org.Mail) bool { return !m.Lost && !ix.isPast(m.ExpiresAt()) })
	isSame := r.UserID == "" || strings.EqualFold(r.UserID, u.ID)
	// A run records the unlisted users before it records who is no longer in the roster. So if the ledger does not have u
	// from that run, u was not in the organization then.
	seen, known := ix.in.Memory.Unlisted[u.ID]
	isBack := r.UnlistedSequence > 0 && (!known || seen.Sequence > r.UnlistedSequence)
	return !r.Removed && (r.Joined && isSame && !isBack || invited)
}

// isExempt reports whether orgsync never suspends or removes u, and never takes access from u.
func (ix *index) isExempt(u *org.User) bool { return u.Service || ix.isSelf(u) || ix.isProtected(u) }

// isProtected reports whether u has a protected address.
func (ix *index) isProtected(u *org.User) bool {
	return slices.ContainsFunc(ix.protectingAddresses(u), func(key string) bool { return ix.protected[key] })
}

// protectingAddresses returns the addresses that protect u if they are protected: all possible addresses of u, and the
// addresses with which invitations to these addresses were accepted. If the ledger has a user for one of these
// addresses, it returns all addresses of this user too: u may have had another address then, or the person may have two
// users.
func (ix *index) protectingAddresses(u *org.User) []string {
	keys := ix.possibleAddresses(u) // computes registeredAs
	for _, key := range keys {
		keys = append(keys, ix.registeredAs[key]...)
		if id := ix.in.Memory.People[key].UserID; id != "" {
			keys = append(append(keys, ix.addressByID[id]), ix.rememberedAs[id]...)
		}
	}
	return keys
}

// knownAddresses returns the keys of all known addresses of u:
//   - the address of u;
//   - the addresses of the invitations that u accepted;
//   - the addresses that the ledger has for the id of u;
//   - the other addresses that the roster has for the person with one of these addresses.
func (ix *index) knownAddresses(u *org.User) []string {
	ix.indexAddresses()
	keys := slices.Concat([]string{u.Email.Key()}, ix.invitedAs[u.Email.Key()], ix.rememberedAs[u.ID])
	return append(keys, ix.rosterAddresses(keys)...)
}

// indexAddresses computes invitedAs, perhapsInvitedAs, registeredAs, rememberedAs and addressByID, if they are nil.
func (ix *index) indexAddresses() {
	if ix.invitedAs != nil { // computed only on demand, because few plans need it
		return
	}
	ix.invitedAs, ix.perhapsInvitedAs = map[string][]string{}, map[string][]string{}
	ix.rememberedAs, ix.registeredAs = map[string][]string{}, map[string][]string{}
	for _, inv := range ix.in.Snapshot.Invitations {
		as := ix.perhapsInvitedAs
		if inv.Status == org.StatusAccepted {
			as = ix.invitedAs
		}
		if key := acceptedBy(&inv); key != "" {
			ix.registeredAs[inv.Invited.Key()] = append(ix.registeredAs[inv.Invited.Key()], key)
		}
		wasRefused := inv.Status == org.StatusDeclined || inv.Status == org.StatusCancelled
		if key := inv.Registered.Key(); key != "" && !wasRefused {
			as[key] = append(as[key], inv.Invited.Key())
		}
	}
	for key, r := range ix.in.Memory.People {
		if r.UserID != "" {
			ix.rememberedAs[r.UserID] = append(ix.rememberedAs[r.UserID], key)
		}
	}
	ix.addressByID = make(map[string]string, len(ix.in.Snapshot.Users))
	for i := range ix.in.Snapshot.Users {
		ix.addressByID[ix.in.Snapshot.Users[i].ID] = ix.in.Snapshot.Users[i].Email.Key()
	}
	for _, known := range []map[string][]string{ix.invitedAs, ix.rememberedAs} {
		for _, keys := range known {
			slices.Sort(keys) // so that the order of the input makes no difference
		}
	}
}

// endedAs returns the person of the roster who is u, if the last day of this person is over; otherwise nil.
func (ix *index) endedAs(u *org.User) *person {
	for _, key := range ix.knownAddresses(u) {
		if p := ix.byKey[key]; p != nil && p.ended {
			return p
		}
	}
	return nil
}

// isSelf reports whether u is the user of the API key.
func (ix *index) isSelf(u *org.User) bool {
	return !u.Email.IsZero() && u.Email.Equal(ix.in.Snapshot.Self)
}

// lastAdmins returns the ids of the unlisted users who can manage users, if nobody else can. Otherwise it returns
// nil. It considers only ACLs, because the API does not show rights that come from policies.
func (ix *index) lastAdmins() map[string]bool {
	leaving := map[string]bool{}
	for i := range ix.unlistedUsers {
		if u := &ix.unlistedUsers[i]; canManageUsers(u) && !ix.isExempt(u) {
			leaving[u.ID] = true
		}
	}
	for i := range ix.in.Snapshot.Users {
		// A user that only one of two readings showed may be gone.
		if u := &ix.in.Snapshot.Users[i]; canManageUsers(u) && !u.Service && !u.SeenOnce && !leaving[u.ID] {
			return nil // somebody remains
		}
	}
	return leaving
}

// canManageUsers reports whether u has the right to manage users and can sign in to use it.
func canManageUsers(u *org.User) bool { return u.Admin && !u.Suspended && !isUnaccepted(u) }
