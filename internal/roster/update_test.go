package roster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/org"
)

// drifted is a roster with every difference that can be changed in place; driftWant is the result.
const (
	drifted = `# Our people.
defaults: {groups: [everyone]}
teams:
  ops:
    members:
      - tom@example.com # on call
      - tia@example.com
users:
  # the boss
  - email: ada@example.com   # first
    groups: [platform,  'old one',  "kept"]   # by hand
    api_enabled: no
    roles:
      - deployer   # why
      # between
      - auditor
  - {name: Bob, email: bob@example.com, groups: [old], api_enabled: "yes"} # flow

  - cy@example.com # short
  - groups: *shared
    email: dee@example.com
  - email: eve@example.com
    note: |
      # not a comment
  - email: gone@example.com
x-shared: [a]
`
	driftWant = `# Our people.
defaults: {groups: [everyone]}
teams:
  ops:
    members:
      # tom@example.com left the organization: remove them from the roster, or use --invite-left --only EMAIL
      - tom@example.com # on call
      - tia@example.com
users:
  # the boss
  - email: ada@example.com   # first
    policies: [billing, 'a, b']
    groups: [platform, "kept", new]   # by hand
    api_enabled: true
    roles:
      # between
      - auditor
      - reader
  - {name: Bob, email: bob@example.com, groups: [], api_enabled: false} # flow

  - {email: cy@example.com, api_enabled: true, groups: [x]} # short
  - groups: [a, b]
    email: dee@example.com
  - email: eve@example.com
    groups: [q]
    note: |
      # not a comment
  # gone@example.com left the organization: remove them from the roster, or use --invite-left --only EMAIL
  - email: gone@example.com
  - email: tia@example.com
    groups: [z]
x-shared: [a]
`
)

// driftUpdates returns the differences, with the positions in r.
func driftUpdates(t *testing.T, r *Roster) []AccessUpdate {
	t.Helper()
	yes, no := true, false
	const group, role, policy = org.KindGroup, org.KindRole, org.KindPolicy
	updates := []AccessUpdate{
		{Email: address("gone@example.com"), Left: true},
		{Email: address("ada@example.com"), APIEnabled: &yes,
			Add:    map[org.Kind][]string{group: {"new"}, role: {"reader"}, policy: {"billing", "a, b"}},
			Remove: map[org.Kind][]string{group: {"old one"}, role: {"deployer"}}},
		{Email: address("bob@example.com"), APIEnabled: &no, Remove: map[org.Kind][]string{group: {"old"}}},
		{Email: address("cy@example.com"), APIEnabled: &yes, Add: map[org.Kind][]string{group: {"x"}}},
		{Email: address("dee@example.com"), Add: map[org.Kind][]string{group: {"b"}}},
		{Email: address("eve@example.com"), Add: map[org.Kind][]string{group: {"q"}}},
		{Email: address("tom@example.com"), Left: true},
		{Email: address("tia@example.com"), Add: map[org.Kind][]string{group: {"z"}}},
	}
	for i := range updates {
		p := r.Find(updates[i].Email)
		updates[i].At, updates[i].OnlyInTeams = p.At, p.OnlyInTeams
	}
	return updates
}

// UpdateAccess writes only values that change, in every form of an entry, with LF, CRLF and a byte-order mark.
func TestUpdateAccess(t *testing.T) {
	t.Parallel()
	// The anchor is above its alias, as YAML needs it.
	text := strings.Replace(strings.Replace(drifted, "x-shared: [a]\n", "", 1), "# Our people.\n",
		"# Our people.\nx-shared: &shared [a]\n", 1)
	want := strings.Replace(strings.Replace(driftWant, "x-shared: [a]\n", "", 1), "# Our people.\n",
		"# Our people.\nx-shared: &shared [a]\n", 1)
	for name, form := range map[string]func(string) string{
		"LF":              func(s string) string { return s },
		"CRLF":            func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"byte order mark": func(s string) string { return "\ufeff" + s },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := parse("users.yaml", []byte(form(text)))
			if err != nil {
				t.Fatal(err)
			}
			updates := driftUpdates(t, r)
			got, failed, err := UpdateAccess("users.yaml", []byte(form(text)), updates)
			if err != nil || len(failed) > 0 {
				t.Fatalf("%v, by hand: %q", err, failed)
			}
			if diff := cmp.Diff(form(want), string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			// A second update adds no second comment.
			after, err := parse("users.yaml", got)
			if err != nil {
				t.Fatal(err)
			}
			var left []AccessUpdate
			for _, u := range driftUpdates(t, after) {
				if u.Left {
					left = append(left, u)
				}
			}
			again, failed, err := UpdateAccess("users.yaml", got, left)
			if err != nil || len(failed) > 0 || string(again) != string(got) {
				t.Errorf("marked again: %v, %q\n%s", err, failed, again)
			}
		})
	}
}

