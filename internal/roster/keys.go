package roster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/printable"
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
	namesKind                 // a list of texts; lists have min to max items, or no maximum if max is 0
	domainsKind               // a list of mail domains
	addressesKind             // a list of mail addresses
	peopleKind                // a list of entries with the keys of section
	entryKind                 // an item of a list of peopleKind: a mapping, or only an address
	mappingKind               // a mapping with the keys of section
	teamsKind                 // a mapping of team names to mappings with the keys of section
)

// kinds describes the values of each kind.
var kinds = [...]struct {
	node     yaml.Kind // the kind of the YAML node
	item     kind      // the kind of the items of a list
	expected string    // a phrase for the valid values, after "must be"; "" if the phrase depends on the key
}{
	textKind:      {yaml.ScalarNode, 0, "text"},
	longTextKind:  {yaml.ScalarNode, 0, "text"},
	boolKind:      {yaml.ScalarNode, 0, "true or false"},
	numberKind:    {yaml.ScalarNode, 0, ""},
	dateKind:      {yaml.ScalarNode, 0, "a date like 2027-03-31"},
	durationKind:  {yaml.ScalarNode, 0, "a time with its unit, such as 24h, 90m or 3d, and at most 365d"},
	choiceKind:    {yaml.ScalarNode, 0, ""},
	addressKind:   {yaml.ScalarNode, 0, "a mail address"},
	namesKind:     {yaml.SequenceNode, textKind, "a list, as in [one, two]"},
	domainsKind:   {yaml.SequenceNode, textKind, "a list of domains, as in [example.com]"},
	addressesKind: {yaml.SequenceNode, addressKind, "a list of mail addresses, as in [ada@example.com]"},
	peopleKind:    {yaml.SequenceNode, entryKind, `a list of people, with lines such as "- ada@example.com"`},
	entryKind:     {yaml.ScalarNode, 0, `a mail address, or a mapping as in "email: ada@example.com"`},
	mappingKind:   {yaml.MappingNode, 0, "a mapping of keys to values"},
	teamsKind:     {yaml.MappingNode, mappingKind, "a mapping, with the name of each team as a key"},
}

// key describes the values of a key of a roster or, if item is true, the items of such a value.
type key struct {
	name     string
	kind     kind
	min, max int
	choices  []string
	// access is the kind of access that a list of names gives.
	access org.Kind
	// section has the keys of the mappings in the value.
	section *section
	// defaultValue is the value of a key that is left out; nil if there is no single value.
	defaultValue any
	// description is the text that editors show.
	description string
	item        bool
}

// String returns the name of k in problems.
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
	// place is a phrase for the place of the mapping in the file, for messages.
	place string
	keys  []key
}

