package roster

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/org"
)

// Draft is the content of a new roster file.
type Draft struct {
	// Organization is the organization of the roster; the zero value leaves it out.
	Organization org.Organization
	// ReadAt is the time at which the organization was read; zero if it is unknown.
	ReadAt time.Time
	// File is the name of the CSV file that the people come from; "" if they come from the
	// organization.
	File string
	// Comments are sentences about things that the entries leave out. Each becomes one line, even if
	// it has line feeds.
	Comments []string
	Entries  []Entry
	// ByTeam makes a team of each group, with the people who are in the group. A person is then in
	// "users" only if they are in no group, or if their entry has more than an address and groups.
	ByTeam bool
}

// Entry is a person in a new roster file. The addresses and refs must be valid (see [IsValidName]),
// and no list may have more than its maximum number of items. The name may have invalid characters;
// they are removed.
type Entry struct {
	Person
	// SomeGroups has the groups that a roster can name, if the entry cannot list all groups of the person. Groups is then
	// nil. The teams of these groups list the person.
	SomeGroups []Ref
	// Comments are written above the entry.
	Comments []string
}

// IsValidName reports whether s can be written in a roster as the name or id of a group, role or
// policy.
func IsValidName(s string) bool {
	item := key{kind: textKind, max: maxName}
	return utf8.ValidString(s) && s == strings.TrimSpace(s) && item.textProblem(s) == ""
}

// schemaLine names the JSON Schema for editors.
const schemaLine = "# yaml-language-server: $schema=./roster.schema.json\n"

// YAML returns the text of a roster file, which [Load] can read.
func (d Draft) YAML() []byte {
	var b bytes.Buffer
	b.WriteString(schemaLine)
	b.WriteString("#\n")
	if d.File != "" {
		writeComment(&b, "", "The people of "+d.File+", as read by 'orgsync import --csv'.")
	} else {
		about := "The people of an organization, as read by 'orgsync import'"
		if !d.ReadAt.IsZero() {
			about += " on " + d.ReadAt.UTC().Format(time.DateOnly)
		}
		writeComment(&b, "", about+". Applying this file changes nothing.")
		lists := []string{"orgsync does not change the groups of a person without a list of groups.",
			"The same applies to roles and policies."}
		if d.ByTeam {
			lists = []string{"Each team is a group.",
				"orgsync does not change the roles of a person without a list of roles.",
				"The same applies to policies."}
		}
		for _, text := range lists {
			writeComment(&b, "", text)
		}
	}
	if len(d.Comments) > 0 {
		b.WriteString("#\n# Not included:\n")
	}
	for _, r := range d.Comments {
		writeComment(&b, "", "- "+r)
	}
	b.WriteString("\n")
	writeOrganization(&b, d.Organization)
	entries := d.Entries
	if d.ByTeam {
		entries = writeTeams(&b, entries)
	}
	if len(entries) > 0 {
		b.WriteString("users:\n")
	}
	for _, e := range entries {
		e.write(&b, "  ")
	}
	return b.Bytes()
}

// maxKey is the maximum length of a key on the same line as its ":", in characters. YAML allows 1,024.
const maxKey = 1000

// writeTeams writes a team for each group, sorted by name, with the people in the group. It returns
// the entries that "users" still needs, without groups.
func writeTeams(b *bytes.Buffer, entries []Entry) []Entry {
	members := make(map[string][]Entry)
	var rest []Entry
	for _, e := range entries {
		for _, group := range slices.Concat(e.Groups, e.SomeGroups) {
			members[group.Name] = append(members[group.Name], e)
		}
		saysMore := e.Name != "" || e.Note != "" || !e.Until.IsZero() || e.APIEnabled != nil || e.External ||
			len(e.Aliases)+len(e.Roles)+len(e.Policies)+len(e.Comments) > 0
		if saysMore || len(e.Groups) == 0 {
			e.Groups = nil
			rest = append(rest, e)
		}
	}
	if len(members) == 0 {
		return rest
	}
	b.WriteString("teams:\n")
	for _, group := range slices.Sorted(maps.Keys(members)) {
		name := formatScalar(group)
		if len(name) > maxKey { // yaml.v3 writes 10 characters for an emoji
			name = "'" + strings.ReplaceAll(group, "'", "''") + "'"
		}
		fmt.Fprintf(b, "  %s:\n    groups: %s\n    members:\n", name, flowList([]string{group}))
		for _, e := range members[group] {
			fmt.Fprintf(b, "      - %s\n", formatScalar(e.Email.String()))
		}
	}
	b.WriteString("\n")
	return rest
}

