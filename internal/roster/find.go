package roster

import (
	"slices"

	"github.com/orgsync/orgsync/internal/org"
)

// Find returns the person who has the address or alias a; nil if there is none.
func (r *Roster) Find(a org.Address) *Person {
	for i := range r.People {
		if p := &r.People[i]; slices.ContainsFunc(p.Addresses(), a.Equal) {
			return p
		}
	}
	return nil
}

// Nearest returns the address or alias in the roster that is most similar to a; "" if none is
// similar enough.
func (r *Roster) Nearest(a org.Address) string {
	var all []string
	for _, p := range r.People {
		for _, own := range p.Addresses() {
			all = append(all, own.String())
		}
	}
	return Nearest(a.String(), all)
}
