package objects_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/objects"
	"github.com/orgsync/orgsync/internal/state/statetest"
)

// changedAnswers is a storage whose answers are changed on their way, for example by a proxy.
type changedAnswers struct {
	*statetest.Memory
	list func(prefix string, infos []objects.Info) []objects.Info
	get  func(key string, data []byte) []byte
}

func (c *changedAnswers) List(ctx context.Context, prefix, after string, limit int) ([]objects.Info, error) {
	infos, err := c.Memory.List(ctx, prefix, after, limit)
	if c.list != nil {
		infos = c.list(prefix, infos)
	}
	return infos, err
}

func (c *changedAnswers) Get(ctx context.Context, key string) ([]byte, error) {
	data, err := c.Memory.Get(ctx, key)
	if c.get != nil && err == nil {
		data = c.get(key, data)
	}
	return data, err
}

// TestListThatLacksObjects: a list that lacks objects is not taken for the whole log. Otherwise, after the first
// records were deleted, a run would take an empty list for an empty ledger. Without the records after a base, it would
// try forever to make a record that exists.
func TestListThatLacksObjects(t *testing.T) {
	t.Parallel()
	for name, list := range map[string]func(string, []objects.Info) []objects.Info{
		"empty": func(string, []objects.Info) []objects.Info { return nil },
		"only bases": func(prefix string, infos []objects.Info) []objects.Info {
			if prefix == "o1/base/" {
				return infos
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := &statetest.Memory{}
				for range 3 {
					l := acquire(t, newStore(memory))
					appendManyLines(t, l)
					must(t, l.Release())
					time.Sleep(25 * time.Hour)
				}
				if log := keys(t, memory, "log/"); strings.HasSuffix(log[0], "00001") {
					t.Fatalf("no record was deleted: %q", log)
				}
				want := content(t, newStore(memory))
				proxy := &changedAnswers{Memory: memory, list: list}
				l, err := newStore(proxy).Acquire(t.Context(), state.Holder{PID: 2}, 0)
				if err == nil {
					t.Errorf("the run has a ledger of %d bytes, want %d", len(l.Content()), len(want))
					_ = l.Release()
				} else if !errors.Is(err, objects.ErrUnknown) {
					t.Error(err)
				}
				if got := content(t, newStore(memory)); got != want {
					t.Errorf("the ledger has %d bytes afterwards, want %d", len(got), len(want))
				}
			})
		})
	}
}

// TestAnotherAnswerThanTheRecord: the last record says who was mailed. A run does not ignore it because a proxy answers
// something else.
func TestAnotherAnswerThanTheRecord(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func([]byte) []byte{
		"web page": func([]byte) []byte { return []byte("<html>blocked</html>") },
		"half":     func(data []byte) []byte { return data[:len(data)/2] },
		"nothing":  func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := &statetest.Memory{}
				ctx, kill := context.WithCancel(t.Context())
				l, err := newStore(memory).Acquire(ctx, state.Holder{PID: 1}, 0)
				must(t, err)
				must(t, l.Append([]byte("a\n")))
				must(t, l.Append([]byte("b\n")))
				log := keys(t, memory, "log/")
				last := "o1/" + log[len(log)-1]
				kill()
				time.Sleep(2 * time.Minute)
				proxy := &changedAnswers{Memory: memory, get: func(key string, data []byte) []byte {
					if key == last {
						return answer(data)
					}
					return data
				}}
				for _, read := range []func() ([]byte, error){
					func() ([]byte, error) { return newStore(proxy).Read(t.Context()) },
					func() ([]byte, error) {
						l, err := newStore(proxy).Acquire(t.Context(), state.Holder{PID: 2}, 2*time.Minute)
						if err != nil {
							return nil, err
						}
						return l.Content(), l.Release()
					},
				} {
					if lines, err := read(); !errors.Is(err, objects.ErrUnknown) {
						t.Errorf("the ledger is %q, %v", lines, err)
					}
				}
			})
		})
	}
}

// TestAnotherAnswerThanTheBase: if a proxy answers something else than the base, a run does not ignore the base.
func TestAnotherAnswerThanTheBase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, _ := newLedger(t, 12)
		base := "o1/" + keys(t, memory, "base/")[0]
		proxy := &changedAnswers{Memory: memory, get: func(key string, data []byte) []byte {
			if key == base {
				return []byte("<html>blocked</html>")
			}
			return data
		}}
		if lines, err := newStore(proxy).Read(t.Context()); !errors.Is(err, objects.ErrUnknown) {
			t.Errorf("the ledger is %q, %v", lines, err)
		}
	})
}

