package roster

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/printable"
)

// Tags that yaml.v3 gives to nodes without a tag.
const (
	nullTag  = "!!null"
	textTag  = "!!str"
	mergeTag = "!!merge"
)

// scalarNode returns a text at a position, for values that are not from YAML.
func scalarNode(text string, at Position) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: textTag, Value: text, Line: at.Line, Column: at.Column}
}

// position returns the position of n or, behind an alias, of the outermost alias.
func (d *decoder) position(n *yaml.Node) Position {
	if d.alias != nil {
		n = d.alias
	}
	return Position{d.file, n.Line, n.Column}
}

// addProblem adds a problem at the position of n.
func (d *decoder) addProblem(n *yaml.Node, format string, args ...any) {
	d.problems.add(d.position(n), format, args...)
}

// presentKeys are the keys of a mapping by name, with the node of the key; nil for a misspelt key,
// which counts as the key that was probably meant.
type presentKeys map[string]*yaml.Node

func (p presentKeys) has(name string) bool {
	_, found := p[name]
	return found
}

// decodeMapping calls read, with the node of the key and that of the value, for each key of n that
// s has and whose value is of the right kind. It returns the keys that are present, even if their
// values are wrong.
func (d *decoder) decodeMapping(n *yaml.Node, s *section, read func(k *key, name, v *yaml.Node)) presentKeys {
	present := make(presentKeys)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		k := s.find(name.Value)
		switch {
		case name.Kind != yaml.ScalarNode:
			d.addProblem(name, "a key must be a plain word, not %s", describeNode(name))
		case name.Tag == mergeTag:
			d.addProblem(name, `merge keys ("<<") are not supported: put what people share under "defaults"`)
		case k == nil && s == &rosterKeys && strings.HasPrefix(name.Value, ignoredPrefix):
		case k == nil:
			if meant := d.reportUnknownKey(name, s); !present.has(meant) {
				present[meant] = nil
			}
		case present[k.name] != nil:
			d.addProblem(name, "the key %s is already set at %v", quote(name.Value), d.position(present[k.name]))
		default:
			present[k.name] = name
			d.checkTag(name)
			d.followAlias(value, func(v *yaml.Node) {
				if d.checkValue(k, v) {
					read(k, name, v)
				}
			})
		}
	}
	return present
}

// reportUnknownKey reports a key that s does not have. It returns the key that was probably meant,
// or "".
func (d *decoder) reportUnknownKey(name *yaml.Node, s *section) string {
	var places []string
	for _, other := range sections {
		if other.find(name.Value) != nil {
			places = append(places, other.place)
		}
	}
	var candidates []string
	for _, k := range s.keys {
		candidates = append(candidates, k.name)
	}
	near := Nearest(name.Value, candidates)
	if s == &teamKeys && (name.Value == "users" || name.Value == "people") {
		near = "members"
	}
	switch {
	case near != "":
		d.addProblem(name, "unknown key %s: did you mean %s?", quote(name.Value), quote(near))
	case len(places) > 0:
		d.addProblem(name, "the key %s is in the wrong place: it belongs %s", quote(name.Value), printable.JoinOr(places))
	default:
		d.addProblem(name, "unknown key %s: the keys %s are %s", quote(name.Value), s.place, printable.JoinAnd(candidates))
	}
	return near
}

// decodeItems calls read for each item of the list n that is of the right kind; item describes
// what an item must be.
func (d *decoder) decodeItems(k *key, n *yaml.Node, read func(item *key, v *yaml.Node)) {
	if len(n.Content) < k.min {
		d.addProblem(n, "%s is empty: it needs at least one entry", k)
		return
	}
	if k.max > 0 && len(n.Content) > k.max {
		d.addProblem(n, "%s has %d entries: at most %d are allowed", k, len(n.Content), k.max)
		return
	}
	item := k.items()
	for _, value := range n.Content {
		d.followAlias(value, func(v *yaml.Node) {
			if d.checkValue(item, v) {
				read(item, v)
			}
		})
	}
}

// followAlias calls read with n or, if n is an alias, with the node that it refers to.
func (d *decoder) followAlias(n *yaml.Node, read func(n *yaml.Node)) {
	if n.Kind != yaml.AliasNode {
		read(n)
		return
	}
	outer := d.alias
	if outer == nil {
		d.alias = n
	}
	read(n.Alias)
	d.alias = outer
}

