package apply_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
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

// The tests of this file are sequences of events that orgsync once handled wrongly. It sent a second mail, never mailed
// a person, removed a member, gave access to the wrong user, or reported something false.

// rewrite changes each answer of the API by f. Several requests may call f at the same time.
func (c *company) rewrite(f func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder) {
	inner := c.wire.Handler
	c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		inner.ServeHTTP(rec, r)
		writeAnswer(w, f(r, rec))
	})
}

// writeAnswer writes the answer rec, whose body may have another length than its header says.
func writeAnswer(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), rec.Header())
	w.Header().Del("Content-Length")
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

// logOutcome logs the changes and notices of a run.
func (c *company) logOutcome(o outcome) {
	c.t.Helper()
	c.t.Logf("err=%v stopped=%v counts=%s", o.err, o.Stopped, o.counts())
	for _, ch := range o.Changes {
		c.t.Logf("   %s %s %s req=%d err=%v", ch.Action, ch.Email, ch.Outcome, ch.Requests, ch.Err)
	}
	for _, n := range o.Notices {
		c.t.Logf("   notice %s %s", n.Kind, n.Email)
	}
}

// expectNoChanges fails the test if the run had a change. why says what is wrong with such a change.
func (c *company) expectNoChanges(o outcome, why string) {
	c.t.Helper()
	for _, ch := range o.Changes {
		c.t.Errorf("%s %s: %s", ch.Action, ch.Email, why)
	}
}

// expectNobodySuspended fails the test if a notice reports a suspended person of the roster.
func (c *company) expectNobodySuspended(o outcome) {
	c.t.Helper()
	for _, who := range o.notices(plan.SuspendedUser) {
		c.t.Errorf("orgsync suspended %s, the roster lists them again, and they stay suspended", who)
	}
}

// runBetween calls happen once, after the list first was read and before the list second is read. The result becomes
// true when the call begins.
func (c *company) runBetween(first, second string, happen func() error) *atomic.Bool {
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

const invitePath = "/v2/invitation"

// TestHistoryAcceptedInvitationIsNotTheLostMail: orgsync removes bob while the invitation that he accepted is still
// valid by its date. He is listed again. The answer to the new invitation is lost, and the list lags by 5 minutes. He
// must not get a second mail.
func TestHistoryAcceptedInvitationIsNotTheLostMail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute,
			Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, "bob@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.apply(with{})
		must(t, c.Advance(time.Hour))
		must(t, c.Accept("bob@example.com"))
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		c.setRoster("zoe@example.com")
		c.logOutcome(c.apply(with{})) // bob removed
		must(t, c.Advance(time.Hour))
		c.setRoster("bob@example.com", "zoe@example.com")
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultDrop, ActFirst: true, Times: 1})
		before := c.Now()
		c.logOutcome(c.apply(with{}))
		n := 0
		for _, m := range c.Mails()["bob@example.com"] {
			if !m.At.Before(before) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("bob got %d mails within minutes, want 1: %v", n, c.Mails()["bob@example.com"])
		}
	})
}

// TestHistoryDeclinedReinvite: bob declined an invitation, and --reinvite names him. The answer to the mail is lost,
// and the list lags. He must not get a second mail.
func TestHistoryDeclinedReinvite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute,
			Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, "bob@example.com")
		c.apply(with{})
		must(t, c.Advance(time.Hour))
		must(t, c.Decline("bob@example.com"))
		must(t, c.Advance(time.Hour))
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultDrop, ActFirst: true, Times: 1})
		before := c.Now()
		c.logOutcome(c.apply(with{reinvite: []string{"bob@example.com"}}))
		n := 0
		for _, m := range c.Mails()["bob@example.com"] {
			if !m.At.Before(before) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("bob got %d mails, want 1: %v", n, c.Mails()["bob@example.com"])
		}
	})
}

// TestHistoryRenewalKeepsExpiration: a renewal does not change the expiration_date in answers and lists. Nobody must
// get a second mail within three days.
func TestHistoryRenewalKeepsExpiration(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"renewed without a new date", "epoch"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
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
				c.logOutcome(c.apply(with{}))
				if name != "epoch" {
					must(t, c.Advance(73*time.Hour))
				}
				for range 5 {
					c.logOutcome(c.apply(with{}))
					must(t, c.Advance(time.Minute))
				}
				c.checkInvariants()
			})
		})
	}
}

// TestHistoryYear10000: orgsync must not panic on a date that is after the year 9999 in UTC.
func TestHistoryYear10000(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
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
		c.logOutcome(c.apply(with{}))
	})
}

// TestHistoryInvalidInvitationID: one expired invitation has an id that is not valid in a path. Other people must
// still be mailed.
func TestHistoryInvalidInvitationID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "aaa@example.com", "bob@example.com", "cat@example.com")
		inv, err := c.AddInvitation(sandbox.Invitation{Email: "aaa@example.com", State: "expired",
			Created: c.Now().Add(-80 * time.Hour)})
		must(t, err)
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			rec.Body = bytes.NewBufferString(strings.ReplaceAll(rec.Body.String(), inv.ID, "inv:1=="))
			return rec
		})
		for range 3 {
			c.logOutcome(c.apply(with{}))
			must(t, c.Advance(24*time.Hour))
		}
		if all := c.mailCount(); all == 0 {
			t.Error("no mail was sent in three days")
		}
	})
}

// TestHistoryIntentOlderThanRequest: the intent is written long before the request is sent, because the API throttles
// it. Then the run is killed, and the list lags by 10 minutes. The next run must not send a second mail.
func TestHistoryIntentOlderThanRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 10 * time.Minute,
			Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, "bob@example.com")
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultThrottle, RetryAfter: "60", Times: 4})
		k := c.killAfterWrite(5)
		start := c.Now()
		ctx, cancel := context.WithCancel(t.Context())
		c.logOutcome(c.apply(with{concurrency: 1, ctx: ctx}))
		cancel()
		k.restore()
		t.Log("mail at", c.Mails()["bob@example.com"][0].At.Sub(start), "killed at", c.Now().Sub(start))
		must(t, c.Advance(start.Add(15*time.Minute+5*time.Second).Sub(c.Now())))
		t.Log("second run at", c.Now().Sub(start))
		c.logOutcome(c.apply(with{}))
		c.checkInvariants()
	})
}

