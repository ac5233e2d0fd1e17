package roster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// kind is the type of the value of a key.
type kind int

const (
	textKind      kind = iota // one line, at most max characters
	longTextKind              // text that may have line breaks
	boolKind                  // true or false, yes or no
	numberKind                // a whole number from min to max
	dateKind                  // YYYY-MM-DD
	durationKind              // a time with its unit, from 0s to maxDuration
	choiceKind                // one of choices
	addressKind               // a mail address
	namesKind                 // a list of texts; a list has min to max items, without a maximum if max is 0
	domainsKind               // a list of mail domains
	addressesKind             // a list of mail addresses
	peopleKind                // a list of entries with personKeys or, in a team, memberKeys
	entryKind                 // an item of such a list: a mapping, or an address alone
	mappingKind               // a mapping with the keys of its own section
	teamsKind                 // a mapping of team names to mappings with teamKeys
)

// key describes a key of a roster, or an item of the list that is its value: its kind and its
// bounds.
type key struct {
	name     string
	kind     kind
	min, max int
	choices  []string
	// defaultValue is the value of a key that is left out; nil if there is no single value.
	defaultValue any
	// description is shown by editors.
	description string
	// item is true for an item of the list.
	item bool
}

// String returns how problems name k.
func (k *key) String() string {
	switch {
	case k.name == "":
		return "the file"
	case k.item && (k.kind == entryKind || k.kind == mappingKind):
		return `an entry of "` + k.name + `"`
	case k.item:
		return `an item of "` + k.name + `"`
	}
	return `"` + k.name + `"`
}

// section is a mapping in a roster, with the keys that it may have.
type section struct {
	// place says where the mapping is, for messages.
	place string
	keys  []key
}

// All keys of a roster, their kinds and their bounds.
var (
	rosterKeys = section{"at the top of the file", []key{
		{name: "organization", kind: textKind, max: maxName,
			description: "Name or id of the organization. orgsync refuses to act on any other organization."},
		{name: "settings", kind: mappingKind, description: "Limits and policies of a run."},
		{name: "defaults", kind: mappingKind,
			description: "Access that every person gets. An entry adds its own groups, roles and policies to these; " +
				"its api_enabled overrides the default."},
		{name: "users", kind: peopleKind, min: 1,
			description: "The people of the organization. The lists of all files are joined. At least one file must have " +
				"such a list or a team with members."},
		{name: "teams", kind: teamsKind, description: "People by team, each with the access that its members get. A " +
			"person may be in many teams. Each team is in one file only."},
		{name: "state", kind: textKind, max: maxState, description: "Where the ledger and the lock are kept, for " +
			"everyone who uses this roster: a folder, s3://BUCKET/PREFIX or postgres://USER@HOST/DATABASE, without secrets."},
	}}
	settingsKeys = section{`under "settings"`, []key{
		{name: "allowed_domains", kind: domainsKind, min: 1, max: 1000,
			description: `Mail domains that addresses may have. Any other domain is an error, unless the entry has ` +
				`"external: true".`},
		{name: "max_invites", kind: numberKind, max: 1_000_000, defaultValue: defaultMaxInvites,
			description: "Maximum number of invitation mails in one run, new and renewed together. A plan with more is " +
				"refused."},
		{name: "max_removals", kind: numberKind, max: 1_000_000, defaultValue: defaultMaxRemovals,
			description: "Maximum number of people suspended or removed in one run. A plan with more is refused."},
		{name: "max_revokes", kind: numberKind, max: 1_000_000, defaultValue: defaultMaxRevokes,
			description: "Maximum number of changes in one run that revoke access of members. A plan with more is refused."},
		{name: "reinvite_rounds", kind: numberKind, min: 1, max: 100, defaultValue: defaultReinviteRounds,
			description: "Maximum number of invitation mails to a person who never answers. After that orgsync only " +
				"reports them."},
		{name: "unlisted", kind: choiceKind, defaultValue: UnlistedReport,
			choices: []string{string(UnlistedReport), string(UnlistedSuspend), string(UnlistedRemove)},
			description: "What happens to people who are in the organization but not in the roster. suspend and remove " +
				"need the key organization."},
		{name: "unlisted_after", kind: durationKind, defaultValue: FormatDuration(defaultUnlistedAfter),
			description: "How long a user who was never in a roster must be unlisted before they are suspended or removed, " +
				"as in 24h or 3d. 0s: at once."},
		{name: "extra_access", kind: choiceKind, defaultValue: ExtraAccessReport,
			choices:     []string{string(ExtraAccessReport), string(ExtraAccessRevoke)},
			description: "What happens to groups, roles and policies that a person has but that the roster does not list."},
		{name: "hidden_members", kind: choiceKind, defaultValue: HiddenMembersHold,
			choices: []string{string(HiddenMembersHold), string(HiddenMembersInvite)},
			description: "What happens to people whose membership the API key cannot see: hold does not invite them, " +
				"invite sends one mail."},
		{name: "protected", kind: addressesKind, max: 1000,
			description: "People who are never suspended or removed, and whose access is never revoked."},
	}}
	defaultsKeys = section{`under "defaults"`, accessKeys}
	personKeys   = section{`in an entry of "users"`, slices.Concat([]key{
		{name: "email", kind: addressKind,
			description: "Address the invitation is sent to, as in ada@example.com. Upper and lower case are treated as equal."},
		{name: "name", kind: textKind, max: maxPersonName, description: "The person's name, for people who review " +
			"this file. It is not sent anywhere."},
	}, accessKeys, []key{
		{name: "aliases", kind: addressesKind, max: MaxAliases, description: "Other addresses that the same person " +
			"may register with."},
		{name: "from", kind: dateKind,
			description: "The first day of the membership, as in 2027-01-04. The person is not invited before that day (UTC)."},
		{name: "until", kind: dateKind,
			description: "The last day of the membership, as in 2027-03-31. From the next day (UTC) the person counts " +
				"as unlisted."},
		{name: "external", kind: boolKind, defaultValue: false, description: "Allows an address outside allowed_domains."},
		{name: "note", kind: longTextKind, max: 1000, description: "A note for people who review this file. It is " +
			"not sent anywhere."},
	})}
	accessKeys = []key{
		{name: "api_enabled", kind: boolKind,
			description: "Whether the person may use the API. If it is set neither here nor in the defaults, orgsync " +
				"does not change it, and invites without API access."},
		{name: "groups", kind: namesKind, max: MaxRefs,
			description: "Groups, by name or id. If they are set neither here nor in the defaults, orgsync does not " +
				"change them. An empty list means none."},
		{name: "roles", kind: namesKind, max: MaxRefs,
			description: "Roles, by name or id. If they are set neither here nor in the defaults, orgsync does not " +
				"change them. An empty list means none."},
		{name: "policies", kind: namesKind, max: MaxRefs,
			description: "Policies, by name or id. If they are set neither here nor in the defaults, orgsync does not " +
				"change them. An empty list means none."},
	}
	teamKeys = section{`in a team`, []key{
		{name: "description", kind: longTextKind, max: 1000, description: "What the team is for, for people who review " +
			"this file. It is not sent anywhere."},
		{name: "groups", kind: namesKind, max: MaxRefs, description: "Groups that membership gives, by name or id. " +
			"If some team has this key, orgsync manages the groups of everybody in the roster."},
		{name: "roles", kind: namesKind, max: MaxRefs, description: "Roles that membership gives, by name or id. " +
			"If some team has this key, orgsync manages the roles of everybody in the roster."},
		{name: "policies", kind: namesKind, max: MaxRefs, description: "Policies that membership gives, by name or id. " +
			"If some team has this key, orgsync manages the policies of everybody in the roster."},
		{name: "members", kind: peopleKind, description: "The people of the team: addresses, or mappings with an " +
			"address and the last day. Whoever is listed here is in the roster, with or without an entry in users."},
	}}
	memberKeys = section{`in an entry of "members"`, []key{
		{name: "email", kind: addressKind, description: "Address or alias of the person. Without an entry in users, the " +
			"invitation is sent to this address."},
		{name: "until", kind: dateKind, description: "The last day in this team, as in 2027-03-31. From the next day " +
			"(UTC) the team gives the person no access."},
		{name: "note", kind: longTextKind, max: 1000, description: "A note for people who review this file. It is " +
			"not sent anywhere."},
	}}
	sections = []*section{&rosterKeys, &settingsKeys, &defaultsKeys, &personKeys, &teamKeys, &memberKeys}
)

