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

// ErrOrganizationChanged says that the plan that was shown and approved is out of date.
var ErrOrganizationChanged = errors.New("the organization has changed since the plan was shown: nothing was sent")

// ErrRosterChanged says that the roster is no longer the one with which the plan was made.
var ErrRosterChanged = errors.New("the roster has changed since the plan was made: nothing was sent")

// ApplyOptions are the options of [Session.Apply]. Approve is required.
type ApplyOptions struct {
	// Saved is the plan that must be carried out. If the new plan differs from it, nothing is sent. nil means that there
	// is no saved plan.
	Saved *plan.Saved
	// Planned is called with the plan before the plan is refused or carried out. If Asks is true, it is called again with
	// the plan after the answer. It may be nil.
	Planned func(Decision)
	// Approve returns nil if p may be carried out. Otherwise its error becomes the Stopped of the result.
	Approve func(ctx context.Context, p plan.Plan) error
	// Asks is true if Approve asks a person. Apply then makes the plan for Approve without the lock, so that other runs
	// do not wait for the answer. After the answer, it takes the lock and makes the plan again.
	Asks bool
	// CheckRoster is called when this run has the lock. It returns an error if the roster has changed while the run waited
	// for an answer or for the lock. It may be nil.
	CheckRoster func(context.Context) error
	// Holder describes this run to other runs. LockTimeout is how long to wait if another run has the lock. RosterName
	// is the name of the roster in the ledger.
	Holder      state.Holder
	LockTimeout time.Duration
	RosterName  string
	// Concurrency, SettleWait, Progress and Waiting are those of [apply.Options].
	Concurrency int
	SettleWait  time.Duration
	Progress    func(apply.ChangeResult)
	Waiting     func(apply.Wait)
}

// Apply takes the lock, makes a plan and carries it out. If the plan is refused, every change of the result is
// skipped, and Stopped of the result says why. The error says why there is no plan.
func (s *Session) Apply(ctx context.Context, o ApplyOptions) (plan.Plan, apply.Result, error) {
	if o.Saved != nil {
		addSaved(&s.opts.Flags, o.Saved)
	}
	var shown *plan.Plan
	if o.Asks {
		d, err := s.Plan(ctx)
		// If a person that a saved plan names is gone, the saved plan is out of date, and approve says so.
		if err != nil && (o.Saved == nil || !errors.As(err, new(*plan.UnknownNameError))) {
			return plan.Plan{}, apply.Result{}, err
		}
		if stopped := o.approve(ctx, d); stopped != nil {
			return d.Plan, skipAll(d.Plan, stopped), nil
		}
		shown = &d.Plan
	}
	failed := func(err error) (plan.Plan, apply.Result, error) {
		if shown == nil {
			return plan.Plan{}, apply.Result{}, err
		}
		return *shown, skipAll(*shown, err), nil
	}
	openLedger, err := ledger.Open(ctx, s.store, ledger.Options{
		Organization: s.Organization.ID, Now: s.opts.Provider.Now, LockTimeout: o.LockTimeout, Holder: o.Holder,
		Roster: o.RosterName,
	})
	if err != nil {
		return failed(WithCause(ctx, asStateError(err)))
	}
	defer func() { s.release(openLedger) }()
	s.warn(openLedger.Warnings())
	if o.CheckRoster != nil {
		if err := o.CheckRoster(ctx); err != nil {
			return failed(WithCause(ctx, err))
		}
	}
	if err := s.checkMisdirected(openLedger.Memory()); err != nil {
		return failed(err)
	}
	read := s.reader(openLedger.Memory)
	readFirst := func(ctx context.Context) (org.Snapshot, error) {
		snapshot, err := read(ctx)
		if err == nil {
			err = s.limitFuture(openLedger)
		}
		return snapshot, err
	}
	snapshot, p, err := apply.ReadAndPlan(ctx, readFirst, func(snapshot org.Snapshot) plan.Plan {
		return s.compute(snapshot, openLedger.Memory())
	})
	if err == nil {
		err = p.CheckProblems()
	}
	if err == nil && o.Saved == nil { // a saved plan may name people who are gone, as above
		err = p.CheckNames()
	}
	switch {
	case err != nil:
		return failed(WithCause(ctx, err))
	case shown == nil:
		if stopped := o.approve(ctx, Decision{s.input(snapshot, openLedger.Memory()), p}); stopped != nil {
			return p, skipAll(p, stopped), nil
		}
	case p.Fingerprint() != shown.Fingerprint():
		return *shown, skipAll(*shown, ErrOrganizationChanged), nil
	case o.Planned != nil: // people may have accepted since the plan was shown
		o.Planned(Decision{s.input(snapshot, openLedger.Memory()), p})
	}
	result := apply.Run(ctx, p, apply.Options{
		API: s.opts.Provider, Ledger: openLedger, Read: read, Replan: s.compute,
		Concurrency: o.Concurrency, Progress: o.Progress, SettleWait: o.SettleWait, Waiting: o.Waiting,
		Snapshot: snapshot, ReadInvitations: s.opts.Provider.Invitations, Order: rosterOrder(s.opts.Roster),
	})
	if errors.As(result.Stopped, new(*state.LostError)) {
		// A run that was paused does not know whether another run has the lease. Releasing the lease finds out.
		s.release(openLedger)
		if lost := openLedger.Check(); lost != nil { // it is nil if the lock file is back
			result.Stopped = lost
		}
	}
	if errors.As(result.Stopped, new(*fs.PathError)) || errors.As(result.Stopped, new(*state.Problem)) {
		result.Stopped = asStateError(result.Stopped) // the only files that a run uses are those of the ledger
	}
	return p, result, nil
}

