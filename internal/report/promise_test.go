package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPromisedJSON: each example of docs/json.md is kept by what is printed, field by field, and no field is printed
// that the page does not describe. A field may be null where it has no value.
func TestPromisedJSON(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	for heading, goldens := range map[string][]string{
		"plan":                          {"plan.json", "plan-nothing.json", "apply.json", "apply-refused.json"},
		"Errors before there is a plan": {"error.json", "invalid.json"},
		"validate and version":          {"valid.json"},
		"diff":                          {"diff.json"},
		"status":                        {"status.json", "status-one.json", "status-nobody.json"},
		"doctor":                        {"doctor.json", "doctor-refused.json"},
	} {
		_, section, found := strings.Cut(string(page), "\n## "+heading+"\n")
		_, example, fenced := strings.Cut(section, "```json\n")
		example, _, _ = strings.Cut(example, "```")
		if !found || !fenced {
			t.Errorf("the page has no example of %s", heading)
			continue
		}
		if heading == "diff" { // the example leaves out what the sentence above it says
			example = strings.Replace(example, "{", `{"old": {"files": [], "users": 1}, "new": {"files": [], "users": 1}, `, 1)
		}
		want := decoded(t, heading, []byte(example))
		for _, golden := range goldens {
			text, err := os.ReadFile(filepath.Join("testdata", golden))
			if err != nil {
				t.Fatal(err)
			}
			got := decoded(t, golden, text)
			for _, broken := range keeps("", want, got) {
				t.Errorf("%s: %s", golden, broken)
			}
			for _, field := range fieldsOf(got) {
				if !regexp.MustCompile("[\"`.]" + field + "[\"`]").Match(page) {
					t.Errorf("%s: docs/json.md does not describe %q", golden, field)
				}
			}
		}
	}

	// What apply adds to a plan.
	text, err := os.ReadFile("testdata/apply.json")
	if err != nil {
		t.Fatal(err)
	}
	example := `{"command": "apply", "changes": [{"outcome": "done", "requests": 1}], "summary": {"done": 1, "failed": ` +
		`0, "unknown": 0, "skipped": 0}}`
	apply := decoded(t, "apply.json", text)
	for _, broken := range keeps("", decoded(t, "apply", []byte(example)), apply) {
		t.Errorf("apply.json: %s", broken)
	}
	for _, c := range apply.(map[string]any)["changes"].([]any) {
		c := c.(map[string]any)
		if _, failed := c["error"]; failed == (c["outcome"] == "done") {
			t.Errorf("apply.json: only a change that is not done must have an error: %v", c)
		}
	}
}

func decoded(t *testing.T, name string, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
	return v
}

// mayBeMissing are fields that the page says are left out where they do not apply.
var mayBeMissing = []string{".notices[].source", ".notices[].since", ".changes[].detail.api_enabled",
	".settings[].loosens",
	".people[].fields[].removed", ".people[].fields[].added", ".people[].fields[].kept",
	".people[].fields[].kept_because"}

// notNull are fields that always have a value.
var notNull = regexp.MustCompile(
	`^\.(format_version|command|fingerprint|changes|notices|summary|people|error)$|^\.roster\.(files|users)$|` +
		`^\.changes\[\]\.(action|reason|detail|outcome|requests)$|^\.notices\[\]\.kind$|^\.error\.(code|message)$|` +
		`^\.people\[\]\.(email|state|rounds|groups|roles|policies|source|wanted|missing)$`)

// keeps reports fields of the example that got lacks, or that have a value of another kind.
func keeps(path string, example, got any) []string {
	switch want := example.(type) {
	case nil:
		return nil // null in the example: any kind
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			break
		}
		var broken []string
		for name, inner := range want {
			at := path + "." + name
			switch value, there := object[name]; {
			case !there && !slices.Contains(mayBeMissing, at):
				broken = append(broken, at+" is missing")
			case there && value == nil && notNull.MatchString(at):
				broken = append(broken, at+" is null")
			case there && value != nil:
				broken = append(broken, keeps(at, inner, value)...)
			}
		}
		return broken
	case []any:
		list, ok := got.([]any)
		if !ok {
			break
		}
		var broken []string
		for _, item := range list {
			if len(want) > 0 {
				broken = append(broken, keeps(path+"[]", want[0], item)...)
			}
		}
		return broken
	default:
		if fmt.Sprintf("%T", example) == fmt.Sprintf("%T", got) {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s is %T, and %T in the example", path, got, example)}
}

// fieldsOf are the names of all fields in v, each once, but for those that are themselves values.
func fieldsOf(v any) []string {
	var names []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				names = append(names, name)
				if name != "rate_headers" {
					walk(inner)
				}
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(v)
	slices.Sort(names)
	return slices.Compact(names)
}
