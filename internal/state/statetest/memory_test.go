package statetest_test

import (
	"testing"
	"testing/synctest"

	"github.com/orgsync/orgsync/internal/state/statetest"
)

// TestMemory runs the conformance tests on the storage in memory, which other tests use.
func TestMemory(t *testing.T) {
	t.Parallel()
	statetest.TestObjects(t, &statetest.Memory{})
	synctest.Test(t, func(t *testing.T) { statetest.TestLease(t, &statetest.Memory{}) })
}
