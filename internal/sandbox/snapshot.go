package sandbox

import (
	"slices"
	"time"
)

// World is a copy of everything there is, for tests and for people.
type World struct {
	Organization Organization `json:"organization"`
	Now          time.Time    `json:"now"`
	Users        []User       `json:"users"`
	Invitations  []Invitation `json:"invitations"`
	Groups       []Group      `json:"groups"`
	Roles        []Role       `json:"roles"`
	Policies     []Policy     `json:"policies"`
	Mails        []Mail       `json:"mails"`
}

// Organization is the one that the key acts on.
type Organization struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// User is somebody in the organization.
type User struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Email      string `json:"email"`
	APIEnabled bool   `json:"api_enabled"`
	Service    bool   `json:"service"`
	Owner      bool   `json:"owner"`
	Suspended  bool   `json:"suspended"`
	// Groups, Roles and Policies are the names of what the user has directly.
	Groups   []string `json:"groups"`
	Roles    []string `json:"roles"`
	Policies []string `json:"policies"`
}

// Invitation is one invitation, whether or not the dialect's lists would show it.
type Invitation struct {
	ID         string    `json:"id"`
	Email      string    `json:"email"`
	Registered string    `json:"registered"` // "" until accepted
	APIEnabled bool      `json:"api_enabled"`
	State      string    `json:"state"` // pending, expired, accepted, declined, cancelled
	Created    time.Time `json:"created"`
	Expires    time.Time `json:"expires"`
	Responded  time.Time `json:"responded,omitzero"`
}

// Group is a group. Members are the addresses of its active members.
type Group struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Deleted  bool     `json:"deleted"`
	Members  []string `json:"members"`
	Roles    []string `json:"roles"` // names
	Policies []string `json:"policies"`
}

// Role is a role.
type Role struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Assumable bool     `json:"assumable"`
	Policies  []string `json:"policies"` // names
}

// Policy is a policy.
type Policy struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	System bool   `json:"system"`
}

// World copies the world as it is now, however much its lists lag.
func (s *Server) World() World {
	var w World
	s.copy(func(st *state, now time.Time) {
		w = World{Organization: Organization{st.Organization.ID, st.Organization.Name}, Now: now, Mails: slices.Clone(st.Mails)}
		for u := range st.Users.rows() {
			w.Users = append(w.Users, st.userOut(u))
		}
		for i := range st.Invitations.rows() {
			w.Invitations = append(w.Invitations, Invitation{i.ID, i.Email, i.Registered, i.APIEnabled, i.stateAt(now), i.Created, i.Expires, i.Responded})
		}
		for g := range st.Groups.rows() {
			w.Groups = append(w.Groups, st.groupOut(g))
		}
		for r := range st.Roles.rows() {
			w.Roles = append(w.Roles, Role{r.ID, r.Name, r.Assumable, st.policyNames(st.links(present, rolePolicy, r.ID, ""))})
		}
		for p := range st.Policies.rows() {
			w.Policies = append(w.Policies, Policy{p.ID, p.Name, p.System})
		}
	})
	return w
}

func (s *state) userOut(u user) User {
	out := User{ID: u.ID, Name: u.Name, Email: u.Email, APIEnabled: u.APIEnabled, Service: u.Service, Owner: u.ID == s.OwnerID, Suspended: u.Suspended}
	for _, g := range s.groupsOf(present, u.ID) {
		out.Groups = append(out.Groups, g.Name)
	}
	out.Roles, out.Policies = s.roleNames(s.links(present, roleUser, "", u.ID)), s.policyNames(s.links(present, policyUser, "", u.ID))
	return out
}

func (s *state) groupOut(g group) Group {
	out := Group{ID: g.ID, Name: g.Name, Deleted: g.Deleted}
	for m := range s.Members.rows() {
		if m.Group == g.ID && !m.Inactive {
			out.Members = append(out.Members, s.Users.last(m.User).Email)
		}
	}
	out.Roles, out.Policies = s.roleNames(s.links(present, roleGroup, "", g.ID)), s.policyNames(s.links(present, policyGroup, "", g.ID))
	return out
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
