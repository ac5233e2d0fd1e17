// Package reconcile holds what the commands do with an organization: plan, apply, show where people stand, draft a
// roster. It reads no flags and prints nothing.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/state"
)

// Provider is the API of the organization. Its errors are *[org.CallError] or *[org.PinError].
type Provider interface {
	apply.API
	// Identify returns the organization that the key acts on. pin is the roster's; "" for none.
	Identify(ctx context.Context, pin string) (org.Organization, error)
	// ReadAhead is Identify, with a reading that goes on meanwhile; snapshot waits for it.
	ReadAhead(ctx context.Context, pin string, wanted org.Wanted) (
		in org.Organization, snapshot func() (org.Snapshot, error), err error,
	)
	// ReadOrganization reads what a plan is made from.
	ReadOrganization(ctx context.Context, pin string, wanted org.Wanted) (org.Snapshot, error)
	// ReadAll reads all groups, roles and policies too; unseen are the kinds that the key may not read.
	ReadAll(ctx context.Context, pin string) (s org.Snapshot, unseen []org.Kind, err error)
	// Invitations lists the invitations.
	Invitations(ctx context.Context) ([]org.Invitation, error)
	// Invitation reads one invitation.
	Invitation(ctx context.Context, id string) (org.Invitation, error)
	// Now is the server's clock.
	Now() time.Time
}

// Rules are what a run decides by, beside the roster.
type Rules struct {
	// InviteLeft, Reinvite, Resend and Only are those of [plan.Input].
	InviteLeft             bool
	Reinvite, Resend, Only []org.Address
	// MaxInvites, MaxRemovals and MaxRevokes take the place of the roster's limits; nil leaves those.
	MaxInvites, MaxRemovals, MaxRevokes *int
}

// Options are what a session works with. All but AfterReading and Warn are needed.
type Options struct {
	Provider Provider
	Roster   *roster.Roster
	Rules    Rules
	// Store returns where the ledger of an organization is kept.
	Store func(org.Organization) (state.Store, error)
	// Identified is called once the organization is known, before anything is decided. It may change the roster's pin.
	Identified func(org.Organization)
	// AfterReading is called after each reading; nil: nobody is told.
	AfterReading func()
	// Warn is told of damage in the ledger, in a sentence; nil: nobody is told.
	Warn func(text string)
}

// Session is one organization, as one run works with it.
type Session struct {
	opts Options
	// Organization is the one that the key acts on.
	Organization org.Organization
	store        state.Store
	ahead        func() (org.Snapshot, error) // a reading that goes on already; nil: none
}

// StateError is trouble with what orgsync remembers.
type StateError struct{ Err error }

// Error returns the message of Err.
func (e *StateError) Error() string { return e.Err.Error() }

// Unwrap returns it.
func (e *StateError) Unwrap() error { return e.Err }

// asStateError returns err as a [*StateError]; nil for nil. That another run holds the lock is no trouble.
func asStateError(err error) error {
	if err == nil || errors.As(err, new(*StateError)) || errors.As(err, new(*state.LockedError)) ||
		errors.As(err, new(*state.LostError)) {
		return err
	}
	return &StateError{err}
}

// WithCause returns err with the cause of ctx, where ctx ended and err does not say why.
func WithCause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || err == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w, at: %w", cause, err)
}

// Open finds out which organization the key acts on.
func Open(ctx context.Context, o Options) (*Session, error) {
	in, err := o.Provider.Identify(ctx, o.Roster.Organization)
	if err != nil {
		return nil, WithCause(ctx, err)
	}
	return open(o, in, nil)
}

// OpenAhead is [Open], and reads the organization at the same time, for a [Session.Plan] that follows. The reading ends
// with ctx.
func OpenAhead(ctx context.Context, o Options) (*Session, error) {
	in, snapshot, err := o.Provider.ReadAhead(ctx, o.Roster.Organization, o.Roster.RequiredAccess())
	if err != nil {
		return nil, WithCause(ctx, err)
	}
	return open(o, in, snapshot)
}

func open(o Options, in org.Organization, ahead func() (org.Snapshot, error)) (*Session, error) {
	s := &Session{opts: o, Organization: in, ahead: ahead}
	if o.Identified != nil {
		o.Identified(in)
	}
	store, err := o.Store(in)
	if err != nil {
		s.endReading()
		return nil, asStateError(err)
	}
	s.store = store
	return s, nil
}

// endReading waits for the reading that goes on, if there is one: nothing is to be shown of it any more.
func (s *Session) endReading() {
	if s.ahead != nil {
		_, _ = s.ahead()
	}
}

// reader returns a function that reads the organization, as memory has it.
func (s *Session) reader(memory org.Memory) func(context.Context) (org.Snapshot, error) {
	wanted := plan.WantedAccess(s.opts.Roster, memory)
	return func(ctx context.Context) (org.Snapshot, error) {
		if s.opts.AfterReading != nil {
			defer s.opts.AfterReading()
		}
		if ahead := s.ahead; ahead != nil {
			s.ahead = nil
			if snapshot, err := ahead(); err != nil || !s.lacksHolders(snapshot, wanted) {
				return snapshot, err
			}
		}
		return s.opts.Provider.ReadOrganization(ctx, s.opts.Roster.Organization, wanted)
	}
}

