package cli

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/flagvalue"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
)

func (a *app) applyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply [PLANFILE]",
		Short: "Bring the organization in line with the roster",
		Long: `Makes a new plan and carries it out. orgsync invites people who are in the
roster but not in the organization. If an invitation has expired, orgsync
invites the person again. Members get the groups, roles and policies that the
roster names for them. If the roster asks for it, orgsync also takes access
away, and suspends or removes people who are not in the roster.

On a terminal, orgsync shows the plan and asks before it changes anything. With
--yes, or without a terminal as in cron, orgsync does not ask. You can run apply
as often as you like. Each run makes only the changes that are still missing.

orgsync records each mail and each change in its ledger. A lock prevents two
runs from changing the organization at the same time.

If --resend or --reinvite sends no mail, a notice says why.

PLANFILE is a plan that 'orgsync plan --out PLANFILE' saved. apply makes a new
plan and compares it with the saved plan. If the plans are equal, orgsync
carries out the plan. If they differ, orgsync shows the difference, changes
nothing, and exits with 4. A saved plan keeps the flags --only, --resend and
--reinvite, and apply uses them. If you made the saved plan with --invite-left,
give this flag to apply too.`,
		Annotations: exitStatus(exitChanges, exitUnfinished, exitRefused, exitLocked, exitInvalid, exitInterrupted),
		Example: `  orgsync apply
  orgsync apply --yes --output json
  orgsync apply plan.json
  orgsync apply --only ada@example.com
  orgsync apply --resend ada@example.com
  orgsync apply --reinvite ada@example.com
  orgsync apply --sandbox --roster users.example.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			// In a script, "" is probably an unset variable. Without a PLANFILE, apply would carry out a
			// plan that nobody reviewed.
			if len(args) == 1 && args[0] == "" {
				return errors.New(`PLANFILE is "": must be a file written by 'orgsync plan --out'`)
			}
			if len(args) > 1 {
				err := fmt.Errorf("apply needs at most one PLANFILE, but also got %q", args[1])
				if isRosterName(args[1]) {
					return &adviceError{err, a.adviseRoster(cmd, args[1], args)}
				}
				return err
			}
			if len(args) == 1 && len(a.planFlags.Only) > 0 {
				return errors.New("--only cannot be used with a PLANFILE: give it to 'orgsync plan --out', which then saves " +
					"only the selected changes")
			}
			return nil
		},
		ValidArgsFunction: completeFiles(1, "json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				a.planFile = args[0]
			}
			return a.observe(cmd, a.apply)
		},
	}
	a.addPlanFlags(cmd, "markdown")
	addShortBoolFlag(cmd.Flags(), &a.yes, "yes", "y", "apply the plan without asking")
	cmd.Flags().StringVar(&a.ping, "ping", "", "`URL` of a dead-man's switch; apply reports its start, success or "+
		"failure to this URL; to hide the URL from other users of this machine, set it in $ORGSYNC_PING")
	a.addLockTimeoutFlag(cmd)
	a.settleWait = 5 * time.Minute
	cmd.Flags().Var(flagvalue.Duration(&a.settleWait, 0), "settle-wait",
		"if the API's answer to a mail was lost: how long the run waits before it ends, to find out whether the mail was "+
			"sent; with 0, a later run finds out")
	return cmd
}

// applyGCPercent is how much the heap of apply grows between two garbage collections, in percent.
// apply waits for the API nearly all the time, so it trades processor time for memory: with 20,000
// people, Go's default of 100 needs 1.5 times as much memory.
const applyGCPercent = 25

func (a *app) apply(ctx context.Context) error {
	debug.SetGCPercent(applyGCPercent)
	saved, err := a.savedPlan(ctx)
	if err != nil {
		return err
	}
	r, err := a.loadRoster(ctx)
	if err == nil {
		err = a.checkSaved(r, saved)
	}
	if err != nil {
		return err
	}
	session, stop, err := a.openSession(ctx, r, reconcile.Open)
	if err != nil {
		return err
	}
	defer stop()
	var checkRoster func(context.Context) error
	if a.asks() || a.lockTimeout > 0 { // otherwise, the run does not wait
		checkRoster = func(ctx context.Context) error { return a.checkSameRoster(ctx, r) }
	}
	p, result, err := session.Apply(ctx, reconcile.ApplyOptions{
		Saved: saved, Holder: thisProcess(), LockTimeout: a.lockTimeout,
		RosterName: rosterName(r.Files), Concurrency: a.concurrency, SettleWait: a.settleWait, Waiting: a.trackWait,
		Planned: a.recordPlan, Asks: a.asks(), CheckRoster: checkRoster,
		Approve: func(ctx context.Context, p plan.Plan) error {
			err := a.confirmPlan(ctx, p)
			if err == nil {
				// From now on, a closed pipe at stdout or stderr must not end the process: changes in flight must
				// be finished and recorded.
				signal.Ignore(syscall.SIGPIPE)
				a.progress.show(applying, 0, len(p.Changes))
			}
			return err
		},
		Progress: a.trackChanges(),
	})
	if err != nil {
		return err
	}
	a.progress.clear()
	return a.printResult(p, r, result)
}

// asks reports whether apply asks before it changes something.
func (a *app) asks() bool { return a.isTerminal(a.stdin) && !a.yes }

// confirmPlan shows p and asks whether to apply it, if p has changes and a person can answer. In a
// simulation, it shows p also if nobody can answer. It returns errNotAccepted if the answer is no.
func (a *app) confirmPlan(ctx context.Context, p plan.Plan) error {
	ask := a.asks()
	if len(p.Changes) == 0 || !ask && (!a.sandbox.On || a.quiet) {
		return nil
	}
	shown := report.PlanDocument(p)
	if err := document.WriteText(a.stderr, shown, a.windowWidth(a.stderr), a.useColor(a.stderr)); err != nil {
		return err
	}
	if !ask {
		fmt.Fprintln(a.stderr)
		return nil
	}
	if err := report.Question(a.stderr, p, a.windowWidth(a.stderr)); err != nil {
		return err
	}
	yes, err := a.readConfirmation(ctx)
	if err == nil && !yes {
		err = errNotAccepted
	}
	return err
}

// printResult prints the result of applying p and returns the error that the run ends with.
func (a *app) printResult(p plan.Plan, r *roster.Roster, result apply.Result) error {
	runErr := a.resultError(result)
	run := newRun("apply", r, p.Now)
	if code := exitCode(runErr); code != exitDone && code != exitChanges {
		run.Code, run.Err = code, runErr
	}
	a.reported = true
	a.run.Result = &result
	if len(result.Changes) == 0 && a.isSilent(runErr) {
		return runErr
	}
	stale, isStale := errors.AsType[*plan.StaleError](runErr)
	var err error
	switch {
	case a.output == "json":
		err = report.ApplyJSON(a.stdout, run, p, result)
	case isStale:
		err = a.writeDocument(a.stdout, report.StaleDocument(stale))
	case errors.Is(runErr, errNotAccepted) && a.output == "text": // the person who said no has just seen the plan
	default:
		err = a.writeDocument(a.stdout, report.ApplyDocument(p, result))
	}
	if a.sandbox.On && result.Stopped == nil && !a.quiet {
		a.printNextSteps(result)
	}
	if err != nil && slices.ContainsFunc(result.Changes, possiblyApplied) {
		// Changes were made, and the report of them was lost.
		allDone := runErr == nil || errors.Is(runErr, errChanges)
		return &unfinishedError{err: errors.Join(runErr, &lostReportError{err, allDone})}
	}
	return errors.Join(runErr, err)
}

// possiblyApplied reports whether the server acted on c, or may have acted. Some failed changes
// count too: for example, the server sent an invitation, but to another organization.
func possiblyApplied(c apply.ChangeResult) bool {
	switch c.Outcome {
	case apply.Done, apply.Unknown:
		return true
	case apply.Failed:
		return c.Requests > 0 && !is[*org.CallError](c.Err)
	default:
		return false
	}
}

// resultError returns the error that a run with the result r ends with; nil if everything was done.
func (a *app) resultError(r apply.Result) error {
	undone, failed := 0, 0
	for _, c := range r.Changes {
		if c.Outcome == apply.Done || c.LacksAccess() { // access that the organization does not have is counted below
			continue
		}
		undone++
		if c.Outcome == apply.Failed {
			failed++
		}
	}
	unsettled, notInvited := 0, 0
	for _, n := range r.Notices {
		switch {
		case n.NotSelected:
		case n.Kind == plan.Unsettled:
			unsettled++
		case n.Kind != plan.UnknownAccess && n.Holds():
			notInvited++
		}
	}
	missingAccess := plan.Plan{Notices: r.Notices}.CheckAccess()
	stopped := r.Stopped
	begun := slices.ContainsFunc(r.Changes, possiblyApplied)
	switch {
	case stopped != nil && !begun:
		return stopped // nothing was done, so only the reason matters
	case undone > 0 || unsettled > 0 || notInvited > 0 || missingAccess != nil || stopped != nil:
		return &unfinishedError{undone: undone, failed: failed, unsettled: unsettled, notInvited: notInvited,
			missingAccess: missingAccess, err: stopped}
	case a.detailedExitCode && r.Count(apply.Done) > 0:
		return errChanges
	}
	return nil
}
