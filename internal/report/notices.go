package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// noticeWords are the words for a notice.
type noticeWords struct {
	// one is the sentence for a single notice.
	one string
	// many is the sentence for several notices, without their number at the beginning. Notices with
	// the same many are one entry of the report. "" means that the notice always has an entry of its
	// own.
	many string
	// item is the text of this notice in the list below the sentence of many; "" for the address.
	item string
}

// noticeText has a notice and the texts for its words. Text from outside in who, said and invitation is
// marked for a document. The fields of the notice itself are as they came from outside.
type noticeText struct {
	plan.Notice
	who        string // the address of the person
	said       string // Notice.Text
	invitation string // the id of the invitation, in parentheses
	now        time.Time
}

// noticeStyle is the appearance of the notices of a kind.
type noticeStyle struct {
	kind  plan.NoticeKind
	level noticeLevel
	words func(noticeText) noticeWords
}

// noticeLevel is the urgency of notices of a kind.
type noticeLevel int

const (
	// calm means that nobody needs to act.
	calm noticeLevel = iota
	// ordinary means that somebody should look at the notice.
	ordinary
	// pressing means that the notice stays until somebody acts, or that orgsync holds a change back.
	pressing
)

// noticeStyles are the styles of all kinds. The most urgent kinds are the first.
var noticeStyles = []noticeStyle{
	{plan.Limit, pressing, template(noticeWords{one: "apply would refuse this: {said}"})},
	{plan.UnknownAccess, pressing, func(n noticeText) noticeWords {
		at := document.Parenthesize(summarizeList(document.Map(n.Places, roster.Position.String)))
		if n.AccessID != "" {
			return noticeWords{one: n.said + ": change the name in the roster" + at}
		}
		return noticeWords{one: n.said + at}
	}},
	{plan.PinUnconfirmed, pressing, template(noticeWords{
		one: "orgsync cannot confirm that this key belongs to the organization {said}",
	})},
	{plan.NewLedger, pressing, template(noticeWords{
		one: "the ledger is empty although the organization has invitations: if orgsync ran before, restore its " +
			"ledger, which was lost",
	})},
	{plan.MembersUnseen, calm, template(noticeWords{
		one: "this key may not list users: everyone who accepted an invitation counts as a member",
	})},
	{plan.SuspendedUnseen, calm, template(noticeWords{
		one: "this key cannot list suspended users: a suspended user may look like someone who left",
	})},
	{plan.SelfUnseen, pressing, template(noticeWords{
		one: "orgsync cannot tell which user this key belongs to: nobody is suspended or removed, " +
			"and no access is taken away",
	})},
	{plan.ProtectedUnseen, pressing, template(noticeWords{
		one: "{who} is protected in the roster, but no user has that address: " +
			"the intended person is not protected; check the spelling",
		many: "addresses are protected in the roster, but no user has them: " +
			"the intended people are not protected; check the spelling",
	})},
	{plan.UnlistedKept, ordinary, template(noticeWords{
		one: "{who} may have joined under an address that is not in the roster: " +
			"until this is settled, people who are not in the roster and whom the ledger does not know are only reported",
		many: "people may have joined under addresses that are not in the roster: " +
			"until this is settled, people who are not in the roster and whom the ledger does not know are only reported",
	})},
	{plan.SameName, pressing, template(noticeWords{
		one: "{who} " + sameNameText("{said}"),
		many: "people may be the same as others who are not in the roster: " +
			"if so, add the line aliases: [ADDRESS] to their entry",
		item: "{who} as {said}",
	})},
	{plan.Unsettled, pressing, template(noticeWords{
		one: "{who} may have been sent an invitation mail{at}, but the answer was lost: " +
			"they get no other mail until orgsync knows",
		many: "people may have been sent an invitation mail, but the answer was lost: " +
			"they get no other mail until orgsync knows",
		item: "{who}{at}",
	})},
	{plan.UnknownMembership, pressing, template(noticeWords{
		one: "{who} is not invited, because this key cannot see whether they are a member already; " +
			"to invite them: --reinvite {who}",
		many: "people are not invited, because this key cannot see whether they are members already; " +
			"to invite someone: --reinvite EMAIL",
	})},
	{plan.PossibleAlias, pressing, func(n noticeText) noticeWords {
		words := noticeWords{
			one: fmt.Sprintf("%s may have joined as %s, because their invitation is gone: "+
				"if so, add the line aliases: [%s] to their entry", n.who, n.said, n.said),
			many: "people may have joined under another address, because their invitation is gone: " +
				"if so, add the line aliases: [ADDRESS] to their entry",
			item: n.who + " as " + n.said,
		}
		if n.Expires.IsZero() {
			words.one += "; if not, invite them again with --reinvite " + n.who
			words.many += "; if not, invite them again with --reinvite EMAIL"
		}
		return words
	}},
	{plan.Flapping, pressing, func(n noticeText) noticeWords {
		last := "last" + atText(n.Since) + " with the roster " + cmp.Or(n.said, "of another run")
		return noticeWords{
			one: fmt.Sprintf("%s was removed twice within a week, %s, but this roster lists them: "+
				"list them in all rosters of this organization or in none, or invite them with --reinvite %s", n.who, last, n.who),
			many: "people were removed twice within a week, but this roster lists them: " +
				"list them in all rosters of this organization or in none, or invite them with --reinvite EMAIL",
			item: n.who + ", " + last,
		}
	}},
	{plan.RefusedMail, pressing, template(noticeWords{
		one: `{who} cannot be invited: the API says "{said}"; orgsync tries again once a day, ` +
			"or at once with --reinvite {who}",
		many: "people cannot be invited; orgsync tries again once a day, or at once with --reinvite EMAIL",
		item: `{who}: the API says "{said}"`,
	})},
	{plan.NeedsAttention, pressing, needsAttentionWords},
	{plan.GaveUp, pressing, func(n noticeText) noticeWords {
		mails := document.Pluralize(n.Mails, "invitation mail", "invitation mails") + sinceText(n.Since)
		return noticeWords{
			one: fmt.Sprintf("%s got %s and never answered: no more will be sent; to invite them again: --reinvite %s",
				n.who, mails, n.who),
			many: "people never answered their invitation mails: no more will be sent; " +
				"to invite someone again: --reinvite EMAIL",
			item: n.who + ", " + mails,
		}
	}},
	{plan.Left, ordinary, template(noticeWords{
		one:  "{who} joined and has left; --invite-left invites them again",
		many: "people joined and have left; --invite-left invites them again",
	})},
	{plan.SuspendedUser, ordinary, template(noticeWords{
		one: "{who} is suspended but in the roster", many: "people are suspended but in the roster",
	})},
	{plan.EndedSoon, ordinary, template(noticeWords{
		one: "{who} is not invited, because an invitation is valid for three days and their last day is {said}; " +
			"to invite them: --reinvite {who}",
		many: "people are not invited, because an invitation is valid for three days and would outlive their last day; " +
			"to invite someone: --reinvite EMAIL",
		item: "{who}, last day {said}",
	})},
	{plan.DuplicateInvitation, ordinary, template(noticeWords{
		one:  "{who} can still accept an older invitation too{invitation}",
		many: "older invitations can still be accepted, although these people have a newer one",
		item: "{who}{invitation}",
	})},
	{plan.Unlisted, ordinary, unlistedWords},
	{plan.OtherAddress, ordinary, template(noticeWords{
		one: "{who} joined as {said} and gets no access under that address: " +
			"if this is the same person, add the line aliases: [{said}] to their entry",
		many: "people joined under another address and get no access under it: " +
			"if it is the same person, add the line aliases: [ADDRESS] to their entry",
		item: "{who} as {said}",
	})},
	{plan.ExtraAccess, ordinary, template(noticeWords{
		one:  "{who} has more access than the roster gives: {said}",
		many: "people have more access than the roster gives",
		item: "{who}: {said}",
	})},
	{plan.NotMailed, ordinary, func(n noticeText) noticeWords {
		why := notMailedText(n)
		return noticeWords{one: n.who + " gets no mail: " + why, many: "people get no mail", item: n.who + ": " + why}
	}},
	{plan.EndsSoon, calm, template(noticeWords{
		one:  "the last day of {who} is {said}: from the next day on they count as not in the roster",
		many: "people have their last day soon: from the next day on they count as not in the roster",
		item: "{who}, last day {said}",
	})},
	{plan.NotYet, calm, template(noticeWords{
		one:  "{who} is not invited before {said}, their first day",
		many: "people are not invited before their first day",
		item: "{who}, {said}",
	})},
	{plan.Waiting, calm, func(n noticeText) noticeWords {
		words := noticeWords{
			one:  n.who + " was invited and has not answered yet",
			many: "people were invited and have not answered yet",
		}
		if !n.Expires.IsZero() {
			until := estimatedText(n.ExpiresEstimated) + formatDeadline(n.Expires, n.now)
			words.one, words.item = n.who+" was invited and has until "+until+" to accept", n.who+", can accept until "+until
		}
		return words
	}},
}

