package roster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a roster.
type Problem struct {
	At Position
	// Text is a sentence. Quotations from the file are escaped and truncated.
	Text string
}

// String returns "file:line:column: text".
func (p Problem) String() string { return p.At.String() + ": " + p.Text }

// Compare returns a negative number, 0 or a positive number if p is before, equal to or after
// other, by position and then by text.
func (p Problem) Compare(other Problem) int {
	return cmp.Or(p.At.Compare(other.At), cmp.Compare(p.Text, other.Text))
}

// problemList collects problems.
type problemList []Problem

// add adds a problem.
func (l *problemList) add(at Position, format string, args ...any) {
	*l = append(*l, Problem{at, fmt.Sprintf(format, args...)})
}

// ProblemsError has all problems of a roster, at least one, sorted by file, line and column.
type ProblemsError struct {
	Problems []Problem
}

// Error returns one line for each problem.
func (e *ProblemsError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// newProblemsError sorts problems and removes duplicates: a mistake behind an alias is found once
// for each use.
func newProblemsError(problems []Problem) *ProblemsError {
	slices.SortFunc(problems, Problem.Compare)
	return &ProblemsError{Problems: slices.Compact(problems)}
}
