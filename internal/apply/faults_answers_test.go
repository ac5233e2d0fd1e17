package apply_test

import (
	"bytes"
	"fmt"
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
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// TestFaultA10AnswerDescribesAnExpiredInvitation: an answer to a mail that has an expired invitation does not show
// that a mail was sent. Before, it counted as a sent mail. Then nobody was mailed for three days, and the report had
// a wrong date.
func TestFaultA10AnswerDescribesAnExpiredInvitation(t *testing.T) {
	t.Parallel()
	for _, path := range []string{invitePath, "/v2/invitation*"} {
		for _, acted := range []bool{false, true} {
			for _, resend := range []string{sandbox.ResendLapsedSent, sandbox.ResendLapsed404} {
				t.Run(fmt.Sprint(path, acted, resend), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
							ResendLapsed: resend, Duplicate: sandbox.DuplicateSecond,
						}}, ada, bob)
						_, err := c.AddInvitation(sandbox.Invitation{Email: bob, State: "expired"})
						must(t, err)
						c.AddFault(sandbox.Fault{Method: http.MethodPost, Path: path, Kind: sandbox.FaultExpired, ActFirst: acted})
						c.applyTimes(4, 30*time.Minute, with{}, func(_ int, o outcome) {
							for _, ch := range o.Changes {
								if n := len(c.Mails()[ch.Email.String()]); (ch.Outcome == apply.Done) != (n > 0) {
									t.Errorf("%s to %s is %s, and there are %d mails", ch.Action, ch.Email, ch.Outcome, n)
								}
							}
							for _, who := range []string{ada, bob} {
								if n := o.notice(plan.Waiting, who); n != nil && len(c.Mails()[who]) == 0 {
									t.Errorf("the notice has an invitation of %s until %v, and there is none", who, n.Expires)
								}
							}
							if !acted && len(c.Mails()[ada]) == 0 && o.exitCode() == 0 {
								t.Error("exit code 0, and ada has no mail")
							}
						})
						c.ClearFaults()
						c.applyTimes(3, 12*time.Hour, with{}, func(int, outcome) {}) // mails that failed three times wait for a day
						c.expectOneMailEach()
					})
				})
			}
		}
	}
}

// TestFaultA10ExpirationNotInAnswer: an expiration that the server does not name is marked as estimated. Before, it
// looked like one that the server names.
func TestFaultA10ExpirationNotInAnswer(t *testing.T) {
	t.Parallel()
	for _, named := range []string{sandbox.ExpirationTold, sandbox.ExpirationNull, sandbox.ExpirationEmpty} {
		synctest.Test(t, func(t *testing.T) {
			c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
				Expiration: named, Accepted: sandbox.AcceptedVanish,
			}}, ada)
			c.run(with{})
			for range 2 { // with the invitation in the list, and without
				must(t, c.Advance(time.Hour))
				n := c.run(with{}).notice(plan.Waiting, ada)
				if n == nil || n.ExpiresEstimated != (named != sandbox.ExpirationTold) {
					t.Errorf("%q: %+v", named, n)
				}
				_ = c.AcceptAs(ada, home)
			}
		})
	}
}

// errorShapes has the bodies with which an API can report an error in an answer with the status 200.
var errorShapes = []string{
	`{"error": {"code": 7}}`, `{"error": ["no"]}`, `{"error": "no"}`, `{"error": true}`, `{"error": 5}`,
	`{"errors": [{"detail": "no"}]}`, `{"errors": {"email": ["no"]}}`, `{"errors": "no"}`,
	`{"success": false}`, `{"success": "false"}`, `{"success": 0, "message": "no"}`, `{"ok": false}`,
	`{"status": "error"}`, `{"status": "failed", "message": "no"}`, `{"status": 500}`, `{"status": "503"}`,
	`{"status": false}`,
	`{"code": 503, "message": "no"}`,
}

