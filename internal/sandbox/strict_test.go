package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/orgsync/orgsync/internal/sandbox"
)

func TestUndocumentedRequestsAreViolations(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method, target, body string
		change               func(*http.Request)
		status               int
	}{
		"unknown path":              {method: "GET", target: "/v2/instances", status: 404},
		"root":                      {method: "GET", target: "/", status: 404},
		"trailing slash":            {method: "GET", target: "/v2/users/", status: 404},
		"double slash":              {method: "GET", target: "/v2//users", status: 404},
		"dots":                      {method: "GET", target: "/v2/invitation/..", status: 404},
		"another version":           {method: "GET", target: "/v1/users", status: 404},
		"deleting the user":         {method: "DELETE", target: "/v2/users/member", status: 501},
		"making a user":             {method: "POST", target: "/v2/users", body: `{}`, status: 501},
		"making a role":             {method: "POST", target: "/v2/roles", body: `{}`, status: 501},
		"renaming a role":           {method: "PUT", target: "/v2/roles/deployer", body: `{}`, status: 501},
		"cancelling":                {method: "DELETE", target: "/v2/invitation/pending", status: 405},
		"resend by PUT":             {method: "PUT", target: "/v2/invitation/pending/resend", status: 405},
		"HEAD":                      {method: "HEAD", target: "/v2/users", status: 405},
		"unknown parameter":         {method: "GET", target: "/v2/users?page=2", status: 400},
		"parameter of another kind": {method: "GET", target: "/v2/invitation/pending?per_page=5", status: 400},
		"parameter with POST": {method: "POST", target: "/v2/invitation?per_page=5", body: inviteText("a@example.com",
			"no"), status: 400},
		"per_page 0":        {method: "GET", target: "/v2/users?per_page=0", status: 400},
		"per_page 501":      {method: "GET", target: "/v2/users?per_page=501", status: 400},
		"per_page text":     {method: "GET", target: "/v2/users?per_page=all", status: 400},
		"per_page empty":    {method: "GET", target: "/v2/users?per_page=", status: 400},
		"per_page twice":    {method: "GET", target: "/v2/users?per_page=5&per_page=5", status: 400},
		"made-up cursor":    {method: "GET", target: "/v2/users?cursor=abc", status: 400},
		"unreadable query":  {method: "GET", target: "/v2/users?cursor=%zz", status: 400},
		"body with GET":     {method: "GET", target: "/v2/invitation", body: `{"PerPage":500}`, status: 400},
		"body with resend":  {method: "POST", target: "/v2/invitation/pending/resend", body: `{}`, status: 400},
		"body with suspend": {method: "PUT", target: "/v2/organizations/o/user/u/suspend", body: `{}`, status: 400},
		"body with DELETE":  {method: "DELETE", target: "/v2/organizations/o/user/u", body: `{}`, status: 400},
		"no Authorization": {method: "GET", target: "/v2/users",
			change: func(r *http.Request) { r.Header.Del("Authorization") }, status: 401},
		"Basic": {method: "GET", target: "/v2/users",
			change: func(r *http.Request) { r.SetBasicAuth("me", "secret") }, status: 401},
		"empty bearer": {method: "GET", target: "/v2/users",
			change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }, status: 401},
		"padded bearer": {method: "GET", target: "/v2/users",
			change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer  secret") }, status: 401},
		"two bearers": {method: "GET", target: "/v2/users",
			change: func(r *http.Request) { r.Header.Add("Authorization", "Bearer other") }, status: 401},
		"form": {method: "POST", target: "/v2/invitation", body: inviteText("a@example.com", "no"),
			change: func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, status: 415},
		"no Content-Type": {method: "POST", target: "/v2/invitation", body: inviteText("a@example.com", "no"),
			change: func(r *http.Request) { r.Header.Del("Content-Type") }, status: 415},
		"long body": {method: "POST", target: "/v2/invitation", body: `{"x": "` + strings.Repeat("x", 1<<20) +
			`"}`, status: 413},

		"invite: no body": {method: "POST", target: "/v2/invitation",
			change: func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, status: 400},
		"invite: null": {method: "POST", target: "/v2/invitation", body: `null`, status: 400},
		"invite: list": {method: "POST", target: "/v2/invitation", body: `[]`, status: 400},
		"invite: two objects": {method: "POST", target: "/v2/invitation", body: inviteText("a@example.com", "no") +
			"{}", status: 400},
		"invite: no address": {method: "POST", target: "/v2/invitation",
			body: `{"permissions": {"api_enabled": "no"}}`, status: 400},
		"invite: empty address": {method: "POST", target: "/v2/invitation", body: inviteText("", "no"), status: 400},
		"invite: address no string": {method: "POST", target: "/v2/invitation",
			body: `{"email_invited": 1, "permissions": {"api_enabled": "no"}}`, status: 400},
		"invite: no permissions": {method: "POST", target: "/v2/invitation", body: `{"email_invited": "a@example.com"}`,
			status: 400},
		"invite: empty permissions": {method: "POST", target: "/v2/invitation",
			body: `{"email_invited": "a@example.com", "permissions": {}}`, status: 400},
		"invite: null for access": {method: "POST", target: "/v2/invitation",
			body: `{"email_invited": "a@example.com", "permissions": {"api_enabled": null}}`, status: 400},
		"invite: true as text": {method: "POST", target: "/v2/invitation", body: inviteText("a@example.com", "true"),
			status: 400},
		"invite: unknown field": {method: "POST", target: "/v2/invitation",
			body: `{"email_invited": "a@example.com", "permissions": {"api_enabled": "no"}, "org_id": "x"}`, status: 400},
		"invite: unknown right": {method: "POST", target: "/v2/invitation",
			body: `{"email_invited": "a@example.com", "permissions": {"api_enabled": "no", "roles": []}}`, status: 400},
		"invite: field in capitals": {method: "POST", target: "/v2/invitation",
			body: `{"Email_Invited": "a@example.com", "permissions": {"api_enabled": "no"}}`, status: 400},

		"patch: yes":        {method: "PATCH", target: "/v2/users/member", body: `{"api_enabled": "yes"}`, status: 400},
		"patch: name":       {method: "PATCH", target: "/v2/users/member", body: `{"name": "Ada"}`, status: 400},
		"patch: nothing":    {method: "PATCH", target: "/v2/users/member", body: `{}`, status: 400},
		"patch: null email": {method: "PATCH", target: "/v2/users/member", body: `{"email": null}`, status: 400},

		"group: no name": {method: "POST", target: "/v2/groups", body: `{"description": "x"}`, status: 400},
		"group: description number": {method: "POST", target: "/v2/groups", body: `{"display_name": "x", "description": 1}`,
			status: 400},
		"group: another field": {method: "PUT", target: "/v2/groups/g", body: `{"display_name": "x", "name": "x"}`,
			status: 400},

		"member: no display_name": {method: "POST", target: "/v2/groups/g/members", body: `{"user_id": "member"}`,
			status: 400},
		"member: empty display_name": {method: "POST", target: "/v2/groups/g/members",
			body: `{"user_id": "member", "display_name": " "}`, status: 400},
		"member: no user_id": {method: "POST", target: "/v2/groups/g/members", body: `{"display_name": "Ada"}`,
			status: 400},
		"member: another field": {method: "POST", target: "/v2/groups/g/members",
			body: `{"user_id": "member", "display_name": "Ada", "role": "x"}`, status: 400},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := world(t, sandbox.Dialect{})
			before := s.World()
			a := rawRequest(s, test.method, test.target, test.body, test.change)
			if a.status != test.status || a.object["status"] != float64(test.status) || a.object["error"] == "" {
				t.Errorf("%d %s, want %d", a.status, a.body, test.status)
			}
			bad := s.Violations()
			if len(bad) != 1 || bad[0].Violation == "" || bad[0].Status != test.status || bad[0].Method != test.method {
				t.Errorf("violations %+v", bad)
			}
			wantDiff(t, "the world", before, s.World())
		})
	}
}

