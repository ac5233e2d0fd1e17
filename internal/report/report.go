// Package report turns plans, results, comparisons of rosters, the findings of doctor and the state of
// people into reports. It builds documents for people (see package document), and writes JSON and
// metrics for programs. It decides nothing. In documents, text from outside is marked by
// [document.MarkName], [document.MarkMessage] or [document.MarkWithin].
package report

import "time"

// Run has the facts about a run that are not in its plan or its result.
type Run struct {
	// Command is the subcommand, for example "plan".
	Command string
	// Files are the names of the roster files.
	Files []string
	// People is the number of people in the roster, and Teams is the number of teams.
	People, Teams int
	// TeamsOf maps the key of a person's address (see [org.Address.Key]) to the names of the person's
	// teams.
	TeamsOf map[string][]string
	// Code is the exit code of the run.
	Code int
	// Err is the error with which the run ends; nil if there is none.
	Err error
}

// timestamp returns t in the form of JSON documents, RFC 3339 in UTC; nil for the zero time.
func timestamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Format(time.RFC3339))
}
