// Package printable makes text from outside fit to print, and lists of words.
package printable

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// terminal measures text regardless of the locale, so that a report is the same wherever it is
// printed.
var terminal = &runewidth.Condition{StrictEmojiNeutral: true}

// Width returns the columns that s takes in a terminal.
func Width(s string) int { return terminal.StringWidth(s) }

// RunnerCommand matches what old versions of GitHub's runner, Azure's and TeamCity's take for a command wherever it is
// in a line.
var RunnerCommand = regexp.MustCompile(`##[A-Za-z0-9]*\[`)

const ellipsis = "…"

// Clean returns s, which is text from outside (an address, a name, a note, a server's message), in
// a form that is safe to show on one line. It drops terminal sequences and control, bidirectional
// and other invisible characters, turns each run of white space into one space, and ends text that
// is wider than width columns in an ellipsis. A width below 1 gives "". It puts a space into
// anything that a CI runner would take for a command, such as "##[group]" or "::error::".
//
// All text from outside that reaches a terminal must pass through it.
func Clean(s string, width int) string { return clean(s, width, true) }

// CleanKeepingCommands returns what [Clean] returns, but leaves commands of a CI runner whole, for a format that
// escapes them.
func CleanKeepingCommands(s string, width int) string { return clean(s, width, false) }

// clean is Clean if breakCommands is true, else CleanKeepingCommands.
func clean(s string, width int, breakCommands bool) string {
	if len(s) <= width && isClean(s) {
		return s // nearly every text
	}
	var b strings.Builder
	space := false
	for len(s) > 0 {
		if n := escapeSequenceLen(s); n > 0 {
			s = s[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s) // an invalid byte is decoded as U+FFFD, which can be shown
		s = s[n:]
		if unicode.IsSpace(r) {
			space = b.Len() > 0 // no space at the beginning
			continue
		}
		if !unicode.IsPrint(r) {
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	text := b.String()
	if breakCommands {
		text = commands.ReplaceAllString(text, "$1$3 $2$4")
	}
	return truncate(text, width)
}

// commands matches the beginnings of commands to CI runners. GitHub's and Azure's runners look for "##[" and "##vso["
// anywhere in a line (actions/runner, ActionCommand.TryParse), TeamCity's for "##teamcity[". GitHub's also looks for
// "::name" at the beginning of a line, which any word of a report may be.
var commands = regexp.MustCompile(`(##[A-Za-z0-9]*)(\[)|((?:^| )::)([A-Za-z])`)

// isClean reports whether s certainly has nothing to be cleaned: it is ASCII, with single spaces between words only,
// and without the characters that begin commands to CI runners.
func isClean(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) &&
		!strings.HasPrefix(s, " ") && !strings.HasSuffix(s, " ") &&
		!strings.Contains(s, "  ") && !strings.Contains(s, "::") && !strings.Contains(s, "##")
}

// RuneWidth returns the columns that r counts as, at least 1. A mark without a width of its own counts as one:
// otherwise a thousand of them on one letter would count as a single column.
func RuneWidth(r rune) int { return max(1, terminal.RuneWidth(r)) }

// truncate returns clean text, cut with an ellipsis at its end if it is wider than width columns.
func truncate(s string, width int) string {
	columns, cut := 0, 0 // cut is the end of the text that fits beside an ellipsis
	for i, r := range s {
		if columns < width {
			cut = i
		}
		if columns += RuneWidth(r); columns > width {
			if width < 1 {
				return ""
			}
			return strings.TrimRight(s[:cut], " ") + ellipsis
		}
	}
	return s
}

// escapeSequenceLen returns the length in bytes of the terminal sequence that s begins with; 0 if
// it begins with none (ECMA-48, 5.4 and 5.6). A sequence without an end counts only as far as it is
// valid, and never beyond its line, so that it cannot swallow the text after it.
func escapeSequenceLen(s string) int {
	var rest string
	switch {
	case strings.HasPrefix(s, "\x1b["), strings.HasPrefix(s, "\u009b"): // control sequence
		rest = s[2:]
		rest = strings.TrimLeft(rest, "0123456789:;<=>?")
		rest = strings.TrimLeft(rest, " !\"#$%&'()*+,-./")
		if rest != "" && rest[0] >= 0x40 && rest[0] <= 0x7e {
			rest = rest[1:]
		}
	case len(s) > 1 && s[0] == '\x1b' && strings.IndexByte("]P^_X", s[1]) >= 0: // control string: a title or a link
		rest = s[2:]
		end := strings.IndexAny(rest, "\a\x1b\u009c\r\n")
		switch {
		case end < 0:
			return 2 // without an end, only the introducer is dropped
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

// IsAlphanumeric reports whether r is an ASCII letter or digit.
func IsAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// JoinOr returns words, at least one, with commas between them and "or" before the last one.
func JoinOr(words []string) string { return joinWords(words, " or ") }

// JoinAnd returns words, at least one, with commas between them and "and" before the last one.
func JoinAnd(words []string) string { return joinWords(words, " and ") }

func joinWords(words []string, last string) string {
	n := len(words) - 1
	if n == 0 {
		return words[0]
	}
	return strings.Join(words[:n], ", ") + last + words[n]
}
