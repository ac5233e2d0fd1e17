package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/diff"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/printable/printabletest"
	"github.com/orgsync/orgsync/internal/roster"
)

// warnings are two warnings about a roster. The text of one tries to act on the program that shows it.
func warnings() []roster.Problem {
	return []roster.Problem{
		{At: roster.Position{File: "users.yaml", Line: 12, Column: 5}, Text: "the last day of 2 people has no effect"},
		{At: roster.Position{File: "te|ams\x1b[31m.yaml", Line: 3, Column: 7},
			Text: "the last day of `x`\n::error::y@example.com was 2001-01-01"},
	}
}

// manyDiffer is a comparison with every kind of difference.
func manyDiffer() diff.Difference {
	d := diff.Difference{
		Settings: []diff.Field{
			{Name: diff.Organization, From: "Example Org", To: "Other\x1b[31m Org", Loosens: true},
			{Name: diff.AllowedDomains, Added: []string{"home.example"}, Loosens: true},
			{Name: diff.MaxInvites, From: "100", To: "50"},
			{Name: diff.MaxRemovals, From: "5", To: "500", Loosens: true},
			{Name: diff.MaxRevokes, From: "25", To: "300", Loosens: true},
			{Name: diff.ReinviteRounds, From: "4", To: "5", Loosens: true},
			{Name: diff.Unlisted, From: "report", To: "remove", Loosens: true},
			{Name: diff.UnlistedAfter, From: "24h", To: "0s", Loosens: true},
			{Name: diff.ExtraAccess, From: "report", To: "revoke", Loosens: true},
			{Name: diff.HiddenMembers, From: "hold", To: "invite", Loosens: true},
			{Name: diff.Protected, Removed: []string{"a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example",
				"f@x.example"}, Loosens: true},
		},
		People: []diff.Person{
			{Kind: diff.Added, Email: address("ada@example.com"), Name: "Ada Lovelace", Source: "users.yaml:12",
				Fields: []diff.Field{
					{Name: diff.APIEnabled, To: "true"}, {Name: diff.Groups, Added: []string{"everyone", "platform"}},
					{Name: diff.Roles, Added: []string{"deployer"}},
					{Name: diff.From, To: "2029-01-04"}, {Name: diff.Until, To: "2030-03-31"}, {Name: diff.External, To: "true"},
					{Name: diff.Note, To: "contractor, ticket 123"}}},
			{Kind: diff.Added, Email: address("alan@example.com"), Source: "users.yaml:14",
				SameName: address("al.an@example.com"), Fields: []diff.Field{{Name: diff.APIEnabled, To: "false"}}},
			{Kind: diff.Added, Email: address("amy@example.com"), Source: "users.yaml:15",
				Fields: []diff.Field{{Name: diff.Roles}}},
			{Kind: diff.Removed, Email: address("bob@example.com"), Name: "Bob \u202eB.", Source: "users.yaml:9"},
			{Kind: diff.Changed, Email: address("cleo@new.example"), Source: "users.yaml:20", Fields: []diff.Field{
				{Name: diff.Email, From: "cleo@example.com", To: "cleo@new.example"},
				{Name: diff.Aliases, Added: []string{"cleo@example.com"}}}},
			{Kind: diff.Changed, Email: address("dan@example.com"), Source: "users.yaml:22", Fields: []diff.Field{
				{Name: diff.APIEnabled, From: "true", To: "false"}, {Name: diff.Groups, Removed: []string{"legacy", "old"},
					Added: []string{"platform"}, Kept: []string{"old"}, KeptBecause: diff.KeptUnnamed},
				{Name: diff.Roles, ManagedNow: &no, Removed: []string{"deployer"}}, {Name: diff.Policies, ManagedNow: &yes},
				{Name: diff.From, From: "2029-01-04", To: "2029-02-01"}, {Name: diff.Until, From: "2030-03-31", To: "2031-03-31"},
				{Name: diff.Name, From: "Dan", To: "Daniel"}, {Name: diff.Note, From: "old"}}},
			{Kind: diff.Changed, Email: address("eve@example.com"), Source: "users.yaml:25", Fields: []diff.Field{
				{Name: diff.APIEnabled, From: "false", To: "true"}, {Name: diff.From, From: "2029-01-04"},
				{Name: diff.Until, From: "2030-03-31"}, {Name: diff.External, From: "true"}}},
			{Kind: diff.Changed, Email: address("fay@example.com"), Source: "users.yaml:27", Fields: []diff.Field{
				{Name: diff.APIEnabled, To: "true", ManagedNow: &yes}, {Name: diff.Groups, Added: []string{"everyone"},
					ManagedNow: &yes}}},
			{Kind: diff.Changed, Email: address("gil@example.com"), Source: "users.yaml:29",
				Fields: []diff.Field{{Name: diff.APIEnabled, From: "true", ManagedNow: &no}}},
			{Kind: diff.Changed, Email: address("ivy@example.com"), Source: "users.yaml:31", Fields: []diff.Field{
				{Name: diff.Groups, Added: []string{"finance"}, Ends: []diff.End{
					{Name: "billing", From: "2030-03-31", To: "2031-03-31"}, {Name: "finance", To: "2031-03-31"},
					{Name: "vpn", From: "2030-03-31", To: "2031-03-31"}}},
				{Name: diff.Roles, Ends: []diff.End{{Name: "deployer", From: "2030-03-31"}}},
				{Name: diff.Until, Team: "billing", From: "2030-03-31", To: "2031-03-31"},
				{Name: diff.Note, Team: "billing", To: "ticket 124"},
				{Name: diff.Until, From: "2030-03-31", To: "2031-03-31"}, {Name: diff.Note, From: "old"}}},
		},
		Warnings:  warnings(),
		Unchanged: 12,
		Unlisted:  roster.UnlistedRemove,
	}
	for i := range 12 {
		d.People = append(d.People, diff.Person{Kind: diff.Changed, Email: address(fmt.Sprintf("h%02d@example.com", i)),
			Source: "users.yaml:40",
			Fields: []diff.Field{{Name: diff.Groups, Added: []string{"vpn"}}}})
	}
	d.People = append(d.People, diff.Person{Kind: diff.SpellingOnly, Email: address("Zoe@example.com"),
		Source: "users.yaml:60",
		Fields: []diff.Field{{Name: diff.Spelling, From: "zoe@example.com", To: "Zoe@example.com"}}})
	return d
}

