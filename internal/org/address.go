package org

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxAddress is the longest address that can be mailed, in bytes (RFC 5321, 4.5.3.1, less the angle brackets).
const maxAddress = 254

// Address is a person's mail address: the spelling that is sent, and the canonical key that is compared.
// The zero Address is none; only [ParseAddress] makes another.
type Address struct {
	spelling string
	key      string
}

// ParseAddress reads a plain local@domain: no display name, no quoting, no control or invisible characters, a dot
// in the domain. White space around it is dropped. The error is one plain sentence without the address in it.
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
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '.' || r == '@': // nearly all, and cheaply
		// The printable ASCII characters that need quotes (RFC 5322, 3.2.3).
		case strings.ContainsRune(` <>"(),:;[\]`, r):
			if strings.ContainsAny(s, "<>") {
				return Address{}, errors.New("the address has a name or angle brackets with it: only local@domain is read")
			}
			if r == ' ' {
				return Address{}, errors.New("the address has a space in it")
			}
			return Address{}, fmt.Errorf("the address holds the character %q, which no plain address has", r)
		// IsPrint leaves out controls, bidirectional marks, zero-width characters and every space but U+0020; what else
		// cannot be seen would make two people of one spelling.
		case !unicode.IsPrint(r), unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
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
	case local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, ".."):
		return Address{}, errors.New("the part before the @ begins or ends with a dot, or has two in a row")
	case !strings.Contains(domain, "."):
		return Address{}, errors.New("the domain of the address has no dot")
	}
	ascii := domain
	if !isFolded(domain) {
		var err error
		if ascii, err = domains.ToASCII(domain); err == nil {
			// Symbols that fold to right-to-left letters pass the bidi rule before they are folded, and break it after.
			ascii, err = domains.ToASCII(ascii)
		}
		if err != nil || strings.HasSuffix(ascii, ".") {
			return Address{}, errors.New("the domain of the address is not a valid one")
		}
	}
	key := s
	if lower := strings.ToLower(local); lower != local || ascii != domain {
		key = lower + "@" + ascii
	}
	if len(key) > maxAddress {
		return Address{}, fmt.Errorf("the address is longer than %d bytes with its domain in ASCII form", maxAddress)
	}
	return Address{spelling: s, key: key}, nil
}

// domains folds and checks domain names as a look-up does (UTS 46), and holds them to the lengths that DNS allows.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true))

// isFolded reports whether domain is one that domains surely leaves as it is. Nearly all are, and asking costs a tenth.
func isFolded(domain string) bool {
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

// MustParseAddress is [ParseAddress] for addresses known to be right, as in tests; it panics on any other.
func MustParseAddress(s string) Address {
	a, err := ParseAddress(s)
	if err != nil {
		panic(fmt.Sprintf("%q: %v", s, err))
	}
	return a
}

// String is the spelling as it was given, without white space around it: what is sent and shown. Empty for the zero
// Address.
func (a Address) String() string { return a.spelling }

// Key is what addresses are compared by: lower case, the domain in IDNA ASCII form. Dots and plus-tags are kept,
// since only the mail server of the domain knows what they mean. Empty for the zero Address.
func (a Address) Key() string { return a.key }

// IsZero reports whether a is no address.
func (a Address) IsZero() bool { return a.key == "" }

// Domain is the domain in IDNA ASCII form. Empty for the zero Address.
func (a Address) Domain() string {
	_, domain, _ := strings.Cut(a.key, "@")
	return domain
}

// Equal reports whether a and b have the same key, however they are written.
func (a Address) Equal(b Address) bool { return a.key == b.key }
