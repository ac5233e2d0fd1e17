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

// PlanText writes p for a person: what would be done to whom and why, what is worth knowing, and one line that sums it
// up. With nothing to tell it is that line alone. The error is w's.
func PlanText(w io.Writer, p plan.Plan, width int, colored bool) error {
	out := newPrinter(w, width, colored)
	out.under(p.Organization, changeRows(p.Changes), 2)
	out.notices(p.Notices, p.Now)
	out.say(summarize(p))
	return out.flush()
}

// Question writes what a person is asked before p, which has changes, is carried out, with the numbers that cannot be taken
// back and the name of the organization, and leaves the line open for the answer. The error is w's.
func Question(w io.Writer, p plan.Plan, width int) error {
	n := perAction(p.Changes)
	var parts []string
	add := func(verb string, n int, one, many string) {
		if n > 0 {
			parts = append(parts, verb+" "+count(n, one, many))
		}
	}
	mails, removed, suspended, revokes := n[plan.Invite]+n[plan.Reinvite], n[plan.Remove], n[plan.Suspend], 0
	for _, c := range p.Changes {
		if c.TakesAccess() {
			revokes++
		}
	}
	add("send", mails, "mail", "mails")
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
	lines := []string{capitalized(what) + " in " + in + "? [y/N]"}
	if width > 0 {
		lines = fold(lines[0], width-1) // and a space before the answer
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+" ")
	return err
}

// ApplyText writes what became of p for a person: every change with its outcome and, where it is not done, the reason;
// then what is worth knowing, one line that sums it up, and what to do next. People who have yet to answer are only
// counted: a run every hour need not name them every hour. The error is w's.
func ApplyText(w io.Writer, p plan.Plan, r apply.Result, width int, colored bool) error {
	out := newPrinter(w, width, colored)
	var rows [][]cell
	for _, c := range r.Changes {
		rows = append(rows, append(subject(c.Change), cell{string(c.Outcome), outcomeColors[c.Outcome]}, cell{text: explain(c, r.Stopped, Clean)}))
	}
	out.under(p.Organization, rows, 3)
	out.notices(slices.DeleteFunc(slices.Clone(r.Notices), func(n plan.Notice) bool {
		return isWaiting(n) || n.Kind == plan.Limit // a limit that refused the run says so itself
	}), p.Now)
	out.say(conclusion(p, r))
	if s := stop(r, Clean); s != "" {
		out.say(s)
	}
	for _, next := range whatNext(r) {
		out.say(next)
	}
	return out.flush()
}

// Sentence writes text from anywhere, made clean and cut to room columns, on as many lines as a window of width columns
// needs; below 1 on one line. The error is w's.
func Sentence(w io.Writer, text string, room, width int) error {
	out := newPrinter(w, width, false)
	out.say(Clean(text, room))
	return out.flush()
}

// Steps writes commands of this program's own making, each with a word on what it does beside it, or above it where the
// window is narrow: a command stays on one line, to be copied. The error is w's.
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
	if widths := []int{longest, 0}; width < 1 || out.fit(rows, widths) {
		for _, row := range rows {
			out.line(out.aligned(row, widths))
		}
		return out.flush()
	}
	for _, row := range rows {
		out.line("  " + row[1].text)
		out.line("  " + row[0].text)
	}
	return out.flush()
}

// ValidText writes that a roster is valid, after what it is warned about, each on a line of its own. The error is w's.
func ValidText(w io.Writer, run Run, warnings []roster.Problem) error {
	out := newPrinter(w, 0, false)
	for _, one := range warnings {
		out.line(warningLine(one))
	}
	end := "."
	if n := len(warnings); n > 0 {
		end = ", " + count(n, "warning", "warnings") + "."
	}
	out.line(fmt.Sprintf("%s: %s, no problems%s", some(run.Files, Clean), count(run.People, "person", "people"), end))
	return out.flush()
}

// warningLine is a warning with its place.
func warningLine(p roster.Problem) string {
	return Clean(p.At.String(), messageWidth) + ": warning: " + Clean(p.Text, messageWidth)
}

// ProblemsText writes every problem of a roster on a line of its own, as file:line:column: text. The error is w's.
func ProblemsText(w io.Writer, problems []roster.Problem) error {
	out := newPrinter(w, 0, false)
	for _, p := range problems {
		out.line(Clean(p.At.String(), messageWidth) + ": " + Clean(p.Text, messageWidth))
	}
	return out.flush()
}

// changeRows are a table of changes: what, to whom, why, and the line of the roster.
func changeRows(changes []plan.Change) [][]cell {
	var rows [][]cell
	for _, c := range changes {
		rows = append(rows, append(subject(c), cell{text: because(c, Clean)}, cell{Clean(c.Source, addressWidth), faint}))
	}
	return rows
}

// subject is the first columns of a change: what, and to whom.
func subject(c plan.Change) []cell {
	l := lookOf(c.Action)
	return []cell{{l.glyph + " " + l.word, l.color}, {text: Clean(c.Email.String(), addressWidth)}}
}

var outcomeColors = map[apply.Outcome]color{
	apply.Done: green, apply.Failed: red, apply.Unknown: yellow, apply.Skipped: faint,
}

func isWaiting(n plan.Notice) bool { return n.Kind == plan.Waiting }

// needsPerson tells whether n asks somebody to look or act. What was invited and waits does not, nor does what a key
// may not see.
func needsPerson(n plan.Notice) bool {
	switch n.Kind {
	case plan.Waiting, plan.MembersUnseen, plan.SuspendedUnseen:
		return false
	default:
		return true
	}
}

// notices writes each in words, the most pressing kinds first.
func (p *printer) notices(notices []plan.Notice, now time.Time) {
	for _, n := range byUrgency(notices) {
		p.wrapped("  ", sentence(n, now, Clean))
	}
	if len(notices) > 0 {
		p.line("")
	}
}

// byUrgency is notices with the most pressing kinds first.
func byUrgency(notices []plan.Notice) []plan.Notice {
	return slices.SortedStableFunc(slices.Values(notices), func(a, b plan.Notice) int {
		return cmp.Compare(slices.Index(urgency, a.Kind), slices.Index(urgency, b.Kind))
	})
}

// urgency is the order in which notices are shown; a kind that is not in it comes first.
var urgency = []plan.NoticeKind{
	plan.Limit, plan.MembersUnseen, plan.SuspendedUnseen, plan.SelfUnseen, plan.ProtectedUnseen, plan.UnlistedKept, plan.Unsettled, plan.NeedsAttention, plan.GaveUp,
	plan.Left, plan.SuspendedUser, plan.DuplicateInvitation, plan.Unlisted, plan.OtherAddress, plan.ExtraAccess, plan.Waiting,
}
