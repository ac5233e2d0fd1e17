package roster

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// -update rewrites the file.
func TestSchemaFile(t *testing.T) {
	t.Parallel()
	checkGolden(t, "../../roster.schema.json", string(Schema()))
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("roster.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("roster.schema.json") // checks it against the schema of schemas
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// The reasons why the schema accepts some invalid rosters: only the decoder can check them.
const (
	inTheYAML   = "a matter of how the file is written: what an editor makes of it as values is in order"
	manyPlaces  = "concerns two places, and a schema looks at one at a time"
	manyFiles   = "concerns several files, or what another file may have"
	canonical   = "needs the canonical form of an address or domain"
	sumOfParts  = "a bound on the sum of the parts of a time"
	secrets     = "a matter of the parts of a URL"
	otherDigits = "YAML reads the number alike; the decoder wants it written plainly"
)

var schemaAccepts = map[string]string{
	"alias-email-twice":                      manyPlaces,
	"alias-person-twice":                     manyPlaces,
	"duplicate-alias-own-address":            manyPlaces,
	"duplicate-alias-then-person":            manyPlaces,
	"duplicate-person":                       manyPlaces,
	"from-after-until":                       manyPlaces,
	"duplicate-person-alias":                 manyPlaces,
	"duplicate-person-three-times":           manyPlaces,
	"settings-after-users":                   manyPlaces,
	"settings-alias-outside-allowed-domains": manyPlaces,
	"settings-outside-allowed-domains":       manyPlaces,

	"files-alias-twin":                             manyFiles,
	"files-domains-in-another":                     manyFiles,
	"files-duplicate-person":                       manyFiles,
	"files-no-users":                               manyFiles,
	"files-two-settings":                           manyFiles,
	"files-team-twice":                             manyFiles,
	"teams-without-members":                        manyFiles,
	"teams-outside-allowed-domains":                manyFiles,
	"teams-twice":                                  manyPlaces,
	"state-password":                               secrets,
	"state-parameter":                              secrets,
	"state-url":                                    secrets,
	"state-settings":                               secrets,
	"state-home":                                   secrets,
	"state-slashes":                                secrets,
	"files-unlisted-needs-organization":            manyFiles,
	"settings-unlisted-needs-organization":         manyFiles,
	"settings-unlisted-suspend-needs-organization": manyFiles,
	"users-missing":                                manyFiles,

	"duplicate-alias-twins": canonical,
	"duplicate-domain":      canonical,
	"duplicate-person-case": canonical,
	"duplicate-person-idna": canonical,
	"duplicate-protected":   canonical,
	"email-bad-punycode":    canonical,
	"email-label-too-long":  canonical,

	"settings-numbers-of-other-kinds":  otherDigits,
	"settings-unlisted-after-overflow": sumOfParts,
	"settings-unlisted-after-too-long": sumOfParts,

	"duplicate-key-in-entry": inTheYAML,
	"duplicate-key-quoted":   inTheYAML,
	"duplicate-key-settings": inTheYAML,
	"duplicate-key-users":    inTheYAML,
	"key-tagged":             inTheYAML,
	"name-merge":             inTheYAML,
	"note-date":              inTheYAML,
	"yaml-tag-custom":        inTheYAML,
	"yaml-tag-on-root":       inTheYAML,
	"yaml-tag-str":           inTheYAML,
}

// The schema accepts every valid roster. It refuses every invalid roster, except those that have a reason.
func TestSchemaAgreesWithDecoder(t *testing.T) {
	t.Parallel()
	compiled := compileSchema(t)
	for name, path := range cases(t, "good") {
		t.Run("good/"+name, func(t *testing.T) {
			t.Parallel()
			if err := checkBySchema(t, compiled, path); err != nil {
				t.Errorf("the schema refuses a good roster: %v", err)
			}
		})
	}
	bad := cases(t, "bad")
	for name, path := range bad {
		t.Run("bad/"+name, func(t *testing.T) {
			t.Parallel()
			err := checkBySchema(t, compiled, path)
			reason := schemaAccepts[name]
			switch {
			case errors.Is(err, errNoValues) && reason == "":
			case err == nil && reason == "":
				t.Error("the schema accepts a bad roster, and no reason is listed")
			case err != nil && reason != "":
				t.Errorf("the schema refuses it, so that the reason %q no longer holds: %v", reason, err)
			}
		})
	}
	for name := range schemaAccepts {
		if bad[name] == "" {
			t.Errorf("%s is listed and does not exist", name)
		}
	}
}

func TestSchemaAcceptsExample(t *testing.T) {
	t.Parallel()
	const example = "../../users.example.yaml"
	if err := checkBySchema(t, compileSchema(t), example); err != nil {
		t.Error(err)
	}
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(data, []byte("# yaml-language-server: $schema=./roster.schema.json\n")) {
		t.Error("the first line does not name the schema to editors")
	}
}

// errNoValues means that a file is not YAML, so that it has no values that the schema could check.
var errNoValues = errors.New("the file has no values")

// checkBySchema checks a file, or each file of a folder, as an editor would.
func checkBySchema(t *testing.T, s *jsonschema.Schema, path string) error {
	t.Helper()
	files, err := findFiles(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		root, problem := parseFile(file, data)
		if problem != nil {
			return errNoValues
		}
		if err := s.Validate(plainValue(root)); err != nil {
			return err
		}
	}
	return nil
}

// plainValue returns n as a JSON value, which an editor checks. Dates (not in YAML 1.2) and keys become text.
func plainValue(n *yaml.Node) any {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case yaml.AliasNode:
		return plainValue(n.Alias)
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, plainValue(item))
		}
		return list
	case yaml.MappingNode:
		mapping := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			mapping[n.Content[i].Value] = plainValue(n.Content[i+1])
		}
		return mapping
	}
	switch n.Tag {
	case nullTag:
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		var number float64
		if n.Decode(&number) == nil {
			return number
		}
	}
	return n.Value
}

