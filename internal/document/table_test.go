package document

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/printable"
)

// TestFold checks that Fold keeps every letter in order, that no line is too wide, and that Fold breaks only words that
// are wider than a line.
func TestFold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[a-z日]{1,12}`), 1, 20).Draw(t, "words")
		width := rapid.IntRange(2, 60).Draw(t, "width")
		text := strings.Join(words, " ")
		lines := Fold(text, width)
		rest := text
		for i, line := range lines {
			after, ok := strings.CutPrefix(rest, line)
			if !ok {
				t.Fatalf("line %q is not what comes next in %q", line, rest)
			}
			word, _, _ := strings.Cut(after, " ")
			broken := after != "" && !strings.HasPrefix(after, " ")
			if broken {
				whole := line[strings.LastIndex(line, " ")+1:] + word
				if printable.Width(whole) <= width {
					t.Errorf("%q is broken although it fits into a line of %d", whole, width)
				}
			}
			rest = strings.TrimPrefix(after, " ")
			if w := printable.Width(line); w > width || line == "" {
				t.Errorf("line %q is %d wide, and may be %d", line, w, width)
			}
			if i+1 < len(lines) && !broken {
				next, _, _ := strings.Cut(rest, " ")
				if printable.Width(line+" "+next) <= width {
					t.Errorf("%q has room for %q", line, next)
				}
			}
		}
		if rest != "" {
			t.Errorf("%q is lost", rest)
		}
	})
}

// TestFoldMakesNoCommand checks that no line after a broken word begins like a command to GitHub's runner.
func TestFoldMakesNoCommand(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"file=x::y", "ü::error", "a::b::c", "abcdefgh::warning::x"} {
		for width := 2; width < 20; width++ {
			for _, line := range Fold(word, width) {
				if printable.Clean(line, 100) != line {
					t.Errorf("%q in lines of %d has the line %q", word, width, line)
				}
			}
		}
	}
}
