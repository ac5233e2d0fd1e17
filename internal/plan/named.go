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
func (ix *index) decideResend(p *person, d *decision, row *org.Invitation, unsettled bool) {
	if !p.resend {
		return
	}
	cause := ""
	switch {
	case unsettled:
		cause = NotMailedUnsettled
	case ix.in.Snapshot.Now.Sub(p.lastMailed(row)) < org.SettleAfter:
		cause = NotMailedRecently
	case !p.renewable(row.ID):
		cause = NotMailedOtherAddress
	default:
		d.invite(p, Reinvite, Requested, row.ID)
		d.changes[len(d.changes)-1].Detail.Expires = ix.expiryOf(p, row)
		return
	}
	d.note(p, Notice{Kind: NotMailed, InvitationID: row.ID, Since: p.lastMailed(row), Text: cause})
}

// lastMailed returns when p was last mailed or, where the ledger knows of nothing later, when row
// was made.
func (p *person) lastMailed(row *org.Invitation) time.Time {
	last := row.Created
	for _, m := range p.record.Mails {
		last = org.Later(last, m.At)
	}
	return last
}

// noteNotMailed says why p is not mailed although --reinvite or --resend names them, unless another
// notice does.
func (ix *index) noteNotMailed(p *person, d *decision) {
	if !p.reinvite && !p.resend || d.held != nil || d.mails() {
		return
	}
	n := Notice{Kind: NotMailed}
	switch {
	case p.ended:
		n.Text, n.Since = NotMailedEnded, p.EndsAt()
	case p.user != nil && !p.user.Suspended:
		n.Text, n.UserID = NotMailedMember, p.user.ID
	default:
		waits := slices.IndexFunc(d.notices, func(n Notice) bool { return n.Kind == Waiting })
		switch {
		case d.has(NotMailed) || waits < 0 && len(d.notices) > 0:
			return
		case waits < 0:
			n.Text = NotMailedMember // by an accepted invitation, where users cannot be listed
		default:
			waiting := d.notices[waits]
			n.Text, n.InvitationID = NotMailedPending, waiting.InvitationID
			n.Expires, n.ExpiresEstimated = waiting.Expires, waiting.ExpiresEstimated
			if p.resend {
				n.Text = NotMailedNotListed
			}
		}
	}
	d.note(p, n)
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
func (ix *index) isNamed(u *org.User) bool {
	if len(ix.in.Only) == 0 || u.Email.IsZero() {
		return false
	}
	if slices.ContainsFunc(ix.in.Only, u.Email.Equal) {
		return true
	}
	p := ix.endedAs(u)
	return p != nil && p.only
}

// selectNamed leaves only the changes to the people whom --only names in p, and marks the notices
// about others.
func (ix *index) selectNamed(result *Plan) {
	result.Resend, result.Reinvite = sortedAddresses(ix.in.Resend), sortedAddresses(ix.in.Reinvite)
	if len(ix.in.Only) == 0 {
		return
	}
	result.Only = sortedAddresses(ix.in.Only)
	selected := ix.selectedKeys()
	for _, a := range result.Only {
		if !selected[a.Key()] {
			result.UnknownNames = append(result.UnknownNames, UnknownName{a, roster.Nearest(a.String(), ix.namableAddresses())})
		}
	}
	isOther := func(c Change) bool { return !selected[c.Email.Key()] }
	for _, c := range result.Changes {
		if isOther(c) {
			result.NotSelected = append(result.NotSelected, c)
		}
	}
	result.Changes = slices.DeleteFunc(result.Changes, isOther)
	result.Held = slices.DeleteFunc(result.Held, isOther)
	result.Ungrantable = slices.DeleteFunc(result.Ungrantable, isOther)
	named := ix.namedPlaces()
	for i := range result.Notices {
		switch n := &result.Notices[i]; {
		case n.Kind == UnknownAccess:
			n.NotSelected = !slices.ContainsFunc(n.Places, func(at roster.Position) bool { return named[at] })
		case n.Kind == Unlisted || !n.Email.IsZero():
			n.NotSelected = !selected[n.Email.Key()]
		}
	}
}

// selectedKeys returns the keys of all addresses of the people, users and invitations that --only
// names.
func (ix *index) selectedKeys() map[string]bool {
	selected := map[string]bool{}
	for i := range ix.people {
		if p := &ix.people[i]; p.only {
			for _, key := range p.keys {
				selected[key] = true
			}
			if p.user != nil {
				selected[p.user.Email.Key()] = true
			}
		}
	}
	for i := range ix.unlistedUsers {
		if u := &ix.unlistedUsers[i]; ix.isNamed(u) {
			selected[u.Email.Key()] = true
		}
	}
	for _, row := range ix.unlistedInvitations {
		if slices.ContainsFunc(ix.in.Only, row.Invited.Equal) {
			selected[row.Invited.Key()] = true
		}
	}
	return selected
}

// namedPlaces returns where the roster names the access of the people whom --only names.
func (ix *index) namedPlaces() map[roster.Position]bool {
	places := map[roster.Position]bool{}
	for i := range ix.people {
		p := &ix.people[i]
		if !p.only {
			continue
		}
		for _, kind := range org.Kinds {
			for _, ref := range p.Refs(kind) {
				places[ref.At] = true
			}
		}
	}
	return places
}

// namableAddresses returns the addresses that --only may name.
func (ix *index) namableAddresses() []string {
	var all []string
	for i := range ix.people {
		for _, a := range ix.people[i].Addresses() {
			all = append(all, a.String())
		}
	}
	for i := range ix.unlistedUsers {
		all = append(all, ix.unlistedUsers[i].Email.String())
	}
	for _, row := range ix.unlistedInvitations {
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
