package roster

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orgsync/orgsync/internal/org"
)

// sameSpelling makes cmp compare addresses by their spelling.
var sameSpelling = cmp.Comparer(func(a, b org.Address) bool { return a == b })

func refs(names ...string) []Ref {
	var list []Ref
	for _, n := range names {
		list = append(list, Ref{Name: n})
	}
	return list
}

func address(s string) org.Address { return org.MustParseAddress(s) }

func TestDraft(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	d := Draft{
		Organization: org.Organization{ID: "9a1e0000-0000-4000-8000-000000000001", Name: "Example\nOrg"},
		ReadAt:       time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC),
		Comments:     []string{"owner@example.com is the key's own user", "a service user: ci\nusers: []"},
		Entries: []Entry{
			{Person: Person{
				Email: address("ada@example.com"), Name: "Ada: \"Countess\" #1", APIEnabled: &yes,
				Access: Access{Groups: refs("everyone", "platform, all", "yes"), Roles: refs("123"),
					Policies: refs("read-only")},
				Aliases: []org.Address{address("ada@home.example")},
			}},
			{Person: Person{Email: address("*bob@example.com"), APIEnabled: &no, External: true},
				Comments: []string{"suspended\r\n- email: eve@example.com"}},
		},
	}
	want := `# yaml-language-server: $schema=./roster.schema.json
#
# The people of an organization, as read by 'orgsync import' on 2026-11-23. Applying this file changes nothing.
# orgsync does not change the groups of a person without a list of groups.
# The same applies to roles and policies.
#
# Not included:
# - owner@example.com is the key's own user
# - a service user: ci users: []

organization: 9a1e0000-0000-4000-8000-000000000001 # Example Org

users:
  - email: ada@example.com
    name: 'Ada: "Countess" #1'
    aliases: [ada@home.example]
    api_enabled: true
    groups: [everyone, 'platform, all', "yes"]
    roles: ["123"]
    policies: [read-only]
  # suspended - email: eve@example.com
  - email: '*bob@example.com'
    api_enabled: false
    external: true
`
	if diff := cmp.Diff(want, string(d.YAML())); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	plain := Draft{Organization: org.Organization{Name: "Example: Org"}, Entries: d.Entries[1:]}
	if !strings.Contains(string(plain.YAML()), "\norganization: 'Example: Org'\n") {
		t.Errorf("an organization without an id is not pinned by its name:\n%s", plain.YAML())
	}
	if nobody := (Draft{Entries: d.Entries}); strings.Contains(string(nobody.YAML()), "organization:") {
		t.Errorf("nothing is pinned:\n%s", nobody.YAML())
	}
}

// TestDraftByTeam checks that each group becomes a team, and that people with nothing but groups have no entry.
func TestDraftByTeam(t *testing.T) {
	t.Parallel()
	d := Draft{ByTeam: true, Entries: []Entry{
		{Person: Person{Email: address("ada@example.com"), Name: "Ada",
			Access: Access{Groups: refs("everyone", "plat: form")}}},
		{Person: Person{Email: address("bob@example.com"), Access: Access{Groups: refs("everyone")}}},
		{Person: Person{Email: address("cyd@example.com")}},
		{Person: Person{Email: address("dan@example.com"), Access: Access{Groups: refs("everyone")}},
			Comments: []string{"suspended"}},
		{Person: Person{Email: address("eve@example.com")}, SomeGroups: refs("everyone"),
			Comments: []string{"has 101 groups"}},
	}}
	_, got, _ := strings.Cut(string(d.YAML()), "\n\n")
	want := `teams:
  everyone:
    groups: [everyone]
    members:
      - ada@example.com
      - bob@example.com
      - dan@example.com
      - eve@example.com
  'plat: form':
    groups: ['plat: form']
    members:
      - ada@example.com

users:
  - email: ada@example.com
    name: Ada
  - email: cyd@example.com
  # suspended
  - email: dan@example.com
  # has 101 groups
  - email: eve@example.com
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestDraftByTeamLongName checks that the longest names of groups can be names of teams.
func TestDraftByTeamLongName(t *testing.T) {
	t.Parallel()
	for _, char := range []string{"🙂", "日", "'", `"`, `\`, "x"} {
		name := strings.Repeat(char, maxName)
		d := Draft{ByTeam: true, Entries: []Entry{{Person: Person{Email: address("ada@example.com"),
			Access: Access{Groups: refs(name)}}}}}
		r, err := parse("users.yaml", d.YAML())
		if err != nil || len(r.Teams) != 1 || r.Teams[0].Name != name || r.Teams[0].Groups[0].Name != name {
			t.Errorf("%s: %v", char, err)
		}
	}
}

