//go:build release

package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// drift simulates GitHub for the scripts of deploy/github-drift.yml. It has a repository, a program orgsync that
// prints texts of the test, and a program gh that knows the pull requests of the branch.
type drift struct {
	doc any
	dir string
}

// fakeDriftGH writes its calls to a file. It accepts texts of the size that GitHub accepts.
const fakeDriftGH = `#!/usr/bin/env bash
set -euo pipefail
printf '%s\n' "$*" >>"$RUNNER_TEMP/gh.log"
for last; do :; done
case "$1 $2" in
  "pr list") jq --raw-output "$last" "$RUNNER_TEMP/open.json" ;;
  "pr create" | "pr edit") test "$(wc -m <"$last")" -le 65536 ;;
  "pr close") ;;
  *) exit 1 ;;
esac
`

const fakeDriftOrgsync = `#!/usr/bin/env bash
cat "$RUNNER_TEMP/remarks" >&2
cat "$RUNNER_TEMP/roster"
`

func newDrift(t *testing.T) *drift {
	t.Helper()
	for _, program := range []string{"bash", "git", "jq"} {
		if _, err := exec.LookPath(program); err != nil || runtime.GOOS == "windows" {
			t.Skipf("no %s here, or another shell: %v", program, err)
		}
	}
	d := &drift{sampleYAML(t, deploy+"github-drift.yml"), t.TempDir()}
	d.write(t, "bin/gh", fakeDriftGH)
	d.write(t, "program/orgsync", fakeDriftOrgsync)
	d.write(t, "open.json", "[]\n")
	d.write(t, "remarks", "People added to users.yaml: 0.\n")
	d.write(t, "roster", "old\n")
	d.git(t, "git init -q --bare -b main origin.git && git clone -q origin.git reader 2>&1")
	d.commit(t, "main", "users.yaml", "old\n")
	return d
}

func (d *drift) write(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(d.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o700)); err != nil {
		t.Fatal(err)
	}
}

