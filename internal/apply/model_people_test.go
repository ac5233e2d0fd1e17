package apply_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// peopleHistory is a random history of a few people who have several addresses. Their entries in the roster change, and
// administrators and the people themselves do things by hand.
type peopleHistory struct {
	Dialect     sandbox.Dialect
	Lag         time.Duration
	Rounds      int
	Unlisted    roster.UnlistedPolicy
	After       time.Duration // unlisted_after
	Hidden      roster.HiddenMembersPolicy
	Access      bool // the roster gives everybody a group
	PageCap     int  // as in [script]
	MaxRemovals int
	Extra       roster.ExtraAccessPolicy
	MaxRevokes  int
	// Protected has the addresses that settings.protected has in the beginning.
	Protected []string
	Runs      []peopleRun
}

// peopleRun is some time, things that people do, and one run.
type peopleRun struct {
	Wait   time.Duration
	Acts   []act
	During []act // they happen when the run asks for the mail number At
	At     int
	Hidden string // as in [episode]
	Lost   string // "acted" or "ignored" if the answer to the first mail is lost; otherwise ""
	Kill   int    // as in [episode]
	// Only, Reinvite and Resend have the number of the person that the flag names, counted from 1; 0 if it is not set.
	Only, Reinvite, Resend int
	Name                   int // which address of this person the flags have
	InviteLeft             bool
	Save                   bool // `plan --out` with these flags instead of `apply`
	Saved                  bool // apply the saved plan
	MoveAt                 int  // as in [episode]
	Moves                  string
	// Other is 0 if this run has the usual roster. Otherwise the run has a second roster of the organization, which lists
	// only the person with the number Other, and has `unlisted: report`.
	Other int
	// LostEdit is "acted" or "ignored" if the answer to the first edit of each kind is lost, or "late" if the server acts
	// on it after that; otherwise "".
	LostEdit string
	Ledger   string // copied, lost, restored, or "": as it is
}

// act is something that happens to the person Who: with the address A, or with the addresses A and B.
type act struct {
	What string
	Who  int
	A, B int
}

// acts are what may happen. The most important ones are there several times.
var acts = []string{
	"accept", "accept", "accept", "decline", "cancel", "leave", "leave", "suspend", "unsuspend", "by hand", "added",
	"email", "email", "alias", "alias", "alias", "out", "out", "in", "in", "until", "rename", "rename", "trade",
	"group", "team", "grouped", "after", "protect", "policy", "from",
}

// peopleCount and addresses are the numbers of people, and of the addresses that each has.
const peopleCount, addressCount = 2, 3

// firstAddress returns an address that a person has in the beginning. Only its domain depends on a.
func firstAddress(who, a int) string { return fmt.Sprintf("p%d@%c.example", who, 'a'+a) }

// addressOf returns an address of a person.
func (c *peopleWorld) addressOf(who, a int) string { return c.people[who].addresses[a] }

// ownerOf returns the person who has the address; -1 if nobody has it.
func (c *peopleWorld) ownerOf(address string) int {
	return slices.IndexFunc(c.people[:], func(p human) bool {
		return slices.Contains(p.addresses[:], strings.ToLower(address))
	})
}

func drawPeopleHistory(t *rapid.T) peopleHistory {
	s := peopleHistory{
		Lag:      pick(t, "lag", 0, 0, 0, 30*time.Second, 5*time.Minute),
		Rounds:   rapid.IntRange(1, 3).Draw(t, "rounds"),
		Unlisted: pick(t, "unlisted", roster.UnlistedReport, roster.UnlistedSuspend, roster.UnlistedRemove),
		After:    pick(t, "unlisted after", 0, 24*time.Hour),
		Hidden:   pick(t, "hidden members", roster.HiddenMembersHold, roster.HiddenMembersInvite),
		Access:   rapid.Bool().Draw(t, "access"),
	}
	if rapid.IntRange(0, 3).Draw(t, "mixed") == 0 {
		s.Dialect = mixDialects(t, sandbox.Dialects())
	}
	d := &s.Dialect
	d.Lapsed = pick(t, "lapsed", sandbox.LapsedPending, sandbox.LapsedMarked, sandbox.LapsedVanish)
	d.Accepted = pick(t, "accepted", sandbox.AcceptedListed, sandbox.AcceptedVanish)
	d.Declined = pick(t, "declined", sandbox.DeclinedListed, sandbox.DeclinedVanish)
	d.ResendID = pick(t, "resend id", sandbox.ResendSameID, sandbox.ResendNewID)
	d.ResendLapsed = pick(t, "resend expired", sandbox.ResendLapsedSent, sandbox.ResendLapsed400)
	d.Duplicate = pick(t, "duplicate", sandbox.Duplicate400, sandbox.DuplicateSecond)
	d.Expiration = pick(t, "expiration", sandbox.ExpirationTold, sandbox.ExpirationNull)
	if s.PageCap = pick(t, "page cap", 0, 0, 0, 2, 3); s.PageCap > 0 {
		d.Paging = sandbox.PagingOffset
	}
	d.InviteAccepted = pick(t, "invite accepted", sandbox.InviteAcceptedAbsent, sandbox.InviteAcceptedInvited,
		sandbox.InviteAcceptedSingle)
	needsLedger := hidesInvited(*d, s.Lag > 0 || s.PageCap > 0)
	s.MaxRemovals = pick(t, "max removals", 5, 5, 1)
	s.Extra = pick(t, "extra access", roster.ExtraAccessReport, roster.ExtraAccessRevoke, roster.ExtraAccessRevoke)
	s.MaxRevokes = pick(t, "max revokes", 25, 25, 1)
	for who := range peopleCount {
		if rapid.IntRange(0, 5).Draw(t, "protected") == 0 {
			s.Protected = append(s.Protected, firstAddress(who, rapid.IntRange(0, addressCount-1).Draw(t, "address")))
		}
	}
	hides := pick(t, "hides", "", "", "", "users", "suspended", "both")
	if (hides == "users" || hides == "both") && rapid.IntRange(0, 4).Draw(t, "cannot do its work") > 0 {
		s.Access, s.Unlisted = false, roster.UnlistedReport // otherwise these runs would refuse to do anything
	}
	someone := func(label string) int {
		if rapid.IntRange(0, 7).Draw(t, label) > 0 {
			return 0
		}
		return rapid.IntRange(1, peopleCount).Draw(t, "person")
	}
	drawActs := func(label string, most int) (drawn []act) {
		for range rapid.IntRange(0, most).Draw(t, label) {
			what := rapid.SampledFrom(acts)
			if needsLedger {
				what = what.Filter(func(act string) bool { return act != "by hand" })
			}
			if label == "during" && rapid.Bool().Draw(t, "accepts") {
				what = rapid.Just("accept")
			}
			drawn = append(drawn, act{
				What: what.Draw(t, "what"), Who: rapid.IntRange(0, peopleCount-1).Draw(t, "who"),
				A: rapid.IntRange(0, addressCount-1).Draw(t, "a"), B: rapid.IntRange(0, addressCount-1).Draw(t, "b"),
			})
		}
		return drawn
	}
	for range rapid.IntRange(2, 10).Draw(t, "chapters") {
		c := peopleRun{
			Wait: pick(t, "wait", time.Minute, 20*time.Minute, time.Hour, 26*time.Hour, 80*time.Hour),
			Acts: drawActs("acts", 4),
		}
		if rapid.IntRange(0, 2).Draw(t, "something happens") == 0 {
			c.During, c.At = drawActs("during", 2), rapid.IntRange(1, 2).Draw(t, "at")
		}
		if hides != "" && rapid.Bool().Draw(t, "hidden now") {
			c.Hidden = hides
		}
		c.Lost = pick(t, "lost", "", "", "", "", "acted", "ignored")
		c.LostEdit = pick(t, "lost edit", "", "", "", "acted", "ignored", "late")
		if rapid.IntRange(0, 7).Draw(t, "killed") == 0 {
			c.Kill = rapid.IntRange(8, 50).Draw(t, "kill")
		}
		c.Only, c.Reinvite, c.Resend = someone("only"), someone("reinvite"), someone("resend")
		c.Name = rapid.IntRange(0, addressCount-1).Draw(t, "name")
		if c.Only != 0 && c.Reinvite != 0 {
			c.Reinvite = c.Only // the command line refuses others
		}
		if c.Only != 0 && c.Resend != 0 {
			c.Resend = c.Only
		}
		c.InviteLeft = rapid.IntRange(0, 11).Draw(t, "invite left") == 0
		c.Save = rapid.IntRange(0, 9).Draw(t, "save") == 0
		c.Saved = rapid.IntRange(0, 6).Draw(t, "saved") == 0
		if s.PageCap > 0 && rapid.Bool().Draw(t, "rows move") {
			c.MoveAt, c.Moves = rapid.IntRange(1, 6).Draw(t, "move at"), pick(t, "moves", "/v2/users", "/v2/invitation")
		}
		if rapid.IntRange(0, 5).Draw(t, "other roster") == 0 {
			c.Other = rapid.IntRange(1, peopleCount).Draw(t, "the other roster lists")
		}
		if rapid.IntRange(0, 15).Draw(t, "ledger") == 0 && !needsLedger {
			c.Ledger = pick(t, "what of it", "copied", "copied", "restored", "lost")
		}
		s.Runs = append(s.Runs, c)
	}
	return s
}

