package apply_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// The tests of this file and of the other faults_*_test.go repeat faults that orgsync once had. It mailed people twice,
// or never, or gave access to the wrong users, or removed members. Each test repeats one fault in several variants.

const (
	ada     = "ada@example.com"
	bob     = "bob@example.com"
	zoe     = "zoe@example.com"
	home    = "countess@home.example" // the other address of ada
	mallory = "mallory@example.com"   // belongs to no person of the roster

	suspendedList = "/v2/organizations/{id}/suspended-users"
)

// newDefaultCompany returns a company whose roster has the default settings.
func newDefaultCompany(t *testing.T, o sandbox.Options, people ...string) *company {
	t.Helper()
	c := newCompany(t, o, people...)
	c.roster.Settings = roster.Settings{
		MaxInvites: 100, MaxRemovals: 5, MaxRevokes: 25, ReinviteRounds: 4, UnlistedAfter: 24 * time.Hour,
	}
	return c
}

// run makes one run with all checks of the command before it, and logs its outcome.
func (c *company) run(w with) outcome {
	c.t.Helper()
	w.refuse = true
	o := c.apply(w)
	c.logOutcome(o)
	return o
}

// applyTimes makes n runs. It calls look with each outcome, and lets time pass after each run.
func (c *company) applyTimes(n int, every time.Duration, w with, look func(i int, o outcome)) {
	c.t.Helper()
	for i := range n {
		look(i, c.run(w))
		must(c.t, c.Advance(every))
	}
}

// exitCode returns the exit code of the command.
func (o outcome) exitCode() int {
	holds := slices.ContainsFunc(o.Notices, plan.Notice.Holds)
	acted := slices.ContainsFunc(o.Changes, func(c apply.ChangeResult) bool {
		return c.Outcome == apply.Done || c.Requests > 0
	})
	var limit *plan.LimitError
	var pin *org.PinError
	var problems *roster.ProblemsError
	switch {
	case errors.As(o.err, &limit), errors.As(o.err, &pin):
		return 4
	case errors.As(o.err, &problems):
		return 6
	case o.err != nil, o.Stopped != nil && !acted:
		return 1
	case o.Count(apply.Done) < len(o.Changes), holds, o.Stopped != nil:
		return 3
	}
	return 0
}

// about returns the changes and notices about one person, for example "invite done", "waiting" or "nothing".
func (o outcome) about(who string) string {
	var said []string
	for _, ch := range o.Changes {
		if strings.EqualFold(ch.Email.String(), who) {
			said = append(said, fmt.Sprintf("%s %s", ch.Action, ch.Outcome))
		}
	}
	for _, n := range o.Notices {
		if strings.EqualFold(n.Email.String(), who) {
			said = append(said, string(n.Kind))
		}
	}
	if len(said) == 0 {
		return "nothing"
	}
	return strings.Join(said, ", ")
}

// notice returns the first notice of a kind about a person, or about the whole run if who is "". It is nil if there
// is none.
func (o outcome) notice(kind plan.NoticeKind, who string) *plan.Notice {
	for i, n := range o.Notices {
		if n.Kind == kind && n.Email.String() == who {
			return &o.Notices[i]
		}
	}
	return nil
}

// expect fails the test unless the run has the exit code, and [outcome.about] returns about for the person.
func (c *company) expect(o outcome, exit int, who, about string) {
	c.t.Helper()
	if got := o.about(who); o.exitCode() != exit || got != about {
		c.t.Errorf("%s: exit code %d, %s: %s; want %d, %s (%v)",
			c.Now().Format("Jan 2 15:04"), o.exitCode(), who, got, exit, about, o.err)
	}
}

// expectMails fails the test unless the person has this number of mails.
func (c *company) expectMails(who string, want int) {
	c.t.Helper()
	if got := len(c.Mails()[who]); got != want {
		c.t.Errorf("%s: %s has %d mails, want %d: %v", c.Now().Format("Jan 2 15:04"), who, got, want, c.Mails()[who])
	}
}

// user returns the user with an address; nil if there is none.
func (c *company) user(email string) *sandbox.User {
	for _, u := range c.World().Users {
		if strings.EqualFold(u.Email, email) {
			return &u
		}
	}
	return nil
}

