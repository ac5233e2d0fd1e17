package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/orgsync/orgsync/internal/org"
)

// version is the version of the lines that this package writes. It reads no lines with a greater version.
const version = 1

// Action is the subject of a line: a mail, an edit, a fact, or the ledger itself.
type Action string

// The actions that only the ledger has. The other actions are the values of [org.EditOp] and [org.FactKind].
const (
	Invite Action = "invite" // a mail with a new invitation
	Resend Action = "resend" // a mail that renews an invitation
	Run    Action = "run"    // the beginning of a run; the line proves that the storage can be written
	// Retired says that the ledger has moved to the place in Object. Its line has its own version, so that older
	// versions of orgsync refuse the ledger too.
	Retired Action = "retired"
)

// wrongClock is the Kind of a line of a [Run] that found times in the future: a clock was wrong before.
const wrongClock org.Kind = "wrong_clock"

// retiredVersion is the version of a line with [Retired].
const retiredVersion = 2

// Outcome is the result of a mail or an edit.
type Outcome string

// The outcomes.
const (
	// Sent means that the server confirmed it, or that a reading showed it.
	Sent Outcome = "sent"
	// Refused means that the server refused it.
	Refused Outcome = "refused"
	// NotSent means that the server certainly did not act.
	NotSent Outcome = "not_sent"
	// Lost means the same as Abandoned. Earlier versions of orgsync wrote it.
	Lost Outcome = "lost"
	// Abandoned means that the answer was lost. The server may act until [org.ActWithin] after the time of this line.
	Abandoned Outcome = "abandoned"
	// Unanswered means that the run ended before it recorded an outcome. Only [Requests] uses it, and the ledger does
	// not have it.
	Unanswered Outcome = "unanswered"
)

// Entry is one line of the ledger. A mail or an edit has two lines: the intent before it is sent, and the outcome
// after it. The intent has no Outcome.
type Entry struct {
	Version      int       `json:"v"`
	Organization string    `json:"organization_id"` // the id
	Run          string    `json:"run"`             // a random name of the run that wrote the line
	Time         time.Time `json:"time"`            // the server's time
	Email        string    `json:"email,omitempty"` // the canonical key; "" if the line is not about a person
	Action       Action    `json:"action"`
	Outcome      Outcome   `json:"outcome,omitempty"`
	InvitationID string    `json:"invitation_id,omitempty"`
	// Object is an id. For a grant, a revocation or an [org.FactAccess], it is the id of the group, role or policy. For
	// a suspension, its end, a removal or a fact about a user, it is the id of the user. For a mail, it is the id of the
	// organization in the answer, if this is not the organization of the ledger. With [Retired] it is the new place of
	// the ledger. With wrongClock it has the names of the runs whose clock was wrong, with spaces between them.
	Object string `json:"object_id,omitempty"`
	// Expires is when the invitation expires, by the answer; zero if the answer does not say. In the intent of a
	// [Resend], it is when the pending invitation would expire without this mail.
	Expires time.Time `json:"expires_at,omitzero"`
	// Kind and Name are those of the access in the roster. Only with [org.FactAccess]. With [Run], the Kind may be
	// wrongClock.
	Kind org.Kind `json:"kind,omitempty"`
	Name string   `json:"name,omitempty"`
	// Roster names the roster files of the run. Only with suspensions and removals.
	Roster string `json:"roster,omitempty"`
	// Message is the text with which the API refused a mail to one person.
	Message string `json:"message,omitempty"`
	// Number counts the lines of a run from 1. So two equal lines are copies of one line. Old lines have the number 0.
	Number int `json:"n,omitempty,string"`
}

// appendLine adds e as one line to buf.
func (e Entry) appendLine(buf []byte) []byte {
	line, err := json.Marshal(e)
	if err != nil {
		// This happens only for a year after 9999, which no checked input has.
		panic(fmt.Sprintf("ledger entry cannot be written as JSON: %v", err))
	}
	return append(append(buf, line...), '\n')
}

// parseLine reads one line. It returns an error if the line lacks a field that every line has. If a text is equal to
// that of the line before, the entries share the memory.
func parseLine(line []byte, before Entry) (Entry, error) {
	if e, ok := parseFast(line, before); ok {
		e.Email = currentKey(e.Email)
		return e, nil
	}
	var e Entry
	if err := json.Unmarshal(line, &e); err != nil {
		return Entry{}, err
	}
	if e.Version < 1 || e.Action == "" || e.Time.IsZero() {
		return Entry{}, fmt.Errorf("not a line of this ledger: %.80q", bytes.TrimSpace(line))
	}
	e.Email = currentKey(e.Email)
	return e, nil
}

// hasLaterVersion reports whether a later version of orgsync wrote line. Its other fields may have other names and
// types, so parseLine may not be able to read it.
func hasLaterVersion(line []byte) bool {
	var head struct {
		Version int `json:"v"`
	}
	return json.Unmarshal(line, &head) == nil && head.Version > version
}

// currentKey returns the current form of a key. The keys of earlier versions kept escapes and the form of letters
// with accents.
func currentKey(key string) string {
	if !strings.ContainsFunc(key, func(r rune) bool { return r == '%' || r >= utf8.RuneSelf }) {
		return key
	}
	a, err := org.ParseAddress(key)
	if err != nil {
		return key
	}
	return a.Key()
}

// parseFast reads a line that has exactly the form that appendLine writes. It is five times as fast as encoding/json,
// which matters for a ledger with a million lines. ok is false for any other form.
func parseFast(line []byte, before Entry) (e Entry, ok bool) {
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
	e.Organization, e.Run, e.Email = reuse(organization, before.Organization), reuse(run, before.Run),
		reuse(email, before.Email)
	e.Action, e.Outcome = reuse(action, before.Action), reuse(outcome, before.Outcome)
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

// reuse returns same if text is equal to it, and otherwise text. So equal texts share their memory.
func reuse[T ~string](text []byte, same T) T {
	if string(text) == string(same) {
		return same
	}
	return T(text)
}

// cutPlain cuts text after the closing quote of a JSON string. text begins after the opening quote. plain is false if
// the string is not complete, or has escapes or other characters than printable ASCII.
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

// Announces reports whether e announces the request for a mail or an edit.
func (e Entry) Announces() bool {
	if e.Outcome != "" {
		return false
	}
	switch e.Action {
	case Invite, Resend, Action(org.EditUpdate), Action(org.EditGrant), Action(org.EditRevoke), Action(org.EditSuspend),
		Action(org.EditUnsuspend), Action(org.EditRemove):
		return true
	default:
		return false
	}
}
