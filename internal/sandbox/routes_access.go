package sandbox

import (
	"net/http"
	"slices"
)

// Texts that Vultr's Terraform provider looks for.
const (
	roleNotFound   = "Role not found"
	policyNotFound = "Policy not found"
)

func listRoles(c *call) *reply {
	return listTable(c, "roles", &c.Roles, func(_ moment, r Role) object { return c.roleObject(r) })
}

func getRole(c *call) *reply {
	return &reply{status: http.StatusOK, object: object{"role": c.roleObject(c.role)}}
}

func listPolicies(c *call) *reply {
	return listTable(c, "policies", &c.Policies, func(_ moment, p Policy) object { return c.policyObject(p) })
}

func getPolicy(c *call) *reply {
	return &reply{status: http.StatusOK, object: object{"policy": c.policyObject(c.policy)}}
}

func roleType(r Role) string {
	if r.Assumable {
		return "assumable"
	}
	return "assignable"
}

func (c *call) roleObject(r Role) object {
	links := c.links(present, rolePolicy, r.ID, "")
	policies := objects(links, c.linkObject)
	if c.dialect.Relations == RelationsDirect {
		policies = objects(links, c.assignmentObject)
	}
	return object{
		"id": r.ID, "name": r.Name, "description": r.Description, "role_type": roleType(r), "max_session_duration": 3600,
		"date_created": c.dialect.date(r.Created), "policies": policies,
	}
}

func (c *call) policyObject(p Policy) object {
	return object{
		"id": p.ID, "name": p.Name, "description": p.Description, "version": "v1", "is_system_policy": p.System,
		"date_created": c.dialect.date(p.Created),
		"policy_document": object{
			"Version":   "2012-10-17",
			"Statement": []object{{"Effect": "Allow", "Action": []string{"*"}, "Resource": []string{"*"}}},
		},
	}
}

// linkObject is a relationship as the OpenAPI file's iam-…-relationship schemas have it.
func (c *call) linkObject(l link) object {
	o := object{"date_assigned": c.dialect.date(l.Assigned), "assigned_by": ownerEmail}
	switch l.Kind {
	case roleUser, roleGroup, rolePolicy:
		r := c.Roles.last(l.From)
		o["role_id"], o["role_name"], o["role_description"], o["role_type"] = r.ID, r.Name, r.Description, roleType(r)
	default:
		p := c.Policies.last(l.From)
		o["policy_id"], o["policy_name"], o["policy_description"] = p.ID, p.Name, p.Description
	}
	switch l.Kind {
	case roleUser, policyUser:
		o["user_id"] = l.To
	case roleGroup, policyGroup:
		o["group_id"], o["group_name"] = l.To, c.Groups.last(l.To).Name
	default:
		p := c.Policies.last(l.To)
		o["policy_id"], o["policy_name"] = p.ID, p.Name
	}
	return o
}

// attach is POST /v2/roles/{id}/users/{user} and its like. Attaching twice is no error: the documents have no code for
// it.
func attach(kind linkKind) func(*call) *reply {
	return func(c *call) *reply {
		if kind == roleUser && c.role.Assumable {
			// Roles of this type are assumed in a session, not held (what-are-roles).
			return refuse(http.StatusBadRequest, "An assumable role cannot be assigned to a user")
		}
		l := link{Kind: kind, From: c.params[0], To: c.params[1], Assigned: whole(c.now)}
		if was, already := c.Links.get(l.id()); already {
			l = was
		} else {
			c.Links.put(c.next(c.now), l.id(), l)
		}
		return c.single(http.StatusCreated, relations[kind].name, c.linkObject(l))
	}
}

// relations has the name of one link, and the key of a list of them that govultr reads.
var relations = map[linkKind]struct{ name, assigned string }{
	roleUser:    {"role_user_relationship", "assignments"},
	roleGroup:   {"role_group_relationship", "assignments"},
	rolePolicy:  {"role_policy_relationship", "policies"},
	policyUser:  {"policy_user_relationship", "users"},
	policyGroup: {"policy_group_relationship", "groups"},
}

// detach is DELETE on the same paths.
func detach(kind linkKind) func(*call) *reply {
	return func(c *call) *reply {
		l := link{Kind: kind, From: c.params[0], To: c.params[1]}
		if _, ok := c.Links.get(l.id()); !ok {
			return refuse(http.StatusNotFound, "Not assigned")
		}
		c.Links.drop(c.next(c.now), l.id())
		return &reply{status: http.StatusNoContent}
	}
}

// attached is GET /v2/roles/{id}/users and its like: what a role or policy is directly attached to, or the policies of
// a role.
func attached(kind linkKind) func(*call) *reply {
	return func(c *call) *reply {
		m := c.moment(false)
		links := c.links(m, kind, c.params[0], "")
		if c.dialect.Relations != RelationsDirect {
			return listOf(c, relations[kind].name+"s", m, links, c.linkObject)
		}
		return listOf(c, relations[kind].assigned, m, links, c.assignmentObject)
	}
}

