package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// TestUnknownEnvironment checks the warning about a variable that is meant for orgsync but sets no flag. It must name
// the most similar variable, and must not contain the value.
func TestUnknownEnvironment(t *testing.T) {
	t.Parallel()
	const unknown = "unknown environment variable ignored"
	tests := []struct {
		name string
		env  map[string]string
		args string
		want []string // each in a line of its own; there are no others
	}{
		{"known to another command", map[string]string{"ORGSYNC_MAX_INVITES": "3", "ORGSYNC_LISTEN": "127.0.0.1:0"},
			"validate", nil},
		{"the sandbox's file", map[string]string{"ORGSYNC_SANDBOX": "true"}, "validate", nil},
		{"misspelled", map[string]string{"ORGSYNC_MAX_INVITE": "secret"}, "validate", []string{
			`msg="` + unknown + `" name=ORGSYNC_MAX_INVITE did_you_mean=ORGSYNC_MAX_INVITES`}},
		{"in lower case", map[string]string{"orgsync_state_dir": "secret"}, "validate", []string{
			`name=orgsync_state_dir did_you_mean=ORGSYNC_STATE_DIR`}},
		{"nothing near", map[string]string{"ORGSYNC_FAVOURITE": "secret"}, "validate",
			[]string{`msg="` + unknown + `" name=ORGSYNC_FAVOURITE`}},
		{"a bare prefix", map[string]string{"ORGSYNC_": "secret"}, "validate", []string{`name=ORGSYNC_`}},
		{"the key", map[string]string{"ORGSYNC_API_KEY": "secret"}, "validate",
			[]string{`name=ORGSYNC_API_KEY did_you_mean=VULTR_API_KEY`}},
		{"the API's URL", map[string]string{"ORGSYNC_API_URL": "secret"}, "validate",
			[]string{`name=ORGSYNC_API_URL did_you_mean=VULTR_API_URL`}},
		{"the flag for one run", map[string]string{"ORGSYNC_REINVITE": "secret@example.com"}, "validate", []string{
			`msg="this variable is ignored: its flag works only on the command line" name=ORGSYNC_REINVITE ` +
				`flag=--reinvite`}},
		{"near the flag for one run", map[string]string{"ORGSYNC_REINVITES": "secret"}, "validate",
			[]string{`msg="` + unknown + `" name=ORGSYNC_REINVITES`}},
		{"two", map[string]string{"ORGSYNC_ZZZ": "secret", "ORGSYNC_AAA": "secret"}, "validate", []string{
			"name=ORGSYNC_AAA", "name=ORGSYNC_ZZZ"}},
		{"unset", map[string]string{"ORGSYNC_MAX_INVITE": "", "ORGSYNC_REINVITE": ""}, "validate", nil},
		{"not orgsync's", map[string]string{"ORGSYNCER": "secret", "VULTR_API_KEYS": "secret"}, "validate", nil},
		{"while a shell completes", map[string]string{"ORGSYNC_MAX_INVITE": "secret"}, "__complete validate --ros",
			[]string{
				"Completion ended with directive: ShellCompDirectiveNoFileComp"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{}, nil)
			for name, value := range tt.env {
				w.env[name] = value
			}
			w.env["ORGSYNC_STATE_DIR"] = filepath.Join(w.dir, "state")
			if code := w.run(t.Context(), strings.Fields(tt.args)...); code != exitDone {
				t.Fatalf("exit code %d: %s", code, &w.stderr)
			}
			lines := strings.Split(strings.TrimSuffix(w.stderr.String(), "\n"), "\n")
			if w.stderr.Len() == 0 {
				lines = nil
			}
			if len(lines) != len(tt.want) {
				t.Fatalf("stderr has %d lines, want %d:\n%s", len(lines), len(tt.want), &w.stderr)
			}
			for i, want := range tt.want {
				if !strings.HasSuffix(lines[i], want) {
					t.Errorf("line %d is %q, want it to end in %q", i+1, lines[i], want)
				}
			}
			if strings.Contains(w.stdout.String()+w.stderr.String(), "secret") {
				t.Errorf("the value is printed:\n%s%s", &w.stdout, &w.stderr)
			}
		})
	}
}
