// Package document defines documents, and writes them as text, Markdown, a web page or annotations of
// GitHub.
package document

import (
	"math"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/roster"
)

// A Document is the result of a command in words. It does not depend on a format: [WriteText],
// [WriteMarkdown], [WriteHTML] and [WriteGitHub] write it in a format.
//
// The texts of a document are the program's own words. Text from outside may be in them only in the form that
// [MarkWithin] returns.
type Document struct {
	// Title names the command, as in "orgsync plan". It is "" if the document has only a summary.
	Title        string
	Organization org.Organization
	// ReadAt is the time of the server's clock at which the organization was read; zero if it was not
	// read.
	ReadAt time.Time
	// Summary is the result in one line.
	Summary string
	// NotSelected is a sentence about the changes that --only leaves out; "" if there are none.
	NotSelected string
	// Stopped is a sentence about the reason why the run did not finish. Next are sentences about
	// the next steps. Only Markdown shows both. Below text, the error of the run and its hint say the
	// same.
	Stopped string
	Next    []string
	// Blocks are in the order for a terminal, where people see the end first. A web page has the
	// last block first.
	Blocks []Block
	// Unneeded is true if nobody needs to read the document. Markdown and annotations are then empty,
	// so that a workflow can skip or delete its comment.
	Unneeded bool
}

// A Block is a part of a document: a [Section], [Details], [Paragraph], [List], [Facts], [Table],
// [Command], [Problems], [Notices], [Tiles] or [Timeline].
type Block any

type (
	// A Section is a part of a document with a heading.
	Section struct {
		Title  string
		Blocks []Block
	}
	// Details are similar sections, for example one for each person. Section makes section i when it
	// is needed: Markdown has room for only a few, and thousands of histories would need much memory.
	Details struct {
		Count   int
		Section func(i int) Section
	}
	// A Paragraph is a paragraph of sentences.
	Paragraph []string
	// A List is a bulleted list.
	List []string
	// Facts are the facts about a person.
	Facts []Fact
	// A Command is a command line to copy.
	Command string
)

// A Fact is a name with a value.
type Fact struct {
	Name string
	Cell
}

// A Table is a table with a title.
type Table struct {
	// Title and Caption appear only on a web page.
	Title, Caption string
	Columns        []Column
	Rows           []Row
	// Groups are the names of the groups of rows, in the order of Markdown, which has a table for each
	// group. A group that is not in Groups comes first. Text has one table for all groups.
	Groups []string
	// At returns the position of the annotation for row i; nil means that the annotations have none. The first three
	// cells of the row are the text of its annotation, in the form "CHANGE PERSON: WHY".
	At func(i int) roster.Position
	// ShowHeads is true if text also has the heads of the columns.
	ShowHeads bool
	// MaxRows is the maximum number of rows in text and Markdown; 0 means no maximum.
	MaxRows int
	// CompleteFormat is the output format that has all rows; "" means text.
	CompleteFormat string
}

// A Column is a column of a table.
type Column struct {
	Head string
	// Drop is the order in which columns are left out if the window is narrow: the column with 1 is
	// the first. A column with 0 always stays.
	Drop int
	// Min is the width to which cells may be cut if the window is narrow. If it is 0, the cells must not be cut.
	Min int
	// Prose is true for the column of sentences, which is folded if the window is narrow. A table
	// has at most one such column.
	Prose bool
	// NotOnPage is true if a web page does not have the column, because other cells have its texts
	// as notes.
	NotOnPage bool
}

// A Row is a row of a table.
type Row struct {
	Group string
	Cells []Cell
	// People is the number of people in the row; 0 means one person.
	People int
	// Urgent is true if the annotation comes before others.
	Urgent bool
}

// A Cell is a cell of a table.
type Cell struct {
	Text string
	// Glyph and Color repeat the meaning of the text on a terminal, as a character and as a colour. 0 means none.
	Glyph rune
	Color Color
	// Page has more about the cell for a web page. It is nil in most cells, to save memory, because
	// a plan may have 20,000 rows.
	Page *PageCell
}

