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

// The rules of every report in Markdown (GitHub's; GitLab's reads it the same way):
//   - Text from outside appears only as [code]: nothing in it can become a link, a mention, HTML or
//     a table cell.
//   - A report begins with a line of its own words and a blank line, and ends with a blank line. An
//     HTML block runs to the next blank line (CommonMark, 4.6) and code is not recognized in it:
//     without the blank line, a report that is appended to another could end up in one.
//   - A report stays below maxMarkdown, and says how much it leaves out.
//   - When there is nothing to read, nothing is written, so that a workflow can skip or delete its
//     comment.

// maxMarkdown is the maximum size of a report in bytes. GitHub accepts 65,536 characters in a
// comment; the rest is room for what the workflow that posts it adds.
const maxMarkdown = 60_000

// PlanMarkdown writes p for a comment on a pull request or a job summary: the counts, a table for
// each action, and the notices folded. It writes nothing when there are no changes and no notice
// needs action. The error is w's.
func PlanMarkdown(w io.Writer, p plan.Plan) error {
	if len(p.Changes) == 0 && !slices.ContainsFunc(p.Notices, needsAction) {
		return nil
	}
	tables := make(map[plan.Action][]string)
	for _, c := range p.Changes {
		tables[c.Action] = append(tables[c.Action], markdownRow(code(c.Email.String(), addressWidth), reasonText(c, code),
			code(c.Source, addressWidth)))
	}
	head := heading("orgsync plan", planSummary(p), p.Organization)
	if s := notSelectedText(p, code); s != "" {
		head += "\n" + s + "\n"
	}
	blocks := append(changeTables(tables, "why", "entry"), noticesBlock(selectedNotices(p.Notices), p.Now))
	return writeMarkdown(w, head, blocks, "")
}

// ApplyMarkdown writes the result of applying p, as [PlanMarkdown] writes a plan, with changes that
// are not done first. It writes nothing when there were no changes, no notice needs action and the
// run was not stopped. The error is w's.
func ApplyMarkdown(w io.Writer, p plan.Plan, r apply.Result) error {
	if len(r.Changes) == 0 && r.Stopped == nil && !slices.ContainsFunc(r.Notices, needsAction) {
		return nil
	}
	tables := make(map[plan.Action][]string)
	undoneFirst := []apply.Outcome{apply.Failed, apply.Unknown, apply.Skipped, apply.Done}
	for _, c := range slices.SortedStableFunc(slices.Values(r.Changes), func(a, b apply.ChangeResult) int {
		return cmp.Compare(slices.Index(undoneFirst, a.Outcome), slices.Index(undoneFirst, b.Outcome))
	}) {
		tables[c.Action] = append(tables[c.Action], markdownRow(code(c.Email.String(), addressWidth), string(c.Outcome),
			outcomeText(c, r.Stopped, code)))
	}
	head := heading("orgsync apply", resultSummary(p, r), p.Organization)
	for _, s := range []string{notSelectedText(p, code), stopText(r, code)} {
		if s != "" {
			head += "\n" + s + "\n"
		}
	}
	var tail strings.Builder
	for _, next := range nextSteps(r) {
		fmt.Fprintf(&tail, "\n%s\n", next)
	}
	return writeMarkdown(w, head, append(changeTables(tables, "outcome", "why"), noticesBlock(selectedNotices(r.Notices), p.Now)),
		tail.String())
}

// ProblemsMarkdown writes the problems of a roster as a table. The error is w's.
func ProblemsMarkdown(w io.Writer, problems []roster.Problem) error {
	rows := make([]string, len(problems))
	for i, p := range problems {
		rows[i] = markdownRow(code(p.At.String(), addressWidth), code(p.Text, messageWidth))
	}
	head := "### The roster has " + pluralize(len(problems), "problem", "problems") + "\n"
	return writeMarkdown(w, head, []block{table("", rows, "place", "problem")}, "")
}

// WarningsMarkdown writes the warnings about a valid roster as a table, and nothing when there are
// none. The error is w's.
func WarningsMarkdown(w io.Writer, warnings []roster.Problem) error {
	if len(warnings) == 0 {
		return nil
	}
	head := "### The roster is valid, with " + pluralize(len(warnings), "warning", "warnings") + "\n"
	return writeMarkdown(w, head, []block{warningTable("", warnings)}, "")
}

func warningTable(title string, warnings []roster.Problem) block {
	rows := make([]string, len(warnings))
	for i, one := range warnings {
		rows[i] = markdownRow(code(one.At.String(), addressWidth), code(one.Text, messageWidth))
	}
	return table(title, rows, "place", "warning")
}

