package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/backend"
)

func (a *app) stateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Show or copy the ledger, and end a lock",
		Long: `The state is the ledger and the lock. The ledger is orgsync's record of the
mails and changes that it sent. The lock prevents two runs from changing the
organization at the same time. orgsync keeps the state in a folder, a bucket or
a database: see --state in 'orgsync state show --help'. The subcommands of state
need no API key.`,
		Annotations: exitStatus(),
	}
	needSubcommand(cmd)
	cmd.AddCommand(a.stateShowCommand(), a.stateCopyCommand(), a.stateUnlockCommand())
	return cmd
}

// addStateCommandFlags adds the flags of commands that need only the state.
func (a *app) addStateCommandFlags(cmd *cobra.Command) {
	a.addRosterFlag(cmd)
	a.addStateDirFlag(cmd.Flags())
	a.addStateFlag(cmd.Flags())
	a.addTimeoutFlag(cmd, "command")
}

// withState opens the state, calls do with it and closes it. Like [app.location], it looks for the
// place of the state in the roster too. Only if a flag or a variable names the roster, it must exist.
func (a *app) withState(ctx context.Context, do func(context.Context, *backend.Backend, state.Location) error) error {
	rosterState := ""
	if a.state == "" {
		r, err := a.loadRoster(ctx)
		switch {
		case err == nil:
			if rosterState, err = a.statePlaceOf(r); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrNotExist) || a.command.Flags().Changed("roster"):
			return err
		}
	}
	b, l, err := a.openChosenState(ctx, rosterState)
	if err != nil {
		return err
	}
	defer b.Close()
	return do(ctx, b, l)
}

func (a *app) stateShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:         "show",
		Short:       "Show where the ledger of each organization is, and which run has its lock",
		Annotations: exitStatus(exitInvalid, exitInterrupted),
		Example: `  orgsync state show
  orgsync state show --state s3://bucket/orgsync --output json`,
		Args: a.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.withState(cmd.Context(), a.showState) },
	}
	a.addStateCommandFlags(cmd)
	a.addOutputFlag(cmd)
	return cmd
}

func (a *app) showState(ctx context.Context, b *backend.Backend, l state.Location) error {
	ids, err := b.Organizations(ctx)
	if err != nil {
		return stateFailed(ctx, err)
	}
	s := report.State{Location: l}
	var failed error
	for _, id := range ids {
		o, err := inspect(ctx, b, id)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("organization %s: %w", id, err))
			continue
		}
		s.Organizations = append(s.Organizations, o)
	}
	if failed != nil && (a.output == "json" || len(s.Organizations) == 0) {
		return stateFailed(ctx, failed)
	}
	a.reported = true
	if a.output == "json" {
		return report.StateJSON(a.stdout, s)
	}
	if err := a.writeDocument(a.stdout, report.StateDocument(s)); err != nil || failed == nil {
		return err
	}
	return stateFailed(ctx, failed)
}

// inspect reads the ledger and the lock of one organization.
func inspect(ctx context.Context, b *backend.Backend, id string) (report.OrganizationState, error) {
	o := report.OrganizationState{ID: id}
	store, err := b.Store(ctx, id)
	if err != nil {
		return o, err
	}
	if o.Inspection, err = store.Inspect(ctx); err != nil {
		return o, err
	}
	o.MovedTo, err = ledger.Entries(ctx, store, id, func(ledger.Entry) { o.Entries++ })
	return o, err
}

