package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/printable/printabletest"
)

// surveyed is staffed with people who are not in the roster.
func surveyed() Status {
	s := staffed()
	s.Notices = append(s.Notices, plan.Notice{Kind: plan.Unlisted, Email: address("kay@example.com"), UserID: "user-kay",
		Since: now.AddDate(0, 0, -3)})
	s.Unlisted = []plan.Notice{
		{Kind: plan.Unlisted, Email: address("mia@example.com"), UserID: "user-mia", Text: "Mia \u202eWallace"},
		{Kind: plan.Unlisted, Email: address("ned@partner.example"), InvitationID: "inv-ned",
			Expires: now.Add(30 * time.Hour)},
		{Kind: plan.Unlisted, InvitationID: "inv-unreadable"},
		{Kind: plan.Unlisted, Email: address("pia@example.com"), UserID: "user-pia", NotAccepted: true},
		{Kind: plan.Unlisted, Email: address("pam@example.com"), UserID: "user-pam", Suspended: true},
		{Kind: plan.Unlisted, Email: address("kim@example.com"), UserID: "user-kim", Suspended: true,
			Since: now.AddDate(0, 0, -3)},
	}
	s.Leaving = []plan.Change{
		{Action: plan.Remove, Reason: plan.NotListed, Email: address("mallory@example.com"), UserID: "user-mallory"},
		{Action: plan.Suspend, Reason: plan.NotListed, Email: address("lou@example.com"), UserID: "user-lou",
			Source: "users.yaml:31"},
	}
	s.People[len(s.People)-1].Name = "Leo \u202eda Vinci"
	s.People[0].Wanted = append([]string{"role auditor"}, s.People[0].Missing...)
	return s
}

func pageOf(t *testing.T, s Status) string {
	t.Helper()
	var buf bytes.Buffer
	if err := document.WriteHTML(&buf, StatusDocument(s)); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// pages are the pages of the tests.
func pages() map[string]Status {
	stale := staffed()
	stale.Stale, stale.UnknownWait, stale.People, stale.Notices = 14*24*time.Hour, 2, stale.People[3:5], stale.Notices[3:]
	settled := staffed()
	settled.People, settled.Notices = settled.People[1:2], nil
	return map[string]Status{
		"status":         surveyed(),
		"status-one":     one(),
		"status-stale":   stale,
		"status-nobody":  {Organization: acme, Now: now, Stale: 36 * time.Hour},
		"status-settled": settled,
	}
}

func TestPageGolden(t *testing.T) {
	t.Parallel()
	for name, s := range pages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The golden files leave out the style sheet, which is a file in the repository.
			got := pageOf(t, s)
			_, rest, _ := strings.Cut(got, "<style>")
			style, _, _ := strings.Cut(rest, "</style>")
			sum := sha256.Sum256([]byte(style))
			hash := strings.ReplaceAll(base64.StdEncoding.EncodeToString(sum[:]), "+", "&#43;")
			got = strings.Replace(strings.Replace(got, style, "…", 1), hash, "…", 1)
			checkGolden(t, name+".html", got)
		})
	}
}

// TestPageHasWholeStatus checks that the page has everything that the text has about a person.
func TestPageHasWholeStatus(t *testing.T) {
	t.Parallel()
	for name, s := range pages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := []string{printable.Clean(s.Organization.Name, document.AddressWidth), printable.Clean(s.Organization.ID,
				document.AddressWidth), document.Plain(statusSummary(s)), "2026-11-23 07:00 UTC"}
			for _, p := range s.People {
				want = append(want, p.Email.String(), printable.Clean(p.Name, document.AddressWidth))
				if !s.Detailed {
					want = append(want, stateStyles[p.shownState()].word, document.Plain(p.row(s.Now).Cells[2].Text))
				}
				if !p.Ended {
					want = append(want, document.Plain(joinNames(p.Missing)))
				}
				if p.shownState() == plan.StatePending {
					want = append(want, formatDuration(p.Expires.Sub(s.Now)))
				}
				for _, f := range s.facts(p) {
					if s.Detailed {
						want = append(want, document.Plain(f.Text))
					}
				}
				for _, e := range p.History {
					want = append(want, document.FormatTime(e.Time), string(e.Action), string(e.Outcome), e.InvitationID, e.Object)
				}
			}
			for _, n := range s.Notices {
				if n.Kind != plan.Waiting && n.Kind != plan.Unlisted {
					want = append(want, document.Plain(fillIn(wordsOf(n).one, n, s.Now)))
				}
			}
			for _, n := range append(s.Notices, s.Unlisted...) {
				want = append(want, n.Email.String())
				if n.Kind == plan.Unlisted {
					want = append(want, printable.Clean(n.Text, document.AddressWidth), sinceText(n.Since),
						document.FormatTime(n.Expires))
				}
			}
			for _, c := range s.Leaving {
				want = append(want, c.Email.String(), "apply would "+actionStyles[c.Action].word+" them")
			}
			counted := 0
			for _, tile := range s.tiles(0) {
				counted += tile.Count
			}
			if counted != len(s.People) {
				t.Errorf("%d of %d people are counted", counted, len(s.People))
			}
			seen := visibleText(t, pageOf(t, s))
			for _, part := range want {
				if !strings.Contains(seen, part) {
					t.Errorf("the page does not say %q:\n%s", part, seen)
				}
			}
		})
	}
}

