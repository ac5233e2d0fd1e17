package cli

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestActionText checks that no input becomes part of a script, and that only the step that runs orgsync has the key.
func TestActionText(t *testing.T) {
	t.Parallel()
	doc := sampleYAML(t, "../../action.yml")
	inputs, _ := at(doc, "inputs").(map[string]any)
	want := []string{"api-key", "args", "base", "command", "comment", "go-version", "name", "roster", "state", "state-dir"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(inputs))); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	steps, _ := at(doc, "runs", "steps").([]any)
	if len(steps) < 5 || at(doc, "runs", "using") != "composite" {
		t.Fatalf("runs: %v", at(doc, "runs"))
	}
	for _, step := range steps {
		script, _ := at(step, "run").(string)
		switch {
		case strings.Contains(script, "${{"):
			t.Errorf("an expression is part of a script, which it can change: %s", script)
		case script != "" && at(step, "shell") != "bash":
			t.Errorf("%s runs in %v", script, at(step, "shell"))
		}
		uses, _ := at(step, "uses").(string)
		condition, _ := at(step, "if").(string)
		for _, elsewhere := range []string{"inputs.state == ''", "inputs.state-dir == ''", "env.ORGSYNC_STATE == ''",
			"env.ORGSYNC_STATE_DIR == ''"} {
			if strings.HasPrefix(uses, "actions/cache/") && !strings.Contains(condition, elsewhere) {
				t.Errorf("%v uses the cache without %s", at(step, "name"), elsewhere)
			}
		}
		// GitHub does not save under a key that exists: the ledger of the second apply in a workflow would be lost.
		key, _ := at(step, "with", "key").(string)
		if strings.HasPrefix(uses, "actions/cache/save@") && !strings.HasSuffix(key, "-${{ steps.run.outputs.cache }}") {
			t.Errorf("the key %s may exist already", key)
		}
		settings, _ := at(step, "env").(map[string]any)
		for name, value := range settings {
			if strings.Contains(value.(string), "api-key") && at(step, "id") != "run" {
				t.Errorf("%v has the key as %s", at(step, "name"), name)
			}
		}
	}
}
