package vultr

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/orgsync/orgsync/internal/org"
)

// accessRow is a group, role or policy, and its holders: the users who have it.
type accessRow struct {
	org.Access
	fetched  []holderRow     // the holders, as read from their own list
	embedded json.RawMessage // the members in a row of the list of groups; nil after they were fetched
}

// holders returns the holders from their own list or, if that was not read, from the list of groups.
func (r accessRow) holders() []holderRow {
	if r.embedded == nil {
		return r.fetched
	}
	var holders []holderRow
	for _, member := range decodeObjects(r.embedded) {
		holders = append(holders, r.decodeHolder(member))
	}
	return holders
}

// namesMembers reports whether a row of the list of groups has a list of members, which may be empty or null.
func (r accessRow) namesMembers() bool {
	isOther := func(member json.RawMessage) bool { return kindOf(member) != "object" }
	kind := kindOf(r.embedded)
	return kind == "null" || kind == "list" && !slices.ContainsFunc(decodeElements(r.embedded), isOther)
}

// holderRow is a user who has a group, role or policy. The API may leave out any of the fields that
// identify the user.
type holderRow struct {
	id        string // the id of the user or of the membership
	userID    string
	email     org.Address
	inherited bool // the user has it through a group
	inactive  bool // the user was removed from the group, or is suspended
}

// isEmpty reports whether a row says neither which user it is about, nor that it is about no user.
func (h holderRow) isEmpty() bool {
	return h.id == "" && h.userID == "" && h.email.IsZero() && !h.inherited
}

// accessKind says how one kind of access is read and changed.
type accessKind struct {
	list listing[accessRow]
	// holders is the last segment of the path of the list of holders, as in /v2/groups/{id}/members.
	holders string
	// keys are the keys of the rows of the list of holders: that of SPEC and that of govultr.
	keys []string
}

var accessKinds = map[org.Kind]accessKind{
	org.KindGroup: {
		list:    listing[accessRow]{op: "list groups", path: "/v2/groups", keys: []string{"groups"}, decode: decodeGroup},
		holders: "members", keys: []string{"members"},
	},
	org.KindRole: {
		list:    listing[accessRow]{op: "list roles", path: "/v2/roles", keys: []string{"roles"}, decode: decodeRole},
		holders: "users", keys: []string{"role_user_relationships", "assignments"},
	},
	org.KindPolicy: {
		list: listing[accessRow]{op: "list policies", path: "/v2/policies", keys: []string{"policies"},
			decode: decodePolicy},
		holders: "users", keys: []string{"policy_user_relationships", "users"},
	},
}

