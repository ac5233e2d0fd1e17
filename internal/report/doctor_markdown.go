package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
)

// DoctorMarkdown writes c for an issue: what [DoctorText] shows, with tables of the requests, of
// the API's behaviour and of the limits. The error is w's.
func DoctorMarkdown(w io.Writer, d Doctor, c org.Checkup) error {
	var head strings.Builder
	fmt.Fprintf(&head, "### orgsync doctor\n\n**%s**\n\n%s\n", verdictText(c), strings.Join(keyLines(c, code), " "))
	if d.Note != "" {
		fmt.Fprintf(&head, "\n%s\n", code(d.Note, messageWidth))
	}
	var blocks []block
	if len(c.Organizations) > 1 {
		var names []string
		for _, o := range c.Organizations {
			names = append(names, organizationLabel(o, code))
		}
		blocks = append(blocks, block{head: "\n" + organizationCount(c) + "\n\n", rows: bullets(names)})
	}
	blocks = append(blocks, table("#### "+headEndpoints, tableRows(endpointRows(c.Endpoints, code)), "what", "verdict",
		"slowest", "answer", "request"))
	if anySeen(c) {
		blocks = append(blocks, table("#### "+headDialect, tableRows(traitRows(c.Traits, code)), "axis", "seen", "about"))
	}
	blocks = append(blocks, block{head: "\n#### " + headServer + "\n\n", rows: bullets(serverLines(c, code))})
	if len(c.Limits) > 0 {
		var limits []string
		for _, l := range c.Limits {
			limits = append(limits, markdownRow(code(string(l.Kind), addressWidth), limitText(l, code)))
		}
		blocks = append(blocks, table("#### "+headLimits, limits, "limit", "what it means"))
	}
	var tail strings.Builder
	if d.Dialect != "" {
		fmt.Fprintf(&tail, "\n%s:\n\n    %s\n", headSandbox, d.sandboxCommand())
	}
	if d.Recorded != "" {
		fmt.Fprintf(&tail, "\n%s\n", d.recordingNote(code))
	}
	return writeMarkdown(w, head.String(), blocks, tail.String())
}
