package vultr

import (
	"fmt"
	"net/http"
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

// staffed returns a world whose users have groups, roles and policies, both directly and inherited.
func staffed(t *testing.T, d sandbox.Dialect) (*sandbox.Server, *Client) {
	t.Helper()
	api := settled(t, sandbox.Options{Dialect: d, Key: testKey})
	for i := range 8 {
		u := sandbox.User{Email: fmt.Sprintf("staff%d@example.com", i), Groups: []string{"platform"}, Suspended: i == 7}
		if i < 2 {
			u.Roles, u.Policies = []string{"deployer"}, []string{"billing"}
		}
		if _, err := api.AddUser(u); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	return api, mustNew(t, testConfig(server.URL))
}

// holders returns the addresses of the users who have each group, role or policy, by its name.
func holders(s org.Snapshot) map[string]int {
	got := map[string]int{}
	for _, a := range s.Access {
		for id := range a.Holders {
			for _, u := range s.Users {
				if u.ID == id {
					got[fmt.Sprintf("%s %s", a.Kind, a.Name)]++
				}
			}
		}
	}
	return got
}

// In each dialect, ReadAll reads all access. It returns what users have directly, and nothing else.
func TestReadAll(t *testing.T) {
	t.Parallel()
	for _, named := range sandbox.Dialects() {
		t.Run(named.Name, func(t *testing.T) {
			t.Parallel()
			api, c := staffed(t, named.Dialect)
			s, unseen, err := c.ReadAll(t.Context(), api.World().Organization.Name)
			if err != nil || unseen != nil {
				t.Fatalf("unseen %v, %v", unseen, err)
			}
			want := map[string]int{"group platform": 8, "role deployer": 2, "policy billing": 2}
			if diff := cmp.Diff(want, holders(s)); diff != "" {
				t.Errorf("holders (-want +got):\n%s", diff)
			}
			if len(s.Access) != 6 {
				t.Errorf("%d groups, roles and policies, want 6", len(s.Access))
			}
			if v := api.Violations(); v != nil {
				t.Errorf("requests that the documents do not know: %+v", v)
			}
		})
	}
}

// Kinds that the key may not read are unseen, and all other kinds are read.
func TestReadAllForbidden(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path string
		kind org.Kind
	}{
		{"/v2/groups", org.KindGroup}, {"/v2/groups/{id}/members", org.KindGroup}, {"/v2/roles", org.KindRole},
		{"/v2/roles/{id}/users", org.KindRole}, {"/v2/policies", org.KindPolicy}, {"/v2/policies/{id}/users", org.KindPolicy},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			api, c := staffed(t, sandbox.Dialect{})
			api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Path: tt.path})
			s, unseen, err := c.ReadAll(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]org.Kind{tt.kind}, unseen); diff != "" {
				t.Errorf("unseen (-want +got):\n%s", diff)
			}
			if got := holders(s); len(got) != 2 {
				t.Errorf("of the other kinds: %v", got)
			}
		})
	}
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		api, c := staffed(t, sandbox.Dialect{})
		api.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Path: "/v2/roles", Status: 401})
		if _, _, err := c.ReadAll(t.Context(), ""); err == nil {
			t.Error("a list that the key is not accepted for is no error")
		}
	})
}

// TestHolders checks that users have only what is given to them directly and not revoked, and that
// a holder who is not a user is left out.
func TestHolders(t *testing.T) {
	t.Parallel()
	users := []org.User{
		{ID: "u1", Email: org.MustParseAddress("ada@example.com")},
		{ID: "u2", Email: org.MustParseAddress("bob@example.com"), Suspended: true},
		{Email: org.MustParseAddress("nobody@example.com")},
	}
	tests := []struct {
		name, json string
		want       map[string]string
	}{
		{"an id in upper case", `{"id":"rel-1","user_id":"U1","email":"ada@example.com"}`, map[string]string{"u1": "rel-1"}},
		{"a relationship", `{"id":"rel-1","user_id":"u1"}`, map[string]string{"u1": "rel-1"}},
		{"a member", `{"id":"u1"}`, map[string]string{"u1": "u1"}},
		{"a membership with an id of its own", `{"id":"m1","email":"ADA@example.com"}`, map[string]string{"u1": "m1"}},
		{"a membership without an id", `{"email":"ada@example.com"}`, map[string]string{"u1": "u1"}},
		{"direct", `{"user_id":"u1","assignment_type":"Direct"}`, map[string]string{"u1": "u1"}},
		{"inherited", `{"user_id":"u1","assignment_type":"inherited"}`, map[string]string{}},
		{"in a way that nobody knows", `{"user_id":"u1","assignment_type":"both"}`, map[string]string{}},
		{"taken out", `{"id":"u1","active":false}`, map[string]string{}},
		{"suspended", `{"id":"u2","active":false}`, map[string]string{"u2": "u2"}},
		{"somebody else", `{"id":"u3","email":"eve@example.com"}`, map[string]string{}},
		{"a user without an id", `{"id":"m2","email":"nobody@example.com"}`, map[string]string{}},
		{"nobody", `{}`, map[string]string{}},
		{"a membership whose id is that of another user", `{"id":"u2","email":"ada@example.com"}`,
			map[string]string{"u1": "u2"}},
		{"an earlier user with the same address", `{"user_id":"u9","email":"ada@example.com"}`, map[string]string{}},
		{"deleted", `{"user_id":"u1","status":"deleted"}`, map[string]string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rows := []accessRow{{fetched: []holderRow{accessRow{}.decodeHolder(decodeFields(t, tt.json))}}}
			access, _ := withHolders(rows, users)
			if diff := cmp.Diff(tt.want, access[0].Holders); diff != "" {
				t.Errorf("holders (-want +got):\n%s", diff)
			}
		})
	}
}

