package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/shellword"
)

// nameWidth is the maximum width of a person's name beside their address in a shell's list, in
// columns.
const nameWidth = 40

// rosterFiles are the file name extensions that shells offer for a roster, besides folders.
var rosterFiles = []string{"yaml", "yml"}

// completeFiles returns a function that completes up to most arguments with folders, and with files
// that have one of these extensions.
func completeFiles(most int, extensions ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return extensions, cobra.ShellCompDirectiveFilterFileExt
	}
}

// completePeople offers the addresses in the roster that begin with prefix. It leaves out people that
// named or args already name. If the roster cannot be read, it offers nothing, because a completion
// cannot show an error.
func (a *app) completePeople(
	cmd *cobra.Command, named []org.Address, args []string, prefix string,
) ([]string, cobra.ShellCompDirective) {
	if f := cmd.Flags().Lookup("roster"); !f.Changed {
		_ = setFlagFromEnvironment(f, a.getenv)
	}
	paths := slices.Sorted(slices.Values(a.rosters)) // each path twice: for a completion, cobra parses flags twice
	r, err := roster.Load(slices.Compact(paths))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offers []string
	for _, p := range r.People {
		addresses := p.Addresses()
		given := func(who org.Address) bool {
			return slices.ContainsFunc(named, who.Equal) ||
				slices.ContainsFunc(args, func(arg string) bool { return strings.EqualFold(arg, who.String()) })
		}
		if slices.ContainsFunc(addresses, given) {
			continue
		}
		for _, who := range addresses {
			offers = appendOffer(offers, prefix, who.String(), p.Name)
		}
	}
	return offers, cobra.ShellCompDirectiveNoFileComp
}

// appendOffer appends address to offers if it begins with prefix. It leaves out an address that needs
// quoting in a shell, because such an address is a mistake or an attack.
func appendOffer(offers []string, prefix, address, name string) []string {
	if !strings.HasPrefix(address, prefix) || shellword.Quote(address) != address {
		return offers
	}
	return append(offers, cobra.CompletionWithDesc(address, printable.Clean(name, nameWidth)))
}

// disableFileCompletion stops shells from offering files for arguments and flags that do not name a
// file or folder.
func disableFileCompletion(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	offerNothing := func(f *pflag.Flag) {
		_, has := cmd.GetFlagCompletionFunc(f.Name)
		kind, _ := pflag.UnquoteUsage(f)
		if has || slices.Contains([]string{"file", "folder", "path"}, kind) {
			return
		}
		_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions)
	}
	cmd.PersistentFlags().VisitAll(offerNothing)
	cmd.Flags().VisitAll(offerNothing)
	for _, below := range cmd.Commands() {
		disableFileCompletion(below)
	}
}

// addCompletionCommand adds cobra's command that prints completion scripts for shells. It adds the
// exit codes to the help of the command.
func addCompletionCommand(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	cmd, _, err := root.Find([]string{"completion"})
	if err != nil {
		panic(err) // InitDefaultCompletionCmd has just added it
	}
	needSubcommand(cmd)
	for _, c := range append(cmd.Commands(), cmd) {
		c.Annotations = exitStatus()
	}
}
