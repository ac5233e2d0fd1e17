package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/cupwriter"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/secrets"
)

// progress is a line on a terminal that shows how much of the current work is done. The line
// disappears at the end. A nil progress shows nothing. A progress is safe for concurrent use.
type progress struct {
	out io.Writer

	mu        sync.Mutex
	work      string        // the label of the bar
	container *mpb.Progress // draws the bar, and the lines above it; nil while there is no bar
	bar       *mpb.Bar
}

// newProgress returns a progress on stderr. It returns nil with --no-progress, and if stderr is not a
// terminal that can show a bar.
func (a *app) newProgress() *progress {
	if a.noProgress || !a.isTerminal(a.stderr) || a.getenv("TERM") == "dumb" {
		return nil
	}
	return &progress{out: secrets.Unwrap(a.stderr)}
}

// show draws a bar with the label work, which says that done of known steps are done. If work differs
// from the last call, a new bar starts.
func (p *progress) show(work string, done, known int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.work != work {
		p.end()
	}
	if p.container == nil {
		p.begin(work, done)
	}
	p.bar.SetTotal(int64(known), false)
	p.bar.SetCurrent(int64(done))
}

// wait shows the number of mails whose answer was lost, and counts down to until, when orgsync reads
// the organization again. The line disappears with the next call of show or clear.
func (p *progress) wait(mails int, until time.Time) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	what := document.Pluralize(mails, "mail was", "mails were")
	p.work = "Waiting"
	p.container = mpb.New(mpb.WithConsoleWriter(console{cupwriter.New(p.out, false), p.out}))
	p.bar = p.container.New(0, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
		left := max(0, time.Until(until)).Round(time.Second)
		return fmt.Sprintf("Waiting to find out whether %s sent; reading again in %v", what, left)
	})))
}

// barWidth is the maximum width of the bar without its texts, in columns.
const barWidth = 40

func (p *progress) begin(work string, done int) {
	p.work = work
	p.container = mpb.New(mpb.WithConsoleWriter(console{cupwriter.New(p.out, false), p.out}), mpb.WithWidth(barWidth))
	// With a total of 0, the bar does not end by itself. The total may grow after all steps are done.
	p.bar = p.container.AddBar(0,
		mpb.PrependDecorators(decor.Name(work+" "), decor.CountersNoUnit("%d/%d")),
		mpb.AppendDecorators(decor.Any(paceText(time.Now(), int64(done)))),
	)
}

// console is a cupwriter.Writer that overwrites a key which the terminal has echoed, such as ^C: it
// returns to the start of the line before it draws.
type console struct {
	*cupwriter.Writer
	out io.Writer
}

func (c console) Flush(lines int) error {
	if _, err := io.WriteString(c.out, "\r"); err != nil {
		return err
	}
	return c.Writer.Flush(lines)
}

// paceText returns a function for the text beside a bar: the number of steps in a second since began,
// and the time that is left at this pace. before is the number of steps that were done at began.
func paceText(began time.Time, before int64) func(decor.Statistics) string {
	return func(s decor.Statistics) string {
		n, took := s.Current-before, time.Since(began)
		if n <= 0 || took <= 0 {
			return ""
		}
		left := time.Duration(float64(took) / float64(n) * float64(max(0, s.Total-s.Current)))
		return fmt.Sprintf("%.1f/s %v left", float64(n)/took.Seconds(), left.Round(time.Second))
	}
}

// clear removes the bar, so that other output does not mix with it.
func (p *progress) clear() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
}

func (p *progress) end() {
	if p.container == nil {
		return
	}
	p.bar.Abort(true)
	p.container.Wait()
	p.container, p.bar = nil, nil
}

// writerAbove returns a writer to w, the terminal of the bar. While there is a bar, the writer puts
// lines above the bar. Each call of Write must write a whole line.
func (p *progress) writerAbove(w io.Writer) io.Writer {
	if p == nil {
		return w
	}
	return aboveBar{p, w}
}

type aboveBar struct {
	*progress
	w io.Writer
}

func (a aboveBar) Write(line []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.container != nil {
		if n, err := a.container.Write(line); err == nil {
			return n, nil
		}
	}
	return a.w.Write(line) // there is no bar, or its terminal is closed
}
