package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/plan"
)

// Notices are notices in words, the most urgent first.
type Notices []NoticeGroup

// A NoticeGroup is one notice, or several of one kind.
type NoticeGroup struct {
	// Text is a sentence about all of them, and Items are the people it is about when it is about
	// several.
	Text  string
	Items []string
	Count int
	// Calm is true when nobody needs to act.
	Calm bool
	each []annotation // for each notice, its own sentence
}

// noticeWords are the words for one notice.
type noticeWords struct {
	// one is a sentence about this notice alone.
	one string
	// many is what follows their number in a sentence about several notices; "" for a notice that is
	// never shown with others. Notices with the same words are shown together.
	many string
	// item is how one is listed below such a sentence; "" is the address.
	item string
}

// noticeText is what the words of a notice are made of. The texts are those of the notice, marked as
// text from outside.
type noticeText struct {
	plan.Notice
	who, said, invitation string
	now                   time.Time
}

// noticeStyle holds how notices of one kind are shown.
type noticeStyle struct {
	kind  plan.NoticeKind
	level noticeLevel
	words func(noticeText) noticeWords
}

// noticeLevel is how much notices of a kind need a person.
type noticeLevel int

const (
	// calm: nobody needs to act. A pending person needs nobody, nor does a limit of what the key can
	// list.
	calm noticeLevel = iota
	// ordinary: somebody should look at it.
	ordinary
	// pressing: it stays until somebody acts, or it holds something back.
	pressing
)

