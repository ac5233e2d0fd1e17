package report

import (
	"errors"
	"fmt"

	"github.com/orgsync/orgsync/internal/roster"
)

// ProblemsDocument returns the problems of a roster.
func ProblemsDocument(problems []roster.Problem) Document {
	return Document{
		Title:  "The roster has " + pluralize(len(problems), "problem", "problems"),
		Blocks: []Block{Problems{List: problems}},
	}
}

// ErrorDocument returns err as problems: every problem of a roster at its place, and any other error
// without one.
func ErrorDocument(err error) Document {
	if invalid, ok := errors.AsType[*roster.ProblemsError](err); ok {
		return ProblemsDocument(invalid.Problems)
	}
	return Document{Blocks: []Block{Problems{List: []roster.Problem{{Text: err.Error()}}}}}
}

// ValidDocument returns that a roster is valid, and the warnings about it.
func ValidDocument(run Run, warnings []roster.Problem) Document {
	n := pluralize(len(warnings), "warning", "warnings")
	d := Document{Title: "The roster is valid, with " + n, Nothing: len(warnings) == 0}
	end := "."
	if len(warnings) > 0 {
		d.Blocks = []Block{Problems{warnings, true}}
		end = ", " + n + "."
	}
	people := pluralize(run.People, "person", "people")
	if run.Teams > 0 {
		people += " and " + pluralize(run.Teams, "team", "teams")
	}
	d.Summary = fmt.Sprintf("%s: %s, no problems%s", summarizeList(run.Files), people, end)
	return d
}
