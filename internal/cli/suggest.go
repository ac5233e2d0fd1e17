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

// suggestFlag says which flag was likely meant by one that cmd does not have: one of a like name, one that is the same
// variable in the environment, or one of another command.
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
	if longer := slices.IndexFunc(own, func(n string) bool { return strings.HasPrefix(n, name+"-") }); near == "" && longer >= 0 {
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

// noSubcommand refuses the arguments of a command that only has commands below it, and says which one was likely meant.
func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2 // cobra sets its default for the root only
	return suggestCommand(fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath()), cmd.SuggestionsFor(args[0]))
}

// suggestRoot puts the suggestions that cobra adds to an error for an unknown command on its line.
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
