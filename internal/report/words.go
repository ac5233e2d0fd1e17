package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/plan"
)

// How wide text from outside may be, in columns.
const (
	addressWidth = 80
	messageWidth = 300
)

// look is how an action is shown. The glyph and the word say it; the colour only repeats it.
type look struct {
	glyph, word string
	color       color
}

var looks = map[plan.Action]look{
	plan.Invite:    {"+", "invite", green},
	plan.Reinvite:  {"~", "invite again", yellow},
	plan.Update:    {"~", "update", yellow},
	plan.Grant:     {"+", "grant", green},
	plan.Revoke:    {"-", "revoke", red},
	plan.Suspend:   {"-", "suspend", red},
	plan.Unsuspend: {"+", "unsuspend", green},
	plan.Remove:    {"-", "remove", red},
}

// lookOf is how a is shown, one of tomorrow too.
func lookOf(a plan.Action) look {
	if l, ok := looks[a]; ok {
		return l
	}
	return look{"?", string(a), 0}
}

// shower makes text from outside fit to stand among a report's own words, no wider than width: [Clean] does so for a
// terminal. What it gives for "" is "". The words themselves have no markup in them, no backticks either.
type shower func(text string, width int) string

// because says why c is needed, and what it brings beyond the person.
func because(c plan.Change, show shower) string {
	wantsAPI := c.Detail.APIEnabled != nil && *c.Detail.APIEnabled
	access := string(c.Detail.Kind) + " " + show(c.Detail.Name, addressWidth)
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
			why = "the last day is over"
		}
	case plan.APIAccessDiffers:
		if wantsAPI {
			return "the roster gives API access"
		}
		return "the roster gives no API access"
	case plan.MissingAccess:
		return "lacks the " + access
	case plan.MoreAccess:
		return "has the " + access + ", beyond the roster"
	default:
		why = strings.ReplaceAll(string(c.Reason), "_", " ")
	}
	if wantsAPI {
		why += ", with API access"
	}
	return why
}

