package document

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/printable"
)

// WriteText writes d as text for a window of width columns. A width below 1 means no limit. The error
// is from w.
func WriteText(w io.Writer, d Document, width int, colored bool) error {
	out := newPrinter(w, width, colored)
	isTable := func(b Block) bool { _, ok := b.(Table); return ok }
	if label := OrganizationLabel(d.Organization); label != "" && slices.ContainsFunc(d.Blocks, isTable) {
		out.paragraph("Organization " + label)
		out.gapBefore = true
	}
	out.blocks(d.Blocks)
	if d.Summary != "" {
		out.paragraph(d.Summary)
	}
	if d.NotSelected != "" {
		out.paragraph(d.NotSelected)
	}
	return out.w.Flush()
}

// Sentence writes text, which may come from outside. It cleans the text, cuts it to limit columns, and
// folds it into lines of width columns. A width below 1 means one line. The error is from w.
func Sentence(w io.Writer, text string, limit, width int) error {
	out := newPrinter(w, width, false)
	out.paragraph(printable.Clean(text, limit))
	return out.w.Flush()
}

// printer writes lines. After the first error of the writer, it writes nothing more, and w.Flush
// returns this error.
type printer struct {
	w         *bufio.Writer
	width     int // the width of the window in columns; below 1 means no limit
	colored   bool
	gapBefore bool // whether a blank line comes before the next line
}

func newPrinter(w io.Writer, width int, colored bool) *printer {
	return &printer{w: bufio.NewWriter(w), width: width, colored: colored}
}

func (p *printer) line(s string) {
	if p.gapBefore {
		p.gapBefore = false
		fmt.Fprintln(p.w)
	}
	fmt.Fprintln(p.w, s) // Flush returns the error
}

// paragraph writes a sentence, folded to the width of the window.
func (p *printer) paragraph(s string) { p.wrapped("", s) }

// wrapped writes text after indent, folded to the width of the window. Lines after the first have two
// more spaces.
func (p *printer) wrapped(indent, text string) {
	text = Plain(text)
	if p.width < 1 {
		p.line(indent + text)
		return
	}
	first := Fold(text, p.width-len(indent))[0]
	p.line(indent + first)
	if rest := strings.TrimPrefix(text[len(first):], " "); rest != "" {
		for _, line := range Fold(rest, p.width-len(indent)-2) {
			p.line(indent + "  " + line)
		}
	}
}

// paint returns s with the codes of the colour c, unless the output has no colours.
func (p *printer) paint(s string, c Color) string {
	if !p.colored || c == 0 || s == "" {
		return s
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", c, s)
}

// blocks writes blocks, with a blank line after each.
func (p *printer) blocks(blocks []Block) {
	for _, b := range blocks {
		switch b := b.(type) {
		case Section:
			p.section(b)
		case Details:
			for i := range b.Count {
				p.section(b.Section(i))
			}
		case Paragraph:
			for _, sentence := range b {
				p.paragraph(sentence)
			}
		case List:
			for _, item := range b {
				p.wrapped("  ", "- "+item)
			}
		case Facts:
			p.table(b.table())
		case Table:
			p.table(b)
		case Command:
			p.line("  " + string(b))
		case Problems:
			p.problems(b)
		case Notices:
			p.notices(b)
		default: // tiles and timelines repeat facts of the table
			continue
		}
		p.gapBefore = true
	}
}

func (p *printer) section(s Section) {
	p.paragraph(s.Title + ":")
	p.blocks(s.Blocks)
}

// problems writes each problem on a line of its own. Editors understand the form
// "file:line:column: text".
func (p *printer) problems(list Problems) {
	for _, one := range list.List {
		text, c := ": ", Color(0)
		if list.Warning {
			text, c = ": warning: ", Yellow
		}
		p.line(p.paint(printable.Clean(one.At.String(), MessageWidth)+text+printable.Clean(one.Text, MessageWidth), c))
	}
}

func (p *printer) notices(groups Notices) {
	for _, g := range groups {
		p.wrapped("  ", g.Text)
		items, more := g.Items(MaxShown)
		for _, item := range items {
			p.wrapped("    ", "- "+item)
		}
		if more > 0 {
			p.line(fmt.Sprintf("    - and %d more", more))
		}
	}
}

// table returns f as a table of two columns.
func (f Facts) table() Table {
	t := Table{Columns: []Column{{}, {Prose: true}}}
	for _, one := range f {
		t.Rows = append(t.Rows, Row{Cells: []Cell{{Text: one.Name}, one.Cell}})
	}
	return t
}