// human is a person and their entry in the roster.
type human struct {
	addresses [addressCount]string
	email     int
	alias     [addressCount]bool
	out       bool      // the roster does not have the entry
	from      time.Time // the first day in the entry; zero if there is none
	until     time.Time // the last day in the entry; zero if there is none
	// groups says what access the entry and the team give. See [peopleWorld.gives].
	groups    string
	teamUntil time.Time // the last day in the team; zero if there is none
	// left has the addresses with which a run saw the person as a member of this entry, and which left then. With such an
	// address in the entry, the person is not mailed.
	left map[string]bool
	// under is the id of the user with which the person accepted a mail to invited, although the roster did not have the
	// address of this user. If byLedger is true, the user has had the address invited, and only the ledger knows this.
	under, invited string
	underSince     time.Time
	byLedger       bool
	byHand         int // how often the person was invited by hand
	handed         time.Time
	removed        time.Time // when orgsync last removed a user of the person
	// wasMember is true if a run saw the person as a member. Then the ledger no longer has earlier mails, and does not
	// know whether one of them renewed an old invitation.
	wasMember bool
	// resent is true if the saved plan has sent the mail of its --resend.
	resent bool
}

// peopleWorld plays a history, and checks its rules.
type peopleWorld struct {
	*company
	history peopleHistory
	people  [peopleCount]human
	broken  []string
	log     []string
	n       int // the number of the run
	other   int // [peopleRun.Other] while the run is made

	// byAdmin and byOrgsync have the ids of users that an administrator, or orgsync, suspended. inDoubt has those whose
	// suspension a killed run may have ended: orgsync may end a later suspension too.
	byAdmin, byOrgsync, inDoubt map[string]bool
	// joined has the times, by user id, when a user joined; seen has those that a run certainly saw as people of the
	// roster, by id and address.
	joined map[string]time.Time
	seen   map[string]bool
	// seenAs has, for each key of seen, whose entry had the address then.
	seenAs map[string]int
	// unlisted has the times, by user id, when a run may first have seen a user as unlisted.
	unlisted map[string]time.Time
	saved    *plan.Saved
	copied   ledgerCopy
	lostAt   time.Time            // when lines of the ledger were last lost
	forgotAt time.Time            // when the ledger lost dates that the list does not have; zero if never
	byHand   map[string]time.Time // when an invitation was made by hand, by id
	gone     map[string]time.Time // when the last user with this address left; a list that lags still shows them
	traded   bool                 // people have exchanged addresses
	accessWatch

	mu    sync.Mutex
	rows  movingRows
	play  peopleRun
	flags with
	began time.Time
	mails int
	edits int             // the requests of this run that change something
	taken map[string]bool // the ids of the users that this run suspends or removes
	// present has the users when the run began, and read those when it last asked for them.
	present, read map[string]sandbox.User
	after         time.Time // the time of this reading
}

func (c *peopleWorld) fault(format string, args ...any) {
	c.broken = append(c.broken, fmt.Sprintf("run %d: ", c.n)+fmt.Sprintf(format, args...))
}

// isOut reports whether the current roster has no entry for a person.
func (c *peopleWorld) isOut(who int) bool {
	return c.people[who].out || c.other != 0 && c.other != who+1
}

// entry returns the addresses of the entry of a person; nil if the roster does not list them now.
func (c *peopleWorld) entry(who int) []string {
	p := &c.people[who]
	if c.isOut(who) || !p.until.IsZero() && !c.Now().Before(p.until.Add(24*time.Hour)) {
		return nil
	}
	all := []string{c.addressOf(who, p.email)}
	for a, is := range p.alias {
		if is && a != p.email {
			all = append(all, c.addressOf(who, a))
		}
	}
	return all
}

// lists reports whether the entry of a person has the address.
func (c *peopleWorld) lists(address string) bool {
	who := c.ownerOf(address)
	return who >= 0 && slices.Contains(c.entry(who), strings.ToLower(address))
}

// users returns the users of the organization by id.
func (c *peopleWorld) users() map[string]sandbox.User {
	users := map[string]sandbox.User{}
	for _, u := range c.World().Users {
		users[u.ID] = u
	}
	return users
}

func (c *peopleWorld) userOf(address string) (sandbox.User, bool) {
	for _, u := range c.World().Users {
		if strings.EqualFold(u.Email, address) {
			return u, true
		}
	}
	return sandbox.User{}, false
}