// expectUser fails the test unless there is a user with the address who has exactly these groups.
func (c *company) expectUser(email string, groups ...string) {
	c.t.Helper()
	switch u := c.user(email); {
	case u == nil:
		c.t.Errorf("%s: %s is no user any more", c.Now().Format("Jan 2 15:04"), email)
	case !slices.Equal(sorted(u.Groups), groups):
		c.t.Errorf("%s: %s is in the groups %v, want %v", c.Now().Format("Jan 2 15:04"), email, u.Groups, groups)
	}
}

// writeCount returns the number of requests that reached the API and change something.
func (c *company) writeCount() int {
	n := 0
	for _, r := range c.Requests() {
		if r.Method != http.MethodGet {
			n++
		}
	}
	return n
}

// loseLedger empties the ledger.
func (c *company) loseLedger() { must(c.t, c.store.Replace(nil)) }

// setFirstGroups sets the groups of the first person of the roster.
func (c *company) setFirstGroups(groups ...string) { c.roster.People[0].Groups = refs(groups...) }

// setAllGroups sets the groups of all people of the roster.
func (c *company) setAllGroups(groups ...string) {
	for i := range c.roster.People {
		c.roster.People[i].Groups = refs(groups...)
	}
}

// failReading makes each GET request for a path fail with a status.
func (c *company) failReading(path string, status int) {
	c.AddFault(sandbox.Fault{Method: http.MethodGet, Path: path, Kind: sandbox.FaultStatus, Status: status})
}

// hideUsers makes the API refuse to list users.
func (c *company) hideUsers() { c.failReading("/v2/users", http.StatusForbidden) }

// TestFaultA1UnacceptedInvitationNamesAnotherUser: ada's invitation was not accepted, and names mallory as the
// registered user. mallory gets nothing of ada's access. Before, mallory got ada's admin group and API access. With
// mallory in the roster, each run ended with exit code 6.
func TestFaultA1UnacceptedInvitationNamesAnotherUser(t *testing.T) {
	t.Parallel()
	for state, first := range map[string]string{
		"declined": "needs_attention", "cancelled": "needs_attention", "expired": "reinvite done", "pending": "waiting",
	} {
		for _, listed := range []bool{false, true} {
			t.Run(fmt.Sprint(state, " listed ", listed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					people := []string{ada}
					if listed {
						people = append(people, mallory)
					}
					c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Lapsed: sandbox.LapsedMarked}}, people...)
					c.setFirstGroups("platform")
					c.roster.People[0].APIEnabled = new(true)
					c.addMembers(mallory)
					_, err := c.AddInvitation(sandbox.Invitation{Email: ada, State: state, Registered: mallory})
					must(t, err)
					c.applyTimes(3, 24*time.Hour, with{}, func(i int, o outcome) {
						if i == 0 {
							c.expect(o, 0, ada, first)
						}
						if o.exitCode() != 0 {
							t.Errorf("exit code %d: %v", o.exitCode(), o.err)
						}
						c.expectUser(mallory)
						if c.user(mallory).APIEnabled {
							t.Error("mallory has ada's API access")
						}
					})
					if state != "expired" && c.mailCount() > 0 {
						t.Errorf("mails: %v", c.Mails())
					}
				})
			})
		}
	}
}

// TestFaultA1DeclinedByAnotherUser: a user who declines ada's invitation is not taken for ada. Before, they were, and
// --reinvite did not invite ada either.
func TestFaultA1DeclinedByAnotherUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		c.setFirstGroups("platform")
		c.addMembers(mallory)
		c.expect(c.run(with{}), 0, ada, "invite done")
		must(t, c.DeclineAs(ada, mallory))
		c.applyTimes(4, 24*time.Hour, with{}, func(_ int, o outcome) { c.expect(o, 0, ada, "needs_attention") })
		c.expectUser(mallory)
		c.run(with{reinvite: []string{ada}})
		c.expectMails(ada, 2)
		must(t, c.Accept(ada))
		c.run(with{})
		c.expectUser(ada, "platform")
		c.expectUser(mallory)
	})
}

