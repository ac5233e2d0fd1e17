package plan

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// maxCandidates is how many existing names a notice about an unknown name lists.
const maxCandidates = 10

// holdings has the groups, roles and policies of each user, by user id, in the order of the snapshot. It leaves out
// deleted groups and unreadable access.
type holdings map[string][]*org.Access

func holdingsOf(all []org.Access) holdings {
	h := holdings{}
	for i := range all {
		if all[i].Deleted || all[i].Unreadable {
			continue
		}
		for user := range all[i].Holders {
			h[user] = append(h[user], &all[i])
		}
	}
	return h
}

// WantedAccess returns the names of required, each with the id that it has in the ledger, so that the reading also
// finds who has a group, role or policy that was renamed. required is that of the roster; it stays as it is.
func WantedAccess(required org.Wanted, m org.Memory) org.Wanted {
	wanted := make(org.Wanted, len(required))
	for kind, names := range required {
		wanted[kind] = slices.Clip(names)
		for _, name := range names {
			if id := m.Access[org.AccessName{Kind: kind, Name: name}]; id != "" {
				wanted[kind] = append(wanted[kind], id)
			}
		}
	}
	return wanted
}

// catalog has the groups, roles and policies that the names in the roster mean.
type catalog struct {
	byName map[org.Kind]map[string]*org.Access
	// named has all access that the roster names somewhere. orgsync revokes no other access.
	named map[*org.Access]bool
	// unknown has the kinds for which the roster has a name that cannot be used.
	unknown map[org.Kind]bool
	notices []Notice
	facts   []org.Fact
}

// lookUpNames looks up every name of access in the roster. A name that cannot be used becomes one notice with all the
// places that use it.
func (ix *index) lookUpNames() catalog {
	cat := catalog{
		byName: map[org.Kind]map[string]*org.Access{}, named: map[*org.Access]bool{}, unknown: map[org.Kind]bool{},
	}
	for _, kind := range org.Kinds {
		names := map[string]bool{}
		for ref := range ix.references(kind) {
			names[ref.Name] = true
		}
		cat.byName[kind] = make(map[string]*org.Access, len(names))
		for _, name := range slices.Sorted(maps.Keys(names)) {
			ix.addName(&cat, kind, name)
		}
	}
	return cat
}

// references yields every name of a kind of access in the roster. It includes the names in teams without members.
func (ix *index) references(kind org.Kind) iter.Seq[roster.Ref] {
	return func(yield func(roster.Ref) bool) {
		for i := range ix.people {
			for _, ref := range ix.people[i].Refs(kind) {
				if !yield(ref) {
					return
				}
			}
		}
		for i := range ix.in.Roster.Teams {
			for _, ref := range ix.in.Roster.Teams[i].Refs(kind) {
				if !yield(ref) {
					return
				}
			}
		}
	}
}

// placesOf returns the places where the roster has a name, sorted and without duplicates.
func (ix *index) placesOf(kind org.Kind, name string) []roster.Position {
	var places []roster.Position
	for ref := range ix.references(kind) {
		if ref.Name == name {
			places = append(places, ref.At)
		}
	}
	slices.SortFunc(places, roster.Position.Compare)
	return slices.Compact(places)
}

