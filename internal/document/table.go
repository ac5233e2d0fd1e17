package document

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/orgsync/orgsync/internal/printable"
)

// maxAlignedWidth is the maximum width of a cell that is aligned. A wider cell, such as a very long
// address, does not make its column wider.
const maxAlignedWidth = 44

// minProseWidth is the minimum width of a column of sentences. If there is less room, the sentences go
// below their rows.
const minProseWidth = 20

// grid is a table with the columns and widths for a window.
type grid struct {
	columns []Column
	headed  bool // whether the first row has the heads of the columns
	rows    [][]cell
	widths  []int
	prose   int  // the index of the column of sentences; -1 if there is none
	below   bool // whether the sentences go below their rows
}

// cell is a clean text in a grid. The text does not have the codes of its colour, so that its width can
// be measured.
type cell struct {
	text  string
	color Color
}

// table writes t with aligned columns. If the window is too narrow, it leaves columns out, cuts cells
// and folds sentences, as far as the columns allow. If that is not enough, it writes each sentence
// below its row.
func (p *printer) table(t Table) {
	rows, more := Truncate(t.Rows, t.MaxRows)
	g := newGrid(t, rows)
	g.fit(p.width)
	for i, row := range g.rows {
		p.row(g, row, t.ShowHeads && i == 0)
	}
	if more > 0 {
		p.line(fmt.Sprintf("  and %d more", more))
	}
}

// columnsWithText returns the indices of the columns that have text in at least one row.
func (t Table) columnsWithText() []int {
	var columns []int
	for i := range t.Columns {
		if slices.ContainsFunc(t.Rows, func(r Row) bool { return r.Cells[i].Text != "" }) {
			columns = append(columns, i)
		}
	}
	return columns
}

func newGrid(t Table, rows []Row) *grid {
	g := &grid{headed: t.ShowHeads, prose: -1}
	columns := t.columnsWithText()
	var heads []cell
	for i, column := range columns {
		c := t.Columns[column]
		if c.Prose {
			g.prose = i
		}
		g.columns = append(g.columns, c)
		heads = append(heads, cell{strings.ToUpper(c.Head), Faint})
	}
	if t.ShowHeads {
		g.rows = append(g.rows, heads)
	}
	g.rows = slices.Grow(g.rows, len(rows))
	for _, r := range rows {
		row := make([]cell, 0, len(columns))
		for _, column := range columns {
			c := r.Cells[column]
			text := Plain(c.Text)
			if c.Glyph != 0 {
				text = string(c.Glyph) + " " + text
			}
			row = append(row, cell{text, c.Color})
		}
		g.rows = append(g.rows, row)
	}
	g.measure(false)
	return g
}

// fit chooses the columns and their widths for a window of width columns. A width below 1 means no
// limit.
func (g *grid) fit(width int) {
	if width < 1 {
		return
	}
	// Columns are dropped in the order of Drop until all columns fit. If the next one is not to the right of the
	// sentences, it is enough that the columns fit with folded sentences.
	for order := range len(g.columns) {
		i := slices.IndexFunc(g.columns, func(c Column) bool { return c.Drop == order+1 })
		if g.fits(width) || i < g.prose && g.minWidth() <= width {
			break
		}
		if i >= 0 {
			g.drop(i)
		}
	}
	if g.fits(width) {
		return
	}
	g.measure(true)
	g.below = g.minWidth() > width
	spare := width - g.minWidth()
	for i, c := range g.columns {
		if c.Min == 0 {
			continue
		}
		least := min(g.widths[i], c.Min)
		w := max(1, min(g.widths[i], least+spare))
		spare -= w - least
		g.widths[i] = w
		for _, row := range g.rows {
			row[i].text = printable.Clean(row[i].text, w)
		}
	}
}

// measure sets the width of each column to the width of its widest cell. Cells wider than
// maxAlignedWidth do not count, unless cut is true and the cells of the column may be cut.
func (g *grid) measure(cut bool) {
	g.widths = make([]int, len(g.columns))
	for _, row := range g.rows {
		for i, c := range row {
			if w := printable.Width(c.text); w <= maxAlignedWidth || cut && g.columns[i].Min > 0 {
				g.widths[i] = max(g.widths[i], w)
			}
		}
	}
}

// fits reports whether every aligned row fits into a window of width columns.
func (g *grid) fits(width int) bool {
	for _, row := range g.rows {
		if printable.Width((&printer{}).alignedRow(row, g.widths)) > width {
			return false
		}
	}
	return true
}

// minWidth returns the minimum width of a window into which the columns fit.
func (g *grid) minWidth() int {
	total := 0
	for i, c := range g.columns {
		w := g.widths[i]
		switch {
		case c.Prose && g.below:
			continue
		case c.Prose:
			w = min(w, minProseWidth)
		case c.Min > 0:
			w = min(w, c.Min)
		}
		total += 2 + w
	}
	return total
}

