// Package ledger keeps the memory of the mails that orgsync sent, and the lock that allows one run at a time. The API
// may forget what happened. Therefore orgsync writes the intent of a mail to the ledger before it sends the mail, and
// the outcome after it. Lines are only added. If a run dies, the next run knows who may have been mailed.
//
// If the API and the ledger disagree about the organization, the API is right. If the ledger is lost, orgsync no
// longer knows which people it has mailed.
package ledger

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/state"
)

// compactAt is the size in bytes above which Open compacts a ledger, if this removes at least half of its lines.
const compactAt = 1 << 20

// maxIncomplete is the maximum length of a line whose write was interrupted, in bytes.
const maxIncomplete = 16 << 10

// maxLine is the estimated size of a long line in bytes. It is used to reserve room in the storage.
const maxLine = 1 << 10

// maxID is the maximum length of the id of another organization in a line, in bytes.
const maxID = 128

// namesPerLine is the maximum number of runs that a line with wrongClock names, so that the line is not too long.
const namesPerLine = 100

// Options are the options of [Open].
type Options struct {
	// Organization is the id of the organization. Every line has it.
	Organization string
	// Now returns the server's time. It must not be nil.
	Now func() time.Time
	// LockTimeout is how long to wait if another run has the lock. With 0, Open does not wait.
	LockTimeout time.Duration
	// Holder describes this run to other runs.
	Holder state.Holder
	// Roster names the roster files of the run. Lines about suspensions and removals have these names.
	Roster string
}

// Ledger is an open ledger, whose lease this process has. Its methods may be called from several goroutines.
//
// A method that adds lines returns after the lines are stored. After one such method has failed to write, no method
// writes anything more, and all of them return the same error. Email addresses are canonical keys.
type Ledger struct {
	lease    state.Lease
	opts     Options
	run      string
	warnings []string

	mu       sync.Mutex
	flushed  *sync.Cond // signals that flush has ended
	replayed *replayer
	empty    bool   // the ledger had no line when it was opened
	pending  []byte // lines that are not written yet
	queued   int    // the number of lines that append received
	written  int    // the number of these lines that are written
	writing  bool
	err      error // why nothing can be written any more; nil while lines can be written
}

// Open acquires the lease of the ledger in store and reads the ledger. It removes an incomplete last line, keeps a
// copy of a ledger with damaged lines, and compacts a large ledger. The error is a *[state.LockedError] if another
// run has the lease, and a *[RetiredError] if the ledger has moved.
func Open(ctx context.Context, store state.Store, opts Options) (*Ledger, error) {
	lease, err := store.Acquire(ctx, opts.Holder, opts.LockTimeout)
	if err != nil {
		return nil, err
	}
	l := &Ledger{lease: lease, opts: opts, run: rand.Text()}
	l.flushed = sync.NewCond(&l.mu)
	if err := l.load(store.HolderMayOutliveLease()); err != nil {
		_ = lease.Release()
		return nil, err
	}
	return l, nil
}

// Read returns the memory without a lease, for commands that write nothing. The warnings are about damage that the
// next [Open] repairs. There is no warning about an incomplete last line, because a run may be writing it.
func Read(ctx context.Context, store state.Store, organization string) (org.Memory, []string, error) {
	r := newReplayer(store.HolderMayOutliveLease())
	raw, err := store.Read(ctx)
	if err != nil {
		return org.Memory{}, nil, readError(err)
	}
	c, err := parseContent(raw, organization, r.add)
	if err != nil {
		return org.Memory{}, nil, err
	}
	c.incomplete = false
	memory := r.memory()
	memory.Empty = r.lines == 0
	return memory, c.warnings(""), nil
}

func readError(err error) error { return fmt.Errorf("read the ledger: %w", err) }

