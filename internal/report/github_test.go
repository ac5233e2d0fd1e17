package report

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/printable/printabletest"
	"github.com/orgsync/orgsync/internal/roster"
)

func TestGitHubEscapes(t *testing.T) {
	t.Parallel()
	dir := filepath.FromSlash("/home/ci/repository")
	tests := []struct {
		name string
		file string
		text string
		want string
	}{
		{"plain", "users.yaml", "no @", "::error file=users.yaml,line=3,col=5::no @"},
		{"percent", "users.yaml", "100% %0A", "::error file=users.yaml,line=3,col=5::100%25 %250A"},
		{"commas and colons stay in the text", "users.yaml", "a, b: c", "::error file=users.yaml,line=3,col=5::a, b: c"},
		{"a line break", "users.yaml", "a\r\n::error::b", "::error file=users.yaml,line=3,col=5::a :: error::b"},
		{"a second property", "a,line=1:b.yaml", "x", "::error file=a%2Cline=1%3Ab.yaml,line=3,col=5::x"},
		{"a line break in a path", "a\r\nb%.yaml", "x", "::error file=a%0D%0Ab%25.yaml,line=3,col=5::x"},
		{"an escape code in a path", "a\x1b[31m\u202eb.yaml", "x", "::error file=a[31mb.yaml,line=3,col=5::x"},
		{"from here", "./teams/../users.yaml", "x", "::error file=users.yaml,line=3,col=5::x"},
		{"absolute", filepath.Join(dir, "teams", "a.yaml"), "x", "::error file=teams/a.yaml,line=3,col=5::x"},
		{"absolute and elsewhere", filepath.FromSlash("/etc/roster.yaml"), "x",
			"::error file=/etc/roster.yaml,line=3,col=5::x"},
		{"elsewhere", "../other/a.yaml", "x", "::error file=../other/a.yaml,line=3,col=5::x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var buf bytes.Buffer
			problems := &roster.ProblemsError{Problems: []roster.Problem{{At: roster.Position{File: tt.file, Line: 3, Column: 5},
				Text: tt.text}}}
			if err := document.WriteGitHub(&buf, ErrorDocument(problems), dir); err != nil {
				t.Fatal(err)
			}
			if got := buf.String(); got != tt.want+"\n" {
				t.Errorf("got  %q\nwant %q", got, tt.want+"\n")
			}
		})
	}
}

// TestGitHubUrgent: the annotations of changes that take something away come before the others.
func TestGitHubUrgent(t *testing.T) {
	t.Parallel()
	var p plan.Plan
	for i := range 20 {
		p.Changes = append(p.Changes, plan.Change{Action: plan.Invite, Reason: plan.NotInvited,
			Email: address(fmt.Sprintf("p%d@example.com", i))})
	}
	p.Changes = append(p.Changes,
		plan.Change{Action: plan.Update, Reason: plan.APIAccessDiffers, Email: address("x@example.com"),
			Detail: plan.Detail{APIEnabled: new(false)}},
		plan.Change{Action: plan.Revoke, Reason: plan.MoreAccess, Email: address("y@example.com")},
		plan.Change{Action: plan.Remove, Reason: plan.NotListed, Email: address("z@example.com")})
	var buf bytes.Buffer
	if err := document.WriteGitHub(&buf, PlanDocument(p), "/"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Update x@example.com", "Revoke y@example.com", "Remove z@example.com"} {
		if !strings.Contains(buf.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &buf)
		}
	}
}

// GitHub shows ten annotations of a kind. The tenth gives the number of the others.
func TestGitHubBound(t *testing.T) {
	t.Parallel()
	for _, people := range []int{0, 1, 10, 11, 2000} {
		var p plan.Plan
		for i := range people {
			email := address(fmt.Sprintf("p%d@example.com", i))
			p.Changes = append(p.Changes, plan.Change{Action: plan.Invite, Reason: plan.NotInvited, Email: email,
				Source: fmt.Sprintf("users.yaml:%d", i+2)})
			p.Notices = append(p.Notices, plan.Notice{Kind: plan.Left, Email: email})
		}
		var buf bytes.Buffer
		if err := document.WriteGitHub(&buf, PlanDocument(p), "/"); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"::notice", "::warning"} {
			if got, want := strings.Count(buf.String(), kind), min(people, 10); got != want {
				t.Errorf("%d people: %d of %s, want %d", people, got, kind, want)
			}
		}
		if more := fmt.Sprintf("::notice::… and %d more changes: ", people-9); strings.Contains(buf.String(),
			more) != (people > 10) {
			t.Errorf("%d people: %q is there or missing:\n%s", people, more, &buf)
		}
	}
}

var workflowCommand = regexp.MustCompile(`^::(error|warning|notice)( file=[^:,]+(,line=\d+)(,col=\d+)?)?::[^\r\n]*$`)

// FuzzGitHub checks that with any text, each line is a command of orgsync, and nothing in it acts on a terminal.
func FuzzGitHub(f *testing.F) {
	for _, s := range printabletest.Hostile {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, file, text string) {
		var buf bytes.Buffer
		problems := &roster.ProblemsError{Problems: []roster.Problem{{At: roster.Position{File: file, Line: 1, Column: 2},
			Text: text}}}
		p := plan.Plan{
			Changes: []plan.Change{{Action: plan.Grant, Reason: plan.MissingAccess, Email: address("ada@example.com"),
				Source: file + ":7",
				Detail: plan.Detail{Kind: org.KindGroup, Name: text}}},
			Notices: []plan.Notice{{Kind: plan.NeedsAttention, Email: address("ada@example.com"), Source: file + ":7",
				InvitationID: text, Text: text}},
		}
		for _, err := range []error{document.WriteGitHub(&buf, ErrorDocument(problems), "/"),
			document.WriteGitHub(&buf, ErrorDocument(errors.New(text)), "/"), document.WriteGitHub(&buf, PlanDocument(p), "/")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		lines := strings.Split(strings.TrimSuffix(buf.String(), "\n"), "\n")
		if len(lines) != 4 {
			t.Errorf("%d lines, want 4: %q", len(lines), lines)
		}
		for _, line := range lines {
			if !workflowCommand.MatchString(line) {
				t.Errorf("not a command: %q", line)
			}
			for _, r := range line {
				if !unicode.IsPrint(r) {
					t.Errorf("%q holds %U", line, r)
				}
			}
		}
	})
}