func TestDocumentedRefusalsAreNoViolations(t *testing.T) {
	t.Parallel()
	s, err := sandbox.New(sandbox.Options{Key: "right"})
	if err != nil {
		t.Fatal(err)
	}
	with := func(key string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+key) }
	}
	if a := rawRequest(s, "GET", "/v2/users", "", with("wrong")); a.status != 401 {
		t.Errorf("wrong key: %d", a.status)
	}
	if a := rawRequest(s, "GET", "/v2/users", "", with("right")); a.status != 200 {
		t.Errorf("right key: %d", a.status)
	}
	for text, targets := range map[string][]string{
		"Invite not found": {"GET /v2/invitation/none", "POST /v2/invitation/none/resend"},
		"Invalid user": {"GET /v2/users/none", "GET /v2/users/a%2F..%2Fb", "GET /v2/users/none/groups",
			"GET /v2/users/none/roles", "GET /v2/users/none/policies"},
		"Group not found": {"GET /v2/groups/none", "GET /v2/groups/none/members", "GET /v2/groups/none/roles",
			"GET /v2/groups/none/policies", "DELETE /v2/groups/none/members/x"},
		"Role not found": {"GET /v2/roles/none", "GET /v2/roles/none/users", "GET /v2/roles/none/groups",
			"GET /v2/roles/none/policies", "POST /v2/roles/none/users/x", "DELETE /v2/roles/none/users/x"},
		"Policy not found": {"GET /v2/policies/none", "GET /v2/policies/none/users", "GET /v2/policies/none/groups",
			"POST /v2/policies/none/users/x", "DELETE /v2/policies/none/groups/x"},
		"Organization not found.": {"GET /v2/organizations/none", "GET /v2/organizations/none/suspended-users",
			"DELETE /v2/organizations/none/user/x"},
	} {
		for _, target := range targets {
			method, path, _ := strings.Cut(target, " ")
			if a := rawRequest(s, method, path, "", with("right")); a.status != 404 || a.object["error"] != text {
				t.Errorf("%s: %d %s, want %q", target, a.status, a.body, text)
			}
		}
	}
	if bad := s.Violations(); len(bad) != 0 {
		t.Errorf("violations %+v", bad)
	}
}

