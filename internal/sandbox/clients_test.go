//go:build servers

package sandbox_test

import (
	"bytes"
	"flag"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/orgsync/orgsync/internal/sandbox"
)

var update = flag.Bool("update", false, "write what a client printed to the golden file")

// goldenCalls has the output of the program in testdata/govultr in the dialect govultr: one line for each call.
const goldenCalls = "testdata/govultr/calls.jsonl"

// TestRealClients runs programs made with govultr, in the versions and dialects that docs/sandbox.md
// names, against a simulation on a loopback port. Each call must return what the golden file says.
func TestRealClients(t *testing.T) {
	t.Parallel()
	golden, err := os.ReadFile(goldenCalls)
	if err != nil {
		t.Fatal(err)
	}
	want := string(golden)
	withoutStatus := strings.ReplaceAll(want, `"status":"pending"`, `"status":""`)
	tests := []struct{ version, dialect, want string }{
		{"v3.32.0", "govultr", want},
		{"v3.32.0", "govultr,asking=either", want},
		{"v3.32.0", "govultr,status=absent", withoutStatus},
		{"v3.34.0", "govultr,status=absent", withoutStatus},
		{"v3.34.0", "govultr,status=absent,asking=either", withoutStatus},
	}
	programs := map[string]string{"v3.32.0": buildClient(t, "v3.32.0"), "v3.34.0": buildClient(t, "v3.34.0")}
	if *update {
		have := runClient(t, programs["v3.32.0"], exampleOrganization(t, "govultr"))
		if err := os.WriteFile(goldenCalls, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, test := range tests {
		t.Run(test.version+" "+test.dialect, func(t *testing.T) {
			t.Parallel()
			api := exampleOrganization(t, test.dialect)
			have := runClient(t, programs[test.version], api)
			wantDiff(t, "calls", strings.Split(test.want, "\n"), strings.Split(have, "\n"))
			wantDiff(t, "mails", map[string]int{"di@example.com": 2, "ed@example.com": 1, "flo@example.com": 1}, mailCount(api))
			for _, bad := range api.Violations() {
				if bad.Status != 501 {
					t.Errorf("%s %s breaks the documents: %s", bad.Method, bad.Path, bad.Violation)
				}
			}
		})
	}
	t.Run("v3.34.0 with a text status", func(t *testing.T) {
		t.Parallel()
		api := exampleOrganization(t, "govultr")
		lines := strings.Split(runClient(t, programs["v3.34.0"], api), "\n")
		for _, line := range lines {
			if strings.HasPrefix(line, `{"call":"CreateInvitation `) && !strings.Contains(line, `"error":"`) {
				t.Errorf("govultr reads a text status now, so docs/sandbox.md must change: %s", line)
			}
		}
		wantDiff(t, "mails", map[string]int{"di@example.com": 1, "ed@example.com": 1, "flo@example.com": 1}, mailCount(api))
	})
}

// buildClient builds the program in testdata/govultr with a version of govultr. Its go.mod is a file of
// another name, because a module must not hold a second go.mod if it is to be installed from a proxy.
func buildClient(t *testing.T, version string) (program string) {
	t.Helper()
	folder := t.TempDir()
	for from, to := range map[string]string{"main.go": "main.go", version + ".mod": "go.mod", version + ".sum": "go.sum"} {
		text, err := os.ReadFile(filepath.Join("testdata/govultr", from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, to), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", "client", ".")
	build.Dir = folder
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build with govultr %s: %v\n%s", version, err, out)
	}
	return filepath.Join(folder, "client")
}

// exampleOrganization returns a simulation with three members, and with the roles and policies that the clients
// attach. Bob is in the group "team".
func exampleOrganization(t *testing.T, dialect string) *sandbox.Server {
	t.Helper()
	d, err := sandbox.ParseDialect(dialect)
	if err != nil {
		t.Fatal(err)
	}
	api := newServer(t, sandbox.Options{Dialect: d, Key: "secret"})
	_, err1 := api.AddGroup(sandbox.Group{ID: "team", Name: "team"})
	_, err2 := api.AddRole(sandbox.Role{ID: "viewer", Name: "viewer"})
	_, err3 := api.AddPolicy(sandbox.Policy{ID: "look", Name: "look", System: true})
	_, err4 := api.AddPolicy(sandbox.Policy{ID: "pay", Name: "pay"})
	err5 := api.AddUsers([]sandbox.User{
		{ID: "ada", Email: "ada@example.com"},
		{ID: "bob", Email: "bob@example.com", Groups: []string{"team"}},
		{ID: "cy", Email: "cy@example.com", APIEnabled: true},
	})
	for _, err := range []error{err1, err2, err3, err4, err5} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return api
}

// runClient runs a program against api and returns its output. It replaces each id that differs between simulations
// by a name.
func runClient(t *testing.T, program string, api *sandbox.Server) string {
	t.Helper()
	server := httptest.NewServer(api)
	defer server.Close()
	client := exec.CommandContext(t.Context(), program)
	client.Env = append(os.Environ(), "VULTR_API_URL="+server.URL, "VULTR_API_KEY=secret")
	var complaints bytes.Buffer
	client.Stderr = &complaints
	out, err := client.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, complaints.Bytes())
	}
	w := api.World()
	var names []string
	name := func(id, name string) {
		if len(id) == len("123e4567-e89b-12d3-a456-426614174000") { // not one that the test gave
			names = append(names, id, "<"+name+">")
		}
	}
	name(w.Organization.ID, "organization")
	name(w.Users[0].ID, "owner")
	for _, i := range w.Invitations {
		name(i.ID, "invitation of "+i.Email)
	}
	for _, g := range w.Groups {
		name(g.ID, "group "+g.Name)
	}
	for _, r := range w.Roles {
		name(r.ID, "role "+r.Name)
	}
	for _, p := range w.Policies {
		name(p.ID, "policy "+p.Name)
	}
	lines := strings.NewReplacer(names...).Replace(string(out))
	return apiError.ReplaceAllString(lines, `"error":"$1$2"`)
}

// apiError matches an error of the API as govultr 3.34.0 and 3.32.0 print it.
var apiError = regexp.MustCompile(
	`"error":"(?:error returned from api : (.*)|\{\\"error\\":\\"(.*)\\",\\"status\\":\d+\}\\n)"`)
