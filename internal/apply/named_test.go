package apply_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// The tests of this file are runs that an operator makes for one person, with --only, --resend or --reinvite.

const resendPath = "/v2/invitation/{id}/resend"

// ledgerLines returns the actions and outcomes of the ledger lines about one person, such as "resend sent".
func (c *company) ledgerLines(who string) []string {
	c.t.Helper()
	content, err := c.store.Read(c.t.Context())
	must(c.t, err)
	field := func(line, name string) string {
		_, rest, found := strings.Cut(line, `"`+name+`":"`)
		value, _, _ := strings.Cut(rest, `"`)
		if !found {
			return ""
		}
		return value
	}
	var lines []string
	for line := range strings.Lines(string(content)) {
		if field(line, "email") == who {
			lines = append(lines, strings.TrimSpace(field(line, "action")+" "+field(line, "outcome")))
		}
	}
	return lines
}

// expectResends fails the test unless ada has this number of mails. The last one of several must be the first
// invitation that was sent again.
func (c *company) expectResends(want int) {
	c.t.Helper()
	mails := c.Mails()[ada]
	if len(mails) != want || want > 1 && !mails[want-1].Resend {
		c.t.Errorf("%s: %s has the mails %v, want %d", c.Now().Format("Jan 2 15:04"), ada, mails, want)
	}
}

// TestOnlyChangesSelectedPeople: a run with --only makes only the changes of the named people. Its exit code is 0
// although other people need changes, and it records facts about everybody.
func TestOnlyChangesSelectedPeople(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada, "bob@example.com", "cyd@example.com", "dee@example.com")
		c.roster.Settings.Unlisted, c.roster.Settings.MaxInvites, c.roster.Settings.MaxRemovals = roster.UnlistedRemove, 1, 1
		c.addMembers(mallory, zoe, "dee@example.com")
		c.expect(c.run(with{}), 4, ada, "nothing") // the plan has more mails than max_invites allows

		o := c.run(with{only: []string{"Ada@Example.com", mallory}})
		var done []string
		for _, ch := range o.Changes {
			done = append(done, string(ch.Action)+" "+ch.Email.String()+" "+string(ch.Outcome))
		}
		if d := cmp.Diff([]string{"invite ada@example.com done", "remove mallory@example.com done"}, done); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
		if o.exitCode() != 0 || len(o.plan.NotSelected) != 2 {
			t.Errorf("exit code %d, not selected: %v", o.exitCode(), o.plan.NotSelected)
		}
		if c.user(mallory) != nil || c.user(zoe) == nil {
			t.Error("want mallory removed, and zoe not removed")
		}
		for who, want := range map[string]int{ada: 1, "bob@example.com": 0, "cyd@example.com": 0} {
			c.expectMails(who, want)
		}
		if lines := c.ledgerLines("dee@example.com"); !slices.Contains(lines, "joined") {
			t.Errorf("the ledger does not have dee as a member: %v", lines)
		}
		if lines := c.ledgerLines(zoe); !slices.Contains(lines, "unlisted_user") {
			t.Errorf("the ledger does not have zoe as an unlisted user: %v", lines)
		}
	})
}

// TestOnlyWithHeldMailOfSomebodyElse: with --only, an unsettled mail to another person has no effect on the exit
// code. A later run settles this mail.
func TestOnlyWithHeldMailOfSomebodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{ListLag: 10 * time.Minute}, ada)
		c.AddFault(sandbox.Fault{Method: "POST", Path: invitePath, Kind: sandbox.FaultDrop, ActFirst: true, Times: 1})
		if o := c.run(with{settleWait: leaveToLaterRun}); o.exitCode() != 3 {
			t.Errorf("exit code %d", o.exitCode())
		}
		c.setRoster(ada, "bob@example.com")
		o := c.run(with{only: []string{"bob@example.com"}})
		c.expect(o, 0, "bob@example.com", "invite done")
		must(t, c.Advance(20*time.Minute))
		c.expect(c.run(with{}), 0, ada, "waiting")
		c.expectOneMailEach()
	})
}

