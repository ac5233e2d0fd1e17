package objects_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/objects"
	"github.com/orgsync/orgsync/internal/state/statetest"
)

var (
	firstSeed = flag.Uint64("seed", 0, "seed of the first random history (0: by the clock)")
	manySeeds = flag.Int("histories", 100, "how many random histories are played")
)

// machine is a computer with a run, which may be killed, paused or disconnected.
type machine struct {
	world *world
	dice  *rand.Rand

	mu          sync.Mutex
	steps       int // until it is killed; less than 0: never
	dead        bool
	pausedUntil time.Time
	cutUntil    time.Time
	staleUntil  time.Time
	staleAt     time.Time // what its lists show until then
}

// roll returns a random number below n.
func (m *machine) roll(n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dice.IntN(n)
}

// step may kill or pause the machine. It reports whether the machine is alive.
func (m *machine) step() bool {
	m.mu.Lock()
	if m.steps--; m.steps == 0 {
		m.dead = true
	}
	if !m.dead && m.world.faulty() && m.dice.IntN(40) == 0 {
		m.pausedUntil = time.Now().Add(m.anyDuration())
	}
	paused, dead := time.Until(m.pausedUntil), m.dead
	m.mu.Unlock()
	if dead {
		return false
	}
	time.Sleep(paused)
	return true
}

// anyDuration returns a random time between a second and three days. Short times are more likely.
func (m *machine) anyDuration() time.Duration {
	all := []time.Duration{time.Second, 5 * time.Second, 20 * time.Second, 40 * time.Second, 50 * time.Second,
		2 * time.Minute, 20 * time.Minute, 26 * time.Hour, 72 * time.Hour}
	return all[m.dice.IntN(len(all))] + time.Duration(m.dice.IntN(3000))*time.Millisecond
}

// fault returns the fault of a request.
func (m *machine) fault(op, _ string) statetest.Fault {
	alive := m.step()
	m.mu.Lock()
	defer m.mu.Unlock()
	f := statetest.Fault{Before: time.Duration(m.dice.IntN(100)) * time.Millisecond,
		After: time.Duration(m.dice.IntN(100)) * time.Millisecond}
	if !alive {
		return statetest.Fault{Err: objects.ErrUnknown, Skip: true}
	}
	if !m.world.faulty() {
		return f
	}
	if m.dice.IntN(60) == 0 {
		m.cutUntil = time.Now().Add(m.anyDuration())
	}
	if m.dice.IntN(60) == 0 {
		m.staleAt = time.Now().Add(-time.Duration(m.dice.IntN(300)) * time.Second)
		m.staleUntil = time.Now().Add(time.Duration(m.dice.IntN(300)) * time.Second)
	}
	if time.Now().Before(m.cutUntil) {
		return statetest.Fault{Err: objects.ErrUnknown, Skip: true, Before: time.Second}
	}
	if m.dice.IntN(12) > 0 {
		return f
	}
	f.Err = objects.ErrUnknown
	switch m.dice.IntN(4) {
	case 0:
		f.Skip = true
	case 1:
		f.Late = m.anyDuration()
	case 2:
		f.Before, f.Err = m.anyDuration(), nil
	}
	if op != "create" && op != "put" {
		f.Late = 0
	}
	return f
}

// List may return an older state of the storage.
func (m *machine) List(ctx context.Context, prefix, after string, limit int) ([]objects.Info, error) {
	m.mu.Lock()
	stale, at := time.Now().Before(m.staleUntil), m.staleAt
	m.mu.Unlock()
	infos, err := m.world.storage.List(ctx, prefix, after, limit)
	if !stale {
		return infos, err
	}
	var older []objects.Info
	for _, info := range infos {
		if !info.Modified.After(at) {
			older = append(older, info)
		}
	}
	return older, err
}

// world is a random history.
type world struct {
	t       *testing.T
	seed    uint64
	storage *statetest.Memory
	people  int
	calm    time.Time // when the faults end

	mu   sync.Mutex
	sent map[int]int
}

func (w *world) faulty() bool { return time.Now().Before(w.calm) }

// sendWithin is how long after its announcement a mail may be sent. settleAfter is how long after
// the announcement a run relies on the server's list, which then shows whether the mail was sent.
const (
	sendWithin  = 5 * time.Minute
	settleAfter = 20 * time.Minute
)

