package apply_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// referee plays a script, and checks the rules (a) to (m) while it does.
type referee struct {
	*company
	script script
	broken []string
	// freed has the times, by address, after which a person may be mailed although their last invitation has not
	// expired: they answered it, or they were taken out of the roster or the organization.
	freed map[string]time.Time
	// countedFrom has the times, by address, after which the mails to a person count for reinvite_rounds.
	countedFrom map[string]time.Time
	// owed is the time until which the server may still act on a mail that was requested earlier. Such a mail does not
	// count for the new rounds.
	owed time.Time
	// singled has the people that --only named, and reset the people that --reinvite named.
	singled, reset map[string]bool
	// firstDay is the beginning of the day on which the history begins.
	firstDay time.Time
	// asked has the times, by address, in which a mail of --resend can have been sent: from the beginning of the run
	// until the server had done everything that it did late.
	asked map[string][][2]time.Time
	// out has the people that are taken out of the roster.
	out map[string]bool
	// known has the people who accepted a mail of orgsync with another address, while the ledger knew the mail.
	known map[string]bool
	// lost is true if the ledger was lost, or an old copy of it was restored.
	lost bool
	// forgot is true if such a ledger, lost at forgotAt, was the only place that knew when invitations expire. A
	// pending invitation may then look expired.
	forgot   bool
	forgotAt time.Time
	// joined has the people who are members with their address in the roster, seen those of them that a run certainly
	// saw as members, and gone those that a run saw as members and who then left. Nobody in gone is invited without a
	// flag.
	joined, seen, gone map[string]bool
	backup             []byte // the ledger after an earlier episode
	watch
}

func (r *referee) fault(format string, args ...any) {
	r.broken = append(r.broken, fmt.Sprintf(format, args...))
}

// counts returns the time after which a mail counts for the rounds that begin now.
func (r *referee) counts() time.Time {
	if now := r.Now(); now.After(r.owed) {
		return now
	}
	return r.owed.Add(time.Millisecond)
}

