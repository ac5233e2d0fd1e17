// Package report renders plans, results, comparisons, check-ups and the state of people: for people
// as text, Markdown and a web page, for programs as JSON, GitHub annotations and metrics. It
// decides nothing. Text from outside passes through [printable.Clean] before it is shown.
package report

import "time"

// Run holds what a report says about a run beyond its plan and result.
type Run struct {
	// Command is the subcommand, as in "plan".
	Command string
	// Files are the roster's files, and People the number of people in them.
	Files  []string
	People int
	// Teams is the number of teams in the roster.
	Teams int
	// TeamsOf holds the names of the teams of each person who is in one, by canonical address.
	TeamsOf map[string][]string
	// Code and Err are the exit code and the error that the run ends with; Err is nil when there is none.
	Code int
	Err  error
}

// timestamp returns t as reports for programs write it, RFC 3339 in UTC; nil for the zero time.
func timestamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Format(time.RFC3339))
}
