package objects_test

import (
	"context"
	"errors"
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

// newStore returns the store of the organization o1 in o, with the times of real runs.
func newStore(o objects.Objects) *objects.Store { return objects.New(o, "o1", objects.DefaultTimes) }

func acquire(t *testing.T, s *objects.Store) state.Lease {
	t.Helper()
	l, err := s.Acquire(t.Context(), state.Holder{PID: 1, Host: "build-1"}, 0)
	must(t, err)
	t.Cleanup(func() { _ = l.Release() })
	return l
}

// appendManyLines appends 15 records of one line. So a release at the end of the run makes a base.
func appendManyLines(t *testing.T, l state.Lease) {
	t.Helper()
	for range 15 {
		must(t, l.Append([]byte("a\n")))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, s *objects.Store) string {
	t.Helper()
	lines, err := s.Read(t.Context())
	must(t, err)
	return string(lines)
}

// keys returns the names of all objects in a folder.
func keys(t *testing.T, o objects.Objects, folder string) []string {
	t.Helper()
	infos, err := o.List(t.Context(), "o1/"+folder, "", 0)
	must(t, err)
	var names []string
	for _, info := range infos {
		names = append(names, strings.TrimPrefix(info.Key, "o1/"))
	}
	return names
}

// counting is a storage that counts the requests.
type counting struct {
	objects.Objects
	mu       sync.Mutex
	requests []string
}

func count(o objects.Objects) (objects.Objects, *counting) {
	c := &counting{}
	return &statetest.Faulty{Objects: o, Fault: func(op, key string) statetest.Fault {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.requests = append(c.requests, op+" "+key)
		return statetest.Fault{}
	}}, c
}

// TestIdleRunTakesFewRequests checks that a run with nothing to do sends 6 requests, and one more
// for each record since the last base.
func TestIdleRunTakesFewRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		l := acquire(t, newStore(memory))
		for i := range 12 {
			must(t, l.Append(fmt.Appendf(nil, "line %d\n", i)))
		}
		must(t, l.Release())
		o, c := count(memory)
		l = acquire(t, newStore(o))
		must(t, l.Release())
		if want := 6 + 1; len(c.requests) > want { // the release came after the base
			t.Errorf("%d requests, want at most %d:\n%s", len(c.requests), want, strings.Join(c.requests, "\n"))
		}
	})
}

// TestHeld checks that the error of a second run names the holder of the lease. The second run
// waits for at most the given time, and gets the lease when it is released.
func TestHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		first := acquire(t, newStore(memory))
		time.Sleep(12 * time.Second)
		for _, wait := range []time.Duration{0, 10 * time.Minute} {
			begin := time.Now()
			_, err := newStore(memory).Acquire(t.Context(), state.Holder{PID: 2}, wait)
			var locked *state.LockedError
			if !errors.As(err, &locked) || locked.Holder.Host != "build-1" || locked.ID == "" || locked.Silent > 11*time.Second {
				t.Errorf("wait %v: %+v, %v", wait, locked, err)
			}
			if waited := time.Since(begin); waited > wait || waited < wait-2*time.Second {
				t.Errorf("waited for %v, not for %v", waited, wait)
			}
		}
		must(t, first.Check())
		must(t, first.Append([]byte("a\n")))
		time.AfterFunc(5*time.Second, func() { must(t, first.Release()) })
		second, err := newStore(memory).Acquire(t.Context(), state.Holder{PID: 2}, time.Minute)
		must(t, err)
		if string(second.Content()) != "a\n" {
			t.Errorf("the second run read %q", second.Content())
		}
		must(t, second.Release())
		if left := keys(t, memory, "wait/"); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	})
}

// partitioned is a storage that can be made unreachable.
type partitioned struct {
	statetest.Faulty
	mu  sync.Mutex
	cut bool
}

func newPartitioned(o objects.Objects) *partitioned {
	p := &partitioned{}
	p.Faulty = statetest.Faulty{Objects: o, Fault: func(string, string) statetest.Fault {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.cut {
			return statetest.Fault{Err: objects.ErrUnknown, Skip: true, Before: time.Second}
		}
		return statetest.Fault{}
	}}
	return p
}

func (p *partitioned) set(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
}

