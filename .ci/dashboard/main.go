// Command dashboard checks dashboards against Grafana's schema. It fails on unknown fields, missing fields and values
// out of bounds, also in panels and queries. It is a separate module, so that orgsync does not depend on Grafana.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

func main() {
	schemas := cog.NewRuntime() // one for the whole process
	schemas.RegisterDataqueryVariant(prometheus.VariantConfig())
	schemas.RegisterPanelcfgVariant(stat.VariantConfig())
	schemas.RegisterPanelcfgVariant(statetimeline.VariantConfig())
	schemas.RegisterPanelcfgVariant(table.VariantConfig())
	schemas.RegisterPanelcfgVariant(timeseries.VariantConfig())
	failed := len(os.Args) < 2
	for _, file := range os.Args[1:] {
		if err := checkDashboard(schemas, file); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func checkDashboard(schemas *cog.Runtime, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	// The strict decoder finds unknown fields, but does not keep the panels. Without an error, it returns an empty
	// list.
	var problems cog.BuildErrors
	if err := new(dashboard.Dashboard).UnmarshalJSONStrict(text); !errors.As(err, &problems) || len(problems) > 0 {
		return err
	}
	var d dashboard.Dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		return err
	}
	if newest := dashboard.NewDashboard().SchemaVersion; d.SchemaVersion != newest {
		return fmt.Errorf("schemaVersion is %d, and the newest one is %d", d.SchemaVersion, newest)
	}
	if len(d.Panels) == 0 {
		return errors.New("no panels")
	}
	for _, p := range d.Panels {
		if p.Panel == nil { // a row
			continue
		}
		if _, known := schemas.ConfigForPanelcfgVariant(p.Panel.Type); !known {
			return fmt.Errorf("panel %q is a %s: register its schema above", *p.Panel.Title, p.Panel.Type)
		}
		for _, query := range p.Panel.Targets {
			if query.DataqueryType() != "prometheus" {
				return fmt.Errorf("panel %q has a query of the type %q", *p.Panel.Title, query.DataqueryType())
			}
		}
	}
	return d.Validate()
}