// The text about removed people depends on the policy of the new roster.
func TestDiffRemoved(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		policy    roster.UnlistedPolicy
		mayBePart bool
		want      string
		person    diff.Person
	}{
		{roster.UnlistedRemove, false, "is now an alias of ada@example.com  u.yaml",
			diff.Person{AliasOf: address("ada@example.com")}},
		{roster.UnlistedRemove, false, "apply would only report them: they are protected  u.yaml",
			diff.Person{Protected: true}},
		{roster.UnlistedRemove, false,
			"is now an alias of ada@example.com; apply would remove a user with the address b@b.example  u.yaml",
			diff.Person{AliasOf: address("ada@example.com"), Dropped: []org.Address{address("b@b.example")}}},
		{roster.UnlistedSuspend, false, "apply would suspend a user with the address b@b.example  u.yaml",
			diff.Person{Dropped: []org.Address{address("b@b.example")}}},
		{roster.UnlistedReport, false, "apply would only report them  u.yaml",
			diff.Person{Dropped: []org.Address{address("b@b.example")}}},
		{roster.UnlistedReport, false, "apply would only report them  u.yaml", diff.Person{}},
		{roster.UnlistedReport, true,
			"apply would only report them, unless another file of the roster sets unlisted  u.yaml", diff.Person{}},
		{roster.UnlistedSuspend, false, "apply would suspend them  u.yaml", diff.Person{}},
		{roster.UnlistedRemove, false, "apply would remove them from the organization  u.yaml", diff.Person{}},
	} {
		var buf bytes.Buffer
		tt.person.Kind, tt.person.Email, tt.person.Source = diff.Removed, address("bob@example.com"), "u.yaml:1"
		d := diff.Difference{Unlisted: tt.policy, MayBePart: tt.mayBePart, People: []diff.Person{tt.person}}
		err := document.WriteText(&buf, DiffDocument(d), 0, false)
		if err != nil || !strings.Contains(buf.String(), tt.want) {
			t.Errorf("%s: %v, want %q in:\n%s", tt.policy, err, tt.want, &buf)
		}
	}
}

