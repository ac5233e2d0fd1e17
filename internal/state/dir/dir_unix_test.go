//go:build unix

package dir_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/dir"
)

// TestUnsafeFolders checks that folders to which other users may write, links and special files are
// refused with the command that fixes the problem. Acquire and Read do not block, and do not change
// anything.
func TestUnsafeFolders(t *testing.T) {
	t.Parallel()
	victim := filepath.Join(t.TempDir(), "victim")
	must(t, os.WriteFile(victim, []byte("precious"), 0o600))
	in := func(stateDir, name string) string { return filepath.Join(stateDir, "o1", name) }
	for name, c := range map[string]struct {
		corrupt func(stateDir string) error
		advice  string
	}{
		"world-writable state folder": {func(d string) error { return os.Chmod(d, 0o777) }, "chmod o-w"},
		"every user's state folder": {func(d string) error { return os.Chmod(d, 0o777|os.ModeSticky) },
			"only orgsync uses"},
		"world-writable folder": {func(d string) error { return os.Chmod(in(d, ""), 0o707) }, "chmod o-w"},
		"group-writable folder": {func(d string) error { return os.Chmod(in(d, ""), 0o770) }, "chmod g-w"},
		"ledger is a pipe":      {func(d string) error { return syscall.Mkfifo(in(d, "ledger.jsonl"), 0o600) }, "rm "},
		"ledger is a link":      {func(d string) error { return os.Symlink(victim, in(d, "ledger.jsonl")) }, "mv "},
		"world-writable ledger": {func(d string) error { return makeFile(in(d, "ledger.jsonl"), 0o606) }, "chmod o-w"},
		"group-writable ledger": {func(d string) error { return makeFile(in(d, "ledger.jsonl"), 0o660) }, "chmod g-w"},
		"world-writable lock":   {func(d string) error { return makeFile(in(d, "lock"), 0o666) }, "chmod o-w"},
		"reserve is a link":     {func(d string) error { return os.Symlink(victim, in(d, "reserve")) }, "remove it: rm "},
		"lock is a link":        {func(d string) error { return os.Symlink(victim, in(d, "lock")) }, "remove it: rm "},
		"lock is a pipe":        {func(d string) error { return syscall.Mkfifo(in(d, "lock"), 0o600) }, "rm "},
		"holder is a link":      {func(d string) error { return os.Symlink(victim, in(d, "lock.json")) }, "rm "},
		"ledger is a folder":    {func(d string) error { return os.Mkdir(in(d, "ledger.jsonl"), 0o700) }, "rm "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stateDir := t.TempDir()
			must(t, os.Mkdir(in(stateDir, ""), 0o700))
			must(t, c.corrupt(stateDir))
			s := newStore(t, stateDir)
			_, readErr := s.Read(t.Context())
			_, lockErr := s.Acquire(t.Context(), state.Holder{}, 0)
			for _, err := range []error{readErr, lockErr} {
				var problem *state.Problem
				if !errors.As(err, &problem) || !strings.Contains(problem.Advice, c.advice) {
					t.Errorf("%v", err)
				}
			}
			if text, err := os.ReadFile(victim); err != nil || string(text) != "precious" {
				t.Errorf("the file that a link names has %q, %v", text, err)
			}
		})
	}
}

// makeFile makes an empty file with this mode, whatever the umask is.
func makeFile(name string, mode os.FileMode) error {
	return errors.Join(os.WriteFile(name, nil, mode), os.Chmod(name, mode))
}

// TestReserveIsALink checks that a file that has the name of the reserve file as a second name keeps its content.
func TestReserveIsALink(t *testing.T) {
	t.Parallel()
	stateDir := t.TempDir()
	folder := filepath.Join(stateDir, "o1")
	other := filepath.Join(stateDir, "other")
	must(t, os.Mkdir(folder, 0o700))
	must(t, os.WriteFile(other, []byte("precious"), 0o600))
	must(t, os.Link(other, filepath.Join(folder, "reserve")))
	lease, err := newStore(t, stateDir).Acquire(t.Context(), state.Holder{}, 0)
	must(t, err)
	must(t, errors.Join(lease.Reserve(1<<12), lease.Release()))
	if text, err := os.ReadFile(other); err != nil || string(text) != "precious" {
		t.Errorf("the other name has %q, %v", text, err)
	}
}

