package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/orgsync/orgsync/internal/cli"
)

// The pages in docs/cli are those of the commands.
func TestDocsAreCurrent(t *testing.T) {
	t.Parallel()
	pages, err := makePages(cli.Commands(), "_", ".md", markdownPage)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("../../..", docsFolder)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found[e.Name()] = string(text)
	}
	if diff := cmp.Diff(found, pages); diff != "" {
		t.Errorf("run go run ./internal/tools/manual (-docs/cli +commands):\n%s", diff)
	}
}

var variable = regexp.MustCompile(`\$[A-Z_]+`)

// Each page names every flag, its environment variable and every exit code.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, cmd := range cli.Commands() {
		page, err := markdownPage(cmd)
		if err != nil {
			t.Fatal(err)
		}
		manual, err := manPage(cmd)
		if err != nil {
			t.Fatal(err)
		}
		plain := strings.ReplaceAll(manual, `\`, "")
		check := func(f *pflag.Flag) {
			for _, want := range append(variable.FindAllString(f.Usage, -1), "--"+f.Name) {
				if !strings.Contains(page, want) || !strings.Contains(plain, want) {
					t.Errorf("a page of %s does not name %s", cmd.CommandPath(), want)
				}
			}
		}
		cmd.NonInheritedFlags().VisitAll(check)
		cmd.InheritedFlags().VisitAll(check)
		if len(exitsOf(cmd)) < 2 {
			t.Errorf("%s has no exit codes", cmd.CommandPath())
		}
		for _, e := range exitsOf(cmd) {
			if !strings.Contains(page, "| "+e[0]+" | "+e[1]) || !strings.Contains(plain, "fB"+e[0]+"fP\n"+e[1]) {
				t.Errorf("a page of %s does not have the exit code %s", cmd.CommandPath(), e[0])
			}
		}
	}
}

func TestReleaseFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := run([]string{dir}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"man/orgsync.1", "man/orgsync-apply.1", "completions/_orgsync",
		"completions/orgsync.bash", "completions/orgsync.fish", "completions/orgsync.ps1"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A help becomes Markdown: code where a reader would copy it, and nothing that Markdown would read as markup.
func TestToMarkdown(t *testing.T) {
	t.Parallel()
	got := toMarkdown("Runs 'orgsync plan' for all_people.\n\nTHE FORMS\n  text\n\n  orgsync apply")
	want := "Runs `orgsync plan` for all\\_people.\n\n### The forms\n\ntext\n\n```text\norgsync apply\n```"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
