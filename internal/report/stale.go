package report

import (
	"io"

	"github.com/orgsync/orgsync/internal/plan"
)

// StaleText writes, for a person to read, how a saved plan differs from a fresh one, and that
// nothing was sent. The error is w's.
func StaleText(w io.Writer, e *plan.StaleError, width int, colored bool) error {
	out := newPrinter(w, width, colored)
	for _, part := range staleParts(e) {
		if len(part.changes) == 0 {
			continue
		}
		out.paragraph(part.title + ":")
		out.section(changeRows(part.changes), 2)
	}
	out.paragraph("Nothing was sent: " + Clean(e.Error(), messageWidth) + ".")
	return out.flush()
}

// StaleMarkdown writes the same as [StaleText], for a comment on a pull request. The error is w's.
func StaleMarkdown(w io.Writer, e *plan.StaleError) error {
	head := "### orgsync apply\n\n**Nothing was sent:** " + code(e.Error(), messageWidth) + "\n"
	var blocks []block
	for _, part := range staleParts(e) {
		var rows []string
		for _, c := range part.changes {
			rows = append(rows, markdownRow(styleOf(c.Action).word, code(c.Email.String(), addressWidth), reasonText(c, code),
				code(c.Source, addressWidth)))
		}
		if len(rows) > 0 {
			blocks = append(blocks, table("#### "+part.title, rows, "change", "person", "why", "entry"))
		}
	}
	return writeMarkdown(w, head, blocks, "")
}

type stalePart struct {
	title   string
	changes []plan.Change
}

func staleParts(e *plan.StaleError) []stalePart {
	made := atText(e.Made)
	if made != "" {
		made = ", made" + made
	}
	return []stalePart{
		{"Only in the saved plan" + made, e.OnlySaved},
		{"Only in a fresh plan", e.OnlyFresh},
	}
}
