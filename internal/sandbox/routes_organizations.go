package sandbox

import "net/http"

const organizationNotFound = "Organization not found." // the text that Vultr's Terraform provider looks for

func listOrganizations(c *call) *reply {
	rows := []Organization{c.Organization}
	if c.dialect.Organizations == OrganizationsSeveral {
		rows = []Organization{c.Other, c.Organization}
	}
	key := "organizations"
	if c.dialect.OrganizationsKey == OrganizationsShort {
		key = "orgs"
	}
	return listOf(c, key, c.moment(false), rows, c.organizationObject)
}

func getOrganization(c *call) *reply {
	o := c.Organization
	if c.params[0] == c.Other.ID {
		o = c.Other
	}
	return c.singleObject(http.StatusOK, "organization", c.organizationObject(o))
}

func (c *call) organizationObject(o Organization) object {
	return object{"id": o.ID, "name": o.Name, "type": "business", "date_created": c.dialect.date(o.Created)}
}

func listSuspendedUsers(c *call) *reply {
	if c.dialect.SuspendedEndpoint == SuspendedEndpointMissing {
		return refuse(http.StatusNotFound, "Not found")
	}
	m := c.moment(true)
	rows := c.Users.where(m, func(u User) bool { return u.Suspended && c.dialect.Suspended != SuspendedUsers })
	return listOf(c, "users", m, rows, func(u User) object {
		row := c.memberObject(member{ID: u.ID, User: u.ID, Inactive: true, Created: u.Joined, Updated: u.SuspendedAt}, u)
		row["date_suspended"] = c.dialect.date(u.SuspendedAt)
		return row
	})
}

func setSuspended(suspended bool) func(*call) *reply {
	return func(c *call) *reply {
		if c.user.Suspended != suspended {
			c.suspend(c.now, c.user, suspended)
		}
		return &reply{status: http.StatusNoContent}
	}
}

func removeUser(c *call) *reply {
	c.remove(c.dialect, c.now, c.user)
	return &reply{status: http.StatusNoContent}
}

// memberObject returns the object for a user in a list of members or of suspended users. It has the fields of
// iam-group-member in the OpenAPI file, and the field name of govultr.
func (c *call) memberObject(m member, u User) object {
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
