package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

// The maximum width of text from outside, in columns.
const (
	addressWidth = 80
	messageWidth = 300
)

// actionStyle holds how an action is shown: its word, and its word once it is done. The glyph and
// the word carry the meaning; the colour only repeats it.
type actionStyle struct {
	glyph, word, past string
	color             color
}

var actionStyles = map[plan.Action]actionStyle{
	plan.Invite:    {"+", "invite", "invited", green},
	plan.Reinvite:  {"~", "invite again", "invited again", yellow},
	plan.Update:    {"~", "update", "updated", yellow},
	plan.Grant:     {"+", "grant", "granted", green},
	plan.Revoke:    {"-", "revoke", "revoked", red},
	plan.Suspend:   {"-", "suspend", "suspended", red},
	plan.Unsuspend: {"+", "unsuspend", "unsuspended", green},
	plan.Remove:    {"-", "remove", "removed", red},
}

// styleOf returns the style of a. An action that this version does not know is shown by its own
// name.
func styleOf(a plan.Action) actionStyle {
	if l, ok := actionStyles[a]; ok {
		return l
	}
	return actionStyle{"?", string(a), string(a) + " done", 0}
}

// reasonText returns why c is needed or, when it is done, why it was; including any API access that
// the mail brings.
func reasonText(c plan.Change, done bool) string {
	wantsAPI := c.Detail.APIEnabled != nil && *c.Detail.APIEnabled
	access := string(c.Detail.Kind) + " " + outside(c.Detail.Name, addressWidth)
	var why string
	switch c.Reason {
	case plan.NotInvited:
		if why = "not invited yet"; done {
			why = "was not invited before"
		}
	case plan.Expired:
		if why = "the last invitation expired"; done {
			why = "the invitation before had expired"
		}
	case plan.ListedAgain:
		why = "in the roster again"
	case plan.NotListed:
		if why = "not in the roster"; c.Source != "" {
			why = "their last day has passed"
		}
	case plan.APIAccessDiffers:
		if wantsAPI {
			return "the roster gives API access"
		}
		return "the roster gives no API access"
	case plan.Requested:
		return "requested with --resend"
	case plan.MissingAccess:
		if done {
			return "the " + access
		}
		return "lacks the " + access
	case plan.MoreAccess:
		if done {
			return "the " + access + ", which the roster does not give"
		}
		return "has the " + access + ", which the roster does not give"
	default:
		why = strings.ReplaceAll(string(c.Reason), "_", " ")
	}
	if wantsAPI {
		why += ", with API access"
	}
	return why
}

// formatDeadline returns t and how long it is from now, as in "2026-05-01 12:00 UTC (1 day 4
// hours)".
func formatDeadline(t, now time.Time) string {
	return fmt.Sprintf("%s (%s)", formatTime(t), formatDuration(t.Sub(now)))
}

// formatTime returns t to the minute, in UTC.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// formatDuration returns d in words, in its two largest units.
func formatDuration(d time.Duration) string {
	minutes := int(d / time.Minute)
	days, hours, minutes := minutes/(24*60), minutes/60%24, minutes%60
	switch {
	case d < time.Minute:
		return "less than a minute"
	case days > 0 && hours > 0:
		return pluralize(days, "day", "days") + " " + pluralize(hours, "hour", "hours")
	case days > 0:
		return pluralize(days, "day", "days")
	case hours > 0 && minutes > 0:
		return pluralize(hours, "hour", "hours") + " " + pluralize(minutes, "minute", "minutes")
	case hours > 0:
		return pluralize(hours, "hour", "hours")
	}
	return pluralize(minutes, "minute", "minutes")
}

// pluralize returns n with the matching noun, as in "1 mail" or "2 mails".
func pluralize(n int, one, many string) string {
	return fmt.Sprintf("%d %s", n, singularOrPlural(n, one, many))
}

// counted returns n with the matching noun; "" for 0.
func counted(n int, one, many string) string {
	if n == 0 {
		return ""
	}
	return pluralize(n, one, many)
}

// joinCounts returns the counts that are not "", with commas between them.
func joinCounts(counts ...string) string {
	return strings.Join(slices.DeleteFunc(counts, func(s string) bool { return s == "" }), ", ")
}

// singularOrPlural returns one when n is 1, and many for any other number.
func singularOrPlural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// unchangedText returns how many people of the roster have no change, as a sentence; "" for nobody.
func unchangedText(n int) string {
	if n == 0 {
		return ""
	}
	return " " + pluralize(n, "person", "people") + " unchanged."
}

// sinceText returns " since" and the day of t; "" for the zero time.
func sinceText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " since " + t.UTC().Format(time.DateOnly)
}

// atText returns " at" and the time t; "" for the zero time.
func atText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " at " + formatTime(t)
}

// parenthesize returns text that is already escaped in parentheses, after a space; "" for "".
func parenthesize(shown string) string {
	if shown == "" {
		return ""
	}
	return " (" + shown + ")"
}

// maxShown is how many things that are alike are shown before the others are only counted, and
// maxInSentence how many of them within a sentence.
const (
	maxShown      = 10
	maxInSentence = 5
)

// firstOf returns the first elements of list, at most n of them, and how many more there are. An n
// of 0 sets no limit.
func firstOf[E any](list []E, n int) ([]E, int) {
	if n == 0 || len(list) <= n {
		return list, 0
	}
	return list[:n:n], len(list) - n
}

// summarizeList returns the first of list, text from outside, and how many more there are.
func summarizeList(list []string) string {
	first, more := firstOf(list, maxInSentence)
	shown := make([]string, len(first))
	for i, s := range first {
		shown[i] = outside(s, addressWidth)
	}
	s := strings.Join(shown, ", ")
	if more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// organizationLabel returns the name and id of o; "" when it has neither.
func organizationLabel(o org.Organization) string {
	return strings.TrimSpace(outside(o.Name, addressWidth) + parenthesize(outside(o.ID, addressWidth)))
}

// capitalize returns word with its first letter, an ASCII one, in upper case.
func capitalize(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// estimatedText returns the word before a time that the server did not give.
func estimatedText(estimated bool) string {
	if estimated {
		return "about "
	}
	return ""
}

// compareAddresses compares addresses in the order that people expect: numbers by their value.
func compareAddresses(a, b org.Address) int { return compareNatural(a.Key(), b.Key()) }

// compareNatural compares a and b with runs of digits as numbers, so that "person2" comes before
// "person10".
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		x, y := digitsOf(a), digitsOf(b)
		if x == "" || y == "" {
			if c := cmp.Compare(a[0], b[0]); c != 0 {
				return c
			}
			a, b = a[1:], b[1:]
			continue
		}
		m, n := strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
			return c
		}
		a, b = a[len(x):], b[len(y):]
	}
	return cmp.Compare(len(a), len(b))
}

// digitsOf returns the digits that s begins with.
func digitsOf(s string) string { return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))] }
