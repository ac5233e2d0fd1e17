package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
)

func (a *app) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would do",
		Long: `Reads the roster and the organization, and prints what apply would do to whom
and why. Writes nothing and takes no lock.

With --out the plan is saved as well, and 'orgsync apply FILE' carries out just
that one: what somebody has looked at, or nothing.

For a pull request, --output markdown is a comment (nothing at all when there is
nothing to do), and --output github marks the lines of the roster.`,
		Annotations: exitStatus(exitDone, exitError, exitChanges, exitRefused, exitInvalid, exitInterrupted),
		Example: `  orgsync plan
  orgsync plan --roster teams/ --output json
  orgsync plan --out plan.json
  orgsync plan --sandbox --roster users.example.yaml`,
		Args: a.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.observed(cmd, a.plan) },
	}
	a.addOrganizationFlags(cmd, "markdown", "github")
	cmd.Flags().StringVar(&a.out, "out", "", "save the plan in this `file`, for 'orgsync apply FILE'")
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
	client, stop, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer stop()
	a.seen.stats = client.Stats
	in, read, err := client.ReadAhead(ctx, r.Organization, r.Wanted())
	if err != nil {
		return withCause(ctx, err)
	}
	a.setOrganization(in, r)
	memory, err := a.readMemory(in)
	if err != nil {
		cancel()
		_, _ = read() // nothing is to be shown of it any more
		return err
	}
	ahead := true
	next := func(ctx context.Context) (org.Snapshot, error) {
		defer a.progress.clear()
		if ahead {
			ahead = false
			return read()
		}
		return client.ReadOrganization(ctx, r.Organization, r.Wanted())
	}
	snapshot, p, err := apply.Look(ctx, next, func(s org.Snapshot) plan.Plan { return plan.Compute(a.input(r, s, memory)) })
	if err != nil {
		return withCause(ctx, err)
	}
	input := a.input(r, snapshot, memory)
	if err := checkCarriedOut(p); err != nil {
		return err
	}
	a.recordPlan(&p, input)
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

// input is what the planner is to judge.
func (a *app) input(r *roster.Roster, s org.Snapshot, m org.Memory) plan.Input {
	return plan.Input{
		Roster: r, Snapshot: s, Memory: m, InviteLeft: a.inviteLeft, Reinvite: a.reinvite,
		MaxInvites: a.maxInvites, MaxRemovals: a.maxRemovals, MaxRevokes: a.maxRevokes,
	}
}

// checkCarriedOut returns why p must not be carried out at all; nil when nothing says so.
func checkCarriedOut(p plan.Plan) error {
	switch {
	case p.Needs != "":
		return &plan.NeedsError{What: p.Needs}
	case len(p.Problems) > 0:
		return &roster.ProblemsError{Problems: p.Problems}
	}
	return nil
}

// printPlan prints p. failure is why the command fails all the same; nil when it does not.
func (a *app) printPlan(p plan.Plan, r *roster.Roster, failure error) error {
	a.reported = true
	switch a.output {
	case "json":
		run := report.Run{Command: "plan", Files: r.Files, People: len(r.People)}
		if failure != nil {
			run.Failure = &report.Failure{Code: exitCode(failure), Err: failure}
		}
		return report.PlanJSON(a.stdout, run, p)
	case "markdown":
		return report.PlanMarkdown(a.stdout, p)
	case "github":
		return report.PlanGitHub(a.stdout, p, workingDirectory())
	}
	return report.PlanText(a.stdout, p, a.width(a.stdout), a.colored(a.stdout))
}

// workingDirectory is the folder that the program runs in; "" when that cannot be told, and then paths stay as they are.
func workingDirectory() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return dir
}
