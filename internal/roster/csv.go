package roster

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/printable"
)

// csvColumns are the columns that a CSV file may have, named like the keys of an entry.
var csvColumns = []string{"email", "name", "groups", "roles", "policies", "api_enabled", "aliases", "until", "note"}

// maxCSVPeople is the maximum number of people in a CSV file.
const maxCSVPeople = 200_000

// ParseCSV returns the people of a CSV file with a header line, or of a plain list of addresses.
// Commas, semicolons or tabs separate columns; semicolons separate the items of a list in a column.
// file is the name of the file in problems. If the file has problems, the error is a
// [*ProblemsError]. The only other error is about a file larger than [MaxFile].
func ParseCSV(file string, data []byte) ([]Entry, error) {
	if len(data) > MaxFile {
		return nil, tooLargeError(file)
	}
	data, problem := checkEncoding(file, data)
	if problem != nil {
		return nil, newProblemsError([]Problem{*problem})
	}
	c := &csvReader{decoder: *newDecoder(), reader: csv.NewReader(bytes.NewReader(data))}
	c.file = file
	c.reader.Comma = csvDelimiter(data)
	c.reader.FieldsPerRecord = -1 // read checks this number, with a better message
	c.reader.TrimLeadingSpace = c.reader.Comma != '\t'
	var entries []Entry
	if text := string(data); isAddressList(text) {
		entries = c.readAddresses(text)
	} else {
		entries = c.read()
	}
	if len(c.problems) == 0 && len(entries) == 0 {
		c.problems.add(Position{file, 1, 1}, "the file has no people: it needs a line with column names, "+
			`with "email" as one of them, and a line for each person`)
	}
	if len(c.problems) > 0 {
		return nil, newProblemsError(c.problems)
	}
	return entries, nil
}

