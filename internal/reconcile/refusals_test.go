package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/ledger/ledgertest"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/state"
)

// isError returns a function that reports whether an error is a T.
func isError[T error]() func(error) bool {
	return func(err error) bool {
		_, ok := errors.AsType[T](err)
		return ok
	}
}

// postCount returns the number of POST requests.
func postCount(api *sandbox.Server) int {
	return len(slices.DeleteFunc(api.Requests(), func(r sandbox.Request) bool { return r.Method != "POST" }))
}

// withoutUsers is an API whose key may not list users.
type withoutUsers struct{ reconcile.Provider }

func (p withoutUsers) ReadOrganization(ctx context.Context, pin string, w org.Wanted) (org.Snapshot, error) {
	s, err := p.Provider.ReadOrganization(ctx, pin, w)
	s.Users, s.UsersVisible = nil, false
	return s, err
}

// hideUsers makes a plan need the list of users, and hides this list.
func hideUsers(o *reconcile.Options) {
	o.Provider, o.Roster.Settings.Unlisted = withoutUsers{o.Provider}, roster.UnlistedRemove
}

// savedPlan returns the plan that a session would make now.
func savedPlan(t *testing.T, o reconcile.Options) *plan.Saved {
	t.Helper()
	d, err := open(t, o).Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := d.Plan
	return &plan.Saved{Organization: p.Organization, Made: p.Now, Changes: p.Changes, Held: p.Held, Only: p.Only,
		Resend: p.Resend, Reinvite: p.Reinvite}
}

// TestNothingIsSentForARefusedPlan: a run sends nothing if its plan must not be carried out, whether it asks a person
// or not. If there is a plan, all of its changes are skipped.
func TestNothingIsSentForARefusedPlan(t *testing.T) {
	t.Parallel()
	refusal := errors.New("no")
	nobody := []org.Address{org.MustParseAddress("nobody@example.com")}
	for name, tt := range map[string]struct {
		prepare func(o *reconcile.Options, a *reconcile.ApplyOptions)
		want    func(error) bool
		noPlan  bool
	}{
		"not approved": {func(_ *reconcile.Options, a *reconcile.ApplyOptions) {
			a.Approve = func(context.Context, plan.Plan) error { return refusal }
		}, func(err error) bool { return errors.Is(err, refusal) }, false},
		"too many mails": {func(o *reconcile.Options, _ *reconcile.ApplyOptions) {
			o.Roster.Settings.MaxInvites = 1
		}, isError[*plan.LimitError](), false},
		"another plan was saved": {func(o *reconcile.Options, a *reconcile.ApplyOptions) {
			a.Saved = savedPlan(t, *o)
			a.Saved.Changes = a.Saved.Changes[:1]
		}, isError[*plan.StaleError](), false},
		"a person of the saved plan is gone": {func(o *reconcile.Options, a *reconcile.ApplyOptions) {
			a.Saved = savedPlan(t, *o)
			a.Saved.Only = nobody
		}, isError[*plan.StaleError](), false},
		"the key may not list users": {func(o *reconcile.Options, _ *reconcile.ApplyOptions) {
			hideUsers(o)
		}, isError[*plan.NeedsError](), true},
		"a saved plan, and the key may not list users": {func(o *reconcile.Options, a *reconcile.ApplyOptions) {
			a.Saved = savedPlan(t, *o)
			hideUsers(o)
		}, isError[*plan.NeedsError](), true},
		"nobody has the address": {func(o *reconcile.Options, _ *reconcile.ApplyOptions) {
			o.Flags.Only = nobody
		}, isError[*plan.UnknownNameError](), true},
	} {
		for _, asks := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", asks ", asks), func(t *testing.T) {
				t.Parallel()
				o, api, store := options(t)
				a := reconcile.ApplyOptions{Approve: approve, Asks: asks}
				tt.prepare(&o, &a)
				_, result, err := open(t, o).Apply(t.Context(), a)
				if tt.noPlan != tt.want(err) || tt.noPlan == tt.want(result.Stopped) || tt.noPlan == (err == nil) {
					t.Errorf("stopped by %v, error %v", result.Stopped, err)
				}
				for _, c := range result.Changes {
					if c.Outcome != apply.Skipped || !tt.want(c.Err) {
						t.Errorf("%s is %s: %v", c.Email, c.Outcome, c.Err)
					}
				}
				if n := postCount(api); n > 0 {
					t.Errorf("%d requests were sent", n)
				}
				if i, err := store.Inspect(t.Context()); err != nil || i.Held || i.Bytes > 0 {
					t.Errorf("the ledger: %+v, %v", i, err)
				}
			})
		}
	}
}

