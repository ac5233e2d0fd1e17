//go:build servers

package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// TestTerraform runs Vultr's provider against a simulation, in the dialect that docs/sandbox.md names for
// it. It needs what CI does not have: the program terraform or tofu of ORGSYNC_TEST_TERRAFORM, and a
// folder ORGSYNC_TEST_PROVIDER with a terraform-provider-vultr that takes the API's address from
// VULTR_API_URL, as CONTRIBUTING.md says.
func TestTerraform(t *testing.T) {
	t.Parallel()
	program, provider := os.Getenv("ORGSYNC_TEST_TERRAFORM"), os.Getenv("ORGSYNC_TEST_PROVIDER")
	if program == "" || provider == "" {
		t.Skip("ORGSYNC_TEST_TERRAFORM and ORGSYNC_TEST_PROVIDER are not set")
	}
	api := exampleOrganization(t, "govultr")
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	tf := terraform{t, program, t.TempDir(), nil}
	tf.write("terraform.rc", fmt.Sprintf("provider_installation {\n  dev_overrides { \"vultr/vultr\" = %q }\n}\n",
		provider))
	tf.env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE="+filepath.Join(tf.folder, "terraform.rc"),
		"VULTR_API_URL="+server.URL, "VULTR_API_KEY=secret")

	tf.copy("main.tf")
	tf.copy("invitations.tf")
	tf.run("apply", "-auto-approve")
	tf.run("apply", "-auto-approve") // reads what the first one changed
	const day = "2026-06-01T10:00:00+00:00"
	wantDiff(t, "what the data sources read", map[string]any{
		"organization": "Example Org",
		"user": map[string]any{
			"id": "bob", "name": "Bob", "email": "bob@example.com", "api_enabled": false, "service_user": false, "acl": []any{},
			"groups": []any{"team"}, "roles": []any{},
		},
		"group": map[string]any{
			"id": "team", "name": "team", "description": "the team", "users": []any{"bob"}, "roles": []any{},
			"policies": []any{}, "date_created": day,
		},
		"role": map[string]any{
			"id": "viewer", "name": "viewer", "description": "", "max_session_duration": 3600., "policies": []any{"look"},
			"groups": []any{byName(api.World())["ops"]}, "date_created": day, "type": nil, // the provider never reads the type
		},
		"policy": map[string]any{
			"id": "pay", "name": "pay", "description": "", "is_system_policy": false, "users": []any{"bob"},
			"groups": []any{byName(api.World())["ops"]}, "date_created": day, "version": nil, // nor the version
			"document": []any{map[string]any{
				"version":   "2012-10-17",
				"statement": []any{map[string]any{"effect": "Allow", "actions": []any{"*"}, "resources": []any{"*"}}},
			}},
		},
	}, tf.output("read"))
	wantDiff(t, "groups", []sandbox.Group{
		{Name: "everyone"}, {Name: "platform", Roles: []string{"deployer"}},
		{Name: "team", Members: []string{"bob@example.com"}},
		{Name: "ops", Roles: []string{"viewer"}, Policies: []string{"pay"}},
	}, groupsWithoutID(api))
	wantDiff(t, "policies of bob", []string{"pay"}, api.World().Users[2].Policies)
	mails := map[string]int{"di@example.com": 1, "ed@example.com": 1}
	wantDiff(t, "mails", mails, mailCount(api))

	// Terraform finds no change if invitations are accepted or expire.
	err1 := api.Accept("di@example.com")
	err2 := api.Advance(100 * time.Hour)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	tf.run("plan", "-detailed-exitcode") // fails if there is a change

	// Terraform forgets the invitations without deleting them, as docs/moving-here.md shows.
	tf.remove("invitations.tf")
	tf.copy("removed.tf")
	tf.run("apply", "-auto-approve")
	list := tf.run("state", "list")
	if strings.Contains(list, "invitation") || !strings.Contains(list, "vultr_organization_group.ops") {
		t.Errorf("the state has\n%s", list)
	}
	wantDiff(t, "mails after the removal", mails, mailCount(api))
	for _, bad := range api.Violations() {
		t.Errorf("%s %s breaks the documents: %s", bad.Method, bad.Path, bad.Violation)
	}

	tf.copy("role.tf")
	if out := tf.fail("apply", "-auto-approve"); !strings.Contains(out, "This simulation lacks POST /v2/roles") {
		t.Errorf("a role that cannot be created:\n%s", out)
	}
	tf.run("destroy", "-auto-approve")
	wantDiff(t, "groups at the end", []sandbox.Group{
		{Name: "everyone"}, {Name: "platform", Roles: []string{"deployer"}},
		{Name: "team", Deleted: true, Members: []string{"bob@example.com"}}, {Name: "ops", Deleted: true},
	}, groupsWithoutID(api))
	wantDiff(t, "policies of bob at the end", []string(nil), api.World().Users[2].Policies)
}

func groupsWithoutID(api *sandbox.Server) []sandbox.Group {
	groups := api.World().Groups
	for i := range groups {
		groups[i].ID, groups[i].Description, groups[i].Created = "", "", time.Time{}
	}
	return groups
}

// terraform runs a program in a folder.
type terraform struct {
	t               *testing.T
	program, folder string
	env             []string
}

func (tf terraform) write(name, text string) {
	tf.t.Helper()
	if err := os.WriteFile(filepath.Join(tf.folder, name), []byte(text), 0o600); err != nil {
		tf.t.Fatal(err)
	}
}

func (tf terraform) copy(name string) {
	tf.t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/terraform", name))
	if err != nil {
		tf.t.Fatal(err)
	}
	tf.write(name, string(text))
}

func (tf terraform) remove(name string) {
	tf.t.Helper()
	if err := os.Remove(filepath.Join(tf.folder, name)); err != nil {
		tf.t.Fatal(err)
	}
}

func (tf terraform) try(args ...string) (string, error) {
	command := exec.CommandContext(tf.t.Context(), tf.program, args...)
	command.Dir, command.Env = tf.folder, tf.env
	out, err := command.CombinedOutput()
	return string(out), err
}

// run returns what a command printed, and fails the test if the command fails.
func (tf terraform) run(args ...string) string {
	tf.t.Helper()
	out, err := tf.try(args...)
	if err != nil {
		tf.t.Fatalf("%s: %v\n%s", args, err, out)
	}
	return out
}

// fail returns what a command printed that must fail.
func (tf terraform) fail(args ...string) string {
	tf.t.Helper()
	out, err := tf.try(args...)
	if err == nil {
		tf.t.Errorf("%s did not fail", args)
	}
	return out
}

// output returns one output of the last apply.
func (tf terraform) output(name string) (value any) {
	tf.t.Helper()
	if err := json.Unmarshal([]byte(tf.run("output", "-json", name)), &value); err != nil {
		tf.t.Fatal(err)
	}
	return value
}
