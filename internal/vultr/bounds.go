package vultr

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// What is decoded of an answer takes a hundred times the memory of its bytes where these are many
// small things, and a compressed answer of a few KiB may hold millions of them. The bounds are far
// above what the API has.
const (
	// maxRows is the most rows of one page; perPage are asked for.
	maxRows = 20 * perPage
	// maxMembers is the most members of one object.
	maxMembers = 1000
	// maxElements is the most elements of a list inside a row, such as the members of a group.
	maxElements = 50_000
	// perElement is the most members of the objects in a list, on average.
	perElement = 20
	// maxErrorText is the longest error, in bytes, that is looked into for its words.
	maxErrorText = 8 << 10
)

var errTooMany = fmt.Errorf("the answer is an object with more than %d members", maxMembers)

// hasAtMost reports whether raw, a list or an object, has at most the given number of elements or members.
func hasAtMost(raw json.RawMessage, most int) bool { return hasAtMostAt(raw, 1, most) }

// isBoundedList reports whether raw is a list of at most the given number of objects, with no more
// members than such a list has.
func isBoundedList(raw json.RawMessage, most int) bool {
	return hasAtMost(raw, most) && hasAtMostAt(raw, 2, most*perElement)
}

// hasAtMostAt reports whether there are fewer than most commas in raw at the given depth, which is 1
// inside the outermost brackets. It works on anything; what is no JSON is found out when it is
// decoded.
func hasAtMostAt(raw json.RawMessage, depth, most int) bool {
	if bytes.Count(raw, []byte(",")) < most { // nearly all, and cheaply
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

// decodeObject returns the members of a JSON object; nil when raw is none, or has too many.
func decodeObject(raw json.RawMessage) fields {
	var o fields
	if !hasAtMost(raw, maxMembers) || json.Unmarshal(raw, &o) != nil {
		return nil
	}
	return o
}
