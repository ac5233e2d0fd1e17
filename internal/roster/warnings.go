package roster

import (
	"fmt"
	"time"
)

// Warnings returns what is valid in r but probably a mistake: last days that have no effect,
// because unlisted people are only reported, and last days that are over at now.
func (r *Roster) Warnings(now time.Time) []Problem {
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