// TestProblemAfterTheAnswer: while a person is asked, the key loses a permission, another run takes the lock, or a mail
// of another run goes out for another organization. Nothing is sent, and the result has the plan that the person saw.
func TestProblemAfterTheAnswer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		happens func(*testing.T, reconcile.Options, *sandbox.Server, *ledgertest.Store) error
		want    func(error) bool
		posts   int // of the other run
	}{
		"no permission": {func(_ *testing.T, _ reconcile.Options, api *sandbox.Server, _ *ledgertest.Store) error {
			api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Method: "GET", Path: "/v2/invitation"})
			return nil
		}, isError[*org.CallError](), 0},
		"locked": {func(t *testing.T, _ reconcile.Options, _ *sandbox.Server, store *ledgertest.Store) error {
			_, err := store.Acquire(t.Context(), state.Holder{PID: 7}, 0)
			return err
		}, isError[*state.LockedError](), 0},
		"wrong organization": {func(t *testing.T, o reconcile.Options, api *sandbox.Server, _ *ledgertest.Store) error {
			api.AddFault(sandbox.Fault{Kind: sandbox.FaultWrongOrganization, Method: http.MethodPost, Times: 1})
			_, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve})
			return err
		}, isError[*apply.WrongOrganizationError](), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, api, store := options(t)
			_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{
				Asks: true, Approve: func(context.Context, plan.Plan) error { return tt.happens(t, o, api, store) },
			})
			if err != nil || !tt.want(result.Stopped) || result.Count(apply.Skipped) != 2 || postCount(api) != tt.posts {
				t.Errorf("stopped by %v, %+v, %d requests, %v", result.Stopped, result.Changes, postCount(api), err)
			}
		})
	}
}

// TestSavedPlan: a saved plan is carried out with its own flags.
func TestSavedPlan(t *testing.T) {
	t.Parallel()
	for _, asks := range []bool{false, true} {
		o, api, _ := options(t)
		for _, who := range []string{"ada@example.com", "bob@example.com"} {
			_, err := api.AddInvitation(sandbox.Invitation{Email: who, Created: api.Now().Add(-20 * time.Minute)})
			if err != nil {
				t.Fatal(err)
			}
		}
		o.Roster.People = append(o.Roster.People, roster.Person{Email: org.MustParseAddress("zoe@example.com")})
		o.Flags.Only = []org.Address{o.Roster.People[0].Email, o.Roster.People[1].Email}
		o.Flags.Resend = []org.Address{o.Roster.People[0].Email}
		o.Flags.Reinvite = []org.Address{o.Roster.People[1].Email}
		saved := savedPlan(t, o)
		o.Flags = plan.Flags{}
		p, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve, Saved: saved, Asks: asks})
		if err != nil || result.Stopped != nil || result.Count(apply.Done) != 1 || len(api.Mails()["ada@example.com"]) != 1 {
			t.Errorf("stopped by %v, %+v, %v", result.Stopped, result.Changes, err)
		}
		if len(p.Only) != 2 || len(p.Resend) != 1 || len(p.Reinvite) != 1 {
			t.Errorf("only %v, resend %v, reinvite %v", p.Only, p.Resend, p.Reinvite)
		}
	}
}

// TestFlagsBesideSavedPlan: --resend and --reinvite are not ignored if there is a saved plan without them. The saved
// plan is out of date then.
func TestFlagsBesideSavedPlan(t *testing.T) {
	t.Parallel()
	for _, asks := range []bool{false, true} {
		for _, flag := range []string{"resend", "reinvite"} {
			o, api, _ := options(t)
			for _, who := range []string{"ada@example.com", "bob@example.com"} {
				_, err := api.AddInvitation(sandbox.Invitation{Email: who, Created: api.Now().Add(-20 * time.Minute)})
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := api.Decline("bob@example.com"); err != nil {
				t.Fatal(err)
			}
			saved := savedPlan(t, o)
			if flag == "resend" {
				o.Flags.Resend = []org.Address{o.Roster.People[0].Email}
			} else {
				o.Flags.Reinvite = []org.Address{o.Roster.People[1].Email}
			}
			_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve, Saved: saved, Asks: asks})
			if err != nil || !isError[*plan.StaleError]()(result.Stopped) || len(api.Mails()) > 0 {
				t.Errorf("%s, asks %v: stopped by %v, %v, mails %v", flag, asks, result.Stopped, err, api.Mails())
			}
		}
	}
}

