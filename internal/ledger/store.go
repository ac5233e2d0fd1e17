package ledger

import (
	"context"
	"fmt"
	"time"
)

// Store keeps one organization's ledger. [Dir] keeps it in a folder. Lines are opaque to it.
type Store interface {
	// Lock makes the caller the only holder until unlock is called or the process ends, however it ends. It waits at
	// most for wait (0: not at all); the error is a *[LockedError] when somebody else holds it.
	Lock(ctx context.Context, wait time.Duration, holder Holder) (unlock func() error, err error)
	// Read returns everything that was appended; nothing and no error if there is nothing yet. It
	// needs no lock.
	Read() ([]byte, error)
	// Reserve makes sure, as well as can be done, that n more bytes fit.
	Reserve(n int) error
	// Append adds lines at the end; they survive a crash of the machine once it returns. After an error some of them
	// may have been added, the last one in part.
	Append(lines []byte) error
	// Replace puts lines in the place of everything, all at once.
	Replace(lines []byte) error
	// SetAside keeps a damaged ledger for people to look at, and returns where.
	SetAside(damaged []byte, at time.Time) (place string, err error)
}

// Holder is who holds a lock.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Start time.Time `json:"start"`
}

// LockedError says that another run holds the lock.
type LockedError struct {
	// Place is where the lock is.
	Place string
	// Holder is who holds it; the zero Holder when that cannot be read.
	Holder Holder
}

// Error names the holder's process, host and start.
func (e *LockedError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("another run holds the lock %s", e.Place)
	}
	return fmt.Sprintf("another run holds the lock %s: process %d on %s since %s",
		e.Place, e.Holder.PID, e.Holder.Host, e.Holder.Start.UTC().Format(time.RFC3339))
}
