package apply_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// Before, a user who had not accepted yet counted as a member, so that nobody invited them again.
func TestFaultA5AUserWhoHasNotAccepted(t *testing.T) {
	t.Parallel()
	for _, expiry := range []string{sandbox.LapsedPending, sandbox.LapsedMarked, sandbox.LapsedVanish} {
		for _, kept := range []bool{true, false} {
			t.Run(fmt.Sprint(expiry, " ledger ", kept), func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					c := newFault(t, sandbox.Options{Dialect: sandbox.Dialect{
						InviteAccepted: sandbox.InviteAcceptedInvited, Lapsed: expiry, Duplicate: sandbox.DuplicateSecond,
					}}, ada, zoe)
					c.roster.Settings.Unlisted = roster.UnlistedRemove
					c.giveFirst("platform")
					c.join(zoe)
					c.expect(c.run(with{}), 0, ada, "invite done")
					again := map[bool]string{false: "reinvite done", true: "needs_attention"}[expiry == sandbox.LapsedVanish]
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
							t.Errorf("written down as a member: %s", line)
						}
					}
					// Nor is she removed as somebody who is not in the roster.
					c.list(zoe)
					c.applyTimes(3, 30*time.Hour, with{}, func(_ int, o outcome) {
						if o.exit() != 0 || len(o.Changes) > 0 {
							t.Errorf("exit code %d, %d changes", o.exit(), len(o.Changes))
						}
					})
					c.list(ada, zoe)
					c.giveFirst("platform")
					c.run(with{reinvite: []string{ada}})
					must(t, c.Accept(ada))
					c.run(with{})
					c.expectUser(ada, "platform")
				})
			})
		}
	}
}

