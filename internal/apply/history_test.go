package apply_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// The histories of this file are sequences of events that each broke a promise once: a second mail, somebody forgotten,
// somebody let in or thrown out, a report that was not true.

// rewrite changes what the API answers. Several requests call f at once.
func (c *company) rewrite(f func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder) {
	inner := c.wire.Handler
	c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		inner.ServeHTTP(rec, r)
		rec = f(r, rec)
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.Header().Del("Content-Length")
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

func (c *company) log(o outcome) {
	c.t.Helper()
	c.t.Logf("err=%v stopped=%v counts=%s", o.err, o.Stopped, o.counts())
	for _, ch := range o.Changes {
		c.t.Logf("   %s %s %s req=%d err=%v", ch.Action, ch.Email, ch.Outcome, ch.Requests, ch.Err)
	}
	for _, n := range o.Notices {
		c.t.Logf("   notice %s %s", n.Kind, n.Email)
	}
}

// expectNobodySuspended fails the test if somebody whom orgsync suspended, and the roster lists again, stays suspended.
func (c *company) expectNobodySuspended(o outcome) {
	c.t.Helper()
	for _, who := range o.notices(plan.SuspendedUser) {
		c.t.Errorf("orgsync suspended %s, the roster lists them again, and they stay suspended", who)
	}
}

// between lets something happen, once, after the list at first was read and before that at second is. It reports
// whether it did.
func (c *company) between(first, second string, happen func() error) *atomic.Bool {
	var happened atomic.Bool
	wait := make(chan struct{})
	read := sync.OnceFunc(func() { close(wait) })
	c.wire.Before = func(r *http.Request) error {
		if r.Method == http.MethodGet && r.URL.Path == second && happened.CompareAndSwap(false, true) {
			<-wait
			time.Sleep(time.Second)
			return happen()
		}
		return nil
	}
	c.wire.After = func(r *http.Request) error {
		if r.Method == http.MethodGet && r.URL.Path == first {
			read()
		}
		return nil
	}
	return &happened
}

// bubble plays on fake time.
func bubble(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

const lostInvite = "/v2/invitation"

// orgsync removes somebody within the life of the invitation they accepted; they are listed again; the answer to the
// new invitation is lost and the list lags by 5 minutes.
func TestHistoryAcceptedRowIsTakenForLostMail(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute,
			Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, "bob@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.apply(with{})
		must(t, c.Advance(time.Hour))
		must(t, c.Accept("bob@example.com"))
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		c.list("zoe@example.com")
		c.log(c.apply(with{})) // bob removed
		must(t, c.Advance(time.Hour))
		c.list("bob@example.com", "zoe@example.com")
		c.AddFault(sandbox.Fault{Method: "POST", Path: lostInvite, Kind: sandbox.FaultDrop, After: true, Times: 1})
		before := c.Now()
		c.log(c.apply(with{}))
		n := 0
		for _, m := range c.Mails()["bob@example.com"] {
			if !m.At.Before(before) {
				n++
			}
		}
		if n > 1 {
			t.Errorf("bob got %d mails within minutes: %v", n, c.Mails()["bob@example.com"])
		}
	})
}

// declined, --reinvite, answer lost, list lags.
func TestHistoryDeclinedReinvite(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute,
			Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, "bob@example.com")
		c.apply(with{})
		must(t, c.Advance(time.Hour))
		must(t, c.Decline("bob@example.com"))
		must(t, c.Advance(time.Hour))
		c.AddFault(sandbox.Fault{Method: "POST", Path: lostInvite, Kind: sandbox.FaultDrop, After: true, Times: 1})
		before := c.Now()
		c.log(c.apply(with{reinvite: []string{"bob@example.com"}}))
		n := 0
		for _, m := range c.Mails()["bob@example.com"] {
			if !m.At.Before(before) {
				n++
			}
		}
		if n > 1 {
			t.Errorf("bob got %d mails: %v", n, c.Mails()["bob@example.com"])
		}
	})
}

// renewing does not move expiration_date in answers and lists.
func TestHistoryRenewalKeepsExpiration(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"renewed without a new date", "epoch"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{}, "bob@example.com")
				var mu sync.Mutex
				first := ""
				c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
					mu.Lock()
					defer mu.Unlock()
					b := rec.Body.String()
					const key = `"expiration_date":"`
					for at := strings.Index(b, key); at >= 0; {
						at += len(key)
						end := at + strings.IndexByte(b[at:], '"')
						if name == "epoch" {
							first = "1970-01-01T00:00:00Z"
						} else if first == "" {
							first = b[at:end]
						}
						b = b[:at] + first + b[end:]
						next := strings.Index(b[at:], key)
						if next < 0 {
							break
						}
						at += next
					}
					rec.Body = bytes.NewBufferString(b)
					return rec
				})
				c.log(c.apply(with{}))
				if name != "epoch" {
					must(t, c.Advance(73*time.Hour))
				}
				for range 5 {
					c.log(c.apply(with{}))
					must(t, c.Advance(time.Minute))
				}
				c.check()
			})
		})
	}
}

