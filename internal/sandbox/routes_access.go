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

func listRoles(c *call) reply {
	m := c.moment(false)
	rows := []object{}
	for r := range c.Roles.rowsAt(m) {
		rows = append(rows, c.roleObject(r))
	}
	return c.list("roles", m, rows)
}

func getRole(c *call) reply {
	r, ok := c.Roles.get(c.params[0])
	if !ok {
		return refused(refuse(http.StatusNotFound, roleNotFound))
	}
	return reply{status: http.StatusOK, object: object{"role": c.roleObject(r)}}
}

func listPolicies(c *call) reply {
	m := c.moment(false)
	rows := []object{}
	for p := range c.Policies.rowsAt(m) {
		rows = append(rows, c.policyObject(p))
	}
	return c.list("policies", m, rows)
}

func getPolicy(c *call) reply {
	p, ok := c.Policies.get(c.params[0])
	if !ok {
		return refused(refuse(http.StatusNotFound, policyNotFound))
	}
	return reply{status: http.StatusOK, object: object{"policy": c.policyObject(p)}}
}

func roleType(r role) string {
	if r.Assumable {
		return "assumable"
	}
	return "assignable"
}

func (c *call) roleObject(r role) object {
	return object{
		"id": r.ID, "name": r.Name, "description": r.Description, "role_type": roleType(r), "max_session_duration": 3600,
		"date_created": c.dialect.date(r.Created), "policies": c.linkObjects(c.links(present, rolePolicy, r.ID, "")),
	}
}

