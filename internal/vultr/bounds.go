package vultr

import (
	"bytes"
	"encoding/json"
	"fmt"
)

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

// decodeObject returns the members of a JSON object; nil if raw is not an object or has too many
// members.
func decodeObject(raw json.RawMessage) fields {
	var o fields
	if !hasAtMost(raw, maxMembers) || json.Unmarshal(raw, &o) != nil {
		return nil
	}
	return o
}