// a date whose UTC form lies beyond 9999.
func TestHistoryYear10000(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("panic: %v", p)
			}
		}()
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			b := rec.Body.String()
			const key = `"expiration_date":"`
			if at := strings.Index(b, key); at >= 0 {
				at += len(key)
				end := at + strings.IndexByte(b[at:], '"')
				b = b[:at] + "9999-12-31T23:59:59-01:00" + b[end:]
			}
			rec.Body = bytes.NewBufferString(b)
			return rec
		})
		c.log(c.apply(with{}))
	})
}

// one expired invitation with an id that cannot stand in a path stops everybody, forever.
func TestHistoryOddIDStopsEverybody(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "aaa@example.com", "bob@example.com", "cat@example.com")
		inv, err := c.AddInvitation(sandbox.Invitation{Email: "aaa@example.com", State: "expired",
			Created: c.Now().Add(-80 * time.Hour)})
		must(t, err)
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			rec.Body = bytes.NewBufferString(strings.ReplaceAll(rec.Body.String(), inv.ID, "inv:1=="))
			return rec
		})
		for range 3 {
			c.log(c.apply(with{}))
			must(t, c.Advance(24*time.Hour))
		}
		if all := c.mailCount(); all == 0 {
			t.Error("nobody was mailed in three days")
		}
	})
}

// the intent is written long before the request leaves: throttled, then killed; the list lags by 10 minutes.
func TestHistoryIntentOlderThanRequest(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 10 * time.Minute,
			Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, "bob@example.com")
		c.AddFault(sandbox.Fault{Method: "POST", Path: lostInvite, Kind: sandbox.FaultThrottle, RetryAfter: "60", Times: 4})
		k := c.killAfterWrite(5)
		start := c.Now()
		ctx, cancel := context.WithCancel(t.Context())
		c.log(c.apply(with{concurrency: 1, ctx: ctx}))
		cancel()
		k.revive()
		t.Log("mail at", c.Mails()["bob@example.com"][0].At.Sub(start), "killed at", c.Now().Sub(start))
		must(t, c.Advance(start.Add(15*time.Minute+5*time.Second).Sub(c.Now())))
		t.Log("second run at", c.Now().Sub(start))
		c.log(c.apply(with{}))
		c.check()
	})
}

// orgsync removed bob, he is listed again, invited, accepts; users lag behind invitations (or are read first).
func TestHistoryJustAccepted(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.apply(with{})
		must(t, c.Accept("bob@example.com"))
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		c.list("zoe@example.com")
		c.apply(with{})
		must(t, c.Advance(80*time.Hour))
		c.list("bob@example.com", "zoe@example.com")
		c.log(c.apply(with{}))
		must(t, c.Advance(time.Hour))
		// Bob accepts between the reading of the users and that of the invitations.
		c.between("/v2/users", "/v2/invitation", func() error { return c.Accept("bob@example.com") })
		c.log(c.apply(with{}))
		var posts int
		for _, r := range c.Requests() {
			if r.Method == "POST" && r.Path == "/v2/invitation" {
				posts++
			}
		}
		t.Logf("invitation posts: %d (want 3: bob, zoe, bob again)", posts)
		if posts > 3 {
			t.Error("a member who has just accepted was invited again")
		}
	})
}

// a group is deleted while the run is under way: before the grant, or after it and before its answer.
func TestHistoryGroupDeleted(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{}, "bob@example.com")
			_, err := c.AddUser(sandbox.User{Email: "bob@example.com"})
			must(t, err)
			c.roster.People[0].Groups = refs("everyone")
			c.wire.Before = func(r *http.Request) error {
				if before && r.Method == "POST" {
					return c.DeleteGroup("everyone")
				}
				return nil
			}
			c.wire.After = func(r *http.Request) error {
				if !before && r.Method == "POST" {
					must(t, c.DeleteGroup("everyone"))
					return errKilled
				}
				return nil
			}
			o := c.apply(with{})
			c.log(o)
			if o.Count(apply.Done) > 0 {
				t.Error("reported as done, and the group does not exist")
			}
		})
	}
}

// the last day of a person ends between sending and settling.
func TestHistoryUntilMidnight(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		day := c.Now().Truncate(24 * time.Hour)
		c.roster.People[0].Until = day
		must(t, c.Advance(day.Add(24*time.Hour-2*time.Second).Sub(c.Now())))
		c.AddFault(sandbox.Fault{Method: "POST", Path: lostInvite, Kind: sandbox.FaultStatus, Status: 500,
			Delay: 5 * time.Second, Times: 1})
		o := c.apply(with{})
		c.log(o)
		if all := c.mailCount(); all == 0 && o.Count(apply.Done) > 0 {
			t.Error("reported as done, and nobody was mailed")
		}
	})
}

