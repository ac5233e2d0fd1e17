package cli

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ran matches a call of orgsync in a script, and typed matches a call on a page, without redirections. outputs
// matches the blocks of a page with the output of a program, and yamlBlocks matches the blocks with rosters.
var (
	ran        = regexp.MustCompile(`(?m)^(?:exec|exits \d+) (orgsync .*)$`)
	typed      = regexp.MustCompile(`(?m)^ *(?:go run \./cmd/)?(orgsync [^>\n]*[^> \n])`)
	outputs    = regexp.MustCompile("(?ms)^```text\n(.*?)^```$")
	yamlBlocks = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
)

// TestWalkthrough checks that the commands of a page are the commands of a script, in the same order.
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
			// The script may have more commands in between.
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

// TestWalkthroughOutput: each block of output in docs/walkthrough.md is compared with what the command above it prints,
// and the rosters there are those of the script.
func TestWalkthroughOutput(t *testing.T) {
	t.Parallel()
	page := sample(t, "../../docs/walkthrough.md")
	script := sample(t, filepath.Join("testdata", "script", "whole_way.txtar"))
	var want, got []string // "command: number of the block"
	command, blocks := "", 0
	for _, m := range regexp.MustCompile("(?ms)^```(sh|text)\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		if m[1] == "text" {
			blocks++
			want = append(want, fmt.Sprintf("%s: %d", command, blocks))
		} else if calls := typed.FindAllStringSubmatch(m[2], -1); len(calls) > 0 {
			command = calls[len(calls)-1][1]
		}
	}
	for _, m := range regexp.MustCompile(ran.String()+`|^shows std(?:out|err) (\d+)$`).FindAllStringSubmatch(script, -1) {
		if m[2] != "" {
			got = append(got, command+": "+m[2])
		}
		if m[1] != "" {
			command = m[1]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("blocks of output (-page +script):\n%s", diff)
	}
	for _, block := range yamlBlocks.FindAllStringSubmatch(page, -1) {
		if !strings.Contains(script, "\n"+block[1]) {
			t.Errorf("the script has no roster with\n%s", block[1])
		}
	}
}
