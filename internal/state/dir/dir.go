// Package dir keeps a ledger in a folder, for the runs of one machine. The lock is the kernel's.
package dir

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2/maybe"

	"github.com/orgsync/orgsync/internal/shellword"
	"github.com/orgsync/orgsync/internal/state"
)

const (
	ledgerFile = "ledger.jsonl"
	lockFile   = "lock"
	holderFile = "lock.json"
	// reserveFile takes up room for a moment, to see whether there is any.
	reserveFile = "reserve"
	// lockPoll is how often a waiting run asks for the lock again.
	lockPoll = 100 * time.Millisecond
	// reserveChunk is how many bytes of reserveFile are written at once.
	reserveChunk = 1 << 20
)

// isFolderName reports whether an organization's id can be the name of a folder on every system.
func isFolderName(id string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
	return id != "" && len(id) <= 128 && id[0] != '.' && strings.Trim(id, allowed) == ""
}

// Store is a [state.Store] in a folder.
type Store struct{ path string }

// New returns the store of one organization: the folder organizationID below stateDir, mode 0700, its
// files 0600. The first write creates the folder. An id that cannot name a folder is an error.
func New(stateDir, organizationID string) (*Store, error) {
	if !isFolderName(organizationID) {
		return nil, fmt.Errorf("keep a ledger for the organization %.40q: its id cannot name a folder", organizationID)
	}
	return &Store{path: filepath.Join(stateDir, organizationID)}, nil
}

// Organizations returns the ids of the organizations that have a ledger below stateDir.
func Organizations(stateDir string) ([]string, error) {
	entries, err := os.ReadDir(stateDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var ids []string
	for _, e := range entries {
		if _, err := os.Lstat(filepath.Join(stateDir, e.Name(), ledgerFile)); err == nil && isFolderName(e.Name()) {
			ids = append(ids, e.Name())
		}
	}
	return ids, err
}

func (s *Store) file(name string) string { return filepath.Join(s.path, name) }

// HolderMayOutliveLease returns false: the kernel ends the lock with its process.
func (s *Store) HolderMayOutliveLease() bool { return false }

// check returns why the folder is not safe to be used; nil if it does not exist yet.
func (s *Store) check() error {
	for _, folder := range []string{filepath.Dir(s.path), s.path} {
		if err := checkFolder(folder); err != nil {
			return err
		}
	}
	for _, name := range []string{ledgerFile, lockFile, holderFile, reserveFile} {
		info, err := os.Lstat(s.file(name))
		if err == nil && !info.Mode().IsRegular() {
			return &state.Problem{
				Err:    fmt.Errorf("%s is not a regular file (%s)", s.file(name), info.Mode().Type()),
				Advice: fmt.Sprintf("orgsync did not make it; look at it, then remove it: rm %s", shellword.Quote(s.file(name))),
			}
		}
	}
	return nil
}

// Read returns the content of the ledger's file.
func (s *Store) Read(context.Context) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return s.read()
}

