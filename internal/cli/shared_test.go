//go:build unix && servers

package cli

import (
	"bytes"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// stops is the number of times that a run is stopped at a random moment, for each storage.
var stops = flag.Int("stops", 8, "how often a run is stopped at a random moment, for each storage")

// realTimes makes leases as long as in real runs. The test then takes a minute for each stopped run.
var realTimes = flag.Bool("real-times", false, "let leases have the times of real runs")

// sharedState is a storage for one test.
type sharedState struct {
	url    string // as in --state
	server string // host and port
}

// sharedStates returns an empty place in each of the storages of ORGSYNC_TEST_S3 and ORGSYNC_TEST_POSTGRES.
func sharedStates(t *testing.T) map[string]sharedState {
	t.Helper()
	s3, database := os.Getenv("ORGSYNC_TEST_S3"), os.Getenv("ORGSYNC_TEST_POSTGRES")
	if s3 == "" || database == "" {
		t.Fatal("ORGSYNC_TEST_S3 and ORGSYNC_TEST_POSTGRES must name a bucket and a database")
	}
	before, parameters, _ := strings.Cut(s3, "?")
	endpoint, err := url.ParseQuery(parameters)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(endpoint.Get("endpoint"))
	if err != nil {
		t.Fatal(err)
	}
	pg, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]sharedState{
		"s3":       {before + "/" + strings.ToLower(rand.Text()) + "?" + parameters, u.Host},
		"postgres": {database, pg.Host},
	}
}

// through returns s with another host and port in its URL.
func (s sharedState) through(address string) sharedState {
	return sharedState{strings.ReplaceAll(s.url, s.server, address), address}
}

// onMachine returns the environment of one machine: an empty home, and the credentials of the storage.
func (s sharedState) onMachine(t *testing.T, env []string) []string {
	t.Helper()
	lease := "short"
	if *realTimes {
		lease = "real"
	}
	return append(append([]string{
		"ORGSYNC_STATE=" + s.url, "AWS_EC2_METADATA_DISABLED=true", "TEST_LEASE=" + lease,
		"AWS_ACCESS_KEY_ID=" + os.Getenv("AWS_ACCESS_KEY_ID"), "AWS_SECRET_ACCESS_KEY=" + os.Getenv("AWS_SECRET_ACCESS_KEY"),
	}, env...), "HOME="+t.TempDir())
}

func exitCodeOf(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	failed, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		t.Fatal(err)
	}
	return failed.ExitCode()
}

// TestSharedThreeMachines runs orgsync on three machines at the same time. One must work, and the others must name its
// run. With --lock-timeout, all must finish.
func TestSharedThreeMachines(t *testing.T) {
	t.Parallel()
	for name, s := range sharedStates(t) {
		for _, wait := range []string{"0s", "60s"} {
			t.Run(name+" "+wait, func(t *testing.T) {
				t.Parallel()
				dir, env, api := crowd(t, 12, sandbox.Options{Latency: 100 * time.Millisecond}, nil)
				var codes [3]int
				var all sync.WaitGroup
				for i := range codes {
					cmd := process(t, dir, s.onMachine(t, env), "apply", "--lock-timeout", wait)
					all.Go(func() {
						out, err := cmd.CombinedOutput()
						if codes[i] = exitCodeOf(t, err); codes[i] == exitLocked && !strings.Contains(string(out), "state unlock") {
							t.Errorf("machine %d does not name the lock:\n%s", i, out)
						}
					})
				}
				all.Wait()
				want := exitDone
				if wait == "0s" {
					want = 2 * exitLocked
				}
				if codes[0]+codes[1]+codes[2] != want {
					t.Errorf("exit codes %v", codes)
				}
				expectOneMailEach(t, api, 12)
			})
		}
	}
}

