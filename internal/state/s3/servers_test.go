//go:build servers

package s3_test

import (
	"os"
	"testing"

	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/s3"
	"github.com/orgsync/orgsync/internal/state/statetest"
)

// TestServer runs the conformance tests on the server of ORGSYNC_TEST_S3, a URL as in --state.
func TestServer(t *testing.T) {
	t.Parallel()
	l, err := state.ParseLocation(os.Getenv("ORGSYNC_TEST_S3"))
	if err != nil || l.Kind != state.S3 {
		t.Fatalf("ORGSYNC_TEST_S3 names no bucket: %v", err)
	}
	o, err := s3.Open(l, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	statetest.TestObjects(t, o)
	statetest.TestLease(t, o)
}
