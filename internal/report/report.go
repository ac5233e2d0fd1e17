// Package report renders what the other packages decided, did and found: for people as text, Markdown and a web page, for
// programs as JSON, GitHub's annotations and metrics. It decides nothing. Text from outside passes through [Clean] before it
// is shown.
package report

import "time"

// Run is what a report tells about a run beyond its plan and result.
type Run struct {
	// Command is the subcommand, as in "plan".
	Command string
	// Files are the roster's files, and People is how many people they name.
	Files  []string
	People int
	// Failure is why the run ends with an error; nil when it does not.
	Failure *Failure
}

// Failure is an error that ends a run.
type Failure struct {
	// Code is the exit code.
	Code int
	Err  error
}

// stamp is t as every report for programs writes it: RFC 3339 in UTC; nil for the zero time.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(time.RFC3339)
	return &s
}