func (r *referee) deed(d deed) {
	now := r.Now()
	switch d.What {
	case "accept":
		if r.Accept(d.Who) == nil {
			r.freed[d.Who], r.countedFrom[d.Who] = now, r.counts()
			r.joined[d.Who] = true
			delete(r.gone, d.Who)
			delete(r.known, d.Who) // a user with their other address is a second user now
		}
	case "accept elsewhere":
		mails := r.Mails()[d.Who]
		mailed, pending := len(mails) > 0, r.pending(d.Who)
		_, before := r.userOf(elsewhere(d.Who))
		if r.AcceptAs(d.Who, elsewhere(d.Who)) == nil {
			if !before && !r.returned[elsewhere(d.Who)] {
				r.acceptedElsewhere(d.Who, pending)
			}
			r.returned[elsewhere(d.Who)] = true
			r.known[d.Who] = mailed && !r.lost
			delete(r.gone, d.Who)
			r.freed[d.Who], r.countedFrom[d.Who] = now, r.counts()
		}
	case "accept as":
		if r.AcceptAs(d.Who, d.As) == nil {
			for _, who := range []string{d.Who, d.As} {
				r.freed[who], r.countedFrom[who] = now, r.counts()
				delete(r.gone, who)
			}
			r.joined[d.As] = true
			delete(r.known, d.As)
			r.sameAddress[d.Who] = d.Who != d.As
		}
	case "suspend":
		_ = r.Suspend(d.Who) // an error if there is no such user
	case "unsuspend":
		_ = r.Unsuspend(d.Who)
	case "decline":
		if r.Decline(d.Who) == nil {
			r.freed[d.Who], r.countedFrom[d.Who] = now, r.counts()
		}
	case "cancel":
		if r.Cancel(d.Who) == nil {
			r.freed[d.Who], r.countedFrom[d.Who] = now, r.counts()
		}
	case "leave elsewhere":
		if r.Leave(elsewhere(d.Who)) == nil {
			r.freed[d.Who], r.countedFrom[d.Who] = now, r.counts()
		}
	case "rename":
		if r.Rename(d.Who, elsewhere(d.Who)) == nil {
			r.freed[d.Who], r.countedFrom[d.Who] = now, r.counts()
			r.known[d.Who] = r.seen[d.Who] && !r.lost
			r.renamed[elsewhere(d.Who)], r.returned[elsewhere(d.Who)] = now, true
			delete(r.joined, d.Who)
			delete(r.seen, d.Who)
		}
	case "rename back":
		if r.Rename(elsewhere(d.Who), d.Who) == nil {
			r.freed[d.Who], r.countedFrom[d.Who] = now, r.counts()
			r.joined[d.Who] = true
			r.renamed[d.Who] = now
			delete(r.gone, d.Who)
			delete(r.known, d.Who)
		}
	case "stranger joins":
		_, _ = r.AddUser(sandbox.User{Email: stranger}) // an error if there is such a user
	case "stranger invited":
		_, err := r.AddInvitation(sandbox.Invitation{Email: helper})
		must(r.t, err)
	case "stranger leaves":
		_ = r.Leave(stranger)
	case "rename group":
		if r.RenameGroup("everyone", renamedGroup) != nil {
			must(r.t, r.RenameGroup(renamedGroup, "everyone"))
		}
	case "leave":
		if r.Leave(d.Who) == nil {
			r.freed[d.Who], r.countedFrom[d.Who] = now, r.counts()
			if r.seen[d.Who] {
				r.gone[d.Who] = true
			}
			delete(r.joined, d.Who)
			delete(r.seen, d.Who)
		}
	case "out", "in":
		r.out[d.Who] = d.What == "out"
		r.countedFrom[d.Who] = r.counts()
	case "by hand":
		// Somebody invites the person in the console, which refuses members. orgsync must respect this invitation.
		if _, mailed := r.Mails()[d.Who]; !mailed && !r.joined[d.Who] {
			_, err := r.AddInvitation(sandbox.Invitation{Email: d.Who})
			must(r.t, err)
			delete(r.gone, d.Who)
		}
	}
}

// choose writes the roster of this run: the script's own, or the other one.
func (r *referee) choose(other bool) {
	people := r.script.People
	if other {
		people = r.script.Others
	}
	r.setRoster(slices.DeleteFunc(slices.Clone(people), func(who string) bool { return r.out[who] })...)
	for i := range r.roster.People {
		r.fill(&r.roster.People[i])
	}
	for _, who := range r.script.People {
		switch listed := r.names(who); {
		case !listed:
			r.countedFrom[who] = r.counts()
			r.unnamed[who] = true
		case r.unnamed[who]:
			r.countedFrom[who] = r.counts()
			delete(r.unnamed, who)
		}
	}
}

// elsewhere returns the other address of a person. The roster has it only as an alias, if at all.
func elsewhere(who string) string { return strings.Replace(who, "example.com", "home.example", 1) }

// intents returns how many different lines of the ledger announce a mail.
func (r *referee) intents() int {
	content, err := r.store.Read(r.t.Context())
	must(r.t, err)
	different := map[string]bool{}
	for line := range strings.Lines(string(content)) {
		mail := strings.Contains(line, `"action":"invite"`) || strings.Contains(line, `"action":"resend"`)
		if mail && !strings.Contains(line, `"outcome"`) && strings.HasSuffix(line, "\n") {
			different[line] = true
		}
	}
	return len(different)
}

