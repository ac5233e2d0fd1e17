package reconcile_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/state"
)

// TestInvitedAfterTheFirstMail: if somebody else invites a person while the first mail is sent, the run sends this
// person no second mail.
func TestInvitedAfterTheFirstMail(t *testing.T) {
	t.Parallel()
	o, api, _ := options(t)
	first := true
	_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve, Concurrency: 1,
		Progress: func(c apply.ChangeResult) {
			if first {
				first = false
				if _, err := api.AddInvitation(sandbox.Invitation{Email: "bob@example.com"}); err != nil {
					t.Error(err)
				}
			}
		}})
	if err != nil || result.Count(apply.Done) != 2 || postCount(api) != 1 {
		t.Errorf("%d requests for mails, %+v, %v", postCount(api), result.Changes, err)
	}
}

// TestSettleWait: a run waits as long as it may until it knows whether a mail was sent. Before each wait, it says how
// many mails it waits for.
func TestSettleWait(t *testing.T) {
	t.Parallel()
	for limit, want := range map[time.Duration]apply.Outcome{0: apply.Unknown, 5 * time.Minute: apply.Done} {
		synctest.Test(t, func(t *testing.T) {
			o, api, _ := optionsFor(t, sandbox.Options{ListLag: time.Minute})
			o.Roster.People = o.Roster.People[:1]
			api.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost})
			waits := 0
			_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve, SettleWait: limit,
				Waiting: func(w apply.Wait) {
					if waits++; w.Mails != 1 {
						t.Errorf("the run waits for %d mails", w.Mails)
					}
				}})
			if err != nil || result.Count(want) != 1 || (waits > 0) != (limit > 0) || len(api.Mails()) != 1 {
				t.Errorf("limit %v: %d waits, %+v, %v, mails %v", limit, waits, result.Changes, err, api.Mails())
			}
		})
	}
}

// TestNamesOfTheRun: other runs see who has the lock, and the ledger names the roster that removed a person.
func TestNamesOfTheRun(t *testing.T) {
	t.Parallel()
	o, api, store := options(t)
	bobJoins(t, o, api)
	o.Roster.Organization, o.Roster.People = api.World().Organization.ID, o.Roster.People[:1]
	o.Roster.Settings.Unlisted, o.Roster.Settings.MaxRemovals = roster.UnlistedRemove, 1
	holder := state.Holder{PID: 7, Host: "here"}
	_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{
		Holder: holder, RosterName: "users.yaml",
		Approve: func(ctx context.Context, _ plan.Plan) error {
			if i, err := store.Inspect(ctx); err != nil || i.Holder != holder {
				t.Errorf("the lock names %+v, %v", i.Holder, err)
			}
			return nil
		},
	})
	if err != nil || result.Stopped != nil || result.Count(apply.Done) != 1 {
		t.Fatalf("%+v, %v", result, err)
	}
	content, err := store.Read(t.Context())
	if err != nil || !strings.Contains(string(content), `"roster":"users.yaml"`) {
		t.Errorf("%v, the ledger does not name the roster:\n%s", err, content)
	}
}

// TestSkippedRenewal: a repeated mail that a run refuses to send names the invitation that it would renew.
func TestSkippedRenewal(t *testing.T) {
	t.Parallel()
	o, api, _ := options(t)
	expired, err := api.AddInvitation(sandbox.Invitation{Email: "ada@example.com", State: "expired"})
	if err != nil {
		t.Fatal(err)
	}
	o.Roster.People, o.Roster.Settings.MaxInvites = o.Roster.People[:1], 0
	_, result, err := open(t, o).Apply(t.Context(), reconcile.ApplyOptions{Approve: approve})
	if err != nil || result.Count(apply.Skipped) != 1 || result.Changes[0].InvitationID != expired.ID {
		t.Errorf("%+v, %v, want the invitation %s", result, err, expired.ID)
	}
}

// pinProvider notes the pin of each call.
type pinProvider struct {
	reconcile.Provider
	pins *[]string
}

func (p pinProvider) Identify(ctx context.Context, pin string) (org.Organization, error) {
	*p.pins = append(*p.pins, pin)
	return p.Provider.Identify(ctx, pin)
}

func (p pinProvider) ReadOrganization(ctx context.Context, pin string, w org.Wanted) (org.Snapshot, error) {
	*p.pins = append(*p.pins, pin)
	return p.Provider.ReadOrganization(ctx, pin, w)
}

func (p pinProvider) ReadAll(ctx context.Context, pin string) (org.Snapshot, []org.Kind, error) {
	*p.pins = append(*p.pins, pin)
	return p.Provider.ReadAll(ctx, pin)
}

// TestPinOfEachReading: each reading has the organization of the roster. Without it, a key that can see several
// organizations could read another one.
func TestPinOfEachReading(t *testing.T) {
	t.Parallel()
	calls := readingCommands()
	calls["apply"] = func(ctx context.Context, s *reconcile.Session) error {
		_, _, err := s.Apply(ctx, reconcile.ApplyOptions{Approve: approve})
		return err
	}
	for name, call := range calls {
		o, _, _ := options(t)
		var pins []string
		o.Roster.Organization, o.Provider = "Example Org", pinProvider{o.Provider, &pins}
		err := call(t.Context(), open(t, o))
		if other := func(pin string) bool { return pin != "Example Org" }; err != nil || len(pins) < 2 ||
			slices.ContainsFunc(pins, other) {
			t.Errorf("%s: %v, the calls have %q", name, err, pins)
		}
	}
}
