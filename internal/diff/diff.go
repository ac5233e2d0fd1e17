// Package diff compares two rosters, for people who review a change. It does not know the
// organization, so it cannot say what a run would do: that is the task of package plan.
package diff

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// Kind is the kind of a difference between the rosters, for a person or a team.
type Kind string

// The kinds, in the order of reports.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
	// SpellingOnly means that only the spelling of addresses changes, for example between upper and
	// lower case.
	SpellingOnly Kind = "respelt"
)

// Kinds has all kinds, in the order of reports.
var Kinds = []Kind{Added, Removed, Changed, SpellingOnly}

// Person is a person who differs between the rosters.
type Person struct {
	Kind Kind
	// Email and Name are from the new roster. If Kind is Removed, they are from the old roster. Name
	// may be "".
	Email org.Address
	Name  string
	// Source is the file:line of the entry in the same roster.
	Source string
	// Fields has the differences. If Kind is Added, it has everything that the entry or the defaults
	// set. If Kind is Removed, it is empty.
	Fields []Field
	// SameName is the address of a removed person who may be the same as this added person, because
	// they have the same name or similar addresses (see [roster.IdentityKeys]). It is zero if there is no
	// such person.
	SameName org.Address
	// AliasOf is the address of the entry of the new roster that has the Email of this removed person as an alias, so that
	// the person stays in the roster. It is zero if there is none.
	AliasOf org.Address
	// Protected is true if the new roster protects this removed person, whatever address their user has.
	Protected bool
	// Unprotected is true if the old roster protects this changed person, and the new one does not.
	Unprotected bool
	// Dropped has the addresses of the person that the new roster neither lists nor protects. A run treats a user with
	// such an address like a removed person. For a removed person, it is empty if all their addresses are like this.
	Dropped []org.Address
}

// FieldName is the name of a field. If the roster has a key for the field, it is the name of this key.
type FieldName string

// The fields of a person.
const (
	// Email means that orgsync invites another address. If only the spelling of the address differs,
	// the field is [Spelling].
	Email      FieldName = "email"
	Spelling   FieldName = "spelling"
	APIEnabled FieldName = "api_enabled"
	Groups     FieldName = "groups"
	Roles      FieldName = "roles"
	Policies   FieldName = "policies"
	Teams      FieldName = "teams"
	Aliases    FieldName = "aliases"
	From       FieldName = "from"
	Until      FieldName = "until"
	External   FieldName = "external"
	Name       FieldName = "name"
	Note       FieldName = "note"
)

// Description is a field of a team. The other fields of a team are Groups, Roles and Policies.
const Description FieldName = "description"

// The fields of the settings.
const (
	Organization   FieldName = "organization"
	State          FieldName = "state"
	AllowedDomains FieldName = "allowed_domains"
	MaxInvites     FieldName = "max_invites"
	MaxRemovals    FieldName = "max_removals"
	MaxRevokes     FieldName = "max_revokes"
	ReinviteRounds FieldName = "reinvite_rounds"
	Unlisted       FieldName = "unlisted"
	UnlistedAfter  FieldName = "unlisted_after"
	ExtraAccess    FieldName = "extra_access"
	HiddenMembers  FieldName = "hidden_members"
	Protected      FieldName = "protected"
)

// Field is the difference of one field. Values have the form that they have in a roster.
type Field struct {
	Name FieldName
	// Team is the name of a team if the field is the Until or the Note of a membership. Otherwise, it
	// is "".
	Team string
	// From and To are the old and the new value of a field that is not a list; "" if there is none.
	From, To string
	// Removed and Added are the items that a list loses and gains.
	Removed, Added []string
	// Kept has the items of Removed that a run would not take away from people who have them, as far as
	// the rosters show. It is empty if the field is not a list of access.
	Kept []string
	// KeptBecause is the reason. If the field is APIEnabled, it is the reason why a run would not take API
	// access away. It is "" if nothing is kept.
	KeptBecause KeptReason
	// FirstNamed has the items of Added that the old roster names nowhere. From now on, a run revokes them from others who
	// have them. It is empty if not both rosters revoke extra access: [Field.Loosens] then warns about the setting.
	FirstNamed []string
	// Ends has the access of a person whose last day differs. It includes new access that has a last day. If the field is
	// Aliases, the last day of the entry stays the same, and Ends has the new aliases that had another last day or none.
	Ends []End
	// ManagedNow is true if orgsync manages the access from now on, and false if orgsync no longer
	// manages it. It is nil if this does not change, for an added person, and for other fields.
	ManagedNow *bool
	// Loosens is true if the field is a setting, and its new value allows a run to do more than
	// before, or to act on another organization.
	Loosens bool
}