// mishap damages the ledger. Before it loses the ledger or restores an old copy, it waits until the lists show
// everything that was mailed, as docs/ledger.md says.
func (r *referee) mishap(what string) {
	content, err := r.store.Read(r.t.Context())
	must(r.t, err)
	switch what {
	case "doubled":
		var twice []byte
		for line := range bytes.Lines(content) {
			twice = append(append(twice, line...), line...)
		}
		must(r.t, r.store.Replace(twice))
		return
	case "appended":
		must(r.t, r.store.Replace(append(content, content...)))
		return
	case "future":
		must(r.t, r.store.Replace(shiftTimes(r.t, content, 1000*time.Hour)))
		for _, who := range r.script.People {
			r.countedFrom[who] = r.counts() // the age of a lost mail is now unknown
		}
		return
	}
	time.Sleep(org.SettleAfter + org.SendWithin + r.script.Lag)
	if what == "lost" {
		r.backup = nil
	}
	must(r.t, r.store.Replace(r.backup))
	r.forget(what == "lost")
	for _, who := range r.script.People {
		r.countedFrom[who] = r.Now()
		if d := r.script.Dialect; d.Expiration != sandbox.ExpirationTold || d.Dates == sandbox.DatesEmpty {
			r.freed[who] = r.Now() // only the ledger knew that an invitation was renewed
			r.forgot, r.forgotAt = true, r.Now()
		}
	}
	clear(r.known)
	clear(r.seen)
	clear(r.gone)
	r.lost = true
}

// oddClock gives the answers to reads of path, or to all writes, a date that is months off. With "" it does nothing.
func (c *company) oddClock(path string) {
	if path == "" {
		return
	}
	c.rewrite(func(req *http.Request, rec *httptest.ResponseRecorder) *httptest.ResponseRecorder {
		if req.Method == http.MethodGet && req.URL.Path == path || req.Method != http.MethodGet && path == writes {
			rec.Header().Set("Date", c.Now().Add(100*24*time.Hour).Format(http.TimeFormat))
		}
		return rec
	})
}

// episode plays one episode of the script, and checks the rules after it.
func (r *referee) episode(e episode) {
	// Sleep, not Advance, so that the server does what it still has to do. The millisecond separates this episode from
	// the one before.
	time.Sleep(e.Wait + time.Millisecond)
	r.awaitMidnight(time.Hour)
	r.judge() // the late effects of earlier runs
	if e.Ledger != "" {
		r.mishap(e.Ledger)
	}
	handler := r.wire.Handler
	defer func() { r.wire.Handler = handler }()
	r.oddClock(e.WrongClock)
	if e.Late > 0 {
		r.actLate(e.Late, e.LateBy)
	}
	ctx, stop := context.WithCancel(r.t.Context())
	defer stop()
	if e.Stop > 0 {
		defer time.AfterFunc(e.Stop, stop).Stop()
	}
	for _, who := range e.Reinvite {
		r.reset[who] = true
		r.countedFrom[who] = r.counts()
		delete(r.gone, who) // --reinvite asks for a mail
	}
	r.judge()
	for _, d := range e.Deeds {
		r.deed(d)
	}
	for _, who := range e.Only {
		r.singled[who] = true
	}
	r.choose(e.Other)
	for _, f := range append(hiding(e.Hidden, e.HiddenBy), e.Faults...) {
		r.AddFault(f)
	}
	r.prepare(e)
	var k *killer
	if e.Kill > 0 {
		k = r.killAfter(e.Kill, e.Torn)
	}
	// (d) No mail is requested without an intent in the ledger.
	before := r.wire.Before
	posts, intents := 0, r.intents()
	var mu sync.Mutex
	r.wire.Before = func(req *http.Request) error {
		if before != nil {
			if err := before(req); err != nil {
				return err
			}
		}
		r.look(req)
		if req.Method == http.MethodPost && strings.HasPrefix(req.URL.Path, "/v2/invitation") {
			mu.Lock()
			defer mu.Unlock()
			posts++
		}
		return nil
	}
	perPerson, began := r.Mails(), r.Now()
	outcomes := make([]outcome, e.AtOnce)
	var wg sync.WaitGroup
	for i := range outcomes {
		wg.Go(func() {
			outcomes[i] = r.apply(with{
				concurrency: e.Concurrency, rate: e.Rate, ctx: ctx, reinvite: e.Reinvite, only: e.Only, resend: e.Resend,
				inviteLeft: e.InviteLeft, settleWait: e.SettleWait,
			})
		})
	}
	wg.Wait()
	lateBy := time.Duration(0)
	for _, f := range e.Faults {
		lateBy = max(lateBy, f.ActAfter)
	}
	if e.Late > 0 {
		lateBy += e.LateBy
	}
	for _, who := range e.Resend {
		r.asked[who] = append(r.asked[who], [2]time.Time{began, r.Now().Add(lateBy)})
	}
	if until := r.Now().Add(lateBy); lateBy > 0 && until.After(r.owed) {
		r.owed = until
	}
	if k != nil {
		k.restore()
	} else {
		r.wire.Before = nil
	}
	r.ClearFaults()
	throttled := 0
	for _, q := range r.Requests() {
		mail := q.Method == http.MethodPost && strings.HasPrefix(q.Path, "/v2/invitation")
		if mail && (q.Fault == sandbox.FaultThrottle || q.Limited) {
			throttled++
		}
	}
	if n := r.intents() - intents; posts > n+throttled {
		r.fault("(d) %d mails were asked for with %d intents in the ledger", posts, n)
	}
	if content, err := r.store.Read(r.t.Context()); err == nil && r.backup == nil {
		r.backup = content
	}
	sure := k == nil && e.AtOnce == 1 && outcomes[0].err == nil
	if sure {
		r.compare(outcomes[0], perPerson)
		if outcomes[0].refused == nil && e.Hidden == "" {
			r.see(outcomes[0])
		}
	}
	learned := sure && outcomes[0].refused == nil && outcomes[0].Stopped == nil && e.Hidden == "" && r.script.Lag == 0
	r.conclude(e, outcomes, lateBy, learned)
	r.again(e, perPerson)
	for _, who := range e.Reinvite {
		delete(r.gone, who)
	}
	if e.InviteLeft || r.invitesUnseen(e.Hidden) {
		clear(r.gone) // they may be mailed now or later
	}
	r.left(perPerson)
}

