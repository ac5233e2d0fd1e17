package printable

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/orgsync/orgsync/internal/printable/printabletest"
)

func TestClean(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		width    int
		want     string
	}{
		{"plain", "ada@example.com", 40, "ada@example.com"},
		{"colour", "\x1b[31mred\x1b[0m", 40, "red"},
		{"8-bit colour", "\u009b31mred", 40, "red"},
		{"window title", "a\x1b]0;owned\ab", 40, "ab"},
		{"link", "\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\", 40, "text"},
		{"string without an end", "\x1b]0;all the rest", 40, "0;all the rest"},
		{"string cut by a line", "\x1b]0;a\nb", 40, "b"},
		{"lone escape", "a\x1bb", 40, "ab"},
		{"clear screen", "a\x1b[2Jb\x1b[1;1Hc", 40, "abc"},
		{"lines", "first\r\nsecond\tthird", 40, "first second third"},
		{"line separators", "a\u2028b\u2029c\u0085d", 40, "a b c d"},
		{"carriage return hides", "bad\rgood", 40, "bad good"},
		{"backspace", "ab\b\bcd", 40, "abcd"},
		{"bidirectional", "a\u202egpj.exe\u202c\u2066b\u2069\u200f", 40, "agpj.exeb"},
		{"zero width", "a\u200bd\u00ada\ufeff", 40, "ada"},
		{"tags", "a\U000e0041b", 40, "ab"},
		{"broken bytes", "a\xffb", 40, "a\ufffdb"},
		{"spaces", "  a   b  ", 40, "a b"},
		{"just fits", "abcde", 5, "abcde"},
		{"too long", "abcdef", 5, "abcd…"},
		{"too long after a space", "abc def", 5, "abc…"},
		{"wide letters", "日本語", 6, "日本語"},
		{"wide letters cut", "日本語", 5, "日本…"},
		{"accent as a mark", "e\u0301", 40, "e\u0301"},
		{"heap of marks", "e" + strings.Repeat("\u0301", 50), 4, "e\u0301\u0301…"},
		{"command of an old runner", "a ##[add-mask]b ##[group]c", 40, "a ## [add-mask]b ## [group]c"},
		{"command of Azure", "x##vso[task.setvariable]y", 40, "x##vso [task.setvariable]y"},
		{"command that becomes one", "#\u200b#\u00ad[error]a", 40, "## [error]a"},
		{"command too long", "abc##[d]", 7, "abc##…"},
		{"command of a runner", "::error file=x::y\n::add-mask::z", 60, ":: error file=x::y :: add-mask::z"},
		{"command after white space", " \t\r ::stop-commands::x", 60, ":: stop-commands::x"},
		{"colons that are no command", "a::b [::1]:443 ::1 # # [x] #[y] ##", 60, "a::b [::1]:443 ::1 # # [x] #[y] ##"},
		{"no room", "abc", 0, ""},
		{"nothing", "", 5, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Clean(tt.in, tt.width); got != tt.want {
				t.Errorf("Clean(%q, %d) = %q, want %q", tt.in, tt.width, got, tt.want)
			}
		})
	}
}

// runnerCommand matches a command to the runner of GitHub, Azure or TeamCity in a line of a log.
var runnerCommand = regexp.MustCompile(`##[A-Za-z]*\[|(?:^|\s)::[A-Za-z]`)

func FuzzClean(f *testing.F) {
	for _, s := range printabletest.Hostile {
		f.Add(s, 200)
	}
	for _, s := range []string{"ada@example.com", "\x1b[31mred", "\x1b]0;t\ab", "a\r\nb", "\u202ea", "日本語", "\xff",
		" a  b ", "\u009b1m"} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, width int) {
		width = min(width, 1000)
		got := Clean(s, width)
		if !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8", got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Errorf("%q holds %U", got, r)
			}
		}
		if w := Width(got); w > max(0, width) {
			t.Errorf("%q is %d columns wide, more than %d", got, w, width)
		}
		if command := runnerCommand.FindString(got); command != "" {
			t.Errorf("%q holds the command %q", got, command)
		}
		if again := Clean(got, width); again != got {
			t.Errorf("cleaned again %q becomes %q", got, again)
		}
	})
}
