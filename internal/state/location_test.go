package state_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/orgsync/orgsync/internal/state"
)

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
		{text: "postgres:///x?host=/run/postgresql", want: "postgres:///run/postgresql:5432/x", kind: state.Postgres},
		{text: "", problem: "empty"},
		{text: "a\nb", problem: "control characters"},
		{text: "gs://bucket", problem: "no kind of state"},
		{text: "file://host/path", problem: "file:///PATH"},
		{text: "s3://", problem: "no bucket"},
		{text: "s3://bucket?endpoint=http://storage.example", problem: "plain http"},
		{text: "s3://bucket?endpoint=https://storage.example/path", problem: "endpoint"},
		{text: "s3://bucket?endpoint=ftp://storage.example", problem: "endpoint"},
		{text: "s3://bucket?path_style=perhaps", problem: "path_style"},
		{text: "s3://bucket?region=a&region=b", problem: "more than once"},
		{text: "s3://bucket#x", problem: "cannot be read"},
		{text: "s3://k:p4ssw0rd-long@bucket", problem: "credentials"},
		{text: "postgres://u:p4ssw0rd-long@db/x?sslmode=disable", problem: "encrypted"},
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
		if want := strings.Contains(c.text, "postgres://u:"); err == nil && l.Password() != want {
			t.Errorf("%q has a password: %v", c.text, l.Password())
		}
	}
}
