package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orgsync/orgsync/internal/flagvalue"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/printable"
)

// settings holds the values of all flags, of every command.
type settings struct {
	rosters  []string
	output   string
	logLevel string

	logFormat  string
	color      string
	noProgress bool
	quiet      bool
	stateDir   string
	state      string // the place of the ledger; "" if the roster or stateDir decides

	apiURL         string
	apiKeyFile     string
	sandbox        flagvalue.Simulation
	rate           float64
	concurrency    int
	requestTimeout time.Duration
	timeout        time.Duration

	out              string // "" when the plan is not saved
	detailedExitCode bool
	planFlags        plan.Flags
	yes              bool
	lockTimeout      time.Duration
	settleWait       time.Duration
	metricsFile      string // "" for none
	ping             string // "" for none
}

// formats are the values of --output that every command with a result accepts.
var formats = []string{"text", "json"}

const (
	// variableAnnotation holds the environment variable of a flag, if the variable does not have the
	// standard name.
	variableAnnotation = "environment"
	// noVariableAnnotation marks a flag that no environment variable sets.
	noVariableAnnotation = "without environment"
)

// markWithoutEnvironment removes the environment variable of a flag that is meant for one run. In a
// unit file or a pipeline, a variable would act in every run: with --reinvite, it would mail
// somebody every hour.
func markWithoutEnvironment(f *pflag.FlagSet, flag string) {
	if err := f.SetAnnotation(flag, noVariableAnnotation, []string{"true"}); err != nil {
		panic(err) // the flag does not exist
	}
}

func (a *app) addGlobalFlags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	a.logLevel, a.logFormat, a.color = "warn", "text", "auto"
	levels := []string{"debug", "info", "warn", "error"}
	f.Var(flagvalue.Choice(&a.logLevel, "level", levels...), "log-level", "lowest `level` of the messages in the log: "+
		printable.JoinOr(levels)+"; the log goes to stderr")
	f.Var(flagvalue.Choice(&a.logFormat, "format", "text", "json"), "log-format", "`format` of the log: text or json")
	f.Var(flagvalue.Choice(&a.color, "when", "auto", "always", "never"), "color",
		"when to use colours: auto, always or never; auto uses them on a terminal, unless NO_COLOR or TERM=dumb is set")
	completeValues(cmd, "log-level", levels)
	completeValues(cmd, "log-format", []string{"text", "json"})
	completeValues(cmd, "color", []string{"auto", "always", "never"})
	addBoolFlag(f, &a.noProgress, "no-progress", "hide the progress bar; it appears only on a terminal, and not with "+
		"TERM=dumb")
}

// addBoolFlag adds a flag that is true when it is given without a value.
func addBoolFlag(f *pflag.FlagSet, to *bool, name, usage string) {
	addShortBoolFlag(f, to, name, "", usage)
}

// addShortBoolFlag adds a flag like those of [addBoolFlag] that also has a one-letter name.
func addShortBoolFlag(f *pflag.FlagSet, to *bool, name, letter, usage string) {
	f.VarPF(flagvalue.Bool(to), name, letter, usage).NoOptDefVal = "true"
}

// addOutputFlag adds --output, with the formats that the command has in addition to the common
// ones.
func (a *app) addOutputFlag(cmd *cobra.Command, more ...string) {
	a.output = "text"
	words := slices.Concat(formats, more)
	cmd.Flags().VarP(flagvalue.Choice(&a.output, "format", words...), "output", "o",
		"`format` of the result: "+printable.JoinOr(words))
	completeValues(cmd, "output", words)
}

func (a *app) addRosterFlag(cmd *cobra.Command) {
	a.rosters = []string{defaultRoster}
	cmd.Flags().VarP(flagvalue.NewSlice(&a.rosters, "path", flagvalue.ParsePath), "roster", "r",
		"roster file or folder; in a folder, orgsync reads all *.yaml and *.yml files, also in subfolders; repeatable: all "+
			"files together are the roster")
	_ = cmd.MarkFlagFilename("roster", rosterFiles...)
}

