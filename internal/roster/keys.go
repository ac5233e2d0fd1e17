package roster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// kind is what the value of a key must be.
type kind int

const (
	textKind      kind = iota // one line, at most max characters
	longTextKind                 // text that may have line breaks
	boolKind                  // true or false, yes or no
	numberKind                // whole, from min to max
	dateKind                  // YYYY-MM-DD
	durationKind              // a time with its unit, from 0s to maxDuration
	choiceKind                // one of choices
	addressKind               // a mail address
	namesKind                 // a list of texts; lists have min to max items, where max 0 is no bound
	domainsKind               // a list of mail domains
	addressesKind             // a list of mail addresses
	peopleKind                // a list of mappings with personKeys
	mappingKind               // a mapping with the keys of its own section
)

// key is one key of a roster, or the items of its list: what the value must be, and within which bounds.
type key struct {
	name     string
	kind     kind
	min, max int
	choices  []string
	// defaultValue is what stands for the key when it is left out; nil where that is nothing, or not one value.
	defaultValue any
	// description tells editors, and who reads the schema, what the key is for.
	description string
	// item is set for the items of the list.
	item bool
}

// String names k in a problem.
func (k *key) String() string {
	switch {
	case k.name == "":
		return "the file"
	case k.item && k.kind == mappingKind:
		return `an entry of "` + k.name + `"`
	case k.item:
		return `an item of "` + k.name + `"`
	}
	return `"` + k.name + `"`
}

// section is a mapping of a roster, with the keys that it may have.
type section struct {
	// place tells a reader which mapping this is.
	place string
	keys  []key
}

// The whole roster: all keys, their kinds and their bounds.
var (
	rosterKeys = section{"at the top of the file", []key{
		{name: "organization", kind: textKind, max: maxName,
			description: "Name or id of the organization. orgsync refuses to act on any other."},
		{name: "settings", kind: mappingKind, description: "Bounds of what one run may do."},
		{name: "defaults", kind: mappingKind,
			description: "What everybody gets. An entry adds its own groups, roles and policies to these; its api_enabled takes their place."},
		{name: "users", kind: peopleKind, min: 1,
			description: "The people of the organization. Files of a folder are joined, and at least one of them has this list."},
	}}
	settingsKeys = section{`under "settings"`, []key{
		{name: "allowed_domains", kind: domainsKind, min: 1, max: 1000,
			description: `Mail domains that people may have. An address elsewhere is an error, unless its entry says "external: true".`},
		{name: "max_invites", kind: numberKind, max: 1_000_000, defaultValue: defaultMaxInvites,
			description: "Most invitation mails in one run, new and renewed ones together. A plan with more is refused."},
		{name: "max_removals", kind: numberKind, max: 1_000_000, defaultValue: defaultMaxRemovals,
			description: "Most people suspended or removed in one run. A plan with more is refused."},
		{name: "max_revokes", kind: numberKind, max: 1_000_000, defaultValue: defaultMaxRevokes,
			description: "Most changes in one run that take access from members. A plan with more is refused."},
		{name: "reinvite_rounds", kind: numberKind, min: 1, max: 100, defaultValue: defaultReinviteRounds,
			description: "Mails in all to a person who never answers. From then on they are only reported."},
		{name: "unlisted", kind: choiceKind, choices: []string{string(UnlistedReport), string(UnlistedSuspend), string(UnlistedRemove)}, defaultValue: UnlistedReport,
			description: "What happens to people who are in the organization but not in the roster. suspend and remove need an organization at the top."},
		{name: "unlisted_after", kind: durationKind, defaultValue: FormatDuration(defaultUnlistedAfter),
			description: "How long a user whom orgsync never saw in a roster must be unlisted before they are suspended or removed, " +
				"as in 24h or 3d. 0s: at once."},
		{name: "extra_access", kind: choiceKind, choices: []string{string(ExtraAccessReport), string(ExtraAccessRevoke)}, defaultValue: ExtraAccessReport,
			description: "What happens to groups, roles and policies that a listed person has beyond the roster."},
		{name: "hidden_members", kind: choiceKind, defaultValue: HiddenMembersHold,
			choices: []string{string(HiddenMembersHold), string(HiddenMembersInvite)},
			description:   "What happens to people whose membership the API key cannot see: they are held, or invited once."},
		{name: "protected", kind: addressesKind, max: 1000,
			description: "People who are never suspended or removed, and whose access is never revoked."},
	}}
	defaultsKeys = section{`under "defaults"`, accessKeys}
	personKeys   = section{`in an entry of "users"`, slices.Concat([]key{
		{name: "email", kind: addressKind,
			description: "The mail address that is invited, as in ada@example.com. Upper and lower case make no difference."},
		{name: "name", kind: textKind, max: maxPersonName, description: "The person's name, for whoever reviews this file. It is sent nowhere."},
	}, accessKeys, []key{
		{name: "aliases", kind: addressesKind, max: MaxAliases, description: "Other addresses that the same person may register with."},
		{name: "until", kind: dateKind,
			description: "The last day, as in 2027-03-31. From the day after (UTC) the person counts as not listed."},
		{name: "external", kind: boolKind, defaultValue: false, description: "The address is outside of allowed_domains on purpose."},
		{name: "note", kind: longTextKind, max: 1000, description: "Anything worth knowing for whoever reviews this file. It is sent nowhere."},
	})}
	accessKeys = []key{
		{name: "api_enabled", kind: boolKind,
			description: "Whether the person may use the API. Left out here and in the defaults, it stays as it is, and an invitation asks for none."},
		{name: "groups", kind: namesKind, max: MaxRefs,
			description: "Groups, by name or id. Left out here and in the defaults, they stay as they are; an empty list means none."},
		{name: "roles", kind: namesKind, max: MaxRefs,
			description: "Roles, by name or id. Left out here and in the defaults, they stay as they are; an empty list means none."},
		{name: "policies", kind: namesKind, max: MaxRefs,
			description: "Policies, by name or id. Left out here and in the defaults, they stay as they are; an empty list means none."},
	}
	sections = []*section{&rosterKeys, &settingsKeys, &defaultsKeys, &personKeys}
)

