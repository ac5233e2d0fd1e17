package cli

import (
	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/roster"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a roster",
		Long: `Prints the JSON Schema (draft 2020-12) of a roster file. Editors use the schema
to check and complete rosters. Save the schema next to the roster, and name the
schema in the first line of the roster:

  # yaml-language-server: $schema=./roster.schema.json

The schema does not find every problem. For example, it does not notice that a
person is listed twice. 'orgsync validate' finds all problems.`,
		Annotations: exitStatus(),
		Example:     `  orgsync schema > roster.schema.json`,
		Args:        a.noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.stdout.Write(roster.Schema())
			return err
		},
	}
}
