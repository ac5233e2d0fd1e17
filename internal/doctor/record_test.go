package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/vultr"
)

// uuid matches ids whose replacement in a recording is a UUID too.
var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// originals returns all texts of a world that a recording must not have.
func originals(w sandbox.World) []string {
	all := []string{w.Organization.ID, w.Organization.Name, "Other Org", "look, do not touch"}
	for _, u := range w.Users {
		all = append(all, u.ID, u.Name, u.Email)
	}
	for _, i := range w.Invitations {
		all = append(all, i.ID, i.Email)
	}
	for _, g := range w.Groups {
		all = append(all, g.ID, g.Name)
	}
	for _, r := range w.Roles {
		all = append(all, r.ID, r.Name)
	}
	for _, p := range w.Policies {
		all = append(all, p.ID)
		if p.Name != "billing" { // a word of the API, too
			all = append(all, p.Name)
		}
	}
	for _, email := range slices.Clone(all) {
		if local, domain, ok := strings.Cut(email, "@"); ok {
			all = append(all, local, strings.TrimSuffix(domain, "example.com"))
		}
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" || s == "owner" })
}

// tee calls next and keeps its answers by path and query. It adds headers that a recording must not
// have.
type tee struct {
	next   http.Handler
	mu     sync.Mutex
	bodies map[string][]byte
}

func (t *tee) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	t.next.ServeHTTP(answer, r)
	t.mu.Lock()
	t.bodies[r.URL.RequestURI()] = answer.Body.Bytes()
	t.mu.Unlock()
	maps.Copy(w.Header(), answer.Header())
	w.Header().Set("Set-Cookie", "session=secret-of-zelda")
	w.Header().Set("X-RateLimit-Secret", "secret-of-zelda")
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes())
}

