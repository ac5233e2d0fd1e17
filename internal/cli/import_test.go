package cli

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// populated returns a world with members, access and an invitation, none of which is in a roster.
func populated(t *testing.T, o sandbox.Options, before func(*http.Request)) *world {
	t.Helper()
	w := newWorld(t, o, before)
	for _, u := range []sandbox.User{
		{Email: "ada@example.com", Name: "Ada: \"Countess\"\n- email: eve@example.com", APIEnabled: true,
			Groups: []string{"platform", "everyone"}, Roles: []string{"deployer"}},
		{Email: "bob@example.com", Name: "Bob", Policies: []string{"read-only"}},
		{Email: "ci@example.com", Name: "ci", Service: true},
		{Email: "sue@example.com", Name: "Sue", Suspended: true, Groups: []string{"everyone"}},
	} {
		if _, err := w.api.AddUser(u); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range []sandbox.Invitation{{Email: "Cleo@example.com", APIEnabled: true},
		{Email: "old@example.com", State: "expired"}} {
		if _, err := w.api.AddInvitation(i); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// write writes a file into the folder of the world and returns its path.
func (w *world) write(name, text string) string {
	w.t.Helper()
	file := filepath.Join(w.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return file
}

const people = `users:
  - email: ada@example.com
    name: 'Ada: "Countess" - email: eve@example.com'
    api_enabled: true
    groups: [everyone, platform]
    roles: [deployer]
  - email: bob@example.com
    name: Bob
    api_enabled: false
    policies: [read-only]
  - email: Cleo@example.com
    api_enabled: true
  # suspended: orgsync leaves that as it is
  - email: sue@example.com
    name: Sue
    api_enabled: false
    groups: [everyone]
`

// TestImport checks that the roster has everybody, and that a plan with this roster has no changes.
func TestImport(t *testing.T) {
	t.Parallel()
	for _, d := range sandbox.Dialects() {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			var writes atomic.Int32
			w := populated(t, sandbox.Options{Dialect: d.Dialect}, func(r *http.Request) {
				if r.Method != http.MethodGet {
					writes.Add(1)
				}
			})
			args := []string{"import"}
			if d.Dialect.Organizations == sandbox.OrganizationsSeveral {
				w.want(w.run(t.Context(), args...), exitRefused, 0)
				w.wantStderr("the key shows several organizations", "name one with --organization")
				args = append(args, "--organization", "example org")
			}
			w.want(w.run(t.Context(), args...), exitDone, 0)
			text := w.stdout.String()
			head, users, _ := strings.Cut(text, "\nusers:\n")
			users = "users:\n" + users
			want := people
			// Some dialects do not have this fact.
			if p := d.Dialect.Permissions; p == sandbox.PermissionsNull || p == sandbox.PermissionsText ||
				p == sandbox.PermissionsList {
				want = strings.Replace(want, "Cleo@example.com\n    api_enabled: true\n", "Cleo@example.com\n", 1)
			}
			if d.Dialect.Suspended == sandbox.SuspendedListed {
				want = strings.Replace(want, "Sue\n    api_enabled: false\n", "Sue\n", 1)
			}
			if d.Dialect.InvitedEmail == sandbox.InvitedLower {
				want = strings.Replace(want, "Cleo@", "cleo@", 1)
			}
			if d.Dialect.Dates == sandbox.DatesEmpty && d.Dialect.Lapsed == sandbox.LapsedPending {
				want = strings.Replace(want, "  # suspended", "  - email: old@example.com\n    api_enabled: false\n  # "+
					"suspended", 1)
			}
			if diff := cmp.Diff(want, users); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}
			organization := "\norganization: " + w.api.World().Organization.ID + " # Example Org\n"
			for _, part := range []string{
				"# yaml-language-server: $schema=./roster.schema.json\n", organization,
				"owner@example.com is not listed: orgsync never suspends", "service users are not listed: ci",
				"assumable roles are taken on for a session and cannot be given to a person: auditor",
			} {
				if !strings.Contains(head+"\n", part) {
					t.Errorf("above the users it does not say %q:\n%s", part, head)
				}
			}
			w.write("users.yaml", text)
			w.want(w.run(t.Context(), "plan", "--detailed-exitcode"), exitDone, 0)
			w.write("users.yaml", text+"\nsettings: {unlisted: remove, extra_access: revoke}\n")
			w.want(w.run(t.Context(), "plan", "--detailed-exitcode"), exitDone, 0)
			if writes.Load() > 0 {
				t.Errorf("%d requests write", writes.Load())
			}
		})
	}
}

// TestImportMergeOfSeveral checks that the roster or the flag must name the organization if the key has several.
func TestImportMergeOfSeveral(t *testing.T) {
	t.Parallel()
	w := populated(t, sandbox.Options{Dialect: sandbox.Dialect{Organizations: sandbox.OrganizationsSeveral}}, nil)
	file := w.write("users.yaml", "users:\n  - email: zoe@example.com\n")
	w.want(w.run(t.Context(), "import", "--merge", file), exitRefused, 0)
	w.want(w.run(t.Context(), "import", "--merge", file, "--organization", "Example Org"), exitDone, 0)
	w.write("users.yaml", "organization: Example Org\nusers:\n  - email: zoe@example.com\n")
	w.want(w.run(t.Context(), "import", "--merge", file, "--organization", "Other Org"), exitDone, 0)
}

// TestImportOfAnotherOrganization checks that the hint does not name a line of the roster, which does not exist yet.
func TestImportOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	for dialect, args := range map[string][]string{
		sandbox.OrganizationsOne:     {"import", "--organization", "Other Org"},
		sandbox.OrganizationsSeveral: {"import"},
	} {
		w := populated(t, sandbox.Options{Dialect: sandbox.Dialect{Organizations: dialect}}, nil)
		w.want(w.run(t.Context(), args...), exitRefused, 0)
		w.wantStderr("--organization")
		if _, hint, _ := strings.Cut(w.stderr.String(), "hint: "); strings.Contains(hint, "roster") {
			t.Errorf("%v: the hint is %q", args, hint)
		}
	}
}

