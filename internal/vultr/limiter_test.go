package vultr

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"
)

// admissions lets workers pass the limiter until n requests were admitted. It returns the time of
// each admission since the start.
func admissions(t *testing.T, l *limiter, n, workers int, each func(i, ticket int)) []time.Duration {
	t.Helper()
	start := time.Now()
	var mu sync.Mutex
	var at []time.Duration
	var group sync.WaitGroup
	for w := range workers {
		share := n / workers
		if w < n%workers {
			share++
		}
		group.Go(func() {
			for range share {
				ticket, err := l.wait(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				at = append(at, time.Since(start))
				if each != nil {
					each(len(at), ticket)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	slices.Sort(at)
	return at
}

func TestLimiterSpacing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, perSecond = 400, 28
		at := admissions(t, newLimiter(perSecond), n, 8, nil)
		got, want := at[n-1].Seconds(), float64(n-1)/perSecond
		if math.Abs(got-want)/want > 0.001 {
			t.Errorf("%d requests took %.4f s, want %.4f s", n, got, want)
		}
		for i := range at {
			if j := i + perSecond + 1; j < len(at) && at[j]-at[i] < time.Second {
				t.Fatalf("more than %d requests within a second from %v", perSecond+1, at[i])
			}
		}
	})
}

func TestLimiterWithoutRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(0)
		at := admissions(t, l, 100, 8, func(i, ticket int) {
			if i == 10 {
				l.throttled(ticket, 5*time.Second)
			}
		})
		if at[9] != 0 || at[10] != 5*time.Second || at[99] != 5*time.Second {
			t.Errorf("requests 10, 11 and 100 went out after %v, %v and %v; want 0 s, 5 s and 5 s", at[9], at[10], at[99])
		}
		if got := l.rate(time.Now()); got != rate.Inf {
			t.Errorf("after a 429 the rate is %v, want none still", got)
		}
	})
}

func TestLimiterPausesEverybodyAndHalves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const perSecond = 20
		l := newLimiter(perSecond)
		at := admissions(t, l, 200, 8, func(i, ticket int) {
			if i == 41 { // after 2 s
				l.throttled(ticket, 3*time.Second)
			}
		})
		perSecondFrom := func(from time.Duration) int {
			n := 0
			for _, d := range at {
				if d >= from && d < from+time.Second {
					n++
				}
			}
			return n
		}
		var got []int
		for second := range 11 {
			got = append(got, perSecondFrom(time.Duration(second)*time.Second))
		}
		// 20 requests per second until 2 s. The request at 2 s is answered with 429. After the
		// pause, the rate is halved, and then increases by 2 per second.
		want := []int{20, 20, 1, 0, 0, 10, 12, 14, 16, 18, 20}
		for i := range want {
			if got[i] < want[i]-1 || got[i] > want[i]+1 {
				t.Errorf("requests in each second: %v, want %v", got, want)
				break
			}
		}
		if at[41] != 5*time.Second {
			t.Errorf("sending went on after %v, want 5 s", at[41])
		}
	})
}

func TestLimiterHalvesOnceForRequestsInFlightTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(20)
		first, _ := l.wait(t.Context())
		second, _ := l.wait(t.Context())
		l.throttled(first, time.Second)
		time.Sleep(100 * time.Millisecond)
		l.throttled(second, time.Second) // was in flight when the pause began: longer pause, no second halving
		if got := l.rate(time.Now()); got != 10 {
			t.Errorf("the rate is %v, want 10", got)
		}
		if got := l.untilResume(); got != time.Second {
			t.Errorf("the pause goes on for %v, want 1 s", got)
		}
		third, _ := l.wait(t.Context())
		l.throttled(third, time.Second)
		if got := l.rate(time.Now()); got != 5 {
			t.Errorf("after a 429 at half the rate the rate is %v, want 5", got)
		}
		for range 20 {
			ticket, _ := l.wait(t.Context())
			l.throttled(ticket, time.Second)
		}
		if got := l.rate(time.Now()); got != 2 {
			t.Errorf("after many 429 the rate is %v, want a tenth, 2", got)
		}
		time.Sleep(10 * time.Second)
		if got := l.rate(time.Now()); got != 20 {
			t.Errorf("9 s after the pause the rate is %v, want all of it, 20", got)
		}
	})
}

