package doctor

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/vultr"
)

var update = flag.Bool("update", false, "rewrite the recordings of the simulated API, and what is read in all "+
	"recordings")

// recordings is the folder of the recordings that tests replay.
const recordings = "../../testdata/recorded"

// loadRecording returns the answers of a recording in their order.
func loadRecording(t *testing.T, dir string) []recording {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s holds no recording: %v", dir, err)
	}
	slices.Sort(files)
	all := make([]recording, len(files))
	for i, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(content, &all[i]); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return all
}

// replay serves a recording. It sends the answers to the same request in their order, and then
// repeats the last one.
func replay(t *testing.T, dir string) http.Handler {
	t.Helper()
	var mu sync.Mutex
	answers := map[string][]recording{}
	for _, r := range loadRecording(t, dir) {
		request := r.Method + " " + r.Path + "?" + r.Query
		answers[request] = append(answers[request], r)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		request := r.Method + " " + r.URL.Path + "?" + r.URL.RawQuery
		have := answers[request]
		if len(have) == 0 {
			t.Errorf("%s has no answer to %s", dir, request)
			answerJSON(w, http.StatusTeapot, `{"error":"not recorded"}`)
			return
		}
		if len(have) > 1 {
			answers[request] = have[1:]
		}
		w.Header()["Content-Type"] = nil // no guessing
		for name, value := range have[0].Headers {
			w.Header().Set(name, value)
		}
		w.WriteHeader(have[0].Status)
		if have[0].Body != nil {
			w.Write(have[0].Body)
			return
		}
		fmt.Fprint(w, have[0].Text)
	})
}

// shape returns the parts of a snapshot that are not personal.
func shape(s org.Snapshot) map[string]int {
	n := map[string]int{}
	note := func(what string, is bool) {
		if is {
			n[what]++
		}
	}
	note("organization known", s.Organization.ID != "")
	note("self known", !s.Self.IsZero())
	note("users seen", s.UsersVisible)
	note("suspended users seen", s.SuspendedVisible)
	domains := map[string]bool{}
	for _, u := range s.Users {
		n["users"]++
		note("users with API access", u.APIEnabled != nil && *u.APIEnabled)
		note("users without API access", u.APIEnabled != nil && !*u.APIEnabled)
		note("service users", u.Service)
		note("suspended users", u.Suspended)
		note("administrators", u.Admin)
		note("users with a name", u.Name != "")
		note("users with capital letters", u.Email.String() != strings.ToLower(u.Email.String()))
		note("users who are the key's own", u.Email.Equal(s.Self))
		domains[u.Email.Domain()] = true
	}
	users := map[string]bool{}
	for _, u := range s.Users {
		users[u.Email.Key()] = true
	}
	for _, i := range s.Invitations {
		n["invitations "+string(i.Status)]++
		note("invitations with an id", vultr.IsValidID(i.ID))
		note("invitations that expired", !i.ExpiresAt().IsZero() && !i.ExpiresAt().After(s.Now))
		note("invitations without an end", i.ExpiresAt().IsZero())
		note("invitations answered", !i.Responded.IsZero())
		note("invitations with API access", i.APIEnabled != nil && *i.APIEnabled)
		note("invitations without API access", i.APIEnabled != nil && !*i.APIEnabled)
		note("invitations accepted with another address", !i.Registered.IsZero() && !i.Registered.Equal(i.Invited))
		note("invitations of users", users[i.Invited.Key()] || users[i.Registered.Key()])
		note("invitations of this organization", i.OrgID == s.Organization.ID)
		domains[i.Invited.Domain()] = true
	}
	n["domains"] = len(domains)
	for _, a := range s.Access {
		n[string(a.Kind)+" lists"]++
		n[string(a.Kind)+" holders"] += len(a.Holders)
		note("deleted", a.Deleted)
		note("assumable", a.Assumable)
	}
	return n
}

// pinOf returns the id of the organization of the invitations, so that a key with several
// organizations works too.
func pinOf(t *testing.T, c *vultr.Client) string {
	t.Helper()
	s, err := c.Survey(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range vultr.OrganizationsIn(s.Found.Invitations) {
		return o.ID
	}
	return ""
}

// lasting returns a checkup without the values that differ between runs, and without texts that may
// have been replaced.
func lasting(found Checkup) Checkup {
	found.At, found.ClockAhead = time.Time{}, nil
	found.Organization, found.Organizations, found.Self = org.Organization{}, nil, org.Address{}
	found.Endpoints = slices.Clone(found.Endpoints)
	for i := range found.Endpoints {
		found.Endpoints[i].Latency, found.Endpoints[i].Message = 0, ""
	}
	found.Limits = slices.Clone(found.Limits)
	for i := range found.Limits {
		found.Limits[i].Detail = ""
	}
	found.PlanError = nil
	return found
}

// In each dialect, a replayed recording is read as the same organization, and has the same checkup.
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, named := range sandbox.Dialects() {
		t.Run(named.Name, func(t *testing.T) {
			t.Parallel()
			api := peopled(t, sandbox.Options{Dialect: named.Dialect, Key: testKey, PageCap: 5})
			world := api.World()
			dir := t.TempDir()
			recorder, err := NewRecorder(dir)
			if err != nil {
				t.Fatal(err)
			}
			live := inProcess(t, api)
			wantFound := mustRun(t, live, world.Organization.ID, recorder)
			group := world.Groups[slices.IndexFunc(world.Groups, func(g sandbox.Group) bool { return len(g.Members) > 0 })]
			wanted := func(text func(id string) string) org.Wanted {
				return org.Wanted{
					org.KindGroup: {text(group.ID)}, org.KindRole: {text(world.Roles[0].ID)},
					org.KindPolicy: {text(world.Policies[0].ID)},
				}
			}
			want, err := live.ReadOrganization(t.Context(), world.Organization.ID, wanted(func(id string) string { return id }))
			if err != nil {
				t.Fatal(err)
			}

			recorded := inProcess(t, replay(t, dir))
			pin := pinOf(t, recorded)
			got, err := recorded.ReadOrganization(t.Context(), pin,
				wanted(func(id string) string { return recorder.redactor.text(id, "") }))
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(shape(want), shape(got)); diff != "" {
				t.Errorf("the recording is read differently (-live +recorded):\n%s", diff)
			}
			if n := shape(got); n["group holders"] == 0 || n["role holders"] != 3 || n["policy holders"] != 3 ||
				n["suspended users"] != 1 {
				t.Errorf("nothing to compare: %v", n)
			}
			gotFound := mustRun(t, inProcess(t, replay(t, dir)), pin, nil)
			if diff := gocmp.Diff(lasting(wantFound), lasting(gotFound)); diff != "" {
				t.Errorf("the check-up says something else (-live +recorded):\n%s", diff)
			}
		})
	}
}