// ignoredPrefix begins the keys at the top of a file that are ignored: a place for YAML anchors.
const ignoredPrefix = "x-"

// Bounds of an entry.
const (
	// MaxRefs is the maximum number of groups, of roles and of policies.
	MaxRefs = 100
	// MaxAliases is the maximum number of aliases.
	MaxAliases = 20
	// maxPersonName is the maximum length of a name, in characters.
	maxPersonName = 200
)

// maxState is the maximum length of the place of the ledger, in characters.
const maxState = 2000

// maxDuration is the longest time that a setting may have.
const maxDuration = 365 * 24 * time.Hour

// maxName is the maximum length of the name or id of an organization, group, role or policy, in
// characters.
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

// nodeKind returns the kind of YAML node that has a value of kind k.
func (k kind) nodeKind() yaml.Kind {
	switch k {
	case namesKind, domainsKind, addressesKind, peopleKind:
		return yaml.SequenceNode
	case mappingKind, teamsKind:
		return yaml.MappingNode
	}
	return yaml.ScalarNode
}

// itemKind returns the kind of the items of a list.
func (k kind) itemKind() kind {
	switch k {
	case peopleKind:
		return entryKind
	case teamsKind:
		return mappingKind
	case addressesKind:
		return addressKind
	}
	return textKind
}

// expected returns a phrase for the valid values of k, after "must be".
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
		if k.name == "members" {
			return `a list of mail addresses, as in [ada@example.com]`
		}
		return `a list of people, each beginning with "- email:"`
	case entryKind:
		return `a mail address, or a mapping as in "email: ada@example.com"`
	case teamsKind:
		return `a mapping, with the name of each team as a key`
	case mappingKind:
		if k.item {
			return `a mapping, as in "members: [ada@example.com]"`
		}
		return "a mapping of keys to values"
	}
	return "text"
}

// joinWords returns "a, b and c", with the conjunction before the last word.
func joinWords(words []string, conjunction string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " " + conjunction + " " + words[last]
}
