package objects

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBlocks checks that blocks keep what was added, that a clone does not change, that many lines
// need few blocks, and that encode does not copy them.
func TestBlocks(t *testing.T) {
	t.Parallel()
	line := []byte(strings.Repeat("a", 1<<10) + "\n")
	b := blocks{slices.Clip([]byte("first\n"))}
	b = b.add([]byte("second\n"))
	before := slices.Clone(b)
	b = b.add(line, nil, line)
	if diff := cmp.Diff("first\nsecond\n", string(before.join())); diff != "" {
		t.Errorf("a clone changed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("first\nsecond\n"+string(line)+string(line), string(b.join())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for range 4 * blockSize / len(line) {
		b = b.add(line)
	}
	if len(b) > 6 || Size(b) != len(b.join()) {
		t.Errorf("%d blocks of %d bytes, joined %d bytes", len(b), Size(b), len(b.join()))
	}
	r := record{Version: recordVersion, Kind: kindLines, Number: 1, lines: b}
	pieces := r.encode()
	if len(pieces) != len(b)+2 || &pieces[2][0] != &b[1][0] {
		t.Errorf("%d blocks are copied into %d pieces", len(b), len(pieces))
	}
	got, err := decodeRecord(slices.Concat(pieces...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(b.join()), string(got.lines.join())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