// KeptReason says why a run would not take access away although the new roster no longer gives it.
type KeptReason string

// The reasons.
const (
	// KeptBySetting means that the settings of the new roster only report extra access.
	KeptBySetting KeptReason = "extra_access"
	// KeptProtected means that the person is protected.
	KeptProtected KeptReason = "protected"
	// KeptUnnamed means that the new roster names the access nowhere. A run revokes only access that the
	// roster names.
	KeptUnnamed KeptReason = "not_named"
)

// End is the difference of the last day of access. Only memberships that end give access with a last day.
type End struct {
	// Name is the name of the group, the role or the policy, or the alias.
	Name string
	// From and To are the old and the new last day; "" if there is none. From is also "" for new access.
	From, To string
}

// Difference has all differences between two rosters.
type Difference struct {
	// Settings are the settings that differ, in the order of the keys in a roster.
	Settings []Field
	// People are the people who differ, sorted by kind and then by the keys of their addresses.
	People []Person
	// Teams are the teams that differ, sorted by name.
	Teams []Team
	// Unchanged is the number of people who do not differ.
	Unchanged int
	// Unlisted is the policy of the new roster for unlisted people. It applies to removed people.
	Unlisted roster.UnlistedPolicy
	// MayBePart is true if the new roster names no organization. Its files may then be a part of a
	// roster, with the settings in another part.
	MayBePart bool
	// Warnings are the warnings about the new roster. The caller sets them: they depend on the day,
	// and Compare has no clock.
	Warnings []roster.Problem
}

// Team is a team whose members, access or description differ between the rosters.
type Team struct {
	// Kind is Added, Removed or Changed.
	Kind Kind
	Name string
	// Source is the file:line of the team in the new roster. If Kind is Removed, it is from the old
	// roster.
	Source string
	// Joined has the people who join the team, by their addresses in the new roster, sorted. Left has
	// the people who leave it, by their addresses in the old roster, sorted.
	Joined, Left []org.Address
	// Fields are the differences of Description, Groups, Roles and Policies.
	Fields []Field
}

// Count returns the number of people of kind k.
func (d Difference) Count(k Kind) int {
	n := 0
	for _, p := range d.People {
		if p.Kind == k {
			n++
		}
	}
	return n
}

