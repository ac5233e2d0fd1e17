package roster

import (
	"slices"

	"github.com/orgsync/orgsync/internal/org"
)

// RequiredAccess returns the names of the groups, roles and policies in r, sorted. A kind that r
// manages for nobody is missing.
func (r *Roster) RequiredAccess() org.Wanted {
	required := org.Wanted{}
	for i := range r.People {
		p := &r.People[i]
		for _, kind := range org.Kinds {
			refs := p.Refs(kind)
			if refs == nil {
				continue
			}
			names := required[kind]
			if names == nil {
				names = []string{}
			}
			for _, ref := range refs {
				if at, found := slices.BinarySearch(names, ref.Name); !found {
					names = slices.Insert(names, at, ref.Name)
				}
			}
			required[kind] = names
		}
	}
	return required
}
