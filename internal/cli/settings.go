package cli

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orgsync/orgsync/internal/org"
)

// settings are the values of all flags, whichever command has them.
type settings struct {
	rosters  []string
	output   string
	logLevel slog.Level

	logFormat  string
	color      string
	noProgress bool
	stateDir   string

	apiURL         string
	apiKeyFile     string
	sandbox        sandboxSetting
	rate           float64
	concurrency    int
	requestTimeout time.Duration
	timeout        time.Duration

	out                     string // "": the plan is not saved
	detailedExitCode        bool
	maxInvites, maxRemovals *int // nil: the roster's
	maxRevokes              *int // nil: the roster's
	reinvite                []org.Address
	inviteLeft              bool
	yes                     bool
	lockTimeout             time.Duration
	settleWait              time.Duration
	metricsFile             string // "": none
	ping                    string // "": nobody
}

// formats are the values of --output that every command with a result has. Some have more.
var formats = []string{"text", "json"}

const (
	// nameForEnvironment marks a flag whose environment variable has a name of its own.
	nameForEnvironment = "environment"
	// withoutEnvironment marks a flag that no environment variable sets.
	withoutEnvironment = "without environment"
)

// markWithoutEnvironment takes the environment variable from a flag that is meant for one run: set in a unit file or a
// pipeline it would act in every run, as --reinvite would mail somebody each hour.
func markWithoutEnvironment(f *pflag.FlagSet, flag string) {
	if err := f.SetAnnotation(flag, withoutEnvironment, []string{"true"}); err != nil {
		panic(err) // there is no such flag
	}
}

func (a *app) addGlobalFlags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	a.logLevel, a.logFormat, a.color = slog.LevelWarn, "text", "auto"
	f.Var(logLevelFlag(&a.logLevel), "log-level", "log to stderr from this `level` on: "+orList(logLevels))
	f.Var(choiceFlag(&a.logFormat, "format", "text", "json"), "log-format", "`format` of the log: text or json")
	f.Var(choiceFlag(&a.color, "when", "auto", "always", "never"), "color", "colours: auto, always or never; auto heeds NO_COLOR and TERM=dumb")
	completeValues(cmd, "log-level", logLevels)
	completeValues(cmd, "log-format", []string{"text", "json"})
	completeValues(cmd, "color", []string{"auto", "always", "never"})
	addBoolFlag(f, &a.noProgress, "no-progress", "no progress bar; without a terminal, or with TERM=dumb, there is none anyway")
}

// addBoolFlag adds a flag that is on when it is named.
func addBoolFlag(f *pflag.FlagSet, to *bool, name, usage string) {
	f.VarPF(boolFlag(to), name, "", usage).NoOptDefVal = "true"
}

// addOutputFlag adds --output, with the formats that the command has beyond the common ones.
func (a *app) addOutputFlag(cmd *cobra.Command, more ...string) {
	a.output = "text"
	words := slices.Concat(formats, more)
	cmd.Flags().VarP(choiceFlag(&a.output, "format", words...), "output", "o", "`format` of the result: "+orList(words))
	completeValues(cmd, "output", words)
}

func (a *app) addRosterFlag(cmd *cobra.Command) {
	a.rosters = []string{"users.yaml"}
	cmd.Flags().VarP(newSliceFlag(&a.rosters, "path", parsePath), "roster", "r",
		"roster file, or folder of *.yaml and *.yml files, also in subfolders; repeatable, all are merged")
	_ = cmd.MarkFlagFilename("roster", rosterFiles...)
}

func (a *app) addStateFlag(f *pflag.FlagSet) {
	f.StringVar(&a.stateDir, "state-dir", "", "`folder` of the ledger, the lock and the sandbox (default $XDG_STATE_HOME/orgsync, else ~/.local/state/orgsync)")
	_ = cobra.MarkFlagDirname(f, "state-dir")
}

// addConnectionFlags adds what all commands that speak to the API have in common.
func (a *app) addConnectionFlags(cmd *cobra.Command) {
	a.apiURL, a.rate, a.concurrency = "https://api.vultr.com", 20, 10 // 8 in flight are 20 a second at 400 ms with nothing to spare
	a.requestTimeout, a.timeout = 30*time.Second, 30*time.Minute
	f := cmd.Flags()
	a.addStateFlag(f)
	f.StringVar(&a.apiURL, "api-url", a.apiURL, "`URL` of the API ($VULTR_API_URL); plain http only for a loopback address")
	_ = f.SetAnnotation("api-url", nameForEnvironment, []string{"VULTR_API_URL"})
	f.StringVar(&a.apiKeyFile, "api-key-file", "", "`file` that holds the API key; without one it is taken from $VULTR_API_KEY")
	f.VarPF(sandboxFlag(&a.sandbox, "bool"), "sandbox", "", "act on a simulated API in this process; --sandbox=FILE keeps it in FILE (default sandbox.json in the state folder)").NoOptDefVal = "true"
	f.Var(rateFlag(&a.rate), "rate", "requests a second, all kinds together; Vultr allows 30 for one address")
	f.Var(intFlag(&a.concurrency, 1, 1000), "concurrency", "requests in flight, at most")
	f.Var(durationFlag(&a.requestTimeout, time.Millisecond), "request-timeout", "how long one request may take")
	f.Var(durationFlag(&a.timeout, time.Millisecond), "timeout", "how long the whole run may take")
}

