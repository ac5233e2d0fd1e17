// Package apply carries out a plan, and sends each mail exactly once.
//
// The first change is sent alone. It is the canary. If it fails, the next change becomes the canary. The other
// changes are sent only after a canary has succeeded.
//
// If the answer to a change is lost, the server may still act on the request for [org.ActWithin]. Therefore the last
// mail of the run waits until this time is over. Then it can be a witness for the lost mails (see [org.Mail]).
//
// To settle the changes whose answer was lost, the run reads the organization and makes a new plan. If the new plan
// does not need a lost mail, the mail was sent or is no longer wanted. If the new plan still needs it, the mail counts
// as not sent, and the run sends it once more. If the new plan holds the mail, a later run settles it.
// plan/unsettled.go has the rules for lost mails.
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

// maxLostCanaries is the number of canaries in a row without an answer after which the run stops.
const maxLostCanaries = 3

// API is the part of the organization's API that a run needs. All errors are of the type *[org.CallError].
//
// If ctx ends, a call that has begun its request is finished, so that its answer is not lost. A call that has not
// begun its request returns an error.
type API interface {
	Invite(ctx context.Context, to org.Address, apiEnabled bool) (org.Receipt, error)
	// InviteWithBoolean is like Invite, but sends apiEnabled in another form. It is for use after an error of Invite
	// with RetryWithBoolean.
	InviteWithBoolean(ctx context.Context, to org.Address, apiEnabled bool) (org.Receipt, error)
	Resend(ctx context.Context, invitationID string, to org.Address) (org.Receipt, error)
	// Edit makes a change that sends no mail, and returns the number of requests that were sent.
	Edit(ctx context.Context, e org.Edit) (requests int, err error)
}

// Options are the options of [Run]. API, Ledger, Read and Replan are required.
type Options struct {
	API    API
	Ledger *ledger.Ledger
	// Read reads the organization.
	Read func(context.Context) (org.Snapshot, error)
	// Replan makes a new plan by the rules of the first plan.
	Replan func(org.Snapshot, org.Memory) plan.Plan
	// Concurrency is the maximum number of people whose changes are sent at the same time. Less than 1 means 1.
	Concurrency int
	// Progress is called with the result of each change when it is known. It is called from any goroutine, but never
	// twice at the same time. It may be nil.
	Progress func(ChangeResult)
	// Order returns the place of a person in the roster. Mails are sent in this order, or in the order of the plan if
	// Order is nil.
	Order func(org.Address) int
	// Snapshot is the reading from which the plan was made. ReadInvitations reads the list of invitations. If the run
	// has several mails, it calls ReadInvitations after the first mail. Then it drops the mails to people that somebody
	// else has invited. If ReadInvitations is nil, the run does not check this.
	Snapshot        org.Snapshot
	ReadInvitations func(context.Context) ([]org.Invitation, error)
	// SettleWait limits how long the run may wait at its end to settle lost mails. With 0 it does not wait, and later
	// runs settle them.
	SettleWait time.Duration
	// Waiting is called before each wait for lost mails. It may be nil.
	Waiting func(Wait)
}

// Wait is a pause before the next reading of the organization.
type Wait struct {
	// Mails is the number of lost mails that the run waits for.
	Mails int
	// Until is the local time of the next reading.
	Until time.Time
}

// run is the state of one call of Run.
type run struct {
	opts Options
	org  org.Organization
	// sending ends when no new request may start. Its cause says why.
	sending context.Context
	stop    context.CancelCauseFunc

	items []*item // the changes of the plan and, after them, the held mails and the ungrantable changes
	// changes has the changes of items in the same order. There may be many, so this is the only copy: it becomes the
	// result.
	changes []ChangeResult
	// keptBack is the mail that is sent last, to be the witness for lost mails; nil if there is none or it was sent.
	keptBack *item
	// deadline is the local time until which settle may wait; zero before settle.
	deadline time.Time
	// readings counts the readings of the organization that settled changes, without the readings after a wait.
	readings int
	// freshPlan is the plan of the last reading; nil if there was no reading.
	freshPlan *plan.Plan
	// usersSeen and suspendedSeen are false if the first plan was made without a list of users, or of suspended users.
	usersSeen, suspendedSeen bool

	mu sync.Mutex
	// upToDate is true if nothing was sent after the last reading.
	upToDate bool
	// lostAt is the local time of the last lost mail. From this time on, the server may act on the mail for
	// [org.ActWithin]. It is zero if no mail is lost. After a killed run, it may be in the future.
	lostAt time.Time
	// begun counts the changes that were begun, and numbers them. lastAnswered is the highest number of a change that
	// was answered. unanswered has the numbers of the changes whose answer was lost, but only numbers above
	// lastAnswered.
	begun, lastAnswered int
	unanswered          []int
	// refusalsInRow counts the mails in a row that were refused with the same answer, apart from the address.
	// lastRefusal is this answer.
	refusalsInRow int
	lastRefusal   string
	mailsStopped  error // why no more mails are sent; nil if mails may be sent
	mailed        bool  // the server accepted a mail of this run
	// confirmed is true if confirmRemovals was called and no mail was sent after it.
	confirmed   bool
	permissions map[editKind]*permission
}

