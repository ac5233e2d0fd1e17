package dir_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/dir"
)

var start = time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)

func newStore(t *testing.T, stateDir string) *dir.Store {
	t.Helper()
	s, err := dir.New(stateDir, "o1")
	must(t, err)
	return s
}

func open(t *testing.T, s state.Store) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), s, ledger.Options{Organization: "o1", Now: func() time.Time { return start }})
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDirModes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("modes mean nothing there")
	}
	stateDir := filepath.Join(t.TempDir(), "state")
	l := open(t, newStore(t, stateDir))
	must(t, l.Begin(1, 0))
	must(t, l.RecordIntent("ada@example.com"))
	for name, want := range map[string]os.FileMode{
		"":                0o700 | os.ModeDir,
		"o1":              0o700 | os.ModeDir,
		"o1/ledger.jsonl": 0o600,
		"o1/lock":         0o600,
		"o1/lock.json":    0o600,
	} {
		info, err := os.Stat(filepath.Join(stateDir, name))
		must(t, err)
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	left, err := filepath.Glob(filepath.Join(stateDir, "o1", "reserve*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDirKeeps(t *testing.T) {
	t.Parallel()
	stateDir := t.TempDir()
	memory, _, err := ledger.Read(t.Context(), newStore(t, stateDir), "o1")
	must(t, err)
	if len(memory.People) != 0 {
		t.Errorf("remembers %v", memory)
	}
	if entries, _ := os.ReadDir(stateDir); len(entries) != 0 {
		t.Errorf("reading made %v", entries)
	}
	l := open(t, newStore(t, stateDir))
	must(t, l.RecordIntent("ada@example.com"))
	want := l.Memory()
	must(t, l.Close())
	got, _, err := ledger.Read(t.Context(), newStore(t, stateDir), "o1")
	must(t, err)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(org.Memory{}, "Empty")); diff != "" {
		t.Errorf("memory (-want +got):\n%s", diff)
	}

	must(t, os.WriteFile(filepath.Join(stateDir, "o1", "ledger.jsonl"), []byte("rubbish\n"), 0o600))
	l = open(t, newStore(t, stateDir))
	kept, err := os.ReadFile(filepath.Join(stateDir, "o1", "ledger.damaged-20260610T120000Z.jsonl"))
	if err != nil || string(kept) != "rubbish\n" {
		t.Errorf("kept %q, %v; warnings %q", kept, err, l.Warnings())
	}
}

func TestDirLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stateDir := t.TempDir()
		holder := state.Holder{PID: 4711, Host: "build-7", Start: start}
		lease, err := newStore(t, stateDir).Acquire(t.Context(), holder, 0)
		must(t, err)

		begin := time.Now()
		_, err = newStore(t, stateDir).Acquire(t.Context(), state.Holder{}, 0)
		var locked *state.LockedError
		if !errors.As(err, &locked) || locked.Holder != holder || time.Since(begin) != 0 {
			t.Errorf("without waiting: %v after %v", err, time.Since(begin))
		}
		if want := "process 4711 on build-7 since 2026-06-10T12:00:00Z"; !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
		_, err = newStore(t, stateDir).Acquire(t.Context(), state.Holder{}, 5*time.Second)
		if waited := time.Since(begin); !errors.As(err, &locked) || waited < 5*time.Second || waited > 6*time.Second {
			t.Errorf("waiting for a lock that stays taken: %v after %v", err, waited)
		}
		stopped, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = newStore(t, stateDir).Acquire(stopped, state.Holder{}, 5*time.Second)
		if errors.As(err, &locked) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stopped while waiting: %v", err)
		}
		time.AfterFunc(time.Second, func() { _ = lease.Release() })
		again, err := newStore(t, stateDir).Acquire(t.Context(), state.Holder{PID: 1}, time.Minute)
		must(t, err)
		must(t, again.Release())
	})
}

