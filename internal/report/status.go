package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// Status holds the state of the people of a roster.
type Status struct {
	Organization org.Organization
	// Now is the server's time when the organization was read.
	Now time.Time
	// People are the people shown, sorted by address.
	People []Person
	// Notices are about these people, or about the organization as a whole.
	Notices []plan.Notice
	// Stale is the minimum waiting time of the people shown; 0 shows everybody. Undated counts
	// people without an answer who are left out because the time of their first mail is unknown.
	Stale   time.Duration
	Undated int
	// ByTeam is true when the tables show people by team, and people who are in several teams once
	// for each. Teams holds the names of all teams of the roster.
	ByTeam bool
	Teams  []string
	// Detailed is true when everything known about each person is shown, instead of one line each.
	Detailed bool
	// Unlisted are the notices about people who are in the organization, or invited to it, but not
	// in the roster. Leaving are the changes that would suspend or remove such people. Only
	// [StatusHTML] and [StatusMarkdown] show them, and only when [Status.Everybody] is true.
	Unlisted []plan.Notice
	Leaving  []plan.Change
}

// Everybody reports whether s covers all people of the roster.
func (s Status) Everybody() bool { return !s.Detailed && s.Stale == 0 }

// Person is the state of one person, with what was looked up about them.
type Person struct {
	plan.Standing
	// Verified is the API's answer for the person's invitation, read by its id; nil when it was not
	// read.
	Verified *Verification
	// History holds the person's lines of the ledger, oldest first. It is set only when
	// [Status.Detailed] is true.
	History []Event
}

// Verification is the API's answer for one invitation.
type Verification struct {
	// Problem is why the invitation could not be read; nil when it was read.
	Problem error
	// Status is the server's own word, Registered the address that accepted, Responded the time of
	// the answer. Each is its zero value when the server did not report it.
	Status     string
	Registered org.Address
	Responded  time.Time
}

// Event is a line of the ledger.
type Event struct {
	Time time.Time
	// Action and Outcome are the ledger's words. Outcome is "" for an intent and for a recorded
	// fact.
	Action, Outcome string
	// InvitationID and Object are ids of the things that the event is about; "" when there is none.
	InvitationID, Object string
}

// stateStyle holds how a state is shown: its word for one person and for several, and what it
// means.
type stateStyle struct {
	word, plural string
	color        color
	// needsPerson is true for a state that somebody must act on: the summary then names the people
	// in it.
	needsPerson bool
	meaning     string
}

// People whose last day has passed are shown in one of these states instead of their own.
const (
	stateEnded       plan.State = "ended"
	stateEndedMember plan.State = "overdue"
)

var stateStyles = map[plan.State]stateStyle{
	plan.StateNeedsAttention: {"needs attention", "need attention", red, true,
		"declined, or the invitation's status is not understood"},
	plan.StateGaveUp:     {"gave up", "gave up", red, true, "never answered; no more invitation mails are sent"},
	plan.StateLeft:       {"left", "left", red, true, "joined once, no longer in the organization"},
	plan.StateSuspended:  {"suspended", "suspended", red, true, "in the organization, suspended"},
	plan.StateNotInvited: {"not invited", "not invited", 0, false, "apply invites them"},
	plan.StateExpired:    {"expired", "expired", yellow, false, "invitation expired; apply sends a new one"},
	plan.StatePending:    {"pending", "pending", yellow, false, "invited, no answer yet"},
	plan.StateMember:     {"member", "members", green, false, "in the organization"},
	stateEndedMember:     {"still a member", "still members", red, true, "last day passed, still a member"},
	stateEnded:           {"ended", "ended", faint, false, "last day passed"},
}

// state returns the state that p is shown in.
func (p Person) state() plan.State {
	switch {
	case p.Ended && p.State == plan.StateMember:
		return stateEndedMember
	case p.Ended:
		return stateEnded
	}
	return p.State
}

