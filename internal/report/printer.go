package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
)

// printer writes lines. After the first error of its writer it writes no more, and flush returns
// that error.
type printer struct {
	w *bufio.Writer
	// width is the width of the window in columns; below 1 there is no limit.
	width   int
	colored bool
}

func newPrinter(w io.Writer, width int, colored bool) *printer {
	return &printer{w: bufio.NewWriter(w), width: width, colored: colored}
}

func (p *printer) line(s string) {
	fmt.Fprintln(p.w, s) // a bufio.Writer keeps its first error for flush
}

// paragraph writes a sentence, folded to the width of the window.
func (p *printer) paragraph(s string) { p.wrapped("", s) }

// optionalParagraph writes a sentence, or nothing for "".
func (p *printer) optionalParagraph(s string) {
	if s != "" {
		p.paragraph(s)
	}
}

// wrapped writes text with an indent, folded to the width of the window. Lines after the first are
// indented two columns more.
func (p *printer) wrapped(indent, text string) {
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

// print writes s unchanged.
func (p *printer) print(s string) { fmt.Fprint(p.w, s) }

func (p *printer) flush() error { return p.w.Flush() }

// paint returns clean text in colour c.
func (p *printer) paint(s string, c color) string {
	if !p.colored || c == 0 || s == "" {
		return s
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", c, s)
}

// section writes a table, whose column number prose holds sentences, and a blank line. It writes
// nothing when there are no rows.
func (p *printer) section(rows [][]cell, prose int) {
	if len(rows) == 0 {
		return
	}
	p.table(rows, prose)
	p.line("")
}

// sectionFor writes a section under the name of its organization. It writes nothing when there are
// no rows.
func (p *printer) sectionFor(o org.Organization, rows [][]cell, prose int) {
	if len(rows) > 0 && o != (org.Organization{}) {
		p.paragraph(strings.TrimSpace("Organization " + organizationLabel(o, Clean)))
		p.line("")
	}
	p.section(rows, prose)
}
