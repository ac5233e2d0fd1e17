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
func (w *index) decideUnlisted(p *Plan) {
	policy := w.in.Roster.Settings.Unlisted
	if policy != roster.UnlistedSuspend && policy != roster.UnlistedRemove {
		policy = roster.UnlistedReport
	}
	takes := policy != roster.UnlistedReport || w.in.Roster.Settings.ExtraAccess == roster.ExtraAccessRevoke
	if (takes || w.keepsAPI) && w.in.Snapshot.UsersSeen && !w.selfKnown {
		p.Notices = append(p.Notices, Notice{Kind: SelfUnseen})
		policy = roster.UnlistedReport
	}
	if takes && w.in.Snapshot.UsersSeen {
		p.Notices = append(p.Notices, w.protectedUnseen()...)
	}
	if w.in.Roster.Organization == "" || w.sees.mayTakeAway(w.in.Roster.Organization != "") != yes {
		policy = roster.UnlistedReport
	}
	p.Facts = append(p.Facts, w.sightings()...)
	if w.maybeUnderOtherAddress == nil && w.forgetsAccepted() {
		w.maybeUnderOtherAddress = w.maybeAccepted
	}
	kept := w.lastAdmins()
	leaves := map[*person]bool{}
	mayBeUnseen := false
	for i := range w.unlistedUsers {
		u := &w.unlistedUsers[i]
		if u.Service || w.isSelf(u) {
			continue
		}
		if !u.Suspended {
			p.Facts = append(p.Facts, w.active(u.Email.Key(), w.in.Memory.People[u.Email.Key()])...)
		}
		n := Notice{Kind: Unlisted, Email: u.Email, UserID: u.ID, Text: u.Name}
		change := Change{Reason: NotListed, Email: u.Email, UserID: u.ID}
		c := w.endedAs(u)
		if c != nil {
			n.Source, n.Since = c.At.Source(), c.EndsAt()
			change.Source = n.Source
		}
		switch {
		case policy == roster.UnlistedReport || w.isExempt(u) || kept[u.ID] || u.Email.IsZero() || u.ID == "" || w.isListed(u),
			u.SeenOnce, isUnaccepted(u):
			p.Notices = append(p.Notices, n)
		case w.maybeUnderOtherAddress != nil && !w.isKnownToLedger(u):
			p.Notices = append(p.Notices, n)
			mayBeUnseen = true
		case policy == roster.UnlistedSuspend && u.Suspended:
		case c == nil && !w.isNamed(u) && w.waitsForRemoval(u, &n):
			p.Notices = append(p.Notices, n)
		case policy == roster.UnlistedRemove:
			change.Action = Remove
		default:
			change.Action = Suspend
		}
		if change.Action == "" {
			continue
		}
		p.Changes = append(p.Changes, change)
		if c != nil && !leaves[c] {
			leaves[c] = true
			p.Unchanged--
		}
	}
	if mayBeUnseen {
		p.Notices = append(p.Notices, Notice{Kind: UnlistedKept, Email: w.maybeUnderOtherAddress.Email, Source: w.maybeUnderOtherAddress.At.Source()})
	}
	for _, row := range w.unlistedInvitations {
		if row.Status == org.StatusPending && !w.isPast(row.ExpiresAt()) {
			p.Notices = append(p.Notices, Notice{Kind: Unlisted, Email: row.Invited, InvitationID: row.ID, Expires: row.ExpiresAt()})
		}
	}
}

// waitsForRemoval reports whether u has to be seen unlisted for longer before being suspended or
// removed, and sets the time in n. That concerns users whom the ledger never saw in a roster.
func (w *index) waitsForRemoval(u *org.User, n *Notice) bool {
	listed := func(key string) bool {
		r := w.in.Memory.People[key]
		return r.Joined || r.Unlisted || r.EverMailed || len(r.Mails) > 0
	}
	if slices.ContainsFunc(w.knownAddresses(u), listed) {
		return false
	}
	now, since := w.in.Snapshot.Now, w.in.Snapshot.Now
	if seen, known := w.in.Memory.Unlisted[u.ID]; known && seen.At.Before(now) {
		since = seen.At
	}
	after := since.Add(w.in.Roster.Settings.UnlistedAfter)
	if !now.Before(after.Add(-min(tolerance, w.in.Roster.Settings.UnlistedAfter/4))) {
		return false
	}
	n.RemovalAfter = after
	return true
}

// sightings returns the facts about unlisted users: who is seen for the first time, and who is
// gone.
func (w *index) sightings() []org.Fact {
	if !w.sees.users {
		return nil
	}
	var facts []org.Fact
	here := map[string]bool{}
	for i := range w.unlistedUsers {
		u := &w.unlistedUsers[i]
		if u.Service || u.ID == "" || isUnaccepted(u) || w.isSelf(u) {
			continue
		}
		here[u.ID] = true
		if _, known := w.in.Memory.Unlisted[u.ID]; !known {
			facts = append(facts, org.Fact{Kind: org.FactUnlistedUser, Email: u.Email.Key(), UserID: u.ID})
		}
	}
	if !w.sees.suspended {
		return facts // who is not there may be suspended
	}
	for _, id := range slices.Sorted(maps.Keys(w.in.Memory.Unlisted)) {
		if !here[id] {
			facts = append(facts, org.Fact{Kind: org.FactUserGone, UserID: id})
		}
	}
	return facts
}

