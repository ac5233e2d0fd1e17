package apply_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
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

// withoutInvitations returns a function for with.reading. It marks every reading as one of several pages. If
// missing(n) is true, it also deletes the invitations to the address who from the n-th reading.
func withoutInvitations(who string, missing func(n int) bool) func(n int, s *org.Snapshot) {
	return func(n int, s *org.Snapshot) {
		s.Paged = true
		if missing(n) {
			s.Invitations = slices.DeleteFunc(s.Invitations, func(i org.Invitation) bool {
				return i.Invited.String() == who
			})
		}
	}
}

// TestInvitationBetweenPages: one of two readings misses an invitation that moved from one page to another. The other
// reading has it, so the person is not mailed again.
func TestInvitationBetweenPages(t *testing.T) {
	t.Parallel()
	for missing := 1; missing <= 2; missing++ {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany(t, secondMails, "ada@example.com", "bob@example.com")
			_, err := c.AddInvitation(sandbox.Invitation{Email: "ada@example.com"})
			must(t, err)
			run := c.apply(with{reading: withoutInvitations("ada@example.com", func(n int) bool { return n == missing })})
			if run.counts() != "1/0/0/0" || c.mailCount() != 1 {
				t.Errorf("missing in reading %d: %s (done/failed/unknown/skipped), mails %v", missing, run.counts(), c.Mails())
			}
		})
	}
}

// TestInvitationBetweenPagesOfUnacceptedUser: in this dialect an invited person is a user who has not accepted, so
// the plan has no mail for them. orgsync still needs two readings to conclude that a lost mail was not sent.
func TestInvitationBetweenPagesOfUnacceptedUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := sandbox.Options{Dialect: sandbox.Dialect{InviteAccepted: sandbox.InviteAcceptedInvited}}
		c := newCompany(t, o, "ada@example.com")
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultHang, ActFirst: true, Method: http.MethodPost, Times: 1})
		var last time.Time
		firstOfTwo := func(int) bool {
			now := c.Now()
			first := !now.Equal(last)
			last = now
			return first
		}
		run := c.apply(with{settleWait: 20 * time.Minute, reading: withoutInvitations("ada@example.com", firstOfTwo)})
		if run.counts() != "1/0/0/0" || c.mailCount() != 1 {
			t.Errorf("%s (done/failed/unknown/skipped), mails %v", run.counts(), c.Mails())
		}
	})
}

// TestInvitationBetweenPagesWhileSettling: the reading that has the witness for a lost mail may miss the invitation
// of the lost mail. The second reading has it.
func TestInvitationBetweenPagesWhileSettling(t *testing.T) {
	t.Parallel()
	settleBesideWitness(t, 2, func(witnessed int) []string {
		if witnessed < 2 {
			return []string{"p001@example.com"}
		}
		return nil
	})
}

// settleBesideWitness plays a run with five mails. The answer to the second one is lost. missing returns the people
// whose invitations a reading does not show, by the number of readings with the witness so far. The test fails if there
// are fewer than least of these readings, or if somebody does not get exactly one mail.
func settleBesideWitness(t *testing.T, least int, missing func(witnessed int) []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, secondMails, manyPeople(5)...)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, ActFirst: true, Method: http.MethodPost, From: 2, Times: 1})
		witnessed := 0 // the readings with the witness
		run := c.apply(with{concurrency: 1, reading: func(n int, s *org.Snapshot) {
			if len(s.Invitations) == 5 {
				witnessed++
			}
			for _, who := range missing(witnessed) {
				withoutInvitations(who, func(int) bool { return true })(n, s)
			}
		}})
		if run.counts() != "5/0/0/0" || witnessed < least {
			t.Errorf("%s (done/failed/unknown/skipped) after %d readings with the witness", run.counts(), witnessed)
		}
		c.expectOneMailEach()
	})
}

// TestWitnessOfOneReading: the first reading is old and shows neither the lost mail nor its witness. The second one
// shows the witness and misses the invitation of the lost mail, which moved between pages. This does not prove that the
// mail was not sent.
func TestWitnessOfOneReading(t *testing.T) {
	t.Parallel()
	settleBesideWitness(t, 3, func(witnessed int) []string {
		switch {
		case witnessed <= 1:
			return []string{"p001@example.com", "p004@example.com"}
		case witnessed == 2:
			return []string{"p001@example.com"}
		}
		return nil
	})
}

