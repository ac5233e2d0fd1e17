package org

import (
	"net/mail"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in, spelling, key string
	}{
		"plain":                 {"ada@example.com", "ada@example.com", "ada@example.com"},
		"case":                  {"Ada.Lovelace@Example.COM", "Ada.Lovelace@Example.COM", "ada.lovelace@example.com"},
		"white space around":    {" \tada@example.com\n", "ada@example.com", "ada@example.com"},
		"no-break space around": {"ada@example.com\u00a0", "ada@example.com", "ada@example.com"},
		"plus-tag":              {"ada+vultr@example.com", "ada+vultr@example.com", "ada+vultr@example.com"},
		"dots":                  {"a.d.a@example.com", "a.d.a@example.com", "a.d.a@example.com"},
		"every unquoted character": {"a!#$%&'*+-/=?^_`{|}~z@example.com", "a!#$%&'*+-/=?^_`{|}~z@example.com",
			"a!#$%&'*+-/=?^_`{|}~z@example.com"},
		"digits":                     {"12345@12345.example", "12345@12345.example", "12345@12345.example"},
		"unicode domain":             {"ada@bücher.example", "ada@bücher.example", "ada@xn--bcher-kva.example"},
		"unicode domain, upper case": {"ada@BÜCHER.example", "ada@BÜCHER.example", "ada@xn--bcher-kva.example"},
		"unicode domain, decomposed": {"ada@bu\u0308cher.example", "ada@bu\u0308cher.example", "ada@xn--bcher-kva.example"},
		"punycode domain": {"ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example",
			"ada@xn--bcher-kva.example"},
		"punycode domain, upper case": {"ada@XN--BCHER-KVA.example", "ada@XN--BCHER-KVA.example",
			"ada@xn--bcher-kva.example"},
		"sharp s is no double s": {"ada@faß.example", "ada@faß.example", "ada@xn--fa-hia.example"},
		"dotted capital i":       {"ada@İ.example", "ada@İ.example", "ada@xn--i-9bb.example"},
		"full-width domain":      {"ada@ｅｘａｍｐｌｅ.com", "ada@ｅｘａｍｐｌｅ.com", "ada@example.com"},
		"unicode local part":     {"Zoë@example.com", "Zoë@example.com", "zoë@example.com"},
		"accent of its own":      {"Zoe\u0308@example.com", "Zoe\u0308@example.com", "zoë@example.com"},
		"escaped as in a URL":    {"o%27brien%2Bx@example.com", "o%27brien%2Bx@example.com", "o'brien+x@example.com"},
		"escaped letter":         {"Zo%C3%8B@example.com", "Zo%C3%8B@example.com", "zoë@example.com"},
		"escaped twice":          {"a%2%2127b@example.com", "a%2%2127b@example.com", "a%2!27b@example.com"},
		"no escape":              {"a%40b%zz%25%c3@example.com", "a%40b%zz%25%c3@example.com", "a%40b%zz%25%c3@example.com"},
		"escaped invisible":      {"a%E2%80%8Bb@example.com", "a%E2%80%8Bb@example.com", "a%e2%80%8bb@example.com"},
		"longest label": {"ada@" + strings.Repeat("a", 63) + ".example", "ada@" + strings.Repeat("a", 63) +
			".example", "ada@" + strings.Repeat("a", 63) + ".example"},
		"longest": {strings.Repeat("a", 242) + "@example.com", strings.Repeat("a", 242) + "@example.com",
			strings.Repeat("a", 242) + "@example.com"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := ParseAddress(test.in)
			if err != nil {
				t.Fatal(err)
			}
			if a.String() != test.spelling || a.Key() != test.key {
				t.Errorf("ParseAddress(%q) is %q with the key %q, want %q with %q", test.in, a, a.Key(), test.spelling, test.key)
			}
			if want := test.key[strings.Index(test.key, "@")+1:]; a.Domain() != want {
				t.Errorf("Domain() = %q, want %q", a.Domain(), want)
			}
		})
	}
}

