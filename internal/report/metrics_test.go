package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/printable"
)

// finished are the metrics of an apply with every outcome.
func finished() Metrics {
	p := busy()
	done := func(a plan.Action, who string) apply.ChangeResult {
		return apply.ChangeResult{Change: plan.Change{Action: a, Email: address(who)}, Outcome: apply.Done}
	}
	return Metrics{
		Command: "apply", Organization: acme, Ended: now.Add(90 * time.Second), Succeeded: now,
		Duration: 1500 * time.Millisecond,
		Code:     3, Requests: 17, Throttled: 2,
		Statuses: []plan.PersonStatus{
			{Email: address("ada@example.com"), State: plan.StateNotInvited},
			{Email: address("bob@example.com"), State: plan.StateExpired},
			{Email: address("cleo@example.com"), State: plan.StateMember},
			{Email: address("lou@example.com"), State: plan.StateSuspended},
			{Email: address("max@example.com"), State: plan.StateNotInvited},
			{Email: address("moe@example.com"), State: plan.StateNotInvited},
			{Email: address("old@example.com"), State: plan.StateMember, Ended: true},
		},
		Plan: &p,
		Result: &apply.Result{
			Changes: []apply.ChangeResult{
				done(plan.Invite, "ada@example.com"),
				done(plan.Reinvite, "bob@example.com"),
				done(plan.Grant, "cleo@example.com"),
				done(plan.Unsuspend, "lou@example.com"),
				{Change: plan.Change{Action: plan.Invite, Email: address("max@example.com")}, Outcome: apply.Failed},
				{Change: plan.Change{Action: plan.Invite, Email: address("moe@example.com")}, Outcome: apply.Unknown},
			},
			Notices: p.Notices,
		},
	}
}

func metricsText(t *testing.T, m Metrics) string {
	t.Helper()
	var buf bytes.Buffer
	if err := MetricsText(&buf, m); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// samples reads text as Prometheus does: every value by its name and the labels that not all metrics have, without
// zeros; and the labels that all have.
func samples(t *testing.T, text string) (values map[string]float64, organization, command string) {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("Prometheus cannot read it: %v\n%s", err, text)
	}
	values = map[string]float64{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			key := name
			for i, l := range m.GetLabel() {
				switch {
				case i == 0 && l.GetName() == "organization":
					organization = l.GetValue()
				case i == 1 && l.GetName() == "command":
					command = l.GetValue()
				case i < 2:
					t.Errorf("%s has the labels %v", name, m.GetLabel())
				default:
					key += " " + l.GetValue()
				}
			}
			if v := m.GetGauge().GetValue(); v != 0 {
				values[key] = v
			}
		}
	}
	return values, organization, command
}

func TestMetricsText(t *testing.T) {
	t.Parallel()
	head := map[string]float64{
		"orgsync_last_success_timestamp_seconds": float64(now.Unix()),
		"orgsync_last_run_timestamp_seconds":     float64(now.Unix() + 90),
		"orgsync_last_run_duration_seconds":      1.5, "orgsync_last_run_exit_code": 3,
		"orgsync_last_run_requests": 17, "orgsync_last_run_throttled_requests": 2,
		"orgsync_organization_info Example Org": 1,
	}
	planning := finished()
	planning.Command, planning.Result = "plan", nil
	early := finished()
	early.Plan, early.Result, early.Statuses = nil, nil, nil
	tests := []struct {
		name string
		m    Metrics
		want map[string]float64 // beyond head
	}{
		{"apply", finished(), map[string]float64{
			"orgsync_people pending": 3, "orgsync_people member": 2, "orgsync_people not_invited": 1,
			"orgsync_last_run_changes invite done": 1, "orgsync_last_run_changes reinvite done": 1,
			"orgsync_last_run_changes grant done":     1,
			"orgsync_last_run_changes unsuspend done": 1, "orgsync_last_run_changes invite failed": 1,
			"orgsync_last_run_changes invite unknown": 1,
		}},
		{"plan", planning, map[string]float64{
			"orgsync_people not_invited": 3, "orgsync_people expired": 1, "orgsync_people member": 1,
			"orgsync_people suspended":                1,
			"orgsync_last_run_changes invite planned": 2, "orgsync_last_run_changes reinvite planned": 2,
			"orgsync_last_run_changes grant planned":  1,
			"orgsync_last_run_changes revoke planned": 1, "orgsync_last_run_changes update planned": 2,
			"orgsync_last_run_changes unsuspend planned": 1, "orgsync_last_run_changes suspend planned": 1,
			"orgsync_last_run_changes remove planned": 1,
		}},
		{"ended before anything was read", early, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := map[string]float64{}
			for _, m := range []map[string]float64{head, tt.want} {
				for k, v := range m {
					want[k] = v
				}
			}
			if tt.want != nil {
				for _, n := range busy().Notices {
					want["orgsync_notices "+string(n.Kind)]++
				}
			}
			text := metricsText(t, tt.m)
			got, organization, command := samples(t, text)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
			if organization != acme.ID || command != tt.m.Command {
				t.Errorf("the labels are organization=%q, command=%q", organization, command)
			}
			problems, err := promlint.New(strings.NewReader(text)).Lint()
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range problems {
				t.Errorf("%s: %s", p.Metric, p.Text)
			}
		})
	}
}