// TestHistoryJustAccepted: orgsync removed bob. He is listed again, is invited and accepts. The list of users is read
// before he accepts, the list of invitations after it. He must not be invited again.
func TestHistoryJustAccepted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.apply(with{})
		must(t, c.Accept("bob@example.com"))
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		c.setRoster("zoe@example.com")
		c.apply(with{})
		must(t, c.Advance(80*time.Hour))
		c.setRoster("bob@example.com", "zoe@example.com")
		c.logOutcome(c.apply(with{}))
		must(t, c.Advance(time.Hour))
		// Bob accepts between the reading of the users and that of the invitations.
		accepted := c.runBetween("/v2/users", "/v2/invitation", func() error { return c.Accept("bob@example.com") })
		c.logOutcome(c.apply(with{}))
		if !accepted.Load() {
			t.Fatal("bob did not accept between the two readings")
		}
		var posts int
		for _, r := range c.Requests() {
			if r.Method == "POST" && r.Path == "/v2/invitation" {
				posts++
			}
		}
		if posts != 3 {
			t.Errorf("%d requests to invite people, want 3: bob, zoe, bob again", posts)
		}
	})
}

// TestHistoryGroupDeleted: a group is deleted during the run, before the grant, or after the grant and before its
// answer. The grant must not be reported as done.
func TestHistoryGroupDeleted(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
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
			c.logOutcome(o)
			if o.Count(apply.Done) > 0 {
				t.Error("reported as done, and the group does not exist")
			}
		})
	}
}

// TestHistoryLastDayEndsDuringRun: the last day of a person ends between the lost mail and the reading that settles
// it. The mail must not be reported as done.
func TestHistoryLastDayEndsDuringRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		day := c.Now().Truncate(24 * time.Hour)
		c.roster.People[0].Until = roster.DayOf(day)
		must(t, c.Advance(day.Add(24*time.Hour-2*time.Second).Sub(c.Now())))
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultStatus, Status: 500,
			Delay: 5 * time.Second, Times: 1})
		o := c.apply(with{})
		c.logOutcome(o)
		if all := c.mailCount(); all != o.Count(apply.Done) {
			t.Errorf("%d people were mailed, %d changes are reported as done", all, o.Count(apply.Done))
		}
	})
}

// TestHistoryWrongDateOfGateway: one answer of a broken gateway has a wrong Date header. Nobody must get a second
// mail.
func TestHistoryWrongDateOfGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
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
		c.logOutcome(c.apply(with{}))
		if n := asked.Load(); n < 4 {
			t.Errorf("the account was requested %d times, so no answer had the wrong date", n)
		}
		c.checkInvariants()
	})
}

// TestHistoryFormerAddressAsAlias: after an invitation expires, the entry gets a new address, and the old one becomes
// its alias. The new address must be mailed.
func TestHistoryFormerAddressAsAlias(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "a-old@example.com", "b-old@example.com", "c-old@example.com")
		c.apply(with{})
		must(t, c.Advance(80*time.Hour))
		c.setRoster("a-new@example.com", "b-new@example.com", "c-new@example.com", "zoe@example.com")
		for i, old := range []string{"a-old@example.com", "b-old@example.com", "c-old@example.com"} {
			c.roster.People[i].Aliases = []org.Address{org.MustParseAddress(old)}
		}
		for i := range 4 {
			t.Log("run", i)
			c.logOutcome(c.apply(with{}))
			must(t, c.Advance(time.Hour))
		}
		if len(c.Mails()["a-new@example.com"]) == 0 {
			t.Error("the address of the roster is never mailed; the renewed invitation went to the old one")
		}
		c.checkInvariants()
	})
}

// TestHistoryRoundsForgotten: a person has an older mail that counts as sent, and a later lost mail that was
// certainly not sent. The older mail must still count for reinvite_rounds.
func TestHistoryRoundsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Lapsed: sandbox.LapsedVanish}}, "bob@example.com")
		c.roster.Settings.ReinviteRounds = 2
		k := c.killAfterWrite(1)
		c.apply(with{concurrency: 1})
		k.restore()
		t.Log("mails", c.Mails()["bob@example.com"])
		c.ClearFaults()
		must(t, c.Advance(80*time.Hour))
		// never reaches the server
		c.AddFault(sandbox.Fault{Method: "POST", Kind: sandbox.FaultDrop})
		c.logOutcome(c.apply(with{}))
		c.ClearFaults()
		for range 8 {
			must(t, c.Advance(20*time.Minute))
			c.logOutcome(c.apply(with{}))
			must(t, c.Advance(20*time.Minute))
			c.logOutcome(c.apply(with{}))
			must(t, c.Advance(73*time.Hour))
		}
		if most := c.maxMailsPerPerson(); most != 2 {
			t.Errorf("%d mails, want the 2 that the roster allows", most)
		}
	})
}

// TestHistoryKilledSuspension: a run is killed after a suspension and before its outcome is recorded. bob is listed
// again, and orgsync must end the suspension.
func TestHistoryKilledSuspension(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com")
		c.addMembers("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		k := c.killAfterWrite(1)
		c.logOutcome(c.apply(with{}))
		k.restore()
		must(t, c.Advance(time.Hour))
		c.logOutcome(c.apply(with{}))
		c.setRoster("bob@example.com", "zoe@example.com")
		o := c.apply(with{})
		c.logOutcome(o)
		c.expectNobodySuspended(o)
	})
}

// TestHistoryAdministratorSuspendsLater: orgsync suspends bob, and an administrator ends this. Months later an
// administrator suspends him. orgsync must not end this suspension.
func TestHistoryAdministratorSuspendsLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com")
		c.addMembers("bob@example.com", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.logOutcome(c.apply(with{})) // bob suspended by orgsync
		must(t, c.Unsuspend("bob@example.com"))
		c.setRoster("bob@example.com", "zoe@example.com")
		for range 3 { // months as an ordinary member
			must(t, c.Advance(30*24*time.Hour))
			c.apply(with{})
		}
		must(t, c.Suspend("bob@example.com")) // on purpose
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.logOutcome(o)
		for _, ch := range o.Changes {
			if ch.Action == plan.Unsuspend {
				t.Error("orgsync ended a suspension that was not its own")
			}
		}
	})
}

// TestHistoryAcceptedInvitationIsDropped: a member registered with another address, and the list drops the accepted
// invitation later. The member must not be removed.
func TestHistoryAcceptedInvitationIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.apply(with{})
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		must(t, c.Advance(time.Hour))
		c.logOutcome(c.apply(with{}))
		// The API forgets accepted invitations after a while.
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			if r.Method == "GET" && r.URL.Path == "/v2/invitation" {
				rec.Body = bytes.NewBufferString(`{"invitations":[],"meta":{"total":0,"links":{"next":"","prev":""}}}`)
			}
			return rec
		})
		must(t, c.Advance(90*24*time.Hour))
		o := c.apply(with{})
		c.logOutcome(o)
		for _, ch := range o.Changes {
			if ch.Action == plan.Remove {
				t.Errorf("%s was removed: this user is bob", ch.Email)
			}
		}
	})
}