// load reads the ledger, and rewrites it if it is damaged or large.
func (l *Ledger) load(holderMayOutliveLease bool) error {
	l.replayed = newReplayer(holderMayOutliveLease)
	c, err := parseContent(l.lease.Content(), l.opts.Organization, l.replayed.add)
	if err != nil {
		return err
	}
	var setAside string
	if len(c.damaged) > 0 {
		// First check that there is room for the copy and for the rewritten ledger. Otherwise, each run on a full disk
		// would leave another copy.
		if err := l.lease.Reserve(2 * len(c.raw)); err != nil {
			return fmt.Errorf("set a damaged ledger aside: %w", err)
		}
		if setAside, err = l.lease.SetAside(c.raw, l.opts.Now()); err != nil {
			return fmt.Errorf("set a damaged ledger aside: %w", err)
		}
	}
	l.warnings = c.warnings(setAside)
	l.empty = l.replayed.lines == 0
	var needed []int
	compact := false
	if len(c.raw) > compactAt {
		needed = l.replayed.needed()
		compact = 2*len(needed) <= l.replayed.lines
	}
	if !compact && len(l.warnings) == 0 {
		return nil
	}
	kept := c.lines
	if compact {
		kept = make([][]byte, len(needed))
		for i, number := range needed {
			kept[i] = c.lines[number-1]
		}
	}
	var lines []byte
	for _, line := range kept {
		lines = append(append(lines, line...), '\n')
	}
	if compact {
		l.replayed = newReplayer(holderMayOutliveLease)
		if _, err := parseContent(lines, l.opts.Organization, l.replayed.add); err != nil {
			return err
		}
	}
	if err := l.lease.Replace(lines); err != nil {
		return fmt.Errorf("rewrite the ledger: %w", err)
	}
	return nil
}

// LimitFuture adds a line if the ledger has times an hour or more in the future, because a clock was wrong then. The
// line has the current time, and names the runs that wrote times in the future. When the line is replayed, all later
// times of these runs are set to its time. So no mail waits until these times have passed. warning is then a sentence
// about it, otherwise "".
//
// Call it after the organization was read. Before that, few answers have shown the server's time. If the machine that
// gave them has a slow clock, all recent mails seem to be in the future, and would then count as old mails.
func (l *Ledger) LimitFuture() (warning string, err error) {
	l.mu.Lock()
	now := l.opts.Now()
	names, latest := l.replayed.runsAfter(now)
	l.mu.Unlock()
	if latest.Sub(now) < time.Hour {
		return "", nil
	}
	var lines []Entry
	for some := range slices.Chunk(names, namesPerLine) {
		lines = append(lines, Entry{Action: Run, Kind: wrongClock, Object: strings.Join(some, " ")})
	}
	return "the ledger has times in the future, because a clock was wrong; they count as now", l.append(lines...)
}

// Warnings returns sentences about the problems that Open found and repaired.
func (l *Ledger) Warnings() []string { return slices.Clone(l.warnings) }

// Memory returns the memory, including the lines that this run added.
func (l *Ledger) Memory() org.Memory {
	l.mu.Lock()
	defer l.mu.Unlock()
	memory := l.replayed.memory()
	memory.Empty = l.empty
	return memory
}

// Begin records that a run with this many mails and edits begins. It returns an error if the ledger cannot be
// written, or has no room for the lines of the run. Then nothing may be sent.
func (l *Ledger) Begin(mails, edits int) error {
	// apply sends a change up to twice. Each time, a mail may take three requests: a renewal, and a new invitation in
	// two forms. An edit takes one request. Each request has two lines.
	if err := l.lease.Reserve((1 + 12*mails + 4*edits) * maxLine); err != nil {
		return err
	}
	return l.append(Entry{Action: Run})
}

// Check returns nil while the run may send requests, because it has its lease. Otherwise it returns the reason. It
// compares clocks, so it is right even if the process was paused.
func (l *Ledger) Check() error { return l.lease.Check() }

// LeaseLost returns a channel that is closed when the run may send no more requests. [Ledger.Check] returns the reason.
func (l *Ledger) LeaseLost() <-chan struct{} { return l.lease.Lost() }

// RecordFacts records facts. The facts about one person must be in their order.
func (l *Ledger) RecordFacts(facts []org.Fact) error {
	if len(facts) == 0 {
		return nil
	}
	entries := make([]Entry, len(facts))
	for i, f := range facts {
		entries[i] = Entry{
			Email: f.Email, Action: Action(f.Kind), InvitationID: f.InvitationID, Expires: f.Expires,
			Object: f.UserID,
		}
		if f.Access != nil {
			entries[i].Object, entries[i].Kind, entries[i].Name = f.Access.ID, f.Access.Kind, f.Access.Name
		}
	}
	return l.append(entries...)
}