// TestFaultA11ErrorBesideAList: a list with an error in an answer with the status 200 ends the run. Before, it
// counted as an empty list. Then pending people were mailed again, and members were invited.
func TestFaultA11ErrorBesideAList(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for _, list := range []string{
		"/v2/invitation", "/v2/users", "/v2/organizations", suspendedList, "/v2/groups",
		"/v2/groups/{id}/members", "/v2/roles", "/v2/roles/{id}/users", "/v2/policies", "/v2/policies/{id}/users",
		"/v2/account",
	} {
		t.Run(list, func(t *testing.T) {
			t.Parallel()
			shapes := errorShapes
			if list != "/v2/invitation" && list != "/v2/users" { // the same code reads every shape in all lists
				shapes = []string{shapes[0], `{"status": false}`}
			}
			for _, shape := range shapes {
				for _, beside := range []bool{false, true} { // beside the right answer, or beside an empty list
					synctest.Test(t, func(t *testing.T) {
						c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
							Duplicate: sandbox.DuplicateSecond, Suspended: sandbox.SuspendedListed,
						}}, ada, bob, zoe)
						c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = roster.UnlistedRemove, 0
						c.setFirstGroups("everyone")
						c.roster.People[0].Roles, c.roster.People[0].Policies = refs("deployer"), refs("billing")
						c.addMembers(zoe, mallory)
						must(t, c.Suspend(zoe))
						_, err := c.AddInvitation(sandbox.Invitation{Email: ada})
						must(t, err)
						c.AddFault(sandbox.Fault{
							Method: http.MethodGet, Path: list, Kind: sandbox.FaultErrorInside, Body: shape, KeepRest: beside,
						})
						if o := c.run(with{}); o.exitCode() != 1 || c.writeCount() > 0 {
							t.Errorf("%s, beside the answer %v: exit code %d, %d requests that write", shape, beside, o.exitCode(),
								c.writeCount())
						}
						c.ClearFaults()
						c.expect(c.run(with{}), 0, ada, "waiting")
						c.expectMails(ada, 0)
						c.expectMails(bob, 1)
					})
				}
			}
		})
	}
}

// TestFaultA11ErrorBesideAMail: a mail whose answer has the status 200 and an error is not counted as sent. Before,
// orgsync missed an error that was not a text.
func TestFaultA11ErrorBesideAMail(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for _, shape := range errorShapes {
		for _, acted := range []bool{false, true} {
			for _, times := range []int{1, 2, 0} {
				synctest.Test(t, func(t *testing.T) {
					c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
						Duplicate: sandbox.DuplicateSecond,
					}}, manyPeople(4)...)
					c.AddFault(sandbox.Fault{
						Method: http.MethodPost, Path: invitePath, Kind: sandbox.FaultErrorInside, Body: shape, KeepRest: true,
						ActFirst: acted, From: 2, Times: times,
					})
					o := c.run(with{})
					for _, ch := range o.Changes {
						n := len(c.Mails()[ch.Email.String()])
						if ch.Outcome == apply.Done && n != 1 || ch.Outcome == apply.Failed && n > 0 {
							t.Errorf("%s, acted %v: the mail to %s is %s, and there are %d", shape, acted, ch.Email, ch.Outcome, n)
						}
					}
					c.ClearFaults()
					for range 3 {
						must(t, c.Advance(10*time.Minute))
						c.run(with{})
					}
					c.expectOneMailEach()
				})
			}
		}
	}
}

