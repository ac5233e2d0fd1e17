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

// StateError means that the file of the world cannot be read or written, or does not contain a world.
type StateError struct {
	File string
	Err  error
}

// Error returns the message of Err with the name of the file.
func (e *StateError) Error() string { return fmt.Sprintf("sandbox state %s: %v", e.File, e.Err) }

// Unwrap returns Err.
func (e *StateError) Unwrap() error { return e.Err }

// ErrNotSimulation means that the file contains something other than a world, not just a damaged world.
var ErrNotSimulation = errors.New("the file is not a simulation")

// ErrNoSimulation means that the file does not exist, and that [Options.MustExist] is set.
var ErrNoSimulation = errors.New("there is no simulation in this file")

// store keeps the state in memory and, if it has a file, in the file too. Several processes may use the same file:
// view and update first read the changes of other processes.
type store struct {
	file string           // "": memory only
	now  func() time.Time // the local clock

	mu     sync.Mutex
	state  *state
	loaded os.FileInfo // the file when state was last read or written; nil: it must be read again
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
	// This creates the file if it does not exist, and finds out now whether it can be read.
	return s, s.view(func(*state) {})
}

// local returns the local time without the monotonic clock, which a file cannot keep.
func (s *store) local() time.Time { return s.now().UTC().Round(0) }

// worldNow returns the time of the world.
func (s *store) worldNow(st *state) time.Time { return s.local().Add(st.ClockOffset) }

// view calls read with the current state. read must not change the state, and must copy whatever it keeps.
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

// update calls change with the current state, and saves the state. It returns the error of change unchanged. If
// change returns an error, it must not have changed the state.
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

// replace replaces the state with st, also if the file cannot be read.
func (s *store) replace(st *state) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.locked(func() error {
		s.state = st
		return s.save()
	})
}

// locked calls f while it holds the lock of the file. Without the lock, another process could read the file before f
// saves it, and save its own version later, so that the change of f would be lost.
func (s *store) locked(f func() error) error {
	if s.file == "" {
		return f()
	}
	name := s.file + ".lock"
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return &StateError{s.file, fmt.Errorf("its lock %s is not a regular file", name)} // to open a pipe could take forever
	}
	lock := flock.New(name, flock.SetPermissions(0o600))
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

// refresh reads the file, if it has changed since it was last read or written. The error wraps fs.ErrNotExist if the
// file does not exist.
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
	if !info.Mode().IsRegular() { // a read from a pipe might wait forever, and a read from /dev/zero never end
		return &StateError{s.file, fmt.Errorf("%w: it is no regular file", ErrNotSimulation)}
	}
	data, err := os.ReadFile(s.file)
	if err != nil {
		return &StateError{s.file, err}
	}
	st, err := decodeState(data)
	if err != nil {
		return &StateError{s.file, err}
	}
	// If the file has changed since Stat, the next refresh notices that and reads it again.
	s.state, s.loaded = st, info
	return nil
}

func decodeState(data []byte) (*state, error) {
	st := &state{}
	err := json.Unmarshal(data, st)
	if text := bytes.TrimSpace(data); len(text) > 0 && text[0] != '{' || errors.As(err, new(*json.UnmarshalTypeError)) {
		return nil, ErrNotSimulation
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

// save writes the state to the file. A reader finds either the old state or the new one, but never a part of one.
func (s *store) save() error {
	if s.file == "" {
		return nil
	}
	info, err := writeAtomically(s.file, s.state)
	if err != nil {
		s.loaded = nil // the state in memory is not that of the file: read the file again
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