// TestDiffDropped: a report says what a run would do with users who have an address that a changed person loses.
func TestDiffDropped(t *testing.T) {
	t.Parallel()
	for policy, want := range map[roster.UnlistedPolicy]string{
		roster.UnlistedRemove:  "of old@example.com; apply would remove a user with the address old@example.com  u.yaml",
		roster.UnlistedSuspend: "of old@example.com; apply would suspend a user with the address old@example.com  u.yaml",
		roster.UnlistedReport:  "instead of old@example.com  u.yaml",
	} {
		p := diff.Person{Kind: diff.Changed, Email: address("bob@example.com"), Source: "u.yaml:1",
			Fields:  []diff.Field{{Name: diff.Email, From: "old@example.com", To: "bob@example.com"}},
			Dropped: []org.Address{address("old@example.com")}}
		var buf bytes.Buffer
		err := document.WriteText(&buf, DiffDocument(diff.Difference{Unlisted: policy, People: []diff.Person{p}}), 0, false)
		if err != nil || !strings.Contains(buf.String(), want) {
			t.Errorf("%s: %v, want %q in:\n%s", policy, err, want, &buf)
		}
	}
}

// TestDiffAliases: a report says if an alias gets a last day, and if a person loses the protection.
func TestDiffAliases(t *testing.T) {
	t.Parallel()
	const want = "gains the alias b@b.example; loses the alias c@c.example; until 2030-01-31 with the alias " +
		"b@b.example; is no longer protected"
	p := diff.Person{Kind: diff.Changed, Email: address("bob@example.com"), Unprotected: true,
		Fields: []diff.Field{{Name: diff.Aliases, Added: []string{"b@b.example"}, Removed: []string{"c@c.example"},
			Ends: []diff.End{{Name: "b@b.example", To: "2030-01-31"}}}}}
	var buf bytes.Buffer
	err := document.WriteText(&buf, DiffDocument(diff.Difference{People: []diff.Person{p}}), 0, false)
	if err != nil || !strings.Contains(buf.String(), want) {
		t.Errorf("%v, want %q in:\n%s", err, want, &buf)
	}
}

// TestDiffFirstNamed: a report says that a run would take access from other people.
func TestDiffFirstNamed(t *testing.T) {
	t.Parallel()
	p := diff.Person{Kind: diff.Changed, Email: address("bob@example.com"), Source: "u.yaml:1",
		Fields: []diff.Field{{Name: diff.Groups, Added: []string{"a", "b"}, FirstNamed: []string{"b"}}}}
	var buf bytes.Buffer
	err := document.WriteText(&buf, DiffDocument(diff.Difference{People: []diff.Person{p}}), 0, false)
	const want = "gains the groups a, b (apply would take the group b from others who have it: the old roster names it " +
		"nowhere)"
	if err != nil || !strings.Contains(buf.String(), want) {
		t.Errorf("%v, want %q in:\n%s", err, want, &buf)
	}
}

