package cli

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/flagvalue"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/shellword"
)

// parse returns the settings with which a command would run.
func parse(t *testing.T, env map[string]string, args ...string) (settings, error) {
	t.Helper()
	a := &app{Environment: Environment{
		args: args, stdout: io.Discard, stderr: io.Discard,
		getenv: func(name string) string { return env[name] }, isTerminal: func(any) bool { return false },
	}}
	root := a.rootCommand()
	cmd, _, err := root.Find(args)
	if err != nil {
		t.Fatal(err)
	}
	cmd.RunE = func(*cobra.Command, []string) error { return nil }
	root.SetArgs(args)
	err = root.Execute()
	return a.settings, err
}

func TestSettings(t *testing.T) {
	t.Parallel()
	two, nine, thirty := 2, 9, 30
	defaults := settings{
		rosters: []string{"users.yaml"}, output: "text", logLevel: "warn", logFormat: "text", color: "auto",
		apiURL: "https://api.vultr.com", rate: 20, concurrency: 10, requestTimeout: 30 * time.Second,
		timeout:    30 * time.Minute,
		settleWait: 5 * time.Minute,
	}
	with := func(change func(*settings)) settings {
		s := defaults
		change(&s)
		return s
	}
	tests := []struct {
		name string
		env  map[string]string
		args string
		want settings
	}{
		{"defaults", nil, "apply", defaults},
		{"every flag", nil, `apply -r a.yaml --roster b -o json --api-url https://x.example --api-key-file k --rate 0.5
			--concurrency 1
			--request-timeout 5s --timeout 1h --detailed-exitcode --max-invites 2 --max-removals 9 --max-revokes 30
			--settle-wait 90s --yes --reinvite ada@example.com
			--reinvite bob@example.com --resend eve@example.com --only joe@example.com
			--invite-left --state-dir s --lock-timeout 1m --log-level debug --log-format json
			--color never --sandbox=f`,
			settings{
				rosters: []string{"a.yaml", "b"}, output: "json", logLevel: "debug", logFormat: "json", color: "never",
				stateDir: "s",
				apiURL:   "https://x.example", apiKeyFile: "k", sandbox: flagvalue.Simulation{On: true, File: "f"}, rate: 0.5,
				concurrency:    1,
				requestTimeout: 5 * time.Second, timeout: time.Hour, detailedExitCode: true,
				planFlags: plan.Flags{
					MaxInvites: &two, MaxRemovals: &nine, MaxRevokes: &thirty, InviteLeft: true,
					Reinvite: addresses("ada@example.com", "bob@example.com"), Resend: addresses("eve@example.com"),
					Only: addresses("joe@example.com"),
				},
				settleWait: 90 * time.Second, yes: true, lockTimeout: time.Minute,
			}},
		{"every variable", map[string]string{
			"ORGSYNC_ROSTER": "a.yaml,\n b ,", "ORGSYNC_OUTPUT": "json", "VULTR_API_URL": "https://x.example",
			"ORGSYNC_API_KEY_FILE": "k",
			"ORGSYNC_RATE":         "0.5", "ORGSYNC_CONCURRENCY": "1", "ORGSYNC_REQUEST_TIMEOUT": "5s", "ORGSYNC_TIMEOUT": "1h",
			"ORGSYNC_DETAILED_EXITCODE": "1", "ORGSYNC_MAX_INVITES": "2", "ORGSYNC_MAX_REMOVALS": "9",
			"ORGSYNC_MAX_REVOKES": "30", "ORGSYNC_SETTLE_WAIT": "0",
			"ORGSYNC_YES":         "true",
			"ORGSYNC_INVITE_LEFT": "T", "ORGSYNC_STATE_DIR": "s",
			"ORGSYNC_LOCK_TIMEOUT": "1m", "ORGSYNC_LOG_LEVEL": "debug", "ORGSYNC_LOG_FORMAT": "json", "ORGSYNC_COLOR": "never",
			"ORGSYNC_SANDBOX": "f",
		}, "apply", settings{
			rosters: []string{"a.yaml", "b"}, output: "json", logLevel: "debug", logFormat: "json", color: "never",
			stateDir: "s",
			apiURL:   "https://x.example", apiKeyFile: "k", sandbox: flagvalue.Simulation{On: true, File: "f"}, rate: 0.5,
			concurrency:    1,
			requestTimeout: 5 * time.Second, timeout: time.Hour, detailedExitCode: true,
			planFlags: plan.Flags{MaxInvites: &two, MaxRemovals: &nine, MaxRevokes: &thirty, InviteLeft: true},
			yes:       true, lockTimeout: time.Minute,
		}},
		{"flag before environment", map[string]string{"ORGSYNC_ROSTER": "env.yaml", "ORGSYNC_RATE": "1",
			"VULTR_API_URL": "https://env.example"},
			"plan -r flag.yaml --rate 2 --api-url https://flag.example",
			with(func(s *settings) { s.rosters, s.rate, s.apiURL = []string{"flag.yaml"}, 2, "https://flag.example" })},
		{"nobody is reinvited by the environment", map[string]string{"ORGSYNC_REINVITE": "ada@example.com"}, "apply",
			defaults},
		{"an empty variable is not set", map[string]string{"ORGSYNC_ROSTER": "", "ORGSYNC_YES": ""}, "apply", defaults},
		{"the API's URL has one variable", map[string]string{"ORGSYNC_API_URL": "https://other.example"}, "plan", defaults},
		{"bare sandbox", nil, "plan --sandbox", with(func(s *settings) { s.sandbox = flagvalue.Simulation{On: true} })},
		{"sandbox from the environment", map[string]string{"ORGSYNC_SANDBOX": "1"}, "plan",
			with(func(s *settings) { s.sandbox = flagvalue.Simulation{On: true} })},
		{"sandbox off for once", map[string]string{"ORGSYNC_SANDBOX": "1"}, "plan --sandbox=false", defaults},
		{"sandbox off as other switches are", map[string]string{"ORGSYNC_SANDBOX": "False", "ORGSYNC_YES": "F"}, "apply",
			defaults},
		{"sandbox on as other switches are", nil, "plan --sandbox=TRUE",
			with(func(s *settings) { s.sandbox = flagvalue.Simulation{On: true} })},
		{"no limit is not zero", nil, "plan --max-invites 0", with(func(s *settings) { s.planFlags.MaxInvites = new(int) })},
		{"no revoke at all", nil, "plan --max-revokes 0", with(func(s *settings) { s.planFlags.MaxRevokes = new(int) })},
		{"no wait at the end", nil, "apply --settle-wait 0", with(func(s *settings) { s.settleWait = 0 })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parse(t, tt.env, strings.Fields(tt.args)...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(settings{}), cmp.Comparer(org.Address.Equal)); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func addresses(all ...string) []org.Address {
	var out []org.Address
	for _, s := range all {
		out = append(out, org.MustParseAddress(s))
	}
	return out
}

// TestSettingsRefused checks that the error about a wrong value says which values are allowed.
func TestSettingsRefused(t *testing.T) {
	t.Parallel()
	tests := []struct{ args, want string }{
		{"plan --output yaml", `invalid argument "yaml" for "-o, --output" flag: must be text, json, markdown or github`},
		{"apply --output github", `invalid argument "github" for "-o, --output" flag: must be text, json or markdown`},
		{"plan --rate 0", "must be a number of requests a second above 0, as in 20 or 0.5"},
		{"plan --rate -1", "above 0"},
		{"plan --rate NaN", "above 0"},
		{"plan --rate Inf", "above 0"},
		{"plan --rate 1e999", "above 0"},
		{"plan --concurrency 0", "must be a whole number from 1 to 1000"},
		{"plan --concurrency 1001", "from 1 to 1000"},
		{"plan --concurrency 1.5", "from 1 to 1000"},
		{"plan --timeout 0s", "must be a time of at least 1ms with its unit, as in 90s, 5m, 12h or 3d"},
		{"plan --timeout 30", "with its unit"},
		{"plan --request-timeout -1s", "at least 1ms"},
		{"apply --lock-timeout -1s", "at least 0s"},
		{"plan --max-invites -1", "must be a whole number of at least 0"},
		{"plan --max-removals many", "of at least 0"},
		{"plan --max-revokes -1", "of at least 0"},
		{"apply --settle-wait -1s", "at least 0s"},
		{"apply --settle-wait 5", "with its unit"},
		{"plan --settle-wait 5m", "unknown flag: --settle-wait, which apply has and plan does not"},
		{"plan --reinvite ada", "the address has no @"},
		{"plan --roster=", "must be a file or a folder"},
		{"plan --log-level loud", "must be debug, info, warn or error"},
		{"plan --log-format xml", "must be text or json"},
		{"plan --color red", "must be auto, always or never"},
		{"plan --yes", "unknown flag: --yes"},
		{"plan --invite-left=perhaps", `invalid argument "perhaps" for "--invite-left" flag: must be true or false`},
		{"plan --sandbox=", "must be true, false or a file"},
		{"plan --sandbox=no", "must be true, false or a file; a file of that name is ./no"},
		{"plan --sandbox=Yes", "a file of that name is ./Yes"},
		{"sandbox reset --file=", "must be true, false or a file"},
		{"validate --roster a.yaml b.yaml", "name the roster by arguments or by --roster, not by both"},
		{"plan --lock-timeout 1s", "unknown flag: --lock-timeout"},
		{"validate --rate 1", "unknown flag: --rate"},
		{"plan more", `plan has no arguments, but got "more"`},
		{"sandbox serve --fault frob", `has the unknown word "frob"; one of its words must be status`},
		{"sandbox serve --fault after", "must say what happens"},
		{"sandbox serve --rate-limit -1", "from 0 to"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, nil, strings.Fields(tt.args)...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one that says %q", err, tt.want)
			}
		})
	}
}

// TestShellWord checks that an address or a path in a suggested command is one word for a shell.
func TestShellWord(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"ada@example.com", "ada@example.com"},
		{"Ada.Lovelace+x@example.com", "Ada.Lovelace+x@example.com"},
		{"$(reboot)@example.com", `'$(reboot)@example.com'`},
		{"o'neil@example.com", `'o'\''neil@example.com'`},
		{"two words", "'two words'"},
		{"`x`", "'`x`'"},
		{"", "''"},
	}
	for _, tt := range tests {
		if got := shellword.Quote(tt.in); got != tt.want {
			t.Errorf("shellword.Quote(%q) = %s, want %s", tt.in, got, tt.want)
		}
	}
}
