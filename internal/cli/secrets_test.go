package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// shapedKey has the form of an API key of Vultr.
const shapedKey = "7QXW4NZK2VTH6RBM3CPL5YDGJ8FSA9EU2KVT"

// noKey fails the test if text has the key in any letter case, or its beginning.
func noKey(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(strings.ToUpper(text), shapedKey[:8]) {
		t.Errorf("the key is shown:\n%s", text)
	}
}

// TestKeyInTheWrongPlace checks that no error shows a key that was given in the place of something else, whether or
// not it is also in the environment.
func TestKeyInTheWrongPlace(t *testing.T) {
	t.Parallel()
	lines := []string{
		"plan --api-key-file KEY", "plan --api-key-file=KEY", "plan -api-key-file=KEY",
		"plan --api-key-file nowhere/KEY",
		"plan --roster KEY", "plan -rKEY", "validate KEY", "validate users.yaml KEY", "diff KEY KEY",
		"diff git:KEY:users.yaml git:HEAD:KEY",
		"plan KEY", "apply KEY", "apply a b KEY", "status KEY", "status KEY@example.com", "import --merge KEY",
		"plan --out nowhere/KEY", "apply --metrics-file nowhere/KEY", "plan --state-dir users.yaml/KEY",
		"plan --api-url KEY", "plan --api-url https://KEY@localhost", "plan --api-url https://me:KEY@localhost",
		"plan --api-url http://KEY",
		"plan --api-url http://localhost/KEY", "plan --api-url http://localhost:1?key=KEY",
		"plan --api-url KEY://localhost",
		"apply --ping KEY", "apply --ping https://KEY@localhost/", "apply --ping=https://localhost:KEY/",
		"apply -ping=https://localhost/KEY",
		"plan --reinvite KEY", "plan --reinvite KEY@example.com", "plan --max-invites KEY", "plan --rate=KEY",
		"plan --timeout KEY",
		"plan --output KEY", "plan --log-level KEY", "plan --color KEY", "plan --sandbox KEY",
		"plan --sandbox=nowhere/KEY",
		"KEY", "--KEY", "plan --KEY", "plan -KEY", "help KEY", "sandbox KEY", "completion KEY", "version KEY",
		"schema KEY",
		"sandbox accept KEY", "sandbox accept KEY@example.com", "sandbox advance KEY", "sandbox serve --listen KEY",
		"sandbox serve --dialect KEY",
		"sandbox serve --fault KEY", "doctor KEY", "doctor --roster KEY", "VULTR_API_KEY=KEY", "plan VULTR_API_KEY=KEY",
		"plan Bearer,KEY",
	}
	formats := []string{"", "json", "markdown", "github"}
	for _, line := range lines {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, in the environment %v", line, known), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, sandbox.Options{}, nil)
				w.env["ORGSYNC_STATE_DIR"] = filepath.Join(w.dir, "state")
				delete(w.env, "VULTR_API_KEY")
				if known {
					w.env["VULTR_API_KEY"] = shapedKey
				}
				args := strings.Split(strings.ReplaceAll(line, "KEY", shapedKey), " ")
				if strings.HasPrefix(line, "VULTR_API") {
					args[0] = "VULTR_API_KEY=" + shapedKey
				}
				for _, format := range formats {
					all := append(args[:len(args):len(args)], "--log-level=debug")
					if format != "" {
						all = append(all, "--output="+format)
					}
					w.run(t.Context(), all...)
					noKey(t, w.stdout.String()+w.stderr.String())
				}
			})
		}
	}
}

// TestKeyInTheEnvironment checks that no error shows a key in the variable of a flag.
func TestKeyInTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"ORGSYNC_RATE", "ORGSYNC_ROSTER", "ORGSYNC_API_KEY_FILE", "ORGSYNC_API_KEY", "ORGSYNC_OUTPUT",
		"ORGSYNC_MAX_INVITES", "VULTR_API_URL",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{}, nil)
			delete(w.env, "VULTR_API_KEY")
			w.env[name] = shapedKey
			w.run(t.Context(), "plan", "--log-level", "debug")
			noKey(t, w.stdout.String()+w.stderr.String())
		})
	}
}

