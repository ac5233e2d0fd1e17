package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orgsync/orgsync/internal/state"
)

// TestSamePlace checks which texts are the same place.
func TestSamePlace(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs("state")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"state", here, true},
		{"state", "./state/", true},
		{"state", "state2", false},
		{"s3://b/x?region=a", "s3://b/x?region=b&path_style=true", true},
		{"s3://b/x", "s3://b/y", false},
		{"postgres:///?service=a", "postgres:///?service=b", false},
		{"postgres://u@h/x", "postgres://v:p4ssw0rd-long@H:5432/x?sslmode=require", true},
		{"postgres://u@h", "postgres://v@h", false},
		{"postgres://u@h/x?host=a", "postgres://u@h/x?host=b", false},
	} {
		a, errA := state.ParseLocation(tt.a)
		b, errB := state.ParseLocation(tt.b)
		if got := a.Is(b); errA != nil || errB != nil || got != tt.want {
			t.Errorf("%s is %s: %t, %v, %v", tt.a, tt.b, got, errA, errB)
		}
	}
}

// TestSameFolder checks that a link to a folder is the same place as the folder.
func TestSameFolder(t *testing.T) {
	t.Parallel()
	folder, other := t.TempDir(), t.TempDir()
	link := filepath.Join(other, "link")
	if err := os.Symlink(folder, link); err != nil {
		t.Skip(err)
	}
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{folder, link, true},
		{link, folder, true},
		{link, other, false},
		{filepath.Join(folder, "new"), link, false},
		{link, filepath.Join(folder, "new"), false},
	} {
		a, b := state.Location{Kind: state.Folder, Path: tt.a}, state.Location{Kind: state.Folder, Path: tt.b}
		if got := a.Is(b); got != tt.want {
			t.Errorf("%s is %s: %t", tt.a, tt.b, got)
		}
	}
}

// TestArgument checks that the form for --state names the same place, and has no password.
func TestArgument(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/var/lib/orgsync": "/var/lib/orgsync",
		"s3://b/x?region=a&path_style=true&endpoint=https://s3.example": "s3://b/x?endpoint=https%3A%2F%2Fs3.example&" +
			"path_style=true&region=a",
		"postgres://u:p4ssw0rd-long@h/x?service=a": "postgres://u@h/x?service=a",
	} {
		l, err := state.ParseLocation(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := state.ParseLocation(l.Argument())
		if l.Argument() != want || err != nil || !again.Is(l) {
			t.Errorf("%s: %s, want %s; %v", text, l.Argument(), want, err)
		}
	}
}

