package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// Input is everything that a plan depends on. [Compute] does not change it.
type Input struct {
	Roster   *roster.Roster
	Snapshot org.Snapshot
	Memory   org.Memory
	Flags
}

// Flags are the flags of a run that decide about a plan, besides the roster.
type Flags struct {
	// InviteLeft is --invite-left: invite people again who were members and left.
	InviteLeft bool
	// Reinvite is --reinvite: count the mails to these people of the roster from zero. An address may be an alias.
	Reinvite []org.Address
	// Resend is --resend: send the pending invitations of these people of the roster again. An address may be an alias.
	Resend []org.Address
	// Only is --only: limit the changes to the people, unlisted users and unlisted invitations with these addresses. An
	// empty list means everybody.
	Only []org.Address
	// MaxInvites, MaxRemovals and MaxRevokes override the limits of the roster. nil means the limit of the roster.
	MaxInvites, MaxRemovals, MaxRevokes *int
}

// Compute makes a plan. It never fails. The order of the people and lists in the input has no effect on the plan.
func Compute(in Input) Plan {
	ix := newIndex(in)
	result := Plan{
		Organization: in.Snapshot.Organization,
		Now:          in.Snapshot.Now,
		Limits: Limits{
			MaxInvites:  orElse(in.MaxInvites, in.Roster.Settings.MaxInvites),
			MaxRemovals: orElse(in.MaxRemovals, in.Roster.Settings.MaxRemovals),
			MaxRevokes:  orElse(in.MaxRevokes, in.Roster.Settings.MaxRevokes),
		},
	}
	cat := ix.lookUpNames()
	result.Problems = ix.duplicateEntries
	result.Needs = ix.missingPermission()
	result.Notices = append(result.Notices, cat.notices...)
	result.Facts = append(result.Facts, cat.facts...)
	result.Ended = map[string]bool{}
	result.reserve(ix.people)
	var d decision
	for i := range ix.people {
		p := &ix.people[i]
		d.reset()
		ix.decideMembership(p, &d)
		ix.noteSameName(p, &d)
		d.noteNotMailed(p)
		ix.resetAfterMisdirected(p, &d)
		for _, u := range p.secondUsers {
			d.note(p, Notice{Kind: SecondUser, UserID: u.ID, Text: u.Email.String()})
		}
		ix.noteEndsSoon(p, &d)
		ix.decideAccess(p, cat, &d)
		result.add(d)
		if p.ended {
			result.Ended[p.Email.Key()] = true
		}
	}
	ix.decideUnlisted(&result)
	result.Notices = append(result.Notices, ix.visible.notices(in.Roster.Organization)...)
	if m := StoppingMail(in.Memory, in.Roster, in.Flags); m.Email != "" {
		result.Notices = append(result.Notices, ix.wrongOrganizationNotice(m))
	}
	if in.Memory.Empty && len(in.Snapshot.Invitations) > 0 {
		result.Notices = append(result.Notices, Notice{Kind: NewLedger})
	}
	result.Facts = append(result.Facts, ix.endedSuspensionFacts()...)
	result.Facts = append(result.Facts, ix.unlistedPersonFacts()...)
	result.Resend, result.Reinvite = sortedAddresses(in.Resend), sortedAddresses(in.Reinvite)
	ix.selectNamed(&result)
	result.sort()
	if err := result.CheckLimits(); err != nil {
		result.Notices = slices.Insert(result.Notices, 0, Notice{Kind: Limit, Text: err.Error()})
	}
	return result
}

// reserve reserves memory for a change for each of the people who was never invited, and for a notice about each of the
// others who is not a user. Otherwise a large plan would need a sixth more memory.
func (p *Plan) reserve(people []person) {
	changes, notices := 0, 0
	for i := range people {
		switch p := &people[i]; {
		case p.ended || p.user != nil:
		case len(p.invitations) == 0:
			changes++
		default:
			notices++
		}
	}
	p.Changes, p.Notices = slices.Grow(p.Changes, changes), slices.Grow(p.Notices, notices)
}

func (p *Plan) add(d decision) {
	if len(d.changes) == 0 {
		p.Unchanged++
	}
	p.Changes = append(p.Changes, d.changes...)
	p.Ungrantable = append(p.Ungrantable, d.ungrantable...)
	if d.held != nil {
		p.Held = append(p.Held, *d.held)
	}
	p.Notices = append(p.Notices, d.notices...)
	p.Facts = append(p.Facts, d.facts...)
}

// sort sorts the lists of p in the orders that [Plan] documents.
func (p *Plan) sort() {
	byPerson := func(a, b Change) int {
		if byKey := cmp.Compare(a.Email.Key(), b.Email.Key()); byKey != 0 {
			return byKey // the fast way for nearly all pairs
		}
		return cmp.Or(
			cmp.Compare(slices.Index(order, a.Action), slices.Index(order, b.Action)),
			cmp.Compare(a.Detail.Kind, b.Detail.Kind),
			cmp.Compare(a.Detail.Name, b.Detail.Name),
			cmp.Compare(a.Detail.ID, b.Detail.ID),
			cmp.Compare(a.UserID, b.UserID),
		)
	}
	slices.SortFunc(p.Problems, roster.Problem.Compare)
	slices.SortFunc(p.Changes, byPerson)
	slices.SortFunc(p.NotSelected, byPerson)
	slices.SortFunc(p.Notices, func(a, b Notice) int {
		if byKey := cmp.Compare(a.Email.Key(), b.Email.Key()); byKey != 0 {
			return byKey
		}
		return cmp.Or(
			cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.InvitationID, b.InvitationID),
			cmp.Compare(a.UserID, b.UserID),
			cmp.Compare(a.Text, b.Text),
		)
	})
	// The facts about one person keep their order, because the ledger applies them in this order. A user who is seen for
	// the first time in a run with --reinvite was not known when somebody asked for the mail. So the facts of --reinvite
	// come first, and the user counts as a possible alias, whatever the addresses are.
	slices.SortStableFunc(p.Facts, func(a, b org.Fact) int {
		if isReset := a.Kind == org.FactReset; isReset != (b.Kind == org.FactReset) {
			if isReset {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Email, b.Email)
	})
}

// order is the order in which the changes of one person are sent: first membership, then access. Changes that take
// something away come last.
var order = []Action{Invite, Reinvite, Unsuspend, Update, Grant, Revoke, Suspend, Remove}

// isPast reports whether t is before the server's time. The zero time is unknown, and never past.
func (ix *index) isPast(t time.Time) bool {
	return !t.IsZero() && ix.in.Snapshot.Now.After(t)
}

// isRecent reports whether the lists may not show yet what happened at t.
func (ix *index) isRecent(t time.Time) bool { return ix.in.Snapshot.Now.Sub(t).Abs() < org.SettleAfter }

// orElse returns *p; otherwise if p is nil.
func orElse[T any](p *T, otherwise T) T {
	if p != nil {
		return *p
	}
	return otherwise
}
