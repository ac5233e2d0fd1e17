package roster

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/orgsync/orgsync/internal/lazyregexp"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/shellword"
)

var (
	tomlRegexp = lazyregexp.New(
		`(?m)^(\[\[?[A-Za-z0-9_."-]+\]\]?|[A-Za-z0-9_"-]+\s*=\s*["'\[{0-9tf].*)\s*$`)
	csvHeaderRegexp = lazyregexp.New(
		`(?i)^[^:{}\[\]]*(^|[,;\t"])\s*(e-?mail|mail|address)[^:{}\[\]]*$`)
)

// otherFormatProblem returns a problem if a file is probably not YAML, but CSV, TOML or a list of
// addresses. The problem names the command that helps. Otherwise, otherFormatProblem returns nil.
func otherFormatProblem(file string, data []byte) *Problem {
	at := Position{file, 1, 1}
	convert := convertCommand(file) + " makes a roster of it"
	text := strings.TrimSpace(string(bytes.TrimPrefix(data, byteOrderMark)))
	first, _, _ := strings.Cut(text, "\n")
	first = strings.TrimSpace(first)
	extension := strings.ToLower(filepath.Ext(file))
	switch {
	case text == "":
		return nil
	case isAddressList(text):
		return &Problem{at, "this is a plain list of addresses, and a roster is YAML: " + convert}
	case extension == ".csv", extension == ".tsv",
		strings.ContainsAny(first, ",;\t") && csvHeaderRegexp().MatchString(first):
		return &Problem{at, "this is a CSV file, and a roster is YAML: " + convert}
	case extension == ".toml", tomlRegexp().MatchString(text):
		return &Problem{at, "this is a TOML file, and a roster is YAML: 'orgsync init' writes one to start from"}
	}
	return nil
}

// convertCommand returns the command that makes a roster of a CSV file or a list of addresses. It is
// safe to copy: the file that it writes is new.
func convertCommand(file string) string {
	word := shellword.Quote(file)
	command := "orgsync import --csv " + word + " > " + newRosterName(file)
	if word == file { // otherwise, these quotes would be mistaken for the quotes of the word
		command = "'" + command + "'"
	}
	return command
}

// newRosterName returns a name for a new roster, which is not the name of file or of another existing
// file. A shell empties a file that a command writes to, before the command can read it.
func newRosterName(file string) string {
	for i := 0; ; i++ {
		name := fmt.Sprintf("roster-%d.yaml", i)
		switch i {
		case 0:
			name = "users.yaml"
		case 1:
			name = "roster.yaml"
		}
		if _, err := os.Lstat(name); err != nil && name != filepath.Clean(file) {
			return name
		}
	}
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
