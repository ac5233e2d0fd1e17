package report

import (
	"io"
	"slices"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/plan"
)

// statusPerson is the JSON form of the state of a person. A nil pointer means that the value is not
// known.
type statusPerson struct {
	Email        string        `json:"email"`
	State        plan.State    `json:"state"`
	InvitationID *string       `json:"invitation_id"`
	InvitedAt    *string       `json:"invited_at"`
	ExpiresAt    *string       `json:"expires_at"`
	RespondedAt  *string       `json:"responded_at"`
	Rounds       int           `json:"rounds"`
	UserID       *string       `json:"user_id"`
	Groups       []string      `json:"groups"`
	Roles        []string      `json:"roles"`
	Policies     []string      `json:"policies"`
	APIEnabled   *bool         `json:"api_enabled"`
	Source       string        `json:"source"`
	Name         *string       `json:"name"`
	Wanted       []string      `json:"wanted"`
	Missing      []string      `json:"missing"`
	Teams        []membership  `json:"teams,omitempty"`
	Ended        bool          `json:"ended,omitempty"`
	Estimated    bool          `json:"expires_estimated,omitempty"`
	From         string        `json:"from,omitempty"`
	Until        string        `json:"until,omitempty"`
	Action       plan.Action   `json:"action,omitempty"`
	Verified     *verification `json:"verified,omitempty"`
	History      []event       `json:"history,omitempty"`
}

// membership is the JSON form of a membership that has not ended.
type membership struct {
	Team   string `json:"team"`
	Until  string `json:"until,omitempty"`
	Source string `json:"source"`
}

// teamPeople is the JSON form of a team.
type teamPeople struct {
	Team    *string        `json:"team"`    // nil for the people without a team
	Members []string       `json:"members"` // addresses
	States  map[string]int `json:"states"`  // the number of members in each state
}

type verification struct {
	Status      *string `json:"status"`
	Registered  *string `json:"email_registered"`
	RespondedAt *string `json:"responded_at"`
	Error       string  `json:"error,omitempty"`
}

type event struct {
	Time         *string       `json:"time"`
	Action       ledger.Action `json:"action"`
	Outcome      *string       `json:"outcome"`
	InvitationID *string       `json:"invitation_id"`
	ObjectID     *string       `json:"object_id"`
}

type unlistedPerson struct {
	Email        *string      `json:"email"`
	Name         *string      `json:"name"`
	UserID       *string      `json:"user_id"`
	InvitationID *string      `json:"invitation_id"`
	ExpiresAt    *string      `json:"expires_at"`
	Since        *string      `json:"since"`
	RemovalAfter *string      `json:"removal_after"`
	Suspended    bool         `json:"suspended,omitempty"`
	Action       *plan.Action `json:"action"`
}

// newUnlisted returns the people who are not in the roster. The people that apply would suspend or
// remove are the first. The list is never nil.
func newUnlisted(s Status) []unlistedPerson {
	out, refused := []unlistedPerson{}, s.isRefused()
	for _, c := range s.Leaving {
		one := unlistedPerson{Email: orNull(c.Email.String()), UserID: orNull(c.UserID)}
		if !refused {
			one.Action = &c.Action
		}
		out = append(out, one)
	}
	_, unlisted := s.splitNotices()
	for _, n := range unlisted {
		one := unlistedPerson{
			Email: orNull(n.Email.String()), UserID: orNull(n.UserID), InvitationID: orNull(n.InvitationID),
			ExpiresAt: timestamp(n.Expires), Since: timestamp(n.Since), RemovalAfter: timestamp(n.RemovalAfter),
			Suspended: n.Suspended,
		}
		if n.UserID != "" {
			one.Name = orNull(n.Text)
		}
		out = append(out, one)
	}
	return out
}

// StatusJSON writes s as one JSON document. The error is from w.
func StatusJSON(w io.Writer, s Status) error {
	people := make([]statusPerson, 0, len(s.People))
	for _, p := range s.People {
		out := statusPerson{
			Email: p.Email.String(), State: p.State, InvitationID: orNull(p.InvitationID), InvitedAt: timestamp(p.Invited),
			ExpiresAt:   timestamp(p.Expires),
			RespondedAt: timestamp(p.Responded), Rounds: p.Rounds, UserID: orNull(p.UserID), Groups: orEmpty(p.Groups),
			Roles:    orEmpty(p.Roles),
			Policies: orEmpty(p.Policies), APIEnabled: p.APIEnabled, Source: p.Source, Name: orNull(p.Name),
			Wanted: orEmpty(p.Wanted), Missing: orEmpty(p.Missing),
			Ended: p.Ended, Estimated: p.ExpiresEstimated, From: p.From.String(), Until: p.Until.String(),
		}
		for _, m := range p.Teams {
			out.Teams = append(out.Teams, membership{Team: m.Team, Until: m.Until.String(), Source: m.At.Source()})
		}
		if p.Leaving != nil && !s.isRefused() {
			out.Action = p.Leaving.Action
		}
		if v := p.Verified; v != nil {
			out.Verified = &verification{Status: orNull(v.StatusText), Registered: orNull(v.Registered.String()),
				RespondedAt: timestamp(v.Responded)}
			if v.Problem != nil {
				out.Verified.Error = v.Problem.Error()
			}
		}
		for _, e := range p.History {
			out.History = append(out.History, event{timestamp(e.Time), e.Action, orNull(string(e.Outcome)),
				orNull(e.InvitationID), orNull(e.Object)})
		}
		people = append(people, out)
	}
	return WriteJSON(w, struct {
		Header
		GeneratedAt  *string          `json:"generated_at"`
		Organization organization     `json:"organization"`
		People       []statusPerson   `json:"people"`
		Teams        []teamPeople     `json:"teams,omitempty"`
		Unlisted     []unlistedPerson `json:"unlisted"`
	}{NewHeader("status"), timestamp(s.Now), newOrganization(s.Organization), people, newTeams(s), newUnlisted(s)})
}

// newTeams returns every team of the roster, and then the people without a team if there are any. It
// returns nil unless s.ByTeam is true.
func newTeams(s Status) []teamPeople {
	if !s.ByTeam {
		return nil
	}
	var teams []teamPeople
	index := make(map[string]int) // in teams, by name; "" is the name for people without a team
	add := func(name string) {
		index[name] = len(teams)
		teams = append(teams, teamPeople{Team: orNull(name), Members: []string{}, States: map[string]int{}})
	}
	for _, name := range slices.Sorted(slices.Values(s.Teams)) {
		add(name)
	}
	for _, p := range s.byTeam() {
		if _, found := index[p.team]; !found {
			add(p.team)
		}
		t := &teams[index[p.team]]
		t.Members = append(t.Members, p.Email.String())
		t.States[string(p.State)]++
	}
	return teams
}