// TestOldList: a list of an earlier time lacks the last records. A run does not try forever to make a record that
// exists.
func TestOldList(t *testing.T) {
	t.Parallel()
	for name, hidden := range map[string]int{"of before the last run": 3, "of before the end of the last run": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory, _ := newLedger(t, 3)
				l := acquire(t, newStore(memory))
				must(t, l.Append([]byte("last\n")))
				must(t, l.Release())
				want := content(t, newStore(memory))
				log := keys(t, memory, "log/")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				lists := 0
				proxy := &changedAnswers{Memory: memory, list: func(_ string, infos []objects.Info) []objects.Info {
					if lists++; lists > 1000 {
						cancel()
					}
					return slices.DeleteFunc(infos, func(info objects.Info) bool {
						return slices.Contains(log[len(log)-hidden:], strings.TrimPrefix(info.Key, "o1/"))
					})
				}}
				_, err := newStore(proxy).Acquire(ctx, state.Holder{PID: 2}, 2*time.Minute)
				if !errors.Is(err, objects.ErrUnknown) {
					t.Errorf("after %d lists: %v", lists, err)
				}
				if got := content(t, newStore(memory)); got != want {
					t.Errorf("the ledger is %q afterwards, want %q", got, want)
				}
			})
		})
	}
}

// TestListWithoutWaitingRun: a list that lacks the object of the run that waits may lack the signs of life of the run
// that has the lease. So it does not show that this run is dead.
func TestListWithoutWaitingRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		alive := acquire(t, newStore(memory))
		proxy := &changedAnswers{Memory: memory, list: func(_ string, infos []objects.Info) []objects.Info {
			return slices.DeleteFunc(infos, func(info objects.Info) bool {
				return strings.HasPrefix(info.Key, "o1/runs/") || strings.HasPrefix(info.Key, "o1/wait/")
			})
		}}
		_, err := newStore(proxy).Acquire(t.Context(), state.Holder{PID: 2}, 2*time.Minute)
		if !errors.Is(err, objects.ErrUnknown) {
			t.Errorf("another run has the lock: %v", err)
		}
		must(t, alive.Append([]byte("a\n")))
	})
}

// TestUnlockWithOldList: a list of an earlier time does not show that a run gave no sign of life.
func TestUnlockWithOldList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		l := acquire(t, newStore(memory))
		i, err := newStore(memory).Inspect(t.Context())
		must(t, err)
		start := time.Now()
		proxy := &changedAnswers{Memory: memory, list: func(_ string, infos []objects.Info) []objects.Info {
			return slices.DeleteFunc(infos, func(info objects.Info) bool { return info.Modified.After(start) })
		}}
		err = newStore(proxy).Unlock(t.Context(), i.ID, state.Holder{PID: 2})
		if !errors.Is(err, objects.ErrUnknown) {
			t.Errorf("unlock: %v", err)
		}
		must(t, l.Append([]byte("a\n")))
		must(t, l.Release())
	})
}

// TestEmptyList: a reader without a lock does not take an empty list for an empty ledger either.
func TestEmptyList(t *testing.T) {
	t.Parallel()
	memory, _ := newLedger(t, 3)
	proxy := &changedAnswers{Memory: memory, list: func(string, []objects.Info) []objects.Info { return nil }}
	if lines, err := newStore(proxy).Read(t.Context()); !errors.Is(err, objects.ErrUnknown) {
		t.Errorf("the ledger is %q, %v", lines, err)
	}
	if i, err := newStore(proxy).Inspect(t.Context()); !errors.Is(err, objects.ErrUnknown) {
		t.Errorf("the ledger is %+v, %v", i, err)
	}
	if lines, err := newStore(&statetest.Memory{}).Read(t.Context()); err != nil || len(lines) > 0 {
		t.Errorf("a new ledger is %q, %v", lines, err)
	}
}

// TestRepeatedRequests: a read is repeated three times, with longer and longer pauses, if there is no answer. If the
// run is stopped, it is not repeated, and the error is the reason of the stop.
func TestRepeatedRequests(t *testing.T) {
	t.Parallel()
	stopped := errors.New("stopped")
	for failures, want := range map[int]struct {
		took time.Duration
		err  error
	}{
		0: {0, nil}, 1: {100 * time.Millisecond, nil}, 3: {2100 * time.Millisecond, nil},
		4: {2100 * time.Millisecond, objects.ErrUnknown}, 99: {500 * time.Millisecond, stopped},
	} {
		synctest.Test(t, func(t *testing.T) {
			memory, _ := newLedger(t, 3)
			requests := 0
			s := newStore(&statetest.Faulty{Objects: memory, Fault: func(op, key string) statetest.Fault {
				if op == "get" && strings.HasSuffix(key, "2") {
					if requests++; requests <= failures {
						return statetest.Fault{Err: objects.ErrUnknown, Skip: true}
					}
				}
				return statetest.Fault{}
			}})
			ctx, stop := context.WithCancelCause(t.Context())
			if errors.Is(want.err, stopped) {
				time.AfterFunc(want.took, func() { stop(stopped) })
			}
			start := time.Now()
			_, err := s.Read(ctx)
			if took := time.Since(start); !errors.Is(err, want.err) || took != want.took {
				t.Errorf("%d failures: %v after %v", failures, err, took)
			}
			stop(nil)
		})
	}
}

