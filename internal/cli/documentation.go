package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Commands returns the commands that have a page in the documentation, the root first. The usage of
// each flag names its environment variable. They are for reading only: running one is an error.
func Commands() []*cobra.Command {
	a := &app{Environment: Environment{
		name: "orgsync", stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" },
		isTerminal: func(any) bool { return false },
	}}
	root := a.rootCommand()
	root.DisableAutoGenTag = true
	var all []*cobra.Command
	var add func(*cobra.Command)
	add = func(cmd *cobra.Command) {
		if cmd != root && (!cmd.IsAvailableCommand() || cmd.Name() == "help") {
			return
		}
		all = append(all, cmd)
		cmd.InitDefaultHelpFlag()
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if name := environmentName(f); name != "" && !strings.Contains(f.Usage, "$"+name) {
				f.Usage += "; $" + name
			}
		})
		for _, below := range cmd.Commands() {
			add(below)
		}
	}
	add(root)
	return all
}
