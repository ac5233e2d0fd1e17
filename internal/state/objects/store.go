package objects

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/state"
)

// Store keeps the ledger of one organization as a log of records, one object each, which are numbered
// from 1 without a gap. A record is made with [Objects.Create] and never changed.
//
// The log is the lock. A run acquires the lease by making the next record, which fails if the run has
// not read all records before it. Whatever the holder writes is the next record too. So a run that
// lost its lease without noticing finds its next number taken: it can announce nothing, and what was
// not announced is not sent.
type Store struct {
	objects      Objects
	organization string
	times        Times
}

// New returns the store of an organization, whose id must be usable in a key.
func New(o Objects, organization string, t Times) *Store {
	return &Store{objects: o, organization: organization, times: t}
}

// HolderMayOutliveLease returns true: a paused run may go on after its lease was taken over.
func (s *Store) HolderMayOutliveLease() bool { return true }

// place names the store for people.
func (s *Store) place() string {
	path, parameters, found := strings.Cut(s.objects.Place(), "?")
	place := strings.TrimSuffix(path, "/") + "/" + s.organization
	if found {
		place += "?" + parameters
	}
	return place
}

// Read returns the lines of the ledger.
func (s *Store) Read(ctx context.Context) ([]byte, error) {
	r, err := s.read(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("read the shared state %s: %w", s.place(), err)
	}
	return r.lines.join(), nil
}

// Archived returns the lines that were left out of the ledger for size.
func (s *Store) Archived(ctx context.Context) ([]byte, error) {
	infos, err := s.list(ctx, archiveFolder, "", 0)
	var lines []byte
	for _, info := range infos {
		object, err := s.get(ctx, s.relative(info.Key))
		if err != nil {
			return nil, fmt.Errorf("read the archive of the shared state %s: %w", s.place(), err)
		}
		lines = append(lines, object...)
	}
	return lines, err
}

// newID returns a name that no other run has, short enough to be typed.
func newID() string { return strings.ToLower(rand.Text()[:12]) }

// Acquire makes the next record of the log, as [state.Store] says.
func (s *Store) Acquire(ctx context.Context, holder state.Holder, wait time.Duration) (state.Lease, error) {
	l, err := s.acquire(ctx, holder, wait)
	var locked *state.LockedError
	switch {
	case errors.As(err, &locked):
		return nil, locked
	case err != nil:
		return nil, fmt.Errorf("lock the shared state %s: %w", s.place(), err)
	}
	return l, nil
}

func (s *Store) acquire(ctx context.Context, holder state.Holder, wait time.Duration) (*lease, error) {
	c := &candidate{store: s, holder: holder, id: newID(), known: map[int]record{}, end: time.Now().Add(wait)}
	defer c.leave(ctx)
	if err := s.checkConditional(ctx); err != nil {
		return nil, err
	}
	for {
		asked := time.Now()
		r, err := s.read(ctx, c.known)
		if err != nil {
			return nil, err
		}
		if r.held() {
			if r, err = c.watch(ctx); err != nil {
				return nil, err
			}
			if r == nil {
				continue // not yet
			}
		}
		l, err := c.take(ctx, r, asked)
		if !errors.Is(err, errTaken) {
			return l, err
		}
	}
}

// candidate is a run that wants the lease.
type candidate struct {
	store  *Store
	holder state.Holder
	id     string
	known  map[int]record
	end    time.Time // when it gives up
	// waiting is true once the storage has an object of this run.
	waiting bool
	// seen is the sign of life that the candidate watches, and since when it has not changed.
	seen  sign
	since time.Time
}

// sign is what changes while the holder of a lease is alive.
type sign struct {
	number, lease int
	at            time.Time
}