// flowList returns names as a list in brackets.
func flowList(names []string) string {
	list := make([]quotedText, len(names))
	for i, name := range names {
		list[i] = quotedText(name)
	}
	text := marshal(struct {
		List []quotedText `yaml:"l,flow"`
	}{list})
	return strings.TrimSuffix(strings.TrimPrefix(text, "l: "), "\n")
}

// writeOrganization writes the id of the organization, with the name as a comment. Unlike the name,
// the id never changes. Without a valid id, it writes the name.
func writeOrganization(b *bytes.Buffer, o org.Organization) {
	switch {
	case IsValidName(o.ID):
		fmt.Fprintf(b, "organization: %s", formatScalar(o.ID))
		if name := toOneLine(o.Name, maxName); name != "" {
			fmt.Fprintf(b, " # %s", name)
		}
	case IsValidName(o.Name):
		fmt.Fprintf(b, "organization: %s", formatScalar(o.Name))
	default:
		return
	}
	b.WriteString("\n\n")
}

// write writes e as an item of a list, with indent before each line.
func (e Entry) write(b *bytes.Buffer, indent string) {
	for _, r := range e.Comments {
		writeComment(b, indent, r)
	}
	item := struct {
		Email      quotedText   `yaml:"email"`
		Name       quotedText   `yaml:"name,omitempty"`
		Aliases    []quotedText `yaml:"aliases,omitempty,flow"`
		APIEnabled *bool        `yaml:"api_enabled,omitempty"`
		Groups     []quotedText `yaml:"groups,omitempty,flow"`
		Roles      []quotedText `yaml:"roles,omitempty,flow"`
		Policies   []quotedText `yaml:"policies,omitempty,flow"`
		External   bool         `yaml:"external,omitempty"`
		Until      *yaml.Node   `yaml:"until,omitempty"`
		Note       quotedText   `yaml:"note,omitempty"`
	}{
		Email: quotedText(e.Email.String()), Name: quotedText(toOneLine(e.Name, maxPersonName)), APIEnabled: e.APIEnabled,
		Groups: refNames(e.Groups), Roles: refNames(e.Roles), Policies: refNames(e.Policies), External: e.External,
		Note: quotedText(toOneLine(e.Note, maxNote)),
	}
	if !e.Until.IsZero() { // a date needs no quotes
		item.Until = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!timestamp", Value: e.Until.String()}
	}
	for _, a := range e.Aliases {
		item.Aliases = append(item.Aliases, quotedText(a.String()))
	}
	first := "- "
	for line := range strings.Lines(marshal(item)) {
		b.WriteString(indent + first + line)
		first = "  "
	}
}

func refNames(refs []Ref) []quotedText {
	var list []quotedText
	for _, r := range refs {
		list = append(list, quotedText(r.Name))
	}
	return list
}

// quotedText is text that is marshaled with quotes if YAML requires them.
type quotedText string

// MarshalYAML quotes "<<", which yaml.v3 writes without quotes but reads as a merge key.
func (t quotedText) MarshalYAML() (any, error) {
	if t == "<<" {
		return &yaml.Node{Kind: yaml.ScalarNode, Value: string(t), Style: yaml.DoubleQuotedStyle}, nil
	}
	return string(t), nil
}

// formatScalar returns s as YAML.
func formatScalar(s string) string { return strings.TrimSuffix(marshal(quotedText(s)), "\n") }

func marshal(v any) string {
	out, err := yaml.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode text and booleans as YAML: %v", err))
	}
	return string(out)
}

// maxComment is the maximum length of a comment, in characters.
const maxComment = 500

func writeComment(b *bytes.Buffer, indent, s string) {
	fmt.Fprintf(b, "%s# %s\n", indent, toOneLine(s, maxComment))
}

// toOneLine returns s as one line of at most limit characters, without invisible characters.
func toOneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case isInvisible(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	line := []rune(strings.Join(strings.Fields(s), " "))
	if len(line) > limit {
		line = append(line[:limit-1], '…')
	}
	return strings.TrimSpace(string(line))
}
