package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/orgsync/orgsync/internal/report"
)

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// windowWidth returns the width of the terminal stream in columns; 0, which means no limit, for any
// other stream.
func (a *app) windowWidth(stream io.Writer) int {
	if !a.isTerminal(stream) {
		return 0
	}
	if f, ok := unwrapStream(stream).(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 80 // the usual width, for a terminal that does not report one
}

// useColor reports whether output to stream may have colours. --color overrides NO_COLOR
// (no-color.org), which overrides the kind of stream.
func (a *app) useColor(stream io.Writer) bool {
	switch a.color {
	case "always":
		return true
	case "never":
		return false
	}
	return a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb" && a.isTerminal(stream)
}

// writeDocument writes d to w, which is stdout or on its way there, in the format of --output.
func (a *app) writeDocument(w io.Writer, d report.Document) error {
	switch a.output {
	case "markdown":
		return report.WriteMarkdown(w, d)
	case "html":
		return report.WriteHTML(w, d)
	case "github":
		return report.WriteGitHub(w, d, workingDirectory())
	}
	return report.WriteText(w, d, a.windowWidth(a.stdout), a.useColor(a.stdout))
}

// readConfirmation reads the answer to a question, one line from stdin. Only "y" and "yes" mean
// yes; an empty line and the end of input mean no. When ctx ends first, the error is its cause.
func (a *app) readConfirmation(ctx context.Context) (bool, error) {
	answer := make(chan string, 1)
	go func() { // a read from a terminal cannot be cancelled: it goes on when ctx ends
		line, _ := bufio.NewReader(io.LimitReader(a.stdin, 100)).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		if !strings.HasSuffix(line, "\n") {
			fmt.Fprintln(a.stderr)
		}
		line = strings.ToLower(strings.TrimSpace(line))
		return line == "y" || line == "yes", nil
	case <-ctx.Done():
		fmt.Fprintln(a.stderr)
		return false, context.Cause(ctx)
	}
}
