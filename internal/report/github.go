package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// maxAnnotations is how many annotations of each kind GitHub shows for one step; it silently drops
// the others.
const maxAnnotations = 10

// PlanGitHub writes p as workflow commands of GitHub Actions: a notice for each change and a
// warning for each notice that somebody should act on, at its line of the roster. The most urgent
// come first, and no more are written than GitHub shows. Files are named relative to the folder
// dir. Nothing is written when there is nothing to report. The error is w's.
func PlanGitHub(w io.Writer, p plan.Plan, dir string) error {
	out := newPrinter(w, 0, false)
	var changes, warnings []annotation
	for _, c := range removalsFirst(p.Changes) {
		text := capitalize(styleOf(c.Action).word) + " " + Clean(c.Email.String(), addressWidth) + ": " + reasonText(c, Clean)
		changes = append(changes, annotation{at: parseSource(c.Source), text: text})
	}
	for _, n := range byUrgency(p.Notices) {
		if needsAction(n) {
			warnings = append(warnings, annotation{at: parseSource(n.Source), text: noticeText(n, p.Now, Clean)})
		}
	}
	const all = "orgsync plan shows them all"
	out.annotate("notice", changes, "changes: "+all, dir)
	out.annotate("warning", warnings, "notices: "+all, dir)
	return out.flush()
}

// WarningsGitHub writes the warnings about a valid roster as workflow commands of GitHub Actions,
// each at its place, and no more than GitHub shows. Files are named relative to the folder dir. The
// error is w's.
func WarningsGitHub(w io.Writer, warnings []roster.Problem, dir string) error {
	out := newPrinter(w, 0, false)
	var list []annotation
	for _, one := range warnings {
		list = append(list, annotation{one.At, Clean(one.Text, messageWidth)})
	}
	out.annotate("warning", list, "warnings: orgsync validate shows them all", dir)
	return out.flush()
}

// removalsFirst returns changes with those first that take something away: they must not be the
// ones that GitHub's limit hides.
func removalsFirst(changes []plan.Change) []plan.Change {
	rank := func(c plan.Change) int {
		if styleOf(c.Action).glyph == "-" {
			return 0
		}
		return 1
	}
	return slices.SortedStableFunc(slices.Values(changes),
		func(a, b plan.Change) int { return cmp.Compare(rank(a), rank(b)) })
}

// ErrorGitHub writes err as workflow commands of GitHub Actions: every problem of a roster at its
// place, and any other error as one command. Files are named relative to the folder dir. The error
// is w's.
func ErrorGitHub(w io.Writer, err error, dir string) error {
	out := newPrinter(w, 0, false)
	invalid, ok := errors.AsType[*roster.ProblemsError](err)
	if !ok {
		out.line(annotation{text: Clean(err.Error(), messageWidth)}.command("error", dir))
		return out.flush()
	}
	for _, p := range invalid.Problems {
		out.line(annotation{p.At, Clean(p.Text, messageWidth)}.command("error", dir))
	}
	return out.flush()
}

// annotation is a clean text at a place. The zero place is none; a column of 0 means the whole
// line.
type annotation struct {
	at   roster.Position
	text string
}

// annotate writes as many annotations as GitHub shows. When there are more, the last one says how
// many, of what, and where to see them.
func (p *printer) annotate(kind string, list []annotation, what, dir string) {
	shown := list
	if len(list) > maxAnnotations {
		shown = append(list[:maxAnnotations-1:maxAnnotations-1],
			annotation{text: fmt.Sprintf("… and %d more %s", len(list)-maxAnnotations+1, what)})
	}
	for _, a := range shown {
		p.line(a.command(kind, dir))
	}
}

// command returns a as one line that GitHub's runner acts on. The escapes are those of
// actions/toolkit, packages/core/src/command.ts.
func (a annotation) command(kind, dir string) string {
	var properties []string
	if file := commandProperty(filepath.ToSlash(relativeTo(dir, a.at.File))); a.at.File != "" && file != "" {
		properties = append(properties, "file="+file, fmt.Sprintf("line=%d", a.at.Line))
		if a.at.Column > 0 {
			properties = append(properties, fmt.Sprintf("col=%d", a.at.Column))
		}
	}
	head := "::" + kind
	if len(properties) > 0 {
		head += " " + strings.Join(properties, ",")
	}
	return head + "::" + commandText(a.text)
}

var (
	textEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func commandText(s string) string { return textEscapes.Replace(dropInvisible(s)) }

func commandProperty(s string) string { return propertyEscapes.Replace(dropInvisible(s)) }

// dropInvisible returns s without invisible characters other than line breaks.
func dropInvisible(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}

// relativeTo returns the path of file relative to the folder dir when it is inside dir, and file
// itself otherwise.
func relativeTo(dir, file string) string {
	full := file
	if !filepath.IsAbs(full) {
		full = filepath.Join(dir, file)
	}
	if inside, err := filepath.Rel(dir, full); err == nil && filepath.IsLocal(inside) {
		return inside
	}
	return file
}

// parseSource returns the place that a plan writes as file:line; the zero place when s is none.
func parseSource(s string) roster.Position {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return roster.Position{}
	}
	line, err := strconv.Atoi(s[i+1:])
	if err != nil {
		return roster.Position{}
	}
	return roster.Position{File: s[:i], Line: line}
}
