package sandbox

import "net/http"

const groupNotFound = "Group not found" // the text that Vultr's Terraform provider looks for

// cappedMembers is how many members a group object holds under GroupMembersCapped.
const cappedMembers = 5

func listGroups(c *call) reply {
	m := c.moment(false)
	rows := []object{}
	for g := range c.Groups.rowsAt(m) {
		rows = append(rows, c.groupObject(m, g))
	}
	return c.list("groups", m, rows)
}

func getGroup(c *call) reply {
	g, ok := c.Groups.get(c.params[0])
	if !ok {
		return refused(refuse(http.StatusNotFound, groupNotFound))
	}
	// Both sources wrap this one.
	return reply{status: http.StatusOK, object: object{"group": c.groupObject(c.moment(false), g)}}
}

func (c *call) groupObject(m moment, g group) object {
	status := "active"
	if g.Deleted {
		status = "deleted"
	}
	members := c.memberObjects(m, g)
	if c.dialect.GroupMembers == GroupMembersCapped && len(members) > cappedMembers {
		members = members[:cappedMembers]
	}
	return object{
		"id": g.ID, "display_name": g.Name, "description": g.Description, "status": status, "members": members,
		"date_created": c.dialect.date(g.Created), "date_updated": c.dialect.date(g.Created),
	}
}

// memberObjects are the members of g at m.
func (c *call) memberObjects(m moment, g group) []object {
	rows := []object{}
	for _, row := range c.membersOf(m, g) {
		rows = append(rows, c.showMember(row))
	}
	return rows
}

// membersOf are the members of g at m; with soft removal also those who are gone.
func (c *call) membersOf(m moment, g group) []member {
	var rows []member
	for row := range c.Members.rowsAt(m) {
		if row.Group == g.ID {
			rows = append(rows, row)
		}
	}
	return rows
}

func (c *call) showMember(row member) object { return c.memberObject(row, c.Users.last(row.User)) }

func listMembers(c *call) reply {
	g, no := c.activeGroup(c.params[0])
	if no != nil {
		return refused(no)
	}
	m := c.moment(false)
	return listOf(c, "members", m, c.membersOf(m, g), c.showMember)
}

// memberBody reads the body of POST /v2/groups/{id}/members. The how-to page and govultr send both fields, the OpenAPI file
// knows only display_name ("user id or display name"): a client that sends both is right either way.
func memberBody(body []byte) (any, error) {
	top, err := fields(body, "user_id", "display_name")
	if err != nil {
		return nil, err
	}
	if _, err := top.text("display_name"); err != nil {
		return nil, err
	}
	return top.text("user_id")
}

func addMember(c *call) reply {
	g, no := c.activeGroup(c.params[0])
	if no != nil {
		return refused(no)
	}
	u, ok := c.Users.get(c.body.(string))
	if !ok {
		return refused(refuse(http.StatusBadRequest, userNotFound))
	}
	if m, was := c.membership(g.ID, u.ID); was && !m.Inactive {
		return refused(refuse(http.StatusBadRequest, "User is already a member of this group"))
	}
	m := c.joinGroup(c.now, g.ID, u.ID)
	return c.single(http.StatusCreated, "group_member", c.memberObject(m, u))
}

func removeMember(c *call) reply {
	m, no := c.groupMember()
	switch {
	case no != nil:
		return refused(no)
	case m.Inactive:
		return refused(refuse(http.StatusNotFound, memberNotFound))
	}
	c.leaveGroup(c.dialect, c.now, m)
	return reply{status: http.StatusNoContent}
}

// restoreMember takes back a soft removal (OpenAPI file).
func restoreMember(c *call) reply {
	m, no := c.groupMember()
	if no != nil {
		return refused(no)
	}
	u, ok := c.Users.get(m.User)
	if !ok {
		return refused(refuse(http.StatusNotFound, userNotFound))
	}
	return c.single(http.StatusAccepted, "group_member", c.memberObject(c.joinGroup(c.now, m.Group, m.User), u))
}

const memberNotFound = "Group member not found"

// groupMember is what /v2/groups/{id}/members/{member} names.
func (c *call) groupMember() (member, *refusal) {
	g, no := c.activeGroup(c.params[0])
	if no != nil {
		return member{}, no
	}
	for m := range c.Members.rows() {
		id := m.User
		if c.dialect.MemberID == MemberIDOwn {
			id = m.ID
		}
		if m.Group == g.ID && id == c.params[1] {
			return m, nil
		}
	}
	return member{}, refuse(http.StatusNotFound, memberNotFound)
}

func (c *call) activeGroup(id string) (group, *refusal) {
	g, ok := c.Groups.get(id)
	if !ok || g.Deleted {
		return group{}, refuse(http.StatusNotFound, groupNotFound)
	}
	return g, nil
}
