package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// DraftRoster drafts a roster of the people who are in the organization or can still accept an invitation to it.
// in.Roster may be empty; people whom it lists are left out. So is everybody who would be mailed or unsuspended by
// being listed, and the key's own user, unless there is nobody else. Comments of the draft name these people, and
// everything that a roster cannot say.
//
// [Compute] has no change for a roster that is written from the draft, with two exceptions: it removes people whom
// orgsync itself suspended, if the roster says so, and it gives people what in.Roster's defaults give everybody.
//
// in.Snapshot has all holders of all access but that of the kinds in unseen, which could not be read.
func DraftRoster(in Input, unseen []org.Kind) roster.Draft {
	ix := newIndex(in)
	inv := drafter{in: in, unseen: unseen, held: ix.access, names: map[*org.Access]string{}}
	entries := inv.draft(ix, inv.candidates(ix))
	switch self := in.Snapshot.Self; {
	case self.IsZero() || ix.byKey[self.Key()] != nil:
	case len(entries) == 0 && len(in.Roster.People) == 0 && ix.selfKnown:
		entries = inv.keep([]roster.Person{{Email: self}}) // a roster has to have somebody
	default:
		inv.remark("%s is not listed: orgsync never suspends or removes the user of the API key", self)
	}
	inv.remarkAccess()
	return roster.Draft{Organization: in.Snapshot.Organization, At: in.Snapshot.Now, Comments: inv.remarks,
		Entries: entries}
}

// drafter makes a draft.
type drafter struct {
	in      Input
	unseen  []org.Kind
	remarks []string
	// held is what each user has.
	held holdings
	// names are what the roster calls groups, roles and policies; "" for those that it cannot name.
	names map[*org.Access]string
}

// candidates are the people who may belong into the roster, one for each address.
func (inv *drafter) candidates(ix *index) []roster.Person {
	var people []roster.Person
	known := map[string]bool{}
	add := func(a org.Address) {
		if key := a.Key(); !known[key] && ix.byKey[key] == nil {
			known[key] = true
			people = append(people, roster.Person{Email: a})
		}
	}
	var services, unreadable []string
	aliases := map[string]*person{} // the listed people whom the users may be, by user id
	for i := range ix.people {
		p := &ix.people[i]
		var d decision
		ix.decideMembership(p, &d)
		if !d.has(PossibleAlias) {
			continue
		}
		for _, u := range ix.possibleAliases(p) {
			aliases[u.ID] = p
		}
	}
	for i := range ix.unlistedUsers {
		u := &ix.unlistedUsers[i]
		switch {
		case u.Service:
			services = append(services, cmp.Or(u.Name, u.Email.String(), u.ID))
		case u.Email.IsZero():
			unreadable = append(unreadable, cmp.Or(u.Name, u.ID))
		case aliases[u.ID] != nil:
			inv.remark("%s may be %s, who is listed and whose invitation vanished: make it an alias, or list it by hand",
				u.Email, aliases[u.ID].Email)
			known[u.Email.Key()] = true
		case isUnaccepted(u):
			isTheirs := func(row org.Invitation) bool { return row.Invited.Equal(u.Email) }
			if !slices.ContainsFunc(ix.unlistedInvitations, isTheirs) {
				inv.remark("%s has not accepted an invitation, and none is listed for them", u.Email)
			}
		case !ix.isSelf(u):
			add(u.Email)
		}
	}
	inv.remarkList("service users are not listed", services)
	inv.remarkList("users with an address that cannot be read are not listed", unreadable)
	self := ix.in.Snapshot.Self
	for _, row := range ix.unlistedInvitations {
		open := row.Status == org.StatusPending || row.Status == org.StatusExpired
		switch {
		case !open && (row.Status != org.StatusAccepted || ix.in.Snapshot.UsersSeen):
		case !self.IsZero() && (row.Invited.Equal(self) || row.Registered.Equal(self)):
		case !row.Invited.IsZero():
			add(row.Invited)
		case !ix.isPast(row.ExpiresAt()):
			inv.remark("the invitation %s is for an address that cannot be read", row.ID)
		}
	}
	return people
}

// listing returns the index of the organization as if people were in the roster too.
func (inv *drafter) listing(people []roster.Person) *index {
	in, r := inv.in, *inv.in.Roster
	r.People = slices.Concat(r.People, people)
	in.Roster = &r
	return newIndex(in)
}

