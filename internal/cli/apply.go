package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
)

func (a *app) applyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply [PLANFILE]",
		Short: "Make the organization as the roster says",
		Long: `Plans afresh and carries the plan out: sends invitations that are missing, sends
expired ones again, gives members the groups, roles and policies of the roster,
and takes out who left it if the roster says so. On a terminal it shows the plan
and asks first, unless --yes; elsewhere, as in cron, it just runs. Run it as often
as you like: nobody is mailed twice.

With a PLANFILE from 'orgsync plan --out' it carries out that plan or nothing: where
a fresh one, made with the same flags, would do something else, it shows the
difference and ends.`,
		Annotations: exitStatus(exitDone, exitError, exitChanges, exitUnfinished, exitRefused, exitLocked, exitInvalid, exitInterrupted),
		Example: `  orgsync apply
  orgsync apply --yes --output json
  orgsync apply plan.json
  orgsync apply --reinvite ada@example.com
  orgsync apply --sandbox --roster users.example.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "" { // an unset variable of a script; to go on would send what nobody looked at
				return errors.New(`PLANFILE is "": must be a file that 'orgsync plan --out' wrote`)
			}
			if len(args) > 1 {
				return fmt.Errorf("apply takes one PLANFILE, and has %q besides", args[1])
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
	a.addOrganizationFlags(cmd, "markdown")
	addBoolFlag(cmd.Flags(), &a.yes, "yes", "do not ask")
	cmd.Flags().StringVar(&a.ping, "ping", "", "`URL` of a dead-man's switch that is told of start, success and failure; better in $ORGSYNC_PING, where other users do not see it")
	cmd.Flags().Var(durationFlag(&a.lockTimeout, 0), "lock-timeout", "how long to wait for another run's lock")
	a.settleWait = 5 * time.Minute
	cmd.Flags().Var(durationFlag(&a.settleWait, 0), "settle-wait",
		"how long to wait at the end for mails whose answer was lost; 0 leaves them to a later run")
	return cmd
}

func (a *app) apply(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout, &timeoutError{a.timeout})
	defer cancel()
	saved, err := a.savedPlan(ctx)
	if err != nil {
		return err
	}
	r, err := a.loadRoster(ctx)
	if err != nil {
		return err
	}
	session, stop, err := a.openSession(ctx, r, reconcile.Open)
	if err != nil {
		return err
	}
	defer stop()
	host, _ := os.Hostname() // "" is said to those who wait, and does no harm
	planned := 0
	p, result, err := session.Apply(ctx, reconcile.ApplyOptions{
		Saved: saved, Holder: ledger.Holder{PID: os.Getpid(), Host: host, Start: time.Now()}, LockTimeout: a.lockTimeout,
		RosterName: rosterName(r.Files), Concurrency: a.concurrency, SettleWait: a.settleWait, Waiting: a.trackWait,
		Planned: func(d reconcile.Decision) {
			a.recordPlan(d)
			planned = len(d.Plan.Changes)
		},
		Approve: func(ctx context.Context, p plan.Plan) (bool, error) {
			asked, err := a.confirmPlan(ctx, p)
			if err == nil {
				// Whoever reads the log or the report may go away; what is under way must be finished and written down.
				signal.Ignore(syscall.SIGPIPE)
				a.progress.show(applying, 0, planned)
			}
			return asked, err
		},
		Progress: a.trackChanges(&planned),
	})
	if err != nil {
		return err
	}
	a.progress.clear()
	return a.printResult(p, r, result)
}

// confirmPlan shows p and asks whether to go on, where there is something to do and somebody to ask. A simulation shows its
// plan to everybody. The error is errNotAccepted when the answer is no.
func (a *app) confirmPlan(ctx context.Context, p plan.Plan) (asked bool, err error) {
	ask := a.isTerminal(a.stdin) && !a.yes
	if len(p.Changes) == 0 || !ask && !a.sandbox.on {
		return false, nil
	}
	if err := report.PlanText(a.stderr, p, a.windowWidth(a.stderr), a.useColor(a.stderr)); err != nil {
		return false, err
	}
	if !ask {
		fmt.Fprintln(a.stderr)
		return false, nil
	}
	if err := report.Question(a.stderr, p, a.windowWidth(a.stderr)); err != nil {
		return false, err
	}
	yes, err := a.readConfirmation(ctx)
	if err == nil && !yes {
		err = errNotAccepted
	}
	return true, err
}

// printResult prints what became of p and gives the error that the run ends with.
func (a *app) printResult(p plan.Plan, r *roster.Roster, result apply.Result) error {
	verdict := a.resultError(result)
	run := report.Run{Command: "apply", Files: r.Files, People: len(r.People)}
	if code := exitCode(verdict); code != exitDone && code != exitChanges {
		run.Failure = &report.Failure{Code: code, Err: verdict}
	}
	a.reported = true
	a.run.Result = &result
	stale, isStale := errors.AsType[*plan.StaleError](verdict)
	var err error
	switch {
	case a.output == "json":
		err = report.ApplyJSON(a.stdout, run, p, result)
	case a.output == "markdown" && isStale:
		err = report.StaleMarkdown(a.stdout, stale)
	case isStale:
		err = report.StaleText(a.stdout, stale, a.windowWidth(a.stdout), a.useColor(a.stdout))
	case a.output == "markdown":
		err = report.ApplyMarkdown(a.stdout, p, result)
	case errors.Is(verdict, errNotAccepted): // who said no has just seen the plan
	default:
		err = report.ApplyText(a.stdout, p, result, a.windowWidth(a.stdout), a.useColor(a.stdout))
	}
	if a.sandbox.on && result.Stopped == nil {
		a.printNextSteps(result)
	}
	if err != nil && slices.ContainsFunc(result.Changes, possiblyApplied) {
		// What was done is done, and nobody was told.
		return &unfinishedError{err: errors.Join(verdict, fmt.Errorf("print the report: %w", err))}
	}
	return errors.Join(verdict, err)
}

// possiblyApplied tells whether the server did something about c, or may have. A failure that is no refusal of the server's
// is one, too: a mail that went out for another organization.
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

// resultError gives the error that a result stands for.
func (a *app) resultError(r apply.Result) error {
	undone := 0
	for _, c := range r.Changes {
		if c.Outcome != apply.Done && !c.LacksAccess() { // what the organization lacks is counted below
			undone++
		}
	}
	unsettled, held := 0, 0
	for _, n := range r.Notices {
		switch {
		case n.Kind == plan.Unsettled:
			unsettled++
		case n.Kind != plan.UnknownAccess && n.Holds():
			held++
		}
	}
	lacking := plan.Plan{Notices: r.Notices}.CheckAccess()
	stopped := r.Stopped
	begun := slices.ContainsFunc(r.Changes, possiblyApplied)
	switch {
	case stopped != nil && !begun:
		return stopped // nothing was done: the reason is all there is to say
	case undone > 0 || unsettled > 0 || held > 0 || lacking != nil || stopped != nil:
		return &unfinishedError{undone: undone, unsettled: unsettled, notInvited: held, missingAccess: lacking, err: stopped}
	case a.detailedExitCode && r.Count(apply.Done) > 0:
		return changesError{}
	}
	return nil
}
