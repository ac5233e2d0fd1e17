package vultr

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestServerClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ahead time.Duration
		date := ""
		status := 201
		c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", date)
			if date == "" {
				w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			}
			answerJSON(w, status, `{"id": "i1", "email_invited": "`+ada.String()+`"}`)
		}, nil)
		check := func(when string, want time.Duration) {
			t.Helper()
			if got := time.Until(c.Now()); got != want {
				t.Errorf("%s: the clock is %v ahead, want %v", when, got, want)
			}
		}
		ask := func(kinds ...string) {
			for _, kind := range kinds {
				c.read(t.Context(), call{op: kind, path: "/v2/account"})
			}
		}
		check("before any answer", 0)
		ahead = -72 * time.Hour
		ask("account", "users", "invitations")
		check("after answers", ahead)
		time.Sleep(90 * time.Minute)
		check("later", ahead)
		ahead = 5 * time.Minute
		ask("account", "account", "account")
		check("after answers to one kind that say something else", -72*time.Hour)
		ask("users")
		check("after most kinds say so", ahead)
		ask("invitations", "groups", "roles")
		check("after all say so", ahead)
		ahead = 1000 * time.Hour
		ask("account", "users", "account", "users")
		check("after two kinds that are wrong", 5*time.Minute)
		for range 9 {
			c.Invite(t.Context(), ada, true)
		}
		check("after many answers to writes", 5*time.Minute)
		status = 404
		ask("invitations", "groups", "roles")
		check("after errors, which may be a gateway's", 5*time.Minute)
		status, date = 201, "tomorrow"
		ask("invitations", "groups", "roles")
		check("after a Date that is none", 5*time.Minute)
		date, ahead = "", 7*time.Minute
		ask("one", "two", "three")
		check("after new kinds, which take the place of the oldest", ahead)
		if zone := c.Now().Location(); zone != time.UTC {
			t.Errorf("the time is in %v, want UTC", zone)
		}
	})
}

// TestServerClockOfManyPages checks that a list with many pages from one machine with a wrong clock
// does not outvote the other answers.
func TestServerClockOfManyPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
			ahead := time.Duration(0)
			if r.URL.Path == invitationPath {
				ahead = 1000 * time.Hour
			}
			w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			n := len(r.URL.Query().Get("cursor"))
			next := strings.Repeat("x", n+1)
			if n == 9 {
				next = ""
			}
			answerJSON(w, 200, fmt.Sprintf(`{"invitations": [{"id": "i%d"}], "meta": {"total": 10, "links": {"next": %q}}}`,
				n, next))
		}, nil)
		for _, path := range []string{"/v2/account", "/v2/organizations"} {
			c.read(t.Context(), call{op: "read", path: path})
		}
		if rows, err := c.Invitations(t.Context()); err != nil || len(rows) != 10 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		if got := time.Until(c.Now()); got != 0 {
			t.Errorf("the clock is %v ahead", got)
		}
	})
}