// TestReinviteOfSomebodyElse: --reinvite names ada, who accepted with an address that the roster does not have, and
// --only names bob. This run must not mail ada, and a later run without flags must not mail her either.
func TestReinviteOfSomebodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish}}, ada,
			"bob@example.com")
		c.run(with{})
		must(t, c.AcceptAs(ada, "ada@home.example"))
		must(t, c.Advance(80*time.Hour))
		c.expect(c.run(with{}), 3, ada, "possible_alias")
		o := c.run(with{reinvite: []string{ada}, only: []string{"bob@example.com"}})
		c.expect(o, 0, ada, "nothing")
		must(t, c.Advance(time.Hour))
		c.expect(c.run(with{}), 3, ada, "possible_alias")
		c.expectMails(ada, 1)
		c.expect(c.run(with{reinvite: []string{ada}, only: []string{ada}}), 0, ada, "reinvite done")
		c.expectMails(ada, 2)
	})
}

// TestResendInterval: --resend sends an invitation again, and this counts as a mail. Within 15 minutes after a mail,
// --resend sends nothing.
func TestResendInterval(t *testing.T) {
	t.Parallel()
	for _, id := range []string{sandbox.ResendSameID, sandbox.ResendNewID} {
		synctest.Test(t, func(t *testing.T) {
			c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{ResendID: id}}, ada, "bob@example.com")
			c.roster.Settings.ReinviteRounds = 2
			c.run(with{})
			resend := with{resend: []string{ada}}
			c.expect(c.run(resend), 0, ada, "not_mailed, waiting") // invited just now
			must(t, c.Advance(time.Hour))
			c.expect(c.run(resend), 0, ada, "reinvite done, waiting")
			c.expectResends(2)
			c.expectMails("bob@example.com", 1)
			must(t, c.Advance(14*time.Minute))
			c.expect(c.run(resend), 0, ada, "not_mailed, waiting")
			c.expectResends(2)
			c.expect(c.run(with{}), 0, ada, "waiting")
			if d := cmp.Diff([]string{"invite", "invite sent", "resend", "resend sent"}, c.ledgerLines(ada)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			must(t, c.Advance(80*time.Hour)) // the renewal counted, so there is no third mail
			c.expect(c.run(with{}), 0, ada, "gave_up")
			c.expectResends(2)
		})
	}
}

// TestResendAfterDecline: the person declines before the server gets the request to send the invitation again. The
// server sends nothing, and the list drops the invitation. The change fails, although the ledger still has the
// invitation.
func TestResendAfterDecline(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]sandbox.Fault{
		"refused":         {},
		"answer was lost": {Kind: sandbox.FaultStatus, ActFirst: true, Method: http.MethodPost, Path: resendPath},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Declined: sandbox.DeclinedVanish}}, ada)
				c.run(with{})
				must(t, c.Advance(time.Hour))
				if fault.Kind != "" {
					c.AddFault(fault)
				}
				c.wire.Before = func(req *http.Request) error {
					if req.Method == http.MethodPost {
						must(t, c.Decline(ada))
					}
					return nil
				}
				o := c.run(with{resend: []string{ada}, settleWait: 20 * time.Minute})
				c.expect(o, 3, ada, "reinvite failed, waiting")
				c.expectResends(1)
			})
		})
	}
}

// TestResendDroppedBeforeItIsSent: the person declines after the plan was made, and the run notices this before it
// sends their mail. Nothing was sent, so the change is not reported as done.
func TestResendDroppedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Declined: sandbox.DeclinedVanish}}, bob)
		c.run(with{})
		must(t, c.Advance(time.Hour))
		c.setRoster(ada, bob)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, Times: 1})
		declined := false
		c.wire.Before = func(req *http.Request) error {
			if req.Method == http.MethodPost && !declined { // the mail to ada, after which the run reads the lists again
				declined = true
				must(t, c.Decline(bob))
			}
			return nil
		}
		o := c.run(with{resend: []string{bob}})
		c.expect(o, 3, bob, "reinvite skipped, waiting")
		c.expectMails(bob, 1)
	})
}

