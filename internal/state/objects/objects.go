// Package objects keeps ledgers in a storage for objects that several machines can reach. The log of
// what was appended is also the lock: see [Store].
package objects

import (
	"context"
	"errors"
	"time"

	"github.com/orgsync/orgsync/internal/state"
)

// Objects is what the package needs of a storage. Lists are strongly consistent: they show every
// object whose creation was confirmed before. It is safe for concurrent use.
//
// An error that is none of those below, and no *[state.Problem], means that the storage said no.
type Objects interface {
	// Create makes an object of the pieces of data, one after another. It returns [ErrExists] if there is
	// one with this key already, and [ErrUnknown] if the object may have been made or may still be. It
	// sends one request, and never repeats it.
	Create(ctx context.Context, key string, data ...[]byte) error
	// Put makes an object or overwrites it.
	Put(ctx context.Context, key string, data []byte) error
	// Get returns an object, or [ErrNotFound].
	Get(ctx context.Context, key string) ([]byte, error)
	// List returns the objects whose key begins with prefix and comes after the key after, in the
	// order of their keys, at most limit (0: all).
	List(ctx context.Context, prefix, after string, limit int) ([]Info, error)
	// Delete deletes an object. That there is none is no error.
	Delete(ctx context.Context, key string) error
	// Place names the storage for people, without a secret.
	Place() string
	// Unproven reports whether it is not certain that only one of several requests at once can make an
	// object. Then the first use of the storage proves it.
	Unproven() bool
}

// Size returns the size of an object that is made of pieces, in bytes.
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
	// Modified is when it was made or last overwritten, by the storage's clock.
	Modified time.Time
}

var (
	// ErrExists says that there is an object with the key already.
	ErrExists = errors.New("the object exists already")
	// ErrNotFound says that there is no object with the key.
	ErrNotFound = errors.New("there is no such object")
	// ErrUnknown says that nobody knows whether the storage did what it was asked to, or still will:
	// the answer was lost, or was one that asks to try again.
	ErrUnknown = state.ErrNoAnswer
)

// Times are how long the steps of a lease take. Tests use short ones.
type Times struct {
	// Beat is the time between two signs of life.
	Beat time.Duration
	// Dead is how long a holder gives no sign of life until another run may take its lease over.
	Dead time.Duration
	// Margin is how long before that it begins nothing new.
	Margin time.Duration
	// Request limits one request.
	Request time.Duration
	// Poll is the time between two looks of a run that waits for a lease.
	Poll time.Duration
	// Keep is how long objects that nothing needs are kept, for readers that are slow.
	Keep time.Duration
}

// DefaultTimes are the times of real runs.
var DefaultTimes = Times{
	Beat: 10 * time.Second, Dead: 45 * time.Second, Margin: 15 * time.Second, Request: 10 * time.Second,
	Poll: time.Second, Keep: 24 * time.Hour,
}
