package apply_test

import (
	"fmt"
	"net/http"
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

// TestFaultA5UserNotAccepted: a user who has not accepted yet is not a member. Before, such users counted as members,
// and were never invited again.
func TestFaultA5UserNotAccepted(t *testing.T) {
	t.Parallel()
	for _, dialect := range []struct{ says, expiry string }{
		{sandbox.InviteAcceptedInvited, sandbox.LapsedPending},
		{sandbox.InviteAcceptedInvited, sandbox.LapsedMarked},
		{sandbox.InviteAcceptedInvited, sandbox.LapsedVanish},
		{sandbox.InviteAcceptedSingle, sandbox.LapsedPending},
		{sandbox.InviteAcceptedSingle, sandbox.LapsedMarked},
		{sandbox.InviteAcceptedSingle, sandbox.LapsedVanish},
	} {
		for _, kept := range []bool{true, false} {
			isVanish := dialect.expiry == sandbox.LapsedVanish
			if isVanish && !kept && dialect.says == sandbox.InviteAcceptedSingle {
				continue // nothing says that ada was invited
			}
			t.Run(fmt.Sprint(dialect.says, " ", dialect.expiry, " ledger ", kept), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
						InviteAccepted: dialect.says, Lapsed: dialect.expiry, Duplicate: sandbox.DuplicateSecond,
					}}, ada, zoe)
					c.roster.Settings.Unlisted = roster.UnlistedRemove
					c.setFirstGroups("platform")
					c.addMembers(zoe)
					c.expect(c.run(with{}), 0, ada, "invite done")
					again := map[bool]string{false: "reinvite done", true: "needs_attention"}[isVanish && !kept]
					for _, want := range []string{"waiting", "waiting", "waiting", again} {
						must(t, c.Advance(19*time.Hour))
						if !kept {
							c.loseLedger()
						}
						c.expect(c.run(with{}), 0, ada, want)
					}
					content, err := c.store.Read(t.Context())
					must(t, err)
					for line := range strings.Lines(string(content)) {
						if strings.Contains(line, ada) && strings.Contains(line, `"joined"`) {
							t.Errorf("the ledger has her as a member: %s", line)
						}
					}
					// ada is not removed when she is no longer in the roster.
					c.setRoster(zoe)
					c.applyTimes(3, 30*time.Hour, with{}, func(_ int, o outcome) {
						if o.exitCode() != 0 || len(o.Changes) > 0 {
							t.Errorf("exit code %d, %d changes", o.exitCode(), len(o.Changes))
						}
					})
					c.setRoster(ada, zoe)
					c.setFirstGroups("platform")
					c.run(with{reinvite: []string{ada}})
					must(t, c.Accept(ada))
					c.run(with{})
					c.expectUser(ada, "platform")
				})
			})
		}
	}
}

// TestFaultA6MemberUnderAnotherAddress: a person who may be a member under another address is reported and not
// mailed. Before, they got three more mails if the list drops accepted invitations.
func TestFaultA6MemberUnderAnotherAddress(t *testing.T) {
	t.Parallel()
	for _, expiry := range []string{sandbox.LapsedPending, sandbox.LapsedMarked, sandbox.LapsedVanish} {
		for _, policy := range []roster.UnlistedPolicy{roster.UnlistedReport, roster.UnlistedSuspend, roster.UnlistedRemove} {
			t.Run(fmt.Sprint(expiry, " ", policy), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
						Accepted: sandbox.AcceptedVanish, Lapsed: expiry, Duplicate: sandbox.DuplicateSecond,
					}}, ada, zoe)
					c.roster.Settings.Unlisted = policy
					c.addMembers(zoe)
					c.run(with{})
					must(t, c.Advance(time.Hour))
					must(t, c.AcceptAs(ada, home))
					c.applyTimes(20, 20*time.Hour, with{}, func(i int, o outcome) {
						n := o.notice(plan.PossibleAlias, ada)
						if n == nil || n.Text != home || n.Holds() != (i > 3) || (o.exitCode() == 3) != (i > 3) {
							t.Errorf("run %d: exit code %d, %+v", i, o.exitCode(), n)
						}
						c.expectUser(home)
						if c.user(home).Suspended {
							t.Error("ada is suspended")
						}
					})
					c.expectMails(ada, 1)
					c.roster.People[0].Aliases = []org.Address{org.MustParseAddress(home)}
					c.expect(c.run(with{}), 0, ada, "nothing")
				})
			})
		}
	}
}

