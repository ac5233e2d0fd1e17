package report

import (
	"io"
	"time"

	"github.com/orgsync/orgsync/internal/plan"
)

// The fields stand in the order in which they are printed. A pointer is null when it is not known.
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
	Ended        bool          `json:"ended,omitempty"`
	Estimated    bool          `json:"expires_estimated,omitempty"`
	Until        string        `json:"until,omitempty"`
	Verified     *verification `json:"verified,omitempty"`
	History      []event       `json:"history,omitempty"`
}

type verification struct {
	Status      *string `json:"status"`
	Registered  *string `json:"email_registered"`
	RespondedAt *string `json:"responded_at"`
	Error       string  `json:"error,omitempty"`
}

type event struct {
	Time         *string `json:"time"`
	Action       string  `json:"action"`
	Outcome      *string `json:"outcome"`
	InvitationID *string `json:"invitation_id"`
	ObjectID     *string `json:"object_id"`
}

// StatusJSON writes s as one JSON document. The error is w's.
func StatusJSON(w io.Writer, s Status) error {
	people := make([]statusPerson, 0, len(s.People))
	for _, p := range s.People {
		out := statusPerson{
			Email: p.Email.String(), State: p.State, InvitationID: text(p.InvitationID), InvitedAt: stamp(p.Invited), ExpiresAt: stamp(p.Expires),
			RespondedAt: stamp(p.Responded), Rounds: p.Rounds, UserID: text(p.UserID), Groups: list(p.Groups), Roles: list(p.Roles),
			Policies: list(p.Policies), APIEnabled: p.APIEnabled, Source: p.Source, Name: text(p.Name), Wanted: list(p.Wanted), Missing: list(p.Missing),
			Ended: p.Ended, Estimated: p.ExpiresEstimated,
		}
		if !p.Until.IsZero() {
			out.Until = p.Until.Format(time.DateOnly)
		}
		if v := p.Verified; v != nil {
			out.Verified = &verification{Status: text(v.Status), Registered: text(v.Registered.String()), RespondedAt: stamp(v.Responded)}
			if v.Problem != nil {
				out.Verified.Error = v.Problem.Error()
			}
		}
		for _, e := range p.History {
			out.History = append(out.History, event{stamp(e.Time), e.Action, text(e.Outcome), text(e.InvitationID), text(e.Object)})
		}
		people = append(people, out)
	}
	return write(w, struct {
		FormatVersion string         `json:"format_version"`
		People        []statusPerson `json:"people"`
	}{formatVersion, people})
}
