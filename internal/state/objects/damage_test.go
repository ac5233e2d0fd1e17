package objects_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/objects"
	"github.com/orgsync/orgsync/internal/state/statetest"
)

// newLedger returns a storage with a ledger of n lines, and these lines.
func newLedger(t *testing.T, n int) (*statetest.Memory, string) {
	t.Helper()
	memory := &statetest.Memory{}
	l := acquire(t, newStore(memory))
	var want strings.Builder
	for i := range n {
		fmt.Fprintf(&want, "line %d\n", i)
		must(t, l.Append(fmt.Appendf(nil, "line %d\n", i)))
	}
	must(t, l.Release())
	return memory, want.String()
}

// TestUnusableBase: a base that is damaged, or is no base with its number, is ignored.
func TestUnusableBase(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(base, record []byte) []byte{
		"half":          func(base, _ []byte) []byte { return base[:len(base)/2] },
		"empty":         func([]byte, []byte) []byte { return nil },
		"not a base":    func(_, record []byte) []byte { return record },
		"another bytes": func(base, _ []byte) []byte { return bytes.Replace(base, []byte("line 1"), []byte("line 7"), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory, want := newLedger(t, 12)
				bases := keys(t, memory, "base/")
				if len(bases) != 1 {
					t.Fatalf("bases: %q", bases)
				}
				base, err := memory.Get(t.Context(), "o1/"+bases[0])
				must(t, err)
				record, err := memory.Get(t.Context(), "o1/log"+strings.TrimPrefix(bases[0], "base"))
				must(t, err)
				must(t, memory.Put(t.Context(), "o1/"+bases[0], change(base, record)))
				if got := content(t, newStore(memory)); got != want {
					t.Errorf("the ledger is %q", got)
				}
			})
		})
	}
	t.Run("of a later version", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			memory, _ := newLedger(t, 12)
			later := []byte(`{"v":99,"kind":"base"}` + "\n")
			later = fmt.Appendf(later, "#sha256 %x\n", sha256.Sum256(later))
			must(t, memory.Put(t.Context(), "o1/"+keys(t, memory, "base/")[0], later))
			_, err := newStore(memory).Read(t.Context())
			if problem, ok := errors.AsType[*state.Problem](err); !ok || problem.Advice != "update orgsync on this machine" {
				t.Errorf("read: %v", err)
			}
		})
	})
	t.Run("another number", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			memory, want := newLedger(t, 12)
			base, err := memory.Get(t.Context(), "o1/"+keys(t, memory, "base/")[0])
			must(t, err)
			must(t, memory.Put(t.Context(), fmt.Sprintf("o1/base/%020d", 99), base))
			if got := content(t, newStore(memory)); got != want {
				t.Errorf("the ledger is %q", got)
			}
		})
	})
}

// TestUnusableRecord: a record with another number is damaged. A record of a later version is an error of its own.
func TestUnusableRecord(t *testing.T) {
	t.Parallel()
	later := []byte(`{"v":99,"kind":"lines","number":3}` + "\n")
	later = fmt.Appendf(later, "#sha256 %x\n", sha256.Sum256(later))
	synctest.Test(t, func(t *testing.T) {
		memory, _ := newLedger(t, 5)
		log := keys(t, memory, "log/")
		fourth, err := memory.Get(t.Context(), "o1/"+log[3])
		must(t, err)
		for want, object := range map[string][]byte{
			"record 3 of the shared state is damaged": fourth,
			"a later version":                         later,
		} {
			must(t, memory.Put(t.Context(), "o1/"+log[2], object))
			_, err := newStore(memory).Read(t.Context())
			var problem *state.Problem
			if !errors.As(err, &problem) || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
		}
	})
}

// TestOldRecordsBeforeANewBase: the records of a long run stay for a day after the base that replaces them.
func TestOldRecordsBeforeANewBase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		l := acquire(t, newStore(memory))
		appendManyLines(t, l)
		time.Sleep(25 * time.Hour)
		must(t, l.Release())
		if log := keys(t, memory, "log/"); len(log) != 1+15+1 || len(keys(t, memory, "base/")) != 1 {
			t.Errorf("left are %q", log)
		}
	})
}