// If the API has no list of the members of a group, the members are those in the list of groups.
// Roles and policies have no such members: if their list is missing, they cannot be used.
func TestMembersWithoutAListOfTheirOwn(t *testing.T) {
	t.Parallel()
	api, c := staffed(t, sandbox.Dialect{})
	wanted := org.Wanted{org.KindGroup: {"platform"}, org.KindRole: {"deployer"}}
	api.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Path: "/v2/groups/{id}/members", Status: 404})
	s, err := c.ReadOrganization(t.Context(), "", wanted)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"group platform": 8, "role deployer": 2}, holders(s)); diff != "" {
		t.Errorf("holders (-want +got):\n%s", diff)
	}
	api.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Path: "/v2/roles/{id}/users", Status: 404})
	s, err = c.ReadOrganization(t.Context(), "", wanted)
	isUsable := func(a org.Access) bool { return a.Kind == org.KindRole && a.Name == "deployer" && !a.Unreadable }
	if err != nil || slices.ContainsFunc(s.Access, isUsable) {
		t.Errorf("nobody knows who has the role, and it can be used: %+v, %v", s.Access, err)
	}
}

// TestGroupWithoutMembers: if neither the list of groups nor a list of members says who has a group, the group does not
// look empty.
func TestGroupWithoutMembers(t *testing.T) {
	t.Parallel()
	for members, want := range map[string]bool{
		``: true, `,"members":3`: true, `,"members":{"total":3}`: true, `,"members":["u1"]`: true,
		`,"members":[]`: false, `,"members":null`: false, `,"members":[{"user_id":"u1"}]`: false,
	} {
		c := smallWorld().with(world{
			"/v2/groups":            `{"groups":[{"id":"g1","display_name":"dev"` + members + `}],"meta":{"total":1}}`,
			"/v2/groups/g1/members": http.StatusNotFound,
		}).client(t)
		s, err := c.ReadOrganization(t.Context(), "o1", org.Wanted{org.KindGroup: {"dev"}})
		if err != nil || len(s.Access) != 1 || s.Access[0].Unreadable != want {
			t.Errorf("%s: %+v, %v", members, s.Access, err)
		}
	}
}

// TestHolderTwice checks that a user who has a role both directly and through a group has it directly. The server may
// also list the user twice.
// TestOtherHolders: an active holder with an address who is not in the list of users may be a hidden member.
func TestOtherHolders(t *testing.T) {
	t.Parallel()
	users := []org.User{{ID: "u1", Email: org.MustParseAddress("ada@example.com")}}
	for row, want := range map[string]int{
		`{"id":"u3","email":"eve@example.com"}`:                1,
		`{"user_id":"u3","email":"eve@example.com"}`:           1,
		`{"id":"u3","email":"eve@example.com","active":false}`: 0,
		`{"id":"u3","email":"eve@example.com","deleted":true}`: 0,
		`{"id":"u3"}`:                                            0,
		`{"id":"u1","email":"ada@example.com"}`:                  0,
		`{"id":"u1","email":"ada@example.com","active":"false"}`: 0,
	} {
		rows := []accessRow{{fetched: []holderRow{accessRow{}.decodeHolder(decodeFields(t, row))}}}
		if _, others := withHolders(rows, users); len(others) != want {
			t.Errorf("%s: other holders %v, want %d", row, others, want)
		}
	}
}