// stateText returns the words for p's state; for a state that this version does not know, its name.
func (p Person) stateText(escape escaper) string {
	return cmp.Or(stateStyles[p.state()].word, escape(string(p.State), addressWidth))
}

// accessCount returns how much of the roster's access the person has, as in "1 of 2"; "" when the
// roster gives none.
func (p Person) accessCount() string {
	if len(p.Wanted) == 0 || p.Ended {
		return ""
	}
	return fmt.Sprintf("%d of %d", len(p.Wanted)-len(p.Missing), len(p.Wanted))
}

// since returns when a member joined and, for anybody else, when their first mail was sent. It is
// zero when that is unknown, and for people whose last day has passed.
func (p Person) since() time.Time {
	switch p.state() {
	case stateEnded, stateEndedMember:
		return time.Time{}
	case plan.StateMember, plan.StateSuspended:
		return p.Responded
	default:
		return p.FirstMail
	}
}

// StatusText writes s for a person to read: one line for each person, or everything known about
// each; then the notices and one line that sums up. When a table is wider than width columns,
// optional columns are left out first and then texts are cut; a width below 1 sets no limit. The
// error is w's.
func StatusText(w io.Writer, s Status, width int, colored bool) error {
	out := newPrinter(w, width, colored)
	if s.Detailed {
		for _, p := range s.People {
			out.writePerson(p, s.Now)
		}
	} else {
		out.sectionFor(s.Organization, tableCells(fitColumns(statusColumns(s, Clean), width)), lastColumn)
	}
	out.notices(s.noticesBesidesWaiting(), s.Now)
	out.paragraph(statusSummary(s, Clean))
	return out.flush()
}

// noticesBesidesWaiting returns the notices without those that only repeat that a person is
// pending.
func (s Status) noticesBesidesWaiting() []plan.Notice {
	return slices.DeleteFunc(slices.Clone(s.Notices), isWaiting)
}

// statusSummary returns one line that counts people by state, with the states that need somebody
// first.
func statusSummary(s Status, escape escaper) string {
	by := map[plan.State][]string{}
	for _, p := range s.People {
		by[p.state()] = append(by[p.state()], p.Email.String())
	}
	var parts []string
	for _, state := range slices.Concat([]plan.State{stateEndedMember}, plan.States, []plan.State{stateEnded}) {
		who, st := by[state], stateStyles[state]
		if len(who) == 0 {
			continue
		}
		part := pluralize(len(who), st.word, st.plural)
		if st.needsPerson {
			part += " (" + summarizeList(who, escape) + ")"
		}
		parts = append(parts, part)
	}
	line := pluralize(len(s.People), "person", "people")
	if s.Stale > 0 {
		line += " waiting for more than " + formatDuration(s.Stale)
	}
	if len(parts) > 0 {
		line += ": " + strings.Join(parts, ", ")
	}
	if s.Undated > 0 {
		line += fmt.Sprintf("; for %d more it is not known how long they have waited", s.Undated)
	}
	return line + "."
}

// The line above a person's history, and the one shown when there is no history.
const (
	fromLedger = "From the ledger on this machine:"
	noHistory  = "The ledger on this machine has no entries for this person."
)

// writePerson writes everything that is known about who.
func (p *printer) writePerson(who Person, now time.Time) {
	p.paragraph(who.heading(Clean))
	var lines [][]cell
	for _, f := range who.facts(now, Clean) {
		lines = append(lines, []cell{{text: f.what}, {f.text, f.color}})
	}
	p.section(lines, 1)
	if len(who.History) == 0 {
		p.wrapped("  ", noHistory)
		p.line("")
		return
	}
	p.line("  " + fromLedger)
	p.section(eventRows(who.History, Clean), 3)
}

// heading returns the person's address, name and place in the roster.
func (p Person) heading(escape escaper) string {
	title := escape(p.Email.String(), addressWidth)
	if name := escape(p.Name, addressWidth); name != "" {
		title += ", " + name
	}
	return title + parenthesize(escape(p.Source, addressWidth))
}