// TestPlannedAgain: if the run asks, it hands over the plan before the question and the plan after the answer.
func TestPlannedAgain(t *testing.T) {
	t.Parallel()
	for _, asks := range []bool{false, true} {
		o, _, _ := options(t)
		var plans []plan.Plan
		_, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{
			Approve: approve, Asks: asks, Planned: func(d reconcile.Decision) { plans = append(plans, d.Plan) },
		})
		if err != nil || asks && len(plans) != 2 || !asks && len(plans) != 1 {
			t.Errorf("asks %v: %d plans, %v", asks, len(plans), err)
		}
	}
}

// TestResendOnlyOnce: one --resend sends one mail. A saved plan is out of date after its mail was sent. The same is
// true of a plan that a person was asked about, if another run sent the mail in the meantime.
func TestResendOnlyOnce(t *testing.T) {
	t.Parallel()
	for _, dates := range []string{sandbox.DatesSQL, sandbox.DatesEmpty} {
		for _, asks := range []bool{false, true} {
			o, api, _ := optionsFor(t, sandbox.Options{Dialect: sandbox.Dialect{Dates: dates}})
			o.Roster.People = o.Roster.People[:1]
			resend := func(a reconcile.ApplyOptions) apply.Result {
				t.Helper()
				_, result, err := open(t, o).Apply(t.Context(), a)
				if err := errors.Join(err, api.Advance(20*time.Minute)); err != nil {
					t.Fatal(err)
				}
				return result
			}
			resend(reconcile.ApplyOptions{Approve: approve})
			o.Flags.Resend = []org.Address{o.Roster.People[0].Email}
			a, want := reconcile.ApplyOptions{Approve: approve, Saved: savedPlan(t, o)}, isError[*plan.StaleError]()
			if asks {
				a = reconcile.ApplyOptions{Asks: true, Approve: func(context.Context, plan.Plan) error {
					resend(reconcile.ApplyOptions{Approve: approve})
					return nil
				}}
				want = func(err error) bool { return errors.Is(err, reconcile.ErrOrganizationChanged) }
			} else if first := resend(a); first.Count(apply.Done) != 1 {
				t.Errorf("%s: %+v", dates, first)
			}
			if again := resend(a); !want(again.Stopped) || len(api.Mails()["ada@example.com"]) != 2 {
				t.Errorf("%s, asks %v: stopped by %v, mails %v", dates, asks, again.Stopped, api.Mails()["ada@example.com"])
			}
		}
	}
}

// TestReinviteOnlyOnce: a saved plan with --reinvite is out of date after a run has carried it out, even if the person
// would get a mail again because the invitation has expired. A new plan is not out of date.
func TestReinviteOnlyOnce(t *testing.T) {
	t.Parallel()
	for _, asks := range []bool{false, true} {
		o, api, _ := options(t)
		o.Roster.Settings.ReinviteRounds, o.Roster.People = 1, o.Roster.People[:1]
		o.Roster.People[0].Aliases = []org.Address{org.MustParseAddress("ada@home.example")}
		run := func(saved *plan.Saved) apply.Result {
			t.Helper()
			_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve, Saved: saved, Asks: asks})
			if err := errors.Join(err, api.Advance(80*time.Hour)); err != nil {
				t.Fatal(err)
			}
			return result
		}
		run(nil)
		o.Flags.Reinvite = o.Roster.People[0].Aliases
		saved := savedPlan(t, o)
		o.Flags = plan.Flags{}
		if first := run(saved); first.Count(apply.Done) != 1 {
			t.Errorf("first run: %+v", first)
		}
		if again := run(saved); !isError[*plan.StaleError]()(again.Stopped) || len(api.Mails()["ada@example.com"]) != 2 {
			t.Errorf("second run: stopped by %v, mails %v", again.Stopped, api.Mails())
		}
		o.Flags.Reinvite = o.Roster.People[0].Aliases
		saved = savedPlan(t, o)
		o.Flags = plan.Flags{}
		if later := run(saved); later.Count(apply.Done) != 1 {
			t.Errorf("a new plan: %+v", later)
		}
	}
}

