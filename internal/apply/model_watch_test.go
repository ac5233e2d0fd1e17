package apply_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// watch is what the referee remembers for the rules (g) to (l). Only runs change the organization between prepare and
// judge, also runs that were killed before they reported it.
type watch struct {
	// before has the users when judge last looked, and present those when the runs began, both by user id. named has
	// the addresses in the rosters of all runs that may have acted since.
	before, present map[string]sandbox.User
	named           map[string]bool
	// runs is how many runs may have acted since, and actsUntil the time until which the last of them may act.
	runs int
	// removals and revokes count the removals and revocations of these runs.
	removals, revokes int
	actsUntil         time.Time
	// mayTell is false if no run since prepare can have written what it read; began is the time of prepare.
	mayTell bool
	began   time.Time
	// renamed has the times, by address, when a user got this address. edited has the times, by user id, of the last
	// request to change this user.
	renamed, edited map[string]time.Time
	// unnamed has the people that the last roster did not list.
	unnamed map[string]bool
	// sameAddress has the people who accepted with the address of another person of the roster.
	sameAddress map[string]bool
	// sighted has the times, by user id, when a run may first have seen the user as unlisted. backedUp is a copy of
	// sighted from the time when the ledger was copied.
	sighted, backedUp map[string]time.Time
	// listed has the addresses and user ids that, by the ledger, a roster listed.
	listed map[string]bool
	// under has the user ids, by address, of people who accepted a mail that the ledger knows with an address that no
	// roster names.
	under map[string]string
	// returned has the addresses of users who were members earlier.
	returned map[string]bool
	// removed has the times when a run removed a person and reported it.
	removed map[string][]time.Time

	mu           sync.Mutex
	rows         movingRows
	playing      episode // the episode that is being played
	hidden       bool
	membersAsked []string // the members that runs asked to invite
}

func newWatch() watch {
	return watch{
		renamed: map[string]time.Time{}, edited: map[string]time.Time{}, unnamed: map[string]bool{},
		sameAddress: map[string]bool{}, sighted: map[string]time.Time{},
		under: map[string]string{}, removed: map[string][]time.Time{}, named: map[string]bool{},
		returned: map[string]bool{},
	}
}

// hiding returns the faults of a key that may not list users, suspended users, or both.
func hiding(what string, status int) []sandbox.Fault {
	users := sandbox.Fault{Kind: sandbox.FaultForbid, Method: http.MethodGet, Path: "/v2/users"}
	suspended := sandbox.Fault{
		Kind: sandbox.FaultForbid, Status: status, Method: http.MethodGet,
		Path: "/v2/organizations/{id}/suspended-users",
	}
	switch what {
	case "users":
		return []sandbox.Fault{users}
	case "suspended":
		return []sandbox.Fault{suspended}
	case "both":
		return []sandbox.Fault{users, suspended}
	}
	return nil
}

// names reports whether the roster of this run lists the address, also as an alias.
func (r *referee) names(who string) bool {
	return slices.ContainsFunc(r.roster.People, func(p roster.Person) bool {
		return !p.Ended(r.Now()) && hasAddress(p, who)
	})
}

// accepted reports whether who accepted an invitation: one that was sent to them, or one with their address.
func (r *referee) accepted(who string) bool {
	return slices.ContainsFunc(r.World().Invitations, func(i sandbox.Invitation) bool {
		return (strings.EqualFold(i.Email, who) || strings.EqualFold(i.Registered, who)) && i.State == "accepted"
	})
}

// users returns the users of the organization by id.
func (r *referee) users() map[string]sandbox.User {
	users := map[string]sandbox.User{}
	for _, u := range r.World().Users {
		users[u.ID] = u
	}
	return users
}

// ledgerLines returns the readable lines of the ledger.
func (r *referee) ledgerLines() (lines []map[string]any) {
	content, err := r.store.Read(r.t.Context())
	must(r.t, err)
	for line := range strings.Lines(string(content)) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil {
			lines = append(lines, fields)
		}
	}
	return lines
}