// invitesUnseen reports whether people who left may be mailed once, because the key cannot see whether they left.
func (r *referee) invitesUnseen(hidden string) bool {
	unseen := hidden != "" || r.script.Dialect.SuspendedEndpoint == sandbox.SuspendedEndpointMissing
	return unseen && r.script.Policy.HiddenMembers == roster.HiddenMembersInvite
}

// see records the people that a run certainly saw as members.
func (r *referee) see(o outcome) {
	if o.Stopped != nil || r.script.Lag > 0 {
		return
	}
	for _, p := range r.roster.People {
		who := p.Email.Key()
		if u, _ := r.userOf(who); r.joined[who] && !r.isSuspendedUnseen(u) {
			r.seen[who] = true
		}
	}
}

// left checks (f): a person who was seen as a member and left is not mailed again without --invite-left.
func (r *referee) left(before map[string][]sandbox.Mail) {
	for who := range r.gone {
		if len(r.Mails()[who]) > len(before[who]) {
			r.fault("(f) %s left, and was mailed again", who)
		}
	}
}

// compare checks (c): the reported outcomes are what happened.
func (r *referee) compare(o outcome, before map[string][]sandbox.Mail) {
	after := r.Mails()
	for _, change := range o.Changes {
		who := change.Email.Key()
		if !change.Action.Mails() {
			r.leaving(change)
			continue
		}
		sent := len(after[who]) - len(before[who])
		switch change.Outcome {
		case apply.Done:
			if sent == 0 && change.Reason == plan.Requested && change.Requests > 0 && !r.looksIn(who) {
				r.fault("(c) the invitation of %s is reported as sent again, and was not", who)
			}
			if sent == 0 && !r.isIn(who) && !r.looksIn(who) {
				r.fault("(c) %s is reported as done, and was neither mailed nor invited nor in", who)
			}
		case apply.Failed, apply.Skipped:
			if sent > 0 {
				r.fault("(c) %s is reported as %s (%v) and was mailed", who, change.Outcome, change.Err)
			}
		case apply.Unknown:
			if change.Requests == 0 {
				r.fault("(c) %s is reported as unknown without a request", who)
			}
		}
		if (change.Err == nil) != (change.Outcome == apply.Done) {
			r.fault("(c) %s is %s with the error %v", who, change.Outcome, change.Err)
		}
	}
}