// TestAcceptedInOneReading: ada accepts just before her invitation expires, and the list of users does not show her
// yet. The first reading shows that she accepted. The second one is older, but this does not undo her answer.
func TestAcceptedInOneReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, secondMails, "ada@example.com")
		c.expectChanges(c.apply(with{}), "invite ada@example.com")
		var old org.Invitation
		must(t, c.Advance(org.InvitationLife-time.Minute))
		c.apply(with{reading: func(_ int, s *org.Snapshot) { old = s.Invitations[0] }})
		must(t, c.Accept("ada@example.com"))
		must(t, c.Advance(2*time.Minute))
		c.setRoster("ada@example.com", "bob@example.com")
		run := c.apply(with{concurrency: 1, reading: func(n int, s *org.Snapshot) {
			if n > 2 {
				return
			}
			s.Paged = true
			s.Users = slices.DeleteFunc(s.Users, func(u org.User) bool { return u.Email.String() == "ada@example.com" })
			if n == 2 {
				s.Invitations = []org.Invitation{old}
			}
		}})
		c.expectChanges(run, "invite bob@example.com")
	})
}

// withoutUser returns a function for with.reading. It marks every reading as one of several pages, and deletes the user
// with the address who from the first reading.
func withoutUser(who string) func(n int, s *org.Snapshot) {
	return func(n int, s *org.Snapshot) {
		s.Paged = true
		if n == 1 {
			s.Users = slices.DeleteFunc(s.Users, func(u org.User) bool { return u.Email.String() == who })
		}
	}
}

// TestUnlistedUserBetweenPages: a reading misses a user who is not in the roster. The other reading has the user, so
// the ledger still has the user when the key may no longer list users, and the roster lists the user.
func TestUnlistedUserBetweenPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t, sandbox.Options{}, zoe)
		c.addMembers(bob, zoe)
		_, err := c.AddInvitation(sandbox.Invitation{Email: zoe, State: "accepted"}) // the list has accepted invitations
		must(t, err)
		c.apply(with{})
		must(t, c.Advance(time.Hour))
		c.apply(with{reading: withoutUser(bob)})
		must(t, c.Advance(time.Hour))
		c.setRoster(bob, zoe)
		asked := c.postCount()
		o := c.apply(with{reading: func(_ int, s *org.Snapshot) { s.Users, s.UsersVisible = nil, false }})
		if c.logOutcome(o); c.postCount() > asked {
			t.Error("bob is a member, and is invited")
		}
	})
}

// TestSuspendedUserBetweenPages: orgsync suspended bob, and then the roster lists him. bob has a second user. A
// reading misses the suspended user, and shows the second one. The other reading has the suspended user, so orgsync can
// still end the suspension when the second user is gone.
func TestSuspendedUserBetweenPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const robert = "robert@example.com"
		c := newCompany(t, sandbox.Options{}, zoe)
		c.addMembers(bob, zoe)
		c.roster.Settings.Unlisted = roster.UnlistedSuspend
		c.apply(with{})
		must(t, c.Advance(time.Hour))
		c.addMembers(robert)
		c.setRoster(bob, zoe)
		c.roster.People[0].Aliases = addresses([]string{robert})
		c.apply(with{reading: withoutUser(bob)})
		must(t, c.Advance(time.Hour))
		must(t, c.Leave(robert))
		o := c.apply(with{})
		c.logOutcome(o)
		c.expectNobodySuspended(o)
	})
}

// TestReadAndPlanReadsTwiceForHeldMail: a held mail may be sent in the same run, so [apply.ReadAndPlan] reads twice
// for it.
func TestReadAndPlanReadsTwiceForHeldMail(t *testing.T) {
	t.Parallel()
	readings := 0
	read := func(context.Context) (org.Snapshot, error) {
		readings++
		return org.Snapshot{Paged: true}, nil
	}
	held := plan.Plan{Held: []plan.Change{{Action: plan.Invite}}}
	_, p, err := apply.ReadAndPlan(t.Context(), read, func(org.Snapshot) plan.Plan { return held })
	if readings != 2 || len(p.Held) != 1 || err != nil {
		t.Errorf("%d readings, %+v, %v", readings, p, err)
	}
}

// TestReadAndPlanNeedsBothReadings: if the second reading lacks a list that the first one had, there is no plan.
func TestReadAndPlanNeedsBothReadings(t *testing.T) {
	t.Parallel()
	whole := org.Snapshot{Paged: true, UsersVisible: true, SuspendedVisible: true}
	for name, change := range map[string]func(*org.Snapshot){
		"users":           func(s *org.Snapshot) { s.UsersVisible = false },
		"suspended users": func(s *org.Snapshot) { s.SuspendedVisible = false },
	} {
		later := whole
		change(&later)
		readings := []org.Snapshot{whole, later}
		read := func(context.Context) (org.Snapshot, error) {
			next := readings[0]
			readings = readings[1:]
			return next, nil
		}
		mail := plan.Plan{Changes: []plan.Change{{Action: plan.Invite}}}
		if _, p, err := apply.ReadAndPlan(t.Context(), read, func(org.Snapshot) plan.Plan { return mail }); err == nil {
			t.Errorf("%s hidden in the second reading: %+v", name, p)
		}
	}
}

