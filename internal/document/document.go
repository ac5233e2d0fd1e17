// Package document has results in words, and writes them as text, Markdown, a web page and annotations.
package document

import (
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/roster"
)

// A Document is one result in words, in no format yet. A builder such as report.PlanDocument makes it,
// and [WriteText], [WriteMarkdown], [WriteHTML] and [WriteGitHub] write it in a format.
//
// Texts hold the program's own words, and text from outside only as [OutsideWithin] returns it.
type Document struct {
	// Title names the command, as in "orgsync plan". A document with nothing but a summary has none.
	Title        string
	Organization org.Organization
	// Made is the server's time of the reading that the document is about; zero when there was none.
	Made time.Time
	// Summary is the result in one line.
	Summary string
	// NotSelected is a sentence on the changes that --only leaves out; "" when there are none.
	NotSelected string
	// Stopped is a sentence on why the run did not finish, and Next are sentences on what to do next.
	// Only Markdown has them: beside text, the error of the run and its hint say the same.
	Stopped string
	Next    []string
	// Blocks are in the order of text, whose end a terminal shows; a page, which is read from its
	// beginning, has the last one first.
	Blocks []Block
	// Nothing is true when nobody needs to read the document: Markdown and annotations are then empty,
	// so that a workflow can skip or delete its comment.
	Nothing bool
}

// A Block is a part of a document: a [Section], [Details], [Paragraph], [List], [Facts], [Table],
// [Command], [Problems], [Notices], [Tiles] or [Timeline].
type Block any

type (
	// A Section is blocks under a heading.
	Section struct {
		Title  string
		Blocks []Block
	}
	// Details are sections that are alike, such as one for each person. They are made when they are
	// needed: Markdown has room for a few.
	Details struct {
		Count   int
		Section func(i int) Section
	}
	// A Paragraph is sentences.
	Paragraph []string
	// A List is sentences that are alike.
	List []string
	// Facts are what is known about one thing.
	Facts []Fact
	// A Command is a command line to copy.
	Command string
)

// A Fact is a name and what it stands for.
type Fact struct {
	What string
	Cell
}

// A Table is rows of cells.
type Table struct {
	// Title and Caption are for a page. Text and Markdown do without.
	Title, Caption string
	Columns        []Column
	Rows           []Row
	// Groups are the titles of groups of rows, in order. Where rows name a group, Markdown has a table
	// for each; text has one table. A group that is not in Groups comes first.
	Groups []string
	// Headed is true when text has the heads of the columns too.
	Headed bool
	// Most is how many rows text and Markdown show; 0 is all of them.
	Most int
	// Complete is the output format that has all rows; "" is text.
	Complete string
}

// A Column is a column of a table.
type Column struct {
	Head string
	// Drop says when a narrow window leaves the column out: 1 goes first; 0 is never left out.
	Drop int
	// Min is the width that a narrow window may cut the cells to, in columns; 0 is never cut.
	Min int
	// Prose is true for the column of sentences, of which a table has at most one. It is folded in a
	// narrow window.
	Prose bool
	// NotOnPage is true for a column whose cells a page has as notes of other cells.
	NotOnPage bool
}

// A Row is a row of a table.
type Row struct {
	Group string
	Cells []Cell
	// People is how many people the row is about when they are several.
	People int
	// At is the place in the roster that an annotation has: "CHANGE PERSON: WHY", by the first three cells.
	At roster.Position
	// Urgent rows come first among annotations.
	Urgent bool
}

// A Cell is one text of a table.
type Cell struct {
	Text string
	// Glyph repeats the meaning of the text in one character for a terminal, Color in a colour.
	Glyph string
	Color Color
	// Page is what a page shows beyond the text; nil: nothing. It is apart because a plan may have 20,000 rows.
	Page *PageCell
}

// PageCell is what a page shows of a cell beyond its text.
type PageCell struct {
	// State is true for the state of a person, which is shown with a mark.
	State bool
	// Time is the time that the text is about; zero when it is about none.
	Time time.Time
	// Person is true for the address of a person. It is shown with Name, which may be "".
	Person bool
	Name   string
	// Notes are lines below the text, for which only a page has room.
	Notes []Cell
}

// Problems are problems of a roster or warnings about it, each with its place.
type Problems struct {
	List    []roster.Problem
	Warning bool
}

// Notices are notices in words, the most urgent first.
type Notices []NoticeGroup

// A NoticeGroup is one notice, or several of one kind.
type NoticeGroup struct {
	// Text is a sentence about all of them, and Items are the people it is about when it is about
	// several.
	Text  string
	Items []string
	Count int
	// Calm is true when nobody needs to act.
	Calm bool
	// Each has the sentence of each notice alone.
	Each []Annotation
}

// Tiles count people by state. Only a page shows them: the summary has the same numbers.
type Tiles []Tile

// A Tile counts the people in a state. A tile beside the others counts people who are not in the
// roster.
type Tile struct {
	Count         int
	Word, Meaning string
	Color         Color
	Beside        bool
}

// A Timeline shows when things end, soonest first. Only a page shows it: the table has the same
// times.
type Timeline struct {
	Title, Caption string
	From           time.Time
	Points         []TimePoint
}

// A TimePoint is a time and the people it is about.
type TimePoint struct {
	When   Cell
	People []Cell
}

// A Color is an ANSI colour; 0 is none.
type Color int

// The colours, by their number in a terminal.
const (
	Red    Color = 31
	Green  Color = 32
	Yellow Color = 33
	Faint  Color = 2
)

// The marks around text from outside. [printable.Clean] drops such characters, so that no text from outside
// holds one.
const (
	outsideBegin = "\x02"
	outsideEnd   = "\x03"
)

// Outside returns a name from outside, such as an address, as [OutsideWithin] does.
func Outside(s string) string { return OutsideWithin(s, AddressWidth) }

// OutsideMessage returns a sentence from outside as [OutsideWithin] does.
func OutsideMessage(s string) string { return OutsideWithin(s, MessageWidth) }

// OutsideWithin returns text from outside for use among a document's own words: cleaned, at most width
// columns wide, and marked, so that every format can escape it. It returns "" when nothing is left.
func OutsideWithin(s string, width int) string {
	if s = printable.CleanKeepingCommands(s, width); s == "" {
		return ""
	}
	return outsideBegin + s + outsideEnd
}

// escapeOutside returns text without its marks, with own applied to the document's own words and
// escape to each text from outside.
func escapeOutside(text string, own, escape func(string) string) string {
	var b strings.Builder
	for text != "" {
		words, rest, found := strings.Cut(text, outsideBegin)
		b.WriteString(own(words))
		if !found {
			break
		}
		said, rest, _ := strings.Cut(rest, outsideEnd)
		b.WriteString(escape(said))
		text = rest
	}
	return b.String()
}

// Plain returns text for a terminal or a log.
func Plain(text string) string {
	return escapeOutside(text, same, func(s string) string { return printable.Clean(s, len(s)+1) })
}

// same returns s: a document's own words have no markup, and no format escapes them but HTML.
func same(s string) string { return s }
