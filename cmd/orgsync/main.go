// Command orgsync keeps the members of a Vultr organization as a roster in YAML says: it invites who is missing and
// invites again whose invitation expired.
package main

import (
	"context"
	"os"
	"time"
)

func main() {
	ctx, stop := withSignals(context.Background())
	code := run(ctx, surroundings{
		name:       calledAs(os.Args[0]),
		args:       os.Args[1:],
		stdin:      os.Stdin,
		stdout:     os.Stdout,
		stderr:     os.Stderr,
		getenv:     os.Getenv,
		environ:    os.Environ,
		isTerminal: isTerminal,
		after:      time.After,
	})
	stop()
	os.Exit(code)
}
