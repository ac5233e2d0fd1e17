package sandbox

import (
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// invite is POST /v2/invitation. The status is that of the answer.
func (s *state) invite(d Dialect, now time.Time, email string, apiEnabled bool) (Invitation, int, *reply) {
	if _, member := s.userByEmail(email); member {
		status := http.StatusBadRequest
		if d.Member == Member422 {
			status = http.StatusUnprocessableEntity
		}
		return Invitation{}, 0, refuse(status, "User is already a member of this organization")
	}
	if pending, ok := s.newestFor(email, now, statePending); ok {
		switch d.Duplicate {
		case DuplicateSame:
			return pending, http.StatusOK, nil
		case DuplicateSecond:
		case DuplicateReplace:
			s.Invitations.drop(s.next(now), pending.ID)
		case Duplicate409:
			return Invitation{}, 0, refuse(http.StatusConflict, "An invitation is already pending for this email")
		default:
			return Invitation{}, 0, refuse(http.StatusBadRequest, "An invitation is already pending for this email")
		}
	}
	if expired, ok := s.newestFor(email, now, stateExpired); ok && d.InviteLapsed == InviteLapsedSame {
		expired.APIEnabled = apiEnabled
		return s.renew(now, expired), http.StatusCreated, nil
	}
	return s.mailNew(now, email, apiEnabled), http.StatusCreated, nil
}

func (s *state) mailNew(now time.Time, email string, apiEnabled bool) Invitation {
	i := Invitation{ID: newID(), Email: email, APIEnabled: apiEnabled, State: statePending, Created: whole(now),
		Expires: whole(now).Add(invitationLife)}
	s.Invitations.put(s.next(now), i.ID, i)
	s.Mails = append(s.Mails, Mail{To: email, At: now, InvitationID: i.ID})
	return i
}

// resend is POST /v2/invitation/{id}/resend: another mail, and the three days start again
// (how-to-resend-an-organization-invitation). Only pending invitations can be resent; about expired ones the pages say
// both.
func (s *state) resend(d Dialect, now time.Time, i Invitation) (Invitation, *reply) {
	switch i.stateAt(now) {
	case statePending:
	case stateExpired:
		switch d.ResendLapsed {
		case ResendLapsed400:
			return Invitation{}, refuse(http.StatusBadRequest, "Invite has expired")
		case ResendLapsed404:
			return Invitation{}, refuse(http.StatusNotFound, inviteNotFound)
		}
	default:
		return Invitation{}, refuse(http.StatusBadRequest, "Invite is not pending")
	}
	if d.ResendID == ResendNewID {
		s.Invitations.drop(s.next(now), i.ID)
		i.ID, i.Created = newID(), whole(now)
	}
	return s.renew(now, i), nil
}

// renew mails i once more, and gives it three days from now.
func (s *state) renew(now time.Time, i Invitation) Invitation {
	i.Expires = whole(now).Add(invitationLife)
	s.Invitations.put(s.next(now), i.ID, i)
	s.Mails = append(s.Mails, Mail{To: i.Email, At: now, InvitationID: i.ID, Resend: true})
	return i
}

// visible is an invitation as GET on its id sees it: an expired one may have vanished.
func (s *state) visible(d Dialect, now time.Time, id string) (Invitation, bool) {
	i, ok := s.Invitations.get(id)
	if ok && d.Lapsed == LapsedVanish && i.stateAt(now) == stateExpired {
		return Invitation{}, false
	}
	return i, ok
}

// listed are the invitations that the list shows at m.
func (s *state) listed(d Dialect, m moment) []Invitation {
	return s.Invitations.where(m, func(i Invitation) bool {
		switch i.stateAt(m.at) {
		case stateExpired:
			return d.Lapsed != LapsedVanish
		case stateAccepted:
			return d.Accepted != AcceptedVanish
		case stateDeclined, stateCancelled:
			return d.Declined != DeclinedVanish
		}
		return true
	})
}

// respond is what a person does with an invitation: only while it can still be accepted.
func (s *state) respond(now time.Time, i Invitation, to string) {
	i.State, i.Responded = to, whole(now)
	s.Invitations.put(s.next(now), i.ID, i)
}

// accept makes a user of whoever got i, with the address they registered with. They get no access: who accepts sees an
// empty "No Active Organization" screen until somebody gives them a group, role or policy.
func (s *state) accept(now time.Time, i Invitation, registered string) {
	i.Registered = registered
	s.respond(now, i, stateAccepted)
	if _, already := s.userByEmail(registered); already {
		return // a second invitation of somebody who is in
	}
	u := User{ID: newID(), Name: nameFrom(registered), Email: registered, APIEnabled: i.APIEnabled, InvitedBy: ownerEmail,
		InvitedOn: i.Created, Joined: whole(now)}
	for _, e := range s.Users.entries {
		if strings.EqualFold(s.Users.last(e.ID).Email, registered) {
			u.ID = e.ID // the account outlives the membership
		}
	}
	s.Users.put(s.next(now), u.ID, u)
}

func (s *state) suspend(now time.Time, u User, suspended bool) {
	u.Suspended, u.SuspendedAt = suspended, time.Time{}
	if suspended {
		u.SuspendedAt = whole(now)
	}
	s.Users.put(s.next(now), u.ID, u)
}

// remove ends a user's relation to the organization: access ends at once, the account lives on.
func (s *state) remove(d Dialect, now time.Time, u User) {
	for m := range s.Members.rows() {
		if m.User == u.ID {
			s.leaveGroup(d, now, m)
		}
	}
	for l := range s.Links.rows() {
		if l.To == u.ID {
			s.Links.drop(s.next(now), l.id())
		}
	}
	s.Users.drop(s.next(now), u.ID)
}

func (s *state) joinGroup(now time.Time, groupID, userID string) member {
	m, was := s.membership(groupID, userID)
	if !was {
		return s.addMember(now, groupID, userID)
	}
	m.Inactive, m.Updated = false, whole(now)
	s.Members.put(s.next(now), m.ID, m)
	return m
}

// addMember puts somebody into a group who never was in it.
func (s *state) addMember(now time.Time, groupID, userID string) member {
	m := member{ID: newID(), Group: groupID, User: userID, Created: whole(now), Updated: whole(now)}
	s.Members.put(s.next(now), m.ID, m)
	return m
}

func (s *state) leaveGroup(d Dialect, now time.Time, m member) {
	if d.Removal != RemovalSoft {
		s.Members.drop(s.next(now), m.ID)
		return
	}
	m.Inactive, m.Updated = true, whole(now)
	s.Members.put(s.next(now), m.ID, m)
}

// whole is t in the whole seconds that answers can tell, so that what is told is what holds.
func whole(t time.Time) time.Time { return t.Truncate(time.Second) }

// nameFrom makes a name for people that the world knows only by address: "ada.lovelace@…" is Ada Lovelace.
func nameFrom(email string) string {
	local, _, _ := strings.Cut(email, "@")
	words := strings.FieldsFunc(local, func(r rune) bool { return r == '.' || r == '_' || r == '-' || r == '+' })
	for i, w := range words {
		first, size := utf8.DecodeRuneInString(w)
		words[i] = string(unicode.ToUpper(first)) + w[size:]
	}
	return strings.Join(words, " ")
}
