package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/lazyregexp"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/printable"
)

// Metrics are the values that a run exports to Prometheus. A value that the run could not determine is
// nil or zero, and MetricsText leaves it out.
type Metrics struct {
	// Command is the subcommand, for example "apply".
	Command      string
	Organization org.Organization
	// Ended is the time at which this run ended, by the clock of this machine, because Prometheus
	// compares it with its own clock.
	Ended time.Time
	// Succeeded is the time at which the last successful run ended. MetricsText writes 0 if it is
	// zero, because no successful run is known.
	Succeeded time.Time
	Duration  time.Duration
	// Code is the exit code.
	Code int
	// Requests is the number of requests that the run sent, without those that certainly did not
	// reach the API. Throttled is the number of requests that the API answered with 429.
	Requests, Throttled int
	// Statuses are the states of the people of the roster at the time when the run read the
	// organization.
	Statuses []plan.PersonStatus
	// Plan is the plan of the run. Result is the result of applying it; nil if the run only planned.
	Plan   *plan.Plan
	Result *apply.Result
}

// The names of the metrics that a later run reads with KeepPrevious.
const (
	lastSuccess      = "orgsync_last_success_timestamp_seconds"
	organizationInfo = "orgsync_organization_info"
)

// planned is the outcome of changes that the run only planned.
const planned apply.Outcome = "planned"

// MetricsText writes m in the text format of Prometheus. The labels have a bounded number of values,
// and no label identifies a person. The error is from w.
//
// MetricsText does not use the client library of Prometheus, because the library would make the
// program a sixth larger.
func MetricsText(w io.Writer, m Metrics) error {
	out := metricWriter{bufio.NewWriter(w), m.labels()}
	out.gauge(lastSuccess, "When the last successful run ended (exit code 0 or 2); 0 means never.",
		formatSeconds(m.Succeeded))
	out.gauge("orgsync_last_run_timestamp_seconds", "When the last run ended, successful or not.", formatSeconds(m.Ended))
	out.gauge("orgsync_last_run_duration_seconds", "How long the last run took.",
		fmt.Sprintf("%.3f", m.Duration.Seconds()))
	out.gauge("orgsync_last_run_exit_code", "The exit code of the last run.", strconv.Itoa(m.Code))
	out.gauge("orgsync_last_run_requests",
		"How many requests the last run sent. Requests that certainly did not reach the API do not count.",
		strconv.Itoa(m.Requests))
	out.gauge("orgsync_last_run_throttled_requests", "How many requests of the last run were answered with 429.",
		strconv.Itoa(m.Throttled))
	if m.Organization.ID != "" {
		out.head(organizationInfo, "The name of the organization.")
		out.sample(organizationInfo, "1", "name", printable.Clean(m.Organization.Name, document.AddressWidth))
	}
	if m.Statuses != nil {
		writeCounts(&out, "orgsync_people", "People in the roster by their state after the last run.", "state", plan.States,
			m.peopleByState())
	}
	m.writeChanges(&out)
	if notices := m.noticesByKind(); notices != nil {
		writeCounts(&out, "orgsync_notices", "Notices of the last run by kind.", "kind", plan.NoticeKinds, notices)
	}
	return out.Flush()
}

func (m *Metrics) writeChanges(out *metricWriter) {
	const name = "orgsync_last_run_changes"
	var outcomes []apply.Outcome
	var n map[apply.Outcome]map[plan.Action]int
	switch {
	case m.Result != nil:
		outcomes = []apply.Outcome{apply.Done, apply.Failed, apply.Unknown, apply.Skipped}
		n = countByOutcome(*m.Result)
	case m.Plan != nil:
		outcomes = []apply.Outcome{planned}
		n = map[apply.Outcome]map[plan.Action]int{planned: countByAction(m.Plan.Changes)}
	default:
		return
	}
	out.head(name, "Changes of the last run by action and outcome; a run of plan has the outcome planned.")
	for _, o := range outcomes {
		for _, a := range plan.Actions {
			out.sample(name, strconv.Itoa(n[o][a]), "action", string(a), "outcome", string(o))
		}
	}
}

