package vultr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"unicode"

	"github.com/orgsync/orgsync/internal/org"
)

// failureOf says what a status means for a call; 0 for success, and for the status 0 of a call without an answer.
func failureOf(status int) org.Failure {
	switch {
	case status == 0 || status/100 == 2:
		return 0
	case status < 400:
		return org.Unreadable // a redirect, or something that nobody asked for
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return org.Denied
	case status == http.StatusTooManyRequests:
		return org.NotSent
	case status == http.StatusRequestTimeout || status >= 500:
		return org.Lost
	}
	return org.Refused
}

// Hidden tells that the key may not see what was asked for, or that the API does not have it.
func Hidden(err error) bool {
	return hasStatus(err, http.StatusForbidden) || hasStatus(err, http.StatusNotFound)
}

func hasStatus(err error, status int) bool {
	var failure *org.CallError
	return errors.As(err, &failure) && failure.Status == status
}

// serverWords is what an answer that is no success says: the text of its `error` (SPEC, 4xx), a page's title, else its
// first line, else the standard words for its status.
func serverWords(a answer, body []byte) string {
	if a.status/100 == 3 {
		return "a redirect to " + a.header.Get("Location") + ", which is not followed"
	}
	var top fields
	if json.Unmarshal(body, &top) == nil && top.text("error") != "" {
		return top.text("error")
	}
	if isHTML(a.header) {
		return page(body)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if line == "" {
		return http.StatusText(a.status)
	}
	return line
}

// notJSON says what a success was instead of a JSON object.
func notJSON(a answer, body []byte) string {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return "an empty answer"
	case isHTML(a.header):
		return page(body) + " instead of JSON"
	}
	return "an answer that is not a JSON object"
}

var titleTag = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

func page(body []byte) string {
	if title := titleTag.FindSubmatch(body[:min(len(body), maxRefusal)]); title != nil {
		return fmt.Sprintf("an HTML page (%s)", strings.TrimSpace(html.UnescapeString(string(title[1]))))
	}
	return "an HTML page"
}

// clean makes a server's words fit for an error. The key is looked for in what can be seen of them, before they are cut: else
// a character in it that cannot be seen, or the cut, would hide it.
func (c *Client) clean(words string) string {
	seen := printable(c.redact(words))
	withoutMarks := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Mn, unicode.Me) {
			return -1
		}
		return r
	}, seen)
	if redacted := c.redact(withoutMarks); redacted != withoutMarks {
		return cut(redacted)
	}
	return cut(c.redact(seen))
}

// shorten makes one printable line of at most 200 characters.
func shorten(s string) string { return cut(printable(s)) }

// terminalSequence is what changes a terminal's colours and the like (ECMA-48, 5.4).
var terminalSequence = regexp.MustCompile("(\x1b\\[|\u009b)[0-?]*[ -/]*[@-~]")

// printable makes one line of the characters that can be seen.
func printable(s string) string {
	s = terminalSequence.ReplaceAllString(strings.ToValidUTF8(s, ""), "")
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r), unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

func cut(s string) string {
	line := []rune(s)
	if len(line) > 200 {
		line = append(line[:199], '…')
	}
	return string(line)
}
