package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// Status is the state of the people of a roster.
type Status struct {
	Organization org.Organization
	// Now is the server's time when the organization was read.
	Now time.Time
	// People are the people in the report.
	People []Person
	// Notices are the notices about these people, or about the organization.
	Notices []plan.Notice
	// Stale is the time that people in the report have waited at least; 0 if the report has
	// everybody.
	Stale time.Duration
	// UnknownWait is the number of people without an answer that Stale leaves out, because the time of
	// their first mail is unknown.
	UnknownWait int
	// ByTeam is true if tables list people by team. People who are in several teams then appear in
	// each of their teams.
	ByTeam bool
	// Teams are the names of all teams of the roster.
	Teams []string
	// Detailed is true if the report has a section with everything that is known about each person,
	// instead of a table of people.
	Detailed bool
	// Unlisted are the notices about people who are in the organization, or invited to it, but not
	// in the roster. It is set only if [Status.Everybody] is true.
	Unlisted []plan.Notice
	// Leaving are the changes that would suspend or remove these people. It is set only if
	// [Status.Everybody] is true.
	Leaving []plan.Change
}

// Everybody reports whether the report has all people of the roster, without details.
func (s Status) Everybody() bool { return !s.Detailed && s.Stale == 0 }

// Person is the state of a person, with facts from other sources.
type Person struct {
	plan.PersonStatus
	// Verified is the answer of the API for the invitation of the person, read by its id; nil if it
	// was not read.
	Verified *Verification
	// Leaving is the change that would suspend or remove the user of the person, whose last day has passed;
	// nil if there is none. It is set only if [Status.Detailed] is true.
	Leaving *plan.Change
	// History has the entries of the ledger about the person, oldest first. It is set only if
	// [Status.Detailed] is true.
	History []ledger.Entry
}

// Verification is the answer of the API for an invitation.
type Verification struct {
	org.Invitation
	// Problem is the error of reading the invitation; nil if it was read.
	Problem error
}

// stateStyle is the appearance of a state.
type stateStyle struct {
	word, plural string // for one person and for several people
	color        document.Color
	needsPerson  bool // whether somebody must act; the summary then names the people
	meaning      string
}

// People whose last day has passed appear in one of these states instead of their own state.
const (
	stateEnded       plan.State = "ended"
	stateEndedMember plan.State = "overdue"
)

var stateStyles = map[plan.State]stateStyle{
	plan.StateNeedsAttention: {"needs attention", "need attention", document.Red, true,
		"somebody must look at them: the notices say why"},
	plan.StateGaveUp:     {"gave up", "gave up", document.Red, true, "never answered; no more invitation mails are sent"},
	plan.StateLeft:       {"left", "left", document.Red, true, "joined once, no longer in the organization"},
	plan.StateSuspended:  {"suspended", "suspended", document.Red, true, "in the organization, suspended"},
	plan.StateNotInvited: {"not invited", "not invited", 0, false, "apply invites them, unless a notice says otherwise"},
	plan.StateExpired: {"expired", "expired", document.Yellow, false,
		"invitation expired; apply sends a new one, unless a notice says otherwise"},
	plan.StatePending: {"pending", "pending", document.Yellow, false, "invited, no answer yet"},
	plan.StateMember:  {"member", "members", document.Green, false, "in the organization"},
	stateEndedMember:  {"still a member", "still members", document.Red, true, "last day passed, still a member"},
	stateEnded:        {"ended", "ended", document.Faint, false, "last day passed"},
}

// shownState returns the state in which p appears.
func (p Person) shownState() plan.State {
	switch {
	case p.Ended && p.State == plan.StateMember:
		return stateEndedMember
	case p.Ended:
		return stateEnded
	}
	return p.State
}

// since returns the time at which a member joined or, for other people, the time of the first mail
// without an answer. It is zero if the time is unknown, and for people whose last day has passed.
func (p Person) since() time.Time {
	switch p.shownState() {
	case stateEnded, stateEndedMember:
		return time.Time{}
	case plan.StateMember, plan.StateSuspended:
		return p.Responded
	default:
		return p.FirstMail
	}
}

// isOpen reports whether p can still accept an invitation with a known expiry. A person who may have been mailed is
// pending too, but the invitation before this mail may have expired.
func (p Person) isOpen(now time.Time) bool {
	return p.shownState() == plan.StatePending && !p.Expires.IsZero() && !p.Expires.Before(now)
}