// TestFaultA11ErrorBesideAnEdit: an edit whose answer has the status 200 and an error counts as done only if the
// server acted. Before, a suspension with such an answer was reported as done.
func TestFaultA11ErrorBesideAnEdit(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for action, prepare := range map[plan.Action]func(c *company){
		plan.Suspend:   func(c *company) { c.roster.Settings.Unlisted = roster.UnlistedSuspend; c.addMembers(bob) },
		plan.Remove:    func(c *company) { c.roster.Settings.Unlisted = roster.UnlistedRemove; c.addMembers(bob) },
		plan.Unsuspend: suspendedByOrgsync,
		plan.Grant:     func(c *company) { c.setFirstGroups("everyone") },
		plan.Update:    func(c *company) { c.roster.People[0].APIEnabled = new(true) },
		plan.Revoke: func(c *company) {
			c.roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
			c.nameGroups("everyone")
			_, err := c.AddUser(sandbox.User{Email: bob, Groups: []string{"everyone"}})
			must(c.t, err)
			c.setRoster(bob)
			c.setFirstGroups()
		},
	} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			for _, shape := range errorShapes {
				for _, acted := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) {
						c := newDefaultCompany(t, sandbox.Options{}, zoe)
						c.roster.Settings.UnlistedAfter = 0
						c.addMembers(zoe)
						prepare(c)
						for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
							c.AddFault(sandbox.Fault{Method: method, Kind: sandbox.FaultErrorInside, Body: shape, ActFirst: acted})
						}
						o := c.run(with{})
						if len(o.Changes) != 1 || o.Changes[0].Action != action || (o.Changes[0].Outcome == apply.Done) != acted {
							t.Errorf("%s, acted %v: %+v", shape, acted, o.Changes)
						}
						if o.exitCode() != 3 { // the first answer of the run was not understood
							t.Errorf("%s, acted %v: exit code %d", shape, acted, o.exitCode())
						}
						c.ClearFaults()
						c.run(with{})
						if o := c.run(with{}); o.exitCode() != 0 || len(o.Changes) > 0 {
							t.Errorf("%s, acted %v: the change is not done in the end: %+v", shape, acted, o.Changes)
						}
					})
				}
			}
		})
	}
}

// suspendedByOrgsync lets orgsync suspend bob, and then lists him again.
func suspendedByOrgsync(c *company) {
	c.roster.Settings.Unlisted = roster.UnlistedSuspend
	c.addMembers(bob)
	c.run(with{})
	must(c.t, c.Advance(time.Hour))
	c.setRoster(bob, zoe)
}

// afterFirstPage calls happen each time after the first page of a list was read. n counts the calls from 1.
func (c *company) afterFirstPage(list string, happen func(n int)) {
	var n atomic.Int32
	c.wire.After = func(r *http.Request) error {
		if r.Method == http.MethodGet && r.URL.Path == list && !r.URL.Query().Has("cursor") {
			happen(int(n.Add(1)))
		}
		return nil
	}
}

// TestFaultA12ListChangesBetweenPages: no person of the roster is mailed if invitations or users come and go between
// two pages. Before, one new and one deleted invitation left the total as it was. A pending person was missing, and
// was mailed again.
func TestFaultA12ListChangesBetweenPages(t *testing.T) {
	t.Parallel()
	dialect := sandbox.Dialect{
		Paging: sandbox.PagingOffset, Declined: sandbox.DeclinedVanish, Duplicate: sandbox.DuplicateSecond,
	}
	for _, list := range []string{"/v2/invitation", "/v2/users"} {
		for moved := 1; moved <= 3; moved++ {
			for before := 1; before <= 6; before++ { // sets how many unlisted people are listed first
				t.Run(fmt.Sprint(list, moved, before), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						c := newDefaultCompany(t, sandbox.Options{Dialect: dialect, PageCap: 5}, manyPeople(11)...)
						came, went := 0, 0
						stranger := func(n int) string { return fmt.Sprintf("s%02d@home.example", n) }
						add := func(who string) {
							if list == "/v2/users" {
								c.addMembers(who)
								return
							}
							_, err := c.AddInvitation(sandbox.Invitation{Email: who})
							must(t, err)
						}
						come := func() { add(stranger(came)); came++ }
						for range before + 12 {
							come()
						}
						for _, who := range manyPeople(11) {
							add(who)
						}
						for range 12 - before { // removes unlisted people that are listed first
							if list == "/v2/users" {
								must(t, c.Leave(stranger(went)))
							} else {
								must(t, c.Cancel(stranger(went)))
							}
							went++
						}
						c.afterFirstPage(list, func(int) {
							for range moved {
								if list == "/v2/users" {
									must(t, c.Leave(stranger(went)))
								} else {
									must(t, c.Cancel(stranger(went)))
								}
								went++
								come()
							}
						})
						for range 3 {
							o := c.run(with{})
							if c.postCount() > 0 || o.exitCode() != 0 {
								t.Fatalf("exit code %d, %d mails were asked for", o.exitCode(), c.postCount())
							}
							must(t, c.Advance(time.Hour))
						}
					})
				})
			}
		}
	}
}