// checkValue reports whether n can be read as a value of k, and adds a problem if not.
func (d *decoder) checkValue(k *key, n *yaml.Node) bool {
	switch {
	case !d.checkTag(n):
	case n.Tag == nullTag && k.min > 0 && kinds[k.kind].node == yaml.SequenceNode:
		d.addProblem(n, "%s is empty: it needs at least one entry", k)
	case n.Tag == nullTag && k.item:
		d.addProblem(n, "%s has no value: add one or remove the line", k)
	case n.Tag == nullTag:
		d.addProblem(n, "%s has no value: add one or remove the key", k)
	case k.kind == entryKind && (n.Kind == yaml.MappingNode || n.Kind == yaml.ScalarNode && n.Tag == textTag):
		return true
	case n.Kind != kinds[k.kind].node, (k.kind == addressKind || k.kind == entryKind) && n.Tag != textTag:
		d.addProblem(n, "%s must be %s, not %s", k, k.expected(), describeNode(n))
	case (k.kind == textKind || k.kind == longTextKind) && n.Tag != textTag:
		d.addProblem(n, "%s must be text, not %s: put it in quotes", k, describeNode(n))
	default:
		return true
	}
	return false
}

// checkTag reports whether n has no explicit tag, and adds a problem if it has one: a tag could
// give a value a meaning that readers of the file do not see.
func (d *decoder) checkTag(n *yaml.Node) bool {
	if n.Style&yaml.TaggedStyle == 0 {
		return true
	}
	if strings.HasPrefix(n.Tag, "!!") {
		d.addProblem(n, "the tag %s is not allowed in a roster: remove it", quote(n.Tag))
	} else {
		d.addProblem(n, `the tag %s is not allowed in a roster: a text that begins with "!" needs quotes`, quote(n.Tag))
	}
	return false
}

// decodeText returns text without the white space around it; "" if it is invalid.
func (d *decoder) decodeText(k *key, n *yaml.Node) string {
	s := strings.TrimSpace(n.Value)
	if problem := k.textProblem(s); problem != "" {
		d.addProblem(n, "%s %s", k, problem)
		return ""
	}
	return s
}

// textProblem returns why s, which is trimmed, is not a valid text for k, as the end of a sentence
// that begins with the key; "" if it is valid.
func (k *key) textProblem(s string) string {
	if s == "" {
		return "is empty"
	}
	if length := utf8.RuneCountInString(s); length > k.max {
		return fmt.Sprintf("has %d characters: at most %d are allowed", length, k.max)
	}
	for _, r := range s {
		switch {
		case k.kind == longTextKind && (r == '\n' || r == '\t'):
		case r == '\n':
			return "has a line break: write it on one line"
		case isInvisible(r):
			return fmt.Sprintf("has the invisible character %U: remove it", r)
		}
	}
	return ""
}

// decodeBool returns the value of true, false, yes or no; false if it is invalid.
func (d *decoder) decodeBool(k *key, n *yaml.Node) bool {
	switch strings.ToLower(n.Value) {
	case "true", "yes":
		return true
	case "false", "no":
		return false
	}
	d.reportInvalid(k, n)
	return false
}

// decodeNumber returns a whole number in decimal digits, within the bounds of k; k.min if it is
// invalid.
func (d *decoder) decodeNumber(k *key, n *yaml.Node) int {
	i, err := strconv.Atoi(n.Value)
	if err == nil && n.Tag == textTag {
		d.addProblem(n, "%s must be a number: remove the quotes", k)
		return k.min
	}
	// YAML readers disagree about other forms: 0x1f, 010, 1_000.
	if err != nil || strconv.Itoa(i) != n.Value || i < k.min || i > k.max {
		d.reportInvalid(k, n)
		return k.min
	}
	return i
}

// decodeDate returns a day as midnight UTC; the zero time if it is invalid.
func (d *decoder) decodeDate(k *key, n *yaml.Node) time.Time {
	day, err := time.Parse(time.DateOnly, n.Value)
	var malformed *time.ParseError
	switch {
	case errors.As(err, &malformed) && strings.HasSuffix(malformed.Message, "out of range"):
		d.addProblem(n, "%s is %s, which is not a date in the calendar", k, n.Value)
	case err != nil:
		d.reportInvalid(k, n)
	// Earlier years are typing errors, and 0001-01-01 would be the zero time, which means no end.
	case day.Year() < 2000:
		d.addProblem(n, "%s is %s: years before 2000 are not allowed", k, n.Value)
	default:
		return day
	}
	return time.Time{}
}

// decodeDuration returns a time with its unit; 0 if it is invalid.
func (d *decoder) decodeDuration(k *key, n *yaml.Node) time.Duration {
	value, ok := parseDuration(n.Value)
	if !ok {
		d.reportInvalid(k, n)
	}
	return value
}

// parseDuration returns the sum of the parts of a time such as 24h, 90m or 1d12h. It returns false
// for other text and for more than maxDuration.
func parseDuration(s string) (time.Duration, bool) {
	if !durationRegexp().MatchString(s) {
		return 0, false
	}
	var sum time.Duration
	for s != "" {
		i := strings.IndexAny(s, "dhms")
		n, err := strconv.Atoi(s[:i])
		unit := durationUnits[s[i]]
		if err != nil || n > int((maxDuration-sum)/unit) {
			return 0, false
		}
		sum += time.Duration(n) * unit
		s = s[i+1:]
	}
	return sum, true
}

