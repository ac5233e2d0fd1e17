//go:build release

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/orgsync/orgsync/internal/sandbox"
)

var expression = regexp.MustCompile(`\$\{\{ *([^}]*?) *\}\}`)

// runner simulates the machine that runs the steps of action.yml. It has folders and files, and a program gh that
// keeps comments in a folder.
type runner struct {
	steps     []any
	inputs    map[string]string
	workspace string // the repository with the roster
	temp      string
	variables map[string]string
	results   map[string]string // of steps.run
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	for _, program := range []string{"bash", "git", "jq", "go"} {
		if _, err := exec.LookPath(program); err != nil || runtime.GOOS == "windows" {
			t.Skipf("no %s here, or another shell: %v", program, err)
		}
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	doc := sampleYAML(t, root+"/action.yml")
	r := &runner{inputs: map[string]string{}, workspace: t.TempDir(), temp: t.TempDir(), results: map[string]string{}}
	r.steps, _ = at(doc, "runs", "steps").([]any)
	inputs, _ := at(doc, "inputs").(map[string]any)
	for name, input := range inputs {
		r.inputs[name], _ = at(input, "default").(string)
	}
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(r.temp, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file("bin/gh", fakeGH, 0o700)
	// After actions/checkout, the repository may belong to another user.
	home := filepath.Dir(file("home/.gitconfig", "[safe]\n\tdirectory = *\n", 0o600))
	file("comments/list.json",
		`[{"id": 12, "user": {"login": "mallory"}, "body": "<!-- orgsync: plan-orgsync -->\nmine"}]`, 0o600)
	r.variables = map[string]string{
		"PATH":     filepath.Join(r.temp, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"),
		"COMMENTS": filepath.Join(r.temp, "comments"), "HOME": home,
		"GITHUB_ACTION_PATH": root, "RUNNER_TEMP": r.temp, "GITHUB_ACTION": "orgsync", "GITHUB_REPOSITORY": "example/members",
		"GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "77", "GITHUB_EVENT_PATH": file("event.json",
			`{"pull_request": {"number": 12, "head": {"sha": "c0ffee"}}}`, 0o600),
		"GITHUB_STEP_SUMMARY": file("summary.md", "", 0o600), "GITHUB_OUTPUT": file("output", "", 0o600),
		"GOCACHE":    strings.TrimSpace(output(t, "go", "env", "GOCACHE")),
		"GOMODCACHE": strings.TrimSpace(output(t, "go", "env", "GOMODCACHE")),
	}
	return r
}

func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).Output()
	if err != nil {
		t.Fatalf("%s %v: %v", program, args, err)
	}
	return string(out)
}

// fakeGH accepts the calls of the action, and keeps the comments of the pull request in a file.
const fakeGH = `#!/usr/bin/env bash
set -euo pipefail
printf '%s\n' "$*" >>"$COMMENTS/calls"
change() { jq "$@" "$COMMENTS/list.json" >"$COMMENTS/new.json" && mv "$COMMENTS/new.json" "$COMMENTS/list.json"; }
one=repos/example/members/issues/comments
all=repos/example/members/issues/12/comments
case "$*" in *"--field body=@"*) test "$(wc -m <"${6#body=@}")" -le 65536 ;; esac
case "$*" in
  "api --paginate $all --jq "*) jq --raw-output "$5" "$COMMENTS/list.json" ;;
  "api --method POST $all --field body=@"*" --silent")
    change --rawfile body "${6#body=@}" \
      '. + [{id: (900 + length), user: {login: "github-actions[bot]"}, body: $body}]' ;;
  "api --method PATCH $one/"*" --field body=@"*" --silent")
    change --arg id "${4##*/}" --rawfile body "${6#body=@}" \
      'map(if .id == ($id | tonumber) then .body = $body else . end)' ;;
  "api --method DELETE $one/"*" --silent") change --arg id "${4##*/}" 'map(select(.id != ($id | tonumber)))' ;;
  *) printf 'unexpected: gh %s\n' "$*" >&2; exit 1 ;;
esac
`