// TestOtherHoldersOfUnreadableGroup: if the key may not read the members of a group, the members in the list of groups
// may still be hidden members of the organization.
func TestOtherHoldersOfUnreadableGroup(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusForbidden, http.StatusNotFound} {
		c := smallWorld().with(world{
			"/v2/groups": `{"groups":[{"id":"g1","display_name":"dev","members":[{"id":"u1","email":"ada@example.com"},` +
				`{"id":"u3","email":"eve@example.com"}]}]}`,
			"/v2/groups/g1/members": status,
		}).client(t)
		s, err := c.ReadOrganization(t.Context(), "o1", org.Wanted{org.KindGroup: {"dev"}})
		if err != nil || len(s.OtherHolders) != 1 || len(s.Access) != 1 ||
			s.Access[0].Unreadable != (status == http.StatusForbidden) {
			t.Errorf("%d: other holders %v, %+v, %v", status, s.OtherHolders, s.Access, err)
		}
	}
}

// TestDeleted has every form in which a row may say that it was deleted.
func TestDeleted(t *testing.T) {
	t.Parallel()
	for row, want := range map[string]bool{
		`{"id":"g1"}`:                                       false,
		`{"id":"g1","deleted":false}`:                       false,
		`{"id":"g1","date_deleted":""}`:                     false,
		`{"id":"g1","date_deleted":null}`:                   false,
		`{"id":"g1","status":"active"}`:                     false,
		`{"id":"g1","status":"Deleted"}`:                    true,
		`{"id":"g1","deleted":true}`:                        true,
		`{"id":"g1","deleted":"no"}`:                        false,
		`{"id":"g1","deleted":null}`:                        false,
		`{"id":"g1","deleted":"2026-01-31T08:00:00Z"}`:      true,
		`{"id":"g1","deleted":{"by":"ops"}}`:                true,
		`{"id":"g1","date_deleted":"2026-01-31T08:00:00Z"}`: true,
		`{"id":"g1","date_deleted":"yesterday"}`:            true,
	} {
		if got := decodeRole(decodeFields(t, row)).Deleted; got != want {
			t.Errorf("%s: deleted %v", row, got)
		}
	}
}

func TestHolderTwice(t *testing.T) {
	t.Parallel()
	const direct, inherited = `{"id":"u1","assignment_type":"direct"}`, `{"id":"u1","assignment_type":"inherited"}`
	for _, rows := range []string{direct + "," + inherited, inherited + "," + direct, direct + "," + direct} {
		c := smallWorld().with(world{
			"/v2/roles":          `{"roles":[{"id":"r1","name":"deployer"},{"id":"r2","name":"deployer","status":"deleted"}]}`,
			"/v2/roles/r1/users": `{"assignments":[` + rows + `],"meta":{"total":2}}`,
		}).client(t)
		s, err := c.ReadOrganization(t.Context(), "o1", org.Wanted{org.KindRole: {"deployer"}})
		if err != nil || len(s.Access) != 2 || len(s.Access[0].Holders) != 1 || !s.Access[1].Deleted {
			t.Errorf("%s: %+v, %v", rows, s.Access, err)
		}
	}
}

// TestUnidentifiedHolders checks that nobody relies on a list of holders if one of its rows does not say who it is
// about. Such a holder may be a person who is to lose the access.
func TestUnidentifiedHolders(t *testing.T) {
	t.Parallel()
	const ada = `{"id":"m1","email":"ada@example.com"}`
	for row, unreadable := range map[string]bool{
		ada:                               false,
		`{"user_id":"u9"}`:                false,
		`{"group_id":"g7","name":"ops"}`:  false,
		`{"assignment_type":"inherited"}`: false,
		`{}`:                              true,
		`{"user":{"id":"u1","email":"ada@example.com"}}`: true,
		`{"email":"a***@example.com"}`:                   true,
		`{"name":"Ada Lovelace"}`:                        true,
	} {
		for _, members := range []any{`{"members":[` + ada + `,` + row + `]}`, 404} {
			c := smallWorld().with(world{
				"/v2/groups":            `{"groups":[{"id":"g1","display_name":"dev","members":[` + ada + `,` + row + `]}]}`,
				"/v2/groups/g1/members": members,
			}).client(t)
			s, err := c.ReadOrganization(t.Context(), "o1", org.Wanted{org.KindGroup: {"dev"}})
			if err != nil || len(s.Access) != 1 || s.Access[0].Unreadable != unreadable {
				t.Errorf("%s, %v: %+v, %v", row, members, s.Access, err)
			}
			survey, err := c.Survey(t.Context(), "o1")
			if err != nil || (survey.Holders[org.KindGroup].Err != nil) != unreadable {
				t.Errorf("%s, %v: the survey finds %v, %v", row, members, survey.Holders[org.KindGroup].Err, err)
			}
			all, _, err := c.ReadAll(t.Context(), "o1")
			if err == nil && all.Access[0].Unreadable != unreadable {
				t.Errorf("%s, %v: ReadAll: %+v", row, members, all.Access)
			}
		}
	}
}

