package apply_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// refuseMails makes the API refuse each mail for which words returns a text. n counts the mails from 1.
func (c *company) refuseMails(words func(n int, who string) string) {
	n := 0
	var mu sync.Mutex
	inner := c.wire.Handler
	c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == invitePath {
			who := textBetween(c.readBody(r), `"email_invited":"`, `"`)
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
		}
		inner.ServeHTTP(w, r)
	})
}

// readBody returns the body of r, which can be read again.
func (c *company) readBody(r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	must(c.t, err)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return string(body)
}

// textBetween returns the part of text between the first after and the next before.
func textBetween(text, after, before string) string {
	_, text, _ = strings.Cut(text, after)
	text, _, _ = strings.Cut(text, before)
	return text
}

// TestOrganizationIsFull: after five refusals in a row with the same text, apart from the address, the run sends no
// more mails. The skipped mails share one error, and changes other than mails go on.
func TestOrganizationIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(40)...)
		c.addMembers(manyPeople(40)[30:]...)
		for i := range c.roster.People[30:] {
			c.roster.People[30+i].Groups = refs("everyone")
		}
		tried := 0
		c.refuseMails(func(n int, who string) string {
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
			t.Errorf("the skipped mails have %d errors: %v", len(errs), errs)
		}
	})
}

// TestRefusedEditsDoNotStopMails: five edits that are refused with the same text do not stop the mail that is left.
func TestRefusedEditsDoNotStopMails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		people := manyPeople(7)
		c := newCompany(t, sandbox.Options{}, people...)
		c.addMembers(people[2:]...)
		for i := range people[2:] {
			c.roster.People[2+i].Groups = refs("everyone")
		}
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: http.StatusConflict, Method: http.MethodPost,
			Path: "/v2/groups*"})
		if run := c.apply(with{concurrency: 1}); run.counts() != "2/5/0/0" || c.mailCount() != 2 {
			c.logOutcome(run)
			t.Errorf("%s (done/failed/unknown/skipped), %d mails", run.counts(), c.mailCount())
		}
	})
}

// TestDifferentRefusalsDoNotStopMails: refusals with different texts, or with a success between them, do not stop the
// mails.
func TestDifferentRefusalsDoNotStopMails(t *testing.T) {
	t.Parallel()
	for name, words := range map[string]func(n int, who string) string{
		"another text each time": func(n int, _ string) string { return fmt.Sprint("refused for the reason ", n) },
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
				c := newCompany(t, sandbox.Options{}, manyPeople(20)...)
				c.refuseMails(words)
				if run := c.apply(with{concurrency: 1}); run.Count(apply.Skipped) > 0 {
					t.Errorf("%s (done/failed/unknown/skipped)", run.counts())
				}
			})
		})
	}
}

// TestRosterOrder: mails are sent in the order of the roster, and reported in the order of the addresses. Mails to
// people who were refused before are sent last.
func TestRosterOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "d@example.com")
		var asked []string
		refused := "d@example.com"
		c.refuseMails(func(_ int, who string) string {
			asked = append(asked, who)
			if who == refused {
				return "refused"
			}
			return ""
		})
		c.apply(with{})
		refused, asked = "", nil
		c.setRoster("d@example.com", "e@example.com", "b@example.com", "c@example.com", "a@example.com")
		run := c.apply(with{concurrency: 1})
		want := []string{"e@example.com", "b@example.com", "c@example.com", "a@example.com", "d@example.com"}
		if !slices.Equal(asked, want) || run.counts() != "5/0/0/0" {
			t.Errorf("mailed %v, want %v; %s (done/failed/unknown/skipped)", asked, want, run.counts())
		}
		var reported []string
		for _, change := range run.Changes {
			reported = append(reported, change.Email.String())
		}
		if !slices.IsSorted(reported) {
			t.Errorf("reported %v", reported)
		}
	})
}

