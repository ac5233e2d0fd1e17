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

// afterStop is how long a run that was stopped may go on using the storage: the answer to a request in flight
// may take 10 seconds, and its outcome is written then. So a storage that hangs delays the end only this long.
const afterStop = 20 * time.Second

// lease is a [state.Lease] on a [Store].
type lease struct {
	store  *Store
	number int // the number of its first record
	id     string
	holder state.Holder
	// ctx ends at Release, or afterStop after the context of the run: after a signal, the run still writes
	// the outcomes of requests in flight.
	ctx     context.Context
	stop    context.CancelFunc // ends ctx
	content []byte             // the ledger when the lease began
	lost    chan struct{}
	work    sync.WaitGroup // the goroutines that give signs of life or make a base

	writing sync.Mutex // is held while a record is written; guards log and unsettled
	log     logState   // the log, with the records of this lease
	// unsettled is the encoded next record if it is unknown whether it was created. No other record may then be created
	// with its number.
	unsettled [][]byte

	mu         sync.Mutex // guards the fields below
	confirmed  time.Time  // when the last sign of life that reached the storage was sent
	err        error      // why the run may not begin anything new; nil: it may
	makingBase bool
}

// newLease returns the lease that the record first began. start is when the record was sent, and r the
// log before it.
func newLease(ctx context.Context, s *Store, r *logState, first record, start time.Time) *lease {
	l := &lease{
		store: s, number: first.Number, id: first.LeaseID, holder: first.Holder,
		content: r.lines.join(), lost: make(chan struct{}), log: *r, confirmed: start,
	}
	l.log.lines = blocks{l.content}
	l.log.add(first)
	detached, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var timer *time.Timer
	unwatch := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		timer = time.AfterFunc(afterStop, cancel)
	})
	l.ctx, l.stop = detached, func() {
		unwatch()
		l.mu.Lock()
		defer l.mu.Unlock()
		if timer != nil {
			timer.Stop()
		}
		cancel()
	}
	return l
}

// start starts a goroutine that gives signs of life until the lease is lost.
func (l *lease) start() {
	l.work.Go(func() {
		ticker := time.NewTicker(l.store.times.SignInterval)
		defer ticker.Stop()
		end := time.NewTimer(0)
		defer end.Stop()
		for {
			left := l.left()
			if l.Check() != nil { // this run may begin nothing new, so other runs need not wait for it
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

// left returns how long the run may still begin something new, if no other sign of life reaches the
// storage.
func (l *lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.store.times.TakeoverAfter - l.store.times.SafetyMargin - state.Elapsed(l.confirmed)
}

// beat gives a sign of life.
func (l *lease) beat() {
	sent := time.Now()
	s := l.store
	err := s.limited(l.ctx, func(ctx context.Context) error {
		return s.objects.Put(ctx, s.key(numbered(signFolder, l.number)), []byte(l.id+"\n"))
	})
	if err == nil {
		l.confirm(sent)
	}
}

// confirm records that the sign of life sent at this time has reached the storage. It has no effect on
// a lease that was lost, because another run may have the lease.
func (l *lease) confirm(sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.checkLocked() == nil && sent.After(l.confirmed) {
		l.confirmed = sent
	}
}

func (l *lease) Content() []byte { return l.content }

func (l *lease) Lost() <-chan struct{} { return l.lost }

func (l *lease) Check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.checkLocked()
}

// checkLocked is [lease.Check] for callers that hold l.mu.
func (l *lease) checkLocked() error {
	t := l.store.times
	silent := state.Elapsed(l.confirmed)
	if l.err == nil && silent >= t.TakeoverAfter-t.SafetyMargin {
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

// loseLocked marks the lease as lost because of err. It keeps the first reason, unless a later err says that another
// run certainly has the lease. The caller must hold l.mu.
func (l *lease) loseLocked(err error) {
	if l.err == nil {
		close(l.lost)
	}
	if l.err == nil || errors.Is(err, errTaken) {
		l.err = err
	}
}

func (l *lease) Append(lines []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.writeLocked(record{Kind: kindLines, lines: blocks{lines}})
}

// writeLocked makes the next record of the log from the kind and the lines of rec. The caller must hold
// l.writing.
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
		l.makeBaseInBackground()
	}
	return nil
}

// createNext makes the object for the next record. It tries until the lease is over, and at least for
// the time of one request. After any error, the lease is lost.
func (l *lease) createNext(data [][]byte) error {
	start := time.Now()
	patience := max(l.store.times.RequestTimeout, l.left())
	err := l.store.create(l.ctx, numbered(logFolder, l.log.number+1), data, start, patience)
	taken, isTaken := errors.AsType[*takenError](err)
	switch {
	case isTaken:
		lost := &takenOverError{&state.LostError{Place: l.store.place(), NewHolder: taken.by.Holder}}
		l.lose(lost)
		return lost
	case err != nil:
		l.unsettled = data
		lost := &state.LostError{Place: l.store.place(), Err: err}
		l.lose(lost)
		return lost
	}
	l.unsettled = nil
	l.confirm(start)
	return nil
}

// takenOverError is a [state.LostError] for a lease that another run has certainly taken over.
type takenOverError struct{ *state.LostError }

func (e *takenOverError) Unwrap() []error { return []error{e.LostError, errTaken} }

func (l *lease) Replace(lines []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	// The first lines must not be only in a base. If a base is lost, older records replace it, and they have no lines.
	if Size(l.log.lines) == 0 {
		return l.writeLocked(record{Kind: kindLines, lines: blocks{lines}})
	}
	if l.log.base == l.log.number { // there is a base with this number: the new base needs another number
		if err := l.writeLocked(record{Kind: kindLines}); err != nil {
			return err
		}
	}
	if removed := missingLines(l.log.lines.join(), lines); len(removed) > 0 {
		name := numbered(archiveFolder, l.log.number)
		if err := l.store.create(l.ctx, name, [][]byte{removed}, time.Now(), l.store.times.RequestTimeout); err != nil {
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

// missingLines returns the lines of all that are not in kept. kept must have some of the lines of all,
// in the same order.
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
	return l.store.placeOf(name), err
}

// Reserve returns nil, because a storage does not say how much room it has.
func (l *lease) Reserve(int) error { return nil }

// Release ends the lease with a record, and makes a base if it saves later runs many reads. A second
// call does nothing.
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

// finish writes the unsettled record if there is one, a base if one is needed, and the record that ends
// the lease. Then it deletes old objects.
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
