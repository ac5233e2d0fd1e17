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

// The rules of a page:
//   - It is one file that loads nothing: no script, picture or font. Its one style sheet is allowed
//     by its hash and everything else is refused (Content Security Policy, level 3), so no element
//     has a style attribute.
//   - Text from outside is cleaned, and appears between tags, never inside one; it is escaped.
//   - Colour only repeats what a word says.
//   - A table that becomes a list on a phone states its ARIA roles: browsers drop them when CSS
//     changes the layout of a table.

//go:embed page/page.html.tmpl
var pageMarkup string

//go:embed page/page.css
var pageStyle string

// pageTemplate is parsed when it is first asked for, so that other commands do not wait for it.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"html": pageText, "kind": blockKind, "table": pageTable, "tone": Color.tone, "stamp": stamp, "head": Capitalize,
		"timeline": newPageTimeline, "bar": tileShares,
	}).Parse(pageMarkup))
})

// WriteHTML writes d, the document of status, as a web page of one file, for screens of any width and for paper. It
// writes nothing when the page cannot be made; any other error is w's. A page has no lists, commands and problems.
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

// page holds what the template shows.
type page struct {
	Document
	Style    template.CSS
	Policy   string
	Tiles    Tiles
	Sections []pageSection
}

// Name returns the name of the organization or, when it has none, its id.
func (p page) Name() string {
	return cmp.Or(printable.Clean(p.Organization.Name, AddressWidth), printable.Clean(p.Organization.ID, AddressWidth),
		"without a name")
}

// ID returns the id of the organization.
func (p page) ID() string { return Outside(p.Organization.ID) }

// MadeAt returns the time of the reading.
func (p page) MadeAt() Cell { return TimeCell(p.Made) }

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

// blockKind returns the name of b's type.
func blockKind(b Block) string { return strings.TrimPrefix(fmt.Sprintf("%T", b), "document.") }

// pageText returns text for a page. Text from outside is isolated, so that text that runs from right
// to left does not reorder the words around it.
func pageText(text string) template.HTML {
	return template.HTML(escapeOutside(text, template.HTMLEscapeString, func(s string) string {
		s = Plain(OutsideWithin(s, 2*len(s)))
		if strings.Contains(s, "@") && !strings.Contains(s, " ") {
			return "<bdi>" + pageAddress(s) + "</bdi>"
		}
		return "<bdi>" + template.HTMLEscapeString(s) + "</bdi>"
	}))
}

// maxPiece is the number of characters up to which a piece of an address stays on one line.
const maxPiece = 24

// pageAddress returns an address that is broken only after "@" and ".", where it has to be broken.
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

// stamp returns t for machines.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// tone returns the class of the style sheet for c.
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

// pageTable returns t with the columns that a page shows.
func pageTable(t Table) Table {
	rows := t.Rows
	var columns []int
	for _, i := range t.columnsWithText() {
		if !t.Columns[i].NotOnPage {
			columns = append(columns, i)
		}
	}
	pick := func(i int) Column { return t.Columns[i] }
	t.Columns, t.Rows = Mapped(columns, pick), nil
	for _, r := range rows {
		t.Rows = append(t.Rows, Row{Cells: Mapped(columns, func(i int) Cell { return r.Cells[i] })})
	}
	return t
}

// tileShare places a tile in a bar of all people, in percent.
type tileShare struct {
	Tile
	Start, Share float64
}

func tileShares(tiles Tiles) []tileShare {
	total := 0
	for _, t := range tiles {
		if !t.Beside {
			total += t.Count
		}
	}
	var shares []tileShare
	start := 0.0
	for _, t := range tiles {
		if !t.Beside {
			share := 100 * float64(t.Count) / float64(total)
			shares = append(shares, tileShare{t, start, share})
			start += share
		}
	}
	return shares
}

// pageTimeline is a timeline with places in percent of its length.
type pageTimeline struct {
	Timeline
	Ticks  []tick
	Places []float64
}

// tick is midnight of a day on the timeline.
type tick struct {
	At            float64
	Label, Anchor string
}

// newPageTimeline returns t from its beginning to its last point. It is at least as long as an
// invitation is valid.
func newPageTimeline(t Timeline) pageTimeline {
	length := org.InvitationLife
	for _, p := range t.Points {
		length = max(length, p.When.Page.Time.Sub(t.From))
	}
	place := func(at time.Time) float64 { return 100 * max(0, float64(at.Sub(t.From))/float64(length)) }
	placeOf := func(p TimePoint) float64 { return place(p.When.Page.Time) }
	return pageTimeline{t, dayTicks(t.From, length, place), Mapped(t.Points, placeOf)}
}

// dayTicks returns the midnights on a timeline, or as many of them as there is room for.
func dayTicks(from time.Time, length time.Duration, place func(time.Time) float64) []tick {
	const most, day = 4, 24 * time.Hour
	step := (length/day + most - 1) / most * day
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