// step runs the step with this name like the runner of GitHub, and returns its exit code and its log.
func (r *runner) step(t *testing.T, name string) (int, string) {
	t.Helper()
	i := slices.IndexFunc(r.steps, func(s any) bool { return at(s, "name") == name })
	if i < 0 {
		t.Fatalf("action.yml has no step %q", name)
	}
	script, _ := at(r.steps[i], "run").(string)
	cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = r.workspace, r.environment()
	settings, _ := at(r.steps[i], "env").(map[string]any)
	for name, value := range settings {
		cmd.Env = append(cmd.Env, name+"="+r.evaluate(t, value.(string)))
	}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	err := cmd.Run()
	if failed, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	} else if ok {
		t.Logf("%s: %v\n%s", name, failed, log.String())
	}
	for _, line := range strings.Split(sample(t, r.variables["GITHUB_OUTPUT"]), "\n") {
		if key, value, ok := strings.Cut(line, "="); ok {
			r.results[key] = value
		}
	}
	return cmd.ProcessState.ExitCode(), log.String()
}

// environment returns the environment of every program on the machine. It has no variables of the test process: in
// a hook of git, they name another repository.
func (r *runner) environment() []string {
	var all []string
	for name, value := range r.variables {
		all = append(all, name+"="+value)
	}
	return all
}

// evaluate replaces expressions by their values, as the runner does before a step begins.
func (r *runner) evaluate(t *testing.T, text string) string {
	t.Helper()
	return expression.ReplaceAllStringFunc(text, func(e string) string {
		name := expression.FindStringSubmatch(e)[1]
		if input, ok := strings.CutPrefix(name, "inputs."); ok {
			if value, known := r.inputs[input]; known {
				return value
			}
		}
		if result, ok := strings.CutPrefix(name, "steps.run.outputs."); ok {
			return r.results[result]
		}
		if name == "github.token" {
			return "token"
		}
		t.Fatalf("nobody knows %s", e)
		return ""
	})
}

