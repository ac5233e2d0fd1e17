package apply_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// The tests of this file have a person, a group or a mail for which the API never makes the change. Nobody else may
// have to wait for this change in run after run.

// answer is an answer of the API that does not make a change.
type answer struct {
	status int
	body   string
}

var failingAnswers = map[string]answer{
	"403":             {http.StatusForbidden, `{"error": "not this one", "status": 403}`},
	"401":             {http.StatusUnauthorized, `{"error": "not this one", "status": 401}`},
	"409":             {http.StatusConflict, `{"error": "not this one", "status": 409}`},
	"429":             {http.StatusTooManyRequests, `{"error": "too many", "status": 429}`},
	"500":             {http.StatusInternalServerError, `{"error": "broken"}`},
	"redirect":        {http.StatusFound, ""},
	"an error in 200": {http.StatusOK, `{"error": "not this one"}`},
	"a text in 200":   {http.StatusOK, `{"message": "not this one"}`},
	"no JSON in 200":  {http.StatusOK, "sorry"},
}

// forEachAnswer runs a subtest with each answer of failingAnswers.
func forEachAnswer(t *testing.T, test func(t *testing.T, a answer)) {
	for name, a := range failingAnswers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, a) })
		})
	}
}

// failAlways makes the API give the same answer to each request other than GET whose path or body has one of the texts.
func (c *company) failAlways(a answer, texts ...string) {
	inner := c.wire.Handler
	c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request := r.URL.Path + " " + c.readBody(r)
		isMeant := func(text string) bool { return strings.Contains(request, text) }
		if r.Method != http.MethodGet && slices.ContainsFunc(texts, isMeant) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(a.status)
			_, _ = io.WriteString(w, a.body)
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// TestGrantAlwaysFails: one member never gets a group, or nobody gets it. All other members get their groups.
func TestGrantAlwaysFails(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	for _, ofGroup := range []bool{false, true} {
		t.Run(fmt.Sprint("for everybody: ", ofGroup), func(t *testing.T) {
			t.Parallel()
			forEachAnswer(t, func(t *testing.T, a answer) {
				people := manyPeople(12)
				c := newDefaultCompany(t, sandbox.Options{}, people...)
				c.addMembers(people...)
				failing := people[:1]
				texts := []string{people[0]}
				if ofGroup {
					failing, texts = people[:6], []string{c.platformID()}
				}
				for i := range c.roster.People {
					c.roster.People[i].Groups = refs("everyone")
					if ofGroup && i < len(failing) {
						c.roster.People[i].Groups = refs("platform")
					}
				}
				c.failAlways(a, texts...)
				c.applyTimes(8, time.Hour, with{}, func(int, outcome) {})
				for _, who := range people[len(failing):] {
					c.expectUser(who, "everyone")
				}
				if o := c.run(with{}); o.exitCode() == 0 {
					t.Error("exit code 0, although somebody lacks a group")
				}
			})
		})
	}
}

// TestMailAlwaysFails: the API never mails one person, whose mail is the only one in most runs. Members get their
// groups, and a person whose last day is over is removed.
func TestMailAlwaysFails(t *testing.T) {
	t.Parallel()
	forEachAnswer(t, func(t *testing.T, a answer) {
		c := newDefaultCompany(t, sandbox.Options{}, "aaa@bad.example", ada, bob, zoe)
		c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = roster.UnlistedRemove, 0
		c.addMembers(ada, zoe)
		c.roster.People[1].Groups = refs("everyone")
		c.failAlways(a, "aaa@bad.example")
		c.run(with{})
		must(t, c.Advance(time.Hour))
		c.roster.People = slices.DeleteFunc(c.roster.People, func(p roster.Person) bool { return p.Email.String() == zoe })
		c.applyTimes(3, time.Hour, with{}, func(int, outcome) {})
		c.expectUser(ada, "everyone")
		c.expectMails(bob, 1)
		if c.user(zoe) != nil {
			t.Error("zoe is still a member")
		}
	})
}

// TestRefusedOnce: a person whose mail was refused once is mailed, although the mail to another person always fails.
func TestRefusedOnce(t *testing.T) {
	t.Parallel()
	forEachAnswer(t, func(t *testing.T, a answer) {
		c := newDefaultCompany(t, sandbox.Options{}, ada, "bad@example.com", "late@example.com")
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: http.StatusConflict, Method: http.MethodPost,
			From: 2, Times: 1})
		c.failAlways(a, "bad@example.com")
		c.applyTimes(4, time.Hour, with{concurrency: 1}, func(int, outcome) {})
		c.expectMails(ada, 1)
		c.expectMails("late@example.com", 1)
	})
}

