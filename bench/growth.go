package main

import "time"

const (
	// steepest is how much more processor time a person may cost in a large organization than in the smallest: caches that
	// no longer hold everything and the collector of garbage cost some, a step that takes the square of its time costs far
	// more.
	steepest = 2.5
	// extraRequests is how many requests plan may send beyond the pages that there are, whatever the size.
	extraRequests = 3
)

// growth judges what the plans took: the cost of a person must stay flat, and requests must not grow but with pages.
func (b *bench) growth() error {
	if !b.wants("growth") || len(b.sizes) < 2 {
		return nil
	}
	start, err := b.orgsync(b.runs, nil, "version")
	if err != nil {
		return err
	}
	perPerson := func(o organizationCost) time.Duration {
		return (o.processor - start.Processor) / time.Duration(o.people)
	}
	least := perPerson(b.sizes[0])
	for _, o := range b.sizes {
		b.row("Growth: processor time of `plan` for each person, less that of `version`; the exit code is 1 when it grows",
			"people | processor time for each person | this time / the time for the smallest organization | "+
				"requests minus pages",
			o.people, perPerson(o).String(),
			perPerson(o).Seconds()/least.Seconds(), o.requests-o.pages)
		if float64(perPerson(o)) > steepest*float64(least) {
			b.fault("growth: a person costs %v of processor time among %d people and %v among %d", perPerson(o), o.people, least,
				b.sizes[0].people)
		}
		if o.requests-o.pages > extraRequests {
			b.fault("growth: %d requests for %d pages among %d people", o.requests, o.pages, o.people)
		}
	}
	return nil
}
