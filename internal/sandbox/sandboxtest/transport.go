// Package sandboxtest carries requests to a simulated API in the same process, so that tests run on fake time and can
// break the wire at any step.
package sandboxtest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
)

// ErrDropped is what a dropped connection looks like.
var ErrDropped = errors.New("sandboxtest: connection dropped")

// Transport is an http.RoundTripper that calls Handler. It is safe for use by many goroutines.
type Transport struct {
	Handler http.Handler
	// Before is asked before the request reaches the handler, After before the answer reaches the client; an error
	// of theirs is the client's. nil lets everything pass.
	Before, After func(*http.Request) error
}

// RoundTrip calls the handler. A handler that panics with http.ErrAbortHandler has dropped the connection, and one that
// wrote less than its Content-Length says has dropped it in the middle of the body.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	body := []byte{}
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		if err = errors.Join(err, req.Body.Close()); err != nil {
			return nil, err
		}
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if t.Before != nil {
		asked := req.Clone(req.Context())
		asked.Body = io.NopCloser(bytes.NewReader(body))
		if err := t.Before(asked); err != nil {
			return nil, err
		}
	}
	in := httptest.NewRequestWithContext(req.Context(), req.Method, req.URL.String(), bytes.NewReader(body))
	in.Header = req.Header.Clone()
	recorder := httptest.NewRecorder()
	dropped := serve(t.Handler, recorder, in)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if dropped {
		return nil, ErrDropped
	}
	if t.After != nil {
		if err := t.After(req); err != nil {
			return nil, err
		}
	}
	res := recorder.Result()
	res.Request = req
	if promised, err := strconv.Atoi(res.Header.Get("Content-Length")); err == nil && promised > recorder.Body.Len() {
		res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(recorder.Body.Bytes()), cutOff{}))
	}
	return res, nil
}

// serve reports whether the handler dropped the connection.
func serve(h http.Handler, w http.ResponseWriter, r *http.Request) (dropped bool) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			dropped = true
		default:
			panic(p)
		}
	}()
	h.ServeHTTP(w, r)
	return false
}

// cutOff is the end of a body that stopped in the middle.
type cutOff struct{}

func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
