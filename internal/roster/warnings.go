package roster

import (
	"fmt"
	"time"
)

// Warnings returns what is no problem of r, but probably not what was meant, in the order of the files: a last day that ends
// nothing, since unlisted people are only reported, and one that is over at now.
func (r *Roster) Warnings(now time.Time) []Problem {
	var list []Problem
	var first *Person // with a last day
	ending := 0
	for i := range r.People {
		p := &r.People[i]
		if p.Until.IsZero() {
			continue
		}
		if ending++; first == nil {
			first = p
		}
		if p.Ended(now) {
			list = append(list, Problem{p.At, fmt.Sprintf("the last day of %s was %s: the entry counts as not listed",
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
	nothing := Problem{first.At, fmt.Sprintf("the last day of %s ends nothing: settings.unlisted is %q, so people who are past "+
		"their last day stay members and are only reported; %q or %q ends their access",
		people, UnlistedReport, UnlistedSuspend, UnlistedRemove)}
	return append([]Problem{nothing}, list...)
}