// TestResendByAnAdministrator: an administrator renews the invitation after the plan was made, and the run notices this
// before it sends the same mail. The person gets no third mail, and the change is done.
func TestResendByAnAdministrator(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, bob)
		id := c.run(with{}).Changes[0].InvitationID
		must(t, c.Advance(time.Hour))
		c.setRoster(ada, bob)
		renewed := false
		c.wire.Before = func(req *http.Request) error {
			if req.Method == http.MethodPost && !renewed { // the mail to ada, after which the run reads the lists again
				renewed = true
				_, err := c.client(with{}).Resend(t.Context(), id, org.MustParseAddress(bob))
				must(t, err)
			}
			return nil
		}
		c.expect(c.run(with{resend: []string{bob}}), 0, bob, "reinvite done, waiting")
		c.expectMails(bob, 2)
	})
}

// TestResendAfter15Minutes: --resend sends an invitation again 15 minutes after the last mail.
func TestResendAfter15Minutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		for mails := range 3 {
			c.run(with{resend: []string{ada}})
			c.expectResends(mails + 1)
			must(t, c.Advance(15*time.Minute))
		}
	})
}

// TestResendUnsettled: a run does not send an invitation again while an earlier such mail is unsettled. The run that
// lost the answer reports this, or finds the mail by the later date in the list.
func TestResendUnsettled(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		after bool // the server acted
		lag   time.Duration
		wait  time.Duration
		// what outcome.about returns for the first run, for a second one 10 minutes later and for a third 20 minutes later
		first, second, third string
		exit, mails          int // exit is the exit code of the first run
	}{
		{name: "sent, listed at once", after: true, first: "reinvite done, waiting", second: "not_mailed, waiting",
			third: "reinvite done, waiting", mails: 3},
		{name: "sent, the list lags", after: true, lag: 13 * time.Minute, first: "reinvite unknown, waiting", exit: 3,
			second: "not_mailed, waiting", third: "reinvite done, waiting", mails: 3},
		{name: "not sent, left to a later run", wait: leaveToLaterRun, first: "reinvite unknown, waiting", exit: 3,
			second: "not_mailed, waiting", third: "reinvite done, waiting", mails: 2},
		{name: "not sent, and the wait does not prove it", first: "reinvite unknown, waiting", exit: 3,
			second: "not_mailed, waiting", third: "reinvite done, waiting", mails: 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, sandbox.Options{ListLag: test.lag}, ada)
				c.run(with{})
				must(t, c.Advance(time.Hour))
				began := c.Now()
				c.AddFault(sandbox.Fault{Method: "POST", Path: resendPath, Kind: sandbox.FaultDrop, ActFirst: test.after, Times: 1})
				resend := with{resend: []string{ada}, settleWait: test.wait}
				c.expect(c.run(resend), test.exit, ada, test.first)
				must(t, c.Advance(10*time.Minute-c.Now().Sub(began)))
				c.expect(c.run(resend), 0, ada, test.second)
				must(t, c.Advance(20*time.Minute-c.Now().Sub(began)))
				c.expect(c.run(resend), 0, ada, test.third)
				c.expectResends(test.mails)
			})
		})
	}
}

// TestResendRefused: if the server refuses to send a pending invitation again, the change fails, and orgsync sends no
// new invitation. After the invitation expires, orgsync sends a new one.
func TestResendRefused(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict} {
		synctest.Test(t, func(t *testing.T) {
			c := newDefaultCompany(t, sandbox.Options{}, ada)
			c.run(with{})
			must(t, c.Advance(time.Hour))
			c.AddFault(sandbox.Fault{Method: "POST", Path: resendPath, Kind: sandbox.FaultStatus, Status: status})
			posts := c.postCount()
			o := c.run(with{resend: []string{ada}})
			c.expect(o, 3, ada, "reinvite failed, waiting")
			c.expectMails(ada, 1)
			if n := c.postCount() - posts; n != 1 {
				t.Errorf("HTTP %d: %d requests", status, n)
			}
			c.expect(c.run(with{}), 0, ada, "waiting")
			must(t, c.Advance(80*time.Hour))
			c.expect(c.run(with{}), 0, ada, "reinvite done")
			c.expectMails(ada, 2)
		})
	}
}

