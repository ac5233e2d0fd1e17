package roster

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Format sorts people within their blocks, removes white space that means nothing, and keeps the rest.
func TestFormat(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, before, want string }{
		{"sorted", "users:\n  - ada@example.com\n  - bob@example.com\n", ""},
		{"one block", "users:\n  - email: bob@example.com # second\n    name: Bob\n  - ada@example.com\n  - " +
			"Aaron@example.com\n",
			"users:\n  - Aaron@example.com\n  - ada@example.com\n  - email: bob@example.com # second\n    name: Bob\n"},
		{"blocks", "users:\n  # team b\n  - d@example.com\n  - c@example.com\n\n  - b@example.com\n  # here\n  - " +
			"a@example.com\n  # the end\n",
			"users:\n  # team b\n  - c@example.com\n  - d@example.com\n\n  - b@example.com\n  # here\n  - a@example.com\n  # " +
				"the end\n"},
		{"teams", "teams:\n  ops:\n    members:\n    - {email: b@example.com, until: 2027-01-01}\n    - a@example.com\n  " +
			"dev:\n    members: [b@example.com, a@example.com]\nusers: [c@example.com, b@example.com]\n",
			"teams:\n  ops:\n    members:\n    - a@example.com\n    - {email: b@example.com, until: 2027-01-01}\n  dev:\n    " +
				"members: [b@example.com, a@example.com]\nusers: [c@example.com, b@example.com]\n"},
		{"a comment inside an entry", "users:\n  - email: b@example.com\n    # why\n    name: B\n  - a@example.com\n",
			"users:\n  - a@example.com\n  - email: b@example.com\n    # why\n    name: B\n"},
		{"spaces", "\n\nusers:  \n  - email:   b@example.com   # x  \n    name:\tB\n\n\n\n  - a@example.com\n\n\n",
			"users:\n  - email: b@example.com   # x\n    name:\tB\n\n  - a@example.com\n"},
		{"no newline at the end", "users:\n  - b@example.com\n  - a@example.com", "users:\n  - a@example.com\n  - " +
			"b@example.com\n"},
		{"windows", "users:\r\n  - b@example.com\r\n  - a@example.com\r\n", "users:\r\n  - a@example.com\r\n  - " +
			"b@example.com\r\n"},
		{"a key follows", "users:\n- b@example.com\n- a@example.com\n# what\ndefaults:\n  groups: [x]\n",
			"users:\n- a@example.com\n- b@example.com\n# what\ndefaults:\n  groups: [x]\n"},
		{"a comment with the address of the entry below", "users:\n  # people\n  # B@example.com: left\n  - b@example.com\n" +
			"  - a@example.com\n",
			"users:\n  # people\n  - a@example.com\n  # B@example.com: left\n  - b@example.com\n"},
		{"a comment with another form of the address of the entry below", "users:\n  - b@example.com\n" +
			"  # Zoë@bücher.example left the organization\n  - Zoë@bücher.example\n  - a@example.com\n",
			"users:\n  - a@example.com\n  - b@example.com\n  # Zoë@bücher.example left the organization\n" +
				"  - Zoë@bücher.example\n"},
		{"a heading that mentions the address of the entry below", "users:\n  # led by b@example.com\n  - b@example.com\n" +
			"  - a@example.com\n", "users:\n  # led by b@example.com\n  - a@example.com\n  - b@example.com\n"},
		{"a comment with the address of another entry", "users:\n  - c@example.com\n  # not bb@example.com\n" +
			"  - b@example.com\n  - a@example.com\n",
			"users:\n  - c@example.com\n  # not bb@example.com\n  - a@example.com\n  - b@example.com\n"},
		{"a key that is a comment", "users:\n  - email: b@example.com\n    # until: 2027-01-01\n  - a@example.com\n" +
			"    # note: x\n",
			"users:\n  - a@example.com\n    # note: x\n  - email: b@example.com\n    # until: 2027-01-01\n"},
		{"a comment below a blank line", "users:\n  - b@example.com\n\n    # here\n  - a@example.com\n", ""},
		{"an entry behind an alias", "x-b: &b {email: b@example.com}\nusers:\n  - c@example.com\n  - *b\n  - a@example.com\n",
			"x-b: &b {email: b@example.com}\nusers:\n  - a@example.com\n  - *b\n  - c@example.com\n"},
		{"a key without a value", "x-a:\n  b:    # nothing\nusers:\n  - a@example.com\n", ""},
		{"a literal text", "users:\n  - email: b@example.com\n    note: |\n      two  \n\n\n      lines\n  - a@example.com\n",
			"users:\n  - a@example.com\n  - email: b@example.com\n    note: |\n      two  \n\n\n      lines\n"},
		{"spaces outside of a literal text", "x-a:   1\nusers:\n  - email: a@example.com\n    note: |\n      two  \n\n\n" +
			"      lines\n    name:   A  \n",
			"x-a: 1\nusers:\n  - email: a@example.com\n    note: |\n      two  \n\n\n      lines\n    name: A\n"},
		{"columns in braces, and before brackets", "users:\n  - {email:   a@example.com, name:  A}\n" +
			"  - email: b@example.com\n    groups:   [x]\n", ""},
		{"an empty text", "x-a:   \"\"\nusers:\n  - a@example.com\n", "x-a: \"\"\nusers:\n  - a@example.com\n"},
		{"a text over several lines", "users:\n  - email: b@example.com\n    note: \"a\n\n\n      b\"\n", ""},
		{"an anchor that would be below its alias", "users:\n  - &b {email: b@example.com, groups: &g [x]}\n  - {email: " +
			"a@example.com, groups: *g}\n", ""},
		{"an anchor that is defined twice", "x-g: &g [x]\nusers:\n  - {email: b@example.com, groups: &g [y]}\n  - {email: " +
			"a@example.com, groups: *g}\n", ""},
		{"dashes apart", "users:\n  -\n    email: b@example.com\n  - a@example.com\n", ""},
		{"a mark of byte order", "\ufeffusers:\n  - b@example.com\n  - a@example.com\n",
			"\ufeffusers:\n  - a@example.com\n  - b@example.com\n"},
		{"no roster", "a: 1\n", ""},
		{"an entry without a valid address", "users:\n  - d@example.com\n  - c@example.com\n  - nobody\n" +
			"  - b@example.com\n  - a@example.com\n",
			"users:\n  - c@example.com\n  - d@example.com\n  - nobody\n  - a@example.com\n  - b@example.com\n"},
		{"an entry that is a list", "users:\n  - [email, b@example.com]\n  - a@example.com\n", ""},
		{"a comment of the entry above with the address of the entry below", "users:\n  - b@example.com\n" +
			"    # a@example.com: their manager\n  - a@example.com\n",
			"users:\n  - a@example.com\n  - b@example.com\n    # a@example.com: their manager\n"},
		{"a comment with the address of the entry below, above a blank line", "users:\n  - b@example.com\n" +
			"  # a@example.com: left\n\n  - a@example.com\n", ""},
		{"an empty comment", "users:\n  - b@example.com\n  #\n  - a@example.com\n", ""},
		{"a line with only spaces", "users:\n  - b@example.com\n      \n  - a@example.com\n",
			"users:\n  - b@example.com\n\n  - a@example.com\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := tt.want
			if want == "" {
				want = tt.before
			}
			got, err := Format("users.yaml", []byte(tt.before))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			again, err := Format("users.yaml", got)
			if err != nil || !bytes.Equal(got, again) {
				t.Errorf("a formatted file changes: %v\n%s", err, again)
			}
		})
	}
}

