// Package cli is the command line of orgsync. Each command has a file; it reads the flags, calls
// the packages that do the work, prints the result and returns the exit code.
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