// TestFaultA1UserOfAnotherAddressGetsNothing: a user whose address the roster does not name gets no access, even if
// they accepted a person's invitation. Before, they got the access of that person.
func TestFaultA1UserOfAnotherAddressGetsNothing(t *testing.T) {
	t.Parallel()
	for _, known := range []string{"accepted an invitation of orgsync", "had access before"} {
		t.Run(known, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, sandbox.Options{}, ada, bob)
				c.roster.Settings.Unlisted, c.roster.Settings.ExtraAccess = roster.UnlistedRemove, roster.ExtraAccessRevoke
				c.nameGroups("everyone")
				c.setFirstGroups("platform")
				c.addMembers(bob)
				var before []string
				if known == "accepted an invitation of orgsync" {
					c.expect(c.run(with{}), 0, ada, "invite done")
					must(t, c.AcceptAs(ada, home))
				} else {
					before = []string{"everyone"}
					_, err := c.AddUser(sandbox.User{Email: home, Groups: before})
					must(t, err)
					_, err = c.AddInvitation(sandbox.Invitation{Email: ada, State: "accepted", Registered: home})
					must(t, err)
				}
				mails := len(c.Mails()[ada])
				c.applyTimes(8, 12*time.Hour, with{}, func(_ int, o outcome) {
					c.expect(o, 0, ada, "other_address")
					if n := o.notice(plan.OtherAddress, ada); n == nil || n.Text != home {
						t.Errorf("the notice does not name the address: %+v", n)
					}
					c.expectUser(home, before...)
				})
				must(t, c.Suspend(home))
				c.expect(c.run(with{}), 0, ada, "other_address, suspended")
				must(t, c.Unsuspend(home))
				c.roster.People[0].Aliases = []org.Address{org.MustParseAddress(home)}
				if o := c.run(with{}); o.exitCode() != 0 {
					t.Errorf("exit code %d", o.exitCode())
				}
				c.expectUser(home, "platform")
				c.expectMails(ada, mails)
			})
		})
	}
}

// TestFaultA2HiddenMembers: the key may not list users, and the list of invitations drops accepted ones. Then orgsync
// does not mail people who may be members. Before, the first run mailed all members, and people who accepted got
// three more mails.
func TestFaultA2HiddenMembers(t *testing.T) {
	t.Parallel()
	people := []string{ada, bob, zoe}
	pendingOnly := sandbox.Options{Dialect: sandbox.Dialect{
		Accepted: sandbox.AcceptedVanish, Declined: sandbox.DeclinedVanish,
	}}
	t.Run("first use", func(t *testing.T) {
		t.Parallel()
		for _, suspended := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, pendingOnly, people...)
				c.addMembers(ada, bob)
				c.hideUsers()
				if suspended { // suspended users cannot be listed either
					c.failReading(suspendedList, http.StatusForbidden)
				}
				c.applyTimes(4, 80*time.Hour, with{}, func(_ int, o outcome) {
					for _, who := range people {
						c.expect(o, 3, who, "unknown_membership")
					}
				})
				if c.writeCount() > 0 {
					t.Errorf("%d requests that write", c.writeCount())
				}
				c.run(with{reinvite: []string{zoe}}) // an operator decides to mail zoe
				c.expectMails(zoe, 1)
			})
		}
	})
	t.Run("accepted, and hidden since", func(t *testing.T) {
		t.Parallel()
		for _, expiry := range []string{sandbox.LapsedPending, sandbox.LapsedVanish} {
			for _, kept := range []bool{true, false} {
				for _, seen := range []bool{true, false} {
					synctest.Test(t, func(t *testing.T) {
						o := pendingOnly
						o.Dialect.Lapsed = expiry
						c := newDefaultCompany(t, o, people...)
						c.run(with{})
						for _, who := range people {
							must(t, c.Accept(who))
						}
						if seen {
							c.run(with{}) // records that they joined
						}
						c.hideUsers()
						c.applyTimes(6, 80*time.Hour, with{}, func(i int, o outcome) {
							if !kept {
								c.loseLedger()
							}
							if i > 0 && o.exitCode() != 3 {
								t.Errorf("exit code %d, want 3 because people may be missing", o.exitCode())
							}
						})
						c.expectOneMailEach()
					})
				}
			}
		}
	})
	t.Run("where accepted invitations are listed", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := newDefaultCompany(t, sandbox.Options{}, people...)
			_, err := c.AddInvitation(sandbox.Invitation{Email: "somebody@example.com", State: "accepted"})
			must(t, err)
			c.hideUsers()
			c.run(with{})
			must(t, c.Accept(ada))
			c.applyTimes(3, time.Hour, with{}, func(_ int, o outcome) { c.expect(o, 0, ada, "nothing") })
			c.expectOneMailEach()
		})
	})
}

