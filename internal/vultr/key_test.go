package vultr

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// alter returns s with f applied to each of its characters.
func alter(s string, f func(r rune) string) string {
	var out strings.Builder
	for _, r := range s {
		out.WriteString(f(r))
	}
	return out.String()
}

// eachAs returns a function that formats each character of a key.
func eachAs(format string) func(key string) string {
	return func(key string) string { return alter(key, func(r rune) string { return fmt.Sprintf(format, r) }) }
}

// echoes are ways in which a server may repeat a key.
var echoes = map[string]func(key string) string{
	"as it is":           func(key string) string { return key },
	"in small letters":   strings.ToLower,
	"in capital letters": strings.ToUpper,
	"with zero-width spaces": func(key string) string {
		return alter(key, func(r rune) string { return string(r) + "\u200b" })[:len(key)*4-3]
	},
	"with one zero-width joiner": func(key string) string { return key[:9] + "\u200d" + key[9:] },
	"with soft hyphens": func(key string) string {
		return key[:5] + "\u00ad" + key[5:14] + "\u00ad\u00ad" + key[14:]
	},
	"with a direction mark":       func(key string) string { return key[:11] + "\u202e" + key[11:] },
	"with a variation selector":   func(key string) string { return key[:11] + "\ufe0f" + key[11:] },
	"with a combining mark":       func(key string) string { return key[:11] + "\u0301" + key[11:] },
	"with a tag character":        func(key string) string { return key[:11] + "\U000e0041" + key[11:] },
	"with a control":              func(key string) string { return key[:11] + "\x00\x1b" + key[11:] },
	"with bytes that are no text": func(key string) string { return key[:11] + "\xff\xc3" + key[11:] },
	"with spaces":                 func(key string) string { return strings.Join(strings.Split(key, ""), " ") },
	"on two lines":                func(key string) string { return key[:11] + "\r\n\t" + key[11:] },
	"on two lines of JSON":        func(key string) string { return key[:11] + `\r\n` + key[11:] },
	"for a URL":                   eachAs("%%%02X"),
	"for a URL, in part":          url.QueryEscape,
	"for a URL, twice":            eachAs("%%25%02x"),
	"for HTML":                    eachAs("&#%d;"),
	"for HTML, in part":           html.EscapeString,
	"for HTML, in hexadecimal":    eachAs("&#x%04X;"),
	"for HTML, twice": func(key string) string {
		return alter(key, func(r rune) string { return fmt.Sprintf("&amp;#%03d;", r) })
	},
	"for HTML, with entities that cannot be seen": func(key string) string {
		return key[:11] + "&zwnj;&#8203;&shy;" + key[11:]
	},
	"for JSON": eachAs(`\u%04x`),
	"for JSON, in part": func(key string) string {
		text, _ := json.Marshal(key)
		return strings.Trim(string(text), `"`)
	},
	"for JSON, twice":        eachAs(`\\u%04X`),
	"for JSON, in an entity": func(key string) string { return key[:11] + `\u200b` + key[11:] },
	"for a shell":            eachAs(`\x%02x`),
	"in full width": func(key string) string {
		return alter(key, func(r rune) string { return string(r - '!' + '！') })
	},
	"in hexadecimal":              func(key string) string { return hex.EncodeToString([]byte(key)) },
	"in hexadecimal, in capitals": func(key string) string { return strings.ToUpper(hex.EncodeToString([]byte(key))) },
	"cut off":                     func(key string) string { return key[:12] },
	"cut off, later":              func(key string) string { return key[:len(key)-1] },
	"its end":                     func(key string) string { return key[len(key)-12:] },
	"its middle":                  func(key string) string { return key[3:16] },
}

