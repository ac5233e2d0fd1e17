package org

import (
	"fmt"
	"strings"
	"unicode"
)

// eastAsian has the scripts that may occur together, also with Latin letters (Unicode Technical Standard 39, 5.2,
// "highly restrictive").
var eastAsian = map[string]bool{"Han": true, "Hiragana": true, "Katakana": true, "Bopomofo": true, "Hangul": true}

// LookAlike returns why a may be confused with another address that looks the same; "" if there is no reason. The
// text completes a sentence that begins with the address. LookAlike compares letters only within the part before the
// @, and within each label of the domain.
func (a Address) LookAlike() string {
	isNotASCII := func(r rune) bool { return r > unicode.MaxASCII }
	if !strings.ContainsFunc(a.key, isNotASCII) && !strings.Contains(a.key, "xn--") {
		return ""
	}
	local, domain, _ := strings.Cut(a.spelling, "@")
	if shown, err := domains.ToUnicode(domain); err == nil {
		domain = shown
	}
	for _, part := range append([]string{local}, strings.Split(domain, ".")...) {
		if first, other, letter := mixedScripts(part); other != "" {
			return fmt.Sprintf("mixes %s and %s letters (%U)", first, other, letter)
		}
	}
	return ""
}

// mixedScripts returns two scripts that should not occur together but do in s, and the first letter of the second
// one. It returns "", "" and 0 if there are no such scripts.
func mixedScripts(s string) (first, other string, letter rune) {
	for _, r := range s {
		script := scriptOf(r)
		switch {
		case script == "" || script == first || eastAsian[script] && (eastAsian[first] || first == "Latin"):
		case first == "" || script == "Latin" && eastAsian[first]:
			first = script
		default:
			return first, script, r
		}
	}
	return "", "", 0
}

// scriptOf returns the script of a letter; "" for other characters, and for letters that belong to no single script.
func scriptOf(r rune) string {
	if !unicode.IsLetter(r) {
		return ""
	}
	if r < unicode.MaxASCII {
		return "Latin"
	}
	for name, table := range unicode.Scripts {
		if name != "Common" && name != "Inherited" && unicode.Is(table, r) {
			return name
		}
	}
	return ""
}

// GoogleMailbox returns a key that is the same for all addresses of one mailbox at gmail.com or googlemail.com; ""
// for other domains. Google ignores dots and plus-tags, and treats the two domains as one (support.google.com/mail,
// "Dots don't matter").
func (a Address) GoogleMailbox() string {
	local, domain, _ := strings.Cut(a.key, "@")
	if domain != "gmail.com" && domain != "googlemail.com" {
		return ""
	}
	local, _, _ = strings.Cut(local, "+")
	return strings.ReplaceAll(local, ".", "")
}
