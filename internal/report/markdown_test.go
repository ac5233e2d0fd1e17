package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/diff"
	"github.com/orgsync/orgsync/internal/doctor"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/printable/printabletest"
	"github.com/orgsync/orgsync/internal/roster"
)

// A large report fits into a comment. Short tables stay whole, and cut tables give the number of missing rows.
func TestMarkdownBound(t *testing.T) {
	if testing.Short() {
		t.Skip("slow under the race detector, which runs the short tests")
	}
	t.Parallel()
	for _, people := range []int{100, 1000, 20_000} {
		p := plan.Plan{Organization: acme, Now: now}
		for i := range people {
			p.Changes = append(p.Changes, plan.Change{Action: plan.Invite, Reason: plan.NotInvited, Source: "users.yaml:1",
				Email: address(fmt.Sprintf("somebody-with-a-name-%d@example.com", i))})
			p.Notices = append(p.Notices, plan.Notice{Kind: plan.Waiting, Email: address(fmt.Sprintf("%d@example.com", i))})
		}
		for i := range 3 {
			p.Changes = append(p.Changes, plan.Change{Action: plan.Remove, Reason: plan.NotListed,
				Email: address(fmt.Sprintf("gone-%d@example.com", i))})
		}
		longError := errors.New(strings.Repeat("`日", 1000))
		for name, render := range map[string]func(*bytes.Buffer) error{
			"plan": func(b *bytes.Buffer) error { return document.WriteMarkdown(b, PlanDocument(p)) },
			"apply": func(b *bytes.Buffer) error {
				return document.WriteMarkdown(b, ApplyDocument(p, all(p, apply.Failed, longError)))
			},
		} {
			var buf bytes.Buffer
			if err := render(&buf); err != nil {
				t.Fatal(err)
			}
			text := buf.String()
			if len(text) >= document.MaxMarkdown {
				t.Errorf("%s of %d people: %d bytes", name, people, len(text))
			}
			if n := strings.Count(text, "`gone-"); n != 3 {
				t.Errorf("%s of %d people: %d of 3 removals", name, people, n)
			}
			shown := strings.Count(text, "`somebody-")
			if shown == 0 {
				t.Errorf("%s of %d people: no invitation is shown", name, people)
			}
			said := fmt.Sprintf("_… and %d more, not shown here", people-shown)
			if strings.Contains(text, said) != (shown < people) {
				t.Errorf("%s of %d people shows %d, and %q is wrongly present or missing", name, people, shown, said)
			}
			if !strings.HasSuffix(text, "</details>\n\n") && name == "plan" {
				t.Errorf("%s of %d people: the notices are not closed", name, people)
			}
		}
	}
}

// codePiece matches text from outside as code writes it.
var codePiece = regexp.MustCompile("`[^`|\\\\]+`|<code>([^!-~]|[0-9A-Za-z]|&#[0-9]+;)+</code>")

// FuzzMarkdown checks that text from outside does not change the lines and the markup of a report, and that the text
// is only in code.
func FuzzMarkdown(f *testing.F) {
	for _, s := range printabletest.Hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if printable.Clean(s, 10) == "" {
			t.Skip("a text that is not there is not shown")
		}
		if _, known := stateStyles[plan.State(s)]; known {
			t.Skip("a state that there is makes another row")
		}
		harmless, got := strings.Join(markdownWith(t, "x"), ""), strings.Join(markdownWith(t, s), "")
		for _, r := range got {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%q holds %U", got, r)
			}
		}
		if strings.Contains(got, "##[") || strings.Contains(got, "\n::") {
			t.Errorf("a runner may take this for a command: %q", got)
		}
		if strings.Contains(got, ", not shown here") {
			return // a long text in every place is cut where a short one is not
		}
		if diff := cmp.Diff(codePiece.ReplaceAllString(harmless, "`…`"), codePiece.ReplaceAllString(got, "`…`")); diff != "" {
			t.Errorf("%q acts (-harmless +this):\n%s", s, diff)
		}
	})
}

// outcomeWith returns a plan and its result, with s in each place for text from outside.
func outcomeWith(s string) (plan.Plan, apply.Result) {
	ada := address("ada@example.com")
	p := plan.Plan{
		Organization: org.Organization{ID: s, Name: s}, Now: now,
		Changes: []plan.Change{
			{Action: plan.Invite, Reason: plan.NotInvited, Email: ada, Source: s},
			{Action: plan.Grant, Reason: plan.MissingAccess, Email: ada, Source: s, Detail: plan.Detail{Kind: org.KindRole,
				Name: s}},
		},
	}
	for _, kind := range plan.NoticeKinds {
		p.Notices = append(p.Notices, plan.Notice{Kind: kind, Email: ada, Source: s, InvitationID: s, Text: s},
			plan.Notice{Kind: kind, Email: ada, UserID: s, Text: s})
	}
	r := all(p, apply.Failed, &org.CallError{Op: "invite", Target: "ada@example.com", Failure: org.Refused, Status: 400,
		Message: s})
	r.Changes[1].Err = errors.New(s)
	r.Stopped = errors.New(s)
	return p, r
}

