package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2/maybe"
)

const (
	ledgerFile = "ledger.jsonl"
	lockFile   = "lock"
	holderFile = "lock.json"
	// reserveFile takes up room for a moment, to see whether there is any.
	reserveFile = "reserve"
	// lockPoll is how often a waiting run asks for the lock again.
	lockPoll = 100 * time.Millisecond
)

// folderName is what an organization's id may look like to be a folder's name.
var folderName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$`)

// dir is a Store in a folder.
type dir struct{ path string }

// Dir returns the Store of one organization: the folder organizationID below stateDir, mode 0700,
// its files 0600. The lock is the kernel's, so it ends with the process. The first write creates
// the folder. An id that cannot name a folder is an error.
func Dir(stateDir, organizationID string) (Store, error) {
	if !folderName.MatchString(organizationID) {
		return nil, fmt.Errorf("keep a ledger for the organization %.40q: its id cannot name a folder", organizationID)
	}
	return dir{path: filepath.Join(stateDir, organizationID)}, nil
}

func (d dir) file(name string) string { return filepath.Join(d.path, name) }

func (d dir) Lock(ctx context.Context, wait time.Duration, holder Holder) (func() error, error) {
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	lock := flock.New(d.file(lockFile), flock.SetPermissions(0o600))
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
		return nil, fmt.Errorf("lock %s: %w", d.file(lockFile), err)
	}
	if !locked {
		return nil, &LockedError{Place: d.file(lockFile), Holder: d.holder()}
	}
	// Who holds the lock is a courtesy to those who wait; the lock itself is the kernel's.
	if note, err := json.Marshal(holder); err == nil {
		err = maybe.WriteFile(d.file(holderFile), append(note, '\n'), 0o600)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("write %s: %w", d.file(holderFile), err), lock.Unlock())
		}
	}
	return lock.Unlock, nil
}

// holder reads who holds the lock; the zero Holder when nobody can tell.
func (d dir) holder() Holder {
	var h Holder
	note, err := os.ReadFile(d.file(holderFile))
	if err != nil || json.Unmarshal(note, &h) != nil {
		return Holder{}
	}
	return h
}

func (d dir) Read() ([]byte, error) {
	content, err := os.ReadFile(d.file(ledgerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

func (d dir) Reserve(n int) error {
	// Always the same name, so that a killed run leaves one behind at most.
	f, err := os.OpenFile(d.file(reserveFile), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write to the state folder: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, n))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("make room for %d bytes in the state folder: %w", n, err)
	}
	return nil
}

func (d dir) Append(lines []byte) error {
	path := d.file(ledgerFile)
	_, statErr := os.Stat(path)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(lines)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil && errors.Is(statErr, fs.ErrNotExist) {
		// A new file is there after a crash only when its folder says so, and a new folder only when its own does.
		err = errors.Join(syncFolder(d.path), syncFolder(filepath.Dir(d.path)))
	}
	return err
}

func (d dir) Replace(lines []byte) error {
	if err := maybe.WriteFile(d.file(ledgerFile), lines, 0o600); err != nil {
		return err
	}
	// Else a crash could bring the old file back, without the lines that are appended to the new one.
	return syncFolder(d.path)
}

func (d dir) SetAside(damaged []byte, at time.Time) (string, error) {
	path := d.file("ledger.damaged-" + at.UTC().Format("20060102T150405Z") + ".jsonl")
	if err := maybe.WriteFile(path, damaged, 0o600); err != nil {
		return "", err
	}
	return path, syncFolder(d.path)
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