func TestParseAddressErrors(t *testing.T) {
	t.Parallel()
	const (
		badDomain = "the domain of the address is not a valid one"
		named     = "the address has a name or angle brackets with it: write only local@domain"
		dots      = "the part before the @ begins or ends with a dot, or has two in a row"
	)
	badCharacter := func(c string) string {
		return "the address holds the character " + c + ", which no plain address has"
	}
	tests := map[string]struct {
		in, want string
	}{
		"empty": {"", "the address is empty"},
		"blank": {" \t ", "the address is empty"},
		"kelvin sign": {"\u212aate@example.com",
			"the part before the @ has a character that looks like an ASCII letter"},
		"display name":            {"Ada Lovelace <ada@example.com>", named},
		"angle brackets":          {"<ada@example.com>", named},
		"quoted local part":       {`"ada"@example.com`, badCharacter(`'"'`)},
		"comment":                 {"ada(work)@example.com", badCharacter("'('")},
		"two addresses":           {"ada@example.com,bob@example.com", badCharacter("','")},
		"link":                    {"mailto:ada@example.com", badCharacter("':'")},
		"address literal":         {"ada@[192.0.2.1]", badCharacter("'['")},
		"backslash":               {`ada\@example.com`, badCharacter(`'\\'`)},
		"space":                   {"ada lovelace@example.com", "the address has a space in it"},
		"no-break space":          {"ada\u00a0lovelace@example.com", badCharacter("U+00A0")},
		"ideographic space":       {"ada\u3000lovelace@example.com", badCharacter("U+3000")},
		"line break":              {"ada@example.com\nbob@example.com", badCharacter("U+000A")},
		"variation selector":      {"ada\ufe0f@example.com", badCharacter("U+FE0F")},
		"filler":                  {"ada\u3164@example.com", badCharacter("U+3164")},
		"grapheme joiner":         {"ada\u034f@example.com", badCharacter("U+034F")},
		"null":                    {"ada\x00@example.com", badCharacter("U+0000")},
		"escape":                  {"ada\x1b[0m@example.com", badCharacter("U+001B")},
		"delete":                  {"ada\x7f@example.com", badCharacter("U+007F")},
		"next line":               {"ada\u0085x@example.com", badCharacter("U+0085")},
		"right-to-left override":  {"ada\u202e@example.com", badCharacter("U+202E")},
		"left-to-right mark":      {"ada\u200e@example.com", badCharacter("U+200E")},
		"isolate":                 {"ada\u2066@example.com", badCharacter("U+2066")},
		"zero-width space":        {"ada\u200b@example.com", badCharacter("U+200B")},
		"zero-width joiner":       {"ada@exa\u200dmple.com", badCharacter("U+200D")},
		"byte-order mark":         {"\ufeffada@example.com", badCharacter("U+FEFF")},
		"replacement character":   {"zo\ufffd@example.com", badCharacter("U+FFFD")},
		"soft hyphen":             {"ada@exam\u00adple.com", badCharacter("U+00AD")},
		"invalid UTF-8":           {"ada\xff@example.com", "the address is not valid UTF-8"},
		"no at":                   {"ada.example.com", "the address has no @"},
		"two ats":                 {"ada@example@example.com", "the address has more than one @"},
		"no local part":           {"@example.com", "the address has nothing before the @"},
		"no domain":               {"ada@", "the address has nothing after the @"},
		"no dot in the domain":    {"ada@localhost", "the domain of the address has no dot"},
		"trailing dot":            {"ada@example.com.", badDomain},
		"full-width trailing dot": {"ada@example.com。", badDomain},
		"leading dot":             {"ada@.example.com", badDomain},
		"only a dot":              {"ada@.", badDomain},
		"two dots in the domain":  {"ada@example..com", badDomain},
		"hyphen first":            {"ada@-example.com", badDomain},
		"hyphen last":             {"ada@example-.com", badDomain},
		"underscore":              {"ada@ex_ample.com", badDomain},
		"bad punycode":            {"ada@xn--a.example", badDomain},
		"empty punycode":          {"ada@xn--.example", badDomain},
		"folds to bad bidi":       {"ada@\u2137.0", badDomain},
		"label too long":          {"ada@" + strings.Repeat("a", 64) + ".example", badDomain},
		"dot first":               {".ada@example.com", dots},
		"dot last":                {"ada.@example.com", dots},
		"two dots":                {"ada..lovelace@example.com", dots},
		"too long":                {strings.Repeat("a", 243) + "@example.com", "the address is longer than 254 bytes"},
		"too long in ASCII": {strings.Repeat("a", 60) + "@" + strings.Repeat("ü.", 30) + "example",
			"the address is longer than 254 bytes with its domain in ASCII form"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := ParseAddress(test.in)
			if !a.IsZero() || err == nil || err.Error() != test.want {
				t.Errorf("ParseAddress(%q) = %q, %v; want the error %q", test.in, a, err, test.want)
			}
		})
	}
}

