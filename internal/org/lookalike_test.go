package org_test

import (
	"testing"

	"github.com/orgsync/orgsync/internal/org"
)

func TestLookAlike(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ada@example.com":           "",
		"o'brien+x_1@example.com":   "",
		"josé@example.com":          "",
		"jose\u0301@example.com":    "",
		"\u0430da@example.com":      "mixes Cyrillic and Latin letters (U+0064)",
		"ad\u0430@example.com":      "mixes Latin and Cyrillic letters (U+0430)",
		"ada@ex\u0430mple.com":      "mixes Latin and Cyrillic letters (U+0430)",
		"ada@xn--exmple-4nf.com":    "mixes Latin and Cyrillic letters (U+0430)",
		"\u03b1da@example.com":      "mixes Greek and Latin letters (U+0064)",
		"иван@example.com":          "",
		"иван@пример.example":       "",
		"иван@xn--e1afmkfd.example": "",
		"ada@bücher.example":        "",
		"たなか田中タナカ@example.com":      "",
		"tanaka田中@example.com":      "",
		"田中tanaka@example.com":      "",
		"иtanaka田中@example.com":     "mixes Cyrillic and Latin letters (U+0074)",
		"田中иван@example.com":        "mixes Han and Cyrillic letters (U+0438)",
		"123@example.com":           "",
		"ad1\u0430@example.com":     "mixes Latin and Cyrillic letters (U+0430)",
		"иван1@example.com":         "",
		"ada\u02b9@example.com":     "",
	} {
		if got := org.MustParseAddress(text).LookAlike(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := (org.Address{}).LookAlike(); got != "" {
		t.Errorf("no address: %q", got)
	}
}

func TestGoogleMailbox(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"A.da+x@gmail.com":      "ada",
		"ada@GoogleMail.com":    "ada",
		"a.da@example.com":      "",
		"ada@gmail.com.example": "",
	} {
		if got := org.MustParseAddress(text).GoogleMailbox(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
