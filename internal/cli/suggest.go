package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orgsync/orgsync/internal/roster"
)

// suggestFlag adds to the error of an unknown flag the one that was probably meant: one with a
// similar name, one with the same environment variable, or one of another command.
func suggestFlag(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return err
	}
	name := unknown.GetSpecifiedName()
	var own []string
	near := ""
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			own = append(own, f.Name)
		}
		if environmentName(f) == environmentName(&pflag.Flag{Name: name}) {
			near = f.Name
		}
	})
	if longer := slices.IndexFunc(own, func(n string) bool { return strings.HasPrefix(n, name+"-") }); near == "" &&
		longer >= 0 {
		near = own[longer]
	}
	if near = cmp.Or(near, roster.Nearest(name, own)); near != "" {
		return fmt.Errorf("%w: did you mean --%s?", err, near)
	}
	var others []string
	for _, c := range cmd.Root().Commands() {
		if c.Flags().Lookup(name) != nil {
			others = append(others, c.Name())
		}
	}
	switch len(others) {
	case 0:
		return err
	case 1:
		return fmt.Errorf("%w, which %s has and %s does not", err, others[0], cmd.Name())
	}
	return fmt.Errorf("%w, which %s have and %s does not", err, andList(others), cmd.Name())
}

// noSubcommand returns an error for any argument of a command that only has subcommands, and
// suggests the one that was probably meant.
func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2 // cobra sets its default for the root only
	return suggestCommand(fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath()), cmd.SuggestionsFor(args[0]))
}

// suggestRoot puts the suggestions that cobra adds to the error of an unknown command on one line.
func suggestRoot(err error) error {
	said, suggested, found := strings.Cut(err.Error(), "\n\nDid you mean this?\n")
	if !found {
		return err
	}
	return suggestCommand(errors.New(said), strings.Fields(suggested))
}

func suggestCommand(err error, suggested []string) error {
	if len(suggested) == 0 {
		return err
	}
	slices.Sort(suggested)
	return fmt.Errorf("%w: did you mean %s?", err, orList(suggested))
}