// Bounds of one entry.
const (
	// MaxRefs is the most groups, and the most roles, and the most policies.
	MaxRefs = 100
	// MaxAliases is the most aliases.
	MaxAliases = 20
	// maxPersonName is the most characters of a person's name.
	maxPersonName = 200
)

// maxDuration is the longest time that a setting may be.
const maxDuration = 365 * 24 * time.Hour

// maxName is the most characters that the name or id of an organization, group, role or policy may have.
const maxName = 255

// find returns the key of s with the name; nil if there is none.
func (s *section) find(name string) *key {
	for i := range s.keys {
		if s.keys[i].name == name {
			return &s.keys[i]
		}
	}
	return nil
}

// nodeKind is what the YAML nodeKind of a value of this kind is.
func (k kind) nodeKind() yaml.Kind {
	switch k {
	case namesKind, domainsKind, addressesKind, peopleKind:
		return yaml.SequenceNode
	case mappingKind:
		return yaml.MappingNode
	}
	return yaml.ScalarNode
}

// itemKind is the kind of the items of a list.
func (k kind) itemKind() kind {
	switch k {
	case peopleKind:
		return mappingKind
	case addressesKind:
		return addressKind
	}
	return textKind
}

// expected completes "must be".
func (k *key) expected() string {
	switch k.kind {
	case boolKind:
		return "true or false"
	case numberKind:
		return fmt.Sprintf("a whole number from %d to %d", k.min, k.max)
	case dateKind:
		return "a date like 2027-03-31"
	case durationKind:
		return "a time with its unit, such as 24h, 90m or 3d, and at most 365d"
	case choiceKind:
		return joinWords(k.choices, "or")
	case addressKind:
		return "a mail address"
	case namesKind:
		return "a list, as in [one, two]"
	case domainsKind:
		return "a list of domains, as in [example.com]"
	case addressesKind:
		return "a list of mail addresses, as in [ada@example.com]"
	case peopleKind:
		return `a list of people, each beginning with "- email:"`
	case mappingKind:
		if k.item {
			return `a mapping, as in "email: ada@example.com"`
		}
		return "a mapping of keys to values"
	}
	return "text"
}

// joinWords joins words as a sentence does.
func joinWords(words []string, conjunction string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + conjunction + " " + words[last]
}