// visibleText is the text between the tags.
func visibleText(t *testing.T, page string) string {
	t.Helper()
	var b strings.Builder
	for n := range parsed(t, page).Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}

func parsed(t *testing.T, page string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// elements returns the elements of the document with their attributes, without attribute values that may be text.
func elements(doc *html.Node) []string {
	var all []string
	for n := range doc.Descendants() {
		if n.Type == html.TextNode || n.Type == html.DoctypeNode {
			continue
		}
		if n.Data == "wbr" || slices.Contains(n.Attr, html.Attribute{Key: "class", Val: "piece"}) {
			continue // where an address may be broken
		}
		s := fmt.Sprintf("%d %s", n.Type, n.Data)
		for _, a := range n.Attr {
			s += fmt.Sprintf(" %s=%q", a.Key, a.Val)
		}
		all = append(all, s)
	}
	return all
}

// pagesWith returns pages with these texts, so that each text is in each place for text from outside.
func pagesWith(texts ...string) []Status {
	whole, detailed := surveyed(), one()
	for _, status := range []*Status{&whole, &detailed} {
		status.Organization = org.Organization{ID: texts[0], Name: texts[0]}
		status.People = repeated(status.People, len(texts))
		for i := range status.People {
			p, s := &status.People[i], texts[i%len(texts)]
			p.Name, p.Source, p.InvitationID, p.UserID = s, s, s, s
			p.Groups, p.Roles, p.Policies, p.Wanted, p.Missing = []string{s}, []string{s}, []string{s},
				[]string{s, "group everyone"}, []string{s}
			if i%3 == 0 {
				p.State = plan.State(s)
			}
			if status.Detailed {
				p.Verified = &Verification{Invitation: org.Invitation{StatusText: s}}
				if i%2 == 0 {
					p.Verified.Problem = errors.New(s)
				}
				p.History = []ledger.Entry{{Time: now, Action: ledger.Action(s), Outcome: ledger.Outcome(s), InvitationID: s}}
			}
		}
		for _, s := range texts {
			for _, kind := range plan.NoticeKinds {
				status.Notices = append(status.Notices, plan.Notice{Kind: kind, Email: address("ada@example.com"), InvitationID: s,
					Text: s})
			}
		}
	}
	whole.Unlisted = repeated(whole.Unlisted, len(texts))
	for i := range whole.Unlisted {
		whole.Unlisted[i].Text, whole.Unlisted[i].InvitationID = texts[i%len(texts)], texts[i%len(texts)]
	}
	return []Status{whole, detailed}
}

// repeated returns list repeated so often that it has at least n items.
func repeated[E any](list []E, n int) []E {
	return slices.Clip(slices.Repeat(list, 1+n/len(list)))
}

// FuzzStatusHTML checks that text from outside does not change the elements of a page.
func FuzzStatusHTML(f *testing.F) {
	for _, s := range printabletest.Hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, known := stateStyles[plan.State(s)]; known {
			t.Skip("a state that there is makes another row")
		}
		harmless := "x"
		if printable.Clean(s, 10) == "" {
			harmless = "" // a text that is not there is not shown
		}
		with, without := pagesWith(s), pagesWith(harmless)
		for i := range with {
			page := pageOf(t, with[i])
			doc := parsed(t, page)
			if diff := cmp.Diff(elements(parsed(t, pageOf(t, without[i]))), elements(doc)); diff != "" {
				t.Errorf("%q makes another page (-harmless +this):\n%s", s, diff)
			}
			for n := range doc.Descendants() {
				for _, a := range n.Attr {
					if strings.HasPrefix(a.Key, "on") || slices.Contains([]string{"style", "href", "src"}, a.Key) {
						t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
					}
				}
				if slices.Contains([]string{"script", "a", "img", "iframe", "object", "embed", "form", "link", "base"}, n.Data) &&
					n.Type == html.ElementNode {
					t.Errorf("there is a %s", n.Data)
				}
			}
			for _, r := range page {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Errorf("%q holds %U", s, r)
				}
			}
		}
	})
}

// TestTimeline checks that the page has a time line only where invitations expire at different times.
func TestTimeline(t *testing.T) {
	t.Parallel()
	s := staffed()
	for _, differ := range []bool{true, false} {
		for i := range s.People {
			if s.People[i].State == plan.StatePending && !differ {
				s.People[i].Expires = now.Add(51 * time.Hour)
			}
		}
		if got := strings.Contains(pageOf(t, s), "Pending invitations"); got != differ {
			t.Errorf("times differ: %t; the page has a time line: %t", differ, got)
		}
	}
}