// addName looks up one name of the roster and adds the result to cat. If nothing in the organization has the name,
// or only what was deleted, addName looks up the id that the name had in an earlier run: the group, role or policy may
// have been renamed. It does not use this id if a roster has used the new name already.
func (ix *index) addName(cat *catalog, kind org.Kind, name string) {
	earlierID := ix.in.Memory.Access[org.AccessName{Kind: kind, Name: name}]
	a, problem := lookUp(ix.in.Snapshot.Access, kind, name)
	// exists is also true if a is nil because the name cannot be used, for example because two groups have it. inUse is
	// true if something with the name is not deleted.
	exists, inUse := false, false
	for i := range ix.in.Snapshot.Access {
		if other := &ix.in.Snapshot.Access[i]; other.Kind == kind && other.Is(name) {
			exists, inUse = true, inUse || !other.Deleted
		}
	}
	switch {
	case !inUse && earlierID != "":
		renamed := slices.IndexFunc(ix.in.Snapshot.Access, func(other org.Access) bool {
			return other.Kind == kind && other.ID == earlierID && !other.Deleted && !ix.isKnownByPresentName(other)
		})
		if renamed < 0 {
			break
		}
		text := fmt.Sprintf("the %s %q is now named %q", kind, name, ix.in.Snapshot.Access[renamed].Name)
		var cannotUse string
		if a, cannotUse = lookUp(ix.in.Snapshot.Access, kind, earlierID); a == nil { // for example, it is unreadable
			exists, problem = true, text+": "+cannotUse
			break
		}
		cat.notices = append(cat.notices, unknownAccess(text, UnknownAccessName{Places: ix.placesOf(kind, name),
			AccessID: a.ID}))
	case a != nil && a.ID != earlierID && a.ID != name:
		cat.facts = append(cat.facts, org.Fact{
			Kind: org.FactAccess, Access: &org.NamedAccess{AccessName: org.AccessName{Kind: kind, Name: name}, ID: a.ID},
		})
	}
	if a == nil {
		cat.unknown[kind] = true
		unknown := UnknownAccessName{Places: ix.placesOf(kind, name)}
		if !exists {
			unknown.Missing = org.AccessName{Kind: kind, Name: name}
		}
		cat.notices = append(cat.notices, unknownAccess(problem, unknown))
		return
	}
	cat.byName[kind][name] = a
	cat.named[a] = true
}

// isKnownByPresentName reports whether the ledger has a under its present name: a roster used this name after a was
// renamed. If a roster has a former name of a again later, this name means something else, for example a new group that
// does not exist yet. Nobody may get a because of it.
func (ix *index) isKnownByPresentName(a org.Access) bool {
	for known, id := range ix.in.Memory.Access {
		if known.Kind == a.Kind && id == a.ID && a.Is(known.Name) {
			return true
		}
	}
	return false
}

func unknownAccess(text string, name UnknownAccessName) Notice {
	return Notice{Kind: UnknownAccess, Source: name.Places[0].Source(), Text: text, Unknown: &name}
}

// missingPermission returns a sentence about the settings of the roster that need the list of users, which the key
// may not read; "" if there are no such settings or the key may read the list.
func (ix *index) missingPermission() string {
	if ix.visible.users {
		return ""
	}
	var given, asks []string
	for _, kind := range org.Kinds {
		if slices.ContainsFunc(ix.people, func(p person) bool { return len(p.Refs(kind)) > 0 }) {
			given = append(given, kind.Plural())
		}
	}
	if len(given) > 0 {
		asks = append(asks, "gives "+strings.Join(given, ", "))
	}
	if s := ix.in.Roster.Settings.Unlisted; s == roster.UnlistedSuspend || s == roster.UnlistedRemove {
		asks = append(asks, fmt.Sprintf("has `unlisted: %s`", s))
	}
	if len(asks) == 0 {
		return ""
	}
	return fmt.Sprintf("the roster %s; this needs the list of users, which the API key is not allowed to read",
		strings.Join(asks, " and "))
}

// lookUp returns the access of a kind whose name or id is name. If the name cannot be used, it returns nil and a text
// that says why.
func lookUp(all []org.Access, kind org.Kind, name string) (*org.Access, string) {
	var named []*org.Access
	var deleted bool
	var others []string
	for i := range all {
		a := &all[i]
		switch {
		case a.Kind != kind:
		case a.Deleted:
			deleted = deleted || a.Is(name)
		case a.ID == name:
			named = []*org.Access{a}
			if !a.Assumable && !a.Unreadable {
				return a, ""
			}
		case a.Is(name):
			named = append(named, a)
		default:
			others = append(others, a.Name)
		}
	}
	switch {
	case len(named) > 1:
		ids := make([]string, len(named))
		for i, a := range named {
			ids[i] = a.ID
		}
		slices.Sort(ids)
		return nil, fmt.Sprintf("the organization has %d %s named %q: name one by its id (%s)", len(named), kind.Plural(),
			name, quoteFirst(ids))
	case len(named) == 1 && named[0].Assumable:
		return nil, fmt.Sprintf(
			"the role %q is assumable: it is taken on for a session and cannot be attached to a person", name)
	case len(named) == 1 && named[0].Unreadable:
		return nil, fmt.Sprintf("the API does not say who has the %s %q", kind, name)
	case len(named) == 1:
		return named[0], ""
	case deleted:
		return nil, fmt.Sprintf("the %s %q was deleted", kind, name)
	case len(others) == 0:
		return nil, fmt.Sprintf("the organization has no %s named %q, and no other %s", kind, name, kind)
	}
	// If only upper and lower case are wrong, the right name comes first.
	slices.SortFunc(others, func(a, b string) int {
		fold := func(s string) int {
			if strings.EqualFold(s, name) {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(fold(a), fold(b)), cmp.Compare(a, b))
	})
	return nil, fmt.Sprintf("the organization has no %s named %q; it has %s", kind, name, quoteFirst(others))
}

// quoteFirst returns a text with the first names, quoted, and the number of the other names.
func quoteFirst(names []string) string {
	more := len(names) - maxCandidates
	quoted := make([]string, 0, maxCandidates)
	for _, n := range names[:min(len(names), maxCandidates)] {
		quoted = append(quoted, fmt.Sprintf("%.80q", n))
	}
	if more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(quoted, ", "), more)
	}
	return strings.Join(quoted, ", ")
}

