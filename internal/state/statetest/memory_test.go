package statetest_test

import (
	"testing"
	"testing/synctest"

	"github.com/orgsync/orgsync/internal/state/statetest"
)

// TestMemory holds the storage in memory, which the other tests rely on, to the same promises.
func TestMemory(t *testing.T) {
	t.Parallel()
	statetest.Objects(t, &statetest.Memory{})
	synctest.Test(t, func(t *testing.T) { statetest.Lease(t, &statetest.Memory{}) })
}
