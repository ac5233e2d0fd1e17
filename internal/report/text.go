package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// PlanText writes p for a person to read: the changes with their reasons, the notices, and one line
// that sums up. The error is w's.
func PlanText(w io.Writer, p plan.Plan, width int, colored bool) error {
	out := newPrinter(w, width, colored)
	out.sectionFor(p.Organization, changeRows(p.Changes), 2)
	out.notices(p.Notices, p.Now)
	out.paragraph(planSummary(p))
	return out.flush()
}

// Question writes the question that a person answers before p is applied: how many mails, removals
// and other changes in which organization. The plan must have changes. The line is left open for
// the answer. The error is w's.
func Question(w io.Writer, p plan.Plan, width int) error {
	n := countByAction(p.Changes)
	var parts []string
	add := func(verb string, n int, one, many string) {
		if n > 0 {
			parts = append(parts, verb+" "+pluralize(n, one, many))
		}
	}
	mails, removed, suspended, revokes := n[plan.Invite]+n[plan.Reinvite], n[plan.Remove], n[plan.Suspend], 0
	for _, c := range p.Changes {
		if c.TakesAccess() {
			revokes++
		}
	}
	add("send", mails, "invitation mail", "invitation mails")
	add("remove", removed, "person", "people")
	add("suspend", suspended, "person", "people")
	add("make", revokes, "change that takes access away", "changes that take access away")
	other := ""
	if len(parts) > 0 {
		other = "other "
	}
	add("make", len(p.Changes)-mails-removed-suspended-revokes, other+"change", other+"changes")
	what := parts[len(parts)-1]
	if before := parts[:len(parts)-1]; len(before) > 0 {
		what = strings.Join(before, ", ") + " and " + what
	}
	in := cmp.Or(Clean(p.Organization.Name, addressWidth), Clean(p.Organization.ID, addressWidth), "the organization")
	lines := []string{capitalize(what) + " in " + in + "? [y/N]"}
	if width > 0 {
		lines = fold(lines[0], width-1) // leave room for the space before the answer
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+" ")
	return err
}

// ApplyText writes the result of applying p for a person to read: every change with its outcome
// and, when it is not done, what went wrong; then the notices, one line that sums up, and what to
// do next. Pending people are only counted: an hourly run does not need to name them every hour.
// The error is w's.
func ApplyText(w io.Writer, p plan.Plan, r apply.Result, width int, colored bool) error {
	out := newPrinter(w, width, colored)
	var rows [][]cell
	for _, c := range r.Changes {
		rows = append(rows, append(changeCells(c.Change), cell{string(c.Outcome), outcomeColors[c.Outcome]},
			cell{text: outcomeText(c, r.Stopped, Clean)}))
	}
	out.sectionFor(p.Organization, rows, 3)
	out.notices(slices.DeleteFunc(slices.Clone(r.Notices), func(n plan.Notice) bool {
		return isWaiting(n) || n.Kind == plan.Limit // the error of the run says it already
	}), p.Now)
	out.paragraph(resultSummary(p, r))
	if s := stopText(r, Clean); s != "" {
		out.paragraph(s)
	}
	for _, next := range nextSteps(r) {
		out.paragraph(next)
	}
	return out.flush()
}

// Sentence writes text from anywhere, cleaned and cut to room columns, and folded into lines of
// width columns; a width below 1 does not fold. The error is w's.
func Sentence(w io.Writer, text string, room, width int) error {
	out := newPrinter(w, width, false)
	out.paragraph(Clean(text, room))
	return out.flush()
}

// Steps writes commands, each with a comment beside it or, in a narrow window, above it: a command
// stays on one line, so that it can be copied. The commands must be orgsync's own text. The error
// is w's.
func Steps(w io.Writer, steps [][2]string, width int) error {
	out := newPrinter(w, width, false)
	var rows [][]cell
	for _, step := range steps {
		rows = append(rows, []cell{{text: step[0]}, {text: "# " + step[1]}})
	}
	longest := 0
	for _, row := range rows {
		longest = max(longest, terminal.StringWidth(row[0].text))
	}
	if widths := []int{longest, 0}; width < 1 || out.fitsWindow(rows, widths) {
		for _, row := range rows {
			out.line(out.alignRow(row, widths))
		}
		return out.flush()
	}
	for _, row := range rows {
		out.line("  " + row[1].text)
		out.line("  " + row[0].text)
	}
	return out.flush()
}

