package document

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/printable"
)

// The rules of every report in Markdown (GitHub's; GitLab's reads it the same way):
//   - Text from outside appears only as [code]: nothing in it can become a link, a mention, HTML or
//     a table cell.
//   - A report begins with a line of its own words and a blank line, and ends with a blank line. An
//     HTML block runs to the next blank line (CommonMark, 4.6) and code is not recognized in it:
//     without the blank line, a report that is appended to another could end up in one.
//   - A report stays below MaxMarkdown, and says how much it leaves out.

// MaxMarkdown is the maximum size of a report in bytes. GitHub accepts 65,536 characters in a
// comment; the rest is room for what the workflow that posts it adds.
const MaxMarkdown = 60_000

// WriteMarkdown writes d for a comment on a pull request or a job summary. It writes nothing when
// nobody needs to read d. The error is w's.
func WriteMarkdown(w io.Writer, d Document) error {
	if d.Nothing {
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

// markdown returns text with all that is from outside as code.
func markdown(text string) string { return escapeOutside(text, same, code) }

// code returns clean text from outside as code, in which Markdown recognizes no markup. Text that
// contains a character that would end the code or a table cell is written as HTML with every
// punctuation mark as a number. So is text that a GitHub runner would take for a command in a log,
// in the old form that counts anywhere in a line.
func code(s string) string {
	if !strings.ContainsAny(s, "`|\\") && !printable.RunnerCommand.MatchString(s) {
		return "`" + s + "`"
	}
	var b strings.Builder
	for _, r := range s {
		if r > ' ' && r < 0x7f && !printable.IsAlphanumeric(r) {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return "<code>" + b.String() + "</code>"
}

// piece is a part of a report that can be cut: rows, with text before and after them.
type piece struct {
	head string
	rows []string
	tail string
	// omitted is how many rows are left out, and complete the output that has them all; "" is text.
	omitted  int
	complete string
}

// omittedNoteSize is the room, in bytes, kept in each piece for the note on omitted rows.
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
				lines = append(lines, f.What+": "+f.Text)
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

// markdownDetails returns the pieces of each section, until half of the room is used up; the other
// sections are only counted.
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

// bullets returns the rows of a list.
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
			{Text: Outside(one.At.String())}, {Text: OutsideMessage(one.Text)},
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

// markdownTable returns a table of the given rows of t. A column that says what the title says is
// left out.
func markdownTable(t Table, title string, rows []Row) piece {
	p := piece{head: "\n", complete: t.Complete}
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
	rows, p.omitted = FirstOf(rows, t.Most)
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

// markdownNotices returns the notices in a part of the page that is folded until it is opened.
func markdownNotices(groups Notices) piece {
	all, calm := 0, 0
	var rows []string
	for _, g := range groups {
		all += g.Count
		if g.Calm {
			calm += g.Count
		}
		row := bullets([]string{g.Text})[0]
		items, more := FirstOf(g.Items, MaxShown)
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

// cutPieces cuts pieces so that they need at most room bytes. Short pieces stay whole and the long
// ones get equal shares of the rest, so that a thousand invitations do not push out three removals.
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

// markdownText returns the text of pieces in order.
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
