package secrets

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// TestWriter checks that a secret is redacted even if it is split over several writes. Other text stays the same.
func TestWriter(t *testing.T) {
	t.Parallel()
	s := &Set{}
	s.Add("KEY-0123456789", "[key]")
	s.Add("KEY-0123-other", "[other]")
	s.Add("short", "[short]")
	tests := []struct{ in, want string }{
		{"", ""},
		{"plain\n", "plain\n"},
		{"KEY-0123456789", "[key]"},
		{"key-0123456789key-0123-OTHER", "[key][other]"},
		{"a KEY-0123456789 b\n", "a [key] b\n"},
		{"KKEY-0123456789", "K[key]"},
		{"KEY-KEY-0123456789", "KEY-[key]"},
		{"KEY-012345678", "KEY-012345678"},
		{"KEY-0123\u200b4567\u200b\u200b89", "[key]"},
		{`KEY-0123\u200b456789`, "[key]"},
		{`KEY-0123\\u200b456789`, "[key]"},
		{`KEY-0123\x1b[1m456789`, "[key]"},
		{"KEY-0123\x1b[1m456789", "[key]"},
		{`KEY-0123\\\\\\u200b456789`, `KEY-0123\\\\\\u200b456789`},
		{`KEY-0123\456789`, `KEY-0123\456789`},
		{`KEY-0123\u0041456789`, `KEY-0123\u0041456789`},
		{`KEY-0123\u20`, `KEY-0123\u20`},
		{"KEY-01234…", "[key]…"},
		{`KEY-01234\u2026`, `[key]\u2026`},
		{"KEY-01…", "KEY-01…"},
		{"KEY-0123\xe2", "KEY-0123\xe2"},
		{"a short word", "a short word"},
	}
	for _, tt := range tests {
		for size := 1; size <= len(tt.in)+1; size++ {
			var out bytes.Buffer
			w := s.Writer(&out)
			for rest := tt.in; rest != ""; {
				n := min(size, len(rest))
				if written, err := io.WriteString(w, rest[:n]); written != n || err != nil {
					t.Fatalf("Write = %d, %v", written, err)
				}
				rest = rest[n:]
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			if out.String() != tt.want {
				t.Errorf("%q in pieces of %d gives %q, want %q", tt.in, size, &out, tt.want)
			}
		}
		if got := s.Redact(tt.in); got != tt.want {
			t.Errorf("redact(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// TestWriterHoldsLittle checks that text which cannot begin a secret is written at once. A question needs this.
func TestWriterHoldsLittle(t *testing.T) {
	t.Parallel()
	s := &Set{}
	s.Add("KEY-0123456789", "[key]")
	var out bytes.Buffer
	w := s.Writer(&out)
	for _, text := range []string{"Go on? [y/N] ", "line\n", "KEY-0123 KEY-"} {
		out.Reset()
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSuffix(text, "KEY-"); out.String() != want {
			t.Errorf("%q is written as %q, want %q", text, &out, want)
		}
	}
}

func FuzzWriter(f *testing.F) {
	f.Add("KEY-0123456789", 3)
	f.Add("a key-0123\u200b456789…", 7)
	f.Fuzz(func(t *testing.T, text string, size int) {
		s := &Set{}
		s.Add("KEY-0123456789", "[key]")
		size = max(1, size)
		var out bytes.Buffer
		w := s.Writer(&out)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			_, _ = io.WriteString(w, rest[:n])
			rest = rest[n:]
		}
		_ = w.Flush()
		if whole := s.Redact(text); out.String() != whole {
			t.Errorf("in pieces of %d: %q, as a whole: %q", size, &out, whole)
		}
		if strings.Contains(strings.ToLower(out.String()), "key-0123456789") {
			t.Errorf("%q shows the secret", &out)
		}
	})
}
