package roster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// write writes a file into a folder of the test and returns its path.
func write(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const oneUser = "users:\n  - email: ada@example.com\n"

// A problem with a file as a whole is not a ProblemsError, but an error that names the path.
func TestLoadPlainErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		// paths prepares a folder and returns the paths to load.
		paths func(t *testing.T, folder string) []string
		want  string
		is    error
	}{
		"nothing named": {
			paths: func(*testing.T, string) []string { return nil },
			want:  "no file or folder is given",
		},
		"missing": {
			paths: func(_ *testing.T, folder string) []string { return []string{filepath.Join(folder, "users.yaml")} },
			want:  "users.yaml: no such file",
			is:    fs.ErrNotExist,
		},
		"empty folder": {
			paths: func(_ *testing.T, folder string) []string { return []string{folder} },
			want:  "has no *.yaml or *.yml file",
		},
		"folder without rosters": {
			paths: func(t *testing.T, folder string) []string {
				write(t, folder, "README.md", "Not a roster.\n")
				write(t, folder, ".hidden.yaml", oneUser)
				return []string{folder}
			},
			want: "has no *.yaml or *.yml file",
		},
		"folder named like a roster": {
			paths: func(t *testing.T, folder string) []string {
				write(t, folder, "users.yaml", oneUser)
				if err := os.Mkdir(filepath.Join(folder, "teams.yaml"), 0o700); err != nil {
					t.Fatal(err)
				}
				return []string{folder}
			},
			want: "teams.yaml is a folder",
		},
		"device in a folder": {
			paths: func(t *testing.T, folder string) []string {
				if runtime.GOOS == "windows" {
					t.Skip("there are no device files")
				}
				if err := os.Symlink(os.DevNull, filepath.Join(folder, "null.yaml")); err != nil {
					t.Fatal(err)
				}
				write(t, folder, "users.yaml", oneUser)
				return []string{folder}
			},
			want: "null.yaml is neither a file nor a folder",
		},
		"link to the folder it is in": {
			paths: func(t *testing.T, folder string) []string {
				write(t, folder, "users.yaml", oneUser)
				below := mkdir(t, folder, "teams")
				write(t, below, "more.yaml", "users:\n  - email: bob@example.com\n")
				symlink(t, folder, filepath.Join(below, "again"))
				return []string{folder}
			},
			want: filepath.Join("teams", "again") + " is a link to a folder that contains it",
		},
		"dangling link without an ending": {
			paths: func(t *testing.T, folder string) []string {
				write(t, folder, "users.yaml", oneUser)
				symlink(t, filepath.Join(folder, "gone"), filepath.Join(folder, "teams"))
				return []string{folder}
			},
			want: "teams: no such file",
			is:   fs.ErrNotExist,
		},
		"empty below": {
			paths: func(t *testing.T, folder string) []string {
				mkdir(t, folder, "teams")
				write(t, mkdir(t, folder, ".hidden"), "users.yaml", oneUser)
				return []string{folder}
			},
			want: "has no *.yaml or *.yml file",
		},
		"folder below that may not be read": {
			paths: func(t *testing.T, folder string) []string {
				if os.Geteuid() == 0 {
					t.Skip("root may read everything")
				}
				write(t, folder, "users.yaml", oneUser)
				below := mkdir(t, folder, "teams")
				if err := os.Chmod(below, 0); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = os.Chmod(below, 0o700) })
				return []string{folder}
			},
			want: "teams: permission denied",
			is:   fs.ErrPermission,
		},
		"device of another name": {
			paths: func(t *testing.T, folder string) []string {
				if runtime.GOOS == "windows" {
					t.Skip("there are no device files")
				}
				write(t, folder, "users.yaml", oneUser)
				symlink(t, os.DevNull, filepath.Join(folder, "null"))
				return []string{folder}
			},
			want: "null is neither a file nor a folder",
		},
		"named twice by a folder above": {
			paths: func(t *testing.T, folder string) []string {
				below := mkdir(t, folder, "teams")
				write(t, below, "users.yaml", oneUser)
				return []string{below, folder}
			},
			want: filepath.Join("teams", "users.yaml") + " is named twice",
		},
		"link to itself": {
			paths: func(t *testing.T, folder string) []string {
				loop := filepath.Join(folder, "loop.yaml")
				if err := os.Symlink(loop, loop); err != nil {
					t.Fatal(err)
				}
				return []string{folder}
			},
			want: "loop.yaml: too many levels of symbolic links",
		},
		"dangling link": {
			paths: func(t *testing.T, folder string) []string {
				if err := os.Symlink(filepath.Join(folder, "gone"), filepath.Join(folder, "users.yaml")); err != nil {
					t.Fatal(err)
				}
				return []string{folder}
			},
			want: "users.yaml: no such file",
			is:   fs.ErrNotExist,
		},
		"not allowed": {
			paths: func(t *testing.T, folder string) []string {
				if os.Geteuid() == 0 {
					t.Skip("root may read everything")
				}
				path := write(t, folder, "users.yaml", oneUser)
				if err := os.Chmod(path, 0); err != nil {
					t.Fatal(err)
				}
				return []string{path}
			},
			want: "users.yaml: permission denied",
			is:   fs.ErrPermission,
		},
		"too large": {
			paths: func(t *testing.T, folder string) []string {
				path := write(t, folder, "users.yaml", oneUser)
				if err := os.Truncate(path, MaxFile+1); err != nil {
					t.Fatal(err)
				}
				return []string{path}
			},
			want: "users.yaml is larger than 64 MiB",
		},
		"named twice": {
			paths: func(t *testing.T, folder string) []string {
				return []string{folder, write(t, folder, "users.yaml", oneUser)}
			},
			want: "users.yaml is named twice",
		},
		"a problem does not hide it": {
			paths: func(t *testing.T, folder string) []string {
				return []string{write(t, folder, "users.yaml", "users:\n"), filepath.Join(folder, "more.yaml")}
			},
			want: "more.yaml: no such file",
			is:   fs.ErrNotExist,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Load(test.paths(t, t.TempDir()))
			if r != nil || err == nil || !strings.HasPrefix(err.Error(), "read roster: ") ||
				!strings.Contains(err.Error(), test.want) {
				t.Fatalf("Load = %v, %v; want an error with %q", r, err, test.want)
			}
			if problems := new(ProblemsError); errors.As(err, &problems) {
				t.Errorf("%v came as problems of the roster", err)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
		})
	}
}

