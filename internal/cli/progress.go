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

// progress is a line on a terminal that shows how much of the current work is done; it disappears
// at the end. A nil progress shows nothing. It is safe for concurrent use.
type progress struct {
	out io.Writer

	mu    sync.Mutex
	work  string        // the label of the bar
	lines *mpb.Progress // nil while there is no bar
	bar   *mpb.Bar
}

// newProgress returns nil when nobody would see a bar, or none is wanted.
func (a *app) newProgress() *progress {
	if a.noProgress || !a.isTerminal(a.stderr) || a.getenv("TERM") == "dumb" {
		return nil
	}
	return &progress{out: secrets.Unwrap(a.stderr)}
}

// show shows that done of the known steps of work are done. Different work starts a new bar.
func (p *progress) show(work string, done, known int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.work != work {
		p.end()
	}
	if p.lines == nil {
		p.begin(work, done)
	}
	p.bar.SetTotal(int64(known), false)
	p.bar.SetCurrent(int64(done))
}

// wait shows that the answers to so many mails were lost, and the time until the next reading,
// until something else is shown.
func (p *progress) wait(mails int, until time.Time) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	what := document.Pluralize(mails, "mail was", "mails were")
	p.work = "Waiting"
	p.lines = mpb.New(mpb.WithConsoleWriter(console{cupwriter.New(p.out, false), p.out}))
	p.bar = p.lines.New(0, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
		left := max(0, time.Until(until)).Round(time.Second)
		return fmt.Sprintf("Waiting to know whether %s sent; reading again in %v", what, left)
	})))
}

// barWidth is the maximum width of the bar itself, in columns; a narrow window leaves it less.
const barWidth = 40

func (p *progress) begin(work string, done int) {
	p.work = work
	p.lines = mpb.New(mpb.WithConsoleWriter(console{cupwriter.New(p.out, false), p.out}), mpb.WithWidth(barWidth))
	// With a total of 0 the bar does not end by itself: more steps may become known.
	p.bar = p.lines.AddBar(0,
		mpb.PrependDecorators(decor.Name(work+" "), decor.CountersNoUnit("%d/%d")),
		mpb.AppendDecorators(decor.Any(paceText(time.Now(), int64(done)))),
	)
}

// console returns to the start of the line before it draws, where the terminal may have echoed a
// key, as in ^C.
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

// paceText returns a function that shows the steps a second since the bar began, and the time that
// is left at that pace. before is how many steps were done when the bar began.
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

// clear removes the bar, so that the next output has the terminal to itself.
func (p *progress) clear() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
}

func (p *progress) end() {
	if p.lines == nil {
		return
	}
	p.bar.Abort(true)
	p.lines.Wait()
	p.lines, p.bar = nil, nil
}

// writerAbove returns a writer of whole lines to w, the terminal of the bar. While there is a bar,
// the lines go above it.
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
	if a.lines != nil {
		if n, err := a.lines.Write(line); err == nil {
			return n, nil
		}
	}
	return a.w.Write(line) // no bar, or one whose terminal is gone
}
