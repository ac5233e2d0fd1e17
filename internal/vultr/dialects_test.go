package vultr

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// settled returns a world with a person in each state, and with lists of several pages.
func settled(t *testing.T, options sandbox.Options) *sandbox.Server {
	t.Helper()
	options.PageCap, options.RateLimit = 10, -1
	api, err := sandbox.New(options)
	if err != nil {
		t.Fatal(err)
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 15 {
		_, err := api.AddInvitation(sandbox.Invitation{Email: fmt.Sprintf("P%d@Example.com", i), APIEnabled: i%2 == 0})
		check(err)
	}
	for i, state := range []string{"expired", "accepted", "declined", "cancelled"} {
		_, err := api.AddInvitation(sandbox.Invitation{Email: fmt.Sprintf("%s@example.com", state), State: state,
			APIEnabled: i == 0})
		check(err)
	}
	for i := range 12 {
		_, err := api.AddUser(sandbox.User{Email: fmt.Sprintf("u%d@example.com", i), APIEnabled: i%2 == 0,
			Suspended: i%10 == 0})
		check(err)
	}
	_, err = api.AddUser(sandbox.User{Email: "bot@example.com", Service: true})
	check(err)
	return api
}

// In each dialect, a read returns what the world has, and a write changes the world as requested.
func TestDialects(t *testing.T) {
	t.Parallel()
	for _, named := range sandbox.Dialects() {
		t.Run(named.Name, func(t *testing.T) {
			t.Parallel()
			api := settled(t, sandbox.Options{Dialect: named.Dialect, Key: testKey})
			server := httptest.NewServer(api)
			defer server.Close()
			c := mustNew(t, testConfig(server.URL))
			world := api.World()

			snapshot, err := c.ReadOrganization(t.Context(), world.Organization.Name, nil)
			if err != nil {
				t.Fatal(err)
			}
			checkSnapshot(t, named.Dialect, world, snapshot)

			eve := org.MustParseAddress("Eve@example.com")
			learnWording(t, c)
			sent, err := c.Invite(t.Context(), eve, true)
			if err != nil {
				t.Fatal(err)
			}
			again, err := c.Resend(t.Context(), sent.Invitation.ID, eve)
			if err != nil {
				t.Fatal(err)
			}
			for _, receipt := range []org.Receipt{sent, again} {
				if i := receipt.Invitation; receipt.Requests != 1 || !i.Invited.Equal(eve) || i.Status != org.StatusPending ||
					i.OrgID != world.Organization.ID {
					t.Errorf("receipt %+v is not about eve in %s", receipt, world.Organization.ID)
				}
			}
			var got []string
			for _, mail := range api.Mails()["eve@example.com"] {
				got = append(got, fmt.Sprint(mail.To, mail.InvitationID, mail.Resend))
			}
			want := []string{fmt.Sprint("Eve@example.com", sent.Invitation.ID, false), fmt.Sprint("Eve@example.com",
				again.Invitation.ID, true)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("mails (-want +got):\n%s", diff)
			}
			if v := api.Violations(); v != nil {
				t.Errorf("requests that the documents do not know: %+v", v)
			}
		})
	}
}

// learnWording sends an invitation, so that c knows the format of api_enabled that the server
// accepts.
func learnWording(t *testing.T, c *Client) {
	t.Helper()
	first := org.MustParseAddress("first@example.com")
	_, err := c.Invite(t.Context(), first, false)
	if err != nil && asCallError(t, err).RetryWithBoolean {
		_, err = c.InviteWithBoolean(t.Context(), first, false)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func checkSnapshot(t *testing.T, d sandbox.Dialect, world sandbox.World, got org.Snapshot) {
	t.Helper()
	if got.Organization.ID != world.Organization.ID || got.Self.String() != "owner@example.com" || !got.UsersVisible {
		t.Errorf("organization %+v, self %s, users seen: %v", got.Organization, got.Self, got.UsersVisible)
	}
	if want := d.SuspendedEndpoint != sandbox.SuspendedEndpointMissing; got.SuspendedVisible != want {
		t.Errorf("suspended users seen: %v, want %v", got.SuspendedVisible, want)
	}
	wantUsers, gotUsers := map[string]string{}, map[string]string{}
	for _, u := range world.Users {
		wantUsers[u.ID] = fmt.Sprint(u.Email, u.Name, u.Service, u.Suspended)
	}
	isInvited := func(u org.User) bool { return u.Accepted != nil && !*u.Accepted }
	members := slices.DeleteFunc(slices.Clone(got.Users), isInvited)
	for _, u := range members {
		gotUsers[u.ID] = fmt.Sprint(u.Email, u.Name, u.Service, u.Suspended)
	}
	if diff := cmp.Diff(wantUsers, gotUsers); diff != "" || len(gotUsers) != len(members) {
		t.Errorf("users (-want +got):\n%s", diff)
	}

	expiredStatus := map[string]string{sandbox.LapsedPending: "pending", sandbox.LapsedMarked: "expired"}[d.Lapsed]
	want := map[string]string{}
	expires := map[string]time.Time{}
	for _, i := range world.Invitations {
		status := i.State
		switch {
		case i.State == "expired" && expiredStatus == "", i.State == "accepted" && d.Accepted == sandbox.AcceptedVanish,
			(i.State == "declined" || i.State == "cancelled") && d.Declined == sandbox.DeclinedVanish:
			continue
		case i.State == "expired":
			status = expiredStatus
		}
		want[i.ID] = strings.ToLower(i.Email) + " " + status
		expires[i.ID] = i.Expires
	}
	rows := map[string]string{}
	for _, i := range got.Invitations {
		rows[i.ID] = i.Invited.Key() + " " + string(i.Status)
		switch {
		case d.Dates == sandbox.DatesEmpty && !i.ExpiresAt().IsZero():
			t.Errorf("%s expires at %v, although the server gives no dates", i.Invited, i.ExpiresAt())
		case d.Dates != sandbox.DatesEmpty && !i.ExpiresAt().Equal(expires[i.ID]):
			t.Errorf("%s expires at %v, want %v", i.Invited, i.ExpiresAt(), expires[i.ID])
		}
	}
	if diff := cmp.Diff(want, rows); diff != "" || len(rows) != len(got.Invitations) {
		t.Errorf("invitations (-want +got):\n%s", diff)
	}
}

// In each dialect and with each fault, the client sends one request and at most one mail, and the
// error says correctly whether the server may have acted.
func TestDialectsTimesFaults(t *testing.T) {
	t.Parallel()
	type want struct {
		failure  org.Failure // 0: done
		requests int
	}
	faults := map[sandbox.FaultKind]want{
		sandbox.FaultStatus:            {org.Lost, 1},
		sandbox.FaultForbid:            {org.Denied, 1},
		sandbox.FaultThrottle:          {0, 2},
		sandbox.FaultDrop:              {org.Lost, 1},
		sandbox.FaultTruncate:          {org.Lost, 1},
		sandbox.FaultHalf:              {org.Unreadable, 1},
		sandbox.FaultHTML:              {org.Unreadable, 1},
		sandbox.FaultEmpty:             {org.Unreadable, 1},
		sandbox.FaultHang:              {org.Lost, 1},
		sandbox.FaultSlow:              {0, 1},
		sandbox.FaultRedirect:          {org.Unreadable, 1},
		sandbox.FaultWrongPerson:       {org.Unreadable, 1},
		sandbox.FaultWrongOrganization: {0, 1},
		sandbox.FaultNoID:              {org.Unreadable, 1},
	}
	for _, named := range sandbox.Dialects() {
		t.Run(named.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := settled(t, sandbox.Options{Dialect: named.Dialect, Key: testKey})
				c := newBubbleClient(t, api.ServeHTTP, nil)
				learnWording(t, c)
				for _, kind := range slices.Sorted(maps.Keys(faults)) {
					for _, after := range []bool{false, true} {
						if kind == sandbox.FaultThrottle && after {
							continue // a server that answers 429 after it acted looks like one that did not act
						}
						name := fmt.Sprintf("%s-%v", kind, after)
						to := org.MustParseAddress(strings.ReplaceAll(name, "_", "-") + "@example.com")
						delay := map[sandbox.FaultKind]time.Duration{sandbox.FaultSlow: 20 * time.Second,
							sandbox.FaultHang: 2 * time.Minute}[kind]
						api.AddFault(sandbox.Fault{Kind: kind, ActFirst: after, Method: "POST", Times: 1, RetryAfter: "date+5s",
							Delay: delay})
						receipt, err := c.Invite(t.Context(), to, true)
						api.ClearFaults()
						time.Sleep(time.Hour) // let the server finish what it hung on

						want, got := faults[kind], org.Failure(0)
						if err != nil {
							got = asCallError(t, err).Failure
						}
						if got != want.failure || receipt.Requests != want.requests {
							t.Errorf("%s: %v after %d requests, want %v after %d: %v", name, got, receipt.Requests, want.failure,
								want.requests, err)
						}
						mails := api.Mails()[to.Key()]
						acted := after || got == 0 && kind != sandbox.FaultWrongOrganization
						if acted != (len(mails) == 1) || len(mails) > 1 {
							t.Errorf("%s: %d mails", name, len(mails))
						}
						id := receipt.Invitation.ID
						if shown := kind == sandbox.FaultWrongPerson || got == 0; shown != (id != "") || id != "" && len(mails) == 1 &&
							id != mails[0].InvitationID {
							t.Errorf("%s: the receipt has the invitation %q, the mails are %+v", name, id, mails)
						}
					}
				}
			})
		})
	}
}