// TestInspectDuringAcquire checks that a run gets the lock although somebody looks at the folder at the same time.
// Inspect locks the folder for a moment.
func TestInspectDuringAcquire(t *testing.T) {
	t.Parallel()
	s := newStore(t, t.TempDir())
	done := make(chan struct{})
	var looking sync.WaitGroup
	for range 2 {
		looking.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := s.Inspect(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 100 {
		l, err := s.Acquire(t.Context(), state.Holder{PID: 1}, 0)
		if err != nil {
			t.Error(err)
			break
		}
		must(t, l.Release())
	}
	close(done)
	looking.Wait()
}

// TestOrganizations checks that only folders with a ledger are organizations.
func TestOrganizations(t *testing.T) {
	t.Parallel()
	stateDir := t.TempDir()
	for _, name := range []string{"o1", "O2", "empty", ".hidden", "with space"} {
		must(t, os.Mkdir(filepath.Join(stateDir, name), 0o700))
		if name != "empty" {
			must(t, os.WriteFile(filepath.Join(stateDir, name, "ledger.jsonl"), nil, 0o600))
		}
	}
	must(t, os.WriteFile(filepath.Join(stateDir, "sandbox.json"), nil, 0o600))
	if ids, err := dir.Organizations(stateDir); err != nil || strings.Join(ids, " ") != "O2 o1" {
		t.Errorf("%q, %v", ids, err)
	}
	if ids, err := dir.Organizations(filepath.Join(stateDir, "none")); err != nil || len(ids) > 0 {
		t.Errorf("no folder: %q, %v", ids, err)
	}
	if ids, err := dir.Organizations(filepath.Join(stateDir, "sandbox.json")); err == nil {
		t.Errorf("a file: %q", ids)
	}
}

func TestDirRefusesNames(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", ".", "..", "../x", "a/b", `a\b`, "a\x00", "a b", strings.Repeat("a", 129)} {
		if _, err := dir.New(t.TempDir(), id); err == nil {
			t.Errorf("%q may name a folder", id)
		}
	}
}

// TestDirNeedsAFolder checks that Acquire returns an error if the folder cannot be created.
func TestDirNeedsAFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if l, err := ledger.Open(t.Context(), newStore(t, file), ledger.Options{Organization: "o1",
		Now: time.Now}); err == nil {
		t.Errorf("opened %v", l)
	}
}