// Before, somebody who had accepted with another address was mailed three times more where the list
// forgets who accepted.
func TestFaultA6InUnderAnotherAddress(t *testing.T) {
	t.Parallel()
	for _, expiry := range []string{sandbox.LapsedPending, sandbox.LapsedMarked, sandbox.LapsedVanish} {
		for _, policy := range []roster.UnlistedPolicy{roster.UnlistedReport, roster.UnlistedSuspend, roster.UnlistedRemove} {
			t.Run(fmt.Sprint(expiry, " ", policy), func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					c := newFault(t, sandbox.Options{Dialect: sandbox.Dialect{
						Accepted: sandbox.AcceptedVanish, Lapsed: expiry, Duplicate: sandbox.DuplicateSecond,
					}}, ada, zoe)
					c.roster.Settings.Unlisted = policy
					c.join(zoe)
					c.run(with{})
					must(t, c.Advance(time.Hour))
					must(t, c.AcceptAs(ada, home))
					c.applyTimes(20, 20*time.Hour, with{}, func(i int, o outcome) {
						n := o.notice(plan.PossibleAlias, ada)
						if n == nil || n.Text != home || n.Holds() != (i > 3) || (o.exit() == 3) != (i > 3) {
							t.Errorf("run %d: exit code %d, %+v", i, o.exit(), n)
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

// Before, nobody asked whether a stranger had come before the mail or after it: those who were
// there before hold nobody back.
func TestFaultA6StrangersFromBefore(t *testing.T) {
	t.Parallel()
	for _, seen := range []bool{true, false} { // by an earlier run
		bubble(t, func(t *testing.T) {
			c := newFault(t, sandbox.Options{Dialect: sandbox.Dialect{
				Accepted: sandbox.AcceptedVanish, Lapsed: sandbox.LapsedVanish,
			}}, zoe)
			c.join(zoe, home)
			if seen {
				c.run(with{})
			}
			c.list(ada, zoe)
			c.expect(c.run(with{}), 0, ada, "invite done")
			must(t, c.Advance(80*time.Hour))
			c.expect(c.run(with{}), 0, ada, "reinvite done")
			c.expectMails(ada, 2)
			c.join(mallory) // who came after the first mail and the second
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

// Before, and found by these histories, somebody was mailed three times more: the answer to ada's
// mail was lost, she accepted with another address before anybody looked again, and a list that
// forgets who accepted made the mail look like one that was never sent.
func TestFaultA6LostAndAcceptedWithAnotherAddress(t *testing.T) {
	t.Parallel()
	for _, others := range []int{0, 2} {
		for _, after := range []time.Duration{3 * time.Minute, 20 * time.Minute, 50 * time.Hour} {
			t.Run(fmt.Sprint(others, after), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c := newFault(t, sandbox.Options{Dialect: sandbox.Dialect{
						Accepted: sandbox.AcceptedVanish, Duplicate: sandbox.DuplicateSecond,
					}}, append([]string{ada}, many(others)...)...)
					k := c.killAfterWrite(1)
					c.run(with{concurrency: 1})
					k.revive()
					must(t, c.AcceptAs(ada, home))
					must(t, c.Advance(after))
					c.applyTimes(12, 20*time.Hour, with{}, func(_ int, o outcome) {
						if o.notice(plan.PossibleAlias, ada) == nil && o.notice(plan.Unsettled, ada) == nil {
							t.Errorf("%s: nobody is told: %s", c.Now(), o.about(ada))
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

// Before, somebody who had accepted with another address was removed at once when the ledger was
// lost, and mailed again.
func TestFaultA7RemovedWithALostLedger(t *testing.T) {
	t.Parallel()
	for _, policy := range []roster.UnlistedPolicy{roster.UnlistedSuspend, roster.UnlistedRemove} {
		for _, accepted := range []string{sandbox.AcceptedVanish, sandbox.AcceptedListed} {
			t.Run(fmt.Sprint(policy, " ", accepted), func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					c := newFault(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: accepted}}, ada, zoe)
					c.roster.Settings.Unlisted = policy
					c.join(zoe)
					c.run(with{})
					must(t, c.AcceptAs(ada, home))
					c.run(with{})
					c.loseLedger()
					begin := c.Now()
					c.applyTimes(23, time.Hour, with{}, func(i int, o outcome) {
						c.expectUser(home)
						n := o.notice(plan.Unlisted, home)
						switch {
						case accepted == sandbox.AcceptedListed: // ada, as the list says
							c.expect(o, 0, ada, "other_address")
						case n == nil || n.RemovalAfter.Sub(begin).Abs() > 24*time.Hour+time.Minute:
							t.Errorf("run %d: nobody is told when: %+v", i, n)
						}
					})
					if u := c.user(home); u == nil || u.Suspended {
						t.Error("gone within a day")
					}
				})
			})
		}
	}
}

// Before, everybody who was not in the roster was taken out at once, whether the ledger had ever
// seen them in one or not.
func TestFaultA7WhoWaitsADay(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newFault(t, sandbox.Options{}, ada, bob, "cy@example.com")
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		c.roster.People[2].Until = c.Now().Truncate(24*time.Hour).AddDate(0, 0, 1)
		c.join(ada, bob, "cy@example.com", mallory)
		c.run(with{})
		must(t, c.Advance(2*time.Hour))
		c.list(ada, bob)
		c.roster.People = append(c.roster.People[:1], roster.Person{
			Email: org.MustParseAddress("cy@example.com"), Until: c.Now().Truncate(24*time.Hour).AddDate(0, 0, -1),
		})
		o := c.run(with{}) // bob was listed, cy's last day is over, and mallory came from nowhere
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

// Before, somebody who was invited, taken off the roster, let in late and removed was never invited
// again when they were listed again.
func TestFaultA8RemovedAndListedAgain(t *testing.T) {
	t.Parallel()
	for _, accepted := range []string{sandbox.AcceptedListed, sandbox.AcceptedVanish} {
		for _, as := range []string{ada, home} {
			for _, answer := range []sandbox.Kind{"", sandbox.FaultDrop, sandbox.FaultErrorInside} {
				for _, late := range []time.Duration{time.Hour, 71 * time.Hour} {
					t.Run(fmt.Sprint(accepted, as, answer, late), func(t *testing.T) {
						t.Parallel()
						bubble(t, func(t *testing.T) {
							c := newFault(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: accepted}}, ada, zoe)
							c.roster.Settings.Unlisted = roster.UnlistedRemove
							c.join(zoe)
							c.run(with{})
							c.list(zoe)
							must(t, c.Advance(late))
							c.run(with{})
							must(t, c.AcceptAs(ada, as))
							if answer != "" {
								c.AddFault(sandbox.Fault{Method: http.MethodDelete, Kind: answer, After: true})
							}
							for range 4 { // somebody with an address that nobody knows goes after a day
								must(t, c.Advance(12*time.Hour))
								c.run(with{})
							}
							if c.user(as) != nil {
								t.Fatal("not removed")
							}
							c.ClearFaults()
							c.list(ada, zoe)
							must(t, c.Advance(time.Hour))
							c.run(with{})
							must(t, c.Advance(73*time.Hour)) // as long as her first mail may still be answered, for all that is known
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

// Before, two rosters with one ledger removed and mailed a person in turns without end, and each
// run ended with exit code 0.
func TestFaultA9TwoRostersInTurns(t *testing.T) {
	t.Parallel()
	for _, every := range []time.Duration{time.Hour, 12 * time.Hour, 40 * time.Hour} {
		for _, accepted := range []string{sandbox.AcceptedListed, sandbox.AcceptedVanish} {
			t.Run(fmt.Sprint(every, accepted), func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					c := newFault(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: accepted}})
					c.roster.Settings.Unlisted = roster.UnlistedRemove
					c.join(zoe)
					var mailed []time.Time
					told := false
					c.applyTimes(int(10*24*time.Hour/every), every, with{}, func(i int, _ outcome) {
						c.list(ada, zoe)
						o := c.run(with{files: "ours.yaml"})
						if strings.HasSuffix(o.about(ada), "invite done") {
							mailed = append(mailed, c.Now())
						}
						if n := o.notice(plan.Flapping, ada); n != nil {
							told = true
							c.expect(o, 3, ada, "flapping")
							if n.Text != "theirs.yaml" || n.Since.IsZero() {
								t.Errorf("the notice does not say by which roster: %+v", n)
							}
						}
						_ = c.Accept(ada)
						must(t, c.Advance(20*time.Minute))
						c.list(zoe)
						c.run(with{files: "theirs.yaml"})
					})
					// Two removals within a week hold the next mail for a week.
					for i := 2; i < len(mailed); i++ {
						if mailed[i].Sub(mailed[i-2]) < 7*24*time.Hour {
							t.Errorf("three mails within a week: %v", mailed)
							break
						}
					}
					if !told {
						t.Error("nobody is told")
					}
				})
			})
		}
	}
}

// Before, nobody had looked at two rosters with a ledger each: whoever one of them removes has
// left, for all that the other knows, and is not mailed.
func TestFaultA9TwoLedgers(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newFault(t, sandbox.Options{})
		c.roster.Settings.Unlisted = roster.UnlistedRemove
		var ours, other []byte
		turn := func(ledger *[]byte, who string) outcome {
			c.list(who)
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
				t.Errorf("%s: nobody is told: %s", c.Now(), about)
			}
			turn(&other, zoe)
			_, _ = c.Accept(ada), c.Accept(zoe)
			must(t, c.Advance(time.Hour))
		}
		c.expectMails(ada, 1)
		c.expectMails(zoe, 1)
	})
}
