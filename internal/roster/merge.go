package roster

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Merge returns data, the text of a roster file, with entries added at the end of its users. A file
// that has only teams gets a list of users. All other bytes stay the same. file is the name of the
// file in errors. The error is a [*ProblemsError] if data is not YAML. Another error with a position
// says that Merge cannot add lines to the list of users.
func Merge(file string, data []byte, entries []Entry) ([]byte, error) {
	if len(entries) == 0 {
		return data, nil
	}
	root, problem := parseFile(file, data)
	if problem != nil {
		return nil, newProblemsError([]Problem{*problem})
	}
	users := valueOf(root, "users")
	lines := bytes.SplitAfter(data, []byte("\n"))
	indent, last := "  ", len(lines)-1
	var added bytes.Buffer
	switch {
	case users == nil && valueOf(root, "teams") != nil && root.Style&yaml.FlowStyle == 0:
		added.WriteString("users:\n")
	case users == nil || users.Kind != yaml.SequenceNode || users.Style&yaml.FlowStyle != 0:
		at := Position{file, 1, 1}
		if users != nil {
			at = Position{file, users.Line, users.Column}
		}
		return nil, fmt.Errorf(`add people at %v: "users" must be a list with one line for each person, as in "- `+
			`email: ada@example.com"`, at)
	case hasAliasOf(root, users):
		return nil, fmt.Errorf("add people at %v: the alias *%s puts the people of this list into another list too: write "+
			"the addresses into the other list, without the alias", Position{file, users.Line, users.Column}, users.Anchor)
	default:
		var found bool
		if indent, found = findIndentation(lines, users); !found {
			return nil, fmt.Errorf(`add people at %v: no entry begins with "- email:" on one line, so the indentation is `+
				`unknown`, Position{file, users.Line, users.Column})
		}
		last = findLastLine(lines, root, users, len(indent))
	}
	for _, e := range entries {
		e.write(&added, indent)
	}
	at := len(bytes.Join(lines[:last+1], nil))
	merged := slices.Concat(data[:at], []byte(fitLines(data, at, added.String())), data[at:])
	switch {
	case onlyAddsEntries(file, merged, root, entries):
		return merged, nil
	case users == nil:
		return nil, fmt.Errorf(`add people to %s: the file has no list of "users", and none can be added at its end: add `+
			`one by hand, with one person in it`, file)
	}
	return nil, fmt.Errorf("people cannot be added after %v, because the lines below would then mean something else: "+
		"add a line without indentation, such as a key or a comment, below the list",
		Position{file, last + 1, 1})
}

// hasAliasOf reports whether n or a node below it is an alias of the node target.
func hasAliasOf(n, target *yaml.Node) bool {
	return n.Alias == target || slices.ContainsFunc(n.Content, func(child *yaml.Node) bool {
		return hasAliasOf(child, target)
	})
}

// findIndentation returns the spaces before the "-" of the first item that begins on the same line as
// its "-". found is false if there is no such item.
func findIndentation(lines [][]byte, users *yaml.Node) (indent string, found bool) {
	for _, item := range users.Content {
		if indent, _, found = strings.Cut(dashBefore(lines[item.Line-1], item), "-"); found {
			return indent, true
		}
	}
	return "", false
}

// findLastLine returns the index of the last line that belongs to users. A comment at the end belongs
// to users only if it is indented more than the "-" of the list. Otherwise, it may be about the lines
// below.
func findLastLine(lines [][]byte, root, users *yaml.Node, indent int) int {
	end := len(lines)
	first := users.Content[len(users.Content)-1].Line - 1 // the first line of the last entry
	for i := 0; i < len(root.Content); i += 2 {
		if next := root.Content[i].Line - 1; next > first && next < end {
			end = next
		}
	}
	for i := first; i < end; i++ {
		if bytes.HasPrefix(lines[i], []byte("...")) || bytes.HasPrefix(lines[i], []byte("---")) {
			end = i // the document ends here
		}
	}
	for end--; end > first; end-- {
		text := bytes.TrimRight(lines[end], " \t\r\n")
		bare := bytes.TrimLeft(text, " ")
		if len(bare) > 0 && (bare[0] != '#' || len(text)-len(bare) > indent) {
			break
		}
	}
	return end
}

// fitLines returns lines in a form that can be inserted into data at an offset. The offset must be
// after a line end or at the end of data. The result has the line ends of data. If data has no line
// end before the offset, the result begins with one.
func fitLines(data []byte, at int, lines string) string {
	before := data[:at]
	hasLineEnd := bytes.HasSuffix(before, []byte("\n"))
	if !hasLineEnd {
		lines = "\n" + lines
	}
	if bytes.HasSuffix(before, []byte("\r\n")) || !hasLineEnd && bytes.Contains(before, []byte("\r\n")) {
		lines = strings.ReplaceAll(lines, "\n", "\r\n")
	}
	return lines
}

// onlyAddsEntries reports whether merged has the content of old, with entries at the end of its users. If
// old has no list of users, merged must have a new list at its end.
func onlyAddsEntries(file string, merged []byte, old *yaml.Node, entries []Entry) bool {
	root, problem := parseFile(file, merged)
	users := valueOf(root, "users")
	if problem != nil || users == nil {
		return false
	}
	isNew := valueOf(old, "users") == nil
	kept := len(users.Content) - len(entries)
	if kept < 0 || isNew && kept > 0 {
		return false
	}
	for i, item := range users.Content[kept:] {
		if item.Kind != yaml.MappingNode || item.Content[1].Value != entries[i].Email.String() {
			return false
		}
	}
	users.Content = users.Content[:kept]
	if isNew {
		root.Content = root.Content[:len(root.Content)-2]
	}
	return equalNodes(old, root)
}

// equalNodes reports whether a and b have the same content, regardless of position and style. It also compares what
// aliases refer to: a file may have an anchor twice, and an alias refers to the one above it.
func equalNodes(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.Tag == b.Tag && a.Value == b.Value && a.Anchor == b.Anchor &&
		slices.EqualFunc(a.Content, b.Content, equalNodes) &&
		(a.Kind != yaml.AliasNode || equalNodes(a.Alias, b.Alias))
}
