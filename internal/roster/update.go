package roster

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/lazyregexp"
	"github.com/orgsync/orgsync/internal/org"
)

// AccessUpdate describes how an entry must change, so that the roster has the access that the person has in
// the organization.
type AccessUpdate struct {
	Email org.Address
	// At is the position of the entry.
	At Position
	// OnlyInTeams is true if "users" does not list the person. Until is then the last day that the teams give the
	// person; zero if there is none.
	OnlyInTeams bool
	Until       Day
	// APIEnabled is the new value of api_enabled; nil if it does not change.
	APIEnabled *bool
	// Add has the names to add to the lists of the entry, and Remove has the names to remove.
	Add, Remove map[org.Kind][]string
	// Left is true if the person was a member and is no longer in the organization. The entry then
	// gets a comment, and does not change otherwise.
	Left bool
}

// leftMark returns the beginning of the comment above the entry of a person who left. It has the address, so that
// [Format] moves the comment with the entry.
func leftMark(who org.Address) string { return "# " + who.String() + " left the organization" }

// UpdateAccess returns data, the text of a roster file, with the updates of its entries. It writes
// only values that change; all other bytes stay the same. A person that only teams list gets an entry
// at the end of users, with the access that the teams do not give. failed has a sentence for each
// update that somebody must make by hand. file is the name of the file in positions. The errors are
// those of [Merge].
func UpdateAccess(file string, data []byte, updates []AccessUpdate) (text []byte, failed []string, err error) {
	var added []Entry
	var inPlace []AccessUpdate
	for _, u := range updates {
		if tooMany := tooManyNames(nil, u); u.OnlyInTeams && tooMany != "" {
			failed = append(failed, fmt.Sprintf("%s at %v: %s: change it by hand", u.Email, u.At, tooMany))
		} else if u.OnlyInTeams && !u.Left {
			added = append(added, u.entry())
		} else {
			inPlace = append(inPlace, u)
		}
	}
	// Start at the end of the file, so that an update does not move the entries of the next updates.
	slices.SortStableFunc(inPlace, func(a, b AccessUpdate) int { return b.At.Compare(a.At) })
	changed, problems, problem := applyUpdates(file, data, inPlace)
	if problem != nil {
		return nil, nil, newProblemsError([]Problem{*problem})
	}
	if changed == nil { // the result would be wrong: make each update on its own, to skip the one that fails
		changed, problems = data, make([]string, len(inPlace))
		for i := range inPlace {
			one, reason, _ := applyUpdates(file, changed, inPlace[i:i+1])
			if one == nil {
				one, reason = changed, []string{"the way in which it is written is not supported"}
			}
			changed, problems[i] = one, reason[0]
		}
	}
	for i, u := range slices.Backward(inPlace) {
		if problems[i] != "" {
			failed = append(failed, fmt.Sprintf("%s at %v: %s: change it by hand", u.Email, u.At, problems[i]))
		}
	}
	text, err = Merge(file, changed, added)
	return text, failed, err
}

// entry returns a new entry with the access that the teams of the person do not give.
func (u AccessUpdate) entry() Entry {
	// Without the last day of the teams, the new entry would keep the person in the roster forever.
	e := Entry{Person: Person{Email: u.Email, APIEnabled: u.APIEnabled, Until: u.Until}}
	if !u.Until.IsZero() { // the comment begins with the address, so that Format moves it with the entry
		e.Comments = []string{u.Email.String() + ": if you change their last day in the teams, change it here too"}
	}
	for kind, names := range u.Add {
		for _, name := range names {
			*e.RefsPointer(kind) = append(e.Refs(kind), Ref{Name: name})
		}
	}
	return e
}

// tooManyNames returns a problem if the update gives the entry n, nil for a new entry, a list that is too long for a
// roster; otherwise "".
func tooManyNames(n *yaml.Node, u AccessUpdate) string {
	for _, kind := range org.Kinds {
		old := namesWithout(valueOf(n, kind.Plural()), u.Remove[kind])
		if len(u.Add[kind]) > 0 && len(old)+len(u.Add[kind]) > MaxRefs {
			return fmt.Sprintf("the entry would have more than %d %s", MaxRefs, kind.Plural())
		}
	}
	return ""
}