// TestKeyGivenAsFile checks the error for a key given in place of its file.
func TestKeyGivenAsFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{}, nil)
	delete(w.env, "VULTR_API_KEY")
	if code := w.run(t.Context(), "plan", "--api-key-file", shapedKey); code != exitError {
		t.Errorf("exit code %d", code)
	}
	w.wantStderr("orgsync: read the API key: --api-key-file must name a file, but its value looks like the key itself\n",
		"hint: --api-key-file")
	// A file may have the name of a key.
	file := filepath.Join(w.dir, shapedKey)
	if err := os.WriteFile(file, []byte("key-of-the-test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := w.run(t.Context(), "plan", "--api-key-file", file); code != exitDone {
		t.Errorf("exit code %d: %s", code, &w.stderr)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), "plan", "--api-key-file", file)
	w.wantStderr(shapedKey + " is empty")
}

// TestLineBreakAfterKey checks that a line break at the end of the key does not count.
func TestLineBreakAfterKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{Key: "key-of-the-test"}, nil)
	for _, text := range []string{"key-of-the-test", "key-of-the-test\n", "key-of-the-test\r\n"} {
		w.env["VULTR_API_KEY"], w.env["ORGSYNC_API_KEY_FILE"] = text, ""
		w.want(w.run(t.Context(), "plan"), exitDone, 0)
		w.env["VULTR_API_KEY"], w.env["ORGSYNC_API_KEY_FILE"] = "", w.write("key", text)
		w.want(w.run(t.Context(), "plan"), exitDone, 0)
	}
}

// TestPingAddressNotPrinted checks that the URL of a dead-man's switch is secret, also in the place of something else.
func TestPingAddressNotPrinted(t *testing.T) {
	t.Parallel()
	const secret = "0b1f4d5e-6a7b-4c8d-9e0f-a1b2c3d4e5f6"
	for _, line := range []string{
		"apply -ping=https://localhost/" + secret, "apply https://localhost/" + secret,
		"plan https://localhost/" + secret,
		"apply --ping https://me@localhost/" + secret, "apply --ping ftp://localhost/" + secret,
		"validate https://me:" + secret + "@localhost",
		"apply --output=https://localhost/p?x=" + secret,
	} {
		w := newWorld(t, sandbox.Options{}, nil)
		for _, format := range []string{"text", "json"} {
			w.run(t.Context(), append(strings.Fields(line), "--log-level=debug", "--output="+format)...)
			if both := w.stdout.String() + w.stderr.String(); strings.Contains(both, secret[:18]) {
				t.Errorf("%s shows the URL:\n%s", line, both)
			}
		}
	}
}

// TestKeyFromTheServer checks that the key is not printed, and not in the metrics, if a server repeats it. The server
// may put invisible characters into the key.
func TestKeyFromTheServer(t *testing.T) {
	t.Parallel()
	altered := strings.Join(strings.Split(shapedKey, ""), "\u200b")
	for name, echo := range map[string]string{
		"plain": shapedKey, "lower": strings.ToLower(shapedKey), "zero width": altered,
		"one":         shapedKey[:20] + "\u2060" + shapedKey[20:],
		"soft hyphen": shapedKey[:9] + "\u00ad" + shapedKey[9:],
		"cut":         strings.Repeat("x", errorWidth-60) + shapedKey,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusForbidden)
				_ = json.NewEncoder(w).Encode(map[string]string{"error": "bad key " + echo})
			}))
			t.Cleanup(server.Close)
			w := newWorld(t, sandbox.Options{}, nil)
			key := filepath.Join(w.dir, "key")
			if err := os.WriteFile(key, []byte(shapedKey+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			delete(w.env, "VULTR_API_KEY")
			w.env["VULTR_API_URL"], w.env["ORGSYNC_API_KEY_FILE"] = server.URL, key
			metrics := filepath.Join(w.dir, "orgsync.prom")
			for _, format := range []string{"text", "json", "markdown"} {
				for _, log := range []string{"text", "json"} {
					w.run(t.Context(), "apply", "--output", format, "--log-level", "debug", "--log-format", log,
						"--metrics-file", metrics)
					both := w.stdout.String() + w.stderr.String()
					if !strings.Contains(both, "bad key") {
						t.Errorf("the server's words are missing:\n%s", both)
					}
					noKey(t, strings.NewReplacer("\u200b", "", "\u2060", "", "\u00ad", "", `\u200b`, "", `\u2060`, "",
						`\u00ad`, "").Replace(both))
				}
			}
			text, err := os.ReadFile(metrics)
			if err != nil {
				t.Fatal(err)
			}
			noKey(t, string(text))
		})
	}
}
