package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orgsync/orgsync/internal/state"
)

// lease is a [state.Lease] on a [Store].
type lease struct {
	store  *Store
	number int // of its first record
	id     string
	holder state.Holder
	// ctx outlives the run's: what was in flight is still concluded after a signal.
	ctx     context.Context
	content []byte // the lines that it began with
	lost    chan struct{}
	stop    context.CancelFunc
	work    sync.WaitGroup // signs of life, and a base that is made meanwhile

	writing sync.Mutex // held while a record is written; guards the next fields
	log     reading    // what is in the log, with what this lease wrote
	// unsettled is a record whose creation nobody knows the end of. Its number is the next one, and no
	// other bytes may be tried there.
	unsettled [][]byte

	mu        sync.Mutex
	confirmed time.Time // when the last sign of life that arrived was asked for
	err       error     // why nothing may begin; nil: it may
	basing    bool      // a base is being made
}

func newLease(ctx context.Context, s *Store, r *reading, first record, began time.Time) *lease {
	l := &lease{
		store: s, number: first.Number, id: first.LeaseID, holder: first.Holder,
		content: r.lines.join(), lost: make(chan struct{}), log: *r, confirmed: began,
	}
	l.log.lines = blocks{l.content}
	l.log.add(first)
	l.ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	return l
}

// start begins to give signs of life, until the lease is lost.
func (l *lease) start() {
	l.work.Go(func() {
		ticker := time.NewTicker(l.store.times.Beat)
		defer ticker.Stop()
		end := time.NewTimer(0)
		defer end.Stop()
		for {
			left := l.left()
			if l.Check() != nil { // a run that may begin nothing holds nobody up
				return
			}
			end.Reset(left)
			select {
			case <-ticker.C:
				l.work.Go(l.beat)
			case <-end.C:
			case <-l.lost:
			case <-l.ctx.Done():
				return
			}
		}
	})
}

// left returns how long the run may still begin something, if no other sign of life arrives.
func (l *lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.store.times.Dead - l.store.times.Margin - state.Elapsed(l.confirmed)
}

// beat gives a sign of life.
func (l *lease) beat() {
	asked := time.Now()
	s := l.store
	err := s.limited(l.ctx, func(ctx context.Context) error {
		return s.objects.Put(ctx, s.key(numbered(signFolder, l.number)), []byte(l.id+"\n"))
	})
	if err == nil {
		l.confirm(asked)
	}
}

// confirm notes that a sign of life arrived that was asked for at the time asked. A lease that has
// ended stays so: another run may have it.
func (l *lease) confirm(asked time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.checkLocked() == nil && asked.After(l.confirmed) {
		l.confirmed = asked
	}
}

func (l *lease) Content() []byte { return l.content }

func (l *lease) Lost() <-chan struct{} { return l.lost }

func (l *lease) Check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.checkLocked()
}

// checkLocked is [lease.Check] for callers that hold mu.
func (l *lease) checkLocked() error {
	t := l.store.times
	silent := state.Elapsed(l.confirmed)
	if l.err == nil && silent >= t.Dead-t.Margin {
		l.loseLocked(&state.LostError{
			Place: l.store.place(),
			Err:   fmt.Errorf("no sign of life reached the storage for %v", silent.Round(time.Second)),
		})
	}
	return l.err
}

func (l *lease) lose(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loseLocked(err)
}

// loseLocked ends the lease. That another run has it is said even if it was over before.
func (l *lease) loseLocked(err error) {
	if l.err == nil {
		close(l.lost)
	}
	if l.err == nil || errors.Is(err, errTaken) {
		l.err = err
	}
}

func (l *lease) Append(lines []byte) error {
	return l.write(record{Kind: kindLines, lines: blocks{lines}})
}

// write makes the next record of the log. It is tried until the lease is over, and at least for the
// time of one request.
func (l *lease) write(rec record) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.writeLocked(rec)
}

