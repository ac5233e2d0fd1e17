package sandbox_test

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// world returns a server with one invitation of each state, one member and one suspended user.
func world(t *testing.T, d sandbox.Dialect) *sandbox.Server {
	t.Helper()
	s := newServer(t, sandbox.Options{Dialect: d})
	for _, i := range []sandbox.Invitation{
		{ID: "pending", Email: "Pending@example.com", APIEnabled: true},
		{ID: "expired", Email: "expired@example.com", State: "expired"},
		{ID: "accepted", Email: "accepted@example.com", State: "accepted", Responded: start},
		{ID: "declined", Email: "declined@example.com", State: "declined", Responded: start},
	} {
		if _, err := s.AddInvitation(i); err != nil {
			t.Fatal(err)
		}
	}
	for _, u := range []sandbox.User{
		{ID: "member", Email: "accepted@example.com", Groups: []string{"platform"}},
		{ID: "suspended", Email: "suspended@example.com", Suspended: true},
	} {
		if _, err := s.AddUser(u); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestInvitationFields(t *testing.T) {
	t.Parallel()
	tests := []struct {
		dialect string
		id      string
		want    map[string]any // nil value in "missing" means that the field is not there
		missing string
	}{
		{dialect: "documented", id: "pending", want: map[string]any{"permissions": map[string]any{"api_enabled": true},
			"status": "pending", "invite_status": "Pending", "email_invited": "Pending@example.com", "date_responded": nil}},
		{dialect: "permissions=yes-no", id: "pending",
			want: map[string]any{"permissions": map[string]any{"api_enabled": "yes"}}},
		{dialect: "permissions=yes-no", id: "declined",
			want: map[string]any{"permissions": map[string]any{"api_enabled": "no"}}},
		{dialect: "permissions=number", id: "pending",
			want: map[string]any{"permissions": map[string]any{"api_enabled": 1.}}},
		{dialect: "permissions=number", id: "declined",
			want: map[string]any{"permissions": map[string]any{"api_enabled": 0.}}},
		{dialect: "permissions=json", id: "pending", want: map[string]any{"permissions": `{"api_enabled":true}`}},
		{dialect: "permissions=text", id: "pending", want: map[string]any{"permissions": "api_enabled"}},
		{dialect: "permissions=text", id: "declined", want: map[string]any{"permissions": ""}},
		{dialect: "permissions=null", id: "pending", want: map[string]any{"permissions": nil}},
		{dialect: "permissions=list", id: "pending", want: map[string]any{"permissions": []any{}}},
		{dialect: "dates=z", id: "accepted", want: map[string]any{"date_created": "2026-06-01T10:00:00Z",
			"date_responded": "2026-06-01T10:00:00Z", "expiration_date": "2026-06-04T10:00:00Z"}},
		{dialect: "dates=z", id: "pending", want: map[string]any{"date_responded": nil}},
		{dialect: "dates=sql", id: "accepted", want: map[string]any{"date_created": "2026-06-01 10:00:00",
			"date_responded": "2026-06-01 10:00:00", "expiration_date": "2026-06-04 10:00:00"}},
		{dialect: "dates=sql", id: "pending", want: map[string]any{"date_responded": ""}},
		{dialect: "dates=empty", id: "accepted", want: map[string]any{"date_created": "", "date_responded": "",
			"expiration_date": ""}},
		{dialect: "dates=zone", id: "accepted", want: map[string]any{"date_responded": "2026-06-01T12:00:00+0200"}},
		{dialect: "dates=unix", id: "accepted", want: map[string]any{"date_responded": 1780308000.}},
		{dialect: "dates=unix", id: "pending", want: map[string]any{"date_responded": 0.}},
		{dialect: "dates=rfc1123", id: "accepted", want: map[string]any{"date_responded": "Mon, 01 Jun 2026 10:00:00 GMT"}},
		{dialect: "dates=php", id: "accepted", want: map[string]any{"date_responded": map[string]any{
			"date": "2026-06-01 10:00:00.000000", "timezone_type": 3., "timezone": "UTC",
		}}},
		{dialect: "dates=php", id: "pending", want: map[string]any{"date_responded": nil}},
		{dialect: "expiration=null", id: "pending", want: map[string]any{"expiration_date": nil,
			"date_created": "2026-06-01T10:00:00+00:00"}},
		{dialect: "expiration=empty", id: "pending", want: map[string]any{"expiration_date": "",
			"date_created": "2026-06-01T10:00:00+00:00"}},
		{dialect: "status=number", id: "pending", want: map[string]any{"status": 1.}},
		{dialect: "status=number", id: "accepted", want: map[string]any{"status": 2.}},
		{dialect: "status=absent", id: "pending", missing: "status"},
		{dialect: "words=lower", id: "declined", want: map[string]any{"invite_status": "declined"}},
		{dialect: "words=upper", id: "accepted", want: map[string]any{"invite_status": "ACCEPTED"}},
		{dialect: "documented", id: "expired", want: map[string]any{"invite_status": "Pending", "status": "pending",
			"expiration_date": "2026-06-01T09:00:00+00:00"}},
		{dialect: "lapsed=expired", id: "expired", want: map[string]any{"invite_status": "Expired", "status": "expired"}},
		{dialect: "lapsed=expired,words=lower", id: "expired", want: map[string]any{"invite_status": "expired"}},
		{dialect: "lapsed=expired,words=upper,status=number", id: "expired", want: map[string]any{"invite_status": "EXPIRED",
			"status": 3.}},
		{dialect: "invited-email=lower", id: "pending", want: map[string]any{"email_invited": "pending@example.com"}},
	}
	for _, test := range tests {
		t.Run(test.dialect+" "+test.id, func(t *testing.T) {
			t.Parallel()
			d, err := sandbox.ParseDialect(test.dialect)
			if err != nil {
				t.Fatal(err)
			}
			s := world(t, d)
			inList := rows(t, request(t, s, "GET", "/v2/invitation", ""), "invitations")
			at := slices.IndexFunc(inList, func(row map[string]any) bool { return row["id"] == test.id })
			for where, i := range map[string]map[string]any{
				"under its id": single(t, request(t, s, "GET", "/v2/invitation/"+test.id, "")),
				"in the list":  inList[at],
			} {
				have := maps.Clone(i)
				maps.DeleteFunc(have, func(field string, _ any) bool { _, wanted := test.want[field]; return !wanted })
				if test.want != nil {
					wantDiff(t, where, test.want, have)
				}
				if _, there := i[test.missing]; there {
					t.Errorf("%s: the field %s is there", where, test.missing)
				}
			}
		})
	}
}

// TestEscape checks that addresses are escaped in all answers.
func TestEscape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"documented": "o'brien@example.com", "escape=html": "o&#039;brien@example.com",
		"escape=html-twice": "o&amp;#039;brien@example.com", "escape=slashes": `o\'brien@example.com`,
	} {
		d, err := sandbox.ParseDialect(text)
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(t, sandbox.Options{Dialect: d})
		invite(t, s, "o'brien@example.com")
		if got := rows(t, request(t, s, "GET", "/v2/invitation", ""), "invitations")[0]["email_invited"]; got != want {
			t.Errorf("%s: invited %v, want %s", text, got, want)
		}
		if err := s.Accept("o'brien@example.com"); err != nil {
			t.Fatal(err)
		}
		if got := rows(t, request(t, s, "GET", "/v2/users", ""), "users")[1]["email"]; got != want {
			t.Errorf("%s: the user is %v, want %s", text, got, want)
		}
	}
}

