package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/ledger/ledgertest"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/sandbox/sandboxtest"
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/vultr"
)

// options returns the options of a session with a simulated API and a roster of two people who are not invited yet.
func options(t *testing.T) (reconcile.Options, *sandbox.Server, *ledgertest.Store) {
	t.Helper()
	return optionsFor(t, sandbox.Options{})
}

func optionsFor(t *testing.T, world sandbox.Options) (reconcile.Options, *sandbox.Server, *ledgertest.Store) {
	t.Helper()
	api, err := sandbox.New(world)
	if err != nil {
		t.Fatal(err)
	}
	client, err := vultr.New(vultr.Config{
		BaseURL: "http://127.0.0.1", Key: "K3Y", UserAgent: "orgsync/test", Concurrency: 2, RequestTimeout: time.Minute,
		Transport: &sandboxtest.Transport{Handler: api},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &roster.Roster{Files: []string{"users.yaml"}, Settings: roster.Settings{MaxInvites: 100, ReinviteRounds: 4}}
	for _, who := range []string{"ada@example.com", "bob@example.com"} {
		r.People = append(r.People, roster.Person{Email: org.MustParseAddress(who)})
	}
	store := &ledgertest.Store{}
	return reconcile.Options{
		Provider: client, Roster: r,
		Store: func(context.Context, org.Organization) (state.Store, error) { return store, nil },
	}, api, store
}

func approve(context.Context, plan.Plan) error { return nil }

func open(t *testing.T, o reconcile.Options) *reconcile.Session {
	t.Helper()
	s, err := reconcile.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestApply: a session applies its plan, and the next plan has no changes. The status and the history have the
// invited people.
func TestApply(t *testing.T) {
	t.Parallel()
	o, api, _ := options(t)
	planned := 0
	_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{
		Approve: approve, Planned: func(d reconcile.Decision) { planned = len(d.Plan.Changes) },
	})
	if err != nil || planned != 2 || result.Count(apply.Done) != 2 || len(api.Mails()) != 2 {
		t.Fatalf("%d planned, %d done, %d mailed, %v", planned, result.Count(apply.Done), len(api.Mails()), err)
	}
	ahead, err := reconcile.OpenAhead(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*reconcile.Session{ahead, open(t, o)} {
		if d, err := s.Plan(t.Context()); err != nil || len(d.Plan.Changes) > 0 {
			t.Errorf("the next plan has %d changes, %v", len(d.Plan.Changes), err)
		}
	}
	if _, statuses, err := open(t, o).Status(t.Context()); err != nil || len(statuses) != 2 ||
		statuses[0].State != plan.StatePending {
		t.Errorf("status: %+v, %v", statuses, err)
	}
	if lines, err := open(t, o).History(t.Context(), &o.Roster.People[0]); err != nil || len(lines) != 2 {
		t.Errorf("the ledger has %d lines about one person, %v", len(lines), err)
	}
}

// TestNothingIsSentWithoutApproval: a run sends nothing if the plan is not approved. It also sends nothing if the
// organization changed while a person was asked.
func TestNothingIsSentWithoutApproval(t *testing.T) {
	t.Parallel()
	refusal := errors.New("no")
	for name, want := range map[string]error{"refused": refusal, "changed": reconcile.ErrOrganizationChanged} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, api, store := options(t)
			_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Asks: true, Approve: func(context.Context,
				plan.Plan) error {
				if i, err := store.Inspect(t.Context()); err != nil || i.Held {
					t.Errorf("the lock is held while a person is asked, %v", err)
				}
				if name == "refused" {
					return refusal
				}
				_, err := api.AddInvitation(sandbox.Invitation{Email: "ada@example.com"})
				return err
			}})
			if err != nil || !errors.Is(result.Stopped, want) || result.Count(apply.Skipped) != 2 {
				t.Errorf("stopped by %v, %d skipped, %v", result.Stopped, result.Count(apply.Skipped), err)
			}
			if slices.ContainsFunc(api.Requests(), func(r sandbox.Request) bool { return r.Method == "POST" }) {
				t.Error("something was sent")
			}
		})
	}
}

