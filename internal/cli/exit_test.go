package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/vultr"
)

// failures are the errors that a user can meet, each with its exit code and a part of its hint.
var failures = []struct {
	name string
	err  error
	code int
	hint string
}{
	{"usage", &usageError{"orgsync plan", errors.New("unknown flag: --x")}, exitError, "'orgsync plan --help'"},
	{"no key", errNoKey, exitError, "VULTR_API_KEY"},
	{"API URL", withStep(stepMakeClient, errors.New("the API URL is plain http")), exitError, "--api-url"},
	{"not confirmed", errNotAccepted, exitError, "--yes"},
	{"moved while asked", reconcile.ErrOrganizationChanged, exitRefused, "run again"},
	{"roster changed", reconcile.ErrRosterChanged, exitRefused, "run again"},
	{"roster", &roster.ProblemsError{Problems: []roster.Problem{{Text: "no"}}}, exitInvalid, "orgsync validate"},
	{"pin", &org.PinError{Pin: "Acme"}, exitRefused, "`organization` line"},
	{"limit", &plan.LimitError{Planned: 120, Limit: 100, Setting: "max_invites", Flag: "--max-invites"}, exitRefused,
		"--max-invites 120"},
	{"locked", &state.LockedError{Place: "lock"}, exitLocked, "--lock-timeout"},
	{"401", call(401, nil), exitError, "the key was not accepted"},
	{"403", call(403, nil), exitError, "iam.invitation.*"},
	{"404", call(404, nil), exitError, "--api-url"},
	{"429", call(429, nil), exitError, "--rate"},
	{"500", call(500, nil), exitError, "server's side"},
	{"host unknown", call(0, &net.DNSError{Err: "no such host", Name: "api.vultr.example"}), exitError,
		"cannot be resolved"},
	{"refused", call(0, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}), exitError,
		"nothing listens"},
	{"certificate", call(0, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), exitError,
		"SSL_CERT_FILE"},
	{"no TLS", call(0, errors.New("http: server gave HTTP response to HTTPS client")), exitError, "no trusted connection"},
	{"time-out of a request", call(0, context.DeadlineExceeded), exitError, "--request-timeout"},
	{"late answer", call(0, os.ErrDeadlineExceeded), exitError, "--request-timeout"}, // as every error with Timeout
	{"page of a portal", &org.CallError{Op: "list users", Status: 200, Failure: org.Unreadable}, exitError, "HTTPS_PROXY"},
	{"no such roster", &stepError{stepReadRoster, fs.ErrNotExist}, exitError, "--roster"},
	{"time-out of the run", &timeoutError{time.Minute}, exitError, "--timeout"},
	{"dropped", call(0, errors.New("unexpected EOF")), exitError, "--log-level debug"},
	{"state folder", &reconcile.StateError{Err: &fs.PathError{Op: "mkdir", Path: "/x", Err: fs.ErrPermission}}, exitError,
		"--state-dir"},
	{"full disk", &reconcile.StateError{Err: &fs.PathError{Op: "write", Path: "/x", Err: syscall.ENOSPC}}, exitError,
		"free space"},
	{"limit of the size of a file", &reconcile.StateError{Err: &fs.PathError{Op: "write", Path: "/x", Err: syscall.EFBIG}},
		exitError, "keep the ledger as it is"},
	{"organization without an id", org.ErrNoOrganizationID, exitError, "by its id"},
	{"state of a linked roster", &roster.LinkedStateError{File: "a.yaml", State: "state"}, exitError, "whole path"},
	{"ledger of a later version", &reconcile.StateError{Err: &ledger.ContentError{Line: 1}}, exitError,
		"at least as new as the version that wrote the ledger"},
	{"simulation in a folder that may not be written to", &sandbox.StateError{File: "x", Err: fs.ErrPermission}, exitError,
		"--state-dir"},
	{"roster that may not be read", withStep(stepReadRoster, fs.ErrPermission), exitError, "may read"},
	{"damaged simulation", &sandbox.StateError{File: "x", Err: errors.New("damaged")}, exitError,
		"'orgsync sandbox reset' starts over"},
	{"interrupted", &signalError{os.Interrupt}, exitInterrupted, "run again"},
	{"terminated", &signalError{syscall.SIGTERM}, exitTerminated, "run again"},
	{"unfinished", &unfinishedError{undone: 1}, exitUnfinished, "run again"},
	{"unfinished, denied", &unfinishedError{undone: 1, err: call(401, nil)}, exitUnfinished, "the key was not accepted"},
	{"unfinished, interrupted", &unfinishedError{undone: 1, err: &signalError{os.Interrupt}}, exitInterrupted,
		"run again"},
	{"people who are not invited", &unfinishedError{notInvited: 1}, exitUnfinished, "the notices say what to do"},
	{"a person, and a group that does not exist", &unfinishedError{notInvited: 1, missingAccess: errNoGroup},
		exitUnfinished, `each person; in Vultr's console, create the group "nope"`},
	{"mailed for another organization", &unfinishedError{undone: 1, err: errMisdirected}, exitUnfinished,
		"'orgsync apply --reinvite ada@example.com'"},
	{"mailed for another organization before", errMisdirected, exitRefused, "'orgsync apply --reinvite ada@example.com'"},
	{"several organizations of one name", &org.PinError{Pin: "Acme", Have: []org.Organization{{ID: "1", Name: "Acme"},
		{ID: "2", Name: "Acme"}}}, exitRefused, "by its id"},
	{"several organizations", &org.PinError{Have: make([]org.Organization, 2)}, exitRefused, "organization: NAME"},
	{"nobody to import", errNobodyToList, exitError, "write a roster by hand"},
	{"key file", withStep(stepReadKey, fs.ErrNotExist), exitError, "--api-key-file"},
	{"no roster", withStep(stepReadRoster, fs.ErrNotExist), exitError, "--roster"},
	{"no such commit", withStep(stepReadGit, errors.New("git says: no")), exitError, "fetch-depth: 0"},
	{"nobody of that address", withStep(stepFindPerson, errors.New("nobody")), exitError, "'orgsync status'"},
	{"plan not saved", withStep(stepSavePlan, fs.ErrNotExist), exitError, "--out"},
	{"plan not saved, full disk", withStep(stepSavePlan, syscall.ENOSPC), exitError, "free space"},
	{"not to be merged", withStep(stepMerge, errors.New("no")), exitError, "--merge"},
	{"not recorded", withStep(stepRecord, fs.ErrExist), exitError, "--record"},
	{"nobody to play", withStep(stepSandboxAction, errors.New("nobody")), exitError, "'orgsync sandbox show'"},
	{"cannot listen", withStep(stepListen, errors.New("in use")), exitError, "--listen"},
	{"output to a full disk", &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}, exitError,
		"free space"},
	{"anything else", errors.New("odd"), exitError, ""},
}

