//go:build unix

package cli

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// window is a terminal, and the output of a program on it.
type window struct {
	t *testing.T
	*os.File
	tty  *os.File
	done chan struct{} // closed when the program has ended

	mu      sync.Mutex
	written bytes.Buffer
	waiting map[string]chan struct{}
}

func newWindow(t *testing.T, columns uint16) *window {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); tty.Close() })
	if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	return &window{t: t, File: master, tty: tty, done: make(chan struct{}), waiting: map[string]chan struct{}{}}
}

// start starts the program with the window as its stderr.
func (w *window) start(cmd *exec.Cmd) {
	w.t.Helper()
	cmd.Stderr = w.tty
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.tty.Close()
	go func() {
		defer close(w.done)
		buf := make([]byte, 4096)
		for {
			n, err := w.Read(buf)
			w.mu.Lock()
			w.written.Write(buf[:n])
			for text, seen := range w.waiting {
				if bytes.Contains(w.written.Bytes(), []byte(text)) {
					close(seen)
					delete(w.waiting, text)
				}
			}
			w.mu.Unlock()
			if err != nil { // EIO: nobody has the terminal open any more
				return
			}
		}
	}()
}

// shows returns a channel that is closed after the window has shown text.
func (w *window) shows(text string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := make(chan struct{})
	w.waiting[text] = seen
	return seen
}

func (w *window) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written.String()
}

var sequences = regexp.MustCompile(`\x1b\[(\d*)([A-Za-z])|\r|\n|[^\x1b\r\n]+`)

// left returns what a terminal still shows at the end of text.
func left(t *testing.T, text string) string {
	t.Helper()
	lines, row, column := []string{""}, 0, 0
	for _, m := range sequences.FindAllStringSubmatch(text, -1) {
		switch n, _ := strconv.Atoi(m[1]); {
		case m[0] == "\r":
			column = 0
		case m[0] == "\n":
			row++
			if row == len(lines) {
				lines = append(lines, "")
			}
		case m[2] == "A":
			row = max(0, row-n)
		case m[2] == "J" && n == 0:
			lines[row] = lines[row][:min(column, len(lines[row]))]
			lines = lines[:row+1]
		case m[2] != "":
			t.Fatalf("the terminal got a sequence that this test does not know: %q", m[0])
		default:
			lines[row] = lines[row][:min(column, len(lines[row]))] + m[0]
			column = len(lines[row])
		}
	}
	return strings.Join(lines, "\n")
}

// held is an API that answers a request only after it receives from the channel for the method.
func held(t *testing.T, w *world, until map[string]<-chan struct{}) string {
	t.Helper()
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if c := until[r.Method]; c != nil {
			select {
			case <-c:
			case <-t.Context().Done():
			}
		}
		w.api.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

func (w *world) process(url string, env []string, args ...string) *exec.Cmd {
	return process(w.t, w.dir, append([]string{"VULTR_API_URL=" + url, "VULTR_API_KEY=key", "ORGSYNC_RATE=1000",
		"TERM=xterm"}, env...), args...)
}

func exitsWith(t *testing.T, err error) int {
	t.Helper()
	failed, ok := errors.AsType[*exec.ExitError](err)
	if !ok && err != nil {
		t.Fatal(err)
	}
	if err == nil {
		return 0
	}
	return failed.ExitCode()
}

// TestProgress checks that a terminal shows the progress of reading and applying. The bar must fit into the window and
// disappear at the end, and the log must be complete.
func TestProgress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	win := newWindow(t, 40)
	url := held(t, w, map[string]<-chan struct{}{http.MethodGet: win.shows("Reading 0/1"),
		http.MethodPost: win.shows("Applying 0/3")})
	cmd := w.process(url, nil, "apply", "--log-level", "info")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	win.start(cmd)
	if code := exitsWith(t, cmd.Wait()); code != exitDone || w.mails() != 3 {
		t.Errorf("exit code %d, %d mails; stderr:\n%q", code, w.mails(), win)
	}
	<-win.done
	frames := regexp.MustCompile(`(Reading|Applying) \d+/\d+ [^\r\n\x1b]*`).FindAllString(win.String(), -1)
	for _, frame := range frames {
		if len(frame) > 40 {
			t.Errorf("%q is wider than the window", frame)
		}
	}
	if len(frames) < 2 {
		t.Errorf("%d frames in %q", len(frames), win)
	}
	changes := 0
	for line := range strings.Lines(left(t, win.String())) {
		if !strings.HasPrefix(line, "time=") || !strings.HasSuffix(line, "\n") {
			t.Errorf("beside the log the terminal is left with %q", line)
		}
		if strings.Contains(line, "msg=change action=invite") && strings.HasSuffix(line, "requests=1\n") {
			changes++
		}
	}
	if changes != 3 {
		t.Errorf("%d changes are logged whole, want 3:\n%s", changes, left(t, win.String()))
	}
	if s := stdout.String(); strings.Contains(s, "\x1b") || !strings.Contains(s, "3 invited") {
		t.Errorf("the report is %q", s)
	}
}

