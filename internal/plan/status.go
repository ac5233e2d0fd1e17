package plan

import (
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// State is the state of a person of the roster.
type State string

// The states.
const (
	// StateMember means that the person is in the organization.
	StateMember State = "member"
	// StatePending means that the person can still accept an invitation. It also means that it is not known yet whether
	// an earlier mail to them was sent.
	StatePending State = "pending"
	// StateExpired means that the last invitation of the person expired, and that orgsync will invite them again.
	StateExpired State = "expired"
	// StateGaveUp means that the person got as many mails without an answer as the roster allows.
	StateGaveUp State = "gave_up"
	// StateLeft means that the person was a member and is no longer in the organization.
	StateLeft State = "left"
	// StateSuspended means that the person is in the organization and suspended.
	StateSuspended State = "suspended"
	// StateNeedsAttention means that somebody must look at the person. For example, the person declined, or the mail to
	// them is held.
	StateNeedsAttention State = "needs_attention"
	// StateNotInvited means that the person was never invited.
	StateNotInvited State = "not_invited"
)

// States lists all states, from the state that needs a person's attention most to the state that needs none.
var States = []State{
	StateNeedsAttention, StateGaveUp, StateLeft, StateSuspended, StateNotInvited, StateExpired, StatePending, StateMember,
}

// PersonStatus is the state of one person of the roster, with details for people.
type PersonStatus struct {
	// Email and Name are those of the roster; Name may be "". Source is the file:line of the entry.
	Email  org.Address
	Name   string
	Source string
	State  State
	// Ended is true if the person's last day is over. If their user is still in the organization, State is StateMember
	// or StateSuspended, otherwise StateNotInvited.
	Ended bool
	// From and Until are the person's first and last day; zero if there is none.
	From, Until roster.Day
	// InvitationID is the id of the invitation that decides the state; "" if there is none.
	InvitationID string
	// Invited, Expires and Responded are the times of this invitation; zero if unknown. Responded of a user who did not
	// join by this invitation is zero too.
	Invited, Expires, Responded time.Time
	// ExpiresEstimated is true if the server gave no date for Expires.
	ExpiresEstimated bool
	// NeverInvited is true if the person needs attention and was never invited.
	NeverInvited bool
	// Rounds is the number of mails without an answer.
	Rounds int
	// FirstMail is when the first of these mails was sent. If there are none, it is the same as Invited. It is zero if
	// unknown.
	FirstMail time.Time
	// UserID is "" for people who are not in the organization.
	UserID string
	// Groups, Roles and Policies have the access of the person, as far as orgsync read it. APIEnabled is nil if unknown.
	Groups, Roles, Policies []string
	APIEnabled              *bool
	// Teams has the current teams of the person, each once, in the order of the roster. Until of a membership is its
	// last day; zero if there is none.
	Teams []roster.Membership
	// Wanted names the access that the roster gives the person, for example "API access" or "group platform". Missing
	// names the part of it that the person does not have.
	Wanted, Missing []string
}

// Unanswered reports whether the person was invited and is not a member: their invitation is pending, expired,
// declined, or not understood.
func (s PersonStatus) Unanswered() bool {
	switch s.State {
	case StatePending, StateExpired, StateGaveUp:
		return true
	case StateNeedsAttention:
		return !s.NeverInvited
	case StateMember, StateLeft, StateSuspended, StateNotInvited:
	}
	return false
}

// PersonStatuses returns the status of each person of the roster, sorted by the key of the address. It decides by the
// same rules as [Compute].
func PersonStatuses(in Input) []PersonStatus {
	ix := newIndex(in)
	cat := ix.lookUpNames()
	statuses := make([]PersonStatus, 0, len(ix.people))
	endedUsers := map[*person]*org.User{}
	for i := range ix.unlistedUsers {
		u := &ix.unlistedUsers[i]
		if p := ix.endedAs(u); p != nil && !u.Service && !isUnaccepted(u) &&
			(endedUsers[p] == nil || endedUsers[p].Suspended) {
			endedUsers[p] = u
		}
	}
	for i := range ix.people {
		p := &ix.people[i]
		var d decision
		ix.decideMembership(p, &d)
		if p.ended {
			p.user = endedUsers[p]
		}
		s := PersonStatus{
			Email: p.Email, Name: p.Name, Source: p.At.Source(), Ended: p.ended, From: p.From, Until: p.Until, State: d.state(p),
			Teams: currentTeams(p.Person),
		}
		s.NeverInvited = s.State == StateNeedsAttention && len(p.invitations) == 0 && p.lastMail() == nil &&
			p.unaccepted == nil
		if p.user != nil {
			s.UserID = p.user.ID
		} else { // a member has answered all mails
			s.Rounds, s.FirstMail = ix.rounds(p)
		}
		inv := ix.decidingInvitation(p)
		m := ix.mailAfter(p, inv)
		switch {
		case m != nil && (inv == nil || p.user == nil && p.unreadableInvitation() == nil):
			s.InvitationID, s.Invited, s.Expires, s.ExpiresEstimated = m.InvitationID, m.At, m.ExpiresAt(), m.ExpiresEstimated()
		case inv != nil:
			s.InvitationID, s.Invited = inv.ID, inv.Created
			if p.user == nil || inv.Status == org.StatusAccepted {
				s.Responded = inv.Responded
			}
			s.Expires, s.ExpiresEstimated = p.expiry(inv)
		}
		if s.State == StatePending {
			s.Responded = time.Time{} // it belongs to another invitation, or is from before the last mail
		}
		for _, n := range d.notices {
			if n.Kind != Waiting {
				continue
			}
			s.InvitationID, s.Invited, s.Expires, s.ExpiresEstimated = n.InvitationID, n.Since, n.Expires, n.ExpiresEstimated
		}
		if s.FirstMail.IsZero() {
			s.FirstMail = s.Invited
		}
		ix.describeAccess(p, cat, &s)
		statuses = append(statuses, s)
	}
	return statuses
}

// currentTeams returns one membership of p for each team: the membership that ends last. p has no ended memberships.
func currentTeams(p *roster.Person) []roster.Membership {
	var teams []roster.Membership
	for _, m := range p.Teams {
		i := slices.IndexFunc(teams, func(other roster.Membership) bool { return other.Team == m.Team })
		switch {
		case i < 0:
			teams = append(teams, m)
		case teams[i].Until != teams[i].Until.LaterEnd(m.Until):
			teams[i] = m
		}
	}
	return teams
}

// state returns the state of p that d shows.
func (d *decision) state(p *person) State {
	switch {
	case p.user != nil && p.user.Suspended:
		return StateSuspended
	case p.user != nil:
		return StateMember
	}
	for _, n := range d.notices {
		switch n.Kind {
		case Waiting, Unsettled:
			return StatePending
		case GaveUp:
			return StateGaveUp
		case Left:
			if n.Text == AcceptedLately {
				return StateMember
			}
			return StateLeft
		case NeedsAttention, UnknownMembership, PossibleAlias, Flapping, RefusedMail, SuspendedUser:
			return StateNeedsAttention
		case EndsTooSoon, NotYet:
			switch {
			case len(p.invitations) > 0 || len(p.record.Mails) > 0:
				return StateExpired
			case p.record.Joined || p.record.Removed:
				return StateLeft
			}
			return StateNotInvited
		default: // does not decide the state
		}
	}
	for _, change := range d.changes {
		switch {
		case change.Action == Reinvite:
			return StateExpired
		case change.Reason == ListedAgain:
			return StateLeft
		}
	}
	if len(d.changes) == 0 && !p.ended {
		return StateMember // the key cannot list users, and the person accepted an invitation
	}
	return StateNotInvited
}

const apiAccess = "API access"

// describeAccess sets in s the access that p has, and the access that the roster gives p.
func (ix *index) describeAccess(p *person, cat catalog, s *PersonStatus) {
	if p.APIEnabled != nil && *p.APIEnabled {
		s.Wanted = append(s.Wanted, apiAccess)
		if p.user == nil || p.user.APIEnabled != nil && !*p.user.APIEnabled {
			s.Missing = append(s.Missing, apiAccess)
		}
	}
	for _, kind := range org.Kinds {
		named := map[string]bool{} // by id; by name if the organization does not have it
		for _, ref := range p.Refs(kind) {
			name := string(kind) + " " + ref.Name
			a := cat.byName[kind][ref.Name]
			key, has := ref.Name, false
			if a != nil {
				name = string(kind) + " " + a.Name
				key = a.ID
				_, has = a.Holders[s.UserID]
			}
			if named[key] {
				continue // the roster names it twice, for example by name and by id
			}
			named[key] = true
			if !has || s.UserID == "" {
				s.Missing = append(s.Missing, name)
			}
			s.Wanted = append(s.Wanted, name)
		}
	}
	if p.user == nil {
		return
	}
	s.APIEnabled = p.user.APIEnabled
	for _, a := range ix.access[p.user.ID] {
		switch a.Kind {
		case org.KindGroup:
			s.Groups = append(s.Groups, a.Name)
		case org.KindRole:
			s.Roles = append(s.Roles, a.Name)
		case org.KindPolicy:
			s.Policies = append(s.Policies, a.Name)
		}
	}
	for _, names := range [][]string{s.Groups, s.Roles, s.Policies} {
		slices.Sort(names) // the API may list them in any order
	}
}