// Files are merged in the order in which they are named, folders in the order of names.
func TestLoadOrder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	person := func(name string) string { return "users:\n  - email: " + name + "@example.com\n" }
	last := write(t, t.TempDir(), "a.yaml", person("last"))
	first := write(t, t.TempDir(), "z.yaml", person("first"))
	write(t, folder, "2.yml", person("third"))
	write(t, folder, "10.yaml", person("second"))
	r, err := Load([]string{first, folder, last})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range r.People {
		got = append(got, p.Email.String())
	}
	const want = "first@example.com second@example.com third@example.com last@example.com"
	if strings.Join(got, " ") != want {
		t.Errorf("people are %v, want %s", got, want)
	}
}

func mkdir(t *testing.T, folder, name string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func symlink(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// loaded returns the addresses of the people in the roster path, in their order.
func loaded(t *testing.T, path string) string {
	t.Helper()
	r, err := Load([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range r.People {
		all = append(all, p.Email.String())
	}
	return strings.Join(all, " ")
}

// A file is also read in a subfolder, and with an extension in capital letters.
func TestLoadSubfolders(t *testing.T) {
	t.Parallel()
	person := func(name string) string { return "users:\n  - email: " + name + "@example.com\n" }
	folder := t.TempDir()
	for _, name := range []string{"a-b.yaml", "a.yaml", "b.YAML", "c.Yml"} {
		write(t, folder, name, person(name[:len(name)-len(filepath.Ext(name))]))
	}
	before := loaded(t, folder)
	if want := "a-b@example.com a@example.com b@example.com c@example.com"; before != want {
		t.Errorf("people are %s, want %s", before, want)
	}
	below := mkdir(t, folder, "b")
	deep := mkdir(t, below, "deep")
	for from, to := range map[string]string{"a.yaml": "b/a.yml", "b.YAML": "b/deep/b.YML"} {
		if err := os.Rename(filepath.Join(folder, from), filepath.Join(folder, filepath.FromSlash(to))); err != nil {
			t.Fatal(err)
		}
	}
	if got := loaded(t, folder); got != before {
		t.Errorf("people are %s after files moved, want %s", got, before)
	}
	if got, want := loaded(t, below), "a@example.com b@example.com"; got != want {
		t.Errorf("the folder below has %s, want %s", got, want)
	}
	elsewhere := write(t, t.TempDir(), "d.yaml", person("d"))
	symlink(t, filepath.Dir(elsewhere), filepath.Join(deep, "elsewhere"))
	if got, want := loaded(t, below), "a@example.com b@example.com d@example.com"; got != want {
		t.Errorf("with a link to a folder people are %s, want %s", got, want)
	}
}

// Other files of a repository in the folder are no error, and hidden files and folders are not read.
func TestLoadLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder, "users.yaml", oneUser)
	others := []string{
		"README.md", "CODEOWNERS", "LICENSE", "notes.txt", "yaml", "json", "yml.md", "roster.schema.json",
		"users.yamlish", ".users.yaml.swp",
		".gitlab-ci.yml", ".#users.yaml",
	}
	for _, name := range others {
		write(t, folder, name, "- no roster\n")
	}
	for _, name := range []string{".git", ".github", "..data"} {
		write(t, mkdir(t, folder, name), "more.yaml", "- no roster\n")
	}
	write(t, mkdir(t, folder, "docs"), "README.md", "no roster\n")
	if got, want := loaded(t, folder), "ada@example.com"; got != want {
		t.Errorf("people are %s, want %s", got, want)
	}
}

// A file that only looks like a roster is an error. Otherwise, its people would silently be unlisted.
func TestLoadRefusesLookalikes(t *testing.T) {
	t.Parallel()
	names := []string{
		"users.json", "users.JSON", "users.yaml.bak", "users.yaml~", "users.yml.orig", "users.yaml.txt",
		"users.YAML.old", "#users.yaml#",
		"users.yml (copy)", "users.yaml,v", "users.schema.yaml.json",
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			write(t, folder, "users.yaml", oneUser)
			file := write(t, mkdir(t, folder, "teams"), name, oneUser)
			want := "read roster: " + file +
				" looks like a roster and is not read: give it a name that ends in .yaml or .yml, move it out of the folder, or " +
				"put a dot in front of its name"
			if _, err := Load([]string{folder}); err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
			if _, err := Load([]string{file}); err != nil {
				t.Errorf("named itself, it is refused: %v", err)
			}
		})
	}
}

