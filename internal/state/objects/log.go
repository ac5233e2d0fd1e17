package objects

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orgsync/orgsync/internal/state"
)

const (
	// readsAtOnce is the maximum number of objects that are read at the same time.
	readsAtOnce = 16
	// maxReads is the maximum number of times that the log is read. It is read again if an object was
	// deleted during the read.
	maxReads = 5
)

// The folders and keys of an organization. The order of their names matters: one list that begins after
// a record in logFolder shows the later records, then the signs of life, then the runs that wait.
const (
	archiveFolder = "archive/" // lines that Replace removed from the ledger
	asideFolder   = "aside/"   // damaged ledgers, for people
	baseFolder    = "base/"    // bases: records with all lines up to their number
	logFolder     = "log/"     // all other records
	signFolder    = "runs/"    // an object for each lease, overwritten at each sign of life
	waitFolder    = "wait/"    // an object for each run that waits for a lease
	probeKey      = "probe"    // exists always, so the storage must refuse to create it
	proofFolder   = "proof/"   // objects that prove makes
)

// numbered returns the name of an object in a folder: the number with 20 digits. So the names have the
// same order as the numbers.
func numbered(folder string, number int) string { return fmt.Sprintf("%s%020d", folder, number) }

// numberIn returns the number in a name that numbered returned for folder, and reports whether name is
// such a name.
func numberIn(name, folder string) (int, bool) {
	digits, ok := strings.CutPrefix(name, folder)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n > 0
}

// logState is the state of the log after its last record. All times are by the clock of the storage.
type logState struct {
	number  int  // the number of the last record; 0: there is none
	damaged bool // the last record is damaged
	// base is the number of the newest base, and baseSize its size in bytes. Both are 0 if there is none.
	base, baseSize int
	lines          blocks // the ledger

	// The last lease. Its number is 0 if there was none.
	lease    int
	leaseID  string
	holder   state.Holder
	released bool
	sign     time.Time // the last sign of life of the holder

	// takeovers are the numbers of the records that ended the lease of another run. Such a record is an
	// unlock, or a lease that began before the lease of the other run was released.
	takeovers []int
	hasProbe  bool                 // the list has the object probeKey
	waits     map[string]time.Time // when each waiting run made its object in waitFolder, by its name
	newest    time.Time            // the latest time of any object that was listed
	bases     map[int]time.Time    // when each base was made, by its number
}

// held reports whether a run holds the lease: there was a lease, and it was not released.
func (r *logState) held() bool { return r.lease > 0 && !r.released }

// add applies the next record to r.
func (r *logState) add(rec record) {
	switch rec.Kind {
	case kindBase:
		r.lines, r.base = rec.lines, rec.Number
		r.lease, r.leaseID, r.holder, r.released = rec.Lease, rec.LeaseID, rec.Holder, rec.Released
		r.takeovers = rec.Takeovers
	case kindLease:
		r.lease, r.leaseID, r.holder, r.released = rec.Number, rec.LeaseID, rec.Holder, false
		if rec.TookOver {
			r.takeovers = append(r.takeovers, rec.Number)
		}
	case kindUnlock:
		r.takeovers = append(r.takeovers, rec.Number)
		r.released = true
	case kindRelease:
		r.released = true
	case kindLines:
		r.lines = r.lines.add(rec.lines...)
	}
	r.number = rec.Number
}

var errVanished = errors.New("an object was deleted while the log was read")

// gapError returns the error for a log in which the records from first to last are missing.
func gapError(first, last int) error {
	text := fmt.Sprintf("record %d of the shared state is missing", first)
	if last > first {
		text = fmt.Sprintf("records %d to %d of the shared state are missing", first, last)
	}
	return &state.Problem{
		Err: errors.New(text),
		Advice: "the records say who was mailed: restore them from a backup, and check whether the storage has a rule " +
			"that deletes old objects; in a new place, orgsync would begin with an empty ledger",
	}
}

// read reads the whole log. It does not read records again that are in known, and adds the other records
// to known. known may be nil.
func (s *Store) read(ctx context.Context, known map[int]record) (*logState, error) {
	if known == nil {
		known = map[int]record{}
	}
	var err error
	for try := range maxReads {
		var r *logState
		if r, err = s.readOnce(ctx, known, try > 0); err == nil {
			return r, nil
		}
		if !errors.Is(err, errVanished) {
			break
		}
	}
	return nil, err
}

// readOnce reads the log. If records are missing, the error is errVanished, because another run may have
// made a newer base and deleted them during the read. If isRetry is true, this is unlikely, and the
// error names the missing records.
func (s *Store) readOnce(ctx context.Context, known map[int]record, isRetry bool) (*logState, error) {
	r := &logState{waits: map[string]time.Time{}, bases: map[int]time.Time{}}
	if err := s.readBase(ctx, r); err != nil {
		return nil, err
	}
	infos, err := s.list(ctx, "", numbered(logFolder, r.base), 0)
	if err != nil {
		return nil, err
	}
	var numbers []int
	listed := map[int]Info{}     // the records, by number
	signs := map[int]time.Time{} // the last sign of life of each lease, by number
	for _, info := range infos {
		key := s.relative(info.Key)
		r.noteTime(info)
		if n, ok := numberIn(key, logFolder); ok {
			numbers = append(numbers, n)
			listed[n] = info
		} else if n, ok := numberIn(key, signFolder); ok {
			signs[n] = info.Modified
		} else if strings.HasPrefix(key, waitFolder) {
			r.waits[key] = info.Modified
		} else if key == probeKey {
			r.hasProbe = true
		}
	}
	for i, n := range numbers {
		if want := r.base + 1 + i; n != want {
			if isRetry {
				return nil, gapError(want, n-1)
			}
			return nil, errVanished
		}
	}
	records, err := s.getRecords(ctx, numbers, listed, known)
	if err != nil {
		return nil, err
	}
	for i, n := range numbers {
		switch rec := records[i]; {
		case rec.Version > 0:
			r.add(rec)
			if at := listed[n].Modified; at.After(r.sign) {
				r.sign = at
			}
		case i == len(numbers)-1:
			r.number, r.damaged = n, true
		case records[i+1].Ignored == n: // the writer of the next record saw the damage too
			r.number = n
		default:
			return nil, &state.Problem{
				Err:    fmt.Errorf("record %d of the shared state is damaged", n),
				Advice: "the record says who was mailed: restore it from a backup of the storage",
			}
		}
	}
	if at := signs[r.lease]; at.After(r.sign) {
		r.sign = at
	}
	return r, nil
}

