package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/google/renameio/v2/maybe"
	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/ping"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/vultr"
)

// runRecord holds what is known about the run so far, for the log, the metrics file and the dead-man's
// switch.
type runRecord struct {
	report.Metrics
	began time.Time
	stats func() vultr.Stats // nil until there is a client
	state string             // the place of the ledger and the lock; "" until it is opened
}

// maxMetricsFile is the maximum size of an existing metrics file, in bytes. orgsync writes only a few
// thousand, so a larger file is not a metrics file of orgsync.
const maxMetricsFile = 1 << 20

// recordPlan keeps the plan for the log and the metrics. It computes the states of people only if
// there is a metrics file, because this takes as long as planning.
func (a *app) recordPlan(d reconcile.Decision) {
	p := d.Plan // a copy, because a pointer into d would keep the input of the plan in memory
	a.run.Plan = &p
	if a.metricsFile != "" {
		a.run.Statuses = plan.PersonStatuses(d.Input)
	}
}

// observe calls do, the work of cmd. Around it, observe writes the log and the metrics, and notifies
// the dead-man's switch. If one of these fails, observe logs a warning, and the result stays the same.
func (a *app) observe(cmd *cobra.Command, do func(context.Context) error) error {
	ctx := cmd.Context()
	pings, err := a.newPing()
	if err != nil {
		return &usageError{cmd.CommandPath(), err}
	}
	a.run = runRecord{began: time.Now(), Metrics: report.Metrics{Command: cmd.Name()}}
	a.log.Info("run started", "command", cmd.Name(), "version", buildVersion(), "roster", a.rosters, "simulated",
		a.sandbox.On, "state", a.stateName())
	a.enableHeader(cmd.Name())
	a.sendPing(pings, "start", func() error { return pings.Start(ctx) })

	err = do(ctx)

	a.run.Code, a.run.Ended = exitCode(err), time.Now()
	a.run.Duration = a.run.Ended.Sub(a.run.began)
	if a.run.stats != nil {
		s := a.run.stats()
		a.run.Requests, a.run.Throttled = s.Requests, s.Throttled
	}
	a.logRunEnd(err)
	if a.metricsFile != "" {
		if err := a.writeMetrics(); err != nil {
			a.log.Warn("the metrics were not written", "error", err)
		}
	}
	last := context.WithoutCancel(ctx) // an interrupted run also reports its end
	if code := a.run.Code; succeeded(code) {
		a.sendPing(pings, "success", func() error { return pings.Success(last) })
	} else {
		a.sendPing(pings, "failure", func() error { return pings.Failure(last, code) })
	}
	return err
}

// succeeded reports whether an exit code means that the run did all its work.
func succeeded(code int) bool { return code == exitDone || code == exitChanges }

// newPing returns the dead-man's switch of --ping; nil without this flag. It is also nil in a
// simulation, because a simulation does not show that the real job works.
func (a *app) newPing() (*ping.Switch, error) {
	a.ping = strings.TrimSpace(a.ping) // a secret that was made from a file may end with a line break
	if a.ping == "" {
		return nil, nil
	}
	s, err := ping.New(a.ping, "orgsync/"+buildVersion(), nil)
	if err != nil {
		return nil, fmt.Errorf("--ping (ORGSYNC_PING): %w", err)
	}
	if a.sandbox.On {
		return nil, nil
	}
	return s, nil
}

// sendPing notifies the dead-man's switch by calling send, and logs a failure. It does nothing if to
// is nil.
func (a *app) sendPing(to *ping.Switch, what string, send func() error) {
	if to == nil {
		return
	}
	if err := send(); err != nil {
		a.log.Warn("the dead-man's switch was not notified", "of", what, "host", to.Host(), "error", clean(err.Error()))
	}
}

