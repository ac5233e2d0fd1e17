package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/flagvalue"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
)

func (a *app) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would do",
		Long: `Reads the roster and the organization. plan prints each change that apply would
make, and the reason for each change. plan changes nothing, and does not wait
for the lock of another run. If the plan exceeds a limit, plan prints a notice,
and the exit code stays the same.

With --out FILE, orgsync also saves the plan. 'orgsync apply FILE' carries out
exactly this plan. If a new plan would differ from the saved plan, apply changes
nothing. orgsync replaces an existing FILE only if FILE is empty or a saved
plan. If orgsync reads the folder of FILE as a roster, choose a FILE whose name
begins with a dot, such as .plan.json. In such a folder, orgsync refuses names
such as plan.json, because they look like a roster.

For a pull request, --output markdown prints a comment. The comment is empty if
there are no changes and no notices that need action. --output github annotates
the lines of the roster.`,
		Annotations: exitStatus(exitChanges, exitRefused, exitInvalid, exitInterrupted),
		Example: `  orgsync plan
  orgsync plan --roster teams/ --output json
  orgsync plan --out plan.json
  orgsync plan --sandbox --roster users.example.yaml`,
		Args: a.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.observe(cmd, a.plan) },
	}
	a.addPlanFlags(cmd, "markdown", "github")
	cmd.Flags().Var(flagvalue.Path(&a.out), "out", "save the plan to this `file`, for 'orgsync apply FILE'")
	_ = cmd.MarkFlagFilename("out", "json")
	return cmd
}

func (a *app) plan(ctx context.Context) error {
	r, err := a.loadRoster(ctx)
	if err != nil {
		return err
	}
	session, stop, err := a.openSession(ctx, r, reconcile.OpenAhead)
	if err != nil {
		return err
	}
	defer stop()
	decision, err := session.Plan(ctx)
	if err != nil {
		return err
	}
	a.recordPlan(decision)
	p := decision.Plan
	if a.out != "" {
		if err := savePlan(a.out, p); err != nil {
			return err
		}
	}
	lacking := p.CheckAccess()
	if err := errors.Join(a.printPlan(p, r, lacking), lacking); err != nil {
		return err
	}
	if a.detailedExitCode && len(p.Changes) > 0 {
		return errChanges
	}
	return nil
}

// printPlan prints a plan for r. lacking is the error with which the run will end; it may be nil.
func (a *app) printPlan(p plan.Plan, r *roster.Roster, lacking error) error {
	a.reported = true
	if len(p.Changes) == 0 && a.isSilent(lacking) {
		return nil
	}
	if a.output != "json" {
		return a.writeDocument(a.stdout, report.PlanDocument(p))
	}
	run := newRun("plan", r, p.Now)
	run.Code, run.Err = exitCode(lacking), lacking
	return report.PlanJSON(a.stdout, run, p)
}