// StatusDocument returns a document about s. It has the people in s, the people who are not in the
// roster, the notices and a summary.
func StatusDocument(s Status) document.Document {
	d := document.Document{Title: "orgsync status", Organization: s.Organization, ReadAt: s.Now, Summary: statusSummary(s)}
	people := slices.SortedStableFunc(slices.Values(s.People), func(a, b Person) int {
		return compareAddresses(a.Email, b.Email)
	})
	notices, unlisted := s.splitNotices()
	if s.Detailed {
		d.Blocks = append(d.Blocks, document.Details{Count: len(people),
			Section: func(i int) document.Section { return s.section(people[i]) }})
	} else if len(people) > 0 {
		d.Blocks = append(d.Blocks, peopleTable(s, people))
	}
	if timeline := expiryTimeline(s.Now, people); len(timeline.Points) > 1 { // a single time is already in the table
		d.Blocks = append(d.Blocks, timeline)
	}
	if rows := s.unlistedRows(unlisted); len(rows) > 0 {
		d.Blocks = append(d.Blocks, document.Section{Title: fmt.Sprintf("Not in the roster (%d)", len(rows)),
			Blocks: []document.Block{unlistedTable(rows)}})
	}
	d.Blocks = appendNotices(d.Blocks, notices, s.Now)
	if len(d.Blocks) == 0 {
		d.Title = ""
	}
	if tiles := s.tiles(len(s.Leaving) + len(unlisted)); len(tiles) > 0 {
		d.Blocks = append(d.Blocks, tiles)
	}
	return d
}

// splitNotices returns the notices about people who are not in the roster, and the other notices. It
// leaves out notices which say that a person has not answered, because the state already says so.
func (s Status) splitNotices() (notices, unlisted []plan.Notice) {
	unlisted = slices.Clip(s.Unlisted)
	for _, n := range s.Notices {
		switch {
		case isWaiting(n):
		case n.Kind == plan.Unlisted && s.Everybody(): // the last day of a person in the roster has passed
			unlisted = append(unlisted, n)
		default:
			notices = append(notices, n)
		}
	}
	return notices, unlisted
}

// The minimum widths of columns in a narrow window.
const (
	minPersonWidth = 24
	minTeamWidth   = 12
)

// peopleTable returns a table with a row for each person. In a narrow window, it keeps the columns that
// people can act on.
func peopleTable(s Status, people []Person) document.Table {
	t := document.Table{
		Title: "Everybody in the roster", ShowHeads: true,
		Caption: "Since: when a member joined; for others, when the first unanswered mail was sent. " +
			"Mails: invitation mails without an answer.",
		Columns: []document.Column{
			{Head: "person", Min: minPersonWidth}, {Head: "state"}, {Head: "since", Drop: 1},
			{Head: "expires in", Drop: 4, NotOnPage: true}, {Head: "mails", Drop: 3}, {Head: "access", Drop: 2},
			{Head: "missing", Prose: true, NotOnPage: true},
		},
	}
	if !s.Everybody() {
		t.Title = "People who have waited"
	}
	if !s.ByTeam {
		for _, p := range people {
			t.Rows = append(t.Rows, p.row(s.Now))
		}
		return t
	}
	t.Columns = slices.Insert(t.Columns, 0, document.Column{Head: "team", Min: minTeamWidth})
	s.People = people
	for _, p := range s.byTeam() {
		row := p.row(s.Now)
		row.Cells = slices.Insert(row.Cells, 0, document.Cell{Text: cmp.Or(document.MarkName(p.team), "-")})
		t.Rows = append(t.Rows, row)
	}
	return t
}

// row returns the row of p in the table of people.
func (p Person) row(now time.Time) document.Row {
	state := p.stateCell()
	var since, expires, mails, access, missing document.Cell
	if p.isOpen(now) {
		left := p.Expires.Sub(now)
		expires.Text = formatShortDuration(left)
		state.Page.Notes = []document.Cell{{Text: "expires in " + formatDuration(left)}}
	}
	if t := p.since(); !t.IsZero() {
		since = document.Cell{Text: formatDay(t), Page: &document.PageCell{Time: t}}
	}
	if p.Rounds > 0 && !p.Ended {
		mails.Text = strconv.Itoa(p.Rounds)
	}
	if !p.Ended {
		missing = document.Cell{Text: joinNames(p.Missing), Color: document.Yellow}
		access = p.accessCell()
	}
	person := p.cell()
	if teams := joinNames(teamTexts(p.Teams)); teams != "" {
		person.Page.Notes = []document.Cell{{Text: "in " + teams}}
	}
	return document.Row{Cells: []document.Cell{person, state, since, expires, mails, access, missing}}
}

