package roster

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// yaml.v3 builds the nodes of a whole document before it returns the first one. Those of 20,000 people take more
// memory than the rest of a run, so a large file is read in parts, if that cannot change what it says.
const (
	// largeFile is the size in bytes from which a file is read in parts.
	largeFile = 1 << 20
	// partSize is the minimum size of a part in bytes, but for the last one.
	partSize = 64 << 10
)

// isSimpleLine reports whether a line ends all that it begins: a key, an item of a list or both, with a value on the
// same line or none, and perhaps a comment. Anchors, block texts, "?" keys, and quotes or brackets that stay open are
// not simple. A regular expression would take a tenth of the time of a plan.
func isSimpleLine(line []byte) bool {
	text := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if bytes.IndexByte(text, '\r') >= 0 {
		return false
	}
	text = bytes.TrimPrefix(bytes.TrimLeft(text, " "), []byte("- "))
	if key, value, found := bytes.Cut(text, []byte(":")); found && isKeyName(key) {
		text = bytes.TrimLeft(value, " ")
		if len(text) > 0 && len(text) == len(value) {
			return false // the colon is not the end of a key
		}
	}
	rest := text
	switch first, _ := utf8.DecodeRune(text); {
	case len(text) == 0 || first == '#':
	case first == '"' || first == '\'' || first == '[':
		last := first
		if first == '[' {
			last = ']'
		}
		inner, after, closed := bytes.Cut(text[1:], []byte(string(last)))
		escapes := first == '"' && bytes.IndexByte(inner, '\\') >= 0
		if !closed || escapes || first == '[' && bytes.ContainsFunc(inner, isSpecial) {
			return false
		}
		rest = bytes.TrimLeft(after, " ")
	case unicode.IsLetter(first) || unicode.IsNumber(first):
		value, _, _ := bytes.Cut(text, []byte("#"))
		return bytes.IndexByte(value, ':') < 0
	default:
		return false
	}
	return len(rest) == 0 || rest[0] == '#'
}

// isKeyName reports whether text is like the name of a key of a roster.
func isKeyName(text []byte) bool {
	return len(text) > 0 && !bytes.ContainsFunc(text, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })
}

// isSpecial reports whether r may have a meaning in a list in brackets.
func isSpecial(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune("@., _-", r)
}

// peopleParts is a large file, split between the people under "users".
type peopleParts struct {
	// frame is the file with only the first person. The lines of the others are empty.
	frame []byte
	// firstLine is the number of the line where the first person begins.
	firstLine int
	// rest are the lists of all other people, and people is their number.
	rest   []peoplePart
	people int
}

// peoplePart is a list of people, and the number of its first line in the file.
type peoplePart struct {
	text []byte
	line int
}

// splitPeople splits a file between its people, into parts of at least size bytes. It returns false if the file has
// no second part, or if some line under "users" is not simple.
func splitPeople(data []byte, size int) (peopleParts, bool) {
	var p peopleParts
	var starts []int // of the parts
	var entry []byte // how the first line of each person begins; nil above the first person
	line, offset, end := 0, 0, len(data)
	inUsers := false
	for text := range bytes.Lines(data) {
		start := offset
		offset += len(text)
		line++
		if !inUsers {
			inUsers = string(bytes.TrimRight(text, "\r\n")) == "users:"
			continue
		}
		content := bytes.TrimLeft(text, " ")
		indent := len(text) - len(content)
		trimmed := bytes.TrimSpace(text)
		isBlank := len(trimmed) == 0 || trimmed[0] == '#'
		isEntry := entry != nil && bytes.HasPrefix(text, entry)
		if entry != nil && indent == 0 && !isBlank && !isEntry {
			end = start // at the next key of the file
			break
		}
		switch {
		case !isSimpleLine(text):
			return p, false
		case isBlank:
		case entry == nil && bytes.HasPrefix(content, []byte("- ")):
			entry, p.firstLine = text[:indent+len("- ")], line
		case isEntry:
			p.people++
			if last := len(starts) - 1; last < 0 || start-starts[last] >= size {
				starts = append(starts, start)
				p.rest = append(p.rest, peoplePart{line: line})
			}
		case entry == nil || indent < len(entry):
			return p, false
		}
	}
	if len(starts) == 0 {
		return p, false
	}
	for i, start := range starts {
		p.rest[i].text = data[start:append(starts, end)[i+1]]
	}
	lines := bytes.Count(data[starts[0]:end], []byte("\n"))
	p.frame = slices.Concat(data[:starts[0]], emptyLines(lines), data[end:])
	return p, true
}

// emptyLines returns n empty lines.
func emptyLines(n int) []byte { return bytes.Repeat([]byte("\n"), n) }

// parse returns the nodes of a part, with their lines in the file.
func (p peoplePart) parse(file string) (*yaml.Node, *Problem) {
	n, problem := parseDocument(file, p.text)
	if problem != nil { // once more, so that it has its line in the file too
		return parseDocument(file, append(emptyLines(p.line-1), p.text...))
	}
	addLines(n, p.line-1)
	return n, nil
}

// addLines moves n and all nodes below it down by some lines.
func addLines(n *yaml.Node, lines int) {
	n.Line += lines
	for _, below := range n.Content {
		addLines(below, lines)
	}
}

// parseFrame returns the root node of a large file with only its first person, and keeps the other people in d.rest;
// nil if the file must be read as a whole.
func (d *decoder) parseFrame(data []byte) *yaml.Node {
	if len(data) < d.largeFile {
		return nil
	}
	if _, problem := checkEncoding(d.file, data); problem != nil {
		return nil
	}
	p, ok := splitPeople(data, d.partSize)
	if !ok {
		return nil
	}
	root, problem := parseFile(d.file, p.frame)
	users := valueOf(root, "users")
	if problem != nil || users == nil || users.Kind != yaml.SequenceNode || len(users.Content) != 1 ||
		users.Content[0].Line != p.firstLine {
		return nil // the frame has not just the first person
	}
	d.roster.People = slices.Grow(d.roster.People, 1+p.people)
	if len(d.addresses) == 0 {
		d.addresses = make(map[string]firstUse, 1+p.people)
	}
	d.rest = p.rest
	return root
}
