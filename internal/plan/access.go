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

// maxCandidates is how many names a problem offers.
const maxCandidates = 10

// holdings has the groups, roles and policies of each user. Deleted groups are left out.
type holdings struct {
	last map[string]int // by user id: the place in all
	all  []holding
}

type holding struct {
	access     *org.Access
	membership string
	before     int // the user's one before this; -1: none
}

func holdingsOf(all []org.Access) holdings {
	h := holdings{last: map[string]int{}}
	for i := range slices.Backward(all) {
		if all[i].Deleted {
			continue
		}
		h.all = slices.Grow(h.all, len(all[i].Holders))
		for user, membership := range all[i].Holders {
			before, has := h.last[user]
			if !has {
				before = -1
			}
			h.last[user] = len(h.all)
			h.all = append(h.all, holding{&all[i], membership, before})
		}
	}
	return h
}

// userHoldings is what one user has.
type userHoldings struct {
	all  []holding
	last int // -1: none
}

func (h holdings) of(user string) userHoldings {
	if last, has := h.last[user]; has {
		return userHoldings{h.all, last}
	}
	return userHoldings{last: -1}
}

// access yields it in the order of the snapshot, with the API's id of each membership.
func (t userHoldings) access() iter.Seq2[*org.Access, string] {
	return func(yield func(*org.Access, string) bool) {
		for i := t.last; i >= 0; i = t.all[i].before {
			if !yield(t.all[i].access, t.all[i].membership) {
				return
			}
		}
	}
}

func (t userHoldings) contain(wanted *org.Access) bool {
	for a := range t.access() {
		if a == wanted {
			return true
		}
	}
	return false
}

// WantedAccess returns the access that r names, with the ids that its names had in earlier runs: a plan must know who
// has a group that was renamed, too.
func WantedAccess(r *roster.Roster, m org.Memory) org.Wanted {
	wanted := r.RequiredAccess()
	for kind, names := range wanted {
		for _, name := range names {
			if id := m.Access[org.AccessName{Kind: kind, Name: name}]; id != "" {
				wanted[kind] = append(wanted[kind], id)
			}
		}
	}
	return wanted
}

// catalog is what the names in the roster mean in the organization.
type catalog struct {
	byName map[org.Kind]map[string]*org.Access
	// named has all that the roster names somewhere: nothing else is revoked.
	named map[*org.Access]bool
	// unknown has the kinds of which the organization lacks at least one name.
	unknown map[org.Kind]bool
	notices []Notice
	facts   []org.Fact
}

// catalog looks up every name in the roster. A name that the organization lacks, or cannot give,
// becomes one notice with all the places that use it.
func (ix *index) catalog() catalog {
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

// references yields every name of a kind of access that the roster has, also those that a team gives to nobody at
// present.
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

// placesOf returns where the roster has a name, each place once, sorted.
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

// addName looks up one name of the roster. One that the organization lacks is looked up by the id that it had before,
// since the group may have been renamed.
func (ix *index) addName(cat *catalog, kind org.Kind, name string) {
	known := ix.in.Memory.Access[org.AccessName{Kind: kind, Name: name}]
	a, problem := lookUp(ix.in.Snapshot.Access, kind, name)
	exists := slices.ContainsFunc(ix.in.Snapshot.Access, func(a org.Access) bool {
		return a.Kind == kind && (a.ID == name || a.Is(name))
	})
	switch {
	case a == nil && known != "" && !exists: // else there are several of that name
		if a, _ = lookUp(ix.in.Snapshot.Access, kind, known); a != nil {
			text := fmt.Sprintf("the %s %q is now named %q", kind, name, a.Name)
			cat.notices = append(cat.notices, unknownAccess(text, ix.placesOf(kind, name), a.ID))
		}
	case a != nil && a.ID != known && a.ID != name:
		cat.facts = append(cat.facts, org.Fact{
			Kind: org.FactAccess, Access: org.AccessName{Kind: kind, Name: name}, AccessID: a.ID,
		})
	}
	if a == nil {
		cat.unknown[kind] = true
		n := unknownAccess(problem, ix.placesOf(kind, name), "")
		if !exists {
			n.Missing = org.AccessName{Kind: kind, Name: name}
		}
		cat.notices = append(cat.notices, n)
		return
	}
	cat.byName[kind][name] = a
	cat.named[a] = true
}

// unknownAccess returns the notice about a name that the roster has at places.
func unknownAccess(text string, places []roster.Position, id string) Notice {
	return Notice{Kind: UnknownAccess, Source: places[0].Source(), Text: text, Places: places, AccessID: id}
}

// missingPermission returns a sentence about settings of the roster that need the list of users, if the key may not
// read it; "" otherwise.
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
	return fmt.Sprintf("the roster %s; this needs the list of users, which the API key may not read",
		strings.Join(asks, " and "))
}

