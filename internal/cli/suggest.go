package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/shellword"
)

// adviceError is an error of the command line, with advice for a better command line.
type adviceError struct {
	err    error
	advice string
}

func (e *adviceError) Error() string { return e.err.Error() }
func (e *adviceError) Unwrap() error { return e.err }

// suggestFlag adds a suggestion to err, an error about a flag of cmd. For an unknown flag, it makes the
// first suggestion that it finds:
//   - the flag that does the same as a flag of another tool
//   - a flag of cmd with the same environment variable
//   - a flag of cmd with a similar name
//   - the commands that have the flag
func suggestFlag(cmd *cobra.Command, err error) error {
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		f := missing.GetFlag()
		kind, _ := pflag.UnquoteUsage(f)
		return &adviceError{
			fmt.Errorf("the flag --%s needs a value", f.Name),
			fmt.Sprintf("write --%s %s", f.Name, strings.ToUpper(kind)),
		}
	}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return err
	}
	name := unknown.GetSpecifiedName()
	if letters := unknown.GetSpecifiedShortnames(); letters != "" {
		err = fmt.Errorf("unknown flag: -%s", name)
		if len(letters) > 1 { // probably a dash is missing, as in -json
			name, _, _ = strings.Cut(letters, "=")
			err = fmt.Errorf("unknown flag: -%s", name)
			if f := cmd.Flags().Lookup(name); f != nil {
				return fmt.Errorf("%w: did you mean --%s?", err, name)
			}
		}
	}
	if advice := cmp.Or(adviseForeign(foreignFlags, cmd, name), adviseFormat(cmd, name)); advice != "" {
		return &adviceError{err, advice}
	}
	var own []string
	near := ""
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			own = append(own, f.Name)
		}
		if environmentName(f) == environmentName(&pflag.Flag{Name: name}) { // such as --sandbox and --file
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
		if c.Flags().Lookup(name) != nil || len(name) == 1 && c.Flags().ShorthandLookup(name) != nil {
			others = append(others, c.Name())
		}
	}
	switch len(others) {
	case 0:
		return err
	case 1:
		return fmt.Errorf("%w, which %s has and %s does not", err, others[0], cmd.Name())
	}
	return fmt.Errorf("%w, which %s have and %s does not", err, printable.JoinAnd(others), cmd.Name())
}

// foreignWord is a flag or a command that other tools have.
type foreignWord struct {
	names string // separated by spaces
	// flag is a flag that the command must have for the advice; "" means that the advice is for every
	// command. Only apply has the flag "yes", and only plan has "out".
	flag   string
	advice string // what to type instead
}

// These names have several rows in foreignFlags, because the advice depends on the command.
const (
	dryRunNames  = "dry-run dryrun what-if check preview n"
	fileNames    = "f file filename config c i input users"
	verboseNames = "v verbose debug d vv trace"
	forceNames   = "force auto-approve assume-yes no-input non-interactive no-confirm batch yes y"
)

// foreignFlags are the flags of other tools. The first matching row decides.
var foreignFlags = []foreignWord{
	{dryRunNames, "yes", "to see what apply would do: orgsync plan"},
	{dryRunNames, "out", "plan never changes anything: leave the flag out"},
	{fileNames, "roster", "to name the roster: --roster FILE (-r)"},
	{fileNames, "file", "to name the file of the simulation: --file FILE"},
	{verboseNames, "verbose", "to see everything: --verbose"},
	{verboseNames, "", "to see more: --log-level info, or --log-level debug for each request"},
	{"w write in-place", "check", "fmt changes the files: leave the flag out; to change nothing: --check"},
	{"silent s", "quiet", "to print less: --quiet (-q)"},
	{"V", "", "to see the version: orgsync version"},
	{forceNames, "out",
		"plan never changes anything and never asks: leave the flag out"},
	{forceNames, "yes",
		"to apply without a question: --yes (-y); to raise a limit: --max-invites, --max-removals or --max-revokes"},
	{"key token api-key api-token apikey k t", "api-key-file",
		"set the key in VULTR_API_KEY, or name a file with --api-key-file: other users of the machine see a command line"},
	{"port p bind", "listen", "to choose the port: --listen 127.0.0.1:PORT"},
	{"host url endpoint server base-url", "api-url", "to call another server: --api-url URL"},
	{"email e user u person target", "only", "to act on one person: --only EMAIL"},
	{"org organization", "roster", "the roster names the organization: organization: NAME"},
	{"no-color no-colour", "", "to print without colours: --color never"},
	{"delete prune remove", "max-removals",
		"the roster says what happens to people who are not listed: settings: {unlisted: remove}"},
}

// foreignCommands are the commands of other tools.
var foreignCommands = []foreignWord{
	{"sync run update push", "", "to do that here: orgsync apply"},
	{"invite add", "", "to do that here: orgsync apply --only EMAIL"},
	{"resend", "", "to do that here: orgsync apply --resend EMAIL"},
	{"list ls users members show get", "", "to do that here: orgsync status"},
	{"check lint", "", "to do that here: orgsync validate"},
	{"preview dry-run", "", "to do that here: orgsync plan"},
	{"export pull", "", "to do that here: orgsync import"},
	{"log", "", "to do that here: orgsync history"},
	{"unlock", "", "to do that here: orgsync state unlock ID"},
	{"serve", "", "to do that here: orgsync sandbox serve"},
	{"simulate", "", "to do that here: orgsync sandbox"},
	{"new create", "", "to do that here: orgsync init"},
	{"format", "", "to do that here: orgsync fmt"},
	{"remove delete rm", "", "take the person out of the roster, then: orgsync plan"},
	{"login auth configure", "",
		"set the key in VULTR_API_KEY, or name a file with --api-key-file; then: orgsync doctor"},
}

