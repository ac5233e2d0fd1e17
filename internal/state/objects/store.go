package objects

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/state"
)

// Store keeps the ledger of one organization as a log of records. Each record is an object. Records are
// numbered from 1 without a gap, are made with [Objects.Create] and are never changed.
//
// The log is also the lock. To acquire the lease, a run makes the record with the next number. This
// fails if another run has made a record with this number. Each later write of the holder makes the
// next record too. So if a run has lost its lease without noticing, the number of its next record is
// taken. It can then announce nothing in the ledger, and orgsync sends only what it has announced.
type Store struct {
	objects      Objects
	organization string
	times        Times
}

// New returns the store of an organization. Its id must be valid as a part of a key, without a slash.
func New(o Objects, organization string, t Times) *Store {
	return &Store{objects: o, organization: organization, times: t}
}

// Find is like [New], but if o has no ledger of exactly this id, it returns the store of an id that has a ledger and
// differs only in case.
func Find(ctx context.Context, o Objects, organization string, t Times) (*Store, error) {
	s := New(o, organization, t)
	// Almost always, this one request is enough. A list of all organizations needs several.
	exists, err := s.exists(ctx)
	if err != nil {
		return nil, s.readError(err)
	}
	if exists {
		return s, nil
	}
	ids, err := organizations(ctx, o, t)
	if err != nil {
		return nil, err
	}
	isSame := func(id string) bool { return strings.EqualFold(id, organization) }
	if i := slices.IndexFunc(ids, isSame); i >= 0 && !slices.Contains(ids, organization) {
		s = New(o, ids[i], t)
	}
	return s, nil
}

// HolderMayOutliveLease returns true: a paused run may continue after another run has taken over its
// lease.
func (s *Store) HolderMayOutliveLease() bool { return true }

// place names the store for people.
func (s *Store) place() string { return s.placeOf("") }

// placeOf names an object of the store, or the store itself if name is "".
func (s *Store) placeOf(name string) string {
	path, parameters, found := strings.Cut(s.objects.Place(), "?")
	place := strings.TrimSuffix(path, "/") + "/" + s.organization
	if name != "" {
		place += "/" + name
	}
	if found {
		place += "?" + parameters
	}
	return place
}

// Read returns the ledger, as [state.Store] says.
func (s *Store) Read(ctx context.Context) ([]byte, error) {
	r, err := s.readWithoutLease(ctx)
	if err != nil {
		return nil, s.readError(err)
	}
	return r.lines.join(), nil
}

// readWithoutLease reads the log for a caller that wants no lease. A list without the object probeKey is wrong if this
// object exists. If it does not exist, the storage is new.
func (s *Store) readWithoutLease(ctx context.Context) (*logState, error) {
	for range 2 { // the first run may make the object after the first list
		r, err := s.read(ctx, nil)
		if err != nil || r.hasProbe {
			return r, err
		}
		switch exists, err := s.probeExists(ctx); {
		case err != nil:
			return nil, err
		case !exists:
			return r, nil
		}
	}
	return nil, s.lacksError(probeKey)
}

// probeExists reports whether the object probeKey exists.
func (s *Store) probeExists(ctx context.Context) (bool, error) {
	_, err := s.get(ctx, probeKey)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if _, isRefused := errors.AsType[*state.Problem](err); isRefused {
		// S3 refuses to say that an object does not exist if the policy lets the run list only the objects below a prefix.
		if probes, listErr := s.list(ctx, probeKey, "", 1); listErr == nil && len(probes) == 0 {
			return false, nil
		}
	}
	return err == nil, err
}

// lacksError returns the error for a list that lacks the object with this name.
func (s *Store) lacksError(name string) error {
	return fmt.Errorf("%w: its list lacks the object %s, which exists", ErrUnknown, s.key(name))
}

// readError returns err with the place that could not be read.
func (s *Store) readError(err error) error {
	return fmt.Errorf("read the shared state %s: %w", s.place(), err)
}

// Archived returns the lines that were removed from the ledger to make it smaller, as [state.Store] says.
func (s *Store) Archived(ctx context.Context) ([]byte, error) {
	failed := func(err error) ([]byte, error) {
		return nil, fmt.Errorf("read the archive of the shared state %s: %w", s.place(), err)
	}
	infos, err := s.list(ctx, archiveFolder, "", 0)
	if err != nil {
		return failed(err)
	}
	var lines []byte
	for _, info := range infos {
		object, err := s.get(ctx, s.relative(info.Key))
		if err == nil && int64(len(object)) != info.Size {
			err = sizeError(s.relative(info.Key), info.Size, len(object))
		}
		if err != nil {
			return failed(err)
		}
		lines = append(lines, object...)
	}
	return lines, nil
}

