package org

import "time"

// Merge combines two readings of one organization. The result has every user and every invitation that is in s or in
// later. If both readings have a user or an invitation, the result has the version of later. SeenOnce is true for a
// user that only one reading has. What cannot be combined, such as Access, comes from later.
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
	merged.Users = union(s.Users, later.Users,
		func(u *User) rowKey { return newRowKey(u.ID, u.Email, time.Time{}) }, func(u *User) { u.SeenOnce = true })
	merged.Invitations = union(s.Invitations, later.Invitations,
		func(i *Invitation) rowKey { return newRowKey(i.ID, i.Invited, i.Created) }, func(*Invitation) {})
	return merged
}

// rowKey identifies a user or an invitation in a list.
type rowKey struct {
	id, email string
	created   time.Time
}

// newRowKey returns a key with the id alone or, if there is no id, with the address and the time.
func newRowKey(id string, email Address, created time.Time) rowKey {
	if id != "" {
		return rowKey{id: id}
	}
	return rowKey{email: email.Key(), created: created}
}

// union returns the rows of later and, after them, the rows that only earlier has. It calls markOnce with each row
// that is in only one of the lists.
func union[T any](earlier, later []T, key func(*T) rowKey, markOnce func(*T)) []T {
	inEarlier := make(map[rowKey]bool, len(earlier))
	for i := range earlier {
		inEarlier[key(&earlier[i])] = true
	}
	all := make([]T, 0, max(len(earlier), len(later)))
	inLater := make(map[rowKey]bool, len(later))
	for _, row := range later {
		k := key(&row)
		inLater[k] = true
		if !inEarlier[k] {
			markOnce(&row)
		}
		all = append(all, row)
	}
	for _, row := range earlier {
		if !inLater[key(&row)] {
			markOnce(&row)
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
