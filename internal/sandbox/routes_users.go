package sandbox

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
)

const userNotFound = "Invalid user" // the text that Vultr's Terraform provider looks for

// allACLs are the legacy permissions of a root user (OpenAPI file, example of GET /v2/users).
var allACLs = []string{
	"manage_users", "subscriptions_view", "subscriptions", "provisioning", "billing", "support", "abuse", "dns", "upgrade",
	"objstore", "loadbalancer",
}

func listUsers(c *call) reply {
	m := c.moment(true)
	var rows []user
	for u := range c.Users.rowsAt(m) {
		if !u.Suspended || c.dialect.Suspended != SuspendedListed {
			rows = append(rows, u)
		}
	}
	if c.dialect.InvitedUsers != InvitedUsersListed {
		return listOf(c, "users", m, rows, c.userObject)
	}
	members := len(rows)
	rows = append(rows, c.invitedUsers(m)...)
	all := make([]object, len(rows))
	for i, u := range rows {
		all[i] = c.userObject(u)
		all[i]["invite_accepted"] = i < members
	}
	return c.list("users", m, all)
}

// invitedUsers are the people who have no user and can accept an invitation, each of them once.
func (c *call) invitedUsers(m moment) []user {
	seen := map[string]bool{}
	for u := range c.Users.rowsAt(m) {
		seen[strings.ToLower(u.Email)] = true
	}
	var invited []user
	for i := range c.Invitations.rowsAt(m) {
		key := strings.ToLower(i.Email)
		if i.stateAt(m.at) != statePending || seen[key] {
			continue
		}
		seen[key] = true
		invited = append(invited, user{ID: cmp.Or(i.UserID, i.ID), Name: nameFrom(i.Email), Email: i.Email, APIEnabled: i.APIEnabled})
	}
	return invited
}

func getUser(c *call) reply {
	u, ok := c.Users.get(c.params[0])
	if !ok {
		return refused(refuse(http.StatusNotFound, userNotFound))
	}
	return reply{status: http.StatusOK, object: object{"user": c.fullUserObject(u)}}
}

// userPatch is what the body of PATCH /v2/users/{id} says; nil is left as it is.
type userPatch struct {
	email      *string
	apiEnabled *bool
}

// patchBody reads the documented body without what is no longer supported since 07/2025, and without the legacy acls, which
// the sandbox does not play.
func patchBody(body []byte) (any, error) {
	top, err := fields(body, "email", "api_enabled")
	if err != nil {
		return nil, err
	}
	var in userPatch
	if _, given := top["email"]; given {
		email, err := top.text("email")
		if err != nil {
			return nil, err
		}
		in.email = &email
	}
	if raw, given := top["api_enabled"]; given {
		enabled := string(raw) == "true"
		if !enabled && string(raw) != "false" {
			return nil, errors.New("api_enabled is no bool")
		}
		in.apiEnabled = &enabled
	}
	if in.email == nil && in.apiEnabled == nil {
		return nil, errors.New("nothing is to be changed")
	}
	return in, nil
}

func patchUser(c *call) reply {
	u, ok := c.Users.get(c.params[0])
	if !ok {
		return refused(refuse(http.StatusNotFound, userNotFound))
	}
	in := c.body.(userPatch)
	if in.email != nil {
		u.Email = *in.email
	}
	if in.apiEnabled != nil {
		u.APIEnabled = *in.apiEnabled
	}
	c.Users.put(c.next(c.now), u.ID, u)
	if c.dialect.Patch == Patch202 {
		return reply{status: http.StatusAccepted, object: object{"user": c.fullUserObject(u)}}
	}
	return reply{status: http.StatusNoContent}
}

// userObject is a user as in the list.
func (c *call) userObject(u user) object {
	first, last, _ := strings.Cut(u.Name, " ")
	acls := []string{}
	if u.ID == c.OwnerID {
		acls = allACLs
	}
	o := object{
		"id": u.ID, "name": u.Name, "first_name": first, "last_name": last, "email": u.Email,
		"api_enabled": u.APIEnabled, "service_user": u.Service, "status": !u.Suspended, "acls": acls, "last_activity": "",
	}
	switch {
	case c.struck(FaultWrongPerson):
		o["email"] = StrangerEmail
	case c.struck(FaultNoID):
		o["id"] = ""
	}
	return o
}

// fullUserObject is a user as under its id.
func (c *call) fullUserObject(u user) object {
	o := c.userObject(u)
	o["invited_by"], o["invited_on"], o["invite_accepted"] = u.InvitedBy, c.dialect.date(u.InvitedOn), true
	return o
}
