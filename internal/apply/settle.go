package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

const (
	// maxSends is how often one change is carried out in one run, at most: the second time only
	// when the first surely came to nothing. For a mail, each may take several requests; see send.
	maxSends = 2
	// maxReadings is how often a run reads the organization to settle mails and edits, besides the
	// readings that it waits for.
	maxReadings = 12
)

// grace is how long after a loss a mail is sent that is to be the witness for it: the server's
// clock, which is known to a second, must say so too.
const grace = org.ActWithin + 2*time.Second

// readAfter is how long after a loss a run that waits reads the organization; after the last of
// these it does so each minute.
var readAfter = []time.Duration{30 * time.Second, time.Minute, grace}

// noteEarlierLosses notes until when the server may act on mails of an earlier run. memory is the
// ledger's, now the server's time.
func (r *run) noteEarlierLosses(memory org.Memory, now time.Time) {
	if !slices.ContainsFunc(r.items, func(it *item) bool { return it.held }) {
		return
	}
	for _, record := range memory.People {
		for _, m := range record.Mails {
			// After a takeover the mail may still be sent for a while. A greater difference is due to a wrong clock.
			longest := org.SendWithin + org.ActWithin + time.Minute
			if left := m.ServerMayActUntil.Sub(now); m.Lost && left > 0 && left <= longest {
				r.noteLoss(org.ActWithin - left)
			}
		}
	}
}

// noteLoss notes that the answer to a mail was lost, so long ago.
func (r *run) noteLoss(ago time.Duration) {
	at := time.Now().Add(-ago)
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.After(r.lostAt) {
		r.lostAt = at
	}
}

// settle sends the mail that was kept back, and reads until nothing is set aside, or until waiting
// longer is not allowed or of no use.
func (r *run) settle(ctx context.Context) {
	r.deadline = time.Now().Add(r.opts.SettleWait)
	if end, ok := ctx.Deadline(); ok && end.Before(r.deadline) {
		r.deadline = end
	}
	for waited := false; ; {
		if it := r.last; it != nil && r.sending.Err() == nil && !r.mustWait(it) {
			r.last = nil
			r.carryOut(it, it.Change)
		}
		if ctx.Err() != nil || !slices.ContainsFunc(r.items, r.canBeSettled) {
			return
		}
		progress := false
		if !waited && !r.current {
			r.readings++
		}
		if waited || !r.current && r.readings <= maxReadings {
			progress = r.reconcileOnce(ctx)
		}
		if progress || r.last != nil && r.sending.Err() == nil && !r.mustWait(r.last) {
			waited = false
			continue
		}
		if waited = r.wait(ctx); !waited {
			return
		}
	}
}

// wait waits for the next reading and reports whether there is to be one: mails are unsettled, the
// run goes on, and there is time for it.
func (r *run) wait(ctx context.Context) bool {
	mails := r.ambiguous(nil)
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
	case <-ctx.Done():
		return false
	}
}

// nextReading is the local time at which a run that waits reads next.
func (r *run) nextReading() time.Time {
	now := time.Now()
	for _, after := range readAfter {
		if at := r.lostAt.Add(after); at.After(now) {
			return at
		}
	}
	return now.Add(time.Minute)
}

// mustWait reports whether it, a mail that is to be sent after all others, has to wait, since the
// server may still act on one whose answer was lost. It need not where there is no time for that.
func (r *run) mustWait(it *item) bool {
	over := r.lostAt.Add(grace)
	return r.ambiguous(it) > 0 && time.Now().Before(over) && !over.After(r.deadline)
}

// ambiguous is how many mails there are, besides that of an item, of which nobody knows whether
// they were sent.
func (r *run) ambiguous(but *item) int {
	n := 0
	for _, it := range r.items {
		if it != but && it.Action.Mails() && (it.state == ambiguous || it.held && it.state == waiting && r.canBeSettled(it)) {
			n++
		}
	}
	return n
}

// canBeSettled reports whether a reading may settle it. What an earlier run left open can be settled
// once this one has sent a mail, which is a witness for it, or is about to.
func (r *run) canBeSettled(it *item) bool {
	if it.held {
		mailed := func(other *item) bool { return other.Action.Mails() && other.Outcome == Done && other.Requests > 0 }
		return it.state != concluded && (r.last != nil || slices.ContainsFunc(r.items, mailed))
	}
	if it.state == blocked {
		grant := it.waitsFor()
		return grant == nil || r.canBeSettled(grant)
	}
	return it.state == ambiguous || it.state == rejected
}

