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

// holdings are what each user has, but for deleted groups: looking for everybody in each of many groups would take long.
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

// theirs are those of one user.
type theirs struct {
	all  []holding
	last int // -1: none
}

func (h holdings) of(user string) theirs {
	if last, has := h.last[user]; has {
		return theirs{h.all, last}
	}
	return theirs{last: -1}
}

// access gives them in the order of the snapshot, with what the API calls each membership.
func (t theirs) access() iter.Seq2[*org.Access, string] {
	return func(yield func(*org.Access, string) bool) {
		for i := t.last; i >= 0; i = t.all[i].before {
			if !yield(t.all[i].access, t.all[i].membership) {
				return
			}
		}
	}
}

func (t theirs) contain(wanted *org.Access) bool {
	for a := range t.access() {
		if a == wanted {
			return true
		}
	}
	return false
}

// catalog is what the names of the roster mean in the organization.
type catalog struct {
	byName   map[org.Kind]map[string]*org.Access
	problems []roster.Problem
}

// catalog looks up every name of the roster. What is missing, ambiguous or cannot be attached is a problem, once for each
// place that names it.
func (w *world) catalog() catalog {
	cat := catalog{byName: map[org.Kind]map[string]*org.Access{}}
	faults := map[roster.Problem]bool{}
	for _, p := range w.twins {
		faults[p] = true
	}
	for _, kind := range org.Kinds {
		found := map[string]*org.Access{}
		wrong := map[string]string{}
		cat.byName[kind] = found
		for i := range w.people {
			c := &w.people[i]
			for _, ref := range c.Refs(kind) {
				if _, known := found[ref.Name]; !known && wrong[ref.Name] == "" {
					found[ref.Name], wrong[ref.Name] = lookUp(w.in.Snapshot.Access, kind, ref.Name)
				}
				if text := wrong[ref.Name]; text != "" {
					faults[roster.Problem{At: ref.At, Text: text}] = true
				}
			}
		}
	}
	if !w.in.Snapshot.UsersSeen {
		w.needUsers(faults)
	}
	cat.problems = slices.SortedFunc(maps.Keys(faults), roster.Problem.Compare)
	return cat
}

// needUsers finds what in the roster cannot be done by a key that may not list users.
func (w *world) needUsers(faults map[roster.Problem]bool) {
	const why = "which needs the list of users, and the API key may not read it"
	for i := range w.people {
		p := w.people[i].Person
		for _, kind := range org.Kinds {
			for _, ref := range p.Refs(kind) {
				faults[roster.Problem{At: ref.At, Text: fmt.Sprintf("the roster gives people a %s, %s", kind, why)}] = true
			}
		}
	}
	if s := w.in.Roster.Settings.Unlisted; s == roster.UnlistedSuspend || s == roster.UnlistedRemove {
		faults[roster.Problem{At: w.in.Roster.OrganizationAt, Text: fmt.Sprintf("the roster says `unlisted: %s`, %s", s, why)}] = true
	}
}

// lookUp finds what name means among all, or says in a sentence why it means nothing that can be given.
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
		return nil, fmt.Sprintf("the organization has %d %s named %q: name one by its id (%s)", len(named), plural(kind), name, list(ids))
	case len(named) == 1 && named[0].Assumable:
		return nil, fmt.Sprintf("the role %q is assumable: it is taken on for a session and cannot be attached to a person", name)
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

func plural(k org.Kind) string {
	if k == org.KindPolicy {
		return "policies"
	}
	return string(k) + "s"
}

// list puts a few names into a sentence, quoted as data.
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

// access decides what c, if a member, may do: only fields that the roster manages are looked at.
func (w *world) access(c *candidate, cat catalog, v *verdict) {
	wanted := c.user != nil && !c.ended && (!c.user.Suspended || len(v.changes) > 0)
	if !wanted {
		return
	}
	if api := c.APIEnabled; api != nil && c.user.APIEnabled != nil && *c.user.APIEnabled != *api {
		if *api || w.selfKnown && !w.isSelf(c.user) {
			v.change(c, Update, APIAccessDiffers, Detail{APIEnabled: api})
		} else { // they are, or may be, the one behind the key: without it the key would not work any more
			v.note(c, Notice{Kind: ExtraAccess, UserID: c.user.ID, Text: apiAccess})
			w.keepsAPI = true
		}
	}
	has := w.held.of(c.user.ID)
	for _, kind := range org.Kinds {
		named := c.Refs(kind)
		if named == nil {
			continue
		}
		want := make(map[string]bool, len(named))
		for _, ref := range named {
			a := cat.byName[kind][ref.Name]
			if a == nil || want[a.ID] {
				continue // a problem; or named twice, by name and by id
			}
			want[a.ID] = true
			if !has.contain(a) {
				v.change(c, Grant, MissingAccess, Detail{Kind: kind, Name: a.Name, ID: a.ID})
			}
		}
		w.extra(c, has, kind, want, v)
	}
}

// extra decides about what c has of a kind beyond what is wanted.
func (w *world) extra(c *candidate, has theirs, kind org.Kind, want map[string]bool, v *verdict) {
	for a, membership := range has.access() {
		if a.Kind != kind || want[a.ID] {
			continue
		}
		if w.in.Roster.Settings.ExtraAccess == roster.ExtraAccessRevoke && w.selfKnown && !w.untouchable(c.user) {
			v.change(c, Revoke, MoreAccess, Detail{Kind: kind, Name: a.Name, ID: a.ID, Membership: membership})
			continue
		}
		v.note(c, Notice{Kind: ExtraAccess, UserID: c.user.ID, Text: fmt.Sprintf("%s %s", kind, a.Name)})
	}
}