// All keys of a roster, their kinds and their bounds.
var (
	rosterKeys = section{"at the top of the file", []key{
		{name: "organization", kind: textKind, max: maxName,
			description: "Name or id of the organization. orgsync refuses to act on any other organization."},
		{name: "settings", kind: mappingKind, section: &settingsKeys,
			description: "The limits of a run, and what orgsync does in some cases."},
		{name: "defaults", kind: mappingKind, section: &defaultsKeys,
			description: "Access that every person gets. The groups, roles and policies of an entry are " +
				"added to those of the defaults. The api_enabled of an entry overrides the api_enabled of " +
				"the defaults."},
		{name: "users", kind: peopleKind, section: &personKeys, min: 1,
			description: "The people of the organization. The lists of all files are joined. At least one " +
				"file must have users, or a team with members."},
		{name: "teams", kind: teamsKind, section: &teamKeys, description: "People by team. Each team gives access to its " +
			"members. A person can be in many teams. Each team must be in a single file."},
		{name: "state", kind: textKind, max: maxState, description: "Place of the ledger and the lock, for " +
			"everyone who uses this roster. The ledger records what orgsync sent. The lock lets only one " +
			"run at a time make changes. The place is a folder, s3://BUCKET/PREFIX or " +
			"postgres://USER@HOST/DATABASE. Do not write secrets here."},
	}}
	settingsKeys = section{`under "settings"`, []key{
		{name: "allowed_domains", kind: domainsKind, min: 1, max: 1000,
			description: `Mail domains that addresses may have. Any other domain is an error, unless the entry has ` +
				`"external: true".`},
		{name: "max_invites", kind: numberKind, max: 1_000_000, defaultValue: defaultSettings.MaxInvites,
			description: "Maximum number of invitation mails in one run. First and repeated mails count. " +
				"orgsync refuses a plan with more mails."},
		{name: "max_removals", kind: numberKind, max: 1_000_000, defaultValue: defaultSettings.MaxRemovals,
			description: "Maximum number of people that one run suspends or removes. orgsync refuses a plan " +
				"that exceeds this number."},
		{name: "max_revokes", kind: numberKind, max: 1_000_000, defaultValue: defaultSettings.MaxRevokes,
			description: "Maximum number of changes by which one run takes access from members. orgsync " +
				"refuses a plan that exceeds this number."},
		{name: "reinvite_rounds", kind: numberKind, min: 1, max: 100, defaultValue: defaultSettings.ReinviteRounds,
			description: "Maximum number of invitation mails to a person who never answers. After the last " +
				"of these mails, orgsync only reports the person."},
		{name: "unlisted", kind: choiceKind, defaultValue: defaultSettings.Unlisted,
			choices: []string{string(UnlistedReport), string(UnlistedSuspend), string(UnlistedRemove)},
			description: "What orgsync does with people who are in the organization but not in the roster. " +
				"The values suspend and remove need the key organization."},
		{name: "unlisted_after", kind: durationKind, defaultValue: FormatDuration(defaultSettings.UnlistedAfter),
			description: "Waiting time, as in 24h or 3d, before orgsync suspends or removes a user that the " +
				"ledger never saw in a roster, or that the notice same_name names. With 0s there is no wait."},
		{name: "extra_access", kind: choiceKind, defaultValue: defaultSettings.ExtraAccess,
			choices: []string{string(ExtraAccessReport), string(ExtraAccessRevoke)},
			description: "What orgsync does with groups, roles and policies that a person has but that the " +
				"roster does not give to the person."},
		{name: "hidden_members", kind: choiceKind, defaultValue: defaultSettings.HiddenMembers,
			choices: []string{string(HiddenMembersHold), string(HiddenMembersInvite)},
			description: "What orgsync does if the API key cannot see whether a person is a member. With " +
				"hold, the person gets no mail. With invite, the person is invited if orgsync never mailed them."},
		{name: "protected", kind: addressesKind, max: 1000,
			description: "Addresses of people. orgsync never suspends or removes these people, and never " +
				"takes access from them."},
	}}
	defaultsKeys = section{`under "defaults"`, accessKeys}
	personKeys   = section{`in an entry of "users"`, slices.Concat([]key{
		{name: "email", kind: addressKind,
			description: "Address to which orgsync sends the invitation, as in ada@example.com. When " +
				"orgsync compares addresses, upper and lower case make no difference."},
		{name: "name", kind: textKind, max: maxPersonName, description: "The person's name, for people who review " +
			"this file. It is not sent anywhere."},
	}, accessKeys, []key{
		{name: "aliases", kind: addressesKind, max: MaxAliases, description: "Other addresses under which " +
			"the same person may be in the organization."},
		{name: "from", kind: dateKind,
			description: "First day in the organization, in UTC, as in 2027-01-04. orgsync does not invite " +
				"the person before this day, and does not end a suspension that it made."},
		{name: "until", kind: dateKind,
			description: "Last day in the organization, in UTC, as in 2027-03-31. From the next day on, the " +
				"person counts as not in the roster."},
		{name: "external", kind: boolKind, defaultValue: false, description: "Allows an address outside allowed_domains."},
		{name: "note", kind: longTextKind, max: maxNote, description: "A note for people who review this file. It is " +
			"not sent anywhere."},
	})}
	accessKeys = slices.Concat([]key{
		{name: "api_enabled", kind: boolKind,
			description: "Whether the person may use the API. orgsync changes the API access of " +
				"a member only if the person's entry or the defaults set api_enabled. If neither of them sets it, an " +
				"invitation gives no API access."},
	}, accessLists("Names or ids of groups. orgsync changes the groups of a member only if the "+
		"person's entry, the defaults or a team sets groups. An empty list counts as set."))
	teamKeys = section{`in a team`, slices.Concat([]key{
		{name: "description", kind: longTextKind, max: 1000, description: "The purpose of the team, for " +
			"people who review this file. It is not sent anywhere."},
	}, accessLists("Names or ids of groups that every member of the team gets. If at least one team sets "+
		"groups, orgsync manages the groups of everybody in the roster."), []key{
		{name: "members", kind: peopleKind, section: &memberKeys,
			description: "The people of the team. Each item is an address, or a mapping with email, until and note. A " +
				"person who is listed here is in the roster, even without an entry in users."},
	})}
	memberKeys = section{`in an entry of "members"`, []key{
		{name: "email", kind: addressKind, description: "Address or alias of the person. If users has no " +
			"entry for the person, orgsync sends the invitation to this address."},
		{name: "until", kind: dateKind, description: "Last day in this team, in UTC, as in 2027-03-31. From " +
			"the next day on, the team gives the person no access."},
		{name: "note", kind: longTextKind, max: maxNote, description: "A note for people who review this file. It is " +
			"not sent anywhere."},
	}}
	sections = []*section{&rosterKeys, &settingsKeys, &defaultsKeys, &personKeys, &teamKeys, &memberKeys}
)

