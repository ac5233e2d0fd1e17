package vultr

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	keyLabel = "[the API key]"
	// minPartLength is the minimum number of consecutive characters of the key that are redacted. A
	// text may have only a part of the key, because the text was cut off.
	minPartLength = 12
	// minKeyLength is the minimum length of a key that is also redacted in other forms. A shorter key
	// may be a common word.
	minKeyLength = 8
)

// keyRedactor returns a function that replaces the key in a text by keyLabel, because a server may
// repeat the key in its answers. It finds the key
//   - in any letter case,
//   - with invisible characters in it,
//   - in full-width letters,
//   - escaped for a URL, HTML, JSON or a shell,
//   - in Base64 or hexadecimal, and
//   - cut off at either end, if at least minPartLength characters are left.
//
// A key that is shorter than minKeyLength is only replaced in its own form.
func keyRedactor(key string) func(string) string {
	literal := func(s string) string { return strings.ReplaceAll(s, key, keyLabel) }
	if len(key) < minKeyLength {
		return literal
	}
	size := min(minPartLength, len(key))
	parts := map[string]bool{}
	add := func(form string) {
		form = strings.ToLower(form)
		for i := 0; i+size <= len(form); i++ {
			parts[form[i:i+size]] = true
		}
	}
	add(key)
	add(unescaped(key))
	add(hex.EncodeToString([]byte(key)))
	// In Base64, the first and last characters also depend on the bytes beside the key. shift is the
	// number of bytes before the key, modulo 3.
	for shift, first := range []int{0, 2, 3} {
		text := append(make([]byte, shift), key...)
		last := len(text) * 8 / 6
		add(base64.StdEncoding.EncodeToString(text)[first:last])
		add(base64.URLEncoding.EncodeToString(text)[first:last])
	}
	return func(s string) string {
		s = literal(s)
		s = replaceParts(s, parts, size, nextUnescaped)
		return replaceParts(s, parts, size, nextCharacter) // a key may itself look like escaped text
	}
}

// unescaped returns the visible characters of s, decoded by nextUnescaped.
func unescaped(s string) string {
	var out []byte
	for i := 0; i < len(s); {
		c, size, seen := nextUnescaped(s[i:])
		if seen {
			out = append(out, c)
		}
		i += size
	}
	return string(out)
}

// replaceParts replaces parts of the key in s. It decodes s with next, one character at a time, and
// replaces all characters that belong to a sequence in parts. Each sequence has size visible
// characters.
func replaceParts(s string, parts map[string]bool, size int, next func(string) (c byte, size int, seen bool)) string {
	var out strings.Builder
	written := 0 // of s
	from, to := -1, -1
	flush := func() {
		if from >= 0 {
			out.WriteString(s[written:from])
			out.WriteString(keyLabel)
			written = to
		}
	}
	var window []byte // the last visible characters
	var starts []int  // where they begin in s
	for i := 0; i < len(s); {
		c, width, seen := next(s[i:])
		if seen {
			window, starts = append(window, c), append(starts, i)
			if n := len(window) - size; n >= 0 && parts[string(window[n:])] {
				if starts[n] >= to {
					flush()
					from = starts[n]
				}
				to = i + width
			}
			if n := len(window) - size; n > 1<<12 {
				window, starts = append([]byte(nil), window[n:]...), append([]int(nil), starts[n:]...)
			}
		}
		i += width
	}
	if from < 0 {
		return s
	}
	flush()
	return out.String() + s[written:]
}

// nextUnescaped is nextCharacter, but also decodes an escaped character.
func nextUnescaped(s string) (c byte, size int, seen bool) {
	var r rune
	switch s[0] {
	case '%':
		r, size = percentEscape(s)
	case '&':
		r, size = htmlEscape(s)
	case '\\':
		r, size = backslashEscape(s)
	}
	if size == 0 {
		return nextCharacter(s)
	}
	c, seen = fold(r)
	return c, size, seen
}

// nextCharacter returns the first character of s in lower case, and its size in bytes. c is 0 if the
// character cannot be part of a key. seen is false if the character is invisible.
func nextCharacter(s string) (c byte, size int, seen bool) {
	r, size := utf8.DecodeRuneInString(s)
	c, seen = fold(r)
	return c, size, seen
}

// fold returns r as a lower-case ASCII character; 0 if r has no such form. seen is false if r is
// invisible.
func fold(r rune) (c byte, seen bool) {
	if r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r) ||
		unicode.In(r, unicode.Mn, unicode.Me, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
		return 0, false
	}
	if '！' <= r && r <= '～' { // full width
		r += '!' - '！'
	}
	for other := unicode.SimpleFold(r); r > unicode.MaxASCII && other != r; other = unicode.SimpleFold(other) {
		if other <= unicode.MaxASCII {
			r = other
		}
	}
	if r > unicode.MaxASCII {
		return 0, true
	}
	return byte(unicode.ToLower(r)), true
}

// percentEscape decodes %41 or, if the percent sign is escaped too, %2541. The size is 0 if s does
// not begin with such an escape.
func percentEscape(s string) (r rune, size int) {
	for rest := "%" + s[1:]; len(rest) >= 3; rest = "%" + s[size:] {
		b, err := strconv.ParseUint(rest[1:3], 16, 8)
		if err != nil {
			break
		}
		r, size = rune(b), size+len("%41")
		if size > len("%41") {
			size-- // the percent sign was part of the escape before
		}
		if b != '%' {
			break
		}
	}
	if r > unicode.MaxASCII {
		r = utf8.RuneError // a byte of a longer character
	}
	return r, size
}

// htmlEscape decodes &#65;, &#x41;, a name such as &quot; or, if the ampersand is escaped too,
// &amp;#65;. The size is 0 if s does not begin with such an escape.
func htmlEscape(s string) (r rune, size int) {
	for rest := s; ; rest = "&" + s[size:] {
		end := strings.IndexByte(rest[:min(len(rest), 40)], ';')
		if end < 0 {
			return r, size
		}
		text := html.UnescapeString(rest[:end+1])
		first, width := utf8.DecodeRuneInString(text)
		if width != len(text) { // not an entity, or one of two characters
			return r, size
		}
		if r, size = first, size+end+1; len(rest) != len(s) {
			size-- // the ampersand was part of the escape before
		}
		if r != '&' {
			return r, size
		}
	}
}

// backslashEscape decodes \u0041, \x41 and \n, with one or more backslashes. Backslashes before
// anything else count as invisible.
func backslashEscape(s string) (r rune, size int) {
	size = len(s) - len(strings.TrimLeft(s, `\`))
	if size == len(s) {
		return utf8.RuneError, size
	}
	digits := map[byte]int{'u': 4, 'x': 2}[s[size]]
	if end := size + 1 + digits; digits > 0 && end <= len(s) {
		if n, err := strconv.ParseUint(s[size+1:end], 16, 16); err == nil {
			return rune(n), end
		}
	}
	if strings.IndexByte("nrtbf", s[size]) >= 0 {
		size++
	}
	return utf8.RuneError, size
}
