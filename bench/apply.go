package main

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/orgsync/orgsync/internal/sandbox"
)

var latencies = []time.Duration{20 * time.Millisecond, 120 * time.Millisecond, 400 * time.Millisecond}

// documentedLimit is the most requests that the API allows in any second.
const documentedLimit = 30

// applies measures runs that invite everybody, against the time that the rate needs, or the concurrency where it is that
// which bounds.
func (b *bench) applies() error {
	rates := []int{20, 28, 100, noLimit}
	if b.quick {
		rates = []int{100, noLimit}
	}
	for _, rate := range rates {
		for _, latency := range latencies {
			if b.quick && latency == slices.Max(latencies) {
				continue
			}
			name := fmt.Sprintf("apply/%s/%v", rateName(rate), latency)
			if !b.wants(name) {
				continue
			}
			concurrency := b.concurrency
			// With exactly as many as rate times latency none may be late; where the standard is less, a tenth is added.
			if need := float64(rate) * latency.Seconds(); rate != noLimit && need > float64(concurrency) {
				concurrency = int(math.Ceil(need * 1.1))
			}
			if err := b.apply(name, rate, latency, concurrency); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) apply(name string, rate int, latency time.Duration, concurrency int) error {
	limit := documentedLimit
	if rate > limit {
		limit = -1
	}
	a, c, err := b.invite(sandbox.Options{RateLimit: limit, Latency: latency}, nil, rate, concurrency)
	if err != nil {
		return err
	}
	defer a.close()
	requests := len(a.Requests())
	floor := float64(requests) / float64(rate)
	if byConcurrency := float64(requests) * latency.Seconds() / float64(concurrency); byConcurrency > floor {
		floor = byConcurrency
	}
	floor += latency.Seconds()
	twice, none := a.mailed(b.people)
	b.row(fmt.Sprintf("`apply` of %d people: wall time over (requests / rate + one latency)", b.people),
		"rate | latency | `--concurrency` | wall | wall / floor | 429s | most in flight | connections",
		rateName(rate), span(latency), concurrency, c.Wall, c.Wall.Seconds()/floor, a.limited(), a.PeakInFlight(), a.connections.Load())
	if c.Code != 0 || twice+none > 0 {
		b.fault("%s: code %d, %d mailed twice, %d not mailed: %s", name, c.Code, twice, none, c.firstError)
	}
	return nil
}

// invite lets orgsync invite everybody, with nothing remembered from before. The API is to be closed.
func (b *bench) invite(o sandbox.Options, faults []sandbox.Fault, rate, concurrency int) (*api, cost, error) {
	simulated, err := sandbox.New(o)
	if err != nil {
		return nil, cost{}, err
	}
	for _, f := range faults {
		simulated.AddFault(f)
	}
	a, err := serve(simulated, nil)
	if err != nil {
		return nil, cost{}, err
	}
	roster := filepath.Join(b.scratch, "invite.yaml")
	err = writeRoster(roster, b.people, func(int) string { return "" })
	state, errTemp := os.MkdirTemp(b.scratch, "state-")
	if err = cmp.Or(err, errTemp); err != nil {
		a.close()
		return nil, cost{}, err
	}
	b.last = []string{"apply", "--yes", "--roster", roster, "--max-invites", strconv.Itoa(b.people), "--concurrency",
		strconv.Itoa(concurrency), "--timeout", "1h"}
	if b.env == nil {
		b.last = append(b.last, "--state-dir", state)
	}
	c, err := b.again(a, rate)
	if err != nil {
		a.close()
		return nil, cost{}, err
	}
	return a, c, nil
}

// again runs apply once more, as [bench.invite] did.
func (b *bench) again(a *api, rate int) (cost, error) {
	return b.measure(append(a.environment(), b.env...), b.program, append(b.last, "--rate", strconv.Itoa(rate))...)
}

var concurrencyDefault = regexp.MustCompile(`--concurrency .*\(default (\d+)\)`)

// defaultConcurrency is what the program says it is.
func (b *bench) defaultConcurrency() (int, error) {
	c, err := b.orgsync(1, nil, "apply", "--help")
	if err != nil {
		return 0, err
	}
	match := concurrencyDefault.FindSubmatch(c.out)
	if match == nil {
		return 0, fmt.Errorf("the help of apply does not name the default of --concurrency")
	}
	return strconv.Atoi(string(match[1]))
}