// TestTakeover checks that a holder that cannot give a sign of life stops before another run can
// take over its lease. When it is connected again, the number of its next record is taken.
func TestTakeover(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		wire := newPartitioned(memory)
		first := acquire(t, newStore(wire))
		must(t, first.Append([]byte("a\n")))
		time.Sleep(time.Minute)
		must(t, first.Check())
		wire.set(true)
		begin := time.Now()
		stopped := make(chan time.Duration, 1)
		go func() {
			<-first.Lost()
			stopped <- time.Since(begin)
		}()
		second, err := newStore(memory).Acquire(t.Context(), state.Holder{PID: 2, Host: "build-2"}, 5*time.Minute)
		must(t, err)
		took := time.Since(begin)
		if after := <-stopped; after > 31*time.Second || took < 35*time.Second || took > 60*time.Second ||
			took-after < 10*time.Second {
			t.Errorf("the holder stopped after %v, the lease was taken over after %v", after, took)
		}
		if string(second.Content()) != "a\n" {
			t.Errorf("the second run read %q", second.Content())
		}
		wire.set(false)
		var lost *state.LostError
		if err := first.Append([]byte("b\n")); !errors.As(err, &lost) || lost.NewHolder.Host != "build-2" {
			t.Errorf("append after the takeover: %v", err)
		}
		if err := first.Check(); !errors.As(err, &lost) || lost.Err != nil {
			t.Errorf("check after the takeover: %v", err)
		}
		if first.Release() == nil {
			t.Error("a lease that was taken over is released")
		}
		must(t, second.Append([]byte("c\n")))
		must(t, second.Release())
		if got := content(t, newStore(memory)); got != "a\nc\n" {
			t.Errorf("the ledger is %q", got)
		}
	})
}

// TestTakeoverByOwnClock checks the takeover from a storage whose clock does not move. A waiting
// run takes over the lease if the signs of life have not changed for 45 seconds by the local clock.
func TestTakeoverByOwnClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		wire := newPartitioned(memory)
		_ = acquire(t, newStore(wire))
		wire.set(true)
		still := time.Now()
		frozen := &frozenClock{memory, still}
		begin := time.Now()
		l, err := newStore(frozen).Acquire(t.Context(), state.Holder{PID: 2}, 2*time.Minute)
		must(t, err)
		if took := time.Since(begin); took < 45*time.Second || took > 50*time.Second {
			t.Errorf("taken over after %v", took)
		}
		must(t, l.Release())
	})
}

// frozenClock is a storage whose clock does not move.
type frozenClock struct {
	*statetest.Memory
	at time.Time
}

func (f *frozenClock) List(ctx context.Context, prefix, after string, limit int) ([]objects.Info, error) {
	infos, err := f.Memory.List(ctx, prefix, after, limit)
	for i := range infos {
		infos[i].Modified = f.at
	}
	return infos, err
}

// TestExclusive checks that if many runs start at once, only one has the lease at a time, and each
// gets it in the end.
func TestExclusive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		var mu sync.Mutex
		holding := 0
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				slow := &statetest.Faulty{Objects: memory, Fault: func(string, string) statetest.Fault {
					return statetest.Fault{Before: time.Duration(10+i) * time.Millisecond}
				}}
				l, err := newStore(slow).Acquire(t.Context(), state.Holder{PID: i + 1}, time.Hour)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if holding++; holding > 1 {
					t.Error("two runs have the lease")
				}
				mu.Unlock()
				if err := l.Append(fmt.Appendf(nil, "%d\n", i)); err != nil {
					t.Error(err)
				}
				time.Sleep(3 * time.Second)
				mu.Lock()
				holding--
				mu.Unlock()
				if err := l.Release(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		lines := strings.Fields(content(t, newStore(memory)))
		slices.Sort(lines)
		if got := strings.Join(lines, ""); got != "01234567" {
			t.Errorf("the ledger has %q", got)
		}
	})
}

