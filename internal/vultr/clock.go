package vultr

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxClockSamples is how many of the last answers determine the time. Reading an organization
// needs more requests than that.
const maxClockSamples = 5

// clock has the server's time, because invitations expire by it and the local clock may be days
// off. It uses the median of the last answers, so that one machine behind the API with a wrong
// clock cannot expire an invitation. The zero clock is the local one.
type clock struct {
	mu sync.Mutex
	// offsets has how far the server's clock was ahead of the local one in the last answers,
	// oldest first.
	offsets []time.Duration
}

// observe adds the Date of an answer that has just arrived; a Date that cannot be parsed is
// ignored.
func (c *clock) observe(h http.Header) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.offsets) == maxClockSamples {
		c.offsets = c.offsets[1:]
	}
	c.offsets = append(c.offsets, time.Until(date))
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ahead time.Duration
	if n := len(c.offsets); n > 0 {
		// the earlier of two medians: a late mail is better than two mails
		ahead = slices.Sorted(slices.Values(c.offsets))[(n-1)/2]
	}
	// Round drops the monotonic reading: this time is compared with dates from the server.
	return time.Now().Add(ahead).Round(0).UTC()
}
