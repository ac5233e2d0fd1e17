// Package secrets redacts API keys, passwords and other secrets in output.
package secrets

import (
	"bytes"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	// minSecret is the minimum length of a secret, in bytes. A shorter text may be a common word.
	minSecret = 12
	// minCut is the minimum length, in bytes, of a part that is redacted if an ellipsis replaces the
	// rest of a secret.
	minCut = 8
	// maxInvisible is the maximum length, in bytes, of the invisible characters between two
	// characters of a secret.
	maxInvisible = 1 << 10

	// KeyLabel replaces an API key in the output.
	KeyLabel = "[the API key]"
	// OtherLabel replaces any other secret in the output.
	OtherLabel = "[secret]"
)

// A Set is a set of secrets. The zero value is empty. A Set is safe for concurrent use.
type Set struct {
	mu   sync.RWMutex
	list []secret
}

// secret is a secret in lower case, and the label that replaces it.
type secret struct{ text, label string }

// Add adds a secret. Upper and lower case make no difference. Add ignores a text that is too short for
// a secret.
func (s *Set) Add(text, label string) {
	if len(text) < minSecret {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, secret{strings.ToLower(text), label})
}

// AddKey adds an API key from a file or a variable, perhaps with quotes or the word Bearer.
func (s *Set) AddKey(text string) {
	text = strings.TrimSpace(text)
	s.Add(text, KeyLabel)
	for part := range strings.FieldsSeq(text) {
		s.Add(strings.Trim(part, `"'`), KeyLabel)
	}
}

// AddArgument adds the parts of an argument or a variable that may be secret. One kind is words that
// look like an API key: somebody may have put the key in the wrong place. The other kind is the
// password and the path of a URL. If the argument or its value names a file, AddArgument adds nothing.
func (s *Set) AddArgument(argument string) {
	values := []string{argument}
	if strings.HasPrefix(argument, "-") {
		_, value, _ := strings.Cut(argument, "=")
		values = append(values, value)
	}
	for _, value := range values {
		if _, err := os.Stat(value); err == nil {
			return
		}
	}
	isPart := func(r rune) bool { return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
	for word := range strings.FieldsFuncSeq(argument, func(r rune) bool { return !isPart(r) && r != '-' && r != '_' }) {
		if word = strings.TrimLeft(word, "-"); looksLikeKey(word) {
			s.Add(word, KeyLabel)
		} else if len(word) > 1 && looksLikeKey(word[1:]) { // as in -rKEY
			s.Add(word[1:], KeyLabel)
		}
	}
	if scheme := strings.Index(argument, "://"); scheme >= 0 {
		s.addURL(argument[scheme:], isPathPublic(argument[:scheme]))
	}
}

// isPathPublic reports whether text ends with the scheme of a URL whose path is not secret, because it
// is the place of a ledger.
func isPathPublic(text string) bool {
	for _, scheme := range []string{"s3", "postgres", "postgresql", "file"} {
		if before, ok := strings.CutSuffix(text, scheme); ok && (before == "" || strings.HasSuffix(before, "=")) {
			return true
		}
	}
	return false
}

// addURL adds the secrets in the rest of a URL, which begins with "://".
func (s *Set) addURL(rest string, pathIsPublic bool) {
	rest = strings.TrimPrefix(rest, "://")
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], rest[i+1:]
	}
	if !pathIsPublic {
		s.Add(path, OtherLabel)
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		_, password, _ := strings.Cut(authority[:at], ":")
		s.Add(password, OtherLabel)
		if plain, err := url.PathUnescape(password); err == nil && plain != password {
			s.Add(plain, OtherLabel)
		}
	}
}

// looksLikeKey reports whether text has the form of a Vultr API key: at least 20 characters, which are
// capital letters and digits.
func looksLikeKey(text string) bool {
	const capitals, digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	return len(text) >= 20 && strings.Trim(text, capitals+digits) == "" &&
		strings.ContainsAny(text, capitals) && strings.ContainsAny(text, digits)
}

// Contains reports whether text is one of the secrets.
func (s *Set) Contains(text string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, one := range s.list {
		if strings.EqualFold(one.text, text) {
			return true
		}
	}
	return false
}

// Redact returns text with a label in place of each secret.
func (s *Set) Redact(text string) string {
	out, _ := s.replace([]byte(text), true)
	return string(out)
}

// replace returns data with a label in place of each secret. If ends is false, more data may follow.
// replace then leaves out the end of data that may be the beginning of a secret, and returns the
// length of this end as held.
func (s *Set) replace(data []byte, ends bool) (out []byte, held int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.list) == 0 {
		return data, 0
	}
	var first string
	for _, one := range s.list {
		first += one.text[:1] + strings.ToUpper(one.text[:1])
	}
	begin := 0 // the start of the data that is not in out yet
	for at := 0; ; {
		next := bytes.IndexAny(data[at:], first)
		if next < 0 {
			break
		}
		at += next
		longest, label, more := 0, "", false
		for _, one := range s.list {
			n, open := one.match(data[at:])
			if n > longest {
				longest, label = n, one.label
			}
			more = more || open
		}
		switch {
		case more && !ends:
			return append(out, data[begin:at]...), len(data) - at
		case longest > 0:
			out = append(append(out, data[begin:at]...), label...)
			at += longest
			begin = at
		default:
			at++
		}
	}
	if begin == 0 {
		return data, 0
	}
	return append(out, data[begin:]...), 0
}