// Compare returns the differences between the rosters before and after. Two entries belong to the same
// person if they have the same email. Other entries belong to the same person if they have an address
// or alias in common. Compare does not change the rosters.
func Compare(before, after *roster.Roster) Difference {
	d := Difference{Settings: compareSettings(before, after), Unlisted: after.Settings.Unlisted,
		MayBePart: after.Organization == ""}
	matches, removed := matchPeople(before.People, after.People)
	removedByKey := indexBySameKeys(removed)
	keptBefore, keeps := newKeeper(before), newKeeper(after)
	listed, listedBefore := indexByAddress(after.People), indexByAddress(before.People)
	for i := range after.People {
		current, previous := &after.People[i], matches[i]
		p := Person{Kind: Added, Email: current.Email, Name: current.Name, Source: current.At.Source()}
		if previous == nil {
			p.Fields = compareFields(&roster.Person{Email: current.Email}, current)
			for i := range p.Fields {
				p.Fields[i].ManagedNow = nil // all access of a new person is new
			}
			p.Fields = slices.DeleteFunc(p.Fields, func(f Field) bool { return f.Name == Name })
			if other := findSame(removedByKey, current); other != nil {
				p.SameName = other.Email
			}
		} else {
			p.Fields = compareFields(previous, current)
			keeps.mark(p.Fields, current)
			if previous.Until == current.Until { // otherwise the field Until says it
				markAliasEnds(p.Fields, current, listedBefore)
			}
			if len(p.Fields) == 0 {
				d.Unchanged++
				continue
			}
			p.Kind = Changed
			if !slices.ContainsFunc(p.Fields, func(f Field) bool { return f.Name != Spelling }) {
				p.Kind = SpellingOnly
			}
			p.Dropped = keeps.dropped(previous, listed)
			p.Unprotected = keptBefore.protects(previous) && !keeps.protects(current)
		}
		d.People = append(d.People, p)
	}
	for _, p := range removed {
		one := Person{Kind: Removed, Email: p.Email, Name: p.Name, Source: p.At.Source()}
		other, dropped := listed[p.Email.Key()], keeps.dropped(p, listed)
		if other != nil {
			one.AliasOf = other.Email
		}
		if isProtected := keeps.protects(p); other != nil || isProtected {
			one.Protected, one.Dropped = isProtected && len(dropped) == 0, dropped
		}
		d.People = append(d.People, one)
	}
	d.Teams = compareTeams(before, after, matches, removed)
	for _, t := range d.Teams {
		keeps.mark(t.Fields, nil)
	}
	if keptBefore.revokes && keeps.revokes {
		for _, p := range d.People {
			markFirstNamed(p.Fields, keptBefore.named)
		}
		for _, t := range d.Teams {
			markFirstNamed(t.Fields, keptBefore.named)
		}
	}
	slices.SortStableFunc(d.People, func(a, b Person) int {
		return cmp.Or(
			cmp.Compare(slices.Index(Kinds, a.Kind), slices.Index(Kinds, b.Kind)),
			cmp.Compare(a.Email.Key(), b.Email.Key()),
		)
	})
	return d
}

// keeper knows which access a run would not take away. These are the rules of package plan, as far as
// they need only the roster.
type keeper struct {
	revokes   bool
	protected []org.Address
	named     org.Wanted // all access that the roster names; only set if revokes is true
}

// newKeeper returns a keeper for runs with the roster r.
func newKeeper(r *roster.Roster) keeper {
	k := keeper{revokes: r.Settings.ExtraAccess == roster.ExtraAccessRevoke, protected: r.Settings.Protected}
	if k.revokes {
		k.named = r.RequiredAccess()
	}
	return k
}

// protects reports whether the roster protects p, if p is in the roster.
func (k keeper) protects(p *roster.Person) bool {
	return slices.ContainsFunc(p.Addresses(), k.isProtected)
}

func (k keeper) isProtected(a org.Address) bool { return slices.ContainsFunc(k.protected, a.Equal) }

// dropped returns the addresses of p, an entry of the old roster, that the new roster neither lists nor protects. If
// the email of p is protected, all addresses are, because the ledger knows users with an alias by this email. An alias
// protects only a user who has it: nothing but the old roster says that it belongs to p.
func (k keeper) dropped(p *roster.Person, listed map[string]*roster.Person) []org.Address {
	if k.isProtected(p.Email) {
		return nil
	}
	return slices.DeleteFunc(p.Addresses(), func(a org.Address) bool {
		return listed[a.Key()] != nil || k.isProtected(a)
	})
}

// mark sets Kept and KeptBecause in the fields of the person p or, if p is nil, of a team.
func (k keeper) mark(fields []Field, p *roster.Person) {
	isProtected := p != nil && k.protects(p)
	for i := range fields {
		f := &fields[i]
		if f.Name == APIEnabled && f.To == "false" && isProtected {
			f.KeptBecause = KeptProtected // extra_access is not about API access
		}
		at := kindIndex(f)
		if at < 0 || f.ManagedNow != nil || len(f.Removed) == 0 {
			continue
		}
		switch {
		case isProtected:
			f.Kept, f.KeptBecause = f.Removed, KeptProtected
		case !k.revokes:
			f.Kept, f.KeptBecause = f.Removed, KeptBySetting
		default:
			f.Kept = unnamedByAny(f.Removed, k.named[org.Kinds[at]])
			if len(f.Kept) > 0 {
				f.KeptBecause = KeptUnnamed
			}
		}
	}
}

