package vultr

import (
	"context"
	"slices"
	"sync"
)

// semaphore bound how many requests are in flight. Who waits for one gets it in turn, but pages of a list that follow another
// page go first: they come one after another, so that the longest list is what a reading takes its time for, and many short
// lists must not hold it up.
type semaphore struct {
	mu    sync.Mutex
	free  int
	queue [2][]chan struct{} // those who go first, and the others; closed for who gets a slot
}

func newSemaphore(n int) *semaphore { return &semaphore{free: n} }

// acquire waits for a slot; with an error of ctx there is none.
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
		s.release() // it came at the last moment
	}
	return ctx.Err()
}

// release lets the next one have the slot.
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
