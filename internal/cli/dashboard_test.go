package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/report"
)

// metricSet has the values of each label of each metric.
type metricSet map[string]map[string]map[string]bool

var (
	metricName     = regexp.MustCompile(`\borgsync_\w+`)
	metricSelector = regexp.MustCompile(`\b(orgsync_\w+)\{([^}]*)\}`)
	shownLabels    = regexp.MustCompile(`by \(([^)]*)\)|\{\{(\w+)\}\}`)
	labelMatcher   = regexp.MustCompile(`(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"`)
)

// writtenMetrics returns the metrics that plan and apply write.
func writtenMetrics(t *testing.T) metricSet {
	t.Helper()
	var text bytes.Buffer
	m := report.Metrics{
		Organization: org.Organization{ID: "d3e1", Name: "Example Org"}, Ended: time.Now(), Statuses: []plan.PersonStatus{},
	}
	for _, m.Command = range []string{"plan", "apply"} {
		m.Plan, m.Result = &plan.Plan{}, nil
		if m.Command == "apply" {
			m.Result = &apply.Result{}
		}
		if err := report.MetricsText(&text, m); err != nil {
			t.Fatal(err)
		}
	}
	all := metricSet{}
	for _, sample := range metricSelector.FindAllStringSubmatch(text.String(), -1) {
		if all[sample[1]] == nil {
			all[sample[1]] = map[string]map[string]bool{}
		}
		for _, l := range labelMatcher.FindAllStringSubmatch(sample[2], -1) {
			if all[sample[1]][l[1]] == nil {
				all[sample[1]][l[1]] = map[string]bool{}
			}
			all[sample[1]][l[1]][l[3]] = true
		}
	}
	return all
}

// unknownIn returns the metrics, labels and values that the expressions in text use, but that m does not have.
func (m metricSet) unknownIn(text string) []string {
	var unknown []string
	for _, name := range metricName.FindAllString(text, -1) {
		if m[name] == nil {
			unknown = append(unknown, name)
		}
	}
	for _, s := range metricSelector.FindAllStringSubmatch(text, -1) {
		for _, l := range labelMatcher.FindAllStringSubmatch(s[2], -1) {
			values := m[s[1]][l[1]]
			switch {
			case values == nil:
				unknown = append(unknown, s[1]+": "+l[1])
			case l[1] != "organization":
				for value := range strings.SplitSeq(l[3], "|") {
					if !values[value] {
						unknown = append(unknown, s[1]+": "+l[1]+"="+value)
					}
				}
			}
		}
	}
	return unknown
}

func TestUnknownIn(t *testing.T) {
	t.Parallel()
	written := writtenMetrics(t)
	for text, want := range map[string]string{
		`orgsync_people{state="member"}`:                              "",
		`sum(orgsync_notices{kind=~"gave_up|limit", command="plan"})`: "",
		`orgsync_persons`:                                   "orgsync_persons",
		`orgsync_people{kind="member"}`:                     "orgsync_people: kind",
		`orgsync_people{state=~"member|stranger"}`:          "orgsync_people: state=stranger",
		`orgsync_last_run_exit_code{command!="aply"} == 1`:  "orgsync_last_run_exit_code: command=aply",
		`orgsync_last_run_changes{outcome="planned"} * 0`:   "",
		`orgsync_last_run_changes{outcome="done"} + 1`:      "",
		`orgsync_last_run_changes{action!~"invite|grants"}`: "orgsync_last_run_changes: action=grants",
	} {
		if got := strings.Join(written.unknownIn(text), ", "); got != want {
			t.Errorf("%s: %q is unknown, want %q", text, got, want)
		}
	}
}

type dataSource struct{ Type, UID string }

