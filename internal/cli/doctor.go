package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/vultr"
)

func (a *app) doctorCommand() *cobra.Command {
	var record string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the key, what it may read, and how the API speaks",
		Long: `Asks the API for everything that orgsync reads, sends nothing else, and tells
whether the key works and for which organization, what each request was answered,
how the API speaks where its documents leave it open, and what orgsync cannot do
therefore. A roster is not needed; with one, its organization is compared.

For an issue, --output markdown prints it as tables. They name the account and
the organization of the key: look at them before everybody can.

--record keeps the answers for a bug report, with every address, name, id and
token replaced.`,
		Annotations: exitStatus(exitDone, exitError, exitInvalid, exitInterrupted),
		Example: `  orgsync doctor
  orgsync doctor --record recording
  orgsync doctor --sandbox`,
		Args: a.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.doctor(cmd.Context(), record, cmd.Flags().Changed("roster"))
		},
	}
	a.addRosterFlag(cmd)
	a.addOutputFlag(cmd, "markdown")
	a.addConnectionFlags(cmd)
	cmd.Flags().StringVar(&record, "record", "", "`folder`, new or empty, to keep the answers in, with everything personal replaced")
	_ = cmd.MarkFlagDirname("record")
	return cmd
}

// unableError says why orgsync cannot do its work with this key. Whatever is behind it, a check-up that finds it exits
// with 1: it refused nothing itself.
type unableError struct{ err error }

func (e *unableError) Error() string { return "nothing can be planned with this key: " + e.err.Error() }
func (e *unableError) Unwrap() error { return e.err }

// doctor takes the roster's organization into account, where there is a roster. One that was asked for has to be there.
func (a *app) doctor(ctx context.Context, record string, asked bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout, &timeoutError{a.timeout})
	defer cancel()
	out := report.Doctor{Run: report.Run{Command: "doctor"}, Recorded: record}
	pin := ""
	switch r, err := a.loadRoster(ctx); {
	case err == nil:
		pin, out.Files, out.People = r.Organization, r.Files, len(r.People)
	case asked:
		return err
	default:
		out.Note = "The roster's organization was not compared: there is no roster that can be read (" + err.Error() + ")."
	}
	client, stop, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer stop()
	var recorder *vultr.Recorder
	if record != "" {
		if recorder, err = vultr.NewRecorder(record); err != nil {
			return withStep(stepRecord, err)
		}
	}
	found, err := client.Probe(ctx, pin, recorder)
	a.progress.clear()
	if err != nil {
		return reconcile.WithCause(ctx, err)
	}
	if found.Unable != nil {
		err = &unableError{found.Unable}
		out.Failure = &report.Failure{Code: exitCode(err), Err: err}
	}
	out.Dialect = sandboxDialect(found)
	a.reported = true
	var printing error
	switch a.output {
	case "json":
		printing = report.DoctorJSON(a.stdout, out, found)
	case "markdown":
		printing = report.DoctorMarkdown(a.stdout, out, found)
	default:
		printing = report.DoctorText(a.stdout, out, found, a.windowWidth(a.stdout), a.useColor(a.stdout))
	}
	if printing != nil {
		return fmt.Errorf("print the report: %w", printing)
	}
	return err
}

// sandboxDialect is the dialect that the sandboxDialect API has to be told so that it speaks as was seen; "" when nothing was.
func sandboxDialect(found org.Checkup) string {
	if found.Key != org.VerdictAllowed {
		return ""
	}
	var axes []string
	for _, t := range found.Traits {
		if len(t.Seen) != 1 {
			continue
		}
		axis := t.Axis + "=" + t.Seen[0]
		if _, err := sandbox.ParseDialect(axis); err == nil { // not every trait can be played
			axes = append(axes, axis)
		}
	}
	d, err := sandbox.ParseDialect(strings.Join(axes, ","))
	if err != nil {
		return ""
	}
	return d.String()
}
