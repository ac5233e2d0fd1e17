package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/orgsync/orgsync/internal/sandbox"
)

var latencies = []time.Duration{20 * time.Millisecond, 120 * time.Millisecond, 400 * time.Millisecond}

// defaultConcurrency is the default of --concurrency.
const defaultConcurrency = 10

// documentedLimit is how many requests the API allows in one second.
const documentedLimit = 30

// applies measures runs that invite everybody. Their floor is the time that the rate or the concurrency takes.
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
			concurrency := defaultConcurrency
			// rate × latency requests are in flight at the same time. A tenth more leaves room for late answers.
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
	i, err := b.invite(inviting{people: b.people, rate: rate, concurrency: concurrency, latency: latency})
	if err != nil {
		return err
	}
	defer i.close()
	requests := len(i.Requests())
	floor := latency.Seconds() +
		max(float64(requests)/float64(rate), float64(requests)*latency.Seconds()/float64(concurrency))
	b.row(fmt.Sprintf("`apply` of %d people: wall time over (requests / rate + one latency)", b.people),
		"rate | latency | `--concurrency` | wall | wall / floor | 429 answers | most requests in flight | "+
			"connections",
		rateName(rate), span(latency), concurrency, i.Wall, i.Wall.Seconds()/floor, i.limited(), i.PeakInFlight(),
		i.connections.Load())
	b.checkMails(name, i, b.people)
	return nil
}

// checkMails records a fault unless orgsync exited with 0 and mailed everybody once.
func (b *bench) checkMails(name string, i *invited, people int) {
	if twice, none := i.mailed(people); i.Code != 0 || twice+none > 0 {
		b.fault("%s: code %d, %d mailed twice, %d not mailed: %s", name, i.Code, twice, none, i.firstError)
	}
}

// inviting has the parameters of a run that invites people.
type inviting struct {
	people, rate, concurrency int
	latency                   time.Duration
	dialect                   sandbox.Dialect
	faults                    []sandbox.Fault
	// env has more environment variables for orgsync. If it is nil, the state is in a new folder.
	env []string
}

// invited is a run that invited people, and its API, which the caller closes.
type invited struct {
	*api
	cost
	again func() (cost, error) // runs orgsync once more
}

// invite runs orgsync with an empty ledger, to invite everybody.
func (b *bench) invite(how inviting) (*invited, error) {
	limit := documentedLimit
	if how.rate > limit {
		limit = -1
	}
	roster := filepath.Join(b.scratch, "invite.yaml")
	if err := writeRoster(roster, how.people, func(int) string { return "" }); err != nil {
		return nil, err
	}
	args := []string{
		"apply", "--yes", "--roster", roster, "--max-invites", strconv.Itoa(how.people), "--rate", strconv.Itoa(how.rate),
		"--concurrency", strconv.Itoa(how.concurrency), "--timeout", "1h",
	}
	if how.env == nil {
		state, err := os.MkdirTemp(b.scratch, "state-")
		if err != nil {
			return nil, err
		}
		args = append(args, "--state-dir", state)
	}
	a, err := simulate(sandbox.Options{Dialect: how.dialect, RateLimit: limit, Latency: how.latency}, how.faults)
	if err != nil {
		return nil, err
	}
	i := &invited{api: a}
	i.again = func() (cost, error) { return b.measure(append(a.environment(), how.env...), b.program, args...) }
	if i.cost, err = i.again(); err != nil {
		a.close()
		return nil, err
	}
	return i, nil
}