// TestReadAndPlanReadsTwice: orgsync reads lists with several pages twice only before it mails somebody or takes
// something from somebody.
func TestReadAndPlanReadsTwice(t *testing.T) {
	t.Parallel()
	paged := func(_ int, s *org.Snapshot) { s.Paged = true }
	for name, tt := range map[string]struct {
		prepare  func(c *company)
		reading  func(int, *org.Snapshot)
		readings int // before the first change
	}{
		"a mail":           {func(c *company) { c.setRoster("ada@example.com") }, paged, 2},
		"a mail, one page": {func(c *company) { c.setRoster("ada@example.com") }, nil, 1},
		"nothing to do":    {func(*company) {}, paged, 1},
		"a grant": {func(c *company) {
			c.setRoster("bob@example.com")
			c.roster.People[0].Groups = refs("everyone")
		}, paged, 1},
		// Before a removal, the run reads the organization again in any case.
		"a removal": {func(c *company) {
			c.roster.Settings.Unlisted = roster.UnlistedRemove
			c.setRoster("cy@example.com")
		}, paged, 4},
		"the end of a suspension": {func(c *company) {
			c.roster.Settings.Unlisted = roster.UnlistedSuspend
			c.apply(with{})
			must(t, c.Unsuspend("bob@example.com"))
			must(t, c.Advance(time.Hour))
			c.roster.Settings.Unlisted = roster.UnlistedReport
		}, paged, 2},
		"API access": {func(c *company) {
			c.setRoster("bob@example.com")
			c.roster.People[0].APIEnabled = new(bool)
		}, paged, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{}, "cy@example.com")
				c.addMembers("cy@example.com")
				_, err := c.AddUser(sandbox.User{Email: "bob@example.com", APIEnabled: true})
				must(t, err)
				tt.prepare(c)
				var readings atomic.Int32
				var written atomic.Bool
				c.wire.Before = func(r *http.Request) error {
					if r.Method != http.MethodGet {
						written.Store(true)
					}
					if r.URL.Path == "/v2/users" && !written.Load() {
						readings.Add(1)
					}
					return nil
				}
				run := c.apply(with{reading: tt.reading})
				if got := int(readings.Load()); got != tt.readings || run.Stopped != nil {
					t.Errorf("%d readings, want %d; %s, stopped by %v", got, tt.readings, run.counts(), run.Stopped)
				}
			})
		})
	}
}

// TestEditBetweenPages: the answer to a change that takes something was lost, and the server did nothing. Then one of
// two readings misses the user, who moved from one page to another. This does not show that the change was made.
func TestEditBetweenPages(t *testing.T) {
	t.Parallel()
	for _, action := range []plan.Action{plan.Remove, plan.Suspend, plan.Revoke, plan.Update} {
		for missing := range 2 {
			synctest.Test(t, func(t *testing.T) {
				c := newCompany(t, sandbox.Options{}, "ada@example.com", "bob@example.com")
				c.addMembers("ada@example.com")
				_, err := c.AddUser(sandbox.User{Email: "bob@example.com", Groups: []string{"platform"}, APIEnabled: true})
				must(t, err)
				c.apply(with{})
				c.roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
				c.nameGroups("platform")
				switch action {
				case plan.Remove:
					c.roster.Settings.Unlisted = roster.UnlistedRemove
					c.setRoster("ada@example.com")
				case plan.Suspend:
					c.roster.Settings.Unlisted = roster.UnlistedSuspend
					c.setRoster("ada@example.com")
				case plan.Revoke:
					c.roster.People[1].Groups = refs()
				default:
					c.roster.People[1].APIEnabled = new(bool)
				}
				readings, lost := 0, false // readings after the lost answer
				c.wire.Before = func(r *http.Request) error {
					if r.Method == http.MethodGet || lost {
						return nil
					}
					lost = true
					return errors.New("no answer")
				}
				run := c.apply(with{concurrency: 1, reading: func(_ int, s *org.Snapshot) {
					s.Paged = true
					if !lost {
						return
					}
					if readings == missing {
						s.Users = slices.DeleteFunc(s.Users, func(u org.User) bool { return u.Email.String() == "bob@example.com" })
						for i := range s.Access {
							s.Access[i].Holders = nil // they are known by the list of users
						}
					}
					readings++
				}})
				if len(run.Changes) != 1 || run.Changes[0].Action != action || run.counts() != "0/0/1/0" || readings < 2 {
					t.Errorf("%s, missing in reading %d of %d: %s (done/failed/unknown/skipped), %v", action, missing, readings,
						run.counts(), run.refused)
				}
			})
		}
	}
}
