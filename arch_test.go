// Package orgsync_test checks the rules of the whole project: which package may import which, which package may use the
// clock, the environment and the network, and how files and exported names are named and documented. The rules are in
// the tables below.
package orgsync_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const module = "github.com/orgsync/orgsync/"

// packageRule says what a package may import.
type packageRule struct {
	dir string
	// std has the packages of the standard library. nil allows all of them, but see restrictedUses.
	std []string
	// project has the packages of this project. Tests may import all packages of this project.
	project []string
	// modules has packages of other modules. Packages below them are allowed too. Tests may also import testModules.
	modules []string
}

var packageRules = []packageRule{
	{
		dir:     ".", // tests only
		project: nil,
	},
	{
		dir:     "cmd/orgsync",
		project: []string{"internal/cli"},
	},
	{
		dir: "internal/cli",
		project: []string{
			"deploy", "internal/apply", "internal/diff", "internal/doctor", "internal/document", "internal/flagvalue",
			"internal/git",
			"internal/ledger", "internal/org", "internal/ping", "internal/plan", "internal/printable", "internal/reconcile",
			"internal/report",
			"internal/roster", "internal/sandbox", "internal/secrets", "internal/shellword", "internal/state",
			"internal/state/backend", "internal/vultr", "internal/wholefile",
		},
		modules: []string{"github.com/google/renameio/v2", "github.com/spf13/cobra", "github.com/spf13/pflag",
			"github.com/vbauerster/cupwriter", "github.com/vbauerster/mpb/v8", "golang.org/x/term"},
	},
	{
		// The samples, so that 'orgsync init' can write them.
		dir: "deploy",
		std: []string{"embed"},
	},
	{
		dir:     "internal/flagvalue",
		project: []string{"internal/printable"},
	},
	{
		dir:     "internal/git",
		project: []string{"internal/printable", "internal/roster"},
	},
	{
		dir: "internal/secrets",
	},
	{
		dir:     "internal/org",
		project: []string{"internal/lazyregexp"},
		modules: []string{"golang.org/x/net/idna", "golang.org/x/text/unicode/norm"},
	},
	{
		dir: "internal/roster",
		project: []string{"internal/lazyregexp", "internal/org", "internal/printable", "internal/shellword",
			"internal/state"},
		modules: []string{"gopkg.in/yaml.v3"},
	},
	{
		dir:     "internal/vultr",
		project: []string{"internal/lazyregexp", "internal/loopback", "internal/org"},
		modules: []string{"github.com/vultr/govultr/v3", "golang.org/x/sync", "golang.org/x/time/rate"},
	},
	{
		// Makes no request itself: internal/vultr does.
		dir:     "internal/doctor",
		project: []string{"internal/lazyregexp", "internal/org", "internal/vultr"},
	},
	{
		dir:     "internal/ledger",
		project: []string{"internal/org", "internal/state"},
	},
	{
		dir: "internal/loopback",
		std: []string{"net/netip", "strings"},
	},
	{
		dir: "internal/lazyregexp",
		std: []string{"regexp", "sync"},
	},
	{
		dir: "internal/shellword",
		std: []string{"strings"},
	},
	{
		dir: "internal/wholefile",
		std: []string{"errors", "io/fs", "os", "path/filepath"},
	},
	{
		// The interface of a store for ledgers. It does not know the format of a ledger line.
		dir:     "internal/state",
		project: []string{"internal/lazyregexp", "internal/loopback"},
	},
	{
		dir:     "internal/state/dir",
		project: []string{"internal/shellword", "internal/state", "internal/wholefile"},
		modules: []string{"github.com/gofrs/flock"},
	},
	{
		// The lock, which is a log on five operations of any object storage.
		dir:     "internal/state/objects",
		project: []string{"internal/state"},
		modules: []string{"golang.org/x/sync/errgroup"},
	},
	{
		dir:     "internal/state/s3",
		project: []string{"internal/loopback", "internal/state", "internal/state/objects"},
		modules: []string{"github.com/minio/minio-go/v7"},
	},
	{
		dir:     "internal/state/postgres",
		project: []string{"internal/loopback", "internal/state", "internal/state/objects"},
		modules: []string{"github.com/jackc/pgx/v5"},
	},
	{
		dir: "internal/state/backend",
		project: []string{
			"internal/state", "internal/state/dir", "internal/state/objects", "internal/state/postgres", "internal/state/s3",
		},
	},
	{
		// Pure: no file, network, logger or context.
		dir: "internal/plan",
		std: []string{
			"cmp", "crypto/sha256", "encoding/hex", "encoding/json", "errors", "fmt", "iter", "maps", "slices", "sort",
			"strconv",
			"strings", "time",
		},
		project: []string{"internal/org", "internal/roster"},
	},
	{
		// Pure, like internal/plan.
		dir:     "internal/diff",
		std:     []string{"cmp", "maps", "slices", "strconv", "strings", "time"},
		project: []string{"internal/org", "internal/roster"},
	},
	{
		// The use cases. They do not print, and do not depend on the command line.
		dir: "internal/reconcile",
		std: []string{"context", "errors", "fmt", "io/fs", "slices", "time"},
		project: []string{"internal/apply", "internal/ledger", "internal/org", "internal/plan", "internal/roster",
			"internal/state"},
	},
	{
		dir:     "internal/apply",
		project: []string{"internal/ledger", "internal/org", "internal/plan", "internal/state"},
		modules: []string{"golang.org/x/sync/errgroup"},
	},
	{
		dir:     "internal/printable",
		modules: []string{"github.com/mattn/go-runewidth"},
	},
	{
		dir:     "internal/document",
		project: []string{"internal/org", "internal/printable", "internal/roster"},
	},
	{
		dir: "internal/report",
		project: []string{
			"internal/apply", "internal/diff", "internal/doctor", "internal/document", "internal/lazyregexp",
			"internal/ledger", "internal/org", "internal/plan", "internal/printable", "internal/roster",
			"internal/shellword", "internal/state",
		},
	},
	{
		// A dead-man's switch must never get the key, so it shares no code with packages that have it.
		dir: "internal/ping",
	},
	{
		// Users run it without an account, and tests rely on it. So it shares no code with the packages that it tests.
		dir:     "internal/sandbox",
		modules: []string{"github.com/gofrs/flock"},
	},
	{
		// Measures the program from outside, and compares it with other tools.
		dir:     "bench",
		project: []string{"internal/ledger", "internal/sandbox", "internal/state", "internal/state/backend"},
		modules: []string{"github.com/vultr/govultr/v3", "gopkg.in/yaml.v3"},
	},
	{
		// Makes the pages of docs/cli, man pages and completions. Not part of the program.
		dir:     "internal/tools/manual",
		project: []string{"internal/cli"},
		modules: []string{"github.com/spf13/cobra", "github.com/spf13/pflag"},
	},
	// The packages below are only for tests, so no rule above allows them.
	{
		dir: "internal/printable/printabletest",
	},
	{
		dir:     "internal/ledger/ledgertest",
		project: []string{"internal/state"},
	},
	{
		dir:     "internal/state/statetest",
		project: []string{"internal/state", "internal/state/objects"},
	},
	{
		dir:     "internal/sandbox/sandboxtest",
		project: []string{"internal/sandbox"},
	},
}

