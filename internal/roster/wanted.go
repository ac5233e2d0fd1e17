package roster

import (
	"slices"

	"github.com/orgsync/orgsync/internal/org"
)

// RequiredAccess returns the names of the groups, roles and policies in r, sorted. A kind that r
// manages for nobody is missing.
func (r *Roster) RequiredAccess() org.Wanted {
	required := org.Wanted{}
	for _, kind := range org.Kinds {
		var names []string // nil while nothing manages the kind
		add := func(refs []Ref) {
			if refs != nil && names == nil {
				names = []string{}
			}
			for _, ref := range refs {
				if at, found := slices.BinarySearch(names, ref.Name); !found {
					names = slices.Insert(names, at, ref.Name)
				}
			}
		}
		for i := range r.People {
			add(r.People[i].Refs(kind))
		}
		for i := range r.Teams {
			add(r.Teams[i].Refs(kind))
		}
		if names != nil {
			required[kind] = names
		}
	}
	return required
}
