package roster

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/org"
)

// Format returns data, the text of a roster file, in its usual form. People are sorted by address
// within each block of a list; blank lines and comments on a line of their own end a block. White
// space at the end of lines, additional blank lines and additional spaces after ":" are removed.
// Nothing else changes, and nothing that would change the meaning. The error is a [*ProblemsError]
// if data is not YAML.
func Format(file string, data []byte) ([]byte, error) {
	root, problem := parseFile(file, data)
	if problem != nil {
		return nil, newProblemsError([]Problem{*problem})
	}
	if root == nil || root.Kind != yaml.MappingNode {
		return data, nil
	}
	out := data
	for _, step := range []func([]byte, *yaml.Node) []byte{sortPeople, normalizeSpacing} {
		changed := step(out, root)
		after, problem := parseFile(file, changed)
		if problem != nil || !samePeople(root, after) {
			continue // an anchor would be below its alias, or a text has several lines
		}
		out, root = changed, after
	}
	return out, nil
}

// samePeople reports whether two files differ in nothing but the order of people. It sorts the people of both.
func samePeople(a, b *yaml.Node) bool {
	if b == nil {
		return false
	}
	for _, root := range []*yaml.Node{a, b} {
		for _, list := range peopleLists(root) {
			slices.SortStableFunc(list.Content, func(x, y *yaml.Node) int { return cmp.Compare(itemKey(x), itemKey(y)) })
		}
	}
	return equalNodes(a, b)
}

// peopleLists returns the list of users and the lists of members.
func peopleLists(root *yaml.Node) []*yaml.Node {
	lists := []*yaml.Node{valueOf(root, "users")}
	for _, team := range pairs(valueOf(root, "teams")) {
		lists = append(lists, valueOf(team, "members"))
	}
	return slices.DeleteFunc(lists, func(n *yaml.Node) bool { return n == nil || n.Kind != yaml.SequenceNode })
}

// pairs yields the keys and values of a mapping; none for another node or nil.
func pairs(n *yaml.Node) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, n.Content[i+1]) {
				return
			}
		}
	}
}

// valueOf returns the value of a key of n; nil if there is none.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	for name, value := range pairs(n) {
		if name == key {
			return value
		}
	}
	return nil
}

// itemKey returns the canonical address of an entry; "" if it has none.
func itemKey(n *yaml.Node) string {
	if email := valueOf(n, "email"); email != nil {
		n = email
	}
	a, err := org.ParseAddress(n.Value)
	if err != nil {
		return ""
	}
	return a.Key()
}

// sortPeople returns data with people sorted by address within their blocks.
func sortPeople(data []byte, root *yaml.Node) []byte {
	lines := bytes.SplitAfter(data, []byte("\n"))
	if last := len(lines) - 1; len(lines[last]) == 0 {
		lines = lines[:last]
	} else {
		lines[last] = append(slices.Clip(lines[last]), lineEnd(data)...)
	}
	for _, list := range peopleLists(root) {
		if list.Style&yaml.FlowStyle == 0 { // one line or more for each person
			sortList(lines, list)
		}
	}
	return bytes.Join(lines, nil)
}

// lineEnd returns the line end that data uses.
func lineEnd(data []byte) string {
	if bytes.Contains(data, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

// item is an entry with its lines.
type item struct {
	key   string
	lines [][]byte
}

// sortList sorts the entries of one list, in place.
func sortList(lines [][]byte, list *yaml.Node) {
	for _, n := range list.Content {
		if dashBefore(lines[n.Line-1], n) == "" {
			return // a "-" on a line of its own
		}
	}
	var block []item
	begin := 0 // of the block
	for i, n := range list.Content {
		start, isLast := n.Line-1, i+1 == len(list.Content)
		var end int
		if isLast {
			end = lastLine(lines, start) + 1
		} else {
			end = list.Content[i+1].Line - 1
		}
		last := end // of what belongs to the entry
		for last > start+1 && isBoundary(lines[last-1]) {
			last--
		}
		if block == nil {
			begin = start
		}
		// The lines are copied: sorting writes over them.
		block = append(block, item{itemKey(n), slices.Clone(lines[start:last])})
		if last < end || itemKey(n) == "" || isLast {
			slices.SortStableFunc(block, func(a, b item) int { return cmp.Compare(a.key, b.key) })
			for _, one := range block {
				begin += copy(lines[begin:], one.lines)
			}
			block = nil
		}
	}
}

// dashBefore returns what is before the item n of a list on its line, as in "  - "; "" if it is not just the "-".
func dashBefore(line []byte, n *yaml.Node) string {
	before := string(line[:min(n.Column-1, len(line))])
	if strings.TrimSpace(before) != "-" {
		return ""
	}
	return before
}

// lastLine returns the index of the last line of the last entry of a list, which begins at the line
// first: the line before the next one that is indented as little as its "-".
func lastLine(lines [][]byte, first int) int {
	indent := indentation(lines[first])
	end := first
	for i := first + 1; i < len(lines); i++ {
		switch {
		case len(bytes.TrimSpace(lines[i])) == 0:
		case indentation(lines[i]) <= indent:
			return end
		default:
			end = i
		}
	}
	return end
}

// indentation returns the number of spaces at the beginning of a line.
func indentation(line []byte) int { return len(line) - len(bytes.TrimLeft(line, " ")) }

// isBoundary reports whether a line is blank or a comment.
func isBoundary(line []byte) bool {
	text := bytes.TrimSpace(line)
	return len(text) == 0 || text[0] == '#'
}

// normalizeSpacing returns data without white space that means nothing. Lines of literal and folded
// texts stay as they are.
func normalizeSpacing(data []byte, root *yaml.Node) []byte {
	end := lineEnd(data)
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	keep := make([]bool, len(lines)+1)
	markTexts(root, keep, lines)
	spaceAfterKeys(root, lines)
	var out []string
	for i, line := range lines {
		if keep[i] {
			out = append(out, line)
			continue
		}
		line = strings.TrimRight(line, " \t")
		if line == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		out = append(out, line)
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return []byte(strings.Join(out, end) + end)
}

// markTexts marks the lines of literal and folded texts.
func markTexts(n *yaml.Node, keep []bool, lines []string) {
	if n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		indent := indentation([]byte(lines[n.Line-1]))
		for i := n.Line; i < len(lines); i++ {
			if strings.TrimSpace(lines[i]) != "" && indentation([]byte(lines[i])) <= indent {
				break
			}
			keep[i] = true
		}
	}
	for _, child := range n.Content {
		markTexts(child, keep, lines)
	}
}

// spaceAfterKeys leaves one space between the ":" of a key and its value.
func spaceAfterKeys(n *yaml.Node, lines []string) {
	for i := len(n.Content) - 1; i >= 0; i-- { // from the end, so that columns before it stay
		child := n.Content[i]
		spaceAfterKeys(child, lines)
		if n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle != 0 || i%2 == 0 || child.Line != n.Content[i-1].Line ||
			child.Kind != yaml.ScalarNode || child.Style&yaml.TaggedStyle != 0 || child.Anchor != "" {
			continue
		}
		text := []rune(lines[child.Line-1])
		at := child.Column - 1
		if at > len(text) {
			continue
		}
		before := strings.TrimRight(string(text[:at]), " ")
		if strings.HasSuffix(before, ":") {
			lines[child.Line-1] = before + " " + string(text[at:])
		}
	}
}