// TestInvitedUsers checks that two dialects list invited people as users until they accept, and that the answer about
// a single user has invite_accepted false then.
func TestInvitedUsers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"documented":           "[owner@example.com:<nil>] [owner@example.com:<nil> countess@example.com:<nil>]",
		"invite-accepted=told": "[owner@example.com:true] [owner@example.com:true countess@example.com:true]",
		"invite-accepted=invited": "[owner@example.com:true ada@example.com:false bob@example.com:false] " +
			"[owner@example.com:true countess@example.com:true bob@example.com:false]",
		"invite-accepted=single": "[owner@example.com:<nil> ada@example.com:<nil> bob@example.com:<nil>] " +
			"[owner@example.com:<nil> countess@example.com:<nil> bob@example.com:<nil>]",
	} {
		d, err := sandbox.ParseDialect(text)
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(t, sandbox.Options{Dialect: d})
		shown := func() (users []string) {
			for _, row := range rows(t, request(t, s, "GET", "/v2/users", ""), "users") {
				users = append(users, fmt.Sprint(row["email"], ":", row["invite_accepted"]))
				answer := request(t, s, "GET", fmt.Sprint("/v2/users/", row["id"]), "")
				user, _ := answer.object["user"].(map[string]any)
				isInvited := row["email"] == "ada@example.com" || row["email"] == "bob@example.com"
				if user["invite_accepted"] != !isInvited {
					t.Errorf("%s: the user alone is %d %s", text, answer.status, answer.body)
				}
			}
			return users
		}
		invite(t, s, "ada@example.com")
		invite(t, s, "bob@example.com")
		before := shown()
		if err := s.AcceptAs("ada@example.com", "countess@example.com"); err != nil {
			t.Fatal(err)
		}
		if err := s.DeclineAs("bob@example.com", "mallory@example.com"); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(before, " ", shown()); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if got := s.World().Invitations[1]; got.Registered != "mallory@example.com" || got.State != "declined" {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestEnvelopes(t *testing.T) {
	t.Parallel()
	wrapped, bare := world(t, sandbox.Dialect{}), world(t, sandbox.Dialect{Envelope: sandbox.EnvelopeBare})
	orgID := func(s *sandbox.Server) string { return s.World().Organization.ID }
	groupID := func(s *sandbox.Server) string { return s.World().Groups[0].ID }
	tests := []struct {
		name, method string
		path         func(*sandbox.Server) string
		body         string
	}{
		{"invitation", "POST", func(*sandbox.Server) string { return "/v2/invitation" }, inviteText("new@example.com", "no")},
		{"invitation", "GET", func(*sandbox.Server) string { return "/v2/invitation/pending" }, ""},
		{"invitation", "POST", func(*sandbox.Server) string { return "/v2/invitation/pending/resend" }, ""},
		{"organization", "GET", func(s *sandbox.Server) string { return "/v2/organizations/" + orgID(s) }, ""},
		{"group", "POST", func(*sandbox.Server) string { return "/v2/groups" }, `{"display_name": "new"}`},
		{"group", "PUT", func(s *sandbox.Server) string { return "/v2/groups/" + groupID(s) }, `{"display_name": "new"}`},
		{"group_member", "POST", func(s *sandbox.Server) string { return "/v2/groups/" + groupID(s) + "/members" },
			`{"user_id": "member", "display_name": "M"}`},
		{"role_user_relationship", "POST", func(s *sandbox.Server) string {
			return "/v2/roles/" + s.World().Roles[0].ID + "/users/member"
		}, ""},
	}
	for _, test := range tests {
		a, b := request(t, wrapped, test.method, test.path(wrapped), test.body), request(t, bare, test.method,
			test.path(bare), test.body)
		inner, ok := a.object[test.name].(map[string]any)
		if !ok || len(a.object) != 1 {
			t.Errorf("%s %s: not wrapped: %s", test.method, test.name, a.body)
		}
		if _, wrapped := b.object[test.name]; wrapped || len(b.object) != len(inner) {
			t.Errorf("%s %s: not bare: %s", test.method, test.name, b.body)
		}
	}
}

func TestListKeys(t *testing.T) {
	t.Parallel()
	long := world(t, sandbox.Dialect{})
	rows(t, request(t, long, "GET", "/v2/invitation", ""), "invitations")
	if n := len(rows(t, request(t, long, "GET", "/v2/organizations", ""), "organizations")); n != 1 {
		t.Errorf("%d organizations", n)
	}
	short := world(t, sandbox.Dialect{
		InvitationsKey: sandbox.InvitationsShort, OrganizationsKey: sandbox.OrganizationsShort,
		Organizations: sandbox.OrganizationsSeveral,
	})
	rows(t, request(t, short, "GET", "/v2/invitation", ""), "invites")
	orgs := rows(t, request(t, short, "GET", "/v2/organizations", ""), "orgs")
	wantDiff(t, "several organizations", []any{"Other Org", "Example Org"}, column(orgs, "name"))
	for _, o := range orgs {
		if a := request(t, short, "GET", fmt.Sprint("/v2/organizations/", o["id"]), ""); a.status != 200 {
			t.Errorf("%v: %d", o["name"], a.status)
		}
	}
}

func TestListedInvitations(t *testing.T) {
	t.Parallel()
	tests := []struct {
		dialect sandbox.Dialect
		want    []any
		onID    map[string]int // status of GET on an id
	}{
		{sandbox.Dialect{}, []any{"pending", "expired", "accepted", "declined"}, map[string]int{"expired": 200,
			"accepted": 200}},
		{sandbox.Dialect{Lapsed: sandbox.LapsedVanish}, []any{"pending", "accepted", "declined"},
			map[string]int{"expired": 404, "pending": 200}},
		{sandbox.Dialect{Accepted: sandbox.AcceptedVanish}, []any{"pending", "expired", "declined"},
			map[string]int{"expired": 200, "accepted": 200}},
		{sandbox.Dialect{Declined: sandbox.DeclinedVanish}, []any{"pending", "expired", "accepted"},
			map[string]int{"declined": 200, "accepted": 200}},
	}
	for _, test := range tests {
		t.Run(test.dialect.String(), func(t *testing.T) {
			t.Parallel()
			s := world(t, test.dialect)
			wantDiff(t, "ids", test.want, column(rows(t, request(t, s, "GET", "/v2/invitation", ""), "invitations"), "id"))
			for id, want := range test.onID {
				if have := request(t, s, "GET", "/v2/invitation/"+id, "").status; have != want {
					t.Errorf("%s: %d, want %d", id, have, want)
				}
			}
		})
	}
}

func TestResendDialects(t *testing.T) {
	t.Parallel()
	tests := []struct {
		dialect string
		id      string
		status  int
		sameID  bool
	}{
		{"documented", "pending", 200, true},
		{"documented", "expired", 200, true},
		{"resend-id=new", "pending", 200, false},
		{"resend-id=new", "expired", 200, false},
		{"resend-lapsed=400", "pending", 200, true},
		{"resend-lapsed=400", "expired", 400, true},
		{"resend-lapsed=404", "expired", 404, true},
		{"lapsed=vanish", "expired", 404, true},
	}
	for _, test := range tests {
		t.Run(test.dialect+" "+test.id, func(t *testing.T) {
			t.Parallel()
			d, err := sandbox.ParseDialect(test.dialect)
			if err != nil {
				t.Fatal(err)
			}
			s := world(t, d)
			a := request(t, s, "POST", "/v2/invitation/"+test.id+"/resend", "")
			if a.status != test.status {
				t.Fatalf("%d %s, want %d", a.status, a.body, test.status)
			}
			mails := 0
			if a.status == 200 {
				mails = 1
				i := single(t, a)
				if (i["id"] == test.id) != test.sameID {
					t.Errorf("the id became %v", i["id"])
				}
				if i["expiration_date"] != "2026-06-04T10:00:00+00:00" {
					t.Errorf("the window ends %v", i["expiration_date"])
				}
				if old := request(t, s, "GET", "/v2/invitation/"+test.id, "").status; (old == 200) != test.sameID {
					t.Errorf("the old id answers %d", old)
				}
			}
			if n := len(s.Mails()[test.id+"@example.com"]); n != mails {
				t.Errorf("%d mails, want %d", n, mails)
			}
			if n := len(s.World().Invitations); n != 4 {
				t.Errorf("%d invitations", n)
			}
		})
	}
}

func TestInviteLapsedDialects(t *testing.T) {
	t.Parallel()
	for dialect, sameID := range map[string]bool{
		"documented": false, "lapsed=vanish": false, "invite-lapsed=same": true, "invite-lapsed=same,lapsed=vanish": true,
		"resend-lapsed=404,invite-lapsed=same": true,
	} {
		d, err := sandbox.ParseDialect(dialect)
		if err != nil {
			t.Fatal(err)
		}
		s := world(t, d)
		a := request(t, s, "POST", "/v2/invitation", inviteText("expired@example.com", "no"))
		if i := single(t, a); a.status != 201 || (i["id"] == "expired") != sameID ||
			i["expiration_date"] != "2026-06-04T10:00:00+00:00" {
			t.Errorf("%s: %d %s", dialect, a.status, a.body)
		}
		if n := len(s.Mails()["expired@example.com"]); n != 1 {
			t.Errorf("%s: %d mails", dialect, n)
		}
		want := 5
		if sameID {
			want = 4
		}
		if n := len(s.World().Invitations); n != want {
			t.Errorf("%s: %d invitations, want %d", dialect, n, want)
		}
	}
}

func TestSuspendedUsers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		dialect        sandbox.Dialect
		users, suspend int // rows; -1: 404
	}{
		{sandbox.Dialect{}, 3, 1},
		{sandbox.Dialect{Suspended: sandbox.SuspendedUsers}, 3, 0},
		{sandbox.Dialect{Suspended: sandbox.SuspendedListed}, 2, 1},
		{sandbox.Dialect{SuspendedEndpoint: sandbox.SuspendedEndpointMissing}, 3, -1},
	}
	for _, test := range tests {
		t.Run(test.dialect.String(), func(t *testing.T) {
			t.Parallel()
			s := world(t, test.dialect)
			users := rows(t, request(t, s, "GET", "/v2/users", ""), "users")
			if len(users) != test.users {
				t.Errorf("%d users, want %d", len(users), test.users)
			}
			for _, u := range users {
				if u["status"] != (u["id"] != "suspended") {
					t.Errorf("%v has the status %v", u["id"], u["status"])
				}
			}
			a := request(t, s, "GET", "/v2/organizations/"+s.World().Organization.ID+"/suspended-users", "")
			if test.suspend < 0 {
				if a.status != 404 {
					t.Errorf("suspended-users: %d", a.status)
				}
				return
			}
			list := rows(t, a, "users")
			if len(list) != test.suspend {
				t.Fatalf("%d suspended, want %d", len(list), test.suspend)
			}
			for _, u := range list {
				if u["id"] != "suspended" || u["email"] != "suspended@example.com" || u["active"] != false ||
					u["date_suspended"] == nil {
					t.Errorf("suspended: %v", u)
				}
			}
		})
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"documented": {"application/json"}, "content-type=charset": {"application/json; charset=utf-8"},
		"content-type=vendor": {"application/vnd.api+json"}, "content-type=missing": nil,
	} {
		d, err := sandbox.ParseDialect(text)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(newServer(t, sandbox.Options{Dialect: d})) // net/http would add a missing one
		defer server.Close()
		for _, target := range []string{"/v2/users", "/v2/invitation/none"} {
			a, err := send(server.Client(), "GET", server.URL+target, "")
			if err != nil {
				t.Fatal(err)
			}
			wantDiff(t, text+" "+target, want, a.header["Content-Type"])
		}
	}
}

