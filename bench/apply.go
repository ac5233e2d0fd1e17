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

// applies measures runs that invite everybody, against the time that the rate needs, or the concurrency where it is
// that which bounds.
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
	a, c, _, err := b.invite(sandbox.Options{RateLimit: limit, Latency: latency}, nil,
		inviting{people: b.people, rate: rate, concurrency: concurrency})
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
		"rate | latency | `--concurrency` | wall | wall / floor | 429 answers | most requests in flight | "+
			"connections",
		rateName(rate), span(latency), concurrency, c.Wall, c.Wall.Seconds()/floor, a.limited(), a.PeakInFlight(),
		a.connections.Load())
	if c.Code != 0 || twice+none > 0 {
		b.fault("%s: code %d, %d mailed twice, %d not mailed: %s", name, c.Code, twice, none, c.firstError)
	}
	return nil
}

// inviting says how orgsync invites people.
type inviting struct {
	people, rate, concurrency int
	// env is for the program, beside the API. nil: its state is in a new folder.
	env []string
}

// invite lets orgsync invite everybody, with nothing remembered from before. again runs it once more. The
// API is to be closed.
func (b *bench) invite(o sandbox.Options, faults []sandbox.Fault, how inviting) (a *api, c cost,
	again func() (cost, error), err error) {
	simulated, err := sandbox.New(o)
	if err != nil {
		return nil, cost{}, nil, err
	}
	for _, f := range faults {
		simulated.AddFault(f)
	}
	if a, err = serve(simulated, nil); err != nil {
		return nil, cost{}, nil, err
	}
	roster := filepath.Join(b.scratch, "invite.yaml")
	err = writeRoster(roster, how.people, func(int) string { return "" })
	state, errTemp := os.MkdirTemp(b.scratch, "state-")
	if err = cmp.Or(err, errTemp); err != nil {
		a.close()
		return nil, cost{}, nil, err
	}
	args := []string{
		"apply", "--yes", "--roster", roster, "--max-invites", strconv.Itoa(how.people), "--rate", strconv.Itoa(how.rate),
		"--concurrency", strconv.Itoa(how.concurrency), "--timeout", "1h",
	}
	if how.env == nil {
		args = append(args, "--state-dir", state)
	}
	again = func() (cost, error) { return b.measure(append(a.environment(), how.env...), b.program, args...) }
	if c, err = again(); err != nil {
		a.close()
		return nil, cost{}, nil, err
	}
	return a, c, again, nil
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
