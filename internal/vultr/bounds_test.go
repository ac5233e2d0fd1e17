package vultr

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// TestGzipBombs: a small compressed answer may not take much memory, whatever it holds.
func TestGzipBombs(t *testing.T) {
	// Not parallel: it measures what the process allocates.
	for name, body := range map[string]string{
		"empty rows":             `{"users":[` + strings.Repeat("{},", 2<<20) + `{}]}`,
		"values in a row":        `{"users":[{` + strings.Repeat(`"a":1,`, 2<<20) + `"b":1}]}`,
		"nested lists":           `{"users":[{"acls":[` + strings.Repeat("[],", 2<<20) + `[]]}]}`,
		"keys beside the list":   `{` + strings.Repeat(`"a":1,`, 2<<20) + `"users":[]}`,
		"more than may be read":  `{"users":[{"name":"` + strings.Repeat("a", maxAnswer) + `"}]}`,
		"rows with an id, a few": `{"users":[` + strings.Repeat(`{"id":1},`, maxRows+1) + `{}]}`,
	} {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var requests atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			requests.Add(1)
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed.Bytes())
		}))
		c := mustNew(t, testConfig(server.URL))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := list(t.Context(), c, users)
		runtime.ReadMemStats(&after)
		server.Close()
		if err == nil || !errors.Is(err, errTooMany) && !errors.Is(err, errTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
		if n := requests.Load(); n != 1 {
			t.Errorf("%s: asked %d times", name, n)
		}
		// The body itself is read into a buffer that doubles.
		if taken := (after.TotalAlloc - before.TotalAlloc) >> 20; taken > 4*maxAnswer>>20 {
			t.Errorf("%s: %d KiB took %d MiB", name, packed.Len()>>10, taken)
		}
	}
}

// TestLargeOrganizationsAreRead: what an organization may have is far below the bounds.
func TestLargeOrganizationsAreRead(t *testing.T) {
	t.Parallel()
	members := strings.Repeat(`{"id":"u1","email":"ada@example.com","first_name":"A","last_name":"L","active":true},`, 150)
	groups := strings.Repeat(`{"id":"g1","display_name":"everyone","members":[`+strings.TrimSuffix(members, ",")+`]},`, 500)
	if holdsTooMany([]byte(`{"groups":[` + strings.TrimSuffix(groups, ",") + `],"meta":{"total":500}}`)) {
		t.Error("500 groups of 150 members are too many")
	}
}

// TestThrottledUntilTheEnd: a call that is answered with 429 until its time is over says so, and not that a deadline passed.
func TestThrottledUntilTheEnd(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(*testing.T, *Client) error{
		"a mail": func(t *testing.T, c *Client) error { _, err := c.Invite(t.Context(), ada, false); return err },
		"an edit": func(t *testing.T, c *Client) error {
			_, err := c.Edit(t.Context(), org.Edit{Op: org.EditRemove, Who: ada, UserID: "u1", Organization: "o1"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newBubbleClient(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", "3600")
					answerJSON(w, 429, `{"error":"slow down"}`)
				}, nil)
				start := time.Now()
				failure := asCallError(t, call(t, c))
				if failure.Failure != org.NotSent || failure.Status != http.StatusTooManyRequests {
					t.Errorf("%v with the status %d: %v", failure.Failure, failure.Status, failure)
				}
				want := fmt.Sprintf("too many requests: it was answered %d time", c.Stats().Throttled)
				if text := failure.Error(); !strings.Contains(text, want) || !strings.Contains(text, "had to wait for 5m0s") {
					t.Errorf("after %v: %s", time.Since(start), text)
				}
			})
		})
	}
}

// TestInvitationsAreListedOnce: a reading lists the invitations once, also where they have to tell the organization.
func TestInvitationsAreListedOnce(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 403, 404} {
		var listed atomic.Int32
		c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case orgsPath:
				answerJSON(w, status, oneOrg)
			case invitationPath:
				listed.Add(1)
				time.Sleep(time.Millisecond) // so that two at a time would meet
				answerJSON(w, 200, `{"invitations":[{"id":"i1","email_invited":"ada@example.com","org_id":"o1","invite_status":"Pending"}]}`)
			default:
				answerJSON(w, 200, `{"users":[],"account":{}}`)
			}
		})
		_, snapshot, err := c.ReadAhead(t.Context(), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := snapshot(); err != nil || len(s.Invitations) != 1 {
			t.Errorf("%d invitations, %v", len(s.Invitations), err)
		}
		if n := listed.Load(); n != 1 {
			t.Errorf("with %d for the organizations, the invitations were listed %d times", status, n)
		}
	}
}

// TestAlteredKeyIsRedacted: the key is not shown though the server altered what it sends back.
func TestAlteredKeyIsRedacted(t *testing.T) {
	t.Parallel()
	const key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	cfg := testConfig("http://localhost")
	cfg.Key = key
	c := mustNew(t, cfg)
	between := func(what string) string { return strings.Join(strings.Split(key, ""), what) }
	for name, words := range map[string]string{
		"as it is":               key,
		"in another case":        strings.ToLower(key),
		"with zero-width spaces": between("\u200b"),
		"with a joiner":          key[:9] + "\u200d" + key[9:],
		"with soft hyphens":      between("\u00ad"),
		"with fillers":           key[:9] + "\u3164" + key[9:],
		"with a variation":       key[:9] + "\ufe0f" + key[9:],
		"with combining marks":   between("\u0301"),
		"with colours":           key[:9] + "\x1b[31m" + key[9:20] + "\x1b[0m" + key[20:],
		"with control bytes":     between("\x00"),
		"with broken text":       key[:9] + "\xff" + key[9:],
		"at the end of the line": strings.Repeat("x", 190) + key,
	} {
		got := c.clean("the key " + words + " is wrong")
		bare := strings.ToUpper(got)
		if strings.Contains(bare, key[:12]) || strings.Contains(bare, key[24:]) || name != "at the end of the line" && !strings.Contains(got, "[the API key]") {
			t.Errorf("%s: %q", name, got)
		}
	}
}
