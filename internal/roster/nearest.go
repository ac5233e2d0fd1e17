package roster

import "strings"

// Nearest is the candidate that name was most likely meant to be; "" when none is near. Case, dashes and underscores
// count for nothing, since people mix them up.
func Nearest(name string, candidates []string) string {
	const farthest = 2
	name = normalizeName(name)
	best, bestDistance := "", farthest+1
	for _, c := range candidates {
		target := normalizeName(c)
		// Half of a short word may not be wrong; and far lengths need no closer look, however long the name is.
		if max(len(name)-len(target), len(target)-len(name)) > farthest {
			continue
		}
		if d := editDistance(name, target); d < bestDistance && 2*d < len(target) {
			best, bestDistance = c, d
		}
	}
	return best
}

var joiners = strings.NewReplacer("_", "", "-", "", " ", "")

// normalizeName is name in lower case without what joins its words.
func normalizeName(name string) string { return joiners.Replace(strings.ToLower(name)) }

// editDistance is how many characters have to be put in, taken out, replaced or swapped with their neighbour to make b
// of a (optimal string alignment).
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