// leaving checks (e): orgsync does not suspend or remove a person of the roster, also not under an unknown address with
// which the person accepted a mail of orgsync. A person who was invited by hand and accepted with such an address is a
// stranger. So is the second user of a person whose own address somebody else used to accept an invitation, if the list
// does not show accepted invitations: orgsync treats the user with the person's address as the person.
func (r *referee) leaving(change apply.ChangeResult) {
	if change.Action != plan.Suspend && change.Action != plan.Remove || change.Outcome == apply.Skipped {
		return // for example because the second reading shows that the person is in the roster
	}
	if was, here := r.present[change.UserID]; !here || was.Suspended && change.Action == plan.Suspend {
		return // an earlier run did this, and the list still lags
	}
	who := change.Email.Key()
	for _, p := range r.roster.People {
		_, isTaken := r.userOf(p.Email.Key())
		isTaken = isTaken && r.script.Dialect.Accepted == sandbox.AcceptedVanish
		isOtherAddress := elsewhere(p.Email.Key()) == who && (r.known[p.Email.Key()] && !isTaken || len(p.Aliases) > 0)
		if (p.Email.Key() == who || isOtherAddress) && !p.Ended(r.Now()) {
			r.fault("(e) %s is listed, and %s took place: %s", p.Email, change.Action, who)
		}
	}
	// A person who was removed may be mailed again when the roster lists them again.
	person := strings.Replace(who, "home.example", "example.com", 1)
	r.freed[person], r.countedFrom[person] = r.Now(), r.Now()
	delete(r.joined, person)
	delete(r.seen, person)
	delete(r.gone, person)
}

// isIn reports whether who is a user or can accept an invitation.
func (r *referee) isIn(who string) bool {
	return r.isUser(who) || slices.ContainsFunc(r.World().Invitations, func(i sandbox.Invitation) bool {
		return strings.EqualFold(i.Email, who) && i.State == "pending"
	})
}

// looksIn reports whether a run treats who as a member: they are a user, or they accepted and users are hidden.
func (r *referee) looksIn(who string) bool {
	usersHidden := r.playing.Hidden == "users" || r.playing.Hidden == "both"
	return r.isUser(who) || usersHidden && r.accepted(who)
}

func (r *referee) isUser(who string) bool {
	return slices.ContainsFunc(r.World().Users, func(u sandbox.User) bool {
		return strings.EqualFold(u.Email, who) || strings.EqualFold(u.Email, elsewhere(who))
	})
}

// mails checks (a): a person gets no second mail while the invitation of the first is valid, and no more mails than
// reinvite_rounds. Mails of --resend are an exception, but there are never two of them within 15 minutes.
func (r *referee) mails() {
	for who, mails := range r.Mails() {
		rounds := 0
		for i, m := range mails {
			r.days(who, m)
			if countedFrom := r.countedFrom[who]; m.At.Before(countedFrom) {
				rounds = 0
				continue
			}
			if rounds++; rounds > r.script.Rounds && !r.wasAsked(who, m) {
				r.fault("(a) %s has %d mails since %v, the roster allows %d", who, rounds, r.countedFrom[who], r.script.Rounds)
			}
			if i == 0 {
				continue
			}
			last := mails[i-1].At
			life := org.InvitationLife
			if r.wasAsked(who, m) {
				life = org.SettleAfter - org.ActWithin // the server may have acted late on the earlier mail
			}
			if m.At.Sub(last) < life && r.freed[who].Before(last) {
				r.fault("(a) %s got mails at %v and %v", who, last, m.At)
			}
		}
	}
	for _, v := range r.Violations() {
		r.fault("undocumented request: %s %s: %s", v.Method, v.Path, v.Violation)
	}
}