// TestRemovalAlwaysFails: some users can never be removed. All other unlisted users are removed.
func TestRemovalAlwaysFails(t *testing.T) {
	t.Parallel()
	forEachAnswer(t, func(t *testing.T, a answer) {
		c := newDefaultCompany(t, sandbox.Options{}, ada)
		people := manyPeople(12)
		c.addMembers(append(people, ada)...)
		c.roster.Settings.Unlisted, c.roster.Settings.UnlistedAfter = roster.UnlistedRemove, 0
		c.roster.Settings.MaxRemovals = 100
		var texts []string
		for _, who := range people[:6] {
			texts = append(texts, "/user/"+c.user(who).ID)
		}
		c.failAlways(a, texts...)
		c.applyTimes(8, time.Hour, with{}, func(int, outcome) {})
		for i, who := range people {
			if isUser := c.user(who) != nil; isUser != (i < 6) {
				t.Errorf("%s is a member: %v", who, isUser)
			}
		}
	})
}

// TestSomebodyElseInvitesThem: after the first mail of a run, the list shows that somebody else has invited a person
// whose last mail failed. The run does not mail this person.
func TestSomebodyElseInvitesThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dialect := sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}
		c := newDefaultCompany(t, sandbox.Options{Dialect: dialect}, ada, zoe)
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: http.StatusConflict, Method: http.MethodPost, From: 2,
			Times: 1})
		c.run(with{concurrency: 1})
		must(t, c.Advance(time.Hour))
		c.addToRoster(bob, "new@example.com")
		inner, invited := c.wire.Handler, false
		c.wire.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inner.ServeHTTP(w, r)
			if r.Method == http.MethodPost && !invited {
				invited = true
				_, err := c.AddInvitation(sandbox.Invitation{Email: zoe})
				must(t, err)
			}
		})
		c.expect(c.run(with{concurrency: 1}), 0, zoe, "invite done")
		c.expectMails(zoe, 0) // orgsync sent none
		c.expectMails(bob, 1)
	})
}

// TestGroupBecomesUnreadable: the answer to an edit is lost, and then the API does not say who is in the group. It is
// not known whether the edit was made. The run does not wait for it, because only mails are worth a wait.
func TestGroupBecomesUnreadable(t *testing.T) {
	t.Parallel()
	for _, revoke := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newDefaultCompany(t, sandbox.Options{}, ada, bob)
			c.addMembers(ada, bob)
			c.roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
			c.roster.People[1].Groups = refs("platform")
			if revoke {
				c.roster.People[0].Groups = refs("platform")
				c.run(with{})
			}
			c.roster.People[0].Groups = refs("platform")
			if revoke {
				c.roster.People[0].Groups = refs()
			}
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, Path: "/v2/groups/*"})
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodDelete, Path: "/v2/groups/*"})
			c.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Method: http.MethodGet, Path: "/v2/groups/*", From: 2})
			start := time.Now()
			o := c.run(with{concurrency: 1})
			if took := time.Since(start); took > time.Second {
				t.Errorf("the run took %v", took)
			}
			want := "grant unknown"
			if revoke {
				want = "revoke unknown"
			}
			c.expect(o, 3, ada, want)
		})
	}
}

// TestThrottledByOthers: one person's mail is always answered 429, so all requests wait and the run ends. The ledger
// has no refusal of people whose request was not sent.
func TestThrottledByOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const bad = "bad@example.com"
		c := newDefaultCompany(t, sandbox.Options{}, append([]string{ada, bad}, manyPeople(60)...)...)
		c.failAlways(failingAnswers["429"], bad)
		c.run(with{rate: 5})
		content, err := c.store.Read(t.Context())
		must(t, err)
		refused := 0
		for line := range strings.Lines(string(content)) {
			if strings.Contains(line, `"outcome":"refused"`) {
				refused++
				if !strings.Contains(line, bad) {
					t.Errorf("a line about somebody who was not asked: %s", line)
				}
			}
		}
		if refused != 1 {
			t.Errorf("%d refusals, want 1", refused)
		}
	})
}

