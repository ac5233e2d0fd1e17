//go:build servers

package postgres_test

import (
	"os"
	"testing"

	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/postgres"
	"github.com/orgsync/orgsync/internal/state/statetest"
)

// TestServer runs the conformance tests on the server of ORGSYNC_TEST_POSTGRES, a URL as in --state.
func TestServer(t *testing.T) {
	t.Parallel()
	l, err := state.ParseLocation(os.Getenv("ORGSYNC_TEST_POSTGRES"))
	if err != nil || l.Kind != state.Postgres {
		t.Fatalf("ORGSYNC_TEST_POSTGRES names no database: %v", err)
	}
	o, closePool, err := postgres.Open(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closePool)
	statetest.TestObjects(t, o)
	statetest.TestLease(t, o)
}
