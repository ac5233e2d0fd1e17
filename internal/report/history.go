package report

import (
	"cmp"
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/printable"
)

// History has the entries of a ledger that the command history shows.
type History struct {
	OrganizationID string
	Entries        []ledger.Entry
	// Filtered is true if the ledger has entries that Entries leaves out.
	Filtered bool
}

// HistoryDocument returns a document with a table of the entries.
func HistoryDocument(h History) document.Document {
	if len(h.Entries) == 0 {
		text := "The ledger has no entries."
		if h.Filtered {
			text = "No entry of the ledger matches."
		}
		return document.Document{Summary: text}
	}
	t := document.Table{ShowHeads: true, Columns: []document.Column{
		{Head: "time"}, {Head: "email"}, {Head: "action"}, {Head: "outcome"}, {Head: "detail", Prose: true},
		{Head: "run", Drop: 1},
	}}
	for _, e := range h.Entries {
		cells := []string{
			e.Time.UTC().Format(time.RFC3339), cmp.Or(document.MarkName(e.Email), "-"), document.MarkName(string(e.Action)),
			cmp.Or(document.MarkName(string(e.Outcome)), "-"), document.MarkMessage(historyDetail(e)),
			printable.Clean(e.Run[:min(len(e.Run), 8)], 8),
		}
		t.Rows = append(t.Rows, document.Row{Cells: document.Map(cells, func(text string) document.Cell {
			return document.Cell{Text: text}
		})})
	}
	return document.Document{Blocks: []document.Block{t}}
}

// historyDetail returns the text of the column "detail".
func historyDetail(e ledger.Entry) string {
	parts := []string{string(e.Kind), e.Name, e.InvitationID, e.Object, e.Message}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// HistoryCSV writes the entries as CSV. The error is from w.
func HistoryCSV(w io.Writer, h History) error {
	table := csv.NewWriter(w)
	_ = table.Write([]string{"time", "email", "action", "outcome", "invitation_id", "object_id", "kind", "name",
		"message", "run"}) // Error returns the error
	for _, e := range h.Entries {
		_ = table.Write(document.Map([]string{
			e.Time.UTC().Format(time.RFC3339), e.Email, string(e.Action), string(e.Outcome), e.InvitationID, e.Object,
			string(e.Kind), e.Name, e.Message, e.Run,
		}, escapeCSVCell))
	}
	table.Flush()
	return table.Error()
}

// escapeCSVCell returns clean text. It puts a quote before text that begins like a formula, because a
// spreadsheet would run the formula.
func escapeCSVCell(text string) string {
	text = printable.Clean(text, document.MessageWidth)
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// historyEntry is the JSON form of an entry of the ledger.
type historyEntry struct {
	Time         time.Time      `json:"time"`
	Email        string         `json:"email,omitempty"`
	Action       ledger.Action  `json:"action"`
	Outcome      ledger.Outcome `json:"outcome,omitempty"`
	InvitationID string         `json:"invitation_id,omitempty"`
	ObjectID     string         `json:"object_id,omitempty"`
	Kind         org.Kind       `json:"kind,omitempty"`
	Name         string         `json:"name,omitempty"`
	Message      string         `json:"message,omitempty"`
	Run          string         `json:"run"`
}

// HistoryJSON writes h as one JSON document. The error is from w.
func HistoryJSON(w io.Writer, h History) error {
	return WriteJSON(w, struct {
		Header
		OrganizationID string         `json:"organization_id"`
		Entries        []historyEntry `json:"entries"`
	}{NewHeader("history"), h.OrganizationID, document.Map(h.Entries, func(e ledger.Entry) historyEntry {
		return historyEntry{
			Time: e.Time, Email: e.Email, Action: e.Action, Outcome: e.Outcome, InvitationID: e.InvitationID,
			ObjectID: e.Object, Kind: e.Kind, Name: e.Name, Message: e.Message, Run: e.Run,
		}
	})})
}
