package roster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Schema returns the JSON Schema (draft 2020-12) of a roster file, for editors. Schema makes it from
// the table of keys that the decoder uses.
//
// The schema accepts every file that the decoder accepts, with one exception: a value of exactly the
// maximum length with white space around it. The schema also accepts some files that the decoder
// refuses. Only the decoder checks rules about several places or files, about YAML itself and about
// the calendar. The schema does not require "users", because a file may be one of several.
func Schema() []byte {
	root := rosterKeys.schema()
	root.Schema = "https://json-schema.org/draft/2020-12/schema"
	root.Title = "Roster of orgsync"
	root.Description = "The people of a Vultr organization: a whole roster, or one of its files."
	root.MinProperties = 1
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		panic(err) // cannot happen: the schema has only text, numbers and lists of them
	}
	return toASCII(buf.Bytes())
}

// schema is a JSON Schema. Empty fields are omitted.
type schema struct {
	Schema      string   `json:"$schema,omitempty"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Type        string   `json:"type,omitempty"`
	AnyOf       []schema `json:"anyOf,omitempty"`
	Enum        []string `json:"enum,omitempty"`
	Pattern     string   `json:"pattern,omitempty"`
	// PatternErrorMessage is shown by editors instead of the pattern (an extension of VS Code).
	PatternErrorMessage string     `json:"patternErrorMessage,omitempty"`
	Format              string     `json:"format,omitempty"`
	MaxLength           int        `json:"maxLength,omitempty"`
	Minimum             *int       `json:"minimum,omitempty"`
	Maximum             *int       `json:"maximum,omitempty"`
	Properties          properties `json:"properties,omitempty"`
	// PatternProperties are the schemas of keys that match a regular expression.
	PatternProperties properties `json:"patternProperties,omitempty"`
	PropertyNames     *schema    `json:"propertyNames,omitempty"`
	Required          []string   `json:"required,omitempty"`
	// AdditionalProperties is false if Properties lists all keys. Otherwise, it is the schema of the
	// values of all keys.
	AdditionalProperties any     `json:"additionalProperties,omitempty"`
	MinProperties        int     `json:"minProperties,omitempty"`
	Items                *schema `json:"items,omitempty"`
	MinItems             int     `json:"minItems,omitempty"`
	MaxItems             int     `json:"maxItems,omitempty"`
	UniqueItems          bool    `json:"uniqueItems,omitempty"`
	Default              any     `json:"default,omitempty"`
	Examples             []any   `json:"examples,omitempty"`
}

// properties are the keys of a mapping, in the order of the table of keys.
type properties []property

type property struct {
	name  string
	value schema
}

// MarshalJSON returns a JSON object that has the properties in their order.
func (p properties) MarshalJSON() ([]byte, error) {
	members := make([]string, len(p))
	for i, one := range p {
		value, err := json.Marshal(one.value)
		if err != nil {
			return nil, err
		}
		members[i] = fmt.Sprintf("%q:%s", one.name, value)
	}
	return []byte("{" + strings.Join(members, ",") + "}"), nil
}

// Parts of patterns. They mean the same in the regular expressions of Go and of JavaScript.
const (
	// invisible has the characters for which isInvisible is true.
	invisible = "\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff"
	// blank has the spaces, the characters without a width, and U+FFFD. No address may have them.
	blank = "\\s\\xa0\\xad\u1680\u2000-\u200f\u202f\u205f-\u2065\u206a-\u206f\u3000" +
		"\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\ufffd"
	// space has the characters for which [unicode.IsSpace] is true; \s is different in Go and in
	// JavaScript. outerSpace matches the white space that the decoder removes from a value.
	space      = "\\t-\\r \\x85\\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
	outerSpace = `[` + space + `]*`

	localWord = `[^` + invisible + blank + `.@<>"(),:;*\[\]\\]+`
	// label matches a part of a domain. Of the ASCII characters, it may have only letters, digits and
	// "-".
	label  = `[^` + invisible + blank + `\x21-\x2c\x2e\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]+`
	domain = label + `(\.` + label + `)+`

	linePattern = `^` + outerSpace + `[^` + space + invisible + `]([^` + invisible + `]*[^` + space + invisible + `])?` +
		outerSpace + `$`
	prosePattern   = `^` + outerSpace + `[^` + space + invisible + `]([^` + invisible + `]|[\n\t])*` + outerSpace + `$`
	addressPattern = `^` + outerSpace + localWord + `(\.` + localWord + `)*@` + domain + outerSpace + `$`
	domainPattern  = `^` + outerSpace + domain + outerSpace + `$`
	datePattern    = `^[2-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`
	// durationPattern does not check the maximum, because a pattern cannot add numbers.
	durationPattern = `^([0-9]+[dhms])+$`
	boolPattern     = `^([Tt][Rr][Uu][Ee]|[Yy][Ee][Ss]|[Ff][Aa][Ll][Ss][Ee]|[Nn][Oo])$`
)

// maxAddress is the maximum length of an address, in characters. The decoder has the same limit, but
// in bytes.
const maxAddress = 254

// schema returns the schema of the value of k.
func (k *key) schema() schema {
	s := schema{Description: k.description, Default: k.defaultValue}
	switch k.kind {
	case textKind:
		s.Type, s.Pattern, s.MaxLength = "string", linePattern, k.max
		s.PatternErrorMessage = "must be one line of text, without invisible characters"
	case longTextKind:
		s.Type, s.Pattern, s.MaxLength = "string", prosePattern, k.max
		s.PatternErrorMessage = "must be text, without invisible characters"
	case boolKind:
		s.AnyOf = []schema{{Type: "boolean"}, {Type: "string", Pattern: boolPattern}}
	case numberKind:
		s.Type, s.Minimum, s.Maximum = "integer", &k.min, &k.max
	case dateKind:
		s.Type, s.Pattern, s.Format, s.Examples = "string", datePattern, "date", []any{"2027-03-31"}
		s.PatternErrorMessage = "must be " + k.expected()
	case durationKind:
		s.Type, s.Pattern, s.Examples = "string", durationPattern, []any{"24h", "90m", "3d"}
		s.PatternErrorMessage = "must be " + k.expected()
	case choiceKind:
		s.Enum = k.choices
	case addressKind:
		s.Type, s.Pattern, s.MaxLength = "string", addressPattern, maxAddress
		s.PatternErrorMessage = "must be " + k.expected()
	case mappingKind:
		section := k.section.schema()
		section.Description = s.Description
		return section
	case entryKind:
		address := key{kind: addressKind}
		s.AnyOf = []schema{address.schema(), k.section.schema()}
	case teamsKind:
		name := key{kind: textKind, max: maxName}
		names := name.schema()
		s.Type, s.PropertyNames, s.AdditionalProperties = "object", &names, k.items().schema()
	default: // the lists
		items := k.items().schema()
		if k.kind == domainsKind {
			items.Pattern, items.PatternErrorMessage = domainPattern, "must be a mail domain, as in example.com"
		}
		s.Type, s.Items, s.MinItems, s.MaxItems, s.UniqueItems = "array", &items, k.min, k.max, k.kind != peopleKind
	}
	return s
}

// schema returns the schema of a mapping with the keys of s.
func (s *section) schema() schema {
	out := schema{Type: "object", AdditionalProperties: false}
	for i := range s.keys {
		out.Properties = append(out.Properties, property{s.keys[i].name, s.keys[i].schema()})
	}
	switch s {
	case &personKeys, &memberKeys:
		out.Required = []string{"email"}
	case &rosterKeys:
		out.PatternProperties = properties{{"^" + ignoredPrefix, schema{}}}
	}
	return out
}

// toASCII returns a JSON document in which all characters that are not ASCII are \u escapes, because
// many of them are invisible.
func toASCII(doc []byte) []byte {
	var out strings.Builder
	for _, r := range string(doc) { // all characters are at most U+FFFF
		if r == '\n' || r >= ' ' && r < 0x7f {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return []byte(out.String())
}