// TestGroupOfVolume checks that a group other than the primary group of the process may write.
// Kubernetes gives a volume such a group.
func TestGroupOfVolume(t *testing.T) {
	t.Parallel()
	stateDir := t.TempDir()
	folder := filepath.Join(stateDir, "o1")
	must(t, os.Mkdir(folder, 0o700))
	if err := os.Chown(folder, -1, os.Getegid()+4711); err != nil {
		t.Skip("only root may give a folder to another group")
	}
	must(t, os.Chmod(folder, 0o770))
	l := open(t, newStore(t, stateDir))
	must(t, l.Begin(1, 0))
}

// TestStickyFolder checks that a folder to which only its owner may write can be used, even if it is sticky.
func TestStickyFolder(t *testing.T) {
	t.Parallel()
	stateDir := t.TempDir()
	must(t, os.Chmod(stateDir, 0o755|os.ModeSticky))
	l := open(t, newStore(t, stateDir))
	must(t, l.Begin(1, 0))
}

// TestReplaceKeepsPermissions checks that a ledger that is rewritten is a new file, and that the group that may read
// the ledger may still read it.
func TestReplaceKeepsPermissions(t *testing.T) {
	t.Parallel()
	stateDir := t.TempDir()
	l := open(t, newStore(t, stateDir))
	must(t, l.Begin(1, 0))
	must(t, l.Close())
	file := filepath.Join(stateDir, "o1", "ledger.jsonl")
	must(t, os.Chmod(file, 0o640))
	old, err := os.Stat(file)
	must(t, err)
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("rubbish\n")
	must(t, errors.Join(err, f.Close()))
	must(t, open(t, newStore(t, stateDir)).Close())
	if now, err := os.Stat(file); err != nil || now.Mode().Perm() != 0o640 || os.SameFile(old, now) {
		t.Errorf("the rewritten ledger: %v, %v", now, err)
	}
}

// TestUnreadableNeighbour checks that the advice for an entry of the state folder that cannot be read is about this
// entry.
func TestUnreadableNeighbour(t *testing.T) {
	t.Parallel()
	stateDir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(stateDir, "o1"), 0o700))
	must(t, os.Symlink(filepath.Join(stateDir, "gone"), filepath.Join(stateDir, "other")))
	ids, err := dir.Organizations(stateDir)
	var problem *state.Problem
	if !errors.As(err, &problem) || !strings.Contains(err.Error(), filepath.Join(stateDir, "other")) ||
		!strings.Contains(problem.Advice, "may hold a ledger") {
		t.Errorf("%q, %v", ids, err)
	}
}

// TestStateFolderIsALinkToNowhere checks that a state folder on a disk that is gone does not count as empty.
func TestStateFolderIsALinkToNowhere(t *testing.T) {
	t.Parallel()
	stateDir := filepath.Join(t.TempDir(), "state")
	must(t, os.Symlink(stateDir+"-gone", stateDir))
	ids, err := dir.Organizations(stateDir)
	if problem, ok := errors.AsType[*state.Problem](err); !ok || !strings.Contains(problem.Advice, "link") {
		t.Errorf("%q, %v", ids, err)
	}
	store := newStore(t, stateDir)
	if content, err := store.Read(t.Context()); err == nil {
		t.Errorf("the ledger is %q", content)
	}
}

// TestFindInUnlistableFolder checks that a state folder that may be entered but not listed can be used, if the folder
// of the organization is there.
func TestFindInUnlistableFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may list every folder")
	}
	stateDir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(stateDir, "o1"), 0o700))
	must(t, os.Chmod(stateDir, 0o311))
	t.Cleanup(func() { _ = os.Chmod(stateDir, 0o700) })
	if _, err := dir.Find(stateDir, "o1"); err != nil {
		t.Error(err)
	}
	if _, err := dir.Find(stateDir, "o2"); err == nil {
		t.Error("o2 may be there in another case")
	}
}
