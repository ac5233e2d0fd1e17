package objects_test

import (
	"context"
	"errors"
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
