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
)

// Status is where the people of a roster stand.
type Status struct {
	Organization org.Organization
	// Now is the server's time.
	Now time.Time
	// People are those who are told of, sorted by address.
	People []Person
	// Notices are about these people, or about the whole reading.
	Notices []plan.Notice
	// Stale is set when only those are told of who have waited longer; Undated then counts those of whom nobody knows how
	// long they have waited.
	Stale   time.Duration
	Undated int
	// Detailed tells all that is known of each person, instead of a line for each.
	Detailed bool
	// Unlisted are the notices of those who are in the organization, or invited to it, without being in the roster;
	// Leaving are the changes that would take such people out. Only [StatusHTML] and [StatusMarkdown] tell of them, and
	// only with [Status.Everybody].
	Unlisted []plan.Notice
	Leaving  []plan.Change
}

// Everybody tells whether s is about all people of the roster.
func (s Status) Everybody() bool { return !s.Detailed && s.Stale == 0 }

// Person is one of them.
type Person struct {
	plan.Standing
	// Verified is what the API says when it is asked for the person's invitation by its id; nil when it was not asked.
	Verified *Verification
	// History is what the ledger has of the person, oldest first. Only with [Status.Detailed].
	History []Event
}

// Verification is what the API says of one invitation.
type Verification struct {
	// Problem is why it could not be read; nil when it was.
	Problem error
	// Status is the server's own word, Registered who accepted, Responded when it was answered. The zero values mean that
	// it did not say.
	Status     string
	Registered org.Address
	Responded  time.Time
}

// Event is a line of the ledger.
type Event struct {
	Time time.Time
	// Action and Outcome are the ledger's words; Outcome is "" for what was about to be done, and for what was learned.
	Action, Outcome string
	// InvitationID and Object are the ids of what it was about; "" where there is none.
	InvitationID, Object string
}

// standing is how a state is told: in a row, of many in a summary, and what it means.
type standing struct {
	word, many string
	color      color
	// calls is true for a state that needs a person: the summary names who is in it.
	calls   bool
	meaning string
}

// ended takes the place of the state for people whose last day is over, overdue for those of them who are members still.
const (
	ended   plan.State = "ended"
	overdue plan.State = "overdue"
)

var standings = map[plan.State]standing{
	plan.StateNeedsAttention: {"needs attention", "need attention", red, true, "declined, or the invitation is not understood"},
	plan.StateGaveUp:         {"gave up", "gave up", red, true, "never answered; no more mails are sent"},
	plan.StateLeft:           {"left", "left", red, true, "accepted once, no longer in the organization"},
	plan.StateSuspended:      {"suspended", "suspended", red, true, "in the organization, suspended"},
	plan.StateNotInvited:     {"not invited", "not invited", 0, false, "apply invites them"},
	plan.StateExpired:        {"expired", "expired", yellow, false, "the invitation lapsed; apply sends another"},
	plan.StatePending:        {"pending", "pending", yellow, false, "invited, and yet to answer"},
	plan.StateMember:         {"member", "members", green, false, "in the organization"},
	overdue:                  {"ended but in", "ended but in", red, true, "the last day is over; in the organization all the same"},
	ended:                    {"ended", "ended", faint, false, "the last day is over"},
}

func (p Person) state() plan.State {
	switch {
	case p.Ended && p.State == plan.StateMember:
		return overdue
	case p.Ended:
		return ended
	}
	return p.State
}

// stateWord is the state in a word or a few, one of tomorrow too.
func (p Person) stateWord(show shower) string {
	return cmp.Or(standings[p.state()].word, show(string(p.State), addressWidth))
}

// access is how much of what the roster gives the person has, as in "1 of 2"; "" where it gives nothing.
func (p Person) access() string {
	if len(p.Wanted) == 0 || p.Ended {
		return ""
	}
	return fmt.Sprintf("%d of %d", len(p.Wanted)-len(p.Missing), len(p.Wanted))
}

// since is when the person came to be a member or, for all others, began to wait.
func (p Person) since() time.Time {
	switch p.state() {
	case ended, overdue:
		return time.Time{}
	case plan.StateMember, plan.StateSuspended:
		return p.Responded
	default:
		return p.FirstMail
	}
}

