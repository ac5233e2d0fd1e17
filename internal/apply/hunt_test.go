package apply_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// Found by these histories: the answer to ada's mail was lost, she accepted with another address before anybody looked again,
// and a list that forgets who accepted made the mail look like one that was never sent.
func TestFaultA6LostAndAcceptedWithAnotherAddress(t *testing.T) {
	t.Parallel()
	for _, others := range []int{0, 2} {
		for _, after := range []time.Duration{3 * time.Minute, 20 * time.Minute, 50 * time.Hour} {
			t.Run(fmt.Sprint(others, after), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c := newFault(t, sandbox.Options{Dialect: sandbox.Dialect{Accepted: sandbox.AcceptedVanish, Duplicate: sandbox.DuplicateSecond}},
						append([]string{ada}, many(others)...)...)
					k := c.killAfterWrite(1)
					c.run(with{concurrency: 1})
					k.revive()
					must(t, c.Accept(ada, sandbox.AcceptOptions{As: home}))
					must(t, c.Advance(after))
					c.runs(12, 20*time.Hour, with{}, func(_ int, o outcome) {
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
