package apply_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// The histories of this file and the other faults_*_test.go went wrong before: somebody was mailed
// twice, forgotten, let in or thrown out. Each test is named after what happened, and plays it in
// several ways.

const (
	ada     = "ada@example.com"
	bob     = "bob@example.com"
	zoe     = "zoe@example.com"
	home    = "countess@home.example" // the other address of ada
	mallory = "mallory@example.com"   // not a colleague

	suspendedList = "/v2/organizations/{id}/suspended-users"
)

// newFault begins a history with the settings of a roster that names none.
func newFault(t *testing.T, o sandbox.Options, people ...string) *company {
	t.Helper()
	c := newCompany(t, o, people...)
	c.roster.Settings = roster.Settings{
		MaxInvites: 100, MaxRemovals: 5, MaxRevokes: 25, ReinviteRounds: 4, UnlistedAfter: 24 * time.Hour,
	}
	return c
}

// run is one run as the command makes it, with the checks before it.
func (c *company) run(w with) outcome {
	c.t.Helper()
	w.refuse = true
	o := c.apply(w)
	c.log(o)
	return o
}

// applyTimes makes n runs, and lets time pass after each.
func (c *company) applyTimes(n int, every time.Duration, w with, look func(i int, o outcome)) {
	c.t.Helper()
	for i := range n {
		look(i, c.run(w))
		must(c.t, c.Advance(every))
	}
}

