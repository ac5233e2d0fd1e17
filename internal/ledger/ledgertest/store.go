// Package ledgertest keeps a ledger in memory, for tests that kill runs or take their storage away.
package ledgertest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/orgsync/orgsync/internal/ledger"
)

// Store is a [ledger.Store] in memory. The zero Store is empty and unlocked. It is safe for use by many goroutines.
type Store struct {
	// OnAppend is asked before lines are added; what it returns is the error of Append, and how many bytes of the
	// lines are added all the same (a torn write). nil adds everything.
	OnAppend func(lines []byte) (kept int, err error)
	// OnReserve gives the error of Reserve; nil has room for everything.
	OnReserve func(n int) error

	mu      sync.Mutex
	content []byte
	aside   [][]byte
	holder  *ledger.Holder
}

// Lock does not wait: in memory there is nobody to wait for.
func (s *Store) Lock(_ context.Context, _ time.Duration, h ledger.Holder) (func() error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holder != nil {
		return nil, &ledger.LockedError{Place: "memory", Holder: *s.holder}
	}
	s.holder = &h
	return func() error { s.Release(); return nil }, nil
}

// Release ends the lock, as the kernel does when its holder dies.
func (s *Store) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holder = nil
}

// Read gives everything that was appended.
func (s *Store) Read() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.content), nil
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
	s.aside = append(s.aside, slices.Clone(damaged))
	return "memory (damaged)", nil
}

// Aside is all that was set aside.
func (s *Store) Aside() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.aside
}
