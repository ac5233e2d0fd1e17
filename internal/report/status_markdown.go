package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/plan"
)

// StatusMarkdown writes s for an issue or a job summary: what [StatusText] shows, with the notices
// folded. When s covers everybody, it adds people who are not in the roster. When there is nobody
// to show and no notice, it writes the summary line only. The error is w's.
func StatusMarkdown(w io.Writer, s Status) error {
	summary, notices := statusSummary(s, code), slices.Concat(s.noticesBesidesWaiting(), s.Unlisted)
	if len(s.People)+len(s.Leaving)+len(notices) == 0 {
		return writeMarkdown(w, summary+"\n", nil, "")
	}
	var blocks []block
	if s.Detailed {
		blocks = personBlocks(s.People, s.Now)
	} else if len(s.People) > 0 {
		blocks = append(blocks, peopleTable(s))
	}
	if len(s.Leaving) > 0 {
		blocks = append(blocks, leavingTable(s.Leaving))
	}
	beyond := noticesBlock(notices, s.Now)
	if s.Everybody() {
		beyond.fullFormat = "html" // StatusText does not show people who are not in the roster
	}
	return writeMarkdown(w, heading("orgsync status", summary, s.Organization), append(blocks, beyond), "")
}

// peopleTable returns the table of [StatusText].
func peopleTable(s Status) block {
	columns := statusColumns(s, code)
	heads := make([]string, len(columns))
	for i, c := range columns {
		heads[i] = strings.ToLower(c.head)
	}
	return table("", tableRows(tableCells(columns)[1:]), heads...)
}

// leavingTable returns people who are not in the roster and whom apply suspends or removes.
func leavingTable(leaving []plan.Change) block {
	var rows []string
	for _, who := range unlistedRows(leaving, nil, code) {
		rows = append(rows, markdownRow(who.Email, who.What, who.Next))
	}
	b := table(fmt.Sprintf("#### Unlisted (%d)", len(rows)), rows, "person", "what", "what happens")
	b.fullFormat = "html"
	return b
}

// personBlocks returns a block with everything known about each person, until half of the room is
// used up; the others are only counted. Within a block only the history can be cut.
func personBlocks(people []Person, now time.Time) []block {
	var blocks []block
	for room := maxMarkdown / 2; len(blocks) < len(people); {
		b := personBlock(people[len(blocks)], now)
		if room -= len(b.head) + omittedNoteSize; room < 0 {
			return append(blocks, block{omitted: len(people) - len(blocks)})
		}
		blocks = append(blocks, b)
	}
	return blocks
}

func personBlock(p Person, now time.Time) block {
	var facts []string
	for _, f := range p.facts(now, code) {
		facts = append(facts, f.what+": "+f.text)
	}
	head := "\n#### " + p.heading(code) + "\n\n" + strings.Join(bullets(facts), "")
	if len(p.History) == 0 {
		return block{head: head + "\n" + noHistory + "\n"}
	}
	b := table(fromLedger, tableRows(eventRows(p.History, code)), "when", "what", "outcome", "id")
	b.head = head + b.head
	return b
}
