package report

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

// Metrics are what one run tells Prometheus. What the run did not get to know is nil or zero and left out.
type Metrics struct {
	// Command is the subcommand, as in "apply".
	Command string
	// Organization is the one that the run was about.
	Organization org.Organization
	// Ended is when the run ended and Succeeded when the last one ended that did its work, by this machine's clock, as
	// Prometheus compares it with its own. A zero Succeeded is written as 0: never, as far as is known.
	Ended, Succeeded time.Time
	Duration         time.Duration
	// Code is the exit code.
	Code int
	// Requests are those that reached the API, Throttled those of them that were answered with 429.
	Requests, Throttled int
	// Standings are where the people of the roster stood when the run read the organization.
	Standings []plan.Standing
	// Plan is what a run found that only plans, Result what became of it where it was carried out.
	Plan   *plan.Plan
	Result *apply.Result
}

// The names of the metrics that a later run looks for.
const (
	lastSuccess      = "orgsync_last_success_timestamp_seconds"
	organizationInfo = "orgsync_organization_info"
)

// planned stands in the place of an outcome where nothing is carried out.
const planned apply.Outcome = "planned"

// MetricsText writes m in the text format of Prometheus. Its labels have a bounded number of values: none is a
// person's. The error is w's.
//
// The format is a few lines, written here by hand: the client library would add a sixth to the program.
func MetricsText(w io.Writer, m Metrics) error {
	out := metricWriter{bufio.NewWriter(w), m.labels()}
	out.gauge(lastSuccess, "When the last run that did its work ended (exit code 0 or 2); 0: never.", seconds(m.Succeeded))
	out.gauge("orgsync_last_run_timestamp_seconds", "When the last run ended, however it did.", seconds(m.Ended))
	out.gauge("orgsync_last_run_duration_seconds", "How long the last run took.", fmt.Sprintf("%.3f", m.Duration.Seconds()))
	out.gauge("orgsync_last_run_exit_code", "The exit code of the last run.", strconv.Itoa(m.Code))
	out.gauge("orgsync_last_run_requests", "Requests of the last run that reached the API.", strconv.Itoa(m.Requests))
	out.gauge("orgsync_last_run_throttled_requests", "Requests of the last run that were answered with 429.", strconv.Itoa(m.Throttled))
	if m.Organization.ID != "" {
		out.head(organizationInfo, "The name of the organization.")
		out.sample(organizationInfo, "1", "name", Clean(m.Organization.Name, addressWidth))
	}
	if m.Standings != nil {
		counts(&out, "orgsync_people", "People of the roster by where they stand after the last run.", "state", plan.States, m.people())
	}
	m.writeChanges(&out)
	if notices := m.notices(); notices != nil {
		counts(&out, "orgsync_notices", "Notices of the last run by kind.", "kind", plan.NoticeKinds, notices)
	}
	return out.Flush()
}

func (m *Metrics) writeChanges(out *metricWriter) {
	const name = "orgsync_last_run_changes"
	var outcomes []apply.Outcome
	n := map[apply.Outcome]map[plan.Action]int{}
	count := func(o apply.Outcome, a plan.Action) {
		if n[o] == nil {
			n[o] = map[plan.Action]int{}
		}
		n[o][a]++
	}
	switch {
	case m.Result != nil:
		outcomes = []apply.Outcome{apply.Done, apply.Failed, apply.Unknown, apply.Skipped}
		for _, c := range m.Result.Changes {
			count(c.Outcome, c.Action)
		}
	case m.Plan != nil:
		outcomes = []apply.Outcome{planned}
		for _, c := range m.Plan.Changes {
			count(planned, c.Action)
		}
	default:
		return
	}
	out.head(name, "Changes of the last run by action and outcome; a run that only plans has the outcome planned.")
	for _, o := range outcomes {
		for _, a := range withUnlisted(plan.Actions, n[o]) {
			out.sample(name, strconv.Itoa(n[o][a]), "action", string(a), "outcome", string(o))
		}
	}
}

// people counts who stands where after the run. Who is in the roster but past their last day counts as unlisted.
func (m *Metrics) people() map[plan.State]int {
	after := map[string]plan.State{}
	if m.Result != nil {
		for _, c := range m.Result.Changes {
			switch {
			case c.Outcome != apply.Done:
			case c.Action.Mails():
				after[c.Email.Key()] = plan.StatePending
			case c.Action == plan.Unsuspend:
				after[c.Email.Key()] = plan.StateMember
			}
		}
	}
	n := map[plan.State]int{}
	for _, s := range m.Standings {
		switch state, moved := after[s.Email.Key()]; {
		case s.Ended:
		case moved:
			n[state]++
		default:
			n[s.State]++
		}
	}
	return n
}

func (m *Metrics) notices() map[plan.NoticeKind]int {
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
	return label("organization", Clean(m.Organization.ID, addressWidth)) + "," + label("command", m.Command)
}

// Keep takes over from previous, the metrics of the run before, what m does not know: the organization, and when a run
// for the same organization and command succeeded. It is false when previous is neither empty nor what [MetricsText]
// writes: then it is somebody else's file.
func (m *Metrics) Keep(previous string) bool {
	if previous == "" {
		return true
	}
	success := successLine.FindStringSubmatch(previous)
	if !strings.HasPrefix(previous, "# HELP "+lastSuccess) || success == nil {
		return false
	}
	if m.Organization.ID == "" {
		m.Organization.ID = unlabel(success[1])
		if name := nameLine.FindStringSubmatch(previous); name != nil {
			m.Organization.Name = unlabel(name[1])
		}
	}
	same := m.labels() == `organization="`+success[1]+`",command="`+success[2]+`"`
	at, err := strconv.ParseFloat(success[3], 64)
	if m.Succeeded.IsZero() && same && err == nil && at > 0 && at < 1e11 { // some day in the year 5138
		m.Succeeded = time.UnixMilli(int64(math.Round(at * 1000)))
	}
	return true
}

const quoted = `"((?:[^"\\\n]|\\.)*)"`

var (
	successLine = regexp.MustCompile(`(?m)^` + lastSuccess + `\{organization=` + quoted + `,command=` + quoted + `\} ([0-9.]{1,20})$`)
	nameLine    = regexp.MustCompile(`(?m)^` + organizationInfo + `\{.*,name=` + quoted + `\} 1$`)
)

// label is one label with its value, which is escaped as the format wants it.
func label(name, value string) string {
	return name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}

// unlabel undoes the escapes of label.
func unlabel(value string) string {
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n").Replace(value)
}

// seconds is t as Prometheus writes times; 0 for the zero time.
func seconds(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return fmt.Sprintf("%d.%03d", t.Unix(), t.Nanosecond()/1e6)
}

// metricWriter writes metrics that all have the same labels first. Its writer keeps its first error for Flush.
type metricWriter struct {
	*bufio.Writer
	labels string
}

func (w *metricWriter) head(name, help string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
}

// sample writes one value; more are names and values of labels beyond the common ones.
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

// counts writes n, with a zero for each of known that nothing was counted of: a value that is missing cannot be told
// from a run that is missing.
func counts[K ~string](w *metricWriter, name, help, by string, known []K, n map[K]int) {
	w.head(name, help)
	for _, k := range withUnlisted(known, n) {
		w.sample(name, strconv.Itoa(n[k]), by, string(k))
	}
}

// withUnlisted is known and whatever else was counted.
func withUnlisted[K ~string](known []K, n map[K]int) []K {
	all := slices.Clone(known)
	for _, k := range slices.Sorted(maps.Keys(n)) {
		if !slices.Contains(known, k) {
			all = append(all, k)
		}
	}
	return all
}
