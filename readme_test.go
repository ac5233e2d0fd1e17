package orgsync_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/plan"
)

// arrow matches a transition in a Mermaid state diagram.
var arrow = regexp.MustCompile(`(?m)^ +(\S+) --> (\S+?)(: .*)?$`)

// TestStateDiagram: the diagram in docs/decisions.md has all states, and each state can be reached.
func TestStateDiagram(t *testing.T) {
	t.Parallel()
	_, after, found := strings.Cut(read(t, "docs/decisions.md"), "```mermaid\nstateDiagram-v2\n")
	diagram, _, closed := strings.Cut(after, "```\n")
	if !found || !closed {
		t.Fatal("docs/decisions.md has no state diagram")
	}
	const begin = "[*]"
	reached := map[string]bool{begin: true}
	arrows := arrow.FindAllStringSubmatch(diagram, -1)
	for range arrows {
		for _, a := range arrows {
			reached[a[2]] = reached[a[2]] || reached[a[1]]
		}
	}
	want := []string{begin}
	for _, s := range plan.States {
		want = append(want, string(s))
	}
	got := slices.DeleteFunc(slices.Collect(maps.Keys(reached)), func(s string) bool { return !reached[s] })
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states (-want +reached in the diagram):\n%s", diff)
	}
	if lines := strings.Count(strings.TrimSpace(diagram), "\n"); lines != len(arrows) {
		t.Errorf("%d lines after the first, of which %d are arrows:\n%s", lines, len(arrows), diagram)
	}
}

// picture matches a picture in Markdown, with its alternative text and its file.
var picture = regexp.MustCompile(`!\[([^\]]*)\]\(([^)]+)\)`)

// TestPicturesOfReadme: each picture of the README exists and has an alternative text.
func TestPicturesOfReadme(t *testing.T) {
	t.Parallel()
	pictures := picture.FindAllStringSubmatch(read(t, "README.md"), -1)
	if len(pictures) == 0 {
		t.Error("the README has no pictures")
	}
	for _, p := range pictures {
		if len(p[1]) < 40 {
			t.Errorf("the alternative text of %s is too short: %q", p[2], p[1])
		}
		begin := map[string]string{".svg": "<?xml ", ".png": "\x89PNG"}[filepath.Ext(p[2])]
		if begin == "" || !strings.HasPrefix(read(t, p[2]), begin) {
			t.Errorf("%s is no SVG or PNG", p[2])
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestDocsIndex: the index of the documentation has every page, and the README is short.
func TestDocsIndex(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	index := read(t, "docs/README.md")
	for _, page := range pages {
		if name := filepath.Base(page); name != "README.md" && !strings.Contains(index, "("+name+")") {
			t.Errorf("docs/README.md does not name %s", name)
		}
	}
	if lines := strings.Count(read(t, "README.md"), "\n"); lines > 200 {
		t.Errorf("README.md has %d lines, more than 200", lines)
	}
}