// run runs commands in a folder, and returns their output and whether they succeeded.
func (d *drift) run(t *testing.T, folder, commands string) (string, bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", commands)
	cmd.Dir = filepath.Join(d.dir, folder)
	cmd.Env = append(cmd.Environ(), "HOME="+d.dir, "GIT_CONFIG_NOSYSTEM=1", "RUNNER_TEMP="+d.dir, "GH_TOKEN=x",
		"GITHUB_OUTPUT="+filepath.Join(d.dir, "output"), "GITHUB_STEP_SUMMARY="+filepath.Join(d.dir, "summary"),
		"GITHUB_SERVER_URL=https://github.com", "GITHUB_REPOSITORY=example/members", "GITHUB_RUN_ID=77",
		"PATH="+filepath.Join(d.dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

func (d *drift) git(t *testing.T, commands string) string {
	t.Helper()
	out, ok := d.run(t, "", commands)
	if !ok {
		t.Fatalf("%s:\n%s", commands, out)
	}
	return out
}

// commit commits a file to a branch of the repository, as a person does.
func (d *drift) commit(t *testing.T, branch, file, text string) {
	t.Helper()
	d.git(t, "cd reader && git fetch -q && (git checkout -q -B "+branch+" origin/"+branch+" || git checkout -q -B "+branch+
		") 2>/dev/null")
	d.write(t, "reader/"+file, text)
	d.git(t, "cd reader && git add -A && git -c user.name=x -c user.email=x@example.com commit -q -m x && "+
		"git push -q origin "+branch)
}

// job runs the last script of a job in a new clone, and returns its log and whether it succeeded.
func (d *drift) job(t *testing.T, name, ref string) (string, bool) {
	t.Helper()
	steps, _ := at(d.doc, "jobs", name, "steps").([]any)
	script := ""
	for _, step := range steps {
		if s, ok := at(step, "run").(string); ok {
			script = s
		}
	}
	d.git(t, "rm -rf clone output gh.log && touch gh.log && git clone -q --no-checkout file://$PWD/origin.git clone && "+
		"cd clone && git checkout -q --detach "+ref)
	return d.run(t, "clone", script)
}

// compare runs the job compare, and returns the commit that it hands to the job propose.
func (d *drift) compare(t *testing.T) string {
	t.Helper()
	if log, ok := d.job(t, "compare", "origin/main"); !ok {
		t.Fatalf("compare:\n%s", log)
	}
	d.git(t, "rm -rf result && mv clone/result result")
	if at(d.doc, "jobs", "compare", "outputs", "commit") != "${{ steps.import.outputs.commit }}" ||
		at(d.doc, "jobs", "propose", "steps", 0, "with", "ref") != "${{ needs.compare.outputs.commit }}" {
		t.Error("propose does not check out the commit that compare read")
		return "origin/main"
	}
	_, commit, _ := strings.Cut(strings.TrimSpace(sample(t, filepath.Join(d.dir, "output"))), "commit=")
	return commit
}

// propose runs the job propose, and returns its log, the calls of gh, and whether it succeeded.
func (d *drift) propose(t *testing.T, commit string) (log, calls string, ok bool) {
	t.Helper()
	log, ok = d.job(t, "propose", commit)
	return log, sample(t, filepath.Join(d.dir, "gh.log")), ok
}

// TestDriftPullRequest checks that a pull request is opened only if the roster changes, and that it does not undo
// what was merged after the roster was read.
func TestDriftPullRequest(t *testing.T) {
	t.Parallel()
	d := newDrift(t)
	if log, calls, ok := d.propose(t, d.compare(t)); !ok || strings.Contains(calls, "pr create") {
		t.Errorf("nothing changed: %v\n%s\n%s", ok, calls, log)
	}
	d.write(t, "roster", "new\n")
	commit := d.compare(t)
	d.commit(t, "main", "users.yaml", "old\nmerged\n")
	if log, calls, ok := d.propose(t, commit); !ok || strings.Count(calls, "pr create") != 1 {
		t.Errorf("a change: %v\n%s\n%s", ok, calls, log)
	}
	got := d.git(t, "git --git-dir origin.git diff main...orgsync-drift -- users.yaml")
	if strings.Contains(got, "merged") || !strings.Contains(got, "+new\n") {
		t.Errorf("the pull request undoes what was merged:\n%s", got)
	}
	if got := d.git(t, "git --git-dir origin.git log -1 --format=%P orgsync-drift"); strings.TrimSpace(got) != commit {
		t.Errorf("the commit is on %s, and compare read %s", got, commit)
	}
}

// TestDriftPullRequestLater checks what happens to a pull request that is open already.
func TestDriftPullRequestLater(t *testing.T) {
	t.Parallel()
	d := newDrift(t)
	branch := func() string {
		return d.git(t, "git --git-dir origin.git show orgsync-drift:users.yaml 2>/dev/null || echo none")
	}
	do := func(roster string) (string, string) {
		t.Helper()
		d.write(t, "roster", roster)
		log, calls, ok := d.propose(t, d.compare(t))
		if !ok {
			t.Errorf("propose:\n%s\n%s", calls, log)
		}
		return log, calls
	}
	const fork, own = `{"number": 5, "isCrossRepository": true}`, `{"number": 6, "isCrossRepository": false}`
	d.write(t, "open.json", "["+fork+"]")
	if _, calls := do("first\n"); !strings.Contains(calls, "pr create") || branch() != "first\n" {
		t.Errorf("a pull request of a fork has the same name: the branch is %q, and the calls are\n%s", branch(), calls)
	}
	d.write(t, "open.json", "["+fork+","+own+"]")
	if _, calls := do("second\n"); !strings.Contains(calls, "pr edit 6 ") || branch() != "second\n" {
		t.Errorf("there is another change: the branch is %q, and the calls are\n%s", branch(), calls)
	}
	d.commit(t, "orgsync-drift", "users.yaml", "by a reviewer\n")
	for _, roster := range []string{"third\n", "old\n"} {
		if log, calls := do(roster); strings.Contains(calls, "pr edit") || strings.Contains(calls, "pr close") ||
			branch() != "by a reviewer\n" || !strings.Contains(log, "::warning::") {
			t.Errorf("a reviewer changed the branch: it is %q, and the calls are\n%s\n%s", branch(), calls, log)
		}
	}
	d.write(t, "open.json", "["+fork+"]") // the pull request of the reviewer was merged or closed
	if _, calls := do("fourth\n"); !strings.Contains(calls, "pr create") || branch() != "fourth\n" {
		t.Errorf("there is no pull request: the branch is %q, and the calls are\n%s", branch(), calls)
	}
	d.write(t, "open.json", "["+own+"]")
	if _, calls := do("old\n"); !strings.Contains(calls, "pr close 6 ") || branch() != "none\n" {
		t.Errorf("nothing differs any more: the branch is %q, and the calls are\n%s", branch(), calls)
	}
	if _, calls := do("old\n"); !strings.Contains(calls, "pr close 6 ") {
		t.Errorf("the branch was deleted by hand:\n%s", calls)
	}
}

// TestDriftRemarks checks that the log and the summary of the run have the remarks, and that the run fails if only
// changes by hand are left.
func TestDriftRemarks(t *testing.T) {
	t.Parallel()
	d := newDrift(t)
	const remark = "- bob@example.com at users.yaml:3:5: other entries use its list through a YAML alias: " +
		"change it by hand\n"
	d.write(t, "remarks", "People whose access differs: 1. People who left: 0. Changes to make by hand: 1.\n"+remark)
	log, _ := d.job(t, "compare", "origin/main")
	if summary := sample(t, filepath.Join(d.dir, "summary")); !strings.Contains(log, remark) ||
		!strings.Contains(summary, "~~~~text\n") || !strings.Contains(summary, remark) {
		t.Errorf("log:\n%s\nsummary:\n%s", log, summary)
	}
	if log, calls, ok := d.propose(t, d.compare(t)); ok || !strings.Contains(log, "::error::") ||
		strings.Contains(calls, "pr create") {
		t.Errorf("there is a change to make by hand: %v\n%s\n%s", ok, calls, log)
	}
	d.write(t, "roster", "new\n")
	if log, calls, ok := d.propose(t, d.compare(t)); !ok || !strings.Contains(calls, "pr create") {
		t.Errorf("the pull request has the remark: %v\n%s\n%s", ok, calls, log)
	}
	d.write(t, "remarks", strings.Repeat("- "+strings.Repeat("é", 200)+"\n", 700))
	if log, calls, ok := d.propose(t, d.compare(t)); !ok || !strings.Contains(calls, "pr create") {
		t.Errorf("there are many remarks: %v\n%s\n%s", ok, calls, log)
	}
	if body := sample(t, filepath.Join(d.dir, "body.md")); !strings.Contains(body, "é\n~~~~\n") ||
		!strings.HasSuffix(body, "(https://github.com/example/members/actions/runs/77) has all messages.\n") ||
		len(body) < 50_000 {
		t.Errorf("the text of the pull request ends with %q", body[max(0, len(body)-300):])
	}
	d.write(t, "roster", "old\n")
	d.write(t, "remarks", "People whose access differs: 10. People who left: 0. Changes to make by hand: 0.\n- People "+
		"whose access differs: by hand: 1.\n")
	if log, _, ok := d.propose(t, d.compare(t)); !ok {
		t.Errorf("nothing is left to do:\n%s", log)
	}
}