// one answer of a broken gateway has a wrong Date.
func TestHistoryDateOfGateway(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "aaa@example.com", "bob@example.com")
		c.apply(with{})
		must(t, c.Advance(time.Hour))
		var asked atomic.Int32
		inner := c.wire.Handler
		c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/account" {
				if asked.Add(1) == 4 { // the last try: the account may be missing
					time.Sleep(5 * time.Second)
					w.Header().Set("Date", "Fri, 01 Jan 2100 00:00:00 GMT")
					w.WriteHeader(404)
					return
				}
				w.WriteHeader(502)
				return
			}
			inner.ServeHTTP(w, r)
		})
		c.log(c.apply(with{}))
		c.check()
	})
}

// primary and alias are swapped after the invitation expired.
func TestHistoryAliasSwapped(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "aold@example.com", "bold@example.com", "cold@example.com")
		c.apply(with{})
		must(t, c.Advance(80*time.Hour))
		c.list("anew@example.com", "bnew@example.com", "cnew@example.com", "zoe@example.com")
		for i, old := range []string{"aold@example.com", "bold@example.com", "cold@example.com"} {
			c.roster.People[i].Aliases = []org.Address{org.MustParseAddress(old)}
		}
		for i := range 4 {
			t.Log("run", i)
			c.log(c.apply(with{}))
			must(t, c.Advance(time.Hour))
		}
		if len(c.Mails()["anew@example.com"]) == 0 {
			t.Error("the address of the roster is never mailed; the renewed invitation went to the old one")
		}
		c.check()
	})
}

// an older mail that counts as sent, and a later lost one that surely was not.
func TestHistoryRoundsForgotten(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Lapsed: sandbox.LapsedVanish}}, "bob@example.com")
		c.roster.Settings.ReinviteRounds = 2
		k := c.killAfterWrite(1)
		c.apply(with{concurrency: 1})
		k.revive()
		t.Log("mails", c.Mails()["bob@example.com"])
		c.ClearFaults()
		must(t, c.Advance(80*time.Hour))
		// never reaches the server
		c.AddFault(sandbox.Fault{Method: "POST", Kind: sandbox.FaultDrop})
		c.log(c.apply(with{}))
		c.ClearFaults()
		for range 8 {
			must(t, c.Advance(20*time.Minute))
			c.log(c.apply(with{}))
			must(t, c.Advance(20*time.Minute))
			c.log(c.apply(with{}))
			must(t, c.Advance(73*time.Hour))
		}
		if most := c.mostMails(); most > 2 {
			t.Errorf("%d mails, the roster allows 2", most)
		}
	})
}

// killed between a suspension and its outcome.
func TestHistoryKilledSuspension(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com")
		c.join("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		k := c.killAfterWrite(1)
		c.log(c.apply(with{}))
		k.revive()
		must(t, c.Advance(time.Hour))
		c.log(c.apply(with{}))
		c.list("bob@example.com", "zoe@example.com")
		o := c.apply(with{})
		c.log(o)
		c.expectNobodySuspended(o)
	})
}

// orgsync suspends, an administrator unsuspends, later an administrator suspends on purpose.
func TestHistoryUnsuspendsAdminsSuspension(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com")
		c.join("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.log(c.apply(with{})) // bob suspended by orgsync
		must(t, c.Unsuspend("bob@example.com"))
		c.list("bob@example.com", "zoe@example.com")
		for range 3 { // months as an ordinary member
			must(t, c.Advance(30*24*time.Hour))
			c.apply(with{})
		}
		must(t, c.Suspend("bob@example.com")) // on purpose
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.log(o)
		for _, ch := range o.Changes {
			if ch.Action == plan.Unsuspend {
				t.Error("orgsync ended a suspension that was not its own")
			}
		}
	})
}

// a member who registered with another address; later the accepted invitation is no longer listed.
func TestHistoryRemovedBecauseRowVanished(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.apply(with{})
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		must(t, c.Advance(time.Hour))
		c.log(c.apply(with{}))
		// The API forgets accepted invitations after a while.
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			if r.Method == "GET" && r.URL.Path == "/v2/invitation" {
				rec.Body = bytes.NewBufferString(`{"invitations":[],"meta":{"total":0,"links":{"next":"","prev":""}}}`)
			}
			return rec
		})
		must(t, c.Advance(90*24*time.Hour))
		o := c.apply(with{})
		c.log(o)
		for _, ch := range o.Changes {
			if ch.Action == plan.Remove {
				t.Errorf("%s, who is bob, was removed", ch.Email)
			}
		}
	})
}

// the same where accepted invitations vanish at once.
func TestHistoryRemovedRightAfterJoining(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, "bob@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.apply(with{})
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.log(o)
		for _, ch := range o.Changes {
			if ch.Action == plan.Remove {
				t.Errorf("%s, who is bob, was removed", ch.Email)
			}
		}
	})
}

