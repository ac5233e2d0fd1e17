package cli

import (
	"io"

	"github.com/spf13/cobra"
)

// Commands returns the commands that have a page in the documentation; the root is the first. The
// caller must only read them: they have no streams to run with.
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
		for _, below := range cmd.Commands() {
			add(below)
		}
	}
	add(root)
	return all
}