// TestSharedKilled kills a run midway, while the list of invitations lags. Another machine must take over the lock.
// Nobody may get two mails, and in the end everybody must have one.
func TestSharedKilled(t *testing.T) {
	t.Parallel()
	for name, s := range sharedStates(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var victim atomic.Pointer[os.Process]
			var mails atomic.Int32
			dir, env, api := crowd(t, 60, sandbox.Options{ListLag: 5 * time.Minute, Latency: 10 * time.Millisecond}, func() {
				if p := victim.Load(); mails.Add(1) >= 25 && p != nil {
					_ = p.Kill()
				}
			})
			cmd := process(t, dir, s.onMachine(t, env), "apply")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			victim.Store(cmd.Process)
			_ = cmd.Wait()
			victim.Store(nil)
			killed := time.Now()
			out, err := process(t, dir, s.onMachine(t, env), "apply", "--lock-timeout", "60s").CombinedOutput()
			if code := exitCodeOf(t, err); code != exitUnfinished && code != exitDone {
				t.Errorf("the next machine ended with %d:\n%s", code, out)
			}
			if took := time.Since(killed); took > 60*time.Second {
				t.Errorf("the next machine went on after %v", took)
			}
			expectNobodyTwice(t, api)
			if err := api.Advance(21 * time.Minute); err != nil {
				t.Fatal(err)
			}
			if out, err := process(t, dir, s.onMachine(t, env), "apply").CombinedOutput(); err != nil {
				t.Errorf("21 minutes later: %v\n%s", err, out)
			}
			expectOneMailEach(t, api, 60)
		})
	}
}

// TestSharedStopped stops a run at a random moment. Another machine takes over the lock and finishes, and then the
// first run continues. Nobody may get two mails. With the times of real leases, each stop is midway: some people have
// a mail by then, and others do not.
func TestSharedStopped(t *testing.T) {
	t.Parallel()
	people := 30
	if *realTimes {
		people = 120
	}
	for name, s := range sharedStates(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			codes, midway := map[int]int{}, 0
			for range *stops {
				posts := make(chan struct{}, 2*people)
				dir, env, api := crowd(t, people, sandbox.Options{Latency: 20 * time.Millisecond}, func() {
					select {
					case posts <- struct{}{}:
					default: // nobody waits any more
					}
				})
				var output bytes.Buffer
				first := process(t, dir, s.onMachine(t, env), "apply")
				first.Stdout, first.Stderr = &output, &output
				if err := first.Start(); err != nil {
					t.Fatal(err)
				}
				if *realTimes {
					enough := time.After(time.Minute)
					for range 2 + mathrand.IntN(people/2) {
						select {
						case <-posts:
						case <-enough: // the run is not midway, which is an error below
						}
					}
				} else {
					time.Sleep(time.Duration(mathrand.IntN(600)) * time.Millisecond)
				}
				_ = first.Process.Signal(syscall.SIGSTOP)
				if mailed := len(api.Mails()); mailed > 0 && mailed < people {
					midway++
				} else if *realTimes {
					t.Errorf("stopped when %d of %d people were mailed, not midway", mailed, people)
				}
				out, err := process(t, dir, s.onMachine(t, env), "apply", "--lock-timeout", "120s").CombinedOutput()
				if code := exitCodeOf(t, err); code != exitUnfinished && code != exitDone {
					t.Errorf("the second machine ended with %d:\n%s", code, out)
				}
				_ = first.Process.Signal(syscall.SIGCONT)
				code := exitCodeOf(t, first.Wait())
				codes[code]++
				if code != exitDone && code != exitUnfinished && code != exitLocked {
					t.Errorf("the run that slept ended with %d:\n%s", code, output.String())
				}
				expectNobodyTwice(t, api)
				if err := api.Advance(21 * time.Minute); err != nil {
					t.Fatal(err)
				}
				if out, err := process(t, dir, s.onMachine(t, env), "apply", "--lock-timeout", "60s").CombinedOutput(); err != nil {
					t.Errorf("21 minutes later: %v\n%s", err, out)
				}
				expectOneMailEach(t, api, people)
			}
			t.Logf("%d of %d runs were stopped midway; exit codes of the runs that slept: %v", midway, *stops, codes)
		})
	}
}

