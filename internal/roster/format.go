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

// Format returns data, the text of a roster file, in its usual form. It sorts people by address within each block of
// a list; blank lines and comments on a line of their own divide a list into blocks. Two kinds of comments move with
// an entry: a comment directly above it that begins with the address of the entry, and a comment directly below it
// that is indented more than its "-". Format removes white space at the end of lines, additional blank lines and
// additional spaces after ":". If a step would change the meaning of the file, Format skips the step. If data is not a
// YAML mapping and not empty, the error is a [*ProblemsError]. The only other error is about a file larger than
// [MaxFile].
func Format(file string, data []byte) ([]byte, error) {
	if len(data) > MaxFile {
		return nil, tooLargeError(file)
	}
	root, problem := parseFile(file, data)
	switch {
	case problem == nil && (root == nil || root.Tag == nullTag): // an empty file
		return data, nil
	case problem != nil || root.Kind != yaml.MappingNode: // not a roster: reading it as one says why
		d := newDecoder()
		d.decodeFile(file, data)
		return nil, newProblemsError(d.problems)
	}
	// The columns of the nodes do not count a byte-order mark.
	out, hasMark := bytes.CutPrefix(data, byteOrderMark)
	for _, step := range []func([]byte, *yaml.Node) []byte{sortPeople, normalizeSpacing} {
		changed := step(out, root)
		after, problem := parseFile(file, changed)
		if problem != nil || !equalExceptOrder(root, after) {
			continue // for example, an anchor would be below its alias, or a text has several lines
		}
		out, root = changed, after
	}
	if hasMark {
		out = slices.Concat(byteOrderMark, out)
	}
	return out, nil
}

