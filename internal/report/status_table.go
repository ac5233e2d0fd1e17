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
	// least is what the column can be cut to; 0: it is not cut.
	least int
}

func (c column) width() int {
	w := terminal.StringWidth(c.head)
	for _, cell := range c.cells {
		w = max(w, terminal.StringWidth(cell.text))
	}
	return w
}

// The columns of the table, and how narrow an address and a list of names may get before another column goes.
const (
	headPerson, headState, headSince, headExpires, headMails, headAccess, headLacks = "PERSON", "STATE", "SINCE", "EXPIRES IN", "MAILS", "ACCESS", "LACKS"

	leastPerson, leastLacks = 24, 12
)

// spareColumns are those that a narrow table does without, in the order in which they go.
var spareColumns = []string{headLacks, headSince, headAccess, headMails, headExpires}

// statusColumns are the table of people, without the columns that would be empty.
func statusColumns(s Status, show shower) []column {
	columns := []column{
		{head: headPerson, least: leastPerson}, {head: headState}, {head: headSince}, {head: headExpires}, {head: headMails}, {head: headAccess},
		{head: headLacks, least: leastLacks},
	}
	for _, p := range s.People {
		expires, lacks := "", ""
		if p.State == plan.StatePending && !p.Expires.IsZero() {
			expires = shortSpan(p.Expires.Sub(s.Now))
		}
		if !p.Ended {
			lacks = show(strings.Join(p.Missing, ", "), messageWidth)
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
			{show(p.Email.String(), addressWidth), 0}, {p.stateWord(show), standings[p.state()].color}, {day, 0}, {expires, 0}, {mails, 0}, {p.access(), 0}, {lacks, yellow},
		} {
			columns[i].cells = append(columns[i].cells, c)
		}
	}
	return slices.DeleteFunc(columns, func(c column) bool {
		return !slices.ContainsFunc(c.cells, func(c cell) bool { return c.text != "" })
	})
}

// fitColumns leaves out columns, and then cuts cells, until the table is no wider than width; below 1 it may be of any width.
func fitColumns(columns []column, width int) []column {
	if width < 1 {
		return columns
	}
	// room is what is left for the columns that can be cut when each has its least.
	room := func() int {
		left := width - 2*len(columns)
		for _, c := range columns {
			if w := c.width(); c.least > 0 {
				left -= min(w, c.least)
			} else {
				left -= w
			}
		}
		return left
	}
	for _, head := range spareColumns {
		if room() >= 0 {
			break
		}
		columns = slices.DeleteFunc(columns, func(c column) bool { return c.head == head })
	}
	spare := room()
	for i, c := range columns {
		if c.least == 0 {
			continue
		}
		least := min(c.width(), c.least)
		to := max(1, min(c.width(), least+spare))
		spare -= to - least
		for j := range c.cells {
			columns[i].cells[j].text = Clean(c.cells[j].text, to)
		}
		columns[i].head = Clean(c.head, to)
	}
	return columns
}

// rows turns columns into rows, the first of which has the heads.
func rows(columns []column) [][]cell {
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

// shortSpan says d in its two largest units, in few letters.
func shortSpan(d time.Duration) string {
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