// TestDraftByTeamKeepsEntries checks that a person in a team keeps an entry that says more than the team.
func TestDraftByTeamKeepsEntries(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Entry){
		"name: Ada":                   func(e *Entry) { e.Name = "Ada" },
		"note: ticket 12":             func(e *Entry) { e.Note = "ticket 12" },
		"until: 2027-03-31":           func(e *Entry) { e.Until = DayOf(time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC)) },
		"api_enabled: false":          func(e *Entry) { e.APIEnabled = new(false) },
		"external: true":              func(e *Entry) { e.External = true },
		"aliases: [ada@home.example]": func(e *Entry) { e.Aliases = []org.Address{address("ada@home.example")} },
		"roles: [deployer]":           func(e *Entry) { e.Roles = refs("deployer") },
		"policies: [read-only]":       func(e *Entry) { e.Policies = refs("read-only") },
		"# suspended":                 func(e *Entry) { e.Comments = []string{"suspended"} },
	} {
		e := Entry{Person: Person{Email: address("ada@example.com"), Access: Access{Groups: refs("everyone")}}}
		change(&e)
		text := string(Draft{ByTeam: true, Entries: []Entry{e}}.YAML())
		if _, users, _ := strings.Cut(text, "\nusers:\n"); !strings.Contains(users, want+"\n") {
			t.Errorf("no %q under users:\n%s", want, text)
		}
	}
}

func TestNameable(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"platform": true, "a, [b] #c": true, "größer": true, strings.Repeat("x", maxName): true, "👩‍💻": true,
		"": false, " ": false, " x": false, "x\ny": false, "x\ty": false, "x\x1b[31m": false, "x\u202ey": false,
		"x\xff":                        false,
		strings.Repeat("x", maxName+1): false,
	} {
		if IsValidName(s) != want {
			t.Errorf("Nameable(%q) is not %t", s, want)
		}
	}
}

