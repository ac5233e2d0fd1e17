package cli

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

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
		w.want(w.run(t.Context(), "history", "--output", format), exitDone, 0)
		out := w.stdout.String()
		if !strings.Contains(out, "ada@example.com") || strings.ContainsAny(out, "\u202e\u009b") || format == "json" &&
			strings.Contains(out, "##[") {
			t.Errorf("%s: %q", format, out)
		}
	}
}