// TestFaultA12NotRemovedIfMissingInOneReading: a user that only one of two readings has is not removed. Before, one
// reading was enough for a removal.
func TestFaultA12NotRemovedIfMissingInOneReading(t *testing.T) {
	t.Parallel()
	for missing := 1; missing <= 2; missing++ {
		synctest.Test(t, func(t *testing.T) {
			c := newDefaultCompany(t, sandbox.Options{}, zoe)
			c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = roster.UnlistedRemove, 0
			c.addMembers(zoe, mallory, bob)
			hide := func(n int, s *org.Snapshot) {
				s.Paged = true
				if n == missing {
					s.Users = slices.DeleteFunc(s.Users, func(u org.User) bool { return u.Email.String() == bob })
				}
			}
			o := c.run(with{reading: hide})
			c.expect(o, 0, mallory, "remove done")
			c.expect(o, 0, bob, "unlisted")
			c.expectUser(bob)
			c.expect(c.run(with{}), 0, bob, "remove done")
		})
	}
}

// TestFaultA13EmptyListOfUsers: an empty list of users ends the run if another answer shows that there are users.
// Before, orgsync believed the list, and mailed 20 members.
func TestFaultA13EmptyListOfUsers(t *testing.T) {
	t.Parallel()
	for shown, hide := range map[string][]string{
		"the account":     nil,
		"group members":   {"/v2/account"},
		"suspended users": {"/v2/account"},
		"an acceptance":   {"/v2/account"},
	} {
		for _, kept := range []bool{true, false} {
			t.Run(fmt.Sprint(shown, kept), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
						Suspended: sandbox.SuspendedListed,
					}}, manyPeople(20)...)
					c.setFirstGroups("everyone")
					for _, who := range manyPeople(20) {
						_, err := c.AddUser(sandbox.User{Email: who, Groups: []string{"everyone"}})
						must(t, err)
					}
					switch shown {
					case "suspended users":
						c.roster.People[0].Groups = nil
						_, err := c.AddUser(sandbox.User{Email: bob, Suspended: true})
						must(t, err)
					case "an acceptance":
						c.roster.People[0].Groups = nil
						_, err := c.AddInvitation(sandbox.Invitation{Email: bob, State: "accepted"})
						must(t, err)
					}
					if kept {
						c.run(with{})
					}
					wrote := c.writeCount()
					for _, path := range hide {
						c.failReading(path, http.StatusNotFound)
					}
					c.AddFault(sandbox.Fault{Method: http.MethodGet, Path: "/v2/users", Kind: sandbox.FaultEmptyList})
					c.applyTimes(3, 30*time.Hour, with{inviteLeft: true}, func(_ int, o outcome) {
						if o.exitCode() != 1 || c.writeCount() > wrote {
							t.Errorf("exit code %d, %d requests that write: %v", o.exitCode(), c.writeCount()-wrote, o.err)
						}
					})
				})
			})
		}
	}
}

// rfcDate matches a date of the documented dialect.
var rfcDate = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"`)

