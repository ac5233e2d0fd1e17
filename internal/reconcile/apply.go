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
)

// ErrOrganizationChanged says that what was approved is not what would be done any more.
var ErrOrganizationChanged = errors.New("the organization has changed since the plan was shown: nothing was sent")

// ApplyOptions are what [Session.Apply] works with, beside the session. Approve is needed.
type ApplyOptions struct {
	// Saved is the plan that is carried out, or none; nil: whatever the fresh plan says.
	Saved *plan.Saved
	// Planned is told of the decision before anything is refused or sent; nil: nobody is.
	Planned func(Decision)
	// Approve returns nil if p is to be carried out. asked is true if a person was asked, who may have taken their time:
	// then the organization is read again, and a plan that is not the same any more is not carried out.
	Approve func(ctx context.Context, p plan.Plan) (asked bool, err error)
	// Holder is what other runs are told about this one, LockTimeout how long to wait for another run's lock, and
	// RosterName what the ledger calls the roster.
	Holder      ledger.Holder
	LockTimeout time.Duration
	RosterName  string
	// Concurrency, SettleWait, Progress and Waiting are those of [apply.Options].
	Concurrency int
	SettleWait  time.Duration
	Progress    func(apply.ChangeResult)
	Waiting     func(apply.Wait)
}

// Apply takes the lock, decides and carries the plan out. A plan that is refused gives a result in which every change is
// skipped, and Stopped is why. The error is that there is no plan.
func (s *Session) Apply(ctx context.Context, o ApplyOptions) (plan.Plan, apply.Result, error) {
	book, err := ledger.Open(ctx, s.store, ledger.Options{
		Organization: s.Organization.ID, Now: s.opts.Provider.Now, LockTimeout: o.LockTimeout, Holder: o.Holder, Roster: o.RosterName,
	})
	if err != nil {
		return plan.Plan{}, apply.Result{}, WithCause(ctx, asStateError(err))
	}
	defer book.Close() // every line is on disk already
	s.warn(book.Warnings())
	if o.Saved != nil {
		s.opts.Rules.addSaved(o.Saved)
	}
	decide := func(snapshot org.Snapshot) plan.Plan { return plan.Compute(s.input(snapshot, book.Memory())) }
	snapshot, p, err := apply.Look(ctx, s.read, decide)
	if err == nil {
		err = p.Err()
	}
	if err == nil && o.Saved == nil { // a person whom a saved plan names may be gone since; then it is out of date
		err = p.CheckNames()
	}
	if err != nil {
		return plan.Plan{}, apply.Result{}, WithCause(ctx, err)
	}
	if o.Planned != nil {
		o.Planned(Decision{s.input(snapshot, book.Memory()), p})
	}
	if err := checkRefused(p, o.Saved); err != nil {
		return p, skipAll(p, err), nil
	}
	asked, err := o.Approve(ctx, p)
	if err != nil {
		return p, skipAll(p, err), nil
	}
	if asked {
		shown := p
		if snapshot, p, err = apply.Look(ctx, s.read, decide); err != nil {
			return shown, skipAll(shown, WithCause(ctx, err)), nil
		}
		if p.Err() != nil || p.Fingerprint() != shown.Fingerprint() {
			return shown, skipAll(shown, ErrOrganizationChanged), nil
		}
	}
	result := apply.Run(ctx, p, apply.Options{
		API: s.opts.Provider, Ledger: book, Read: s.read,
		Replan: func(snapshot org.Snapshot, memory org.Memory) plan.Plan {
			return plan.Compute(s.input(snapshot, memory))
		},
		Concurrency: o.Concurrency, Progress: o.Progress, SettleWait: o.SettleWait, Waiting: o.Waiting,
		Snapshot: snapshot, ReadInvitations: s.opts.Provider.Invitations, Order: rosterOrder(s.opts.Roster),
	})
	if errors.As(result.Stopped, new(*fs.PathError)) {
		result.Stopped = asStateError(result.Stopped) // the only files that a run touches are the ledger's
	}
	return p, result, nil
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
		r.Changes = append(r.Changes, apply.ChangeResult{Change: c, Outcome: apply.Skipped, InvitationID: c.InvitationID, Err: err})
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
