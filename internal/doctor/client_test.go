package doctor

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/sandbox/sandboxtest"
	"github.com/orgsync/orgsync/internal/vultr"
)

const testKey = "KEY-5ecret-5ecret-5ecret"

// inProcess returns a client that calls h without a network.
func inProcess(t *testing.T, h http.Handler) *vultr.Client {
	t.Helper()
	return newClient(t, h, testKey)
}

func newClient(t *testing.T, h http.Handler, key string) *vultr.Client {
	t.Helper()
	c, err := vultr.New(vultr.Config{
		BaseURL: "http://localhost", Key: key, UserAgent: "orgsync/test", Concurrency: 8, RequestTimeout: 30 * time.Second,
		Transport: &sandboxtest.Transport{Handler: h},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answerJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func asCallError(t *testing.T, err error) *org.CallError {
	t.Helper()
	var failure *org.CallError
	if !errors.As(err, &failure) {
		t.Fatalf("the error %v is no *org.CallError", err)
	}
	return failure
}