// newID returns a random name of 12 letters and digits. It is short because people type the id of a
// lease.
func newID() string { return strings.ToLower(rand.Text()[:12]) }

// Acquire acquires the lease, as [state.Store] says, with the next record of the log.
func (s *Store) Acquire(ctx context.Context, holder state.Holder, wait time.Duration) (state.Lease, error) {
	l, err := s.acquire(ctx, holder, wait)
	if locked, ok := errors.AsType[*state.LockedError](err); ok {
		return nil, locked
	}
	if err != nil {
		return nil, fmt.Errorf("lock the shared state %s: %w", s.place(), err)
	}
	return l, nil
}

func (s *Store) acquire(ctx context.Context, holder state.Holder, wait time.Duration) (*lease, error) {
	c := &candidate{store: s, holder: holder, id: newID(), known: map[int]record{}, deadline: time.Now().Add(wait)}
	defer c.deleteWaitObject(ctx)
	proved, err := s.checkConditional(ctx)
	if err != nil {
		return nil, err
	}
	for {
		readStart := time.Now()
		r, err := c.read(ctx)
		if err != nil {
			return nil, err
		}
		if r.number == 0 && !proved && s.objects.MayIgnoreConditions() {
			// The first run failed the test and could not delete its object, or died during the test.
			if err := s.prove(ctx); err != nil {
				return nil, err
			}
			proved = true
			continue
		}
		if r.held() {
			if r, err = c.watch(ctx); err != nil {
				return nil, err
			}
			if r == nil {
				continue // the holder is alive
			}
		}
		l, err := c.take(ctx, r, readStart)
		if !errors.Is(err, errTaken) {
			return l, err
		}
		c.newest = r.number + 1
	}
}

// candidate is a run that wants the lease.
type candidate struct {
	store  *Store
	holder state.Holder
	id     string         // the id of its lease, if it gets the lease
	known  map[int]record // the records that it has read so far, by number
	newest int            // the number of the last record that certainly exists; 0: none is known
	// deadline is when the candidate stops waiting.
	deadline time.Time
	// hasWaitObject is true if the storage has an object of this candidate in waitFolder, or may have it after an error.
	hasWaitObject bool
	// lastSign is the last sign of life of the holder. It has not changed since the local time signSince.
	lastSign  signOfLife
	signSince time.Time
}

// signOfLife changes while the holder of a lease is alive.
type signOfLife struct {
	number, lease int       // of the last record, and of the lease
	at            time.Time // the time of the sign, by the clock of the storage
}

// read reads the log. A list that lacks an object of this candidate, or a record that exists, may lack other objects
// too. Without this check, an empty list would look like a new ledger, and a run that is alive could look dead.
func (c *candidate) read(ctx context.Context) (*logState, error) {
	r, err := c.store.read(ctx, c.known)
	if err != nil {
		return nil, err
	}
	switch _, waits := r.waits[waitFolder+c.id]; {
	case !r.hasProbe:
		return nil, c.store.lacksError(probeKey)
	case r.number < c.newest:
		return nil, c.store.lacksError(numbered(logFolder, c.newest))
	case c.hasWaitObject && !waits:
		return nil, c.store.lacksError(waitFolder + c.id)
	}
	return r, nil
}

// watch checks once whether the holder of the lease is dead or has released the lease. If so, it returns the log. If
// the holder is alive, watch waits for Times.PollInterval and returns nil. The error is a *[state.LockedError] if the
// holder is alive at the deadline.
func (c *candidate) watch(ctx context.Context) (*logState, error) {
	s := c.store
	if err := c.putWaitObject(ctx); err != nil {
		return nil, err
	}
	r, err := c.read(ctx)
	if err != nil || !r.held() {
		return r, err
	}
	silent := c.silent(r)
	if silent > s.times.TakeoverAfter {
		return r, nil
	}
	// If the clock of the storage does not move, the local clock decides.
	if current := (signOfLife{r.number, r.lease, r.sign}); current != c.lastSign {
		c.lastSign, c.signSince = current, time.Now()
	} else if time.Since(c.signSince) > s.times.TakeoverAfter {
		return r, nil
	}
	if !time.Now().Add(s.times.PollInterval).Before(c.deadline) {
		return nil, &state.LockedError{Place: s.place(), Holder: r.holder, ID: r.leaseID, Silent: silent}
	}
	return nil, sleep(ctx, s.times.PollInterval)
}