// cell returns a cell with the address and the name of p.
func (p Person) cell() document.Cell {
	page := &document.PageCell{Person: true, Name: document.MarkName(p.Name)}
	return document.Cell{Text: document.MarkName(p.Email.String()), Page: page}
}

// stateCell returns a cell with the word for the state of p.
func (p Person) stateCell() document.Cell {
	style := stateStyles[p.shownState()]
	return document.Cell{Text: cmp.Or(style.word, document.MarkName(string(p.State))),
		Color: style.color, Page: &document.PageCell{State: true}}
}

// accessCell returns a cell that says how much of the access in the roster p has, as in "1 of 2". The
// cell is empty if the roster gives p no access.
func (p Person) accessCell() document.Cell {
	if len(p.Wanted) == 0 {
		return document.Cell{}
	}
	has := slices.DeleteFunc(slices.Clone(p.Wanted), func(name string) bool { return slices.Contains(p.Missing, name) })
	c := document.Cell{Text: fmt.Sprintf("%d of %d", len(p.Wanted)-len(p.Missing), len(p.Wanted)),
		Page: &document.PageCell{}}
	if len(has) > 0 {
		c.Page.Notes = append(c.Page.Notes, document.Cell{Text: "has " + joinNames(has)})
	}
	switch missing := joinNames(p.Missing); {
	case missing == "":
	case p.UserID == "":
		c.Page.Notes = append(c.Page.Notes, document.Cell{Text: "gets " + missing + " after joining"})
	default:
		c.Page.Notes = append(c.Page.Notes, document.Cell{Text: "does not have " + missing, Color: document.Yellow})
	}
	return c
}

// joinNames returns a text with the names in list, which come from outside.
func joinNames(list []string) string {
	return document.MarkMessage(strings.Join(list, ", "))
}

// expiryTimeline returns a timeline of the times at which pending invitations expire. Invitations that
// expire in the same minute share a point.
func expiryTimeline(now time.Time, people []Person) document.Timeline {
	t := document.Timeline{
		Title: "Pending invitations", From: now,
		Caption: "Invitations that can still be accepted, soonest expiry first. All times are in UTC.",
	}
	pending := slices.DeleteFunc(slices.Clone(people), func(p Person) bool {
		return !p.isOpen(now)
	})
	slices.SortStableFunc(pending, func(a, b Person) int {
		return a.Expires.Truncate(time.Minute).Compare(b.Expires.Truncate(time.Minute))
	})
	for _, p := range pending {
		when := document.TimeCell(p.Expires.Truncate(time.Minute))
		if len(t.Points) == 0 || t.Points[len(t.Points)-1].When.Page.Time != when.Page.Time {
			when.Page.Notes = []document.Cell{{Text: "in " + formatDuration(p.Expires.Sub(now))}}
			t.Points = append(t.Points, document.TimePoint{When: when})
		}
		last := &t.Points[len(t.Points)-1]
		last.People = append(last.People, p.cell())
	}
	return t
}

// tiles returns a tile with the number of people for each state, and one for the people who are not in
// the roster. The states on which nobody must act are the first.
func (s Status) tiles(unlisted int) document.Tiles {
	n := map[plan.State]int{}
	for _, p := range s.People {
		n[p.shownState()]++
	}
	order := slices.Clone(plan.States)
	slices.Reverse(order)
	var tiles document.Tiles
	for _, state := range append(order, stateEndedMember, stateEnded) {
		if n[state] > 0 {
			st := stateStyles[state]
			tiles = append(tiles, document.Tile{Count: n[state], Word: document.SingularOrPlural(n[state], st.word, st.plural),
				Meaning: st.meaning, Color: st.color})
		}
	}
	if unlisted > 0 {
		tiles = append(tiles, document.Tile{Count: unlisted, Word: "not in the roster",
			Meaning: "in the organization, or invited", Color: document.Red, Unlisted: true})
	}
	return tiles
}

func unlistedTable(rows []document.Row) document.Table {
	return document.Table{
		Caption: "People who are in the organization, or can still accept an invitation to it, but are not in the roster.",
		Columns: []document.Column{
			{Head: "person", Min: minPersonWidth}, {Head: "what"}, {Head: "expires", Drop: 1},
			{Head: "what happens", Prose: true},
		},
		Rows: rows, ShowHeads: true, MaxRows: document.MaxShown, CompleteFormat: "html",
	}
}

