package roster

import (
	"fmt"
	"slices"
	"time"
)

// Warnings returns probable mistakes in a valid roster:
//   - last days that are over at now
//   - last days without an effect, because the settings only report unlisted people or extra access
//   - people who are in a team twice
//   - addresses that look like other addresses, and people who share a mailbox
func (r *Roster) Warnings(now time.Time) []Problem {
	return slices.Concat(r.endWarnings(now), r.teamWarnings(now), r.lookAlikeWarnings())
}

// lookAlikeWarnings returns warnings about addresses that look like other addresses, and about people
// who share a mailbox.
func (r *Roster) lookAlikeWarnings() problemList {
	var list problemList
	mailboxes := make(map[string]*Person)
	for i := range r.People {
		p := &r.People[i]
		for _, own := range p.Addresses() {
			if why := own.LookAlike(); why != "" {
				list.add(p.At, "%s %s: check that it is the address you mean", own, why)
			}
			mailbox := own.GoogleMailbox()
			if mailbox == "" {
				continue
			}
			if first := mailboxes[mailbox]; first != nil && first != p {
				list.add(p.At, "%s is the same mailbox as %s, who is listed at %s: one person needs one entry, with the "+
					"other address as an alias", own, first.Email, first.At.Source())
			} else {
				mailboxes[mailbox] = p
			}
		}
	}
	return list
}

// endWarnings returns warnings about the last days of people.
func (r *Roster) endWarnings(now time.Time) problemList {
	var list problemList
	var first *Person // the first person who has a last day
	ending := 0       // the number of people who have a last day
	for i := range r.People {
		p := &r.People[i]
		if p.Until.IsZero() {
			continue
		}
		if ending++; first == nil {
			first = p
		}
		if p.Ended(now) {
			list.add(p.At, "the last day of %s was %s: the person counts as not in the roster", p.Email, p.Until)
		}
	}
	if first == nil || r.Settings.Unlisted != UnlistedReport {
		return list
	}
	people := first.Email.String()
	if ending > 1 {
		people = fmt.Sprintf("%d people", ending)
	}
	noEffect := Problem{first.At,
		fmt.Sprintf("the last day of %s has no effect: settings.unlisted is %q, so people "+
			"stay members after their last day and are only reported; use %q or %q to end their access",
			people, UnlistedReport, UnlistedSuspend, UnlistedRemove)}
	return append([]Problem{noEffect}, list...)
}

// teamWarnings returns warnings about memberships, in the order of people.
func (r *Roster) teamWarnings(now time.Time) problemList {
	var list problemList
	hasEnd := false
	for i := range r.People {
		p := &r.People[i]
		first := make(map[string]Position, len(p.Teams))
		for _, m := range p.Teams {
			if at, found := first[m.Team]; found {
				list.add(m.At, "%s is in the team %s already, at %v: remove one of the lines", p.Email, quote(m.Team), at)
				continue
			}
			first[m.Team] = m.At
			if m.Until.IsZero() {
				continue
			}
			// If the person ends no later than the membership, no access is left to revoke.
			endsWithPerson := r.Settings.Unlisted != UnlistedReport && !p.Until.IsZero() && m.Until >= p.Until
			if !hasEnd && !endsWithPerson && r.Settings.ExtraAccess != ExtraAccessRevoke {
				hasEnd = true
				list.add(m.At, "after the last day of %s in the team %s nothing is revoked: settings.extra_access is %q, so "+
					"access that a team no longer gives is only reported; use %q to revoke it", p.Email, quote(m.Team),
					r.Settings.ExtraAccess, ExtraAccessRevoke)
			}
			if m.Until.isOver(now) && !p.Ended(now) {
				list.add(m.At, "the last day of %s in the team %s was %s: the team gives them no access", p.Email,
					quote(m.Team), m.Until)
			}
		}
	}
	return list
}
