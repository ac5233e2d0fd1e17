package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/flagvalue"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/state/dir"
)

// ticks makes the waits of --watch end at once. Each wait calls the next function, as long as there is one.
func ticks(steps ...func()) func(time.Duration) <-chan time.Time {
	return func(time.Duration) <-chan time.Time {
		if len(steps) == 0 {
			return nil // never
		}
		steps[0]()
		steps = steps[1:]
		c := make(chan time.Time, 1)
		c <- time.Time{}
		return c
	}
}

func (w *world) accept(who string) func() {
	return func() {
		if err := w.api.Accept(who); err != nil {
			w.t.Error(err)
		}
	}
}

// invited returns a world in which everybody was mailed.
func invited(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, sandbox.Options{}, nil)
	w.want(w.run(t.Context(), "apply"), exitDone, 3)
	return w
}

// states returns the state of everybody in a report in JSON.
func (w *world) states() map[string]string {
	w.t.Helper()
	var r struct {
		People []struct{ Email, State string }
	}
	if err := json.Unmarshal(w.stdout.Bytes(), &r); err != nil {
		w.t.Fatalf("stdout is not one JSON document: %v\n%s", err, &w.stdout)
	}
	got := map[string]string{}
	for _, p := range r.People {
		got[p.Email] = p.State
	}
	return got
}

// wantErrorAfter checks that stdout has this many JSON documents without an error, and then one with this code.
func (w *world) wantErrorAfter(documents, code int) {
	w.t.Helper()
	var codes []int
	for d := json.NewDecoder(&w.stdout); d.More(); {
		var r result
		if err := d.Decode(&r); err != nil {
			w.t.Fatal(err)
		}
		codes = append(codes, r.Error.Code)
	}
	if want := append(make([]int, documents), code); !slices.Equal(codes, want) {
		w.t.Errorf("the documents have the error codes %v, want %v", codes, want)
	}
}

