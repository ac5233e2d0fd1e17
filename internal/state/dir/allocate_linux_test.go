package dir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestAllocateNamesTheFile: the error is an [fs.PathError], by which callers recognize errors of files.
func TestAllocateNamesTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path) // only for reading
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := new(fs.PathError)
	if err := allocate(f, 1); !errors.As(err, &at) || at.Path != path || !errors.Is(err, syscall.EBADF) {
		t.Errorf("the error is %v", err)
	}
}
