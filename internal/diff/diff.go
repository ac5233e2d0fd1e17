// Package diff says what changes between two rosters, for whoever reviews the change. It is pure: what an organization
// makes of it is for the plan to tell.
package diff

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// Kind is what happens to a person of either roster.
type Kind string

// The kinds, in the order in which they are told.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
	// Respelt: only the spelling of addresses changes, as in upper and lower case; they stay the same addresses.
	Respelt Kind = "respelt"
)

// Kinds are all kinds, in their order.
var Kinds = []Kind{Added, Removed, Changed, Respelt}

// Person is somebody who is not alike in both rosters.
type Person struct {
	Kind Kind
	// Email and Name are as the new roster has them, for Removed as the old one has. Name may be "".
	Email org.Address
	Name  string
	// Source is the file:line of the entry, in the same roster.
	Source string
	// Fields are what differs; for Added everything that the entry or the defaults say, for Removed nothing.
	Fields []Field
}

// FieldName names what differs, by the roster's own keys.
type FieldName string

// The fields of a person.
const (
	// Email: the person is invited at another address. The same address in another spelling is [Spelling].
	Email      FieldName = "email"
	Spelling   FieldName = "spelling"
	APIEnabled FieldName = "api_enabled"
	Groups     FieldName = "groups"
	Roles      FieldName = "roles"
	Policies   FieldName = "policies"
	Aliases    FieldName = "aliases"
	Until      FieldName = "until"
	External   FieldName = "external"
	Name       FieldName = "name"
	Note       FieldName = "note"
)

