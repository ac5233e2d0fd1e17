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

// DraftRoster drafts a roster of the people who are in the organization or can still accept an invitation to it. It
// leaves out these people, and comments of the draft name them:
//   - people that [Compute] would mail or unsuspend if the roster listed them;
//   - users and invitations that may be those of a person of in.Roster under another address;
//   - people who may have an invitation, if orgsync cannot tell whether they can still accept it;
//   - members whose groups, roles or policies an entry cannot list, if in.Roster manages this kind for everybody;
//   - the key's own user, unless there is nobody else.
//
// It also leaves out people that in.Roster lists already, even if their last day is over. in.Roster may have no people.
// Other comments name what a roster cannot express.
//
// For a roster that is written from the draft, [Compute] makes no changes, with three exceptions. It removes people
// that orgsync itself suspended, if the roster says so. It gives people the access that in.Roster's defaults give
// everybody. It may revoke access that in.Roster did not name (see [NewRevocations]).
//
// in.Snapshot must have all holders of all groups, roles and policies, except those of the kinds in hidden, which
// the key may not read.
func DraftRoster(in Input, hidden []org.Kind) roster.Draft {
	ix := newIndex(in)
	dr := drafter{in: in, hidden: hidden, access: ix.access, names: map[*org.Access]string{}}
	for _, kind := range org.Kinds {
		if in.Roster.ManagesForAll(kind) {
			dr.managedForAll = append(dr.managedForAll, kind)
		}
	}
	entries := dr.draftEntries(ix, dr.candidates(ix))
	switch self := in.Snapshot.Self; {
	case self.IsZero() || ix.byKey[self.Key()] != nil:
	case len(entries) == 0 && len(in.Roster.People) == 0 && ix.selfKnown:
		entries = dr.draftUnchanged([]roster.Person{{Email: self}}) // a roster must list at least one person
	default:
		dr.remark("%s is not listed: orgsync never suspends or removes the user of the API key", self)
	}
	dr.remarkAccess()
	return roster.Draft{Organization: in.Snapshot.Organization, ReadAt: in.Snapshot.Now, Comments: dr.remarks,
		Entries: entries}
}

// drafter describes what people have in the organization in the form of a roster. It collects remarks about
// everything that a roster cannot express.
type drafter struct {
	in      Input
	hidden  []org.Kind // the kinds of access that the key may not read
	remarks []string
	access  holdings
	names   map[*org.Access]string // the results of rosterName
	// managedForAll has the kinds of access that the roster manages for everybody.
	managedForAll []org.Kind
	// possibleAliases has, by user id, the person of the roster who may be this user.
	possibleAliases map[string]*person
}

// candidates returns the people who may belong in the roster, one for each address.
func (dr *drafter) candidates(ix *index) []roster.Person {
	var people []roster.Person
	known := map[string]bool{}
	add := func(a org.Address) {
		if key := a.Key(); !known[key] && ix.byKey[key] == nil {
			known[key] = true
			people = append(people, roster.Person{Email: a})
		}
	}
	var services, unreadable []string
	dr.possibleAliases = map[string]*person{}
	lostMailTo := map[string]*person{} // by invitation id: the person of the roster whose lost mail this may be
	for i := range ix.people {
		p := &ix.people[i]
		mails := p.record.Mails // from before decideMembership, which may decide that a lost mail counts as sent
		var d decision
		ix.decideMembership(p, &d)
		for _, u := range ix.mayHaveJoinedAs(p, mails, &d) {
			dr.possibleAliases[u.ID] = p
		}
		for _, m := range p.record.Mails {
			if !m.Lost {
				continue
			}
			for _, inv := range ix.unlistedInvitations {
				if ix.mayBelongTo(inv, m) {
					lostMailTo[inv.ID] = p
				}
			}
		}
	}
	for i := range ix.unlistedUsers {
		u := &ix.unlistedUsers[i]
		switch {
		case u.Service:
			services = append(services, cmp.Or(u.Name, u.Email.String(), u.ID))
		case u.Email.IsZero():
			unreadable = append(unreadable, cmp.Or(u.Name, u.ID))
		case dr.possibleAliases[u.ID] != nil:
			dr.remarkPossibleAlias(u.Email, u)
			known[u.Email.Key()] = true
		case ix.endedAs(u) != nil:
			if ended := ix.endedAs(u); ix.byKey[u.Email.Key()] == nil {
				dr.remark("%s is not listed: it is another address of %s, whose last day is over", u.Email, ended.Email)
				known[u.Email.Key()] = true
			}
		case isUnaccepted(u):
			isForUser := func(inv org.Invitation) bool { return inv.Invited.Equal(u.Email) }
			if !slices.ContainsFunc(ix.unlistedInvitations, isForUser) {
				dr.remark("%s is a user with an unaccepted invitation, but this invitation is not listed", u.Email)
			}
		case !ix.isSelf(u):
			add(u.Email)
		}
	}
	dr.remarkList("service users are not listed", services)
	dr.remarkList("users with an address that cannot be read are not listed", unreadable)
	self := ix.in.Snapshot.Self
	for _, inv := range ix.unlistedInvitations {
		switch {
		case dr.mayJoinSoon(ix, inv):
			dr.remarkJustAccepted(inv.Invited)
			known[inv.Invited.Key()] = true
		case !inv.Status.IsUnanswered() && (inv.Status != org.StatusAccepted || ix.in.Snapshot.UsersVisible):
		case !self.IsZero() && (inv.Invited.Equal(self) || inv.Registered.Equal(self)):
		case !inv.Invited.IsZero() && lostMailTo[inv.ID] != nil:
			dr.remark("%s is not listed: this may be the invitation of %s, because the answer to their mail was lost",
				inv.Invited, lostMailTo[inv.ID].Email)
		case !inv.Invited.IsZero():
			add(inv.Invited)
		case !ix.isPast(inv.ExpiresAt()):
			dr.remark("the invitation %s is for an address that cannot be read", inv.ID)
		}
	}
	return people
}