// watch looks once whether the holder of the lease is dead. It returns the reading that shows it; nil
// if the holder was alive and the candidate has waited for the next look. The error is a
// *[state.LockedError] once it has waited long enough.
func (c *candidate) watch(ctx context.Context) (*reading, error) {
	s := c.store
	// The storage's time of this object is the storage's clock, in the same list as the signs of life.
	c.waiting = true
	err := s.retry(ctx, func(ctx context.Context) error {
		return s.objects.Put(ctx, s.key(waitFolder+c.id), []byte(c.id))
	})
	if err != nil {
		return nil, err
	}
	r, err := s.read(ctx, c.known)
	if err != nil || !r.held() {
		return r, err
	}
	silent := time.Duration(0)
	if at := r.waits[waitFolder+c.id]; !at.IsZero() && at.After(r.sign) {
		silent = at.Sub(r.sign)
	}
	if silent > s.times.Dead {
		return r, nil
	}
	// The candidate's own clock serves where the storage's stands still.
	if seen := (sign{r.number, r.lease, r.sign}); seen != c.seen {
		c.seen, c.since = seen, time.Now()
	} else if time.Since(c.since) > s.times.Dead {
		return r, nil
	}
	if !time.Now().Add(s.times.Poll).Before(c.end) {
		return nil, &state.LockedError{Place: s.place(), Holder: r.holder, ID: r.leaseID, Silent: silent}
	}
	return nil, sleep(ctx, s.times.Poll)
}

// leave deletes what the candidate made to wait.
func (c *candidate) leave(ctx context.Context) {
	if c.waiting {
		_ = c.store.limited(context.WithoutCancel(ctx), func(ctx context.Context) error {
			return c.store.objects.Delete(ctx, c.store.key(waitFolder+c.id))
		})
	}
}

// take makes the lease's record, the next after those of r, which was asked for at the time asked.
// The error is errTaken if another run was quicker.
func (c *candidate) take(ctx context.Context, r *reading, asked time.Time) (*lease, error) {
	s := c.store
	rec := record{
		Version: recordVersion, Kind: kindLease, Number: r.number + 1, Lease: r.number + 1, LeaseID: c.id, Holder: c.holder,
		Nonce: newID(), TookOver: r.held(),
	}
	if r.damaged {
		rec.Ignored = r.number
	}
	began := time.Now()
	if err := s.create(ctx, numbered(logFolder, rec.Number), rec.encode(), began, s.times.Dead); err != nil {
		return nil, err
	}
	l := newLease(ctx, s, r, rec, began)
	// A run that was paused between its reading and its record may have made one that nobody reads: a
	// newer base may have taken its place meanwhile.
	if state.Elapsed(asked) >= s.times.Dead-s.times.Margin {
		_ = l.Release()
		return nil, errTaken
	}
	l.start()
	return l, nil
}

// takenError says that another record has the number.
type takenError struct{ by record }

func (e *takenError) Error() string { return errTaken.Error() }
func (e *takenError) Unwrap() error { return errTaken }

var errTaken = errors.New("another run has written to the log")

// create makes the object name. An answer that was lost is settled by reading, and the same bytes are
// tried again, never others, until patience is over since the time began. The error is a
// *[takenError] if the object exists with other bytes.
func (s *Store) create(ctx context.Context, name string, data [][]byte, began time.Time, patience time.Duration) error {
	pause := s.times.Request / 100
	for {
		err := s.limited(ctx, func(ctx context.Context) error { return s.objects.Create(ctx, s.key(name), data...) })
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrExists) && !errors.Is(err, ErrUnknown) {
			return err
		}
		var there []byte
		readErr := s.limited(ctx, func(ctx context.Context) error {
			var err error
			there, err = s.objects.Get(ctx, s.key(name))
			return err
		})
		switch {
		case readErr == nil && isMadeOf(there, data):
			return nil
		case readErr == nil:
			by, _ := decodeRecord(there)
			return &takenError{by}
		}
		if state.Elapsed(began) >= patience || sleep(ctx, pause) != nil {
			if cause := ctxError(ctx); cause != nil {
				return cause
			}
			return err
		}
		pause = min(2*pause, s.times.Request/5)
	}
}