func (s *Store) read() ([]byte, error) {
	f, err := openRegular(s.file(ledgerFile), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	content.Grow(int(info.Size()) + bytes.MinRead)
	_, err = content.ReadFrom(f)
	return content.Bytes(), err
}

// Archived returns nothing: the lines that a ledger in a folder leaves out are gone.
func (s *Store) Archived(context.Context) ([]byte, error) { return nil, nil }

// Acquire locks the folder.
func (s *Store) Acquire(ctx context.Context, holder state.Holder, wait time.Duration) (state.Lease, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.path, 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	lock := flock.New(s.file(lockFile), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err == nil && !locked && wait > 0 {
		waiting, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		locked, err = lock.TryLockContext(waiting, lockPoll)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			err = nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", s.file(lockFile), err)
	}
	if !locked {
		return nil, &state.LockedError{Place: s.file(lockFile), Holder: s.holder()}
	}
	l := &lease{Store: s, lock: lock, lost: make(chan struct{})}
	// Who holds the lock is a courtesy to those who wait; the lock itself is the kernel's.
	if note, err := json.Marshal(holder); err == nil {
		err = maybe.WriteFile(s.file(holderFile), append(note, '\n'), 0o600)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("write %s: %w", s.file(holderFile), err), lock.Unlock())
		}
	}
	if l.content, err = s.read(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return l, nil
}

// holder reads who holds the lock; the zero Holder if that is unknown.
func (s *Store) holder() state.Holder {
	var h state.Holder
	note, err := os.ReadFile(s.file(holderFile))
	if err != nil || json.Unmarshal(note, &h) != nil {
		return state.Holder{}
	}
	return h
}

// Inspect returns what is known about the folder.
func (s *Store) Inspect(ctx context.Context) (state.Inspection, error) {
	content, err := s.Read(ctx)
	if err != nil {
		return state.Inspection{}, err
	}
	i := state.Inspection{Place: s.path, Bytes: len(content)}
	if _, err := os.Lstat(s.file(lockFile)); err != nil {
		return i, nil
	}
	lock := flock.New(s.file(lockFile), flock.SetPermissions(0o600))
	free, err := lock.TryRLock()
	switch {
	case err != nil:
		return i, fmt.Errorf("look at the lock %s: %w", s.file(lockFile), err)
	case free:
		return i, lock.Unlock()
	}
	i.Held, i.Holder = true, s.holder()
	return i, nil
}

// lease is the lock of a folder.
type lease struct {
	*Store
	lock    *flock.Flock
	content []byte
	lost    chan struct{} // never closed: the lock ends with the process
}

func (l *lease) Content() []byte { return l.content }

func (l *lease) Lost() <-chan struct{} { return l.lost }

func (l *lease) Check() error { return nil }

func (l *lease) Release() error { return l.lock.Unlock() }

func (l *lease) Reserve(n int) error {
	// Always the same name, so that a killed run leaves one behind at most.
	f, err := openRegular(l.file(reserveFile), os.O_CREATE|os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return fmt.Errorf("write to the state folder: %w", err)
	}
	defer os.Remove(f.Name())
	if err = allocate(f, n); errors.Is(err, errors.ErrUnsupported) {
		err = fill(f, n)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("make room for %d bytes in the state folder: %w", n, err)
	}
	return nil
}

// fill writes n bytes to f.
func fill(f *os.File, n int) error {
	chunk := make([]byte, min(n, reserveChunk))
	for left := n; left > 0; left -= len(chunk) {
		if _, err := f.Write(chunk[:min(left, len(chunk))]); err != nil {
			return err
		}
	}
	return nil
}

func (l *lease) Append(lines []byte) error {
	path := l.file(ledgerFile)
	_, statErr := os.Lstat(path)
	f, err := openRegular(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = f.Write(lines)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil && errors.Is(statErr, fs.ErrNotExist) {
		// A new file is there after a crash only when its folder says so, and a new folder only when its own does.
		err = errors.Join(syncFolder(l.path), syncFolder(filepath.Dir(l.path)))
	}
	return err
}

func (l *lease) Replace(lines []byte) error {
	if err := maybe.WriteFile(l.file(ledgerFile), lines, 0o600); err != nil {
		return err
	}
	// Else a crash could bring the old file back, without the lines that are appended to the new one.
	return syncFolder(l.path)
}

func (l *lease) SetAside(damaged []byte, at time.Time) (string, error) {
	path := l.file("ledger.damaged-" + at.UTC().Format("20060102T150405Z") + ".jsonl")
	if err := maybe.WriteFile(path, damaged, 0o600); err != nil {
		return "", err
	}
	return path, syncFolder(l.path)
}

// syncFolder makes a new name in path durable, where the system can do that.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	// Windows and some network file systems cannot sync a folder; their files are durable without.
	_ = f.Sync()
	return nil
}
