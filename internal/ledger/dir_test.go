package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/ledger"
)

func dir(t *testing.T, state string) ledger.Store {
	t.Helper()
	s, err := ledger.Dir(state, "o1")
	must(t, err)
	return s
}

func TestDirModes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("modes mean nothing there")
	}
	state := filepath.Join(t.TempDir(), "state")
	l := open(t, dir(t, state), 0)
	must(t, l.Begin(1, 0))
	must(t, l.Intend(ledger.Invite, "ada@example.com", ""))
	for name, want := range map[string]os.FileMode{
		"":                0o700 | os.ModeDir,
		"o1":              0o700 | os.ModeDir,
		"o1/ledger.jsonl": 0o600,
		"o1/lock":         0o600,
		"o1/lock.json":    0o600,
	} {
		info, err := os.Stat(filepath.Join(state, name))
		must(t, err)
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	left, err := filepath.Glob(filepath.Join(state, "o1", "reserve*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDirKeeps(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	memory, _, err := ledger.Read(dir(t, state), "o1")
	must(t, err)
	if len(memory.People) != 0 {
		t.Errorf("remembers %v", memory)
	}
	if entries, _ := os.ReadDir(state); len(entries) != 0 {
		t.Errorf("reading made %v", entries)
	}
	l := open(t, dir(t, state), 0)
	must(t, l.Intend(ledger.Invite, "ada@example.com", ""))
	want := l.Memory()
	must(t, l.Close())
	got, _, err := ledger.Read(dir(t, state), "o1")
	must(t, err)
	if diff := cmp.Diff(want, got, ignoreEmpty); diff != "" {
		t.Errorf("memory (-want +got):\n%s", diff)
	}

	must(t, os.WriteFile(filepath.Join(state, "o1", "ledger.jsonl"), []byte("rubbish\n"), 0o600))
	l = open(t, dir(t, state), 0)
	kept, err := os.ReadFile(filepath.Join(state, "o1", "ledger.damaged-20260610T120000Z.jsonl"))
	if err != nil || string(kept) != "rubbish\n" {
		t.Errorf("kept %q, %v; warnings %q", kept, err, l.Warnings())
	}
}

func TestDirLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		state := t.TempDir()
		holder := ledger.Holder{PID: 4711, Host: "build-7", Start: start}
		unlock, err := dir(t, state).Lock(t.Context(), 0, holder)
		must(t, err)

		begin := time.Now()
		_, err = dir(t, state).Lock(t.Context(), 0, ledger.Holder{})
		var locked *ledger.LockedError
		if !errors.As(err, &locked) || locked.Holder != holder || time.Since(begin) != 0 {
			t.Errorf("without waiting: %v after %v", err, time.Since(begin))
		}
		if want := "process 4711 on build-7 since 2026-06-10T12:00:00Z"; !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
		_, err = dir(t, state).Lock(t.Context(), 5*time.Second, ledger.Holder{})
		if waited := time.Since(begin); !errors.As(err, &locked) || waited < 5*time.Second || waited > 6*time.Second {
			t.Errorf("waiting in vain: %v after %v", err, waited)
		}
		time.AfterFunc(time.Second, func() { _ = unlock() })
		again, err := dir(t, state).Lock(t.Context(), time.Minute, ledger.Holder{PID: 1})
		must(t, err)
		must(t, again())
	})
}

func TestDirRefusesNames(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", ".", "..", "../x", "a/b", `a\b`, "a\x00", "a b"} {
		if _, err := ledger.Dir(t.TempDir(), id); err == nil {
			t.Errorf("%q may name a folder", id)
		}
	}
}

// TestDirNeedsAFolder: where the folder cannot be made, nothing is opened.
func TestDirNeedsAFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if l, err := ledger.Open(t.Context(), dir(t, file), ledger.Options{Organization: "o1", Now: time.Now}); err == nil {
		t.Errorf("opened %v", l)
	}
}
