package sandbox_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// byName returns the ids in a new world by name.
func byName(w sandbox.World) map[string]string {
	ids := map[string]string{}
	for _, g := range w.Groups {
		ids[g.Name] = g.ID
	}
	for _, r := range w.Roles {
		ids[r.Name] = r.ID
	}
	for _, p := range w.Policies {
		ids[p.Name] = p.ID
	}
	return ids
}

func TestGrantAndRevoke(t *testing.T) {
	t.Parallel()
	s := world(t, sandbox.Dialect{})
	id := byName(s.World())
	member := func() sandbox.User { return s.World().Users[1] }
	steps := []struct {
		method, path, body string
		status             int
		want               []string // groups, roles and policies of the member afterwards
	}{
		{"POST", "/v2/groups/" + id["everyone"] + "/members", `{"user_id": "member", "display_name": "Ada"}`, 201,
			[]string{"platform", "everyone"}},
		{"POST", "/v2/groups/" + id["everyone"] + "/members", `{"user_id": "member", "display_name": "Ada"}`, 400,
			[]string{"platform", "everyone"}},
		{"POST", "/v2/groups/" + id["everyone"] + "/members", `{"user_id": "nobody", "display_name": "Ada"}`, 400,
			[]string{"platform", "everyone"}},
		{"POST", "/v2/roles/" + id["deployer"] + "/users/member", "", 201, []string{"platform", "everyone", "deployer"}},
		{"POST", "/v2/roles/" + id["deployer"] + "/users/member", "", 201, []string{"platform", "everyone", "deployer"}},
		{"POST", "/v2/roles/" + id["auditor"] + "/users/member", "", 400, []string{"platform", "everyone", "deployer"}},
		{"POST", "/v2/roles/" + id["deployer"] + "/users/nobody", "", 404, []string{"platform", "everyone", "deployer"}},
		{"POST", "/v2/policies/" + id["billing"] + "/users/member", "", 201, []string{"platform", "everyone", "deployer",
			"billing"}},
		{"DELETE", "/v2/groups/" + id["platform"] + "/members/member", "", 204, []string{"everyone", "deployer", "billing"}},
		{"DELETE", "/v2/groups/" + id["platform"] + "/members/member", "", 404, []string{"everyone", "deployer", "billing"}},
		{"DELETE", "/v2/roles/" + id["deployer"] + "/users/member", "", 204, []string{"everyone", "billing"}},
		{"DELETE", "/v2/roles/" + id["deployer"] + "/users/member", "", 404, []string{"everyone", "billing"}},
		{"DELETE", "/v2/policies/" + id["billing"] + "/users/member", "", 204, []string{"everyone"}},
		{"POST", "/v2/roles/" + id["deployer"] + "/groups/" + id["everyone"], "", 201, []string{"everyone"}},
		{"DELETE", "/v2/roles/" + id["deployer"] + "/groups/" + id["everyone"], "", 204, []string{"everyone"}},
		{"POST", "/v2/policies/" + id["billing"] + "/groups/" + id["everyone"], "", 201, []string{"everyone"}},
		{"POST", "/v2/roles/" + id["auditor"] + "/policies/" + id["billing"], "", 201, []string{"everyone"}},
		{"DELETE", "/v2/roles/" + id["auditor"] + "/policies/" + id["billing"], "", 204, []string{"everyone"}},
	}
	for _, step := range steps {
		a := request(t, s, step.method, step.path, step.body)
		if a.status != step.status {
			t.Errorf("%s %s: %d %s, want %d", step.method, step.path, a.status, a.body, step.status)
		}
		wantDiff(t, step.method+" "+step.path, step.want, slices.Concat(member().Groups, member().Roles, member().Policies))
	}
}