// TestHistoryRemovedRightAfterJoining: a member registered with another address, and the list drops accepted
// invitations at once. The member must not be removed.
func TestHistoryRemovedRightAfterJoining(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, "bob@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.apply(with{})
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		must(t, c.Advance(time.Hour))
		o := c.apply(with{})
		c.logOutcome(o)
		for _, ch := range o.Changes {
			if ch.Action == plan.Remove {
				t.Errorf("%s was removed: this user is bob", ch.Email)
			}
		}
	})
}

// TestHistoryMailFromTheFuture: the ledger has a mail with a time far in the future, because a clock was wrong. The
// mail counts as sent now. The person must not wait longer than for other mails.
func TestHistoryMailFromTheFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Lapsed: sandbox.LapsedVanish}}, "bob@example.com")
		c.apply(with{})
		content, err := c.store.Read(t.Context())
		must(t, err)
		year := c.Now().Format(`"2006-`) // with its quote: an id may hold the same digits
		must(t, c.store.Replace([]byte(strings.ReplaceAll(string(content), year, `"2099-`))))
		must(t, c.Advance(30*24*time.Hour))
		o := c.apply(with{})
		c.logOutcome(o)
		if all := c.mailCount(); all != 1 {
			t.Errorf("%d mails, want one: a time in the future counts as now, and that mail is still valid", all)
		}
		must(t, c.Advance(73*time.Hour))
		c.logOutcome(c.apply(with{}))
		if all := c.mailCount(); all != 2 {
			t.Errorf("%d mails, want two: bob must not wait until 2099", all)
		}
	})
}

// maxMailsPerPerson returns the highest number of mails that one person got.
func (c *company) maxMailsPerPerson() int {
	most := 0
	for _, mails := range c.Mails() {
		most = max(most, len(mails))
	}
	return most
}

// TestHistoryUnsuspendAlias: orgsync suspends a user under an alias, and ends this under the primary address. Later
// an administrator suspends the user. orgsync must not end this suspension, whether a run saw bob in between or not.
func TestHistoryUnsuspendAlias(t *testing.T) {
	t.Parallel()
	for _, seen := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{}, "zoe@example.com")
			c.addMembers("bob@home.example", "zoe@example.com")
			c.roster.Settings.Unlisted = roster.UnlistedSuspend
			c.logOutcome(c.apply(with{})) // suspended
			must(t, c.Advance(time.Hour))
			c.setRoster("bob@example.com", "zoe@example.com")
			c.roster.People[0].Aliases = []org.Address{org.MustParseAddress("bob@home.example")}
			c.logOutcome(c.apply(with{})) // unsuspended by orgsync
			must(t, c.Advance(time.Hour))
			if seen {
				c.apply(with{})
			}
			must(t, c.Suspend("bob@home.example"))
			must(t, c.Advance(time.Hour))
			o := c.apply(with{})
			c.logOutcome(o)
			c.expectNoChanges(o, "an administrator's suspension was undone")
		})
	}
}

// TestHistoryLeftAfterRemoval: orgsync removes a user under their registered address. They are listed again, accept,
// and later leave on their own. They must not be invited again without --invite-left.
func TestHistoryLeftAfterRemoval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "zoe@example.com")
		c.addMembers("bob@home.example", "zoe@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.logOutcome(c.apply(with{}))
		c.setRoster("bob@example.com", "zoe@example.com")
		c.roster.People[0].Aliases = []org.Address{org.MustParseAddress("bob@home.example")}
		c.logOutcome(c.apply(with{})) // invited
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
		c.logOutcome(o)
		for _, ch := range o.Changes {
			t.Errorf("%s %s %s: bob left on his own, and is invited again without --invite-left", ch.Action, ch.Reason,
				ch.Email)
		}
	})
}

// TestHistoryJSONYear10000: a date in the year 9999 must not make the JSON report fail.
func TestHistoryJSONYear10000(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Expiration: sandbox.ExpirationNull}}, "bob@example.com")
		_, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com"})
		must(t, err)
		re := regexp.MustCompile(`"date_created":"[^"]*"`)
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			rec.Body = bytes.NewBufferString(re.ReplaceAllString(rec.Body.String(), `"date_created":"9999-12-31T00:00:00Z"`))
			return rec
		})
		o := c.apply(with{})
		c.logOutcome(o)
		var b bytes.Buffer
		if err := report.PlanJSON(&b, report.Run{Command: "plan"}, o.plan); err != nil {
			t.Errorf("plan -o json: %v; printed %q", err, b.String())
		}
	})
}

// TestHistoryInviteLeftRounds: every run has --invite-left, and the API has no dates. Mails to a person who left must
// still count for reinvite_rounds.
func TestHistoryInviteLeftRounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
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
		if all := c.mailCount(); all != 3 {
			t.Errorf("%d mails after leaving, want the 2 that the roster allows", all-1)
		}
	})
}

// TestHistorySelfNotAmongUsers: the list of users does not have the address of the key's own user. The plan must have
// no change.
func TestHistorySelfNotAmongUsers(t *testing.T) {
	t.Parallel()
	in := plan.Input{
		Roster: &roster.Roster{Organization: "o1", People: []roster.Person{{Email: org.MustParseAddress("ada@example.com")}},
			Settings: roster.Settings{Unlisted: roster.UnlistedRemove, MaxRemovals: 5, MaxInvites: 5}},
		Snapshot: org.Snapshot{
			Organization: org.Organization{ID: "o1"}, Now: time.Now(), UsersVisible: true, SuspendedVisible: true,
			Self: org.MustParseAddress("o.wner@gmail.example"), // GET /v2/account writes it in another way than GET /v2/users
			Users: []org.User{{ID: "u1", Email: org.MustParseAddress("owner@gmail.example"), Admin: true},
				{ID: "u2", Email: org.MustParseAddress("ada@example.com"), Admin: true}},
		},
	}
	for _, ch := range plan.Compute(in).Changes {
		t.Errorf("%s %s", ch.Action, ch.Email)
	}
}