// The fields of the settings; Organization is the pin.
const (
	Organization   FieldName = "organization"
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

// Field is one difference. Values are as a roster writes them.
type Field struct {
	Name FieldName
	// From and To are the values of what is one value; "" where there is none.
	From, To string
	// Gone and Come are what a list loses and gains.
	Gone, Come []string
	// Managing tells, of access only, that it becomes managed or is no longer; nil where that stays as it is. An entry of
	// Added does not have it.
	Managing *bool
	// Loosens is true for a setting that lets a run do more to people than before, or act on another organization.
	Loosens bool
}

// Difference is everything that differs.
type Difference struct {
	// Settings are in the order in which rosters have them.
	Settings []Field
	// People are sorted by kind, then by canonical address.
	People []Person
	// Unchanged counts the people who are alike in both.
	Unchanged int
	// Unlisted is what the new roster wants done with people who are not listed, such as those removed from it.
	Unlisted roster.UnlistedPolicy
	// Warnings are about the new roster. They depend on the day, so Compare leaves them to its caller.
	Warnings []roster.Problem
}

// Count is how many people are of kind k.
func (d Difference) Count(k Kind) int {
	n := 0
	for _, p := range d.People {
		if p.Kind == k {
			n++
		}
	}
	return n
}

// Compare says what changes from before to after. A person is the same in both by their address or, where no entry has
// it, by an alias that both name. Neither roster is changed.
func Compare(before, after *roster.Roster) Difference {
	d := Difference{Settings: settings(before, after), Unlisted: after.Settings.Unlisted}
	old := match(before.People, after.People)
	stays := make(map[*roster.Person]bool)
	for i := range after.People {
		is, was := &after.People[i], old[i]
		stays[was] = true
		p := Person{Kind: Added, Email: is.Email, Name: is.Name, Source: is.At.Source()}
		switch {
		case was == nil:
			p.Fields = fields(&roster.Person{Email: is.Email}, is)
			for i := range p.Fields {
				p.Fields[i].Managing = nil // whatever it has is new
			}
			p.Fields = slices.DeleteFunc(p.Fields, func(f Field) bool { return f.Name == Name })
		default:
			p.Fields = fields(was, is)
			if len(p.Fields) == 0 {
				d.Unchanged++
				continue
			}
			p.Kind = Changed
			if !slices.ContainsFunc(p.Fields, func(f Field) bool { return f.Name != Spelling }) {
				p.Kind = Respelt
			}
		}
		d.People = append(d.People, p)
	}
	for i := range before.People {
		if was := &before.People[i]; !stays[was] {
			d.People = append(d.People, Person{Kind: Removed, Email: was.Email, Name: was.Name, Source: was.At.Source()})
		}
	}
	slices.SortStableFunc(d.People, func(a, b Person) int {
		return cmp.Or(cmp.Compare(slices.Index(Kinds, a.Kind), slices.Index(Kinds, b.Kind)), cmp.Compare(a.Email.Key(), b.Email.Key()))
	})
	return d
}

// match gives, for each person of after, the same one of before, or nil. Nobody is matched twice.
func match(before, after []roster.Person) []*roster.Person {
	byEmail, byAny := make(map[string]*roster.Person), make(map[string]*roster.Person)
	for i := range before {
		p := &before[i]
		byEmail[p.Email.Key()] = p
		for _, a := range p.Addresses() {
			byAny[a.Key()] = p
		}
	}
	matched, taken := make([]*roster.Person, len(after)), make(map[*roster.Person]bool)
	for i := range after {
		if p := byEmail[after[i].Email.Key()]; p != nil {
			matched[i], taken[p] = p, true
		}
	}
	for i := range after {
		if matched[i] != nil {
			continue
		}
		for _, a := range after[i].Addresses() {
			if p := byAny[a.Key()]; p != nil && !taken[p] {
				matched[i], taken[p] = p, true
				break
			}
		}
	}
	return matched
}

// fields are what differs of one person.
func fields(was, is *roster.Person) []Field {
	var list []Field
	add := func(f Field) {
		if f.From != f.To || len(f.Gone)+len(f.Come) > 0 || f.Managing != nil {
			list = append(list, f)
		}
	}
	if !was.Email.Equal(is.Email) {
		add(Field{Name: Email, From: was.Email.String(), To: is.Email.String()})
	} else {
		add(Field{Name: Spelling, From: was.Email.String(), To: is.Email.String()})
	}
	api := Field{Name: APIEnabled, From: flag(was.APIEnabled), To: flag(is.APIEnabled)}
	api.Managing = managing(was.APIEnabled != nil, is.APIEnabled != nil)
	add(api)
	add(access(Groups, was.Groups, is.Groups))
	add(access(Roles, was.Roles, is.Roles))
	add(access(Policies, was.Policies, is.Policies))
	aliases := Field{Name: Aliases}
	aliases.Gone, aliases.Come = addressList(was.Aliases, is.Aliases)
	add(aliases)
	for _, now := range is.Aliases {
		if i := slices.IndexFunc(was.Aliases, now.Equal); i >= 0 {
			add(Field{Name: Spelling, From: was.Aliases[i].String(), To: now.String()})
		}
	}
	add(Field{Name: Until, From: date(was.Until), To: date(is.Until)})
	add(Field{Name: External, From: yesOnly(was.External), To: yesOnly(is.External)})
	add(Field{Name: Name, From: was.Name, To: is.Name})
	add(Field{Name: Note, From: was.Note, To: is.Note})
	return list
}

// settings are what differs beside the people.
func settings(before, after *roster.Roster) []Field {
	var list []Field
	add := func(f Field) {
		if f.From != f.To || len(f.Gone)+len(f.Come) > 0 {
			list = append(list, f)
		}
	}
	was, is := &before.Settings, &after.Settings
	// A pin where there was none binds; every other change lets go of an organization.
	add(Field{Name: Organization, From: before.Organization, To: after.Organization, Loosens: before.Organization != ""})
	domains := Field{Name: AllowedDomains}
	domains.Gone, domains.Come = difference(was.AllowedDomains, is.AllowedDomains)
	domains.Loosens = len(was.AllowedDomains) > 0 && (len(domains.Come) > 0 || len(is.AllowedDomains) == 0)
	add(domains)
	number := func(name FieldName, was, is int) {
		add(Field{Name: name, From: strconv.Itoa(was), To: strconv.Itoa(is), Loosens: is > was})
	}
	number(MaxInvites, was.MaxInvites, is.MaxInvites)
	number(MaxRemovals, was.MaxRemovals, is.MaxRemovals)
	number(MaxRevokes, was.MaxRevokes, is.MaxRevokes)
	number(ReinviteRounds, was.ReinviteRounds, is.ReinviteRounds)
	add(Field{Name: Unlisted, From: string(was.Unlisted), To: string(is.Unlisted), Loosens: severity(is.Unlisted) > severity(was.Unlisted)})
	add(Field{
		Name: UnlistedAfter, From: roster.FormatDuration(was.UnlistedAfter), To: roster.FormatDuration(is.UnlistedAfter),
		Loosens: is.UnlistedAfter < was.UnlistedAfter,
	})
	add(Field{Name: ExtraAccess, From: string(was.ExtraAccess), To: string(is.ExtraAccess), Loosens: is.ExtraAccess == roster.ExtraAccessRevoke})
	add(Field{
		Name: HiddenMembers, From: string(was.HiddenMembers), To: string(is.HiddenMembers),
		Loosens: is.HiddenMembers == roster.HiddenMembersInvite,
	})
	protected := Field{Name: Protected}
	protected.Gone, protected.Come = addressList(was.Protected, is.Protected)
	protected.Loosens = len(protected.Gone) > 0
	add(protected)
	return list
}

// severity orders the policies by what they do to people.
func severity(p roster.UnlistedPolicy) int {
	return slices.Index([]roster.UnlistedPolicy{roster.UnlistedReport, roster.UnlistedSuspend, roster.UnlistedRemove}, p)
}

// access compares groups, roles or policies, where nil is not managed.
func access(name FieldName, was, is []roster.Ref) Field {
	f := Field{Name: name, Managing: managing(was != nil, is != nil)}
	f.Gone, f.Come = difference(names(was), names(is))
	return f
}

func managing(was, is bool) *bool {
	if was == is {
		return nil
	}
	return &is
}

func names(refs []roster.Ref) []string {
	list := make([]string, len(refs))
	for i, r := range refs {
		list[i] = r.Name
	}
	return list
}

// difference is what only one of two lists has, in its order.
func difference(was, is []string) (gone, come []string) {
	return without(was, is), without(is, was)
}

func without(list, other []string) []string {
	var rest []string
	for _, s := range list {
		if !slices.Contains(other, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

// addressList is difference for addresses, however they are spelt.
func addressList(was, is []org.Address) (gone, come []string) {
	only := func(list, other []org.Address) []string {
		var rest []string
		for _, a := range list {
			if !slices.ContainsFunc(other, a.Equal) {
				rest = append(rest, a.String())
			}
		}
		return rest
	}
	return only(was, is), only(is, was)
}

func flag(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

// yesOnly is a flag that is false when it is left out.
func yesOnly(b bool) string {
	if b {
		return "true"
	}
	return ""
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}
