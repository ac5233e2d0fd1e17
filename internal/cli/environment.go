package cli

import (
	"cmp"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orgsync/orgsync/internal/roster"
)

// environmentPrefix is the start of the standard name of each variable that sets a flag.
const environmentPrefix = "ORGSYNC_"

// environmentNames holds the environment variables that orgsync knows.
type environmentNames struct {
	// known maps each name to the flag that it sets.
	known map[string]string
	// instead maps a plausible but wrong name to the right name, for example ORGSYNC_API_URL to
	// VULTR_API_URL.
	instead map[string]string
	// forOneRun maps the name that a variable would have to a flag that no variable sets.
	forOneRun map[string]string
}

func environmentNamesOf(root *cobra.Command) environmentNames {
	names := environmentNames{
		known:     make(map[string]string),
		instead:   map[string]string{"ORGSYNC_API_KEY": "VULTR_API_KEY"},
		forOneRun: make(map[string]string),
	}
	eachFlag(root, func(f *pflag.Flag) {
		standard, name := standardEnvironmentName(f), environmentName(f)
		switch {
		case f.Annotations[noVariableAnnotation] != nil:
			names.forOneRun[standard] = "--" + f.Name
		case name != "":
			names.known[name] = cmp.Or(names.known[name], "--"+f.Name) // --sandbox and --file have the same variable
			if name != standard {
				names.instead[standard] = name
			}
		}
	})
	return names
}

// suggest returns the known variable that is most similar to name; "" if none is similar.
func (n environmentNames) suggest(name string) string {
	if instead := n.instead[name]; instead != "" {
		return instead
	}
	// Compare without the prefix, which most names share.
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

// warnUnknownEnvironment logs a warning for each variable that has orgsync's prefix but sets no flag.
// Otherwise, nobody would notice that a misspelled limit has no effect. It does not log values,
// because they may be secret.
func (a *app) warnUnknownEnvironment(root *cobra.Command) {
	if a.environ == nil {
		return
	}
	variables := slices.DeleteFunc(slices.Clone(a.environ()), func(variable string) bool {
		return !strings.EqualFold(variable[:min(len(variable), len(environmentPrefix))], environmentPrefix)
	})
	if len(variables) == 0 {
		return
	}
	names := environmentNamesOf(root)
	slices.Sort(variables)
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		if value == "" {
			continue
		}
		if runtime.GOOS == "windows" { // where variable names ignore case
			name = strings.ToUpper(name)
		}
		if names.known[name] != "" {
			continue
		}
		shown := clean(name)
		if flag := names.forOneRun[name]; flag != "" {
			a.log.Warn("this variable is ignored: its flag works only on the command line",
				"name", shown, "flag", flag)
			continue
		}
		attrs := []any{"name", shown}
		if near := names.suggest(name); near != "" {
			attrs = append(attrs, "did_you_mean", near)
		}
		a.log.Warn("unknown environment variable ignored", attrs...)
	}
}
