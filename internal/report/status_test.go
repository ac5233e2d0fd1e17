package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/printable/printabletest"
)

// staffed is a status with somebody in every state.
func staffed() Status {
	hours := func(h float64) time.Time { return now.Add(time.Duration(h * float64(time.Hour))) }
	person := func(email string, s plan.PersonStatus) Person {
		s.Email, s.Source = address(email), "users.yaml:7"
		return Person{PersonStatus: s}
	}
	return Status{
		Organization: acme, Now: now,
		People: []Person{
			person("ada@example.com", plan.PersonStatus{
				State: plan.StateMember, Name: "Ada Lovelace", UserID: "user-ada", Responded: hours(-200), FirstMail: hours(-210),
				APIEnabled:   &yes,
				InvitationID: "inv-ada", Invited: hours(-210), Groups: []string{"everyone"},
				Wanted:  []string{"API access", "group everyone", "group platform", "role deployer"},
				Missing: []string{"group platform", "role deployer\x1b[2J"},
			}),
			person("bob@example.com", plan.PersonStatus{State: plan.StateMember, UserID: "user-bob",
				Wanted: []string{"group everyone"}, Groups: []string{"everyone"}, APIEnabled: &no}),
			person("cleo.with.a.long.address@subdomain.partner.example", plan.PersonStatus{
				State: plan.StatePending, InvitationID: "inv-cleo", Invited: hours(-21), Expires: hours(51), FirstMail: hours(-21),
				Rounds: 1,
				Wanted: []string{"group everyone"}, Missing: []string{"group everyone"},
			}),
			person("dan@example.com", plan.PersonStatus{State: plan.StateExpired, InvitationID: "inv-dan", Invited: hours(-80),
				Expires: hours(-8), FirstMail: hours(-400), Rounds: 2}),
			person("eve@example.com", plan.PersonStatus{State: plan.StateGaveUp, InvitationID: "inv-eve", FirstMail: hours(-500),
				Rounds: 4}),
			person("fay@example.com", plan.PersonStatus{State: plan.StateNeedsAttention, InvitationID: "inv-fay",
				Invited: hours(-90), Responded: hours(-80), FirstMail: hours(-90)}),
			person("gil@example.com", plan.PersonStatus{State: plan.StateLeft}),
			person("hal@example.com", plan.PersonStatus{State: plan.StateSuspended, UserID: "user-hal"}),
			person("ida@example.com", plan.PersonStatus{State: plan.StateNotInvited}),
			person("kay@example.com", plan.PersonStatus{State: plan.StateMember, Ended: true, UserID: "user-kay"}),
			person("kim@example.com", plan.PersonStatus{State: plan.StateNotInvited, Ended: true,
				Wanted: []string{"group everyone"}, Missing: []string{"group everyone"}}),
			person("leo@example.com", plan.PersonStatus{State: plan.StatePending, Expires: hours(0.005), Rounds: 1,
				FirstMail: hours(-72)}),
		},
		Notices: []plan.Notice{
			{Kind: plan.SuspendedUnseen},
			{Kind: plan.Waiting, Email: address("leo@example.com"), Expires: hours(51)},
			{Kind: plan.NeedsAttention, Email: address("fay@example.com"), InvitationID: "inv-fay",
				Text: "Declined\x1b[2J by\nuser"},
			{Kind: plan.GaveUp, Email: address("eve@example.com"), Mails: 4, Since: hours(-500)},
		},
	}
}

// one is a status with the details of one person.
func one() Status {
	s := staffed()
	s.Detailed, s.Notices = true, nil
	ada, ida, gil := s.People[0], s.People[8], s.People[6]
	ada.Verified = &Verification{Invitation: org.Invitation{StatusText: "Accepted\x1b[2J",
		Registered: address("ada@home.example"), Responded: now.Add(-200 * time.Hour)}}
	ada.History = []ledger.Entry{
		{Time: now.Add(-210 * time.Hour), Action: "invite"},
		{Time: now.Add(-210 * time.Hour), Action: "invite", Outcome: "sent", InvitationID: "inv-ada"},
		{Time: now.Add(-100 * time.Hour), Action: "grant", Outcome: "sent", Object: "group-1"},
	}
	gil.InvitationID = "inv-gil"
	gil.Verified = &Verification{Problem: errors.New("read the invitation inv-gil: HTTP 404: Invite not found")}
	s.People = []Person{ada, s.People[2], gil, ida}
	return s
}

