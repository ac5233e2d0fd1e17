package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/vultr"
)

// redactor replaces what answers say about people and organizations. It keeps only what is listed
// here, so that an unexpected field cannot reveal anything: known words, dates, small numbers,
// names of fields. The same text always has the same replacement, and the form is kept: an address
// is replaced by an address, a UUID by a UUID.
//
// Replacements are numbered; nothing is computed from the originals.
type redactor struct {
	replaced map[original]string
	counts   map[string]int
}

// original is what was replaced. An address and a domain are different from a text with the same
// characters.
type original struct{ kind, text string }

func newRedactor() *redactor {
	return &redactor{replaced: map[original]string{}, counts: map[string]int{}}
}

// keptWords are kept, in any letter case. They are words of this and similar APIs for states.
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
	// Known error texts of the API, which help to understand a recording.
	for _, line := range []string{
		"invite pending", "not found", "invite not found", "group not found", "role not found", "policy not found",
		"organization not found.", "invalid user",
	} {
		words[line] = true
	}
	return words
}()

// countingKeys are the fields whose numbers are counts or states.
var countingKeys = []string{"total", "status", "api_enabled", "active", "service_user", "invite_accepted",
	"max_session_duration", "per_page"}

var (
	fieldName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z_]{1,40}$`) })
	hexDigits = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{8,64}$`) })
	digits    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]{1,64}$`) })
)

// marker is the beginning of the replacements of hexadecimal ids, so that they can be recognized.
const marker = "facade"

// text returns the replacement of s, which is the value of name.
func (r *redactor) text(s, name string) string {
	core := strings.TrimSpace(s)
	switch {
	case core == "", keptWords[strings.ToLower(core)], isDate(core), digits().MatchString(core) &&
		slices.Contains(countingKeys, name):
		return s
	}
	before, after, _ := strings.Cut(s, core)
	return before + r.replace(core, name) + after
}

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
		case vultr.IsUUID(core):
			return fmt.Sprintf("%s00-0000-4000-8000-%012x", marker, r.next("uuid"))
		case hexDigits().MatchString(core):
			return marker + fmt.Sprintf("%0*x", len(core)-len(marker), r.next(fmt.Sprint("hex", len(core))))
		case vultr.IsID(core): // the replacement is valid in a path if the original is
			return fmt.Sprint("text-", r.next("text"))
		}
		return fmt.Sprint("text ", r.next("text"))
	})
}

// address keeps what matters about addresses: which are equal, which have the same domain, and
// whether they have capital letters.
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

// number returns the replacement of a sequence of digits, if possible of the same length.
func (r *redactor) number(core string) string {
	return r.replaceOnce(original{"digits", core}, func() string {
		return fmt.Sprintf("1%0*d", len(core)-1, r.next("digits"))
	})
}

func (r *redactor) next(kind string) int {
	r.counts[kind]++
	return r.counts[kind]
}

// replaceOnce returns the replacement of o, which is created the first time.
func (r *redactor) replaceOnce(o original, replacement func() string) string {
	have, ok := r.replaced[o]
	if !ok {
		have = replacement()
		r.replaced[o] = have
	}
	return have
}

// key returns the replacement of a key of an object: the key itself, if it looks like the name of
// a field.
func (r *redactor) key(name string) string {
	if fieldName().MatchString(name) {
		return name
	}
	return r.text(name, "")
}

// isDate reports whether s is only a date since 1970, in a known form and not longer than dates
// are.
func isDate(s string) bool {
	t, understood := vultr.ParseDate(s)
	if !understood {
		t, _ = time.Parse(time.DateOnly, s)
	}
	return t.Year() >= 1970 && len(s) <= len("2006-01-02T15:04:05.999999999+00:00")
}

// json returns a JSON value with its strings, numbers and keys replaced. The order and number of
// keys and items, and the kind of each value, stay the same.
func (r *redactor) json(raw []byte, name string) ([]byte, error) {
	if !json.Valid(raw) { // also limits the depth, which Decoder.Token does not
		return nil, errors.New("not JSON")
	}
	var out bytes.Buffer
	in := json.NewDecoder(bytes.NewReader(raw))
	in.UseNumber()
	r.value(in, name, &out)
	return out.Bytes(), nil
}

// value copies the next value of in, which is valid JSON. It is the value of name.
func (r *redactor) value(in *json.Decoder, name string, out *bytes.Buffer) {
	next := func() json.Token {
		token, err := in.Token()
		if err != nil {
			panic(err) // there is none in valid JSON
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

// jsonNumber returns the replacement of a number, because ids and balances may be numbers.
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
		panic(err) // there is no such string
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
