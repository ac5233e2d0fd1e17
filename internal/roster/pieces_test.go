package roster

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
)

// parsePieces is parse, cut up between any two people, and tells how many files were read so.
func parsePieces(file string, data []byte) (r *Roster, cut int, err error) {
	d := newDecoder()
	d.piecesFrom, d.pieceSize = 0, 1
	// A file that is read in pieces after others must not take back what is theirs.
	d.decodeFile("first.yaml", []byte("users:\n  - email: first@example.org\n  - email: second@example.org\n"))
	d.decodeFile(file, data)
	r, err = d.finish()
	if clean, problem := checkEncoding(file, data); problem == nil {
		again := newDecoder()
		again.file, again.pieceSize = file, 1
		if again.decodePieces(clean) {
			cut = len(again.roster.People)
		}
	}
	return r, cut, err
}

// parseAfter is what parsePieces should give: the same, read as a whole.
func parseAfter(file string, data []byte) (*Roster, error) {
	d := newDecoder()
	d.decodeFile("first.yaml", []byte("users:\n  - email: first@example.org\n  - email: second@example.org\n"))
	d.decodeFile(file, data)
	return d.finish()
}

// sameInPieces fails the test where a file says something else in pieces than as a whole. It gives how many people the pieces
// had; 0: the file was not read in pieces.
func sameInPieces(t *testing.T, data []byte) int {
	t.Helper()
	want, wantErr := parseAfter("users.yaml", data)
	got, cut, err := parsePieces("users.yaml", data)
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b org.Address) bool { return a == b })); diff != "" {
		t.Errorf("the roster (-whole +in pieces):\n%s\nof:\n%s", diff, data)
	}
	var wantProblems, problems *ProblemsError
	errors.As(wantErr, &wantProblems)
	errors.As(err, &problems)
	if diff := cmp.Diff(wantProblems, problems); diff != "" {
		t.Errorf("the problems (-whole +in pieces):\n%s\nof:\n%s", diff, data)
	}
	return cut
}

// everyRoster calls do with each file of testdata.
func everyRoster(tb testing.TB, do func(path string, data []byte)) {
	tb.Helper()
	err := filepath.WalkDir(testdata, func(path string, entry fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || entry.IsDir() || ext != ".yaml" && ext != ".yml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil {
			do(path, data)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// Every file means the same in pieces, and has the same problems in the same places.
func TestPieces(t *testing.T) {
	t.Parallel()
	files, cut := 0, 0
	everyRoster(t, func(_ string, data []byte) {
		files++
		if sameInPieces(t, data) > 0 {
			cut++
		}
	})
	if files < 100 || cut < 10 {
		t.Errorf("%d of %d files were read in pieces", cut, files)
	}
	for name, test := range map[string]struct {
		text string
		cut  bool
	}{
		"plain":               {"users:\n  - email: a@example.com\n  - email: b@example.com\n    name: B\n  - email: c@example.com\nsettings:\n  max_invites: 5\n", true},
		"no indentation":      {"users:\n- email: a@example.com\n- email: b@example.com\n- email: c@example.com\norganization: Example\n", true},
		"comments and blanks": {"# x\nusers: # people\n\n  # first\n  - email: a@example.com\n# out\n\n  - email: b@example.com # second\n    # in\n  # last\n", true},
		"carriage returns":    {"users:\r\n  - email: a@example.com\r\n  - email: b@example.com\r\n", true},
		"no newline":          {"users:\n  - email: a@example.com\n  - email: b@example.com", true},
		"a problem further down": {
			"users:\n  - email: a@example.com\n  - email: b@example.com\n    nmae: B\n  - email: a@example.com\nsettings:\n  max_invites: x\n", true,
		},
		"text of several lines":    {"users:\n  - email: a@example.com\n    note: |\n      - email: x\n      y\n  - email: b@example.com\n    note: >-\n\n      z\n\n  - email: c@example.com\n", true},
		"quotes over an entry":     {"users:\n  - email: a@example.com\n    note: \"x\n  - email: b@example.com\n  - y\"\n  - email: c@example.com\n", false},
		"quotes over the key":      {"organization: \"x\nusers:\n  - email: a@example.com\n  - email: b@example.com\n  \"\nusers:\n  - email: c@example.com\n", false},
		"a flow over entries":      {"users:\n  - {email: a@example.com, groups: [\n  - x, y]}\n  - email: b@example.com\n", false},
		"an anchor":                {"users:\n  - email: a@example.com\n    groups: &g [x]\n  - email: b@example.com\n    groups: *g\n", false},
		"an entry on its own line": {"users:\n  -\n    email: a@example.com\n  -\n    email: b@example.com\n", false},
		"deeper and deeper":        {"users:\n  - email: a@example.com\n   - email: b@example.com\n  - email: c@example.com\n", false},
		"less deep":                {"users:\n  - email: a@example.com\n  - email: b@example.com\n - email: c@example.com\n", false},
		"twice":                    {"users:\n  - email: a@example.com\n  - email: b@example.com\nusers:\n  - email: c@example.com\n  - email: d@example.com\n", true},
		"two documents":            {"users:\n  - email: a@example.com\n  - email: b@example.com\n---\nusers:\n  - email: c@example.com\n", false},
		"a tab":                    {"users:\n  - email: a@example.com\n\t- email: b@example.com\n  - email: c@example.com\n", false},
		"another key's list":       {"defaults:\n  groups:\n  - x\n  - y\nusers:\n  - email: a@example.com\n  - email: b@example.com\n", true},
		"a tag on the file":        {"!x\norganization: Example\nusers:\n  - email: a@example.com\n  - email: b@example.com\n", false},
		"quotes over all entries":  {"users:\n  - email: a@example.com\n    note: \"x\n  - email: b@example.com\n  - email: c@example.com\nx: \"\n", false},
		"a flow over all entries":  {"users:\n  - email: a@example.com\n    groups: [\n  - email: b@example.com\n  - email: c@example.com\n]\n", false},
		"a flow to the end":        {"users:\n  - {0\n  - {}\n  }\n", false},
		"another users above":      {"\"users\":\n  - email: z@example.com\nusers:\n  - email: a@example.com\n  - email: z@example.com\n", false},
		"a key without a value":    {"users:\n  - ? email\n  - email: b@example.com\norganization: x\n", false},
		"a null among them":        {"users:\n  - email: a@example.com\n  - null\n  - email: c@example.com\n", true},
	} {
		if cut := sameInPieces(t, []byte(test.text)); cut > 0 != test.cut {
			t.Errorf("%s: %d people came in pieces", name, cut)
		}
	}
}

// FuzzPieces: whatever the file, it means the same in pieces.
func FuzzPieces(f *testing.F) {
	everyRoster(f, func(_ string, data []byte) {
		if len(data) < 4096 && bytes.Count(data, []byte("\n")) > 2 {
			f.Add(data)
		}
	})
	f.Fuzz(func(t *testing.T, data []byte) { sameInPieces(t, data) })
}