// template returns a function that fills in words: it replaces {who}, {said}, {invitation} and {at} by
// texts of the notice. {at} is " at" and the time Since.
func template(words noticeWords) func(noticeText) noticeWords {
	return func(n noticeText) noticeWords {
		texts := strings.NewReplacer("{who}", n.who, "{said}", n.said, "{invitation}", n.invitation, "{at}", atText(n.Since))
		return noticeWords{texts.Replace(words.one), words.many, texts.Replace(words.item)}
	}
}

func needsAttentionWords(n noticeText) noticeWords {
	switch {
	case n.UserID != "" && n.said != "":
		return noticeWords{
			one: n.who + " is listed as a user who has not accepted an invitation, but no invitation is listed: " +
				"orgsync changes nothing; check it in Vultr's console",
			many: "people are listed as users who have not accepted an invitation, but no invitation is listed: " +
				"orgsync changes nothing; check them in Vultr's console",
		}
	case n.UserID != "":
		return noticeWords{
			one:  n.who + " is the address of a service user, who needs no invitation: remove it from the roster",
			many: "addresses are those of service users, who need no invitation: remove them from the roster",
		}
	}
	return noticeWords{
		one: fmt.Sprintf("%s has an invitation%s with the status \"%s\": "+
			"orgsync changes nothing; check it in Vultr's console", n.who, n.invitation, n.said),
		many: "invitations were declined or cancelled, or have a status that orgsync does not understand: " +
			"orgsync changes nothing; check them in Vultr's console",
		item: fmt.Sprintf("%s%s: \"%s\"", n.who, n.invitation, n.said),
	}
}

