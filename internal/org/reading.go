package org

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Merge combines two readings of one organization. The result has every user and every invitation that is in s or in
// later. If both readings have a user or an invitation, the result has the version of later, unless s shows that
// somebody accepted, that an invitation was renewed or that a user is suspended: later may be older than s. SeenOnce
// is true for a user that only one reading has, and for an invitation that only one reading has with its expiration
// date. OtherHolders has those of both readings. Access comes from later. But if later lacks a user, it cannot show
// what this user has: for such users, the holders come from s. What cannot be combined comes from later.
func (s Snapshot) Merge(later Snapshot) Snapshot {
	merged := later
	if merged.Organization.ID == "" {
		merged.Organization = s.Organization
	}
	merged.Now = Later(s.Now, later.Now)
	merged.PinConfirmed = s.PinConfirmed || later.PinConfirmed
	merged.Paged = s.Paged || later.Paged
	merged.UsersVisible = s.UsersVisible && later.UsersVisible
	merged.SuspendedVisible = s.SuspendedVisible && later.SuspendedVisible
	if merged.Self.IsZero() {
		merged.Self = s.Self
	}
	merged.OtherHolders = slices.Concat(s.OtherHolders, later.OtherHolders)
	merged.Users = union(s.Users, later.Users,
		func(u *User) rowKey {
			if u.ID != "" {
				return rowKey{id: strings.ToLower(u.ID)}
			}
			return rowKey{email: u.Email.Key()}
		}, func(u, other *User) {
			u.SeenOnce = u.SeenOnce || other == nil
			if other == nil {
				return
			}
			u.Accepted = u.AcceptedBeside(*other)
			u.NotFound = u.Accepted == nil && (u.NotFound || other.NotFound)
			if other.Suspended && !u.Suspended { // later may miss u in the list of suspended users
				u.Suspended, u.SuspendedListed, u.StatusText = true, other.SuspendedListed, other.StatusText
			}
		})
	merged.Access = withHoldersOf(merged.Users[len(later.Users):], s.Access, later.Access)
	merged.Invitations = union(s.Invitations, later.Invitations,
		func(i *Invitation) rowKey {
			if i.ID != "" { // two invitations with one id and different addresses are two invitations
				return rowKey{id: i.ID, email: i.Invited.Key()}
			}
			return rowKey{email: i.Invited.Key(), created: i.Created}
		}, func(i, other *Invitation) {
			once := i.SeenOnce || other == nil || !other.Expires.Equal(i.Expires)
			if other != nil && i.ID != "" && other.IsAfter(*i) { // without an id, they may be two invitations
				*i = *other
			}
			i.SeenOnce = once
		})
	return merged
}

// withHoldersOf returns the access of later. It adds what missing, the users that only the earlier reading has, have in
// earlier.
func withHoldersOf(missing []User, earlier, later []Access) []Access {
	if len(missing) == 0 {
		return later
	}
	all := slices.Clone(later)
	for i := range all {
		a := &all[i]
		before := slices.IndexFunc(earlier, func(e Access) bool { return e.Kind == a.Kind && e.ID == a.ID })
		if before < 0 {
			continue
		}
		holders := map[string]string{}
		maps.Copy(holders, a.Holders)
		for _, u := range missing {
			if membership, holds := earlier[before].Holders[u.ID]; holds {
				holders[u.ID] = membership
			}
		}
		a.Holders = holders
	}
	return all
}

// AcceptedBeside returns Accepted of u if other is another row about u. The result is false only if it is false in both
// rows, because nobody takes an acceptance back.
func (u User) AcceptedBeside(other User) *bool {
	if u.Accepted != nil && !*u.Accepted {
		return other.Accepted
	}
	return u.Accepted
}

// IsAfter reports whether i shows something that happened after other, which is the same invitation: the person
// accepted it, or it was renewed. A renewal after the acceptance counts only if the dates prove it.
func (i Invitation) IsAfter(other Invitation) bool {
	switch accepted := i.Status == StatusAccepted; {
	case accepted == (other.Status == StatusAccepted):
		return i.Expires.After(other.Expires) && !other.DateUnreadable
	case accepted:
		return !other.isRenewalOf(i)
	}
	return i.isRenewalOf(other)
}

// isRenewalOf reports whether i was sent again after the acceptance in accepted: the person may have left since.
// All dates come from the list, so it makes no difference if they lack the zone.
func (i Invitation) isRenewalOf(accepted Invitation) bool {
	return !accepted.Expires.IsZero() && i.Expires.After(accepted.Expires) &&
		!accepted.Responded.IsZero() && accepted.Responded.Before(i.Expires.Add(-InvitationLife))
}

// rowKey identifies a row of a list. For a user, it has the id or, if there is no id, the address. For an invitation,
// it has the id and the address or, if there is no id, the address and the time of the creation.
type rowKey struct {
	id, email string
	created   time.Time
}

// union returns the rows of later and, after them, the rows that only earlier has. For each of them, it calls combine,
// which may change row. other is the same row of the other list; nil if the other list does not have it.
func union[T any](earlier, later []T, key func(*T) rowKey, combine func(row, other *T)) []T {
	inEarlier := make(map[rowKey]*T, len(earlier))
	for i := range earlier {
		inEarlier[key(&earlier[i])] = &earlier[i]
	}
	all := make([]T, 0, max(len(earlier), len(later)))
	inLater := make(map[rowKey]bool, len(later))
	for _, row := range later {
		k := key(&row)
		inLater[k] = true
		combine(&row, inEarlier[k])
		all = append(all, row)
	}
	for _, row := range earlier {
		if !inLater[key(&row)] {
			combine(&row, nil)
			all = append(all, row)
		}
	}
	return all
}

// Later returns the later one of two times.
func Later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
