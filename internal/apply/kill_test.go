package apply_test

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
)

var errKilled = errors.New("killed")

// killer ends a run as kill -9 does: from one step of the ledger or the wire on, nothing has an effect any more.
type killer struct {
	c    *company
	mu   sync.Mutex
	left int // steps to live; negative: forever
	torn int // of the lines that are written at the last step, in percent
	dead bool
}

// killAfter lets the next run live for the given number of steps: each is a write to the ledger, a request that reaches
// the server or an answer that reaches the client. If the last step is a write, torn percent of it are written.
func (c *company) killAfter(steps, torn int) *killer {
	k := &killer{c: c, left: steps, torn: torn}
	c.store.OnAppend = k.onAppend
	c.wire.Before = func(*http.Request) error { return k.step() }
	c.wire.After = func(*http.Request) error { return k.step() }
	return k
}

// killAfterWrite kills the next run when the server has acted on the nth request that writes, before the answer
// arrives.
func (c *company) killAfterWrite(nth int32) *killer {
	k := c.killAfter(-1, 0)
	var served atomic.Int32
	c.wire.After = func(r *http.Request) error {
		if r.Method != http.MethodGet && served.Add(1) == nth {
			k.die()
		}
		return k.step()
	}
	return k
}

func (k *killer) die() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dead = true
}

// revive ends the killing; the lock of the dead falls.
func (k *killer) revive() {
	k.c.store.OnAppend, k.c.wire.Before, k.c.wire.After = nil, nil, nil
	k.c.store.Unlock()
}

// step is an error for the dead.
func (k *killer) step() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.left == 0 {
		k.dead = true
	}
	if k.dead {
		return errKilled
	}
	k.left--
	return nil
}

func (k *killer) onAppend(lines []byte) (int, error) {
	k.mu.Lock()
	alive := !k.dead
	k.mu.Unlock()
	if err := k.step(); err != nil {
		if alive { // this very write was the last thing it did
			return len(lines) * k.torn / 100, err
		}
		return 0, err
	}
	return 0, nil
}