// edit replaces the bytes from the offset begin to the offset end by text.
type edit struct {
	begin, end int
	text       string
}

// editor changes the entries of a file.
type editor struct {
	data    []byte
	lines   []int // the offset of each line
	edits   []edit
	problem string // the reason why the current entry cannot be changed; "" if there is none
}

// applyUpdates returns data with the updates that it can make, and for each update the reason why it
// cannot make the update; "" if it can. The data is nil if the result would be wrong, because more
// than the updated values would change. If data is not YAML, it returns only a problem.
func applyUpdates(file string, data []byte, updates []AccessUpdate) ([]byte, []string, *Problem) {
	problems := make([]string, len(updates))
	root, problem := parseFile(file, data)
	if problem != nil {
		return nil, nil, problem
	}
	if len(updates) == 0 {
		return data, problems, nil
	}
	markLen := len(data) - len(bytes.TrimPrefix(data, byteOrderMark))
	e := &editor{data: data, lines: []int{markLen}}
	for i, b := range data {
		if b == '\n' {
			e.lines = append(e.lines, i+1)
		}
	}
	entries := entriesByPosition(root)
	made := make(map[*yaml.Node]AccessUpdate)
	for i, u := range updates {
		node, before := entries[[2]int{u.At.Line, u.At.Column}], len(e.edits)
		if e.problem = ""; node == nil {
			e.problem = "the entry comes from a YAML alias"
		} else if _, found := made[node]; found {
			e.problem = "the entry changes twice"
		} else if u.Left {
			e.markLeft(node, u.Email)
		} else {
			e.update(node, u)
		}
		if problems[i] = e.problem; e.problem != "" {
			e.edits = e.edits[:before]
		} else if !u.Left {
			made[node] = u
		}
	}
	changed := e.apply()
	after, problem := parseFile(file, changed)
	if problem != nil || !differsOnlyByUpdates(root, after, made) {
		return nil, problems, nil
	}
	return changed, problems, nil
}

// entriesByPosition returns the entries of users and of teams by line and column.
func entriesByPosition(root *yaml.Node) map[[2]int]*yaml.Node {
	entries := make(map[[2]int]*yaml.Node)
	for _, list := range peopleLists(root) {
		for _, item := range list.Content {
			if item.Kind != yaml.AliasNode {
				entries[[2]int{item.Line, item.Column}] = item
			}
		}
	}
	return entries
}

// offset returns the offset of n in the data.
func (e *editor) offset(n *yaml.Node) int {
	begin := e.lines[n.Line-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(e.data[begin:])
		begin += size
	}
	return begin
}

// lineStart returns the offset of the line on which n begins.
func (e *editor) lineStart(n *yaml.Node) int { return e.lines[n.Line-1] }

// nextLineStart returns the offset of the line below the line on which n begins.
func (e *editor) nextLineStart(n *yaml.Node) int {
	if n.Line < len(e.lines) {
		return e.lines[n.Line]
	}
	return len(e.data)
}

func (e *editor) replace(begin, end int, text string) {
	e.edits = append(e.edits, edit{begin, end, text})
}

// apply returns the data with all edits.
func (e *editor) apply() []byte {
	// e.edits begins with the edits of the last entry. If two edits are at the same offset, the lines of the upper entry
	// must come first.
	slices.Reverse(e.edits)
	slices.SortStableFunc(e.edits, func(a, b edit) int { return cmp.Compare(a.begin, b.begin) })
	var out []byte
	at := 0
	for _, one := range e.edits {
		out = append(out, e.data[at:one.begin]...)
		out = append(out, one.text...)
		at = one.end
	}
	return append(out, e.data[at:]...)
}

// markLeft adds a comment above the entry n, which says that the person left. It does nothing if the
// comment is already there.
func (e *editor) markLeft(n *yaml.Node, who org.Address) {
	start := e.lineStart(n)
	indent, _, isFirst := strings.Cut(dashBefore(e.data[start:], n), "-")
	if !isFirst {
		e.problem = "they left the organization, but the entry is not on a line of its own, so a comment cannot be added"
		return
	}
	if n.Line > 1 {
		above := strings.TrimSpace(string(e.data[e.lines[n.Line-2]:start]))
		if strings.HasPrefix(above, leftMark(who)) {
			return
		}
	}
	e.replace(start, start, fitLines(e.data, start, indent+leftMark(who)+
		": remove them from the roster, or use --invite-left --only EMAIL\n"))
}