func TestCursorOfAnotherList(t *testing.T) {
	t.Parallel()
	s := crowd(t, 3, sandbox.Options{})
	_, _, next := page(t, s, "/v2/invitation?per_page=1")
	if a := rawRequest(s, "GET", "/v2/users?cursor="+next, "", nil); a.status != 400 || len(s.Violations()) != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestRequestsAreRecorded(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{})
	invite(t, s, "ada@example.com")
	request(t, s, "GET", "/v2/users?per_page=7", "")
	wantDiff(t, "requests", []sandbox.Request{
		{At: start, Method: "POST", Path: "/v2/invitation", Status: 201},
		{At: start, Method: "GET", Path: "/v2/users", Query: "per_page=7", Status: 200},
	}, s.Requests())
}

// TestWordsOfRefusals checks that an error names the request that is not simulated, or the field that the dialect
// requires.
func TestWordsOfRefusals(t *testing.T) {
	t.Parallel()
	govultr, err := sandbox.ParseDialect("govultr")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		dialect              sandbox.Dialect
		method, target, body string
		want                 string
	}{
		"lacking": {
			method: "POST", target: "/v2/roles", body: `{}`,
			want: "This simulation lacks POST /v2/roles, which the real API documents",
		},
		"lacking, with an id": {
			method: "DELETE", target: "/v2/users/u1",
			want: "This simulation lacks DELETE /v2/users/{id}, which the real API documents",
		},
		"lacking, a trust": {
			method: "GET", target: "/v2/role-trusts",
			want: "This simulation lacks GET /v2/role-trusts, which the real API documents",
		},
		"lacking, a restored role": {
			method: "PATCH", target: "/v2/roles/r1/restore",
			want: "This simulation lacks PATCH /v2/roles/{id}/restore, which the real API documents",
		},
		"another part of the API": {
			method: "GET", target: "/v2/instances",
			want: "The simulation does not have this path: it has invitations, users, organizations, groups, roles, policies " +
				"and the account",
		},
		"a boolean": {
			method: "POST", target: "/v2/invitation",
			body: `{"email_invited": "a@example.com", "permissions": {"api_enabled": true}}`,
			want: `Invalid permissions: permissions.api_enabled must be "yes" or "no" in the dialect documented; ` +
				"for a client that sends true or false, use the dialect govultr, or asking=either",
		},
		"a word for govultr": {
			dialect: govultr,
			method:  "POST", target: "/v2/invitation", body: inviteText("a@example.com", "yes"),
			want: "Invalid permissions: permissions.api_enabled must be true or false in the dialect govultr; " +
				`for a client that sends "yes" or "no", use the dialect documented, or asking=either`,
		},
		"no address": {
			method: "POST", target: "/v2/invitation", body: inviteText("Ada <a@example.com>", "yes"),
			want: "Invalid email address: email_invited must be a bare address, as in ada@example.com",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := rawRequest(world(t, test.dialect), test.method, test.target, test.body, nil)
			wantDiff(t, "error", any(test.want), a.object["error"])
		})
	}
}

// TestBodyWithGET checks that the dialects of govultr ignore the body that govultr sends with GET.
func TestBodyWithGET(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"govultr", "govultr-traps"} {
		d, err := sandbox.ParseDialect(name)
		if err != nil {
			t.Fatal(err)
		}
		s := world(t, d)
		a := rawRequest(s, "GET", "/v2/users?per_page=2", `{"PerPage":2}`, nil)
		if a.status != 200 || len(s.Violations()) > 0 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if a := rawRequest(s, "DELETE", "/v2/organizations/o/user/u", `{}`, nil); a.status != 400 {
			t.Errorf("%s: DELETE with a body: %d", name, a.status)
		}
	}
}
