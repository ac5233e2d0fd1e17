package vultr

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/orgsync/orgsync/internal/lazyregexp"
	"github.com/orgsync/orgsync/internal/org"
)

// failureOfStatus returns the failure that an HTTP status means; 0 if the status is 2xx, or 0
// because there is no answer.
func failureOfStatus(status int) org.Failure {
	switch {
	case status == 0 || status/100 == 2:
		return 0
	case status < 400:
		return org.Unreadable // a redirect, or an unexpected status
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return org.Denied
	case status == http.StatusTooManyRequests:
		return org.NotSent
	case status == http.StatusRequestTimeout || status >= 500:
		return org.Lost
	}
	return org.Refused
}

// IsForbiddenOrMissing reports whether err means that the key may not read something (403), or that the API does
// not have it (404). A 403 that does not come from the API says nothing about the key.
func IsForbiddenOrMissing(err error) bool {
	return hasStatus(err, http.StatusForbidden) || hasStatus(err, http.StatusNotFound)
}

// isRefusedByAPI reports whether the API refused one request for good. A 401 does not count, because it is about all
// requests. A 5xx does not count, because the next read may succeed.
func isRefusedByAPI(err error) bool {
	failure, ok := errors.AsType[*org.CallError](err)
	isDenied := ok && failure.Failure == org.Denied && failure.Status == http.StatusForbidden
	return ok && !failure.NotFromAPI && (isDenied || failure.Failure == org.Refused)
}

func hasStatus(err error, status int) bool {
	failure, ok := errors.AsType[*org.CallError](err)
	isBlocked := failure != nil && failure.NotFromAPI && failure.Status == http.StatusForbidden
	return ok && failure.Status == status && !isBlocked
}

// isFromAPI reports whether an answer that is not a success probably comes from the API. Such answers have an error
// text (SPEC: the member error in 4xx), with any content type. Other answers do not count if they are web pages. With
// status 403, which proxies and firewalls send too, they count only if a member explains the error.
func isFromAPI(a answer, body []byte) bool {
	f := decodeObject(body)
	explains := func(member string) bool { return f.text(member) != "" }
	return f.errorText() != "" ||
		!isHTML(a.header) && (a.status != http.StatusForbidden || slices.ContainsFunc(descriptions, explains))
}

// failureText returns the error text of an answer that is not a success: its `error` (SPEC, 4xx) or
// a similar member, the title of a web page, the first line, or else the standard text for its
// status.
func failureText(a answer, body []byte) string {
	if location := a.header.Get("Location"); a.status/100 == 3 && location != "" {
		return "a redirect to " + location + ", which is not followed"
	}
	if text := decodeObject(body).errorText(); text != "" {
		return text
	}
	if isHTML(a.header) {
		return describeHTML(body)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if line == "" {
		return http.StatusText(a.status)
	}
	return line
}

// describeNonJSON says what a successful answer has instead of a JSON object.
func describeNonJSON(a answer, body []byte) string {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return "an empty answer"
	case isHTML(a.header):
		return describeHTML(body) + " instead of JSON"
	}
	return "an answer that is not a JSON object"
}

var titleTag = lazyregexp.New(`(?is)<title[^>]*>(.*?)</title>`)

func describeHTML(body []byte) string {
	if title := titleTag().FindSubmatch(body[:min(len(body), maxErrorBody)]); title != nil {
		return fmt.Sprintf("an HTML page (%s)", strings.TrimSpace(html.UnescapeString(string(title[1]))))
	}
	return "an HTML page"
}

// Redact returns text without the key.
func (c *Client) Redact(text string) string { return c.redact(text) }

// CleanText returns a text from the server as one printable line of at most 200 characters, without the
// key. It removes the key before it shortens the text, because a short part of the key at the end of
// a text cannot be found.
func (c *Client) CleanText(text string) string { return shorten(c.redact(text)) }

// shorten returns s as one printable line of at most 200 characters.
func shorten(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	line := []rune(strings.Join(strings.Fields(s), " "))
	if len(line) > 200 {
		line = append(line[:199], '…')
	}
	return string(line)
}