// unlistedRows returns a row for each person who is not in the roster. The people that apply would
// suspend or remove are the first.
func (s Status) unlistedRows(unlisted []plan.Notice) []document.Row {
	var rows []document.Row
	add := func(person document.Cell, name, what string, expires time.Time, next string) {
		person.Page = &document.PageCell{Person: true, Name: document.MarkName(name)}
		rows = append(rows, document.Row{Cells: []document.Cell{person, {Text: what}, document.TimeCell(expires),
			{Text: next}}})
	}
	refused := s.isRefused()
	for _, c := range s.Leaving {
		add(document.Cell{Text: document.MarkName(c.Email.String())}, "", "user", time.Time{},
			"apply "+leavingText(c, refused))
	}
	for _, n := range sortedByAddress(unlisted, func(n *plan.Notice) org.Address { return n.Email }) {
		person := document.Cell{Text: cmp.Or(document.MarkName(n.Email.String()), "an address that cannot be read")}
		what := "user"
		switch {
		case n.Suspended:
			what = "suspended user"
		case n.NotAccepted:
			what = "invited user"
		}
		ended := ""
		if !n.Since.IsZero() {
			ended = "; last day has passed: counts as not in the roster" + sinceText(n.Since)
		}
		switch {
		case n.UserID == "":
			add(person, "", "invitation", n.Expires, "the API cannot cancel it"+ended)
		case ended != "":
			add(person, "", what, time.Time{}, "only reported"+ended)
		default:
			next := "only reported"
			if !n.RemovalAfter.IsZero() {
				next = "from about " + document.FormatTime(n.RemovalAfter) + " on, apply suspends or removes them"
			}
			add(person, n.Text, what, time.Time{}, next)
		}
	}
	return rows
}

// leavingText returns what apply would do by c, a change that suspends or removes somebody. refused is true if apply
// would refuse the plan.
func leavingText(c plan.Change, refused bool) string {
	text := "would " + actionStyles[c.Action].word + " them"
	switch ended := c.Source != ""; {
	case ended && refused:
		text += " (their last day has passed), but it refuses the whole plan"
	case ended:
		text += ": their last day has passed"
	case refused:
		text += ", but it refuses the whole plan"
	}
	return text
}

// isRefused reports whether apply would refuse the plan because of a limit, or because the last mail went out for
// another organization.
func (s Status) isRefused() bool {
	return slices.ContainsFunc(s.Notices, func(n plan.Notice) bool {
		return n.Kind == plan.Limit || n.Kind == plan.WrongOrganization
	})
}

// statusSummary returns one line that counts people by state. The states on which somebody must act
// are the first.
func statusSummary(s Status) string {
	by := map[plan.State][]string{}
	for _, p := range s.People {
		by[p.shownState()] = append(by[p.shownState()], p.Email.String())
	}
	var parts []string
	for _, state := range slices.Concat([]plan.State{stateEndedMember}, plan.States, []plan.State{stateEnded}) {
		who, st := by[state], stateStyles[state]
		if len(who) == 0 {
			continue
		}
		part := document.Pluralize(len(who), st.word, st.plural)
		if st.needsPerson {
			part += " (" + summarizeList(who) + ")"
		}
		parts = append(parts, part)
	}
	line := document.Pluralize(len(s.People), "person", "people")
	if s.Stale > 0 {
		stale := formatDuration(s.Stale)
		if s.Stale < time.Minute {
			stale = s.Stale.String()
		}
		line += " waiting for more than " + stale
	}
	if len(parts) > 0 {
		line += ": " + strings.Join(parts, ", ")
	}
	if s.UnknownWait > 0 {
		line += "; it is not known how long " + document.Pluralize(s.UnknownWait, "more person has", "more people have") +
			" waited"
	}
	line += "."
	if _, unlisted := s.splitNotices(); len(s.Leaving)+len(unlisted) > 0 {
		users, invitations := len(s.Leaving), 0
		for _, n := range unlisted {
			if n.UserID == "" {
				invitations++
			} else {
				users++
			}
		}
		var counts []string
		if users > 0 {
			counts = append(counts, document.Pluralize(users, "user", "users"))
		}
		if invitations > 0 {
			counts = append(counts, document.Pluralize(invitations, "invitation", "invitations"))
		}
		line += " Not in the roster: " + strings.Join(counts, ", ") + "."
	}
	return line
}

