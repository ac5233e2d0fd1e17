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
	w := newIndex(in)
	p := Plan{
		Organization: in.Snapshot.Organization,
		Now:          in.Snapshot.Now,
		Limits: Limits{
			MaxInvites:  orElse(in.MaxInvites, in.Roster.Settings.MaxInvites),
			MaxRemovals: orElse(in.MaxRemovals, in.Roster.Settings.MaxRemovals),
			MaxRevokes:  orElse(in.MaxRevokes, in.Roster.Settings.MaxRevokes),
		},
	}
	cat := w.catalog()
	p.Problems = w.duplicateEntries
	p.Needs = w.needs()
	p.Notices = append(p.Notices, cat.notices...)
	p.Facts = append(p.Facts, cat.facts...)
	p.Ended = map[string]bool{}
	w.preallocate(&p)
	var v decision
	for i := range w.people {
		c := &w.people[i]
		v.reset()
		w.decideMembership(c, &v)
		w.noteNotMailed(c, &v)
		w.noteEndsSoon(c, &v)
		w.noteSameName(c, &v)
		w.decideAccess(c, cat, &v)
		p.add(v)
		if c.ended {
			p.Ended[c.Email.Key()] = true
		}
	}
	w.decideUnlisted(&p)
	p.Notices = append(p.Notices, w.sees.notices(in.Roster.Organization)...)
	if in.Memory.Empty && len(in.Snapshot.Invitations) > 0 {
		p.Notices = append(p.Notices, Notice{Kind: NewLedger})
	}
	p.Facts = append(p.Facts, w.noLongerListed()...)
	w.selectNamed(&p)
	p.trimEmpty()
	p.sort()
	if err := p.CheckLimits(); err != nil {
		p.Notices = slices.Insert(p.Notices, 0, Notice{Kind: Limit, Text: err.Error()})
	}
	return p
}

// preallocate makes room for one notice per invited person and one change per person who is not
// invited.
func (w *index) preallocate(p *Plan) {
	notices, changes := 0, 0
	for i := range w.people {
		switch c := &w.people[i]; {
		case c.user != nil || c.ended:
		case len(c.rows) > 0:
			notices++
		default:
			changes++
		}
	}
	p.Notices, p.Changes = slices.Grow(p.Notices, notices), slices.Grow(p.Changes, changes)
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
func (p *Plan) add(v decision) {
	if len(v.changes) == 0 {
		p.Unchanged++
	}
	p.Changes = append(p.Changes, v.changes...)
	p.Ungrantable = append(p.Ungrantable, v.ungrantable...)
	if v.held != nil {
		p.Held = append(p.Held, *v.held)
	}
	p.Notices = append(p.Notices, v.notices...)
	p.Facts = append(p.Facts, v.facts...)
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

// noLongerListed returns a fact for each person whom the ledger knows and the roster no longer
// lists: if they return, their mails are counted from zero.
func (w *index) noLongerListed() []org.Fact {
	var facts []org.Fact
	forget := func(key string) {
		// A person who was only suspended or removed is not one of them.
		if r := w.in.Memory.People[key]; !r.Unlisted && (r.Joined || len(r.Mails) > 0) {
			facts = append(facts, org.Fact{Kind: org.FactUnlisted, Email: key})
		}
	}
	for i := range w.people {
		if c := &w.people[i]; c.ended {
			for _, key := range c.own {
				forget(key)
			}
		}
	}
	if w.remembered == len(w.in.Memory.People) {
		return facts // all of it is of somebody in the roster
	}
	for key := range w.in.Memory.People {
		if w.byKey[key] == nil {
			forget(key)
		}
	}
	return facts
}

// isPast reports whether t is over by the server's clock. The zero time, which is unknown, never
// is.
func (w *index) isPast(t time.Time) bool {
	return !t.IsZero() && w.in.Snapshot.Now.After(t)
}

func orElse[T any](p *T, otherwise T) T {
	if p != nil {
		return *p
	}
	return otherwise
}
