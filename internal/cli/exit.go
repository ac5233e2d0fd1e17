package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/state"
)

// The exit codes. They are a promise to scripts.
const (
	exitDone        = 0
	exitError       = 1
	exitChanges     = 2
	exitUnfinished  = 3
	exitRefused     = 4
	exitLocked      = 5
	exitInvalid     = 6
	exitInterrupted = 130
	exitTerminated  = 143
)

// exitTexts describes each exit code in help texts: its meaning, and what to do.
var exitTexts = map[int]struct{ meaning, todo string }{
	exitDone:  {"done, or nothing to do", "nothing"},
	exitError: {"an error: the command could not do its work", "read the error; after a network error, run again"},
	exitChanges: {"only with --detailed-exitcode: plan found changes, or apply made changes",
		"after plan, review the plan"},
	exitUnfinished: {"only apply: some changes are not done or have an unknown outcome, a mail waits until you decide " +
		"or until orgsync knows whether an earlier mail was sent, or the roster names a group, role or policy that the " +
		"organization does not have",
		"read the error and its hint, then run again; if several runs in a row end with 3, read the notices"},
	exitRefused: {"refused before the first change: the plan exceeds a limit (only apply), the key or --state does not " +
		"fit the roster, an earlier run sent a mail for the wrong organization, or the plan has " +
		"changed since it was shown or saved",
		"review the plan; then raise the limit, fix the roster, or save a new plan"},
	exitLocked: {"another run has the lock, or took it over before this run sent anything",
		"wait and run again, or let orgsync wait with --lock-timeout"},
	exitInvalid: {"the roster is invalid, fmt --check found an unformatted file, or plan found that the roster " +
		"names a group, role or policy that the organization does not have",
		"fix the problems in the output: correct the roster, format it with 'orgsync fmt', or create what is missing in " +
			"the organization"},
	exitInterrupted: {"interrupted by Ctrl-C or SIGINT; requests in flight had up to 10 seconds to finish", "run again"},
	exitTerminated: {"terminated by SIGTERM, or the terminal was closed; requests in flight had up to 10 seconds " +
		"to finish", "run again"},
}

