// Command bench measures orgsync, and compares each measurement with a floor from the same machine and run: the time
// that the API's rate and latency take, the time of the slowest list alone, or the cost of decoding the same bytes. It
// prints Markdown tables, row by row.
//
//	go run ./bench                 # everything; 15 minutes, most of it waiting for rates
//	go run ./bench -quick          # smaller numbers; a minute or two
//	go run ./bench -run 'plan|start'
//	go run ./bench -run state      # with the servers of the tests, see .ci/run
//
// The simulated API listens on a loopback address, the program that is measured is built from this checkout, and
// everything ends by itself. The exit code is 1 if a person was mailed twice or not at all, or if a run that invites
// 20,000 people needs too much memory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == aloneCommand {
		exit(alone(os.Args[2], os.Args[3:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(run(ctx, os.Stdout, os.Args[1:]))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// bench is one run of the measurements.
type bench struct {
	ctx     context.Context
	out     io.Writer
	only    *regexp.Regexp
	quick   bool
	people  int      // how many people apply invites
	runs    int      // how often a short measurement is repeated
	program string   // the path of the orgsync that is measured
	self    string   // the path of this program
	scratch string   // a folder for everything that is written
	table   string   // the title of the table that is being printed
	faults  []string // broken promises, such as a second mail
}

func run(ctx context.Context, out io.Writer, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := flags.Bool("quick", false, "smaller numbers: a minute or two")
	only := flags.String("run", "", "measure only rows whose name matches this `regexp`, as in 'apply/28' or 'plan/20000'")
	people := flags.Int("people", 0, "people that apply invites (default 1000, quick 100)")
	runs := flags.Int("runs", 3, "how often short measurements are repeated; the median counts")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	b := &bench{ctx: ctx, out: out, only: pattern, quick: *quick, people: *people, runs: max(1, *runs)}
	if b.people == 0 {
		b.people = 1000
		if b.quick {
			b.people = 100
		}
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.scratch, err = os.MkdirTemp("", "orgsync-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.scratch)
	b.program = filepath.Join(b.scratch, "orgsync")
	if err := b.build(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s on %s/%s, %d processors, %s.\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly))
	for _, measure := range []func() error{b.start, b.plans, b.applies, b.states, b.loops} {
		if err := measure(); err != nil {
			return err
		}
	}
	if len(b.faults) > 0 {
		return errors.New(strings.Join(b.faults, "; "))
	}
	return nil
}

// wants reports whether --run selects the row of this name.
func (b *bench) wants(name string) bool { return b.only.MatchString(name) }

// fault records a broken promise; the measurements go on.
func (b *bench) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	b.faults = append(b.faults, text)
	fmt.Fprintf(b.out, "\n**%s**\n\n", text)
	b.table = "" // the next row prints the header of its table again
}

// row prints one row of the table with this title. The first row comes after the header.
func (b *bench) row(title, header string, cells ...any) {
	if b.table != title {
		b.table = title
		fmt.Fprintf(b.out, "\n%s\n\n| %s |\n|%s\n", title, header, strings.Repeat("---|", strings.Count(header, "|")+1))
	}
	texts := make([]string, len(cells))
	for i, cell := range cells {
		switch cell := cell.(type) {
		case float64:
			texts[i] = ratio(cell)
		case time.Duration:
			texts[i] = span(cell)
		default:
			texts[i] = fmt.Sprint(cell)
		}
	}
	fmt.Fprintf(b.out, "| %s |\n", strings.Join(texts, " | "))
}

// ratio returns r with three decimals if it is less than 10, otherwise with one.
func ratio(r float64) string {
	if r < 10 {
		return fmt.Sprintf("%.3f", r)
	}
	return fmt.Sprintf("%.1f", r)
}

// span returns d in milliseconds or seconds.
func span(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }
