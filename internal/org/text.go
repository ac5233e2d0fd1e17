package org

import (
	"html"
	"strings"

	"github.com/orgsync/orgsync/internal/lazyregexp"
)

// entity matches an escaped character of HTML. The semicolon is required, so that text such as "R&D" stays the same.
var entity = lazyregexp.New(`&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});`)

// maxEscapes is how often a text may have been escaped for HTML, one time after the other.
const maxEscapes = 3

// UnescapeHTML removes the HTML escapes of s. It also handles text that was escaped two or three times.
func UnescapeHTML(s string) string {
	for range maxEscapes {
		if !strings.Contains(s, "&") || !strings.Contains(s, ";") { // the fast way for nearly all texts
			return s
		}
		unescaped := entity().ReplaceAllStringFunc(s, html.UnescapeString)
		if unescaped == s {
			return s
		}
		s = unescaped
	}
	return s
}

// IsUUID reports whether s is a UUID. The ids of organizations, groups, roles and policies are UUIDs (SPEC).
func IsUUID(s string) bool { return uuid().MatchString(s) }

var uuid = lazyregexp.New(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