// exit is the code that the command ends with.
func (o outcome) exit() int {
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

// about is what the run did and said about one person: "invite done", "waiting", "nothing".
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

// notice is the first notice of a kind about somebody, "" for the whole run; nil when there is
// none.
func (o outcome) notice(kind plan.NoticeKind, who string) *plan.Notice {
	for i, n := range o.Notices {
		if n.Kind == kind && n.Email.String() == who {
			return &o.Notices[i]
		}
	}
	return nil
}

// expect fails the test unless the run ended with that exit code and said that about somebody.
func (c *company) expect(o outcome, exit int, who, about string) {
	c.t.Helper()
	if got := o.about(who); o.exit() != exit || got != about {
		c.t.Errorf("%s: exit code %d, %s: %s; want %d, %s (%v)",
			c.Now().Format("Jan 2 15:04"), o.exit(), who, got, exit, about, o.err)
	}
}

// expectMails fails the test unless somebody has so many mails.
func (c *company) expectMails(who string, want int) {
	c.t.Helper()
	if got := len(c.Mails()[who]); got != want {
		c.t.Errorf("%s: %s has %d mails, want %d: %v", c.Now().Format("Jan 2 15:04"), who, got, want, c.Mails()[who])
	}
}

// user is the user with that address; nil when there is none.
func (c *company) user(email string) *sandbox.User {
	for _, u := range c.World().Users {
		if strings.EqualFold(u.Email, email) {
			return &u
		}
	}
	return nil
}

// expectUser fails the test unless there is a user with that address who has just these groups, in
// words.
func (c *company) expectUser(email string, groups ...string) {
	c.t.Helper()
	switch u := c.user(email); {
	case u == nil:
		c.t.Errorf("%s: %s is no user any more", c.Now().Format("Jan 2 15:04"), email)
	case !slices.Equal(sorted(u.Groups), groups):
		c.t.Errorf("%s: %s is in the groups %v, want %v", c.Now().Format("Jan 2 15:04"), email, u.Groups, groups)
	}
}

// writes is how many requests that change something reached the API.
func (c *company) writes() int {
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

// give makes the first person of the roster one of these groups.
func (c *company) giveFirst(groups ...string) { c.roster.People[0].Groups = refs(groups...) }

// hide makes reading a path fail with a status.
func (c *company) hide(path string, status int) {
	c.AddFault(sandbox.Fault{Method: http.MethodGet, Path: path, Kind: sandbox.FaultStatus, Status: status})
}

// hideUsers makes the key one that may not list users.
func (c *company) hideUsers() { c.hide("/v2/users", http.StatusForbidden) }

// Before, mallory got ada's admin group and API access because ada's declined invitation named her,
// and with mallory in the roster herself each run ended with exit code 6.
func TestFaultA1AnUnacceptedInvitationNamesSomebodyElse(t *testing.T) {
	t.Parallel()
	for state, first := range map[string]string{
		"declined": "needs_attention", "cancelled": "needs_attention", "expired": "reinvite done", "pending": "waiting",
	} {
		for _, listed := range []bool{false, true} {
			t.Run(fmt.Sprint(state, " listed ", listed), func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					people := []string{ada}
					if listed {
						people = append(people, mallory)
					}
					c := newFault(t, sandbox.Options{Dialect: sandbox.Dialect{Lapsed: sandbox.LapsedMarked}}, people...)
					c.giveFirst("platform")
					c.roster.People[0].APIEnabled = new(true)
					c.join(mallory)
					_, err := c.AddInvitation(sandbox.Invitation{Email: ada, State: state, Registered: mallory})
					must(t, err)
					c.applyTimes(3, 24*time.Hour, with{}, func(i int, o outcome) {
						if i == 0 {
							c.expect(o, 0, ada, first)
						}
						if o.exit() != 0 {
							t.Errorf("exit code %d: %v", o.exit(), o.err)
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

// Before, somebody who declined what orgsync had sent to ada was taken for ada, so that ada was
// never invited again even by name.
func TestFaultA1DeclinedBySomebodyElse(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newFault(t, sandbox.Options{}, ada)
		c.giveFirst("platform")
		c.join(mallory)
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

// Before, a user whose address the roster does not name got the access of the person whose
// invitation they had accepted.
func TestFaultA1AnotherAddressGetsNothing(t *testing.T) {
	t.Parallel()
	for _, known := range []string{"accepted what orgsync sent", "was there with access before"} {
		t.Run(known, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				c := newFault(t, sandbox.Options{}, ada, bob)
				c.roster.Settings.Unlisted, c.roster.Settings.ExtraAccess = roster.UnlistedRemove, roster.ExtraAccessRevoke
				c.nameGroups("everyone")
				c.giveFirst("platform")
				c.join(bob)
				var before []string
				if known == "accepted what orgsync sent" {
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
				if o := c.run(with{}); o.exit() != 0 {
					t.Errorf("exit code %d", o.exit())
				}
				c.expectUser(home, "platform")
				c.expectMails(ada, mails)
			})
		})
	}
}

// Before, a key that may not list users and a list of pending invitations only made members look
// like people to be invited: on first use all of them were mailed, and whoever accepted was mailed
// three times more.
func TestFaultA2MembersWhomTheKeyCannotSee(t *testing.T) {
	t.Parallel()
	people := []string{ada, bob, zoe}
	pendingOnly := sandbox.Options{Dialect: sandbox.Dialect{
		Accepted: sandbox.AcceptedVanish, Declined: sandbox.DeclinedVanish,
	}}
	t.Run("first use", func(t *testing.T) {
		t.Parallel()
		for _, suspended := range []bool{false, true} {
			bubble(t, func(t *testing.T) {
				c := newFault(t, pendingOnly, people...)
				c.join(ada, bob)
				c.hideUsers()
				if suspended { // cannot be listed either
					c.hide(suspendedList, http.StatusForbidden)
				}
				c.applyTimes(4, 80*time.Hour, with{}, func(_ int, o outcome) {
					for _, who := range people {
						c.expect(o, 3, who, "unknown_membership")
					}
				})
				if c.writes() > 0 {
					t.Errorf("%d requests that write", c.writes())
				}
				c.run(with{reinvite: []string{zoe}}) // named by a person
				c.expectMails(zoe, 1)
			})
		}
	})
	t.Run("accepted, and hidden since", func(t *testing.T) {
		t.Parallel()
		for _, expiry := range []string{sandbox.LapsedPending, sandbox.LapsedVanish} {
			for _, kept := range []bool{true, false} {
				for _, seen := range []bool{true, false} {
					bubble(t, func(t *testing.T) {
						o := pendingOnly
						o.Dialect.Lapsed = expiry
						c := newFault(t, o, people...)
						c.run(with{})
						for _, who := range people {
							must(t, c.Accept(who))
						}
						if seen {
							c.run(with{}) // writes down that they joined
						}
						c.hideUsers()
						c.applyTimes(6, 80*time.Hour, with{}, func(i int, o outcome) {
							if !kept {
								c.loseLedger()
							}
							if i > 0 && o.exit() != 3 {
								t.Errorf("exit code %d: nobody is told that people may be missing", o.exit())
							}
						})
						c.expectEverybodyOnce()
					})
				}
			}
		}
	})
	t.Run("where accepted invitations are listed", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			c := newFault(t, sandbox.Options{}, people...)
			_, err := c.AddInvitation(sandbox.Invitation{Email: "somebody@example.com", State: "accepted"})
			must(t, err)
			c.hideUsers()
			c.run(with{})
			must(t, c.Accept(ada))
			c.applyTimes(3, time.Hour, with{}, func(_ int, o outcome) { c.expect(o, 0, ada, "nothing") })
			c.expectEverybodyOnce()
		})
	})
}

// Before, there was no way to mail people whom the key cannot see but to mail all of them again and
// again.
func TestFaultA2HiddenMembersAreMailedOnceAtMost(t *testing.T) {
	t.Parallel()
	post := func(f sandbox.Fault) *sandbox.Fault { f.Method, f.Path = http.MethodPost, lostInvite; return &f }
	for name, fault := range map[string]*sandbox.Fault{
		"nothing goes wrong": nil,
		"answers lost, the server acted": post(sandbox.Fault{
			Kind: sandbox.FaultDrop, After: true, From: 2, Every: 2, Times: 2,
		}),
		"answers lost, it did not act": post(sandbox.Fault{Kind: sandbox.FaultDrop, From: 2, Every: 2, Times: 2}),
		"every first answer is lost":   post(sandbox.Fault{Kind: sandbox.FaultDrop, Times: 1}),
		"refused at first":             post(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 409, Times: 3}),
		"a gateway answers": post(sandbox.Fault{
			Kind: sandbox.FaultHTML, Status: 502, Late: 4 * time.Second, Times: 1,
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				c := newFault(t, sandbox.Options{Dialect: sandbox.Dialect{
					Accepted: sandbox.AcceptedVanish, Declined: sandbox.DeclinedVanish, Lapsed: sandbox.LapsedVanish,
					Duplicate: sandbox.DuplicateSecond,
				}}, many(6)...)
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
						c.roster.People = listed[1:] // off the roster for one run
					case 4:
						c.roster.People = listed
					}
				})
				for who, mails := range c.Mails() {
					if len(mails) > 1 {
						t.Errorf("%s has %d mails", who, len(mails))
					}
				}
				if name == "refused at first" || fault == nil || fault.After {
					c.expectEverybodyOnce()
				}
			})
		})
	}
}

