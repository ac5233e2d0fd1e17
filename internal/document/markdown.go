package document

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/orgsync/orgsync/internal/printable"
)

// The rules of a report in the Markdown of GitHub, which GitLab shows in the same way:
//   - Text from outside appears only as [code], so that it cannot become a link, a mention, HTML or
//     a table cell.
//   - A report begins with a line of the program's own words and a blank line, and ends with a blank
//     line. An HTML block ends only at a blank line, and Markdown in it is not recognized (CommonMark,
//     4.6). Without the blank lines, the escapes of a report after an HTML block would have no effect.
//   - A report is not larger than MaxMarkdown, and says how much it leaves out.

// MaxMarkdown is the maximum size of a report in bytes. GitHub accepts comments of up to 65,536
// characters, and a workflow may add text to the report.
const MaxMarkdown = 60_000

// WriteMarkdown writes d as Markdown for a comment on a pull request or for a job summary. It writes
// nothing if d.Unneeded is true. The error is from w.
func WriteMarkdown(w io.Writer, d Document) error {
	if d.Unneeded {
		return nil
	}
	head := markdown(d.Summary) + "\n"
	if d.Title != "" {
		head = "### " + d.Title + "\n"
		if d.Summary != "" {
			head += "\n**" + markdown(d.Summary) + "**"
			if name := OrganizationLabel(d.Organization); name != "" {
				head += " Organization " + markdown(name) + "."
			}
			head += "\n"
		}
	}
	if d.NotSelected != "" {
		head += "\n" + markdown(d.NotSelected) + "\n"
	}
	if d.Stopped != "" {
		head += "\n" + markdown(d.Stopped) + "\n"
	}
	tail := ""
	for _, next := range d.Next {
		tail += "\n" + markdown(next) + "\n"
	}
	pieces := markdownPieces(d.Blocks)
	cutPieces(pieces, MaxMarkdown-len(head)-len(tail)-len("\n"))
	_, err := io.WriteString(w, head+markdownText(pieces)+tail+"\n")
	return err
}

// markdown returns text with each text from outside as code.
func markdown(text string) string { return escapeOutside(text, same, code) }