// act does what a says, if it is possible.
func (c *peopleWorld) act(a act) {
	p, address := &c.people[a.Who], c.addressOf(a.Who, a.A)
	// The acts on users and invitations take one that exists.
	choose := func(have []string) bool {
		have = slices.DeleteFunc(have, func(s string) bool { return c.ownerOf(s) != a.Who })
		if len(have) > 0 {
			address = strings.ToLower(have[a.A%len(have)])
		}
		return len(have) > 0
	}
	var members, invited []string
	for _, u := range c.World().Users {
		members = append(members, u.Email)
	}
	for _, inv := range c.World().Invitations {
		if inv.State == "pending" {
			invited = append(invited, inv.Email)
		}
	}
	switch a.What {
	case "accept":
		if choose(invited) {
			as := address
			if a.B != 1 {
				as = c.addressOf(a.Who, a.B)
			}
			for _, member := range members {
				if a.B == 2 && c.ownerOf(member) == a.Who && !c.lists(member) {
					as = strings.ToLower(member) // they accept with an account that is a stranger so far
				}
			}
			c.accept(a.Who, address, as)
		}
	case "decline":
		if choose(invited) {
			must(c.t, c.Decline(address))
		}
	case "cancel":
		if choose(invited) {
			must(c.t, c.Cancel(address))
		}
	case "leave":
		if choose(members) {
			u, _ := c.userOf(address)
			must(c.t, c.Leave(address))
			// An administrator who has invited another address of the person wants the person back.
			isInvited := slices.ContainsFunc(c.World().Invitations, func(inv sandbox.Invitation) bool {
				made := c.byHand[inv.ID]
				isUnanswered := inv.State == "pending" || inv.State == "expired" && made.After(c.joined[u.ID])
				return !made.IsZero() && isUnanswered && c.ownerOf(inv.Email) == a.Who
			})
			p.left[address] = c.seen[u.ID+address] && c.seenAs[u.ID+address] == a.Who && !isInvited
			c.forget(u)
		}
	case "suspend":
		if !choose(members) {
			return
		}
		if u, _ := c.userOf(address); !u.Suspended {
			must(c.t, c.Suspend(address))
			c.byAdmin[u.ID] = !c.byOrgsync[u.ID] && !c.inDoubt[u.ID]
			if c.history.Lag > 0 {
				delete(c.byOrgsync, u.ID) // perhaps a run saw that its own suspension was ended by hand
			}
		}
	case "unsuspend":
		if choose(members) {
			must(c.t, c.Unsuspend(address))
			u, _ := c.userOf(address)
			delete(c.byAdmin, u.ID)
		}
	case "by hand":
		if _, is := c.userOf(address); !is {
			id, err := c.AddInvitation(sandbox.Invitation{Email: address})
			must(c.t, err)
			c.byHand[id.ID] = c.Now()
			p.byHand, p.handed = p.byHand+1, c.Now()
			clear(p.left)
		}
	case "added":
		if _, is := c.userOf(address); !is {
			u, err := c.AddUser(sandbox.User{Email: address, Groups: [][]string{nil, {"everyone"}, {"platform"}}[a.B]})
			must(c.t, err)
			c.joined[u.ID] = c.Now()
			delete(p.left, address)
		}
	case "rename":
		if _, is := c.userOf(c.addressOf(a.Who, a.B)); !is && c.history.Lag == 0 && choose(members) {
			c.rename(a.Who, address, c.addressOf(a.Who, a.B))
		}
	case "email":
		p.email = a.A
	case "alias":
		p.alias[a.A] = !p.alias[a.A]
	case "out", "in":
		p.out = a.What == "out"
	case "until":
		p.until = time.Time{}
		if a.A > 0 {
			p.until = c.Now().Truncate(24*time.Hour).AddDate(0, 0, []int{0, 1, 5}[a.A])
		}
		if !p.until.IsZero() && p.from.After(p.until) {
			p.from = time.Time{} // a roster with such an entry is invalid
		}
	case "trade":
		c.trade(a)
	default:
		c.actOnAccess(a, choose(members), address)
	}
}

func (c *peopleWorld) accept(who int, invited, as string) {
	p := &c.people[who]
	id := ""
	for _, inv := range c.World().Invitations {
		if inv.State == "pending" && strings.EqualFold(inv.Email, invited) {
			id = inv.ID
		}
	}
	isMail := slices.ContainsFunc(c.World().Mails, func(m sandbox.Mail) bool {
		return m.InvitationID == id && (c.history.Dialect.Accepted == sandbox.AcceptedListed || m.At.After(c.lostAt))
	})
	_, was := c.userOf(as)
	must(c.t, c.AcceptAs(invited, as))
	u, _ := c.userOf(as)
	_, earlier := c.joined[u.ID]
	if !was {
		c.joined[u.ID] = c.Now()
	}
	clear(p.left)
	// If accepted invitations are not listed, orgsync cannot see who accepts with an address that it knows already.
	_, known := c.unlisted[u.ID]
	isKnown := was || earlier || known || len(c.Mails()[as]) > 0
	shown := !isKnown || c.history.Dialect.Accepted == sandbox.AcceptedListed
	if isMail && c.lists(invited) && !c.lists(as) && shown {
		p.under, p.invited, p.underSince, p.byLedger = u.ID, invited, c.Now(), false
	}
}

// rename gives a user another address. If a run saw the user as a person of the roster, orgsync still knows who this
// is.
func (c *peopleWorld) rename(who int, from, to string) {
	p := &c.people[who]
	u, _ := c.userOf(from)
	must(c.t, c.Rename(from, to))
	c.former[u.ID] = append(c.former[u.ID], from)
	wasSeen := c.seen[u.ID+from]
	delete(c.seen, u.ID+from)
	c.gone[from] = c.Now()
	if p.under == u.ID {
		p.under = "" // perhaps no run has seen who accepted the mail
	}
	switch {
	case c.lists(to):
		c.seen[u.ID+to], c.seenAs[u.ID+to] = wasSeen && c.lists(from), c.seenAs[u.ID+from]
	case wasSeen && c.lists(from) && p.under == "":
		p.under, p.invited, p.underSince, p.byLedger = u.ID, from, c.Now(), true
	}
}

// forget forgets a user who is no longer in the organization.
func (c *peopleWorld) forget(u sandbox.User) {
	delete(c.byAdmin, u.ID)
	delete(c.byOrgsync, u.ID)
	delete(c.seen, u.ID+strings.ToLower(u.Email))
	c.gone[strings.ToLower(u.Email)] = c.Now()
	if who := c.ownerOf(u.Email); who >= 0 && c.people[who].under == u.ID {
		c.people[who].under = ""
	}
}