// markFirstNamed sets FirstNamed in fields. named is the access that the old roster names.
func markFirstNamed(fields []Field, named org.Wanted) {
	for i := range fields {
		if at := kindIndex(&fields[i]); at >= 0 {
			fields[i].FirstNamed = unnamed(fields[i].Added, named[org.Kinds[at]])
		}
	}
}

// markAliasEnds sets Ends in the field Aliases of p. An address that becomes an alias gets the last day of the entry.
func markAliasEnds(fields []Field, p *roster.Person, listedBefore map[string]*roster.Person) {
	i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == Aliases })
	if i < 0 || p.Until.IsZero() {
		return
	}
	for _, a := range p.Aliases {
		end := End{Name: a.String(), To: p.Until.String()}
		if previous := listedBefore[a.Key()]; previous != nil {
			end.From = previous.Until.String()
		}
		if slices.Contains(fields[i].Added, end.Name) && end.From != end.To {
			fields[i].Ends = append(fields[i].Ends, end)
		}
	}
}

// kindIndex returns the index in [org.Kinds] of the kind of access that f is about; -1 if there is none.
func kindIndex(f *Field) int {
	return slices.IndexFunc(org.Kinds, func(kind org.Kind) bool { return f.Name == fieldOf(kind) })
}

// unnamed returns the items of list that are not in named, which is sorted.
func unnamed(list, named []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool {
		_, isNamed := slices.BinarySearch(named, name)
		return isNamed
	})
}

// unnamedByAny returns the items of list that are not in named, and that cannot mean the same as an item of named: an
// id and a name may mean the same group, role or policy. named is sorted.
func unnamedByAny(list, named []string) []string {
	isName := func(s string) bool { return !org.IsUUID(s) }
	hasIDs, hasNames := slices.ContainsFunc(named, org.IsUUID), slices.ContainsFunc(named, isName)
	return slices.DeleteFunc(unnamed(list, named), func(s string) bool {
		return hasIDs && isName(s) || hasNames && org.IsUUID(s)
	})
}

// fieldOf returns the field for a kind of access.
func fieldOf(kind org.Kind) FieldName { return FieldName(kind.Plural()) }

// indexBySameKeys returns people by the keys of [roster.IdentityKeys]. If several people have a key, it
// returns the first of them.
func indexBySameKeys(people []*roster.Person) map[string]*roster.Person {
	byKey := make(map[string]*roster.Person)
	for _, p := range slices.Backward(people) {
		for _, key := range roster.IdentityKeys(p.Name, p.Addresses()...) {
			byKey[key] = p
		}
	}
	return byKey
}

// findSame returns a removed person who may be the same person as p; nil if there is none.
func findSame(removedByKey map[string]*roster.Person, p *roster.Person) *roster.Person {
	for _, key := range roster.IdentityKeys(p.Name, p.Addresses()...) {
		if other := removedByKey[key]; other != nil {
			return other
		}
	}
	return nil
}

// matchPeople returns, for each person of after, the entry of the same person in before, or nil if
// there is none. removed are the people of before who are not in after. Each person of before matches
// at most one person of after.
func matchPeople(before, after []roster.Person) (matches, removed []*roster.Person) {
	byEmail, byAddress := make(map[string]*roster.Person), indexByAddress(before)
	for i := range before {
		byEmail[before[i].Email.Key()] = &before[i]
	}
	matches = make([]*roster.Person, len(after))
	isMatched := make(map[*roster.Person]bool)
	for i := range after {
		if p := byEmail[after[i].Email.Key()]; p != nil {
			matches[i], isMatched[p] = p, true
		}
	}
	for i := range after {
		if matches[i] != nil {
			continue
		}
		for _, a := range after[i].Addresses() {
			if p := byAddress[a.Key()]; p != nil && !isMatched[p] {
				matches[i], isMatched[p] = p, true
				break
			}
		}
	}
	for i := range before {
		if !isMatched[&before[i]] {
			removed = append(removed, &before[i])
		}
	}
	return matches, removed
}