// reconcileOnce reads the organization once, decides again and settles by that decision what it can. It
// sends once more what surely was not sent, one after another, so that each can be a witness for
// those before; progress is true if it did, since another reading may tell more then.
func (r *run) reconcileOnce(ctx context.Context) (progress bool) {
	var denied *org.CallError
	if errors.As(context.Cause(r.sending), &denied) && denied.Failure == org.Denied {
		return false
	}
	open := slices.DeleteFunc(slices.Clone(r.items), func(it *item) bool { return !r.canBeSettled(it) })
	snapshot, fresh, err := r.readAndPlan(ctx)
	if err != nil {
		for _, it := range open {
			if it.state == ambiguous && !it.readFailed {
				it.readFailed = true
				it.Err = fmt.Errorf("%w; reading what came of it failed too: %w", it.Err, err)
			}
		}
		return false
	}
	r.current, r.fresh = true, &fresh
	// Rounds that were to be counted from zero were reset when the run began; doing it again would forget the
	// mails of this run.
	facts := slices.DeleteFunc(slices.Clone(fresh.Facts), func(f org.Fact) bool { return f.Kind == org.FactReset })
	if err := r.opts.Ledger.RecordFacts(facts); err != nil {
		r.stop(err)
		return false
	}
	memory := r.opts.Ledger.Memory()
	users := make(map[string]*org.User, len(snapshot.Users))
	for i := range snapshot.Users {
		users[snapshot.Users[i].ID] = &snapshot.Users[i]
	}
	r.dropUnneeded(fresh)
	var again []*item // mails that were not sent, and the changes that send them
	var changes []plan.Change
	for _, it := range open {
		needed, mayBeMailed := sameChange(fresh.Changes, it.Change), sameChange(fresh.Held, it.Change)
		mails := it.Action.Mails()
		switch {
		case mayBeMailed != nil:
			continue
		case needed == nil && mails && fresh.Ended[it.Email.Key()],
			needed == nil && !mails && !editTookEffect(snapshot.Access, users[it.UserID], it.Change):
			// Not because it was done: their last day is over, what was to be given is there no
			// more, or less can be seen than before.
			r.conclude(it, Failed, it.Err)
		case needed == nil && it.state == ambiguous && mails && isOpen(memory.People[it.Email.Key()]):
			continue // it counts as sent, since nobody will ever be able to tell
		case needed == nil:
			r.concludeUnneeded(it, fresh.Notices)
		case it.state == rejected || it.sends >= maxSends:
			r.conclude(it, Failed, it.Err)
		case mails:
			again, changes = append(again, it), append(changes, *needed)
		case r.sending.Err() == nil:
			before := it.sends
			r.carryOut(it, *needed)
			progress = progress || it.sends > before
		}
	}
	for i, it := range again {
		if r.sending.Err() != nil {
			it.state = waiting // it was not sent, and will not be
			continue
		}
		if i == len(again)-1 && r.last == nil && r.mustWait(it) {
			break
		}
		before := it.sends
		r.carryOut(it, changes[i])
		progress = progress || it.sends > before
	}
	return progress
}

// isOpen reports whether nobody knows, by what is remembered of a person, what became of the last
// mail to them.
func isOpen(r org.PersonRecord) bool {
	return len(r.Mails) > 0 && r.Mails[len(r.Mails)-1].Lost
}

// read reads the organization. A reading that sees fewer lists than the plan's is an error: it
// would take a person who accepted once for a member, and a suspended one for gone.
func (r *run) read(ctx context.Context) (org.Snapshot, error) {
	snapshot, err := r.opts.Read(ctx)
	switch {
	case err != nil:
	case r.usersSeen && !snapshot.UsersSeen:
		err = errors.New("the API key may not list users any more")
	case r.suspendedSeen && !snapshot.SuspendedSeen:
		err = errors.New("suspended users cannot be listed any more")
	}
	return snapshot, err
}

// readAndPlan reads the organization and decides again.
func (r *run) readAndPlan(ctx context.Context) (org.Snapshot, plan.Plan, error) {
	return ReadAndPlan(ctx, r.read, func(s org.Snapshot) plan.Plan { return r.opts.Replan(s, r.opts.Ledger.Memory()) })
}