// In each dialect, and with a fault at a page of each list, a read is complete or returns an error.
func TestDialectsTimesReadFaults(t *testing.T) {
	t.Parallel()
	for i, named := range sandbox.Dialects() {
		t.Run(named.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := settled(t, sandbox.Options{Dialect: named.Dialect, Key: testKey})
				c := newBubbleClient(t, api.ServeHTTP, nil)
				world := api.World()
				for j, fault := range []sandbox.Fault{
					{Kind: sandbox.FaultStatus}, {Kind: sandbox.FaultThrottle}, {Kind: sandbox.FaultDrop},
					{Kind: sandbox.FaultTruncate}, {Kind: sandbox.FaultHalf},
					{Kind: sandbox.FaultHTML}, {Kind: sandbox.FaultEmpty}, {Kind: sandbox.FaultHang, Delay: time.Minute},
					{Kind: sandbox.FaultRowAdded},
					{Kind: sandbox.FaultRowRemoved}, {Kind: sandbox.FaultWrongTotal},
				} {
					if testing.Short() && (i+j)%3 != 0 { // as for the race detector
						continue
					}
					for _, path := range []string{"/v2/users", invitationPath} {
						for from := 1; from <= 2; from++ {
							fault.Path, fault.From, fault.Times = path, from, 1
							api.AddFault(fault)
							snapshot, err := c.ReadOrganization(t.Context(), world.Organization.Name, nil)
							api.ClearFaults()
							if err != nil {
								t.Errorf("%s at page %d of %s: %v", fault.Kind, from, path, err)
								continue
							}
							checkSnapshot(t, named.Dialect, world, snapshot)
						}
						fault.From, fault.Times = 2, 0
						if fault.Kind == sandbox.FaultRowAdded {
							continue // shows a row twice, hides none
						}
						api.AddFault(fault)
						if _, err := c.ReadOrganization(t.Context(), world.Organization.Name, nil); err == nil {
							t.Errorf("%s forever from page 2 of %s: no error", fault.Kind, path)
						}
						api.ClearFaults()
					}
				}
				api.AddFault(sandbox.Fault{Kind: sandbox.FaultRepeatCursor, Path: invitationPath, From: 2})
				if _, err := c.ReadOrganization(t.Context(), world.Organization.Name, nil); err == nil ||
					!strings.Contains(err.Error(), "read before") {
					t.Errorf("repeated cursor: %v", err)
				}
			})
		})
	}
}