var (
	durationRegexp = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(durationPattern) })
	durationUnits  = map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second}
)

// FormatDuration returns d in the form that a roster uses, in hours and smaller units, such as
// 24h, 1h30m or 0s.
func FormatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// decodeChoice returns one of the choices of k; the first if the value is invalid.
func (d *decoder) decodeChoice(k *key, n *yaml.Node) string {
	if slices.Contains(k.choices, n.Value) {
		return n.Value
	}
	if near := Nearest(n.Value, k.choices); near != "" {
		d.addProblem(n, "%s must be %s, not %s: did you mean %s?", k, k.expected(), quote(n.Value), quote(near))
	} else {
		d.reportInvalid(k, n)
	}
	return k.choices[0]
}

// reportInvalid adds the problem that n is not a valid value for k.
func (d *decoder) reportInvalid(k *key, n *yaml.Node) {
	d.addProblem(n, "%s must be %s, not %s", k, k.expected(), quote(n.Value))
}

// decodeAddress returns a mail address; the zero one if it is invalid.
func (d *decoder) decodeAddress(n *yaml.Node) org.Address {
	a, err := org.ParseAddress(n.Value)
	if err != nil {
		d.addProblem(n, "%s: %v", quote(n.Value), err)
	}
	return a
}

// decodeNewAddress returns an address that is not yet in seen, and adds it there; the zero one if it is invalid or a
// duplicate.
func (d *decoder) decodeNewAddress(n *yaml.Node, seen map[string]firstUse) org.Address {
	a := d.decodeAddress(n)
	if a.IsZero() || !d.isFirst(seen, n, a.Key(), a.String()) {
		return org.Address{}
	}
	return a
}

// isFirst reports whether seen has no value with the canonical form key, and adds it there. It adds a problem if seen
// has one, perhaps in another spelling.
func (d *decoder) isFirst(seen map[string]firstUse, n *yaml.Node, key, value string) bool {
	first, found := seen[key]
	switch {
	case !found:
		seen[key] = firstUse{d.position(n), value}
	case value == first.spelling:
		d.addProblem(n, "%s is already listed at %v", quote(value), first.at)
	default:
		d.addProblem(n, "%s is the same as %s, already listed at %v", quote(value), quote(first.spelling), first.at)
	}
	return !found
}

// decodeAddresses returns a list of addresses that are not yet in seen.
func (d *decoder) decodeAddresses(k *key, n *yaml.Node, seen map[string]firstUse) []org.Address {
	var list []org.Address
	d.decodeItems(k, n, func(_ *key, v *yaml.Node) {
		if a := d.decodeNewAddress(v, seen); !a.IsZero() {
			list = append(list, a)
		}
	})
	return list
}

// decodeDomains returns a list of mail domains without duplicates; nil if one of them is invalid,
// because no address can be checked against a partial list.
func (d *decoder) decodeDomains(k *key, n *yaml.Node) []string {
	var list []string
	seen := make(map[string]firstUse)
	before := len(d.problems)
	d.decodeItems(k, n, func(k *key, v *yaml.Node) {
		s := d.decodeText(k, v)
		if s == "" {
			return
		}
		a, err := org.ParseAddress("anybody@" + s)
		if err != nil {
			d.addProblem(v, "%s is not a mail domain such as example.com", quote(s))
		} else if d.isFirst(seen, v, a.Domain(), s) {
			list = append(list, a.Domain())
		}
	})
	if len(d.problems) > before {
		return nil
	}
	return list
}

// decodeRefs returns a list of names without duplicates. It is never nil: an empty list means that
// the person must have none. A name behind an alias has the position where the name itself is
// written.
func (d *decoder) decodeRefs(k *key, n *yaml.Node) []Ref {
	list := make([]Ref, 0, min(len(n.Content), k.max))
	d.decodeItems(k, n, func(k *key, v *yaml.Node) {
		name := d.decodeText(k, v)
		if i := slices.IndexFunc(list, func(r Ref) bool { return r.Name == name }); i >= 0 {
			d.addProblem(v, "%s is already listed at %v", quote(name), list[i].At)
		} else if name != "" {
			list = append(list, Ref{Name: name, At: Position{d.file, v.Line, v.Column}})
		}
	})
	return list
}

// describeNode returns what n is, for messages.
func describeNode(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.Tag {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	case mergeTag:
		return "a merge key"
	}
	return "text"
}

// quote returns data from the file for messages: quoted, escaped and truncated.
func quote(s string) string { return strconv.Quote(truncate(s)) }

// truncate returns at most 60 characters of s, with "…" if it is longer.
func truncate(s string) string {
	const most = 60
	shown := 0
	for i := range s {
		if shown == most {
			return s[:i] + "…"
		}
		shown++
	}
	return s
}