// TestImportNobody checks that an organization with only the user of the key gives a roster of this user.
func TestImportNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	w.want(w.run(t.Context(), "import"), exitDone, 0)
	w.write("users.yaml", w.stdout.String())
	if !strings.Contains(w.stdout.String(), "  - email: owner@example.com\n") {
		t.Errorf("the owner is not listed:\n%s", &w.stdout)
	}
	w.want(w.run(t.Context(), "plan", "--detailed-exitcode"), exitDone, 0)
	// If the key cannot see this user either, there is nobody to list.
	w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Path: "/v2/users"})
	w.want(w.run(t.Context(), "import"), exitError, 0)
	w.wantStderr("the organization has no people to list")
}

// TestImportForbidden checks that import leaves out what the key may not read.
func TestImportForbidden(t *testing.T) {
	t.Parallel()
	w := populated(t, sandbox.Options{}, nil)
	w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Path: "/v2/groups"})
	w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Path: "/v2/roles/{id}/users"})
	w.want(w.run(t.Context(), "import"), exitDone, 0)
	got := w.stdout.String()
	for _, part := range []string{"the key is not allowed to read groups: none are listed",
		"the key is not allowed to read roles: none are listed", "policies: [read-only]"} {
		if !strings.Contains(got, part) {
			t.Errorf("it does not say %q:\n%s", part, got)
		}
	}
	if strings.Contains(got, "groups: [") || strings.Contains(got, "roles: [") {
		t.Errorf("groups or roles are listed:\n%s", got)
	}
	w.write("users.yaml", got)
	w.want(w.run(t.Context(), "plan", "--detailed-exitcode"), exitDone, 0)
	// An incomplete read prints no roster.
	w.api.ClearFaults()
	w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: http.StatusUnauthorized, Path: "/v2/policies"})
	w.want(w.run(t.Context(), "import"), exitError, 0)
	if w.stdout.Len() > 0 {
		t.Errorf("half a roster is printed:\n%s", &w.stdout)
	}
}

// TestImportMergeNamesGroup: a new entry names a group that apply would then revoke from a person of the roster.
func TestImportMergeNamesGroup(t *testing.T) {
	t.Parallel()
	const text = "settings: {extra_access: revoke}\nusers:\n  - email: ada@example.com\n    groups: [everyone]\n"
	const remark = `- with these changes, apply would revoke the group "platform" from people whose entry does not have ` +
		"it: ada@example.com\n"
	w := populated(t, sandbox.Options{}, nil)
	if _, err := w.api.AddUser(sandbox.User{Email: "zoe@example.com", Groups: []string{"platform"}}); err != nil {
		t.Fatal(err)
	}
	file := w.write("users.yaml", text)
	w.want(w.run(t.Context(), "plan", "--detailed-exitcode"), exitDone, 0)
	w.want(w.run(t.Context(), "import", "--merge", file), exitDone, 0)
	w.wantStderr(remark)
	w.write("users.yaml", w.stdout.String())
	w.want(w.run(t.Context(), "plan", "--detailed-exitcode"), exitChanges, 0)

	// With --access, the entry gets the group.
	w.write("users.yaml", text)
	w.want(w.run(t.Context(), "import", "--merge", file, "--access"), exitDone, 0)
	if strings.Contains(w.stderr.String(), "would revoke") {
		t.Errorf("a remark about nothing:\n%s", &w.stderr)
	}
	w.write("users.yaml", w.stdout.String())
	w.want(w.run(t.Context(), "plan", "--detailed-exitcode"), exitDone, 0)
}