// TestParseLocation checks which locations are valid, and that no string and no error has a
// password.
func TestParseLocation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, want, problem string
		kind                state.Kind
	}{
		{text: "state", want: "state", kind: state.Folder},
		{text: "./a/../state/", want: "state", kind: state.Folder},
		{text: "/var/lib/orgsync", want: "/var/lib/orgsync", kind: state.Folder},
		{text: "file:///var/lib/orgsync", want: "/var/lib/orgsync", kind: state.Folder},
		{text: "s3://bucket", want: "s3://bucket", kind: state.S3},
		{text: "s3://bucket/a/b/", want: "s3://bucket/a/b", kind: state.S3},
		{text: "s3://bucket/a?endpoint=https://S3.example&region=x&path_style=true",
			want: "s3://bucket/a?endpoint=https://s3.example", kind: state.S3},
		{text: "s3://bucket?endpoint=http://127.0.0.1:9000", want: "s3://bucket?endpoint=http://127.0.0.1:9000",
			kind: state.S3},
		{text: "s3://bucket?endpoint=http://[::1]:9000", want: "s3://bucket?endpoint=http://[::1]:9000", kind: state.S3},
		{text: "postgres://u:p4ssw0rd-long@DB.example/x", want: "postgres://db.example:5432/x", kind: state.Postgres},
		{text: "postgresql://u@db.example:6432/x?sslmode=require", want: "postgres://db.example:6432/x",
			kind: state.Postgres},
		{text: "postgres://u@db.example/x?host=Other.example&port=6432", want: "postgres://other.example:6432/x",
			kind: state.Postgres},
		{text: "postgres://u@db.example", want: "postgres://db.example:5432/u", kind: state.Postgres},
		{text: "postgres:///?service=a", want: "postgres:///?service=a", kind: state.Postgres},
		{text: "C:/orgsync", want: "C:/orgsync", kind: state.Folder},
		{text: "a@b/c:d", want: "a@b/c:d", kind: state.Folder},
		{text: "//srv/state", want: "/srv/state", kind: state.Folder},
		{text: "//srv/ada@example.com", want: "/srv/ada@example.com", kind: state.Folder},
		{text: `C:\Users\ada@example.com\state`, want: `C:\Users\ada@example.com\state`, kind: state.Folder},
		{text: "C:/Users/ada@example.com", want: "C:/Users/ada@example.com", kind: state.Folder},
		{text: "/mnt/x:prod/me@host", want: "/mnt/x:prod/me@host", kind: state.Folder},
		{text: "state:prod", want: "state:prod", kind: state.Folder},
		{text: "//u:p4ssw0rd-long/a@db/x", problem: "neither a folder nor a URL"},
		{text: "//u@db/x", problem: "neither a folder nor a URL"},
		{text: "user:/p4ssw0rd-long@db/x", problem: "neither a folder nor a URL"},
		{text: "u:@db/x", problem: "neither a folder nor a URL"},
		{text: "postgres//u:p4ssw0rd-long@db/x", problem: "neither a folder nor a URL"},
		{text: "//u:p4ssw0rd-long@db/x", problem: "neither a folder nor a URL"},
		{text: "pgpassword=p4ssw0rd-long", problem: "neither a folder nor a URL"},
		{text: "service=prod", problem: "neither a folder nor a URL"},
		{text: "postgres://u:12345/p4ssw0rd-long@db/x", problem: "has an @"},
		{text: "host=db user=u password=p4ssw0rd-long dbname=x", problem: "neither a folder nor a URL"},
		{text: "dbname = x", problem: "neither a folder nor a URL"},
		{text: "postgres:/u:p4ssw0rd-long@db/x", problem: "neither a folder nor a URL"},
		{text: "S3:bucket/x", problem: "neither a folder nor a URL"},
		{text: "u:p4ssw0rd-long@db.example/x", problem: "neither a folder nor a URL"},
		{text: "~/orgsync", problem: "begins with ~"},
		{text: "~", problem: "begins with ~"},
		{text: "postgres:///x?host=/run/postgresql", want: "postgres:///run/postgresql:5432/x", kind: state.Postgres},
		{text: "", problem: "empty"},
		{text: "a\nb", problem: "control characters"},
		{text: "gs://bucket", problem: "no kind of state"},
		{text: "file://host/path", problem: "file:///PATH"},
		{text: "file:///path?mode=ro", problem: "file:///PATH"},
		{text: "file://user@/path", problem: "file:///PATH"},
		{text: "file://", problem: "file:///PATH"},
		{text: "s3://", problem: "no bucket"},
		{text: "s3://[", problem: "not a URL"},
		{text: "s3://bucket:443/x", problem: "no bucket"},
		{text: "s3://bucket?region=%zz", problem: "cannot be read"},
		{text: "s3://bucket/a//b", problem: "prefix"},
		{text: "s3://b/" + strings.Repeat("a", 256), want: "s3://b/" + strings.Repeat("a", 256), kind: state.S3},
		{text: "s3://b/" + strings.Repeat("a", 257), problem: "prefix"},
		{text: "s3://bucket?endpoint=storage.example", problem: "endpoint"},
		{text: "s3://bucket?endpoint=https://", problem: "endpoint"},
		{text: "s3://bucket?endpoint=https://user@storage.example", problem: "endpoint"},
		{text: "s3://bucket?endpoint=https://storage.example?x=y", problem: "endpoint"},
		{text: "s3://bucket?endpoint=https://storage%2540.example", problem: "endpoint"},
		{text: "s3://bucket?endpoint=http://storage.example", problem: "plain http"},
		{text: "s3://bucket?endpoint=https://storage.example/path", problem: "endpoint"},
		{text: "s3://bucket?endpoint=ftp://storage.example", problem: "endpoint"},
		{text: "s3://bucket?path_style=perhaps", problem: "path_style"},
		{text: "s3://bucket?region=a&region=b", problem: "more than once"},
		{text: "s3://bucket#x", problem: "cannot be read"},
		{text: "s3://k:p4ssw0rd-long@bucket", problem: "credentials"},
		{text: "postgres://u:p4ssw0rd-long@db/x?sslmode=disable", problem: "encrypted"},
		{text: "postgres://u@db/x?sslmode=allow", problem: "encrypted"},
		{text: "postgres://u@db/x?sslmode=prefer", problem: "encrypted"},
		{text: "postgres://u@localhost/x?sslmode=disable", want: "postgres://localhost:5432/x", kind: state.Postgres},
		{text: "postgres:///x?host=/run/postgresql&sslmode=disable", want: "postgres:///run/postgresql:5432/x",
			kind: state.Postgres},
		{text: "postgres:///x?service=a&sslmode=disable", want: "postgres:///x?service=a", kind: state.Postgres},
		{text: "postgres://u@db/x?options=-c", problem: "unknown parameter"},
	} {
		l, err := state.ParseLocation(c.text)
		var problem *state.Problem
		switch {
		case c.problem == "" && (err != nil || l.Kind != c.kind || l.String() != c.want):
			t.Errorf("%q: %v %q, %v", c.text, l.Kind, l.String(), err)
		case c.problem != "" && (!errors.As(err, &problem) || !strings.Contains(err.Error(), c.problem) ||
			problem.Advice == ""):
			t.Errorf("%q: %v, want %q", c.text, err, c.problem)
		case err != nil && strings.Contains(err.Error(), "p4ssw0rd"):
			t.Errorf("%q: the password is in %v", c.text, err)
		}
		if want := strings.Contains(c.text, "postgres://u:"); err == nil && l.HasPassword() != want {
			t.Errorf("%q has a password: %v", c.text, l.HasPassword())
		}
	}
}
