// Package cli is the command line of orgsync: one file for each command, which reads flags, calls what does the work, prints
// the result and gives the exit code.
package cli

import (
	"os"
	"time"
)

// ProcessEnvironment returns the environment of this process: its arguments, streams and variables.
func ProcessEnvironment() Environment {
	return Environment{
		name:       invocationName(os.Args[0]),
		args:       os.Args[1:],
		stdin:      os.Stdin,
		stdout:     os.Stdout,
		stderr:     os.Stderr,
		getenv:     os.Getenv,
		environ:    os.Environ,
		isTerminal: isTerminal,
		after:      time.After,
	}
}
