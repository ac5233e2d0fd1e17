// Package ledger is the append-only memory of the mails that were sent, and the lock that keeps runs apart. It
// remembers what the API may forget: an intent is on disk before a mail is sent and its outcome after, so that
// whatever happens in between, the next run knows who may have been mailed.
//
// What the API says about the organization is right, not the ledger. Without the ledger, orgsync no longer knows
// which people it has mailed.
package ledger

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/state"
)

// compactAt is the size in bytes from which a ledger is compacted when that at least halves it.
const compactAt = 1 << 20

// lineRoom is more than one line takes, in bytes, but for an address that is nearly all "&", which JSON escapes.
const lineRoom = 1 << 10

// Options say who opens a ledger.
type Options struct {
	// Organization is the id that every line carries.
	Organization string
	// Now is the server's clock. It must not be nil.
	Now func() time.Time
	// LockTimeout is how long to wait for another run's lock; 0: not at all.
	LockTimeout time.Duration
	// Holder is what another run is told about this one.
	Holder state.Holder
	// Roster names the roster files of the run, for lines about people who are suspended or removed.
	Roster string
}

// Ledger is an open ledger, held by this process alone. It is safe for use by many goroutines.
//
// Methods that add to it return when the lines are on disk. After a write that failed nothing is
// written any more, and they all return that error. Addresses are canonical keys.
type Ledger struct {
	lease    state.Lease
	opts     Options
	run      string
	warnings []string

	mu       sync.Mutex
	flushed  *sync.Cond // a batch was written, or could not be
	replayed *replayer
	empty    bool   // there was no line when it was opened
	pending  []byte // lines taken in, not yet written
	taken    int    // lines taken in
	written  int    // of those, written
	writing  bool
	err      error // why nothing can be written any more
}

// Open acquires the lease of the ledger in store and reads it. It repairs an incomplete last line, sets
// a ledger with damaged lines aside, and compacts a large one. The error is a *[state.LockedError] if
// another run has the lease, and a *[RetiredError] if the ledger has moved.
func Open(ctx context.Context, store state.Store, opts Options) (*Ledger, error) {
	lease, err := store.Acquire(ctx, opts.Holder, opts.LockTimeout)
	if err != nil {
		return nil, err
	}
	l := &Ledger{lease: lease, opts: opts, run: rand.Text()}
	l.flushed = sync.NewCond(&l.mu)
	if err := errors.Join(l.load(store.HolderMayOutliveLease()), l.limitFuture()); err != nil {
		_ = lease.Release()
		return nil, err
	}
	return l, nil
}

// Read returns what is remembered, without a lease and without repairing anything, for commands that
// write nothing. The warnings are about damage that the next run with a lease repairs. A last line that
// is incomplete is none: a run may be writing it.
func Read(ctx context.Context, store state.Store, organization string) (org.Memory, []string, error) {
	f := newReplayer(store.HolderMayOutliveLease())
	c, err := readContent(ctx, store, organization, f.add)
	if err != nil {
		return org.Memory{}, nil, err
	}
	c.torn = false
	memory := f.memory()
	memory.Empty = f.lines == 0
	return memory, c.warnings(""), nil
}

// load reads what is there and leaves it whole. survives is that of the store.
func (l *Ledger) load(survives bool) error {
	l.replayed = newReplayer(survives)
	c, err := parseContent(l.lease.Content(), l.opts.Organization, l.replayed.add)
	if err != nil {
		return err
	}
	var setAside string
	if len(c.damaged) > 0 {
		if setAside, err = l.lease.SetAside(c.raw, l.opts.Now()); err != nil {
			return fmt.Errorf("set a damaged ledger aside: %w", err)
		}
	}
	l.warnings = c.warnings(setAside)
	l.empty = l.replayed.lines == 0
	var needed []int
	compact := false
	if len(c.raw) > compactAt {
		needed = l.replayed.needed(l.opts.Now())
		compact = 2*len(needed) <= l.replayed.lines
	}
	switch {
	case compact:
		l.replayed = newReplayer(survives)
	case len(l.warnings) == 0:
		return nil
	}
	var lines []byte
	place := 0
	for line, e := range c.entries() {
		place++
		if compact {
			if len(needed) == 0 || needed[0] != place {
				continue
			}
			needed = needed[1:]
			l.replayed.add(e)
		}
		lines = append(append(lines, line...), '\n')
	}
	if err := l.lease.Replace(lines); err != nil {
		return fmt.Errorf("rewrite the ledger: %w", err)
	}
	return nil
}

