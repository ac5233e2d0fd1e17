package statetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/objects"
)

// ShortTimes are the times of a lease for tests that use the real clock.
var ShortTimes = objects.Times{
	SignInterval: 200 * time.Millisecond, TakeoverAfter: 3 * time.Second, SafetyMargin: time.Second,
	RequestTimeout: time.Second, PollInterval: 100 * time.Millisecond, Retention: time.Hour,
}

// TestObjects tests that o does what the interface [objects.Objects] requires. It makes objects for a new
// organization only.
func TestObjects(t *testing.T, o objects.Objects) {
	t.Helper()
	id := newOrganization()
	key := func(name string) string { return id + "/" + name }
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Run("create once", func(t *testing.T) {
		must(o.Create(ctx, key("a"), []byte("one")))
		if err := o.Create(ctx, key("a"), []byte("two")); !errors.Is(err, objects.ErrExists) {
			t.Errorf("created again: %v", err)
		}
		data, err := o.Get(ctx, key("a"))
		if err != nil || string(data) != "one" {
			t.Errorf("there is %q, %v", data, err)
		}
	})
	t.Run("put, get, delete", func(t *testing.T) {
		must(o.Put(ctx, key("b"), []byte("one")))
		must(o.Put(ctx, key("b"), []byte("two")))
		if data, err := o.Get(ctx, key("b")); err != nil || string(data) != "two" {
			t.Errorf("there is %q, %v", data, err)
		}
		must(o.Delete(ctx, key("b")))
		must(o.Delete(ctx, key("b")))
		if _, err := o.Get(ctx, key("b")); !errors.Is(err, objects.ErrNotFound) {
			t.Errorf("deleted: %v", err)
		}
		must(o.Create(ctx, key("b"), nil))
		if data, err := o.Get(ctx, key("b")); err != nil || len(data) != 0 {
			t.Errorf("there is %q, %v", data, err)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		large := make([]byte, 3<<20)
		_, _ = rand.Read(large)
		must(o.Create(ctx, key("large"), large[:1], large[1:2<<20], nil, large[2<<20:]))
		// A server may answer and close the connection before it has read the whole object. The client
		// may then miss the answer.
		if err := o.Create(ctx, key("large"), large); !errors.Is(err, objects.ErrExists) &&
			!errors.Is(err, objects.ErrUnknown) {
			t.Errorf("created again: %v", err)
		}
		if data, err := o.Get(ctx, key("large")); err != nil || !bytes.Equal(data, large) {
			t.Errorf("%d bytes came back of %d, %v", len(data), len(large), err)
		}
		text := []byte("'\\\x00\x01\x1f\x7f\xff\xfe$1\"\n")
		must(o.Create(ctx, key("text"), text))
		if data, err := o.Get(ctx, key("text")); err != nil || !bytes.Equal(data, text) {
			t.Errorf("%q came back, %v", data, err)
		}
	})
	t.Run("list", func(t *testing.T) {
		for _, name := range []string{"log/2", "log/10", "log/1", "logs/1", "Log/1", "log-1", "z/1"} {
			must(o.Create(ctx, key("list/"+name), []byte(name)))
		}
		for _, c := range []struct {
			prefix, after string
			limit         int
			want          string
		}{
			{"list/", "", 0, "Log/1 log-1 log/1 log/10 log/2 logs/1 z/1"},
			{"list/log/", "", 0, "log/1 log/10 log/2"},
			{"list/log/", "list/log/1", 0, "log/10 log/2"},
			{"list/", "list/log/10", 2, "log/2 logs/1"},
			{"list/", "list/log/1x", 1, "log/2"},
			{"list/none", "", 0, ""},
		} {
			after := c.after
			if after != "" {
				after = key(after)
			}
			infos, err := o.List(ctx, key(c.prefix), after, c.limit)
			must(err)
			var names []string
			for _, info := range infos {
				name := strings.TrimPrefix(info.Key, key("list/"))
				names = append(names, name)
				if info.Size != int64(len(name)) || time.Since(info.Modified).Abs() > time.Hour {
					t.Errorf("%s has %d bytes and the time %v", info.Key, info.Size, info.Modified)
				}
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("list %q after %q, at most %d: %q, want %q", c.prefix, c.after, c.limit, got, c.want)
			}
		}
	})
	t.Run("many objects", func(t *testing.T) {
		const many = 1050 // more than S3 lists at once
		var all sync.WaitGroup
		for worker := range 20 {
			all.Go(func() {
				for i := worker; i < many; i += 20 {
					if err := o.Create(ctx, key(fmt.Sprintf("many/%05d", i)), []byte("x")); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		infos, err := o.List(ctx, key("many/"), "", 0)
		if err != nil || len(infos) != many || infos[many-1].Key != key("many/01049") {
			t.Errorf("%d of %d are listed, %v", len(infos), many, err)
		}
	})
	t.Run("one winner", func(t *testing.T) {
		const rounds, rivals = 20, 20
		for round := range rounds {
			name := key(fmt.Sprintf("race/%d", round))
			won := make([]bool, rivals)
			var all sync.WaitGroup
			for i := range rivals {
				all.Go(func() { won[i] = o.Create(ctx, name, fmt.Appendf(nil, "%d", i)) == nil })
			}
			all.Wait()
			data, err := o.Get(ctx, name)
			must(err)
			winners := 0
			for i := range won {
				if won[i] {
					if winners++; string(data) != fmt.Sprint(i) {
						t.Errorf("round %d: %d won, and %q is there", round, i, data)
					}
				}
			}
			if winners > 1 {
				t.Errorf("round %d: %d winners", round, winners)
			}
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if err := o.Create(ended, key("cancelled"), nil); err == nil {
			t.Error("created for a run that had ended")
		}
	})
}

// newOrganization returns the id of an organization that has no objects yet.
func newOrganization() string { return "t-" + strings.ToLower(rand.Text()[:10]) }

// TestLease tests that a store on o does what [state.Store] and [state.Lease] require. It takes some seconds.
func TestLease(t *testing.T, o objects.Objects) {
	t.Helper()
	id := newOrganization()
	ctx := t.Context()
	wire := &Faulty{Objects: o}
	var mu sync.Mutex
	cut := false
	wire.Fault = func(string, string) Fault {
		mu.Lock()
		defer mu.Unlock()
		if cut {
			return Fault{Err: objects.ErrUnknown, Skip: true}
		}
		return Fault{}
	}
	first, err := objects.New(wire, id, ShortTimes).Acquire(ctx, state.Holder{PID: 1, Host: "one"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Append([]byte("a\nb\n")); err != nil {
		t.Fatal(err)
	}
	store := objects.New(o, id, ShortTimes)
	var locked *state.LockedError
	_, err = store.Acquire(ctx, state.Holder{PID: 2}, ShortTimes.TakeoverAfter+time.Second)
	if !errors.As(err, &locked) || locked.Holder.Host != "one" {
		t.Errorf("a second run: %v", err)
	}
	mu.Lock()
	cut = true
	mu.Unlock()
	second, err := store.Acquire(ctx, state.Holder{PID: 2, Host: "two"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if first.Check() == nil {
		t.Error("a run whose lease was taken over may go on")
	}
	mu.Lock()
	cut = false
	mu.Unlock()
	var lost *state.LostError
	if err := first.Append([]byte("x\n")); !errors.As(err, &lost) || lost.NewHolder.Host != "two" {
		t.Errorf("append after the takeover: %v", err)
	}
	_ = first.Release()
	for i := range 12 {
		if err := second.Append(fmt.Appendf(nil, "%d\n", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := second.Release(); err != nil {
		t.Fatal(err)
	}
	third, err := store.Acquire(ctx, state.Holder{PID: 3}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(third.Content()), "a\nb\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n"; got != want {
		t.Errorf("the ledger is %q", got)
	}
	if err := third.Release(); err != nil {
		t.Fatal(err)
	}
}
