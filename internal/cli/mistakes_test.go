package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// TestMistakes has command lines of people who know other tools, or who have not read the help. The error must quote
// the mistake, and the hint must suggest a correct command line.
func TestMistakes(t *testing.T) {
	// Not parallel: it changes the working directory.
	w := newWorld(t, sandbox.Options{}, nil)
	t.Chdir(w.dir)
	for name, content := range map[string]string{
		"people.csv": "email,name\nada@example.com,Ada\n", "list.txt": "ada@example.com\n", "notes.md": "# Notes\n",
	} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	delete(w.env, "VULTR_API_KEY")
	delete(w.env, "ORGSYNC_ROSTER")
	const (
		notAPlan = "it is not a plan that was saved with --out"
		seeMore  = "to see more: --log-level info, or --log-level debug for each request"
		hideKey  = "set the key in VULTR_API_KEY, or name a file with --api-key-file: " +
			"other users of the machine see a command line"
		noAsk    = "plan never changes anything and never asks: leave the flag out"
		needsOne = "to apply without a question: --yes (-y); to raise a limit: --max-invites, --max-removals or --max-revokes"
	)
	tests := []struct {
		args, message, hint string
		code                int
	}{
		{
			"apply users.yaml", "read the plan file users.yaml: " + notAPlan,
			"to use it as the roster: --roster users.yaml", exitError,
		},
		{
			"apply people.csv", "read the plan file people.csv: " + notAPlan,
			"to make a roster of it: orgsync import --csv people.csv", exitError,
		},
		{
			"apply list.txt", "read the plan file list.txt: " + notAPlan,
			"to make a roster of it: orgsync import --csv list.txt", exitError,
		},
		{
			"apply .", "read the plan file .: is a directory",
			"to use it as the roster: --roster .", exitError,
		},
		{
			"apply notes.md", "read the plan file notes.md: " + notAPlan,
			"save a plan with 'orgsync plan --out FILE', and name that file", exitError,
		},
		{
			"apply ada@example.com", "read the plan file ada@example.com: no such file or directory",
			"to act on one person: --only ada@example.com", exitError,
		},
		{
			"apply nosuch.json", "read the plan file nosuch.json: no such file or directory",
			"save a plan with 'orgsync plan --out FILE', and name that file", exitError,
		},
		{
			"import --csv=", `invalid argument "" for "--csv" flag: must be a file or a folder`,
			"'orgsync import --help' shows its arguments and flags", exitError,
		},
		{
			"plan --out=", `invalid argument "" for "--out" flag: must be a file or a folder`,
			"'orgsync plan --help' shows its arguments and flags", exitError,
		},
		{
			"plan users.yaml", `plan has no arguments, but got "users.yaml"`,
			"to use it as the roster: --roster users.yaml", exitError,
		},
		{
			"plan ada@example.com", `plan has no arguments, but got "ada@example.com"`,
			"to act on one person: --only ada@example.com", exitError,
		},
		{
			"plan --sandbox trial.json", `plan has no arguments, but got "trial.json"`,
			"to name the file of the simulation: --sandbox=trial.json", exitError,
		},
		{
			"plan --sandbox users.yaml", `plan has no arguments, but got "users.yaml"`,
			"to use it as the roster: --roster users.yaml", exitError,
		},
		{
			"apply --sandbox=trial.json people.yaml", "read the plan file people.yaml: no such file or directory",
			"to use it as the roster: --roster people.yaml", exitError,
		},
		{
			"apply --sandbox=trial.json nosuch.json", "read the plan file nosuch.json: no such file or directory",
			"PLANFILE must be a plan saved with 'orgsync plan --out'; to name the file of a simulation, write --sandbox=FILE " +
				"as one word", exitError,
		},
		{ // the shell replaced tt/*.yaml by these names
			"plan -r tt/a.yaml tt/b.yaml tt/c.yaml", `plan has no arguments, but got "tt/b.yaml"`,
			"a roster of several files needs --roster before each of them: --roster tt/a.yaml --roster tt/b.yaml " +
				"--roster tt/c.yaml", exitError,
		},
		{
			"plan tt/a.yaml tt/b.yaml", `plan has no arguments, but got "tt/a.yaml"`,
			"a roster of several files needs --roster before each of them: --roster tt/a.yaml --roster tt/b.yaml", exitError,
		},
		{
			"plan -r 1.yaml 2.yaml 3.yaml 4.yaml 5.yaml 6.yaml 7.yaml 8.yaml 9.yaml 10.yaml 11.yaml",
			`plan has no arguments, but got "2.yaml"`,
			"a roster of several files needs --roster before each of them, or the name of their folder", exitError,
		},
		{
			"apply -y -r tt/a.yaml tt/b.yaml", "read the plan file tt/b.yaml: no such file or directory",
			"a roster of several files needs --roster before each of them: --roster tt/a.yaml --roster tt/b.yaml", exitError,
		},
		{
			"apply -r tt/a.yaml tt/b.yaml tt/c.yaml", `apply needs at most one PLANFILE, but also got "tt/c.yaml"`,
			"a roster of several files needs --roster before each of them: --roster tt/a.yaml --roster tt/b.yaml " +
				"--roster tt/c.yaml", exitError,
		},
		{
			"status -r tt/a.yaml tt/b.yaml tt/c.yaml", `EMAIL is "tt/b.yaml": the address has no @`,
			"a roster of several files needs --roster before each of them: --roster tt/a.yaml --roster tt/b.yaml " +
				"--roster tt/c.yaml", exitError,
		},
		{
			"status users.yaml", `EMAIL is "users.yaml": the address has no @`,
			"to use it as the roster: --roster users.yaml", exitError,
		},
		{
			"status people.csv", `EMAIL is "people.csv": the address has no @`,
			"to make a roster of it: orgsync import --csv people.csv", exitError,
		},
		{
			"status --watch 30s", `EMAIL is "30s": the address has no @`,
			"--watch has no value: it reads again every 10s", exitError,
		},
		{
			"status --watch 5 --sandbox", `EMAIL is "5": the address has no @`,
			"--watch has no value: it reads again every 10s", exitError,
		},
		{
			"status --sandbox trial.json", `EMAIL is "trial.json": the address has no @`,
			"to name the file of the simulation: --sandbox=trial.json", exitError,
		},
		{
			"import users.yaml", `import has no arguments, but got "users.yaml"`,
			"to print it with the missing people added: --merge users.yaml", exitError,
		},
		{
			"import new.yaml", `import has no arguments, but got "new.yaml"`,
			"to write a first roster: > new.yaml; to update one: --merge FILE", exitError,
		},
		{
			"import people.csv", `import has no arguments, but got "people.csv"`,
			"to make a roster of it: orgsync import --csv people.csv", exitError,
		},
		{
			"doctor users.yaml", `doctor has no arguments, but got "users.yaml"`,
			"to use it as the roster: --roster users.yaml", exitError,
		},
		{
			"sandbox reset trial.json", `reset has no arguments, but got "trial.json"`,
			"to name the file of the simulation: --file trial.json", exitError,
		},
		{
			"version now", `version has no arguments, but got "now"`,
			"'orgsync version --help' shows its arguments and flags", exitError,
		},
		{
			"validate nosuch.yaml", "read roster: stat nosuch.yaml: no such file or directory",
			"--roster (ORGSYNC_ROSTER) must name a file, or a folder of *.yaml and *.yml files; 'orgsync init' writes a first " +
				"roster, and 'orgsync import' makes one from the organization", exitError,
		},
		{
			"apply --dry-run", "unknown flag: --dry-run",
			"to see what apply would do: orgsync plan", exitError,
		},
		{
			"apply -n", "unknown flag: -n",
			"to see what apply would do: orgsync plan", exitError,
		},
		{
			"plan --dry-run", "unknown flag: --dry-run",
			"plan never changes anything: leave the flag out", exitError,
		},
		{
			"apply -f users.yaml", "unknown flag: -f",
			"to name the roster: --roster FILE (-r)", exitError,
		},
		{
			"validate --file users.yaml", "unknown flag: --file",
			"to name the roster: --roster FILE (-r)", exitError,
		},
		{
			"sandbox accept ada@example.com -f trial.json", "unknown flag: -f",
			"to name the file of the simulation: --file FILE", exitError,
		},
		{
			"apply --json", "unknown flag: --json",
			"to choose the format: --output json (-o)", exitError,
		},
		{
			"plan -json", "unknown flag: -json",
			"to choose the format: --output json (-o)", exitError,
		},
		{
			"status --html", "unknown flag: --html",
			"to choose the format: --output html (-o)", exitError,
		},
		{
			"apply --html", "unknown flag: --html",
			"to choose the format: --output FORMAT (-o), the format of the result: text, json or markdown", exitError,
		},
		{
			"apply --yaml", "unknown flag: --yaml",
			"to choose the format: --output FORMAT (-o), the format of the result: text, json or markdown", exitError,
		},
		{
			"plan --format json", "unknown flag: --format",
			"to choose the format: --output FORMAT (-o), the format of the result: text, json, markdown or github", exitError,
		},
		{
			"plan -o yaml", `invalid argument "yaml" for "-o, --output" flag: must be text, json, markdown or github`,
			"'orgsync plan --help' shows its arguments and flags", exitError,
		},
		{
			"apply --verbose", "unknown flag: --verbose",
			seeMore, exitError,
		},
		{
			"apply -v", "unknown flag: -v",
			seeMore, exitError,
		},
		{
			"doctor -v", "unknown flag: -v",
			"to see everything: --verbose", exitError,
		},
		{
			"validate --debug", "unknown flag: --debug",
			seeMore, exitError,
		},
		{
			"apply --force", "unknown flag: --force",
			needsOne, exitError,
		},
		{
			"plan -y", "unknown flag: -y",
			noAsk, exitError,
		},
		{
			"plan --yes", "unknown flag: --yes",
			noAsk, exitError,
		},
		{
			"plan --auto-approve", "unknown flag: --auto-approve",
			noAsk, exitError,
		},
		{
			"validate --yes", "unknown flag: --yes, which apply has and validate does not",
			"'orgsync validate --help' shows its arguments and flags", exitError,
		},
		{
			"status --silent", "unknown flag: --silent",
			"'orgsync status --help' shows its arguments and flags", exitError,
		},
		{
			"plan --silent", "unknown flag: --silent",
			"to print less: --quiet (-q)", exitError,
		},
		{
			"plan --key abc", "unknown flag: --key",
			hideKey, exitError,
		},
		{
			"status --token abc", "unknown flag: --token",
			hideKey, exitError,
		},
		{
			"apply -timeout 5m", "unknown flag: -timeout: did you mean --timeout?",
			"'orgsync apply --help' shows its arguments and flags", exitError,
		},
		{
			"apply --timeout 5",
			`invalid argument "5" for "--timeout" flag: must be a time of at least 1ms with its unit, as in 90s, 5m, 12h or 3d`,
			"'orgsync apply --help' shows its arguments and flags", exitError,
		},
		{
			"apply --only", "the flag --only needs a value",
			"write --only EMAIL", exitError,
		},
		{
			"apply -r", "the flag --roster needs a value",
			"write --roster PATH", exitError,
		},
		{
			"apply --rate", "the flag --rate needs a value",
			"write --rate N", exitError,
		},
		{
			"fmt --write users.yaml", "unknown flag: --write",
			"fmt changes the files: leave the flag out; to change nothing: --check", exitError,
		},
		{
			"fmt -w", "unknown flag: -w",
			"fmt changes the files: leave the flag out; to change nothing: --check", exitError,
		},
		{
			"history --action foo", `--action is "foo": must be invite, resend, update, grant, revoke, suspend, unsuspend, ` +
				"remove, joined, active, unlisted, reset, found, absent, unlisted_user, user_gone, access or retired",
			"'orgsync history --help' shows its arguments and flags", exitError,
		},
		{
			"history --action invited", `--action is "invited": did you mean invite?`,
			"'orgsync history --help' shows its arguments and flags", exitError,
		},
		{
			"help exit-code", `unknown command "exit-code" for "orgsync": did you mean exit-codes?`,
			"'orgsync --help' shows its arguments and flags", exitError,
		},
		{
			"help rooster", `unknown command "rooster" for "orgsync": did you mean roster?`,
			"'orgsync --help' shows its arguments and flags", exitError,
		},
		{
			"init -", "FILE is -, but init cannot write to the standard output",
			"'orgsync init --help' shows its arguments and flags", exitError,
		},
		{
			"plan --sandbox --out -", "--out -: a name is needed, because the plan is not written to the standard output",
			"name a file, as in --out plan.json", exitError,
		},
		{
			"apply --org Acme", "unknown flag: --org",
			"the roster names the organization: organization: NAME", exitError,
		},
		{
			"apply --email ada@example.com", "unknown flag: --email",
			"to act on one person: --only EMAIL", exitError,
		},
		{
			"status --no-color", "unknown flag: --no-color",
			"to print without colours: --color never", exitError,
		},
		{
			"plan --prune", "unknown flag: --prune",
			"the roster says what happens to people who are not listed: settings: {unlisted: remove}", exitError,
		},
		{
			"plan --endpoint http://127.0.0.1", "unknown flag: --endpoint",
			"to call another server: --api-url URL", exitError,
		},
		{
			"sandbox serve --listen 8080",
			`invalid argument "8080" for "--listen" flag: must be HOST:PORT; for port 8080: 127.0.0.1:8080`,
			"'orgsync sandbox serve --help' shows its arguments and flags", exitError,
		},
		{
			"sandbox serve --listen localhost",
			`invalid argument "localhost" for "--listen" flag: must be HOST:PORT, as in localhost:8080`,
			"'orgsync sandbox serve --help' shows its arguments and flags", exitError,
		},
		{
			"sandbox serve --listen http://localhost",
			`invalid argument "http://localhost" for "--listen" flag: must be HOST:PORT, as in 127.0.0.1:8080`,
			"'orgsync sandbox serve --help' shows its arguments and flags", exitError,
		},
		{
			"sandbox serve --port 8080", "unknown flag: --port",
			"to choose the port: --listen 127.0.0.1:PORT", exitError,
		},
		{
			"sandbox advance 3", "DURATION must be a time of at least 1s with its unit, as in 90s, 5m, 12h or 3d",
			"'orgsync sandbox advance --help' shows its arguments and flags", exitError,
		},
		{
			"sandbox advance 100000d", "DURATION must be a time of at most 65535d",
			"'orgsync sandbox advance --help' shows its arguments and flags", exitError,
		},
		{
			"status --stale 70000d", `invalid argument "70000d" for "--stale" flag: must be a time of at most 65535d`,
			"'orgsync status --help' shows its arguments and flags", exitError,
		},
		{
			"remove ada@example.com", `unknown command "remove" for "orgsync"`,
			"take the person out of the roster, then: orgsync plan", exitError,
		},
		{
			"invite ada@example.com", `unknown command "invite" for "orgsync"`,
			"to do that here: orgsync apply --only EMAIL", exitError,
		},
		{
			"list", `unknown command "list" for "orgsync"`,
			"to do that here: orgsync status", exitError,
		},
		{
			"sync", `unknown command "sync" for "orgsync"`,
			"to do that here: orgsync apply", exitError,
		},
		{
			"login", `unknown command "login" for "orgsync"`,
			"set the key in VULTR_API_KEY, or name a file with --api-key-file; then: orgsync doctor", exitError,
		},
		{
			"state coppy a b", `unknown command "coppy" for "orgsync state": did you mean copy?`,
			"'orgsync state --help' shows its arguments and flags", exitError,
		},
		{
			"frobnicate", `unknown command "frobnicate" for "orgsync"`,
			"'orgsync --help' shows its arguments and flags", exitError,
		},
		{
			"-V", "unknown flag: -V",
			"to see the version: orgsync version", exitError,
		},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			w.t = t
			type result struct {
				code          int
				message, hint string
			}
			got := result{code: w.run(t.Context(), strings.Fields(tt.args)...)}
			for line := range strings.Lines(w.stderr.String()) {
				if text, ok := strings.CutPrefix(line, "orgsync: "); ok {
					got.message = strings.TrimSpace(text)
				}
				if text, ok := strings.CutPrefix(line, "hint: "); ok {
					got.hint = strings.TrimSpace(text)
				}
			}
			want := result{tt.code, tt.message, tt.hint}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s\nstderr:\n%s", diff, &w.stderr)
			}
		})
	}
}