// keep drafts the entries, sorted by address, of those of people who can be listed without any change for them. Leaving
// somebody out can make their invitations another's, so it is asked again until everybody stays.
func (inv *drafter) keep(people []roster.Person) []roster.Entry {
	for {
		asked := make(map[org.Address]bool, len(people))
		for _, entry := range people {
			asked[entry.Email] = true
		}
		ix := inv.listing(people)
		var kept []roster.Person
		var entries []roster.Entry
		var expired []string
		for i := range ix.people {
			p := &ix.people[i]
			if !asked[p.Email] {
				continue
			}
			var d decision
			ix.decideMembership(p, &d)
			switch state := d.state(p); {
			case p.user != nil && p.user.Suspended && p.record.Suspended:
				inv.remark("%s is not listed: orgsync suspended them, and listing them would end that", strings.Join(p.keys, ", "))
			case state == StateMember, state == StateSuspended, d.waiting() != "":
				kept = append(kept, *p.Person)
				entries = append(entries, inv.entry(ix, p, d))
			case state == StateExpired, state == StateGaveUp:
				expired = append(expired, p.Email.String())
			case state == StatePending:
				inv.remark("%s is not listed: they may have been mailed, but the answer was lost", p.Email)
			default:
				inv.remark("%s is not listed, because it is not clear whether they can still accept: look at their invitation",
					p.Email)
			}
		}
		inv.remarkList("not listed, because their invitation expired and apply would send a new one", expired)
		if len(kept) == len(people) {
			return entries
		}
		people = kept
	}
}

// waiting is the invitation that the person can still accept; "" when there is none.
func (d *decision) waiting() string {
	for _, n := range d.notices {
		if n.Kind == Waiting {
			return cmp.Or(n.InvitationID, "unknown")
		}
	}
	return ""
}

// draft makes entries of people, until everybody can be listed as they are.
func (inv *drafter) draft(before *index, people []roster.Person) []roster.Entry {
	for {
		entries := inv.keep(people)
		if people = inv.join(before, entries); len(people) == len(entries) {
			return entries
		}
	}
}

// join makes one person of all who claim the same user, by the address or by an invitation that was
// accepted with it. It leaves out people who would take a user or an invitation from somebody who
// is listed already.
func (inv *drafter) join(before *index, entries []roster.Entry) []roster.Person {
	people := make([]roster.Person, len(entries))
	place := map[string]int{} // of each address, in people
	for i, e := range entries {
		people[i] = roster.Person{Email: e.Email, Aliases: e.Aliases}
		for _, a := range e.Addresses() {
			place[a.Key()] = i
		}
	}
	ix := inv.listing(people)
	gone := map[int]bool{}
	leaveOut := func(p, listed *person) {
		if i, added := place[p.Email.Key()]; added && !gone[i] {
			inv.remark("%s is one more address of %s, who is listed: make it an alias", p.Email, listed.Email)
			gone[i] = true
		}
	}
	owners := map[string]*person{}
	for i := range before.people {
		for _, row := range before.people[i].invitations {
			owners[row.ID] = &before.people[i]
		}
	}
	accepted := map[string][]*person{} // by the address that it was done with
	for i := range ix.people {
		p := &ix.people[i]
		for _, row := range p.invitations {
			if listed := owners[row.ID]; listed != nil {
				leaveOut(p, listed)
			}
			if key := acceptedBy(row); key != "" {
				accepted[key] = append(accepted[key], p)
			}
		}
	}
	for _, key := range inv.users(accepted) {
		claimants := accepted[key]
		p := ix.byKey[key]
		switch {
		case key == "":
			continue
		case p != nil:
			claimants = append(claimants, p)
		case len(claimants) > 0:
			p = claimants[0]
		}
		isListed := func(p *person) bool { _, added := place[p.Email.Key()]; return !added }
		listed := slices.IndexFunc(claimants, isListed)
		for _, other := range claimants {
			switch {
			case listed >= 0:
				leaveOut(other, claimants[listed])
			default:
				to, from := place[p.Email.Key()], place[other.Email.Key()]
				if to == from || gone[to] || gone[from] {
					continue
				}
				people[to].Aliases = slices.Concat(people[to].Aliases, people[from].Addresses())
				gone[from] = true
			}
		}
	}
	return inv.without(gone, people)
}

// users are the keys of the users' addresses. Where users cannot be listed, whoever accepted counts as one.
func (inv *drafter) users(accepted map[string][]*person) []string {
	if !inv.in.Snapshot.UsersSeen {
		return slices.Sorted(maps.Keys(accepted))
	}
	var keys []string
	for _, u := range inv.in.Snapshot.Users {
		keys = append(keys, u.Email.Key())
	}
	return keys
}

// without are the people whose place is not among gone, each with as many aliases as an entry may have.
func (inv *drafter) without(gone map[int]bool, people []roster.Person) []roster.Person {
	var left []roster.Person
	for i, p := range people {
		if gone[i] {
			continue
		}
		if more := len(p.Aliases) - roster.MaxAliases; more > 0 {
			inv.remark("%s has %d addresses more than an entry may have", p.Email, more)
			p.Aliases = p.Aliases[:roster.MaxAliases]
		}
		left = append(left, p)
	}
	return left
}