// prepare records the organization and the roster before the runs of e begin.
func (r *referee) prepare(e episode) {
	if !r.Now().Before(r.actsUntil) {
		r.runs, r.removals, r.revokes, r.named = 0, 0, 0, map[string]bool{}
	}
	for _, p := range r.roster.People {
		for _, a := range p.Addresses() {
			r.named[a.Key()] = r.named[a.Key()] || !p.Ended(r.Now())
		}
	}
	r.before, r.began, r.mayTell = r.users(), r.Now(), false
	r.present = r.before
	r.listed = map[string]bool{}
	for _, line := range r.ledgerLines() {
		switch line["action"] {
		case "joined", "unlisted", "invite", "resend":
			for _, field := range []string{"email", "object_id"} {
				if text, _ := line[field].(string); text != "" {
					r.listed[text] = true
				}
			}
		}
	}
	for _, i := range r.World().Invitations {
		if r.listed[strings.ToLower(i.Email)] {
			r.listed[strings.ToLower(i.Registered)] = true
		}
	}
	r.rows.begin(e.Moves, e.MoveAt)
	r.hidden = e.Hidden != ""
	r.playing = e
}

// look sees each request before the server does. It moves rows of lists, and checks (l): orgsync does not ask
// to invite a member.
func (r *referee) look(req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows.look(r.company, req)
	if req.Method == http.MethodGet {
		return
	}
	body, err := io.ReadAll(req.Body)
	must(r.t, err)
	for id := range r.before {
		if strings.Contains(req.URL.Path, id) || bytes.Contains(body, []byte(id)) {
			r.edited[id] = r.Now()
		}
	}
	if req.Method != http.MethodPost || req.URL.Path != "/v2/invitation" || r.hidden || r.script.Lag > 0 {
		return
	}
	var asked struct {
		Email string `json:"email_invited"`
	}
	if json.Unmarshal(body, &asked) != nil {
		return
	}
	alias := ""
	if r.script.Entries[asked.Email].Alias {
		alias = elsewhere(asked.Email)
	}
	for _, u := range r.World().Users {
		neverSeen := r.isSuspendedUnseen(u) && !r.seen[strings.ToLower(u.Email)]
		isAsked := strings.EqualFold(u.Email, asked.Email) || strings.EqualFold(u.Email, alias)
		if isAsked && !neverSeen && !(u.Suspended && r.invitesUnseen("")) {
			r.membersAsked = append(r.membersAsked, asked.Email)
		}
	}
}

// isSuspendedUnseen reports whether u is suspended, and no list of the dialect shows it.
func (r *referee) isSuspendedUnseen(u sandbox.User) bool {
	d := r.script.Dialect
	return u.Suspended && d.Suspended == sandbox.SuspendedListed && d.SuspendedEndpoint == sandbox.SuspendedEndpointMissing
}

// movingRows moves the rows of a list once, before the client reads the page number at, not counting first pages.
type movingRows struct {
	list  string
	at    int
	pages int
	moved int // how often the rows of any list moved
}

// begin begins to count the pages of list; at is 0 if the rows do not move.
func (m *movingRows) begin(list string, at int) { m.list, m.at, m.pages = list, at, 0 }

// moverAddress returns the address of the row that moves next, after the rows have moved n times.
func moverAddress(n int) string {
	if n == 0 {
		return mover
	}
	return strings.Replace(mover, "@", "-"+string(rune('a'+n-1))+"@", 1)
}

// look sees each request before the server does. To move the rows, it deletes the first one and adds one at the end.
func (m *movingRows) look(c *company, req *http.Request) {
	if req.Method != http.MethodGet || req.URL.Path != m.list || req.URL.Query().Get("cursor") == "" {
		return
	}
	if m.pages++; m.pages != m.at {
		return
	}
	last, next := moverAddress(m.moved), moverAddress(m.moved+1)
	var gone error
	if m.list == "/v2/users" {
		gone = c.Leave(last)
		if gone == nil {
			_, gone = c.AddUser(sandbox.User{Email: next})
		}
	} else if gone = c.Cancel(last); gone == nil {
		_, gone = c.AddInvitation(sandbox.Invitation{Email: next})
	}
	if gone == nil {
		m.moved++
	}
}

