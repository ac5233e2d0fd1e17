package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// The rules of every report in Markdown (GitHub's, which GitLab reads alike):
//   - Text from outside stands in [code] and nowhere else: nothing in it is a link, a mention, HTML or a column.
//   - A report begins with a line of its own words and a blank one, and ends with a blank one. HTML goes on to the next
//     blank line (CommonMark, 4.6), and in it code would be none: not that of a report that is appended to another.
//   - It stays below maxMarkdown, and says how much is left out.
//   - What nobody needs to read is not written at all, so that a comment can be left out or taken down.

// maxMarkdown bounds a report, in bytes, so that there are never more characters: GitHub takes 65,536 in a comment, and
// whoever posts it may add to it.
const maxMarkdown = 60_000

// PlanMarkdown writes p for a comment on a pull request or a page of a run: what would be done in numbers, a table for
// each kind of change, and the notices folded. It writes nothing when there is nothing to do and nothing that needs a
// person. The error is w's.
func PlanMarkdown(w io.Writer, p plan.Plan) error {
	if len(p.Changes) == 0 && !slices.ContainsFunc(p.Notices, needsPerson) {
		return nil
	}
	tables := make(map[plan.Action][]string)
	for _, c := range p.Changes {
		tables[c.Action] = append(tables[c.Action], row(code(c.Email.String(), addressWidth), because(c, code), code(c.Source, addressWidth)))
	}
	head := heading("orgsync plan", summarize(p), p.Organization)
	blocks := append(changeTables(tables, "why", "entry"), folded(p.Notices, p.Now))
	return writeMarkdown(w, head, blocks, "")
}

// ApplyMarkdown writes what became of p, as [PlanMarkdown] does, with what is not done first. It writes nothing when
// there was nothing to do, nothing needs a person and nothing went wrong. The error is w's.
func ApplyMarkdown(w io.Writer, p plan.Plan, r apply.Result) error {
	if len(r.Changes) == 0 && r.Stopped == nil && !slices.ContainsFunc(r.Notices, needsPerson) {
		return nil
	}
	tables := make(map[plan.Action][]string)
	undoneFirst := []apply.Outcome{apply.Failed, apply.Unknown, apply.Skipped, apply.Done}
	for _, c := range slices.SortedStableFunc(slices.Values(r.Changes), func(a, b apply.ChangeResult) int {
		return cmp.Compare(slices.Index(undoneFirst, a.Outcome), slices.Index(undoneFirst, b.Outcome))
	}) {
		tables[c.Action] = append(tables[c.Action], row(code(c.Email.String(), addressWidth), string(c.Outcome), explain(c, r.Stopped, code)))
	}
	head := heading("orgsync apply", conclusion(p, r), p.Organization)
	if s := stop(r, code); s != "" {
		head += "\n" + s + "\n"
	}
	var tail strings.Builder
	for _, next := range whatNext(r) {
		fmt.Fprintf(&tail, "\n%s\n", next)
	}
	return writeMarkdown(w, head, append(changeTables(tables, "outcome", "why"), folded(r.Notices, p.Now)), tail.String())
}

// ProblemsMarkdown writes every problem of a roster as a row of a table. The error is w's.
func ProblemsMarkdown(w io.Writer, problems []roster.Problem) error {
	rows := make([]string, len(problems))
	for i, p := range problems {
		rows[i] = row(code(p.At.String(), addressWidth), code(p.Text, messageWidth))
	}
	head := "### The roster has " + count(len(problems), "problem", "problems") + "\n"
	return writeMarkdown(w, head, []block{table("", rows, "place", "problem")}, "")
}

// WarningsMarkdown writes what a valid roster is warned about as rows of a table, and nothing where that is nothing. The
// error is w's.
func WarningsMarkdown(w io.Writer, warnings []roster.Problem) error {
	if len(warnings) == 0 {
		return nil
	}
	head := "### The roster is valid, with " + count(len(warnings), "warning", "warnings") + "\n"
	return writeMarkdown(w, head, []block{warningTable("", warnings)}, "")
}

func warningTable(title string, warnings []roster.Problem) block {
	rows := make([]string, len(warnings))
	for i, one := range warnings {
		rows[i] = row(code(one.At.String(), addressWidth), code(one.Text, messageWidth))
	}
	return table(title, rows, "place", "warning")
}

// oldCommand is the form of a command to a CI runner that counts anywhere in a line.
var oldCommand = regexp.MustCompile(`##[A-Za-z0-9]*\[`)

