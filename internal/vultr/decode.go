package vultr

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
	"unique"

	"github.com/orgsync/orgsync/internal/org"
)

// fields is a JSON object whose values are read one by one, because the documents disagree about their types. A value
// that cannot be read is an absent one: an odd field must not take a whole list with it.
type fields map[string]json.RawMessage

// object is the object under name; nil when there is none. PHP writes an empty one as [].
func (f fields) object(name string) fields {
	var o fields
	if json.Unmarshal(f[name], &o) != nil {
		return nil
	}
	return o
}

// objects are the objects in the list under name; what is no object is left out.
func (f fields) objects(name string) []fields {
	var list []fields
	_ = json.Unmarshal(f[name], &list) // what is no object is left nil
	return slices.DeleteFunc(list, func(o fields) bool { return o == nil })
}

// text is the string, number or bool under name as text; "" for anything else.
func (f fields) text(name string) string {
	raw := f[name]
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '"':
		if inside := raw[1 : len(raw)-1]; bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
			return strings.TrimSpace(string(inside)) // nearly all, and cheaply
		}
		var s string
		_ = json.Unmarshal(raw, &s) // it was read as JSON before
		return strings.TrimSpace(s)
	case '{', '[', 'n':
		return ""
	}
	return string(raw) // a number, as it is written, since ids may be too long for a float; true or false
}

// complaint is the text under "error"; "" when it says nothing. A success with one did not do what was asked for; govultr looks
// for it in every answer, too.
func (f fields) complaint() string {
	if words := f["error"]; len(words) == 0 || words[0] != '"' {
		return ""
	}
	return f.text("error")
}

// shared is text in the memory of one that is the same: a list says some things in each of its rows.
func shared(text string) string { return unique.Make(text).Value() }

// flag is the truth under name: a bool, "yes" and "no", or 1 and 0; nil when it is none of them.
func (f fields) flag(name string) *bool {
	switch strings.ToLower(f.text(name)) {
	case "true", "yes", "1":
		return new(true)
	case "false", "no", "0":
		return new(false)
	}
	return nil
}

// date is the time under name, zero when it cannot be read. Both forms occur in SPEC's examples; the one without a zone is UTC.
func (f fields) date(name string) time.Time {
	text := f.text(name)
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339, time.DateTime} { // parsing takes fractions of a second in both
		if t, err := time.Parse(layout, text); err == nil {
			// With a zone the year may leave the four digits that can be written down again.
			if t = t.UTC(); t.Year() >= 1 && t.Year() <= 9990 {
				return t
			}
		}
	}
	return time.Time{}
}

// address is the address under name; the zero Address when it is none.
func (f fields) address(name string) org.Address {
	a, err := org.ParseAddress(f.text(name))
	if err != nil {
		return org.Address{}
	}
	return a
}