// dashboard has the parts of a dashboard of Grafana that the test needs. The program .ci/dashboard checks all parts.
type dashboard struct {
	Templating struct {
		List []struct {
			Name, Type string
			Datasource dataSource
			Query      any
		}
	}
	Panels []struct {
		ID                       int
		Type, Title, Description string
		Datasource               dataSource
		GridPos                  struct{ X, Y, W, H int }
		Targets                  []struct {
			Expr, LegendFormat, RefID string
			Datasource                dataSource
		}
	}
}

// TestDashboard checks that the dashboard uses only metrics, labels and values that orgsync writes. It must use the
// data source and the organization that a person has selected. Panels must not overlap. If PROMTOOL has the path of
// promtool, this program checks the expressions as if they were rules.
func TestDashboard(t *testing.T) {
	t.Parallel()
	var d dashboard
	if err := json.Unmarshal([]byte(sample(t, deploy+"grafana/orgsync.json")), &d); err != nil {
		t.Fatal(err)
	}
	written := writtenMetrics(t)
	chosen := dataSource{Type: "prometheus", UID: "${datasource}"}
	variables := map[string]string{}
	for _, v := range d.Templating.List {
		variables[v.Name] = v.Type
		if query, ok := v.Query.(map[string]any); ok {
			text, _ := query["query"].(string)
			if unknown := written.unknownIn(text); len(unknown) > 0 || !metricName.MatchString(text) || v.Datasource != chosen {
				t.Errorf("variable %s: %q of %v uses unknown %q", v.Name, text, v.Datasource, unknown)
			}
		}
	}
	if variables["datasource"] != "datasource" || variables["organization"] != "query" {
		t.Errorf("the variables are %v", variables)
	}

	ids, covered := map[int]bool{}, map[[2]int]string{}
	used := map[string]bool{}
	var rules []map[string]string
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID <= 0 {
			t.Errorf("%s has the id %d, which is not its own", p.Title, p.ID)
		}
		ids[p.ID] = true
		at := p.GridPos
		if at.X < 0 || at.Y < 0 || at.W < 1 || at.H < 1 || at.X+at.W > 24 {
			t.Errorf("%s is not within the 24 columns: %+v", p.Title, at)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other := covered[[2]int{x, y}]; other != "" {
					t.Fatalf("%s covers %s", p.Title, other)
				}
				covered[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || len(p.Targets) == 0 || p.Datasource != chosen {
			t.Errorf("panel %d (%s) lacks a title, a description, a query or the chosen data source", p.ID, p.Title)
		}
		for _, q := range p.Targets {
			if unknown := written.unknownIn(q.Expr); len(unknown) > 0 {
				t.Errorf("%s: %s uses unknown %q", p.Title, q.Expr, unknown)
			}
			selectors := metricSelector.FindAllStringSubmatch(q.Expr, -1)
			if len(selectors) != len(metricName.FindAllString(q.Expr, -1)) || q.Datasource != chosen {
				t.Errorf("%s: %s of %v", p.Title, q.Expr, q.Datasource)
			}
			for _, s := range selectors {
				used[s[1]] = true
				if !strings.Contains(s[2], `organization=~"$organization"`) {
					t.Errorf("%s: %s is not about the chosen organization", p.Title, s[0])
				}
				for _, list := range shownLabels.FindAllStringSubmatch(q.Expr+q.LegendFormat, -1) {
					for name := range strings.SplitSeq(list[1]+list[2], ", ") {
						if written[s[1]][name] == nil && name != "instance" { // the scrape adds that one
							t.Errorf("%s: %s has no label %s", p.Title, s[1], name)
						}
					}
				}
			}
			rules = append(rules, map[string]string{
				"record": fmt.Sprintf("expression_%d", len(rules)),
				"expr":   strings.ReplaceAll(q.Expr, "$organization", ".*"),
			})
		}
	}
	for name := range written {
		if !used[name] {
			t.Errorf("no panel shows %s", name)
		}
	}

	promtool := os.Getenv("PROMTOOL")
	if promtool == "" {
		return
	}
	file := filepath.Join(t.TempDir(), "rules.json") // JSON is YAML
	text, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