func (a *app) stateCopyCommand() *cobra.Command {
	retire := false
	cmd := &cobra.Command{
		Use:   "copy FROM TO",
		Short: "Copy the ledgers from one place to another",
		Long: `Copies the ledgers of all organizations from FROM to TO. FROM and TO are
folders, or URLs in the form s3://BUCKET/PREFIX?endpoint=URL or
postgres://USER@HOST/DATABASE. During the copy, orgsync locks FROM and TO. At
the end, orgsync compares the copy with the original. If TO has entries that are
not in FROM, orgsync refuses to copy.

With --retire, orgsync adds a last line to each ledger in FROM. This line names
TO. Runs that still use FROM then refuse to start. Without --retire, a run that
still uses FROM could mail people again.`,
		Annotations: exitStatus(exitLocked, exitInterrupted),
		Example:     `  orgsync state copy ~/.local/state/orgsync s3://bucket/orgsync --retire`,
		Args:        exactArgs("FROM", "TO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var places [2]state.Location
			for i, arg := range args {
				l, err := parseArgumentLocation(arg)
				if err != nil {
					return &usageError{cmd.CommandPath(), err}
				}
				places[i] = l
			}
			if places[0].Is(places[1]) {
				return &usageError{cmd.CommandPath(), errors.New("FROM and TO are the same place")}
			}
			return a.copyState(cmd.Context(), places[0], places[1], retire)
		},
	}
	a.addTimeoutFlag(cmd, "command")
	a.addLockTimeoutFlag(cmd)
	addBoolFlag(cmd.Flags(), &retire, "retire",
		"after the copy, runs that still use FROM refuse to start; their error names TO")
	markWithoutEnvironment(cmd.Flags(), "retire")
	return cmd
}

func (a *app) copyState(ctx context.Context, from, to state.Location, retire bool) error {
	source, err := a.openState(ctx, from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := a.openState(ctx, to)
	if err != nil {
		return err
	}
	defer target.Close()
	ids, err := source.Organizations(ctx)
	if err != nil {
		return stateFailed(ctx, err)
	}
	if len(ids) == 0 {
		return &reconcile.StateError{Err: &state.Problem{
			Err: fmt.Errorf("%s has no ledger", from), Advice: "check the place; 'orgsync state show --state PLACE' shows " +
				"what is there",
		}}
	}
	o := ledger.CopyOptions{Holder: thisProcess(), LockTimeout: a.lockTimeout, Now: time.Now()}
	out := &keptErrorWriter{w: a.stdout}
	if err := a.copyLedgers(ctx, out, ids, source, target, to, o); err != nil || !retire {
		return cmp.Or(err, out.err)
	}
	// No ledger is retired before all are copied. The second copy adds the lines that runs have added since the first.
	o.RetireTo = to.Argument()
	if err := a.copyLedgers(ctx, out, ids, source, target, to, o); err != nil {
		return err
	}
	fmt.Fprintf(out, "Runs that still use %s refuse to start from now on.\n", clean(from.String()))
	return out.err
}

// copyLedgers copies the ledgers of organizations, and writes to out what it copied. It leaves out
// those that an earlier copy has retired.
func (a *app) copyLedgers(ctx context.Context, out io.Writer, ids []string, source, target *backend.Backend,
	to state.Location, o ledger.CopyOptions) error {
	for _, id := range ids {
		o.Organization = id
		lines, err := copyLedger(ctx, source, target, o)
		retired, isRetired := errors.AsType[*ledger.RetiredError](err)
		switch {
		case isRetired && retired.To == to.Argument():
			if o.RetireTo == "" { // otherwise, the copy before said it
				fmt.Fprintf(out, "%s: has moved to %s already\n", clean(id), clean(to.String()))
			}
		case err != nil:
			return stateFailed(ctx, fmt.Errorf("copy the ledger of the organization %s: %w", id, err))
		case o.RetireTo == "":
			fmt.Fprintf(out, "%s: %d entries copied to %s\n", clean(id), lines, clean(to.String()))
		}
	}
	return nil
}

// copyLedger copies the ledger of one organization, and returns its number of lines.
func copyLedger(ctx context.Context, source, target *backend.Backend, o ledger.CopyOptions) (lines int, err error) {
	from, err := source.Store(ctx, o.Organization)
	if err != nil {
		return 0, err
	}
	to, err := target.Store(ctx, o.Organization)
	if err != nil {
		return 0, err
	}
	lines, err = ledger.Copy(ctx, from, to, o)
	if errors.Is(err, ledger.ErrTargetDiffers) {
		err = &state.Problem{Err: err, Advice: "runs may have used both places: keep the place that jobs use now, and copy " +
			"to an empty place"}
	}
	return lines, err
}

func (a *app) stateUnlockCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unlock ID",
		Short: "End the lock of a run that died",
		Long: `Ends a lock in a bucket or a database. 'orgsync state show' prints the ID of the
lock. You rarely need unlock: 45 seconds after a run died, other runs can take
its lock. unlock watches the lock for at least 11 seconds. If the run renews the
lock, the run is alive, and unlock does not end the lock. unlock ends the lock
only if the run has not renewed it for 30 seconds.

If the state is in a folder, the lock ends when the process of the run ends. So
you never need unlock for a state in a folder.`,
		Annotations: exitStatus(exitInvalid, exitInterrupted),
		Example:     `  orgsync state unlock k3jq5zt7w2ab --state s3://bucket/orgsync`,
		Args:        exactArgs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withState(cmd.Context(), func(ctx context.Context, b *backend.Backend, l state.Location) error {
				return a.unlockState(ctx, b, l, args[0])
			})
		},
	}
	a.addStateCommandFlags(cmd)
	return cmd
}

