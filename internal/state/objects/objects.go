// Package objects keeps ledgers in a storage for objects that several machines can reach. The ledger is
// a log of objects, and this log is also the lock: see [Store].
package objects

import (
	"context"
	"errors"
	"time"

	"github.com/orgsync/orgsync/internal/state"
)

// Objects has the operations that this package needs of a storage. A list must show every object whose
// creation was confirmed before the list was requested. Objects must be safe for concurrent use.
//
// Any operation may return [ErrUnknown] or a *[state.Problem]. Any other error that is not named below
// means that the storage refused the request.
type Objects interface {
	// Create makes an object from the pieces of data, in their order. It returns [ErrExists] if there
	// is already an object with this key, and [ErrUnknown] if the object may have been made, or may
	// still be made. It sends one request, and never repeats it.
	Create(ctx context.Context, key string, data ...[]byte) error
	// Put makes an object, or overwrites the object with this key.
	Put(ctx context.Context, key string, data []byte) error
	// Get returns the data of an object, or [ErrNotFound].
	Get(ctx context.Context, key string) ([]byte, error)
	// List returns the objects whose keys begin with prefix and are greater than after, in the order of
	// their keys. It returns at most limit objects; 0 means no limit.
	List(ctx context.Context, prefix, after string, limit int) ([]Info, error)
	// Delete deletes an object. It returns nil if there is no such object.
	Delete(ctx context.Context, key string) error
	// Place names the storage for people, without a secret.
	Place() string
	// MayIgnoreConditions reports whether the storage may ignore the condition of Create: then several requests at
	// the same time could make the same object. The first use of such a storage tests it.
	MayIgnoreConditions() bool
}

// Size returns the size of an object that is made from pieces, in bytes.
func Size(pieces [][]byte) int {
	size := 0
	for _, piece := range pieces {
		size += len(piece)
	}
	return size
}

// Info describes an object.
type Info struct {
	Key  string
	Size int64
	// Modified is when the object was made or last overwritten, by the clock of the storage.
	Modified time.Time
}

var (
	// ErrExists means that there is already an object with the key.
	ErrExists = errors.New("the object exists already")
	// ErrNotFound means that there is no object with the key.
	ErrNotFound = errors.New("there is no such object")
	// ErrUnknown means that it is unknown whether the storage did what it was asked to do, or still will:
	// the answer was lost, or it asks the client to try again.
	ErrUnknown = state.ErrNoAnswer
)

// Times are the durations in the life of a lease. Tests use short ones.
type Times struct {
	// SignInterval is the time between two signs of life of the holder.
	SignInterval time.Duration
	// TakeoverAfter is the time without a sign of life after which another run may take over the lease.
	TakeoverAfter time.Duration
	// SafetyMargin is the time before the end of TakeoverAfter in which the holder begins nothing new.
	SafetyMargin time.Duration
	// RequestTimeout is the maximum time of one request.
	RequestTimeout time.Duration
	// PollInterval is the time between two checks of a run that waits for the lease.
	PollInterval time.Duration
	// Retention is how long unneeded objects are kept, because another run may still be reading them.
	Retention time.Duration
}

// DefaultTimes are the times of real runs, not of tests.
var DefaultTimes = Times{
	SignInterval: 10 * time.Second, TakeoverAfter: 45 * time.Second, SafetyMargin: 15 * time.Second,
	RequestTimeout: 10 * time.Second, PollInterval: time.Second, Retention: 24 * time.Hour,
}