// TestLostAnswers checks that a record is in the log exactly once if the answer to its creation was
// lost, whether or not the storage acted.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]statetest.Fault{
		"applied":      {Err: objects.ErrUnknown},
		"not applied":  {Err: objects.ErrUnknown, Skip: true},
		"applied late": {Err: objects.ErrUnknown, Late: 150 * time.Millisecond},
		"exists":       {Err: objects.ErrExists},
		"slow":         {Before: 12 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := &statetest.Memory{}
				must(t, acquire(t, newStore(memory)).Release())
				last := ""
				wire := &statetest.Faulty{Objects: memory, Fault: func(op, key string) statetest.Fault {
					if op != "create" || key == last || strings.HasSuffix(key, "probe") {
						return statetest.Fault{}
					}
					last = key
					return fault
				}}
				l := acquire(t, newStore(wire))
				for i := range 3 {
					must(t, l.Append(fmt.Appendf(nil, "%d\n", i)))
				}
				must(t, l.Release())
				if got := content(t, newStore(memory)); got != "0\n1\n2\n" {
					t.Errorf("the ledger is %q", got)
				}
			})
		})
	}
}

// TestStorageGoesAway checks that the lease is lost if an append cannot be confirmed, and that no
// other record is written with its number.
func TestStorageGoesAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		wire := newPartitioned(memory)
		l := acquire(t, newStore(wire))
		must(t, l.Append([]byte("a\n")))
		wire.set(true)
		var lost *state.LostError
		if err := l.Append([]byte("b\n")); !errors.As(err, &lost) || !errors.Is(err, objects.ErrUnknown) {
			t.Errorf("append: %v", err)
		}
		if err := l.Append([]byte("c\n")); err == nil {
			t.Error("another record was written at the number of one that is not settled")
		}
		wire.set(false)
		must(t, l.Release())
		if got := content(t, newStore(memory)); got != "a\nb\n" {
			t.Errorf("the ledger is %q", got)
		}
		must(t, acquire(t, newStore(memory)).Release()) // at once, since the lease was released
	})
}

// TestRecordsRenewTheLease checks that each record renews the lock, also if no other sign of life reaches the storage.
func TestRecordsRenewTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		l := acquire(t, newStore(&statetest.Faulty{Objects: memory, Fault: func(op, _ string) statetest.Fault {
			if op == "put" {
				return statetest.Fault{Err: objects.ErrUnknown, Skip: true}
			}
			return statetest.Fault{}
		}}))
		for range 10 {
			time.Sleep(20 * time.Second)
			must(t, l.Append([]byte("a\n")))
			must(t, l.Check())
		}
		time.Sleep(30 * time.Second)
		var lost *state.LostError
		if err := l.Check(); !errors.As(err, &lost) {
			t.Errorf("after 30 seconds without a record: %v", err)
		}
	})
}

// TestRefusedWrite checks that a run begins nothing new after the storage has refused a record, although its signs of
// life still reach the storage.
func TestRefusedWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refusal := errors.New("the disk is full")
		refuses := false
		memory := &statetest.Memory{}
		l := acquire(t, newStore(&statetest.Faulty{Objects: memory, Fault: func(op, _ string) statetest.Fault {
			if refuses && op == "create" {
				return statetest.Fault{Err: refusal, Skip: true}
			}
			return statetest.Fault{}
		}}))
		refuses = true
		if err := l.Append([]byte("a\n")); !errors.Is(err, refusal) {
			t.Errorf("append: %v", err)
		}
		if err := l.Check(); !errors.Is(err, refusal) {
			t.Errorf("check: %v", err)
		}
		select {
		case <-l.Lost():
		default:
			t.Error("the lock does not count as lost")
		}
	})
}

// TestBaseOfLongRun checks that a run makes a base after 1,000 records, and that a lease that was released is over.
func TestBaseOfLongRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		l := acquire(t, newStore(memory))
		for range 998 {
			must(t, l.Append([]byte("a\n")))
		}
		synctest.Wait()
		if bases := keys(t, memory, "base/"); len(bases) != 0 {
			t.Errorf("after 999 records: %q", bases)
		}
		must(t, l.Append([]byte("a\n")))
		synctest.Wait()
		if bases := keys(t, memory, "base/"); len(bases) != 1 {
			t.Errorf("after 1,000 records: %q", bases)
		}
		must(t, l.Append([]byte("a\n")))
		synctest.Wait()
		if bases := keys(t, memory, "base/"); len(bases) != 1 {
			t.Errorf("after the next record: %q", bases)
		}
		must(t, l.Release())
		if err := l.Check(); err == nil {
			t.Error("the run has the lock after it released it")
		}
	})
}

