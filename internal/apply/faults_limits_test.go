package apply_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// TestFaultA16UnconfirmedPin: if nothing confirms the organization of the roster, orgsync removes nobody. If it is the
// wrong organization, orgsync stops after one mail. Before, it mailed everybody from the wrong organization.
func TestFaultA16UnconfirmedPin(t *testing.T) {
	t.Parallel()
	const other = "aaaaaaaa-0000-4000-8000-000000000000"
	for _, hidden := range []int{403, 404} {
		for name, test := range map[string]struct {
			own         bool // the roster names the right organization
			organized   bool // the key may list organizations
			invitations bool // the list of invitations is not empty
			exit, mails int
			unconfirmed bool
		}{
			"the right organization, without a confirmation":        {own: true, mails: 9, unconfirmed: true},
			"the right organization, an invitation confirms it":     {own: true, invitations: true, mails: 9},
			"a wrong organization, without a contradiction":         {exit: 3, mails: 1, unconfirmed: true},
			"a wrong organization, an invitation contradicts it":    {invitations: true, exit: 4},
			"a wrong organization, the organizations contradict it": {organized: true, exit: 4},
		} {
			t.Run(fmt.Sprint(hidden, name), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newDefaultCompany(t, sandbox.Options{}, manyPeople(9)...)
					c.roster.Organization = other
					c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = roster.UnlistedRemove, 0
					c.addMembers(mallory)
					if test.own {
						c.roster.Organization = c.World().Organization.ID
					}
					if test.invitations {
						_, err := c.AddInvitation(sandbox.Invitation{Email: zoe})
						must(t, err)
					}
					if !test.organized {
						c.failReading("/v2/organizations", hidden)
					}
					c.failReading(suspendedList, http.StatusNotFound)
					o := c.run(with{})
					if o.exitCode() != test.exit || c.mailCount() != test.mails {
						t.Errorf("exit code %d, %d mails, want %d and %d: %v, %v",
							o.exitCode(), c.mailCount(), test.exit, test.mails, o.err, o.Stopped)
					}
					if (o.notice(plan.PinUnconfirmed, "") != nil) != test.unconfirmed {
						t.Errorf("notice about the unconfirmed organization: %v", !test.unconfirmed)
					}
					if test.unconfirmed || test.exit == 4 {
						c.expectUser(mallory) // is not removed
					}
					if test.exit == 3 { // the ledger has the organization of the first answer
						if again := c.run(with{}); again.exitCode() != 4 || c.mailCount() != test.mails {
							t.Errorf("the next run: exit code %d, %d mails", again.exitCode(), c.mailCount())
						}
					}
				})
			})
		}
	}
}

// TestFaultA17LostLedger: a notice reports a lost ledger. Before, orgsync did not report it.
func TestFaultA17LostLedger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		if o := c.run(with{}); o.notice(plan.NewLedger, "") != nil {
			t.Error("a notice on first use of a new organization")
		}
		for range 2 {
			must(t, c.Advance(time.Hour))
			c.loseLedger()
			if o := c.run(with{}); o.notice(plan.NewLedger, "") == nil || o.exitCode() != 0 {
				t.Errorf("exit code %d, or no notice", o.exitCode())
			}
		}
	})
}

// TestFaultA17DoubledLedger: a ledger with repeated lines does not count a mail twice. Before, orgsync gave up too
// early with such a ledger.
func TestFaultA17DoubledLedger(t *testing.T) {
	t.Parallel()
	for name, double := range map[string]func(string) string{
		"twice":       func(s string) string { return s + s },
		"three times": func(s string) string { return s + s + s },
		"each line twice": func(s string) string {
			var b strings.Builder
			for line := range strings.Lines(s) {
				b.WriteString(line + line)
			}
			return b.String()
		},
		"a copy with other line ends": func(s string) string { return s + strings.ReplaceAll(s, "\n", "\r\n") },
		"a copy with spaces":          func(s string) string { return s + strings.ReplaceAll(s, `":`, `": `) },
		"a copy of the first half": func(s string) string {
			lines := slices.Collect(strings.Lines(s))
			return strings.Join(lines[:len(lines)/2], "") + s
		},
	} {
		for _, expiry := range []string{sandbox.LapsedPending, sandbox.LapsedVanish} {
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Lapsed: expiry}}, ada)
				for mails := range 6 {
					c.run(with{})
					content, err := c.store.Read(t.Context())
					must(t, err)
					must(t, c.store.Replace([]byte(double(string(content)))))
					c.expectMails(ada, min(mails+1, 4))
					must(t, c.Advance(73*time.Hour))
				}
				c.expect(c.run(with{}), 0, ada, "gave_up")
			})
			if t.Failed() {
				t.Fatal(name, expiry)
			}
		}
	}
}

