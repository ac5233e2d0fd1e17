package report

import "strings"

// color is an ANSI colour; 0 is none.
type color int

const (
	red    color = 31
	green  color = 32
	yellow color = 33
	faint  color = 2
)

// cell is one clean text of a table. Only the text is measured, never its colour.
type cell struct {
	text  string
	color color
}

// columnWidth is where alignment ends: one very long address does not push everybody's reasons out of sight.
const columnWidth = 44

// leastProse is how narrow a column of sentences may get, in columns; with less they stand under what they are about.
const leastProse = 20

// lastColumn stands for the number of a table's last column.
const lastColumn = 1 << 10

// table writes rows with their columns aligned by what a terminal shows. The column number prose holds sentences; one
// after it may be left out. What does not fit into the window side by side is made to, in this order: the column after
// prose goes, the sentences are folded in theirs, and at last they stand under what they are about. Nothing else is lost.
func (p *printer) table(rows [][]cell, prose int) {
	for _, columns := range []int{prose + 2, prose + 1} {
		rows = clip(rows, columns)
		widths := columnWidths(rows)
		if p.width < 1 || p.fit(rows, widths) {
			for _, row := range rows {
				p.line(p.aligned(row, widths))
			}
			return
		}
	}
	widths := columnWidths(rows)
	prose = min(prose, len(widths)-1)
	margin := 2
	for _, w := range widths[:prose] {
		margin += w + 2
	}
	for _, row := range rows {
		if p.width-margin >= leastProse && len(row) > prose && narrow(row[:prose], widths) {
			p.beside(row, widths, margin)
		} else {
			p.stacked(row, prose)
		}
	}
}

// clip gives each row's first columns.
func clip(rows [][]cell, columns int) [][]cell {
	out := make([][]cell, len(rows))
	for i, row := range rows {
		out[i] = row[:min(columns, len(row))]
	}
	return out
}

// columnWidths gives each column the width of its widest cell, not counting those beyond columnWidth.
func columnWidths(rows [][]cell) []int {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if w := terminal.StringWidth(c.text); w <= columnWidth {
				widths[i] = max(widths[i], w)
			}
		}
	}
	return widths
}

// narrow tells whether no cell is wider than its column.
func narrow(row []cell, widths []int) bool {
	for i, c := range row {
		if terminal.StringWidth(c.text) > widths[i] {
			return false
		}
	}
	return true
}

// fit tells whether every row, aligned, is no wider than the window.
func (p *printer) fit(rows [][]cell, widths []int) bool {
	plain := printer{}
	for _, row := range rows {
		if terminal.StringWidth(plain.aligned(row, widths)) > p.width {
			return false
		}
	}
	return true
}

// aligned is a row on one line.
func (p *printer) aligned(row []cell, widths []int) string {
	var line strings.Builder
	for i, c := range row {
		line.WriteString(p.paint(c.text, c.color))
		if i < len(row)-1 {
			line.WriteString(strings.Repeat(" ", 2+max(0, widths[i]-terminal.StringWidth(c.text))))
		}
	}
	return "  " + strings.TrimRight(line.String(), " ")
}

// beside writes a row whose last cell is folded in its column, which begins after margin.
func (p *printer) beside(row []cell, widths []int, margin int) {
	prose := row[len(row)-1]
	for i, piece := range fold(prose.text, p.width-margin) {
		if i == 0 {
			first := append(row[:len(row)-1:len(row)-1], cell{piece, prose.color})
			p.line(p.aligned(first, widths))
			continue
		}
		p.line(strings.Repeat(" ", margin) + p.paint(piece, prose.color))
	}
}

// stacked writes as many cells of a row side by side as fit, and the others below. The sentence begins on a line of its own.
func (p *printer) stacked(row []cell, prose int) {
	const indent = "      "
	line, used := "", 0
	for i, c := range row {
		if c.text == "" {
			continue
		}
		if w := terminal.StringWidth(c.text); used > 0 && i != prose && used+2+w <= p.width {
			line, used = line+"  "+p.paint(c.text, c.color), used+2+w
			continue
		}
		margin := "  "
		if used > 0 {
			p.line(line)
			margin = indent
		}
		for j, piece := range fold(c.text, p.width-len(margin)) {
			if j > 0 {
				p.line(line)
				margin = indent
			}
			line, used = margin+p.paint(piece, c.color), len(margin)+terminal.StringWidth(piece)
		}
	}
	if used > 0 {
		p.line(line)
	}
}

// fold breaks text into lines of at most width columns: between words, and within those that are wider. A width below 1
// counts as 1.
func fold(text string, width int) []string {
	width = max(1, width)
	var lines []string
	line, used := "", 0
	for i, word := range strings.Split(text, " ") {
		if w := terminal.StringWidth(word); i > 0 && used+1+w <= width {
			line, used = line+" "+word, used+1+w
			continue
		}
		if i > 0 {
			lines = append(lines, line)
		}
		for terminal.StringWidth(word) > width {
			n := within(word, width)
			lines, word = append(lines, word[:n]), word[n:]
		}
		line, used = word, terminal.StringWidth(word)
	}
	return append(lines, line)
}

// within is how many bytes of word fit into width columns, but one character at least.
func within(word string, width int) int {
	columns := 0
	for i, r := range word {
		if columns += cost(r); columns > width && i > 0 {
			return i
		}
	}
	return len(word)
}