// isHidden reports whether the runs of now cannot see u, although u is a user.
func (c *peopleWorld) isHidden(u sandbox.User) bool {
	d := c.history.Dialect
	inUsers := c.play.Hidden != "users" && c.play.Hidden != "both"
	inSuspended := c.play.Hidden != "suspended" && c.play.Hidden != "both" &&
		d.SuspendedEndpoint != sandbox.SuspendedEndpointMissing
	hiddenAsActive := !inUsers
	hiddenAsSuspended := (!inUsers || d.Suspended == sandbox.SuspendedListed) &&
		(!inSuspended || d.Suspended == sandbox.SuspendedUsers)
	switch isRecent := u.SuspendedAt.After(c.began.Add(-c.history.Lag - time.Second)); {
	case !u.Suspended:
		return hiddenAsActive
	case isRecent:
		return hiddenAsActive || hiddenAsSuspended // a list that lags may show either
	default:
		return hiddenAsSuspended
	}
}

// look sees each request before the server does.
func (c *peopleWorld) look(req *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows.look(c.company, req)
	if req.Method == http.MethodGet {
		if req.URL.Path == "/v2/users" {
			c.read, c.after = c.users(), c.Now()
		}
		return
	}
	c.edits++
	body, err := io.ReadAll(req.Body)
	must(c.t, err)
	path := req.URL.Path
	switch {
	case strings.HasPrefix(path, "/v2/invitation"):
		if c.mails++; c.mails == c.play.At {
			for _, a := range c.play.During {
				switch a.What {
				case "email", "alias", "out", "in", "until", "rename", "trade", "group", "team", "grouped", "after",
					"protect", "policy", "from": // the roster and the users are read once
				default:
					c.act(a)
				}
			}
		}
		c.mail(path, body)
	case strings.Contains(path, "/user/"):
		parts := strings.Split(path, "/")
		id := parts[slices.Index(parts, "user")+1]
		u, known := c.users()[id]
		if !known {
			return
		}
		switch {
		case strings.HasSuffix(path, "/unsuspend"):
			if c.byAdmin[id] {
				c.fault("(p2) an administrator suspended %s, and orgsync ends the suspension", u.Email)
			}
			if who := c.ownerOf(u.Email); who >= 0 && c.people[who].from.After(c.Now()) {
				c.fault("(p4) the suspension of %s ends, and their first day is %v", u.Email, c.people[who].from)
			}
			if !c.lists(u.Email) {
				c.fault("(p5) the suspension of %s ends, who is in no entry", u.Email)
			}
			delete(c.byOrgsync, id)
			c.inDoubt[id] = c.play.Kill > 0 || c.play.LostEdit != ""
		default:
			c.suspendOrRemove(u, req.Method == http.MethodDelete)
		}
	case strings.HasPrefix(path, "/v2/groups/") && req.Method == http.MethodDelete:
		c.revoke(path)
	case strings.HasPrefix(path, "/v2/groups/") && req.Method == http.MethodPost:
		var asked struct {
			UserID string `json:"user_id"`
		}
		must(c.t, json.Unmarshal(body, &asked))
		if u, is := c.read[asked.UserID]; is && !c.lists(u.Email) {
			c.fault("(p5) %s gets a group, and is in no entry", u.Email)
		} else if is {
			c.checkOnly(u.Email)
		}
	}
}

// isProtected reports whether settings.protected has the address of u, an address with which u accepted an invitation,
// or another address of their entry. An accepted invitation counts only if the lists show it.
func (c *peopleWorld) isProtected(u sandbox.User) bool {
	addresses := []string{strings.ToLower(u.Email)}
	visible := c.after.Add(-c.history.Lag)
	for _, inv := range c.World().Invitations {
		isOwn := inv.State == "accepted" && strings.EqualFold(inv.Registered, u.Email) && inv.Responded.Before(visible)
		if isOwn && c.history.Dialect.Accepted == sandbox.AcceptedListed {
			addresses = append(addresses, strings.ToLower(inv.Email))
		}
	}
	for _, p := range c.roster.People {
		if slices.ContainsFunc(addresses, func(a string) bool { return hasAddress(p, a) }) {
			for _, a := range p.Addresses() {
				addresses = append(addresses, a.Key())
			}
		}
	}
	return slices.ContainsFunc(addresses, func(a string) bool { return slices.Contains(c.protected, a) })
}

// suspendOrRemove checks (p3): nobody of the roster is suspended or removed, and others only after unlisted_after.
func (c *peopleWorld) suspendOrRemove(u sandbox.User, removed bool) {
	if c.taken[u.ID] = true; len(c.taken) > c.roster.Settings.MaxRemovals {
		c.fault("(p8) %d users are suspended or removed", len(c.taken))
	}
	who := c.ownerOf(u.Email)
	if who < 0 {
		c.fault("(p3) %s is suspended or removed", u.Email)
		return
	}
	p := &c.people[who]
	c.checkOnly(u.Email)
	c.checkWait(u)
	if c.lists(u.Email) {
		c.fault("(p3) %s is suspended or removed, and listed as %v", u.Email, c.entry(who))
	}
	if c.isProtected(u) {
		c.fault("(p3) %s is suspended or removed, and protected by %v", u.Email, c.protected)
	}
	// If no list says who accepted, orgsync treats another user with an address of the entry as the person.
	isOther := false
	for _, other := range c.read {
		isOther = isOther || c.ownerOf(other.Email) == who && c.lists(other.Email)
	}
	for address, at := range c.gone {
		isOther = isOther || c.ownerOf(address) == who && c.lists(address) && !at.Before(c.after.Add(-c.history.Lag))
	}
	isOther = isOther && c.isOnlyInLedger(p)
	if p.under == u.ID && c.lists(p.invited) && p.underSince.Before(c.after.Add(-c.history.Lag)) && !isOther {
		c.fault("(p3) %s is suspended or removed, and accepted a mail to %s", u.Email, p.invited)
	}
	if removed {
		p.removed = c.Now()
		c.forget(u)
		clear(p.left)
		return
	}
	// If the list lags, an administrator may have suspended the user a moment ago. Then orgsync suspends them too.
	if !u.Suspended || u.SuspendedAt.After(c.after.Add(-c.history.Lag-2*time.Second)) {
		c.byOrgsync[u.ID] = true
		delete(c.byAdmin, u.ID)
	}
}

// isOnlyInLedger reports whether only the ledger knows that the person is the user p.under.
func (c *peopleWorld) isOnlyInLedger(p *human) bool {
	return p.byLedger || c.history.Dialect.Accepted == sandbox.AcceptedVanish
}

