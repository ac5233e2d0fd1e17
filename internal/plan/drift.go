package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// Drift returns how the entries of in.Roster must change so that they agree with the access that people have in the
// organization. The remarks are sentences about differences that an entry cannot express. Drift ignores kinds of
// access that the roster does not manage for a person. in.Snapshot must have all holders of all groups, roles and
// policies, except those of the kinds in hidden, which the key may not read.
func Drift(in Input, hidden []org.Kind) (updates []roster.AccessUpdate, remarks []string) {
	ix := newIndex(in)
	dr := drafter{in: in, hidden: hidden, access: ix.access, names: map[*org.Access]string{}}
	cat := ix.lookUpNames()
	entries := make(map[string]*roster.Person, len(in.Roster.People)) // also with memberships that have ended
	for i := range in.Roster.People {
		entries[in.Roster.People[i].Email.Key()] = &in.Roster.People[i]
	}
	for i := range ix.people {
		p := &ix.people[i]
		var decided decision
		ix.decideMembership(p, &decided)
		u := roster.AccessUpdate{Email: p.Email, At: p.At, OnlyInTeams: p.OnlyInTeams, Until: p.Until}
		switch {
		case p.ended:
		case p.user == nil:
			// The list of users may not yet show a person who accepted a moment ago.
			u.Left = decided.hasNotice(Left) && !ix.mayHaveJustAccepted(p)
		case p.user.Suspended:
		case p.isUnderOtherAddress():
			if p.managesAccess() {
				dr.remark("%s is a member as %s, so their access is not compared: if this is the same person, make the "+
					"address an alias", p.Email, p.user.Email)
			}
		case ix.joinedSinceApply(p) && p.managesAccess():
			dr.remark("%s has joined since the last apply, so apply has not given them their access yet: the entry stays "+
				"as it is", p.Email)
		default:
			dr.compareAccess(p, entries[p.Email.Key()], cat, &u)
			if (u.APIEnabled != nil || len(u.Remove) > 0) && ix.lastChangeFailed(p) {
				dr.remark("the last change to %s failed, so apply may not have given them their access yet: the entry stays as "+
					"it is", p.Email)
				continue
			}
		}
		if u.Left || u.APIEnabled != nil || len(u.Add)+len(u.Remove) > 0 {
			updates = append(updates, u)
		}
	}
	return updates, dr.remarks
}

// NewRevocations returns a remark for each group, role or policy that [Compute] would revoke from people of in.Roster
// only if the roster also has the new entries and the updates. For example, orgsync revokes a group only if the roster
// names this group somewhere, and a new entry may name it. Each remark names the people.
func NewRevocations(in Input, added []roster.Entry, updates []roster.AccessUpdate) []string {
	if in.Roster.Settings.ExtraAccess != roster.ExtraAccessRevoke || len(added)+len(updates) == 0 {
		return nil
	}
	after := *in.Roster
	after.People = slices.Clone(after.People)
	place := make(map[org.Address]int, len(after.People))
	for i := range after.People {
		place[after.People[i].Email] = i
	}
	for _, u := range updates {
		p := &after.People[place[u.Email]]
		for _, kind := range org.Kinds {
			refs := slices.DeleteFunc(slices.Clone(p.Refs(kind)), func(r roster.Ref) bool {
				return slices.Contains(u.Remove[kind], r.Name)
			})
			for _, name := range u.Add[kind] {
				refs = append(refs, roster.Ref{Name: name})
			}
			*p.RefsPointer(kind) = refs
		}
	}
	for _, e := range added {
		after.People = append(after.People, e.Person)
	}
	revocations := func(r *roster.Roster) map[string][]string { // by what is revoked, the addresses of the people
		in.Roster = r
		people := map[string][]string{}
		for _, c := range Compute(in).Changes {
			if c.Action == Revoke {
				what := fmt.Sprintf("%s %q", c.Detail.Kind, c.Detail.Name)
				people[what] = append(people[what], c.Email.String())
			}
		}
		return people
	}
	var dr drafter
	before, now := revocations(in.Roster), revocations(&after)
	for _, what := range slices.Sorted(maps.Keys(now)) {
		isOld := func(who string) bool { return slices.Contains(before[what], who) }
		dr.remarkList("with these changes, apply would revoke the "+what+" from people whose entry does not have it",
			slices.DeleteFunc(now[what], isOld))
	}
	return dr.remarks
}