// TestOrderOfPeopleWhoFailedBefore: of the people whose last mail was refused, the person whose refusal was the last
// is mailed last.
func TestOrderOfPeopleWhoFailedBefore(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		others []string
	}{
		"with a new person": {[]string{"d@example.com"}},
		"without others":    {nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{})
				var asked []string
				refuses := true
				c.refuseMails(func(_ int, who string) string {
					asked = append(asked, who)
					if refuses {
						return "refused"
					}
					return ""
				})
				refused := []string{"c@example.com", "a@example.com", "b@example.com"}
				for _, who := range refused {
					c.setRoster(who)
					c.apply(with{})
					must(t, c.Advance(time.Minute))
				}
				refuses, asked = false, nil
				c.setRoster(append(sorted(refused), tt.others...)...)
				c.apply(with{concurrency: 1})
				if diff := cmp.Diff(append(tt.others, refused...), asked); diff != "" {
					t.Errorf("mailed (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestLastMailAfterAFailedChange: the last mail comes after all other changes, also after those of a person whose last
// change failed.
func TestLastMailAfterAFailedChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, bob)
		c.addMembers(bob)
		c.setFirstGroups("everyone")
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: http.StatusConflict, Method: http.MethodPost, Times: 1})
		c.apply(with{})
		c.setRoster(bob, ada, zoe)
		c.setFirstGroups("everyone")
		var made []string
		run := c.apply(with{concurrency: 1, progress: func(r apply.ChangeResult) { made = append(made, r.Email.String()) }})
		if diff := cmp.Diff([]string{ada, bob, zoe}, made); diff != "" || run.counts() != "3/0/0/0" {
			t.Errorf("%s (done/failed/unknown/skipped), made (-want +got):\n%s", run.counts(), diff)
		}
	})
}

// TestOrderOfEdits: changes without a mail are made in the order of the plan, not in that of the roster.
func TestOrderOfEdits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		people := []string{"d@example.com", "b@example.com", "c@example.com", "a@example.com"}
		c := newCompany(t, sandbox.Options{}, people...)
		c.addMembers(people...)
		c.setAllGroups("everyone")
		var made []string
		run := c.apply(with{concurrency: 1, progress: func(r apply.ChangeResult) { made = append(made, r.Email.String()) }})
		if diff := cmp.Diff(sorted(people), made); diff != "" || run.counts() != "4/0/0/0" {
			t.Errorf("%s (done/failed/unknown/skipped), made (-want +got):\n%s", run.counts(), diff)
		}
	})
}

// TestRefusedMailIsNoWitness: the run does not keep the mail to a person who was refused before as the witness for a
// lost mail.
func TestRefusedMailIsNoWitness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "d@example.com")
		c.refuseMails(func(_ int, who string) string {
			if who == "d@example.com" {
				return "refused"
			}
			return ""
		})
		c.apply(with{})
		c.setRoster("d@example.com", "e@example.com", "b@example.com", "c@example.com")
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 2, Times: 1})
		if run := c.apply(with{concurrency: 1}); run.counts() != "3/1/0/0" {
			c.logOutcome(run)
			t.Errorf("%s (done/failed/unknown/skipped)", run.counts())
		}
	})
}

// TestThirdRefusalIsAFailure: a mail that is refused for the third time fails. The next plan holds it for a day, but
// that does not make it done.
func TestThirdRefusalIsAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "d@example.com")
		c.refuseMails(func(int, string) string { return "no such mailbox" })
		for n := range 3 {
			if run := c.apply(with{}); run.counts() != "0/1/0/0" {
				t.Errorf("refusal %d: %s (done/failed/unknown/skipped)", n+1, run.counts())
			}
			must(t, c.Advance(time.Hour))
		}
	})
}

// TestLostMailToHiddenMember: if the key may not list users, a lost mail is neither done nor sent again. The server
// did not act here. Each run reports the person.
func TestLostMailToHiddenMember(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, manyPeople(3)...)
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
			c.logOutcome(run)
			t.Error("p001@example.com is not reported")
		}
	})
}

// renewInPlace makes the API send the mail of a renewal without a new date, in the answer and in the list.
func (c *company) renewInPlace(expires time.Time) {
	date := regexp.MustCompile(`"expiration_date":"[^"]*"`)
	c.rewrite(func(_ *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
		old := fmt.Sprintf(`"expiration_date":%q`, expires.Format(time.RFC3339))
		rec.Body = bytes.NewBuffer(date.ReplaceAll(rec.Body.Bytes(), []byte(old)))
		return rec
	})
}