// RecordIntent records that a new invitation is about to be sent to email. Do not send it if RecordIntent returns an
// error.
func (l *Ledger) RecordIntent(email string) error {
	return l.append(Entry{Email: email, Action: Invite})
}

// RecordRenewalIntent records that the invitation invitationID is about to be sent again. Do not send it if
// RecordRenewalIntent returns an error. expires is when the invitation expires without this mail; zero if it has
// expired.
func (l *Ledger) RecordRenewalIntent(email, invitationID string, expires time.Time) error {
	return l.append(Entry{Email: email, Action: Resend, InvitationID: invitationID, Expires: expires})
}

// RecordOutcome records the outcome of the mail to email whose intent was recorded last. inv is the invitation in the
// answer; zero if the answer has none. action is Resend if the server renewed an invitation, also if orgsync asked
// for a new one. message is the text with which the API refused this one mail; "" with other outcomes.
func (l *Ledger) RecordOutcome(action Action, email string, outcome Outcome, inv org.Invitation, message string) error {
	e := Entry{
		Email: email, Action: action, Outcome: outcome, InvitationID: inv.ID, Expires: inv.Expires, Message: message,
	}
	if inv.IsForOther(l.opts.Organization) {
		e.Object = inv.OrgID[:min(len(inv.OrgID), maxID)]
	}
	return l.append(e)
}

// RecordEditIntent records that an edit is about to be sent.
func (l *Ledger) RecordEditIntent(e org.Edit) error { return l.append(l.editEntry(e, "")) }

// RecordEditOutcome records the outcome of an edit, which the answer or a later read showed.
func (l *Ledger) RecordEditOutcome(e org.Edit, outcome Outcome) error {
	return l.append(l.editEntry(e, outcome))
}

func (l *Ledger) editEntry(e org.Edit, outcome Outcome) Entry {
	entry := Entry{Email: e.Who.Key(), Action: Action(e.Op), Object: e.ID, Outcome: outcome}
	switch e.Op {
	case org.EditSuspend, org.EditRemove:
		entry.Object, entry.Roster = e.UserID, l.opts.Roster
	case org.EditUnsuspend:
		entry.Object = e.UserID
	default: // the edit is about a group, role or policy, or about the API access
	}
	return entry
}

// Close ends the lease. A second call does nothing.
func (l *Ledger) Close() error { return l.lease.Release() }

