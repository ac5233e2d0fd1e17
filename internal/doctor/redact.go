package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/lazyregexp"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/vultr"
)

// redactor replaces what answers say about people and organizations. It keeps only known words, dates,
// some numbers, and the names of fields. So an unexpected field cannot reveal anything.
//
// The same text always has the same replacement, of the same form: an address is replaced by an
// address, a UUID by a UUID. Replacements are numbered. They are not computed from the originals, so
// nobody can compute the originals from them.
type redactor struct {
	replaced map[original]string // the replacements so far
	counts   map[string]int      // how many replacements there are of each form
}

// original is a text that was replaced. The kind is address, domain, digits or text. If the same characters occur as
// two kinds, they have two replacements.
type original struct{ kind, text string }

func newRedactor() *redactor {
	return &redactor{replaced: map[original]string{}, counts: map[string]int{}}
}

// keptWords are words that are not replaced, in any letter case. They are words for states in this and
// similar APIs.
var keptWords = func() map[string]bool {
	words := map[string]bool{}
	for _, word := range strings.Fields(`
		yes no true false on off 0 1 null none
		pending accepted expired declined rejected refused cancelled canceled revoked withdrawn lapsed resent
		active inactive enabled disabled deleted suspended removed unknown
		assignable assumable direct inherited group role service user allow deny business personal
		api_enabled
		manage_users subscriptions_view subscriptions provisioning billing support abuse dns upgrade objstore loadbalancer
	`) {
		words[word] = true
	}
	// Error texts of the API that are known. They make a recording easier to understand.
	for _, line := range []string{
		"invite pending", "not found", "invite not found", "group not found", "role not found", "policy not found",
		"organization not found.", "invalid user",
	} {
		words[line] = true
	}
	return words
}()

// countingKeys are the fields whose numbers are not replaced, because they are counts or states.
var countingKeys = []string{"total", "status", "api_enabled", "active", "service_user", "invite_accepted",
	"max_session_duration", "per_page"}

var (
	fieldName = lazyregexp.New(`^[a-z_]{1,40}$`)
	hexDigits = lazyregexp.New(`^[0-9a-f]{8,64}$`)
	digits    = lazyregexp.New(`^[0-9]{1,64}$`)
)

// idPrefix begins the replacements of hexadecimal ids, so that people recognize them. It has only
// hexadecimal digits.
const idPrefix = "facade"

// text returns the replacement for the text s of the field name, or s if s may be kept.
func (r *redactor) text(s, name string) string {
	core := strings.TrimSpace(s)
	switch {
	case core == "", keptWords[strings.ToLower(core)], isDate(core), digits().MatchString(core) &&
		slices.Contains(countingKeys, name):
		return s
	}
	before, after, _ := strings.Cut(s, core) // spaces
	return before + r.replace(core, name) + after
}

// replace returns the replacement for a text without spaces at its ends.
func (r *redactor) replace(core, name string) string {
	if core[0] == '{' || core[0] == '[' {
		if inner, err := r.json([]byte(core), name); err == nil {
			return string(inner)
		}
	}
	if a, err := org.ParseAddress(core); err == nil {
		return r.address(a)
	}
	if digits().MatchString(core) {
		return r.number(core)
	}
	return r.replaceOnce(original{"text", core}, func() string {
		switch {
		case org.IsUUID(core):
			return fmt.Sprintf("%s00-0000-4000-8000-%012x", idPrefix, r.next("uuid"))
		case hexDigits().MatchString(core):
			return idPrefix + fmt.Sprintf("%0*x", len(core)-len(idPrefix), r.next(fmt.Sprint("hex", len(core))))
		case vultr.IsValidID(core): // so the replacement must be valid in a path too
			return fmt.Sprint("text-", r.next("text"))
		}
		return fmt.Sprint("text ", r.next("text"))
	})
}

