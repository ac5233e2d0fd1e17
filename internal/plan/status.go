package plan

import (
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// State is where a person of the roster stands.
type State string

// The states.
const (
	// StateMember is in the organization.
	StateMember State = "member"
	// StatePending was invited and can still accept, or may have been mailed and is held back until that is known.
	StatePending State = "pending"
	// StateExpired let the last invitation expire and is to be invited again.
	StateExpired State = "expired"
	// StateGaveUp got as many mails as the roster allows.
	StateGaveUp State = "gave_up"
	// StateLeft was a member once.
	StateLeft State = "left"
	// StateSuspended is in the organization, suspended.
	StateSuspended State = "suspended"
	// StateNeedsAttention declined, has an invitation that was cancelled or is not understood, or the address of a service
	// user.
	StateNeedsAttention State = "needs_attention"
	// StateNotInvited was never invited.
	StateNotInvited State = "not_invited"
)

// States are all states, from the one that needs a person most to the one that needs nothing.
var States = []State{
	StateNeedsAttention, StateGaveUp, StateLeft, StateSuspended, StateNotInvited, StateExpired, StatePending, StateMember,
}

// PersonStatus is where one person of the roster stands, as the plan sees it.
type PersonStatus struct {
	// Email and Name are the roster's; Name may be "". Source is the file:line of the entry.
	Email  org.Address
	Name   string
	Source string
	State  State
	// Ended is true when the person's last day is over: then they count as unlisted. State is member or suspended for who
	// is in the organization all the same, else not_invited.
	Ended bool
	// From is the person's first day, as midnight UTC at its beginning; zero: it has none.
	From time.Time
	// Until is the person's last day, as midnight UTC at its beginning; zero: no end.
	Until time.Time
	// InvitationID is that of the invitation that counts; "" when there is none.
	InvitationID string
	// Invited, Expires and Responded are the invitation's times; zero when unknown.
	Invited, Expires, Responded time.Time
	// ExpiresEstimated is true when the server gave no date for Expires.
	ExpiresEstimated bool
	// Rounds is how many mails went unanswered.
	Rounds int
	// FirstMail is when the first of those was sent or, with no such mail, the invitation; zero when unknown.
	FirstMail time.Time
	// UserID is "" for who is not in the organization.
	UserID string
	// Groups, Roles and Policies are what the person has, as far as was read; APIEnabled is nil when unknown.
	Groups, Roles, Policies []string
	APIEnabled              *bool
	// Teams are the person's teams now, each once, in the order of the roster. Until of a membership
	// is its last day; zero: no end.
	Teams []roster.Membership
	// Wanted are the names of the access that the roster gives, Missing those that the person lacks: "API access", "group
	// platform".
	Wanted, Missing []string
}

// Unanswered reports whether the person was invited and is not a member: the invitation is pending
// or expired, was declined, or is not understood.
func (s PersonStatus) Unanswered() bool {
	switch s.State {
	case StatePending, StateExpired, StateGaveUp, StateNeedsAttention:
		return true
	case StateMember, StateLeft, StateSuspended, StateNotInvited:
	}
	return false
}

// PersonStatuses tells where each person of the roster stands, sorted by canonical address, by the rules that
// [Compute] decides by.
func PersonStatuses(in Input) []PersonStatus {
	ix := newIndex(in)
	cat := ix.catalog()
	standings := make([]PersonStatus, 0, len(ix.people))
	overdue := map[*person]*org.User{}
	for i := range ix.unlistedUsers {
		u := &ix.unlistedUsers[i]
		if p := ix.endedAs(u); p != nil && !u.Service && (overdue[p] == nil || overdue[p].Suspended) {
			overdue[p] = u
		}
	}
	for i := range ix.people {
		p := &ix.people[i]
		var d decision
		ix.decideMembership(p, &d)
		if p.ended {
			p.user = overdue[p]
		}
		s := PersonStatus{
			Email: p.Email, Name: p.Name, Source: p.At.Source(), Ended: p.ended, From: p.From, Until: p.Until, State: d.state(p),
			UserID: userID(p),
			Teams:  currentTeams(p.Person),
		}
		if p.user == nil { // what members got was answered
			s.Rounds, s.FirstMail = p.rounds()
		}
		if row := p.newestRow(); row != nil {
			s.InvitationID, s.Invited, s.Responded = row.ID, row.Created, row.Responded
			s.Expires, s.ExpiresEstimated = ix.expiry(p, row)
		} else if m := p.lastMail(); m != nil {
			s.InvitationID, s.Invited, s.Expires, s.ExpiresEstimated = m.InvitationID, m.At, m.ExpiresAt(), m.ExpiresEstimated()
		}
		for _, n := range d.notices {
			if n.Kind != Waiting {
				continue
			}
			if n.InvitationID != s.InvitationID {
				s.Responded = time.Time{} // to another invitation
			}
			s.InvitationID, s.Invited, s.Expires, s.ExpiresEstimated = n.InvitationID, n.Since, n.Expires, n.ExpiresEstimated
		}
		if s.FirstMail.IsZero() {
			s.FirstMail = s.Invited
		}
		ix.describeAccess(p, cat, &s)
		standings = append(standings, s)
	}
	return standings
}

// currentTeams returns the memberships of p, whose ended ones are left out already: one for each
// team, the one that lasts longest.
func currentTeams(p *roster.Person) []roster.Membership {
	var teams []roster.Membership
	for _, m := range p.Teams {
		i := slices.IndexFunc(teams, func(other roster.Membership) bool { return other.Team == m.Team })
		switch {
		case i < 0:
			teams = append(teams, m)
		case !teams[i].Until.IsZero() && (m.Until.IsZero() || m.Until.After(teams[i].Until)):
			teams[i] = m
		}
	}
	return teams
}

func userID(p *person) string {
	if p.user == nil {
		return ""
	}
	return p.user.ID
}

// state names what was decided.
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
			return StateLeft
		case NeedsAttention, UnknownMembership, PossibleAlias, Flapping, RefusedMail:
			return StateNeedsAttention
		case EndedSoon, NotYet:
			if len(p.invitations) > 0 || len(p.record.Mails) > 0 {
				return StateExpired
			}
			return StateNotInvited
		default: // does not tell where they stand
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
		return StateMember // by an accepted invitation, where users cannot be listed
	}
	return StateNotInvited
}

const apiAccess = "API access"

// describeAccess fills in what p has, and what the roster gives.
func (ix *index) describeAccess(p *person, cat catalog, s *PersonStatus) {
	if p.APIEnabled != nil && *p.APIEnabled {
		s.Wanted = append(s.Wanted, apiAccess)
		if p.user == nil || p.user.APIEnabled != nil && !*p.user.APIEnabled {
			s.Missing = append(s.Missing, apiAccess)
		}
	}
	for _, kind := range org.Kinds {
		for _, ref := range p.Refs(kind) {
			name := string(kind) + " " + ref.Name
			a := cat.byName[kind][ref.Name]
			has := false
			if a != nil {
				name = string(kind) + " " + a.Name
				_, has = a.Holders[s.UserID]
			}
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
	for a := range ix.access.of(p.user.ID).access() {
		switch a.Kind {
		case org.KindGroup:
			s.Groups = append(s.Groups, a.Name)
		case org.KindRole:
			s.Roles = append(s.Roles, a.Name)
		case org.KindPolicy:
			s.Policies = append(s.Policies, a.Name)
		}
	}
}