func (a *app) addStateDirFlag(f *pflag.FlagSet) {
	f.Var(flagvalue.Path(&a.stateDir), "state-dir", "state `folder`, for the ledger, the lock and the simulated "+
		"organization (default $XDG_STATE_HOME/orgsync or, if XDG_STATE_HOME is not set, ~/.local/state/orgsync)")
	_ = cobra.MarkFlagDirname(f, "state-dir")
}

// addTimeoutFlag adds --timeout. After this time, the context of cmd ends with a *[timeoutError] as
// its cause. For the help of the flag, limited is the name of what the time limits.
func (a *app) addTimeoutFlag(cmd *cobra.Command, limited string) {
	a.timeout = 30 * time.Minute
	cmd.Flags().Var(flagvalue.Duration(&a.timeout, time.Millisecond), "timeout", "time limit of the whole "+limited)
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := context.WithTimeoutCause(cmd.Context(), a.timeout, &timeoutError{a.timeout})
		defer cancel()
		cmd.SetContext(ctx)
		return run(cmd, args)
	}
}

func (a *app) addLockTimeoutFlag(cmd *cobra.Command) {
	cmd.Flags().Var(flagvalue.Duration(&a.lockTimeout, 0), "lock-timeout", "how long to wait if another run has the lock")
}

func (a *app) addStateFlag(f *pflag.FlagSet) {
	f.StringVar(&a.state, "state", "", "folder or `URL` of the ledger and the lock; a URL has the form "+
		"s3://BUCKET/PREFIX?endpoint=URL or postgres://USER@HOST/DATABASE (default: the state in the roster, or the state "+
		"folder if the roster has no state)")
}

// addConnectionFlags adds the flags of all commands that call the API.
func (a *app) addConnectionFlags(cmd *cobra.Command) {
	// If a request takes up to 500 ms, 10 requests in flight are enough for 20 requests a second.
	a.apiURL, a.rate, a.concurrency = "https://api.vultr.com", 20, 10
	a.requestTimeout = 30 * time.Second
	f := cmd.Flags()
	a.addStateDirFlag(f)
	a.addStateFlag(f)
	f.StringVar(&a.apiURL, "api-url", a.apiURL, "`URL` of the API ($VULTR_API_URL); plain http is accepted only "+
		"for a loopback address")
	_ = f.SetAnnotation("api-url", variableAnnotation, []string{"VULTR_API_URL"})
	f.Var(flagvalue.Path(&a.apiKeyFile), "api-key-file", "`file` with the API key (default: orgsync reads the "+
		"key from $VULTR_API_KEY)")
	f.VarPF(flagvalue.Sandbox(&a.sandbox, "bool"), "sandbox", "",
		"use a simulated organization instead of the API; --sandbox=FILE keeps this organization in FILE (default "+
			"sandbox.json in the state folder)").NoOptDefVal = "true"
	f.Var(flagvalue.Rate(&a.rate), "rate",
		"maximum number of requests in a second; Vultr allows 30 from one network address")
	f.Var(flagvalue.Int(&a.concurrency, 1, 1000), "concurrency", "maximum number of requests in flight")
	f.Var(flagvalue.Duration(&a.requestTimeout, time.Millisecond), "request-timeout", "time limit of one request")
	a.addTimeoutFlag(cmd, "run")
}

