package objects

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orgsync/orgsync/internal/state"
)

const (
	// baseAfter is after how many records a lease that ends makes a base, and largeBaseAfter the same
	// for a ledger of more than largeBase bytes, which takes longer to write.
	baseAfter      = 10
	largeBaseAfter = 100
	largeBase      = 1 << 20
	// baseDuringRun is after how many records a long run makes a base.
	baseDuringRun = 1000
	// cleanAtOnce is how many objects one run looks at and deletes, at most.
	cleanAtOnce = 200
	// deletesAtOnce is how many objects are deleted at the same time.
	deletesAtOnce = 8
)

// makeBase makes the base at the last number of log.
func (s *Store) makeBase(ctx context.Context, log reading, holder state.Holder) error {
	rec := record{
		Version: recordVersion, Kind: kindBase, Number: log.number, Lease: log.lease, LeaseID: log.leaseID, Holder: holder,
		Nonce: newID(), Released: log.released, Takeovers: log.takeovers, lines: log.lines,
	}
	return s.create(ctx, numbered(baseFolder, log.number), rec.encode(), time.Now(), s.times.Dead)
}

// needsBase reports whether a base saves the next runs much reading. The caller holds writing.
func (l *lease) needsBase() bool {
	l.mu.Lock()
	basing := l.basing
	l.mu.Unlock()
	records := l.log.number - l.log.base
	return !basing && (records > baseAfter && l.log.baseSize <= largeBase || records > largeBaseAfter)
}

// makeBaseMeanwhile makes a base at the last number while the run goes on. The caller holds writing.
func (l *lease) makeBaseMeanwhile() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.basing {
		return
	}
	l.basing = true
	log := l.log
	log.lines, log.takeovers = slices.Clone(log.lines), slices.Clone(log.takeovers)
	l.work.Go(func() {
		err := l.store.makeBase(l.ctx, log, l.holder)
		l.mu.Lock()
		l.basing = false
		l.mu.Unlock()
		if err == nil {
			l.writing.Lock()
			defer l.writing.Unlock()
			l.log.base, l.log.baseSize = max(l.log.base, log.number), Size(log.lines)
		}
	})
}

// clean deletes objects that nothing needs any more. lease is the number of the last lease, and takeovers
// are those of reading. What cannot be deleted stays; 'state show' says so.
func (s *Store) clean(ctx context.Context, lease int, takeovers []int) {
	folders := []string{baseFolder, logFolder, signFolder, waitFolder}
	lists := make([][]Info, len(folders))
	var g errgroup.Group
	for i, folder := range folders {
		g.Go(func() (err error) {
			lists[i], err = s.list(ctx, folder, "", cleanAtOnce)
			return err
		})
	}
	if g.Wait() != nil {
		return
	}
	r := &reading{takeovers: takeovers, bases: map[int]time.Time{}}
	for i, infos := range lists {
		for _, info := range infos {
			r.see(info)
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
			if s.isUnneeded(number, info, r, s.times.Keep) || folders[i] == signFolder && number < lease {
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

// isUnneeded reports whether nobody needs the object info any more: it is older than age, and so is a
// base with a number above its own (0: it has none), so that even a list that lags for hours shows that
// base. Records that took a lease over stay: they have the one number that the run before would use when
// it wakes up.
func (s *Store) isUnneeded(number int, info Info, r *reading, age time.Duration) bool {
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