// decideAccess decides how the access of p must change, if p is a member. It leaves out kinds of access that the
// roster does not manage for p. A suspended member has a change only if orgsync ends the suspension.
func (ix *index) decideAccess(p *person, cat catalog, d *decision) {
	isActive := p.user != nil && !p.ended && (!p.user.Suspended || len(d.changes) > 0)
	if !isActive || p.isUnderOtherAddress() { // a user with an unknown address may be another person
		return
	}
	if api := p.APIEnabled; api != nil && p.user.APIEnabled != nil && *p.user.APIEnabled != *api {
		if *api || ix.mayTakeFrom(p) {
			d.change(p, Update, APIAccessDiffers, Detail{APIEnabled: api})
		} else {
			d.note(p, Notice{Kind: ExtraAccess, UserID: p.user.ID, Text: apiAccess})
			ix.someoneKeepsAPI = true
		}
	}
	has := ix.access[p.user.ID]
	for _, kind := range org.Kinds {
		named := p.Refs(kind)
		if named == nil {
			continue
		}
		want := make(map[string]bool, len(named))
		for _, ref := range named {
			a := cat.byName[kind][ref.Name]
			if a == nil {
				d.ungrantable = append(d.ungrantable, p.change(Grant, MissingAccess, Detail{Kind: kind, Name: ref.Name}))
				continue
			}
			if want[a.ID] {
				continue // the roster has both the name and the id
			}
			want[a.ID] = true
			if !slices.Contains(has, a) {
				d.changes = append(d.changes, p.change(Grant, MissingAccess, Detail{Kind: kind, Name: a.Name, ID: a.ID}))
			}
		}
		ix.decideExtraAccess(p, has, kind, want, cat, d)
	}
}

// mayTakeFrom reports whether orgsync may take a group, a role, a policy or API access from the user of p, a member. It
// takes nothing from the user of the API key, because the key could stop working.
func (ix *index) mayTakeFrom(p *person) bool {
	return ix.visible.allowsTaking(ix.in.Roster.Organization != "") && ix.selfKnown && !p.user.SeenOnce &&
		!ix.isExempt(p.user) && !slices.ContainsFunc(p.secondUsers, ix.isProtected)
}

// decideExtraAccess decides about access of one kind that p has and the roster does not give them. It revokes only
// access that the roster names for somebody, because all other access is managed without the roster. It revokes
// nothing of a kind if one of the names cannot be used: p may have that access under a new name.
func (ix *index) decideExtraAccess(p *person, has []*org.Access, kind org.Kind, want map[string]bool, cat catalog,
	d *decision) {
	revoke := ix.in.Roster.Settings.ExtraAccess == roster.ExtraAccessRevoke && !cat.unknown[kind] && ix.mayTakeFrom(p)
	for _, a := range has {
		if a.Kind != kind || want[a.ID] {
			continue
		}
		if revoke && cat.named[a] {
			d.change(p, Revoke, MoreAccess, Detail{Kind: kind, Name: a.Name, ID: a.ID, Membership: a.Holders[p.user.ID]})
			continue
		}
		d.note(p, Notice{Kind: ExtraAccess, UserID: p.user.ID, Text: fmt.Sprintf("%s %s", kind, a.Name)})
	}
}
