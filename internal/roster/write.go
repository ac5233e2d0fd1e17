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
	// Remarks are sentences about what the entries do not say. Like those of an entry they are data: one line is made
	// of each.
	Remarks []string
	Entries []Entry
}

// Entry is a person to be written. Their name is made fit for a roster; addresses and refs have to be (see [Nameable]),
// and no list may be longer than its bound.
type Entry struct {
	Person
	// Remarks stand above the entry.
	Remarks []string
}

// Nameable tells whether s can stand in a roster as the name or id of a group, role or policy.
func Nameable(s string) bool {
	item := key{kind: textKind, max: maxName}
	return utf8.ValidString(s) && s == strings.TrimSpace(s) && item.flaw(s) == ""
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
	if len(d.Remarks) > 0 {
		b.WriteString("#\n# What it does not say:\n")
	}
	for _, r := range d.Remarks {
		writeComment(&b, "", "- "+r)
	}
	b.WriteString("\n")
	writePin(&b, d.Organization)
	b.WriteString("users:\n")
	for _, e := range d.Entries {
		e.write(&b, "  ")
	}
	return b.Bytes()
}

// writePin names the organization by its id, which no renaming changes, with its name beside it.
func writePin(b *bytes.Buffer, o org.Organization) {
	switch {
	case Nameable(o.ID):
		fmt.Fprintf(b, "organization: %s", scalar(o.ID))
		if name := oneLine(o.Name, maxName); name != "" {
			fmt.Fprintf(b, " # %s", name)
		}
	case Nameable(o.Name):
		fmt.Fprintf(b, "organization: %s", scalar(o.Name))
	default:
		return
	}
	b.WriteString("\n\n")
}

// write adds e as an item of a list that is indented by indent.
func (e Entry) write(b *bytes.Buffer, indent string) {
	for _, r := range e.Remarks {
		writeComment(b, indent, r)
	}
	item := struct {
		Email      text   `yaml:"email"`
		Name       text   `yaml:"name,omitempty"`
		Aliases    []text `yaml:"aliases,omitempty,flow"`
		APIEnabled *bool  `yaml:"api_enabled,omitempty"`
		Groups     []text `yaml:"groups,omitempty,flow"`
		Roles      []text `yaml:"roles,omitempty,flow"`
		Policies   []text `yaml:"policies,omitempty,flow"`
		External   bool   `yaml:"external,omitempty"`
	}{
		Email: text(e.Email.String()), Name: text(oneLine(e.Name, maxPersonName)), APIEnabled: e.APIEnabled,
		Groups: names(e.Groups), Roles: names(e.Roles), Policies: names(e.Policies), External: e.External,
	}
	for _, a := range e.Aliases {
		item.Aliases = append(item.Aliases, text(a.String()))
	}
	first := "- "
	for line := range strings.Lines(encode(item)) {
		b.WriteString(indent + first + line)
		first = "  "
	}
}

func names(refs []Ref) []text {
	var list []text
	for _, r := range refs {
		list = append(list, text(r.Name))
	}
	return list
}

// text is written in quotes where it needs them.
type text string

// MarshalYAML puts "<<" into quotes, which yaml.v3 writes without them and then reads as a merge key.
func (t text) MarshalYAML() (any, error) {
	if t == "<<" {
		return &yaml.Node{Kind: yaml.ScalarNode, Value: string(t), Style: yaml.DoubleQuotedStyle}, nil
	}
	return string(t), nil
}

// scalar is s as it stands in YAML.
func scalar(s string) string { return strings.TrimSuffix(encode(text(s)), "\n") }

func encode(v any) string {
	out, err := yaml.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("texts and bools cannot be written as YAML: %v", err))
	}
	return string(out)
}

// maxComment bounds a line of comment, in characters.
const maxComment = 500

func writeComment(b *bytes.Buffer, indent, s string) {
	fmt.Fprintf(b, "%s# %s\n", indent, oneLine(s, maxComment))
}

// oneLine makes of data a text that can stand in a roster, on one line of at most so many characters.
func oneLine(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case invisible(r):
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
