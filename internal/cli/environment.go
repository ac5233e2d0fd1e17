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

// environmentPrefix begins the name of each variable that sets a flag, except for those of
// [nameForEnvironment].
const environmentPrefix = "ORGSYNC_"

// environmentNames holds the environment variables that orgsync knows.
type environmentNames struct {
	// known maps each name to the flag that it sets.
	known map[string]string
	// instead maps a plausible but wrong name to the right one: ORGSYNC_API_URL to VULTR_API_URL.
	instead map[string]string
	// forOneRun holds the flags that no variable sets, by the name that the variable would have.
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
		case f.Annotations[withoutEnvironment] != nil:
			names.forOneRun[standard] = "--" + f.Name
		case name != "":
			names.known[name] = cmp.Or(names.known[name], "--"+f.Name) // --file has the variable of --sandbox
			if name != standard {
				names.instead[standard] = name
			}
		}
	})
	return names
}

// suggest returns the variable that name was probably meant to be; "" when none is similar.
func (n environmentNames) suggest(name string) string {
	if instead := n.instead[name]; instead != "" {
		return instead
	}
	// All share the prefix, so compare only the text after it.
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

// warnUnknownEnvironment logs a warning for each variable with orgsync's prefix that sets nothing,
// such as a misspelled one: otherwise a limit that has no effect would go unnoticed. It does not
// log the value, which may be a secret.
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
			a.log.Warn("this flag is for one run and has no environment variable: the variable is ignored",
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