// TestHistoryUppercasePin: the roster names the organization by its id in capitals. Two people must be mailed, and
// later readings must work.
func TestHistoryUppercasePin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
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
		decide := func(s org.Snapshot, m org.Memory) plan.Plan {
			return plan.Compute(plan.Input{Roster: &c.roster, Snapshot: s, Memory: m})
		}
		r := apply.Run(t.Context(), decide(s, book.Memory()), apply.Options{API: cl, Ledger: book, Concurrency: 2,
			Replan: decide})
		c.logOutcome(outcome{Result: r})
		_, err = cl.ReadOrganization(t.Context(), up, nil)
		if err != nil || len(c.Mails()) != 2 {
			t.Errorf("then: %v; %d people were mailed", err, len(c.Mails()))
		}
	})
}

// actLate makes the server act on the nth mail only after the client has given up waiting for the answer.
func (c *company) actLate(nth int, after time.Duration) {
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
			cancel() // the client does not wait for the answer
			again := r.Clone(ctx)
			again.Body = io.NopCloser(bytes.NewReader(body))
			defer func() { _ = recover() }() // of a fault that drops the connection
			inner.ServeHTTP(httptest.NewRecorder(), again)
		}()
		panic(http.ErrAbortHandler)
	})
}

// TestHistoryOneWrongClock: one of the machines behind the API has a wrong clock. Each case is another list that this
// machine answers. Everybody must get one mail.
func TestHistoryOneWrongClock(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v2/account", "/v2/users", "/v2/invitation", "/v2/organizations"} {
		for _, off := range []time.Duration{100 * 24 * time.Hour, -100 * 24 * time.Hour} {
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute}, manyPeople(3)...)
				c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
					if r.URL.Path == path && r.Method == http.MethodGet {
						time.Sleep(time.Second) // so this answer is the last one
						rec.Header().Set("Date", c.Now().Add(off).Format(http.TimeFormat))
					}
					return rec
				})
				for range 3 {
					c.apply(with{})
					must(t, c.Advance(time.Hour))
				}
				c.checkInvariants()
				if all := c.mailCount(); all != 3 {
					t.Errorf("%s is off by %v: %d mails to 3 people", path, off, all)
				}
			})
		}
	}
}

// TestHistorySlowClockOfFirstAnswer: the machine that gives the first answers of a run has a slow clock. The run begins
// a minute after the mails, and the list does not show them yet. The mails must not count as old.
func TestHistorySlowClockOfFirstAnswer(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{2 * time.Hour, 100 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{
				ListLag: 5 * time.Minute, Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond},
			}, manyPeople(3)...)
			c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultStatus, ActAfter: time.Second,
				From: 3, Times: 1})
			c.apply(with{concurrency: 1, settleWait: leaveToLaterRun})
			time.Sleep(time.Minute)
			c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
				if r.URL.Path == "/v2/organizations" {
					rec.Header().Set("Date", c.Now().Add(-off).Format(http.TimeFormat))
				}
				return rec
			})
			for range 3 {
				c.logOutcome(c.apply(with{settleWait: leaveToLaterRun}))
				time.Sleep(10 * time.Minute)
			}
			c.expectOneMailEach()
		})
	}
}

// TestHistoryServerActsAfterTimeOut: the client gives up after 30 s, and the server acts on the mail 10 s later. In
// between other people are mailed, and the list shows these mails. Everybody must get one mail.
func TestHistoryServerActsAfterTimeOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, manyPeople(5)...)
		c.actLate(1, 10*time.Second)
		c.logOutcome(c.apply(with{}))
		time.Sleep(time.Minute)
		c.logOutcome(c.apply(with{}))
		c.checkInvariants()
		must(t, c.Advance(15*time.Minute))
		c.logOutcome(c.apply(with{}))
		c.expectOneMailEach()
	})
}

// TestHistoryServerActsAfterKill: the run is killed while it waits for an answer, and the next run begins at once.
// The server acts on the mail later. Everybody must get one mail.
func TestHistoryServerActsAfterKill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, manyPeople(5)...)
		c.actLate(1, 10*time.Second)
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
		c.logOutcome(c.apply(with{}))
		c.wire.After, c.store.OnAppend = nil, nil
		c.store.Unlock()
		c.logOutcome(c.apply(with{}))
		time.Sleep(time.Minute)
		c.logOutcome(c.apply(with{}))
		c.checkInvariants()
		must(t, c.Advance(20*time.Minute))
		c.logOutcome(c.apply(with{}))
		c.expectOneMailEach()
	})
}

// TestHistoryUnsettledReportedAsDone: the answer to a mail is lost, and the mail is unsettled. In the meantime an
// administrator cancelled the expired invitation, so the next plan has no change. The mail must not be reported as
// done.
func TestHistoryUnsettledReportedAsDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute, Dialect: sandbox.Dialect{Lapsed: sandbox.LapsedMarked,
			ResendLapsed: sandbox.ResendLapsed400}}, "bob@example.com")
		inv, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com", State: "expired",
			Created: c.Now().Add(-80 * time.Hour)})
		must(t, err)
		must(t, c.Advance(time.Hour))
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultDrop, Times: 1})
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
		c.logOutcome(o)
		if all := c.mailCount(); all != o.Count(apply.Done) {
			t.Errorf("%d people were mailed, %d changes are reported as done (%s)", all, o.Count(apply.Done), inv.ID)
		}
	})
}

// TestHistoryThreeLostMailsStopNobody: requests for the first three people never get an answer. The other two people
// must be mailed by later runs.
func TestHistoryThreeLostMailsStopNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "a1@example.com", "a2@example.com", "a3@example.com", "bob@example.com",
			"cat@example.com")
		c.wire.Before = func(r *http.Request) error {
			if r.Method == http.MethodPost && r.URL.Path == invitePath {
				var b bytes.Buffer
				_, _ = b.ReadFrom(r.Body)
				if strings.Contains(b.String(), "a1@") || strings.Contains(b.String(), "a2@") ||
					strings.Contains(b.String(), "a3@") {
					return errKilled
				}
			}
			return nil
		}
		for range 4 {
			c.logOutcome(c.apply(with{}))
			must(t, c.Advance(time.Hour))
		}
		if c.mailCount() != 2 {
			t.Errorf("%d mails in four hours, want two", c.mailCount())
		}
		c.checkInvariants()
	})
}

// TestHistoryRewrittenAddressAndLostAnswer: the server rewrites an address, and the answer with the id of the
// invitation is lost. The person must not get a second mail.
func TestHistoryRewrittenAddressAndLostAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
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
			c.logOutcome(c.apply(with{}))
			c.wire.After = nil
			must(t, c.Advance(20*time.Minute))
		}
		c.checkInvariants()
	})
}

