package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
)

// nameWidth is how wide the name of a person may be beside their address in a shell's list.
const nameWidth = 40

// rosterFiles are the endings of what a shell offers for a roster, beside folders.
var rosterFiles = []string{"yaml", "yml"}

// completeFiles lets a shell complete at most so many arguments with files of these endings, and with folders.
func completeFiles(most int, endings ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return endings, cobra.ShellCompDirectiveFilterFileExt
	}
}

// completePeople offers the addresses of the roster that --roster or the environment names, but for people given already.
// A roster that cannot be read offers nothing: a shell is no place for its problems.
func (a *app) completePeople(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if f := cmd.Flags().Lookup("roster"); !f.Changed {
		_ = setFlagFromEnvironment(f, a.getenv)
	}
	paths := slices.Sorted(slices.Values(a.rosters)) // cobra reads the flags twice when it completes
	r, err := roster.Load(slices.Compact(paths))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offers []string
	for _, p := range r.People {
		addresses := p.Addresses()
		given := func(who org.Address) bool {
			return slices.ContainsFunc(a.reinvite, who.Equal) ||
				slices.ContainsFunc(args, func(arg string) bool { return strings.EqualFold(arg, who.String()) })
		}
		if slices.ContainsFunc(addresses, given) {
			continue
		}
		for _, who := range addresses {
			word := who.String()
			// What a shell would not take as it is stands in a roster by mistake, or to do harm.
			if strings.HasPrefix(word, begun) && shellWord(word) == word {
				offers = append(offers, cobra.CompletionWithDesc(word, report.Clean(p.Name, nameWidth)))
			}
		}
	}
	return offers, cobra.ShellCompDirectiveNoFileComp
}

// disableFileCompletion keeps shells from offering files where none is meant: for arguments that a command does not take, and
// for flags whose value is neither a file nor a folder.
func disableFileCompletion(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	none := func(f *pflag.Flag) {
		_, has := cmd.GetFlagCompletionFunc(f.Name)
		kind, _ := pflag.UnquoteUsage(f)
		if has || slices.Contains([]string{"file", "folder", "path"}, kind) {
			return
		}
		_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions)
	}
	cmd.PersistentFlags().VisitAll(none)
	cmd.Flags().VisitAll(none)
	for _, below := range cmd.Commands() {
		disableFileCompletion(below)
	}
}

// addCompletionCommand adds the command with the scripts for shells, which is cobra's, as one that says how it exits.
func addCompletionCommand(root *cobra.Command) {
	before := slices.Clone(root.Commands())
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if slices.Contains(before, cmd) {
			continue
		}
		cmd.Args, cmd.RunE = noSubcommand, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		for _, c := range append(cmd.Commands(), cmd) {
			c.Annotations = exitStatus(exitDone, exitError)
		}
	}
}
