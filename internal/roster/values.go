package roster

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/lazyregexp"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/printable"
)

// Tags that yaml.v3 gives to nodes that have no tag in the file.
const (
	nullTag  = "!!null"
	textTag  = "!!str"
	mergeTag = "!!merge"
)

const mergeKeyProblem = `merge keys ("<<") are not supported: put what people share under "defaults"`

// scalarNode returns a node for a text that does not come from YAML.
func scalarNode(text string, at Position) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: textTag, Value: text, Line: at.Line, Column: at.Column}
}

// position returns the position of n or, if the decoder followed an alias to n, of the outermost
// alias.
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

// presentKeys maps the names of the keys of a mapping to the nodes of the keys. A misspelled key
// counts as the key that was probably meant, with a nil node.
type presentKeys map[string]*yaml.Node

func (p presentKeys) has(name string) bool {
	_, found := p[name]
	return found
}

// decodeMapping calls read for each key of n that s knows and whose value has the right kind. name is
// the node of the key, and v is the node of the value. It adds problems for other keys and values. It
// returns the keys that are present, even if their values are wrong.
func (d *decoder) decodeMapping(n *yaml.Node, s *section, read func(k *key, name, v *yaml.Node)) presentKeys {
	present := make(presentKeys)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		k := s.find(name.Value)
		switch {
		case name.Kind != yaml.ScalarNode:
			d.addProblem(name, "a key must be a plain word, not %s", describeNode(name))
		case name.Tag == mergeTag:
			d.addProblem(name, mergeKeyProblem)
		case s == &rosterKeys && strings.HasPrefix(name.Value, ignoredPrefix):
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

// reportUnknownKey adds a problem for a key that s does not know. It returns the key that was probably
// meant; "" if there is none.
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

// decodeItems calls read for each item of the list n, the value of k, that has the right kind. item
// is the key that describes an item (see [key.items]). It adds problems for other items.
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

// followAlias calls read with n or, if n is an alias, with the node to which the alias refers.
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

// checkValue reports whether n has the right kind for a value of k, and otherwise adds a problem.
func (d *decoder) checkValue(k *key, n *yaml.Node) bool {
	switch {
	case !d.checkTag(n):
	case n.Tag == nullTag && k.min > 0 && kinds[k.kind].node == yaml.SequenceNode:
		d.addProblem(n, "%s is empty: it needs at least one entry", k)
	case n.Tag == nullTag && k.item:
		d.addProblem(n, "%s has no value: add one or remove the line", k)
	case n.Tag == nullTag:
		d.addProblem(n, "%s has no value: add one or remove the key", k)
	case k.kind == entryKind && n.Kind == yaml.MappingNode:
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

// checkTag reports whether n has no tag in the file, and otherwise adds a problem. A tag could give a
// value a meaning that readers of the file do not notice.
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

// decodeText returns a text without the white space around it; "" if the text is invalid.
func (d *decoder) decodeText(k *key, n *yaml.Node) string {
	s := strings.TrimSpace(n.Value)
	if problem := k.textProblem(s); problem != "" {
		d.addProblem(n, "%s %s", k, problem)
		return ""
	}
	return s
}

// textProblem returns the problem of s, a text without white space around it, as a value of k; "" if s
// is valid. The problem is the end of a sentence that begins with the key.
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
	// YAML readers disagree about other forms, such as 0x1f, 010 and 1_000.
	if err != nil || strconv.Itoa(i) != n.Value || i < k.min || i > k.max {
		d.reportInvalid(k, n)
		return k.min
	}
	return i
}

// decodeDate returns a day; no day if it is invalid.
func (d *decoder) decodeDate(k *key, n *yaml.Node) Day {
	day, err := time.Parse(time.DateOnly, n.Value)
	var malformed *time.ParseError
	switch {
	case errors.As(err, &malformed) && strings.HasSuffix(malformed.Message, "out of range"):
		d.addProblem(n, "%s is %s, which is not a date in the calendar", k, n.Value)
	case err != nil:
		d.reportInvalid(k, n)
	// An earlier year is a typing error, and a Day cannot be before 1970.
	case day.Year() < 2000:
		d.addProblem(n, "%s is %s: years before 2000 are not allowed", k, n.Value)
	default:
		return DayOf(day)
	}
	return 0
}

// decodeDuration returns a duration such as 24h; 0 if it is invalid.
func (d *decoder) decodeDuration(k *key, n *yaml.Node) time.Duration {
	value, ok := parseDuration(n.Value)
	if !ok {
		d.reportInvalid(k, n)
	}
	return value
}

// parseDuration parses a duration such as 24h, 90m or 1d12h. It returns false for other text and for
// more than maxDuration.
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
	durationRegexp = lazyregexp.New(durationPattern)
	durationUnits  = map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second}
)

// FormatDuration returns d in the form of a roster, with hours as the largest unit, such as 24h, 1h30m
// or 0s.
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

// decodeChoice returns one of the choices of k; the first choice if the value is invalid.
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

// reportInvalid adds a problem which says that n is not a valid value for k.
func (d *decoder) reportInvalid(k *key, n *yaml.Node) {
	d.addProblem(n, "%s must be %s, not %s", k, k.expected(), quote(n.Value))
}

// decodeAddress returns a mail address; the zero address if it is invalid.
func (d *decoder) decodeAddress(n *yaml.Node) org.Address {
	a, err := org.ParseAddress(n.Value)
	switch {
	case err != nil:
		d.addProblem(n, "%s: %v", quote(n.Value), err)
	case strings.Contains(n.Value, "*"):
		d.addProblem(n, "%s: an address with a * cannot be managed, because in answers of the API, it looks like an address "+
			"with a hidden part", quote(n.Value))
	}
	return a
}

// decodeNewAddress returns an address that is not yet in seen, and adds it to seen. It returns the
// zero address if n is invalid or a duplicate.
func (d *decoder) decodeNewAddress(n *yaml.Node, seen map[string]firstUse) org.Address {
	a := d.decodeAddress(n)
	if a.IsZero() || !d.addFirst(seen, n, a.Key(), a.String()) {
		return org.Address{}
	}
	return a
}

// addFirst adds value to seen, and reports whether it was not yet there. If it was, addFirst adds a
// problem. key is the form in which values are compared: all spellings of a value have the same key.
func (d *decoder) addFirst(seen map[string]firstUse, n *yaml.Node, key, value string) bool {
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
		} else if d.addFirst(seen, v, a.Domain(), s) {
			list = append(list, a.Domain())
		}
	})
	if len(d.problems) > before {
		return nil
	}
	return list
}

// decodeRefs returns a list of names without duplicates. The list is never nil, because an empty list
// means that the person must have none. If a name is behind an alias, its position is the place of
// the name, not of the alias.
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

// describeNode returns a phrase for the kind of n, for messages.
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

// quote returns text from a file for messages: in quotes, escaped and truncated.
func quote(s string) string { return strconv.Quote(truncate(s)) }

// truncate returns at most 60 characters of s, with "…" if it is longer.
func truncate(s string) string {
	const limit = 60
	shown := 0
	for i := range s {
		if shown == limit {
			return s[:i] + "…"
		}
		shown++
	}
	return s
}