// ValidText writes that a roster is valid, after its warnings, one a line. The error is w's.
func ValidText(w io.Writer, run Run, warnings []roster.Problem) error {
	out := newPrinter(w, 0, false)
	for _, one := range warnings {
		out.line(warningLine(one))
	}
	end := "."
	if n := len(warnings); n > 0 {
		end = ", " + pluralize(n, "warning", "warnings") + "."
	}
	people := pluralize(run.People, "person", "people")
	if run.Teams > 0 {
		people += " and " + pluralize(run.Teams, "team", "teams")
	}
	out.line(fmt.Sprintf("%s: %s, no problems%s", summarizeList(run.Files, Clean), people, end))
	return out.flush()
}

// warningLine returns a warning with its place.
func warningLine(p roster.Problem) string {
	return Clean(p.At.String(), messageWidth) + ": warning: " + Clean(p.Text, messageWidth)
}

// ProblemsText writes every problem of a roster on a line of its own, as file:line:column: text.
// The error is w's.
func ProblemsText(w io.Writer, problems []roster.Problem) error {
	out := newPrinter(w, 0, false)
	for _, p := range problems {
		out.line(Clean(p.At.String(), messageWidth) + ": " + Clean(p.Text, messageWidth))
	}
	return out.flush()
}

// changeRows returns one row for each change: action, person, reason, and place in the roster.
func changeRows(changes []plan.Change) [][]cell {
	var rows [][]cell
	for _, c := range changes {
		rows = append(rows, append(changeCells(c), cell{text: reasonText(c, Clean)},
			cell{Clean(c.Source, addressWidth), faint}))
	}
	return rows
}

// changeCells returns the first cells of a change's row: its action and person.
func changeCells(c plan.Change) []cell {
	l := styleOf(c.Action)
	return []cell{{l.glyph + " " + l.word, l.color}, {text: Clean(c.Email.String(), addressWidth)}}
}

var outcomeColors = map[apply.Outcome]color{
	apply.Done: green, apply.Failed: red, apply.Unknown: yellow, apply.Skipped: faint,
}

func isWaiting(n plan.Notice) bool { return n.Kind == plan.Waiting }

// needsAction reports whether somebody should look at n or act on it. A pending person needs
// nobody, nor does a limit of what the key can list.
func needsAction(n plan.Notice) bool {
	switch n.Kind {
	case plan.Waiting, plan.MembersUnseen, plan.SuspendedUnseen:
		return false
	default:
		return true
	}
}

// notices writes each notice as a sentence, most urgent first.
func (p *printer) notices(notices []plan.Notice, now time.Time) {
	for _, n := range byUrgency(notices) {
		p.wrapped("  ", noticeText(n, now, Clean))
	}
	if len(notices) > 0 {
		p.line("")
	}
}

// byUrgency returns notices with the most urgent kinds first.
func byUrgency(notices []plan.Notice) []plan.Notice {
	return slices.SortedStableFunc(slices.Values(notices), func(a, b plan.Notice) int {
		return cmp.Compare(slices.Index(urgency, a.Kind), slices.Index(urgency, b.Kind))
	})
}

// urgency is the order in which notices are shown. A kind that is missing here comes first.
var urgency = []plan.NoticeKind{
	plan.Limit, plan.MembersUnseen, plan.SuspendedUnseen, plan.SelfUnseen, plan.ProtectedUnseen, plan.UnlistedKept,
	plan.Unsettled, plan.NeedsAttention, plan.GaveUp,
	plan.Left, plan.SuspendedUser, plan.DuplicateInvitation, plan.Unlisted, plan.OtherAddress, plan.ExtraAccess,
	plan.Waiting,
}