// TestHolderWithGroupID: a member's row may name the group of the list, and need not have a user_id.
func TestHolderWithGroupID(t *testing.T) {
	t.Parallel()
	for row, want := range map[string]int{
		`{"id":"u1","group_id":"g1"}`:                           1,
		`{"id":"u1","group_id":"G1"}`:                           1,
		`{"id":"m1","group_id":"g1","email":"ada@example.com"}`: 1,
		`{"id":"m1","group_id":"g7","email":"ada@example.com"}`: 1,
		`{"id":"u1","group_id":"g7"}`:                           0,
	} {
		for _, members := range []any{`{"members":[` + row + `]}`, http.StatusNotFound} {
			c := smallWorld().with(world{
				"/v2/groups":            `{"groups":[{"id":"g1","display_name":"dev","members":[` + row + `]}]}`,
				"/v2/groups/g1/members": members,
			}).client(t)
			s, err := c.ReadOrganization(t.Context(), "o1", org.Wanted{org.KindGroup: {"dev"}})
			if err != nil || len(s.Access) != 1 || s.Access[0].Unreadable || len(s.Access[0].Holders) != want {
				t.Errorf("%s, %v: %+v, %v", row, members, s.Access, err)
			}
		}
	}
}

// The holders of something that cannot be given are not requested. A server may answer such a
// request with an error, which would stop the run.
func TestHoldersOfUnusableAccess(t *testing.T) {
	t.Parallel()
	api, c := staffed(t, sandbox.Dialect{})
	if err := api.DeleteGroup("platform"); err != nil {
		t.Fatal(err)
	}
	wanted := org.Wanted{org.KindGroup: {"platform"}, org.KindRole: {"auditor"}}
	if _, err := c.ReadOrganization(t.Context(), "", wanted); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ReadAll(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	w := api.World()
	for _, r := range api.Requests() {
		for _, g := range w.Groups {
			if g.Deleted && strings.Contains(r.Path, g.ID) {
				t.Errorf("%s, of a deleted group", r.Path)
			}
		}
		for _, role := range w.Roles {
			if role.Assumable && strings.Contains(r.Path, role.ID) {
				t.Errorf("%s, of an assumable role", r.Path)
			}
		}
	}
}

// Users without an id are different users.
func TestSuspendedWithoutID(t *testing.T) {
	t.Parallel()
	ada, bob := org.User{Email: org.MustParseAddress("ada@example.com")},
		org.User{Email: org.MustParseAddress("bob@example.com")}
	got := withSuspended([]org.User{ada}, []org.User{bob})
	bob.Suspended, bob.SuspendedListed = true, true
	if diff := cmp.Diff([]org.User{ada, bob}, got); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

// TestReadAcceptance checks when the answer about a single user shows that a user of the list has not accepted. Each
// user of the list has an invitation that is not accepted, but no invite_accepted.
func TestReadAcceptance(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status      int
		body        string
		acceptedToo bool // the user also has an accepted invitation
		want        *bool
		wantErr     bool
	}{
		"not accepted": {200, `{"id":"u1","invited_by":"x","invite_accepted":0}`, false, new(false), false},
		"accepted": {200, `{"id":"u1","invited_on":"2026-06-01","invite_accepted":true}`, false, new(true),
			false},
		"the API does not say it": {200, `{"id":"u1","invited_on":"2026-06-01"}`, false, nil, false},
		"the id in capitals":      {200, `{"id":"U1","invited_by":"x","invite_accepted":false}`, false, new(false), false},
		"never invited":           {200, `{"id":"u1","invited_on":"","invite_accepted":false}`, false, nil, false},
		"a date of zeros": {200, `{"id":"u1","invited_on":"0000-00-00 00:00:00","invite_accepted":false}`, false, nil,
			false},
		"another user":         {200, `{"id":"u2","invited_by":"x","invite_accepted":false}`, false, nil, false},
		"no such request":      {404, `{"error":"not found"}`, false, nil, false},
		"not allowed":          {403, `{"error":"forbidden"}`, false, nil, false},
		"broken":               {500, `{"error":"down"}`, false, nil, true},
		"accepted another one": {500, `{"error":"down"}`, true, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
					requests++
					if r.URL.Path != "/v2/users/u1" {
						t.Errorf("request for %s", r.URL.Path)
					}
					w.WriteHeader(test.status)
					fmt.Fprint(w, test.body)
				}, nil)
				ada := org.MustParseAddress("ada@example.com")
				invitations := []org.Invitation{{ID: "i1", Invited: ada, Status: org.StatusExpired}}
				if test.acceptedToo {
					invitations = append(invitations, org.Invitation{ID: "i2", Registered: ada, Status: org.StatusAccepted})
				}
				users := []org.User{
					{ID: "u1", Email: ada},
					{ID: "u3", Email: org.MustParseAddress("bob@example.com")},
					{ID: "u4", Email: ada, Accepted: new(true)},
				}
				err := c.readAcceptance(t.Context(), users, invitations)
				if (err != nil) != test.wantErr || (requests == 0) != test.acceptedToo {
					t.Errorf("%d requests, error %v", requests, err)
				}
				if diff := cmp.Diff(test.want, users[0].Accepted); diff != "" {
					t.Errorf("accepted (-want +got):\n%s", diff)
				}
				if isMissing := test.status == 404; users[0].NotFound != isMissing {
					t.Errorf("not found: %v", users[0].NotFound)
				}
			})
		})
	}
}

