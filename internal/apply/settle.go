package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

const (
	// maxSends is how often one run sends a change, at most. It sends a change again only if the first time certainly
	// had no effect. Sending a mail once may take several requests; see send.
	maxSends = 2
	// maxReadings is how often a run reads the organization to settle changes, without the readings after a wait.
	maxReadings = 12
)

// witnessDelay is how long after the last lost mail the witness is sent. The run knows the server's clock only to the
// second. The two extra seconds make sure that ActWithin is over by this clock too.
const witnessDelay = org.ActWithin + 2*time.Second

// readAfter has the times after the last lost mail at which a waiting run reads the organization. After the last of
// them, it reads once a minute.
var readAfter = []time.Duration{30 * time.Second, time.Minute, witnessDelay}

// noteEarlierLosses sets lostAt if the server may still act on a lost mail of an earlier run. It does nothing if the
// plan holds no mail. now is the server's time.
func (r *run) noteEarlierLosses(memory org.Memory, now time.Time) {
	if !slices.ContainsFunc(r.items, func(it *item) bool { return it.held }) {
		return
	}
	for _, record := range memory.People {
		for _, m := range record.Mails {
			// The earlier run may send the mail up to SendWithin after its announcement, even if it lost its lease. longest
			// allows for clocks that differ by a minute. If left is longer, a clock was wrong.
			longest := org.SendWithin + org.ActWithin + time.Minute
			if left := m.ServerMayActUntil.Sub(now); m.Lost && left > 0 && left <= longest {
				r.noteLoss(org.ActWithin - left)
			}
		}
	}
}

// noteLoss records that a mail was lost this long ago.
func (r *run) noteLoss(ago time.Duration) {
	at := time.Now().Add(-ago)
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.After(r.lostAt) {
		r.lostAt = at
	}
}

// settle sends the mail that was kept back, and settles the changes whose answer was lost. It reads the organization
// until all of them are settled, or until there is no time left or another reading cannot help.
func (r *run) settle(ctx context.Context) {
	r.deadline = time.Now().Add(r.opts.SettleWait)
	if end, ok := ctx.Deadline(); ok && end.Before(r.deadline) {
		r.deadline = end
	}
	for waited := false; ; {
		if it := r.keptBack; it != nil && r.sending.Err() == nil && !r.mustWait(it) {
			r.keptBack = nil
			r.carryOut(it, it.Change)
		}
		if ctx.Err() != nil || !slices.ContainsFunc(r.items, r.canBeSettled) {
			return
		}
		// Read if something was sent since the last reading, or after a wait. If this settled or sent something, or the
		// mail that was kept back may go now, begin again without a wait.
		progress := false
		if !waited && !r.upToDate {
			r.readings++
		}
		if waited || !r.upToDate && r.readings <= maxReadings {
			progress = r.settleOnce(ctx)
		}
		if progress || r.keptBack != nil && r.sending.Err() == nil && !r.mustWait(r.keptBack) {
			waited = false
			continue
		}
		if waited = r.waitForReading(); !waited {
			return
		}
	}
}

// waitForReading waits until the time of the next reading. It returns false if there should be no other reading: no
// mail is lost, the run was stopped, or there is no time left.
func (r *run) waitForReading() bool {
	mails := r.countAmbiguous(nil)
	next := r.nextReading()
	if mails == 0 || r.sending.Err() != nil || next.After(r.deadline) {
		return false
	}
	if r.opts.Waiting != nil {
		r.opts.Waiting(Wait{Mails: mails, Until: next})
	}
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.sending.Done(): // ctx has ended or the lease is lost
		return false
	}
}

// nextReading returns the local time of the next reading of a waiting run.
func (r *run) nextReading() time.Time {
	now := time.Now()
	for _, after := range readAfter {
		if at := r.lostAt.Add(after); at.After(now) {
			return at
		}
	}
	return now.Add(time.Minute)
}