// TestHistoryUsersHiddenMidway: a person who left is invited with --invite-left, and the answer is lost. From the
// next reading on, the key may not list users. The mail must not be reported as done.
func TestHistoryUsersHiddenMidway(t *testing.T) {
	t.Parallel()
	for _, acted := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute,
				Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, "bob@example.com")
			now := c.Now()
			_, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com", State: "accepted",
				Created: now.Add(-100 * time.Hour), Responded: now.Add(-90 * time.Hour)})
			must(t, err)
			c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultDrop, ActFirst: acted, Times: 1})
			c.AddFault(sandbox.Fault{Method: "GET", Path: "/v2/users", Kind: sandbox.FaultForbid, From: 2})
			o := c.apply(with{inviteLeft: true})
			c.logOutcome(o)
			if o.Count(apply.Done) > 0 {
				t.Error("reported as done, and no reading shows it")
			}
			c.ClearFaults()
			must(t, c.Advance(time.Minute))
			c.logOutcome(c.apply(with{inviteLeft: true}))
			c.checkInvariants()
		})
	}
}

// TestHistoryRefusedReportedAsDone: the server refuses to renew an invitation and to invite the person. In the
// meantime an administrator cancels the expired invitation. The mail must be reported as failed.
func TestHistoryRefusedReportedAsDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
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
		c.logOutcome(o)
		if o.counts() != "0/1/0/0" {
			t.Errorf("%s, and nobody was mailed", o.counts())
		}
	})
}

// TestHistoryStoppedBetweenFormsOfRequest: the run is stopped after the server refused the first form of an
// invitation request. The run must not try the second form.
func TestHistoryStoppedBetweenFormsOfRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultStatus, Status: 400})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		c.wire.After = func(r *http.Request) error {
			if r.Method == http.MethodPost {
				stop()
			}
			return nil
		}
		o := c.apply(with{ctx: ctx})
		c.logOutcome(o)
		if o.counts() != "0/1/0/0" || o.Changes[0].Requests != 1 {
			t.Errorf("%s, and one request was sent and refused", o.counts())
		}
	})
}

// TestStoppedDuringSecondForm: the server refuses the first form of an invitation request. The run is stopped during
// the second form, which the server accepts. The mail was sent, so it is done.
func TestStoppedDuringSecondForm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dialect := sandbox.Dialect{Asking: sandbox.AskingBool}
		c := newCompany(t, sandbox.Options{Dialect: dialect}, "bob@example.com")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		posts := 0
		c.wire.Before = func(r *http.Request) error {
			if r.Method == http.MethodPost {
				if posts++; posts == 2 {
					stop()
				}
			}
			return nil
		}
		o := c.apply(with{ctx: ctx})
		if o.counts() != "1/0/0/0" || o.Changes[0].Requests != 2 || o.Changes[0].InvitationID == "" {
			c.logOutcome(o)
			t.Errorf("%s (done/failed/unknown/skipped)", o.counts())
		}
	})
}

// TestThrottledInSecondForm: the server refuses the first form of an invitation request and throttles the second one.
// The run ends, as it does if the server throttles the first form.
func TestThrottledInSecondForm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(5)...)
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultStatus, Status: 400, Times: 1})
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultThrottle, From: 2})
		o := c.apply(with{})
		if o.counts() != "0/1/0/4" || o.Stopped == nil {
			c.logOutcome(o)
			t.Errorf("%s (done/failed/unknown/skipped), stopped by %v", o.counts(), o.Stopped)
		}
	})
}

// TestHistoryThreeLostNotInARow: the first three lost mails are not in a row, because the server refuses a mail
// between them. The run must not stop.
func TestHistoryThreeLostNotInARow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(6)...)
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultStatus, Status: 409, From: 3, Times: 1})
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultDrop, From: 1, Times: 3})
		o := c.apply(with{})
		c.logOutcome(o)
		if o.Stopped != nil || o.counts() != "5/1/0/0" {
			t.Errorf("%s, stopped by %v", o.counts(), o.Stopped)
		}
		c.checkInvariants()
	})
}

// TestThreeLostBesideASkippedMail: the answers to three canaries in a row are lost. Somebody else invites a person
// between the first two, so the mail to this person is not sent. It is not a canary, and the run stops.
func TestThreeLostBesideASkippedMail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, manyPeople(8)...)
		mails := 0
		c.wire.Before = func(r *http.Request) error {
			if r.Method != http.MethodPost {
				return nil
			}
			if mails++; mails == 1 {
				_, err := c.AddInvitation(sandbox.Invitation{Email: "p001@example.com"})
				must(t, err)
			}
			return errKilled
		}
		if o := c.run(with{concurrency: 1}); o.Stopped == nil || mails != 3 || o.counts() != "1/0/3/4" {
			t.Errorf("%d requests for mails, %s, stopped by %v", mails, o.counts(), o.Stopped)
		}
	})
}

// TestHistoryDeclinedBeforeTheMail: bob declined an invitation of an administrator. A few minutes later --reinvite
// names him, the answer is lost, and the list lags. He must not get a second mail.
func TestHistoryDeclinedBeforeTheMail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute,
			Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}}, "bob@example.com")
		_, err := c.AddInvitation(sandbox.Invitation{Email: "bob@example.com"})
		must(t, err)
		must(t, c.Decline("bob@example.com"))
		must(t, c.Advance(14*time.Minute))
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultDrop, ActFirst: true, Times: 1})
		o := c.apply(with{reinvite: []string{"bob@example.com"}})
		c.logOutcome(o)
		must(t, c.Advance(20*time.Minute))
		c.logOutcome(c.apply(with{}))
		if n := c.mailCount(); n != 1 {
			t.Errorf("%d mails", n)
		}
	})
}

// TestHistoryWrongClockOfWrites: the clock of the machine that answers all writes is months ahead. People must still
// get their second mail after three days.
func TestHistoryWrongClockOfWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Expiration: sandbox.ExpirationNull,
			Lapsed: sandbox.LapsedVanish}}, manyPeople(20)...)
		c.oddClock(writes)
		c.apply(with{concurrency: 1})
		must(t, c.Advance(time.Hour))
		c.apply(with{})
		must(t, c.Advance(80*time.Hour))
		if o := c.apply(with{}); o.counts() != "20/0/0/0" || c.mailCount() != 40 {
			t.Errorf("%s, and %d mails, want two for each of 20 people", o.counts(), c.mailCount())
		}
		c.checkInvariants()
	})
}

// TestHistoryThreeServerErrorsStopNobody: the server fails for three people. A run finds out that they were not
// mailed only after it sent its last mail. New people must be mailed by the first run that has them.
func TestHistoryThreeServerErrorsStopNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
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
			c.setRoster(people[:5+i]...)
			o := c.apply(with{})
			if len(c.Mails()[next]) != 1 {
				c.logOutcome(o)
				t.Errorf("%s is not mailed by the first run that has them", next)
			}
			must(t, c.Advance(time.Hour))
		}
	})
}

