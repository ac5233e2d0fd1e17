// Package printabletest has texts that try to act on the program that shows them, for tests.
package printabletest

// Hostile are such texts. Every fuzz target starts from them.
var Hostile = []string{
	"ada@example.com",
	"\x1b[31mred\x1b[0m \x1b]0;title\a \u009b2J",
	"a\u202egpj.exe\u2066b\u2069 zero\u200bwidth \U000e0041tag",
	"one\r\ntwo\n\n# three\n\n- four",
	"a|b\\|c\\\\|d",
	"`a` ``b` \\`c`",
	"<script>alert(1)</script><!-- --><img src=x onerror=y> &lt;b&gt; &#60;",
	"@octocat @org/team ping@octocat #1 octo/repo#2 GH-3 fixes #4",
	"[link](https://evil.example) ![image](x) <https://evil.example> www.evil.example https://evil.example [a]: b",
	"::error file=x::y\n::add-mask::z ##[error]w %0A::warning::v %25",
	"**bold** _em_ ~~gone~~ $x^2$ ==mark== :tada: ---",
	"</details></td></table>",
	"日本語 \u0301\u0301\u0301 \xff\xfe \x00",
	"  spaces  ", "", ":", "%", ",", "`", "|", "\\",
}