// code returns clean text from outside as code, in which Markdown recognizes no markup. If the text has a character
// that would end the code or a table cell, the result is HTML with each punctuation mark as a number. The same
// applies if a CI runner would recognize a command in the text (see [printable.RunnerCommand]).
func code(s string) string {
	if !strings.ContainsAny(s, "`|\\") && !printable.RunnerCommand.MatchString(s) {
		return "`" + s + "`"
	}
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf && (unicode.IsPunct(r) || unicode.IsSymbol(r)) {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return "<code>" + b.String() + "</code>"
}

// piece is a part of a report. Its rows can be cut, but not its head and its tail.
type piece struct {
	head     string
	rows     []string
	tail     string
	omitted  int    // the number of rows that are left out
	complete string // the output format that has all rows; "" means text
}

// omittedNoteSize is the number of bytes that each piece reserves for the note about omitted rows.
const omittedNoteSize = 100

func markdownPieces(blocks []Block) []piece {
	var pieces []piece
	for _, b := range blocks {
		switch b := b.(type) {
		case Section:
			pieces = append(pieces, markdownSection(b)...)
		case Details:
			pieces = append(pieces, markdownDetails(b)...)
		case Paragraph:
			pieces = append(pieces, piece{head: "\n" + markdown(strings.Join(b, " ")) + "\n"})
		case List:
			pieces = append(pieces, piece{head: "\n", rows: bullets(b)})
		case Facts:
			var lines []string
			for _, f := range b {
				lines = append(lines, f.Name+": "+f.Text)
			}
			pieces = append(pieces, piece{head: "\n" + strings.Join(bullets(lines), "")})
		case Table:
			pieces = append(pieces, markdownTables(b)...)
		case Command:
			pieces = append(pieces, piece{head: "\n    " + string(b) + "\n"})
		case Problems:
			pieces = append(pieces, markdownTables(b.table())...)
		case Notices:
			pieces = append(pieces, markdownNotices(b))
		}
	}
	return pieces
}

func markdownSection(s Section) []piece {
	return append([]piece{{head: "\n#### " + markdown(s.Title) + "\n"}}, markdownPieces(s.Blocks)...)
}

// markdownDetails returns the pieces of the first sections, which use up to half of MaxMarkdown. It
// only counts the other sections.
func markdownDetails(details Details) []piece {
	var pieces []piece
	room := MaxMarkdown / 2
	for i := range details.Count {
		section := markdownSection(details.Section(i))
		for _, p := range section {
			room -= len(p.head) + len(p.tail) + omittedNoteSize
		}
		if room < 0 {
			return append(pieces, piece{omitted: details.Count - i})
		}
		pieces = append(pieces, section...)
	}
	return pieces
}

// bullets returns lines as the items of a list.
func bullets(lines []string) []string {
	var rows []string
	for _, line := range lines {
		rows = append(rows, "- "+markdown(line)+"\n")
	}
	return rows
}

// table returns p as a table.
func (p Problems) table() Table {
	what := "problem"
	if p.Warning {
		what = "warning"
	}
	t := Table{Columns: []Column{{Head: "place"}, {Head: what}}}
	for _, one := range p.List {
		t.Rows = append(t.Rows, Row{Cells: []Cell{
			{Text: MarkName(one.At.String())}, {Text: MarkMessage(one.Text)},
		}})
	}
	return t
}

// markdownTables returns a table for each group of rows of t.
func markdownTables(t Table) []piece {
	groups := map[string][]Row{}
	var titles []string
	for _, r := range t.Rows {
		if groups[r.Group] == nil {
			titles = append(titles, r.Group)
		}
		groups[r.Group] = append(groups[r.Group], r)
	}
	slices.SortStableFunc(titles, func(a, b string) int {
		return cmp.Compare(slices.Index(t.Groups, a), slices.Index(t.Groups, b))
	})
	var pieces []piece
	for _, title := range titles {
		pieces = append(pieces, markdownTable(t, title, groups[title]))
	}
	return pieces
}

// markdownTable returns a table with rows, which are rows of t. It leaves out a column if the title
// contains the text of each of its cells.
func markdownTable(t Table, title string, rows []Row) piece {
	p := piece{head: "\n", complete: t.CompleteFormat}
	if title != "" {
		people := 0
		for _, r := range rows {
			people += max(1, r.People)
		}
		p.head += fmt.Sprintf("#### %s (%d)\n\n", title, people)
	}
	var columns []int
	var heads []string
	for i, c := range t.Columns {
		repeats := func(r Row) bool { return strings.Contains(strings.ToLower(title), r.Cells[i].Text) }
		if slices.ContainsFunc(rows, func(r Row) bool { return !repeats(r) }) {
			columns, heads = append(columns, i), append(heads, c.Head)
		}
	}
	p.head += markdownRow(heads) + strings.Repeat("|---", len(heads)) + "|\n"
	rows, p.omitted = Truncate(rows, t.MaxRows)
	for _, r := range rows {
		var cells []string
		for _, i := range columns {
			cells = append(cells, markdown(r.Cells[i].Text))
		}
		p.rows = append(p.rows, markdownRow(cells))
	}
	return p
}

func markdownRow(cells []string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// markdownNotices returns the notices in an element that is collapsed until a reader opens it.
func markdownNotices(groups Notices) piece {
	all, calm := 0, 0
	var rows []string
	for _, g := range groups {
		all += g.Count
		if g.Calm {
			calm += g.Count
		}
		row := bullets([]string{g.Text})[0]
		items, more := g.Items(MaxShown)
		for _, item := range bullets(items) {
			row += "  " + item
		}
		if more > 0 {
			row += fmt.Sprintf("  - and %d more\n", more)
		}
		rows = append(rows, row)
	}
	title := Pluralize(all, "notice", "notices")
	if all > calm {
		title += " (" + Pluralize(all-calm, "needs action", "need action") + ")"
	}
	return piece{head: "\n<details><summary>" + title + "</summary>\n\n", rows: rows, tail: "\n</details>\n"}
}

// cutPieces cuts pieces so that they need at most room bytes. Short pieces stay whole, and long pieces
// share the remaining room equally. A thousand invitations therefore do not push out three removals.
func cutPieces(pieces []piece, room int) {
	order := make([]*piece, len(pieces))
	size := make(map[*piece]int)
	for i := range pieces {
		b := &pieces[i]
		order[i] = b
		room -= len(b.head) + len(b.tail) + omittedNoteSize
		for _, r := range b.rows {
			size[b] += len(r)
		}
	}
	slices.SortStableFunc(order, func(a, b *piece) int { return cmp.Compare(size[a], size[b]) })
	for i, b := range order {
		share, used, n := room/(len(order)-i), 0, 0
		for n < len(b.rows) && used+len(b.rows[n]) <= share {
			used += len(b.rows[n])
			n++
		}
		b.omitted, b.rows = b.omitted+len(b.rows)-n, b.rows[:n]
		room -= used
	}
}

// markdownText returns the text of pieces, with notes about the rows that are left out.
func markdownText(pieces []piece) string {
	var text strings.Builder
	for _, b := range pieces {
		text.WriteString(b.head + strings.Join(b.rows, ""))
		if b.omitted > 0 {
			fmt.Fprintf(&text, "\n_… and %d more, not shown here: use --output %s to see all of them._\n", b.omitted,
				cmp.Or(b.complete, "text"))
		}
		text.WriteString(b.tail)
	}
	return text.String()
}