// TestHistoryNeverCertain: the answer to a renewal is lost, and the list has no expiration. The run takes so long
// that no later reading can settle the mail. It must be reported as unknown.
func TestHistoryNeverCertain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Expiration: sandbox.ExpirationNull,
			Lapsed: sandbox.LapsedMarked}}, manyPeople(45)...)
		c.apply(with{})
		must(t, c.Advance(80*time.Hour))
		c.AddFault(sandbox.Fault{Method: "POST", Path: "/v2/invitation/*", Kind: sandbox.FaultDrop, From: 2, Times: 1})
		c.AddFault(sandbox.Fault{Method: "POST", Path: "/v2/invitation/*", Kind: sandbox.FaultSlow, Delay: 25 * time.Second,
			From: 3})
		o := c.apply(with{concurrency: 1})
		if o.counts() != "44/0/1/0" || len(c.Mails()["p001@example.com"]) != 1 {
			c.logOutcome(o)
			t.Errorf("%s: want the mail to the second person unknown", o.counts())
		}
	})
}

// TestHistoryRenewedInsteadOfNew: the list lags and has no dates, and the answer to one mail is lost. For the next
// mail the server renews an old invitation, which the list already has. This is no witness, so nobody must get a
// second mail.
func TestHistoryRenewedInsteadOfNew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{ListLag: 5 * time.Minute, Dialect: sandbox.Dialect{
			Dates: sandbox.DatesEmpty, Lapsed: sandbox.LapsedMarked, ResendLapsed: sandbox.ResendLapsed404,
			InviteLapsed: sandbox.InviteLapsedSame, Duplicate: sandbox.DuplicateSecond,
		}}, "ada@example.com", "cy@example.com")
		c.apply(with{})
		must(t, c.Advance(80*time.Hour))
		c.setRoster("ada@example.com", "bob@example.com", "cy@example.com")
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultDrop, ActFirst: true, From: 2,
			Times: 1})
		o := c.apply(with{concurrency: 1})
		if c.logOutcome(o); len(c.Mails()["bob@example.com"]) != 1 || len(c.Mails()["cy@example.com"]) != 2 {
			t.Errorf("mails: %v", c.Mails())
		}
	})
}

// TestHistoryHeldReportedAsDone: a second mail is refused, or its answer is lost and the server never acts. In the
// meantime a user joins who may be the same person, so the next plan holds the mail. It must not be reported as done.
func TestHistoryHeldReportedAsDone(t *testing.T) {
	t.Parallel()
	for want, fault := range map[string]sandbox.FaultKind{"unknown": sandbox.FaultDrop, "failed": sandbox.FaultStatus} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Lapsed: sandbox.LapsedVanish}}, "bob@example.com")
			c.apply(with{})
			must(t, c.Advance(80*time.Hour))
			c.setRoster("bob@example.com", "zoe@example.com")
			c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: fault, Status: http.StatusConflict, Times: 1})
			join := sync.OnceFunc(func() { c.addMembers("bobby@home.example") })
			c.wire.Before = func(r *http.Request) error {
				if r.Method == http.MethodPost {
					join()
				}
				return nil
			}
			o := c.apply(with{})
			c.logOutcome(o)
			for _, change := range o.Changes {
				if change.Email.String() == "bob@example.com" && string(change.Outcome) != want {
					t.Errorf("bob is held, and his mail is reported as %s, want %s", change.Outcome, want)
				}
			}
			if n := len(c.Mails()["bob@example.com"]); n != 1 {
				t.Errorf("bob has %d mails", n)
			}
		})
	}
}

// TestHistoryMemberUnderUnknownAddressListedAgain: bob accepts with an unknown address, and the list drops the
// invitation. By mistake he is not listed for one run. When he is listed again he may still be a member, and must not
// be mailed.
func TestHistoryMemberUnderUnknownAddressListedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, "bob@example.com",
			"zoe@example.com")
		c.apply(with{})
		must(t, c.Advance(time.Hour))
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		c.setRoster("zoe@example.com")
		c.apply(with{})
		must(t, c.Advance(80*time.Hour))
		c.setRoster("bob@example.com", "zoe@example.com")
		o := c.apply(with{})
		c.logOutcome(o)
		if n := len(c.Mails()["bob@example.com"]); n != 1 || len(o.notices(plan.PossibleAlias)) != 1 {
			t.Errorf("bob is a member as bob@home.example, and has %d mails", n)
		}
	})
}

// TestHistoryLostMailInTheFuture: the answer to one mail is lost, and the server acts half a minute later. The list
// lags, and the times in the ledger are in the future, so all mails count as sent now. A mail that was sent a moment
// after the lost one must still be no witness.
func TestHistoryLostMailInTheFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{
			ListLag: 5 * time.Minute, Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond},
		}, manyPeople(4)...)
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultStatus, ActAfter: 30 * time.Second,
			From: 2, Times: 1})
		c.logOutcome(c.apply(with{concurrency: 1, settleWait: leaveToLaterRun}))
		content, err := c.store.Read(t.Context())
		must(t, err)
		must(t, c.store.Replace(shiftTimes(t, content, 1000*time.Hour)))
		time.Sleep(time.Minute)
		c.setRoster(manyPeople(5)...)
		c.logOutcome(c.apply(with{}))
		time.Sleep(20 * time.Minute)
		c.logOutcome(c.apply(with{}))
		c.expectOneMailEach()
	})
}

// TestWaitBesideAMailInTheFuture: an earlier run had a clock that was 30 minutes fast, and lost the answer to the mail
// to ada. This run also loses the answer to a mail. It does not wait for the time of that clock: after two minutes, the
// last mail is the witness.
func TestWaitBesideAMailInTheFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, ada)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, Times: 1})
		c.apply(with{settleWait: leaveToLaterRun})
		content, err := c.store.Read(t.Context())
		must(t, err)
		must(t, c.store.Replace(shiftTimes(t, content, 30*time.Minute)))
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, From: 2, Times: 1})
		c.setRoster(append(manyPeople(3), ada)...)
		o := c.run(with{concurrency: 1})
		c.expect(o, 3, ada, "unsettled")
		if o.counts() != "3/0/0/0" {
			t.Errorf("%s (done/failed/unknown/skipped)", o.counts())
		}
	})
}