// noticeStyles are the styles of all kinds, the most urgent first.
var noticeStyles = []noticeStyle{
	{plan.Limit, pressing, func(n noticeText) noticeWords {
		return noticeWords{one: "apply would refuse this: " + n.said}
	}},
	{plan.UnknownAccess, pressing, func(n noticeText) noticeWords {
		at := parenthesize(summarizeList(places(n.Notice)))
		if n.AccessID != "" {
			return noticeWords{one: n.said + ": change the name in the roster" + at}
		}
		return noticeWords{one: n.said + at}
	}},
	{plan.PinUnconfirmed, pressing, func(n noticeText) noticeWords {
		return noticeWords{one: "orgsync cannot confirm that this key belongs to the organization " + n.said}
	}},
	{plan.NewLedger, pressing, func(noticeText) noticeWords {
		return noticeWords{one: "the ledger is empty although the organization has invitations: " +
			"if orgsync ran before, its ledger was lost"}
	}},
	{plan.MembersUnseen, calm, func(noticeText) noticeWords {
		return noticeWords{one: "this key may not list users: everyone who accepted an invitation counts as a member"}
	}},
	{plan.SuspendedUnseen, calm, func(noticeText) noticeWords {
		return noticeWords{one: "this key cannot list suspended users: a suspended user may look like someone who left"}
	}},
	{plan.SelfUnseen, pressing, func(noticeText) noticeWords {
		return noticeWords{one: "orgsync cannot tell which user this key belongs to: nobody is suspended or removed, " +
			"and no access is taken away"}
	}},
	{plan.ProtectedUnseen, pressing, func(n noticeText) noticeWords {
		return noticeWords{
			one: n.who + " is protected in the roster, but no user has that address: " +
				"the intended person is not protected; check the spelling",
			many: "addresses are protected in the roster, but no user has them: " +
				"the intended people are not protected; check the spelling",
		}
	}},
	{plan.UnlistedKept, ordinary, func(n noticeText) noticeWords {
		const until = "until this is settled, people who are not in the roster are only reported"
		return noticeWords{
			one:  n.who + " may have joined under an address that is not in the roster: " + until,
			many: "people may have joined under addresses that are not in the roster: " + until,
		}
	}},
	{plan.SameName, pressing, func(n noticeText) noticeWords {
		return noticeWords{
			one: n.who + " " + sameNameText(n.said),
			many: "people may be the same as others who are not in the roster: " +
				"if so, add the line aliases: [ADDRESS] to their entry",
			item: n.who + " as " + n.said,
		}
	}},
	{plan.Unsettled, pressing, func(n noticeText) noticeWords {
		const lost = "but the answer was lost: orgsync waits until it knows"
		return noticeWords{
			one:  n.who + " may have been sent an invitation mail" + atText(n.Since) + ", " + lost,
			many: "people may have been sent an invitation mail, " + lost,
			item: n.who + atText(n.Since),
		}
	}},
	{plan.UnknownMembership, pressing, func(n noticeText) noticeWords {
		return noticeWords{
			one: fmt.Sprintf("%s is not invited, because this key cannot see whether they are a member already; "+
				"to invite them: --reinvite %s", n.who, n.who),
			many: "people are not invited, because this key cannot see whether they are members already; " +
				"to invite someone: --reinvite EMAIL",
		}
	}},
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
				"make the rosters agree, or invite them with --reinvite %s", n.who, last, n.who),
			many: "people were removed twice within a week, but this roster lists them: " +
				"make the rosters agree, or invite them with --reinvite EMAIL",
			item: n.who + ", " + last,
		}
	}},
	{plan.RefusedMail, pressing, func(n noticeText) noticeWords {
		return noticeWords{
			one: fmt.Sprintf("%s cannot be invited: the API says \"%s\"; orgsync tries again once a day, "+
				"or at once with --reinvite %s", n.who, n.said, n.who),
			many: "people cannot be invited; orgsync tries again once a day, or at once with --reinvite EMAIL",
			item: fmt.Sprintf("%s: the API says \"%s\"", n.who, n.said),
		}
	}},
	{plan.NeedsAttention, pressing, needsAttentionWords},
	{plan.GaveUp, pressing, func(n noticeText) noticeWords {
		mails := pluralize(n.Mails, "invitation mail", "invitation mails") + sinceText(n.Since)
		return noticeWords{
			one: fmt.Sprintf("%s got %s and never answered: no more will be sent; to invite them again: --reinvite %s",
				n.who, mails, n.who),
			many: "people never answered their invitation mails: no more will be sent; " +
				"to invite someone again: --reinvite EMAIL",
			item: n.who + ", " + mails,
		}
	}},
	{plan.Left, ordinary, func(n noticeText) noticeWords {
		return noticeWords{
			one:  n.who + " joined and has left; --invite-left invites them again",
			many: "people joined and have left; --invite-left invites them again",
		}
	}},
	{plan.SuspendedUser, ordinary, func(n noticeText) noticeWords {
		return noticeWords{one: n.who + " is suspended but in the roster", many: "people are suspended but in the roster"}
	}},
	{plan.EndedSoon, ordinary, func(n noticeText) noticeWords {
		return noticeWords{
			one: fmt.Sprintf("%s is not invited, because an invitation is valid for three days and their last day is %s; "+
				"to invite them: --reinvite %s", n.who, n.said, n.who),
			many: "people are not invited, because an invitation is valid for three days and would outlive their last day; " +
				"to invite someone: --reinvite EMAIL",
			item: n.who + ", last day " + n.said,
		}
	}},
	{plan.DuplicateInvitation, ordinary, func(n noticeText) noticeWords {
		return noticeWords{
			one:  n.who + " has another invitation that can be accepted" + n.invitation,
			many: "people have another invitation that can be accepted",
			item: n.who + n.invitation,
		}
	}},
	{plan.Unlisted, ordinary, unlistedWords},
	{plan.OtherAddress, ordinary, func(n noticeText) noticeWords {
		return noticeWords{
			one: fmt.Sprintf("%s joined as %s and gets no access under that address: "+
				"if this is the same person, add the line aliases: [%s] to their entry", n.who, n.said, n.said),
			many: "people joined under another address and get no access under it: " +
				"if it is the same person, add the line aliases: [ADDRESS] to their entry",
			item: n.who + " as " + n.said,
		}
	}},
	{plan.ExtraAccess, ordinary, func(n noticeText) noticeWords {
		return noticeWords{
			one:  n.who + " has more access than the roster gives: " + n.said,
			many: "people have more access than the roster gives",
			item: n.who + ": " + n.said,
		}
	}},
	{plan.NotMailed, ordinary, func(n noticeText) noticeWords {
		why := notMailedText(n)
		return noticeWords{one: n.who + " gets no mail: " + why, many: "people get no mail", item: n.who + ": " + why}
	}},
	{plan.EndsSoon, calm, func(n noticeText) noticeWords {
		return noticeWords{
			one:  fmt.Sprintf("the last day of %s is %s: from the next day on they count as not in the roster", n.who, n.said),
			many: "people have their last day soon: from the next day on they count as not in the roster",
			item: n.who + ", last day " + n.said,
		}
	}},
	{plan.NotYet, calm, func(n noticeText) noticeWords {
		return noticeWords{
			one:  n.who + " is not invited before " + n.said + ", their first day",
			many: "people are not invited before their first day",
			item: n.who + ", " + n.said,
		}
	}},
	{plan.Waiting, calm, func(n noticeText) noticeWords {
		words := noticeWords{
			one:  n.who + " was invited and has not answered yet",
			many: "people were invited and have not answered yet",
		}
		if !n.Expires.IsZero() {
			until := estimatedText(n.ExpiresEstimated) + formatDeadline(n.Expires, n.now)
			words.one, words.item = n.who+" was invited and has until "+until+" to accept", n.who+", until "+until
		}
		return words
	}},
}

