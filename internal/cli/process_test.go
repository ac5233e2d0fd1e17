//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// process starts the real program, which testscript has put on the PATH.
func process(t *testing.T, dir string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "orgsync", args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, env...)
	return cmd
}

// TestServe checks that the output of 'sandbox serve' makes the program use it, and that a signal ends it cleanly.
func TestServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "users.yaml"), []byte(threePeople), 0o600); err != nil {
		t.Fatal(err)
	}
	server := process(t, dir, nil, "sandbox", "serve", "--listen", "127.0.0.1:0", "--dialect", "govultr",
		"--rate-limit", "0")
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	env := []string{"ORGSYNC_RATE=1000", "ORGSYNC_SETTLE_WAIT=0s"}
	lines := bufio.NewScanner(stdout)
	for len(env) < 4 && lines.Scan() {
		setting, ok := strings.CutPrefix(lines.Text(), "export ")
		if !ok {
			t.Fatalf("serve printed %q, which a shell cannot take", lines.Text())
		}
		env = append(env, setting)
	}
	for _, step := range []struct {
		want string
		args []string
	}{
		{"3 to invite", []string{"plan"}},
		{"3 invited", []string{"apply"}},
		{"accepted", []string{"sandbox", "accept", "ada@example.com"}}, // works on the file of the running server
		{"The simulation's clock says", []string{"sandbox", "advance", "73h"}},
		{"2 to invite again. 1 person unchanged.", []string{"plan"}},
	} {
		out, err := process(t, dir, env, step.args...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), step.want) {
			t.Errorf("%s: %v, and the output does not say %q:\n%s", step.args, err, step.want, out)
		}
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("serve ended with %v, want exit code 0", err)
	}
}

// TestProcessSignals checks that signals reach the real program.
func TestProcessSignals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		signal syscall.Signal
		code   int
	}{{"SIGINT", syscall.SIGINT, exitInterrupted}, {"SIGTERM", syscall.SIGTERM, exitTerminated}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd, stderr := hanging(t, func(p *os.Process) { _ = p.Signal(tt.signal) }, "orgsync", "plan")
			err := cmd.Wait()
			failed, ok := errors.AsType[*exec.ExitError](err)
			if !ok || failed.ExitCode() != tt.code {
				t.Errorf("the program ended with %v, want exit code %d; stderr:\n%s", err, tt.code, stderr)
			}
		})
	}
}

// TestIgnoredSignal checks that a run under nohup continues when its terminal closes.
func TestIgnoredSignal(t *testing.T) {
	t.Parallel()
	cmd, stderr := hanging(t, func(p *os.Process) {
		_ = p.Signal(syscall.SIGHUP)
		_ = p.Signal(syscall.SIGTERM)
	}, "sh", "-c", "trap '' HUP; exec orgsync plan")
	if err := cmd.Wait(); err == nil || !strings.Contains(stderr.String(), "terminated") {
		t.Errorf("the program ended with %v, want it to end by the second signal; stderr:\n%s", err, stderr)
	}
}

// TestServeEverywhere checks that for a listener on all addresses, localAddress returns an address on this machine.
func TestServeEverywhere(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"127.0.0.1:80": "127.0.0.1:80", "192.0.2.1:80": "192.0.2.1:80", "0.0.0.0:80": "localhost:80",
		"[::]:80": "localhost:80", "[::1]:80": "[::1]:80",
	} {
		at, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if got := localAddress(at); got != want {
			t.Errorf("%s is reachable at %s, want %s", address, got, want)
		}
	}
}