// UpdateAccess skips and reports an update that would change something else.
func TestUpdateAccessByHand(t *testing.T) {
	t.Parallel()
	addNew := AccessUpdate{Add: map[org.Kind][]string{org.KindGroup: {"new"}}}
	allowAPI := AccessUpdate{APIEnabled: new(true)}
	for name, tt := range map[string]struct {
		entry, want string
		update      AccessUpdate // of ada; if it is empty, the group "old" is removed
	}{
		"an address behind an alias": {entry: "- name: &ada ada@example.com\n    email: *ada", update: addNew,
			want: "its address comes from a YAML alias or has an anchor"},
		"an address with an anchor": {entry: "- &ada ada@example.com", update: addNew,
			want: "its address comes from a YAML alias or has an anchor"},
		"an address that needs quotes in braces": {entry: "- ada}@example.com", update: addNew,
			want: "the way in which it is written is not supported"},
		"an alias in the list": {entry: "- email: ada@example.com\n    roles: [&k kept]\n    groups: [old, *k]",
			want: "its list has an alias or an anchor in it"},
		"a name over two lines at the end of a block list": {update: addNew,
			entry: "- email: ada@example.com\n    groups:\n      - \"a\n        b\"",
			want:  "the way in which it is written is not supported"},
		"API access with an anchor": {entry: "- email: ada@example.com\n    api_enabled: &no no", update: allowAPI,
			want: "its api_enabled has an anchor or several lines"},
		"API access on several lines": {entry: "- email: ada@example.com\n    api_enabled: |-\n      no", update: allowAPI,
			want: "its api_enabled has an anchor or several lines"},
		"a list that others use": {
			entry: "- {email: ada@example.com, groups: &g [old]}\n  - {email: bob@example.com, groups: *g}",
			want:  "other entries use its list"},
		"a comment in the list": {entry: "- email: ada@example.com\n    groups: [old, # why\n      kept]",
			want: "has a comment in it"},
		"an empty block list": {entry: "- email: ada@example.com\n    groups:\n      - old", want: "would be empty"},
		"a name over two lines": {entry: "- email: ada@example.com\n    groups: [old, \"a\n      b\"]",
			want: "written on several lines"},
		"the list is a YAML trap": {
			entry: "- email: ada@example.com\n    groups:\n      - \"old\" \n      - &x kept\n    roles: [*x]",
			want:  "has an alias or an anchor"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "users:\n  " + tt.entry + "\n  - {email: zoe@example.com, groups: [old]}\n"
			r, err := parse("users.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			var updates []AccessUpdate
			ada, zoe := r.People[0], r.Find(address("zoe@example.com"))
			for i, p := range []*Person{&ada, zoe} {
				u := tt.update
				if i > 0 || u.APIEnabled == nil && len(u.Add) == 0 {
					u = AccessUpdate{Remove: map[org.Kind][]string{org.KindGroup: {"old"}}}
				}
				u.Email, u.At = p.Email, p.At
				updates = append(updates, u)
			}
			got, failed, err := UpdateAccess("users.yaml", []byte(text), updates)
			if err != nil || len(failed) != 1 || !strings.Contains(failed[0], tt.want) ||
				!strings.HasPrefix(failed[0], ada.Email.String()+" at users.yaml:2:5: ") {
				t.Errorf("%v, by hand: %q, want %q", err, failed, tt.want)
			}
			if want := strings.Replace(text, "{email: zoe@example.com, groups: [old]}", "{email: zoe@example.com, groups: []}",
				1); string(got) != want {
				t.Errorf("the text (-want +got):\n%s", cmp.Diff(want, string(got)))
			}
		})
	}
}

