package vultr

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orgsync/orgsync/internal/org"
)

const uuidA = "0a0a0a0a-1111-4222-8333-444444444444"

// world has an answer for each path: a body, or a number, which is a status. Any other path is
// answered 404.
type world map[string]any

func (w world) client(t *testing.T) *Client {
	return newTestClient(t, func(rw http.ResponseWriter, r *http.Request) {
		switch answer := w[r.URL.Path].(type) {
		case int:
			answerJSON(rw, answer, `{"error":"no"}`)
		case string:
			answerJSON(rw, 200, answer)
		default:
			answerJSON(rw, 404, `{"error":"Not found"}`)
		}
	})
}

const (
	orgsPath      = "/v2/organizations"
	suspendedPath = "/v2/organizations/o1/suspended-users"
	oneOrg        = `{"organizations":[{"id":"o1","name":"Example Org","type":"x"}],"meta":{"total":1}}`
)

func TestIdentify(t *testing.T) {
	t.Parallel()
	one := org.Organization{ID: "o1", Name: "Example Org"}
	two := `{"orgs":[{"id":"o1","name":"Example Org"},{"id":"o2","name":"Other"}],"meta":{"total":2}}`
	sameName := `{"orgs":[{"id":"o1","name":"Example Org"},{"id":"o2","name":"example org"}],"meta":{"total":2}}`
	rows := func(orgs ...string) string {
		return `{"invites":[` + strings.Join(orgs, ",") + `]}`
	}
	const rowOfOne, rowOfOther, rowOfNone = `{"id":"1","org_id":"o1","org_name":"Example Org"}`,
		`{"id":"2","org_id":"o2","org_name":"Other"}`, `{"id":"3"}`
	tests := []struct {
		name, pin   string
		orgs        any
		invitations any
		want        org.Organization
		pinError    bool
		words       string
	}{
		{name: "the only one", orgs: oneOrg, want: one},
		{name: "the only one, by id", pin: "o1", orgs: oneOrg, want: one},
		{name: "the only one, by name", pin: "example ORG", orgs: oneOrg, want: one},
		{name: "the only one is another", pin: "Other", orgs: oneOrg, pinError: true, words: `"Example Org" (o1)`},
		{name: "several without a pin", orgs: two, pinError: true, words: "several organizations"},
		{name: "several without a pin, one has no id", pinError: true, words: "several organizations",
			orgs: `{"orgs":[{"id":"o1","name":"Example Org"},{"name":"Other"}],"meta":{"total":2}}`},
		{name: "several, by name", pin: "Example Org", orgs: two, want: one},
		{name: "several, by id", pin: "o2", orgs: two, want: org.Organization{ID: "o2", Name: "Other"}},
		{name: "several, none fits", pin: "o3", orgs: two, pinError: true, words: "o2"},
		{name: "several with one name", pin: "Example Org", orgs: sameName, pinError: true, words: "o2"},
		{name: "several with one name, by id", pin: "o1", orgs: sameName, want: one},
		{
			name: "several, the name of one is the id of another", pin: "o2", want: org.Organization{ID: "o2", Name: "Other"},
			orgs: `{"orgs":[{"id":"o1","name":"o2"},{"id":"o2","name":"Other"}],"meta":{"total":2}}`,
		},
		{name: "forbidden, invitations agree", orgs: 403, invitations: rows(rowOfOne, rowOfNone), want: one},
		{name: "missing, invitations agree, pin fits", pin: "Example Org", orgs: 404, invitations: rows(rowOfOne), want: one},
		{name: "forbidden, invitations say another", pin: uuidA, orgs: 403, invitations: rows(rowOfOne), pinError: true,
			words: "o1"},
		{name: "forbidden, invitations disagree", orgs: 403, invitations: rows(rowOfOne, rowOfOther), pinError: true,
			words: "o2"},
		{name: "forbidden, invitations tell only a name", orgs: 403, invitations: rows(`{"id":"1","org_name":"Example Org"}`),
			want: org.Organization{Name: "Example Org"}},
		{name: "forbidden, invitations tell only a name, pin is an id", pin: uuidA, orgs: 403,
			invitations: rows(`{"id":"1","org_name":"Example Org"}`), want: org.Organization{ID: uuidA, Name: "Example Org"}},
		{name: "forbidden, invitations tell only a name, pin is this name", pin: "example org", orgs: 403,
			invitations: rows(`{"id":"1","org_name":"Example Org"}`), want: org.Organization{Name: "Example Org"}},
		{name: "forbidden, invitations tell only a name, pin is another name", pin: "Other", orgs: 403, pinError: true,
			invitations: rows(`{"id":"1","org_name":"Example Org"}`), words: "Example Org"},
		{name: "forbidden, nothing known, pin is an id", pin: uuidA, orgs: 403, invitations: rows(rowOfNone),
			want: org.Organization{ID: uuidA}},
		{name: "forbidden, nothing known, pin is a name", pin: "Example Org", orgs: 403, invitations: rows(), pinError: true,
			words: "name it by its id"},
		{name: "forbidden, nothing known, no pin", orgs: 403, invitations: rows(), words: "name it by its id in the roster"},
		{name: "none listed, invitations tell", orgs: `{"orgs":[],"meta":{"total":0}}`, invitations: rows(rowOfOne),
			want: one},
		{name: "none listed, nothing told", pin: "Example Org", orgs: `{"orgs":[],"meta":{"total":0}}`, invitations: rows(),
			pinError: true, words: "shows none"},
		{name: "forbidden, invitations too", orgs: 403, invitations: 403, words: "list invitations: HTTP 403"},
		{name: "key does not work", orgs: 401, invitations: rows(rowOfOne), words: "list organizations: HTTP 401: no"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := world{orgsPath: test.orgs, invitationPath: test.invitations}.client(t)
			got, err := c.Identify(t.Context(), test.pin)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("organization (-want +got):\n%s", diff)
			}
			var pinError *org.PinError
			if errors.As(err, &pinError) != test.pinError || pinError != nil && pinError.Pin != test.pin {
				t.Errorf("error %v, want a PinError: %v", err, test.pinError)
			}
			if wantErr := test.want == (org.Organization{}); (err != nil) != wantErr || wantErr && !strings.Contains(err.Error(),
				test.words) {
				t.Errorf("error %v, want %q", err, test.words)
			}
		})
	}
}