// ledgerTime matches the time of a ledger line.
var ledgerTime = regexp.MustCompile(`"time":"[^"]*"`)

// shiftTimes returns the ledger with all times later by this time.
func shiftTimes(t *testing.T, content []byte, by time.Duration) []byte {
	t.Helper()
	return ledgerTime.ReplaceAllFunc(content, func(field []byte) []byte {
		at, err := time.Parse(`"time":"`+time.RFC3339Nano+`"`, string(field))
		must(t, err)
		return []byte(at.Add(by).Format(`"time":"` + time.RFC3339Nano + `"`))
	})
}

// TestHistoryAliasAfterReinvite: --reinvite names bob while his invitation is pending, so nothing is sent. Then he
// accepts with an unknown address, and the list drops the invitation. He must not be mailed.
func TestHistoryAliasAfterReinvite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, "bob@example.com")
		c.apply(with{})
		must(t, c.Advance(time.Hour))
		c.apply(with{reinvite: []string{"bob@example.com"}})
		must(t, c.AcceptAs("bob@example.com", "bob@home.example"))
		must(t, c.Advance(80*time.Hour))
		o := c.apply(with{})
		c.logOutcome(o)
		if n := len(c.Mails()["bob@example.com"]); n != 1 || len(o.notices(plan.PossibleAlias)) != 1 {
			t.Errorf("bob is a member as bob@home.example, and has %d mails", n)
		}
	})
}

// TestHistoryAliasFirstSeenByReinvite: a user appears, and the run that first sees the user has --reinvite for bob.
// When bob's invitation has expired, the next mail must wait, whatever address the user has.
func TestHistoryAliasFirstSeenByReinvite(t *testing.T) {
	t.Parallel()
	for _, newUser := range []string{"ann@example.com", "zed@example.com"} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Lapsed: sandbox.LapsedVanish,
				Accepted: sandbox.AcceptedVanish}}, "bob@example.com")
			c.apply(with{})
			must(t, c.Advance(80*time.Hour))
			c.addMembers(newUser)
			c.apply(with{reinvite: []string{"bob@example.com"}})
			must(t, c.Advance(80*time.Hour))
			o := c.apply(with{})
			c.logOutcome(o)
			if n := len(c.Mails()["bob@example.com"]); n != 2 || len(o.notices(plan.PossibleAlias)) != 1 {
				t.Errorf("bob may be %s, and has %d mails", newUser, n)
			}
		})
	}
}

// TestHistoryAliasOfThePast: bob does not answer the mail to his old address, or orgsync removes the user of this
// address. He joins with his new address, and leaves. Then the roster gets the old address as an alias. He must not be
// invited again.
func TestHistoryAliasOfThePast(t *testing.T) {
	t.Parallel()
	for _, removed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Lapsed: sandbox.LapsedVanish,
				Accepted: sandbox.AcceptedVanish}}, "bob@old.example", "zoe@example.com")
			c.addMembers("zoe@example.com")
			c.roster.Settings.Unlisted = roster.UnlistedRemove
			c.apply(with{})
			if removed {
				must(t, c.Accept("bob@old.example"))
				must(t, c.Advance(time.Hour))
				c.apply(with{})
			}
			must(t, c.Advance(80*time.Hour))
			c.setRoster("bob@example.com", "zoe@example.com")
			c.logOutcome(c.apply(with{}))
			must(t, c.Advance(time.Hour))
			must(t, c.Accept("bob@example.com"))
			must(t, c.Advance(time.Hour))
			c.logOutcome(c.apply(with{}))
			must(t, c.Leave("bob@example.com"))
			c.roster.People[0].Aliases = []org.Address{org.MustParseAddress("bob@old.example")}
			must(t, c.Advance(time.Hour))
			o := c.apply(with{})
			c.logOutcome(o)
			if len(o.notices(plan.Left)) != 1 || len(o.Changes) > 0 {
				t.Errorf("removed: %v: bob left, and is invited again", removed)
			}
		})
	}
}

// TestHistoryAcceptedAtUnknownTime: bob accepts, the list of users does not show him yet, and the list of invitations
// does not say when he accepted. orgsync must not ask for another mail, even with --invite-left. When bob has left, it
// must.
func TestHistoryAcceptedAtUnknownTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "bob@example.com")
		responded := regexp.MustCompile(`"date_responded":"[^"]*"`)
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			switch body := rec.Body.Bytes(); r.URL.Path {
			case invitePath:
				rec.Body = bytes.NewBuffer(responded.ReplaceAll(body, []byte(`"date_responded":""`)))
			case "/v2/users":
				rec.Body = bytes.NewBuffer(bytes.ReplaceAll(body, []byte("bob@example.com"), []byte("eve@example.com")))
			}
			return rec
		})
		c.apply(with{})
		must(t, c.Accept("bob@example.com"))
		must(t, c.Advance(time.Minute))
		if o := c.apply(with{inviteLeft: true}); len(o.Changes) > 0 || len(o.notices(plan.Left)) != 1 {
			c.logOutcome(o)
			t.Error("bob is a member, and is invited again")
		}
		must(t, c.Leave("bob@example.com"))
		must(t, c.Advance(73*time.Hour))
		if o := c.apply(with{inviteLeft: true}); o.counts() != "1/0/0/0" {
			c.logOutcome(o)
			t.Error("bob left, and is not invited")
		}
	})
}

// TestHistoryInvitedUserIsNotActive: the list of users has each invited person as a user whose `status` is false. bob's
// invitation expires, so orgsync must invite him again.
func TestHistoryInvitedUserIsNotActive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{Dialect: sandbox.Dialect{InviteAccepted: sandbox.InviteAcceptedInvited}},
			"bob@example.com")
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			var list struct {
				Users []map[string]any `json:"users"`
				Meta  any              `json:"meta"`
			}
			if r.URL.Path != "/v2/users" || json.Unmarshal(rec.Body.Bytes(), &list) != nil {
				return rec
			}
			for _, u := range list.Users {
				u["status"] = u["invite_accepted"]
			}
			body, err := json.Marshal(list)
			must(t, err)
			rec.Body = bytes.NewBuffer(body)
			return rec
		})
		c.apply(with{})
		must(t, c.Advance(73*time.Hour))
		if o := c.apply(with{}); o.counts() != "1/0/0/0" {
			c.logOutcome(o)
			t.Error("bob's invitation expired, and he is not invited again")
		}
	})
}

