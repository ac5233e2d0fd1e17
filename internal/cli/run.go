package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/secrets"
	"github.com/orgsync/orgsync/internal/shellword"
)

// Environment holds the arguments, the streams, the variables and the clock of a run. Tests replace
// them.
type Environment struct {
	// name is the command that starts this program again, for suggestions to the user.
	name           string
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	// environ returns all variables, as os.Environ does. If it is nil, no variable is checked for
	// secrets or for a misspelled name.
	environ func() []string
	// isTerminal reports whether stream (stdin, stdout or stderr) is a terminal.
	isTerminal func(stream any) bool
	// after is time.After, except in tests.
	after func(time.Duration) <-chan time.Time
}

// app is one run of the program.
type app struct {
	Environment
	settings
	log *slog.Logger
	// command is the command that runs. It is nil until arguments, flags and environment variables are
	// parsed, so if it is still nil after a run, the error of the run is a usage error.
	command *cobra.Command
	// secrets are redacted from all output.
	secrets secrets.Set
	// progress is nil when no progress is shown.
	progress *progress
	// planFile is the PLANFILE argument of apply; "" if there is none.
	planFile string
	// run holds the facts about this run for the log, the metrics and the dead-man's switch.
	run runRecord
	// headerCommand is the name of the command in the header, the line that writeHeader writes at the
	// start of the output. It is "" if this run has no header, or if the header is already written.
	headerCommand string
	// headerWritten is true after writeHeader has written the header.
	headerWritten bool
	// help is stdout for what cobra prints, such as help texts. cobra does not return the errors of writing them.
	help keptErrorWriter
	// reported is true after a command has written its result, or stdout shows the problems of a roster to
	// people. Nothing else may go to stdout then, and stderr does not repeat the problems.
	reported bool
}

// Run runs the command that the arguments name, and returns the exit code. If ctx ends, the run
// stops and reports the cause of ctx as its error.
func Run(ctx context.Context, s Environment) int {
	a := &app{Environment: s, log: slog.New(slog.DiscardHandler)}
	defer a.redactStreams()()
	root := a.rootCommand()
	root.SetArgs(s.args)
	cmd, err := root.ExecuteContextC(ctx)
	a.progress.clear()
	if err != nil && a.command == nil {
		a.readOutputFlag(cmd)
		err = &usageError{command: cmd.CommandPath(), err: suggestRoot(err)}
	}
	return a.finish(cmd, cmp.Or(err, a.help.err))
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "orgsync",
		Short: "Keep a Vultr organization's members in sync with a roster",
		Long: `orgsync keeps the members of a Vultr organization in sync with a roster. The
roster is a YAML file that lists people and their access. orgsync reads the
organization through the Vultr API, and invites people who are in the roster but
not in the organization. If an invitation has expired, orgsync invites the
person again. While an invitation is valid, only --resend sends a second mail.
orgsync gives members the groups, roles and policies that the roster names for
them. It takes access away, and suspends or removes people, only if the roster
asks for it.

Start with a roster: see 'orgsync init --help'. 'orgsync plan' shows what
'orgsync apply' would do, and changes nothing. To try orgsync without an
account, add --sandbox.

Put the API key into the environment variable VULTR_API_KEY. 'orgsync help
environment' lists all environment variables.`,
		Example:       `  orgsync init && orgsync apply --sandbox`,
		Annotations:   exitStatus(exitChanges, exitUnfinished, exitRefused, exitLocked, exitInvalid, exitInterrupted),
		SilenceErrors: true, // finish prints errors, with a hint
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.checkStateFlags(cmd); err != nil {
				return err
			}
			if err := setFlagsFromEnvironment(cmd.Flags(), a.getenv); err != nil {
				return err
			}
			a.command = cmd
			if a.quiet {
				a.noProgress = true
				if !cmd.Flags().Changed("log-level") {
					a.logLevel = "error"
				}
			}
			a.progress = a.newProgress()
			// a.stderr redacts, but its lines would break the progress bar. Redact before the bar sees the lines.
			lines := a.secrets.Writer(a.progress.writerAbove(secrets.Unwrap(a.stderr)))
			var level slog.Level
			if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
				return err
			}
			a.log = newLog(lines, level, a.logFormat)
			if cmd.Name() != cobra.ShellCompRequestCmd && cmd.Name() != cobra.ShellCompNoDescRequestCmd {
				a.warnUnknownEnvironment(cmd.Root())
			}
			return nil
		},
	}
	root.SetIn(a.stdin)
	a.help.w = a.stdout
	root.SetOut(&a.help)
	root.SetErr(a.stderr)
	// --version prints the same as the command version.
	root.Version = buildVersion()
	root.SetVersionTemplate(versionLine())
	a.addGlobalFlags(root)
	root.SetHelpTemplate(helpTemplate)
	// This is cobra's own template, except that it folds the help of flags to the width of the window.
	// To pflag, as to windowWidth, 0 means no limit.
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ",
		fmt.Sprintf(".FlagUsagesWrapped %d ", a.windowWidth(a.stdout))))
	root.SetFlagErrorFunc(suggestFlag)
	addGroup := func(id, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, cmd := range commands {
			cmd.GroupID = id
		}
		root.AddCommand(commands...)
	}
	addGroup("start", "Start:", a.initCommand(), a.importCommand(), a.doctorCommand())
	addGroup("review", "Review:", a.validateCommand(), a.fmtCommand(), a.diffCommand(), a.planCommand())
	addGroup("run", "Run:", a.applyCommand())
	addGroup("look", "Look:", a.statusCommand(), a.historyCommand(), a.stateCommand())
	addGroup("simulate", "Simulate:", a.sandboxCommand())
	root.AddCommand(a.schemaCommand(), a.versionCommand())
	addHelpCommand(root)
	disableFileCompletion(root)
	addCompletionCommand(root)
	addHelpTopics(root)
	if len(a.args) > 0 && (a.args[0] == cobra.ShellCompRequestCmd || a.args[0] == cobra.ShellCompNoDescRequestCmd) {
		// In a usage, backquotes mark the name of the value for pflag. A shell would show them.
		eachFlag(root, func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	} else {
		eachFlag(root, addEnvironmentName)
	}
	return root
}

