package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// terminal measures text without looking at the locale, so that a report is the same wherever it is printed.
var terminal = &runewidth.Condition{StrictEmojiNeutral: true}

const ellipsis = "…"

// Clean makes text from outside (addresses, names, notes, a server's messages) fit to be shown on one line: terminal
// sequences and control, bidirectional and other invisible characters are dropped, every run of white space becomes
// one space, and what is wider than width columns ends in an ellipsis. A width below 1 gives "". Where a CI runner would take
// a part of it for a command, such as "##[group]" or "::error::", a space is put in.
//
// It is the only way by which such text reaches a terminal.
func Clean(s string, width int) string { return clean(s, width, true) }

// clean is Clean; apart says whether commands are taken apart.
func clean(s string, width int, apart bool) string {
	var b strings.Builder
	columns, space := 0, false
	for len(s) > 0 {
		if n := sequence(s); n > 0 {
			s = s[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s) // a broken byte is read as U+FFFD, which can be shown
		s = s[n:]
		if unicode.IsSpace(r) {
			space = b.Len() > 0 // none at the beginning
			continue
		}
		if !unicode.IsPrint(r) {
			continue
		}
		if apart && opensCommand(b.String(), space, r) {
			space = true
		}
		need := cost(r)
		if space {
			need++
		}
		if columns+need > width {
			return cut(b.String(), width)
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
		columns += need
	}
	return b.String()
}

// opensCommand reports whether r, after text and perhaps a space, makes what a CI runner takes for the beginning of a command.
// GitHub's and Azure's look for "##[" and "##vso[" anywhere in a line (actions/runner, ActionCommand.TryParse), TeamCity for
// "##teamcity["; GitHub's looks for "::name" where a line begins, which any word may do in a report.
func opensCommand(text string, space bool, r rune) bool {
	isLetter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	switch {
	case space:
		return false
	case r == '[':
		return strings.HasSuffix(strings.TrimRightFunc(text, isAlphanumeric), "##")
	case isLetter:
		before, found := strings.CutSuffix(text, "::")
		return found && (before == "" || strings.HasSuffix(before, " "))
	}
	return false
}

// cost is the columns that r is counted as. Marks without a width of their own count as one: a thousand of them on one
// letter would otherwise pass for a single column.
func cost(r rune) int { return max(1, terminal.RuneWidth(r)) }

// cut ends clean text with an ellipsis so that both fit into width.
func cut(s string, width int) string {
	if width < 1 {
		return ""
	}
	columns := 1
	for i, r := range s {
		if columns += cost(r); columns > width {
			s = s[:i]
			break
		}
	}
	return strings.TrimRight(s, " ") + ellipsis
}

// sequence is the length of the terminal sequence that s begins with, 0 if it begins with none (ECMA-48, 5.4 and 5.6).
// A sequence that does not end counts up to where it breaks off: no further than a line, so that a stray one cannot
// swallow what follows.
func sequence(s string) int {
	var rest string
	switch {
	case strings.HasPrefix(s, "\x1b["), strings.HasPrefix(s, "\u009b"): // control sequence
		rest = s[2:]
		rest = strings.TrimLeft(rest, "0123456789:;<=>?")
		rest = strings.TrimLeft(rest, " !\"#$%&'()*+,-./")
		if rest != "" && rest[0] >= 0x40 && rest[0] <= 0x7e {
			rest = rest[1:]
		}
	case len(s) > 1 && s[0] == '\x1b' && strings.IndexByte("]P^_X", s[1]) >= 0: // a string: title, link and the like
		rest = s[2:]
		end := strings.IndexAny(rest, "\a\x1b\u009c\r\n")
		switch {
		case end < 0:
			return 2 // without an end it is only an introducer
		case strings.HasPrefix(rest[end:], "\x1b\\"), strings.HasPrefix(rest[end:], "\u009c"):
			rest = rest[end+2:]
		case rest[end] == '\a':
			rest = rest[end+1:]
		default:
			rest = rest[end:]
		}
	default:
		return 0
	}
	return len(s) - len(rest)
}
