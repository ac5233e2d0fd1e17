package orgsync_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

var (
	// fence matches the first or last line of a code block in Markdown, span matches code within a line.
	fence = regexp.MustCompile("^ *(```|~~~)")
	span  = regexp.MustCompile("`+[^`]+`+")
	// target matches the target of a link or a picture, in the text or in a definition at the end of the page.
	target  = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)|^\[[^\]]+\]: (\S+)`)
	heading = regexp.MustCompile(`^#{1,6} +(.+?) *#*$`)
	// linkedWords matches a link within a heading. GitHub uses only its text for the name of the heading.
	linkedWords = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// prose returns the lines of a Markdown page. The lines of code blocks are empty.
func prose(page string) []string {
	lines := strings.Split(strings.ReplaceAll(page, "\r", ""), "\n")
	inside := false
	for i, line := range lines {
		isFence := fence.MatchString(line)
		if inside || isFence {
			lines[i] = ""
		}
		inside = inside != isFence
	}
	return lines
}

// anchors returns the names that GitHub gives the headings of a page.
func anchors(page string) []string {
	var names []string
	count := map[string]int{}
	for _, line := range prose(page) {
		m := heading.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ' || r == '-':
				return '-'
			case r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, linkedWords.ReplaceAllString(m[1], "$1"))
		count[name]++
		if n := count[name]; n > 1 {
			name += "-" + strconv.Itoa(n-1)
		}
		names = append(names, name)
	}
	return names
}

// ownPage matches the beginning of a URL of a file or folder of this repository.
var ownPage = regexp.MustCompile(`^https://github\.com/orgsync/orgsync/(?:blob|tree)/main/`)

// deadLinks returns the links of a page that lead to no file, folder or heading of the project, with their positions.
// URLs of this repository are looked up in source. Other URLs are not checked.
func deadLinks(source, project fs.FS, file string) ([]string, error) {
	page, err := fs.ReadFile(project, file)
	if err != nil {
		return nil, err
	}
	var dead []string
	for i, line := range prose(string(page)) {
		for _, m := range target.FindAllStringSubmatch(span.ReplaceAllString(line, ""), -1) {
			link := m[1] + m[2]
			own := ownPage.FindString(link)
			if strings.Contains(link, ":") && own == "" {
				continue
			}
			to, anchor, anchored := strings.Cut(strings.TrimPrefix(link, own), "#")
			files, place := project, path.Join(path.Dir(file), to)
			switch {
			case own != "":
				files, place = source, path.Clean(to)
			case to == "":
				place = file
			}
			info, err := fs.Stat(files, place)
			known := err == nil
			if known && anchored {
				var other []byte
				if !info.IsDir() {
					other, err = fs.ReadFile(files, place)
				}
				known = err == nil && slices.Contains(anchors(string(other)), anchor)
			}
			if !known {
				dead = append(dead, fmt.Sprintf("%s:%d: %s leads nowhere", file, i+1, link))
			}
		}
	}
	return dead, nil
}

// TestLinks checks all links in the Markdown pages of the project.
func TestLinks(t *testing.T) {
	t.Parallel()
	project, pages := os.DirFS("."), 0
	err := fs.WalkDir(project, ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || file != "." && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir() || path.Ext(file) != ".md":
			return nil
		}
		pages++
		dead, err := deadLinks(project, project, file)
		for _, link := range dead {
			t.Error(link)
		}
		return err
	})
	if err != nil || pages < 10 {
		t.Errorf("%d pages were read: %v", pages, err)
	}
}

func TestLinksCanFail(t *testing.T) {
	t.Parallel()
	project := fstest.MapFS{
		"docs/a.md": {Data: []byte("# One `two`, three_four: [five](six.md)\n## Again\n## Again\n```sh\n# no " +
			"heading\n```\n")},
		"x.go": {},
	}
	for link, want := range map[string]bool{
		"[a](docs/a.md)": true, "[a](docs/b.md)": false, "[docs](docs)": true, "[out](../x)": false,
		"![a](docs/a.svg)":                       false,
		"[a](docs/a.md#one-two-three_four-five)": true, "[a](docs/a.md#again-1)": true, "[a](docs/a.md#again-2)": false,
		"[a](docs/a.md#no-heading)": false, "[a](x.go#again)": false, "[a](docs#again)": false,
		"[here](#top)": true, "[here](#end)": false, "[web](https://example.com/none)": true, "[a]: docs/b.md": false,
		"`[a](docs/b.md)`": true, "```\n[a](docs/b.md)\n```": true, "[a](docs/a.md), [a](docs/b.md)": false,
	} {
		project["page.md"] = &fstest.MapFile{Data: []byte("# Top\n\n" + link + "\n")}
		dead, err := deadLinks(project, project, "page.md")
		if err != nil {
			t.Fatal(err)
		}
		if alive := len(dead) == 0; alive != want {
			t.Errorf("%s leads somewhere: %v, want %v (%q)", link, alive, want, dead)
		}
	}
	const web = "https://github.com/orgsync/orgsync/tree/main/"
	archive := fstest.MapFS{"docs/b.md": {Data: []byte("\nsee [c](c.md), [x](" + web + "x.go), [y](" + web + "y.go)\n")}}
	dead, _ := deadLinks(project, archive, "docs/b.md")
	want := []string{"docs/b.md:2: c.md leads nowhere", "docs/b.md:2: " + web + "y.go leads nowhere"}
	if diff := cmp.Diff(want, dead); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCitedTests: the tests that docs/security.md and docs/taking-away.md cite exist in the cited files.
func TestCitedTests(t *testing.T) {
	t.Parallel()
	code := regexp.MustCompile("`([^` ]+)`")
	cited := 0
	for _, page := range []string{"docs/security.md", "docs/taking-away.md"} {
		for i, line := range strings.Split(read(t, page), "\n") {
			file := ""
			for _, m := range code.FindAllStringSubmatch(line, -1) {
				name, _, _ := strings.Cut(m[1], "/") // without the subtest
				switch {
				case strings.HasSuffix(m[1], "_test.go"):
					file = "internal/" + m[1]
				case file != "" && (strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")):
					cited++
					if !strings.Contains(read(t, file), "\nfunc "+name+"(") {
						t.Errorf("%s:%d: %s has no %s", page, i+1, file, name)
					}
				}
			}
		}
	}
	if cited < 50 {
		t.Errorf("only %d tests are named", cited)
	}
}
