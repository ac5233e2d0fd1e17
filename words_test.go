package orgsync_test

import (
	"bytes"
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bannedWords has bookish words and phrases that comments, texts, documentation and scripts may not use. Each has a
// plain word to use instead.
var bannedWords = map[string]string{
	"anew":               "again",
	"afresh":             "again",
	"mend":               "fix",
	"mends":              "fixes",
	"mended":             "fixed",
	"mending":            "fixing",
	"heed":               "honour",
	"heeds":              "honours",
	"lest":               "so that … not",
	"spelt":              "spelled, or written",
	"lapse":              "expire",
	"lapses":             "expires",
	"lapsed":             "expired",
	"of whom":            "a sentence with a subject and a verb",
	"be it":              "whether",
	"in vain":            "without an answer",
	"for ever":           "forever",
	"nobody's":           "of nobody, or another sentence",
	"on its account":     "because of it",
	"quarter of an hour": "15 minutes",
	"tells whether":      "reports whether",
	"hence":              "so",
	"thereof":            "of it",
	"whilst":             "while",
	"albeit":             "although",
}

// bannedNames has identifiers that a reader who does not know the code cannot understand.
var bannedNames = []string{
	"aka", "anew", "aside", "because", "beyond", "calledAs", "complaint", "cutUp", "deedCommand", "errMoved",
	"errStays", "flaw",
	"foreign", "forgotten", "gaveUp", "heed", "inhabited", "judgePast", "lapse", "lapsed", "lapses", "leaveRoom", "letGo",
	"lookAgain",
	"makeRoom", "manyPercent", "mend", "nameless", "onOff", "recollect", "renotice", "respelled", "shower", "spoil",
	"strayRows", "strays", "surely", "surroundings", "theirs", "twins", "untouchable", "unfit", "upshot", "whose",
}

var (
	bannedPattern = func() *regexp.Regexp {
		var all []string
		for word := range bannedWords {
			all = append(all, regexp.QuoteMeta(word))
		}
		slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
		return regexp.MustCompile(`(?i)(?:^|[^\pL\d_.-])(` + strings.Join(all, "|") + `)(?:$|[^\pL\d_=-])`)
	}()
	// literal is text that is quoted from code: names in brackets or backticks, and the name that begins a doc comment.
	literal = regexp.MustCompile("`[^`\n]*`" + `|\[[\w.]+\]|^// [A-Z]\w+ `)
)

// findBanned returns a problem for each banned word in text, which begins at a line of a file.
func findBanned(file string, line int, text string) []string {
	var problems []string
	for i, l := range strings.Split(text, "\n") {
		l = literal.ReplaceAllString(strings.TrimSpace(l), "x ")
		for _, m := range bannedPattern.FindAllStringSubmatch(l, -1) {
			word := strings.ToLower(m[1])
			if file == "internal/doctor/redact.go" && word == "lapsed" {
				continue // a word that the API may use
			}
			problems = append(problems, fmt.Sprintf("%s:%d: write %q instead of %q", file, line+i, bannedWords[word], m[1]))
		}
	}
	return problems
}

// findBannedInGo checks comments, texts with a space, and identifiers. Texts without a space are not prose.
func findBannedInGo(file string, src []byte) []string {
	var problems []string
	var s scanner.Scanner
	files := token.NewFileSet()
	s.Init(files.AddFile(file, -1, len(src)), src, nil, scanner.ScanComments)
	for {
		pos, kind, text := s.Scan()
		line := files.Position(pos).Line
		switch kind {
		case token.EOF:
			return problems
		case token.COMMENT:
			problems = append(problems, findBanned(file, line, text)...)
		case token.STRING:
			unquoted, err := strconv.Unquote(text)
			if err == nil && strings.Contains(unquoted, " ") {
				problems = append(problems, findBanned(file, line, unquoted)...)
			}
		case token.IDENT:
			if slices.Contains(bannedNames, text) {
				problems = append(problems, fmt.Sprintf("%s:%d: the name %s is a riddle: say what it does or holds", file,
					line, text))
			}
		default: // has no words
		}
	}
}

// TestPlainWords keeps bookish words and riddles out of the code, its messages and the documentation.
func TestPlainWords(t *testing.T) {
	t.Parallel()
	list, err := exec.CommandContext(t.Context(), "git", "ls-files", "-z").Output()
	if err != nil {
		t.Skip("needs git: ", err)
	}
	checked := 0
	for file := range strings.SplitSeq(string(list), "\x00") {
		prose := slices.Contains([]string{".md", ".yaml", ".yml", ".sh", ".html"}, path.Ext(file)) || path.Dir(file) == ".ci"
		if strings.Contains(file, "testdata/") || file == "words_test.go" || !prose && path.Ext(file) != ".go" {
			continue
		}
		src, err := os.ReadFile(file)
		if os.IsNotExist(err) { // deleted, and not yet committed
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		checked++
		problems := findBanned(file, 1, string(src))
		if !prose {
			problems = findBannedInGo(file, src)
		}
		for _, p := range problems {
			t.Error(p)
		}
	}
	if checked < 300 {
		t.Errorf("%d files were checked, want more", checked)
	}
}

func TestFindBanned(t *testing.T) {
	t.Parallel()
	src := []byte("package x\n\n// lapse is a name, [Mail.Lapses] and `anew` too.\n// It waits for ever.\nvar aka = " +
		"\"begins anew\" + \"anew\"\n")
	want := []string{
		`x.go:3: write "expire" instead of "lapse"`,
		`x.go:4: write "forever" instead of "for ever"`,
		"x.go:5: the name aka is a riddle: say what it does or holds",
		`x.go:5: write "again" instead of "anew"`,
	}
	if diff := cmp.Diff(want, findBannedInGo("x.go", bytes.Clone(src))); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if got := findBanned("x.md", 1, "recommend, lapsed=vanish, a lapsed-over dialect, `lapsed`, elapsed"); got != nil {
		t.Errorf("found %q", got)
	}
}
