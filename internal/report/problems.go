package report

import (
	"errors"
	"fmt"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/roster"
)

// ProblemsDocument returns a document with the problems of a roster.
func ProblemsDocument(problems []roster.Problem) document.Document {
	return document.Document{
		Title:  "The roster has " + document.Pluralize(len(problems), "problem", "problems"),
		Blocks: []document.Block{document.Problems{List: problems}},
	}
}

// ErrorDocument returns a document about err. If err is a [*roster.ProblemsError], the document has
// its problems. Otherwise, it has one problem without a position.
func ErrorDocument(err error) document.Document {
	if invalid, ok := errors.AsType[*roster.ProblemsError](err); ok {
		return ProblemsDocument(invalid.Problems)
	}
	return document.Document{Blocks: []document.Block{document.Problems{List: []roster.Problem{{Text: err.Error()}}}}}
}

// ValidDocument returns a document which says that a roster is valid, with the warnings about it.
func ValidDocument(run Run, warnings []roster.Problem) document.Document {
	n := document.Pluralize(len(warnings), "warning", "warnings")
	d := document.Document{Title: "The roster is valid, with " + n, Unneeded: len(warnings) == 0}
	end := "."
	if len(warnings) > 0 {
		d.Blocks = []document.Block{document.Problems{List: warnings, Warning: true}}
		end = ", " + n + "."
	}
	people := document.Pluralize(run.People, "person", "people")
	if run.Teams > 0 {
		people += " and " + document.Pluralize(run.Teams, "team", "teams")
	}
	d.Summary = fmt.Sprintf("%s: %s, no problems%s", summarizeList(run.Files), people, end)
	return d
}
