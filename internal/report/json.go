package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/roster"
)

// Header has the first fields of every JSON document.
type Header struct {
	FormatVersion string `json:"format_version"`
	Command       string `json:"command"`
}

// NewHeader returns the header for a command. If a field is renamed or removed or gets another
// meaning, the version must change. A new field does not change it.
func NewHeader(command string) Header { return Header{"1", command} }

// jsonDocument is the JSON form of a plan or a result. JSON has the fields in this order. A field
// without a value is a nil pointer, which becomes null.
type jsonDocument struct {
	Header
	GeneratedAt  *string       `json:"generated_at"`
	Organization organization  `json:"organization"`
	Roster       rosterSummary `json:"roster"`
	Fingerprint  string        `json:"fingerprint"`
	Changes      []change      `json:"changes"`
	Only         []string      `json:"only,omitempty"`
	NotSelected  []change      `json:"not_selected,omitempty"`
	Notices      []notice      `json:"notices"`
	Summary      summary       `json:"summary"`
	Error        *failure      `json:"error,omitempty"`
}

type organization struct {
	ID   *string `json:"id"`
	Name *string `json:"name"`
}

type rosterSummary struct {
	Files []string `json:"files"`
	Users int      `json:"users"`
	Teams int      `json:"teams,omitempty"`
}

type change struct {
	Action       plan.Action `json:"action"`
	Reason       plan.Reason `json:"reason"`
	Email        *string     `json:"email"`
	Source       *string     `json:"source"`
	UserID       *string     `json:"user_id"`
	InvitationID *string     `json:"invitation_id"`
	Detail       detail      `json:"detail"`
	Teams        []string    `json:"teams,omitempty"`
	*outcome                 // nil in a plan
}

type detail struct {
	APIEnabled *bool    `json:"api_enabled,omitempty"`
	Kind       org.Kind `json:"kind,omitempty"`
	Name       string   `json:"name,omitempty"`
	ID         string   `json:"id,omitempty"`
}

type outcome struct {
	Outcome  apply.Outcome `json:"outcome"`
	Error    string        `json:"error,omitempty"`
	Requests int           `json:"requests"`
}

type notice struct {
	Kind         plan.NoticeKind `json:"kind"`
	Email        *string         `json:"email"`
	InvitationID *string         `json:"invitation_id"`
	ExpiresAt    *string         `json:"expires_at"`
	Source       string          `json:"source,omitempty"`
	UserID       string          `json:"user_id,omitempty"`
	Since        *string         `json:"since,omitempty"`
	Mails        int             `json:"mails,omitempty"`
	Message      string          `json:"message,omitempty"`
	Estimated    bool            `json:"expires_estimated,omitempty"`
	RemovalAfter *string         `json:"removal_after,omitempty"`
	AccessID     string          `json:"access_id,omitempty"`
	Places       []string        `json:"places,omitempty"`
	NotSelected  bool            `json:"not_selected,omitempty"`
}

type summary struct {
	Invite    int `json:"invite"`
	Reinvite  int `json:"reinvite"`
	Update    int `json:"update"`
	Grant     int `json:"grant"`
	Revoke    int `json:"revoke"`
	Suspend   int `json:"suspend"`
	Unsuspend int `json:"unsuspend"`
	Remove    int `json:"remove"`
	Changes   int `json:"changes"`
	Unchanged int `json:"unchanged"`
	*outcomes     // nil in a plan
}

type outcomes struct {
	Done    int `json:"done"`
	Failed  int `json:"failed"`
	Unknown int `json:"unknown"`
	Skipped int `json:"skipped"`
}

type failure struct {
	Code     int       `json:"code"`
	Message  string    `json:"message"`
	Problems []problem `json:"problems,omitempty"`
	// OnlySaved and OnlyFresh are the differences between a saved plan and a fresh plan.
	OnlySaved []change `json:"only_in_saved_plan,omitempty"`
	OnlyFresh []change `json:"only_in_fresh_plan,omitempty"`
}

type problem struct {
	place
	Message string `json:"message"`
}

type place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// PlanJSON writes p as one JSON document. The error is from w.
func PlanJSON(w io.Writer, run Run, p plan.Plan) error {
	d := newJSONDocument(run, p, p.Notices)
	d.Changes = newChanges(run, p.Changes)
	d.Summary = newSummary(p.Changes, p.Unchanged)
	return WriteJSON(w, d)
}

// ApplyJSON writes the result r of applying p as one JSON document. It has the fields of [PlanJSON] and
// the outcomes. The error is from w.
func ApplyJSON(w io.Writer, run Run, p plan.Plan, r apply.Result) error {
	d := newJSONDocument(run, p, r.Notices)
	d.Changes = document.Map(r.Changes, func(c apply.ChangeResult) change {
		out := newChange(run, c.Change)
		out.InvitationID = orNull(c.InvitationID)
		out.outcome = &outcome{Outcome: c.Outcome, Requests: c.Requests}
		if c.Err != nil {
			out.Error = c.Err.Error()
		}
		return out
	})
	changes := document.Map(r.Changes, func(c apply.ChangeResult) plan.Change { return c.Change })
	d.Summary = newSummary(changes, countUnchanged(p, r))
	d.Summary.outcomes = &outcomes{
		Done: r.Count(apply.Done), Failed: r.Count(apply.Failed),
		Unknown: r.Count(apply.Unknown), Skipped: r.Count(apply.Skipped),
	}
	return WriteJSON(w, d)
}

