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
	// maxAttempts is how often a call is sent in all where no answer came that counts.
	maxAttempts = 4
	// maxThrottled is how many answers 429 a call takes; after each the limiter makes everybody wait.
	maxThrottled = 8
)

// read sends a GET until it is answered. Reading twice harms nobody, so every failure is tried again that may pass.
func (c *Client) read(ctx context.Context, q call) (answer, error) {
	q.method = http.MethodGet
	a, _, err := c.repeat(ctx, q, func(failure *org.CallError) bool {
		tooMuch := errors.Is(failure, errTooLarge) || errors.Is(failure, errTooMany)
		passing := failure.Status < 300 && !tooMuch // a maintenance page, half a body
		return failure.Failure == org.NotSent || failure.Failure == org.Lost || failure.Failure == org.Unreadable && passing
	})
	return a, err
}

// write sends anything but a GET. It is repeated only where the server surely did not act. All writes go through here.
// The count is of the requests that may have reached the server, also with an error; the error is an *org.CallError.
// What has waited for its turn longer than [org.SendWithin] is not sent: the ledger's line about it would be too old.
func (c *Client) write(ctx context.Context, q call) (answer, int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, org.SendWithin, errWaitedTooLong)
	defer cancel()
	return c.repeat(ctx, q, func(failure *org.CallError) bool { return failure.Failure == org.NotSent })
}

// repeat sends q until it is answered, or fails in a way after which it may not be sent again.
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
var errWaitedTooLong = fmt.Errorf("it had to wait longer than %v for its turn", org.SendWithin)

// throttling is what a call knows of answers 429.
type throttling struct {
	since   time.Time // when the call began
	answers int       // 429 to the call itself
	words   string    // of the last of these
	others  int64     // all answers 429 to the client before
}

// message says how often the call was answered 429, and how long it took.
func (t throttling) message() string {
	times := "once"
	if t.answers > 1 {
		times = fmt.Sprintf("%d times", t.answers)
	}
	return fmt.Sprintf("%s (answered so %s in %v)", t.words, times, time.Since(t.since).Round(time.Second))
}

// outOfTime is the failure of a call that was not sent, or not sent again, before ctx ended. Where
// answers 429 made it wait, it has their status.
func (c *Client) outOfTime(ctx context.Context, q call, t throttling) *org.CallError {
	err := ctx.Err()
	if errors.Is(context.Cause(ctx), errWaitedTooLong) {
		err = errWaitedTooLong
	}
	switch {
	case t.answers > 0:
		return q.failed(org.NotSent, http.StatusTooManyRequests, t.message(), err)
	case c.throttled.Load() > t.others || c.limiter.untilResume() > 0:
		return q.failed(org.NotSent, http.StatusTooManyRequests, "other requests were answered so, and all wait", err)
	}
	return q.failed(org.NotSent, 0, "", err)
}

// backoff is the wait after the given number of tries: half a second, doubled each time, with jitter, or what a 503 asks for.
func backoff(tries int, h http.Header) time.Duration {
	wait := 500 * time.Millisecond << (tries - 1)
	wait = wait/2 + rand.N(wait/2)
	if h.Get("Retry-After") != "" {
		return max(wait, retryAfter(h))
	}
	return wait
}

// sleep waits for d. It reports the error of ctx, also when there is nothing to wait for.
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
