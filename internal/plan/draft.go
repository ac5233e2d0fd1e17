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

// DraftRoster drafts a roster of the people who are in the organization or can still accept an invitation to it, but for
// those whom in.Roster, which may have nobody, lists already. [Compute] has no change for a roster that is written from
// the draft, whatever its settings say, but that it removes whom orgsync itself suspended if the roster says so, and gives
// people what in.Roster's defaults give everybody. Who would be mailed or unsuspended by being listed is left out; so is the
// key's own user, unless there is nobody else. The draft's remarks tell of them, and of all that a roster cannot say.
//
// in.Snapshot has all holders of all access but that of the kinds in unseen, which could not be read.
func DraftRoster(in Input, unseen []org.Kind) roster.Draft {
	w := newIndex(in)
	inv := inventory{in: in, unseen: unseen, held: w.held, names: map[*org.Access]string{}}
	entries := inv.draft(w, inv.candidates(w))
	switch self := in.Snapshot.Self; {
	case self.IsZero() || w.byKey[self.Key()] != nil:
	case len(entries) == 0 && len(in.Roster.People) == 0 && w.selfKnown:
		entries = inv.keep([]roster.Person{{Email: self}}) // a roster has to have somebody
	default:
		inv.remark("%s is the user of the API key, whom orgsync never touches", self)
	}
	inv.remarkAccess()
	return roster.Draft{Organization: in.Snapshot.Organization, At: in.Snapshot.Now, Comments: inv.remarks, Entries: entries}
}

// inventory is a draft in the making.
type inventory struct {
	in      Input
	unseen  []org.Kind
	remarks []string
	// held is what each user has.
	held holdings
	// names are what the roster calls groups, roles and policies; "" for those that it cannot name.
	names map[*org.Access]string
}

// candidates are the people who may belong into the roster, one for each address.
func (inv *inventory) candidates(w *index) []roster.Person {
	var people []roster.Person
	known := map[string]bool{}
	add := func(a org.Address) {
		if key := a.Key(); !known[key] && w.byKey[key] == nil {
			known[key] = true
			people = append(people, roster.Person{Email: a})
		}
	}
	var services, unreadable []string
	aliases := map[string]*person{} // the listed people whom the users may be, by user id
	for i := range w.people {
		c := &w.people[i]
		var v decision
		w.decideMembership(c, &v)
		if !slices.ContainsFunc(v.notices, func(n Notice) bool { return n.Kind == PossibleAlias }) {
			continue
		}
		for _, u := range w.possibleAliases(c) {
			aliases[u.ID] = c
		}
	}
	for i := range w.unlistedUsers {
		u := &w.unlistedUsers[i]
		switch {
		case u.Service:
			services = append(services, cmp.Or(u.Name, u.Email.String(), u.ID))
		case u.Email.IsZero():
			unreadable = append(unreadable, cmp.Or(u.Name, u.ID))
		case aliases[u.ID] != nil:
			inv.remark("%s may be %s, who is listed and whose invitation vanished: make it an alias, or list it by hand",
				u.Email, aliases[u.ID].Email)
			known[u.Email.Key()] = true
		case isUnaccepted(u): // an invitation, if there is one, tells
		case !w.isSelf(u):
			add(u.Email)
		}
	}
	inv.remarkList("service users need no invitation", services)
	inv.remarkList("users whose address cannot be read are not listed", unreadable)
	self := w.in.Snapshot.Self
	for _, row := range w.unlistedInvitations {
		open := row.Status == org.StatusPending || row.Status == org.StatusExpired
		switch {
		case !open && (row.Status != org.StatusAccepted || w.in.Snapshot.UsersSeen):
		case !self.IsZero() && (row.Invited.Equal(self) || row.Registered.Equal(self)):
		case !row.Invited.IsZero():
			add(row.Invited)
		case !w.isPast(row.ExpiresAt()):
			inv.remark("the invitation %s is for an address that cannot be read", row.ID)
		}
	}
	return people
}

