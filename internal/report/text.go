package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteText writes d for a person to read in a window of width columns; a width below 1 sets no
// limit. The error is w's.
func WriteText(w io.Writer, d Document, width int, colored bool) error {
	out := newPrinter(w, width, colored)
	isTable := func(b Block) bool { _, ok := b.(Table); return ok }
	if label := organizationLabel(d.Organization); label != "" && slices.ContainsFunc(d.Blocks, isTable) {
		out.paragraph("Organization " + label)
		out.gap()
	}
	out.blocks(d.Blocks)
	if d.Summary != "" {
		out.paragraph(d.Summary)
	}
	if d.NotSelected != "" {
		out.paragraph(d.NotSelected)
	}
	return out.flush()
}

// Sentence writes text from anywhere, cleaned and cut to room columns, and folded into lines of
// width columns; a width below 1 does not fold. The error is w's.
func Sentence(w io.Writer, text string, room, width int) error {
	out := newPrinter(w, width, false)
	out.paragraph(Clean(text, room))
	return out.flush()
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
	return out.flush()
}

// printer writes lines. After the first error of its writer it writes no more, and flush returns
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
	fmt.Fprintln(p.w, s) // a bufio.Writer keeps its first error for flush
}

// gap writes a blank line before the next line, if there is one.
func (p *printer) gap() { p.gapBefore = true }

func (p *printer) flush() error { return p.w.Flush() }

// paragraph writes a sentence, folded to the width of the window.
func (p *printer) paragraph(s string) { p.wrapped("", s) }

// wrapped writes text with an indent, folded to the width of the window. Lines after the first are
// indented two columns more.
func (p *printer) wrapped(indent, text string) {
	text = plain(text)
	if p.width < 1 {
		p.line(indent + text)
		return
	}
	first := fold(text, p.width-len(indent))[0]
	p.line(indent + first)
	if rest := strings.TrimPrefix(text[len(first):], " "); rest != "" {
		for _, line := range fold(rest, p.width-len(indent)-2) {
			p.line(indent + "  " + line)
		}
	}
}

// paint returns text in colour c.
func (p *printer) paint(s string, c color) string {
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
		p.gap()
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
		text, c := ": ", color(0)
		if list.Warning {
			text, c = ": warning: ", yellow
		}
		p.line(p.paint(Clean(one.At.String(), messageWidth)+text+Clean(one.Text, messageWidth), c))
	}
}

func (p *printer) notices(groups Notices) {
	for _, g := range groups {
		p.wrapped("  ", g.Text)
		items, more := firstOf(g.Items, maxShown)
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