// TestReserve checks that Reserve does not need memory for the reserved bytes, and frees the disk
// again.
func TestReserve(t *testing.T) {
	t.Parallel()
	stateDir := t.TempDir()
	lease, err := newStore(t, stateDir).Acquire(t.Context(), state.Holder{}, 0)
	must(t, err)
	before := new(runtime.MemStats)
	runtime.ReadMemStats(before)
	must(t, lease.Reserve(64<<20))
	after := new(runtime.MemStats)
	runtime.ReadMemStats(after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("%d bytes of memory for 64 MiB of room", grown)
	}
	if left, _ := filepath.Glob(filepath.Join(stateDir, "o1", "reserve*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	must(t, lease.Release())
}

// TestLockIsRemoved checks that a run sends nothing more after somebody has removed its lock file or replaced the state
// folder, because another run can get the new lock.
func TestLockIsRemoved(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("open files cannot be removed there")
	}
	for name, remove := range map[string]func(t *testing.T, stateDir string){
		"the lock": func(t *testing.T, stateDir string) { must(t, os.Remove(filepath.Join(stateDir, "o1", "lock"))) },
		"the folder": func(t *testing.T, stateDir string) {
			must(t, os.Rename(filepath.Join(stateDir, "o1"), filepath.Join(stateDir, "old")))
			must(t, os.CopyFS(filepath.Join(stateDir, "o1"), os.DirFS(filepath.Join(stateDir, "old"))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stateDir := t.TempDir()
			first, err := newStore(t, stateDir).Acquire(t.Context(), state.Holder{PID: 1}, 0)
			must(t, err)
			must(t, first.Append([]byte("a\n")))
			must(t, first.Check())
			remove(t, stateDir)
			second, err := newStore(t, stateDir).Acquire(t.Context(), state.Holder{PID: 2}, 0)
			must(t, err)
			var lost *state.LostError
			if err := first.Check(); !errors.As(err, &lost) {
				t.Errorf("check: %v", err)
			}
			if err := first.Append([]byte("b\n")); !errors.As(err, &lost) {
				t.Errorf("append: %v", err)
			}
			must(t, second.Check())
			must(t, second.Append([]byte("c\n")))
			if lines, err := newStore(t, stateDir).Read(t.Context()); err != nil || string(lines) != "a\nc\n" {
				t.Errorf("the ledger is %q, %v", lines, err)
			}
			must(t, first.Release())
			must(t, second.Release())
		})
	}
}

// TestLedgerIsChanged checks that a run adds no lines after somebody has restored, removed or changed the ledger. The
// line could continue an incomplete line, and the next run would not know the earlier lines of this run.
func TestLedgerIsChanged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(ledger string) error{
		"an old copy": func(ledger string) error { return os.WriteFile(ledger, []byte("a\n"), 0o600) },
		"a copy with half a line": func(ledger string) error {
			return errors.Join(os.WriteFile(ledger+".old", []byte("a\nb"), 0o600), os.Rename(ledger+".old", ledger))
		},
		"an empty file": func(ledger string) error { return os.Truncate(ledger, 0) },
		"no file":       os.Remove,
		"more lines":    func(ledger string) error { return os.WriteFile(ledger, []byte("a\nb\nx\nc\ny\n"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, t.TempDir())
			first, err := s.Acquire(t.Context(), state.Holder{PID: 1}, 0)
			must(t, err)
			must(t, first.Append([]byte("a\n")))
			must(t, first.Release())
			l, err := s.Acquire(t.Context(), state.Holder{PID: 2}, 0)
			must(t, err)
			must(t, l.Append([]byte("b\n")))
			must(t, l.Replace([]byte("a\nb\nx\n")))
			must(t, l.Append([]byte("c\n")))
			i, err := s.Inspect(t.Context())
			must(t, err)
			must(t, change(filepath.Join(i.Place, "ledger.jsonl")))
			before, err := s.Read(t.Context())
			must(t, err)
			var problem *state.Problem
			if err := l.Append([]byte("d\n")); !errors.As(err, &problem) {
				t.Errorf("append: %v", err)
			}
			if after, err := s.Read(t.Context()); err != nil || string(after) != string(before) {
				t.Errorf("the ledger is %q, %v", after, err)
			}
			must(t, l.Release())
		})
	}
}

// TestSetAsideTwice checks that two damaged ledgers of the same second are both kept.
func TestSetAsideTwice(t *testing.T) {
	t.Parallel()
	l, err := newStore(t, t.TempDir()).Acquire(t.Context(), state.Holder{}, 0)
	must(t, err)
	for _, content := range []string{"first\n", "second\n", "third\n"} {
		place, err := l.SetAside([]byte(content), start)
		must(t, err)
		defer func() {
			if kept, err := os.ReadFile(place); err != nil || string(kept) != content {
				t.Errorf("%s has %q, %v", place, kept, err)
			}
		}()
	}
	must(t, l.Release())
}

// TestFindFolderWithLedger checks that a folder without a ledger does not hide the ledger in a folder whose name
// differs only in case. For example, a run that was refused made the folder before somebody moved the ledger here.
func TestFindFolderWithLedger(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		folders []string // those that end with a slash have no ledger
		want    string
	}{
		"one folder in the same case":   {[]string{"o1-a/", "O1-A"}, "O1-A"},
		"one folder in another case":    {[]string{"O1-a/", "O1-A", "o1-A/"}, "O1-A"},
		"two ledgers":                   {[]string{"O1-A", "o1-a"}, "o1-a"},
		"no ledger":                     {[]string{"O1-A/", "o1-a/"}, "o1-a"},
		"no ledger, and the other case": {[]string{"O1-A/"}, "O1-A"},
		"nothing":                       {nil, "o1-a"},
		"the ledger of another":         {[]string{"o1-a/", "o1-b"}, "o1-a"},
		"no ledger, and one of another": {[]string{"O1-A/", "O1-B"}, "O1-A"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stateDir := t.TempDir()
			for _, folder := range tt.folders {
				path := filepath.Join(stateDir, folder)
				if err := os.Mkdir(path, 0o700); errors.Is(err, fs.ErrExist) {
					t.Skip("names are the same in any case on this file system")
				} else {
					must(t, err)
				}
				if !strings.HasSuffix(folder, "/") {
					must(t, os.WriteFile(filepath.Join(path, "ledger.jsonl"), nil, 0o600))
				}
			}
			s, err := dir.Find(stateDir, "o1-a")
			must(t, err)
			i, err := s.Inspect(t.Context())
			must(t, err)
			if got := filepath.Base(i.Place); got != tt.want {
				t.Errorf("the store is in %s, want %s", got, tt.want)
			}
		})
	}
}
