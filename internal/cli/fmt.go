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

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/wholefile"
)

// errUnformatted says that fmt --check found files that fmt would change.
var errUnformatted = errors.New("not formatted")

func (a *app) fmtCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "fmt [ROSTER...]",
		Short: "Sort and tidy roster files",
		Long: `Sorts the people of each list by address, and removes unnecessary white space.
fmt prints the names of the files that it changed. Blank lines, and comments on
their own line, divide a list into blocks. fmt sorts the people of each block,
and does not move the comments between blocks. But two kinds of comments belong
to an entry, and move with the entry:

- a comment that begins with the address of the entry, directly above the entry
- a comment that is indented like the keys of the entry, below the entry

fmt does not change lists that are written on one line. Without arguments, fmt
formats users.yaml, or the files that --roster names. fmt needs no API key.

With --check, fmt changes no file. It prints the names of unformatted files. If
there is an unformatted file, fmt exits with 6.`,
		Annotations: exitStatus(exitInvalid, exitInterrupted),
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
	addBoolFlag(cmd.Flags(), &check, "check", "change no file, and exit with 6 if a file is not formatted")
	return cmd
}

// formatRosters formats the roster files, and prints the names of the files that it changes. With
// check, it changes nothing, and returns errUnformatted if it would change a file.
func (a *app) formatRosters(ctx context.Context, check bool) error {
	paths := a.rosters
	files, err := interruptible(ctx, "find roster files", func() ([]string, error) { return roster.Files(paths) })
	if err != nil {
		return withStep(stepFormat, err)
	}
	changed := 0
	out := &keptErrorWriter{w: a.stdout} // an error does not keep the other files from being formatted
	for _, file := range files {
		data, err := interruptible(ctx, "read "+file, func() ([]byte, error) { return readRosterText(file) })
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
		fmt.Fprintln(out, clean(file))
	}
	if check && changed > 0 {
		return fmt.Errorf("%s %w", document.Pluralize(changed, "file is", "files are"), errUnformatted)
	}
	return out.err
}

// readRosterText returns the content of a roster or CSV file. Of a file that is too large, it returns the
// beginning, which the package roster refuses too.
func readRosterText(file string) ([]byte, error) { return readUpTo(file, roster.MaxFile+1) }

// rewriteFile replaces the text of an existing file, and keeps its permissions. If file is a symbolic
// link, rewriteFile replaces the file that it points to.
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
		return errNotRegular
	}
	return wholefile.Replace(file, text, info.Mode().Perm())
}