// a ledger line from a time when the clock was far ahead (no Date, wrong local clock).
func TestHistoryMailFromTheFuture(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Lapsed: sandbox.LapsedVanish}}, "bob@example.com")
		o := c.apply(with{})
		_ = o
		content, err := c.store.Read(t.Context())
		must(t, err)
		year := c.Now().Format(`"2006-`) // with its quote: an id may hold the same digits
		must(t, c.store.Replace([]byte(strings.ReplaceAll(string(content), year, `"2099-`))))
		must(t, c.Advance(30*24*time.Hour))
		o = c.apply(with{})
		c.log(o)
		if all := c.mailCount(); all != 1 {
			t.Errorf("%d mails: a time in the future counts as now, and that mail is still valid", all)
		}
		must(t, c.Advance(73*time.Hour))
		c.log(c.apply(with{}))
		if all := c.mailCount(); all != 2 {
			t.Errorf("%d mails: bob waits until 2099", all)
		}
	})
}

// mostMails is how many mails one person got at most.
func (c *company) mostMails() int {
	most := 0
	for _, mails := range c.Mails() {
		most = max(most, len(mails))
	}
	return most
}

// orgsync suspended the user under an alias and unsuspended them under the primary address; later an administrator
// suspends them.
func TestHistoryUnsuspendAlias(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com")
		c.join("bob@home.example", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.log(c.apply(with{})) // suspended
		must(t, c.Advance(time.Hour))
		c.list("bob@example.com", "zoe@example.com")
		c.roster.People[0].Aliases = []org.Address{org.MustParseAddress("bob@home.example")}
		c.log(c.apply(with{})) // unsuspended by orgsync
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		must(t, c.Suspend("bob@home.example"))
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.log(o)
		for _, ch := range o.Changes {
			t.Errorf("%s %s: an administrator's suspension was undone", ch.Action, ch.Email)
		}
	})
}

// removed under the registered address, listed again, back, leaves on their own.
func TestHistoryRemovedForEver(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com")
		c.join("bob@home.example", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.log(c.apply(with{}))
		c.list("bob@example.com", "zoe@example.com")
		c.roster.People[0].Aliases = []org.Address{org.MustParseAddress("bob@home.example")}
		c.log(c.apply(with{})) // invited
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		must(t, c.Advance(time.Hour))
		for range 3 {
			c.apply(with{})
		}
		content, _ := c.store.Read(t.Context())
		t.Logf("joined lines for bob: %d", strings.Count(string(content), `"email":"bob@example.com","action":"joined"`))
		must(t, c.Leave("bob@home.example"))
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.log(o)
		for _, ch := range o.Changes {
			t.Errorf("%s %s %s: who left on their own is invited again without --invite-left", ch.Action, ch.Reason, ch.Email)
		}
	})
}

// a date in 9999 makes the report fail.
func TestHistoryJSONYear10000(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Expiration: sandbox.ExpirationNull}}, "bob@example.com")
		_, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com"})
		must(t, err)
		re := regexp.MustCompile(`"date_created":"[^"]*"`)
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			rec.Body = bytes.NewBufferString(re.ReplaceAllString(rec.Body.String(), `"date_created":"9999-12-31T00:00:00Z"`))
			return rec
		})
		o := c.apply(with{})
		c.log(o)
		var b bytes.Buffer
		if err := report.PlanJSON(&b, report.Run{Command: "plan"}, o.plan); err != nil {
			t.Errorf("plan -o json: %v; printed %q", err, b.String())
		}
	})
}

// invite-left is set for good, the API gives no dates: rounds are not counted.
func TestHistoryInviteLeftRounds(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Dates: sandbox.DatesEmpty}}, "bob@example.com")
		c.roster.Settings.ReinviteRounds = 2
		c.apply(with{})
		must(t, c.Accept("bob@example.com"))
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		must(t, c.Leave("bob@example.com"))
		for range 8 {
			c.apply(with{inviteLeft: true})
			must(t, c.Advance(73*time.Hour))
		}
		if all := c.mailCount(); all > 3 {
			t.Errorf("%d mails after leaving, the roster allows 2", all-1)
		}
	})
}

// the key's own user cannot be found among the users.
func TestHistorySelfNotAmongUsers(t *testing.T) {
	t.Parallel()
	in := plan.Input{
		Roster: &roster.Roster{Organization: "o1", People: []roster.Person{{Email: org.MustParseAddress("ada@example.com")}},
			Settings: roster.Settings{Unlisted: roster.UnlistedRemove, MaxRemovals: 5, MaxInvites: 5}},
		Snapshot: org.Snapshot{
			Organization: org.Organization{ID: "o1"}, Now: time.Now(), UsersSeen: true, SuspendedSeen: true,
			Self: org.MustParseAddress("o.wner@gmail.example"), // GET /v2/account spells it in another way than GET /v2/users
			Users: []org.User{{ID: "u1", Email: org.MustParseAddress("owner@gmail.example"), Admin: true},
				{ID: "u2", Email: org.MustParseAddress("ada@example.com"), Admin: true}},
		},
	}
	for _, ch := range plan.Compute(in).Changes {
		t.Errorf("%s %s", ch.Action, ch.Email)
	}
}

