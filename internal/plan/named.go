package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// The causes of a [NotMailed] notice.
const (
	// NotMailedMember: the person is a member already.
	NotMailedMember = "member"
	// NotMailedEnded: the person's last day is over.
	NotMailedEnded = "ended"
	// NotMailedPending: --reinvite names them, and their invitation can still be accepted.
	NotMailedPending = "pending"
	// NotMailedRecently: --resend names them, and their last mail is less than [org.SettleAfter]
	// old.
	NotMailedRecently = "recent_mail"
	// NotMailedUnsettled: --resend names them, and it is not known yet whether their last mail went
	// out.
	NotMailedUnsettled = "unsettled"
	// NotMailedNotListed: --resend names them, and the list does not show the invitation that the
	// ledger knows of.
	NotMailedNotListed = "not_listed"
	// NotMailedOtherAddress: --resend names them, and their invitation went to another of their
	// addresses.
	NotMailedOtherAddress = "other_address"
)

// decideResend decides, for a person whom --resend names, whether row, which can still be accepted,
// is sent again. unsettled is true while it is not known whether an earlier mail went out.
func (w *index) decideResend(c *person, v *decision, row *org.Invitation, unsettled bool) {
	if !c.resend {
		return
	}
	cause := ""
	switch {
	case unsettled:
		cause = NotMailedUnsettled
	case w.in.Snapshot.Now.Sub(c.lastMailed(row)) < org.SettleAfter:
		cause = NotMailedRecently
	case !c.renewable(row.ID):
		cause = NotMailedOtherAddress
	default:
		v.invite(c, Reinvite, Requested, row.ID)
		v.changes[len(v.changes)-1].Detail.Expires = w.expiryOf(c, row)
		return
	}
	v.note(c, Notice{Kind: NotMailed, InvitationID: row.ID, Since: c.lastMailed(row), Text: cause})
}

// lastMailed returns when c was last mailed or, where the ledger knows of nothing later, when row
// was made.
func (c *person) lastMailed(row *org.Invitation) time.Time {
	last := row.Created
	for _, m := range c.memory.Mails {
		last = later(last, m.At)
	}
	return last
}

// noteNotMailed says why c is not mailed although --reinvite or --resend names them, unless another
// notice does.
func (w *index) noteNotMailed(c *person, v *decision) {
	mails := func(change Change) bool { return change.Action.Mails() }
	if !c.roundsReset && !c.resend || v.held != nil || slices.ContainsFunc(v.changes, mails) {
		return
	}
	n := Notice{Kind: NotMailed}
	switch {
	case c.ended:
		n.Text, n.Since = NotMailedEnded, c.EndsAt()
	case c.user != nil && !c.user.Suspended:
		n.Text, n.UserID = NotMailedMember, c.user.ID
	default:
		waits := slices.IndexFunc(v.notices, func(n Notice) bool { return n.Kind == Waiting })
		said := slices.ContainsFunc(v.notices, func(n Notice) bool { return n.Kind == NotMailed })
		switch {
		case said || waits < 0 && len(v.notices) > 0:
			return
		case waits < 0:
			n.Text = NotMailedMember // by an accepted invitation, where users cannot be listed
		default:
			waiting := v.notices[waits]
			n.Text, n.InvitationID = NotMailedPending, waiting.InvitationID
			n.Expires, n.ExpiresEstimated = waiting.Expires, waiting.ExpiresEstimated
			if c.resend {
				n.Text = NotMailedNotListed
			}
		}
	}
	v.note(c, n)
}

// UnknownName is an address that --only names and nobody has.
type UnknownName struct {
	Address org.Address
	// Nearest is the most similar address of the roster, or of an unlisted user or invitation; ""
	// if none is similar.
	Nearest string
}

// UnknownNameError says that --only names addresses that nobody has.
type UnknownNameError struct {
	// Name is the first of them.
	Name UnknownName
}

// Error says which address it is, and which was probably meant.
func (e *UnknownNameError) Error() string {
	text := fmt.Sprintf("--only: nobody in the roster or the organization has the address %s", e.Name.Address)
	if e.Name.Nearest != "" {
		text += fmt.Sprintf(": did you mean %s?", e.Name.Nearest)
	}
	return text
}