// drop removes the column i.
func (g *grid) drop(i int) {
	g.columns = slices.Delete(slices.Clone(g.columns), i, i+1)
	g.widths = slices.Delete(g.widths, i, i+1)
	for j := range g.rows {
		g.rows[j] = slices.Delete(g.rows[j], i, i+1)
	}
	if i < g.prose {
		g.prose--
	}
}

// marginOf returns the width of the space to the left of the column i.
func (g *grid) marginOf(i int) int {
	margin := 2
	for _, w := range g.widths[:i] {
		margin += w + 2
	}
	return margin
}

// row writes a row of g. isHead is true for the heads of the columns.
func (p *printer) row(g *grid, row []cell, isHead bool) {
	if p.width < 1 || g.prose < 0 || printable.Width((&printer{}).alignedRow(row, g.widths)) <= p.width {
		p.line(p.alignedRow(row, g.widths))
		return
	}
	prose, margin := g.prose, g.marginOf(g.prose)
	aligned := prose == len(row)-1 // a sentence can only be folded if it is in the last column
	for i, c := range row[:prose] {
		aligned = aligned && printable.Width(c.text) <= g.widths[i]
	}
	switch {
	case aligned && !g.below && p.width-margin >= minProseWidth:
		for i, piece := range Fold(row[prose].text, p.width-margin) {
			if i == 0 {
				p.line(p.alignedRow(append(row[:prose:prose], cell{piece, row[prose].color}), g.widths))
			} else {
				p.line(strings.Repeat(" ", margin) + p.paint(piece, row[prose].color))
			}
		}
	case aligned && margin-2 <= p.width && g.headed:
		p.belowRow(g, row, isHead)
	default:
		p.stackedRow(row, prose)
	}
}

// alignedRow returns a row as one line, with its cells aligned to widths.
func (p *printer) alignedRow(row []cell, widths []int) string {
	var line strings.Builder
	line.WriteString("  ")
	for i, c := range row {
		line.WriteString(p.paint(c.text, c.color))
		if i < len(row)-1 {
			line.WriteString(strings.Repeat(" ", 2+max(0, widths[i]-printable.Width(c.text))))
		}
	}
	return strings.TrimRight(line.String(), " ")
}

const belowIndent = "      "

// belowRow writes a row of a table with heads. The sentence, which is the last cell, goes below the
// row, after the head of its column.
func (p *printer) belowRow(g *grid, row []cell, isHead bool) {
	p.line(p.alignedRow(row[:g.prose], g.widths))
	last := row[g.prose]
	if isHead || last.text == "" {
		return
	}
	text := strings.ToLower(g.columns[g.prose].Head) + " " + last.text
	for _, piece := range Fold(text, p.width-len(belowIndent)) {
		p.line(belowIndent + p.paint(piece, last.color))
	}
}

// stackedRow writes a row over several lines, with as many cells on each line as fit. prose is the
// index of the sentence, which begins on a line of its own.
func (p *printer) stackedRow(row []cell, prose int) {
	line, used := "", 0
	for i, c := range row {
		if c.text == "" {
			continue
		}
		if w := printable.Width(c.text); used > 0 && i != prose && used+2+w <= p.width {
			line, used = line+"  "+p.paint(c.text, c.color), used+2+w
			continue
		}
		margin := "  "
		if used > 0 {
			p.line(line)
			margin = belowIndent
		}
		for j, piece := range Fold(c.text, p.width-len(margin)) {
			if j > 0 {
				p.line(line)
				margin = belowIndent
			}
			line, used = margin+p.paint(piece, c.color), len(margin)+printable.Width(piece)
		}
	}
	if used > 0 {
		p.line(line)
	}
}

// Fold breaks text into lines of at most width columns. It breaks between words, and inside words that
// are wider than a line. A width below 1 counts as 1.
func Fold(text string, width int) []string {
	width = max(1, width)
	var lines []string
	line, used := "", 0
	for i, word := range strings.Split(text, " ") {
		if w := printable.Width(word); i > 0 && used+1+w <= width {
			line, used = line+" "+word, used+1+w
			continue
		}
		if i > 0 {
			lines = append(lines, line)
		}
		for printable.Width(word) > width {
			n := breakBefore(word, prefixLen(word, width))
			lines, word = append(lines, word[:n]), word[n:]
		}
		line, used = word, printable.Width(word)
	}
	return append(lines, line)
}

// breakBefore returns the offset in word before which a line may be broken. This is n. But if the new line would then
// look like a command to GitHub's runner, it is one character earlier.
func breakBefore(word string, n int) int {
	if rest := word[n:]; len(rest) < 3 || !strings.HasPrefix(rest, "::") || rest[2] == ':' {
		return n
	}
	if _, size := utf8.DecodeLastRuneInString(word[:n]); size < n {
		return n - size
	}
	return n
}

// prefixLen returns the length in bytes of the beginning of word that fits into width columns. It is
// at least one character.
func prefixLen(word string, width int) int {
	columns := 0
	for i, r := range word {
		if columns += printable.RuneWidth(r); columns > width && i > 0 {
			return i
		}
	}
	return len(word)
}
