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
	// NotMailedMember means that the person is a member already.
	NotMailedMember = "member"
	// NotMailedEnded means that the person's last day is over.
	NotMailedEnded = "ended"
	// NotMailedPending means that --reinvite names a person whose invitation can still be accepted.
	NotMailedPending = "pending"
	// NotMailedRecently means that --resend names a person whose last mail is less than [org.SettleAfter] old.
	NotMailedRecently = "recent_mail"
	// NotMailedUnsettled means that --resend names a person, and it is not known yet whether their last mail was sent.
	NotMailedUnsettled = "unsettled"
	// NotMailedNotListed means that --resend names a person, and the list does not show the invitation that the ledger
	// has.
	NotMailedNotListed = "not_listed"
	// NotMailedOtherAddress means that --resend names a person whose invitation went to an alias.
	NotMailedOtherAddress = "other_address"
	// NotMailedJoined means that --resend names a person who joined after their last mail, and that the key cannot see
	// whether they are still a member.
	NotMailedJoined = "joined"
)

// decideResend decides whether to send inv again, if --resend names p. inv is the newest invitation of p that can
// still be accepted. unsettled is true if it is not known yet whether an earlier mail was sent.
func (ix *index) decideResend(p *person, d *decision, inv *org.Invitation, unsettled bool) {
	if !p.resend {
		return
	}
	cause := ""
	switch {
	case unsettled:
		cause = NotMailedUnsettled
	case ix.in.Snapshot.Now.Sub(ix.lastMailed(p, inv)) < org.SettleAfter:
		cause = NotMailedRecently
	case !p.renewable(inv.ID):
		cause = NotMailedOtherAddress
	case ix.mayBeHiddenMember(p, inv) && !p.reinvite:
		cause = NotMailedJoined
	default:
		d.invite(p, Reinvite, Requested, inv.ID)
		detail := &d.changes[len(d.changes)-1].Detail
		if detail.Expires = p.expiresAt(inv); p.lastMail() != nil {
			detail.Mailed = p.lastMail().At
		}
		return
	}
	expires, estimated := p.expiry(inv)
	d.note(p, Notice{Kind: NotMailed, InvitationID: inv.ID, Since: ix.lastMailed(p, inv), Expires: expires,
		ExpiresEstimated: estimated, Text: cause})
}

// mayBeHiddenMember reports whether the ledger says that p joined after the last mail of inv, and the key may not see
// this membership now. The list may not show yet that p accepted, or p joined by another invitation.
func (ix *index) mayBeHiddenMember(p *person, inv *org.Invitation) bool {
	return p.record.Joined && !p.record.Removed && p.record.JoinedAt.After(ix.lastMailed(p, inv)) &&
		ix.visible.mayHide(memberBefore)
}

// lastMailed returns the time of the last mail to p in the ledger. If inv was created or renewed later, perhaps by an
// administrator, it returns that time. The list does not say when an invitation was renewed, so lastMailed computes
// this from the expiration date.
func (ix *index) lastMailed(p *person, inv *org.Invitation) time.Time {
	last := inv.Created
	if !inv.Expires.After(ix.latestExpiry()) {
		last = org.Later(last, inv.Expires.Add(-org.InvitationLife))
	}
	for _, m := range p.record.Mails {
		last = org.Later(last, m.At)
	}
	return last
}

