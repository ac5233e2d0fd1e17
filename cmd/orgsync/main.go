// Command orgsync keeps the members of a Vultr organization in sync with a YAML roster: it invites people who are
// missing, and invites people again whose invitation expired.
package main

import (
	"context"
	"os"

	"github.com/orgsync/orgsync/internal/cli"
)

func main() {
	ctx, stop := cli.WithSignals(context.Background())
	code := cli.Run(ctx, cli.ProcessEnvironment())
	stop()
	os.Exit(code)
}