// TestNoMoreMailsForAnotherOrganization: after a mail for another organization, no run sends anything, until a run has
// --reinvite. The mail for the other organization does not count as an invitation.
func TestNoMoreMailsForAnotherOrganization(t *testing.T) {
	t.Parallel()
	o, api, _ := optionsFor(t, sandbox.Options{})
	ada := o.Roster.People[0].Email
	wrong := isError[*apply.WrongOrganizationError]()
	api.AddFault(sandbox.Fault{Kind: sandbox.FaultWrongOrganization, Method: http.MethodPost, Times: 1})
	if _, r, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve}); err != nil ||
		!wrong(r.Stopped) || r.Count(apply.Failed) != 1 {
		t.Fatalf("first run: %+v, %v", r, err)
	}
	for _, asks := range []bool{false, true} {
		_, r, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve, Asks: asks})
		if !wrong(err) || len(r.Changes) > 0 || len(api.Mails()) > 0 {
			t.Errorf("apply that asks, %v: %v, mails %v", asks, err, api.Mails())
		}
		e, _ := errors.AsType[*apply.WrongOrganizationError](err)
		if e != nil && (e.To != ada.Key() || e.Sent.ID == "" || e.Sent.ID == e.Meant.ID ||
			e.Meant.ID != api.World().Organization.ID) {
			t.Errorf("apply that asks, %v: the error names %+v", asks, e)
		}
	}
	if _, err := open(t, o).Plan(t.Context()); !wrong(err) {
		t.Errorf("plan: %v", err)
	}
	isAbout := func(n plan.Notice) bool {
		return n.Kind == plan.WrongOrganization && n.Email.Equal(ada) && n.Text != ""
	}
	d, _, err := open(t, o).Status(t.Context())
	if err != nil || !slices.ContainsFunc(d.Plan.Notices, isAbout) {
		t.Errorf("status: %v, notices %+v", err, d.Plan.Notices)
	}
	o.Flags.Reinvite = []org.Address{o.Roster.People[1].Email}
	if _, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve}); !wrong(err) {
		t.Errorf("with --reinvite of somebody else: %v", err)
	}
	o.Flags.Reinvite = []org.Address{ada}
	if _, r, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve}); err != nil ||
		r.Count(apply.Done) != 2 || len(api.Mails()[ada.Key()]) != 1 {
		t.Errorf("with --reinvite: %+v, %v, mails %v", r, err, api.Mails())
	}
	o.Flags.Reinvite = nil
	d, err = open(t, o).Plan(t.Context())
	if err != nil || slices.ContainsFunc(d.Plan.Notices, isAbout) {
		t.Errorf("after --reinvite: %v, notices %+v", err, d.Plan.Notices)
	}
}

// TestReinviteOfMemberAfterMailForAnotherOrganization: after a mail for another organization, --reinvite of the person
// who got it ends the stop, even if the person has joined the right organization or their last day is over. If the
// roster no longer lists this person, --reinvite of a member ends the stop too.
func TestReinviteOfMemberAfterMailForAnotherOrganization(t *testing.T) {
	t.Parallel()
	for _, change := range []string{"", "ended", "unlisted"} {
		o, api, _ := optionsFor(t, sandbox.Options{})
		api.AddFault(sandbox.Fault{Kind: sandbox.FaultWrongOrganization, Method: http.MethodPost, Times: 1})
		if _, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve}); err != nil {
			t.Fatal(err)
		}
		switch change {
		case "ended":
			o.Roster.People[0].Until = roster.DayOf(api.Now().Add(-48 * time.Hour))
		case "unlisted":
			o.Roster.People = o.Roster.People[1:]
		}
		member := o.Roster.People[0].Email
		if _, err := api.AddUser(sandbox.User{Email: member.String()}); err != nil {
			t.Fatal(err)
		}
		o.Flags.Reinvite = []org.Address{member}
		if _, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve}); err != nil {
			t.Errorf("%q, with --reinvite: %v", change, err)
		}
		o.Flags.Reinvite = nil
		if _, err := open(t, o).Plan(t.Context()); err != nil {
			t.Errorf("%q, after --reinvite: %v", change, err)
		}
	}
}

// TestMailsInRosterOrder: mails are sent in the order of the roster.
func TestMailsInRosterOrder(t *testing.T) {
	t.Parallel()
	o, _, _ := options(t)
	o.Roster.People = nil
	want := []string{"d@example.com", "b@example.com", "a@example.com", "c@example.com"}
	for _, who := range want {
		o.Roster.People = append(o.Roster.People, roster.Person{Email: org.MustParseAddress(who)})
	}
	var got []string
	_, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve, Concurrency: 1,
		Progress: func(r apply.ChangeResult) { got = append(got, r.Email.String()) }})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v; mails (-want +got):\n%s", err, diff)
	}
}