func TestHistoryUppercasePin(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com", "cat@example.com")
		id := c.World().Organization.ID
		c.AddFault(sandbox.Fault{Method: "GET", Path: "/v2/organizations", Kind: sandbox.FaultForbid})
		up := strings.ToUpper(id)
		cl := c.client(with{concurrency: 2})
		o, err := cl.Identify(t.Context(), up)
		must(t, err)
		book, err := ledger.Open(t.Context(), c.store, ledger.Options{Organization: o.ID, Now: cl.Now})
		must(t, err)
		defer book.Close()
		s, err := cl.ReadOrganization(t.Context(), up, nil)
		must(t, err)
		dec := func(s org.Snapshot, m org.Memory) plan.Plan {
			return plan.Compute(plan.Input{Roster: &c.roster, Snapshot: s, Memory: m})
		}
		r := apply.Run(t.Context(), dec(s, book.Memory()), apply.Options{API: cl, Ledger: book, Concurrency: 2, Replan: dec})
		c.log(outcome{Result: r})
		_, err = cl.ReadOrganization(t.Context(), up, nil)
		if err != nil || len(c.Mails()) != 2 {
			t.Errorf("then: %v; %d people were mailed", err, len(c.Mails()))
		}
	})
}

// late makes the server act on the nth mail only some time after the client has given up waiting for the answer.
func (c *company) late(nth int, after time.Duration) {
	inner := c.wire.Handler
	var mails atomic.Int32
	c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || int(mails.Add(1)) != nth {
			inner.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		<-r.Context().Done()
		go func() {
			time.Sleep(after)
			ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
			cancel() // nobody waits for the answer
			again := r.Clone(ctx)
			again.Body = io.NopCloser(bytes.NewReader(body))
			defer func() { _ = recover() }() // of a fault that drops the connection
			inner.ServeHTTP(httptest.NewRecorder(), again)
		}()
		panic(http.ErrAbortHandler)
	})
}

// one machine behind the API has a clock of its own; which list it answers differs.
func TestHistoryOneWrongClock(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v2/account", "/v2/users", "/v2/invitation", "/v2/organizations"} {
		for _, off := range []time.Duration{100 * 24 * time.Hour, -100 * 24 * time.Hour} {
			bubble(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute}, many(3)...)
				c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
					if r.URL.Path == path && r.Method == http.MethodGet {
						time.Sleep(time.Second) // it is the last to answer
						rec.Header().Set("Date", c.Now().Add(off).Format(http.TimeFormat))
					}
					return rec
				})
				for range 3 {
					c.apply(with{})
					must(t, c.Advance(time.Hour))
				}
				c.check()
				if all := c.mailCount(); all != 3 {
					t.Errorf("%s is off by %v: %d mails to 3 people", path, off, all)
				}
			})
		}
	}
}

// the client gives up after 30 s, and the server acts on the mail 10 s later; in between others are mailed, and show.
func TestHistoryServerActsAfterTimeOut(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, many(5)...)
		c.late(1, 10*time.Second)
		c.log(c.apply(with{}))
		time.Sleep(time.Minute)
		c.log(c.apply(with{}))
		c.check()
		must(t, c.Advance(15*time.Minute))
		c.log(c.apply(with{}))
		c.expectEverybodyOnce()
	})
}

// the same when the run is killed while it waits, and the next one begins at once.
func TestHistoryServerActsAfterKill(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, many(5)...)
		c.late(1, 10*time.Second)
		c.wire.After = func(r *http.Request) error {
			if r.Method == http.MethodPost {
				return errKilled
			}
			return nil
		}
		c.store.OnAppend = func(lines []byte) (int, error) {
			if bytes.Contains(lines, []byte("outcome")) {
				return 0, errKilled
			}
			return 0, nil
		}
		c.log(c.apply(with{}))
		c.wire.After, c.store.OnAppend = nil, nil
		c.store.Unlock()
		c.log(c.apply(with{}))
		time.Sleep(time.Minute)
		c.log(c.apply(with{}))
		c.check()
		must(t, c.Advance(20*time.Minute))
		c.log(c.apply(with{}))
		c.expectEverybodyOnce()
	})
}

