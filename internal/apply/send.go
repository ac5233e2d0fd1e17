package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/state"
)

const (
	// unauthorized is the HTTP status for a key that does not work.
	unauthorized = 401
	// forbidden is the HTTP status for something that the key may not do.
	forbidden = 403
	// tooManyRequests is the HTTP status for a request that must wait. The ledger records it as a refusal, because the
	// server may have a limit for each address.
	tooManyRequests = 429
	// maxUnanswered plus Options.Concurrency is the number of changes in a row without an answer after which the run
	// stops.
	maxUnanswered = 10
	// maxRefusals is the number of mails in a row, refused with the same answer, after which no more mails are sent.
	maxRefusals = 5
)

// carryOut sends change, and concludes the item or marks it as ambiguous, rejected or blocked. change is the item's
// own change or the same change of a later plan. It sends nothing for an item that is concluded. The result is 0 if
// the change is done. If no request was sent, it is Refused for a change that waits for a grant, Denied for an edit
// that the key may not make, and otherwise NotSent.
func (r *run) carryOut(it *item, change plan.Change) org.Failure {
	if r.sending.Err() != nil || it.state == concluded {
		return org.NotSent
	}
	it.held = false // the last plan has this change
	if err := r.checkForbidden(change); err != nil {
		if it.sends > 0 {
			r.concludeRefused(it, err)
		} else {
			r.conclude(it, Skipped, err)
		}
		return org.Denied
	}
	if grant := it.waitsFor(); grant != nil {
		it.state = blocked
		it.Err = keptUntil(it.Change, grant.Change)
		return org.Refused
	}
	it.sends++
	it.readFailed = false
	number := r.nextNumber(change.Action.Mails())
	inv, err := r.send(it, change)
	failure := failureOf(err)
	switch {
	case failure == 0 && err != nil: // the ledger failed, so the next request of the change was not sent
		r.stop(err)
		return org.NotSent
	case failure == 0:
		it.InvitationID = inv.ID
		if inv.IsForOther(r.org.ID) {
			err := r.wrongOrganization(it, inv)
			r.conclude(it, Failed, err)
			r.stop(err)
			return org.Denied
		}
		r.conclude(it, Done, nil)
		r.noteAllowed(change)
	case failure == org.Refused:
		it.state, it.Err = rejected, err
	case failure == org.Lost || failure == org.Unreadable:
		it.state, it.Err = ambiguous, err
		if inv.IsForOther(r.org.ID) { // orgsync understands this much of the answer
			r.stop(r.wrongOrganization(it, inv))
		}
		if change.Action.Mails() {
			r.noteLoss(0)
		} else {
			it.unconfirmed = err
		}
	case failure == org.Denied:
		r.concludeRefused(it, err)
		r.noteDenied(it, change, err)
	case r.sending.Err() != nil: // the run ended while the request waited for its turn
		it.sends--
		it.Err = err
	default:
		r.concludeRefused(it, err)
		r.stop(fmt.Errorf("no more requests are possible: %w", err))
	}
	if change.Action.Mails() {
		r.countRefusals(it.Email, failure, err)
	}
	r.countUnanswered(number, failure, err)
	return failure
}

// wrongOrganization returns the error for the mail of the item, whose answer inv is for another organization.
func (r *run) wrongOrganization(it *item, inv org.Invitation) error {
	sent := org.Organization{ID: inv.OrgID, Name: inv.OrgName}
	return &WrongOrganizationError{To: it.Email.String(), Sent: sent, Meant: r.org}
}

// waitsFor returns a grant of the same person that must be done before the item; nil if there is none. orgsync
// revokes nothing from a person as long as a grant of the plan is not done. So a person who moves from one group to
// another always has one of them.
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

// keptUntil returns an error that says why access is not revoked before grant is done.
func keptUntil(revoke, grant plan.Change) error {
	return fmt.Errorf("%s keeps the %s %s until they have the %s %s",
		revoke.Email, revoke.Detail.Kind, revoke.Detail.Name, grant.Detail.Kind, grant.Detail.Name)
}