// mustWait reports whether a mail must wait, because the server may still act on a lost mail. The mail is sent after
// all others, to be their witness. If there is no time for this, the mail need not wait.
func (r *run) mustWait(it *item) bool {
	over := r.lostAt.Add(witnessDelay)
	return r.countAmbiguous(it) > 0 && time.Now().Before(over) && !over.After(r.deadline)
}

// countAmbiguous returns the number of mails that may have been sent, without that of the item except.
func (r *run) countAmbiguous(except *item) int {
	n := 0
	for _, it := range r.items {
		mayBeSent := it.state == ambiguous || it.held && it.state == waiting && r.canBeSettled(it)
		if it != except && it.Action.Mails() && mayBeSent {
			n++
		}
	}
	return n
}

// canBeSettled reports whether a reading may settle the item. A held mail can be settled only if this run sends a
// mail, which can be the witness.
func (r *run) canBeSettled(it *item) bool {
	if it.held {
		mailed := func(other *item) bool { return other.Action.Mails() && other.Outcome == Done && other.Requests > 0 }
		return it.state != concluded && (r.keptBack != nil || slices.ContainsFunc(r.items, mailed))
	}
	if it.state == blocked {
		grant := it.waitsFor()
		return grant == nil || r.canBeSettled(grant)
	}
	return it.state == ambiguous || it.state == rejected
}

// settleOnce reads the organization, makes a new plan, and settles what this plan can settle. It sends again the
// changes that count as not made. Their mails go out one after another, so that each can be a witness for the mails
// before it. progress is true if it sent something, because another reading may settle more then.
func (r *run) settleOnce(ctx context.Context) (progress bool) {
	if failureOf(context.Cause(r.sending)) == org.Denied {
		return false
	}
	open := slices.DeleteFunc(slices.Clone(r.items), func(it *item) bool { return !r.canBeSettled(it) })
	snapshot, fresh, err := r.readAndPlan(ctx)
	if err != nil {
		for _, it := range open {
			if it.state == ambiguous && !it.readFailed {
				it.readFailed = true
				it.Err = fmt.Errorf("%w; orgsync then could not read the organization to find out the outcome: %w", it.Err, err)
			}
		}
		return false
	}
	r.upToDate, r.freshPlan = true, &fresh
	// Leave out FactReset, which the run recorded when it began. A second one would also reset the count of this run's
	// mails.
	facts := slices.DeleteFunc(slices.Clone(fresh.Facts), func(f org.Fact) bool { return f.Kind == org.FactReset })
	if err := r.opts.Ledger.RecordFacts(facts); err != nil {
		r.stop(err)
		return false
	}
	memory := r.opts.Ledger.Memory()
	shown := shownMails(facts)
	users := make(map[string]*org.User, len(snapshot.Users))
	for i := range snapshot.Users {
		users[strings.ToLower(snapshot.Users[i].ID)] = &snapshot.Users[i]
	}
	r.dropUnneeded(fresh)
	var again []*item         // mails that count as not sent
	var changes []plan.Change // the changes that send these mails again
	for _, it := range open {
		needed, mayBeMailed := sameChange(fresh.Changes, it.Change), sameChange(fresh.Held, it.Change)
		mails, u := it.Action.Mails(), users[strings.ToLower(it.UserID)]
		invitation, isShown := shown[it.Email.Key()]
		var lostAccess *plan.Change // the grant of access that the person lost since the run began
		if it.Action == plan.Revoke {
			lostAccess = r.newGrant(fresh.Changes, it)
		}
		switch {
		case isShown && mails:
			// The mail was sent, whatever the plan says now. For example, the invitation has a status that orgsync does not
			// know, or the person has declined it already.
			it.InvitationID = invitation
			r.conclude(it, Done, nil)
		case mayBeMailed != nil, needed == nil && isUnreadable(snapshot.Access, u, it.Change),
			needed == nil && !mails && isSeenOnce(u):
			continue
		case it.state == blocked && needed == nil && !editTookEffect(snapshot.Access, u, it.Change):
			if it.waitsFor() == nil { // otherwise Err says what it waits for
				it.Err = notConfirmed(it, errNotInSecondPlan)
			}
		case mails && fresh.Ended[it.Email.Key()],
			needed == nil && !mails && !editTookEffect(snapshot.Access, u, it.Change):
			// The change is not needed, but it was not made. For example, the person's last day is over, or the group no
			// longer exists.
			r.conclude(it, Failed, it.Err)
		case it.state == ambiguous && mails && isLastMailLost(memory.People[it.Email.Key()]):
			continue // no reading can settle the mail, even if the plan counts it as sent: it stays unknown
		case needed == nil:
			r.concludeUnneeded(it, fresh.Notices)
		case it.state == rejected:
			r.concludeRefused(it, it.Err)
		case it.sends >= maxSends:
			r.conclude(it, Failed, it.Err)
		case mails:
			again, changes = append(again, it), append(changes, *needed)
		case lostAccess != nil && it.state == blocked:
			it.Err = keptUntil(it.Change, *lostAccess)
		case lostAccess != nil:
			r.conclude(it, Failed, keptUntil(it.Change, *lostAccess))
		default:
			before := it.sends
			r.carryOut(it, *needed)
			progress = progress || it.sends > before
		}
	}
	for i, it := range again {
		if i == len(again)-1 && r.keptBack == nil && r.sending.Err() == nil && r.mustWait(it) {
			break // the last mail waits, so that it can be the witness for the others
		}
		it.state = waiting // so that its outcome is Skipped if the run ends before the mail is sent
		before := it.sends
		r.carryOut(it, changes[i])
		progress = progress || it.sends > before
	}
	return progress
}

