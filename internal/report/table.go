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

// cell is one clean text of a table. Only the text is measured, never the codes of its colour.
type cell struct {
	text  string
	color color
}

// maxAlignedWidth is the width up to which cells are aligned: one very long address must not push
// all the reasons out of sight.
const maxAlignedWidth = 44

// minProseWidth is the minimum width of a column of sentences. With less room, each sentence goes
// below its row.
const minProseWidth = 20

// lastColumn, as the number of a column, means the last one of a table.
const lastColumn = 1 << 10

// table writes rows with their columns aligned. Column number prose holds sentences; the column
// after it may be left out. When the window is too narrow, the table first drops the column after
// prose, then folds the sentences within their column, and at last writes each sentence below its
// row. Nothing else is dropped.
func (p *printer) table(rows [][]cell, prose int) {
	for _, columns := range []int{prose + 2, prose + 1} {
		rows = firstColumns(rows, columns)
		widths := columnWidths(rows)
		if p.width < 1 || p.fitsWindow(rows, widths) {
			for _, row := range rows {
				p.line(p.alignRow(row, widths))
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
		if p.width-margin >= minProseWidth && len(row) > prose && fitsWidths(row[:prose], widths) {
			p.writeFolded(row, widths, margin)
		} else {
			p.writeStacked(row, prose)
		}
	}
}

// firstColumns returns at most that many cells of each row.
func firstColumns(rows [][]cell, columns int) [][]cell {
	out := make([][]cell, len(rows))
	for i, row := range rows {
		out[i] = row[:min(columns, len(row))]
	}
	return out
}

// columnWidths returns the width of the widest cell of each column, ignoring cells wider than
// maxAlignedWidth.
func columnWidths(rows [][]cell) []int {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if w := terminal.StringWidth(c.text); w <= maxAlignedWidth {
				widths[i] = max(widths[i], w)
			}
		}
	}
	return widths
}

// fitsWidths reports whether no cell is wider than its column.
func fitsWidths(row []cell, widths []int) bool {
	for i, c := range row {
		if terminal.StringWidth(c.text) > widths[i] {
			return false
		}
	}
	return true
}

// fitsWindow reports whether every row, aligned, fits into the window.
func (p *printer) fitsWindow(rows [][]cell, widths []int) bool {
	plain := printer{}
	for _, row := range rows {
		if terminal.StringWidth(plain.alignRow(row, widths)) > p.width {
			return false
		}
	}
	return true
}

// alignRow returns a row as one line.
func (p *printer) alignRow(row []cell, widths []int) string {
	var line strings.Builder
	for i, c := range row {
		line.WriteString(p.paint(c.text, c.color))
		if i < len(row)-1 {
			line.WriteString(strings.Repeat(" ", 2+max(0, widths[i]-terminal.StringWidth(c.text))))
		}
	}
	return "  " + strings.TrimRight(line.String(), " ")
}

// writeFolded writes a row whose last cell is folded within its column, which begins at margin.
func (p *printer) writeFolded(row []cell, widths []int, margin int) {
	prose := row[len(row)-1]
	for i, piece := range fold(prose.text, p.width-margin) {
		if i == 0 {
			first := append(row[:len(row)-1:len(row)-1], cell{piece, prose.color})
			p.line(p.alignRow(first, widths))
			continue
		}
		p.line(strings.Repeat(" ", margin) + p.paint(piece, prose.color))
	}
}

// writeStacked writes as many cells of a row side by side as fit, and the others below. The
// sentence begins on a line of its own.
func (p *printer) writeStacked(row []cell, prose int) {
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

// fold breaks text into lines of at most width columns: between words, and inside words that are
// wider. A width below 1 counts as 1.
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
			n := prefixLen(word, width)
			lines, word = append(lines, word[:n]), word[n:]
		}
		line, used = word, terminal.StringWidth(word)
	}
	return append(lines, line)
}

// prefixLen returns how many bytes of word fit into width columns, at least one character.
func prefixLen(word string, width int) int {
	columns := 0
	for i, r := range word {
		if columns += columnsOf(r); columns > width && i > 0 {
			return i
		}
	}
	return len(word)
}