// testModules has the modules that only tests may import.
var testModules = []string{
	"github.com/creack/pty", "github.com/google/go-cmp", "github.com/jackc/pgx/v5",
	"github.com/prometheus/client_golang/prometheus/testutil/promlint", "github.com/prometheus/common",
	"github.com/rogpeppe/go-internal/testscript", "github.com/santhosh-tekuri/jsonschema/v6",
	"golang.org/x/net/html", "gopkg.in/yaml.v3", "pgregory.net/rapid",
}

// restrictedUse is something that only some folders and files may use, such as the clock. Tests may use everything.
type restrictedUse struct {
	pkg string
	// names has the restricted names of the package. nil means that the package and the packages below it may not be
	// imported at all.
	names []string
	where []string
	why   string
}

var restrictedUses = []restrictedUse{
	{
		"net/http", nil, []string{"internal/ping", "internal/vultr", "internal/sandbox", "internal/sandbox/sandboxtest",
			"internal/cli/simulate.go", "internal/state/s3", "bench"},
		"only a few packages may make HTTP requests",
	},
	{"github.com/spf13/cobra/doc", nil, []string{"internal/tools/manual"},
		"the program does not contain the generator of its pages"},
	{
		"time", []string{"Now", "Since", "Until"}, []string{"internal/apply/settle.go", "internal/apply/send.go",
			"internal/vultr", "internal/sandbox", "internal/state", "internal/state/objects", "internal/state/statetest",
			"internal/cli", "bench"},
		"use the time of the server, which is passed in",
	},
	{
		"time", []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Tick"},
		[]string{"internal/apply/settle.go", "internal/vultr", "internal/sandbox", "internal/state/objects",
			"internal/state/statetest", "internal/cli", "bench"}, "this package may not wait",
	},
	{"time", []string{"Sleep"}, nil, "a sleep cannot be interrupted: wait for a timer or the context"},
	{"os", []string{"Exit"}, []string{"cmd/orgsync/main.go", "bench/main.go", "internal/tools/manual/main.go"},
		"os.Exit skips deferred calls"},
	{"log", []string{"Fatal", "Fatalf", "Fatalln", "Print", "Printf", "Println"}, nil,
		"use the *slog.Logger that is passed in"},
	{
		"os", []string{"Stdin", "Stdout", "Stderr", "Getenv", "LookupEnv", "Environ"}, []string{"internal/cli", "bench",
			"internal/tools/manual/main.go"},
		"use the streams and the environment that are passed in",
	},
	{"fmt", []string{"Print", "Printf", "Println"}, nil, "print to the streams that are passed in"},
	{module + "internal/roster", []string{"Load", "Parse"}, []string{"internal/cli"}, "only the command reads rosters"},
	{module + "internal/doctor", []string{"Run", "NewRecorder"}, []string{"internal/cli"},
		"only the command runs the checks"},
}

