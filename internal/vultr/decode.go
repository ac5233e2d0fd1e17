package vultr

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
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

// errorText returns what an answer says went wrong; "" when it says nothing of the kind. A success that has an error beside it
// did not do, or show, what was asked for; govultr looks for `error` in every answer, too. A bare invitation has a status word
// of its own and a bare user a bool, so only words that mean failure count there, and false only where there is no id.
func (f fields) errorText() string {
	for _, name := range []string{"error", "errors", "error_message", "exception"} {
		if raw := f[name]; hasValue(raw) {
			return cmp.Or(f.text(name), string(raw))
		}
	}
	for _, name := range []string{"success", "ok"} {
		if said := f.flag(name); said != nil && !*said {
			return cmp.Or(f.text("message"), name+" is false")
		}
	}
	for _, name := range []string{"status", "result", "type"} {
		switch word := strings.ToLower(f.text(name)); word {
		case "error", "fail", "failed", "failure":
			return cmp.Or(f.text("message"), name+" is "+word)
		}
	}
	if said := f.flag("status"); said != nil && !*said && f.text("id") == "" {
		return cmp.Or(f.text("message"), "status is "+f.text("status"))
	}
	for _, name := range []string{"status", "code", "status_code", "http_code"} {
		if n := wholeNumber(f.text(name)); n >= 400 && n < 600 {
			return cmp.Or(f.text("message"), fmt.Sprintf("%s is %d", name, n))
		}
	}
	return ""
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

// entity is a character as HTML escapes it. Only those with a semicolon count: a plain address has none.
var entity = regexp.MustCompile(`&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});`)

// name returns the text under name as people write it: an API that was made for pages may escape it for HTML, even twice.
func (f fields) name(name string) string {
	text := f.text(name)
	for range 3 {
		if !entity.MatchString(text) {
			break
		}
		text = entity.ReplaceAllStringFunc(text, html.UnescapeString)
	}
	return text
}

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