func (c *call) policyObject(p policy) object {
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

func (c *call) linkObjects(links []link) []object {
	rows := []object{}
	for _, l := range links {
		rows = append(rows, c.linkObject(l))
	}
	return rows
}

// origin checks that the role or policy exists that a link comes from.
func (c *call) origin(kind linkKind, id string) *refusal {
	switch kind {
	case roleUser, roleGroup, rolePolicy:
		if _, ok := c.Roles.get(id); !ok {
			return refuse(http.StatusNotFound, roleNotFound)
		}
	default:
		if _, ok := c.Policies.get(id); !ok {
			return refuse(http.StatusNotFound, policyNotFound)
		}
	}
	return nil
}

// ends checks that both ends of a link exist.
func (c *call) ends(kind linkKind, from, to string) *refusal {
	if no := c.origin(kind, from); no != nil {
		return no
	}
	switch kind {
	case roleUser, policyUser:
		if _, ok := c.Users.get(to); !ok {
			return refuse(http.StatusNotFound, userNotFound)
		}
	case roleGroup, policyGroup:
		_, no := c.activeGroup(to)
		return no
	default:
		if _, ok := c.Policies.get(to); !ok {
			return refuse(http.StatusNotFound, policyNotFound)
		}
	}
	return nil
}

// attach is POST /v2/roles/{id}/users/{user} and its like. Attaching twice is no error: the documents have no code for it.
func attach(kind linkKind) func(*call) reply {
	return func(c *call) reply {
		from, to := c.params[0], c.params[1]
		if no := c.ends(kind, from, to); no != nil {
			return refused(no)
		}
		if r, _ := c.Roles.get(from); kind == roleUser && r.Assumable {
			// Roles of this type are assumed in a session, not held (what-are-roles).
			return refused(refuse(http.StatusBadRequest, "An assumable role cannot be assigned to a user"))
		}
		l := link{Kind: kind, From: from, To: to, Assigned: whole(c.now)}
		if was, already := c.Links.get(l.id()); already {
			l = was
		} else {
			c.Links.put(c.next(c.now), l.id(), l)
		}
		return c.single(http.StatusCreated, linkNames[kind], c.linkObject(l))
	}
}

var linkNames = map[linkKind]string{
	roleUser: "role_user_relationship", roleGroup: "role_group_relationship", rolePolicy: "role_policy_relationship",
	policyUser: "policy_user_relationship", policyGroup: "policy_group_relationship",
}

// detach is DELETE on the same paths.
func detach(kind linkKind) func(*call) reply {
	return func(c *call) reply {
		from, to := c.params[0], c.params[1]
		if no := c.ends(kind, from, to); no != nil {
			return refused(no)
		}
		l := link{Kind: kind, From: from, To: to}
		if _, ok := c.Links.get(l.id()); !ok {
			return refused(refuse(http.StatusNotFound, "Not assigned"))
		}
		c.Links.drop(c.next(c.now), l.id())
		return reply{status: http.StatusNoContent}
	}
}

// attached is GET /v2/roles/{id}/users and its like: what a role or policy is directly attached to, or the policies of a role.
func attached(kind linkKind) func(*call) reply {
	return func(c *call) reply {
		id := c.params[0]
		if no := c.origin(kind, id); no != nil {
			return refused(no)
		}
		m := c.moment(false)
		links := c.links(m, kind, id, "")
		if c.dialect.Relations != RelationsDirect {
			return c.list(linkNames[kind]+"s", m, c.linkObjects(links))
		}
		rows := []object{}
		for _, l := range links {
			rows = append(rows, c.assignmentObject(m, l))
		}
		return c.list(assignmentKeys[kind], m, rows)
	}
}

// The keys that govultr reads.
var assignmentKeys = map[linkKind]string{
	roleUser: "assignments", roleGroup: "assignments", rolePolicy: "policies", policyUser: "users", policyGroup: "groups",
}

// assignmentObject is an attachment as govultr reads it: sometimes the thing attached.
func (c *call) assignmentObject(m moment, l link) object {
	switch l.Kind {
	case rolePolicy:
		return c.policyObject(c.Policies.last(l.To))
	case policyUser:
		o := c.memberObject(member{ID: l.To, User: l.To, Created: l.Assigned, Updated: l.Assigned}, c.Users.last(l.To))
		o["assignment_type"], o["assigned_date"] = "direct", c.dialect.date(l.Assigned)
		return o
	case policyGroup:
		o := c.groupObject(m, c.Groups.last(l.To))
		o["assigned_date"] = c.dialect.date(l.Assigned)
		return o
	}
	return c.linkObject(l)
}

// listUserGroups is GET /v2/users/{id}/groups; "me" is the key's own user.
func listUserGroups(c *call) reply {
	u, no := c.userOrMe()
	if no != nil {
		return refused(no)
	}
	m := c.moment(false)
	rows := []object{}
	for _, g := range c.groupsOf(m, u.ID) {
		rows = append(rows, c.groupObject(m, g))
	}
	return c.list("groups", m, rows)
}

// listUserRoles is GET /v2/users/{id}/roles: direct and inherited ones, which relationships do not tell apart.
func listUserRoles(c *call) reply {
	u, no := c.userOrMe()
	if no != nil {
		return refused(no)
	}
	m := c.moment(false)
	direct, inherited := c.links(m, roleUser, "", u.ID), []link{}
	for _, g := range c.groupsOf(m, u.ID) {
		inherited = append(inherited, c.links(m, roleGroup, "", g.ID)...)
	}
	if c.dialect.Relations == RelationsDirect {
		return c.origins("roles", "inherited", c.rolesOf(direct), c.rolesOf(inherited))
	}
	return c.list("roles", m, c.userLinkObjects(u, direct, inherited))
}

// listUserPolicies is GET /v2/users/{id}/policies: direct ones, and those from groups and roles.
func listUserPolicies(c *call) reply {
	u, no := c.userOrMe()
	if no != nil {
		return refused(no)
	}
	m := c.moment(false)
	direct, inherited := c.links(m, policyUser, "", u.ID), c.policiesOfRoles(m, c.links(m, roleUser, "", u.ID))
	for _, g := range c.groupsOf(m, u.ID) {
		inherited = append(inherited, c.links(m, policyGroup, "", g.ID)...)
		inherited = append(inherited, c.policiesOfRoles(m, c.links(m, roleGroup, "", g.ID))...)
	}
	if c.dialect.Relations == RelationsDirect {
		return c.origins("policies", "inherited", c.policiesOf(direct), c.policiesOf(inherited))
	}
	return c.list("policies", m, c.userLinkObjects(u, direct, inherited))
}

func listGroupRoles(c *call) reply {
	g, no := c.activeGroup(c.params[0])
	if no != nil {
		return refused(no)
	}
	m := c.moment(false)
	links := c.links(m, roleGroup, "", g.ID)
	if c.dialect.Relations == RelationsDirect {
		return c.origins("roles", "inherited", c.rolesOf(links), nil)
	}
	return c.list("role_group_relationships", m, c.linkObjects(links))
}

func listGroupPolicies(c *call) reply {
	g, no := c.activeGroup(c.params[0])
	if no != nil {
		return refused(no)
	}
	m := c.moment(false)
	links := c.links(m, policyGroup, "", g.ID)
	if c.dialect.Relations == RelationsDirect {
		return c.origins("policies", "from_roles", c.policiesOf(links), c.policiesOf(c.policiesOfRoles(m, c.links(m, roleGroup, "", g.ID))))
	}
	return c.list("policy_group_relationships", m, c.linkObjects(links))
}

// origins is govultr's form of what somebody has: all, direct, and what came another way. It has no pages.
func (c *call) origins(key, other string, direct, rest []object) reply {
	list := func(parts ...[]object) []object { return append([]object{}, slices.Concat(parts...)...) } // never null
	body := object{key: object{"all": list(direct, rest), "direct": list(direct), other: list(rest)}}
	if meta, told := c.meta(len(direct)+len(rest), true, ""); told {
		body["meta"] = meta
	}
	return reply{status: http.StatusOK, object: body}
}

func (c *call) rolesOf(links []link) (rows []object) {
	for _, l := range links {
		r := c.Roles.last(l.From)
		row := c.roleObject(r)
		row["display_name"], row["date_assigned"] = r.Name, c.dialect.date(l.Assigned) // as a group's roles are read
		rows = append(rows, row)
	}
	return rows
}

// policiesOf are the policies that links come from or, if they come from roles, lead to.
func (c *call) policiesOf(links []link) (rows []object) {
	for _, l := range links {
		var row object
		if l.Kind == rolePolicy {
			row = c.policyObject(c.Policies.last(l.To))
			row["source"], row["from_role"] = "role", l.From
		} else {
			row = c.policyObject(c.Policies.last(l.From))
			row["source"] = "direct"
		}
		rows = append(rows, row)
	}
	return rows
}

func (c *call) policiesOfRoles(m moment, roles []link) (found []link) {
	for _, l := range roles {
		found = append(found, c.links(m, rolePolicy, l.From, "")...)
	}
	return found
}

// userLinkObjects writes links as relationships of u, however u came to them.
func (c *call) userLinkObjects(u user, direct, inherited []link) []object {
	rows := c.linkObjects(slices.Concat(direct, inherited))
	for _, row := range rows {
		delete(row, "group_id")
		delete(row, "group_name")
		row["user_id"] = u.ID
	}
	return rows
}

// userOrMe is the user that the path names.
func (c *call) userOrMe() (user, *refusal) {
	if c.params[0] == "me" {
		return c.owner(), nil
	}
	u, ok := c.Users.get(c.params[0])
	if !ok {
		return user{}, refuse(http.StatusNotFound, userNotFound)
	}
	return u, nil
}
