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

// goTool runs the Go tool in dir with additional environment variables, and returns its output.
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

// moduleFolders returns the folder of each module, by its path.
func moduleFolders(t *testing.T, modules []string) map[string]string {
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

// licenceFile matches the names of files that must be distributed with a program.
var licenceFile = regexp.MustCompile(`(?i)^((?:un)?licen[cs]e|copying|notice|patents)([.-].*)?$`)

// licenceTexts returns the licences and notices at the top of a module, by file name.
func licenceTexts(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, e := range entries {
		if !e.Type().IsRegular() || !licenceFile.MatchString(e.Name()) {
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

// modulesInProgram returns the modules whose code is in the program on any system of a release.
func modulesInProgram(t *testing.T) []string {
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

// TestThirdPartyLicenses: THIRD_PARTY_LICENSES has the licences of all code in the program.
func TestThirdPartyLicenses(t *testing.T) {
	t.Parallel()
	modules := modulesInProgram(t)
	dirs := moduleFolders(t, modules)
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
	// An installation of Go may lack its licence. The modules of golang.org/x have the same one.
	part("The Go standard library", licenceTexts(t, dirs["golang.org/x/net"]))
	for _, m := range modules {
		part(m, licenceTexts(t, dirs[m]))
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

// licences has licences, each with a phrase that only its text has.
var licences = []struct {
	name string
	text *regexp.Regexp
}{
	{"Apache-2.0", regexp.MustCompile(`Apache License\s+Version 2\.0|Licensed under the Apache License, Version 2\.0`)},
	{"BSD-3-Clause", regexp.MustCompile(`Redistribution and use in source and binary forms[\s\S]*Neither the name`)},
	{"MIT", regexp.MustCompile(`Permission is hereby granted, free of charge`)},
	{"Unlicense", regexp.MustCompile(`free and unencumbered software released into the public domain`)},
	{"MPL-2.0", regexp.MustCompile(`Mozilla Public License,? [Vv]ersion 2\.0`)},
}

// dependencyEntry matches the entry of a dependency in CONTRIBUTING.md. The entry ends with its licences. It may
// continue on indented lines.
var dependencyEntry = regexp.MustCompile("(?m)^- `([^`]+)`: .*(?:\n  .*)*\\(([^()]+)\\)$")

// TestLicencesNamed: CONTRIBUTING.md names the licences that each module has.
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
	for _, m := range dependencyEntry.FindAllStringSubmatch(strings.ReplaceAll(string(contributing), "\r", ""), -1) {
		want[m[1]] = m[2]
	}
	var modules []string
	for _, m := range requirement.FindAllStringSubmatch(strings.ReplaceAll(string(goMod), "\r", ""), -1) {
		modules = append(modules, m[1])
	}
	for module, dir := range moduleFolders(t, modules) {
		var texts strings.Builder
		for _, text := range licenceTexts(t, dir) {
			texts.WriteString(text)
		}
		if got := strings.Join(licencesIn(texts.String()), " and "); got != sorted(want[module]) {
			t.Errorf("%s is under %q, and CONTRIBUTING.md says %q", module, got, want[module])
		}
	}
}

func sorted(names string) string {
	list := strings.Split(names, " and ")
	slices.Sort(list)
	return strings.Join(list, " and ")
}

// licencesIn returns the names of the licences in a text.
func licencesIn(text string) []string {
	var names []string
	for _, l := range licences {
		if l.text.MatchString(text) {
			names = append(names, l.name)
		}
	}
	return names
}
