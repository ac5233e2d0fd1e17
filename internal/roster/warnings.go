package roster

import (
	"fmt"
	"time"
)

// Warnings returns what is valid in r but probably a mistake: last days that have no effect,
// because unlisted people are only reported, last days that are over at now, and addresses that may
// be taken for others.
func (r *Roster) Warnings(now time.Time) []Problem {
	return append(r.endWarnings(now), r.lookAlikeWarnings()...)
}

// lookAlikeWarnings returns the warnings about addresses that look like others, and about people
// who share a mailbox.
func (r *Roster) lookAlikeWarnings() []Problem {
	var list []Problem
	mailboxes := make(map[string]*Person)
	for i := range r.People {
		p := &r.People[i]
		for _, own := range p.Addresses() {
			if why := own.LookAlike(); why != "" {
				list = append(list, Problem{p.At, fmt.Sprintf("%s %s: check that it is the address you mean", own, why)})
			}
			mailbox := own.GoogleMailbox()
			if mailbox == "" {
				continue
			}
			if first := mailboxes[mailbox]; first != nil && first != p {
				list = append(list, Problem{p.At, fmt.Sprintf("%s is the same mailbox as %s, who is listed at %s: one person needs "+
					"one entry, with the other address as an alias", own, first.Email, first.At.Source())})
			} else {
				mailboxes[mailbox] = p
			}
		}
	}
	return list
}

// endWarnings returns the warnings about last days.
func (r *Roster) endWarnings(now time.Time) []Problem {
	var list []Problem
	var first *Person // the first person who has a last day
	ending := 0       // how many have one
	for i := range r.People {
		p := &r.People[i]
		if p.Until.IsZero() {
			continue
		}
		if ending++; first == nil {
			first = p
		}
		if p.Ended(now) {
			list = append(list, Problem{p.At, fmt.Sprintf("the last day of %s was %s: the person counts as unlisted",
				p.Email, p.Until.Format(time.DateOnly))})
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
