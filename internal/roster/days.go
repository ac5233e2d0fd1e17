package roster

import "time"

// A day of a roster is a day in UTC, and "now" is the server's clock. A person belongs to the
// organization from the beginning of the day From to the end of the day Until, both included.
// Everything that depends on a day asks this file.

// endsSoon is how long before the last day it is said that it comes.
const endsSoon = 7 * 24 * time.Hour

// NotYet reports whether the first day of p is still to come at now: p is not invited before.
func (p *Person) NotYet(now time.Time) bool { return now.Before(p.From) }

// Ended reports whether the last day of p is over at now. From the next day, p counts as unlisted.
func (p *Person) Ended(now time.Time) bool { return isOver(p.Until, now) }

// EndsSoon reports whether now is within seven days before the last day of p, or on it.
func (p *Person) EndsSoon(now time.Time) bool {
	return !p.Until.IsZero() && !now.Before(p.Until.Add(-endsSoon)) && !p.Ended(now)
}

// EndsAt returns when the last day of p is over; the zero time if p has none.
func (p *Person) EndsAt() time.Time {
	if p.Until.IsZero() {
		return time.Time{}
	}
	return p.Until.AddDate(0, 0, 1)
}

// isOver reports whether the last day is over at now. The zero day never is.
func isOver(day, now time.Time) bool { return !day.IsZero() && !now.Before(day.AddDate(0, 0, 1)) }
