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
	// Text is a sentence without the position. Quotations from the file are escaped and truncated.
	Text string
}

// String returns "file:line:column: text".
func (p Problem) String() string { return p.At.String() + ": " + p.Text }

// Compare returns a negative number if p is before other, 0 if they are equal, and otherwise a
// positive number. It compares the position and then the text.
func (p Problem) Compare(other Problem) int {
	return cmp.Or(p.At.Compare(other.At), cmp.Compare(p.Text, other.Text))
}

type problemList []Problem

func (l *problemList) add(at Position, format string, args ...any) {
	*l = append(*l, Problem{at, fmt.Sprintf(format, args...)})
}

// ProblemsError is the error for an invalid roster. It has all problems of the roster, at least one,
// sorted by file, line and column.
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

// newProblemsError sorts problems and removes duplicates. There are duplicates because the decoder
// finds a mistake behind an alias once for each use of the alias.
func newProblemsError(problems []Problem) *ProblemsError {
	slices.SortFunc(problems, Problem.Compare)
	return &ProblemsError{Problems: slices.Compact(problems)}
}
