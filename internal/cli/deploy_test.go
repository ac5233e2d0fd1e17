package cli

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/roster"
)

const deploy = "../../deploy/"

func sample(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sampleYAML returns a sample as maps, lists and scalars. A sample must be one YAML document with unique keys.
func sampleYAML(t *testing.T, file string) any {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(sample(t, file)))
	var doc any
	if err := decoder.Decode(&doc); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		t.Fatalf("%s holds more than one document: %v", file, err)
	}
	return doc
}

// at returns the value at a path of keys and indices in a document; nil if there is none.
func at(doc any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := doc.(map[string]any)
			doc = m[step]
		case int:
			list, _ := doc.([]any)
			if step >= len(list) {
				return nil
			}
			doc = list[step]
		}
	}
	return doc
}

func words(doc any) []string {
	var all []string
	list, _ := doc.([]any)
	for _, one := range list {
		s, _ := one.(string)
		all = append(all, s)
	}
	return all
}

// understand parses a command line with the flags of the program, and returns their values.
func understand(t *testing.T, args []string) *app {
	t.Helper()
	a := &app{Environment: Environment{isTerminal: noTerminal}, log: slog.New(slog.DiscardHandler)}
	root := a.rootCommand()
	cmd, rest, err := root.Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil || cmd == root {
		t.Errorf("orgsync %s: %v", strings.Join(args, " "), err)
	}
	return a
}

