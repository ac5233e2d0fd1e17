package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
)

// printer writes lines; the first error of its writer ends it, and flush returns it.
type printer struct {
	w *bufio.Writer
	// width is how many columns the window has; below 1 there is no limit.
	width   int
	colored bool
}

func newPrinter(w io.Writer, width int, colored bool) *printer {
	return &printer{w: bufio.NewWriter(w), width: width, colored: colored}
}

func (p *printer) line(s string) {
	fmt.Fprintln(p.w, s) // a bufio.Writer keeps its first error for flush
}

// say writes a sentence, folded where the window is narrow.
func (p *printer) say(s string) { p.wrapped("", s) }

// wrapped writes text, folded where the window is narrow. All lines are indented, the first a little less.
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

// print writes s as it is.
func (p *printer) print(s string) { fmt.Fprint(p.w, s) }

func (p *printer) flush() error { return p.w.Flush() }

// paint colours clean text.
func (p *printer) paint(s string, c color) string {
	if !p.colored || c == 0 || s == "" {
		return s
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", c, s)
}

// section writes a table with its sentences in column prose and a blank line after it, or nothing at all.
func (p *printer) section(rows [][]cell, prose int) {
	if len(rows) == 0 {
		return
	}
	p.table(rows, prose)
	p.line("")
}

// under writes a table under the name of the organization that it is about, or nothing at all.
func (p *printer) under(o org.Organization, rows [][]cell, prose int) {
	if len(rows) > 0 && o != (org.Organization{}) {
		p.say(strings.TrimSpace("Organization " + called(o, Clean)))
		p.line("")
	}
	p.section(rows, prose)
}
