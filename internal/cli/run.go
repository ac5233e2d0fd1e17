package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Environment is everything outside of a run that it touches.
type Environment struct {
	// name is how a person calls this program.
	name           string
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	environ        func() []string // as os.Environ; nil: no variable is checked
	// isTerminal tells whether one of the three streams is a terminal.
	isTerminal func(stream any) bool
	// after is time.After, or what a test has in its place.
	after func(time.Duration) <-chan time.Time
}

// app is one run of the program.
type app struct {
	Environment
	settings
	log *slog.Logger
	// secrets are kept out of everything that is printed.
	secrets secrets
	// progress is nil where none is shown.
	progress *progress
	// planFile is the saved plan that apply holds to; "" when there is none.
	planFile string
	// run is what those who watch over runs are told.
	run runRecord
	// parsed is true once arguments, flags and environment were understood.
	parsed bool
	// reported is true once a command has written its result, so that nothing else may be written to stdout.
	reported bool
}

// Run does what the arguments say and returns the exit code. The cause of ctx, when it ends, says why the run was ended.
func Run(ctx context.Context, s Environment) int {
	a := &app{Environment: s, log: slog.New(slog.DiscardHandler)}
	defer a.redactStreams()()
	root := a.rootCommand()
	root.SetArgs(s.args)
	cmd, err := root.ExecuteContextC(ctx)
	a.progress.clear()
	if err != nil && !a.parsed {
		a.readOutputFlag(cmd)
		err = &usageError{command: cmd.CommandPath(), err: suggestRoot(err)}
	}
	return a.finish(cmd, err)
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "orgsync",
		Short: "Keep the members of a Vultr organization as a roster says",
		Long: `orgsync reads a roster of people from YAML, reads the organization's users and
invitations from the Vultr API, and sends the invitations that are missing or
have expired. Nobody is mailed twice, and nothing is taken away unless the roster
says so.

Start with 'orgsync plan': it shows what would be done and changes nothing. To
try everything without an account, add --sandbox.

ENVIRONMENT
  VULTR_API_KEY is the API key. Every flag can also be set by ORGSYNC_<FLAG>,
  with dashes as underscores (--max-invites is ORGSYNC_MAX_INVITES); the flag
  wins. Several values are separated by commas or line feeds. VULTR_API_URL
  stands for --api-url. Only --reinvite has no variable: it is for one run. An
  ORGSYNC_ variable that no command knows is warned about and ignored.`,
		Annotations:   exitStatus(exitDone, exitError),
		SilenceErrors: true, // finish prints them, with what to do next
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := setFlagsFromEnvironment(cmd.Flags(), a.getenv); err != nil {
				return err
			}
			a.parsed = true
			a.progress = a.newProgress()
			lines := a.secrets.writer(a.progress.writerAbove(unwrapStream(a.stderr)))
			a.log = newLog(lines, a.logLevel, a.logFormat)
			if cmd.Name() != cobra.ShellCompRequestCmd && cmd.Name() != cobra.ShellCompNoDescRequestCmd {
				a.warnUnknownEnvironment(cmd.Root())
			}
			return nil
		},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	// As the command does; whoever files a bug tries one of the two.
	root.Version = buildVersion()
	root.SetVersionTemplate(versionLine())
	a.addGlobalFlags(root)
	root.SetHelpTemplate(helpTemplate)
	// As cobra's own, but for the width of the window; 0 is no limit to pflag, too.
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", fmt.Sprintf(".FlagUsagesWrapped %d ", a.windowWidth(a.stdout))))
	root.SetFlagErrorFunc(suggestFlag)
	root.AddCommand(a.validateCommand(), a.diffCommand(), a.planCommand(), a.applyCommand(), a.statusCommand(), a.importCommand(), a.doctorCommand(), a.sandboxCommand(),
		a.schemaCommand(), a.versionCommand())
	addHelpCommand(root)
	disableFileCompletion(root)
	addCompletionCommand(root)
	return root
}

// addHelpCommand gives root cobra's own help command, but for a topic that there is not: that is an error like any other.
func addHelpCommand(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, err := root.Find([]string{"help"})
	if err != nil {
		panic(err) // it has just been added
	}
	show := help.Run
	help.Run = nil
	help.RunE = func(cmd *cobra.Command, args []string) error {
		topic, rest, err := root.Find(args)
		if err == nil {
			err = noSubcommand(topic, rest)
		}
		if err != nil {
			return &usageError{root.CommandPath(), suggestRoot(err)}
		}
		show(cmd, args)
		return nil
	}
}

// invocationName is how a person would call this program again, from its path. What `go run` built is gone afterwards.
func invocationName(path string) string {
	if strings.Contains(filepath.ToSlash(path), "/go-build") {
		return "go run ./cmd/orgsync"
	}
	return shellWord(path)
}

// shellWord is s as a shell takes it for one word.
func shellWord(s string) string {
	harmless := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./_-", r)
	}
	if s != "" && strings.TrimFunc(s, harmless) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