// checkupWith returns a result of doctor with s in each place for text from outside.
func checkupWith(s string) (DoctorRun, doctor.Checkup) {
	c := examined()
	c.Organization = org.Organization{ID: s, Name: s}
	c.Organizations = []org.Organization{c.Organization, acme}
	for i := range c.Endpoints {
		c.Endpoints[i].Message, c.Endpoints[i].Permission = s, s
	}
	for i := range c.Traits {
		c.Traits[i].Seen = []string{s}
	}
	for i := range c.Limits {
		// those name a kind of access
		if kind := c.Limits[i].Kind; kind != doctor.LimitAccessUnseen && kind != doctor.LimitHoldersUnseen {
			c.Limits[i].Detail = s
		}
	}
	c.RateHeaders = map[string]string{s: s}
	return DoctorRun{Dialect: "dates=sql", Recorded: s, Note: s}, c
}

// markdownWith returns every report in Markdown, with s in each place for text from outside.
func markdownWith(t *testing.T, s string) []string {
	t.Helper()
	p, r := outcomeWith(s)
	d, c := checkupWith(s)
	var reports []string
	renders := []func(io.Writer) error{
		func(w io.Writer) error { return document.WriteMarkdown(w, DoctorDocument(d, c)) },
		func(w io.Writer) error { return document.WriteMarkdown(w, PlanDocument(p)) },
		func(w io.Writer) error { return document.WriteMarkdown(w, ApplyDocument(p, r)) },
		func(w io.Writer) error {
			return document.WriteMarkdown(w, StaleDocument(&plan.StaleError{Saved: org.Organization{ID: s}, OnlySaved: p.Changes,
				OnlyFresh: p.Changes}))
		},
		func(w io.Writer) error {
			return document.WriteMarkdown(w, ProblemsDocument([]roster.Problem{{At: roster.Position{File: s, Line: 1, Column: 2},
				Text: s}}))
		},
		func(w io.Writer) error {
			return document.WriteMarkdown(w,
				DiffDocument(diff.Difference{People: []diff.Person{{Kind: diff.Added, Email: address("ada@example.com"),
					Name: s}}}))
		},
	}
	for _, status := range pagesWith(s) {
		renders = append(renders, func(w io.Writer) error { return document.WriteMarkdown(w, StatusDocument(status)) })
	}
	for _, render := range renders {
		var buf bytes.Buffer
		if err := render(&buf); err != nil {
			t.Fatal(err)
		}
		reports = append(reports, buf.String())
	}
	return reports
}

// If reports are joined, the HTML of one report does not continue in the next report.
func TestMarkdownOfJoinedReports(t *testing.T) {
	t.Parallel()
	for i, report := range markdownWith(t, "from outside") {
		lines := strings.Split(report, "\n")
		if len(lines) < 3 || !strings.HasPrefix(lines[0], "### ") || strings.Contains(lines[0], "from outside") ||
			lines[1] != "" {
			t.Errorf("report %d begins with %q", i, lines[:2])
		}
		if !strings.HasSuffix(report, "\n\n") {
			t.Errorf("report %d does not end with a blank line", i)
		}
	}
}

