package roster

import "time"

// A person belongs to the organization from the beginning of the day From to the end of the day Until. "now" is the
// time of the server's clock.

// Day is a day in UTC, as the number of days since 1 January 1970. The zero Day is no day. A Day takes less memory than
// a [time.Time], and a large roster has many.
type Day int32

const secondsPerDay = 24 * 60 * 60

// DayOf returns the day of t in UTC; no day for the zero time. Other times must not be before 1970.
func DayOf(t time.Time) Day {
	if t.IsZero() {
		return 0
	}
	return Day(t.Unix() / secondsPerDay)
}

// IsZero reports whether d is no day.
func (d Day) IsZero() bool { return d == 0 }

// Begin returns the beginning of d; the zero time if d is no day.
func (d Day) Begin() time.Time {
	if d.IsZero() {
		return time.Time{}
	}
	return time.Unix(int64(d)*secondsPerDay, 0).UTC()
}

// End returns the end of d, which is the beginning of the next day; the zero time if d is no day.
func (d Day) End() time.Time {
	if d.IsZero() {
		return time.Time{}
	}
	return (d + 1).Begin()
}

// String returns d in the form 2006-01-02; "" if d is no day.
func (d Day) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Begin().Format(time.DateOnly)
}

// LaterEnd returns the later one of two last days. If one of them is no day, there is no end, and the result is no day.
func (d Day) LaterEnd(other Day) Day {
	if d.IsZero() || other.IsZero() {
		return 0
	}
	return max(d, other)
}

// isOver reports whether the last day d is over at now. It returns false if d is no day.
func (d Day) isOver(now time.Time) bool { return !d.IsZero() && !now.Before(d.End()) }

// endsSoonDays is the number of days before the last day during which EndsSoon returns true.
const endsSoonDays = 7

// NotYet reports whether now is before the first day of p. orgsync does not invite p yet.
func (p *Person) NotYet(now time.Time) bool { return now.Before(p.From.Begin()) }

// Ended reports whether now is after the last day of p. p then counts as unlisted.
func (p *Person) Ended(now time.Time) bool { return p.Until.isOver(now) }

// EndsSoon reports whether now is within seven days before the last day of p, or on it.
func (p *Person) EndsSoon(now time.Time) bool {
	return !p.Until.IsZero() && !now.Before((p.Until - endsSoonDays).Begin()) && !p.Ended(now)
}
