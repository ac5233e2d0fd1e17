package cli

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orgsync/orgsync/internal/org"
)

// settings holds the values of all flags, of every command.
type settings struct {
	rosters  []string
	output   string
	logLevel slog.Level

	logFormat  string
	color      string
	noProgress bool
	quiet      bool
	stateDir   string
	state      string // "" for the roster's, or the state folder

	apiURL         string
	apiKeyFile     string
	sandbox        sandboxSetting
	rate           float64
	concurrency    int
	requestTimeout time.Duration
	timeout        time.Duration

	out                     string // "" when the plan is not saved
	detailedExitCode        bool
	maxInvites, maxRemovals *int // nil to use the roster's
	maxRevokes              *int // nil to use the roster's
	reinvite, resend, only  []org.Address
	inviteLeft              bool
	yes                     bool
	lockTimeout             time.Duration
	settleWait              time.Duration
	metricsFile             string // "" for none
	ping                    string // "" for none
}

// formats are the values of --output that every command with a result accepts.
var formats = []string{"text", "json"}

const (
	// nameForEnvironment annotates a flag with the name of its environment variable, when that is not
	// the standard one.
	nameForEnvironment = "environment"
	// withoutEnvironment annotates a flag that no environment variable sets.
	withoutEnvironment = "without environment"
)

// markWithoutEnvironment removes the environment variable of a flag that is meant for one run. In a
// unit file or a pipeline, it would act in every run: --reinvite would mail someone every hour.
func markWithoutEnvironment(f *pflag.FlagSet, flag string) {
	if err := f.SetAnnotation(flag, withoutEnvironment, []string{"true"}); err != nil {
		panic(err) // the flag does not exist
	}
}

func (a *app) addGlobalFlags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	a.logLevel, a.logFormat, a.color = slog.LevelWarn, "text", "auto"
	f.Var(logLevelFlag(&a.logLevel), "log-level", "log to stderr at this `level` and above: "+orList(logLevels))
	f.Var(choiceFlag(&a.logFormat, "format", "text", "json"), "log-format", "`format` of the log: text or json")
	f.Var(choiceFlag(&a.color, "when", "auto", "always", "never"), "color",
		"colours: auto, always or never; auto honours NO_COLOR and TERM=dumb")
	completeValues(cmd, "log-level", logLevels)
	completeValues(cmd, "log-format", []string{"text", "json"})
	completeValues(cmd, "color", []string{"auto", "always", "never"})
	addBoolFlag(f, &a.noProgress, "no-progress", "show no progress bar; there is never one without a terminal or with "+
		"TERM=dumb")
}

// addBoolFlag adds a flag that is true when it is given without a value.
func addBoolFlag(f *pflag.FlagSet, to *bool, name, usage string) {
	addShortBoolFlag(f, to, name, "", usage)
}

// addShortBoolFlag is addBoolFlag for a flag that has a letter too.
func addShortBoolFlag(f *pflag.FlagSet, to *bool, name, letter, usage string) {
	f.VarPF(boolFlag(to), name, letter, usage).NoOptDefVal = "true"
}

// addOutputFlag adds --output, with the formats that the command has in addition to the common
// ones.
func (a *app) addOutputFlag(cmd *cobra.Command, more ...string) {
	a.output = "text"
	words := slices.Concat(formats, more)
	cmd.Flags().VarP(choiceFlag(&a.output, "format", words...), "output", "o", "`format` of the result: "+orList(words))
	completeValues(cmd, "output", words)
}

func (a *app) addRosterFlag(cmd *cobra.Command) {
	a.rosters = []string{defaultRoster}
	cmd.Flags().VarP(newSliceFlag(&a.rosters, "path", parsePath), "roster", "r",
		"roster file, or folder of *.yaml and *.yml files, including subfolders; repeatable, all files are merged")
	_ = cmd.MarkFlagFilename("roster", rosterFiles...)
}

func (a *app) addStateFlag(f *pflag.FlagSet) {
	f.StringVar(&a.stateDir, "state-dir", "", "`folder` of the ledger, the lock and the sandbox (default "+
		"$XDG_STATE_HOME/orgsync, else ~/.local/state/orgsync)")
	_ = cobra.MarkFlagDirname(f, "state-dir")
}

// addTimeoutFlag adds --timeout; of names what it limits.
func (a *app) addTimeoutFlag(cmd *cobra.Command, of string) {
	a.timeout = 30 * time.Minute
	cmd.Flags().Var(durationFlag(&a.timeout, time.Millisecond), "timeout", "time limit of the whole "+of)
}

// addLockTimeoutFlag adds --lock-timeout.
func (a *app) addLockTimeoutFlag(cmd *cobra.Command) {
	cmd.Flags().Var(durationFlag(&a.lockTimeout, 0), "lock-timeout", "how long to wait for another run's lock")
}

// addStateURLFlag adds --state.
func (a *app) addStateURLFlag(f *pflag.FlagSet) {
	f.StringVar(&a.state, "state", "", "where ledger and lock are kept, as a `URL`: a folder, s3://BUCKET/PREFIX?endpoint=URL, "+
		"or postgres://USER@HOST/DATABASE (default: the roster's state, else the state folder)")
}