// mail checks (p1): nobody is mailed who can accept an invitation, who is a member, or who left.
func (c *peopleWorld) mail(path string, body []byte) {
	w := c.World()
	address := ""
	if id, is := strings.CutSuffix(strings.TrimPrefix(path, "/v2/invitation/"), "/resend"); is {
		for _, inv := range w.Invitations {
			if inv.ID == id {
				address = strings.ToLower(inv.Email)
			}
		}
		for _, m := range w.Mails { // an invitation that was resent may have another id now
			if m.InvitationID == id {
				address = strings.ToLower(m.To)
			}
		}
		if address == "" {
			return // an invitation by hand that was resent
		}
	} else {
		var asked struct {
			Email string `json:"email_invited"`
		}
		must(c.t, json.Unmarshal(body, &asked))
		address = strings.ToLower(asked.Email)
	}
	who := c.ownerOf(address)
	if address == "zoe@example.com" {
		return
	}
	if !c.lists(address) {
		c.fault("(p1) %q is mailed, and is in no entry", address)
		return
	}
	c.checkOnly(address)
	p := &c.people[who]
	visible := c.began.Add(-c.history.Lag - time.Second) // a run sees what happened before
	resend := c.isNamed(c.flags.resend, who)
	reinvite := c.isNamed(c.flags.reinvite, who)
	// With hidden_members: invite, people are mailed although they may be members that the key cannot see.
	unseen := c.history.Hidden == roster.HiddenMembersInvite &&
		(c.play.Hidden != "" || c.history.Dialect.SuspendedEndpoint == sandbox.SuspendedEndpointMissing)
	for _, inv := range w.Invitations {
		made, byHand := c.byHand[inv.ID]
		isPending := inv.State == "pending" && c.lists(inv.Email) && c.ownerOf(inv.Email) == who
		isRenewed := c.Now().Sub(inv.Created) > org.InvitationLife
		isForgotten := isRenewed && (reinvite && p.wasMember || inv.Created.Before(c.forgotAt))
		if isPending && !resend && !isForgotten && (!byHand || made.Before(visible)) {
			c.fault("(p1) %s is mailed, and can accept the invitation of %v to %s", address, inv.Created, inv.Email)
		}
	}
	if resend && !reinvite {
		for _, m := range w.Mails {
			isRecent := c.Now().Sub(m.At) < org.SettleAfter-org.ActWithin && m.At.After(p.removed)
			if c.ownerOf(m.To) == who && c.lists(m.To) && isRecent {
				c.fault("(p1) %s is mailed again after %v", address, c.Now().Sub(m.At))
			}
		}
		if c.flags.saved != nil && p.resent {
			c.fault("(p1) %s is mailed twice by one saved plan", address)
		}
	}
	for id, u := range c.present { // what happens while mails are sent comes too late
		if _, still := c.users()[id]; !still {
			continue
		}
		// An invitation by hand after the acceptance means that the person left, unless orgsync sees the user.
		invitedAgain := c.isHidden(u) && p.handed.After(p.underSince)
		expired := c.isHidden(u) && p.handed.After(c.joined[id]) // an invitation by hand, which the list still shows
		if c.ownerOf(u.Email) != who || (reinvite || unseen) && c.isHidden(u) || !c.joined[id].Before(visible) {
			continue
		}
		switch {
		case c.lists(u.Email) && !expired && (!c.isHidden(u) || c.seen[id+strings.ToLower(u.Email)]):
			c.fault("(p1) %s is mailed, and is a member as %s", address, u.Email)
		case p.under == id && c.lists(p.invited) && p.underSince.Before(visible) && !reinvite && !resend && !unseen &&
			!invitedAgain && !c.flags.inviteLeft:
			c.fault("(p1) %s is mailed, and accepted the mail to %s as %s", address, p.invited, u.Email)
		}
	}
	if p.under != "" && !c.lists(p.invited) {
		p.handed = c.Now() // the entry was about somebody else, so this mail is like one by hand
	}
	if reinvite || unseen || c.flags.inviteLeft {
		clear(p.left)
	}
	for _, a := range c.entry(who) {
		if p.left[a] && !resend {
			c.fault("(p1) %s is mailed, and %s left", address, a)
		}
	}
	clear(p.left) // if an address that left returns to the entry, later mails follow from this one
	tooLong := !p.until.IsZero() && c.Now().Add(org.InvitationLife).After(p.until.Add(24*time.Hour+time.Minute))
	if p.from.After(c.Now()) && !resend {
		c.fault("(p4) %s is mailed, and their first day is %v", address, p.from)
	}
	if tooLong && !resend && !reinvite && len(c.flags.only) == 0 {
		c.fault("(p4) %s is mailed, and their last day is %v", address, p.until)
	}
}

// write writes the roster of the run.
func (c *peopleWorld) write() {
	c.setRoster("zoe@example.com")
	s := &c.roster.Settings
	s.Unlisted, s.UnlistedAfter, s.Protected = c.unlistedPolicy, c.unlistedAfter, addresses(c.protected)
	s.ExtraAccess, s.MaxRevokes = c.history.Extra, c.history.MaxRevokes
	c.roster.Teams = nil
	if c.other != 0 {
		if !c.isOut(c.other - 1) { // or else the roster would have no people
			c.setRoster()
		}
		c.roster.Settings.Unlisted = roster.UnlistedReport
	}
	for who := range c.people {
		p := &c.people[who]
		if c.isOut(who) {
			continue
		}
		person := roster.Person{Email: org.MustParseAddress(c.addressOf(who, p.email)), Name: fmt.Sprintf("P%d", who),
			From: roster.DayOf(p.from), Until: roster.DayOf(p.until),
			At: roster.Position{File: "users.yaml", Line: who + 2, Column: 5}}
		for a, is := range p.alias {
			if is && a != p.email {
				person.Aliases = append(person.Aliases, org.MustParseAddress(c.addressOf(who, a)))
			}
		}
		c.giveAccess(who, &person)
		c.roster.People = append(c.roster.People, person)
	}
	if c.history.PageCap == 0 {
		return
	}
	for n := range len(c.history.Runs) + 1 { // nobody mails or removes the rows that move
		c.roster.People = append(c.roster.People, roster.Person{Email: org.MustParseAddress(moverAddress(n)),
			From: roster.DayOf(c.Now().AddDate(1, 0, 0)),
			At:   roster.Position{File: "users.yaml", Line: n + peopleCount + 2, Column: 5}})
	}
}

// named returns the flags of a run that name people. --reinvite and --resend can only name people of the roster.
func (c *peopleWorld) named(ch peopleRun) with {
	name := func(n int) []string {
		if n == 0 || c.isOut(n-1) {
			return nil
		}
		p := &c.people[n-1]
		if !p.alias[ch.Name] {
			return []string{c.addressOf(n-1, p.email)}
		}
		return []string{c.addressOf(n-1, ch.Name)}
	}
	only := name(ch.Only)
	if ch.Only > 0 && ch.Reinvite == 0 && ch.Resend == 0 { // it may also name a user that the roster does not have
		if u, is := c.userOf(c.addressOf(ch.Only-1, ch.Name)); is {
			only = []string{strings.ToLower(u.Email)}
		}
	}
	return with{only: only, reinvite: name(ch.Reinvite), resend: name(ch.Resend), inviteLeft: ch.InviteLeft}
}

