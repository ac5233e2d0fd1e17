package roster

import "time"

// A day of a roster is a day in UTC, and "now" is the time of the server's clock. A person belongs to
// the organization from the beginning of the day From to the end of the day Until. Only this file
// compares days with times.

// endsSoonDays is the number of days before the last day during which EndsSoon returns true.
const endsSoonDays = 7

// NotYet reports whether now is before the first day of p. orgsync does not invite p yet.
func (p *Person) NotYet(now time.Time) bool { return now.Before(p.From) }

// Ended reports whether now is after the last day of p. p then counts as unlisted.
func (p *Person) Ended(now time.Time) bool { return isOver(p.Until, now) }

// EndsSoon reports whether now is within seven days before the last day of p, or on it.
func (p *Person) EndsSoon(now time.Time) bool {
	return !p.Until.IsZero() && !now.Before(p.Until.AddDate(0, 0, -endsSoonDays)) && !p.Ended(now)
}

// EndsAt returns the end of the last day of p; the zero time if p has no last day.
func (p *Person) EndsAt() time.Time {
	if p.Until.IsZero() {
		return time.Time{}
	}
	return p.Until.AddDate(0, 0, 1)
}

// isOver reports whether now is after day. It returns false if day is zero.
func isOver(day, now time.Time) bool { return !day.IsZero() && !now.Before(day.AddDate(0, 0, 1)) }
