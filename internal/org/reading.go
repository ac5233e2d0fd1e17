package org

import "time"

// Merge returns what two readings of one organization show together. Whoever is in either of them
// is there: users who are in one only have SeenOnce. Of two versions of one row the later reading
// has the right one, and so has it of everything that is no list of people.
func (s Snapshot) Merge(later Snapshot) Snapshot {
	merged := later
	if merged.Organization.ID == "" {
		merged.Organization = s.Organization
	}
	merged.Now = Later(s.Now, later.Now)
	merged.PinConfirmed = s.PinConfirmed || later.PinConfirmed
	merged.Paged = s.Paged || later.Paged
	merged.UsersSeen = s.UsersSeen && later.UsersSeen
	merged.SuspendedSeen = s.SuspendedSeen && later.SuspendedSeen
	if merged.Self.IsZero() {
		merged.Self = s.Self
	}
	merged.Users = union(s.Users, later.Users, func(u *User) rowKey { return rowKey{id: u.ID, email: u.Email.Key()} },
		func(u *User) { u.SeenOnce = true })
	merged.Invitations = union(s.Invitations, later.Invitations, func(i *Invitation) rowKey {
		return rowKey{id: i.ID, email: i.Invited.Key(), created: i.Created}
	}, func(*Invitation) {})
	return merged
}

// rowKey identifies a row by its id or, where it has none, by the address and the time of it.
type rowKey struct {
	id, email string
	created   time.Time
}

// union returns the rows of later and, after them, those that only earlier has. It calls once for each row that only
// one of them has.
func union[T any](earlier, later []T, key func(*T) rowKey, once func(*T)) []T {
	identify := func(row *T) rowKey {
		k := key(row)
		if k.id != "" {
			return rowKey{id: k.id}
		}
		return k
	}
	before := make(map[rowKey]bool, len(earlier))
	for i := range earlier {
		before[identify(&earlier[i])] = true
	}
	all := make([]T, 0, max(len(earlier), len(later)))
	seen := make(map[rowKey]bool, len(later))
	for _, row := range later {
		k := identify(&row)
		seen[k] = true
		if !before[k] {
			once(&row)
		}
		all = append(all, row)
	}
	for _, row := range earlier {
		if !seen[identify(&row)] {
			once(&row)
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
