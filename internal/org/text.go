package org

import (
	"html"
	"regexp"
	"strings"
	"sync"
)

// entity is a character as HTML escapes it. Without the semicolon it is only text that looks like one.
var entity = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});`)
})

// maxEscapes is how often a text may have been escaped, one time over the other.
const maxEscapes = 3

// Unescape returns s as people write it, where s was escaped for HTML, once or up to three times.
func Unescape(s string) string {
	for range maxEscapes {
		if !strings.Contains(s, "&") || !strings.Contains(s, ";") { // nearly all, and cheaply
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