// TestErrorsOfReadings: every command returns the error of the API, and the cause of an interruption once.
func TestErrorsOfReadings(t *testing.T) {
	t.Parallel()
	interrupted := errors.New("interrupted")
	calls := readingCommands()
	calls["apply"] = func(ctx context.Context, s *reconcile.Session) error {
		_, _, err := s.Apply(ctx, reconcile.ApplyOptions{Approve: approve})
		return err
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, api, _ := options(t)
			read := 0
			o.AfterReading = func() { read++ }
			s := open(t, o)
			api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Method: "GET", Path: "/v2/invitation"})
			if err := call(t.Context(), s); !isError[*org.CallError]()(err) || errors.Is(err, interrupted) {
				t.Errorf("a reading that fails: %v", err)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(interrupted)
			if err := call(ctx, s); !errors.Is(err, interrupted) || strings.Count(err.Error(), "interrupted") != 1 {
				t.Errorf("an interrupted reading: %v", err)
			}
			if read == 0 {
				t.Error("AfterReading was not called")
			}
		})
	}
}

// TestProblemsOfThePlan: neither a plan nor a status hides that the key lacks a permission. A plan does not hide that
// nobody has an address of --only.
func TestProblemsOfThePlan(t *testing.T) {
	t.Parallel()
	o, _, _ := options(t)
	hideUsers(&o)
	if d, err := open(t, o).Plan(t.Context()); !isError[*plan.NeedsError]()(err) || d.Plan.Needs == "" {
		t.Errorf("plan: %v", err)
	}
	if _, _, err := open(t, o).Status(t.Context()); !isError[*plan.NeedsError]()(err) {
		t.Errorf("status: %v", err)
	}
	o, _, _ = options(t)
	o.Flags.Only = []org.Address{org.MustParseAddress("nobody@example.com")}
	if _, err := open(t, o).Plan(t.Context()); !isError[*plan.UnknownNameError]()(err) {
		t.Errorf("plan with --only: %v", err)
	}
}

// TestErrorsOfOpen: a session is not opened if the API or the place of the ledger fails. Before, a reading that was
// started ends.
func TestErrorsOfOpen(t *testing.T) {
	t.Parallel()
	full := errors.New("no such place")
	for name, tt := range map[string]struct {
		storeFails bool
		want       func(error) bool
	}{
		"the API":   {false, isError[*org.CallError]()},
		"the place": {true, isError[*reconcile.StateError]()},
	} {
		for caller, open := range map[string]func(context.Context, reconcile.Options) (*reconcile.Session, error){
			"open": reconcile.Open, "open ahead": reconcile.OpenAhead,
		} {
			t.Run(name+", "+caller, func(t *testing.T) {
				t.Parallel()
				o, api, _ := options(t)
				identified := 0
				o.Identified = func(org.Organization) { identified++ }
				if tt.storeFails {
					o.Store = func(context.Context, org.Organization) (state.Store, error) { return nil, full }
				} else {
					api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Status: 401})
				}
				s, err := open(t.Context(), o)
				if s != nil || !tt.want(err) || identified == 1 != tt.storeFails {
					t.Errorf("session %v, identified %d times, %v", s, identified, err)
				}
			})
		}
	}
}

// endedProvider is an API whose answers are lost because the context has ended.
type endedProvider struct{ reconcile.Provider }

func (endedProvider) Identify(ctx context.Context, _ string) (org.Organization, error) {
	return org.Organization{}, ctx.Err()
}

func (endedProvider) ReadAhead(
	ctx context.Context, _ string, _ org.Wanted,
) (org.Organization, func() (org.Snapshot, error), error) {
	return org.Organization{}, nil, ctx.Err()
}

