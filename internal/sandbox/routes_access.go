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

// linkObject returns the object for a link. It has the form of the schemas iam-…-relationship in the OpenAPI file.
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

// attach returns the handler of POST /v2/roles/{id}/users/{user} and similar requests. It is not an error to attach
// something twice, because the documents have no status for that.
func attach(kind linkKind) func(*call) *reply {
	return func(c *call) *reply {
		if kind == roleUser && c.role.Assumable {
			// An assumable role is assumed in a session. It cannot be assigned (what-are-roles).
			return refuse(http.StatusBadRequest, "An assumable role cannot be assigned to a user")
		}
		l := link{Kind: kind, From: c.params[0], To: c.params[1], Assigned: wholeSeconds(c.now)}
		if existing, ok := c.Links.get(l.id()); ok {
			l = existing
		} else {
			c.Links.put(c.nextStamp(c.now), l.id(), l)
		}
		return c.singleObject(http.StatusCreated, relations[kind].name, c.linkObject(l))
	}
}

// relations has the key of a single link, and the key of a list of links in the form of govultr. The key of a list
// in the OpenAPI file is the name with an s.
var relations = map[linkKind]struct{ name, govultrList string }{
	roleUser:    {"role_user_relationship", "assignments"},
	roleGroup:   {"role_group_relationship", "assignments"},
	rolePolicy:  {"role_policy_relationship", "policies"},
	policyUser:  {"policy_user_relationship", "users"},
	policyGroup: {"policy_group_relationship", "groups"},
}

// detach returns the handler of DELETE on the same paths as [attach].
func detach(kind linkKind) func(*call) *reply {
	return func(c *call) *reply {
		l := link{Kind: kind, From: c.params[0], To: c.params[1]}
		if _, ok := c.Links.get(l.id()); !ok {
			return refuse(http.StatusNotFound, "Not assigned")
		}
		c.Links.drop(c.nextStamp(c.now), l.id())
		return &reply{status: http.StatusNoContent}
	}
}

// listAttached returns the handler of GET /v2/roles/{id}/users and similar lists: what a role or policy is directly
// attached to, or the policies of a role.
func listAttached(kind linkKind) func(*call) *reply {
	return func(c *call) *reply {
		m := c.moment(false)
		links := c.links(m, kind, c.params[0], "")
		if c.dialect.Relations != RelationsDirect {
			return listOf(c, relations[kind].name+"s", m, links, c.linkObject)
		}
		return listOf(c, relations[kind].govultrList, m, links, c.assignmentObject)
	}
}

// assignmentObject returns the object for a link in the form of govultr. In some lists, this is the object to which
// the role or policy is attached.
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

// listUserGroups is GET /v2/users/{id}/groups. The id "me" means the user of the key.
func listUserGroups(c *call) *reply {
	m := c.moment(false)
	return listOf(c, "groups", m, c.groupsOf(m, c.user.ID), func(g Group) object { return c.groupObject(m, g) })
}

// listUserRoles is GET /v2/users/{id}/roles. It lists the direct roles and those that groups have. Only the form of
// govultr says which of them are direct.
func listUserRoles(c *call) *reply {
	m := c.moment(false)
	direct, inherited := c.links(m, roleUser, "", c.user.ID), []link{}
	for _, g := range c.groupsOf(m, c.user.ID) {
		inherited = append(inherited, c.links(m, roleGroup, "", g.ID)...)
	}
	if c.dialect.Relations == RelationsDirect {
		return c.listBySource("roles", "inherited", c.rolesOf(direct), c.rolesOf(inherited))
	}
	return listOf(c, "roles", m, slices.Concat(direct, inherited), c.userLinkObject)
}

// listUserPolicies is GET /v2/users/{id}/policies. It lists the direct policies, and those of the groups and roles of
// the user.
func listUserPolicies(c *call) *reply {
	m := c.moment(false)
	direct, inherited := c.links(m, policyUser, "", c.user.ID), c.policiesOfRoles(m, c.links(m, roleUser, "", c.user.ID))
	for _, g := range c.groupsOf(m, c.user.ID) {
		inherited = append(inherited, c.links(m, policyGroup, "", g.ID)...)
		inherited = append(inherited, c.policiesOfRoles(m, c.links(m, roleGroup, "", g.ID))...)
	}
	if c.dialect.Relations == RelationsDirect {
		return c.listBySource("policies", "inherited", c.policiesOf(direct), c.policiesOf(inherited))
	}
	return listOf(c, "policies", m, slices.Concat(direct, inherited), c.userLinkObject)
}

func listGroupRoles(c *call) *reply {
	m := c.moment(false)
	links := c.links(m, roleGroup, "", c.group.ID)
	if c.dialect.Relations == RelationsDirect {
		return c.listBySource("roles", "inherited", c.rolesOf(links), nil)
	}
	return listOf(c, "role_group_relationships", m, links, c.linkObject)
}

func listGroupPolicies(c *call) *reply {
	m := c.moment(false)
	links := c.links(m, policyGroup, "", c.group.ID)
	if c.dialect.Relations == RelationsDirect {
		return c.listBySource("policies", "from_roles", c.policiesOf(links),
			c.policiesOf(c.policiesOfRoles(m, c.links(m, roleGroup, "", c.group.ID))))
	}
	return listOf(c, "policy_group_relationships", m, links, c.linkObject)
}

// listBySource returns a list in the form of govultr: an object with the lists "all", "direct" and, under the key
// otherKey, others. It has no pages.
func (c *call) listBySource(key, otherKey string, direct, others []object) *reply {
	list := func(parts ...[]object) []object { return append([]object{}, slices.Concat(parts...)...) } // never nil
	body := object{key: object{"all": list(direct, others), "direct": list(direct), otherKey: list(others)}}
	if meta, hasMeta := c.meta(len(direct)+len(others), true, ""); hasMeta {
		body["meta"] = meta
	}
	return &reply{status: http.StatusOK, object: body}
}

func (c *call) rolesOf(links []link) []object {
	return objects(links, func(l link) object {
		r := c.Roles.last(l.From)
		row := c.roleObject(r)
		row["display_name"], row["date_assigned"] = r.Name, c.dialect.date(l.Assigned) // for the roles of a group
		return row
	})
}

// policiesOf returns the objects for the policies in links, as policyNames finds them.
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

// policiesOfRoles returns the links from some roles to their policies. Each link in roles begins at one of these
// roles.
func (c *call) policiesOfRoles(m moment, roles []link) (found []link) {
	for _, l := range roles {
		found = append(found, c.links(m, rolePolicy, l.From, "")...)
	}
	return found
}

// userLinkObject returns the object for a link as if it attached something directly to c.user, even if c.user has it
// through a group or role.
func (c *call) userLinkObject(l link) object {
	row := c.linkObject(l)
	delete(row, "group_id")
	delete(row, "group_name")
	row["user_id"] = c.user.ID
	return row
}