var errNoGroup = &plan.UnknownAccessError{Names: 1, Missing: []org.AccessName{{Kind: org.KindGroup, Name: "nope"}}}

var errMisdirected = &apply.WrongOrganizationError{To: "ada@example.com"}

func call(status int, err error) error {
	return &org.CallError{Op: "list users", Status: status, Err: err}
}

func noTerminal(any) bool { return false }

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range failures {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, err := range []error{tt.err, fmt.Errorf("while doing something: %w", tt.err)} {
				var stdout, stderr bytes.Buffer
				a := &app{Environment: Environment{stdout: &stdout, stderr: &stderr, isTerminal: noTerminal}}
				a.output = "text"
				if got := a.finish(findCommand(t, a, "apply"), err); got != tt.code {
					t.Errorf("exit code %d, want %d", got, tt.code)
				}
				_, hint, _ := strings.Cut(stderr.String(), "\nhint: ")
				if !strings.Contains(hint, tt.hint) || tt.hint == "" && hint != "" {
					t.Errorf("hint %q, want one with %q", hint, tt.hint)
				}
				if stdout.Len() > 0 {
					t.Errorf("an error is on stdout: %s", &stdout)
				}
			}
		})
	}
	if got := exitCode(nil); got != exitDone {
		t.Errorf("exitCode(nil) = %d", got)
	}
}

func findCommand(t *testing.T, a *app, path string) *cobra.Command {
	t.Helper()
	cmd, _, err := a.rootCommand().Find(strings.Fields(path))
	if err != nil {
		t.Fatal(err)
	}
	return cmd
}

