package apply_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// refuse makes the API refuse the mails for which words gives some. n counts the mails from 1.
func (c *company) refuse(words func(n int, who string) string) {
	n := 0
	var mu sync.Mutex
	inner := c.wire.Handler
	c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == lostInvite {
			var body bytes.Buffer
			_, _ = body.ReadFrom(r.Body)
			who := cutOut(body.String(), `"email_invited":"`, `"`)
			mu.Lock()
			n++
			text := words(n, who)
			mu.Unlock()
			if text != "" {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusConflict)
				fmt.Fprintf(w, `{"error": %q}`, text)
				return
			}
			again := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), bytes.NewReader(body.Bytes()))
			again.Header = r.Header
			inner.ServeHTTP(w, again)
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// cutOut is what stands in text after one mark and before the next.
func cutOut(text, after, before string) string {
	_, text, _ = strings.Cut(text, after)
	text, _, _ = strings.Cut(text, before)
	return text
}

// TestOrganizationIsFull: after five refusals in a row that say the same but for the address,
// nobody else is tried. That is said once, and changes other than mails go on.
func TestOrganizationIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, many(40)...)
		c.join(many(40)[30:]...)
		for i := range c.roster.People[30:] {
			c.roster.People[30+i].Groups = refs("everyone")
		}
		tried := 0
		c.refuse(func(n int, who string) string {
			if tried = n; n <= 10 {
				return ""
			}
			return "no seat is left for " + strings.ToUpper(who)
		})
		run := c.apply(with{concurrency: 1})
		if tried != 15 || run.counts() != "20/5/0/15" || run.Stopped != nil {
			t.Errorf("%d mails were tried, %s (done/failed/unknown/skipped), stopped by %v", tried, run.counts(), run.Stopped)
		}
		errs := map[error]bool{}
		for _, change := range run.Changes {
			if change.Outcome == apply.Skipped {
				errs[change.Err] = true
				text := change.Err.Error()
				if !strings.Contains(text, "HTTP 409: no seat is left for") || strings.Contains(text, "example.com") {
					t.Errorf("%s is skipped: %v", change.Email, change.Err)
				}
			}
		}
		if len(errs) != 1 {
			t.Errorf("said by %d errors: %v", len(errs), errs)
		}
	})
}

// TestRefusalsThatStopNobody: refusals with words of their own, or with a success between them,
// stop nobody.
func TestRefusalsThatStopNobody(t *testing.T) {
	t.Parallel()
	for name, words := range map[string]func(n int, who string) string{
		"other words each time": func(n int, _ string) string { return fmt.Sprint("refused for the reason ", n) },
		"a success after four": func(n int, _ string) string {
			if n%5 == 0 {
				return ""
			}
			return "refused"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{}, many(20)...)
				c.refuse(words)
				if run := c.apply(with{concurrency: 1}); run.Count(apply.Skipped) > 0 {
					t.Errorf("%s (done/failed/unknown/skipped)", run.counts())
				}
			})
		})
	}
}

// TestRosterOrder: mails are sent in the order of the roster and reported in that of addresses.
// People who were refused before come last.
func TestRosterOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "d@example.com")
		var asked []string
		refused := "d@example.com"
		c.refuse(func(_ int, who string) string {
			asked = append(asked, who)
			if who == refused {
				return "refused"
			}
			return ""
		})
		c.apply(with{})
		refused, asked = "", nil
		c.list("d@example.com", "e@example.com", "b@example.com", "c@example.com", "a@example.com")
		run := c.apply(with{concurrency: 1})
		want := []string{"e@example.com", "b@example.com", "c@example.com", "a@example.com", "d@example.com"}
		if !slices.Equal(asked, want) || run.counts() != "5/0/0/0" {
			t.Errorf("mailed %v, want %v; %s (done/failed/unknown/skipped)", asked, want, run.counts())
		}
		var told []string
		for _, change := range run.Changes {
			told = append(told, change.Email.String())
		}
		if !slices.IsSorted(told) {
			t.Errorf("reported %v", told)
		}
	})
}

// TestWitnessIsNobodyRefused: where an answer was lost, somebody who was refused before is not the
// witness.
func TestWitnessIsNobodyRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "d@example.com")
		c.refuse(func(_ int, who string) string {
			if who == "d@example.com" {
				return "refused"
			}
			return ""
		})
		c.apply(with{})
		c.list("d@example.com", "e@example.com", "b@example.com", "c@example.com")
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 2, Times: 1})
		if run := c.apply(with{concurrency: 1}); run.counts() != "3/1/0/0" {
			c.log(run)
			t.Errorf("%s (done/failed/unknown/skipped)", run.counts())
		}
	})
}

// TestThirdRefusalIsAFailure: a mail that is refused for the third time is not done because the plan makes it wait for
// a day.
func TestThirdRefusalIsAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "d@example.com")
		c.refuse(func(int, string) string { return "no such mailbox" })
		for n := range 3 {
			if run := c.apply(with{}); run.counts() != "0/1/0/0" {
				t.Errorf("refusal %d: %s (done/failed/unknown/skipped)", n+1, run.counts())
			}
			must(t, c.Advance(time.Hour))
		}
	})
}

// TestLostWhereMembersAreHidden: a mail that was lost is neither done nor sent again where nobody can see whether it
// was accepted. The server did not act here, and the person is reported until somebody names them.
func TestLostWhereMembersAreHidden(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, many(3)...)
		c.roster.Settings.HiddenMembers = roster.HiddenMembersInvite
		c.AddFault(sandbox.Fault{Method: http.MethodGet, Path: "/v2/users", Kind: sandbox.FaultForbid})
		c.AddFault(sandbox.Fault{Method: http.MethodPost, Kind: sandbox.FaultDrop, From: 2, Times: 1})
		if run := c.apply(with{concurrency: 1}); run.counts() != "2/0/1/0" || c.mailCount() != 2 {
			t.Errorf("%s (done/failed/unknown/skipped), %d mails", run.counts(), c.mailCount())
		}
		for range 3 {
			must(t, c.Advance(30*time.Hour))
			if run := c.apply(with{concurrency: 1}); len(c.Mails()["p001@example.com"]) > 0 {
				t.Errorf("%s (done/failed/unknown/skipped), p001@example.com was mailed again", run.counts())
			}
		}
		if run := c.apply(with{concurrency: 1}); !slices.Contains(run.notices(plan.UnknownMembership), "p001@example.com") {
			c.log(run)
			t.Error("p001@example.com is forgotten")
		}
	})
}