// bannedFileNames has words that do not say what a package or file contains.
var bannedFileNames = []string{"common", "helper", "helpers", "misc", "util", "utils"}

// bannedText has texts that no file may contain. They are written in pieces, because this file is checked too.
var bannedText = []string{
	"/wo" + "rk/", // a path of somebody's machine
	// The proxy and the registry are settings of the machine.
	"proxy.golang" + ".org", "sum.golang" + ".org", "index.golang" + ".org", "registry.npmjs" + ".org", "pypi" + ".org",
}

// check returns a problem for each rule that the file breaks, with its position. The path of the file has slashes and
// begins at the root of the repository.
func check(file string, src []byte) []string {
	var problems []string
	for _, text := range bannedText {
		// A built program may contain such paths.
		if i := bytes.Index(src, []byte(text)); i >= 0 && !bytes.Contains(src, []byte{0}) {
			problems = append(problems, fmt.Sprintf("%s:%d: contains %q", file, 1+bytes.Count(src[:i], []byte("\n")), text))
		}
	}
	if path.Ext(file) != ".go" || slices.Contains(strings.Split(file, "/"), "testdata") {
		return problems
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return append(problems, err.Error())
	}
	report := func(pos token.Pos, format string, args ...any) {
		at := fset.Position(pos)
		problems = append(problems, fmt.Sprintf("%s:%d: ", file, at.Line)+fmt.Sprintf(format, args...))
	}
	checkName(file, f, report)
	checkImports(file, f, report)
	if !strings.HasSuffix(file, "_test.go") {
		checkRestrictedUses(file, f, report)
		checkComments(f, report)
	}
	return problems
}

type reporter func(pos token.Pos, format string, args ...any)

func checkName(file string, f *ast.File, report reporter) {
	words := strings.FieldsFunc(strings.TrimSuffix(file, ".go"), func(r rune) bool { return r == '/' || r == '_' })
	for _, word := range append(words, f.Name.Name) {
		if slices.Contains(bannedFileNames, word) {
			report(f.Package, "%q does not describe the contents", word)
			return
		}
	}
}