// TestHistoryInvitedAgainIsNoMember: bob joins, leaves and is invited again. The list of users then has him as an
// invited person. His first invitation is accepted, but he is not a member before he accepts the second one.
func TestHistoryInvitedAgainIsNoMember(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const bob = "bob@example.com"
		c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
			InviteAccepted: sandbox.InviteAcceptedSingle, Lapsed: sandbox.LapsedMarked}}, bob)
		c.setFirstGroups("platform")
		c.expect(c.run(with{}), 0, bob, "invite done")
		must(t, c.Accept(bob))
		c.expect(c.run(with{}), 0, bob, "grant done")
		must(t, c.Leave(bob))
		must(t, c.Advance(19*time.Hour))
		c.expect(c.run(with{inviteLeft: true}), 0, bob, "invite done")
		must(t, c.Advance(19*time.Hour))
		c.expect(c.run(with{}), 0, bob, "waiting")
		must(t, c.Advance(73*time.Hour))
		c.expect(c.run(with{}), 0, bob, "reinvite done")
	})
}

// askedAlone returns how often runs asked about a single user.
func (c *company) askedAlone() int {
	return len(slices.DeleteFunc(c.Requests(), func(r sandbox.Request) bool {
		return r.Method != http.MethodGet || !strings.HasPrefix(r.Path, "/v2/users/")
	}))
}

// expectJoined fails the test unless the ledger has this number of lines that say that somebody joined.
func (c *company) expectJoined(want int) {
	c.t.Helper()
	content, err := c.store.Read(c.t.Context())
	must(c.t, err)
	got := 0
	for line := range strings.Lines(string(content)) {
		if strings.Contains(line, `"joined"`) {
			got++
		}
	}
	if got != want {
		c.t.Errorf("%s: the ledger says %d times that somebody joined, want %d", c.Now().Format("Jan 2 15:04"), got, want)
	}
}

// pendingOnly is an API whose list of invitations has only pending ones. Its list of users also has invited people, and
// only the answer about a single user says who has accepted.
var pendingOnly = sandbox.Dialect{
	InviteAccepted: sandbox.InviteAcceptedSingle, Lapsed: sandbox.LapsedVanish, Accepted: sandbox.AcceptedVanish,
	Declined: sandbox.DeclinedVanish,
}

// TestHistoryInvitedUserVanishes: bob's invitation expires and is no longer in the list, and the list of users still
// has him. He is not a member, and must be invited again.
func TestHistoryInvitedUserVanishes(t *testing.T) {
	t.Parallel()
	for what, happens := range map[string]func(c *company, who string) error{
		"expired":  func(*company, string) error { return nil },
		"declined": func(c *company, who string) error { return c.Decline(who) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const bob = "bob@example.com"
				c := newDefaultCompany(t, sandbox.Options{Dialect: pendingOnly}, bob)
				c.setFirstGroups("platform")
				c.expect(c.run(with{}), 0, bob, "invite done")
				must(t, happens(c, bob))
				for range 3 {
					must(t, c.Advance(19*time.Hour))
					c.expect(c.run(with{}), 0, bob, "waiting")
				}
				must(t, c.Advance(19*time.Hour))
				c.expect(c.run(with{}), 0, bob, "reinvite done")
				c.expectMails(bob, 2)
				c.expectJoined(0)
				must(t, c.Advance(time.Hour))
				must(t, c.Accept(bob))
				c.expect(c.run(with{}), 0, bob, "grant done")
				c.expectJoined(1)
			})
		})
	}
}

// TestHistoryInvitedUserIsGone: the list of users still has bob, whose invitation has just expired, and the API no
// longer has a user with this id. This does not show that bob has joined, so he must be invited again.
func TestHistoryInvitedUserIsGone(t *testing.T) {
	t.Parallel()
	for what, tt := range map[string]struct {
		after  time.Duration // from the mail to the run that finds nobody
		joined int
	}{
		"still valid": {time.Hour, 0}, "just expired": {72*time.Hour + 5*time.Minute, 0},
		"no such request": {72*time.Hour + 16*time.Minute, 1}, // a list does not lag for so long
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const bob = "bob@example.com"
				c := newDefaultCompany(t, sandbox.Options{Dialect: pendingOnly}, bob)
				c.expect(c.run(with{}), 0, bob, "invite done")
				must(t, c.Advance(tt.after))
				c.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: http.StatusNotFound, Method: http.MethodGet,
					Path: "/v2/users/*", Times: 1})
				c.expect(c.run(with{}), 0, bob, "nothing")
				c.expectJoined(tt.joined)
				if tt.joined > 0 {
					return
				}
				must(t, c.Advance(73*time.Hour))
				c.expect(c.run(with{}), 0, bob, "reinvite done")
			})
		})
	}
}

// TestHistoryAskedOnce: bob accepts, and the list no longer has his invitation. The run that records that he joined
// asks once about him. Later runs do not ask.
func TestHistoryAskedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const bob = "bob@example.com"
		c := newDefaultCompany(t, sandbox.Options{Dialect: pendingOnly}, bob)
		c.setFirstGroups("platform")
		c.addMembers(zoe)
		c.expect(c.run(with{}), 0, bob, "invite done")
		must(t, c.Accept(bob))
		c.expect(c.run(with{}), 0, bob, "grant done")
		c.applyTimes(3, time.Hour, with{}, func(_ int, o outcome) { c.expect(o, 0, bob, "nothing") })
		c.expectJoined(1)
		if n := c.askedAlone(); n != 1 {
			t.Errorf("runs asked %d times about a single user", n)
		}
	})
}

// TestHistoryInvitedUserIsSeenFirst: the answer to bob's mail is lost, and the list of users shows him before the list
// of invitations shows his invitation. So bob is no member. The lost mail counts as sent once, and is sent again when
// its invitation has expired.
func TestHistoryInvitedUserIsSeenFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const bob = "bob@example.com"
		c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
			InviteAccepted: sandbox.InviteAcceptedSingle, Duplicate: sandbox.DuplicateSecond}}, bob)
		c.setFirstGroups("platform")
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, Times: 1})
		isLate := true
		c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			if isLate && r.Method == http.MethodGet && r.URL.Path == "/v2/invitation" {
				rec.Body = bytes.NewBufferString(`{"invites":[],"meta":{"total":0}}`)
			}
			return rec
		})
		c.expect(c.run(with{}), 3, bob, "invite unknown")
		c.expect(c.run(with{}), 3, bob, "unsettled")
		c.expectJoined(0)
		isLate = false
		must(t, c.Advance(time.Minute))
		c.expect(c.run(with{}), 0, bob, "waiting")
		must(t, c.Advance(73*time.Hour))
		c.expect(c.run(with{}), 0, bob, "reinvite done")
		c.expectMails(bob, 2)
		c.expectJoined(0)
	})
}
