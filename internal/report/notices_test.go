package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/plan"
)

// manyUnlisted returns a plan without changes, for an organization with 150 unlisted invitations.
func manyUnlisted() plan.Plan {
	p := plan.Plan{Organization: acme, Now: now, Unchanged: 8}
	for i := range 150 {
		p.Notices = append(p.Notices, plan.Notice{
			Kind: plan.Unlisted, Email: address(fmt.Sprintf("person%d@partner.example", i+1)),
			InvitationID: fmt.Sprint("inv-", i+1),
		})
	}
	return p
}

// TestNoticesGrouped checks that many notices of a kind are explained once and counted, and that the first ten people
// are named in natural order. JSON has all of them.
func TestNoticesGrouped(t *testing.T) {
	t.Parallel()
	p := manyUnlisted()
	r := apply.Result{Notices: p.Notices}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"text":           func(b *bytes.Buffer) error { return document.WriteText(b, ApplyDocument(p, r), 0, false) },
		"narrow text":    func(b *bytes.Buffer) error { return document.WriteText(b, ApplyDocument(p, r), 80, false) },
		"text of a plan": func(b *bytes.Buffer) error { return document.WriteText(b, PlanDocument(p), 80, false) },
		"Markdown":       func(b *bytes.Buffer) error { return document.WriteMarkdown(b, ApplyDocument(p, r)) },
	} {
		var buf bytes.Buffer
		if err := write(&buf); err != nil {
			t.Fatal(err)
		}
		text := buf.String()
		if lines := strings.Count(text, "\n"); lines >= 25 {
			t.Errorf("%s has %d lines:\n%s", name, lines, text)
		}
		if n := strings.Count(strings.Join(strings.Fields(text), " "), "cannot cancel it"); n != 1 {
			t.Errorf("%s says %d times that an invitation cannot be cancelled", name, n)
		}
		if shown := strings.Count(text, "@partner.example"); shown != 10 || !strings.Contains(text, "and 140 more") ||
			!strings.Contains(text, "150 people") {
			t.Errorf("%s names %d people of 150:\n%s", name, shown, text)
		}
		if two, ten := strings.Index(text, "person2@"), strings.Index(text, "person10@"); two < 0 || ten < two {
			t.Errorf("%s is not in natural order:\n%s", name, text)
		}
	}
	var buf bytes.Buffer
	if err := ApplyJSON(&buf, Run{Command: "apply"}, p, r); err != nil {
		t.Fatal(err)
	}
	var got struct{ Notices []any }
	if err := json.Unmarshal(buf.Bytes(), &got); err != nil || len(got.Notices) != 150 {
		t.Errorf("JSON has %d notices of 150 (%v)", len(got.Notices), err)
	}
}

// TestExtraAccessOfOnePerson: a person may have several notices about extra access, so they do not count people.
func TestExtraAccessOfOnePerson(t *testing.T) {
	t.Parallel()
	var p plan.Plan
	for _, name := range []string{"group ops", "role deployer"} {
		p.Notices = append(p.Notices, plan.Notice{Kind: plan.ExtraAccess, Email: address("kay@example.com"), Text: name})
	}
	var text bytes.Buffer
	if err := document.WriteText(&text, PlanDocument(p), 0, false); err != nil {
		t.Fatal(err)
	}
	want := "2 cases in which people have more access than the roster gives\n    - kay@example.com: group ops\n"
	if !strings.Contains(text.String(), want) {
		t.Errorf("it does not say %q:\n%s", want, &text)
	}
}