func TestImportMerge(t *testing.T) {
	t.Parallel()
	const text = "# ours\nsettings: {allowed_domains: [other.example]}\nusers:\n- email: bob@example.com # the first\n  " +
		"external: yes\n\n# the end\n"
	const added = `- email: ada@example.com
  name: 'Ada: "Countess" - email: eve@example.com'
  api_enabled: true
  groups: [everyone, platform]
  roles: [deployer]
  external: true
- email: Cleo@example.com
  api_enabled: true
  external: true
# suspended: orgsync leaves that as it is
- email: sue@example.com
  name: Sue
  api_enabled: false
  groups: [everyone]
  external: true
`
	w := populated(t, sandbox.Options{}, nil)
	file := w.write("users.yaml", text)
	w.want(w.run(t.Context(), "import", "--merge", file), exitDone, 0)
	w.wantStderr("People added to ", ": 3.")
	want := strings.Replace(text, "  external: yes\n", "  external: yes\n"+added, 1)
	if diff := cmp.Diff(want, w.stdout.String()); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	w.write("users.yaml", w.stdout.String())
	w.want(w.run(t.Context(), "plan", "--detailed-exitcode"), exitDone, 0)

	// Changes by the defaults are reported, because no entry can prevent them.
	withDefaults := w.write("defaults.yaml", "defaults: {groups: [platform]}\nusers:\n  - email: zoe@example.com\n")
	delete(w.env, "ORGSYNC_ROSTER")
	w.want(w.run(t.Context(), "import", "--merge", withDefaults), exitDone, 0)
	w.wantStderr(": 4.\n", "- owner@example.com is not listed: orgsync never suspends", "- not listed, because their "+
		"invitation expired and apply would send a new one: old@example.com\n")
	if got := w.stdout.String(); !strings.Contains(got, "  # the roster's defaults give them what they do not have: "+
		"group platform\n  - email: bob@example.com\n") {
		t.Errorf("nothing says what the defaults give:\n%s", got)
	}

	// The second time, there is nobody to add.
	w.want(w.run(t.Context(), "import", "--merge", file), exitDone, 0)
	if got := w.stdout.String(); got != want {
		t.Errorf("merged again it is\n%s", got)
	}

	// People in another file of the roster are not missing.
	other := w.write("other.yaml", "users:\n  - email: zoe@example.com\n    external: yes\n")
	w.want(w.run(t.Context(), "import", "--merge", other, "--roster", file, "--roster", other), exitDone, 0)
	if got := w.stdout.String(); got != "users:\n  - email: zoe@example.com\n    external: yes\n" {
		t.Errorf("merged into the other file it is\n%s", got)
	}

	for _, tt := range []struct {
		name, text, stderr string
		args               []string
		code               int
	}{
		{"one line", "users: [{email: zoe@example.com}]\n", `"users" must be a list with one line for each person`, nil,
			exitError},
		{"invalid", "users:\n  - email: zoe\n", "users.yaml:2:12", nil, exitInvalid},
		{"another organization", "organization: Other\nusers:\n  - email: zoe@example.com\n", `"Other"`, nil, exitRefused},
		{"another organization in the roster", "organization: Other\nusers:\n  - email: zoe@example.com\n",
			"fix the `organization` line of the roster", []string{"--organization", "Example Org"}, exitRefused},
		{"--access from a CSV file", "users:\n  - email: zoe@example.com\n", "and without --csv",
			[]string{"--access", "--csv", other}, exitError},
		{"not a file of the roster", "users:\n  - email: zoe@example.com\n", "this file is not part of the roster",
			[]string{"--roster", other}, exitError},
	} {
		w.write("users.yaml", tt.text)
		w.want(w.run(t.Context(), append([]string{"import", "--merge", file}, tt.args...)...), tt.code, 0)
		w.wantStderr(tt.stderr)
		if w.stdout.Len() > 0 {
			t.Errorf("%s: printed all the same:\n%s", tt.name, &w.stdout)
		}
	}
	w.want(w.run(t.Context(), "import", "--merge", filepath.Join(w.dir, "missing.yaml")), exitError, 0)
	w.want(w.run(t.Context(), "import", "file.yaml"), exitError, 0)
}
