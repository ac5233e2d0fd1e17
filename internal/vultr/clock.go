package vultr

import (
	"cmp"
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxClockSamples is the maximum number of kinds of requests that determine the time. One read of
// an organization makes about as many kinds.
const maxClockSamples = 5

// clock keeps the server's time: invitations expire by the server's clock, and the local clock may
// be days off. It uses the median of the last answers to several kinds of GET requests. One machine
// behind the API may have a wrong clock and answer all requests of one kind. So each kind counts
// once, no matter how often it is sent. The zero clock returns the local time.
type clock struct {
	mu      sync.Mutex
	samples []clockSample // oldest first
}

// clockSample compares the two clocks at the last answer to one kind of request.
type clockSample struct {
	op    string        // the kind of request: call.op
	ahead time.Duration // server's time minus local time
}

// headerDate returns the Date header, and reports whether it can be parsed. ParseDate would also accept forms that no
// server writes there.
func headerDate(h http.Header) (time.Time, bool) {
	date, err := http.ParseTime(h.Get("Date"))
	return date, err == nil
}

// observe records the Date header of an answer to op that has just arrived. It ignores a Date that
// cannot be parsed.
func (c *clock) observe(op string, h http.Header) {
	date, ok := headerDate(h)
	if !ok {
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
		// If the number is even, the earlier of the two middle samples counts: invitations then
		// expire later, and a late mail is better than a second mail.
		ahead = sorted[(n-1)/2].ahead
	}
	// Round(0) drops the monotonic clock, because this time is compared with dates from the server.
	return time.Now().Add(ahead).Round(0).UTC()
}
