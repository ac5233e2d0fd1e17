package roster

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/org"
)

// The tags that yaml.v3 finds out for untagged nodes.
const (
	nullTag  = "!!null"
	textTag  = "!!str"
	mergeTag = "!!merge"
)

// at is where n stands or, behind an alias, where the outermost alias does.
func (d *decoder) position(n *yaml.Node) Position {
	if d.alias != nil {
		n = d.alias
	}
	return Position{d.file, n.Line, n.Column}
}

// problem notes what is wrong with n.
func (d *decoder) addProblem(n *yaml.Node, format string, args ...any) {
	d.problems = append(d.problems, Problem{d.position(n), fmt.Sprintf(format, args...)})
}

// mapping calls read, with the node of the key and that of the value, for each key of n that s has and whose value is of the
// key's kind. It returns the names of the keys that are present, even if their values are wrong; a misspelt key counts as the
// key that was probably meant.
func (d *decoder) decodeMapping(n *yaml.Node, s *section, read func(k *key, name, v *yaml.Node)) map[string]bool {
	present := make(map[string]bool)
	first := make(map[string]*yaml.Node)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		k := s.find(name.Value)
		switch {
		case name.Kind != yaml.ScalarNode:
			d.addProblem(name, "a key must be a plain word, not %s", describeNode(name))
		case name.Tag == mergeTag:
			d.addProblem(name, `merge keys ("<<") are not read: put what people share under "defaults"`)
		case k == nil:
			present[d.reportUnknownKey(name, s)] = true
		case first[k.name] != nil:
			d.addProblem(name, "the key %s is already set at %v", quote(name.Value), d.position(first[k.name]))
		default:
			present[k.name], first[k.name] = true, name
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

// unknownKey reports a key that s does not have. It returns the key that was probably meant, or "".
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
	switch {
	case near != "":
		d.addProblem(name, "unknown key %s: did you mean %s?", quote(name.Value), quote(near))
	case len(places) > 0:
		d.addProblem(name, "the key %s does not belong here, but %s", quote(name.Value), strings.Join(places, " or "))
	default:
		d.addProblem(name, "unknown key %s: the keys %s are %s", quote(name.Value), s.place, joinWords(candidates, "and"))
	}
	return near
}

// items calls read for each item of the list n that is of the right kind; item describes what it should be.
func (d *decoder) decodeItems(k *key, n *yaml.Node, read func(item *key, v *yaml.Node)) {
	if len(n.Content) < k.min {
		d.addProblem(n, "%s is empty: it needs at least one entry", k)
		return
	}
	if k.max > 0 && len(n.Content) > k.max {
		d.addProblem(n, "%s has %d entries, more than the %d that it may have", k, len(n.Content), k.max)
		return
	}
	item := key{name: k.name, kind: k.kind.itemKind(), max: maxName, item: true}
	for _, value := range n.Content {
		d.followAlias(value, func(v *yaml.Node) {
			if d.checkValue(&item, v) {
				read(&item, v)
			}
		})
	}
}

// resolve calls read with n or, when n is an alias, with what it stands for.
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

// fits tells whether n is something that can be read as k; where not, it says so.
func (d *decoder) checkValue(k *key, n *yaml.Node) bool {
	switch {
	case !d.checkTag(n):
	case n.Tag == nullTag && k.min > 0 && k.kind.nodeKind() == yaml.SequenceNode:
		d.addProblem(n, "%s is empty: it needs at least one entry", k)
	case n.Tag == nullTag && k.item:
		d.addProblem(n, "%s has no value: give it one or take the line out", k)
	case n.Tag == nullTag:
		d.addProblem(n, "%s has no value: give it one or take the key out", k)
	case n.Kind != k.kind.nodeKind(), k.kind == addressKind && n.Tag != textTag:
		d.addProblem(n, "%s must be %s, not %s", k, k.expected(), describeNode(n))
	case (k.kind == textKind || k.kind == longTextKind) && n.Tag != textTag:
		d.addProblem(n, "%s must be text, not %s: put it in quotes", k, describeNode(n))
	default:
		return true
	}
	return false
}

// checkTag refuses tags: they could only make of a value what the file does not show.
func (d *decoder) checkTag(n *yaml.Node) bool {
	if n.Style&yaml.TaggedStyle == 0 {
		return true
	}
	if strings.HasPrefix(n.Tag, "!!") {
		d.addProblem(n, "the tag %s has no place in a roster: take it out", quote(n.Tag))
	} else {
		d.addProblem(n, `the tag %s has no place in a roster: a text that begins with "!" needs quotes`, quote(n.Tag))
	}
	return false
}

// text reads text within its bounds, without white space around it; "" where it is not.
func (d *decoder) decodeText(k *key, n *yaml.Node) string {
	s := strings.TrimSpace(n.Value)
	if flaw := k.textProblem(s); flaw != "" {
		d.addProblem(n, "%s %s", k, flaw)
		return ""
	}
	return s
}

// textProblem completes "the value …" where s, trimmed, cannot be a text for k; "" where it can.
func (k *key) textProblem(s string) string {
	if s == "" {
		return "is empty"
	}
	if length := utf8.RuneCountInString(s); length > k.max {
		return fmt.Sprintf("has %d characters, more than the %d that it may have", length, k.max)
	}
	for _, r := range s {
		switch {
		case k.kind == longTextKind && (r == '\n' || r == '\t'):
		case r == '\n':
			return "has a line break in it: write it on one line"
		case isInvisible(r):
			return fmt.Sprintf("holds the invisible character %U: take it out", r)
		}
	}
	return ""
}

// flag reads true or false.
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

// number reads a whole number within its bounds, in plain decimal digits.
func (d *decoder) decodeNumber(k *key, n *yaml.Node) int {
	i, err := strconv.Atoi(n.Value)
	if err == nil && n.Tag == textTag {
		d.addProblem(n, "%s must be a number: take the quotes off", k)
		return k.min
	}
	// The other spellings that YAML knows (0x1f, 010, 1_000) mean different things to different readers.
	if err != nil || strconv.Itoa(i) != n.Value || i < k.min || i > k.max {
		d.reportInvalid(k, n)
		return k.min
	}
	return i
}

// date reads a day.
func (d *decoder) decodeDate(k *key, n *yaml.Node) time.Time {
	day, err := time.Parse(time.DateOnly, n.Value)
	var malformed *time.ParseError
	switch {
	case errors.As(err, &malformed) && strings.HasSuffix(malformed.Message, "out of range"): // month or day, in the right form
		d.addProblem(n, "%s is %s, which is not in the calendar", k, n.Value)
	case err != nil:
		d.reportInvalid(k, n)
	// Earlier years are slips of the hand; the first one would even be the zero time, which means no end.
	case day.Year() < 2000:
		d.addProblem(n, "%s is %s: years before 2000 are taken for a mistake", k, n.Value)
	default:
		return day
	}
	return time.Time{}
}

// duration reads a time with its unit; 0 where it is none.
func (d *decoder) decodeDuration(k *key, n *yaml.Node) time.Duration {
	value, ok := parseDuration(n.Value)
	if !ok {
		d.reportInvalid(k, n)
	}
	return value
}

// parseDuration adds up the parts of a time such as 24h, 90m or 1d12h. It returns false for other
// text and for more than maxDuration.
func parseDuration(s string) (time.Duration, bool) {
	if !durationRegexp.MatchString(s) {
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
	durationRegexp = regexp.MustCompile(durationPattern)
	durationUnits  = map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second}
)

// FormatDuration returns d as a roster has it, in hours and smaller units, such as 24h, 1h30m or 0s.
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

// choice reads one of the choices of k; the first where it is none.
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

// invalid reports a value that is not what k wants.
func (d *decoder) reportInvalid(k *key, n *yaml.Node) {
	d.addProblem(n, "%s must be %s, not %s", k, k.expected(), quote(n.Value))
}

// address reads a mail address; the zero one where it is none.
func (d *decoder) decodeAddress(n *yaml.Node) org.Address {
	a, err := org.ParseAddress(n.Value)
	if err != nil {
		d.addProblem(n, "%s: %v", quote(n.Value), err)
	}
	return a
}

// personAddress reads an address of a person, which nobody else may have; the zero one where it is none or taken.
func (d *decoder) decodePersonAddress(n *yaml.Node) org.Address {
	a := d.decodeAddress(n)
	if a.IsZero() {
		return a
	}
	if first, taken := d.addresses[a.Key()]; taken {
		d.reportDuplicate(n, a.String(), first)
		return org.Address{}
	}
	d.addresses[a.Key()] = firstUse{d.position(n), a.String()}
	return a
}

// duplicate reports that value, in whatever spelling, already stood at first.
func (d *decoder) reportDuplicate(n *yaml.Node, value string, first firstUse) {
	if value == first.spelling {
		d.addProblem(n, "%s is already listed at %v", quote(value), first.at)
	} else {
		d.addProblem(n, "%s is the same as %s, already listed at %v", quote(value), quote(first.spelling), first.at)
	}
}

// protected reads a list of addresses, each once.
func (d *decoder) decodeProtected(k *key, n *yaml.Node) []org.Address {
	var list []org.Address
	seen := make(map[string]firstUse)
	d.decodeItems(k, n, func(k *key, v *yaml.Node) {
		a := d.decodeAddress(v)
		if first, taken := seen[a.Key()]; taken {
			d.reportDuplicate(v, a.String(), first)
		} else if !a.IsZero() {
			seen[a.Key()] = firstUse{d.position(v), a.String()}
			list = append(list, a)
		}
	})
	return list
}

// domains reads a list of mail domains, each once; nil where one is wrong, so that nobody is judged by half a list.
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
		} else if first, taken := seen[a.Domain()]; taken {
			d.reportDuplicate(v, s, first)
		} else {
			seen[a.Domain()] = firstUse{d.position(v), s}
			list = append(list, a.Domain())
		}
	})
	if len(d.problems) > before {
		return nil
	}
	return list
}

// refs reads a list of names, each once. It is never nil, since an empty list means that none is wanted. A name
// behind an alias keeps the place where it is written.
func (d *decoder) decodeRefs(k *key, n *yaml.Node) []Ref {
	list := make([]Ref, 0, min(len(n.Content), k.max))
	d.decodeItems(k, n, func(k *key, v *yaml.Node) {
		name := d.decodeText(k, v)
		if i := slices.IndexFunc(list, func(r Ref) bool { return r.Name == name }); i >= 0 {
			d.reportDuplicate(v, name, firstUse{list[i].At, name})
		} else if name != "" {
			list = append(list, Ref{name, Position{d.file, v.Line, v.Column}})
		}
	})
	return list
}

// describeNode says what n is, for people.
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

// quote shows data from the file: one line, quoted, escaped and cut.
func quote(s string) string { return strconv.Quote(truncate(s)) }

// truncate bounds what a problem shows of the file.
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