func TestStatusGolden(t *testing.T) {
	t.Parallel()
	stale := staffed()
	stale.Stale, stale.UnknownWait, stale.People, stale.Notices = 14*24*time.Hour, 2, stale.People[3:5], stale.Notices[3:]
	nobody := Status{Organization: acme, Now: now, Stale: 36 * time.Hour}
	tests := []struct {
		name    string
		status  Status
		width   int
		colored bool
	}{
		{"status-40.txt", staffed(), 40, false},
		{"status-80.txt", staffed(), 80, false},
		{"status-unlisted.txt", surveyed(), 80, false},
		{"status-160.txt", staffed(), 160, false},
		{"status.txt", staffed(), 0, false},
		{"status-colored.txt", staffed(), 120, true},
		{"status-stale.txt", stale, 80, false},
		{"status-nobody.txt", nobody, 80, false},
		{"status-one.txt", one(), 0, false},
		{"status-one-40.txt", one(), 40, false},
		{"status.md", surveyed(), 0, false},
		{"status-one.md", one(), 0, false},
		{"status-stale.md", stale, 0, false},
		{"status-nobody.md", nobody, 0, false},
		{"status.json", surveyed(), 0, false},
		{"status-one.json", one(), 0, false},
		{"status-nobody.json", nobody, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var buf bytes.Buffer
			var err error
			switch filepath.Ext(tt.name) {
			case ".json":
				err = StatusJSON(&buf, tt.status)
			case ".md":
				err = document.WriteMarkdown(&buf, StatusDocument(tt.status))
			default:
				err = document.WriteText(&buf, StatusDocument(tt.status), tt.width, tt.colored)
			}
			if err != nil {
				t.Fatal(err)
			}
			if strings.ContainsAny(strings.ReplaceAll(buf.String(), "\x1b[", ""), "\x1b\r") || !tt.colored &&
				strings.Contains(buf.String(), "\x1b") {
				t.Errorf("a terminal would act on this:\n%q", &buf)
			}
			checkGolden(t, tt.name, buf.String())
		})
	}
}

// TestStatusWidth checks that at any width no line of the table is wider, and that everybody is in it with their state
// and the access that they lack.
func TestStatusWidth(t *testing.T) {
	t.Parallel()
	for width := 24; width <= 200; width++ {
		var buf bytes.Buffer
		s := staffed()
		s.Notices, s.Organization = nil, org.Organization{}
		if err := document.WriteText(&buf, StatusDocument(s), width, false); err != nil {
			t.Fatal(err)
		}
		table, _, _ := strings.Cut(buf.String(), "\n\n")
		var rows []string
		for line := range strings.Lines(table) {
			if w := printable.Width(strings.TrimSuffix(line, "\n")); w > width {
				t.Errorf("at %d columns a line is %d wide: %s", width, w, line)
			}
			if strings.HasPrefix(line, "   ") {
				rows[len(rows)-1] += line
			} else {
				rows = append(rows, line)
			}
		}
		if len(rows) != 1+len(s.People) {
			t.Fatalf("at %d columns there are %d rows:\n%s", width, len(rows), table)
		}
		for i, p := range s.People {
			said := strings.Join(strings.Fields(rows[i+1]), " ")
			for _, part := range []string{stateStyles[p.shownState()].word, document.Plain(p.row(s.Now).Cells[6].Text)} {
				if !strings.HasPrefix(said, p.Email.String()[:1]) || !strings.Contains(said, part) {
					t.Errorf("at %d columns the row of %s lacks %q: %q", width, p.Email, part, said)
				}
			}
		}
	}
}

