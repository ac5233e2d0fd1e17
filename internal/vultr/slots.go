package vultr

import (
	"context"
	"slices"
	"sync"
)

// semaphore limits the requests in flight. Requests get a slot in order, but pages that follow
// another page of a list go first: they cannot be read in parallel, so the longest list determines
// the time of a read, and many short lists must not delay it.
type semaphore struct {
	mu    sync.Mutex
	free  int
	queue [2][]chan struct{} // first those that go first, then the others; a channel is closed when it gets a slot
}

func newSemaphore(n int) *semaphore { return &semaphore{free: n} }

// acquire waits for a slot; with an error, which is that of ctx, there is none.
func (s *semaphore) acquire(ctx context.Context, first bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return nil
	}
	turn, queue := make(chan struct{}), &s.queue[1]
	if first {
		queue = &s.queue[0]
	}
	*queue = append(*queue, turn)
	s.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	i := slices.Index(*queue, turn)
	if i >= 0 {
		*queue = slices.Delete(*queue, i, i+1)
	}
	s.mu.Unlock()
	if i < 0 {
		s.release() // the slot arrived at the last moment
	}
	return ctx.Err()
}

// release returns a slot, or passes it to the next request that waits.
func (s *semaphore) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.queue {
		if len(s.queue[i]) > 0 {
			close(s.queue[i][0])
			s.queue[i] = slices.Delete(s.queue[i], 0, 1)
			return
		}
	}
	s.free++
}
