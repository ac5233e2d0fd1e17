package cli

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// pictures is the folder of the pictures of the README.
const pictures = "../../docs/pictures/"

var shown = regexp.MustCompile(`\(docs/pictures/([^)]+)\.(?:svg|png)\)`)

// TestPictures runs the commands of story.txt, and compares the words of each picture that the README
// shows with the current output. docs/pictures/make.sh makes new pictures.
func TestPictures(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var wanted []string
	for _, m := range shown.FindAllStringSubmatch(string(readme), -1) {
		wanted = append(wanted, m[1])
	}
	story, err := os.ReadFile(pictures + "story.txt")
	if err != nil {
		t.Fatal(err)
	}
	roster, err := os.ReadFile("../../users.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sandbox.json")
	w := newWorld(t, sandbox.Options{File: file}, nil)
	w.write("users.yaml", string(roster))
	var played []string
	for line := range strings.Lines(string(story)) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		name := ""
		if words[0] == "picture" {
			name, words = words[1], words[2:]
		}
		w.env["ORGSYNC_SANDBOX"], w.screens = "", nil
		switch {
		case words[1] == "sandbox":
			w.env["ORGSYNC_SANDBOX"] = file
		case name == "apply":
			w.stdin = strings.NewReader("y\n")
			w.screens = []any{w.stdin}
		}
		if w.stdin == nil {
			w.stdin = strings.NewReader("")
		}
		w.screens = []any{w.stdin} // no log
		if code := w.run(t.Context(), words[1:]...); code != exitDone {
			t.Fatalf("%q ends with %d:\n%s", line, code, &w.stderr)
		}
		if name == "" {
			continue
		}
		played = append(played, name)
		if !slices.Contains(wanted, name) {
			continue
		}
		if name == "page" { // the picture is of this file
			if diff := cmp.Diff(textOfPage(t, sample(t, pictures+"page.html")), textOfPage(t, w.stdout.String())); diff != "" {
				t.Errorf("page.png is out of date: run docs/pictures/make.sh (-picture +program):\n%s", diff)
			}
			continue
		}
		output, rest := w.stdout.String(), ""
		if name == "apply" { // the plan and the question; then come the answer and the bar
			question, _, _ := strings.Cut(w.stderr.String(), "[y/N]")
			output, rest = question+"[y/N] y", "Applying "
		}
		want := wordsOf("$ " + strings.Join(words, " ") + " " + strings.ReplaceAll(output,
			w.dir+string(filepath.Separator), ""))
		got := wordsOf(textOf(t, pictures+name+".svg"))
		if rest != "" {
			var found bool
			if got, _, found = strings.Cut(got, rest); !found {
				t.Errorf("%s.svg does not show %q", name, rest)
			}
			got = strings.TrimSpace(got)
		}
		if diff := cmp.Diff(strings.Split(want, " "), strings.Split(got, " ")); diff != "" {
			t.Errorf("%s.svg is out of date: run docs/pictures/make.sh (-program +picture):\n%s", name, diff)
		}
	}
	for _, name := range wanted {
		if !slices.Contains(played, name) {
			t.Errorf("the README shows %s.svg, which is not in story.txt", name)
		}
	}
	if slices.Sort(wanted); !slices.Equal(wanted, []string{"apply", "page", "plan", "status"}) {
		t.Errorf("the README shows %q", wanted)
	}
}

// wordsOf returns the words of s. Words that differ from day to day become equal.
func wordsOf(s string) string {
	return strings.Join(strings.Fields(scrubbed(s)), " ")
}

// textOfPage returns the texts of a web page without its style. Words that differ from day to day become equal.
func textOfPage(t *testing.T, page string) []string {
	t.Helper()
	var texts []string
	style := false
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) {
				t.Fatal(z.Err())
			}
			return texts
		case html.StartTagToken:
			name, _ := z.TagName()
			style = string(name) == "style"
		case html.TextToken:
			if text := wordsOf(string(z.Text())); text != "" && !style {
				texts = append(texts, text)
			}
		default: // says nothing
		}
	}
}

// textOf returns the text of an SVG file, with a line feed after each text element.
func textOf(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b strings.Builder
	inside := 0 // text elements
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "text" {
				inside++
			}
		case xml.EndElement:
			if token.Name.Local == "text" {
				inside--
				b.WriteByte('\n')
			}
		case xml.CharData:
			if inside > 0 {
				b.Write(token)
			}
		}
	}
}
