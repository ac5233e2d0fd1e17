// Package state has the interfaces of a place that keeps ledgers, and the URLs of such places. It
// does not know what a line of a ledger means, or how a place keeps it.
package state

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Store keeps the ledger of one organization. It does not interpret the lines of the ledger.
type Store interface {
	// Read returns the whole ledger; nil if the ledger does not exist yet. It needs no lease and
	// changes nothing. The last line may be incomplete if another run is writing to the ledger.
	Read(ctx context.Context) ([]byte, error)
	// Archived returns the lines that [Lease.Replace] removed from the ledger, those first that it removed first; nil
	// if the store does not keep them.
	Archived(ctx context.Context) ([]byte, error)
	// Acquire returns the lease. Only one run has the lease at a time. If another run has it, Acquire
	// waits for at most the duration wait, or not at all if wait is 0. The error is a *[LockedError]
	// if the other run still has the lease after that.
	Acquire(ctx context.Context, holder Holder, wait time.Duration) (Lease, error)
	// HolderMayOutliveLease reports whether a run may still be alive after another run has taken over
	// its lease. This is possible if runs are on several machines, because a paused run cannot notice
	// the takeover. It is not possible with a lock of the kernel, which ends with its process.
	HolderMayOutliveLease() bool
	// Inspect returns a description of the store, for people.
	Inspect(ctx context.Context) (Inspection, error)
}

// Lease is the right to write to a ledger. It is safe for concurrent use, but its owner must not
// call Append again before the last call has returned.
type Lease interface {
	// Content returns the ledger as it was when the lease was acquired.
	Content() []byte
	// Lost returns a channel that is closed when the run may not begin anything new, because another
	// run has the lease or could take it over.
	Lost() <-chan struct{}
	// Check returns nil while the run may begin something new. Otherwise it returns the reason why
	// not, as a *[LostError] or the error of the storage. Check compares clocks and does not rely on
	// a timer, so it is right even immediately after a pause of the process.
	Check() error
	// Append adds lines at the end of the ledger. If it returns nil, the lines survive a crash of the
	// machine. After an error, some of the lines may have been added, the last of them in part.
	Append(lines []byte) error
	// Replace replaces the whole ledger with lines.
	Replace(lines []byte) error
	// SetAside saves a copy of a damaged ledger for people, and returns the place of the copy.
	SetAside(damaged []byte, at time.Time) (place string, err error)
	// Reserve returns an error if there is no room to append n more bytes. Some stores cannot find
	// that out; they return nil.
	Reserve(n int) error
	// Release ends the lease. After an error, other runs may have to wait until the lease expires.
	Release() error
}

// ErrNoAnswer means that the storage could not be reached, or that its answer does not show whether it
// did what it was asked to do.
var ErrNoAnswer = errors.New("the storage gave no reliable answer")

// Holder identifies the process that holds a lease.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Start time.Time `json:"start"`
}

// LockedError means that another run has the lease.
type LockedError struct {
	// Place is the place of the lock.
	Place string
	// Holder is the run that holds the lease; the zero Holder if it is unknown.
	Holder Holder
	// ID identifies the lease for 'orgsync state unlock'; "" if the lock ends with its process.
	ID string
	// Silent is the time since the last sign of life of the holder; 0 if it is unknown.
	Silent time.Duration
}

// Error names the place, the holder and the id of the lease.
func (e *LockedError) Error() string {
	text := "another run has the lock " + e.Place
	if e.Holder.PID != 0 {
		text += fmt.Sprintf(": process %d on %s since %s", e.Holder.PID, e.Holder.Host,
			e.Holder.Start.UTC().Format(time.RFC3339))
	}
	if e.ID != "" {
		text += fmt.Sprintf(" (lock id %s, last sign of life %d s ago)", e.ID, int(e.Silent.Seconds()))
	}
	return text
}

// LostError means that this run may no longer have its lease.
type LostError struct {
	// Place is the place of the lock.
	Place string
	// NewHolder is the run that took over the lease; the zero Holder if it is unknown or there is none.
	NewHolder Holder
	// Err is the reason why the lease may be lost; nil if another run has certainly taken it over.
	Err error
}

// Error names the place, and the reason or the run that has taken over the lease.
func (e *LostError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("the lock %s may be lost, so nothing more is sent: %v", e.Place, e.Err)
	}
	text := fmt.Sprintf("another run has taken over the lock %s, so nothing more is sent", e.Place)
	if e.NewHolder.PID != 0 {
		text += fmt.Sprintf(": process %d on %s", e.NewHolder.PID, e.NewHolder.Host)
	}
	return text
}

// Unwrap returns Err.
func (e *LostError) Unwrap() error { return e.Err }

// Problem is an error with advice: the reason why a store cannot be used, and what the user can do
// about it. Neither contains a secret.
type Problem struct {
	Err    error
	Advice string
}

// Error returns the message of Err, without the advice.
func (e *Problem) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *Problem) Unwrap() error { return e.Err }

// Inspection describes a store. It can be made without a lease.
type Inspection struct {
	// Place names the store.
	Place string
	// Bytes is the size of the ledger in bytes.
	Bytes int
	// Held is true if a run holds the lease. Only then are Holder, ID and Silent set, as in
	// [LockedError].
	Held   bool
	Holder Holder
	ID     string
	Silent time.Duration
	// ObjectsSinceBase is the number of objects since the ledger was last written as one object; 0 if the
	// ledger is a file.
	ObjectsSinceBase int
	// Notes are plain sentences about the store that people should read.
	Notes []string
}

// Elapsed returns the time since t by the monotonic clock or by the wall clock, whichever is longer.
// The monotonic clock stops while a laptop sleeps, and the wall clock may be set back. t must come from
// [time.Now].
func Elapsed(t time.Time) time.Duration {
	return max(time.Since(t), time.Now().Round(0).Sub(t.Round(0)))
}
