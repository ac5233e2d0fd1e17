// Package apply carries a plan out, each mail exactly once.
//
// The first change goes out alone: only an answer that is understood lets the rest go out at once.
// Whatever answer is broken on the way is set aside, and the server may still act on such a request
// for [org.ActWithin]. The last mail of the run is kept back until that is over, as the witness.
// Full readings and new plans settle what was set aside, by the same rules that decide everything else.
// A person who needs nothing any more was mailed. A person who still needs the mail, although a later mail is
// visible, was not mailed: it is sent again, one after another. Everybody else is left to later runs. How a lost
// answer is judged is in plan/unsettled.go.
package apply

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

// maxLostCanaries is how many first changes in a row may go unanswered before the run stops.
const maxLostCanaries = 3

// API is what a run needs of the organization's API. Its errors are *[org.CallError].
//
// A call that has begun is finished although ctx ends, so that its answer is not lost; one that has
// not is not begun.
type API interface {
	Invite(ctx context.Context, to org.Address, apiEnabled bool) (org.Receipt, error)
	// InviteWithBoolean is Invite in another wording, for errors of Invite that have RetryWithBoolean.
	InviteWithBoolean(ctx context.Context, to org.Address, apiEnabled bool) (org.Receipt, error)
	Resend(ctx context.Context, invitationID string, to org.Address) (org.Receipt, error)
	// Edit makes a change other than a mail, and returns how many requests it took.
	Edit(ctx context.Context, e org.Edit) (requests int, err error)
}

// Options are what a run works with. API, Ledger, Read and Replan are needed.
type Options struct {
	API    API
	Ledger *ledger.Ledger
	// Read reads the organization.
	Read func(context.Context) (org.Snapshot, error)
	// Replan decides again, by the rules that the plan was made with.
	Replan func(org.Snapshot, org.Memory) plan.Plan
	// Concurrency is how many changes are carried out at the same time, at most; less than 1 means
	// 1.
	Concurrency int
	// Progress is told of each change as it is concluded, from any goroutine, one at a time; nil
	// tells nobody.
	Progress func(ChangeResult)
	// Order gives the place of a person in the roster: mails are sent in this order. nil: in the
	// plan's.
	Order func(org.Address) int
	// Snapshot is the reading that the plan was made from, and ReadInvitations reads the list of
	// invitations again, once after the first mail of several: people who were invited by somebody
	// else meanwhile are not mailed. nil: nobody looks.
	Snapshot        org.Snapshot
	ReadInvitations func(context.Context) ([]org.Invitation, error)
	// SettleWait is how long the run may wait at its end to settle mails whose answer was lost; 0:
	// not at all, a later run settles them.
	SettleWait time.Duration
	// Waiting is called before each wait for such mails; nil: nobody is told.
	Waiting func(Wait)
}

// Wait is a pause before the next reading of the organization.
type Wait struct {
	// Mails is how many mails are waited for.
	Mails int
	// Until is the local time of the next reading.
	Until time.Time
}

// run is one run under way.
type run struct {
	opts Options
	org  org.Organization
	// sending ends when nothing new may start; its cause says why.
	sending context.Context
	stop    context.CancelCauseFunc

	items []*item // the plan's changes and, after them, those of held people
	// changes are the changes of items, in their order. There may be many, so this is their only copy: it
	// becomes the result.
	changes []ChangeResult
	// last is the mail that is kept back to be the witness for those whose answer is lost; nil:
	// none is, or it was sent.
	last *item
	// deadline is the local time until which the run may wait; zero before it settles.
	deadline time.Time
	// readings is how often the organization was read to settle something, besides the readings
	// that were waited for.
	readings int
	// fresh is the plan of the last reading; nil: there was none.
	fresh *plan.Plan
	// usersSeen and suspendedSeen are false when the plan was made without a list of users, or of
	// the suspended ones.
	usersSeen, suspendedSeen bool

	mu sync.Mutex
	// current is true when nothing was sent since the organization was last read.
	current      bool
	lostAt       time.Time          // the local time of the last mail whose answer was lost; zero: none was
	begun        int                // changes begun so far, which numbers them
	answered     int                // the last change begun that was answered
	unanswered   []int              // those begun after it that were not
	refusals     int                // mails refused in a row, all with the same answer
	refusal      string             // that answer, without the address
	mailsStopped error              // why no more mails are sent; nil: they are
	forbidden    map[editKind]error // what the key may not do, and the answer that said so
}

