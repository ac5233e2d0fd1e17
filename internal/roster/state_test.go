package roster_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/orgsync/orgsync/internal/roster"
)

// TestStateFolder checks that the folder of the state does not depend on where orgsync is started.
func TestStateFolder(t *testing.T) {
	t.Parallel()
	absolute, err := filepath.Abs("state")
	if err != nil {
		t.Fatal(err)
	}
	for place, want := range map[string]string{
		"state":               filepath.Join("rosters", "state"),
		"./state":             filepath.Join("rosters", "state"),
		absolute:              absolute,
		"file:///srv/orgsync": "file:///srv/orgsync",
		"s3://bucket/orgsync": "s3://bucket/orgsync",
	} {
		r, err := roster.Parse([]roster.File{{
			Name: filepath.Join("rosters", "users.yaml"), Data: []byte("state: " + place + "\nusers: [ada@example.com]\n"),
		}})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.StatePlace(); err != nil || r.State != place || got != want {
			t.Errorf("%s: %q, %v; want %s", place, got, err, want)
		}
	}
}

// TestStatePlaceWithoutFolder checks that a roster without a state has none, and that the folder counts from the
// current folder if the roster comes from a device.
func TestStatePlaceWithoutFolder(t *testing.T) {
	t.Parallel()
	for _, r := range []roster.Roster{
		{StateFile: filepath.Join("rosters", "users.yaml")},
		{State: "state", StateFile: "/dev/stdin"},
	} {
		if got, err := r.StatePlace(); err != nil || got != r.State {
			t.Errorf("%q in %s: %q, %v", r.State, r.StateFile, got, err)
		}
	}
}

// TestStateFolderOfLink checks that a roster does not get one ledger for each link to it.
func TestStateFolderOfLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for place, isError := range map[string]bool{"state": true, dir: false, "s3://bucket/orgsync": false} {
		file, link := filepath.Join(dir, "users.yaml"), filepath.Join(t.TempDir(), "users.yaml")
		if err := os.WriteFile(file, []byte("state: "+place+"\nusers: [ada@example.com]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(file, link); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]bool{file: false, link: isError} {
			r, err := roster.Load([]string{name})
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.StatePlace()
			if _, linked := errors.AsType[*roster.LinkedStateError](err); linked != want {
				t.Errorf("%s in %s: %v", place, name, err)
			}
		}
	}
}

// StateIn puts the folder of the file in front of a relative state, if the file is below the folder of the roster.
func TestStateIn(t *testing.T) {
	t.Parallel()
	absolute, err := filepath.Abs("ledger")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ state, file, top, want string }{
		{"ledger", "teams/ops/a.yaml", "teams", filepath.Join("ops", "ledger")},
		{"../ledger", "teams/ops/a.yaml", "./teams/", "ledger"},
		{"./ledger", "teams/a.yaml", "teams", "./ledger"},
		{"ledger", "teams/ops/a.yaml", "teams/ops/a.yaml", "ledger"},
		{"ledger", "git:HEAD:teams/ops/a.yaml", "git:HEAD:teams/", filepath.Join("ops", "ledger")},
		{"s3://bucket/ledger", "teams/ops/a.yaml", "teams", "s3://bucket/ledger"},
		{absolute, "teams/ops/a.yaml", "teams", absolute},
		{"", "", "teams", ""},
	} {
		r := roster.Roster{State: tt.state, StateFile: tt.file}
		if got := r.StateIn(tt.top); got != tt.want {
			t.Errorf("the state %q of %s in %s: %q, want %q", tt.state, tt.file, tt.top, got, tt.want)
		}
	}
}
