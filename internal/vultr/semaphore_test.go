package vultr

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
)

// An urgent request gets the next slot, and the others get slots in their order. A request whose
// context ends leaves the queue, and no slot is lost.
func TestSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSemaphore(1)
		if err := s.acquire(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		var got []string
		wait := func(ctx context.Context, name string, first bool) {
			go func() {
				if err := s.acquire(ctx, first); err != nil {
					got = append(got, name+" gave up")
					return
				}
				got = append(got, name)
			}()
			synctest.Wait()
		}
		impatient, cancel := context.WithCancel(t.Context())
		wait(t.Context(), "a", false)
		wait(impatient, "b", false)
		wait(t.Context(), "c", false)
		wait(t.Context(), "d", true)
		wait(t.Context(), "e", true)
		cancel()
		synctest.Wait()
		for range 5 {
			s.release()
			synctest.Wait()
		}
		if want := []string{"b gave up", "d", "e", "a", "c"}; !slices.Equal(got, want) {
			t.Errorf("in the order %v, want %v", got, want)
		}
		if s.free != 1 {
			t.Errorf("%d slots are free", s.free)
		}
		if err := s.acquire(impatient, true); !errors.Is(err, context.Canceled) || s.free != 1 {
			t.Errorf("after giving up: %v, %d free", err, s.free)
		}
	})
}
