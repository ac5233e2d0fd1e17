package vultr

import (
	"html"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/orgsync/orgsync/internal/lazyregexp"
	"github.com/orgsync/orgsync/internal/org"
)

// address returns the address under name; the zero Address if there is none. The documents do not say how the API
// writes addresses. So address removes possible additions, one kind after the other, until the rest is a valid
// address. A text with an asterisk, a bullet or an ellipsis is none: it may be an address with a hidden part, as in
// a***@example.com. Then it does not say who it belongs to.
func (f fields) address(name string) org.Address {
	text := f.name(name)
	isIn := func(sign string) bool { return strings.Contains(text, sign) }
	if slices.ContainsFunc(hiddenPartSigns, isIn) {
		return org.Address{}
	}
	if strings.Contains(text, "&#") { // a numeric escape without its semicolon
		text = strings.TrimSpace(html.UnescapeString(text))
	}
	for _, simplify := range addressForms {
		if a, err := org.ParseAddress(text); err == nil {
			return a
		}
		text = simplify(text)
	}
	a, _ := org.ParseAddress(text)
	return a
}

// hiddenPartSigns stand for the hidden part of an address.
var hiddenPartSigns = []string{"*", "•", "●", "…"}

// addressForms are functions that each remove one kind of addition from an address.
var addressForms = []func(string) string{unescapeBackslashes, unescapeWhole, unwrapMailbox, trimAddress, restorePlus}

// unescapeBackslashes returns text without backslashes: \u0027 becomes ', and \' becomes '.
func unescapeBackslashes(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, `\`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		escaped := text[len(before):]
		r, size := backslashEscape(escaped)
		if r == utf8.RuneError {
			text = strings.TrimLeft(rest, `\`)
			continue
		}
		b.WriteRune(r)
		text = escaped[size:]
	}
}

// unescapeWhole decodes an address that is escaped as in a URL, including its @.
func unescapeWhole(text string) string {
	if plain, err := url.PathUnescape(text); err == nil && !strings.Contains(text, "@") {
		return plain
	}
	return text
}

// unwrapMailbox returns the address in a mailbox, such as Ada <ada@example.com>, "ada"@example.com or
// mailto:ada@example.com.
func unwrapMailbox(text string) string {
	if len(text) > len("mailto:") && strings.EqualFold(text[:len("mailto:")], "mailto:") {
		text, _, _ = strings.Cut(text[len("mailto:"):], "?")
	}
	if mailbox, err := mail.ParseAddress(text); err == nil {
		return mailbox.Address
	}
	return text
}

// trimAddress removes invisible characters at the ends of an address, and the dot at the end of a domain.
func trimAddress(text string) string {
	isInvisible := func(r rune) bool { return !unicode.IsGraphic(r) }
	return strings.TrimSuffix(strings.TrimFunc(text, isInvisible), ".")
}

// restorePlus replaces spaces by plus signs: a decoder of web forms turns a plus into a space.
func restorePlus(text string) string { return strings.ReplaceAll(text, " ", "+") }

// plainAddress matches text without any character that an API may have added. Such text is certainly not another form
// of an address in a roster.
var plainAddress = lazyregexp.New(`^[a-zA-Z0-9._+-]+@[a-zA-Z0-9.-]+$`)

// isUnidentified reports whether a row does not say to which address it belongs, so that it may belong
// to anybody. a is the address under name. A plain text that is no valid address, such as a@localhost,
// identifies somebody who cannot be in a roster.
func (f fields) isUnidentified(name string, a org.Address) bool {
	return a.IsZero() && !plainAddress().MatchString(f.text(name))
}