// eventRows returns one row for each event: time, action, outcome, and the id it is about.
func eventRows(events []Event, escape escaper) [][]cell {
	var rows [][]cell
	for _, e := range events {
		rows = append(rows, []cell{
			{formatTime(e.Time), faint}, {text: escape(e.Action, addressWidth)}, {text: escape(e.Outcome, addressWidth)},
			{text: escape(cmp.Or(e.InvitationID, e.Object), addressWidth)},
		})
	}
	return rows
}

// fact is one thing known about a person, in text that is already escaped.
type fact struct {
	what, text string
	color      color
}

// facts returns everything known about p except the address, the name and the history.
func (p Person) facts(now time.Time, escape escaper) []fact {
	facts := []fact{{"state", p.stateText(escape), stateStyles[p.state()].color}}
	add := func(what, text string) {
		if text != "" {
			facts = append(facts, fact{what: what, text: text})
		}
	}
	list := func(what string, names []string) { add(what, escape(strings.Join(names, ", "), messageWidth)) }
	add("invitation", escape(p.InvitationID, messageWidth))
	add("invited", formatOptionalTime(p.Invited))
	if p.State == plan.StatePending && !p.Expires.IsZero() {
		about := ""
		if p.ExpiresEstimated {
			about = "about "
		}
		add("expires", about+formatDeadline(p.Expires, now))
	}
	if !p.Until.IsZero() {
		add("last day", p.Until.Format(time.DateOnly))
	}
	list("teams", teamTexts(p.Teams))
	add("responded", formatOptionalTime(p.Responded))
	if v := p.Verified; v != nil {
		add("verified", v.text(escape))
	}
	if p.Rounds > 0 {
		add("unanswered", pluralize(p.Rounds, "mail", "mails")+sinceText(p.FirstMail))
	}
	add("user", escape(p.UserID, messageWidth))
	if p.APIEnabled != nil {
		add("API access", map[bool]string{true: "yes", false: "no"}[*p.APIEnabled])
	}
	list("groups", p.Groups)
	list("roles", p.Roles)
	list("policies", p.Policies)
	list("wanted", p.Wanted)
	list("lacks", p.Missing)
	return facts
}

// teamTexts returns the names of teams, each with the last day of a membership that has one.
func teamTexts(teams []roster.Membership) []string {
	var texts []string
	for _, m := range teams {
		text := m.Team
		if !m.Until.IsZero() {
			text += " (until " + m.Until.Format(time.DateOnly) + ")"
		}
		texts = append(texts, text)
	}
	return texts
}

// inTeam is a person as a member of one team; team is "" for a person without one.
type inTeam struct {
	Person
	team string
}

// byTeam returns the people of s for its table: each once, or with ByTeam once for each of their
// teams, in the order of the names of teams, and people without a team last.
func (s Status) byTeam() []inTeam {
	var people []inTeam
	for _, p := range s.People {
		if !s.ByTeam || len(p.Teams) == 0 {
			people = append(people, inTeam{Person: p})
			continue
		}
		for _, text := range p.Teams {
			people = append(people, inTeam{p, text.Team})
		}
	}
	slices.SortStableFunc(people, func(a, b inTeam) int {
		if (a.team == "") != (b.team == "") {
			return cmp.Compare(b.team, a.team)
		}
		return cmp.Compare(a.team, b.team)
	})
	return people
}

// formatOptionalTime returns t as formatTime does; "" for the zero time.
func formatOptionalTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return formatTime(t)
}

// text returns what the API answered, or why it could not be asked.
func (v *Verification) text(escape escaper) string {
	if v.Problem != nil {
		return "no: " + escape(v.Problem.Error(), messageWidth)
	}
	said := "the API says " + escape(strconv.Quote(v.Status), messageWidth)
	if !v.Registered.IsZero() {
		said += " by " + escape(v.Registered.String(), messageWidth)
	}
	return said + atText(v.Responded)
}
