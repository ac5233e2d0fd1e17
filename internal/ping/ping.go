// Package ping tells a dead-man's switch of a run: that it began, and how it ended. The switch raises the alarm when it
// hears of a failure, or of nothing for too long.
//
// It speaks as healthchecks.io does (healthchecks.io/docs/http_api): a GET of URL/start, of URL after a success, of
// URL/<exit code> after a failure. Nothing but the program's name and version is sent along.
package ping

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// timeout bounds one try, from connecting to the end of the answer.
	timeout = 10 * time.Second
	// maxTries is how often one message is sent, at most.
	maxTries = 2
	// maxAnswer is how much of an answer is read before the connection is given up.
	maxAnswer = 64 << 10
)

// Switch is a dead-man's switch. Its URL is as good as a password, since who has it can say that all is well: it is in
// no error, and printing a Switch cannot show it.
type Switch struct {
	host      string
	address   func(more ...string) *url.URL
	userAgent string
	transport http.RoundTripper
}

// New makes a switch of its URL; it sends nothing. userAgent names the program and its version; a nil transport means
// one of its own (TLS 1.2 and up, proxy from the environment). The error does not repeat the URL.
func New(address, userAgent string, transport http.RoundTripper) (*Switch, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the URL is not of the form https://HOST/PATH")
	case u.User != nil:
		return nil, errors.New("the URL holds a user or a password, which would not be sent")
	}
	u.Fragment = ""
	if transport == nil {
		transport = &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12},
			DisableKeepAlives: true, // between start and end a server would close the connection anyway
		}
	}
	return &Switch{host: u.Host, address: u.JoinPath, userAgent: userAgent, transport: transport}, nil
}

// Host is host and port of the URL; the rest of it is secret.
func (s *Switch) Host() string { return s.host }

// Start says that a run begins. The error says why that was not heard; it never holds more of the URL than the host.
func (s *Switch) Start(ctx context.Context) error { return s.get(ctx, "start") }

// Success says that the run did its work. The error is as that of [Switch.Start].
func (s *Switch) Success(ctx context.Context) error { return s.get(ctx) }

// Failure says that the run ended with an exit code other than 0. The error is as that of [Switch.Start].
func (s *Switch) Failure(ctx context.Context, code int) error { return s.get(ctx, strconv.Itoa(code)) }

// get tries until the message was heard, or the server refused it for good.
func (s *Switch) get(ctx context.Context, more ...string) error {
	var err error
	for range maxTries {
		var again bool
		if again, err = s.try(ctx, s.address(more...)); !again || ctx.Err() != nil {
			break
		}
	}
	return err
}

func (s *Switch) try(ctx context.Context, to *url.URL) (again bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %v", timeout))
	defer cancel()
	req := (&http.Request{Method: http.MethodGet, URL: to,
		Header: http.Header{"User-Agent": {s.userAgent}}}).WithContext(ctx)
	// RoundTrip and not http.Client.Do: a redirect would take the URL to somebody else, and is an answer like any other.
	res, err := s.transport.RoundTrip(req)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return true, err
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer) // heard is heard, whatever else is said
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return false, nil
	case code >= 300 && code < 400:
		return false, fmt.Errorf("HTTP %d: the URL moved, and orgsync follows no redirect", code)
	default:
		return code >= 500 || code == http.StatusTooManyRequests, fmt.Errorf("HTTP %d", code)
	}
}