// readAccess reads the groups, roles and policies of the wanted kinds, and the holders of those that wanted names. It
// reads the holders per group, role or policy and not per person, so the number of requests does not depend on the
// number of people in the roster. If the key may not read the list of groups, roles or policies, that is an error,
// because the roster needs it.
//
// If all is true, readAccess reads all kinds and all holders. unseen then has the kinds that the key
// may not read, or that the API does not have.
func (c *Client) readAccess(
	ctx context.Context, wanted org.Wanted, all bool,
) (rows []accessRow, unseen []org.Kind, err error) {
	byKind := make([][]accessRow, len(org.Kinds))
	hidden := make([]bool, len(org.Kinds))
	g, ctx := errgroup.WithContext(ctx)
	for i, kind := range org.Kinds {
		if _, managed := wanted[kind]; !managed && !all {
			continue
		}
		g.Go(func() (err error) {
			byKind[i], err = c.readKind(ctx, kind, wanted, all)
			if hidden[i] = all && IsForbiddenOrMissing(err); hidden[i] {
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	for i, kind := range org.Kinds {
		if hidden[i] {
			unseen = append(unseen, kind)
		}
	}
	return slices.Concat(byKind...), unseen, nil
}

// readKind reads all groups, roles or policies, and the holders of those that wanted names or, if all is true, of
// all. Deleted groups have no holders. Assumable roles cannot be given to people. If the API refuses to show the
// holders of a group, role or policy that wanted names, only this one is unreadable, and orgsync can still give
// people the others.
func (c *Client) readKind(ctx context.Context, kind org.Kind, wanted org.Wanted, all bool) ([]accessRow, error) {
	rows, err := list(ctx, c, accessKinds[kind].list)
	if err != nil {
		return nil, err
	}
	g, ctx := errgroup.WithContext(ctx)
	for j := range rows {
		row := &rows[j]
		row.Unreadable = !IsValidID(row.ID)
		if row.Deleted || row.Unreadable || row.Assumable || !all && !wanted.Has(row.Access) {
			continue
		}
		g.Go(func() error {
			err := c.readHolders(ctx, row)
			if !all && isRefusedByAPI(err) {
				row.Unreadable = true
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return rows, nil
}

// readHolders reads the holders of row. govultr has no list of the members of a group. If the API
// has none either (404), the members in the list of groups are kept. If that list names no members
// either, the row is unreadable. It is also unreadable if a holder in either list is not identified, because nobody
// could then tell whether a person still has the access.
func (c *Client) readHolders(ctx context.Context, row *accessRow) error {
	kind := accessKinds[row.Kind]
	q := listing[holderRow]{op: "list who has the " + string(row.Kind), keys: kind.keys, decode: row.decodeHolder,
		// A user may have a role both directly and through a group, or through two groups.
		mayRepeat: true,
		rowID:     fields.hash}
	q.path = kind.list.path + "/" + row.ID + "/" + kind.holders
	rows, err := list(ctx, c, q)
	if row.Kind == org.KindGroup && hasStatus(err, http.StatusNotFound) {
		if !isBoundedList(row.embedded, maxElements) {
			message := fmt.Sprintf("the list of groups names more than %d of them", maxElements)
			return call{op: q.op}.failed(org.Unreadable, 0, message, nil)
		}
		row.Unreadable = !row.namesMembers() || slices.ContainsFunc(row.holders(), holderRow.isEmpty)
		return nil
	}
	if hasStatus(err, http.StatusNotFound) { // it was probably deleted after the list was read
		row.Unreadable = true
		return nil
	}
	if err != nil {
		return err // the members in the list of groups may show a person who is not among the users
	}
	row.fetched, row.embedded = rows, nil
	row.Unreadable = slices.ContainsFunc(rows, holderRow.isEmpty)
	return nil
}

// withHolders returns the access in rows with its holders. It matches each holder to a user by user_id. If the holder
// has none, its id may be that of the user or of the membership: withHolders then tries the id, and after that the
// address. It leaves out holders who are not users, who have the access through a group, or who were removed from the
// group. others has the addresses of active holders who are not users.
func withHolders(rows []accessRow, users []org.User) (all []org.Access, others []org.Address) {
	if len(rows) == 0 {
		return nil, nil
	}
	byID := make(map[string]*org.User, len(users))
	byEmail := make(map[string]*org.User, len(users))
	for i := range users {
		if users[i].ID != "" {
			byID[strings.ToLower(users[i].ID)] = &users[i]
		}
		if !users[i].Email.IsZero() {
			byEmail[users[i].Email.Key()] = &users[i]
		}
	}
	all = make([]org.Access, len(rows))
	for i, row := range rows {
		all[i] = row.Access
		holders := row.holders()
		all[i].Holders = make(map[string]string, len(holders))
		for _, h := range holders {
			u := byID[strings.ToLower(h.userID)]
			if h.userID == "" {
				u = byID[strings.ToLower(h.id)]
				if u == nil || !h.email.IsZero() && !h.email.Equal(u.Email) { // the id may be that of the membership
					u = byEmail[h.email.Key()]
				}
			}
			if u == nil && !h.inactive && !h.email.IsZero() {
				others = append(others, h.email)
			}
			// A removed member may stay in the list as inactive, because the member can be restored
			// (SPEC). A suspended member is inactive too, but still a member.
			if u == nil || u.ID == "" || h.inherited || h.inactive && !u.Suspended {
				continue
			}
			all[i].Holders[u.ID] = cmp.Or(h.id, u.ID) // the id of the membership
		}
	}
	return all, others
}

func decodeGroup(f fields) accessRow {
	row := accessRow{Access: org.Access{Kind: org.KindGroup, ID: f.text("id"), Name: f.name("display_name")}}
	if row.Deleted = f.isDeleted(); !row.Deleted { // a deleted group does not show who is in the organization
		row.embedded = f["members"]
	}
	return row
}

func decodeRole(f fields) accessRow {
	return accessRow{Access: org.Access{
		Kind: org.KindRole, ID: f.text("id"), Name: f.name("name"), Deleted: f.isDeleted(),
		Assumable: strings.EqualFold(f.text("role_type"), "assumable"),
	}}
}

func decodePolicy(f fields) accessRow {
	return accessRow{Access: org.Access{Kind: org.KindPolicy, ID: f.text("id"), Name: f.name("name"),
		Deleted: f.isDeleted()}}
}

// isDeleted reports whether a row is about something that was deleted and can be restored.
func (f fields) isDeleted() bool {
	deleted, understood := f.date("date_deleted")
	return strings.EqualFold(f.text("status"), "deleted") || f.mayBe("deleted") || !deleted.IsZero() || !understood
}

// decodeHolder decodes a row of the list of holders of r. A row with another group than r and without a user is about
// this group. The row of a member of r may have the id of r too.
func (r accessRow) decodeHolder(f fields) holderRow {
	h := holderRow{
		id: f.text("id"), userID: f.text("user_id"), email: f.address("email"),
		inactive: f.is("active", false) || f.isDeleted(),
	}
	group := f.text("group_id")
	isGroup := group != "" && !strings.EqualFold(group, r.ID) && h.userID == "" && h.email.IsZero()
	assignment := f.text("assignment_type") // of govultr; SPEC lists direct assignments only
	h.inherited = isGroup || assignment != "" && !strings.EqualFold(assignment, "direct")
	return h
}