// TestStopWhileStorageHangs checks that a run that is stopped ends soon, also if the storage does not answer.
func TestStopWhileStorageHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		wire := newPartitioned(memory)
		ctx, stop := context.WithCancel(t.Context())
		l, err := newStore(wire).Acquire(ctx, state.Holder{}, 0)
		must(t, err)
		wire.set(true)
		begin := time.Now()
		stop()
		if err := l.Append([]byte("a\n")); err == nil {
			t.Error("a line was written")
		}
		_ = l.Release()
		if took := time.Since(begin); took > 25*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestHalfWrittenRecord checks that a damaged record is ignored if it is the last one. Any other
// damaged record is an error.
func TestHalfWrittenRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		l := acquire(t, newStore(memory))
		must(t, l.Append([]byte("a\n")))
		must(t, l.Release())
		log := keys(t, memory, "log/")
		half, err := memory.Get(t.Context(), "o1/"+log[len(log)-1])
		must(t, err)
		must(t, memory.Create(t.Context(), fmt.Sprintf("o1/log/%020d", len(log)+1), half[:len(half)/2]))
		if i, err := newStore(memory).Inspect(t.Context()); err != nil || len(i.Notes) != 1 {
			t.Errorf("inspect: %+v, %v", i, err)
		}
		for range 2 {
			l = acquire(t, newStore(memory))
			if string(l.Content()) != "a\n" {
				t.Errorf("the ledger is %q", l.Content())
			}
			must(t, l.Release())
		}
		must(t, memory.Put(t.Context(), "o1/"+log[1], half[:10]))
		var problem *state.Problem
		if _, err := newStore(memory).Read(t.Context()); !errors.As(err, &problem) ||
			!strings.Contains(err.Error(), "record 2") {
			t.Errorf("read: %v", err)
		}
	})
}

// TestGap checks that missing records are an error, because they may say who was mailed.
func TestGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		l := acquire(t, newStore(memory))
		for range 5 {
			must(t, l.Append([]byte("a\n")))
		}
		must(t, l.Release())
		for _, name := range keys(t, memory, "log/")[1:3] {
			must(t, memory.Delete(t.Context(), "o1/"+name))
		}
		_, err := newStore(memory).Acquire(t.Context(), state.Holder{}, 0)
		var problem *state.Problem
		if !errors.As(err, &problem) || !strings.Contains(err.Error(), "records 2 to 3") {
			t.Errorf("acquire: %v", err)
		}
		for _, name := range keys(t, memory, "log/")[1:] {
			must(t, memory.Delete(t.Context(), "o1/"+name))
		}
		must(t, memory.Create(t.Context(), fmt.Sprintf("o1/log/%020d", 3), nil))
		if _, err := newStore(memory).Read(t.Context()); err == nil || !strings.Contains(err.Error(), ": record 2 of") {
			t.Errorf("read: %v", err)
		}
	})
}

// TestBases checks that a base replaces many records without a change of the ledger. Old objects
// are deleted after a day, except for records that took over a lease.
func TestBases(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		wire := newPartitioned(memory)
		dead := acquire(t, newStore(wire))
		wire.set(true)
		var want strings.Builder
		l, err := newStore(memory).Acquire(t.Context(), state.Holder{PID: 2}, time.Minute)
		must(t, err)
		takeover := keys(t, memory, "log/")[1]
		for round := range 4 {
			for i := range 15 {
				line := fmt.Sprintf("%d.%d\n", round, i)
				want.WriteString(line)
				must(t, l.Append([]byte(line)))
			}
			if got := content(t, newStore(memory)); got != want.String() {
				t.Errorf("round %d: the ledger is %q", round, got)
			}
			must(t, l.Release())
			if got := content(t, newStore(memory)); got != want.String() {
				t.Errorf("round %d, released: the ledger is %q", round, got)
			}
			time.Sleep(25 * time.Hour)
			l = acquire(t, newStore(memory))
		}
		must(t, l.Release())
		log := keys(t, memory, "log/")
		if !slices.Contains(log, takeover) || len(log) > 45 || len(keys(t, memory, "base/")) > 2 {
			t.Errorf("left are %q and %q", log, keys(t, memory, "base/"))
		}
		wire.set(false)
		if dead.Append([]byte("x\n")) == nil {
			t.Error("a run that slept for days appended a line")
		}
	})
}