// sameNameText returns the end of a sentence about a new person who may be the same person as other,
// an address.
func sameNameText(other string) string {
	return fmt.Sprintf("may be the same person as %s, who is not in the roster: if so, add the line aliases: [%s] to "+
		"their entry",
		other, other)
}

// notMailedText returns the reason why --reinvite or --resend sends no mail, and what to do about it.
func notMailedText(n noticeText) string {
	switch n.Text {
	case plan.NotMailedMember:
		return "they are a member already"
	case plan.NotMailedEnded:
		return "their last day has passed"
	case plan.NotMailedPending:
		until := ""
		if !n.Expires.IsZero() {
			until = " until " + formatDeadline(n.Expires, n.now)
		}
		return fmt.Sprintf("they can still accept their invitation%s; to send it again now: --resend %s", until, n.who)
	case plan.NotMailedRecently:
		return fmt.Sprintf("their last mail was sent%s; the next one can be sent 15 minutes after that", atText(n.Since))
	case plan.NotMailedUnsettled:
		return fmt.Sprintf("a mail may have been sent%s, but the answer was lost; try again 15 minutes after that mail",
			atText(n.Since))
	case plan.NotMailedNotListed:
		return "their invitation is not listed, so it cannot be sent again; if they did not accept it, a new one is sent " +
			"when it has expired"
	case plan.NotMailedOtherAddress:
		return "their invitation was sent to another of their addresses; a new one is sent when it has expired"
	}
	return n.said
}

