package roster

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// byteOrderMark is the mark with which some programs begin files in UTF-8.
var byteOrderMark = []byte("\ufeff")

// checkEncoding returns the text of a file without its byte-order mark. It returns a problem for the first place at
// which people and programs may see different text: an encoding other than UTF-8, a control character, a line break
// that only some programs know, or a mark that reverses the direction of text.
func checkEncoding(file string, data []byte) ([]byte, *Problem) {
	if bytes.HasPrefix(data, []byte("\xff\xfe\x00\x00")) || bytes.HasPrefix(data, []byte("\x00\x00\xfe\xff")) {
		return nil, &Problem{Position{file, 1, 1}, "the file is in UTF-32: save it as UTF-8"}
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, &Problem{Position{file, 1, 1}, "the file is in UTF-16: save it as UTF-8"}
	}
	data = bytes.TrimPrefix(data, byteOrderMark)
	line, lineStart := 1, 0
	problem := func(i int, text string) *Problem {
		return &Problem{Position{file, line, utf8.RuneCount(data[lineStart:i]) + 1}, text}
	}
	for i, size := 0, 0; i < len(data); i += size {
		var r rune
		r, size = utf8.DecodeRune(data[i:])
		if i == lineStart {
			if text := lineProblem(data[i:]); text != "" {
				return nil, problem(i, text)
			}
		}
		switch {
		case r >= ' ' && r <= '~': // nearly all characters
		case r == '\n':
			line, lineStart = line+1, i+1
		case r == '\t', r == '\r' && bytes.HasPrefix(data[i+1:], []byte("\n")):
		case r == '\r':
			return nil, problem(i, "a carriage return without a line feed: save the file with LF or CRLF line ends")
		case r == 0:
			return nil, problem(i, "a NUL byte: if the file is in UTF-16, save it as UTF-8")
		case r == utf8.RuneError && size == 1:
			return nil, problem(i, fmt.Sprintf("the byte 0x%02x is not UTF-8: save the file as UTF-8", data[i]))
		case isInvisible(r):
			return nil, problem(i, fmt.Sprintf("invisible character %U: remove it", r))
		}
	}
	return data, nil
}

// lineProblem returns the problem of the line at the beginning of data; "" if it has none.
func lineProblem(data []byte) string {
	switch {
	// yaml.v3 refuses "%YAML 1.2", and needs a time that grows with the square of the number of %TAG
	// lines.
	case bytes.HasPrefix(data, []byte("%YAML")), bytes.HasPrefix(data, []byte("%TAG")):
		return "%YAML and %TAG lines are not supported: remove this line"
	case bytes.HasPrefix(data, []byte("<<<<<<< ")):
		return "an unresolved merge conflict begins here"
	}
	return ""
}

// isInvisible reports whether r is one of these invisible characters: a control character, a line
// break, a mark that reverses the direction of text, a byte-order mark or a noncharacter. It returns
// false for marks that some scripts need, such as joiners and left-to-right marks.
func isInvisible(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0, // controls
		r == 0x2028, r == 0x2029, // line and paragraph separators
		r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, // embeddings, overrides, isolates
		r == 0xfeff, r == 0xfffe, r == 0xffff:
		return true
	}
	return false
}
