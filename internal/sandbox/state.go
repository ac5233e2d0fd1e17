package sandbox

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"
)

// state is the world, in the form in which it is kept in the file.
type state struct {
	FormatVersion int `json:"format_version"`
	// ClockOffset is the sum of all [Server.Advance].
	ClockOffset time.Duration `json:"clock_offset_ns"`
	Seq         int64         `json:"seq"` // the number of the last change

	Organization Organization `json:"organization"`
	Other        Organization `json:"other_organization"` // is listed only with OrganizationsSeveral

	OwnerID     string            `json:"owner_id"`
	Users       table[User]       `json:"users"`
	Invitations table[Invitation] `json:"invitations"`
	Groups      table[Group]      `json:"groups"`
	Members     table[member]     `json:"members"`
	Roles       table[Role]       `json:"roles"`
	Policies    table[Policy]     `json:"policies"`
	Links       table[link]       `json:"links"`

	Mails []Mail `json:"mails"`
}

const formatVersion = 1

// The states of an invitation. Only stateAt returns stateExpired: an expired invitation is kept as pending, because
// the clock decides whether it has expired.
const (
	statePending   = "pending"
	stateExpired   = "expired"
	stateAccepted  = "accepted"
	stateDeclined  = "declined"
	stateCancelled = "cancelled"
)

// invitationLife is how long an invitation can be accepted after its last mail
// (docs.vultr.com, what-is-the-validity-period-of-an-organization-invitation).
const invitationLife = 72 * time.Hour

// stateAt returns the state of i at a time of the world.
func (i Invitation) stateAt(now time.Time) string {
	if i.State == statePending && !now.Before(i.Expires) {
		return stateExpired
	}
	return i.State
}

// member is the membership of a user in a group. With RemovalSoft, it stays as inactive after its removal.
type member struct {
	ID       string    `json:"id"`
	Group    string    `json:"group"`
	User     string    `json:"user"`
	Inactive bool      `json:"inactive,omitempty"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
}

// linkKind says what From and To of a link are.
type linkKind string

const (
	roleUser    linkKind = "role-user"
	roleGroup   linkKind = "role-group"
	rolePolicy  linkKind = "role-policy"
	policyUser  linkKind = "policy-user"
	policyGroup linkKind = "policy-group"
)

// link attaches From, which is a role or policy, to To, which is a user, group or policy. From and To are ids.
type link struct {
	Kind     linkKind  `json:"kind"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	Assigned time.Time `json:"assigned"`
}

func (l link) id() string { return string(l.Kind) + " " + l.From + " " + l.To }

// ownerEmail is the address of the owner of the organization. All keys belong to the owner.
const ownerEmail = "owner@example.com"

// newState returns a new world: an organization with its owner, two groups, two roles and two policies. All ids are
// random.
func newState(now time.Time) *state {
	s := &state{
		FormatVersion: formatVersion,
		Organization:  Organization{ID: newID(), Name: "Example Org", Created: now},
		Other:         Organization{ID: newID(), Name: "Other Org", Created: now},
	}
	seeded := stamp{} // lists show such rows even if they lag
	owner := User{ID: newID(), Name: "Olivia Owner", Email: ownerEmail, APIEnabled: true, Joined: now}
	s.OwnerID = owner.ID
	s.Users.put(seeded, owner.ID, owner)
	deployer := Role{ID: newID(), Name: "deployer", Description: "may deploy", Created: now}
	auditor := Role{ID: newID(), Name: "auditor", Description: "may be assumed for an audit", Assumable: true,
		Created: now}
	for _, r := range []Role{deployer, auditor} {
		s.Roles.put(seeded, r.ID, r)
	}
	readOnly := Policy{ID: newID(), Name: "read-only", Description: "look, do not touch", System: true, Created: now}
	billing := Policy{ID: newID(), Name: "billing", Description: "invoices", Created: now}
	for _, p := range []Policy{readOnly, billing} {
		s.Policies.put(seeded, p.ID, p)
	}
	everyone := Group{ID: newID(), Name: "everyone", Description: "all people", Created: now}
	platform := Group{ID: newID(), Name: "platform", Description: "the platform team", Created: now}
	for _, g := range []Group{everyone, platform} {
		s.Groups.put(seeded, g.ID, g)
	}
	// The members of the group platform inherit a role, and a policy of the role.
	for _, l := range []link{
		{Kind: roleGroup, From: deployer.ID, To: platform.ID, Assigned: now},
		{Kind: rolePolicy, From: deployer.ID, To: readOnly.ID, Assigned: now},
	} {
		s.Links.put(seeded, l.id(), l)
	}
	return s
}

// clone returns a copy of s. A change of the copy does not change s.
func (s *state) clone() *state {
	c := *s
	c.Users, c.Invitations = s.Users.clone(), s.Invitations.clone()
	c.Groups, c.Members = s.Groups.clone(), s.Members.clone()
	c.Roles, c.Policies, c.Links = s.Roles.clone(), s.Policies.clone(), s.Links.clone()
	c.Mails = slices.Clip(s.Mails)
	return &c
}

// newID returns a random UUID (RFC 9562, version 4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// nextStamp returns the stamp of a new change at now.
func (s *state) nextStamp(now time.Time) stamp {
	s.Seq++
	return stamp{Seq: s.Seq, At: now}
}

func (s *state) owner() User { return s.Users.last(s.OwnerID) }

// userByEmail returns the user of the organization with this address. The user may be suspended.
func (s *state) userByEmail(email string) (User, bool) {
	return s.Users.find(func(u User) bool { return strings.EqualFold(u.Email, email) })
}

// newestInvitation returns the newest invitation of an address that has a state at now.
func (s *state) newestInvitation(email string, now time.Time, state string) (newest Invitation, ok bool) {
	for i := range s.Invitations.rows() {
		if strings.EqualFold(i.Email, email) && i.stateAt(now) == state {
			newest, ok = i, true
		}
	}
	return newest, ok
}

// membership returns the membership of a user in a group. It may be inactive.
func (s *state) membership(groupID, userID string) (member, bool) {
	return s.Members.find(func(m member) bool { return m.Group == groupID && m.User == userID })
}

// links returns the links of one kind at m. If from or to is "", it matches any id.
func (s *state) links(m moment, kind linkKind, from, to string) []link {
	return s.Links.where(m, func(l link) bool {
		return l.Kind == kind && (from == "" || l.From == from) && (to == "" || l.To == to)
	})
}

// groupsOf returns the groups in which a user was an active member at m.
func (s *state) groupsOf(m moment, userID string) []Group {
	var found []Group
	for row := range s.Members.rowsAt(m) {
		if row.User != userID || row.Inactive {
			continue
		}
		if g, ok := s.Groups.get(row.Group); ok && !g.Deleted {
			found = append(found, g)
		}
	}
	return found
}
