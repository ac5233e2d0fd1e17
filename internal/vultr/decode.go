package vultr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
	"unique"

	"github.com/orgsync/orgsync/internal/org"
)

// fields is a JSON object whose members are decoded one by one, because the documents disagree about
// their types. A value that cannot be decoded counts as absent, so that one unexpected value does
// not make a whole list fail.
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

// object returns the object under name; nil if there is none. It is also nil for the list [], which
// is an empty object as PHP encodes it.
func (f fields) object(name string) fields { return decodeObject(f[name]) }

// encode returns f as JSON.
func (f fields) encode() []byte {
	raw, err := json.Marshal(f)
	if err != nil {
		panic(err) // impossible: f was decoded from JSON
	}
	return raw
}

// hashSeed is the seed of all hashes of rows.
var hashSeed = maphash.MakeSeed()

// hash returns a text that is equal for rows with equal members, and almost certainly different for all others. The
// JSON of all rows of a long list would need much memory.
func (f fields) hash() string {
	sum := uint64(0) // of the hashes of all members, because a map has no order
	for name, raw := range f {
		var member maphash.Hash
		member.SetSeed(hashSeed)
		member.WriteString(name)
		member.WriteByte(0) // JSON never has this byte
		member.Write(raw)
		sum += member.Sum64()
	}
	return strconv.FormatUint(sum, 16)
}

// unwrap returns the object in an answer: the one under name (SPEC), or f itself (govultr).
func (f fields) unwrap(name string) fields {
	if wrapped := f.object(name); wrapped != nil {
		return wrapped
	}
	return f
}

// decodeObjects returns the objects in a JSON list. Other elements are omitted; nil if raw is not a
// list or is too long.
func decodeObjects(raw json.RawMessage) []fields {
	if !isBoundedList(raw, maxElements) {
		return nil
	}
	var list []fields
	_ = json.Unmarshal(raw, &list) // an element that is not an object becomes nil
	return slices.DeleteFunc(list, func(o fields) bool { return o == nil })
}

// decodeElements returns the elements of a JSON list, not decoded; nil if raw is not a list or is too
// long.
func decodeElements(raw json.RawMessage) []json.RawMessage {
	if !hasAtMost(raw, maxElements) {
		return nil
	}
	var list []json.RawMessage
	_ = json.Unmarshal(raw, &list) // list stays nil if raw is not a list
	return list
}

// text returns the text under name, as decodeText does.
func (f fields) text(name string) string { return decodeText(f[name]) }

// decodeText returns a JSON string, number or bool as text, without spaces at its ends; "" for
// anything else.
func decodeText(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '"':
		if inside := raw[1 : len(raw)-1]; bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
			return strings.TrimSpace(string(inside)) // nearly all texts, and much faster
		}
		var s string
		_ = json.Unmarshal(raw, &s) // cannot fail: raw is part of valid JSON
		return strings.TrimSpace(s)
	case '{', '[', 'n':
		return ""
	}
	return string(raw) // true, false or a number; an id may have too many digits for a float64
}

// state returns the text under name. If the value is an object or a list with something in it, state returns its JSON,
// because such a state is unknown, and not absent.
func (f fields) state(name string) string {
	if kind := kindOf(f[name]); (kind == "object" || kind == "list") && !isEmptyValue(f[name]) {
		return string(f[name][:min(len(f[name]), maxState)])
	}
	return f.text(name)
}

// intern returns text in memory that equal texts share, because some values are the same in each
// row of a list.
func intern(text string) string { return unique.Make(text).Value() }

// flag returns the bool under name, which may also be one of the words below; nil for anything else.
func (f fields) flag(name string) *bool {
	switch strings.ToLower(f.text(name)) {
	case "true", "yes", "1", "on", "enabled":
		return new(true)
	case "false", "no", "0", "off", "disabled":
		return new(false)
	}
	return nil
}

// is reports whether name has a flag, and the flag is want.
func (f fields) is(name string, want bool) bool {
	value := f.flag(name)
	return value != nil && *value == want
}

// mayBe reports whether name has a flag that is true, or a value that is no flag: it may say when or why.
func (f fields) mayBe(name string) bool { return !f.is(name, false) && !isEmptyValue(f[name]) }

// name returns the name of a person or thing under key, without the escapes that the API may add.
func (f fields) name(key string) string { return strings.TrimSpace(org.UnescapeHTML(f.text(key))) }

// These bounds limit the memory that an answer takes. Many small values take a hundred times as much
// memory after decoding, and a compressed answer of a few KiB may have millions of them. The bounds
// are far above any real answer of the API.
const (
	// maxRows is the maximum number of rows in a page. The client asks for perPage.
	maxRows = 20 * perPage
	// maxMembers is the maximum number of members in an object.
	maxMembers = 1000
	// maxElements is the maximum number of elements of a list inside a row, such as the members of
	// a group.
	maxElements = 50_000
	// perElement is the maximum average number of members of the objects in a list.
	perElement = 20
	// maxState is the maximum size of a state that is an object or a list, in bytes.
	maxState = 512
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

// hasAtMostAt reports whether raw has fewer than most commas at the given depth of brackets. The
// depth is 1 inside the outermost brackets. raw need not be valid JSON.
func hasAtMostAt(raw json.RawMessage, depth, most int) bool {
	if bytes.Count(raw, []byte(",")) < most { // nearly all answers, and much faster
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
