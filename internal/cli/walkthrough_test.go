package cli

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ran is a call of orgsync in a script, typed one on a page; redirections are the shell's.
var (
	ran   = regexp.MustCompile(`(?m)^(?:exec|exits \d+) (orgsync .*)$`)
	typed = regexp.MustCompile(`(?m)^ *(?:go run \./cmd/)?(orgsync [^>\n]*[^> \n])`)
)

// TestWalkthrough: who types the commands of a page one after another does what a script does, in its order.
func TestWalkthrough(t *testing.T) {
	t.Parallel()
	for page, name := range map[string]string{"docs/walkthrough.md": "whole_way", "README.md": "readme"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			var script, want []string
			for _, m := range ran.FindAllStringSubmatch(sample(t, filepath.Join("testdata", "script", name+".txtar")), -1) {
				script = append(script, m[1])
			}
			for _, block := range shell.FindAllStringSubmatch(sample(t, "../../"+page), -1) {
				for _, m := range typed.FindAllStringSubmatch(block[1], -1) {
					want = append(want, m[1])
				}
			}
			if len(want) < 8 {
				t.Errorf("the page has %d commands", len(want))
			}
			// The script may do more between them.
			var got []string
			for _, command := range script {
				if len(got) < len(want) && command == want[len(got)] {
					got = append(got, command)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("of the page's commands the script runs only some (-page +script):\n%s", diff)
			}
		})
	}
}