// TestHintForManyNames checks that the advice after a list of names is never cut off, and that a short list is whole.
func TestHintForManyNames(t *testing.T) {
	if testing.Short() {
		t.Skip("slow under the race detector, which runs the short tests")
	}
	t.Parallel()
	for name, namesOf := range map[string]func(i int) string{
		"short": func(i int) string { return fmt.Sprint("group", i) },
		"long":  func(i int) string { return strings.Repeat("long ", 40) + fmt.Sprint(i) },
		"wide":  func(i int) string { return strings.Repeat("\u4e00", 100) + fmt.Sprint(i) },
	} {
		lacking := &plan.UnknownAccessError{Names: 24000}
		for _, kind := range org.Kinds {
			for i := range 8000 {
				lacking.Missing = append(lacking.Missing, org.AccessName{Kind: kind, Name: namesOf(i)})
			}
		}
		var stderr bytes.Buffer
		a := &app{Environment: Environment{stderr: &stderr, isTerminal: func(any) bool { return false }}}
		a.printErrorAndHint(lacking)
		_, hint, _ := strings.Cut(stderr.String(), "hint: ")
		if !strings.HasSuffix(hint, "; or correct the names in the roster; 'orgsync apply' makes all other changes\n") {
			t.Errorf("%s: the end is missing: %s", name, hint)
		}
		for _, want := range []string{"create these 8000 groups: \"", " more; create these 8000 roles: "} {
			if !strings.Contains(hint, want) {
				t.Errorf("%s: not %q: %s", name, want, hint)
			}
		}
	}
	few := []org.AccessName{
		{Kind: org.KindGroup, Name: "a"}, {Kind: org.KindGroup, Name: "b"}, {Kind: org.KindRole, Name: "c"},
	}
	want := []string{`create these 2 groups: "a", "b"`, `create the role "c"`}
	if got := createTexts(few); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// fullDisk is an output that cannot be written.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestLostOutput checks that a command whose output is lost does not exit with 0, and that its hint is about that.
func TestLostOutput(t *testing.T) {
	t.Parallel()
	const free = "hint: free space on the disk that the output goes to"
	tests := []struct {
		args string
		code int
		want string
	}{
		{"fmt untidy.yaml", exitError, free},
		{"fmt --check untidy.yaml", exitInvalid, "1 file is not formatted"},
		{"init new.yaml", exitError, free},
		{"import --csv people.csv", exitError, free},
		{"validate", exitError, free},
		{"--help", exitError, free},
		{"help environment", exitError, free},
		{"plan --help", exitError, free},
		{"--version", exitError, free},
		{"completion bash", exitError, free},
		{"sandbox serve --listen=127.0.0.1:0", exitError, free},
		{"state copy state copied", exitError, free},
		{"state copy state retired --retire", exitError, free},
		{"apply --only ada@example.com --state-dir other", exitUnfinished, free + "; the changes are made, and the ledger " +
			"has them: 'orgsync status' shows the result"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{}, nil)
			w.write("untidy.yaml", "users:\n  - bob@example.com  \n  - ada@example.com\n")
			w.write("people.csv", "ada@example.com\n")
			if strings.HasPrefix(tt.args, "state") {
				w.run(t.Context(), "apply", "--state-dir", filepath.Join(w.dir, "state"), "--only", "ada@example.com")
			}
			args := strings.Fields(tt.args)
			for i, arg := range args {
				if filepath.Ext(arg) == ".yaml" || filepath.Ext(arg) == ".csv" || i > 1 && !strings.ContainsAny(arg, "-@") {
					args[i] = filepath.Join(w.dir, arg)
				}
			}
			w.output = fullDisk{}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // ends serve, which should not even begin
			defer cancel()
			code := w.run(ctx, args...)
			stderr := strings.Join(strings.Fields(w.stderr.String()), " ")
			if code != tt.code || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d, want %d with %q:\n%s", code, tt.code, tt.want, &w.stderr)
			}
			if tt.args == "fmt untidy.yaml" {
				if w.output = nil; w.run(t.Context(), "fmt", "--check", args[1]) != exitDone {
					t.Error("the file is not formatted")
				}
			}
		})
	}
}

