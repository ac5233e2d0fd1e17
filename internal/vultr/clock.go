package vultr

import (
	"cmp"
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxClockSamples is how many kinds of readings determine the time. Reading an organization needs
// about as many.
const maxClockSamples = 5

// clock has the server's time, because invitations expire by it and the local clock may be days
// off. It uses the median of the last answers to several kinds of readings. One machine behind the
// API with a wrong clock may answer all readings of one kind, so each kind counts once, however
// often it is read. The zero clock is the local one.
type clock struct {
	mu      sync.Mutex
	samples []clockSample // oldest first
}

// clockSample has how far the server's clock was ahead of the local one in the last answer to one
// kind of reading.
type clockSample struct {
	op    string // the kind, as call.op names it
	ahead time.Duration
}

// observe adds the Date of an answer to op that has just arrived; a Date that cannot be parsed is
// ignored.
func (c *clock) observe(op string, h http.Header) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.samples = slices.DeleteFunc(c.samples, func(s clockSample) bool { return s.op == op })
	if len(c.samples) == maxClockSamples {
		c.samples = c.samples[1:]
	}
	c.samples = append(c.samples, clockSample{op, time.Until(date)})
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ahead time.Duration
	if n := len(c.samples); n > 0 {
		sorted := slices.SortedFunc(slices.Values(c.samples),
			func(a, b clockSample) int { return cmp.Compare(a.ahead, b.ahead) })
		// the earlier of two medians: a late mail is better than two mails
		ahead = sorted[(n-1)/2].ahead
	}
	// Round drops the monotonic reading: this time is compared with dates from the server.
	return time.Now().Add(ahead).Round(0).UTC()
}