// append writes entries so that they survive a crash. While a batch is being written, the lines of all callers are
// collected and form the next batch. So many goroutines need few writes to the disk.
func (l *Ledger) append(entries ...Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	for _, e := range entries {
		l.queued++
		e.Version, e.Organization, e.Run, e.Time = version, l.opts.Organization, l.run, l.opts.Now().UTC()
		e.Number = l.queued
		l.pending = e.appendLine(l.pending)
		l.replayed.add(e)
	}
	mine := l.queued
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

// flush writes all pending lines. The caller must hold the mutex. flush unlocks it while the storage writes.
func (l *Ledger) flush() {
	batch, upTo := l.pending, l.queued
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

// content is the result of reading the lines of a ledger.
type content struct {
	raw        []byte
	lines      [][]byte // the lines that can be read, each once, without line ends
	duplicates int      // the number of further copies of these lines, for example after a restore into the same file
	damaged    []int    // the numbers of the lines that cannot be read, from 1
	incomplete bool     // the last line is incomplete, for example because the machine stopped during the write
}

// parseContent calls take with each line of raw that can be read. Of equal lines, it uses only the first one. It
// returns an error for a line of another organization or of a later version: if orgsync ignored the line, it could
// mail people again. It returns a [*RetiredError] if the ledger has moved.
func parseContent(raw []byte, organization string, take func(Entry)) (*content, error) {
	return parseUnseen(raw, organization, newLineSet(), take)
}

// parseUnseen is like parseContent, but also leaves out lines that seen has. It adds the lines of raw to seen.
func parseUnseen(raw []byte, organization string, seen lineSet, take func(Entry)) (*content, error) {
	c := &content{raw: raw}
	number := 0
	var before Entry
	for line := range bytes.Lines(raw) {
		number++
		line, whole := bytes.CutSuffix(line, []byte{'\n'})
		e, err := parseLine(line, before)
		switch {
		case err != nil && hasLaterVersion(line):
			return nil, laterVersionError(number)
		case err != nil && !whole && isIncomplete(line):
			c.incomplete = true
		case err != nil:
			c.damaged = append(c.damaged, number)
		case e.Action == Retired:
			return nil, &RetiredError{To: e.Object}
		case e.Version > version:
			return nil, laterVersionError(number)
		case !strings.EqualFold(e.Organization, organization):
			return nil, &ContentError{number, fmt.Sprintf("belongs to the organization %.40q, not to %q", e.Organization,
				organization)}
		case seen.wasSeen(e, line):
			c.duplicates++
		default:
			take(e)
			c.lines = append(c.lines, line)
			before, c.incomplete = e, !whole
		}
	}
	return c, nil
}

// ContentError says that a ledger has a line that this run must not ignore.
type ContentError struct {
	Line    int    // the number of the line, from 1
	problem string // what is wrong with it
}

// Error returns a message with the line and its problem.
func (e *ContentError) Error() string {
	return fmt.Sprintf("read the ledger: line %d %s", e.Line, e.problem)
}

// laterVersionError returns the error for the line with this number, which a later version of orgsync wrote.
func laterVersionError(number int) error {
	return &ContentError{number, "was written by a later version of orgsync"}
}

// isLine reports whether text is a line of a ledger, perhaps of a later version.
func isLine(text []byte) bool {
	_, err := parseLine(text, Entry{})
	return err == nil || hasLaterVersion(text)
}

// isIncomplete reports whether line may be the beginning of a line whose write was interrupted. If it is not, the end
// of the ledger is damaged. An incomplete line contains no other line, and no zero bytes, which some disks leave
// after a power cut.
func isIncomplete(line []byte) bool {
	const begin = `{"v":`
	return bytes.HasPrefix(line, []byte(begin)[:min(len(line), len(begin))]) && len(line) <= maxIncomplete &&
		bytes.Count(line, []byte(begin)) <= 1 && bytes.IndexByte(line, 0) < 0
}

// lineSet finds copies of lines. A program that made a copy may have changed the white space and the escapes, so a
// line is known by its run and its number. Old lines have no number, and are compared as they are.
type lineSet struct {
	numbered map[lineID]bool
	others   map[string]bool
}

type lineID struct {
	run    string
	number int
}

func newLineSet() lineSet { return lineSet{map[lineID]bool{}, map[string]bool{}} }

// wasSeen reports whether line, which is the entry e, is a copy of an earlier line, and adds it to s.
func (s lineSet) wasSeen(e Entry, line []byte) bool {
	if e.Number == 0 {
		text := string(line)
		seen := s.others[text]
		s.others[text] = true
		return seen
	}
	id := lineID{e.Run, e.Number}
	seen := s.numbered[id]
	s.numbered[id] = true
	return seen
}

// warnings returns sentences about the damage of c. setAside is the place where the damaged ledger was kept; "" if no
// copy was made.
func (c *content) warnings(setAside string) []string {
	var warnings []string
	if c.incomplete {
		warnings = append(warnings, "the last line of the ledger was incomplete, as after a power cut; no mail was sent "+
			"because of it")
	}
	if c.duplicates > 0 {
		lines := "1 line of the ledger is there twice; it counts once"
		if c.duplicates > 1 {
			lines = fmt.Sprintf("%d lines of the ledger are there twice; each counts once", c.duplicates)
		}
		warnings = append(warnings, lines)
	}
	if len(c.damaged) > 0 {
		lines := fmt.Sprintf("line %d of the ledger cannot be read: its mail is forgotten", c.damaged[0])
		if n := len(c.damaged); n > 1 {
			lines = fmt.Sprintf("%d lines of the ledger cannot be read, the first is line %d: these mails are forgotten",
				n, c.damaged[0])
		}
		text := lines + ". orgsync may mail a person again if the list of invitations does not show their mail yet, " +
			"and may count too few unanswered mails"
		if setAside != "" {
			text += "; the damaged ledger was kept as " + setAside
		}
		warnings = append(warnings, text)
	}
	return warnings
}
