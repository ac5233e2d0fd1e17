package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/secrets"
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
	if f, ok := secrets.Unwrap(stream).(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 80 // the terminal does not report its width
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

// enableHeader makes writeHeader write a header for this run of command, if the output is text and there
// is no terminal. The output then probably goes to a log, in which people look for a run by its time.
func (a *app) enableHeader(command string) {
	if a.output == "text" && !a.isTerminal(a.stdin) && !a.isTerminal(a.stdout) {
		a.headerCommand = command
	}
}

// writeHeader writes the header of the run to w, if the run has a header that is not written yet. The
// header is a line with the time, the version, the command, the organization, the roster and the state.
func (a *app) writeHeader(w io.Writer) {
	if a.headerCommand == "" {
		return
	}
	in, files := "unknown", clean(strings.Join(a.rosters, ", "))
	if o := a.run.Organization; o.ID != "" {
		in = strings.TrimSpace(clean(o.Name) + " (" + clean(o.ID) + ")")
	}
	fmt.Fprintf(w, "%s orgsync %s %s: organization %s, roster %s, state %s\n", time.Now().UTC().Format(time.RFC3339),
		buildVersion(), a.headerCommand, in, files, clean(a.stateName()))
	a.headerCommand, a.headerWritten = "", true
}

// isSilent reports whether a run that changes nothing and ends with err prints nothing. With --quiet,
// that is so for text and Markdown, unless the run fails: its error may refer to the notices of the
// report. The other formats are for programs, which expect a result.
func (a *app) isSilent(err error) bool {
	code := exitCode(err)
	return a.quiet && (a.output == "text" || a.output == "markdown") && (code == exitDone || code == exitChanges)
}

// writeDocument writes d to w in the format of --output. w is stdout, or a buffer for stdout.
func (a *app) writeDocument(w io.Writer, d document.Document) error {
	switch a.output {
	case "markdown":
		return document.WriteMarkdown(w, d)
	case "html":
		return document.WriteHTML(w, d)
	case "github":
		dir, _ := os.Getwd() // if it is unknown, paths stay unchanged
		return document.WriteGitHub(w, d, dir)
	}
	a.writeHeader(a.stdout)
	if a.headerWritten {
		d.Organization = org.Organization{} // the header names it
	}
	return document.WriteText(w, d, a.windowWidth(a.stdout), a.useColor(a.stdout))
}

// readConfirmation reads the answer to a question, one line from stdin, and reports whether it is "y"
// or "yes". An empty line and the end of input mean no. If ctx ends first, the error is its cause.
func (a *app) readConfirmation(ctx context.Context) (bool, error) {
	line, err := interruptible(ctx, "read the answer", func() (string, error) {
		line, _ := bufio.NewReader(io.LimitReader(a.stdin, 100)).ReadString('\n')
		return line, nil
	})
	if !strings.HasSuffix(line, "\n") {
		fmt.Fprintln(a.stderr)
	}
	if err != nil {
		return false, context.Cause(ctx)
	}
	line = strings.ToLower(strings.TrimSpace(line))
	return line == "y" || line == "yes", nil
}