func checkImports(file string, f *ast.File, report reporter) {
	i := slices.IndexFunc(packageRules, func(r packageRule) bool { return r.dir == path.Dir(file) })
	if i < 0 {
		report(f.Package, "package %s has no rule in packageRules", path.Dir(file))
		return
	}
	r, test := packageRules[i], strings.HasSuffix(file, "_test.go")
	if r.dir == "." && !test {
		report(f.Package, "the root holds tests only")
	}
	for _, spec := range f.Imports {
		imp := importPath(spec)
		inProject, project := strings.CutPrefix(imp, module)
		var ok bool
		switch {
		case project:
			ok = test || slices.Contains(r.project, inProject)
		case strings.Contains(strings.Split(imp, "/")[0], "."):
			ok = within(imp, r.modules) || test && within(imp, testModules)
		default:
			ok = test || r.std == nil || slices.Contains(r.std, imp)
		}
		if !ok {
			report(spec.Pos(), "%s may not import %s", r.dir, imp)
		}
		if spec.Name != nil && spec.Name.Name == "." {
			report(spec.Pos(), "imports %s with a dot, which hides where names come from", imp)
		}
	}
}

func checkRestrictedUses(file string, f *ast.File, report reporter) {
	pkgs := map[string]string{} // by the name that the file gives them
	for _, spec := range f.Imports {
		imp := importPath(spec)
		name := path.Base(imp)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		pkgs[name] = imp
		for _, t := range restrictedUses {
			if t.names == nil && within(imp, []string{t.pkg}) && !t.allows(file) {
				report(spec.Pos(), "may not import %s: %s", imp, t.why)
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		for _, t := range restrictedUses {
			if pkgs[x.Name] == t.pkg && slices.Contains(t.names, sel.Sel.Name) && !t.allows(file) {
				report(sel.Pos(), "may not use %s.%s: %s", t.pkg, sel.Sel.Name, t.why)
			}
		}
		return true
	})
}

// allows reports whether file may use the restricted names.
func (t restrictedUse) allows(file string) bool {
	return slices.Contains(t.where, file) || slices.Contains(t.where, path.Dir(file))
}

// checkComments reports exported names without a comment. In a group, a comment of the group is enough.
func checkComments(f *ast.File, report reporter) {
	if f.Name.Name == "main" {
		return // exports nothing
	}
	want := func(name *ast.Ident, comments ...*ast.CommentGroup) {
		// A comment that is only a directive has no text.
		hasText := func(c *ast.CommentGroup) bool { return strings.TrimSpace(c.Text()) != "" }
		if name.IsExported() && !slices.ContainsFunc(comments, hasText) {
			report(name.Pos(), "%s has no comment", name.Name)
		}
	}
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type)) {
				want(d.Name, d.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					want(s.Name, d.Doc, s.Doc)
				case *ast.ValueSpec:
					for _, name := range s.Names {
						want(name, d.Doc, s.Doc, s.Comment)
					}
				}
			}
		}
	}
}

// receiver returns the name of a method's type, without pointer and type parameters.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func importPath(spec *ast.ImportSpec) string {
	imp, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic(err) // the parser accepts only quoted paths
	}
	return imp
}

// within reports whether imp is one of the packages, or is below one of them.
func within(imp string, packages []string) bool {
	return slices.ContainsFunc(packages, func(p string) bool { return imp == p || strings.HasPrefix(imp, p+"/") })
}

var requirement = regexp.MustCompile(`(?m)^(?:require)?[ \t]+(\S+\.\S+) v\S+$`)

// unexplainedModules returns the number of direct dependencies in a go.mod, and those that text does not explain. A
// dependency is explained by a line that has its name in backticks and a reason after it.
func unexplainedModules(goMod, text string) (direct int, missing []string) {
	matches := requirement.FindAllStringSubmatch(strings.ReplaceAll(goMod, "\r", ""), -1)
	for _, m := range matches {
		reason := regexp.MustCompile("`" + regexp.QuoteMeta(m[1]) + "`" + `.*\pL.* \pL.* \pL`)
		if !reason.MatchString(text) {
			missing = append(missing, m[1])
		}
	}
	return len(matches), missing
}