// CheckNames returns an [*UnknownNameError] if --only names an address that nobody has. Such a plan
// must not be carried out.
func (p Plan) CheckNames() error {
	if len(p.UnknownNames) == 0 {
		return nil
	}
	return &UnknownNameError{p.UnknownNames[0]}
}

// isNamed reports whether --only names the unlisted user u: by the user's own address, since any
// other may be somebody else's by now, or by an address of the roster's entry whose last day is
// over.
func (w *index) isNamed(u *org.User) bool {
	if len(w.in.Only) == 0 || u.Email.IsZero() {
		return false
	}
	if slices.ContainsFunc(w.in.Only, u.Email.Equal) {
		return true
	}
	c := w.endedAs(u)
	return c != nil && c.only
}

// selectNamed leaves only the changes to the people whom --only names in p, and marks the notices
// about others.
func (w *index) selectNamed(p *Plan) {
	p.Resend, p.Reinvite = sortedAddresses(w.in.Resend), sortedAddresses(w.in.Reinvite)
	if len(w.in.Only) == 0 {
		return
	}
	p.Only = sortedAddresses(w.in.Only)
	selected := w.selectedKeys()
	for _, a := range p.Only {
		if !selected[a.Key()] {
			p.UnknownNames = append(p.UnknownNames, UnknownName{a, roster.Nearest(a.String(), w.namableAddresses())})
		}
	}
	isOther := func(c Change) bool { return !selected[c.Email.Key()] }
	for _, c := range p.Changes {
		if isOther(c) {
			p.NotSelected = append(p.NotSelected, c)
		}
	}
	p.Changes = slices.DeleteFunc(p.Changes, isOther)
	p.Held = slices.DeleteFunc(p.Held, isOther)
	p.Ungrantable = slices.DeleteFunc(p.Ungrantable, isOther)
	named := w.namedPlaces()
	for i := range p.Notices {
		switch n := &p.Notices[i]; {
		case n.Kind == UnknownAccess:
			n.NotSelected = !slices.ContainsFunc(n.Places, func(at roster.Position) bool { return named[at] })
		case n.Kind == Unlisted || !n.Email.IsZero():
			n.NotSelected = !selected[n.Email.Key()]
		}
	}
}

// selectedKeys returns the keys of all addresses of the people, users and invitations that --only
// names.
func (w *index) selectedKeys() map[string]bool {
	selected := map[string]bool{}
	for i := range w.people {
		if c := &w.people[i]; c.only {
			for _, key := range c.own {
				selected[key] = true
			}
		}
	}
	for i := range w.unlistedUsers {
		if u := &w.unlistedUsers[i]; w.isNamed(u) {
			selected[u.Email.Key()] = true
		}
	}
	for _, row := range w.unlistedInvitations {
		if slices.ContainsFunc(w.in.Only, row.Invited.Equal) {
			selected[row.Invited.Key()] = true
		}
	}
	return selected
}

// namedPlaces returns where the roster names the access of the people whom --only names.
func (w *index) namedPlaces() map[roster.Position]bool {
	places := map[roster.Position]bool{}
	for i := range w.people {
		c := &w.people[i]
		if !c.only {
			continue
		}
		for _, kind := range org.Kinds {
			for _, ref := range c.Refs(kind) {
				places[ref.At] = true
			}
		}
	}
	return places
}

// namableAddresses returns the addresses that --only may name.
func (w *index) namableAddresses() []string {
	var all []string
	for i := range w.people {
		for _, a := range w.people[i].Addresses() {
			all = append(all, a.String())
		}
	}
	for i := range w.unlistedUsers {
		all = append(all, w.unlistedUsers[i].Email.String())
	}
	for _, row := range w.unlistedInvitations {
		all = append(all, row.Invited.String())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// sortedAddresses returns each address once, sorted by key; nil for none.
func sortedAddresses(list []org.Address) []org.Address {
	list = slices.SortedFunc(slices.Values(list), func(a, b org.Address) int {
		return cmp.Or(cmp.Compare(a.Key(), b.Key()), cmp.Compare(a.String(), b.String()))
	})
	return slices.CompactFunc(list, org.Address.Equal)
}