// TestSignOfNextRun: a run that ends deletes the signs of life of earlier runs, but not that of a run that has begun
// since.
func TestSignOfNextRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		earlier := acquire(t, newStore(memory))
		time.Sleep(time.Minute)
		must(t, earlier.Release())
		begin := sync.OnceValue(func() state.Lease { return acquire(t, newStore(memory)) })
		releasing := false
		wire := &statetest.Faulty{Objects: memory, Fault: func(op, _ string) statetest.Fault {
			if releasing && op == "list" {
				begin()
				return statetest.Fault{Before: 5 * time.Second}
			}
			return statetest.Fault{}
		}}
		l := acquire(t, newStore(wire))
		appendManyLines(t, l)
		time.Sleep(time.Minute)
		before := keys(t, memory, "runs/")
		releasing = true
		must(t, l.Release())
		time.Sleep(10 * time.Second)
		if after := keys(t, memory, "runs/"); len(before) != 2 || len(after) != 2 || after[0] != before[1] {
			t.Errorf("signs of life: %q, then %q", before, after)
		}
		must(t, begin().Check())
	})
}

// TestNoCleaningAfterAFailure: a run deletes nothing if it could not make its base, or lost its lease.
func TestNoCleaningAfterAFailure(t *testing.T) {
	t.Parallel()
	for _, failing := range []string{"base/", "log/"} {
		synctest.Test(t, func(t *testing.T) {
			memory := &statetest.Memory{}
			var mu sync.Mutex
			releasing, lists := false, 0
			wire := &statetest.Faulty{Objects: memory, Fault: func(op, key string) statetest.Fault {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case releasing && op == "list":
					lists++
				case releasing && op == "create" && strings.Contains(key, failing):
					return statetest.Fault{Err: errors.New("not allowed"), Skip: true}
				}
				return statetest.Fault{}
			}}
			l := acquire(t, newStore(wire))
			appendManyLines(t, l)
			releasing = true
			if err := l.Release(); (err != nil) != (failing == "log/") || lists > 0 {
				t.Errorf("%s: %d lists, %v", failing, lists, err)
			}
		})
	}
}

// oddProofs is a storage that treats the objects of its first test in its own way.
type oddProofs struct {
	*statetest.Memory
	create func(o oddProofs, key string, data []byte) error
	get    func(data []byte) []byte
}

func (o oddProofs) Create(ctx context.Context, key string, data ...[]byte) error {
	if o.create != nil && strings.Contains(key, "/proof/") {
		return o.create(o, key, bytes.Join(data, nil))
	}
	return o.Memory.Create(ctx, key, data...)
}

func (o oddProofs) Get(ctx context.Context, key string) ([]byte, error) {
	data, err := o.Memory.Get(ctx, key)
	if o.get != nil && err == nil && strings.Contains(key, "/proof/") {
		data = o.get(data)
	}
	return data, err
}

// TestFirstTestOfAStorage: the first use of a storage finds that it keeps another object than it says. Lost answers are
// no proof of that.
func TestFirstTestOfAStorage(t *testing.T) {
	t.Parallel()
	returns := func(text string) func([]byte) []byte { return func([]byte) []byte { return []byte(text) } }
	overwrite := func(o oddProofs, key string, data []byte) error {
		err := o.Memory.Create(context.Background(), key, data)
		if err != nil {
			_ = o.Put(context.Background(), key, data)
		}
		return err
	}
	lose := func(o oddProofs, key string, data []byte) error {
		if err := o.Memory.Create(context.Background(), key, data); err != nil {
			return err
		}
		return objects.ErrUnknown
	}
	for name, tt := range map[string]struct {
		storage oddProofs
		refused bool
	}{
		"overwrites, and says that it did not": {oddProofs{create: overwrite}, true},
		"keeps other bytes":                    {oddProofs{get: returns("x")}, true},
		"keeps an object of nobody":            {oddProofs{get: returns("16")}, true},
		"keeps an object below the first":      {oddProofs{get: returns("-1")}, true},
		"loses the answer to the winner":       {oddProofs{create: lose}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tt.storage.Memory = &statetest.Memory{}
				l, err := newStore(tt.storage).Acquire(t.Context(), state.Holder{}, 0)
				var problem *state.Problem
				if tt.refused != errors.As(err, &problem) || tt.refused == (err == nil) {
					t.Errorf("acquire: %v", err)
				}
				if err == nil {
					must(t, l.Release())
				}
			})
		})
	}
}

