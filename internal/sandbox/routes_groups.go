package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
)

const groupNotFound = "Group not found" // the text that Vultr's Terraform provider looks for

// cappedMembers is the maximum number of members inside a group object with [GroupMembersCapped].
const cappedMembers = 5

func listGroups(c *call) *reply { return listTable(c, "groups", &c.Groups, c.groupObject) }

func getGroup(c *call) *reply {
	// This object is wrapped in all dialects, because both the OpenAPI file and govultr wrap it.
	return &reply{status: http.StatusOK, object: object{"group": c.groupObject(c.moment(false), c.group)}}
}

// groupRequest is the body of POST /v2/groups and of PUT /v2/groups/{id}.
type groupRequest struct{ name, description string }

// groupBody parses a groupRequest. The description may be empty or missing.
func groupBody(body []byte) (any, error) {
	top, err := parseFields(body, "display_name", "description")
	if err != nil {
		return nil, err
	}
	var in groupRequest
	if in.name, err = top.text("display_name"); err != nil {
		return nil, err
	}
	if raw, given := top["description"]; given && json.Unmarshal(raw, &in.description) != nil {
		return nil, errors.New("description must be a string")
	}
	return in, nil
}

// createGroup creates a group. Several groups may have the same name, because no document says that names are unique.
func createGroup(c *call) *reply {
	in := c.body.(groupRequest)
	g := Group{ID: newID(), Name: in.name, Description: in.description, Created: wholeSeconds(c.now)}
	c.Groups.put(c.nextStamp(c.now), g.ID, g)
	return c.writtenGroup(http.StatusCreated, g)
}

func updateGroup(c *call) *reply {
	g, in := c.group, c.body.(groupRequest)
	g.Name, g.Description = in.name, in.description
	c.Groups.put(c.nextStamp(c.now), g.ID, g)
	return c.writtenGroup(http.StatusOK, g)
}

// writtenGroup returns the reply to a change of g. [StatusAbsent] leaves out the status, because govultr since 3.33.2
// treats a bare object whose status is a text as an error.
func (c *call) writtenGroup(status int, g Group) *reply {
	o := c.groupObject(c.moment(false), g)
	if c.dialect.StatusField == StatusAbsent {
		delete(o, "status")
	}
	return c.singleObject(status, "group", o)
}

// deleteGroup deletes a group. Lists still show it, with the status deleted (OpenAPI file).
func deleteGroup(c *call) *reply {
	g := c.group
	g.Deleted = true
	c.Groups.put(c.nextStamp(c.now), g.ID, g)
	return &reply{status: http.StatusNoContent}
}

func (c *call) groupObject(m moment, g Group) object {
	status := "active"
	if g.Deleted {
		status = "deleted"
	}
	members := c.membersOf(m, g)
	if c.dialect.GroupMembers == GroupMembersCapped {
		members = members[:min(len(members), cappedMembers)]
	}
	return object{
		"id": g.ID, "display_name": g.Name, "description": g.Description, "status": status,
		"members":      objects(members, c.showMember),
		"date_created": c.dialect.date(g.Created), "date_updated": c.dialect.date(g.Created),
	}
}

// membersOf returns the members of g at m. With [RemovalSoft], these include inactive members.
func (c *call) membersOf(m moment, g Group) []member {
	return c.Members.where(m, func(row member) bool { return row.Group == g.ID })
}

func (c *call) showMember(row member) object { return c.memberObject(row, c.Users.last(row.User)) }

func listMembers(c *call) *reply {
	m := c.moment(false)
	return listOf(c, "members", m, c.membersOf(m, c.group), c.showMember)
}

// memberBody returns the user id in the body of POST /v2/groups/{id}/members. The how-to page and govultr send both
// fields. The OpenAPI file has only display_name ("user id or display name"). The server requires both fields, so
// that a client works with either form.
func memberBody(body []byte) (any, error) {
	top, err := parseFields(body, "user_id", "display_name")
	if err != nil {
		return nil, err
	}
	if _, err := top.text("display_name"); err != nil {
		return nil, err
	}
	return top.text("user_id")
}

func addMember(c *call) *reply {
	u, ok := c.Users.get(c.body.(string))
	if !ok {
		return refuse(http.StatusBadRequest, userNotFound)
	}
	if m, found := c.membership(c.group.ID, u.ID); found && !m.Inactive {
		return refuse(http.StatusBadRequest, "User is already a member of this group")
	}
	m := c.joinGroup(c.now, c.group.ID, u.ID)
	return c.singleObject(http.StatusCreated, "group_member", c.memberObject(m, u))
}

func removeMember(c *call) *reply {
	if c.member.Inactive {
		return refuse(http.StatusNotFound, memberNotFound)
	}
	c.leaveGroup(c.dialect, c.now, c.member)
	return &reply{status: http.StatusNoContent}
}

// restoreMember makes an inactive member active again (OpenAPI file).
func restoreMember(c *call) *reply {
	u, ok := c.Users.get(c.member.User)
	if !ok {
		return refuse(http.StatusNotFound, userNotFound)
	}
	return c.singleObject(http.StatusAccepted, "group_member", c.memberObject(c.joinGroup(c.now, c.group.ID, u.ID), u))
}

const memberNotFound = "Group member not found"

// findMember returns the member of c.group with this id. The dialect says which id that is.
func (c *call) findMember(id string) (member, bool) {
	return c.Members.find(func(m member) bool {
		return m.Group == c.group.ID && (m.ID == id && c.dialect.MemberID == MemberIDOwn ||
			m.User == id && c.dialect.MemberID == MemberIDUser)
	})
}
