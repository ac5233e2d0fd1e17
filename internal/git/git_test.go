package git

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/orgsync/orgsync/internal/roster"
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

// TestLinks checks that a link that [roster.Load] would follow is an error, and that no other link is one.
func TestLinks(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	t.Chdir(t.TempDir())
	for _, dir := range []string{"r/sub", "other"} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"r/a.yaml", "r/sub/b.yaml", "other/c.yaml", "r/notes.md", "other/README.md"} {
		if err := os.WriteFile(file, []byte("users: [ada@example.com]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) {
		t.Helper()
		args = append([]string{"-c", "user.name=A", "-c", "user.email=a@example.com"}, args...)
		if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	if err := os.Symlink("other", "hop"); err != nil {
		t.Fatal(err)
	}
	git("init", "--quiet")
	for _, tt := range []struct {
		link, target string
		refused      bool
	}{
		{"r/more.d", "../other", true},
		{"r/more.d", "sub", true},
		{"r/more.yaml", "a.yaml", true},
		{"r/more", "sub", true},
		{"r/README.md", "notes.md", false},
		{"r/sub/README.md", "../../other/README.md", false},
		{"r/sub/README.md", "/etc/passwd", true},
		{"r/gone.d", "nowhere", true},
		{"r/more.d", "../hop", true},
		{"users.yaml", "r/a.yaml", false}, // outside the folder
	} {
		if err := os.Symlink(tt.target, tt.link); err != nil {
			t.Fatal(err)
		}
		git("add", ".")
		git("commit", "--quiet", "--message", "link")
		for _, spec := range []string{"HEAD:r", "HEAD:./r"} {
			files, err := ReadFiles(t.Context(), spec)
			if refused := err != nil && strings.Contains(err.Error(), "does not follow links"); refused != tt.refused ||
				!refused && len(files) != 2 {
				t.Errorf("%s -> %s: %d files, %v", tt.link, tt.target, len(files), err)
			}
		}
		for _, spec := range []string{"HEAD:" + tt.link, "HEAD:./" + tt.link} {
			if _, err := ReadFiles(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "does not follow links") {
				t.Errorf("%s -> %s: %v", spec, tt.target, err)
			}
		}
		if err := os.Remove(tt.link); err != nil {
			t.Fatal(err)
		}
	}
}

// A folder with the name of a roster is an error, as for [roster.Load].
func TestFolderNamedLikeRoster(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("r/b.yaml", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"r/a.yaml", "r/b.yaml/c.yaml"} {
		if err := os.WriteFile(file, []byte("users: [ada@example.com]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "."},
		{"-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "folder"}} {
		if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	_, err := ReadFiles(t.Context(), "HEAD:r")
	if _, want := roster.Files([]string{"r"}); want == nil || err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("ReadFiles = %v, but Files = %v", err, want)
	}
}