// TestFaultA17FoundLedger: a ledger that was lost is found and added to the ledger that took its place. Then the old
// mails are not the last ones, and nobody is mailed again.
func TestFaultA17FoundLedger(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"documented", "undated", "no-dates"} {
		dialect, err := sandbox.ParseDialect(name)
		must(t, err)
		synctest.Test(t, func(t *testing.T) {
			c := newDefaultCompany(t, sandbox.Options{Dialect: dialect}, ada)
			c.run(with{})
			lost, err := c.store.Read(t.Context())
			must(t, err)
			must(t, c.store.Replace(nil))
			must(t, c.Advance(73*time.Hour))
			c.run(with{})
			c.expectMails(ada, 2)
			newer, err := c.store.Read(t.Context())
			must(t, err)
			must(t, c.store.Replace(slices.Concat(newer, lost)))
			must(t, c.Advance(time.Hour))
			c.run(with{})
			c.expectMails(ada, 2)
		})
	}
}

// TestFaultA17FoundLedgerAfterAKill: a run is killed before it records the answer to a mail. Then a ledger that was
// lost is found and added to the ledger that took its place. Its mails are older than the lost mail, and no witness
// for it.
func TestFaultA17FoundLedgerAfterAKill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{
			ListLag: 5 * time.Minute, Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond},
		}, zoe)
		c.run(with{})
		must(t, c.Advance(time.Hour))
		c.setRoster(zoe, bob)
		c.run(with{})
		lost, err := c.store.Read(t.Context())
		must(t, err)
		must(t, c.store.Replace(nil))
		must(t, c.Advance(24*time.Hour))
		c.setRoster(zoe, bob, ada)
		k := c.killAfterWrite(1)
		c.apply(with{})
		k.restore()
		newer, err := c.store.Read(t.Context())
		must(t, err)
		must(t, c.store.Replace(slices.Concat(newer, lost)))
		c.run(with{settleWait: leaveToLaterRun})
		c.expectMails(ada, 1)
		must(t, c.Advance(time.Hour))
		c.run(with{})
		c.expectOneMailEach()
	})
}

// TestFaultA17TimesInTheFuture: a ledger with times in the future causes no second mail, and does not make people
// wait longer. Before, orgsync sent a second mail, or did not mail people again in time.
func TestFaultA17TimesInTheFuture(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{2 * time.Hour, 100 * time.Hour, 365 * 24 * time.Hour} {
		for _, expiry := range []string{sandbox.LapsedPending, sandbox.LapsedVanish} {
			for _, lost := range []bool{false, true} { // the answer to the first mail
				t.Run(fmt.Sprint(ahead, expiry, lost), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						c := newDefaultCompany(t, sandbox.Options{ListLag: 10 * time.Minute, Dialect: sandbox.Dialect{
							Lapsed: expiry, Accepted: sandbox.AcceptedVanish, Duplicate: sandbox.DuplicateSecond,
						}}, ada, bob)
						wrong := true
						c.rewrite(func(_ *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
							if at, err := http.ParseTime(rec.Header().Get("Date")); wrong && err == nil {
								rec.Header().Set("Date", at.Add(ahead).Format(http.TimeFormat))
							}
							return rec
						})
						if lost {
							c.AddFault(sandbox.Fault{
								Method: http.MethodPost, Path: invitePath, Kind: sandbox.FaultDrop, ActFirst: true, Times: 1,
							})
						}
						c.run(with{settleWait: leaveToLaterRun})
						wrong = false
						must(t, c.Advance(time.Minute))
						c.run(with{settleWait: leaveToLaterRun})
						for range 6 {
							must(t, c.Advance(10*time.Hour))
							c.run(with{})
						}
						c.checkInvariants()
						for _, who := range []string{ada, bob} {
							c.expectMails(who, 1)
						}
						for range 12 {
							must(t, c.Advance(12*time.Hour))
							c.run(with{})
						}
						c.checkInvariants()
						for _, who := range []string{ada, bob} {
							if n := len(c.Mails()[who]); n < 2 {
								t.Errorf("%s waits without end: %d mails", who, n)
							}
						}
					})
				})
			}
		}
	}
}

