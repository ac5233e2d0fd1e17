package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// build makes the program as it is given to users: without symbols.
func (b *bench) build() error {
	cmd := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.program,
		"github.com/orgsync/orgsync/cmd/orgsync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build orgsync: %w\n%s", err, out)
	}
	return nil
}

// cost is what a process took, and what it said.
type cost struct {
	measures
	out        []byte
	firstError string // on stderr
}

// measures are what a process took.
type measures struct {
	Wall, Processor time.Duration
	Memory          int64 // peak resident, in bytes; 0 where the system does not tell
	Code            int
}

// measure runs a process to its end. Whatever its exit code, that is no error.
//
// A small process of this same program starts it and takes the measures: on Linux a process inherits, as if it had been
// its own, the peak memory of the one that starts it, and here all the answers of a large organization are in memory.
func (b *bench) measure(env []string, program string, args ...string) (cost, error) {
	self, err := os.Executable()
	if err != nil {
		return cost{}, err
	}
	result := filepath.Join(b.scratch, "measures.json")
	var out, firstError bytes.Buffer
	cmd := exec.CommandContext(b.ctx, self, append([]string{aloneCommand, "measure", result, program}, args...)...)
	cmd.Env = append([]string{"HOME=" + b.scratch, "PATH=" + os.Getenv("PATH")}, env...)
	cmd.Stdout, cmd.Stderr = &out, &firstError
	if err := cmd.Run(); err != nil {
		return cost{}, cmp.Or(b.ctx.Err(), fmt.Errorf("run %s: %w: %s", filepath.Base(program), err, firstError.String()))
	}
	text, err := os.ReadFile(result)
	if err != nil {
		return cost{}, err
	}
	var m measures
	if err := json.Unmarshal(text, &m); err != nil {
		return cost{}, err
	}
	return cost{measures: m, out: out.Bytes(), firstError: firstError.String()}, nil
}

// measureHere runs a process with the streams of this one, and writes what it took to a file.
func measureHere(result, program string, args []string) error {
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	begin := time.Now()
	err := cmd.Run()
	wall := time.Since(begin)
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		return err
	}
	state := cmd.ProcessState
	text, err := json.Marshal(measures{
		Wall: wall, Processor: state.UserTime() + state.SystemTime(), Memory: peakMemory(state), Code: state.ExitCode(),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(result, text, 0o600)
}

// orgsync runs the program several times, each of which has to succeed, and gives the run with the median wall time.
func (b *bench) orgsync(runs int, env []string, args ...string) (cost, error) {
	return b.median(runs, func() (cost, error) {
		c, err := b.measure(env, b.program, args...)
		if err == nil && c.Code != 0 {
			err = fmt.Errorf("orgsync %s ended with code %d: %s", args[0], c.Code, c.firstError)
		}
		return c, err
	})
}

// alone runs this very program to do one thing that orgsync does too, and nothing else.
func (b *bench) alone(runs int, args ...string) (cost, error) { return b.aloneWith(nil, runs, args...) }

// aloneWith is alone with something more in the environment.
func (b *bench) aloneWith(env []string, runs int, args ...string) (cost, error) {
	self, err := os.Executable()
	if err != nil {
		return cost{}, err
	}
	return b.median(runs, func() (cost, error) {
		c, err := b.measure(env, self, append([]string{aloneCommand}, args...)...)
		if err == nil && c.Code != 0 {
			err = fmt.Errorf("%s alone: %s", args[0], c.firstError)
		}
		return c, err
	})
}

// median is the run with the median wall time; its processor time and memory are the medians of their own.
func (b *bench) median(runs int, run func() (cost, error)) (cost, error) {
	costs := make([]cost, runs)
	for i := range costs {
		var err error
		if costs[i], err = run(); err != nil {
			return cost{}, err
		}
	}
	return medianOf(costs), nil
}

// medianOf is the cost with the median wall time, with the medians of processor time and memory. It sorts costs.
func medianOf(costs []cost) cost {
	middle := func(less func(a, b cost) int) cost {
		slices.SortFunc(costs, less)
		return costs[len(costs)/2]
	}
	m := middle(func(a, b cost) int { return int(a.Wall - b.Wall) })
	m.Processor = middle(func(a, b cost) int { return int(a.Processor - b.Processor) }).Processor
	m.Memory = middle(func(a, b cost) int { return int(a.Memory - b.Memory) }).Memory
	return m
}