// TestFirstTestFails: the first use of a storage ends with the error of the storage. A storage that cannot be reached
// is not said to ignore conditions.
func TestFirstTestFails(t *testing.T) {
	t.Parallel()
	refused := errors.New("not allowed")
	for name, failing := range map[string]struct {
		request string
		number  int
		fault   error
	}{
		"the object that each ledger has":        {"create o1/probe", 1, refused},
		"the object that each ledger has, again": {"create o1/probe", 2, refused},
		"the object of the test":                 {"get o1/proof/", 1, refused},
		"no answer to the test":                  {"get o1/proof/", 0, objects.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				requests := 0
				wire := &statetest.Faulty{Objects: &statetest.Memory{}, Fault: func(op, key string) statetest.Fault {
					mu.Lock()
					defer mu.Unlock()
					if strings.HasPrefix(op+" "+key, failing.request) {
						if requests++; failing.number == 0 || requests == failing.number {
							return statetest.Fault{Err: failing.fault, Skip: true}
						}
					}
					return statetest.Fault{}
				}}
				if _, err := newStore(wire).Acquire(t.Context(), state.Holder{}, 0); !errors.Is(err, failing.fault) {
					t.Errorf("acquire: %v", err)
				}
			})
		})
	}
}

// TestReadFailsWhileWaiting: a run that waits for the lease ends with the error of the storage.
func TestReadFailsWhileWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		acquire(t, newStore(memory))
		var mu sync.Mutex
		refused, waits := errors.New("not allowed"), false
		wire := &statetest.Faulty{Objects: memory, Fault: func(op, _ string) statetest.Fault {
			mu.Lock()
			defer mu.Unlock()
			waits = waits || op == "put"
			if waits && op == "list" {
				return statetest.Fault{Err: refused, Skip: true}
			}
			return statetest.Fault{}
		}}
		_, err := newStore(wire).Acquire(t.Context(), state.Holder{PID: 2}, time.Minute)
		if !errors.Is(err, refused) {
			t.Errorf("acquire: %v", err)
		}
	})
}

// TestUnlockWithAFrozenClock: a run that writes is alive, even if the clock of the storage does not move.
func TestUnlockWithAFrozenClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &frozenClock{Memory: &statetest.Memory{}, at: time.Now()}
		l := acquire(t, newStore(memory))
		i, err := newStore(memory).Inspect(t.Context())
		must(t, err)
		time.AfterFunc(time.Second, func() { must(t, l.Append([]byte("a\n"))) })
		err = newStore(memory).Unlock(t.Context(), i.ID, state.Holder{PID: 2})
		if err == nil || !strings.Contains(err.Error(), "is alive") {
			t.Errorf("unlock: %v", err)
		}
		must(t, l.Append([]byte("b\n")))
	})
}

// TestUnlockWithoutASignOfLife: a run is alive although one of its signs of life was lost, or came late.
func TestUnlockWithoutASignOfLife(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]statetest.Fault{
		"lost": {Err: objects.ErrUnknown, Skip: true}, "late": {Before: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := &statetest.Memory{}
				signs := 0
				l := acquire(t, newStore(&statetest.Faulty{Objects: memory, Fault: func(op, key string) statetest.Fault {
					if op == "put" && strings.HasPrefix(key, "o1/runs/") {
						if signs++; signs == 2 {
							return fault
						}
					}
					return statetest.Fault{}
				}}))
				s := newStore(memory)
				i, err := s.Inspect(t.Context())
				must(t, err)
				time.Sleep(11 * time.Second) // the second sign of life is next
				err = s.Unlock(t.Context(), i.ID, state.Holder{PID: 2})
				if err == nil || !strings.Contains(err.Error(), "is alive") {
					t.Errorf("unlock: %v", err)
				}
				must(t, l.Append([]byte("a\n")))
				must(t, l.Release())
				if waiting := keys(t, memory, "wait/"); len(waiting) > 0 {
					t.Errorf("unlock left %q", waiting)
				}
			})
		})
	}
}

