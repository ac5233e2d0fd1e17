package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/vultr"
)

// metric returns the value in the line of a metrics file that begins with name and has all labels; "" if there is
// no such line.
func metric(t *testing.T, file, name string, labels ...string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := ""
lines:
	for line := range strings.Lines(string(text)) {
		for _, part := range append(labels, "{", "}") {
			if !strings.HasPrefix(line, name+"{") || !strings.Contains(line, part) {
				continue lines
			}
		}
		if found != "" {
			t.Errorf("%s%v is there twice:\n%s", name, labels, text)
		}
		found = strings.TrimSpace(line[strings.LastIndexByte(line, '}')+1:])
	}
	return found
}

func mode(t *testing.T, file string) os.FileMode {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

// TestMetricsFile checks that every run writes metrics, and that a failed run keeps values that it cannot know.
func TestMetricsFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	file := filepath.Join(w.dir, "orgsync.prom")
	w.env["ORGSYNC_METRICS_FILE"] = file
	want := func(name, value string, labels ...string) {
		t.Helper()
		if got := metric(t, file, name, append(labels, `organization="`+w.api.World().Organization.ID+`"`)...); got != value {
			t.Errorf("%s%v is %q, want %q", name, labels, got, value)
		}
	}

	w.want(w.run(t.Context(), "apply", "--detailed-exitcode"), exitChanges, 3)
	want("orgsync_last_run_exit_code", "2", `command="apply"`)
	want("orgsync_last_run_changes", "3", `action="invite"`, `outcome="done"`)
	want("orgsync_people", "3", `state="pending"`)
	success := metric(t, file, "orgsync_last_success_timestamp_seconds")
	if run := metric(t, file, "orgsync_last_run_timestamp_seconds"); success != run {
		t.Errorf("the run was at %s, and the last success at %s", run, success)
	}
	if requests := metric(t, file, "orgsync_last_run_requests"); len(requests) < 1 || requests < "3" &&
		len(requests) == 1 {
		t.Errorf("%s requests for 3 mails", requests)
	}
	open := filepath.Join(w.dir, "open") // to all users that the umask allows
	if err := os.WriteFile(open, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := mode(t, file), mode(t, open); got != want {
		t.Errorf("the file has the mode %v, want %v", got, want)
	}

	// Three runs: one fails at once, one is refused, and one loses its permission while it reads.
	for _, failing := range []struct {
		name string
		code int
		args []string
		set  func()
	}{
		{"roster", exitInvalid, []string{"--roster", filepath.Join(w.dir, "invalid.yaml")}, func() {
			if err := os.WriteFile(filepath.Join(w.dir, "invalid.yaml"), []byte("users: []\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"key", exitError, []string{"--api-key-file", filepath.Join(w.dir, "nowhere")}, func() {}},
		{"limit", exitRefused, []string{"--max-invites", "0"}, func() {
			if err := w.api.Advance(80 * time.Hour); err != nil {
				t.Fatal(err)
			}
		}},
		{"answer", exitError, nil, func() { w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 401}) }},
	} {
		failing.set()
		w.want(w.run(t.Context(), append([]string{"apply"}, failing.args...)...), failing.code, 3)
		want("orgsync_last_run_exit_code", string(rune('0'+failing.code)))
		want("orgsync_last_success_timestamp_seconds", success)
		want("orgsync_organization_info", "1", `name="`+w.api.World().Organization.Name+`"`)
		people := map[string]string{"limit": "3"}[failing.name] // only this one reads the organization
		want("orgsync_people", people, `state="expired"`)
	}
	w.api.ClearFaults()
	w.want(w.run(t.Context(), "apply", "--rate", "fast"), exitError, 3) // never began
	want("orgsync_last_run_exit_code", "1")

	// plan counts as another job.
	w.want(w.run(t.Context(), "plan", "--metrics-file", filepath.Join(w.dir, "plan.prom")), exitDone, 3)
	file = filepath.Join(w.dir, "plan.prom")
	want("orgsync_last_run_changes", "3", `action="reinvite"`, `outcome="planned"`, `command="plan"`)
	want("orgsync_people", "3", `state="expired"`)
}

// TestMetricsFileTrouble checks that a failure to write metrics is a warning, and that other files are not replaced.
func TestMetricsFileTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	users := filepath.Join(w.dir, "users.yaml")
	for _, file := range []string{filepath.Join(w.dir, "nowhere", "orgsync.prom"), w.dir, users} {
		w.want(w.run(t.Context(), "apply", "--metrics-file", file), exitDone, 3)
		w.wantStderr(`level=WARN msg="the metrics were not written"`)
	}
	if text, err := os.ReadFile(users); err != nil || string(text) != threePeople {
		t.Errorf("the roster was overwritten: %v\n%s", err, text)
	}
}

// listener is a dead-man's switch that records its requests.
type listener struct {
	url      string
	mu       sync.Mutex
	requests []string
	keys     bool
}

func listen(t *testing.T, status int) *listener {
	l := &listener{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.requests = append(l.requests, r.Method+" "+r.URL.Path)
		l.keys = l.keys || r.Header.Get("Authorization") != "" || r.ContentLength > 0
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	l.url = server.URL + "/secret-of-the-switch"
	return l
}

func (l *listener) want(t *testing.T, want ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if diff := cmp.Diff(want, l.requests); diff != "" {
		t.Errorf("requests of the switch (-want +got):\n%s", diff)
	}
	if l.keys {
		t.Error("the switch got more than a URL")
	}
	l.requests = nil
}

// TestPing checks that the dead-man's switch gets the start and every kind of end, and does not change the result.
func TestPing(t *testing.T) {
	t.Parallel()
	const start, success = "GET /secret-of-the-switch/start", "GET /secret-of-the-switch"
	w := newWorld(t, sandbox.Options{}, nil)
	l := listen(t, http.StatusOK)
	w.env["ORGSYNC_PING"] = l.url
	w.want(w.run(t.Context(), "apply", "--max-invites", "1"), exitRefused, 0)
	l.want(t, start, success+"/4")
	w.want(w.run(t.Context(), "apply", "--detailed-exitcode"), exitChanges, 3)
	l.want(t, start, success)
	w.env["ORGSYNC_PING"] = l.url + "\n" // from a secret that was made from a file
	w.want(w.run(t.Context(), "apply"), exitDone, 3)
	l.want(t, start, success)
	w.want(w.run(t.Context(), "plan"), exitDone, 3) // whose switch it is not
	l.want(t)
	w.want(w.run(t.Context(), "apply", "--sandbox"), exitDone, 3) // nor is a simulation's
	l.want(t)

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(&signalError{os.Interrupt})
	w.want(w.run(ctx, "apply"), exitInterrupted, 3)
	l.want(t, success+"/130") // a run that ends at once need not report its start
	quiet := func() {
		t.Helper()
		if both := w.stdout.String() + w.stderr.String(); strings.Contains(both, "secret-of-the-switch") {
			t.Errorf("the URL is shown:\n%s", both)
		}
	}
	quiet()

	deaf := listen(t, http.StatusNotFound)
	w.env["ORGSYNC_PING"] = deaf.url
	w.want(w.run(t.Context(), "apply", "--log-level", "debug"), exitDone, 3)
	deaf.want(t, start, success)
	w.wantStderr(`level=WARN msg="the dead-man's switch was not notified" of=start host=127.0.0.1:`, `of=success`,
		`error="HTTP 404"`)
	quiet()

	w.env["ORGSYNC_PING"] = "hc.example/secret-of-the-switch"
	w.want(w.run(t.Context(), "apply"), exitError, 3)
	w.wantStderr("orgsync: --ping (ORGSYNC_PING): the URL is not of the form https://HOST/PATH",
		"hint: 'orgsync apply --help'")
	quiet()
}

var varying = regexp.MustCompile(
	`(time|version|duration|invitation_id|organization_id|requests|roster|state)=("[^"]*"|\S+)`)

// TestLogLines checks that the log has a line for each change.
func TestLogLines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	w.api.AddFault(sandbox.Fault{Method: http.MethodPost, Kind: sandbox.FaultStatus, Status: 422, From: 3})
	w.want(w.run(t.Context(), "apply", "--log-level", "info", "--concurrency", "1"), exitUnfinished, 2)
	lines := strings.Split(w.stderr.String(), "\n")
	var got []string
	for _, line := range lines {
		if strings.HasPrefix(line, "time=") {
			got = append(got, varying.ReplaceAllString(line, "$1=…"))
		}
	}
	want := []string{
		`time=… level=INFO msg="run started" command=apply version=… roster=… simulated=false state=…`,
		`time=… level=INFO msg=change action=invite email=ada@example.com outcome=done reason=not_invited invitation_id=… ` +
			`requests=…`,
		`time=… level=INFO msg=change action=invite email=bob@example.com outcome=done reason=not_invited invitation_id=… ` +
			`requests=…`,
		`time=… level=INFO msg=change action=invite email=cleo@example.com outcome=failed reason=not_invited requests=… ` +
			`error="invite cleo@example.com: HTTP 422: ERROR"`,
		`time=… level=INFO msg="run finished" command=apply exit_code=3 organization_id=… organization="Example Org" ` +
			`done=2 failed=1 unknown=0 skipped=0 requests=… throttled=0 duration=… error="1 change is not done"`,
	}
	if diff := cmp.Diff(want, got, cmp.Transformer("words", func(s string) string {
		return regexp.MustCompile(`HTTP 422: [^"]*`).ReplaceAllString(s, "HTTP 422: ERROR")
	})); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
	if err := w.api.Decline("ada@example.com"); err != nil {
		t.Fatal(err)
	}
	w.api.ClearFaults()
	w.want(w.run(t.Context(), "plan", "--log-format", "json"), exitDone, 2)
	var line struct{ Level, Msg, Kind, Email string }
	if err := json.Unmarshal(w.stderr.Bytes(), &line); err != nil || line.Level != "WARN" ||
		line.Kind != "needs_attention" || line.Email != "ada@example.com" {
		t.Errorf("what needs a person is no warning: %v\n%s", err, &w.stderr)
	}
	// The log has the notices if the report and the log have different formats, or with --log-level info.
	for args, want := range map[string]string{
		"plan": "", "plan -o json": "WARN", "plan -o json --only bob@example.com": "", "plan --log-level info": "WARN",
		"plan --log-level info --only bob@example.com": "INFO",
		"apply --only ada@example.com -o json":         "WARN",
	} {
		w.run(t.Context(), strings.Fields(args)...)
		level := ""
		for line := range strings.Lines(w.stderr.String()) {
			if strings.Contains(line, "msg=notice kind=needs_attention email=ada@example.com") {
				_, level, _ = strings.Cut(strings.Fields(line)[1], "=")
			}
		}
		if level != want {
			t.Errorf("%s logs the notice with the level %q, want %q:\n%s", args, level, want, &w.stderr)
		}
	}
	w.screens = []any{&w.stdout}
	w.want(w.run(t.Context(), "plan"), exitDone, 2)
	if w.stderr.Len() > 0 {
		t.Errorf("the notices are shown twice on the screen:\n%s", &w.stderr)
	}
}

// TestLogOfTheClient checks that the log has a line for each request with --log-level debug, and that a damaged ledger
// is a warning.
func TestLogOfTheClient(t *testing.T) {
	t.Parallel()
	w := invited(t)
	w.want(w.run(t.Context(), "plan", "--log-level", "debug"), exitDone, 3)
	w.wantStderr("level=DEBUG", "/v2/users")
	files, err := filepath.Glob(filepath.Join(w.dir, ".local", "state", "orgsync", "*", "ledger.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the ledgers are %q, %v", files, err)
	}
	ledger, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], append([]byte("{\n"), ledger...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"plan", "apply"} {
		w.want(w.run(t.Context(), command), exitDone, 3)
		w.wantStderr("level=WARN", "ledger")
	}
}

// TestRequestsOfTheRun checks that the log has the number of requests, and of those that got status 429.
func TestRequestsOfTheRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{log: newLog(&out, slog.LevelInfo, "text"), Environment: Environment{
		stdout: io.Discard, isTerminal: noTerminal, getenv: func(string) string { return "" },
	}}
	cmd := &cobra.Command{Use: "apply"}
	cmd.SetContext(t.Context())
	err := a.observe(cmd, func(context.Context) error {
		a.run.stats = func() vultr.Stats { return vultr.Stats{Requests: 7, Throttled: 2} }
		return nil
	})
	if err != nil || !strings.Contains(out.String(), "requests=7 throttled=2") {
		t.Errorf("%v, the log is:\n%s", err, &out)
	}
}