// addHelpCommand adds cobra's help command to root, and makes it return an error for an unknown
// topic. cobra's own command prints the help of root then, and exits with 0.
func addHelpCommand(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, err := root.Find([]string{"help"})
	if err != nil {
		panic(err) // InitDefaultHelpCmd has just added it
	}
	show := help.Run
	help.Run = nil
	help.RunE = func(cmd *cobra.Command, args []string) error {
		topic, rest, err := root.Find(args)
		if err == nil {
			err = noSubcommand(topic, rest)
		}
		if err != nil {
			if near := roster.Nearest(strings.Join(args, " "), helpTopics(root)); near != "" {
				err = suggestCommand(fmt.Errorf("unknown command %q for %q", args[0], root.CommandPath()), []string{near})
			} else {
				err = suggestRoot(err)
			}
			return &usageError{root.CommandPath(), err}
		}
		show(cmd, args)
		return nil
	}
}

// invocationName returns the command that starts this program again, given the path of the program.
// `go run` leaves the program in Go's build cache, or deletes it afterwards. For such a path, the
// result is therefore the `go run` command.
func invocationName(path string) string {
	folder := filepath.Base(filepath.Dir(path))
	isCached := len(folder) == 2*sha256.Size+len("-d") && strings.HasSuffix(folder, "-d")
	if isCached || strings.Contains(filepath.ToSlash(path), "/go-build") {
		return "go run ./cmd/orgsync"
	}
	return shellword.Quote(path)
}

// keptErrorWriter keeps the first error of w, for a command that goes on without its output. Write returns no error.
type keptErrorWriter struct {
	w   io.Writer
	err error
}

func (k *keptErrorWriter) Write(text []byte) (int, error) {
	_, err := k.w.Write(text)
	k.err = cmp.Or(k.err, err)
	return len(text), nil
}