// run simulates a run that sends one mail to each person. It announces a mail, checks the lease,
// and sends the mail. If an earlier run has announced the mail, it sends the mail only if the
// server does not have it after settleAfter. It reports whether each person has a mail.
func (w *world) run(m *machine, pid int) bool {
	wire := &statetest.Faulty{Objects: staleLists{w.storage, m}, Fault: m.fault}
	waits := []time.Duration{0, 30 * time.Second, 5 * time.Minute}
	l, err := newStore(wire).Acquire(w.t.Context(), state.Holder{PID: pid}, waits[m.roll(len(waits))])
	if err != nil {
		w.t.Logf("run %d: %v", pid, err)
		return false
	}
	defer func() { _ = l.Release() }() // where the run was killed this reaches nothing
	announced := map[int]time.Time{}
	for line := range strings.Lines(string(l.Content())) {
		var person int
		var at int64
		if n, _ := fmt.Sscanf(line, "announce %d %d", &person, &at); n == 2 {
			announced[person] = time.Unix(at, 0)
		}
	}
	all := true
	for person := range w.people {
		w.mu.Lock()
		known := w.sent[person] > 0
		w.mu.Unlock()
		if known {
			continue
		}
		if at, open := announced[person]; open && time.Since(at) < settleAfter {
			all = false
			continue
		}
		if !m.step() {
			return false
		}
		at := time.Now()
		if l.Append(fmt.Appendf(nil, "announce %d %d\n", person, at.Unix())) != nil {
			return false
		}
		if !m.step() {
			return false
		}
		if l.Check() != nil || time.Since(at) > sendWithin { // a later run settles it
			return false
		}
		w.mu.Lock()
		w.sent[person]++
		if w.sent[person] > 1 {
			w.t.Errorf("seed %d: person %d was sent two mails, the second by run %d", w.seed, person, pid)
		}
		w.mu.Unlock()
		time.Sleep(time.Duration(m.roll(2000)) * time.Millisecond)
		if l.Append(fmt.Appendf(nil, "sent %d\n", person)) != nil {
			return false
		}
	}
	return l.Release() == nil && m.step() && all
}

type staleLists struct {
	*statetest.Memory
	m *machine
}

func (s staleLists) List(ctx context.Context, prefix, after string, limit int) ([]objects.Info, error) {
	return s.m.List(ctx, prefix, after, limit)
}

// TestRandomHistories checks that nobody gets two mails if machines are killed, paused for days or
// disconnected, or if answers are late. When the faults end, a run must succeed.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	histories := *manySeeds
	if testing.Short() {
		histories /= 10
	}
	first := *firstSeed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	sends := 0
	for i := range histories {
		seed := first + uint64(i)
		synctest.Test(t, func(t *testing.T) {
			sends += playHistory(t, seed)
		})
		if t.Failed() {
			t.Fatalf("play it again with seed %d", seed)
		}
	}
	if *manySeeds > 10 && sends < histories*10 {
		t.Errorf("only %d mails in %d histories: the faults leave nothing to see", sends, histories)
	}
}

func playHistory(t *testing.T, seed uint64) (sends int) {
	dice := rand.New(rand.NewPCG(seed, 0))
	w := &world{
		t: t, seed: seed, storage: &statetest.Memory{Skew: time.Duration(dice.IntN(120)-60) * time.Second},
		people: 12 + dice.IntN(30), calm: time.Now().Add(time.Duration(1+dice.IntN(100)) * time.Hour), sent: map[int]int{},
	}
	var runs sync.WaitGroup
	for pid := range 2 + dice.IntN(8) {
		m := &machine{world: w, dice: rand.New(rand.NewPCG(seed, uint64(pid+1))), steps: -1}
		if dice.IntN(3) == 0 {
			m.steps = 1 + dice.IntN(150)
		}
		pause := time.Duration(dice.IntN(200)) * time.Second
		runs.Go(func() {
			time.Sleep(pause * time.Duration(pid))
			w.run(m, pid+1)
		})
	}
	runs.Wait()
	time.Sleep(time.Until(w.calm) + 80*time.Hour) // all late requests were acted on
	healthy := &machine{world: w, dice: dice, steps: -1}
	done := false
	for range 5 {
		if done = w.run(healthy, 99); done {
			break
		}
		time.Sleep(time.Minute)
	}
	if !done {
		t.Errorf("seed %d: no run gets through although the faults have stopped", seed)
	}
	for person := range w.people {
		if w.sent[person] == 0 {
			t.Errorf("seed %d: person %d was forgotten", seed, person)
		}
		sends += w.sent[person]
	}
	return sends
}
