package document

import (
	"bytes"
	"strings"
	"testing"

	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/printable/printabletest"
)

func TestSteps(t *testing.T) {
	t.Parallel()
	steps := [][2]string{{"orgsync sandbox accept ada@example.com", "one of them accepts"},
		{"orgsync apply --sandbox", "again"}}
	wide := "  orgsync sandbox accept ada@example.com  # one of them accepts\n  orgsync apply --sandbox                 " +
		"# again\n"
	narrow := "  # one of them accepts\n  orgsync sandbox accept ada@example.com\n  # again\n  orgsync apply --sandbox\n"
	for width, want := range map[int]string{0: wide, 80: wide, 40: narrow} {
		var buf bytes.Buffer
		if err := Steps(&buf, steps, width); err != nil || buf.String() != want {
			t.Errorf("in a window of %d: %v, %q, want %q", width, err, &buf, want)
		}
	}
}

func TestSentence(t *testing.T) {
	t.Parallel()
	for _, s := range printabletest.Hostile {
		var buf bytes.Buffer
		if err := Sentence(&buf, s+" and more of it than fits", 30, 20); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(buf.String()) {
			if bare := strings.TrimRight(line, "\n"); printable.Width(bare) > 20 ||
				printable.Clean(bare, 40) != strings.TrimSpace(bare) {
				t.Errorf("%q becomes the line %q", s, line)
			}
		}
	}
}
