// Package dir keeps a ledger in a folder, for the runs of one machine. The lease is a file lock of the
// kernel.
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

	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/wholefile"
)

const (
	ledgerFile = "ledger.jsonl"
	lockFile   = "lock"
	holderFile = "lock.json"
	// reserveFile is written and deleted, to check whether the disk has room.
	reserveFile = "reserve"
	// lockPoll is the time between two attempts of a waiting run to lock the folder.
	lockPoll = 100 * time.Millisecond
	// maxTries is the maximum number of attempts to lock the folder while other processes only look at it.
	maxTries = 1000
	// reserveChunk is the number of bytes of reserveFile that are written at once.
	reserveChunk = 1 << 20
)

// isFolderName reports whether the id of an organization can be the name of a folder on every system.
func isFolderName(id string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
	return id != "" && len(id) <= 128 && id[0] != '.' && strings.Trim(id, allowed) == ""
}

// Store is a [state.Store] in a folder.
type Store struct{ path string }

// New returns the store of one organization: the folder organizationID in stateDir. It returns an error
// if the id cannot be the name of a folder. Acquire creates the folder with the mode 0700, and its files
// with the mode 0600.
func New(stateDir, organizationID string) (*Store, error) {
	if !isFolderName(organizationID) {
		return nil, fmt.Errorf("keep a ledger for the organization %.40q: its id cannot name a folder", organizationID)
	}
	return &Store{path: filepath.Join(stateDir, organizationID)}, nil
}

// Find is like [New], but if the folder of exactly this name has no ledger, it returns the store in the folder that has
// one and whose name differs only in case. If there is no ledger, it returns the store in a folder that exists.
func Find(stateDir, organizationID string) (*Store, error) {
	s, err := New(stateDir, organizationID)
	if err != nil {
		return nil, err
	}
	_, err = os.Lstat(s.path)
	exists := err == nil
	if has, err := hasLedger(s.path); exists && (has || err != nil) {
		return s, nil
	}
	entries, err := os.ReadDir(stateDir)
	switch {
	case err != nil && exists: // a state folder that cannot be listed can be used
		return s, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("look for the ledger: %w", err)
	}
	found := s
	for _, e := range entries {
		if !strings.EqualFold(e.Name(), organizationID) {
			continue
		}
		other, err := New(stateDir, e.Name())
		if err != nil {
			return nil, err
		}
		if has, err := hasLedger(other.path); has || err != nil {
			return other, nil
		}
		if !exists {
			found = other
		}
	}
	return found, nil
}

// hasLedger reports whether a folder has a ledger. After an error, it may have one: this user may not look at it, or it
// is a link that leads to a disk that is gone.
func hasLedger(folder string) (bool, error) {
	info, err := os.Stat(folder)
	if err == nil && !info.IsDir() {
		return false, nil
	}
	if err == nil {
		if _, err = os.Lstat(filepath.Join(folder, ledgerFile)); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
	}
	return err == nil, err
}

// Organizations returns the ids of the organizations that have a ledger in stateDir. The error is a *[state.Problem] if
// an entry of stateDir cannot be read.
func Organizations(stateDir string) ([]string, error) {
	entries, err := os.ReadDir(stateDir)
	if errors.Is(err, fs.ErrNotExist) {
		if _, linkErr := os.Lstat(stateDir); linkErr == nil { // a link to a disk that is gone
			return nil, &state.Problem{Err: err, Advice: "the state folder is a link that leads nowhere: mount the disk of " +
				"this folder, or correct the link"}
		}
		return nil, nil
	}
	var ids []string
	for _, e := range entries {
		if !isFolderName(e.Name()) {
			continue
		}
		has, err := hasLedger(filepath.Join(stateDir, e.Name()))
		if err != nil {
			return nil, &state.Problem{Err: err, Advice: "this entry of the state folder may hold a ledger: let the user that " +
				"runs orgsync read it; if it has no ledger, move it out of the state folder"}
		}
		if has {
			ids = append(ids, e.Name())
		}
	}
	return ids, err
}

func (s *Store) file(name string) string { return filepath.Join(s.path, name) }

// HolderMayOutliveLease returns false, because the lock of the kernel ends with its process.
func (s *Store) HolderMayOutliveLease() bool { return false }

// check returns a *[state.Problem] if the folder is not safe to use. It returns nil if the folder does
// not exist yet.
func (s *Store) check() error {
	for _, folder := range []string{filepath.Dir(s.path), s.path} {
		if err := checkFolder(folder); err != nil {
			return err
		}
	}
	for _, name := range []string{ledgerFile, lockFile, holderFile, reserveFile} {
		if err := checkFile(s.file(name)); err != nil {
			return err
		}
	}
	return nil
}

// Read returns the content of the file of the ledger, as [state.Store] says.
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

// Archived returns nil, because a folder does not keep the lines that were removed from the ledger.
func (s *Store) Archived(context.Context) ([]byte, error) { return nil, nil }