// TestOtherSizes: a storage may list other sizes than those of the objects, for example if it encrypts them. Objects
// with the right checksum are used.
func TestOtherSizes(t *testing.T) {
	t.Parallel()
	memory, want := newLedger(t, 12)
	s := newStore(&changedAnswers{Memory: memory, list: func(_ string, infos []objects.Info) []objects.Info {
		for i := range infos {
			infos[i].Size += 28
		}
		return infos
	}})
	if got := content(t, s); got != want {
		t.Errorf("the ledger is %q", got)
	}
}

// TestWaitingRunReadsOnce: a run that waits for the lease reads each record once.
func TestWaitingRunReadsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, _ := newLedger(t, 5)
		l := acquire(t, newStore(memory))
		reads := 0
		wire := &changedAnswers{Memory: memory, get: func(_ string, data []byte) []byte {
			reads++
			return data
		}}
		_, err := newStore(wire).Acquire(t.Context(), state.Holder{PID: 2}, 20*time.Second)
		if _, isLocked := errors.AsType[*state.LockedError](err); !isLocked || reads != len(keys(t, memory, "log/")) {
			t.Errorf("%d reads: %v", reads, err)
		}
		must(t, l.Release())
	})
}

// refusesMissing refuses to read an object that does not exist, as S3 does if the policy lets a run list only the
// objects below a prefix.
type refusesMissing struct{ *statetest.Memory }

func (r refusesMissing) Get(ctx context.Context, key string) ([]byte, error) {
	data, err := r.Memory.Get(ctx, key)
	if errors.Is(err, objects.ErrNotFound) {
		err = &state.Problem{Err: errors.New("the credentials may not do s3:GetObject")}
	}
	return data, err
}

// TestNewStorageThatRefuses: a storage is new if it refuses to read the object that each ledger has, and does not list
// this object either.
func TestNewStorageThatRefuses(t *testing.T) {
	t.Parallel()
	storage := refusesMissing{&statetest.Memory{}}
	if lines, err := newStore(storage).Read(t.Context()); err != nil || len(lines) > 0 {
		t.Errorf("a new ledger is %q, %v", lines, err)
	}
	l := acquire(t, newStore(storage))
	must(t, l.Append([]byte("a\n")))
	must(t, l.Release())
	if got := content(t, newStore(storage)); got != "a\n" {
		t.Errorf("the ledger is %q", got)
	}
	hidden := &statetest.Faulty{
		Objects: &changedAnswers{Memory: storage.Memory, list: func(_ string, infos []objects.Info) []objects.Info {
			if len(infos) == 1 { // the list of only this object
				return infos
			}
			return nil
		}},
		Fault: func(op, _ string) (f statetest.Fault) {
			if op == "get" {
				f.Err = &state.Problem{Err: errors.New("the credentials may not do s3:GetObject")}
			}
			return f
		},
	}
	if lines, err := newStore(hidden).Read(t.Context()); err == nil {
		t.Errorf("the ledger is %q, although the object that each ledger has is in a list", lines)
	}
}

// TestAnotherAnswerThanTheArchive: if a proxy answers something else than old lines, a run does not leave them out.
func TestAnotherAnswerThanTheArchive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, _ := newLedger(t, 3)
		l := acquire(t, newStore(memory))
		must(t, l.Replace([]byte("line 2\n")))
		must(t, l.Release())
		s := newStore(&changedAnswers{Memory: memory, get: func(key string, data []byte) []byte {
			if strings.HasPrefix(key, "o1/archive/") {
				return []byte("<html>blocked</html>")
			}
			return data
		}})
		if lines, err := s.Archived(t.Context()); !errors.Is(err, objects.ErrUnknown) {
			t.Errorf("the old lines are %q, %v", lines, err)
		}
	})
}

// TestRecordDeletedDuringRead: if a record is missing, the log is read again, because another run may have deleted the
// record after it made a base. Only a record that stays missing is an error.
func TestRecordDeletedDuringRead(t *testing.T) {
	t.Parallel()
	memory, want := newLedger(t, 3)
	lists := 0
	proxy := &changedAnswers{Memory: memory, list: func(_ string, infos []objects.Info) []objects.Info {
		if len(infos) > 3 {
			if lists++; lists == 1 {
				return slices.Delete(slices.Clone(infos), 1, 2)
			}
		}
		return infos
	}}
	if got := content(t, newStore(proxy)); got != want || lists != 2 {
		t.Errorf("the ledger is %q after %d lists", got, lists)
	}
}