// addMovers adds the rows that move.
func (c *company) addMovers() {
	c.addMembers(mover)
	_, err := c.AddInvitation(sandbox.Invitation{Email: mover})
	must(c.t, err)
}

// isMover reports whether the referee adds and deletes u, to move the rows of a list.
func isMover(u sandbox.User) bool { return strings.HasPrefix(u.Email, "mover") }

// conclude records what the runs of e may have done and read. sure is true if they certainly read everything.
func (r *referee) conclude(e episode, outcomes []outcome, lateBy time.Duration, sure bool) {
	for _, o := range outcomes {
		if o.err == nil && o.refused == nil {
			r.runs++
		}
		r.mayTell = r.mayTell || e.Kill > 0 || o.err == nil && o.refused == nil
		for _, change := range o.Changes {
			if change.Action == plan.Remove && change.Outcome == apply.Done && e.Kill == 0 {
				r.removed[change.Email.Key()] = append(r.removed[change.Email.Key()], r.Now())
			}
		}
	}
	if e.Kill > 0 {
		r.runs = max(r.runs, 1)
	}
	if until := r.Now().Add(lateBy); lateBy > 0 && until.After(r.actsUntil) {
		r.actsUntil = until
	}
	if len(r.membersAsked) > 0 {
		r.fault("(l) asked to invite %v, who are in", r.membersAsked)
		r.membersAsked = nil
	}
	r.judge()
	now := r.users()
	for id, u := range r.present {
		unlisted := !u.Owner && !u.Service && !r.names(strings.ToLower(u.Email))
		if _, known := r.sighted[id]; !known && r.mayTell && unlisted {
			r.sighted[id] = r.began
		}
	}
	for id := range r.sighted {
		_, then := r.present[id]
		_, still := now[id]
		if sure && !then && !still {
			delete(r.sighted, id)
		}
	}
	if r.backedUp == nil && r.backup != nil {
		r.backedUp = maps.Clone(r.sighted)
	}
}

// forget records that the ledger was lost, or that an old copy was restored.
func (r *referee) forget(lost bool) {
	r.sighted = map[string]time.Time{}
	if !lost {
		maps.Copy(r.sighted, r.backedUp)
	}
	clear(r.under)
	clear(r.removed)
}

// judge checks (g), (h) and (i) for everything that changed since it last looked: (g) access is given only to people of
// the roster, and only what the roster names; (h) is described at early; (i) runs take away no more than the limits
// allow, and nothing that the roster does not ask for.
func (r *referee) judge() {
	if r.before == nil {
		return
	}
	now := r.Now()
	after := r.users()
	for id, was := range r.before {
		is, in := after[id]
		who := strings.ToLower(was.Email)
		if isMover(was) {
			continue
		}
		// The edit was requested while the lists may still have shown the earlier address.
		renamed, edited := r.renamed[who], r.edited[id]
		lately := !renamed.IsZero() && !edited.IsZero() && edited.Sub(renamed) <= r.script.Lag+time.Minute
		gone := !in || is.Suspended && !was.Suspended
		taken := 0
		for _, what := range holds(was) {
			if in && !slices.Contains(holds(is), what) {
				taken++
				if r.script.Policy.ExtraAccess != roster.ExtraAccessRevoke || !r.script.Access.names(what) {
					r.fault("(i) the %s was taken from %s, and nothing says so", what, who)
				}
			}
		}
		if in && was.APIEnabled && !is.APIEnabled {
			taken++
		}
		if gone {
			r.removals++
			if !lately {
				r.early(was, now)
			}
		}
		r.revokes += taken
		protected := slices.Contains(r.script.Policy.Protected, who)
		if (gone || taken > 0) && (protected || was.Service || was.Owner) && !lately {
			r.fault("(i) something was taken from %s: was %+v, is %+v", who, was, is)
		}
		given := in && is.APIEnabled && !was.APIEnabled || was.Suspended && in && !is.Suspended
		for _, what := range holds(is) {
			given = given || !slices.Contains(holds(was), what)
			if !in || slices.Contains(holds(was), what) {
				continue
			}
			if !r.script.Access.names(what) {
				r.fault("(g) %s was given the %s, which no roster names", who, what)
			}
			if r.isOutOfTeam(who) && len(r.sameAddress) == 0 && !lately {
				r.fault("(g) %s was given the %s after their last day in the team", who, what)
			}
		}
		if given && !r.named[who] && !lately {
			r.fault("(g) no roster names %s, and access was given: was %+v, is %+v", who, was, is)
		}
	}
	if limit := r.runs * r.script.Policy.MaxRemovals; r.removals > limit {
		r.fault("(i) %d people were suspended or removed, and %d may be", r.removals, limit)
	}
	if limit := r.runs * r.script.Policy.MaxRevokes; r.revokes > limit {
		r.fault("(i) access was taken away %d times, and may be %d times", r.revokes, limit)
	}
	for who, id := range r.under {
		if _, in := after[id]; !in {
			delete(r.under, who)
		}
	}
	r.before = after
}

