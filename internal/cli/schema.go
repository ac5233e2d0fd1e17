package cli

import (
	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/roster"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a roster",
		Long: `Prints the JSON Schema (draft 2020-12) of a roster file, which editors use to check
and complete rosters. Save it next to the roster and name it in its first line:

  # yaml-language-server: $schema=./roster.schema.json

A schema cannot find every problem, such as a person listed twice;
'orgsync validate' can.`,
		Annotations: exitStatus(exitDone, exitError),
		Example:     `  orgsync schema > roster.schema.json`,
		Args:        a.noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.stdout.Write(roster.Schema())
			return err
		},
	}
}