// If a person moves to another file while the roster is read, this person may be in none of the files that were read.
// Otherwise, the person would silently be unlisted.
func TestLoadWhileFilesChange(t *testing.T) {
	t.Parallel()
	const both, other = "users: [ada@example.com, bob@example.com]\n", "users: [cyd@example.com]\n"
	tests := map[string]struct {
		change func(t *testing.T, folder string) // after a.yaml was read
		want   string
	}{
		"nothing changes":             {func(*testing.T, string) {}, ""},
		"another file changes":        {func(t *testing.T, folder string) { write(t, folder, "notes.txt", "a") }, ""},
		"b changes before it is read": {func(t *testing.T, folder string) { write(t, folder, "b.yaml", oneUser) }, ""},
		"from b to a": {func(t *testing.T, folder string) {
			write(t, folder, "a.yaml", "users: [cyd@example.com, ada@example.com]\n")
			write(t, folder, "b.yaml", "users: [bob@example.com]\n")
		}, "changed"},
		"from b to a, in new files": {func(t *testing.T, folder string) {
			for name, text := range map[string]string{"a.yaml": both, "b.yaml": other} {
				if err := os.Rename(write(t, folder, ".new", text), filepath.Join(folder, name)); err != nil {
					t.Fatal(err)
				}
			}
		}, "changed"},
		"from b to a new file": {func(t *testing.T, folder string) {
			write(t, folder, "b.yaml", "users: [bob@example.com]\n")
			write(t, folder, "c.yaml", "users: [ada@example.com]\n")
		}, "changed"},
		"a is gone": {func(t *testing.T, folder string) {
			if err := os.Remove(filepath.Join(folder, "a.yaml")); err != nil {
				t.Fatal(err)
			}
			write(t, folder, "b.yaml", both)
		}, "changed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, isFolder := range []bool{true, false} {
				folder := t.TempDir()
				a, b := write(t, folder, "a.yaml", other), write(t, folder, "b.yaml", both)
				paths := []string{folder}
				if !isFolder {
					paths = []string{a, b}
				}
				_, err := load(paths, func(file string) ([]byte, error) {
					data, err := readFile(file)
					if file == a {
						tt.change(t, folder)
					}
					return data, err
				})
				if name == "from b to a new file" && !isFolder { // then c.yaml is no part of the roster
					tt.want = ""
				}
				if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("folder %v: %v", isFolder, err)
				}
			}
		})
	}
}

