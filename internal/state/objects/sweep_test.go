package objects_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/objects"
	"github.com/orgsync/orgsync/internal/state/statetest"
)

// TestFaultAtEachRequest checks two machines that start at the same time, if the storage fails at any one request of
// the first one, or from this request on. No confirmed line is lost, no line is there twice, and a run appends no line
// while another run has the lease. The first run also replaces the ledger, or is the first run of a new storage.
func TestFaultAtEachRequest(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]sweep{
		"an answer is lost": {fault: statetest.Fault{Err: objects.ErrUnknown}},
		"a request is late": {fault: statetest.Fault{Err: objects.ErrUnknown, Late: 70 * time.Second}},
		"a pause":           {fault: statetest.Fault{Before: 50 * time.Second}, unlock: true},
		"answers are lost":  {fault: statetest.Fault{Err: objects.ErrUnknown}, toEnd: true, unlock: true},
		"cut off":           {fault: statetest.Fault{Err: objects.ErrUnknown, Skip: true}, toEnd: true, unlock: true},
	} {
		for _, isNew := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, new storage %v", name, isNew), func(t *testing.T) {
				t.Parallel()
				sw := faults
				sw.isNew = isNew
				step := 1
				if testing.Short() {
					step = 5
				}
				for sw.at = 1; ; sw.at += step {
					reached := false
					synctest.Test(t, func(t *testing.T) { reached = sw.play(t) })
					if t.Failed() {
						t.Fatalf("the fault was at request %d", sw.at)
					}
					if !reached {
						break
					}
				}
				if sw.at < 20 {
					t.Errorf("the run sent only %d requests", sw.at-1)
				}
			})
		}
	}
}

// sweep is a history of two runs.
type sweep struct {
	fault  statetest.Fault
	at     int  // the number of the request of the first run that has the fault
	toEnd  bool // all later requests of the first run have the fault too
	unlock bool // somebody tries to unlock the lease of the first run
	isNew  bool // the storage is new, and the first run does not replace the ledger
}

// play reports whether the first run sent the request that has the fault.
func (sw sweep) play(t *testing.T) (reached bool) {
	memory := &statetest.Memory{}
	var confirmed []string
	if !sw.isNew {
		var lines string
		memory, lines = newLedger(t, 3)
		confirmed = strings.Fields(strings.ReplaceAll(lines, " ", "_"))
	}
	var mu sync.Mutex // guards requests, confirmed and holder
	requests, holder := 0, 0
	wire := &statetest.Faulty{Objects: memory, Fault: func(string, string) statetest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if requests++; requests == sw.at || sw.toEnd && requests > sw.at {
			return sw.fault
		}
		return statetest.Fault{After: 10 * time.Millisecond}
	}}
	hold := func(pid int) {
		mu.Lock()
		defer mu.Unlock()
		holder = pid
	}
	write := func(pid int, l state.Lease, line string) bool {
		if l.Append([]byte(line+"\n")) != nil {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		confirmed = append(confirmed, line)
		if holder != 0 && holder != pid {
			t.Errorf("run %d appended a line while run %d had the lock", pid, holder)
		}
		return true
	}
	first := func() {
		l, err := newStore(wire).Acquire(t.Context(), state.Holder{PID: 1}, 0)
		if err != nil {
			return
		}
		defer func() { _ = l.Release() }()
		all := string(l.Content())
		for i := range 12 {
			line := fmt.Sprintf("first_%d", i)
			if !write(1, l, line) {
				return
			}
			all += line + "\n"
			time.Sleep(1500 * time.Millisecond)
		}
		if sw.isNew || l.Replace([]byte(all[strings.Index(all, "first_3"):])) == nil {
			write(1, l, "first_end")
		}
	}
	second := func() {
		time.Sleep(50 * time.Millisecond)
		l, err := newStore(memory).Acquire(t.Context(), state.Holder{PID: 2}, 10*time.Minute)
		if err != nil {
			t.Errorf("the second run: %v", err)
			return
		}
		hold(2)
		for i := range 3 {
			if !write(2, l, fmt.Sprintf("second_%d", i)) {
				t.Error("the second run cannot write")
			}
			time.Sleep(time.Second)
		}
		hold(0)
		must(t, l.Release())
	}
	var runs sync.WaitGroup
	runs.Go(first)
	runs.Go(second)
	if sw.unlock {
		runs.Go(func() {
			time.Sleep(10 * time.Second)
			s := newStore(memory)
			if i, err := s.Inspect(t.Context()); err == nil && i.Held && i.Holder.PID == 1 {
				_ = s.Unlock(t.Context(), i.ID, state.Holder{PID: 3}) // the run may be alive
			}
		})
	}
	runs.Wait()
	time.Sleep(2 * time.Minute) // until late requests have come
	l := acquire(t, newStore(memory))
	archived, err := newStore(memory).Archived(t.Context())
	must(t, err)
	kept := strings.Fields(strings.ReplaceAll(string(l.Content()), " ", "_"))
	lines := append(strings.Fields(strings.ReplaceAll(string(archived), " ", "_")), kept...)
	for _, line := range confirmed {
		if !slices.Contains(lines, line) {
			t.Errorf("the line %q is lost: %q", line, lines)
		}
	}
	slices.Sort(kept)
	if len(slices.Compact(slices.Clone(kept))) < len(kept) {
		t.Errorf("a line is there twice: %q", kept)
	}
	must(t, l.Release())
	return requests >= sw.at
}