// TestStatusJSONKeys checks that every field is present and that no list is null, because programs rely on it.
func TestStatusJSONKeys(t *testing.T) {
	t.Parallel()
	keys := []string{
		"email", "state", "invitation_id", "invited_at", "expires_at", "responded_at", "rounds", "user_id", "groups", "roles",
		"policies", "api_enabled", "source",
	}
	lists := []string{"groups", "roles", "policies", "wanted", "missing"}
	var buf bytes.Buffer
	if err := StatusJSON(&buf, staffed()); err != nil {
		t.Fatal(err)
	}
	var got struct {
		FormatVersion string           `json:"format_version"`
		Command       string           `json:"command"`
		People        []map[string]any `json:"people"`
		Unlisted      []any            `json:"unlisted"`
	}
	if err := json.Unmarshal(buf.Bytes(), &got); err != nil || got.FormatVersion != "1" || got.Command != "status" ||
		got.Unlisted == nil || len(got.People) != len(staffed().People) {
		t.Fatalf("%v: %+v", err, got)
	}
	for _, p := range got.People {
		for _, key := range keys {
			if _, found := p[key]; !found {
				t.Errorf("%v has no %q", p["email"], key)
			}
		}
		for _, key := range lists {
			if _, isList := p[key].([]any); !isList {
				t.Errorf("%v: %q is %v", p["email"], key, p[key])
			}
		}
	}
}

func TestShortSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Hour: "<1m", 0: "<1m", 59 * time.Second: "<1m", time.Minute: "1m", 59 * time.Minute: "59m", time.Hour: "1h 0m",
		23*time.Hour + 59*time.Minute: "23h 59m",
		24 * time.Hour:                "1d 0h", 51*time.Hour + 30*time.Minute: "2d 3h",
	} {
		if got := formatShortDuration(d); got != want {
			t.Errorf("shortSpan(%v) = %q, want %q", d, got, want)
		}
	}
}

// TestStatusJSONRefused: if apply refuses the plan, it would not remove anybody now.
func TestStatusJSONRefused(t *testing.T) {
	t.Parallel()
	for _, kind := range []plan.NoticeKind{plan.Limit, plan.WrongOrganization} {
		s := surveyed()
		s.Notices = append(s.Notices, plan.Notice{Kind: kind})
		if all := newUnlisted(s); all[0].Action != nil || *all[0].Email != "mallory@example.com" {
			t.Errorf("%s: action %q of %s", kind, *all[0].Action, *all[0].Email)
		}
	}
}

// TestStatusOfOneWhoLeaves: the details of a person whose last day has passed say what apply does with their user.
func TestStatusOfOneWhoLeaves(t *testing.T) {
	t.Parallel()
	ended := plan.PersonStatus{Email: address("kay@example.com"), Ended: true, State: plan.StateMember, UserID: "user-kay"}
	suspended := ended
	suspended.State = plan.StateSuspended
	leaving := &plan.Change{Action: plan.Remove, Email: ended.Email, UserID: "user-kay", Source: "users.yaml:3"}
	limit := []plan.Notice{{Kind: plan.Limit, Text: "too many"}}
	for _, tt := range []struct {
		name       string
		person     Person
		notices    []plan.Notice
		text, json string
	}{
		{"removed next", Person{PersonStatus: ended, Leaving: leaving}, nil,
			"  apply  would remove them: their last day has passed\n", `"action": "remove"`},
		{"a limit forbids it", Person{PersonStatus: ended, Leaving: leaving}, limit,
			"  apply  would remove them (their last day has passed), but it refuses the whole plan\n", `"user_id": "user-kay"`},
		{"suspended", Person{PersonStatus: suspended}, nil, "  user   user-kay (suspended)\n", `"state": "suspended"`},
	} {
		s := Status{Now: now, Detailed: true, People: []Person{tt.person}, Notices: tt.notices}
		var text, json bytes.Buffer
		if err := errors.Join(document.WriteText(&text, StatusDocument(s), 0, false), StatusJSON(&json, s)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), tt.text) || !strings.Contains(json.String(), tt.json) ||
			strings.Contains(json.String(), "action") != strings.Contains(tt.json, "action") {
			t.Errorf("%s: it does not say %q and %s:\n%s%s", tt.name, tt.text, tt.json, &text, &json)
		}
	}
}