// TestWatch checks that --watch prints a new table after a change, and ends when nobody is pending.
func TestWatch(t *testing.T) {
	t.Parallel()
	nothing := func() {}
	play := func(t *testing.T) *world {
		w := invited(t)
		w.after = ticks(nothing, w.accept("ada@example.com"), nothing, w.accept("bob@example.com"),
			w.accept("cleo@example.com"))
		return w
	}
	t.Run("not on a terminal", func(t *testing.T) {
		t.Parallel()
		w := play(t)
		w.want(w.run(t.Context(), "status", "--watch"), exitDone, 3)
		got := w.stdout.String()
		var summaries []string
		for line := range strings.Lines(got) {
			if strings.HasPrefix(line, "3 people") {
				summaries = append(summaries, strings.TrimSpace(line))
			}
		}
		want := []string{"3 people: 3 pending.", "3 people: 2 pending, 1 member.", "3 people: 1 pending, 2 members.",
			"3 people: 3 members."}
		if fmt.Sprint(summaries) != fmt.Sprint(want) || strings.Contains(got, "\x1b") {
			t.Errorf("tables end with %q, want %q:\n%s", summaries, want, got)
		}
	})
	t.Run("a stranger", func(t *testing.T) {
		t.Parallel()
		w := invited(t)
		roster := "organization: Example Org\nsettings:\n  unlisted: remove\n" + threePeople
		if err := os.WriteFile(filepath.Join(w.dir, "users.yaml"), []byte(roster), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := w.api.AddUser(sandbox.User{Email: "eve@example.com"}); err != nil {
			t.Fatal(err)
		}
		later := func() {
			if err := w.api.Advance(10 * time.Minute); err != nil {
				t.Error(err)
			}
		}
		for _, format := range []string{"text", "json"} {
			ctx, cancel := context.WithCancelCause(t.Context())
			w.after = ticks(later, later, func() { cancel(&timeoutError{time.Hour}) })
			w.want(w.run(ctx, "status", "--watch", "-o", format), exitError, 3)
			if n := strings.Count(w.stdout.String(), "eve@example.com"); n != 1 {
				t.Errorf("%s: nothing changed, but the stranger is shown %d times:\n%s", format, n, &w.stdout)
			}
		}
	})
	t.Run("a new notice", func(t *testing.T) {
		t.Parallel()
		w := invited(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		w.after = ticks(func() { w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Path: "/v2/users"}) }, nothing,
			func() { cancel(&timeoutError{time.Hour}) })
		w.want(w.run(ctx, "status", "--watch"), exitError, 3)
		for text, want := range map[string]int{"3 people: 3 pending.": 2, "not allowed to list users": 1} {
			if n := strings.Count(w.stdout.String(), text); n != want {
				t.Errorf("%q is shown %d times, want %d:\n%s", text, n, want, &w.stdout)
			}
		}
	})
	t.Run("on a terminal", func(t *testing.T) {
		t.Parallel()
		w := play(t)
		w.screens = []any{&w.stdout}
		w.env["NO_COLOR"] = "1"
		w.want(w.run(t.Context(), "status", "--watch"), exitDone, 3)
		if n := strings.Count(w.stdout.String(), "\x1b[H\x1b[2J"); n != 6 {
			t.Errorf("the screen was drawn %d times, want 6", n)
		}
	})
	t.Run("on a dumb terminal", func(t *testing.T) {
		t.Parallel()
		w := play(t)
		w.screens = []any{&w.stdout}
		w.env["TERM"] = "dumb"
		w.want(w.run(t.Context(), "status", "--watch"), exitDone, 3)
		if strings.Contains(w.stdout.String(), "\x1b") {
			t.Errorf("a dumb terminal is drawn on:\n%q", &w.stdout)
		}
	})
	t.Run("JSON", func(t *testing.T) {
		t.Parallel()
		w := play(t)
		w.screens = []any{&w.stdout}
		w.want(w.run(t.Context(), "status", "--watch", "-o", "json"), exitDone, 3)
		documents := 0
		for d := json.NewDecoder(&w.stdout); d.More(); documents++ {
			var any map[string]any
			if err := d.Decode(&any); err != nil {
				t.Fatal(err)
			}
		}
		if documents != 4 {
			t.Errorf("%d documents, want 4", documents)
		}
	})
	t.Run("one person", func(t *testing.T) {
		t.Parallel()
		w := invited(t)
		w.after = ticks(w.accept("ada@example.com"))
		w.want(w.run(t.Context(), "status", "--watch", "ada@example.com"), exitDone, 3)
	})
	t.Run("nobody pending", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{}, nil)
		w.want(w.run(t.Context(), "status", "--watch"), exitDone, 0)
	})
	t.Run("time-out", func(t *testing.T) {
		t.Parallel()
		w := invited(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		w.after = ticks(w.accept("ada@example.com"), nothing, func() { cancel(&timeoutError{2 * time.Hour}) })
		w.want(w.run(ctx, "status", "--watch"), exitError, 3)
		w.wantStderr("orgsync: 2 people are still pending: the run took longer than 2h0m0s", "allow more time with --timeout")
	})
	t.Run("time-out between readings", func(t *testing.T) {
		t.Parallel()
		w := invited(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		w.after = func(time.Duration) <-chan time.Time {
			cancel(&timeoutError{2 * time.Hour})
			return nil
		}
		w.want(w.run(ctx, "status", "--watch", "-o", "json"), exitError, 3)
		w.wantStderr("orgsync: 3 people are still pending: the run took longer than 2h0m0s")
		w.wantErrorAfter(1, exitError)
	})
	t.Run("time-out before anything was read", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		w := newWorld(t, sandbox.Options{}, func(r *http.Request) {
			if r.URL.Path == "/v2/users" {
				cancel(&timeoutError{time.Second})
				<-r.Context().Done() // an answer that has arrived by then would count
			}
		})
		w.want(w.run(ctx, "status", "--watch"), exitError, 0)
		w.wantStderr("orgsync: the run took longer than 1s")
	})
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		w := invited(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		w.after = func(time.Duration) <-chan time.Time {
			cancel(&signalError{os.Interrupt})
			return nil
		}
		w.want(w.run(ctx, "status", "--watch"), exitInterrupted, 3)
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		w := invited(t)
		w.after = ticks(func() { w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 401}) })
		w.want(w.run(t.Context(), "status", "--watch"), exitError, 3)
		w.wantStderr("HTTP 401")
	})
	t.Run("broken in JSON", func(t *testing.T) {
		t.Parallel()
		w := invited(t)
		w.after = ticks(w.accept("ada@example.com"),
			func() { w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 401}) })
		w.want(w.run(t.Context(), "status", "--watch", "-o", "json"), exitError, 3)
		w.wantErrorAfter(2, exitError)
	})
}