// match returns the length of the secret s at the beginning of data; 0 if data does not begin with s.
// The secret also matches if it has invisible characters in it, or if an ellipsis replaces its end.
// open is true if more data may change the result.
func (s secret) match(data []byte) (n int, open bool) {
	for i := range len(s.text) {
		if i > 0 {
			for invisible := 0; ; {
				length, open := invisiblePrefix(data[n:])
				if open {
					return 0, true
				}
				if invisible += length; length == 0 || invisible > maxInvisible {
					break
				}
				n += length
			}
		}
		if n == len(data) {
			return 0, true
		}
		if c := data[n]; c != s.text[i] && (c < 'A' || c > 'Z' || c+'a'-'A' != s.text[i]) {
			for _, cut := range []string{"…", `\u2026`} {
				if i < minCut {
					break
				}
				if bytes.HasPrefix(data[n:], []byte(cut)) {
					return n, false
				}
				open = open || strings.HasPrefix(cut, string(data[n:]))
			}
			return 0, open
		}
		n++
	}
	return n, false
}

// invisiblePrefix returns the length of an invisible character at the beginning of data; 0 if there is
// none. An escape of such a character and a terminal sequence also count. open is true if more data
// may change the result.
func invisiblePrefix(data []byte) (n int, open bool) {
	if len(data) == 0 {
		return 0, false
	}
	r, n := utf8.DecodeRune(data)
	switch {
	case r == '\\':
		if r, n, open = decodeEscape(data); n == 0 {
			return 0, open
		}
	case r == utf8.RuneError && n == 1:
		return 0, !utf8.FullRune(data)
	}
	switch {
	case r == '\n' || unicode.IsPrint(r) && !unicode.Is(unicode.Mn, r):
		return 0, false
	case r != 0x1b:
		return n, false
	}
	// ESC [ parameters final (ECMA-48, 5.4)
	if n == len(data) {
		return 0, true
	}
	if data[n] != '[' {
		return n, false
	}
	rest := bytes.TrimLeft(data[n+1:], "0123456789:;<=>?")
	if len(rest) == 0 {
		return 0, len(data) < maxInvisible
	}
	return len(data) - len(rest) + 1, false
}

// decodeEscape decodes an escape such as \u200b or \x1b at the beginning of data. n is the length of
// the escape; 0 if there is none. The backslash may be escaped too. open is true if more data may
// change the result.
func decodeEscape(data []byte) (r rune, n int, open bool) {
	rest := bytes.TrimLeft(data, `\`)
	slashes := len(data) - len(rest)
	switch {
	case slashes > 2:
		return 0, 0, false
	case len(rest) == 0:
		return 0, 0, true
	}
	digits := map[byte]int{'u': 4, 'x': 2}[rest[0]]
	switch {
	case digits == 0:
		return 0, 0, false
	case len(rest) < 1+digits:
		return 0, 0, true
	}
	code, err := strconv.ParseUint(string(rest[1:1+digits]), 16, 16)
	if err != nil {
		return 0, 0, false
	}
	return rune(code), slashes + 1 + digits, false
}

// Writer returns a writer that writes to to, with a label in place of each secret.
func (s *Set) Writer(to io.Writer) *Writer { return &Writer{secrets: s, to: to} }

// A Writer redacts secrets, even if a secret is split over several calls of Write: it holds back text
// that may be the beginning of a secret. A Writer is safe for concurrent use.
type Writer struct {
	secrets *Set
	to      io.Writer

	mu   sync.Mutex
	held []byte // the text that is held back
}

// Write writes p with a label in place of each secret. The error is from the underlying writer.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	data := p
	if len(w.held) > 0 {
		data = append(w.held, p...)
	}
	out, held := w.secrets.replace(data, false)
	w.held = append([]byte(nil), data[len(data)-held:]...)
	if len(out) > 0 {
		if _, err := w.to.Write(out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Flush writes the text that is held back. The caller must not call Write afterwards.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	out, _ := w.secrets.replace(w.held, true)
	w.held = nil
	if len(out) == 0 {
		return nil
	}
	_, err := w.to.Write(out)
	return err
}

// Unwrap returns the underlying writer of a [Writer]. It returns any other stream unchanged.
func Unwrap(stream io.Writer) io.Writer {
	if w, ok := stream.(*Writer); ok {
		return w.to
	}
	return stream
}