func (l *lease) writeLocked(rec record) error {
	if l.unsettled != nil {
		return errors.New("write to the shared state: an earlier write has no answer yet")
	}
	rec.Version, rec.Number, rec.Lease, rec.LeaseID = recordVersion, l.log.number+1, l.number, l.id
	rec.Holder, rec.Nonce = l.holder, newID()
	data := rec.encode()
	if err := l.createNext(data); err != nil {
		return err
	}
	l.log.add(rec)
	if l.log.number-l.log.base >= baseDuringRun {
		l.makeBaseMeanwhile()
	}
	return nil
}

// createNext makes the object with the next number.
func (l *lease) createNext(data [][]byte) error {
	t := l.store.times
	began := time.Now()
	patience := max(t.Request, l.left())
	err := l.store.create(l.ctx, numbered(logFolder, l.log.number+1), data, began, patience)
	var taken *takenError
	switch {
	case errors.As(err, &taken):
		lost := &takeover{&state.LostError{Place: l.store.place(), To: taken.by.Holder}}
		l.lose(lost)
		return lost
	case err != nil:
		l.unsettled = data
		lost := &state.LostError{Place: l.store.place(), Err: err}
		l.lose(lost)
		return lost
	}
	l.unsettled = nil
	l.confirm(began)
	return nil
}

// takeover is a [state.LostError] that is known to be true.
type takeover struct{ *state.LostError }

func (e *takeover) Unwrap() []error { return []error{e.LostError, errTaken} }

func (l *lease) Replace(lines []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.log.base == l.log.number { // a number has one base
		if err := l.writeLocked(record{Kind: kindLines}); err != nil {
			return err
		}
	}
	if left := missingLines(l.log.lines.join(), lines); len(left) > 0 {
		name := numbered(archiveFolder, l.log.number)
		if err := l.store.create(l.ctx, name, [][]byte{left}, time.Now(), l.store.times.Request); err != nil {
			return fmt.Errorf("write to the shared state: %w", err)
		}
	}
	log := l.log
	log.lines = blocks{lines}
	if err := l.store.makeBase(l.ctx, log, l.holder); err != nil {
		return fmt.Errorf("write to the shared state: %w", err)
	}
	l.log.lines, l.log.base, l.log.baseSize = log.lines, l.log.number, len(lines)
	return nil
}

// missingLines returns the lines of all that are not in kept, whose lines are some of all in the same
// order.
func missingLines(all, kept []byte) []byte {
	var missing []byte
	for line := range bytes.Lines(all) {
		if rest, ok := bytes.CutPrefix(kept, line); ok {
			kept = rest
			continue
		}
		missing = append(missing, line...)
	}
	return missing
}

func (l *lease) SetAside(damaged []byte, at time.Time) (string, error) {
	name := asideFolder + at.UTC().Format("20060102T150405Z") + "-" + newID() + ".jsonl"
	err := l.store.retry(l.ctx, func(ctx context.Context) error {
		return l.store.objects.Put(ctx, l.store.key(name), damaged)
	})
	return l.store.place() + "/" + name, err
}

// Reserve returns nil: how much room a storage has cannot be asked.
func (l *lease) Reserve(int) error { return nil }

// Release makes a base if that saves the next runs much reading, and ends the lease with a record.
// A second call does nothing.
func (l *lease) Release() error {
	if l.ctx.Err() != nil {
		return nil
	}
	err := l.finish()
	l.lose(&state.LostError{Place: l.store.place(), Err: errors.New("it was released")})
	l.stop()
	l.work.Wait()
	return err
}

// finish writes what is left to write.
func (l *lease) finish() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if data := l.unsettled; data != nil {
		if err := l.createNext(data); err != nil {
			return err
		}
		if rec, err := decodeRecord(slices.Concat(data...)); err == nil {
			l.log.add(rec)
		}
	}
	var base errgroup.Group
	needsBase := l.needsBase()
	if needsBase {
		log := l.log
		log.takeovers = slices.Clone(log.takeovers)
		base.Go(func() error { return l.store.makeBase(l.ctx, log, l.holder) })
	}
	err := l.writeLocked(record{Kind: kindRelease})
	if base.Wait() == nil && needsBase && err == nil {
		l.store.clean(l.ctx, l.log.lease, l.log.takeovers)
	}
	return err
}
