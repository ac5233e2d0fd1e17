package vultr

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/vultr/govultr/v3"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// TestGovultrOnSandbox checks that govultr works with the simulated API in the dialect that docs/sandbox.md names.
// govultr invites, and reads lists page by page. It sends a body with GET.
func TestGovultrOnSandbox(t *testing.T) {
	t.Parallel()
	dialect, err := sandbox.ParseDialect("govultr,status=absent")
	if err != nil {
		t.Fatal(err)
	}
	api, err := sandbox.New(sandbox.Options{Dialect: dialect, RateLimit: -1})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	client := govultr.NewClient(&http.Client{Transport: withKey{}})
	if err := client.SetBaseURL(server.URL); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"ada@example.com", "bob@example.com", "cy@example.com"} {
		request := &govultr.OrganizationInvitationReq{Email: who}
		if _, _, err := client.Organization.CreateInvitation(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	seen, options := 0, &govultr.ListOptions{PerPage: 2}
	for pages := 1; ; pages++ {
		invitations, meta, _, err := client.Organization.ListInvitations(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		seen += len(invitations)
		if options.Cursor = meta.Links.Next; options.Cursor == "" {
			break
		}
		if pages > 3 {
			t.Fatal("the pages do not end")
		}
	}
	if seen != 3 {
		t.Errorf("govultr read %d invitations, want 3", seen)
	}
	if bad := api.Violations(); len(bad) > 0 {
		t.Errorf("violations: %+v", bad)
	}
}

// withKey adds the key to requests, as the OAuth client in the documentation of govultr does.
type withKey struct{}

func (withKey) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer key")
	return http.DefaultTransport.RoundTrip(r)
}
