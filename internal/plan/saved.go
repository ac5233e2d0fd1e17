package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// savedVersion changes when a field of a saved plan is renamed, removed or given another meaning.
const savedVersion = "1"

// Saved is a plan that was saved for a later apply. If the later apply makes a plan with another fingerprint, it
// uses the changes to show the difference.
type Saved struct {
	Organization org.Organization
	// Made is the server's time for which the plan was made.
	Made time.Time
	// Changes and Held are those of the plan.
	Changes []Change
	Held    []Change
	// Only, Resend and Reinvite are the flags with which the plan was made. The later apply makes its plan with them
	// too.
	Only, Resend, Reinvite []org.Address
}

// Fingerprint returns the fingerprint of the plan that was saved.
func (s Saved) Fingerprint() string {
	return Plan{Organization: s.Organization, Changes: s.Changes, Held: s.Held}.Fingerprint()
}

// savedPlan is the JSON document of a saved plan.
type savedPlan struct {
	FormatVersion string        `json:"format_version"`
	Fingerprint   string        `json:"fingerprint"`
	Made          time.Time     `json:"made_at"`
	Organization  savedOrg      `json:"organization"`
	Changes       []savedChange `json:"changes"`
	Held          []savedChange `json:"held"`
	Only          []string      `json:"only,omitempty"`
	Resend        []string      `json:"resend,omitempty"`
	Reinvite      []string      `json:"reinvite,omitempty"`
}

type savedOrg struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type savedChange struct {
	Action       Action   `json:"action"`
	Reason       Reason   `json:"reason"`
	Email        string   `json:"email"`
	Source       string   `json:"source,omitempty"`
	UserID       string   `json:"user_id,omitempty"`
	InvitationID string   `json:"invitation_id,omitempty"`
	APIEnabled   *bool    `json:"api_enabled,omitempty"`
	Kind         org.Kind `json:"kind,omitempty"`
	Name         string   `json:"name,omitempty"`
	ID           string   `json:"id,omitempty"`
	// ExpiresAt, MailedAt and CountedFrom are those of Detail.
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	MailedAt    time.Time `json:"mailed_at,omitzero"`
	CountedFrom time.Time `json:"counted_from,omitzero"`
}

// Save returns p as a JSON document that [ReadSaved] reads.
func (p Plan) Save() ([]byte, error) {
	doc := savedPlan{
		FormatVersion: savedVersion, Fingerprint: p.Fingerprint(), Made: p.Now,
		Organization: savedOrg{p.Organization.ID, p.Organization.Name}, Changes: []savedChange{}, Held: []savedChange{},
		Only: spellings(p.Only), Resend: spellings(p.Resend), Reinvite: spellings(p.Reinvite),
	}
	for _, c := range p.Changes {
		doc.Changes = append(doc.Changes, save(c))
	}
	for _, c := range p.Held {
		doc.Held = append(doc.Held, save(c))
	}
	data, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the plan: %w", err)
	}
	return append(data, '\n'), nil
}

func spellings(list []org.Address) []string {
	var texts []string
	for _, a := range list {
		texts = append(texts, a.String())
	}
	return texts
}

func save(c Change) savedChange {
	return savedChange{
		c.Action, c.Reason, c.Email.String(), c.Source, c.UserID, c.InvitationID, c.Detail.APIEnabled, c.Detail.Kind,
		c.Detail.Name, c.Detail.ID, c.Detail.Expires, c.Detail.Mailed, c.Detail.CountedFrom,
	}
}

// ReadSaved reads a document of [Plan.Save]. It returns an error if data is anything else, or if the fingerprint in
// it does not fit the changes in it. The errors refer to the document as "it".
func ReadSaved(data []byte) (Saved, error) {
	var doc savedPlan
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return Saved{}, fmt.Errorf("it is not a plan that was saved with --out: %w", err)
	}
	switch {
	case strings.TrimSpace(string(data[dec.InputOffset():])) != "":
		return Saved{}, errors.New("it is not a plan that was saved with --out: there is more text after the plan")
	case doc.FormatVersion != savedVersion:
		return Saved{}, fmt.Errorf("it has the format version %q, but this orgsync reads %q", doc.FormatVersion, savedVersion)
	}
	s := Saved{Organization: org.Organization{ID: doc.Organization.ID, Name: doc.Organization.Name}, Made: doc.Made}
	for _, list := range []struct {
		from []savedChange
		to   *[]Change
	}{{doc.Changes, &s.Changes}, {doc.Held, &s.Held}} {
		for i, c := range list.from {
			change, err := restore(c)
			if err != nil {
				return Saved{}, fmt.Errorf("change %d of it: %w", i+1, err)
			}
			*list.to = append(*list.to, change)
		}
	}
	for _, list := range []struct {
		from []string
		to   *[]org.Address
	}{{doc.Only, &s.Only}, {doc.Resend, &s.Resend}, {doc.Reinvite, &s.Reinvite}} {
		for _, text := range list.from {
			a, err := org.ParseAddress(text)
			if err != nil {
				return Saved{}, fmt.Errorf("%q in it: %w", text, err)
			}
			*list.to = append(*list.to, a)
		}
	}
	if s.Fingerprint() != doc.Fingerprint {
		return Saved{}, errors.New("its fingerprint does not fit its changes: it was edited, or is damaged")
	}
	return s, nil
}

