// Package state says what a place that keeps ledgers has to do, and which places there are. It knows
// neither what a line of a ledger means nor how a place keeps it.
package state

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Store keeps the ledger of one organization. Lines are opaque to it.
type Store interface {
	// Read returns everything that was appended; nothing and no error if there is nothing yet. It
	// needs no lease and changes nothing. A run that writes meanwhile may leave the last line
	// incomplete.
	Read(ctx context.Context) ([]byte, error)
	// Archived returns the lines that [Lease.Replace] left out and that the store kept, oldest
	// first; nothing where it keeps none.
	Archived(ctx context.Context) ([]byte, error)
	// Acquire returns the lease, which one run has at a time. It waits at most for wait (0: not at
	// all) while another run has it; the error is a *[LockedError] if that run still has it then.
	Acquire(ctx context.Context, holder Holder, wait time.Duration) (Lease, error)
	// HolderMayOutliveLease reports whether a run may still be alive after another one has taken its lease over:
	// it may have been paused, on another machine. A lock of the kernel ends with its process.
	HolderMayOutliveLease() bool
	// Inspect returns what is known about the store, for people.
	Inspect(ctx context.Context) (Inspection, error)
}

// Lease is the right to write to a ledger. It is safe for concurrent use, but its owner appends
// batches one after another.
type Lease interface {
	// Content returns what the ledger held when the lease was acquired.
	Content() []byte
	// Lost is closed once the run may not begin anything new, because another run has the lease or
	// could take it over.
	Lost() <-chan struct{}
	// Check returns nil while the run may begin something new; otherwise it returns why not, as a
	// *[LostError] or the error of the storage. It compares clocks and does not wait for a timer, so
	// that it is right in a process that was paused.
	Check() error
	// Append adds lines at the end. They survive a crash of the machine once it returns nil. After
	// an error some of them may have been added, the last one in part.
	Append(lines []byte) error
	// Replace replaces everything with lines.
	Replace(lines []byte) error
	// SetAside keeps a damaged ledger for people to look at, and returns where.
	SetAside(damaged []byte, at time.Time) (place string, err error)
	// Reserve makes sure, as far as possible, that n more bytes can be appended.
	Reserve(n int) error
	// Release ends the lease. The error is why other runs may have to wait for it.
	Release() error
}

// ErrNoAnswer says that the storage could not be reached, or that nobody knows what it did.
var ErrNoAnswer = errors.New("the storage gave no answer that can be relied on")

// Holder is who holds a lease.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Start time.Time `json:"start"`
}

// LockedError says that another run holds the lease.
type LockedError struct {
	// Place is where the lease is.
	Place string
	// Holder is who holds it; the zero Holder if that is unknown.
	Holder Holder
	// ID names the lease for 'orgsync state unlock'; "" for a lock that ends with its process.
	ID string
	// Silent is how long ago the holder gave its last sign of life; 0 if that is unknown.
	Silent time.Duration
}

// Error names the holder's process, host and start, and the lease.
func (e *LockedError) Error() string {
	text := "another run holds the lock " + e.Place
	if e.Holder.PID != 0 {
		text += fmt.Sprintf(": process %d on %s since %s", e.Holder.PID, e.Holder.Host,
			e.Holder.Start.UTC().Format(time.RFC3339))
	}
	if e.ID != "" {
		text += fmt.Sprintf(" (lock id %s, last sign of life %d s ago)", e.ID, int(e.Silent.Seconds()))
	}
	return text
}

// LostError says that this run no longer has its lease.
type LostError struct {
	// Place is where the lease is.
	Place string
	// To is who took it over; the zero Holder if nobody did, or nobody knows.
	To Holder
	// Err is why; nil if another run has taken the lease over.
	Err error
}

// Error says why the lease is gone.
func (e *LostError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("the lock %s may be lost, so nothing more is sent: %v", e.Place, e.Err)
	}
	text := fmt.Sprintf("another run has taken over the lock %s, so nothing more is sent", e.Place)
	if e.To.PID != 0 {
		text += fmt.Sprintf(": process %d on %s", e.To.PID, e.To.Host)
	}
	return text
}

// Unwrap returns Err.
func (e *LostError) Unwrap() error { return e.Err }

// Problem is why a store cannot be used, with what to do about it. Neither contains a secret.
type Problem struct {
	Err    error
	Advice string
}

// Error is that of Err.
func (e *Problem) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *Problem) Unwrap() error { return e.Err }

// Inspection is what is known about a store without a lease.
type Inspection struct {
	// Place names the store.
	Place string
	// Bytes is the size of the ledger.
	Bytes int
	// Held is true while a run holds the lease. Holder, ID and Silent are then those of a
	// [LockedError].
	Held   bool
	Holder Holder
	ID     string
	Silent time.Duration
	// Segments is how many objects were appended since the ledger was last written as a whole; 0
	// where it is one file.
	Segments int
	// Notes are what people should know, in plain sentences.
	Notes []string
}

// Elapsed returns how long ago t was, by the monotonic or the wall clock, whichever says longer: the
// monotonic clock stands still while a laptop sleeps, and the wall clock may be set back. t must come
// from time.Now.
func Elapsed(t time.Time) time.Duration {
	return max(time.Since(t), time.Now().Round(0).Sub(t.Round(0)))
}