// writeDates makes the API write dates in another form.
func (c *company) writeDates(form func(time.Time) string) {
	c.rewrite(func(_ *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
		rec.Body = bytes.NewBuffer(rfcDate.ReplaceAllFunc(rec.Body.Bytes(), func(date []byte) []byte {
			at, err := time.Parse(`"`+time.RFC3339+`"`, string(date))
			must(c.t, err)
			return []byte(form(at.UTC()))
		}))
		return rec
	})
}

// TestFaultA14DateFormats: orgsync reads dates in all these formats. Before, it read two formats, and counted other
// dates as missing. It then waited for expired invitations without end.
func TestFaultA14DateFormats(t *testing.T) {
	t.Parallel()
	layout := func(layout string) func(time.Time) string {
		return func(t time.Time) string { return `"` + t.Format(layout) + `"` }
	}
	for name, form := range map[string]func(time.Time) string{
		"zone": nil, "unix": nil, "rfc1123": nil, "php": nil, "sql": nil, // dialects
		"no zone":           layout("2006-01-02T15:04:05"),
		"microseconds":      layout("2006-01-02T15:04:05.000000Z"),
		"slashes":           layout("2006/01/02 15:04:05"),
		"UTC":               layout("2006-01-02 15:04:05 UTC"),
		"date(1)":           layout("Mon Jan _2 15:04:05 UTC 2006"),
		"RFC 850":           layout("Monday, 02-Jan-06 15:04:05 GMT"),
		"unix time as text": func(t time.Time) string { return fmt.Sprintf("%q", fmt.Sprint(t.Unix())) },
		"milliseconds":      func(t time.Time) string { return fmt.Sprint(t.UnixMilli()) },
		"a negative UTC offset": func(t time.Time) string {
			return t.In(time.FixedZone("", -9*60*60)).Format(`"2006-01-02T15:04:05-0700"`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := sandbox.Dialect{}
				if form == nil {
					d.Dates = name
				}
				c := newDefaultCompany(t, sandbox.Options{Dialect: d}, ada)
				if form != nil {
					c.writeDates(form)
				}
				c.expect(c.run(with{}), 0, ada, "invite done")
				begin := c.Now()
				for c.Now().Sub(begin) < 60*time.Hour {
					must(t, c.Advance(10*time.Hour-time.Minute))
					c.loseLedger() // the list alone must show the invitation
					c.expect(c.run(with{}), 0, ada, "waiting")
				}
				must(t, c.Advance(3*time.Hour))
				c.expect(c.run(with{}), 0, ada, "reinvite done")
				c.expectMails(ada, 2)
				must(t, c.Accept(ada))
				c.expect(c.run(with{}), 0, ada, "nothing")
			})
		})
	}
}

// TestFaultA14UnreadableDates: a person whose invitation has an unreadable date needs attention. Before, such a date
// counted as missing.
func TestFaultA14UnreadableDates(t *testing.T) {
	t.Parallel()
	for _, date := range []string{
		`"next Tuesday"`, `"2026-13-45"`, `"04.06.2026"`, `{"when": "soon"}`, `["2026"]`, `true`, `-5`,
	} {
		for _, expiry := range []string{sandbox.LapsedPending, sandbox.LapsedMarked} {
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
					Lapsed: expiry, Duplicate: sandbox.DuplicateSecond,
				}}, ada)
				_, err := c.AddInvitation(sandbox.Invitation{Email: ada})
				must(t, err)
				c.writeDates(func(time.Time) string { return date })
				c.applyTimes(6, 30*time.Hour, with{}, func(_ int, o outcome) { c.expect(o, 0, ada, "needs_attention") })
				c.expectMails(ada, 0)
			})
		}
	}
}

