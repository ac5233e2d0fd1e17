package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// actionStyle is the appearance of an action. The colour only repeats the meaning of the glyph and the
// word.
type actionStyle struct {
	glyph rune
	word  string // for a change that is planned
	past  string // for a change that is done
	color document.Color
}

var actionStyles = map[plan.Action]actionStyle{
	plan.Invite:    {'+', "invite", "invited", document.Green},
	plan.Reinvite:  {'~', "invite again", "invited again", document.Yellow},
	plan.Update:    {'~', "update", "updated", document.Yellow},
	plan.Grant:     {'+', "grant", "granted", document.Green},
	plan.Revoke:    {'-', "revoke", "revoked", document.Red},
	plan.Suspend:   {'-', "suspend", "suspended", document.Red},
	plan.Unsuspend: {'+', "unsuspend", "unsuspended", document.Green},
	plan.Remove:    {'-', "remove", "removed", document.Red},
}

// reasonText returns the reason for c, in the past tense if c is done. If c gives API access, the text
// says so. reinvite has the people that --reinvite names.
func reasonText(c plan.Change, done bool, reinvite []org.Address) string {
	wantsAPI := c.Detail.APIEnabled != nil && *c.Detail.APIEnabled
	access := string(c.Detail.Kind) + " " + document.MarkName(c.Detail.Name)
	var why string
	switch c.Reason {
	case plan.NotInvited:
		switch why = "not invited yet"; {
		case slices.ContainsFunc(reinvite, c.Email.Equal): // they may have declined an invitation
			why = "requested with --reinvite"
		case done:
			why = "was not invited before"
		}
	case plan.Expired:
		if why = "the last invitation expired"; done {
			why = "the previous invitation had expired"
		}
	case plan.ListedAgain:
		why = "in the roster again"
		if c.Action.Mails() { // orgsync removed them, or they left and --invite-left asks for the mail
			why = "was a member before"
		}
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
		return "does not have the " + access
	case plan.MoreAccess:
		if done {
			return "the " + access + ", which the roster does not give"
		}
		return "has the " + access + ", which the roster does not give"
	}
	if wantsAPI {
		why += ", with API access"
	}
	return why
}

// formatDeadline returns t and the time from now until t, as in "2026-05-01 12:00 UTC (1 day 4 hours)".
func formatDeadline(t, now time.Time) string {
	return fmt.Sprintf("%s (%s)", document.FormatTime(t), formatDuration(t.Sub(now)))
}

// formatDuration returns d in words, in its two largest units.
func formatDuration(d time.Duration) string {
	minutes := int(d / time.Minute)
	days, hours, minutes := minutes/(24*60), minutes/60%24, minutes%60
	switch {
	case d < time.Minute:
		return "less than a minute"
	case days > 0 && hours > 0:
		return document.Pluralize(days, "day", "days") + " " + document.Pluralize(hours, "hour", "hours")
	case days > 0:
		return document.Pluralize(days, "day", "days")
	case hours > 0 && minutes > 0:
		return document.Pluralize(hours, "hour", "hours") + " " + document.Pluralize(minutes, "minute", "minutes")
	case hours > 0:
		return document.Pluralize(hours, "hour", "hours")
	}
	return document.Pluralize(minutes, "minute", "minutes")
}

// unchangedText returns a sentence, with a space before it, which says that n people of the roster
// have no change; "" if n is 0.
func unchangedText(n int) string {
	if n == 0 {
		return ""
	}
	return " " + document.Pluralize(n, "person", "people") + " unchanged."
}

// sinceText returns " since" and the day of t in UTC; "" for the zero time.
func sinceText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " since " + formatDay(t)
}

// formatDay returns the day of t in UTC; "" for the zero time.
func formatDay(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// atText returns " at" and the time t; "" for the zero time.
func atText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " at " + document.FormatTime(t)
}

// maxInSentence is the maximum number of items that a sentence lists. It only counts further items.
const maxInSentence = 5

// summarizeList returns the first items of list, which is text from outside, as in "a, b and 3 more".
func summarizeList(list []string) string {
	first, more := document.Truncate(list, maxInSentence)
	s := strings.Join(document.Map(first, document.MarkName), ", ")
	if more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// estimatedText returns the word before a time; "" if the server gave the time, so that it is not
// estimated.
func estimatedText(estimated bool) string {
	if estimated {
		return "about "
	}
	return ""
}

// sortedByAddress returns pointers to the elements of list, sorted by address. It does not copy the
// elements, because they may be many and large.
func sortedByAddress[E any](list []E, address func(*E) org.Address) []*E {
	sorted := make([]*E, len(list))
	for i := range list {
		sorted[i] = &list[i]
	}
	slices.SortStableFunc(sorted, func(a, b *E) int { return compareAddresses(address(a), address(b)) })
	return sorted
}

// compareAddresses compares addresses in the order of [compareNatural].
func compareAddresses(a, b org.Address) int { return compareNatural(a.Key(), b.Key()) }

// compareNatural compares a and b byte by byte, but compares sequences of digits as numbers.
// "person2" therefore comes before "person10".
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		if !isDigit(a[0]) || !isDigit(b[0]) {
			if c := cmp.Compare(a[0], b[0]); c != 0 {
				return c
			}
			a, b = a[1:], b[1:]
			continue
		}
		x, y := digitsOf(a), digitsOf(b)
		m, n := strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
			return c
		}
		a, b = a[len(x):], b[len(y):]
	}
	return cmp.Compare(len(a), len(b))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// digitsOf returns the digits at the beginning of s.
func digitsOf(s string) string { return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))] }

// parseSource parses a position of the form file:line (see [roster.Position.Source]). For other text,
// it returns the zero position.
func parseSource(s string) roster.Position {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return roster.Position{}
	}
	line, err := strconv.Atoi(s[i+1:])
	if err != nil {
		return roster.Position{}
	}
	return roster.Position{File: s[:i], Line: line}
}