// permission is what a run knows about the key's permission for one kind of edits. denied has the answers of the API
// that denied an edit. allowed is true if the API allowed an edit. The keys of both maps are ids of groups, roles or
// policies, or "" for other edits.
type permission struct {
	denied  map[string]error
	allowed map[string]bool
}

// editKind is a kind of edits that need the same permission of the key.
type editKind struct {
	op   org.EditOp
	kind org.Kind
}

// item is a change with its progress.
type item struct {
	*ChangeResult
	state stage
	// held is true if the last plan holds the mail, because the person may have been mailed by an earlier run.
	held  bool
	sends int // how often this run sent the change
	// readFailed is true if Err already says that the reading that should settle the change failed.
	readFailed bool
	// unconfirmed is the error of a request whose answer was lost or did not confirm the edit; nil if there is none. If
	// the server refuses the next request, perhaps because there is nothing left to do, the outcome is not known.
	unconfirmed error
	// failedAt is when the last change to the person failed in an earlier run; zero if it did not fail.
	failedAt time.Time
	// previous is the change of the same person before this change; nil if there is none.
	previous *item
}

// stage is the stage of an item.
type stage int

const (
	waiting   stage = iota
	concluded       // Outcome is final
	ambiguous       // the answer was lost, and a reading must settle the change
	rejected        // the server refused the change, and a reading must show whether it was needed
	blocked         // the change must wait for an earlier change of the person, which is not done
)

// Run carries out p and returns the result of every change. It starts no new request after ctx ends.
func Run(ctx context.Context, p plan.Plan, o Options) Result {
	o.Concurrency = max(1, o.Concurrency)
	r := &run{opts: o, org: p.Organization, permissions: map[editKind]*permission{}}
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
			Err: fmt.Errorf("grant %s the %s %q: the organization does not have it", c.Email, c.Detail.Kind, c.Detail.Name),
		}).state = concluded
	}
	hasNotice := func(kind plan.NoticeKind) bool {
		return slices.ContainsFunc(p.Notices, func(n plan.Notice) bool { return n.Kind == kind })
	}
	r.usersSeen, r.suspendedSeen = !hasNotice(plan.MembersUnseen), !hasNotice(plan.SuspendedUnseen)

	if err := r.begin(p); err != nil {
		r.stop(err)
	} else if len(planned) > 0 {
		memory := r.opts.Ledger.Memory()
		r.noteEarlierLosses(memory, p.Now)
		r.sendRest(ctx, r.sendCanaries(ctx, r.keepBack(r.groupByPerson(planned, memory))))
		r.settle(ctx)
	}
	return r.result(ctx, p.Notices)
}

// addItem adds an item for c. r.changes must have capacity for it, because items point into it.
func (r *run) addItem(c ChangeResult) *item {
	r.changes = append(r.changes, c)
	it := &item{ChangeResult: &r.changes[len(r.changes)-1]}
	r.items = append(r.items, it)
	return it
}

// watchLease stops the run when its lease is lost.
func (r *run) watchLease() {
	select {
	case <-r.opts.Ledger.LeaseLost():
		r.stop(r.opts.Ledger.Check())
	case <-r.sending.Done():
	}
}

// begin records the beginning of the run and the facts of p in the ledger. If the ledger cannot be written, it
// returns an error, and nothing may be sent.
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

