package report

import (
	"io"

	"github.com/orgsync/orgsync/internal/diff"
)

// The fields stand in the order in which they are printed. A pointer is null when there is no value.
type difference struct {
	FormatVersion string        `json:"format_version"`
	Command       string        `json:"command"`
	Old           rosterSummary `json:"old"`
	New           rosterSummary `json:"new"`
	Settings      []setting     `json:"settings"`
	People        []differing   `json:"people"`
	Warnings      []warnedAbout `json:"warnings"`
	Summary       diffSummary   `json:"summary"`
}

type differing struct {
	Change diff.Kind `json:"change"`
	Email  string    `json:"email"`
	Name   *string   `json:"name"`
	Source string    `json:"source"`
	Fields []field   `json:"fields"`
}

type field struct {
	Field diff.FieldName `json:"field"`
	From  *string        `json:"from"`
	To    *string        `json:"to"`
	Gone  []string       `json:"removed,omitempty"`
	Come  []string       `json:"added,omitempty"`
	// Managed is left out where it stays as it is.
	Managed *bool `json:"managed,omitempty"`
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

// DiffJSON writes d as one JSON document. The error is w's.
func DiffJSON(w io.Writer, run Diff, d diff.Difference) error {
	doc := difference{
		FormatVersion: formatVersion, Command: run.Command,
		Old: rosterSummary{list(run.OldFiles), run.OldPeople}, New: rosterSummary{list(run.Files), run.People},
		Settings: []setting{}, People: []differing{}, Warnings: newWarnings(d.Warnings),
		Summary: diffSummary{
			d.Count(diff.Added), d.Count(diff.Removed), d.Count(diff.Changed), d.Count(diff.SpellingOnly), len(d.Settings), d.Unchanged,
		},
	}
	for _, f := range d.Settings {
		doc.Settings = append(doc.Settings, setting{newField(f), f.Loosens})
	}
	for _, p := range d.People {
		one := differing{Change: p.Kind, Email: p.Email.String(), Name: text(p.Name), Source: p.Source, Fields: []field{}}
		for _, f := range p.Fields {
			one.Fields = append(one.Fields, newField(f))
		}
		doc.People = append(doc.People, one)
	}
	return write(w, doc)
}

func newField(f diff.Field) field {
	return field{Field: f.Name, From: text(f.From), To: text(f.To), Gone: f.Removed, Come: f.Added, Managed: f.Managing}
}