// addPlanFlags adds the flags that plan and apply share. moreFormats are the formats of
// --output in addition to the common ones.
func (a *app) addPlanFlags(cmd *cobra.Command, moreFormats ...string) {
	a.addRosterFlag(cmd)
	a.addOutputFlag(cmd, moreFormats...)
	a.addConnectionFlags(cmd)
	f := cmd.Flags()
	addShortBoolFlag(f, &a.quiet, "quiet", "q", "print nothing if there are no changes and no errors")
	addBoolFlag(f, &a.detailedExitCode, "detailed-exitcode", "exit with 2 instead of 0 when there are changes")
	f.Var(flagvalue.OptionalInt(&a.planFlags.MaxInvites), "max-invites",
		"maximum number of invitation mails in one run (default: the roster's max_invites)")
	f.Var(flagvalue.OptionalInt(&a.planFlags.MaxRemovals), "max-removals",
		"maximum number of people that one run suspends or removes (default: the roster's max_removals)")
	f.Var(flagvalue.OptionalInt(&a.planFlags.MaxRevokes), "max-revokes",
		"maximum number of changes in one run that take access from members (default: the roster's max_revokes)")
	a.addPeopleFlag(cmd, &a.planFlags.Only, "only", "make changes only to this person; repeatable")
	a.addPeopleFlag(cmd, &a.planFlags.Resend, "resend", "send this person's pending invitation again; repeatable")
	a.addPeopleFlag(cmd, &a.planFlags.Reinvite, "reinvite",
		"invite this person again if they have no pending invitation, and count their mails from zero; repeatable")
	f.Var(flagvalue.Path(&a.metricsFile), "metrics-file",
		"write metrics for Prometheus' textfile collector to this `file`, as in orgsync.prom; each run replaces the file")
	_ = cmd.MarkFlagFilename("metrics-file", "prom")
	addBoolFlag(f, &a.planFlags.InviteLeft, "invite-left", "invite people again if they were members and left")
}

// addPeopleFlag adds a flag that names people for one run.
func (a *app) addPeopleFlag(cmd *cobra.Command, to *[]org.Address, name, usage string) {
	cmd.Flags().Var(flagvalue.NewSlice(to, "email", org.ParseAddress), name, usage)
	markWithoutEnvironment(cmd.Flags(), name)
	_ = cmd.RegisterFlagCompletionFunc(name, func(cmd *cobra.Command, _ []string, prefix string) ([]string,
		cobra.ShellCompDirective) {
		return a.completePeople(cmd, *to, nil, prefix)
	})
}

// noArguments returns an error if there are arguments. The error suggests the flag that the first
// argument was probably meant for, such as --roster for a file.
func (a *app) noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("%s has no arguments, but got %q", cmd.Name(), args[0])
	if advice := a.adviseArgument(cmd, args[0], args); advice != "" {
		return &adviceError{err, advice}
	}
	return err
}

// exactArgs returns a check that there is one argument for each of names.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		number := "one argument"
		if len(names) > 1 {
			number = strconv.Itoa(len(names)) + " arguments"
		}
		err := fmt.Errorf("%s needs %s: %s", cmd.Name(), number, printable.JoinAnd(names))
		if len(args) > len(names) {
			err = fmt.Errorf("%w; %q is one too many", err, args[len(names)])
		}
		return err
	}
}

// setFlagsFromEnvironment sets each flag that the command line does not set and that has an
// environment variable. An empty variable counts as not set.
func setFlagsFromEnvironment(flags *pflag.FlagSet, getenv func(string) string) error {
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		if err == nil && !f.Changed {
			err = setFlagFromEnvironment(f, getenv)
		}
	})
	return err
}

// readOutputFlag sets --output after an error of the command line or the environment. Such an error
// ends the parsing early, but a script that asks for JSON must still get the error as JSON.
func (a *app) readOutputFlag(cmd *cobra.Command) {
	output := cmd.Flags().Lookup("output")
	if output == nil {
		return
	}
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.ParseErrorsAllowlist.UnknownFlags = true
	f.AddFlag(output)
	_ = f.Parse(a.args) // the error was reported already
	if !output.Changed {
		_ = setFlagFromEnvironment(output, a.getenv)
	}
}

// setFlagFromEnvironment sets one flag if an environment variable sets it.
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

// environmentName returns the environment variable that sets f; "" if f has none, as --help.
func environmentName(f *pflag.Flag) string {
	if own := f.Annotations[variableAnnotation]; len(own) > 0 {
		return own[0]
	}
	if f.Name == "help" || f.Annotations[noVariableAnnotation] != nil {
		return ""
	}
	return standardEnvironmentName(f)
}

// standardEnvironmentName returns the environment variable that f has without annotations, for
// example ORGSYNC_MAX_INVITES for --max-invites.
func standardEnvironmentName(f *pflag.Flag) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// completeValues lets shells complete the values of a flag.
func completeValues(cmd *cobra.Command, flag string, words []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}
