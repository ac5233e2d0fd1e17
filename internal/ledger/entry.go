package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// version is the version of the lines that this package writes and the greatest that it reads.
const version = 1

// Action is what a line is about: a mail, another edit, or something learned by reading.
type Action string

// The actions that are no other package's. Edits are those of [org.EditOp] and facts those of [org.FactKind], under the
// same names.
const (
	Invite Action = "invite" // a mail with a new invitation
	Resend Action = "resend" // a mail that renews one
	Run    Action = "run"    // a run begins; the line shows that the storage can be written to
	// Retired: the ledger has moved; Object says where to. Its line has a version of its own, so that
	// programs that do not know it refuse the ledger too.
	Retired Action = "retired"
)

// retiredVersion is the version of a line with [Retired].
const retiredVersion = 2

// Outcome is how a mail or an edit ended.
type Outcome string

// The outcomes.
const (
	// Sent: the server said so.
	Sent Outcome = "sent"
	// Refused: the server said no.
	Refused Outcome = "refused"
	// NotSent: it surely did not reach the server.
	NotSent Outcome = "not_sent"
	// Lost means what Abandoned does. Earlier versions wrote it.
	Lost Outcome = "lost"
	// Abandoned: nobody knows, and the server may act on it until [org.ActWithin] after this line.
	Abandoned Outcome = "abandoned"
)

// Entry is one line of the ledger. A mail or an edit has two: the intent, without an outcome, before it is sent, and
// the outcome after.
type Entry struct {
	Version      int       `json:"v"`
	Organization string    `json:"organization_id"` // its id
	Run          string    `json:"run"`             // a random name for the run that wrote the line
	Time         time.Time `json:"time"`            // the server's
	Email        string    `json:"email,omitempty"` // the canonical key; "" with [Run]
	Action       Action    `json:"action"`
	Outcome      Outcome   `json:"outcome,omitempty"`
	InvitationID string    `json:"invitation_id,omitempty"`
	// Object is the id of what an edit grants or revokes, of the user who joined, was seen unlisted, or is suspended or
	// removed, or of the access that a roster names.
	Object string `json:"object_id,omitempty"`
	// Expires is when the invitation expires, in the server's words; zero when it did not say. In
	// the intent of a [Resend] it is when the pending invitation expires without it.
	Expires time.Time `json:"expires_at,omitzero"`
	// Kind and Name are how the roster names the access; only with [org.FactAccess].
	Kind org.Kind `json:"kind,omitempty"`
	Name string   `json:"name,omitempty"`
	// Roster names the roster files of the run; only with suspensions and removals.
	Roster string `json:"roster,omitempty"`
	// Message is what the API said when it refused to mail one person.
	Message string `json:"message,omitempty"`
	// Number counts the lines of a run from 1, so that no two lines are equal unless one is a copy. 0: an older line.
	Number int `json:"n,omitempty,string"`
}

// appendLine adds e as one line to buf.
func (e Entry) appendLine(buf []byte) []byte {
	line, err := json.Marshal(e)
	if err != nil {
		// Only a year beyond 9999 can do this, and times come from checked input.
		panic(fmt.Sprintf("ledger entry cannot be written as JSON: %v", err))
	}
	return append(append(buf, line...), '\n')
}

// parseLine reads one line. A line without the fields that every line has is damaged. It shares
// equal texts with the line before.
func parseLine(line []byte, before Entry) (Entry, error) {
	if e, ok := parseOwn(line, before); ok {
		return e, nil
	}
	var e Entry
	if err := json.Unmarshal(line, &e); err != nil {
		return Entry{}, err
	}
	if e.Version < 1 || e.Action == "" || e.Time.IsZero() {
		return Entry{}, fmt.Errorf("not a line of this ledger: %.80q", bytes.TrimSpace(line))
	}
	return e, nil
}

// parseOwn reads a line in exactly the form that appendLine writes, which is nearly every line,
// five times as fast as encoding/json: a ledger may have a million. ok is false for any other form.
func parseOwn(line []byte, before Entry) (e Entry, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"v":1`))
	if !ok {
		return Entry{}, false
	}
	e.Version = 1
	var organization, run, at, email, action, outcome, invitation, object, expires, kind, name, files, message,
		number []byte
	for _, field := range []struct {
		name     string
		to       *[]byte
		required bool
	}{
		{`,"organization_id":"`, &organization, true},
		{`,"run":"`, &run, true},
		{`,"time":"`, &at, true},
		{`,"email":"`, &email, false},
		{`,"action":"`, &action, true},
		{`,"outcome":"`, &outcome, false},
		{`,"invitation_id":"`, &invitation, false},
		{`,"object_id":"`, &object, false},
		{`,"expires_at":"`, &expires, false},
		{`,"kind":"`, &kind, false},
		{`,"name":"`, &name, false},
		{`,"roster":"`, &files, false},
		{`,"message":"`, &message, false},
		{`,"n":"`, &number, false},
	} {
		if len(rest) < len(field.name) || string(rest[:len(field.name)]) != field.name {
			if field.required {
				return Entry{}, false
			}
			continue
		}
		value, after, plain := cutPlain(rest[len(field.name):])
		if !plain || len(value) == 0 {
			return Entry{}, false
		}
		*field.to, rest = value, after
	}
	if string(rest) != "}" || e.Time.UnmarshalText(at) != nil || e.Time.IsZero() || expires != nil &&
		e.Expires.UnmarshalText(expires) != nil {
		return Entry{}, false
	}
	e.Organization, e.Run, e.Email = shared(organization, before.Organization), shared(run, before.Run),
		shared(email, before.Email)
	e.Action, e.Outcome = shared(action, before.Action), shared(outcome, before.Outcome)
	e.InvitationID, e.Object = string(invitation), string(object)
	e.Kind, e.Name, e.Roster, e.Message = org.Kind(kind), string(name), string(files), string(message)
	if number != nil {
		n, err := strconv.Atoi(string(number))
		if err != nil {
			return Entry{}, false
		}
		e.Number = n
	}
	return e, true
}

// shared is text, in the memory of one that is the same.
func shared[T ~string](text []byte, same T) T {
	if string(text) == string(same) {
		return same
	}
	return T(text)
}

// cutPlain cuts a JSON string, whose opening quote is gone already, off text. Only one of printable ASCII without
// escapes is plain.
func cutPlain(text []byte) (value, rest []byte, plain bool) {
	for i, b := range text {
		switch {
		case b == '"':
			return text[:i], text[i+1:], true
		case b == '\\' || b < ' ' || b > '~':
			return nil, nil, false
		}
	}
	return nil, nil, false
}

// Announces reports whether a line without an outcome announces something that is about to be sent.
func (e Entry) Announces() bool {
	if e.Action == Invite || e.Action == Resend {
		return true
	}
	switch org.EditOp(e.Action) {
	case org.EditUpdate, org.EditGrant, org.EditRevoke, org.EditSuspend, org.EditUnsuspend, org.EditRemove:
		return true
	}
	return false
}