// proxy forwards connections until it is cut.
type proxy struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	open     []net.Conn
	cut      bool
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target}
	go p.serve()
	t.Cleanup(func() { p.set(true); _ = listener.Close() })
	return p
}

func (p *proxy) serve() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.target)
		p.mu.Lock()
		if err != nil || p.cut {
			_ = in.Close()
			p.mu.Unlock()
			continue
		}
		p.open = append(p.open, in, out)
		p.mu.Unlock()
		go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
		go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
	}
}

// set cuts all connections, or allows new connections.
func (p *proxy) set(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	for _, c := range p.open {
		_ = c.Close()
	}
	p.open = nil
}

// TestSharedStorageCut cuts the connection to the storage midway, for a moment or permanently. The run may send only
// mails that the ledger has, nobody may get two mails, and the next run must finish.
func TestSharedStorageCut(t *testing.T) {
	t.Parallel()
	for name, s := range sharedStates(t) {
		for _, forGood := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s for good %v", name, forGood), func(t *testing.T) {
				t.Parallel()
				p := newProxy(t, s.server)
				var mails atomic.Int32
				var back sync.WaitGroup
				dir, env, api := crowd(t, 40, sandbox.Options{Latency: 20 * time.Millisecond}, func() {
					if mails.Add(1) == 15 {
						p.set(true)
						if !forGood {
							back.Go(func() { time.Sleep(300 * time.Millisecond); p.set(false) })
						}
					}
				})
				machine := s.through(p.listener.Addr().String()).onMachine(t, env)
				out, err := process(t, dir, machine, "apply").CombinedOutput()
				code := exitCodeOf(t, err)
				if code != exitUnfinished && (forGood || code != exitDone) {
					t.Errorf("the run ended with %d:\n%s", code, out)
				}
				back.Wait()
				p.set(false)
				expectNobodyTwice(t, api)
				if err := api.Advance(21 * time.Minute); err != nil {
					t.Fatal(err)
				}
				if out, err := process(t, dir, machine, "apply", "--lock-timeout", "60s").CombinedOutput(); err != nil {
					t.Errorf("21 minutes later: %v\n%s", err, out)
				}
				expectOneMailEach(t, api, 40)
			})
		}
	}
}

// TestSharedSessionEnded checks a run whose database sessions an administrator ends midway.
func TestSharedSessionEnded(t *testing.T) {
	t.Parallel()
	s := sharedStates(t)["postgres"]
	admin, err := pgx.Connect(t.Context(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	name := strings.ToLower(rand.Text())
	separator := "?"
	if strings.Contains(s.url, "?") {
		separator = "&"
	}
	s.url += separator + "application_name=" + name
	var mails atomic.Int32
	var mu sync.Mutex
	dir, env, api := crowd(t, 40, sandbox.Options{Latency: 20 * time.Millisecond}, func() {
		if mails.Add(1)%10 == 0 {
			mu.Lock()
			defer mu.Unlock()
			_, _ = admin.Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where application_name = "+
				"$1", name)
		}
	})
	out, err := process(t, dir, s.onMachine(t, env), "apply").CombinedOutput()
	if code := exitCodeOf(t, err); code != exitUnfinished && code != exitDone {
		t.Errorf("the run ended with %d:\n%s", code, out)
	}
	expectNobodyTwice(t, api)
	if err := api.Advance(21 * time.Minute); err != nil {
		t.Fatal(err)
	}
	if out, err := process(t, dir, s.onMachine(t, env), "apply", "--lock-timeout", "60s").CombinedOutput(); err != nil {
		t.Errorf("21 minutes later: %v\n%s", err, out)
	}
	expectOneMailEach(t, api, 40)
}