// ValidJSON writes a JSON document about a valid roster, with the warnings about it. The error is from
// w.
func ValidJSON(w io.Writer, run Run, warnings []roster.Problem) error {
	return WriteJSON(w, struct {
		Header
		Roster   rosterSummary `json:"roster"`
		Warnings []warning     `json:"warnings"`
	}{NewHeader(run.Command), newRosterSummary(run), document.Map(warnings, newWarning)})
}

type warning struct {
	place
	Text string `json:"text"`
}

func newWarning(w roster.Problem) warning { return warning{place(w.At), w.Text} }

// ErrorJSON writes a JSON document about run.Err, which must not be nil, for a run that failed before
// it had a result. If the roster is invalid, the document has its problems. The error is from w.
func ErrorJSON(w io.Writer, run Run) error {
	return WriteJSON(w, struct {
		Header
		Error *failure `json:"error"`
	}{NewHeader(run.Command), newFailure(run)})
}

func newJSONDocument(run Run, p plan.Plan, notices []plan.Notice) jsonDocument {
	return jsonDocument{
		Header:       NewHeader(run.Command),
		GeneratedAt:  timestamp(p.Now),
		Organization: newOrganization(p.Organization),
		Roster:       newRosterSummary(run),
		Fingerprint:  p.Fingerprint(),
		Only:         document.Map(p.Only, org.Address.String),
		NotSelected:  newChanges(run, p.NotSelected),
		Notices:      document.Map(notices, newNotice),
		Error:        newFailure(run),
	}
}

func newNotice(n plan.Notice) notice {
	out := notice{
		Kind: n.Kind, Email: orNull(n.Email.String()), InvitationID: orNull(n.InvitationID), ExpiresAt: timestamp(n.Expires),
		Source: n.Source, UserID: n.UserID, Since: timestamp(n.Since), Mails: n.Mails, Message: n.Text,
		Estimated: n.ExpiresEstimated, RemovalAfter: timestamp(n.RemovalAfter), NotSelected: n.NotSelected,
	}
	if name := n.Unknown; name != nil {
		out.AccessID, out.Places = name.AccessID, document.Map(name.Places, roster.Position.String)
	}
	return out
}

func newOrganization(o org.Organization) organization {
	return organization{ID: orNull(o.ID), Name: orNull(o.Name)}
}

func newRosterSummary(run Run) rosterSummary {
	return rosterSummary{orEmpty(run.Files), run.People, run.Teams}
}

func newChange(run Run, c plan.Change) change {
	return change{
		Teams:  run.TeamsOf[c.Email.Key()],
		Action: c.Action, Reason: c.Reason, Email: orNull(c.Email.String()), Source: orNull(c.Source),
		UserID: orNull(c.UserID), InvitationID: orNull(c.InvitationID),
		Detail: detail{APIEnabled: c.Detail.APIEnabled, Kind: c.Detail.Kind, Name: c.Detail.Name, ID: c.Detail.ID},
	}
}

func newChanges(run Run, changes []plan.Change) []change {
	return document.Map(changes, func(c plan.Change) change { return newChange(run, c) })
}

func newSummary(changes []plan.Change, unchanged int) summary {
	n := countByAction(changes)
	return summary{
		Invite: n[plan.Invite], Reinvite: n[plan.Reinvite], Update: n[plan.Update], Grant: n[plan.Grant],
		Revoke: n[plan.Revoke], Suspend: n[plan.Suspend], Unsuspend: n[plan.Unsuspend], Remove: n[plan.Remove],
		Changes: len(changes), Unchanged: unchanged,
	}
}

func newFailure(run Run) *failure {
	if run.Err == nil {
		return nil
	}
	out := &failure{Code: run.Code, Message: run.Err.Error()}
	if invalid, ok := errors.AsType[*roster.ProblemsError](run.Err); ok {
		out.Problems = document.Map(invalid.Problems, func(p roster.Problem) problem {
			return problem{place(p.At), p.Text}
		})
	}
	if stale, ok := errors.AsType[*plan.StaleError](run.Err); ok {
		out.OnlySaved, out.OnlyFresh = newChanges(run, stale.OnlySaved), newChanges(run, stale.OnlyFresh)
	}
	return out
}

// orNull returns a pointer to s. For "", it returns nil, which becomes null in JSON.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// orEmpty returns s. For nil, which would become null in JSON, it returns an empty list.
func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// WriteJSON writes v as indented JSON. It escapes characters that a terminal could act on (see
// [Escape]), so that a program still gets every character. The error is from w, or says that v cannot
// be encoded.
func WriteJSON(w io.Writer, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // so that an address with & in it stays readable
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	_, err := w.Write(Escape(buf.Bytes(), `\u005b`))
	return err
}

// Escape makes doc safe for terminals and for the logs of CI. doc is a JSON document or lines of a log.
// Escape replaces invisible characters except line feeds by \u escapes. Some commands to a CI runner
// count anywhere in a line, for example "##[group]": Escape replaces their "[" by bracket. In JSON,
// both occur only in strings. The value of a JSON document therefore stays the same if bracket is an
// escape of "[".
func Escape(doc []byte, bracket string) []byte {
	out := make([]byte, 0, len(doc))
	for len(doc) > 0 {
		r, n := utf8.DecodeRune(doc)
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out = append(out, doc[:n]...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		doc = doc[n:]
	}
	if !bytes.Contains(out, []byte("##")) {
		return out
	}
	return printable.RunnerCommand.ReplaceAllFunc(out, func(command []byte) []byte {
		return append(bytes.TrimSuffix(bytes.Clone(command), []byte("[")), bracket...)
	})
}
