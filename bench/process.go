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

// build builds orgsync as releases do, without symbols.
func (b *bench) build() error {
	cmd := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.program,
		"github.com/orgsync/orgsync/cmd/orgsync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build orgsync: %w\n%s", err, out)
	}
	return nil
}

// cost is the measurements of a process and its output.
type cost struct {
	measures
	out        []byte
	firstError string // the text on stderr
}

// measures are the measurements of a process.
type measures struct {
	Wall, Processor time.Duration
	Memory          int64 // peak resident memory in bytes; 0 if the system does not report it
	Code            int
}

// measure runs a process to its end. A failed process is not an error: see Code.
//
// A small process of this program starts the process and measures it. On Linux, the peak memory of a process is at
// least that of the process that started it, and this one holds all answers of a large organization.
func (b *bench) measure(env []string, program string, args ...string) (cost, error) {
	result := filepath.Join(b.scratch, "measures.json")
	var out, firstError bytes.Buffer
	cmd := exec.CommandContext(b.ctx, b.self, append([]string{aloneCommand, "measure", result, program}, args...)...)
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

// measureHere runs a process with the streams of this one, and writes the measurements to a file.
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

// orgsync measures runs of orgsync.
func (b *bench) orgsync(runs int, env []string, args ...string) (cost, error) {
	return b.repeat(runs, env, b.program, args)
}

// alone measures runs of this program that do one thing: see the function alone.
func (b *bench) alone(runs int, env []string, args ...string) (cost, error) {
	return b.repeat(runs, env, b.self, append([]string{aloneCommand}, args...))
}

// repeat measures several runs of a program, and returns [medianOf] them. A run that fails is an error.
func (b *bench) repeat(runs int, env []string, program string, args []string) (cost, error) {
	costs := make([]cost, runs)
	for i := range costs {
		c, err := b.measure(env, program, args...)
		if err != nil {
			return cost{}, err
		}
		if c.Code != 0 {
			return cost{}, fmt.Errorf("%s %s ended with code %d: %s", filepath.Base(program), args[0], c.Code, c.firstError)
		}
		costs[i] = c
	}
	return medianOf(costs), nil
}

// medianOf returns the medians of wall time, processor time and memory, with the output of the run that has the median
// wall time. It sorts costs.
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
