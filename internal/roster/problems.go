package roster

import (
	"cmp"
	"slices"
	"strings"
)

// Problem is one thing that is wrong in a roster.
type Problem struct {
	At Position
	// Text is a plain sentence. What it quotes from the file is escaped and cut.
	Text string
}

// String is "file:line:column: text".
func (p Problem) String() string { return p.At.String() + ": " + p.Text }

// Compare orders problems by file, line and column, and those of one place by their text: below 0 where p comes first.
func (p Problem) Compare(other Problem) int {
	return cmp.Or(p.At.Compare(other.At), cmp.Compare(p.Text, other.Text))
}

// ProblemsError holds every problem of a roster, sorted by file, line and column; there is at least one.
type ProblemsError struct {
	Problems []Problem
}

// Error is one line for each problem.
func (e *ProblemsError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// newProblemsError sorts problems and drops repetitions: what an alias repeats is wrong more than once at one place.
func newProblemsError(problems []Problem) *ProblemsError {
	slices.SortFunc(problems, Problem.Compare)
	return &ProblemsError{Problems: slices.Compact(problems)}
}