// early checks (h): a user that the ledger does not know from a roster, and that --only did not name, is suspended or
// removed only after unlisted_after.
func (r *referee) early(u sandbox.User, now time.Time) {
	who := strings.ToLower(u.Email)
	if r.listed[who] || r.listed[u.ID] || r.singled[who] || r.isEnded(who) {
		return
	}
	since, seen := r.sighted[u.ID]
	if !seen {
		since = r.began
	}
	after := r.script.Policy.UnlistedAfter
	if now.Before(since.Add(after - min(time.Hour, after))) {
		r.fault("(h) %s was let go at %v, unlisted since %v", u.Email, now, since)
	}
}

// again checks (j): a person who accepted a mail that the ledger knows is not mailed again, also if they accepted with
// an unknown address. And it checks (k): a person who was removed twice within a week is not mailed.
func (r *referee) again(e episode, before map[string][]sandbox.Mail) {
	for who, mails := range r.Mails() {
		sent := mails[len(before[who]):]
		if len(sent) == 0 || slices.Contains(e.Reinvite, who) {
			continue
		}
		if id := r.under[who]; id != "" {
			r.fault("(j) %s is in as %s, and was mailed again", who, r.before[id].Email)
		}
		if n := len(r.removed[who]); n > 1 {
			last := r.removed[who][n-1]
			within := last.Sub(r.removed[who][n-2]) < 7*24*time.Hour-time.Hour
			if at := sent[0].At; within && at.After(last) && at.Sub(last) < 7*24*time.Hour-time.Hour {
				r.fault("(k) %s was removed at %v, and mailed at %v", who, r.removed[who], at)
			}
		}
	}
	for _, who := range e.Reinvite {
		delete(r.under, who)
	}
}

// acceptedElsewhere records that who accepted the invitation id with another address.
func (r *referee) acceptedElsewhere(who, id string) {
	delete(r.under, who)
	mails := r.Mails()[who]
	if r.forgot && len(mails) > 1 && mails[len(mails)-1].At.Before(r.forgotAt) {
		return // by the ledger, the invitation expired before it was accepted
	}
	remembered := slices.ContainsFunc(r.ledgerLines(), func(line map[string]any) bool {
		return line["invitation_id"] == id && (line["outcome"] == "sent" || line["action"] == "found")
	})
	for user, u := range r.users() {
		if strings.EqualFold(u.Email, elsewhere(who)) && remembered {
			r.under[who] = user
		}
	}
}

// pending returns the id of the newest invitation that who can accept; "" if there is none.
func (r *referee) pending(who string) string {
	id := ""
	for _, i := range r.World().Invitations {
		if strings.EqualFold(i.Email, who) && i.State == "pending" {
			id = i.ID
		}
	}
	return id
}

// userOf returns the user with this address.
func (r *referee) userOf(email string) (sandbox.User, bool) {
	for _, u := range r.World().Users {
		if strings.EqualFold(u.Email, email) {
			return u, true
		}
	}
	return sandbox.User{}, false
}
