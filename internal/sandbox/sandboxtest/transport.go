// Package sandboxtest sends requests to a simulated API in the same process, without a network. So tests can use fake
// time, and can make a request fail at any step.
package sandboxtest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
)

// ErrDropped is the error of a request whose connection the handler dropped.
var ErrDropped = errors.New("sandboxtest: connection dropped")

// Transport is an [http.RoundTripper] that calls Handler. It is safe for concurrent use.
type Transport struct {
	Handler http.Handler
	// Before is called before the handler, and After is called before the client gets the answer. RoundTrip returns
	// their errors. Either may be nil.
	Before, After func(*http.Request) error
}

// RoundTrip calls the handler and returns its answer. It returns [ErrDropped] if the handler panics with
// [http.ErrAbortHandler]. If the body is shorter than its Content-Length, reading the body fails at its end, as
// after a dropped connection.
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
		clone := req.Clone(req.Context())
		clone.Body = io.NopCloser(bytes.NewReader(body))
		if err := t.Before(clone); err != nil {
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
	if length, err := strconv.Atoi(res.Header.Get("Content-Length")); err == nil && length > recorder.Body.Len() {
		res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(recorder.Body.Bytes()), cutOff{}))
	}
	return res, nil
}

// serve calls h and reports whether it dropped the connection.
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

// cutOff is a reader for the end of a body that is too short.
type cutOff struct{}

func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
