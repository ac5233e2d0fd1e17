package report

import (
	"io"

	"github.com/orgsync/orgsync/internal/diff"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
)

// diffDocument is the JSON form of the differences between two rosters.
type diffDocument struct {
	Header
	Old      rosterSummary `json:"old"`
	New      rosterSummary `json:"new"`
	Settings []setting     `json:"settings"`
	People   []personDiff  `json:"people"`
	Teams    []teamDiff    `json:"teams,omitempty"`
	Warnings []warning     `json:"warnings"`
	Summary  diffSummary   `json:"summary"`
}

type personDiff struct {
	Change      diff.Kind `json:"change"`
	Email       string    `json:"email"`
	Name        *string   `json:"name"`
	Source      string    `json:"source"`
	Fields      []field   `json:"fields"`
	SameName    string    `json:"same_name,omitempty"`
	AliasOf     string    `json:"alias_of,omitempty"`
	Protected   bool      `json:"protected,omitempty"`
	Unprotected bool      `json:"unprotected,omitempty"`
	Dropped     []string  `json:"dropped,omitempty"`
}

type teamDiff struct {
	Change diff.Kind `json:"change"`
	Team   string    `json:"team"`
	Source string    `json:"source"`
	Joined []string  `json:"joined"`
	Left   []string  `json:"left"`
	Fields []field   `json:"fields"`
}

type field struct {
	Field diff.FieldName `json:"field"`
	// Team is the team if the field is about a membership.
	Team    string   `json:"team,omitempty"`
	From    *string  `json:"from"`
	To      *string  `json:"to"`
	Removed []string `json:"removed,omitempty"`
	Added   []string `json:"added,omitempty"`
	// Kept has the elements of Removed that a run would not take away.
	Kept        []string        `json:"kept,omitempty"`
	KeptBecause diff.KeptReason `json:"kept_because,omitempty"`
	// FirstNamed has the elements of Added that the old roster names nowhere.
	FirstNamed []string `json:"first_named,omitempty"`
	// Ends has the access whose last day differs.
	Ends []end `json:"ends,omitempty"`
	// Managed is nil if it does not change.
	Managed *bool `json:"managed,omitempty"`
}

type end struct {
	Name string  `json:"name"`
	From *string `json:"from"`
	To   *string `json:"to"`
}

type setting struct {
	field
	Loosens bool `json:"loosens"`
}

type diffSummary struct {
	Added     int `json:"added"`
	Removed   int `json:"removed"`
	Changed   int `json:"changed"`
	Respelt   int `json:"respelt"`
	Settings  int `json:"settings"`
	Unchanged int `json:"unchanged"`
}

// DiffJSON writes d as one JSON document. older and newer describe the two rosters. The error is from
// w.
func DiffJSON(w io.Writer, older, newer Run, d diff.Difference) error {
	doc := diffDocument{
		Header: NewHeader(newer.Command), Old: newRosterSummary(older), New: newRosterSummary(newer),
		Settings: document.Map(d.Settings, func(f diff.Field) setting { return setting{newField(f), f.Loosens} }),
		People: document.Map(d.People, func(p diff.Person) personDiff {
			return personDiff{Change: p.Kind, Email: p.Email.String(), Name: orNull(p.Name), Source: p.Source,
				Fields: document.Map(p.Fields, newField), SameName: p.SameName.String(),
				AliasOf: p.AliasOf.String(), Protected: p.Protected, Unprotected: p.Unprotected,
				Dropped: document.Map(p.Dropped, org.Address.String)}
		}),
		Teams: document.Map(d.Teams, func(t diff.Team) teamDiff {
			return teamDiff{Change: t.Kind, Team: t.Name, Source: t.Source,
				Joined: document.Map(t.Joined, org.Address.String), Left: document.Map(t.Left, org.Address.String),
				Fields: document.Map(t.Fields, newField)}
		}),
		Warnings: document.Map(d.Warnings, newWarning),
		Summary: diffSummary{
			d.Count(diff.Added), d.Count(diff.Removed), d.Count(diff.Changed), d.Count(diff.SpellingOnly), len(d.Settings),
			d.Unchanged,
		},
	}
	return WriteJSON(w, doc)
}

func newField(f diff.Field) field {
	return field{Field: f.Name, Team: f.Team, From: orNull(f.From), To: orNull(f.To), Removed: f.Removed, Added: f.Added,
		Kept: f.Kept, KeptBecause: f.KeptBecause, FirstNamed: f.FirstNamed,
		Ends:    document.Map(f.Ends, func(e diff.End) end { return end{e.Name, orNull(e.From), orNull(e.To)} }),
		Managed: f.ManagedNow}
}
