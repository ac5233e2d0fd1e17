package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
)

// unformattedError says that --check found files that fmt would change.
type unformattedError struct{ files int }

func (e *unformattedError) Error() string {
	if e.files == 1 {
		return "1 file is not formatted"
	}
	return fmt.Sprintf("%d files are not formatted", e.files)
}

func (a *app) fmtCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "fmt [ROSTER...]",
		Short: "Sort and tidy roster files",
		Long: `Sorts the people of each list by address, removes white space that means nothing,
and prints the names of the files that it changed. Blank lines and comments on a line
of their own divide a list into blocks: people stay in their block, and comments stay
where they are. Lists on one line stay as they are. Without arguments it formats
users.yaml, or the files named by --roster. No key is needed.

With --check it changes nothing, prints the names of the files that it would change,
and exits with 6 if there are any.`,
		Annotations: exitStatus(exitDone, exitError, exitInvalid, exitInterrupted),
		Example: `  orgsync fmt
  orgsync fmt teams/
  orgsync fmt --check`,
		ValidArgsFunction: completeFiles(math.MaxInt, rosterFiles...),
		Args:              argumentsOrRosterFlag,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				a.rosters = args
			}
			return a.formatRosters(cmd.Context(), check)
		},
	}
	a.addRosterFlag(cmd)
	addBoolFlag(cmd.Flags(), &check, "check", "change nothing, and exit with 6 if a file would change")
	return cmd
}

// formatRosters formats the files of a roster, or with check says which it would change.
func (a *app) formatRosters(ctx context.Context, check bool) error {
	paths := a.rosters
	files, err := interruptible(ctx, "find roster files", func() ([]string, error) { return roster.Files(paths) })
	if err != nil {
		return withStep(stepFormat, err)
	}
	changed := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err == nil && ctx.Err() != nil {
			err = reconcile.WithCause(ctx, ctx.Err())
		}
		if err != nil {
			return withStep(stepFormat, err)
		}
		text, err := roster.Format(file, data)
		if err != nil {
			return err
		}
		if bytes.Equal(text, data) {
			continue
		}
		changed++
		if !check {
			if err := rewriteFile(file, text); err != nil {
				return withStep(stepFormat, fmt.Errorf("write %s: %w", file, err))
			}
		}
		a.reported = true
		fmt.Fprintln(a.stdout, report.Clean(file, errorWidth))
	}
	if check && changed > 0 {
		return &unformattedError{changed}
	}
	return nil
}

// rewriteFile replaces the text of a file that exists, and keeps its permissions. A link stays a
// link.
func rewriteFile(file string, text []byte) error {
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is not a regular file")
	}
	return replaceFile(file, text, info.Mode().Perm())
}
