// Package statetest has a storage in memory, a storage that fails on purpose, and the tests that every
// place for ledgers must pass.
package statetest

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orgsync/orgsync/internal/state/objects"
)

// Memory keeps objects in memory. The zero value is an empty storage with the local clock. It is safe for
// concurrent use.
type Memory struct {
	// Skew is the time of the storage minus the local time.
	Skew time.Duration

	mu      sync.Mutex
	objects map[string]object
}

type object struct {
	data     []byte
	modified time.Time
}

// Place returns "memory".
func (m *Memory) Place() string { return "memory" }

// MayIgnoreConditions returns true, so that tests also run the check of an unproven storage.
func (m *Memory) MayIgnoreConditions() bool { return true }

// Create implements [objects.Objects].
func (m *Memory) Create(ctx context.Context, key string, data ...[]byte) error {
	if ctx.Err() != nil {
		return objects.ErrUnknown
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.objects[key]; there {
		return objects.ErrExists
	}
	m.put(key, slices.Concat(data...))
	return nil
}

// Put implements [objects.Objects].
func (m *Memory) Put(_ context.Context, key string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(key, data)
	return nil
}

func (m *Memory) put(key string, data []byte) {
	if m.objects == nil {
		m.objects = map[string]object{}
	}
	m.objects[key] = object{bytes.Clone(data), time.Now().Add(m.Skew)}
}

// Get implements [objects.Objects].
func (m *Memory) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, there := m.objects[key]
	if !there {
		return nil, objects.ErrNotFound
	}
	return bytes.Clone(o.data), nil
}

// List implements [objects.Objects].
func (m *Memory) List(_ context.Context, prefix, after string, limit int) ([]objects.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var infos []objects.Info
	for _, key := range slices.Sorted(maps.Keys(m.objects)) {
		if strings.HasPrefix(key, prefix) && key > after && (limit == 0 || len(infos) < limit) {
			o := m.objects[key]
			infos = append(infos, objects.Info{Key: key, Size: int64(len(o.data)), Modified: o.modified})
		}
	}
	return infos, nil
}

// Delete implements [objects.Objects].
func (m *Memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

// Fault describes the fault of one request. The zero Fault means none.
type Fault struct {
	// Before delays the request, and After delays the answer.
	Before, After time.Duration
	// Err is returned instead of the answer; nil means that the answer is returned.
	Err error
	// Skip, with Err, means that the storage does not act on the request.
	Skip bool
	// Late, with Err, means that the storage acts only after this time.
	Late time.Duration
}

// Faulty passes requests to Objects, with faults.
type Faulty struct {
	objects.Objects
	// Fault returns the fault of a request. op is create, put, get, list or delete.
	Fault func(op, key string) Fault
}

func (f *Faulty) do(ctx context.Context, op, key string, act func(context.Context) error) error {
	fault := f.Fault(op, key)
	if err := wait(ctx, fault.Before); err != nil {
		return err
	}
	if fault.Err != nil {
		switch {
		case fault.Skip:
		case fault.Late > 0:
			time.AfterFunc(fault.Late, func() { _ = act(context.WithoutCancel(ctx)) })
		default:
			_ = act(ctx)
		}
		return cmp.Or(wait(ctx, fault.After), fault.Err)
	}
	err := act(ctx)
	return cmp.Or(wait(ctx, fault.After), err)
}

// wait waits for the duration d. If ctx ends first, it returns [objects.ErrUnknown].
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return objects.ErrUnknown
	}
}

// Create implements [objects.Objects].
func (f *Faulty) Create(ctx context.Context, key string, data ...[]byte) error {
	return f.do(ctx, "create", key, func(ctx context.Context) error { return f.Objects.Create(ctx, key, data...) })
}

// Put implements [objects.Objects].
func (f *Faulty) Put(ctx context.Context, key string, data []byte) error {
	return f.do(ctx, "put", key, func(ctx context.Context) error { return f.Objects.Put(ctx, key, data) })
}

// Get implements [objects.Objects].
func (f *Faulty) Get(ctx context.Context, key string) (data []byte, err error) {
	err = f.do(ctx, "get", key, func(ctx context.Context) (err error) {
		data, err = f.Objects.Get(ctx, key)
		return err
	})
	return data, err
}

// List implements [objects.Objects].
func (f *Faulty) List(ctx context.Context, prefix, after string, limit int) (infos []objects.Info, err error) {
	err = f.do(ctx, "list", prefix, func(ctx context.Context) (err error) {
		infos, err = f.Objects.List(ctx, prefix, after, limit)
		return err
	})
	return infos, err
}

// Delete implements [objects.Objects].
func (f *Faulty) Delete(ctx context.Context, key string) error {
	return f.do(ctx, "delete", key, func(ctx context.Context) error { return f.Objects.Delete(ctx, key) })
}