// putWaitObject makes or overwrites the object of the candidate in waitFolder. The storage gives this object a time by
// its own clock. The list of the log shows this time beside those of the signs of life.
func (c *candidate) putWaitObject(ctx context.Context) error {
	c.hasWaitObject = true
	return c.store.retry(ctx, func(ctx context.Context) error {
		return c.store.objects.Put(ctx, c.store.key(waitFolder+c.id), []byte(c.id))
	})
}

// silent returns the time from the last sign of life of the holder to the object of the candidate in waitFolder.
func (c *candidate) silent(r *logState) time.Duration {
	return max(0, r.waits[waitFolder+c.id].Sub(r.sign))
}

// deleteWaitObject deletes the object of the candidate in waitFolder, if it has made one.
func (c *candidate) deleteWaitObject(ctx context.Context) {
	if c.hasWaitObject {
		_ = c.store.limited(context.WithoutCancel(ctx), func(ctx context.Context) error {
			return c.store.objects.Delete(ctx, c.store.key(waitFolder+c.id))
		})
	}
}

// take makes the record that begins a lease: the next record after the log r. The read of r began at
// readStart. The error is errTaken if another run has made a record with this number.
func (c *candidate) take(ctx context.Context, r *logState, readStart time.Time) (*lease, error) {
	s := c.store
	rec := record{
		Version: recordVersion, Kind: kindLease, Number: r.number + 1, Lease: r.number + 1, LeaseID: c.id, Holder: c.holder,
		Nonce: newID(), TookOver: r.held(),
	}
	if r.damaged {
		rec.Ignored = r.number
	}
	start := time.Now()
	if err := s.create(ctx, numbered(logFolder, rec.Number), rec.encode(), start, s.times.TakeoverAfter); err != nil {
		return nil, err
	}
	l := newLease(ctx, s, r, rec, start)
	// This run may have been paused after its read. Other runs may then have made a newer base and
	// deleted old records, so that the number was free again, and nobody would read the new record.
	if state.Elapsed(readStart) >= s.times.TakeoverAfter-s.times.SafetyMargin {
		_ = l.Release()
		return nil, errTaken
	}
	l.start()
	return l, nil
}

// takenError means that another run has made the record with this number.
type takenError struct{ by record }

func (e *takenError) Error() string { return errTaken.Error() }
func (e *takenError) Unwrap() error { return errTaken }

var errTaken = errors.New("another run has written to the log")

// create makes the object name. If an answer was lost, create reads the object to find out whether it
// was made, and if not, tries again with the same bytes. It stops trying when the duration patience has
// passed since start. The error is a *[takenError] if the object exists with other bytes.
func (s *Store) create(ctx context.Context, name string, data [][]byte, start time.Time, patience time.Duration) error {
	pause := s.times.RequestTimeout / 100
	for {
		err := s.limited(ctx, func(ctx context.Context) error { return s.objects.Create(ctx, s.key(name), data...) })
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrExists) && !errors.Is(err, ErrUnknown) {
			return err
		}
		var existing []byte
		readErr := s.limited(ctx, func(ctx context.Context) error {
			var err error
			existing, err = s.objects.Get(ctx, s.key(name))
			return err
		})
		switch {
		case readErr == nil && isMadeOf(existing, data):
			return nil
		case readErr == nil:
			by, _ := decodeRecord(existing)
			return &takenError{by}
		}
		if state.Elapsed(start) >= patience || sleep(ctx, pause) != nil {
			if cause := ctxError(ctx); cause != nil {
				return cause
			}
			return err
		}
		pause = min(2*pause, s.times.RequestTimeout/5)
	}
}

// isMadeOf reports whether object has exactly the bytes of pieces.
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

// Inspect describes the store, as [state.Store] says.
func (s *Store) Inspect(ctx context.Context) (state.Inspection, error) {
	r, err := s.readWithoutLease(ctx)
	if err != nil {
		return state.Inspection{}, s.readError(err)
	}
	i := state.Inspection{Place: s.place(), Bytes: Size(r.lines), ObjectsSinceBase: r.number - r.base}
	if r.held() {
		i.Held, i.Holder, i.ID, i.Silent = true, r.holder, r.leaseID, max(0, time.Since(r.sign))
	}
	if r.damaged {
		i.Notes = append(i.Notes, fmt.Sprintf("the last record (number %d) is damaged and is ignored", r.number))
	}
	old, err := s.list(ctx, logFolder, "", cleanAtOnce+len(r.takeovers))
	if err != nil {
		return state.Inspection{}, s.readError(err)
	}
	unneeded := 0
	for _, info := range old {
		if n, ok := numberIn(s.relative(info.Key), logFolder); ok && s.isUnneeded(n, info, r, 2*s.times.Retention) {
			unneeded++
		}
	}
	if unneeded > 0 {
		count := strconv.Itoa(unneeded)
		if unneeded >= cleanAtOnce {
			count = "at least " + count // the list may lack later ones
		}
		i.Notes = append(i.Notes, count+
			" old objects are not needed, but were not deleted; perhaps the runs have no permission to delete")
	}
	return i, nil
}