// newGrant returns the first grant to the person of it that is in changes, the changes of a new plan, and not in this
// run; nil if there is none. Such a grant means that the person has lost this access since the run began.
func (r *run) newGrant(changes []plan.Change, it *item) *plan.Change {
	i := slices.IndexFunc(changes, func(c plan.Change) bool {
		isSame := func(other *item) bool { return sameChange([]plan.Change{other.Change}, c) != nil }
		return c.Action == plan.Grant && c.Email.Equal(it.Email) && !slices.ContainsFunc(r.items, isSame)
	})
	if i < 0 {
		return nil
	}
	return &changes[i]
}

// send makes the requests for change. It tries another request if the server refuses the first one in a way that
// allows this.
func (r *run) send(it *item, change plan.Change) (org.Invitation, error) {
	if !change.Action.Mails() {
		return org.Invitation{}, r.sendEdit(it, r.toEdit(change))
	}
	if change.Action == plan.Reinvite && change.InvitationID != "" {
		inv, err := r.sendMail(it, ledger.Resend, change, func(ctx context.Context) (org.Receipt, error) {
			return r.opts.API.Resend(ctx, change.InvitationID, change.Email)
		})
		if failureOf(err) != org.Refused && !isForbidden(err) || change.Reason == plan.Requested {
			return inv, err
		}
		// Vultr's documents disagree on whether an expired invitation can be renewed, and the key may lack the permission
		// for this. A new invitation may still be possible.
	}
	invite := func(api func(context.Context, org.Address, bool) (org.Receipt, error)) (org.Invitation, error) {
		return r.sendMail(it, ledger.Invite, change, func(ctx context.Context) (org.Receipt, error) {
			return api(ctx, change.Email, *change.Detail.APIEnabled)
		})
	}
	inv, err := invite(r.opts.API.Invite)
	if call, ok := errors.AsType[*org.CallError](err); !ok || !call.RetryWithBoolean {
		return inv, err
	}
	inv, again := invite(r.opts.API.InviteWithBoolean)
	if failure := failureOf(again); failure == org.Refused || failure == org.NotSent && r.sending.Err() != nil {
		return inv, err // the form was not the reason for the refusal, or the run ended before the second request
	}
	return inv, again
}

// sendMail records the intent of one mail in the ledger, sends it, and records its outcome.
func (r *run) sendMail(
	it *item, action ledger.Action, change plan.Change, send func(context.Context) (org.Receipt, error),
) (org.Invitation, error) {
	key, previous := it.Email.Key(), change.InvitationID // previous is "" if there is no earlier invitation
	intend := func() error { return r.opts.Ledger.RecordIntent(key) }
	if action == ledger.Resend {
		intend = func() error { return r.opts.Ledger.RecordRenewalIntent(key, previous, change.Detail.Expires) }
	}
	gated := r.gatedContext()
	if err := intend(); err != nil {
		return org.Invitation{}, err
	}
	receipt, err := send(gated)
	r.stopIfLeaseLost()
	it.Requests += receipt.Requests
	if err == nil && previous != "" && receipt.Invitation.ID == previous {
		action = ledger.Resend // the server renewed the earlier invitation
	}
	outcome := outcomeOf(err, receipt.Requests)
	if failed := r.opts.Ledger.RecordOutcome(action, key, outcome, receipt.Invitation,
		r.refusalText(it, outcome, err)); failed != nil {
		r.stop(failed) // the ledger has the intent, so the next run treats the mail as lost
	}
	return receipt.Invitation, err
}

// errAnnouncedLongAgo says that a request waited too long after its announcement. Later runs assume that it was not
// sent.
var errAnnouncedLongAgo = fmt.Errorf("it waited longer than %v to be sent", org.SendWithin)

