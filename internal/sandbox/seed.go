package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// AddUser puts somebody into the organization as if they had always been there, with groups, roles and policies by name
// or id. An empty ID or Name is made up; Owner and the dates are ignored. It fails when the address is missing or
// taken, or a name is unknown.
func (s *Server) AddUser(in User) (User, error) {
	var out User
	err := s.change(func(st *state, now time.Time) error {
		added, err := st.addUsers(now, []User{in})
		if err == nil {
			out = st.userOut(added[0])
		}
		return err
	})
	return out, err
}

// AddUsers is [Server.AddUser] for many, all or none of them.
func (s *Server) AddUsers(in []User) error {
	return s.change(func(st *state, now time.Time) error {
		_, err := st.addUsers(now, in)
		return err
	})
}

func (s *state) addUsers(now time.Time, in []User) ([]User, error) {
	taken := make(map[string]bool, len(in))
	for u := range s.Users.rows() {
		taken[strings.ToLower(u.Email)] = true
	}
	access := make([]accessIDs, len(in))
	for i, u := range in {
		if u.Email == "" {
			return nil, errors.New("add user: the address is missing")
		}
		key := strings.ToLower(u.Email)
		if taken[key] {
			return nil, fmt.Errorf("add user %s: there is one with that address", u.Email)
		}
		taken[key] = true
		var err error
		if access[i], err = s.resolve(u.Groups, u.Roles, u.Policies); err != nil {
			return nil, fmt.Errorf("add user %s: %w", u.Email, err)
		}
	}
	added := make([]User, len(in))
	for i, from := range in {
		u := User{ID: cmp.Or(from.ID, newID()), Name: cmp.Or(from.Name, nameFrom(from.Email)), Email: from.Email,
			APIEnabled: from.APIEnabled, Service: from.Service, InvitedBy: ownerEmail, Joined: whole(now)}
		_, known := s.Users.index[u.ID]
		if from.Suspended {
			u.Suspended, u.SuspendedAt = true, whole(now)
		}
		s.Users.put(s.always(), u.ID, u)
		for _, id := range access[i].groups {
			if known {
				s.joinGroup(now, id, u.ID)
			} else {
				s.addMember(now, id, u.ID) // nobody new can have been a member
			}
		}
		s.tie(now, roleUser, access[i].roles, u.ID)
		s.tie(now, policyUser, access[i].policies, u.ID)
		added[i] = u
	}
	return added, nil
}

// AddInvitation puts an invitation into the world as if it had always been there; no mail is noted for it. A zero
// Created is now, a zero Expires three days after Created, an empty State pending. With State expired and without dates
// it expired an hour ago. It fails when the address is missing, or the state is not one of the five, or does not fit
// the dates.
func (s *Server) AddInvitation(in Invitation) (Invitation, error) {
	err := s.change(func(st *state, now time.Time) error {
		if in.Email == "" {
			return errors.New("add invitation: the address is missing")
		}
		in.ID = cmp.Or(in.ID, newID())
		if in.Created.IsZero() && in.State == stateExpired {
			in.Created = now.Add(-invitationLife - time.Hour)
		}
		if in.Created.IsZero() {
			in.Created = now
		}
		if in.Expires.IsZero() {
			in.Expires = in.Created.Add(invitationLife)
		}
		in.Created, in.Expires, in.Responded = whole(in.Created.UTC()), whole(in.Expires.UTC()), whole(in.Responded.UTC())
		switch in.State {
		case "", statePending, stateExpired:
		case stateAccepted, stateDeclined, stateCancelled:
			if in.Responded.IsZero() {
				in.Responded = in.Created
			}
		default:
			return fmt.Errorf("add invitation of %s: no invitation is %q", in.Email, in.State)
		}
		if in.State == stateAccepted && in.Registered == "" {
			in.Registered = in.Email
		}
		i := in
		if i.State == "" || i.State == stateExpired {
			i.State = statePending
		}
		if in.State != "" && i.stateAt(now) != in.State {
			return fmt.Errorf("add invitation of %s: with these dates it is %s, not %s", in.Email, i.stateAt(now), in.State)
		}
		in.State = i.stateAt(now)
		st.Invitations.put(st.always(), i.ID, i)
		return nil
	})
	return in, err
}