// assignmentObject is an attachment as govultr reads it: sometimes the thing attached.
func (c *call) assignmentObject(l link) object {
	switch l.Kind {
	case rolePolicy:
		return c.policyObject(c.Policies.last(l.To))
	case policyUser:
		o := c.memberObject(member{ID: l.To, User: l.To, Created: l.Assigned, Updated: l.Assigned}, c.Users.last(l.To))
		o["assignment_type"], o["assigned_date"] = "direct", c.dialect.date(l.Assigned)
		return o
	case policyGroup:
		o := c.groupObject(c.moment(false), c.Groups.last(l.To))
		o["assigned_date"] = c.dialect.date(l.Assigned)
		return o
	}
	return c.linkObject(l)
}

// listUserGroups is GET /v2/users/{id}/groups; "me" is the key's own user.
func listUserGroups(c *call) *reply {
	m := c.moment(false)
	return listOf(c, "groups", m, c.groupsOf(m, c.user.ID), func(g Group) object { return c.groupObject(m, g) })
}

// listUserRoles is GET /v2/users/{id}/roles: direct and inherited ones, which relationships do not tell apart.
func listUserRoles(c *call) *reply {
	m := c.moment(false)
	direct, inherited := c.links(m, roleUser, "", c.user.ID), []link{}
	for _, g := range c.groupsOf(m, c.user.ID) {
		inherited = append(inherited, c.links(m, roleGroup, "", g.ID)...)
	}
	if c.dialect.Relations == RelationsDirect {
		return c.origins("roles", "inherited", c.rolesOf(direct), c.rolesOf(inherited))
	}
	return listOf(c, "roles", m, slices.Concat(direct, inherited), c.userLinkObject)
}

// listUserPolicies is GET /v2/users/{id}/policies: direct ones, and those from groups and roles.
func listUserPolicies(c *call) *reply {
	m := c.moment(false)
	direct, inherited := c.links(m, policyUser, "", c.user.ID), c.policiesOfRoles(m, c.links(m, roleUser, "", c.user.ID))
	for _, g := range c.groupsOf(m, c.user.ID) {
		inherited = append(inherited, c.links(m, policyGroup, "", g.ID)...)
		inherited = append(inherited, c.policiesOfRoles(m, c.links(m, roleGroup, "", g.ID))...)
	}
	if c.dialect.Relations == RelationsDirect {
		return c.origins("policies", "inherited", c.policiesOf(direct), c.policiesOf(inherited))
	}
	return listOf(c, "policies", m, slices.Concat(direct, inherited), c.userLinkObject)
}

func listGroupRoles(c *call) *reply {
	m := c.moment(false)
	links := c.links(m, roleGroup, "", c.group.ID)
	if c.dialect.Relations == RelationsDirect {
		return c.origins("roles", "inherited", c.rolesOf(links), nil)
	}
	return listOf(c, "role_group_relationships", m, links, c.linkObject)
}

func listGroupPolicies(c *call) *reply {
	m := c.moment(false)
	links := c.links(m, policyGroup, "", c.group.ID)
	if c.dialect.Relations == RelationsDirect {
		return c.origins("policies", "from_roles", c.policiesOf(links),
			c.policiesOf(c.policiesOfRoles(m, c.links(m, roleGroup, "", c.group.ID))))
	}
	return listOf(c, "policy_group_relationships", m, links, c.linkObject)
}

// origins is govultr's form of what somebody has: all, direct, and what came another way. It has no pages.
func (c *call) origins(key, other string, direct, rest []object) *reply {
	list := func(parts ...[]object) []object { return append([]object{}, slices.Concat(parts...)...) } // never null
	body := object{key: object{"all": list(direct, rest), "direct": list(direct), other: list(rest)}}
	if meta, told := c.meta(len(direct)+len(rest), true, ""); told {
		body["meta"] = meta
	}
	return &reply{status: http.StatusOK, object: body}
}

func (c *call) rolesOf(links []link) []object {
	return objects(links, func(l link) object {
		r := c.Roles.last(l.From)
		row := c.roleObject(r)
		row["display_name"], row["date_assigned"] = r.Name, c.dialect.date(l.Assigned) // as a group's roles are read
		return row
	})
}

// policiesOf are the policies that links come from or, if they come from roles, lead to.
func (c *call) policiesOf(links []link) []object {
	return objects(links, func(l link) object {
		if l.Kind == rolePolicy {
			row := c.policyObject(c.Policies.last(l.To))
			row["source"], row["from_role"] = "role", l.From
			return row
		}
		row := c.policyObject(c.Policies.last(l.From))
		row["source"] = "direct"
		return row
	})
}

func (c *call) policiesOfRoles(m moment, roles []link) (found []link) {
	for _, l := range roles {
		found = append(found, c.links(m, rolePolicy, l.From, "")...)
	}
	return found
}

// userLinkObject writes a link as a relationship of c.user, however it came to them.
func (c *call) userLinkObject(l link) object {
	row := c.linkObject(l)
	delete(row, "group_id")
	delete(row, "group_name")
	row["user_id"] = c.user.ID
	return row
}
