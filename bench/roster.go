package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// rosters measures validate on a large roster.
func (b *bench) rosters() error {
	sizes := []int{20_000, 200_000}
	if b.quick {
		sizes = sizes[:1]
	}
	for _, people := range sizes {
		if !b.wants(fmt.Sprintf("roster/%d", people)) {
			continue
		}
		file := filepath.Join(b.scratch, "roster.yaml")
		if err := writeRoster(file, people, func(i int) string {
			return fmt.Sprintf("    groups: [%s]\n", group(i))
		}); err != nil {
			return err
		}
		nodes, err := b.alone(b.runs, nil, "nodes", file)
		if err != nil {
			return err
		}
		c, err := b.orgsync(b.runs, nil, "validate", file)
		if err != nil {
			return err
		}
		b.row("`validate`: over `yaml.v3` building the nodes of the same file", "people | wall | wall / floor | processor "+
			"time | processor time / floor | peak memory | peak memory / floor",
			people, c.Wall, c.Wall.Seconds()/nodes.Wall.Seconds(), c.Processor, c.Processor.Seconds()/nodes.Processor.Seconds(),
			megabytes(c.Memory), float64(c.Memory)/float64(nodes.Memory))
	}
	return nil
}

// email is the address of the i-th person.
func email(i int) string { return fmt.Sprintf("person.%06d@example.com", i) }

// writeRoster writes a roster of so many people, each with what more says of them.
func writeRoster(file string, people int, more func(i int) string) error {
	text := []byte("users:\n")
	for i := range people {
		text = fmt.Appendf(text, "  - email: %s\n    name: Person %d\n%s", email(i), i, more(i))
	}
	return os.WriteFile(file, text, 0o600)
}