// peopleByState returns the number of people in each state after the run. It does not count people
// whose last day has passed, because they already count as unlisted in the notices.
func (m *Metrics) peopleByState() map[plan.State]int {
	after := map[string]plan.State{}
	if m.Result != nil {
		for _, c := range m.Result.Changes {
			switch {
			case c.Outcome == apply.Unknown && c.Action.Mails(): // as the next run sees the person
				after[c.Email.Key()] = plan.StatePending
			case c.Outcome != apply.Done:
			case c.Action.Mails():
				after[c.Email.Key()] = plan.StatePending
			case c.Action == plan.Unsuspend:
				after[c.Email.Key()] = plan.StateMember
			}
		}
	}
	n := map[plan.State]int{}
	for _, s := range m.Statuses {
		switch state, changed := after[s.Email.Key()]; {
		case s.Ended:
		case changed:
			n[state]++
		default:
			n[s.State]++
		}
	}
	return n
}

func (m *Metrics) noticesByKind() map[plan.NoticeKind]int {
	var notices []plan.Notice
	switch {
	case m.Result != nil:
		notices = m.Result.Notices
	case m.Plan != nil:
		notices = m.Plan.Notices
	default:
		return nil
	}
	n := map[plan.NoticeKind]int{}
	for _, one := range notices {
		n[one.Kind]++
	}
	return n
}

func (m *Metrics) labels() string {
	return label("organization", printable.Clean(m.Organization.ID, document.AddressWidth)) + "," + label("command",
		m.Command)
}

// KeepPrevious copies values that m does not have from previous, the metrics of the previous run. These values
// are the organization, and the time of the last success of the same command in the same organization.
// It returns false if previous is neither empty nor written by [MetricsText], so that the file must
// not be replaced.
func (m *Metrics) KeepPrevious(previous string) bool {
	if previous == "" {
		return true
	}
	success := successLine().FindStringSubmatch(previous)
	if !strings.HasPrefix(previous, "# HELP "+lastSuccess) || success == nil {
		return false
	}
	if m.Organization.ID == "" {
		m.Organization.ID = unescapeLabel(success[1])
		if name := nameLine().FindStringSubmatch(previous); name != nil {
			m.Organization.Name = unescapeLabel(name[1])
		}
	}
	same := m.labels() == `organization="`+success[1]+`",command="`+success[2]+`"`
	at, err := strconv.ParseFloat(success[3], 64)
	if m.Succeeded.IsZero() && same && err == nil && at > 0 && at < 1e11 { // a date before the year 5138
		m.Succeeded = time.UnixMilli(int64(math.Round(at * 1000)))
	}
	return true
}

const quoted = `"((?:[^"\\\n]|\\.)*)"`

var (
	successLine = lazyregexp.New(`(?m)^` + lastSuccess + `\{organization=` + quoted + `,command=` + quoted +
		`\} ([0-9.]{1,20})$`)
	nameLine = lazyregexp.New(`(?m)^` + organizationInfo + `\{.*,name=` + quoted + `\} 1$`)
)

// label returns a label with its escaped value in the text format of Prometheus.
func label(name, value string) string {
	return name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}

// unescapeLabel returns a value that label has escaped.
func unescapeLabel(value string) string {
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n").Replace(value)
}

// formatSeconds returns t as seconds since 1970, the form of times in Prometheus; "0" for the zero
// time.
func formatSeconds(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return fmt.Sprintf("%d.%03d", t.Unix(), t.Nanosecond()/1e6)
}

// metricWriter writes metrics. Flush returns the first error of its Writer.
type metricWriter struct {
	*bufio.Writer
	labels string // the labels of every metric
}

func (w *metricWriter) head(name, help string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
}

// sample writes a value. more has the names and values of further labels, in turn.
func (w *metricWriter) sample(name, value string, more ...string) {
	labels := w.labels
	for pair := range slices.Chunk(more, 2) {
		labels += "," + label(pair[0], pair[1])
	}
	fmt.Fprintf(w, "%s{%s} %s\n", name, labels, value)
}

func (w *metricWriter) gauge(name, help, value string) {
	w.head(name, help)
	w.sample(name, value)
}

// writeCounts writes a metric with a value for each of keys. The key is the value of the label. A key
// that is not in counts has the value 0: Prometheus cannot distinguish a missing value from a missing run.
func writeCounts[K ~string](w *metricWriter, name, help, label string, keys []K, counts map[K]int) {
	w.head(name, help)
	for _, k := range keys {
		w.sample(name, strconv.Itoa(counts[k]), label, string(k))
	}
}