// noteNotMailed adds a notice that says why p is not mailed although --reinvite or --resend names p. It adds none if
// another notice says this already.
func (d *decision) noteNotMailed(p *person) {
	if !p.reinvite && !p.resend || d.mails() {
		return
	}
	n := Notice{Kind: NotMailed}
	switch {
	case p.ended:
		n.Text, n.Since = NotMailedEnded, p.Until.End()
	case p.user != nil && !p.user.Suspended:
		n.Text, n.UserID = NotMailedMember, p.user.ID
	default:
		waits := slices.IndexFunc(d.notices, func(n Notice) bool { return n.Kind == Waiting })
		switch {
		case d.hasNotice(NotMailed) || waits < 0 && len(d.notices) > 0:
			return
		case waits < 0:
			n.Text = NotMailedMember // the key cannot list users, and the person accepted an invitation
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

// StoppingMail returns the last mail if it went out for another organization, so that runs must not make changes. Its
// Email is "" if there is no such mail, or if --reinvite says that somebody has found out the reason. --reinvite must
// name the person who got the mail. If r does not list this person, --reinvite may name anybody.
func StoppingMail(memory org.Memory, r *roster.Roster, f Flags) org.Misdirected {
	m := memory.Misdirected
	if m.Email == "" {
		return m
	}
	isForMail := func(a org.Address) bool { return a.Key() == m.Email }
	i := slices.IndexFunc(r.People, func(p roster.Person) bool { return slices.ContainsFunc(p.Addresses(), isForMail) })
	isFoundOut := func(a org.Address) bool { return i < 0 || slices.ContainsFunc(r.People[i].Addresses(), a.Equal) }
	if slices.ContainsFunc(f.Reinvite, isFoundOut) {
		return org.Misdirected{}
	}
	return m
}

// wrongOrganizationNotice returns a notice about m.
func (ix *index) wrongOrganizationNotice(m org.Misdirected) Notice {
	n := Notice{Kind: WrongOrganization, Text: m.OrganizationID}
	if p := ix.byKey[m.Email]; p != nil {
		n.Source = p.At.Source()
	}
	n.Email, _ = org.ParseAddress(m.Email)
	return n
}

// resetAfterMisdirected adds an [org.FactReset] if --reinvite names p, and the last mail to p went out for another
// organization. It does the same if the roster no longer lists the person who got that mail. If another rule has added
// the fact, it adds nothing. For example, the other rules do not add the fact if p is a member by now. Runs change
// nothing until the ledger has the fact.
func (ix *index) resetAfterMisdirected(p *person, d *decision) {
	misdirected := ix.in.Memory.Misdirected.Email
	isReset := func(f org.Fact) bool { return f.Kind == org.FactReset }
	if p.reinvite && misdirected != "" && (ix.byKey[misdirected] == nil || ix.byKey[misdirected] == p) &&
		!slices.ContainsFunc(d.facts, isReset) {
		d.facts = append(d.facts, org.Fact{Kind: org.FactReset, Email: p.Email.Key()})
	}
}

// UnknownName is an address in --only that nobody has.
type UnknownName struct {
	Address org.Address
	// Nearest is the most similar address of the roster, or of an unlisted user or invitation; "" if none is similar.
	Nearest string
}

// UnknownNameError says that --only has addresses that nobody has.
type UnknownNameError struct {
	// Name is the first of these addresses.
	Name UnknownName
}

// Error returns a message with the address and the most similar one.
func (e *UnknownNameError) Error() string {
	text := fmt.Sprintf("--only: nobody in the roster or the organization has the address %s", e.Name.Address)
	if e.Name.Nearest != "" {
		text += fmt.Sprintf(": did you mean %s?", e.Name.Nearest)
	}
	return text
}

// CheckNames returns an [*UnknownNameError] if --only has an address that nobody has. Such a plan must not be carried
// out.
func (p Plan) CheckNames() error {
	if len(p.UnknownNames) == 0 {
		return nil
	}
	return &UnknownNameError{p.UnknownNames[0]}
}

// isNamed reports whether --only selects the unlisted user u. It does so by the user's own address, or by an address
// of the roster's entry of u whose last day is over. Other known addresses of u do not count, because they may belong
// to somebody else by now.
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

// selectNamed moves the changes that --only does not select to NotSelected, and marks the notices about other people.
// It removes the facts of --reinvite about other people: they get no mail in this run, and a later run must not mail
// them because of this flag. It does nothing without --only.
func (ix *index) selectNamed(result *Plan) {
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
	result.Facts = slices.DeleteFunc(result.Facts, func(f org.Fact) bool {
		return f.Kind == org.FactReset && !selected[f.Email]
	})
	named := ix.namedPlaces()
	for i := range result.Notices {
		switch n := &result.Notices[i]; {
		case n.Kind == UnknownAccess:
			n.NotSelected = !slices.ContainsFunc(n.Unknown.Places, func(at roster.Position) bool { return named[at] })
		case n.Kind == UnlistedKept: // it says why a selected user stays
			n.NotSelected = !selected[n.Email.Key()] && !slices.ContainsFunc(ix.unlistedUsers,
				func(u org.User) bool { return ix.isNamed(&u) })
		case n.Kind == Unlisted || !n.Email.IsZero():
			n.NotSelected = !selected[n.Email.Key()]
		}
	}
}

// selectedKeys returns the keys of all addresses of the people, users and invitations that --only selects.
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
	for _, inv := range ix.unlistedInvitations {
		if slices.ContainsFunc(ix.in.Only, inv.Invited.Equal) {
			selected[inv.Invited.Key()] = true
		}
	}
	return selected
}

// namedPlaces returns the places where the roster names the access of the people that --only selects.
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

// namableAddresses returns all addresses that --only may have, sorted and without duplicates.
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
	for _, inv := range ix.unlistedInvitations {
		all = append(all, inv.Invited.String())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// sortedAddresses returns list sorted by key and without duplicates; nil if it is empty.
func sortedAddresses(list []org.Address) []org.Address {
	list = slices.SortedFunc(slices.Values(list), func(a, b org.Address) int {
		return cmp.Or(cmp.Compare(a.Key(), b.Key()), cmp.Compare(a.String(), b.String()))
	})
	return slices.CompactFunc(list, org.Address.Equal)
}