// remarkJustAccepted adds a remark about who, the address of a person who has just accepted an invitation.
func (dr *drafter) remarkJustAccepted(who org.Address) {
	dr.remark("%s is not listed: they accepted a moment ago, and the list of users may not show them yet; import them "+
		"later", who)
}

// remarkPossibleAlias adds a remark that u may be a person of the roster. who is an address of u.
func (dr *drafter) remarkPossibleAlias(who org.Address, u *org.User) {
	dr.remark("%s may be another address of %s, who is in the roster but matches no user: make it an alias, "+
		"or list it by hand", who, dr.possibleAliases[u.ID].Email)
}

// mayJoinSoon reports whether inv was accepted so recently that the list of users may not show the user yet.
func (dr *drafter) mayJoinSoon(ix *index, inv org.Invitation) bool {
	hasJoined := func(u org.User) bool { return u.Email.Equal(inv.Invited) || u.Email.Equal(inv.Registered) }
	return inv.Status == org.StatusAccepted && ix.visible.users && ix.isRecent(inv.Responded) && !inv.Invited.IsZero() &&
		!slices.ContainsFunc(dr.in.Snapshot.Users, hasJoined)
}

// mayHaveJoinedAs returns the users who may be p under another address, sorted by address. If the roster listed them
// as other people, the next plans would not take them for p any more, and p would be mailed again. mails are the mails
// to p in the ledger. d does not need the notice [PossibleAlias]: mayHaveJoinedAs also returns users if the last mail
// to p is recent or was lost, or if the next mail waits for another reason, for example for --invite-left. It returns
// none if p can still accept the invitation of a mail.
func (ix *index) mayHaveJoinedAs(p *person, mails []org.Mail, d *decision) []*org.User {
	mayWait := func(n Notice) bool { return n.Holds() || slices.Contains([]NoticeKind{Waiting, NotYet, Left}, n.Kind) }
	isOpenMail := func(inv *org.Invitation) bool { return p.mailOf(inv.ID) != nil && ix.canBeAccepted(inv) }
	if !slices.ContainsFunc(d.notices, mayWait) || slices.ContainsFunc(ix.openInvitations(p), isOpenMail) {
		return nil
	}
	isUnlisted := func(m org.Mail) bool { return m.Lost || !ix.shows(p, m) }
	return ix.unidentifiedSinceMail(mails, isUnlisted, 0) // also users from before the last --reinvite
}

// indexWith returns an index for a roster that also lists people.
func (dr *drafter) indexWith(people []roster.Person) *index {
	in, r := dr.in, *dr.in.Roster
	r.People = slices.Concat(r.People, people)
	in.Roster = &r
	return newIndex(in)
}

