package org_test

import (
	"testing"

	"github.com/orgsync/orgsync/internal/org"
)

func TestAccessIs(t *testing.T) {
	t.Parallel()
	a := org.Access{Kind: org.KindPolicy, ID: "p-1", Name: " R&amp;D "}
	for name, want := range map[string]bool{
		"p-1": true, "R&D": true, "R&amp;D": true, "r&d": false, "R": false, "P-1": false, "": false,
	} {
		if got := a.Is(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
		if got := (org.Wanted{org.KindPolicy: {"other", name}}).Has(a); got != want {
			t.Errorf("wanted %q: %v", name, got)
		}
		if (org.Wanted{org.KindGroup: {name}}).Has(a) {
			t.Errorf("the group %q is taken for a policy", name)
		}
	}
}

func TestPlural(t *testing.T) {
	t.Parallel()
	for kind, want := range map[org.Kind]string{
		org.KindGroup: "groups", org.KindRole: "roles", org.KindPolicy: "policies",
	} {
		if got := kind.Plural(); got != want {
			t.Errorf("%s: %s", kind, got)
		}
	}
}
