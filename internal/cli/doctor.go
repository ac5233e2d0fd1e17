package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/doctor"
	"github.com/orgsync/orgsync/internal/flagvalue"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

func (a *app) doctorCommand() *cobra.Command {
	var record string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the key, what it may read, and how the API behaves",
		Long: `Sends each kind of read request that orgsync uses, and changes nothing. doctor
reports whether the key works, and which organization the key belongs to. It
shows the answer to each request. Vultr's documents leave some points of the API
open. For these points, doctor shows how the API behaves, and what orgsync
cannot do because of this behaviour.

doctor needs no roster. If there is a roster with an organization, doctor
compares this organization with the organization of the key.

For an issue, --output markdown prints tables. The tables name the account and
the organization of the key. Check the tables before you publish them.

For a bug report, --record saves the answers. In the saved answers, doctor
replaces every address, name, id and token.`,
		Annotations: exitStatus(exitInvalid, exitInterrupted),
		Example: `  orgsync doctor
  orgsync doctor --record recording
  orgsync doctor --sandbox`,
		Args: a.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.doctor(cmd.Context(), record, verbose, cmd.Flags().Changed("roster"))
		},
	}
	a.addRosterFlag(cmd)
	a.addOutputFlag(cmd, "markdown")
	a.addConnectionFlags(cmd)
	addBoolFlag(cmd.Flags(), &verbose, "verbose", "also list everything that could not be checked")
	cmd.Flags().Var(flagvalue.Path(&record), "record", "save the API's answers in this new or empty `folder`, with all "+
		"personal data replaced")
	_ = cmd.MarkFlagDirname("record")
	return cmd
}

// unableError says why orgsync cannot plan with this key. doctor always exits with 1 for it, even if
// the cause has another exit code in other commands: doctor itself refused nothing.
type unableError struct{ err error }

func (e *unableError) Error() string { return "nothing can be planned with this key: " + e.err.Error() }
func (e *unableError) Unwrap() error { return e.err }

// doctor checks the key, and compares its organization with the organization of the roster if there
// is one. If rosterRequired is true, a roster that cannot be read is an error.
func (a *app) doctor(ctx context.Context, record string, verbose, rosterRequired bool) error {
	// The name of a file that --record writes: all of them end in .json.
	if folder := roster.FolderOf(a.rosters, filepath.Join(record, "users.json")); record != "" && folder != "" {
		return &adviceError{
			fmt.Errorf("--record %s: the files would be in the folder %s of the roster, and later runs would refuse this roster",
				record, folder),
			"name a folder outside of the roster, or a name that begins with a dot",
		}
	}
	out := report.DoctorRun{Run: report.Run{Command: "doctor"}, Recorded: record, Verbose: verbose}
	pin := ""
	switch r, err := a.loadRoster(ctx); {
	case err == nil:
		pin, out.Files, out.People = r.Organization, r.Files, len(r.People)
	case rosterRequired:
		return err
	default:
		out.Note = "The roster's organization was not compared, because no roster could be read (" + err.Error() + ")."
	}
	client, stop, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer stop()
	var recorder *doctor.Recorder
	if record != "" {
		if recorder, err = doctor.NewRecorder(record); err != nil {
			return withStep(stepRecord, err)
		}
	}
	found, err := doctor.Run(ctx, client, pin, recorder)
	a.progress.clear()
	if err != nil {
		return reconcile.WithCause(ctx, err)
	}
	if found.PlanError != nil {
		err = &unableError{found.PlanError}
		out.Code, out.Err = exitCode(err), err
	}
	out.Dialect = sandboxDialect(found)
	a.reported = true
	var printErr error
	if a.output == "json" {
		printErr = report.DoctorJSON(a.stdout, out, found)
	} else {
		printErr = a.writeDocument(a.stdout, report.DoctorDocument(out, found))
	}
	if printErr != nil {
		return fmt.Errorf("print the report: %w", printErr)
	}
	return err
}

// sandboxDialect returns the --dialect argument that makes the simulated API behave like the API that
// doctor checked; "" if the key was not accepted, or if no argument does this.
func sandboxDialect(found doctor.Checkup) string {
	if found.Key != org.VerdictAllowed {
		return ""
	}
	var axes []string
	for _, t := range found.Traits {
		if len(t.Seen) != 1 {
			continue
		}
		axis := t.Axis + "=" + t.Seen[0]
		if _, err := sandbox.ParseDialect(axis); err == nil { // the simulation does not have every axis of doctor
			axes = append(axes, axis)
		}
	}
	d, err := sandbox.ParseDialect(strings.Join(axes, ","))
	if err != nil {
		return ""
	}
	return d.String()
}
