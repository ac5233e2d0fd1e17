package cli

import (
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
)

// environmentPrefix begins the name of each variable that sets a flag, except for those of
// [nameForEnvironment].
const environmentPrefix = "ORGSYNC_"

// environmentNames are the variables that some command knows.
type environmentNames struct {
	known map[string]bool
	// instead has what to set in the place of a name that looks right and is not: VULTR_API_URL for
	// ORGSYNC_API_URL.
	instead map[string]string
	// forOneRun has the flags that no variable sets, by the name that they would have.
	forOneRun map[string]string
}

func environmentNamesOf(root *cobra.Command) environmentNames {
	names := environmentNames{
		known:     make(map[string]bool),
		instead:   map[string]string{"ORGSYNC_API_KEY": "VULTR_API_KEY"},
		forOneRun: make(map[string]string),
	}
	add := func(f *pflag.Flag) {
		standard, name := standardEnvironmentName(f), environmentName(f)
		switch {
		case f.Annotations[withoutEnvironment] != nil:
			names.forOneRun[standard] = "--" + f.Name
		case name != "":
			names.known[name] = true
			if name != standard {
				names.instead[standard] = name
			}
		}
	}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(add)
		cmd.PersistentFlags().VisitAll(add)
		for _, below := range cmd.Commands() {
			walk(below)
		}
	}
	walk(root)
	return names
}

// suggest returns the variable that name was likely meant to be; "" where none is near.
func (n environmentNames) suggest(name string) string {
	if instead := n.instead[name]; instead != "" {
		return instead
	}
	// All have the prefix in common: only what follows it says how near they are.
	var candidates []string
	for known := range n.known {
		if rest, ok := strings.CutPrefix(known, environmentPrefix); ok {
			candidates = append(candidates, rest)
		}
	}
	slices.Sort(candidates)
	if near := roster.Nearest(name[len(environmentPrefix):], candidates); near != "" {
		return environmentPrefix + near
	}
	return ""
}

// warnUnknownEnvironment logs a warning for each variable that is named as one of orgsync's and
// sets nothing, such as a misspelt one: a limit that is not in force would otherwise go unnoticed.
// It logs no value, which may be a secret.
func (a *app) warnUnknownEnvironment(root *cobra.Command) {
	if a.environ == nil {
		return
	}
	names := environmentNamesOf(root)
	variables := a.environ()
	slices.Sort(variables)
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		prefix := name[:min(len(name), len(environmentPrefix))]
		if value == "" || !strings.EqualFold(prefix, environmentPrefix) {
			continue
		}
		if runtime.GOOS == "windows" { // where case makes no difference
			name = strings.ToUpper(name)
		}
		if names.known[name] {
			continue
		}
		shown := report.Clean(name, errorWidth)
		if flag := names.forOneRun[name]; flag != "" {
			a.log.Warn("this flag has no environment variable, since it is for one run: what is set is ignored",
				"name", shown, "flag", flag)
			continue
		}
		attrs := []any{"name", shown}
		if near := names.suggest(name); near != "" {
			attrs = append(attrs, "did_you_mean", near)
		}
		a.log.Warn("an environment variable that orgsync does not know is ignored", attrs...)
	}
}