// protectedUnseen returns a notice for each protected address that belongs to nobody: it is perhaps
// misspelled, and then the intended person is not protected.
func (w *index) protectedUnseen() []Notice {
	seen := map[string]bool{}
	for i := range w.in.Snapshot.Users {
		for _, key := range w.knownAddresses(&w.in.Snapshot.Users[i]) {
			seen[key] = true
		}
	}
	for _, row := range w.in.Snapshot.Invitations {
		seen[row.Invited.Key()] = true
	}
	var notices []Notice
	for _, a := range w.in.Roster.Settings.Protected {
		if !seen[a.Key()] && w.byKey[a.Key()] == nil {
			notices = append(notices, Notice{Kind: ProtectedUnseen, Email: a})
		}
	}
	return notices
}

// isListed reports whether one of the addresses that u is known by is in the roster.
func (w *index) isListed(u *org.User) bool {
	return slices.ContainsFunc(w.knownAddresses(u), func(key string) bool { return w.byKey[key] != nil && !w.byKey[key].ended })
}

// isKnownToLedger reports whether the ledger knows u as a member, as suspended or as invited under
// u's own address, so that u is nobody else from the roster. A user whom orgsync removed before is
// not counted: the account may be back by an invitation to another person.
func (w *index) isKnownToLedger(u *org.User) bool {
	r := w.in.Memory.People[u.Email.Key()]
	invited := slices.ContainsFunc(r.Mails, func(m org.Mail) bool { return !w.isPast(m.ExpiresAt()) })
	return !r.Removed && (r.Joined || r.Suspended || invited)
}

// forgetsAccepted reports whether the list shows no accepted invitation at all. Then it may leave
// them out.
func (w *index) forgetsAccepted() bool {
	return !slices.ContainsFunc(w.in.Snapshot.Invitations, func(row org.Invitation) bool { return row.Status == org.StatusAccepted })
}

// isExempt reports whether u is never suspended or removed and loses no access.
func (w *index) isExempt(u *org.User) bool {
	isProtected := func(key string) bool { return w.protected[key] }
	return u.Service || w.isSelf(u) || slices.ContainsFunc(w.knownAddresses(u), isProtected)
}

// knownAddresses returns the keys of all addresses that u is known by: u's own, those of
// invitations that u accepted, those in the ledger, and those that the roster lists for the same
// person.
func (w *index) knownAddresses(u *org.User) []string {
	if w.invitedAs == nil { // few plans need it
		w.invitedAs, w.rememberedAs = map[string][]string{}, map[string][]string{}
		for _, row := range w.in.Snapshot.Invitations {
			if key := acceptedBy(&row); key != "" {
				w.invitedAs[key] = append(w.invitedAs[key], row.Invited.Key())
			}
		}
		for key, r := range w.in.Memory.People {
			if r.UserID != "" {
				w.rememberedAs[r.UserID] = append(w.rememberedAs[r.UserID], key)
			}
		}
		for _, known := range []map[string][]string{w.invitedAs, w.rememberedAs} {
			for _, keys := range known {
				slices.Sort(keys) // the order of input never matters
			}
		}
	}
	keys := slices.Concat([]string{u.Email.Key()}, w.invitedAs[u.Email.Key()], w.rememberedAs[u.ID])
	for _, key := range keys[:len(keys):len(keys)] {
		if c := w.byKey[key]; c != nil {
			keys = append(keys, c.own...)
		}
	}
	return keys
}

// endedAs returns the person of the roster who is u and whose last day is over; nil if there is
// none.
func (w *index) endedAs(u *org.User) *person {
	for _, key := range w.knownAddresses(u) {
		if c := w.byKey[key]; c != nil && c.ended {
			return c
		}
	}
	return nil
}

// isSelf reports whether u is the user of the API key.
func (w *index) isSelf(u *org.User) bool {
	return !u.Email.IsZero() && u.Email.Equal(w.in.Snapshot.Self)
}

// lastAdmins returns the ids of unlisted users who may manage users, if nobody who may would remain
// without them; otherwise nil. It sees ACLs only: rights that come from policies cannot be seen.
func (w *index) lastAdmins() map[string]bool {
	leaving := map[string]bool{}
	for i := range w.unlistedUsers {
		if u := &w.unlistedUsers[i]; u.Admin && !u.Suspended && !w.isExempt(u) {
			leaving[u.ID] = true
		}
	}
	for _, u := range w.in.Snapshot.Users {
		if u.Admin && !u.Suspended && !u.Service && !leaving[u.ID] {
			return nil // somebody remains
		}
	}
	return leaving
}