// TestFaultB1RevokesAreLimited: max_revokes limits the changes that take access from members. Before, there was no
// limit, and one run made 300 such changes.
func TestFaultB1RevokesAreLimited(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		revokes, api int
		limit        int
		refused      bool
	}{
		"300 revocations":                                    {revokes: 300, limit: 25, refused: true},
		"one too many":                                       {revokes: 26, limit: 25, refused: true},
		"as many as are allowed":                             {revokes: 25, limit: 25},
		"API access switched off":                            {api: 26, limit: 25, refused: true},
		"revocations and API access, one too many":           {revokes: 20, api: 6, limit: 25, refused: true},
		"revocations and API access, as many as are allowed": {revokes: 19, api: 6, limit: 25},
		"none allowed":                                       {revokes: 1, limit: 0, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				people := manyPeople(test.revokes + test.api)
				c := newDefaultCompany(t, sandbox.Options{}, append(people, ada)...)
				c.roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
				c.nameGroups("everyone")
				c.roster.Settings.MaxRevokes, c.roster.Settings.MaxRemovals = test.limit, 0
				for i, who := range people {
					u := sandbox.User{Email: who, Groups: []string{"everyone"}, APIEnabled: true}
					if c.roster.People[i].APIEnabled = new(true); i >= test.revokes {
						c.roster.People[i].APIEnabled = new(false)
						c.roster.People[i].Groups = refs("everyone")
					} else {
						c.roster.People[i].Groups = refs()
					}
					_, err := c.AddUser(u)
					must(t, err)
				}
				c.applyTimes(2, time.Hour, with{}, func(i int, o outcome) {
					want := 0
					if test.refused {
						want = 4
					}
					if o.exitCode() != want || test.refused && c.writeCount() > 0 {
						t.Errorf("exit code %d, %d requests that write", o.exitCode(), c.writeCount())
					}
				})
				if !test.refused {
					if o := c.run(with{}); len(o.Changes) > 0 {
						t.Errorf("%d changes are left", len(o.Changes))
					}
				}
			})
		})
	}
}

// TestFaultB2GroupRenamedOrDeleted: people are still invited if a group is renamed, deleted or cannot be read. Before,
// such a group stopped every invitation.
func TestFaultB2GroupRenamedOrDeleted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		happen func(c *company) error
		known  bool // the ledger has the id of the group
		gone   bool // the group is not found by its id either
	}{
		"renamed, with its id in the ledger": {func(c *company) error { return c.RenameGroup("platform", "infra") },
			true, false},
		"renamed, without its id in the ledger": {func(c *company) error { return c.RenameGroup("platform", "infra") },
			false, true},
		"deleted, with its id in the ledger": {func(c *company) error { return c.DeleteGroup("platform") }, true, true},
		"misspelled": {func(c *company) error {
			c.roster.People[0].Groups = refs("Platform")
			return nil
		}, true, true},
		"its members may not be read": {func(c *company) error {
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Method: http.MethodGet,
				Path: "/v2/groups/" + c.platformID() + "/members"})
			return nil
		}, true, true},
		"the API refuses to list its members": {func(c *company) error {
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: http.StatusBadRequest,
				Method: http.MethodGet, Path: "/v2/groups/" + c.platformID() + "/members"})
			return nil
		}, true, true},
		"its id cannot be used in a request": {func(c *company) error {
			c.rewrite(func(_ *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
				rec.Body = bytes.NewBuffer(bytes.ReplaceAll(rec.Body.Bytes(), []byte(c.platformID()), []byte("a/../b")))
				return rec
			})
			return nil
		}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, sandbox.Options{}, ada, bob, zoe)
				c.roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
				c.nameGroups("everyone")
				for i := range 2 {
					c.roster.People[i].Groups = refs("platform")
				}
				_, err := c.AddUser(sandbox.User{Email: ada, Groups: []string{"platform", "everyone"}})
				must(t, err)
				c.roster.People[0].Groups = refs("platform", "everyone")
				c.run(with{})
				must(t, c.Accept(bob))
				must(t, test.happen(c))
				if !test.known {
					c.loseLedger()
				}
				isEveryone := func(r roster.Ref) bool { return r.Name == "everyone" }
				c.roster.People[0].Groups = slices.DeleteFunc(slices.Clone(c.roster.People[0].Groups), isEveryone)
				c.addToRoster("new@example.com")
				o := c.run(with{})
				c.expectMails("new@example.com", 1)
				n := o.notice(plan.UnknownAccess, "")
				if n == nil || n.Holds() != test.gone || (o.exitCode() == 3) != test.gone {
					t.Errorf("exit code %d, %+v", o.exitCode(), n)
				}
				groups := c.user(ada).Groups
				if test.gone { // orgsync revokes no group of anybody
					if !slices.Contains(groups, "everyone") {
						t.Errorf("ada lost a group: %v", groups)
					}
					return
				}
				c.expectUser(ada, "infra")
				c.expectUser(bob, "infra")
				c.expect(c.run(with{}), 0, bob, "nothing")
			})
		})
	}
}

