package backend_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/backend"
)

// TestCaseOfOrganization checks that an organization has one ledger, in whatever case the API writes its id. A link
// that leads nowhere in the same folder makes no difference.
func TestCaseOfOrganization(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b, err := backend.Open(t.Context(), state.Location{Kind: state.Folder, Path: folder}, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(folder, "gone"), filepath.Join(folder, "a-link")); err != nil {
		t.Skip(err) // Windows
	}
	for i, id := range []string{"D3E18D8D", "d3e18d8d"} {
		store, err := b.Store(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		l, err := ledger.Open(t.Context(), store, ledger.Options{Organization: id, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if people := l.Memory().People; len(people) != i {
			t.Errorf("%s: %d people in the ledger, want %d", id, len(people), i)
		}
		facts := []org.Fact{{Kind: org.FactJoined, Email: "ada@example.com"}}
		if err := l.RecordFacts(facts); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if folders, err := filepath.Glob(filepath.Join(folder, "*")); err != nil || len(folders) != 2 {
		t.Errorf("folders %q, %v", folders, err)
	}
}

// TestUnreadableFolder checks that a folder whose names cannot be read is an error: it may have the ledger under an id
// in another case.
func TestUnreadableFolder(t *testing.T) {
	t.Parallel()
	b, err := backend.Open(t.Context(), state.Location{Kind: state.Folder, Path: "a\x00b"}, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Store(t.Context(), "o1"); err == nil {
		t.Error("no error")
	}
}