// TestInterruptedWhileOpening: a session that is interrupted while it is opened returns the cause of the interruption.
func TestInterruptedWhileOpening(t *testing.T) {
	t.Parallel()
	interrupted := errors.New("interrupted")
	for name, open := range map[string]func(context.Context, reconcile.Options) (*reconcile.Session, error){
		"open": reconcile.Open, "open ahead": reconcile.OpenAhead,
	} {
		o, _, _ := options(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		o.Store = func(ctx context.Context, _ org.Organization) (state.Store, error) {
			cancel(interrupted)
			return nil, ctx.Err()
		}
		if _, err := open(ctx, o); !errors.Is(err, interrupted) {
			t.Errorf("%s, at the place: %v", name, err)
		}
		o.Provider = endedProvider{o.Provider}
		if _, err := open(ctx, o); !errors.Is(err, interrupted) {
			t.Errorf("%s, at the API: %v", name, err)
		}
	}
}

// TestOtherOrganization: if the key belongs to another organization than the roster names, no ledger is opened.
func TestOtherOrganization(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(context.Context, reconcile.Options) (*reconcile.Session, error){
		"open": reconcile.Open, "open ahead": reconcile.OpenAhead,
	} {
		o, _, _ := options(t)
		o.Roster.Organization = "Other Org"
		o.Store = func(context.Context, org.Organization) (state.Store, error) {
			t.Errorf("%s: a ledger is opened", name)
			return nil, errors.New("no place")
		}
		if _, err := open(t.Context(), o); !isError[*org.PinError]()(err) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

// namelessProvider shows no id of the organization.
type namelessProvider struct{ reconcile.Provider }

func (p namelessProvider) Identify(ctx context.Context, pin string) (org.Organization, error) {
	in, err := p.Provider.Identify(ctx, pin)
	in.ID = ""
	return in, err
}

// TestNoOrganizationID: organizations without an id share no ledger, so no ledger is opened for them.
func TestNoOrganizationID(t *testing.T) {
	t.Parallel()
	o, _, _ := options(t)
	o.Provider = namelessProvider{o.Provider}
	o.Store = func(context.Context, org.Organization) (state.Store, error) {
		t.Error("a ledger is opened")
		return nil, errors.New("no place")
	}
	if _, err := reconcile.Open(t.Context(), o); !errors.Is(err, org.ErrNoOrganizationID) {
		t.Errorf("the error is %v", err)
	}
}

// aheadProvider notes whether the reading that ReadAhead started was waited for.
type aheadProvider struct {
	reconcile.Provider
	waited *bool
}

func (p aheadProvider) ReadAhead(
	ctx context.Context, pin string, wanted org.Wanted,
) (org.Organization, func() (org.Snapshot, error), error) {
	in, snapshot, err := p.Provider.ReadAhead(ctx, pin, wanted)
	return in, func() (org.Snapshot, error) {
		*p.waited = true
		return snapshot()
	}, err
}

// TestOpenAheadWaits: if there is no place for the ledger, the reading that OpenAhead started ends before the error, so
// that it reports no progress later.
func TestOpenAheadWaits(t *testing.T) {
	t.Parallel()
	o, _, _ := options(t)
	waited, broken := false, errors.New("no place")
	o.Provider = aheadProvider{o.Provider, &waited}
	o.Store = func(context.Context, org.Organization) (state.Store, error) { return nil, broken }
	if _, err := reconcile.OpenAhead(t.Context(), o); !errors.Is(err, broken) || !waited {
		t.Errorf("waited: %v, error %v", waited, err)
	}
}

// TestWithCause: the cause of a context is added to an error that does not have it.
func TestWithCause(t *testing.T) {
	t.Parallel()
	interrupted, failed := errors.New("interrupted"), errors.New("failed")
	running := t.Context()
	ended, end := context.WithCancelCause(t.Context())
	end(interrupted)
	for name, tt := range map[string]struct {
		ctx  context.Context
		err  error
		want string
	}{
		"no error":                  {running, nil, ""},
		"no error, and interrupted": {ended, nil, ""},
		"an error":                  {running, failed, "failed"},
		"an error, and interrupted": {ended, failed, "interrupted, at: failed"},
		"an error with the cause":   {ended, fmt.Errorf("stopped: %w", interrupted), "stopped: interrupted"},
		"the error of the cause":    {ended, interrupted, "interrupted"},
	} {
		got := reconcile.WithCause(tt.ctx, tt.err)
		if (got == nil) != (tt.want == "") || got != nil && (got.Error() != tt.want || !errors.Is(got, tt.err)) {
			t.Errorf("%s: %v, want %s", name, got, tt.want)
		}
	}
}

// brokenStore is a store that cannot be read or locked.
type brokenStore struct {
	*ledgertest.Store
	err error
}

func (s brokenStore) Read(context.Context) ([]byte, error) { return nil, s.err }

func (s brokenStore) Acquire(context.Context, state.Holder, time.Duration) (state.Lease, error) {
	return nil, s.err
}

// TestLedgerCannotBeRead: no command goes on without the ledger. A lease that was lost is no error of the ledger.
func TestLedgerCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, broken := range []error{errors.New("no answer"), &state.LostError{Place: "memory"}} {
		o, api, store := options(t)
		o.Store = func(context.Context, org.Organization) (state.Store, error) { return brokenStore{store, broken}, nil }
		s := open(t, o)
		before := len(api.Requests())
		_, planErr := s.Plan(t.Context())
		_, _, draftErr := s.Draft(t.Context())
		_, _, statusErr := s.Status(t.Context())
		_, historyErr := s.History(t.Context(), &o.Roster.People[0])
		_, _, applyErr := s.Apply(t.Context(), reconcile.ApplyOptions{Approve: approve})
		for name, err := range map[string]error{
			"plan": planErr, "draft": draftErr, "status": statusErr, "history": historyErr, "apply": applyErr,
		} {
			ofLedger := isError[*reconcile.StateError]()(err)
			if !errors.Is(err, broken) || ofLedger == isError[*state.LostError]()(broken) {
				t.Errorf("%s: %T %v", name, err, err)
			}
		}
		if n := len(api.Requests()) - before; n > 0 {
			t.Errorf("%d requests without a ledger", n)
		}
	}
}

// TestReadsOnce: a plan uses the reading that OpenAhead started. It reads again only for another plan.
func TestReadsOnce(t *testing.T) {
	t.Parallel()
	o, api, _ := options(t)
	for _, name := range []string{"crew", "guests"} {
		if _, err := api.AddGroup(sandbox.Group{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	o.Roster.People[0].Groups = []roster.Ref{{Name: "crew", At: roster.Position{File: "users.yaml", Line: 1}}}
	s, err := reconcile.OpenAhead(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	readings := func() int {
		return len(slices.DeleteFunc(api.Requests(), func(r sandbox.Request) bool { return r.Path != "/v2/users" }))
	}
	for want := 1; want <= 2; want++ {
		d, err := s.Plan(t.Context())
		if err != nil || readings() != want || len(d.Plan.Changes) != 3-want {
			t.Errorf("plan %d: %d readings, %+v, %v", want, readings(), d.Plan.Changes, err)
		}
		if _, err := api.AddInvitation(sandbox.Invitation{Email: "bob@example.com"}); err != nil && want == 1 {
			t.Fatal(err)
		}
	}
	api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Method: "GET", Path: "/v2/invitation", Times: 1})
	if s, err = reconcile.OpenAhead(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Plan(t.Context()); !isError[*org.CallError]()(err) {
		t.Errorf("a reading that failed was made again: %v", err)
	}
}

// TestReleaseTellsWhoHasTheLease: a run that does not know whether another run has its lease finds out at its end.
func TestReleaseTellsWhoHasTheLease(t *testing.T) {
	t.Parallel()
	o, api, store := options(t)
	unsure := &state.LostError{Place: "memory", Err: errors.New("this run was paused")}
	taken := &state.LostError{Place: "memory", NewHolder: state.Holder{PID: 7}}
	store.OnCheck = func() error {
		switch i, err := store.Inspect(t.Context()); {
		case err != nil || !i.Held:
			return taken
		case len(api.Mails()) > 0:
			return unsure
		}
		return nil
	}
	_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve})
	if err != nil || !errors.Is(result.Stopped, taken) {
		t.Errorf("stopped by %v, %v", result.Stopped, err)
	}
}

// TestLostLeaseStaysLost: a run that lost its lease says so, even if the lock file is back when the run ends.
func TestLostLeaseStaysLost(t *testing.T) {
	t.Parallel()
	o, api, store := options(t)
	gone := &state.LostError{Place: "memory", Err: errors.New("somebody has removed the lock file")}
	store.OnCheck = func() error {
		if i, err := store.Inspect(t.Context()); err == nil && i.Held && len(api.Mails()) > 0 {
			return gone
		}
		return nil
	}
	_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve})
	if err != nil || !errors.Is(result.Stopped, gone) {
		t.Errorf("stopped by %v, %v", result.Stopped, err)
	}
}

// closingStore is a store whose lease cannot be released.
type closingStore struct {
	*ledgertest.Store
	err error
}

type closingLease struct {
	state.Lease
	err error
}

func (s closingStore) Acquire(ctx context.Context, h state.Holder, d time.Duration) (state.Lease, error) {
	l, err := s.Store.Acquire(ctx, h, d)
	return closingLease{l, s.err}, err
}

func (l closingLease) Release() error { return errors.Join(l.Lease.Release(), l.err) }

// TestLockNotReleased: a lock that cannot be released is a warning. A lease that was lost needs no warning.
func TestLockNotReleased(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want int
	}{
		"released":     {nil, 0},
		"not released": {errors.New("no answer"), 1},
		"lost":         {&state.LostError{Place: "memory"}, 0},
	} {
		o, _, store := options(t)
		o.Store = func(context.Context, org.Organization) (state.Store, error) { return closingStore{store, tt.err}, nil }
		var warnings []string
		o.Warn = func(text string) { warnings = append(warnings, text) }
		_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve})
		if err != nil || result.Stopped != nil || len(warnings) != tt.want {
			t.Errorf("%s: warnings %q, stopped by %v, %v", name, warnings, result.Stopped, err)
		}
	}
}