// shownMails returns the lost mails that the list shows: for the key of each address, the id of the invitation of the
// last lost mail. If the list does not show this mail, the address has no entry.
func shownMails(facts []org.Fact) map[string]string {
	shown, judged := map[string]string{}, map[string]bool{}
	for _, f := range facts { // those about one address begin with the last mail; see applicableFacts in package plan
		if f.Kind != org.FactFound && f.Kind != org.FactAbsent || judged[f.Email] {
			continue
		}
		judged[f.Email] = true
		if f.Kind == org.FactFound {
			shown[f.Email] = f.InvitationID
		}
	}
	return shown
}

// isLastMailLost reports whether the last mail to the person of r is lost.
func isLastMailLost(r org.PersonRecord) bool {
	return len(r.Mails) > 0 && r.Mails[len(r.Mails)-1].Lost
}

// readSameLists reads the organization. It returns an error if the reading lacks a list that the reading for the plan
// had.
func (r *run) readSameLists(ctx context.Context) (org.Snapshot, error) {
	snapshot, err := r.opts.Read(ctx)
	if err == nil {
		err = checkSameLists(r.usersSeen, r.suspendedSeen, snapshot)
	}
	return snapshot, err
}

// readAndPlan is like [ReadAndPlan]. It also reads lists with several pages twice if it may settle an edit, because a
// reading that misses a user looks as if the edit had removed the user. If the reading is of another organization, it
// stops the run, because the next mail may go out for that organization.
func (r *run) readAndPlan(ctx context.Context) (org.Snapshot, plan.Plan, error) {
	settlesEdit := slices.ContainsFunc(r.items, func(it *item) bool { return !it.Action.Mails() && r.canBeSettled(it) })
	snapshot, fresh, err := readAndPlan(ctx, r.readSameLists, func(s org.Snapshot) plan.Plan {
		return r.opts.Replan(s, r.opts.Ledger.Memory())
	}, func(p plan.Plan) bool { return settlesEdit || needsTwoReadings(p) })
	if _, isWrong := errors.AsType[*org.PinError](err); isWrong {
		r.stop(err)
	}
	return snapshot, fresh, err
}