// In each dialect, a recording has no personal data, and its answers have the same shape as the
// real ones.
func TestRecordingShowsNobody(t *testing.T) {
	t.Parallel()
	for _, named := range sandbox.Dialects() {
		t.Run(named.Name, func(t *testing.T) {
			t.Parallel()
			api := peopled(t, sandbox.Options{Dialect: named.Dialect, Key: testKey, PageCap: 5})
			wire := &tee{next: api, bodies: map[string][]byte{}}
			dir := t.TempDir()
			recorder, err := NewRecorder(dir)
			if err != nil {
				t.Fatal(err)
			}
			world := api.World()
			mustRun(t, inProcess(t, wire), world.Organization.ID, recorder)

			files, err := filepath.Glob(filepath.Join(dir, "*.json"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for _, secret := range append(originals(world), "secret", testKey) {
					if bytes.Contains(bytes.ToLower(content), []byte(strings.ToLower(secret))) {
						t.Errorf("%s holds %q:\n%s", file, secret, content)
					}
				}
			}

			recorded := map[string]recording{}
			for _, r := range loadRecording(t, dir) {
				recorded[r.Path+"?"+r.Query] = r
			}
			if len(recorded) != len(wire.bodies) || len(recorded) != len(files) {
				t.Errorf("%d different answers, %d recorded in %d files", len(wire.bodies), len(recorded), len(files))
			}
			pairs := newPairs()
			for request, body := range wire.bodies {
				u, err := url.Parse(request)
				if err != nil {
					t.Fatal(err)
				}
				request := recorder.redactor.path(u.Path) + "?" + recorder.redactor.query(u.Query())
				if err := pairs.compare(decodeAny(t, body), decodeAny(t, recorded[request].Body)); err != nil {
					t.Errorf("%s: %v", request, err)
				}
			}
		})
	}
}

func decodeAny(t interface{ Fatalf(string, ...any) }, body []byte) any {
	var v any
	in := json.NewDecoder(bytes.NewReader(body))
	in.UseNumber()
	if err := in.Decode(&v); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return v
}

// pairs has each original with its replacement.
type pairs struct{ there, back map[string]string }

func newPairs() *pairs { return &pairs{map[string]string{}, map[string]string{}} }

// note fails the test if an original has two replacements, or a replacement two originals.
func (p *pairs) note(original, replacement string) error {
	// An address in other letters has the same replacement, except for the first letter.
	if a, err := org.ParseAddress(original); err == nil {
		original, replacement = a.Key(), strings.ToLower(replacement)
	}
	original, replacement = strings.TrimSpace(original), strings.TrimSpace(replacement)
	if was, ok := p.there[original]; ok && was != replacement {
		return fmt.Errorf("%q is replaced by %q and by %q", original, was, replacement)
	}
	if was, ok := p.back[replacement]; ok && was != original {
		return fmt.Errorf("%q replaces %q and %q", replacement, was, original)
	}
	p.there[original], p.back[replacement] = replacement, original
	return nil
}

// compare fails the test unless both values have the same shape, and each string and id always has
// the same replacement.
func (p *pairs) compare(original, replaced any) error {
	if a, b := fmt.Sprintf("%T", original), fmt.Sprintf("%T", replaced); a != b {
		return fmt.Errorf("%v (%s) became %v (%s)", original, a, replaced, b)
	}
	switch v := original.(type) {
	case []any:
		other := replaced.([]any)
		if len(v) != len(other) {
			return fmt.Errorf("%d items became %d", len(v), len(other))
		}
		for i := range v {
			if err := p.compare(v[i], other[i]); err != nil {
				return err
			}
		}
	case map[string]any:
		other := replaced.(map[string]any)
		if len(v) != len(other) {
			return fmt.Errorf("%d fields became %d", len(v), len(other))
		}
		for key, item := range v {
			if to, ok := p.there[key]; ok && !fieldName().MatchString(key) {
				key = to
			}
			of, ok := other[key]
			if !ok && fieldName().MatchString(key) {
				return fmt.Errorf("the field %q is gone", key)
			}
			if !ok { // a key that was replaced: found by its neighbours' absence only
				continue
			}
			if err := p.compare(item, of); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
	case string:
		if inner, ok := nested(v); ok {
			other, ok := nested(replaced.(string))
			if !ok {
				return fmt.Errorf("the JSON in %q became %q", v, replaced)
			}
			return p.compare(inner, other)
		}
		for name, form := range map[string]*regexp.Regexp{"UUID": uuid, "hexadecimal": hexDigits(), "number": digits()} {
			if form.MatchString(v) && !form.MatchString(replaced.(string)) {
				return fmt.Errorf("the %s %q became %q", name, v, replaced)
			}
		}
		return p.note(v, replaced.(string))
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE-") {
			return nil
		}
		return p.note(v.String(), replaced.(json.Number).String())
	case bool:
		if v != replaced.(bool) {
			return fmt.Errorf("%t became %t", v, replaced)
		}
	}
	return nil
}

func nested(s string) (v any, ok bool) {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, "{") && !strings.HasPrefix(s, "[") {
		return nil, false
	}
	in := json.NewDecoder(strings.NewReader(s))
	in.UseNumber()
	if in.Decode(&v) != nil {
		return nil, false
	}
	_, err := in.Token()
	return v, err == io.EOF
}

