package roster

import (
	"bytes"
	"fmt"
	"iter"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/orgsync/orgsync/internal/org"
)

var (
	tomlRegexp = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?m)^(\[\[?[A-Za-z0-9_."-]+\]\]?|[A-Za-z0-9_"-]+\s*=\s*["'\[{0-9tf].*)\s*$`)
	})
	csvHeaderRegexp = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)^[^:{}\[\]]*(^|[,;\t"])\s*(e-?mail|mail|address)[^:{}\[\]]*$`)
	})
)

// foreignProblem returns the problem for a file that is not YAML but another form of roster that
// people have, with the command that helps; nil if it is none.
func foreignProblem(file string, data []byte) *Problem {
	at := Position{file, 1, 1}
	convert := fmt.Sprintf("'orgsync import --csv %s > users.yaml' makes a roster of it", file)
	text := strings.TrimSpace(string(bytes.TrimPrefix(data, []byte("\ufeff"))))
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

// isAddressList reports whether every line of text, but for empty ones and comments, is a mail
// address, perhaps with a comma or semicolon behind it.
func isAddressList(text string) bool {
	found := false
	for word := range addressWords(text) {
		if _, err := org.ParseAddress(word); err != nil {
			return false
		}
		found = true
	}
	return found
}

// addressWords yields the words of a plain list of addresses. Lines that begin with "#" are comments.
func addressWords(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
				continue
			}
			for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(",; \t", r) }) {
				if !yield(word) {
					return
				}
			}
		}
	}
}
