package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/state"
)

const (
	// unauthorized is the HTTP status of a key that does not work.
	unauthorized = 401
	// maxUnanswered is how many changes in a row may go unanswered, beyond those in flight, before
	// the run stops.
	maxUnanswered = 10
	// maxRefusals is how many mails in a row may be refused with the same answer before no more are
	// sent.
	maxRefusals = 5
)

// carryOut sends what change asks for, which is the item's own or a later plan's, and concludes the
// item or marks it as ambiguous or rejected. The failure is 0 if the answer was understood.
func (r *run) carryOut(it *item, change plan.Change) org.Failure {
	if r.sending.Err() != nil {
		return org.NotSent
	}
	if err := r.mayNot(change); err != nil {
		outcome := Skipped
		if it.sends > 0 {
			outcome = Failed
		}
		r.conclude(it, outcome, err)
		return org.Denied
	}
	if grant := it.waitsFor(); grant != nil {
		it.state = blocked
		it.Err = fmt.Errorf("%s keeps the %s %s as long as they do not have the %s %s",
			it.Email, it.Detail.Kind, it.Detail.Name, grant.Detail.Kind, grant.Detail.Name)
		return org.Refused
	}
	it.sends++
	it.readFailed = false
	number := r.start()
	inv, err := r.send(it, change)
	failure := failureOf(err)
	switch {
	case failure == 0 && err != nil: // the ledger failed; nothing was sent
		r.stop(err)
		return org.NotSent
	case failure == 0:
		it.InvitationID = inv.ID
		if other := inv.OrgID; other != "" && r.org.ID != "" && !strings.EqualFold(other, r.org.ID) {
			err := &WrongOrganizationError{To: it.Email, Sent: org.Organization{ID: other, Name: inv.OrgName}, Meant: r.org}
			r.conclude(it, Failed, err)
			r.stop(err)
			return org.Denied
		}
		r.conclude(it, Done, nil)
	case failure == org.Refused:
		it.state, it.Err = rejected, err
	case failure == org.Lost || failure == org.Unreadable:
		it.state, it.Err = ambiguous, err
		if change.Action.Mails() {
			r.noteLoss(0)
		}
	case failure == org.Denied:
		r.conclude(it, Failed, err)
		r.deny(change, err)
	case r.sending.Err() != nil: // waiting for its turn was cut short
		it.sends--
		it.Err = err
	default:
		r.conclude(it, Failed, err)
		r.stop(fmt.Errorf("nothing gets through to the API any more: %w", err))
	}
	if change.Action.Mails() {
		r.countRefusals(it.Email, failure, err)
	}
	r.countUnanswered(number, failure, err)
	return failure
}

// waitsFor returns a grant that has to be done before it, because nothing is taken from a person
// while its replacement is missing; nil if there is none.
func (it *item) waitsFor() *item {
	if it.Action != plan.Revoke {
		return nil
	}
	for before := it.previous; before != nil; before = before.previous {
		if before.Action == plan.Grant && before.Outcome != Done {
			return before
		}
	}
	return nil
}

// send makes the requests that change asks for.
func (r *run) send(it *item, change plan.Change) (org.Invitation, error) {
	if !change.Action.Mails() {
		return org.Invitation{}, r.sendEdit(it, r.edit(change))
	}
	if change.Action == plan.Reinvite && change.InvitationID != "" {
		inv, err := r.mail(it, ledger.Resend, change, func(ctx context.Context) (org.Receipt, error) {
			return r.opts.API.Resend(ctx, change.InvitationID, change.Email)
		})
		if failureOf(err) != org.Refused || change.Reason == plan.Requested {
			return inv, err
		}
		// The documents disagree on whether an expired invitation can be renewed; a new one always
		// can be sent.
	}
	invite := func(api func(context.Context, org.Address, bool) (org.Receipt, error)) (org.Invitation, error) {
		return r.mail(it, ledger.Invite, change, func(ctx context.Context) (org.Receipt, error) {
			return api(ctx, change.Email, *change.Detail.APIEnabled)
		})
	}
	inv, err := invite(r.opts.API.Invite)
	var call *org.CallError
	if !errors.As(err, &call) || !call.RetryWithBoolean {
		return inv, err
	}
	inv, again := invite(r.opts.API.InviteWithBoolean)
	if failure := failureOf(again); failure == org.Refused || failure == org.NotSent && r.sending.Err() != nil {
		return inv, err // the wording was not to blame, or this run will not know
	}
	return inv, again
}

// mail sends one mail of change between its two lines in the ledger.
func (r *run) mail(
	it *item, action ledger.Action, change plan.Change, send func(context.Context) (org.Receipt, error),
) (org.Invitation, error) {
	key, previous := it.Email.Key(), change.InvitationID // the invitation before it; "" if there is none
	intend := func() error { return r.opts.Ledger.RecordIntent(key) }
	if action == ledger.Resend {
		intend = func() error { return r.opts.Ledger.RecordRenewalIntent(key, previous, change.Detail.Expires) }
	}
	gated := r.gate()
	if err := intend(); err != nil {
		return org.Invitation{}, err
	}
	receipt, err := send(gated)
	r.stopIfLost()
	it.Requests += receipt.Requests
	if err == nil && previous != "" && receipt.Invitation.ID == previous {
		action = ledger.Resend // the server took the one that was there for the new one
	}
	if failed := r.opts.Ledger.RecordOutcome(action, key, outcomeOf(err), receipt.Invitation,
		refusalText(err)); failed != nil {
		r.stop(failed) // the mail may be out: the next run sees its intent, and checks
	}
	return receipt.Invitation, err
}

