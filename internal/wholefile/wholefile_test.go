package wholefile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/orgsync/orgsync/internal/wholefile"
)

// TestReplace checks that a file is replaced by another file: a program that has the old file open still reads the old
// text. A file that is written in place could be lost in a crash.
func TestReplace(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	old, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := wholefile.Replace(file, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || string(text) != "new" {
		t.Errorf("%q, %v", text, err)
	}
	if now, err := os.Stat(file); err != nil || os.SameFile(old, now) {
		t.Errorf("the old file was changed: %v", err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestReplaceFails checks that nothing is left behind if a file cannot be replaced.
func TestReplaceFails(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.MkdirAll(filepath.Join(file, "old"), 0o700); err != nil { // a folder instead of a file
		t.Fatal(err)
	}
	if err := wholefile.Replace(file, []byte("new"), 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 || !entries[0].IsDir() {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
