package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// AddUser adds a user to the organization. Lists show the user at once, even if they lag. Groups, Roles and Policies
// may have names or ids. AddUser chooses an ID or Name that is empty, and ignores Owner and the dates. It returns an
// error if the address is missing or belongs to another user, or if a name is unknown.
func (s *Server) AddUser(in User) (User, error) {
	var out User
	err := s.changeState(func(st *state, now time.Time) error {
		added, err := st.addUsers(now, []User{in})
		if err == nil {
			out = st.exportUser(added[0])
		}
		return err
	})
	return out, err
}

// AddUsers adds several users as [Server.AddUser] does. If it returns an error, it has added none of them.
func (s *Server) AddUsers(in []User) error {
	return s.changeState(func(st *state, now time.Time) error {
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
			APIEnabled: from.APIEnabled, Service: from.Service, InvitedBy: ownerEmail, Joined: wholeSeconds(now)}
		_, known := s.Users.index[u.ID]
		if from.Suspended {
			u.Suspended, u.SuspendedAt = true, wholeSeconds(now)
		}
		s.Users.put(s.seedStamp(), u.ID, u)
		for _, id := range access[i].groups {
			if known {
				s.joinGroup(now, id, u.ID)
			} else {
				s.addMember(now, id, u.ID) // faster than joinGroup, and a new user cannot have been a member
			}
		}
		s.attachAll(now, roleUser, access[i].roles, u.ID)
		s.attachAll(now, policyUser, access[i].policies, u.ID)
		added[i] = u
	}
	return added, nil
}

// AddInvitation adds an invitation. Lists show the invitation at once, even if they lag. It does not add a mail. A
// zero Created means now, a zero Expires means three days after Created, and an empty State means pending. If the
// State is expired and there are no dates, the invitation expired an hour ago. AddInvitation returns an error if the
// address is missing, or if the state is unknown or contradicts the dates.
func (s *Server) AddInvitation(in Invitation) (Invitation, error) {
	err := s.changeState(func(st *state, now time.Time) error {
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
		in.Created, in.Expires = wholeSeconds(in.Created.UTC()), wholeSeconds(in.Expires.UTC())
		in.Responded = wholeSeconds(in.Responded.UTC())
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
		st.Invitations.put(st.seedStamp(), i.ID, i)
		return nil
	})
	return in, err
}

// AddGroup adds a group. Roles and Policies may have names or ids. AddGroup chooses an ID that is empty, and ignores
// Members: use [Server.AddUser] to add members. It returns an error if a name is unknown.
func (s *Server) AddGroup(in Group) (Group, error) {
	var out Group
	err := s.changeState(func(st *state, now time.Time) error {
		access, err := st.resolve(nil, in.Roles, in.Policies)
		if err != nil {
			return fmt.Errorf("add group %q: %w", in.Name, err)
		}
		g := Group{ID: cmp.Or(in.ID, newID()), Name: in.Name, Deleted: in.Deleted, Created: wholeSeconds(now)}
		st.Groups.put(st.seedStamp(), g.ID, g)
		st.attachAll(now, roleGroup, access.roles, g.ID)
		st.attachAll(now, policyGroup, access.policies, g.ID)
		out = st.exportGroup(g)
		return nil
	})
	return out, err
}

// AddRole adds a role. Policies may have names or ids. AddRole chooses an ID that is empty. It returns an error if a
// name is unknown.
func (s *Server) AddRole(in Role) (Role, error) {
	err := s.changeState(func(st *state, now time.Time) error {
		access, err := st.resolve(nil, nil, in.Policies)
		if err != nil {
			return fmt.Errorf("add role %q: %w", in.Name, err)
		}
		in.ID = cmp.Or(in.ID, newID())
		role := Role{ID: in.ID, Name: in.Name, Assumable: in.Assumable, Created: wholeSeconds(now)}
		st.Roles.put(st.seedStamp(), in.ID, role)
		for _, p := range access.policies {
			st.attachAll(now, rolePolicy, []string{in.ID}, p)
		}
		return nil
	})
	return in, err
}

// AddPolicy adds a policy. It chooses an ID that is empty.
func (s *Server) AddPolicy(in Policy) (Policy, error) {
	err := s.changeState(func(st *state, now time.Time) error {
		in.ID, in.Created = cmp.Or(in.ID, newID()), wholeSeconds(now)
		st.Policies.put(st.seedStamp(), in.ID, in)
		return nil
	})
	return in, err
}

// DeleteGroup deletes the group with this name. The list of groups still has it, with the status deleted.
func (s *Server) DeleteGroup(name string) error {
	return s.changeGroup("delete", name, func(g *Group) { g.Deleted = true })
}

// RenameGroup gives the group with this name another name.
func (s *Server) RenameGroup(name, to string) error {
	return s.changeGroup("rename", name, func(g *Group) { g.Name = to })
}

func (s *Server) changeGroup(what, name string, change func(*Group)) error {
	return s.changeState(func(st *state, now time.Time) error {
		g, ok := st.Groups.find(func(g Group) bool { return g.Name == name && !g.Deleted })
		if !ok {
			return fmt.Errorf("%s group %q: there is none", what, name)
		}
		change(&g)
		st.Groups.put(st.nextStamp(now), g.ID, g)
		return nil
	})
}

// seedStamp returns the stamp of a new change that lists show at once, even if they lag.
func (s *state) seedStamp() stamp {
	s.Seq++
	return stamp{Seq: s.Seq}
}

// attachAll adds a link from each id in from to the id to.
func (s *state) attachAll(now time.Time, kind linkKind, from []string, to string) {
	for _, id := range from {
		l := link{Kind: kind, From: id, To: to, Assigned: wholeSeconds(now)}
		s.Links.put(s.nextStamp(now), l.id(), l)
	}
}

type accessIDs struct{ groups, roles, policies []string }

// resolve returns the ids for names or ids.
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

// idsOf returns the ids of the rows with these names or ids. It adds names that no row has to unknown.
func idsOf[T any](t *table[T], names []string, unknown *[]string, key func(T) (id, name string)) (ids []string) {
	for _, wanted := range names {
		row, ok := t.find(func(row T) bool {
			id, name := key(row)
			return id == wanted || name == wanted
		})
		if !ok {
			*unknown = append(*unknown, wanted)
			continue
		}
		id, _ := key(row)
		ids = append(ids, id)
	}
	return ids
}