// TestPersonIsDeniedAgain: the API denies the mail to one person in every run and accepts the mail to somebody else.
// Then the denial is about the person: the runs do not stop, and after three of them orgsync tries only once a day.
func TestPersonIsDeniedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const bad = "bad@example.com"
		c := newDefaultCompany(t, sandbox.Options{}, ada, bad)
		c.failAlways(failingAnswers["403"], bad)
		for i := range 6 {
			o := c.run(with{concurrency: 1})
			if stops := i == 0; (o.Stopped != nil) != stops {
				t.Errorf("run %d: stopped by %v", i+1, o.Stopped)
			}
			want := "invite failed"
			if i > 3 {
				want = "refused"
			}
			if got := o.about(bad); got != want {
				t.Errorf("run %d: %s, want %s", i+1, got, want)
			}
			must(t, c.Advance(time.Hour))
			c.addToRoster(fmt.Sprintf("new%d@example.com", i))
		}
	})
}

// TestKeyIsDeniedAgain: the API denies the mail to one person in every run. If it accepts no other mail, or if it does
// not know the key, the denial is about the key: each run stops, and the person does not count as refused.
func TestKeyIsDeniedAgain(t *testing.T) {
	t.Parallel()
	for name, others := range map[string]bool{"403": false, "401": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const bad = "bad@example.com"
				c := newDefaultCompany(t, sandbox.Options{}, bad)
				c.failAlways(failingAnswers[name], bad)
				for i := range 6 {
					if others {
						c.addToRoster(fmt.Sprintf("new%d@example.com", i))
					}
					o := c.run(with{concurrency: 1})
					if got := o.about(bad); got != "invite failed" || o.Stopped == nil {
						t.Errorf("run %d: %s, stopped by %v", i+1, got, o.Stopped)
					}
					must(t, c.Advance(time.Hour))
				}
			})
		})
	}
}

// TestKeyMayNotGrantOneGroup: many people lack only a group that the key may not give. All others get their groups in
// the first run.
func TestKeyMayNotGrantOneGroup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		people := manyPeople(40)
		c := newDefaultCompany(t, sandbox.Options{}, people...)
		c.addMembers(people...)
		for i := range c.roster.People {
			c.roster.People[i].Groups = refs("platform")
			if i >= 30 {
				c.roster.People[i].Groups = refs("everyone")
			}
		}
		c.failAlways(failingAnswers["403"], c.platformID())
		if o := c.run(with{concurrency: 1}); o.counts() != "10/1/0/29" {
			t.Errorf("%s (done/failed/unknown/skipped)", o.counts())
		}
	})
}

// TestKeyMayNotGrantGroups: the key may not give groups. After two of them were denied, it still gives a role.
func TestKeyMayNotGrantGroups(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDefaultCompany(t, sandbox.Options{}, ada, bob, zoe)
		c.addMembers(ada, bob, zoe)
		_, err := c.AddRole(sandbox.Role{Name: "reader"})
		must(t, err)
		c.roster.People[0].Groups = refs("platform")
		c.roster.People[1].Groups = refs("everyone")
		c.roster.People[2].Roles = refs("reader")
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultForbid, Method: http.MethodPost, Path: "/v2/groups*"})
		if o := c.run(with{concurrency: 1}); o.counts() != "1/2/0/0" {
			t.Errorf("%s (done/failed/unknown/skipped)", o.counts())
		}
	})
}

// TestKeyMayNotGrantTwoGroups: the key may not give two of three groups. After it has given the third group to
// somebody, it gives this group to everybody. If it may give no group, the run asks for only two of them.
func TestKeyMayNotGrantTwoGroups(t *testing.T) {
	t.Parallel()
	for want, denied := range map[string][]string{
		"3/2/0/0": {"platform", "lab"}, "0/2/0/3": {"everyone", "platform", "lab"},
	} {
		synctest.Test(t, func(t *testing.T) {
			people := manyPeople(5)
			c := newDefaultCompany(t, sandbox.Options{}, people...)
			c.addMembers(people...)
			_, err := c.AddGroup(sandbox.Group{ID: "lab-id", Name: "lab"})
			must(t, err)
			for i, group := range []string{"everyone", "platform", "lab", "everyone", "everyone"} {
				c.roster.People[i].Groups = refs(group)
			}
			var ids []string
			for _, g := range c.World().Groups {
				if slices.Contains(denied, g.Name) {
					ids = append(ids, g.ID)
				}
			}
			c.failAlways(failingAnswers["403"], ids...)
			if o := c.run(with{concurrency: 1}); o.counts() != want {
				t.Errorf("%v: %s (done/failed/unknown/skipped), want %s", denied, o.counts(), want)
			}
		})
	}
}
