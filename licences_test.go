//go:build release

package orgsync_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite THIRD_PARTY_LICENSES")

// goTool runs the Go tool in dir with settings of the environment, and gives what it prints.
func goTool(t *testing.T, dir string, environment []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), environment...)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, problems.String())
	}
	return string(out)
}

// downloaded is the folder of each module, by its path.
func downloaded(t *testing.T, modules []string) map[string]string {
	t.Helper()
	dirs := map[string]string{}
	decoder := json.NewDecoder(strings.NewReader(goTool(t, ".", nil, append([]string{"mod", "download", "-json"},
		modules...)...)))
	for decoder.More() {
		var m struct{ Path, Dir string }
		if err := decoder.Decode(&m); err != nil {
			t.Fatal(err)
		}
		dirs[m.Path] = m.Dir
	}
	return dirs
}

// legal are the names of files that go along with a program, as their authors ask.
var legal = regexp.MustCompile(`(?i)^((?:un)?licen[cs]e|copying|notice|patents)([.-].*)?$`)

// legalTexts are the licences and notices at the top of a module, by file name.
func legalTexts(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, e := range entries {
		if !e.Type().IsRegular() || !legal.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		texts[e.Name()] = strings.TrimSpace(strings.ReplaceAll(string(text), "\r", "")) + "\n"
	}
	return texts
}

// linked are the modules whose code is in the program on any of the systems of a release.
func linked(t *testing.T) []string {
	t.Helper()
	var modules []string
	for _, system := range []string{"linux", "darwin", "windows"} {
		list := goTool(t, ".", []string{"GOOS=" + system, "CGO_ENABLED=0"}, "list", "-deps", "-f",
			"{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./cmd/orgsync")
		modules = append(modules, strings.Fields(list)...)
	}
	slices.Sort(modules)
	return slices.Compact(modules)
}

// TestThirdPartyLicenses: what is handed out with the program holds the licence of everything in it.
func TestThirdPartyLicenses(t *testing.T) {
	t.Parallel()
	modules := linked(t)
	dirs := downloaded(t, modules)
	var b strings.Builder
	b.WriteString("orgsync is under the licence in LICENSE. The program also holds code of others, under the terms that " +
		"follow.\n" +
		"Where to get the source of each part: `go version -m` on the program prints its module and version.\n")
	part := func(name string, texts map[string]string) {
		if len(texts) == 0 {
			t.Errorf("%s has no licence", name)
		}
		files := make([]string, 0, len(texts))
		for file := range texts {
			files = append(files, file)
		}
		slices.Sort(files)
		for _, file := range files {
			fmt.Fprintf(&b, "\n%[1]s\n%[2]s: %[3]s\n%[1]s\n\n%[4]s", strings.Repeat("=", 120), name, file, texts[file])
		}
	}
	// An installation of Go need not have these at hand; golang.org/x has the very same.
	part("The Go standard library", legalTexts(t, dirs["golang.org/x/net"]))
	for _, m := range modules {
		part(m, legalTexts(t, dirs[m]))
	}
	const file = "THIRD_PARTY_LICENSES"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("run go test -tags release . -run TestThirdPartyLicenses -update, and read what changed "+
			"(-want +got):\n%s", diff)
	}
}

// licences are told by what only they say.
var licences = []struct {
	name string
	says *regexp.Regexp
}{
	{"Apache-2.0", regexp.MustCompile(`Apache License\s+Version 2\.0|Licensed under the Apache License, Version 2\.0`)},
	{"BSD-3-Clause", regexp.MustCompile(`Redistribution and use in source and binary forms[\s\S]*Neither the name`)},
	{"MIT", regexp.MustCompile(`Permission is hereby granted, free of charge`)},
	{"Unlicense", regexp.MustCompile(`free and unencumbered software released into the public domain`)},
	{"MPL-2.0", regexp.MustCompile(`Mozilla Public License,? [Vv]ersion 2\.0`)},
}

// named is a dependency in CONTRIBUTING.md. Its licences end the entry, which may go on in indented lines.
var named = regexp.MustCompile("(?m)^- `([^`]+)`: .*(?:\n  .*)*\\(([^()]+)\\)$")

// TestLicencesNamed: the licence that CONTRIBUTING.md names is the one that the module has.
func TestLicencesNamed(t *testing.T) {
	t.Parallel()
	contributing, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	goMod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, m := range named.FindAllStringSubmatch(strings.ReplaceAll(string(contributing), "\r", ""), -1) {
		want[m[1]] = m[2]
	}
	var modules []string
	for _, m := range requirement.FindAllStringSubmatch(strings.ReplaceAll(string(goMod), "\r", ""), -1) {
		modules = append(modules, m[1])
	}
	for module, dir := range downloaded(t, modules) {
		var texts strings.Builder
		for _, text := range legalTexts(t, dir) {
			texts.WriteString(text)
		}
		if got := strings.Join(recognized(texts.String()), " and "); got != sorted(want[module]) {
			t.Errorf("%s is under %q, and CONTRIBUTING.md says %q", module, got, want[module])
		}
	}
}

func sorted(names string) string {
	list := strings.Split(names, " and ")
	slices.Sort(list)
	return strings.Join(list, " and ")
}

// recognized are the names of the licences in a text.
func recognized(text string) []string {
	var names []string
	for _, l := range licences {
		if l.says.MatchString(text) {
			names = append(names, l.name)
		}
	}
	return names
}
