package objects

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orgsync/orgsync/internal/state"
)

const (
	// baseAfter is the number of records since the last base after which Release makes a new base.
	baseAfter = 10
	// largeBaseAfter is the same number if the last base has more than largeBase bytes: a large base takes
	// longer to write.
	largeBaseAfter = 100
	largeBase      = 1 << 20
	// baseDuringRun is the number of records since the last base after which a run makes a new base
	// before its end.
	baseDuringRun = 1000
	// cleanAtOnce is the maximum number of objects of a folder that one run lists in order to delete
	// them, and the maximum number that it deletes. The records that are always needed do not count.
	cleanAtOnce = 200
	// deletesAtOnce is the maximum number of objects that are deleted at the same time.
	deletesAtOnce = 8
)

// makeBase makes a base with the number of the last record of log.
func (s *Store) makeBase(ctx context.Context, log logState, holder state.Holder) error {
	rec := record{
		Version: recordVersion, Kind: kindBase, Number: log.number, Lease: log.lease, LeaseID: log.leaseID, Holder: holder,
		Nonce: newID(), Released: log.released, Takeovers: log.takeovers, lines: log.lines,
	}
	return s.create(ctx, numbered(baseFolder, log.number), rec.encode(), time.Now(), s.times.TakeoverAfter)
}

// needsBase reports whether a base would save later runs many reads. The caller must hold l.writing.
func (l *lease) needsBase() bool {
	l.mu.Lock()
	makingBase := l.makingBase
	l.mu.Unlock()
	records := l.log.number - l.log.base
	return !makingBase && (records > baseAfter && l.log.baseSize <= largeBase || records > largeBaseAfter)
}

// makeBaseInBackground makes a base in another goroutine, unless one is being made. The caller must hold
// l.writing.
func (l *lease) makeBaseInBackground() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.makingBase {
		return
	}
	l.makingBase = true
	log := l.log
	log.lines, log.takeovers = slices.Clone(log.lines), slices.Clone(log.takeovers)
	l.work.Go(func() {
		err := l.store.makeBase(l.ctx, log, l.holder)
		l.mu.Lock()
		l.makingBase = false
		l.mu.Unlock()
		if err == nil {
			l.writing.Lock()
			defer l.writing.Unlock()
			l.log.base, l.log.baseSize = max(l.log.base, log.number), Size(log.lines)
		}
	})
}

// clean deletes objects that are no longer needed. lease is the number of the last lease, and takeovers
// are as in logState. clean ignores errors, because 'orgsync state show' reports objects that could not
// be deleted.
func (s *Store) clean(ctx context.Context, lease int, takeovers []int) {
	folders := []string{baseFolder, logFolder, signFolder, waitFolder}
	lists := make([][]Info, len(folders))
	var g errgroup.Group
	for i, folder := range folders {
		g.Go(func() (err error) {
			lists[i], err = s.list(ctx, folder, "", cleanAtOnce+len(takeovers))
			return err
		})
	}
	if g.Wait() != nil {
		return
	}
	r := &logState{takeovers: takeovers, bases: map[int]time.Time{}}
	for i, infos := range lists {
		for _, info := range infos {
			r.noteTime(info)
			if number, ok := numberIn(s.relative(info.Key), folders[i]); ok && folders[i] == baseFolder {
				r.bases[number] = info.Modified
			}
		}
	}
	var names []string
	for i, infos := range lists {
		for _, info := range infos {
			name := s.relative(info.Key)
			number, _ := numberIn(name, folders[i])
			if s.isUnneeded(number, info, r, s.times.Retention) || folders[i] == signFolder && number < lease {
				names = append(names, name)
			}
		}
	}
	var deletes errgroup.Group
	deletes.SetLimit(deletesAtOnce)
	for _, name := range names[:min(len(names), cleanAtOnce)] {
		deletes.Go(func() error {
			return s.limited(ctx, func(ctx context.Context) error { return s.objects.Delete(ctx, s.key(name)) })
		})
	}
	_ = deletes.Wait()
}

// isUnneeded reports whether an object is no longer needed. number is the number of the object, or 0 if
// it has none. An object is unneeded if it is older than age, and a base with a higher number is older
// than age too. So even a list that is hours late shows that base.
//
// Records that took over a lease are always needed. Each has the number that the run before it would
// use for its next record, if that run was only paused.
func (s *Store) isUnneeded(number int, info Info, r *logState, age time.Duration) bool {
	old := func(at time.Time) bool { return r.newest.Sub(at) >= age }
	if !old(info.Modified) || slices.Contains(r.takeovers, number) {
		return false
	}
	for base, at := range r.bases {
		if number < base && old(at) {
			return true
		}
	}
	return false
}