// isUnreadable reports whether the reading says nothing about the group, role or policy of the change, or about the API
// access of its user u, who may be nil.
func isUnreadable(access []org.Access, u *org.User, c plan.Change) bool {
	if c.Action == plan.Update {
		return u != nil && u.APIEnabled == nil
	}
	return slices.ContainsFunc(access, func(a org.Access) bool {
		return a.Unreadable && a.Kind == c.Detail.Kind && a.ID == c.Detail.ID
	})
}

// isSeenOnce reports whether only one of two readings shows u. Then they do not prove that a change to u was made. u
// may be nil.
func isSeenOnce(u *org.User) bool { return u != nil && u.SeenOnce }

// editTookEffect reports whether the organization has what the change edit asked for. u is the user of edit; nil if
// the user is not in the organization. A new plan without the edit does not prove that the edit was made.
func editTookEffect(access []org.Access, u *org.User, edit plan.Change) bool {
	switch edit.Action {
	case plan.Grant, plan.Revoke:
		has := slices.ContainsFunc(access, func(a org.Access) bool {
			if u == nil {
				return false
			}
			_, holds := a.Holders[u.ID]
			return holds && !a.Deleted && a.Kind == edit.Detail.Kind && a.ID == edit.Detail.ID
		})
		return has == (edit.Action == plan.Grant)
	case plan.Update:
		return u != nil && u.APIEnabled != nil && *u.APIEnabled == *edit.Detail.APIEnabled
	case plan.Unsuspend:
		return u != nil && !u.Suspended
	case plan.Suspend:
		return u == nil || u.Suspended
	case plan.Remove:
		return u == nil
	default:
		return false
	}
}

// confirmRemovals reads the organization again before people are suspended or removed, and skips the people that the
// second plan keeps. The lists are read in parallel, so the list of users may be newer than the list of invitations.
// If a person accepts an invitation with an unknown address in between, one list has an unlisted user, and in the
// other list the invitation is pending. A person may also accept an invitation while the mails of this run are sent.
// So confirmRemovals reads again after mails, but not while other changes are in flight.
func (r *run) confirmRemovals(ctx context.Context) {
	leaving := slices.DeleteFunc(slices.Clone(r.items), func(it *item) bool {
		return !it.Action.SuspendsOrRemoves() || it.state != waiting || it.sends > 0
	})
	if r.confirmed || len(leaving) == 0 || r.sending.Err() != nil {
		return
	}
	r.confirmed = true
	_, fresh, err := r.readAndPlan(ctx)
	if err == nil {
		err = errNotInSecondPlan
	}
	for _, it := range leaving {
		if sameChange(fresh.Changes, it.Change) == nil {
			r.conclude(it, Skipped, notConfirmed(it, err))
		}
	}
}

// notConfirmed returns an error that says why the item is skipped after a second reading. err is the reason.
func notConfirmed(it *item, err error) error {
	return fmt.Errorf("%s %s: the second reading did not confirm this change: %w", it.Action, it.Email, err)
}

// skipInvited reads the list of invitations again, and drops the mails to people that somebody else has invited since
// the plan was made. It does nothing if no other mail is left, or if the list cannot be read. If the list has an
// invitation of another organization, it stops the run.
func (r *run) skipInvited(ctx context.Context) {
	if r.opts.ReadInvitations == nil || !slices.ContainsFunc(r.items, isUnsentMail) {
		return
	}
	invitations, err := r.opts.ReadInvitations(ctx)
	if err != nil {
		return
	}
	if err := org.CheckSameOrganization(r.org, cmp.Or(r.org.Name, r.org.ID), invitations); err != nil {
		r.stop(err)
		return
	}
	later := r.opts.Snapshot
	later.Invitations = invitations
	r.dropUnneeded(r.opts.Replan(r.opts.Snapshot.Merge(later), r.opts.Ledger.Memory()))
}