// TestKeyIsRedacted checks that the key is redacted in each form in which a server may repeat it,
// and that other text is kept.
func TestKeyIsRedacted(t *testing.T) {
	t.Parallel()
	for _, key := range []string{testKey, "ABCDEFGHJKLMNPQRSTUVWXYZ234567890ABC", "a+b/c=d&e%41f\"g<h>i'j",
		"0123456789abcdef0123456789abcdef"} {
		redact := keyRedactor(key)
		for name, echo := range echoes {
			for _, frame := range [][2]string{{"sent: ", " is bad"}, {"(", ")"}, {"", ""}, {`{"error":"`, `."}`},
				{"é\u200b:", "…"}} {
				text := frame[0] + echo(key) + frame[1]
				if got, want := redact(text), frame[0]+"[the API key]"+frame[1]; got != want {
					t.Errorf("%s, %s: %q is redacted to %q, want %q", key, name, text, got, want)
				}
			}
			two := redact(echo(key) + ", " + echo(key))
			if two != "[the API key], [the API key]" {
				t.Errorf("%s, %s, twice: %q", key, name, two)
			}
		}
		// In Base64, the characters at both ends of the key also depend on the bytes beside it.
		for _, text := range []string{key, "Bearer " + key, "api:" + key, "x" + key, "ab" + key + "\n",
			`{"key":"` + key + `"}`} {
			for name, encoding := range map[string]*base64.Encoding{
				"base64": base64.StdEncoding, "for URLs": base64.URLEncoding, "without padding": base64.RawStdEncoding,
			} {
				encoded := encoding.EncodeToString([]byte(text))
				for _, echo := range []string{encoded, encoded[:10] + "\n" + encoded[10:]} {
					got := redact("sent " + echo + " here")
					begin, end := strings.Index(text, key), strings.Index(text, key)+len(key)
					left := encoded[(begin+2)/3*4 : end/3*4] // a part that comes from the key alone
					for i := 0; i+8 <= len(left); i++ {
						if strings.Contains(got, left[i:i+8]) {
							t.Errorf("%s of %q: %q is left in %q", name, text, left[i:i+8], got)
							break
						}
					}
					if !strings.Contains(got, "[the API key]") || !strings.HasPrefix(got, "sent ") ||
						!strings.HasSuffix(got, " here") {
						t.Errorf("%s of %q gives %q", name, text, got)
					}
				}
			}
		}
	}
}

// TestTextsWithoutTheKey checks that a text that is only similar to the key is kept. A key that is
// so short that it may be a word is redacted only in its own form.
func TestTextsWithoutTheKey(t *testing.T) {
	t.Parallel()
	redact := keyRedactor(testKey)
	for _, text := range []string{
		"", "KEY", "KEY-5ecret", "the key of ada@example.com", `{"id":"5f0c0000-0000-4000-8000-000000000001"}`,
		"&amp;&lt;&nosuch; 100% %zz \\ \\q \\u12",
		"&", "&;", "%", "%2", "\\u", "\\", "&#;", "&#x;", strings.Repeat("\\", 100), strings.Repeat("%25", 100),
		strings.Repeat("&amp;", 100), "\xff\xfe",
	} {
		if got := redact(text); got != text {
			t.Errorf("%q is redacted to %q", text, got)
		}
	}
	short := keyRedactor("K3Y")
	if got := short("a K3Y, k3y and K 3 Y"); got != "a [the API key], k3y and K 3 Y" {
		t.Errorf("a short key is redacted to %q", got)
	}
}

// TestRedactionKeepsTheRest checks that the text around the key is kept.
func TestRedactionKeepsTheRest(t *testing.T) {
	t.Parallel()
	redact := keyRedactor(testKey)
	rapid.Check(t, func(t *rapid.T) {
		around := rapid.StringMatching(`[a-z &;%\\<>"{}\x{200b}]{0,20}[.]`)
		before, after := around.Draw(t, "before"), "."+around.Draw(t, "after")
		if got := redact(before + testKey + after); got != before+"[the API key]"+after {
			t.Errorf("%q between %q and %q", got, before, after)
		}
		if got := redact(before + after); got != before+after {
			t.Errorf("%q of %q", got, before+after)
		}
	})
}
