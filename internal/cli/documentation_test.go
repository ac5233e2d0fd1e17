package cli

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// The documentation of each flag names the environment variable that sets it.
func TestCommandsNameVariables(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, cmd := range Commands() {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if name := environmentName(f); name != "" {
				checked++
				if !strings.Contains(f.Usage, "$"+name) {
					t.Errorf("%s --%s: %q does not name $%s", cmd.CommandPath(), f.Name, f.Usage, name)
				}
			}
		})
	}
	if checked < 50 {
		t.Errorf("%d flags with a variable, want many", checked)
	}
}
