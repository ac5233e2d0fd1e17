package apply_test

import (
	"maps"
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// ledgerCopy is a copy of the ledger. byOrgsync has the ids of the users that orgsync had suspended.
type ledgerCopy struct {
	content   []byte
	byOrgsync map[string]bool
}

// changeLedger copies the ledger, loses it, or restores the copy. Before it loses lines, it waits until the lists show
// everything that was mailed, as docs/ledger.md says.
func (c *peopleWorld) changeLedger(what string) {
	switch what {
	case "copied":
		content, err := c.store.Read(c.t.Context())
		must(c.t, err)
		c.copied = ledgerCopy{content, maps.Clone(c.byOrgsync)}
	case "lost":
		c.copied = ledgerCopy{}
		c.restoreLedger()
	case "restored":
		c.restoreLedger()
	}
}

// restoreLedger replaces the ledger by the copy, and forgets what orgsync does not know without the later lines.
func (c *peopleWorld) restoreLedger() {
	time.Sleep(org.SettleAfter + org.SendWithin + c.history.Lag)
	for who := range c.people {
		p := &c.people[who]
		p.byHand += c.intents(who) // the list may still have these invitations
		clear(p.left)
		if c.isOnlyInLedger(p) {
			p.under = ""
		}
	}
	must(c.t, c.store.Replace(slices.Clone(c.copied.content)))
	clear(c.seen)
	clear(c.byOrgsync)
	for id := range c.copied.byOrgsync { // orgsync may end a later suspension too
		c.inDoubt[id] = true
		delete(c.byAdmin, id)
	}
	c.saved, c.lostAt = nil, c.Now()
	if d := c.history.Dialect; d.Expiration != sandbox.ExpirationTold || d.Dates == sandbox.DatesEmpty {
		c.forgotAt = c.Now()
	}
}