// A status with many people, or with much about each person, is not larger than MaxMarkdown. It has the people who
// leave and the notices. A cut part gives the number of missing rows, and the format that has them.
func TestStatusMarkdownBound(t *testing.T) {
	if testing.Short() {
		t.Skip("slow under the race detector, which runs the short tests")
	}
	t.Parallel()
	long := strings.Repeat("`日", 1000)
	history := func(id string) []ledger.Entry {
		return slices.Repeat([]ledger.Entry{{Time: now, Action: "invite", Outcome: "sent", InvitationID: id}}, 2000)
	}
	first, others := history("inv-first"), history("inv-other")
	for _, people := range []int{1, 100, 20_000} {
		whole := Status{Organization: org.Organization{ID: long, Name: long}, Now: now}
		for i := range people {
			p := Person{PersonStatus: plan.PersonStatus{
				Email: address(fmt.Sprintf("somebody-%d@example.com", i)), State: plan.States[i%len(plan.States)],
				Missing: []string{"group platform"}, FirstMail: now,
			}}
			whole.People = append(whole.People, p)
			whole.Unlisted = append(whole.Unlisted, plan.Notice{Kind: plan.Unlisted,
				Email: address(fmt.Sprintf("unlisted-%d@example.com", i)), UserID: "u"})
		}
		whole.Notices = []plan.Notice{{Kind: plan.GaveUp, Email: address("weary@example.com"), Mails: 4}}
		for i := range 3 {
			whole.Leaving = append(whole.Leaving, plan.Change{Action: plan.Remove, Reason: plan.NotListed,
				Email: address(fmt.Sprintf("gone-%d@example.com", i))})
		}
		detailed := whole
		detailed.Detailed, detailed.Unlisted, detailed.Leaving, detailed.People = true, nil, nil, slices.Clone(whole.People)
		for i := range detailed.People {
			p := &detailed.People[i]
			p.Verified = &Verification{Problem: errors.New(long)}
			p.Name, p.Source, p.InvitationID, p.UserID, p.Missing = long, long, long, long, []string{long}
			p.Groups, p.Roles, p.Policies, p.Wanted = p.Missing, p.Missing, p.Missing, p.Missing
			p.History = others
		}
		detailed.People[0].History = first
		for name, s := range map[string]Status{"everybody": whole, "each": detailed} {
			var buf bytes.Buffer
			if err := document.WriteMarkdown(&buf, StatusDocument(s)); err != nil {
				t.Fatal(err)
			}
			text := buf.String()
			if len(text) >= document.MaxMarkdown {
				t.Errorf("%s of %d: %d bytes", name, people, len(text))
			}
			rows, leaving := "\n| `somebody-", whole.Leaving
			if s.Detailed {
				rows, leaving = "\n#### `somebody-", nil
			}
			shown, said := strings.Count(text, rows), "_… and %d more, not shown here: use --output text to see all of them._"
			if shown == 0 || strings.Contains(text, fmt.Sprintf(said, people-shown)) != (shown < people) {
				t.Errorf("%s of %d: %d are shown, and the note on what is left out is wrong:\n%.2000s", name, people, shown, text)
			}
			if s.Detailed {
				if cut := fmt.Sprintf(said, 2000-strings.Count(text, "`inv-first` |")); !strings.Contains(text, cut) {
					t.Errorf("%s of %d: the first history is cut without saying %q", name, people, cut)
				}
			} else if cut := "use --output html to see all of them"; strings.Contains(text,
				cut) != (people > document.MaxShown) {
				t.Errorf("%s of %d: %q is wrongly present or missing", name, people, cut)
			}
			for _, c := range leaving {
				if !strings.Contains(text, "\n| `"+c.Email.String()+"` | user | apply would remove them |") {
					t.Errorf("%s of %d: %s, who is to be removed, is missing", name, people, c.Email)
				}
			}
			if !strings.Contains(text, "\n- `weary@example.com` got 4 invitation mails") ||
				!strings.HasSuffix(text, "</details>\n\n") {
				t.Errorf("%s of %d: the notice is missing, or the notices are not closed", name, people)
			}
		}
	}
}

// A cut table names a format that has all rows. Text does not have them either.
func TestStatusMarkdownManyLeave(t *testing.T) {
	t.Parallel()
	s := surveyed()
	s.Leaving = slices.Repeat(s.Leaving, 1000)
	var buf bytes.Buffer
	if err := document.WriteMarkdown(&buf, StatusDocument(s)); err != nil {
		t.Fatal(err)
	}
	shown := strings.Count(buf.String(), " | apply would ")
	if said := fmt.Sprintf("_… and %d more, not shown here: use --output html to see all of them._",
		2007-shown); shown == 0 || !strings.Contains(buf.String(), said) {
		t.Errorf("%d are shown, and not said: %q", shown, said)
	}
}

// TestStatusMarkdownHasWholeStatus checks that Markdown has everything that the text has about a person.
func TestStatusMarkdownHasWholeStatus(t *testing.T) {
	t.Parallel()
	marks := strings.NewReplacer("`", "", "<code>", "", "</code>", "", "|", " ", ":", " ")
	plain := func(s string) string { return strings.Join(strings.Fields(marks.Replace(html.UnescapeString(s))), " ") }
	for name, s := range pages() {
		var text, markdown bytes.Buffer
		if err := errors.Join(document.WriteText(&text, StatusDocument(s), 0, false), document.WriteMarkdown(&markdown,
			StatusDocument(s))); err != nil {
			t.Fatal(err)
		}
		got := plain(markdown.String())
		for line := range strings.Lines(text.String()) {
			if line = plain(line); !strings.Contains(got, line) && !strings.HasPrefix(line, "PERSON") {
				t.Errorf("%s: nothing of %q in\n%s", name, line, got)
			}
		}
	}
}

// A report of doctor is not larger than MaxMarkdown, and has the suggested command at its end.
func TestDoctorMarkdownBound(t *testing.T) {
	t.Parallel()
	d, c := checkupWith(strings.Repeat("`日", 1000))
	c.Organizations = slices.Repeat(c.Organizations, 10_000)
	c.Limits = slices.Repeat(c.Limits, 10)
	var buf bytes.Buffer
	if err := document.WriteMarkdown(&buf, DoctorDocument(d, c)); err != nil {
		t.Fatal(err)
	}
	text := buf.String()
	if len(text) >= document.MaxMarkdown {
		t.Errorf("%d bytes", len(text))
	}
	if shown := strings.Count(text, "(`"+acme.ID+"`)\n"); shown != 5 || !strings.Contains(text, "- and 19990 more\n") {
		t.Errorf("%d of the organizations are shown, and how many are not is not said", 2*shown)
	}
	if !strings.Contains(text, "\n    orgsync sandbox serve --dialect "+d.Dialect+"\n") {
		t.Error("what to try is missing")
	}
}