// reasons lists the reasons of all changes.
var reasons = []Reason{NotInvited, Expired, ListedAgain, APIAccessDiffers, MissingAccess, MoreAccess, NotListed,
	Requested}

func restore(c savedChange) (Change, error) {
	switch {
	case !slices.Contains(Actions, c.Action):
		return Change{}, fmt.Errorf("unknown action %q", c.Action)
	case !slices.Contains(reasons, c.Reason):
		return Change{}, fmt.Errorf("unknown reason %q", c.Reason)
	case c.Kind != "" && !slices.Contains(org.Kinds, c.Kind):
		return Change{}, fmt.Errorf("unknown kind of access %q", c.Kind)
	}
	var email org.Address
	if c.Email != "" { // it is empty if the address of the user cannot be read
		var err error
		if email, err = org.ParseAddress(c.Email); err != nil {
			return Change{}, fmt.Errorf("%q: %w", c.Email, err)
		}
	}
	return Change{
		Action: c.Action, Reason: c.Reason, Email: email, Source: c.Source, UserID: c.UserID, InvitationID: c.InvitationID,
		Detail: Detail{APIEnabled: c.APIEnabled, Kind: c.Kind, Name: c.Name, ID: c.ID, Expires: c.ExpiresAt,
			Mailed: c.MailedAt, CountedFrom: c.CountedFrom},
	}, nil
}

// StaleError says that the plan that apply made differs from the saved plan.
type StaleError struct {
	// Saved and Fresh are the organizations of the two plans.
	Saved, Fresh org.Organization
	// Made is the server's time for which the saved plan was made.
	Made time.Time
	// OnlySaved and OnlyFresh have the changes that only one of the plans has. Both are empty if the plans differ only
	// in the held mails or in the organization.
	OnlySaved, OnlyFresh []Change
}

// Error returns a message with both organizations, or with the numbers of different changes.
func (e *StaleError) Error() string {
	if e.Saved.ID != e.Fresh.ID {
		if name := e.Saved.Name; name != "" && name == e.Fresh.Name {
			return fmt.Sprintf("the plan was saved for the organization %q (%s), but this key acts on another one with the "+
				"same name (%s)", name, e.Saved.ID, e.Fresh.ID)
		}
		return fmt.Sprintf("the plan was saved for the organization %q, but this key acts on %q", label(e.Saved),
			label(e.Fresh))
	}
	if len(e.OnlySaved)+len(e.OnlyFresh) == 0 {
		return "the saved plan is out of date: a new plan holds back mails to other people than the saved plan"
	}
	return fmt.Sprintf("the saved plan is out of date: changes no longer needed: %d, new ones: %d", len(e.OnlySaved),
		len(e.OnlyFresh))
}

// label returns the name of o or, if it has none, the id.
func label(o org.Organization) string {
	if o.Name != "" {
		return o.Name
	}
	return o.ID
}

// CheckStale returns a [*StaleError] if p differs from the saved plan s.
func (p Plan) CheckStale(s Saved) error {
	if p.Fingerprint() == s.Fingerprint() {
		return nil
	}
	return &StaleError{
		Saved: s.Organization, Fresh: p.Organization, Made: s.Made,
		OnlySaved: difference(s.Changes, p.Changes), OnlyFresh: difference(p.Changes, s.Changes),
	}
}

// difference returns the changes of list that other does not have.
func difference(list, other []Change) []Change {
	has := make(map[string]bool, len(other))
	for _, c := range other {
		has[c.identity()] = true
	}
	var rest []Change
	for _, c := range list {
		if !has[c.identity()] {
			rest = append(rest, c)
		}
	}
	return rest
}