func TestLimiterShorterPauseDoesNotEndALongerOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(0)
		l.throttled(0, 10*time.Second)
		l.throttled(0, time.Second)
		at := admissions(t, l, 1, 1, nil)
		if at[0] != 10*time.Second {
			t.Errorf("sending went on after %v, want 10 s", at[0])
		}
	})
}

func TestLimiterCancelledWaitNeverSends(t *testing.T) {
	t.Parallel()
	tests := map[string]func(l *limiter) (undo func()){
		"during a pause":      func(l *limiter) func() { l.throttled(0, time.Minute); return func() {} },
		"for a token":         func(l *limiter) func() { l.wait(context.Background()); return func() {} },
		"in the queue":        func(l *limiter) func() { l.turn <- struct{}{}; return func() { <-l.turn } },
		"with nothing before": func(l *limiter) func() { return func() {} },
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(0.1)
				undo := prepare(l)
				ctx, cancel := context.WithCancel(t.Context())
				if name == "with nothing before" {
					cancel()
				}
				time.AfterFunc(time.Second, cancel)
				if _, err := l.wait(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("wait gives %v, want context.Canceled", err)
				}
				// The request that has ended does not block the next one.
				undo()
				if _, err := l.wait(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const date = "Mon, 23 Nov 2026 10:00:00 GMT"
	tests := []struct {
		name, value, date string
		want              time.Duration
	}{
		{"missing", "", date, time.Second},
		{"seconds", "7", "", 7 * time.Second},
		{"spaces", " 7 ", "", 7 * time.Second},
		{"half a second", "0.5", "", 500 * time.Millisecond},
		{"zero", "0", "", time.Second},
		{"negative", "-5", "", time.Second},
		{"absurd", "99999999999999999999", "", time.Minute},
		{"an hour", "3600", "", time.Minute},
		{"not a number", "NaN", "", time.Second},
		{"infinite", "Inf", "", time.Minute},
		{"words", "soon", date, time.Second},
		{"date", "Mon, 23 Nov 2026 10:00:09 GMT", date, 9 * time.Second},
		{"date far away", "Tue, 24 Nov 2026 10:00:00 GMT", date, time.Minute},
		{"date in the past", "Mon, 23 Nov 2026 09:00:00 GMT", date, time.Second},
		{"date without a Date beside it", "Mon, 23 Nov 2026 10:00:09 GMT", "", time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			h.Set("Retry-After", test.value)
			h.Set("Date", test.date)
			if got := retryAfter(h); got != test.want {
				t.Errorf("retryAfter = %v, want %v", got, test.want)
			}
		})
	}
}

// This tests the same with a Client: all workers pause after one answer 429, and the rate is
// halved.
func TestClientThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		var at []time.Duration
		c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(start))
			if len(at) == 5 {
				w.Header().Set("Retry-After", time.Now().Add(4*time.Second).UTC().Format(http.TimeFormat))
				answerJSON(w, 429, `{"error":"slow down"}`)
				return
			}
			answerJSON(w, 201, `{"id":"i1","email_invited":"ada@example.com"}`)
		}, func(cfg *Config) { cfg.Rate = 10 })
		var group sync.WaitGroup
		var requests [8]int
		for i := range requests {
			group.Go(func() {
				receipt, err := c.Invite(t.Context(), ada, true)
				if err != nil {
					t.Error(err)
				}
				requests[i] = receipt.Requests
			})
		}
		group.Wait()
		ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
		// The fifth request is repeated after the requests that are already waiting.
		want := []time.Duration{0, ms(100), ms(200), ms(300), ms(400), ms(4400), ms(4600), ms(4800), ms(5000)}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("requests went out at (-want +got):\n%s", diff)
		}
		slices.Sort(requests[:])
		if diff := cmp.Diff([8]int{1, 1, 1, 1, 1, 1, 1, 2}, requests); diff != "" {
			t.Errorf("requests of each call (-want +got):\n%s", diff)
		}
		if got, want := c.Stats(), (Stats{Requests: 9, Throttled: 1}); got != want {
			t.Errorf("Stats = %+v, want %+v", got, want)
		}
	})
}