// update changes the lists and the API access of the entry n.
func (e *editor) update(n *yaml.Node, u AccessUpdate) {
	if e.problem = tooManyNames(n, u); e.problem != "" {
		return
	}
	var fields []string // the keys that the entry does not have yet, with their values, as YAML
	if u.APIEnabled != nil {
		value := strconv.FormatBool(*u.APIEnabled)
		if old := valueOf(n, "api_enabled"); old == nil {
			fields = append(fields, "api_enabled: "+value)
		} else {
			e.replaceScalar(old, value)
		}
	}
	for _, kind := range org.Kinds {
		add, remove := u.Add[kind], u.Remove[kind]
		if len(add)+len(remove) == 0 {
			continue
		}
		if list := valueOf(n, kind.Plural()); list == nil {
			fields = append(fields, kind.Plural()+": "+flowList(add))
		} else {
			e.updateList(list, add, remove)
		}
	}
	if len(fields) == 0 {
		return
	}
	email := n
	if n.Kind == yaml.MappingNode {
		email = valueOf(n, "email")
	}
	if email == nil || email.Kind != yaml.ScalarNode || email.Anchor != "" {
		e.problem = "its address comes from a YAML alias or has an anchor"
		return
	}
	begin, end := e.span(email)
	switch {
	case end < 0:
		e.problem = "its address has several lines"
	case n.Kind == yaml.ScalarNode:
		e.replace(begin, begin, "{email: ")
		e.replace(end, end, ", "+strings.Join(fields, ", ")+"}")
	case n.Style&yaml.FlowStyle != 0:
		e.replace(end, end, ", "+strings.Join(fields, ", "))
	default:
		e.addLines(email, strings.Repeat(" ", n.Column-1), fields)
	}
}

// addLines adds lines below the line on which n begins. Each line gets the prefix.
func (e *editor) addLines(n *yaml.Node, prefix string, lines []string) {
	if len(lines) == 0 {
		return
	}
	text := ""
	for _, line := range lines {
		text += prefix + line + "\n"
	}
	end := e.nextLineStart(n)
	e.replace(end, end, fitLines(e.data, end, text))
}

// updateList changes a list of names.
func (e *editor) updateList(n *yaml.Node, add, remove []string) {
	switch {
	case n.Anchor != "":
		e.problem = "other entries use its list through a YAML alias"
	case n.Kind == yaml.AliasNode:
		begin, end := e.span(n)
		e.replace(begin, end, flowList(append(namesWithout(n, remove), add...)))
	case n.Kind != yaml.SequenceNode:
		e.problem = "it has no list there"
	case slices.ContainsFunc(n.Content, func(item *yaml.Node) bool {
		return item.Kind != yaml.ScalarNode || item.Anchor != ""
	}):
		e.problem = "its list has an alias or an anchor in it"
	case n.Style&yaml.FlowStyle != 0:
		e.updateFlowList(n, add, remove)
	default:
		e.updateBlockList(n, add, remove)
	}
}

// updateFlowList changes a list in brackets. The other names keep their form, for example their
// quotes.
func (e *editor) updateFlowList(n *yaml.Node, add, remove []string) {
	begin := e.offset(n)
	var texts []string
	at := begin + 1
	for _, item := range n.Content {
		var start int
		if start, at = e.span(item); at < 0 {
			e.problem = "a name in its list is written on several lines"
			return
		}
		if !slices.Contains(remove, strings.TrimSpace(item.Value)) {
			texts = append(texts, string(e.data[start:at]))
		}
	}
	end := bytes.IndexByte(e.data[at:], ']')
	if end < 0 || bytes.ContainsRune(e.data[begin:at+end], '#') {
		e.problem = "its list has a comment in it"
		return
	}
	if len(add) > 0 {
		list := flowList(add)
		texts = append(texts, list[1:len(list)-1])
	}
	e.replace(begin, at+end+1, "["+strings.Join(texts, ", ")+"]")
}

