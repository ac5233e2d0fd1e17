package vultr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
	"unique"

	"github.com/orgsync/orgsync/internal/org"
)

// fields is a JSON object whose values are decoded one by one, because the documents disagree
// about their types. A value that cannot be decoded counts as absent, so that one odd field does
// not fail a whole list.
type fields map[string]json.RawMessage

// decodeObject returns the members of a JSON object; nil if raw is not an object or has too many
// members.
func decodeObject(raw json.RawMessage) fields {
	var o fields
	if !hasAtMost(raw, maxMembers) || json.Unmarshal(raw, &o) != nil {
		return nil
	}
	return o
}

// object returns the object under name; nil if there is none. PHP encodes an empty object as [].
func (f fields) object(name string) fields { return decodeObject(f[name]) }

// encode returns f as JSON.
func (f fields) encode() []byte {
	raw, err := json.Marshal(f)
	if err != nil {
		panic(err) // it was read from JSON
	}
	return raw
}

// unwrap returns the object in an answer: the one under name (SPEC), or f itself (govultr).
func (f fields) unwrap(name string) fields {
	if wrapped := f.object(name); wrapped != nil {
		return wrapped
	}
	return f
}

// objects returns the objects in the list under name. Other elements are omitted; nil if there are
// too many.
func (f fields) objects(name string) []fields {
	if !isBoundedList(f[name], maxElements) {
		return nil
	}
	var list []fields
	_ = json.Unmarshal(f[name], &list) // what is no object is left nil
	return slices.DeleteFunc(list, func(o fields) bool { return o == nil })
}

// elements returns the elements of the list under name, not decoded; nil if there is no list or it
// is too long.
func (f fields) elements(name string) []json.RawMessage {
	if !hasAtMost(f[name], maxElements) {
		return nil
	}
	var list []json.RawMessage
	_ = json.Unmarshal(f[name], &list) // of another kind: none
	return list
}

// text returns the string, number or bool under name as text; "" for anything else.
func (f fields) text(name string) string {
	raw := f[name]
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '"':
		if inside := raw[1 : len(raw)-1]; bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
			return strings.TrimSpace(string(inside)) // true for nearly all, and cheap
		}
		var s string
		_ = json.Unmarshal(raw, &s) // it was read as JSON before
		return strings.TrimSpace(s)
	case '{', '[', 'n':
		return ""
	}
	return string(raw) // true, false or a number, not decoded because ids may be too long for a float
}

// intern returns text, sharing the memory of equal texts: a list repeats some values in each row.
func intern(text string) string { return unique.Make(text).Value() }

// flag returns the value of a bool, "yes" and "no", or 1 and 0; nil for anything else.
func (f fields) flag(name string) *bool {
	switch strings.ToLower(f.text(name)) {
	case "true", "yes", "1":
		return new(true)
	case "false", "no", "0":
		return new(false)
	}
	return nil
}

// is reports whether the value under name is want, as a flag.
func (f fields) is(name string, want bool) bool {
	value := f.flag(name)
	return value != nil && *value == want
}

// name returns the text under key, which is the name of a person or thing, without the escapes
// that the API may add.
func (f fields) name(key string) string { return strings.TrimSpace(org.Unescape(f.text(key))) }

// address returns the address under name, without the escapes that the API may add; the zero
// Address if there is none. A plain address has no backslash: an address with one was escaped for
// a program.
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

// Many small values take a hundred times the memory of their bytes once they are decoded, and a
// compressed answer of a few KiB may have millions of them. The bounds are far above what the API
// sends.
const (
	// maxRows is the maximum number of rows in a page. orgsync asks for perPage.
	maxRows = 20 * perPage
	// maxMembers is the maximum number of members in an object.
	maxMembers = 1000
	// maxElements is the maximum number of elements of a list inside a row, such as the members of
	// a group.
	maxElements = 50_000
	// perElement is the maximum number of members of the objects in a list, on average.
	perElement = 20
	// maxErrorText is the maximum size of an error value that is searched for a text, in bytes.
	maxErrorText = 8 << 10
)

var errTooMany = fmt.Errorf("the answer is an object with more than %d members", maxMembers)

// hasAtMost reports whether raw, a list or an object, has at most the given number of elements or
// members.
func hasAtMost(raw json.RawMessage, most int) bool { return hasAtMostAt(raw, 1, most) }

// isBoundedList reports whether raw is a list of at most the given number of objects, with at most
// perElement members each on average.
func isBoundedList(raw json.RawMessage, most int) bool {
	return hasAtMost(raw, most) && hasAtMostAt(raw, 2, most*perElement)
}

// hasAtMostAt reports whether raw has fewer than most commas at the given depth, which is 1 inside
// the outermost brackets. raw need not be valid JSON.
func hasAtMostAt(raw json.RawMessage, depth, most int) bool {
	if bytes.Count(raw, []byte(",")) < most { // true for nearly all, and cheap
		return true
	}
	level, commas := 0, 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			for i++; i < len(raw) && raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			level++
		case ']', '}':
			level--
		case ',':
			if level != depth {
				continue
			}
			if commas++; commas == most {
				return false
			}
		}
	}
	return true
}