// TestRosterChangedWhileWaiting: a run that has the lock asks whether the roster has changed, and then sends nothing.
func TestRosterChangedWhileWaiting(t *testing.T) {
	t.Parallel()
	for _, asks := range []bool{true, false} {
		o, api, store := options(t)
		_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve, Asks: asks,
			CheckRoster: func(context.Context) error {
				if i, err := store.Inspect(t.Context()); err != nil || !i.Held {
					t.Errorf("the roster is checked without the lock, %v", err)
				}
				return reconcile.ErrRosterChanged
			}})
		if asks {
			err = result.Stopped
		}
		if !errors.Is(err, reconcile.ErrRosterChanged) {
			t.Errorf("asks %v: stopped by %v, %v", asks, result.Stopped, err)
		}
		if slices.ContainsFunc(api.Requests(), func(r sandbox.Request) bool { return r.Method == "POST" }) {
			t.Error("something was sent")
		}
		if i, err := store.Inspect(t.Context()); err != nil || i.Held {
			t.Errorf("the lock is still held, %v", err)
		}
	}
}

// TestFullDisk: a ledger that cannot be written stops the run with a [reconcile.StateError], before its first mail
// and before a later one.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	full := &fs.PathError{Op: "write", Path: "ledger", Err: syscall.ENOSPC}
	for name, tt := range map[string]struct {
		fails int
		err   error
	}{
		"at once": {1, full}, "later": {4, full},
		"with advice": {4, &state.Problem{Err: syscall.ENOSPC, Advice: "free some space"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, _, store := options(t)
			appended := 0
			store.OnAppend = func(lines []byte) (int, error) {
				if appended++; appended >= tt.fails {
					return 0, tt.err
				}
				return len(lines), nil
			}
			_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve, Concurrency: 1})
			if state := new(reconcile.StateError); err != nil || !errors.As(result.Stopped, &state) ||
				!errors.Is(state, syscall.ENOSPC) {
				t.Errorf("stopped by %v, %v", result.Stopped, err)
			}
		})
	}
}

// TestLocked: the lock of another run is not a [reconcile.StateError].
func TestLocked(t *testing.T) {
	t.Parallel()
	o, _, store := options(t)
	if _, err := store.Acquire(t.Context(), state.Holder{PID: 7}, 0); err != nil {
		t.Fatal(err)
	}
	_, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve})
	if locked := new(state.LockedError); !errors.As(err, &locked) || errors.As(err, new(*reconcile.StateError)) {
		t.Errorf("%T: %v", err, err)
	}
}

// TestLeaseLost: a run that loses its lease stops with this error, and sends nothing more.
func TestLeaseLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ checks, sent int }{"before the first mail": {0, 0},
		"after the first mail": {6, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, api, store := options(t)
			lost := &state.LostError{Place: "memory", NewHolder: state.Holder{PID: 7, Host: "other"}}
			var checks atomic.Int32
			store.OnCheck = func() error {
				if mails := len(api.Mails()); mails > c.sent || mails == c.sent && int(checks.Add(1)) > c.checks {
					return lost
				}
				return nil
			}
			_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve, Concurrency: 1})
			if err != nil || !errors.Is(result.Stopped, lost) {
				t.Errorf("stopped by %v, %v", result.Stopped, err)
			}
			if len(api.Mails()) > c.sent+1 || c.sent == 0 && len(api.Mails()) != 0 {
				t.Errorf("%d mails", len(api.Mails()))
			}
			if result.Count(apply.Done)+result.Count(apply.Skipped) != 2 {
				t.Errorf("%+v", result.Changes)
			}
		})
	}
}

// slowStore is a store whose Read and Acquire wait until the context ends.
type slowStore struct{ *ledgertest.Store }