// noteTime updates r.newest with the time of an object.
func (r *logState) noteTime(info Info) {
	if info.Modified.After(r.newest) {
		r.newest = info.Modified
	}
}

// sizeError returns the error for an answer whose size is not the size that the list has for the object with this name.
// The answer may come from a proxy, so orgsync does not take the object for damaged.
func sizeError(name string, size int64, got int) error {
	return fmt.Errorf("%w: the object %s has %d bytes, but the answer has %d", ErrUnknown, name, size, got)
}

// readBase adds the newest base that is not damaged to r. If there is none, the log begins with record 1. The error is
// as in getRecords.
func (s *Store) readBase(ctx context.Context, r *logState) error {
	bases, err := s.list(ctx, baseFolder, "", 0)
	if err != nil {
		return err
	}
	for _, info := range bases {
		r.noteTime(info)
		if number, ok := numberIn(s.relative(info.Key), baseFolder); ok {
			r.bases[number] = info.Modified
		}
	}
	for i := len(bases) - 1; i >= 0; i-- {
		key := s.relative(bases[i].Key)
		number, ok := numberIn(key, baseFolder)
		if !ok {
			continue
		}
		object, err := s.get(ctx, key)
		if errors.Is(err, ErrNotFound) {
			return errVanished
		}
		if err != nil {
			return err
		}
		rec, err := decodeRecord(object)
		if err != nil && !errors.Is(err, errDamaged) {
			return err
		}
		if rec.Kind != kindBase || rec.Number != number { // it is damaged or no base
			if size := bases[i].Size; int64(len(object)) != size {
				return sizeError(key, size, len(object))
			}
			continue
		}
		r.add(rec)
		r.baseSize = len(object)
		r.sign = bases[i].Modified
		return nil
	}
	return nil
}

// getRecords returns the records with these numbers, from known or from the storage. A damaged record is returned as
// the zero record. If an answer has another size than the object in the list, it may come from a proxy. Then the record
// is not damaged, and the error is [ErrUnknown].
func (s *Store) getRecords(
	ctx context.Context, numbers []int, listed map[int]Info, known map[int]record,
) ([]record, error) {
	records := make([]record, len(numbers))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readsAtOnce)
	for i, n := range numbers {
		if rec, ok := known[n]; ok {
			records[i] = rec
			continue
		}
		g.Go(func() error {
			object, err := s.get(ctx, numbered(logFolder, n))
			if errors.Is(err, ErrNotFound) {
				return errVanished
			}
			if err != nil {
				return err
			}
			rec, err := decodeRecord(object)
			isDamaged := errors.Is(err, errDamaged) || err == nil && rec.Number != n
			switch size := listed[n].Size; {
			case isDamaged && int64(len(object)) != size:
				return sizeError(numbered(logFolder, n), size, len(object))
			case isDamaged:
				return nil
			case err != nil:
				return err
			}
			records[i] = rec
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, n := range numbers {
		if records[i].Version > 0 {
			known[n] = records[i]
		}
	}
	return records, nil
}

// key returns the key of the object name of the organization, as in ORGANIZATION/log/1.
func (s *Store) key(name string) string { return s.organization + "/" + name }

// relative returns the name of the object with this key.
func (s *Store) relative(key string) string { return strings.TrimPrefix(key, s.organization+"/") }

// get returns the data of the object name. It repeats the request as retry does.
func (s *Store) get(ctx context.Context, name string) (object []byte, err error) {
	err = s.retry(ctx, func(ctx context.Context) error {
		object, err = s.objects.Get(ctx, s.key(name))
		return err
	})
	return object, err
}

// list returns the objects in a folder whose names are greater than after. An empty folder means all
// folders. It repeats the request as retry does.
func (s *Store) list(ctx context.Context, folder, after string, limit int) (infos []Info, err error) {
	if after != "" {
		after = s.key(after)
	}
	err = s.retry(ctx, func(ctx context.Context) error {
		infos, err = s.objects.List(ctx, s.key(folder), after, limit)
		return err
	})
	return infos, err
}

// retry calls do until it returns nil or an error other than [ErrUnknown], but at most 4 times. A
// repetition of do must be harmless.
func (s *Store) retry(ctx context.Context, do func(context.Context) error) error {
	const tries = 4
	pause := s.times.RequestTimeout / 100
	for try := 1; ; try++ {
		err := s.limited(ctx, do)
		if !errors.Is(err, ErrUnknown) || try == tries || sleep(ctx, pause) != nil {
			return cmp.Or(ctxError(ctx), err)
		}
		pause *= 4
	}
}

// limited calls do with a context that ends after the maximum time of one request.
func (s *Store) limited(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.times.RequestTimeout)
	defer cancel()
	return do(ctx)
}

// ctxError returns the cause of the end of ctx; nil if ctx has not ended.
func ctxError(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// sleep waits for the duration d. If ctx ends first, it returns the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