// draftUnchanged drafts entries for the people who can be listed without causing a mail or another change, sorted by
// address. It leaves out all others. Then their invitations may belong to other people, so it decides again about the
// rest, until it leaves out nobody.
func (dr *drafter) draftUnchanged(people []roster.Person) []roster.Entry {
	for {
		asked := make(map[org.Address]bool, len(people))
		for _, entry := range people {
			asked[entry.Email] = true
		}
		ix := dr.indexWith(people)
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
			unlistable := ""
			if p.user != nil {
				unlistable = dr.unlistableAccess(p.user)
			}
			switch state := d.state(p); {
			case p.user != nil && p.user.Suspended && ix.wasSuspendedByOrgsync(p, p.user),
				p.user != nil && p.record.Suspended && ix.isRecent(p.record.SuspendedAt):
				dr.remark("%s is not listed: orgsync suspended them, and would end the suspension of a listed person",
					strings.Join(p.keys, ", "))
			case p.user != nil && dr.possibleAliases[p.user.ID] != nil:
				dr.remarkPossibleAlias(p.Email, p.user)
			case p.user != nil && p.record.Removed && ix.isRecent(p.record.RemovedAt):
				dr.remark("%s is not listed: orgsync removed them a moment ago", strings.Join(p.keys, ", "))
			case p.user == nil && d.hasNotice(Left) && state == StateMember:
				dr.remarkJustAccepted(p.Email)
			case unlistable != "":
				dr.remark("%s is not listed: the person %s", p.Email, unlistable)
			case state == StateMember, state == StateSuspended, d.openInvitationID() != "":
				kept = append(kept, *p.Person)
				e := dr.draftEntry(ix, p, d)
				wasTakenOut := func(key string) bool { return dr.in.Memory.People[key].Unlisted }
				if slices.ContainsFunc(p.knownKeys(), wasTakenOut) {
					e.Comments = append(e.Comments, "was in the roster before, and was taken out of it")
				}
				entries = append(entries, e)
			case state == StateExpired, state == StateGaveUp:
				expired = append(expired, p.Email.String())
			case state == StatePending:
				dr.remark("%s is not listed: they may have been mailed, but the answer was lost", p.Email)
			default:
				dr.remark("%s is not listed, because it is not clear whether they can still accept: look at their invitation",
					p.Email)
			}
		}
		dr.remarkList("not listed, because their invitation expired and apply would send a new one", expired)
		if len(kept) == len(people) {
			return entries
		}
		people = kept
	}
}

// openInvitationID returns the id of the invitation that the person can still accept; "" if there is none, and
// "unknown" if the id is not known.
func (d *decision) openInvitationID() string {
	for _, n := range d.notices {
		if n.Kind == Waiting {
			return cmp.Or(n.InvitationID, "unknown")
		}
	}
	return ""
}

// draftEntries drafts entries for people. It joins the addresses of one person, until there is nothing left to join.
func (dr *drafter) draftEntries(before *index, people []roster.Person) []roster.Entry {
	for {
		entries := dr.draftUnchanged(people)
		if people = dr.joinAddresses(before, entries); len(people) == len(entries) {
			return entries
		}
	}
}

// joinAddresses makes one person of all entries that match the same user. An entry matches by an address, by an
// invitation that was accepted with the user's address, or by the user id in the ledger. It leaves out people who match
// a user or an invitation of a person that the roster lists already. before is the index without the entries.
func (dr *drafter) joinAddresses(before *index, entries []roster.Entry) []roster.Person {
	people := make([]roster.Person, len(entries))
	place := map[string]int{} // by the key of an address: the index in people
	for i, e := range entries {
		people[i] = roster.Person{Email: e.Email, Aliases: e.Aliases}
		for _, a := range e.Addresses() {
			place[a.Key()] = i
		}
	}
	ix := dr.indexWith(people)
	gone := map[int]bool{}
	leaveOut := func(p, listed *person) {
		if i, added := place[p.Email.Key()]; added && !gone[i] {
			dr.remark("%s is one more address of %s, who is listed: make it an alias", p.Email, listed.Email)
			gone[i] = true
		}
	}
	owners := map[string]*person{}
	for i := range before.people {
		for _, inv := range before.people[i].invitations {
			owners[inv.ID] = &before.people[i]
		}
	}
	accepted := map[string][]*person{} // by the key of the address that accepted the invitation
	for i := range ix.people {
		p := &ix.people[i]
		for _, inv := range p.invitations {
			if listed := owners[inv.ID]; listed != nil {
				leaveOut(p, listed)
			}
			if key := acceptedBy(inv); key != "" {
				accepted[key] = append(accepted[key], p)
			}
		}
	}
	byUserID := ix.peopleByUserID()
	for i := range dr.in.Snapshot.Users {
		u := &dr.in.Snapshot.Users[i]
		key := u.Email.Key()
		if p := byUserID[u.ID]; p != nil && !u.Service && !p.ended && !p.hasOwnUser && !slices.Contains(accepted[key], p) {
			accepted[key] = append(accepted[key], p)
		}
	}
	for _, key := range dr.userKeys(accepted) {
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
			if listed >= 0 {
				leaveOut(other, claimants[listed])
				continue
			}
			to, from := place[p.Email.Key()], place[other.Email.Key()]
			if to == from || gone[to] || gone[from] {
				continue
			}
			people[to].Aliases = slices.Concat(people[to].Aliases, people[from].Addresses())
			gone[from] = true
		}
	}
	return dr.remove(gone, people)
}