// TestResendAccepted: a person who has accepted is not mailed, and a notice reports the reason.
func TestResendAccepted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		c.run(with{})
		must(t, c.Advance(time.Hour))
		must(t, c.Accept(ada))
		o := c.run(with{resend: []string{ada}, reinvite: []string{ada}})
		c.expect(o, 0, ada, "not_mailed")
		if n := o.notice(plan.NotMailed, ada); n == nil || n.Text != plan.NotMailedMember {
			t.Errorf("%v", n)
		}
	})
}

// TestResendIsLimited: an invitation that is sent again counts for max_invites.
func TestResendIsLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		c.run(with{})
		must(t, c.Advance(time.Hour))
		c.roster.Settings.MaxInvites = 0
		c.expect(c.run(with{resend: []string{ada}}), 4, ada, "nothing")
		c.expectMails(ada, 1)
	})
}

// TestResendActsLate: the answer to a renewal is lost, and the server acts on it half a minute later. In every
// dialect no second renewal is sent, even if other people are mailed in the same run.
func TestResendActsLate(t *testing.T) {
	t.Parallel()
	for _, d := range []sandbox.Dialect{
		{}, {Expiration: sandbox.ExpirationNull}, {Dates: sandbox.DatesEmpty},
		{ResendID: sandbox.ResendNewID}, {ResendID: sandbox.ResendNewID, Expiration: sandbox.ExpirationNull},
		{ResendID: sandbox.ResendNewID, Dates: sandbox.DatesEmpty},
	} {
		for _, lag := range []time.Duration{0, 30 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, sandbox.Options{ListLag: lag, Dialect: d}, ada, "bob@example.com", "cyd@example.com")
				_, err := c.AddInvitation(sandbox.Invitation{Email: ada, Created: c.Now().Add(-time.Hour)})
				must(t, err)
				must(t, c.Advance(time.Hour))
				c.AddFault(sandbox.Fault{Method: "POST", Path: resendPath, Kind: sandbox.FaultStatus, Times: 1,
					ActAfter: 30 * time.Second})
				c.run(with{resend: []string{ada}})
				if mails := c.Mails()[ada]; len(mails) != 1 {
					t.Errorf("%+v, lag %v: renewed at %v, want once", d, lag, mails)
				}
			})
		}
	}
}

// TestResendKilled: a run that is killed between the intent and the outcome of a renewal leaves an unsettled mail.
func TestResendKilled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		c.run(with{})
		must(t, c.Advance(time.Hour))
		c.AddFault(sandbox.Fault{Method: "POST", Path: resendPath, Kind: sandbox.FaultDrop, Times: 1})
		c.run(with{resend: []string{ada}, settleWait: leaveToLaterRun})
		content, err := c.store.Read(t.Context())
		must(t, err)
		lines := slices.Collect(strings.Lines(string(content)))
		for len(lines) > 0 && !strings.Contains(lines[len(lines)-1], `"action":"resend","invitation_id"`) {
			lines = lines[:len(lines)-1]
		}
		must(t, c.store.Replace([]byte(strings.Join(lines, ""))))
		must(t, c.Advance(6*time.Minute))
		c.expect(c.run(with{resend: []string{ada}}), 0, ada, "not_mailed, waiting")
		must(t, c.Advance(20*time.Minute))
		c.expect(c.run(with{resend: []string{ada}}), 0, ada, "reinvite done, waiting")
		c.expectResends(2)
	})
}

// TestFirstDay: nobody is invited before their first day begins, in UTC by the server's clock. Flags do not change
// this.
func TestFirstDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada, "bob@example.com")
		tomorrow := c.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
		c.roster.People[0].From = roster.DayOf(tomorrow)
		c.expect(c.run(with{}), 0, ada, "not_yet")
		c.expect(c.run(with{only: []string{ada}, reinvite: []string{ada}}), 0, ada, "not_yet")
		must(t, c.Advance(tomorrow.Sub(c.Now())-2*time.Second))
		c.expect(c.run(with{}), 0, ada, "not_yet")
		must(t, c.Advance(3*time.Second))
		c.expect(c.run(with{}), 0, ada, "invite done")
		c.expectOneMailEach()
	})
}
