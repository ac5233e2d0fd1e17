package s3_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/objects"
	"github.com/orgsync/orgsync/internal/state/s3"
)

// open returns a bucket on a server that answers each request with this status and error code.
func open(t *testing.T, status int, code string) objects.Objects {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
		}
	}))
	t.Cleanup(server.Close)
	l, err := state.ParseLocation("s3://bucket/prefix?endpoint=" + server.URL)
	if err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{"AWS_EC2_METADATA_DISABLED": "true"}
	o, err := s3.Open(l, func(name string) string { return environment[name] })
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestAnswers checks that each answer of a storage becomes one of the errors of package objects, or
// an error with advice.
func TestAnswers(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-secret")
	for _, c := range []struct {
		status int
		code   string
		is     error  // what Create returns
		advice string // of a problem
	}{
		{412, "PreconditionFailed", objects.ErrExists, ""},
		{412, "SomethingElse", objects.ErrExists, ""},
		{409, "ConditionalRequestConflict", objects.ErrUnknown, ""},
		{409, "OperationAborted", objects.ErrUnknown, ""},
		{409, "SomethingElse", objects.ErrUnknown, ""},
		{408, "SomethingElse", objects.ErrUnknown, ""},
		{500, "InternalError", objects.ErrUnknown, ""},
		{500, "SomethingElse", objects.ErrUnknown, ""},
		{502, "", objects.ErrUnknown, ""},
		{503, "SlowDown", objects.ErrUnknown, ""},
		{429, "TooManyRequests", objects.ErrUnknown, ""},
		{404, "NoSuchBucket", nil, "make the bucket"},
		{403, "InvalidAccessKeyId", nil, "AWS_ACCESS_KEY_ID"},
		{403, "SignatureDoesNotMatch", nil, "AWS_ACCESS_KEY_ID"},
		{403, "AccessDenied", nil, "s3:ListBucket"},
		{403, "Forbidden", nil, "s3:ListBucket"},
		{403, "SomethingElse", nil, "s3:ListBucket"},
		{403, "RequestTimeTooSkewed", nil, "set the clock"},
		{400, "AuthorizationHeaderMalformed", nil, "region=REGION"},
		{501, "NotImplemented", nil, "conditional writes"},
	} {
		err := open(t, c.status, c.code).Create(t.Context(), "o1/log/1", []byte("x"))
		var problem *state.Problem
		switch {
		case c.is != nil && !errors.Is(err, c.is):
			t.Errorf("%d %s: %v, want %v", c.status, c.code, err, c.is)
		case c.is == nil && (!errors.As(err, &problem) || !strings.Contains(problem.Advice, c.advice)):
			t.Errorf("%d %s: %v", c.status, c.code, err)
		case strings.Contains(fmt.Sprint(err), "secret-secret"):
			t.Errorf("%d %s: the secret is in %v", c.status, c.code, err)
		}
	}
	for _, code := range []string{"NoSuchKey", "SomethingElse"} {
		if _, err := open(t, 404, code).Get(t.Context(), "o1/log/1"); !errors.Is(err, objects.ErrNotFound) {
			t.Errorf("get of nothing (%s): %v", code, err)
		}
	}
	for _, status := range []int{400, 404, 405} { // the storage refused, and did not do it
		err := open(t, status, "SomethingElse").Create(t.Context(), "o1/log/1", []byte("x"))
		if err == nil || errors.Is(err, objects.ErrUnknown) || errors.Is(err, objects.ErrNotFound) ||
			errors.Is(err, objects.ErrExists) || !strings.Contains(err.Error(), fmt.Sprint("HTTP ", status)) {
			t.Errorf("refused with %d: %v", status, err)
		}
	}
	if _, err := open(t, 403, "AccessDenied").List(t.Context(), "o1/", "", 0); err == nil ||
		!strings.Contains(err.Error(), "s3:ListBucket") {
		t.Errorf("list without permission: %v", err)
	}
}

// TestNoCredentials checks that the advice is about the credentials if there are none.
func TestNoCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	err := open(t, 403, "AccessDenied").Create(t.Context(), "o1/log/1", []byte("x"))
	if problem, ok := errors.AsType[*state.Problem](err); !ok || !strings.Contains(problem.Advice, "AWS_ACCESS_KEY_ID") {
		t.Errorf("without credentials: %v", err)
	}
}

// TestOneRequest checks that a request is sent only once after any answer. A repeated Create would
// fail because of its own object.
func TestOneRequest(t *testing.T) {
	requests := 0
	condition := ""
	o := openOn(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		condition = r.Header.Get("If-None-Match")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	if err := o.Create(t.Context(), "k", []byte("x")); !errors.Is(err, objects.ErrUnknown) || requests != 1 ||
		condition != "*" {
		t.Errorf("%v after %d requests with the condition %q", err, requests, condition)
	}
}

// openOn returns a bucket on a server.
func openOn(t *testing.T, h http.HandlerFunc) objects.Objects {
	t.Helper()
	return openAt(t, "", h)
}

// openAt is like openOn, for the objects below a prefix, which is "" or begins with a slash.
func openAt(t *testing.T, prefix string, h http.HandlerFunc) objects.Objects {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-secret")
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	l, err := state.ParseLocation("s3://bucket" + prefix + "?endpoint=" + server.URL)
	if err != nil {
		t.Fatal(err)
	}
	o, err := s3.Open(l, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestSuccessOfAProxy checks that a status 200 alone does not mean that the storage has made an object, or that there
// are no objects. A proxy may answer so, and some storages answer 200 and then an error. If a run took such an answer
// for a renewal of its lock, two runs could have the lock.
func TestSuccessOfAProxy(t *testing.T) {
	for name, body := range map[string]string{
		"page": "<html><body><p>blocked</p></body></html>", "error": "<Error><Code>InternalError</Code></Error>",
		"nothing": "", "text": "blocked",
	} {
		o := openOn(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
		if infos, err := o.List(t.Context(), "o1/", "", 0); !errors.Is(err, objects.ErrUnknown) {
			t.Errorf("%s: list gives %v, %v", name, infos, err)
		}
		if err := o.Create(t.Context(), "o1/log/1", []byte("x")); !errors.Is(err, objects.ErrUnknown) {
			t.Errorf("%s: create gives %v", name, err)
		}
		if err := o.Put(t.Context(), "o1/runs/1", []byte("x")); !errors.Is(err, objects.ErrUnknown) {
			t.Errorf("%s: put gives %v", name, err)
		}
	}
}

// TestSuccess checks the answers of a storage that works.
func TestSuccess(t *testing.T) {
	o := openOn(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			w.Header().Set("ETag", `"9dd4e461268c8034f5c8564e155c67a6"`)
			return
		}
		fmt.Fprint(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
			`<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><KeyCount>1</KeyCount>`+
			`<Contents><Key>o1/log/1</Key><Size>1</Size><LastModified>2026-06-10T12:00:00.000Z</LastModified></Contents>`+
			`</ListBucketResult>`)
	})
	if infos, err := o.List(t.Context(), "o1/", "", 0); err != nil || len(infos) != 1 || infos[0].Key != "o1/log/1" {
		t.Errorf("list gives %v, %v", infos, err)
	}
	if err := o.Create(t.Context(), "o1/log/1", []byte("x")); err != nil {
		t.Errorf("create gives %v", err)
	}
	if err := o.Put(t.Context(), "o1/runs/1", []byte("x")); err != nil {
		t.Errorf("put gives %v", err)
	}
}
