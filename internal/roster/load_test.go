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

// write puts a file under a folder of the test and gives its path.
func write(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const oneUser = "users:\n  - email: ada@example.com\n"

// What is wrong with the files themselves is a plain error that names the path.
func TestLoadPlainErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		// paths prepares a folder and says what to load.
		paths func(t *testing.T, folder string) []string
		want  string
		is    error
	}{
		"nothing named": {
			paths: func(*testing.T, string) []string { return nil },
			want:  "no file or folder is named",
		},
		"missing": {
			paths: func(_ *testing.T, folder string) []string { return []string{filepath.Join(folder, "users.yaml")} },
			want:  "users.yaml: no such file",
			is:    fs.ErrNotExist,
		},
		"empty folder": {
			paths: func(_ *testing.T, folder string) []string { return []string{folder} },
			want:  "holds no *.yaml or *.yml file",
		},
		"folder without rosters": {
			paths: func(t *testing.T, folder string) []string {
				write(t, folder, "README.md", "Not a roster.\n")
				write(t, folder, ".hidden.yaml", oneUser)
				return []string{folder}
			},
			want: "holds no *.yaml or *.yml file",
		},
		"folder named like a roster": {
			paths: func(t *testing.T, folder string) []string {
				write(t, folder, "users.yaml", oneUser)
				if err := os.Mkdir(filepath.Join(folder, "teams.yaml"), 0o700); err != nil {
					t.Fatal(err)
				}
				return []string{folder}
			},
			want: "teams.yaml is no file",
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
			want: "null.yaml is no file",
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
			if r != nil || err == nil || !strings.HasPrefix(err.Error(), "read roster: ") || !strings.Contains(err.Error(), test.want) {
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

// A small file that stands for a huge one is refused at once and without the memory that it asks for.
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

// A file that shares a long list among many people, as a company might, is within the bound.
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

// The example that newcomers begin with is a good roster.
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

// The decoder keeps the keys of a section in a set of maxKeys.
func TestSectionsFit(t *testing.T) {
	t.Parallel()
	for _, s := range sections {
		if len(s.keys) > maxKeys {
			t.Errorf("there are %d keys %s, and room for %d", len(s.keys), s.where, maxKeys)
		}
	}
}

// parse reads a roster that is one file.
func parse(file string, data []byte) (*Roster, error) { return Parse([]File{{file, data}}) }