func (c *peopleWorld) playRun(ch peopleRun) {
	time.Sleep(ch.Wait)
	c.compareAccess()
	c.held = nil // what happens by hand before the next run does not count
	c.changeLedger(ch.Ledger)
	if left := 24*time.Hour - c.Now().Sub(c.Now().Truncate(24*time.Hour)); left < time.Hour {
		time.Sleep(left + 7*time.Minute) // no last day ends during a run
	}
	for _, a := range ch.Acts {
		c.act(a)
	}
	c.other = ch.Other
	defer func() { c.other = 0 }()
	c.write()
	c.play, c.flags, c.began, c.mails = ch, c.named(ch), c.Now(), 0
	for _, f := range hiding(ch.Hidden, http.StatusForbidden) {
		c.AddFault(f)
	}
	defer c.ClearFaults()
	if ch.Save {
		c.save()
		return
	}
	if ch.Saved && c.saved != nil {
		c.flags = with{saved: c.saved, inviteLeft: ch.InviteLeft}
		c.flags.takeSaved()
	}
	if ch.Lost != "" {
		c.AddFault(sandbox.Fault{Kind: sandbox.FaultDrop, Method: http.MethodPost, Path: "/v2/invitation*", Times: 1,
			ActFirst: ch.Lost == "acted"})
	}
	c.loseEdits(ch.LostEdit)
	var k *killer
	if ch.Kill > 0 {
		k = c.killAfter(ch.Kill, 50)
	}
	before := c.wire.Before
	c.wire.Before = func(req *http.Request) error {
		if before != nil {
			if err := before(req); err != nil {
				return err
			}
		}
		c.look(req)
		return nil
	}
	c.present = c.users()
	c.watchAccess()
	if ch.LostEdit == "late" {
		defer func() { c.lateUntil = c.Now().Add(org.ActWithin) }()
	}
	moved := c.rows.moved
	c.rows.begin(ch.Moves, ch.MoveAt)
	mails := c.World().Mails
	c.edits, c.taken = 0, map[string]bool{}
	o := c.run()
	if o.refused != nil && c.edits > 0 { // also (p8): no run takes away more than its limit
		c.fault("(p8) the plan is refused, and %d changes are made", c.edits)
	}
	for _, m := range c.World().Mails[len(mails):] {
		who := c.ownerOf(m.To)
		if c.flags.saved != nil && who >= 0 && c.isNamed(c.flags.resend, who) {
			c.people[who].resent = true
		}
	}
	if k != nil {
		k.restore()
	}
	c.wire.Before = nil
	for who := range c.people {
		p := &c.people[who]
		if len(c.flags.reinvite) > 0 && c.isNamed(c.flags.reinvite, who) {
			p.under = ""
			clear(p.left)
		}
		if c.flags.inviteLeft {
			clear(p.left) // a mail of this run may be lost, and sent by a later one
		}
	}
	for _, ch := range o.Changes {
		isSaved := func(s plan.Change) bool {
			return s.Action == ch.Action && s.Email.Equal(ch.Email) && s.UserID == ch.UserID
		}
		if c.flags.saved != nil && !slices.ContainsFunc(slices.Concat(c.saved.Changes, c.saved.Held), isSaved) {
			c.fault("(p11) %s %s is not in the saved plan", ch.Action, ch.Email)
		}
	}
	isWhole := k == nil && o.err == nil && o.refused == nil && o.Stopped == nil
	c.compareAccess()
	c.learn(c.present, isWhole && c.rows.moved == moved) // a single reading may miss a user if rows move
	c.checkDraft()
}

// loseEdits loses the answers to edits. what is [peopleRun.LostEdit].
func (c *peopleWorld) loseEdits(what string) {
	if what == "" {
		return
	}
	f := sandbox.Fault{Kind: sandbox.FaultDrop, Times: 1, ActFirst: what == "acted"}
	if what == "late" {
		f.ActAfter = org.ActWithin - time.Second
	}
	for _, f.Method = range []string{http.MethodPut, http.MethodDelete} {
		f.Path = "/v2/organizations*"
		c.AddFault(f)
	}
	f.Method, f.Path = http.MethodPost, "/v2/groups*"
	c.AddFault(f)
}

// checkDraft checks (p7): a roster with the people that `import --merge` would add now plans no change for them.
func (c *peopleWorld) checkDraft() {
	client := c.client(with{concurrency: 1})
	snapshot, unseen, err := client.ReadAll(c.t.Context(), pin)
	if err != nil {
		return // import would fail
	}
	memory, _, err := ledger.Read(c.t.Context(), c.store, snapshot.Organization.ID)
	must(c.t, err)
	if err := client.ReadAcceptance(c.t.Context(), plan.UnansweredUsers(snapshot, memory)); err != nil {
		return
	}
	in := plan.Input{Roster: &c.roster, Snapshot: snapshot, Memory: memory}
	merged, added := c.roster, plan.DraftRoster(in, unseen).Entries
	for _, e := range added {
		merged.People = append(slices.Clone(merged.People), e.Person)
	}
	if len(merged.People) == len(c.roster.People) {
		return
	}
	changes := func(r *roster.Roster) (lines []string) {
		in.Roster = r
		for _, change := range plan.Compute(in).Changes {
			lines = append(lines, fmt.Sprint(change.Action, change.Email, change.Detail.ID, change.UserID))
		}
		return lines
	}
	before, after := changes(&c.roster), changes(&merged)
	in.Roster = &c.roster
	if len(plan.NewRevocations(in, added, nil)) > 0 { // import says so
		after = slices.DeleteFunc(after, func(change string) bool { return strings.HasPrefix(change, string(plan.Revoke)) })
	}
	for _, change := range after {
		if !slices.Contains(before, change) {
			var added []org.Address
			for _, p := range merged.People[len(c.roster.People):] {
				added = append(added, p.Email)
			}
			c.fault("(p7) import adds %v, and then the plan has %s", added, change)
		}
	}
}

// describe returns the entries of the roster.
func (c *peopleWorld) describe() (all [][]string) {
	for who := range c.people {
		all = append(all, c.entry(who))
	}
	return all
}

// run makes a run, and logs what it did and the organization after it.
func (c *peopleWorld) run() outcome {
	o := c.apply(c.flags)
	log := func(format string, args ...any) { c.log = append(c.log, fmt.Sprintf(format, args...)) }
	log("%d at %v: %v, error %v, refused %v, stopped %v", c.n, c.began.Format("02 15:04"), c.describe(), o.err, o.refused,
		o.Stopped)
	for _, ch := range o.Changes {
		log("   %s %s (%s): %s %v", ch.Action, ch.Email, ch.Reason, ch.Outcome, ch.Err)
	}
	for _, n := range o.Notices {
		if !strings.HasPrefix(n.Email.Key(), "mover") {
			log("   %s %s %s", n.Kind, n.Email, n.Text)
		}
	}
	w := c.World()
	for _, u := range w.Users {
		if c.ownerOf(u.Email) >= 0 {
			log("   user %s %s suspended: %v, groups %v", u.Email, u.ID[:8], u.Suspended, u.Groups)
		}
	}
	for _, inv := range w.Invitations {
		log("   invitation %s to %s created %v: %s", inv.ID[:8], inv.Email, inv.Created.Format("02 15:04"), inv.State)
	}
	return o
}