// For any answer, a recording has only known texts, keeps the shape, and has the same replacement
// for the same text.
func TestRedact(t *testing.T) {
	t.Parallel()
	// Each secret has a mark that no other text has.
	secret := rapid.Custom(func(t *rapid.T) string {
		n := rapid.IntRange(2, 40).Draw(t, "n")
		form := rapid.SampledFrom([]string{
			"Ada%dZQ Lovelace", "ada%dzq@Example.com", "Ada.%dzq@sub.bücher.example", "zq%dqz", "zq%d/../x", "  zq%d\t",
			"+49 30 zq%d",
			"<script>zq%d</script>", "zq%d\u202e\x00", "ada%dzq@", "Pending zq%d", "{zq%d", "[zq%d]", "\"zq%d\"",
			"2026-06-01 zq%d",
		}).Draw(t, "form")
		return fmt.Sprintf(form, n)
	})
	id := rapid.Custom(func(t *rapid.T) string {
		n := rapid.Int64Range(0, 1<<40).Draw(t, "n")
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return fmt.Sprintf("77777777-7777-4777-8777-%012x", n)
		case 1:
			return fmt.Sprintf("77%011x", n)
		case 2:
			return fmt.Sprintf("77%d", n)
		}
		return fmt.Sprintf("7%d", rapid.IntRange(0, 9).Draw(t, "short"))
	})
	plain := rapid.SampledFrom([]string{"", "Pending", "ACCEPTED", "yes", "2026-06-01T10:00:00+00:00",
		"2026-06-01 10:00:00", "2026-06-01"})
	number := rapid.Map(rapid.SampledFrom([]string{"0", "1", "77", "777777", "77.25", "-77", "7.7e7"}),
		func(s string) json.Number { return json.Number(s) })
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		kinds := []*rapid.Generator[any]{
			secret.AsAny(), id.AsAny(), plain.AsAny(), number.AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
		}
		if depth > 0 {
			names := rapid.OneOf(rapid.SampledFrom([]string{"id", "email_invited", "permissions", "status_full"}), secret, id)
			inner := value(depth - 1)
			object := rapid.MapOfN(names, inner, 0, 4).AsAny()
			kinds = append(kinds, object, rapid.SliceOfN(inner, 0, 4).AsAny(), rapid.Map(object, func(v any) any {
				text, err := json.Marshal(v)
				if err != nil {
					panic(err)
				}
				return string(text)
			}))
		}
		return rapid.OneOf(kinds...)
	}
	rapid.Check(t, func(t *rapid.T) {
		body, err := json.Marshal(value(3).Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		r := newRedactor()
		out, err := r.json(body, "")
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if found := regexp.MustCompile(`(?i)zq|77`).Find(out); found != nil {
			t.Fatalf("%q passes:\n%s\n%s", found, body, out)
		}
		p := newPairs()
		for o, replacement := range r.replaced {
			if o.kind == "text" || o.kind == "digits" {
				if err := p.note(o.text, replacement); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := p.compare(decodeAny(t, body), decodeAny(t, out)); err != nil {
			t.Fatalf("%v:\n%s\n%s", err, body, out)
		}
		again, err := r.json(body, "")
		if err != nil || !bytes.Equal(out, again) {
			t.Fatalf("the second time is another:\n%s\n%s", out, again)
		}
	})
}

func TestRedactText(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"", "Pending", "Pending"},
		{"", "INVITE PENDING", "INVITE PENDING"},
		{"", "Invite not found", "Invite not found"},
		{"", "yes", "yes"},
		{"", "", ""},
		{"", "  ", "  "},
		{"", "2026-06-01T10:00:00.123Z", "2026-06-01T10:00:00.123Z"},
		{"", "Mon, 23 Nov 2026 07:00:00 GMT", "Mon, 23 Nov 2026 07:00:00 GMT"},
		{"", "Mon, 23 Nov 2026 07:00:00 ADA", "text 1"},
		{"", "0001-01-01", "text-1"},
		{"", "Ada@Example.com", "User-1@domain-1.example.com"},
		{"", "Ada Lovelace", "text 1"},
		{"", " Ada\n", " text-1\n"},
		{"", "5213579246801", "1000000000001"},
		{"", "5e13579246801", "facade0000001"},
		{"", "9a1e0000-0000-4000-8000-000000000001", "facade00-0000-4000-8000-000000000001"},
		{"", "eyJwYXRoIjoiL3YyIn0", "text-1"},
		{"", "a/b", "text 1"},
		{"", "{\"api_enabled\":true}", "{\"api_enabled\":true}"},
		{"", "{\"Ada\": [\"ada@example.com\", 5551234]}", "{\"text-1\":[\"user-1@domain-1.example.com\",1000001]}"},
		{"", "{broken", "text 1"},
		{"", "15", "11"},
		{"total", "15", "15"},
		{"total", "Ada", "text-1"},
		{"Ada", "Ada", "text-1"},
	}
	for _, test := range tests {
		t.Run(test.name+" "+test.in, func(t *testing.T) {
			t.Parallel()
			if got := newRedactor().text(test.in, test.name); got != test.want {
				t.Errorf("%q became %q, want %q", test.in, got, test.want)
			}
		})
	}
	r := newRedactor()
	if a, b := r.text("ADA@bücher.example", ""), r.text("ada@xn--bcher-kva.example", ""); !strings.EqualFold(a, b) ||
		a == b {
		t.Errorf("two spellings of one address became %q and %q", a, b)
	}
	if a, b := r.text("@x.example", ""), r.text("ada@x.example", ""); strings.HasSuffix(b, a) {
		t.Errorf("a text and a domain became the same: %q, %q", a, b)
	}
	if out, err := r.json([]byte(`{"id":5551234,"balance":-12.50,"total":900,"status":404,"n":1}`), ""); err != nil ||
		string(out) != `{"id":1000001,"balance":-11.11,"total":900,"status":404,"n":1}` {
		t.Errorf("numbers became %s, %v", out, err)
	}
	if a, b := r.text("5551234", ""), r.text("555", ""); a != "1000001" || b == a {
		t.Errorf("the same number as text became %q, and another %q", a, b)
	}
	for _, broken := range []string{"", "{", `{"a":1} {}`, `{"a" 1}`, "<html>"} {
		if out, err := r.json([]byte(broken), ""); err == nil {
			t.Errorf("%q became %q", broken, out)
		}
	}
}