// wasAsked reports whether m is a mail that --resend asked for.
func (r *referee) wasAsked(who string, m sandbox.Mail) bool {
	return m.Resend && slices.ContainsFunc(r.asked[who], func(asked [2]time.Time) bool {
		return !m.At.Before(asked[0]) && !m.At.After(asked[1])
	})
}

// finish checks (b): after the last fault, two more runs reach a plan without changes, and nobody is forgotten.
func (r *referee) finish() {
	time.Sleep(org.ActWithin + r.script.Lag) // the server has done everything, and the lists show it
	r.awaitMidnight(2 * time.Hour)
	r.judge()
	before := r.Mails()
	defer func() { r.left(before) }()
	// A person does what the runs asked for: they raise limits, and keep one entry for each person.
	r.roster.Settings.MaxRemovals, r.roster.Settings.MaxRevokes = 1000, 1000
	hidden := ""
	if n := len(r.script.Episodes); n > 1 && r.script.Episodes[n-2].Hidden != "" {
		hidden = r.script.Episodes[n-1].Hidden
	}
	r.choose(false)
	if r.hidden = hidden != ""; r.invitesUnseen(hidden) {
		clear(r.gone) // they may be mailed once
	}
	for _, f := range hiding(hidden, http.StatusForbidden) {
		r.AddFault(f)
	}
	p := r.apply(with{rate: 8}).plan
	if p.Needs != "" {
		return // the key lacks a permission, and the run says so
	}
	if len(p.Problems) > 0 {
		maps.Copy(r.out, r.sameAddress)
		r.choose(false)
	}
	for range 2 {
		o := r.apply(with{rate: 8}) // below the API's limit
		if o.err != nil || o.Stopped != nil || o.refused != nil {
			r.fault("(b) without faults: %v, stopped by %v, refused: %v", o.err, o.Stopped, o.refused)
		}
	}
	todo := r.todo()
	if r.script.Lag > 0 {
		// While the list lags, edits look undone, and can be repeated without harm. A person who has just accepted may
		// look expired; the server refuses to mail a member.
		todo = slices.DeleteFunc(todo, func(change string) bool {
			_, who, _ := strings.Cut(change, "invite ")
			return who == "" || r.isUser(who)
		})
	}
	if len(todo) > 0 {
		r.fault("(b) still to do after two runs without faults: %v", todo)
	}
	must(r.t, r.Advance(org.SettleAfter+org.SendWithin+r.script.Lag+time.Minute))
	last := r.apply(with{})
	if left := last.notices(plan.Unsettled); len(left) > 0 {
		r.fault("(b) unsettled 15 minutes later: %v", left)
	}
	must(r.t, r.Advance(r.script.Lag+time.Second))
	if todo = r.todo(); slices.ContainsFunc(todo, func(change string) bool { return !letsGo(change) }) {
		r.fault("(b) still to do in the end: %v", todo)
	} else if len(todo) > 0 { // unlisted users, which are certain only when the list shows everybody who was mailed
		r.apply(with{})
		must(r.t, r.Advance(r.script.Lag+time.Second))
		if todo = r.todo(); len(todo) > 0 {
			r.fault("(b) still to do in the very end: %v", todo)
		}
	}
	reported := map[string]bool{}
	for _, n := range last.Notices {
		switch n.Kind {
		case plan.OtherAddress, plan.Left, plan.NeedsAttention, plan.GaveUp, plan.Waiting, plan.PossibleAlias,
			plan.Flapping, plan.RefusedMail, plan.UnknownMembership, plan.NotYet, plan.EndsTooSoon:
			reported[n.Email.Key()] = true
		default: // the notice does not say why the person is not invited
		}
	}
	for _, p := range r.roster.People {
		if who := p.Email.Key(); !p.Ended(r.Now()) && !r.isIn(who) && !reported[who] && !(hidden != "" && r.accepted(who)) {
			r.fault("(b) %s is forgotten: neither in, nor invited, nor in a notice", who)
		}
	}
}