// groupByPerson groups the changes by person, and puts the people into the order of sending:
//   - People whose last change failed come last, in the order of these failures. The server may fail for them again,
//     and if they were canaries, they would hold back everybody else in every run.
//   - Mails come before other changes. Only the answer to a mail says on which organization the key acts.
//   - Suspensions and removals come after other changes, so that confirmRemovals reads the organization after them.
//   - Mails are in the order of the roster, other changes in the order of the plan.
func (r *run) groupByPerson(items []*item, memory org.Memory) [][]*item {
	var people [][]*item
	for _, it := range items {
		it.failedAt = memory.People[it.Email.Key()].FailedAt
		if it.previous == nil {
			people = append(people, nil)
		}
		people[len(people)-1] = append(people[len(people)-1], it)
	}
	slices.SortStableFunc(people, func(a, b []*item) int {
		first, second := a[0], b[0]
		switch {
		case !first.failedAt.Equal(second.failedAt):
			return first.failedAt.Compare(second.failedAt) // the zero time comes first
		case first.Action.Mails() != second.Action.Mails():
			if first.Action.Mails() {
				return -1
			}
			return 1
		case isLeaving(a) != isLeaving(b):
			if isLeaving(b) {
				return -1
			}
			return 1
		case first.Action.Mails() && r.opts.Order != nil:
			return cmp.Compare(r.opts.Order(first.Email), r.opts.Order(second.Email))
		}
		return 0
	})
	return people
}

// isLeaving reports whether the changes of a person suspend or remove them. Such a person has no other changes.
func isLeaving(person []*item) bool { return person[0].Action.SuspendsOrRemoves() }

// keepBack removes the last mail from people and sets r.keptBack. This mail is sent after all others, to be the
// witness for lost mails. If there is a choice, it is neither the canary nor a mail to a person whose last change
// failed. A single mail is kept back only if it is the only change, and if the server may still act on a lost mail of
// an earlier run.
func (r *run) keepBack(people [][]*item) [][]*item {
	mails, at := 0, -1
	for i, person := range people {
		if !person[0].Action.Mails() {
			continue
		}
		if mails++; mails <= 2 || person[0].failedAt.IsZero() || !people[at][0].failedAt.IsZero() {
			at = i
		}
	}
	if mails > 1 || mails == 1 && len(people) == 1 && !r.lostAt.IsZero() {
		r.keptBack = people[at][0]
		return slices.Delete(people, at, at+1)
	}
	return people
}

