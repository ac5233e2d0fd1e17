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
	// maxAttempts is the number of attempts after which a call fails. Attempts that were answered
	// with 429 do not count.
	maxAttempts = 4
	// maxThrottled is the number of answers 429 after which a call fails. After each of them, the
	// limiter pauses all requests.
	maxThrottled = 8
)

// read sends q as a GET, and repeats it after every failure that may be temporary. An error is an
// [*org.CallError].
func (c *Client) read(ctx context.Context, q call) (answer, error) {
	q.method = http.MethodGet
	a, _, err := c.repeat(ctx, q, func(failure *org.CallError) bool {
		tooMuch := errors.Is(failure, errTooLarge) || errors.Is(failure, errTooMany)
		temporary := failure.Status < 300 && !tooMuch // such as a maintenance page, or half a body
		return failure.Failure == org.NotSent || failure.Failure == org.Lost || failure.Failure == org.Unreadable && temporary
	})
	return a, err
}

// write sends a request other than GET, and repeats it only if the server certainly did not act.
// All writes use it. It returns the number of requests that may have reached the server, also with
// an error. An error is an [*org.CallError]. A request that could not be sent within
// [org.SendWithin] is not sent at all, because its intent in the ledger would be too old.
func (c *Client) write(ctx context.Context, q call) (answer, int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, org.SendWithin, errWaitedTooLong)
	defer cancel()
	return c.repeat(ctx, q, func(failure *org.CallError) bool { return failure.Failure == org.NotSent })
}

// repeat sends q until it succeeds, or until it fails and must not be sent again. mayRepeat reports whether q may be
// sent again after a failure. After an answer 429, q may always be sent again. repeat also returns the number of
// requests that may have reached the server.
func (c *Client) repeat(ctx context.Context, q call, mayRepeat func(*org.CallError) bool) (answer, int, error) {
	requests, tries := 0, 0
	t := throttling{start: time.Now(), before: c.throttled.Load()}
	for {
		a, failure := c.send(ctx, q)
		if a.sent {
			requests++
		}
		switch {
		case failure == nil:
			return a, requests, nil
		case a.status == http.StatusTooManyRequests:
			// The next attempt waits in the limiter, so no other wait is needed here.
			t.words = failure.Message
			if t.answers++; t.answers == maxThrottled {
				return a, requests, q.failed(org.NotSent, a.status, t.message(), nil)
			}
			continue
		case a.refused:
			return a, requests, failure
		case !a.sent && ctx.Err() != nil:
			return a, requests, c.outOfTime(ctx, q, t)
		case !mayRepeat(failure):
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

// errWaitedTooLong is the error of a write that could not be sent in time. It is not
// [context.DeadlineExceeded], which means that the time of the whole run is over.
var errWaitedTooLong = fmt.Errorf("it waited longer than %v to be sent", org.SendWithin)

// throttling describes the answers 429 during one call.
type throttling struct {
	start   time.Time // when the call began
	answers int       // how often the call itself was answered with 429
	words   string    // the text of the last of these answers
	before  int64     // how often any request of the client was answered with 429 before the call
}

// message returns the text of the last answer 429, the number of these answers, and the time since the call began.
func (t throttling) message() string {
	times := "once"
	if t.answers > 1 {
		times = fmt.Sprintf("%d times", t.answers)
	}
	return fmt.Sprintf("%s (429 was returned %s in %v)", t.words, times, time.Since(t.start).Round(time.Second))
}

// outOfTime returns the failure of a call that was not sent, or not sent again, before ctx ended.
// The status is 429 if the call had to wait because of answers 429, to itself or to other requests.
func (c *Client) outOfTime(ctx context.Context, q call, t throttling) *org.CallError {
	err := ctx.Err()
	if errors.Is(context.Cause(ctx), errWaitedTooLong) {
		err = errWaitedTooLong
	}
	switch {
	case t.answers > 0:
		return q.failed(org.NotSent, http.StatusTooManyRequests, t.message(), err)
	case c.throttled.Load() > t.before || c.limiter.untilResume() > 0:
		return q.failed(org.NotSent, http.StatusTooManyRequests, "other requests got this answer, so all requests wait", err)
	}
	return q.failed(org.NotSent, 0, "", err)
}

// backoff returns the wait after the given number of attempts. It is at most half a second after the first attempt,
// and the maximum doubles with each further attempt. Jitter shortens it by up to half. If the answer asks for a
// longer wait in Retry-After, backoff returns that.
func backoff(tries int, h http.Header) time.Duration {
	wait := 500 * time.Millisecond << (tries - 1)
	wait = wait/2 + rand.N(wait/2)
	if h.Get("Retry-After") != "" {
		return max(wait, retryAfter(h))
	}
	return wait
}

// sleep waits until d has passed or ctx has ended. It returns the error of ctx, also if d is 0 or
// negative.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
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
