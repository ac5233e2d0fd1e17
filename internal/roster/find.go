package roster

import (
	"slices"

	"github.com/orgsync/orgsync/internal/org"
)

// Find is the person whose address, or one of whose aliases, a is; nil when the roster has nobody of that address.
func (r *Roster) Find(a org.Address) *Person {
	for i := range r.People {
		if p := &r.People[i]; slices.ContainsFunc(p.Addresses(), a.Equal) {
			return p
		}
	}
	return nil
}

// Nearest is the address of the roster, aliases included, that a was most likely meant to be; "" when none is near.
func (r *Roster) Nearest(a org.Address) string {
	var all []string
	for _, p := range r.People {
		for _, own := range p.Addresses() {
			all = append(all, own.String())
		}
	}
	return Nearest(a.String(), all)
}