// UpdateAccess changes no entry that a team uses through an alias: members of a team have no access of their own.
func TestUpdateAccessOfEntryInTeam(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"users:\n  - &ada {email: ada@example.com}\n  - bob@example.com\nteams:\n  ops: {members: [*ada]}\n",
		"users: &all\n  - {email: ada@example.com}\n  - bob@example.com\nteams:\n  ops: {members: *all}\n",
	} {
		r, err := parse("users.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, failed, err := UpdateAccess("users.yaml", []byte(text), []AccessUpdate{{Email: r.People[0].Email,
			At: r.People[0].At, Add: map[org.Kind][]string{org.KindGroup: {"new"}}}})
		if err != nil || len(failed) != 1 || string(got) != text {
			t.Errorf("%v, by hand: %q\n%s", err, failed, got)
		}
	}
}

// UpdateAccess writes no list that is too long for a roster.
func TestUpdateAccessOfTooManyNames(t *testing.T) {
	t.Parallel()
	const text = "users:\n  - {email: ada@example.com, groups: [old]}\n  - bob@example.com\n" +
		"teams:\n  ops: {groups: [], members: [cy@example.com]}\n"
	names := make([]string, MaxRefs+1)
	for i := range names {
		names[i] = fmt.Sprintf("group %d", i)
	}
	r, err := parse("users.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for i, tt := range []struct {
		add  []string
		want bool
	}{{names[:MaxRefs], false}, {names, false}, {names, false}, {names[:MaxRefs-1], true}} {
		p := r.People[i%len(r.People)]
		got, failed, err := UpdateAccess("users.yaml", []byte(text), []AccessUpdate{{Email: p.Email, At: p.At,
			OnlyInTeams: p.OnlyInTeams, Add: map[org.Kind][]string{org.KindGroup: tt.add}}})
		if err != nil || string(got) != text != tt.want || len(failed) == 0 != tt.want {
			t.Errorf("%v: %v, by hand: %q\n%s", p.Email, err, failed, got)
		}
		if _, err := parse("users.yaml", got); err != nil {
			t.Errorf("%v: %.200v", p.Email, err)
		}
	}
}