var (
	// invocation matches a call of orgsync, up to the end of the command in a shell.
	invocation = regexp.MustCompile(
		`(?m)(?:^|[\s/'"])orgsync["']?[ ` +
			`]+((?:apply|completion|diff|doctor|fmt|history|import|init|plan|` +
			`sandbox|schema|state|status|validate|version)\b[^\n|>&;` + "`" + `]*)`)
	setting   = regexp.MustCompile(`\bORGSYNC_[A-Z_]+\b`)
	shouting  = regexp.MustCompile(`\bVULTR_API_KEY\s*[:=]\s*(\S.*)`)
	space     = regexp.MustCompile(`\s+#.*`)
	shell     = regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```$")
	first     = regexp.MustCompile(`(?m)^ *(?:[A-Z_]+=\S+ )*(?:go run \./cmd/)?orgsync +([^\n|>&;]*)`)
	mentioned = regexp.MustCompile("`orgsync ([^`\n]+)`")
	word      = regexp.MustCompile(`(?:"[^"]*"|'[^']*'|[^\s"'])+`)
)

// shellWords splits a command line like a shell. It supports only the syntax in pages and samples.
func shellWords(line string) []string {
	var all []string
	for _, w := range word.FindAllString(space.ReplaceAllString(line, ""), -1) {
		if w == `\` { // goes on in the next line
			break
		}
		all = append(all, strings.NewReplacer(`"`, "", `'`, "").Replace(w))
	}
	return all
}

// commandLines returns the arguments of each call of orgsync in a text. If a line of shell begins with orgsync, it
// counts even if orgsync does not have the command.
func commandLines(text string) [][]string {
	var lines [][]string
	for _, m := range invocation.FindAllStringSubmatch(mentioned.ReplaceAllString(text, ""), -1) {
		lines = append(lines, shellWords(m[1]))
	}
	for _, block := range shell.FindAllStringSubmatch(text, -1) {
		for _, m := range first.FindAllStringSubmatch(block[1], -1) {
			lines = append(lines, shellWords(m[1]))
		}
	}
	return lines
}

// exists fails the test if the program does not have the command and the flags. Arguments may be missing.
func exists(t *testing.T, args []string) {
	t.Helper()
	a := &app{Environment: Environment{isTerminal: func(any) bool { return false }}, log: slog.New(slog.DiscardHandler)}
	root := a.rootCommand()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(args)
	if err != nil || cmd == root {
		t.Errorf("orgsync %s: %v", strings.Join(args, " "), err)
		return
	}
	for _, arg := range rest {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if strings.HasPrefix(arg, "--") && cmd.Flag(name) == nil && name != "help" || len(arg) == 2 && arg[0] == '-' &&
			cmd.Flags().ShorthandLookup(name) == nil {
			t.Errorf("orgsync %s: %s is no flag", strings.Join(args, " "), arg)
		}
	}
}

// TestSampleCommands checks that the commands of samples and of the page about cron exist, and have no secret.
func TestSampleCommands(t *testing.T) {
	t.Parallel()
	root := (&app{Environment: Environment{isTerminal: noTerminal}, log: slog.New(slog.DiscardHandler)}).rootCommand()
	known := environmentNamesOf(root).known

	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, "../../README.md", "../../SECURITY.md", "../../CONTRIBUTING.md")
	err = filepath.WalkDir(deploy, func(file string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(file) != ".go" {
			files = append(files, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, file := range files {
		t.Run(strings.TrimPrefix(file, "../../"), func(t *testing.T) {
			text := sample(t, file)
			for _, args := range commandLines(text) {
				calls++
				understand(t, args)
			}
			for _, m := range mentioned.FindAllStringSubmatch(text, -1) {
				if args := shellWords(m[1]); args[len(args)-1] != "..." { // as in "orgsync sandbox ..."
					calls++
					exists(t, args)
				}
			}
			for _, name := range setting.FindAllString(text, -1) {
				if known[name] == "" && !strings.HasPrefix(name, "ORGSYNC_TEST_") { // those are for tests
					t.Errorf("%s sets nothing", name)
				}
			}
			for _, m := range shouting.FindAllStringSubmatch(text, -1) {
				// the sandbox accepts every key
				if !strings.Contains(m[1], "$") && !strings.Contains(m[1], "masked") && m[1] != "sandbox" {
					t.Errorf("a key is written in the open: %s", m[0])
				}
			}
			if strings.Contains(text, "--ping") && strings.Contains(text, "--ping http") {
				t.Error("the switch's URL is on a command line, where others can see it")
			}
		})
	}
	t.Logf("%d commands", calls)
	if calls < 60 {
		t.Errorf("only %d commands were found", calls)
	}
}

// unit returns the values of each key in a section of a unit file, in their order.
func unit(t *testing.T, file string) map[string][]string {
	t.Helper()
	keys, section := map[string][]string{}, ""
	for i, line := range strings.Split(sample(t, file), "\n") {
		line = strings.TrimSpace(line)
		switch name, value, ok := strings.Cut(line, "="); {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		case !ok || section == "":
			t.Errorf("%s:%d: %q is no setting", file, i+1, line)
		default:
			keys[section+"."+name] = append(keys[section+"."+name], value)
		}
	}
	return keys
}

// TestSystemd checks that systemd accepts the units, and that they deny the program what it does not need.
func TestSystemd(t *testing.T) {
	t.Parallel()
	service, timer := unit(t, deploy+"systemd/orgsync@.service"), unit(t, deploy+"systemd/orgsync@.timer")
	for key, want := range map[string][]string{
		"Service.Type": {"oneshot"}, "Service.DynamicUser": {"yes"}, "Service.ProtectSystem": {"strict"},
		"Service.ProtectHome":     {"yes"},
		"Service.NoNewPrivileges": {"yes"}, "Service.CapabilityBoundingSet": {""}, "Service.PrivateDevices": {"yes"},
		"Service.MemoryDenyWriteExecute": {"yes"}, "Service.RestrictNamespaces": {"yes"},
		"Service.StateDirectory":     {"orgsync-%i"},
		"Service.StateDirectoryMode": {"0700"}, "Service.LoadCredential": {"key:/etc/orgsync/%i/key"},
	} {
		if diff := cmp.Diff(want, service[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	for key, want := range map[string][]string{"Timer.OnCalendar": {"hourly"}, "Timer.Persistent": {"true"},
		"Timer.RandomizedDelaySec": {"15m"}, "Install.WantedBy": {"timers.target"}} {
		if diff := cmp.Diff(want, timer[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	command := strings.Fields(service["Service.ExecStart"][0])
	a := understand(t, command[1:])
	if a.apiKeyFile != "%d/key" || a.stateDir != "%S/orgsync-%i" {
		t.Errorf("the key is in %s, the state in %s", a.apiKeyFile, a.stateDir)
	}
	limit, err := time.ParseDuration(strings.TrimSuffix(service["Service.TimeoutStartSec"][0], "in"))
	if err != nil || limit <= a.timeout {
		t.Errorf("systemd ends it after %v (%v), and --timeout is %v", limit, err, a.timeout)
	}
	if stop, err := time.ParseDuration(service["Service.TimeoutStopSec"][0]); err != nil || stop < lastWords {
		t.Errorf("systemd kills it after %v (%v), and its last words take %v", stop, err, lastWords)
	}

	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	dir := t.TempDir()
	units := []string{filepath.Join(dir, "orgsync@example.service"), filepath.Join(dir, "orgsync@example.timer")}
	for i, text := range []string{sample(t, deploy+"systemd/orgsync@.service"),
		sample(t, deploy+"systemd/orgsync@.timer")} {
		// systemd checks only that the program exists, so any program is enough.
		if err := os.WriteFile(units[i], []byte(strings.Replace(text, "ExecStart="+command[0], "ExecStart="+analyze, 1)),
			0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), analyze, append([]string{"verify", "--man=no"},
		units...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	security := exec.CommandContext(t.Context(), analyze, "security", "--no-pager", "--offline=true", "--threshold=20",
		units[0])
	if out, err := security.CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security, which has to be below 2.0: %v\n%s", err, out)
	}
}

// lastWords is the maximum time that a run needs to end, for requests in flight and two pings of its switch.
const lastWords = 10*time.Second + 2*10*time.Second

// TestKubernetes checks that only one run at a time is possible, and that it has no rights that it does not need.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	const dir = deploy + "kubernetes/"
	kustomization := sampleYAML(t, dir+"kustomization.yaml")
	for _, file := range slices.Concat(words(at(kustomization, "resources")),
		words(at(kustomization, "configMapGenerator", 0, "files"))) {
		sampleYAML(t, dir+file)
	}
	if _, err := roster.Load([]string{dir + "users.yaml"}); err != nil {
		t.Error(err)
	}
	spec := at(sampleYAML(t, dir+"cronjob.yaml"), "spec")
	job := at(spec, "jobTemplate", "spec")
	pod := at(job, "template", "spec")
	container := at(pod, "containers", 0)
	for name, got := range map[string][2]any{
		"concurrencyPolicy": {at(spec, "concurrencyPolicy"), "Forbid"},
		"backoffLimit":      {at(job, "backoffLimit"), 0},
		"restartPolicy":     {at(pod, "restartPolicy"), "Never"},
		"service account":   {at(pod, "automountServiceAccountToken"), false},
		"non-root":          {at(pod, "securityContext", "runAsNonRoot"), true},
		"user":              {at(pod, "securityContext", "runAsUser"), 65532},
		"seccomp":           {at(pod, "securityContext", "seccompProfile", "type"), "RuntimeDefault"},
		"privileges":        {at(container, "securityContext", "allowPrivilegeEscalation"), false},
		"root file system":  {at(container, "securityContext", "readOnlyRootFilesystem"), true},
		"capabilities":      {at(container, "securityContext", "capabilities", "drop", 0), "ALL"},
		"image":             {at(container, "image"), at(kustomization, "images", 0, "name")},
		"roster": {at(pod, "volumes", 0, "configMap", "name"), at(kustomization, "configMapGenerator", 0,
			"name")},
		"secret as a file": {at(pod, "volumes", 1, "secret", "secretName"), "orgsync-key"},
		"state": {at(pod, "volumes", 2, "persistentVolumeClaim", "claimName"),
			at(sampleYAML(t, dir+"state.yaml"), "metadata", "name")},
		"memory":                   {at(container, "resources", "limits", "memory"), "512Mi"},
		"only the key of a secret": {at(pod, "volumes", 1, "secret", "items", 0, "key"), "key"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %v, want %v", name, got[0], got[1])
		}
	}
	if group := at(pod, "securityContext", "runAsGroup"); group == at(pod, "securityContext", "fsGroup") {
		t.Errorf("every process of the group %v may write to the volume, so orgsync refuses it", group)
	}
	a := understand(t, words(at(container, "args")))
	if mount := at(container, "volumeMounts", 2, "mountPath"); filepath.Dir(a.stateDir) != mount {
		t.Errorf("the state is in %s, want a folder that orgsync makes below %v", a.stateDir, mount)
	}
	if limit, _ := at(job, "activeDeadlineSeconds").(int); time.Duration(limit)*time.Second <= a.timeout {
		t.Errorf("Kubernetes ends it after %d s, and --timeout is %v", limit, a.timeout)
	}
	if grace, _ := at(pod, "terminationGracePeriodSeconds").(int); time.Duration(grace)*time.Second < lastWords {
		t.Errorf("Kubernetes kills it after %d s, and its last words take %v", grace, lastWords)
	}
	mounted := func(file string) bool {
		list, _ := at(container, "volumeMounts").([]any)
		return slices.ContainsFunc(list, func(m any) bool {
			return file == at(m, "mountPath") || filepath.Dir(file) == at(m, "mountPath") && at(m, "readOnly") == true
		})
	}
	for _, file := range []string{a.rosters[0], a.apiKeyFile, filepath.Dir(a.stateDir)} {
		if !mounted(file) {
			t.Errorf("%s is not mounted", file)
		}
	}
}

// TestKubernetesSharedState checks that the component removes only the volume of the state.
func TestKubernetesSharedState(t *testing.T) {
	t.Parallel()
	const dir = deploy + "kubernetes/"
	if !strings.Contains(sample(t, dir+"kustomization.yaml"), "\n# components: [shared-state]") {
		t.Error("the sample does not name the component")
	}
	component := sampleYAML(t, dir+"shared-state/kustomization.yaml")
	var patches [2]any
	for i := range patches {
		text, _ := at(component, "patches", i, "patch").(string)
		if err := yaml.Unmarshal([]byte(text), &patches[i]); err != nil {
			t.Fatal(err)
		}
	}
	template := []any{"spec", "jobTemplate", "spec", "template", "spec"}
	job, pod := sampleYAML(t, dir+"cronjob.yaml"), at(patches[0], template...)
	want := map[string]any{
		"cron job": at(job, "metadata"), "container": at(job, append(template, "containers", 0, "name")...),
		"state folder": at(job, append(template, "containers", 0, "volumeMounts", 2, "mountPath")...),
		"volume":       at(job, append(template, "volumes", 2, "name")...), "claim": at(sampleYAML(t, dir+"state.yaml"),
			"metadata"),
	}
	got := map[string]any{
		"cron job": at(patches[0], "metadata"), "container": at(pod, "containers", 0, "name"),
		"state folder": at(pod, "containers", 0, "volumeMounts", 0, "mountPath"),
		"volume":       at(pod, "volumes", 0, "name"), "claim": at(patches[1], "metadata"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the component changes (-sample +component):\n%s", diff)
	}
}

// TestDockerfile checks that the image has only a static program, which does not run as root.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	var last []string // instructions of the last stage
	build := ""
	for line := range strings.Lines(strings.ReplaceAll(sample(t, deploy+"Dockerfile"), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		switch instruction, _, _ := strings.Cut(line, " "); {
		case line == "" || line[0] == '#':
			continue
		case instruction == "FROM":
			last = nil
		case instruction == "RUN" && strings.Contains(line, "go build"):
			build = strings.TrimPrefix(line, "RUN ")
		}
		last = append(last, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"FROM scratch",
		`LABEL org.opencontainers.image.title="orgsync"` +
			` org.opencontainers.image.description="Keep a Vultr organization's members in sync with a roster"` +
			` org.opencontainers.image.source="https://github.com/orgsync/orgsync"` +
			` org.opencontainers.image.documentation="https://github.com/orgsync/orgsync/blob/main/docs/cron.md` +
			`#containers-and-kubernetes"` +
			` org.opencontainers.image.licenses="Apache-2.0"`,
		"COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt",
		"COPY --from=build /orgsync /usr/local/bin/orgsync",
		"COPY --from=build --chown=65532:65532 /state /state",
		"ENV ORGSYNC_STATE_DIR=/state",
		"VOLUME /state",
		"USER 65532:65532",
		`ENTRYPOINT ["/usr/local/bin/orgsync"]`,
		`CMD ["--help"]`,
	}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("the last stage (-want +got):\n%s", diff)
	}
	if want := `CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /orgsync ./cmd/orgsync`; build != want {
		t.Errorf("the program is built by %s, want %s", build, want) // without cgo it needs no other file
	}
}

// TestDockerignore checks that Docker gets all files except those that git ignores. The patterns of Docker start at
// the root.
func TestDockerignore(t *testing.T) {
	t.Parallel()
	lines := func(file string) []string {
		return slices.DeleteFunc(strings.Split(sample(t, "../../"+file), "\n"), func(line string) bool {
			return line == "" || line[0] == '#'
		})
	}
	want := lines(".gitignore")
	for i, pattern := range want {
		pattern = strings.TrimSuffix(pattern, "/")
		if root, ok := strings.CutPrefix(pattern, "/"); ok {
			want[i] = root
		} else {
			want[i] = "**/" + strings.TrimPrefix(pattern, "**/")
		}
	}
	if diff := cmp.Diff(want, lines(".dockerignore")); diff != "" {
		t.Errorf("patterns (-.gitignore +.dockerignore):\n%s", diff)
	}
}

// TestCompose checks that the container sees the folder of the command in the comments, in which users.yaml is. A
// relative path starts at the folder of the compose file.
func TestCompose(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"compose-postgres.yaml", "compose-s3.yaml"} {
		doc := sampleYAML(t, deploy+file)
		volumes := words(at(doc, "services", "orgsync", "volumes"))
		if diff := cmp.Diff([]string{"..:/roster:ro"}, volumes); diff != "" ||
			at(doc, "services", "orgsync", "build", "context") != ".." {
			t.Errorf("%s: volumes (-want +got):\n%s", file, diff)
		}
	}
}

// TestPipelines checks that the samples for CI run one job at a time, give the key only to merged code, and do not
// fail if the next run fixes the problem.
func TestPipelines(t *testing.T) {
	t.Parallel()
	t.Run("gitlab", func(t *testing.T) {
		t.Parallel()
		doc := sampleYAML(t, deploy+"gitlab-ci.yml")
		if at(doc, "apply", "resource_group") != "orgsync" || at(doc, "apply", "interruptible") != false ||
			at(doc, "apply", "cache", "when") != "always" {
			t.Errorf("apply: %v", at(doc, "apply"))
		}
		codes, _ := at(doc, "apply", "allow_failure", "exit_codes").([]any)
		if diff := cmp.Diff([]any{exitUnfinished, exitLocked}, codes); diff != "" {
			t.Errorf("what the next run fixes (-want +got):\n%s", diff)
		}
		for job, want := range map[string]string{
			"validate": "orgsync validate users.yaml",
			"diff":     `orgsync diff "$old" users.yaml`,
			"plan":     "orgsync plan --roster users.yaml --state-dir state --timeout 30m",
			"apply":    "orgsync apply --roster users.yaml --state-dir state --timeout 30m",
		} {
			if script := words(at(doc, job, "script")); len(script) == 0 || script[len(script)-1] != want {
				t.Errorf("%s runs %q", job, script)
			}
		}
		checkTip(t, words(at(doc, "apply", "script")))
		checkBase(t, words(at(doc, "diff", "script")))
		if got := at(doc, "plan", "rules", 0, "if"); got != `$CI_PIPELINE_SOURCE == "merge_request_event" && $VULTR_API_KEY` {
			t.Errorf("plan runs when %v", got)
		}
		rules, _ := at(doc, "apply", "rules").([]any)
		if len(rules) != 1 || at(rules[0], "if") != "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" {
			t.Errorf("apply runs when %v", rules)
		}
		limit, _, _ := strings.Cut(at(doc, "default", "timeout").(string), " ")
		script := words(at(doc, "apply", "script"))
		a := understand(t, strings.Fields(script[len(script)-1])[1:])
		if minutes, err := strconv.Atoi(limit); err != nil || time.Duration(minutes)*time.Minute <= a.timeout {
			t.Errorf("the job ends after %s minutes, and --timeout is %v", limit, a.timeout)
		}
		if paths := words(at(doc, "apply", "cache", "paths")); !slices.Contains(paths, a.stateDir+"/") {
			t.Errorf("%v are kept, and the state is in %s", paths, a.stateDir)
		}
	})
	t.Run("github", func(t *testing.T) {
		t.Parallel()
		const file = deploy + "github-workflow.yml"
		doc := sampleYAML(t, file)
		if diff := cmp.Diff(map[string]any{"contents": "read"}, at(doc, "permissions")); diff != "" {
			t.Errorf("permissions (-want +got):\n%s", diff)
		}
		branch, checkout := at(doc, "on", "push", "branches", 0), at(doc, "jobs", "apply", "steps", 0)
		uses, _ := at(checkout, "uses").(string)
		if branch != "main" || !strings.HasPrefix(uses, "actions/checkout@") || at(checkout, "with", "ref") != branch {
			t.Errorf("apply does not check out the tip of %v: %v", branch, checkout)
		}
		if at(doc, "jobs", "apply", "concurrency", "cancel-in-progress") != false {
			t.Errorf("runs are cancelled: %v", at(doc, "jobs", "apply"))
		}
		// Only the newest commit of a pull request counts. The jobs do not cancel each other.
		for _, name := range []string{"review", "plan"} {
			group := name + "-${{ github.event.pull_request.number }}"
			if diff := cmp.Diff(map[string]any{"group": group, "cancel-in-progress": true},
				at(doc, "jobs", name, "concurrency")); diff != "" {
				t.Errorf("concurrency of %s (-want +got):\n%s", name, diff)
			}
		}
		if head, _, _ := strings.Cut(sample(t, file), "\nname:"); !strings.Contains(head, "VULTR_API_KEY") {
			t.Errorf("the comments above the workflow do not name the secret:\n%s", head)
		}
		inputs, _ := at(sampleYAML(t, "../../action.yml"), "inputs").(map[string]any)
		conditions := map[string]string{
			"review": "github.event_name == 'pull_request'",
			"plan": "github.event_name == 'pull_request' && github.event.pull_request.head.repo.full_name == " +
				"github.repository",
			"apply": "github.event_name != 'pull_request'",
		}
		var commands []string
		for name, condition := range conditions {
			job := at(doc, "jobs", name)
			if got, _ := at(job, "if").(string); !strings.HasPrefix(got, condition) {
				t.Errorf("%s runs if %s", name, got)
			}
			steps, _ := at(job, "steps").([]any)
			for _, step := range steps {
				uses, _ := at(step, "uses").(string)
				if !strings.HasPrefix(uses, "orgsync/") {
					continue
				}
				with, _ := at(step, "with").(map[string]any)
				for input := range with {
					if inputs[input] == nil {
						t.Errorf("the action has no input %q", input)
					}
				}
				command, _ := with["command"].(string)
				commands = append(commands, name+": "+command)
				if wants := command == "plan" || command == "apply"; wants != (with["api-key"] == "${{ secrets.VULTR_API_KEY }}") {
					t.Errorf("%s has the key %v", command, with["api-key"])
				}
			}
		}
		slices.Sort(commands)
		if diff := cmp.Diff([]string{"apply: apply", "plan: plan", "review: diff", "review: validate"},
			commands); diff != "" {
			t.Errorf("commands (-want +got):\n%s", diff)
		}
		// The page about the pipeline shows the same file.
		if readme := sample(t, "../../docs/github.md"); !strings.Contains(readme, "```yaml\n"+sample(t, file)+"```\n") {
			t.Errorf("the workflow in docs/github.md is not %s", file)
		}
	})
}

// TestDriftWorkflow checks that the job with the key cannot write, and that the job that can write runs no built
// program.
func TestDriftWorkflow(t *testing.T) {
	t.Parallel()
	doc := sampleYAML(t, deploy+"github-drift.yml")
	jobs, _ := at(doc, "jobs").(map[string]any)
	for name, job := range jobs {
		permissions, _ := at(job, "permissions").(map[string]any)
		steps, _ := at(job, "steps").([]any)
		for _, step := range steps {
			script, _ := at(step, "run").(string)
			switch {
			case strings.Contains(script, "${{"):
				t.Errorf("an expression is part of a script: %s", script)
			case mayWrite(permissions) && (strings.Contains(script, "orgsync import") ||
				at(step, "env", "VULTR_API_KEY") != nil):
				t.Errorf("%s may write, and has the key or runs the program", name)
			}
		}
	}
	if diff := cmp.Diff(map[string]any{"contents": "read"}, at(doc, "permissions")); diff != "" ||
		at(doc, "jobs", "compare", "permissions") != nil {
		t.Errorf("permissions (-want +got):\n%s", diff)
	}
}

// checkBase runs the job of GitLab that compares the roster, in a shallow clone. A roster that the target branch does
// not have is compared with nothing.
func checkBase(t *testing.T, script []string) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if _, noGit := exec.LookPath("git"); err != nil || noGit != nil || runtime.GOOS == "windows" {
		t.Skip("there is no bash or no git here")
	}
	dir := t.TempDir()
	do := func(commands, base string) (string, error) {
		cmd := exec.CommandContext(t.Context(), bash, "-eo", "pipefail", "-c", commands)
		cmd.Dir = dir
		cmd.Env = append(cmd.Environ(), "HOME="+dir, "GIT_CONFIG_NOSYSTEM=1", "CI_MERGE_REQUEST_DIFF_BASE_SHA="+base,
			"GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x@example.com", "GIT_COMMITTER_NAME=x",
			"GIT_COMMITTER_EMAIL=x@example.com")
		out, err := cmd.Output()
		return string(out), err
	}
	commits, err := do(`git init -q -b main origin && cd origin && git commit -q --allow-empty -m nothing
		for roster in old new; do echo "$roster" > users.yaml; git add users.yaml; git commit -q -m "$roster"; done
		git log --reverse --format=%H && cd .. && git clone -q --depth 1 "file://$PWD/origin" job`, "")
	if err != nil {
		t.Fatal(err)
	}
	bases := strings.Fields(commits)
	dir = filepath.Join(dir, "job")
	commands := `orgsync() { printf '%s\n' "$*"; }` + "\n" + strings.Join(script, "\n")
	for base, want := range map[string]string{
		bases[0]: "diff /dev/null users.yaml\n", bases[1]: "diff git:" + bases[1] + ":users.yaml users.yaml\n",
	} {
		if got, err := do(commands, base); err != nil || !strings.HasSuffix(got, want) {
			t.Errorf("%q, want %q: %v", got, want, err)
		}
	}
	if got, err := do(commands, strings.Repeat("a", 40)); err == nil {
		t.Errorf("the base does not exist: %q", got)
	}
}

// checkTip runs the commands of a job of GitLab that come before orgsync, in a clone of an old commit, which a
// retried job has. The roster must then be the newest.
func checkTip(t *testing.T, script []string) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if _, noGit := exec.LookPath("git"); err != nil || noGit != nil || runtime.GOOS == "windows" {
		t.Skip("there is no bash or no git here")
	}
	dir := t.TempDir()
	do := func(commands string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), bash, "-euo", "pipefail", "-c", commands)
		cmd.Dir = dir
		cmd.Env = append(cmd.Environ(), "HOME="+dir, "GIT_CONFIG_NOSYSTEM=1", "CI_DEFAULT_BRANCH=main",
			"GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x@example.com", "GIT_COMMITTER_NAME=x",
			"GIT_COMMITTER_EMAIL=x@example.com")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", commands, err, out)
		}
	}
	do(`git init -q -b main origin && cd origin
		for roster in old new; do echo "$roster" > users.yaml; git add users.yaml; git commit -q -m "$roster"; done
		cd .. && git clone -q "file://$PWD/origin" job && cd job && git checkout -q --detach HEAD~1`)
	dir = filepath.Join(dir, "job")
	do(strings.Join(script[:len(script)-1], "\n"))
	if got, err := os.ReadFile(filepath.Join(dir, "users.yaml")); err != nil || string(got) != "new\n" {
		t.Errorf("%q leave the roster %q, %v", script, got, err)
	}
}

// TestPagesApplyTheTip checks that the jobs in pages also use the newest roster.
func TestPagesApplyTheTip(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	jobs := 0
	for _, file := range append(files, "../../README.md") {
		for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(sample(t, file), -1) {
			var doc map[string]any
			if err := yaml.Unmarshal([]byte(block[1]), &doc); err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			all, _ := doc["jobs"].(map[string]any)
			for name, job := range all {
				steps, _ := at(job, "steps").([]any)
				for i, step := range steps {
					if at(step, "with", "command") != "apply" {
						continue
					}
					jobs++
					if i == 0 || at(steps[0], "with", "ref") != "main" {
						t.Errorf("%s: the job %s applies what its event names: %v", file, name, steps)
					}
				}
			}
			if script := words(at(doc, "apply", "script")); len(script) > 0 {
				jobs++
				checkTip(t, script)
			}
		}
	}
	if jobs < 3 {
		t.Errorf("only %d jobs that apply were found", jobs)
	}
}

// used matches a line of a workflow that uses an action. pinnedAction matches an action at a commit, with its version
// as a comment.
var (
	used         = regexp.MustCompile(`(?m)\buses: *([^\s"',}]+)(.*)$`)
	pinnedAction = regexp.MustCompile(`^[\w.-]+/[\w./-]+@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$`)
)

// TestPinnedActions checks that workflows, samples and pages pin actions of other projects to a commit, because a tag
// can be moved. A comment must name the version. Readers pin the action of orgsync themselves.
func TestPinnedActions(t *testing.T) {
	t.Parallel()
	var files []string
	for _, pattern := range []string{".github/workflows/*.yml", "action.yml", "deploy/*.yml", "docs/*.md", "README.md"} {
		found, err := filepath.Glob("../../" + pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %q, %v", pattern, found, err)
		}
		files = append(files, found...)
	}
	versions, pins := map[string]string{}, 0
	for _, file := range files {
		for _, m := range used.FindAllStringSubmatch(sample(t, file), -1) {
			pin := pinnedAction.FindStringSubmatch(m[1] + m[2])
			switch {
			case m[1] == "./" || m[1] == "orgsync/orgsync@main":
			case pin == nil:
				t.Errorf("%s: %s%s is not pinned to a commit with its version", file, m[1], m[2])
			case versions[pin[1]] != "" && versions[pin[1]] != pin[2]:
				t.Errorf("%s: %s has two versions, %s and %s", file, m[1], versions[pin[1]], pin[2])
			default:
				pins++
				versions[pin[1]] = pin[2]
			}
		}
	}
	if pins < 20 {
		t.Errorf("only %d uses of actions were found", pins)
	}
}

// TestWorkflows checks the workflows of the project. Jobs that may write must not run built or downloaded programs,
// and no expression may be part of a script.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../.github/workflows/*.yml")
	if err != nil || len(files) < 2 {
		t.Fatalf("workflows: %v, %v", files, err)
	}
	for _, file := range files {
		doc := sampleYAML(t, file)
		jobs, _ := at(doc, "jobs").(map[string]any)
		if permissions, ok := at(doc, "permissions").(map[string]any); !ok || mayWrite(permissions) {
			t.Errorf("%s may do %v", file, at(doc, "permissions"))
		}
		for name, job := range jobs {
			permissions, _ := at(job, "permissions").(map[string]any)
			steps, _ := at(job, "steps").([]any)
			for _, step := range steps {
				script, _ := at(step, "run").(string)
				switch {
				case strings.Contains(script, "${{"):
					t.Errorf("%s, %s: an expression is part of a script: %s", file, name, script)
				case mayWrite(permissions) && regexp.MustCompile(`\b(go|npm|bash|curl)\b|\.ci/|\./`).MatchString(script):
					t.Errorf("%s, %s: a job that may write runs %s", file, name, script)
				}
			}
		}
	}
}

func mayWrite(permissions map[string]any) bool {
	for _, p := range permissions {
		if p == "write" {
			return true
		}
	}
	return false
}

// TestReleaseNotes checks that the notes of a release are its part of the changelog, and that they are required.
func TestReleaseNotes(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil || runtime.GOOS == "windows" {
		t.Skipf("no bash here: %v", err)
	}
	notes := func(version string) (string, error) {
		out, err := exec.CommandContext(t.Context(), bash, "../../.ci/release-notes", version).Output()
		return string(out), err
	}
	if got, err := notes("Unreleased"); err != nil || !strings.Contains(got, "\n- ") ||
		strings.Contains(got, "[Unreleased]") || strings.Contains(got, "\n## ") {
		t.Errorf("the notes: %v\n%s", err, got)
	}
	if got, err := notes("v0.0.0"); err == nil || got != "" {
		t.Errorf("the notes of a version that is not there: %s", got)
	}
}
