package plan

import (
	"maps"
	"slices"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// decideUnlisted decides about users and invitations that are not in the roster. By default they
// are only reported. Service users, the key's own user, protected people and the last
// administrators are never suspended or removed, and nobody is unless the roster names the
// organization and the key's own user is known.
func (ix *index) decideUnlisted(result *Plan) {
	policy := ix.in.Roster.Settings.Unlisted
	if policy != roster.UnlistedSuspend && policy != roster.UnlistedRemove {
		policy = roster.UnlistedReport
	}
	mayTake := policy != roster.UnlistedReport || ix.in.Roster.Settings.ExtraAccess == roster.ExtraAccessRevoke
	if (mayTake || ix.keepsAPI) && ix.in.Snapshot.UsersSeen && !ix.selfKnown {
		result.Notices = append(result.Notices, Notice{Kind: SelfUnseen})
		policy = roster.UnlistedReport
	}
	if mayTake && ix.in.Snapshot.UsersSeen {
		result.Notices = append(result.Notices, ix.protectedUnseen()...)
	}
	if pinned := ix.in.Roster.Organization != ""; !pinned || !ix.visible.allowsTaking(pinned) {
		policy = roster.UnlistedReport
	}
	result.Facts = append(result.Facts, ix.unlistedUserFacts()...)
	if ix.possiblyHidden == nil && !ix.visible.accepted {
		ix.possiblyHidden = ix.possiblyAccepted
	}
	lastAdmins := ix.lastAdmins()
	leaves := map[*person]bool{}
	mayBeUnseen := false
	for i := range ix.unlistedUsers {
		u := &ix.unlistedUsers[i]
		if u.Service || ix.isSelf(u) {
			continue
		}
		if !u.Suspended {
			result.Facts = append(result.Facts, ix.active(u.Email.Key(), ix.in.Memory.People[u.Email.Key()])...)
		}
		n := Notice{Kind: Unlisted, Email: u.Email, UserID: u.ID, Text: u.Name}
		change := Change{Reason: NotListed, Email: u.Email, UserID: u.ID}
		p := ix.endedAs(u)
		if p != nil {
			n.Source, n.Since = p.At.Source(), p.EndsAt()
			change.Source = n.Source
		}
		switch {
		case policy == roster.UnlistedReport || ix.isExempt(u) || lastAdmins[u.ID] || u.Email.IsZero() || u.ID == "" ||
			ix.isListed(u),
			u.SeenOnce, isUnaccepted(u):
			result.Notices = append(result.Notices, n)
		case ix.possiblyHidden != nil && !ix.isKnownToLedger(u):
			result.Notices = append(result.Notices, n)
			mayBeUnseen = true
		case policy == roster.UnlistedSuspend && u.Suspended:
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
		if p != nil && !leaves[p] {
			leaves[p] = true
			result.Unchanged--
		}
	}
	if mayBeUnseen {
		result.Notices = append(result.Notices, Notice{Kind: UnlistedKept, Email: ix.possiblyHidden.Email,
			Source: ix.possiblyHidden.At.Source()})
	}
	for _, row := range ix.unlistedInvitations {
		if row.Status == org.StatusPending && !ix.isPast(row.ExpiresAt()) {
			result.Notices = append(result.Notices, Notice{Kind: Unlisted, Email: row.Invited, InvitationID: row.ID,
				Expires: row.ExpiresAt(), ExpiresEstimated: !row.ExpiresAt().Equal(row.Expires)})
		}
	}
}

// waitsForRemoval reports whether u has to be seen unlisted for longer before being suspended or
// removed, and sets the time in n. That concerns users whom the ledger never saw in a roster.
func (ix *index) waitsForRemoval(u *org.User, n *Notice) bool {
	listed := func(key string) bool {
		r := ix.in.Memory.People[key]
		return r.Joined || r.Unlisted || r.EverMailed || len(r.Mails) > 0
	}
	if slices.ContainsFunc(ix.knownAddresses(u), listed) {
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

// unlistedUserFacts returns the facts about unlisted users: who is seen for the first time, and who is
// gone.
func (ix *index) unlistedUserFacts() []org.Fact {
	if !ix.visible.users {
		return nil
	}
	var facts []org.Fact
	here := map[string]bool{}
	for i := range ix.unlistedUsers {
		u := &ix.unlistedUsers[i]
		if u.Service || u.ID == "" || isUnaccepted(u) || ix.isSelf(u) {
			continue
		}
		here[u.ID] = true
		if _, known := ix.in.Memory.Unlisted[u.ID]; !known {
			facts = append(facts, org.Fact{Kind: org.FactUnlistedUser, Email: u.Email.Key(), UserID: u.ID})
		}
	}
	if !ix.visible.suspended {
		return facts // who is not there may be suspended
	}
	for _, id := range slices.Sorted(maps.Keys(ix.in.Memory.Unlisted)) {
		if !here[id] {
			facts = append(facts, org.Fact{Kind: org.FactUserGone, UserID: id})
		}
	}
	return facts
}

// protectedUnseen returns a notice for each protected address that belongs to nobody: it is perhaps
// misspelled, and then the intended person is not protected.
func (ix *index) protectedUnseen() []Notice {
	seen := map[string]bool{}
	for i := range ix.in.Snapshot.Users {
		for _, key := range ix.knownAddresses(&ix.in.Snapshot.Users[i]) {
			seen[key] = true
		}
	}
	for _, row := range ix.in.Snapshot.Invitations {
		seen[row.Invited.Key()] = true
	}
	var notices []Notice
	for _, a := range ix.in.Roster.Settings.Protected {
		if !seen[a.Key()] && ix.byKey[a.Key()] == nil {
			notices = append(notices, Notice{Kind: ProtectedUnseen, Email: a})
		}
	}
	return notices
}

// isListed reports whether one of the addresses that u is known by is in the roster.
func (ix *index) isListed(u *org.User) bool {
	return slices.ContainsFunc(ix.knownAddresses(u), func(key string) bool {
		return ix.byKey[key] != nil && !ix.byKey[key].ended
	})
}

// isKnownToLedger reports whether the ledger knows u as a member, as suspended or as invited under
// u's own address, so that u is not another person of the roster under a new address. A user whom orgsync removed
// before is not counted: the account may be back by an invitation to another person.
func (ix *index) isKnownToLedger(u *org.User) bool {
	r := ix.in.Memory.People[u.Email.Key()]
	invited := slices.ContainsFunc(r.Mails, func(m org.Mail) bool { return !ix.isPast(m.ExpiresAt()) })
	return !r.Removed && (r.Joined || r.Suspended || invited)
}

// isExempt reports whether u is never suspended or removed and loses no access.
func (ix *index) isExempt(u *org.User) bool {
	isProtected := func(key string) bool { return ix.protected[key] }
	return u.Service || ix.isSelf(u) || slices.ContainsFunc(ix.knownAddresses(u), isProtected)
}

// knownAddresses returns the keys of all addresses that u is known by: u's own, those of
// invitations that u accepted, those in the ledger, and those that the roster lists for the same
// person.
func (ix *index) knownAddresses(u *org.User) []string {
	if ix.invitedAs == nil { // few plans need it
		ix.invitedAs, ix.rememberedAs = map[string][]string{}, map[string][]string{}
		for _, row := range ix.in.Snapshot.Invitations {
			if key := acceptedBy(&row); key != "" {
				ix.invitedAs[key] = append(ix.invitedAs[key], row.Invited.Key())
			}
		}
		for key, r := range ix.in.Memory.People {
			if r.UserID != "" {
				ix.rememberedAs[r.UserID] = append(ix.rememberedAs[r.UserID], key)
			}
		}
		for _, known := range []map[string][]string{ix.invitedAs, ix.rememberedAs} {
			for _, keys := range known {
				slices.Sort(keys) // the order of input never matters
			}
		}
	}
	keys := slices.Concat([]string{u.Email.Key()}, ix.invitedAs[u.Email.Key()], ix.rememberedAs[u.ID])
	for _, key := range keys[:len(keys):len(keys)] {
		if p := ix.byKey[key]; p != nil {
			keys = append(keys, p.keys...)
		}
	}
	return keys
}

// endedAs returns the person of the roster who is u and whose last day is over; nil if there is
// none.
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

// lastAdmins returns the ids of unlisted users who may manage users, if nobody who may would remain
// without them; otherwise nil. It sees ACLs only: rights that come from policies cannot be seen.
func (ix *index) lastAdmins() map[string]bool {
	leaving := map[string]bool{}
	for i := range ix.unlistedUsers {
		if u := &ix.unlistedUsers[i]; canManageUsers(u) && !ix.isExempt(u) {
			leaving[u.ID] = true
		}
	}
	for i := range ix.in.Snapshot.Users {
		// A user whom only one of two readings shows may be gone.
		if u := &ix.in.Snapshot.Users[i]; canManageUsers(u) && !u.Service && !u.SeenOnce && !leaving[u.ID] {
			return nil // somebody remains
		}
	}
	return leaving
}

// canManageUsers reports whether u has the right to manage users and can sign in to use it.
func canManageUsers(u *org.User) bool { return u.Admin && !u.Suspended && !isUnaccepted(u) }