// the answer to a mail is lost, it is unknown whether it went out, and nothing would be done if it were known that it
// did not: in the meantime an administrator cancelled the expired invitation.
func TestHistoryUnsettledReportedAsDone(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute, Dialect: sandbox.Dialect{Lapsed: sandbox.LapsedMarked,
			ResendLapsed: sandbox.ResendLapsed400}}, "bob@example.com")
		inv, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com", State: "expired",
			Created: c.Now().Add(-80 * time.Hour)})
		must(t, err)
		must(t, c.Advance(time.Hour))
		c.AddFault(sandbox.Fault{Method: "POST", Path: lostInvite, Kind: sandbox.FaultDrop, Times: 1})
		var posted atomic.Bool
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			if r.Method == http.MethodPost {
				posted.Store(true)
			} else if posted.Load() { // cancelled in the meantime
				rec.Body = bytes.NewBufferString(strings.ReplaceAll(rec.Body.String(), `"invite_status":"Expired"`,
					`"invite_status":"Cancelled"`))
			}
			return rec
		})
		o := c.apply(with{})
		c.log(o)
		if c.mailCount() == 0 && o.Count(apply.Done) > 0 {
			t.Errorf("reported as done, and nobody was mailed (%s)", inv.ID)
		}
	})
}

// the server breaks whenever it is asked to invite one of three people, who come first.
func TestHistoryThreeStopEverybody(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "a1@example.com", "a2@example.com", "a3@example.com", "bob@example.com",
			"cat@example.com")
		c.wire.Before = func(r *http.Request) error {
			if r.Method == http.MethodPost && r.URL.Path == lostInvite {
				var b bytes.Buffer
				_, _ = b.ReadFrom(r.Body)
				if strings.Contains(b.String(), `"a`) && strings.Contains(b.String(), "@") &&
					(strings.Contains(b.String(), "a1@") || strings.Contains(b.String(), "a2@") ||
						strings.Contains(b.String(), "a3@")) {
					return errKilled
				}
			}
			return nil
		}
		for range 4 {
			c.log(c.apply(with{}))
			must(t, c.Advance(time.Hour))
		}
		if c.mailCount() != 2 {
			t.Errorf("%d mails in four hours, and two people could have had theirs", c.mailCount())
		}
		c.check()
	})
}

// the server spells an address in a way of its own, and the answer that would tell the id is lost.
func TestHistoryRespelledAndLost(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}},
			"bob+vultr@example.com")
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			rec.Body = bytes.NewBufferString(strings.ReplaceAll(rec.Body.String(), "bob+vultr@", "bob@"))
			return rec
		})
		c.wire.After = func(r *http.Request) error {
			if r.Method == http.MethodPost {
				return errKilled
			}
			return nil
		}
		for range 5 {
			c.log(c.apply(with{}))
			c.wire.After = nil
			must(t, c.Advance(20*time.Minute))
		}
		c.check()
	})
}

// bob was removed and is wanted back; the answer to the invitation is lost, and then the key may not list users any
// more.
func TestHistoryUsersUnseenMidway(t *testing.T) {
	t.Parallel()
	for _, acted := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute,
				Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, "bob@example.com")
			now := c.Now()
			_, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com", State: "accepted",
				Created: now.Add(-100 * time.Hour), Responded: now.Add(-90 * time.Hour)})
			must(t, err)
			c.AddFault(sandbox.Fault{Method: "POST", Path: lostInvite, Kind: sandbox.FaultDrop, After: acted, Times: 1})
			c.AddFault(sandbox.Fault{Method: "GET", Path: "/v2/users", Kind: sandbox.FaultForbid, From: 2})
			o := c.apply(with{inviteLeft: true})
			c.log(o)
			if o.Count(apply.Done) > 0 {
				t.Error("reported as done, and nobody can know")
			}
			c.ClearFaults()
			must(t, c.Advance(time.Minute))
			c.log(c.apply(with{inviteLeft: true}))
			c.check()
		})
	}
}

// renewing and inviting are refused, and meanwhile an administrator cancels the expired invitation.
func TestHistoryRefusedReportedAsDone(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		_, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com", State: "expired"})
		must(t, err)
		c.AddFault(sandbox.Fault{Method: "POST", Path: "/v2/*", Kind: sandbox.FaultStatus, Status: 409})
		var posted atomic.Bool
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			if r.Method == http.MethodPost {
				posted.Store(true)
			} else if posted.Load() {
				rec.Body = bytes.NewBufferString(strings.ReplaceAll(rec.Body.String(), `"invite_status":"Pending"`,
					`"invite_status":"Cancelled"`))
			}
			return rec
		})
		o := c.apply(with{})
		c.log(o)
		if o.counts() != "0/1/0/0" {
			t.Errorf("%s, and nobody was mailed", o.counts())
		}
	})
}

// the run is told to stop right after the server refused the first wording of an invitation.
func TestHistoryStoppedBetweenWordings(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		c.AddFault(sandbox.Fault{Method: "POST", Path: lostInvite, Kind: sandbox.FaultStatus, Status: 400})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		c.wire.After = func(r *http.Request) error {
			if r.Method == http.MethodPost {
				stop()
			}
			return nil
		}
		o := c.apply(with{ctx: ctx})
		c.log(o)
		if o.counts() != "0/1/0/0" || o.Changes[0].Requests != 1 {
			t.Errorf("%s, and one request was sent and refused", o.counts())
		}
	})
}

