package reconcile

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/state"
)

// ErrOrganizationChanged says that what was approved is not what would be done any more.
var ErrOrganizationChanged = errors.New("the organization has changed since the plan was shown: nothing was sent")

// ApplyOptions are what [Session.Apply] works with, beside the session. Approve is needed.
type ApplyOptions struct {
	// Saved is the plan that is carried out, or none; nil: whatever the fresh plan says.
	Saved *plan.Saved
	// Planned is told of the decision before anything is refused or sent; nil: nobody is.
	Planned func(Decision)
	// Approve returns nil if p is to be carried out.
	Approve func(ctx context.Context, p plan.Plan) error
	// Asks is true if Approve will ask a person. Then the plan is made without the lock, so that nobody is
	// held up by a question, and made once more with it.
	Asks bool
	// Holder is what other runs are told about this one, LockTimeout how long to wait for another run's lock, and
	// RosterName what the ledger calls the roster.
	Holder      state.Holder
	LockTimeout time.Duration
	RosterName  string
	// Concurrency, SettleWait, Progress and Waiting are those of [apply.Options].
	Concurrency int
	SettleWait  time.Duration
	Progress    func(apply.ChangeResult)
	Waiting     func(apply.Wait)
}

// Apply takes the lock, decides and carries the plan out. A plan that is refused gives a result in which every change
// is skipped, and Stopped is why. The error is that there is no plan.
func (s *Session) Apply(ctx context.Context, o ApplyOptions) (plan.Plan, apply.Result, error) {
	if o.Saved != nil {
		s.opts.Rules.addSaved(o.Saved)
	}
	var shown *plan.Plan
	if o.Asks {
		d, err := s.Plan(ctx)
		if err != nil && (o.Saved == nil || !errors.As(err, new(*plan.UnknownNameError))) { // see below
			return plan.Plan{}, apply.Result{}, err
		}
		if stopped := o.refuse(ctx, d); stopped != nil {
			return d.Plan, skipAll(d.Plan, stopped), nil
		}
		shown = &d.Plan
	}
	book, err := ledger.Open(ctx, s.store, ledger.Options{
		Organization: s.Organization.ID, Now: s.opts.Provider.Now, LockTimeout: o.LockTimeout, Holder: o.Holder,
		Roster: o.RosterName,
	})
	if err != nil {
		return plan.Plan{}, apply.Result{}, WithCause(ctx, asStateError(err))
	}
	defer func() { s.release(book) }()
	s.warn(book.Warnings())
	read := s.reader(book.Memory())
	snapshot, p, err := apply.ReadAndPlan(ctx, read, func(snapshot org.Snapshot) plan.Plan {
		return plan.Compute(s.input(snapshot, book.Memory()))
	})
	if err == nil {
		err = p.Err()
	}
	if err == nil && o.Saved == nil { // a person whom a saved plan names may be gone since; then it is out of date
		err = p.CheckNames()
	}
	switch {
	case err != nil && shown == nil:
		return plan.Plan{}, apply.Result{}, WithCause(ctx, err)
	case err != nil:
		return *shown, skipAll(*shown, WithCause(ctx, err)), nil
	case shown == nil:
		if stopped := o.refuse(ctx, Decision{s.input(snapshot, book.Memory()), p}); stopped != nil {
			return p, skipAll(p, stopped), nil
		}
	case p.Fingerprint() != shown.Fingerprint():
		return *shown, skipAll(*shown, ErrOrganizationChanged), nil
	}
	result := apply.Run(ctx, p, apply.Options{
		API: s.opts.Provider, Ledger: book, Read: read,
		Replan: func(snapshot org.Snapshot, memory org.Memory) plan.Plan {
			return plan.Compute(s.input(snapshot, memory))
		},
		Concurrency: o.Concurrency, Progress: o.Progress, SettleWait: o.SettleWait, Waiting: o.Waiting,
		Snapshot: snapshot, ReadInvitations: s.opts.Provider.Invitations, Order: rosterOrder(s.opts.Roster),
	})
	if errors.As(result.Stopped, new(*state.LostError)) {
		// Ending the lease shows whether another run has it, which a run that was paused cannot know.
		s.release(book)
		result.Stopped = book.Check()
	}
	if errors.As(result.Stopped, new(*fs.PathError)) || errors.As(result.Stopped, new(*state.Problem)) {
		result.Stopped = asStateError(result.Stopped) // the only files that a run touches are the ledger's
	}
	return p, result, nil
}

// refuse tells the caller of a decision and returns why it is not carried out; nil if it is.
func (o ApplyOptions) refuse(ctx context.Context, d Decision) error {
	if o.Planned != nil {
		o.Planned(d)
	}
	if err := checkRefused(d.Plan, o.Saved); err != nil {
		return err
	}
	return o.Approve(ctx, d.Plan)
}

// release ends the lease of book. Every line is stored already; other runs may only have to wait.
func (s *Session) release(book *ledger.Ledger) {
	if err := book.Close(); err != nil && !errors.As(err, new(*state.LostError)) {
		s.warn([]string{"the lock was not released, so the next run may have to wait for it: " + err.Error()})
	}
}

// addSaved adds the people whom the flags of a saved plan named.
func (r *Rules) addSaved(saved *plan.Saved) {
	r.Only = saved.Only
	r.Resend = slices.Concat(r.Resend, saved.Resend)
	r.Reinvite = slices.Concat(r.Reinvite, saved.Reinvite)
}

// checkRefused returns why p is refused before the first write; nil when it is not.
func checkRefused(p plan.Plan, saved *plan.Saved) error {
	if saved != nil {
		if err := p.CheckStale(*saved); err != nil {
			return err
		}
	}
	return p.CheckLimits()
}

// skipAll is the result of a plan that is not carried out.
func skipAll(p plan.Plan, err error) apply.Result {
	r := apply.Result{Notices: p.Notices, Stopped: err}
	for _, c := range p.Changes {
		r.Changes = append(r.Changes, apply.ChangeResult{Change: c, Outcome: apply.Skipped, InvitationID: c.InvitationID,
			Err: err})
	}
	return r
}

// rosterOrder returns the place of a person in r.
func rosterOrder(r *roster.Roster) func(org.Address) int {
	places := make(map[string]int, len(r.People))
	for i := range r.People {
		places[r.People[i].Email.Key()] = i
	}
	return func(a org.Address) int { return places[a.Key()] }
}
