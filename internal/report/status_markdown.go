package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/plan"
)

// StatusMarkdown writes s for an issue or a page of a run: what [StatusText] tells, with the notices folded and, where s is
// about everybody, those who leave, and among the notices those who are not in the roster. Where there is nobody to tell of
// it is the sentence that says so. The error is w's.
func StatusMarkdown(w io.Writer, s Status) error {
	summary, notices := statusSummary(s, code), slices.Concat(s.beyondWaiting(), s.Unlisted)
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
	beyond := folded(notices, s.Now)
	if s.Everybody() {
		beyond.whole = "html" // the text has nobody who is not in the roster
	}
	return writeMarkdown(w, heading("orgsync status", summary, s.Organization), append(blocks, beyond), "")
}

// peopleTable is the table of [StatusText].
func peopleTable(s Status) block {
	columns := statusColumns(s, code)
	heads := make([]string, len(columns))
	for i, c := range columns {
		heads[i] = strings.ToLower(c.head)
	}
	return table("", tableRows(rows(columns)[1:]), heads...)
}

// leavingTable are those who are not in the roster, and whom apply takes out.
func leavingTable(leaving []plan.Change) block {
	var rows []string
	for _, who := range strangers(leaving, nil, code) {
		rows = append(rows, row(who.Email, who.What, who.Next))
	}
	b := table(fmt.Sprintf("#### Leaving (%d)", len(rows)), rows, "person", "what", "what happens")
	b.whole = "html"
	return b
}

// personBlocks are all that is known of people, of each in a block of its own: of as many as take half of the room, and
// the others are counted. Only a history can be cut within.
func personBlocks(people []Person, now time.Time) []block {
	var blocks []block
	for room := maxMarkdown / 2; len(blocks) < len(people); {
		b := personBlock(people[len(blocks)], now)
		if room -= len(b.head) + leftOut; room < 0 {
			return append(blocks, block{left: len(people) - len(blocks)})
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
	head := "\n#### " + p.title(code) + "\n\n" + strings.Join(bullets(facts), "")
	if len(p.History) == 0 {
		return block{head: head + "\n" + noHistory + "\n"}
	}
	b := table(fromLedger, tableRows(eventRows(p.History, code)), "when", "what", "outcome", "of")
	b.head = head + b.head
	return b
}
