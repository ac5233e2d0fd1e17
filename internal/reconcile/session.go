// Package reconcile has the steps of the commands that work with an organization: make a plan, carry it out, show the
// state of each person, draft a roster. It reads no flags and prints nothing.
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

// Provider is the API of the organization. An error wraps a *[org.CallError] or a *[org.PinError], unless it says
// that the key shows no organization.
type Provider interface {
	apply.API
	// Identify returns the organization on which the key acts. pin is the `organization` line of the roster; "" if it
	// has none.
	Identify(ctx context.Context, pin string) (org.Organization, error)
	// ReadAhead is like Identify, but also starts ReadOrganization. snapshot waits for the result.
	ReadAhead(ctx context.Context, pin string, wanted org.Wanted) (
		organization org.Organization, snapshot func() (org.Snapshot, error), err error,
	)
	// ReadOrganization reads everything that a plan needs. wanted is the access whose holders it reads.
	ReadOrganization(ctx context.Context, pin string, wanted org.Wanted) (org.Snapshot, error)
	// ReadAll reads everything, including the holders of all groups, roles and policies. hidden has the kinds that the
	// key may not read.
	ReadAll(ctx context.Context, pin string) (s org.Snapshot, hidden []org.Kind, err error)
	// ReadAcceptance asks whether users have accepted their invitations, and sets their Accepted.
	ReadAcceptance(ctx context.Context, users []*org.User) error
	Invitations(ctx context.Context) ([]org.Invitation, error)
	Invitation(ctx context.Context, id string) (org.Invitation, error)
	// Now returns the server's time.
	Now() time.Time
}

// Options are the options of a session. Identified, AfterReading and Warn may be nil. All others are required.
type Options struct {
	Provider Provider
	Roster   *roster.Roster
	Flags    plan.Flags
	// Store returns the place for the ledger of an organization.
	Store func(context.Context, org.Organization) (state.Store, error)
	// Identified is called when the organization is known, before anything is decided. It may change the `organization`
	// of Roster.
	Identified func(org.Organization)
	// AfterReading is called after each reading.
	AfterReading func()
	// Warn is called with a sentence about damage of the ledger.
	Warn func(text string)
}

// Session is the work of one run with one organization.
type Session struct {
	opts Options
	// Organization is the organization on which the key acts.
	Organization org.Organization
	store        state.Store
	// required is the access that the roster names. The reading that OpenAhead started reads only this access.
	required org.Wanted
	// startedReading waits for the reading that OpenAhead started; nil if there is none.
	startedReading func() (org.Snapshot, error)
}

// StateError is an error of the ledger or its place.
type StateError struct{ Err error }

// Error returns the message of e.Err.
func (e *StateError) Error() string { return e.Err.Error() }

// Unwrap returns e.Err.
func (e *StateError) Unwrap() error { return e.Err }

// asStateError returns err as a [*StateError]; nil for nil. If err says that another run has the lock or took it,
// nothing is wrong with the ledger. Then it returns err unchanged.
func asStateError(err error) error {
	if err == nil || errors.As(err, new(*StateError)) || errors.As(err, new(*state.LockedError)) ||
		errors.As(err, new(*state.LostError)) {
		return err
	}
	return &StateError{err}
}

// WithCause adds the cause of ctx to err, if ctx has ended and err does not have its cause.
func WithCause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || err == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w, at: %w", cause, err)
}

// Open finds out on which organization the key acts, and returns a session for it.
func Open(ctx context.Context, o Options) (*Session, error) {
	organization, err := o.Provider.Identify(ctx, o.Roster.Organization)
	if err != nil {
		return nil, WithCause(ctx, err)
	}
	return newSession(ctx, o, organization, o.Roster.RequiredAccess(), nil)
}

// OpenAhead is like [Open], but also starts to read the organization, for a [Session.Plan] that follows. If ctx ends,
// the reading ends too.
func OpenAhead(ctx context.Context, o Options) (*Session, error) {
	required := o.Roster.RequiredAccess()
	organization, snapshot, err := o.Provider.ReadAhead(ctx, o.Roster.Organization, required)
	if err != nil {
		return nil, WithCause(ctx, err)
	}
	return newSession(ctx, o, organization, required, snapshot)
}

