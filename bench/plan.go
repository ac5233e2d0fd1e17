package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// plans measures plan for organizations of several sizes.
func (b *bench) plans() error {
	sizes := []int{1_000, 20_000, 200_000}
	if b.quick {
		sizes = sizes[:2]
	}
	for _, people := range sizes {
		var o *organization // made only if a row is wanted
		var base cost
		for _, latency := range latencies[:2] {
			for _, rate := range []int{noLimit, 20} {
				// At the default rate, the latency hardly matters.
				if rate != noLimit && (latency == latencies[0] || people > 20_000) {
					continue
				}
				if !b.wants(fmt.Sprintf("plan/%d/%v/%s", people, latency, rateName(rate))) {
					continue
				}
				var err error
				if o == nil {
					if o, err = b.found(people); err != nil {
						return err
					}
					if base, err = b.alone(b.runs, nil, "decode", o.roster, o.answers); err != nil {
						return err
					}
				}
				o.replay.latency = latency
				if err := b.plan(o, base, rate); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *bench) plan(o *organization, base cost, rate int) error {
	a := listen(o.replay.simulated, o.replay)
	defer a.close()
	alone, err := b.slowest(o, a)
	if err != nil {
		return err
	}
	state, err := os.MkdirTemp(b.scratch, "state-")
	if err != nil {
		return err
	}
	runs := b.runs
	if alone > 5*time.Second {
		runs = 1
	}
	o.replay.requests.Store(0)
	c, err := b.orgsync(runs, a.environment(), "plan", "--roster", o.roster, "--state-dir", state, "--rate",
		strconv.Itoa(rate))
	if err != nil {
		return err
	}
	requests := int(o.replay.requests.Load()) / runs
	floor := alone
	if rate != noLimit {
		floor = max(floor, time.Duration(float64(requests)/float64(rate)*float64(time.Second)))
	}
	floor = max(floor, time.Duration(requests)*o.replay.latency/defaultConcurrency)
	b.row("`plan`: wall time over the slowest list alone (or requests / rate, or requests × latency / `--concurrency`, "+
		"where that is longer); processor time and memory over decoding the same bytes into structs with `encoding/json` "+
		"and `yaml.v3`",
		"people | latency | rate | requests, pages | wall | wall / floor | processor time | "+
			"processor time / decoding | peak memory | peak memory / decoding",
		o.people, span(o.replay.latency), rateName(rate), fmt.Sprintf("%d, %d", requests, o.pages), c.Wall,
		c.Wall.Seconds()/floor.Seconds(),
		c.Processor, c.Processor.Seconds()/base.Processor.Seconds(), megabytes(c.Memory),
		float64(c.Memory)/float64(base.Memory))
	return nil
}