// TestStatusOfEndedInvitation: the status says that a person with an invitation has an entry in the roster, which has
// ended.
func TestStatusOfEndedInvitation(t *testing.T) {
	t.Parallel()
	s := Status{Now: now, Notices: []plan.Notice{{Kind: plan.Unlisted, Email: address("kai@example.com"),
		InvitationID: "inv-kai", Source: "users.yaml:30", Since: now}}}
	var text bytes.Buffer
	if err := document.WriteText(&text, StatusDocument(s), 0, false); err != nil {
		t.Fatal(err)
	}
	const want = "the API cannot cancel it; last day has passed: counts as not in the roster since 2026-11-23\n"
	if !strings.Contains(text.String(), want) {
		t.Errorf("it does not say %q:\n%s", want, &text)
	}
}

// TestStatusOfExpiredBeforeLostMail: people who may have been mailed again cannot accept the expired invitation.
func TestStatusOfExpiredBeforeLostMail(t *testing.T) {
	t.Parallel()
	s := Status{Now: now}
	for i, who := range []string{"ada@example.com", "bob@example.com"} {
		s.People = append(s.People, Person{PersonStatus: plan.PersonStatus{Email: address(who), State: plan.StatePending,
			InvitationID: "i", Expires: now.Add(-time.Duration(i+1) * time.Hour)}})
	}
	for _, s.Detailed = range []bool{false, true} {
		var text bytes.Buffer
		err := document.WriteText(&text, StatusDocument(s), 0, false)
		all := text.String() + pageOf(t, s)
		if err != nil || strings.Contains(all, "less than a minute") || strings.Contains(all, "&lt;1m") ||
			strings.Contains(text.String(), "<1m") || strings.Contains(all, "Invitations that can still be accepted") {
			t.Errorf("%v, expired invitations look valid:\n%s", err, &text)
		}
	}
}

func TestStatusSummaryOfShortWait(t *testing.T) {
	t.Parallel()
	for stale, want := range map[time.Duration]string{
		30 * time.Second: "0 people waiting for more than 30s.", time.Minute: "0 people waiting for more than 1 minute.",
	} {
		if got := statusSummary(Status{Now: now, Stale: stale}); got != want {
			t.Errorf("after %v, got %q, want %q", stale, got, want)
		}
	}
}

// FuzzStatusText checks that text from outside does not act on a terminal.
func FuzzStatusText(f *testing.F) {
	for _, s := range printabletest.Hostile {
		f.Add(s, 80)
	}
	f.Fuzz(func(t *testing.T, s string, width int) {
		status := one()
		status.People[0].Name, status.People[0].Missing, status.People[0].InvitationID = s, []string{s}, s
		status.People[0].Verified.StatusText = s
		status.People[2].Verified.Problem = errors.New(s)
		status.People[0].History[0] = ledger.Entry{Time: now, Action: ledger.Action(s), Outcome: ledger.Outcome(s),
			InvitationID: s}
		status.People[0].State = plan.State(s)
		status.Notices = []plan.Notice{{Kind: plan.NeedsAttention, Email: org.Address{}, InvitationID: s, Text: s}}
		for _, status.Detailed = range []bool{false, true} {
			var buf bytes.Buffer
			if err := document.WriteText(&buf, StatusDocument(status), min(width, 1000), false); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(buf.String()) {
				if bare := strings.TrimSuffix(line, "\n"); printable.Clean(bare, 1<<20) != strings.Join(strings.Fields(bare), " ") {
					t.Errorf("%q holds what cannot be shown", bare)
				}
			}
		}
	})
}
