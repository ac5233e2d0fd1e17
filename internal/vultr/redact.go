package vultr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// redactor replaces what answers say about people and organizations. What is kept is on a list, so that a field nobody
// thought of cannot give anybody away: known words, dates, small numbers, names of fields. The same text is replaced by
// the same one throughout, and the form is kept: an address becomes an address, a UUID a UUID.
//
// The replacements count up; nothing is computed from what they stand for.
type redactor struct {
	replaced map[original]string
	counts   map[string]int
}

// original is what was replaced. An address and its domain are not the texts that look like them.
type original struct{ kind, text string }

func newRedactor() *redactor {
	return &redactor{replaced: map[original]string{}, counts: map[string]int{}}
}

// keptWords are kept in any case of letters. They are what the API, or one of its kind, says about the state of things.
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
	// The refusals that the API is known to make; they are told apart by nobody, and worth having.
	for _, line := range []string{
		"invite pending", "not found", "invite not found", "group not found", "role not found", "policy not found", "organization not found.", "invalid user",
	} {
		words[line] = true
	}
	return words
}()

// countingKeys are the fields whose numbers are counts and states.
var countingKeys = []string{"total", "status", "api_enabled", "active", "service_user", "invite_accepted", "max_session_duration", "per_page"}

var (
	fieldName = regexp.MustCompile(`^[a-z_]{1,40}$`)
	hexDigits = regexp.MustCompile(`^[0-9a-f]{8,64}$`)
	digits    = regexp.MustCompile(`^[0-9]{1,64}$`)
)

// marker begins what stands for hexadecimal ids, so that they are known for what they are.
const marker = "facade"

// text is what stands for s, which stands under name.
func (r *redactor) text(s, name string) string {
	core := strings.TrimSpace(s)
	switch {
	case core == "", keptWords[strings.ToLower(core)], isDate(core), digits.MatchString(core) && slices.Contains(countingKeys, name):
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
	if digits.MatchString(core) {
		return r.number(core)
	}
	return r.replaceOnce(original{"text", core}, func() string {
		switch {
		case uuid.MatchString(core):
			return fmt.Sprintf("%s00-0000-4000-8000-%012x", marker, r.next("uuid"))
		case hexDigits.MatchString(core):
			return marker + fmt.Sprintf("%0*x", len(core)-len(marker), r.next(fmt.Sprint("hex", len(core))))
		case isID(core): // what can stand in a path still can, and what cannot still cannot
			return fmt.Sprint("text-", r.next("text"))
		}
		return fmt.Sprint("text ", r.next("text"))
	})
}

// address keeps what matters about addresses: which are the same person's, which have a domain in common, and whether
// there are capital letters.
func (r *redactor) address(a org.Address) string {
	domain := r.replaceOnce(original{"domain", a.Domain()}, func() string { return fmt.Sprintf("domain-%d.example.com", r.next("domain")) })
	key := r.replaceOnce(original{"address", a.Key()}, func() string { return fmt.Sprintf("user-%d@%s", r.next("user"), domain) })
	if s := a.String(); s != strings.ToLower(s) {
		return "U" + key[1:]
	}
	return key
}

// number is what stands for a row of digits: as many, while there are enough.
func (r *redactor) number(core string) string {
	return r.replaceOnce(original{"digits", core}, func() string { return fmt.Sprintf("1%0*d", len(core)-1, r.next("digits")) })
}

func (r *redactor) next(kind string) int {
	r.counts[kind]++
	return r.counts[kind]
}

// replaceOnce remembers what stands for o.
func (r *redactor) replaceOnce(o original, replacement func() string) string {
	have, ok := r.replaced[o]
	if !ok {
		have = replacement()
		r.replaced[o] = have
	}
	return have
}

// key is what stands for the key of an object: itself, if it is made like the name of a field.
func (r *redactor) key(name string) string {
	if fieldName.MatchString(name) {
		return name
	}
	return r.text(name, "")
}

// isDate reports whether s is nothing but a date since 1970 in a form that is known, and not longer
// than dates are.
func isDate(s string) bool {
	t, understood := parseDate(s)
	if !understood {
		t, _ = time.Parse(time.DateOnly, s)
	}
	return t.Year() >= 1970 && len(s) <= len("2006-01-02T15:04:05.999999999+00:00")
}

// json is a JSON value with its strings, numbers and keys replaced. Its shape is kept: the order and number of keys and
// items, and the kind of each value.
func (r *redactor) json(raw []byte, name string) ([]byte, error) {
	if !json.Valid(raw) { // which bounds how deep it is nested, as the decoder of tokens does not
		return nil, errors.New("not JSON")
	}
	var out bytes.Buffer
	in := json.NewDecoder(bytes.NewReader(raw))
	in.UseNumber()
	if err := r.value(in, name, &out); err != nil {
		return nil, err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return out.Bytes(), nil
}

// value copies the next value of in, which stands under name.
func (r *redactor) value(in *json.Decoder, name string, out *bytes.Buffer) error {
	token, err := in.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		out.WriteString(v.String())
		for first := true; in.More(); first = false {
			if !first {
				out.WriteByte(',')
			}
			if v == '{' {
				key, err := in.Token()
				if err != nil {
					return err
				}
				name = r.key(key.(string))
				out.WriteString(quote(name) + ":")
			}
			if err := r.value(in, name, out); err != nil {
				return err
			}
		}
		end, err := in.Token()
		if err != nil {
			return err
		}
		out.WriteString(end.(json.Delim).String())
	case string:
		out.WriteString(quote(r.text(v, name)))
	case json.Number:
		out.WriteString(r.jsonNumber(v.String(), name))
	case bool:
		out.WriteString(strconv.FormatBool(v))
	default:
		out.WriteString("null")
	}
	return nil
}

// jsonNumber is what stands for a number: ids and balances are numbers, too.
func (r *redactor) jsonNumber(n, name string) string {
	if n == "0" || n == "1" || slices.Contains(countingKeys, name) {
		return n
	}
	if digits.MatchString(n) {
		return r.number(n)
	}
	return strings.Map(func(c rune) rune {
		if '0' <= c && c <= '9' {
			return '1'
		}
		return c
	}, n)
}

// quote is s as a JSON string.
func quote(s string) string {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil {
		panic("a string cannot be written") // there is no such string
	}
	return strings.TrimSuffix(out.String(), "\n")
}
