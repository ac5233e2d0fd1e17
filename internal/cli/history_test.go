package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/state/dir"
)

// TestHistoryEscapes checks that text of the API does not act on a terminal or a CI runner, in every format.
func TestHistoryEscapes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	store, err := dir.New(filepath.Join(w.dir, ".local", "state", "orgsync"), "o1")
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), store, ledger.Options{Organization: "o1", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	const hostile = "##[error]no\u202e\u009b31m"
	for _, err := range []error{
		l.RecordIntent("ada@example.com"),
		l.RecordOutcome(ledger.Invite, "ada@example.com", ledger.Refused, org.Invitation{}, hostile), l.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, format := range formats {
		w.want(w.run(t.Context(), "history", "--output", format, "--organization", "O1"), exitDone, 0)
		out := w.stdout.String()
		if !strings.Contains(out, "ada@example.com") || strings.ContainsAny(out, "\u202e\u009b") || format == "json" &&
			strings.Contains(out, "##[") {
			t.Errorf("%s: %q", format, out)
		}
	}
}

// TestHistoryActions checks that --action accepts each action in docs/ledger.md that history shows.
func TestHistoryActions(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/ledger.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| `action` | meaning |")
	table, _, _ = strings.Cut(table, "\n\n")
	var documented []string
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		for i, word := range strings.Split(cells[min(1, len(cells)-1)], "`") {
			if i%2 == 1 && word != "run" { // history leaves out lines about whole runs
				documented = append(documented, word)
			}
		}
	}
	if diff := cmp.Diff(documented, historyActions); diff != "" {
		t.Errorf("(-docs/ledger.md +--action):\n%s", diff)
	}
}