// Unlock ends the lease with this id. The caller must know that the run that holds the lease is dead.
// Unlock waits for longer than the time between two signs of life, and until the run, if it is alive, may
// begin nothing new. It returns a *[state.Problem] if the run has given a sign of life, or if the lease
// with this id has ended. holder is the run that calls Unlock.
func (s *Store) Unlock(ctx context.Context, id string, holder state.Holder) error {
	before, silent, err := s.readHeld(ctx, id, "no run has the lock")
	if err != nil {
		return err
	}
	// A sign of life may be late or lost, so one interval is not enough.
	t := s.times
	watch := max(t.SignInterval, t.TakeoverAfter-t.SafetyMargin-silent) + t.PollInterval
	if err := sleep(ctx, watch); err != nil {
		return context.Cause(ctx)
	}
	after, _, err := s.readHeld(ctx, id, "the run has released the lock")
	if err != nil {
		return err
	}
	alive := &state.Problem{
		Err:    fmt.Errorf("unlock %s: the run that has the lock is alive", s.place()),
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
	err = s.create(ctx, numbered(logFolder, rec.Number), rec.encode(), time.Now(), s.times.TakeoverAfter)
	if errors.Is(err, errTaken) {
		return alive
	}
	return err
}

// readHeld reads the log, and returns a *[state.Problem] unless the lease with this id holds the lock.
// silent is the time since the last sign of life. notHeld is the text for a lock that nobody holds.
func (s *Store) readHeld(ctx context.Context, id, notHeld string) (r *logState, silent time.Duration, err error) {
	c := &candidate{store: s, id: newID()} // each list must show an object that is newer than the last list
	defer c.deleteWaitObject(ctx)
	if err = c.putWaitObject(ctx); err == nil {
		r, err = c.read(ctx)
	}
	switch {
	case err != nil:
		return nil, 0, s.readError(err)
	case !r.held():
		return nil, 0, &state.Problem{
			Err:    fmt.Errorf("unlock %s: %s", s.place(), notHeld),
			Advice: "there is nothing to unlock: start the run that you want",
		}
	case r.leaseID != id:
		return nil, 0, &state.Problem{
			Err:    fmt.Errorf("unlock %s: the lock has the id %s, not %.40q", s.place(), r.leaseID, id),
			Advice: "'orgsync state show' prints the id, and the run that has the lock",
		}
	}
	return r, c.silent(r), nil
}

// IsKeyPart reports whether the id of an organization can be part of a key.
func IsKeyPart(id string) bool {
	return id != "" && len(id) <= 128 && !strings.ContainsAny(id, "/\\ \x00\r\n~")
}

// Organizations returns the ids of the organizations that have a ledger in o. Other programs may keep objects in the
// same place.
func Organizations(ctx context.Context, o Objects) ([]string, error) {
	return organizations(ctx, o, DefaultTimes)
}

func organizations(ctx context.Context, o Objects, t Times) ([]string, error) {
	var ids []string
	for after := ""; ; {
		var first []Info
		err := New(o, "", t).retry(ctx, func(ctx context.Context) (err error) {
			first, err = o.List(ctx, "", after, 1)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list the organizations in %s: %w", o.Place(), err)
		}
		if len(first) == 0 {
			return ids, nil
		}
		id, _, ok := strings.Cut(first[0].Key, "/")
		if !ok {
			after = first[0].Key
			continue
		}
		after = id + "0" // the character after "/": greater than all keys that begin with "id/"
		if !IsKeyPart(id) {
			continue
		}
		exists, err := New(o, id, t).exists(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the organizations in %s: %w", o.Place(), err)
		}
		if exists {
			ids = append(ids, id)
		}
	}
}

// exists reports whether s has a record of a ledger.
func (s *Store) exists(ctx context.Context) (bool, error) {
	for _, folder := range []string{logFolder, baseFolder} {
		first, err := s.list(ctx, folder, numbered(folder, 0), 1)
		if err != nil {
			return false, err
		}
		// Another program may have a folder of this name, with other objects.
		if len(first) > 0 {
			if _, isRecord := numberIn(s.relative(first[0].Key), folder); isRecord {
				return true, nil
			}
		}
	}
	return false, nil
}
