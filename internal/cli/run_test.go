package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/dir"
)

// world is a folder with a roster, and a simulated API that the program in this process uses.
type world struct {
	t       *testing.T
	dir     string
	api     *sandbox.Server
	env     map[string]string
	stdin   io.Reader
	screens []any // streams that are terminals
	after   func(time.Duration) <-chan time.Time
	output  io.Writer // stdout; nil for the buffer
	stdout  bytes.Buffer
	stderr  bytes.Buffer
}

const threePeople = "users:\n  - email: ada@example.com\n  - email: bob@example.com\n  - email: cleo@example.com\n"

// newWorld serves a simulated API. If before is not nil, it gets every request first.
func newWorld(t *testing.T, o sandbox.Options, before func(*http.Request)) *world {
	t.Helper()
	o.RateLimit = -1
	api, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before != nil {
			before(r)
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "users.yaml"), []byte(threePeople), 0o600); err != nil {
		t.Fatal(err)
	}
	return &world{t: t, dir: dir, api: api, stdin: strings.NewReader(""), env: map[string]string{
		"VULTR_API_URL": server.URL, "VULTR_API_KEY": "key-of-the-test", "HOME": dir, "ORGSYNC_SETTLE_WAIT": "0s",
		"ORGSYNC_ROSTER": filepath.Join(dir, "users.yaml"), "ORGSYNC_RATE": "1000",
	}}
}

func (w *world) run(ctx context.Context, args ...string) int {
	w.t.Helper()
	w.stdout.Reset()
	w.stderr.Reset()
	stdout := w.output
	if stdout == nil {
		stdout = &w.stdout
	}
	code := Run(ctx, Environment{
		name: "orgsync", args: args, stdin: w.stdin, stdout: stdout, stderr: &w.stderr,
		getenv: func(name string) string { return w.env[name] },
		environ: func() []string {
			var list []string
			for name, value := range w.env {
				list = append(list, name+"="+value)
			}
			return list
		},
		after: w.after,
		isTerminal: func(stream any) bool {
			for _, s := range w.screens {
				if s == stream {
					return true
				}
			}
			return false
		},
	})
	for _, v := range w.api.Violations() {
		w.t.Errorf("the documents know no %s %s: %s", v.Method, v.Path, v.Violation)
	}
	if both := w.stdout.String() + w.stderr.String(); strings.Contains(both, "key-of-the-test") {
		w.t.Errorf("the key is shown:\n%s", both)
	}
	return code
}

// mails returns the number of mails that were sent.
func (w *world) mails() int {
	n := 0
	for _, mails := range w.api.Mails() {
		n += len(mails)
	}
	return n
}

func (w *world) want(code, wantCode, wantMails int) {
	w.t.Helper()
	if code != wantCode || w.mails() != wantMails {
		w.t.Errorf("exit code %d and %d mails, want %d and %d\nstdout:\n%s\nstderr:\n%s", code, w.mails(), wantCode,
			wantMails, &w.stdout, &w.stderr)
	}
}

func (w *world) wantStderr(parts ...string) {
	w.t.Helper()
	for _, part := range parts {
		if !strings.Contains(w.stderr.String(), part) {
			w.t.Errorf("stderr does not say %q:\n%s", part, &w.stderr)
		}
	}
}

// changeRoster writes another text into the roster file.
func (w *world) changeRoster(text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "users.yaml"), []byte(text), 0o600); err != nil {
		w.t.Error(err)
	}
}