// approve calls Planned, compares the plan with the saved plan, checks the limits, and calls Approve. It returns why
// the plan of d must not be carried out; nil if it may be.
func (o ApplyOptions) approve(ctx context.Context, d Decision) error {
	if o.Planned != nil {
		o.Planned(d)
	}
	if o.Saved != nil {
		if err := d.Plan.CheckStale(*o.Saved); err != nil {
			return err
		}
	}
	if err := d.Plan.CheckLimits(); err != nil {
		return err
	}
	return o.Approve(ctx, d.Plan)
}

// limitFuture limits the times of openLedger that are in the future. It must be called after a reading.
func (s *Session) limitFuture(openLedger *ledger.Ledger) error {
	warning, err := openLedger.LimitFuture()
	if warning != "" {
		s.warn([]string{warning})
	}
	return asStateError(err)
}

// release ends the lease of openLedger. A failure is only a warning, because the ledger has every line already.
func (s *Session) release(openLedger *ledger.Ledger) {
	if err := openLedger.Close(); err != nil && !errors.As(err, new(*state.LostError)) {
		s.warn([]string{"the lock was not released, so the next run may have to wait for it: " + err.Error()})
	}
}

// addSaved adds to flags the people in the flags of the saved plan.
func addSaved(flags *plan.Flags, saved *plan.Saved) {
	flags.Only = saved.Only
	flags.Resend = slices.Concat(flags.Resend, saved.Resend)
	flags.Reinvite = slices.Concat(flags.Reinvite, saved.Reinvite)
}

// skipAll returns the result of a plan that is not carried out. err says why.
func skipAll(p plan.Plan, err error) apply.Result {
	r := apply.Result{Notices: p.Notices, Stopped: err}
	for _, c := range p.Changes {
		r.Changes = append(r.Changes, apply.ChangeResult{Change: c, Outcome: apply.Skipped, InvitationID: c.InvitationID,
			Err: err})
	}
	return r
}

// rosterOrder returns a function that returns the place of a person in r.
func rosterOrder(r *roster.Roster) func(org.Address) int {
	places := make(map[string]int, len(r.People))
	for i := range r.People {
		places[r.People[i].Email.Key()] = i
	}
	return func(a org.Address) int { return places[a.Key()] }
}
