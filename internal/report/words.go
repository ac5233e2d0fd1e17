package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/plan"
)

// The maximum width of text from outside, in columns.
const (
	addressWidth = 80
	messageWidth = 300
)

// actionStyle holds how an action is shown. The glyph and the word carry the meaning; the colour
// only repeats it.
type actionStyle struct {
	glyph, word string
	color       color
}

var actionStyles = map[plan.Action]actionStyle{
	plan.Invite:    {"+", "invite", green},
	plan.Reinvite:  {"~", "invite again", yellow},
	plan.Update:    {"~", "update", yellow},
	plan.Grant:     {"+", "grant", green},
	plan.Revoke:    {"-", "revoke", red},
	plan.Suspend:   {"-", "suspend", red},
	plan.Unsuspend: {"+", "unsuspend", green},
	plan.Remove:    {"-", "remove", red},
}

// styleOf returns the style of a. An action that this version does not know is shown by its own
// name.
func styleOf(a plan.Action) actionStyle {
	if l, ok := actionStyles[a]; ok {
		return l
	}
	return actionStyle{"?", string(a), 0}
}

// An escaper makes text from outside safe to place among a report's own words, at most width
// columns wide. [Clean] is the one for terminals. It returns "" for "". A report's own words
// contain no markup and no backticks, so they need no escaping.
type escaper func(text string, width int) string

// reasonText returns why c is needed, including any API access that the mail brings.
func reasonText(c plan.Change, escape escaper) string {
	wantsAPI := c.Detail.APIEnabled != nil && *c.Detail.APIEnabled
	access := string(c.Detail.Kind) + " " + escape(c.Detail.Name, addressWidth)
	var why string
	switch c.Reason {
	case plan.NotInvited:
		why = "not invited yet"
	case plan.Expired:
		why = "the last invitation expired"
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
		return "lacks the " + access
	case plan.MoreAccess:
		return "has the " + access + ", which the roster does not give"
	default:
		why = strings.ReplaceAll(string(c.Reason), "_", " ")
	}
	if wantsAPI {
		why += ", with API access"
	}
	return why
}

// noticeText returns n as a sentence. Times left are counted from now.
func noticeText(n plan.Notice, now time.Time, escape escaper) string {
	who := escape(n.Email.String(), addressWidth)
	if who == "" {
		who = "someone whose address cannot be read"
	}
	said, invitation := escape(n.Text, messageWidth), parenthesize(escape(n.InvitationID, addressWidth))
	switch n.Kind {
	case plan.Waiting:
		if n.Expires.IsZero() {
			return who + " was invited and has not answered yet"
		}
		about := ""
		if n.ExpiresEstimated {
			about = "about "
		}
		return fmt.Sprintf("%s was invited and has until %s%s to accept", who, about, formatDeadline(n.Expires, now))
	case plan.GaveUp:
		return fmt.Sprintf("%s got %s%s and never answered: no more will be sent; to invite them again: --reinvite %s",
			who, pluralize(n.Mails, "invitation mail", "invitation mails"), sinceText(n.Since), who)
	case plan.NeedsAttention:
		if n.UserID != "" && said != "" {
			return who + " is listed as a user who has not accepted an invitation, but no invitation is listed: " +
				"orgsync changes nothing; check it in Vultr's console"
		}
		if n.UserID != "" {
			return who + " is the address of a service user, who needs no invitation: remove it from the roster"
		}
		return fmt.Sprintf("%s has an invitation%s with the status \"%s\": "+
			"orgsync changes nothing; check it in Vultr's console",
			who, invitation, said)
	case plan.Left:
		return who + " joined and has left; --invite-left invites them again"
	case plan.SuspendedUser:
		return who + " is suspended but in the roster"
	case plan.Unlisted:
		if n.UserID == "" {
			return fmt.Sprintf("%s has an invitation%s but is not in the roster: the API cannot cancel it; "+
				"if they accept, remove them in Vultr's console, or set unlisted: remove", who, invitation)
		}
		if !n.Since.IsZero() {
			return fmt.Sprintf("%s is in the organization, but%s no longer in the roster", who, sinceText(n.Since))
		}
		if !n.RemovalAfter.IsZero() {
			return fmt.Sprintf("%s is in the organization but not in the roster%s: apply suspends or removes them from %s on",
				who, parenthesize(said), formatTime(n.RemovalAfter))
		}
		return who + " is in the organization but not in the roster" + parenthesize(said)
	case plan.DuplicateInvitation:
		return fmt.Sprintf("%s has another invitation that can be accepted%s", who, invitation)
	case plan.Unsettled:
		return fmt.Sprintf("%s may have been sent an invitation mail%s, but the answer was lost: "+
			"orgsync waits until it knows",
			who, atText(n.Since))
	case plan.MembersUnseen:
		return "this key may not list users: everyone who accepted an invitation counts as a member"
	case plan.SuspendedUnseen:
		return "this key cannot list suspended users: a suspended user may look like someone who left"
	case plan.OtherAddress:
		return fmt.Sprintf("%s joined as %s and gets no access under that address: "+
			"if this is the same person, add the line aliases: [%s] to their entry",
			who, said, said)
	case plan.ExtraAccess:
		return who + " has more access than the roster gives: " + said
	case plan.SelfUnseen:
		return "orgsync cannot tell which user this key belongs to: nobody is suspended or removed, " +
			"and no access is taken away"
	case plan.ProtectedUnseen:
		return who + " is protected in the roster, but no user has that address: " +
			"the intended person is not protected; check the spelling"
	case plan.UnknownMembership:
		return fmt.Sprintf("%s is not invited, because this key cannot see whether they are a member already; "+
			"to invite them: --reinvite %s", who, who)
	case plan.PossibleAlias:
		text := fmt.Sprintf("%s may have joined as %s, because their invitation is gone: "+
			"if so, add the line aliases: [%s] to their entry", who, said, said)
		if n.Expires.IsZero() {
			text += fmt.Sprintf("; if not, invite them again with --reinvite %s", who)
		}
		return text
	case plan.RefusedMail:
		return fmt.Sprintf("%s cannot be invited: the API says \"%s\"; orgsync tries again once a day, "+
			"or at once with --reinvite %s", who, said, who)
	case plan.Flapping:
		return fmt.Sprintf("%s was removed twice within a week, last%s with the roster %s, but this roster lists them: "+
			"make the rosters agree, or invite them with --reinvite %s",
			who, atText(n.Since), cmp.Or(said, "of another run"), who)
	case plan.UnknownAccess:
		if n.AccessID != "" {
			return said + ": change the name in the roster" + parenthesize(placesText(n, escape))
		}
		return said + parenthesize(placesText(n, escape))
	case plan.PinUnconfirmed:
		return "orgsync cannot confirm that this key belongs to the organization " + said
	case plan.NewLedger:
		return "the ledger is empty although the organization has invitations: if orgsync ran before, its ledger was lost"
	case plan.EndedSoon:
		return fmt.Sprintf("%s is not invited, because an invitation is valid for three days and their last day is %s; "+
			"to invite them: --reinvite %s", who, said, who)
	case plan.NotYet:
		return who + " is not invited before " + said + ", their first day"
	case plan.EndsSoon:
		return fmt.Sprintf("the last day of %s is %s: from the next day on they count as not in the roster", who, said)
	case plan.SameName:
		return who + " " + sameNameText(said)
	case plan.UnlistedKept:
		return who + " may have joined under an address that is not in the roster: " +
			"until this is settled, people who are not in the roster are only reported"
	case plan.NotMailed:
		return who + " gets no mail: " + notMailedText(n, now, who, said)
	case plan.Limit:
		return "apply would refuse this: " + said
	}
	return strings.TrimSpace(fmt.Sprintf("%s: %s %s", who, strings.ReplaceAll(string(n.Kind), "_", " "), said))
}

