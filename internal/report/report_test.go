package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/diff"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

var update = flag.Bool("update", false, "update the golden files")

var (
	now     = time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	yes, no = true, false
	acme    = org.Organization{ID: "9a1e0000-0000-4000-8000-000000000001", Name: "Example Org"}
)

func address(s string) org.Address { return org.MustParseAddress(s) }

// busy is a plan with every kind of change and notice.
func busy() plan.Plan {
	return plan.Plan{
		Organization: acme,
		Now:          now,
		Changes: []plan.Change{
			{Action: plan.Invite, Reason: plan.NotInvited, Email: address("ada@example.com"), Source: "users.yaml:12",
				Detail: plan.Detail{APIEnabled: &yes}},
			{Action: plan.Reinvite, Reason: plan.Expired, Email: address("bob@example.com"), Source: "users.yaml:15",
				InvitationID: "inv-bob", Detail: plan.Detail{APIEnabled: &no}},
			{Action: plan.Invite, Reason: plan.ListedAgain, Email: address("Grace.Hopper+navy@example.com"),
				Source: "teams/platform.yaml:3", Detail: plan.Detail{APIEnabled: &no}},
			{Action: plan.Grant, Reason: plan.MissingAccess, Email: address("kay@example.com"), Source: "users.yaml:20",
				UserID: "user-kay", Detail: plan.Detail{Kind: org.KindGroup, Name: "platform", ID: "group-1"}},
			{Action: plan.Revoke, Reason: plan.MoreAccess, Email: address("kay@example.com"), Source: "users.yaml:20",
				UserID: "user-kay", Detail: plan.Detail{Kind: org.KindRole, Name: "deployer\x1b[31m", ID: "role-1",
					Membership: "m-1"}},
			{Action: plan.Update, Reason: plan.APIAccessDiffers, Email: address("lin@example.com"), Source: "users.yaml:29",
				UserID: "user-lin", Detail: plan.Detail{APIEnabled: &yes}},
			{Action: plan.Update, Reason: plan.APIAccessDiffers, Email: address("liz@example.com"), Source: "users.yaml:30",
				UserID: "user-liz", Detail: plan.Detail{APIEnabled: &no}},
			{Action: plan.Unsuspend, Reason: plan.ListedAgain, Email: address("lou@example.com"), Source: "users.yaml:31",
				UserID: "user-lou"},
			{Action: plan.Reinvite, Reason: plan.Requested, Email: address("lua@example.com"), InvitationID: "inv-lua"},
			{Action: plan.Remove, Reason: plan.NotListed, Email: address("mallory@example.com"), UserID: "user-mallory"},
			{Action: plan.Suspend, Reason: plan.NotListed, Email: address("ned@example.com"), Source: "users.yaml:33",
				UserID: "user-ned"},
		},
		Notices: []plan.Notice{
			{Kind: plan.MembersUnseen},
			{Kind: plan.SuspendedUnseen},
			{Kind: plan.ProtectedUnseen, Email: address("owner@exmaple.com")},
			{Kind: plan.Limit, Text: "the plan has 120 invitation mails, but the limit for one run is 100"},
			{Kind: plan.Waiting, Email: address("cleo@example.com"), Source: "users.yaml:21", InvitationID: "inv-cleo",
				Since: now.Add(-21 * time.Hour), Expires: now.Add(51 * time.Hour)},
			{Kind: plan.DuplicateInvitation, Email: address("cleo@example.com"), Source: "users.yaml:21",
				InvitationID: "inv-cleo-2", Expires: now.Add(51 * time.Hour)},
			{Kind: plan.Waiting, Email: address("dan@example.com"), Source: "users.yaml:22", InvitationID: "inv-dan"},
			{Kind: plan.GaveUp, Email: address("eve@example.com"), Source: "users.yaml:23", InvitationID: "inv-eve",
				Since: now.AddDate(0, 0, -12), Mails: 4},
			{Kind: plan.NeedsAttention, Email: address("fay@example.com"), Source: "users.yaml:24", InvitationID: "inv-fay",
				Text: "Declined\x1b[2J by\nuser"},
			{Kind: plan.Left, Email: address("gil@example.com"), Source: "users.yaml:25", InvitationID: "inv-gil"},
			{Kind: plan.SuspendedUser, Email: address("hal@example.com"), Source: "users.yaml:26", UserID: "user-hal"},
			{Kind: plan.Unlisted, Email: address("ida@example.com"), UserID: "user-ida", Text: "Ida \u202eB. Wells"},
			{Kind: plan.Unlisted, Email: address("joe@example.com"), InvitationID: "inv-joe", Expires: now.Add(time.Hour)},
			{Kind: plan.Unlisted, InvitationID: "inv-unreadable"},
			{Kind: plan.Unlisted, Email: address("kim@example.com"), UserID: "user-kim", Source: "users.yaml:27",
				Since: now.AddDate(0, 0, -3)},
			{Kind: plan.Unsettled, Email: address("leo@example.com"), Source: "users.yaml:28", Since: now.Add(-4 * time.Minute)},
			{Kind: plan.SelfUnseen},
			{Kind: plan.UnlistedKept, Email: address("leo@example.com"), Source: "users.yaml:28"},
			{Kind: plan.ExtraAccess, Email: address("kay@example.com"), Source: "users.yaml:20", UserID: "user-kay",
				Text: "role deployer"},
		},
		Held: []plan.Change{{Action: plan.Invite, Reason: plan.NotInvited, Email: address("leo@example.com"),
			Source: "users.yaml:28"}},
		Unchanged: 12,
	}
}