// TestWarningsOfTheLedger: each command warns of a damaged ledger.
func TestWarningsOfTheLedger(t *testing.T) {
	t.Parallel()
	for _, warns := range []bool{true, false} {
		o, _, store := options(t)
		if _, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve}); err != nil {
			t.Fatal(err)
		}
		if err := store.Append([]byte("{\"v\":1,\n{\"v\":1")); err != nil {
			t.Fatal(err)
		}
		var warnings []string
		if warns {
			o.Warn = func(text string) { warnings = append(warnings, text) }
		}
		if _, err := open(t, o).Plan(t.Context()); err != nil || warns != (len(warnings) > 0) {
			t.Errorf("plan: warnings %q, %v", warnings, err)
		}
		warnings = nil
		_, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve})
		if err != nil || warns != (len(warnings) > 0) {
			t.Errorf("apply: warnings %q, %v", warnings, err)
		}
	}
}

// TestFullDiskAndTimesInTheFuture: if the ledger has times in the future and no room for the line about them, nothing
// is sent, and the error is a [reconcile.StateError].
func TestFullDiskAndTimesInTheFuture(t *testing.T) {
	t.Parallel()
	o, api, store := options(t)
	o.Roster.People = o.Roster.People[:1]
	if _, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve}); err != nil {
		t.Fatal(err)
	}
	o.Roster.People = append(o.Roster.People, roster.Person{Email: org.MustParseAddress("bob@example.com")})
	o.Provider = &slowProvider{Provider: o.Provider}
	store.OnAppend = func([]byte) (int, error) {
		return 0, &fs.PathError{Op: "write", Path: "ledger", Err: syscall.ENOSPC}
	}
	_, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve})
	if !isError[*reconcile.StateError]()(err) || !errors.Is(err, syscall.ENOSPC) || postCount(api) != 1 {
		t.Errorf("%d requests for mails, %v", postCount(api), err)
	}
}