// sendCanaries sends one change after another until a change is done, and returns the changes that are left.
// It returns nil if the run was stopped or no changes are left.
func (r *run) sendCanaries(ctx context.Context, people [][]*item) [][]*item {
	lost := 0 // in a row
	for i, person := range people {
		for j, it := range person {
			if it.Action.SuspendsOrRemoves() {
				r.confirmRemovals(ctx)
			}
			if it.state == concluded { // a reading showed that the change is no longer needed
				continue
			}
			rest := func() [][]*item { return append([][]*item{person[j+1:]}, people[i+1:]...) }
			switch failure := r.carryOut(it, it.Change); failure {
			case 0:
				if it.Action.Mails() {
					r.skipInvited(ctx)
				}
				return rest()
			case org.Lost, org.Unreadable:
				if isUnconfirmed(it.Err) { // the API works, so this is no reason to stop
					lost = 0
					if r.readings == maxReadings-1 {
						continue
					}
					r.readings++
					if r.settleOnce(ctx); it.Outcome == Done {
						return rest()
					}
					break
				}
				// Settle this change before the next one is sent.
				lost++
				if failure == org.Unreadable || lost == maxLostCanaries {
					r.stop(fmt.Errorf("the first changes got no answer that orgsync understands: %w", it.Err))
				}
				if r.readings == maxReadings-1 { // keep the last reading for settle
					r.stop(fmt.Errorf("the first changes got no answer, and orgsync has read the organization %d times already: %w",
						r.readings, it.Err))
					return nil
				}
				r.readings++
				r.settleOnce(ctx)
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

// sendRest sends the changes of all people. The people whose last change failed come after the others. If no mail is
// lost before their turn, sendRest first sends the mail that was kept back, and keeps back the last of their mails
// instead.
func (r *run) sendRest(ctx context.Context, people [][]*item) {
	people = slices.DeleteFunc(people, func(p []*item) bool { return len(p) == 0 })
	firstFailed := slices.IndexFunc(people, func(p []*item) bool { return !p[0].failedAt.IsZero() })
	if firstFailed < 0 {
		firstFailed = len(people)
	}
	r.fanOut(ctx, people[:firstFailed])
	failed := people[firstFailed:]
	if it := r.keptBack; it != nil && it.failedAt.IsZero() && r.lostAt.IsZero() {
		for at, person := range slices.Backward(failed) {
			if isUnsentMail(person[0]) { // a reading may have shown that it is no longer needed
				r.carryOut(it, it.Change)
				r.keptBack, failed = person[0], slices.Delete(failed, at, at+1)
				break
			}
		}
	}
	r.fanOut(ctx, failed)
}

// fanOut sends the changes of people, first those of people who stay. Then it confirms the suspensions and removals,
// and sends them.
func (r *run) fanOut(ctx context.Context, people [][]*item) {
	var staying, leaving [][]*item
	for _, person := range people {
		if isLeaving(person) {
			leaving = append(leaving, person)
		} else {
			staying = append(staying, person)
		}
	}
	r.sendTogether(staying)
	if len(leaving) > 0 {
		r.confirmRemovals(ctx)
		r.sendTogether(leaving)
	}
}

// sendTogether sends the changes of several people at the same time, and the changes of one person one after another.
func (r *run) sendTogether(people [][]*item) {
	var g errgroup.Group
	g.SetLimit(r.opts.Concurrency)
	for _, person := range people {
		if r.sending.Err() != nil {
			break
		}
		g.Go(func() error {
			for _, it := range person {
				if it.state != concluded {
					r.carryOut(it, it.Change) // a failure is recorded in the item and does not stop other people
				}
			}
			return nil
		})
	}
	_ = g.Wait() // no function of the group returns an error
}

// conclude sets the final outcome of an item.
func (r *run) conclude(it *item, o Outcome, err error) {
	it.state, it.Outcome, it.Err = concluded, o, err
	if r.opts.Progress != nil && it.isReported() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.opts.Progress(*it.ChangeResult)
	}
}

// concludeRefused concludes a change that the server refused with err. If the answer to an earlier request for an edit
// was lost, the earlier request may have made the edit.
func (r *run) concludeRefused(it *item, err error) {
	if it.unconfirmed != nil {
		r.conclude(it, Unknown, it.unconfirmed)
		return
	}
	r.conclude(it, Failed, err)
}

// isReported reports whether the item is part of the result. A held mail is not part of it: the person has a notice.
func (it *item) isReported() bool { return !it.held }

// result concludes all items and returns the Result.
func (r *run) result(ctx context.Context, planned []plan.Notice) Result {
	// If ctx has just ended, its end may not have reached r.sending yet.
	res := Result{Stopped: cmp.Or(context.Cause(r.sending), context.Cause(ctx))}
	reported := r.changes[:0] // overwrites only changes of items that the loop has passed
	for _, it := range r.items {
		switch {
		case it.state == concluded:
		case it.held && (r.freshPlan == nil || sameChange(r.freshPlan.Changes, it.Change) == nil):
			continue
		case it.held: // a reading showed that the earlier mail was not sent
			it.held = false
			err := fmt.Errorf("invite %s: the run ended before the mail could be sent", it.Email)
			r.conclude(it, Skipped, cmp.Or(res.Stopped, err))
		case it.state == ambiguous:
			r.conclude(it, Unknown, it.Err)
		case it.state == rejected:
			r.concludeRefused(it, it.Err)
		default:
			r.conclude(it, Skipped, cmp.Or(it.Err, res.Stopped))
		}
		if it.isReported() {
			reported = append(reported, *it.ChangeResult)
		}
	}
	res.Changes = reported
	slices.SortStableFunc(res.Changes, func(a, b ChangeResult) int { return cmp.Compare(a.Email.Key(), b.Email.Key()) })
	res.Notices = r.lastNotices(planned, res.Changes)
	return res
}

// lastNotices returns the notices of the last reading. For people who were mailed, it returns the notices of the
// first plan instead, without Unsettled, because the results of the mails say more than the notices of the last
// reading.
func (r *run) lastNotices(planned []plan.Notice, changes []ChangeResult) []plan.Notice {
	if r.freshPlan == nil {
		return planned
	}
	mailed := map[string]bool{}
	for _, c := range changes {
		if c.Action.Mails() {
			mailed[c.Email.Key()] = true
		}
	}
	notices := slices.DeleteFunc(slices.Clone(r.freshPlan.Notices), func(n plan.Notice) bool {
		// Only the first plan of a run is about the limits and about a new ledger. If a mail of this run went out for
		// another organization, the error of the run says so.
		return mailed[n.Email.Key()] ||
			slices.Contains([]plan.NoticeKind{plan.Limit, plan.NewLedger, plan.WrongOrganization}, n.Kind)
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