// TestFaultA6UsersFromBeforeTheMail: an unlisted user holds a mail only if the user came after the earlier mail to
// the person. Before, orgsync did not compare the times.
func TestFaultA6UsersFromBeforeTheMail(t *testing.T) {
	t.Parallel()
	for _, seen := range []bool{true, false} { // by an earlier run
		synctest.Test(t, func(t *testing.T) {
			c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
				Accepted: sandbox.AcceptedVanish, Lapsed: sandbox.LapsedVanish,
			}}, zoe)
			c.addMembers(zoe, home)
			if seen {
				c.run(with{})
			}
			c.setRoster(ada, zoe)
			c.expect(c.run(with{}), 0, ada, "invite done")
			must(t, c.Advance(80*time.Hour))
			c.expect(c.run(with{}), 0, ada, "reinvite done")
			c.expectMails(ada, 2)
			c.addMembers(mallory) // comes after the first mail and the second
			must(t, c.Advance(80*time.Hour))
			o := c.run(with{})
			c.expect(o, 3, ada, "possible_alias")
			if n := o.notice(plan.PossibleAlias, ada); n == nil || n.Text != mallory {
				t.Errorf("%+v", n)
			}
			must(t, c.Leave(mallory))
			c.expect(c.run(with{}), 0, ada, "reinvite done")
		})
	}
}

// TestFaultA6AcceptedWithAnotherAddressAfterLostAnswer: the answer to ada's mail is lost, and she accepts with
// another address before the next run. She is not mailed again while that user is there. Before, she got three more
// mails. The list drops accepted invitations, so the mail looked like one that was never sent.
func TestFaultA6AcceptedWithAnotherAddressAfterLostAnswer(t *testing.T) {
	t.Parallel()
	for _, others := range []int{0, 2} {
		for _, after := range []time.Duration{3 * time.Minute, 20 * time.Minute, 50 * time.Hour} {
			t.Run(fmt.Sprint(others, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{
						Accepted: sandbox.AcceptedVanish, Duplicate: sandbox.DuplicateSecond,
					}}, append([]string{ada}, manyPeople(others)...)...)
					k := c.killAfterWrite(1)
					c.run(with{concurrency: 1})
					k.restore()
					must(t, c.AcceptAs(ada, home))
					must(t, c.Advance(after))
					c.applyTimes(12, 20*time.Hour, with{}, func(_ int, o outcome) {
						if o.notice(plan.PossibleAlias, ada) == nil && o.notice(plan.Unsettled, ada) == nil {
							t.Errorf("%s: no notice: %s", c.Now(), o.about(ada))
						}
						for _, ch := range o.Changes {
							if ch.Email.String() == ada && ch.Outcome == apply.Done {
								t.Errorf("%s done", ch.Action)
							}
						}
					})
					c.expectMails(ada, 1)
					must(t, c.Leave(home))
					c.run(with{})
					c.expectMails(ada, 2)
				})
			})
		}
	}
}

// TestFaultA7LostLedgerDoesNotRemoveAtOnce: after the ledger is lost, a person who accepted with another address is
// not removed within a day. Before, they were removed at once and mailed again.
func TestFaultA7LostLedgerDoesNotRemoveAtOnce(t *testing.T) {
	t.Parallel()
	for _, policy := range []roster.UnlistedPolicy{roster.UnlistedSuspend, roster.UnlistedRemove} {
		for _, accepted := range []string{sandbox.AcceptedVanish, sandbox.AcceptedListed} {
			t.Run(fmt.Sprint(policy, " ", accepted), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: accepted}}, ada, zoe)
					c.roster.Settings.Unlisted = policy
					c.addMembers(zoe)
					c.run(with{})
					must(t, c.AcceptAs(ada, home))
					c.run(with{})
					c.loseLedger()
					begin := c.Now()
					c.applyTimes(23, time.Hour, with{}, func(i int, o outcome) {
						c.expectUser(home)
						n := o.notice(plan.Unlisted, home)
						switch {
						case accepted == sandbox.AcceptedListed: // the list shows that this user is ada
							c.expect(o, 0, ada, "other_address")
						case n == nil || n.RemovalAfter.Sub(begin).Abs() > 24*time.Hour+time.Minute:
							t.Errorf("run %d: the notice has not the right time of the removal: %+v", i, n)
						}
					})
					if u := c.user(home); u == nil || u.Suspended {
						t.Error("removed or suspended within a day")
					}
				})
			})
		}
	}
}

// TestFaultA7Wait: unlisted_after delays only the removal of users who were in no roster before. Before,
// orgsync removed all unlisted users at once.
func TestFaultA7Wait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada, bob, "cy@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.roster.People[2].Until = roster.DayOf(c.Now()) + 1
		c.addMembers(ada, bob, "cy@example.com", mallory)
		c.run(with{})
		must(t, c.Advance(2*time.Hour))
		c.setRoster(ada, bob)
		c.roster.People = append(c.roster.People[:1], roster.Person{
			Email: org.MustParseAddress("cy@example.com"), Until: roster.DayOf(c.Now()) - 1,
		})
		o := c.run(with{}) // bob was listed, cy's last day is over, and mallory was in no roster
		c.expect(o, 0, bob, "remove done")
		c.expect(o, 0, "cy@example.com", "remove done")
		c.expect(o, 0, mallory, "unlisted")
		for _, wait := range []time.Duration{20 * time.Hour, 30 * time.Minute} {
			must(t, c.Advance(wait))
			c.expect(c.run(with{}), 0, mallory, "unlisted")
		}
		must(t, c.Advance(time.Hour))
		c.expect(c.run(with{}), 0, mallory, "remove done")
	})
}