// FuzzLog checks that with any text from outside, a record is one valid line that does not act on a terminal.
func FuzzLog(f *testing.F) {
	for _, s := range []string{"plain", "a\nlevel=ERROR msg=forged", "\x1b[31mred\x1b]0;t\a", "\u202eevil\u2066",
		"\u009b2J", "a\"b\\c", "\x7f", "\xff", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, format := range []string{"text", "json"} {
			var out bytes.Buffer
			a := &app{Environment: Environment{isTerminal: func(any) bool { return false }}, log: newLog(&out, slog.LevelInfo,
				format)}
			change := plan.Change{Action: plan.Action(s), Reason: plan.Reason(s), Detail: plan.Detail{Kind: org.Kind(s + "k"),
				Name: s}}
			a.logChange(apply.ChangeResult{Change: change, Outcome: apply.Outcome(s), InvitationID: s + "i",
				Err: &org.CallError{Op: s, Target: s, Message: s, Err: errors.New(s)}})
			a.run.Metrics = report.Metrics{
				Command: s, Organization: org.Organization{ID: s + "o", Name: s}, Code: exitError,
				Plan: &plan.Plan{Notices: []plan.Notice{{Kind: plan.Waiting, InvitationID: s, Text: s},
					{Kind: plan.GaveUp, Text: s}}},
			}
			a.logRunEnd(errors.New(s))
			a.log.Warn(s, "error", errors.New(s), "path", s) // as other packages log
			if n := strings.Count(out.String(), "\n"); n != 5 {
				t.Errorf("5 %s records are %d lines:\n%s", format, n, &out)
			}
			if !utf8.Valid(out.Bytes()) {
				t.Errorf("the %s log is no UTF-8: %q", format, &out)
			}
			for _, r := range out.String() {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Errorf("the %s log holds %U:\n%q", format, r, &out)
				}
			}
			if format == "json" {
				for line := range bytes.Lines(out.Bytes()) {
					if !json.Valid(line) {
						t.Errorf("no JSON: %s", line)
					}
				}
			}
		}
	})
}