// lacksHolders reports whether a wanted group, role or policy may have been read without all its holders. The reading
// ahead begins before the memory is known, and so cannot know the ids of groups that were renamed.
func (s *Session) lacksHolders(snapshot org.Snapshot, wanted org.Wanted) bool {
	read := s.opts.Roster.RequiredAccess()
	return slices.ContainsFunc(snapshot.Access, func(a org.Access) bool { return wanted.Has(a) && !read.Has(a) })
}

// memory reads what earlier runs remember of the organization, without a lock.
func (s *Session) memory(ctx context.Context) (org.Memory, error) {
	memory, warnings, err := ledger.Read(ctx, s.store, s.Organization.ID)
	if err != nil {
		return org.Memory{}, WithCause(ctx, asStateError(err))
	}
	s.warn(warnings)
	return memory, nil
}

func (s *Session) warn(texts []string) {
	if s.opts.Warn == nil {
		return
	}
	for _, text := range texts {
		s.opts.Warn(text)
	}
}

// input is what the planner decides from.
func (s *Session) input(snapshot org.Snapshot, memory org.Memory) plan.Input {
	rules := s.opts.Rules
	return plan.Input{
		Roster: s.opts.Roster, Snapshot: snapshot, Memory: memory, InviteLeft: rules.InviteLeft,
		Reinvite: rules.Reinvite, Resend: rules.Resend, Only: rules.Only,
		MaxInvites: rules.MaxInvites, MaxRemovals: rules.MaxRemovals, MaxRevokes: rules.MaxRevokes,
	}
}

// Decision is a plan and what it was made from.
type Decision struct {
	Input plan.Input
	Plan  plan.Plan
}

// Plan reads the organization and decides. The error is a *[plan.NeedsError], a
// *[roster.ProblemsError] or a *[plan.UnknownNameError] where the plan must not be carried out
// whatever else it holds.
func (s *Session) Plan(ctx context.Context) (Decision, error) {
	memory, err := s.memory(ctx)
	if err != nil {
		return Decision{}, err
	}
	snapshot, p, err := apply.ReadAndPlan(ctx, s.reader(memory), func(snapshot org.Snapshot) plan.Plan {
		return plan.Compute(s.input(snapshot, memory))
	})
	if err != nil {
		return Decision{}, WithCause(ctx, err)
	}
	if err = p.Err(); err == nil {
		err = p.CheckNames()
	}
	return Decision{s.input(snapshot, memory), p}, err
}

// Drift is how a roster differs from what its people have in the organization.
type Drift struct {
	Updates []roster.Update
	// Remarks are sentences about what no update can say.
	Remarks []string
}

// Draft reads everything, drafts a roster of the people who are not in the session's, and compares
// those who are with the organization.
func (s *Session) Draft(ctx context.Context) (roster.Draft, Drift, error) {
	memory, err := s.memory(ctx)
	if err != nil {
		return roster.Draft{}, Drift{}, err
	}
	snapshot, unseen, err := s.opts.Provider.ReadAll(ctx, s.opts.Roster.Organization)
	if s.opts.AfterReading != nil {
		s.opts.AfterReading()
	}
	if err != nil {
		return roster.Draft{}, Drift{}, WithCause(ctx, err)
	}
	in := s.input(snapshot, memory)
	var drift Drift
	drift.Updates, drift.Remarks = plan.Drift(in, unseen)
	return plan.DraftRoster(in, unseen), drift, nil
}

// Status reads the organization once, and returns where each person of the roster stands beside the decision about
// them.
func (s *Session) Status(ctx context.Context) (Decision, []plan.PersonStatus, error) {
	memory, err := s.memory(ctx)
	if err != nil {
		return Decision{}, nil, err
	}
	snapshot, err := s.reader(memory)(ctx)
	if err != nil {
		return Decision{}, nil, WithCause(ctx, err)
	}
	d := Decision{Input: s.input(snapshot, memory)}
	d.Plan = plan.Compute(d.Input)
	if err := d.Plan.Err(); err != nil {
		return Decision{}, nil, err
	}
	return d, plan.PersonStatuses(d.Input), nil
}

// Invitation reads one invitation by its id, which may be asked for though the list leaves it out.
func (s *Session) Invitation(ctx context.Context, id string) (org.Invitation, error) {
	return s.opts.Provider.Invitation(ctx, id)
}

// History returns what the ledger has of a person, oldest first.
func (s *Session) History(ctx context.Context, p *roster.Person) ([]ledger.Entry, error) {
	var keys []string
	for _, own := range p.Addresses() {
		keys = append(keys, own.Key())
	}
	entries, err := ledger.History(ctx, s.store, s.Organization.ID, keys...)
	return entries, asStateError(err)
}