// addOrganizationFlags adds what plan and apply have in common: where the organization is and how it is judged.
func (a *app) addOrganizationFlags(cmd *cobra.Command, formats ...string) {
	a.addRosterFlag(cmd)
	a.addOutputFlag(cmd, formats...)
	a.addConnectionFlags(cmd)
	f := cmd.Flags()
	addBoolFlag(f, &a.detailedExitCode, "detailed-exitcode", "exit with 2 instead of 0 when there are changes")
	f.Var(optionalIntFlag(&a.maxInvites), "max-invites", "most invitation mails in one run (default from the roster)")
	f.Var(optionalIntFlag(&a.maxRemovals), "max-removals", "most people suspended or removed in one run (default from the roster)")
	f.Var(optionalIntFlag(&a.maxRevokes), "max-revokes",
		"most changes in one run that take access from members (default from the roster)")
	f.Var(newSliceFlag(&a.reinvite, "email", parseAddress), "reinvite", "start the rounds of this person anew; repeatable")
	markWithoutEnvironment(f, "reinvite")
	_ = cmd.RegisterFlagCompletionFunc("reinvite", func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return a.completePeople(cmd, nil, begun)
	})
	a.addMetricsFlag(cmd)
	addBoolFlag(f, &a.inviteLeft, "invite-left", "invite again people who accepted once and are no longer there")
}

// noArguments refuses arguments; a file after --sandbox is the likely one, or a roster.
func (a *app) noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("%s takes no arguments, but has %q", cmd.Name(), args[0])
	switch {
	case a.sandbox.on:
		return fmt.Errorf("%w; write --sandbox=FILE in one word", err)
	case cmd.Flags().Lookup("roster") != nil:
		return fmt.Errorf("%w; a roster is named with --roster", err)
	}
	return err
}

// exactArgs demands just the arguments that names are.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == len(names):
			return nil
		case len(args) == 0:
			return fmt.Errorf("%s needs %s", cmd.Name(), andList(names))
		case len(args) > len(names):
			return fmt.Errorf("%s takes %s, and has %q besides", cmd.Name(), andList(names), args[len(names)])
		}
		return fmt.Errorf("%s takes %s, and lacks %s", cmd.Name(), andList(names), andList(names[len(args):]))
	}
}

// setFlagsFromEnvironment sets every flag that the command line leaves out and the environment names. An empty variable counts
// as not set.
func setFlagsFromEnvironment(flags *pflag.FlagSet, getenv func(string) string) error {
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		if err == nil && !f.Changed {
			err = setFlagFromEnvironment(f, getenv)
		}
	})
	return err
}

// readOutputFlag finds out which format the result was to have, from a command line or an environment that is wrong elsewhere and
// was not read to its end: who asked for JSON gets the error in JSON.
func (a *app) readOutputFlag(cmd *cobra.Command) {
	output := cmd.Flags().Lookup("output")
	if output == nil {
		return
	}
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.ParseErrorsAllowlist.UnknownFlags = true
	f.AddFlag(output)
	_ = f.Parse(a.args) // what is wrong is known
	if !output.Changed {
		_ = setFlagFromEnvironment(output, a.getenv)
	}
}

// setFlagFromEnvironment sets one flag if the environment names it.
func setFlagFromEnvironment(f *pflag.Flag, getenv func(string) string) error {
	name := environmentName(f)
	if name == "" {
		return nil
	}
	text := getenv(name)
	if text == "" {
		return nil
	}
	set := f.Value.Set
	if list, ok := f.Value.(interface{ SetAll(string) error }); ok {
		set = list.SetAll
	}
	if problem := set(text); problem != nil {
		return fmt.Errorf("%s is %q: %w", name, text, problem)
	}
	f.Changed = true
	return nil
}

// environmentName returns the environment variable that sets f; "" where none does, as for --help.
func environmentName(f *pflag.Flag) string {
	if own := f.Annotations[nameForEnvironment]; len(own) > 0 {
		return own[0]
	}
	if f.Name == "help" || f.Annotations[withoutEnvironment] != nil {
		return ""
	}
	return standardEnvironmentName(f)
}

// standardEnvironmentName returns the environment variable of f, were it as those of most flags.
func standardEnvironmentName(f *pflag.Flag) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// completeValues lets a shell complete the values of a flag.
func completeValues(cmd *cobra.Command, flag string, words []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}
