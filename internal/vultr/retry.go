package vultr

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

const (
	// maxAttempts is how often a call is sent if it gets no usable answer.
	maxAttempts = 4
	// maxThrottled is after how many 429 answers a call fails; after each of them the limiter
	// pauses all requests.
	maxThrottled = 8
)

// read sends a GET until it is answered. Reading again is harmless, so it is repeated after every
// failure that may be temporary.
func (c *Client) read(ctx context.Context, q call) (answer, error) {
	q.method = http.MethodGet
	a, _, err := c.repeat(ctx, q, func(failure *org.CallError) bool {
		tooMuch := errors.Is(failure, errTooLarge) || errors.Is(failure, errTooMany)
		passing := failure.Status < 300 && !tooMuch // a maintenance page, half a body
		return failure.Failure == org.NotSent || failure.Failure == org.Lost || failure.Failure == org.Unreadable && passing
	})
	return a, err
}

// write sends a request other than GET, and repeats it only if the server certainly did not act.
// All writes use it. It returns the number of requests that may have reached the server, also with
// an error, which is an *org.CallError. A request that has waited longer than [org.SendWithin] is
// not sent: its intent in the ledger would be too old.
func (c *Client) write(ctx context.Context, q call) (answer, int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, org.SendWithin, errWaitedTooLong)
	defer cancel()
	return c.repeat(ctx, q, func(failure *org.CallError) bool { return failure.Failure == org.NotSent })
}

// repeat sends q until it is answered, or until it fails and must not be sent again.
func (c *Client) repeat(ctx context.Context, q call, may func(*org.CallError) bool) (answer, int, error) {
	requests, tries := 0, 0
	t := throttling{since: time.Now(), others: c.throttled.Load()}
	for {
		a, failure := c.send(ctx, q)
		if a.sent {
			requests++
		}
		switch {
		case failure == nil:
			return a, requests, nil
		case a.status == http.StatusTooManyRequests:
			// The limiter holds the next try back, so there is no other wait here.
			t.words = failure.Message
			if t.answers++; t.answers == maxThrottled {
				return a, requests, q.failed(org.NotSent, a.status, t.message(), nil)
			}
			continue
		case a.stopped:
			return a, requests, failure
		case !a.sent && ctx.Err() != nil:
			return a, requests, c.outOfTime(ctx, q, t)
		case !may(failure):
			return a, requests, failure
		}
		if tries++; tries == maxAttempts {
			return a, requests, failure
		}
		if sleep(ctx, backoff(tries, a.header)) != nil {
			return a, requests, c.outOfTime(ctx, q, t)
		}
	}
}

// errWaitedTooLong ends a write that has waited too long. Unlike the end of a run it is not a
// [context.DeadlineExceeded].
var errWaitedTooLong = fmt.Errorf("it waited longer than %v to be sent", org.SendWithin)

// throttling has what a call knows about 429 answers.
type throttling struct {
	since   time.Time // when the call began
	answers int       // 429 to the call itself
	words   string    // the text of the last one
	others  int64     // 429 answers to the client before the call
}

// message returns the text of the last 429, how many there were, and how long that took.
func (t throttling) message() string {
	times := "once"
	if t.answers > 1 {
		times = fmt.Sprintf("%d times", t.answers)
	}
	return fmt.Sprintf("%s (429 was returned %s in %v)", t.words, times, time.Since(t.since).Round(time.Second))
}

// outOfTime returns the failure of a call that was not sent, or not sent again, before ctx ended.
// If it had to wait because of 429 answers, it has that status.
func (c *Client) outOfTime(ctx context.Context, q call, t throttling) *org.CallError {
	err := ctx.Err()
	if errors.Is(context.Cause(ctx), errWaitedTooLong) {
		err = errWaitedTooLong
	}
	switch {
	case t.answers > 0:
		return q.failed(org.NotSent, http.StatusTooManyRequests, t.message(), err)
	case c.throttled.Load() > t.others || c.limiter.untilResume() > 0:
		return q.failed(org.NotSent, http.StatusTooManyRequests, "other requests got this answer, so all requests wait", err)
	}
	return q.failed(org.NotSent, 0, "", err)
}

// backoff returns the wait after the given number of attempts: half a second, doubled each time,
// with jitter, or longer if a 503 asks for that.
func backoff(tries int, h http.Header) time.Duration {
	wait := 500 * time.Millisecond << (tries - 1)
	wait = wait/2 + rand.N(wait/2)
	if h.Get("Retry-After") != "" {
		return max(wait, retryAfter(h))
	}
	return wait
}

// sleep waits for d and returns the error of ctx, also if d is 0.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
