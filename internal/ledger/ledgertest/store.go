// Package ledgertest keeps a ledger in memory, for tests that stop runs or make the storage fail.
package ledgertest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/orgsync/orgsync/internal/state"
)

// Store is a [state.Store] in memory. The zero Store is empty and unlocked. It is safe for use by many goroutines.
type Store struct {
	// OnAppend is called before lines are added. It returns the error of Append, and how many bytes of the lines are
	// added if there is an error (a torn write). If OnAppend is nil, Append adds all lines.
	OnAppend func(lines []byte) (kept int, err error)
	// OnCheck returns the result of Check of the lease. If OnCheck is nil, only Lose ends the lease.
	OnCheck func() error
	// Paused is the result of HolderMayOutliveLease.
	Paused bool
	// OnReserve returns the result of Reserve. If OnReserve is nil, there is always room.
	OnReserve func(n int) error

	mu       sync.Mutex
	content  []byte
	setAside [][]byte
	holder   *state.Holder
	lost     chan struct{} // ends the lease that is held
	lostErr  error         // why the lease that is held was lost
}

// Acquire does not wait: it returns an error if the store is locked.
func (s *Store) Acquire(_ context.Context, h state.Holder, _ time.Duration) (state.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holder != nil {
		return nil, &state.LockedError{Place: "memory", Holder: *s.holder}
	}
	s.holder, s.lost, s.lostErr = &h, make(chan struct{}), nil
	return &lease{s, slices.Clone(s.content), s.lost}, nil
}

// Lose makes the holder lose its lease because of err. It must be called once for a lease.
func (s *Store) Lose(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lostErr = err
	close(s.lost)
}

// Unlock ends the lease, as the kernel does when its holder dies.
func (s *Store) Unlock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holder = nil
}

// Read returns the content.
func (s *Store) Read(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.content), nil
}

// Archived returns nothing.
func (s *Store) Archived(context.Context) ([]byte, error) { return nil, nil }

// HolderMayOutliveLease returns Paused.
func (s *Store) HolderMayOutliveLease() bool { return s.Paused }

// Inspect returns the size of the content and the holder of the lease.
func (s *Store) Inspect(context.Context) (state.Inspection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := state.Inspection{Place: "memory", Bytes: len(s.content), Held: s.holder != nil}
	if i.Held {
		i.Holder = *s.holder
	}
	return i, nil
}

type lease struct {
	*Store
	content []byte
	lost    chan struct{}
}

func (l *lease) Content() []byte { return l.content }

func (l *lease) Lost() <-chan struct{} { return l.lost }

func (l *lease) Check() error {
	if l.OnCheck != nil {
		return l.OnCheck()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lostErr
}

func (l *lease) Release() error {
	l.Unlock()
	return nil
}

// Reserve asks OnReserve.
func (s *Store) Reserve(n int) error {
	if s.OnReserve != nil {
		return s.OnReserve(n)
	}
	return nil
}

// Append adds lines, or as many of their bytes as OnAppend returns.
func (s *Store) Append(lines []byte) error {
	kept, err := len(lines), error(nil)
	if s.OnAppend != nil { // without the lock: fake time, in which OnAppend may sleep, waits for mutexes
		if kept, err = s.OnAppend(lines); err == nil {
			kept = len(lines)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.content = append(s.content, lines[:kept]...)
	return err
}

// Replace replaces the whole content by lines.
func (s *Store) Replace(lines []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.content = slices.Clone(lines)
	return nil
}

// SetAside keeps damaged content; [Store.Aside] returns it.
func (s *Store) SetAside(damaged []byte, _ time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setAside = append(s.setAside, slices.Clone(damaged))
	return "memory (damaged)", nil
}

// Aside returns everything that was set aside.
func (s *Store) Aside() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.setAside
}
