package document

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed" // for the page
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/printable"
)

// The rules of a web page:
//   - It is one file that loads nothing: no script, picture or font. The Content Security Policy
//     (level 3) allows only the style sheet, by its hash. No element may have a style attribute.
//   - Text from outside is cleaned and escaped. It appears only between tags, never inside a tag.
//   - Colour only repeats the meaning of a word.
//   - A table that becomes a list on a phone has explicit ARIA roles, because browsers drop the
//     implicit roles if CSS changes the layout of a table.

//go:embed page/page.html.tmpl
var pageMarkup string

//go:embed page/page.css
var pageStyle string

// pageTemplate parses the template at the first call, so that other commands do not wait for it.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"html": pageText, "kind": blockKind, "table": pageTable, "tone": Color.tone, "stamp": stamp, "head": Capitalize,
		"timeline": newPageTimeline, "bar": tileShares,
	}).Parse(pageMarkup))
})

// WriteHTML writes d as a web page in one file, for screens of any width and for paper. d must be the
// document of 'orgsync status': a page has no lists, commands and problems. The error is from w, or
// says that the page cannot be made; WriteHTML then writes nothing.
func WriteHTML(w io.Writer, d Document) error {
	sum := sha256.Sum256([]byte(pageStyle))
	policy := fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'",
		base64.StdEncoding.EncodeToString(sum[:]))
	p := page{Style: template.CSS(pageStyle), Policy: policy, Document: d}
	for _, b := range slices.Backward(d.Blocks) {
		if tiles, ok := b.(Tiles); ok {
			p.Tiles = tiles
			continue
		}
		p.Sections = append(p.Sections, newPageSection(b, len(p.Sections)))
	}
	var buf bytes.Buffer
	if err := pageTemplate().Execute(&buf, p); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	_, err := w.Write(buf.Bytes())
	return err
}

// page is the data of the template.
type page struct {
	Document
	Style    template.CSS
	Policy   string
	Tiles    Tiles
	Sections []pageSection
}

// Name returns the name of the organization or, if it has none, the id.
func (p page) Name() string {
	return cmp.Or(printable.Clean(p.Organization.Name, AddressWidth), printable.Clean(p.Organization.ID, AddressWidth),
		"without a name")
}

// ID returns the id of the organization.
func (p page) ID() string { return MarkName(p.Organization.ID) }

// ReadAtCell returns the time at which the organization was read.
func (p page) ReadAtCell() Cell { return TimeCell(p.ReadAt) }

// pageSection is a part of the page under a heading.
type pageSection struct {
	Number int
	Title  string
	Blocks []Block
}

func newPageSection(b Block, number int) pageSection {
	s := pageSection{Number: number, Blocks: []Block{b}}
	switch b := b.(type) {
	case Section:
		s.Title, s.Blocks = b.Title, b.Blocks
	case Table:
		s.Title = b.Title
	case Timeline:
		s.Title = b.Title
	case Notices:
		s.Title = "Notices"
	case Details:
		s.Title = "Details"
	}
	return s
}

// blockKind returns the name of the type of b, for example "Table".
func blockKind(b Block) string { return strings.TrimPrefix(fmt.Sprintf("%T", b), "document.") }

// pageText returns text as HTML. Text from outside is in a bdi element, so that text from right to
// left does not change the order of the words around it.
func pageText(text string) template.HTML {
	return template.HTML(escapeOutside(text, template.HTMLEscapeString, func(s string) string {
		s = Plain(MarkWithin(s, 2*len(s))) // s may still have commands to CI runners: Plain removes them
		if strings.Contains(s, "@") && !strings.Contains(s, " ") {
			return "<bdi>" + pageAddress(s) + "</bdi>"
		}
		return "<bdi>" + template.HTMLEscapeString(s) + "</bdi>"
	}))
}

// maxPiece is the maximum number of characters in a piece of an address that stays on one line.
const maxPiece = 24

// pageAddress returns an address as HTML that a browser breaks only after "@" and ".". A piece longer
// than maxPiece may be broken anywhere.
func pageAddress(s string) string {
	var b strings.Builder
	for s != "" {
		piece := s
		if i := strings.IndexAny(s, "@."); i >= 0 {
			piece = s[:i+1]
		}
		s = s[len(piece):]
		shown := template.HTMLEscapeString(piece)
		if utf8.RuneCountInString(piece) <= maxPiece {
			shown = `<span class="piece">` + shown + "</span>"
		}
		b.WriteString(shown)
		if s != "" {
			b.WriteString("<wbr>")
		}
	}
	return b.String()
}

// stamp returns t in the form of the attribute datetime.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// tone returns the class for c in the style sheet.
func (c Color) tone() string {
	switch c {
	case Red:
		return "bad"
	case Yellow:
		return "wait"
	case Green:
		return "good"
	default:
		return "calm"
	}
}

// pageTable returns t with only the columns that a page shows.
func pageTable(t Table) Table {
	rows := t.Rows
	var columns []int
	for _, i := range t.columnsWithText() {
		if !t.Columns[i].NotOnPage {
			columns = append(columns, i)
		}
	}
	pick := func(i int) Column { return t.Columns[i] }
	t.Columns, t.Rows = Map(columns, pick), nil
	for _, r := range rows {
		t.Rows = append(t.Rows, Row{Cells: Map(columns, func(i int) Cell { return r.Cells[i] })})
	}
	return t
}

// tileShare is the part of a tile in a bar of all people. Start and Share are in percent of the length
// of the bar.
type tileShare struct {
	Tile
	Start, Share float64
}

func tileShares(tiles Tiles) []tileShare {
	total := 0
	for _, t := range tiles {
		if !t.Unlisted {
			total += t.Count
		}
	}
	var shares []tileShare
	start := 0.0
	for _, t := range tiles {
		if !t.Unlisted {
			share := 100 * float64(t.Count) / float64(total)
			shares = append(shares, tileShare{t, start, share})
			start += share
		}
	}
	return shares
}

// pageTimeline is a timeline with the places of its points and ticks, in percent of its length.
type pageTimeline struct {
	Timeline
	Ticks  []tick
	Places []float64 // of the points
}

// tick marks a midnight (UTC) on a timeline.
type tick struct {
	At            float64 // the place, in percent
	Label, Anchor string
}

// newPageTimeline returns t as a line from t.From to the last point. The line is at least as long as
// an invitation is valid.
func newPageTimeline(t Timeline) pageTimeline {
	length := org.InvitationLife
	for _, p := range t.Points {
		length = max(length, p.When.Page.Time.Sub(t.From))
	}
	place := func(at time.Time) float64 { return 100 * max(0, float64(at.Sub(t.From))/float64(length)) }
	placeOf := func(p TimePoint) float64 { return place(p.When.Page.Time) }
	return pageTimeline{t, dayTicks(t.From, length, place), Map(t.Points, placeOf)}
}

// dayTicks returns ticks for the midnights on a timeline. If there are too many midnights, it leaves
// some out at regular distances.
func dayTicks(from time.Time, length time.Duration, place func(time.Time) float64) []tick {
	const maxTicks, day = 4, 24 * time.Hour
	step := (length/day + maxTicks - 1) / maxTicks * day
	var ticks []tick
	for t := from.UTC().Truncate(day).Add(day); !t.After(from.Add(length)); t = t.Add(step) {
		at, anchor := place(t), "middle"
		switch {
		case at < 8:
			anchor = "start"
		case at > 92:
			anchor = "end"
		}
		ticks = append(ticks, tick{at, t.Format("Mon 2"), anchor})
	}
	return ticks
}