// TestFaultA8RemovedAndListedAgain: a person who accepts after they left the roster is removed, and is invited when
// they are listed again. Before, such people were never invited again.
func TestFaultA8RemovedAndListedAgain(t *testing.T) {
	t.Parallel()
	for _, accepted := range []string{sandbox.AcceptedListed, sandbox.AcceptedVanish} {
		for _, as := range []string{ada, home} {
			for _, answer := range []sandbox.FaultKind{"", sandbox.FaultDrop, sandbox.FaultErrorInside} {
				for _, late := range []time.Duration{time.Hour, 71 * time.Hour} {
					t.Run(fmt.Sprint(accepted, as, answer, late), func(t *testing.T) {
						t.Parallel()
						synctest.Test(t, func(t *testing.T) {
							c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: accepted}}, ada, zoe)
							c.roster.Settings.Unlisted = roster.UnlistedRemove
							c.addMembers(zoe)
							c.run(with{})
							c.setRoster(zoe)
							must(t, c.Advance(late))
							c.run(with{})
							must(t, c.AcceptAs(ada, as))
							if answer != "" {
								c.AddFault(sandbox.Fault{Method: http.MethodDelete, Kind: answer, ActFirst: true})
							}
							for range 4 { // a user with an unknown address is removed after a day
								must(t, c.Advance(12*time.Hour))
								c.run(with{})
							}
							if c.user(as) != nil {
								t.Fatal("not removed")
							}
							c.ClearFaults()
							c.setRoster(ada, zoe)
							must(t, c.Advance(time.Hour))
							c.run(with{})
							must(t, c.Advance(73*time.Hour)) // until the invitation of her first mail has expired
							c.run(with{})
							if n := len(c.Mails()[ada]); n < 2 {
								t.Errorf("%d mails: removed by orgsync, listed again, and not invited", n)
							}
							must(t, c.Accept(ada))
							c.run(with{})
							c.expectUser(ada)
						})
					})
				}
			}
		}
	}
}

// TestFaultA9TwoRostersInTurns: if two rosters with one ledger remove and invite a person in turns, the mails stop
// and a notice names the other roster. Before, this went on without end, and each run ended with exit code 0.
func TestFaultA9TwoRostersInTurns(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for _, every := range []time.Duration{time.Hour, 12 * time.Hour, 40 * time.Hour} {
		for _, accepted := range []string{sandbox.AcceptedListed, sandbox.AcceptedVanish} {
			t.Run(fmt.Sprint(every, accepted), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newDefaultCompany(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: accepted}})
					c.roster.Settings.Unlisted = roster.UnlistedRemove
					c.addMembers(zoe)
					var mailed []time.Time
					reported := false
					c.applyTimes(int(10*24*time.Hour/every), every, with{}, func(i int, _ outcome) {
						c.setRoster(ada, zoe)
						o := c.run(with{files: "ours.yaml"})
						if strings.HasSuffix(o.about(ada), "invite done") {
							mailed = append(mailed, c.Now())
						}
						if n := o.notice(plan.Flapping, ada); n != nil {
							reported = true
							c.expect(o, 3, ada, "flapping")
							if n.Text != "theirs.yaml" || n.Since.IsZero() {
								t.Errorf("the notice does not name the other roster: %+v", n)
							}
						}
						_ = c.Accept(ada)
						must(t, c.Advance(20*time.Minute))
						c.setRoster(zoe)
						c.run(with{files: "theirs.yaml"})
					})
					// Two removals within a week hold the next mail for a week.
					for i := 2; i < len(mailed); i++ {
						if mailed[i].Sub(mailed[i-2]) < 7*24*time.Hour {
							t.Errorf("three mails within a week: %v", mailed)
							break
						}
					}
					if !reported {
						t.Error("no notice reports it")
					}
				})
			})
		}
	}
}

// TestFaultA9TwoLedgers: two rosters that each have a ledger mail each person once. If one roster removes a person,
// the other reports that they left, and does not mail them.
func TestFaultA9TwoLedgers(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{})
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		var ours, other []byte
		turn := func(ledger *[]byte, who string) outcome {
			c.setRoster(who)
			must(t, c.store.Replace(*ledger))
			o := c.run(with{})
			content, err := c.store.Read(t.Context())
			must(t, err)
			*ledger = content
			return o
		}
		for range 10 * 24 {
			o := turn(&ours, ada)
			about := o.about(ada)
			if about != "invite done" && about != "waiting" && about != "left" && c.user(ada) == nil {
				t.Errorf("%s: no notice: %s", c.Now(), about)
			}
			turn(&other, zoe)
			_, _ = c.Accept(ada), c.Accept(zoe)
			must(t, c.Advance(time.Hour))
		}
		c.expectMails(ada, 1)
		c.expectMails(zoe, 1)
	})
}