// userKeys returns the keys of the addresses of all users. If the key cannot list users, it returns the keys of
// accepted, the addresses that accepted an invitation.
func (dr *drafter) userKeys(accepted map[string][]*person) []string {
	if !dr.in.Snapshot.UsersVisible {
		return slices.Sorted(maps.Keys(accepted))
	}
	var keys []string
	for _, u := range dr.in.Snapshot.Users {
		keys = append(keys, u.Email.Key())
	}
	return keys
}

// remove returns people without those whose index is in gone. It also removes aliases if a person has more than an
// entry may have.
func (dr *drafter) remove(gone map[int]bool, people []roster.Person) []roster.Person {
	var left []roster.Person
	for i, p := range people {
		if gone[i] {
			continue
		}
		if more := len(p.Aliases) - roster.MaxAliases; more > 0 {
			dr.remark("%s has %d addresses more than an entry may have", p.Email, more)
			p.Aliases = p.Aliases[:roster.MaxAliases]
		}
		left = append(left, p)
	}
	return left
}

// draftEntry returns an entry with the access that p has.
func (dr *drafter) draftEntry(ix *index, p *person, d decision) roster.Entry {
	e := roster.Entry{Person: *p.Person}
	if allowed := dr.in.Roster.Settings.AllowedDomains; len(allowed) > 0 {
		outside := func(a org.Address) bool { return !slices.Contains(allowed, a.Domain()) }
		e.External = outside(p.Email) || slices.ContainsFunc(p.Aliases, outside)
	}
	if p.user == nil {
		for _, inv := range p.invitations {
			if inv.ID == d.openInvitationID() {
				e.APIEnabled = inv.APIEnabled
			}
		}
		return e
	}
	if p.user.Suspended {
		e.Comments = append(e.Comments, "suspended: orgsync leaves that as it is")
	}
	for _, inv := range p.invitations {
		if inv.Registered.Equal(p.user.Email) && ix.byKey[inv.Invited.Key()] == nil && !inv.Invited.IsZero() {
			e.Comments = append(e.Comments, fmt.Sprintf("invited as %s", inv.Invited))
		}
	}
	if len(p.Aliases) > 0 {
		for _, u := range dr.in.Snapshot.Users {
			if u.ID != p.user.ID && ix.byKey[u.Email.Key()] == p {
				e.Comments = append(e.Comments, fmt.Sprintf("the user %s is the same person; the access of that user is not "+
					"listed here", u.Email))
			}
		}
	}
	e.Name, e.APIEnabled = p.user.Name, p.user.APIEnabled
	for _, kind := range org.Kinds {
		refs, why := dr.draftRefs(kind, p.user.ID)
		switch {
		case why == "":
			*e.RefsPointer(kind) = refs
		case kind == org.KindGroup:
			e.SomeGroups = refs
		}
		if why != "" {
			e.Comments = append(e.Comments, fmt.Sprintf("%s, so that no %s are listed here", why, kind.Plural()))
		}
	}
	if given := dr.missingDefaults(p.user); len(given) > 0 {
		e.Comments = append(e.Comments, "the roster's defaults give them what they do not have: "+strings.Join(given, ", "))
	}
	return e
}

// missingDefaults returns the access that the roster's defaults give everybody and u does not have. An entry cannot
// take access away that the defaults give. It returns nil for a suspended user, whose access orgsync does not change.
func (dr *drafter) missingDefaults(u *org.User) []string {
	if u.Suspended {
		return nil
	}
	var given []string
	for _, kind := range org.Kinds {
		for _, ref := range dr.in.Roster.Defaults.Refs(kind) {
			a, _ := lookUp(dr.in.Snapshot.Access, kind, ref.Name)
			if a == nil {
				continue
			}
			if _, has := a.Holders[u.ID]; !has {
				given = append(given, fmt.Sprintf("%s %s", kind, a.Name))
			}
		}
	}
	return given
}

