package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
)

// DoctorMarkdown writes c for an issue: what [DoctorText] tells, with the requests, how the API speaks, and the limits as
// tables. The error is w's.
func DoctorMarkdown(w io.Writer, d Doctor, c org.Checkup) error {
	var head strings.Builder
	fmt.Fprintf(&head, "### orgsync doctor\n\n**%s**\n\n%s\n", upshot(c), strings.Join(identity(c, code), " "))
	if d.Note != "" {
		fmt.Fprintf(&head, "\n%s\n", code(d.Note, messageWidth))
	}
	var blocks []block
	if len(c.Organizations) > 1 {
		var names []string
		for _, o := range c.Organizations {
			names = append(names, called(o, code))
		}
		blocks = append(blocks, block{head: "\n" + organizationCount(c) + "\n\n", rows: bullets(names)})
	}
	blocks = append(blocks, table("#### "+mayRead, tableRows(endpointRows(c.Endpoints, code)), "what", "verdict", "slowest", "answer", "request"))
	if spoke(c) {
		blocks = append(blocks, table("#### "+speaks, tableRows(traitRows(c.Traits, code)), "axis", "seen", "about"))
	}
	blocks = append(blocks, block{head: "\n#### " + aboutServer + "\n\n", rows: bullets(server(c, code))})
	if len(c.Limits) > 0 {
		var limits []string
		for _, l := range c.Limits {
			limits = append(limits, row(code(string(l.Kind), addressWidth), limitation(l, code)))
		}
		blocks = append(blocks, table("#### "+cannot, limits, "limit", "what it means"))
	}
	var tail strings.Builder
	if d.Dialect != "" {
		fmt.Fprintf(&tail, "\n%s:\n\n    %s\n", toTry, d.simulation())
	}
	if d.Recorded != "" {
		fmt.Fprintf(&tail, "\n%s\n", d.recording(code))
	}
	return writeMarkdown(w, head.String(), blocks, tail.String())
}