// TestMailsThatLookUnsent: each mail is sent, but nothing shows it, so each counts as not sent. After three runs, the
// person gets at most one mail a day. Before, they got one in every run.
func TestMailsThatLookUnsent(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for name, hide := range map[string]func(c *company){
		"a renewal does not change the date": func(c *company) {
			_, err := c.AddInvitation(sandbox.Invitation{Email: ada, State: "expired"})
			must(c.t, err)
			c.renewInPlace(c.Now().Add(-time.Hour).UTC())
		},
		"the list has another address, and no answer has an id": func(c *company) {
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultNoID, Method: http.MethodPost, ActFirst: true})
			c.rewrite(func(_ *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
				rec.Body = bytes.NewBuffer(bytes.ReplaceAll(rec.Body.Bytes(), []byte(ada), []byte(zoe)))
				return rec
			})
		},
	} {
		for _, wait := range []time.Duration{leaveToLaterRun, 5 * time.Minute, 20 * time.Minute} {
			t.Run(fmt.Sprint(name, wait), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, ada)
					c.roster.Settings.ReinviteRounds = 100
					hide(c)
					const days = 5
					c.applyTimes(24*days, time.Hour, with{settleWait: wait}, func(int, outcome) {})
					if n := len(c.Mails()[ada]); n > 6+days {
						t.Errorf("%d mails in %d days", n, days)
					}
					if o := c.run(with{}); o.notice(plan.RefusedMail, ada) == nil || o.exitCode() != 3 {
						t.Errorf("exit code %d, %s", o.exitCode(), o.about(ada))
					}
				})
			})
		}
	}
}

// TestLostMailsAreTriedAgain: the server loses each mail for some runs, and does not act on it. Later, the person is
// mailed within a day, and with --reinvite at once, but not with --only: the lost mails may have been sent.
func TestLostMailsAreTriedAgain(t *testing.T) {
	t.Parallel()
	for _, byName := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newDefaultCompany(t, sandbox.Options{}, ada)
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost})
			c.applyTimes(6, time.Hour, with{settleWait: leaveToLaterRun}, func(i int, o outcome) {
				want := "invite unknown"
				if i >= 3 {
					want = "refused"
				}
				if got := o.about(ada); got != want {
					t.Errorf("run %d: %s, want %s", i+1, got, want)
				}
			})
			c.ClearFaults()
			if byName {
				c.expect(c.run(with{only: []string{ada}}), 3, ada, "refused")
				c.expect(c.run(with{reinvite: []string{ada}}), 0, ada, "invite done")
				return
			}
			c.applyTimes(24, time.Hour, with{}, func(int, outcome) {})
			c.expectMails(ada, 1)
			// The row is over: a mail that is lost now is tried again soon.
			must(t, c.Advance(80*time.Hour))
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, Times: 1})
			c.run(with{settleWait: leaveToLaterRun})
			must(t, c.Advance(time.Hour))
			c.expect(c.run(with{}), 0, ada, "reinvite done")
		})
	}
}

// TestKeyMayNotRenew: the key may invite people but not send invitations again. People whose invitation expired get a
// new one, and nobody else has to wait because of them.
func TestKeyMayNotRenew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dialect := sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}
		c := newDefaultCompany(t, sandbox.Options{Dialect: dialect}, ada, bob, zoe)
		for _, who := range []string{ada, bob} {
			_, err := c.AddInvitation(sandbox.Invitation{Email: who, State: "expired"})
			must(t, err)
		}
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Path: "/v2/invitation/{id}/resend"})
		o := c.run(with{})
		c.expect(o, 0, ada, "reinvite done")
		c.expect(o, 0, bob, "reinvite done")
		c.expect(o, 0, zoe, "invite done")
		for _, who := range []string{ada, bob, zoe} {
			c.expectMails(who, 1)
		}
		must(t, c.Advance(time.Hour))
		if o := c.run(with{resend: []string{ada}}); o.exitCode() == 0 || len(c.Mails()[ada]) != 1 {
			t.Errorf("--resend: exit code %d, %d mails", o.exitCode(), len(c.Mails()[ada]))
		}
	})
}

// TestProxyForbidsRenewal: a proxy answers 403 to a renewal. That says nothing about the key, so the run does not try a
// new invitation instead.
func TestProxyForbidsRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		_, err := c.AddInvitation(sandbox.Invitation{Email: ada, State: "expired"})
		must(t, err)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultHTML, Status: http.StatusForbidden, Path: resendPath})
		if o := c.run(with{}); c.postCount() != 1 || o.counts() != "0/1/0/0" || o.Stopped == nil {
			t.Errorf("%d requests, %s (done/failed/unknown/skipped), stopped by %v", c.postCount(), o.counts(), o.Stopped)
		}
	})
}
