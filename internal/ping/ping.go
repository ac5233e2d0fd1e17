// Package ping reports the start and the end of a run to a dead-man's switch. This is a service that
// raises an alarm if a run fails, or if it gets no report for too long.
//
// The protocol is that of healthchecks.io (healthchecks.io/docs/http_api): a GET of URL/start at the
// start, of URL after a success, and of URL/<exit code> after a failure. The requests contain nothing
// else but the name and the version of the program.
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
	// timeout is the time limit of one try, from the connection to the end of the answer.
	timeout = 10 * time.Second
	// maxTries is the maximum number of requests for one report.
	maxTries = 2
	// maxAnswer is the maximum number of bytes that are read of an answer.
	maxAnswer = 64 << 10
)

// Switch is a dead-man's switch. Its URL is a secret, because anybody who knows it can report success.
// Errors do not contain it, and printing a Switch does not show it.
type Switch struct {
	host string
	// address returns the URL with more elements of the path. It is a function, because fmt would
	// print a URL.
	address   func(more ...string) *url.URL
	userAgent string
	transport http.RoundTripper
}

// New returns a switch with the URL address, and sends nothing. userAgent is the name and the version
// of the program. If transport is nil, the switch uses TLS 1.2 or later, and the proxy from the
// environment. The error does not contain the URL.
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
			DisableKeepAlives: true, // before the end of the run, a server would close the connection anyway
		}
	}
	return &Switch{host: u.Host, address: u.JoinPath, userAgent: userAgent, transport: transport}, nil
}

// Host returns the host and the port of the URL. The rest of the URL is secret.
func (s *Switch) Host() string { return s.host }

// Start reports that a run starts. An error means that the switch probably did not get the report. It
// contains no part of the URL except the host.
func (s *Switch) Start(ctx context.Context) error { return s.get(ctx, "start") }

// Success reports that the run succeeded. The error is like that of [Switch.Start].
func (s *Switch) Success(ctx context.Context) error { return s.get(ctx) }

// Failure reports that the run failed with this exit code. The error is like that of [Switch.Start].
func (s *Switch) Failure(ctx context.Context, code int) error { return s.get(ctx, strconv.Itoa(code)) }

// get sends a report. It tries again if a network error or the answer of the server suggests that
// another try may succeed.
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
	// http.Client.Do would follow redirects, and could send the secret URL to another server.
	res, err := s.transport.RoundTrip(req)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return true, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols { // its body is the connection, which no context ends
		_, _ = io.CopyN(io.Discard, res.Body, maxAnswer) // only the status matters
	}
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return false, nil
	case code >= 300 && code < 400:
		return false, fmt.Errorf("HTTP %d: the URL moved, and orgsync follows no redirect", code)
	default:
		return code >= 500 || code == http.StatusTooManyRequests, fmt.Errorf("HTTP %d", code)
	}
}
