package roster

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// yaml.v3 builds the nodes of a whole document before it returns the first node. The nodes of 20,000
// people need more memory than the rest of a run. A large file is therefore read in parts, unless
// this could change its meaning.
const (
	// largeFile is the size in bytes from which a file is read in parts.
	largeFile = 1 << 18
	// partSize is the minimum size of a part in bytes. Only the last part may be smaller.
	partSize = 64 << 10
)

// isSimpleLine reports whether a line can be read without the lines around it. Such a line has a key,
// an item of a list or both, perhaps with a value that ends on the line, and perhaps a comment. Lines
// with anchors, block texts, "?" keys, and quotes or brackets that stay open are not simple. There is
// no regular expression here, because it would take a tenth of the time of a plan.
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

// isKeyName reports whether text has only characters that occur in the keys of a roster.
func isKeyName(text []byte) bool {
	return len(text) > 0 && !bytes.ContainsFunc(text, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })
}

// isSpecial reports whether r may have a meaning in a list in brackets.
func isSpecial(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune("@., _-", r)
}

// peopleParts is a large file that is split between the people in "users".
type peopleParts struct {
	// frame is the file with only the first person. The lines of the other people are empty.
	frame []byte
	// firstLine is the number of the line where the first person begins.
	firstLine int
	rest      []peoplePart // the other people
	people    int          // the number of the other people
}

// peoplePart is a part of a file: a list of people, and the number of its first line in the file.
type peoplePart struct {
	text []byte
	line int
}

// splitPeople splits a file between its people, into parts of at least size bytes. It returns false if
// there is only one person in "users", or if a line in "users" is not simple.
func splitPeople(data []byte, size int) (peopleParts, bool) {
	var p peopleParts
	var starts []int // the offsets of the parts
	var entry []byte // the beginning of the first line of each person; nil before the first person
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
			end = start // the next key of the file begins here
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
	p.frame = slices.Concat(data[:starts[0]], bytes.Repeat([]byte("\n"), lines), data[end:])
	return p, true
}

// parse returns the list in a part. The positions of its nodes are positions in the file.
func (p peoplePart) parse(file string) (*yaml.Node, *Problem) {
	n, problem := parseDocument(file, p.text)
	if problem != nil { // parse again below empty lines, so that the problem has its position in the file
		return parseDocument(file, append(bytes.Repeat([]byte("\n"), p.line-1), p.text...))
	}
	addLines(n, p.line-1)
	return n, nil
}

// addLines adds lines to the line numbers of n and all nodes below it.
func addLines(n *yaml.Node, lines int) {
	n.Line += lines
	for _, below := range n.Content {
		addLines(below, lines)
	}
}

// parseFrame returns the root node of a large file with only the first person of its users, and puts
// the other people into d.rest. It returns nil if the file must be read as a whole.
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
		return nil // the frame does not have exactly the first person
	}
	d.roster.People = slices.Grow(d.roster.People, 1+p.people)
	if len(d.addresses) == 0 {
		d.addresses = make(map[string]firstUse, 1+p.people)
	}
	d.rest = p.rest
	return root
}