// TestFaultA2HiddenMembersAreMailedOnceAtMost: the setting `hidden_members: invite` mails each person at most once.
// Before, the only choice was to mail all of them again and again.
func TestFaultA2HiddenMembersAreMailedOnceAtMost(t *testing.T) {
	t.Parallel()
	post := func(f sandbox.Fault) *sandbox.Fault { f.Method, f.Path = http.MethodPost, invitePath; return &f }
	for name, fault := range map[string]*sandbox.Fault{
		"nothing goes wrong": nil,
		"answers lost, the server acted": post(sandbox.Fault{
			Kind: sandbox.FaultDrop, ActFirst: true, From: 2, Every: 2, Times: 2,
		}),
		"answers lost, it did not act": post(sandbox.Fault{Kind: sandbox.FaultDrop, From: 2, Every: 2, Times: 2}),
		"every first answer is lost":   post(sandbox.Fault{Kind: sandbox.FaultDrop, Times: 1}),
		"refused at first":             post(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 409, Times: 3}),
		"a gateway answers": post(sandbox.Fault{
			Kind: sandbox.FaultHTML, Status: 502, ActAfter: 4 * time.Second, Times: 1,
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
					Accepted: sandbox.AcceptedVanish, Declined: sandbox.DeclinedVanish, Lapsed: sandbox.LapsedVanish,
					Duplicate: sandbox.DuplicateSecond,
				}}, manyPeople(6)...)
				c.roster.Settings.HiddenMembers = roster.HiddenMembersInvite
				c.hideUsers()
				if fault != nil {
					c.AddFault(*fault)
				}
				listed := c.roster.People
				c.applyTimes(10, 80*time.Hour, with{}, func(i int, o outcome) {
					for _, ch := range o.Changes {
						if n := len(c.Mails()[ch.Email.String()]); ch.Outcome == apply.Done && n == 0 {
							t.Errorf("the mail to %s counts as sent, and there was none", ch.Email)
						}
					}
					switch i {
					case 0:
						_ = c.Accept("p001@example.com")
					case 3:
						c.roster.People = listed[1:] // the first person is not listed for one run
					case 4:
						c.roster.People = listed
					}
				})
				for who, mails := range c.Mails() {
					if len(mails) > 1 {
						t.Errorf("%s has %d mails", who, len(mails))
					}
				}
				if name == "refused at first" || fault == nil || fault.ActFirst {
					c.expectOneMailEach()
				}
			})
		})
	}
}

// TestFaultA3HiddenSuspendedUsers: a person who is suspended by hand is not mailed if the key cannot list suspended
// users. Before, they were mailed.
func TestFaultA3HiddenSuspendedUsers(t *testing.T) {
	t.Parallel()
	for _, hidden := range []int{http.StatusForbidden, http.StatusNotFound} {
		for _, known := range []string{"by the ledger", "by an accepted invitation", "by both", "by nothing"} {
			t.Run(fmt.Sprint(hidden, " ", known), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					d := sandbox.Dialect{
						Suspended: sandbox.SuspendedListed, Duplicate: sandbox.DuplicateSecond, Accepted: sandbox.AcceptedVanish,
					}
					if known == "by an accepted invitation" || known == "by both" {
						d.Accepted = sandbox.AcceptedListed
					}
					c := newDefaultCompany(t, sandbox.Options{Dialect: d}, ada, zoe)
					c.addMembers(zoe)
					c.run(with{})
					must(t, c.Accept(ada))
					must(t, c.Advance(time.Hour))
					c.expect(c.run(with{}), 0, ada, "nothing")
					must(t, c.Suspend(ada))
					if known == "by an accepted invitation" || known == "by nothing" {
						c.loseLedger()
					}
					c.failReading(suspendedList, hidden)
					asked := c.postCount()
					c.applyTimes(6, 20*time.Hour, with{}, func(_ int, o outcome) {
						if known == "by nothing" { // orgsync cannot know that ada is suspended
							if o.notice(plan.SuspendedUnseen, "") == nil {
								t.Error("no notice reports that suspended users cannot be listed")
							}
							return
						}
						c.expect(o, 3, ada, "unknown_membership")
					})
					if known != "by nothing" {
						c.expect(c.run(with{inviteLeft: true}), 3, ada, "unknown_membership")
						if c.postCount() > asked {
							t.Errorf("%d mails were asked for", c.postCount()-asked)
						}
					}
					c.ClearFaults()
					must(t, c.Unsuspend(ada))
					c.expect(c.run(with{}), 0, ada, "nothing")
					c.expectMails(ada, 1)
				})
			})
		}
	}
}