// TestReplace checks that Replace replaces the whole ledger, and archives the lines that it
// removes.
func TestReplace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		s := newStore(memory)
		l := acquire(t, s)
		must(t, l.Append([]byte("a\nb\nc\n")))
		must(t, l.Replace([]byte("a\nc\n")))
		must(t, l.Append([]byte("d\n")))
		must(t, l.Replace([]byte("c\nd\n")))
		must(t, l.Replace([]byte("d\n")))
		must(t, l.Append([]byte("e\n")))
		must(t, l.Release())
		if got := content(t, s); got != "d\ne\n" {
			t.Errorf("the ledger is %q", got)
		}
		archived, err := s.Archived(t.Context())
		must(t, err)
		if string(archived) != "b\na\nc\n" {
			t.Errorf("the archive is %q", archived)
		}
		before := keys(t, memory, "archive/")
		l = acquire(t, s)
		must(t, l.Replace([]byte("d\ne\n")))
		must(t, l.Release())
		if after := keys(t, memory, "archive/"); len(after) != len(before) {
			t.Errorf("nothing was removed, and the archive has %q", after)
		}
	})
}

// TestReplaceOfEmptyLedger: after a copy to an empty place, the lines are in a record, so that a lost base does not
// make the ledger empty.
func TestReplaceOfEmptyLedger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		s := newStore(memory)
		l := acquire(t, s)
		must(t, l.Replace([]byte("a\nb\n")))
		must(t, l.Append([]byte("c\n")))
		must(t, l.Release())
		for _, base := range keys(t, memory, "base/") {
			must(t, memory.Delete(t.Context(), "o1/"+base))
		}
		if got := content(t, s); got != "a\nb\nc\n" {
			t.Errorf("the ledger is %q", got)
		}
	})
}

// TestUnconditionalStorage checks that a storage that ignores the condition of Create is refused,
// on the first use and later, before a record is written.
func TestUnconditionalStorage(t *testing.T) {
	t.Parallel()
	for name, create := range map[string]func(*overwriting, string) bool{
		"never refuses":          func(*overwriting, string) bool { return true },
		"lets several runs win":  func(o *overwriting, key string) bool { return strings.Contains(key, "proof/") },
		"stopped refusing later": func(o *overwriting, _ string) bool { return o.later },
		"database that never refuses": func(o *overwriting, _ string) bool {
			o.isTrusted = true
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &overwriting{Memory: &statetest.Memory{}, overwrites: create}
				if strings.Contains(name, "later") {
					must(t, acquire(t, newStore(o)).Release())
					o.later = true
				}
				before := keys(t, o, "log/")
				_, err := newStore(o).Acquire(t.Context(), state.Holder{}, 0)
				var problem *state.Problem
				if !errors.As(err, &problem) || !strings.Contains(problem.Advice, "conditional writes") {
					t.Errorf("acquire: %v", err)
				}
				if after := keys(t, o, "log/"); len(after) != len(before) {
					t.Errorf("the log has %q", after)
				}
			})
		})
	}
}

// TestUnconditionalStorageWithoutDelete checks that a storage that failed the test of its first use is tested again,
// even if the first run could not delete its object.
func TestUnconditionalStorageWithoutDelete(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		severalWin := func(_ *overwriting, key string) bool { return strings.Contains(key, "proof/") }
		o := &statetest.Faulty{
			Objects: &overwriting{Memory: &statetest.Memory{}, overwrites: severalWin},
			Fault: func(op, _ string) statetest.Fault {
				if op == "delete" {
					return statetest.Fault{Err: errors.New("403"), Skip: true}
				}
				return statetest.Fault{}
			},
		}
		for run := range 3 {
			l, err := newStore(o).Acquire(t.Context(), state.Holder{}, 0)
			if problem, ok := errors.AsType[*state.Problem](err); !ok || !strings.Contains(problem.Advice, "conditional") {
				t.Errorf("run %d: %v", run, err)
			}
			if err == nil {
				must(t, l.Release())
			}
		}
	})
}