// editKind is what a key may or may not do as a whole.
type editKind struct {
	op   org.EditOp
	kind org.Kind
}

// item is one change on its way.
type item struct {
	*ChangeResult
	state stage
	held  bool // not in the plan's changes: the person may have been mailed by an earlier run
	sends int  // how often it was sent in this run
	// readFailed is true when Err says already that reading what came of it failed, too.
	readFailed bool
	// doubtful is true when a mail to the person was refused before, or was lost and found not to
	// have been sent.
	doubtful bool
	// previous is the same person's change before this one; nil: none.
	previous *item
}

// stage is how far an item is.
type stage int

const (
	waiting   stage = iota
	concluded       // Outcome stands
	ambiguous       // the server may have acted; a reading decides
	rejected        // the server said no; a reading shows whether that is because nothing is needed
	blocked         // has to wait for a change before it, which is not done
)

// Run carries p out and returns the outcome of every change. It begins nothing new once ctx ends.
func Run(ctx context.Context, p plan.Plan, o Options) Result {
	r := &run{opts: o, org: p.Organization, forbidden: map[editKind]error{}}
	r.sending, r.stop = context.WithCancelCause(ctx)
	defer r.stop(nil)
	go r.watchLease()
	r.changes = make([]ChangeResult, 0, len(p.Changes)+len(p.Held)+len(p.Ungrantable))
	for i, c := range p.Changes {
		it := r.addItem(ChangeResult{Change: c, InvitationID: c.InvitationID})
		if i > 0 && !c.Email.IsZero() && c.Email.Equal(p.Changes[i-1].Email) {
			it.previous = r.items[i-1]
		}
	}
	for _, c := range p.Held {
		r.addItem(ChangeResult{Change: c}).held = true
	}
	planned := r.items[:len(p.Changes)]
	for _, c := range p.Ungrantable {
		r.addItem(ChangeResult{
			Change: c, Outcome: Failed,
			Err: fmt.Errorf("grant %s the %s %q: the organization lacks it", c.Email, c.Detail.Kind, c.Detail.Name),
		}).state = concluded
	}
	noted := func(kind plan.NoticeKind) bool {
		return slices.ContainsFunc(p.Notices, func(n plan.Notice) bool { return n.Kind == kind })
	}
	r.usersSeen, r.suspendedSeen = !noted(plan.MembersUnseen), !noted(plan.SuspendedUnseen)

	if err := r.begin(p); err != nil {
		r.stop(err)
	} else if len(planned) > 0 {
		r.confirmRemovals(ctx)
		memory := r.opts.Ledger.Memory()
		r.noteEarlierLosses(memory, p.Now)
		r.sendRest(r.canary(ctx, r.keepBack(r.byPerson(planned, memory))))
		r.settle(ctx)
	}
	return r.result(ctx, p.Notices)
}

// addItem adds an item for c. The run's changes have room for it.
func (r *run) addItem(c ChangeResult) *item {
	r.changes = append(r.changes, c)
	it := &item{ChangeResult: &r.changes[len(r.changes)-1]}
	r.items = append(r.items, it)
	return it
}

// watchLease stops the run once its lease is lost.
func (r *run) watchLease() {
	select {
	case <-r.opts.Ledger.Lost():
		r.stop(r.opts.Ledger.Check())
	case <-r.sending.Done():
	}
}

// begin makes sure that the ledger can be written before anything is sent.
func (r *run) begin(p plan.Plan) error {
	if len(p.Changes) > 0 {
		mails := 0
		for _, it := range r.items {
			if it.Action.Mails() {
				mails++
			}
		}
		if err := r.opts.Ledger.Begin(mails, len(r.items)-mails); err != nil {
			return err
		}
	}
	return r.opts.Ledger.RecordFacts(p.Facts)
}