// TestMetricsZeros checks that a count of nothing is 0, so that an alert does not have to interpret a missing value.
// Only a value that the run could not determine is missing.
func TestMetricsZeros(t *testing.T) {
	t.Parallel()
	m := finished()
	m.Result, m.Statuses = &apply.Result{}, []plan.PersonStatus{}
	text := metricsText(t, m)
	for name, want := range map[string]int{
		"orgsync_people{":           len(plan.States),
		"orgsync_last_run_changes{": 4 * len(plan.Actions),
		"orgsync_notices{":          len(plan.NoticeKinds),
	} {
		if got := strings.Count(text, "\n"+name); got != want {
			t.Errorf("%d lines %s, want %d:\n%s", got, name, want, text)
		}
	}
	empty := metricsText(t, Metrics{Command: "apply", Ended: now, Code: 1})
	for _, name := range []string{"orgsync_people", "orgsync_last_run_changes", "orgsync_notices", organizationInfo} {
		if strings.Contains(empty, name) {
			t.Errorf("%s is written, although nothing is known:\n%s", name, empty)
		}
	}
	if !strings.Contains(empty, lastSuccess+`{organization="",command="apply"} 0`) {
		t.Errorf("no success is written as 0:\n%s", empty)
	}
}

// TestMetricsKeep checks that a failed run keeps values of the file, except those of other organizations and commands.
func TestMetricsKeep(t *testing.T) {
	t.Parallel()
	odd := finished()
	odd.Organization = org.Organization{ID: `a"b\c`, Name: `"x",name="y"} 1\n\`}
	odd.Succeeded = now.Add(123 * time.Millisecond)
	never := finished()
	never.Succeeded = time.Time{}
	other := org.Organization{ID: "other", Name: "Other"}
	lines := metricsText(t, finished())
	tests := []struct {
		name     string
		previous string
		m, want  Metrics
		ok       bool
	}{
		{"nothing before", "", Metrics{}, Metrics{}, true},
		{"nothing known", lines, Metrics{Command: "apply"}, Metrics{Command: "apply", Organization: acme,
			Succeeded: now}, true},
		{"known", lines, Metrics{Command: "apply", Organization: acme}, Metrics{Command: "apply", Organization: acme,
			Succeeded: now}, true},
		{"odd names", metricsText(t, odd), Metrics{Command: "apply"},
			Metrics{Command: "apply", Organization: odd.Organization, Succeeded: odd.Succeeded}, true},
		{"success now", lines, Metrics{Command: "apply", Organization: acme, Succeeded: now.Add(time.Hour)},
			Metrics{Command: "apply", Organization: acme, Succeeded: now.Add(time.Hour)}, true},
		{"never", metricsText(t, never), Metrics{Command: "apply"}, Metrics{Command: "apply", Organization: acme}, true},
		{"another organization", lines, Metrics{Command: "apply", Organization: other},
			Metrics{Command: "apply", Organization: other}, true},
		{"another command", lines, Metrics{Command: "plan"}, Metrics{Command: "plan", Organization: acme}, true},
		{"a roster", "users:\n  - email: ada@example.com\n", Metrics{Command: "apply"}, Metrics{Command: "apply"}, false},
		{"somebody else's metrics", "# HELP up Whether it is up.\n# TYPE up gauge\nup 1\n", Metrics{Command: "apply"},
			Metrics{Command: "apply"}, false},
		{"a torn file", lines[:60], Metrics{Command: "apply"}, Metrics{Command: "apply"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.m
			ok := got.KeepPrevious(tt.previous)
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
				t.Errorf("Keep() = %t, want %t (-want +got):\n%s", ok, tt.ok, diff)
			}
		})
	}
}

func FuzzMetrics(f *testing.F) {
	for _, s := range []string{"Example Org", "a\"b\\c\n", "\x1b[31mred", "\u202eevil\u2066",
		"x\"} 1\norgsync_last_run_exit_code 0", "\xff", "日本語"} {
		f.Add(s, s, s)
	}
	f.Fuzz(func(t *testing.T, id, name, word string) {
		m := finished()
		m.Organization = org.Organization{ID: id, Name: name}
		m.Result.Notices = append(m.Result.Notices, plan.Notice{Kind: plan.Unlisted, Text: word})
		plain, hostile := metricsText(t, finished()), metricsText(t, m)
		extra := 0
		if id == "" {
			extra = 3 // no line of the organization, with its two comments
		}
		if got, want := strings.Count(hostile, "\n"), strings.Count(plain, "\n")-extra; got != want {
			t.Errorf("%d lines, want %d:\n%s", got, want, hostile)
		}
		for _, r := range hostile {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("holds %U:\n%s", r, hostile)
			}
		}
		values, organization, _ := samples(t, hostile)
		if want := printable.Clean(id, document.AddressWidth); organization != want {
			t.Errorf("the organization is %q, want %q", organization, want)
		}
		if id != "" && values[fmt.Sprint("orgsync_organization_info ", printable.Clean(name, document.AddressWidth))] != 1 {
			t.Errorf("the name %q is not written:\n%s", name, hostile)
		}
		after := Metrics{Command: "apply"}
		if !after.KeepPrevious(hostile) || after.Organization.ID != organization || !after.Succeeded.Equal(now) {
			t.Errorf("read again it is %+v:\n%s", after, hostile)
		}
	})
}

// TestMetricsDocumented checks that the page about cron names exactly the metrics that exist.
func TestMetricsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "cron.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := func(text string) []string {
		return slices.Compact(slices.Sorted(slices.Values(regexp.MustCompile(`\borgsync_[a-z_]+\b`).FindAllString(text, -1))))
	}
	if diff := cmp.Diff(names(metricsText(t, finished())), names(string(page))); diff != "" {
		t.Errorf("metrics and documented ones (-metrics +page):\n%s", diff)
	}
}
