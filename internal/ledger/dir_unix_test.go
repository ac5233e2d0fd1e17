//go:build unix

package ledger_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestDirSyncs: a line counts only once the disk has it. A pipe takes lines and cannot be synced.
func TestDirSyncs(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	path := filepath.Join(state, "o1", "ledger.jsonl")
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	must(t, syscall.Mkfifo(path, 0o600))
	reader, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer reader.Close()
	if err := dir(t, state).Append([]byte("line\n")); err == nil {
		t.Error("a line that was not synced counts as written")
	}
}
