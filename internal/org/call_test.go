package org_test

import (
	"errors"
	"testing"

	"github.com/orgsync/orgsync/internal/org"
)

func TestCallError(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection refused")
	for want, err := range map[string]*org.CallError{
		"list users":                     {Op: "list users"},
		"list users: HTTP 502":           {Op: "list users", Status: 502},
		"list users: connection refused": {Op: "list users", Err: cause},
		"invite ada@example.com: HTTP 403: not allowed": {Op: "invite", Target: "ada@example.com", Status: 403,
			Message: "not allowed"},
		"list users: HTTP 429: too many: connection refused": {Op: "list users", Status: 429, Message: "too many",
			Err: cause},
	} {
		if got := err.Error(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if errors.Is(err, cause) != (err.Err != nil) {
			t.Errorf("%s: the cause is not wrapped", want)
		}
	}
}
