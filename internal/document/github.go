package document

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/orgsync/orgsync/internal/roster"
)

// maxAnnotations is the number of annotations of each kind that GitHub shows for a step. It silently
// drops further annotations.
const maxAnnotations = 10

// WriteGitHub writes d as workflow commands of GitHub Actions, which annotate lines of the roster:
//   - a notice of GitHub for each change, the most urgent first
//   - a warning for each notice of d that somebody should act on
//   - an error for each problem of the roster, and a warning for each warning about it
//
// It writes all errors, but only as many notices and warnings as GitHub shows. The names of files
// become relative to the folder dir. The error is from w.
func WriteGitHub(w io.Writer, d Document, dir string) error {
	out := newPrinter(w, 0, false)
	var changes, warnings annotations
	for _, b := range d.Blocks {
		switch b := b.(type) {
		case Table:
			for _, urgent := range []bool{true, false} {
				for i, r := range b.Rows {
					if r.Urgent != urgent {
						continue
					}
					changes.add(1, func(int) Annotation {
						a := Annotation{Text: Capitalize(r.Cells[0].Text) + " " + r.Cells[1].Text + ": " + r.Cells[2].Text}
						if b.At != nil {
							a.At = b.At(i)
						}
						return a
					})
				}
			}
		case Notices:
			for _, g := range b {
				if !g.Calm {
					warnings.add(g.Count, g.Annotation)
				}
			}
		case Problems:
			for _, one := range b.List {
				a := Annotation{one.At, MarkMessage(one.Text)}
				if b.Warning {
					warnings.add(1, func(int) Annotation { return a })
				} else {
					out.line(a.command("error", dir))
				}
			}
		}
	}
	out.annotate("notice", changes, "changes", dir)
	out.annotate("warning", warnings, "warnings", dir)
	return out.w.Flush()
}

// Annotation is a text about a position in a roster. If the position is zero, the annotation has none.
// If its column is 0, the annotation is about the whole line.
type Annotation struct {
	At   roster.Position
	Text string
}

// annotations has the annotations of one kind: as many as GitHub shows, and the number of all.
type annotations struct {
	first []Annotation
	count int
}

// add adds n annotations. It calls one only for those that GitHub shows.
func (list *annotations) add(n int, one func(i int) Annotation) {
	for i := range min(n, maxAnnotations-len(list.first)) {
		list.first = append(list.first, one(i))
	}
	list.count += n
}

// annotate writes as many annotations of list as GitHub shows. If there are more, the last one says
// how many more there are. nouns is the plural of the things in list.
func (p *printer) annotate(kind string, list annotations, nouns, dir string) {
	shown := list.first
	if list.count > maxAnnotations {
		more := list.count - maxAnnotations + 1
		text := fmt.Sprintf("… and %d more %s: --output text shows them all", more, nouns)
		shown[maxAnnotations-1] = Annotation{Text: text}
	}
	for _, a := range shown {
		p.line(a.command(kind, dir))
	}
}

// command returns the workflow command for a, which is one line. The escapes are from
// packages/core/src/command.ts in actions/toolkit.
func (a Annotation) command(kind, dir string) string {
	var properties []string
	file := propertyEscapes.Replace(dropInvisible(filepath.ToSlash(relativeTo(dir, a.At.File))))
	if a.At.File != "" && file != "" {
		properties = append(properties, "file="+file, fmt.Sprintf("line=%d", a.At.Line))
		if a.At.Column > 0 {
			properties = append(properties, fmt.Sprintf("col=%d", a.At.Column))
		}
	}
	head := "::" + kind
	if len(properties) > 0 {
		head += " " + strings.Join(properties, ",")
	}
	return head + "::" + textEscapes.Replace(dropInvisible(Plain(a.Text)))
}

var (
	textEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// dropInvisible returns s without invisible characters other than line breaks.
func dropInvisible(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}

// relativeTo returns the path of file relative to the folder dir. If file is not inside dir, it
// returns file.
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