// csvDelimiter returns the character that separates the columns of the header.
func csvDelimiter(data []byte) rune {
	header, _, _ := bytes.Cut(bytes.TrimLeft(data, "\r\n"), []byte("\n"))
	best, most := ',', 0
	for _, r := range ",;\t" {
		if n := bytes.Count(header, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

// csvReader reads a CSV file. Its decoder collects the problems and the addresses.
type csvReader struct {
	decoder
	reader *csv.Reader
	// columns are the keys of the columns in their order; nil for an unknown column.
	columns []*key
}

func (c *csvReader) read() []Entry {
	header, err := c.reader.Read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil || !c.readHeader(header) {
		c.addError(err)
		return nil
	}
	var entries []Entry
	for {
		record, err := c.reader.Read()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			c.addError(err)
			return entries
		}
		filled := withoutEmptyEnd(record)
		if len(filled) == 0 {
			continue // spreadsheets write empty lines below the last person
		}
		record = record[:min(len(record), max(len(filled), len(c.columns)))]
		if len(entries) == maxCSVPeople {
			c.addTooMany(c.at(0))
			return entries
		}
		if extra := len(record) - len(c.columns); extra > 0 {
			c.problems.add(c.at(len(c.columns)), "the line has %d columns, and the header has %d: put quotes around a "+
				"value with %q in it", len(record), len(c.columns), string(c.reader.Comma))
			continue
		}
		entries = append(entries, c.readPerson(record))
	}
}

// withoutEmptyEnd returns record without the empty fields at its end. Spreadsheets write empty columns
// behind the last column.
func withoutEmptyEnd(record []string) []string {
	for len(record) > 0 && strings.TrimSpace(record[len(record)-1]) == "" {
		record = record[:len(record)-1]
	}
	return record
}

// at returns the position of a field of the current record.
func (c *csvReader) at(field int) Position {
	line, column := c.reader.FieldPos(field)
	return Position{c.file, line, column}
}

// addError adds a problem for an error of encoding/csv. It does nothing if err is nil.
func (c *csvReader) addError(err error) {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		c.problems.add(Position{c.file, parse.Line, max(parse.Column, 1)},
			`the quotes are wrong: a value with quotes in it is written as "like ""this"""`)
	}
}

// readHeader reads the names of the columns, and adds a problem unless all names are known and one of
// them is "email". It reports whether there is no problem.
func (c *csvReader) readHeader(header []string) bool {
	for i, name := range withoutEmptyEnd(header) {
		name = strings.TrimSpace(name)
		var k *key
		for _, known := range csvColumns {
			if normalizeName(known) == normalizeName(name) {
				k = personKeys.find(known)
			}
		}
		near := Nearest(name, csvColumns)
		switch {
		case name == "":
			c.problems.add(c.at(i), "this column has no name: remove it, or give it one")
		case k == nil && near != "":
			c.problems.add(c.at(i), "unknown column %s: did you mean %s?", quote(name), quote(near))
		case k == nil:
			c.problems.add(c.at(i), "unknown column %s: the columns are %s; remove this one, or rename it", quote(name),
				printable.JoinAnd(csvColumns))
		case slices.Contains(c.columns, k):
			c.problems.add(c.at(i), "the column %s is there twice", quote(k.name))
		}
		c.columns = append(c.columns, k)
	}
	if len(c.problems) == 0 && c.addressColumn() < 0 {
		c.problems.add(c.at(0), `no column is named "email"`)
	}
	return len(c.problems) == 0
}

// addressColumn returns the index of the column "email"; -1 if there is none.
func (c *csvReader) addressColumn() int { return slices.Index(c.columns, personKeys.find("email")) }

// readPerson reads a line as if it were an entry of users with the keys in c.columns.
func (c *csvReader) readPerson(record []string) Entry {
	entry := &yaml.Node{Kind: yaml.MappingNode}
	for i, value := range record {
		k, at, value := c.columns[i], c.at(i), strings.TrimSpace(value)
		switch {
		case value == "" && k.kind == addressKind:
			c.problems.add(at, "the line has no address")
		case value == "":
		case kinds[k.kind].node == yaml.SequenceNode:
			entry.Content = append(entry.Content, scalarNode(k.name, at), listNode(k, value, at))
		default:
			entry.Content = append(entry.Content, scalarNode(k.name, at), scalarNode(value, at))
		}
	}
	if c.addressColumn() >= len(record) {
		c.problems.add(c.at(0), "the line has no address")
	}
	return c.decodeEntry(entry, c.at(0))
}

// readAddresses reads a plain list of addresses as if each were an entry of users.
func (c *csvReader) readAddresses(text string) []Entry {
	var entries []Entry
	for at, address := range addressWords(text) {
		at.File = c.file
		if len(entries) == maxCSVPeople {
			c.addTooMany(at)
			break
		}
		entries = append(entries, c.decodeEntry(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
			scalarNode("email", at), scalarNode(address, at),
		}}, at))
	}
	return entries
}

// decodeEntry decodes an entry of users that begins at a position of the file.
func (c *csvReader) decodeEntry(entry *yaml.Node, at Position) Entry {
	e := Entry{Person: Person{At: at}}
	c.decodePerson(entry, &personKeys, &e.Person)
	return e
}

// addTooMany adds a problem for the first person above the maximum.
func (c *csvReader) addTooMany(at Position) {
	c.problems.add(at, "the file has more than %d people", maxCSVPeople)
}

// listNode returns the list in the field value, whose items are separated by semicolons. A duplicate
// name is left out. Duplicates of addresses stay, and become problems.
func listNode(k *key, value string, at Position) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode, Line: at.Line, Column: at.Column}
	for item := range strings.SplitSeq(value, ";") {
		n := scalarNode(strings.TrimSpace(item), at)
		isSame := func(other *yaml.Node) bool { return k.kind == namesKind && other.Value == n.Value }
		if n.Value != "" && !slices.ContainsFunc(list.Content, isSame) {
			list.Content = append(list.Content, n)
		}
	}
	return list
}

// MarkExternal returns the addresses in entries that are outside the allowed domains, and sets External in
// their entries. If domains is empty, every domain is allowed.
func MarkExternal(entries []Entry, domains []string) []org.Address {
	var outside []org.Address
	if len(domains) == 0 {
		return nil
	}
	for i := range entries {
		for _, a := range entries[i].Addresses() {
			if !slices.Contains(domains, a.Domain()) {
				entries[i].External = true
				outside = append(outside, a)
			}
		}
	}
	return outside
}