func newSession(
	ctx context.Context, o Options, organization org.Organization, required org.Wanted,
	startedReading func() (org.Snapshot, error),
) (*Session, error) {
	s := &Session{opts: o, Organization: organization, required: required, startedReading: startedReading}
	if o.Identified != nil {
		o.Identified(organization)
	}
	var store state.Store
	err := org.ErrNoOrganizationID
	if organization.ID != "" {
		store, err = o.Store(ctx, organization)
		err = WithCause(ctx, asStateError(err))
	}
	if err != nil {
		if startedReading != nil {
			_, _ = startedReading() // wait, so that the reading reports no progress after this error
		}
		return nil, err
	}
	s.store = store
	return s, nil
}

// reader returns a function that reads the organization for a plan. memory returns the memory at the time of the
// reading. It has the ids of access that was renamed and the mails that nobody answered, perhaps since an earlier
// reading of the same run.
func (s *Session) reader(memory func() org.Memory) func(context.Context) (org.Snapshot, error) {
	return func(ctx context.Context) (org.Snapshot, error) {
		known := memory()
		if s.opts.AfterReading != nil {
			defer s.opts.AfterReading()
		}
		snapshot, err := s.readLists(ctx, plan.WantedAccess(s.required, known))
		if err == nil {
			err = s.opts.Provider.ReadAcceptance(ctx, plan.UnansweredUsers(snapshot, known))
		}
		return snapshot, err
	}
}

// readLists returns the reading that OpenAhead started, or reads the organization.
func (s *Session) readLists(ctx context.Context, wanted org.Wanted) (org.Snapshot, error) {
	if started := s.startedReading; started != nil {
		s.startedReading = nil
		if snapshot, err := started(); err != nil || !s.lacksHolders(snapshot, wanted) {
			return snapshot, err
		}
	}
	return s.opts.Provider.ReadOrganization(ctx, s.opts.Roster.Organization, wanted)
}

// fixedMemory returns a function that returns memory.
func fixedMemory(memory org.Memory) func() org.Memory { return func() org.Memory { return memory } }

// lacksHolders reports whether snapshot may lack holders of access that wanted has. The reading of OpenAhead starts
// before the memory is known. So it cannot know the ids of groups, roles and policies that were renamed.
func (s *Session) lacksHolders(snapshot org.Snapshot, wanted org.Wanted) bool {
	return slices.ContainsFunc(snapshot.Access, func(a org.Access) bool { return wanted.Has(a) && !s.required.Has(a) })
}

// memory reads the memory from the ledger, without the lock.
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

func (s *Session) input(snapshot org.Snapshot, memory org.Memory) plan.Input {
	return plan.Input{Roster: s.opts.Roster, Snapshot: snapshot, Memory: memory, Flags: s.opts.Flags}
}

func (s *Session) compute(snapshot org.Snapshot, memory org.Memory) plan.Plan {
	return plan.Compute(s.input(snapshot, memory))
}

// checkMisdirected returns an [*apply.WrongOrganizationError] if the last mail went out for another organization.
// First, somebody must find out why. With --reinvite, the user says that this is done.
func (s *Session) checkMisdirected(memory org.Memory) error {
	m := plan.StoppingMail(memory, s.opts.Roster, s.opts.Flags)
	if m.Email == "" {
		return nil
	}
	return &apply.WrongOrganizationError{To: m.Email, Sent: org.Organization{ID: m.OrganizationID}, Meant: s.Organization}
}

// Decision is a plan with its input.
type Decision struct {
	Input plan.Input
	Plan  plan.Plan
}

// Plan reads the organization and makes a plan. If the plan must not be carried out, it returns the plan and an
// error: a *[plan.NeedsError], a *[roster.ProblemsError] or a *[plan.UnknownNameError].
func (s *Session) Plan(ctx context.Context) (Decision, error) {
	memory, err := s.memory(ctx)
	if err != nil {
		return Decision{}, err
	}
	snapshot, p, err := apply.ReadAndPlan(ctx, s.reader(fixedMemory(memory)), func(snapshot org.Snapshot) plan.Plan {
		return s.compute(snapshot, memory)
	})
	if err != nil {
		return Decision{}, WithCause(ctx, err)
	}
	if err := s.checkMisdirected(memory); err != nil {
		return Decision{}, err
	}
	if err = p.CheckProblems(); err == nil {
		err = p.CheckNames()
	}
	return Decision{s.input(snapshot, memory), p}, err
}

