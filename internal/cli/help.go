package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func init() { cobra.EnableCommandSorting = false } // commands are listed in the order of their use

// addHelpTopics adds the topics of 'orgsync help' that are not commands. All other commands must have
// been added before.
func addHelpTopics(root *cobra.Command) {
	root.AddCommand(
		&cobra.Command{
			Use: "environment", Short: "The environment variables, and the flags that they set", Long: environmentHelp(root),
		},
		&cobra.Command{
			Use: "exit-codes", Short: "The exit codes, and what to do about each", Long: exitCodesHelp(),
		},
		&cobra.Command{
			Use: "roster", Short: "What a roster file looks like", Long: rosterHelp(),
		},
	)
}

// environmentHelp lists the environment variables that orgsync knows.
func environmentHelp(root *cobra.Command) string {
	flags := make(map[string]string)
	eachFlag(root, func(f *pflag.Flag) {
		if name := environmentName(f); name != "" && f.Name != "file" { // the same variable as --sandbox
			flags[name] = "--" + f.Name
		}
	})
	var b strings.Builder
	b.WriteString(`Every flag that may stay set between runs has an environment variable. A flag on the
command line wins. Separate several values with commas or line feeds. orgsync warns
about ORGSYNC_ variables that it does not know, and ignores them.

VARIABLES
  VULTR_API_KEY                the API key
`)
	names := make([]string, 0, len(flags))
	for name := range flags {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "  %-28s %s\n", name, flags[name])
	}
	b.WriteString(`
ALSO READ
  NO_COLOR, TERM=dumb          no colours, unless --color always is given
  XDG_STATE_HOME, HOME         where the state folder is, without --state-dir
  HTTPS_PROXY, NO_PROXY        the proxy for requests to the API
  SSL_CERT_FILE                the certificate authorities to trust
`)
	var forOneRun []string
	for name, flag := range environmentNamesOf(root).forOneRun {
		if flags[name] == "" { // else it is another command's flag
			forOneRun = append(forOneRun, flag)
		}
	}
	slices.Sort(forOneRun)
	fmt.Fprintf(&b, "\n%s are for one run and have no variable.\n", andList(forOneRun))
	return b.String()
}

// exitCodesHelp lists all exit codes with what to do about each.
func exitCodesHelp() string {
	var b strings.Builder
	b.WriteString("The exit codes are the same for all commands.\n\n")
	for _, row := range []struct {
		code int
		todo string
	}{
		{exitDone, "nothing"},
		{exitError, "read the error; a network error often goes away with the next run"},
		{exitChanges, "review the plan"},
		{exitUnfinished, "run again; if it stays, read the report"},
		{exitRefused, "review the plan; raise the limit or fix the roster"},
		{exitLocked, "wait, or set --lock-timeout"},
		{exitInvalid, "fix the roster: each problem is listed with its place"},
		{exitInterrupted, "run again"},
	} {
		fmt.Fprintf(&b, "  %-4d %s\n       -> %s\n", row.code, exitMeanings[row.code], row.todo)
	}
	return b.String()
}

// rosterHelp shows the roster that 'orgsync init' writes.
func rosterHelp() string {
	var b strings.Builder
	b.WriteString(`A roster is a YAML file, or a folder of them. This is the one that 'orgsync init' writes.
'orgsync validate' checks a roster, and 'orgsync schema' prints the schema for editors.

`)
	for line := range strings.Lines(string(starterRoster)) {
		b.WriteString(strings.TrimRight("  "+line, " \n") + "\n")
	}
	return b.String()
}

// eachFlag calls do with the flags of cmd and of the commands below it, each once.
func eachFlag(cmd *cobra.Command, do func(*pflag.Flag)) {
	cmd.PersistentFlags().VisitAll(do)
	cmd.LocalNonPersistentFlags().VisitAll(do)
	for _, below := range cmd.Commands() {
		eachFlag(below, do)
	}
}

// addEnvironmentName adds to the help of a flag the environment variable that sets it.
func addEnvironmentName(f *pflag.Flag) {
	if name := environmentName(f); name != "" && !strings.Contains(f.Usage, "$"+name) {
		f.Usage += "; $" + name
	}
}