// A value with the maximum depth of JSON is too deep inside the object of the file. This is an
// error, and does not panic.
func TestRecordDeepAnswer(t *testing.T) {
	if testing.Short() {
		t.Skip("slow under the race detector, which runs the short tests")
	}
	t.Parallel()
	const deepest = 10_000 // of encoding/json
	body := strings.Repeat("[", deepest) + strings.Repeat("]", deepest)
	_, err := newRedactor().exchange(vultr.Exchange{Status: 200, Body: []byte(body)})
	if err == nil || !strings.Contains(err.Error(), "depth") {
		t.Errorf("%v, want an error about the depth", err)
	}
}

// A recording has no part of a body that is not JSON, and no other headers.
func TestRecordedAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		headers map[string]string
		body    string
		want    string // of the file, without what is the same everywhere
	}{
		{"web page", map[string]string{"Content-Type": "text/html; charset=utf-8", "Location": "https://ada.example"},
			"<title>Ada</title>",
			`"headers":{"Content-Type":"text/html; charset=utf-8"},"text":"<!DOCTYPE ` +
				`html><html><head><title>replaced</title></head></html>"`},
		{"web page with a name in its type", map[string]string{"Content-Type": "text/html; author=ada"}, "Ada",
			`"headers":{"Content-Type":"text/html"},"text":"<!DOCTYPE html><html><head><title>replaced</title></head></html>"`},
		{"half an answer", map[string]string{"Content-Type": "application/json"}, `{"users":[{"email":"ada@exam`,
			`"headers":{"Content-Type":"application/json"},"text":"replaced"`},
		{"nothing", nil, "", `"headers":{}`},
		{"null", nil, "null", `"headers":{},"body":null`},
		{"text", map[string]string{"Content-Type": "ada/lovelace"}, "Ada",
			`"headers":{"Content-Type":"application/octet-stream"},"text":"replaced"`},
		{"vendor", map[string]string{"Content-Type": "application/vnd.api+json"}, "[]",
			`"headers":{"Content-Type":"application/vnd.api+json"},"body":[]`},
		{"rates", map[string]string{"Retry-After": "7", "X-RateLimit-Remaining": "29", "X-RateLimit-User": "ada",
			"RateLimit-Policy": "q;ada"}, "{}",
			`"headers":{"Retry-After":"7","X-Ratelimit-Remaining":"29"},"body":{}`},
		{"dates", map[string]string{"Date": "Mon, 23 Nov 2026 07:00:00 GMT",
			"Retry-After": "Mon, 23 Nov 2026 07:00:09 GMT"}, "{}",
			`"headers":{"Date":"Mon, 23 Nov 2026 07:00:00 GMT","Retry-After":"Mon, 23 Nov 2026 07:00:09 GMT"},"body":{}`},
		{"no date", map[string]string{"Date": "ada"}, "{}", `"headers":{},"body":{}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			for name, value := range test.headers {
				header.Set(name, value)
			}
			content, err := newRedactor().exchange(vultr.Exchange{Method: "GET", Path: "/v2/users", Status: 200, Header: header,
				Body: []byte(test.body)})
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := json.Compact(&got, content); err != nil {
				t.Fatal(err)
			}
			if want := `{"method":"GET","path":"/v2/users","status":200,` + test.want +
				`}`; strings.TrimSpace(got.String()) != want {
				t.Errorf("kept:\n%s\nwant:\n%s", &got, want)
			}
		})
	}
}

// If a server repeats the key in any form, neither a recording nor a checkup has the key.
func TestRecordingHasNoKey(t *testing.T) {
	t.Parallel()
	// The second secret could be the name of a field.
	for _, key := range []string{testKey, "key_of_nobody"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			escaped := fmt.Sprintf(`\u%04x%s`, key[0], key[1:])
			echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", key)
				w.Header().Set("X-RateLimit-"+key, "1")
				switch r.URL.Path {
				case "/v2/users":
					answerJSON(w, 403, fmt.Sprintf(`{"error":"not with %s"}`, key))
				case "/v2/account":
					w.Header().Set("Content-Type", key)
					w.WriteHeader(404)
					fmt.Fprintf(w, "%s is unknown", key)
				default:
					rows := fmt.Sprintf(
						`[{"id":"x1","org_name":%[1]q,"invite_status":"%[2]s","status":%[1]q,%[1]q:true,"name":"%[2]s"}]`, key, escaped)
					answerJSON(w, 200, fmt.Sprintf(
						`{"invitations":%[1]s,"organizations":%[1]s,"groups":%[1]s,"roles":%[1]s,"policies":%[1]s,"users":%[1]s,`+
							`"members":%[1]s,"role_user_relationships":[]}`, rows))
				}
			})
			dir := t.TempDir()
			recorder, err := NewRecorder(dir)
			if err != nil {
				t.Fatal(err)
			}
			output := fmt.Sprintf("%+v", mustRun(t, newClient(t, echo, key), "", recorder))
			files, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil || len(files) < 8 {
				t.Fatalf("files %v, %v", files, err)
			}
			for _, file := range files {
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				output += string(content)
			}
			if at := strings.Index(strings.ToLower(output), strings.ToLower(key[1:])); at >= 0 {
				t.Errorf("the key is in the output: …%s…", output[max(0, at-100):min(len(output), at+100)])
			}
		})
	}
}

func TestNewRecorder(t *testing.T) {
	t.Parallel()
	record := func(t *testing.T, dir string) {
		t.Helper()
		r, err := NewRecorder(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.add("one invitation", vultr.Exchange{Status: 200, Body: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		if err := r.add("one invitation", vultr.Exchange{}); err != nil { // no answer
			t.Fatal(err)
		}
	}
	names := func(t *testing.T, dir string) []string {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	t.Run("new", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "a", "b")
		record(t, dir)
		if diff := gocmp.Diff([]string{"001-one-invitation.json", "README.txt"}, names(t, dir)); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
		if runtime.GOOS == "windows" {
			return // has no such modes
		}
		for name, want := range map[string]os.FileMode{".": 0o700 | os.ModeDir, "001-one-invitation.json": 0o600,
			"README.txt": 0o600} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Mode() != want {
				t.Errorf("%s has the mode %v, want %v: %v", name, info.Mode(), want, err)
			}
		}
	})
	t.Run("a folder with a file", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		record(t, dir)
		before := names(t, dir)
		if _, err := NewRecorder(dir); err == nil {
			t.Error("a folder that is not empty is accepted")
		}
		if diff := gocmp.Diff(before, names(t, dir)); diff != "" {
			t.Errorf("files were touched (-before +after):\n%s", diff)
		}
	})
	t.Run("a file", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := NewRecorder(file); err == nil {
			t.Error("a file is taken for a folder")
		}
	})
}