// lookUp returns the access that name means, or a sentence that says why there is none that can be
// given.
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
			if !a.Assumable {
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
			name, list(ids))
	case len(named) == 1 && named[0].Assumable:
		return nil, fmt.Sprintf(
			"the role %q is assumable: it is taken on for a session and cannot be attached to a person", name)
	case len(named) == 1:
		return named[0], ""
	case deleted:
		return nil, fmt.Sprintf("the %s %q was deleted", kind, name)
	case len(others) == 0:
		return nil, fmt.Sprintf("the organization has no %s named %q, nor any other", kind, name)
	}
	// Whoever mixed up the case finds the right name first.
	slices.SortFunc(others, func(a, b string) int {
		fold := func(s string) int {
			if strings.EqualFold(s, name) {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(fold(a), fold(b)), cmp.Compare(a, b))
	})
	return nil, fmt.Sprintf("the organization has no %s named %q; it has %s", kind, name, list(others))
}

// list joins the first names for a sentence, quoted as data.
func list(names []string) string {
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

// decideAccess decides what p, if a member, may do. It looks only at fields that the roster
// manages.
func (ix *index) decideAccess(p *person, cat catalog, d *decision) {
	wanted := p.user != nil && !p.ended && (!p.user.Suspended || len(d.changes) > 0)
	if !wanted || p.isUnderOtherAddress() { // who has that address is not sure enough to give or take anything
		return
	}
	if api := p.APIEnabled; api != nil && p.user.APIEnabled != nil && *p.user.APIEnabled != *api {
		if *api || ix.mayTakeFrom(p.user) {
			d.change(p, Update, APIAccessDiffers, Detail{APIEnabled: api})
		} else { // the one behind the key may not lose it: the key would not work any more
			d.note(p, Notice{Kind: ExtraAccess, UserID: p.user.ID, Text: apiAccess})
			ix.keepsAPI = true
		}
	}
	has := ix.access.of(p.user.ID)
	for _, kind := range org.Kinds {
		named := p.Refs(kind)
		if named == nil {
			continue
		}
		want := make(map[string]bool, len(named))
		for _, ref := range named {
			a := cat.byName[kind][ref.Name]
			if a == nil {
				d.ungrantable = append(d.ungrantable, p.grant(Detail{Kind: kind, Name: ref.Name}))
				continue
			}
			if want[a.ID] {
				continue // named twice, by name and by id
			}
			want[a.ID] = true
			if !has.contain(a) {
				d.changes = append(d.changes, p.grant(Detail{Kind: kind, Name: a.Name, ID: a.ID}))
			}
		}
		ix.decideExtraAccess(p, has, kind, want, cat, d)
	}
}

// grant returns the change that gives p, a user, a group, role or policy.
func (p *person) grant(d Detail) Change {
	return Change{Action: Grant, Reason: MissingAccess, Email: p.Email, Source: p.At.Source(), UserID: p.user.ID,
		Detail: d}
}

// mayTakeFrom reports whether a group, a role, a policy or API access may be taken from the member u.
func (ix *index) mayTakeFrom(u *org.User) bool {
	return ix.visible.allowsTaking(ix.in.Roster.Organization != "") && ix.selfKnown && !u.SeenOnce && !ix.isExempt(u)
}

// decideExtraAccess decides about access of one kind that p has beyond the roster. Only what the
// roster names for somebody is revoked; other groups, roles and policies are managed elsewhere.
// Nothing of a kind is revoked while the organization lacks a name of it, because what p has may
// be just that, renamed.
func (ix *index) decideExtraAccess(p *person, has userHoldings, kind org.Kind, want map[string]bool, cat catalog,
	d *decision) {
	revoke := ix.in.Roster.Settings.ExtraAccess == roster.ExtraAccessRevoke && !cat.unknown[kind] && ix.mayTakeFrom(p.user)
	for a, membership := range has.access() {
		if a.Kind != kind || want[a.ID] {
			continue
		}
		if revoke && cat.named[a] {
			d.change(p, Revoke, MoreAccess, Detail{Kind: kind, Name: a.Name, ID: a.ID, Membership: membership})
			continue
		}
		d.note(p, Notice{Kind: ExtraAccess, UserID: p.user.ID, Text: fmt.Sprintf("%s %s", kind, a.Name)})
	}
}