func TestMeta(t *testing.T) {
	t.Parallel()
	links := func(next any) map[string]any { return map[string]any{"next": next, "prev": ""} }
	tests := []struct {
		dialect  string
		whole    any // meta of a list that fits into a page
		there    bool
		lastPage map[string]any // links of the last of two pages; nil: no links
	}{
		{"documented", map[string]any{"total": 4., "links": links("")}, true, links("")},
		{"meta=total", map[string]any{"total": 4.}, true, nil},
		{"meta=null", nil, true, links("")},
		{"meta=missing", nil, false, links("")},
		{"end-cursor=null", map[string]any{"total": 4., "links": links(nil)}, true, links(nil)},
		{"end-cursor=missing", map[string]any{"total": 4., "links": map[string]any{"prev": ""}}, true,
			map[string]any{"prev": ""}},
	}
	for _, test := range tests {
		t.Run(test.dialect, func(t *testing.T) {
			t.Parallel()
			d, err := sandbox.ParseDialect(test.dialect)
			if err != nil {
				t.Fatal(err)
			}
			s := world(t, d)
			whole := request(t, s, "GET", "/v2/invitation", "").object
			have, there := whole["meta"]
			if there != test.there {
				t.Errorf("meta is there: %v", there)
			}
			wantDiff(t, "one page", test.whole, have)

			first := request(t, s, "GET", "/v2/invitation?per_page=3", "").object["meta"].(map[string]any)
			next, _ := first["links"].(map[string]any)["next"].(string)
			if first["total"] != 4. || next == "" {
				t.Fatalf("first of two pages: %v", first)
			}
			last := request(t, s, "GET", "/v2/invitation?per_page=3&cursor="+next, "").object["meta"].(map[string]any)
			if last["total"] != 4. {
				t.Errorf("total %v", last["total"])
			}
			lastLinks, _ := last["links"].(map[string]any)
			wantDiff(t, "last of two pages", test.lastPage, lastLinks)
		})
	}
}

