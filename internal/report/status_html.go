package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

// The rules of the page:
//   - It is one file that loads nothing: no script, picture or font. Its one style sheet is allowed
//     by its hash and everything else is refused (Content Security Policy, level 3), so no element
//     has a style attribute.
//   - Text from outside is cleaned, and appears between tags, never inside one; html/template
//     escapes it.
//   - Colour only repeats what a word says.
//   - A table that becomes a list on a phone states its ARIA roles: browsers drop them when CSS
//     changes the layout of a table.

//go:embed page
var pageFiles embed.FS

var (
	pageTemplate = template.Must(template.ParseFS(pageFiles, "page/status.html.tmpl"))
	pageStyle    = mustRead("page/status.css")
	pagePolicy   = fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'",
		sha256Base64(pageStyle))
)

func mustRead(file string) string {
	content, err := pageFiles.ReadFile(file)
	if err != nil {
		panic(err) // the file is embedded
	}
	return string(content)
}

// sha256Base64 returns the hash of s as a Content Security Policy writes it.
func sha256Base64(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// StatusHTML writes s as a web page of one file, for screens of any width and for paper: what
// [StatusText] shows, when each invitation expires and, when s covers everybody, people who are not
// in the roster. It writes nothing when the page cannot be made; any other error is w's.
func StatusHTML(w io.Writer, s Status) error {
	var buf bytes.Buffer
	if err := pageTemplate.Execute(&buf, newPage(s)); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	_, err := w.Write(buf.Bytes())
	return err
}

// page holds what the template shows. Its texts are clean.
type page struct {
	Style  template.CSS
	Policy string

	Organization, OrganizationID string
	Made                         pageTime
	Summary                      string
	Shares                       []stateShare
	Notices                      []template.HTML

	Ticks    []tick
	Expiries []expiryRow
	// NoExpiry are pending people whose invitation has no known expiry.
	NoExpiry []personName

	Everybody bool
	Rows      []statusRow
	Details   []personDetail
	Unlisted  []unlistedRow
}

// pageTime is a time for people and for machines; Text is "" when the time is unknown.
type pageTime struct{ Text, Stamp string }

// personName is a person's address and name; Name is "" when it is unknown.
type personName struct{ Email, Name string }

// stateShare counts the people in a state. Start and Share place it in a bar of all people, in
// percent.
type stateShare struct {
	Count         int
	Word, Meaning string
	Tone          string
	Start, Share  float64
}

// tick is midnight of a day on the timeline. At is in percent of its length.
type tick struct {
	At            float64
	Label, Anchor string
}

// expiryRow is a minute in which invitations expire. At is its place on the timeline, in percent.
type expiryRow struct {
	When   pageTime
	Left   string
	At     float64
	Ticks  []tick
	People []personName
}

// statusRow is the state of one person.
type statusRow struct {
	personName
	State, Tone      string
	Since            pageTime
	Expires          pageTime
	Left             string
	Mails            int
	Access           string
	Has, Gets, Lacks string
	Teams            string
}

// personDetail is everything known about one person.
type personDetail struct {
	personName
	Source string
	Facts  []pageFact
	Events []pageEvent
}

type pageFact struct{ What, Text, Tone string }

type pageEvent struct {
	Time                    pageTime
	Action, Outcome, Object string
}

// unlistedRow is someone who is not in the roster.
type unlistedRow struct {
	personName
	What    string
	Expires pageTime
	Next    string
}

func newPage(s Status) page {
	p := page{
		Style: template.CSS(pageStyle), Policy: pagePolicy, Organization: Clean(s.Organization.Name, addressWidth),
		OrganizationID: Clean(s.Organization.ID, addressWidth), Made: pageMinute(s.Now), Summary: statusSummary(s, Clean),
		Everybody: s.Everybody(),
		Shares:    stateShares(s.People),
	}
	p.Expiries, p.Ticks, p.NoExpiry = expiryTimeline(s)
	unlisted := s.Unlisted
	for _, n := range byUrgency(s.Notices) {
		switch {
		case isWaiting(n):
		case n.Kind == plan.Unlisted && p.Everybody: // someone whose last day has passed
			unlisted = append(unlisted[:len(unlisted):len(unlisted)], n)
		default:
			p.Notices = append(p.Notices, template.HTML(noticeText(n, s.Now, escapeHTML)))
		}
	}
	p.Unlisted = unlistedRows(s.Leaving, unlisted, Clean)
	for _, who := range s.People {
		if s.Detailed {
			p.Details = append(p.Details, newDetail(who, s.Now))
		} else {
			p.Rows = append(p.Rows, newRow(who, s.Now))
		}
	}
	return p
}

// escapeHTML returns text from outside for use among the page's own words. It is isolated, so that
// text that runs from right to left does not reorder them.
func escapeHTML(text string, width int) string {
	if text = Clean(text, width); text == "" {
		return ""
	}
	return "<bdi>" + template.HTMLEscapeString(text) + "</bdi>"
}

// pageMinute returns t to the minute.
func pageMinute(t time.Time) pageTime {
	if t.IsZero() {
		return pageTime{}
	}
	return pageTime{formatTime(t), t.UTC().Format(time.RFC3339)}
}

// pageDate returns the day of t, in UTC.
func pageDate(t time.Time) pageTime {
	if t.IsZero() {
		return pageTime{}
	}
	day := t.UTC().Format(time.DateOnly)
	return pageTime{day, day}
}

// nameOf returns the clean address and name of p.
func nameOf(p Person) personName {
	return personName{Clean(p.Email.String(), addressWidth), Clean(p.Name, addressWidth)}
}

// cssClass returns the class of the style sheet for c.
func (c color) cssClass() string {
	switch c {
	case red:
		return "bad"
	case yellow:
		return "wait"
	case green:
		return "good"
	default:
		return "calm"
	}
}

// stateShares counts people by state, with states that need nobody first.
func stateShares(people []Person) []stateShare {
	n := map[plan.State]int{}
	for _, p := range people {
		n[p.state()]++
	}
	order := slices.Clone(plan.States)
	slices.Reverse(order)
	var all []stateShare
	start := 0.0
	for _, state := range append(order, stateEndedMember, stateEnded) {
		if n[state] == 0 {
			continue
		}
		st, share := stateStyles[state], 100*float64(n[state])/float64(len(people))
		word := st.plural
		if n[state] == 1 {
			word = st.word
		}
		all = append(all, stateShare{n[state], word, st.meaning, st.color.cssClass(), start, share})
		start += share
	}
	return all
}

// expiryTimeline returns when pending invitations expire, soonest first, the days of the timeline,
// and people whose invitation has no known expiry. The timeline runs from now to the last expiry,
// and is at least as long as an invitation is valid.
func expiryTimeline(s Status) (rows []expiryRow, ticks []tick, unknown []personName) {
	pending := slices.DeleteFunc(slices.Clone(s.People), func(p Person) bool { return p.state() != plan.StatePending })
	slices.SortStableFunc(pending, func(a, b Person) int {
		return a.Expires.Truncate(time.Minute).Compare(b.Expires.Truncate(time.Minute))
	})
	length := org.InvitationLife
	for _, p := range pending {
		length = max(length, p.Expires.Sub(s.Now))
	}
	place := func(t time.Time) float64 { return 100 * max(0, float64(t.Sub(s.Now))/float64(length)) }
	ticks = dayTicks(s.Now, length, place)
	for _, p := range pending {
		if p.Expires.IsZero() {
			unknown = append(unknown, nameOf(p))
			continue
		}
		when := pageMinute(p.Expires.Truncate(time.Minute))
		if len(rows) == 0 || rows[len(rows)-1].When != when {
			rows = append(rows, expiryRow{When: when, Left: formatDuration(p.Expires.Sub(s.Now)), At: place(p.Expires),
				Ticks: ticks})
		}
		last := &rows[len(rows)-1]
		last.People = append(last.People, nameOf(p))
	}
	return rows, ticks, unknown
}

// dayTicks returns the midnights on a timeline, or as many of them as there is room for.
func dayTicks(from time.Time, length time.Duration, place func(time.Time) float64) []tick {
	const most, day = 4, 24 * time.Hour
	step := (length/day + most - 1) / most * day
	var ticks []tick
	for t := from.UTC().Truncate(day).Add(day); !t.After(from.Add(length)); t = t.Add(step) {
		at, anchor := place(t), "middle"
		switch {
		case at < 8:
			anchor = "start"
		case at > 92:
			anchor = "end"
		}
		ticks = append(ticks, tick{at, t.Format("Mon 2"), anchor})
	}
	return ticks
}

func newRow(p Person, now time.Time) statusRow {
	r := statusRow{personName: nameOf(p), State: p.stateText(Clean), Tone: stateStyles[p.state()].color.cssClass(),
		Since: pageDate(p.since()), Teams: joinNames(teamTexts(p.Teams))}
	if p.state() == plan.StatePending && !p.Expires.IsZero() {
		r.Expires, r.Left = pageMinute(p.Expires), formatDuration(p.Expires.Sub(now))
	}
	if p.Ended {
		return r
	}
	r.Mails, r.Access = p.Rounds, p.accessCount()
	r.Has = joinNames(slices.DeleteFunc(slices.Clone(p.Wanted),
		func(name string) bool { return slices.Contains(p.Missing, name) }))
	if p.UserID == "" {
		r.Gets = joinNames(p.Missing) // an invitation gives no access before it is accepted
	} else {
		r.Lacks = joinNames(p.Missing)
	}
	return r
}

// joinNames returns the names of list, cleaned, in one text.
func joinNames(list []string) string {
	clean := make([]string, len(list))
	for i, name := range list {
		clean[i] = Clean(name, addressWidth)
	}
	return strings.Join(clean, ", ")
}

func newDetail(p Person, now time.Time) personDetail {
	d := personDetail{personName: nameOf(p), Source: Clean(p.Source, addressWidth)}
	for _, f := range p.facts(now, Clean) {
		d.Facts = append(d.Facts, pageFact{f.what, f.text, f.color.cssClass()})
	}
	for _, e := range p.History {
		d.Events = append(d.Events, pageEvent{
			pageMinute(e.Time), Clean(e.Action, addressWidth), Clean(e.Outcome, addressWidth),
			Clean(cmp.Or(e.InvitationID, e.Object), addressWidth),
		})
	}
	return d
}

// unlistedRows returns people who are not in the roster, with those first whom apply suspends or
// removes.
func unlistedRows(leaving []plan.Change, unlisted []plan.Notice, escape escaper) []unlistedRow {
	var all []unlistedRow
	for _, c := range leaving {
		who := unlistedRow{personName: personName{Email: escape(c.Email.String(), addressWidth)}, What: "user",
			Next: "apply would " + styleOf(c.Action).word + " them"}
		if c.Source != "" {
			who.What = "user, last day passed"
		}
		all = append(all, who)
	}
	for _, n := range unlisted {
		who := unlistedRow{personName: personName{Email: cmp.Or(escape(n.Email.String(), addressWidth),
			"an address that cannot be read")}}
		switch {
		case n.UserID == "":
			who.What, who.Expires, who.Next = "invitation", pageMinute(n.Expires), "the API cannot cancel it"
		case n.Since.IsZero():
			who.Name, who.What, who.Next = escape(n.Text, addressWidth), "user", "only reported"
		default:
			who.What, who.Next = "user, no longer in the roster"+sinceText(n.Since), "only reported"
		}
		all = append(all, who)
	}
	return all
}