// mixed is the result of busy, with every outcome, and with one unsettled person that the run settled.
func mixed() apply.Result {
	p := busy()
	r := apply.Result{
		Notices: []plan.Notice{
			{Kind: plan.Waiting, Email: address("cleo@example.com"), InvitationID: "inv-cleo", Expires: now.Add(51 * time.Hour)},
			{Kind: plan.Left, Email: address("gil@example.com"), Source: "users.yaml:25", InvitationID: "inv-gil"},
		},
		Stopped: &org.CallError{Op: "invite", Target: "Grace.Hopper+navy@example.com", Failure: org.Denied, Status: 403,
			Message: "not allowed"},
	}
	refusal := &org.CallError{Op: "invite", Target: "ada@example.com", Failure: org.Refused, Status: 400,
		Message: "Invalid <email>\x1b[31m\r\nnow"}
	lost := &org.CallError{Op: "resend", Target: "inv-bob", Failure: org.Lost, Err: io.ErrUnexpectedEOF}
	for i, o := range []apply.ChangeResult{
		{Outcome: apply.Failed, Err: refusal, Requests: 1},
		{Outcome: apply.Unknown, Err: lost, InvitationID: "inv-bob", Requests: 2},
		{Outcome: apply.Failed, Err: r.Stopped, Requests: 1},
		{Outcome: apply.Skipped, Err: r.Stopped},
		{Outcome: apply.Done, Requests: 1},
		{Outcome: apply.Skipped, Err: r.Stopped},
		{Outcome: apply.Skipped, Err: r.Stopped},
		{Outcome: apply.Skipped, Err: r.Stopped},
		{Outcome: apply.Skipped, Err: r.Stopped},
		{Outcome: apply.Skipped, Err: r.Stopped},
	} {
		o.Change = p.Changes[i]
		r.Changes = append(r.Changes, o)
	}
	r.Changes = append(r.Changes, apply.ChangeResult{Change: p.Held[0], Outcome: apply.Done, InvitationID: "inv-leo",
		Requests: 1})
	return r
}

// long returns a plan for people with very long addresses.
func long() plan.Plan {
	p := busy()
	p.Notices = p.Notices[3:4]
	p.Changes = p.Changes[:5:5]
	p.Changes[0].Email = address("bartholomew.featherstonehaugh@engineering.subdomain.partner.example")
	p.Changes[3].Email = address("a-name-of-forty-three-letters@partner.example")
	return p
}

// all returns a result in which every change of p has the same outcome.
func all(p plan.Plan, o apply.Outcome, err error) apply.Result {
	r := apply.Result{Notices: p.Notices, Stopped: err}
	for _, c := range p.Changes {
		r.Changes = append(r.Changes, apply.ChangeResult{Change: c, Outcome: o, Err: err, InvitationID: c.InvitationID})
	}
	return r
}

