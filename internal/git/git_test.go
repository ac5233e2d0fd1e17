package git

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

func TestNoGit(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := ReadFiles(t.Context(), "HEAD:users.yaml")
	if !errors.Is(err, ErrNotInstalled) {
		t.Errorf("ReadFiles = %v", err)
	}
}

// A text that cannot name a commit is refused before git gets it.
func TestCheckRef(t *testing.T) {
	t.Parallel()
	for _, ref := range []string{"main", "origin/main", "HEAD~3", "HEAD^{/fix}", "v1.0", "feature/ünïcode", "main@{1}"} {
		if err := checkRef(ref); err != nil {
			t.Errorf("%q: %v", ref, err)
		}
	}
	for _, ref := range []string{"", "-", "--output=x", "-c", "a b", "a\nb", "a\x00b", "a\x1b[31m", "a\u00a0b"} {
		if err := checkRef(ref); err == nil {
			t.Errorf("%q is taken", ref)
		} else if strings.ContainsAny(err.Error(), "\x00\x1b\n") {
			t.Errorf("%q is shown as it is: %q", ref, err)
		}
	}
}

// If git gets a name that looks like an option, git still reads it as a name.
func TestResolveTakesNoOptions(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	t.Chdir(t.TempDir())
	if _, err := run(t.Context(), "init", "--quiet"); err != nil {
		t.Fatal(err)
	}
	if id, err := resolveObject(t.Context(), "-q"); !errors.Is(err, errNoObject) {
		t.Errorf("resolve = %q, %v", id, err)
	}
}

func TestBounded(t *testing.T) {
	t.Parallel()
	var kept bytes.Buffer
	ended := 0
	w := &limitedWriter{to: &kept, room: 5, overflow: func() { ended++ }}
	for _, s := range []string{"abc", "de", "", "f", "g"} {
		if n, err := w.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("Write(%q) = %d, %v", s, n, err)
		}
	}
	if kept.String() != "abcde" || ended != 2 {
		t.Errorf("kept %q, ended %d times", &kept, ended)
	}
}