// The decoder and the patterns of the schema refuse the same invisible characters.
func TestSchemaPatterns(t *testing.T) {
	t.Parallel()
	line, prose := regexp.MustCompile(linePattern), regexp.MustCompile(prosePattern)
	for r := rune(0); r <= 0x1ffff; r++ {
		if r >= 0xd800 && r < 0xe000 {
			continue // no characters
		}
		text := "a" + string(r) + "b"
		for _, one := range []struct {
			pattern *regexp.Regexp
			kind    kind
		}{{line, textKind}, {prose, longTextKind}} {
			k := key{kind: one.kind, max: 10}
			if wanted := k.textProblem(text) == ""; one.pattern.MatchString(text) != wanted {
				t.Errorf("%U: the decoder says %v, the pattern of kind %d does not", r, wanted, one.kind)
			}
		}
	}
}

// Every key has a description, and every default in the schema is the default of the decoder.
func TestSchemaHasEveryKey(t *testing.T) {
	t.Parallel()
	for _, s := range sections {
		for _, k := range s.keys {
			if len(k.description) < 20 || !strings.HasSuffix(k.description, ".") {
				t.Errorf("%s %s has no sentence about it: %q", k.name, s.place, k.description)
			}
		}
	}
	r, err := parse("roster.yaml", []byte(oneUser))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{
		"max_invites": r.Settings.MaxInvites, "max_removals": r.Settings.MaxRemovals,
		"reinvite_rounds": r.Settings.ReinviteRounds,
		"max_revokes":     r.Settings.MaxRevokes, "unlisted_after": FormatDuration(r.Settings.UnlistedAfter),
		"hidden_members": r.Settings.HiddenMembers, "unlisted": r.Settings.Unlisted,
		"extra_access": r.Settings.ExtraAccess, "external": r.People[0].External,
	}
	for _, s := range sections {
		for _, k := range s.keys {
			if k.defaultValue != got[k.name] {
				t.Errorf("the table has the default %v for %s, and the decoder uses %v", k.defaultValue, k.name,
					got[k.name])
			}
		}
	}
}

// FuzzSchema checks that the schema accepts what the decoder accepts, except for white space at a maximum length.
func FuzzSchema(f *testing.F) {
	err := filepath.WalkDir(filepath.Join(testdata, "good"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		f.Add(data)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	var compiled *jsonschema.Schema
	f.Fuzz(func(t *testing.T, data []byte) {
		if compiled == nil {
			compiled = compileSchema(t)
		}
		if _, err := parse("users.yaml", data); err != nil {
			t.Skip()
		}
		root, problem := parseFile("users.yaml", data)
		if problem != nil {
			t.Fatal(problem)
		}
		if err := compiled.Validate(plainValue(root)); err != nil && !strings.Contains(err.Error(), "maxLength") {
			shown, _ := json.Marshal(plainValue(root))
			t.Errorf("the schema refuses %s: %v", shown, err)
		}
	})
}