// section returns a section with everything that is known about p.
func (s Status) section(p Person) document.Section {
	title := document.MarkName(p.Email.String())
	if name := document.MarkName(p.Name); name != "" {
		title += ", " + name
	}
	section := document.Section{Title: title + document.Parenthesize(document.MarkName(p.Source)),
		Blocks: []document.Block{s.facts(p)}}
	if len(p.History) == 0 {
		section.Blocks = append(section.Blocks, document.Paragraph{"The ledger has no entries for this person."})
		return section
	}
	t := document.Table{Columns: []document.Column{{Head: "when"}, {Head: "what"}, {Head: "outcome"},
		{Head: "ID", Prose: true}}}
	for _, e := range p.History {
		when := document.TimeCell(e.Time)
		when.Color = document.Faint
		t.Rows = append(t.Rows,
			document.Row{Cells: []document.Cell{when, {Text: document.MarkName(string(e.Action))},
				{Text: document.MarkName(string(e.Outcome))}, {Text: document.MarkName(cmp.Or(e.InvitationID, e.Object))}}})
	}
	section.Blocks = append(section.Blocks, document.Paragraph{"From the ledger:"}, t)
	return section
}

// facts returns everything that is known about p, except the address, the name and the history.
func (s Status) facts(p Person) document.Facts {
	facts := document.Facts{{Name: "state", Cell: p.stateCell()}}
	add := func(what, text string) {
		if text != "" {
			facts = append(facts, document.Fact{Name: what, Cell: document.Cell{Text: text}})
		}
	}
	add("invitation", document.MarkMessage(p.InvitationID))
	add("invited", document.FormatTime(p.Invited))
	if p.isOpen(s.Now) {
		add("expires", estimatedText(p.ExpiresEstimated)+formatDeadline(p.Expires, s.Now))
	}
	add("first day", p.From.String())
	add("last day", p.Until.String())
	add("teams", joinNames(teamTexts(p.Teams)))
	add("responded", document.FormatTime(p.Responded))
	if v := p.Verified; v != nil {
		add("verified", v.text())
	}
	if p.Rounds > 0 {
		add("unanswered", document.Pluralize(p.Rounds, "mail", "mails")+sinceText(p.FirstMail))
	}
	user := document.MarkMessage(p.UserID)
	if p.Ended && p.State == plan.StateSuspended { // the word for the state does not say it
		user += " (suspended)"
	}
	add("user", user)
	if p.Leaving != nil {
		add("apply", leavingText(*p.Leaving, s.isRefused()))
	}
	if p.APIEnabled != nil {
		add("API access", map[bool]string{true: "yes", false: "no"}[*p.APIEnabled])
	}
	add("groups", joinNames(p.Groups))
	add("roles", joinNames(p.Roles))
	add("policies", joinNames(p.Policies))
	add("wanted", joinNames(p.Wanted))
	add("missing", joinNames(p.Missing))
	return facts
}

// teamTexts returns the names of teams. If a membership has a last day, it is behind the name.
func teamTexts(teams []roster.Membership) []string {
	var texts []string
	for _, m := range teams {
		text := m.Team
		if !m.Until.IsZero() {
			text += " (until " + m.Until.String() + ")"
		}
		texts = append(texts, text)
	}
	return texts
}

// teamMember is a person as a member of a team.
type teamMember struct {
	Person
	team string // "" for a person without a team
}

// byTeam returns the people of s, sorted by the names of their teams. A person in several teams is in
// the list several times. People without a team are the last.
func (s Status) byTeam() []teamMember {
	var members []teamMember
	for _, p := range s.People {
		if len(p.Teams) == 0 {
			members = append(members, teamMember{Person: p})
			continue
		}
		for _, m := range p.Teams {
			members = append(members, teamMember{p, m.Team})
		}
	}
	slices.SortStableFunc(members, func(a, b teamMember) int {
		if (a.team == "") != (b.team == "") {
			return cmp.Compare(b.team, a.team)
		}
		return cmp.Compare(a.team, b.team)
	})
	return members
}

// text returns the answer of the API in words, or the error of reading the invitation.
func (v *Verification) text() string {
	if v.Problem != nil {
		return "no: " + document.MarkMessage(v.Problem.Error())
	}
	said := "the API says " + document.MarkMessage(strconv.Quote(v.StatusText))
	if !v.Registered.IsZero() {
		said += " by " + document.MarkMessage(v.Registered.String())
	}
	return said + atText(v.Responded)
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