func (a *app) unlockState(ctx context.Context, b *backend.Backend, l state.Location, id string) error {
	if !l.Shared() {
		return &reconcile.StateError{Err: &state.Problem{
			Err:    fmt.Errorf("the state %s is a folder", l),
			Advice: "its lock ends with the process of its run: stop that process, or name a shared state with --state",
		}}
	}
	ids, err := b.Organizations(ctx)
	if err != nil {
		return stateFailed(ctx, err)
	}
	var failed error
	for _, organization := range ids {
		store, err := b.Store(ctx, organization)
		if err != nil {
			return err
		}
		i, err := store.Inspect(ctx)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("organization %s: %w", organization, err))
			continue
		}
		unlocker, ok := store.(interface {
			Unlock(ctx context.Context, id string, holder state.Holder) error
		})
		if !ok || !i.Held || i.ID != id {
			continue
		}
		if err := unlocker.Unlock(ctx, id, thisProcess()); err != nil {
			return stateFailed(ctx, err)
		}
		_, err = fmt.Fprintf(a.stdout, "The lock of the organization %s is free. If the run had mails without an answer, "+
			"the next runs find out whether they were sent.\n", clean(organization))
		return err
	}
	if failed != nil {
		return stateFailed(ctx, failed)
	}
	return &reconcile.StateError{Err: &state.Problem{
		Err: fmt.Errorf("no run has a lock with the id %.40q in %s", id, l), Advice: "'orgsync state show' prints which " +
			"run has which lock",
	}}
}

// stateFailed returns err as a StateError, with the cause of ctx if ctx has ended.
func stateFailed(ctx context.Context, err error) error {
	return &reconcile.StateError{Err: reconcile.WithCause(ctx, err)}
}

// thisProcess describes this process as the holder of a lock, for other runs.
func thisProcess() state.Holder {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return state.Holder{PID: os.Getpid(), Host: host, Start: time.Now()}
}

var errPasswordOnCommandLine = errors.New(
	"the URL of the state has a password, which every user of this machine can read in the list of processes; " +
		"set ORGSYNC_STATE, PGPASSWORD or a password file instead")

// checkStateFlags checks --state and --state-dir on the command line. It must be called before the
// flags are set from the environment.
func (a *app) checkStateFlags(cmd *cobra.Command) error {
	place, folder := cmd.Flags().Lookup("state"), cmd.Flags().Lookup("state-dir")
	switch {
	case place == nil:
		return nil
	case place.Changed:
		_, err := parseArgumentLocation(a.state)
		if err == nil && folder.Changed && !a.sandbox.On {
			err = errors.New("--state and --state-dir both name the place of the ledger; leave one out")
		}
		return err
	}
	place.Changed = folder.Changed // so that --state-dir overrides ORGSYNC_STATE
	return nil
}

// parseArgumentLocation parses a location from the command line. It refuses a URL with a password,
// because every user of the machine can read command lines.
func parseArgumentLocation(text string) (state.Location, error) {
	l, err := state.ParseLocation(text)
	if err == nil && l.HasPassword() {
		err = errPasswordOnCommandLine
	}
	return l, err
}