// TestWatchOutage checks that only an outage after the first read does not end --watch.
func TestWatchOutage(t *testing.T) {
	t.Parallel()
	pending := report.Status{People: []report.Person{{PersonStatus: plan.PersonStatus{State: plan.StatePending}}}}
	failure := func(f org.Failure) error { return fmt.Errorf("read: %w", &org.CallError{Op: "list users", Failure: f}) }
	for _, c := range []struct {
		name  string
		reads []any // an error or a status
		want  string
		waits int
	}{
		{"no answer", []any{pending, failure(org.Lost), failure(org.NotSent), pending, report.Status{}}, "", 4},
		{"no answer at the start", []any{failure(org.Lost)}, "read: list users", 0},
		{"the key is refused", []any{pending, failure(org.Lost), failure(org.Denied)}, "read: list users", 2},
		{"an answer that cannot be read", []any{pending, failure(org.Unreadable)}, "read: list users", 1},
		{"the ledger cannot be read", []any{pending, errors.New("disk")}, "disk", 1},
		{"time-out", []any{pending, failure(org.Lost)}, "1 person is still pending: the run took longer than 1h0m0s", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			waits := 0
			var stderr bytes.Buffer
			a := &app{log: newLog(&stderr, slog.LevelWarn, "text"), Environment: Environment{
				stdout: io.Discard, isTerminal: noTerminal, getenv: func(string) string { return "" },
				after: func(time.Duration) <-chan time.Time {
					waits++
					if len(c.reads) == 0 {
						cancel(&timeoutError{time.Hour})
						return nil
					}
					return ticks(func() {})(0)
				},
			}}
			err := a.watch(ctx, func() (report.Status, error) {
				next := c.reads[0]
				c.reads = c.reads[1:]
				if err, ok := next.(error); ok {
					return report.Status{}, err
				}
				return next.(report.Status), nil
			})
			if fmt.Sprint(err) != cmp.Or(c.want, "<nil>") || waits != c.waits || len(c.reads) > 0 {
				t.Errorf("watch returned %v after %d waits, want %q after %d; not read: %v", err, waits, c.want, c.waits, c.reads)
			}
			if c.name == "no answer" && strings.Count(stderr.String(), "list users") != 2 {
				t.Errorf("the log does not show both outages:\n%s", &stderr)
			}
		})
	}
}

