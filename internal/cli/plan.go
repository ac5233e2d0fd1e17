package cli

import (
	"context"
	"errors"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
)

func (a *app) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would do",
		Long: `Reads the roster and the organization. plan prints each change that apply would
make, and the reason for each change. plan changes nothing, and does not wait
for the lock of another run.

With --out FILE, orgsync also saves the plan. After you have reviewed the plan,
'orgsync apply FILE' carries out exactly this plan. If the plan has changed
since, apply changes nothing.

For a pull request, --output markdown prints a comment. If there are no changes,
and no notices that somebody should act on, the comment is empty. --output
github annotates the lines of the roster.`,
		Annotations: exitStatus(exitDone, exitError, exitChanges, exitRefused, exitInvalid, exitInterrupted),
		Example: `  orgsync plan
  orgsync plan --roster teams/ --output json
  orgsync plan --out plan.json
  orgsync plan --sandbox --roster users.example.yaml`,
		Args: a.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.observe(cmd, a.plan) },
	}
	a.addOrganizationFlags(cmd, "markdown", "github")
	cmd.Flags().StringVar(&a.out, "out", "", "save the plan to this `file`, for 'orgsync apply FILE'")
	_ = cmd.MarkFlagFilename("out", "json")
	return cmd
}

// manyChanges is how many changes need much memory when they are printed.
const manyChanges = 1000

func (a *app) plan(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout, &timeoutError{a.timeout})
	defer cancel()
	p, run, err := a.makePlan(ctx)
	if err != nil {
		return err
	}
	if len(p.Changes) > manyChanges {
		runtime.GC() // now, so that the changes are printed in the memory that the roster took
	}
	if a.out != "" {
		if err := savePlan(a.out, p); err != nil {
			return err
		}
	}
	lacking := p.CheckAccess()
	if lacking != nil {
		run.Failure = &report.Failure{Code: exitCode(lacking), Err: lacking}
	}
	if err := errors.Join(a.printPlan(p, run), lacking); err != nil {
		return err
	}
	if a.detailedExitCode && len(p.Changes) > 0 {
		return changesError{}
	}
	return nil
}

// makePlan reads the roster and the organization, and plans. Both are garbage when it returns.
func (a *app) makePlan(ctx context.Context) (plan.Plan, report.Run, error) {
	r, err := a.loadRoster(ctx)
	if err != nil {
		return plan.Plan{}, report.Run{}, err
	}
	session, stop, err := a.openSession(ctx, r, reconcile.OpenAhead)
	if err != nil {
		return plan.Plan{}, report.Run{}, err
	}
	defer stop()
	decision, err := session.Plan(ctx)
	if err != nil {
		return plan.Plan{}, report.Run{}, err
	}
	a.recordPlan(decision)
	run := report.Run{}
	if a.output == "json" {
		run = newRun("plan", r)
	}
	return decision.Plan, run, nil
}

// printPlan prints p. run is for JSON.
func (a *app) printPlan(p plan.Plan, run report.Run) error {
	a.reported = true
	if len(p.Changes) == 0 && a.isSilent() {
		return nil
	}
	if a.output == "json" {
		return report.PlanJSON(a.stdout, run, p)
	}
	return a.writeDocument(a.stdout, report.PlanDocument(p))
}

// workingDirectory returns the folder that the program runs in; "" when it is unknown, so that
// paths stay unchanged.
func workingDirectory() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return dir
}