// addConnectionFlags adds the flags of all commands that call the API.
func (a *app) addConnectionFlags(cmd *cobra.Command) {
	// at 400 ms a request, 8 in flight are just 20 a second
	a.apiURL, a.rate, a.concurrency = "https://api.vultr.com", 20, 10
	a.requestTimeout = 30 * time.Second
	f := cmd.Flags()
	a.addStateFlag(f)
	a.addStateURLFlag(f)
	f.StringVar(&a.apiURL, "api-url", a.apiURL, "`URL` of the API ($VULTR_API_URL); plain http only for a "+
		"loopback address")
	_ = f.SetAnnotation("api-url", nameForEnvironment, []string{"VULTR_API_URL"})
	f.StringVar(&a.apiKeyFile, "api-key-file", "", "`file` that holds the API key (default: the key is in $VULTR_API_KEY)")
	f.VarPF(sandboxFlag(&a.sandbox, "bool"), "sandbox", "",
		"act on a simulated API in this process; --sandbox=FILE keeps it in FILE (default sandbox.json in the "+
			"state folder)").NoOptDefVal = "true"
	f.Var(rateFlag(&a.rate), "rate", "maximum number of requests a second; Vultr allows 30 for each network address")
	f.Var(intFlag(&a.concurrency, 1, 1000), "concurrency", "maximum number of requests in flight")
	f.Var(durationFlag(&a.requestTimeout, time.Millisecond), "request-timeout", "time limit of one request")
	a.addTimeoutFlag(cmd, "run")
}

// addOrganizationFlags adds the flags that plan and apply share.
func (a *app) addOrganizationFlags(cmd *cobra.Command, formats ...string) {
	a.addRosterFlag(cmd)
	a.addOutputFlag(cmd, formats...)
	a.addConnectionFlags(cmd)
	f := cmd.Flags()
	addShortBoolFlag(f, &a.quiet, "quiet", "q", "print only errors and, where something changed, the result")
	addBoolFlag(f, &a.detailedExitCode, "detailed-exitcode", "exit with 2 instead of 0 when there are changes")
	f.Var(optionalIntFlag(&a.maxInvites), "max-invites",
		"maximum number of invitation mails in one run (default from the roster)")
	f.Var(optionalIntFlag(&a.maxRemovals), "max-removals",
		"maximum number of people suspended or removed in one run (default from the roster)")
	f.Var(optionalIntFlag(&a.maxRevokes), "max-revokes",
		"maximum number of changes in one run that take access from members (default from the roster)")
	a.addPeopleFlag(cmd, &a.only, "only", "only make changes to this person; repeatable")
	a.addPeopleFlag(cmd, &a.resend, "resend", "send this person's pending invitation again; repeatable")
	a.addPeopleFlag(cmd, &a.reinvite, "reinvite", "invite this person again, counting their mails from zero; repeatable")
	a.addMetricsFlag(cmd)
	addBoolFlag(f, &a.inviteLeft, "invite-left", "invite people again who joined once and have left")
}

// addPeopleFlag adds a flag that names people for one run.
func (a *app) addPeopleFlag(cmd *cobra.Command, to *[]org.Address, name, usage string) {
	cmd.Flags().Var(newSliceFlag(to, "email", parseAddress), name, usage)
	markWithoutEnvironment(cmd.Flags(), name)
	_ = cmd.RegisterFlagCompletionFunc(name, func(cmd *cobra.Command, _ []string, begun string) ([]string,
		cobra.ShellCompDirective) {
		return a.completePeople(cmd, *to, nil, begun)
	})
}

// noArguments returns an error when there are arguments, with what is probably meant: a file after
// --sandbox, a roster or a person.
func (a *app) noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("%s has no arguments, but got %q", cmd.Name(), args[0])
	if advice := a.adviseArgument(cmd, args[0]); advice != "" {
		return &adviceError{err, advice}
	}
	return err
}

// exactArgs returns a check that the arguments are exactly those that names lists.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		number := "one argument"
		if len(names) > 1 {
			number = strconv.Itoa(len(names)) + " arguments"
		}
		err := fmt.Errorf("%s needs %s: %s", cmd.Name(), number, andList(names))
		if len(args) > len(names) {
			err = fmt.Errorf("%w; %q is one too many", err, args[len(names)])
		}
		return err
	}
}

// setFlagsFromEnvironment sets every flag that the command line leaves out and an environment
// variable sets. An empty variable counts as not set.
func setFlagsFromEnvironment(flags *pflag.FlagSet, getenv func(string) string) error {
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		if err == nil && !f.Changed {
			err = setFlagFromEnvironment(f, getenv)
		}
	})
	return err
}

// readOutputFlag finds the wanted format of the result when the command line or the environment is
// wrong elsewhere and was not read to its end: then a script that asks for JSON gets the error as
// JSON.
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

// environmentName returns the environment variable that sets f; "" when none does, as for --help.
func environmentName(f *pflag.Flag) string {
	if own := f.Annotations[nameForEnvironment]; len(own) > 0 {
		return own[0]
	}
	if f.Name == "help" || f.Annotations[withoutEnvironment] != nil {
		return ""
	}
	return standardEnvironmentName(f)
}

// standardEnvironmentName returns the variable that f has unless an annotation says otherwise.
func standardEnvironmentName(f *pflag.Flag) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// completeValues lets shells complete the values of a flag.
func completeValues(cmd *cobra.Command, flag string, words []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}