// gatedContext returns the context for a request that is about to be announced. It stops the request if the run has
// lost its lease, or if too much time has passed since the announcement.
func (r *run) gatedContext() context.Context {
	announced := time.Now()
	return org.WithGate(r.sending, func() error {
		if state.Elapsed(announced) > org.SendWithin {
			return errAnnouncedLongAgo
		}
		return r.opts.Ledger.Check()
	})
}

func (r *run) stopIfLeaseLost() {
	if err := r.opts.Ledger.Check(); err != nil {
		r.stop(err)
	}
}

// sendEdit records the intent of one edit in the ledger, sends it, and records its outcome.
func (r *run) sendEdit(it *item, e org.Edit) error {
	gated := r.gatedContext()
	if err := r.opts.Ledger.RecordEditIntent(e); err != nil {
		return err
	}
	requests, err := r.opts.API.Edit(gated, e)
	r.stopIfLeaseLost()
	it.Requests += requests
	if failed := r.opts.Ledger.RecordEditOutcome(e, outcomeOf(err, requests)); failed != nil {
		r.stop(failed)
	}
	return err
}

// toEdit returns c, a change that sends no mail, in the form for the API.
func (r *run) toEdit(c plan.Change) org.Edit {
	e := org.Edit{
		Op: org.EditOp(c.Action), Who: c.Email, UserID: c.UserID, Organization: r.org.ID,
		Kind: c.Detail.Kind, ID: c.Detail.ID, Membership: c.Detail.Membership,
	}
	if c.Detail.APIEnabled != nil {
		e.APIEnabled = *c.Detail.APIEnabled
	}
	return e
}

// outcomeOf returns the outcome that the ledger records for a call that made this many requests and ended with err.
func outcomeOf(err error, requests int) ledger.Outcome {
	if err == nil {
		return ledger.Sent
	}
	call, _ := errors.AsType[*org.CallError](err)
	switch failureOf(err) {
	case org.NotSent:
		if call.Status == tooManyRequests && requests > 0 {
			return ledger.Refused
		}
		return ledger.NotSent
	case org.Refused, org.Denied:
		return ledger.Refused
	default:
		return ledger.Abandoned
	}
}

// refusalText returns the text with which the API refused a mail, if outcome is [ledger.Refused] and the reason is
// the person; otherwise "".
func (r *run) refusalText(it *item, outcome ledger.Outcome, err error) string {
	call, ok := errors.AsType[*org.CallError](err)
	r.mu.Lock()
	defer r.mu.Unlock()
	isAboutPerson := ok && (call.Failure == org.Refused || call.Status != unauthorized && r.isAboutPerson(it))
	if outcome != ledger.Refused || !isAboutPerson {
		return ""
	}
	return cmp.Or(call.Message, fmt.Sprintf("HTTP %d", call.Status))
}

// failureOf returns the failure of err; 0 if err is nil or not from the API.
func failureOf(err error) org.Failure {
	if call, ok := errors.AsType[*org.CallError](err); ok {
		return call.Failure
	}
	return 0
}

// isUnconfirmed reports whether err comes from an edit whose answer does not confirm the edit.
func isUnconfirmed(err error) bool {
	call, ok := errors.AsType[*org.CallError](err)
	return ok && call.Unconfirmed
}

// isForbidden reports whether the API says in err that the key may not do this.
func isForbidden(err error) bool {
	call, ok := errors.AsType[*org.CallError](err)
	return ok && call.Status == forbidden && !call.NotFromAPI
}

// noteDenied records that the API denied change. If the key does not work or may not invite, it stops the run.
func (r *run) noteDenied(it *item, change plan.Change, err error) {
	call, ok := errors.AsType[*org.CallError](err)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch mails := change.Action.Mails(); {
	case ok && call.Status == unauthorized, mails && !r.isAboutPerson(it):
		r.stop(err)
	case !mails:
		r.permissionFor(change).denied[change.Detail.ID] = err
	}
}