type overwriting struct {
	*statetest.Memory
	overwrites func(o *overwriting, key string) bool
	later      bool
	isTrusted  bool
}

func (o *overwriting) MayIgnoreConditions() bool { return !o.isTrusted }

func (o *overwriting) Create(ctx context.Context, key string, data ...[]byte) error {
	if o.overwrites(o, key) {
		return o.Put(ctx, key, slices.Concat(data...))
	}
	return o.Memory.Create(ctx, key, data...)
}

// TestUnlock checks that Unlock ends the lease of a dead run, but not that of a run that is alive.
func TestUnlock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		wire := newPartitioned(memory)
		l := acquire(t, newStore(wire))
		s := newStore(memory)
		i, err := s.Inspect(t.Context())
		must(t, err)
		if err := s.Unlock(t.Context(), "other", state.Holder{}); err == nil || !strings.Contains(err.Error(), i.ID) {
			t.Errorf("unlocked with another id: %v", err)
		}
		if err := s.Unlock(t.Context(), i.ID, state.Holder{}); err == nil || !strings.Contains(err.Error(), "alive") {
			t.Errorf("unlocked a run that is alive: %v", err)
		}
		wire.set(true)
		must(t, s.Unlock(t.Context(), i.ID, state.Holder{}))
		must(t, acquire(t, s).Release())
		wire.set(false)
		if l.Append([]byte("x\n")) == nil {
			t.Error("a run whose lease was ended appended a line")
		}
		if err := s.Unlock(t.Context(), i.ID, state.Holder{}); err == nil {
			t.Error("unlocked what is not locked")
		}
	})
}

// TestUnlockEnded checks that Unlock reports a run as alive only if the lock still has the id.
func TestUnlockEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		first := acquire(t, newStore(memory))
		s := newStore(memory)
		i, err := s.Inspect(t.Context())
		must(t, err)
		go func() {
			time.Sleep(5 * time.Second)
			must(t, first.Release())
		}()
		if err := s.Unlock(t.Context(), i.ID, state.Holder{}); err == nil ||
			!strings.Contains(err.Error(), "has released the lock") {
			t.Errorf("unlocked a run that ended: %v", err)
		}
		second := acquire(t, newStore(memory))
		i, err = s.Inspect(t.Context())
		must(t, err)
		go func() {
			time.Sleep(2 * time.Second)
			must(t, second.Release())
			acquire(t, newStore(memory))
		}()
		if err := s.Unlock(t.Context(), i.ID, state.Holder{}); err == nil || strings.Contains(err.Error(), "alive") ||
			!strings.Contains(err.Error(), "the lock has the id") {
			t.Errorf("unlocked a run that ended before another began: %v", err)
		}
	})
}

// TestInspectNamesThePlace checks that the errors of every request name the place.
func TestInspectNamesThePlace(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(s *objects.Store) error{
		"archive": func(s *objects.Store) error { _, err := s.Archived(t.Context()); return err },
		"inspect": func(s *objects.Store) error { _, err := s.Inspect(t.Context()); return err },
	} {
		for n := range 4 {
			calls := 0
			s := newStore(&statetest.Faulty{Objects: &statetest.Memory{}, Fault: func(op, _ string) statetest.Fault {
				if calls++; op == "list" && calls == n+1 {
					return statetest.Fault{Err: errors.New("denied"), Skip: true}
				}
				return statetest.Fault{}
			}})
			if err := use(s); err != nil && !strings.Contains(err.Error(), "memory/") {
				t.Errorf("%s: the error of list %d does not name the place: %v", name, n+1, err)
			}
		}
	}
}

// TestOrganizations checks that only ids with a ledger are organizations, whatever other programs keep beside them.
func TestOrganizations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		for _, id := range []string{"o1", "o10", "b"} {
			l, err := objects.New(memory, id, objects.DefaultTimes).Acquire(t.Context(), state.Holder{}, 0)
			must(t, err)
			must(t, l.Release())
		}
		for _, key := range []string{
			"fotos/Übersicht.txt", "docs/~$a.docx", "my photos/a.txt", "photos/a.txt", "plain", "web/log/2026-11-30.txt",
			"web/base/x", "o10/log/x",
		} {
			must(t, memory.Put(t.Context(), key, []byte("x")))
		}
		ids, err := objects.Organizations(t.Context(), memory)
		if slices.Sort(ids); err != nil || !slices.Equal(ids, []string{"b", "o1", "o10"}) {
			t.Errorf("organizations %q, %v", ids, err)
		}
	})
}

