package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/diff"
	"github.com/orgsync/orgsync/internal/git"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
)

func (a *app) diffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Show what changes between two rosters",
		Long: `Compares two rosters, OLD and NEW. diff shows people who are added or removed.
It also shows changes of access, last days, addresses, teams and settings. diff
needs no API key and sends nothing.

OLD and NEW are files or folders. To read a file or folder from the git
repository of the working directory, write git:REF:PATH. REF is a commit, a
branch or a tag. PATH is relative to the top of the repository. If PATH begins
with ./, it is relative to the working directory.

If there is no old roster, write /dev/null as OLD. diff then shows everybody in
NEW as added. On Windows, write NUL instead of /dev/null.`,
		Annotations: exitStatus(exitInvalid, exitInterrupted),
		Example: `  orgsync diff git:origin/main:users.yaml users.yaml
  orgsync diff git:HEAD~1:teams git:HEAD:teams --output markdown
  orgsync diff users.yaml /tmp/proposal.yaml`,
		Args:              exactArgs("OLD", "NEW"),
		ValidArgsFunction: completeFiles(2, rosterFiles...),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.diff(cmd.Context(), args[0], args[1]) },
	}
	a.addOutputFlag(cmd, "markdown")
	return cmd
}

func (a *app) diff(ctx context.Context, oldPath, newPath string) error {
	older, err := loadOlderRoster(ctx, oldPath)
	newer, second := loadRosterFrom(ctx, newPath)
	if err := joinProblems(err, second); err != nil {
		return reconcile.WithCause(ctx, err)
	}
	older.State, newer.State = older.StateIn(oldPath), newer.StateIn(newPath)
	d := diff.Compare(older, newer)
	d.Warnings = newer.Warnings(time.Now())
	a.reported = true
	if a.output != "json" {
		return a.writeDocument(a.stdout, report.DiffDocument(d))
	}
	return report.DiffJSON(a.stdout, newRun("diff", older, time.Time{}), newRun("diff", newer, time.Time{}), d)
}

// loadOlderRoster reads the roster that the other one is compared with. The null device is a roster without people.
func loadOlderRoster(ctx context.Context, path string) (*roster.Roster, error) {
	if path != os.DevNull {
		return loadRosterFrom(ctx, path)
	}
	// A roster must list somebody. This one gets the defaults of all settings.
	r, err := roster.Parse([]roster.File{{Name: path, Data: []byte("users: [nobody@example.com]\n")}})
	if err != nil {
		return nil, err
	}
	r.People = nil
	return r, nil
}

// loadRosterFrom reads a roster from a file, a folder or git.
func loadRosterFrom(ctx context.Context, path string) (*roster.Roster, error) {
	spec, ok := strings.CutPrefix(path, "git:")
	if !ok {
		r, err := readRoster(ctx, path)
		if atStep, ok := errors.AsType[*stepError](err); ok {
			err = withStep(stepCompare, atStep.err)
		}
		return r, err
	}
	files, err := git.ReadFiles(ctx, spec)
	if err != nil {
		return nil, withStep(stepReadGit, fmt.Errorf("read roster %s: %w", path, err))
	}
	return roster.Parse(files)
}

// joinProblems returns one error for the errors of reading two rosters, each of which may be nil. If
// both rosters are invalid, the error has the problems of both.
func joinProblems(first, second error) error {
	a, ok := errors.AsType[*roster.ProblemsError](first)
	b, too := errors.AsType[*roster.ProblemsError](second)
	switch {
	case ok && too:
		return &roster.ProblemsError{Problems: append(a.Problems[:len(a.Problems):len(a.Problems)], b.Problems...)}
	case ok && second != nil: // the second roster could not even be read
		return second
	case first != nil:
		return first
	}
	return second
}