func TestRules(t *testing.T) {
	t.Parallel()
	withGoFiles := map[string]bool{}
	err := fs.WalkDir(os.DirFS("."), ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(file, ".") && !slices.Contains([]string{".", ".ci", ".github"}, file):
			return fs.SkipDir
		case !d.Type().IsRegular() || file == ".git": // a file in a worktree
			return nil
		}
		src, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if path.Ext(file) == ".go" {
			withGoFiles[path.Dir(file)] = true
		}
		for _, problem := range check(file, src) {
			t.Error(problem)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range packageRules {
		if !withGoFiles[r.dir] {
			t.Errorf("packageRules has %s, which has no Go files", r.dir)
		}
	}
}

func TestDependenciesExplained(t *testing.T) {
	t.Parallel()
	goMod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	contributing, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	direct, missing := unexplainedModules(string(goMod), string(contributing))
	if direct == 0 {
		t.Error("go.mod names no direct dependency: run go mod tidy")
	}
	for _, m := range missing {
		t.Errorf("CONTRIBUTING.md does not explain the dependency `%s`", m)
	}
}

// allowedNames returns the imports of a package as CONTRIBUTING.md writes them: the last part of each path, without the
// version.
func (r packageRule) allowedNames() []string {
	var names []string
	for _, imp := range slices.Concat(r.project, r.modules) {
		if version := path.Base(imp); regexp.MustCompile(`^v[0-9]+$`).MatchString(version) {
			imp = path.Dir(imp)
		}
		names = append(names, strings.TrimPrefix(path.Base(imp), "go-"))
	}
	slices.Sort(names)
	return names
}

// TestPackageTable compares the table of packages in CONTRIBUTING.md with the rules in this file.
func TestPackageTable(t *testing.T) {
	t.Parallel()
	contributing, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range packageRules {
		row := regexp.MustCompile("(?m)^\\| [^|]*`" + regexp.QuoteMeta(r.dir) + "`[^|]*\\|[^|]+\\| ([^|]+) " +
			"\\|\r?$").FindSubmatch(contributing)
		switch {
		case r.dir == ".": // tests only
			continue
		case row == nil:
			t.Errorf("CONTRIBUTING.md has no row for %s", r.dir)
			continue
		}
		var names []string
		for _, word := range strings.FieldsFunc(string(row[1]), func(c rune) bool { return c == ',' || c == ';' }) {
			switch word = strings.TrimSuffix(strings.TrimSpace(word), " (types)"); word {
			case "nothing":
			default:
				names = append(names, word)
			}
		}
		slices.Sort(names)
		if diff := cmp.Diff(r.allowedNames(), names, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("imports of %s (-packageRules +CONTRIBUTING.md):\n%s", r.dir, diff)
		}
	}
}

// TestRulesCanFail checks for each rule that a small file breaks it, and that a similar file does not.
func TestRulesCanFail(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, src string
		want            []string
	}{
		{"clean", "internal/org/x.go", "package org\n\nimport \"time\"\n\n// D is long.\nconst D = time.Second\n", nil},
		{"not go", "internal/org/x.go", "func", []string{"internal/org/x.go:1:1: expected 'package', found 'func'"}},

		{
			"project import", "internal/org/x.go", "package org\n\nimport _ \"" + module + "internal/plan\"\n",
			[]string{"internal/org/x.go:3: internal/org may not import " + module + "internal/plan"},
		},
		{"project import allowed", "internal/report/x.go", "package report\n\nimport _ \"" + module +
			"internal/plan\"\n", nil},
		{
			"test double", "internal/apply/x.go", "package apply\n\nimport _ \"" + module + "internal/ledger/ledgertest\"\n",
			[]string{"internal/apply/x.go:3: internal/apply may not import " + module + "internal/ledger/ledgertest"},
		},
		{"project import in a test", "internal/org/x_test.go", "package org\n\nimport _ \"" + module +
			"internal/plan\"\n", nil},
		{
			"module", "internal/apply/x.go", "package apply\n\nimport _ \"golang.org/x/sync/semaphore\"\n",
			[]string{"internal/apply/x.go:3: internal/apply may not import golang.org/x/sync/semaphore"},
		},
		{"module allowed", "internal/vultr/x.go", "package vultr\n\nimport _ \"golang.org/x/sync/semaphore\"\n", nil},
		{
			"module of a like name", "internal/roster/x.go", "package roster\n\nimport _ \"gopkg.in/yaml.v3x\"\n",
			[]string{"internal/roster/x.go:3: internal/roster may not import gopkg.in/yaml.v3x"},
		},
		{
			"test module", "internal/org/x.go", "package org\n\nimport _ \"pgregory.net/rapid\"\n",
			[]string{"internal/org/x.go:3: internal/org may not import pgregory.net/rapid"},
		},
		{"test module in a test", "internal/org/x_test.go", "package org\n\nimport _ \"pgregory.net/rapid\"\n", nil},
		{
			"assertion library", "internal/org/x_test.go", "package org\n\nimport _ \"github.com/stretchr/testify/assert\"\n",
			[]string{"internal/org/x_test.go:3: internal/org may not import github.com/stretchr/testify/assert"},
		},
		{
			"impure plan", "internal/plan/x.go", "package plan\n\nimport (\n\t_ \"context\"\n\t_ \"os\"\n)\n",
			[]string{"internal/plan/x.go:4: internal/plan may not import context", "internal/plan/x.go:5: internal/plan may " +
				"not import os"},
		},
		{
			"unknown package", "internal/new/x.go", "package new\n",
			[]string{"internal/new/x.go:1: package internal/new has no rule in packageRules"},
		},
		{"code at the root", "x.go", "package orgsync\n", []string{"x.go:1: the root holds tests only"}},
		{
			"dot", "internal/org/x.go", "package org\n\nimport . \"time\"\n",
			[]string{"internal/org/x.go:3: imports time with a dot, which hides where names come from"},
		},

		{
			"http", "internal/report/x.go", "package report\n\nimport _ \"net/http/httptest\"\n",
			[]string{"internal/report/x.go:3: may not import net/http/httptest: only a few packages may make HTTP requests"},
		},
		{
			"http in another command", "internal/cli/plan.go", "package main\n\nimport _ \"net/http\"\n",
			[]string{"internal/cli/plan.go:3: may not import net/http: only a few packages may make HTTP requests"},
		},
		{"http in the simulation", "internal/cli/simulate.go", "package main\n\nimport _ \"net/http\"\n", nil},
		{
			"clock", "internal/plan/x.go", "package plan\n\nimport clock \"time\"\n\nvar now = clock.Now\n",
			[]string{"internal/plan/x.go:5: may not use time.Now: use the time of the server, which is passed in"},
		},
		{"clock in a command", "internal/cli/x.go", "package main\n\nimport \"time\"\n\nvar now = time.Now\n", nil},
		{"clock in a test", "internal/plan/x_test.go", "package plan\n\nimport \"time\"\n\nvar now = time.Now\n", nil},
		{
			"timer", "internal/plan/x.go", "package plan\n\nimport \"time\"\n\nvar t = time.NewTimer(1)\n",
			[]string{"internal/plan/x.go:5: may not use time.NewTimer: this package may not wait"},
		},
		{
			"sleep", "internal/vultr/x.go", "package vultr\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n",
			[]string{"internal/vultr/x.go:5: may not use time.Sleep: a sleep cannot be interrupted: wait for a timer or the " +
				"context"},
		},
		{
			"exit", "internal/cli/plan.go", "package main\n\nimport \"os\"\n\nfunc f() { os.Exit(1) }\n",
			[]string{"internal/cli/plan.go:5: may not use os.Exit: os.Exit skips deferred calls"},
		},
		{"exit in main", "cmd/orgsync/main.go", "package main\n\nimport \"os\"\n\nfunc f() { os.Exit(1) }\n", nil},
		{
			"log", "cmd/orgsync/main.go", "package main\n\nimport \"log\"\n\nfunc f() { log.Fatal() }\n",
			[]string{"cmd/orgsync/main.go:5: may not use log.Fatal: use the *slog.Logger that is passed in"},
		},
		{
			"environment", "internal/vultr/x.go", "package vultr\n\nimport \"os\"\n\nvar key = os.Getenv(\"KEY\")\n",
			[]string{"internal/vultr/x.go:5: may not use os.Getenv: use the streams and the environment that are passed in"},
		},
		{
			"print", "internal/cli/x.go", "package main\n\nimport \"fmt\"\n\nfunc f() { fmt.Println() }\n",
			[]string{"internal/cli/x.go:5: may not use fmt.Println: print to the streams that are passed in"},
		},
		{
			"reading the roster", "internal/plan/x.go", "package plan\n\nimport \"" + module + "internal/roster\"\n\nvar load " +
				"= roster.Load\n",
			[]string{"internal/plan/x.go:5: may not use " + module + "internal/roster.Load: only the command reads rosters"},
		},

		{
			"file name", "internal/org/test_helpers_test.go", "package org\n",
			[]string{`internal/org/test_helpers_test.go:1: "helpers" does not describe the contents`},
		},
		{
			"folder name", "internal/util/x.go", "package util\n",
			[]string{
				`internal/util/x.go:1: "util" does not describe the contents`,
				"internal/util/x.go:1: package internal/util has no rule in packageRules",
			},
		},
		{
			"package name", "internal/org/x.go", "package common\n",
			[]string{`internal/org/x.go:1: "common" does not describe the contents`},
		},

		{
			"comments", "internal/org/x.go",
			`package org

func F() {}

type T[K any] struct{}

func (t *T[K]) M() {}

func (t *t) M() {}

type (
	// A is told.
	A int
	B int
)

const C, c = 1, 2

//go:generate nothing
var V int
`,
			[]string{
				"internal/org/x.go:3: F has no comment",
				"internal/org/x.go:5: T has no comment",
				"internal/org/x.go:7: M has no comment",
				"internal/org/x.go:14: B has no comment",
				"internal/org/x.go:17: C has no comment",
				"internal/org/x.go:20: V has no comment",
			},
		},
		{
			"comments enough", "internal/org/x.go",
			"package org\n\n// The sizes.\nconst (\n\tA = 1\n\tB = 2\n)\n\nvar (\n\tV int // counts\n)\n\nfunc f() {}\n", nil,
		},
		{"comments in main", "internal/cli/x.go", "package main\n\nfunc F() {}\n", nil},
		{"comments in a test", "internal/org/x_test.go", "package org\n\nfunc TestF() {}\n", nil},

		{"machine path", "docs/x.md", "see\n/wo" + "rk/main\n", []string{`docs/x.md:2: contains "/wo` + `rk/"`}},
		{
			"registry", "testdata/x.go", "// GOPROXY=https://proxy.golang" + ".org\n",
			[]string{`testdata/x.go:1: contains "proxy.golang` + `.org"`},
		},
		{"machine path in a program", "orgsync", "\x7fELF\x00/wo" + "rk/main", nil},
		{"code in testdata", "internal/org/testdata/util.go", "package util\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, check(tt.file, []byte(tt.src))); diff != "" {
				t.Errorf("check(%s) (-want +got):\n%s", tt.file, diff)
			}
		})
	}
}

func TestUnexplainedModules(t *testing.T) {
	t.Parallel()
	goMod := `module example.com/m

go 1.26.0

require example.com/single v1.0.0

require (
	example.com/bare v1.0.0
	example.com/told v1.2.3
	example.com/told/v2 v2.0.0-20260101000000-abcdef012345
	example.com/deep v1.0.0 // indirect
)
`
	text := "- `example.com/told`: reads YAML with places\n- `example.com/bare`\n- example.com/told/v2 is a good thing\n" +
		"- `example.com/single` helps\n"
	direct, missing := unexplainedModules(goMod, text)
	want := []string{"example.com/single", "example.com/bare", "example.com/told/v2"}
	if diff := cmp.Diff(want, missing); diff != "" || direct != 4 {
		t.Errorf("unexplainedModules() = %d, (-want +got):\n%s", direct, diff)
	}
}
