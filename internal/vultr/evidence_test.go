package vultr

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
)

// smallWorld has answers for an organization with one user.
func smallWorld() world {
	return world{
		orgsPath: oneOrg, invitationPath: `{"invites":[]}`, suspendedPath: noUsers,
		"/v2/account": `{"account":{"email":"ada@example.com"}}`,
		"/v2/users":   `{"users":[{"id":"u1","email":"ada@example.com"}],"meta":{"total":1}}`,
	}
}

// with returns a copy of w, with the answers in changes instead of those of w.
func (w world) with(changes world) world {
	w = maps.Clone(w)
	maps.Copy(w, changes)
	return w
}

// TestPaged checks that a snapshot says whether a list of people had several pages, because a row
// may have moved between them.
func TestPaged(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v2/users", suspendedPath, invitationPath, orgsPath, ""} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := smallWorld()
			c := newTestClient(t, func(rw http.ResponseWriter, r *http.Request) {
				body := w[r.URL.Path].(string)
				if r.URL.Path == path { // a second page with the rows, after a first one with another
					first := `{"users":[{"id":"u9"}],"invites":[{"id":"i9"}],"orgs":[{"id":"o9","name":"Other"}],` +
						`"meta":{"links":{"next":"c"}}}`
					if r.FormValue("cursor") == "" {
						body = first
					}
				}
				answerJSON(rw, 200, body)
			})
			s, err := c.ReadOrganization(t.Context(), "o1", nil)
			if err != nil {
				t.Fatal(err)
			}
			if want := path != "" && path != orgsPath; s.Paged != want {
				t.Errorf("in several pages: %v, want %v", s.Paged, want)
			}
		})
	}
}

// TestPinConfirmed checks that an answer that names the organization confirms the pin, and that an
// answer that names another organization contradicts it. If no answer names an organization, the
// pin is neither confirmed nor contradicted.
func TestPinConfirmed(t *testing.T) {
	t.Parallel()
	const suspendedA = "/v2/organizations/" + uuidA + "/suspended-users"
	row := func(members string) string { return `{"invites":[{"id":"i1",` + members + `}]}` }
	tests := []struct {
		name, pin  string
		change     world
		confirmed  bool
		pinError   bool
		identified bool // Identify alone finds the organization
	}{
		{name: "listed", confirmed: true, identified: true},
		{
			name: "listed, and its suspended users are hidden", change: world{suspendedPath: 404}, confirmed: true,
			identified: true,
		},
		{name: "listed, by id", pin: "O1", confirmed: true, identified: true},
		{name: "another is listed", pin: uuidA, pinError: true},
		{
			name: "hidden, an invitation names it", pin: uuidA,
			change: world{orgsPath: 403, invitationPath: row(`"org_id":"` + uuidA + `"`)}, confirmed: true,
			identified: true,
		},
		{
			name: "hidden, an invitation names it in capitals", pin: uuidA, identified: true, confirmed: true,
			change: world{orgsPath: 403, invitationPath: row(`"org_id":"` + strings.ToUpper(uuidA) + `"`)},
		},
		{
			name: "pinned in capitals, an invitation names it", pin: strings.ToUpper(uuidA), identified: true, confirmed: true,
			change: world{orgsPath: 403, invitationPath: row(`"org_id":"` + uuidA + `"`)},
		},
		{
			name: "hidden, an invitation names another", pin: uuidA,
			change: world{orgsPath: 403, invitationPath: row(`"org_id":"o9"`)}, pinError: true,
		},
		{
			name:   "hidden, no pin, an invitation names it",
			change: world{orgsPath: 403, invitationPath: row(`"org_id":"o1"`)}, confirmed: true, identified: true,
		},
		{
			name: "hidden, an invitation has only a name", pin: uuidA,
			change: world{orgsPath: 403, invitationPath: row(`"org_name":"Example Org"`)}, identified: true,
		},
		{
			name: "hidden, a suspended user is shown", pin: uuidA, confirmed: true, identified: true,
			change: world{orgsPath: 403, suspendedA: `{"users":[{"id":"u9","email":"zed@example.com"}],"meta":{"total":1}}`},
		},
		{
			name: "hidden, the list of its suspended users is empty", pin: uuidA, identified: true,
			change: world{orgsPath: 403, suspendedA: noUsers},
		},
		{
			name: "hidden, its suspended users are hidden", pin: uuidA,
			change: world{orgsPath: 403, suspendedA: 403}, identified: true,
		},
		{name: "hidden, nothing is known of it", pin: uuidA, change: world{orgsPath: 403}, identified: true},
		{
			name: "none listed, nothing is known of it", pin: uuidA, change: world{orgsPath: `{"orgs":[]}`},
			identified: true,
		},
		{
			name: "listed, an invitation names another", pin: "o1", identified: true, pinError: true,
			change: world{invitationPath: row(`"org_id":"o9"`)},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := smallWorld().with(test.change).client(t)
			isPin := func(err error) bool { _, ok := errors.AsType[*org.PinError](err); return ok }
			// The second call uses the remembered organization, and must remember whether it is
			// confirmed.

			for range 2 {
				if _, err := c.Identify(t.Context(), test.pin); (err == nil) != test.identified || err != nil && !isPin(err) {
					t.Errorf("Identify: %v", err)
				}
				s, err := c.ReadOrganization(t.Context(), test.pin, nil)
				if isPin(err) != test.pinError || (err != nil) != test.pinError {
					t.Errorf("ReadOrganization: %v, want a PinError: %v", err, test.pinError)
				}
				if s.PinConfirmed != test.confirmed {
					t.Errorf("confirmed: %v, want %v", s.PinConfirmed, test.confirmed)
				}
			}
		})
	}
}