// FuzzDraft checks that a roster with any names of people, groups and organizations has exactly these names.
func FuzzDraft(f *testing.F) {
	for _, s := range []string{
		"Ada", "a: b", "# no", "- email: eve@example.com", "x\nusers: []", "\"", "'", "[a, b]", "{a: b}", "*a", "&a",
		"!!int 1", "yes", "~", "0x1f", "1e3",
		"2026-01-01", "<<", "%YAML", "---", "...", "<<<<<<< ours", "?", "| x", "> x", "\u2028", "\x1b[31m", "\ufeff", "\xff",
		" a ", "\t", "🙂", "@", "`", "=", ",",
		"190:20:30", "\u200e", "a #b", "\r", "\u0085", "\U0001fffe", "key:", "''", "\\n",
	} {
		f.Add(s, s+"@example.com", s)
	}
	f.Add("Ada", "!ada@example.com", "a")
	f.Fuzz(func(t *testing.T, name, email, group string) {
		first, err := org.ParseAddress(email)
		if err != nil || strings.Contains(email, "*") || first.Equal(address("zoe@example.com")) ||
			first.Equal(address("plain@home.example")) {
			first = address("ada@example.com")
		}
		want := []Person{
			{Email: first, Name: toOneLine(name, maxPersonName), Access: Access{Groups: refs("everyone")},
				Aliases: []org.Address{address("plain@home.example")}},
			{Email: address("zoe@example.com"), Access: Access{Roles: refs("deployer")}},
		}
		if IsValidName(group) && group != "everyone" {
			want[0].Groups = append(want[0].Groups, Ref{Name: group})
		}
		want[0].Policies = want[0].Groups
		d := Draft{
			Organization: org.Organization{ID: group, Name: name},
			Comments:     []string{name, group},
			Entries: []Entry{{Person: want[0], Comments: []string{email, name}},
				{Person: want[1], Comments: []string{group}}},
		}
		d.Entries[0].Name = name
		text := d.YAML()
		got, err := parse("users.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		where := cmpopts.IgnoreTypes(Position{})
		if diff := cmp.Diff(want, got.People, sameSpelling, where); diff != "" {
			t.Errorf("people (-want +got):\n%s\n%s", diff, text)
		}
		if pin := got.Organization; pin != "" && pin != group && pin != name || IsValidName(group) && pin != group {
			t.Errorf("the pin is %q\n%s", pin, text)
		}
		d.ByTeam = true
		text = d.YAML()
		got, err = parse("users.yaml", text)
		if err != nil {
			t.Fatalf("by team: %v\n%s", err, text)
		}
		wantGroups, gotGroups := map[string][]string{}, map[string][]string{}
		for i, people := range [][]Person{want, got.People} {
			groups := []map[string][]string{wantGroups, gotGroups}[i]
			for _, p := range people {
				groups[p.Email.String()] = []string{}
				for _, ref := range p.Groups {
					groups[p.Email.String()] = append(groups[p.Email.String()], ref.Name)
				}
				slices.Sort(groups[p.Email.String()])
			}
		}
		if diff := cmp.Diff(wantGroups, gotGroups); diff != "" {
			t.Errorf("groups by team (-want +got):\n%s\n%s", diff, text)
		}
		if again := toOneLine(want[0].Name, maxPersonName); again != want[0].Name ||
			utf8.RuneCountInString(again) > maxPersonName {
			t.Errorf("the name %q becomes %q", want[0].Name, again)
		}
	})
}

// FuzzMerge checks that Merge adds exactly the new people to any roster, or returns an error.
func FuzzMerge(f *testing.F) {
	err := filepath.WalkDir(testdata, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && len(data) < 4096 {
			f.Add(data)
		}
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, tt := range mergeTests {
		f.Add([]byte(tt.file))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before, err := parse("users.yaml", data)
		if err != nil {
			return
		}
		for _, p := range before.People {
			for _, a := range append(p.Aliases, p.Email) {
				if a.Equal(newcomer.Email) {
					return
				}
			}
		}
		merged, err := Merge("users.yaml", data, []Entry{newcomer})
		if err != nil {
			return
		}
		if !isSubsequence(data, merged) {
			t.Errorf("bytes are lost:\n%q\n%q", data, merged)
		}
		after, err := parse("users.yaml", merged)
		if err != nil && strings.Contains(err.Error(), "outside the allowed domains") {
			return
		}
		if err != nil {
			t.Fatalf("%v\n%q\n%q", err, data, merged)
		}
		where := cmpopts.IgnoreTypes(Position{})
		onlyInTeams := func(p Person) bool { return p.OnlyInTeams }
		last := slices.IndexFunc(after.People, onlyInTeams) - 1 // of those in users
		if last < 0 {
			last = len(after.People) - 1
		}
		rest := slices.Delete(slices.Clone(after.People), last, last+1)
		if diff := cmp.Diff(before.People, rest, sameSpelling, where); diff != "" {
			t.Errorf("people (-before +after):\n%s\n%q", diff, merged)
		}
		if diff := cmp.Diff(before.Settings, after.Settings, sameSpelling); diff != "" ||
			before.Organization != after.Organization {
			t.Errorf("settings (-before +after):\n%s", diff)
		}
		if after.People[last].Email != newcomer.Email {
			t.Errorf("the last one is %s", after.People[last].Email)
		}
	})
}

func isSubsequence(part, whole []byte) bool {
	for _, b := range whole {
		if len(part) > 0 && part[0] == b {
			part = part[1:]
		}
	}
	return len(part) == 0
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"Ada\r\nL.": "Ada L.", " a\t\u2028b ": "a b", "\x1b[31mred\u202e": "[31mred", "\xff": "\ufffd", "\n": "",
		"abcdefghijk": "abcdefghi…", "abcdefgh  ijk": "abcdefgh …",
	} {
		if got := toOneLine(s, 10); got != want {
			t.Errorf("oneLine(%q) = %q, want %q", s, got, want)
		}
		if strings.ContainsFunc(toOneLine(s, 10), unicode.IsControl) {
			t.Errorf("oneLine(%q) has a control character", s)
		}
	}
}