// indexByAddress returns people by the keys of their addresses and aliases. If several people have a key, it returns
// the last of them.
func indexByAddress(people []roster.Person) map[string]*roster.Person {
	byAddress := make(map[string]*roster.Person)
	for i := range people {
		for _, a := range people[i].Addresses() {
			byAddress[a.Key()] = &people[i]
		}
	}
	return byAddress
}

// compareFields returns the differences between two entries of the same person.
func compareFields(before, after *roster.Person) []Field {
	email := Field{Name: Spelling, From: before.Email.String(), To: after.Email.String()}
	if !before.Email.Equal(after.Email) {
		email.Name = Email
	}
	list := []Field{
		email,
		{
			Name: APIEnabled, From: formatBool(before.APIEnabled), To: formatBool(after.APIEnabled),
			ManagedNow: managementChange(before.APIEnabled != nil, after.APIEnabled != nil),
		},
	}
	list = append(list, compareAccess(before, after)...)
	list = append(list, compareMemberships(before.Teams, after.Teams)...)
	list = append(list, compareAddresses(Aliases, before.Aliases, after.Aliases))
	for _, alias := range after.Aliases {
		if i := slices.IndexFunc(before.Aliases, alias.Equal); i >= 0 {
			list = append(list, Field{Name: Spelling, From: before.Aliases[i].String(), To: alias.String()})
		}
	}
	return differing(append(list,
		Field{Name: From, From: before.From.String(), To: after.From.String()},
		// Also for people that only teams list: it says when they are no longer in the roster.
		Field{Name: Until, From: before.Until.String(), To: after.Until.String()},
		Field{Name: External, From: formatTrue(before.External), To: formatTrue(after.External)},
		Field{Name: Name, From: before.Name, To: after.Name},
		Field{Name: Note, From: before.Note, To: after.Note},
	))
}

func differing(fields []Field) []Field {
	return slices.DeleteFunc(fields, func(f Field) bool {
		return f.From == f.To && len(f.Removed)+len(f.Added)+len(f.Ends) == 0 && f.ManagedNow == nil
	})
}

// compareMemberships returns fields for the teams of a person: one for the teams that the person joins
// and leaves, and two for each team in after. It also returns fields without a difference.
func compareMemberships(before, after []roster.Membership) []Field {
	previous, current := joinMemberships(before), joinMemberships(after)
	fields := []Field{{Name: Teams}}
	fields[0].Removed, fields[0].Added = difference(teamNames(before), teamNames(after))
	for _, team := range teamNames(after) {
		from, to := previous[team], current[team]
		fields = append(fields,
			Field{Name: Until, Team: team, From: from.until.String(), To: to.until.String()},
			Field{Name: Note, Team: team, From: strings.Join(from.notes, "; "), To: strings.Join(to.notes, "; ")})
	}
	return fields
}

// membership is what all lines of a person in one team say together.
type membership struct {
	until roster.Day // the latest of the last days; zero means no end
	notes []string   // sorted, without duplicates
}

// joinMemberships returns the memberships of a person by team. A person who is in a team twice stays
// until the later end.
func joinMemberships(list []roster.Membership) map[string]membership {
	byTeam := make(map[string]membership, len(list))
	for _, m := range list {
		joined, found := byTeam[m.Team]
		if found {
			joined.until = joined.until.LaterEnd(m.Until)
		} else {
			joined.until = m.Until
		}
		if at, found := slices.BinarySearch(joined.notes, m.Note); !found && m.Note != "" {
			joined.notes = slices.Insert(joined.notes, at, m.Note)
		}
		byTeam[m.Team] = joined
	}
	return byTeam
}

// teamNames returns the names of the teams of memberships, without duplicates.
func teamNames(memberships []roster.Membership) []string {
	var names []string
	for _, m := range memberships {
		if !slices.Contains(names, m.Team) {
			names = append(names, m.Team)
		}
	}
	return names
}

