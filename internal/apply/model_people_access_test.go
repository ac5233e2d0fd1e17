package apply_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// accessWatch has the settings that change between runs, and what [peopleWorld] watches because of them.
type accessWatch struct {
	unlistedPolicy roster.UnlistedPolicy
	unlistedAfter  time.Duration
	protected      []string
	hides          bool // some runs cannot see everybody
	// wrote is what the roster of this run gives: the groups by address.
	wrote map[string][]string
	// namedGroups has the groups that the roster of this run names.
	namedGroups map[string]bool
	// held has the users at the last look at their groups.
	held map[string]sandbox.User
	// late has the edits of earlier runs that the server may make during this run. lateUntil is until when the server may
	// make the edits of the last run; zero if it makes none after the run.
	late      []lateEdits
	lateUntil time.Time
	revoked   map[string]bool // the paths of the revocations of this run
	// everListed has the addresses that a roster had, and former the earlier addresses of users by id.
	everListed map[string]bool
	former     map[string][]string
}

// trade lets two people exchange an address, in all rosters.
func (c *peopleWorld) trade(a act) {
	p, q := &c.people[a.Who], &c.people[(a.Who+1)%peopleCount]
	p.addresses[a.A], q.addresses[a.B] = q.addresses[a.B], p.addresses[a.A]
	wasMember, byHand := p.wasMember || q.wasMember, p.byHand+q.byHand
	for _, both := range []*human{p, q} {
		clear(both.left) // perhaps the other address was mailed later
		both.under, both.wasMember, both.byHand = "", wasMember, byHand
		if q.removed.After(p.removed) {
			both.removed = q.removed
		}
		if q.handed.After(p.handed) {
			both.handed = q.handed
		}
	}
	c.traded = true
}

// actOnAccess does what a says about access and settings.
func (c *peopleWorld) actOnAccess(a act, is bool, address string) {
	p := &c.people[a.Who]
	switch a.What {
	case "group":
		p.groups = []string{"", "everyone", "everyone platform"}[a.A]
	case "team":
		p.groups, p.teamUntil = "everyone team", time.Time{}
		if a.A > 0 {
			p.teamUntil = c.Now().Truncate(24*time.Hour).AddDate(0, 0, a.A-1)
		}
	case "grouped":
		if u, _ := c.userOf(address); is && !u.Suspended {
			c.addToGroup(u, []string{"everyone", "platform", "platform"}[a.B])
		}
	case "after":
		c.unlistedAfter = []time.Duration{0, 24 * time.Hour, 100 * time.Hour}[a.A]
	case "policy":
		if !c.hides { // otherwise runs would refuse to do anything
			c.unlistedPolicy = []roster.UnlistedPolicy{roster.UnlistedReport, roster.UnlistedSuspend, roster.UnlistedRemove}[a.A]
		}
	case "from":
		p.from = c.Now().Truncate(24*time.Hour).AddDate(0, 0, a.A)
		if a.A == 0 || !p.until.IsZero() && p.from.After(p.until) {
			p.from = time.Time{}
		}
	case "protect":
		address := c.addressOf(a.Who, a.A)
		if i := slices.Index(c.protected, address); i >= 0 {
			c.protected = slices.Delete(c.protected, i, i+1)
		} else {
			c.protected = append(c.protected, address)
		}
	}
}

// addToGroup adds a user to a group by hand.
func (c *peopleWorld) addToGroup(u sandbox.User, name string) {
	groups := c.World().Groups
	g := groups[slices.IndexFunc(groups, func(g sandbox.Group) bool { return g.Name == name })]
	body, err := json.Marshal(map[string]string{"user_id": u.ID, "display_name": u.Email})
	must(c.t, err)
	req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/v2/groups/"+g.ID+"/members", bytes.NewReader(body))
	req.Header.Set("Authorization", "Bearer K3Y")
	req.Header.Set("Content-Type", "application/json")
	c.Server.ServeHTTP(httptest.NewRecorder(), req)
}

// gives returns the groups that the roster gives a person now.
func (c *peopleWorld) gives(who int) (groups []string) {
	p := &c.people[who]
	if !c.history.Access || len(c.entry(who)) == 0 {
		return nil
	}
	for _, word := range strings.Fields(p.groups) {
		switch {
		case word != "team":
			groups = append(groups, word)
		case p.teamUntil.IsZero() || c.Now().Before(p.teamUntil.Add(24*time.Hour)):
			groups = append(groups, "platform")
		}
	}
	return groups
}

// giveAccess writes the access of a person into the roster.
func (c *peopleWorld) giveAccess(who int, person *roster.Person) {
	p := &c.people[who]
	if !c.history.Access {
		return
	}
	person.Groups = []roster.Ref{}
	for _, word := range strings.Fields(p.groups) {
		if word != "team" {
			person.Groups = append(person.Groups, refs(word)...)
			continue
		}
		person.Teams = []roster.Membership{{Team: "team", Until: roster.DayOf(p.teamUntil), At: person.At}}
		given := refs("platform")
		given[0].Until = roster.DayOf(p.teamUntil)
		person.Groups = append(person.Groups, given...)
		if len(c.roster.Teams) == 0 {
			c.roster.Teams = []roster.Team{{Name: "team", Access: roster.Access{Groups: refs("platform")}}}
		}
	}
}