// limitFuture writes a line with the time of now if the ledger holds times in the future, because a
// clock was wrong. From then on what they say counts as having happened by now, so that no mail
// waits for them to pass.
func (l *Ledger) limitFuture() error {
	if l.replayed.lines == 0 || l.replayed.latest.Sub(l.opts.Now()) < time.Hour {
		return nil
	}
	l.warnings = append(l.warnings, "the ledger holds times in the future, because a clock was wrong; they count as now")
	return l.append(Entry{Action: Run})
}

// Warnings returns, in plain sentences, what was repaired on opening and what was lost.
func (l *Ledger) Warnings() []string { return slices.Clone(l.warnings) }

// Memory returns what is remembered now, including what this run added.
func (l *Ledger) Memory() org.Memory {
	l.mu.Lock()
	defer l.mu.Unlock()
	memory := l.replayed.memory()
	memory.Empty = l.empty
	return memory
}

// Begin records that a run with so many mails and edits begins. It fails if the ledger cannot be
// written or has no room for what the run will add, so that nothing is sent then.
func (l *Ledger) Begin(mails, edits int) error {
	// A mail can take an intent and an outcome for renewing and the same for a new invitation in either wording, an edit
	// one of each, times maxSends.
	if err := l.lease.Reserve((1 + 12*mails + 4*edits) * lineRoom); err != nil {
		return err
	}
	return l.append(Entry{Action: Run})
}

// Check returns nil while the run may send something: its lease is not over. It compares clocks, so that
// it is right in a process that was paused.
func (l *Ledger) Check() error { return l.lease.Check() }

// Lost is closed once the run may not send anything any more; [Ledger.Check] returns why.
func (l *Ledger) Lost() <-chan struct{} { return l.lease.Lost() }

// RecordFacts records facts, those of one person in their order.
func (l *Ledger) RecordFacts(facts []org.Fact) error {
	if len(facts) == 0 {
		return nil
	}
	entries := make([]Entry, len(facts))
	for i, f := range facts {
		entries[i] = Entry{
			Email: f.Email, Action: Action(f.Kind), InvitationID: f.InvitationID, Expires: f.Expires,
			Object: cmp.Or(f.UserID, f.AccessID), Kind: f.Access.Kind, Name: f.Access.Name,
		}
	}
	return l.append(entries...)
}

// RecordIntent records that a new invitation is about to be sent. It may be sent only after this returned nil.
func (l *Ledger) RecordIntent(email string) error {
	return l.append(Entry{Email: email, Action: Invite})
}

// RecordRenewalIntent records that invitationID is about to be sent again. It may be sent only after this
// returned nil. expires is when it expires by now, if it is still valid; else zero.
func (l *Ledger) RecordRenewalIntent(email, invitationID string, expires time.Time) error {
	return l.append(Entry{Email: email, Action: Resend, InvitationID: invitationID, Expires: expires})
}

// RecordOutcome records how the mail ended that was intended last for this address, and what its answer
// said about the invitation; the zero Invitation means nothing. action is what was done: the server
// may have renewed an invitation though a new one was asked for. message is what the API said when
// it refused to mail this one person; "" with any other outcome.
func (l *Ledger) RecordOutcome(action Action, email string, outcome Outcome, inv org.Invitation, message string) error {
	return l.append(Entry{
		Email: email, Action: action, Outcome: outcome, InvitationID: inv.ID, Expires: inv.Expires, Message: message,
	})
}

// RecordEditIntent records that an edit is about to be made.
func (l *Ledger) RecordEditIntent(e org.Edit) error { return l.append(l.editEntry(e, "")) }

// RecordEditOutcome records how an edit ended, by its answer or by what a reading showed.
func (l *Ledger) RecordEditOutcome(e org.Edit, outcome Outcome) error {
	return l.append(l.editEntry(e, outcome))
}

func (l *Ledger) editEntry(e org.Edit, outcome Outcome) Entry {
	entry := Entry{Email: e.Who.Key(), Action: Action(e.Op), Object: e.ID, Outcome: outcome}
	if e.Op == org.EditSuspend || e.Op == org.EditRemove {
		entry.Object, entry.Roster = e.UserID, l.opts.Roster
	}
	return entry
}

// Close ends the lease. A second call does nothing.
func (l *Ledger) Close() error { return l.lease.Release() }

// append writes entries so that they survive a crash. Lines that come while others are being written go out together
// in the next write, so that many writers need few syncs. After one failed write there is no other.
func (l *Ledger) append(entries ...Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	for _, e := range entries {
		l.taken++
		e.Version, e.Organization, e.Run, e.Time = version, l.opts.Organization, l.run, l.opts.Now().UTC()
		e.Number = l.taken
		l.pending = e.appendLine(l.pending)
		l.replayed.add(e)
	}
	mine := l.taken
	for l.written < mine && l.err == nil {
		if l.writing {
			l.flushed.Wait()
			continue
		}
		l.flush()
	}
	if l.written < mine {
		return l.err
	}
	return nil
}

