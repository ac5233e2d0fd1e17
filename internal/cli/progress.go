package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/cupwriter"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress is a line on a terminal that says how far the work at hand is, and is gone when that is done. A nil one shows
// nothing. It is safe for concurrent use.
type progress struct {
	out io.Writer

	mu    sync.Mutex
	work  string        // what the bar is about
	lines *mpb.Progress // nil while there is no bar
	bar   *mpb.Bar
}

// newProgress is nil where nobody sees a bar, or wants none.
func (a *app) newProgress() *progress {
	if a.noProgress || !a.isTerminal(a.stderr) || a.getenv("TERM") == "dumb" {
		return nil
	}
	return &progress{out: unwrapStream(a.stderr)}
}

// readingProgress is what a client is to tell; nil where nothing is shown.
func (p *progress) readingProgress() func(done, known int) {
	if p == nil {
		return nil
	}
	return func(done, known int) { p.show("Reading", done, known) }
}

// show says that done steps of the work are done, of those that are known. Other work begins a bar of its own.
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

// wait shows, until something else is shown, that the answers to so many mails were lost and how long it is until the next
// reading.
func (p *progress) wait(mails int, until time.Time) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	what := "1 mail was"
	if mails > 1 {
		what = fmt.Sprintf("%d mails were", mails)
	}
	p.work = "Waiting"
	p.lines = mpb.New(mpb.WithConsoleWriter(console{cupwriter.New(p.out, false), p.out}))
	p.bar = p.lines.New(0, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
		left := max(0, time.Until(until)).Round(time.Second)
		return fmt.Sprintf("Waiting to know whether %s sent; reading again in %v", what, left)
	})))
}

// barWidth is how wide the bar itself may be, in columns; in a narrow window it is what the numbers leave.
const barWidth = 40

func (p *progress) begin(work string, done int) {
	p.work = work
	p.lines = mpb.New(mpb.WithConsoleWriter(console{cupwriter.New(p.out, false), p.out}), mpb.WithWidth(barWidth))
	// A total of 0 leaves it to end to say when it is over: what is known may grow.
	p.bar = p.lines.AddBar(0,
		mpb.PrependDecorators(decor.Name(work+" "), decor.CountersNoUnit("%d/%d")),
		mpb.AppendDecorators(decor.Any(paceText(time.Now(), int64(done)))),
	)
}

// console goes to the beginning of the line before it draws: the terminal may have echoed a key there, as ^C.
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

// paceText says how many steps a second were done since a bar began, with before steps done already, and how long the others
// will take at that.
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

// clear takes the bar away: what is written next has the terminal to itself.
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

// writerAbove is w, which writes to the same terminal as the bar, for whole lines: while there is a bar they go writerAbove it.
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
