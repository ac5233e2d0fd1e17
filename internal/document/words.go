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

// MaxShown is the maximum number of items in a list. The list only counts further items.
const MaxShown = 10

// Truncate returns the first n elements of list, and the number of the other elements. If n is 0, it
// returns the whole list.
func Truncate[E any](list []E, n int) ([]E, int) {
	if n == 0 || len(list) <= n {
		return list, 0
	}
	return list[:n:n], len(list) - n
}

// Map returns a list with the result of f for each element of list. The new list is never nil.
func Map[A, B any](list []A, f func(A) B) []B {
	out := make([]B, len(list))
	for i, one := range list {
		out[i] = f(one)
	}
	return out
}

// OrganizationLabel returns the name and the id of o, marked as text from outside; "" if o has neither.
func OrganizationLabel(o org.Organization) string {
	return strings.TrimSpace(MarkName(o.Name) + Parenthesize(MarkName(o.ID)))
}

// Capitalize returns word with its first letter in upper case. The first letter must be ASCII.
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

// Parenthesize returns a space and text in parentheses; "" if text is "".
func Parenthesize(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// SingularOrPlural returns one if n is 1, and otherwise many.
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

// TimeCell returns a cell with t to the minute.
func TimeCell(t time.Time) Cell { return Cell{Text: FormatTime(t), Page: &PageCell{Time: t}} }
