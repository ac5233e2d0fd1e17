package vultr

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
	"unique"

	"github.com/orgsync/orgsync/internal/org"
)

// fields is a JSON object whose values are read one by one, because the documents disagree about their types. A value
// that cannot be read is an absent one: an odd field must not take a whole list with it.
type fields map[string]json.RawMessage

// object is the object under name; nil when there is none. PHP writes an empty one as [].
func (f fields) object(name string) fields { return decodeObject(f[name]) }

// objects are the objects in the list under name; what is no object is left out, and so are all of
// them where there are too many.
func (f fields) objects(name string) []fields {
	if !isBoundedList(f[name], maxElements) {
		return nil
	}
	var list []fields
	_ = json.Unmarshal(f[name], &list) // what is no object is left nil
	return slices.DeleteFunc(list, func(o fields) bool { return o == nil })
}

// elements are the elements of the list under name, undecoded; nil when there is none, or too many.
func (f fields) elements(name string) []json.RawMessage {
	if !hasAtMost(f[name], maxElements) {
		return nil
	}
	var list []json.RawMessage
	_ = json.Unmarshal(f[name], &list) // of another kind: none
	return list
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

// intern is text in the memory of one that is the same: a list says some things in each of its rows.
func intern(text string) string { return unique.Make(text).Value() }

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

// name returns the text under key, which names somebody or something, as people write it: the API
// may escape what it shows.
func (f fields) name(key string) string { return strings.TrimSpace(org.Unescape(f.text(key))) }

// address is the address under name, as people write it; the zero Address when it is none. A plain
// address has no backslash: one that has some was escaped for a program.
func (f fields) address(name string) org.Address {
	text := f.name(name)
	a, err := org.ParseAddress(text)
	if err != nil && strings.Contains(text, `\`) {
		a, err = org.ParseAddress(strings.ReplaceAll(text, `\`, ""))
	}
	if err != nil {
		return org.Address{}
	}
	return a
}