// unlistableAccess returns why an entry of u would take access from u: the roster manages a kind of access for
// everybody, and the entry cannot list all of it. Otherwise it returns "".
func (dr *drafter) unlistableAccess(u *org.User) string {
	for _, kind := range dr.managedForAll {
		if _, why := dr.draftRefs(kind, u.ID); why != "" {
			return fmt.Sprintf("%s, and the defaults or a team manage the %s of everybody", why, kind.Plural())
		}
	}
	return ""
}

// draftRefs returns the names of all groups, roles or policies that the user has. If an entry cannot list all of them,
// it must list none, because an entry manages all access of a kind or none. refs then has those that a roster can name,
// and why says what the entry cannot list. Otherwise why is "".
func (dr *drafter) draftRefs(kind org.Kind, user string) (refs []roster.Ref, why string) {
	for _, a := range dr.access[user] {
		if a.Kind != kind {
			continue
		}
		name := dr.rosterName(a)
		if name == "" {
			why = cmp.Or(why, fmt.Sprintf("has the %s %q, which a roster cannot name", kind, cmp.Or(a.Name, a.ID)))
			continue
		}
		refs = append(refs, roster.Ref{Name: name})
	}
	if len(refs) > roster.MaxRefs {
		why = cmp.Or(why, fmt.Sprintf("has %d %s, more than an entry may have", len(refs), kind.Plural()))
	}
	slices.SortFunc(refs, func(a, b roster.Ref) int { return cmp.Compare(a.Name, b.Name) })
	return refs, why
}

// rosterName returns the text by which a roster can name a: its name if no other access of the kind has the same
// name, otherwise its id; "" if a roster can use neither.
func (dr *drafter) rosterName(a *org.Access) string {
	name, known := dr.names[a]
	if known {
		return name
	}
	for _, text := range []string{strings.TrimSpace(a.Name), a.ID} {
		if !roster.IsValidName(text) {
			continue
		}
		if found, _ := lookUp(dr.in.Snapshot.Access, a.Kind, text); found == a {
			name = text
			break
		}
	}
	dr.names[a] = name
	return name
}

// remarkAccess adds remarks about groups, roles and policies that the entries cannot express.
func (dr *drafter) remarkAccess() {
	s := dr.in.Snapshot
	if !s.UsersVisible {
		dr.remark("the key is not allowed to list users: everybody who accepted an invitation is listed, " +
			"without their access")
	}
	if !s.SuspendedVisible {
		dr.remark("the key cannot list suspended users")
	}
	for _, kind := range dr.hidden {
		dr.remark("the key is not allowed to read %s: none are listed", kind.Plural())
	}
	byID := map[org.Kind][]string{}
	var deleted, unreadable, assumable []string
	for i := range s.Access {
		a := &s.Access[i]
		switch {
		case a.Deleted:
			deleted = append(deleted, cmp.Or(a.Name, a.ID))
		case a.Unreadable:
			unreadable = append(unreadable, fmt.Sprintf("%s %s", a.Kind, cmp.Or(a.Name, a.ID)))
		case a.Assumable:
			assumable = append(assumable, cmp.Or(a.Name, a.ID))
		case dr.names[a] == a.ID && a.Name != a.ID:
			byID[a.Kind] = append(byID[a.Kind], fmt.Sprintf("%s is %q", a.ID, a.Name))
		}
	}
	for _, kind := range org.Kinds {
		dr.remarkList(kind.Plural()+" are listed by their id if a roster cannot have their name, or if the name is not "+
			"unique", byID[kind])
	}
	dr.remarkList("deleted groups have no members", deleted)
	dr.remarkList("not listed, because the API does not say who has them", unreadable)
	dr.remarkList("assumable roles are taken on for a session and cannot be given to a person", assumable)
}

func (dr *drafter) remark(format string, args ...any) {
	dr.remarks = append(dr.remarks, fmt.Sprintf(format, args...))
}

// remarkList adds a remark that begins with what and has up to 20 of the names. It adds none if there are no names.
func (dr *drafter) remarkList(what string, names []string) {
	const most = 20
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	more := ""
	if n := len(names) - most; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	dr.remark("%s: %s%s", what, strings.Join(names[:min(most, len(names))], ", "), more)
}