// UpdateAccess changes lists with one line for each name.
func TestUpdateAccessBlockList(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		list        string
		add, remove []string
		want        string
	}{
		"one of two names is removed": {"- old\n- kept\n", nil, []string{"old"}, "- kept\n"},
		"the only name is replaced":   {"- old\n", []string{"new"}, []string{"old"}, "- new\n"},
	} {
		const entry = "users:\n- email: ada@example.com\n  groups:\n"
		u := AccessUpdate{Email: address("ada@example.com"), At: Position{"users.yaml", 2, 3},
			Add:    map[org.Kind][]string{org.KindGroup: tt.add},
			Remove: map[org.Kind][]string{org.KindGroup: tt.remove}}
		got, failed, err := UpdateAccess("users.yaml", []byte(entry+"  "+strings.ReplaceAll(tt.list, "\n-", "\n  -")),
			[]AccessUpdate{u})
		if err != nil || len(failed) > 0 {
			t.Errorf("%s: %v, by hand: %q", name, err, failed)
		}
		if diff := cmp.Diff(entry+"  "+tt.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// UpdateAccess adds lines at the end of an entry above the comment of the next entry.
func TestUpdateAccessAboveLeft(t *testing.T) {
	t.Parallel()
	const text = "users:\n  - email: ada@example.com\n    groups:\n      - old\n  - email: bob@example.com\n" +
		"  - email: cy@example.com\n"
	const want = "users:\n  - email: ada@example.com\n    groups:\n      - old\n      - new\n" +
		"  # bob@example.com left the organization: remove them from the roster, or use --invite-left --only EMAIL\n" +
		"  - email: bob@example.com\n    groups: [new]\n" +
		"  # cy@example.com left the organization: remove them from the roster, or use --invite-left --only EMAIL\n" +
		"  - email: cy@example.com\n"
	r, err := parse("users.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	add := map[org.Kind][]string{org.KindGroup: {"new"}}
	got, failed, err := UpdateAccess("users.yaml", []byte(text), []AccessUpdate{
		{Email: r.People[0].Email, At: r.People[0].At, Add: add},
		{Email: r.People[1].Email, At: r.People[1].At, Left: true},
		{Email: r.People[2].Email, At: r.People[2].At, Left: true},
		{Email: r.People[1].Email, At: r.People[1].At, Add: add},
	})
	if err != nil || len(failed) > 0 {
		t.Errorf("%v, by hand: %q", err, failed)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// UpdateAccess copies the names of a list behind an alias, also those that are behind an alias themselves.
func TestUpdateAccessBehindAliases(t *testing.T) {
	t.Parallel()
	const above = "x-admins: &a admins\nx-old: &o old\nx-groups: &groups [*a, users, *o]\n"
	const entry = "users:\n- email: ada@example.com\n  groups: "
	got, failed, err := UpdateAccess("users.yaml", []byte(above+entry+"*groups\n"), []AccessUpdate{{
		Email: address("ada@example.com"), At: Position{"users.yaml", 5, 3},
		Add:    map[org.Kind][]string{org.KindGroup: {"new"}},
		Remove: map[org.Kind][]string{org.KindGroup: {"old"}}}})
	if err != nil || len(failed) > 0 {
		t.Errorf("%v, by hand: %q", err, failed)
	}
	if diff := cmp.Diff(above+entry+"[admins, users, new]\n", string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// UpdateAccess returns the problem of a file that is not YAML, also if it adds no entry.
func TestUpdateAccessOfBrokenFile(t *testing.T) {
	t.Parallel()
	u := AccessUpdate{Email: address("ada@example.com"), At: Position{"users.yaml", 2, 5}, APIEnabled: new(true)}
	for _, text := range []string{"users:\n  - ada@example.com\n  - 'bob\n", "users:\n  - ada@example.com\n---\n"} {
		got, failed, err := UpdateAccess("users.yaml", []byte(text), []AccessUpdate{u})
		if _, ok := errors.AsType[*ProblemsError](err); !ok || got != nil || failed != nil {
			t.Errorf("%q: %q, by hand: %q, %v", text, got, failed, err)
		}
	}
}

// FuzzUpdateAccess checks that only the access of the entry changes, or that the file stays the same.
func FuzzUpdateAccess(f *testing.F) {
	f.Add([]byte("users:\n  - email: ada@example.com\n    groups: [a]\n"))
	f.Add([]byte("users: [ada@example.com, {email: bob@example.com, groups: [\"a\"], api_enabled: no}]\n"))
	f.Add([]byte("users:\n- groups:\n  - a\n  - b # c\n  email: 'ada@example.com'\n"))
	f.Add([]byte("x-g: &g [a]\nusers:\n- {groups: *g, email: \"ada@example.com\" }\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before, err := parse("users.yaml", data)
		if err != nil || before.People[0].OnlyInTeams {
			return
		}
		p := before.People[0]
		yes := true
		u := AccessUpdate{Email: p.Email, At: p.At, APIEnabled: &yes, Add: map[org.Kind][]string{org.KindGroup: {"new: one"}},
			Remove: map[org.Kind][]string{org.KindGroup: {"a"}}}
		got, failed, err := UpdateAccess("users.yaml", data, []AccessUpdate{u})
		if err != nil {
			t.Fatal(err)
		}
		if len(failed) > 0 {
			if string(got) != string(data) {
				t.Errorf("the file changes, though it says %q\n%q\n%q", failed, data, got)
			}
			return
		}
		after, err := parse("users.yaml", got)
		if err != nil {
			t.Fatalf("%v\n%q\n%q", err, data, got)
		}
		isNew := func(r Ref) bool { return r.Name == "new: one" }
		if p := after.People[0]; p.APIEnabled == nil || !*p.APIEnabled || !slices.ContainsFunc(p.Groups, isNew) {
			t.Errorf("the entry is not updated\n%q\n%q", data, got)
		}
		words := func(p Person) string {
			return fmt.Sprint(p.Email, p.Aliases, p.Name, p.Note, p.External, p.Until, len(p.Roles), len(p.Policies),
				len(p.Teams))
		}
		for i := range before.People {
			if words(before.People[i]) != words(after.People[i]) {
				t.Errorf("%s becomes %s\n%q\n%q", words(before.People[i]), words(after.People[i]), data, got)
			}
		}
	})
}

// TestDiffersOnlyByUpdates checks that differsOnlyByUpdates notices any change except the access of the updated
// entries.
func TestDiffersOnlyByUpdates(t *testing.T) {
	t.Parallel()
	const before = "defaults: {groups: [all]}\nusers:\n  - {email: ada@example.com, name: Ada, groups: [old]}\n  - " +
		"{email: bob@example.com, groups: [b]}\n"
	u := AccessUpdate{Email: address("ada@example.com"), Add: map[org.Kind][]string{org.KindGroup: {"new"}},
		Remove: map[org.Kind][]string{org.KindGroup: {"old"}}}
	for name, tt := range map[string]struct {
		old, new string
		want     bool
	}{
		"the update": {"[old]", "[new]", true},
		"nothing":    {"[old]", "[old]", false},
		"too much":   {"[old]", "[new, more]", false},
		"another entry": {"[old]}\n  - {email: bob@example.com, groups: [b]}",
			"[new]}\n  - {email: bob@example.com, groups: [c]}", false},
		"another key": {"name: Ada, groups: [old]", "name: Eve, groups: [new]", false},
		"the address": {"ada@example.com, name: Ada, groups: [old]",
			"eve@example.com, name: Ada, groups: [new]", false},
		"a key is lost": {"name: Ada, groups: [old]", "groups: [new]", false},
		"something else": {before, strings.Replace(strings.Replace(before, "[old]", "[new]", 1), "[all]", "[]",
			1), false},
		"an entry is added":    {before, strings.Replace(before, "[old]", "[new]", 1) + "  - cy@example.com\n", false},
		"the users are lost":   {before, "defaults: {groups: [all]}\n", false},
		"API access it lacked": {"groups: [old]", "groups: [new], api_enabled: yes", false},
	} {
		root, problem := parseFile("users.yaml", []byte(before))
		after, second := parseFile("users.yaml", []byte(strings.Replace(before, tt.old, tt.new, 1)))
		if problem != nil || second != nil {
			t.Fatal(problem, second)
		}
		users := valueOf(root, "users")
		if got := differsOnlyByUpdates(root, after, map[*yaml.Node]AccessUpdate{users.Content[0]: u}); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestDiffersInAPIAccess checks that differsOnlyByUpdates notices a change of API access that is not the update.
func TestDiffersInAPIAccess(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for name, tt := range map[string]struct {
		update *bool
		new    string
		want   bool
	}{
		"the update":         {&no, "false", true},
		"another value":      {&no, "true", false},
		"no update of it":    {nil, "false", false},
		"it stays the same":  {nil, "yes", true},
		"its other spelling": {&yes, "true", true},
	} {
		const before = "users:\n  - {email: ada@example.com, api_enabled: yes}\n"
		root, problem := parseFile("users.yaml", []byte(before))
		after, second := parseFile("users.yaml", []byte(strings.Replace(before, "yes", tt.new, 1)))
		if problem != nil || second != nil {
			t.Fatal(problem, second)
		}
		u := AccessUpdate{Email: address("ada@example.com"), APIEnabled: tt.update}
		entry := valueOf(root, "users").Content[0]
		if got := differsOnlyByUpdates(root, after, map[*yaml.Node]AccessUpdate{entry: u}); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
