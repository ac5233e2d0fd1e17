package roster

import (
	"slices"

	"github.com/orgsync/orgsync/internal/org"
)

// RequiredAccess is the access that the roster manages for anybody, with the names in alphabetical order.
func (r *Roster) RequiredAccess() org.Wanted {
	wanted := org.Wanted{}
	for i := range r.People {
		p := &r.People[i]
		for _, kind := range org.Kinds {
			refs := p.Refs(kind)
			if refs == nil {
				continue
			}
			names := wanted[kind]
			if names == nil {
				names = []string{}
			}
			for _, ref := range refs {
				if at, found := slices.BinarySearch(names, ref.Name); !found {
					names = slices.Insert(names, at, ref.Name)
				}
			}
			wanted[kind] = names
		}
	}
	return wanted
}
