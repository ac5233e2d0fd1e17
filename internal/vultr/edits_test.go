package vultr

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
)

// edits has one edit of each kind.
func edits() map[string]org.Edit {
	ada := org.MustParseAddress("Ada@example.com")
	edit := func(op org.EditOp, kind org.Kind) org.Edit {
		return org.Edit{Op: op, Who: ada, UserID: "u1", Organization: "o1", Kind: kind, ID: "x1", Membership: "m1",
			APIEnabled: true}
	}
	return map[string]org.Edit{
		"update":        edit(org.EditUpdate, ""),
		"grant group":   edit(org.EditGrant, org.KindGroup),
		"grant role":    edit(org.EditGrant, org.KindRole),
		"grant policy":  edit(org.EditGrant, org.KindPolicy),
		"revoke group":  edit(org.EditRevoke, org.KindGroup),
		"revoke role":   edit(org.EditRevoke, org.KindRole),
		"revoke policy": edit(org.EditRevoke, org.KindPolicy),
		"suspend":       edit(org.EditSuspend, ""),
		"unsuspend":     edit(org.EditUnsuspend, ""),
		"remove":        edit(org.EditRemove, ""),
	}
}

// TestEditRequests checks that each edit is one documented request. It matters most that the
// removal of a user ends their membership of the organization and never deletes their account.
func TestEditRequests(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"update":        `PATCH /v2/users/u1 {"api_enabled":true}`,
		"grant group":   `POST /v2/groups/x1/members {"user_id":"u1","display_name":"Ada@example.com"}`,
		"grant role":    `POST /v2/roles/x1/users/u1 `,
		"grant policy":  `POST /v2/policies/x1/users/u1 `,
		"revoke group":  `DELETE /v2/groups/x1/members/m1 `,
		"revoke role":   `DELETE /v2/roles/x1/users/u1 `,
		"revoke policy": `DELETE /v2/policies/x1/users/u1 `,
		"suspend":       `PUT /v2/organizations/o1/user/u1/suspend `,
		"unsuspend":     `PUT /v2/organizations/o1/user/u1/unsuspend `,
		"remove":        `DELETE /v2/organizations/o1/user/u1 `,
	}
	got := map[string]string{}
	for name, e := range edits() {
		c := inProcess(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got[name] += fmt.Sprintf("%s %s %s", r.Method, r.URL.Path, bytes.TrimSpace(body))
			w.WriteHeader(http.StatusNoContent)
		}))
		if n, err := c.Edit(t.Context(), e); n != 1 || err != nil {
			t.Errorf("%s: %d requests, %v", name, n, err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestEditAnswers checks that any answer 2xx is a success, also without a body, unless the body has
// an error.
func TestEditAnswers(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]org.Failure{
		"": 0, "{}": 0, `{"error":""}`: 0, `{"error":null}`: 0, `{"error":false}`: 0,
		`{"user":{"id":"u1","error":"none"}}`:   0,
		`{"error":"Invalid user","status":400}`: org.Unreadable,
		"<html>":                                org.Unreadable,
	} {
		for name, e := range edits() {
			c := inProcess(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
			n, err := c.Edit(t.Context(), e)
			var got org.Failure
			if failure, ok := errors.AsType[*org.CallError](err); ok {
				got = failure.Failure
			}
			if n != 1 || got != want {
				t.Errorf("%s, answered with %q: %d requests, %v", name, body, n, err)
			}
		}
	}
}

// TestUnconfirmedEdits checks that an answer 2xx whose text may say no is not a success. Only a reading shows whether
// the edit was made.
func TestUnconfirmedEdits(t *testing.T) {
	t.Parallel()
	for body, unconfirmed := range map[string]bool{
		`{"message":"Cannot remove the owner"}`: true, `{"detail":"nope"}`: true, `{"reason":"nope"}`: true,
		`{"removed":false}`: true, `{"deleted":0}`: true, `{"status":"skipped"}`: true, `{"status":"partial"}`: true,
		`{"user":{"error":"no"}}`: true, `{"user":{"message":"no such user"}}`: true, `{"warnings":["nope"]}`: true,
		`{"code":200,"message":"User not found"}`: true, `{"id":"u1","message":"User not found"}`: true,
		`{"success":null,"message":"User not found"}`: true, `{"success":"in part"}`: true, `{"skipped":true}`: true,
		`{"state":"removed"}`: true, `{"id":"u1","detail":"nope"}`: true,
		`{"user_id":"u1","result":"Cannot remove the owner"}`: true, `{"id":"u1","reason":"the owner"}`: true,
		`{"id":"u1","warnings":["nope"]}`: true, `{"user":{"id":"u1","result":"nope"}}`: true,
		`{"id":"u1","result":"removed"}`: false, `{"id":"u1","result":null}`: false,
		`{"id":"u1","email":"ada@example.com"}`: false, `{"user":{"id":"u1"}}`: false, `{"members":[{"id":"m1"}]}`: false,
		`{"status":"204 No Content"}`: false, `{"code":0}`: false, `{"meta":{"total":0}}`: false, `{"data":{}}`: false,
		`{"message":""}`: false, `{"message":null}`: false, `{"status":200}`: false,
		`{"success":true,"message":"done"}`: false, `{"status":"ok","message":"done"}`: false, `{"result":"deleted"}`: false,
	} {
		for name, e := range edits() {
			c := inProcess(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
			n, err := c.Edit(t.Context(), e)
			failure, failed := errors.AsType[*org.CallError](err)
			if n != 1 || failed != unconfirmed || failed && (failure.Failure != org.Unreadable || !failure.Unconfirmed) {
				t.Errorf("%s, answered with %q: %d requests, %v", name, body, n, err)
			}
		}
	}
}

// TestUnknownEdits checks that no request is sent for an edit that the API does not have.
func TestUnknownEdits(t *testing.T) {
	t.Parallel()
	c := inProcess(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s", r.Method, r.URL)
	}))
	for _, e := range []org.Edit{
		{Op: org.EditGrant}, {Op: org.EditGrant, Kind: "team"}, {Op: org.EditRevoke}, {Op: org.EditRevoke, Kind: "team"},
		{Op: "promote"}, {Op: "promote", Kind: org.KindGroup}, {Op: "promote", Kind: org.KindRole},
	} {
		e.Who, e.UserID, e.Organization, e.ID, e.Membership = ada, "u1", "o1", "x1", "m1"
		n, err := c.Edit(t.Context(), e)
		if n != 0 || asCallError(t, err).Failure != org.Refused {
			t.Errorf("%s of a %q: %d requests, %v", e.Op, e.Kind, n, err)
		}
	}
}

// TestEditOfOddIDs checks that no request is sent if an id would change the path.
func TestEditOfOddIDs(t *testing.T) {
	t.Parallel()
	c := inProcess(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s", r.Method, r.URL)
	}))
	for name, e := range edits() {
		for _, odd := range []string{"", ".", "..", "u1/../u2", "u1?x", "u1#x", "u 1", "%2e%2e", "ü"} {
			e.UserID, e.Membership = odd, odd
			n, err := c.Edit(t.Context(), e)
			if n != 0 || err == nil {
				t.Errorf("%s of %q: %d requests, %v", name, odd, n, err)
			}
		}
	}
}
