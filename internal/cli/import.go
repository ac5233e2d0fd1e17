package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
)

// importOptions holds the options that only import has.
type importOptions struct {
	// merge is the file to add people to; "" makes a new roster. roster is the whole roster that the
	// file is part of, when it has more files.
	merge  string
	roster []string
	// byTeam makes a team of each group.
	byTeam bool
	// pin names the organization when no roster does.
	pin string
}

func (a *app) importCommand() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Print a roster made from the organization",
		Long: `Prints a roster of the people who are in the organization or can still accept an
invitation to it, with their groups, roles and policies. Comments explain what a
roster cannot express. A plan made from it right away has no changes. Nothing is
sent.

All groups, roles and policies are read, with a list of members for each: in an
organization that has many, this needs many requests.

With --by-team each group becomes a team, and its members are listed there.

With --merge it prints FILE with the missing people added at the end of its users;
every other byte stays the same. Do not redirect the output into FILE itself: the
shell would empty it first.`,
		Annotations: exitStatus(exitDone, exitError, exitRefused, exitInvalid, exitInterrupted),
		Example: `  orgsync import > users.yaml
  orgsync import --by-team > users.yaml
  orgsync import --merge users.yaml > new.yaml
  orgsync import --merge teams/new.yaml --roster teams/ > new.yaml`,
		Args: a.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// The variable may be set for the other commands.
			byEnvironment := a.getenv(environmentName(cmd.Flags().Lookup("roster"))) != ""
			if len(o.roster) > 0 && o.merge == "" && !byEnvironment {
				return &usageError{cmd.CommandPath(), errors.New("--roster names the roster that the file of --merge is part " +
					"of, but there is no --merge")}
			}
			if o.byTeam && o.merge != "" {
				return &usageError{cmd.CommandPath(), errors.New("--by-team makes a new roster, and --merge adds people to one: " +
					"use one of them")}
			}
			return a.importRoster(cmd.Context(), o)
		},
	}
	a.addConnectionFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.merge, "merge", "", "roster `file` to add people to")
	f.VarP(newSliceFlag(&o.roster, "path", parsePath), "roster", "r",
		"with --merge: the whole roster that FILE is part of, if it has more files; repeatable")
	addBoolFlag(f, &o.byTeam, "by-team", "make a team of each group, with the people who are in it")
	f.StringVar(&o.pin, "organization", "", "`name` or id of the organization, if the key shows several and no roster "+
		"names one")
	_ = cmd.MarkFlagFilename("merge", rosterFiles...)
	_ = cmd.MarkFlagFilename("roster", rosterFiles...)
	return cmd
}

// errNobodyToList says that import found nobody to list in a roster.
var errNobodyToList = errors.New("the organization has no people to list")

func (a *app) importRoster(ctx context.Context, o importOptions) error {
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout, &timeoutError{a.timeout})
	defer cancel()
	r, text, err := a.loadExisting(ctx, o)
	if err != nil {
		return err
	}
	session, stop, err := a.openSession(ctx, r, reconcile.Open)
	if pin, ok := errors.AsType[*org.PinError](err); ok && pin.Pin == "" {
		err = fmt.Errorf("%w: name one with --organization", err)
	}
	if err != nil {
		return err
	}
	defer stop()
	draft, err := session.Draft(ctx)
	if err != nil {
		return err
	}
	switch {
	case o.merge != "":
		if text, err = roster.Merge(o.merge, text, draft.Entries); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "People added to %s: %d.\n", shellWord(o.merge), len(draft.Entries))
		for _, remark := range draft.Comments { // they do not belong in somebody's existing file
			fmt.Fprintf(a.stderr, "- %s\n", report.Clean(remark, errorWidth))
		}
	case len(draft.Entries) == 0:
		return errNobodyToList
	default:
		draft.ByTeam = o.byTeam
		text = draft.YAML()
	}
	a.reported = true
	_, err = a.stdout.Write(text)
	return err
}

// loadExisting returns the roster that import adds people to, and the text of the --merge file.
// Without --merge the roster has no people.
func (a *app) loadExisting(ctx context.Context, o importOptions) (*roster.Roster, []byte, error) {
	if a.sandbox.on {
		o.pin = "" // loadRoster drops the roster's pin in the same way
	}
	if o.merge == "" {
		return &roster.Roster{Organization: o.pin}, nil, nil
	}
	_, err := os.Stat(o.merge)
	if err == nil {
		err = checkReplaceable(o.merge) // a pipe could not be read twice
	}
	if err != nil {
		return nil, nil, withStep(stepMerge, fmt.Errorf("--merge %s: %w", o.merge, err))
	}
	a.rosters = []string{o.merge}
	if len(o.roster) > 0 {
		a.rosters = o.roster
	}
	r, err := a.loadRoster(ctx)
	if err != nil {
		return nil, nil, err
	}
	r.Organization = cmp.Or(r.Organization, o.pin)
	isMerged := func(file string) bool { return filepath.Clean(file) == filepath.Clean(o.merge) }
	if !slices.ContainsFunc(r.Files, isMerged) {
		return nil, nil, withStep(stepMerge, fmt.Errorf("--merge %s: this file is not part of the roster", o.merge))
	}
	text, err := os.ReadFile(o.merge)
	if err != nil {
		return nil, nil, withStep(stepReadRoster, fmt.Errorf("read roster: %w", err))
	}
	return r, text, nil
}