// listing is the world with people in the roster as well.
func (inv *inventory) listing(people []roster.Person) *index {
	in, r := inv.in, *inv.in.Roster
	r.People = slices.Concat(r.People, people)
	in.Roster = &r
	return newIndex(in)
}

// keep drafts the entries, sorted by address, of those of people who can be listed without any change for them. Leaving
// somebody out can make their invitations another's, so it is asked again until everybody stays.
func (inv *inventory) keep(people []roster.Person) []roster.Entry {
	for {
		asked := make(map[org.Address]bool, len(people))
		for _, p := range people {
			asked[p.Email] = true
		}
		w := inv.listing(people)
		var kept []roster.Person
		var entries []roster.Entry
		var silent []string
		for i := range w.people {
			c := &w.people[i]
			if !asked[c.Email] {
				continue
			}
			var v decision
			w.decideMembership(c, &v)
			switch state := v.state(c); {
			case c.user != nil && c.user.Suspended && c.memory.Suspended:
				inv.remark("%s was suspended by orgsync: being listed would end that", strings.Join(c.own, ", "))
			case state == StateMember, state == StateSuspended, v.waiting() != "":
				kept = append(kept, *c.Person)
				entries = append(entries, inv.entry(w, c, v))
			case state == StateExpired, state == StateGaveUp:
				silent = append(silent, c.Email.String())
			case state == StatePending:
				inv.remark("%s may have been mailed, but the answer was lost: apply finds out", c.Email)
			}
		}
		inv.remarkList("whose invitation expired would be invited again", silent)
		if len(kept) == len(people) {
			return entries
		}
		people = kept
	}
}

// waiting is the invitation that the person can still accept; "" when there is none.
func (v *decision) waiting() string {
	for _, n := range v.notices {
		if n.Kind == Waiting {
			return cmp.Or(n.InvitationID, "unknown")
		}
	}
	return ""
}

