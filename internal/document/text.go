package document

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/printable"
)

// WriteText writes d for a person to read in a window of width columns; a width below 1 sets no
// limit. The error is w's.
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

// Sentence writes text from anywhere, cleaned and cut to room columns, and folded into lines of
// width columns; a width below 1 does not fold. The error is w's.
func Sentence(w io.Writer, text string, room, width int) error {
	out := newPrinter(w, width, false)
	out.paragraph(printable.Clean(text, room))
	return out.w.Flush()
}

// Steps writes commands, each with a comment beside it or, in a narrow window, above it: a command
// stays on one line, so that it can be copied. The commands must be orgsync's own text. The error
// is w's.
func Steps(w io.Writer, steps [][2]string, width int) error {
	out := newPrinter(w, width, false)
	command, comment := 0, 0
	for _, step := range steps {
		command, comment = max(command, len(step[0])), max(comment, len(step[1]))
	}
	for _, step := range steps {
		if width < 1 || command+comment+len("    # ") <= width {
			out.line(fmt.Sprintf("  %-*s  # %s", command, step[0], step[1]))
		} else {
			out.line("  # " + step[1])
			out.line("  " + step[0])
		}
	}
	return out.w.Flush()
}

// printer writes lines. After the first error of its writer it writes no more, and w.Flush returns
// that error.
type printer struct {
	w *bufio.Writer
	// width is the width of the window in columns; below 1 there is no limit.
	width   int
	colored bool
	// gapBefore is true when a blank line comes before the next line.
	gapBefore bool
}

func newPrinter(w io.Writer, width int, colored bool) *printer {
	return &printer{w: bufio.NewWriter(w), width: width, colored: colored}
}

func (p *printer) line(s string) {
	if p.gapBefore {
		p.gapBefore = false
		fmt.Fprintln(p.w)
	}
	fmt.Fprintln(p.w, s) // a bufio.Writer keeps its first error for Flush
}

// paragraph writes a sentence, folded to the width of the window.
func (p *printer) paragraph(s string) { p.wrapped("", s) }

// wrapped writes text with an indent, folded to the width of the window. Lines after the first are
// indented two columns more.
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

// paint returns text in colour c.
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
		default: // tiles and timelines repeat what the table says
			continue
		}
		p.gapBefore = true
	}
}

func (p *printer) section(s Section) {
	p.paragraph(s.Title + ":")
	p.blocks(s.Blocks)
}

// problems writes each problem on one line of its own, as file:line:column: text, which editors
// find their way by.
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
		items, more := FirstOf(g.Items, MaxShown)
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
		t.Rows = append(t.Rows, Row{Cells: []Cell{{Text: one.What}, one.Cell}})
	}
	return t
}