// TestPipe checks that the first signal ends a run that waits for a pipe without a writer.
func TestPipe(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"roster":     {"validate", "--roster", "pipe"},
		"planning":   {"plan", "--roster", "pipe"},
		"key":        {"plan", "--api-key-file", "pipe"},
		"plan file":  {"apply", "pipe"},
		"old":        {"diff", "pipe", "users.yaml"},
		"formatting": {"fmt", "pipe"},
		"checking":   {"fmt", "--check", "pipe"},
		"table":      {"import", "--csv", "pipe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{}, nil)
			pipe := filepath.Join(w.dir, "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(&signalError{syscall.SIGTERM})
			for i, arg := range args {
				if arg == "pipe" || arg == "users.yaml" {
					args[i] = filepath.Join(w.dir, arg)
				}
			}
			ended := make(chan int, 1)
			go func() { ended <- w.run(ctx, args...) }()
			select {
			case code := <-ended:
				w.want(code, exitTerminated, 0)
				if _, hint, _ := strings.Cut(w.stderr.String(), "hint: "); hint != "" && !strings.HasPrefix(hint, "run again") {
					t.Errorf("the hint is for another error: %s", hint)
				}
			case <-time.After(time.Minute):
				t.Fatal("the signal was not heard")
			}
			// A reader that is still there then reads an empty pipe.
			if f, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
				_ = f.Close()
			}
		})
	}
}

// TestSecondSignal checks that the first signal waits for requests in flight, and that the second does not.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	posted := make(chan struct{}, 10)
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body) // a server sees that its client is gone only after the body
			posted <- struct{}{}
			<-r.Context().Done() // never answers
			return
		}
		w.api.ServeHTTP(rw, r)
	}))
	defer front.Close()
	defer front.CloseClientConnections()
	cmd := process(t, w.dir, []string{"VULTR_API_URL=" + front.URL, "VULTR_API_KEY=key", "ORGSYNC_RATE=1000",
		"ORGSYNC_SETTLE_WAIT=0s"}, "apply")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-posted
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	// The test cannot know when the first signal was handled, so it sends signals repeatedly.
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			_ = cmd.Process.Signal(syscall.SIGTERM) // a shell may have made SIGINT an ignored one
		case err := <-ended:
			failed, ok := errors.AsType[*exec.ExitError](err)
			if !ok {
				t.Fatalf("the program ended with %v, want it to end by the signal", err)
			}
			if status, isUnix := failed.Sys().(syscall.WaitStatus); !isUnix || !status.Signaled() ||
				status.Signal() != syscall.SIGTERM {
				t.Errorf("the program ended with %v, want it to end by the signal", err)
			}
			return
		}
	}
}

// hanging starts the program with an API that never answers. After the first request, it calls a function with the
// process.
func hanging(t *testing.T, asked func(*os.Process), program string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "users.yaml"), []byte(threePeople), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	requests := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		requests <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-ctx.Done():
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(cancel)
	cmd := process(t, dir, []string{"VULTR_API_URL=" + server.URL, "VULTR_API_KEY=key"}, args...)
	if program != "orgsync" {
		var err error
		if cmd.Path, err = exec.LookPath(program); err != nil {
			t.Fatal(err)
		}
	}
	stderr := &bytes.Buffer{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		<-requests
		asked(cmd.Process)
	}()
	return cmd, stderr
}

// TestInvocationName checks that the suggested command exists.
func TestInvocationName(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"orgsync": "orgsync", "/usr/bin/orgsync": "/usr/bin/orgsync", "./my tools/orgsync": "'./my tools/orgsync'",
		"/tmp/go-build123/b001/exe/orgsync":                           "go run ./cmd/orgsync",
		"/home/ada/.cache/go-build/7a/7a51-d/orgsync":                 "go run ./cmd/orgsync",
		"/builds/cache/7a/" + strings.Repeat("7a", 32) + "-d/orgsync": "go run ./cmd/orgsync",
		"/builds/cache/7a/" + strings.Repeat("7a", 32) + "-dev/orgsync": "/builds/cache/7a/" + strings.Repeat("7a", 32) +
			"-dev/orgsync",
	} {
		if got := invocationName(path); got != want {
			t.Errorf("invocationName(%q) = %q, want %q", path, got, want)
		}
	}
}
