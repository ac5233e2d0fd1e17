package roster

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
)

var update = flag.Bool("update", false, "write what the rosters under testdata give as what is wanted")

const testdata = "../../testdata/rosters"

// cases returns the files and folders in a folder of testdata, by name.
func cases(t testing.TB, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(testdata, folder))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for _, entry := range entries {
		if name := entry.Name(); entry.IsDir() || filepath.Ext(name) == ".yaml" {
			found[strings.TrimSuffix(name, ".yaml")] = filepath.Join(testdata, folder, name)
		}
	}
	return found
}

// checkGolden compares got with the file. With -update, it writes got into the file.
func checkGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Each roster in bad has exactly the problems in its .want file.
func TestBadRosters(t *testing.T) {
	t.Parallel()
	bad := cases(t, "bad")
	if len(bad) < 100 {
		t.Errorf("only %d bad rosters", len(bad))
	}
	wants, err := filepath.Glob(filepath.Join(testdata, "bad", "*.want"))
	if err != nil || len(wants) != len(bad) {
		t.Errorf("there are %d .want files for %d bad rosters, %v", len(wants), len(bad), err)
	}
	for name, path := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Load([]string{path})
			var problems *ProblemsError
			if r != nil || !errors.As(err, &problems) {
				t.Fatalf("Load = %v, %v; want problems", r, err)
			}
			got := strings.ReplaceAll(err.Error(), filepath.Join(testdata, "bad")+string(filepath.Separator), "") + "\n"
			checkGolden(t, filepath.Join(testdata, "bad", name+".want"), got)
		})
	}
}

// Each roster in good is read as its .json file says.
func TestGoodRosters(t *testing.T) {
	t.Parallel()
	for name, path := range cases(t, "good") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Load([]string{path})
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, filepath.Join(testdata, "good", name+".json"), asJSON(t, r))
		})
	}
}

// asJSON returns a roster in the form of a golden file, with short positions and relative paths.
func asJSON(t *testing.T, r *Roster) string {
	t.Helper()
	type person struct {
		At, Email, Key          string
		Aliases                 []string
		Name, Note, Until       string
		From                    string `json:",omitempty"`
		External                bool
		APIEnabled              *bool
		Groups, Roles, Policies []string
		Teams                   []string `json:",omitempty"`
		OnlyInTeams             bool     `json:",omitempty"`
	}
	type team struct {
		At, Name, Description   string
		Groups, Roles, Policies []string
	}
	day := func(d Day) string {
		if d.IsZero() {
			return ""
		}
		return " until " + d.String()
	}
	// A nil list stays nil, because it does not mean the same as an empty list.
	refs := func(list []Ref) []string {
		if list == nil {
			return nil
		}
		names := []string{}
		for _, r := range list {
			names = append(names, r.Name+day(r.Until)+" at "+r.At.String())
		}
		return names
	}
	addresses := func(list []org.Address) []string {
		var keys []string
		for _, a := range list {
			keys = append(keys, a.Key())
		}
		return keys
	}
	var people []person
	for _, p := range r.People {
		people = append(people, person{p.At.String(), p.Email.String(), p.Email.Key(), addresses(p.Aliases), p.Name, p.Note,
			p.Until.String(), p.From.String(),
			p.External, p.APIEnabled, refs(p.Groups), refs(p.Roles), refs(p.Policies), nil, p.OnlyInTeams})
		for _, m := range p.Teams {
			last := &people[len(people)-1]
			last.Teams = append(last.Teams, strings.TrimSpace(m.Team+day(m.Until)+" at "+m.At.String()+" "+m.Note))
		}
	}
	settings := r.Settings
	settings.Protected = nil
	content := map[string]any{
		"Files": r.Files, "Organization": r.Organization,
		"Settings": settings, "Protected": addresses(r.Settings.Protected), "People": people,
	}
	var teams []team
	for _, t := range r.Teams {
		teams = append(teams, team{t.At.String(), t.Name, t.Description, refs(t.Groups), refs(t.Roles), refs(t.Policies)})
	}
	if teams != nil {
		content["Teams"] = teams
	}
	if r.State != "" {
		content["State"] = r.State
	}
	got, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(got), filepath.Join(testdata, "good")+string(filepath.Separator), "") + "\n"
}

func TestFolderOf(t *testing.T) {
	// Not parallel: it changes the working directory.
	root := t.TempDir()
	t.Chdir(root)
	for _, folder := range []string{"teams/north", "teams/.git", "other"} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("teams", "link"); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ paths, file, want string }{
		{"teams", "teams/plan.json", "teams"},
		{"teams", "teams/plan.yml", "teams"},
		{"teams", filepath.Join(root, "teams/north/PLAN.JSON"), "teams"},
		{"other teams", "./other/../teams/missing/plan.json", "teams"},
		{"link", "teams/plan.json", "link"},
		{"teams", "link/north/plan.json", "teams"},
		{".", "plan.json", "."},
		{"teams", "plan.json", ""},
		{"teams", "teams.json", ""},
		{"teams", "other/plan.json", ""},
		{"teams", "teams/plan", ""},
		{"teams", "teams/.plan.json", ""},
		{"teams", "teams/.git/plan.json", ""},
		{"teams/users.yaml missing", "teams/plan.json", ""},
		{"teams", "", ""},
	}
	for _, tt := range tests {
		if got := FolderOf(strings.Fields(tt.paths), tt.file); got != tt.want {
			t.Errorf("FolderOf(%q, %q) = %q, want %q", tt.paths, tt.file, got, tt.want)
		}
	}
}