func (r *runner) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.workspace, file), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *runner) git(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com",
		"-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir, cmd.Env = r.workspace, r.environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// comments returns the comments that the action wrote, without their markers, by the names in the markers.
func (r *runner) comments(t *testing.T) map[string]string {
	t.Helper()
	var list []struct {
		User struct{ Login string }
		Body string
	}
	if err := json.Unmarshal([]byte(sample(t, filepath.Join(r.variables["COMMENTS"], "list.json"))), &list); err != nil {
		t.Fatal(err)
	}
	own := map[string]string{}
	for _, c := range list {
		marker, text, _ := strings.Cut(c.Body, "\n")
		if c.User.Login == "github-actions[bot]" {
			own[strings.TrimSuffix(strings.TrimPrefix(marker, "<!-- orgsync: "), " -->")] = text
		} else if text != "mine" {
			t.Errorf("the comment of %s now says %s", c.User.Login, text)
		}
	}
	return own
}

// TestAction runs the steps of action.yml in a simulated runner, with the real program.
func TestAction(t *testing.T) {
	t.Parallel()
	r := newRunner(t)
	if code, log := r.step(t, "Build orgsync"); code != 0 {
		t.Fatalf("the build: %d\n%s", code, log)
	}
	s, err := sandbox.New(sandbox.Options{RateLimit: -1})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	defer server.Close()
	r.variables["VULTR_API_URL"] = server.URL
	cacheKeys := map[string]bool{"": true}
	do := func(want int, inputs map[string]string) string {
		t.Helper()
		maps.Copy(r.inputs, map[string]string{"args": "", "api-key": "", "roster": "users.yaml", "base": "HEAD~1"})
		maps.Copy(r.inputs, inputs)
		code, log := r.step(t, "Run orgsync")
		if code != want {
			t.Errorf("%v: exit code %d, want %d\n%s", inputs, code, want, log)
		}
		if r.inputs["command"] == "apply" {
			if cacheKeys[r.results["cache"]] {
				t.Errorf("two runs save the ledger under the key %q", r.results["cache"])
			}
			cacheKeys[r.results["cache"]] = true
		}
		if code, log := r.step(t, "Comment on the pull request"); code != 0 {
			t.Errorf("the comment: %d\n%s", code, log)
		}
		return log
	}

	// The first pull request adds the roster. The next one adds a person, and the last one has a mistake.
	r.git(t, "init", "-q")
	r.git(t, "commit", "-q", "--allow-empty", "-m", "begin")
	r.write(t, "users.yaml", "users:\n  - email: ada@example.com\n")
	r.git(t, "add", "-A")
	r.git(t, "commit", "-q", "-m", "roster")
	do(0, map[string]string{"command": "diff"})
	if comment := r.comments(t)["diff-orgsync"]; !strings.Contains(comment, "The roster `users.yaml` is new") ||
		!strings.Contains(comment, "ada@example.com") {
		t.Errorf("the roster is new, and the comment says\n%s", comment)
	}
	r.write(t, "users.yaml", "users:\n  - email: ada@example.com\n  - email: bob@example.com\n    note: "+
		"'::error::<b>@everybody</b>'\n")
	r.git(t, "commit", "-q", "-a", "-m", "bob")
	log := do(0, map[string]string{"command": "diff"})
	if comment := r.comments(t)["diff-orgsync"]; !strings.Contains(comment, "bob@example.com") {
		t.Errorf("the comment:\n%s", comment)
	}
	if !regexp.MustCompile(
		`(?s)^::stop-commands::([0-9a-f]{32})\n.*bob@example\.com.*\n::[0-9a-f]{32}::\n$`).MatchString(log) {
		t.Errorf("the runner would take commands from the report:\n%s", log)
	}
	if summary := sample(t, r.variables["GITHUB_STEP_SUMMARY"]); !strings.Contains(summary, "bob@example.com") {
		t.Errorf("the summary:\n%s", summary)
	}
	r.write(t, "bad.yaml", "users:\n  - email: nobody\n")
	if log := do(6, map[string]string{"command": "validate", "roster": "users.yaml\nbad.yaml\n"}); !strings.Contains(log,
		"::error file=bad.yaml,line=2") {
		t.Errorf("no annotation:\n%s", log)
	}
	if comment := r.comments(t)["validate-orgsync"]; !strings.Contains(comment, "exit code 6") ||
		!strings.Contains(comment, "/example/members/actions/runs/77") {
		t.Errorf("the comment says\n%s", comment)
	}

	// There is one comment, which is changed in place, and deleted when there is nothing left to do. Without a key,
	// nothing is read.
	do(1, map[string]string{"command": "plan"})
	do(0, map[string]string{"command": "plan", "api-key": "key-of-the-action"})
	if comment := r.comments(t)["plan-orgsync"]; !strings.Contains(comment, "2 to invite") {
		t.Errorf("the comment:\n%s", comment)
	}
	do(4, map[string]string{"command": "apply", "api-key": "key-of-the-action", "args": "--max-invites=1"})
	do(0, map[string]string{"command": "apply", "api-key": "key-of-the-action",
		"args": "--rate=1000\n\n--log-level=error\r\n"})
	if n := len(s.Mails()); n != 2 {
		t.Errorf("%d mails were sent", n)
	}
	if files, err := filepath.Glob(filepath.Join(r.temp, "orgsync-state", "*")); err != nil || len(files) == 0 {
		t.Errorf("nothing is remembered: %v, %v", files, err)
	}
	do(0, map[string]string{"command": "plan", "api-key": "key-of-the-action"})
	if comment, ok := r.comments(t)["plan-orgsync"]; ok {
		t.Errorf("there is nothing to do, and the comment says\n%s", comment)
	}
	r.variables["ORGSYNC_STATE_DIR"] = filepath.Join(r.temp, "kept-state")
	do(0, map[string]string{"command": "apply", "api-key": "key-of-the-action"})
	if files, err := filepath.Glob(filepath.Join(r.temp, "kept-state", "*")); err != nil || len(files) == 0 {
		t.Errorf("the folder of ORGSYNC_STATE_DIR has no ledger: %v, %v", files, err)
	}
	delete(r.variables, "ORGSYNC_STATE_DIR")

	// The cache of the name orgsync may have been restored, because the key of the cache of orgsync-state begins like its
	// key. No run uses it, or saves it under the wrong name.
	r.inputs["name"] = "orgsync-state"
	if log := do(1, map[string]string{"command": "apply", "api-key": "key-of-the-action"}); !strings.Contains(log,
		`must not contain "-state"`) {
		t.Errorf("the name of another cache: it says\n%s", log)
	}
	if _, err := os.Stat(filepath.Join(r.temp, "orgsync-state")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the ledger of another name would be saved: %v", err)
	}
	do(0, map[string]string{"command": "plan", "api-key": "key-of-the-action",
		"state-dir": filepath.Join(r.temp, "kept-state")})
	r.inputs["name"], r.inputs["state-dir"] = "orgsync", ""
	do(1, map[string]string{"command": "import"})
	if log := do(1, map[string]string{"command": "diff", "base": "HEAD~99"}); !strings.Contains(log, "fetch-depth 2") {
		t.Errorf("the base is not there, and it says\n%s", log)
	}

	// Hostile inputs become single arguments.
	const hostile = "a $(touch PWNED) `touch PWNED` '; touch PWNED; \"&.yaml"
	r.write(t, hostile, "users:\n  - email: ada@example.com\n")
	r.inputs["name"] = "x --> $(touch PWNED)\n`touch PWNED`"
	do(0, map[string]string{"command": "validate", "roster": hostile})
	do(1, map[string]string{"command": "validate", "args": "$(touch PWNED)"})
	do(0, map[string]string{"command": "plan", "roster": hostile, "api-key": "k$(touch${IFS}PWNED)"})
	do(1, map[string]string{"command": "diff", "base": "HEAD~1; touch PWNED"})
	do(1, map[string]string{"command": "diff", "base": "--output=PWNED"})
	do(1, map[string]string{"command": "plan; touch PWNED"})
	do(1, map[string]string{"command": "plan", "roster": "\n"})
	if _, err := os.Lstat(filepath.Join(r.workspace, "PWNED")); err == nil {
		t.Error("an input was run as a command")
	}
	markers := slices.Sorted(maps.Keys(r.comments(t)))
	if !slices.ContainsFunc(markers, func(m string) bool { return strings.HasPrefix(m, "validate-x%20--%3E%20%24") }) {
		t.Errorf("the markers are %q", markers)
	}
	if text := sample(t, filepath.Join(r.variables["COMMENTS"], "calls")); strings.Contains(text, "key-of-the-action") {
		t.Error("gh was given the key")
	}
}

// TestActionDiff checks that diff shows the people of every roster, however the roster is named.
func TestActionDiff(t *testing.T) {
	t.Parallel()
	r := newRunner(t)
	if code, log := r.step(t, "Build orgsync"); code != 0 {
		t.Fatalf("the build: %d\n%s", code, log)
	}
	const ada, mallory = "users:\n  - email: ada@example.com\n", "  - email: mallory@example.com\n"
	r.git(t, "init", "-q")
	r.write(t, "users.yaml", ada)
	for _, folder := range []string{"teams", ".github", "docs"} {
		if err := os.Mkdir(filepath.Join(r.workspace, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r.write(t, "teams/README", "\n")
	r.write(t, ".github/x.yml", "\n")
	r.git(t, "add", "-A")
	r.git(t, "commit", "-q", "-m", "begin")
	r.git(t, "rm", "-q", "--cached", "users.yaml")
	r.git(t, "commit", "-q", "-m", "without a roster")
	r.git(t, "tag", "empty")
	r.git(t, "reset", "-q", "--hard", "HEAD~1")
	r.write(t, "users.yaml", ada+mallory)
	r.write(t, "teams/a.yaml", ada+mallory)
	r.write(t, "members.yaml", ada+mallory)
	r.write(t, "docs/README", "\n")
	r.git(t, "add", "-A")
	r.git(t, "commit", "-q", "-m", "mallory")
	const isNew = " is new"
	for _, c := range []struct {
		roster, base string
		code         int
		want         []string
		without      string
	}{
		{"users.yaml", "HEAD~1", 0, []string{"1 added, 1 unchanged"}, isNew},
		{"./users.yaml", "HEAD~1", 0, []string{"1 added, 1 unchanged"}, isNew},
		{filepath.Join(r.workspace, "users.yaml"), "HEAD~1", 0, []string{"1 added, 1 unchanged"}, isNew},
		{"members.yaml", "HEAD~1", 0, []string{"The roster `members.yaml` is new", "2 added"}, ""},
		{"teams", "HEAD~1", 0, []string{"The roster `teams` is new", "2 added"}, ""},
		{"teams/", "HEAD", 0, nil, isNew},
		{"users.yaml\nmembers.yaml\n", "HEAD~1", 0, []string{"## `users.yaml`", "1 added, 1 unchanged", "## `members.yaml`",
			"2 added"}, ""},
		{"nowhere.yaml", "HEAD~1", 1, nil, isNew},
		{"docs", "HEAD~1", 1, nil, isNew}, // a new folder without a roster
		{"users.yaml\nnowhere.yaml\n", "HEAD~1", 1, []string{"1 added, 1 unchanged", "## `nowhere.yaml`", "exit code 1"},
			isNew},
		{filepath.Join(r.temp, "summary.md"), "HEAD~1", 1, nil, isNew},
		{"../users.yaml", "HEAD~1", 1, nil, isNew},
	} {
		maps.Copy(r.inputs, map[string]string{"command": "diff", "roster": c.roster, "base": c.base})
		code, log := r.step(t, "Run orgsync")
		if code != c.code {
			t.Errorf("%q: exit code %d", c.roster, code)
		}
		for _, part := range c.want {
			if !strings.Contains(log, part) {
				t.Errorf("%q: the report does not have %q:\n%s", c.roster, part, log)
			}
		}
		if c.without != "" && strings.Contains(log, c.without) {
			t.Errorf("%q: the report has %q:\n%s", c.roster, c.without, log)
		}
	}
	// The whole repository is a roster.
	r.git(t, "rm", "-q", "-r", "members.yaml", "teams", "docs")
	r.git(t, "commit", "-q", "-m", "one file")
	for base, want := range map[string]string{"HEAD~2": "1 added, 1 unchanged", "empty": "The roster `.` is new"} {
		for _, name := range []string{".", r.workspace} {
			maps.Copy(r.inputs, map[string]string{"roster": name, "base": base})
			want := strings.Replace(want, "`.`", "`"+name+"`", 1)
			if code, log := r.step(t, "Run orgsync"); code != 0 || !strings.Contains(log, want) {
				t.Errorf("%s, %s: %d\n%s", name, base, code, log)
			}
		}
	}
}

// TestActionComment checks that there is one comment for each name, whose size GitHub accepts.
func TestActionComment(t *testing.T) {
	t.Parallel()
	r := newRunner(t)
	report := filepath.Join(r.temp, "report.md")
	comment := func(name, text string) map[string]string {
		t.Helper()
		if err := os.WriteFile(report, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		maps.Copy(r.inputs, map[string]string{"command": "diff", "name": name})
		maps.Copy(r.results, map[string]string{"exit-code": "0", "report": report})
		if code, log := r.step(t, "Comment on the pull request"); code != 0 {
			t.Errorf("the comment: %d\n%s", code, log)
		}
		return r.comments(t)
	}
	const about = "This is about the commit c0ffee.\n"
	if got := comment("orgsync", "### Report\n\n")["diff-orgsync"]; got != "### Report\n\n"+about {
		t.Errorf("the comment is %q", got)
	}
	got := comment("orgsync", strings.Repeat(strings.Repeat("é", 50)+"\n", 2000))["diff-orgsync"]
	if !strings.HasSuffix(got, "é\n\nThe report is too long for a comment. The [summary of the run](https://github.com/"+
		"example/members/actions/runs/77) has all of it.\n\n"+about) || len(got) < 60_000 {
		t.Errorf("%d bytes, ending in %q", len(got), got[max(0, len(got)-300):])
	}
	comment("北", "north\n\n")
	comment("南", "south\n\n")
	comment("eu west", "space\n\n")
	all := comment("eu-west", "dash\n\n")
	texts := slices.Sorted(maps.Values(all))
	if len(texts) != 5 || !strings.HasPrefix(all["diff-eu-west"], "dash\n") {
		t.Errorf("the comments are %q", all)
	}

	// Two runs at once can each write a comment. The next run keeps one of them.
	list := filepath.Join(r.variables["COMMENTS"], "list.json")
	twice := strings.Replace(sample(t, list), "[", `[{"id": 800, "user": {"login": "github-actions[bot]"}, "body": `+
		`"<!-- orgsync: diff-eu-west -->\nold"},`, 1)
	for _, text := range []string{"new", ""} {
		if err := os.WriteFile(list, []byte(twice), 0o600); err != nil {
			t.Fatal(err)
		}
		want := 1
		if text == "" {
			want = 0
		}
		comment("eu-west", text)
		if n := strings.Count(sample(t, list), "<!-- orgsync: diff-eu-west -->"); n != want {
			t.Errorf("%d comments after the report %q:\n%s", n, text, sample(t, list))
		}
	}
}