// platformID returns the id of the group "platform".
func (c *company) platformID() string {
	groups := c.World().Groups
	return groups[slices.IndexFunc(groups, func(g sandbox.Group) bool { return g.Name == "platform" })].ID
}

// addToRoster adds people to the roster.
func (c *company) addToRoster(people ...string) {
	for _, who := range people {
		c.roster.People = append(c.roster.People, roster.Person{
			Email: org.MustParseAddress(who), At: roster.Position{File: "users.yaml", Line: 99, Column: 5},
		})
	}
}

// TestFaultB9RefusedAddress: an address that the API refuses is tried less often, and runs between the tries end with
// exit code 0. Before, each run tried it and ended with exit code 3.
func TestFaultB9RefusedAddress(t *testing.T) {
	t.Parallel()
	for _, every := range []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour} {
		t.Run(fmt.Sprint(every), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, sandbox.Options{}, ada, bob)
				tried := map[string]int{}
				c.refuseMails(func(_ int, who string) string {
					tried[who]++
					if who == ada {
						return "no such mailbox: " + who
					}
					return ""
				})
				refused, runs := 0, int(5*24*time.Hour/every)
				c.applyTimes(runs, every, with{}, func(_ int, o outcome) {
					_ = c.Accept(bob)
					before := refused
					refused = tried[ada]
					switch {
					case refused > before:
						c.expect(o, 3, ada, "invite failed")
						if ch := o.Changes[0]; ch.Err == nil || !strings.Contains(ch.Err.Error(), "no such mailbox") {
							t.Errorf("the API's words are missing: %v", ch.Err)
						}
					default:
						c.expect(o, 0, ada, "refused")
						if n := o.notice(plan.RefusedMail, ada); n == nil || !strings.Contains(n.Text, "no such mailbox") {
							t.Errorf("%+v", n)
						}
					}
				})
				if refused > 3+5 {
					t.Errorf("tried %d times in five days", refused)
				}
				if refused < min(runs, 3+3) {
					t.Errorf("tried only %d times in five days", refused)
				}
				c.run(with{reinvite: []string{ada}})
				if tried[ada] != refused+1 {
					t.Error("--reinvite does not try at once")
				}
				c.expectMails(bob, 1)
			})
		})
	}
}

// TestFaultB9FullOrganization: if the organization is full, a run stops mailing after a few refusals. Free seats go
// to people in the order of the roster. Before, each run tried everybody, and seats went to people at random.
func TestFaultB9FullOrganization(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for _, concurrency := range []int{1, 8} {
		synctest.Test(t, func(t *testing.T) {
			people := []string{"z@example.com", "y@example.com", "x@example.com", "w@example.com"}
			people = append(people, manyPeople(30)...)
			c := newDefaultCompany(t, sandbox.Options{}, people...)
			seats, tried := 2, 0
			var seated []string
			c.refuseMails(func(_ int, who string) string {
				tried++
				if len(seated) >= seats {
					return "no seat is left for " + who
				}
				seated = append(seated, who)
				return ""
			})
			o := c.run(with{concurrency: concurrency})
			// Answers overtake each other. A run that sends several mails at once may get four refusals before each of the
			// two successes. It has other mails in flight when it gets the fifth refusal in a row.
			limit := 2 + 5
			if concurrency > 1 {
				limit += 2*(5-1) + concurrency - 1
			}
			if o.exitCode() != 3 || tried > limit || concurrency == 1 && !slices.Equal(seated, people[:2]) {
				t.Errorf("exit code %d, %d mails were tried, at most %d should be, the seats went to %v",
					o.exitCode(), tried, limit, seated)
			}
			// With one more seat each day, each person gets a seat, and nobody takes more than one.
			for range 60 {
				must(t, c.Advance(24*time.Hour))
				seats++
				c.run(with{concurrency: concurrency, reinvite: nil})
				for _, who := range seated {
					_ = c.Accept(who)
				}
			}
			if len(seated) != len(people) {
				t.Errorf("%d of %d people got a seat", len(seated), len(people))
			}
			c.expectOneMailEach()
		})
	}
}
