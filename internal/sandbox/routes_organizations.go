package sandbox

import "net/http"

const organizationNotFound = "Organization not found." // the text that Vultr's Terraform provider looks for

func listOrganizations(c *call) reply {
	rows := []object{}
	if c.dialect.Organizations == OrganizationsSeveral {
		rows = append(rows, c.organizationObject(c.Other))
	}
	rows = append(rows, c.organizationObject(c.Organization))
	key := "organizations"
	if c.dialect.OrganizationsKey == OrganizationsShort {
		key = "orgs"
	}
	return c.list(key, c.moment(false), rows)
}

func getOrganization(c *call) reply {
	for _, o := range []organization{c.Organization, c.Other} {
		if o.ID == c.params[0] && (o.ID == c.Organization.ID || c.dialect.Organizations == OrganizationsSeveral) {
			return c.single(http.StatusOK, "organization", c.organizationObject(o))
		}
	}
	return refused(refuse(http.StatusNotFound, organizationNotFound))
}

func (c *call) organizationObject(o organization) object {
	return object{"id": o.ID, "name": o.Name, "type": "business", "date_created": c.dialect.date(o.Created)}
}

func listSuspendedUsers(c *call) reply {
	switch {
	case c.dialect.SuspendedEndpoint == SuspendedEndpointMissing:
		return refused(refuse(http.StatusNotFound, "Not found"))
	case c.params[0] != c.Organization.ID:
		return refused(refuse(http.StatusNotFound, organizationNotFound))
	}
	m := c.moment(true)
	rows := []object{}
	for u := range c.Users.rowsAt(m) {
		if u.Suspended && c.dialect.Suspended != SuspendedUsers {
			row := c.memberObject(member{ID: u.ID, User: u.ID, Created: u.Joined, Updated: u.SuspendedAt}, u)
			row["active"], row["date_suspended"] = false, c.dialect.date(u.SuspendedAt)
			rows = append(rows, row)
		}
	}
	return c.list("users", m, rows)
}

func suspendUser(c *call) reply   { return c.setSuspended(true) }
func unsuspendUser(c *call) reply { return c.setSuspended(false) }

func (c *call) setSuspended(suspended bool) reply {
	u, no := c.organizationUser()
	if no != nil {
		return refused(no)
	}
	if u.Suspended != suspended {
		c.suspend(c.now, u, suspended)
	}
	return reply{status: http.StatusNoContent}
}

func removeUser(c *call) reply {
	u, no := c.organizationUser()
	if no != nil {
		return refused(no)
	}
	c.remove(c.dialect, c.now, u)
	return reply{status: http.StatusNoContent}
}

// organizationUser is the user that /v2/organizations/{id}/user/{user} names, if they can be suspended or removed: the
// owner cannot (what-is-the-difference-between-root-owner-and-organization-admin).
func (c *call) organizationUser() (user, *refusal) {
	if c.params[0] != c.Organization.ID {
		return user{}, refuse(http.StatusNotFound, organizationNotFound)
	}
	u, ok := c.Users.get(c.params[1])
	switch {
	case !ok:
		return user{}, refuse(http.StatusNotFound, userNotFound)
	case u.ID == c.OwnerID:
		return user{}, refuse(http.StatusForbidden, "The organization owner cannot be suspended or removed")
	}
	return u, nil
}

// memberObject is a user as a list of people in a group or organization writes them: the fields of the OpenAPI file's
// iam-group-member, and govultr's name.
func (c *call) memberObject(m member, u user) object {
	o := c.userObject(u)
	id := u.ID
	if c.dialect.MemberID == MemberIDOwn {
		id = m.ID
	}
	return object{
		"id": id, "display_name": u.Name, "name": u.Name, "first_name": o["first_name"], "last_name": o["last_name"],
		"email": o["email"], "active": !m.Inactive, "service_user": u.Service,
		"date_created": c.dialect.date(m.Created), "date_updated": c.dialect.date(m.Updated),
	}
}