// A pipe can be read only once, so it counts as unchanged.
func TestLoadFromPipe(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a pipe has no path")
	}
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if _, err := to.WriteString(oneUser); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	if got := loaded(t, fmt.Sprintf("/dev/fd/%d", from.Fd())); got != "ada@example.com" {
		t.Errorf("loaded %s", got)
	}
}

// A small file that expands to a huge one is refused at once, and does not fill the memory.
func TestLoadBoundsAliases(t *testing.T) {
	// Not parallel: it measures what it allocates.
	for _, name := range []string{"alias-billion-laughs", "alias-quadratic", "alias-recursion-deep", "yaml-too-deep"} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := time.Now()
			_, err := Load([]string{filepath.Join(testdata, "bad", name+".yaml")})
			took := time.Since(begin)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatal("no problem was found")
			}
			if took > time.Minute {
				t.Errorf("took %v", took)
			}
			if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; allocated > 32 {
				t.Errorf("allocated %d MiB", allocated)
			}
		})
	}
}

// A long list that many people share does not exceed the limit.
func TestLoadSharedListIsFine(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("users:\n  - email: first@example.com\n    groups: &all [group")
	for i := range 99 {
		fmt.Fprintf(&b, ", group%d", i)
	}
	b.WriteString("]\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "  - email: p%d@example.com\n    groups: *all\n", i)
	}
	r, err := parse("users.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(r.People[3000].Groups); got != 100 {
		t.Errorf("the last person has %d groups, want 100", got)
	}
}

// The example roster is valid.
func TestExampleRoster(t *testing.T) {
	t.Parallel()
	r, err := Load([]string{"../../users.example.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Organization != "Example Org" {
		t.Errorf("the example is for %q", r.Organization)
	}
	exists := map[string]bool{"everyone": true, "platform": true, "deployer": true, "read-only": true}
	for _, p := range r.People {
		for _, refs := range [][]Ref{p.Groups, p.Roles, p.Policies} {
			for _, ref := range refs {
				if !exists[ref.Name] {
					t.Errorf("%v: the simulated organization has no %q", ref.At, ref.Name)
				}
			}
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	candidates := []string{"email", "name", "api_enabled", "groups", "roles", "until", "note"}
	tests := map[string]string{
		"emial": "email", "e-mail": "email", "EMAIL": "email", "mail": "email", "emails": "email",
		"apiEnabled": "api_enabled", "api-enable": "api_enabled", "gruops": "groups", "group": "groups", "rolse": "roles",
		"untli": "until", "nmae": "name", "notes": "note",
		"": "", "x": "", "favourite": "", "rate": "", strings.Repeat("email", 1000): "",
	}
	for name, want := range tests {
		if got := Nearest(name, candidates); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

// parse reads a roster of one file.
func parse(file string, data []byte) (*Roster, error) { return Parse([]File{{file, data}}) }
