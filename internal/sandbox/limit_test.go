package sandbox_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/sandbox"
)

func TestSlidingLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := sandbox.New(sandbox.Options{}) // 30 a second, the bubble's clock
		if err != nil {
			t.Fatal(err)
		}
		ask := func(n int) (refused int) {
			for range n {
				a := request(t, s, "POST", "/v2/invitation", inviteText("ada@example.com", "no"))
				if a.status == 429 {
					refused++
					if a.header.Get("Retry-After") != "1" || a.object["status"] != 429. {
						t.Errorf("429 with Retry-After %q and %s", a.header.Get("Retry-After"), a.body)
					}
				}
			}
			return refused
		}
		if n := ask(20); n != 0 {
			t.Errorf("%d of the first 20 refused", n)
		}
		time.Sleep(600 * time.Millisecond)
		if n := ask(11); n != 1 {
			t.Errorf("%d refused, 31 within a second", n)
		}
		time.Sleep(400*time.Millisecond - time.Nanosecond)
		if n := ask(1); n != 1 {
			t.Error("the first 20 still count within the second")
		}
		time.Sleep(time.Nanosecond)
		// 12 requests arrived within the last 400 ms.
		if n := ask(19); n != 1 {
			t.Errorf("%d refused, 31 within a second", n)
		}
		time.Sleep(time.Second)
		if n := ask(30); n != 0 {
			t.Errorf("%d refused after a second of rest", n)
		}
		if peak := s.PeakRate(); peak != 32 {
			t.Errorf("peak rate %d", peak)
		}
		limited := 0
		for _, q := range s.Requests() {
			if q.Limited {
				limited++
			}
		}
		if limited != 3 {
			t.Errorf("%d requests are recorded as limited", limited)
		}
		if n := len(s.Mails()["ada@example.com"]); n != 1 {
			t.Errorf("%d mails", n)
		}
	})
}

func TestLimitOption(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]int{5: 35, 0: 10, -1: 0} {
		s, err := sandbox.New(sandbox.Options{RateLimit: limit, Now: func() time.Time { return start }})
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		for range 40 {
			if request(t, s, "GET", "/v2/account", "").status == 429 {
				refused++
			}
		}
		if refused != want {
			t.Errorf("limit %d: %d of 40 refused, want %d", limit, refused, want)
		}
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := sandbox.New(sandbox.Options{Latency: 250 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		go func() {
			time.Sleep(100 * time.Millisecond)
			if n := len(s.Mails()); n != 1 {
				t.Errorf("%d people mailed before the answer", n)
			}
		}()
		invite(t, s, "ada@example.com")
		if took := time.Since(before); took != 250*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}
