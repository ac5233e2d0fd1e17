package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
)

func (a *app) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would do",
		Long: `Reads the roster and the organization, and prints each change that apply would
make, and why. It changes nothing and needs no lock.

With --out it also saves the plan, and 'orgsync apply FILE' then applies exactly
the plan that was reviewed, or nothing.

For a pull request, --output markdown prints a comment (nothing at all when there
is nothing to do), and --output github annotates the lines of the roster.`,
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

func (a *app) plan(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout, &timeoutError{a.timeout})
	defer cancel()
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
		return changesError{}
	}
	return nil
}

// printPlan prints p. failure is the error that the command will end with nevertheless; nil when
// there is none.
func (a *app) printPlan(p plan.Plan, r *roster.Roster, failure error) error {
	a.reported = true
	if len(p.Changes) == 0 && a.isSilent() {
		return nil
	}
	if a.output != "json" {
		return a.writeDocument(a.stdout, report.PlanDocument(p))
	}
	run := newRun("plan", r)
	if failure != nil {
		run.Failure = &report.Failure{Code: exitCode(failure), Err: failure}
	}
	return report.PlanJSON(a.stdout, run, p)
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
