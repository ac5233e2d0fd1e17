package sandbox

import (
	"net/http"
	"net/url"
	"strings"
)

// route is a kind of request that the server simulates.
type route struct {
	method  string
	pattern string                    // has {…} in place of each id
	list    bool                      // it is a list, which has the parameters per_page and cursor
	body    func([]byte) (any, error) // parses the body; nil: the request has no body
	act     func(*call) *reply
}

// routes are all requests that the server simulates: the requests of orgsync, and others that tests and other
// clients use. It does not simulate the creation and deletion of users, roles, policies and organizations, or
// trusts, sessions and SCIM.
var routes = []*route{
	{method: "GET", pattern: "/v2/account", act: getAccount},

	{method: "GET", pattern: "/v2/invitation", list: true, act: listInvitations},
	{method: "POST", pattern: "/v2/invitation", body: inviteBody, act: createInvitation},
	{method: "GET", pattern: "/v2/invitation/{id}", act: getInvitation},
	{method: "POST", pattern: "/v2/invitation/{id}/resend", act: resendInvitation},

	{method: "GET", pattern: "/v2/users", list: true, act: listUsers},
	{method: "GET", pattern: "/v2/users/{id}", act: getUser},
	{method: "PATCH", pattern: "/v2/users/{id}", body: patchBody, act: patchUser},

	{method: "GET", pattern: "/v2/organizations", list: true, act: listOrganizations},
	{method: "GET", pattern: "/v2/organizations/{id}", act: getOrganization},
	{method: "GET", pattern: "/v2/organizations/{id}/suspended-users", list: true, act: listSuspendedUsers},
	{method: "PUT", pattern: "/v2/organizations/{id}/user/{user}/suspend", act: setSuspended(true)},
	{method: "PUT", pattern: "/v2/organizations/{id}/user/{user}/unsuspend", act: setSuspended(false)},
	{method: "DELETE", pattern: "/v2/organizations/{id}/user/{user}", act: removeUser},

	{method: "GET", pattern: "/v2/groups", list: true, act: listGroups},
	{method: "POST", pattern: "/v2/groups", body: groupBody, act: createGroup},
	{method: "GET", pattern: "/v2/groups/{id}", act: getGroup},
	{method: "PUT", pattern: "/v2/groups/{id}", body: groupBody, act: updateGroup},
	{method: "DELETE", pattern: "/v2/groups/{id}", act: deleteGroup},
	{method: "GET", pattern: "/v2/groups/{id}/members", list: true, act: listMembers},
	{method: "POST", pattern: "/v2/groups/{id}/members", body: memberBody, act: addMember},
	{method: "PUT", pattern: "/v2/groups/{id}/members/{member}", act: restoreMember},
	{method: "DELETE", pattern: "/v2/groups/{id}/members/{member}", act: removeMember},
	{method: "GET", pattern: "/v2/groups/{id}/roles", list: true, act: listGroupRoles},
	{method: "GET", pattern: "/v2/groups/{id}/policies", list: true, act: listGroupPolicies},

	{method: "GET", pattern: "/v2/roles", list: true, act: listRoles},
	{method: "GET", pattern: "/v2/roles/{id}", act: getRole},
	{method: "GET", pattern: "/v2/roles/{id}/users", list: true, act: listAttached(roleUser)},
	{method: "POST", pattern: "/v2/roles/{id}/users/{user}", act: attach(roleUser)},
	{method: "DELETE", pattern: "/v2/roles/{id}/users/{user}", act: detach(roleUser)},
	{method: "GET", pattern: "/v2/roles/{id}/groups", list: true, act: listAttached(roleGroup)},
	{method: "POST", pattern: "/v2/roles/{id}/groups/{group}", act: attach(roleGroup)},
	{method: "DELETE", pattern: "/v2/roles/{id}/groups/{group}", act: detach(roleGroup)},
	{method: "GET", pattern: "/v2/roles/{id}/policies", list: true, act: listAttached(rolePolicy)},
	{method: "POST", pattern: "/v2/roles/{id}/policies/{policy}", act: attach(rolePolicy)},
	{method: "DELETE", pattern: "/v2/roles/{id}/policies/{policy}", act: detach(rolePolicy)},

	{method: "GET", pattern: "/v2/policies", list: true, act: listPolicies},
	{method: "GET", pattern: "/v2/policies/{id}", act: getPolicy},
	{method: "GET", pattern: "/v2/policies/{id}/users", list: true, act: listAttached(policyUser)},
	{method: "POST", pattern: "/v2/policies/{id}/users/{user}", act: attach(policyUser)},
	{method: "DELETE", pattern: "/v2/policies/{id}/users/{user}", act: detach(policyUser)},
	{method: "GET", pattern: "/v2/policies/{id}/groups", list: true, act: listAttached(policyGroup)},
	{method: "POST", pattern: "/v2/policies/{id}/groups/{group}", act: attach(policyGroup)},
	{method: "DELETE", pattern: "/v2/policies/{id}/groups/{group}", act: detach(policyGroup)},

	// {id} may be "me" in these three.
	{method: "GET", pattern: "/v2/users/{id}/groups", list: true, act: listUserGroups},
	{method: "GET", pattern: "/v2/users/{id}/roles", list: true, act: listUserRoles},
	{method: "GET", pattern: "/v2/users/{id}/policies", list: true, act: listUserPolicies},
}

