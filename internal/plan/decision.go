package plan

import (
	"slices"

	"github.com/orgsync/orgsync/internal/org"
)

// decision has the part of a plan that is about one person.
type decision struct {
	changes     []Change
	held        *Change // the mail that is needed if an earlier lost mail was not sent
	ungrantable []Change
	notices     []Notice
	facts       []org.Fact
}

// reset empties d but keeps the memory of its slices.
func (d *decision) reset() {
	*d = decision{changes: d.changes[:0], ungrantable: d.ungrantable[:0], notices: d.notices[:0], facts: d.facts[:0]}
}

// invite adds a change that mails p. id is the id of the invitation to renew; "" for a new invitation.
func (d *decision) invite(p *person, a Action, r Reason, id string) {
	api := p.APIEnabled != nil && *p.APIEnabled
	detail := Detail{APIEnabled: &api}
	if p.reinvite {
		detail.CountedFrom = p.record.RoundsResetAt
	}
	d.changes = append(d.changes, Change{
		Action: a, Reason: r, Email: p.Email, Source: p.At.Source(), InvitationID: id, Detail: detail,
	})
}

// change returns a change of p, who is a user.
func (p *person) change(a Action, r Reason, detail Detail) Change {
	return Change{Action: a, Reason: r, Email: p.Email, Source: p.At.Source(), UserID: p.user.ID, Detail: detail}
}

// change adds a change of p, who is a user.
func (d *decision) change(p *person, a Action, r Reason, detail Detail) {
	d.changes = append(d.changes, p.change(a, r, detail))
}

func (d *decision) hasNotice(kind NoticeKind) bool {
	return slices.ContainsFunc(d.notices, func(n Notice) bool { return n.Kind == kind })
}

// mails reports whether d has a change that mails the person.
func (d *decision) mails() bool {
	return slices.ContainsFunc(d.changes, func(c Change) bool { return c.Action.Mails() })
}

// note adds a notice about p.
func (d *decision) note(p *person, n Notice) {
	n.Email, n.Source = p.Email, p.At.Source()
	d.notices = append(d.notices, n)
}