// compareTeams returns the teams that differ. matches and removed are from [matchPeople].
func compareTeams(before, after *roster.Roster, matches, removed []*roster.Person) []Team {
	changed := make(map[string]*Team)
	team := func(name string) *Team {
		if changed[name] == nil {
			changed[name] = &Team{Kind: Changed, Name: name}
		}
		return changed[name]
	}
	wasManaged, isManaged := managedKinds(before), managedKinds(after)
	old := make(map[string]*roster.Team, len(before.Teams))
	for i := range before.Teams {
		old[before.Teams[i].Name] = &before.Teams[i]
	}
	source := make(map[string]string, len(after.Teams))
	for i := range after.Teams {
		current := &after.Teams[i]
		source[current.Name] = current.At.Source()
		previous := old[current.Name]
		delete(old, current.Name)
		if previous == nil {
			previous = &roster.Team{}
			team(current.Name).Kind = Added
		}
		description := Field{Name: Description, From: previous.Description, To: current.Description}
		access := compareAccess(previous, current)
		for i, kind := range org.Kinds {
			if access[i].ManagedNow != nil { // the team has a list in one roster only
				id := teamKind{current.Name, kind}
				access[i].ManagedNow = managementChange(wasManaged(id), isManaged(id))
			}
		}
		fields := differing(append([]Field{description}, access...))
		if len(fields) > 0 {
			team(current.Name).Fields = fields
		}
	}
	for name, previous := range old {
		source[name] = previous.At.Source()
		team(name).Kind = Removed
	}
	for i := range after.People {
		current, previous := &after.People[i], matches[i]
		if previous == nil {
			previous = &roster.Person{}
		}
		left, joined := difference(teamNames(previous.Teams), teamNames(current.Teams))
		for _, name := range joined {
			team(name).Joined = append(team(name).Joined, current.Email)
		}
		for _, name := range left {
			team(name).Left = append(team(name).Left, previous.Email)
		}
	}
	for _, p := range removed {
		for _, name := range teamNames(p.Teams) {
			team(name).Left = append(team(name).Left, p.Email)
		}
	}
	byKey := func(a, b org.Address) int { return cmp.Compare(a.Key(), b.Key()) }
	var list []Team
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		t := changed[name]
		t.Source = source[name]
		slices.SortFunc(t.Joined, byKey)
		slices.SortFunc(t.Left, byKey)
		list = append(list, *t)
	}
	return list
}

// teamKind is a kind of access in a team.
type teamKind struct {
	team string
	kind org.Kind
}

// managedKinds returns a function that reports whether r manages a kind of access for members of a team.
// A list of the defaults or of any team manages this kind for everybody, and a list of an entry manages
// it for one person.
func managedKinds(r *roster.Roster) func(teamKind) bool {
	forAll, forMember := make(map[org.Kind]bool), make(map[teamKind]bool)
	for _, kind := range org.Kinds {
		if forAll[kind] = r.ManagesForAll(kind); forAll[kind] {
			continue
		}
		for i := range r.People {
			for _, m := range r.People[i].Teams {
				if r.People[i].Refs(kind) != nil {
					forMember[teamKind{m.Team, kind}] = true
				}
			}
		}
	}
	return func(id teamKind) bool { return forAll[id.kind] || forMember[id] }
}