// Acquire locks the folder, as [state.Store] says, and creates it if it does not exist.
func (s *Store) Acquire(ctx context.Context, holder state.Holder, wait time.Duration) (state.Lease, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.path, 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	lock := flock.New(s.file(lockFile), flock.SetPermissions(0o600))
	locked, err := tryLock(lock)
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
	lockInfo, err := lock.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", s.file(lockFile), err), lock.Unlock())
	}
	l := &lease{Store: s, lock: lock, lockInfo: lockInfo}
	// This file only shows other runs which run holds the lock. The lock itself is in the kernel.
	if note, err := json.Marshal(holder); err == nil {
		err = replaceFile(s.file(holderFile), append(note, '\n'))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("write %s: %w", s.file(holderFile), err), lock.Unlock())
		}
	}
	if l.content, err = s.read(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	l.size = int64(len(l.content))
	return l, nil
}

// tryLock locks the file, unless a run has locked it. Inspect locks it for a moment too, but its lock can be shared.
func tryLock(lock *flock.Flock) (bool, error) {
	for range maxTries {
		if locked, err := lock.TryLock(); locked || err != nil {
			return locked, err
		}
		if isShared, err := lock.TryRLock(); !isShared || err != nil {
			return false, err
		}
		if err := lock.Unlock(); err != nil {
			return false, err
		}
	}
	return false, nil
}

// holder returns the run that holds the lock; the zero Holder if it is unknown.
func (s *Store) holder() state.Holder {
	var h state.Holder
	note, err := os.ReadFile(s.file(holderFile))
	if err != nil || json.Unmarshal(note, &h) != nil {
		return state.Holder{}
	}
	return h
}

// Inspect describes the folder, as [state.Store] says.
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

// lease is a [state.Lease] on a [Store].
type lease struct {
	*Store
	lock     *flock.Flock
	lockInfo fs.FileInfo // of the file that this run has locked
	content  []byte
	size     int64 // of the ledger after the last write of this run
}

func (l *lease) Content() []byte { return l.content }

// Lost returns nil, which is never ready: a process cannot lose a lock in the kernel. Check finds
// out whether the lock file has been removed.
func (l *lease) Lost() <-chan struct{} { return nil }

// Check returns an error if somebody has removed or replaced the lock file, or the whole folder. Another run can then
// lock the new file.
func (l *lease) Check() error {
	if now, err := os.Lstat(l.file(lockFile)); err == nil && os.SameFile(l.lockInfo, now) {
		return nil
	}
	return &state.LostError{Place: l.file(lockFile), Err: errors.New("somebody has removed or replaced the lock file")}
}

func (l *lease) Release() error { return l.lock.Unlock() }

func (l *lease) Reserve(n int) error {
	// The name is always the same, so that killed runs leave at most one such file. The old file is removed first: it
	// may be a hard link to another file, which would lose its content.
	err := os.Remove(l.file(reserveFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	var f *os.File
	if err == nil {
		f, err = openRegular(l.file(reserveFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY)
	}
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
	if err := l.Check(); err != nil {
		return err
	}
	if err := l.checkSize(); err != nil {
		return err
	}
	isNew := l.size == 0 // an empty file may be new too
	f, err := openRegular(l.file(ledgerFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY)
	if err != nil {
		return err
	}
	n, err := f.Write(lines)
	l.size += int64(n)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil && isNew {
		// A new file survives a crash only if its folder was synced, and a new folder only if its own
		// folder was synced.
		err = errors.Join(syncFolder(l.path), syncFolder(filepath.Dir(l.path)))
	}
	return err
}

// checkSize returns an error if somebody has changed the ledger during the run, for example restored an old copy. The
// next line could continue an incomplete line, and the next run would not know what this run has sent.
func (l *lease) checkSize() error {
	path, size := l.file(ledgerFile), int64(0)
	if info, err := os.Lstat(path); err == nil {
		size = info.Size()
	}
	if size == l.size {
		return nil
	}
	return &state.Problem{
		Err: fmt.Errorf("somebody has changed the ledger %s during the run, so nothing more is sent", path),
		Advice: "change or restore the ledger only while no run is in progress; wait 15 minutes before the next run, " +
			"because the ledger may lack the last mails",
	}
}

func (l *lease) Replace(lines []byte) error {
	if err := l.Check(); err != nil {
		return err
	}
	if err := replaceFile(l.file(ledgerFile), lines); err != nil {
		return err
	}
	l.size = int64(len(lines))
	// Without this, the old file may come back after a crash. The lines that were appended to the new file would be
	// lost.
	return syncFolder(l.path)
}

func (l *lease) SetAside(damaged []byte, at time.Time) (string, error) {
	name := l.file("ledger.damaged-" + at.UTC().Format("20060102T150405Z"))
	path := name + ".jsonl"
	for n := 2; exists(path); n++ { // such as the copy of another run in the same second
		path = fmt.Sprintf("%s-%d.jsonl", name, n)
	}
	if err := replaceFile(path, damaged); err != nil {
		return "", err
	}
	return path, syncFolder(l.path)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// replaceFile replaces a file by a new file with data. The new file has the permissions of the old one, because an
// administrator may have let other users read it.
func replaceFile(file string, data []byte) error {
	permissions := fs.FileMode(0o600)
	if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() {
		permissions = info.Mode().Perm()
	}
	return wholefile.Replace(file, data, permissions)
}

// syncFolder makes a new name in the folder path survive a crash, if the system can do that.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	// Windows and some network file systems cannot sync a folder. They do not need it.
	_ = f.Sync()
	return nil
}