func TestPatchUser(t *testing.T) {
	t.Parallel()
	s := world(t, sandbox.Dialect{})
	if a := request(t, s, "PATCH", "/v2/users/member", `{"api_enabled": true}`); a.status != 204 || a.body != "" {
		t.Errorf("%d %q", a.status, a.body)
	}
	s = world(t, sandbox.Dialect{Patch: sandbox.Patch202})
	a := request(t, s, "PATCH", "/v2/users/member", `{"api_enabled": true, "email": "other@example.com"}`)
	u := a.object["user"].(map[string]any)
	if a.status != 202 || u["api_enabled"] != true || u["email"] != "other@example.com" {
		t.Errorf("%d %v", a.status, u)
	}
	if u := s.World().Users[1]; !u.APIEnabled || u.Email != "other@example.com" {
		t.Errorf("the world has %+v", u)
	}
	if a := request(t, s, "PATCH", "/v2/users/nobody", `{"api_enabled": true}`); a.status != 404 {
		t.Errorf("nobody: %d", a.status)
	}
}

func TestParseDialect(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want sandbox.Dialect
		fail string
	}{
		"":                               {},
		"documented":                     {},
		"envelope=bare":                  {want: sandbox.Dialect{Envelope: sandbox.EnvelopeBare}},
		"envelope=bare,envelope=wrapped": {},
		" resend-id=new , lapsed=vanish": {want: sandbox.Dialect{ResendID: sandbox.ResendNewID,
			Lapsed: sandbox.LapsedVanish}},
		"lapsed-over,duplicate=same": {want: sandbox.Dialect{Lapsed: sandbox.LapsedMarked,
			ResendLapsed: sandbox.ResendLapsed400, InviteLapsed: sandbox.InviteLapsedSame, Duplicate: sandbox.DuplicateSame}},
		"klingon": {fail: `no dialect is called "klingon"; there are documented, govultr`},
		"warp=9":  {fail: `no axis is called "warp"; there are envelope`},
		"dates=stardate": {
			fail: `dates is one of offset, z, sql, empty, zone, unix, rfc1123, php, not "stardate"`},
		"dates=sql,govultr": {fail: `"govultr" must come first`},
		"dates=":            {fail: `not ""`},
	}
	for text, test := range tests {
		have, err := sandbox.ParseDialect(text)
		if test.fail != "" {
			if err == nil || !strings.Contains(err.Error(), test.fail) {
				t.Errorf("%q: error %v, want one with %q", text, err, test.fail)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		wantDiff(t, text, test.want, have)
	}
	if _, err := sandbox.New(sandbox.Options{Dialect: sandbox.Dialect{Dates: "stardate"}}); err == nil {
		t.Error("a server speaks a dialect that there is none of")
	}
}

func TestNamedDialects(t *testing.T) {
	t.Parallel()
	list := sandbox.Dialects()
	if len(list) < 12 || list[0].Dialect != (sandbox.Dialect{}) {
		t.Errorf("%d dialects, the first is %s", len(list), list[0].Dialect)
	}
	used := map[string]bool{}
	seen := map[sandbox.Dialect]string{}
	for _, n := range list {
		if other, twice := seen[n.Dialect]; twice {
			t.Errorf("%s and %s are the same", n.Name, other)
		}
		seen[n.Dialect] = n.Name
		for _, text := range []string{n.Name, n.Dialect.String()} {
			if d, err := sandbox.ParseDialect(text); err != nil || d != n.Dialect {
				t.Errorf("%s: %q is read as %s, %v", n.Name, text, d, err)
			}
		}
		for _, pair := range strings.Split(n.Dialect.String(), ",") {
			used[pair] = true
		}
	}
	// No document or client suggests these values, but other web APIs have them.
	unnamed := map[string]bool{
		"dates=zone": true, "dates=unix": true, "dates=rfc1123": true, "dates=php": true, "invite-accepted=told": true,
		"invite-accepted=invited": true, "escape=html": true, "escape=html-twice": true, "escape=slashes": true,
		"paging=offset": true,
	}
	for _, pair := range sandbox.AllAxisValues() {
		if used[pair] == unnamed[pair] {
			t.Errorf("%s is in a named dialect: %v, want %v", pair, used[pair], !unnamed[pair])
		}
	}
}

// TestAsking checks that a documented form of api_enabled is refused in a dialect that requires another form, and
// is not a violation.
func TestAsking(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		dialect     string
		words, bool int
	}{{"documented", 201, 400}, {"asking=bool", 400, 201}, {"asking=either", 201, 201}} {
		d, err := sandbox.ParseDialect(test.dialect)
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(t, sandbox.Options{Dialect: d})
		words := request(t, s, "POST", "/v2/invitation", inviteText("ada@example.com", "yes"))
		flag := request(t, s, "POST", "/v2/invitation",
			`{"email_invited": "bob@example.com", "permissions": {"api_enabled": false}}`)
		if words.status != test.words || flag.status != test.bool {
			t.Errorf("%s: %d in words, %d in bools, want %d and %d", test.dialect, words.status, flag.status, test.words,
				test.bool)
		}
		want := map[string]int{}
		if test.words == 201 {
			want["ada@example.com"] = 1
		}
		if test.bool == 201 {
			want["bob@example.com"] = 1
		}
		wantDiff(t, "mails", want, mailCount(s))
		if bad := s.Violations(); len(bad) != 0 {
			t.Errorf("%s: violations %+v", test.dialect, bad)
		}
	}
}