// TestPinConfirmedLater checks that an invitation confirms the pin also if the organization was remembered before
// anything confirmed it.
func TestPinConfirmedLater(t *testing.T) {
	t.Parallel()
	w := smallWorld().with(world{orgsPath: 403, "/v2/organizations/" + uuidA + "/suspended-users": 403})
	c := w.client(t)
	for _, named := range []bool{false, true} {
		if named {
			w[invitationPath] = `{"invites":[{"id":"i1","org_id":"` + strings.ToUpper(uuidA) + `"}]}`
		}
		s, err := c.ReadOrganization(t.Context(), uuidA, nil)
		if err != nil || s.PinConfirmed != named {
			t.Errorf("an invitation names the organization: %v; confirmed: %v, %v", named, s.PinConfirmed, err)
		}
	}
}

// TestImpossibleLists checks that a list of users that cannot be true is an error. The key belongs to a user, so there
// must be one.
func TestImpossibleLists(t *testing.T) {
	t.Parallel()
	const empty = "the list is empty, but the key belongs to a user of the organization"
	const nobody = "no user in the list has an address that can be read"
	const noRow = "a row of the list has no id and no address"
	usersOf := func(rows string) world { return world{"/v2/users": `{"users":[` + rows + `],"meta":{"total":1}}`} }
	invitationsOf := func(rows string) world {
		return usersOf(`{"id":"u2","email":"bob@example.com"}`).with(world{invitationPath: `{"invites":[` + rows + `]}`})
	}
	for name, test := range map[string]struct {
		change world
		words  string // in the error; "" where there is none
	}{
		"no users":                         {world{}, empty},
		"no users, account hidden":         {world{"/v2/account": 403}, empty},
		"no users, account without anyone": {world{"/v2/account": `{"account":{}}`}, empty},
		"null":                             {world{"/v2/users": `{"users":null,"meta":{"total":0}}`}, empty},
		"users hidden":                     {world{"/v2/users": 403}, ""},
		"users without the account's":      {usersOf(`{"id":"u2","email":"bob@example.com"}`), ""},
		"users without an address":         {usersOf(`{"id":"u2"},{"id":"u3","email":null}`), nobody},
		"masked addresses":                 {usersOf(`{"id":"u2","email":"a***@example.com"}`), nobody},
		"addresses with one asterisk":      {usersOf(`{"id":"u2","email":"a*@example.com"}`), nobody},
		"another name of the address":      {usersOf(`{"id":"u2","email_address":"ada@example.com"}`), nobody},
		"only service users":               {usersOf(`{"id":"u2","service_user":true}`), ""},
		"an address of no mailbox":         {usersOf(`{"id":"u2","email":"root@localhost"}`), ""},
		"one of two has an address":        {usersOf(`{"id":"u2"},{"id":"u3","email":"bob@example.com"}`), ""},
		"wrapped users":                    {usersOf(`{"user":{"id":"u2","email":"ada@example.com"}}`), noRow},
		"empty user":                       {usersOf(`{}`), noRow},
		"an error as a user":               {usersOf(`{"message":"Access denied"}`), noRow},
		"wrapped invitations":              {invitationsOf(`{"invitation":{"id":"i1"}}`), noRow},
		"an invitation without an address": {invitationsOf(`{"id":"i1","org_id":"o1"}`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := smallWorld().with(world{"/v2/users": noUsers}).with(test.change).client(t)
			s, err := c.ReadOrganization(t.Context(), "", nil)
			survey, surveyErr := c.Survey(t.Context(), "")
			if surveyErr != nil {
				t.Fatal(surveyErr)
			}
			if test.words == "" {
				if err != nil || survey.Users.Err != nil && !IsForbiddenOrMissing(survey.Users.Err) {
					t.Errorf("%v, the survey finds %v", err, survey.Users.Err)
				}
				return
			}
			failure, ok := errors.AsType[*org.CallError](err)
			if !ok || failure.Failure != org.Unreadable || !strings.Contains(failure.Message,
				test.words) {
				t.Errorf("%v, want unreadable with %q", err, test.words)
			}
			if diff := cmp.Diff(org.Snapshot{}, s, cmp.Comparer(sameAddress)); diff != "" {
				t.Errorf("half a snapshot beside the error:\n%s", diff)
			}
			found := errors.Join(survey.Users.Err, survey.Invitations.Err)
			if found == nil || !strings.Contains(found.Error(), test.words) {
				t.Errorf("the survey finds %v, want %q", found, test.words)
			}
		})
	}
}

