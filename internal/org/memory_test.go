package org_test

import (
	"testing"
	"unsafe"

	"github.com/orgsync/orgsync/internal/org"
)

// TestRecollectionFitsInAMap: a run makes a map of them, with everybody who was ever mailed. Go's maps keep elements of up to
// 128 bytes themselves; of larger ones each is an allocation.
func TestRecollectionFitsInAMap(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(org.Recollection{}); size > 128 {
		t.Errorf("what is remembered of one person has %d bytes", size)
	}
}