// PageCell has more about a cell for a web page.
type PageCell struct {
	// State is true if the text is the state of a person, which has a mark on the page.
	State bool
	// Time is the time in the text; zero if the text has no time.
	Time time.Time
	// Person is true if the text is the address of a person. Name is the person's name; it may be "".
	Person bool
	Name   string
	// Notes are lines below the text.
	Notes []Cell
}

// Problems are problems of a roster or, if Warning is true, warnings about it.
type Problems struct {
	List    []roster.Problem
	Warning bool
}

// Notices are the groups of notices. The most urgent are the first.
type Notices []NoticeGroup

// A NoticeGroup is a notice, or several notices of one kind. There may be thousands of them, so a
// format asks only for the texts that it writes.
type NoticeGroup struct {
	// Text is a sentence about all notices of the group.
	Text  string
	Count int // the number of notices
	// Calm is true if nobody needs to act.
	Calm bool
	// Item returns the text of the notice i in a list below Text.
	Item func(i int) string
	// Annotation returns the sentence for the notice i alone.
	Annotation func(i int) Annotation
}

// Items returns the list below Text with at most limit notices, and the number of the other notices.
// If the group has only one notice, the list is empty, because Text already names the person.
func (g NoticeGroup) Items(limit int) (items []string, more int) {
	if g.Count == 1 {
		return nil, 0
	}
	for i := range min(g.Count, limit) {
		items = append(items, g.Item(i))
	}
	return items, g.Count - len(items)
}

// AllItems returns the list below Text with all notices.
func (g NoticeGroup) AllItems() []string {
	items, _ := g.Items(g.Count)
	return items
}

// Tiles are the numbers of people in each state. Only a web page shows them, because the summary has
// the same numbers.
type Tiles []Tile

// A Tile is the number of people in a state. If Unlisted is true, it is the number of people who are not
// in the roster.
type Tile struct {
	Count         int
	Word, Meaning string
	Color         Color
	Unlisted      bool
}

// A Timeline has points in time, the soonest first. Only a web page shows it, because the table has
// the same times.
type Timeline struct {
	Title, Caption string
	From           time.Time // the beginning of the line
	Points         []TimePoint
}

// A TimePoint is a time with the people who are affected then, for example because their invitations expire.
type TimePoint struct {
	When   Cell
	People []Cell
}

// A Color is an ANSI colour; 0 means no colour.
type Color uint8

// The colours. The values are the parameters of the ANSI sequence "Select Graphic Rendition".
const (
	Red    Color = 31
	Green  Color = 32
	Yellow Color = 33
	Faint  Color = 2
)

// The marks around text from outside. Such text cannot contain a mark, because [printable.Clean]
// removes these characters.
const (
	outsideBegin = "\x02"
	outsideEnd   = "\x03"
)

// MarkName calls [MarkWithin] with the width for an address or a name.
func MarkName(s string) string { return MarkWithin(s, AddressWidth) }

// MarkMessage calls [MarkWithin] with the width for a message.
func MarkMessage(s string) string { return MarkWithin(s, MessageWidth) }

// MarkWithin returns text from outside in the form for the texts of a document: cleaned, cut to
// width columns, and with marks around it, so that each format can escape it. It returns "" if the
// text has no printable characters.
func MarkWithin(s string, width int) string {
	if s = printable.CleanKeepingCommands(s, width); s == "" {
		return ""
	}
	return outsideBegin + s + outsideEnd
}

// escapeOutside returns text without the marks. It replaces the program's own words by the result of
// own, and each text from outside by the result of escape.
func escapeOutside(text string, own, escape func(string) string) string {
	escaped := "" // no strings.Builder: most texts have one part, and need no copy
	for text != "" {
		words, rest, found := strings.Cut(text, outsideBegin)
		escaped += own(words)
		if !found {
			break
		}
		said, rest, _ := strings.Cut(rest, outsideEnd)
		escaped += escape(said)
		text = rest
	}
	return escaped
}

// Plain returns text without the marks, for a terminal or a log.
func Plain(text string) string {
	return escapeOutside(text, same, func(s string) string { return printable.Clean(s, math.MaxInt) })
}

// same returns s. It is for the program's own words, which only HTML must escape.
func same(s string) string { return s }