// TestLateSignOfLife checks that a sign of life that reaches the storage after the lease was lost
// does not restore the lease, because another run may have it.
func TestLateSignOfLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		wire := &statetest.Faulty{Objects: &statetest.Memory{}, Fault: func(op, _ string) statetest.Fault {
			switch at := time.Since(begin); {
			case op == "put" && at < 25*time.Second:
				return statetest.Fault{Err: objects.ErrUnknown, Skip: true}
			case op == "put":
				return statetest.Fault{Before: 10*time.Second - 1}
			}
			return statetest.Fault{}
		}}
		s := objects.New(wire, "o1", objects.Times{
			SignInterval: 14 * time.Second, TakeoverAfter: 45 * time.Second, SafetyMargin: 15 * time.Second,
			RequestTimeout: 10 * time.Second, PollInterval: time.Second, Retention: time.Hour,
		})
		l := acquire(t, s)
		time.Sleep(29 * time.Second)
		must(t, l.Check())
		time.Sleep(10 * time.Second)
		if l.Check() == nil {
			t.Error("the lease came back")
		}
	})
}

// pausing is a storage that pauses the process for days after it has read a record.
type pausing struct {
	*statetest.Memory
	pause time.Duration
}

func (p *pausing) Get(ctx context.Context, key string) ([]byte, error) {
	object, err := p.Memory.Get(ctx, key)
	if strings.HasSuffix(key, "2") {
		pause := p.pause
		p.pause = 0
		time.Sleep(pause)
	}
	return object, err
}

// TestPausedBeforeAcquiring checks that a run that was paused between its read and its record reads
// the log again, although the number of its record was free.
func TestPausedBeforeAcquiring(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		must(t, acquire(t, newStore(memory)).Release())
		go func() {
			for range 4 {
				time.Sleep(26 * time.Hour)
				l := acquire(t, newStore(memory))
				appendManyLines(t, l)
				must(t, l.Release())
			}
		}()
		l := acquire(t, newStore(&pausing{memory, 120 * time.Hour}))
		if got := strings.Count(string(l.Content()), "a\n"); got != 60 {
			t.Errorf("the run knows %d lines of 60", got)
		}
	})
}

// TestFind checks that an organization has one ledger, in whatever case the API writes its id. If there are ledgers of
// ids that differ only in case, the exact id wins. If the list fails, there is no store.
func TestFind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		find := func(id string) *objects.Store {
			t.Helper()
			s, err := objects.Find(t.Context(), memory, id, objects.DefaultTimes)
			must(t, err)
			return s
		}
		add := func(s *objects.Store, line string) {
			t.Helper()
			l := acquire(t, s)
			must(t, l.Append([]byte(line)))
			must(t, l.Release())
		}
		add(find("O1-a"), "first\n")
		if got := content(t, find("o1-A")); got != "first\n" {
			t.Errorf("the id in another case: %q", got)
		}
		add(find("o1-b"), "of another organization\n")
		add(objects.New(memory, "o1-A", objects.DefaultTimes), "second\n")
		if got := content(t, find("o1-A")); got != "second\n" {
			t.Errorf("the exact id: %q", got)
		}
		o, c := count(memory)
		if _, err := objects.Find(t.Context(), o, "O1-a", objects.DefaultTimes); err != nil || len(c.requests) != 1 {
			t.Errorf("requests %q, %v", c.requests, err)
		}
		failing := &statetest.Faulty{Objects: memory, Fault: func(_, key string) statetest.Fault {
			if key == "" {
				return statetest.Fault{Err: objects.ErrUnknown, Skip: true}
			}
			return statetest.Fault{}
		}}
		if _, err := objects.Find(t.Context(), failing, "O2", objects.DefaultTimes); !errors.Is(err, objects.ErrUnknown) {
			t.Errorf("a list that fails: %v", err)
		}
	})
}
