package cli

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

// The pages are made by tests, since only they reach the commands of a program: nothing that makes them is in the program.

var manualInto = flag.String("into", "", "TestManual also writes man pages and completions, as packages have them, into this folder")

// documented are the commands that have pages.
func documented(t *testing.T) []*cobra.Command {
	t.Helper()
	a := &app{Environment: Environment{
		name: "orgsync", stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }, isTerminal: noTerminal,
	}}
	root := a.rootCommand()
	root.DisableAutoGenTag = true
	var all []*cobra.Command
	var add func(*cobra.Command)
	add = func(cmd *cobra.Command) {
		if cmd != root && (!cmd.IsAvailableCommand() || cmd.Name() == "help") {
			return
		}
		all = append(all, cmd)
		cmd.InitDefaultHelpFlag()
		for _, below := range cmd.Commands() {
			add(below)
		}
	}
	add(root)
	return all
}

// pageName returns the name of a command's page, with a separator between the words.
func pageName(cmd *cobra.Command, between string) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", between)
}

var (
	literal = strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, ">", `\>`)
	quoted  = regexp.MustCompile(`'([^'\n]+)'`)
	heading = regexp.MustCompile(`^[A-Z ]+\n`)
)

// marked turns the text of a help into Markdown: what is indented is code, 'orgsync plan' too, and a line in capitals is a
// heading.
func marked(help string) string {
	var blocks []string
	for block := range strings.SplitSeq(strings.TrimSpace(help), "\n\n") {
		if title := heading.FindString(block); title != "" {
			blocks = append(blocks, "### "+title[:1]+strings.ToLower(strings.TrimSpace(title[1:])))
			block = regexp.MustCompile(`(?m)^  `).ReplaceAllString(block[len(title):], "")
		}
		lines := strings.Split(block, "\n")
		indented := true
		for _, line := range lines {
			indented = indented && (strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "\t"))
		}
		if indented {
			for i, line := range lines {
				lines[i] = strings.TrimPrefix(strings.TrimPrefix(line, "  "), "\t")
			}
			blocks = append(blocks, "```text\n"+strings.Join(lines, "\n")+"\n```")
			continue
		}
		var b strings.Builder
		end := 0
		for _, at := range quoted.FindAllStringSubmatchIndex(block, -1) {
			b.WriteString(literal.Replace(block[end:at[0]]) + "`" + block[at[2]:at[3]] + "`")
			end = at[1]
		}
		blocks = append(blocks, b.String()+literal.Replace(block[end:]))
	}
	return strings.Join(blocks, "\n\n")
}

// exits gives the exit codes of a command with their meanings.
func exitsOf(cmd *cobra.Command) [][2]string {
	var codes [][2]string
	for line := range strings.Lines(cmd.Annotations["exit"]) {
		code, meaning, _ := strings.Cut(strings.TrimSpace(line), " ")
		codes = append(codes, [2]string{code, strings.TrimSpace(meaning)})
	}
	return codes
}

// beforeLinks puts a section before the list of related pages.
func beforeLinks(page, links, section string) string {
	if at := strings.Index(page, links); at >= 0 {
		return page[:at] + section + page[at:]
	}
	return page + section
}

func markdownPage(t *testing.T, cmd *cobra.Command) string {
	t.Helper()
	long := cmd.Long
	defer func() { cmd.Long = long }()
	cmd.Long = marked(long)
	var page bytes.Buffer
	if err := doc.GenMarkdown(cmd, &page); err != nil {
		t.Fatal(err)
	}
	section := "### Exit status\n\n| code | meaning |\n|---|---|\n"
	for _, e := range exitsOf(cmd) {
		section += "| " + e[0] + " | " + e[1] + " |\n"
	}
	return "<!-- Made from the program by go test ./internal/cli -run TestManual -update -->\n\n" +
		strings.TrimSpace(beforeLinks(page.String(), "### SEE ALSO", section+"\n")) + "\n"
}

func manPage(t *testing.T, cmd *cobra.Command) string {
	t.Helper()
	long := cmd.Long
	usages := map[*pflag.Flag]string{}
	mark := func(f *pflag.Flag) {
		usages[f], f.Usage = f.Usage, literal.Replace(f.Usage)
	}
	cmd.NonInheritedFlags().VisitAll(mark)
	cmd.InheritedFlags().VisitAll(mark)
	defer func() {
		cmd.Long = long
		for f, usage := range usages {
			f.Usage = usage
		}
	}()
	cmd.Long = marked(long)
	var page bytes.Buffer
	// The date is that of $SOURCE_DATE_EPOCH, so that a release can be built again.
	if err := doc.GenMan(cmd, &doc.GenManHeader{Section: "1", Source: "orgsync", Manual: "orgsync"}, &page); err != nil {
		t.Fatal(err)
	}
	section := ".SH EXIT STATUS\n"
	for _, e := range exitsOf(cmd) {
		section += ".TP\n\\fB" + e[0] + "\\fP\n" + strings.ReplaceAll(e[1], "-", `\-`) + "\n"
	}
	return beforeLinks(page.String(), ".SH SEE ALSO", section)
}

// TestManual keeps docs/cli as the commands are. Every page says the environment variable of every flag, and every exit
// code. -update writes the pages, -into what packages have beside the program.
func TestManual(t *testing.T) {
	t.Parallel()
	const dir = "../../docs/cli"
	pages := map[string]string{}
	manuals := map[string]string{}
	for _, cmd := range documented(t) {
		page, manual := markdownPage(t, cmd), manPage(t, cmd)
		pages[pageName(cmd, "_")+".md"] = page
		manuals[pageName(cmd, "-")+".1"] = manual
		if len(exitsOf(cmd)) < 2 {
			t.Errorf("%s does not say how it exits", cmd.CommandPath())
		}
		plain := strings.ReplaceAll(manual, `\`, "")
		check := func(f *pflag.Flag) {
			for _, want := range []string{"--" + f.Name, environmentName(f)} {
				if !strings.Contains(page, want) || !strings.Contains(plain, want) {
					t.Errorf("a page of %s does not name %s", cmd.CommandPath(), want)
				}
			}
		}
		cmd.NonInheritedFlags().VisitAll(check)
		cmd.InheritedFlags().VisitAll(check)
		for _, e := range exitsOf(cmd) {
			if !strings.Contains(page, "| "+e[0]+" | "+e[1]) || !strings.Contains(plain, "fB"+e[0]+"fP\n"+e[1]) {
				t.Errorf("a page of %s does not have the exit code %s", cmd.CommandPath(), e[0])
			}
		}
	}
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		write(t, dir, pages)
	}
	found := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found[e.Name()] = string(text)
	}
	if diff := cmp.Diff(found, pages); diff != "" {
		t.Errorf("docs/cli is not as the commands are; write it with -update (-docs +commands):\n%s", diff)
	}
	if *manualInto != "" {
		write(t, filepath.Join(*manualInto, "man"), manuals)
		write(t, filepath.Join(*manualInto, "completions"), completions(t))
	}
}

// completions are the scripts for each shell, by the names that their folders want.
func completions(t *testing.T) map[string]string {
	t.Helper()
	root := documented(t)[0]
	scripts := map[string]string{}
	for name, generate := range map[string]func(io.Writer) error{
		"orgsync.bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"_orgsync":     root.GenZshCompletion,
		"orgsync.fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
		"orgsync.ps1":  root.GenPowerShellCompletionWithDesc,
	} {
		var b bytes.Buffer
		if err := generate(&b); err != nil {
			t.Fatal(err)
		}
		scripts[name] = b.String()
	}
	return scripts
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
