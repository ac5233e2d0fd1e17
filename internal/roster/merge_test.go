package roster

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var newcomer = Entry{Person: Person{Email: address("new@example.com"), Access: Access{Groups: refs("platform")}},
	Comments: []string{"invited"}}

// mergeTests are rosters with an X at the place of the new person, or with the text of the error.
var mergeTests = []struct {
	name, file, err string
}{
	{"at the end", "users:\n  - email: ada@example.com\nX", ""},
	{"without a line feed", "users:\n  - email: ada@example.com\nX", ""},
	{"not indented", "users:\n- email: ada@example.com\n- email: bob@example.com\nX", ""},
	{"indented deeply", "users:\n      -   email: ada@example.com\n          name: Ada\nX", ""},
	{"a key follows", "users:\n  - email: ada@example.com\nX\n# who may do what\ndefaults:\n  groups: [all]\n", ""},
	{"comments follow", "users:\n  - email: ada@example.com # first\n    # her note\nX\n  # - email: " +
		"old@example.com\n\n# the end\n", ""},
	{"comments before", "# top\nusers: # all\n  # team a\n\n  - email: ada@example.com\nX", ""},
	{"a text that looks like a comment", "users:\n  - email: ada@example.com\n    note: |\n      one\n      # " +
		"two\nX\nsettings:\n  max_invites: 1\n", ""},
	{"a text over several lines", "users:\n  - email: ada@example.com\n    note: \"one\n      two\"\nX", ""},
	{"a list over several lines", "users:\n  - email: ada@example.com\n    groups: [\n      one,\n    ]\nX\n", ""},
	{"windows", "users:\r\n  - email: ada@example.com\r\nX", ""},
	{"end of the document", "---\nusers:\n  - email: ada@example.com\nX...\n# after\n", ""},
	{"a mark of byte order", "\ufeffusers:\n  - email: ada@example.com\nX", ""},
	{"an anchor", "users: &all\n  - &ada\n    email: ada@example.com\n  - email: bob@example.com\nX", ""},
	{"an alias makes them members", "users: &all\n  - ada@example.com\nteams:\n  ops: {groups: [a], members: *all}\n",
		`users.yaml:1:8: the alias *all puts the people of this list into another list too`},
	{"users first", "users:\n  - email: ada@example.com\nX\norganization: Example Org\n", ""},
	{"letters beyond ASCII", "users:\n  - name: Zoë\n    email: ada@example.com\nX", ""},

	{"short entries", "users:\n  - ada@example.com # first\n  - bob@example.com\nX", ""},
	{"teams follow", "users:\n  - ada@example.com\nX\nteams:\n  ops: {members: [bob@example.com]}\n", ""},
	{"teams only, on one line", "{teams: {ops: {members: [bob@example.com]}}}\n",
		`users.yaml:1:1: "users" must be a list`},
	{"teams only, and the document ends", "teams: {ops: {members: [bob@example.com]}}\n...\n", `add people to users.yaml`},
	{"on one line", "users: [{email: ada@example.com}]\n", `users.yaml:1:8: "users" must be a list`},
	{"all on one line", "{users: [{email: ada@example.com}]}\n", `users.yaml:1:9: "users" must be a list`},
	{"nobody", "users:\n", `"users" must be a list`},
	{"no users", "organization: Example Org\n", `users.yaml:1:1: "users" must be a list`},
	{"dashes apart", "users:\n  -\n    email: ada@example.com\n", `no entry begins with "- email:" on one line`},
	{"broken", "users:\n  - email: 'ada\n", "not closed"},
	{"a text that would grow", "users:\n  - email: ada@example.com\n    note: |+\n      one\n\n\n",
		"would then mean something else"},
}

func TestMerge(t *testing.T) {
	t.Parallel()
	for _, tt := range mergeTests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before, after, _ := strings.Cut(tt.file, "X")
			data := before + after
			if tt.name == "without a line feed" {
				data = strings.TrimSuffix(data, "\n")
			}
			got, err := Merge("users.yaml", []byte(data), []Entry{newcomer, {Person: Person{Email: address("zoe@example.com")}}})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("the error is %v, want one with %q; text:\n%s", err, tt.err, got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			// The new person is indented like the dash of the last entry.
			dash := before[strings.LastIndex("\n"+before[:strings.LastIndex(before, "- ")], "\n"):]
			indent := dash[:strings.Index(dash, "-")]
			lines := indent + "# invited\n" + indent + "- email: new@example.com\n" + indent + "  groups: [platform]\n" +
				indent + "- email: zoe@example.com\n"
			if strings.Contains(data, "\r\n") {
				lines = strings.ReplaceAll(lines, "\n", "\r\n")
			}
			if diff := cmp.Diff(before+lines+after, string(got)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if _, err := parse("users.yaml", got); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMergeNobody(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"users: [{email: ada@example.com}]", "users:\n- email: 'a", ""} {
		got, err := Merge("users.yaml", []byte(text), nil)
		if err != nil || string(got) != text {
			t.Errorf("adding nobody to %q gives %q, %v", text, got, err)
		}
	}
	var problems *ProblemsError
	const teams = "teams:\n  ops:\n    members:\n      - bob@example.com # on call\n# the end"
	want := teams + "\nusers:\n  # invited\n  - email: new@example.com\n    groups: [platform]\n"
	got, err := Merge("users.yaml", []byte(teams), []Entry{newcomer})
	if diff := cmp.Diff(want, string(got)); err != nil || diff != "" {
		t.Errorf("a file with teams only: %v (-want +got):\n%s", err, diff)
	}
	if _, err := Merge("users.yaml", []byte("a: 'b"), []Entry{newcomer}); !errors.As(err, &problems) {
		t.Errorf("a file that is no YAML: %v", err)
	}
}