// TestHintsElsewhere checks that a hint is right for the command. In each case, an error once had the hint of another
// error or of another command.
func TestHintsElsewhere(t *testing.T) {
	t.Parallel()
	interrupted, late := &signalError{os.Interrupt}, &timeoutError{time.Minute}
	invalid := &roster.ProblemsError{Problems: []roster.Problem{{Text: "no"}}}
	_, badKey := vultr.New(vultr.Config{BaseURL: "https://api.vultr.com", Key: "two words"})
	_, badURL := vultr.New(vultr.Config{BaseURL: "ftp://api.vultr.com", Key: "key"})
	tests := []struct {
		name, command string
		err           error
		// not has parts of wrong hints. want is a part of the right hint; "" if there must be no hint.
		not  []string
		want string
	}{
		{"--out over a roster", "plan", withStep(stepSavePlan, fmt.Errorf("save: %w", errNotPlan)),
			[]string{"remove", "existing folder"}, "was not replaced"},
		{"--out over a device", "plan", withStep(stepSavePlan, errNotRegular), []string{"remove", "existing folder"},
			"name another one"},
		{"all done, but a group does not exist", "apply", &unfinishedError{missingAccess: errNoGroup},
			[]string{"notices", "orgsync apply"}, `create the group "nope"; or correct the names in the roster`},
		{"a lock whose id somebody forged", "apply", &state.LockedError{Place: "lock", ID: "x; touch y"},
			[]string{"unlock x;"}, "unlock 'x; touch y'"},
		{"--out in no folder", "plan", withStep(stepSavePlan, fs.ErrNotExist), []string{"was not replaced"},
			"existing folder"},
		{"a bad key", "plan", withStep(stepMakeClient, badKey), []string{"https://", "--api-url"}, "VULTR_API_KEY"},
		{"a bad URL", "plan", withStep(stepMakeClient, badURL), []string{"the key", "VULTR_API_KEY"}, "--api-url"},
		{"a file that is named twice", "plan", withStep(stepReadRoster, errors.New("users.yaml is named twice")),
			[]string{"init", "import"}, ""},
		{"a roster that may not be read", "plan", withStep(stepReadRoster, fs.ErrPermission), []string{"init", "import"},
			"may read"},
		{"a comparison with a file that is too large", "diff", withStep(stepCompare, errors.New("too large")),
			[]string{"OLD and NEW"}, ""},
		{"a file that fmt finds twice", "fmt", withStep(stepFormat, errors.New("named twice")), []string{"may write"}, ""},
		{"files that are not formatted", "fmt", errUnformatted, []string{"orgsync fmt"}, "without --check"},
		{"init over a roster", "init", withStep(stepInit, fs.ErrExist), []string{"remove"}, "never replaces a file"},
		{"init in no folder", "init", withStep(stepInit, fs.ErrNotExist), []string{"never replaces"}, "existing folder"},
		{"init for a CI file", "init", withStep(stepInit, errors.New("--workflow needs the roster in users.yaml")),
			[]string{"replaces", "folder"}, ""},
		{"a problem in a CSV file", "import", withStep(stepReadCSV, invalid), []string{"validate", "may read"},
			"fix the file"},
		{"a CSV file that is too large", "import", withStep(stepReadCSV, errors.New("too large")), []string{"may read"}, ""},
		{"no CSV file", "import", withStep(stepReadCSV, fs.ErrNotExist), []string{"first line"}, "may read"},
		{"Ctrl-C in status --watch", "status", fmt.Errorf("1 person is still pending: %w", interrupted),
			[]string{"mailed", "run again"}, ""},
		{"Ctrl-C at a CSV file", "import", withStep(stepReadCSV, interrupted), []string{"--csv", "run again"}, ""},
		{"no time for a CSV file", "import", withStep(stepReadCSV, late), []string{"--csv"}, "--timeout"},
		{"Ctrl-C at a plan file", "apply", &planFileError{"users.yaml", interrupted}, []string{"--roster"}, "run again"},
		{"no time for a plan file", "apply", &planFileError{"users.yaml", late}, []string{"--roster"}, "--timeout"},
		{"Ctrl-C in plan", "plan", interrupted, []string{"mailed", "run again"}, ""},
		{"Ctrl-C in doctor", "doctor", interrupted, []string{"mailed", "run again"}, ""},
		{"Ctrl-C in apply", "apply", interrupted, nil, "nobody is mailed twice"},
		{"no time in status", "status", late, []string{"continue"}, "--timeout"},
		{"no time in apply", "apply", late, nil, "run again to continue"},
		{"an invalid roster in validate", "validate", invalid, []string{"sent", "validate"}, "fix the roster"},
		{"an invalid roster in diff", "diff", invalid, []string{"sent", "validate"}, "fix the roster"},
		{"an invalid roster in plan", "plan", invalid, []string{"sent"}, "orgsync validate"},
		{"an invalid roster in apply", "apply", invalid, nil, "nothing was sent"},
		{"a person who is gone", "apply", &org.CallError{Op: "remove", Target: "ada@example.com", Status: 404},
			[]string{"--api-url"}, "run again"},
		{"a list that is not there", "apply", call(404, nil), []string{"run again"}, "--api-url"},
		{"a proxy without a known name", "plan", call(0, &net.OpError{Op: "proxyconnect", Err: &net.DNSError{Name: "x"}}),
			[]string{"--api-url"}, "HTTPS_PROXY"},
		{"a proxy where nothing listens", "plan", call(0, &net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}),
			[]string{"--api-url"}, "HTTPS_PROXY"},
		{"a host without a known name", "plan", call(0, &net.OpError{Op: "dial", Err: &net.DNSError{Name: "x"}}),
			[]string{"PROXY"}, "--api-url"},
		{"a refused request", "apply", call(422, nil), []string{"later"}, "--log-level debug"},
		{"an address in use", "sandbox serve", withStep(stepListen, syscall.EADDRINUSE), []string{"must be HOST:PORT"},
			"another program listens there"},
		{"a ledger of a later version", "apply", &reconcile.StateError{Err: &ledger.ContentError{Line: 1}},
			[]string{"--state-dir"}, "do not start with an empty ledger"},
		{"a ledger that cannot be written", "apply", &reconcile.StateError{Err: syscall.EFBIG},
			[]string{"restore", "empty", "--state-dir"}, "keep the ledger as it is"},
		{"storage that does not answer", "apply", &reconcile.StateError{Err: fmt.Errorf("%w: refused", state.ErrNoAnswer)},
			[]string{"restore", "empty one", "--state-dir"}, "check the network"},
		{"a copy to a folder that cannot be written", "state copy", &reconcile.StateError{Err: fs.ErrPermission},
			[]string{"--state"}, "FROM and TO"},
		{"a copy to storage that does not answer", "state copy", &reconcile.StateError{Err: state.ErrNoAnswer},
			[]string{"--state", "roster"}, "FROM and TO"},
		{"an organization without a ledger", "history", errNoLedgerOf("x", []string{"north", "south"}),
			[]string{"restore", "empty one"}, "'orgsync history --help'"},
		{"a damaged simulation", "apply", &sandbox.StateError{File: "x", Err: errors.New("damaged")}, []string{"remove"},
			"sandbox reset"},
		{"no state folder", "apply", &reconcile.StateError{Err: errNoStateFolder}, []string{"restore"}, "--state-dir"},
		{"people who are held", "apply", &unfinishedError{notInvited: 1}, []string{"run again", "running again"}, "notices"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			a := &app{Environment: Environment{stdout: &stdout, stderr: &stderr, isTerminal: noTerminal}}
			cmd := findCommand(t, a, tt.command)
			a.output = "text"
			a.finish(cmd, fmt.Errorf("while doing something: %w", tt.err))
			_, hint, _ := strings.Cut(stderr.String(), "\nhint: ")
			if !strings.Contains(hint, tt.want) || tt.want == "" && hint != "" {
				t.Errorf("hint %q, want one with %q", hint, tt.want)
			}
			for _, part := range tt.not {
				if strings.Contains(hint, part) {
					t.Errorf("the hint %q says %q", hint, part)
				}
			}
		})
	}
	t.Run("an empty key file", func(t *testing.T) {
		t.Parallel()
		a := &app{}
		a.apiKeyFile = "key"
		if hint := a.hint(fmt.Errorf("%w: key is empty", errNoKey)); strings.Contains(hint, "set VULTR_API_KEY") {
			t.Errorf("the hint is %q, but the file comes first", hint)
		}
	})
}

