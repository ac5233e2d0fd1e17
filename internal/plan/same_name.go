package plan

import (
	"cmp"
	"slices"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// unlistedAddress is the address of an unlisted user, or of an unlisted invitation that can be accepted.
type unlistedAddress struct {
	address org.Address
	userID  string // "" for an invitation
}

// noteSameName adds a notice if p, who is not a member, may be an unlisted user, or may have an unlisted invitation:
// the names are equal, or the addresses are spelled alike. Users in these notices are not suspended or removed at
// once, because somebody may have changed their address in the roster. This must not depend on whether p gets a mail
// now.
func (ix *index) noteSameName(p *person, d *decision) {
	countsAsMember := len(d.changes)+len(d.notices) == 0 && d.held == nil // although no user has the address of p
	if p.user != nil || p.ended || countsAsMember || ix.isKeyUser(p) {
		return
	}
	if ix.unlistedBySameKey == nil { // computed only on demand, because few plans need it
		ix.unlistedBySameKey = ix.indexUnlisted()
	}
	if len(ix.unlistedBySameKey) == 0 {
		return
	}
	var same []unlistedAddress
	for _, key := range roster.IdentityKeys(p.Name, p.Addresses()...) {
		same = append(same, ix.unlistedBySameKey[key]...)
	}
	for _, one := range same {
		ix.mayBeRenamed[one.userID] = true
	}
	if len(same) == 0 || d.hasNotice(PossibleAlias) {
		return
	}
	slices.SortFunc(same, func(a, b unlistedAddress) int {
		// A user comes before an invitation of the same address.
		return cmp.Or(cmp.Compare(a.address.Key(), b.address.Key()), -cmp.Compare(a.userID, b.userID))
	})
	same = slices.CompactFunc(same, func(a, b unlistedAddress) bool { return a.address.Equal(b.address) })
	n := Notice{Kind: SameName, Text: firstAddresses(same, func(u unlistedAddress) org.Address { return u.address })}
	if len(same) == 1 {
		n.UserID = same[0].userID
	}
	d.note(p, n)
}

// indexUnlisted returns the addresses of unlisted users and of unlisted invitations that can be accepted, by the keys
// of [roster.IdentityKeys].
func (ix *index) indexUnlisted() map[string][]unlistedAddress {
	bySame := map[string][]unlistedAddress{}
	add := func(name string, one unlistedAddress) {
		for _, key := range roster.IdentityKeys(name, one.address) {
			bySame[key] = append(bySame[key], one)
		}
	}
	for i := range ix.unlistedUsers {
		u := &ix.unlistedUsers[i]
		if !u.Service && !u.Email.IsZero() && !ix.isSelf(u) && ix.endedAs(u) == nil {
			add(u.Name, unlistedAddress{u.Email, u.ID})
		}
	}
	for _, inv := range ix.unlistedInvitations {
		if ix.canBeAccepted(&inv) && ix.byKey[inv.Invited.Key()] == nil {
			add("", unlistedAddress{address: inv.Invited})
		}
	}
	return bySame
}
