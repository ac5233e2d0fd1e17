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
	// readsAtOnce is how many objects are read at the same time.
	readsAtOnce = 16
	// maxReadings is how often the log is read again because an object was deleted meanwhile.
	maxReadings = 5
)

// The folders below an organization. Their order matters: one list that begins after a record of
// logFolder shows the later records, the signs of life and the runs that wait.
const (
	archiveFolder = "archive/" // lines that were left out of a base
	asideFolder   = "aside/"   // damaged ledgers, for people
	baseFolder    = "base/"    // records that hold everything up to their number
	logFolder     = "log/"     // records, one for each number
	signFolder    = "runs/"    // the last sign of life of each lease
	waitFolder    = "wait/"    // the storage's time for a run that waits for a lease
	probeKey      = "probe"    // is there, so that making it must be refused
	proofFolder   = "proof/"   // for the proof that only one of several runs can make an object
)

// numbered returns the name of number in a folder. Names are in the order of their numbers.
func numbered(folder string, number int) string { return fmt.Sprintf("%s%020d", folder, number) }

// numberIn returns the number of a key that [numbered] made for folder, and whether it is one.
func numberIn(key, folder string) (int, bool) {
	digits, ok := strings.CutPrefix(key, folder)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n > 0
}

// reading is the log as one reading shows it.
type reading struct {
	// number is that of the last record; 0: there is none. damaged is true if that record is damaged.
	number  int
	damaged bool
	// base is the number of the newest base and baseSize its size in bytes; 0: there is none.
	base, baseSize int
	lines          blocks // of the ledger
	// lease is the number of the last lease; 0: there was none.
	lease    int
	leaseID  string
	holder   state.Holder
	released bool
	// takeovers are the numbers of the leases that began without a release of the one before.
	takeovers []int
	// sign is the storage's time of the holder's last sign of life, and waits the storage's time of
	// each run that waits, by the name of its object.
	sign  time.Time
	waits map[string]time.Time
	// newest is the latest of all times that the lists have.
	newest time.Time
	// bases are the storage's times of all bases, by their number.
	bases map[int]time.Time
}

// held reports whether the last lease was not released.
func (r *reading) held() bool { return r.lease > 0 && !r.released }

// add replays the next record.
func (r *reading) add(rec record) {
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

// gapError says that records are missing.
func gapError(first, last int) error {
	text := fmt.Sprintf("record %d of the shared state is missing", first)
	if last > first {
		text = fmt.Sprintf("records %d to %d of the shared state are missing", first, last)
	}
	return &state.Problem{
		Err: errors.New(text),
		Advice: "without them it is not known who was mailed: check whether the storage has a rule that deletes old " +
			"objects, restore them from a backup, or move to a new place with 'orgsync state copy'",
	}
}

// read reads the whole log. known has records that were read before; it gains what is read now. nil:
// nothing is known.
func (s *Store) read(ctx context.Context, known map[int]record) (*reading, error) {
	if known == nil {
		known = map[int]record{}
	}
	var err error
	for try := range maxReadings {
		var r *reading
		if r, err = s.readOnce(ctx, known, try > 0); err == nil {
			return r, nil
		}
		if !errors.Is(err, errVanished) {
			break
		}
	}
	return nil, err
}

// readOnce reads the log. With complain, missing records are an error of their own; otherwise the
// error is errVanished, since they may have been deleted while a newer base was made.
func (s *Store) readOnce(ctx context.Context, known map[int]record, complain bool) (*reading, error) {
	r := &reading{waits: map[string]time.Time{}, bases: map[int]time.Time{}}
	if err := s.readBase(ctx, r); err != nil {
		return nil, err
	}
	infos, err := s.list(ctx, "", numbered(logFolder, r.base), 0)
	if err != nil {
		return nil, err
	}
	var numbers []int
	times := map[int]time.Time{} // of records
	signs := map[int]time.Time{} // by lease
	for _, info := range infos {
		key := s.relative(info.Key)
		r.see(info)
		if n, ok := numberIn(key, logFolder); ok {
			numbers = append(numbers, n)
			times[n] = info.Modified
		} else if n, ok := numberIn(key, signFolder); ok {
			signs[n] = info.Modified
		} else if strings.HasPrefix(key, waitFolder) {
			r.waits[key] = info.Modified
		}
	}
	for i, n := range numbers {
		if want := r.base + 1 + i; n != want {
			if complain {
				return nil, gapError(want, n-1)
			}
			return nil, errVanished
		}
	}
	records, err := s.getRecords(ctx, numbers, known)
	if err != nil {
		return nil, err
	}
	for i, n := range numbers {
		switch rec := records[i]; {
		case rec.Version > 0:
			r.add(rec)
			if rec.Lease == r.lease && times[n].After(r.sign) {
				r.sign = times[n]
			}
		case i == len(numbers)-1:
			r.number, r.damaged = n, true
		case i+1 < len(numbers) && records[i+1].Ignored == n: // it was the last one then
			r.number = n
		default:
			return nil, &state.Problem{
				Err:    fmt.Errorf("record %d of the shared state is damaged", n),
				Advice: "without it it is not known who was mailed: restore it from a backup of the storage",
			}
		}
	}
	if at := signs[r.lease]; at.After(r.sign) {
		r.sign = at
	}
	return r, nil
}

// see notes how late it is for the storage.
func (r *reading) see(info Info) {
	if info.Modified.After(r.newest) {
		r.newest = info.Modified
	}
}

// readBase reads the newest base that is not damaged.
func (s *Store) readBase(ctx context.Context, r *reading) error {
	bases, err := s.list(ctx, baseFolder, "", 0)
	if err != nil {
		return err
	}
	for _, info := range bases {
		r.see(info)
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
		if err != nil || rec.Kind != kindBase || rec.Number != number {
			continue
		}
		r.add(rec)
		r.baseSize = len(object)
		r.sign = bases[i].Modified
		return nil
	}
	return nil
}

// getRecords reads the records with these numbers, or takes them from known. A damaged one is the
// zero record.
func (s *Store) getRecords(ctx context.Context, numbers []int, known map[int]record) ([]record, error) {
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
			switch {
			case errors.Is(err, errDamaged) || err == nil && rec.Number != n:
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

// key returns the full key of name below the organization, and relative the reverse.
func (s *Store) key(name string) string { return s.organization + "/" + name }

func (s *Store) relative(key string) string { return strings.TrimPrefix(key, s.organization+"/") }

// get reads one object. A read that fails in a way that may pass is tried again.
func (s *Store) get(ctx context.Context, name string) (object []byte, err error) {
	err = s.retry(ctx, func(ctx context.Context) error {
		object, err = s.objects.Get(ctx, s.key(name))
		return err
	})
	return object, err
}

// list lists what is in a folder ("": everywhere), after the name after ("": from its beginning).
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

// retry calls do, whose repetition is harmless, again while it returns [ErrUnknown], 4 times in all.
func (s *Store) retry(ctx context.Context, do func(context.Context) error) error {
	const tries = 4
	pause := s.times.Request / 100
	for try := 1; ; try++ {
		err := s.limited(ctx, do)
		if !errors.Is(err, ErrUnknown) || try == tries || sleep(ctx, pause) != nil {
			return cmp.Or(ctxError(ctx), err)
		}
		pause *= 4
	}
}

// limited calls do with the time limit of one request.
func (s *Store) limited(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.times.Request)
	defer cancel()
	return do(ctx)
}

// ctxError returns why ctx ended; nil if it has not.
func ctxError(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// sleep waits for d. The error is that of ctx if it ends before.
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