// sameNameText returns what to do about a new person who may be the same as somebody with the
// address other.
func sameNameText(other string) string {
	return fmt.Sprintf("may be the same person as %s, who is not in the roster: if so, add the line aliases: [%s] to their entry",
		other, other)
}

// notMailedText returns why --reinvite or --resend sends nothing to who, and what to do about it.
// said is the text of n; both are escaped.
func notMailedText(n plan.Notice, now time.Time, who, said string) string {
	switch n.Text {
	case plan.NotMailedMember:
		return "they are a member already"
	case plan.NotMailedEnded:
		return "their last day has passed"
	case plan.NotMailedPending:
		until := ""
		if !n.Expires.IsZero() {
			until = " until " + formatDeadline(n.Expires, now)
		}
		return fmt.Sprintf("they can still accept their invitation%s; to send it again now: --resend %s", until, who)
	case plan.NotMailedRecently:
		return fmt.Sprintf("their last mail was sent%s; the next one can be sent 15 minutes later", atText(n.Since))
	case plan.NotMailedUnsettled:
		return fmt.Sprintf("a mail may have been sent%s, but the answer was lost; try again 15 minutes later", atText(n.Since))
	case plan.NotMailedNotListed:
		return "their invitation is not listed, so it cannot be sent again; if they did not accept it, a new one is sent " +
			"when it has expired"
	case plan.NotMailedOtherAddress:
		return "their invitation was sent to another of their addresses; a new one is sent when it has expired"
	}
	return said
}

// notSelectedText returns a sentence about the changes that --only leaves out; "" when there are
// none.
func notSelectedText(p plan.Plan, escape escaper) string {
	if len(p.NotSelected) == 0 {
		return ""
	}
	var people []string
	for _, c := range p.NotSelected {
		if who := c.Email.String(); len(people) == 0 || people[len(people)-1] != who {
			people = append(people, who)
		}
	}
	return fmt.Sprintf("Not selected: %s, for %s.", pluralize(len(p.NotSelected), "change", "changes"),
		summarizeList(people, escape))
}

// selectedNotices returns the notices that are not about people whom --only leaves out.
func selectedNotices(notices []plan.Notice) []plan.Notice {
	if !slices.ContainsFunc(notices, func(n plan.Notice) bool { return n.NotSelected }) {
		return notices
	}
	return slices.DeleteFunc(slices.Clone(notices), func(n plan.Notice) bool { return n.NotSelected })
}

// placesText returns the first places in the roster that n is about.
func placesText(n plan.Notice, escape escaper) string {
	return summarizeList(places(n), escape)
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
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
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

// summarizeList returns the first five of list and how many more there are.
func summarizeList(list []string, escape escaper) string {
	const most = 5
	shown := make([]string, 0, most)
	for _, s := range list[:min(most, len(list))] {
		shown = append(shown, escape(s, addressWidth))
	}
	s := strings.Join(shown, ", ")
	if more := len(list) - most; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// capitalize returns word with its first letter, an ASCII one, in upper case.
func capitalize(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}
