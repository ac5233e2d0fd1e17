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

// The pause after a 429. The API documents Retry-After in seconds (www.vultr.com/api).
const (
	defaultPause = time.Second
	longestPause = time.Minute
)

// recoveryPerSecond is the fraction of the full rate that is restored with every second without a
// 429. It is also the minimum rate after halving, so that no request waits longer than the rate
// needs to recover.
const recoveryPerSecond = 0.1

// limiter decides when the next request may be sent. All requests wait for it. They are spaced
// evenly (a bucket of one token). A 429 pauses all of them; then the rate is halved and recovers.
// Without a rate, a 429 only pauses.
type limiter struct {
	full rate.Limit    // rate.Inf: no limit
	turn chan struct{} // held while waiting for the bucket; the others wait for it, so that each uses the current rate

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

// wait returns when a request may be sent, with a ticket for throttled. With an error, which is
// that of ctx, nothing may be sent.
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
		// If a 429 has arrived in the meantime, wait again.
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

// rate returns the rate at now. l.mu must be held.
func (l *limiter) rate(now time.Time) rate.Limit {
	if l.pauses == 0 || l.full == rate.Inf {
		return l.full
	}
	seconds := math.Floor(max(0, now.Sub(l.resume).Seconds()))
	return min(l.full, l.slowed+rate.Limit(recoveryPerSecond*seconds)*l.full)
}

// throttled records that the request with this ticket was answered with 429. Requests that were in
// flight together count as one: only the first halves the rate, but each may lengthen the pause.
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

// retryAfter returns how long an answer asks to wait: seconds, or a date, which is compared with
// the Date of the answer because the local clock may be wrong. It is one second without a valid
// value, and at most a minute.
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