func TestRelationShapes(t *testing.T) {
	t.Parallel()
	for _, shape := range []string{sandbox.RelationsRows, sandbox.RelationsDirect} {
		t.Run(fmt.Sprintf("%q", shape), func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sandbox.Options{Dialect: sandbox.Dialect{Relations: shape}})
			if _, err := s.AddPolicy(sandbox.Policy{ID: "p1", Name: "p1"}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.AddRole(sandbox.Role{ID: "r1", Name: "r1", Policies: []string{"p1"}}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.AddRole(sandbox.Role{ID: "r2", Name: "r2"}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.AddGroup(sandbox.Group{ID: "g1", Name: "g1", Roles: []string{"r1"},
				Policies: []string{"billing"}}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.AddUser(sandbox.User{ID: "u1", Email: "ada@example.com", Groups: []string{"g1"},
				Roles: []string{"r2"}, Policies: []string{"read-only"}}); err != nil {
				t.Fatal(err)
			}
			id := byName(s.World())
			direct := shape == sandbox.RelationsDirect
			// Each list is under key, and each of its rows has field.
			lists := []struct {
				path, rowsKey, rowsField, directKey, directField string
				want                                             []any
			}{
				{"/v2/roles/r2/users", "role_user_relationships", "user_id", "assignments", "user_id", []any{"u1"}},
				{"/v2/roles/r1/users", "role_user_relationships", "user_id", "assignments", "user_id", []any{}},
				{"/v2/roles/r1/groups", "role_group_relationships", "group_id", "assignments", "group_id", []any{"g1"}},
				{"/v2/roles/r1/policies", "role_policy_relationships", "policy_id", "policies", "id", []any{"p1"}},
				{"/v2/policies/" + id["read-only"] + "/users", "policy_user_relationships", "user_id", "users", "id", []any{"u1"}},
				{"/v2/policies/" + id["billing"] + "/groups", "policy_group_relationships", "group_id", "groups", "id",
					[]any{"g1"}},
				{"/v2/users/u1/groups", "groups", "id", "groups", "id", []any{"g1"}},
			}
			for _, l := range lists {
				key, field := l.rowsKey, l.rowsField
				if direct {
					key, field = l.directKey, l.directField
				}
				wantDiff(t, l.path, l.want, column(rows(t, request(t, s, "GET", l.path, ""), key), field))
			}
			field := "policy_id"
			if direct {
				field = "id"
			}
			role := request(t, s, "GET", "/v2/roles/r1", "").object["role"].(map[string]any)
			wantDiff(t, "policies of a role", []any{"p1"}, column(rows(t, got{object: role}, "policies"), field))
			role = request(t, s, "GET", "/v2/roles/r2", "").object["role"].(map[string]any)
			wantDiff(t, "no policies of a role", any([]any{}), role["policies"])
			// These lists have both direct and inherited access.
			mixed := []struct {
				path, rowsKey, rowsField, key, other string
				direct, rest                         []any
			}{
				{"/v2/users/u1/roles", "roles", "role_name", "roles", "inherited", []any{"r2"}, []any{"r1"}},
				{"/v2/users/u1/policies", "policies", "policy_name", "policies", "inherited", []any{"read-only"},
					[]any{"billing", "p1"}},
				{"/v2/groups/g1/roles", "role_group_relationships", "role_name", "roles", "inherited", []any{"r1"}, []any{}},
				{"/v2/groups/g1/policies", "policy_group_relationships", "policy_name", "policies", "from_roles", []any{"billing"},
					[]any{"p1"}},
			}
			for _, l := range mixed {
				a := request(t, s, "GET", l.path, "")
				if !direct {
					want := slices.Concat(l.direct, l.rest)
					if l.path == "/v2/groups/g1/policies" {
						want = l.direct
					}
					wantDiff(t, l.path, want, column(rows(t, a, l.rowsKey), l.rowsField))
					continue
				}
				inner := got{object: a.object[l.key].(map[string]any)}
				wantDiff(t, l.path+" direct", l.direct, column(rows(t, inner, "direct"), "name"))
				wantDiff(t, l.path+" "+l.other, l.rest, column(rows(t, inner, l.other), "name"))
				wantDiff(t, l.path+" all", slices.Concat(l.direct, l.rest), column(rows(t, inner, "all"), "name"))
			}
			for _, what := range []string{"groups", "roles", "policies"} {
				if a := request(t, s, "GET", "/v2/users/me/"+what, ""); a.status != 200 {
					t.Errorf("my %s: %d", what, a.status)
				}
			}
		})
	}
}

func TestGroupMembers(t *testing.T) {
	t.Parallel()
	for _, members := range []string{sandbox.GroupMembersAll, sandbox.GroupMembersCapped} {
		s := newServer(t, sandbox.Options{Dialect: sandbox.Dialect{GroupMembers: members}})
		for i := range 8 {
			if _, err := s.AddUser(sandbox.User{ID: fmt.Sprintf("u%d", i), Email: fmt.Sprintf("p%d@example.com", i),
				Groups: []string{"everyone"}}); err != nil {
				t.Fatal(err)
			}
		}
		want := 8
		if members == sandbox.GroupMembersCapped {
			want = 5
		}
		everyone := rows(t, request(t, s, "GET", "/v2/groups", ""), "groups")[0]
		if n := len(everyone["members"].([]any)); n != want {
			t.Errorf("%q: %d members in the list, want %d", members, n, want)
		}
		path := fmt.Sprintf("/v2/groups/%s", everyone["id"])
		one := request(t, s, "GET", path, "").object["group"].(map[string]any)
		if n := len(one["members"].([]any)); n != want {
			t.Errorf("%q: %d members in the group, want %d", members, n, want)
		}
		first := request(t, s, "GET", path+"/members?per_page=5", "")
		next := first.object["meta"].(map[string]any)["links"].(map[string]any)["next"]
		second := request(t, s, "GET", fmt.Sprintf("%s/members?per_page=5&cursor=%s", path, next), "")
		wantDiff(t, "all members", []any{"u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7"},
			append(column(rows(t, first, "members"), "id"), column(rows(t, second, "members"), "id")...))
	}
}

func TestMemberIDs(t *testing.T) {
	t.Parallel()
	s := world(t, sandbox.Dialect{MemberID: sandbox.MemberIDOwn})
	path := "/v2/groups/" + byName(s.World())["platform"] + "/members"
	id := rows(t, request(t, s, "GET", path, ""), "members")[0]["id"].(string)
	if id == "member" {
		t.Error("the member's id is the user's")
	}
	if a := request(t, s, "DELETE", path+"/member", ""); a.status != 404 {
		t.Errorf("by the user's id: %d", a.status)
	}
	if a := request(t, s, "DELETE", path+"/"+id, ""); a.status != 204 {
		t.Errorf("by the member's id: %d", a.status)
	}
}

func TestSoftRemoval(t *testing.T) {
	t.Parallel()
	s := world(t, sandbox.Dialect{Removal: sandbox.RemovalSoft})
	path := "/v2/groups/" + byName(s.World())["platform"] + "/members"
	active := func() []any { return column(rows(t, request(t, s, "GET", path, ""), "members"), "active") }
	groups := func() int { return len(s.World().Users[1].Groups) }
	check := func(what string, wantActive []any, wantGroups int) {
		t.Helper()
		wantDiff(t, what, wantActive, active())
		if n := groups(); n != wantGroups {
			t.Errorf("%s: %d groups", what, n)
		}
	}
	check("at first", []any{true}, 1)
	request(t, s, "DELETE", path+"/member", "")
	check("removed", []any{false}, 0)
	if a := request(t, s, "DELETE", path+"/member", ""); a.status != 404 {
		t.Errorf("removed twice: %d", a.status)
	}
	if a := request(t, s, "PUT", path+"/member", ""); a.status != 202 {
		t.Errorf("restored: %d", a.status)
	}
	check("restored", []any{true}, 1)
	request(t, s, "DELETE", path+"/member", "")
	if a := request(t, s, "POST", path, `{"user_id": "member", "display_name": "Ada"}`); a.status != 201 {
		t.Errorf("added again: %d", a.status)
	}
	check("added again", []any{true}, 1)
	if err := s.Leave("accepted@example.com"); err != nil {
		t.Fatal(err)
	}
	wantDiff(t, "after leaving the organization", []any{false}, active())
	if a := request(t, s, "PUT", path+"/member", ""); a.status != 404 {
		t.Errorf("restored a user who is gone: %d", a.status)
	}
}

func TestDeletedGroup(t *testing.T) {
	t.Parallel()
	s := world(t, sandbox.Dialect{})
	id := byName(s.World())["platform"]
	if err := s.DeleteGroup("platform"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteGroup("platform"); err == nil {
		t.Error("deleted twice")
	}
	wantDiff(t, "status", []any{"active", "deleted"}, column(rows(t, request(t, s, "GET", "/v2/groups", ""), "groups"),
		"status"))
	if a := request(t, s, "POST", "/v2/groups/"+id+"/members",
		`{"user_id": "member", "display_name": "Ada"}`); a.status != 404 {
		t.Errorf("joined: %d", a.status)
	}
	if a := request(t, s, "GET", "/v2/groups/"+id+"/members", ""); a.status != 404 {
		t.Errorf("members: %d", a.status)
	}
}

func TestGroupsByRequest(t *testing.T) {
	t.Parallel()
	s := world(t, sandbox.Dialect{})
	made := request(t, s, "POST", "/v2/groups", `{"display_name": "ops", "description": "on call"}`)
	id := byName(s.World())["ops"]
	path := "/v2/groups/" + id
	want := map[string]any{
		"id": id, "display_name": "ops", "description": "on call", "status": "active", "members": []any{},
		"date_created": "2026-06-01T10:00:00+00:00", "date_updated": "2026-06-01T10:00:00+00:00",
	}
	wantDiff(t, "made", []any{201, map[string]any{"group": want}}, []any{made.status, made.object})
	if a := request(t, s, "POST", path+"/members", `{"user_id": "member", "display_name": "Ada"}`); a.status != 201 {
		t.Errorf("joined: %d %s", a.status, a.body)
	}
	renamed := request(t, s, "PUT", path, `{"display_name": "on-call"}`)
	if renamed.status != 200 {
		t.Errorf("renamed: %d %s", renamed.status, renamed.body)
	}
	have := request(t, s, "GET", path, "").object["group"].(map[string]any)
	wantDiff(t, "the answer to the change", have, renamed.object["group"])
	wantDiff(t, "renamed", []any{id, "on-call", ""}, []any{have["id"], have["display_name"], have["description"]})
	wantDiff(t, "its members", []string{"platform", "on-call"}, s.World().Users[1].Groups)

	absent := world(t, sandbox.Dialect{StatusField: sandbox.StatusAbsent})
	bare := request(t, absent, "POST", "/v2/groups", `{"display_name": "ops"}`).object["group"].(map[string]any)
	if _, found := bare["status"]; found {
		t.Error("status=absent: the answer to a change has a status")
	}

	steps := []struct {
		method, body string
		status       int
	}{
		{"DELETE", "", 204},
		{"DELETE", "", 404},
		{"PUT", `{"display_name": "back"}`, 404},
	}
	for _, step := range steps {
		if a := request(t, s, step.method, path, step.body); a.status != step.status {
			t.Errorf("%s: %d %s, want %d", step.method, a.status, a.body, step.status)
		}
	}
	wantDiff(t, "status", []any{"active", "active", "deleted"},
		column(rows(t, request(t, s, "GET", "/v2/groups", ""), "groups"), "status"))
	wantDiff(t, "groups afterwards", []string{"platform"}, s.World().Users[1].Groups)
}

func TestSuspendAndRemoveByRequest(t *testing.T) {
	t.Parallel()
	s := world(t, sandbox.Dialect{})
	w := s.World()
	path := func(org, user string) string { return "/v2/organizations/" + org + "/user/" + user }
	org := w.Organization.ID
	steps := []struct {
		method, path string
		status       int
		want         string // state of the member
	}{
		{"PUT", path(org, "member") + "/suspend", 204, "suspended"},
		{"PUT", path(org, "member") + "/suspend", 204, "suspended"},
		{"PUT", path(org, "member") + "/unsuspend", 204, "member"},
		{"PUT", path("other", "member") + "/suspend", 404, "member"},
		{"PUT", path(org, "nobody") + "/suspend", 404, "member"},
		{"PUT", path(org, w.Users[0].ID) + "/suspend", 403, "member"},
		{"DELETE", path(org, w.Users[0].ID), 403, "member"},
		{"DELETE", path("other", "member"), 404, "member"},
		{"DELETE", path(org, "member"), 204, "gone"},
		{"DELETE", path(org, "member"), 404, "gone"},
	}
	for _, step := range steps {
		if a := request(t, s, step.method, step.path, ""); a.status != step.status {
			t.Errorf("%s %s: %d %s, want %d", step.method, step.path, a.status, a.body, step.status)
		}
		have := "gone"
		for _, u := range s.World().Users {
			switch {
			case u.ID == "member" && u.Suspended:
				have = "suspended"
			case u.ID == "member":
				have = "member"
			}
		}
		if have != step.want {
			t.Errorf("%s %s: %s, want %s", step.method, step.path, have, step.want)
		}
	}
	if s.World().Users[0].Email != "owner@example.com" {
		t.Error("the owner is gone")
	}
}

func TestSeedsWithUnknownNames(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{})
	if _, err := s.AddUser(sandbox.User{Email: "ada@example.com", Groups: []string{"nosuch"},
		Roles: []string{"neither"}}); err == nil {
		t.Error("unknown names were taken")
	}
	if _, err := s.AddUser(sandbox.User{Email: "OWNER@example.com"}); err == nil {
		t.Error("an address was taken twice")
	}
	if n := len(s.World().Users); n != 1 {
		t.Errorf("%d users", n)
	}
}
