package sandbox

import (
	"slices"
	"time"
)

// World is a copy of the simulated world.
type World struct {
	Organization Organization
	Now          time.Time
	Users        []User
	Invitations  []Invitation
	Groups       []Group
	Roles        []Role
	Policies     []Policy
	Mails        []Mail
}

// Organization is an organization.
type Organization struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

// User is a user of the organization.
type User struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Email       string    `json:"email"`
	APIEnabled  bool      `json:"api_enabled"`
	Service     bool      `json:"service,omitempty"`
	Suspended   bool      `json:"suspended,omitempty"`
	SuspendedAt time.Time `json:"suspended_at,omitzero"`
	InvitedBy   string    `json:"invited_by,omitempty"`
	InvitedOn   time.Time `json:"invited_on,omitzero"`
	Joined      time.Time `json:"joined"` // zero: the user is in the list of users, but has not accepted yet
	// The fields below are set only in a [World]. The lists have the names of what the user has directly.
	Owner    bool     `json:"-"`
	Groups   []string `json:"-"`
	Roles    []string `json:"-"`
	Policies []string `json:"-"`
}

// Invitation is one invitation, whether or not the dialect's lists would show it.
type Invitation struct {
	ID         string    `json:"id"`
	Email      string    `json:"email"`
	Registered string    `json:"registered,omitempty"` // "" until accepted
	APIEnabled bool      `json:"api_enabled"`
	State      string    `json:"state"` // pending, expired, accepted, declined, cancelled
	Created    time.Time `json:"created"`
	Expires    time.Time `json:"expires"`
	Responded  time.Time `json:"responded,omitzero"`
}

// Group is a group.
type Group struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Deleted     bool      `json:"deleted,omitempty"`
	Created     time.Time `json:"created"`
	// The fields below are set only in a [World].
	Members  []string `json:"-"` // the addresses of the active members
	Roles    []string `json:"-"` // names
	Policies []string `json:"-"` // names
}

// Role is a role.
type Role struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Assumable   bool      `json:"assumable,omitempty"`
	Created     time.Time `json:"created"`
	Policies    []string  `json:"-"` // names; set only in a [World]
}

// Policy is a policy.
type Policy struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	System      bool      `json:"system,omitempty"`
	Created     time.Time `json:"created"`
}

// World returns a copy of the current world, also if the lists of the API lag.
func (s *Server) World() World {
	var w World
	s.readState(func(st *state, now time.Time) {
		w = World{Organization: st.Organization, Now: now, Policies: slices.Collect(st.Policies.rows()),
			Mails: slices.Clone(st.Mails)}
		for u := range st.Users.rows() {
			w.Users = append(w.Users, st.exportUser(u))
		}
		for i := range st.Invitations.rows() {
			i.State = i.stateAt(now)
			w.Invitations = append(w.Invitations, i)
		}
		for g := range st.Groups.rows() {
			w.Groups = append(w.Groups, st.exportGroup(g))
		}
		for r := range st.Roles.rows() {
			r.Policies = st.policyNames(st.links(present, rolePolicy, r.ID, ""))
			w.Roles = append(w.Roles, r)
		}
	})
	return w
}

func (s *state) exportUser(u User) User {
	u.Owner = u.ID == s.OwnerID
	for _, g := range s.groupsOf(present, u.ID) {
		u.Groups = append(u.Groups, g.Name)
	}
	u.Roles = s.roleNames(s.links(present, roleUser, "", u.ID))
	u.Policies = s.policyNames(s.links(present, policyUser, "", u.ID))
	return u
}

func (s *state) exportGroup(g Group) Group {
	for m := range s.Members.rows() {
		if m.Group == g.ID && !m.Inactive {
			g.Members = append(g.Members, s.Users.last(m.User).Email)
		}
	}
	g.Roles = s.roleNames(s.links(present, roleGroup, "", g.ID))
	g.Policies = s.policyNames(s.links(present, policyGroup, "", g.ID))
	return g
}

func (s *state) roleNames(links []link) (names []string) {
	for _, l := range links {
		names = append(names, s.Roles.last(l.From).Name)
	}
	return names
}

// policyNames returns the names of the policies in links. In a link of the kind rolePolicy, the policy is To. In all
// other links, the policy is From.
func (s *state) policyNames(links []link) (names []string) {
	for _, l := range links {
		id := l.From
		if l.Kind == rolePolicy {
			id = l.To
		}
		names = append(names, s.Policies.last(id).Name)
	}
	return names
}