// TestStatusWritesNothing checks that status sends no request that writes, and makes no state folder and no lock.
func TestStatusWritesNothing(t *testing.T) {
	t.Parallel()
	var writes atomic.Int32
	w := newWorld(t, sandbox.Options{}, func(r *http.Request) {
		if r.Method != http.MethodGet {
			writes.Add(1)
		}
	})
	for _, args := range [][]string{{"status"}, {"status", "ada@example.com"}, {"status", "--stale", "1d"}} {
		w.want(w.run(t.Context(), args...), exitDone, 0)
	}
	state := filepath.Join(w.dir, ".local")
	if _, err := os.Stat(state); writes.Load() != 0 || !os.IsNotExist(err) {
		t.Errorf("%d writes, state folder: %v", writes.Load(), err)
	}
	store, err := dir.New(filepath.Join(state, "state", "orgsync"), w.api.World().Organization.ID)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ledger.Open(t.Context(), store, ledger.Options{Organization: w.api.World().Organization.ID,
		Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	w.want(w.run(t.Context(), "status"), exitDone, 0)
}

func TestStale(t *testing.T) {
	t.Parallel()
	hours := func(n int) time.Duration { return time.Duration(n) * time.Hour }
	w := invited(t)
	w.accept("ada@example.com")()
	if err := w.api.Advance(hours(80)); err != nil {
		t.Fatal(err)
	}
	w.want(w.run(t.Context(), "apply"), exitDone, 5) // bob and cleo once more
	if err := w.api.Decline("cleo@example.com"); err != nil {
		t.Fatal(err)
	}
	waiting := map[string]string{"bob@example.com": "pending", "cleo@example.com": "needs_attention"}
	for stale, want := range map[string]map[string]string{"79h": waiting, "3d": waiting, "3d7h59m": waiting, "81h": {},
		"14d": {}} {
		w.want(w.run(t.Context(), "status", "--stale", stale, "-o", "json"), exitDone, 5)
		if got := w.states(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("--stale %s shows %v, want %v", stale, got, want)
		}
	}
	w.want(w.run(t.Context(), "status", "--stale", "1h", "bob@example.com", "ada@example.com"), exitDone, 5)
	if got := w.stdout.String(); !strings.Contains(got, "bob@example.com (") ||
		strings.Contains(got, "ada@example.com (") {
		t.Errorf("with bob pending and ada a member, it shows:\n%s", got)
	}

	// People whose waiting time is unknown are counted.
	undated := newWorld(t, sandbox.Options{Dialect: sandbox.Dialect{Dates: sandbox.DatesEmpty}}, nil)
	if _, err := undated.api.AddInvitation(sandbox.Invitation{Email: "ada@example.com"}); err != nil {
		t.Fatal(err)
	}
	undated.want(undated.run(t.Context(), "status", "--stale", "1h"), exitDone, 0)
	if got := undated.stdout.String(); !strings.HasSuffix(got, "\n0 people waiting for more than 1 hour; it is not "+
		"known how long 1 more person has waited.\n") {
		t.Errorf("got %q", got)
	}
}

func TestStatusOfOne(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		setup func(*world)
		args  []string
		code  int
		parts []string // of stdout, or of stderr when code is not 0
	}{
		{"accepted", func(w *world) { w.accept("ada@example.com")() }, []string{"ada@example.com"}, exitDone,
			[]string{"state       member", `the API says "Accepted" by ada@example.com at `, "invite  sent",
				"1 person: 1 member."}},
		{"two", func(*world) {}, []string{"cleo@example.com", "ADA@example.com"}, exitDone, []string{"ada@example.com (",
			"cleo@example.com (", "2 people: 2 pending."}},
		{"gone", func(w *world) {
			w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Path: "/v2/invitation/{id}", Status: http.StatusNotFound})
		}, []string{"ada@example.com"}, exitDone, []string{"verified    no: read the invitation ", "HTTP 404"}},
		{"forbidden", func(w *world) {
			w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Path: "/v2/invitation/{id}"})
		}, []string{"ada@example.com"}, exitDone, []string{"verified    no: read the invitation ", "HTTP 403"}},
		{"broken", func(w *world) {
			w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Path: "/v2/invitation/{id}"})
		}, []string{"ada@example.com"}, exitDone, []string{"verified    no: read the invitation ", "HTTP 500"}},
		{"key refused", func(w *world) {
			w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Path: "/v2/invitation/{id}",
				Status: http.StatusUnauthorized})
		}, []string{"ada@example.com"}, exitError, []string{"read the invitation", "HTTP 401"}},
		{"unknown", func(*world) {}, []string{"adda@example.com"}, exitError,
			[]string{"orgsync: the roster has no person with the address adda@example.com: did you mean ada@example.com?"}},
		{"unknown and like nobody", func(*world) {}, []string{"somebody@else.example"}, exitError,
			[]string{"orgsync: the roster has no person with the address somebody@else.example\n"}},
		{"no address", func(*world) {}, []string{"ada"}, exitError, []string{`orgsync: EMAIL is "ada": the address has no @`,
			"orgsync status --help"}},
		{"a file after --sandbox", func(*world) {}, []string{"--sandbox", "state.json"}, exitError,
			[]string{"hint: to name the file of the simulation: --sandbox=state.json"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := invited(t)
			tt.setup(w)
			w.want(w.run(t.Context(), append([]string{"status"}, tt.args...)...), tt.code, 3)
			got := w.stdout.String()
			if tt.code != exitDone {
				got = w.stderr.String()
			}
			for _, part := range tt.parts {
				if !strings.Contains(got, part) {
					t.Errorf("it does not say %q:\n%s", part, got)
				}
			}
		})
	}
}

