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

// isASCII reports whether s has only ASCII characters that can be shown.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

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
	columns, space := 0, false
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
		if breakCommands && opensCommand(b.String(), space, r) {
			space = true
		}
		need := RuneWidth(r)
		if space {
			need++
		}
		if columns+need > width {
			return truncate(b.String(), width)
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

// isClean reports whether s certainly has nothing to be cleaned: it is ASCII, with single spaces between words only,
// and without the characters that begin commands to CI runners.
func isClean(s string) bool {
	return isASCII(s) && !strings.HasPrefix(s, " ") && !strings.HasSuffix(s, " ") &&
		!strings.Contains(s, "  ") && !strings.Contains(s, "::") && !strings.Contains(s, "##")
}

// opensCommand reports whether r completes the beginning of a command to a CI runner, after text
// and perhaps a space. GitHub's and Azure's runners look for "##[" and "##vso[" anywhere in a line
// (actions/runner, ActionCommand.TryParse), TeamCity's for "##teamcity[". GitHub's also looks for
// "::name" at the beginning of a line, which any word of a report may be.
func opensCommand(text string, space bool, r rune) bool {
	isLetter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	switch {
	case space:
		return false
	case r == '[':
		return strings.HasSuffix(strings.TrimRightFunc(text, IsAlphanumeric), "##")
	case isLetter:
		before, found := strings.CutSuffix(text, "::")
		return found && (before == "" || strings.HasSuffix(before, " "))
	}
	return false
}

// RuneWidth returns the columns that r counts as, at least 1. A mark without a width of its own counts as one:
// otherwise a thousand of them on one letter would count as a single column.
func RuneWidth(r rune) int { return max(1, terminal.RuneWidth(r)) }

// truncate returns clean text cut so that it fits into width columns with an ellipsis at its end.
func truncate(s string, width int) string {
	if width < 1 {
		return ""
	}
	columns := 1
	for i, r := range s {
		if columns += RuneWidth(r); columns > width {
			s = s[:i]
			break
		}
	}
	return strings.TrimRight(s, " ") + ellipsis
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
