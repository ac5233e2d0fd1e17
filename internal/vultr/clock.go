package vultr

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxClockSamples is how many of the last answers tell the time together: fewer than one reading of an organization takes.
const maxClockSamples = 5

// clock tells the server's time: invitations lapse by it, and the local clock may be days off. It is the middle of what
// the last answers said, so that one machine behind the API with a wrong clock lets nobody's invitation lapse. The zero
// clock is the local one.
type clock struct {
	mu sync.Mutex
	// offsets is how far the server's clock was offsets of the local one by the last answers, oldest first.
	offsets []time.Duration
}

// observe learns from the Date of an answer of the API that has just come; one that cannot be read teaches nothing.
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
		ahead = slices.Sorted(slices.Values(c.offsets))[(n-1)/2] // of two in the middle the earlier: rather late than twice
	}
	// Round drops the monotonic reading: this time is compared with dates from the server.
	return time.Now().Add(ahead).Round(0).UTC()
}
