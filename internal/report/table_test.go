package report

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/printable/printabletest"
)

var painting = regexp.MustCompile(`\x1b\[\d+m`)

// TestWindow checks reports of plan and apply in windows of any width. No line is wider than the window, only the place
// in the roster may be missing, and colours only repeat the meaning of words.
func TestWindow(t *testing.T) {
	t.Parallel()
	address := rapid.Custom(func(t *rapid.T) org.Address {
		local, err := org.ParseAddress(rapid.StringMatching(`[a-z]{1,30}(\.[a-z]{1,20})?@[a-z]{1,20}\.example`).Draw(t,
			"address"))
		if err != nil {
			t.Fatal(err)
		}
		return local
	})
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(24, 200).Draw(t, "width")
		p := plan.Plan{Organization: org.Organization{ID: "o-1", Name: "Example"}, Now: now}
		var r apply.Result
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			c := plan.Change{
				Action: rapid.SampledFrom(plan.Actions).Draw(t, "action"), Reason: plan.MissingAccess,
				Email: address.Draw(t, "who"), Source: "SOURCE",
				Detail: plan.Detail{Kind: org.KindGroup, Name: rapid.StringMatching(`[a-z ]{0,70}[a-z]`).Draw(t, "name")},
			}
			p.Changes = append(p.Changes, c)
			r.Changes = append(r.Changes, apply.ChangeResult{Change: c,
				Outcome: rapid.SampledFrom([]apply.Outcome{apply.Done, apply.Skipped}).Draw(t, "outcome")})
			p.Notices = append(p.Notices, plan.Notice{Kind: plan.ExtraAccess, Email: c.Email, Text: c.Detail.Name})
		}
		r.Notices = p.Notices
		render := func(width int, colored bool) [2]string {
			var texts [2]bytes.Buffer
			if err := document.WriteText(&texts[0], PlanDocument(p), width, colored); err != nil {
				t.Fatal(err)
			}
			if err := document.WriteText(&texts[1], ApplyDocument(p, r), width, colored); err != nil {
				t.Fatal(err)
			}
			return [2]string{texts[0].String(), texts[1].String()}
		}
		letters := func(s string) string { return strings.Join(strings.Fields(strings.ReplaceAll(s, "SOURCE", "")), "") }
		fitted, free, colored := render(width, false), render(0, false), render(width, true)
		for i := range fitted {
			for line := range strings.Lines(fitted[i]) {
				if w := printable.Width(strings.TrimSuffix(line, "\n")); w > width {
					t.Errorf("line %q is %d wide, and the window %d", line, w, width)
				}
			}
			if diff := cmp.Diff(letters(free[i]), letters(fitted[i])); diff != "" {
				t.Errorf("in a window of %d (-free +fitted):\n%s", width, diff)
			}
			if diff := cmp.Diff(fitted[i], painting.ReplaceAllString(colored[i], "")); diff != "" {
				t.Errorf("without colours it says something else (-plain +colored):\n%s", diff)
			}
		}
	})
}

// FuzzPlanText checks that text from outside does not act on a terminal, and that lines fit into its width.
func FuzzPlanText(f *testing.F) {
	for _, s := range printabletest.Hostile {
		f.Add(s, 40)
	}
	f.Fuzz(func(t *testing.T, s string, width int) {
		width = min(width, 1000)
		p := busy()
		p.Organization.Name, p.Changes[0].Source, p.Changes[3].Detail.Name = s, s, s
		for i := range p.Notices {
			p.Notices[i].Text, p.Notices[i].InvitationID = s, s
		}
		r := mixed()
		r.Changes[0].Err, r.Stopped, r.Notices = errors.New(s), errors.New(s), p.Notices
		var buf bytes.Buffer
		if err := errors.Join(document.WriteText(&buf, PlanDocument(p), width, false),
			document.WriteText(&buf, ApplyDocument(p, r), width, false), Question(&buf, p, width)); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(buf.String()) {
			bare := strings.TrimSuffix(line, "\n")
			if printable.Clean(bare, 1<<20) != strings.Join(strings.Fields(bare), " ") {
				t.Errorf("%q holds what cannot be shown", bare)
			}
			if w := printable.Width(bare); width >= 20 && w > width {
				t.Errorf("%q is %d wide, and the window %d", bare, w, width)
			}
		}
	})
}