// updateBlockList changes a list with one line for each name.
func (e *editor) updateBlockList(n *yaml.Node, add, remove []string) {
	var removed []*yaml.Node
	for _, item := range n.Content {
		if slices.Contains(remove, strings.TrimSpace(item.Value)) {
			removed = append(removed, item)
		}
	}
	if len(removed) == len(n.Content) && len(add) == 0 {
		e.problem = "its list would be empty: write []"
		return
	}
	last := n.Content[len(n.Content)-1]
	dash := dashBefore(e.data[e.lineStart(last):], last)
	if dash == "" {
		e.problem = "a name in its list is not on a line of its own"
		return
	}
	for _, item := range removed {
		e.replace(e.lineStart(item), e.nextLineStart(item), "")
	}
	names := make([]string, len(add))
	for i, name := range add {
		names[i] = formatScalar(name)
	}
	e.addLines(last, dash, names)
}

// replaceScalar replaces a value on one line.
func (e *editor) replaceScalar(n *yaml.Node, text string) {
	begin, end := e.span(n)
	if end < 0 || n.Anchor != "" {
		e.problem = "its api_enabled has an anchor or several lines"
		return
	}
	e.replace(begin, end, text)
}

// quotedRegexp matches a text in double or single quotes that ends on the same line.
var quotedRegexp = lazyregexp.New(`^("(?:[^"\\]|\\.)*")|^('(?:[^']|'')*')(?:[^']|$)`)

// span returns the offsets of the beginning and the end of a scalar or an alias. end is -1 if the node
// has several lines, or if it is neither plain nor in quotes.
func (e *editor) span(n *yaml.Node) (begin, end int) {
	begin = e.offset(n)
	text := e.data[begin:e.nextLineStart(n)]
	switch {
	case n.Kind == yaml.AliasNode:
		return begin, begin + 1 + len(n.Value)
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		if match := quotedRegexp().FindSubmatch(text); match != nil {
			return begin, begin + len(match[1]) + len(match[2])
		}
	case bytes.HasPrefix(text, []byte(n.Value)):
		return begin, begin + len(n.Value)
	}
	return begin, -1
}

// differsOnlyByUpdates reports whether after differs from before only by the updates of entries, which are nodes
// in before. It removes the users of both.
func differsOnlyByUpdates(before, after *yaml.Node, updates map[*yaml.Node]AccessUpdate) bool {
	if after == nil {
		return false
	}
	if len(updates) == 0 {
		return equalNodes(before, after)
	}
	old, changed := valueOf(before, "users"), valueOf(after, "users")
	if old == nil || changed == nil || len(old.Content) != len(changed.Content) {
		return false
	}
	if hasAliasOf(before, old) { // the list of a team would change too
		return false
	}
	for i, entry := range old.Content {
		u, found := updates[entry]
		if found && !isUpdated(entry, changed.Content[i], u) || !found && !equalNodes(entry, changed.Content[i]) {
			return false
		}
	}
	old.Content, changed.Content = nil, nil
	return equalNodes(before, after)
}

// isUpdated reports whether the entry after differs from the entry before only by the update u.
func isUpdated(before, after *yaml.Node, u AccessUpdate) bool {
	if itemKey(after) != u.Email.Key() {
		return false
	}
	api := valueOf(before, "api_enabled")
	if u.APIEnabled != nil {
		api = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(*u.APIEnabled)}
	}
	if now := valueOf(after, "api_enabled"); (now == nil) != (api == nil) || now != nil && !equalNodes(now, api) {
		return false
	}
	isManaged := map[string]bool{"api_enabled": true}
	for _, kind := range org.Kinds {
		key := kind.Plural()
		isManaged[key] = true
		want := append(namesWithout(valueOf(before, key), u.Remove[kind]), u.Add[kind]...)
		if !slices.Equal(want, namesWithout(valueOf(after, key), nil)) {
			return false
		}
	}
	for key, value := range pairs(before) {
		if now := valueOf(after, key); !isManaged[key] && (now == nil || !equalNodes(value, now)) {
			return false
		}
	}
	return true
}

// namesWithout returns the names in the list n without those in remove; nil if n is nil.
func namesWithout(n *yaml.Node, remove []string) []string {
	var list []string
	if n != nil {
		for _, item := range followed(n).Content {
			if name := strings.TrimSpace(followed(item).Value); !slices.Contains(remove, name) {
				list = append(list, name)
			}
		}
	}
	return list
}
