package sandbox

import (
	"slices"
	"time"
)

// World is a copy of everything there is, for tests and for people.
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

// Organization is the one that the key acts on.
type Organization struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

// User is somebody in the organization.
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
	Joined      time.Time `json:"joined"` // zero for people in the list of users who have not accepted
	// The rest is only told, never kept: the names of what the user has directly.
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
	// The rest is only told: the addresses of active members, and names.
	Members  []string `json:"-"`
	Roles    []string `json:"-"`
	Policies []string `json:"-"`
}

// Role is a role.
type Role struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Assumable   bool      `json:"assumable,omitempty"`
	Created     time.Time `json:"created"`
	Policies    []string  `json:"-"` // names; only told
}

// Policy is a policy.
type Policy struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	System      bool      `json:"system,omitempty"`
	Created     time.Time `json:"created"`
}

// World copies the world as it is now, however much its lists lag.
func (s *Server) World() World {
	var w World
	s.copy(func(st *state, now time.Time) {
		w = World{Organization: st.Organization, Now: now, Policies: slices.Collect(st.Policies.rows()),
			Mails: slices.Clone(st.Mails)}
		for u := range st.Users.rows() {
			w.Users = append(w.Users, st.userOut(u))
		}
		for i := range st.Invitations.rows() {
			i.State = i.stateAt(now)
			w.Invitations = append(w.Invitations, i)
		}
		for g := range st.Groups.rows() {
			w.Groups = append(w.Groups, st.groupOut(g))
		}
		for r := range st.Roles.rows() {
			r.Policies = st.policyNames(st.links(present, rolePolicy, r.ID, ""))
			w.Roles = append(w.Roles, r)
		}
	})
	return w
}

func (s *state) userOut(u User) User {
	u.Owner = u.ID == s.OwnerID
	for _, g := range s.groupsOf(present, u.ID) {
		u.Groups = append(u.Groups, g.Name)
	}
	u.Roles = s.roleNames(s.links(present, roleUser, "", u.ID))
	u.Policies = s.policyNames(s.links(present, policyUser, "", u.ID))
	return u
}

func (s *state) groupOut(g Group) Group {
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

// policyNames are the policies of links: From of those to users and groups, To of those from roles.
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