// FuzzFormat checks that Format keeps the content, and that a second Format changes nothing.
func FuzzFormat(f *testing.F) {
	err := filepath.WalkDir(testdata, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
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
	f.Add([]byte("x-g: &g [x]\nusers:\n  - {email: b@a.test, groups: &g [y]}\n  - {email: a@a.test, groups: *g}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before, err := parse("users.yaml", data)
		if err != nil {
			_, _ = Format("users.yaml", data)
			return
		}
		formatted, err := Format("users.yaml", data)
		if err != nil {
			t.Fatal(err)
		}
		after, err := parse("users.yaml", formatted)
		if err != nil {
			t.Fatalf("%v\n%q\n%q", err, data, formatted)
		}
		content := func(r *Roster) map[string]Person {
			people := map[string]Person{}
			for _, p := range r.People {
				p.At = Position{}
				for _, refs := range []*[]Ref{&p.Groups, &p.Roles, &p.Policies} {
					for i := range *refs {
						(*refs)[i].At = Position{}
					}
				}
				for i := range p.Teams {
					p.Teams[i].At = Position{}
				}
				people[p.Email.Key()] = p
			}
			return people
		}
		if diff := cmp.Diff(content(before), content(after), sameSpelling); diff != "" {
			t.Errorf("people (-before +after):\n%s\n%q\n%q", diff, data, formatted)
		}
	})
}

// TestSizeLimit checks that fmt and import --csv refuse a file that is too large for a roster.
func TestSizeLimit(t *testing.T) {
	t.Parallel()
	data := make([]byte, MaxFile+1)
	_, err := Format("users.yaml", data)
	_, csvErr := ParseCSV("users.yaml", data)
	for _, err := range []error{err, csvErr} {
		if err == nil || !strings.Contains(err.Error(), "users.yaml is larger than 64 MiB") {
			t.Errorf("%.200v", err)
		}
	}
}

// TestFormatByteOrderMark checks that fmt keeps a byte-order mark, and formats the rest as without it.
func TestFormatByteOrderMark(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"organization: Example Org\nusers:\n  - ada@example.com\n",
		"organization:   Example Org\nusers:\n  - bob@example.com  \n  - ada@example.com\n\n",
		"users:\n  - bob@example.com\n  - ada@example.com",
		"",
	} {
		const mark = "\ufeff"
		want, err := Format("users.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Format("users.yaml", []byte(mark+text))
		if err != nil || string(got) != mark+string(want) {
			t.Errorf("%q becomes %q, want %q (%v)", mark+text, got, mark+string(want), err)
		}
	}
}