// TestNoProgress checks that there is no trace of a bar with --no-progress, and if there is no terminal for it.
func TestNoProgress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		env      []string
		args     []string
		terminal bool
	}{
		{"piped", nil, nil, false},
		{"flag", nil, []string{"--no-progress"}, true},
		{"environment", []string{"ORGSYNC_NO_PROGRESS=1"}, nil, true},
		{"dumb terminal", []string{"TERM=dumb"}, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{}, nil)
			cmd := w.process(held(t, w, nil), tt.env, append([]string{"apply"}, tt.args...)...)
			var err error
			var stderr string
			if tt.terminal {
				win := newWindow(t, 40)
				win.start(cmd)
				err = cmd.Wait()
				<-win.done
				stderr = win.String()
			} else {
				var buf bytes.Buffer
				cmd.Stderr = &buf
				err = cmd.Run()
				stderr = buf.String()
			}
			if code := exitsWith(t, err); code != exitDone || w.mails() != 3 || stderr != "" {
				t.Errorf("exit code %d, %d mails, and stderr is %q", code, w.mails(), stderr)
			}
		})
	}
	t.Run("watch", func(t *testing.T) { // a bar would appear with each reading
		t.Parallel()
		w := newWorld(t, sandbox.Options{}, nil)
		win := newWindow(t, 40)
		cmd := w.process(held(t, w, nil), nil, "status", "--watch")
		win.start(cmd)
		err := cmd.Wait()
		<-win.done
		if code := exitsWith(t, err); code != exitDone || win.String() != "" {
			t.Errorf("exit code %d, and stderr is %q", code, win)
		}
	})
	t.Run("costs nothing", func(t *testing.T) {
		t.Parallel()
		a := &app{Environment: Environment{isTerminal: func(any) bool { return false }, getenv: os.Getenv}}
		if p := a.newProgress(); p != nil || p.writerAbove(io.Discard) != io.Discard {
			t.Error("there is something where nothing is shown")
		}
	})
}

// TestProgressSignal checks that a run with a bar ends after a signal, and that the bar disappears.
func TestProgressSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	win := newWindow(t, 80)
	release := make(chan struct{}, 1)
	seen := win.shows("Applying 0/3")
	cmd := w.process(held(t, w, map[string]<-chan struct{}{http.MethodPost: release}), nil, "apply")
	win.start(cmd)
	<-seen
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	release <- struct{}{} // for one request: those that go out before the signal is heard are not answered any more
	if code := exitsWith(t, cmd.Wait()); code != exitTerminated {
		t.Errorf("exit code %d; stderr:\n%q", code, win)
	}
	<-win.done
	if s := left(t, win.String()); strings.Contains(s, "Applying") {
		t.Errorf("the terminal is left with %q", s)
	}
}

// TestProgressEcho checks that the echo of Ctrl-C on the terminal does not damage the bar.
func TestProgressEcho(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	win := newWindow(t, 40)
	seen, echo := win.shows("Applying 0/3"), win.shows("^C")
	cmd := w.process(held(t, w, map[string]<-chan struct{}{http.MethodPost: echo}), nil, "apply")
	win.start(cmd)
	<-seen
	// it is not the controlling terminal of a process, so there is no signal
	if _, err := win.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	if code := exitsWith(t, cmd.Wait()); code != exitDone {
		t.Errorf("exit code %d; stderr:\n%q", code, win)
	}
	<-win.done
	text, ends := win.String(), regexp.MustCompile(`\n`)
	for _, at := range append(ends.FindAllStringIndex(text, -1), []int{0, len(text)}) {
		for line := range strings.Lines(left(t, text[:at[1]])) {
			if line = strings.TrimSpace(line); line != "" && line != "^C" &&
				(len(line) > 40 || !strings.HasPrefix(line, "Applying ") && !strings.HasPrefix(line, "Reading ")) {
				t.Errorf("the terminal shows %q on the way, from %q", line, text)
			}
		}
	}
	if s := left(t, text); s != "" {
		t.Errorf("the terminal is left with %q", s)
	}
}

// TestProgressTerminalGone checks that a run continues after its window is closed.
func TestProgressTerminalGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	win := newWindow(t, 80)
	release := make(chan struct{})
	seen := win.shows("Applying 0/3")
	cmd := w.process(held(t, w, map[string]<-chan struct{}{http.MethodPost: release}), nil, "apply", "--log-level", "info")
	win.start(cmd)
	<-seen
	win.Close()
	close(release)
	if code := exitsWith(t, cmd.Wait()); code != exitDone || w.mails() != 3 {
		t.Errorf("exit code %d and %d mails", code, w.mails())
	}
}

// TestWaitIsShown checks that the line names the reason for the wait, and disappears with the next output.
func TestWaitIsShown(t *testing.T) {
	t.Parallel()
	for mails, want := range map[int]string{1: "whether 1 mail was sent; reading again in 10m0s",
		3: "whether 3 mails were sent; reading again in"} {
		w := newWindow(t, 120)
		p := &progress{out: w.tty}
		go p.wait(mails, time.Now().Add(10*time.Minute))
		var shown []byte
		for buf := make([]byte, 4096); !strings.Contains(string(shown), want); {
			n, err := w.Read(buf)
			if err != nil {
				t.Fatalf("%v after %q", err, shown)
			}
			shown = append(shown, buf[:n]...)
		}
		go func() { _, _ = io.Copy(io.Discard, w.File) }()
		p.clear()
	}
}
