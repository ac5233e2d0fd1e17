package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// This file finds the facts about people that a run records in the ledger, for later plans.

// knownKeys returns the keys under which the ledger may know p: first those of the roster, then the key of p's user,
// and the keys that p accepted invitations with.
func (p *person) knownKeys() []string {
	keys := p.keys
	more := func(key string) {
		if key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if p.user != nil {
		more(p.user.Email.Key())
	}
	for _, inv := range p.invitations {
		more(acceptedBy(inv))
	}
	return keys
}

// addJoinedFacts adds the facts that p is a member and which user p is. If p is absent later, these facts say that p
// left. If the list no longer shows the accepted invitation, they still say which user p is. The facts name the user
// only for addresses that an answer of the API connects with the user, now or when the user was unlisted. An alias may
// be wrong, and counts only while the roster has it.
func (ix *index) addJoinedFacts(p *person, d *decision) {
	isMailed := func(m org.Mail) bool { return isAfterRemoval(m, p.record) }
	if ix.isRecent(p.record.RemovedAt) && slices.ContainsFunc(p.record.Mails, isMailed) {
		return // the list may not show the removal yet, and so it does not show that the mail was answered
	}
	if p.user != nil && p.user.NotFound && ix.mayHaveVanished(p) {
		return
	}
	isOutdated := func(key string) bool { r := ix.in.Memory.People[key]; return r.Removed || len(r.Mails) > 0 }
	isBack := slices.ContainsFunc(p.keys, isOutdated)
	first := ix.memberKey(p)
	for i, key := range p.knownKeys() {
		r := ix.in.Memory.People[key]
		id, isNew := "", false
		switch inRoster := i < len(p.keys); {
		case p.user == nil: // the key cannot list users, and p accepted an invitation
			// If p was a user before, the ledger must record that p may be another user now.
			isNew = key == first && !p.record.Joined || inRoster && isBack && !r.JoinedAsUnknown()
		case r.UserID == p.user.ID || p.joinedAs(key) || ix.in.Memory.Unlisted[p.user.ID].Email == key:
			id = p.user.ID
			isNew = inRoster && (!r.Joined || r.UserID != id || r.JoinedAsUnknown() || r.Unlisted ||
				ix.invitedSince(p, r.JoinedAt))
		}
		// A member has answered all mails, whichever address they went to. If p has a user of their own, another address
		// that accepted an invitation of p may be that of somebody else.
		isOwn := i < len(p.keys) || id != "" || !p.hasOwnUser
		if isNew || isOwn && isOutdated(key) {
			d.facts = append(d.facts, org.Fact{Kind: org.FactJoined, Email: key, UserID: id})
		}
	}
}

// mayHaveVanished reports whether the list of users may still have an invited user of p who is gone. This is possible
// until 15 minutes after the last invitation of p expires. The user of a declined or cancelled invitation may be gone
// earlier.
func (ix *index) mayHaveVanished(p *person) bool {
	mayLag := func(end time.Time) bool { return end.IsZero() || !ix.isPast(end.Add(org.SettleAfter)) }
	return slices.ContainsFunc(p.record.Mails, func(m org.Mail) bool { return mayLag(m.ExpiresAt()) }) ||
		slices.ContainsFunc(p.invitations, func(inv *org.Invitation) bool {
			return inv.Status.IsUnanswered() && mayLag(p.expiresAt(inv))
		})
}

// memberKey returns the first of p's keys in the roster that an answer of the API connects with a member: p is the user
// of the API key, or accepted an invitation.
func (ix *index) memberKey(p *person) string {
	isMember := func(key string) bool {
		return slices.ContainsFunc(p.invitations, func(inv *org.Invitation) bool {
			return inv.Status == org.StatusAccepted && (acceptedBy(inv) == key || p.wasInvitedAs(inv, key))
		})
	}
	if ix.isKeyUser(p) {
		return ix.in.Snapshot.Self.Key()
	}
	return p.keys[max(0, slices.IndexFunc(p.keys, isMember))]
}

// joinedAs reports whether an answer of the API connects p's user with the address key: it is the user's address, or
// an invitation to it was accepted with the user's address.
func (p *person) joinedAs(key string) bool {
	in := p.user.Email.Key()
	return key == in || slices.ContainsFunc(p.invitations, func(inv *org.Invitation) bool {
		return acceptedBy(inv) == in && p.wasInvitedAs(inv, key)
	})
}

// wasInvitedAs reports whether inv, an invitation of p, was sent to the address key, by the list or by the ledger.
func (p *person) wasInvitedAs(inv *org.Invitation, key string) bool {
	m := p.mailOf(inv.ID)
	return inv.Invited.Key() == key || m != nil && m.Email == key
}

// invitedSince reports whether p has an invitation that is newer than t, and that was not accepted or does not say with
// which address. Then the ledger must record again that p is a member. Otherwise, after p leaves, this invitation would
// cause orgsync to invite p again or, if it was accepted, to keep all unlisted users because p may be one of them.
func (ix *index) invitedSince(p *person, t time.Time) bool {
	return slices.ContainsFunc(p.invitations, func(inv *org.Invitation) bool {
		isOpen := inv.Status != org.StatusAccepted || isAcceptedSince(inv, t)
		return isOpen && inv.SentAt().After(t) && !inv.SentAt().After(ix.in.Snapshot.Now)
	})
}

// activeFacts returns the fact that a suspension ended, if the ledger has the user with the address key as suspended,
// and does not have the id of this user. If it has the id, endedSuspensionFacts decides. activeFacts returns none
// within 15 minutes of the suspension, because the list may lag.
func (ix *index) activeFacts(key string) []org.Fact {
	r := ix.in.Memory.People[key]
	if !r.Suspended || r.SuspendedUserID != "" || ix.isRecent(r.SuspendedAt) {
		return nil
	}
	return []org.Fact{{Kind: org.FactActive, Email: key}}
}

// endedSuspensionFacts returns the facts that suspensions ended: the list shows that these users are not suspended, or
// that they are gone. If such a user joins again, an administrator may suspend them. The users may have other addresses
// now.
func (ix *index) endedSuspensionFacts() []org.Fact {
	suspended := ix.suspendedAddresses()
	if len(suspended) == 0 {
		return nil
	}
	showsAll := ix.visible.users && ix.visible.suspended
	isSuspended := map[string]bool{} // by the user id in lower case
	for _, u := range ix.in.Snapshot.Users {
		id := strings.ToLower(u.ID)
		isSuspended[id] = isSuspended[id] || u.Suspended
		showsAll = showsAll && id != ""
	}
	var facts []org.Fact
	for id, keys := range suspended {
		if stays, found := isSuspended[id]; stays || !found && !showsAll {
			continue
		}
		for _, key := range keys {
			if !ix.isRecent(ix.in.Memory.People[key].SuspendedAt) {
				facts = append(facts, org.Fact{Kind: org.FactActive, Email: key})
			}
		}
	}
	return facts
}

// suspendedAddresses returns, by user id in lower case, the keys of the addresses under which the ledger has a
// suspension of the user.
func (ix *index) suspendedAddresses() map[string][]string {
	if ix.cachedSuspended == nil {
		ix.cachedSuspended = map[string][]string{}
		for key, r := range ix.in.Memory.People {
			if id := strings.ToLower(r.SuspendedUserID); r.Suspended && id != "" {
				ix.cachedSuspended[id] = append(ix.cachedSuspended[id], key)
			}
		}
	}
	return ix.cachedSuspended
}

// unlistedPersonFacts returns a fact for each person that the ledger knows and the roster no longer lists. If such a
// person returns, their mails are counted from zero.
func (ix *index) unlistedPersonFacts() []org.Fact {
	var facts []org.Fact
	addFact := func(key string) {
		// The ledger may also know people that orgsync only suspended or removed. They need no fact.
		if r := ix.in.Memory.People[key]; !r.Unlisted && (r.Joined || len(r.Mails) > 0) {
			facts = append(facts, org.Fact{Kind: org.FactUnlisted, Email: key})
		}
	}
	for i := range ix.people {
		if p := &ix.people[i]; p.ended {
			for _, key := range p.keys {
				addFact(key)
			}
		}
	}
	for key := range ix.in.Memory.People {
		if ix.byKey[key] == nil {
			addFact(key)
		}
	}
	return facts
}
