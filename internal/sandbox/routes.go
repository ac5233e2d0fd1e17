package sandbox

import (
	"net/http"
	"net/url"
	"strings"
)

// route is one documented request.
type route struct {
	method  string
	pattern string                    // a part in braces stands for one id
	list    bool                      // per_page and cursor are allowed
	body    func([]byte) (any, error) // reads the body; nil: there is none
	act     func(*call) reply
}

// routes are all requests that the sandbox knows: those that orgsync makes, and those that show the same things from another
// side, to tests and to other clients. Not played are the creation and deletion of users, groups, roles and policies, trusts,
// sessions and SCIM.
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
	{method: "PUT", pattern: "/v2/organizations/{id}/user/{user}/suspend", act: suspendUser},
	{method: "PUT", pattern: "/v2/organizations/{id}/user/{user}/unsuspend", act: unsuspendUser},
	{method: "DELETE", pattern: "/v2/organizations/{id}/user/{user}", act: removeUser},

	{method: "GET", pattern: "/v2/groups", list: true, act: listGroups},
	{method: "GET", pattern: "/v2/groups/{id}", act: getGroup},
	{method: "GET", pattern: "/v2/groups/{id}/members", list: true, act: listMembers},
	{method: "POST", pattern: "/v2/groups/{id}/members", body: memberBody, act: addMember},
	{method: "PUT", pattern: "/v2/groups/{id}/members/{member}", act: restoreMember},
	{method: "DELETE", pattern: "/v2/groups/{id}/members/{member}", act: removeMember},
	{method: "GET", pattern: "/v2/groups/{id}/roles", list: true, act: listGroupRoles},
	{method: "GET", pattern: "/v2/groups/{id}/policies", list: true, act: listGroupPolicies},

	{method: "GET", pattern: "/v2/roles", list: true, act: listRoles},
	{method: "GET", pattern: "/v2/roles/{id}", act: getRole},
	{method: "GET", pattern: "/v2/roles/{id}/users", list: true, act: attached(roleUser)},
	{method: "POST", pattern: "/v2/roles/{id}/users/{user}", act: attach(roleUser)},
	{method: "DELETE", pattern: "/v2/roles/{id}/users/{user}", act: detach(roleUser)},
	{method: "GET", pattern: "/v2/roles/{id}/groups", list: true, act: attached(roleGroup)},
	{method: "POST", pattern: "/v2/roles/{id}/groups/{group}", act: attach(roleGroup)},
	{method: "DELETE", pattern: "/v2/roles/{id}/groups/{group}", act: detach(roleGroup)},
	{method: "GET", pattern: "/v2/roles/{id}/policies", list: true, act: attached(rolePolicy)},
	{method: "POST", pattern: "/v2/roles/{id}/policies/{policy}", act: attach(rolePolicy)},
	{method: "DELETE", pattern: "/v2/roles/{id}/policies/{policy}", act: detach(rolePolicy)},

	{method: "GET", pattern: "/v2/policies", list: true, act: listPolicies},
	{method: "GET", pattern: "/v2/policies/{id}", act: getPolicy},
	{method: "GET", pattern: "/v2/policies/{id}/users", list: true, act: attached(policyUser)},
	{method: "POST", pattern: "/v2/policies/{id}/users/{user}", act: attach(policyUser)},
	{method: "DELETE", pattern: "/v2/policies/{id}/users/{user}", act: detach(policyUser)},
	{method: "GET", pattern: "/v2/policies/{id}/groups", list: true, act: attached(policyGroup)},
	{method: "POST", pattern: "/v2/policies/{id}/groups/{group}", act: attach(policyGroup)},
	{method: "DELETE", pattern: "/v2/policies/{id}/groups/{group}", act: detach(policyGroup)},

	// {id} may be "me" in these three.
	{method: "GET", pattern: "/v2/users/{id}/groups", list: true, act: listUserGroups},
	{method: "GET", pattern: "/v2/users/{id}/roles", list: true, act: listUserRoles},
	{method: "GET", pattern: "/v2/users/{id}/policies", list: true, act: listUserPolicies},
}

// lacking are documented requests that the sandbox does not simulate, by method.
var lacking = map[string][]string{
	"POST":   {"/v2/users", "/v2/groups", "/v2/roles", "/v2/policies", "/v2/organizations"},
	"PUT":    {"/v2/groups/{id}", "/v2/roles/{id}", "/v2/policies/{id}", "/v2/organizations/{id}"},
	"PATCH":  {"/v2/groups/{id}", "/v2/roles/{id}", "/v2/policies/{id}"},
	"DELETE": {"/v2/users/{id}", "/v2/groups/{id}", "/v2/roles/{id}", "/v2/policies/{id}", "/v2/organizations/{id}"},
}

// lackingRoute returns the pattern of a documented request that the sandbox does not simulate; ""
// for any other.
func lackingRoute(method string, parts []string) string {
	for _, pattern := range lacking[method] {
		if _, ok := (&route{pattern: pattern}).match(parts); ok {
			return pattern
		}
	}
	return ""
}

// findRoute finds the route for a request, and what stands for its ids.
func findRoute(method string, u *url.URL) (*route, []string, *refusal) {
	known := false
	// Split before unescaping: an escaped slash belongs to an id.
	parts := strings.Split(u.EscapedPath(), "/")
	for _, r := range routes {
		params, ok := r.match(parts)
		if !ok {
			continue
		}
		if r.method == method {
			return r, params, nil
		}
		known = true
	}
	if pattern := lackingRoute(method, parts); pattern != "" {
		return nil, nil, violate(http.StatusNotImplemented, "This simulation lacks "+method+" "+pattern+
			", which the real API documents")
	}
	if known {
		return nil, nil, violate(http.StatusMethodNotAllowed, method+" is not documented here")
	}
	return nil, nil, violate(http.StatusNotFound, "The simulation does not have this path: it has invitations, users, "+
		"organizations, groups, roles, policies and the account")
}

func (r *route) match(parts []string) (params []string, ok bool) {
	pattern := strings.Split(r.pattern, "/")
	if len(parts) != len(pattern) {
		return nil, false
	}
	for i, want := range pattern {
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

func getAccount(c *call) reply {
	owner := c.owner()
	return reply{status: http.StatusOK, object: object{"account": object{
		"name": owner.Name, "email": owner.Email, "acls": allACLs, "balance": 0, "pending_charges": 0,
		"last_payment_date": "", "last_payment_amount": 0,
	}}}
}