func unlistedWords(n noticeText) noticeWords {
	in := n.who + " is in the organization but not in the roster" + document.Parenthesize(n.said)
	switch {
	case n.UserID == "":
		return noticeWords{
			one: fmt.Sprintf("%s has an invitation%s but is not in the roster: the API cannot cancel it; "+
				"if they accept, apply removes them only if the roster has 'unlisted: remove'", n.who, n.invitation),
			many: "people have an invitation but are not in the roster: the API cannot cancel it; " +
				"if they accept, apply removes them only if the roster has 'unlisted: remove'",
			item: n.who + n.invitation,
		}
	case !n.Since.IsZero():
		return noticeWords{
			one: n.who + " is still in the organization, but their last day has passed:" + sinceText(n.Since) +
				" they count as not in the roster",
			many: "people are still in the organization, but their last day has passed: they count as not in the roster",
			item: n.who + "," + sinceText(n.Since),
		}
	case !n.RemovalAfter.IsZero():
		return noticeWords{
			one:  in + ": apply suspends or removes them, but not before " + document.FormatTime(n.RemovalAfter),
			many: "people are in the organization but not in the roster: apply suspends or removes them later",
			item: n.who + document.Parenthesize(n.said) + ", not before " + document.FormatTime(n.RemovalAfter),
		}
	}
	return noticeWords{
		one: in, many: "people are in the organization but not in the roster", item: n.who + document.Parenthesize(n.said),
	}
}

// styleOfNotice returns the style of a kind of notice, and its index in noticeStyles.
func styleOfNotice(kind plan.NoticeKind) (noticeStyle, int) {
	i := slices.IndexFunc(noticeStyles, func(s noticeStyle) bool { return s.kind == kind })
	return noticeStyles[i], i
}

// wordsOf returns the words for n. Remaining times count from now.
func wordsOf(n plan.Notice, now time.Time) noticeWords {
	text := noticeText{
		Notice: n, now: now, who: document.MarkName(n.Email.String()), said: document.MarkMessage(n.Text),
		invitation: document.Parenthesize(document.MarkName(n.InvitationID)),
	}
	if text.who == "" {
		text.who = "someone whose address cannot be read"
	}
	style, _ := styleOfNotice(n.Kind)
	words := style.words(text)
	words.item = cmp.Or(words.item, text.who)
	return words
}

// appendNotices appends a block with notices to blocks, unless there are no notices. Notices with the
// same words are one group. Remaining times count from now.
func appendNotices(blocks []document.Block, notices []plan.Notice, now time.Time) []document.Block {
	if len(notices) == 0 {
		return blocks
	}
	rank := func(n *plan.Notice) int {
		_, i := styleOfNotice(n.Kind)
		return i
	}
	sorted := sortedByAddress(notices, func(n *plan.Notice) org.Address { return n.Email })
	slices.SortStableFunc(sorted, func(a, b *plan.Notice) int { return cmp.Compare(rank(a), rank(b)) })
	var groups document.Notices
	index := map[string]int{} // the index in groups, by the words for several notices
	for _, n := range sorted {
		words := wordsOf(*n, now)
		i, found := index[words.many]
		if !found || words.many == "" {
			i = len(groups)
			index[words.many] = i
			groups = append(groups, document.NoticeGroup{Text: words.one, Calm: !needsAction(*n)})
		}
		g := &groups[i]
		g.Count++
		g.Items = append(g.Items, words.item)
		g.Each = append(g.Each, document.Annotation{At: parseSource(n.Source), Text: words.one})
		if g.Count > 1 {
			g.Text = fmt.Sprintf("%d %s", g.Count, words.many)
		}
	}
	for i := range groups {
		if groups[i].Count == 1 {
			groups[i].Items = nil // the sentence already names the person
		}
	}
	return append(blocks, groups)
}

// needsAction reports whether somebody should look at n or act on it. It returns false if --only leaves
// the person out.
func needsAction(n plan.Notice) bool {
	style, _ := styleOfNotice(n.Kind)
	return style.level != calm && !n.NotSelected
}

// selectedNotices returns a copy of notices without the notices about people that --only leaves out.
func selectedNotices(notices []plan.Notice) []plan.Notice {
	return withoutNotices(notices, func(n plan.Notice) bool { return n.NotSelected })
}

// withoutNotices returns a copy of notices without the notices for which drop returns true.
func withoutNotices(notices []plan.Notice, drop func(plan.Notice) bool) []plan.Notice {
	return slices.DeleteFunc(slices.Clone(notices), drop)
}

// IsPressing reports whether notices of this kind stay until somebody acts, or say that orgsync holds
// a change back.
func IsPressing(kind plan.NoticeKind) bool {
	style, _ := styleOfNotice(kind)
	return style.level == pressing
}

func isWaiting(n plan.Notice) bool { return n.Kind == plan.Waiting }