// AddGroup makes a group that has the roles and policies named, by name or id. An empty ID is made up; Members are
// ignored, since users are added with their groups. It fails when a name is unknown.
func (s *Server) AddGroup(in Group) (Group, error) {
	var out Group
	err := s.change(func(st *state, now time.Time) error {
		access, err := st.resolve(nil, in.Roles, in.Policies)
		if err != nil {
			return fmt.Errorf("add group %q: %w", in.Name, err)
		}
		g := Group{ID: cmp.Or(in.ID, newID()), Name: in.Name, Deleted: in.Deleted, Created: whole(now)}
		st.Groups.put(st.always(), g.ID, g)
		st.tie(now, roleGroup, access.roles, g.ID)
		st.tie(now, policyGroup, access.policies, g.ID)
		out = st.groupOut(g)
		return nil
	})
	return out, err
}

// AddRole makes a role that has the policies named, by name or id. An empty ID is made up. It fails when a name is
// unknown.
func (s *Server) AddRole(in Role) (Role, error) {
	err := s.change(func(st *state, now time.Time) error {
		access, err := st.resolve(nil, nil, in.Policies)
		if err != nil {
			return fmt.Errorf("add role %q: %w", in.Name, err)
		}
		in.ID = cmp.Or(in.ID, newID())
		st.Roles.put(st.always(), in.ID, Role{ID: in.ID, Name: in.Name, Assumable: in.Assumable, Created: whole(now)})
		for _, p := range access.policies {
			st.tie(now, rolePolicy, []string{in.ID}, p)
		}
		return nil
	})
	return in, err
}

// AddPolicy makes a policy. An empty ID is made up.
func (s *Server) AddPolicy(in Policy) (Policy, error) {
	err := s.change(func(st *state, now time.Time) error {
		in.ID, in.Created = cmp.Or(in.ID, newID()), whole(now)
		st.Policies.put(st.always(), in.ID, in)
		return nil
	})
	return in, err
}

// DeleteGroup deletes the group of that name softly: it stays in the list of groups as deleted.
func (s *Server) DeleteGroup(name string) error {
	return s.changeGroup("delete", name, func(g *Group) { g.Deleted = true })
}

// RenameGroup gives the group of a name another one.
func (s *Server) RenameGroup(name, to string) error {
	return s.changeGroup("rename", name, func(g *Group) { g.Name = to })
}

func (s *Server) changeGroup(what, name string, change func(*Group)) error {
	return s.change(func(st *state, now time.Time) error {
		g, ok := st.Groups.find(func(g Group) bool { return g.Name == name && !g.Deleted })
		if !ok {
			return fmt.Errorf("%s group %q: there is none", what, name)
		}
		change(&g)
		st.Groups.put(st.next(now), g.ID, g)
		return nil
	})
}

// always stamps what shows in lists however much they lag.
func (s *state) always() stamp {
	s.Seq++
	return stamp{Seq: s.Seq}
}

func (s *state) tie(now time.Time, kind linkKind, from []string, to string) {
	for _, id := range from {
		l := link{Kind: kind, From: id, To: to, Assigned: whole(now)}
		s.Links.put(s.next(now), l.id(), l)
	}
}

type accessIDs struct{ groups, roles, policies []string }

// resolve turns names or ids into ids.
func (s *state) resolve(groups, roles, policies []string) (accessIDs, error) {
	var ids accessIDs
	var unknown []string
	ids.groups = idsOf(&s.Groups, groups, &unknown, func(g Group) (string, string) { return g.ID, g.Name })
	ids.roles = idsOf(&s.Roles, roles, &unknown, func(r Role) (string, string) { return r.ID, r.Name })
	ids.policies = idsOf(&s.Policies, policies, &unknown, func(p Policy) (string, string) { return p.ID, p.Name })
	if len(unknown) > 0 {
		return ids, fmt.Errorf("nothing is called %s", strings.Join(unknown, ", "))
	}
	return ids, nil
}

// idsOf returns the ids of the rows that want names; it adds a name that no row has to unknown.
func idsOf[T any](t *table[T], want []string, unknown *[]string, key func(T) (id, name string)) (ids []string) {
	for _, one := range want {
		row, ok := t.find(func(row T) bool {
			id, name := key(row)
			return id == one || name == one
		})
		if !ok {
			*unknown = append(*unknown, one)
			continue
		}
		id, _ := key(row)
		ids = append(ids, id)
	}
	return ids
}
