package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/sandbox"
)

var start = time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)

// newServer returns a server whose local clock always shows start. It has no rate limit unless o has one.
func newServer(t *testing.T, o sandbox.Options) *sandbox.Server {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return start }
	}
	if o.RateLimit == 0 {
		o.RateLimit = -1
	}
	s, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// got is an answer. object is nil if the body is not a JSON object.
type got struct {
	status int
	header http.Header
	body   string
	object map[string]any
}

// request calls the handler directly with a key, and fails the test if the request is a violation.
func request(t *testing.T, s *sandbox.Server, method, target, body string) got {
	t.Helper()
	a := rawRequest(s, method, target, body, nil)
	if bad := s.Violations(); len(bad) > 0 {
		t.Fatalf("%s %s breaks the documents: %s", method, target, bad[len(bad)-1].Violation)
	}
	return a
}

func rawRequest(s http.Handler, method, target, body string, change func(*http.Request)) got {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer secret")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return read(w.Result())
}

func read(resp *http.Response) got {
	text, _ := io.ReadAll(resp.Body)
	a := got{status: resp.StatusCode, header: resp.Header, body: string(text)}
	_ = json.Unmarshal(text, &a.object)
	return a
}

func inviteText(email, api string) string {
	return fmt.Sprintf(`{"email_invited": %q, "permissions": {"api_enabled": %q}}`, email, api)
}

// invite sends an invitation and returns its id.
func invite(t *testing.T, s *sandbox.Server, email string) string {
	t.Helper()
	a := request(t, s, "POST", "/v2/invitation", inviteText(email, "yes"))
	if a.status/100 != 2 {
		t.Fatalf("invite %s: %d %s", email, a.status, a.body)
	}
	return single(t, a)["id"].(string)
}

// single returns the invitation in an answer, wrapped or not.
func single(t *testing.T, a got) map[string]any {
	t.Helper()
	if inner, ok := a.object["invitation"].(map[string]any); ok {
		return inner
	}
	if a.object["id"] == nil {
		t.Fatalf("no invitation in %d %s", a.status, a.body)
	}
	return a.object
}

// rows returns the rows of the list under key.
func rows(t *testing.T, a got, key string) []map[string]any {
	t.Helper()
	list, ok := a.object[key].([]any)
	if !ok {
		t.Fatalf("no %s in %d %s", key, a.status, a.body)
	}
	out := make([]map[string]any, len(list))
	for i, row := range list {
		out[i] = row.(map[string]any)
	}
	return out
}

// column returns the values of one field in all rows.
func column(list []map[string]any, field string) []any {
	out := make([]any, len(list))
	for i, row := range list {
		out[i] = row[field]
	}
	return out
}

// mailCount returns the number of mails for each address, as a text, so that the output of cmp.Diff is short.
func mailCount(s *sandbox.Server) map[string]int {
	n := map[string]int{}
	for email, mails := range s.Mails() {
		n[email] = len(mails)
	}
	return n
}

func wantDiff(t *testing.T, what string, want, have any) {
	t.Helper()
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestFreshWorld(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{})
	w := s.World()
	if w.Organization.Name != "Example Org" || len(w.Organization.ID) != 36 {
		t.Errorf("organization %+v", w.Organization)
	}
	account := request(t, s, "GET", "/v2/account", "").object["account"].(map[string]any)
	if account["email"] != "owner@example.com" {
		t.Errorf("account of %v", account["email"])
	}
	wantDiff(t, "users", []any{"owner@example.com"}, column(rows(t, request(t, s, "GET", "/v2/users", ""), "users"),
		"email"))
	wantDiff(t, "groups", []any{"everyone", "platform"}, column(rows(t, request(t, s, "GET", "/v2/groups", ""), "groups"),
		"display_name"))
	roles := rows(t, request(t, s, "GET", "/v2/roles", ""), "roles")
	wantDiff(t, "role types", []any{"assignable", "assumable"}, column(roles, "role_type"))
	policies := rows(t, request(t, s, "GET", "/v2/policies", ""), "policies")
	wantDiff(t, "policies", []any{"read-only", "billing"}, column(policies, "name"))
	wantDiff(t, "system policies", []any{true, false}, column(policies, "is_system_policy"))

	if err := s.Reset(); err != nil {
		t.Fatal(err)
	}
	if again := s.World().Organization.ID; again == w.Organization.ID {
		t.Error("a reset world has the old organization's id")
	}
}

func TestDateIsSimulatedTime(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{})
	if err := s.Advance(36 * time.Hour); err != nil {
		t.Fatal(err)
	}
	want := start.Add(36 * time.Hour).Format(http.TimeFormat)
	for _, target := range []string{"/v2/users", "/v2/invitation/none"} {
		if have := request(t, s, "GET", target, "").header.Get("Date"); have != want {
			t.Errorf("%s: Date %q, want %q", target, have, want)
		}
	}
	s.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus})
	if have := request(t, s, "GET", "/v2/users", "").header.Get("Date"); have != want {
		t.Errorf("with a fault: Date %q, want %q", have, want)
	}
	if err := s.Advance(-time.Second); err == nil {
		t.Error("the clock went backwards")
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{})
	server := httptest.NewServer(s)
	defer server.Close()
	const people = 60
	var group sync.WaitGroup
	for i := range people {
		group.Go(func() {
			email := fmt.Sprintf("p%d@example.com", i)
			for _, r := range []struct{ method, path, body string }{
				{"POST", "/v2/invitation", inviteText(email, "no")},
				{"GET", "/v2/invitation?per_page=10", ""},
				{"GET", "/v2/users", ""},
			} {
				resp, err := send(server.Client(), r.method, server.URL+r.path, r.body)
				if err != nil {
					t.Errorf("%s %s: %v", r.method, r.path, err)
					return
				}
				if resp.status/100 != 2 {
					t.Errorf("%s %s: %d %s", r.method, r.path, resp.status, resp.body)
				}
			}
			if err := s.Accept(email); err != nil {
				t.Error(err)
			}
			s.World()
			s.Requests()
		})
	}
	group.Wait()
	if n := len(s.World().Users); n != people+1 {
		t.Errorf("%d users, want %d", n, people+1)
	}
	if n := len(s.Requests()); n != 3*people {
		t.Errorf("%d requests, want %d", n, 3*people)
	}
	if peak := s.PeakInFlight(); peak < 1 || peak > people {
		t.Errorf("peak in flight %d", peak)
	}
}

// send sends a request over HTTP.
func send(client *http.Client, method, url, body string) (got, error) {
	r, err := http.NewRequest(method, url, bytes.NewBufferString(body))
	if err != nil {
		return got{}, err
	}
	r.Header.Set("Authorization", "Bearer secret")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(r)
	if err != nil {
		return got{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	a := got{status: resp.StatusCode, header: resp.Header, body: string(text)}
	_ = json.Unmarshal(text, &a.object)
	return a, err
}
