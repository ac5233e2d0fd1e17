package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orgsync/orgsync/internal/printable"
)

func init() { cobra.EnableCommandSorting = false } // commands are listed in the order of their use

// addHelpTopics adds the topics of 'orgsync help' that are not commands.
func addHelpTopics(root *cobra.Command) {
	add := func(topic, short string, text func() string) {
		cmd := &cobra.Command{Use: topic, Short: short}
		cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
			cmd.Long = text() // made only when it is shown, because few runs show a topic
			root.HelpFunc()(cmd, args)
		})
		root.AddCommand(cmd)
	}
	add("environment", "The environment variables, and the flags that they set",
		func() string { return environmentHelp(root) })
	add("exit-codes", "The exit codes, and what to do about each", exitCodesHelp)
	add("roster", "What a roster file looks like", rosterHelp)
}

// helpTopics returns the topics of 'orgsync help' that are not commands. cobra suggests only commands.
func helpTopics(root *cobra.Command) []string {
	var topics []string
	for _, cmd := range root.Commands() {
		if cmd.IsAdditionalHelpTopicCommand() {
			topics = append(topics, cmd.Name())
		}
	}
	return topics
}

// environmentHelp lists the environment variables that orgsync knows.
func environmentHelp(root *cobra.Command) string {
	environment := environmentNamesOf(root)
	var b strings.Builder
	b.WriteString(`Most flags have an environment variable. A flag on the command line overrides
its variable. If a flag is repeatable, its variable can have several values:
separate the values by commas or line feeds. If orgsync does not know a variable
whose name begins with ORGSYNC_, it prints a warning and ignores the variable.

VARIABLES
  VULTR_API_KEY                the API key
`)
	for _, name := range slices.Sorted(maps.Keys(environment.known)) {
		fmt.Fprintf(&b, "  %-28s %s\n", name, environment.known[name])
	}
	b.WriteString(`
OTHER VARIABLES
  NO_COLOR, TERM=dumb          no colours, unless you give --color always
  XDG_STATE_HOME               without --state-dir, the state folder is
                               $XDG_STATE_HOME/orgsync
  HOME                         if XDG_STATE_HOME is not set either, the state
                               folder is $HOME/.local/state/orgsync
  USERPROFILE                  replaces HOME if HOME is not set, as on Windows
  AWS_ACCESS_KEY_ID and others the credentials for a state in a bucket
  PGPASSWORD                   the password for a state in PostgreSQL
  PGPASSFILE                   the file with the password for PostgreSQL
  HTTPS_PROXY                  the proxy for the API, for --ping and for S3
  NO_PROXY                     the hosts that need no proxy
  SSL_CERT_FILE                the certificate authorities to trust
`)
	var forOneRun []string
	for name, flag := range environment.forOneRun {
		if environment.known[name] == "" { // otherwise another command has a flag of this name with a variable
			forOneRun = append(forOneRun, flag)
		}
	}
	slices.Sort(forOneRun)
	fmt.Fprintf(&b, "\nThese flags are for one run, and have no variable:\n  %s\n", printable.JoinAnd(forOneRun))
	return b.String()
}

// exitCodesHelp lists all exit codes with what to do about each.
func exitCodesHelp() string {
	var b strings.Builder
	b.WriteString("An exit code means the same in all commands. Most commands use only some of the\n" +
		"codes. For each code, the line after '->' says what to do.\n\n")
	for _, code := range slices.Sorted(maps.Keys(exitTexts)) {
		fmt.Fprintf(&b, "%s       -> %s\n", exitLines()[code], exitTexts[code].todo)
	}
	return b.String()
}

// rosterHelp shows the roster that 'orgsync init' writes.
func rosterHelp() string {
	var b strings.Builder
	b.WriteString(`A roster is a YAML file that lists the people of an organization, or a folder
with such files. 'orgsync validate' checks a roster. 'orgsync schema' prints the
JSON Schema of rosters, for editors. 'orgsync init' writes this roster:

`)
	for line := range strings.Lines(string(starterRoster)) {
		b.WriteString(strings.TrimRight("  "+line, " \n") + "\n")
	}
	return b.String()
}

// eachFlag calls do once for each flag of cmd and of its subcommands.
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