// isMadeOf reports whether object consists of pieces.
func isMadeOf(object []byte, pieces [][]byte) bool {
	for _, piece := range pieces {
		rest, ok := bytes.CutPrefix(object, piece)
		if !ok {
			return false
		}
		object = rest
	}
	return len(object) == 0
}

// Inspect returns what is known about the store.
func (s *Store) Inspect(ctx context.Context) (state.Inspection, error) {
	r, err := s.read(ctx, nil)
	if err != nil {
		return state.Inspection{}, fmt.Errorf("read the shared state %s: %w", s.place(), err)
	}
	i := state.Inspection{Place: s.place(), Bytes: Size(r.lines), Segments: r.number - r.base}
	if r.held() {
		i.Held, i.Holder, i.ID, i.Silent = true, r.holder, r.leaseID, max(0, time.Since(r.sign))
	}
	if r.damaged {
		i.Notes = append(i.Notes, fmt.Sprintf("the last record (number %d) is damaged and is ignored", r.number))
	}
	old, err := s.list(ctx, logFolder, "", cleanAtOnce)
	if err != nil {
		return state.Inspection{}, err
	}
	unneeded := 0
	for _, info := range old {
		if n, ok := numberIn(s.relative(info.Key), logFolder); ok && s.isUnneeded(n, info, r, 2*s.times.Keep) {
			unneeded++
		}
	}
	if unneeded > 0 {
		i.Notes = append(i.Notes, fmt.Sprintf(
			"%d old objects could be deleted; the runs may lack the permission to delete", unneeded))
	}
	return i, nil
}

// Unlock ends the lease with this id, of a run that is known to be dead. It watches the lease for
// longer than the time between two signs of life; the error says if the run is alive.
func (s *Store) Unlock(ctx context.Context, id string, holder state.Holder) error {
	before, err := s.read(ctx, nil)
	switch {
	case err != nil:
		return fmt.Errorf("read the shared state %s: %w", s.place(), err)
	case !before.held():
		return &state.Problem{
			Err:    fmt.Errorf("unlock %s: no run holds the lock", s.place()),
			Advice: "there is nothing to unlock: start the run that you want",
		}
	case before.leaseID != id:
		return &state.Problem{
			Err:    fmt.Errorf("unlock %s: the lock has the id %s, not %.40q", s.place(), before.leaseID, id),
			Advice: "another run has it now: 'orgsync state show' prints who and since when",
		}
	}
	if err := sleep(ctx, s.times.Beat+s.times.Poll); err != nil {
		return context.Cause(ctx)
	}
	after, err := s.read(ctx, nil)
	if err != nil {
		return fmt.Errorf("read the shared state %s: %w", s.place(), err)
	}
	alive := &state.Problem{
		Err:    fmt.Errorf("unlock %s: the run that holds the lock is alive", s.place()),
		Advice: "wait for it, or stop it on its machine first",
	}
	if after.number != before.number || !after.sign.Equal(before.sign) {
		return alive
	}
	rec := record{
		Version: recordVersion, Kind: kindUnlock, Number: after.number + 1, Lease: after.lease, LeaseID: id, Holder: holder,
		Nonce: newID(),
	}
	if after.damaged {
		rec.Ignored = after.number
	}
	err = s.create(ctx, numbered(logFolder, rec.Number), rec.encode(), time.Now(), s.times.Dead)
	if errors.Is(err, errTaken) {
		return alive
	}
	return err
}

// Organizations returns the ids of the organizations that have something in o.
func Organizations(ctx context.Context, o Objects) ([]string, error) {
	var ids []string
	for after := ""; ; {
		first, err := o.List(ctx, "", after, 1)
		if err != nil || len(first) == 0 {
			return ids, err
		}
		id, _, ok := strings.Cut(first[0].Key, "/")
		if !ok {
			after = first[0].Key
			continue
		}
		ids = append(ids, id)
		after = id + "/~" // after all folders of this organization
	}
}