// Drift has the differences between a roster and the access that its people have in the organization.
type Drift struct {
	Updates []roster.AccessUpdate
	// Remarks are sentences about differences that no update can express.
	Remarks []string
	input   plan.Input
}

// NewRevocations returns a remark for each group, role or policy that apply would revoke from people only because a
// roster has the new entries and the updates (see [plan.NewRevocations]).
func (d *Drift) NewRevocations(added []roster.Entry, updates []roster.AccessUpdate) []string {
	return plan.NewRevocations(d.input, added, updates)
}

// Draft reads everything. It drafts a roster of the people who are not in the roster of the session. It compares the
// people who are in this roster with the organization.
func (s *Session) Draft(ctx context.Context) (roster.Draft, Drift, error) {
	memory, err := s.memory(ctx)
	if err != nil {
		return roster.Draft{}, Drift{}, err
	}
	snapshot, hidden, err := s.readAll(ctx, memory)
	if err != nil {
		return roster.Draft{}, Drift{}, WithCause(ctx, err)
	}
	in := s.input(snapshot, memory)
	drift := Drift{input: in}
	drift.Updates, drift.Remarks = plan.Drift(in, hidden)
	return plan.DraftRoster(in, hidden), drift, nil
}

// readAll reads everything. If a list has several pages, it reads twice and combines the readings: a person who moves
// to another page while orgsync reads would be missing in a roster, or would seem to have left.
func (s *Session) readAll(ctx context.Context, memory org.Memory) (
	snapshot org.Snapshot, hidden []org.Kind, err error,
) {
	read := func() (org.Snapshot, []org.Kind, error) {
		if s.opts.AfterReading != nil {
			defer s.opts.AfterReading()
		}
		snapshot, hidden, err := s.opts.Provider.ReadAll(ctx, s.opts.Roster.Organization)
		if err == nil {
			err = s.opts.Provider.ReadAcceptance(ctx, plan.UnansweredUsers(snapshot, memory))
		}
		return snapshot, hidden, err
	}
	snapshot, hidden, err = read()
	if err != nil || !snapshot.Paged {
		return snapshot, hidden, err
	}
	later, laterHidden, err := read()
	for _, kind := range laterHidden {
		if !slices.Contains(hidden, kind) {
			hidden = append(hidden, kind)
		}
	}
	return snapshot.Merge(later), hidden, err
}

// Status reads the organization once, makes a plan, and returns the status of each person of the roster with the
// plan.
func (s *Session) Status(ctx context.Context) (Decision, []plan.PersonStatus, error) {
	memory, err := s.memory(ctx)
	if err != nil {
		return Decision{}, nil, err
	}
	snapshot, err := s.reader(fixedMemory(memory))(ctx)
	if err != nil {
		return Decision{}, nil, WithCause(ctx, err)
	}
	d := Decision{Input: s.input(snapshot, memory)}
	d.Plan = plan.Compute(d.Input)
	if err := d.Plan.CheckProblems(); err != nil {
		return Decision{}, nil, err
	}
	return d, plan.PersonStatuses(d.Input), nil
}

// Invitation reads the invitation with this id. It also finds invitations that the list leaves out.
func (s *Session) Invitation(ctx context.Context, id string) (org.Invitation, error) {
	return s.opts.Provider.Invitation(ctx, id)
}

// History returns the lines of the ledger about p, oldest first.
func (s *Session) History(ctx context.Context, p *roster.Person) ([]ledger.Entry, error) {
	var keys []string
	for _, own := range p.Addresses() {
		keys = append(keys, own.Key())
	}
	entries, err := ledger.History(ctx, s.store, s.Organization.ID, keys...)
	return entries, asStateError(err)
}