// joinedSinceApply reports whether p, a member, joined after the last apply, which therefore has not given p the access
// of the roster. It makes no difference who invited p. The result is false if the ledger is empty, because then nothing
// shows when p joined.
func (ix *index) joinedSinceApply(p *person) bool {
	wasSeen := func(key string) bool {
		r := ix.in.Memory.People[key]
		return r.Joined && r.UserID == p.user.ID
	}
	return len(p.record.Mails) > 0 || p.record.Removed ||
		!ix.in.Memory.Empty && !slices.ContainsFunc(p.knownKeys(), wasSeen)
}

// lastChangeFailed reports whether the last change to p, for example a grant, failed.
func (ix *index) lastChangeFailed(p *person) bool {
	return slices.ContainsFunc(p.knownKeys(), func(key string) bool { return !ix.in.Memory.People[key].FailedAt.IsZero() })
}

// managesAccess reports whether the roster manages any access of p.
func (p *person) managesAccess() bool {
	isManaged := func(kind org.Kind) bool { return p.Refs(kind) != nil }
	return p.APIEnabled != nil || slices.ContainsFunc(org.Kinds, isManaged)
}

// compareAccess sets in u how the access in the entry of p, a member, must change. entry is p with the team
// memberships that have ended. Access that only such a membership gave is not added to the entry, because it would have
// no last day there.
func (dr *drafter) compareAccess(p *person, entry *roster.Person, cat catalog, u *roster.AccessUpdate) {
	if api := p.user.APIEnabled; p.APIEnabled != nil && api != nil && *api != *p.APIEnabled {
		u.APIEnabled = api
	}
	for _, kind := range org.Kinds {
		refs := p.Refs(kind)
		if refs == nil || slices.Contains(dr.hidden, kind) {
			continue
		}
		listed := map[*org.Access]bool{}
		for _, ref := range refs {
			a := cat.byName[kind][ref.Name]
			listed[a] = true
			if slices.Contains(dr.access[p.user.ID], a) || dr.isUnreadable(kind, ref.Name) {
				continue
			}
			if dr.isGivenElsewhere(p, kind, ref.Name) {
				dr.remark("%s does not have the %s %q, which the defaults or a team give them: apply gives it to them",
					p.Email, kind, ref.Name)
				continue
			}
			if u.Remove == nil {
				u.Remove = map[org.Kind][]string{}
			}
			u.Remove[kind] = append(u.Remove[kind], ref.Name)
		}
		for _, a := range dr.access[p.user.ID] {
			if a.Kind != kind || listed[a] {
				continue
			}
			wasGiven := func(r roster.Ref) bool { return cat.byName[kind][r.Name] == a }
			if i := slices.IndexFunc(entry.Refs(kind), wasGiven); i >= 0 {
				dr.remark("%s still has the %s %q, which a team gave them until %s, so it is not added to their entry", p.Email,
					kind, a.Name, entry.Refs(kind)[i].Until)
				continue
			}
			name := dr.rosterName(a)
			if name == "" {
				dr.remark("%s has the %s %q, which a roster cannot name", p.Email, kind, a.Name)
				continue
			}
			if u.Add == nil {
				u.Add = map[org.Kind][]string{}
			}
			u.Add[kind] = append(u.Add[kind], name)
		}
		slices.Sort(u.Add[kind])
	}
}

// isUnreadable reports whether the API does not say who has the access that the roster calls name. The access may have
// another name now.
func (dr *drafter) isUnreadable(kind org.Kind, name string) bool {
	earlierID := dr.in.Memory.Access[org.AccessName{Kind: kind, Name: name}]
	return slices.ContainsFunc(dr.in.Snapshot.Access, func(a org.Access) bool {
		return a.Unreadable && a.Kind == kind && (a.ID == name || a.Is(name) || a.ID == earlierID)
	})
}

// isGivenElsewhere reports whether the defaults or a team give p the access name. Then no change of the entry can
// take it away.
func (dr *drafter) isGivenElsewhere(p *person, kind org.Kind, name string) bool {
	has := func(refs []roster.Ref) bool {
		return slices.ContainsFunc(refs, func(r roster.Ref) bool { return r.Name == name })
	}
	if has(dr.in.Roster.Defaults.Refs(kind)) {
		return true
	}
	for i := range dr.in.Roster.Teams {
		t := &dr.in.Roster.Teams[i]
		inTeam := slices.ContainsFunc(p.Teams, func(m roster.Membership) bool { return m.Team == t.Name })
		if inTeam && has(t.Refs(kind)) {
			return true
		}
	}
	return false
}