// dropUnneeded concludes the mails that were not sent and that the new plan does not need. A mail is done if the
// person has an invitation that can be accepted, and a mail of --resend if this invitation was renewed. Otherwise it is
// skipped.
func (r *run) dropUnneeded(fresh plan.Plan) {
	for _, it := range r.items {
		if !isUnsentMail(it) || sameChange(fresh.Changes, it.Change) != nil {
			continue
		}
		if it == r.keptBack {
			r.keptBack = nil
		}
		i := slices.IndexFunc(fresh.Notices, func(n plan.Notice) bool {
			return n.Kind == plan.Waiting && n.Email.Equal(it.Email) && !isStillToResend(it, n)
		})
		if i < 0 {
			r.conclude(it, Skipped, fmt.Errorf("invite %s: %w", it.Email, errNotNeeded))
			continue
		}
		it.InvitationID = fresh.Notices[i].InvitationID
		r.conclude(it, Done, nil)
	}
}

// isStillToResend reports whether the item is a mail of --resend and the invitation in the notice was not renewed.
func isStillToResend(it *item, waiting plan.Notice) bool {
	return it.Reason == plan.Requested && !waiting.Expires.After(it.Detail.Expires)
}

// isUnsentMail reports whether the item is a mail of the plan that was not sent yet.
func isUnsentMail(it *item) bool {
	return it.Action.Mails() && !it.held && it.state == waiting && it.sends == 0
}

// errNotNeeded says why a mail is no longer needed.
var errNotNeeded = errors.New("their invitation or membership has changed since the plan was made")

// errNotInSecondPlan says why a change is not made after all.
var errNotInSecondPlan = errors.New("the second plan does not have it")

// concludeUnneeded concludes a change that the new plan does not need. An edit must have taken effect, so it is done. A
// mail is done, unless a notice about the person gives another reason why the new plan does not need it.
func (r *run) concludeUnneeded(it *item, notices []plan.Notice) {
	if !it.Action.Mails() {
		if it.state == ambiguous {
			if err := r.opts.Ledger.RecordEditOutcome(r.toEdit(it.Change), ledger.Sent); err != nil {
				r.stop(err)
			}
		}
		r.conclude(it, Done, nil)
		return
	}
	for _, n := range notices {
		if !n.Email.Equal(it.Email) {
			continue
		}
		switch n.Kind {
		case plan.Waiting:
			if isStillToResend(it, n) {
				r.conclude(it, Failed, it.Err) // the invitation may still be open, but it was not sent again
				return
			}
			it.InvitationID = n.InvitationID
		case plan.Unsettled:
			return // it is still unknown whether the mail was sent
		case plan.Left, plan.NeedsAttention, plan.SuspendedUser, plan.GaveUp, plan.RefusedMail, plan.EndsTooSoon,
			plan.NotYet:
			r.conclude(it, Failed, it.Err)
			return
		default:
			if n.Holds() { // the mail is still needed, and waits for something
				r.conclude(it, Failed, it.Err)
				return
			}
		}
	}
	r.conclude(it, Done, nil)
}

// sameChange returns the change in changes that has the same effect as c; nil if there is none. A new invitation has
// the same effect as a renewal. changes must be sorted by the key of the address.
func sameChange(changes []plan.Change, c plan.Change) *plan.Change {
	i, _ := slices.BinarySearchFunc(changes, c.Email.Key(), func(c plan.Change, key string) int {
		return cmp.Compare(c.Email.Key(), key)
	})
	for ; i < len(changes) && changes[i].Email.Equal(c.Email); i++ {
		other := &changes[i]
		same := other.Action == c.Action && strings.EqualFold(other.UserID, c.UserID) &&
			other.Detail.Kind == c.Detail.Kind && other.Detail.ID == c.Detail.ID
		if same || other.Action.Mails() && c.Action.Mails() {
			return other
		}
	}
	return nil
}
