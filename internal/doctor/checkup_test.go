package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/vultr"
)

// peopled returns a world with an example of everything that a checkup can show. None of its texts
// may be in a recording.
func peopled(t *testing.T, options sandbox.Options) *sandbox.Server {
	t.Helper()
	options.RateLimit = -1
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
	group, err := api.AddGroup(sandbox.Group{Name: "Zeppelin crew"})
	check(err)
	_, err = api.AddGroup(sandbox.Group{Name: "Quorum of old", Deleted: true})
	check(err)
	for i := range 12 {
		who := sandbox.User{
			Email: fmt.Sprintf("Zelda.%d@quux%d.example", i, i%3), Name: fmt.Sprintf("Zelda Quux the %dth", i),
			APIEnabled: i%2 == 0,
			Suspended:  i == 7, Service: i == 8, Groups: []string{group.Name},
		}
		if i < 3 {
			who.Roles, who.Policies = []string{"deployer"}, []string{"read-only"}
		}
		_, err := api.AddUser(who)
		check(err)
	}
	for i := range 13 {
		_, err := api.AddInvitation(sandbox.Invitation{Email: fmt.Sprintf("Yorick%d@quux1.example", i), APIEnabled: i%2 == 0})
		check(err)
	}
	for _, state := range []string{"expired", "accepted", "declined", "cancelled"} {
		_, err := api.AddInvitation(sandbox.Invitation{Email: state + ".xavier@quux2.example", State: state})
		check(err)
	}
	_, err = api.AddInvitation(sandbox.Invitation{Email: "winnie@quux0.example", Registered: "ZELDA.1@quux1.example",
		State: "accepted"})
	check(err)

	// One member leaves the group. The dialect decides whether the member stays in the list as
	// inactive.
	c := inProcess(t, api)
	s, err := c.ReadOrganization(t.Context(), api.World().Organization.ID, org.Wanted{org.KindGroup: {group.Name}})
	check(err)
	leaver := s.Users[slices.IndexFunc(s.Users, func(u org.User) bool { return u.Email.Key() == "zelda.5@quux2.example" })]
	i := slices.IndexFunc(s.Access, func(a org.Access) bool { return a.Name == group.Name })
	_, err = c.Edit(t.Context(), org.Edit{
		Op: org.EditRevoke, Who: leaver.Email, UserID: leaver.ID, Kind: org.KindGroup, ID: group.ID,
		Membership: s.Access[i].Holders[leaver.ID],
	})
	check(err)
	return api
}

