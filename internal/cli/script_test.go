package cli

import (
	"context"
	"errors"
	"flag"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/state/objects"
	"github.com/orgsync/orgsync/internal/state/statetest"
)

var update = flag.Bool("update", false, "update the files that scripts compare with")

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "orgsync" { // not the program itself, which this is as well
		hearSignals()
	}
	testscript.Main(m, map[string]func(){"orgsync": program})
}

// program runs the same code as cmd/orgsync.
func program() {
	if os.Getenv("TEST_LEASE") == "short" { // so that tests need not wait for the times of real runs
		objects.DefaultTimes = statetest.ShortTimes
	}
	ctx, stop := WithSignals(context.Background())
	code := Run(ctx, ProcessEnvironment())
	stop()
	os.Exit(code)
}

// hearSignals makes sure that programs get the signals of tests. If the tests run in the background of a script or
// under nohup, a signal may be ignored. A process inherits ignored signals, but not signals with a handler.
func hearSignals() {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

// TestScripts runs the real program. The scripts know four commands of their own:
//
//	exits CODE program args...   runs the program, which must exit with CODE
//	scrub stdout|stderr FILE     writes what the last program printed to FILE, with ids, times and the like made equal
//	shows stdout|stderr N        wants the last program to have printed the Nth block of text in docs/walkthrough.md
//	serve [FAULT]                serves a simulated API to the programs that follow, by VULTR_API_URL and VULTR_API_KEY
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			root, err := filepath.Abs("../..")
			e.Setenv("REPOSITORY", root)
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "scrub": scrub, "serve": serve, "shows": shows,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		failed, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		got = failed.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

var scrubs = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`sha256:[0-9a-f]{64}`), "FINGERPRINT"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\d{4}-\d\d-\d\d \d\d:\d\d UTC`), "TIME"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d`), "DAY"},
	{regexp.MustCompile(`\d+ days?( \d+ hours?)?|\d+ hours?( \d+ minutes?)?`), "SPAN"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`(?m)^TIME orgsync \S+ (.*), state .*`), "TIME orgsync VERSION $1, state FOLDER"},
}

func scrub(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: scrub stdout|stderr FILE")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(scrubbed(ts.ReadFile(args[0]))), 0o600))
}

// scrubbed returns text in which words that differ from run to run become equal.
func scrubbed(text string) string {
	for _, s := range scrubs {
		text = s.pattern.ReplaceAllString(text, s.with)
	}
	return text
}

func shows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: shows stdout|stderr N")
	}
	page := filepath.Join(ts.Getenv("REPOSITORY"), "docs", "walkthrough.md")
	blocks := outputs.FindAllStringSubmatch(ts.ReadFile(page), -1)
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 1 || n > len(blocks) {
		ts.Fatalf("the page has %d blocks, and none of the number %s", len(blocks), args[1])
	}
	want, got := "\n"+scrubbed(blocks[n-1][1]), "\n"+scrubbed(ts.ReadFile(args[0]))
	if !strings.Contains(got, want) {
		ts.Fatalf("the page shows other output (-page +%s):\n%s", args[0], cmp.Diff(want, got))
	}
}

func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: serve [FAULT]")
	}
	s, err := sandbox.New(sandbox.Options{RateLimit: -1})
	ts.Check(err)
	if len(args) == 1 {
		f, err := parseFault(args[0])
		ts.Check(err)
		s.AddFault(f)
	}
	server := httptest.NewServer(s)
	ts.Defer(server.Close)
	ts.Defer(func() {
		for _, v := range s.Violations() {
			ts.Logf("the documents know no %s %s: %s", v.Method, v.Path, v.Violation)
		}
	})
	ts.Setenv("VULTR_API_URL", server.URL)
	ts.Setenv("VULTR_API_KEY", "key-of-the-script")
	ts.Setenv("ORGSYNC_SETTLE_WAIT", "0s")
	ts.Setenv("ORGSYNC_RATE", "1000")
}
