package roster

import (
	"bytes"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	// piecesFrom is the size in bytes from which a file is read in pieces: yaml.v3 makes all nodes of a document before it
	// gives the first, and those of 200,000 people take 300 MB.
	piecesFrom = 1 << 20
	// pieceSize is how large a piece is at least, in bytes.
	pieceSize = 64 << 10
)

// pieces are a file that was cut up between the entries of "users", by their indentation alone. The YAML reader then reads
// each part by itself. Only where every part turns out to be what it was taken for does the file say what its parts say.
type pieces struct {
	// frame is the file without the second and all later entries.
	frame []byte
	// usersLine is where "users" stands. From cutLine on, lines of the frame are missing lines further down in the file.
	usersLine, cutLine, missing int
	// first is the entry that the frame has: what begins in it must end in it.
	first piece
	// rest are the entries that the frame is without.
	rest []piece
}

// piece are some entries.
type piece struct {
	text    []byte
	line    int // of the first one
	entries int
}

// cutUp finds the entries of "users"; false where they cannot be told by their indentation.
func cutUp(data []byte, size int) (pieces, bool) {
	var p pieces
	if bytes.ContainsAny(data, "&*") {
		return p, false // an anchor of one part may be of use in another
	}
	if marksKey(data) {
		return p, false // the value of such a key may be the next part
	}
	var starts []int // of the pieces
	entry, entries := "", 0
	first, end, line, offset := 0, len(data), 0, 0
	for text := range bytes.Lines(data) {
		start := offset
		offset += len(text)
		line++
		content := bytes.TrimLeft(text, " ")
		indent := len(text) - len(content)
		content = bytes.TrimSpace(content)
		if p.usersLine == 0 {
			if after, found := bytes.CutPrefix(text, []byte("users:")); found {
				if after = bytes.TrimSpace(after); len(after) > 0 && after[0] != '#' {
					return p, false
				}
				p.usersLine = line
			}
			continue
		}
		if len(content) == 0 || content[0] == '#' {
			continue
		}
		if entry == "" {
			entry = strings.Repeat(" ", indent) + "- "
		}
		if !bytes.HasPrefix(text, []byte(entry)) {
			if entries > 0 && indent > len(entry)-len("- ") {
				continue // a line of the entry above
			}
			end = start
			break
		}
		if entries++; entries == 1 {
			p.first, first = piece{line: line, entries: 1}, start
			continue
		}
		if n := len(starts); n == 0 || start-starts[n-1] >= size {
			starts = append(starts, start)
			p.rest = append(p.rest, piece{line: line})
		}
		p.rest[len(p.rest)-1].entries++
	}
	if len(starts) == 0 {
		return p, false
	}
	for i, start := range starts {
		p.rest[i].text = data[start:append(starts, end)[i+1]]
	}
	p.first.text = data[first:starts[0]]
	left := data[starts[0]:end]
	p.frame = append(bytes.Clone(data[:starts[0]]), data[end:]...)
	p.cutLine, p.missing = p.rest[0].line, bytes.Count(left, []byte("\n"))
	return p, true
}

// marksKey tells whether data may have a key that is marked as one with a "?".
func marksKey(data []byte) bool {
	for {
		i := bytes.IndexByte(data, '?')
		if i < 0 {
			return false
		}
		if data = data[i+1:]; len(data) == 0 || strings.ContainsRune(" \t\r\n", rune(data[0])) {
			return true
		}
	}
}

// nodes reads the entries; false when they are not the list that they were taken for.
func (p piece) nodes(file string) (*yaml.Node, bool) {
	list, problem := parseDocument(file, p.text)
	if problem != nil || list == nil || list.Kind != yaml.SequenceNode || len(list.Content) != p.entries {
		return nil, false
	}
	moveDown(list, 1, p.line-1)
	return list, true
}

// document reads the frame; false when it does not have the one entry of "users" where it was seen, or has other "users"
// above.
func (p pieces) document(file string) (*yaml.Node, bool) {
	if _, ok := p.first.nodes(file); !ok {
		return nil, false
	}
	root, problem := parseDocument(file, p.frame)
	if problem != nil || root == nil || root.Kind != yaml.MappingNode {
		return nil, false
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		name, value := root.Content[i], root.Content[i+1]
		if name.Value == "users" {
			moveDown(root, p.cutLine, p.missing)
			ours := name.Line == p.usersLine && name.Column == 1
			return root, ours && value.Kind == yaml.SequenceNode && value.Style&yaml.FlowStyle == 0 && len(value.Content) == 1
		}
	}
	return nil, false
}

// moveDown adds to the lines of n and all nodes below, where they are at least from.
func moveDown(n *yaml.Node, from, by int) {
	if n.Line >= from {
		n.Line += by
	}
	for _, child := range n.Content {
		moveDown(child, from, by)
	}
}

// decodePieces reads a file in pieces. Where that is not possible, or anything is wrong with a part, it takes back
// what it did and tells so.
func (d *decoder) decodePieces(data []byte) bool {
	p, ok := cutUp(data, d.pieceSize)
	if !ok {
		return false
	}
	root, ok := p.document(d.file)
	if !ok {
		return false
	}
	before, roster := *d, *d.roster
	d.rest = p.rest
	d.top(root)
	if d.rest == nil {
		return true
	}
	for key, at := range d.listed {
		if at.at.File == d.file {
			delete(d.listed, key)
		}
	}
	for key, at := range d.setAt {
		if at.File == d.file {
			delete(d.setAt, key)
		}
	}
	listed := d.listed
	*d, *d.roster = before, roster
	d.listed = listed
	return false
}
