package apply_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// mailLines returns the action, outcome and message of the lines about the mails to one person, such as
// "invite refused: no seat is left".
func (c *company) mailLines(who string) []string {
	c.t.Helper()
	content, err := c.store.Read(c.t.Context())
	must(c.t, err)
	var lines []string
	for line := range strings.Lines(string(content)) {
		var e ledger.Entry
		must(c.t, json.Unmarshal([]byte(line), &e))
		if e.Email == who && (e.Action == ledger.Invite || e.Action == ledger.Resend) {
			text := strings.TrimSpace(string(e.Action) + " " + string(e.Outcome))
			if e.Message != "" {
				text += ": " + e.Message
			}
			lines = append(lines, text)
		}
	}
	return lines
}

// TestLinesOfAMail: the ledger says which mail was sent, whether it was a renewal, and why the API refused it. Only a
// refusal that may be about the person has a message.
func TestLinesOfAMail(t *testing.T) {
	t.Parallel()
	expired := func(c *company) {
		_, err := c.AddInvitation(sandbox.Invitation{Email: ada, State: "expired"})
		must(c.t, err)
	}
	notRenewed := sandbox.Dialect{ResendLapsed: sandbox.ResendLapsed404}
	renewedInstead := sandbox.Dialect{ResendLapsed: sandbox.ResendLapsed404, InviteLapsed: sandbox.InviteLapsedSame}
	const refusedRenewal = "resend refused: Invite not found"
	for name, tt := range map[string]struct {
		dialect sandbox.Dialect
		prepare func(c *company)
		want    []string
	}{
		"a renewal": {sandbox.Dialect{}, expired, []string{"resend", "resend sent"}},
		"a new invitation after a refusal": {notRenewed, expired,
			[]string{"resend", refusedRenewal, "invite", "invite sent"}},
		"a renewal instead of a new invitation": {renewedInstead, expired,
			[]string{"resend", refusedRenewal, "invite", "resend sent"}},
		"an unreadable answer with the same id": {renewedInstead, func(c *company) {
			expired(c)
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultWrongPerson, ActFirst: true, Method: http.MethodPost, Path: invitePath})
		}, []string{"resend", refusedRenewal, "invite", "invite abandoned"}},
		"the invitation of a former address": {sandbox.Dialect{}, func(c *company) {
			c.setRoster(bob)
			c.apply(with{})
			must(c.t, c.Advance(80*time.Hour))
			c.setRoster(ada)
			c.roster.People[0].Aliases = []org.Address{org.MustParseAddress(bob)}
		}, []string{"invite", "invite sent"}},
		"a refusal": {sandbox.Dialect{}, func(c *company) {
			c.refuseMails(func(int, string) string { return "no seat is left" })
		}, []string{"invite", "invite refused: no seat is left"}},
		"a lease that is lost after an answer 429": {sandbox.Dialect{}, func(c *company) {
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultThrottle, RetryAfter: "20", Method: http.MethodPost, Times: 1})
			c.wire.After = func(r *http.Request) error {
				if r.Method == http.MethodPost {
					c.store.OnCheck = func() error { return errors.New("the lease is lost") }
				}
				return nil
			}
		}, []string{"invite", "invite not_sent"}},
		"a server error for a person who was refused before": {sandbox.Dialect{}, func(c *company) {
			c.refuseMails(func(_ int, who string) string { return map[string]string{ada: "not this one"}[who] })
			c.apply(with{})
			c.addToRoster(bob)
			c.failAlways(failingAnswers["500"], ada)
		}, []string{"invite", "invite refused: not this one", "invite", "invite abandoned"}},
		"a revoked key": {sandbox.Dialect{}, func(c *company) {
			c.refuseMails(func(_ int, who string) string { return map[string]string{ada: "not this one"}[who] })
			c.apply(with{})
			c.addToRoster(bob)
			c.failAlways(failingAnswers["401"], ada)
		}, []string{"invite", "invite refused: not this one", "invite", "invite refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{Dialect: tt.dialect}, ada)
				tt.prepare(c)
				c.apply(with{settleWait: leaveToLaterRun})
				if diff := cmp.Diff(tt.want, c.mailLines(ada)); diff != "" {
					t.Errorf("lines (-want +got):\n%s", diff)
				}
			})
		})
	}
}