// TestReadAcceptanceAfterLeaving: an accepted invitation does not show that the user has accepted a newer one.
func TestReadAcceptanceAfterLeaving(t *testing.T) {
	t.Parallel()
	other := org.MustParseAddress("bob@example.com")
	day := func(n int) time.Time { return time.Date(2026, 6, n, 0, 0, 0, 0, time.UTC) }
	for name, test := range map[string]struct {
		accepted, other org.Invitation
		want            *bool
	}{
		"accepted the first": {org.Invitation{Created: day(1), Responded: day(2)}, org.Invitation{Created: day(9)},
			new(false)},
		"accepted the first, few dates": {org.Invitation{Created: day(1)}, org.Invitation{Expires: day(9)}, new(false)},
		"accepted the first late": {org.Invitation{Created: day(1), Responded: day(3)}, org.Invitation{Created: day(2)},
			nil},
		"accepted the second": {org.Invitation{Created: day(2)}, org.Invitation{Created: day(1)}, nil},
		"no dates":            {org.Invitation{}, org.Invitation{}, nil},
		"accepted the first with another address": {org.Invitation{Registered: other}, org.Invitation{}, new(false)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := world{"/v2/users/u1": `{"id":"u1","invited_by":"x","invite_accepted":false}`}.client(t)
			test.accepted.Invited, test.accepted.Status = ada, org.StatusAccepted
			test.other.Invited, test.other.Status = ada, org.StatusPending
			users := []org.User{{ID: "u1", Email: ada}}
			if err := c.readAcceptance(t.Context(), users, []org.Invitation{test.other, test.accepted}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, users[0].Accepted); diff != "" {
				t.Errorf("accepted (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReadAcceptanceOfSuspended: if the list of suspended users has a user who has not accepted, the user is suspended,
// whatever the answer about this user says.
func TestReadAcceptanceOfSuspended(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"true", "false"} {
		c := smallWorld().with(world{
			suspendedPath:  `{"users":[{"id":"u1","email":"ada@example.com"}]}`,
			"/v2/users/u1": `{"id":"u1","invited_by":"x","invite_accepted":false,"status":` + status + `}`,
		}).client(t)
		s, err := c.ReadOrganization(t.Context(), "o1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.ReadAcceptance(t.Context(), []*org.User{&s.Users[0]}); err != nil {
			t.Fatal(err)
		}
		u := s.Users[0]
		if u.Accepted == nil || *u.Accepted || !u.Suspended || u.StatusText != "" {
			t.Errorf("status %s: %+v", status, u)
		}
	}
}

// TestNowIsTheBeginning: what happened during a slow reading may be missing in its lists. So it must not look older
// than it is.
func TestNowIsTheBeginning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answers := smallWorld().with(world{
			invitationPath: `{"invites":[{"id":"i1","email_invited":"ada@example.com","status":"pending"}]}`,
			"/v2/users/u1": `{"user":{"id":"u1","invite_accepted":true}}`,
		})
		c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/users/u1" {
				time.Sleep(20 * time.Second)
			}
			answerJSON(w, 200, answers[r.URL.Path].(string))
		}, nil)
		began := time.Now()
		s, err := c.ReadOrganization(t.Context(), "o1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Now.Equal(began) {
			t.Errorf("the time is %v after the beginning", s.Now.Sub(began))
		}
	})
}
