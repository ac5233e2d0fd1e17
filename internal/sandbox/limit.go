package sandbox

import "time"

// window counts requests in the last second. Vultr allows 30 a second for one address and counts the refused ones for all
// that is known, so everything that arrives counts here.
type window struct {
	limit int // requests in any second; negative: no limit
	times []time.Time
	peak  int
}

// arrive notes a request at now, which must not be before earlier ones, and reports whether it is one too many.
func (w *window) arrive(now time.Time) (over bool) {
	old := 0
	for old < len(w.times) && now.Sub(w.times[old]) >= time.Second {
		old++
	}
	w.times = append(w.times[:0], w.times[old:]...)
	w.times = append(w.times, now)
	w.peak = max(w.peak, len(w.times))
	return w.limit >= 0 && len(w.times) > w.limit
}
