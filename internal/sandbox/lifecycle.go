package sandbox

import (
	"cmp"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// invite is POST /v2/invitation. It returns the invitation and the status of the answer, or a refusal.
func (s *state) invite(d Dialect, now time.Time, email string, apiEnabled bool) (Invitation, int, *reply) {
	if _, member := s.userByEmail(email); member {
		status := http.StatusBadRequest
		if d.Member == Member422 {
			status = http.StatusUnprocessableEntity
		}
		return Invitation{}, 0, refuse(status, "User is already a member of this organization")
	}
	if pending, ok := s.newestInvitation(email, now, statePending); ok {
		switch d.Duplicate {
		case DuplicateSame:
			return pending, http.StatusOK, nil
		case DuplicateSecond:
		case DuplicateReplace:
			s.Invitations.drop(s.nextStamp(now), pending.ID)
		case Duplicate409:
			return Invitation{}, 0, refuse(http.StatusConflict, "An invitation is already pending for this email")
		default:
			return Invitation{}, 0, refuse(http.StatusBadRequest, "An invitation is already pending for this email")
		}
	}
	if expired, ok := s.newestInvitation(email, now, stateExpired); ok && d.InviteLapsed == InviteLapsedSame {
		expired.APIEnabled = apiEnabled
		return s.renew(now, expired), http.StatusCreated, nil
	}
	return s.mailNew(now, email, apiEnabled), http.StatusCreated, nil
}

func (s *state) mailNew(now time.Time, email string, apiEnabled bool) Invitation {
	i := Invitation{ID: newID(), Email: email, APIEnabled: apiEnabled, State: statePending, Created: wholeSeconds(now),
		Expires: wholeSeconds(now).Add(invitationLife)}
	s.Invitations.put(s.nextStamp(now), i.ID, i)
	s.Mails = append(s.Mails, Mail{To: email, At: now, InvitationID: i.ID})
	return i
}

// resend is POST /v2/invitation/{id}/resend. It sends another mail, and the invitation can be accepted for three
// more days (how-to-resend-an-organization-invitation). Only pending invitations can be resent. The documents
// contradict each other about expired ones, so the dialect decides.
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
		s.Invitations.drop(s.nextStamp(now), i.ID)
		i.ID, i.Created = newID(), wholeSeconds(now)
	}
	return s.renew(now, i), nil
}

// renew sends another mail for i, which can then be accepted for invitationLife.
func (s *state) renew(now time.Time, i Invitation) Invitation {
	i.Expires = wholeSeconds(now).Add(invitationLife)
	s.Invitations.put(s.nextStamp(now), i.ID, i)
	s.Mails = append(s.Mails, Mail{To: i.Email, At: now, InvitationID: i.ID, Resend: true})
	return i
}

// visibleInvitation returns the invitation that GET on its id shows. In some dialects, this does not show an expired
// invitation.
func (s *state) visibleInvitation(d Dialect, now time.Time, id string) (Invitation, bool) {
	i, ok := s.Invitations.get(id)
	if ok && d.Lapsed == LapsedVanish && i.stateAt(now) == stateExpired {
		return Invitation{}, false
	}
	return i, ok
}

// listedInvitations returns the invitations that the list shows at m.
func (s *state) listedInvitations(d Dialect, m moment) []Invitation {
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

// respond sets the state of i to the response of the person. The caller must check that i is pending.
func (s *state) respond(now time.Time, i Invitation, to string) {
	i.State, i.Responded = to, wholeSeconds(now)
	s.Invitations.put(s.nextStamp(now), i.ID, i)
}

// accept accepts i and creates a user with the address with which the person has registered. The user has no access:
// the console shows "No Active Organization" until the user gets a group, role or policy.
func (s *state) accept(d Dialect, now time.Time, i Invitation, registered string) {
	i.Registered = registered
	s.respond(now, i, stateAccepted)
	if _, already := s.userByEmail(registered); already {
		return // this was a second invitation of a user
	}
	id := cmp.Or(s.accountIDs(d)[strings.ToLower(registered)], newID())
	u := User{ID: id, Name: nameFrom(registered), Email: registered, APIEnabled: i.APIEnabled,
		InvitedBy: ownerEmail, InvitedOn: i.Created, Joined: wholeSeconds(now)}
	s.Users.put(s.nextStamp(now), u.ID, u)
}

// accountIDs returns the ids of the accounts, by address in lower case. A person who was a user before keeps the
// account. If invited people are users too, they keep the account of their first invitation.
func (s *state) accountIDs(d Dialect) map[string]string {
	ids := map[string]string{}
	for _, e := range s.Users.entries {
		ids[strings.ToLower(s.Users.last(e.ID).Email)] = e.ID
	}
	if !d.listsInvited() {
		return ids
	}
	for _, e := range s.Invitations.entries {
		key, id := strings.ToLower(s.Invitations.last(e.ID).Email), "u-"+e.ID
		if _, known := ids[key]; !known && s.Users.index[id] == nil {
			ids[key] = id
		}
	}
	return ids
}

func (s *state) suspend(now time.Time, u User, suspended bool) {
	u.Suspended, u.SuspendedAt = suspended, time.Time{}
	if suspended {
		u.SuspendedAt = wholeSeconds(now)
	}
	s.Users.put(s.nextStamp(now), u.ID, u)
}

// remove removes a user from the organization, with all groups, roles and policies. The account of the user remains.
func (s *state) remove(d Dialect, now time.Time, u User) {
	for m := range s.Members.rows() {
		if m.User == u.ID {
			s.leaveGroup(d, now, m)
		}
	}
	for l := range s.Links.rows() {
		if l.To == u.ID {
			s.Links.drop(s.nextStamp(now), l.id())
		}
	}
	s.Users.drop(s.nextStamp(now), u.ID)
}

func (s *state) joinGroup(now time.Time, groupID, userID string) member {
	m, found := s.membership(groupID, userID)
	if !found {
		return s.addMember(now, groupID, userID)
	}
	m.Inactive, m.Updated = false, wholeSeconds(now)
	s.Members.put(s.nextStamp(now), m.ID, m)
	return m
}

// addMember adds a user to a group. The user must never have been a member of the group.
func (s *state) addMember(now time.Time, groupID, userID string) member {
	m := member{ID: newID(), Group: groupID, User: userID, Created: wholeSeconds(now), Updated: wholeSeconds(now)}
	s.Members.put(s.nextStamp(now), m.ID, m)
	return m
}

func (s *state) leaveGroup(d Dialect, now time.Time, m member) {
	if d.Removal != RemovalSoft {
		s.Members.drop(s.nextStamp(now), m.ID)
		return
	}
	m.Inactive, m.Updated = true, wholeSeconds(now)
	s.Members.put(s.nextStamp(now), m.ID, m)
}

// wholeSeconds returns t without fractions of a second. Answers have dates in whole seconds, and the world must agree
// with its answers.
func wholeSeconds(t time.Time) time.Time { return t.Truncate(time.Second) }

// nameFrom makes a name from an address: Ada Lovelace for ada.lovelace@example.com.
func nameFrom(email string) string {
	local, _, _ := strings.Cut(email, "@")
	words := strings.FieldsFunc(local, func(r rune) bool { return r == '.' || r == '_' || r == '-' || r == '+' })
	for i, w := range words {
		first, size := utf8.DecodeRuneInString(w)
		words[i] = string(unicode.ToUpper(first)) + w[size:]
	}
	return strings.Join(words, " ")
}
