// Package ledgertest keeps a ledger in memory, for tests that kill runs or take their storage away.
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
	// OnAppend is asked before lines are added; what it returns is the error of Append, and how many bytes of the
	// lines are added all the same (a torn write). nil adds everything.
	OnAppend func(lines []byte) (kept int, err error)
	// OnCheck gives the answer of the lease's Check; nil: it is never lost.
	OnCheck func() error
	// Paused is what HolderMayOutliveLease returns.
	Paused bool
	// OnReserve gives the error of Reserve; nil has room for everything.
	OnReserve func(n int) error

	mu       sync.Mutex
	content  []byte
	setAside [][]byte
	holder   *state.Holder
}

// Acquire does not wait: in memory there is nobody to wait for.
func (s *Store) Acquire(_ context.Context, h state.Holder, _ time.Duration) (state.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holder != nil {
		return nil, &state.LockedError{Place: "memory", Holder: *s.holder}
	}
	s.holder = &h
	return &lease{s, slices.Clone(s.content), make(chan struct{})}, nil
}

// Unlock ends the lease, as the kernel does when its holder dies.
func (s *Store) Unlock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holder = nil
}

// Read gives everything that was appended.
func (s *Store) Read(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.content), nil
}

// Archived returns nothing.
func (s *Store) Archived(context.Context) ([]byte, error) { return nil, nil }

// HolderMayOutliveLease returns Paused.
func (s *Store) HolderMayOutliveLease() bool { return s.Paused }

// Inspect returns who holds the lease.
func (s *Store) Inspect(context.Context) (state.Inspection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := state.Inspection{Place: "memory", Bytes: len(s.content), Held: s.holder != nil}
	if i.Held {
		i.Holder = *s.holder
	}
	return i, nil
}

// lease is a lease on a Store.
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
	return nil
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

// Append adds lines, or what OnAppend leaves of them.
func (s *Store) Append(lines []byte) error {
	kept, err := len(lines), error(nil)
	if s.OnAppend != nil { // without the lock: who waits for a mutex holds up fake time, in which OnAppend may sleep
		if kept, err = s.OnAppend(lines); err == nil {
			kept = len(lines)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.content = append(s.content, lines[:kept]...)
	return err
}

// Replace puts lines in the place of everything.
func (s *Store) Replace(lines []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.content = slices.Clone(lines)
	return nil
}

// SetAside keeps damaged content; [Store.Aside] gives it back.
func (s *Store) SetAside(damaged []byte, _ time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setAside = append(s.setAside, slices.Clone(damaged))
	return "memory (damaged)", nil
}

// Aside is all that was set aside.
func (s *Store) Aside() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.setAside
}
