package roster_test

import (
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
		if err != nil || r.State != place || r.StatePlace() != want {
			t.Errorf("%s: %+v, %v; want %s", place, r, err, want)
		}
	}
}
