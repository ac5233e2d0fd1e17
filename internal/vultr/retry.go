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
	// maxTries is how often a call is sent in all where no answer came that counts.
	maxTries = 4
	// maxThrottled is how many answers 429 a call takes; after each the limiter makes everybody wait.
	maxThrottled = 8
)

// read sends a GET until it is answered. Reading twice harms nobody, so every failure is tried again that may pass.
func (c *Client) read(ctx context.Context, q call) (answer, error) {
	q.method = http.MethodGet
	a, _, err := c.repeat(ctx, q, func(failure *org.CallError) bool {
		passing := failure.Status < 300 && !errors.Is(failure, errTooLarge) && !errors.Is(failure, errTooMany) // a maintenance page, half a body
		return failure.Failure == org.NotSent || failure.Failure == org.Lost || failure.Failure == org.Unreadable && passing
	})
	return a, err
}

// write sends anything but a GET. It is repeated only where the server surely did not act. All writes go through here.
// The count is of the requests that may have reached the server, also with an error; the error is an *org.CallError.
// What has waited for its turn longer than [org.SendWithin] is not sent: the ledger's line about it would be too old.
func (c *Client) write(ctx context.Context, q call) (answer, int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, org.SendWithin, fmt.Errorf("it had to wait longer than %v for its turn", org.SendWithin))
	defer cancel()
	return c.repeat(ctx, q, func(failure *org.CallError) bool { return failure.Failure == org.NotSent })
}

func (c *Client) repeat(ctx context.Context, q call, may func(*org.CallError) bool) (answer, int, error) {
	requests, tries, throttled := 0, 0, 0
	start := time.Now()
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
			if throttled++; throttled == maxThrottled {
				return a, requests, failure
			}
			continue
		case failure.Failure == org.NotSent && ctx.Err() != nil && throttled > 0:
			// Its time was over while the limiter made it wait. What made it wait is the reason.
			return a, requests, q.failed(org.NotSent, http.StatusTooManyRequests, fmt.Sprintf(
				"too many requests: it was answered %d times, and had to wait for %v", throttled, time.Since(start).Round(time.Second)), failure.Err)
		case !may(failure):
			return a, requests, failure
		}
		if tries++; tries == maxTries {
			return a, requests, failure
		}
		if err := sleep(ctx, backoff(tries, a.header)); err != nil {
			return a, requests, q.failed(org.NotSent, 0, "", err)
		}
	}
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