// byPerson returns the changes of each person in their order, without those that a second reading
// concluded already. People who are mailed are in the order of the roster. People whose last mail
// was lost or refused come last: the server may fail for them again, and as canaries they would
// stop everybody. A person who is mailed comes first, because only the answer to a mail says which
// organization the key acts on.
func (r *run) byPerson(items []*item, memory org.Memory) [][]*item {
	var people [][]*item
	for _, it := range items {
		record := memory.People[it.Email.Key()]
		it.doubtful = record.AssumedNotSent || record.Refusals > 0
		if it.previous == nil {
			people = append(people, nil)
		}
		if it.state != concluded {
			people[len(people)-1] = append(people[len(people)-1], it)
		}
	}
	people = slices.DeleteFunc(people, func(p []*item) bool { return len(p) == 0 })
	slices.SortStableFunc(people, func(a, b []*item) int {
		last := func(p []*item) int {
			if p[0].doubtful {
				return 1
			}
			return 0
		}
		return last(a) - last(b)
	})
	r.inRosterOrder(people)
	if i := slices.IndexFunc(people, func(p []*item) bool { return p[0].Action.Mails() }); i > 0 {
		first := people[i]
		copy(people[1:i+1], people[:i])
		people[0] = first
	}
	return people
}

// inRosterOrder puts the people who are mailed into the roster's order. All others keep their
// places.
func (r *run) inRosterOrder(people [][]*item) {
	if r.opts.Order == nil {
		return
	}
	type place struct {
		person   []*item
		doubtful bool
		order    int
	}
	var places []int
	var mailed []place
	for i, person := range people {
		if it := person[0]; it.Action.Mails() {
			places = append(places, i)
			mailed = append(mailed, place{person, it.doubtful, r.opts.Order(it.Email)})
		}
	}
	slices.SortStableFunc(mailed, func(a, b place) int {
		switch {
		case a.doubtful && !b.doubtful:
			return 1
		case b.doubtful && !a.doubtful:
			return -1
		}
		return cmp.Compare(a.order, b.order)
	})
	for i, at := range places {
		people[at] = mailed[i].person
	}
}

// keepBack removes the last mail from people and keeps it: sent after all others, it is the witness
// for mails whose answer is lost. It is not the canary and, if possible, not for a doubtful person.
// A single mail is kept back only if it is the only change, because otherwise it is the canary, and only
// if the server may still act on a mail of an earlier run.
func (r *run) keepBack(people [][]*item) [][]*item {
	mails, at := 0, -1
	for i, person := range people {
		if !person[0].Action.Mails() {
			continue
		}
		if mails++; mails <= 2 || !person[0].doubtful || people[at][0].doubtful {
			at = i
		}
	}
	if mails > 1 || mails == 1 && len(people) == 1 && !r.lostAt.IsZero() {
		r.last = people[at][0]
		return slices.Delete(people, at, at+1)
	}
	return people
}

// canary carries out one change after another until an answer is understood, and returns the
// changes that are left.
func (r *run) canary(ctx context.Context, people [][]*item) [][]*item {
	lost := 0
	for i, person := range people {
		for j, it := range person {
			if it.state == concluded { // a reading showed that the mail is needed no more
				continue
			}
			switch failure := r.carryOut(it, it.Change); failure {
			case 0:
				if it.Action.Mails() {
					r.skipInvited(ctx)
				}
				return append([][]*item{person[j+1:]}, people[i+1:]...)
			case org.Lost, org.Unreadable:
				// One read tells what came of it before anybody else is touched.
				lost++
				if failure == org.Unreadable || lost == maxLostCanaries {
					r.stop(fmt.Errorf("the first changes were not answered in a way that can be understood: %w", it.Err))
				}
				if r.readings == maxReadings-1 { // the last one is for what is set aside by now
					r.stop(fmt.Errorf("the first changes were not answered, in spite of %d readings: %w", r.readings, it.Err))
					return nil
				}
				r.readings++
				r.reconcileOnce(ctx)
			case org.Refused, org.Denied, org.NotSent:
				lost = 0
			}
			if r.sending.Err() != nil {
				return nil
			}
		}
	}
	return nil
}

