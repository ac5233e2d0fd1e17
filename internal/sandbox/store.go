package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// StateError is trouble with the state file: it cannot be read or written, or what it holds is no state.
type StateError struct {
	File string
	Err  error
}

// Error names the file.
func (e *StateError) Error() string { return fmt.Sprintf("sandbox state %s: %v", e.File, e.Err) }

// Unwrap gives the cause.
func (e *StateError) Unwrap() error { return e.Err }

// ErrForeign says that what the state file holds is no state at all, not even a damaged one.
var ErrForeign = errors.New("the file holds something else than a simulation")

// ErrNoSimulation says that there is no state file, and that none may be made.
var ErrNoSimulation = errors.New("there is no simulation in this file")

// store keeps the state: in memory and, when it has a file, there too. Several processes may work on one file; a change
// by another one is seen by the next view or update.
type store struct {
	file string           // "": memory only
	now  func() time.Time // the local clock

	mu     sync.Mutex
	state  *state
	loaded os.FileInfo // what the file was when state was read or written; nil: read it again
}

func openStore(file string, mustExist bool, now func() time.Time) (*store, error) {
	s := &store{file: file, now: now}
	if file == "" {
		s.state = newState(s.local())
		return s, nil
	}
	if _, err := os.Stat(file); mustExist && errors.Is(err, fs.ErrNotExist) {
		return nil, &StateError{file, ErrNoSimulation}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, &StateError{file, err}
	}
	// Make the file if there is none, and find out now whether it can be read and written.
	return s, s.view(func(*state) {})
}

// local is the local time without its monotonic reading, which a file could not keep.
func (s *store) local() time.Time { return s.now().UTC().Round(0) }

// worldNow is the world's clock.
func (s *store) worldNow(st *state) time.Time { return s.local().Add(st.ClockOffset) }

// view calls read with the state as it is. What read keeps must be copies.
func (s *store) view(read func(*state)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.refresh()
	if errors.Is(err, fs.ErrNotExist) {
		err = s.locked(s.refreshOrCreate)
	}
	if err != nil {
		return err
	}
	read(s.state)
	return nil
}

// update calls change with the state and keeps it. An error of change is given back as it is; change must then have
// left the state alone.
func (s *store) update(change func(*state) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.locked(func() error {
		if err := s.refreshOrCreate(); err != nil {
			return err
		}
		before := s.state.Seq
		if err := change(s.state); err != nil {
			return err
		}
		if s.state.Seq == before {
			return nil
		}
		return s.save()
	})
}

// replace puts another state in place of the present one, be that readable or not.
func (s *store) replace(st *state) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.locked(func() error {
		s.state = st
		return s.save()
	})
}

// locked calls f while no other process is between reading the file and renaming a new one into its place: its change
// would be lost.
func (s *store) locked(f func() error) error {
	if s.file == "" {
		return f()
	}
	lock := flock.New(s.file+".lock", flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return &StateError{s.file, err}
	}
	defer func() { _ = lock.Close() }() // unlocks
	return f()
}

func (s *store) refreshOrCreate() error {
	err := s.refresh()
	if errors.Is(err, fs.ErrNotExist) {
		s.state = newState(s.local())
		return s.save()
	}
	return err
}

// refresh reads the file again if it is not the one that was last read or written; fs.ErrNotExist when there is none.
func (s *store) refresh() error {
	if s.file == "" {
		return nil
	}
	info, err := os.Stat(s.file)
	switch {
	case err != nil:
		return &StateError{s.file, err}
	case s.loaded != nil && os.SameFile(info, s.loaded) && info.ModTime().Equal(s.loaded.ModTime()) &&
		info.Size() == s.loaded.Size():
		return nil
	}
	if !info.Mode().IsRegular() { // a pipe would be waited for, and /dev/zero read forever
		return &StateError{s.file, fmt.Errorf("%w: it is no regular file", ErrForeign)}
	}
	data, err := os.ReadFile(s.file)
	if err != nil {
		return &StateError{s.file, err}
	}
	st, err := decodeState(data)
	if err != nil {
		return &StateError{s.file, err}
	}
	// Had the file changed since Stat, the next refresh sees another file and reads again.
	s.state, s.loaded = st, info
	return nil
}

func decodeState(data []byte) (*state, error) {
	st := &state{}
	err := json.Unmarshal(data, st)
	if text := bytes.TrimSpace(data); len(text) > 0 && text[0] != '{' || errors.As(err, new(*json.UnmarshalTypeError)) {
		return nil, ErrForeign
	}
	if err != nil {
		return nil, fmt.Errorf("the file is damaged: %w", err)
	}
	if st.FormatVersion != formatVersion {
		return nil, fmt.Errorf("the file has format %d, and this program reads format %d", st.FormatVersion, formatVersion)
	}
	if st.Organization.ID == "" || st.owner().Email == "" {
		return nil, errors.New("the file is damaged: it has no organization or no owner")
	}
	return st, nil
}

// save writes the file so that a reader finds the old state or the new one, never half of one.
func (s *store) save() error {
	if s.file == "" {
		return nil
	}
	info, err := writeAtomically(s.file, s.state)
	if err != nil {
		s.loaded = nil // what is in memory is not what is kept: read it again
		return &StateError{s.file, err}
	}
	s.loaded = info
	return nil
}

func writeAtomically(file string, st *state) (os.FileInfo, error) {
	data, err := json.Marshal(st)
	if err != nil {
		return nil, err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.tmp") // mode 0600
	if err != nil {
		return nil, err
	}
	_, err = temp.Write(data)
	err = cmp.Or(err, temp.Sync())
	info, errStat := temp.Stat()
	if err = cmp.Or(err, errStat, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
	}
	return info, err
}