// errAnnouncedLongAgo says that a request has waited for its turn so long that later runs believe that it
// was not sent.
var errAnnouncedLongAgo = fmt.Errorf("it waited longer than %v to be sent", org.SendWithin)

// gate returns the context of a request that is about to be announced. The request is sent only while
// the run has its lease, and soon after the announcement.
func (r *run) gate() context.Context {
	announced := time.Now()
	return org.WithGate(r.sending, func() error {
		if state.Elapsed(announced) > org.SendWithin {
			return errAnnouncedLongAgo
		}
		return r.opts.Ledger.Check()
	})
}

// stopIfLost stops the run if its lease is lost.
func (r *run) stopIfLost() {
	if err := r.opts.Ledger.Check(); err != nil {
		r.stop(err)
	}
}

// sendEdit makes one edit between its two lines in the ledger.
func (r *run) sendEdit(it *item, e org.Edit) error {
	gated := r.gate()
	if err := r.opts.Ledger.RecordEditIntent(e); err != nil {
		return err
	}
	requests, err := r.opts.API.Edit(gated, e)
	r.stopIfLost()
	it.Requests += requests
	if failed := r.opts.Ledger.RecordEditOutcome(e, outcomeOf(err)); failed != nil {
		r.stop(failed)
	}
	return err
}

// edit is a change other than a mail, in the words of the API.
func (r *run) edit(c plan.Change) org.Edit {
	e := org.Edit{
		Op: org.EditOp(c.Action), Who: c.Email, UserID: c.UserID, Organization: r.org.ID,
		Kind: c.Detail.Kind, ID: c.Detail.ID, Membership: c.Detail.Membership,
	}
	if c.Detail.APIEnabled != nil {
		e.APIEnabled = *c.Detail.APIEnabled
	}
	return e
}

// outcomeOf returns what the ledger records for a request that ended with err.
func outcomeOf(err error) ledger.Outcome {
	if err == nil {
		return ledger.Sent
	}
	switch failureOf(err) {
	case org.NotSent:
		return ledger.NotSent
	case org.Refused, org.Denied:
		return ledger.Refused
	default:
		return ledger.Abandoned
	}
}

// refusalText is what the API said when it refused one request; "" for any other err.
func refusalText(err error) string {
	var call *org.CallError
	if !errors.As(err, &call) || call.Failure != org.Refused {
		return ""
	}
	return cmp.Or(call.Message, fmt.Sprintf("HTTP %d", call.Status))
}

// failureOf returns the kind of failure; 0 for nil and for errors that are not the API's.
func failureOf(err error) org.Failure {
	var call *org.CallError
	if errors.As(err, &call) {
		return call.Failure
	}
	return 0
}

// deny records that the key may not do what change asks for. A key that does not work, or may not
// invite, ends the run; a kind of edit that it may not make is not tried again.
func (r *run) deny(change plan.Change, err error) {
	var call *org.CallError
	if change.Action.Mails() || errors.As(err, &call) && call.Status == unauthorized {
		r.stop(err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forbidden[editKind{org.EditOp(change.Action), change.Detail.Kind}] = err
}

// countRefusals notes how a mail ended. After several refusals in a row, with no success between
// and with the same answer but for the address, no more mails are sent: the organization is full,
// say. Other changes go on.
func (r *run) countRefusals(to org.Address, f org.Failure, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var call *org.CallError
	switch {
	case f == 0:
		r.refusals = 0
	case f == org.Refused && errors.As(err, &call):
		answer := fmt.Sprintf("HTTP %d: %s", call.Status, withoutAddress(call.Message, to))
		if r.refusals++; answer != r.refusal {
			r.refusals, r.refusal = 1, answer
		}
		if r.refusals == maxRefusals && r.mailsStopped == nil {
			r.mailsStopped = fmt.Errorf("the API refused %d invitation mails in a row, so no more were tried: %s",
				maxRefusals, answer)
		}
	default: // a lost answer says neither yes nor no
	}
}

// withoutAddress is text with "(address)" in the place of a, however it is capitalized.
func withoutAddress(text string, a org.Address) string {
	if a.IsZero() {
		return text
	}
	return regexp.MustCompile("(?i)"+regexp.QuoteMeta(a.String())).ReplaceAllLiteralString(text, "(address)")
}

// mayNot returns why the key may not do what change asks for; nil if nothing says so.
func (r *run) mayNot(change plan.Change) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if change.Action.Mails() {
		return r.mailsStopped
	}
	return r.forbidden[editKind{org.EditOp(change.Action), change.Detail.Kind}]
}

// start numbers a change that begins.
func (r *run) start() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = false
	r.begun++
	return r.begun
}

// countUnanswered stops the run when the API answers nobody any more. It counts in the order in which changes
// began: an early answer that comes late says nothing about now.
func (r *run) countUnanswered(number int, f org.Failure, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f != org.Lost && f != org.Unreadable {
		r.answered = max(r.answered, number)
	} else {
		r.unanswered = append(r.unanswered, number)
	}
	r.unanswered = slices.DeleteFunc(r.unanswered, func(n int) bool { return n < r.answered })
	if len(r.unanswered) == maxUnanswered+r.opts.Concurrency {
		r.stop(fmt.Errorf("%d changes in a row were not answered: %w", len(r.unanswered), err))
	}
}
