package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// start measures the start of the program, and prints the program's size.
func (b *bench) start() error {
	if !b.wants("start") {
		return nil
	}
	const runs = 21 // many, since other programs on the machine disturb short runs most
	nothing, err := b.alone(runs, nil, "nothing")
	if err != nil {
		return err
	}
	ten := filepath.Join(b.scratch, "ten.yaml")
	if err := writeRoster(ten, 10, func(int) string { return "" }); err != nil {
		return err
	}
	for _, args := range [][]string{{"version"}, {"validate", ten}} {
		c, err := b.orgsync(runs, nil, args...)
		if err != nil {
			return err
		}
		said := map[string]string{"version": "`orgsync version`", "validate": "`orgsync validate`, ten people"}[args[0]]
		b.row("Start: wall time over a Go program that ends at once", "command | wall | wall / floor | peak memory",
			said, c.Wall, c.Wall.Seconds()/nothing.Wall.Seconds(), megabytes(c.Memory))
	}
	info, err := os.Stat(b.program)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\nThe stripped program has %s.\n", megabytes(info.Size()))
	return nil
}