// noticeRanks are the places of the kinds in noticeStyles.
var noticeRanks = func() map[plan.NoticeKind]int {
	ranks := map[plan.NoticeKind]int{}
	for i, s := range noticeStyles {
		ranks[s.kind] = i
	}
	return ranks
}()

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

// sameNameText returns what to do about a new person who may be the same as somebody with the address
// other.
func sameNameText(other string) string {
	return fmt.Sprintf("may be the same person as %s, who is not in the roster: if so, add the line aliases: [%s] to their entry",
		other, other)
}

// notMailedText returns why --reinvite or --resend sends nothing, and what to do about it.
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
		return fmt.Sprintf("their last mail was sent%s; the next one can be sent 15 minutes later", atText(n.Since))
	case plan.NotMailedUnsettled:
		return fmt.Sprintf("a mail may have been sent%s, but the answer was lost; try again 15 minutes later", atText(n.Since))
	case plan.NotMailedNotListed:
		return "their invitation is not listed, so it cannot be sent again; if they did not accept it, a new one is sent " +
			"when it has expired"
	case plan.NotMailedOtherAddress:
		return "their invitation was sent to another of their addresses; a new one is sent when it has expired"
	}
	return n.said
}

func unlistedWords(n noticeText) noticeWords {
	in := n.who + " is in the organization but not in the roster" + parenthesize(n.said)
	switch {
	case n.UserID == "":
		return noticeWords{
			one: fmt.Sprintf("%s has an invitation%s but is not in the roster: the API cannot cancel it; "+
				"if they accept, remove them in Vultr's console, or set unlisted: remove", n.who, n.invitation),
			many: "people have an invitation but are not in the roster: the API cannot cancel it; " +
				"if they accept, remove them in Vultr's console, or set unlisted: remove",
			item: n.who + n.invitation,
		}
	case !n.Since.IsZero():
		return noticeWords{
			one:  n.who + " is in the organization, but" + sinceText(n.Since) + " no longer in the roster",
			many: "people are in the organization, but no longer in the roster",
			item: n.who + "," + sinceText(n.Since),
		}
	case !n.RemovalAfter.IsZero():
		return noticeWords{
			one:  in + ": apply suspends or removes them from " + formatTime(n.RemovalAfter) + " on",
			many: "people are in the organization but not in the roster: apply suspends or removes them later",
			item: n.who + parenthesize(n.said) + ", from " + formatTime(n.RemovalAfter) + " on",
		}
	}
	return noticeWords{
		one: in, many: "people are in the organization but not in the roster", item: n.who + parenthesize(n.said),
	}
}