// TestStatusNotices checks that the notices are about the people of the roster, or explain what apply does, and that
// others are counted and listed apart.
func TestStatusNotices(t *testing.T) {
	t.Parallel()
	w := populated(t, sandbox.Options{}, nil)
	w.write("users.yaml", "organization: Example Org\nsettings: {unlisted: remove}\n"+threePeople)
	w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Path: "/v2/account"})
	w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Path: "/v2/organizations/{id}/suspended-users"})
	w.want(w.run(t.Context(), "status"), exitDone, 0)
	got := w.stdout.String()
	for _, part := range []string{
		"\n  orgsync does not know which user this key belongs to: ",
		"\n  this key cannot list suspended users: ", "\nNot in the roster (2):\n",
		"\n  sue@example.com    suspended user  only reported\n",
		" Not in the roster: 2 users.\n",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("it does not say %q:\n%s", part, got)
		}
	}
}

// TestStatusOfTheOrganization checks that status shows the notices about the organization, also if it shows one person.
func TestStatusOfTheOrganization(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	w.write("users.yaml", "organization: "+w.api.World().Organization.ID+"\n"+threePeople)
	w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultWrongOrganization, Method: http.MethodPost, Times: 1})
	w.want(w.run(t.Context(), "apply"), exitUnfinished, 0)
	w.want(w.run(t.Context(), "apply"), exitRefused, 0)
	w.api.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Path: "/v2/organizations"})
	for _, who := range []string{"ada@example.com", "cleo@example.com"} {
		w.want(w.run(t.Context(), "status", who), exitDone, 0)
		for _, part := range []string{"the last mail invited ada@example.com to another organization",
			"orgsync cannot confirm that this key belongs to the organization"} {
			if !strings.Contains(w.stdout.String(), part) {
				t.Errorf("the status of %s does not say %q:\n%s", who, part, &w.stdout)
			}
		}
	}
}

// TestStatusOfOneWhoLeaves checks that the status of a person says that apply removes them, also under an alias.
func TestStatusOfOneWhoLeaves(t *testing.T) {
	t.Parallel()
	w := populated(t, sandbox.Options{}, nil)
	for _, tt := range []struct{ policy, want string }{
		{"remove", "\n  apply       would remove them: their last day has passed\n"},
		{"report", "ada@example.com is still in the organization, but their last day has passed"},
	} {
		w.write("users.yaml", "organization: Example Org\nsettings: {unlisted: "+tt.policy+"}\nusers:\n"+
			"  - email: bob@example.com\n"+
			"  - {email: lovelace@example.com, aliases: [ada@example.com], until: 2020-01-01}\n")
		w.want(w.run(t.Context(), "status", "lovelace@example.com"), exitDone, 0)
		if got := w.stdout.String(); !strings.Contains(got, tt.want) || strings.Contains(got, "sue@example.com") {
			t.Errorf("%s: it does not say %q:\n%s", tt.policy, tt.want, got)
		}
	}
}