// writeMetrics replaces the metrics file. Values that a failed run could not determine are copied
// from the run before. A file that something else wrote is not replaced.
func (a *app) writeMetrics() error {
	m := a.run.Metrics
	if succeeded(m.Code) {
		m.Succeeded = m.Ended
	}
	if err := checkReplaceable(a.metricsFile); err != nil {
		return fmt.Errorf("write the metrics in %s: %w", a.metricsFile, err)
	}
	previous, err := readUpTo(a.metricsFile, maxMetricsFile+1)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("read the metrics of the run before: %w", err)
	case len(previous) > maxMetricsFile || !m.KeepPrevious(string(previous)):
		return fmt.Errorf("%s is not a metrics file of orgsync; remove it, or name another file", a.metricsFile)
	}
	var text bytes.Buffer
	if err := report.MetricsText(&text, m); err != nil {
		return fmt.Errorf("write the metrics: %w", err)
	}
	// Every user may read the file: the collector runs as another user, and metrics have no addresses.
	if err := maybe.WriteFile(a.metricsFile, []byte(a.secrets.Redact(text.String())), 0o644); err != nil {
		return fmt.Errorf("write the metrics: %w", err)
	}
	return nil
}

// applying is the label of the progress bar while a plan is applied.
const applying = "Applying"

// trackChanges returns a callback that logs each finished change and updates the progress bar.
func (a *app) trackChanges() func(apply.ChangeResult) {
	done := 0
	return func(c apply.ChangeResult) {
		a.logChange(c)
		done++
		planned := len(a.run.Plan.Changes)
		a.progress.show(applying, done, max(done, planned)) // the run may add changes to the plan, see apply/settle.go
	}
}

// trackWait logs and shows that the run waits, because answers to mails were lost, before it reads
// the organization again.
func (a *app) trackWait(w apply.Wait) {
	a.log.Info("waiting to find out whether mails were sent", "mails", w.Mails, "until",
		w.Until.UTC().Truncate(time.Second))
	a.progress.wait(w.Mails, w.Until)
}

// logChange logs a finished change.
func (a *app) logChange(c apply.ChangeResult) {
	attrs := []any{"action", c.Action, "email", c.Email.String(), "outcome", c.Outcome, "reason", c.Reason}
	if c.Detail.Kind != "" {
		attrs = append(attrs, "kind", c.Detail.Kind, "name", clean(c.Detail.Name))
	}
	if c.InvitationID != "" {
		attrs = append(attrs, "invitation_id", c.InvitationID)
	}
	attrs = append(attrs, "requests", c.Requests)
	if c.Err != nil {
		attrs = append(attrs, "error", clean(c.Err.Error()))
	}
	a.log.Info("change", attrs...)
}

// logNotices logs each notice. It does nothing if the log level is above info and people already see the
// notices in the report: stdout is a terminal, or both the report and the log are text.
func (a *app) logNotices(notices []plan.Notice) {
	shown := a.isTerminal(a.stdout) || a.output == "text" && a.logFormat == "text"
	if shown && !a.log.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	for _, n := range notices {
		level := slog.LevelInfo
		if report.IsPressing(n.Kind) && !n.NotSelected {
			level = slog.LevelWarn
		}
		attrs := []any{"kind", n.Kind}
		if who := n.Email.String(); who != "" {
			attrs = append(attrs, "email", who)
		}
		if n.InvitationID != "" {
			attrs = append(attrs, "invitation_id", n.InvitationID)
		}
		if n.Text != "" {
			attrs = append(attrs, "text", clean(n.Text))
		}
		a.log.Log(context.Background(), level, "notice", attrs...)
	}
}

// logRunEnd logs a summary of the run.
func (a *app) logRunEnd(err error) {
	m := &a.run.Metrics
	attrs := []any{"command", m.Command, "exit_code", m.Code}
	if m.Organization.ID != "" {
		attrs = append(attrs, "organization_id", m.Organization.ID, "organization", clean(m.Organization.Name))
	}
	switch {
	case m.Result != nil:
		a.logNotices(m.Result.Notices)
		for _, o := range []apply.Outcome{apply.Done, apply.Failed, apply.Unknown, apply.Skipped} {
			attrs = append(attrs, string(o), m.Result.Count(o))
		}
	case m.Plan != nil:
		a.logNotices(m.Plan.Notices)
		attrs = append(attrs, "changes", len(m.Plan.Changes))
	}
	attrs = append(attrs, "requests", m.Requests, "throttled", m.Throttled, "duration", m.Duration.Round(time.Millisecond))
	if err != nil && !succeeded(m.Code) {
		attrs = append(attrs, "error", clean(err.Error()))
	}
	a.log.Info("run finished", attrs...)
}