// TestEveryDialectRuns plays the same story in each named dialect. The mails must be the same.
func TestEveryDialectRuns(t *testing.T) {
	t.Parallel()
	for _, n := range sandbox.Dialects() {
		t.Run(n.Name, func(t *testing.T) {
			t.Parallel()
			n.Dialect.Asking = sandbox.AskingEither // TestAsking is about that
			s := newServer(t, sandbox.Options{Dialect: n.Dialect})
			ada := invite(t, s, "ada@example.com")
			invite(t, s, "bob@example.com")
			request(t, s, "POST", "/v2/invitation/"+ada+"/resend", "")
			if err := s.Accept("ada@example.com"); err != nil {
				t.Fatal(err)
			}
			if err := s.Advance(100 * time.Hour); err != nil {
				t.Fatal(err)
			}
			wantDiff(t, "mails", map[string]int{"ada@example.com": 2, "bob@example.com": 1}, mailCount(s))
			var states []string
			for _, i := range s.World().Invitations {
				states = append(states, i.Email+" "+i.State)
			}
			slices.Sort(states)
			wantDiff(t, "states", []string{"ada@example.com accepted", "bob@example.com expired"}, states)
		})
	}
}

// TestDialectsAreDocumented checks that the tables of docs/sandbox.md have exactly the named dialects, the axes and
// their values.
func TestDialectsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(page), "| name | what it simulates |\n|---|---|\n")
	names, after, _ := strings.Cut(after, "| axis | values, the documented one first |\n|---|---|\n")
	axes, _, _ := strings.Cut(after, "\n\n")
	word := regexp.MustCompile("`([^` ]+)`")
	words := func(text string) (list []string) {
		for _, match := range word.FindAllStringSubmatch(text, -1) {
			list = append(list, match[1])
		}
		return list
	}
	var documented, existing []string
	for row := range strings.Lines(strings.TrimSpace(names)) {
		documented = append(documented, words(strings.Split(row, "|")[1])...)
	}
	for _, d := range sandbox.Dialects() {
		existing = append(existing, d.Name)
	}
	slices.Sort(documented)
	slices.Sort(existing)
	if diff := cmp.Diff(existing, documented); diff != "" {
		t.Errorf("named dialects (-existing +documented):\n%s", diff)
	}
	documented = nil
	for row := range strings.Lines(axes) {
		columns := strings.Split(row, "|")
		axis := words(columns[1])[0]
		documented = append(documented, axis)
		_, problem := sandbox.ParseDialect(axis + "=?")
		_, values, _ := strings.Cut(fmt.Sprint(problem), " is one of ")
		values, _, _ = strings.Cut(values, ", not ")
		for value := range strings.SplitSeq(values, ", ") {
			if !slices.Contains(words(columns[2]), value) {
				t.Errorf("the axis %s lacks the value %q", axis, value)
			}
		}
	}
	_, problem := sandbox.ParseDialect("?=?")
	_, list, _ := strings.Cut(fmt.Sprint(problem), "there are ")
	existing = strings.Split(list, ", ")
	slices.Sort(documented)
	slices.Sort(existing)
	if diff := cmp.Diff(existing, documented); diff != "" {
		t.Errorf("axes (-existing +documented):\n%s", diff)
	}
}