func mustRun(t *testing.T, c *vultr.Client, pin string, record *Recorder) Checkup {
	t.Helper()
	found, err := Run(t.Context(), c, pin, record)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func seen(found Checkup) map[string]string {
	all := map[string]string{}
	for _, trait := range found.Traits {
		all[trait.Axis] = strings.Join(trait.Seen, " ")
	}
	return all
}

// wantTraits returns the traits that a checkup of peopled shows in the dialect d, if each list fits
// one page.
func wantTraits(d sandbox.Dialect) map[string]string {
	letters := func(states ...string) string {
		for i, s := range states {
			switch d.StatusWords {
			case sandbox.WordsTitle:
				states[i] = strings.ToUpper(s[:1]) + s[1:]
			case sandbox.WordsUpper:
				states[i] = strings.ToUpper(s)
			case sandbox.WordsLower:
			}
		}
		slices.Sort(states)
		return strings.Join(states, " ")
	}
	numbers := map[string]string{"pending": "1", "accepted": "2", "expired": "3", "declined": "4", "cancelled": "5"}
	states := []string{"pending"}
	registered := ""
	if d.Declined == sandbox.DeclinedListed {
		states = append(states, "cancelled", "declined")
	}
	if d.Accepted == sandbox.AcceptedListed {
		states, registered = append(states, "accepted"), "another same"
	}
	if d.Lapsed == sandbox.LapsedMarked {
		states = append(states, "expired")
	}
	var values []string
	switch d.StatusField {
	case sandbox.StatusText:
		values = slices.Sorted(slices.Values(states))
	case sandbox.StatusNumber:
		for _, s := range states {
			values = append(values, numbers[s])
		}
		slices.Sort(values)
	case sandbox.StatusAbsent:
	}
	either := func(value bool, yes, no string) string {
		if value {
			return yes
		}
		return no
	}
	full := d.Meta == sandbox.MetaFull
	emptied := d.Dates == sandbox.DatesEmpty || d.Dates == sandbox.DatesSQL
	return map[string]string{
		"envelope":           cmp.Or(string(d.Envelope), "wrapped"),
		"invitations-key":    cmp.Or(string(d.InvitationsKey), "invitations"),
		"organizations-key":  cmp.Or(string(d.OrganizationsKey), "organizations"),
		"organizations":      cmp.Or(string(d.Organizations), "one"),
		"permissions":        cmp.Or(string(d.Permissions), "bool"),
		"status":             cmp.Or(string(d.StatusField), "text"),
		"status-values":      strings.Join(values, " "),
		"words":              cmp.Or(string(d.StatusWords), "title"),
		"status-words":       letters(states...),
		"lapsed":             either(d.Lapsed == sandbox.LapsedVanish, "", cmp.Or(string(d.Lapsed), "pending")),
		"accepted":           either(d.Accepted == sandbox.AcceptedListed, "listed", ""),
		"registered":         registered,
		"dates":              cmp.Or(string(d.Dates), "offset"),
		"unset-dates":        either(emptied, "empty", "null"),
		"expiration":         either(d.Dates == sandbox.DatesEmpty, "empty", cmp.Or(string(d.Expiration), "told")),
		"suspended":          cmp.Or(string(d.Suspended), "both"),
		"suspended-status":   either(d.Suspended == sandbox.SuspendedListed, "", "false"),
		"suspended-endpoint": cmp.Or(string(d.SuspendedEndpoint), "present"),
		"invite-accepted":    cmp.Or(string(d.InviteAccepted), "absent"),
		"group-members":      cmp.Or(string(d.GroupMembers), "all"),
		"member-id":          cmp.Or(string(d.MemberID), "user"),
		"removal":            string(d.Removal),
		"relations":          cmp.Or(string(d.Relations), "rows"),
		"content-type":       cmp.Or(string(d.ContentType), "json"),
		"meta":               cmp.Or(string(d.Meta), "full"),
		"end-cursor":         either(full, cmp.Or(string(d.EndCursor), "text"), ""),
	}
}

// In each dialect, the checkup shows the values of the axes, and finds that everything can be read.
func TestRunDialects(t *testing.T) {
	t.Parallel()
	for _, named := range sandbox.Dialects() {
		t.Run(named.Name, func(t *testing.T) {
			t.Parallel()
			api := peopled(t, sandbox.Options{Dialect: named.Dialect, Key: testKey})
			world := api.World()
			before := len(api.Requests())
			found := mustRun(t, inProcess(t, api), world.Organization.Name, nil)
			if diff := gocmp.Diff(wantTraits(named.Dialect), seen(found)); diff != "" {
				t.Errorf("traits (-want +got):\n%s", diff)
			}
			if found.Key != org.VerdictAllowed || found.PlanError != nil || found.Organization.ID != world.Organization.ID ||
				found.Self.String() != "owner@example.com" {
				t.Errorf("key %s, organization %+v, self %s: %v", found.Key, found.Organization, found.Self, found.PlanError)
			}
			missing := named.Dialect.SuspendedEndpoint == sandbox.SuspendedEndpointMissing
			const notAccepted = 16 // people with an invitation; in one dialect, they are users too
			rows := map[string]int{"account": 1, "one invitation": 1, "users": 13, "groups": 4, "users of one role": 3,
				"users of one policy": 3}
			if named.Dialect.Suspended == sandbox.SuspendedListed {
				rows["users"]--
			}
			if named.Dialect.InviteAccepted == sandbox.InviteAcceptedSingle {
				rows["users"], rows["one user"] = rows["users"]+notAccepted, 1
			}
			for _, e := range found.Endpoints {
				want := org.VerdictAllowed
				if e.Name == "suspended users" && missing {
					want = org.VerdictMissing
				}
				if e.Verdict != want {
					t.Errorf("%s: %s (%s), want %s", e.Name, e.Verdict, e.Message, want)
				}
				if n, ok := rows[e.Name]; ok && e.Rows != n {
					t.Errorf("%s: %d rows, want %d", e.Name, e.Rows, n)
				}
			}
			var limits []LimitKind
			for _, l := range found.Limits {
				limits = append(limits, l.Kind)
			}
			var want []LimitKind
			if missing {
				want = append(want, LimitSuspendedUnseen)
			}
			switch {
			case named.Dialect.Dates == sandbox.DatesEmpty:
				want = append(want, LimitDatesUnseen)
			case named.Dialect.Expiration != sandbox.ExpirationTold:
				want = append(want, LimitExpirationUnseen)
			}
			if diff := gocmp.Diff(want, limits); diff != "" {
				t.Errorf("limits (-want +got):\n%s", diff)
			}
			sent := api.Requests()[before:]
			for _, r := range sent {
				if r.Method != http.MethodGet || r.Violation != "" {
					t.Errorf("%s %s: %s", r.Method, r.Path, r.Violation)
				}
			}
			requests := len(found.Endpoints)
			if rows["one user"] > 0 {
				requests += notAccepted - 1
			}
			if len(sent) != requests {
				t.Errorf("%d requests for %d endpoints, want %d", len(sent), len(found.Endpoints), requests)
			}
		})
	}
}

// Only the number of pages increases the number of requests.
func TestRunRequests(t *testing.T) {
	t.Parallel()
	api, err := sandbox.New(sandbox.Options{RateLimit: -1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 900 {
		if _, err := api.AddUser(sandbox.User{Email: fmt.Sprintf("u%d@example.com", i),
			Groups: []string{"everyone"}}); err != nil {
			t.Fatal(err)
		}
		if _, err := api.AddInvitation(sandbox.Invitation{Email: fmt.Sprintf("p%d@example.com", i)}); err != nil {
			t.Fatal(err)
		}
	}
	found := mustRun(t, inProcess(t, api), "", nil)
	if n := len(api.Requests()); n != 15 {
		t.Errorf("%d requests, want 12 and one more for the second page of three lists", n)
	}
	for _, e := range found.Endpoints {
		if e.Name == "members of one group" && (e.Rows != 900 || e.Pages != 2 || e.Requests != 2) {
			t.Errorf("the members of the largest group: %+v", e)
		}
	}
}

// Each endpoint has the answer to its requests, and the limit that follows from the answer.
func TestCheckupVerdicts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path, name string
		permission string
		limit      LimitKind // when it is forbidden; "" for none
		detail     string
		able       bool
	}{
		{"/v2/organizations", "organizations", "", "", "", true},
		{"/v2/account", "account", "", LimitSelfUnseen, "", true},
		{"/v2/invitation", "invitations", "iam.invitation.*", LimitInvitationsUnseen, "", false},
		{"/v2/invitation/{id}", "one invitation", "iam.invitation.*", "", "", true},
		{"/v2/users", "users", "", LimitUsersUnseen, "", true},
		{"/v2/organizations/{id}/suspended-users", "suspended users", "", LimitSuspendedUnseen, "", true},
		{"/v2/groups", "groups", "iam.group.List", LimitAccessUnseen, "group", true},
		{"/v2/groups/{id}/members", "members of one group", "iam.group.Read", LimitHoldersUnseen, "group", true},
		{"/v2/roles", "roles", "", LimitAccessUnseen, "role", true},
		{"/v2/roles/{id}/users", "users of one role", "", LimitHoldersUnseen, "role", true},
		{"/v2/policies", "policies", "iam.policy.*", LimitAccessUnseen, "policy", true},
		{"/v2/policies/{id}/users", "users of one policy", "iam.policy.*", LimitHoldersUnseen, "policy", true},
	}
	statuses := []struct {
		status  int
		verdict org.Verdict
	}{
		{401, org.VerdictBadKey}, {403, org.VerdictForbidden}, {404, org.VerdictMissing}, {418, org.VerdictFailed},
		{500, org.VerdictFailed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := peopled(t, sandbox.Options{})
				for _, s := range statuses {
					api.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Path: test.path, Status: s.status})
					found := mustRun(t, inProcess(t, api), "", nil)
					api.ClearFaults()
					i := slices.IndexFunc(found.Endpoints, func(e Endpoint) bool { return e.Name == test.name })
					e := found.Endpoints[i]
					permission := ""
					if s.verdict == org.VerdictForbidden {
						permission = test.permission
					}
					if e.Verdict != s.verdict || e.Status != s.status || e.Permission != permission || e.Message != "Internal error" ||
						e.Path != test.path {
						t.Errorf("%d: %+v", s.status, e)
					}
					if s.status == 404 && e.Name == "members of one group" && len(found.Limits) > 0 {
						t.Errorf("the list of groups names members too, but the limits are %v", found.Limits)
					}
					if s.status != 403 {
						continue
					}
					if got := found.PlanError == nil; got != test.able {
						t.Errorf("able: %v (%v)", got, found.PlanError)
					}
					var want []Limit
					if test.limit != "" {
						want = append(want, Limit{Kind: test.limit, Detail: test.detail})
					}
					if diff := gocmp.Diff(want, found.Limits); diff != "" {
						t.Errorf("limits (-want +got):\n%s", diff)
					}
				}
			})
		})
	}
}