// isAboutPerson reports whether the denial of a mail is about the person and not about the key: the last change to
// the person failed too, and the server accepted another mail of this run. The caller must hold r.mu.
func (r *run) isAboutPerson(it *item) bool { return r.mailed && !it.failedAt.IsZero() }

// noteAllowed records that the key may make changes like change. Later denials are then about a person or a group.
func (r *run) noteAllowed(change plan.Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if change.Action.Mails() {
		r.mailed = true
		return
	}
	r.permissionFor(change).allowed[change.Detail.ID] = true
}

// permissionFor returns what the run knows of the key's permission for edits like change. The caller must hold r.mu.
func (r *run) permissionFor(change plan.Change) *permission {
	kind := editKind{org.EditOp(change.Action), change.Detail.Kind}
	if r.permissions[kind] == nil {
		r.permissions[kind] = &permission{denied: map[string]error{}, allowed: map[string]bool{}}
	}
	return r.permissions[kind]
}

// countRefusals counts refused mails. After maxRefusals mails in a row that were refused with the same answer, no
// more mails are sent. The organization may be full. A mail that was sent resets the number. Other changes go on.
func (r *run) countRefusals(to org.Address, f org.Failure, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	call, ok := errors.AsType[*org.CallError](err)
	switch {
	case f == 0:
		r.refusalsInRow = 0
	case f == org.Refused && ok:
		answer := fmt.Sprintf("HTTP %d: %s", call.Status, withoutAddress(call.Message, to))
		if r.refusalsInRow++; answer != r.lastRefusal {
			r.refusalsInRow, r.lastRefusal = 1, answer
		}
		if r.refusalsInRow == maxRefusals && r.mailsStopped == nil {
			r.mailsStopped = fmt.Errorf("the API refused %d invitation mails in a row, so no more were tried: %s",
				maxRefusals, answer)
		}
	default: // a lost answer is neither a refusal nor a success
	}
}

// withoutAddress returns text with "(address)" instead of a. Upper and lower case make no difference.
func withoutAddress(text string, a org.Address) string {
	if a.IsZero() {
		return text
	}
	return regexp.MustCompile("(?i)"+regexp.QuoteMeta(a.String())).ReplaceAllLiteralString(text, "(address)")
}

// checkForbidden returns an error if no more mails may be sent, or if the key seems to have no permission for the
// edit. If the API allowed another edit of this kind, the denial may be about the person: for example, nobody can
// remove the owner.
func (r *run) checkForbidden(change plan.Change) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if change.Action.Mails() {
		return r.mailsStopped
	}
	p := r.permissionFor(change)
	if err := p.denied[change.Detail.ID]; err != nil && !p.allowed[change.Detail.ID] {
		return err
	}
	if len(p.denied) > 1 && len(p.allowed) == 0 { // probably the key may make no edits of this kind
		for _, err := range p.denied {
			return err
		}
	}
	return nil
}

// nextNumber returns the number of a change that begins. mails is true if the change is a mail.
func (r *run) nextNumber(mails bool) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.upToDate = false
	r.confirmed = r.confirmed && !mails
	r.begun++
	return r.begun
}

// countUnanswered stops the run if the API no longer answers. It counts changes in the order in which they began,
// because a late answer to an early change says nothing about the present.
func (r *run) countUnanswered(number int, f org.Failure, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f != org.Lost && f != org.Unreadable || isUnconfirmed(err) {
		r.lastAnswered = max(r.lastAnswered, number)
	} else {
		r.unanswered = append(r.unanswered, number)
	}
	r.unanswered = slices.DeleteFunc(r.unanswered, func(n int) bool { return n < r.lastAnswered })
	if len(r.unanswered) == maxUnanswered+r.opts.Concurrency {
		r.stop(fmt.Errorf("%d changes in a row were not answered: %w", len(r.unanswered), err))
	}
}