// Faults are recorded and replayed like other answers.
func TestReplayTrouble(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]sandbox.Fault{
		"users forbidden": {Kind: sandbox.FaultForbid, Path: "/v2/users"},
		"groups missing":  {Kind: sandbox.FaultStatus, Status: 404, Path: "/v2/groups"},
		"throttled":       {Kind: sandbox.FaultThrottle, RetryAfter: "20", Path: "/v2/users", Times: 2},
		"portal":          {Kind: sandbox.FaultRedirect},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := peopled(t, sandbox.Options{})
				api.AddFault(fault)
				dir := t.TempDir()
				recorder, err := NewRecorder(dir)
				if err != nil {
					t.Fatal(err)
				}
				want, got := mustRun(t, inProcess(t, api), "", recorder), mustRun(t, inProcess(t, replay(t, dir)), "", nil)
				if able := name != "portal"; (want.PlanError == nil) != able || (got.PlanError == nil) != able {
					t.Errorf("unable: %v, and replayed: %v", want.PlanError, got.PlanError)
				}
				if diff := gocmp.Diff(lasting(want), lasting(got)); diff != "" {
					t.Errorf("the check-up says something else (-live +recorded):\n%s", diff)
				}
			})
		})
	}
}

// TestRecordings replays all recordings of the project. To add a recording of a real organization,
// put it into a folder there, run the test with -update, and read the text file that it writes
// beside the folder.
func TestRecordings(t *testing.T) {
	if *update {
		recordSandbox(t)
	}
	entries, err := os.ReadDir(recordings)
	if err != nil {
		t.Fatal(err)
	}
	replayed := 0
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		replayed++
		t.Run(e.Name(), func(t *testing.T) {
			dir := filepath.Join(recordings, e.Name())
			pin := pinOf(t, inProcess(t, replay(t, dir)))
			found := mustRun(t, inProcess(t, replay(t, dir)), pin, nil)
			snapshot, err := inProcess(t, replay(t, dir)).ReadOrganization(t.Context(), pin, nil)
			got := describe(found, snapshot, err)
			golden := dir + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(string(want), got); diff != "" {
				t.Errorf("what is read (-want +got):\n%s", diff)
			}
		})
	}
	if replayed < 3 {
		t.Errorf("%d recordings, want at least 3", replayed)
	}
}

// describe returns a text with everything about a recording that the test compares.
func describe(found Checkup, s org.Snapshot, err error) string {
	var b strings.Builder
	fmt.Fprintf(&b, "key %s, able %t\n", found.Key, found.PlanError == nil)
	for _, e := range found.Endpoints {
		fmt.Fprintf(&b, "%s: %s, status %d, %d rows on %d pages\n", e.Name, e.Verdict, e.Status, e.Rows, e.Pages)
	}
	for _, trait := range found.Traits {
		fmt.Fprintf(&b, "%s: %s\n", trait.Axis, strings.Join(trait.Seen, ", "))
	}
	for _, l := range found.Limits {
		fmt.Fprintf(&b, "limit %s %s\n", l.Kind, l.Detail)
	}
	if err != nil {
		fmt.Fprintf(&b, "reading fails: %v\n", err)
		return b.String()
	}
	n := shape(s)
	for _, what := range slices.Sorted(maps.Keys(n)) {
		fmt.Fprintf(&b, "%s: %d\n", what, n[what])
	}
	return b.String()
}

// recordSandbox makes recordings of the simulated API, because there is no recording of a real
// organization yet.
func recordSandbox(t *testing.T) {
	for _, name := range []string{"openapi", "govultr-traps", "suspended-unlisted", "nasty"} {
		d, err := sandbox.ParseDialect(name)
		if err != nil {
			t.Fatal(err)
		}
		morning := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
		api := peopled(t, sandbox.Options{Dialect: d, PageCap: 10, Now: func() time.Time { return morning }})
		dir := filepath.Join(recordings, "sandbox-"+name)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		recorder, err := NewRecorder(dir)
		if err != nil {
			t.Fatal(err)
		}
		mustRun(t, inProcess(t, api), api.World().Organization.ID, recorder)
	}
}