// slowProvider has a slow clock. If it recovers, the clock is right after the first reading.
type slowProvider struct {
	reconcile.Provider
	recovers, read bool
}

func (p *slowProvider) Now() time.Time {
	if p.recovers && p.read {
		return p.Provider.Now()
	}
	return p.Provider.Now().Add(-3 * time.Hour)
}

func (p *slowProvider) ReadOrganization(ctx context.Context, pin string, w org.Wanted) (org.Snapshot, error) {
	s, err := p.Provider.ReadOrganization(ctx, pin, w)
	p.read = true
	s.Now = p.Now()
	return s, err
}

// TestTimesInTheFuture: the clock after the reading, not the one before, decides whether the ledger has times in the
// future.
func TestTimesInTheFuture(t *testing.T) {
	t.Parallel()
	for _, recovers := range []bool{true, false} {
		o, _, store := options(t)
		if _, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve}); err != nil {
			t.Fatal(err)
		}
		var warnings []string
		o.Warn = func(text string) { warnings = append(warnings, text) }
		o.Provider = &slowProvider{Provider: o.Provider, recovers: recovers}
		_, _, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve})
		content, _ := store.Read(t.Context())
		if marked := strings.Contains(string(content), "wrong_clock"); err != nil || marked == recovers ||
			(len(warnings) == 0) != recovers {
			t.Errorf("recovers %v: warnings %q, %v\n%s", recovers, warnings, err, content)
		}
	}
}
