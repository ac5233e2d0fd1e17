package objects_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/state"
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
		for want, object := range map[string][]byte{"record 3 of the shared state is damaged": fourth, "a later version": later} {
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
		for range 15 {
			must(t, l.Append([]byte("a\n")))
		}
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
		var next state.Lease
		releasing := false
		wire := &statetest.Faulty{Objects: memory, Fault: func(op, key string) statetest.Fault {
			if releasing && op == "list" && next == nil {
				next = acquire(t, newStore(memory))
			}
			if releasing && op == "list" {
				return statetest.Fault{Before: 5 * time.Second}
			}
			return statetest.Fault{}
		}}
		l := acquire(t, newStore(wire))
		for range 15 {
			must(t, l.Append([]byte("a\n")))
		}
		time.Sleep(time.Minute)
		before := keys(t, memory, "runs/")
		releasing = true
		must(t, l.Release())
		time.Sleep(10 * time.Second)
		if after := keys(t, memory, "runs/"); len(before) != 2 || len(after) != 2 || after[0] != before[1] {
			t.Errorf("signs of life: %q, then %q", before, after)
		}
		must(t, next.Check())
	})
}

// TestNoCleaningAfterAFailure: a run deletes nothing if it could not make its base, or lost its lease.
func TestNoCleaningAfterAFailure(t *testing.T) {
	t.Parallel()
	for _, failing := range []string{"base/", "log/"} {
		synctest.Test(t, func(t *testing.T) {
			memory := &statetest.Memory{}
			releasing, lists := false, 0
			wire := &statetest.Faulty{Objects: memory, Fault: func(op, key string) statetest.Fault {
				switch {
				case releasing && op == "list":
					lists++
				case releasing && op == "create" && strings.Contains(key, failing):
					return statetest.Fault{Err: errors.New("not allowed"), Skip: true}
				}
				return statetest.Fault{}
			}}
			l := acquire(t, newStore(wire))
			for range 15 {
				must(t, l.Append([]byte("a\n")))
			}
			releasing = true
			if err := l.Release(); (err != nil) != (failing == "log/") || lists > 0 {
				t.Errorf("%s: %d lists, %v", failing, lists, err)
			}
		})
	}
}
