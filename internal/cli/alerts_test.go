package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// alertRules has the parts of rules of Prometheus that the test needs.
type alertRules struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

// alertCases has the parts of cases of promtool that the test needs.
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

// TestAlerts checks that the rules use only metrics and kinds of notices that exist, and that the documentation shows
// the same rules. For each alert, promtool must have a case that fires, and a case that does not fire.
func TestAlerts(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("..", "..", "deploy", "prometheus")
	rules, text := decodeYAML[alertRules](t, filepath.Join(folder, "orgsync.rules.yml"))
	cases, _ := decodeYAML[alertCases](t, filepath.Join(folder, "orgsync.rules.test.yml"))

	for _, unknown := range writtenMetrics(t).unknownIn(string(text)) {
		t.Errorf("there is no %s", unknown)
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
}
