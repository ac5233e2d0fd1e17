package ledger

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
)

// FuzzParseLine: for each line that parseFast accepts, encoding/json reads the same entry.
func FuzzParseLine(f *testing.F) {
	at := time.Date(2026, 6, 10, 12, 0, 0, 123456789, time.UTC)
	for _, e := range []Entry{
		{Version: 1, Organization: "o1", Run: "R", Time: at, Action: Run},
		{Version: 1, Organization: "o1", Run: "R", Time: at, Email: "ada@example.com", Action: Invite},
		{Version: 1, Organization: "o1", Run: "R", Time: at, Email: "ada@example.com", Action: Invite, Outcome: Sent,
			InvitationID: "i1", Expires: at.Add(72 * time.Hour)},
		{Version: 1, Organization: "o1", Run: "R", Time: at, Email: "ada@example.com", Action: "grant", Outcome: Lost,
			Object: "g1"},
		{Version: 1, Organization: "o1", Run: "R", Time: at, Email: "a&b\"\u00fc@example.com", Action: Resend},
		{Version: 2, Organization: "o1", Run: "R", Time: at, Action: Run},
	} {
		f.Add(e.appendLine(nil))
	}
	f.Add([]byte(`{"v":1,"organization_id":"o1","run":"R","time":"2026-06-10T12:00:00Z","email":"","action":"run"}`))
	f.Add([]byte(`{"v":1,"organization_id":"o1","run":"R","time":"2026-06-10T12:00:00+01:00","action":"run",` +
		`"action":"invite"}`))
	f.Add([]byte(`{"v":1,"organization_id":"o1","run":"R","time":"0001-01-01T00:00:00Z","action":"run"}`))
	const begin = `{"v":1,"organization_id":"o1","run":"R","time":"2026-06-10T12:00:00Z","email":"a`
	for _, character := range []string{`\u00fc`, "\t", "\u00fc", "\xff"} {
		f.Add([]byte(begin + character + `","action":"run"}`))
	}
	f.Add([]byte(`{"v":1,"organization_id":"","run":"R","time":"2026-06-10T12:00:00Z","action":""}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		got, ok := parseFast(line, Entry{Organization: "o1", Email: "ada@example.com"})
		if !ok {
			return
		}
		var want Entry
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-encoding/json +quick):\n%s", line, diff)
		}
	})
}

// TestParseFastReadsOwnLines: parseFast accepts the lines that this version writes. Otherwise, opening a large ledger
// takes long.
func TestParseFastReadsOwnLines(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	for _, e := range []Entry{
		{Version: version, Organization: "o1", Run: "R", Time: at, Action: Run},
		{Version: version, Organization: "o1", Run: "R", Time: at, Email: "ada@example.com", Action: Invite},
		{Version: version, Organization: "o1", Run: "R", Time: at, Email: "ada@example.com", Action: Invite, Outcome: Sent,
			InvitationID: "i1", Object: "g1", Expires: at},
	} {
		line := e.appendLine(nil)
		got, ok := parseFast(line[:len(line)-1], Entry{})
		if diff := cmp.Diff(e, got); diff != "" || !ok {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}

// TestParseLineRefuses: a line without a version, an action or a time is no line of a ledger, in whatever order its
// fields are.
func TestParseLineRefuses(t *testing.T) {
	t.Parallel()
	const at = `"time":"2026-06-10T12:00:00Z"`
	for line, valid := range map[string]bool{
		`{"action":"run",` + at + `,"v":1}`:                               true,
		`{"action":"run",` + at + `}`:                                     false,
		`{` + at + `,"v":1}`:                                              false,
		`{"action":"run","v":1}`:                                          false,
		`{"v":1,"organization_id":"o1","run":"R",` + at + `,"action":""}`: false,
		`{"v":1,"organization_id":"o1","run":"R","time":"0001-01-01T00:00:00Z","action":"run"}`:   false,
		`{"v":1,"organization_id":"o1","run":"R",` + at + `,"action":"run"}`:                      true,
		`{"v":1,"organization_id":"o1","run":"R",` + at + `,"action":"run","n":"x"}`:              false,
		`{"v":1,"organization_id":"o1","run":"R",` + at + `,"action":"run","expires_at":"never"}`: false,
	} {
		if e, err := parseLine([]byte(line), Entry{}); (err == nil) != valid {
			t.Errorf("%s: %+v, %v", line, e, err)
		}
	}
}

// TestHasLaterVersion: a damaged line of this version is not a line of a later version.
func TestHasLaterVersion(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		`{"v":1}`: false, `{"v":1,"action":7}`: false, `{}`: false, `{"v":2`: false, `half`: false, `{"v":"2"}`: false,
		`{"v":2}`: true, `{"v":3,"action":7}`: true,
	} {
		if got := hasLaterVersion([]byte(line)); got != want {
			t.Errorf("%s: %v, want %v", line, got, want)
		}
	}
}

// TestEditEntry: suspensions, their ends and removals are about a user. Suspensions and removals name the roster. Other
// edits are about a group, role or policy.
func TestEditEntry(t *testing.T) {
	t.Parallel()
	l := &Ledger{opts: Options{Roster: "users.yaml"}}
	for op, want := range map[org.EditOp]Entry{
		org.EditGrant:     {Object: "g1"},
		org.EditSuspend:   {Object: "u1", Roster: "users.yaml"},
		org.EditUnsuspend: {Object: "u1"},
		org.EditRemove:    {Object: "u1", Roster: "users.yaml"},
	} {
		e := l.editEntry(org.Edit{Op: op, ID: "g1", UserID: "u1"}, Sent)
		if e.Object != want.Object || e.Roster != want.Roster {
			t.Errorf("%s: %+v", op, e)
		}
	}
}

// TestMaxLine: no line is longer than maxLine, which is the space that the ledger reserves for it.
func TestMaxLine(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("x", 128)
	at := time.Date(2026, 6, 10, 12, 0, 0, 123456789, time.UTC)
	line := Entry{
		Version: version, Organization: id, Run: rand.Text(), Time: at, Email: strings.Repeat("ä", 121) + "@example.com",
		Action: Action(org.EditUnsuspend), Outcome: Abandoned, InvitationID: id, Object: id, Expires: at,
	}.appendLine(nil)
	if len(line) > maxLine {
		t.Errorf("a line takes %d bytes, and %d are reserved", len(line), maxLine)
	}
}

// TestCurrentKey: the lines of earlier versions, whose keys had escapes and letters in two parts, are about the same
// people as new lines.
func TestCurrentKey(t *testing.T) {
	t.Parallel()
	for old, want := range map[string]string{
		"ada@example.com": "ada@example.com", "": "",
		"o%27brien@example.com":    "o'brien@example.com",
		"ju\u0308rgen@example.com": "j\u00fcrgen@example.com",
		"100%@example.com":         "100%@example.com",
		"no address \u00fc":        "no address \u00fc",
	} {
		line := fmt.Sprintf(
			`{"v":1,"organization_id":"o1","run":"A","time":"2026-06-01T10:00:00Z","email":%q,"action":"invite"}`, old)
		if e, err := parseLine([]byte(line), Entry{}); err != nil || e.Email != want {
			t.Errorf("%q is read as %q, %v; want %q", old, e.Email, err, want)
		}
	}
}