// TestExplainClean checks that text of a server in an error is clean.
func TestExplainClean(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	a := &app{Environment: Environment{stderr: &stderr, isTerminal: noTerminal}}
	a.printErrorAndHint(errors.New("list users: \x1b[2J\u202eHTTP 500:\n" + strings.Repeat("x", 10_000)))
	if s := stderr.String(); strings.ContainsAny(s, "\x1b\u202e") || strings.Count(s, "\n") != 1 || len(s) > 2*errorWidth {
		t.Errorf("stderr is %q", s)
	}
}

func TestResultError(t *testing.T) {
	t.Parallel()
	denied := &org.CallError{Op: "invite", Failure: org.Denied, Status: 403}
	interrupted := &signalError{os.Interrupt}
	full := &reconcile.StateError{Err: &fs.PathError{Op: "write", Path: "ledger", Err: syscall.ENOSPC}}
	of := func(stopped error, outcomes ...apply.Outcome) apply.Result {
		r := apply.Result{Stopped: stopped}
		for _, o := range outcomes {
			r.Changes = append(r.Changes, apply.ChangeResult{Outcome: o})
		}
		return r
	}
	unsettled := of(nil, apply.Done)
	unsettled.Notices = []plan.Notice{{Kind: plan.Waiting}, {Kind: plan.Unsettled}}
	noticed := func(notices ...plan.Notice) apply.Result {
		r := of(nil, apply.Done)
		r.Notices = notices
		return r
	}
	elsewhere := of(errors.New("another organization"), apply.Failed, apply.Skipped)
	elsewhere.Changes[0].Requests, elsewhere.Changes[0].Err = 1, elsewhere.Stopped
	tests := []struct {
		name     string
		result   apply.Result
		detailed bool
		want     int
	}{
		{"a mail for another organization", elsewhere, false, exitUnfinished},
		{"nothing to do", of(nil), false, exitDone},
		{"nothing to do, detailed", of(nil), true, exitDone},
		{"all done", of(nil, apply.Done, apply.Done), false, exitDone},
		{"all done, detailed", of(nil, apply.Done), true, exitChanges},
		{"one failed", of(nil, apply.Done, apply.Failed), true, exitUnfinished},
		{"all failed, each for itself", of(nil, apply.Failed, apply.Failed), false, exitUnfinished},
		{"one unknown", of(nil, apply.Unknown), false, exitUnfinished},
		{"one skipped", of(nil, apply.Skipped), false, exitUnfinished},
		{"unsettled", unsettled, false, exitUnfinished},
		{"a decision is needed", noticed(plan.Notice{Kind: plan.Flapping}), false, exitUnfinished},
		{"notices about people that --only leaves out", noticed(plan.Notice{Kind: plan.Unsettled, NotSelected: true},
			plan.Notice{Kind: plan.Flapping, NotSelected: true}), false, exitDone},
		{"denied at once", of(denied, apply.Failed, apply.Skipped), false, exitError},
		{"denied later", of(denied, apply.Done, apply.Failed), false, exitUnfinished},
		{"denied when somebody may have been mailed", of(denied, apply.Unknown, apply.Failed), false, exitUnfinished},
		{"interrupted at once", of(interrupted, apply.Skipped), false, exitInterrupted},
		{"interrupted later", of(interrupted, apply.Done, apply.Skipped), false, exitInterrupted},
		{"interrupted when all was done", of(interrupted, apply.Done), true, exitInterrupted},
		{"out of time at once", of(&timeoutError{}, apply.Skipped), false, exitError},
		{"out of time later", of(&timeoutError{}, apply.Done, apply.Skipped), false, exitUnfinished},
		{"disk full at once", of(full, apply.Skipped), false, exitError},
		{"disk full later", of(full, apply.Done, apply.Skipped), false, exitUnfinished},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := &app{}
			a.detailedExitCode = tt.detailed
			err := a.resultError(tt.result)
			if got := exitCode(err); got != tt.want {
				t.Errorf("exit code %d (%v), want %d", got, err, tt.want)
			}
			if errors.Is(tt.result.Stopped, syscall.ENOSPC) && !strings.Contains(a.hint(err), "free space") {
				t.Errorf("the hint for a full disk is %q", a.hint(err))
			}
		})
	}
}
