package vultr

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vultr/govultr/v3"
)

// sdkRequest is a request of govultr.
type sdkRequest struct{ method, uri, body, authorization, remote string }

// sdk is a client of govultr, with the requests that it sent.
type sdk struct {
	*govultr.Client
	mu   sync.Mutex
	sent []sdkRequest
}

func (s *sdk) requests() []sdkRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

func newSDK(t *testing.T, h http.HandlerFunc) *sdk {
	t.Helper()
	s := &sdk{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.sent = append(s.sent, sdkRequest{r.Method, r.RequestURI, string(body), r.Header.Get("Authorization"), r.RemoteAddr})
		s.mu.Unlock()
		h(w, r)
	}))
	t.Cleanup(server.Close)
	s.Client = govultr.NewClient(nil)
	s.SetRateLimit(time.Microsecond) // the wait between its tries, not a limit
	if err := s.SetBaseURL(server.URL + "/prefix/"); err != nil {
		t.Fatal(err)
	}
	return s
}

// Each row is a reason why the service methods of govultr are not used. If a row fails, govultr has
// fixed the problem: check whether the code of this package that replaces the method is still
// needed.
func TestGovultrTraps(t *testing.T) {
	t.Parallel()
	invite := &govultr.OrganizationInvitationReq{Email: "ada@example.com"}
	tests := []struct {
		trap    string
		handler http.HandlerFunc
		try     func(context.Context, *sdk) (trapped bool)
	}{
		{
			"a text status makes a sent invitation an error",
			status(201, `{"id":"i1","email_invited":"ada@example.com","status":"pending"}`),
			func(ctx context.Context, s *sdk) bool {
				invitation, _, err := s.Organization.CreateInvitation(ctx, invite)
				return err != nil && invitation == nil && len(s.requests()) == 1
			},
		},
		{
			"a wrapped invitation is read as an empty one",
			status(201, `{"invitation":{"id":"i1","email_invited":"ada@example.com"}}`),
			func(ctx context.Context, s *sdk) bool {
				invitation, _, err := s.Organization.CreateInvitation(ctx, invite)
				return err == nil && invitation.ID == ""
			},
		},
		{
			"a list under the key of SPEC is read as none",
			status(200, `{"invitations":[{"id":"i1"}],"meta":{"total":1}}`),
			func(ctx context.Context, s *sdk) bool {
				rows, _, _, err := s.Organization.ListInvitations(ctx, nil)
				return err == nil && len(rows) == 0
			},
		},
		{
			"an invitation is posted again after a 500",
			status(500, ""),
			func(ctx context.Context, s *sdk) bool {
				s.Organization.CreateInvitation(ctx, invite)
				return len(s.requests()) == 4
			},
		},
		{
			"an invitation is posted again after a dropped connection",
			drop,
			func(ctx context.Context, s *sdk) bool {
				s.Organization.CreateInvitation(ctx, invite)
				return len(s.requests()) == 4
			},
		},
		{
			"one odd permission makes a whole list an error",
			status(200, `{"invites":[{"id":"i1","permissions":{"api_enabled":true}},{"id":"i2",`+
				`"permissions":{"api_enabled":"no"}}]}`),
			func(ctx context.Context, s *sdk) bool {
				_, _, _, err := s.Organization.ListInvitations(ctx, nil)
				return err != nil
			},
		},
		{
			`api_enabled cannot be sent as the documented "yes"`,
			status(201, `{"id":"i1"}`),
			func(ctx context.Context, s *sdk) bool {
				req := &govultr.OrganizationInvitationReq{Permissions: govultr.OrganizationInvitationPermission{APIEnabled: true}}
				s.Organization.CreateInvitation(ctx, req)
				return strings.Contains(s.requests()[0].body, `"api_enabled":true`)
			},
		},
		{
			"an error hides its status",
			status(403, `{"error":"no"}`),
			func(ctx context.Context, s *sdk) bool {
				_, _, res, err := s.Organization.ListInvitations(ctx, nil)
				return err != nil && res == nil && !strings.Contains(err.Error(), "403")
			},
		},
		{
			"a charset in the media type empties a list without an error",
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json; charset=utf-8")
				io.WriteString(w, `{"users":[{"id":"u1"}],"meta":{"total":1}}`)
			},
			func(ctx context.Context, s *sdk) bool {
				rows, _, _, err := s.User.List(ctx, nil)
				return err == nil && len(rows) == 0
			},
		},
		{
			"an empty answer is an invitation without an id",
			status(200, ""),
			func(ctx context.Context, s *sdk) bool {
				invitation, _, err := s.Organization.ResendInvitation(ctx, "i1")
				return err == nil && invitation.ID == ""
			},
		},
		{
			"a list without meta gives a nil one",
			status(200, `{"invites":[]}`),
			func(ctx context.Context, s *sdk) bool {
				_, meta, _, err := s.Organization.ListInvitations(ctx, nil)
				return err == nil && meta == nil
			},
		},
		{
			"a list is asked for with a JSON body in the GET",
			status(200, `{"invites":[]}`),
			func(ctx context.Context, s *sdk) bool {
				s.Organization.ListInvitations(ctx, &govultr.ListOptions{PerPage: 500})
				return s.requests()[0].method == http.MethodGet && s.requests()[0].body != ""
			},
		},
		{
			"an id can lead to another path",
			status(204, ""),
			func(ctx context.Context, s *sdk) bool {
				s.Organization.DetachRoleUser(ctx, "r1", "../../../users/victim")
				return s.requests()[0].uri == "/v2/users/victim"
			},
		},
		{
			"connections are not kept, and no key is sent",
			status(200, `{"users":[]}`),
			func(ctx context.Context, s *sdk) bool {
				s.User.List(ctx, nil)
				s.User.List(ctx, nil)
				return s.requests()[0].remote != s.requests()[1].remote && s.requests()[0].authorization == ""
			},
		},
		{
			"the path of the base URL is dropped",
			status(200, `{"users":[]}`),
			func(ctx context.Context, s *sdk) bool {
				s.User.List(ctx, nil)
				return s.requests()[0].uri == "/v2/users"
			},
		},
		{
			"a redirected POST goes on as a GET, and its answer counts",
			func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					http.Redirect(w, r, "/elsewhere", http.StatusFound)
					return
				}
				answerJSON(w, 200, `{"id":"not-an-invitation"}`)
			},
			func(ctx context.Context, s *sdk) bool {
				invitation, _, err := s.Organization.CreateInvitation(ctx, invite)
				return err == nil && invitation.ID == "not-an-invitation"
			},
		},
	}
	for _, test := range tests {
		t.Run(test.trap, func(t *testing.T) {
			t.Parallel()
			s := newSDK(t, test.handler)
			if !test.try(t.Context(), s) {
				t.Errorf("the SDK can do this now; it sent %+v", s.requests())
			}
		})
	}
}

// This is another reason, tested with fake time: govultr waits for Retry-After without a maximum.
func TestGovultrWaitsWithoutLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		client := govultr.NewClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			requests++
			w := httptest.NewRecorder()
			w.Header().Set("Retry-After", strconv.Itoa(24*60*60))
			w.WriteHeader(429)
			return w.Result(), nil
		})})
		ctx, cancel := context.WithTimeout(t.Context(), 23*time.Hour)
		defer cancel()
		if _, _, _, err := client.Organization.ListInvitations(ctx, nil); err == nil || ctx.Err() == nil || requests != 1 {
			t.Errorf("the SDK can do this now: %v after %d requests", err, requests)
		}
	})
}