func TestAddressEqual(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		a, b string
		want bool
	}{
		"case":     {"Ada@Example.com", "ada@example.COM", true},
		"IDNA":     {"ada@bücher.example", "ada@xn--bcher-kva.example", true},
		"plus-tag": {"ada+vultr@example.com", "ada@example.com", false},
		"dots":     {"a.da@example.com", "ada@example.com", false},
		"accent":   {"zoë@example.com", "zoe@example.com", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := MustParseAddress(test.a).Equal(MustParseAddress(test.b)); got != test.want {
				t.Errorf("Equal(%q, %q) = %t", test.a, test.b, got)
			}
		})
	}
}

func TestMustParseAddressPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	MustParseAddress("ada")
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{
		"ada@example.com", " Ada.Lovelace+x@Example.COM ", "ada@bücher.example", "ada@xn--bcher-kva.example",
		"Ⱥ@İ.example",
		"ada@example。com.x",
		"\u212a@faß.example", "a@" + strings.Repeat("ü", 60) + ".example", "=?utf-8?q?a?=@example.com", "a..b@c.d",
		"a@b.c.",
		"ada@exa\u200dmple.com",
		"k@\u2137.0",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkAddress(t, s) })
}

// TestParseAddressProperties checks addresses that are made of pieces that parsers often read wrongly.
func TestParseAddressProperties(t *testing.T) {
	t.Parallel()
	piece := rapid.OneOf(
		rapid.StringOfN(rapid.SampledFrom([]rune("abzAZ09-.+_üßİKẞΣςé")), 1, 12, -1),
		rapid.SampledFrom([]string{"xn--bcher-kva", "XN--", "--", "..", "@", " ", "<", "\u200d", "\u0308", "例え", "אב",
			strings.Repeat("a", 64), "\xff"}),
	)
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(piece, 1, 4).Draw(t, "pieces"), "")
	})
	rapid.Check(t, func(t *rapid.T) {
		checkAddress(t, text.Draw(t, "local")+"@"+text.Draw(t, "domain")+".example")
	})
}

// checkAddress checks the properties of an address on which other packages rely. If s is not an address, it checks only
// that ParseAddress returns no address.
func checkAddress(t rapid.TB, s string) {
	a, err := ParseAddress(s)
	if err != nil {
		if !a.IsZero() || a != (Address{}) {
			t.Fatalf("%q: an address and an error: %q, %v", s, a, err)
		}
		return
	}
	if again, err := ParseAddress(a.String()); err != nil || again != a {
		t.Errorf("%q: reading %q again gives %q, %v", s, a, again, err)
	}
	key, err := ParseAddress(a.Key())
	if err != nil || key.Key() != a.Key() || key.String() != a.Key() {
		t.Errorf("%q: the key of the key %q is %q, %v", s, a.Key(), key.Key(), err)
	}
	if !key.Equal(a) || key.Domain() != a.Domain() {
		t.Errorf("%q does not equal its own key", s)
	}
	if len(a.Key()) > maxAddress || len(a.String()) > maxAddress {
		t.Errorf("%q is longer than an address may be", s)
	}
	// net/mail knows the whole grammar of addresses. It must read the key as the same address, without a name.
	if parsed, err := mail.ParseAddress(a.Key()); err != nil || parsed.Name != "" || parsed.Address != a.Key() {
		t.Errorf("%q: net/mail reads the key %q as %v, %v", s, a.Key(), parsed, err)
	}
	if isPlainDomain(a.Domain()) {
		if ascii, err := domains.ToASCII(a.Domain()); err != nil || ascii != a.Domain() {
			t.Errorf("the domain %q counts as plain, but is %q, %v", a.Domain(), ascii, err)
		}
	}
}