// TestUnlockTime: Unlock waits until a run, if it is alive, may begin nothing new. If nobody has heard of the run for
// longer, Unlock waits only as long as signs of life are apart.
func TestUnlockTime(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration]time.Duration{
		0: 31 * time.Second, 10 * time.Second: 21 * time.Second, 25 * time.Second: 11 * time.Second,
		time.Hour: 11 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			memory := &statetest.Memory{Skew: time.Minute}
			wire := newPartitioned(memory)
			acquire(t, newStore(wire))
			wire.set(true)
			time.Sleep(age)
			s := newStore(memory)
			i, err := s.Inspect(t.Context())
			must(t, err)
			start := time.Now()
			must(t, s.Unlock(t.Context(), i.ID, state.Holder{PID: 2}))
			if took := time.Since(start); took != want {
				t.Errorf("after %v: Unlock took %v, want %v", age, took, want)
			}
		})
	}
}

// TestFindFails: an organization is not taken for a new one if the storage does not say whether it has a ledger.
func TestFindFails(t *testing.T) {
	t.Parallel()
	memory := &statetest.Memory{}
	for _, folder := range []string{"log/", "base/"} {
		refused := errors.New("not allowed")
		wire := &statetest.Faulty{Objects: memory, Fault: func(_, key string) statetest.Fault {
			if strings.HasSuffix(key, folder) {
				return statetest.Fault{Err: refused, Skip: true}
			}
			return statetest.Fault{}
		}}
		if _, err := objects.Find(t.Context(), wire, "o1", objects.DefaultTimes); !errors.Is(err, refused) {
			t.Errorf("%s: %v", folder, err)
		}
	}
}

// TestEveryFailedRequest: if the storage refuses any request of a reading or of a lock, there is an error. Otherwise
// the ledger could look empty, and everybody would be mailed again. If an object vanishes once, the log is read again.
func TestEveryFailedRequest(t *testing.T) {
	t.Parallel()
	refused := errors.New("not allowed")
	for name, use := range map[string]func(ctx context.Context, s *objects.Store) (content string, err error){
		"read": func(ctx context.Context, s *objects.Store) (string, error) {
			lines, err := s.Read(ctx)
			return string(lines), err
		},
		"acquire": func(ctx context.Context, s *objects.Store) (string, error) {
			l, err := s.Acquire(ctx, state.Holder{}, 0)
			if err != nil {
				return "", err
			}
			return string(l.Content()), l.Release()
		},
		"inspect": func(ctx context.Context, s *objects.Store) (string, error) {
			_, err := s.Inspect(ctx)
			return "", err
		},
		"archived": func(ctx context.Context, s *objects.Store) (string, error) {
			lines, err := s.Archived(ctx)
			return string(lines), err
		},
		"replace": func(ctx context.Context, s *objects.Store) (string, error) {
			l, err := s.Acquire(ctx, state.Holder{}, 0)
			if err != nil {
				return "", err
			}
			return "", errors.Join(l.Replace([]byte("line 3\n")), l.Release())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				// attempt uses a new ledger. The request with the number failing, counted from 1, has the fault.
				attempt := func(failing int, fault error) (got, want string, requests []string, err error) {
					memory, _ := newLedger(t, 12)
					l := acquire(t, newStore(memory))
					must(t, l.Replace([]byte("line 1\nline 3\n")))
					must(t, l.Append([]byte("line 12\n")))
					must(t, l.Release())
					var mu sync.Mutex
					wire := &statetest.Faulty{Objects: memory, Fault: func(op, key string) statetest.Fault {
						mu.Lock()
						defer mu.Unlock()
						requests = append(requests, op+" "+key)
						if len(requests) == failing {
							return statetest.Fault{Err: fault, Skip: true}
						}
						return statetest.Fault{}
					}}
					s := objects.New(wire, "o1", objects.DefaultTimes)
					got, err = use(t.Context(), s)
					return got, "line 1\nline 3\nline 12\n", requests, err
				}
				_, _, all, err := attempt(0, nil)
				must(t, err)
				for i, request := range all {
					if strings.HasPrefix(request, "delete") || strings.HasPrefix(request, "create o1/probe") {
						continue
					}
					if _, _, _, err := attempt(i+1, refused); !errors.Is(err, refused) {
						t.Errorf("%s is refused: %v", request, err)
					}
					if !strings.HasPrefix(request, "get o1/log/") && !strings.HasPrefix(request, "get o1/base/") {
						continue
					}
					got, want, _, err := attempt(i+1, objects.ErrNotFound)
					if err != nil || got != "" && got != want {
						t.Errorf("%s finds nothing once: %q, %v", request, got, err)
					}
				}
			})
		})
	}
}