// TestDiffKept checks the text about access that the roster no longer gives, and that a run would not
// take away.
func TestDiffKept(t *testing.T) {
	t.Parallel()
	groups := func(reason diff.KeptReason, kept ...string) diff.Field {
		return diff.Field{Name: diff.Groups, Removed: []string{"a", "b"}, Kept: kept, KeptBecause: reason}
	}
	tests := []struct {
		field     diff.Field
		mayBePart bool
		want      string
	}{
		{groups(""), true, "loses the groups a, b"},
		{groups(diff.KeptUnnamed, "b"), true,
			"loses the groups a, b (apply would not take the group b away: the new roster names it nowhere)"},
		{groups(diff.KeptUnnamed, "a", "b"), false,
			"loses the groups a, b (apply would not take them away: the new roster names them nowhere)"},
		{groups(diff.KeptBySetting, "a", "b"), false,
			"loses the groups a, b (apply would not take them away: extra_access is report)"},
		{groups(diff.KeptBySetting, "a", "b"), true,
			"loses the groups a, b (apply would not take them away, unless another file of the roster sets extra_access)"},
		{groups(diff.KeptProtected, "a", "b"), true,
			"loses the groups a, b (apply would not take them away: the person is protected)"},
		{diff.Field{Name: diff.Roles, Removed: []string{"r"}, Kept: []string{"r"}, KeptBecause: diff.KeptUnnamed}, false,
			"loses the role r (apply would not take it away: the new roster names it nowhere)"},
		{diff.Field{Name: diff.APIEnabled, From: "true", To: "false", KeptBecause: diff.KeptProtected}, false,
			"loses API access (apply would not take it away: the person is protected)"},
	}
	for _, tt := range tests {
		fields := []diff.Field{tt.field}
		d := diff.Difference{MayBePart: tt.mayBePart, Unlisted: roster.UnlistedReport,
			People: []diff.Person{{Kind: diff.Changed, Email: address("ada@example.com"), Source: "u.yaml:1", Fields: fields}},
			Teams:  []diff.Team{{Kind: diff.Changed, Name: "t", Source: "u.yaml:2", Fields: fields}}}
		var buf bytes.Buffer
		err := document.WriteText(&buf, DiffDocument(d), 0, false)
		for _, want := range []string{"  ada@example.com  " + tt.want + "  u.yaml:1\n", "  t  " + tt.want + "  u.yaml:2\n"} {
			if err != nil || !strings.Contains(buf.String(), want) {
				t.Errorf("%v, want %q in:\n%s", err, want, &buf)
			}
		}
	}
}

// TestDiffEnds checks the text about last days. People who only see the text must see when somebody's
// access and time in the organization end.
func TestDiffEnds(t *testing.T) {
	t.Parallel()
	const day, later = "2027-01-01", "2028-01-01"
	admin := func(from, to string) diff.Field {
		return diff.Field{Name: diff.Groups, Ends: []diff.End{{Name: "admin", From: from, To: to}}}
	}
	tests := []struct {
		kind   diff.Kind
		fields []diff.Field
		want   string
	}{
		{diff.Changed, []diff.Field{{Name: diff.Until, From: day}}, "no last day any more (was 2027-01-01)"},
		{diff.Changed, []diff.Field{{Name: diff.Until, To: day}}, "until 2027-01-01"},
		{diff.Changed, []diff.Field{admin(day, "")}, "no last day any more (was 2027-01-01) with the group admin"},
		{diff.Changed, []diff.Field{admin("", day)}, "until 2027-01-01 with the group admin"},
		{diff.Changed, []diff.Field{admin(day, later)}, "until 2028-01-01 instead of 2027-01-01 with the group admin"},
		{diff.Changed, []diff.Field{{Name: diff.Until, Team: "t", From: day}, {Name: diff.Until, From: day}},
			"no last day any more (was 2027-01-01) in the team t and in the organization"},
		{diff.Changed, []diff.Field{{Name: diff.Until, Team: "t", From: day}, {Name: diff.Until, From: later}},
			"no last day any more (was 2027-01-01) in the team t; no last day any more (was 2028-01-01) in the organization"},
		{diff.Added, []diff.Field{{Name: diff.Policies, Added: []string{"p", "q"}, Ends: []diff.End{{Name: "p", To: day},
			{Name: "q", To: day}}}, {Name: diff.Teams, Added: []string{"t"}}, {Name: diff.Until, Team: "t", To: day},
			{Name: diff.Until, To: day}},
			"policies p, q; team t; until 2027-01-01 with the policies p, q, in the team t and in the organization"},
	}
	for _, tt := range tests {
		d := diff.Difference{People: []diff.Person{{Kind: tt.kind, Email: address("ada@example.com"), Source: "u.yaml:1",
			Fields: tt.fields}}}
		var buf bytes.Buffer
		err := document.WriteText(&buf, DiffDocument(d), 0, false)
		if err != nil || !strings.Contains(buf.String(), "  ada@example.com  "+tt.want+"  u.yaml:1\n") {
			t.Errorf("%v, want %q in:\n%s", err, tt.want, &buf)
		}
	}
}

