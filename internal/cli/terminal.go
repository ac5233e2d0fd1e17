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

// beginRun makes the run of a command begin with a line about it when there is no terminal: its text
// then goes to a log, in which somebody looks for it by its time.
func (a *app) beginRun(command string) {
	if a.output == "text" && !a.isTerminal(a.stdin) && !a.isTerminal(a.stdout) {
		a.header = command
	}
}

// writeHeader writes the line that the run begins with to w, unless it is written already: the time,
// the version, the command, the organization as far as it is known, the roster and the state folder.
func (a *app) writeHeader(w io.Writer) {
	if a.header == "" {
		return
	}
	in, files := "unknown", clean(strings.Join(a.rosters, ", "))
	if o := a.run.Organization; o.ID != "" {
		in = strings.TrimSpace(clean(o.Name) + " (" + clean(o.ID) + ")")
	}
	fmt.Fprintf(w, "%s orgsync %s %s: organization %s, roster %s, state %s\n", time.Now().UTC().Format(time.RFC3339),
		buildVersion(), a.header, in, files, clean(a.stateName()))
	a.header, a.headed = "", true
}

// isSilent reports whether a run that changes nothing prints nothing. JSON and annotations are for
// programs, which expect a result.
func (a *app) isSilent() bool { return a.quiet && (a.output == "text" || a.output == "markdown") }

// writeDocument writes d to w, which is stdout or on its way there, in the format of --output.
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
	if a.headed {
		d.Organization = org.Organization{} // the header names it
	}
	return document.WriteText(w, d, a.windowWidth(a.stdout), a.useColor(a.stdout))
}

// readConfirmation reads the answer to a question, one line from stdin. Only "y" and "yes" mean
// yes; an empty line and the end of input mean no. When ctx ends first, the error is its cause.
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