// sendRest carries out the changes of people at the same time, those of doubtful people after those
// of others. Where no answer was lost by then, the mail that was kept back goes out before theirs,
// and the last of theirs is kept back.
func (r *run) sendRest(people [][]*item) {
	people = slices.DeleteFunc(people, func(p []*item) bool { return len(p) == 0 })
	isDoubtful := func(p []*item) bool { return p[0].doubtful && p[0].Action.Mails() }
	first := slices.IndexFunc(people, isDoubtful)
	if first < 0 {
		r.fanOut(people)
		return
	}
	r.fanOut(people[:first])
	rest := people[first:]
	if it := r.last; it != nil && !it.doubtful && r.lostAt.IsZero() && r.sending.Err() == nil {
		r.carryOut(it, it.Change)
		at := len(rest) - 1
		for !isDoubtful(rest[at]) {
			at--
		}
		r.last = rest[at][0]
		rest = slices.Delete(rest, at, at+1)
	}
	r.fanOut(rest)
}

// fanOut carries out the changes of people at the same time, those of one person one after another.
func (r *run) fanOut(people [][]*item) {
	var g errgroup.Group
	g.SetLimit(max(1, r.opts.Concurrency))
	for _, person := range people {
		if r.sending.Err() != nil {
			break
		}
		g.Go(func() error {
			for _, it := range person {
				if it.state != concluded {
					r.carryOut(it, it.Change) // one person's failure is in the item and stops nobody else
				}
			}
			return nil
		})
	}
	_ = g.Wait() // no function of the group returns an error
}

// conclude sets the outcome of it.
func (r *run) conclude(it *item, o Outcome, err error) {
	it.state, it.Outcome, it.Err = concluded, o, err
	if r.opts.Progress != nil && it.isReported() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.opts.Progress(*it.ChangeResult)
	}
}

// isReported reports whether it is a change of the result: one of the plan, or one that was sent.
func (it *item) isReported() bool { return !it.held || it.sends > 0 }

// result assembles the Result.
func (r *run) result(ctx context.Context, planned []plan.Notice) Result {
	var res Result
	if err := context.Cause(r.sending); err != nil {
		res.Stopped = err
	}
	kept := r.changes[:0] // no longer than the items before it
	for _, it := range r.items {
		switch {
		case it.state == concluded:
		case it.held && it.sends == 0:
			continue // its notice says so
		case it.state == ambiguous:
			r.conclude(it, Unknown, it.Err)
		case it.state == rejected:
			r.conclude(it, Failed, it.Err)
		default:
			r.conclude(it, Skipped, cmp.Or(it.Err, res.Stopped, context.Cause(ctx)))
		}
		if it.isReported() {
			kept = append(kept, *it.ChangeResult)
		}
	}
	res.Changes = kept
	slices.SortStableFunc(res.Changes, func(a, b ChangeResult) int { return cmp.Compare(a.Email.Key(), b.Email.Key()) })
	res.Notices = r.lastNotices(planned, res.Changes)
	return res
}

// lastNotices are the notices of the last reading. What became of a mail of this run is said by its
// change: about people with such a change there are only the notices that the plan had, unless they
// are about an earlier mail.
func (r *run) lastNotices(planned []plan.Notice, changes []ChangeResult) []plan.Notice {
	if r.fresh == nil {
		return planned
	}
	mailed := map[string]bool{}
	for _, c := range changes {
		if c.Action.Mails() {
			mailed[c.Email.Key()] = true
		}
	}
	notices := slices.DeleteFunc(slices.Clone(r.fresh.Notices), func(n plan.Notice) bool {
		// The last two are about the first plan of a run.
		return mailed[n.Email.Key()] || n.Kind == plan.Limit || n.Kind == plan.NewLedger
	})
	for _, n := range planned {
		if mailed[n.Email.Key()] && n.Kind != plan.Unsettled || n.Kind == plan.NewLedger {
			notices = append(notices, n)
		}
	}
	slices.SortStableFunc(notices, func(a, b plan.Notice) int {
		return cmp.Or(cmp.Compare(a.Email.Key(), b.Email.Key()), cmp.Compare(a.Kind, b.Kind))
	})
	return notices
}