// compareSettings returns the differences in the organization, the state and the settings.
func compareSettings(before, after *roster.Roster) []Field {
	from, to := &before.Settings, &after.Settings
	domains := Field{Name: AllowedDomains}
	domains.Removed, domains.Added = difference(from.AllowedDomains, to.AllowedDomains)
	domains.Loosens = len(from.AllowedDomains) > 0 && (len(domains.Added) > 0 || len(to.AllowedDomains) == 0)
	number := func(name FieldName, from, to int) Field {
		return Field{Name: name, From: strconv.Itoa(from), To: strconv.Itoa(to), Loosens: to > from}
	}
	protected := compareAddresses(Protected, from.Protected, to.Protected)
	protected.Loosens = len(protected.Removed) > 0
	return differing([]Field{
		// Adding the key organization restricts a run; changing or removing it allows another
		// organization.
		{Name: Organization, From: before.Organization, To: after.Organization, Loosens: before.Organization != ""},
		// With another state, a run does not know which people earlier runs mailed.
		{Name: State, From: before.State, To: after.State, Loosens: true},
		domains,
		number(MaxInvites, from.MaxInvites, to.MaxInvites),
		number(MaxRemovals, from.MaxRemovals, to.MaxRemovals),
		number(MaxRevokes, from.MaxRevokes, to.MaxRevokes),
		number(ReinviteRounds, from.ReinviteRounds, to.ReinviteRounds),
		{
			Name: Unlisted, From: string(from.Unlisted), To: string(to.Unlisted),
			Loosens: severity(to.Unlisted) > severity(from.Unlisted),
		},
		{
			Name: UnlistedAfter, From: roster.FormatDuration(from.UnlistedAfter),
			To:      roster.FormatDuration(to.UnlistedAfter),
			Loosens: to.UnlistedAfter < from.UnlistedAfter,
		},
		{
			Name: ExtraAccess, From: string(from.ExtraAccess), To: string(to.ExtraAccess),
			Loosens: to.ExtraAccess == roster.ExtraAccessRevoke,
		},
		{
			Name: HiddenMembers, From: string(from.HiddenMembers), To: string(to.HiddenMembers),
			Loosens: to.HiddenMembers == roster.HiddenMembersInvite,
		},
		protected,
	})
}

// severity returns the rank of a policy, from 0 for UnlistedReport to 2 for UnlistedRemove.
func severity(p roster.UnlistedPolicy) int {
	return slices.Index([]roster.UnlistedPolicy{roster.UnlistedReport, roster.UnlistedSuspend, roster.UnlistedRemove}, p)
}

// compareAccess returns a field for the groups, the roles and the policies of two people or two teams.
// It also returns fields without a difference.
func compareAccess(before, after interface {
	Refs(kind org.Kind) []roster.Ref
}) []Field {
	var list []Field
	for _, kind := range org.Kinds {
		from, to := before.Refs(kind), after.Refs(kind)
		f := Field{Name: fieldOf(kind), ManagedNow: managementChange(from != nil, to != nil)}
		f.Removed, f.Added = difference(refNames(from), refNames(to))
		f.Ends = compareEnds(from, to)
		list = append(list, f)
	}
	return list
}

// compareEnds returns the access in after whose last day is not the same in before.
func compareEnds(before, after []roster.Ref) []End {
	ends := func(r roster.Ref) bool { return !r.Until.IsZero() }
	if !slices.ContainsFunc(before, ends) && !slices.ContainsFunc(after, ends) {
		return nil // the usual case, and the lists may be long
	}
	var list []End
	for _, to := range after {
		var from roster.Ref
		if i := slices.IndexFunc(before, func(r roster.Ref) bool { return r.Name == to.Name }); i >= 0 {
			from = before[i]
		}
		if from.Until != to.Until {
			list = append(list, End{Name: to.Name, From: from.Until.String(), To: to.Until.String()})
		}
	}
	return list
}

// managementChange returns the value of [Field.ManagedNow]. before and after say whether the access is
// managed in the two rosters.
func managementChange(before, after bool) *bool {
	if before == after {
		return nil
	}
	return &after
}

func refNames(refs []roster.Ref) []string {
	list := make([]string, len(refs))
	for i, r := range refs {
		list[i] = r.Name
	}
	return list
}

// difference returns the items that are only in before, and the items that are only in after.
func difference(before, after []string) (removed, added []string) {
	return subtract(before, after), subtract(after, before)
}

// subtract returns the items of list that other does not have.
func subtract(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// compareAddresses returns a field for two lists of addresses. Different spellings of an address are
// equal.
func compareAddresses(name FieldName, before, after []org.Address) Field {
	only := func(list, other []org.Address) []string {
		var rest []string
		for _, a := range list {
			if !slices.ContainsFunc(other, a.Equal) {
				rest = append(rest, a.String())
			}
		}
		return rest
	}
	return Field{Name: name, Removed: only(before, after), Added: only(after, before)}
}

func formatBool(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

// formatTrue returns "true" if b is true. For false, which is the default, it returns "".
func formatTrue(b bool) string {
	if b {
		return "true"
	}
	return ""
}