// watchAccess records what the roster of this run gives, and what users have.
func (c *peopleWorld) watchAccess() {
	c.late = slices.DeleteFunc(c.late, func(l lateEdits) bool { return !c.Now().Before(l.until) })
	if c.Now().Before(c.lateUntil) {
		c.late = append(c.late, lateEdits{c.wrote, c.lateUntil})
	}
	c.lateUntil = time.Time{}
	c.wrote, c.namedGroups, c.held = map[string][]string{}, map[string]bool{}, c.users()
	clear(c.revoked)
	for who := range c.people {
		for _, address := range c.entry(who) {
			c.wrote[address] = c.gives(who)
		}
	}
	for _, p := range c.roster.People {
		for _, a := range p.Addresses() {
			c.everListed[a.Key()] = true
		}
		for _, g := range p.On(c.Now()).Groups {
			c.namedGroups[g.Name] = true
		}
	}
	for _, team := range c.roster.Teams {
		for _, g := range team.Groups {
			c.namedGroups[g.Name] = true
		}
	}
}

// lateEdits are edits that the server may make after their run, until a time. wrote is that of the run.
type lateEdits struct {
	wrote map[string][]string
	until time.Time
}

// mayBeLate reports whether the server may have given or taken the group g because of an edit of an earlier run.
func (c *peopleWorld) mayBeLate(address, g string, given bool) bool {
	return slices.ContainsFunc(c.late, func(l lateEdits) bool {
		gives, listed := l.wrote[address]
		return listed && slices.Contains(gives, g) == given
	})
}

// compareAccess checks (p9): the last run gave and took only the groups that its roster says.
func (c *peopleWorld) compareAccess() {
	now := c.users()
	for id, was := range c.held {
		is, still := now[id]
		address := strings.ToLower(was.Email)
		if at, gone := c.gone[address]; !still || c.ownerOf(address) < 0 || gone && !at.Before(c.began) {
			continue
		}
		gives, listed := c.wrote[address]
		for _, g := range is.Groups {
			if !slices.Contains(was.Groups, g) && !slices.Contains(gives, g) && !c.mayBeLate(address, g, true) {
				c.fault("(p9) %s gets the group %s, and the roster gives %v", address, g, gives)
			}
		}
		for _, g := range was.Groups {
			switch {
			case slices.Contains(is.Groups, g), c.mayBeLate(address, g, false):
			case !listed:
				c.fault("(p9) %s is in no entry, and loses the group %s", address, g)
			case slices.Contains(gives, g):
				c.fault("(p9) %s loses the group %s, and the roster gives %v", address, g, gives)
			case !c.namedGroups[g] || c.roster.Settings.ExtraAccess != roster.ExtraAccessRevoke:
				c.fault("(p9) %s loses the group %s, extra access: %s, named: %v", address, g, c.roster.Settings.ExtraAccess,
					c.namedGroups)
			case c.isProtected(was):
				c.fault("(p9) %s loses the group %s, and is protected by %v", address, g, c.protected)
			case was.Suspended && is.Suspended && c.history.Lag == 0:
				c.fault("(p9) %s is suspended, and loses the group %s", address, g)
			}
		}
	}
	c.held = now
}

// revoke checks (p8) for a revocation.
func (c *peopleWorld) revoke(path string) {
	if c.revoked[path] = true; len(c.revoked) > c.roster.Settings.MaxRevokes {
		c.fault("(p8) groups are revoked %d times", len(c.revoked))
	}
}

// isNamed reports whether one of the addresses names a person of the roster.
func (c *peopleWorld) isNamed(addresses []string, who int) bool {
	return slices.ContainsFunc(c.entry(who), func(a string) bool { return slices.Contains(addresses, a) })
}

// checkOnly checks (p10): a run with --only changes nobody else.
func (c *peopleWorld) checkOnly(address string) {
	who := c.ownerOf(address)
	isNamed := func(a string) bool { return c.ownerOf(a) == who }
	if len(c.flags.only) > 0 && !slices.ContainsFunc(c.flags.only, isNamed) {
		c.fault("(p10) %s is changed with --only %v", address, c.flags.only)
	}
}

// checkWait checks (p3): a user that was in no roster is suspended or removed only after unlisted_after.
func (c *peopleWorld) checkWait(u sandbox.User) {
	addresses := append([]string{strings.ToLower(u.Email)}, c.former[u.ID]...)
	for _, inv := range c.World().Invitations {
		if inv.State == "accepted" && slices.Contains(addresses, strings.ToLower(inv.Registered)) {
			addresses = append(addresses, strings.ToLower(inv.Email))
		}
	}
	isKnown := func(a string) bool { return c.everListed[a] }
	if slices.ContainsFunc(addresses, isKnown) || slices.Contains(c.flags.only, strings.ToLower(u.Email)) {
		return
	}
	since, seen := c.unlisted[u.ID]
	if !seen {
		since = c.began
	}
	after := c.roster.Settings.UnlistedAfter
	if wait := c.Now().Sub(since); wait < after-min(time.Hour, after/4) {
		c.fault("(p3) %s is suspended or removed after %v of %v", u.Email, wait, after)
	}
}
