package vultr

import (
	"context"
	"slices"
	"sync"
)

// semaphore limits the number of requests in flight. Waiting requests get a slot in their order,
// but urgent requests go before all others.
//
// Requests for the second and later pages of a list are urgent. The pages of a list cannot be read
// in parallel, so the longest list determines how long a read takes. Short lists must not delay it.
type semaphore struct {
	mu   sync.Mutex
	free int // slots that no request has
	// queue has a channel for each waiting request, urgent requests in queue[0] and the others in
	// queue[1]. A channel is closed when its request gets a slot.
	queue [2][]chan struct{}
}

func newSemaphore(n int) *semaphore { return &semaphore{free: n} }

// acquire waits for a slot. If ctx ends first, it returns the error of ctx and there is no slot to
// release.
func (s *semaphore) acquire(ctx context.Context, urgent bool) error {
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
	if urgent {
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
		s.release() // the request got its slot just as ctx ended
	}
	return ctx.Err()
}

// release gives the slot of a request to the next request that waits, if there is one.
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