// A checkup says that nothing can be planned exactly if a read of the organization returns an
// error.
func TestRunAgreesWithReading(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v2/organizations", "/v2/account", "/v2/invitation", "/v2/users",
		"/v2/organizations/{id}/suspended-users", "*"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := peopled(t, sandbox.Options{})
				id := api.World().Organization.ID
				if path == "*" {
					path = ""
				}
				for i, fault := range []sandbox.Fault{
					{Kind: sandbox.FaultStatus, Status: 401}, {Kind: sandbox.FaultStatus, Status: 403},
					{Kind: sandbox.FaultStatus, Status: 404},
					{Kind: sandbox.FaultStatus, Status: 418}, {Kind: sandbox.FaultStatus, Status: 500}, {Kind: sandbox.FaultHTML},
					{Kind: sandbox.FaultEmpty},
					{Kind: sandbox.FaultHalf}, {Kind: sandbox.FaultTruncate}, {Kind: sandbox.FaultRedirect},
					{Kind: sandbox.FaultWrongTotal},
					{Kind: sandbox.FaultWrongOrganization}, {Kind: sandbox.FaultThrottle},
				} {
					for j, pin := range []string{"", id, "Another Org"} {
						if testing.Short() && (i+j)%3 != 0 { // as for the race detector
							continue
						}
						fault.Path = path
						api.AddFault(fault)
						found, err := Run(t.Context(), inProcess(t, api), pin, nil)
						_, reading := inProcess(t, api).ReadOrganization(t.Context(), pin, nil)
						api.ClearFaults()
						if err != nil || (found.PlanError == nil) != (reading == nil) {
							t.Errorf("%s %d with the pin %q: the check-up gives %v (%v), reading %v", fault.Kind, fault.Status, pin,
								found.PlanError, err, reading)
						}
						reported := slices.ContainsFunc(found.Limits, func(l Limit) bool {
							return slices.Contains([]LimitKind{LimitInvitationsUnseen, LimitOrganization, LimitListFailed}, l.Kind)
						})
						if reported != (found.PlanError != nil) {
							t.Errorf("%s %d with the pin %q: %v, and the limits are %v", fault.Kind, fault.Status, pin, found.PlanError,
								found.Limits)
						}
					}
				}
			})
		})
	}
}

