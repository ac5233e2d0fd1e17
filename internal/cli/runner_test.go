package cli

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// runnerCommand matches a command to the runner of GitHub or Azure in a line of a log.
var runnerCommand = regexp.MustCompile(`(?m)##[A-Za-z]*\[|^\s*::[A-Za-z]`)

const commands = "##[group]a ##vso[task.setvariable x=y]b\r\n::error::c\n  ::add-mask::d\r::warning::e #\u200b#[debug]f"

// TestNoRunnerCommands checks that text of a server never becomes a command to a CI runner.
func TestNoRunnerCommands(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		if r.URL.Path == "/v2/organizations" {
			_, _ = w.Write([]byte(commands))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"error": commands})
	}))
	t.Cleanup(server.Close)
	for _, command := range []string{"plan", "apply", "status", "doctor", "import"} {
		for _, format := range []string{"text", "json", "markdown"} {
			for _, log := range []string{"text", "json"} {
				t.Run(command+" "+format+" "+log, func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, sandbox.Options{}, nil)
					w.env["VULTR_API_URL"], w.env["ORGSYNC_STATE_DIR"] = server.URL, filepath.Join(w.dir, "state")
					args := []string{command, "--log-level", "debug", "--log-format", log}
					if command != "import" {
						args = append(args, "--output", format)
					}
					w.run(t.Context(), args...)
					both := w.stdout.String() + w.stderr.String()
					if !strings.Contains(both, "task.setvariable") {
						t.Errorf("the server's words are missing:\n%s", both)
					}
					if found := runnerCommand.FindString(both); found != "" {
						t.Errorf("%q is a command:\n%s", found, both)
					}
				})
			}
		}
	}
}

// TestNoRunnerCommandsFromFiles checks that names of files and texts in a roster never become a command to a CI runner.
// Both may come from a stranger's pull request.
func TestNoRunnerCommandsFromFiles(t *testing.T) {
	// Not parallel: it changes the working directory.
	w := newWorld(t, sandbox.Options{}, nil)
	folder := filepath.Join(w.dir, "::error::x ##[group]")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Skipf("no such names here: %v", err)
	}
	t.Chdir(w.dir)
	bad := filepath.Join("::error::x ##[group]", "users.yaml")
	for _, roster := range []string{"users: [{email: '##[group]::error::'}]\n", "'##[x]': ::error::x\n", threePeople} {
		if err := os.WriteFile(bad, []byte(roster), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"validate", bad}, {"validate", bad, "-o", "json"}, {"validate", bad, "-o", "markdown"},
			{"diff", bad, "users.yaml"}, {"validate", bad + "x"},
			{"diff", "users.yaml", bad, "-o", "json"},
		} {
			w.run(t.Context(), args...)
			if both := w.stdout.String() + w.stderr.String(); runnerCommand.MatchString(both) {
				t.Errorf("%q prints the command %q:\n%s", args, runnerCommand.FindString(both), both)
			}
		}
	}
}

// TestNamesWithCommandsAreComplete checks that an error keeps its end if a space is put into each of many commands.
func TestNamesWithCommandsAreComplete(t *testing.T) {
	// Not parallel: it changes the working directory.
	w := newWorld(t, sandbox.Options{}, nil)
	t.Chdir(w.dir)
	name := strings.Repeat("::x ##[y] ", 20) + "end"
	w.run(t.Context(), "validate", name)
	if !strings.Contains(w.stderr.String(), "end: no such file or directory\n") {
		t.Errorf("the end is missing:\n%s", &w.stderr)
	}
	w.write("a.yaml", "users: [ada@example.com]\n")
	other := filepath.Join(w.dir, strings.Repeat("::x ##[y] ", 9)+".yaml")
	if err := os.WriteFile(other, []byte("users: [ada@example.com]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), "validate", "a.yaml", filepath.Base(other), "--output", "github")
	if !strings.Contains(w.stdout.String(), "is already listed at a.yaml:1:9") {
		t.Errorf("the annotation has no other place:\n%s", &w.stdout)
	}
	w.run(t.Context(), "validate", filepath.Base(other), "a.yaml", "--output", "github")
	if !strings.Contains(w.stdout.String(), ".yaml:1:9\n") {
		t.Errorf("the end of the place is missing:\n%s", &w.stdout)
	}
}

// TestLogHoldsNoRunnerCommand checks that a line of the log has no command to a CI runner, and still has every
// character for a program.
func TestLogHoldsNoRunnerCommand(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		newLog(&out, slog.LevelInfo, format).Info("said ##[group]", "text", commands, "##vso[key]", 1)
		if found := runnerCommand.FindString(out.String()); found != "" {
			t.Errorf("%s: %q is a command: %s", format, found, &out)
		}
		if format == "json" {
			var line struct{ Msg, Text string }
			err := json.Unmarshal(out.Bytes(), &line)
			if err != nil || line.Text != commands || line.Msg != "said ##[group]" {
				t.Errorf("the line is %+v, %v", line, err)
			}
		}
	}
}