// ignoredPrefix is the prefix of keys at the top of a file that orgsync ignores. Such a key can hold
// YAML anchors.
const ignoredPrefix = "x-"

// Bounds of an entry.
const (
	// MaxRefs is the maximum number of groups, of roles and of policies.
	MaxRefs = 100
	// MaxAliases is the maximum number of aliases.
	MaxAliases = 20
	// maxPersonName is the maximum length of a name, and maxNote that of a note, in characters.
	maxPersonName = 200
	maxNote       = 1000
)

// maxState is the maximum length of the key "state", in characters.
const maxState = 2000

// maxDuration is the maximum of a setting that is a duration.
const maxDuration = 365 * 24 * time.Hour

// maxName is the maximum length of the name or id of an organization, group, role or policy, in
// characters.
const maxName = 255

// accessLists returns the keys groups, roles and policies. description is the description of groups;
// the others get the same text with their own name.
func accessLists(description string) []key {
	var keys []key
	for _, kind := range org.Kinds {
		name := kind.Plural()
		words := strings.NewReplacer("groups", name, "Groups", strings.ToUpper(name[:1])+name[1:])
		keys = append(keys, key{name: name, kind: namesKind, access: kind, max: MaxRefs,
			description: words.Replace(description)})
	}
	return keys
}

// find returns the key of s with this name; nil if there is none.
func (s *section) find(name string) *key {
	for i := range s.keys {
		if s.keys[i].name == name {
			return &s.keys[i]
		}
	}
	return nil
}

// items returns the key that describes an item of the value of k, a list or a mapping of teams.
func (k *key) items() *key {
	return &key{name: k.name, kind: kinds[k.kind].item, section: k.section, max: maxName, item: true}
}

// expected returns a phrase for the valid values of k, after "must be".
func (k *key) expected() string {
	switch {
	case k.kind == numberKind:
		return fmt.Sprintf("a whole number from %d to %d", k.min, k.max)
	case k.kind == choiceKind:
		return printable.JoinOr(k.choices)
	case k.kind == peopleKind && k.section == &memberKeys:
		return kinds[addressesKind].expected
	case k.kind == mappingKind && k.item:
		return `a mapping, as in "members: [ada@example.com]"`
	}
	return kinds[k.kind].expected
}