func TestGolden(t *testing.T) {
	t.Parallel()
	run := Run{Command: "plan", Files: []string{"users.yaml", "teams/platform.yaml"}, People: 24}
	applied := Run{Command: "apply", Files: run.Files, People: 24}
	quiet := plan.Plan{Organization: acme, Now: now, Unchanged: 12}
	waiting := plan.Plan{Organization: acme, Now: now, Unchanged: 2, Notices: []plan.Notice{
		{Kind: plan.Waiting, Email: address("bob@example.com"), InvitationID: "inv-bob", Expires: now.Add(51 * time.Hour)},
	}}
	few := plan.Plan{Organization: acme, Now: now, Unchanged: 1, Changes: busy().Changes[:2]}
	refusal := &plan.LimitError{What: "invitation mail", Planned: 120, Limit: 100, Setting: "max_invites",
		Flag: "--max-invites"}
	refused := applied
	refused.Code, refused.Err = 4, refusal
	outdated := &plan.StaleError{
		Saved: acme, Fresh: acme, Made: now.Add(-time.Hour), OnlySaved: busy().Changes[:2], OnlyFresh: busy().Changes[9:10],
	}
	invalid := &roster.ProblemsError{Problems: []roster.Problem{
		{At: roster.Position{File: "users.yaml", Line: 4, Column: 5}, Text: `unknown key "emial", did you mean "email"?`},
		{At: roster.Position{File: "users.yaml", Line: 9, Column: 12}, Text: "the address has no @\x1b[2J"},
	}}

	tests := []struct {
		name  string
		write func(io.Writer) error
	}{
		{"plan.txt", func(w io.Writer) error { return document.WriteText(w, PlanDocument(busy()), 0, false) }},
		{"plan-colored.txt", func(w io.Writer) error { return document.WriteText(w, PlanDocument(few), 0, true) }},
		{"plan-40.txt", func(w io.Writer) error { return document.WriteText(w, PlanDocument(busy()), 40, false) }},
		{"plan-80.txt", func(w io.Writer) error { return document.WriteText(w, PlanDocument(busy()), 80, false) }},
		{"plan-160.txt", func(w io.Writer) error { return document.WriteText(w, PlanDocument(busy()), 160, false) }},
		{"plan-long-80.txt", func(w io.Writer) error { return document.WriteText(w, PlanDocument(long()), 80, false) }},
		{"plan-long-40.txt", func(w io.Writer) error { return document.WriteText(w, PlanDocument(long()), 40, false) }},
		{"plan-nothing.txt", func(w io.Writer) error { return document.WriteText(w, PlanDocument(quiet), 0, true) }},
		{"plan-waiting.txt", func(w io.Writer) error { return document.WriteText(w, PlanDocument(waiting), 0, false) }},
		{"plan.json", func(w io.Writer) error { return PlanJSON(w, run, busy()) }},
		{"plan-nothing.json", func(w io.Writer) error { return PlanJSON(w, Run{Command: "plan"}, plan.Plan{}) }},
		{"apply.txt", func(w io.Writer) error { return document.WriteText(w, ApplyDocument(busy(), mixed()), 0, false) }},
		{"apply-40.txt", func(w io.Writer) error { return document.WriteText(w, ApplyDocument(busy(), mixed()), 40, false) }},
		{"apply-80.txt", func(w io.Writer) error { return document.WriteText(w, ApplyDocument(busy(), mixed()), 80, false) }},
		{"apply-160.txt", func(w io.Writer) error {
			return document.WriteText(w, ApplyDocument(busy(), mixed()), 160, false)
		}},
		{"apply-colored.txt", func(w io.Writer) error {
			return document.WriteText(w, ApplyDocument(busy(), mixed()), 0, true)
		}},
		{"apply-done.txt", func(w io.Writer) error {
			return document.WriteText(w, ApplyDocument(few, all(few, apply.Done, nil)), 0, false)
		}},
		{"apply-nothing.txt", func(w io.Writer) error {
			return document.WriteText(w, ApplyDocument(quiet, apply.Result{}), 0, false)
		}},
		{"apply-waiting.txt", func(w io.Writer) error {
			return document.WriteText(w, ApplyDocument(waiting, all(waiting, apply.Done, nil)), 0, false)
		}},
		{"apply-refused.txt", func(w io.Writer) error {
			return document.WriteText(w, ApplyDocument(few, all(few, apply.Skipped, refusal)), 0, false)
		}},
		{"apply.json", func(w io.Writer) error { return ApplyJSON(w, applied, busy(), mixed()) }},
		{"apply-refused.json", func(w io.Writer) error {
			return ApplyJSON(w, refused, few, all(few, apply.Skipped, refusal))
		}},
		{"error.json", func(w io.Writer) error {
			return ErrorJSON(w, Run{Command: "plan",
				Code: 1, Err: errors.New("list users: HTTP 401: Invalid API token")})
		}},
		{"invalid.json", func(w io.Writer) error {
			return ErrorJSON(w, Run{Command: "validate", Code: 6, Err: invalid})
		}},
		{"diff.txt", func(w io.Writer) error { return document.WriteText(w, DiffDocument(manyDiffer()), 0, false) }},
		{"diff-40.txt", func(w io.Writer) error { return document.WriteText(w, DiffDocument(manyDiffer()), 40, false) }},
		{"diff-80.txt", func(w io.Writer) error { return document.WriteText(w, DiffDocument(manyDiffer()), 80, false) }},
		{"diff-colored.txt", func(w io.Writer) error { return document.WriteText(w, DiffDocument(manyDiffer()), 0, true) }},
		{"diff-nothing.txt", func(w io.Writer) error {
			return document.WriteText(w, DiffDocument(diff.Difference{Unchanged: 1}), 0, false)
		}},
		{"diff.md", func(w io.Writer) error { return document.WriteMarkdown(w, DiffDocument(manyDiffer())) }},
		{"diff-nothing.md", func(w io.Writer) error {
			return document.WriteMarkdown(w, DiffDocument(diff.Difference{Unchanged: 1}))
		}},
		{"diff.json", func(w io.Writer) error {
			return DiffJSON(w, Run{Files: []string{"git:main:users.yaml"}, People: 23},
				Run{Command: "diff", Files: run.Files, People: 24}, manyDiffer())
		}},
		{"history.txt", func(w io.Writer) error { return document.WriteText(w, HistoryDocument(ledgerLines()), 0, false) }},
		{"history-60.txt", func(w io.Writer) error {
			return document.WriteText(w, HistoryDocument(ledgerLines()), 60, false)
		}},
		{"history.csv", func(w io.Writer) error { return HistoryCSV(w, ledgerLines()) }},
		{"history.json", func(w io.Writer) error { return HistoryJSON(w, ledgerLines()) }},
		{"state.txt", func(w io.Writer) error { return document.WriteText(w, StateDocument(twoLedgers()), 0, false) }},
		{"state.json", func(w io.Writer) error { return StateJSON(w, twoLedgers()) }},
		{"stale.txt", func(w io.Writer) error { return document.WriteText(w, StaleDocument(outdated), 0, false) }},
		{"stale-40.txt", func(w io.Writer) error { return document.WriteText(w, StaleDocument(outdated), 40, false) }},
		{"stale.md", func(w io.Writer) error { return document.WriteMarkdown(w, StaleDocument(outdated)) }},
		{"stale-elsewhere.txt", func(w io.Writer) error {
			return document.WriteText(w, StaleDocument(&plan.StaleError{Saved: org.Organization{ID: "1", Name: "A\x1b[2J"},
				Fresh: acme}), 0, false)
		}},
		{"stale.json", func(w io.Writer) error {
			return ErrorJSON(w, Run{Command: "apply", Code: 4, Err: outdated})
		}},
		{"plan.md", func(w io.Writer) error { return document.WriteMarkdown(w, PlanDocument(busy())) }},
		{"plan-nothing.md", func(w io.Writer) error { return document.WriteMarkdown(w, PlanDocument(quiet)) }},
		{"plan-waiting.md", func(w io.Writer) error { return document.WriteMarkdown(w, PlanDocument(waiting)) }},
		{"apply.md", func(w io.Writer) error { return document.WriteMarkdown(w, ApplyDocument(busy(), mixed())) }},
		{"apply-nothing.md", func(w io.Writer) error {
			return document.WriteMarkdown(w, ApplyDocument(quiet, apply.Result{}))
		}},
		{"apply-refused.md", func(w io.Writer) error {
			return document.WriteMarkdown(w, ApplyDocument(few, all(few, apply.Skipped, refusal)))
		}},
		{"invalid.md", func(w io.Writer) error { return document.WriteMarkdown(w, ProblemsDocument(invalid.Problems)) }},
		{"plan.github", func(w io.Writer) error { return document.WriteGitHub(w, PlanDocument(busy()), "/") }},
		{"plan-nothing.github", func(w io.Writer) error { return document.WriteGitHub(w, PlanDocument(waiting), "/") }},
		{"invalid.github", func(w io.Writer) error { return document.WriteGitHub(w, ErrorDocument(invalid), "/") }},
		{"error.github", func(w io.Writer) error { return document.WriteGitHub(w, ErrorDocument(refusal), "/") }},
		{"doctor.txt", func(w io.Writer) error {
			return document.WriteText(w, DoctorDocument(DoctorRun{Run: run, Dialect: "dates=sql", Recorded: "recording"},
				examined()), 0, false)
		}},
		{"doctor-verbose.txt", func(w io.Writer) error {
			return document.WriteText(w, DoctorDocument(DoctorRun{Run: run, Verbose: true}, examined()), 0, false)
		}},
		{"doctor-40.txt", func(w io.Writer) error {
			return document.WriteText(w, DoctorDocument(DoctorRun{Run: run, Dialect: "dates=sql", Recorded: "recording"},
				examined()), 40, false)
		}},
		{"doctor-80.txt", func(w io.Writer) error {
			return document.WriteText(w, DoctorDocument(DoctorRun{Run: run, Dialect: "dates=sql", Recorded: "recording"},
				examined()), 80, false)
		}},
		{"doctor.json", func(w io.Writer) error {
			return DoctorJSON(w, DoctorRun{Run: run, Dialect: "dates=sql", Recorded: "recording"}, examined())
		}},
		{"doctor.md", func(w io.Writer) error {
			return document.WriteMarkdown(w, DoctorDocument(DoctorRun{Run: run, Dialect: "dates=sql", Recorded: "recording"},
				examined()))
		}},
		{"doctor-refused.md", func(w io.Writer) error {
			d, c := rejected()
			return document.WriteMarkdown(w, DoctorDocument(d, c))
		}},
		{"doctor-refused.txt", func(w io.Writer) error {
			d, c := rejected()
			return document.WriteText(w, DoctorDocument(d, c), 0, true)
		}},
		{"doctor-refused.json", func(w io.Writer) error {
			d, c := rejected()
			return DoctorJSON(w, d, c)
		}},
		{"invalid.txt", func(w io.Writer) error {
			return document.WriteText(w, ProblemsDocument(invalid.Problems), 0, false)
		}},
		{"valid.json", func(w io.Writer) error {
			return ValidJSON(w, Run{Command: "validate", Files: run.Files, People: 24}, warnings())
		}},
		{"valid-warnings.txt",
			func(w io.Writer) error {
				return document.WriteText(w, ValidDocument(Run{Files: run.Files, People: 24}, warnings()), 0, false)
			}},
		{"valid-warnings.md", func(w io.Writer) error { return document.WriteMarkdown(w, ValidDocument(Run{}, warnings())) }},
		{"valid-warnings.github", func(w io.Writer) error {
			many := warnings()
			for i := range 12 {
				many = append(many,
					roster.Problem{At: roster.Position{File: "users.yaml", Line: 100 + i, Column: 5}, Text: "over"})
			}
			return document.WriteGitHub(w, ValidDocument(Run{}, many), "/")
		}},
		{"valid.txt", func(w io.Writer) error {
			return document.WriteText(w, ValidDocument(
				Run{Files: []string{"a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml", "f.yaml"}, People: 1}, nil), 0, false)

		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var buf bytes.Buffer
			if err := tt.write(&buf); err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(tt.name, ".json") && !json.Valid(buf.Bytes()) {
				t.Errorf("not JSON:\n%s", buf.Bytes())
			}
			checkGolden(t, tt.name, buf.String())
		})
	}
}

// checkGolden compares got with a file in testdata. With -update, it writes got into the file.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("not as %s (-want +got):\n%s", file, diff)
	}
}

// FuzzErrorJSON checks that a program gets every character, and that no character acts on a terminal.
func FuzzErrorJSON(f *testing.F) {
	for _, s := range []string{"list users: HTTP 500", "a\x1b[31m\r\nb", "\u202ea\u2066", "\u009b1m", "\xff\xfe",
		"\U000e0041", `"\`, "<&>", "日本語"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var buf bytes.Buffer
		if err := ErrorJSON(&buf, Run{Command: "plan", Code: 1, Err: errors.New(s)}); err != nil {
			t.Fatal(err)
		}
		for _, r := range buf.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%q holds %U", &buf, r)
			}
		}
		var got struct{ Error struct{ Message string } }
		if err := json.Unmarshal(buf.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if want := string([]rune(s)); got.Error.Message != want { // broken bytes become U+FFFD, one by one
			t.Errorf("the message %q comes back as %q", want, got.Error.Message)
		}
	})
}
