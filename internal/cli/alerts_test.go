package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/report"
)

// alertRules are rules of Prometheus, as far as this test looks at them.
type alertRules struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

// alertCases are the cases of promtool, as far as this test looks at them.
type alertCases struct {
	Tests []struct {
		AlertRuleTest []struct {
			Alertname string
			ExpAlerts []any `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
}

func decodeYAML[T any](t *testing.T, file string) (T, []byte) {
	t.Helper()
	var v T
	data, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(data, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v, data
}

// TestAlerts: the rules use only metrics and kinds of notices that exist, the docs show them as they
// are, and promtool has for each alert a case that fires and one that does not. .ci/run runs promtool.
func TestAlerts(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("..", "..", "deploy", "prometheus")
	rules, text := decodeYAML[alertRules](t, filepath.Join(folder, "orgsync.rules.yml"))
	cases, _ := decodeYAML[alertCases](t, filepath.Join(folder, "orgsync.rules.test.yml"))

	var written bytes.Buffer
	err := report.MetricsText(&written, report.Metrics{
		Command: "apply", Organization: org.Organization{ID: "d3e1", Name: "Example Org"}, Ended: time.Now(), Plan: &plan.Plan{},
	})
	if err != nil {
		t.Fatal(err)
	}
	metrics := regexp.MustCompile(`(?m)^orgsync_\w+`).FindAllString(written.String(), -1)
	for _, name := range regexp.MustCompile(`\borgsync_\w+`).FindAllString(string(text), -1) {
		if !slices.Contains(metrics, name) {
			t.Errorf("there is no metric %s", name)
		}
	}
	for _, kinds := range regexp.MustCompile(`kind=~"([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
		for kind := range strings.SplitSeq(kinds[1], "|") {
			if !slices.Contains(plan.NoticeKinds, plan.NoticeKind(kind)) {
				t.Errorf("there is no notice of the kind %s", kind)
			}
		}
	}

	fires, silent := map[string]bool{}, map[string]bool{}
	for _, c := range cases.Tests {
		for _, check := range c.AlertRuleTest {
			fires[check.Alertname] = fires[check.Alertname] || len(check.ExpAlerts) > 0
			silent[check.Alertname] = silent[check.Alertname] || len(check.ExpAlerts) == 0
		}
	}
	docs, err := os.ReadFile(filepath.Join("..", "..", "docs", "cron.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules.Groups[0].Rules {
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
			t.Errorf("%s has the severity %q", r.Alert, r.Labels["severity"])
		}
		if !strings.Contains(r.Annotations["summary"], "orgsync_organization_info") || r.Annotations["description"] == "" {
			t.Errorf("%s has the annotations %q, without the organization's name or a description", r.Alert, r.Annotations)
		}
		if !fires[r.Alert] || !silent[r.Alert] {
			t.Errorf("%s: a case in which it fires: %t, in which it does not: %t", r.Alert, fires[r.Alert], silent[r.Alert])
		}
		if !strings.Contains(string(docs), "`"+r.Alert+"`") {
			t.Errorf("docs/cron.md does not say when %s fires", r.Alert)
		}
	}
	_, after, _ := strings.Cut(string(docs), "```yaml\n# Alerts about orgsync")
	shown, _, _ := strings.Cut("# Alerts about orgsync"+after, "```\n")
	if diff := cmp.Diff(string(text), shown); diff != "" {
		t.Errorf("docs/cron.md shows other rules (-file +docs):\n%s", diff)
	}
}