// address returns the replacement for an address. Replacements still show which addresses are equal,
// which have the same domain, and whether an address has capital letters.
func (r *redactor) address(a org.Address) string {
	domain := r.replaceOnce(original{"domain", a.Domain()}, func() string {
		return fmt.Sprintf("domain-%d.example.com", r.next("domain"))
	})
	key := r.replaceOnce(original{"address", a.Key()}, func() string {
		return fmt.Sprintf("user-%d@%s", r.next("user"), domain)
	})
	if s := a.String(); s != strings.ToLower(s) {
		return "U" + key[1:]
	}
	return key
}

// number returns the replacement for a sequence of digits, of the same length if possible.
func (r *redactor) number(core string) string {
	return r.replaceOnce(original{"digits", core}, func() string {
		return fmt.Sprintf("1%0*d", len(core)-1, r.next("digits"))
	})
}

// next returns the number of the next replacement of a form.
func (r *redactor) next(form string) int {
	r.counts[form]++
	return r.counts[form]
}

// replaceOnce returns the replacement for o. It calls create only the first time.
func (r *redactor) replaceOnce(o original, create func() string) string {
	replacement, ok := r.replaced[o]
	if !ok {
		replacement = create()
		r.replaced[o] = replacement
	}
	return replacement
}

// key returns the replacement for a key of an object. A key that looks like the name of a field is kept.
func (r *redactor) key(name string) string {
	if fieldName().MatchString(name) {
		return name
	}
	return r.text(name, "")
}

// isDate reports whether s is a date since 1970 in a known form. A text longer than any date is not a date, because
// it may have other information.
func isDate(s string) bool {
	t, understood := vultr.ParseDate(s)
	if !understood {
		t, _ = time.Parse(time.DateOnly, s)
	}
	return t.Year() >= 1970 && len(s) <= len("2006-01-02T15:04:05.999999999+00:00")
}

// json returns the JSON value raw of the field name with its strings, numbers and keys replaced. It keeps
// the order and number of keys and elements, and the kind of each value. It returns an error if raw is
// not JSON.
func (r *redactor) json(raw []byte, name string) ([]byte, error) {
	if !json.Valid(raw) { // Valid also limits the depth, which Decoder.Token does not
		return nil, errors.New("not JSON")
	}
	var out bytes.Buffer
	in := json.NewDecoder(bytes.NewReader(raw))
	in.UseNumber()
	r.value(in, name, &out)
	return out.Bytes(), nil
}

// value writes the next value of in to out, with its replacements. in must be valid JSON. name is the
// field that has the value.
func (r *redactor) value(in *json.Decoder, name string, out *bytes.Buffer) {
	next := func() json.Token {
		token, err := in.Token()
		if err != nil {
			panic(err) // impossible: in is valid JSON
		}
		return token
	}
	switch v := next().(type) {
	case json.Delim:
		out.WriteString(v.String())
		for first := true; in.More(); first = false {
			if !first {
				out.WriteByte(',')
			}
			if v == '{' {
				name = r.key(next().(string))
				out.WriteString(quote(name) + ":")
			}
			r.value(in, name, out)
		}
		out.WriteString(next().(json.Delim).String())
	case string:
		out.WriteString(quote(r.text(v, name)))
	case json.Number:
		out.WriteString(r.jsonNumber(v.String(), name))
	case bool:
		out.WriteString(strconv.FormatBool(v))
	default:
		out.WriteString("null")
	}
}

// jsonNumber returns the replacement for a number of the field name. Numbers are replaced because ids and
// balances may be numbers.
func (r *redactor) jsonNumber(n, name string) string {
	if n == "0" || n == "1" || slices.Contains(countingKeys, name) {
		return n
	}
	if digits().MatchString(n) {
		return r.number(n)
	}
	return strings.Map(func(c rune) rune {
		if '0' <= c && c <= '9' {
			return '1'
		}
		return c
	}, n)
}

// quote returns s as a JSON string.
func quote(s string) string {
	text, err := encode(s, "")
	if err != nil {
		panic(err) // impossible: every string can be encoded
	}
	return strings.TrimSuffix(string(text), "\n")
}

// encode returns v as JSON with a newline at its end.
func encode(v any, indent string) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	err := enc.Encode(v)
	return out.Bytes(), err
}
