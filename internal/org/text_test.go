package org_test

import (
	"testing"

	"github.com/orgsync/orgsync/internal/org"
)

func TestUnescapeHTML(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain":                    "plain",
		"R&D":                      "R&D",
		"R&D; and more":            "R&D; and more",
		"R&amp;D":                  "R&D",
		"R&amp;amp;D":              "R&D",
		"R&amp;amp;amp;D":          "R&D",
		"R&amp;amp;amp;amp;D":      "R&amp;D",
		"&#39;a&#x27; &lt;b&gt;":   "'a' <b>",
		"Q&A &eacute;quipe":        "Q&A \u00e9quipe",
		"no semicolon: R&amp D":    "no semicolon: R&amp D",
		"no such name: &nosuchm;x": "no such name: &nosuchm;x",
	} {
		if got := org.UnescapeHTML(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
