package org

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/orgsync/orgsync/internal/lazyregexp"
)

// maxAddress is the maximum length of an address in bytes. RFC 5321, 4.5.3.1, allows 256 bytes with angle brackets.
const maxAddress = 254

// Address is a mail address. The zero Address is no address. Use [ParseAddress] to make an Address.
type Address struct {
	spelling string // the address as it was given; orgsync sends and shows it
	key      string // the canonical form, by which addresses are compared
}

// ParseAddress parses an address of the form local@domain, and removes white space around it. It accepts no display
// name, no quoted text and no control or invisible characters. The domain must have a dot. The error is a sentence
// that does not contain the address.
func ParseAddress(s string) (Address, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return Address{}, errors.New("the address is empty")
	case len(s) > maxAddress:
		return Address{}, fmt.Errorf("the address is longer than %d bytes", maxAddress)
	case !utf8.ValidString(s):
		return Address{}, errors.New("the address is not valid UTF-8")
	}
	for _, r := range s {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '.' || r == '@':
			// This case is first because it is the fastest, and nearly all characters belong to it.
		// The printable ASCII characters that need quotes (RFC 5322, 3.2.3).
		case strings.ContainsRune(` <>"(),:;[\]`, r):
			if strings.ContainsAny(s, "<>") {
				return Address{}, errors.New("the address has a name or angle brackets with it: write only local@domain")
			}
			if r == ' ' {
				return Address{}, errors.New("the address has a space in it")
			}
			return Address{}, fmt.Errorf("the address holds the character %q, which no plain address has", r)
		case isForbidden(r):
			return Address{}, fmt.Errorf("the address holds the character %U, which no plain address has", r)
		}
	}
	local, domain, found := strings.Cut(s, "@")
	switch {
	case !found:
		return Address{}, errors.New("the address has no @")
	case strings.Contains(domain, "@"):
		return Address{}, errors.New("the address has more than one @")
	case local == "":
		return Address{}, errors.New("the address has nothing before the @")
	case domain == "":
		return Address{}, errors.New("the address has nothing after the @")
	case strings.ContainsFunc(local, becomesASCII):
		return Address{}, errors.New("the part before the @ has a character that looks like an ASCII letter")
	case local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, ".."):
		return Address{}, errors.New("the part before the @ begins or ends with a dot, or has two in a row")
	case !strings.Contains(domain, "."):
		return Address{}, errors.New("the domain of the address has no dot")
	}
	ascii := domain
	if !isPlainDomain(domain) {
		var err error
		if ascii, err = domains.ToASCII(domain); err == nil {
			// ToASCII checks the bidi rule before it maps symbols to letters. If the letters are right-to-left, only a second
			// call finds that they break the rule.
			ascii, err = domains.ToASCII(ascii)
		}
		if err != nil || strings.HasSuffix(ascii, ".") {
			return Address{}, errors.New("the domain of the address is not a valid one")
		}
	}
	key := s
	if canonical := canonicalLocal(local); canonical != local || ascii != domain {
		key = canonical + "@" + ascii
	}
	if len(key) > maxAddress {
		return Address{}, fmt.Errorf("the address is longer than %d bytes with its domain in ASCII form", maxAddress)
	}
	return Address{spelling: s, key: key}, nil
}

// isForbidden reports whether r is an invisible character or U+FFFD, which stands for a character that was lost.
// IsPrint is false for controls, bidirectional marks, zero-width characters and every space but U+0020. The two tables
// have the others. With such characters, two different addresses would look the same.
func isForbidden(r rune) bool {
	return r == unicode.ReplacementChar || !unicode.IsPrint(r) ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// becomesASCII reports whether r is not ASCII but its canonical form is, such as the Kelvin sign. If such characters
// were allowed, two different mailboxes would have the same key.
func becomesASCII(r rune) bool {
	return r > unicode.MaxASCII && strings.ContainsFunc(norm.NFC.String(string(r)), func(r rune) bool {
		return r <= unicode.MaxASCII
	})
}

// canonicalLocal returns the canonical form of the part before the @. The API may write an address in another form
// than people do: with an accent as a character of its own, or with characters escaped as in a URL.
func canonicalLocal(local string) string {
	for strings.Contains(local, "%") {
		decoded := decodePercent(local)
		if decoded == local {
			break
		}
		local = decoded
	}
	local = strings.ToLower(local)
	if isNotASCII := func(r rune) bool { return r > unicode.MaxASCII }; strings.ContainsFunc(local, isNotASCII) {
		local = norm.NFC.String(strings.ToLower(norm.NFC.String(local)))
	}
	return local
}

// percentEscapes matches the escapes of characters that encoders of URLs escape and addresses may have (RFC 3986,
// 2.1 and 2.2). The escapes of letters that are not ASCII have several bytes.
var percentEscapes = lazyregexp.New("(?i)(?:%(?:2[13467abf]|3[df]|5e|60|7[bcde]|[89a-f][0-9a-f]))+")

// decodePercent decodes the escapes in s that percentEscapes matches.
func decodePercent(s string) string {
	return percentEscapes().ReplaceAllStringFunc(s, func(escaped string) string {
		decoded, err := url.PathUnescape(escaped)
		if err != nil || !utf8.ValidString(decoded) || strings.ContainsFunc(decoded, isForbidden) {
			return escaped
		}
		return decoded
	})
}

// domains maps and checks domain names by the rules for DNS look-ups (UTS 46), and checks the lengths that DNS
// allows.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true))

// isPlainDomain reports whether domains.ToASCII certainly returns domain unchanged. This is true for nearly all
// domains, and ToASCII would take a fiftieth of the processor time of a plan.
func isPlainDomain(domain string) bool {
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.Contains(label, "--") {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return len(domain) <= 253
}

// MustParseAddress is like [ParseAddress] but panics if s is not a valid address. It is for addresses in code, such
// as in tests.
func MustParseAddress(s string) Address {
	a, err := ParseAddress(s)
	if err != nil {
		panic(fmt.Sprintf("%q: %v", s, err))
	}
	return a
}

// String returns a as it was given, without white space around it; "" for the zero Address.
func (a Address) String() string { return a.spelling }

// Key returns the canonical key of a: a in lower case, with accents joined to their letters, without the escapes of
// URLs, and with the domain in IDNA ASCII form; "" for the zero Address.
// The key keeps dots and plus-tags, because only the mail server of the domain knows what they mean.
func (a Address) Key() string { return a.key }

// IsZero reports whether a is the zero Address.
func (a Address) IsZero() bool { return a.key == "" }

// Domain returns the domain of a in IDNA ASCII form; "" for the zero Address.
func (a Address) Domain() string {
	_, domain, _ := strings.Cut(a.key, "@")
	return domain
}

// Equal reports whether a and b have the same key.
func (a Address) Equal(b Address) bool { return a.key == b.key }
