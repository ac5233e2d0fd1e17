package vultr

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// In each dialect, one invitation is decoded in the same way as the invitation in the list.
func TestInvitation(t *testing.T) {
	t.Parallel()
	for _, named := range sandbox.Dialects() {
		t.Run(named.Name, func(t *testing.T) {
			t.Parallel()
			api := settled(t, sandbox.Options{Dialect: named.Dialect, Key: testKey})
			server := httptest.NewServer(api)
			defer server.Close()
			c := mustNew(t, testConfig(server.URL))
			snapshot, err := c.ReadOrganization(t.Context(), api.World().Organization.Name, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range snapshot.Invitations {
				got, err := c.Invitation(t.Context(), want.ID)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b org.Address) bool { return a == b })); diff != "" {
					t.Errorf("%s (-listed +read):\n%s", want.Invited, diff)
				}
			}
			_, err = c.Invitation(t.Context(), "9a1e0000-0000-4000-8000-000000000001")
			if failure := asCallError(t, err); failure.Status != http.StatusNotFound {
				t.Errorf("unknown id: %v", err)
			}
			if v := api.Violations(); v != nil {
				t.Errorf("requests that the documents do not know: %+v", v)
			}
		})
	}
}

// The how-to page and govultr have different formats of api_enabled. The client keeps the format
// that the server has accepted once. Until then, a bad request may be caused by the format.
func TestFormatOfAPIEnabled(t *testing.T) {
	t.Parallel()
	const words, flag = `"yes"`, `true`
	for name, test := range map[string]struct {
		status    int    // to what it does not take
		takes     string // "": neither
		otherwise bool   // what the first error says
		first     string // what is sent after both wordings were
	}{
		"words":           {400, words, false, words},
		"bools":           {400, flag, true, flag},
		"bools, by 422":   {422, flag, true, flag},
		"neither":         {400, "", true, words},
		"neither, by 409": {409, "", false, words},
		"neither, by 403": {403, "", false, words},
		"neither, by 500": {500, "", false, words},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			took := false
			c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
				var body struct {
					Permissions struct {
						APIEnabled json.RawMessage `json:"api_enabled"`
					} `json:"permissions"`
				}
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
					t.Error(err)
				}
				asked = append(asked, string(body.Permissions.APIEnabled))
				if string(body.Permissions.APIEnabled) == test.takes {
					took = true
					answerJSON(w, 201, `{"id": "i1", "email_invited": "ada@example.com"}`)
					return
				}
				answerJSON(w, test.status, `{"error": "no"}`)
			})
			if _, err := c.Invite(t.Context(), ada, true); err != nil && asCallError(t, err).RetryWithBoolean != test.otherwise {
				t.Errorf("%v: otherwise %v", err, !test.otherwise)
			}
			if _, err := c.InviteWithBoolean(t.Context(), ada, true); err != nil && asCallError(t, err).RetryWithBoolean {
				t.Errorf("%v: there is no third wording", err)
			}
			_, err := c.Invite(t.Context(), ada, true)
			if want := []string{words, flag, test.first}; !slices.Equal(asked, want) {
				t.Errorf("asked in %v, want %v", asked, want)
			}
			if test.takes != "" && err != nil {
				t.Errorf("with the wording known: %v", err)
			}
			// The format is known now, so the refusal has another reason.
			test.takes, test.status = "", http.StatusBadRequest
			_, err = c.Invite(t.Context(), ada, true)
			if asCallError(t, err).RetryWithBoolean == took {
				t.Errorf("refused as a bad request, with the wording known %v: otherwise %v", took, took)
			}
		})
	}
}

// An answer about another invitation is an error, and an id cannot change the path to another kind
// of object.
func TestInvitationOfAnother(t *testing.T) {
	t.Parallel()
	requests := 0
	c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		fmt.Fprint(w, `{"invitation": {"id": "other", "invite_status": "Accepted"}}`)
	})
	_, err := c.Invitation(t.Context(), "mine")
	if failure := asCallError(t, err); failure.Failure != org.Unreadable {
		t.Errorf("another invitation: %v", err)
	}
	if requests != 1 {
		t.Errorf("%d requests for one answer", requests)
	}
	for _, id := range []string{"", "..", "../users/u1", "a/b", "a?b"} {
		if _, err := c.Invitation(t.Context(), id); err == nil || requests != 1 {
			t.Errorf("id %q: error %v after %d requests", id, err, requests)
		}
	}
}