// styleOfNotice returns the style of a kind of notice, and its place among them. A kind that this
// version does not know is shown by its own name, before all others.
func styleOfNotice(kind plan.NoticeKind) (noticeStyle, int) {
	if i, known := noticeRanks[kind]; known {
		return noticeStyles[i], i
	}
	return noticeStyle{kind: kind, level: ordinary, words: func(n noticeText) noticeWords {
		name := strings.ReplaceAll(string(n.Kind), "_", " ")
		return noticeWords{
			one:  strings.TrimSpace(n.who + ": " + name + " " + n.said),
			many: "notices of the kind " + name,
			item: strings.TrimSuffix(n.who+": "+n.said, ": "),
		}
	}}, -1
}

// wordsOf returns the words for n. Times left are counted from now.
func wordsOf(n plan.Notice, now time.Time) noticeWords {
	text := noticeText{
		Notice: n, now: now, who: outside(n.Email.String(), addressWidth), said: outside(n.Text, messageWidth),
		invitation: parenthesize(outside(n.InvitationID, addressWidth)),
	}
	if text.who == "" {
		text.who = "someone whose address cannot be read"
	}
	style, _ := styleOfNotice(n.Kind)
	words := style.words(text)
	words.item = cmp.Or(words.item, text.who)
	return words
}

// appendNotices appends notices in words to blocks, if there are any. Times left are counted from
// now.
func appendNotices(blocks []Block, notices []plan.Notice, now time.Time) []Block {
	if len(notices) == 0 {
		return blocks
	}
	return append(blocks, groupNotices(notices, now))
}

// groupNotices returns notices in words, with those together that have the same words.
func groupNotices(notices []plan.Notice, now time.Time) Notices {
	rank := func(n plan.Notice) int {
		_, i := styleOfNotice(n.Kind)
		return i
	}
	sorted := slices.SortedStableFunc(slices.Values(notices), func(a, b plan.Notice) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), compareAddresses(a.Email, b.Email))
	})
	var groups Notices
	place := map[string]int{} // of each group that has several notices or may get them
	for _, n := range sorted {
		words := wordsOf(n, now)
		i, found := place[words.many]
		if !found || words.many == "" {
			i = len(groups)
			place[words.many] = i
			groups = append(groups, NoticeGroup{Text: words.one, Calm: !needsAction(n)})
		}
		g := &groups[i]
		g.Count++
		g.Items = append(g.Items, words.item)
		g.each = append(g.each, annotation{parseSource(n.Source), words.one})
		if g.Count > 1 {
			g.Text = fmt.Sprintf("%d %s", g.Count, words.many)
		}
	}
	for i := range groups {
		if groups[i].Count == 1 {
			groups[i].Items = nil // the sentence names the person
		}
	}
	return groups
}

// needsAction reports whether somebody should look at n or act on it.
func needsAction(n plan.Notice) bool {
	style, _ := styleOfNotice(n.Kind)
	return style.level != calm && !n.NotSelected
}

// selectedNotices returns a copy of notices without those about people whom --only leaves out.
func selectedNotices(notices []plan.Notice) []plan.Notice {
	return slices.DeleteFunc(slices.Clone(notices), func(n plan.Notice) bool { return n.NotSelected })
}

// IsPressing reports whether notices of this kind stay until somebody acts.
func IsPressing(kind plan.NoticeKind) bool {
	style, _ := styleOfNotice(kind)
	return style.level == pressing
}

func isWaiting(n plan.Notice) bool { return n.Kind == plan.Waiting }
