package apply_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// TestListOfAnotherOrganizationDuringARun: after the first mail, the list of invitations is that of another
// organization. It does not show that somebody has invited a person, and the run sends nothing more. The next run reads
// the right list.
func TestListOfAnotherOrganizationDuringARun(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]sandbox.Fault{
		"the first mail is answered": {},
		"the answer to the first mail is lost": {Kind: sandbox.FaultStatus, Status: 500, ActFirst: true,
			Method: http.MethodPost, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{}, "ada@example.com", "bob@example.com", "cyd@example.com")
				if fault.Kind != "" {
					c.AddFault(fault)
				}
				mails := c.answerWithAnotherOrganization(1)
				got := c.apply(with{concurrency: 1})
				if isPin := errors.As(got.Stopped, new(*org.PinError)); got.counts() != "1/0/0/2" || !isPin || *mails != 1 {
					t.Errorf("%s after %d mails, stopped by %v", got.counts(), *mails, got.Stopped)
				}
				if next := c.apply(with{}); next.counts() != "2/0/0/0" {
					t.Errorf("next run: %s, stopped by %v", next.counts(), next.Stopped)
				}
				c.expectOneMailEach()
				c.checkInvariants()
			})
		})
	}
}

// TestUnclearMailForAnotherOrganization: an answer to a mail names another organization, and orgsync does not
// understand the rest of this answer. The run sends nothing more, and the ledger keeps later runs from sending
// anything.
func TestUnclearMailForAnotherOrganization(t *testing.T) {
	t.Parallel()
	const other = "0c5a1b8e-0000-4000-8000-000000000000"
	people := []string{ada, bob, "cyd@example.com", "dan@example.com"}
	for name, answer := range map[string]string{
		"no id":      `{"id":"","email_invited":"%s","org_id":"%s"}`,
		"no address": `{"id":"i9","email_invited":"%.0s","org_id":"%s"}`,
		"expired":    `{"id":"i9","email_invited":"%s","org_id":"%s","expiration_date":"1999-05-01 00:00:00"}`,
	} {
		for _, first := range []int{1, 2} {
			t.Run(fmt.Sprint(name, first), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newCompany(t, sandbox.Options{}, people...)
					posts := 0
					inner := c.wire.Handler
					c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if r.Method == http.MethodPost {
							if posts++; posts >= first {
								w.Header().Set("Content-Type", "application/json")
								w.WriteHeader(http.StatusCreated)
								_, _ = fmt.Fprintf(w, answer, people[posts-1], other)
								return
							}
						}
						inner.ServeHTTP(w, r)
					})
					got := c.apply(with{concurrency: 1})
					c.logOutcome(got)
					_, isWrong := errors.AsType[*apply.WrongOrganizationError](got.Stopped)
					want := fmt.Sprintf("%d/0/1/%d", first-1, 4-first)
					if got.counts() != want || !isWrong || posts != first {
						t.Errorf("%s after %d mails, want %s; stopped by %v", got.counts(), posts, want, got.Stopped)
					}
					memory, _, err := ledger.Read(t.Context(), c.store, c.World().Organization.ID)
					must(t, err)
					who := got.Changes[first-1].Email.Key()
					if want := (org.Misdirected{Email: who, OrganizationID: other}); memory.Misdirected != want {
						t.Errorf("the ledger has %+v, want %+v", memory.Misdirected, want)
					}
					if mails := memory.People[who].Mails; len(mails) != 1 || !mails[0].Lost {
						t.Errorf("the mail is not lost: %+v", mails)
					}
				})
			})
		}
	}
}

// TestListOfAnotherOrganizationBeforeARemoval: the reading before a removal shows the list of another organization. The
// mail that was kept back is not sent.
func TestListOfAnotherOrganizationBeforeARemoval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, "ada@example.com", "bob@example.com", zoe)
		c.addMembers("eve@example.com", zoe)
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		mails := c.answerWithAnotherOrganization(2)
		got := c.apply(with{concurrency: 1})
		if isPin := errors.As(got.Stopped, new(*org.PinError)); got.counts() != "1/0/0/2" || !isPin || *mails != 1 {
			t.Errorf("%s after %d mails, stopped by %v", got.counts(), *mails, got.Stopped)
		}
	})
}

// answerWithAnotherOrganization answers the n-th request for the list of invitations after the first mail with an
// invitation of another organization. It returns the number of POST requests so far.
func (c *company) answerWithAnotherOrganization(n int) (mails *int) {
	mails = new(int)
	lists := 0
	c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if *mails > 0 && r.Method == http.MethodGet && r.URL.Path == "/v2/invitation" {
			if lists++; lists == n {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, fmt.Sprintf(`{"invitations":[{"id":"i9","email_invited":"bob@example.com",`+
					`"org_id":"0c5a1b8e-0000-4000-8000-000000000000","org_name":"Another Org","invite_status":"Pending",`+
					`"date_created":%q}],"meta":{"total":1,"links":{"next":""}}}`, c.Now().Format("2006-01-02T15:04:05Z")))
				return
			}
		}
		if r.Method == http.MethodPost {
			*mails++
		}
		c.ServeHTTP(w, r)
	})
	return mails
}