// oldCommand matches the form of a command to a CI runner that counts anywhere in a line.
var oldCommand = regexp.MustCompile(`##[A-Za-z0-9]*\[`)

// code returns text from outside as code, in which Markdown recognizes no markup; it is cleaned and
// cut to width columns. Text that contains a character that would end the code or a table cell is
// written as HTML with every punctuation mark as a number. So is text that a GitHub runner would
// take for a command in a log, in the old form that counts anywhere in a line.
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

// heading returns the beginning of a report: its title, the counts, and the organization.
func heading(what, counts string, o org.Organization) string {
	if name := organizationLabel(o, code); name != "" {
		return fmt.Sprintf("### %s\n\n**%s** Organization %s.\n", what, counts, name)
	}
	return fmt.Sprintf("### %s\n\n**%s**\n", what, counts)
}

// markdownRow returns a row of a table.
func markdownRow(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// tableRows returns the rows of a table that a terminal shows in colour.
func tableRows(cells [][]cell) []string {
	var rows []string
	for _, r := range cells {
		texts := make([]string, len(r))
		for i, c := range r {
			texts[i] = c.text
		}
		rows = append(rows, markdownRow(texts...))
	}
	return rows
}

// bullets returns the rows of a list.
func bullets(lines []string) []string {
	var rows []string
	for _, line := range lines {
		rows = append(rows, "- "+line+"\n")
	}
	return rows
}

// changeTables returns a table for each action that occurs. Its columns are the person and the two
// given.
func changeTables(tables map[plan.Action][]string, columns ...string) []block {
	rank := func(a plan.Action) int { return slices.Index(plan.Actions, a) }
	var blocks []block
	byRank := func(a, b plan.Action) int { return cmp.Compare(rank(a), rank(b)) }
	for _, a := range slices.SortedFunc(maps.Keys(tables), byRank) {
		title := fmt.Sprintf("#### %s (%d)", capitalize(styleOf(a).word), len(tables[a]))
		blocks = append(blocks, table(title, tables[a], append([]string{"person"}, columns...)...))
	}
	return blocks
}

// table returns a block of rows under a title, which may be "".
func table(title string, rows []string, columns ...string) block {
	head := "\n"
	if title != "" {
		head += title + "\n\n"
	}
	return block{head: head + markdownRow(columns...) + strings.Repeat("|---", len(columns)) + "|\n", rows: rows}
}

// noticesBlock returns the notices in a part of the page that is folded until it is opened.
func noticesBlock(notices []plan.Notice, now time.Time) block {
	if len(notices) == 0 {
		return block{}
	}
	needAction := 0
	var lines []string
	for _, n := range byUrgency(notices) {
		if needsAction(n) {
			needAction++
		}
		lines = append(lines, noticeText(n, now, code))
	}
	title := pluralize(len(notices), "notice", "notices")
	if needAction > 0 {
		title += " (" + pluralize(needAction, "needs action", "need action") + ")"
	}
	return block{head: "\n<details><summary>" + title + "</summary>\n\n", rows: bullets(lines), tail: "\n</details>\n"}
}

// block is a part of a report that can be cut: rows, with text before and after them.
type block struct {
	head string
	rows []string
	tail string
	// omitted is how many rows were omitted out, and whole the output that shows them all; "" is text.
	omitted    int
	fullFormat string
}

// omittedNoteSize is the room, in bytes, kept in each block for the note on omitted rows.
const omittedNoteSize = 100

// fitBlocks cuts blocks so that they need at most room bytes. Short blocks stay whole and the long
// ones get equal shares of the rest, so that a thousand invitations do not push out three removals.
func fitBlocks(blocks []block, room int) {
	order := make([]*block, len(blocks))
	size := make(map[*block]int)
	for i := range blocks {
		b := &blocks[i]
		order[i] = b
		room -= len(b.head) + len(b.tail) + omittedNoteSize
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
		b.omitted, b.rows = b.omitted+len(b.rows)-n, b.rows[:n]
		room -= used
	}
}

// writeMarkdown writes head, as much of blocks as fits, and tail.
func writeMarkdown(w io.Writer, head string, blocks []block, tail string) error {
	fitBlocks(blocks, maxMarkdown-len(head)-len(tail)-len("\n"))
	out := newPrinter(w, 0, false)
	out.print(head)
	for _, b := range blocks {
		out.print(b.head)
		for _, r := range b.rows {
			out.print(r)
		}
		if b.omitted > 0 {
			out.print(fmt.Sprintf("\n_… and %d more, not shown here: use --output %s to see all of "+
				"them._\n", b.omitted, cmp.Or(b.fullFormat, "text")))
		}
		out.print(b.tail)
	}
	out.print(tail + "\n")
	return out.flush()
}