func (slowStore) Read(ctx context.Context) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (slowStore) Acquire(ctx context.Context, _ state.Holder, _ time.Duration) (state.Lease, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// readingCommands returns the commands that only read.
func readingCommands() map[string]func(context.Context, *reconcile.Session) error {
	return map[string]func(context.Context, *reconcile.Session) error{
		"plan": func(ctx context.Context, s *reconcile.Session) error {
			_, err := s.Plan(ctx)
			return err
		},
		"draft": func(ctx context.Context, s *reconcile.Session) error {
			_, _, err := s.Draft(ctx)
			return err
		},
		"status": func(ctx context.Context, s *reconcile.Session) error {
			_, _, err := s.Status(ctx)
			return err
		},
	}
}

// TestInterruptedWhileReadingLedger: a command that is interrupted while it reads the ledger, or while it waits for the
// lock, returns the cause of the interruption.
func TestInterruptedWhileReadingLedger(t *testing.T) {
	t.Parallel()
	o, _, store := options(t)
	o.Store = func(context.Context, org.Organization) (state.Store, error) { return slowStore{store}, nil }
	calls := readingCommands()
	calls["apply"] = func(ctx context.Context, s *reconcile.Session) error {
		_, _, err := s.Apply(ctx, reconcile.ApplyOptions{Approve: approve})
		return err
	}
	for name, call := range calls {
		interrupted := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(interrupted)
		if err := call(ctx, open(t, o)); !errors.Is(err, interrupted) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// crew returns the options of a session with a roster of nine members who are in a group. The list of groups has only
// the first members of each group.
func crew(t *testing.T) (reconcile.Options, *sandbox.Server) {
	t.Helper()
	o, api, _ := optionsFor(t, sandbox.Options{Dialect: sandbox.Dialect{GroupMembers: sandbox.GroupMembersCapped}})
	if _, err := api.AddGroup(sandbox.Group{Name: "crew"}); err != nil {
		t.Fatal(err)
	}
	o.Roster.People = nil
	for i := range 9 {
		who := fmt.Sprintf("p%d@example.com", i)
		if _, err := api.AddUser(sandbox.User{Email: who, Groups: []string{"crew"}}); err != nil {
			t.Fatal(err)
		}
		person := roster.Person{Email: org.MustParseAddress(who), At: roster.Position{File: "users.yaml", Line: i + 1}}
		person.Groups = []roster.Ref{{Name: "crew", At: person.At}}
		o.Roster.People = append(o.Roster.People, person)
	}
	return o, api
}

// TestRenamedDuringTheRun: the first run that names a group loses a revocation, and the group is renamed. The reading
// that settles the revocation must read who has the group.
func TestRenamedDuringTheRun(t *testing.T) {
	t.Parallel()
	o, api := crew(t)
	o.Roster.People[8].Groups = []roster.Ref{}
	o.Roster.Settings.ExtraAccess, o.Roster.Settings.MaxRevokes = roster.ExtraAccessRevoke, 9
	api.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: "DELETE", Path: "/v2/groups*", Times: 1})
	_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{
		Approve: func(context.Context, plan.Plan) error { return api.RenameGroup("crew", "infra") },
	})
	if err != nil || len(result.Changes) != 1 {
		t.Fatalf("%+v, %v", result, err)
	}
	i := slices.IndexFunc(api.World().Users, func(u sandbox.User) bool { return u.Email == "p8@example.com" })
	if u := api.World().Users[i]; result.Count(apply.Done) == 1 && len(u.Groups) > 0 {
		t.Errorf("the revocation is reported as done, and %s has %v", u.Email, u.Groups)
	}
}

// TestRenamedGroup: a renamed group is found by its id, and its members are not added again. Here the list of groups
// has only the first members of each group.
func TestRenamedGroup(t *testing.T) {
	t.Parallel()
	o, api := crew(t)
	if _, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve}); err != nil {
		t.Fatal(err)
	}
	if err := api.RenameGroup("crew", "infra"); err != nil {
		t.Fatal(err)
	}
	ahead, err := reconcile.OpenAhead(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*reconcile.Session{ahead, open(t, o)} {
		d, err := s.Plan(t.Context())
		if err != nil || len(d.Plan.Changes) > 0 || len(d.Plan.Notices) != 1 {
			t.Errorf("changes %+v, notices %+v, %v", d.Plan.Changes, d.Plan.Notices, err)
		}
	}
	_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve})
	if err != nil || len(result.Changes) > 0 || len(result.Notices) != 1 {
		t.Errorf("changes %+v, notices %+v, %v", result.Changes, result.Notices, err)
	}
	if d, _, err := open(t, o).Status(t.Context()); err != nil || len(d.Plan.Changes) > 0 {
		t.Errorf("status: changes %+v, %v", d.Plan.Changes, err)
	}
}