// Before, somebody who was suspended by hand was mailed where the key cannot list suspended users.
func TestFaultA3SuspendedAndUnseen(t *testing.T) {
	t.Parallel()
	for _, hidden := range []int{http.StatusForbidden, http.StatusNotFound} {
		for _, known := range []string{"by the ledger", "by an accepted invitation", "by both", "by nothing"} {
			t.Run(fmt.Sprint(hidden, " ", known), func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					d := sandbox.Dialect{
						Suspended: sandbox.SuspendedListed, Duplicate: sandbox.DuplicateSecond, Accepted: sandbox.AcceptedVanish,
					}
					if known == "by an accepted invitation" || known == "by both" {
						d.Accepted = sandbox.AcceptedListed
					}
					c := newFault(t, sandbox.Options{Dialect: d}, ada, zoe)
					c.join(zoe)
					c.run(with{})
					must(t, c.Accept(ada))
					must(t, c.Advance(time.Hour))
					c.expect(c.run(with{}), 0, ada, "nothing")
					must(t, c.Suspend(ada))
					if known == "by an accepted invitation" || known == "by nothing" {
						c.loseLedger()
					}
					c.hide(suspendedList, hidden)
					asked := c.posts()
					c.applyTimes(6, 20*time.Hour, with{}, func(_ int, o outcome) {
						if known == "by nothing" { // nobody can know
							if o.notice(plan.SuspendedUnseen, "") == nil {
								t.Error("nobody is told that suspended users cannot be seen")
							}
							return
						}
						c.expect(o, 3, ada, "unknown_membership")
					})
					if known != "by nothing" {
						c.expect(c.run(with{inviteLeft: true}), 3, ada, "unknown_membership")
						if c.posts() > asked {
							t.Errorf("%d mails were asked for", c.posts()-asked)
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
