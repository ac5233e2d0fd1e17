package roster

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
)

// parseWhole and parseParts read a file after another file, as a whole and split between any two people.
func parseWhole(data []byte) (*Roster, error) { return parseWith(data, len(data)+1) }
func parseParts(data []byte) (*Roster, error) { return parseWith(data, 0) }

func parseWith(data []byte, largeFile int) (*Roster, error) {
	d := newDecoder()
	d.decodeFile("first.yaml", []byte("users:\n  - email: first@example.org\n  - email: second@example.org\n"))
	d.largeFile, d.partSize = largeFile, 1
	d.decodeFile("users.yaml", data)
	return d.finish()
}

// isSplit reports whether a file of any size would be read in parts.
func isSplit(data []byte) bool {
	d := newDecoder()
	d.largeFile, d.partSize = 0, 1
	return d.parseFrame(data) != nil
}

// checkSameInParts fails the test if a file has other people or other problems when it is read in parts.
func checkSameInParts(t *testing.T, data []byte) {
	t.Helper()
	want, wantErr := parseWhole(data)
	got, err := parseParts(data)
	sameAddress := cmp.Comparer(func(a, b org.Address) bool { return a == b })
	if diff := cmp.Diff(want, got, sameAddress); diff != "" {
		t.Errorf("the roster (-whole +in parts):\n%s\nof:\n%s", diff, data)
	}
	var wantProblems, problems *ProblemsError
	errors.As(wantErr, &wantProblems)
	errors.As(err, &problems)
	if wantErr != nil && err != nil && len(wantProblems.Problems) == 1 {
		// A file that is not valid YAML has one problem. The parts above it may have others.
		problems.Problems = slices.DeleteFunc(problems.Problems,
			func(p Problem) bool { return p != wantProblems.Problems[0] })
	}
	if diff := cmp.Diff(wantProblems, problems); diff != "" {
		t.Errorf("the problems (-whole +in parts):\n%s\nof:\n%s", diff, data)
	}
}

func TestLargeFileReadInParts(t *testing.T) {
	t.Parallel()
	files, split := 0, 0
	for _, folder := range []string{"good", "bad"} {
		for _, path := range cases(t, folder) {
			data, err := os.ReadFile(path)
			if err != nil {
				continue // a folder
			}
			checkSameInParts(t, data)
			if files++; isSplit(data) {
				split++
			}
		}
	}
	if files < 100 || split < 10 {
		t.Errorf("%d of %d files were read in parts", split, files)
	}
}

func TestSplitPeople(t *testing.T) {
	t.Parallel()
	const next = "\n  - email: b@example.com\n  - email: c@example.com\n"
	for _, tt := range []struct {
		name, text string
		split      bool
	}{
		{"plain", "users:\n  - email: a@example.com" + next + "    name: C\nsettings:\n  max_invites: 5\n", true},
		{"no indentation", "users:\n- email: a@example.com\n- b@example.com\n- c@example.com\norganization: Example\n", true},
		{"no line end", "users:\n  - email: a@example.com\n  - email: b@example.com", true},
		{"CRLF", "users:\r\n  - email: a@example.com\r\n  - email: b@example.com\r\n", true},
		{"lists, quotes, comments", "# x\nusers:\n\n  # y\n  - email: \"a@example.com\" # z\n    groups: [a, b]\n" +
			"    roles:\n      - 'r'\n# out\n  # in\n  - a@example.org" + next, true},
		{"problems below", "users:\n  - email: a@example.com" + next + "    nmae: B\n  - email: a@example.com\n" +
			"settings:\n  max_invites: x\n", true},
		{"null", "users:\n  - a@example.com\n  - null\n  - b@example.com\n", true},
		{"users twice", "users:\n  - a@example.com" + next + "users:\n  - d@example.com\n  - e@example.com\n", true},
		{"a list elsewhere", "defaults:\n  groups:\n  - x\n  - y\nusers:\n  - a@example.com" + next, true},
		{"a value on the next line", "users:\n  - email: a@example.com\n    name: A\n      - x" + next, true},
		{"one person", "users:\n  - email: a@example.com\n", false},
		{"block text", "users:\n  - email: a@example.com\n    note: |\n      - email: x" + next, false},
		{"quotes over a person", "users:\n  - email: a@example.com\n    note: \"x" + next + "  - y\"\n" + next, false},
		{"quotes over the key", "organization: \"x\nusers:\n  - email: a@example.com" + next + "  \"\nusers:\n  - " +
			"d@example.com\n",
			false},
		{"quotes over all people", "users:\n  - email: a@example.com\n    note: \"x" + next + "x: \"\n", false},
		{"brackets over people", "users:\n  - {email: a@example.com, groups: [\n  - x, y]}" + next, false},
		{"brackets over all people", "users:\n  - email: a@example.com\n    groups: [" + next + "]\n", false},
		{"an anchor", "users:\n  - email: a@example.com\n    groups: &g [x]\n  - email: b@example.com\n    groups: " +
			"*g\n", false},
		{"a key that is marked", "users:\n  - ? email" + next + "organization: x\n", false},
		{"a dash on its own line", "users:\n  -\n    email: a@example.com\n  -\n    email: b@example.com\n", false},
		{"deeper", "users:\n  - email: a@example.com\n   - email: b@example.com\n  - email: c@example.com\n", false},
		{"less deep", "users:\n  - email: a@example.com" + next + " - email: d@example.com\n", false},
		{"two documents", "users:\n  - email: a@example.com" + next + "---\nusers:\n  - d@example.com\n", false},
		{"a tab", "users:\n  - email: a@example.com\n\t- email: b@example.com\n  - email: c@example.com\n", false},
		{"a tag", "!x\nusers:\n  - email: a@example.com" + next, true},
		{"other users above", "\"users\":\n  - z@example.com\nusers:\n  - a@example.com" + next, false},
		{"not UTF-8", "users:\n  - email: a@example.com" + next + "    name: \xff\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkSameInParts(t, []byte(tt.text))
			if got := isSplit([]byte(tt.text)); got != tt.split {
				t.Errorf("split = %v, want %v", got, tt.split)
			}
		})
	}
}

func FuzzParts(f *testing.F) {
	for _, folder := range []string{"good", "bad"} {
		for _, path := range cases(f, folder) {
			if data, err := os.ReadFile(path); err == nil && len(data) < 4096 {
				f.Add(data)
			}
		}
	}
	f.Fuzz(checkSameInParts)
}
