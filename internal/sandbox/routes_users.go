package sandbox

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

const userNotFound = "Invalid user" // the text that Vultr's Terraform provider looks for

// allACLs are the legacy permissions of the owner (OpenAPI file, example of GET /v2/users).
var allACLs = []string{
	"manage_users", "subscriptions_view", "subscriptions", "provisioning", "billing", "support", "abuse", "dns", "upgrade",
	"objstore", "loadbalancer",
}

func listUsers(c *call) *reply {
	m := c.moment(true)
	rows := c.Users.where(m, func(u User) bool { return !u.Suspended || c.dialect.Suspended != SuspendedListed })
	if c.dialect.listsInvited() {
		rows = append(rows, c.invitedUsers(m)...)
	}
	return listOf(c, "users", m, rows, c.userObject)
}

// listsInvited reports whether the list of users also has invited people.
func (d Dialect) listsInvited() bool {
	return d.InviteAccepted == InviteAcceptedInvited || d.InviteAccepted == InviteAcceptedSingle
}

// invitedUsers returns a user for each invited address that belongs to no user, and whose last invitation is not
// accepted. It leaves out people who left after this invitation.
func (c *call) invitedUsers(m moment) []User {
	known := map[string]bool{}
	for i := range c.Invitations.rowsAt(m) {
		known[strings.ToLower(i.Email)] = i.State == stateAccepted
		known[strings.ToLower(i.Registered)] = true
	}
	for u := range c.Users.rowsAt(m) {
		known[strings.ToLower(u.Email)] = true
	}
	left := map[string]time.Time{}
	for _, e := range c.Users.entries {
		if last := e.Versions[len(e.Versions)-1]; last.Gone {
			left[strings.ToLower(last.Row.Email)] = last.At
		}
	}
	ids := c.accountIDs(c.dialect)
	var invited []User
	for i := range c.Invitations.rowsAt(m) {
		key := strings.ToLower(i.Email)
		hasLeft := !i.Expires.After(left[key].Add(invitationLife))
		if !known[key] && !hasLeft && i.State != stateAccepted {
			known[key] = true
			invited = append(invited, User{ID: ids[key], Name: nameFrom(i.Email), Email: i.Email, InvitedBy: ownerEmail,
				InvitedOn: i.Created})
		}
	}
	return invited
}

// findInvited returns the user with this id among the invited people, also if only a list that lags shows this user.
// The result is false if there is none, or if they are no users.
func (c *call) findInvited(id string) (User, bool) {
	if !c.dialect.listsInvited() {
		return User{}, false
	}
	invited := append(c.invitedUsers(present), c.invitedUsers(c.moment(true))...)
	at := slices.IndexFunc(invited, func(u User) bool { return u.ID == id })
	if at < 0 {
		return User{}, false
	}
	return invited[at], true
}

func getUser(c *call) *reply {
	return &reply{status: http.StatusOK, object: object{"user": c.fullUserObject(c.user)}}
}

// userPatch is the body of PATCH /v2/users/{id}. A nil field does not change the user.
type userPatch struct {
	email      *string
	apiEnabled *bool
}

// patchBody parses the documented body. It returns an error for fields that the API no longer supports since
// 07/2025, and for the legacy field acls, which the server does not simulate.
func patchBody(body []byte) (any, error) {
	top, err := parseFields(body, "email", "api_enabled")
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

func patchUser(c *call) *reply {
	u, in := c.user, c.body.(userPatch)
	if in.email != nil {
		u.Email = *in.email
	}
	if in.apiEnabled != nil {
		u.APIEnabled = *in.apiEnabled
	}
	c.Users.put(c.nextStamp(c.now), u.ID, u)
	if c.dialect.Patch == Patch202 {
		return &reply{status: http.StatusAccepted, object: object{"user": c.fullUserObject(u)}}
	}
	return &reply{status: http.StatusNoContent}
}

// userObject returns the object for a user in the list of users.
func (c *call) userObject(u User) object {
	first, last, _ := strings.Cut(u.Name, " ")
	acls := []string{}
	if u.ID == c.OwnerID {
		acls = allACLs
	}
	o := object{
		"id": u.ID, "name": c.dialect.text(u.Name), "first_name": c.dialect.text(first), "last_name": c.dialect.text(last),
		"email":       c.dialect.text(u.Email),
		"api_enabled": u.APIEnabled, "service_user": u.Service, "status": !u.Suspended, "acls": acls, "last_activity": "",
	}
	if c.dialect.InviteAccepted == InviteAcceptedTold || c.dialect.InviteAccepted == InviteAcceptedInvited {
		o["invite_accepted"] = !u.Joined.IsZero()
	}
	switch {
	case c.hasFault(FaultWrongPerson):
		o["email"] = WrongPersonEmail
	case c.hasFault(FaultNoID):
		o["id"] = ""
	}
	return o
}

// fullUserObject returns the object for a user in the answer to GET on its id.
func (c *call) fullUserObject(u User) object {
	o := c.userObject(u)
	o["invited_by"], o["invited_on"], o["invite_accepted"] = u.InvitedBy, c.dialect.date(u.InvitedOn), !u.Joined.IsZero()
	return o
}
