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
//   - It is one file that asks nothing of a network: no script, no picture, no font. Its one style is let through by hash,
//     and everything else is refused (Content Security Policy, level 3), so no element has a style of its own.
//   - Text from outside is cleaned, and stands between tags, never within one; html/template escapes it.
//   - Colour only repeats what a word says.
//   - A table that becomes a list on a phone names its roles: a browser forgets them with the table's layout.

//go:embed page
var pageFiles embed.FS

var (
	pageTemplate = template.Must(template.ParseFS(pageFiles, "page/status.html.tmpl"))
	pageStyle    = mustRead("page/status.css")
	pagePolicy   = fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'", hash(pageStyle))
)

func mustRead(file string) string {
	content, err := pageFiles.ReadFile(file)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(content)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// StatusHTML writes s as a web page of one file, for a screen of any width and for paper: what [StatusText] tells, when
// each invitation lapses and, where s is about everybody, who is not in the roster. Nothing is written when it fails to be
// made; else the error is w's.
func StatusHTML(w io.Writer, s Status) error {
	var buf bytes.Buffer
	if err := pageTemplate.Execute(&buf, newPage(s)); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	_, err := w.Write(buf.Bytes())
	return err
}

// page is what the template shows. Its texts are clean.
type page struct {
	Style  template.CSS
	Policy string

	Organization, OrganizationID string
	Made                         instant
	Summary                      string
	Tallies                      []tally
	Matters                      []template.HTML

	Ticks  []tick
	Lapses []lapse
	// Unknown are people who are pending for nobody knows how long.
	Unknown []named

	Everybody bool
	Rows      []statusRow
	Details   []personDetail
	Strangers []stranger
}

// instant is a time for people and for machines; Text is "" when it is not known.
type instant struct{ Text, Stamp string }

// named is who somebody is; Name is "" when it is not known.
type named struct{ Email, Name string }

// tally counts the people of a state. Start and Share are its part of everybody, in percent.
type tally struct {
	Count         int
	Word, Meaning string
	Tone          string
	Start, Share  float64
}

// tick is the beginning of a day on the time line, which is 100 long.
type tick struct {
	At            float64
	Label, Anchor string
}

// lapse is a minute in which invitations lapse, and how far off it is on the time line.
type lapse struct {
	When   instant
	Left   string
	At     float64
	Ticks  []tick
	People []named
}

// statusRow is where somebody stands.
type statusRow struct {
	named
	State, Tone      string
	Since            instant
	Expires          instant
	Left             string
	Mails            int
	Access           string
	Has, Gets, Lacks string
}

// personDetail is all that is known of somebody.
type personDetail struct {
	named
	Source string
	Facts  []pageFact
	Events []pageEvent
}

type pageFact struct{ What, Text, Tone string }

type pageEvent struct {
	Time                    instant
	Action, Outcome, Object string
}

// stranger is somebody who is not in the roster.
type stranger struct {
	named
	What    string
	Expires instant
	Next    string
}

func newPage(s Status) page {
	p := page{
		Style: template.CSS(pageStyle), Policy: pagePolicy, Organization: Clean(s.Organization.Name, addressWidth),
		OrganizationID: Clean(s.Organization.ID, addressWidth), Made: minute(s.Now), Summary: statusSummary(s, Clean), Everybody: s.Everybody(),
		Tallies: tallies(s.People),
	}
	p.Lapses, p.Ticks, p.Unknown = timeLine(s)
	unlisted := s.Unlisted
	for _, n := range byUrgency(s.Notices) {
		switch {
		case isWaiting(n):
		case n.Kind == plan.Unlisted && p.Everybody: // somebody whose last day is over
			unlisted = append(unlisted[:len(unlisted):len(unlisted)], n)
		default:
			p.Matters = append(p.Matters, template.HTML(sentence(n, s.Now, isolated)))
		}
	}
	p.Strangers = strangers(s.Leaving, unlisted, Clean)
	for _, who := range s.People {
		if s.Detailed {
			p.Details = append(p.Details, newDetail(who, s.Now))
		} else {
			p.Rows = append(p.Rows, newRow(who, s.Now))
		}
	}
	return p
}

// isolated shows text from outside among a page's own words: its letters, whichever way they run, move none of those.
func isolated(text string, width int) string {
	if text = Clean(text, width); text == "" {
		return ""
	}
	return "<bdi>" + template.HTMLEscapeString(text) + "</bdi>"
}

func minute(t time.Time) instant {
	if t.IsZero() {
		return instant{}
	}
	return instant{moment(t), t.UTC().Format(time.RFC3339)}
}

func date(t time.Time) instant {
	if t.IsZero() {
		return instant{}
	}
	day := t.UTC().Format(time.DateOnly)
	return instant{day, day}
}

func nameOf(p Person) named {
	return named{Clean(p.Email.String(), addressWidth), Clean(p.Name, addressWidth)}
}

// tone is the class of a colour.
func (c color) tone() string {
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

// tallies counts people by state, those first who need nobody.
func tallies(people []Person) []tally {
	n := map[plan.State]int{}
	for _, p := range people {
		n[p.state()]++
	}
	order := slices.Clone(plan.States)
	slices.Reverse(order)
	var all []tally
	start := 0.0
	for _, state := range append(order, overdue, ended) {
		if n[state] == 0 {
			continue
		}
		st, share := standings[state], 100*float64(n[state])/float64(len(people))
		word := st.many
		if n[state] == 1 {
			word = st.word
		}
		all = append(all, tally{n[state], word, st.meaning, st.color.tone(), start, share})
		start += share
	}
	return all
}

// timeLine is what lapses when, soonest first, on a line from now to the last of it that is no shorter than an invitation
// lives.
func timeLine(s Status) (lapses []lapse, ticks []tick, unknown []named) {
	pending := slices.DeleteFunc(slices.Clone(s.People), func(p Person) bool { return p.state() != plan.StatePending })
	slices.SortStableFunc(pending, func(a, b Person) int { return a.Expires.Truncate(time.Minute).Compare(b.Expires.Truncate(time.Minute)) })
	length := org.InvitationLife
	for _, p := range pending {
		length = max(length, p.Expires.Sub(s.Now))
	}
	place := func(t time.Time) float64 { return 100 * max(0, float64(t.Sub(s.Now))/float64(length)) }
	ticks = days(s.Now, length, place)
	for _, p := range pending {
		if p.Expires.IsZero() {
			unknown = append(unknown, nameOf(p))
			continue
		}
		when := minute(p.Expires.Truncate(time.Minute))
		if len(lapses) == 0 || lapses[len(lapses)-1].When != when {
			lapses = append(lapses, lapse{When: when, Left: span(p.Expires.Sub(s.Now)), At: place(p.Expires), Ticks: ticks})
		}
		last := &lapses[len(lapses)-1]
		last.People = append(last.People, nameOf(p))
	}
	return lapses, ticks, unknown
}

// days are the midnights on a time line, or as many of them as have room for their names.
func days(from time.Time, length time.Duration, place func(time.Time) float64) []tick {
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
	r := statusRow{named: nameOf(p), State: p.stateWord(Clean), Tone: standings[p.state()].color.tone(), Since: date(p.since())}
	if p.state() == plan.StatePending && !p.Expires.IsZero() {
		r.Expires, r.Left = minute(p.Expires), span(p.Expires.Sub(now))
	}
	if p.Ended {
		return r
	}
	r.Mails, r.Access = p.Rounds, p.access()
	r.Has = names(slices.DeleteFunc(slices.Clone(p.Wanted), func(name string) bool { return slices.Contains(p.Missing, name) }))
	if p.UserID == "" {
		r.Gets = names(p.Missing) // nobody has access before they are in
	} else {
		r.Lacks = names(p.Missing)
	}
	return r
}

// names are clean names in one text.
func names(list []string) string {
	clean := make([]string, len(list))
	for i, name := range list {
		clean[i] = Clean(name, addressWidth)
	}
	return strings.Join(clean, ", ")
}

func newDetail(p Person, now time.Time) personDetail {
	d := personDetail{named: nameOf(p), Source: Clean(p.Source, addressWidth)}
	for _, f := range p.facts(now, Clean) {
		d.Facts = append(d.Facts, pageFact{f.what, f.text, f.color.tone()})
	}
	for _, e := range p.History {
		d.Events = append(d.Events, pageEvent{
			minute(e.Time), Clean(e.Action, addressWidth), Clean(e.Outcome, addressWidth), Clean(cmp.Or(e.InvitationID, e.Object), addressWidth),
		})
	}
	return d
}

// strangers are those who are not in the roster, the ones first whom apply takes out.
func strangers(leaving []plan.Change, unlisted []plan.Notice, show shower) []stranger {
	var all []stranger
	for _, c := range leaving {
		who := stranger{named: named{Email: show(c.Email.String(), addressWidth)}, What: "user", Next: "apply would " + lookOf(c.Action).word + " them"}
		if c.Source != "" {
			who.What = "user, whose last day is over"
		}
		all = append(all, who)
	}
	for _, n := range unlisted {
		who := stranger{named: named{Email: cmp.Or(show(n.Email.String(), addressWidth), "an address that cannot be read")}}
		switch {
		case n.UserID == "":
			who.What, who.Expires, who.Next = "invitation", minute(n.Expires), "the API has no way to cancel it"
		case n.Since.IsZero():
			who.Name, who.What, who.Next = show(n.Text, addressWidth), "user", "only reported"
		default:
			who.What, who.Next = "user, no longer in the roster"+since(n.Since), "only reported"
		}
		all = append(all, who)
	}
	return all
}
