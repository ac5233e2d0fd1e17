package document

import "testing"

func TestCode(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"address", "ada@example.com", "`ada@example.com`"},
		{"nothing", "", ""},
		{"only what cannot be seen", "\x1b[31m\u202e", ""},
		{"HTML", "<b>&amp;<!-- x -->", "`<b>&amp;<!-- x -->`"},
		{"mention", "@octocat", "`@octocat`"},
		{"backtick", "a`@b", "<code>a&#96;&#64;b</code>"},
		{"pipe", "a|b", "<code>a&#124;b</code>"},
		{"backslash", `a\`, "<code>a&#92;</code>"},
		{"the end of the element", "`</code>", "<code>&#96;&#60;&#47;code&#62;</code>"},
		{"old command", "##[add-mask]x", "<code>&#35;&#35;&#91;add&#45;mask&#93;x</code>"},
		{"lines", "a\n\n# b", "`a # b`"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := markdown(MarkWithin(tt.in, 80)); got != tt.want {
				t.Errorf("code(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}