// A checkup agrees with a read of the organization if a 403 does not come from the API, or comes on the second page.
// Such a 403 says nothing about the key, so no limit says so.
func TestForbiddenByProxyAgreesWithReading(t *testing.T) {
	t.Parallel()
	answer := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(403)
			_, _ = w.Write([]byte(body))
		}
	}
	firstPage := `{"users":[{"id":"u1","email":"ada@example.com"}],"meta":{"total":2,"links":{"next":"c2"}}}`
	for name, blocked := range map[string]http.HandlerFunc{
		"text": answer("text/plain", "blocked"), "page": answer("text/html", "<title>blocked</title>"),
		"nothing": answer("application/json", ""),
		"second page": func(w http.ResponseWriter, r *http.Request) {
			if r.FormValue("cursor") != "" {
				answerJSON(w, 403, `{"error":"no"}`)
				return
			}
			answerJSON(w, 200, firstPage)
		},
	} {
		for suffix, endpoint := range map[string]string{
			"/v2/users": "users", "/suspended-users": "suspended users", "/v2/account": "account",
			"/v2/organizations": "organizations", "/v2/invitation": "invitations",
		} {
			if name == "second page" && suffix != "/v2/users" && suffix != "/suspended-users" {
				continue
			}
			t.Run(name+" "+endpoint, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					api := peopled(t, sandbox.Options{})
					c := inProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if strings.HasSuffix(r.URL.Path, suffix) {
							blocked(w, r)
							return
						}
						api.ServeHTTP(w, r)
					}))
					found := mustRun(t, c, "", nil)
					_, reading := c.ReadOrganization(t.Context(), "", nil)
					if reading == nil || found.PlanError == nil {
						t.Errorf("the check-up gives %v, reading %v", found.PlanError, reading)
					}
					for _, e := range found.Endpoints {
						if e.Name == endpoint && (e.Verdict != org.VerdictFailed || e.Status != 403) {
							t.Errorf("%+v", e)
						}
					}
					for _, l := range found.Limits {
						if l.Kind == LimitUsersUnseen {
							t.Errorf("limits: %v", found.Limits)
						}
					}
				})
			})
		}
	}
}

