package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/plan"
)

// column is a column of the table of people.
type column struct {
	head  string
	cells []cell
	// minWidth is the width that the column can be cut to, in columns; 0 means that it is never
	// cut.
	minWidth int
}

func (c column) width() int {
	w := terminal.StringWidth(c.head)
	for _, cell := range c.cells {
		w = max(w, terminal.StringWidth(cell.text))
	}
	return w
}

// The headings of the table, and the widths that an address and a list of names keep while another
// column can be left out instead.
const (
	headPerson, headState, headSince, headExpires, headMails, headAccess, headLacks = "PERSON", "STATE", "SINCE",
		"EXPIRES IN", "MAILS", "ACCESS", "LACKS"
	headTeam = "TEAM"

	minPersonWidth, minLacksWidth, minTeamWidth = 24, 12, 12
)

// optionalColumns are the columns that a narrow table leaves out, first to last.
var optionalColumns = []string{headLacks, headSince, headAccess, headMails, headExpires}

// statusColumns returns the table of people without columns that would be empty.
func statusColumns(s Status, escape escaper) []column {
	columns := []column{
		{head: headTeam, minWidth: minTeamWidth}, {head: headPerson, minWidth: minPersonWidth}, {head: headState}, {head: headSince}, {head: headExpires},
		{head: headMails}, {head: headAccess},
		{head: headLacks, minWidth: minLacksWidth},
	}
	for _, p := range s.byTeam() {
		team := escape(p.team, addressWidth)
		if s.ByTeam && team == "" {
			team = "-"
		}
		expires, lacks := "", ""
		if p.State == plan.StatePending && !p.Expires.IsZero() {
			expires = formatShortDuration(p.Expires.Sub(s.Now))
		}
		if !p.Ended {
			lacks = escape(strings.Join(p.Missing, ", "), messageWidth)
		}
		day := ""
		if t := p.since(); !t.IsZero() {
			day = t.UTC().Format(time.DateOnly)
		}
		mails := ""
		if p.Rounds > 0 && !p.Ended {
			mails = strconv.Itoa(p.Rounds)
		}
		for i, c := range []cell{
			{team, 0}, {escape(p.Email.String(), addressWidth), 0}, {p.stateText(escape), stateStyles[p.state()].color}, {day, 0},
			{expires, 0}, {mails, 0}, {p.accessCount(), 0}, {lacks, yellow},
		} {
			columns[i].cells = append(columns[i].cells, c)
		}
	}
	return slices.DeleteFunc(columns, func(c column) bool {
		return !slices.ContainsFunc(c.cells, func(c cell) bool { return c.text != "" })
	})
}

// fitColumns leaves out columns, and then cuts cells, until the table is at most width columns
// wide. A width below 1 sets no limit.
func fitColumns(columns []column, width int) []column {
	if width < 1 {
		return columns
	}
	// room returns the columns left over when each column that can be cut has its minimum width.
	room := func() int {
		left := width - 2*len(columns)
		for _, c := range columns {
			if w := c.width(); c.minWidth > 0 {
				left -= min(w, c.minWidth)
			} else {
				left -= w
			}
		}
		return left
	}
	for _, head := range optionalColumns {
		if room() >= 0 {
			break
		}
		columns = slices.DeleteFunc(columns, func(c column) bool { return c.head == head })
	}
	spare := room()
	for i, c := range columns {
		if c.minWidth == 0 {
			continue
		}
		least := min(c.width(), c.minWidth)
		to := max(1, min(c.width(), least+spare))
		spare -= to - least
		for j := range c.cells {
			columns[i].cells[j].text = Clean(c.cells[j].text, to)
		}
		columns[i].head = Clean(c.head, to)
	}
	return columns
}

// tableCells turns columns into rows; the first row holds the headings.
func tableCells(columns []column) [][]cell {
	if len(columns) == 0 {
		return nil
	}
	table := make([][]cell, 1+len(columns[0].cells))
	for _, c := range columns {
		table[0] = append(table[0], cell{c.head, faint})
		for i, one := range c.cells {
			table[i+1] = append(table[i+1], one)
		}
	}
	return table
}

// formatShortDuration returns d in its two largest units, as in "1d 4h".
func formatShortDuration(d time.Duration) string {
	minutes := int(d / time.Minute)
	switch days, hours := minutes/(24*60), minutes/60; {
	case minutes < 1:
		return "<1m"
	case days > 0:
		return fmt.Sprintf("%dd %dh", days, hours%24)
	case hours > 0:
		return fmt.Sprintf("%dh %dm", hours, minutes%60)
	}
	return fmt.Sprintf("%dm", minutes)
}