// notSimulated are documented requests that the server does not simulate, by method. Some are only in govultr.
var notSimulated = map[string][]string{
	"GET": {
		"/v2/role-trusts", "/v2/role-trusts/{id}", "/v2/role-trusts/by-role/{id}", "/v2/role-trusts/assumable/{id}",
		"/v2/assumed-roles/{token}", "/v2/assumed-roles/users/{id}/sessions",
	},
	"POST": {"/v2/users", "/v2/roles", "/v2/policies", "/v2/organizations", "/v2/role-trusts", "/v2/assumed-roles/assume"},
	"PUT":  {"/v2/roles/{id}", "/v2/policies/{id}", "/v2/organizations/{id}", "/v2/role-trusts/{id}"},
	"PATCH": {
		"/v2/roles/{id}", "/v2/policies/{id}", "/v2/roles/{id}/restore", "/v2/policies/{id}/restore",
		"/v2/organizations/{id}/restore", "/v2/role-trusts/{id}/restore",
	},
	"DELETE": {
		"/v2/users/{id}", "/v2/roles/{id}", "/v2/policies/{id}", "/v2/organizations/{id}", "/v2/role-trusts/{id}",
		"/v2/assumed-roles/{token}",
	},
}

// findRoute returns the route of a request and the ids in its path, or a refusal if there is no such route.
func findRoute(method string, u *url.URL) (*route, []string, *reply) {
	known := false
	// The path is split before it is unescaped, because an escaped slash is a part of an id.
	parts := strings.Split(u.EscapedPath(), "/")
	for _, r := range routes {
		params, ok := match(r.pattern, parts)
		if !ok {
			continue
		}
		if r.method == method {
			return r, params, nil
		}
		known = true
	}
	for _, pattern := range notSimulated[method] {
		if _, ok := match(pattern, parts); ok {
			return nil, nil, violate(http.StatusNotImplemented, "This simulation lacks "+method+" "+pattern+
				", which the real API documents")
		}
	}
	if known {
		return nil, nil, violate(http.StatusMethodNotAllowed, method+" is not documented here")
	}
	return nil, nil, violate(http.StatusNotFound, "The simulation does not have this path: it has invitations, users, "+
		"organizations, groups, roles, policies and the account")
}

// match returns the ids in the parts of a path; ok is false if the path does not match the pattern.
func match(pattern string, parts []string) (params []string, ok bool) {
	wanted := strings.Split(pattern, "/")
	if len(parts) != len(wanted) {
		return nil, false
	}
	for i, want := range wanted {
		if !strings.HasPrefix(want, "{") {
			if parts[i] != want {
				return nil, false
			}
			continue
		}
		id, err := url.PathUnescape(parts[i])
		if err != nil || id == "" || id == "." || id == ".." {
			return nil, false
		}
		params = append(params, id)
	}
	return params, true
}

// lookUpIDs sets the fields of c to the objects with the ids in the path. It returns a refusal if an object does not
// exist. The part of the path before an id says what kind of object it is.
func (c *call) lookUpIDs() *reply {
	parts := strings.Split(c.route.pattern, "/")
	n := 0
	for i, part := range parts {
		if !strings.HasPrefix(part, "{") {
			continue
		}
		if refused := c.lookUpID(parts[i-1], c.params[n]); refused != nil {
			return refused
		}
		n++
	}
	return nil
}

func (c *call) lookUpID(kind, id string) *reply {
	found, text := true, ""
	switch kind {
	case "invitation":
		text = inviteNotFound
		c.invitation, found = c.visibleInvitation(c.dialect, c.now, id)
	case "organizations":
		text = organizationNotFound
		found = id == c.Organization.ID || id == c.Other.ID && c.dialect.Organizations == OrganizationsSeveral &&
			c.route.pattern == "/v2/organizations/{id}"
	case "user", "users":
		text = userNotFound
		if id == "me" && c.route.list {
			c.user = c.owner()
			break
		}
		isReadAlone := c.route.method == http.MethodGet && c.route.pattern == "/v2/users/{id}"
		if c.user, found = c.Users.get(id); !found && isReadAlone {
			c.user, found = c.findInvited(id)
		}
	case "groups":
		text = groupNotFound
		c.group, found = c.Groups.get(id)
		// A deleted group can only be read.
		found = found && (!c.group.Deleted || c.route.method == http.MethodGet && c.route.pattern == "/v2/groups/{id}")
	case "members":
		text = memberNotFound
		c.member, found = c.findMember(id)
	case "roles":
		text = roleNotFound
		c.role, found = c.Roles.get(id)
	case "policies":
		text = policyNotFound
		c.policy, found = c.Policies.get(id)
	}
	switch {
	case !found:
		return refuse(http.StatusNotFound, text)
	case kind == "user" && c.user.ID == c.OwnerID: // what-is-the-difference-between-root-owner-and-organization-admin
		return refuse(http.StatusForbidden, "The organization owner cannot be suspended or removed")
	}
	return nil
}

func getAccount(c *call) *reply {
	owner := c.owner()
	return &reply{status: http.StatusOK, object: object{"account": object{
		"name": owner.Name, "email": owner.Email, "acls": allACLs, "balance": 0, "pending_charges": 0,
		"last_payment_date": "", "last_payment_amount": 0,
	}}}
}