// A checkup says that nothing can be planned if the organization has no id, or an id that cannot be used in a request.
func TestUnusableOrganizationID(t *testing.T) {
	t.Parallel()
	for id, words := range map[string]string{"": "no id", "a/b": `the id "a/b" cannot be used`} {
		synctest.Test(t, func(t *testing.T) {
			api := peopled(t, sandbox.Options{})
			c := inProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/v2/organizations":
					answerJSON(w, 200, fmt.Sprintf(`{"organizations":[{"id":%q,"name":"Example Org"}],"meta":{"total":1}}`, id))
				case r.URL.Path == "/v2/invitation":
					answerJSON(w, 200, `{"invitations":[],"meta":{"total":0}}`)
				default:
					api.ServeHTTP(w, r)
				}
			}))
			found := mustRun(t, c, "Example Org", nil)
			if found.PlanError == nil || !strings.Contains(found.PlanError.Error(), words) || len(found.Limits) == 0 ||
				found.Limits[0].Kind != LimitOrganization {
				t.Errorf("%q: %v, limits %v", id, found.PlanError, found.Limits)
			}
		})
	}
}

// A checkup says that a run takes nothing from anybody if only the roster names the organization.
func TestPinUnconfirmed(t *testing.T) {
	t.Parallel()
	const id = "a1b2c3d4-0000-4000-8000-000000000001"
	for name, tt := range map[string]struct {
		organizations, invitations, suspended string
		want                                  bool
	}{
		"nothing names it":                   {want: true},
		"the list of organizations names it": {organizations: `{"id":"` + id + `","name":"Example Org"}`},
		"an invitation names it": {invitations: `{"id":"i1","email_invited":"ada@example.com","invite_status":"accepted",` +
			`"org_id":"` + id + `"}`},
		"it has suspended users": {suspended: `{"id":"u9","email":"sue@example.com"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := peopled(t, sandbox.Options{})
				list := func(w http.ResponseWriter, key, row string) {
					total := min(len(row), 1)
					answerJSON(w, 200, fmt.Sprintf(`{%q:[%s],"meta":{"total":%d}}`, key, row, total))
				}
				c := inProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch {
					case r.URL.Path == "/v2/organizations":
						list(w, "organizations", tt.organizations)
					case r.URL.Path == "/v2/invitation":
						list(w, "invitations", tt.invitations)
					case strings.HasSuffix(r.URL.Path, "/suspended-users"):
						list(w, "users", tt.suspended)
					default:
						api.ServeHTTP(w, r)
					}
				}))
				s, err := c.ReadOrganization(t.Context(), id, nil)
				if err != nil || s.PinConfirmed == tt.want {
					t.Fatalf("%v, the reading confirms the organization: %t", err, s.PinConfirmed)
				}
				found := mustRun(t, c, id, nil)
				isPin := func(l Limit) bool { return l.Kind == LimitPinUnconfirmed }
				if got := slices.ContainsFunc(found.Limits, isPin); got != tt.want || found.PlanError != nil {
					t.Errorf("%v; limits: %v", found.PlanError, found.Limits)
				}
			})
		})
	}
}

// A checkup reports that nothing shows the members of groups. A run then cannot use any group.
func TestNothingShowsMembersOfGroups(t *testing.T) {
	t.Parallel()
	for members, hidden := range map[string]bool{
		`,"members":[]`: false, `,"members":[{"id":"u1"}]`: false, "": true, `,"members":7`: true,
	} {
		t.Run(members, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := peopled(t, sandbox.Options{})
				c := inProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch {
					case r.URL.Path == "/v2/groups":
						answerJSON(w, 200, `{"groups":[{"id":"g1","display_name":"crew"`+members+`}],"meta":{"total":1}}`)
					case strings.HasPrefix(r.URL.Path, "/v2/groups/"):
						answerJSON(w, 404, `{"error":"no such path"}`)
					default:
						api.ServeHTTP(w, r)
					}
				}))
				s, err := c.ReadOrganization(t.Context(), "", org.Wanted{org.KindGroup: {"crew"}})
				if err != nil || len(s.Access) != 1 || s.Access[0].Unreadable != hidden {
					t.Fatalf("%v, reading %v", s.Access, err)
				}
				found := mustRun(t, c, "", nil)
				want := []Limit(nil)
				if hidden {
					want = []Limit{{Kind: LimitHoldersUnseen, Detail: "group"}}
				}
				if diff := gocmp.Diff(want, found.Limits); diff != "" || found.PlanError != nil {
					t.Errorf("%v; limits (-want +got):\n%s", found.PlanError, diff)
				}
			})
		})
	}
}

// A checkup reports a refused key, and a login page or redirect instead of the API, as what it is.
func TestCheckupOfServer(t *testing.T) {
	t.Parallel()
	kinds := func(found Checkup) (kinds []LimitKind) {
		for _, l := range found.Limits {
			kinds = append(kinds, l.Kind)
		}
		return kinds
	}
	t.Run("key refused", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			api := peopled(t, sandbox.Options{})
			api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Status: 401})
			found := mustRun(t, inProcess(t, api), "", nil)
			if found.Key != org.VerdictBadKey || asCallError(t, found.PlanError).Status != 401 {
				t.Errorf("key %s: %v", found.Key, found.PlanError)
			}
			if diff := gocmp.Diff([]LimitKind{LimitKeyRefused, LimitInvitationsUnseen}, kinds(found)); diff != "" {
				t.Errorf("limits (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("captive portal", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			for _, fault := range []sandbox.Fault{{Kind: sandbox.FaultHTML}, {Kind: sandbox.FaultRedirect,
				Location: "https://portal.example/login"}} {
				api := peopled(t, sandbox.Options{})
				api.AddFault(fault)
				found := mustRun(t, inProcess(t, api), "", nil)
				words := map[sandbox.FaultKind]string{
					sandbox.FaultHTML:     "an HTML page (Just a moment…)",
					sandbox.FaultRedirect: "a redirect to https://portal.example/login, which is not followed",
				}[fault.Kind]
				want := []Limit{{Kind: LimitIntercepted, Detail: words}, {Kind: LimitInvitationsUnseen}}
				if diff := gocmp.Diff(want, found.Limits); diff != "" || found.Key != org.VerdictFailed {
					t.Errorf("%s: key %s, limits (-want +got):\n%s", fault.Kind, found.Key, diff)
				}
			}
		})
	})
	t.Run("no answer at all", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := inProcess(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
			_, err := Run(t.Context(), c, "", nil)
			if failure := asCallError(t, err); failure.Failure != org.Lost {
				t.Errorf("error %v", err)
			}
		})
	})
	t.Run("clock and rates", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			api := peopled(t, sandbox.Options{})
			if err := api.Advance(73 * time.Hour); err != nil {
				t.Fatal(err)
			}
			api.AddFault(sandbox.Fault{Kind: sandbox.FaultThrottle, RetryAfter: "7", Path: "/v2/users", Times: 1})
			c := inProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-RateLimit-Remaining", "29")
				api.ServeHTTP(w, r)
			}))
			found := mustRun(t, c, "", nil)
			if found.ClockAhead == nil || found.ClockAhead.Round(time.Minute) != 73*time.Hour {
				t.Errorf("the clock is ahead by %v", found.ClockAhead)
			}
			if diff := gocmp.Diff(map[string]string{"Retry-After": "7", "X-Ratelimit-Remaining": "29"},
				found.RateHeaders); diff != "" || found.Throttled != 1 {
				t.Errorf("%d answers 429, headers (-want +got):\n%s", found.Throttled, diff)
			}
			if got := seen(found)["lapsed"]; got != "pending" {
				t.Errorf("by the server's clock all invitations have expired; seen: %q", got)
			}
		})
	})
	for name, date := range map[string]func(path string) []string{
		"no dates":          func(string) []string { return nil },
		"dates not of HTTP": func(string) []string { return []string{"2026-06-01T10:00:00Z"} },
		"dates of errors": func(path string) []string {
			if path == "/v2/roles" {
				return []string{"Mon, 01 Jun 2026 10:00:00 GMT"}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := peopled(t, sandbox.Options{})
			want := []LimitKind{LimitClockUnseen}
			if name == "dates of errors" {
				api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Path: "/v2/roles"})
				want = []LimitKind{LimitAccessUnseen, LimitClockUnseen}
			}
			c := inProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				recorder := httptest.NewRecorder()
				api.ServeHTTP(recorder, r)
				w.Header()["Date"] = date(r.URL.Path)
				answerJSON(w, recorder.Code, recorder.Body.String())
			}))
			found := mustRun(t, c, "", nil)
			if diff := gocmp.Diff(want, kinds(found)); diff != "" || found.ClockAhead != nil {
				t.Errorf("ahead %v, limits (-want +got):\n%s", found.ClockAhead, diff)
			}
			if now := c.Now(); time.Since(now).Abs() > time.Minute {
				t.Errorf("the client's time is %v", now)
			}
		})
	}
	t.Run("several organizations, none named", func(t *testing.T) {
		t.Parallel()
		api := peopled(t, sandbox.Options{Dialect: sandbox.Dialect{Organizations: sandbox.OrganizationsSeveral}})
		found := mustRun(t, inProcess(t, api), "", nil)
		own := api.World().Organization
		want := fmt.Sprintf("; its invitations are for %q (%s)", own.Name, own.ID)
		var pin *org.PinError
		if !errors.As(found.PlanError, &pin) || len(found.Organizations) != 2 ||
			!strings.HasSuffix(found.Limits[0].Detail, want) {
			t.Errorf("unable: %v; organizations %v; limits %v", found.PlanError, found.Organizations, found.Limits)
		}
		if e := found.Endpoints[5]; e.Name != "suspended users" || e.Verdict != org.VerdictUntried {
			t.Errorf("without an organization, %+v", e)
		}
	})
	t.Run("users and acceptance unseen", func(t *testing.T) {
		t.Parallel()
		api := peopled(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}})
		api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Path: "/v2/users"})
		found := mustRun(t, inProcess(t, api), "", nil)
		if diff := gocmp.Diff([]LimitKind{LimitUsersUnseen, LimitAcceptanceUnseen}, kinds(found)); diff != "" {
			t.Errorf("limits (-want +got):\n%s", diff)
		}
	})
	t.Run("suspended users forbidden", func(t *testing.T) {
		t.Parallel()
		api := peopled(t, sandbox.Options{})
		api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Path: "/v2/organizations/{id}/suspended-users"})
		found := mustRun(t, inProcess(t, api), "", nil)
		if got := seen(found); got["suspended"] != "" || got["suspended-endpoint"] != "" ||
			got["suspended-status"] != "false" {
			t.Errorf("which lists have suspended users cannot be known, but seen: %v", got)
		}
	})
}

// The user of the key is known only if a user has the address of the account. If the user is
// unknown, a run cannot protect it.
func TestRunSelf(t *testing.T) {
	t.Parallel()
	for email, want := range map[string][]Limit{
		"OWNER@example.com":     nil,
		"billing@example.com":   {{Kind: LimitSelfUnseen}},
		"no address whatsoever": {{Kind: LimitSelfUnseen}},
	} {
		api := peopled(t, sandbox.Options{})
		wire := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/account" {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(w, `{"account":{"email":%q}}`, email)
				return
			}
			api.ServeHTTP(w, r)
		})
		if diff := gocmp.Diff(want, mustRun(t, inProcess(t, wire), "", nil).Limits); diff != "" {
			t.Errorf("%s: limits (-want +got):\n%s", email, diff)
		}
	}
}
