package apply_test

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
)

var errKilled = errors.New("killed")

// killer ends a run as kill -9 does. After the last step, the run writes nothing to the ledger and the wire.
type killer struct {
	c    *company
	mu   sync.Mutex
	left int // steps until the run is killed; negative if steps do not kill it
	torn int // how much of the last write is written, in percent
	dead bool
}

// killAfter kills the next run after the given number of steps. A step is a write to the ledger, a request that
// reaches the server or an answer that reaches the client. If the last step is a write, torn percent of it are
// written.
func (c *company) killAfter(steps, torn int) *killer {
	k := &killer{c: c, left: steps, torn: torn}
	c.store.OnAppend = k.onAppend
	c.wire.Before = func(*http.Request) error { return k.step() }
	c.wire.After = func(*http.Request) error { return k.step() }
	return k
}

// killAfterWrite kills the next run after the server has acted on the nth request that writes, and before the answer
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

// restore lets later runs live, and releases the lock of the killed run.
func (k *killer) restore() {
	k.c.store.OnAppend, k.c.wire.Before, k.c.wire.After = nil, nil, nil
	k.c.store.Unlock()
}

// step counts one step. It returns errKilled if the run is dead.
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
		if alive { // this write is the last step
			return len(lines) * k.torn / 100, err
		}
		return 0, err
	}
	return 0, nil
}