// draft makes entries of people, until everybody can be listed as they are.
func (inv *inventory) draft(before *index, people []roster.Person) []roster.Entry {
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
func (inv *inventory) join(before *index, entries []roster.Entry) []roster.Person {
	people := make([]roster.Person, len(entries))
	place := map[string]int{} // of each address, in people
	for i, e := range entries {
		people[i] = roster.Person{Email: e.Email, Aliases: e.Aliases}
		for _, a := range e.Addresses() {
			place[a.Key()] = i
		}
	}
	w := inv.listing(people)
	gone := map[int]bool{}
	leaveOut := func(c, listed *person) {
		if i, added := place[c.Email.Key()]; added && !gone[i] {
			inv.remark("%s is one more address of %s, who is listed: make it an alias", c.Email, listed.Email)
			gone[i] = true
		}
	}
	owners := map[string]*person{}
	for i := range before.people {
		for _, row := range before.people[i].rows {
			owners[row.ID] = &before.people[i]
		}
	}
	accepted := map[string][]*person{} // by the address that it was done with
	for i := range w.people {
		c := &w.people[i]
		for _, row := range c.rows {
			if listed := owners[row.ID]; listed != nil {
				leaveOut(c, listed)
			}
			if key := acceptedBy(row); key != "" {
				accepted[key] = append(accepted[key], c)
			}
		}
	}
	for _, key := range inv.users(accepted) {
		claimants := accepted[key]
		c := w.byKey[key]
		switch {
		case key == "":
			continue
		case c != nil:
			claimants = append(claimants, c)
		case len(claimants) > 0:
			c = claimants[0]
		}
		isListed := func(c *person) bool { _, added := place[c.Email.Key()]; return !added }
		listed := slices.IndexFunc(claimants, isListed)
		for _, other := range claimants {
			switch {
			case listed >= 0:
				leaveOut(other, claimants[listed])
			default:
				to, from := place[c.Email.Key()], place[other.Email.Key()]
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
func (inv *inventory) users(accepted map[string][]*person) []string {
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
func (inv *inventory) without(gone map[int]bool, people []roster.Person) []roster.Person {
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

// entry drafts what the roster says of c, who stays as they are.
func (inv *inventory) entry(w *index, c *person, v decision) roster.Entry {
	e := roster.Entry{Person: *c.Person}
	if allowed := inv.in.Roster.Settings.AllowedDomains; len(allowed) > 0 {
		outside := func(a org.Address) bool { return !slices.Contains(allowed, a.Domain()) }
		e.External = outside(c.Email) || slices.ContainsFunc(c.Aliases, outside)
	}
	if c.user == nil {
		for _, row := range c.rows {
			if row.ID == v.waiting() {
				e.APIEnabled = row.APIEnabled
			}
		}
		return e
	}
	if c.user.Suspended {
		e.Comments = append(e.Comments, "suspended: orgsync leaves that as it is")
	}
	for _, row := range c.rows {
		if row.Registered.Equal(c.user.Email) && w.byKey[row.Invited.Key()] == nil && !row.Invited.IsZero() {
			e.Comments = append(e.Comments, fmt.Sprintf("invited as %s", row.Invited))
		}
	}
	if len(c.Aliases) > 0 {
		for _, u := range inv.in.Snapshot.Users {
			if u.ID != c.user.ID && w.byKey[u.Email.Key()] == c {
				e.Comments = append(e.Comments, fmt.Sprintf("the user %s is the same person, and what that user may do is not listed here", u.Email))
			}
		}
	}
	e.Name, e.APIEnabled = c.user.Name, c.user.APIEnabled
	for _, kind := range org.Kinds {
		refs, why := inv.refs(kind, c.user.ID)
		if why != "" {
			e.Comments = append(e.Comments, why)
		}
		switch kind {
		case org.KindGroup:
			e.Groups = refs
		case org.KindRole:
			e.Roles = refs
		case org.KindPolicy:
			e.Policies = refs
		}
	}
	if given := inv.byDefault(c.user); len(given) > 0 {
		e.Comments = append(e.Comments, "the roster's defaults give them what they do not have: "+strings.Join(given, ", "))
	}
	return e
}

// byDefault is what u lacks of the access that the roster gives everybody: an entry cannot say that somebody is without it.
func (inv *inventory) byDefault(u *org.User) []string {
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

// refs names all that the user has of a kind; nil when there is nothing, or when the roster cannot name all of it: a kind
// is managed whole or not at all.
func (inv *inventory) refs(kind org.Kind, user string) (refs []roster.Ref, why string) {
	for a := range inv.held.of(user).access() {
		if a.Kind != kind {
			continue
		}
		name := inv.name(a)
		if name == "" {
			return nil, fmt.Sprintf("has the %s %q, which a roster cannot name, so that no %s are listed here", kind, cmp.Or(a.Name, a.ID), plural(kind))
		}
		refs = append(refs, roster.Ref{Name: name})
	}
	if len(refs) > roster.MaxRefs {
		return nil, fmt.Sprintf("has %d %s, more than an entry may have, so that none are listed here", len(refs), plural(kind))
	}
	slices.SortFunc(refs, func(a, b roster.Ref) int { return cmp.Compare(a.Name, b.Name) })
	return refs, ""
}

// name is what a roster calls a: its name or, where that means another or several, its id; "" when neither will do.
func (inv *inventory) name(a *org.Access) string {
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
func (inv *inventory) remarkAccess() {
	s := inv.in.Snapshot
	if !s.UsersSeen {
		inv.remark("the key may not list users: whoever accepted an invitation is listed, without what they may do")
	}
	if !s.SuspendedSeen {
		inv.remark("the key cannot list suspended users")
	}
	for _, kind := range inv.unseen {
		inv.remark("the key may not read %s: none are listed", plural(kind))
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
		inv.remarkList(plural(kind)+" whose name is not theirs alone go by their id", byID[kind])
	}
	inv.remarkList("deleted groups have no members", deleted)
	inv.remarkList("assumable roles are taken on for a session and cannot be given to a person", assumable)
}

func (inv *inventory) remark(format string, args ...any) {
	inv.remarks = append(inv.remarks, fmt.Sprintf(format, args...))
}

// remarkList adds a remark about many, and names the first of them.
func (inv *inventory) remarkList(what string, names []string) {
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
