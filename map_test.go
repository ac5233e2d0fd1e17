package orgsync_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestMap: the files exist that the map and the table of additions in CONTRIBUTING.md name.
func TestMap(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(strings.ReplaceAll(string(text), "\r", ""), "\n## The map\n")
	changes, rest, _ := strings.Cut(rest, "\n## Where an addition goes\n")
	additions, _, found := strings.Cut(rest, "\n## ")
	if !found {
		t.Fatal("the headings of the map have changed")
	}
	starts := regexp.MustCompile("(?m)^\\| .+ \\| `([^`]+)` \\|$").FindAllStringSubmatch(changes, -1)
	if len(starts) < 20 {
		t.Errorf("the map has %d rows, want 20 or more", len(starts))
	}
	places := regexp.MustCompile("`((?:internal|docs|deploy|testdata|\\.ci|\\.github)/[\\w./-]*)`").FindAllStringSubmatch(
		additions, -1)
	for _, place := range append(starts, places...) {
		if strings.Contains(place[1], "NAME") {
			continue
		}
		if _, err := os.Stat(place[1]); err != nil {
			t.Errorf("CONTRIBUTING.md: %v", err)
		}
	}
}
