package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
)

const groupNotFound = "Group not found" // the text that Vultr's Terraform provider looks for

// cappedMembers is how many members a group object holds under GroupMembersCapped.
const cappedMembers = 5

func listGroups(c *call) *reply { return listTable(c, "groups", &c.Groups, c.groupObject) }

func getGroup(c *call) *reply {
	// Both sources wrap this one.
	return &reply{status: http.StatusOK, object: object{"group": c.groupObject(c.moment(false), c.group)}}
}

// groupRequest is what the body of POST /v2/groups and of PUT /v2/groups/{id} says.
type groupRequest struct{ name, description string }

// groupBody reads that body. The description may be empty or missing.
func groupBody(body []byte) (any, error) {
	top, err := fields(body, "display_name", "description")
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

// createGroup makes a group. Several may have one name: no document says that names are unique.
func createGroup(c *call) *reply {
	in := c.body.(groupRequest)
	g := Group{ID: newID(), Name: in.name, Description: in.description, Created: whole(c.now)}
	c.Groups.put(c.next(c.now), g.ID, g)
	return c.writtenGroup(http.StatusCreated, g)
}

func updateGroup(c *call) *reply {
	g, in := c.group, c.body.(groupRequest)
	g.Name, g.Description = in.name, in.description
	c.Groups.put(c.next(c.now), g.ID, g)
	return c.writtenGroup(http.StatusOK, g)
}

// writtenGroup is the answer to a change of g. govultr from 3.33.2 on takes a text status in a bare object for an
// error.
func (c *call) writtenGroup(status int, g Group) *reply {
	o := c.groupObject(c.moment(false), g)
	if c.dialect.StatusField == StatusAbsent {
		delete(o, "status")
	}
	return c.single(status, "group", o)
}

// deleteGroup deletes a group softly: lists still show it, with the status deleted (OpenAPI file).
func deleteGroup(c *call) *reply {
	g := c.group
	g.Deleted = true
	c.Groups.put(c.next(c.now), g.ID, g)
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

// membersOf are the members of g at m; with soft removal also those who are gone.
func (c *call) membersOf(m moment, g Group) []member {
	return c.Members.where(m, func(row member) bool { return row.Group == g.ID })
}

func (c *call) showMember(row member) object { return c.memberObject(row, c.Users.last(row.User)) }

func listMembers(c *call) *reply {
	m := c.moment(false)
	return listOf(c, "members", m, c.membersOf(m, c.group), c.showMember)
}

// memberBody reads the body of POST /v2/groups/{id}/members. The how-to page and govultr send both fields, the OpenAPI
// file knows only display_name ("user id or display name"): a client that sends both is right either way.
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

func addMember(c *call) *reply {
	u, ok := c.Users.get(c.body.(string))
	if !ok {
		return refuse(http.StatusBadRequest, userNotFound)
	}
	if m, was := c.membership(c.group.ID, u.ID); was && !m.Inactive {
		return refuse(http.StatusBadRequest, "User is already a member of this group")
	}
	m := c.joinGroup(c.now, c.group.ID, u.ID)
	return c.single(http.StatusCreated, "group_member", c.memberObject(m, u))
}

func removeMember(c *call) *reply {
	if c.member.Inactive {
		return refuse(http.StatusNotFound, memberNotFound)
	}
	c.leaveGroup(c.dialect, c.now, c.member)
	return &reply{status: http.StatusNoContent}
}

// restoreMember takes back a soft removal (OpenAPI file).
func restoreMember(c *call) *reply {
	u, ok := c.Users.get(c.member.User)
	if !ok {
		return refuse(http.StatusNotFound, userNotFound)
	}
	return c.single(http.StatusAccepted, "group_member", c.memberObject(c.joinGroup(c.now, c.group.ID, u.ID), u))
}

const memberNotFound = "Group member not found"

// findMember finds the member of c.group who has this id in the dialect.
func (c *call) findMember(id string) (member, bool) {
	return c.Members.find(func(m member) bool {
		return m.Group == c.group.ID && (m.ID == id && c.dialect.MemberID == MemberIDOwn ||
			m.User == id && c.dialect.MemberID == MemberIDUser)
	})
}