// flush writes all that is pending. The caller holds the mutex, which is let go while the storage works.
func (l *Ledger) flush() {
	batch, upTo := l.pending, l.taken
	l.pending, l.writing = nil, true
	l.mu.Unlock()
	err := l.lease.Append(batch)
	l.mu.Lock()
	l.writing = false
	if err != nil {
		l.err = fmt.Errorf("write to the ledger: %w", err)
	} else {
		l.written = upTo
	}
	l.flushed.Broadcast()
}

// content is a ledger as it was read.
type content struct {
	raw     []byte
	lines   [][]byte // the lines that can be read, each once, without their ends
	copies  int      // lines that stand there once more, as after a restore into the same file
	damaged []int    // numbers of the lines that cannot be read, from 1
	torn    bool     // the last line is incomplete: the machine stopped while it was written
}

// readContent reads the lines of store, as [parseContent] does.
func readContent(ctx context.Context, store state.Store, organization string, take func(Entry)) (*content, error) {
	raw, err := store.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return parseContent(raw, organization, take)
}

// parseContent passes each line of raw that can be read to take. Lines of another organization or of a
// later version are an error, because going on without them could mail people again. So is the line that
// says that the ledger has moved.
func parseContent(raw []byte, organization string, take func(Entry)) (*content, error) {
	c := &content{raw: raw}
	number := 0
	seen := newLineSet()
	var before Entry
	for line := range bytes.Lines(raw) {
		number++
		line, whole := bytes.CutSuffix(line, []byte{'\n'})
		e, err := parseLine(line, before)
		switch {
		case err != nil && !whole:
			c.torn = true
		case err != nil:
			c.damaged = append(c.damaged, number)
		case e.Action == Retired:
			return nil, &RetiredError{To: e.Object}
		case e.Version > version:
			return nil, fmt.Errorf("read the ledger: line %d was written by a later version of orgsync", number)
		case e.Organization != organization:
			return nil, fmt.Errorf("read the ledger: line %d belongs to the organization %.40q, not to %q", number,
				e.Organization, organization)
		case seen.has(line):
			c.copies++
		default:
			take(e)
			c.lines = append(c.lines, line)
			before, c.torn = e, !whole
		}
	}
	return c, nil
}

// entries are the lines that can be read, without their ends, and what they say.
func (c *content) entries() iter.Seq2[[]byte, Entry] {
	return func(yield func([]byte, Entry) bool) {
		var before Entry
		for _, line := range c.lines {
			e, err := parseLine(line, before)
			if err != nil {
				continue
			}
			if before = e; !yield(line, e) {
				return
			}
		}
	}
}

// lineSet finds lines that were seen before.
type lineSet struct {
	seed  maphash.Seed
	lines map[uint64][]byte
}

func newLineSet() lineSet { return lineSet{maphash.MakeSeed(), map[uint64][]byte{}} }

// has reports whether an equal line was seen before, and remembers line.
func (s lineSet) has(line []byte) bool {
	sum := maphash.Bytes(s.seed, line)
	if first, found := s.lines[sum]; found {
		return bytes.Equal(first, line) // of two lines with one sum the second is kept, and its copies are not found
	}
	s.lines[sum] = line
	return false
}

// warnings returns what is wrong with c. setAside is where the damaged ledger was put; "" if it was
// left where it is.
func (c *content) warnings(setAside string) []string {
	var warnings []string
	if c.torn {
		warnings = append(warnings, "the last line of the ledger was incomplete, as after a power cut; no mail was sent "+
			"because of it")
	}
	if c.copies > 0 {
		lines := "1 line of the ledger is there twice; it counts once"
		if c.copies > 1 {
			lines = fmt.Sprintf("%d lines of the ledger are there twice; each counts once", c.copies)
		}
		warnings = append(warnings, lines)
	}
	if len(c.damaged) > 0 {
		lines := fmt.Sprintf("line %d of the ledger cannot be read: its mail is forgotten", c.damaged[0])
		if n := len(c.damaged); n > 1 {
			lines = fmt.Sprintf("%d lines of the ledger cannot be read, the first is line %d: their mails are forgotten", n,
				c.damaged[0])
		}
		text := lines + ", so a person whom the list of invitations does not show yet could be mailed again, and " +
			"unanswered mails may be counted too low"
		if setAside != "" {
			text += "; the damaged ledger was kept as " + setAside
		}
		warnings = append(warnings, text)
	}
	return warnings
}