// pagedProvider returns readings with several pages. The reading with the number missesIn lacks the last user.
type pagedProvider struct {
	reconcile.Provider
	readings, missesIn int
}

func (p *pagedProvider) ReadAll(ctx context.Context, pin string) (org.Snapshot, []org.Kind, error) {
	s, hidden, err := p.Provider.ReadAll(ctx, pin)
	s.Paged = true
	if p.readings++; p.readings == p.missesIn {
		for _, a := range s.Access {
			delete(a.Holders, s.Users[len(s.Users)-1].ID)
		}
		s.Users = s.Users[:len(s.Users)-1]
	}
	return s, hidden, err
}

// bobJoins invites the people of the roster. Then bob accepts, and the ledger records that he joined.
func bobJoins(t *testing.T, o reconcile.Options, api *sandbox.Server) {
	t.Helper()
	if _, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve}); err != nil {
		t.Fatal(err)
	}
	if err := api.Accept("bob@example.com"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve}); err != nil {
		t.Fatal(err)
	}
}

// TestDraftReadsTwice: if a list has several pages, a person that only one of two readings shows is in the draft, and
// has not left.
func TestDraftReadsTwice(t *testing.T) {
	t.Parallel()
	for _, listed := range []bool{true, false} {
		o, api, _ := options(t)
		bobJoins(t, o, api)
		if err := api.Advance(time.Hour); err != nil {
			t.Fatal(err)
		}
		if !listed {
			o.Roster.People = o.Roster.People[:1]
		}
		o.Provider = &pagedProvider{Provider: o.Provider, missesIn: 1}
		draft, drift, err := open(t, o).Draft(t.Context())
		if err != nil || len(drift.Updates) > 0 || (len(draft.Entries) == 1) == listed {
			t.Errorf("listed %v: %+v, %+v, %v", listed, draft.Entries, drift.Updates, err)
		}
	}
}

// allReader is a provider that calls readAll for each reading of everything.
type allReader struct {
	reconcile.Provider
	readAll func(s org.Snapshot) (org.Snapshot, []org.Kind, error)
}

func (p allReader) ReadAll(ctx context.Context, pin string) (org.Snapshot, []org.Kind, error) {
	s, _, err := p.Provider.ReadAll(ctx, pin)
	if err != nil {
		return s, nil, err
	}
	return p.readAll(s)
}

// TestDraftReadings: a list with one page is read once. If there are two readings, the draft names each kind that the
// key may not read once, and an error of the second reading is an error of the draft.
func TestDraftReadings(t *testing.T) {
	t.Parallel()
	broken := errors.New("no answer")
	for name, tt := range map[string]struct {
		paged bool
		err   error // of the second reading
		want  int
	}{"one page": {false, nil, 1}, "pages": {true, nil, 2}, "second reading fails": {true, broken, 2}} {
		o, _, _ := options(t)
		readings := 0
		o.Provider = allReader{o.Provider, func(s org.Snapshot) (org.Snapshot, []org.Kind, error) {
			s.Paged = tt.paged
			if readings++; readings == 2 && tt.err != nil {
				return org.Snapshot{}, nil, tt.err
			}
			return s, []org.Kind{org.KindGroup}, nil
		}}
		draft, _, err := open(t, o).Draft(t.Context())
		if !errors.Is(err, tt.err) || readings != tt.want {
			t.Errorf("%s: %d readings, %v", name, readings, err)
		}
		text := strings.Join(draft.Comments, "\n")
		if n := strings.Count(text, "groups"); tt.err == nil && n != 1 {
			t.Errorf("%s: the draft names groups %d times:\n%s", name, n, text)
		}
	}
}