// equalExceptOrder reports whether a and b have the same content, except for the order of people. It sorts
// the people of both.
func equalExceptOrder(a, b *yaml.Node) bool {
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

// peopleLists returns the list of users and the lists of members in a file.
func peopleLists(root *yaml.Node) []*yaml.Node {
	lists := []*yaml.Node{valueOf(root, "users")}
	for _, team := range pairs(valueOf(root, "teams")) {
		lists = append(lists, valueOf(team, "members"))
	}
	return slices.DeleteFunc(lists, func(n *yaml.Node) bool { return n == nil || n.Kind != yaml.SequenceNode })
}

// pairs yields the keys and values of a mapping. It yields nothing if n is another node or nil.
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

// itemKey returns the key of the address of an entry (see [org.Address.Key]); "" if it has none.
func itemKey(n *yaml.Node) string {
	n = followed(n)
	if email := valueOf(n, "email"); email != nil {
		n = email
	}
	return addressKey(n.Value)
}

// followed returns n or, if n is an alias, the node to which the alias refers.
func followed(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// addressKey returns the key of the address s; "" if s is no address.
func addressKey(s string) string {
	a, err := org.ParseAddress(s)
	if err != nil {
		return ""
	}
	return a.Key()
}

// sortPeople returns data with people sorted by address within their blocks. root is the node of data.
func sortPeople(data []byte, root *yaml.Node) []byte {
	lines := bytes.SplitAfter(data, []byte("\n"))
	if last := len(lines) - 1; len(lines[last]) == 0 {
		lines = lines[:last]
	} else {
		lines[last] = append(slices.Clip(lines[last]), lineEnd(data)...)
	}
	for _, list := range peopleLists(root) {
		if list.Style&yaml.FlowStyle == 0 { // each person has lines of their own
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

// entryLines is an entry of a list of people: the key of its address, and its lines.
type entryLines struct {
	key   string
	lines [][]byte
}

// sortList sorts the lines of the entries of one list, in place.
func sortList(lines [][]byte, list *yaml.Node) {
	for _, n := range list.Content {
		if dashBefore(lines[n.Line-1], n) == "" {
			return // the "-" is on a line of its own
		}
	}
	var block []entryLines
	begin := 0 // the index of the first line of block
	sortBlock := func() {
		slices.SortStableFunc(block, func(a, b entryLines) int { return cmp.Compare(a.key, b.key) })
		for _, one := range block {
			begin += copy(lines[begin:], one.lines)
		}
		block = nil
	}
	last := -1 // the index of the last line of the entry before
	for i, n := range list.Content {
		key := itemKey(n)
		first := firstLineOfEntry(lines, n.Line-1, key, last+1)
		if first > last+1 || key == "" { // other lines are between the two entries, or this one cannot be sorted
			sortBlock()
		}
		if block == nil {
			begin = first
		}
		end := lastLine(lines, n.Line-1)
		if i+1 < len(list.Content) {
			end = list.Content[i+1].Line - 2
		}
		last = lastLineOfEntry(lines, n, end)
		// The lines are cloned, because the sorted lines are copied over them.
		block = append(block, entryLines{key, slices.Clone(lines[first : last+1])})
		if key == "" {
			sortBlock()
		}
	}
	sortBlock()
}

// firstLineOfEntry returns the index of the first line of the entry that has its "-" in the line dash. If a comment
// directly above the entry begins with its address, which is key, this comment and those below it belong to the
// entry. least is the smallest possible index.
func firstLineOfEntry(lines [][]byte, dash int, key string, least int) int {
	first := dash
	for i := dash - 1; i >= least && bytes.HasPrefix(bytes.TrimSpace(lines[i]), []byte("#")); i-- {
		words := strings.Fields(strings.TrimLeft(string(lines[i]), " #"))
		if len(words) > 0 && key != "" && addressKey(strings.TrimRight(words[0], ".,:;")) == key {
			first = i
		}
	}
	return first
}

// lastLineOfEntry returns the index of the last line of the entry n. Comments directly below the entry belong to it
// if they are indented more than the "-" of the entry. end is the largest possible index.
func lastLineOfEntry(lines [][]byte, n *yaml.Node, end int) int {
	first := n.Line - 1
	last := end
	for last > first && isBoundary(lines[last]) {
		last--
	}
	for last < end && len(bytes.TrimSpace(lines[last+1])) > 0 && indentation(lines[last+1]) > indentation(lines[first]) {
		last++
	}
	return last
}

// dashBefore returns the text before the item n of a list on its line, such as "  - ". It returns ""
// if this text is not only a "-" with spaces.
func dashBefore(line []byte, n *yaml.Node) string {
	before := string(line[:min(n.Column-1, len(line))])
	if strings.TrimSpace(before) != "-" {
		return ""
	}
	return before
}

// lastLine returns the index of the last line of the last entry of a list, with the comments below it. first is the
// index of the first line of this entry. The entry ends before the next line that is indented no more than its "-".
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

// normalizeSpacing returns data without white space that has no meaning. It does not change the lines of literal and
// folded texts. root is the node of data.
func normalizeSpacing(data []byte, root *yaml.Node) []byte {
	end := lineEnd(data)
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	keep := make([]bool, len(lines)+1)
	markTextLines(root, keep, lines)
	normalizeSpaceAfterKeys(root, lines)
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

// markTextLines sets keep for the lines of literal and folded texts in n.
func markTextLines(n *yaml.Node, keep []bool, lines []string) {
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		indent := indentation([]byte(lines[n.Line-1]))
		for i := n.Line; i < len(lines); i++ {
			if strings.TrimSpace(lines[i]) != "" && indentation([]byte(lines[i])) <= indent {
				break
			}
			keep[i] = true
		}
	}
	for _, child := range n.Content {
		markTextLines(child, keep, lines)
	}
}

// normalizeSpaceAfterKeys leaves one space between the ":" of a key in n and its value.
func normalizeSpaceAfterKeys(n *yaml.Node, lines []string) {
	for i := len(n.Content) - 1; i >= 0; i-- { // backward, because a change moves the columns behind it
		child := n.Content[i]
		normalizeSpaceAfterKeys(child, lines)
		if n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle != 0 || i%2 == 0 || child.Line != n.Content[i-1].Line ||
			child.Kind != yaml.ScalarNode || child.Style&yaml.TaggedStyle != 0 || child.Anchor != "" ||
			child.Value == "" && child.Style == 0 { // there is no value, and the column is that of a comment
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