// sentence says n in words, as of now.
func sentence(n plan.Notice, now time.Time, show shower) string {
	who := show(n.Email.String(), addressWidth)
	if who == "" {
		who = "somebody whose address cannot be read"
	}
	said, invitation := show(n.Text, messageWidth), bracketed(show(n.InvitationID, addressWidth))
	switch n.Kind {
	case plan.Waiting:
		if n.Expires.IsZero() {
			return who + " was invited and has not answered yet"
		}
		about := ""
		if n.ExpiresEstimated {
			about = "about "
		}
		return fmt.Sprintf("%s was invited and has until %s%s to accept", who, about, deadline(n.Expires, now))
	case plan.GaveUp:
		return fmt.Sprintf("%s got %s%s and never answered: no more are sent, unless --reinvite names them",
			who, count(n.Mails, "mail", "mails"), since(n.Since))
	case plan.NeedsAttention:
		if n.UserID != "" && said != "" {
			return who + " is listed as a user who has not accepted an invitation, and no invitation is listed: orgsync leaves it to you"
		}
		if n.UserID != "" {
			return who + " is the address of a service user, who needs no invitation: take it out of the roster"
		}
		return fmt.Sprintf("%s has an invitation%s that says \"%s\": orgsync leaves it to you", who, invitation, said)
	case plan.Left:
		return who + " accepted once and is no longer there: --invite-left invites them again"
	case plan.SuspendedUser:
		return who + " is suspended, and in the roster"
	case plan.Unlisted:
		if n.UserID == "" {
			return fmt.Sprintf("%s has an invitation%s, and is not in the roster: the API has no way to cancel it; should they accept, remove them by hand or by the setting unlisted", who, invitation)
		}
		if !n.Since.IsZero() {
			return fmt.Sprintf("%s is in the organization, and%s no longer in the roster", who, since(n.Since))
		}
		if !n.RemovalAfter.IsZero() {
			return fmt.Sprintf("%s is in the organization, and not in the roster%s: apply takes them out from %s on", who, bracketed(said), moment(n.RemovalAfter))
		}
		return who + " is in the organization, and not in the roster" + bracketed(said)
	case plan.DuplicateInvitation:
		return fmt.Sprintf("%s has one more invitation that can be accepted%s", who, invitation)
	case plan.Unsettled:
		return fmt.Sprintf("%s may have been mailed%s, but the answer was lost: held back until it is known", who, at(n.Since))
	case plan.MembersUnseen:
		return "this key may not list users: who accepted an invitation counts as a member"
	case plan.SuspendedUnseen:
		return "this key cannot list suspended users: one of them may look like somebody who left"
	case plan.OtherAddress:
		return fmt.Sprintf("%s joined as %s and gets no access under that address: if that is them, add the line aliases: [%s] to their entry",
			who, said, said)
	case plan.ExtraAccess:
		return who + " has more than the roster gives: " + said
	case plan.SelfUnseen:
		return "the user of this key cannot be told from others: nobody is suspended or removed, and nothing is taken from anybody"
	case plan.ProtectedUnseen:
		return who + " is protected by the roster, and nobody has that address: whom it was meant for is not protected"
	case plan.UnknownMembership:
		return fmt.Sprintf("%s is not invited, because this key cannot see whether they are a member already; to invite them: --reinvite %s", who, who)
	case plan.PossibleAlias:
		text := fmt.Sprintf("%s may have joined as %s, since their invitation is gone: if so, add the line aliases: [%s] to their entry", who, said, said)
		if n.Expires.IsZero() {
			text += fmt.Sprintf("; if not, invite them again with --reinvite %s", who)
		}
		return text
	case plan.RefusedMail:
		return fmt.Sprintf("%s cannot be invited: the API says \"%s\"; orgsync tries again once a day, and at once with --reinvite %s", who, said, who)
	case plan.Flapping:
		return fmt.Sprintf("%s was removed twice within a week, last%s with the roster %s, and this roster lists them: make the rosters agree, or invite them with --reinvite %s",
			who, at(n.Since), cmp.Or(said, "of another run"), who)
	case plan.UnknownAccess:
		if n.AccessID != "" {
			return said + ": change the name in the roster" + bracketed(firstPlaces(n, show))
		}
		return said + bracketed(firstPlaces(n, show))
	case plan.PinUnconfirmed:
		return "nothing that the API shows confirms that this key belongs to the organization " + said
	case plan.NewLedger:
		return "the ledger is empty although the organization has invitations: if orgsync ran before, its ledger was lost"
	case plan.EndedSoon:
		return fmt.Sprintf("%s is not invited, because an invitation is valid for three days and their last day is %s; to invite them: --reinvite %s", who, said, who)
	case plan.UnlistedKept:
		return who + " may be in with an address that nobody knows: until that is known, who is not in the roster is only reported"
	case plan.Limit:
		return "apply would refuse this: " + said
	}
	return strings.TrimSpace(fmt.Sprintf("%s: %s %s", who, strings.ReplaceAll(string(n.Kind), "_", " "), said))
}

// firstPlaces names the first places that n is about.
func firstPlaces(n plan.Notice, show shower) string {
	return some(places(n), show)
}

// deadline is a moment, and how far it is from now.
func deadline(t, now time.Time) string {
	return fmt.Sprintf("%s (%s)", moment(t), span(t.Sub(now)))
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// span says d in its two largest units.
func span(d time.Duration) string {
	minutes := int(d / time.Minute)
	days, hours, minutes := minutes/(24*60), minutes/60%24, minutes%60
	switch {
	case d < time.Minute:
		return "less than a minute"
	case days > 0 && hours > 0:
		return count(days, "day", "days") + " " + count(hours, "hour", "hours")
	case days > 0:
		return count(days, "day", "days")
	case hours > 0 && minutes > 0:
		return count(hours, "hour", "hours") + " " + count(minutes, "minute", "minutes")
	case hours > 0:
		return count(hours, "hour", "hours")
	}
	return count(minutes, "minute", "minutes")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " since " + t.UTC().Format(time.DateOnly)
}

func at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " at " + moment(t)
}

// bracketed is text that was made fit, in brackets and after a space; nothing for "".
func bracketed(shown string) string {
	if shown == "" {
		return ""
	}
	return " (" + shown + ")"
}

// some names the first few of a list.
func some(list []string, show shower) string {
	const most = 5
	shown := make([]string, 0, most)
	for _, s := range list[:min(most, len(list))] {
		shown = append(shown, show(s, addressWidth))
	}
	s := strings.Join(shown, ", ")
	if more := len(list) - most; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

func capitalized(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}