// TestFaultA15EscapedAddresses: people whose addresses the API escapes are found in the lists. Before, such members
// and pending people were mailed four times.
func TestFaultA15EscapedAddresses(t *testing.T) {
	t.Parallel()
	people := []string{"o'brien@example.com", "r&d@example.com"}
	for _, escape := range []string{sandbox.EscapeHTML, sandbox.EscapeTwice, sandbox.EscapeSlash} {
		for _, kept := range []bool{true, false} {
			t.Run(fmt.Sprint(escape, kept), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
						Escape: escape, Duplicate: sandbox.DuplicateSecond, Accepted: sandbox.AcceptedVanish,
					}}, people...)
					c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = roster.UnlistedRemove, 0
					c.setAllGroups("everyone")
					c.applyTimes(4, 20*time.Hour, with{}, func(i int, o outcome) {
						if !kept {
							c.loseLedger()
						}
						if o.exitCode() != 0 || o.Stopped != nil {
							t.Errorf("exit code %d, stopped by %v", o.exitCode(), o.Stopped)
						}
						if i == 1 {
							for _, who := range people {
								must(t, c.Accept(who))
							}
						}
					})
					c.applyTimes(3, 80*time.Hour, with{}, func(_ int, o outcome) {
						if len(o.Changes) > 0 || len(o.notices(plan.Unlisted)) > 0 {
							t.Errorf("%d changes, unlisted %v", len(o.Changes), o.notices(plan.Unlisted))
						}
					})
					c.expectOneMailEach()
					for _, who := range people {
						c.expectUser(who, "everyone")
					}
				})
			})
		}
	}
}

// TestUnknownStatusInAnswer: the server sends the mail, and gives its invitation a status that orgsync does not know,
// in the answer and in the list. The list shows that the mail was sent, so it is not failed. Before, the run ended with
// exit code 1, as if nothing had been sent.
func TestUnknownStatusInAnswer(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"Sent", "Resent"} {
		for _, expired := range []bool{false, true} {
			for _, dates := range []string{sandbox.ExpirationTold, sandbox.ExpirationNull} {
				t.Run(fmt.Sprint(word, expired, dates), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
							Duplicate: sandbox.DuplicateSecond, Expiration: dates,
						}}, ada)
						if expired {
							_, err := c.AddInvitation(sandbox.Invitation{Email: ada, State: "expired"})
							must(t, err)
						}
						c.rewrite(func(r *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
							if len(c.Mails()[ada]) > 0 {
								body := regexp.MustCompile(`"[Pp]ending"`).ReplaceAll(rec.Body.Bytes(), []byte(`"`+word+`"`))
								rec.Body = bytes.NewBuffer(body)
							}
							return rec
						})
						o := c.run(with{})
						want := apply.Done
						if expired && dates == sandbox.ExpirationNull {
							want = apply.Unknown // only a new date would prove that the mail was sent
						}
						if ch := o.Changes[0]; ch.Outcome != want || o.exitCode() != 3 || want == apply.Done && ch.InvitationID == "" {
							t.Errorf("%s, invitation %q, exit code %d", ch.Outcome, ch.InvitationID, o.exitCode())
						}
						must(t, c.Advance(time.Hour))
						c.run(with{})
						c.expectMails(ada, 1)
					})
				})
			}
		}
	}
}

// TestAnsweredInvitationIsRenewed: the server renews an invitation that was answered before, and keeps the old answer
// in it. Before, the mail was failed, the run stopped, and the person was never invited again.
func TestAnsweredInvitationIsRenewed(t *testing.T) {
	t.Parallel()
	for _, dates := range []string{sandbox.ExpirationTold, sandbox.ExpirationNull} {
		t.Run(dates, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Expiration: dates}}, ada)
				responded := regexp.MustCompile(`"date_responded":[^,}]*`)
				registered := regexp.MustCompile(`"email_registered":[^,}]*`)
				before := c.Now().AddDate(0, 0, -30).UTC().Format(time.RFC3339)
				c.rewrite(func(_ *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
					body := responded.ReplaceAll(rec.Body.Bytes(), []byte(fmt.Sprintf(`"date_responded":%q`, before)))
					rec.Body = bytes.NewBuffer(registered.ReplaceAll(body, []byte(fmt.Sprintf(`"email_registered":%q`, ada))))
					return rec
				})
				c.expect(c.run(with{}), 0, ada, "invite done")
				must(t, c.Advance(76*time.Hour))
				c.expect(c.run(with{}), 0, ada, "reinvite done")
				c.expectMails(ada, 2)
			})
		})
	}
}