func TestDiffMarkdownBound(t *testing.T) {
	t.Parallel()
	d := diff.Difference{}
	for i := range 5000 {
		d.People = append(d.People, diff.Person{Kind: diff.Added, Email: address(fmt.Sprintf("p%d@example.com", i)),
			Source: "users.yaml:1"})
	}
	d.People = append(d.People, diff.Person{Kind: diff.Removed, Email: address("gone@example.com"),
		Source: "users.yaml:1"})
	var buf bytes.Buffer
	if err := document.WriteMarkdown(&buf, DiffDocument(d)); err != nil {
		t.Fatal(err)
	}
	// the long table gets the room that the short table does not need
	if n := buf.Len(); n >= document.MaxMarkdown || n < document.MaxMarkdown*9/10 {
		t.Errorf("%d bytes", n)
	}
	for _, want := range []string{"**People: 5000 added, 1 removed, 0 unchanged.**", "`gone@example.com`",
		"more, not shown here"} {
		if !strings.Contains(buf.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
}

// FuzzDiff checks that text from outside does not change the number of lines of a comparison.
func FuzzDiff(f *testing.F) {
	for _, s := range printabletest.Hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if printable.Clean(s, 10) == "" {
			t.Skip("a text that is not there is not shown")
		}
		var texts, marked [2]bytes.Buffer
		for i, text := range []string{"x", s} {
			d := diff.Difference{}
			for _, name := range []diff.FieldName{diff.Organization, diff.AllowedDomains, diff.Protected, diff.Unlisted} {
				d.Settings = append(d.Settings, diff.Field{Name: name, From: text, Loosens: true},
					diff.Field{Name: name, Removed: []string{text, text}, Added: []string{text}})
			}
			for _, kind := range diff.Kinds {
				p := diff.Person{Kind: kind, Email: address("ada@example.com"), Name: text, Source: text}
				for _, name := range []diff.FieldName{diff.Email, diff.Spelling, diff.Until, diff.Name, diff.Note} {
					p.Fields = append(p.Fields, diff.Field{Name: name, From: text, To: text}, diff.Field{Name: name, To: text})
				}
				for _, name := range []diff.FieldName{diff.Groups, diff.Roles, diff.Policies, diff.Aliases} {
					p.Fields = append(p.Fields, diff.Field{Name: name, Removed: []string{text}, Added: []string{text, text}},
						diff.Field{Name: name, Added: []string{text}, ManagedNow: &yes},
						diff.Field{Name: name, Removed: []string{text, "b"}, Kept: []string{text}, KeptBecause: diff.KeptUnnamed},
						diff.Field{Name: name, Ends: []diff.End{{Name: text, From: text}}})
				}
				d.People = append(d.People, p)
			}
			if err := document.WriteText(&texts[i], DiffDocument(d), 0, false); err != nil {
				t.Fatal(err)
			}
			if err := document.WriteMarkdown(&marked[i], DiffDocument(d)); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range texts[1].String() + marked[1].String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%U is shown", r)
			}
		}
		if a, b := bytes.Count(texts[0].Bytes(), []byte("\n")), bytes.Count(texts[1].Bytes(), []byte("\n")); a != b {
			t.Errorf("the text has %d lines, and %d with %q", a, b, s)
		}
		harmless, got := codePiece.ReplaceAllString(marked[0].String(), "`…`"),
			codePiece.ReplaceAllString(marked[1].String(), "`…`")
		if d := cmp.Diff(harmless, got); d != "" {
			t.Errorf("%q acts (-harmless +this):\n%s", s, d)
		}
		if strings.Contains(marked[1].String(), "##[") {
			t.Errorf("a runner may take this for a command: %q", &marked[1])
		}
	})
}