// TestIdentifyRemembers checks that the list of organizations is read again only for a pin that may mean another
// organization.
func TestIdentifyRemembers(t *testing.T) {
	t.Parallel()
	requests := 0
	c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		answerJSON(w, 200, oneOrg)
	})
	for i, step := range []struct {
		pin      string
		requests int // until now
		pinError bool
	}{
		{pin: "", requests: 1}, {pin: "", requests: 1}, {pin: "o1", requests: 1}, {pin: "Example Org", requests: 2},
		{pin: "Example Org", requests: 2}, {pin: "o1", requests: 2}, {pin: "Other", requests: 3, pinError: true},
		{pin: "Other", requests: 4, pinError: true}, {pin: "o1", requests: 4},
	} {
		got, err := c.Identify(t.Context(), step.pin)
		if _, isPin := errors.AsType[*org.PinError](err); isPin != step.pinError || isPin != (got.ID != "o1") {
			t.Errorf("step %d, %q: %+v, %v", i, step.pin, got, err)
		}
		if requests != step.requests {
			t.Errorf("step %d, %q: %d requests, want %d", i, step.pin, requests, step.requests)
		}
	}
}

func TestReadOrganization(t *testing.T) {
	t.Parallel()
	full := func() world {
		return world{
			orgsPath: oneOrg,
			"/v2/users": `{"users":[{"id":"u1","email":"ada@example.com","status":true},
				{"id":"u2","email":"bob@example.com","status":true},
				{"id":"u3","email":"not an address","service_user":true}],"meta":{"total":3}}`,
			invitationPath: `{"invitations":[
				{"id":"i1","email_invited":"eve@example.com","org_id":"o1","invite_status":"Pending"},
				{"id":"i2","email_invited":"???","invite_status":"Pending"}],"meta":{"total":2}}`,
			suspendedPath: `{"users":[{"id":"u2","email":"bob@example.com","date_suspended":"x"},{"id":"u4",` +
				`"email":"kim@example.com"}],"meta":{"total":2}}`,
			"/v2/account": `{"account":{"email":"ada@example.com","name":"Ada"}}`,
		}
	}
	ada, bob := org.MustParseAddress("ada@example.com"), org.MustParseAddress("bob@example.com")
	whole := org.Snapshot{
		Organization: org.Organization{ID: "o1", Name: "Example Org"},
		Users: []org.User{
			{ID: "u1", Email: ada},
			{ID: "u2", Email: bob, Suspended: true, SuspendedListed: true},
			{ID: "u3", Service: true},
			{ID: "u4", Email: org.MustParseAddress("kim@example.com"), ServiceUnknown: true, Suspended: true,
				SuspendedListed: true},
		},
		UsersVisible: true, SuspendedVisible: true, PinConfirmed: true, Self: ada,
		Invitations: []org.Invitation{
			{ID: "i1", Invited: org.MustParseAddress("eve@example.com"), OrgID: "o1", Status: org.StatusPending,
				StatusText: "Pending"},
			{ID: "i2", Unidentified: true, Status: org.StatusPending, StatusText: "Pending"},
		},
	}
	withoutSuspended := func(s *org.Snapshot) {
		s.Users[1].Suspended, s.Users[1].SuspendedListed = false, false
		s.Users, s.SuspendedVisible = s.Users[:3], false
	}
	tests := []struct {
		name   string
		pin    string
		change func(world)
		want   func(*org.Snapshot)
		words  string // in the error
	}{
		{name: "all there", change: func(world) {}, want: func(*org.Snapshot) {}},
		{
			name: "users forbidden", change: func(w world) { w["/v2/users"] = 403 },
			want: func(s *org.Snapshot) {
				s.Users, s.UsersVisible = slices.DeleteFunc(s.Users, func(u org.User) bool { return !u.Suspended }), false
				s.Users[1].ServiceUnknown = false // no list says who is a service user
			},
		},
		{
			name: "suspended users forbidden", change: func(w world) { w[suspendedPath] = 403 },
			want: withoutSuspended,
		},
		{
			name: "suspended users missing", change: func(w world) { delete(w, suspendedPath) },
			want: withoutSuspended,
		},
		{name: "account forbidden", change: func(w world) { w["/v2/account"] = 403 },
			want: func(s *org.Snapshot) { s.Self = org.Address{} }},
		{name: "account missing", change: func(w world) { delete(w, "/v2/account") },
			want: func(s *org.Snapshot) { s.Self = org.Address{} }},
		{name: "account unwrapped", change: func(w world) { w["/v2/account"] = `{"email":"ada@example.com"}` },
			want: func(*org.Snapshot) {}},
		{
			name:   "organizations forbidden",
			change: func(w world) { w[orgsPath] = 403; w[invitationPath] = `{"invites":[{"id":"i1","org_id":"o1"}]}` },
			want: func(s *org.Snapshot) {
				s.Organization.Name = ""
				s.Invitations = []org.Invitation{{ID: "i1", Unidentified: true, OrgID: "o1", Status: org.StatusUnknown}}
			},
		},
		{
			name: "organization without an id", change: func(w world) { w[orgsPath] = `{"orgs":[{"name":"Example Org"}]}` },
			want: func(s *org.Snapshot) {
				s.Organization.ID = ""
				withoutSuspended(s)
			},
		},
		{name: "users missing", change: func(w world) { delete(w, "/v2/users") }, words: "list users: HTTP 404"},
		{name: "users with a bad key", change: func(w world) { w["/v2/users"] = 401 }, words: "list users: HTTP 401"},
		{name: "suspended users with a bad key", change: func(w world) { w[suspendedPath] = 401 },
			words: "list suspended users: HTTP 401"},
		{name: "account with a bad key", change: func(w world) { w["/v2/account"] = 401 },
			words: "read the account: HTTP 401"},
		{name: "invitations forbidden", change: func(w world) { w[invitationPath] = 403 },
			words: "list invitations: HTTP 403"},
		{name: "suspended users unreadable", change: func(w world) { w[suspendedPath] = `{}` },
			words: `list suspended users: HTTP 200: the answer has no "users"`},
		{name: "organization with an odd id", change: func(w world) { w[orgsPath] = `{"orgs":[{"id":"../x"}]}` },
			words: "cannot be used in a request"},
		{name: "pin of another", pin: "Other", change: func(world) {}, words: `the roster is for the organization "Other"`},
		{
			name: "invitations of another", pin: "Example Org", words: `"Foreign" (o9)`,
			change: func(w world) { w[invitationPath] = `{"invites":[{"id":"i1","org_id":"o9","org_name":"Foreign"}]}` },
		},
		{
			name: "invitations of another, no pin", words: "several organizations",
			change: func(w world) { w[invitationPath] = `{"invites":[{"id":"i1","org_id":"o1"},{"id":"i2","org_id":"o9"}]}` },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := full()
			test.change(w)
			got, err := w.client(t).ReadOrganization(t.Context(), test.pin, nil)
			if test.words != "" {
				if err == nil || !strings.Contains(err.Error(), test.words) {
					t.Errorf("error %v, want %q", err, test.words)
				}
				if diff := cmp.Diff(org.Snapshot{}, got, cmp.Comparer(sameAddress)); diff != "" {
					t.Errorf("half a snapshot beside the error:\n%s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if age := time.Since(got.Now).Abs(); age > time.Minute {
				t.Errorf("the snapshot's time is %v off", age)
			}
			want := whole
			want.Users = append([]org.User(nil), whole.Users...)
			test.want(&want)
			if diff := cmp.Diff(want, got, cmp.Comparer(sameAddress), cmpopts.IgnoreFields(org.Snapshot{}, "Now")); diff != "" {
				t.Errorf("snapshot (-want +got):\n%s", diff)
			}
		})
	}
}

// The lists are read in parallel: the server sends each answer only after it got all requests.
func TestListsAreReadTogether(t *testing.T) {
	t.Parallel()
	var asked sync.WaitGroup
	asked.Add(4)
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != suspendedPath {
			asked.Done()
			asked.Wait()
		}
		answers := map[string]string{
			orgsPath: oneOrg, "/v2/users": `{"users":[{"id":"u1","email":"ada@example.com"}]}`, suspendedPath: noUsers,
			invitationPath: `{"invites":[]}`, "/v2/account": `{}`,
		}
		if !json.Valid([]byte(answers[r.URL.Path])) {
			t.Errorf("%s was asked for", r.URL.Path)
		}
		answerJSON(w, 200, answers[r.URL.Path])
	})
	if _, err := c.ReadOrganization(t.Context(), "", nil); err != nil {
		t.Fatal(err)
	}
	if got := c.Stats().Requests; got != 5 {
		t.Errorf("%d requests, want 5", got)
	}
}

// TestOrganizationsInIgnoresCase checks that ids of organizations that differ only in case are the
// same.
func TestOrganizationsInIgnoresCase(t *testing.T) {
	t.Parallel()
	have := OrganizationsIn([]org.Invitation{{OrgID: "0a1b"}, {OrgID: "0A1B"}, {OrgID: "2c"}})
	if len(have) != 2 || have[0].ID != "0a1b" || have[1].ID != "2c" {
		t.Errorf("%v, want 0a1b and 2c", have)
	}
}
