package sandbox

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"
)

// state is everything that there is, and everything that is kept in the file.
type state struct {
	FormatVersion int `json:"format_version"`
	// ClockOffset is what Advance has added up to.
	ClockOffset time.Duration `json:"clock_offset_ns"`
	Seq         int64         `json:"seq"`

	Organization Organization `json:"organization"`
	Other        Organization `json:"other_organization"` // seen with OrganizationsSeveral

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

// invitation states. Whether an invitation has expired is no state: the clock decides.
const (
	statePending   = "pending"
	stateExpired   = "expired" // only told, never kept
	stateAccepted  = "accepted"
	stateDeclined  = "declined"
	stateCancelled = "cancelled"
)

// invitationLife is how long an invitation can be accepted after a mail went out
// (docs.vultr.com, what-is-the-validity-period-of-an-organization-invitation).
const invitationLife = 72 * time.Hour

// stateAt is the state as the clock makes it.
func (i Invitation) stateAt(now time.Time) string {
	if i.State == statePending && !now.Before(i.Expires) {
		return stateExpired
	}
	return i.State
}

// member is a user's membership of a group; a removed one may stay as inactive.
type member struct {
	ID       string    `json:"id"`
	Group    string    `json:"group"`
	User     string    `json:"user"`
	Inactive bool      `json:"inactive,omitempty"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
}

// linkKind says what a link ties together.
type linkKind string

const (
	roleUser    linkKind = "role-user"
	roleGroup   linkKind = "role-group"
	rolePolicy  linkKind = "role-policy"
	policyUser  linkKind = "policy-user"
	policyGroup linkKind = "policy-group"
)

// link attaches From, a role or policy, to To, a user, group or policy.
type link struct {
	Kind     linkKind  `json:"kind"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	Assigned time.Time `json:"assigned"`
}

func (l link) id() string { return string(l.Kind) + " " + l.From + " " + l.To }

// ownerEmail is the address of the user whose key everybody uses; it is also the account's.
const ownerEmail = "owner@example.com"

// newState is a fresh world at now: an organization that never existed before, its owner, two groups, two roles, two
// policies.
func newState(now time.Time) *state {
	s := &state{
		FormatVersion: formatVersion,
		Organization:  Organization{ID: newID(), Name: "Example Org", Created: now},
		Other:         Organization{ID: newID(), Name: "Other Org", Created: now},
	}
	always := stamp{} // what was there from the start shows in lists however much they lag
	owner := User{ID: newID(), Name: "Olivia Owner", Email: ownerEmail, APIEnabled: true, Joined: now}
	s.OwnerID = owner.ID
	s.Users.put(always, owner.ID, owner)
	deployer := Role{ID: newID(), Name: "deployer", Description: "may deploy", Created: now}
	auditor := Role{ID: newID(), Name: "auditor", Description: "may be assumed for an audit", Assumable: true,
		Created: now}
	for _, r := range []Role{deployer, auditor} {
		s.Roles.put(always, r.ID, r)
	}
	readOnly := Policy{ID: newID(), Name: "read-only", Description: "look, do not touch", System: true, Created: now}
	billing := Policy{ID: newID(), Name: "billing", Description: "invoices", Created: now}
	for _, p := range []Policy{readOnly, billing} {
		s.Policies.put(always, p.ID, p)
	}
	everyone := Group{ID: newID(), Name: "everyone", Description: "all people", Created: now}
	platform := Group{ID: newID(), Name: "platform", Description: "the platform team", Created: now}
	for _, g := range []Group{everyone, platform} {
		s.Groups.put(always, g.ID, g)
	}
	// The platform team's people have a role and a policy that nobody gave to them directly.
	for _, l := range []link{
		{Kind: roleGroup, From: deployer.ID, To: platform.ID, Assigned: now},
		{Kind: rolePolicy, From: deployer.ID, To: readOnly.ID, Assigned: now},
	} {
		s.Links.put(always, l.id(), l)
	}
	return s
}

// clone is a copy that can be changed on its own.
func (s *state) clone() *state {
	c := *s
	c.Users, c.Invitations = s.Users.clone(), s.Invitations.clone()
	c.Groups, c.Members = s.Groups.clone(), s.Members.clone()
	c.Roles, c.Policies, c.Links = s.Roles.clone(), s.Policies.clone(), s.Links.clone()
	c.Mails = slices.Clip(s.Mails)
	return &c
}

// newID is a random UUID (RFC 9562, version 4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// next stamps a change that happens at now.
func (s *state) next(now time.Time) stamp {
	s.Seq++
	return stamp{Seq: s.Seq, At: now}
}

// owner is the user whose key everybody uses.
func (s *state) owner() User { return s.Users.last(s.OwnerID) }

// userByEmail finds a user who is in the organization, suspended or not.
func (s *state) userByEmail(email string) (User, bool) {
	return s.Users.find(func(u User) bool { return strings.EqualFold(u.Email, email) })
}

// newestFor is the newest invitation of email that is in the state in at now.
func (s *state) newestFor(email string, now time.Time, in string) (newest Invitation, ok bool) {
	for i := range s.Invitations.rows() {
		if strings.EqualFold(i.Email, email) && i.stateAt(now) == in {
			newest, ok = i, true
		}
	}
	return newest, ok
}

// membership is the row for a user in a group, active or not.
func (s *state) membership(groupID, userID string) (member, bool) {
	return s.Members.find(func(m member) bool { return m.Group == groupID && m.User == userID })
}

// links are the attachments of one kind at m; empty from or to stand for any.
func (s *state) links(m moment, kind linkKind, from, to string) []link {
	return s.Links.where(m, func(l link) bool {
		return l.Kind == kind && (from == "" || l.From == from) && (to == "" || l.To == to)
	})
}

// groupsOf are the groups that a user was an active member of at m.
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
