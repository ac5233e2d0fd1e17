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

// Limits of the pause after an answer 429. The API documents Retry-After in seconds
// (www.vultr.com/api).
const (
	defaultPause = time.Second
	longestPause = time.Minute
)

// recoveryPerSecond is the fraction of the full rate that each second without an answer 429 restores. The rate is
// never lower than this fraction of the full rate. So no request waits longer than the rate needs to recover.
const recoveryPerSecond = 0.1

// limiter decides when the next request may be sent. It spaces all requests evenly, with a bucket of one token. After
// an answer 429, all requests pause. Then they continue at half the rate, which slowly returns to the full rate. If
// there is no rate limit, an answer 429 only pauses the requests.
type limiter struct {
	full rate.Limit // rate.Inf: no limit
	// turn has an element while a request waits for the bucket. The other requests wait for turn. So each request uses
	// the current rate when its turn comes, not the rate when it began to wait.
	turn chan struct{}

	mu     sync.Mutex
	bucket *rate.Limiter
	slowed rate.Limit // the rate right after the last pause
	resume time.Time  // when the last pause ends; zero: there was none
	pauses int        // how often the rate was halved
}

func newLimiter(perSecond float64) *limiter {
	full := rate.Limit(perSecond)
	if perSecond == 0 {
		full = rate.Inf
	}
	return &limiter{full: full, slowed: full, turn: make(chan struct{}, 1), bucket: rate.NewLimiter(full, 1)}
}

// wait blocks until a request may be sent, and returns a ticket for throttled. If ctx ends first,
// wait returns the error of ctx, and the request must not be sent.
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

// rate returns the rate at now. Before the first pause, l.resume is zero, so the rate is full. l.mu must be held.
func (l *limiter) rate(now time.Time) rate.Limit {
	if l.full == rate.Inf {
		return l.full
	}
	seconds := math.Floor(max(0, now.Sub(l.resume).Seconds()))
	return min(l.full, l.slowed+rate.Limit(recoveryPerSecond*seconds)*l.full)
}

// throttled records that the request with this ticket was answered with 429, and pauses all requests. Requests that
// are in flight at the same time have the same ticket. Only the first answer 429 to one of them halves the rate, but
// each may lengthen the pause.
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

// retryAfter returns the wait that an answer asks for in Retry-After, which has seconds or a date.
// A date is compared with the Date of the answer, because the local clock may be wrong. The result
// is defaultPause if there is no valid value, and at most longestPause.
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
