//go:build release

package report

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// chromium is a headless browser. The test and the browser exchange messages of the Chrome DevTools Protocol over two
// pipes. A zero byte ends each message. The browser opens no port and looks up no name.
type chromium struct {
	t       *testing.T
	in      *os.File
	out     *bufio.Reader
	last    int
	session string // of the one tab
	events  []protocolEvent
}

type protocolEvent struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// startChromium starts the browser that is installed. Without a browser, the test is skipped. If NEED_CHROMIUM is set,
// it fails instead.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("pipes beyond the standard streams are not handed to programs on Windows")
	}
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	switch {
	case program == "" && os.Getenv("NEED_CHROMIUM") != "":
		t.Fatal("there is no Chromium on the PATH, and NEED_CHROMIUM is set")
	case program == "":
		t.Skip("there is no Chromium on the PATH (Debian's package is called chromium)")
	}
	hears, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, says, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	profile := t.TempDir()
	// Not t.Context(), which ends before the browser is asked to: what is left of a killed one may still write to its
	// profile.
	ctx, kill := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-quic",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
		"--disable-extensions", "--disable-sync",
		"--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars", "--user-data-dir="+profile, "--remote-debugging-pipe",
		"about:blank")
	cmd.Env = append(os.Environ(), "HOME="+profile)
	cmd.ExtraFiles = []*os.File{hears, says} // 3 and 4
	cmd.Stderr = &stderr
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = hears.Close(), says.Close()
	b := &chromium{t: t, in: in, out: bufio.NewReaderSize(out, 1<<20)}
	t.Cleanup(func() {
		_, _ = fmt.Fprintf(in, `{"id":-1,"method":"Browser.close"}`+"\x00")
		timer := time.AfterFunc(time.Minute, kill)
		_ = cmd.Wait()
		timer.Stop()
		_, _ = in.Close(), out.Close()
		if t.Failed() {
			t.Logf("%s said:\n%s", program, &stderr)
		}
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network", "Accessibility"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// call calls a method of the protocol, and waits for its result.
func (b *chromium) call(method string, params map[string]any, result any) {
	b.t.Helper()
	b.last++
	message := map[string]any{"id": b.last, "method": method, "params": params}
	if params == nil {
		message["params"] = map[string]any{}
	}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	line, err := json.Marshal(message)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(line, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		id, answer := b.read(method)
		if id != b.last {
			continue
		}
		if result != nil {
			if err := json.Unmarshal(answer, result); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

// read reads one message: the answer to the call id, or, with an id of 0, an event, which it keeps.
func (b *chromium) read(why string) (id int, result json.RawMessage) {
	b.t.Helper()
	line, err := b.out.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("%s: the browser is gone: %v", why, err)
	}
	var m struct {
		protocolEvent
		ID     int
		Result json.RawMessage
		Error  json.RawMessage
	}
	if err := json.Unmarshal(bytes.TrimSuffix(line, []byte{0}), &m); err != nil {
		b.t.Fatalf("%s: %v: %s", why, err, line)
	}
	if m.Error != nil {
		b.t.Fatalf("%s: %s", why, m.Error)
	}
	if m.ID == 0 {
		b.events = append(b.events, m.protocolEvent)
	}
	return m.ID, m.Result
}

// screen is what a page is shown on.
type screen struct {
	width  int
	scheme string // light or dark
	media  string // screen or print
}

// show loads the file on the screen. What happens meanwhile is in b.events, and only that.
func (b *chromium) show(file string, s screen) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": s.width, "height": 800, "deviceScaleFactor": 1,
		"mobile": false}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{
		"media": s.media, "features": []map[string]string{{"name": "prefers-color-scheme", "value": s.scheme}},
	}, nil)
	b.events = nil
	b.call("Page.navigate", map[string]any{"url": (&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String()}, nil)
	for !b.saw("Page.loadEventFired") {
		b.read("wait for the page")
	}
}

// saw reports whether there was such an event since the page was requested.
func (b *chromium) saw(method string) bool {
	for _, e := range b.events {
		if e.Method == method {
			return true
		}
	}
	return false
}

// evaluate runs a script in the page, past its policy, and decodes what it gives; a promise is waited for.
func (b *chromium) evaluate(script string, result any) {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true}, &answer)
	if answer.ExceptionDetails != nil {
		b.t.Fatalf("the script of the test fails: %s", answer.ExceptionDetails)
	}
	if err := json.Unmarshal(answer.Result.Value, result); err != nil {
		b.t.Fatal(err)
	}
}

// roles counts the elements that a screen reader sees, by role.
func (b *chromium) roles() map[string]int {
	b.t.Helper()
	var tree struct {
		Nodes []struct {
			Ignored bool
			Role    struct{ Value string }
		}
	}
	b.call("Accessibility.getFullAXTree", nil, &tree)
	n := map[string]int{}
	for _, node := range tree.Nodes {
		if !node.Ignored {
			n[node.Role.Value]++
		}
	}
	return n
}

// picture writes the whole page as it looks to a PNG file.
func (b *chromium) picture(file string) {
	b.t.Helper()
	var shot struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(file, png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