// code shows text from outside, cleaned and bounded to width columns, as code: there Markdown reads no markup. Where the
// text has a character that would end the code, or a table's cell, it is HTML with every sign as a number. So it is where
// the log of a GitHub runner would take the text for a command, in the old form that counts anywhere in a line.
func code(s string, width int) string {
	s = clean(s, width, false)
	switch {
	case s == "":
		return ""
	case !strings.ContainsAny(s, "`|\\") && !oldCommand.MatchString(s):
		return "`" + s + "`"
	}
	var b strings.Builder
	for _, r := range s {
		if r > ' ' && r < 0x7f && !isAlphanumeric(r) {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return "<code>" + b.String() + "</code>"
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// heading begins a report: what it is, the counts, and the organization.
func heading(what, counts string, o org.Organization) string {
	if name := called(o, code); name != "" {
		return fmt.Sprintf("### %s\n\n**%s** Organization %s.\n", what, counts, name)
	}
	return fmt.Sprintf("### %s\n\n**%s**\n", what, counts)
}

func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// tableRows are rows of a table that a terminal shows in colour.
func tableRows(cells [][]cell) []string {
	var rows []string
	for _, r := range cells {
		texts := make([]string, len(r))
		for i, c := range r {
			texts[i] = c.text
		}
		rows = append(rows, row(texts...))
	}
	return rows
}

// bullets are the rows of a list.
func bullets(lines []string) []string {
	var rows []string
	for _, line := range lines {
		rows = append(rows, "- "+line+"\n")
	}
	return rows
}

// changeTables is a table for each kind of change that there is: the person, and two columns more.
func changeTables(tables map[plan.Action][]string, columns ...string) []block {
	rank := func(a plan.Action) int { return slices.Index(plan.Actions, a) }
	var blocks []block
	for _, a := range slices.SortedFunc(maps.Keys(tables), func(a, b plan.Action) int { return cmp.Compare(rank(a), rank(b)) }) {
		title := fmt.Sprintf("#### %s (%d)", capitalized(lookOf(a).word), len(tables[a]))
		blocks = append(blocks, table(title, tables[a], append([]string{"person"}, columns...)...))
	}
	return blocks
}

// table is a block of rows under a title, which may be "".
func table(title string, rows []string, columns ...string) block {
	head := "\n"
	if title != "" {
		head += title + "\n\n"
	}
	return block{head: head + row(columns...) + strings.Repeat("|---", len(columns)) + "|\n", rows: rows}
}

// folded shows notices only to those who open it.
func folded(notices []plan.Notice, now time.Time) block {
	if len(notices) == 0 {
		return block{}
	}
	pressing := 0
	var lines []string
	for _, n := range byUrgency(notices) {
		if needsPerson(n) {
			pressing++
		}
		lines = append(lines, sentence(n, now, code))
	}
	title := count(len(notices), "notice", "notices")
	switch {
	case pressing == len(notices):
		title += ", for somebody to look at"
	case pressing > 0:
		title += fmt.Sprintf(", %d of them for somebody to look at", pressing)
	}
	return block{head: "\n<details><summary>" + title + "</summary>\n\n", rows: bullets(lines), tail: "\n</details>\n"}
}

// block is a part of a report that can be cut: rows, with what stands before and after them.
type block struct {
	head string
	rows []string
	tail string
	// left is how many rows were left out, and whole the output that shows them all; "" is text.
	left  int
	whole string
}

// leftOut is the room kept in each block for saying so.
const leftOut = 100

// fit cuts blocks so that they take room bytes. Short ones stay whole; the long ones share what is left alike, so that
// a thousand invitations do not push three removals out.
func fit(blocks []block, room int) {
	order := make([]*block, len(blocks))
	size := make(map[*block]int)
	for i := range blocks {
		b := &blocks[i]
		order[i] = b
		room -= len(b.head) + len(b.tail) + leftOut
		for _, r := range b.rows {
			size[b] += len(r)
		}
	}
	slices.SortStableFunc(order, func(a, b *block) int { return cmp.Compare(size[a], size[b]) })
	for i, b := range order {
		share, used, n := room/(len(order)-i), 0, 0
		for n < len(b.rows) && used+len(b.rows[n]) <= share {
			used += len(b.rows[n])
			n++
		}
		b.left, b.rows = b.left+len(b.rows)-n, b.rows[:n]
		room -= used
	}
}

// writeMarkdown writes head, what fits of blocks, and tail.
func writeMarkdown(w io.Writer, head string, blocks []block, tail string) error {
	fit(blocks, maxMarkdown-len(head)-len(tail)-len("\n"))
	out := newPrinter(w, 0, false)
	out.print(head)
	for _, b := range blocks {
		out.print(b.head)
		for _, r := range b.rows {
			out.print(r)
		}
		if b.left > 0 {
			out.print(fmt.Sprintf("\n_… and %d more, which are left out here: the %s output shows them all._\n", b.left, cmp.Or(b.whole, "text")))
		}
		out.print(b.tail)
	}
	out.print(tail + "\n")
	return out.flush()
}