// TestConfirm checks that apply asks on a terminal, and that only y and yes mean yes.
func TestConfirm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, answer string
		args         []string
		code, mails  int
		asks         bool
	}{
		{"y", "y\n", nil, exitDone, 3, true},
		{"yes", " YES \n", nil, exitDone, 3, true},
		{"yes without a line feed", "y", nil, exitDone, 3, true},
		{"n", "n\n", nil, exitError, 0, true},
		{"just return", "\n", nil, exitError, 0, true},
		{"end of input", "", nil, exitError, 0, true},
		{"something else", "yesterday\n", nil, exitError, 0, true},
		{"yes flag", "", []string{"--yes"}, exitDone, 3, false},
		{"refused by a limit", "y\n", []string{"--max-invites", "1"}, exitRefused, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{}, nil)
			w.stdin = strings.NewReader(tt.answer)
			w.screens = []any{w.stdin}
			code := w.run(t.Context(), append([]string{"apply"}, tt.args...)...)
			w.want(code, tt.code, tt.mails)
			if asks := strings.Contains(w.stderr.String(),
				"3 to invite.\nSend 3 invitation mails in Example Org? [y/N] "); asks != tt.asks {
				t.Errorf("shows the plan and asks: %t, want %t; stderr:\n%s", asks, tt.asks, &w.stderr)
			}
			if said := tt.code == exitError; said && w.stdout.Len() > 0 {
				t.Errorf("who said no is shown once more:\n%s", &w.stdout)
			}
		})
	}
	t.Run("nothing to do", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{}, nil)
		w.want(w.run(t.Context(), "apply"), exitDone, 3)
		w.screens = []any{w.stdin}
		w.want(w.run(t.Context(), "apply"), exitDone, 3)
		if strings.Contains(w.stderr.String(), "[y/N]") {
			t.Errorf("asks although there is nothing to do:\n%s", &w.stderr)
		}
	})
	t.Run("yes after a long time", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{}, nil)
		invited := false
		w.stdin = &interrupting{strings.NewReader("y\n"), func() {
			if !invited {
				invited = true
				if _, err := w.api.AddInvitation(sandbox.Invitation{Email: "ada@example.com"}); err != nil { // by hand
					t.Error(err)
				}
			}
		}}
		w.screens = []any{w.stdin}
		w.want(w.run(t.Context(), "apply"), exitRefused, 0)
		w.wantStderr("has changed since the plan was shown", "run again")
	})
	t.Run("yes after the roster changed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{}, nil)
		w.stdin = &interrupting{strings.NewReader("y\n"), func() { w.changeRoster("users: [ada@example.com]\n") }}
		w.screens = []any{w.stdin}
		w.want(w.run(t.Context(), "apply"), exitRefused, 0)
		w.wantStderr("the roster has changed since the plan was made", "run again")
	})
	t.Run("yes after only the time of the roster changed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{}, nil)
		w.stdin = &interrupting{strings.NewReader("y\n"), func() { w.changeRoster(threePeople) }}
		w.screens = []any{w.stdin}
		w.want(w.run(t.Context(), "apply"), exitDone, 3)
	})
	t.Run("yes in JSON and the next reading fails", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{}, nil)
		w.stdin = &interrupting{strings.NewReader("y\n"), func() {
			w.api.AddFault(sandbox.Fault{Path: "/v2/invitation", Kind: sandbox.FaultForbid})
		}}
		w.screens = []any{w.stdin}
		w.want(w.run(t.Context(), "apply", "-o", "json"), exitError, 0)
		if r := w.result(); r.Summary.Skipped != 3 || r.Error.Code != exitError {
			t.Errorf("the report says %+v", r)
		}
	})
	t.Run("yes in JSON and another run has the lock", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{}, nil)
		file := filepath.Join(w.dir, "orgsync.prom")
		w.env["ORGSYNC_METRICS_FILE"] = file
		store, err := dir.New(filepath.Join(w.dir, ".local", "state", "orgsync"), w.api.World().Organization.ID)
		if err != nil {
			t.Fatal(err)
		}
		w.stdin = &interrupting{strings.NewReader("y\n"), sync.OnceFunc(func() {
			if _, err := store.Acquire(t.Context(), state.Holder{PID: 4711}, 0); err != nil {
				t.Error(err)
			}
		})}
		w.screens = []any{w.stdin}
		w.want(w.run(t.Context(), "apply", "-o", "json"), exitLocked, 0)
		if r := w.result(); r.Summary.Skipped != 3 || r.Error.Code != exitLocked {
			t.Errorf("the report says %+v", r)
		}
		for outcome, want := range map[string]string{"skipped": "3", "planned": ""} {
			if n := metric(t, file, "orgsync_last_run_changes", `action="invite"`, `outcome="`+outcome+`"`); n != want {
				t.Errorf("the metrics have %q changes with the outcome %s, want %q", n, outcome, want)
			}
		}
	})
	t.Run("yes after somebody has accepted", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{}, nil)
		file := filepath.Join(w.dir, "orgsync.prom")
		w.env["ORGSYNC_METRICS_FILE"] = file
		if _, err := w.api.AddInvitation(sandbox.Invitation{Email: "ada@example.com"}); err != nil {
			t.Fatal(err)
		}
		w.stdin = &interrupting{strings.NewReader("y\n"), sync.OnceFunc(w.accept("ada@example.com"))}
		w.screens = []any{w.stdin}
		w.want(w.run(t.Context(), "apply"), exitDone, 2)
		for state, want := range map[string]string{"member": "1", "pending": "2"} {
			if n := metric(t, file, "orgsync_people", `state="`+state+`"`); n != want {
				t.Errorf("the metrics have %s people with the state %s, want %s", n, state, want)
			}
		}
	})
	t.Run("no in JSON", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{}, nil)
		w.screens = []any{w.stdin}
		w.want(w.run(t.Context(), "apply", "-o", "json"), exitError, 0)
		if r := w.result(); r.Summary.Skipped != 3 || r.Error.Code != exitError {
			t.Errorf("the report says %+v", r)
		}
	})
	t.Run("interrupted while it asks", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{}, nil)
		ctx, cancel := context.WithCancelCause(t.Context())
		stdin, answer := io.Pipe()
		defer answer.Close()
		w.stdin = &interrupting{stdin, func() { cancel(&signalError{os.Interrupt}) }}
		w.screens = []any{w.stdin}
		w.want(w.run(ctx, "apply"), exitInterrupted, 0)
	})
}