// TestStatusPage checks that the page shows people who are not in the roster when it covers everybody,
// and otherwise only the people selected.
func TestStatusPage(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	w := populated(t, sandbox.Options{}, func(*http.Request) { requests.Add(1) })
	if _, err := w.api.AddInvitation(sandbox.Invitation{Email: "unlisted@partner.example"}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, settings string
		args           []string
		want, not      []string
	}{
		{"everybody", "", nil, []string{"<!DOCTYPE html>", "ada@example.com", "cleo@example.com", "sue@example.com",
			"unlisted@partner.example", "only reported"}, nil},
		{"who is to be removed", "organization: Example Org\nsettings: {unlisted: remove, unlisted_after: 0s}\n", nil,
			[]string{"sue@example.com", "apply would remove them"}, []string{"but it refuses"}},
		{"who is to be removed, and a limit forbids it",
			"organization: Example Org\nsettings: {unlisted: remove, unlisted_after: 0s, max_removals: 0}\n", nil,
			[]string{"sue@example.com", "apply would remove them, but it refuses the whole plan", "the limit for one run is 0"},
			nil},
		{"one person", "", []string{"ada@example.com"}, []string{"<!DOCTYPE html>", "ada@example.com", "Details",
			"The ledger has no entries"},
			[]string{"cleo@example.com", "sue@example.com", "unlisted@partner.example", "Not in the roster"}},
		{"who is suspended already", "organization: Example Org\nsettings: {unlisted: suspend}\n", nil,
			[]string{"sue@example.com"}, nil},
		{"one person, and others are to be removed",
			"organization: Example Org\nsettings: {unlisted: remove, unlisted_after: 0s}\n",
			[]string{"ada@example.com"}, []string{"ada@example.com"}, []string{"sue@example.com"}},
		{"one person, and others are suspended already", "organization: Example Org\nsettings: {unlisted: suspend}\n",
			[]string{"ada@example.com"}, []string{"ada@example.com"}, []string{"sue@example.com"}},
		{"one person who is no member", "", []string{"cleo@example.com"}, []string{"cleo@example.com"},
			[]string{"unlisted@partner.example", "old@example.com"}},
		{"who has waited", "", []string{"--stale", "1h"}, []string{"<!DOCTYPE html>", "people waiting for more than 1 hour"},
			[]string{"ida@example.com", "sue@example.com", "unlisted@partner.example", "Not in the roster"}},
	}
	for _, tt := range tests {
		w.write("users.yaml", tt.settings+threePeople)
		w.want(w.run(t.Context(), append([]string{"status", "-o", "html"}, tt.args...)...), exitDone, 0)
		// The page has elements in an address where it may be broken.
		got := strings.NewReplacer(`<span class="piece">`, "", "</span>", "", "<wbr>", "").Replace(w.stdout.String())
		for _, part := range tt.want {
			if !strings.Contains(got, part) {
				t.Errorf("%s: the page does not say %q:\n%s", tt.name, part, got)
			}
		}
		for _, part := range tt.not {
			if strings.Contains(got, part) {
				t.Errorf("%s: the page says %q:\n%s", tt.name, part, got)
			}
		}
	}

	// Several pages in a row are not a page, so the command ends before its first request.
	requests.Store(0)
	for _, format := range []string{"html", "markdown"} {
		w.want(w.run(t.Context(), "status", "--watch", "-o", format), exitError, 0)
		w.wantStderr("--watch cannot print " + format + ": use --watch with --output text or json")
		if w.stdout.Len() > 0 || requests.Load() > 0 {
			t.Errorf("%d requests, and stdout:\n%s", requests.Load(), &w.stdout)
		}
	}
}

func TestWidth(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, stream := range []io.Writer{&strings.Builder{}, file} {
		a := &app{Environment: Environment{isTerminal: func(any) bool { return false }}}
		if got := a.windowWidth(stream); got != 0 {
			t.Errorf("%T, which is not a terminal, is %d columns wide", stream, got)
		}
		a.isTerminal = func(any) bool { return true }
		if got := a.windowWidth(stream); got != 80 {
			t.Errorf("%T, a terminal that reports no size, is %d columns wide", stream, got)
		}
	}
}

// TestStatusExits checks the exit codes of status.
func TestStatusExits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, roster string
		code         int
		stderr       string
	}{
		{"another organization", "organization: Other Org\n" + threePeople, exitRefused, "Other Org"},
		{"no such group", "users:\n  - email: ada@example.com\n    groups: [nosuch]\n", exitDone, ""},
		{"no roster", "", exitInvalid, "empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{}, nil)
			if err := os.WriteFile(filepath.Join(w.dir, "users.yaml"), []byte(tt.roster), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"status"}, {"status", "--watch"}, {"status", "-o", "json"}} {
				w.want(w.run(t.Context(), args...), tt.code, 0)
				w.wantStderr(tt.stderr)
			}
			if r := w.result(); r.Error.Code != tt.code {
				t.Errorf("the report says %+v", r)
			}
		})
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]time.Duration{
		"14d": 14 * 24 * time.Hour, "36h": 36 * time.Hour, "1d12h": 36 * time.Hour, "90m": 90 * time.Minute,
		" 1d ": 24 * time.Hour,
		"":     0, "14": 0, "d": 0, "0d": 0, "0s": 0, "-1d": 0, "-1h": 0, "1d-48h": 0, "1.5d": 0, "1w": 0, "99999999999d": 0,
		"1dd": 0, "1h1d": 0,
	} {
		var got time.Duration
		err := flagvalue.Age(&got).Set(s)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %v, %v, want %v", s, got, err, want)
		}
	}
}