// entry drafts what the roster says of p, who stays as they are.
func (inv *drafter) entry(ix *index, p *person, d decision) roster.Entry {
	e := roster.Entry{Person: *p.Person}
	if allowed := inv.in.Roster.Settings.AllowedDomains; len(allowed) > 0 {
		outside := func(a org.Address) bool { return !slices.Contains(allowed, a.Domain()) }
		e.External = outside(p.Email) || slices.ContainsFunc(p.Aliases, outside)
	}
	if p.user == nil {
		for _, row := range p.invitations {
			if row.ID == d.waiting() {
				e.APIEnabled = row.APIEnabled
			}
		}
		return e
	}
	if p.user.Suspended {
		e.Comments = append(e.Comments, "suspended: orgsync leaves that as it is")
	}
	for _, row := range p.invitations {
		if row.Registered.Equal(p.user.Email) && ix.byKey[row.Invited.Key()] == nil && !row.Invited.IsZero() {
			e.Comments = append(e.Comments, fmt.Sprintf("invited as %s", row.Invited))
		}
	}
	if len(p.Aliases) > 0 {
		for _, u := range inv.in.Snapshot.Users {
			if u.ID != p.user.ID && ix.byKey[u.Email.Key()] == p {
				e.Comments = append(e.Comments, fmt.Sprintf("the user %s is the same person, and what that user may do is not "+
					"listed here", u.Email))
			}
		}
	}
	e.Name, e.APIEnabled = p.user.Name, p.user.APIEnabled
	for _, kind := range org.Kinds {
		refs, why := inv.refs(kind, p.user.ID)
		if why != "" {
			e.Comments = append(e.Comments, why)
		}
		*e.List(kind) = refs
	}
	if given := inv.byDefault(p.user); len(given) > 0 {
		e.Comments = append(e.Comments, "the roster's defaults give them what they do not have: "+strings.Join(given, ", "))
	}
	return e
}

// byDefault is what u lacks of the access that the roster gives everybody: an entry cannot say that somebody is without
// it.
func (inv *drafter) byDefault(u *org.User) []string {
	var given []string
	for _, kind := range org.Kinds {
		for _, ref := range inv.in.Roster.Defaults.Refs(kind) {
			a, _ := lookUp(inv.in.Snapshot.Access, kind, ref.Name)
			if a == nil || u.Suspended {
				continue
			}
			if _, has := a.Holders[u.ID]; !has {
				given = append(given, fmt.Sprintf("%s %s", kind, a.Name))
			}
		}
	}
	return given
}

// refs names all that the user has of a kind; nil when there is nothing, or when the roster cannot name all of it: a
// kind is managed whole or not at all.
func (inv *drafter) refs(kind org.Kind, user string) (refs []roster.Ref, why string) {
	for a := range inv.held.of(user).access() {
		if a.Kind != kind {
			continue
		}
		name := inv.name(a)
		if name == "" {
			return nil, fmt.Sprintf("has the %s %q, which a roster cannot name, so that no %s are listed here", kind,
				cmp.Or(a.Name, a.ID), kind.Plural())
		}
		refs = append(refs, roster.Ref{Name: name})
	}
	if len(refs) > roster.MaxRefs {
		return nil, fmt.Sprintf("has %d %s, more than an entry may have, so that none are listed here", len(refs),
			kind.Plural())
	}
	slices.SortFunc(refs, func(a, b roster.Ref) int { return cmp.Compare(a.Name, b.Name) })
	return refs, ""
}

// name is what a roster calls a: its name or, where that means another or several, its id; "" when neither will do.
func (inv *drafter) name(a *org.Access) string {
	name, known := inv.names[a]
	if known {
		return name
	}
	for _, text := range []string{strings.TrimSpace(a.Name), a.ID} {
		if !roster.IsValidName(text) {
			continue
		}
		if found, _ := lookUp(inv.in.Snapshot.Access, a.Kind, text); found == a {
			name = text
			break
		}
	}
	inv.names[a] = name
	return name
}

// remarkAccess tells what the entries do not say about groups, roles and policies.
func (inv *drafter) remarkAccess() {
	s := inv.in.Snapshot
	if !s.UsersSeen {
		inv.remark("the key may not list users: everybody who accepted an invitation is listed, without their access")
	}
	if !s.SuspendedSeen {
		inv.remark("the key cannot list suspended users")
	}
	for _, kind := range inv.unseen {
		inv.remark("the key may not read %s: none are listed", kind.Plural())
	}
	byID := map[org.Kind][]string{}
	var deleted, assumable []string
	for i := range s.Access {
		a := &s.Access[i]
		switch {
		case a.Deleted:
			deleted = append(deleted, cmp.Or(a.Name, a.ID))
		case a.Assumable:
			assumable = append(assumable, cmp.Or(a.Name, a.ID))
		case inv.names[a] == a.ID && a.Name != a.ID:
			byID[a.Kind] = append(byID[a.Kind], fmt.Sprintf("%s is %q", a.ID, a.Name))
		}
	}
	for _, kind := range org.Kinds {
		inv.remarkList(kind.Plural()+" that share their name with others are listed by their id", byID[kind])
	}
	inv.remarkList("deleted groups have no members", deleted)
	inv.remarkList("assumable roles are taken on for a session and cannot be given to a person", assumable)
}

func (inv *drafter) remark(format string, args ...any) {
	inv.remarks = append(inv.remarks, fmt.Sprintf(format, args...))
}

// remarkList adds a remark about many, and names the first of them.
func (inv *drafter) remarkList(what string, names []string) {
	const most = 20
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	more := ""
	if n := len(names) - most; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	inv.remark("%s: %s%s", what, strings.Join(names[:min(most, len(names))], ", "), more)
}
