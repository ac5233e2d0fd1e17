package roster

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/org"
)

// Draft is a roster to be written.
type Draft struct {
	// Organization is the pin; the zero Organization pins none.
	Organization org.Organization
	// At is when the organization was as the draft says; zero when unknown.
	At time.Time
	// Comments are sentences about what the entries do not say. Like those of an entry they are data: one line is made
	// of each.
	Comments []string
	Entries []Entry
}

// Entry is a person to be written. Their name is made fit for a roster; addresses and refs have to be (see [IsValidName]),
// and no list may be longer than its bound.
type Entry struct {
	Person
	// Comments stand above the entry.
	Comments []string
}

// IsValidName tells whether s can stand in a roster as the name or id of a group, role or policy.
func IsValidName(s string) bool {
	item := key{kind: textKind, max: maxName}
	return utf8.ValidString(s) && s == strings.TrimSpace(s) && item.textProblem(s) == ""
}

// schemaLine tells editors how to check and complete a roster.
const schemaLine = "# yaml-language-server: $schema=./roster.schema.json\n"

// YAML is the text of a roster file. [Load] reads from it what was put in.
func (d Draft) YAML() []byte {
	var b bytes.Buffer
	b.WriteString(schemaLine)
	b.WriteString("#\n")
	about := "The people of an organization, as 'orgsync import' found them"
	if !d.At.IsZero() {
		about += " on " + d.At.UTC().Format(time.DateOnly)
	}
	writeComment(&b, "", about+". Carrying this out changes nothing.")
	writeComment(&b, "", "Who has no list of groups, roles or policies has none, and what they get later is left to them.")
	if len(d.Comments) > 0 {
		b.WriteString("#\n# What it does not say:\n")
	}
	for _, r := range d.Comments {
		writeComment(&b, "", "- "+r)
	}
	b.WriteString("\n")
	writeOrganization(&b, d.Organization)
	b.WriteString("users:\n")
	for _, e := range d.Entries {
		e.write(&b, "  ")
	}
	return b.Bytes()
}

// writeOrganization names the organization by its id, which no renaming changes, with its name beside it.
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

// write adds e as an item of a list that is indented by indent.
func (e Entry) write(b *bytes.Buffer, indent string) {
	for _, r := range e.Comments {
		writeComment(b, indent, r)
	}
	item := struct {
		Email      quotedText   `yaml:"email"`
		Name       quotedText   `yaml:"name,omitempty"`
		Aliases    []quotedText `yaml:"aliases,omitempty,flow"`
		APIEnabled *bool  `yaml:"api_enabled,omitempty"`
		Groups     []quotedText `yaml:"groups,omitempty,flow"`
		Roles      []quotedText `yaml:"roles,omitempty,flow"`
		Policies   []quotedText `yaml:"policies,omitempty,flow"`
		External   bool   `yaml:"external,omitempty"`
	}{
		Email: quotedText(e.Email.String()), Name: quotedText(toOneLine(e.Name, maxPersonName)), APIEnabled: e.APIEnabled,
		Groups: refNames(e.Groups), Roles: refNames(e.Roles), Policies: refNames(e.Policies), External: e.External,
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

// quotedText is written in quotes where it needs them.
type quotedText string

// MarshalYAML puts "<<" into quotes, which yaml.v3 writes without them and then reads as a merge key.
func (t quotedText) MarshalYAML() (any, error) {
	if t == "<<" {
		return &yaml.Node{Kind: yaml.ScalarNode, Value: string(t), Style: yaml.DoubleQuotedStyle}, nil
	}
	return string(t), nil
}

// formatScalar is s as it stands in YAML.
func formatScalar(s string) string { return strings.TrimSuffix(marshal(quotedText(s)), "\n") }

func marshal(v any) string {
	out, err := yaml.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("texts and bools cannot be written as YAML: %v", err))
	}
	return string(out)
}

// maxComment bounds a line of comment, in characters.
const maxComment = 500

func writeComment(b *bytes.Buffer, indent, s string) {
	fmt.Fprintf(b, "%s# %s\n", indent, toOneLine(s, maxComment))
}

// toOneLine makes of data a text that can stand in a roster, on one line of at most so many characters.
func toOneLine(s string, most int) string {
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
	if len(line) > most {
		line = append(line[:most-1], '…')
	}
	return strings.TrimSpace(string(line))
}