// editTookEffect reports whether the organization is as an edit wanted it; u is its user, nil when there is
// none. That a fresh plan does not want the edit any more need not mean that it was made.
func editTookEffect(access []org.Access, u *org.User, edit plan.Change) bool {
	switch edit.Action {
	case plan.Grant, plan.Revoke:
		has := slices.ContainsFunc(access, func(a org.Access) bool {
			_, holds := a.Holders[edit.UserID]
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

// confirmRemovals reads the organization once more before people are suspended or removed, and
// skips those whom the second plan keeps. Lists are read at the same time, so the list of users may
// be newer than that of the invitations: a person who accepts under an unknown address meanwhile is
// unlisted in one and pending in the other.
func (r *run) confirmRemovals(ctx context.Context) {
	leaving := slices.DeleteFunc(slices.Clone(r.items), func(it *item) bool {
		return it.Action != plan.Suspend && it.Action != plan.Remove
	})
	if len(leaving) == 0 {
		return
	}
	_, fresh, err := r.readAndPlan(ctx)
	if err == nil {
		err = errNoLongerUnlisted
	}
	for _, it := range leaving {
		if sameChange(fresh.Changes, it.Change) == nil {
			r.conclude(it, Skipped, fmt.Errorf("look again before letting %s go: %w", it.Email, err))
		}
	}
}

// skipInvited reads the list of invitations once more and drops the mails to people whom somebody
// else invited since the plan was made, where there is more than one mail. A list that cannot be
// read drops nobody.
func (r *run) skipInvited(ctx context.Context) {
	if r.opts.ReadInvitations == nil || !slices.ContainsFunc(r.items, isUnsentMail) {
		return
	}
	invitations, err := r.opts.ReadInvitations(ctx)
	if err != nil {
		return
	}
	later := r.opts.Snapshot
	later.Invitations = invitations
	r.dropUnneeded(r.opts.Replan(r.opts.Snapshot.Merge(later), r.opts.Ledger.Memory()))
}

// dropUnneeded concludes the mails that were not sent and that a fresh plan does not need any more:
// done where the person can accept an invitation.
func (r *run) dropUnneeded(fresh plan.Plan) {
	for _, it := range r.items {
		if !isUnsentMail(it) || sameChange(fresh.Changes, it.Change) != nil {
			continue
		}
		if it == r.last {
			r.last = nil
		}
		i := slices.IndexFunc(fresh.Notices, func(n plan.Notice) bool {
			return n.Kind == plan.Waiting && n.Email.Equal(it.Email)
		})
		if i < 0 {
			r.conclude(it, Skipped, fmt.Errorf("invite %s: %w", it.Email, errChanged))
			continue
		}
		it.InvitationID = fresh.Notices[i].InvitationID
		r.conclude(it, Done, nil)
	}
}

// isUnsentMail reports whether it is a mail of the plan that is still to be sent.
func isUnsentMail(it *item) bool {
	return it.Action.Mails() && !it.held && it.state == waiting && it.sends == 0
}

// errChanged is why a mail is not sent that was needed when the run began.
var errChanged = errors.New("somebody else changed their invitation or membership while this run was under way")

// errNoLongerUnlisted is why somebody is not let go after all.
var errNoLongerUnlisted = errors.New("by a second reading they are not to go")

// concludeUnneeded concludes an item that is needed no more: by the read, the organization is as the change
// wanted it.
func (r *run) concludeUnneeded(it *item, notices []plan.Notice) {
	if !it.Action.Mails() && it.state == ambiguous {
		if err := r.opts.Ledger.RecordEditOutcome(r.edit(it.Change), ledger.Sent); err != nil {
			r.stop(err)
		}
	}
	for _, n := range notices {
		if !n.Email.Equal(it.Email) {
			continue
		}
		switch n.Kind {
		case plan.Waiting:
			if it.Reason == plan.Requested && !n.Expires.After(it.Detail.Expires) {
				r.conclude(it, Failed, it.Err) // the invitation may still be open, but it was not sent again
				return
			}
			it.InvitationID = n.InvitationID
		case plan.Unsettled:
			return // nothing would be done if it were known, but it is not known
		case plan.Left, plan.NeedsAttention, plan.SuspendedUser, plan.GaveUp, plan.RefusedMail, plan.EndedSoon,
			plan.NotYet:
			r.conclude(it, Failed, it.Err)
			return
		default:
			if n.Holds() { // the mail is still wanted, and waits for something
				r.conclude(it, Failed, it.Err)
				return
			}
		}
	}
	r.conclude(it, Done, nil)
}

// sameChange returns the change in changes that does what c does; nil if there is none. A new invitation
// and a renewal count as the same.
func sameChange(changes []plan.Change, c plan.Change) *plan.Change {
	i, _ := slices.BinarySearchFunc(changes, c.Email.Key(), func(c plan.Change, key string) int {
		return cmp.Compare(c.Email.Key(), key)
	})
	for ; i < len(changes) && changes[i].Email.Equal(c.Email); i++ {
		other := &changes[i]
		same := other.Action == c.Action && other.UserID == c.UserID &&
			other.Detail.Kind == c.Detail.Kind && other.Detail.ID == c.Detail.ID
		if same || other.Action.Mails() && c.Action.Mails() {
			return other
		}
	}
	return nil
}
