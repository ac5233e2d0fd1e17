package document

import (
	"bytes"
	"strings"
	"testing"

	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/printable/printabletest"
)

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