// helpTemplate is cobra's own help template, with the exit codes of exitStatus at the end.
const helpTemplate = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{if or .Runnable .HasSubCommands}}{{.UsageString}}{{end}}{{with .Annotations.exit}}
EXIT STATUS
{{.}}{{end}}`

// exitStatus returns the annotations of a command. They make its help list the exit codes 0 and 1,
// which every command has, and more.
func exitStatus(more ...int) map[string]string {
	var b strings.Builder
	for _, code := range append([]int{exitDone, exitError}, more...) {
		b.WriteString(exitLines()[code])
		if code == exitInterrupted { // a command that can be interrupted can be terminated
			b.WriteString(exitLines()[exitTerminated])
		}
	}
	return map[string]string{"exit": b.String()}
}

// exitLines maps each exit code to its lines in help texts: the code and its meaning, folded to 80
// columns.
var exitLines = sync.OnceValue(func() map[int]string {
	const width = 80
	const indent = "       "
	lines := make(map[int]string, len(exitTexts))
	for code, text := range exitTexts {
		meaning := strings.Join(document.Fold(text.meaning, width-len(indent)), "\n"+indent)
		lines[code] = fmt.Sprintf("  %-4d %s\n", code, meaning)
	}
	return lines
})

// errChanges makes a run with --detailed-exitcode exit with 2, because plan found changes or apply
// made changes. It is not a failure.
var errChanges = errors.New("there are changes")

// unfinishedError says that an apply did not finish its plan.
type unfinishedError struct {
	undone        int   // changes that are not made
	failed        int   // the changes among undone that were tried and failed
	unsettled     int   // people who may or may not have been mailed
	notInvited    int   // people who are not invited for another reason, which a notice gives
	missingAccess error // a plan.UnknownAccessError, or nil
	err           error // why the run stopped; nil if it ran to its end
}

func (e *unfinishedError) Error() string {
	var parts []string
	if e.undone > 0 {
		parts = append(parts, document.Pluralize(e.undone, "change is", "changes are")+" not done")
	}
	if e.unsettled > 0 {
		parts = append(parts, "for "+document.Pluralize(e.unsettled, "person", "people")+
			" it is unknown whether they were mailed")
	}
	if e.notInvited > 0 {
		parts = append(parts, document.Pluralize(e.notInvited, "person is not invited: see the notice",
			"people are not invited: see the notices")+" about them")
	}
	if e.missingAccess != nil {
		parts = append(parts, e.missingAccess.Error())
	}
	if e.err != nil && len(parts) == 0 {
		return e.err.Error()
	}
	s := strings.Join(parts, "; ")
	if e.err != nil {
		s += ": " + e.err.Error()
	}
	return s
}

func (e *unfinishedError) Unwrap() error { return e.err }

// lostReportError says that the report of an apply that made changes could not be printed.
type lostReportError struct {
	err     error
	allDone bool // whether all changes of the plan were made
}

func (e *lostReportError) Error() string { return "print the report: " + e.err.Error() }
func (e *lostReportError) Unwrap() error { return e.err }

// timeoutError is the cause of a context that --timeout ended.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("the run took longer than %v", e.after) }

// exitCode returns the exit code for err. It is the only place that decides exit codes. A signal
// comes first: any other error is a consequence of it.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	if s, ok := errors.AsType[*signalError](err); ok {
		if s.signal == os.Interrupt {
			return exitInterrupted
		}
		return exitTerminated
	}
	switch {
	case is[*unableError](err):
		return exitError
	case is[*unfinishedError](err):
		return exitUnfinished
	case errors.Is(err, errChanges):
		return exitChanges
	case is[*roster.ProblemsError](err), is[*plan.UnknownAccessError](err), errors.Is(err, errUnformatted):
		return exitInvalid
	case is[*state.LockedError](err), isTakenOver(err):
		return exitLocked
	case is[*org.PinError](err), is[*apply.WrongOrganizationError](err), is[*plan.LimitError](err),
		is[*plan.StaleError](err), is[*otherStateError](err), errors.Is(err, reconcile.ErrOrganizationChanged),
		errors.Is(err, reconcile.ErrRosterChanged):
		return exitRefused
	}
	return exitError
}

// isTakenOver reports whether err says that another run took the lock from this run.
func isTakenOver(err error) bool {
	lost, ok := errors.AsType[*state.LostError](err)
	return ok && lost.Err == nil
}

// is reports whether err is an E, or wraps one.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// printErrorReport writes the error of a run to stdout if the format of --output can show it: in JSON and
// for GitHub always, in Markdown only the problems of a roster.
func (a *app) printErrorReport(cmd *cobra.Command, code int, err error) error {
	switch a.output {
	case "json":
		command := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
		return report.ErrorJSON(a.stdout, report.Run{Command: command, Code: code, Err: err})
	case "github":
		a.reported = true // the annotations show every problem
		return a.writeDocument(a.stdout, report.ErrorDocument(err))
	case "markdown":
		if is[*roster.ProblemsError](err) {
			a.reported = true
			return a.writeDocument(a.stdout, report.ErrorDocument(err))
		}
	}
	return nil
}

// finish prints err with a hint, unless err is nil or errChanges, and returns the exit code.
func (a *app) finish(cmd *cobra.Command, err error) int {
	a.command = cmd
	code := exitCode(err)
	if err == nil || code == exitChanges {
		return code
	}
	if !a.isTerminal(a.stderr) {
		a.writeHeader(a.stderr) // it has the time, by which people look for the error in a log
	}
	if !a.reported {
		err = errors.Join(err, a.printErrorReport(cmd, code, err))
	}
	a.printErrorAndHint(err)
	return code
}
