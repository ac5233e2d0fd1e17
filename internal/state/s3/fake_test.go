package s3_test

import (
	"bufio"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/state/objects"
	"github.com/orgsync/orgsync/internal/state/statetest"
)

// fakeS3 answers the requests for a bucket as S3 does. The objects are in memory.
type fakeS3 struct {
	statetest.Memory
	prefix string // of all keys
}

func (f *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, inPrefix := strings.CutPrefix(strings.TrimPrefix(r.URL.Path, "/bucket/"), f.prefix)
	if r.URL.Query().Get("list-type") == "2" {
		f.list(w, r)
		return
	}
	if !inPrefix {
		fail(w, http.StatusForbidden, "AccessDenied")
		return
	}
	switch r.Method {
	case http.MethodPut:
		data, err := readBody(r)
		switch {
		case err != nil:
			fail(w, http.StatusBadRequest, "IncompleteBody")
			return
		case r.Header.Get("If-None-Match") == "*":
			err = f.Create(r.Context(), key, data)
		default:
			err = f.Put(r.Context(), key, data)
		}
		if err != nil {
			fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		w.Header().Set("ETag", `"tag"`)
	case http.MethodGet:
		data, err := f.Get(r.Context(), key)
		if errors.Is(err, objects.ErrNotFound) {
			fail(w, http.StatusNotFound, "NoSuchKey")
			return
		}
		w.Header().Set("ETag", `"tag"`)
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		_, _ = w.Write(data)
	case http.MethodDelete:
		_ = f.Delete(r.Context(), key)
		w.WriteHeader(http.StatusNoContent)
	default:
		fail(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

// list writes a page of at most 1000 objects.
func (f *fakeS3) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	prefix, inPrefix := strings.CutPrefix(q.Get("prefix"), f.prefix)
	if !inPrefix {
		fail(w, http.StatusForbidden, "AccessDenied")
		return
	}
	limit := 1000
	if n, err := strconv.Atoi(q.Get("max-keys")); err == nil && n > 0 {
		limit = min(limit, n)
	}
	after := strings.TrimPrefix(cmp.Or(q.Get("continuation-token"), q.Get("start-after")), f.prefix)
	infos, _ := f.List(r.Context(), prefix, after, limit+1)
	type content struct {
		Key          string
		Size         int64
		LastModified string
	}
	page := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string
		Contents              []content
	}{IsTruncated: len(infos) > limit}
	for _, info := range infos[:min(limit, len(infos))] {
		page.Contents = append(page.Contents, content{f.prefix + info.Key, info.Size,
			info.Modified.UTC().Format("2006-01-02T15:04:05.000Z")})
		page.NextContinuationToken = f.prefix + info.Key
	}
	_ = xml.NewEncoder(w).Encode(page)
}

func fail(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
}

// readBody reads the body of a request. The client sends signed chunks if the connection is not encrypted.
func readBody(r *http.Request) ([]byte, error) {
	if !strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return io.ReadAll(r.Body)
	}
	var data []byte
	for body := bufio.NewReader(r.Body); ; {
		head, err := body.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseInt(strings.SplitN(head, ";", 2)[0], 16, 64)
		if err != nil || size == 0 {
			return data, err
		}
		chunk := make([]byte, size+2)
		if _, err := io.ReadFull(body, chunk); err != nil {
			return nil, err
		}
		data = append(data, chunk[:size]...)
	}
}

// TestFake runs the conformance tests on a simulated bucket, with and without a prefix.
func TestFake(t *testing.T) {
	for name, prefix := range map[string]string{"no prefix": "", "prefix": "/a/b"} {
		t.Run(name, func(t *testing.T) {
			f := &fakeS3{}
			if prefix != "" {
				f.prefix = prefix[1:] + "/"
			}
			statetest.TestObjects(t, openAt(t, prefix, f.ServeHTTP))
		})
	}
}