// adviseForeign returns the advice of the first row of words that has name and is right for cmd; "" if
// there is none. cmd may be nil if no row depends on the command.
func adviseForeign(words []foreignWord, cmd *cobra.Command, name string) string {
	for _, w := range words {
		if slices.Contains(strings.Fields(w.names), name) && (w.flag == "" || cmd.Flags().Lookup(w.flag) != nil) {
			return w.advice
		}
	}
	return ""
}

// adviseFormat returns how to choose a format, if format is the name of a flag such as --json by which
// other tools choose it. Otherwise, or if cmd has no --output, it returns "".
func adviseFormat(cmd *cobra.Command, format string) string {
	output := cmd.Flags().Lookup("output")
	isFormat := slices.Contains([]string{"json", "markdown", "html", "csv", "yaml", "format", "out-format"}, format)
	if output == nil || !isFormat {
		return ""
	}
	_, usage := pflag.UnquoteUsage(output)
	usage, _, _ = strings.Cut(usage, ";") // without the environment variable
	_, formats, _ := strings.Cut(strings.ReplaceAll(usage, ",", " "), ":")
	if slices.Contains(strings.Fields(formats), format) {
		return "to choose the format: --output " + format + " (-o)"
	}
	return "to choose the format: --output FORMAT (-o), the " + usage
}

// adviseArgument returns advice about arg, one of the arguments args, which cmd does not accept; "" if
// there is none. The advice names only the words to write instead of the argument. A whole command
// would not have the other flags of this run. A person who copies it could then act on another roster,
// with another ledger or on the real organization.
func (a *app) adviseArgument(cmd *cobra.Command, arg string, args []string) string {
	has := func(flag string) bool { return cmd.Flags().Lookup(flag) != nil }
	word := shellword.Quote(arg)
	switch {
	case a.sandbox.On && !looksLikeAddress(arg) && !isRosterName(arg) && has("sandbox"):
		return "to name the file of the simulation: --sandbox=" + word
	case has("roster") && isCSVName(arg):
		return "to make a roster of it: orgsync import --csv " + word
	case cmd.Name() == "import":
		if _, err := os.Stat(arg); err == nil { // the shell would empty it if it were the output
			return "to print it with the missing people added: --merge " + word
		}
		return "to write a first roster: > " + word + "; to update one: --merge FILE"
	case has("only") && looksLikeAddress(arg):
		return "to act on one person: --only " + word
	case has("roster"):
		return a.adviseRoster(cmd, arg, args)
	case has("file"):
		return "to name the file of the simulation: --file " + word
	}
	return ""
}

// maxAdvisedFiles is the maximum number of files in the advice of adviseRoster. With more files, the
// advice might be cut, and a roster without some of its files has fewer people.
const maxAdvisedFiles = 10

// adviseRoster returns how to use arg, one of the arguments args, as the roster. A shell may have
// replaced a pattern after --roster by several names. The files are then one roster. With only some of
// them, the people of the others would count as people who are not in the roster.
func (a *app) adviseRoster(cmd *cobra.Command, arg string, args []string) string {
	var files []string
	if cmd.Flags().Changed("roster") {
		files = append(files, a.rosters...)
	}
	for _, other := range args {
		if other == arg || isRosterName(other) {
			files = append(files, other)
		}
	}
	if len(files) <= 1 {
		return "to use it as the roster: --roster " + shellword.Quote(arg)
	}
	advice := "a roster of several files needs --roster before each of them"
	if len(files) > maxAdvisedFiles {
		return advice + ", or the name of their folder"
	}
	for i, file := range files {
		files[i] = "--roster " + shellword.Quote(file)
	}
	return advice + ": " + strings.Join(files, " ")
}

// sandboxArgument returns the --sandbox of this run, with a space before it; "" if the run is not a
// simulation. It goes into suggested commands, which must not lead from a simulation to a real run.
func (a *app) sandboxArgument() string {
	switch {
	case !a.sandbox.On:
		return ""
	case a.sandbox.File == "":
		return " --sandbox"
	}
	return " --sandbox=" + shellword.Quote(a.sandbox.File)
}

func looksLikeAddress(arg string) bool { return strings.Contains(arg, "@") }

// isCSVName reports whether file has the name of a table or a list, which 'orgsync import --csv' reads.
func isCSVName(file string) bool {
	return slices.Contains([]string{".csv", ".tsv", ".txt"}, strings.ToLower(filepath.Ext(file)))
}

// isRosterName reports whether file has the name of a roster file.
func isRosterName(file string) bool {
	return slices.Contains([]string{".yaml", ".yml"}, strings.ToLower(filepath.Ext(file)))
}

// needSubcommand makes cmd, which does nothing without a subcommand, print its help. An argument that
// is not a subcommand is an error.
func needSubcommand(cmd *cobra.Command) {
	cmd.Args, cmd.RunE = noSubcommand, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// noSubcommand returns an error if a command that does nothing without a subcommand has arguments. The
// error suggests similar subcommands.
func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2 // cobra sets its default for the root only
	return suggestCommand(fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath()), cmd.SuggestionsFor(args[0]))
}

// suggestRoot rewrites cobra's error about an unknown command: it puts cobra's suggestions on one
// line. For a command of other tools, it suggests instead the command that does the same here.
func suggestRoot(err error) error {
	said, suggested, found := strings.Cut(err.Error(), "\n\nDid you mean this?\n")
	_, rest, _ := strings.Cut(said, `unknown command "`)
	name, _, _ := strings.Cut(rest, `"`)
	if advice := adviseForeign(foreignCommands, nil, name); advice != "" {
		return &adviceError{errors.New(said), advice}
	}
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
	return fmt.Errorf("%w: did you mean %s?", err, printable.JoinOr(suggested))
}