// save makes a plan and saves it.
func (c *peopleWorld) save() {
	p, err := c.compute(c.flags)
	if err != nil || checkPlan(p) != nil {
		return
	}
	text, err := p.Save()
	must(c.t, err)
	saved, err := plan.ReadSaved(text)
	must(c.t, err)
	c.saved = &saved
	for who := range c.people {
		c.people[who].resent = false
	}
}

// isSecondUser reports whether orgsync manages another one of users for the person who has the address of u.
func (c *peopleWorld) isSecondUser(u sandbox.User, users map[string]sandbox.User) bool {
	who := c.ownerOf(u.Email)
	place := slices.Index(c.entry(who), strings.ToLower(u.Email))
	for _, other := range users {
		otherPlace := slices.Index(c.entry(who), strings.ToLower(other.Email))
		isFirst := u.Suspended == other.Suspended && otherPlace < place || u.Suspended && !other.Suspended
		if c.ownerOf(other.Email) == who && otherPlace >= 0 && isFirst {
			return true
		}
	}
	return false
}

// learn records what the run may have read, and what it has read if sure is true.
func (c *peopleWorld) learn(present map[string]sandbox.User, sure bool) {
	now := c.users()
	for address, at := range c.gone { // a list that lags may have shown this user
		if p := &c.people[c.ownerOf(address)]; c.lists(address) && !at.Before(c.began.Add(-c.history.Lag)) &&
			c.isOnlyInLedger(p) {
			p.under = ""
		}
	}
	for id, u := range now { // a reading during the run may have seen them first
		if _, is := c.unlisted[id]; !is && c.ownerOf(u.Email) >= 0 && !c.lists(u.Email) && present[id].ID == "" {
			c.unlisted[id] = c.began
		}
	}
	for id, u := range present {
		address := strings.ToLower(u.Email)
		if c.ownerOf(u.Email) < 0 || c.isHidden(u) {
			continue
		}
		if _, is := c.unlisted[id]; !is && !c.lists(address) {
			c.unlisted[id] = c.began
		}
		p := &c.people[c.ownerOf(address)]
		if p.under == id && c.lists(address) && !c.lists(p.invited) {
			p.under = "" // the roster had this user in an entry of their own
		}
		if c.lists(address) && c.isOnlyInLedger(p) {
			p.under = "" // orgsync may treat this user as the person
		}
		if !sure || !c.joined[id].Before(c.began.Add(-c.history.Lag-time.Second)) {
			continue
		}
		if _, still := now[id]; still && c.lists(address) {
			c.seen[id+address], c.seenAs[id+address] = !c.isSecondUser(u, present), c.ownerOf(address)
			c.people[c.ownerOf(address)].wasMember = true
		}
		if !u.Suspended && c.history.Lag == 0 {
			delete(c.byOrgsync, id)
			delete(c.inDoubt, id)
			if now[id].Suspended && !c.byAdmin[id] {
				c.byOrgsync[id] = true
			}
		}
	}
}

// finish checks (p6): in the end, runs without faults do all that is to do, and say of everybody else why not.
func (c *peopleWorld) finish() {
	c.n = len(c.history.Runs)
	c.roster.Settings.MaxRemovals, c.history.MaxRevokes = 5, 25 // a person raises the limits
	var o outcome
	for n, wait := range []time.Duration{20 * time.Minute, 20 * time.Minute, 25 * time.Hour, 20 * time.Minute} {
		time.Sleep(wait)
		if left := 24*time.Hour - c.Now().Sub(c.Now().Truncate(24*time.Hour)); left < time.Hour {
			time.Sleep(left + 7*time.Minute)
		}
		c.write()
		c.play, c.flags, c.began, c.mails = peopleRun{}, with{}, c.Now(), 0
		c.rows.begin("", 0)
		c.wire.Before = func(req *http.Request) error { c.look(req); return nil }
		c.present, c.taken = c.users(), map[string]bool{}
		c.watchAccess()
		o = c.run()
		c.wire.Before = nil
		if o.refused != nil && c.traded {
			return // one user belongs to two entries
		}
		if o.err != nil || o.refused != nil || o.Stopped != nil {
			c.fault("(p6) without faults: %v, refused: %v, stopped by %v", o.err, o.refused, o.Stopped)
			return
		}
		c.compareAccess()
		c.learn(c.present, true)
		for who := range c.people {
			if n > 0 {
				c.settled(who, o, n < 3)
			}
		}
	}
	time.Sleep(c.history.Lag + time.Second)
	if todo := c.changes(); len(todo) > 0 {
		c.fault("(p6) still to do: %v", todo)
	}
	unlisted := o.notices(plan.Unlisted)
	for _, u := range c.World().Users {
		if c.unlistedPolicy != roster.UnlistedRemove || c.ownerOf(u.Email) < 0 || c.lists(u.Email) || c.isHidden(u) {
			continue
		}
		isActive := func(v sandbox.User) bool {
			return !v.Suspended && c.lists(v.Email) && c.ownerOf(v.Email) == c.ownerOf(u.Email)
		}
		if u.Suspended && slices.ContainsFunc(c.World().Users, isActive) {
			continue // it may be the second user of a member
		}
		other := slices.ContainsFunc(o.Notices, func(n plan.Notice) bool {
			isOther := n.Kind == plan.OtherAddress || n.Kind == plan.SecondUser
			return isOther && (c.traded || c.ownerOf(n.Email.Key()) == c.ownerOf(u.Email))
		})
		if !slices.Contains(unlisted, u.Email) && !other {
			c.fault("(p6) %s is unlisted, and stays without a notice", u.Email)
		}
	}
}