// TestManyTakeovers: old records are deleted, and counted if that fails, also if the log begins with many records that
// took over a lease. These records are kept.
func TestManyTakeovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const killed = 210
		memory := &statetest.Memory{}
		must(t, acquire(t, newStore(memory)).Release())
		for range killed {
			ctx, kill := context.WithCancel(t.Context())
			_, err := newStore(memory).Acquire(ctx, state.Holder{PID: 1}, 0)
			must(t, err)
			kill()
			time.Sleep(2 * time.Minute)
		}
		l := acquire(t, newStore(memory))
		appendManyLines(t, l)
		must(t, l.Release())
		time.Sleep(49 * time.Hour)
		must(t, acquire(t, newStore(memory)).Release())
		i, err := newStore(memory).Inspect(t.Context())
		must(t, err)
		if len(i.Notes) != 1 || !strings.HasPrefix(i.Notes[0], "17 old objects") {
			t.Errorf("notes: %q", i.Notes)
		}
		l = acquire(t, newStore(memory))
		appendManyLines(t, l)
		must(t, l.Release())
		log := keys(t, memory, "log/")
		if want := killed + 2 + 2 + 17; len(log) != want { // of the first base on, all records are left
			t.Errorf("%d records are left, want %d", len(log), want)
		}
	})
}

// TestManyOldRecords: Inspect does not list all old records if there are many, and says so.
func TestManyOldRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, _ := newLedger(t, 250)
		time.Sleep(49 * time.Hour)
		must(t, acquire(t, newStore(memory)).Release())
		i, err := newStore(memory).Inspect(t.Context())
		must(t, err)
		if len(i.Notes) != 1 || !strings.HasPrefix(i.Notes[0], "at least 200 old objects") {
			t.Errorf("notes: %q", i.Notes)
		}
	})
}

// TestUnlockAfterHalfWrittenRecord: a lease can be ended if the run died while it wrote a record. Later runs ignore
// this record.
func TestUnlockAfterHalfWrittenRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &statetest.Memory{}
		ctx, kill := context.WithCancel(t.Context())
		l, err := newStore(memory).Acquire(ctx, state.Holder{PID: 1}, 0)
		must(t, err)
		must(t, l.Append([]byte("a\n")))
		kill()
		time.Sleep(25 * time.Second) // it still gives signs of life for a while
		must(t, memory.Create(t.Context(), fmt.Sprintf("o1/log/%020d", 3), []byte("half")))
		s := newStore(memory)
		i, err := s.Inspect(t.Context())
		must(t, err)
		if !i.Held || len(i.Notes) != 1 {
			t.Errorf("the lock: %+v", i)
		}
		must(t, s.Unlock(t.Context(), i.ID, state.Holder{PID: 2}))
		next := acquire(t, newStore(memory))
		must(t, next.Append([]byte("b\n")))
		must(t, next.Release())
		if got := content(t, s); got != "a\nb\n" {
			t.Errorf("the ledger is %q", got)
		}
	})
}
