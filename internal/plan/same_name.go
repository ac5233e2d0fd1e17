package plan

import (
	"cmp"
	"slices"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// unlistedAddress is that of an unlisted user, or of an unlisted invitation that can be accepted.
type unlistedAddress struct {
	address org.Address
	userID  string // "" for an invitation
}

// noteSameName says that p, who is to be invited or has an invitation, may be somebody who is in
// the organization or invited under an address that the roster does not name: they have the same
// name, or an address that is spelled alike.
func (ix *index) noteSameName(p *person, d *decision) {
	invited := d.mails() || d.held != nil || d.has(Waiting)
	if !invited || d.has(PossibleAlias) {
		return
	}
	if ix.unlistedBySame == nil { // few plans need it
		ix.unlistedBySame = ix.indexUnlisted()
	}
	if len(ix.unlistedBySame) == 0 {
		return
	}
	var same []unlistedAddress
	for _, key := range roster.SameKeys(p.Name, p.Addresses()...) {
		same = append(same, ix.unlistedBySame[key]...)
	}
	if len(same) == 0 {
		return
	}
	slices.SortFunc(same, func(a, b unlistedAddress) int {
		// A user comes before an invitation of the same address.
		return cmp.Or(cmp.Compare(a.address.Key(), b.address.Key()), -cmp.Compare(a.userID, b.userID))
	})
	same = slices.CompactFunc(same, func(a, b unlistedAddress) bool { return a.address.Equal(b.address) })
	n := Notice{Kind: SameName, Text: nameAliases(same, func(u unlistedAddress) org.Address { return u.address })}
	if len(same) == 1 {
		n.UserID = same[0].userID
	}
	d.note(p, n)
}

// indexUnlisted returns the unlisted users, and the unlisted invitations that can be accepted, by
// what a person is recognised by.
func (ix *index) indexUnlisted() map[string][]unlistedAddress {
	bySame := map[string][]unlistedAddress{}
	add := func(name string, one unlistedAddress) {
		for _, key := range roster.SameKeys(name, one.address) {
			bySame[key] = append(bySame[key], one)
		}
	}
	for i := range ix.unlistedUsers {
		u := &ix.unlistedUsers[i]
		if !u.Service && !u.Email.IsZero() && !ix.isSelf(u) && ix.endedAs(u) == nil {
			add(u.Name, unlistedAddress{u.Email, u.ID})
		}
	}
	for _, row := range ix.unlistedInvitations {
		open := row.Status == org.StatusPending && !ix.isPast(row.ExpiresAt())
		if open && !row.Invited.IsZero() && ix.byKey[row.Invited.Key()] == nil {
			add("", unlistedAddress{address: row.Invited})
		}
	}
	return bySame
}
