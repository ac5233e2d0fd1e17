package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// Input is everything that a decision depends on. Compute changes none of it.
type Input struct {
	Roster   *roster.Roster
	Snapshot org.Snapshot
	Memory   org.Memory
	// InviteLeft invites people again who were members once and are gone.
	InviteLeft bool
	// Reinvite are people whose mails are counted from zero, by address or alias.
	Reinvite []org.Address
	// Resend are people of the roster whose pending invitation is sent again, by address or alias.
	Resend []org.Address
	// Only are the people whom the changes are limited to, by an address of the roster or that of
	// an unlisted user or invitation; empty: everybody.
	Only []org.Address
	// MaxInvites, MaxRemovals and MaxRevokes take the place of the roster's limits; nil leaves those.
	MaxInvites, MaxRemovals, MaxRevokes *int
}

// Compute decides. It is total: whatever the input, there is a plan, and the same one for the same input in any order.
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
	cat := ix.catalog()
	result.Problems = ix.duplicateEntries
	result.Needs = ix.missingPermission()
	result.Notices = append(result.Notices, cat.notices...)
	result.Facts = append(result.Facts, cat.facts...)
	result.Ended = map[string]bool{}
	ix.preallocate(&result)
	var d decision
	for i := range ix.people {
		p := &ix.people[i]
		d.reset()
		ix.decideMembership(p, &d)
		ix.noteNotMailed(p, &d)
		ix.noteEndsSoon(p, &d)
		ix.noteSameName(p, &d)
		ix.decideAccess(p, cat, &d)
		result.add(d)
		if p.ended {
			result.Ended[p.Email.Key()] = true
		}
	}
	ix.decideUnlisted(&result)
	result.Notices = append(result.Notices, ix.visible.notices(in.Roster.Organization)...)
	if in.Memory.Empty && len(in.Snapshot.Invitations) > 0 {
		result.Notices = append(result.Notices, Notice{Kind: NewLedger})
	}
	result.Facts = append(result.Facts, ix.unlistedPersonFacts()...)
	ix.selectNamed(&result)
	result.trimEmpty()
	result.sort()
	if err := result.CheckLimits(); err != nil {
		result.Notices = slices.Insert(result.Notices, 0, Notice{Kind: Limit, Text: err.Error()})
	}
	return result
}

// preallocate makes room for one notice per invited person and one change per person who is not
// invited.
func (ix *index) preallocate(result *Plan) {
	notices, changes := 0, 0
	for i := range ix.people {
		switch p := &ix.people[i]; {
		case p.user != nil || p.ended:
		case len(p.invitations) > 0:
			notices++
		default:
			changes++
		}
	}
	result.Notices, result.Changes = slices.Grow(result.Notices, notices), slices.Grow(result.Changes, changes)
}

// trimEmpty sets empty lists to nil.
func (p *Plan) trimEmpty() {
	if len(p.Notices) == 0 {
		p.Notices = nil
	}
	if len(p.Changes) == 0 {
		p.Changes = nil
	}
}

// add adds one person's decision to the plan.
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

// sort puts the plan into its order.
func (p *Plan) sort() {
	byPerson := func(a, b Change) int {
		if byKey := cmp.Compare(a.Email.Key(), b.Email.Key()); byKey != 0 {
			return byKey // nearly always, and the rest takes longer
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
	slices.SortFunc(p.Held, byPerson)
	slices.SortFunc(p.Ungrantable, byPerson)
	slices.SortFunc(p.Notices, func(a, b Notice) int {
		if byKey := cmp.Compare(a.Email.Key(), b.Email.Key()); byKey != 0 {
			return byKey
		}
		return cmp.Or(
			cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.InvitationID, b.InvitationID),
			cmp.Compare(a.UserID, b.UserID),
			cmp.Compare(a.Text, b.Text),
			cmp.Compare(a.AccessID, b.AccessID),
		)
	})
	// One person's facts stay in the order in which they were found: the ledger takes them in that order.
	slices.SortStableFunc(p.Facts, func(a, b org.Fact) int { return cmp.Compare(a.Email, b.Email) })
}

// order is the order in which the changes of one person are carried out: membership, then access,
// taking away last.
var order = []Action{Invite, Reinvite, Unsuspend, Update, Grant, Revoke, Suspend, Remove}

// unlistedPersonFacts returns a fact for each person whom the ledger knows and the roster no longer
// lists: if they return, their mails are counted from zero.
func (ix *index) unlistedPersonFacts() []org.Fact {
	var facts []org.Fact
	forget := func(key string) {
		// A person who was only suspended or removed is not one of them.
		if r := ix.in.Memory.People[key]; !r.Unlisted && (r.Joined || len(r.Mails) > 0) {
			facts = append(facts, org.Fact{Kind: org.FactUnlisted, Email: key})
		}
	}
	for i := range ix.people {
		if p := &ix.people[i]; p.ended {
			for _, key := range p.keys {
				forget(key)
			}
		}
	}
	if ix.remembered == len(ix.in.Memory.People) {
		return facts // all of it is of somebody in the roster
	}
	for key := range ix.in.Memory.People {
		if ix.byKey[key] == nil {
			forget(key)
		}
	}
	return facts
}

// isPast reports whether t is over by the server's clock. The zero time, which is unknown, never
// is.
func (ix *index) isPast(t time.Time) bool {
	return !t.IsZero() && ix.in.Snapshot.Now.After(t)
}

func orElse[T any](p *T, otherwise T) T {
	if p != nil {
		return *p
	}
	return otherwise
}
