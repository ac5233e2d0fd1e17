// Package printable makes text from outside safe to print, and joins words into lists.
package printable

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// terminal measures text. It does not depend on the locale, so that a report is the same everywhere.
var terminal = &runewidth.Condition{StrictEmojiNeutral: true}

// Width returns the number of columns that s needs on a terminal.
func Width(s string) int { return terminal.StringWidth(s) }

// RunnerCommand matches the beginning of a command anywhere in a line to some CI runners: those of
// Azure and TeamCity, and old versions of GitHub's runner.
var RunnerCommand = regexp.MustCompile(`##[A-Za-z0-9]*\[`)

const ellipsis = "…"

// Clean returns s in a form that is safe to print on one line. s is text from outside: an address, a
// name, a note or a message of a server. Clean removes terminal sequences and control, bidirectional
// and other invisible characters. It replaces each sequence of white space by one space. It cuts text
// that is wider than width columns, and puts an ellipsis at the end. If width is below 1, the result is
// "". It puts a space into text that a CI runner would recognize as a command, such as "##[group]" or
// "::error::".
//
// All text from outside must pass through Clean before it reaches a terminal.
func Clean(s string, width int) string { return clean(s, width, true) }

// CleanKeepingCommands is like [Clean], but does not put a space into commands to a CI runner. It is
// for formats that escape such commands.
func CleanKeepingCommands(s string, width int) string { return clean(s, width, false) }

func clean(s string, width int, breakCommands bool) string {
	if len(s) <= width && isClean(s) {
		return s // a fast path, because nearly every text is clean
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
			space = b.Len() > 0 // a result never begins with a space
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

// commands matches the beginnings of commands to CI runners. The runners of GitHub and Azure look for
// "##[" and "##vso[" anywhere in a line (actions/runner, ActionCommand.TryParse). The runner of
// TeamCity looks for "##teamcity[". GitHub's runner also looks for "::name" at the beginning of a line;
// here, "::name" also matches after a space, because each word of a report may begin a line.
var commands = regexp.MustCompile(`(##[A-Za-z0-9]*)(\[)|((?:^| )::)([A-Za-z])`)

// isClean reports whether s is certainly clean. Such text has only printable ASCII characters, single
// spaces only between words, and no "::" or "##", which may begin a command to a CI runner.
func isClean(s string) bool {
	for i := range len(s) {
		c := s[i]
		isRepeated := i > 0 && c == s[i-1]
		if c < ' ' || c > '~' || isRepeated && (c == ' ' || c == ':' || c == '#') {
			return false
		}
	}
	return !strings.HasPrefix(s, " ") && !strings.HasSuffix(s, " ")
}

// RuneWidth returns the number of columns that r counts as, at least 1. A combining mark, which has no
// width, counts as 1. Otherwise, a letter with a thousand marks would count as a single column.
func RuneWidth(r rune) int { return max(1, terminal.RuneWidth(r)) }

// truncate returns clean text. If it is wider than width columns, truncate cuts it and puts an ellipsis
// at the end.
func truncate(s string, width int) string {
	columns, cut := 0, 0 // cut is the end of the text before the ellipsis
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

// escapeSequenceLen returns the length in bytes of the terminal sequence at the beginning of s; 0 if
// there is none (ECMA-48, 5.4 and 5.6). If the sequence does not end, only its valid part counts, and
// never more than the line. Otherwise, the text after it would be lost.
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
			return 2 // the string has no end: only the two characters that begin it count
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

// JoinOr returns words with commas between them, and "or" before the last word. There must be at least
// one word.
func JoinOr(words []string) string { return joinWords(words, " or ") }

// JoinAnd returns words with commas between them, and "and" before the last word. There must be at
// least one word.
func JoinAnd(words []string) string { return joinWords(words, " and ") }

func joinWords(words []string, last string) string {
	n := len(words) - 1
	if n == 0 {
		return words[0]
	}
	return strings.Join(words[:n], ", ") + last + words[n]
}
