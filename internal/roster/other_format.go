package roster

import (
	"bytes"
	"iter"
	"path/filepath"
	"strings"

	"github.com/orgsync/orgsync/internal/lazyregexp"
	"github.com/orgsync/orgsync/internal/org"
)

var csvHeaderRegexp = lazyregexp.New(`(?i)^[^:{}\[\]]*(^|[,;\t"])\s*(e-?mail|mail|address)[^:{}\[\]]*$`)

// isOtherFormat reports whether a file is probably not YAML, but CSV or a list of addresses.
func isOtherFormat(file string, data []byte) bool {
	text := strings.TrimSpace(string(bytes.TrimPrefix(data, byteOrderMark)))
	header, _, _ := strings.Cut(text, "\n")
	header = strings.TrimSpace(header)
	extension := strings.ToLower(filepath.Ext(file))
	return text != "" && (isAddressList(text) || extension == ".csv" || extension == ".tsv" ||
		strings.ContainsAny(header, ",;\t") && csvHeaderRegexp().MatchString(header))
}

// isAddressList reports whether text is a list of mail addresses, separated by white space, commas or
// semicolons. It may also have comments.
func isAddressList(text string) bool {
	found := false
	for _, word := range addressWords(text) {
		if _, err := org.ParseAddress(word); err != nil {
			return false
		}
		found = true
	}
	return found
}

// addressWords yields the words of a list of addresses, each with its line and column. It skips lines that
// begin with "#", which are comments.
func addressWords(text string) iter.Seq2[Position, string] {
	return func(yield func(Position, string) bool) {
		at := Position{}
		for line := range strings.Lines(text) {
			at.Line++
			trimmed := strings.TrimSpace(line)
			if strings.HasPrefix(trimmed, "#") {
				continue
			}
			end := strings.Index(line, trimmed)
			for word := range strings.FieldsFuncSeq(trimmed, func(r rune) bool { return strings.ContainsRune(",; \t", r) }) {
				start := end + strings.Index(line[end:], word)
				at.Column, end = start+1, start+len(word)
				if !yield(at, word) {
					return
				}
			}
		}
	}
}