// TestNoticeStyles checks that every kind of notice has words of its own, and that no name in braces is left in them.
// It checks that only notices about the whole run are never shown with others, and that docs/cron.md names the kinds
// that are logged as warnings.
func TestNoticeStyles(t *testing.T) {
	t.Parallel()
	whole := map[plan.NoticeKind]bool{
		plan.Limit: true, plan.UnknownAccess: true, plan.PinUnconfirmed: true, plan.NewLedger: true, plan.MembersUnseen: true,
		plan.SuspendedUnseen: true, plan.SelfUnseen: true,
	}
	page, err := os.ReadFile("../../docs/cron.md")
	if err != nil {
		t.Fatal(err)
	}
	_, listed, _ := strings.Cut(string(page), "the notices that somebody may have to act on\n(")
	listed, _, _ = strings.Cut(listed, ")")
	for _, kind := range plan.NoticeKinds {
		if !slices.ContainsFunc(noticeStyles, func(s noticeStyle) bool { return s.kind == kind }) {
			t.Fatalf("%s has no words", kind)
		}
		if IsPressing(kind) != strings.Contains(listed, "`"+string(kind)+"`") {
			t.Errorf("%s is logged as a warning: %t; docs/cron.md lists %q", kind, IsPressing(kind), listed)
		}
		for _, n := range []plan.Notice{
			{Text: "said"}, {UserID: "u1"}, {UserID: "u1", RemovalAfter: now}, {Since: now, UserID: "u1"}, {Expires: now},
			{Unknown: &plan.UnknownAccessName{AccessID: "g1"}},
		} {
			n.Kind, n.Email = kind, address("ada@example.com")
			words := wordsOf(n)
			filled := fillIn(words.one, n, now) + fillIn(words.item, n, now) + words.many
			if words.one == "" || (words.many == "") != whole[kind] || strings.ContainsAny(filled, "{}") {
				t.Errorf("%s reads %q, and several %q", kind, filled, words.many)
			}
		}
	}
}

// TestNoticesQuoteAddresses checks that an address in the value of a suggested flag is quoted for a shell, and in a
// suggested line for YAML. The address may come from a stranger's pull request.
func TestNoticesQuoteAddresses(t *testing.T) {
	t.Parallel()
	const hostile, item = "`id`@example.com", "*a#{b}'c@example.com"
	kinds := map[plan.NoticeKind]bool{}
	for _, kind := range plan.NoticeKinds {
		for _, n := range []plan.Notice{{Text: item}, {Text: plan.NotMailedPending}, {Text: plan.NoAddress}} {
			n.Kind, n.Email = kind, address(hostile)
			text := strings.NewReplacer("\x02", "", "\x03", "").Replace(fillIn(wordsOf(n).one, n, now))
			for _, flag := range []string{"--reinvite ", "--resend ", "--only "} {
				if _, word, found := strings.Cut(text, flag); found {
					kinds[kind] = true
					if !strings.HasPrefix(word, "'"+hostile+"'") {
						t.Errorf("%s: %s", kind, text)
					}
				}
			}
			if _, word, found := strings.Cut(text, "aliases: ["); found && n.Text == item {
				kinds[kind] = true
				if !strings.HasPrefix(word, "'*a#{b}''c@example.com']") {
					t.Errorf("%s: %s", kind, text)
				}
			}
		}
	}
	if len(kinds) < 8 {
		t.Errorf("only the notices %v suggest a flag or a line", kinds)
	}
	tooWide := strings.Repeat("$", 64) + "@" + strings.Repeat("a.", 60) + "example"
	long := plan.Notice{Kind: plan.GaveUp, Email: address(tooWide)}
	if text := fillIn(wordsOf(long).one, long, now); !strings.HasSuffix(text, "--reinvite EMAIL") {
		t.Errorf("an address that does not fit: %s", text)
	}
	if text := sameNameText(document.MarkName(item)); !strings.Contains(text, "aliases: ['") {
		t.Errorf("in a comparison: %s", text)
	}
}

func TestCompareNatural(t *testing.T) {
	t.Parallel()
	ordered := []string{"", "a", "a1", "a2", "a2b", "a10", "a10@x", "a010b", "b"}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := compareNatural(a, b); (got < 0) != (i < j) && a != b || (got == 0) != (i == j) {
				t.Errorf("%q and %q compare as %d", a, b, got)
			}
		}
	}
}

// TestCausesInNotices checks that a notice whose text is a cause says it in words, and not the name of the cause.
func TestCausesInNotices(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		notice plan.Notice
		want   string
	}{
		{plan.Notice{Kind: plan.UnknownMembership, Text: plan.HoldsAccess}, "because they have a group, role or policy but"},
		{plan.Notice{Kind: plan.NeedsAttention, Text: plan.KeyUserNotListed}, "is the user of the API key"},
		{plan.Notice{Kind: plan.SuspendedUser, UserID: "u1", Text: "Locked"}, `the status "`},
	} {
		tt.notice.Email = address("ada@example.com")
		words := wordsOf(tt.notice)
		text := fillIn(words.one, tt.notice, now)
		if !strings.Contains(text, tt.want) || strings.Contains(text+words.many, "_") {
			t.Errorf("%s: %q, and several %q", tt.notice.Kind, text, words.many)
		}
	}
}
