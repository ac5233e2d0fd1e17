package vultr

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The pause after a 429. The API documents Retry-After in seconds (www.vultr.com/api); elsewhere it is not promised.
const (
	defaultPause = time.Second
	longestPause = time.Minute
)

// recoveryPerSecond is the part of the full rate that comes back with every second without a 429. It is also the least rate that
// halving leads to: a request then waits no longer than the rate takes to grow.
const recoveryPerSecond = 0.1

// limiter says when the next request may go out. Every request passes it. Requests are spaced evenly (a bucket of one
// token). A 429 pauses all of them, then they go on at half the rate, which grows back. Without a rate there is nothing
// to halve: then a 429 only pauses.
type limiter struct {
	full rate.Limit    // rate.Inf: no limit
	turn chan struct{} // held by the one who waits for the bucket; the others queue for it, so that each sees the rate of its time

	mu     sync.Mutex
	bucket *rate.Limiter
	slowed rate.Limit // the rate right after the last pause
	resume time.Time  // when the last pause ends; zero: there was none
	pauses int        // halvings so far
}

func newLimiter(perSecond float64) *limiter {
	full := rate.Limit(perSecond)
	if perSecond == 0 {
		full = rate.Inf
	}
	return &limiter{full: full, slowed: full, turn: make(chan struct{}, 1), bucket: rate.NewLimiter(full, 1)}
}

// wait returns when a request may go out, with a ticket for throttled. With an error of ctx nothing may be sent.
func (l *limiter) wait(ctx context.Context) (ticket int, err error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	for {
		if err := sleep(ctx, l.untilResume()); err != nil {
			return 0, err
		}
		if err := sleep(ctx, l.untilToken()); err != nil {
			return 0, err
		}
		// A 429 may have come in the meantime: then this token is void.
		if l.untilResume() <= 0 {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.pauses, nil
		}
	}
}

func (l *limiter) untilResume() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.resume)
}

func (l *limiter) untilToken() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.bucket.SetLimitAt(now, l.rate(now))
	return l.bucket.ReserveN(now, 1).DelayFrom(now)
}

// rate is the rate at now; l.mu is held.
func (l *limiter) rate(now time.Time) rate.Limit {
	if l.pauses == 0 || l.full == rate.Inf {
		return l.full
	}
	seconds := math.Floor(max(0, now.Sub(l.resume).Seconds()))
	return min(l.full, l.slowed+rate.Limit(recoveryPerSecond*seconds)*l.full)
}

// throttled tells that the request with this ticket was answered with 429. Requests that were in flight together count
// as one: only the first halves the rate, each may lengthen the pause.
func (l *limiter) throttled(ticket int, pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if ticket == l.pauses {
		l.slowed = max(l.rate(now)/2, recoveryPerSecond*l.full)
		l.pauses++
	}
	if until := now.Add(pause); until.After(l.resume) {
		l.resume = until
	}
}

// retryAfter is how long an answer asks to wait: seconds, or a date that is read against the answer's own Date, since
// the local clock may be off. Without a usable value it is a second, and never more than a minute.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	seconds, err := strconv.ParseFloat(value, 64)
	if err != nil {
		seconds = 0
		until, errUntil := http.ParseTime(value)
		date, errDate := http.ParseTime(h.Get("Date"))
		if errUntil == nil && errDate == nil {
			seconds = until.Sub(date).Seconds()
		}
	}
	switch {
	case seconds >= longestPause.Seconds():
		return longestPause
	case seconds > 0:
		return time.Duration(seconds * float64(time.Second))
	}
	return defaultPause
}