// settled checks (p6) for one person: they are a member with their access, or invited, or a notice says why not. What
// the notice says must be true. If early is true, mails that were lost or refused may still have to wait.
func (c *peopleWorld) settled(who int, o outcome, early bool) {
	if len(c.entry(who)) == 0 {
		return
	}
	w := c.World()
	active, stuck, unnamed := false, false, false
	granted := map[string]bool{}
	for _, u := range w.Users {
		switch {
		case !c.lists(u.Email):
			unnamed = unnamed || c.traded || c.ownerOf(u.Email) == who // the user may have an address of somebody else
		case c.ownerOf(u.Email) != who:
		case !u.Suspended:
			active = true
			for _, g := range u.Groups {
				granted[g] = true
			}
		default:
			stuck = stuck || c.byOrgsync[u.ID] && !c.byAdmin[u.ID] && !c.isHidden(u) && !c.people[who].from.After(c.Now())
		}
	}
	for _, g := range c.gives(who) {
		if active && !granted[g] {
			c.fault("(p6) %v is a member without the group %s", c.entry(who), g)
		}
	}
	isOtherUser := func(n plan.Notice) bool {
		return n.Kind == plan.OtherAddress && n.Email.Key() == c.addressOf(who, c.people[who].email)
	}
	if stuck && !active && !slices.ContainsFunc(o.Notices, isOtherUser) {
		c.fault("(p6) orgsync suspended %v, and they stay suspended", c.entry(who))
	}
	if active {
		return
	}
	var states []string
	for _, inv := range w.Invitations {
		if c.ownerOf(inv.Email) == who {
			states = append(states, inv.State)
			if inv.State == "pending" && c.lists(inv.Email) {
				return
			}
		}
	}
	var kinds []plan.NoticeKind
	for _, n := range o.Notices {
		if n.Email.Key() != c.addressOf(who, c.people[who].email) {
			continue
		}
		kinds = append(kinds, n.Kind)
		why := false
		switch n.Kind {
		case plan.OtherAddress:
			why = unnamed
		case plan.PossibleAlias:
			isStranger := func(u sandbox.User) bool { return c.ownerOf(u.Email) >= 0 && !c.lists(u.Email) }
			why = slices.ContainsFunc(w.Users, isStranger)
		case plan.Left:
			why = true
		case plan.GaveUp:
			why = c.people[who].byHand+c.intents(who) >= c.history.Rounds
		case plan.NeedsAttention:
			why = slices.Contains(states, "declined") || slices.Contains(states, "cancelled") ||
				n.Text == "not accepted yet" && slices.Contains(states, "expired")
		case plan.SuspendedUser, plan.UnknownMembership, plan.Flapping, plan.Waiting:
			why = true
		case plan.RefusedMail:
			isUnseen := func(u sandbox.User) bool { return c.ownerOf(u.Email) == who && c.isHidden(u) }
			why = early || slices.ContainsFunc(w.Users, isUnseen) // the API does not mail members
		case plan.NotYet:
			why = c.people[who].from.After(c.Now())
		case plan.EndsTooSoon:
			why = !c.people[who].until.IsZero()
		default: // no other notice says why somebody is not a member
		}
		if why {
			return
		}
	}
	c.fault("(p6) %v is forgotten: invitations %v, notices %v", c.entry(who), states, kinds)
}

// intents returns the number of mails to a person that runs announced in the ledger. A killed run may not have asked
// for the last one.
func (c *peopleWorld) intents(who int) (n int) {
	content, err := c.store.Read(c.t.Context())
	must(c.t, err)
	for line := range strings.Lines(string(content)) {
		var l struct{ Action, Email, Outcome string }
		isWhole := json.Unmarshal([]byte(line), &l) == nil
		if isWhole && (l.Action == "invite" || l.Action == "resend") && l.Outcome == "" && c.ownerOf(l.Email) == who {
			n++
		}
	}
	return n
}

// playPeople plays a history from the beginning to the end, and returns the broken rules.
func playPeople(t *testing.T, s peopleHistory) (broken, log []string) {
	c := &peopleWorld{company: newCompany(t, sandbox.Options{Dialect: s.Dialect, ListLag: s.Lag, PageCap: s.PageCap}),
		history: s,
		byAdmin: map[string]bool{}, byOrgsync: map[string]bool{}, inDoubt: map[string]bool{}, joined: map[string]time.Time{},
		seen: map[string]bool{}, seenAs: map[string]int{}, unlisted: map[string]time.Time{}, byHand: map[string]time.Time{},
		gone: map[string]time.Time{}}
	for who := range c.people {
		p := &c.people[who]
		p.left, p.groups = map[string]bool{}, "everyone"
		for a := range p.addresses {
			p.addresses[a] = firstAddress(who, a)
		}
	}
	c.hides = slices.ContainsFunc(s.Runs, func(ch peopleRun) bool { return ch.Hidden != "" })
	c.unlistedPolicy, c.unlistedAfter, c.protected = s.Unlisted, s.After, slices.Clone(s.Protected)
	c.everListed, c.former, c.revoked = map[string]bool{}, map[string][]string{}, map[string]bool{}
	if s.PageCap > 0 {
		c.addMovers()
	}
	c.addMembers("zoe@example.com")
	c.roster.Settings.MaxRemovals = s.MaxRemovals
	c.roster.Settings.ReinviteRounds, c.roster.Settings.HiddenMembers = s.Rounds, s.Hidden
	for n, ch := range s.Runs {
		c.n = n
		c.playRun(ch)
	}
	c.finish()
	return c.broken, c.log
}

// TestExactlyOncePeople plays random histories of a few people: they have several addresses and users, their entries
// change, and administrators do things by hand. The rules are called (p1) to (p11). Without -rapid.seed, the histories
// are always the same. With other seeds, a few of ten thousand histories may break a rule that is too strict: look at
// the history to find out whether the program or the rule is wrong.
func TestExactlyOncePeople(t *testing.T) {
	t.Parallel()
	check := func(t interface{ Fatalf(string, ...any) }, parent *testing.T, h peopleHistory) {
		var broken, log []string
		synctest.Test(parent, func(t *testing.T) { broken, log = playPeople(t, h) })
		if len(broken) > 0 {
			t.Fatalf("%s\n%s\nin %v", strings.Join(broken, "\n"), strings.Join(log, "\n"), h)
		}
	}
	if flag.Lookup("rapid.seed").Value.String() != "0" {
		rapid.Check(t, func(rt *rapid.T) { check(rt, t, drawPeopleHistory(rt)) })
		return
	}
	histories := rapid.Custom(drawPeopleHistory)
	examples := 100
	if testing.Short() { // as for the race detector
		examples = 30
	}
	for seed := range examples {
		check(t, t, histories.Example(seed))
	}
}

// String returns a line for each run, without the flags and faults that it does not have.
func (s peopleHistory) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v, lag %v, rounds %d, %s after %v, %s, access %v, extra %s, page cap %d, max %d and %d, "+
		"protected %v", s.Dialect, s.Lag, s.Rounds, s.Unlisted, s.After, s.Hidden, s.Access, s.Extra, s.PageCap,
		s.MaxRemovals, s.MaxRevokes, s.Protected)
	for n, c := range s.Runs {
		fmt.Fprintf(&b, "\n%d: %v %v", n, c.Wait, c.Acts)
		c.Wait, c.Acts = 0, nil
		v := reflect.ValueOf(c)
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() && f.Kind() != reflect.Slice || f.Kind() == reflect.Slice && f.Len() > 0 {
				fmt.Fprintf(&b, " %s:%v", v.Type().Field(i).Name, f)
			}
		}
	}
	return b.String()
}