// interrupting is a stream without input that calls a function when it is read.
type interrupting struct {
	io.Reader
	call func()
}

func (i *interrupting) Read(p []byte) (int, error) {
	i.call()
	return i.Reader.Read(p)
}

// result has the fields of a report that a script may use.
type result struct {
	Changes []struct{ Email, Outcome, Error string }
	Notices []struct{ Kind string }
	Summary struct{ Done, Failed, Unknown, Skipped int }
	Error   struct {
		Code    int
		Message string
	}
}

func (w *world) result() result {
	w.t.Helper()
	var r result
	if err := json.Unmarshal(w.stdout.Bytes(), &r); err != nil {
		w.t.Fatalf("stdout is not one JSON document: %v\n%s", err, &w.stdout)
	}
	return r
}

// TestSignal checks that after a signal, requests in flight are finished and reported, and no new request starts.
func TestSignal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		signal os.Signal
		code   int
	}{{os.Interrupt, exitInterrupted}, {syscall.SIGTERM, exitTerminated}} {
		t.Run(tt.signal.String(), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			w := newWorld(t, sandbox.Options{}, func(r *http.Request) {
				if r.Method == http.MethodPost {
					cancel(&signalError{tt.signal})
				}
			})
			w.want(w.run(ctx, "apply", "-o", "json"), tt.code, 1)
			if r := w.result(); r.Summary.Done != 1 || r.Summary.Skipped != 2 || r.Error.Code != tt.code {
				t.Errorf("the report says %+v", r)
			}
			w.wantStderr("hint: run again to continue")
			w.want(w.run(t.Context(), "apply"), exitDone, 3)
		})
	}
	t.Run("while reading", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		w := newWorld(t, sandbox.Options{}, func(*http.Request) { cancel(&signalError{os.Interrupt}) })
		for _, command := range []string{"plan", "apply"} {
			w.want(w.run(ctx, command, "-o", "json"), exitInterrupted, 0)
			if r := w.result(); r.Error.Code != exitInterrupted {
				t.Errorf("%s: the report says %+v", command, r)
			}
		}
	})
}

// TestTimeout checks that --timeout ends a run in the same way as a signal.
func TestTimeout(t *testing.T) {
	t.Parallel()
	hang := sandbox.Fault{Kind: sandbox.FaultHang}
	w := newWorld(t, sandbox.Options{}, nil)
	w.api.AddFault(hang)
	w.want(w.run(t.Context(), "plan", "--timeout", "50ms"), exitError, 0)
	w.wantStderr("orgsync: the run took longer than 50ms", "hint: allow more time with --timeout")
}

// TestLocked checks that a second run reports which run has the lock.
func TestLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	organization := w.api.World().Organization.ID
	store, err := dir.New(filepath.Join(w.dir, ".local", "state", "orgsync"), organization)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	other, err := ledger.Open(t.Context(), store, ledger.Options{
		Organization: organization, Now: time.Now, Holder: state.Holder{PID: 4711, Host: "elsewhere", Start: start},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.want(w.run(t.Context(), "apply"), exitLocked, 0)
	w.wantStderr("4711", "elsewhere", "2026-11-23T10:00:00Z", "hint: wait until the other run has ended")
	w.want(w.run(t.Context(), "plan"), exitDone, 0) // takes no lock
	// With --lock-timeout, a run waits until the other run has ended.
	time.AfterFunc(150*time.Millisecond, func() { _ = other.Close() })
	w.want(w.run(t.Context(), "apply", "--lock-timeout", "10m"), exitDone, 3)
}

// TestUnsettled checks that people who may have been mailed are reported, and not mailed again.
func TestUnsettled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{ListLag: time.Hour}, nil)
	w.api.AddFault(sandbox.Fault{Method: http.MethodPost, Kind: sandbox.FaultDrop, ActFirst: true})
	w.want(w.run(t.Context(), "apply", "-o", "json", "--request-timeout", "5s"), exitUnfinished, w.mails())
	sent := w.mails()
	if r := w.result(); sent == 0 || r.Summary.Unknown != sent || r.Error.Code != exitUnfinished {
		t.Errorf("%d mails, and the report says %+v", sent, r)
	}
	w.api.ClearFaults()
	w.run(t.Context(), "plan", "-o", "json")
	held := 0
	for _, n := range w.result().Notices {
		if n.Kind == "unsettled" {
			held++
		}
	}
	if held != sent {
		t.Errorf("%d people are held back, want %d:\n%s", held, sent, &w.stdout)
	}
	// If the roster has only the unsettled people, no other mail can show whether their mails were sent.
	var only strings.Builder
	only.WriteString("users:\n")
	for email := range w.api.Mails() {
		fmt.Fprintf(&only, "  - email: %s\n", email)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "users.yaml"), []byte(only.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	w.want(w.run(t.Context(), "apply"), exitUnfinished, sent)
	w.wantStderr("it is unknown whether they were mailed")
}