// answerEdits makes the server answer edits with the status 200 and a text. If acts is false for an edit, the server
// does not act on it.
func (c *company) answerEdits(text string, acts func(r *http.Request) bool) {
	inner := c.wire.Handler
	c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet || strings.HasPrefix(r.URL.Path, invitePath):
			inner.ServeHTTP(w, r)
			return
		case acts(r):
			inner.ServeHTTP(httptest.NewRecorder(), r)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, text)
	})
}

// TestEditAnsweredWithText: a server answers an edit with the status 200 and a text, and did not act. The change is
// failed, and everything else goes on. Before, it was done in every run.
func TestEditAnsweredWithText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"message": "Cannot remove the owner"}`, `{"detail": "nope"}`, `{"removed": false}`, `{"status": "skipped"}`,
		`{"user": {"error": "no"}}`,
	} {
		for _, lag := range []time.Duration{0, 30 * time.Second} {
			t.Run(fmt.Sprint(text, lag), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newDefaultCompany(t, sandbox.Options{ListLag: lag}, ada, bob)
					c.addMembers(ada, bob, mallory, zoe)
					must(t, c.Advance(time.Hour))
					c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = roster.UnlistedRemove, 0
					c.setFirstGroups("everyone")
					id := c.user(mallory).ID
					c.answerEdits(text, func(r *http.Request) bool { return !strings.Contains(r.URL.Path, id) })
					o := c.run(with{})
					if o.Stopped != nil || o.exitCode() != 3 || o.about(mallory) != "remove failed" {
						t.Errorf("stopped by %v, exit code %d, %s", o.Stopped, o.exitCode(), o.about(mallory))
					}
					if done := o.about(ada) + ", " + o.about(zoe); lag == 0 && done != "grant done, remove done" {
						t.Errorf("the others: %s", done)
					}
					if c.user(zoe) != nil || c.user(mallory) == nil {
						t.Error("the wrong user was removed")
					}
					must(t, c.Advance(time.Hour))
					c.expect(c.run(with{}), 3, mallory, "remove failed")
					c.expectUser(ada, "everyone")
				})
			})
		}
	}
}

// TestManyEditsAnsweredWithText: a server that answers every edit with a text stops no run. It does not act on the
// first edits, which are made once more. The number of readings does not grow with the number of edits.
func TestManyEditsAnsweredWithText(t *testing.T) {
	t.Parallel()
	for _, idle := range []int{0, 5, 30} {
		synctest.Test(t, func(t *testing.T) {
			people := manyPeople(40)
			c := newDefaultCompany(t, sandbox.Options{}, people...)
			c.addMembers(people...)
			c.setAllGroups("everyone")
			refused := map[string]bool{}
			for _, who := range people[:idle] {
				refused[c.user(who).ID] = true
			}
			c.answerEdits(`{"message": "The user was added"}`, func(r *http.Request) bool {
				return !refused[textBetween(c.readBody(r), `"user_id":"`, `"`)]
			})
			o := c.run(with{})
			if o.Count(apply.Done) != 40-idle || o.Count(apply.Skipped) != 0 || o.Stopped != nil {
				t.Errorf("%d idle: %s (done/failed/unknown/skipped), stopped by %v", idle, o.counts(), o.Stopped)
			}
			if want := 40 - idle; c.writeCount() != want {
				t.Errorf("%d idle: the server acted on %d edits, want %d", idle, c.writeCount(), want)
			}
			readings := 0
			for _, r := range c.Requests() {
				if r.Path == "/v2/users" {
					readings++
				}
			}
			if readings > 1+12 {
				t.Errorf("%d idle: %d readings", idle, readings)
			}
		})
	}
}

// TestEditsGoAloneUntilOneIsConfirmed: as long as neither an answer nor a reading confirms an edit, edits are made one
// after another.
func TestEditsGoAloneUntilOneIsConfirmed(t *testing.T) {
	t.Parallel()
	for made, want := range map[bool]int{false: 1, true: 8} {
		synctest.Test(t, func(t *testing.T) {
			people := manyPeople(30)
			c := newDefaultCompany(t, sandbox.Options{}, people...)
			c.addMembers(people...)
			c.setAllGroups("everyone")
			c.answerEdits(`{"message": "The request was received"}`, func(*http.Request) bool { return made })
			var mu sync.Mutex
			inFlight, peak := 0, 0
			count := func(n int) {
				mu.Lock()
				defer mu.Unlock()
				inFlight += n
				peak = max(peak, inFlight)
			}
			inner := c.wire.Handler
			c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					count(1)
					defer count(-1)
					time.Sleep(time.Second)
				}
				inner.ServeHTTP(w, r)
			})
			o := c.run(with{})
			if peak != want || o.Stopped != nil {
				t.Errorf("made %v: %d edits at the same time, want %d; %s (done/failed/unknown/skipped), stopped by %v", made,
					peak, want, o.counts(), o.Stopped)
			}
		})
	}
}

// TestThreeLostEditsNotInARow: three answers to edits are lost. A server that answers the third edit with a text works,
// so this is no reason to stop.
func TestThreeLostEditsNotInARow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		people := manyPeople(5)
		c := newDefaultCompany(t, sandbox.Options{}, people...)
		c.addMembers(people...)
		c.setAllGroups("everyone")
		edits := 0
		c.answerEdits(`{"message": "The request was received"}`, func(*http.Request) bool { return false })
		c.wire.Before = func(r *http.Request) error {
			if r.Method == http.MethodGet {
				return nil
			}
			// Each of the first two edits is sent twice, and so is the third.
			if edits++; edits <= 4 || edits == 7 {
				return errKilled
			}
			return nil
		}
		if o := c.run(with{concurrency: 1}); o.Stopped != nil {
			t.Errorf("stopped by %v after %d requests", o.Stopped, edits)
		}
	})
}

// TestEditDoneButAnsweredWithText: a server makes an edit and answers with a text, and its lists lag. The edit is made
// once more, and the server refuses that. The outcome is not known, and the next run finds that the edit is done.
func TestEditDoneButAnsweredWithText(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		c.addMembers(ada)
		must(t, c.Advance(time.Hour))
		c.setFirstGroups("everyone")
		inner, edits := c.wire.Handler, 0
		var mu sync.Mutex
		groups, lagsUntil := map[string]*httptest.ResponseRecorder{}, c.Now().Add(10*time.Minute)
		c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if r.Method == http.MethodGet {
				rec := groups[r.URL.String()]
				if isGroup := strings.HasPrefix(r.URL.Path, "/v2/groups"); rec == nil || !isGroup || c.Now().After(lagsUntil) {
					rec = httptest.NewRecorder()
					inner.ServeHTTP(rec, r)
					groups[r.URL.String()] = rec
				}
				writeAnswer(w, rec)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			if edits++; edits > 1 {
				w.WriteHeader(http.StatusConflict)
				fmt.Fprint(w, `{"error":"The user is a member already"}`)
				return
			}
			inner.ServeHTTP(httptest.NewRecorder(), r)
			fmt.Fprint(w, `{"message":"The user was added"}`)
		})
		c.expect(c.run(with{}), 3, ada, "grant unknown")
		must(t, c.Advance(time.Hour))
		c.expect(c.run(with{}), 0, ada, "nothing")
		c.expectUser(ada, "everyone")
	})
}
