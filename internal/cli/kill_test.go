//go:build unix

package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// crowd returns a roster of n people in a folder, and a simulated API that calls posted for each mail.
func crowd(t *testing.T, n int, o sandbox.Options, posted func()) (dir string, env []string, api *sandbox.Server) {
	t.Helper()
	dir = t.TempDir()
	var roster strings.Builder
	fmt.Fprintf(&roster, "settings: {max_invites: %d}\nusers:\n", n)
	for i := range n {
		fmt.Fprintf(&roster, "  - email: p%03d@example.com\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "users.yaml"), []byte(roster.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	o.RateLimit = -1
	api, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && posted != nil {
			posted()
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return dir, []string{"VULTR_API_URL=" + server.URL, "VULTR_API_KEY=key", "ORGSYNC_RATE=1000",
		"ORGSYNC_SETTLE_WAIT=0s"}, api
}

// expectOneMailEach fails the test unless each of n people has exactly one mail.
func expectOneMailEach(t *testing.T, api *sandbox.Server, n int) {
	t.Helper()
	mails := api.Mails()
	if len(mails) != n {
		t.Errorf("%d people were mailed, want %d", len(mails), n)
	}
	for who, got := range mails {
		if len(got) != 1 {
			t.Errorf("%s has %d mails", who, len(got))
		}
	}
}

// TestKilled kills the real program again and again, at random moments, while it invites 200 people. The list of
// invitations is up to date in one simulation, and five minutes behind in the other.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, 5 * time.Minute} {
		t.Run(fmt.Sprint("lag ", lag), func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			var mu sync.Mutex // no mail arrives before the process to kill is known
			var left int64
			var victim *os.Process
			dir, env, api := crowd(t, 200, sandbox.Options{ListLag: lag, Latency: time.Millisecond}, func() {
				mu.Lock()
				defer mu.Unlock()
				if left--; left == 0 {
					_ = victim.Kill()
				}
			})
			killed := 0
			for range 6 {
				cmd := process(t, dir, env, "apply")
				mu.Lock()
				err := cmd.Start()
				victim, left = cmd.Process, 1+random.Int64N(60)
				mu.Unlock()
				if err != nil {
					t.Fatal(err)
				}
				_ = cmd.Wait()
				if !cmd.ProcessState.Exited() {
					killed++
				}
				expectNobodyTwice(t, api)
			}
			if killed == 0 {
				t.Error("no run was killed")
			}
			mu.Lock()
			left = 0
			mu.Unlock()
			if out, err := process(t, dir, env, "apply").CombinedOutput(); err != nil && lag == 0 &&
				!strings.Contains(string(out), "unknown whether") {
				t.Errorf("run after the kills: %v\n%s", err, out)
			}
			expectNobodyTwice(t, api)
			if err := api.Advance(21 * time.Minute); err != nil {
				t.Fatal(err)
			}
			if out, err := process(t, dir, env, "apply").CombinedOutput(); err != nil {
				t.Errorf("run twenty minutes later: %v\n%s", err, out)
			}
			expectOneMailEach(t, api, 200)
		})
	}
}

func expectNobodyTwice(t *testing.T, api *sandbox.Server) {
	t.Helper()
	for who, got := range api.Mails() {
		if len(got) > 1 {
			t.Errorf("%s has %d mails", who, len(got))
		}
	}
}

// TestThreeAtOnce starts three runs at the same time. One must work, and the others must name the run with the lock.
func TestThreeAtOnce(t *testing.T) {
	t.Parallel()
	first, others := make(chan struct{}), make(chan struct{})
	var begun atomic.Bool
	dir, env, api := crowd(t, 30, sandbox.Options{}, func() {
		if begun.CompareAndSwap(false, true) {
			close(first)
			<-others // the first run works until the others have tried
		}
	})
	worker := process(t, dir, env, "apply")
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	<-first
	for range 2 {
		out, err := process(t, dir, env, "apply").CombinedOutput()
		failed, ok := errors.AsType[*exec.ExitError](err)
		if !ok || failed.ExitCode() != exitLocked ||
			!strings.Contains(string(out), fmt.Sprint("process ", worker.Process.Pid)) {
			t.Errorf("a second run ended with %v:\n%s", err, out)
		}
	}
	close(others)
	if err := worker.Wait(); err != nil {
		t.Errorf("the first run ended with %v", err)
	}
	expectOneMailEach(t, api, 30)
}
