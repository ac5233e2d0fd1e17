package objects

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/state"
)

// slowStorage confirms each write 10 seconds late.
type slowStorage struct{ Objects }

func (slowStorage) Create(context.Context, string, ...[]byte) error {
	time.Sleep(10 * time.Second)
	return nil
}
func (slowStorage) Put(context.Context, string, []byte) error {
	time.Sleep(10 * time.Second)
	return nil
}
func (slowStorage) Place() string { return "s3://bucket" }

// TestLateConfirmation checks that a sign of life that is confirmed after the lease was lost does
// not restore the lease, although it was sent before. The lease has no timer here, because a
// process that was paused may read the answer before any timer fires.
func TestLateConfirmation(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(*lease) error{
		"sign of life": func(l *lease) error { l.beat(); return nil },
		"record":       func(l *lease) error { return l.Append([]byte("a\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := New(slowStorage{}, "o1", DefaultTimes)
				newTestLease := func() *lease {
					return newLease(t.Context(), s, &logState{}, record{Kind: kindLease, Number: 1, LeaseID: "a"}, time.Now())
				}
				inTime, late := newTestLease(), newTestLease()
				end := s.times.TakeoverAfter - s.times.SafetyMargin // 30 s
				time.Sleep(end - 15*time.Second)
				if err := errors.Join(write(inTime), inTime.Check()); err != nil { // confirmed 5 s before the end
					t.Fatal(err)
				}
				if err := write(late); err != nil { // 5 s after it
					t.Fatal(err)
				}
				var lost *state.LostError
				if err := late.Check(); !errors.As(err, &lost) {
					t.Errorf("a lease that had ended goes on after a late confirmation: %v", err)
				}
				select {
				case <-late.Lost():
				default:
					t.Error("Lost does not report that the lease has ended")
				}
			})
		})
	}
}

// keptStorage keeps the last object that was created.
type keptStorage struct {
	Objects
	object chan []byte
}

func (s keptStorage) Create(_ context.Context, _ string, data ...[]byte) error {
	s.object <- slices.Concat(data...)
	return nil
}

// TestBaseDuringRun checks that a base made in the background has the lines up to its number, and
// no later lines.
func TestBaseDuringRun(t *testing.T) {
	t.Parallel()
	storage := keptStorage{object: make(chan []byte)}
	l := newLease(t.Context(), New(storage, "o1", DefaultTimes), &logState{}, record{Kind: kindLease, Number: 1},
		time.Now())
	l.writing.Lock()
	l.log.add(record{Kind: kindLines, Number: 2, lines: blocks{[]byte("a\n")}})
	l.makeBaseInBackground()
	l.log.add(record{Kind: kindLines, Number: 3, lines: blocks{[]byte("b\n")}})
	l.writing.Unlock()
	base, err := decodeRecord(<-storage.object)
	if err != nil || base.Number != 2 || string(base.lines.join()) != "a\n" {
		t.Errorf("the base of number %d has %q, %v", base.Number, base.lines.join(), err)
	}
	l.work.Wait()
}