// StatusText writes s for a person: a line for each, or all that is known of each; what needs somebody to look at it; and
// one line that sums it up. Where width, in columns, is too little for a table, columns and then letters are left out;
// below 1 there is no limit. The error is w's.
func StatusText(w io.Writer, s Status, width int, colored bool) error {
	out := newPrinter(w, width, colored)
	if s.Detailed {
		for _, p := range s.People {
			out.person(p, s.Now)
		}
	} else {
		out.under(s.Organization, rows(fitColumns(statusColumns(s, Clean), width)), lastColumn)
	}
	out.notices(s.beyondWaiting(), s.Now)
	out.say(statusSummary(s, Clean))
	return out.flush()
}

// beyondWaiting are the notices that say more than the state of who they are about.
func (s Status) beyondWaiting() []plan.Notice {
	return slices.DeleteFunc(slices.Clone(s.Notices), isWaiting)
}

// statusSummary counts the people by their state, from the one that needs somebody most.
func statusSummary(s Status, show shower) string {
	by := map[plan.State][]string{}
	for _, p := range s.People {
		by[p.state()] = append(by[p.state()], p.Email.String())
	}
	var parts []string
	for _, state := range slices.Concat([]plan.State{overdue}, plan.States, []plan.State{ended}) {
		who, st := by[state], standings[state]
		if len(who) == 0 {
			continue
		}
		part := count(len(who), st.word, st.many)
		if st.calls {
			part += " (" + some(who, show) + ")"
		}
		parts = append(parts, part)
	}
	line := count(len(s.People), "person", "people")
	if s.Stale > 0 {
		line += " waiting for more than " + span(s.Stale)
	}
	if len(parts) > 0 {
		line += ": " + strings.Join(parts, ", ")
	}
	if s.Undated > 0 {
		line += fmt.Sprintf("; of %d more it is not known how long they have waited", s.Undated)
	}
	return line + "."
}

// What is said of the ledger above a person's history, or in its place.
const (
	fromLedger = "From the ledger on this machine:"
	noHistory  = "The ledger on this machine has nothing about them."
)

// person writes all that is known of who.
func (p *printer) person(who Person, now time.Time) {
	p.say(who.title(Clean))
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

// title is who somebody is, and where the roster says so.
func (p Person) title(show shower) string {
	title := show(p.Email.String(), addressWidth)
	if name := show(p.Name, addressWidth); name != "" {
		title += ", " + name
	}
	return title + bracketed(show(p.Source, addressWidth))
}

// eventRows are a table of events: when, what, what came of it, and the id of what it was about.
func eventRows(events []Event, show shower) [][]cell {
	var rows [][]cell
	for _, e := range events {
		rows = append(rows, []cell{
			{moment(e.Time), faint}, {text: show(e.Action, addressWidth)}, {text: show(e.Outcome, addressWidth)},
			{text: show(cmp.Or(e.InvitationID, e.Object), addressWidth)},
		})
	}
	return rows
}

// fact is one thing that is known of a person, fit to be shown.
type fact struct {
	what, text string
	color      color
}

// facts are all that is known of p, but for the address, the name and the ledger.
func (p Person) facts(now time.Time, show shower) []fact {
	facts := []fact{{"state", p.stateWord(show), standings[p.state()].color}}
	add := func(what, text string) {
		if text != "" {
			facts = append(facts, fact{what: what, text: text})
		}
	}
	list := func(what string, names []string) { add(what, show(strings.Join(names, ", "), messageWidth)) }
	add("invitation", show(p.InvitationID, messageWidth))
	add("invited", day(p.Invited))
	if p.State == plan.StatePending && !p.Expires.IsZero() {
		about := ""
		if p.ExpiresEstimated {
			about = "about "
		}
		add("expires", about+deadline(p.Expires, now))
	}
	if !p.Until.IsZero() {
		add("last day", p.Until.Format(time.DateOnly))
	}
	add("responded", day(p.Responded))
	if v := p.Verified; v != nil {
		add("verified", v.words(show))
	}
	if p.Rounds > 0 {
		add("unanswered", count(p.Rounds, "mail", "mails")+since(p.FirstMail))
	}
	add("user", show(p.UserID, messageWidth))
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

// day is t for a person; "" when it is zero.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return moment(t)
}

// words says what the API said.
func (v *Verification) words(show shower) string {
	if v.Problem != nil {
		return "no: " + show(v.Problem.Error(), messageWidth)
	}
	said := "the API says " + show(strconv.Quote(v.Status), messageWidth)
	if !v.Registered.IsZero() {
		said += " by " + show(v.Registered.String(), messageWidth)
	}
	return said + at(v.Responded)
}
