package roster

import (
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
)

// Nearest returns the candidate that is most similar to name; "" if none is similar enough. It ignores
// case, dashes, underscores and spaces, because people mix them up.
func Nearest(name string, candidates []string) string {
	const maxDistance = 2
	name = normalizeName(name)
	best, bestDistance := "", maxDistance+1
	for _, c := range candidates {
		target := normalizeName(c)
		// editDistance is slow, so skip a candidate of a very different length.
		if max(len(name)-len(target), len(target)-len(name)) > maxDistance {
			continue
		}
		// In a short name, less than half of the characters may differ.
		if d := editDistance(name, target); d < bestDistance && 2*d < len(target) {
			best, bestDistance = c, d
		}
	}
	return best
}

var nameNormalizer = strings.NewReplacer("_", "", "-", "", " ", "")

// normalizeName returns name in lower case without dashes, underscores and spaces.
func normalizeName(name string) string { return nameNormalizer.Replace(strings.ToLower(name)) }

// editDistance returns the optimal string alignment distance. This is the number of characters to
// add, remove, replace or swap with their neighbour, so that a becomes b.
func editDistance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, last, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := range s {
		row[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(t)]
}

// Find returns the person who has the address or alias a; nil if there is none.
func (r *Roster) Find(a org.Address) *Person {
	for i := range r.People {
		if p := &r.People[i]; p.Email.Equal(a) || slices.ContainsFunc(p.Aliases, a.Equal) {
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

// IdentityKeys returns keys of a person with this name and these addresses. Two people who share a key may
// be the same person with another address. One key is the name, unless it is empty. The other keys are
// the addresses without ".", "-" and "_" before the @, and without a part that begins with "+".
func IdentityKeys(name string, addresses ...org.Address) []string {
	var keys []string
	if words := strings.Fields(strings.ToLower(org.UnescapeHTML(name))); len(words) > 0 {
		keys = append(keys, "name "+strings.Join(words, " "))
	}
	for _, a := range addresses {
		local, domain, found := strings.Cut(a.Key(), "@")
		local, _, _ = strings.Cut(local, "+")
		if local = localNormalizer.Replace(local); found && local != "" {
			keys = append(keys, "address "+local+"@"+domain)
		}
	}
	return keys
}

// localNormalizer removes the characters of a local part (the part before the @) that people often
// leave out or mix up.
var localNormalizer = strings.NewReplacer(".", "", "-", "", "_", "")