// todo returns the changes that a run would make now, without mails that the server refuses because the person can
// still accept an invitation, or is a hidden member.
func (r *referee) todo() []string {
	return slices.DeleteFunc(r.changes(), func(change string) bool {
		_, who, mail := strings.Cut(change, "invite ")
		u, _ := r.userOf(who)
		isHidden := r.hidden && r.isUser(who) || r.invitesUnseen("") && r.isSuspendedUnseen(u)
		return mail && (r.forgot && r.isIn(who) || isHidden)
	})
}

// letsGo reports whether change suspends or removes a person.
func letsGo(change string) bool {
	return strings.HasPrefix(change, string(plan.Suspend)) || strings.HasPrefix(change, string(plan.Remove))
}

// play plays s from the beginning to the end, and returns the broken rules.
func play(t *testing.T, s script) []string {
	now := func() time.Time { return time.Now().Add(s.ClockOff) }
	r := &referee{
		company: newCompany(t, sandbox.Options{
			Dialect: s.Dialect, ListLag: s.Lag, Latency: s.Latency, RateLimit: s.Limit, Now: now, PageCap: s.PageCap,
		}, s.People...),
		script: s, freed: map[string]time.Time{}, countedFrom: map[string]time.Time{},
		asked: map[string][][2]time.Time{}, singled: map[string]bool{},
		out: map[string]bool{}, reset: map[string]bool{}, known: map[string]bool{},
		joined: map[string]bool{}, seen: map[string]bool{}, gone: map[string]bool{}, watch: newWatch(),
	}
	r.roster.Settings = roster.Settings{
		MaxInvites: 1000, MaxRemovals: s.Policy.MaxRemovals, MaxRevokes: s.Policy.MaxRevokes, ReinviteRounds: s.Rounds,
		Unlisted: s.Unlisted, UnlistedAfter: s.Policy.UnlistedAfter, ExtraAccess: s.Policy.ExtraAccess,
		HiddenMembers: s.Policy.HiddenMembers,
	}
	for _, who := range s.Policy.Protected {
		r.roster.Settings.Protected = append(r.roster.Settings.Protected, org.MustParseAddress(who))
	}
	if s.PageCap > 0 {
		r.addMovers()
	}
	for _, u := range s.Members {
		_, err := r.AddUser(u)
		must(t, err)
	}
	for _, seed := range s.Seeds {
		if seed.As == "user" {
			_, err := r.AddUser(sandbox.User{Email: seed.Email, Groups: seed.Groups, Roles: seed.Roles,
				Policies: seed.Policies, APIEnabled: seed.API})
			must(t, err)
			r.joined[seed.Email] = true
			continue
		}
		age := seed.Age
		if seed.As == "expired" {
			age += org.InvitationLife
		}
		_, err := r.AddInvitation(sandbox.Invitation{Email: seed.Email, State: seed.As, Created: r.Now().Add(-age)})
		must(t, err)
	}
	r.firstDay = r.Now().Truncate(24 * time.Hour)
	for _, e := range s.Episodes {
		r.episode(e)
	}
	r.finish()
	r.mails()
	return r.broken
}

// TestExactlyOnce plays random histories: dialects, faults, kills, lists that lag, hide members or move, concurrent
// runs, two rosters that take turns, and people who do things by hand. The rules are called (a) to (m), and each is
// described where it is checked. A failure prints the seed, and the smallest script found that breaks a rule.
func TestExactlyOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScript(rt)
		var broken []string
		synctest.Test(t, func(t *testing.T) { broken = play(t, s) })
		if len(broken) > 0 {
			rt.Fatalf("%s\nin %+v", strings.Join(broken, "\n"), s)
		}
	})
}