// TestHistoryOfAliases: the history of a person has the lines about each address of the person.
func TestHistoryOfAliases(t *testing.T) {
	t.Parallel()
	o, _, _ := options(t)
	s := open(t, o)
	if _, _, err := s.Apply(t.Context(), reconcile.ApplyOptions{Approve: approve}); err != nil {
		t.Fatal(err)
	}
	renamed := roster.Person{
		Email: org.MustParseAddress("ada@new.example"), Aliases: []org.Address{o.Roster.People[0].Email},
	}
	entries, err := s.History(t.Context(), &renamed)
	if err != nil || len(entries) != 2 || entries[1].Email != "ada@example.com" {
		t.Errorf("%+v, %v", entries, err)
	}
}

// TestDraftKeepsAccess: if a list has several pages, and only one of two readings shows a person, this reading also
// says what access the person has. Before, an update of the roster took away all access of a person that the second
// reading missed.
func TestDraftKeepsAccess(t *testing.T) {
	t.Parallel()
	for missesIn := range 3 {
		o, api, _ := options(t)
		groups := []roster.Ref{{Name: "platform"}}
		o.Roster.People[1].Groups = groups
		for _, listed := range []bool{true, false} {
			if listed {
				if _, err := api.AddUser(sandbox.User{Email: "bob@example.com", Groups: []string{"platform"}}); err != nil {
					t.Fatal(err)
				}
				if _, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve}); err != nil {
					t.Fatal(err)
				}
			} else {
				o.Roster.People = o.Roster.People[:1]
			}
			paged := o
			paged.Provider = &pagedProvider{Provider: o.Provider, missesIn: missesIn}
			draft, drift, err := open(t, paged).Draft(t.Context())
			if err != nil || len(drift.Updates) > 0 || (len(draft.Entries) == 1) == listed {
				t.Errorf("listed %v: %+v, %+v, %v", listed, draft.Entries, drift.Updates, err)
			}
			for _, e := range draft.Entries {
				if len(e.Groups) != 1 {
					t.Errorf("missing in reading %d: the entry has the groups %v", missesIn, e.Groups)
				}
			}
		}
	}
}

// TestInvitedUsersAreNoMembers: bob's invitation has expired, and only the list of users has him. No reading of any
// command takes him for a member.
func TestInvitedUsersAreNoMembers(t *testing.T) {
	t.Parallel()
	o, api, _ := optionsFor(t, sandbox.Options{Dialect: sandbox.Dialect{
		InviteAccepted: sandbox.InviteAcceptedSingle, Lapsed: sandbox.LapsedVanish,
	}})
	if _, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve}); err != nil {
		t.Fatal(err)
	}
	if err := api.Advance(73 * time.Hour); err != nil {
		t.Fatal(err)
	}
	ahead, err := reconcile.OpenAhead(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*reconcile.Session{ahead, open(t, o)} {
		if d, err := s.Plan(t.Context()); err != nil || len(d.Plan.Changes) != 2 {
			t.Errorf("plan: %+v, %v", d.Plan.Changes, err)
		}
	}
	_, people, err := open(t, o).Status(t.Context())
	if err != nil || slices.ContainsFunc(people, func(p plan.PersonStatus) bool { return p.UserID != "" }) {
		t.Errorf("status: %+v, %v", people, err)
	}
	_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve})
	if err != nil || result.Count(apply.Done) != 2 {
		t.Errorf("apply: %+v, %v", result, err)
	}
	if err := api.Advance(73 * time.Hour); err != nil {
		t.Fatal(err)
	}
	o.Roster.People = o.Roster.People[:1]
	draft, _, err := open(t, o).Draft(t.Context())
	isBob := func(e roster.Entry) bool { return e.Person.Email.Key() == "bob@example.com" }
	if err != nil || slices.ContainsFunc(draft.Entries, isBob) {
		t.Errorf("draft: %+v, %v", draft.Entries, err)
	}
}
