package cli

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
)

func (a *app) validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate [ROSTER...]",
		Short: "Check roster files",
		Long: `Checks files and folders as one roster. validate prints every problem with its
place, as file:line:column. Without arguments, validate checks users.yaml, or
the files that --roster names. validate needs no API key and sends nothing. In a
valid roster, validate warns about probable mistakes, for example a last day
that is over.

In GitHub Actions, --output github annotates each problem and each warning at
its line of the pull request. If the roster is valid and has no warnings,
--output github prints nothing.`,
		Annotations: exitStatus(exitInvalid, exitInterrupted),
		Example: `  orgsync validate
  orgsync validate teams/ contractors.yaml
  orgsync validate --output github`,
		ValidArgsFunction: completeFiles(math.MaxInt, rosterFiles...),
		Args:              argumentsOrRosterFlag,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				a.rosters = args
			}
			return a.validate(cmd.Context())
		},
	}
	a.addRosterFlag(cmd)
	a.addOutputFlag(cmd, "markdown", "github")
	return cmd
}

// argumentsOrRosterFlag returns an error if both arguments and --roster name the roster. The
// environment variable of --roster is no error: it is read later, and arguments override it.
func argumentsOrRosterFlag(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && cmd.Flags().Changed("roster") {
		return errors.New("name the roster by arguments or by --roster, not by both")
	}
	return nil
}

func (a *app) validate(ctx context.Context) error {
	r, err := readRoster(ctx, a.rosters...)
	if invalid, ok := errors.AsType[*roster.ProblemsError](err); ok && a.output == "text" {
		a.reported = true // the problems are the result of validate
		return errors.Join(err, a.writeDocument(a.stdout, report.ProblemsDocument(invalid.Problems)))
	}
	if err != nil {
		return err
	}
	run := newRun("validate", r, time.Time{})
	a.reported = true
	warnings := r.Warnings(time.Now())
	if a.output == "json" {
		return report.ValidJSON(a.stdout, run, warnings)
	}
	return a.writeDocument(a.stdout, report.ValidDocument(run, warnings))
}