// TestEachListOnce checks that a read requests no list twice, also if the organization comes from
// the invitations.
func TestEachListOnce(t *testing.T) {
	t.Parallel()
	for name, orgs := range map[string]any{"organizations shown": oneOrg, "organizations hidden": 403,
		"no organizations": `{"orgs":[]}`} {
		for slow := range smallWorld() { // whichever list is the last
			t.Run(name+", slow "+slow, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := smallWorld().with(world{orgsPath: orgs,
						invitationPath: `{"invites":[{"id":"i1","org_id":"o1","org_name":"Example Org"}]}`})
					var mu sync.Mutex
					asked := map[string]int{}
					c := newBubbleClient(t, func(rw http.ResponseWriter, r *http.Request) {
						mu.Lock()
						asked[r.URL.Path]++
						mu.Unlock()
						if r.URL.Path == slow {
							time.Sleep(time.Second)
						}
						if status, ok := w[r.URL.Path].(int); ok {
							answerJSON(rw, status, `{"error":"no"}`)
							return
						}
						answerJSON(rw, 200, w[r.URL.Path].(string))
					}, nil)
					in, read, err := c.ReadAhead(t.Context(), "", nil)
					if err != nil || in.ID != "o1" {
						t.Fatalf("organization %+v, %v", in, err)
					}
					if s, err := read(); err != nil || len(s.Invitations) != 1 || s.Organization != in {
						t.Fatalf("%+v, %v", s, err)
					}
					for path, n := range asked {
						if n != 1 {
							t.Errorf("%s was asked for %d times", path, n)
						}
					}
				})
			})
		}
	}
}

// TestReadAheadFails checks that no request is in flight when ReadAhead returns an error, for any
// reason.
func TestReadAheadFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change world
		pin    string
		words  string
	}{
		"another organization": {pin: "Other", words: `the roster is for the organization "Other"`},
		"organizations fail":   {change: world{orgsPath: 401}, words: "list organizations: HTTP 401"},
		"invitations fail, and are needed": {
			change: world{orgsPath: 403, invitationPath: 401}, words: "list invitations: HTTP 401",
		},
		"users fail first": {change: world{"/v2/users": 401}, words: "list users: HTTP 401"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := smallWorld().with(test.change)
				c := newBubbleClient(t, func(rw http.ResponseWriter, r *http.Request) {
					if name == "users fail first" && r.URL.Path != "/v2/users" {
						time.Sleep(time.Second)
					}
					if status, ok := w[r.URL.Path].(int); ok {
						answerJSON(rw, status, `{"error":"no"}`)
						return
					}
					answerJSON(rw, 200, w[r.URL.Path].(string))
				}, nil)
				_, read, err := c.ReadAhead(t.Context(), test.pin, nil)
				if err == nil {
					_, err = read()
				}
				if err == nil || !strings.Contains(err.Error(), test.words) {
					t.Errorf("%v, want %q", err, test.words)
				}
				before := c.Stats().Requests
				time.Sleep(time.Minute)
				if after := c.Stats().Requests; after != before {
					t.Errorf("%d requests went out later", after-before)
				}
			})
		})
	}
}