// three first changes are not answered, but not in a row: the server says no to one in between.
func TestHistoryThreeLostNotInARow(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, many(6)...)
		c.AddFault(sandbox.Fault{Method: "POST", Path: lostInvite, Kind: sandbox.FaultStatus, Status: 409, From: 3, Times: 1})
		c.AddFault(sandbox.Fault{Method: "POST", Path: lostInvite, Kind: sandbox.FaultDrop, From: 1, Times: 3})
		o := c.apply(with{})
		c.log(o)
		if o.Stopped != nil || o.counts() != "5/1/0/0" {
			t.Errorf("%s, stopped by %v", o.counts(), o.Stopped)
		}
		c.check()
	})
}

// bob has declined what an administrator sent by hand; a few minutes later --reinvite names him, the answer is lost,
// and the list lags.
func TestHistoryDeclinedBeforeTheMail(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute,
			Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, "bob@example.com")
		_, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com"})
		must(t, err)
		must(t, c.Decline("bob@example.com"))
		must(t, c.Advance(14*time.Minute))
		c.AddFault(sandbox.Fault{Method: "POST", Path: lostInvite, Kind: sandbox.FaultDrop, After: true, Times: 1})
		o := c.apply(with{reinvite: []string{"bob@example.com"}})
		c.log(o)
		must(t, c.Advance(20*time.Minute))
		c.log(c.apply(with{}))
		if n := c.mailCount(); n != 1 {
			t.Errorf("%d mails", n)
		}
	})
}

// all writes go to a machine whose clock is months ahead.
func TestHistoryWrongClockOfWrites(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Expiration: sandbox.ExpirationNull,
			Lapsed: sandbox.LapsedVanish}}, many(20)...)
		c.oddClock(writes)
		c.apply(with{concurrency: 1})
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		must(t, c.Advance(80*time.Hour))
		if o := c.apply(with{}); o.counts() != "20/0/0/0" || c.mailCount() != 40 {
			t.Errorf("%s, and %d mails, want two for each of 20 people", o.counts(), c.mailCount())
		}
		c.check()
	})
}

// the server breaks on three people, whose mails a run found not to be sent after it had sent the last one.
func TestHistoryThreeStopEverybodyEveryOtherTime(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "a1@example.com", "a2@example.com", "a3@example.com", "ada@example.com")
		inner := c.wire.Handler
		c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			must(t, err)
			if r.Method == http.MethodPost && regexp.MustCompile(`a[123]@`).Match(body) {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			inner.ServeHTTP(w, r)
		})
		for i, next := range []string{"bob@example.com", "cy@example.com", "dan@example.com", "eve@example.com"} {
			c.apply(with{})
			must(t, c.Advance(time.Hour))
			c.apply(with{}) // finds that the three were not mailed
			must(t, c.Advance(time.Hour))
			people := append([]string{"a1@example.com", "a2@example.com", "a3@example.com", "ada@example.com"},
				"bob@example.com", "cy@example.com", "dan@example.com", "eve@example.com")
			c.list(people[:5+i]...)
			o := c.apply(with{})
			if len(c.Mails()[next]) != 1 {
				c.log(o)
				t.Errorf("%s is not mailed by the first run that may", next)
			}
			must(t, c.Advance(time.Hour))
		}
	})
}

// the answer to a renewal is lost, the list tells no end of it, and the run takes so long that nobody can ever tell.
func TestHistoryNobodyCanEverTell(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Expiration: sandbox.ExpirationNull,
			Lapsed: sandbox.LapsedMarked}}, many(45)...)
		c.apply(with{})
		must(t, c.Advance(80*time.Hour))
		c.AddFault(sandbox.Fault{Method: "POST", Path: "/v2/invitation/*", Kind: sandbox.FaultDrop, From: 2, Times: 1})
		c.AddFault(sandbox.Fault{Method: "POST", Path: "/v2/invitation/*", Kind: sandbox.FaultSlow, Delay: 25 * time.Second,
			From: 3})
		o := c.apply(with{concurrency: 1})
		if o.counts() != "44/0/1/0" || len(c.Mails()["p001@example.com"]) != 1 {
			c.log(o)
			t.Errorf("%s: nobody knows whether the second person was mailed", o.counts())
		}
	})
}

