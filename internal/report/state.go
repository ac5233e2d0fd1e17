package report

import (
	"fmt"
	"io"
	"time"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/state"
)

// State describes the place of the ledgers and the locks.
type State struct {
	Location      state.Location
	Organizations []OrganizationState
}

// OrganizationState describes the ledger and the lock of one organization.
type OrganizationState struct {
	ID string
	state.Inspection
	// Entries is the number of lines of the ledger.
	Entries int
	// MovedTo is the place to which the ledger has moved; "" if it has not moved.
	MovedTo string
}

// StateDocument returns a document about s.
func StateDocument(s State) document.Document {
	place := fmt.Sprintf("State: %s (%s)", document.MarkMessage(s.Location.String()), s.Location.Kind)
	if len(s.Organizations) == 0 {
		return document.Document{Blocks: []document.Block{document.Paragraph{place, "It has no ledger yet."}}}
	}
	d := document.Document{Blocks: []document.Block{document.Paragraph{place}}}
	for _, o := range s.Organizations {
		facts := document.List{
			fmt.Sprintf("Ledger: %s, %s", document.Pluralize(o.Entries, "entry", "entries"),
				document.Pluralize(o.Bytes, "byte", "bytes")),
			"Lock: " + lockText(o.Inspection),
		}
		if o.MovedTo != "" {
			facts = append(facts, "Moved to: "+document.MarkMessage(o.MovedTo))
		}
		for _, note := range o.Notes {
			facts = append(facts, "Note: "+document.MarkMessage(note))
		}
		d.Blocks = append(d.Blocks, document.Section{
			Title: "Organization " + document.MarkName(o.ID), Blocks: []document.Block{facts},
		})
	}
	return d
}

// lockText returns a text about the run that has the lock.
func lockText(i state.Inspection) string {
	if !i.Held {
		return "free"
	}
	text := fmt.Sprintf("process %d on %s since %s", i.Holder.PID, document.MarkName(i.Holder.Host),
		i.Holder.Start.UTC().Format(time.RFC3339))
	if i.ID != "" {
		text += fmt.Sprintf(", id %s, last sign of life %d s ago by the clock of this machine", document.MarkName(i.ID),
			int(i.Silent.Seconds()))
	}
	return text
}

// organizationState is the JSON form of the ledger and the lock of one organization.
type organizationState struct {
	OrganizationID string     `json:"organization_id"`
	Place          string     `json:"place"`
	Entries        int        `json:"entries"`
	Bytes          int        `json:"bytes"`
	Segments       int        `json:"segments"`
	Lock           *stateLock `json:"lock"`
	MovedTo        string     `json:"moved_to,omitempty"`
	Notes          []string   `json:"notes"`
}

// stateLock is the JSON form of a lock that a run has.
type stateLock struct {
	ID            string    `json:"id,omitempty"`
	PID           int       `json:"pid"`
	Host          string    `json:"host"`
	Since         time.Time `json:"since"`
	SilentSeconds int       `json:"silent_seconds"`
}

// StateJSON writes s as one JSON document. The error is from w.
func StateJSON(w io.Writer, s State) error {
	return WriteJSON(w, struct {
		Header
		State         string              `json:"state"`
		Kind          state.Kind          `json:"kind"`
		Shared        bool                `json:"shared"`
		Organizations []organizationState `json:"organizations"`
	}{NewHeader("state show"), s.Location.String(), s.Location.Kind, s.Location.Shared(),
		document.Map(s.Organizations, newOrganizationState)})
}

func newOrganizationState(o OrganizationState) organizationState {
	out := organizationState{
		OrganizationID: o.ID, Place: o.Place, Entries: o.Entries, Bytes: o.Bytes, Segments: o.ObjectsSinceBase,
		MovedTo: o.MovedTo, Notes: orEmpty(o.Notes),
	}
	if o.Held {
		out.Lock = &stateLock{ID: o.Inspection.ID, PID: o.Holder.PID, Host: o.Holder.Host, Since: o.Holder.Start,
			SilentSeconds: int(o.Silent.Seconds())}
	}
	return out
}
