package document

import (
	"fmt"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// The maximum width of text from outside, in columns.
const (
	AddressWidth = 80
	MessageWidth = 300
)

// MaxShown is how many things that are alike are shown before the others are only counted.
const MaxShown = 10

// FirstOf returns the first elements of list, at most n of them, and how many more there are. An n
// of 0 sets no limit.
func FirstOf[E any](list []E, n int) ([]E, int) {
	if n == 0 || len(list) <= n {
		return list, 0
	}
	return list[:n:n], len(list) - n
}

// Mapped returns f of each element of list; a list that is never nil.
func Mapped[A, B any](list []A, f func(A) B) []B {
	out := make([]B, len(list))
	for i, one := range list {
		out[i] = f(one)
	}
	return out
}

// OrganizationLabel returns the name and id of o; "" when it has neither.
func OrganizationLabel(o org.Organization) string {
	return strings.TrimSpace(Outside(o.Name) + Parenthesize(Outside(o.ID)))
}

// Capitalize returns word with its first letter, an ASCII one, in upper case.
func Capitalize(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// Pluralize returns n with the matching noun, as in "1 mail" or "2 mails".
func Pluralize(n int, one, many string) string {
	return fmt.Sprintf("%d %s", n, SingularOrPlural(n, one, many))
}

// Parenthesize returns text that is already escaped in parentheses, after a space; "" for "".
func Parenthesize(shown string) string {
	if shown == "" {
		return ""
	}
	return " (" + shown + ")"
}

// SingularOrPlural returns one when n is 1, and many for any other number.
func SingularOrPlural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// FormatTime returns t to the minute, in UTC; "" for the zero time.
func FormatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// TimeCell returns t to the minute.
func TimeCell(t time.Time) Cell { return Cell{Text: FormatTime(t), Page: &PageCell{Time: t}} }