// the list lags and has no dates; the answer to one mail is lost, and the next invitation is an old one renewed, which
// the list had before.
func TestHistoryRenewedInsteadOfNew(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute, Dialect: sandbox.Dialect{
			Dates: sandbox.DatesEmpty, Lapsed: sandbox.LapsedMarked, ResendLapsed: sandbox.ResendLapsed404,
			InviteLapsed: sandbox.InviteLapsedSame, Duplicate: sandbox.DuplicateSecond,
		}}, "ada@example.com", "cy@example.com")
		c.apply(with{})
		must(t, c.Advance(80*time.Hour))
		c.list("ada@example.com", "bob@example.com", "cy@example.com")
		c.AddFault(sandbox.Fault{Method: "POST", Path: lostInvite, Kind: sandbox.FaultDrop, After: true, From: 2, Times: 1})
		o := c.apply(with{concurrency: 1})
		if c.log(o); len(c.Mails()["bob@example.com"]) != 1 || len(c.Mails()["cy@example.com"]) != 2 {
			t.Errorf("mails: %v", c.Mails())
		}
	})
}

// the answer to a second mail is lost, and the server never acted; meanwhile somebody joins with an address that may be
// the person's. The mail is held then, and is not reported as done.
func TestHistoryHeldReportedAsDone(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Lapsed: sandbox.LapsedVanish}}, "bob@example.com")
		c.apply(with{})
		must(t, c.Advance(80*time.Hour))
		c.list("bob@example.com", "zoe@example.com")
		c.AddFault(sandbox.Fault{Method: "POST", Path: lostInvite, Kind: sandbox.FaultDrop, Times: 1})
		join := sync.OnceFunc(func() { c.join("bobby@home.example") })
		c.wire.Before = func(r *http.Request) error {
			if r.Method == http.MethodPost {
				join()
			}
			return nil
		}
		o := c.apply(with{})
		c.log(o)
		for _, change := range o.Changes {
			if change.Email.String() == "bob@example.com" && change.Outcome == apply.Done {
				t.Error("bob is held, and his mail is reported as done")
			}
		}
		if n := len(c.Mails()["bob@example.com"]); n != 1 {
			t.Errorf("bob has %d mails", n)
		}
	})
}

// bob accepts with an address that nobody knows, and the list forgets it. He is taken out of the roster by mistake, for
// one run, and is put in again: he may still be in.
func TestHistoryAliasOutAndIn(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, "bob@example.com",
			"zoe@example.com")
		c.apply(with{})
		must(t, c.Advance(time.Hour))
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		c.list("zoe@example.com")
		c.apply(with{})
		must(t, c.Advance(80*time.Hour))
		c.list("bob@example.com", "zoe@example.com")
		o := c.apply(with{})
		c.log(o)
		if n := len(c.Mails()["bob@example.com"]); n != 1 || len(o.notices(plan.PossibleAlias)) != 1 {
			t.Errorf("bob is in as bob@home.example, and has %d mails", n)
		}
	})
}

// the answer to one mail is lost, and the server acts half a minute later; the list lags, and the ledger's times are in
// the future. A mail that was sent a moment after the lost one is no witness, although both count as sent now.
func TestHistoryLostInTheFuture(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{
			ListLag: 5 * time.Minute, Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond},
		}, many(4)...)
		c.AddFault(sandbox.Fault{Method: "POST", Path: lostInvite, Kind: sandbox.FaultStatus, Late: 30 * time.Second, From: 2,
			Times: 1})
		c.log(c.apply(with{concurrency: 1, settleWait: leaveToLaterRun}))
		content, err := c.store.Read(t.Context())
		must(t, err)
		must(t, c.store.Replace(inTheFuture(t, content)))
		time.Sleep(time.Minute)
		c.list(many(5)...)
		c.log(c.apply(with{}))
		time.Sleep(20 * time.Minute)
		c.log(c.apply(with{}))
		c.expectEverybodyOnce()
	})
}

// ledgerTime is the time of a line.
var ledgerTime = regexp.MustCompile(`"time":"[^"]*"`)

// inTheFuture is a ledger that was written with a clock that was 1000 hours ahead.
func inTheFuture(t *testing.T, content []byte) []byte {
	t.Helper()
	return ledgerTime.ReplaceAllFunc(content, func(field []byte) []byte {
		at, err := time.Parse(`"time":"`+time.RFC3339Nano+`"`, string(field))
		must(t, err)
		return []byte(at.Add(1000 * time.Hour).Format(`"time":"` + time.RFC3339Nano + `"`))
	})
}

// --reinvite names bob while his invitation can be accepted, so that nothing is sent. Then he accepts with an address
// that nobody knows, and the list forgets it.
func TestHistoryAliasAfterReinvite(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, "bob@example.com")
		c.apply(with{})
		must(t, c.Advance(time.Hour))
		c.apply(with{reinvite: []string{"bob@example.com"}})
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		must(t, c.Advance(80*time.Hour))
		o := c.apply(with{})
		c.log(o)
		if n := len(c.Mails()["bob@example.com"]); n != 1 || len(o.notices(plan.PossibleAlias)) != 1 {
			t.Errorf("bob is in as bob@home.example, and has %d mails", n)
		}
	})
}