// TestStateFolder checks that a run sends nothing if it cannot write its ledger.
func TestStateFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	file := filepath.Join(w.dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.want(w.run(t.Context(), "apply", "--state-dir", filepath.Join(file, "below")), exitError, 0)
	w.wantStderr("hint: ", "--state-dir")
	delete(w.env, "HOME")
	w.want(w.run(t.Context(), "apply"), exitError, 0)
	w.wantStderr("neither XDG_STATE_HOME nor HOME is set", "--state-dir")
}

// TestColored checks that a terminal gets colours, unless a flag or a variable turns them off.
func TestColored(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		env      map[string]string
		flag     string
		terminal bool
		want     bool
	}{
		{"terminal", nil, "auto", true, true},
		{"no terminal", nil, "auto", false, false},
		{"NO_COLOR", map[string]string{"NO_COLOR": "1"}, "auto", true, false},
		{"empty NO_COLOR", map[string]string{"NO_COLOR": ""}, "auto", true, true},
		{"dumb terminal", map[string]string{"TERM": "dumb"}, "auto", true, false},
		{"always", map[string]string{"NO_COLOR": "1", "TERM": "dumb"}, "always", false, true},
		{"never", nil, "never", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := &app{Environment: Environment{
				getenv:     func(name string) string { return tt.env[name] },
				isTerminal: func(any) bool { return tt.terminal },
			}}
			a.color = tt.flag
			if got := a.useColor(io.Discard); got != tt.want {
				t.Errorf("colored() = %t, want %t", got, tt.want)
			}
		})
	}
}

// TestRequests checks that a run needs only a few reads and one request for each mail, with any flags.
func TestRequests(t *testing.T) {
	t.Parallel()
	var posts, gets atomic.Int32
	w := newWorld(t, sandbox.Options{}, func(r *http.Request) {
		if r.Method == http.MethodPost {
			posts.Add(1)
		} else {
			gets.Add(1)
		}
	})
	w.want(w.run(t.Context(), "apply"), exitDone, 3)
	if posts.Load() != 3 || gets.Load() > 10 {
		t.Errorf("%d POSTs and %d GETs for 3 mails", posts.Load(), gets.Load())
	}
}

// TestInviteOnlyKey checks that orgsync can invite with a key that sees only organizations and invitations.
func TestInviteOnlyKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	for _, path := range []string{"/v2/users*", "/v2/organizations/*", "/v2/groups*", "/v2/roles*", "/v2/policies*",
		"/v2/account"} {
		w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Path: path})
	}
	w.want(w.run(t.Context(), "apply"), exitUnfinished, 0)
	if !strings.Contains(w.stderr.String(), "3 people are not invited") {
		t.Errorf("it does not say why nobody is invited:\n%s", &w.stderr)
	}
	roster := "settings:\n  hidden_members: invite\n" + threePeople
	if err := os.WriteFile(filepath.Join(w.dir, "users.yaml"), []byte(roster), 0o600); err != nil {
		t.Fatal(err)
	}
	w.want(w.run(t.Context(), "apply"), exitDone, 3)
	if !strings.Contains(w.stdout.String(), "this key is not allowed to list users") {
		t.Errorf("what the key cannot see is not reported:\n%s", &w.stdout)
	}
	if err := w.api.Accept("ada@example.com"); err != nil {
		t.Fatal(err)
	}
	w.want(w.run(t.Context(), "apply"), exitDone, 3)
	if err := w.api.Advance(73 * time.Hour); err != nil {
		t.Fatal(err)
	}
	w.want(w.run(t.Context(), "apply"), exitDone, 5) // all but Ada, who is in
	if n := len(w.api.Mails()["ada@example.com"]); n != 1 {
		t.Errorf("ada has %d mails", n)
	}
}
